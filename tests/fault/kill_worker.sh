#!/bin/sh
# kill_worker.sh [ROUNDS [SEED]]: a worker is killed at random points of paid orders and goes on; afterwards
# each order is finished or recorded as failed, nothing is settled without a result or twice, and the ledger
# equals the chain. The lab of tests/interop/x402 is chain, facilitator and buyers. BIN: folder of the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../interop/x402
BIN=$(cd "${BIN:-build/release}" && pwd)
dir=$(mktemp -d)
trap 'sh "$lab/lab.sh" stop "$dir/lab"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
rc=0
sh "$lab/lab.sh" start "$dir/lab" 2>"$dir/start.log" || rc=$?
case $rc in
0) ;;
75) echo "SKIP kill_worker: $(tail -n 1 "$dir/start.log")"; exit 0 ;;
*) echo "FAIL kill_worker: $(tail -n 3 "$dir/start.log")"; exit 1 ;;
esac
if ! ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -o "$dir/pay_shim.so" "$here/pay_shim.c" -ldl; then
	echo "FAIL kill_worker: the shim does not compile"
	exit 1
fi
. "$dir/lab/env"
ARTUI_TEST_DIR=$dir SHIM=$dir/pay_shim.so BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/kill-worker.mjs" "${1:-12}" "${2:-1}"
