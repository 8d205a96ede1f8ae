#!/bin/sh
# make fuzz: every fuzz target under libFuzzer, ASan and UBSan, starting from its corpus.
#   [FUZZ_SECONDS=60] tests/fuzz/run.sh [NAME...]      NAME as in fuzz_NAME.c; default all
# New inputs stay in build/fuzz/found/NAME; an input that breaks a property is named on a FAIL line.
# Exit 1 on any failure.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-60}
make=${MAKE:-make}
dir=build/fuzz
[ $# -gt 0 ] || set -- $(basename -a -s .c tests/fuzz/fuzz_*.c | sed 's/^fuzz_//')
"$make" -s --no-print-directory -j"$(nproc)" BUILD=$dir CC=clang SAN=fuzzer-no-link,address,undefined \
	CFLAGS='-O1 -g' $dir/libscreen.a $dir/libcore.a $dir/libtrain.a $dir/libstore.a || exit 1
failed=0
for name in "$@"; do
	bin=$dir/fuzz_$name
	found=$dir/found/$name
	mkdir -p "$found"
	clang -std=gnu11 -O1 -g -I. -D_GNU_SOURCE= -pthread -fopenmp -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o "$bin" "tests/fuzz/fuzz_$name.c" -Wl,--start-group $dir/libscreen.a \
		$dir/libcore.a $dir/libtrain.a $dir/libstore.a -Wl,--end-group -linih -lncursesw -ltinfo \
		-lcurl -lsecp256k1 -lseccomp -lsqlite3 -lcjson -lcrypto -lm || exit 1
	if "$bin" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$found/" "$found" "tests/fuzz/corpus/$name" >"$dir/$name.log" 2>&1; then
		echo "ok fuzz $name: $(awk '/number_of_executed_units/ {print $2}' "$dir/$name.log") inputs in $seconds s"
	else
		echo "FAIL fuzz $name: $(grep -E 'ERROR:|runtime error|bug:|Test unit written' "$dir/$name.log" | head -4 | tr '\n' ' ')"
		failed=1
	fi
done
exit $failed
