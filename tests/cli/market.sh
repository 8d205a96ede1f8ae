#!/bin/sh
# Discovering workers: what a healthy market gives, what each fault of each source does, what reaches the terminal,
# memory, filters, private addresses, the lists by hand.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$tmp" || exit 1
. "$here/money.inc"

# ---- the service, and a configuration that reaches nothing beyond it --------------------------------
/usr/bin/python3 -IS "$here/scan_service.py" port log >service.err 2>&1 &
pids="$pids $!"
for _ in $(seq 200); do [ -s port ] && break; sleep 0.05; done
[ -s port ] || { fail service "it does not start: $(cat service.err)"; exit 1; }
at=http://127.0.0.1:$(cat port)
: >>log
control() { curl -sS -o /dev/null -d "$1" "$at/control"; }
no_faults() { control '{"faults": {"public": "", "backend": "", "chain": "", "bazaar": ""}, "reset": 34}'; }

mkdir -p "$XDG_CONFIG_HOME/artui"
cat >"$XDG_CONFIG_HOME/artui/config" <<END
[net]
allow_private = true
[scan]
url = $at/api/v1/public
backend_url = $at/backend
per_minute = 100000
per_day = 1000000
timeout_s = 5
[market]
chains = base base-sepolia
bazaar = $at/bazaar
ipfs_gateway = $at/ipfs/
deadline_s = 3
[chain.base]
rpc = $at/rpc/8453
identity_block = 1
[chain.base-sepolia]
rpc = $at/rpc/84532
identity_block = 1
[chain.ethereum]
rpc =
[chain.sepolia]
rpc =
END
only() { echo "-c market.sources=$1"; }
# A user who never asked anybody.
fresh() { export XDG_DATA_HOME="$tmp/data-$1"; : >log; }

# ---- what every run is held to ------------------------------------------------------------------------
# clean NAME: nothing of the last run can act on a terminal.
clean() {
	got=$(/usr/bin/python3 -IS -c '
import sys, unicodedata
bad = set()
for name in sys.argv[1:]:
    for ch in open(name, "rb").read().decode("utf-8", "surrogateescape"):
        if ch != "\n" and (unicodedata.category(ch) in ("Cc", "Cf", "Cs", "Zl", "Zp") or "\udc80" <= ch <= "\udcff"):
            bad.add("U+%04X" % ord(ch))
print(" ".join(sorted(bad)))' out err)
	same "$1-is-clean" "" "$got"
}
# within NAME LIMIT ARGS...: as run, with the peak of the program's own memory in KiB.
within() {
	name=$1 limit=$2; shift 2
	rc=0
	/usr/bin/python3 -IS -c '
import resource, subprocess, sys
rc = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL)
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(rc)' peak "$artui" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
	out=$(head -c 20000 "$tmp/out") err=$(cat "$tmp/err")
	if [ "$(cat peak)" -le "$limit" ]; then pass "$name-memory ($(cat peak) KiB)"; else fail "$name-memory" "$(cat peak) KiB"; fi
}
# names: of the workers in the last run's JSON. of NAME EXPRESSION: over w, one worker.
names() { json "' '.join(sorted(w['endpoint'].split('/')[4] for w in j))"; }
of() { json "(lambda w: ' '.join(str(x) for x in ($2,)))([w for w in j if '/w/$1/' in w['endpoint']][0])"; }
asked() { logged "sum(r['path'].startswith('$1') for r in l)"; }

# ---- usage: before anything is made ----------------------------------------------------------------------
fresh usage
run discover now; expect usage-discover 2 '' "'now' is one word too many"
run discover --chain atlantis; expect usage-chain 2 '' "no chain 'atlantis': base, "
run discover --skill 'Cooking Soups'; expect usage-skill 2 '' 'no skill'
run discover --limit 0; expect usage-limit 2 '' "'0' is not a whole number"
run workers frob; expect usage-workers 2 '' 'there is add URL'
run workers add; expect usage-add 2 '' 'add needs a URL'
run workers ban; expect usage-ban 2 '' 'Its ID is missing'
run workers ban 1 --all; expect usage-ban-all 2 '' 'belong to the list'
run workers --note x; expect usage-note 2 '' 'note goes with'
run workers --sort luck; expect usage-sort 2 '' 'none of trust\|price'
run probe; expect usage-probe 2 '' 'probe needs URL\|ID'
run probe gpu; expect usage-probe-word 2 '' 'neither a URL nor'
run probe ftp://x/; expect usage-probe-scheme 2 '' 'http'
run agents list; expect usage-agents 2 '' 'show ID is all'
run agents show; expect usage-agents-show 2 '' 'Its ID is missing'
run leaderboard best; expect usage-leaderboard 2 '' 'one word too many'
same usage-makes-nothing "" "$(find "$tmp" -name artui.db)"
same usage-asks-nobody 0 "$(wc -l <log | tr -d ' ')"

