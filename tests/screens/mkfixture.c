/*
 * mkfixture.c - writes the databases that screen tests and benchmarks look at, through the store's
 * own API, always the same bytes of content for the same arguments.
 *
 *   mkfixture KIND PATH [N]
 *
 *   night    a night under way: baseline, kept, discarded, failed, one running with a live curve
 *   hostile  the same with names full of escape codes, bidi controls, wide and broken characters
 *   empty    no night yet
 *   large    N experiments (default 10000) with a run each, and as many events
 *
 * The clock stands at NIGHT_BEGAN and is moved by hand; tests set ARTUI_NOW to two hours later.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/recipe.h"
#include "store/store.h"

#define NIGHT_BEGAN 1795384800ll /* 2026-11-22T22:00:00Z, in seconds */
#define SECOND 1000000ll
#define CURVE_POINTS 60
#define KNOBS "DEPTH=4;ASPECT_RATIO=64;MATRIX_LR=%s;WARMDOWN_RATIO=0.5;"

struct fixture {
	struct store *st;
	struct class_row class;
	struct night_row night;
	int64_t now_s;   /* seconds since the night began */
	int64_t engine;  /* pid said to be the engine's */
	char *base;      /* the incumbent's recipe */
};

static struct art_err err;

static void must(enum art_status s, const char *what)
{
	if (s != ART_OK) {
		fprintf(stderr, "mkfixture: %s: %s\n", what, err.text);
		exit(1);
	}
}

static void clock_to(struct fixture *f, int64_t s)
{
	f->now_s = s;
	art_clock_set_for_test((NIGHT_BEGAN + s) * SECOND);
}

static void later(struct fixture *f, int64_t s) { clock_to(f, f->now_s + s); }

/* A recipe of its own: the parent's with one constant set. */
static char *recipe_with(struct fixture *f, const char *name, const char *value)
{
	char *out;

	must(recipe_set(f->base, strlen(f->base), name, value, &out, &err), name);
	return out;
}

static int64_t add_experiment(struct fixture *f, int64_t parent, const char *title,
			      const char *proposer, const char *knob, const char *value,
			      const char *idea)
{
	struct experiment_row row = { .night_id = f->night.id, .class_id = f->class.id,
				      .parent_id = parent };
	char *recipe = knob ? recipe_with(f, knob, value) : art_strdup(f->base);

	art_copy(row.title, sizeof(row.title), title);
	art_copy(row.proposer, sizeof(row.proposer), proposer);
	art_copy(row.idea, sizeof(row.idea), idea ? idea : "");
	if (knob)
		snprintf(row.knobs, sizeof(row.knobs), "%s=%s;", knob, value);
	must(experiment_add(f->st, &row, recipe, strlen(recipe), &err), title);
	free(recipe);
	return row.id;
}

static void add_curve(struct fixture *f, int64_t run, double share, double level)
{
	struct curve_point p[CURVE_POINTS];
	int n = (int)(CURVE_POINTS * share);

	for (int i = 0; i < n; i++) {
		double t = (i + 1.0) / CURVE_POINTS;

		p[i].progress = t;
		p[i].seconds = 300 * t;
		p[i].tokens = (int64_t)(3700000 * t);
		p[i].loss = level + 4.5 * exp(-9 * t) + 0.6 * (1 - t) + 0.03 * sin(i * 1.7);
	}
	if (n > 0)
		must(curve_add(f->st, run, p, (size_t)n, &err), "curve");
}

static const char log_text[] =
	"data: sotu, 3 splits, 8192 tokens of vocabulary\n"
	"model: depth 4, width 256, 11.5 M parameters, kernels avx512bf16\n"
	"step  400  loss 3.912  lr 1.00  12.3k tok/s\n"
	"step  800  loss 3.540  lr 1.00  12.4k tok/s\n"
	"step 1200  loss 3.301  lr 0.71  12.4k tok/s\n";

/* One finished run; @bpb below 0: it failed. */
static void add_run(struct fixture *f, int64_t experiment, enum run_purpose purpose, int64_t seed,
		    double bpb)
{
	struct run_row r = { .experiment_id = experiment, .purpose = purpose, .seed = seed, .attempt = 1 };

	art_copy(r.executor, sizeof(r.executor), "local:cpu");
	must(run_add(f->st, &r, &err), "run");
	r.state = RUN_RUNNING;
	r.started_at = art_now_us();
	must(run_move(f->st, &r, RUN_QUEUED, &err), "start");
	later(f, 312);
	r.finished_at = art_now_us();
	if (bpb < 0) {
		r.state = RUN_FAILED;
		r.fault = RUN_FAULT_DIVERGED;
		r.seconds = OPT_F64(41);
		art_copy(r.error, sizeof(r.error), "the loss was not a number at step 310");
		must(run_move(f->st, &r, RUN_RUNNING, &err), "fail");
		return;
	}
	r.state = RUN_EVALUATING;
	must(run_move(f->st, &r, RUN_RUNNING, &err), "evaluate");
	r.state = RUN_DONE;
	r.val_bpb = r.claimed_bpb = OPT_F64(bpb);
	r.seconds = OPT_F64(300.2);
	r.tokens = OPT_I64(3698688);
	r.steps = OPT_I64(903);
	r.params = OPT_I64(11534592);
	r.mfu = OPT_F64(41.3);
	r.peak_mem_mb = OPT_F64(812);
	must(run_move(f->st, &r, RUN_EVALUATING, &err), "finish");
	add_curve(f, r.id, 1.0, 2.1 + 1.4 * bpb - 1.9);
	must(run_set_log_tail(f->st, r.id, log_text, &err), "log");
}

