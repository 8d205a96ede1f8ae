#!/bin/sh
# Training steps of artui-train beside PyTorch's on the same model, tokens and threads.
#
#   [ROUNDS=5] [SECS=6] [LIMIT=20] bench_vs_torch.sh [--kernel NAME] [--depth N] [--width N] [--heads N] [--seq N]
#                       [--vocab N] [--window PATTERN] [--tokens N] [--rows N] [--threads N]
#
# The programs run one after another in every round, so that a busy machine disturbs all of them;
# ratios are taken within a round, artui over the better of PyTorch fp32 and bf16, and their
# median is the result. PyTorch runs twice: as Debian installs it (only the number of threads is
# set; its BLAS is the system's), and in the environment that was found best for it: OpenBLAS with
# OpenMP threads (its own threads fight PyTorch's), malloc settings that keep large temporaries
# mapped, huge pages.
# PyTorch fp32 can be very slow (on the reference BLAS, or when its threads fight OpenBLAS's): a run
# that has taken LIMIT seconds ends with the step it is in, and one without a step in 5 times that
# counts as 0.
# BIN names artui's build, PYTHON an interpreter with torch. Exit 1 when a program fails.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-build/release}
PYTHON=${PYTHON:-/usr/bin/python3}
ROUNDS=${ROUNDS:-5}
SECS=${SECS:-6}
LIMIT=${LIMIT:-20}
if ! "$PYTHON" -c 'import torch' 2>/dev/null; then
	echo "SKIP bench_vs_torch: $PYTHON has no torch (Debian: python3-torch libopenblas0-openmp)"
	exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

kernel=auto threads=2
shape=""
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || { echo "bench_vs_torch: $1 needs a value" >&2; exit 2; }
	case $1 in
	--kernel) kernel=$2 ;;
	--threads) threads=$2; shape="$shape $1 $2" ;;
	--depth | --width | --heads | --seq | --vocab | --window | --tokens | --rows) shape="$shape $1 $2" ;;
	*) echo "bench_vs_torch: unknown option $1" >&2; exit 2 ;;
	esac
	shift 2
done

blas=
for d in /usr/lib/*/openblas-openmp; do [ -e "$d/libblas.so.3" ] && blas=$d; done
[ -n "$blas" ] || echo "note: libopenblas0-openmp is not installed; PyTorch fp32 runs on another BLAS"

torch() { # PRECISION; the environment is the caller's
	timeout -k 5 $((5 * LIMIT)) "$PYTHON" tests/bench/torch_bench.py --precision "$1" \
		--seconds "$SECS" --limit "$LIMIT" $shape
}
artui() { "$BIN/tests/bench_train" --kernel "$kernel" --seconds "$SECS" --json $shape; }
# OpenBLAS's variables are a hypervisor's work-around, where they are set; they would slow it
peer() (
	unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS
	export LD_LIBRARY_PATH="$blas" OMP_NUM_THREADS="$threads" GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
		MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 \
		MALLOC_TOP_PAD_=268435456
	torch "$1"
)
installed() (
	unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS
	export OMP_NUM_THREADS="$threads"
	torch "$1"
)
measure() { # FILE COMMAND...: a run that came to no step leaves an empty file
	file=$1
	shift
	"$@" >"$file"
	case $? in
	0) ;;
	124 | 137) : >"$file" ;; # timeout's, when asking was enough and when it was not
	*) return 1 ;;
	esac
}
i=0
while [ "$i" -lt "$ROUNDS" ]; do
	i=$((i + 1))
	artui >"$work/artui.$i" || exit 1
	measure "$work/ifp32.$i" installed fp32 || exit 1
	measure "$work/ibf16.$i" installed bf16 || exit 1
	measure "$work/fp32.$i" peer fp32 || exit 1
	measure "$work/bf16.$i" peer bf16 || exit 1
done

"$PYTHON" - "$work" "$ROUNDS" "${blas:-the default BLAS}" <<'PY'
import json, statistics, sys

folder, rounds, blas = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def load(kind):
    texts = (open(f"{folder}/{kind}.{i + 1}", encoding="utf-8").read() for i in range(rounds))
    none = {"tokens_per_second": 0, "step_ms": float("inf"), "optimizer_ms": float("inf")}
    return [json.loads(t) if t else none for t in texts]


artui, fp32, bf16 = load("artui"), load("fp32"), load("bf16")
ifp32, ibf16 = load("ifp32"), load("ibf16")
for a in artui:
    a.update(a["kernels"][0])
t = next((r for r in bf16 + fp32 + ibf16 + ifp32 if "cpu" in r), None)
if not t:
    sys.exit("bench_vs_torch: PyTorch came to no step")
print(f"cpu: {t['cpu']}, {t['threads']} threads; PyTorch {t['version']}, oneDNN, BLAS from {blas}")
print(f"shape: depth {t['depth']}, width {t['width']}, {t['heads']} heads, {t['seq_len']} positions, "
      f"vocabulary {t['vocab']}, window {t['window']}, {t['tokens_per_step']} tokens a step")
print(f"{'forward, backward, optimizer':34} {'tokens/s':>9} {'worst':>8} {'best':>8} {'step ms':>8} "
      f"{'optim ms':>8}   of {rounds} rounds' medians")
for name, runs in ((f"artui-train, {artui[0]['kernel']}", artui),
                   ("PyTorch fp32, as installed", ifp32),
                   ("PyTorch bf16, as installed", ibf16),
                   ("PyTorch fp32, best settings", fp32),
                   ("PyTorch bf16, best settings", bf16)):
    speed = [r["tokens_per_second"] for r in runs]
    mid = lambda key: statistics.median(r[key] for r in runs)
    print(f"{name:34.34} {statistics.median(speed):9.0f} {min(speed):8.0f} {max(speed):8.0f} "
          f"{mid('step_ms'):8.1f} {mid('optimizer_ms'):8.1f}")
for what, x, y in (("as installed", ifp32, ibf16), ("in its best settings", fp32, bf16)):
    best = [max(p["tokens_per_second"], q["tokens_per_second"]) for p, q in zip(x, y)]
    ratio = sorted(a["tokens_per_second"] / b if b else float("inf") for a, b in zip(artui, best))
    print(f"artui over the better PyTorch {what}, by round: {' '.join(f'{r:.2f}' for r in ratio)}; "
          f"median {statistics.median(ratio):.2f}")
share = [100 * a["flops"] / a["peak_flops"] for a in artui]
print(f"artui reaches {statistics.median(share):.0f} % of its kernel's measured peak "
      f"({statistics.median(a['peak_flops'] for a in artui) / 1e9:.0f} GFLOP/s)")
PY
