/*
 * trainer_run.c - one run: its directory, its environment, its processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/exec/trainer.h"
#include "store/recipe.h"

#define EVAL_TIME_MIN_S 600
#define COPY_MAX ((off_t)1 << 20)
#define ENV_MAX 32
#define RUN_FILE_MAX ((int64_t)64 << 30)

/* ---- directory -------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

static enum art_status remove_tree(const char *dir, struct art_err *err)
{
	if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
		return art_fail_errno(err, "%s: clear", dir);
	return ART_OK;
}

/*
 * The evaluator beside the program, under its own name. Small files are read-only copies, so that a
 * recipe cannot spoil the original by accident; large ones are links.
 */
static enum art_status place_file(const struct trainer *t, const char *dir, const char *name,
				  struct art_err *err)
{
	char *from = art_printf("%s/%s", t->w->root, name), *to = art_printf("%s/%s", dir, name);
	char *slash = strrchr(to, '/');
	struct stat sb;
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, (size_t)COPY_MAX);
	*slash = 0;
	st = art_mkdirs(to, 0755, err);
	*slash = '/';
	if (!st && stat(from, &sb))
		st = art_fail_errno(err, "%s", from);
	if (!st && sb.st_size <= COPY_MAX) {
		st = art_read_file(&b, from, (size_t)COPY_MAX, err);
		if (!st)
			st = art_write_file(to, b.data ? b.data : "", b.len, 0444, err);
	} else if (!st && symlink(from, to)) {
		st = art_fail_errno(err, "%s", to);
	}
	art_buf_destroy(&b);
	free(from);
	free(to);
	return st;
}

/* The recipe with SEED set to the run's, where it has that constant. Owns: *out. */
static enum art_status with_seed(const char *recipe, size_t len, int64_t seed, char **out,
				 struct art_err *err)
{
	char value[24];
	enum art_status st;

	snprintf(value, sizeof(value), "%lld", (long long)seed);
	st = recipe_set(recipe, len, "SEED", value, out, err);
	if (st != ART_NOT_FOUND)
		return st;
	*out = art_alloc(len + 1, 1);
	memcpy(*out, recipe, len);
	return ART_OK;
}

enum art_status trainer_inputs(const struct trainer *t, const char *dir, const char *recipe,
			       size_t len, int64_t seed, struct art_err *err)
{
	char *path = art_printf("%s/recipe.py", dir), *program = art_printf("%s/train.py", dir);
	char *seeded = NULL;
	enum art_status st = remove_tree(dir, err);

	if (!st)
		st = art_mkdirs(dir, 0755, err);
	if (!st)
		st = art_write_file(path, recipe, len, 0644, err);
	if (!st && !t->native)
		st = with_seed(recipe, len, seed, &seeded, err);
	if (!st && !t->native)
		st = art_write_file(program, seeded, strlen(seeded), 0644, err);
	for (int i = 0; !st && i < t->n_files; i++)
		if (t->files[i].path[0] != '/')
			st = place_file(t, dir, t->files[i].path, err);
	free(seeded);
	free(path);
	free(program);
	return st;
}

/* ---- environment ------------------------------------------------------------------------------ */

struct env_list {
	char *v[ENV_MAX + 1];
	int n;
};

static void env_add(struct env_list *e, const char *name, const char *value)
{
	ART_BUG_ON(e->n == ENV_MAX);
	if (value)
		e->v[e->n++] = art_printf("%s=%s", name, value);
}

static void env_free(struct env_list *e)
{
	for (int i = 0; i < e->n; i++)
		free(e->v[i]);
}