static void judge(struct fixture *f, int64_t id, enum verdict v, const char *reason, double bpb,
		  double half, int64_t n)
{
	struct experiment_row row = { .id = id, .verdict = v, .n = n };
	static const char *const kind[VERDICT_COUNT] = {
		[VERDICT_BASELINE] = "baseline.done", [VERDICT_KEPT] = "experiment.kept",
		[VERDICT_DISCARDED] = "experiment.discarded", [VERDICT_FAILED] = "experiment.failed",
		[VERDICT_STOPPED] = "experiment.stopped",
	};
	enum event_level level = v == VERDICT_KEPT ? EVENT_GOOD
				 : v == VERDICT_FAILED ? EVENT_ERROR : EVENT_INFO;

	art_copy(row.reason, sizeof(row.reason), reason);
	if (n > 0)
		row.val_bpb = OPT_F64(bpb);
	if (n > 1) {
		row.lo = OPT_F64(bpb - half);
		row.hi = OPT_F64(bpb + half);
	}
	row.p_false_keep = OPT_F64(v == VERDICT_KEPT || v == VERDICT_DISCARDED ? 0.0041 : 0);
	must(experiment_judge(f->st, &row, &err), reason);
	must(event_add(f->st, level, kind[v], id, 0, &err, "#%lld %s: %s", (long long)id,
		       verdict_text(v), reason), "event");
}

static void begin_world(struct fixture *f)
{
	struct device_row dev = { .name = "local:cpu",
				  .detail = "AMD EPYC 9R14, 2 threads, avx512bf16",
				  .state = "busy", .tokens_per_s = OPT_F64(12340) };
	static const struct {
		const char *name;
		double bpb;
	} lines[] = {
		{ "gzip -9", 2.4613 },	{ "xz -9e", 1.8610 },  { "zpaq -m5", 1.4030 },
		{ "zpaq -m5 after training text", 1.3770 }, { "7z PPMd", 1.5100 },
	};

	f->class = (struct class_row){ .metric = "val_bpb", .data = "sotu", .budget = "300s",
				       .hardware = "cpu:AMD EPYC 9R14 x2 avx512bf16" };
	art_copy(f->class.data_sha256, sizeof(f->class.data_sha256), hash_bytes("sotu", 4).s);
	art_copy(f->class.evaluator_sha256, sizeof(f->class.evaluator_sha256), hash_bytes("e", 1).s);
	must(class_get(f->st, &f->class, &err), "class");
	for (size_t i = 0; i < ART_COUNT(lines); i++) {
		struct reference_row ref = { .val_bpb = lines[i].bpb };

		art_copy(ref.data_sha256, sizeof(ref.data_sha256), f->class.data_sha256);
		art_copy(ref.name, sizeof(ref.name), lines[i].name);
		must(reference_set(f->st, &ref, &err), "reference");
	}
	must(device_set(f->st, &dev, &err), "device");
}

static void begin_night(struct fixture *f, int64_t rounds)
{
	f->night = (struct night_row){ .class_id = f->class.id, .seed = 7, .rounds = rounds, .hours = 8,
				       .budget_s = 300, .confirm = 3 };
	must(night_add(f->st, &f->night, &err), "night");
	must(event_add(f->st, EVENT_INFO, "night.start", 0, 0, &err,
		       "night %lld begins: 100 rounds or 8 h, 300 s a run, confirmed by 3 seeds",
		       (long long)f->night.id), "event");
}

static void add_ideas(struct fixture *f, int64_t became)
{
	static const char *const texts[] = {
		"WARMDOWN_RATIO = 0.7", "DEPTH = 6, ASPECT_RATIO = 48",
		"try a bigger batch once the loss is flat",
	};

	for (size_t i = 0; i < ART_COUNT(texts); i++) {
		struct note_row note = { .kind = "idea", .origin = "person" };

		art_copy(note.text, sizeof(note.text), texts[i]);
		must(note_add(f->st, &note, NULL, 0, &err), "note");
		if (i == 0)
			must(note_move(f->st, note.id, NOTE_TAKEN, became, "", &err), "note");
		if (i == 2)
			must(note_move(f->st, note.id, NOTE_REFUSED, 0,
				       "no constant is named in it", &err), "note");
		later(f, 60);
	}
}

