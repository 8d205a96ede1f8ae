# The log follows its end, stops following when one moves up, and filters.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --panel log
wait_for "#9 screening"
screen log-80x24
keys g
wait_for "G follows"
keys /
type "kept"
wait_for '2 matching "kept"'
screen log-filtered
done_ok
