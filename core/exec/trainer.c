/*
 * trainer.c - finding and trying the training program, its data, and what its class is.
 */
#include "core/exec/trainer.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/exec/hardware.h"
#include "store/events.h"
#include "store/json.h"

#define PROBE_TIME_S 60
#define CORPUS_TIME_S 1800
#define DATASET_JSON_MAX (4u << 20)
#define PROBE_JSON_MAX (64u << 10)
#define MIB ((int64_t)1 << 20)

static void say(const struct trainer_env *env, const char *fmt, ...) ART_PRINTF(2, 3);
static void say(const struct trainer_env *env, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!env->say)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	env->say(env->arg, line);
}

/* ---- artui-train ---------------------------------------------------------------------------- */

enum art_status trainer_find(char out[WORKSPACE_PATH_MAX], const char *given, struct art_err *err)
{
	const char *path = getenv("PATH");
	char exe[PATH_MAX], real[PATH_MAX];
	ssize_t n;

	if (given) {
		if (!realpath(given, real) || access(real, X_OK) ||
		    !art_copy(out, WORKSPACE_PATH_MAX, real))
			return art_fail_errno(err, "%s", given);
		return ART_OK;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = 0;
		*strrchr(exe, '/') = 0;
		snprintf(out, WORKSPACE_PATH_MAX, "%.1000s/artui-train", exe);
		if (access(out, X_OK) == 0)
			return ART_OK;
	}
	for (const char *p = path ? path : ""; *p;) {
		size_t m = strcspn(p, ":");
		if (m && *p == '/' && m < 900) {
			snprintf(out, WORKSPACE_PATH_MAX, "%.*s/artui-train", (int)m, p);
			if (access(out, X_OK) == 0)
				return ART_OK;
		}
		p += m + (p[m] == ':');
	}
	return art_fail(err, ART_NOT_FOUND,
			"artui-train is neither beside artui nor on the PATH; install both, or set "
			"train.command");
}

/* Run the program for a short answer on stdout. @env_list: the whole environment. */
static enum art_status ask(const struct trainer *t, const struct trainer_env *env,
			   const char *const *argv, char *const *environment, double time_s,
			   void (*line)(void *arg, bool side, const char *text), void *arg,
			   struct art_buf *out, struct art_err *err)
{
	struct job_spec spec = {
		.launcher = t->launcher,
		.argv = argv,
		.env = (const char *const *)environment,
		.dir = t->w->root,
		.side = JOB_SIDE_STDOUT,
		.capture = out,
		.log_max = 16 * MIB,
		.time_max_s = time_s,
		.line = line,
		.arg = arg,
	};
	struct job *j = NULL;
	const struct job_result *r;
	char why[160];
	enum art_status st = job_open(&j, &spec, err);

	if (st)
		return st;
	st = job_wait(j, env->cancel_fd, err);
	r = job_result(j);
	if (!st && (r->end != JOB_EXITED || r->exit_code)) {
		const char *tail = job_tail(j);
		size_t n = strlen(tail), from;
		while (n && tail[n - 1] == '\n')
			n--;
		for (from = n; from && tail[from - 1] != '\n'; from--)
			;
		art_text_clean(why, sizeof(why), tail + from, n - from, false);
		st = art_fail(err, ART_UNSUPPORTED, "%s %s: %s", argv[0], argv[1],
			      r->end == JOB_TIMEOUT ? "no answer in time"
			      : why[0]		    ? why
						    : "failed without a word");
	}
	job_close(j);
	return st;
}

/*
 * The kernel that "auto" means here. Two instruction sets can be so close that the program's own
 * choice differs from call to call; a class must not, so the first answer on a processor stays.
 */
