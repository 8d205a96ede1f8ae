/*
 * test_core.c - the engine's thread: one per workspace, wishes, clean ends, resuming. Also built
 * with the thread sanitizer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/night_fixture.h"

/* A training command that takes its time, so that there is something to interrupt. */
static void slow(struct fixture *f, int ms)
{
	char text[64];

	snprintf(text, sizeof(text), "SIM_SLEEP_MS = %d\n", ms);
	fixture_recipe(f, text);
	fixture_config(f, false, "confirm = 2\n");
}

static void core_open_must_be_one_engine_per_workspace(void **state)
{
	struct fixture *f = *state;
	struct core_options opt;
	struct core *second = NULL;
	struct engine_row e;

	slow(f, 0);
	fixture_open(f);
	opt = fixture_options(f);
	assert_int_equal(core_open(&second, &opt, &f->err), ART_CONFLICT);
	assert_null(second);
	assert_int_equal(workspace_engine_pid(&f->w), getpid());
	assert_int_equal(engine_get(f->st, &e, &f->err), ART_OK);
	assert_string_equal(e.state, "idle");
	assert_int_equal(e.pid, getpid());
	fixture_close(f);
	assert_int_equal(workspace_engine_pid(&f->w), 0);
	fixture_open(f);
}

static void core_must_answer_wishes_it_cannot_grant(void **state)
{
	struct fixture *f = *state;

	slow(f, 0);
	fixture_open(f);
	assert_false(fixture_wish(f, WISH_STOP, 0, "").granted);
	assert_false(fixture_wish(f, WISH_PAUSE, 0, "").granted);
	assert_false(fixture_wish(f, WISH_RESUME, 0, "").granted);
	assert_false(fixture_wish(f, WISH_CANCEL, 77, "").granted);
	assert_false(fixture_wish(f, WISH_START, 0, "{\"rounds\":-1}").granted);
	assert_false(fixture_wish(f, WISH_START, 0, "not json").granted);
	assert_non_null(strstr(fixture_wish(f, WISH_CANCEL, 77, "").answer, "no such experiment"));
	assert_true(fixture_wish(f, WISH_IDEA, 0, "").granted);
}

static void core_must_refuse_to_start_without_a_trainer_and_say_so(void **state)
{
	struct fixture *f = *state;
	struct core_options opt;
	struct wish_row w;

	fixture_config(f, true, "");
	opt = fixture_options(f);
	opt.trainer = "/no/such/artui-train";
	assert_int_equal(core_open(&f->core, &opt, &f->err), ART_OK);
	w = fixture_wish(f, WISH_START, 0, "");
	assert_false(w.granted);
	assert_non_null(strstr(w.answer, "/no/such/artui-train"));
}

static void core_close_must_be_quick_and_leave_the_night_to_be_resumed(void **state)
{
	struct fixture *f = *state;
	struct night_row n;
	struct run_row r;
	int64_t t0;

	slow(f, 60000);
	fixture_open(f);
	fixture_start(f, 1);
	fixture_wait_run(f, 1, 0, RUN_RUNNING);
	t0 = art_mono_us();
	fixture_close(f);
	assert_true(art_mono_us() - t0 < 10000000);
	r = fixture_run(f, 1, 0);
	assert_int_equal(r.state, RUN_QUEUED);
	assert_int_equal(r.attempt, 1);
	assert_int_equal(night_find(f->st, 0, &n, &f->err), ART_OK);
	assert_int_equal(n.ended_at, 0);
	assert_int_equal(job_tree_kill_marked("ARTUI_RUN", f->w.dir), 0);
}

static void core_must_resume_the_open_night_with_the_same_seeds(void **state)
{
	struct fixture *f = *state;
	struct night_row n;
	int64_t seed;

	slow(f, 400);
	fixture_open(f);
	fixture_start(f, 2);
	fixture_wait_run(f, 1, 1, RUN_RUNNING);
	seed = fixture_run(f, 1, 1).seed;
	fixture_close(f);
	fixture_open(f);
	assert_true(fixture_wish(f, WISH_START, 0, "").granted);
	n = fixture_night_end(f);
	assert_int_equal(n.id, 1);
	assert_int_equal(n.judged, 2);
	assert_int_equal(fixture_run(f, 1, 1).seed, seed);
	assert_int_equal(fixture_run(f, 1, 1).attempt, 2);
	assert_int_equal(fixture_events(f, "night.start"), 1);
	assert_int_equal(fixture_events(f, "night.resume"), 1);
}

static void core_must_stop_as_wished(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	slow(f, 60000);
	fixture_open(f);
	fixture_start(f, 1);
	fixture_wait_run(f, 1, 0, RUN_RUNNING);
	assert_false(fixture_wish(f, WISH_START, 0, "").granted);
	assert_true(fixture_wish(f, WISH_STOP, 0, "").granted);
	n = fixture_night_end(f);
	assert_string_equal(n.end_reason, "stopped as wished");
	assert_int_equal(fixture_experiment(f, 1).verdict, VERDICT_CANCELLED);
	assert_int_equal(fixture_run(f, 1, 0).state, RUN_CANCELLED);
}

