#!/bin/sh
# make bench: every benchmark once, each beside a named peer or limit of the same run.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-build/release}
export BIN
echo "machine: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1), $(nproc) processors, $(uname -sr)"
for b in tests/bench/bench_*.c; do
	n=$(basename "$b" .c)
	printf '\n== %s\n' "$n"
	"$BIN/tests/$n" || echo "$n failed with status $?"
done
for s in tests/bench/bench_*.sh; do
	[ -e "$s" ] || continue
	printf '\n== %s\n' "$(basename "$s" .sh)"
	sh "$s" || echo "$s failed with status $?"
done
