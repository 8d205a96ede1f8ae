#!/bin/sh
# What a person can type wrong, and the help that answers.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

run --version; expect version 0 '^artui '
run --help; expect help 0 'artui --headless --overnight'
run help; expect help-command 0 'experiments .*best first'
run help experiments; expect help-experiments 0 '--verdict'
run experiments --help; expect option-help 0 'usage: artui experiments'
run help frobnicate; expect help-unknown 2 '' 'there is no command frobnicate'
run statsu; expect suggests-command 2 '' 'did you mean status\?'
run frobnicate; expect unknown-command 2 '' 'no command frobnicate$'
run status --jsno; expect suggests-option 2 '' 'did you mean --json\?'
run experiments --limit; expect missing-value 2 '' '--limit needs a value'
run experiments --limit 0; expect out-of-range 2 '' "'0' is not a whole number from 1"
run experiments --sort best; expect no-such-choice 2 '' 'none of score\|id'
run report --format pdf; expect no-such-format 2 '' 'none of text\|md\|json\|svg'
run status extra; expect too-many-words 2 '' "'extra' is one word too many"
run show; expect too-few-words 2 '' 'show needs ID'
run --rounds 3; expect night-without-overnight 2 '' 'belong to --overnight'
run --headless --once log; expect headless-once 2 '' 'cannot go with'
run --rounds 3 status; expect top-option-with-command 2 '' '--rounds does not go with a command'
run --overnight --headless --rounds -1; expect negative-rounds 2 '' '--rounds'
run -C "$tmp/nowhere" status; expect no-such-directory 1 '' 'nowhere.*No such file'

# Usage errors come before anything is made.
same leaves-nothing-behind "" "$(find "$tmp" -name .artui)"

# Without a workspace: a sentence, status 1, nothing on standard output.
for c in status experiments "show 1" "diff 1" log report "export r.tsv" "idea x" start stop; do
	# shellcheck disable=SC2086
	run $c
	expect "no-workspace-${c%% *}" 1 '' 'artui init'
	same "no-workspace-${c%% *}-is-silent" "" "$out"
done
run status --json; expect no-workspace-json 1 '' 'artui init'
run; expect no-terminal-no-workspace 1 '' 'artui init'
run config; expect config-needs-no-workspace 0 'train.budget_s +300'
run -c train.budget_s=60 config --json
same config-json-origin "60 -c" "$(json "[(e['value'], e['origin']) for e in j if e['key'] == 'train.budget_s'][0]" | tr -d "(,')" | sed 's/\.0//')"
run -c train.budget_s=fast config; expect config-wrong-type 1 '' 'train.budget_s'
run -c nosuch.key=1 config; expect config-unknown-key 1 '' 'nosuch'

run init "$tmp/w"; expect init 0 'made a workspace'
run init "$tmp/w"; expect init-twice 1 '' .
printf 'not a recipe' >"$tmp/bad.py"
run init --recipe "$tmp/bad.py" "$tmp/w2"; expect init-bad-recipe 1 '' .
[ -e "$tmp/w2/.artui/artui.db" ] && fail init-bad-recipe-leaves-nothing "a store is there" || pass init-bad-recipe-leaves-nothing
run -C "$tmp/w" status; expect empty-status 0 'none yet'
mkdir -p "$tmp/w/a/b"
run -C "$tmp/w/a/b" status; expect found-upward 0 "Workspace +$tmp/w$"
run -C "$tmp/w"; expect no-terminal-prints-status 0 'The dashboard needs a terminal'
run -C "$tmp/w" experiments --json; same empty-array "[]" "$(json j)"
run -C "$tmp/w" status --json
same empty-status-json "idle None None None 0 0" \
	"$(json "' '.join(str(j[k]) for k in ('engine', 'champion', 'baseline', 'sigma', 'rounds', 'kept'))")"
run -C "$tmp/w" start; expect start-without-engine 1 '' 'no artui runs'
run -C "$tmp/w" experiments --verdict good; expect no-such-verdict 2 '' "'good' is none of"
printf '[train]\nbudget = 3\n' >"$tmp/w/.artui/config"
run -C "$tmp/w" status; expect config-error-names-line 1 '' 'config.*2'
rm "$tmp/w/.artui/config"

# A full or closed output is a failure, not silence.
rc=0; "$artui" help >/dev/full 2>"$tmp/err" || rc=$?
same full-output-fails 1 "$rc"
finish
