/* kernel_amx.c - the model's operations by AMX tiles (AVX512_BF16 flags, -mamx-tile -mamx-bf16). */

#include "worker/train/kernel.h"

#if defined(__x86_64__)
#if !defined(__AMX_BF16__) && !defined(__AMXBF16__) /* clang 14 spells it so */
#error "this file needs its -m flags, see the Makefile"
#endif

#include "worker/train/kernel/gemm_amx.h"

#define KERNEL_TABLE kernel_amx
#define KERNEL_ID MODEL_KERNEL_AMX

#include "worker/train/kernel/body.h"

#endif
