/*
 * gpu.c - NVML by dlopen.
 *
 * The functions are declared here from NVIDIA's API reference; of each the oldest version is asked for that
 * tells what we need, so that every driver since 2013 will do. What a driver lacks stays unknown.
 */
#include "core/exec/gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nvmlReturn_t, the ones that are told apart. */
#define NVML_SUCCESS 0
#define NVML_DRIVER_NOT_LOADED 9
#define NVML_GPU_IS_LOST 15
#define NVML_RESET_REQUIRED 16

#define NVML_TEMPERATURE_GPU 0
/*
 * Clocks throttle reasons: power cap, hardware slowdown, thermal slowdown of software and hardware, power
 * brake. Not: idle, user's clocks, sync boost, display clock.
 */
#define THROTTLED (0x4ull | 0x8ull | 0x20ull | 0x40ull | 0x80ull)
#define TEXT_MAX 96

struct nvml_memory {
	unsigned long long total, free, used;
};
struct nvml_utilization {
	unsigned gpu, memory; /* percent */
};
struct nvml_pci {
	char bus_id_legacy[16];
	unsigned domain, bus, device, device_id, subsystem_id;
	char bus_id[32];
};
typedef void *nvml_device;

struct nvml {
	int (*init)(void);
	int (*shutdown)(void);
	int (*count)(unsigned *n);
	int (*handle)(unsigned index, nvml_device *out);
	int (*driver)(char *out, unsigned n);
	const char *(*error)(int code);
	int (*name)(nvml_device d, char *out, unsigned n);
	int (*uuid)(nvml_device d, char *out, unsigned n);
	int (*pci)(nvml_device d, struct nvml_pci *out);
	int (*minor)(nvml_device d, unsigned *out);
	int (*memory)(nvml_device d, struct nvml_memory *out);
	int (*utilization)(nvml_device d, struct nvml_utilization *out);
	int (*temperature)(nvml_device d, int sensor, unsigned *celsius);
	int (*power)(nvml_device d, unsigned *milliwatt);
	int (*power_limit)(nvml_device d, unsigned *milliwatt);
	int (*throttle)(nvml_device d, unsigned long long *reasons);
};

struct gpus {
	void *library;
	struct nvml f;
	int n;
	char driver[TEXT_MAX];
};

/* name, another name, needed */
static const struct symbol {
	size_t at;
	const char *name, *other;
	bool needed;
} symbols[] = {
#define S(field, name, other, needed) { offsetof(struct nvml, field), name, other, needed }
	S(init, "nvmlInit_v2", NULL, true),
	S(shutdown, "nvmlShutdown", NULL, true),
	S(count, "nvmlDeviceGetCount_v2", NULL, true),
	S(handle, "nvmlDeviceGetHandleByIndex_v2", NULL, true),
	S(driver, "nvmlSystemGetDriverVersion", NULL, false),
	S(error, "nvmlErrorString", NULL, false),
	S(name, "nvmlDeviceGetName", NULL, false),
	S(uuid, "nvmlDeviceGetUUID", NULL, false),
	S(pci, "nvmlDeviceGetPciInfo_v3", NULL, false),
	S(minor, "nvmlDeviceGetMinorNumber", NULL, false),
	S(memory, "nvmlDeviceGetMemoryInfo", NULL, false),
	S(utilization, "nvmlDeviceGetUtilizationRates", NULL, false),
	S(temperature, "nvmlDeviceGetTemperature", NULL, false),
	S(power, "nvmlDeviceGetPowerUsage", NULL, false),
	S(power_limit, "nvmlDeviceGetEnforcedPowerLimit", NULL, false),
	S(throttle, "nvmlDeviceGetCurrentClocksThrottleReasons", "nvmlDeviceGetCurrentClocksEventReasons", false),
#undef S
};

static enum art_status load(struct gpus *g, const char *library, struct art_err *err)
{
	g->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!g->library)
		return art_fail(err, ART_UNSUPPORTED, "no NVIDIA driver: %s is missing", library);
	for (size_t i = 0; i < ART_COUNT(symbols); i++) {
		const struct symbol *s = &symbols[i];
		void *p = dlsym(g->library, s->name);
		if (!p && s->other)
			p = dlsym(g->library, s->other);
		if (!p && s->needed)
			return art_fail(err, ART_UNSUPPORTED, "%s lacks %s: a driver too old, or something else",
					library, s->name);
		memcpy((char *)&g->f + s->at, &p, sizeof(p));
	}
	return ART_OK;
}

static const char *reason(const struct gpus *g, int rc)
{
	const char *text = g->f.error ? g->f.error(rc) : NULL;

	return text ? text : "no reason given";
}

/* Text of the driver's, which may be unterminated. */
static void clean(char *out, size_t size, char *text, size_t n)
{
	text[n - 1] = 0;
	art_text_clean(out, size, text, strlen(text), false);
}

