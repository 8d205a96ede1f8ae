/*
 * night_fixture.h - a workspace, an engine on it, and simulated trainers that are the test program
 * itself: "__job" the launcher, "__sim" a training command, "version", "corpus", "train", "eval" the
 * native trainer's contract.
 */
#ifndef TESTS_UNIT_NIGHT_FIXTURE_H
#define TESTS_UNIT_NIGHT_FIXTURE_H

#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"
#include "core/exec/job.h"
#include "core/exec/job_tree.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/hash.h"
#include "store/json.h"
#include "store/recipe.h"
#include "tests/fault/sim_trainer.h"

#define FIXTURE_TIME_US (120 * INT64_C(1000000))

/* No memory limit: sanitizers reserve terabytes. */
#define FIXTURE_SIM                                                                                \
	"[train]\ncommand = %s __sim\nbudget_s = 20\ngrace_s = 20\nmem_mb = 16777216\n"             \
	"[night]\nseed = 11\n[search]\nwarmup = 4\nplateau = 0\n%s"
#define FIXTURE_NATIVE                                                                             \
	"[train]\nbudget_s = 20\ngrace_s = 20\nmem_mb = 16777216\nthreads = 1\n"                    \
	"[night]\nseed = 11\n[search]\nplateau = 0\nwarmup = 4\n%s"

/* The native default, and every misbehaviour within an idea's reach. */
#define FIXTURE_SWITCHES                                                                           \
	"SIM_SLEEP_MS = 0\nSIM_CRASH = 0\nSIM_HANG = 0\nSIM_DIVERGE = 0\nSIM_NAN = 0\nSIM_FORK = 0\n" \
	"SIM_FLOOD = 0\nSIM_SILENT = 0\nSIM_TAMPER = 0\nSIM_KILL = 0\nSIM_SLOW = 0\n"

struct fixture {
	char dir[64], self[PATH_MAX];
	struct workspace w;
	struct config *cfg;
	struct bell *bell;
	struct bell_sub *sub;
	struct store *st;
	struct core *core;
	bool native;
	struct art_err err;
};

