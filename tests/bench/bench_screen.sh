#!/bin/sh
# bench_screen.sh - the dashboard on a store of 10,000 experiments: first frame, key to frame, and
# what a minute of nothing costs.    BIN=build/release tests/bench/bench_screen.sh [SECONDS]
set -eu
cd "$(dirname "$0")/../.."
bin=${BIN:-build/release}/tests
seconds=${1:-60}
for tool in mkfixture driver bench_frame; do
	[ -x "$bin/$tool" ] || { echo "SKIP: $bin/$tool is not built (make tools)"; exit 0; }
done
tmp=$(mktemp -d /tmp/artui-bench-screen.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
"$bin/mkfixture" large "$tmp/large.db" 10000
echo "store of 10000 experiments, $(du -k "$tmp/large.db" | cut -f1) KiB; terminal 120x40"
"$bin/bench_frame" first 15 "$bin/driver" "$tmp/large.db"
"$bin/bench_frame" keys 100 "$bin/driver" --panel experiments "$tmp/large.db"
# the clock stands still, so that not even a night's elapsed time changes
ARTUI_NOW=1795392840 "$bin/bench_frame" idle "$seconds" "$bin/driver" "$tmp/large.db"
