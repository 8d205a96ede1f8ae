/*
 * test_night.c - whole nights with simulated trainers: verdicts, faults, ends.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/night_fixture.h"

#include <math.h>

#include "core/research/early.h"
#include "core/research/night.h"

/* The configuration once more with -c options on top. */
static void with_options(struct fixture *f, const char *const *over, int n)
{
	config_free(f->cfg);
	f->cfg = NULL;
	if (config_load(&f->cfg, &f->w, over, n, &f->err))
		fail_msg("%s", f->err.text);
}

static void night_must_measure_a_baseline_then_keep_better_and_discard_worse(void **state)
{
	struct fixture *f = *state;
	struct experiment_row e;
	struct night_row n;
	struct board *b = art_alloc(1, sizeof(*b));

	fixture_recipe(f, "");
	fixture_config(f, false, "early_stop = false\n");
	fixture_idea(f, "MATRIX_LR = 0.07, EMBEDDING_LR = 0.9, WARMDOWN_RATIO = 0.7, DEPTH = 5");
	fixture_idea(f, "DEPTH = 2");
	n = fixture_night(f, 2);
	assert_string_equal(n.end_reason, "2 rounds done");
	assert_int_equal(n.judged, 2);
	assert_int_equal(n.kept, 1);
	e = fixture_experiment(f, 1);
	assert_int_equal(e.verdict, VERDICT_BASELINE);
	assert_int_equal(e.n, 3);
	assert_true(e.lo.known && e.lo.v < e.val_bpb.v && e.val_bpb.v < e.hi.v);
	e = fixture_experiment(f, 2);
	assert_int_equal(e.verdict, VERDICT_KEPT);
	assert_int_equal(e.n, 3);
	assert_int_equal(e.parent_id, 1);
	assert_string_equal(e.proposer, "queue");
	assert_true(e.p_false_keep.known && e.p_false_keep.v > 0 && e.p_false_keep.v < 0.5);
	e = fixture_experiment(f, 3);
	assert_int_equal(e.verdict, VERDICT_DISCARDED);
	assert_int_equal(e.n, 1);
	assert_non_null(strstr(e.reason, "is not below the incumbent's best"));
	assert_int_equal(board_get(f->st, 0, b, &f->err), ART_OK);
	assert_int_equal(b->champion.id, 2);
	assert_true(b->sigma.known && b->sigma_df == 4);
	assert_true(fixture_has(f, "runs/2/1/train.py") && fixture_has(f, "runs/2/1/log"));
	assert_true(fixture_has(f, "runs/2/1/metrics.jsonl"));
	fixture_close(f);
	assert_true(fixture_has(f, "reports/night-1.md") && fixture_has(f, "reports/night-1.json"));
	free(b);
}

static void night_must_give_each_run_the_seed_of_its_place(void **state)
{
	struct fixture *f = *state;

	fixture_recipe(f, "");
	fixture_config(f, false, "");
	fixture_night(f, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fixture_run(f, 1, i).seed, night_run_seed(11, 1, (int64_t)i));
	assert_int_equal(fixture_run(f, 2, 0).seed, night_run_seed(11, 2, 0));
	for (int64_t i = 0; i < 10000; i++) {
		int64_t s = night_run_seed(3, i, i % 7);
		assert_true(s > 0 && s < INT64_C(2147483648));
	}
}

static void night_must_end_with_the_reason_when_the_baseline_fails(void **state)
{
	struct fixture *f = *state;
	struct event_query q = { .match = "night.end" };
	struct event_list l = { 0 };
	struct night_row n;

	fixture_recipe(f, "SIM_CRASH = 1\n");
	fixture_config(f, false, "");
	n = fixture_night(f, 5);
	assert_non_null(strstr(n.end_reason, "the baseline failed"));
	assert_non_null(strstr(n.end_reason, "this recipe does not run"));
	assert_int_equal(fixture_experiment(f, 1).verdict, VERDICT_FAILED);
	assert_int_equal(event_query(f->st, &q, &l, &f->err), ART_OK);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rows[0].level, EVENT_ERROR);
	event_list_destroy(&l);
	/* The same recipe again: it says so instead of failing for ever. */
	fixture_start(f, 5);
	n = fixture_night_end(f);
	assert_non_null(strstr(n.end_reason, "recipe.py"));
}

