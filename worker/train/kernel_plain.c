/* kernel_plain.c - the model's operations in portable C: any processor, and the reference. */

#include "worker/train/kernel.h"

#include "worker/train/kernel/gemm_plain.h"

#define KERNEL_TABLE kernel_plain
#define KERNEL_ID MODEL_KERNEL_PLAIN

#include "worker/train/kernel/body.h"

