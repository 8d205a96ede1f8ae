/*
 * cli.c - messages and option values that every command reads alike.
 */
#include "worker/train/cli.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

int cli_usage_error(const char *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "artui-train %s: ", cmd);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'artui-train %s --help'.\n", cmd);
	return CLI_USAGE;
}

int cli_bad_option(const char *cmd)
{
	fprintf(stderr, "Try 'artui-train %s --help'.\n", cmd);
	return CLI_USAGE;
}

int cli_failed(const char *cmd, const struct art_err *err)
{
	fflush(stdout);
	fprintf(stderr, "artui-train %s: %s\n", cmd, err->text);
	return CLI_FAILED;
}

void cli_log(const char *line)
{
	fprintf(stderr, "%s\n", line);
}

bool cli_int(const char *cmd, const char *option, const char *text, int64_t lo, int64_t hi,
	     int64_t *out)
{
	if (art_parse_i64(text, out) && *out >= lo && *out <= hi)
		return true;
	cli_usage_error(cmd, "--%s '%s': must be a whole number from %lld to %lld", option, text,
			(long long)lo, (long long)hi);
	return false;
}

bool cli_real(const char *cmd, const char *option, const char *text, double lo, double hi,
	      double *out)
{
	if (art_parse_f64(text, out) && *out >= lo && *out <= hi)
		return true;
	cli_usage_error(cmd, "--%s '%s': must be a number from %g to %g", option, text, lo, hi);
	return false;
}

bool cli_bytes(const char *cmd, const char *option, const char *text, size_t *out)
{
	static const char units[] = "KMGT";
	char number[32];
	size_t n = strlen(text);
	int shift = 0;
	int64_t v;
	const char *u = n ? memchr(units, text[n - 1], sizeof(units) - 1) : NULL;

	if (u) {
		shift = 10 * (int)(u - units + 1);
		n--;
	}
	if (n > 0 && n < sizeof(number)) {
		memcpy(number, text, n);
		number[n] = '\0';
		if (art_parse_i64(number, &v) && v >= 1 && v <= (INT64_MAX >> shift)) {
			*out = (size_t)v << shift;
			return true;
		}
	}
	cli_usage_error(cmd, "--%s '%s': must be bytes, or a number with K, M, G or T", option,
			text);
	return false;
}

bool cli_kernel(const char *cmd, const char *text, enum model_kernel *out)
{
	if (!model_kernel_parse(text, out)) {
		cli_usage_error(cmd, "--kernel '%s': not known", text);
		return false;
	}
	return true;
}

int cli_default_threads(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? n : 1;
}