# ---- empty ---------------------------------------------------------------------------------------------------
run workers; expect empty-workers 0 '^no workers that match'
run workers --json; same empty-workers-json "0 []" "$rc $(json j)"
run agents; expect empty-agents 0 '^no agents that match'
run agents --json; same empty-agents-json "0 []" "$rc $(json j)"
run leaderboard; expect empty-leaderboard 0 'nobody stands on it yet'
run leaderboard --json; same empty-leaderboard-json "0 []" "$rc $(json j)"
run agents show 84532:1; expect empty-show 1 '' '84532:1'
run agents show seventeen; expect show-odd 2 '' seventeen
run probe 7; expect probe-unknown 1 '' 7
run workers ban 7; expect ban-unknown 1 '' 7
run doctor; expect doctor-never 0 'market +never asked'

# ---- a healthy market -------------------------------------------------------------------------------------------
fresh well
within discover 65536 discover --json; expect discover 0
clean discover-json
same discover-names "alpha beta delta epsilon gamma kappa m900" "$(names)"
same discover-alpha "GPU Worker Alpha 84532:1 84532 True True 0.05 True $(echo "$payee" | tr A-F a-f) 0.9973" \
	"$(of alpha "w['name'], w['agent_id'], w['chain_id'], w['x402'], w['alive'], w['price_usd'], w['payable'], w['pay_to'].lower(), w['claimed_best']")"
same discover-alpha-skills "['machine_learning/model_optimization']" "$(of alpha "w['skills']")"
same discover-alpha-trust "new True 0 0 False" \
	"$(of alpha "w['trust']['text'], w['trust']['allowed'], w['trust']['runs'], w['trust']['failures'], w['trust']['banned']")"
same discover-beta-v1 "1 0.01 True" "$(of beta "w['x402_version'], w['price_usd'], w['payable']")"
same discover-gamma-free "True True 0 None" "$(of gamma "w['alive'], w['free'], w['price_usd'], w['pay_to']")"
same discover-delta-busy "True True None" "$(of delta "w['alive'], w['busy'], w['price_usd']")"
same discover-delta-claim "None" "$(of delta "w['claimed_best']")"
same discover-epsilon-dead "False None 8453 None" "$(of epsilon "w['alive'], w['busy'], w['chain_id'], w['claimed_best']")"
same discover-bazaar "True 0.05 True" "$(of m900 "w['alive'], w['price_usd'], any(x.startswith('bazaar:127.0.0.1') for x in w['sources'])")"
same discover-kappa-claim "None" "$(of kappa "w['claimed_best']")"
same discover-health-gpu True "$(of alpha "'H100' in (w['probe']['gpu'] or w['gpu'])")"
same discover-never-pays 0 "$(logged "sum(r['paid'] for r in l)")"
same discover-says-who-asks True "$(logged "all(r['agent'].startswith('artui/') for r in l)")"
run workers --json; same workers-as-discovered "alpha beta delta epsilon gamma kappa m900" "$(names)"
same workers-ask-nobody True "$(: >log; "$artui" workers >/dev/null; logged "len(l) == 0")"
run workers; expect workers-table 0 'GPU Worker Alpha +idle, (just now|[0-9]+ s ago) +0\.05 '; clean workers-table
expect workers-table-claims 0 '0\.9973 claimed 2 h ago'
expect workers-table-dead 0 'Epsilon Gone +dead, '
run workers --alive --json; same workers-alive "alpha beta delta gamma kappa m900" "$(names)"
run workers --all --json; same workers-all True "$(json "len(j) > 7")"
run workers --match zeta --all --json; same workers-match "none" "$(names)"
run workers --limit 2; expect workers-limit 0 '^\(2 of 7\)$'
run workers --sort price --alive --json; same workers-by-price "0 0.01" "$(json "' '.join(str(w['price_usd']) for w in [w for w in j if w['price_usd'] is not None][:2])")"

