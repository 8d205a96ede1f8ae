# --once prints a panel as plain text: no escape codes, no braille, no terminal needed.
. "$(dirname "$0")/lib.sh"
fixture night
print_panels() { # suffix, panels
	suffix=$1
	shift
	for panel; do
		run_once --panel $panel
		LC_ALL=C grep -q "$(printf '\033')" "$tmp/out" && fail "escape codes in $panel"
		LC_ALL=C grep -q "$(printf '\342[\240-\243]')" "$tmp/out" && fail "braille in $panel"
		if [ -n "${GENERATE:-}" ]; then cp "$tmp/out" "$here/once-$panel$suffix.screen"; fi
		diff -u "$here/once-$panel$suffix.screen" "$tmp/out" || fail "once $panel$suffix differs"
	done
}
run_once() { sh -c "$(pinned) $(command_line --once 90 "$@")" </dev/null >"$tmp/out" 2>&1 || fail "once $*: $(cat "$tmp/out")"; }
print_panels "" dashboard experiments detail log ideas leaderboard market worker help
fixture market-market
print_panels -full leaderboard market worker
done_ok
