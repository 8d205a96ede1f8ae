/*
 * bench_store.c - how long the dashboard's queries take on a large store.
 *
 * Builds 10,000 experiments in one night with three runs each and 100,000 events through the
 * store's own API, then prints the median and worst of 20 calls of each query, in milliseconds.
 * Two columns: with pages in the connection's cache, and as a face sees it right after another
 * connection committed (SQLite then drops the cache). Exit 1 when any call fails.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/events.h"
#include "store/experiments.h"

#define EXPERIMENTS 10000
#define EVENTS_EACH 10
#define RUNS_EACH 3
#define REPEAT 20
#define WINDOW 50

static struct art_err err;

static void need(enum art_status s, const char *what)
{
	if (s == ART_OK)
		return;
	printf("FAIL %s: %s\n", what, err.text);
	exit(1);
}

static double noise(struct art_rng *r)
{
	return 1.4 + 0.001 * art_rng_normal(r);
}

static void add_runs(struct store *st, int64_t experiment_id, bool baseline, struct art_rng *rng)
{
	for (int i = 0; i < RUNS_EACH; i++) {
		struct run_row r = { .experiment_id = experiment_id, .seed = i };
		int64_t start = art_now_us();
		r.purpose = baseline ? RUN_FOR_BASELINE : i == 0 ? RUN_FOR_SCREEN : RUN_FOR_CONFIRM;
		art_copy(r.executor, sizeof(r.executor), "local:cpu");
		need(run_add(st, &r, &err), "run_add");
		r.state = RUN_RUNNING;
		r.started_at = start;
		need(run_move(st, &r, RUN_QUEUED, &err), "run_move");
		r.state = RUN_DONE;
		r.finished_at = art_now_us();
		r.val_bpb = OPT_F64(noise(rng));
		r.seconds = OPT_F64(300 + art_rng_f64(rng));
		r.tokens = OPT_I64(4096 * 300);
		need(run_move(st, &r, RUN_RUNNING, &err), "run_move");
	}
}

static void add_experiment(struct store *st, const struct night_row *night, int i,
			   struct art_rng *rng)
{
	struct experiment_row x = { .night_id = night->id, .class_id = night->class_id };
	char recipe[64];

	snprintf(x.title, sizeof(x.title), "MATRIX_LR 0.04 -> %.6f", 0.04 + i * 1e-6);
	snprintf(x.idea, sizeof(x.idea), "a smaller step at the end lets the %dth layer settle", i);
	art_copy(x.proposer, sizeof(x.proposer), i == 0 ? "baseline" : i % 7 ? "search" : "queue");
	snprintf(x.knobs, sizeof(x.knobs),
		 "DEPTH=4;ASPECT_RATIO=64;HEAD_DIM=64;WINDOW_PATTERN=\"SSSL\";TOTAL_BATCH_SIZE=4096;"
		 "DEVICE_BATCH_SIZE=8;EMBEDDING_LR=0.6;UNEMBEDDING_LR=0.004;MATRIX_LR=%.6f;"
		 "SCALAR_LR=0.5;WEIGHT_DECAY=0.2;ADAM_BETAS=(0.8, 0.95);WARMUP_RATIO=0.0;"
		 "WARMDOWN_RATIO=0.5;FINAL_LR_FRAC=0.0;", 0.04 + i * 1e-6);
	snprintf(recipe, sizeof(recipe), "MATRIX_LR = %.6f\n", 0.04 + i * 1e-6);
	need(experiment_add(st, &x, recipe, strlen(recipe), &err), "experiment_add");
	add_runs(st, x.id, i == 0, rng);
	x.verdict = i == 0 ? VERDICT_BASELINE : i % 500 == 0 ? VERDICT_KEPT :
		    i % 20 == 0 ? VERDICT_FAILED : VERDICT_DISCARDED;
	if (x.verdict != VERDICT_FAILED)
		x.val_bpb = OPT_F64(noise(rng));
	x.n = RUNS_EACH;
	x.p_false_keep = OPT_F64(0.001);
	art_copy(x.reason, sizeof(x.reason), "screen 1.4012 is above the incumbent's best 1.3990");
	need(experiment_judge(st, &x, &err), "experiment_judge");
	for (int e = 0; e < EVENTS_EACH; e++)
		need(event_add(st, EVENT_INFO, "run.done", x.id, 0, &err,
			       "experiment %d: run %d done, val_bpb %.4f", i, e, noise(rng)),
		     "event_add");
}

static void build(struct store *st, struct class_row *class)
{
	struct night_row night = { .budget_s = 300, .confirm = 3, .seed = 1 };
	struct art_rng rng;

	art_rng_seed(&rng, 1);
	art_copy(class->metric, sizeof(class->metric), "val_bpb");
	art_copy(class->data, sizeof(class->data), "kjv");
	art_copy(class->budget, sizeof(class->budget), "300s");
	art_copy(class->hardware, sizeof(class->hardware), "cpu:bench");
	need(class_get(st, class, &err), "class_get");
	night.class_id = class->id;
	need(night_add(st, &night, &err), "night_add");
	for (int i = 0; i < EXPERIMENTS; i += 100) {
		need(store_begin(st, &err), "store_begin");
		for (int k = i; k < i + 100; k++)
			add_experiment(st, &night, k, &rng);
		need(store_commit(st, &err), "store_commit");
	}
	struct curve_point p[CURVE_MAX];
	for (int i = 0; i < CURVE_MAX; i++)
		p[i] = (struct curve_point){ i / (double)CURVE_MAX, i, i * 4096, 9.0 - i * 0.01 };
	need(curve_add(st, EXPERIMENTS * RUNS_EACH, p, CURVE_MAX, &err), "curve_add");
}

/* ---- the queries -------------------------------------------------------------------------- */