run agents --json; same agents-match True "$(json "{'84532:1', '84532:2', '84532:3', '84532:4', '8453:5', '84532:10'} <= {a['agent_id'] for a in j} and '8453:6' not in {a['agent_id'] for a in j}")"
same agents-score "13.5 1 True" "$(json "' '.join(str(x) for x in (lambda s: (s['score'], s['feedbacks'], s['as_of'] is not None))([a['8004scan'] for a in j if a['agent_id'] == '84532:1'][0]))")"
run agents --all; expect agents-table 0 '"13\.5" of 1 feedbacks, 20[0-9-]+'; clean agents-table
expect agents-broken 0 'Eta Broken.* document: '
same agents-broken-once 1 "$(grep -c 'Eta Broken' out)"
run agents show 84532:1; expect show 0 'best_val_bpb +document +(just now|[0-9]+ s ago) +.* 0\.9973'; clean show
expect show-index 0 'score +8004scan .* 13\.5'
expect show-chain 0 'wallet +chain '
expect show-worker 0 "worker [0-9]+: $at/w/alpha/"
run agents show 84532:1 --json
same show-facts "['chain', 'document']" "$(json "sorted({f['origin'] for f in j['facts'] if f['key'] in ('best_val_bpb', 'wallet')} & {'chain', 'document'})")"
same show-workers "1" "$(json "len(j['workers'])")"
run agents show 84532:10; expect show-hostile 0 'REDtxt\.exe|RED'; clean show-hostile
run leaderboard; expect leaderboard 0 '^- +- +0\.9973 claimed 2 h ago +GPU Worker Alpha'; clean leaderboard
run leaderboard --json
same leaderboard-order "84532:1 84532:2" "$(json "' '.join(r['agent_id'] for r in j)")"
same leaderboard-apart "0.9973 None False None" "$(json "' '.join(str(j[0][k]) for k in ('claimed', 'verified', 'comparable', 'verified_class'))")"
run doctor; expect doctor-market 0 'ok +market +.*8004scan: [0-9]+ rows?'

# Asked again at once: documents are fresh, indexes are asked little, workers are probed.
: >log
run discover; expect again 0; clean discover-table
expect again-sources 0 '^8004scan: [0-9]+ rows'
expect again-summary 0 'endpoints probed, 6 alive'
same again-reads-no-documents 0 "$(asked /docs/1.json)"
same again-no-details True "$(logged "sum(len(r['path'].split('/')) > 5 and r['path'].startswith('/api/v1/') for r in l) == 0")"
: >log
run discover --no-probe; expect no-probe 0; same no-probe-asks-no-worker 0 "$(asked /w/)"
: >log
run discover --fresh; expect fresh 0; same fresh-reads-documents True "$(logged "sum(r['path'] == '/docs/1.json' for r in l) >= 1")"

# Each kind of source by itself.
fresh chain
run discover $(only chain); expect chain-alone 0 '^chain:base-sepolia: 4 rows, 1 bad, just now'
run workers --json; same chain-workers "alpha beta delta gamma" "$(names)"
run discover $(only chain); expect chain-goes-on 0 '^chain:base-sepolia: 0 rows, just now'
fresh bazaar
run discover $(only bazaar) --json; same bazaar-alone "m900" "$(names)"
fresh backend
run discover $(only 8004scan-backend) --json; same backend-alone "alpha beta delta epsilon gamma kappa" "$(names)"

# ---- filters, checked here whatever the service does ----------------------------------------------------------
fresh filters
control '{"faults": {"public": "unfiltered", "backend": "unfiltered"}}'
run discover --chain base --json; same chain-base "0 epsilon" "$rc $(names)"
fresh filters-skill
run discover --skill cooking/soups --json; same skill "0 none" "$rc $(names)"
same skill-is-probed "False False" "$(of none "w['matches'], w['alive']")"
run workers --json; same skill-once-changes-no-list "alpha beta delta epsilon gamma kappa m900" "$(names)"
run workers --skill cooking --json; same skill-above "none" "$(names)"
run workers --skill cook --json; same skill-is-no-prefix "" "$(names)"
run workers --chain base --all --json; same workers-chain "epsilon" "$(names | tr ' ' '\n' | grep -v none | tr -d '\n')"
fresh filters-limit
run discover --limit 2 --json; same limit "0 2" "$rc $(json "len(j)")"
same limit-is-asked True "$(logged "all(int(r['q']['limit']) <= 2 for r in l if r['path'] == '/api/v1/public/agents')")"
no_faults

