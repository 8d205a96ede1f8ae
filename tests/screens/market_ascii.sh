# LC_ALL=C on a vt100: the three panels in ASCII alone.
. "$(dirname "$0")/lib.sh"
pin LC_ALL=C TERM=vt100
fixture market-market
start 80 24 --panel market
wait_for "2 dead: d shows them"
screen market-ascii
shown | LC_ALL=C grep -q '[^ -~]' && fail "the market is not ASCII"
keys 6
wait_for "measured and claimed"
shown | LC_ALL=C grep -q '[^ -~]' && fail "the leaderboard is not ASCII"
keys 8
wait_for "Devices"
screen worker-ascii
shown | LC_ALL=C grep -q '[^ -~]' && fail "the worker is not ASCII"
done_ok
