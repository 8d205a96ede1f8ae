#!/bin/sh
# Results in and out: import, export, ideas, and what lists and reports say of them.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
tab=$(printf '\t')
run init "$tmp/w"; expect init 0
cd "$tmp/w" || exit 1

cat >in.tsv <<END
commit${tab}val_bpb${tab}memory_gb${tab}status${tab}description
a1b2c3d${tab}0.997900${tab}44.0${tab}keep${tab}baseline
b2c3d4e${tab}0.993200${tab}44.2${tab}keep${tab}raise the learning rate
c3d4e5f${tab}0.000000${tab}0.0${tab}crash${tab}double the width
END
run import in.tsv; expect import 0 '3 experiments imported as claims, 0 known'
run import in.tsv; expect import-again 0 '0 experiments imported as claims, 3 known'
run import --json in.tsv; same import-json "0 3" "$(json "str(j['added']) + ' ' + str(j['skipped'])")"
run import nosuch.tsv; expect import-missing 1 '' 'nosuch.tsv'
printf 'junk\n' >junk; run import junk; expect import-junk 1 '' 'junk: line 1'
head -c 300 /dev/urandom >noise; run import noise; expect import-noise 1 '' 'noise: line 1'

run experiments --all; expect lists-claims 0 'raise the learning rate'
run experiments --all --json
same json-claims "3 imported 0 None" \
	"$(json "str(len(j)) + ' ' + j[0]['verdict'] + ' ' + str(j[0]['n']) + ' ' + str(j[0]['interval'])")"
same json-best-first "0.9932" "$(json "j[0]['val_bpb']")"
same json-claim-is-no-measurement "None 0.9932" \
	"$(json "str(j[0]['runs'][0]['val_bpb']) + ' ' + str(j[0]['runs'][0]['claimed_bpb'])")"
run experiments --all --json --match WIDTH; same match "1" "$(json 'len(j)')"
run experiments --all --json --limit 2; same limit "2" "$(json 'len(j)')"
run experiments --all --json --sort id; same sort-id "1" "$(json "j[0]['id']")"
run experiments --json --verdict kept,baseline; same none-kept "[]" "$(json j)"
run status --json; same claims-are-never-champion "None" "$(json "j['champion']")"
run show 1; expect show 0 'not measured here'
run show 1 --json; same show-json "1 baseline" "$(json "str(j['id']) + ' ' + j['title']")"
run show '#2'; expect show-number-sign 0 'raise the learning rate'
run show 99; expect show-none 1 '' 'there is no experiment 99'
run diff 1; expect diff-no-parent 1 '' 'no parent'
run diff 1 2; expect diff-two 0 '^\+# results.tsv'
run diff 1 2 --json; same diff-json "1 2" "$(json "str(j['from']) + ' ' + str(j['to'])")"
run log; expect log 0 'imported 3 experiments'
run log --json; same log-json "import.done" "$(json "j[-1]['kind']")"
run log --json -n 1; same log-limit "1" "$(json 'len(j)')"
run report; expect report-without-night 1 '' 'no night'

run export out.tsv; expect export-tsv 0 'wrote out.tsv'
same export-columns "$(cut -f2- in.tsv)" "$(cut -f2- out.tsv)"
run export -o - x.jsonl; expect export-jsonl 0 '"claimed_bpb":0.9932'
same export-jsonl-lines "3" "$(wc -l <"$tmp/out" | tr -d ' ')"
cp "$tmp/out" back.jsonl
run import out.tsv; expect own-tsv-known 0 '0 experiments .* 3 known'
run import back.jsonl; expect own-jsonl-known 0 '0 experiments .* 3 known'
run export results.csv; expect export-unknown 2 '' 'neither in .tsv nor in .jsonl'
run export -o "$tmp/nowhere/x" r.tsv; expect export-nowhere 1 '' nowhere
rc=0; "$artui" import - <in.tsv >"$tmp/out" 2>"$tmp/err" || rc=$?
expect import-stdin 0 '3 known already'

run idea 'MATRIX_LR = 0.06'; expect idea 0 'idea 1 waits for the next night'
run idea try a deeper model; expect idea-words 0 'idea 2'
cp recipe.py mine.py
run idea --recipe mine.py; expect idea-recipe 0 'idea 3'
printf 'x = "' >broken.py
run idea --recipe broken.py; expect idea-broken-recipe 1 '' 'broken.py'
run idea --recipe nosuch.py; expect idea-no-recipe 1 '' 'nosuch.py'
run idea; expect idea-empty 2 '' 'what is the idea'
run idea --list; expect idea-list 0 'try a deeper model'
run idea --list --json
same idea-json "3 waiting None" "$(json "str(len(j)) + ' ' + j[0]['state'] + ' ' + str(j[0]['experiment'])")"

run doctor; expect doctor 0 'store +artui.db is whole'
run doctor --json; same doctor-json "ok" "$(json "[c['result'] for c in j if c['check'] == 'store'][0]")"
printf 'x = "' >recipe.py; run doctor; expect doctor-finds-recipe 1 'fail +recipe'
# A damaged store is found, not read.
cp .artui/artui.db "$tmp/whole.db"; rm -f .artui/artui.db-wal .artui/artui.db-shm
printf 'not a database at all, not even close' >.artui/artui.db
run doctor; expect doctor-finds-damage 1 'fail +store'
run status; expect damaged-store 1 '' .
finish
