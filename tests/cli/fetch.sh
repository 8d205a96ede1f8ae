#!/bin/sh
# Asking for a URL and paying for it: exit statuses, JSON, refusals, doubts, the ledger on paper.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$tmp" || exit 1
. "$here/money.inc"
seller; configure

# ---- without money ---------------------------------------------------------------------------
run fetch; expect no-url 2 '' 'fetch needs URL'
run fetch gopher://127.0.0.1/; expect url-scheme 2 '' 'must begin with http:// or https://'
run fetch 127.0.0.1/x; expect url-bare 2 '' "'127.0.0.1/x' is no URL: one begins with http:// or https://"
run fetch http://me:secret@127.0.0.1/; expect url-user 2 '' 'user name or password'
run fetch "$at/free"; expect free 0 '^for nothing$'
same free-says-nothing "" "$err"
run fetch --json "$at/free"
same free-json "body,note,payment,quote,refused,status,would_ask 200 for nothing
 None None False False None" "$(json "','.join(sorted(j))") $(fields "j['status'], j['body'], j['quote'], j['payment'], j['refused'], j['would_ask'], j['note']")"
run fetch "$at/missing"; expect not-found 1 '^no such thing$' '^artui: HTTP status 404$'
run fetch "$at/broken"; expect server-error 1 '^it broke$' '^artui: HTTP status 500$'
run fetch --json "$at/broken"; same server-error-json "1 500 it broke" "$rc $(fields "j['status'], j['body']")"
run fetch --dry-run "$at/missing"; expect dry-run-not-found 1 '' 'HTTP status 404'
run fetch "$at/elsewhere"; expect other-402 1 '^pay by letter$' 'asks for payment, but not by x402'
run fetch --json "$at/elsewhere"; same other-402-json "1 402 None False" "$rc $(fields "j['status'], j['quote'], j['refused']")"
run fetch "$at/redirect"; expect redirect 1 '^over there$' 'HTTP status 302'
same redirect-not-followed 0 "$(logged "sum(r['path'] == '/free' and r['headers'].get('referer') is not None for r in l)")"
run fetch --json --timeout 1 "$at/slow"; same slow "1 None True" "$rc $(fields "j['status'], 'tim' in j['note'].lower()")"
run fetch http://127.0.0.1:1/; expect nobody-there 1 '' "127.0.0.1 port 1: .*connect"
run fetch "$at/binary"; printf '' >want; python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' >want
cmp -s want "$tmp/out" && pass binary-as-it-is || fail binary-as-it-is "changed"
run fetch --json "$at/binary"
same binary-json "None True" "$(fields "j['body'], __import__('base64').b64decode(j['body_base64']) == bytes(range(256))")"
run fetch -o got "$at/binary"; expect output 0
same output-is-silent "" "$out$err"
cmp -s want got && pass output-file || fail output-file "differs"
run fetch --json -o got2 "$at/binary"; expect output-json 0 '"body_base64"'
cmp -s want got2 && pass output-json-file || fail output-json-file "differs"
run fetch -o "$tmp/nowhere/x" "$at/free"; expect output-nowhere 1 '' nowhere

