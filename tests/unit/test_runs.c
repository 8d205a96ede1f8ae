/* test_runs.c - the states of a run, its log tail and its curve. */
#include "fixture_store.h"

#include <math.h>

#define S(x) (1u << RUN_##x)

/* The contract again, by hand: from each state to which. */
static const unsigned legal[RUN_STATE_COUNT] = {
	[RUN_QUEUED] = S(RUNNING) | S(CANCELLED),
	[RUN_RUNNING] = S(EVALUATING) | S(DONE) | S(FAILED) | S(STOPPED) | S(CANCELLED) | S(QUEUED),
	[RUN_EVALUATING] = S(DONE) | S(FAILED) | S(CANCELLED) | S(QUEUED),
	[RUN_DONE] = 0,
	[RUN_FAILED] = 0,
	[RUN_STOPPED] = 0,
	[RUN_CANCELLED] = 0,
};

static void words_must_round_trip(void **state)
{
	enum run_state s;

	(void)state;
	for (int i = 0; i < RUN_STATE_COUNT; i++) {
		assert_true(run_state_parse(run_state_text((enum run_state)i), &s));
		assert_int_equal(s, i);
		assert_int_equal(run_state_final((enum run_state)i), i >= RUN_DONE);
	}
	assert_false(run_state_parse("flying", &s));
	assert_false(run_state_parse("", &s));
	assert_string_equal(run_purpose_text(RUN_FOR_CONFIRM), "confirm");
	assert_string_equal(run_fault_text(RUN_FAULT_OOM), "out of memory");
	assert_string_equal(run_fault_text(RUN_FAULT_NONE), "");
}

/* A run brought into @s by legal moves. */
static struct run_row run_in(struct fixture *f, int64_t experiment_id, enum run_state s, int64_t seed)
{
	struct run_row r = make_run(f->st, experiment_id, RUN_FOR_SCREEN, seed);

	r.val_bpb = OPT_F64(1.4);
	if (s == RUN_QUEUED)
		return r;
	r.state = RUN_RUNNING;
	ok(run_move(f->st, &r, RUN_QUEUED, &err));
	if (s == RUN_RUNNING)
		return r;
	r.state = s;
	ok(run_move(f->st, &r, RUN_RUNNING, &err));
	return r;
}

struct move {
	struct store *st;
	struct run_row row;
	enum run_state from;
};

static void make_move(void *arg)
{
	struct move *m = arg;

	if (run_move(m->st, &m->row, m->from, NULL) != ART_OK)
		_exit(4);
}

static void run_move_must_follow_the_table_exhaustively(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row now;
	int64_t seed = 0;

	for (int from = 0; from < RUN_STATE_COUNT; from++) {
		for (int to = 0; to < RUN_STATE_COUNT; to++) {
			bool may = (legal[from] >> to & 1) != 0;
			struct move m = { f->st, run_in(f, x.id, (enum run_state)from, seed++),
					  (enum run_state)from };
			m.row.state = (enum run_state)to;
			assert_int_equal(run_state_may(m.from, m.row.state), may);
			if (may)
				ok(run_move(f->st, &m.row, m.from, &err));
			else
				aborts(make_move, &m);
			ok(run_find(f->st, m.row.id, &now, &err));
			assert_int_equal(now.state, may ? to : from);
		}
	}
}

static void run_move_must_store_every_field(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 5), back;

	r.state = RUN_RUNNING;
	r.started_at = 1000;
	r.attempt = 2;
	ok(run_move(f->st, &r, RUN_QUEUED, &err));
	ok(run_set_pid(f->st, r.id, 4242, 99, &err));
	r = (struct run_row){ .id = r.id, .experiment_id = x.id, .purpose = RUN_FOR_CONFIRM,
		.executor = "local:cuda:0", .seed = -7, .state = RUN_DONE, .attempt = 3,
		.val_bpb = OPT_F64(1.25), .claimed_bpb = OPT_F64(1.2), .started_at = 2000,
		.finished_at = 3000, .seconds = OPT_F64(300.5), .tokens = OPT_I64(1 << 20),
		.steps = OPT_I64(256), .params = OPT_I64(11000000), .mfu = OPT_F64(0.41),
		.peak_mem_mb = OPT_F64(812.5), .throttled = true, .fault = RUN_FAULT_TIMEOUT,
		.error = "one sentence", .pid = 4, .pid_started = 5, .checkpoint_sha256 = "abc" };
	ok(run_move(f->st, &r, RUN_RUNNING, &err));

	ok(run_find(f->st, r.id, &back, &err));
	assert_memory_equal(&r.val_bpb, &back.val_bpb, sizeof(r.val_bpb));
	assert_true(back.claimed_bpb.known && back.claimed_bpb.v == 1.2);
	assert_true(back.seconds.v == 300.5 && back.mfu.v == 0.41 && back.peak_mem_mb.v == 812.5);
	assert_true(back.tokens.v == 1 << 20 && back.steps.v == 256 && back.params.v == 11000000);
	assert_int_equal(back.purpose, RUN_FOR_CONFIRM);
	assert_int_equal(back.seed, -7);
	assert_int_equal(back.attempt, 3);
	assert_int_equal(back.started_at, 2000);
	assert_int_equal(back.finished_at, 3000);
	assert_true(back.throttled);
	assert_int_equal(back.fault, RUN_FAULT_TIMEOUT);
	assert_int_equal(back.pid, 4);
	assert_int_equal(back.pid_started, 5);
	assert_string_equal(back.executor, "local:cuda:0");
	assert_string_equal(back.error, "one sentence");
	assert_string_equal(back.checkpoint_sha256, "abc");
}