/* All that a run gets to know of where it was started: no tokens, keys or agents' sockets. */
static void env_fill(struct env_list *e, const struct trainer *t, const char *dir, int64_t seed)
{
	static const char *const pass[] = { "PATH", "HOME", "USER", "LOGNAME", "TMPDIR",
					    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME",
					    "VIRTUAL_ENV", "XDG_CACHE_HOME", "UV_CACHE_DIR" };
	char text[32];

	for (size_t i = 0; i < ART_COUNT(pass); i++)
		if (!t->native || i == 0 || i == 4 || i == 5)
			env_add(e, pass[i], getenv(pass[i]));
	env_add(e, "LC_ALL", "C.UTF-8");
	env_add(e, "TZ", "UTC");
	env_add(e, "PYTHONUNBUFFERED", t->native ? NULL : "1");
	env_add(e, TRAINER_MARK, dir);
	snprintf(text, sizeof(text), "%lld", (long long)seed);
	env_add(e, "ARTUI_SEED", text);
	env_add(e, "ARTUI_BUDGET_S", art_f64_text(t->budget_s, text, sizeof(text)));
	snprintf(text, sizeof(text), "%d", JOB_METRICS_FD);
	env_add(e, "ARTUI_METRICS_FD", text);
	snprintf(text, sizeof(text), "%d", t->threads);
	env_add(e, "ARTUI_THREADS", text);
}

/* ---- processes -------------------------------------------------------------------------------- */

enum art_status trainer_train(const struct trainer *t, struct job **out, const char *dir,
			      int64_t seed, void (*line)(void *arg, bool side, const char *text),
			      void *arg, struct art_err *err)
{
	char budget[32], seed_text[32], threads[16], fd[16];
	char *log = art_printf("%s/log", dir), *metrics = art_printf("%s/metrics.jsonl", dir);
	char *recipe = art_printf("%s/recipe.py", dir);
	const char *native[] = { t->program, "train", recipe, "--data", t->data_dir, "--out", dir,
				 "--time-budget", budget, "--seed", seed_text, "--threads", threads,
				 "--kernel", t->kernel, "--metrics-fd", fd, "--no-eval", NULL };
	const char *shell[] = { "/bin/sh", "-c", t->command, NULL };
	struct env_list env = { 0 };
	struct job_spec spec = {
		.launcher = t->launcher,
		.argv = t->native ? native : shell,
		.dir = dir,
		.log_path = log,
		.side = JOB_SIDE_METRICS,
		.side_path = metrics,
		.log_max = t->log_bytes,
		.data_max = t->data_bytes,
		.file_max = RUN_FILE_MAX,
		.time_max_s = t->budget_s + t->grace_s,
		.nice = 5,
		.line = line,
		.arg = arg,
	};
	enum art_status st;

	art_f64_text(t->budget_s, budget, sizeof(budget));
	snprintf(seed_text, sizeof(seed_text), "%lld", (long long)seed);
	snprintf(threads, sizeof(threads), "%d", t->threads);
	snprintf(fd, sizeof(fd), "%d", JOB_METRICS_FD);
	env_fill(&env, t, dir, seed);
	spec.env = (const char *const *)env.v;
	st = job_open(out, &spec, err);
	env_free(&env);
	free(log);
	free(metrics);
	free(recipe);
	return st;
}

enum art_status trainer_evaluate(const struct trainer *t, struct job **out, const char *dir,
				 struct art_buf *capture, struct art_err *err)
{
	char threads[16];
	char *log = art_printf("%s/eval.log", dir), *model = art_printf("%s/model.safetensors", dir);
	const char *argv[] = { t->program, "eval", "--data", t->data_dir, "--checkpoint", model,
			       "--threads", threads, "--kernel", t->kernel, "--json", NULL };
	struct env_list env = { 0 };
	struct job_spec spec = {
		.launcher = t->launcher,
		.argv = argv,
		.dir = dir,
		.log_path = log,
		.side = JOB_SIDE_STDOUT,
		.capture = capture,
		.log_max = t->log_bytes,
		.file_max = RUN_FILE_MAX,
		.time_max_s = t->budget_s + EVAL_TIME_MIN_S,
		.nice = 5,
	};
	enum art_status st;

	snprintf(threads, sizeof(threads), "%d", t->threads);
	env_fill(&env, t, dir, 0);
	spec.env = (const char *const *)env.v;
	st = job_open(out, &spec, err);
	env_free(&env);
	free(log);
	free(model);
	return st;
}
