# Too small: says so, does not crash, comes back, and q still leaves.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24
wait_for "Leaderboard"
resize 30 8
wait_for "it takes 40x10"
screen small-30x8
keys j 2 / a
resize 5 2
resize 2 1
resize 80 24
wait_for "filter: a"
keys Escape
resize 20 5
wait_for "it takes 40x10"
keys q
wait_pane pane_dead 1
done_ok
