# Strangers' names, skills, errors and values full of escape codes, bidi controls, broken bytes, wide and
# combining characters: columns stay straight, the terminal's title stays its own.
. "$(dirname "$0")/lib.sh"
fixture market-hostile
start 120 40 --panel market
wait_for "dead: d shows them"
title=$(T display-message -p '#{pane_title}')
keys d
wait_for "dead ones too"
screen_colours market-hostile
keys Enter
wait_for "Measured by our probes"
screen market-hostile-detail
keys B
wait_for "y/N"
screen market-hostile-ban
keys n 6
wait_for "measured and claimed"
screen leaderboard-hostile
keys 8
wait_for "Devices"
screen worker-hostile
[ "$(T display-message -p '#{pane_title}')" = "$title" ] || fail "the title was changed"
done_ok