# ---- what is sent ----------------------------------------------------------------------------
last() { logged "' '.join(str(x) for x in (lambda r: ($1,))(l[-1]))"; }
body="__import__('base64').b64decode(r['body']).decode('latin-1')"
run fetch -d '{"a": 1}' "$at/free"; same data-json 'POST application/json {"a": 1}' "$(last "r['method'], r['headers']['content-type'], $body")"
run fetch -d 'a=1' "$at/free"; same data-other 'POST application/octet-stream a=1' "$(last "r['method'], r['headers']['content-type'], $body")"
run fetch -d '' "$at/free"; same data-empty 'POST 0' "$(last "r['method'], r['headers']['content-length']")"
run fetch -d @want "$at/free"; same data-file True "$(logged "__import__('base64').b64decode(l[-1]['body']) == bytes(range(256))")"
rc=0; printf 'from stdin' | "$artui" fetch -d @- "$at/free" >"$tmp/out" 2>"$tmp/err" || rc=$?
same data-stdin '0 from stdin' "$rc $(last "$body")"
run fetch -d @nosuch "$at/free"; expect data-missing 1 '' 'nosuch: No such file'
run fetch -X PUT -d x -H 'Content-Type: text/plain' -H 'X-Mine: a:b' "$at/free"
same method-and-headers 'PUT text/plain a:b' "$(last "r['method'], r['headers']['content-type'], r['headers']['x-mine']")"
run fetch -X DELETE "$at/free"; same method-alone DELETE "$(last "r['method']")"
run fetch -X 'GET x' "$at/free"; expect method-odd 2 '' '-X GET x: a method is upper-case letters'
for h in 'PAYMENT-SIGNATURE: x' 'x-payment: x' 'content-length: 3' 'Transfer-Encoding: chunked'; do
	run fetch -H "$h" "$at/free"; expect "header-refused-$(echo "${h%%:*}" | tr A-Z a-z)" 2 '' 'is set by artui itself'
done
for h in none ': x' 'X-PAYMENT : x' 'a b: c' 'A;: x' "$(printf 'A: b\r\nX-PAYMENT: c')" "$(printf 'A: b\033c')"; do
	run fetch -H "$h" "$at/free"; expect "header-odd-$(printf %s "$h" | tr -cd a-zA-Z | cut -c1-8)" 2 '' "a header is one line 'Name: value'"
done

# ---- prices ----------------------------------------------------------------------------------
run fetch --dry-run "$at/sold"
expect dry-run 0 '' "asks 0\.01 USDC on base-sepolia for $payee \(x402 version 2, valid 300 s\)"
expect dry-run-would-ask 0 '' 'would ask first: this payee was never paid before \(pay.ask_new_payee\)'
same dry-run-prints-no-challenge "" "$out"
run fetch --dry-run --json "$at/sold"
same dry-run-json "0 402 None False True" "$rc $(fields "j['status'], j['payment'], j['refused'], j['would_ask']")"
same quote-json "10000 0.01 0x036CbD53842c5426634e7929541eC2318f3dCF7e eip155:84532 $payee exact 2 7" \
	"$(fields "*(j['quote'][k] for k in ('amount', 'amount_usd', 'asset', 'network', 'pay_to', 'scheme', 'x402_version')), len(j['quote'])")"
run fetch --dry-run --json "$at/sold?x402=1"
same quote-json-v1 "10000 eip155:84532 1" "$(fields "j['quote']['amount'], j['quote']['network'], j['quote']['x402_version']")"
run fetch "$at/sold"; expect no-wallet 3 '' 'no wallet yet: artui wallet create makes one'
run fetch --max-usd 0.001 "$at/sold"; expect no-wallet-is-not-the-reason 3 '' 'the price is 0\.01 USDC, more than the 0\.001 given'
same dry-run-signs-nothing "" "$(find "$XDG_STATE_HOME" -type f 2>/dev/null)"
wallet
run fetch --dry-run --json "$at/sold"; same dry-run-with-wallet "0 none" "$rc $(signed)"

