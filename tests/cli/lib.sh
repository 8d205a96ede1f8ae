# lib.sh - what the command-line tests share. Sourced; BIN says where the programs are.
# Each test prints "ok NAME" or "FAIL NAME"; finish exits 1 when any failed.
set -u
BIN=$(cd "${BIN:-build/release}" && pwd) || exit 1
artui=$BIN/artui
tmp=$(mktemp -d "${TMPDIR:-/tmp}/artui-cli.XXXXXX") || exit 1
failures=0
pids=""
cleanup() {
	for p in $pids; do kill -9 "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
export LC_ALL=C.UTF-8 TZ=UTC HOME="$tmp/home" TERM=xterm-256color
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME NO_COLOR ARTUI_NOW COLUMNS
mkdir -p "$HOME"

pass() { echo "ok $1"; }
fail() { echo "FAIL $1: $2"; failures=$((failures + 1)); }
finish() { [ "$failures" = 0 ]; exit; }

# run ARGS...: leaves out, err and rc.
run() {
	rc=0
	"$artui" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
}
# expect NAME RC [OUT_PATTERN [ERR_PATTERN]]: of the last run; grep -E patterns, "" for any.
expect() {
	if [ "$rc" != "$2" ]; then
		fail "$1" "status $rc, not $2; stderr: $err"
	elif [ -n "${3:-}" ] && ! grep -qE -- "$3" "$tmp/out"; then
		fail "$1" "'$3' is not in: $out"
	elif [ -n "${4:-}" ] && ! grep -qE -- "$4" "$tmp/err"; then
		fail "$1" "'$4' is not in stderr: $err"
	elif grep -qE 'Sanitizer|runtime error' "$tmp/err"; then
		fail "$1" "$err"
	else
		pass "$1"
	fi
}
# same NAME WANT GOT
same() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted '$2', got '$3'"; fi; }
# json PYTHON: evaluates an expression over j, the JSON of the last run's output.
json() { python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$tmp/out" "$1" 2>&1; }
