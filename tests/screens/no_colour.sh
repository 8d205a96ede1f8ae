# NO_COLOR: no colour code at all, and the selected row still shows.
. "$(dirname "$0")/lib.sh"
pin NO_COLOR=1
fixture night
start 80 24
wait_for "Leaderboard"
screen_colours no_colour-80x24
esc=$(printf '\033')
T capture-pane -pe | grep -q "${esc}\[[0-9;]*[34][0-8]" && fail "there is colour"
T capture-pane -pe | grep -q "${esc}\[[0-9;]*7m" || fail "nothing is marked as selected"
done_ok
