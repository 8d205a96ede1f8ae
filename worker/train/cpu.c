/* cpu.c - which instruction sets may be used here, and which of them is fastest. */

#include "worker/train/kernel.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARCH_REQ_XCOMP_PERM 0x1023 /* ask the kernel for a large register state */
#define XFEATURE_TILE_DATA 18

/* Register states the operating system saves; bits as in XCR0. */
#define XCR0_AVX 0x6u
#define XCR0_AVX512 0xe6u
#define XCR0_AMX 0x60000u

struct cpu_bits {
	bool avx2, avx512, avx512bf16, avx512fp16, amx;
};

static uint64_t read_xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static bool all_set(uint64_t word, uint64_t mask)
{
	return (word & mask) == mask;
}

/* Feature bits, never the model number: virtual machines mask that. */
static struct cpu_bits cpu_bits(void)
{
	const unsigned need_1c = 1u << 12 | 1u << 27 | 1u << 28; /* FMA, OSXSAVE, AVX */
	/* AVX512 F, DQ, BW, VL */
	const unsigned need_512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
	struct cpu_bits b = { 0 };
	unsigned a1, b1, c1, d1, a7, b7, c7, d7, as, bs, cs, ds;
	uint64_t xcr0;

	if (!__get_cpuid(1, &a1, &b1, &c1, &d1) || !all_set(c1, need_1c) ||
	    !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7))
		return b;
	xcr0 = read_xcr0();
	b.avx2 = all_set(xcr0, XCR0_AVX) && (b7 & 1u << 5);
	b.avx512 = b.avx2 && all_set(xcr0, XCR0_AVX512) && all_set(b7, need_512);
	b.avx512fp16 = b.avx512 && (d7 & 1u << 23);
	if (!b.avx512 || a7 < 1 || !__get_cpuid_count(7, 1, &as, &bs, &cs, &ds))
		return b;
	b.avx512bf16 = as & 1u << 5;
	/* AMX_BF16, AMX_TILE; using tiles without the permission is a fatal signal */
	b.amx = b.avx512bf16 && all_set(xcr0, XCR0_AMX) && all_set(d7, 1u << 22 | 1u << 24) &&
		syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
	return b;
}
#endif

bool cpu_has(enum model_kernel k)
{
#if defined(__x86_64__)
	struct cpu_bits b = cpu_bits();

	switch (k) {
	case MODEL_KERNEL_AUTO:
	case MODEL_KERNEL_PLAIN:
		return true;
	case MODEL_KERNEL_AVX2:
		return b.avx2;
	case MODEL_KERNEL_AVX512:
		return b.avx512;
	case MODEL_KERNEL_AVX512BF16:
		return b.avx512bf16;
	case MODEL_KERNEL_AVX512FP16:
		return b.avx512fp16;
	case MODEL_KERNEL_AMX:
		return b.amx;
	case MODEL_KERNEL_COUNT:
		break;
	}
	return false;
#else
	return k == MODEL_KERNEL_AUTO || k == MODEL_KERNEL_PLAIN;
#endif
}

const struct kernel_ops *cpu_kernel(enum model_kernel k)
{
	switch (k) {
	case MODEL_KERNEL_PLAIN:
		return &kernel_plain;
#if defined(__x86_64__)
	case MODEL_KERNEL_AVX2:
		return &kernel_avx2;
	case MODEL_KERNEL_AVX512:
		return &kernel_avx512;
	case MODEL_KERNEL_AVX512BF16:
		return &kernel_avx512bf16;
	case MODEL_KERNEL_AVX512FP16:
		return &kernel_avx512fp16;
	case MODEL_KERNEL_AMX:
		return &kernel_amx;
#else
	case MODEL_KERNEL_AVX2:
	case MODEL_KERNEL_AVX512:
	case MODEL_KERNEL_AVX512BF16:
	case MODEL_KERNEL_AVX512FP16:
	case MODEL_KERNEL_AMX:
#endif
	case MODEL_KERNEL_AUTO:
	case MODEL_KERNEL_COUNT:
		break;
	}
	return NULL;
}

/*
 * vdpbf16ps runs at twice the fp32 rate on some processors and at half of it on others, so between
 * the AVX-512 kernels a measurement decides. Of its peak fp16 gets less: its sums go to fp32 often.
 */
enum model_kernel cpu_best_kernel(void)
{
	static const struct {
		enum model_kernel kernel;
		double share;
	} rivals[] = {
		{ MODEL_KERNEL_AVX512, 1 },
		{ MODEL_KERNEL_AVX512BF16, 1 },
		{ MODEL_KERNEL_AVX512FP16, 0.85 },
	};
	enum model_kernel best = MODEL_KERNEL_AVX512;
	double most = 0;
	size_t i;

	if (cpu_has(MODEL_KERNEL_AMX))
		return MODEL_KERNEL_AMX;
	if (!cpu_has(MODEL_KERNEL_AVX512))
		return cpu_has(MODEL_KERNEL_AVX2) ? MODEL_KERNEL_AVX2 : MODEL_KERNEL_PLAIN;
	for (i = 0; i < ART_COUNT(rivals); i++) {
		double rate = cpu_has(rivals[i].kernel) ?
				      rivals[i].share * cpu_kernel(rivals[i].kernel)->peak(0.005) : 0;

		if (rate > most) {
			most = rate;
			best = rivals[i].kernel;
		}
	}
	return best;
}

static const char *const kernel_names[MODEL_KERNEL_COUNT] = {
#define KERNEL_NAME(name, text) [MODEL_KERNEL_##name] = text,
	MODEL_KERNEL_LIST(KERNEL_NAME)
#undef KERNEL_NAME
};

const char *model_kernel_name(enum model_kernel k)
{
	return (unsigned)k < MODEL_KERNEL_COUNT ? kernel_names[k] : "unknown";
}

bool model_kernel_parse(const char *name, enum model_kernel *out)
{
	int k;

	for (k = 0; k < MODEL_KERNEL_COUNT; k++)
		if (!strcmp(name, kernel_names[k])) {
			*out = (enum model_kernel)k;
			return true;
		}
	return false;
}

bool model_kernel_available(enum model_kernel k)
{
	return cpu_has(k);
}

double model_kernel_peak(enum model_kernel k, int threads)
{
	const struct kernel_ops *ops;
	double sum = 0;
	int i;

	if (k == MODEL_KERNEL_AUTO)
		k = cpu_best_kernel();
	ops = cpu_kernel(k);
	if (!ops || !cpu_has(k))
		return 0;
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(+ : sum)
	for (i = 0; i < threads; i++)
		sum += ops->peak(0.05);
	return sum;
}
