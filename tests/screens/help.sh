# Help comes from the table of actions, and the same / filters it.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24
wait_for "Leaderboard"
keys '?'
wait_for "this help"
screen help-80x24
keys /
type "verdict"
wait_for 'matching "verdict"'
screen help-filtered
keys Enter Escape
wait_for "Enter l Right"
keys Escape
wait_for "Leaderboard"
done_ok
