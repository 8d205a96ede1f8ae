/*
 * hardware.c - the processor, memory and GPU as the kernel tells them.
 */
#include "core/exec/hardware.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROC_MAX (1u << 20)

/* Value of the first line "key : value" of @text, trimmed; false when there is none. */
static bool line_value(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *p = text; *p; p += *p == '\n') {
		size_t m = strcspn(p, "\n");
		const char *colon = memchr(p, ':', m);
		if (colon && !strncmp(p, key, n)) {
			const char *v = colon + 1 + strspn(colon + 1, " \t");
			art_text_clean(out, size, v, (size_t)(p + m - v), false);
			return true;
		}
		p += m;
	}
	return false;
}

static void cut(char *s, const char *what)
{
	char *at;

	while ((at = strstr(s, what)))
		memmove(at, at + strlen(what), strlen(at + strlen(what)) + 1);
}

void hardware_cpu_parse(char *out, size_t n, const char *cpuinfo)
{
	char name[128];
	size_t m = 0;
	char *at;

	if (!line_value(cpuinfo, "model name", name, sizeof(name)) &&
	    !line_value(cpuinfo, "Hardware", name, sizeof(name)))
		art_copy(name, sizeof(name), "cpu");
	cut(name, "(R)");
	cut(name, "(TM)");
	cut(name, "(tm)");
	at = strstr(name, " @ ");
	if (at)
		*at = 0;
	at = strstr(name, " Processor");
	if (at)
		*at = 0;
	cut(name, " CPU");
	/* Runs of blanks that the cuts have left. */
	for (const char *p = name; *p && m + 1 < n; p++)
		if (!isspace((unsigned char)*p) || (m && out[m - 1] != ' '))
			out[m++] = *p;
	while (m && out[m - 1] == ' ')
		m--;
	out[m] = 0;
	if (!m)
		art_copy(out, n, "cpu");
}

/* A file of /proc, NUL-terminated in @b; an empty text when it cannot be read. */
static const char *proc_text(struct art_buf *b, const char *path)
{
	art_buf_init(b, PROC_MAX);
	if (art_read_file(b, path, PROC_MAX, NULL) || !b->data)
		return "";
	return b->data;
}

void hardware_cpu(char *out, size_t n)
{
	struct art_buf b;

	hardware_cpu_parse(out, n, proc_text(&b, "/proc/cpuinfo"));
	art_buf_destroy(&b);
}

int hardware_threads(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	n = CPU_COUNT(&set);
	return n > 0 ? n : 1;
}

struct opt_i64 hardware_free_memory(void)
{
	struct opt_i64 out = { 0 };
	struct art_buf b;
	char text[64];
	int64_t kb;

	if (line_value(proc_text(&b, "/proc/meminfo"), "MemAvailable", text, sizeof(text))) {
		text[strcspn(text, " ")] = 0;
		if (art_parse_i64(text, &kb) && kb > 0 && kb < INT64_MAX / 1024)
			out = OPT_I64(kb * 1024);
	}
	art_buf_destroy(&b);
	return out;
}

bool hardware_gpu(char *out, size_t n)
{
	DIR *d = opendir("/proc/driver/nvidia/gpus");
	struct dirent *e;
	char name[96] = "";
	int count = 0;

	if (!d)
		return false;
	while ((e = readdir(d))) {
		struct art_buf b;
		char path[512];
		if (e->d_name[0] == '.')
			continue;
		count++;
		snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", e->d_name);
		if (!line_value(proc_text(&b, path), "Model", name, sizeof(name)) && !name[0])
			art_copy(name, sizeof(name), "NVIDIA GPU");
		art_buf_destroy(&b);
	}
	closedir(d);
	if (count)
		snprintf(out, n, "%s x%d", name, count);
	return count > 0;
}

int64_t hardware_oom_kills(void)
{
	struct art_buf b;
	const char *p = strstr(proc_text(&b, "/proc/vmstat"), "oom_kill ");
	int64_t v = p ? strtoll(p + 9, NULL, 10) : 0;

	art_buf_destroy(&b);
	return v;
}
