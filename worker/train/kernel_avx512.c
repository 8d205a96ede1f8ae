/* kernel_avx512.c - the model's operations by AVX-512 fp32 (-mavx512f,bw,vl,dq -mfma). */

#include "worker/train/kernel.h"

#if defined(__x86_64__)
#if !defined(__AVX512F__)
#error "this file needs its -m flags, see the Makefile"
#endif

#include "worker/train/kernel/gemm_fma.h"

#define KERNEL_TABLE kernel_avx512
#define KERNEL_ID MODEL_KERNEL_AVX512

#include "worker/train/kernel/body.h"

#endif
