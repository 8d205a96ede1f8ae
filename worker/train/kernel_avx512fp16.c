/* kernel_avx512fp16.c - the model's operations by fp16 multiply-add (AVX-512 flags, -mavx512fp16). */

#include "worker/train/kernel.h"

#if defined(__x86_64__)
#if !defined(__AVX512FP16__)
#error "this file needs its -m flags, see the Makefile"
#endif

#include "worker/train/kernel/gemm_avx512fp16.h"

#define KERNEL_TABLE kernel_avx512fp16
#define KERNEL_ID MODEL_KERNEL_AVX512FP16
#define KERNEL_WIDER kernel_avx512

#include "worker/train/kernel/body.h"

#endif
