# A filter is applied while it is typed, Enter keeps it, Esc takes it away.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --panel experiments
wait_for "9 all verdicts"
keys /
type "matrix"
wait_for '2 all verdicts matching "matrix"'
screen filter-typing
type "zzz"
wait_for "nothing matches"
keys BSpace BSpace BSpace
wait_for '2 all verdicts matching "matrix"'
keys Enter
wait_gone "filter:"
wait_for '2 all verdicts matching "matrix"'
keys Escape
wait_for "9 all verdicts"
done_ok