run fetch $pay "$at/sold"; expect new-payee 3 '' 'not now: this payee was never paid before \(pay.ask_new_payee\)'
blind fetch $pay "$at/sold"; expect new-payee-blind 3 '' 'not now'
run fetch --json $pay "$at/sold"; same new-payee-json "3 402 None True True" "$rc $(fields "j['status'], j['payment'], j['refused'], j['would_ask']")"
run fetch --yes --max-usd 0.009999 $pay "$at/sold"; expect over-max 3 '' 'the price is 0\.01 USDC, more than the 0\.009999 given'
run fetch --max-usd 0,01 $pay "$at/sold"; expect max-wrong 2 '' "0,01"
run fetch --max-usd -1 $pay "$at/sold"; expect max-negative 2 '' "--max-usd"
refused() { # NAME QUERY PATTERN
	run fetch --yes --max-usd 100 $pay "$at/sold?$2"; expect "refused-$1" 3 '' "$3"
}
refused chain network=eip155:31337 'its network "eip155:31337" is not one that is known'
refused chain-not-named network=eip155:1\&asset=0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48\&name=USD%20Coin 'ethereum is not a chain to pay on \(pay.chains\)'
refused scheme scheme=upto 'its scheme is "upto"; only exact is known'
refused token asset=0x5FbDB2315678afecb367f032d93F642f64180aa3 'its token 0x5FbDB2315678afecb367f032d93F642f64180aa3 is not USDC on base-sepolia'
refused domain name=USD%20Coin 'the signing domain.s name is "USD Coin", and must be "USDC"'
refused amount amount=1e4 'its amount "1e4" is no whole number'
refused amount-zero amount=0 'its amount is zero'
refused amount-huge amount=99999999999999999999999999 'beyond all bounds'
refused payee payTo=0x0000000000000000000000000000000000000000 'its payee .* is nobody'
refused payee-checksum payTo=0x3c44CdDdB6a900fa2b585dd299e03d12FA4293BC 'its payee: '
refused window window=999999 'it wants 999999 s to take the money.*pay.max_window_s'
refused version x402=3 'another x402 version than 1 and 2'
run fetch --yes $pay "$at/garbled"; expect refused-garbled 3 '' 'PAYMENT-REQUIRED is not base64'
run fetch --yes $pay "$at/sold?amount=1000001"; expect cap-payment 3 '' 'over the cap for one payment: .*pay\.cap_payment_usd'
run fetch --yes -c pay.cap_hour_usd=0.005 $pay "$at/sold"; expect cap-hour 3 '' 'pay\.cap_hour_usd'
run fetch --yes -c pay.cap_night_usd=0.005 $pay "$at/sold"; expect cap-night 3 '' 'pay\.cap_night_usd'
run fetch --yes -c pay.cap_payee_usd=0.005 $pay "$at/sold"; expect cap-payee 3 '' 'pay\.cap_payee_usd'
run fetch --yes -c pay.cap_total_usd=0.005 $pay "$at/sold"; expect cap-total 3 '' 'pay\.cap_total_usd'
run fetch --yes -c pay.payees=0x90F79bf6EB2c4f870365E785982E1f101E93b906 $pay "$at/sold"; expect payee-not-listed 3 '' 'not one of pay.payees'
run fetch $pay -c pay.ask_new_payee=false "$at/sold?amount=100001"; expect auto-over 3 '' 'not now: 0\.100001 USDC is more than is paid without asking \(0\.1.*pay\.auto_usd\)'
run fetch $pay --max-usd 1 "$at/sold?host=elsewhere.example"; expect other-host 3 '' 'not now: the challenge is for a resource on another host'
run fetch $pay --max-usd 1 "$at/sold?flow=upfront"; expect upfront 3 '' 'not now: the seller takes the money before it works'
run fetch --dry-run "$at/sold?amount=2000000"; expect dry-run-over-cap 3 '' 'over the cap for one payment'
same refusals-sign-nothing "none 0" "$(signed) $(paid)"
run payments --json; same refusals-leave-no-row "[]" "$(json j)"
run payments; expect no-payments 0 '^no payments$'

# What goes wrong about the wallet itself.
run fetch --yes --wallet nosuch "$at/sold"; expect wallet-unknown 3 '' 'there is no wallet "nosuch": artui wallet list'
blind fetch --yes --wallet w "$at/sold"; expect password-no-terminal 1 '' 'there is no terminal: give --password-file'
private wrong nonsense
run fetch --yes --wallet w --password-file wrong "$at/sold"; expect password-wrong 1 '' 'wrong password for .*w.json'
cp pw open; chmod 644 open
run fetch --yes --wallet w --password-file open "$at/sold"; expect password-open 1 '' 'open can be read by others.*chmod 600'
run fetch --yes --wallet w --password-file pw --password-fd 7 "$at/sold"; expect password-two 2 '' 'not from both'
run fetch --yes --wallet w --password-fd 9 "$at/sold"; expect password-fd-closed 2 '' '--password-fd 9: no such descriptor is open'
run payments --json; same wallet-trouble-leaves-no-row "[]" "$(json j)"

