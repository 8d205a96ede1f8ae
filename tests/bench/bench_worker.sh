#!/bin/sh
# bench_worker.sh [SECONDS] - a worker under load beside @x402/express: challenges and paid submits per second, and
# what idle and slow connections do to them.    BIN=build/release tests/bench/bench_worker.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../interop/x402
BIN=$(cd "${BIN:-build/release}" && pwd)
[ -x "$BIN/tests/http_load" ] || { echo "SKIP: $BIN/tests/http_load is not built (make tools)"; exit 0; }
dir=$(mktemp -d)
trap 'sh "$lab/lab.sh" stop "$dir/lab"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
rc=0
sh "$lab/lab.sh" start "$dir/lab" 2>"$dir/start.log" || rc=$?
case $rc in
0) ;;
75) echo "SKIP: $(tail -n 1 "$dir/start.log")"; exit 0 ;;
*) tail -n 3 "$dir/start.log"; exit 1 ;;
esac
. "$dir/lab/env"
ulimit -n 4096
ARTUI_TEST_DIR=$dir/bench BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/bench-worker.mjs" "${1:-4}"