static void unknown_values_must_stay_unknown(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 5), back;

	ok(run_find(f->st, r.id, &back, &err));

	assert_false(back.val_bpb.known || back.claimed_bpb.known || back.seconds.known);
	assert_false(back.tokens.known || back.steps.known || back.params.known);
	assert_false(back.mfu.known || back.peak_mem_mb.known);
	assert_int_equal(back.started_at, 0);
	assert_int_equal(back.pid, 0);
	assert_int_equal(back.attempt, 0);
}

static void run_move_must_conflict_when_another_was_first(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row mine = make_run(f->st, x.id, RUN_FOR_SCREEN, 1), theirs = mine;
	struct store *other;

	ok(store_open(&other, f->path, 0, 1000, &err));
	mine.state = RUN_RUNNING;
	theirs.state = RUN_CANCELLED;
	ok(run_move(other, &theirs, RUN_QUEUED, &err));

	fails(run_move(f->st, &mine, RUN_QUEUED, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "cancelled"));
	ok(run_find(f->st, mine.id, &mine, &err));
	assert_int_equal(mine.state, RUN_CANCELLED);
	fails(run_set_pid(f->st, mine.id, 1, 1, &err), ART_CONFLICT);
	store_close(other);
}

static void run_move_must_refuse_numbers_that_are_none(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = run_in(f, x.id, RUN_RUNNING, 1), back;

	r.state = RUN_DONE;
	r.val_bpb = (struct opt_f64){ 0 };
	fails(run_move(f->st, &r, RUN_RUNNING, &err), ART_INVALID);
	r.val_bpb = OPT_F64((double)NAN);
	fails(run_move(f->st, &r, RUN_RUNNING, &err), ART_INVALID);
	r.val_bpb = OPT_F64(1.4);
	r.mfu = OPT_F64((double)INFINITY);
	fails(run_move(f->st, &r, RUN_RUNNING, &err), ART_INVALID);
	r.id = 99;
	r.mfu.known = false;
	fails(run_move(f->st, &r, RUN_RUNNING, &err), ART_NOT_FOUND);

	ok(run_find(f->st, 1, &back, &err));
	assert_int_equal(back.state, RUN_RUNNING);
}

static void run_add_must_number_runs_and_refuse_a_used_seed(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct experiment_row y = make_experiment(f, "search", "b");
	struct run_row r = { .experiment_id = x.id, .seed = 2, .executor = "local:cpu" };

	assert_int_equal(make_run(f->st, x.id, RUN_FOR_SCREEN, 1).idx, 0);
	assert_int_equal(make_run(f->st, x.id, RUN_FOR_CONFIRM, 2).idx, 1);
	assert_int_equal(make_run(f->st, y.id, RUN_FOR_SCREEN, 2).idx, 0);
	fails(run_add(f->st, &r, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "seed 2"));
	r.experiment_id = 77;
	fails(run_add(f->st, &r, &err), ART_INVALID);

	assert_int_equal(r.id, 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM run"), 3);
}

static void run_list_must_give_an_experiments_runs_or_all_live_ones(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct experiment_row y = make_experiment(f, "search", "b");
	struct run_list l = { 0 };

	run_in(f, x.id, RUN_DONE, 1);
	run_in(f, x.id, RUN_EVALUATING, 2);
	run_in(f, y.id, RUN_QUEUED, 1);
	run_in(f, y.id, RUN_FAILED, 2);

	ok(run_list(f->st, x.id, &l, &err));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.rows[1].idx, 1);
	ok(run_list(f->st, 0, &l, &err));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.rows[0].state, RUN_EVALUATING);
	assert_int_equal(l.rows[1].state, RUN_QUEUED);
	ok(run_list(f->st, 99, &l, &err));
	assert_int_equal(l.n, 0);
	ok(run_list_class(f->st, f->class.id, &l, &err));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rows[0].state, RUN_DONE);
	run_list_destroy(&l);
	run_list_destroy(&l);
}

