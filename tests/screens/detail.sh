# Detail: change, runs, curves over the incumbent's, beside or above the text; scrolling; neighbours.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --panel detail
wait_for "champion, kept"
screen detail-80x24
keys C-d C-d
wait_for "Recipe against its parent"
screen detail-scrolled
keys g ] ]
wait_for "#9 SCALAR_LR"
resize 120 40
wait_for "Log of the last run"
screen detail-running-120x40
keys [ [ [ [ [
wait_for "#4 EMBEDDING_LR"
wait_for "the loss was not a number at step 310"
screen detail-failed
keys /
type "diverged"
wait_for "search:"
keys Enter n
done_ok
