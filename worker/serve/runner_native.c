/*
 * runner_native.c - selling runs of artui-train: the buyer sends a recipe, and the evaluator's number is
 * the score.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/exec/hardware.h"
#include "store/json.h"
#include "worker/serve/runner_private.h"

#define JSON_MAX (4u << 20)
#define EVAL_TIME_MIN_S 600
#define CONFIG_MAX (2u << 20)

static enum art_status read_json(const char *path, struct json **out, struct art_err *err)
{
	struct art_err why = { 0 };
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, JSON_MAX);
	st = art_read_file(&b, path, JSON_MAX, err);
	if (!st && json_parse(out, b.data, b.len, JSON_MAX, &why))
		st = art_fail(err, ART_CORRUPT, "%s: %s", path, why.text);
	art_buf_destroy(&b);
	return st;
}

/* The class of what is measured here. */
static enum art_status read_data(struct runner *r, struct art_err *err)
{
	char *path = art_printf("%s/dataset.json", r->opt.data_dir);
	struct trainer *t = &r->trainer;
	struct json *j = NULL;
	const char *data, *evaluator;
	enum art_status st = read_json(path, &j, err);

	if (st)
		goto out;
	data = json_str(json_get(j, "data_sha256"));
	evaluator = json_str(json_get(j, "evaluator_sha256"));
	if (!data || !evaluator || !art_copy(t->data_sha256, HASH_HEX, data) ||
	    !art_copy(t->evaluator_sha256, HASH_HEX, evaluator))
		st = art_fail(err, ART_CORRUPT, "%s lacks data_sha256 or evaluator_sha256", path);
out:
	json_free(j);
	free(path);
	return st;
}

/* The trainer's own choice of instruction set, asked for inside, where it will run. */
static enum art_status probe(struct runner *r, struct art_err *err)
{
	const char *command[] = { r->trainer.program, "version", "--json", NULL };
	struct json *j = NULL;
	const char *kernel;
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, JSON_MAX);
	st = child_ask(r, command, &b, err);
	if (!st)
		st = json_parse(&j, b.data ? b.data : "", b.len, JSON_MAX, err);
	kernel = st ? NULL : json_str(json_get(j, "kernel"));
	if (!st && (!kernel || !kernel[0] || !art_copy(r->trainer.kernel, sizeof(r->trainer.kernel), kernel)))
		st = art_fail(err, ART_UNSUPPORTED, "%s version: tells no kernel", r->trainer.program);
	json_free(j);
	art_buf_destroy(&b);
	return st;
}

enum art_status native_open(struct runner *r, struct art_err *err)
{
	struct trainer *t = &r->trainer;
	char cpu[64];
	enum art_status st = read_data(r, err);

	if (!st)
		st = probe(r, err);
	if (st)
		return st;
	t->native = true;
	t->threads = r->threads;
	hardware_cpu(cpu, sizeof(cpu));
	snprintf(r->facts.class_text, sizeof(r->facts.class_text), "cpu:%s x%d %s", cpu, t->threads, t->kernel);
	snprintf(r->facts.device, sizeof(r->facts.device), "%.50s, %d thread%s, %s", cpu,
		 t->threads, t->threads == 1 ? "" : "s", t->kernel);
	art_copy(r->facts.data_sha256, sizeof(r->facts.data_sha256), t->data_sha256);
	art_copy(r->facts.evaluator_sha256, sizeof(r->facts.evaluator_sha256), t->evaluator_sha256);
	return ART_OK;
}

/* The buyer's wish in config.json; the recipe's own SEED without one. */
static bool seed_of(const struct device *d, char out[24])
{
	char path[RUNNER_PATH_MAX];
	struct json *j = NULL;
	struct opt_i64 seed = { 0 };

	runner_path(path, sizeof(path), d->r->opt.dir, d->order.experiment_id, "config.json");
	if (read_json(path, &j, NULL) == ART_OK)
		seed = json_int(json_get(j, "seed"));
	json_free(j);
	snprintf(out, 24, "%lld", (long long)seed.v);
	return seed.known && seed.v >= 0;
}

enum art_status native_train(struct device *d, struct art_err *err)
{
	struct runner *r = d->r;
	char budget[32], threads[16], fd[16], seed[24], mem[24];
	char scratch[RUNNER_PATH_MAX], log[RUNNER_PATH_MAX], metrics[RUNNER_PATH_MAX];
	struct sandbox_spec where = { .kind = r->opt.sandbox };
	const char *command[24];
	struct child c = { .command = command, .side = JOB_SIDE_METRICS };
	const char *id = d->order.experiment_id;
	int n = 0;

	where.scratch = c.scratch = runner_path(scratch, sizeof(scratch), r->dir, id, "scratch");
	c.log = runner_path(log, sizeof(log), r->dir, id, "run.log");
	c.side_path = runner_path(metrics, sizeof(metrics), r->dir, id, "metrics.jsonl");
	art_f64_text(d->order.budget_s, budget, sizeof(budget));
	snprintf(threads, sizeof(threads), "%d", r->threads);
	snprintf(fd, sizeof(fd), "%d", JOB_METRICS_FD);
	snprintf(mem, sizeof(mem), "%lld", (long long)r->mem_bytes);
	const char *fixed[] = { r->trainer.program, "train", "train.py", "--data", r->opt.data_dir, "--out",
				sandbox_inside(&where), "--time-budget", budget, "--threads", threads, "--kernel",
				r->trainer.kernel, "--metrics-fd", fd, "--mem-max", mem, "--no-eval" };
	for (size_t i = 0; i < ART_COUNT(fixed); i++)
		command[n++] = fixed[i];
	if (seed_of(d, seed)) {
		command[n++] = "--seed";
		command[n++] = seed;
	}
	command[n] = NULL;
	c.time_s = d->order.budget_s + r->opt.grace_s;
	c.line = run_line;
	return child_open(r, d, &c, &d->job, err);
}

enum art_status native_evaluate(struct device *d, struct art_err *err)
{
	struct runner *r = d->r;
	char threads[16], scratch[RUNNER_PATH_MAX], model[RUNNER_PATH_MAX], log[RUNNER_PATH_MAX];
	const char *id = d->order.experiment_id;
	const char *command[] = { r->trainer.program, "eval", "--data", r->opt.data_dir, "--checkpoint", model,
				  "--threads", threads, "--kernel", r->trainer.kernel, "--json", NULL };
	struct child c = { .command = command, .scratch = scratch, .also = model, .log = log,
			   .side = JOB_SIDE_STDOUT, .capture = &d->answer };
	enum art_status st;

	snprintf(threads, sizeof(threads), "%d", r->threads);
	runner_path(scratch, sizeof(scratch), r->dir, id, "eval");
	runner_path(model, sizeof(model), r->dir, id, d->order.artifact_name);
	runner_path(log, sizeof(log), r->dir, id, "eval.log");
	c.time_s = d->order.budget_s + EVAL_TIME_MIN_S;
	art_buf_reset(&d->answer);
	st = art_mkdirs(scratch, 0700, err);
	return st ? st : child_open(r, d, &c, &d->job, err);
}
