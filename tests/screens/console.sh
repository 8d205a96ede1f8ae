# The Linux console has UTF-8 but no braille: charts are made of half blocks.
. "$(dirname "$0")/lib.sh"
pin TERM=linux
fixture night
start 80 24
wait_for "Leaderboard"
screen console-dashboard
keys 3
wait_for "champion, kept"
screen console-detail
LC_ALL=C grep -q "$(printf '\342[\240-\243]')" "$here/console-dashboard.screen" "$here/console-detail.screen" &&
	fail "braille on the console"
done_ok
