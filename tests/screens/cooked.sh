# However it ends, the shell gets its terminal back: q, ^C, TERM, HUP, QUIT, SEGV, ABRT and others,
# also when the signal hits another thread, and while it is stopped by ^Z; and a terminal that was left raw is healed at the start.
. "$(dirname "$0")/lib.sh"
fixture night
start_shell 100 24
cooked() {
	type_line "stty -a | grep -cE '(^| )-(icanon|echo|isig|icrnl|opost)( |;|\$)' | sed 's/^/raw flags $1: /'"
	wait_for "raw flags $1: 0"
	[ "$(T display-message -p '#{cursor_flag}#{alternate_on}#{mouse_any_flag}')" = 100 ] ||
		fail "after $1: cursor, screen or mouse not restored"
	type_line clear
	wait_gone "raw flags"
}
run_it() {
	type_line "$(command_line --mouse "$@")"
	wait_for "Leaderboard"
	wait_pane alternate_on 1
}
run_it
keys q
wait_pane alternate_on 0
cooked q
run_it
keys C-c
wait_pane alternate_on 0
cooked interrupt
for sig in TERM HUP QUIT SEGV BUS ILL FPE ABRT; do
	run_it
	shell=$(T display-message -p '#{pane_pid}')
	kill -$sig "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v shell="$shell" '$4 == shell {print $1}')"
	wait_pane alternate_on 0
	cooked $sig
done
run_it --die 11
wait_pane alternate_on 0
cooked thread
run_it
keys C-z
wait_pane alternate_on 0
cooked stopped
type_line fg
wait_pane alternate_on 1
wait_for "Leaderboard"
keys q
wait_pane alternate_on 0
cooked continued
type_line "stty raw -echo; $(command_line)"
wait_for "Leaderboard"
keys q
wait_pane alternate_on 0
cooked heal
done_ok
