#!/bin/sh
# Nights without a dashboard, on a training command that takes a tenth of a second: the lines, the
# report, the statuses, signals and resuming, attaching, wishes.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

cat >sim.sh <<'END'
#!/bin/sh
# val_bpb from two constants and the seed; SIM_FAIL in the recipe's directory's parent: crash.
[ ! -e "$SIM_DIR/fail" ] || exit 3
if [ -e "$SIM_DIR/slow" ]; then sleep 30; else sleep 0.05; fi
awk '/^MATRIX_LR/ {lr = $3} /^EMBEDDING_LR/ {e = $3} /^SEED/ {seed = $3}
	END {
		srand(seed); x = log(lr / 0.08); y = log(e / 0.3)
		printf "---\nval_bpb: %.6f\n", 1.5 + 0.05 * x * x + 0.02 * y * y + 0.002 * (rand() - 0.5)
	}' train.py
END
make_workspace() { # directory
	"$artui" init "$1" >/dev/null || exit 1
	printf '[train]\ncommand = SIM_DIR=%s sh %s/sim.sh\nbudget_s = 1\n' "$1" "$tmp" >"$1/.artui/config"
	cd "$1" || exit 1
}
# until_true SECONDS COMMAND...: polls, with a deadline.
until_true() {
	n=$(($1 * 20)); shift
	while [ "$n" -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		n=$((n - 1)); sleep 0.05
	done
	return 1
}
seen() { grep -qE -- "$1" "$2"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- a night from start to end
make_workspace "$tmp/a"
run --headless --overnight --rounds 8 --seed 11 --confirm 2
expect night 0 'night 1 ends: 8 rounds done'
same every-line-has-its-time "" "$(sed '/^$/,$d' "$tmp/out" | grep -vE '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]  .')"
same no-escape-codes 0 "$(tr -dc '\033\r' <"$tmp/out" | wc -c | tr -d ' ')"
expect night-report 0 '^artui report: night 1'
expect night-files 0 "^$tmp/a/.artui/reports/night-1.svg$"
for f in md json svg txt; do [ -s ".artui/reports/night-1.$f" ] && pass "file-$f" || fail "file-$f" "no night-1.$f"; done
run status --json
same status-json "idle 8 True True" \
	"$(json "' '.join(str(x) for x in (j['engine'], j['rounds'], j['champion']['val_bpb'] <= j['baseline']['val_bpb'], j['sigma'] > 0))")"
same status-interval 2 "$(json "len(j['champion']['interval'])")"
run experiments --json
same experiments-json "9 True" "$(json "str(len(j)) + ' ' + str(all(len(e['runs']) >= 1 for e in j))")"
same kept-are-confirmed "True" "$(json "all(e['n'] >= 2 for e in j if e['verdict'] == 'kept')")"
same runs-are-whole "True" "$(json "all(r['state'] == 'done' and r['val_bpb'] and r['started_at'] and r['finished_at'] and r['error'] is None for e in j for r in e['runs'])")"
id=$(json "[e['id'] for e in j if e['verdict'] != 'baseline'][0]")
sha=$(json "[e['recipe_sha256'] for e in j if e['verdict'] != 'baseline'][0]")
run show "$id" --recipe; same recipe-is-byte-for-byte "$sha" "$(sha256sum <"$tmp/out" | cut -d' ' -f1)"
run diff "$id"; expect diff 0 '^\+[A-Z_]+ = '
run diff "$id" --json; same diff-names-knobs True "$(json "len(j['knobs']) > 0 and j['knobs'][0]['from'] != j['knobs'][0]['to']")"
run show "$id" --log; expect show-log 0 'val_bpb:'
run report --json; same report-json "8 0.00" "$(json "str(j['night']['judged']) + ' ' + j['cost_usd']")"
run report --format svg
python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$tmp/out" 2>/dev/null && pass svg-is-xml || fail svg-is-xml "not well-formed"
run report --format md; expect report-md 0 '^# artui: night 1'
run report --night 7; expect report-no-such-night 1 '' 'no night 7'
run export results.tsv; same tsv-lines 10 "$(wc -l <results.tsv | tr -d ' ')"
run doctor; expect doctor 0 'engine +none'
run --headless --overnight --rounds 2 --seed 12 --confirm 2; expect second-night 0 'night 2 ends: 2 rounds done'
run report --night 1; expect older-night 0 '^artui report: night 1'

run --once log; expect once-log 0 'night 2 ends'
run --once nosuch; expect once-no-such-panel 2 '' 'nosuch'
run --db .artui/artui.db --once experiments; expect once-db 0 'baseline|starting recipe'
run --db nosuch.db --once log; expect once-no-such-db 1 '' 'nosuch.db'

# ---- the same seed gives the same night
make_workspace "$tmp/b"
run --headless --overnight --rounds 8 --seed 11 --confirm 2; expect twin-night 0
one=$(cd "$tmp/a" && "$artui" experiments --json --all --sort id --limit 9 | python3 -c 'import json,sys; print([(e["recipe_sha256"], e["val_bpb"], e["verdict"]) for e in json.load(sys.stdin)])')
two=$("$artui" experiments --json --all --sort id --limit 9 | python3 -c 'import json,sys; print([(e["recipe_sha256"], e["val_bpb"], e["verdict"]) for e in json.load(sys.stdin)])')
same night-is-repeatable "$one" "$two"

# ---- a signal ends cleanly, with the report; the same command resumes
for sig in INT TERM; do
	make_workspace "$tmp/sig$sig"
	"$artui" --headless --overnight --rounds 30 --seed 3 >out 2>err & pid=$!; pids="$pids $pid"
	until_true 20 seen 'experiment 3 ' out || fail "$sig" "no third experiment: $(tail -n 3 out)"
	kill -"$sig" $pid
	until_true 10 gone $pid || fail "$sig" 'did not end within 10 s'
	wait $pid; same "$sig-status" 0 $?
	seen '^artui report: night 1' out && pass "$sig-report" || fail "$sig-report" "$(tail -n 3 out)"
	seen 'the same command resumes it' out && pass "$sig-hint" || fail "$sig-hint" "$(tail -n 3 out)"
	same "$sig-silent-stderr" "" "$(cat err)"
	run status --json; same "$sig-idle-and-open" "idle None" "$(json "j['engine'] + ' ' + str(j['night']['ended_at'])")"
done
run --headless --overnight --rounds 30 --seed 3
expect resumed 0 'night 1 ends: 30 rounds done'
run experiments --json --all
same nothing-judged-twice "31 31" "$(json "str(len(j)) + ' ' + str(len({e['recipe_sha256'] for e in j}))")"

# ---- a second artui attaches; wishes go to the first
make_workspace "$tmp/c"
: >slow
"$artui" --headless --overnight --rounds 30 --seed 3 >out 2>err & pid=$!; pids="$pids $pid"
until_true 20 seen 'run .* starts' out || fail attach "nothing starts: $(cat err)"
run status --json; same status-running "running" "$(json "j['engine']")"
run status; expect status-says-what 0 "Engine +running \(pid $pid\)"
"$artui" --headless --overnight >out2 2>err2 & pid2=$!; pids="$pids $pid2"
until_true 10 seen "pid $pid.*following it" out2 && pass attaches || fail attaches "$(cat out2 err2)"
run start; expect start-while-running 1 '' .
run pause --json; same pause "True" "$(json "j['granted']")"
run status; expect status-paused 0 'Engine +paused'
run resume; expect resume 0
run idea 'MATRIX_LR = 0.09'; expect idea-while-running 0 'waits for the next candidate'
rm slow
# Stopping now gives the slow run up, whichever way the engine ends it.
run stop; expect stop 0
until_true 20 gone $pid || fail stop 'the night did not end'
wait $pid; same stopped-night-status 0 $?
until_true 10 gone $pid2 || fail attached-ends 'the follower did not end'
wait $pid2; same follower-status 0 $?
seen '^artui report: night 1' out2 && pass follower-reports || fail follower-reports "$(tail -n 3 out2 err2)"

# ---- a detached follower leaves the night alone
make_workspace "$tmp/d"
: >slow
"$artui" --headless --overnight --rounds 1 --seed 3 >out 2>err & pid=$!; pids="$pids $pid"
until_true 20 seen 'run .* starts' out || fail detach "nothing starts"
"$artui" --headless --overnight >out2 2>err2 & pid2=$!; pids="$pids $pid2"
until_true 10 seen 'following it' out2
kill -INT $pid2; until_true 5 gone $pid2 || fail detach 'the follower stays'
wait $pid2; same detach-status 0 $?
kill -0 $pid 2>/dev/null && pass night-goes-on || fail night-goes-on 'the engine is gone'

# ---- kill -9: a follower says so, the next start takes up the run
"$artui" --headless --overnight >out3 2>err3 & pid3=$!; pids="$pids $pid3"
until_true 10 seen 'following it' out3
kill -9 $pid; wait $pid 2>/dev/null
until_true 5 gone $pid3 || fail follower-sees-death 'the follower stays'
wait $pid3; same follower-sees-death 1 $?
seen 'the engine is gone' err3 && pass follower-says-death || fail follower-says-death "$(cat err3)"
rm slow
run status --json; same killed-is-idle "idle" "$(json "j['engine']")"
run --headless --overnight; expect resumed-after-kill 0 'night 1 ends: 1 rounds? done'
run experiments --json --all
same killed-run-ran-again "True" "$(json "any(r['attempt'] > 1 for e in j for r in e['runs'])")"

# ---- an engine that waits for wishes
make_workspace "$tmp/e"
"$artui" --headless >out 2>err & pid=$!; pids="$pids $pid"
until_true 10 seen 'artui start begins a night' out || fail waits "$(cat out err)"
run status --json; same waiting-is-idle "idle" "$(json "j['engine']")"
run stop; expect stop-without-night 1 '' .
run start --rounds 2 --seed 4 --confirm 2; expect start 0
until_true 30 seen 'night 1 ends: 2 rounds done' out && pass started-by-wish || fail started-by-wish "$(tail -n 2 out)"
run log --json -n 100; same log-is-ordered "True" "$(json "[e['id'] for e in j] == sorted(e['id'] for e in j)")"
kill -TERM $pid; until_true 5 gone $pid || fail waits 'does not end'
wait $pid; same waiting-status 0 $?

# ---- ideas become experiments
make_workspace "$tmp/f"
run idea 'MATRIX_LR = 0.081, EMBEDDING_LR = 0.31'; expect idea 0
run idea 'NO_SUCH_KNOB = 3'; expect idea-unknown 0
run --headless --overnight --rounds 2 --seed 4 --confirm 2; expect idea-night 0
run idea --list --json
same idea-taken "refused taken" "$(json "' '.join(n['state'] for n in j)")"
same idea-became "queue" "$("$artui" show "$(json "j[1]['experiment']")" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["proposer"])')"

# ---- a night that cannot work fails, and says so
make_workspace "$tmp/g"
: >fail
run --headless --overnight --rounds 2 --seed 4
expect baseline-fails 1 '^artui report: night 1'
run status --json; same failed-night-has-no-champion "None" "$(json "j['champion']")"
make_workspace "$tmp/h"
printf 'DEPTH = "four\n' >recipe.py
run --headless --overnight --rounds 1; expect bad-recipe 1 '' 'recipe'

# ---- without a workspace one is made; on a terminal one more line says where the night stands
mkdir "$tmp/i"; cd "$tmp/i" || exit 1
run -c "train.command=SIM_DIR=$tmp/i sh $tmp/sim.sh" -c train.budget_s=1 --headless --overnight --rounds 1 --seed 1
expect makes-workspace 0 "made a workspace in $tmp/i"
if command -v script >/dev/null; then
	make_workspace "$tmp/j"
	script -qec "stty cols 100; '$artui' --headless --overnight --rounds 2 --seed 2" typescript >/dev/null 2>&1
	grep -q 'champion #1' typescript && pass status-line || fail status-line "$(tail -n 5 typescript)"
	NO_COLOR=1 script -qec "stty cols 100; '$artui' experiments" plain >/dev/null 2>&1
	grep -q "$(printf '\033')" plain && fail no-color 'escape codes in spite of NO_COLOR' || pass no-color
	script -qec "stty cols 40; '$artui' experiments" narrow >/dev/null 2>&1
	same fits-40-columns 0 "$(sed '1d;$d;s/\r//;s/\x1b\[[0-9;]*m//g' narrow | awk 'length > 40' | wc -l | tr -d ' ')"
else
	echo "SKIP status-line: no script(1)"
fi
finish
