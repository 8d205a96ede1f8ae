#!/bin/sh
# Proves the lab itself: the reference clients are paid through it, and every trick of our own seller does
# what its line in hostile.mjs says. Prints "ok NAME" or "FAIL NAME: why" for each; exits 1 on any FAIL.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'sh "$here/lab.sh" stop "$dir"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
sh "$here/lab.sh" start "$dir" || exit $?
pids=$(cut -d' ' -f1 "$dir/pids")
. "$dir/env"
bad=0
"$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/selftest.mjs" || bad=1

line=$("$ARTUI_LAB_NODE" "$here/transfers.mjs" "$ARTUI_LAB_PAYER" "$ARTUI_LAB_PAYEE" | head -n 1)
case $line in
'{"nonce":"0x'*'"value":"10000"'*'"tx":"0x'*) echo "ok transfers.mjs" ;;
*) echo "FAIL transfers.mjs: $line"; bad=1 ;;
esac
[ "$("$ARTUI_LAB_NODE" "$here/balance.mjs" "$ARTUI_LAB_POOR")" = 0 ] && echo "ok balance.mjs" || { echo "FAIL balance.mjs"; bad=1; }
[ "$(stat -c %a "$ARTUI_LAB_PAYER_KEY")" = 600 ] && echo "ok key_file_is_private" || { echo "FAIL key_file_is_private"; bad=1; }

sh "$here/lab.sh" stop "$dir"
left=
for p in $pids; do
	# An ended process may wait a while for its new parent to notice.
	grep -qs '^State:[[:space:]]*[RSDTtI]' "/proc/$p/status" && left="$left $p"
done
[ -z "$left" ] && echo "ok stop_ends_all" || { echo "FAIL stop_ends_all: left$left"; bad=1; }
exit $bad
