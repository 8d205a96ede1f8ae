# --once prints a panel as plain text: no escape codes, no braille, no terminal needed.
. "$(dirname "$0")/lib.sh"
fixture night
run_once() { sh -c "$(pinned) $(command_line --once 90 "$@")" </dev/null >"$tmp/out" 2>&1 || fail "once $*: $(cat "$tmp/out")"; }
for panel in dashboard experiments detail log ideas help; do
	run_once --panel $panel
	LC_ALL=C grep -q "$(printf '\033')" "$tmp/out" && fail "escape codes in $panel"
	LC_ALL=C grep -q "$(printf '\342[\240-\243]')" "$tmp/out" && fail "braille in $panel"
	if [ -n "${GENERATE:-}" ]; then cp "$tmp/out" "$here/once-$panel.screen"; fi
	diff -u "$here/once-$panel.screen" "$tmp/out" || fail "once $panel differs"
done
done_ok
