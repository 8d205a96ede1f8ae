/*
 * runner_child.c - a command in the sandbox: its paths, its environment, its limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/serve/runner_private.h"

#define ENV_MAX 24
#define ASK_TIME_S 60
#define ASK_LOG_MAX (1 << 20)

struct env_list {
	char *v[ENV_MAX + 1];
	int n;
};

static void env_add(struct env_list *e, const char *name, const char *value)
{
	ART_BUG_ON(e->n == ENV_MAX);
	e->v[e->n++] = art_printf("%s=%s", name, value);
}

static void env_free(struct env_list *e)
{
	for (int i = 0; i < e->n; i++)
		free(e->v[i]);
}

static void env_fill(struct env_list *e, const struct runner *r, const struct device *d, const char *inside)
{
	char text[RUNNER_PATH_MAX];

	env_add(e, "PATH", "/usr/local/bin:/usr/bin:/bin");
	env_add(e, "HOME", inside);
	env_add(e, "TMPDIR", "/tmp");
	env_add(e, "LC_ALL", "C.UTF-8");
	env_add(e, "TZ", "UTC");
	env_add(e, "PYTHONUNBUFFERED", "1");
	env_add(e, RUNNER_MARK, r->mark);
	snprintf(text, sizeof(text), "%d", r->threads);
	env_add(e, "ARTUI_THREADS", text);
	snprintf(text, sizeof(text), "%d", JOB_METRICS_FD);
	env_add(e, "ARTUI_METRICS_FD", text);
	if (r->opt.data_dir)
		env_add(e, "ARTUI_DATA_DIR", r->opt.data_dir);
	if (!d)
		return;
	env_add(e, "ARTUI_EXPERIMENT_ID", d->order.experiment_id);
	env_add(e, "AUTORESEARCH_EXPERIMENT_ID", d->order.experiment_id);
	env_add(e, "AUTORESEARCH_EXPERIMENT_DIR", inside);
	snprintf(text, sizeof(text), "%s/config.json", inside);
	env_add(e, "AUTORESEARCH_EXPERIMENT_CONFIG", text);
	env_add(e, "ARTUI_BUDGET_S", art_f64_text(d->order.budget_s, text, sizeof(text)));
	/* By name: its number inside depends on which others are shown. */
	if (d->gpu >= 0 && d->facts.uuid[0]) {
		env_add(e, "CUDA_VISIBLE_DEVICES", d->facts.uuid);
	} else if (d->gpu >= 0) {
		snprintf(text, sizeof(text), "%d", d->gpu);
		env_add(e, "CUDA_VISIBLE_DEVICES", text);
	}
}

enum art_status child_open(struct runner *r, const struct device *d, const struct child *c, struct job **out,
			   struct art_err *err)
{
	const char *shown[RUNNER_PATHS_MAX + 2];
	char gpu[32];
	struct sandbox_spec spec = { .kind = r->opt.sandbox,
				     .scratch = c->scratch,
				     .read_only = shown,
				     .gpu = d && d->gpu >= 0,
				     .command = c->command,
				     .mem_bytes = r->mem_bytes,
				     .procs = r->procs,
				     .file_bytes = r->disk_bytes };
	struct sandbox_argv argv;
	struct env_list env = { .n = 0 };
	int n = 0;
	enum art_status st;

	for (; r->shown[n]; n++)
		shown[n] = r->shown[n];
	if (c->also)
		shown[n++] = c->also;
	shown[n] = NULL;
	if (spec.gpu && d->facts.minor >= 0) {
		snprintf(gpu, sizeof(gpu), "/dev/nvidia%d", d->facts.minor);
		spec.gpu_device = gpu;
	}
	st = sandbox_command(&spec, &argv, err);
	if (st)
		return st;
	env_fill(&env, r, d, sandbox_inside(&spec));
	struct job_spec job = { .launcher = r->opt.launcher,
				.argv = (const char *const *)argv.args,
				.env = (const char *const *)env.v,
				.dir = c->scratch,
				.log_path = c->log,
				.side = c->side,
				.side_path = c->side_path,
				.capture = c->capture,
				.log_max = r->log_bytes,
				.time_max_s = c->time_s,
				.nice = 5,
				.line = c->line,
				.arg = (void *)(uintptr_t)d };
	st = job_open(out, &job, err);
	env_free(&env);
	sandbox_argv_free(&argv);
	return st;
}

static void last_line(const char *tail, char *out, size_t size)
{
	size_t n = strlen(tail), from;

	while (n && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
		n--;
	for (from = n; from && tail[from - 1] != '\n'; from--)
		;
	art_text_clean(out, size, tail + from, n - from, false);
}

enum art_status child_ask(struct runner *r, const char *const *command, struct art_buf *answer,
			  struct art_err *err)
{
	char *scratch = art_printf("%s/probe", r->dir), why[160];
	struct child c = { .command = command, .scratch = scratch, .side = JOB_SIDE_STDOUT, .capture = answer,
			   .time_s = ASK_TIME_S };
	struct job *j = NULL;
	enum art_status st = sandbox_remove(scratch, err);

	if (!st)
		st = art_mkdirs(scratch, 0700, err);
	if (!st)
		st = child_open(r, NULL, &c, &j, err);
	if (!st)
		st = job_wait(j, -1, err);
	if (!st && (job_result(j)->end != JOB_EXITED || job_result(j)->exit_code)) {
		last_line(job_tail(j), why, sizeof(why));
		st = art_fail(err, ART_UNSUPPORTED, "trying the sandbox (%s): %s",
			      sandbox_kind_text(r->opt.sandbox), why[0] ? why : "it failed without a word");
	}
	job_close(j);
	(void)!sandbox_remove(scratch, NULL); /* in nobody's way */
	free(scratch);
	return st;
}
