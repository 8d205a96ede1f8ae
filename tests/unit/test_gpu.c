/*
 * test_gpu.c - NVML through a library of our own that can be whole, old, broken, and lose its GPUs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/exec/gpu.h"

static void library(char out[PATH_MAX], const char *name)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(n > 0);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	snprintf(out, PATH_MAX, "%.3000s/%s", exe, name);
}

static struct gpus *open_fake(const char *name)
{
	char path[PATH_MAX];
	struct gpus *g = NULL;
	struct art_err err;

	library(path, name);
	if (gpus_open(&g, path, &err))
		fail_msg("%s", err.text);
	return g;
}

static int clear(void **state)
{
	static const char *const names[] = { "FAKE_INIT", "FAKE_COUNT", "FAKE_LOST", "FAKE_READING", "FAKE_NO_HANDLE",
					     "FAKE_REASONS", "FAKE_UNTERMINATED", "FAKE_CELSIUS" };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(names); i++)
		unsetenv(names[i]);
	return 0;
}

static void gpus_must_be_read(void **state)
{
	struct gpus *g = open_fake("fake_nvml.so");
	struct gpu_facts f;

	(void)state;
	assert_int_equal(gpus_count(g), 2);
	assert_string_equal(gpus_driver(g), "555.42");
	assert_int_equal(gpus_read(g, 1, &f, NULL), ART_OK);
	assert_int_equal(f.index, 1);
	assert_int_equal(f.minor, 4);
	assert_string_equal(f.name, "Fake GPU 1"); /* the escape is gone */
	assert_string_equal(f.uuid, "GPU-1234");
	assert_string_equal(f.pci, "00000000:1B:00.0");
	assert_true(f.mem_total_mb.known && fabs(f.mem_total_mb.v - 81920) < 1e-9);
	assert_true(f.mem_used_mb.known && fabs(f.mem_used_mb.v - 1024) < 1e-9);
	assert_true(f.utilisation.known && fabs(f.utilisation.v - 0.97) < 1e-9);
	assert_true(f.temperature_c.known && fabs(f.temperature_c.v - 61) < 1e-9);
	assert_true(f.power_w.known && fabs(f.power_w.v - 351.5) < 1e-9);
	assert_true(f.power_limit_w.known && fabs(f.power_limit_w.v - 700) < 1e-9);
	assert_true(f.throttled_known && !f.throttled);
	gpus_close(g);
}

static void throttling_must_be_heat_or_power(void **state)
{
	static const struct {
		const char *reasons;
		bool throttled;
	} t[] = { { "1", false }, { "2", false }, { "4", true }, { "8", true }, { "16", false },
		  { "32", true }, { "64", true }, { "128", true }, { "256", false }, { "257", false }, { "65", true } };
	struct gpus *g = open_fake("fake_nvml.so");
	struct gpu_facts f;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		setenv("FAKE_REASONS", t[i].reasons, 1);
		assert_int_equal(gpus_read(g, 0, &f, NULL), ART_OK);
		assert_true(f.throttled_known);
		assert_int_equal(f.throttled, t[i].throttled);
	}
	gpus_close(g);
}

static void missing_functions_must_leave_values_unknown(void **state)
{
	struct gpus *g = open_fake("fake_nvml_old.so");
	struct gpu_facts f;

	(void)state;
	setenv("FAKE_REASONS", "64", 1);
	assert_int_equal(gpus_read(g, 0, &f, NULL), ART_OK);
	assert_string_equal(gpus_driver(g), "");
	assert_string_equal(f.name, "Fake GPU 0");
	assert_string_equal(f.uuid, "");
	assert_int_equal(f.minor, -1);
	assert_true(f.mem_total_mb.known);
	assert_false(f.temperature_c.known || f.power_w.known || f.power_limit_w.known || f.utilisation.known);
	assert_true(f.throttled_known && f.throttled); /* by its newer name */
	gpus_close(g);
}

static void readings_not_supported_must_be_unknown(void **state)
{
	struct gpus *g = open_fake("fake_nvml.so");
	struct gpu_facts f;

	(void)state;
	setenv("FAKE_READING", "3", 1);
	assert_int_equal(gpus_read(g, 0, &f, NULL), ART_OK);
	assert_string_equal(f.name, "");
	assert_false(f.mem_total_mb.known || f.mem_used_mb.known || f.temperature_c.known || f.throttled_known);
	gpus_close(g);
}