static void add_running(struct fixture *f, int64_t parent, const char *title)
{
	struct run_row r = { .purpose = RUN_FOR_SCREEN, .seed = 9001, .attempt = 1,
			     .executor = "local:cpu" };
	struct engine_row e = { .pid = f->engine, .state = "running",
				.doing = "experiment 9, screening, 58 %" };

	r.experiment_id = add_experiment(f, parent, title, "search", "SCALAR_LR", "0.31", NULL);
	must(run_add(f->st, &r, &err), "run");
	r.state = RUN_RUNNING;
	r.started_at = art_now_us();
	must(run_move(f->st, &r, RUN_QUEUED, &err), "start");
	add_curve(f, r.id, 0.58, 2.02);
	must(run_set_log_tail(f->st, r.id, log_text, &err), "log");
	e.started_at = NIGHT_BEGAN * SECOND;
	must(engine_set(f->st, &e, &err), "engine");
	must(event_add(f->st, EVENT_INFO, "run.start", r.experiment_id, r.id, &err,
		       "#%lld screening on local:cpu", (long long)r.experiment_id), "event");
}

struct candidate {
	const char *title, *proposer, *knob, *value, *idea;
	enum verdict verdict;
	const char *reason;
	double bpb;
	int runs;
};

static void add_candidate(struct fixture *f, int64_t parent, const struct candidate *c, int64_t *id)
{
	*id = add_experiment(f, parent, c->title, c->proposer, c->knob, c->value, c->idea);
	for (int i = 0; i < c->runs; i++)
		add_run(f, *id, i ? RUN_FOR_CONFIRM : RUN_FOR_SCREEN, 100 * *id + i,
			c->verdict == VERDICT_FAILED ? -1 : c->bpb + 0.0006 * (i - 1.5));
	judge(f, *id, c->verdict, c->reason, c->bpb, 0.0009,
	      c->verdict == VERDICT_FAILED ? 0 : c->runs);
}

static void make_night(struct fixture *f, bool hostile)
{
	static const struct candidate good[] = {
		{ "WARMDOWN_RATIO 0.5 -> 0.7", "queue", "WARMDOWN_RATIO", "0.7",
		  "a longer warm-down helps short budgets", VERDICT_KEPT,
		  "4 runs, all below all of the incumbent's", 1.3914, 4 },
		{ "MATRIX_LR 0.04 -> 0.11", "search", "MATRIX_LR", "0.11", NULL, VERDICT_DISCARDED,
		  "first run 1.4102 is not below 1.3905", 1.4102, 1 },
		{ "EMBEDDING_LR 0.6 -> 2.4", "search", "EMBEDDING_LR", "2.4", NULL, VERDICT_FAILED,
		  "diverged at step 310", 0, 1 },
		{ "WEIGHT_DECAY 0.2 -> 0.35", "search", "WEIGHT_DECAY", "0.35", NULL,
		  VERDICT_DISCARDED, "confirm 2 of 3, 1.3921, is not below 1.3905", 1.3910, 3 },
		{ "DEPTH 4 -> 5", "search", "DEPTH", "5", NULL, VERDICT_STOPPED,
		  "worse than the median of finished runs at 40 %", 1.5201, 1 },
		{ "MATRIX_LR 0.04 -> 0.06", "search", "MATRIX_LR", "0.06", NULL, VERDICT_KEPT,
		  "4 runs, all below all of the incumbent's", 1.3721, 4 },
		{ "ADAM_BETAS (0.8, 0.95) -> (0.9, 0.98)", "search", "ADAM_BETAS", "(0.9, 0.98)", NULL,
		  VERDICT_DISCARDED, "first run 1.3798 is not below 1.3712",
		  1.3798, 1 },
	};
	static const struct candidate bad[] = {
		{ "\033[31mred\033[0m \033]0;owned\a title", "search", "WARMDOWN_RATIO", "0.7",
		  "line one\nline two\ttab", VERDICT_KEPT, "because \033[2J of \x9b" "31m codes", 1.3914, 4 },
		{ "bidi \xe2\x80\xae" "desrever\xe2\x80\xac and zero\xe2\x80\x8bwidth", "search",
		  "MATRIX_LR", "0.11", NULL, VERDICT_KEPT, "reason", 1.3902, 2 },
		{ "wide \xe5\xad\xa6\xe4\xb9\xa0\xe7\x8e\x87 0.04 \xe2\x86\x92 0.06 and "
		  "combining e\xcc\x81\xcc\x88 o\xcc\x82, "
		  "\xe5\xad\xa6\xe4\xb9\xa0\xe7\x8e\x87\xe5\xad\xa6\xe4\xb9\xa0\xe7\x8e\x87\xe5\xad\xa6",
		  "search", "EMBEDDING_LR", "2.4", NULL, VERDICT_KEPT, "reason", 1.3891, 2 },
		{ "broken \xff\xfe\xc3( bytes \xf0\x9f\x98\x80 and an emoji", "search", "WEIGHT_DECAY",
		  "0.35", NULL, VERDICT_KEPT, "reason", 1.3881, 2 },
		{ "a title that is far too long for any column of any table and must therefore be cut "
		  "off with a sign that says so, whatever the screen's width may be",
		  "search", "DEPTH", "5", NULL, VERDICT_KEPT, "reason", 1.3871, 2 },
		{ "%s%n%x %1$s", "search", "MATRIX_LR", "0.06", NULL, VERDICT_KEPT, "reason", 1.3861, 2 },
		{ "", "search", "ADAM_BETAS", "(0.9, 0.98)", NULL, VERDICT_KEPT, "reason", 1.3851, 2 },
	};
	int64_t base, parent, id;

	begin_night(f, 100);
	base = add_experiment(f, 0, "baseline", "baseline", NULL, NULL, NULL);
	for (int i = 0; i < 3; i++)
		add_run(f, base, RUN_FOR_BASELINE, i, 1.4020 + 0.0011 * (i - 1));
	judge(f, base, VERDICT_BASELINE, "3 seeds", 1.4020, 0.0027, 3);
	parent = base;
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		add_candidate(f, parent, hostile ? &bad[i] : &good[i], &id);
		if ((hostile ? bad : good)[i].verdict == VERDICT_KEPT) {
			char *kept = recipe_with(f, good[i].knob, good[i].value);

			free(f->base);
			f->base = kept;
			parent = id;
		}
	}
	add_ideas(f, 2);
	add_running(f, parent, hostile ? "\033[5mblink\033[0m \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac"
				       : "SCALAR_LR 0.5 -> 0.31");
}

