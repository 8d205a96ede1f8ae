# Leaderboard: measured numbers ranked, others' classes and claims below lines of their own, quotes of
# 8004scan with their day; the filter, the parts, and what Enter opens.
. "$(dirname "$0")/lib.sh"
fixture market-market
start 80 24 --panel leaderboard
wait_for "measured and claimed"
screen leaderboard-80x24
keys j j j j j j j j j j j
screen leaderboard-claim
keys f
wait_for "measured only"
wait_gone "claimed: measured by nobody"
keys f
wait_for "claimed only"
keys f /
type "night"
wait_for 'matching "night"'
screen leaderboard-filtered
keys Enter Escape
wait_gone "matching"
resize 120 40
wait_for "8004scan says"
screen leaderboard-120x40
keys j Enter
wait_for "champion, kept"
keys Escape
wait_for "8004scan says"
keys G k k k k Enter
wait_for "Agent 1005"
screen leaderboard-agent
keys Escape
wait_for "measured and claimed"
resize 40 12
wait_for "6 Leaderboard"
screen leaderboard-40x12
done_ok
