/*
 * gpu.h - NVIDIA GPUs by NVML, opened at run time: one program runs with and without a driver.
 *
 * Layer: core. Threads: one struct gpus per thread. Source: NVML API reference (the few functions are declared in gpu.c: the
 * toolkit of some systems has no nvml.h).
 */
#ifndef CORE_EXEC_GPU_H
#define CORE_EXEC_GPU_H

#include "store/base.h"

#define GPUS_MAX 16

struct gpu_facts {
	int index;
	int minor;                         /* /dev/nvidia<minor>; -1 unknown */
	char name[64], uuid[48], pci[24];
	struct opt_f64 mem_total_mb, mem_used_mb, utilisation; /* 0..1 */
	struct opt_f64 temperature_c, power_w, power_limit_w;
	bool throttled_known, throttled; /* by heat or power, not by idleness or a user's clock limit */
};
struct gpus;
/* UNSUPPORTED: no driver, or no GPU ("no NVIDIA driver: libnvidia-ml.so.1 is missing"). @library NULL: the usual name. */
ART_MUST_USE enum art_status gpus_open(struct gpus **out, const char *library, struct art_err *err);
void gpus_close(struct gpus *g); /* NULL is fine */
int gpus_count(const struct gpus *g);
/* What can be read is known, the rest unknown; IO only when the GPU is lost. */
ART_MUST_USE enum art_status gpus_read(struct gpus *g, int index, struct gpu_facts *out,
				       struct art_err *err);
const char *gpus_driver(const struct gpus *g); /* version text, "" unknown */

#endif