# ---- paying ----------------------------------------------------------------------------------
run fetch --yes --json $pay "$at/sold"
same paid-json "0 200 the goods
 settled 10000 False None" "$rc $(fields "j['status'], j['body'], j['payment']['state'], j['payment']['amount'], j['refused'], j['note']")"
same paid-both-headers True "$(logged "l[-1]['v2'] is not None and l[-1]['v1'] == l[-1]['v2']")"
same paid-payload "2 exact eip155:84532 10000 $payee" "$(logged "' '.join(str(x) for x in (lambda p: (p['x402Version'], p['accepted']['scheme'], p['accepted']['network'], p['payload']['authorization']['value'], p['payload']['authorization']['to']))(json.loads(__import__('base64').b64decode(l[-1]['v2']))))")"
run fetch $pay "$at/sold?known"; expect known-payee-unasked 0 '^the goods$' 'payment 2: 0\.01 USDC, settled in 0xabab'
expect preview 0 '' '^To pay +0\.01 USDC$'
run fetch $pay --json "$at/sold?x402=1"
same paid-v1 "0 settled 1" "$rc $(fields "j['payment']['state'], j['payment']['x402_version']")"
same paid-v1-header "None 1 base-sepolia" "$(logged "' '.join(str(x) for x in (lambda p: (l[-1]['v2'], p['x402Version'], p['network']))(json.loads(__import__('base64').b64decode(l[-1]['v1']))))")"
run fetch $pay --json "$at/goods"; same paid-binary "0 /wAB" "$rc $(fields "j['body_base64']")"
run fetch $pay -o goods "$at/sold?file"; same paid-output "0 the goods" "$rc $(cat goods)"
run fetch $pay "$at/sold?status=500"; expect paid-and-500 1 '^the goods$' 'payment 6: 0\.01 USDC, settled'
same paid-signed "6 6" "$(signed) $(paid)"
run fetch $pay --json "$at/noreceipt"; same no-receipt-2xx "0 unknown" "$rc $(fields "j['payment']['state']")"
run fetch $pay --json "$at/noreceipt?status=500"; same no-receipt-500 "4 unknown 500" "$rc $(fields "j['payment']['state'], j['status']")"
run fetch $pay "$at/no?error==cmd|calc"; expect seller-refuses 1 '' 'the seller refused the payment: =cmd\|calc'
run fetch $pay "$at/no?error=settlement%20pending"; expect seller-pending 4 '' 'pending'
"$artui" freeze >/dev/null; run fetch $pay --json "$at/sold?frozen"; same frozen "3 True" "$rc $(fields "j['refused']")"; "$artui" thaw >/dev/null

# ---- a lost answer ---------------------------------------------------------------------------
run fetch $pay "$at/drop"
expect lost-answer 4 '' 'payment 11: 0\.01 USDC, unknown'
expect lost-answer-says-what-next 4 '' 'the same command sends the same signed payment again, artui payments reconcile asks the chain'
signatures=$(signed) headers=$(logged "len({r['v2'] for r in l if r['path'] == '/drop' and r['paid']})")
same lost-answer-one-authorization 1 "$headers"
run payments --json --state unknown --match drop
same lost-answer-row "1 11 unknown True False None" "$(fields "len(j), j[0]['id'], j[0]['state'], j[0]['may_still_move'], j[0]['seen_on_chain'], j[0]['transaction']")"
run fetch $pay "$at/drop"
expect again 4 '' 'sending payment 11 again: the same authorization, so it is taken once at most'
same again-same-bytes "1 $signatures" "$(logged "len({r['v2'] for r in l if r['path'] == '/drop' and r['paid']})") $(signed)"
run payments --json --match drop; same again-one-row 1 "$(json 'len(j)')"