static enum art_status probe(struct trainer *t, const struct trainer_env *env, const char *cpu,
			     struct art_err *err)
{
	const char *argv[] = { t->program, "version", "--json", NULL };
	const char *want = config_text(env->config, CONFIG_TRAIN_KERNEL_KEY), *kernel;
	bool is_auto = !strcmp(want, "auto");
	char key[160], known[24] = "";
	struct json *j = NULL;
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, PROBE_JSON_MAX);
	st = ask(t, env, argv, environ, PROBE_TIME_S, NULL, NULL, &b, err);
	if (!st)
		st = json_parse(&j, b.data ? b.data : "", b.len, PROBE_JSON_MAX, err);
	if (st)
		goto out;
	snprintf(key, sizeof(key), "kernel.auto:%s", cpu);
	if (is_auto && env->store && store_get(env->store, key, known, sizeof(known), NULL))
		known[0] = 0;
	kernel = json_str(json_get(j, "kernel"));
	if (!kernel || !kernel[0] || strlen(kernel) >= sizeof(t->kernel)) {
		st = art_fail(err, ART_UNSUPPORTED, "%s version: tells no kernel", t->program);
		goto out;
	}
	if (!is_auto)
		kernel = want;
	for (int i = 0; known[0] && i < json_count(json_get(j, "kernels_available")); i++) {
		const char *k = json_str(json_at(json_get(j, "kernels_available"), i));
		if (k && !strcmp(k, known))
			kernel = known;
	}
	art_copy(t->kernel, sizeof(t->kernel), kernel);
	if (is_auto && env->store && strcmp(kernel, known))
		st = store_set(env->store, key, kernel, err);
out:
	json_free(j);
	art_buf_destroy(&b);
	return st;
}

/* ---- data ----------------------------------------------------------------------------------- */

static enum art_status read_dataset(const char *dir, struct json **out, struct art_err *err)
{
	char path[WORKSPACE_PATH_MAX + 32];
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, DATASET_JSON_MAX);
	snprintf(path, sizeof(path), "%s/dataset.json", dir);
	st = art_read_file(&b, path, DATASET_JSON_MAX, err);
	if (!st) {
		struct art_err why = { 0 };
		st = json_parse(out, b.data ? b.data : "", b.len, DATASET_JSON_MAX, &why);
		if (st)
			st = art_fail(err, ART_CORRUPT, "%s: %s", path, why.text);
	}
	art_buf_destroy(&b);
	return st;
}

static bool take_hash(char out[HASH_HEX], const struct json *j)
{
	const char *s = json_str(j);

	if (!s || strlen(s) != HASH_HEX - 1)
		return false;
	art_copy(out, HASH_HEX, s);
	return true;
}

static enum art_status load_data(struct trainer *t, struct art_err *err)
{
	struct json *j = NULL;
	const char *name;
	struct opt_i64 seq;
	enum art_status st = read_dataset(t->data_dir, &j, err);

	if (st)
		return st;
	name = json_str(json_get(j, "name"));
	seq = json_int(json_get(j, "seq_len"));
	if (!take_hash(t->data_sha256, json_get(j, "data_sha256")) ||
	    !take_hash(t->evaluator_sha256, json_get(j, "evaluator_sha256")) || !seq.known ||
	    seq.v < 1)
		st = art_fail(err, ART_CORRUPT,
			      "%s/dataset.json lacks data_sha256, evaluator_sha256 or seq_len",
			      t->data_dir);
	else
		t->seq_len = seq.v;
	art_text_clean(t->data_name, sizeof(t->data_name), name ? name : "data",
		       strlen(name ? name : "data"), false);
	json_free(j);
	return st;
}

static void corpus_line(void *arg, bool side, const char *text)
{
	const struct trainer_env *env = arg;
	char clean[400];

	(void)side;
	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	if (clean[0])
		say(env, "%s", clean);
}

static enum art_status install_corpus(struct trainer *t, const struct trainer_env *env,
				      const char *name, struct art_err *err)
{
	const char *argv[] = { t->program, "corpus", name, "--out", t->data_dir, NULL };
	char parent[WORKSPACE_PATH_MAX];
	struct art_buf b;
	enum art_status st;

	if (env->offline && strcmp(name, "kjv"))
		return art_fail(err, ART_UNSUPPORTED,
				"data.corpus %s has to be fetched once, and --offline forbids it", name);
	st = art_mkdirs(workspace_path(t->w, parent, "data"), 0755, err);
	if (st)
		return st;
	say(env, "installing the text %s", name);
	art_buf_init(&b, 16u << 20);
	/* Its fetching needs proxies and registries of the caller's environment; no recipe runs here. */
	st = ask(t, env, argv, environ, CORPUS_TIME_S, corpus_line, (void *)(uintptr_t)env, &b, err);
	art_buf_destroy(&b);
	return st;
}

