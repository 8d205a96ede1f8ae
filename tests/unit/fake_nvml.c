/*
 * fake_nvml.c - a driver library for test_gpu, told by environment variables what to be.
 *
 * Built with FAKE_old it leaves out what old drivers lack (and has the new name of one function), with FAKE_bare even what we cannot do without.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

struct memory {
	unsigned long long total, free, used;
};
struct utilization {
	unsigned gpu, memory;
};
struct pci {
	char legacy[16];
	unsigned a, b, c, d, e;
	char bus[32];
};

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **out);
int nvmlSystemGetDriverVersion(char *out, unsigned n);
const char *nvmlErrorString(int code);
int nvmlDeviceGetName(void *d, char *out, unsigned n);
int nvmlDeviceGetUUID(void *d, char *out, unsigned n);
int nvmlDeviceGetPciInfo_v3(void *d, struct pci *p);
int nvmlDeviceGetMinorNumber(void *d, unsigned *v);
int nvmlDeviceGetMemoryInfo(void *d, struct memory *m);
int nvmlDeviceGetUtilizationRates(void *d, struct utilization *u);
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *v);
int nvmlDeviceGetPowerUsage(void *d, unsigned *v);
int nvmlDeviceGetEnforcedPowerLimit(void *d, unsigned *v);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *v);
int nvmlDeviceGetCurrentClocksEventReasons(void *d, unsigned long long *v);

static long number(const char *name, long otherwise)
{
	const char *s = getenv(name);

	return s ? strtol(s, NULL, 10) : otherwise;
}

/* What every reading of a device answers first: lost, or not supported. */
static int state(void *d)
{
	if ((long)(size_t)d - 1 == number("FAKE_LOST", -1))
		return 15;
	return (int)number("FAKE_READING", 0);
}

API int nvmlInit_v2(void) { return (int)number("FAKE_INIT", 0); }
API int nvmlShutdown(void) { return 0; }
API int nvmlDeviceGetCount_v2(unsigned *n)
{
	*n = (unsigned)number("FAKE_COUNT", 2);
	return 0;
}
#ifndef FAKE_bare
API int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **out)
{
	*out = (void *)(size_t)(i + 1);
	return (long)i == number("FAKE_NO_HANDLE", -1) ? 15 : 0;
}
#endif
API int nvmlDeviceGetName(void *d, char *out, unsigned n)
{
	if (state(d))
		return state(d);
	if (number("FAKE_UNTERMINATED", 0))
		memset(out, 'N', n);
	else
		snprintf(out, n, "Fake \033[31mGPU %d", (int)(size_t)d - 1);
	return 0;
}
API int nvmlDeviceGetMemoryInfo(void *d, struct memory *m)
{
	m->total = 80ull << 30;
	m->used = 1ull << 30;
	m->free = m->total - m->used;
	return state(d);
}
#if defined(FAKE_old) || defined(FAKE_bare)
API int nvmlDeviceGetCurrentClocksEventReasons(void *d, unsigned long long *v)
{
	*v = (unsigned long long)number("FAKE_REASONS", 0);
	return state(d);
}
#else
API int nvmlSystemGetDriverVersion(char *out, unsigned n)
{
	snprintf(out, n, "555.42");
	return 0;
}
API const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "Some Error"; }
API int nvmlDeviceGetUUID(void *d, char *out, unsigned n)
{
	snprintf(out, n, "GPU-1234");
	return state(d);
}
API int nvmlDeviceGetPciInfo_v3(void *d, struct pci *p)
{
	snprintf(p->bus, sizeof(p->bus), "00000000:1B:00.0");
	return state(d);
}
API int nvmlDeviceGetMinorNumber(void *d, unsigned *v)
{
	*v = (unsigned)number("FAKE_MINOR", (long)(size_t)d + 2);
	return state(d);
}
API int nvmlDeviceGetUtilizationRates(void *d, struct utilization *u)
{
	u->gpu = 97;
	u->memory = 3;
	return state(d);
}
API int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *v)
{
	*v = (unsigned)number("FAKE_CELSIUS", 61);
	return sensor ? 2 : state(d);
}
API int nvmlDeviceGetPowerUsage(void *d, unsigned *v)
{
	*v = 351500;
	return state(d);
}
API int nvmlDeviceGetEnforcedPowerLimit(void *d, unsigned *v)
{
	*v = 700000;
	return state(d);
}
API int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *v)
{
	*v = (unsigned long long)number("FAKE_REASONS", 0);
	return state(d);
}
#endif
