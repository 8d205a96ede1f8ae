# Nothing answers and no source does: what was known stays, its age shows, and what to do.
. "$(dirname "$0")/lib.sh"
fixture market-dead
start 80 24 --panel market
wait_for "dead: d shows them"
screen market-dead-folded
keys d
wait_for "dead ones too"
screen market-dead
keys 6
wait_for "measured and claimed"
screen leaderboard-dead
keys 8
wait_for "is gone"
screen worker-dead
keys 1
wait_for "market: 0 of 10 alive"
done_ok