static enum art_status open_data(struct trainer *t, const struct trainer_env *env,
				 struct art_err *err)
{
	const char *corpus = config_text(env->config, CONFIG_DATA_CORPUS_KEY);
	char path[PATH_MAX], real[PATH_MAX];
	bool named = !strcmp(corpus, "kjv") || !strcmp(corpus, "sotu");
	enum art_status st;

	if (named) {
		workspace_path(t->w, t->data_dir, "data/%s", corpus);
	} else {
		snprintf(path, sizeof(path), "%s%s%.500s", corpus[0] == '/' ? "" : t->w->root,
			 corpus[0] == '/' ? "" : "/", corpus);
		if (!realpath(path, real) || !art_copy(t->data_dir, sizeof(t->data_dir), real))
			return art_fail_errno(err, "data.corpus: %s", corpus);
	}
	snprintf(path, sizeof(path), "%.1000s/dataset.json", t->data_dir);
	if (access(path, F_OK) && named) {
		st = install_corpus(t, env, corpus, err);
		if (st)
			return st;
	}
	return load_data(t, err);
}

enum art_status trainer_references(const struct trainer *t, struct store *st, struct art_err *err)
{
	struct json *j = NULL;
	enum art_status rc;

	if (!t->native)
		return ART_OK;
	rc = read_dataset(t->data_dir, &j, err);
	for (int i = 0; !rc && i < json_count(json_get(j, "references")) && i < 64; i++) {
		const struct json *r = json_at(json_get(j, "references"), i);
		const char *name = json_str(json_get(r, "name")), *note = json_str(json_get(r, "note"));
		struct opt_f64 v = json_num(json_get(r, "val_bpb"));
		struct reference_row row = { 0 };
		if (!name || !v.known || !isfinite(v.v) || v.v <= 0)
			continue;
		art_copy(row.data_sha256, sizeof(row.data_sha256), t->data_sha256);
		art_text_clean(row.name, sizeof(row.name), name, strlen(name), false);
		if (note)
			art_text_clean(row.note, sizeof(row.note), note, strlen(note), false);
		row.val_bpb = v.v;
		rc = reference_set(st, &row, err);
	}
	json_free(j);
	return rc;
}

/* ---- a command of the researcher's ---------------------------------------------------------- */

static const char *file_path(const struct trainer *t, const char *path, char buf[PATH_MAX])
{
	if (path[0] == '/')
		snprintf(buf, PATH_MAX, "%s", path);
	else
		snprintf(buf, PATH_MAX, "%s/%s", t->w->root, path);
	return buf;
}

static enum art_status hash_files(struct trainer *t, struct art_err *err)
{
	struct hash_state *data = hash_begin();
	struct hash_hex hex;
	enum art_status st = ART_OK;

	hash_add(data, t->command, strlen(t->command) + 1);
	for (int i = 0; i < t->n_files && !st; i++) {
		char path[PATH_MAX];
		struct stat sb;
		file_path(t, t->files[i].path, path);
		if (stat(path, &sb))
			st = art_fail_errno(err, "train.evaluator: %s", t->files[i].path);
		else if (!S_ISREG(sb.st_mode))
			st = art_fail(err, ART_INVALID,
				      "train.evaluator: %s is no regular file; name its files one by one",
				      t->files[i].path);
		else
			st = hash_file(path, &t->files[i].hash, err);
		hash_add(data, t->files[i].path, strlen(t->files[i].path) + 1);
		hash_add(data, t->files[i].hash.s, HASH_HEX);
	}
	hex = hash_end(data);
	art_copy(t->data_sha256, HASH_HEX, hex.s);
	art_copy(t->evaluator_sha256, HASH_HEX, hex.s);
	return st;
}

static enum art_status open_command(struct trainer *t, const struct trainer_env *env,
				    struct art_err *err)
{
	const char *p = config_text(env->config, CONFIG_TRAIN_EVALUATOR_KEY);

	for (p += strspn(p, " \t"); *p; p += strspn(p, " \t")) {
		size_t m = strcspn(p, " \t");
		struct trainer_file *f = &t->files[t->n_files];
		if (t->n_files == TRAINER_FILES_MAX || m > 400)
			return art_fail(err, ART_LIMIT, "train.evaluator: at most %d files, names below 400 bytes",
					TRAINER_FILES_MAX);
		snprintf(f->path, sizeof(f->path), "%.*s", (int)m, p);
		if (f->path[0] != '/' && (strstr(f->path, "../") || !strcmp(f->path, "..")))
			return art_fail(err, ART_INVALID,
					"train.evaluator: %s leaves the workspace; give an absolute path",
					f->path);
		t->n_files++;
		p += m;
	}
	art_copy(t->data_name, sizeof(t->data_name), "command");
	return hash_files(t, err);
}

