#!/bin/sh
# The test command behind `make check`: builds what tests need, runs them, counts.
#   check.sh all    lint, gcc and clang with -Werror, unit tests under ASan+UBSan, TSan subset, fuzz
#                   corpora, screens, command line, kill -9, hostile buyers, x402 against its reference
#                   implementation on a real chain, PyTorch parity
#   check.sh fast   lint and unit tests;   fault  500 kills;   tsan  threads only
# A test program is counted by cmocka's closing lines, a script by its lines "ok NAME", "FAIL NAME",
# "SKIP NAME: why". A program that fails without a counted failure counts as one. The last line is
# "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
what=${1:-all}
make=${MAKE:-make}
jobs=$(nproc)
log=build/check
mkdir -p "$log"
passed=0 failed=0 skipped=0
export LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR ARTUI_NOW ARTUI_LOG XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME 2>/dev/null
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
export CMOCKA_MESSAGE_OUTPUT=STDOUT

count() { # name, log file, exit status
	p=$(grep -cE '^ok( |$)' "$2"); f=$(grep -cE '^FAIL( |$)' "$2"); s=$(grep -cE '^SKIP( |$)' "$2")
	cp=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$2" | awk '{n+=$1} END{print n+0}')
	cf=$(sed -nE 's/^ *([0-9]+) FAILED TEST.*/\1/p' "$2" | awk '{n+=$1} END{print n+0}')
	cs=$(sed -nE 's/^\[  SKIPPED \] ([0-9]+) test.*/\1/p' "$2" | awk '{n+=$1} END{print n+0}')
	p=$((p + cp)) f=$((f + cf)) s=$((s + cs))
	if [ "$3" != 0 ] && [ "$f" = 0 ]; then f=1; fi
	if [ "$3" = 0 ] && [ $((p + f + s)) = 0 ]; then p=1; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" != 0 ]; then
		printf 'FAIL  %-28s %d passed, %d failed (%s)\n' "$1" "$p" "$f" "$2"
		grep -E '^FAIL|FAILED|ERROR|error:|Sanitizer|runtime error|Assertion' "$2" | head -20
		tail -n 15 "$2"
	else
		printf 'ok    %-28s %d passed%s\n' "$1" "$p" "$([ "$s" = 0 ] || echo ", $s skipped: $(grep -E '^SKIP' "$2" | head -3)")"
	fi
}
step() { # name, command...
	name=$1; shift
	timeout "${LIMIT:-900}" "$@" >"$log/$name.log" 2>&1 </dev/null
	count "$name" "$log/$name.log" $?
}
build() { # name, make arguments...: building is a test too
	name=$1; shift
	"$make" --no-print-directory -k -j"$jobs" "$@" >"$log/$name.log" 2>&1
	count "$name" "$log/$name.log" $?
}

release() { build build-gcc BUILD=build/release WERROR=-Werror programs tools; }
asan() { build build-asan BUILD=build/asan SAN=address,undefined WERROR=-Werror CFLAGS='-O1 -g' programs units replays; }
units() {
	for t in tests/unit/test_*.c; do
		n=$(basename "$t" .c)
		step "$n" "build/asan/tests/$n"
	done
}
tsan_tests="test_store test_bell test_core test_http test_http_batch test_httpd test_sell test_market test_market_thread test_runner"
tsan() {
	build build-tsan BUILD=build/tsan SAN=thread CFLAGS='-O1 -g' $(printf 'build/tsan/tests/%s ' $tsan_tests)
	for n in $tsan_tests; do step "tsan-$n" "build/tsan/tests/$n"; done
}
fuzz_corpora() {
	for f in tests/fuzz/fuzz_*.c; do
		n=$(basename "$f" .c)
		step "replay-$n" "build/asan/tests/replay_$n" "tests/fuzz/corpus/${n#fuzz_}"
	done
}

case $what in
all)
	release
	BUILD=build/release step lint tests/lint.sh
	build build-clang BUILD=build/clang CC=clang WERROR=-Werror programs
	asan
	units
	tsan
	fuzz_corpora
	for t in $(ls tests/cli/*.sh | grep -v /lib.sh); do BIN=build/release step "cli-$(basename "$t" .sh)" sh "$t"; done
	BIN=build/release step screens sh tests/screens/run.sh
	BIN=build/release step kill-9 sh tests/fault/kill_night.sh 12
	BIN=build/release step x402-lab sh tests/interop/x402/run.sh
	BIN=build/release step kill-9-pay sh tests/fault/kill_pay.sh 12
	BIN=build/release step kill-9-worker sh tests/fault/kill_worker.sh 12
	BIN=build/release step hostile-worker sh tests/fault/worker_hostile.sh
	BIN=build/release LIMIT=1500 step pytorch-parity /usr/bin/python3 tests/interop/parity.py
	;;
fast) release; BUILD=build/release step lint tests/lint.sh; asan; units ;;
fault) release; BIN=build/release LIMIT=5400 step kill-9 sh tests/fault/kill_night.sh 200
	BIN=build/release LIMIT=5400 step kill-9-pay sh tests/fault/kill_pay.sh 200
	BIN=build/release LIMIT=5400 step kill-9-worker sh tests/fault/kill_worker.sh 100
	BIN=build/release step hostile-worker sh tests/fault/worker_hostile.sh ;;
tsan) release; tsan ;;
*) echo "usage: check.sh all|fast|fault|tsan" >&2; exit 2 ;;
esac
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
