# A theme with a mistake is refused before the screen is taken, with file and line.
. "$(dirname "$0")/lib.sh"
fixture night
printf 'good = red default\nsky = blue default\n' >"$tmp/mine.theme"
start_shell 100 24
type_line "$(command_line --theme "$tmp/mine.theme"); echo left \$?"
wait_for 'mine.theme:2: unknown role "sky"'
wait_for "left 1"
type_line "TERM=dumb $(command_line); echo left \$?"
wait_for "cannot draw on TERM=dumb"
type_line "TERM=nosuchterm $(command_line); echo left \$?"
wait_for "terminfo does not know TERM=nosuchterm"
done_ok