# ---- every fault of an index --------------------------------------------------------------------------------------
# Alone it is a failure and says why; the rows of before stay; beside others that answer it is one line.
scan=$(only 8004scan)
fault() { # NAME FAULT PATTERN
	no_faults; fresh "$1"
	run discover $scan --json; same "$1-before" "0 alpha beta delta epsilon gamma kappa" "$rc $(names)"
	control "{\"faults\": {\"public\": \"$2\"}}"
	run discover $scan -c scan.timeout_s=2 -c market.skills=machine_learning/model_optimization; expect "$1" 1 "^8004scan: .*$3.*; [0-9]+ rows.* from [0-9a-z ]*ago|^8004scan: .*$3.*; [0-9]+ rows.* from just now" 'no source could be asked'
	clean "$1"
	expect "$1-keeps" 1 'GPU Worker Alpha'
	run workers --json; same "$1-kept" "alpha beta delta epsilon gamma kappa" "$(names)"
	run doctor; expect "$1-doctor" 0 "market +.*8004scan: .*$3"
}
fault 429-iso 429-iso 'HTTP 429.*not asked again before 20[^ ]+Z \(in (2|3)[0-9] s\)'
fault 429-epoch 429-epoch 'HTTP 429.*not asked again before 20[^ ]+Z \(in (2|3)[0-9] s\)'
fault 429-retry 429-retry 'HTTP 429.*not asked again before 20[^ ]+Z \(in (2|3)[0-9] s\)'
: >log
run discover $scan; expect held 1 '8004scan: .*not asked again before 20[^ ]+Z \(in [0-9]+ s\); 10 rows'
same held-asks-nothing 0 "$(asked /api/v1)"
fault server-error 500 'DATABASE_ERROR|HTTP 500|500'
fault stall stall '[Tt]im'
fault truncated truncated .
fault cut cut .
fault oversized oversized 'larger|MiB|bytes|limit'
fault html html .
fault redirect redirect .

no_faults; fresh beside
control '{"faults": {"public": "500", "backend": "429-retry", "bazaar": "html", "chain": "500"}}'
run workers add "$at/w/alpha/services/autoresearch-worker/experiment"; expect beside-add 0
run discover --json; same beside-answers "0 alpha" "$rc $(names)"
same beside-each-once "1 1 1" "$(grep -c '^artui: 8004scan: ' err) $(grep -c '^artui: 8004scan-backend: ' err) $(grep -c '^artui: bazaar' err)"
clean beside
no_faults; fresh one-of-two
control '{"faults": {"public": "500"}}'
run discover --json; same other-api-answers "0 alpha beta delta epsilon gamma kappa m900" "$rc $(names)"

# Half of all requests fail: asking again is enough.
no_faults; fresh half
control '{"faults": {"public": "500-half"}}'
run discover $scan --json; same half "0 alpha beta delta epsilon gamma kappa" "$rc $(names)"

# A wait that is short is waited for.
no_faults; fresh soon
control '{"faults": {"public": "429-retry"}, "reset": 1}'
(sleep 0.6; control '{"faults": {"public": ""}}') &
run discover $scan --json; same short-wait "0 alpha beta delta epsilon gamma kappa" "$rc $(names)"
wait $!

# Rows of wrong types are counted, the good ones between them arrive.
no_faults; fresh types
control '{"faults": {"public": "types"}}'
run discover $scan; expect types 0 '^8004scan: [0-9]+ rows, [0-9]+ bad'; clean types
run workers --json; same types-good-rows "alpha beta delta epsilon gamma kappa" "$(names)"
no_faults; fresh twice
control '{"faults": {"public": "duplicates"}}'
run discover $scan --json; same duplicates "0 alpha beta delta epsilon gamma kappa" "$rc $(names)"
run agents --all --json; same duplicates-once "10 10" "$(json "len(j), len({a['agent_id'] for a in j})" | tr -d '(),')"

