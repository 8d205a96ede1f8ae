# No night, no market, nothing sold: each panel says what to do.
. "$(dirname "$0")/lib.sh"
fixture empty
start 80 24 --panel leaderboard
wait_for "7 asks the market"
screen leaderboard-empty
keys 7
wait_for "r asks the sources"
screen market-empty
keys Enter
wait_for "no worker is selected"
keys B
wait_for "no worker is selected"
keys 8
wait_for "artui worker serve --price"
screen worker-empty
keys r
keys 7 r
wait_for "no engine runs now"
done_ok
