# A resize in the middle of a list keeps the selected row on the screen.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --panel experiments
wait_for "9 all verdicts"
keys g j j j j
resize 60 10
screen resize-60x10
resize 100 30
wait_for "proposer"
screen resize-100x30
done_ok