static void core_must_end_an_open_night_that_nobody_runs(void **state)
{
	struct fixture *f = *state;

	slow(f, 60000);
	fixture_open(f);
	fixture_start(f, 1);
	fixture_wait_run(f, 1, 0, RUN_RUNNING);
	fixture_close(f);
	fixture_open(f);
	assert_true(fixture_wish(f, WISH_STOP, 0, "").granted);
	assert_string_equal(fixture_night_end(f).end_reason, "stopped as wished");
}

static void core_must_cancel_one_experiment_and_go_on(void **state)
{
	struct fixture *f = *state;
	struct night_row n;

	slow(f, 200);
	fixture_idea(f, "SIM_SLEEP_MS = 60000");
	fixture_open(f);
	fixture_start(f, 1);
	fixture_wait_run(f, 2, 0, RUN_RUNNING);
	assert_true(fixture_wish(f, WISH_CANCEL, 2, "").granted);
	n = fixture_night_end(f);
	assert_string_equal(n.end_reason, "1 round done");
	assert_int_equal(fixture_experiment(f, 2).verdict, VERDICT_CANCELLED);
	assert_int_not_equal(fixture_experiment(f, 3).verdict, VERDICT_CANCELLED);
	assert_false(fixture_wish(f, WISH_CANCEL, 2, "").granted);
}

static void core_must_pause_after_the_present_run_and_resume(void **state)
{
	struct fixture *f = *state;
	struct run_list l = { 0 };
	struct timespec nap = { 0, 400000000 };

	slow(f, 300);
	fixture_open(f);
	fixture_start(f, 1);
	fixture_wait_run(f, 1, 0, RUN_RUNNING);
	assert_true(fixture_wish(f, WISH_PAUSE, 0, "").granted);
	assert_false(fixture_wish(f, WISH_PAUSE, 0, "").granted);
	fixture_wait_run(f, 1, 0, RUN_DONE);
	nanosleep(&nap, NULL);
	assert_int_equal(run_list(f->st, 1, &l, &f->err), ART_OK);
	assert_true(l.n == 2 && l.rows[1].state == RUN_QUEUED);
	run_list_destroy(&l);
	assert_true(fixture_wish(f, WISH_RESUME, 0, "").granted);
	fixture_night_end(f);
}

static void prepare_line(void *arg, const char *line)
{
	(*(int *)arg) += line[0] != 0;
}

static void core_prepare_must_install_data_and_check_the_recipe(void **state)
{
	struct fixture *f = *state;
	struct core_options opt;
	int lines = 0;

	fixture_config(f, true, "");
	opt = fixture_options(f);
	assert_int_equal(core_prepare(&opt, prepare_line, &lines, &f->err), ART_OK);
	assert_true(lines > 0);
	assert_true(fixture_has(f, "data/kjv/dataset.json"));
	fixture_put(f, "recipe.py", "DEPTH = 4\nMATRIX_LR = 1000\n");
	assert_int_equal(core_prepare(&opt, NULL, NULL, &f->err), ART_INVALID);
	assert_non_null(strstr(f->err.text, "recipe.py:2: MATRIX_LR"));
}

static void night_options_json_must_come_back(void **state)
{
	struct fixture *f = *state;
	struct night_options o = { 7, 0.5, 2.5, 2, UINT64_C(9007199254740995) };
	struct night_row n;
	struct art_buf b;

	slow(f, 60000);
	fixture_open(f);
	art_buf_init(&b, 4096);
	night_options_json(&o, &b);
	assert_true(fixture_wish(f, WISH_START, 0, b.data).granted);
	art_buf_destroy(&b);
	assert_int_equal(night_find(f->st, 0, &n, &f->err), ART_OK);
	assert_int_equal(n.rounds, 7);
	assert_true(n.hours == 0.5 && n.budget_s == 2.5);
	assert_int_equal(n.confirm, 2);
	assert_true(n.seed == UINT64_C(9007199254740995));
}

int main(int argc, char **argv)
{
#define CORE_TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CORE_TEST(core_open_must_be_one_engine_per_workspace),
		CORE_TEST(core_must_answer_wishes_it_cannot_grant),
		CORE_TEST(core_must_refuse_to_start_without_a_trainer_and_say_so),
		CORE_TEST(core_close_must_be_quick_and_leave_the_night_to_be_resumed),
		CORE_TEST(core_must_resume_the_open_night_with_the_same_seeds),
		CORE_TEST(core_must_stop_as_wished),
		CORE_TEST(core_must_end_an_open_night_that_nobody_runs),
		CORE_TEST(core_must_cancel_one_experiment_and_go_on),
		CORE_TEST(core_must_pause_after_the_present_run_and_resume),
		CORE_TEST(core_prepare_must_install_data_and_check_the_recipe),
		CORE_TEST(night_options_json_must_come_back),
	};
	int role = fixture_roles(argc, argv);

	return role >= 0 ? role : cmocka_run_group_tests(tests, NULL, NULL);
}