static void one_fault(struct fixture *f, int64_t id, enum verdict v, enum run_state s,
		      enum run_fault fault, const char *part)
{
	struct experiment_row e = fixture_experiment(f, id);
	struct run_row r = fixture_run(f, id, 0);

	if (e.verdict != v || r.state != s || r.fault != fault || !strstr(e.reason, part))
		fail_msg("%s: %s, run %s, fault %s: %s", e.title, verdict_text(e.verdict),
			 run_state_text(r.state), run_fault_text(r.fault), e.reason);
}

static void night_must_survive_every_misbehaviour(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	fixture_recipe(f, "");
	fixture_config(f, false, "confirm = 2\n");
	with_options(f, (const char *const[]){ "train.grace_s=1", "train.budget_s=1", "train.log_mb=1" }, 3);
	fixture_idea(f, "SIM_CRASH = 1");
	fixture_idea(f, "SIM_HANG = 1");
	fixture_idea(f, "SIM_DIVERGE = 1");
	fixture_idea(f, "SIM_NAN = 1");
	fixture_idea(f, "SIM_FLOOD = 1");
	fixture_idea(f, "SIM_SILENT = 1");
	fixture_idea(f, "SIM_KILL = 1");
	fixture_idea(f, "SIM_FORK = 1");
	n = fixture_night(f, 8);
	assert_string_equal(n.end_reason, "8 rounds done");
	one_fault(f, 2, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_CRASH, "this recipe does not run");
	one_fault(f, 3, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_TIMEOUT, "not done after 2 s");
	one_fault(f, 4, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_DIVERGED, "the loss rose");
	one_fault(f, 5, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_DIVERGED, "not a number");
	one_fault(f, 6, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_CRASH, "train.log_mb");
	one_fault(f, 7, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_NO_RESULT, "val_bpb");
	one_fault(f, 8, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_CRASH, "again and again");
	assert_int_equal(fixture_run(f, 9, 0).state, RUN_DONE);
	assert_int_equal(job_tree_kill_marked("ARTUI_RUN", f->w.dir), 0);
}

static void night_must_end_when_the_evaluator_is_changed(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	fixture_put(f, "evaluator.txt", "hard\n");
	fixture_recipe(f, "");
	fixture_config(f, false, "");
	with_options(f, (const char *const[]){ "train.evaluator=evaluator.txt" }, 1);
	fixture_idea(f, "SIM_TAMPER = 1");
	n = fixture_night(f, 5);
	assert_non_null(strstr(n.end_reason, "evaluator.txt is not what it was"));
	one_fault(f, 2, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_TAMPERED, "evaluator.txt");
	assert_true(fixture_has(f, "runs/1/0/evaluator.txt"));
}

static void night_must_refuse_duplicates_and_bad_ideas_with_a_sentence(void **state)
{
	struct fixture *f = *state;
	struct note_list l = { 0 };

	fixture_recipe(f, "");
	fixture_config(f, false, "");
	fixture_idea(f, "DEPTH = 2");
	fixture_idea(f, "DEPTH = 2");
	fixture_idea(f, "be brave");
	fixture_night(f, 2);
	assert_int_equal(note_list(f->st, 0, &l, &f->err), ART_OK);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.rows[2].state, NOTE_TAKEN);
	assert_int_equal(l.rows[2].experiment_id, 2);
	assert_int_equal(l.rows[1].state, NOTE_REFUSED);
	assert_non_null(strstr(l.rows[1].answer, "2"));
	assert_int_equal(l.rows[0].state, NOTE_REFUSED);
	assert_non_null(strstr(l.rows[0].answer, "agent"));
	note_list_destroy(&l);
}

static void night_must_end_on_plateau_failures_and_hours(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	fixture_recipe(f, "");
	fixture_config(f, false, "failures = 2\nknobs = DEPTH\n");
	fixture_idea(f, "SIM_CRASH = 1");
	fixture_idea(f, "SIM_CRASH = 2");
	n = fixture_night(f, 50);
	assert_string_equal(n.end_reason, "2 candidates failed in a row");
	fixture_close(f);
	fixture_config(f, false, "knobs = DEPTH\n");
	with_options(f, (const char *const[]){ "search.plateau=1" }, 1);
	fixture_idea(f, "DEPTH = 2");
	n = fixture_night(f, 50);
	assert_string_equal(n.end_reason, "plateau: 1 candidates without a keep");
	fixture_close(f);
	fixture_config(f, false, "");
	fixture_open(f);
	{
		struct wish_row w = fixture_wish(f, WISH_START, 0, "{\"hours\":0.000001}");
		assert_true(w.granted);
	}
	n = fixture_night_end(f);
	assert_non_null(strstr(n.end_reason, "hours are over"));
}

