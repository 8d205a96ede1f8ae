# Read-only: everything shows, nothing can be asked for, and the key bar does not offer it.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24 --read-only
wait_for "Leaderboard"
shown | grep -q "e end" && fail "the key bar offers to end the night"
keys e
wait_for "read-only"
keys i
wait_for "read-only"
done_ok
