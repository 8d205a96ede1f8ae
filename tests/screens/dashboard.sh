# The dashboard at the four sizes people have: everything there, aligned, nothing cut that fits.
. "$(dirname "$0")/lib.sh"
fixture night
start 80 24
wait_for "Leaderboard"
screen dashboard-80x24
resize 120 40
wait_for "experiment 9, screening"
screen dashboard-120x40
resize 40 12
wait_for "1 Dashboard 2 3"
screen dashboard-40x12
resize 200 60
wait_for "? Help"
screen dashboard-200x60
done_ok