static void night_must_end_when_nothing_new_is_left(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	fixture_recipe(f, "");
	fixture_config(f, false, "knobs = WINDOW_PATTERN\n");
	n = fixture_night(f, 0);
	assert_non_null(strstr(n.end_reason, "nothing new"));
	assert_true(n.judged == 3);
}

/* ---- native ------------------------------------------------------------------------------------ */

static void night_must_believe_its_own_evaluator_only(void **state)
{
	struct fixture *f = *state;
	struct reference_list refs = { 0 };
	struct run_row r;

	fixture_recipe(f, "");
	fixture_config(f, true, "");
	fixture_idea(f, "MATRIX_LR = 0.07, EMBEDDING_LR = 0.9, WARMDOWN_RATIO = 0.7, DEPTH = 5");
	fixture_idea(f, "DEPTH = 2");
	fixture_night(f, 2);
	r = fixture_run(f, 1, 0);
	assert_int_equal(r.state, RUN_DONE);
	assert_true(r.val_bpb.v > 1.7 && r.val_bpb.v < 1.9);
	assert_true(r.claimed_bpb.known && fabs(r.claimed_bpb.v - 0.1) < 1e-9);
	assert_string_equal(r.checkpoint_sha256, FIXTURE_HASH);
	assert_int_equal(fixture_experiment(f, 2).verdict, VERDICT_KEPT);
	assert_int_equal(reference_list(f->st, FIXTURE_HASH, &refs, &f->err), ART_OK);
	assert_int_equal(refs.n, 1);
	reference_list_destroy(&refs);
}

static int checkpoints(struct fixture *f, int64_t id, size_t runs)
{
	int n = 0;

	for (size_t i = 0; i < runs; i++) {
		char name[64];
		snprintf(name, sizeof(name), "runs/%" PRId64 "/%zu/model.safetensors", id, i);
		n += fixture_has(f, name);
	}
	return n;
}

static void night_must_keep_one_checkpoint_of_what_was_kept(void **state)
{
	struct fixture *f = *state;

	fixture_recipe(f, "");
	fixture_config(f, true, "");
	with_options(f, (const char *const[]){ "night.keep_checkpoints=1" }, 1);
	fixture_idea(f, "MATRIX_LR = 0.07, EMBEDDING_LR = 0.9, WARMDOWN_RATIO = 0.7, DEPTH = 5");
	fixture_idea(f, "DEPTH = 2");
	fixture_night(f, 2);
	assert_int_equal(fixture_experiment(f, 2).verdict, VERDICT_KEPT);
	assert_int_equal(checkpoints(f, 1, 3), 0);
	assert_int_equal(checkpoints(f, 2, 4), 1);
	assert_int_equal(checkpoints(f, 3, 1), 0);
}

static void night_must_not_take_a_number_of_another_evaluator(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	fixture_put(f, "other-evaluator", "");
	fixture_recipe(f, "");
	fixture_config(f, true, "");
	n = fixture_night(f, 2);
	assert_non_null(strstr(n.end_reason, "evaluator"));
	one_fault(f, 1, VERDICT_FAILED, RUN_FAILED, RUN_FAULT_TAMPERED, "the evaluator is not");
}

static void night_must_not_rank_throttled_runs(void **state)
{
	struct fixture *f = *state;
	struct experiment_row e;

	fixture_recipe(f, "");
	fixture_config(f, true, "");
	fixture_idea(f, "SIM_SLOW = 1, MATRIX_LR = 0.07");
	fixture_idea(f, "SIM_SLOW = 1, DEPTH = 5");
	fixture_night(f, 2);
	e = fixture_experiment(f, 2);
	assert_int_equal(e.verdict, VERDICT_DISCARDED);
	assert_non_null(strstr(e.reason, "not ranked"));
	assert_int_equal(e.runs, 2);
	assert_true(fixture_run(f, 2, 0).throttled && fixture_run(f, 2, 1).throttled);
	assert_int_not_equal(fixture_run(f, 2, 0).seed, fixture_run(f, 2, 1).seed);
	/* Another depth costs another time a token: no peers, no suspicion. */
	assert_false(fixture_run(f, 3, 0).throttled);
}

