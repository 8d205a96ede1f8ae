# Each theme's colours, once, on the screen that uses most roles; t goes through them.
. "$(dirname "$0")/lib.sh"
fixture night
start 100 30 --theme default
wait_for "Leaderboard"
screen_colours theme-default
for theme in light mono contrast; do
	keys t
	wait_for "theme: $theme"
	keys j k
	wait_gone "theme: $theme"
	screen_colours theme-$theme
done
done_ok
