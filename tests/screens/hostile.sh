# Names with escape codes, bidi controls, broken bytes, wide and combining characters: columns stay
# straight, the title of the terminal stays its own, nothing blinks.
. "$(dirname "$0")/lib.sh"
fixture hostile
start 80 24
wait_for "Leaderboard"
title=$(T display-message -p '#{pane_title}')
screen_colours hostile-dashboard
keys 2
wait_for "9 all verdicts"
screen hostile-experiments
keys G k k k k k k k Enter
wait_for "because"
screen hostile-detail
keys 4
wait_for "#9"
screen hostile-log
[ "$(T display-message -p '#{pane_title}')" = "$title" ] || fail "the title was changed"
done_ok