static int fixture_rm(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-night-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_non_null(realpath("/proc/self/exe", f->self));
	setenv("XDG_CONFIG_HOME", f->dir, 1);
	if (workspace_init(&f->w, f->dir, NULL, &f->err))
		fail_msg("%s", f->err.text);
	f->bell = bell_new();
	f->sub = bell_subscribe(f->bell, TOPIC_ALL);
	assert_int_equal(workspace_store(&f->w, &f->st, 0, 5000, &f->err), ART_OK);
	store_attach_bell(f->st, f->bell);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	core_close(f->core);
	store_close(f->st);
	bell_unsubscribe(f->bell, f->sub);
	bell_free(f->bell);
	config_free(f->cfg);
	nftw(f->dir, fixture_rm, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline void fixture_put(struct fixture *f, const char *name, const char *text)
{
	char path[WORKSPACE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	if (art_write_file(path, text, strlen(text), 0644, &f->err))
		fail_msg("%s", f->err.text);
}

/* The recipe is the native default with the switches, then @extra (which may set them anew). */
static inline void fixture_recipe(struct fixture *f, const char *extra)
{
	char *def = recipe_native_default();
	char *text = art_printf("%s%s%s", def, FIXTURE_SWITCHES, extra);

	fixture_put(f, "recipe.py", text);
	free(text);
	free(def);
}

static inline void fixture_config(struct fixture *f, bool native, const char *extra)
{
	char *text = native ? art_printf(FIXTURE_NATIVE, extra) :
			      art_printf(FIXTURE_SIM, f->self, extra);

	f->native = native;
	fixture_put(f, ".artui/config", text);
	free(text);
	config_free(f->cfg);
	f->cfg = NULL;
	if (config_load(&f->cfg, &f->w, NULL, 0, &f->err))
		fail_msg("%s", f->err.text);
}

static inline struct core_options fixture_options(struct fixture *f)
{
	return (struct core_options){ .workspace = &f->w, .config = f->cfg, .bell = f->bell,
				      .trainer = f->native ? f->self : NULL, .offline = true };
}

static inline void fixture_open(struct fixture *f)
{
	struct core_options opt = fixture_options(f);

	if (core_open(&f->core, &opt, &f->err))
		fail_msg("%s", f->err.text);
}

static inline void fixture_close(struct fixture *f)
{
	core_close(f->core);
	f->core = NULL;
}

/* Make a wish and wait for its answer. */
static inline struct wish_row fixture_wish(struct fixture *f, enum wish_kind kind, int64_t target,
					   const char *text)
{
	struct wish_row w = { 0 };
	int64_t id, until = art_mono_us() + FIXTURE_TIME_US;

	if (wish_add(f->st, kind, target, text, &id, &f->err))
		fail_msg("%s", f->err.text);
	while (!w.done_at) {
		struct pollfd fd = { .fd = bell_fd(f->sub), .events = POLLIN };
		poll(&fd, 1, 200);
		bell_take(f->sub);
		assert_int_equal(wish_find(f->st, id, &w, &f->err), ART_OK);
		assert_true(art_mono_us() < until);
	}
	return w;
}

static inline void fixture_start(struct fixture *f, int64_t rounds)
{
	struct night_options o = { .rounds = rounds };
	struct wish_row w;
	struct art_buf b;

	art_buf_init(&b, 4096);
	night_options_json(&o, &b);
	w = fixture_wish(f, WISH_START, 0, b.data);
	art_buf_destroy(&b);
	if (!w.granted)
		fail_msg("%s", w.answer);
}

static inline struct night_row fixture_night_end(struct fixture *f)
{
	struct night_row n = { 0 };
	int64_t until = art_mono_us() + FIXTURE_TIME_US;

	for (;;) {
		struct pollfd fd = { .fd = bell_fd(f->sub), .events = POLLIN };
		assert_int_equal(night_find(f->st, 0, &n, &f->err), ART_OK);
		if (n.ended_at)
			return n;
		if (art_mono_us() > until)
			fail_msg("the night does not end");
		poll(&fd, 1, 200);
		bell_take(f->sub);
	}
}

static inline struct night_row fixture_night(struct fixture *f, int64_t rounds)
{
	fixture_open(f);
	fixture_start(f, rounds);
	return fixture_night_end(f);
}

static inline int64_t fixture_idea(struct fixture *f, const char *text)
{
	struct note_row n = { 0 };

	art_copy(n.kind, sizeof(n.kind), "idea");
	art_copy(n.origin, sizeof(n.origin), "person");
	art_copy(n.text, sizeof(n.text), text);
	assert_int_equal(note_add(f->st, &n, NULL, 0, &f->err), ART_OK);
	return n.id;
}

static inline struct experiment_row fixture_experiment(struct fixture *f, int64_t id)
{
	struct experiment_row e = { 0 };

	if (experiment_find(f->st, id, &e, &f->err))
		fail_msg("%s", f->err.text);
	return e;
}

static inline struct run_row fixture_run(struct fixture *f, int64_t experiment_id, size_t idx)
{
	struct run_list l = { 0 };
	struct run_row r;

	assert_int_equal(run_list(f->st, experiment_id, &l, &f->err), ART_OK);
	assert_true(idx < l.n);
	r = l.rows[idx];
	run_list_destroy(&l);
	return r;
}

/* Wait until run @idx of an experiment is in @state. */
static inline void fixture_wait_run(struct fixture *f, int64_t experiment_id, size_t idx,
				    enum run_state state)
{
	int64_t until = art_mono_us() + FIXTURE_TIME_US;

	while (art_mono_us() < until) {
		struct run_list l = { 0 };
		bool there;
		struct pollfd fd = { .fd = bell_fd(f->sub), .events = POLLIN };
		assert_int_equal(run_list(f->st, experiment_id, &l, &f->err), ART_OK);
		there = idx < l.n && l.rows[idx].state == state;
		run_list_destroy(&l);
		if (there)
			return;
		poll(&fd, 1, 100);
		bell_take(f->sub);
	}
	fail_msg("run %zu of experiment %" PRId64 " never was %s", idx, experiment_id,
		 run_state_text(state));
}

static inline int fixture_events(struct fixture *f, const char *kind)
{
	struct event_query q = { 0 };
	struct event_list l = { 0 };
	int n = 0;

	assert_int_equal(event_query(f->st, &q, &l, &f->err), ART_OK);
	for (size_t i = 0; i < l.n; i++)
		n += !strcmp(l.rows[i].kind, kind);
	event_list_destroy(&l);
	return n;
}

static inline bool fixture_has(struct fixture *f, const char *name)
{
	char path[WORKSPACE_PATH_MAX];

	return access(workspace_path(&f->w, path, "%s", name), F_OK) == 0;
}

/* ---- the native trainer's contract, simulated -------------------------------------------------- */

static const char *fixture_arg(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return "";
}

static int fixture_train(int argc, char **argv)
{
	char path[WORKSPACE_PATH_MAX], text[64];
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_buf b;
	struct art_rng rng;
	int64_t seed, fd;
	double val;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	if (art_read_file(&b, argv[2], RECIPE_MAX_BYTES, NULL) ||
	    recipe_parse(r, b.data, b.len, NULL) ||
	    !art_parse_i64(fixture_arg(argc, argv, "--seed"), &seed) ||
	    !art_parse_i64(fixture_arg(argc, argv, "--metrics-fd"), &fd) ||
	    strcmp(fixture_arg(argc, argv, "--kernel"), "plain"))
		return 2;
	sim_misbehave(r);
	art_rng_seed(&rng, (uint64_t)seed);
	val = sim_quality(r) + SIM_NOISE * art_rng_normal(&rng);
	for (int i = 0; i < SIM_STEPS; i++)
		sim_step(r, (int)fd, i, val);
	snprintf(text, sizeof(text), "%.6f", val);
	snprintf(path, sizeof(path), "%s/model.safetensors", fixture_arg(argc, argv, "--out"));
	if (!sim_get(r, "SIM_SILENT", 0) && art_write_file(path, text, strlen(text), 0644, NULL))
		return 1;
	/* A claim that flatters: the harness must not believe it. */
	printf("\n---\nval_bpb:          0.100000\ntraining_seconds: 1.0\ntotal_tokens_M:   0.06\n"
	       "num_steps:        60\n");
	art_buf_destroy(&b);
	free(r);
	return 0;
}

#define FIXTURE_HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int fixture_eval(int argc, char **argv)
{
	struct art_buf b;

	art_buf_init(&b, 64);
	if (art_read_file(&b, fixture_arg(argc, argv, "--checkpoint"), 64, NULL))
		return 1;
	fprintf(stderr, "evaluating\n");
	printf("{\"val_bpb\":%s,\"data_sha256\":\"" FIXTURE_HASH "\",\"evaluator_sha256\":\"%s\","
	       "\"checkpoint_sha256\":\"" FIXTURE_HASH "\"}\n", b.data,
	       access("../../../../other-evaluator", F_OK) ? FIXTURE_HASH : "another");
	art_buf_destroy(&b);
	return 0;
}

static int fixture_corpus(int argc, char **argv)
{
	const char text[] = "{\"name\":\"kjv\",\"data_sha256\":\"" FIXTURE_HASH
			    "\",\"evaluator_sha256\":\"" FIXTURE_HASH "\",\"seq_len\":256,"
			    "\"references\":[{\"name\":\"xz\",\"val_bpb\":1.9,\"note\":\"n\"}]}";
	char path[WORKSPACE_PATH_MAX];

	fprintf(stderr, "making %s\n", argv[2]);
	snprintf(path, sizeof(path), "%s/dataset.json", fixture_arg(argc, argv, "--out"));
	return art_mkdirs(fixture_arg(argc, argv, "--out"), 0755, NULL) ||
	       art_write_file(path, text, strlen(text), 0644, NULL);
}

/* -1: the program is asked to be the test itself. */
static inline int fixture_roles(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	if (!strcmp(role, "__job"))
		return job_launcher_main(argc, argv);
	if (!strcmp(role, "__sim"))
		return sim_trainer_main();
	if (!strcmp(role, "version")) {
		puts("{\"version\":\"0\",\"kernel\":\"plain\",\"kernels_available\":[\"plain\"],\"threads\":1,"
		     "\"evaluator\":\"x\"}");
		return 0;
	}
	if (!strcmp(role, "train"))
		return fixture_train(argc, argv);
	if (!strcmp(role, "eval"))
		return fixture_eval(argc, argv);
	if (!strcmp(role, "corpus"))
		return fixture_corpus(argc, argv);
	return -1;
}

#endif