static void night_must_try_an_edited_recipe_as_an_idea(void **state)
{
	struct fixture *f = *state;
	struct experiment_row e;

	fixture_recipe(f, "");
	fixture_config(f, true, "");
	fixture_night(f, 1);
	fixture_recipe(f, "DEPTH = 6\n");
	fixture_start(f, 1);
	fixture_night_end(f);
	e = fixture_experiment(f, 3);
	assert_string_equal(e.proposer, "queue");
	assert_non_null(strstr(e.title, "DEPTH 4 -> 6"));
	/* Once is enough. */
	fixture_start(f, 1);
	fixture_night_end(f);
	assert_string_equal(fixture_experiment(f, 4).proposer, "search");
}

/* ---- early stop -------------------------------------------------------------------------------- */

static void fill_early(struct early *e, double shift, bool incumbent)
{
	struct curve_point p[101];

	for (int i = 0; i <= 100; i++)
		p[i] = (struct curve_point){ i / 100.0, i, i, 3 - 2.0 * i / 100 + shift };
	early_add(e, p, 101, incumbent);
}

static void early_hopeless_must_spare_whoever_could_still_arrive(void **state)
{
	struct early e = { .n = 0 };
	char why[REASON_MAX];

	(void)state;
	for (int i = 0; i < 4; i++)
		fill_early(&e, 0.01 * i, i == 0);
	/* Too few to tell. */
	assert_false(early_hopeless(&e, 0.6, 9, why));
	fill_early(&e, 0.04, false);
	/* At 60 % the median has 1.82 and falls 0.8 more; 1.2 is granted: 2.2 still reaches 1.0. */
	assert_false(early_hopeless(&e, 0.6, 2.19, why));
	assert_true(early_hopeless(&e, 0.6, 2.25, why));
	assert_non_null(strstr(why, "60 %"));
	assert_false(early_hopeless(&e, 0.4, 9, why));
	assert_false(early_hopeless(&e, 0.9, 9, why));
	assert_false(early_hopeless(&e, 0.6, 1.7, why));
	early_destroy(&e);
}

static void early_diverged_must_need_a_real_blow_up(void **state)
{
	struct early_live l = { 0 };

	(void)state;
	for (int i = 0; i <= 50; i++)
		early_live_add(&l, i / 100.0, 3 - i / 50.0);
	assert_false(early_diverged(&l));
	early_live_add(&l, 0.51, 9);
	assert_true(l.loss < 6);
	for (int i = 52; i < 60; i++)
		early_live_add(&l, i / 100.0, 9);
	assert_true(early_diverged(&l));
	assert_false(early_live_add(&l, 0.3, 1));
}

int main(int argc, char **argv)
{
#define NIGHT_TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		NIGHT_TEST(night_must_measure_a_baseline_then_keep_better_and_discard_worse),
		NIGHT_TEST(night_must_give_each_run_the_seed_of_its_place),
		NIGHT_TEST(night_must_end_with_the_reason_when_the_baseline_fails),
		NIGHT_TEST(night_must_survive_every_misbehaviour),
		NIGHT_TEST(night_must_end_when_the_evaluator_is_changed),
		NIGHT_TEST(night_must_refuse_duplicates_and_bad_ideas_with_a_sentence),
		NIGHT_TEST(night_must_end_on_plateau_failures_and_hours),
		NIGHT_TEST(night_must_end_when_nothing_new_is_left),
		NIGHT_TEST(night_must_believe_its_own_evaluator_only),
		NIGHT_TEST(night_must_keep_one_checkpoint_of_what_was_kept),
		NIGHT_TEST(night_must_not_take_a_number_of_another_evaluator),
		NIGHT_TEST(night_must_not_rank_throttled_runs),
		NIGHT_TEST(night_must_try_an_edited_recipe_as_an_idea),
		cmocka_unit_test(early_hopeless_must_spare_whoever_could_still_arrive),
		cmocka_unit_test(early_diverged_must_need_a_real_blow_up),
	};
	int role = fixture_roles(argc, argv);

	return role >= 0 ? role : cmocka_run_group_tests(tests, NULL, NULL);
}