struct probe {
	const char *name;
	enum { BOARD, TREND, LIST, LOG, CURVE, CHAMPION, FIRST_FRAME } kind;
	struct experiment_query list;
	struct event_query log;
};

static void ask(struct store *st, const struct probe *p, int64_t class_id)
{
	struct board board;
	struct trend_point trend[512];
	struct curve_point curve[CURVE_MAX];
	struct experiment_row champion;
	struct experiment_list list = { 0 };
	struct event_list log = { 0 };
	struct experiment_query q = p->list;
	size_t n;

	q.class_id = class_id;
	if (p->kind == BOARD || p->kind == FIRST_FRAME)
		need(board_get(st, 0, &board, &err), "board_get");
	if (p->kind == TREND || p->kind == FIRST_FRAME)
		need(board_trend(st, class_id, trend, ART_COUNT(trend), &n, &err), "board_trend");
	if (p->kind == LIST || p->kind == FIRST_FRAME)
		need(experiment_query(st, &q, &list, &err), "experiment_query");
	if (p->kind == LOG || p->kind == FIRST_FRAME)
		need(event_query(st, &p->log, &log, &err), "event_query");
	if (p->kind == CURVE)
		need(curve_list(st, EXPERIMENTS * RUNS_EACH, curve, &n, &err), "curve_list");
	if (p->kind == CHAMPION)
		need(experiment_champion(st, class_id, &champion, &err), "experiment_champion");
	experiment_list_destroy(&list);
	event_list_destroy(&log);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* @other, when not NULL, commits before each call. */
static void measure(struct store *st, struct store *other, const struct probe *p, int64_t class_id,
		    double *median, double *worst)
{
	double ms[REPEAT];
	char value[32];

	for (int i = 0; i < REPEAT; i++) {
		if (other != NULL) {
			snprintf(value, sizeof(value), "%d", i);
			need(store_set(other, "bench", value, &err), "store_set");
		}
		int64_t t = art_mono_us();
		ask(st, p, class_id);
		ms[i] = (double)(art_mono_us() - t) / 1000;
	}
	qsort(ms, REPEAT, sizeof(ms[0]), by_value);
	*median = ms[REPEAT / 2];
	*worst = ms[REPEAT - 1];
}

#define LISTED(...) .kind = LIST, .list = { .limit = WINDOW, __VA_ARGS__ }
static const struct probe probes[] = {
	{ .name = "board_get", .kind = BOARD },
	{ .name = "board_trend", .kind = TREND },
	{ .name = "experiment_champion", .kind = CHAMPION },
	{ .name = "experiments by id", LISTED(.sort = EXPERIMENT_BY_ID) },
	{ .name = "experiments by id, end", LISTED(.sort = EXPERIMENT_BY_ID, .offset = 9900) },
	{ .name = "experiments by score", LISTED(.sort = EXPERIMENT_BY_SCORE) },
	{ .name = "experiments by score, worst", LISTED(.sort = EXPERIMENT_BY_SCORE, .descending = true) },
	{ .name = "experiments by verdict", LISTED(.sort = EXPERIMENT_BY_VERDICT) },
	{ .name = "experiments by proposer", LISTED(.sort = EXPERIMENT_BY_PROPOSER) },
	{ .name = "experiments by time, longest", LISTED(.sort = EXPERIMENT_BY_TIME, .descending = true) },
	{ .name = "experiments kept", LISTED(.verdicts = 1u << VERDICT_KEPT) },
	{ .name = "experiments of the night", LISTED(.night_id = 1, .sort = EXPERIMENT_BY_SCORE) },
	{ .name = "experiments matching few", LISTED(.match = "0.04123", .sort = EXPERIMENT_BY_SCORE) },
	{ .name = "experiments matching all", LISTED(.match = "matrix", .sort = EXPERIMENT_BY_SCORE) },
	{ .name = "events", .kind = LOG, .log = { .limit = WINDOW } },
	{ .name = "events of an experiment", .kind = LOG, .log = { .limit = WINDOW, .experiment_id = 5000 } },
	{ .name = "events matching none", .kind = LOG, .log = { .limit = WINDOW, .match = "crashed" } },
	{ .name = "curve_list", .kind = CURVE },
	{ .name = "first frame together", .kind = FIRST_FRAME,
	  .list = { .limit = WINDOW, .sort = EXPERIMENT_BY_SCORE }, .log = { .limit = WINDOW } },
};

int main(void)
{
	char dir[] = "/tmp/bench_store.XXXXXX", path[64], command[96];
	struct store *st, *other;
	struct class_row class = { 0 };

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/artui.db", dir);
	need(store_open(&st, path, STORE_CREATE, 1000, &err), "store_open");
	int64_t t = art_mono_us();
	build(st, &class);
	double built_s = (double)(art_mono_us() - t) / 1e6;
	store_close(st);

	t = art_mono_us();
	need(store_open(&st, path, 0, 1000, &err), "store_open");
	double open_ms = (double)(art_mono_us() - t) / 1000;
	need(store_open(&other, path, 0, 1000, &err), "store_open");
	printf("store of %d experiments, %d runs, %d events: built in %.1f s, opened in %.2f ms\n",
	       EXPERIMENTS, EXPERIMENTS * RUNS_EACH, EXPERIMENTS * EVENTS_EACH, built_s, open_ms);
	printf("%-32s %10s %10s %10s %10s\n", "ms", "cached", "worst", "after wake", "worst");
	for (size_t i = 0; i < ART_COUNT(probes); i++) {
		double m, w, m2, w2;
		measure(st, NULL, &probes[i], class.id, &m, &w);
		measure(st, other, &probes[i], class.id, &m2, &w2);
		printf("%-32s %10.2f %10.2f %10.2f %10.2f\n", probes[i].name, m, w, m2, w2);
	}
	t = art_mono_us();
	for (int i = 0; i < 100; i++)
		need(event_add(st, EVENT_INFO, "bench", 0, 0, &err, "%d", i), "event_add");
	printf("%-32s %10.2f\n", "one event committed", (double)(art_mono_us() - t) / 100000);
	store_close(other);
	store_close(st);
	for (const char *const *suffix = (const char *const[]){ "", "-wal", "-shm", NULL }; *suffix;
	     suffix++) {
		snprintf(command, sizeof(command), "%s%s", path, *suffix);
		unlink(command);
	}
	return rmdir(dir) == 0 ? 0 : 1;
}