static void odd_readings_must_be_unknown(void **state)
{
	struct gpus *g = open_fake("fake_nvml.so");
	struct gpu_facts f;

	(void)state;
	setenv("FAKE_CELSIUS", "4294967295", 1);
	setenv("FAKE_UNTERMINATED", "1", 1);
	assert_int_equal(gpus_read(g, 0, &f, NULL), ART_OK);
	assert_false(f.temperature_c.known);
	assert_int_equal(strlen(f.name), sizeof(f.name) - 1);
	gpus_close(g);
}

static void a_lost_gpu_must_be_told(void **state)
{
	struct gpus *g = open_fake("fake_nvml.so");
	struct gpu_facts f;
	struct art_err err;

	(void)state;
	setenv("FAKE_LOST", "1", 1);
	assert_int_equal(gpus_read(g, 0, &f, &err), ART_OK);
	assert_int_equal(gpus_read(g, 1, &f, &err), ART_IO);
	assert_non_null(strstr(err.text, "GPU 1 is lost"));
	setenv("FAKE_NO_HANDLE", "0", 1);
	assert_int_equal(gpus_read(g, 0, &f, &err), ART_IO);
	gpus_close(g);
}

static void more_gpus_than_we_take_must_be_cut(void **state)
{
	struct gpus *g;
	struct gpu_facts f;

	(void)state;
	setenv("FAKE_COUNT", "17", 1);
	g = open_fake("fake_nvml.so");
	assert_int_equal(gpus_count(g), GPUS_MAX);
	assert_int_equal(gpus_read(g, GPUS_MAX - 1, &f, NULL), ART_OK);
	gpus_close(g);
}

static void no_driver_must_be_said(void **state)
{
	static const struct {
		const char *library, *name, *value, *want;
	} t[] = {
		{ "no_such.so", "FAKE_COUNT", "1", "no NVIDIA driver: " },
		{ "test_gpu", "FAKE_COUNT", "1", "no NVIDIA driver: " },
		{ "fake_nvml_bare.so", "FAKE_COUNT", "1", "lacks nvmlDeviceGetHandleByIndex_v2" },
		{ "fake_nvml.so", "FAKE_INIT", "9", "is not loaded: Driver Not Loaded" },
		{ "fake_nvml_old.so", "FAKE_INIT", "999", "does not start: no reason given" },
		{ "fake_nvml.so", "FAKE_COUNT", "0", "knows no GPU" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		char path[PATH_MAX];
		struct gpus *g = NULL;
		struct art_err err = { 0 };
		clear(NULL);
		setenv(t[i].name, t[i].value, 1);
		library(path, t[i].library);
		assert_int_equal(gpus_open(&g, path, &err), ART_UNSUPPORTED);
		assert_null(g);
		if (!strstr(err.text, t[i].want))
			fail_msg("%s", err.text);
	}
	gpus_close(NULL);
}

/* On a machine with a driver its answers must make sense; on others it must say what is missing. */
static void this_machine_must_be_told(void **state)
{
	struct gpus *g = NULL;
	struct gpu_facts f;
	struct art_err err = { 0 };

	(void)state;
	if (gpus_open(&g, NULL, &err)) {
		assert_int_equal(err.code, ART_UNSUPPORTED);
		assert_true(strlen(err.text) > 10);
		return;
	}
	assert_int_equal(gpus_read(g, 0, &f, &err), ART_OK);
	assert_true(f.name[0] && f.mem_total_mb.known && f.mem_total_mb.v > 100);
	gpus_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, clear, clear)
		T(gpus_must_be_read), T(throttling_must_be_heat_or_power),
		T(missing_functions_must_leave_values_unknown), T(readings_not_supported_must_be_unknown),
		T(odd_readings_must_be_unknown), T(a_lost_gpu_must_be_told), T(more_gpus_than_we_take_must_be_cut),
		T(no_driver_must_be_said), T(this_machine_must_be_told),
	};

	return cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
}
