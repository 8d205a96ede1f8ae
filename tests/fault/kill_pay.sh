#!/bin/sh
# kill_pay.sh [ROUNDS [SEED]]: artui is killed at every step of a payment and goes on; afterwards the chain
# shows at most one transfer a payment, and the ledger equals the chain. The lab of tests/interop/x402 is
# the chain and the sellers. BIN: folder of the program.
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
75) echo "SKIP kill_pay: $(tail -n 1 "$dir/start.log")"; exit 0 ;;
*) echo "FAIL kill_pay: $(tail -n 3 "$dir/start.log")"; exit 1 ;;
esac
if ! ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -o "$dir/pay_shim.so" "$here/pay_shim.c" -ldl; then
	echo "FAIL kill_pay: the shim does not compile"
	exit 1
fi
. "$dir/lab/env"
ARTUI_TEST_DIR=$dir SHIM=$dir/pay_shim.so BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/kill.mjs" "${1:-12}" "${2:-1}"