# Ten thousand rows.
no_faults; fresh many
control '{"faults": {"public": "many"}}'
within many 65536 discover $scan --no-probe -c market.limit=10000 --json; expect many 0
same many-match "1000" "$(json "len(j)")"
within many-agents 65536 agents --all --json; same many-agents "10000" "$(json "len(j)")"
within many-workers 65536 workers --all; expect many-workers 0
within many-leaderboard 65536 leaderboard --all; expect many-leaderboard 0
no_faults

# ---- private addresses ---------------------------------------------------------------------------------------------
fresh private
run discover -c net.allow_private=false --json; expect private 0
same private-leaves-alone "0 0" "$(asked /docs) $(asked /w/)"
same private-none-alive 0 "$(json "sum(w['alive'] is True for w in j)")"
run agents --all; expect private-says 0 'private|loopback|net\.allow_private'
run probe -c net.allow_private=false "$at/w/alpha/services/autoresearch-worker"; expect private-probe-of-a-strangers 1 'dead: .*(private|loopback)'
run probe -c net.allow_private=false "$at/w/m1/services/gpu"; expect private-probe-of-ones-own 0 'State +alive'
run workers add "$at/w/m2/services/gpu"; expect private-add 0
run discover -c net.allow_private=false $(only static) --json; same private-added-by-hand True "$(of m2 "w['alive']")"

# ---- nobody there ----------------------------------------------------------------------------------------------------
fresh offline
run discover --json; expect offline-before 0
nobody="-c scan.url=http://127.0.0.1:1/x -c scan.backend_url=http://127.0.0.1:1/y -c market.bazaar=http://127.0.0.1:1
	-c chain.base.rpc=http://127.0.0.1:1 -c chain.base-sepolia.rpc=http://127.0.0.1:1"
run discover $nobody --no-probe; expect offline 1 'GPU Worker Alpha' 'no source could be asked'
expect offline-ages 1 '8004scan: .*; [0-9]+ rows.* from '
run workers --json; same offline-keeps "alpha beta delta epsilon gamma kappa m900" "$(names)"
fresh offline-new
run discover $nobody --json; same offline-new-json "1 []" "$rc $(json j)"
run discover -c market.sources=heaven; expect no-such-source 1 '' "no source 'heaven'"

# ---- a key -----------------------------------------------------------------------------------------------------------
fresh key
private key 'secret-key
'
run discover $scan -c scan.key_file="$tmp/key"; expect key 0
same key-is-sent "True True" "$(logged "all(r['key'] == 'secret-key' for r in l if r['path'].startswith('/api/v1/')), any(r['auth'] == 'Bearer secret-key' for r in l)" | tr -d '(),')"
same key-goes-nowhere-else True "$(logged "all(r['key'] is None and r['auth'] is None for r in l if not r['path'].startswith('/api/v1/'))")"
fresh key-open
chmod 644 key
run discover $scan -c scan.key_file="$tmp/key"; expect key-readable-by-all 1 '8004scan: .*key'

# ---- the list by hand, probes, marks -----------------------------------------------------------------------------------
fresh hand
beta=$at/w/beta/services/autoresearch-worker
run probe "$beta"; expect probe 0 'Price +0\.01 USDC on '; clean probe
expect probe-chain 0 'USDC on base-sepolia for 0x3[cC]'
expect probe-payable 0 'Payable +yes'
expect probe-unlisted 0 'Listed +no'
run workers --all --json; same probe-adds-nothing "[]" "$(json j)"
run probe "$at/w/gamma/services/autoresearch-worker" --json; same probe-free "0 True True 0 0" "$rc $(json "' '.join(str(j[k]) for k in ('alive', 'free', 'id', 'price_usd'))")"
run probe "$at/w/nobody/services/x"; expect probe-dead 1 'State +dead: '
control '{"workers": {"beta": "odd"}}'
run probe "$beta"; expect probe-odd 0 'Payable +no: '
control '{"workers": {"beta": "stall"}}'
run probe -c market.deadline_s=1 "$beta"; expect probe-stall 1 'dead: .*[Tt]im'
control '{"workers": {"beta": "v1"}}'
same probe-never-pays 0 "$(logged "sum(r['paid'] for r in l)")"
run workers add "$beta/experiment/"; expect add 0 "^worker 1 added: $beta$"
run workers add "$beta"; expect add-again 0 '^worker 1 added'
run workers add "http://me:pw@127.0.0.1/"; expect add-user 2 '' 'user|password'
run workers add not-a-url; expect add-odd 2 '' not-a-url
run probe 1; expect probe-listed 0 'Listed +as worker 1'
run workers --json; same add-listed "beta True 0.01" "$(names) $(of beta "w['alive'], w['price_usd']")"
run workers ban 1 --note 'sold me noise'; expect ban 0 '^worker 1 banned'
run workers --json; same banned "banned False True sold me noise" "$(of beta "w['trust']['text'], w['trust']['allowed'], w['trust']['banned'], w['trust']['note']")"
run workers unban '#1'; expect unban 0
run workers pin "$beta"; expect pin 0 '^worker 1 pinned'
run workers --json; same pinned "pinned True" "$(of beta "w['trust']['text'], w['trust']['pinned']")"
run workers unpin 1 --json; same unpin False "$(json "j['trust']['pinned']")"
run workers release 1; expect release 0 'released'
run workers remove 1 --json; same remove "1 True" "$(json "str(j['id']) + ' ' + str(j['removed'])")"
run workers --all --json; same removed "[]" "$(json j)"