static void make_large(struct fixture *f, int64_t n)
{
	int64_t base, parent;
	char title[64], value[32];

	begin_night(f, 0);
	base = parent = add_experiment(f, 0, "baseline", "baseline", NULL, NULL, NULL);
	add_run(f, base, RUN_FOR_BASELINE, 1, 1.4020);
	judge(f, base, VERDICT_BASELINE, "1 seed", 1.4020, 0, 1);
	for (int64_t i = 2; i <= n; i++) {
		double bpb = 1.40 - 0.03 * (double)i / (double)n + 0.01 * sin((double)i);
		bool kept = i % 100 == 0;
		int64_t id;

		snprintf(value, sizeof(value), "%.7f", 0.01 + 0.1 * (double)i / (double)n);
		snprintf(title, sizeof(title), "MATRIX_LR 0.04 -> %s", value);
		if (i % 200 == 2)
			must(store_begin(f->st, &err), "begin");
		id = add_experiment(f, parent, title, i % 7 ? "search" : "queue", "MATRIX_LR", value, NULL);
		add_run(f, id, RUN_FOR_SCREEN, i, bpb);
		judge(f, id, kept ? VERDICT_KEPT : VERDICT_DISCARDED, kept ? "all below" : "not below",
		      bpb, 0.001, 4);
		parent = kept ? id : parent;
		if (i % 200 == 1 || i == n)
			must(store_commit(f->st, &err), "commit");
	}
	add_running(f, parent, "SCALAR_LR 0.5 -> 0.31");
}

int main(int argc, char **argv)
{
	struct fixture f = { .engine = 1 };
	int64_t n = 10000;

	if (argc < 3 || argc > 4 || (argc == 4 && (!art_parse_i64(argv[3], &n) || n < 1))) {
		fprintf(stderr, "usage: mkfixture night|hostile|empty|large PATH [N]\n");
		return 2;
	}
	clock_to(&f, 0);
	must(store_open(&f.st, argv[2], STORE_CREATE, 5000, &err), "open");
	f.base = recipe_native_default();
	if (!strcmp(argv[1], "night") || !strcmp(argv[1], "hostile")) {
		begin_world(&f);
		make_night(&f, !strcmp(argv[1], "hostile"));
	} else if (!strcmp(argv[1], "large")) {
		begin_world(&f);
		make_large(&f, n);
	} else if (strcmp(argv[1], "empty") != 0) {
		fprintf(stderr, "mkfixture: no kind \"%s\"\n", argv[1]);
		return 2;
	}
	free(f.base);
	store_close(f.st);
	return 0;
}