# ---- the ledger on paper ---------------------------------------------------------------------
run payments; expect payments-table 0 '^ *11 .*unknown +0\.01 .*GET http://127'
expect payments-caps 0 '^spent or still open: 0\.11 of 5\.00 USDC this hour, 0\.11 of 10\.00 in 24 hours, 0\.11 of 100\.00 ever$'
run payments --json
same payments-shape "amount,amount_usd,asset,created_at,ended_at,id,may_still_move,method,network,nonce,pay_to,payer,payment_id,reason,run,seen_on_chain,sent_at,state,status,transaction,url,valid_before,x402_version" "$(json "','.join(sorted(j[0]))")"
same payments-newest-first True "$(json "[r['id'] for r in j] == sorted((r['id'] for r in j), reverse=True)")"
run payments --json --limit 2; same payments-limit "11 10" "$(fields "j[0]['id'], j[1]['id']")"
run payments --json --state settled; same payments-state settled "$(json "' '.join({r['state'] for r in j})")"
run payments --json --match goods; same payments-match 1 "$(json 'len(j)')"
run payments --state lost; expect payments-no-state 2 '' "no state 'lost': reserved, signed, sent, settled, refused, expired or unknown"
run payments --json --csv; expect payments-two-forms 2 '' 'not both'
run payments undo; expect payments-verb 2 '' 'payments undo: reconcile is all'
run payments reconcile --csv; expect reconcile-csv 2 '' 'takes --json alone'
run payments --csv
csv() { python3 -c 'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline=""), strict=True))
print(eval(sys.argv[2]))' "$tmp/out" "$1" 2>&1; }
same csv-oldest-first "11 1" "$(csv "str(len(rows)) + ' ' + rows[0]['id']")"
same csv-columns "id,created_at,state,amount_usd,network,asset,payer,pay_to,transaction,method,url,run,nonce,reason" "$(csv "','.join(rows[0])")"
same csv-crlf True "$(python3 -c 'import sys; b = open(sys.argv[1], "rb").read(); print(b.count(b"\n") == b.count(b"\r\n") == 12)' "$tmp/out")"
# No seller's word begins a cell today; one that did would not be a formula.
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for i, text in enumerate(("=1+1", "+1", "-1", "@A1", "say \"hi\", twice"), 1):
    db.execute("UPDATE payment SET reason = ? WHERE id = ?", (text, i))
db.commit()' "$XDG_DATA_HOME/artui/artui.db"
run payments --csv
same csv-no-formulas "'=1+1 '+1 '-1 '@A1 say \"hi\", twice" "$(csv "' '.join(r['reason'] for r in rows[:5])")"
run payments --csv --state refused; same csv-state "1 the seller refused the payment: =cmd|calc" "$(csv "str(len(rows)) + ' ' + rows[0]['reason']")"

# ---- reconciling -----------------------------------------------------------------------------
run payments reconcile
expect reconcile-open 4 '^payment 11: unknown: the chain cannot be asked: no RPC endpoint for eip155:84532 is set$'
expect reconcile-counts 4 '^[0-9]+ open or not seen on the chain yet$'
run payments reconcile --json; same reconcile-json "4 True" "$rc $(json "all('no RPC endpoint' in r['finding'] for r in j) and 'state' in j[0]")"
run doctor; expect doctor-without-workspace 0 'paying +at most 1\.00 USDC at once'
chain='-c chain.base-sepolia.rpc='$at/rpc/84532
run -c "chain.base-sepolia.rpc=$at/rpc/1" payments reconcile; expect reconcile-wrong-chain 4 'serves chain 1'
run $chain payments reconcile; expect reconcile-can-still-move 4 'payment 11: unknown: not taken so far; it can be until it expires'
# From here on the node's clock is beyond every window, and it never saw any of them.
chain '{"ahead": 100000}'
run $chain payments reconcile; expect reconcile-expired 0 'payment 11: expired: its window is over and the chain shows it unused'
expect reconcile-all 0 '^nothing is open$'
same reconcile-takes-receipts-back 0 "$(grep -c settled "$tmp/out")"
run payments --json --match drop; same expired-row "expired False" "$(fields "j[0]['state'], j[0]['may_still_move']")"
run fetch --yes $pay --json "$at/noreceipt?status=500"
same expired-pays-anew "4 12 2" "$rc $(fields "j['payment']['id']") $(logged "len({r['v2'] for r in l if r['path'] == '/noreceipt?status=500' and r['paid']})")"

# ---- its own name ----------------------------------------------------------------------------
run fetch --yes $pay --id job-1 "$at/noreceipt?status=501"; expect id-first 4 '' 'payment 13'
run fetch --yes $pay --id job-1 "$at/noreceipt?status=501"; expect id-again 4 '' 'sending payment 13 again'
same id-again-same-bytes 1 "$(logged "len({r['v2'] for r in l if r['path'] == '/noreceipt?status=501' and r['paid']})")"
count=$(signed)
run fetch --yes $pay --id job-1 "$at/noreceipt?status=502"
expect id-of-another-url 1 '' 'that id belongs to payment 13 for GET .*status=501: another request needs another id'
run fetch --yes $pay --id job-1 -X POST "$at/noreceipt?status=501"; expect id-of-another-method 1 '' 'that id belongs to payment 13'
same id-of-another-shows-nobody-the-payment "0 0 $count" "$(logged "'%d %d' % (sum('status=502' in r['path'] for r in l), sum(r['method'] == 'POST' and '501' in r['path'] for r in l))") $(signed)"
run fetch --yes $pay --id job-2 "$at/noreceipt?status=501"; expect id-other 4 '' 'payment 14: '

# ---- plain http beyond this machine ------------------------------------------------------------
# 0.0.0.0 is this machine, and a name that cannot be known to be.
seller any
far=http://0.0.0.0:$(cat port)
count=$(signed)
run fetch --yes $pay "$far/sold"; expect plain-http 3 '' 'plain http can be read and changed on its way.*pay\.allow_http'
run fetch --dry-run "$far/sold"; expect plain-http-quote 3 '' 'asks 0\.01 USDC'
same plain-http-signs-nothing "$count" "$(signed)"
run fetch "$far/free"; expect plain-http-free 0 '^for nothing$'
run -c pay.allow_http=true fetch --yes $pay "$far/sold"; expect plain-http-allowed 0 '^the goods$'

# What is paid for is not lost for want of a place.
run fetch $pay -o "$tmp/nowhere/x" "$at/sold?nowhere"; expect paid-output-nowhere 1 '^the goods$' 'nowhere.*No such file'
run fetch $pay -o "$tmp/nowhere/x" "$at/noreceipt?status=503"; expect unknown-output-nowhere 4 '^the goods$' 'the body follows on standard output'

# A workspace has a ledger of its own.
"$artui" init "$tmp/w" >/dev/null
found="' '.join(c['result'] for c in j if c['check'] in ('paying', 'wallet', 'payments'))"
run -C "$tmp/w" payments; expect workspace-ledger 0 '^no payments$'
run -C "$tmp/w" doctor --json; same workspace-doctor "ok ok ok" "$(json "$found")"
run -C "$tmp/w" fetch --yes --wallet w --password-file "$tmp/pw" "$at/sold"; expect workspace-fetch 0 '^the goods$'
run -C "$tmp/w" payments --json; same workspace-row "1 1" "$(fields "len(j), j[0]['id']")"
run -C "$tmp/w" doctor; expect workspace-doctor-open 0 'warn +payments +1 are open or not seen on the chain yet'
finish
