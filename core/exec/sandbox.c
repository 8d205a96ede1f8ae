/*
 * sandbox.c - the command line of a sandbox, and which kind of it works here.
 */
#include "core/exec/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/exec/job.h"

#define TRY_TIME_S 20
#define TRY_LOG_MAX (64 << 10)
#define SELF "/proc/self/exe" /* of the job's launcher, which is this program too */

const char *sandbox_kind_text(enum sandbox_kind k)
{
	switch (k) {
	case SANDBOX_NONE:
		return "none";
	case SANDBOX_BWRAP:
		return "bubblewrap";
	case SANDBOX_NAMESPACES:
		return "namespaces";
	}
	return "";
}

const char *sandbox_inside(const struct sandbox_spec *spec)
{
	return spec->kind == SANDBOX_NONE ? spec->scratch : SANDBOX_SCRATCH;
}

/* ---- the command line -------------------------------------------------------------------------------- */

static enum art_status add(struct sandbox_argv *a, char *text, struct art_err *err)
{
	if (a->n == SANDBOX_ARGS_MAX - 1) {
		free(text);
		return art_fail(err, ART_LIMIT, "a sandbox takes at most %d words and paths",
				SANDBOX_ARGS_MAX - 16);
	}
	a->args[a->n++] = text;
	return ART_OK;
}

static enum art_status add_text(struct sandbox_argv *a, const char *text, struct art_err *err)
{
	return add(a, art_strdup(text), err);
}

static enum art_status add_number(struct sandbox_argv *a, int64_t v, struct art_err *err)
{
	return add(a, art_printf("%lld", (long long)(v > 0 ? v : 0)), err);
}

/* One symlink on the way, and what is checked here is not what is shown there. */
static enum art_status real_path(const char *path, const char *what, struct art_err *err)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return art_fail(err, ART_INVALID, "%s %s: %s", what, path, strerror(errno));
	if (strcmp(real, path) != 0)
		return art_fail(err, ART_INVALID, "%s %s is a way to %s: name that one", what, path, real);
	return ART_OK;
}

/* At its own place a read-only path must not cover what the sandbox itself is made of. */
static enum art_status check_read_only(const char *path, struct art_err *err)
{
	static const char *const own[] = { "/", "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/tmp",
					   "/var", "/sys" };
	static const char *const whole[] = { "/proc", "/dev", "/sys", SANDBOX_SCRATCH };
	enum art_status st = real_path(path, "read-only path", err);
	bool bad = false;

	for (size_t i = 0; i < ART_COUNT(own); i++)
		bad |= !strcmp(path, own[i]);
	for (size_t i = 0; i < ART_COUNT(whole); i++) {
		size_t n = strlen(whole[i]);
		bad |= !strncmp(path, whole[i], n) && (path[n] == 0 || path[n] == '/');
	}
	if (!st && bad)
		st = art_fail(err, ART_INVALID, "%s cannot be shown in a sandbox", path);
	return st;
}

enum art_status sandbox_command(const struct sandbox_spec *spec, struct sandbox_argv *out,
				struct art_err *err)
{
	const char *gpu = !spec->gpu ? "-" : spec->gpu_device ? spec->gpu_device : "all";
	int n = 0;
	enum art_status st;

	memset(out, 0, sizeof(*out));
	st = real_path(spec->scratch, "scratch directory", err);
	for (; spec->read_only && spec->read_only[n] && !st; n++)
		st = check_read_only(spec->read_only[n], err);
	if (!st && strcmp(gpu, "-") && strcmp(gpu, "all") && strncmp(gpu, "/dev/nvidia", 11))
		st = art_fail(err, ART_INVALID, "%s is no NVIDIA device", gpu);
	const char *const first[] = { SELF, "__sandbox", "run" };
	for (size_t i = 0; i < ART_COUNT(first) && !st; i++)
		st = add_text(out, first[i], err);
	if (!st)
		st = add_number(out, spec->kind, err);
	if (!st)
		st = add_text(out, spec->scratch, err);
	if (!st)
		st = add_text(out, gpu, err);
	const int64_t limits[] = { spec->mem_bytes, spec->procs, spec->file_bytes,
				   (int64_t)(spec->cpu_s + 0.999), n };
	for (size_t i = 0; i < ART_COUNT(limits) && !st; i++)
		st = add_number(out, limits[i], err);
	for (int i = 0; i < n && !st; i++)
		st = add_text(out, spec->read_only[i], err);
	for (int i = 0; spec->command[i] && !st; i++)
		st = add_text(out, spec->command[i], err);
	if (st)
		sandbox_argv_free(out);
	return st;
}

void sandbox_argv_free(struct sandbox_argv *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->args[i]);
	memset(a, 0, sizeof(*a));
}

/* ---- what works here --------------------------------------------------------------------------------- */

static void first_line(const char *tail, char *out, size_t size)
{
	size_t n;

	tail += strspn(tail, "\n");
	n = strcspn(tail, "\n");
	art_text_clean(out, size, tail, n, false);
}

static enum art_status try_kind(enum sandbox_kind kind, const char *launcher, const char *dir,
				char *why, size_t why_size, struct art_err *err)
{
	static const char *const command[] = { "/bin/true", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
	struct sandbox_spec spec = { .kind = kind, .scratch = dir, .command = command };
	struct sandbox_argv a;
	struct job *j = NULL;
	enum art_status st = sandbox_command(&spec, &a, err);

	if (st)
		return st;
	struct job_spec job = { .launcher = launcher,
				.argv = (const char *const *)a.args,
				.env = env,
				.dir = dir,
				.log_max = TRY_LOG_MAX,
				.time_max_s = TRY_TIME_S };
	st = job_open(&j, &job, err);
	if (!st)
		st = job_wait(j, -1, err);
	if (!st && (job_result(j)->end != JOB_EXITED || job_result(j)->exit_code)) {
		first_line(job_tail(j), why, why_size);
		if (!why[0])
			art_copy(why, why_size,
				 job_result(j)->end == JOB_TIMEOUT ? "no answer in time" : "it failed without a word");
		st = ART_UNSUPPORTED;
	}
	job_close(j);
	sandbox_argv_free(&a);
	return st;
}

enum art_status sandbox_find(enum sandbox_kind *out, enum sandbox_kind want, const char *launcher,
			     struct art_err *err)
{
	static const enum sandbox_kind kinds[] = { SANDBOX_BWRAP, SANDBOX_NAMESPACES };
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_MAX], real[PATH_MAX], why[2][90] = { "", "" };
	enum art_status st = ART_UNSUPPORTED;

	snprintf(dir, sizeof(dir), "%.3000s/artui-sandbox-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
	if (!mkdtemp(dir) || !realpath(dir, real))
		return art_fail_errno(err, "%s", dir);
	for (size_t i = 0; i < ART_COUNT(kinds) && st == ART_UNSUPPORTED; i++) {
		if (want != SANDBOX_NONE && want != kinds[i])
			continue;
		st = try_kind(kinds[i], launcher, real, why[i], sizeof(why[i]), err);
		if (!st)
			*out = kinds[i];
	}
	rmdir(real);
	if (st != ART_UNSUPPORTED)
		return st;
	return art_fail(err, st,
			"no sandbox here%s%s%s%s. Install bubblewrap and allow user namespaces "
			"(sysctl kernel.unprivileged_userns_clone=1)",
			why[0][0] ? "; bubblewrap: " : "", why[0], why[1][0] ? "; namespaces: " : "", why[1]);
}
