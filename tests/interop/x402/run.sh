#!/bin/sh
# artui against its reference implementation on a real chain: starts the lab, runs buyer.mjs (artui buys),
# worker.mjs and sell.mjs (artui sells) and the comparisons with viem, ends the lab. BIN: folder of the program.
# Arguments go to buyer.mjs (part of a case's name) and leave the rest out. Prints "ok NAME", "FAIL NAME: why", or one SKIP where there can be no lab.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BIN=$(cd "${BIN:-build/release}" && pwd)
dir=$(mktemp -d)
trap 'sh "$here/lab.sh" stop "$dir/lab"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
rc=0
sh "$here/lab.sh" start "$dir/lab" 2>"$dir/start.log" || rc=$?
case $rc in
0) ;;
75) echo "SKIP x402-lab: $(tail -n 1 "$dir/start.log")"; exit 0 ;;
*) echo "FAIL x402-lab: $(tail -n 3 "$dir/start.log")"; exit 1 ;;
esac
. "$dir/lab/env"
bad=0
[ $# != 0 ] || ARTUI_TEST_DIR=$dir/worker BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/worker.mjs" || bad=1
[ $# != 0 ] || ARTUI_TEST_DIR=$dir/sell BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/sell.mjs" || bad=1
[ $# != 0 ] || CHAIN_DUMP=$BIN/tests/chain_dump "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/viem.mjs" || bad=1
[ $# != 0 ] || ARTUI_TEST_DIR=$dir/discover BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/discover.mjs" || bad=1
[ $# != 0 ] || ERC8004_DUMP=$BIN/tests/erc8004_dump "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/identity.mjs" || bad=1
# Last: it ends by moving the chain's clock two hours ahead.
ARTUI_TEST_DIR=$dir/buyer BIN=$BIN "$ARTUI_LAB_NODE" "$ARTUI_LAB_HOME/buyer.mjs" "$@" || bad=1
exit $bad
