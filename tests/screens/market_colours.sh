# The three panels in colour and without any; on a terminal without UTF-8 they are readable in ASCII.
. "$(dirname "$0")/lib.sh"
fixture market-market
start 80 24 --panel leaderboard --theme default
wait_for "measured and claimed"
screen_colours leaderboard-default
keys 7
wait_for "2 dead: d shows them"
screen_colours market-default
keys 8
wait_for "Devices"
screen_colours worker-default
keys t t
wait_for "theme: mono"
keys j k
wait_gone "theme: mono"
screen_colours worker-mono
keys 7
wait_for "2 dead: d shows them"
screen_colours market-mono
keys 6
wait_for "measured and claimed"
screen_colours leaderboard-mono
done_ok
