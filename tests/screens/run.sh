#!/bin/sh
# run.sh - all screen tests: "ok NAME" or "FAIL NAME: why" each, a summary, exit 1 after a failure.
#   BIN=build/release tests/screens/run.sh [NAME...]      GENERATE=1 writes the golden screens anew
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-build/release}
export BIN
if ! command -v tmux >/dev/null; then
	echo "SKIP screens: tmux is not installed"
	exit 0
fi
for tool in driver mkfixture mkmarket; do
	[ -x "$BIN/tests/$tool" ] || { echo "FAIL screens: $BIN/tests/$tool is not built"; exit 1; }
done
FIXTURES=$(mktemp -d /tmp/artui-fixtures.XXXXXX) || exit 1
export FIXTURES
trap 'rm -rf "$FIXTURES"' EXIT
for kind in night hostile empty; do
	"$BIN/tests/mkfixture" $kind "$FIXTURES/$kind.db" || { echo "FAIL screens: fixture $kind"; exit 1; }
done
for kind in market hostile dead; do
	cp "$FIXTURES/night.db" "$FIXTURES/market-$kind.db" && "$BIN/tests/mkmarket" $kind "$FIXTURES/market-$kind.db" ||
		{ echo "FAIL screens: fixture market-$kind"; exit 1; }
done
ok=0 bad=0
[ $# -gt 0 ] || set -- $(ls tests/screens/*.sh | sed 's|.*/||; s|\.sh$||' | grep -vE '^(run|lib)$')
for name; do
	if sh "tests/screens/$name.sh"; then
		ok=$((ok + 1))
	else
		bad=$((bad + 1))
	fi
done
echo "screens: $ok ok, $bad failed"
[ $bad = 0 ]