enum art_status gpus_open(struct gpus **out, const char *library, struct art_err *err)
{
	struct gpus *g = art_alloc(1, sizeof(*g));
	char text[TEXT_MAX] = "";
	unsigned n = 0;
	enum art_status st = load(g, library ? library : "libnvidia-ml.so.1", err);
	int rc;

	if (st)
		goto out;
	rc = g->f.init();
	if (rc != NVML_SUCCESS) {
		st = art_fail(err, ART_UNSUPPORTED, "the NVIDIA driver %s: %s",
			      rc == NVML_DRIVER_NOT_LOADED ? "is not loaded" : "does not start", reason(g, rc));
		goto out;
	}
	rc = g->f.count(&n);
	if (rc != NVML_SUCCESS || n == 0) {
		st = art_fail(err, ART_UNSUPPORTED, "the NVIDIA driver knows no GPU: %s",
			      rc ? reason(g, rc) : "it counts none");
		g->f.shutdown();
		goto out;
	}
	g->n = n < GPUS_MAX ? (int)n : GPUS_MAX;
	if (g->f.driver && g->f.driver(text, sizeof(text)) == NVML_SUCCESS)
		clean(g->driver, sizeof(g->driver), text, sizeof(text));
	*out = g;
	return ART_OK;
out:
	if (g->library)
		dlclose(g->library);
	free(g);
	return st;
}

void gpus_close(struct gpus *g)
{
	if (!g)
		return;
	g->f.shutdown();
	dlclose(g->library);
	free(g);
}

int gpus_count(const struct gpus *g)
{
	return g->n;
}

const char *gpus_driver(const struct gpus *g)
{
	return g->driver;
}

/* One reading: true when there is a value; *lost when the GPU is. */
static bool took(int rc, bool *lost)
{
	if (rc == NVML_GPU_IS_LOST || rc == NVML_RESET_REQUIRED)
		*lost = true;
	return rc == NVML_SUCCESS;
}

static void read_names(const struct nvml *f, nvml_device d, struct gpu_facts *out, bool *lost)
{
	struct nvml_pci pci = { .domain = 0 };
	char text[TEXT_MAX] = "";
	unsigned minor = 0;

	if (f->name && took(f->name(d, text, sizeof(text)), lost))
		clean(out->name, sizeof(out->name), text, sizeof(text));
	memset(text, 0, sizeof(text));
	if (f->uuid && took(f->uuid(d, text, sizeof(text)), lost))
		clean(out->uuid, sizeof(out->uuid), text, sizeof(text));
	if (f->pci && took(f->pci(d, &pci), lost))
		clean(out->pci, sizeof(out->pci), pci.bus_id, sizeof(pci.bus_id));
	if (f->minor && took(f->minor(d, &minor), lost) && minor < 1024)
		out->minor = (int)minor;
}

static void read_meters(const struct nvml *f, nvml_device d, struct gpu_facts *out, bool *lost)
{
	struct nvml_memory m = { 0, 0, 0 };
	struct nvml_utilization u = { 0, 0 };
	unsigned long long reasons = 0;
	unsigned v = 0;

	if (f->memory && took(f->memory(d, &m), lost)) {
		out->mem_total_mb = OPT_F64((double)m.total / (1 << 20));
		out->mem_used_mb = OPT_F64((double)m.used / (1 << 20));
	}
	if (f->utilization && took(f->utilization(d, &u), lost) && u.gpu <= 100)
		out->utilisation = OPT_F64(u.gpu / 100.0);
	if (f->temperature && took(f->temperature(d, NVML_TEMPERATURE_GPU, &v), lost) && v < 300)
		out->temperature_c = OPT_F64(v);
	if (f->power && took(f->power(d, &v), lost))
		out->power_w = OPT_F64(v / 1000.0);
	if (f->power_limit && took(f->power_limit(d, &v), lost))
		out->power_limit_w = OPT_F64(v / 1000.0);
	if (f->throttle && took(f->throttle(d, &reasons), lost)) {
		out->throttled_known = true;
		out->throttled = (reasons & THROTTLED) != 0;
	}
}

enum art_status gpus_read(struct gpus *g, int index, struct gpu_facts *out, struct art_err *err)
{
	nvml_device d = NULL;
	bool lost = false;
	int rc;

	ART_BUG_ON(index < 0 || index >= g->n);
	memset(out, 0, sizeof(*out));
	out->index = index;
	out->minor = -1;
	rc = g->f.handle((unsigned)index, &d);
	if (rc != NVML_SUCCESS)
		return art_fail(err, ART_IO, "GPU %d does not answer: %s", index, reason(g, rc));
	read_names(&g->f, d, out, &lost);
	read_meters(&g->f, d, out, &lost);
	if (lost)
		return art_fail(err, ART_IO, "GPU %d is lost: it has to be reset, or the machine restarted", index);
	return ART_OK;
}