# ---- a payee that changes ------------------------------------------------------------------------------------------------
fresh payee
run discover --json; expect payee-before 0
same payee-wallet "False True" "$(of alpha "w['wallet_differs']") $(of beta "w['wallet_differs']")"
run workers; expect payee-wallet-warns 0 "warning: worker [0-9]+: it asks for money to 0x3[Cc].*wallet is 0x90"
control '{"pay_to": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"}'
run probe "$at/w/alpha/services/autoresearch-worker"; expect payee-changed 0 'Warning +its payee changed .*from 0x3[cC].* to 0x15[dD]'
run workers; expect payee-warns 0 'warning: worker [0-9]+: its payee changed'
control "{\"pay_to\": \"$payee\"}"

# ---- a workspace has a market of its own -----------------------------------------------------------------------------------
"$artui" init "$tmp/w" >/dev/null
run -C "$tmp/w" workers --all; expect workspace-empty 0 '^no workers$'
run -C "$tmp/w" discover --json; same workspace "alpha beta delta epsilon gamma kappa m900" "$(names)"
run -C "$tmp/w" log; expect workspace-log 0 'discovery: '; clean workspace-log
run -C "$tmp/w" doctor; expect workspace-doctor 0 'ok +market '

# ---- numbers verified, in our class and in another, and claims ---------------------------------------------------------------
if [ -x "$BIN/tests/mkfixture" ] && [ -x "$BIN/tests/mkmarket" ]; then
	"$artui" init "$tmp/board" >/dev/null
	rm -f "$tmp"/board/.artui/artui.db*
	"$BIN/tests/mkfixture" night "$tmp/board/.artui/artui.db" && "$BIN/tests/mkmarket" market "$tmp/board/.artui/artui.db" ||
		fail board "no fixture"
	run -C "$tmp/board" leaderboard; expect board 0 '^1 +1\.3702 [0-9]+ d ago +.* lab-north'; clean board
	expect board-own 0 '^2 +1\.3721 [0-9]+ d ago +- +#7 .* own +sotu 300s'
	expect board-elsewhere 0 '^- +0\.9788 [0-9]+ d ago .*another class: sotu 300s cuda'
	expect board-claim 0 '^- +- +0\.0001 claimed [0-9]+ d ago +too-good .* not told'
	run -C "$tmp/board" leaderboard --json
	same board-kinds "True agent True own True agent False agent False agent" \
		"$(json "' '.join(str(r['comparable']) + ' ' + r['kind'] for r in j[:5])")"
	same board-claims-last True "$(json "[r['verified'] is None for r in j] == sorted(r['verified'] is None for r in j)")"
	run -C "$tmp/board" leaderboard --limit 2; expect board-limit 0 '^\(2 of [0-9]+\)$'
	run -C "$tmp/board" workers --sort verified --json; same board-verified "True" "$(json "j[1]['verified_best'] == 0.9788 and j[0]['trust']['pinned']")"
	run -C "$tmp/board" workers; expect board-payee 0 'warning: worker 4: its payee changed'
else
	echo "SKIP board: the fixture programs are not built"
fi
finish
