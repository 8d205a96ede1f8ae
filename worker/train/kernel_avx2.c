/* kernel_avx2.c - the model's operations by AVX2 and FMA (build with -mavx2 -mfma). */

#include "worker/train/kernel.h"

#if defined(__x86_64__)
#if !defined(__AVX2__)
#error "this file needs its -m flags, see the Makefile"
#endif

#include "worker/train/kernel/gemm_fma.h"

#define KERNEL_TABLE kernel_avx2
#define KERNEL_ID MODEL_KERNEL_AVX2

#include "worker/train/kernel/body.h"

#endif
