# Experiments: the list, sorted by the next column, reversed, and only some verdicts.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --panel experiments
wait_for "9 all verdicts"
screen experiments-80x24
keys s
wait_for "val_bpb▲"
screen experiments-by-score
keys S
wait_for "val_bpb▼"
keys f
wait_for "3 kept"
screen experiments-kept
resize 120 40
wait_for "runs"
screen experiments-120x40
done_ok
