/*
 * hardware.h - what this machine is, as far as it decides which numbers compare.
 *
 * Layer: core. Reads /proc. Threads: any.
 */
#ifndef CORE_EXEC_HARDWARE_H
#define CORE_EXEC_HARDWARE_H

#include "store/base.h"

/* "AMD EPYC 9B14": the processor's name without trade marks and clock; "cpu" when not told. */
void hardware_cpu(char *out, size_t n);
/* The same from the text of a cpuinfo file. */
void hardware_cpu_parse(char *out, size_t n, const char *cpuinfo);
/* Processors this process may run on. */
int hardware_threads(void);
/* Bytes of memory that can be had without swapping; unknown off Linux's /proc. */
struct opt_i64 hardware_free_memory(void);
/* "NVIDIA H100 80GB HBM3 x1" from the driver's files; false without one. */
ART_MUST_USE bool hardware_gpu(char *out, size_t n);
/* Kernel's count of processes killed for want of memory since boot; 0 when not told. */
int64_t hardware_oom_kills(void);

#endif