enum art_status trainer_check_files(const struct trainer *t, struct art_err *err)
{
	for (int i = 0; i < t->n_files; i++) {
		char path[PATH_MAX];
		struct hash_hex now;
		if (hash_file(file_path(t, t->files[i].path, path), &now, err) ||
		    strcmp(now.s, t->files[i].hash.s))
			return art_fail(err, ART_CORRUPT, "%s is not what it was when the night began",
					t->files[i].path);
	}
	return ART_OK;
}

/* ---- both ----------------------------------------------------------------------------------- */

static void limits(struct trainer *t, const struct config *c)
{
	int64_t mb = config_int(c, CONFIG_TRAIN_MEM_MB_KEY);
	struct opt_i64 free_bytes = hardware_free_memory();

	t->grace_s = config_real(c, CONFIG_TRAIN_GRACE_S_KEY);
	t->log_bytes = config_int(c, CONFIG_TRAIN_LOG_MB_KEY) * MIB;
	t->threads = (int)config_int(c, CONFIG_TRAIN_THREADS_KEY);
	if (!t->threads)
		t->threads = hardware_threads();
	/* The largest setting is no limit: some programs reserve far more than they use. */
	if (mb)
		t->data_bytes = (double)mb < config_entry(CONFIG_TRAIN_MEM_MB_KEY)->hi ? mb * MIB : 0;
	else if (free_bytes.known)
		t->data_bytes = free_bytes.v / 4 * 3;
}

enum art_status trainer_open(struct trainer *t, const struct trainer_env *env, double budget_s,
			     struct art_err *err)
{
	char cpu[64], gpu[96];
	enum art_status st;

	memset(t, 0, sizeof(*t));
	t->w = env->w;
	t->launcher = env->launcher;
	t->budget_s = budget_s;
	limits(t, env->config);
	hardware_cpu(cpu, sizeof(cpu));
	if (!art_copy(t->command, sizeof(t->command),
		      config_text(env->config, CONFIG_TRAIN_COMMAND_KEY)))
		return art_fail(err, ART_LIMIT, "train.command is longer than %zu bytes",
				sizeof(t->command) - 1);
	t->native = t->command[0] == 0;
	if (!t->native) {
		bool has_gpu = hardware_gpu(gpu, sizeof(gpu));
		snprintf(t->hardware, sizeof(t->hardware), "%s:%.60s x%d", "cpu", cpu, t->threads);
		if (has_gpu)
			snprintf(t->hardware, sizeof(t->hardware), "gpu:%.80s", gpu);
		snprintf(t->device, sizeof(t->device), "%.90s, training command",
			 strchr(t->hardware, ':') + 1);
		return open_command(t, env, err);
	}
	st = trainer_find(t->program, env->trainer, err);
	if (!st)
		st = probe(t, env, cpu, err);
	if (!st)
		st = open_data(t, env, err);
	snprintf(t->hardware, sizeof(t->hardware), "cpu:%s x%d %s", cpu, t->threads, t->kernel);
	snprintf(t->device, sizeof(t->device), "%s, %d thread%s, %s", cpu, t->threads,
		 t->threads == 1 ? "" : "s", t->kernel);
	return st;
}

void trainer_class(const struct trainer *t, struct class_row *out)
{
	char budget[24];

	memset(out, 0, sizeof(*out));
	art_copy(out->metric, sizeof(out->metric), "val_bpb");
	art_copy(out->data, sizeof(out->data), t->data_name);
	art_copy(out->data_sha256, sizeof(out->data_sha256), t->data_sha256);
	art_copy(out->evaluator_sha256, sizeof(out->evaluator_sha256), t->evaluator_sha256);
	snprintf(out->budget, sizeof(out->budget), "%ss",
		 art_f64_text(t->budget_s, budget, sizeof(budget)));
	art_copy(out->hardware, sizeof(out->hardware), t->hardware);
}
