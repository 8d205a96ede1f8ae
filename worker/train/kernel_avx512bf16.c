/* kernel_avx512bf16.c - the model's operations by vdpbf16ps (AVX-512 flags and -mavx512bf16). */

#include "worker/train/kernel.h"

#if defined(__x86_64__)
#if !defined(__AVX512BF16__)
#error "this file needs its -m flags, see the Makefile"
#endif

#include "worker/train/kernel/gemm_avx512bf16.h"

#define KERNEL_TABLE kernel_avx512bf16
#define KERNEL_ID MODEL_KERNEL_AVX512BF16

#include "worker/train/kernel/body.h"

#endif