static void runs_must_be_added_up_in_their_experiment(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");

	finish_run(f->st, x.id, RUN_FOR_SCREEN, 1, 1.4, 1000000, 3000000);
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 2, 1.4, 3000000, 3500000);
	make_run(f->st, x.id, RUN_FOR_CONFIRM, 3);

	ok(experiment_find(f->st, x.id, &x, &err));
	assert_int_equal(x.runs, 3);
	assert_int_equal(x.runs_live, 1);
	assert_true(x.seconds == 2.5);
}

/* ---- log tail ----------------------------------------------------------------------------- */

static void log_tail_must_be_cleaned_and_keep_the_end(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	char out[LOG_TAIL_MAX];

	ok(run_log_tail(f->st, r.id, out, &err));
	assert_string_equal(out, "");
	ok(run_set_log_tail(f->st, r.id, "step 1\n\033[31mloss \xff 2\n", &err));
	ok(run_log_tail(f->st, r.id, out, &err));
	assert_ptr_equal(strstr(out, "step 1\n"), out);
	assert_null(strchr(out, '\033'));
	assert_null(strchr(out, '\xff'));
	assert_int_equal(out[strlen(out) - 1], '\n');
	fails(run_set_log_tail(f->st, 99, "x", &err), ART_INVALID);
	fails(run_log_tail(f->st, 99, out, &err), ART_NOT_FOUND);
}

static void log_tail_must_bound_what_it_keeps_by_whole_characters(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	char out[LOG_TAIL_MAX];
	struct art_buf b;

	for (int shift = 0; shift < 3; shift++) {
		art_buf_init(&b, 1 << 20);
		art_buf_putf(&b, "%.*s", shift, "ab");
		for (int i = 0; i < 20000; i++)
			art_buf_put(&b, "\xe2\x82\xac"); /* the euro sign */
		art_buf_put(&b, "end");
		ok(run_set_log_tail(f->st, r.id, b.data, &err));
		art_buf_destroy(&b);
		ok(run_log_tail(f->st, r.id, out, &err));
		size_t n = strlen(out);
		assert_true(n > LOG_TAIL_MAX - 8 && n < LOG_TAIL_MAX);
		assert_string_equal(out + n - 3, "end");
		assert_int_equal((n - 3) % 3, 0);
		assert_memory_equal(out, "\xe2\x82\xac", 3);
	}
}

/* ---- curve -------------------------------------------------------------------------------- */

static void curve_list_must_give_points_by_progress(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct curve_point p[] = { { 0.5, 10, 100, 4 }, { 0.25, 5, 50, 5 }, { 0.5, 11, 101, 3.5 } };
	struct curve_point out[CURVE_MAX];
	size_t n;

	ok(curve_add(f->st, r.id, p, ART_COUNT(p), &err));
	ok(curve_list(f->st, r.id, out, &n, &err));
	assert_int_equal(n, 2);
	assert_true(out[0].progress == 0.25 && out[0].loss == 5 && out[0].tokens == 50);
	assert_true(out[1].progress == 0.5 && out[1].loss == 3.5 && out[1].seconds == 11);

	ok(curve_clear(f->st, r.id, &err));
	ok(curve_list(f->st, r.id, out, &n, &err));
	assert_int_equal(n, 0);
}

static void curve_add_must_refuse_too_many_and_bad_points(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct curve_point p[CURVE_MAX + 1], out[CURVE_MAX];
	size_t n;

	for (int i = 0; i <= CURVE_MAX; i++)
		p[i] = (struct curve_point){ i / 1000.0, i, i, 1 };
	fails(curve_add(f->st, r.id, p, CURVE_MAX + 1, &err), ART_LIMIT);
	ok(curve_list(f->st, r.id, out, &n, &err));
	assert_int_equal(n, 0);
	ok(curve_add(f->st, r.id, p, CURVE_MAX, &err));
	fails(curve_add(f->st, r.id, p + CURVE_MAX, 1, &err), ART_LIMIT);
	ok(curve_list(f->st, r.id, out, &n, &err));
	assert_int_equal(n, CURVE_MAX);
	p[0].loss = (double)NAN;
	fails(curve_add(f->st, r.id, p, 1, &err), ART_INVALID);
	p[0].loss = 1;
	fails(curve_add(f->st, 99, p, 1, &err), ART_INVALID);
}

#define N(name) cmocka_unit_test_setup_teardown(name, setup_night, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_must_round_trip),
		N(run_move_must_follow_the_table_exhaustively),
		N(run_move_must_store_every_field),
		N(unknown_values_must_stay_unknown),
		N(run_move_must_conflict_when_another_was_first),
		N(run_move_must_refuse_numbers_that_are_none),
		N(run_add_must_number_runs_and_refuse_a_used_seed),
		N(run_list_must_give_an_experiments_runs_or_all_live_ones),
		N(runs_must_be_added_up_in_their_experiment),
		N(log_tail_must_be_cleaned_and_keep_the_end),
		N(log_tail_must_bound_what_it_keeps_by_whole_characters),
		N(curve_list_must_give_points_by_progress),
		N(curve_add_must_refuse_too_many_and_bad_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
