/* test_experiments.c - classes, nights, experiments: added once, judged once, found again. */
#include "fixture_store.h"

#include <math.h>

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

/* ---- class and night ---------------------------------------------------------------------- */

static void class_get_must_find_or_make_by_all_six_texts(void **state)
{
	struct fixture *f = *state;
	struct class_row a = make_class(f->st, "cpu:one"), b = make_class(f->st, "cpu:two");
	struct class_row again = make_class(f->st, "cpu:one"), found;
	char line[160];

	assert_int_equal(a.id, again.id);
	assert_int_not_equal(a.id, b.id);
	ok(class_find(f->st, b.id, &found, &err));
	assert_memory_equal(&found, &b, sizeof(found));
	assert_string_equal(class_text(&b, line, sizeof(line)), "kjv 20s cpu:two");
	fails(class_find(f->st, 99, &found, &err), ART_NOT_FOUND);
}

static void night_must_open_end_once_and_be_found(void **state)
{
	struct fixture *f = *state;
	struct night_row n = { .class_id = f->class.id, .seed = UINT64_MAX - 1, .rounds = 5,
			       .hours = 1.5, .budget_s = 300, .confirm = 3 };
	struct night_row found;

	art_clock_set_for_test(5000000);
	ok(night_add(f->st, &n, &err));
	ok(night_find(f->st, 0, &found, &err));
	assert_int_equal(found.id, n.id);
	assert_true(found.seed == UINT64_MAX - 1);
	assert_true(found.hours == 1.5 && found.budget_s == 300);
	assert_int_equal(found.started_at, 5000000);
	assert_int_equal(found.ended_at, 0);

	art_clock_set_for_test(9000000);
	ok(night_end(f->st, n.id, "rounds done\n", &err));
	fails(night_end(f->st, n.id, "again", &err), ART_CONFLICT);
	fails(night_end(f->st, 99, "x", &err), ART_NOT_FOUND);
	fails(night_end(f->st, 0, "x", &err), ART_NOT_FOUND);
	ok(night_find(f->st, n.id, &found, &err));
	assert_int_equal(found.ended_at, 9000000);
	assert_ptr_equal(strstr(found.end_reason, "rounds done"), found.end_reason);
	fails(night_find(f->st, 99, &found, &err), ART_NOT_FOUND);
}

static void night_find_must_say_when_there_was_none(void **state)
{
	struct fixture *f = *state;
	struct night_row n;
	struct board b;

	fails(night_find(f->st, 0, &n, &err), ART_NOT_FOUND);
	ok(board_get(f->st, 0, &b, &err));
	assert_false(b.has_class || b.has_night || b.has_champion || b.sigma.known);
}

static void night_add_must_refuse_what_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct night_row n = { .class_id = 99 };

	fails(night_add(f->st, &n, &err), ART_INVALID);
	n.class_id = f->class.id;
	n.hours = (double)INFINITY;
	fails(night_add(f->st, &n, &err), ART_INVALID);
	n.hours = -1;
	fails(night_add(f->st, &n, &err), ART_INVALID);
	assert_int_equal(n.id, 0);
}

/* ---- adding ------------------------------------------------------------------------------- */

static void experiment_add_must_keep_row_and_recipe(void **state)
{
	struct fixture *f = *state;
	struct experiment_row base = make_experiment(f, "baseline", "a"), back;
	const char recipe[] = "MATRIX_LR = 0.06\n\0binary tail";
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id,
		.parent_id = base.id, .title = "MATRIX_LR 0.04 -> 0.06", .idea = "larger steps",
		.proposer = "search", .knobs = "MATRIX_LR=0.06;", .verdict = VERDICT_KEPT };
	char *text;
	size_t len;

	art_clock_set_for_test(7000000);
	ok(experiment_add(f->st, &x, recipe, sizeof(recipe), &err));
	ok(experiment_find(f->st, x.id, &back, &err));
	assert_memory_equal(&back, &x, sizeof(x));
	assert_int_equal(back.verdict, VERDICT_PENDING);
	assert_int_equal(back.created_at, 7000000);
	assert_string_equal(back.recipe_sha256, hash_bytes(recipe, sizeof(recipe)).s);

	ok(experiment_recipe(f->st, x.id, &text, &len, &err));
	assert_int_equal(len, sizeof(recipe));
	assert_memory_equal(text, recipe, len);
	free(text);
	fails(experiment_find(f->st, 99, &back, &err), ART_NOT_FOUND);
	fails(experiment_recipe(f->st, 99, &text, &len, &err), ART_NOT_FOUND);
}

static void experiment_add_must_refuse_twins_in_a_class(void **state)
{
	struct fixture *f = *state;
	struct experiment_row first = make_experiment(f, "search", "a");
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id,
				    .proposer = "queue", .knobs = "OTHER=1;" };

	fails(experiment_add(f->st, &x, "a", 1, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "experiment 1 already tried this recipe"));
	art_copy(x.knobs, sizeof(x.knobs), first.knobs);
	fails(experiment_add(f->st, &x, "b", 1, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "experiment 1 already tried these constants"));
	assert_int_equal(x.id, 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM content"), 1);

	struct class_row other = make_class(f->st, "cpu:other");
	x.class_id = other.id;
	ok(experiment_add(f->st, &x, "a", 1, &err));
	x.class_id = f->class.id;
	x.knobs[0] = '\0';
	ok(experiment_add(f->st, &x, "c", 1, &err));
	ok(experiment_add(f->st, &x, "d", 1, &err));
}

static void imports_must_neither_conflict_nor_block(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = { .class_id = f->class.id, .proposer = "import", .knobs = "A=1;" };

	ok(experiment_add(f->st, &x, "a", 1, &err));
	ok(experiment_add(f->st, &x, "a", 1, &err));
	art_copy(x.proposer, sizeof(x.proposer), "search");
	ok(experiment_add(f->st, &x, "a", 1, &err));
	fails(experiment_add(f->st, &x, "a", 1, &err), ART_CONFLICT);
}

static void experiment_add_must_bound_and_check_what_it_is_given(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id };
	size_t max = 1u << 20;
	char *big = art_alloc(max + 1, 1);

	fails(experiment_add(f->st, &x, "a", 1, &err), ART_INVALID); /* no proposer */
	art_copy(x.proposer, sizeof(x.proposer), "search");
	x.parent_id = 99;
	fails(experiment_add(f->st, &x, "a", 1, &err), ART_INVALID);
	x.parent_id = 0;
	fails(experiment_add(f->st, &x, big, max + 1, &err), ART_LIMIT);
	ok(experiment_add(f->st, &x, big, max, &err));
	ok(experiment_add(f->st, &x, "", 0, &err));
	free(big);
	assert_int_equal(number(f->path, "SELECT count(*) FROM experiment"), 2);
}

static void hostile_text_must_be_data(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id,
				    .proposer = "queue" }, back;
	struct experiment_query q = { .match = "%' OR 1=1 --" };
	struct experiment_list l = { 0 };

	art_copy(x.title, sizeof(x.title), "'; DROP TABLE run; -- \033[2J \xc3\x28 \xe2\x80\xae!");
	memset(x.idea, 'i', sizeof(x.idea));   /* no NUL at all */
	memset(x.knobs, 0xf0, sizeof(x.knobs)); /* nor valid UTF-8 */
	ok(experiment_add(f->st, &x, "a", 1, &err));

	ok(experiment_find(f->st, x.id, &back, &err));
	assert_ptr_equal(strstr(back.title, "'; DROP TABLE run; --"), back.title);
	assert_null(strchr(back.title, '\033'));
	assert_null(strstr(back.title, "\xc3\x28"));
	assert_null(strstr(back.title, "\xe2\x80\xae")); /* right-to-left override */
	assert_int_equal(strlen(back.idea), sizeof(back.idea) - 1);
	assert_int_equal(strlen(back.knobs), sizeof(back.knobs) - 1);
	assert_int_equal(number(f->path, "SELECT count(*) FROM run"), 0);
	ok(experiment_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 0);
	memset(q.match, 'i', sizeof(q.match)); /* no NUL either */
	ok(experiment_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 1);
	experiment_list_destroy(&l);
}

static void texts_longer_than_a_row_must_be_clipped_when_read(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");

	tamper(f->path, "UPDATE experiment SET title = printf('%.9000c', 'x'),"
			" knobs = printf('%.9000c', 'y'), proposer = printf('%.900c', 'z')");

	ok(experiment_find(f->st, x.id, &x, &err));
	assert_int_equal(strlen(x.title), sizeof(x.title) - 1);
	assert_int_equal(strlen(x.knobs), sizeof(x.knobs) - 1);
	assert_int_equal(strlen(x.proposer), sizeof(x.proposer) - 1);
}

/* ---- judging ------------------------------------------------------------------------------ */

static void experiment_judge_must_set_everything_once(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a"), back;
	struct store *other;

	ok(store_open(&other, f->path, 0, 1000, &err));
	x.verdict = VERDICT_KEPT;
	x.val_bpb = OPT_F64(1.25);
	x.lo = OPT_F64(1.24);
	x.hi = OPT_F64(1.26);
	x.n = 3;
	x.p_false_keep = OPT_F64(0.02);
	art_copy(x.reason, sizeof(x.reason), "all below");
	art_clock_set_for_test(8000000);
	ok(experiment_judge(f->st, &x, &err));
	struct experiment_row late = x;
	late.verdict = VERDICT_DISCARDED;
	late.val_bpb = OPT_F64(9);
	fails(experiment_judge(other, &late, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "judged already: kept"));

	ok(experiment_find(other, x.id, &back, &err));
	assert_int_equal(back.verdict, VERDICT_KEPT);
	assert_true(back.val_bpb.v == 1.25 && back.lo.v == 1.24 && back.hi.v == 1.26);
	assert_true(back.p_false_keep.v == 0.02);
	assert_int_equal(back.decided_at, 8000000);
	assert_string_equal(back.reason, "all below");
	store_close(other);
}

static void experiment_judge_must_refuse_what_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");

	x.verdict = VERDICT_DISCARDED;
	x.p_false_keep = OPT_F64(1.5);
	fails(experiment_judge(f->st, &x, &err), ART_INVALID);
	x.p_false_keep = OPT_F64((double)NAN);
	fails(experiment_judge(f->st, &x, &err), ART_INVALID);
	x.p_false_keep.known = false;
	x.id = 99;
	fails(experiment_judge(f->st, &x, &err), ART_NOT_FOUND);
	assert_int_equal(number(f->path, "SELECT count(*) FROM experiment"
					 " WHERE verdict = 'pending'"), 1);
}

struct judging {
	struct store *st;
	struct experiment_row row;
};

static void judge_it(void *arg)
{
	struct judging *j = arg;

	if (experiment_judge(j->st, &j->row, NULL) == ART_OK)
		_exit(5);
}

static void experiment_judge_must_abort_on_a_verdict_that_is_none(void **state)
{
	struct fixture *f = *state;
	struct judging j = { f->st, make_experiment(f, "search", "a") };

	j.row.verdict = VERDICT_PENDING;
	aborts(judge_it, &j);
	j.row.verdict = VERDICT_COUNT;
	aborts(judge_it, &j);
}

static void experiment_numbers_must_refine_pending_and_champion_alone(void **state)
{
	struct fixture *f = *state;
	struct experiment_row kept = make_experiment(f, "search", "a"), back;
	struct experiment_row dropped = make_experiment(f, "search", "b");

	kept.val_bpb = OPT_F64(1.5);
	kept.n = 1;
	ok(experiment_numbers(f->st, &kept, &err));
	judge(f->st, &kept, VERDICT_KEPT, 1.4);
	judge(f->st, &dropped, VERDICT_DISCARDED, 1.6);
	kept.val_bpb = OPT_F64(1.39);
	kept.n = 7;
	ok(experiment_numbers(f->st, &kept, &err));
	fails(experiment_numbers(f->st, &dropped, &err), ART_CONFLICT);

	ok(experiment_find(f->st, kept.id, &back, &err));
	assert_true(back.val_bpb.v == 1.39);
	assert_int_equal(back.n, 7);
	assert_int_equal(back.verdict, VERDICT_KEPT);
}

static void experiment_champion_must_be_the_last_kept_else_the_baseline(void **state)
{
	struct fixture *f = *state;
	struct experiment_row c, base = make_experiment(f, "baseline", "a");
	struct experiment_row x = make_experiment(f, "search", "b");
	struct experiment_row y = make_experiment(f, "search", "c");
	struct trend_point t[8];
	size_t n;

	fails(experiment_champion(f->st, f->class.id, &c, &err), ART_NOT_FOUND);
	art_clock_set_for_test(1000);
	judge(f->st, &base, VERDICT_BASELINE, 1.5);
	ok(experiment_champion(f->st, f->class.id, &c, &err));
	assert_int_equal(c.id, base.id);
	art_clock_set_for_test(2000);
	judge(f->st, &y, VERDICT_KEPT, 1.4); /* decided before x, though made after it */
	art_clock_set_for_test(3000);
	judge(f->st, &x, VERDICT_KEPT, 1.45);
	ok(experiment_champion(f->st, f->class.id, &c, &err));
	assert_int_equal(c.id, x.id);

	ok(board_trend(f->st, f->class.id, t, 8, &n, &err));
	assert_int_equal(n, 3);
	assert_int_equal(t[0].experiment_id, base.id);
	assert_int_equal(t[1].experiment_id, y.id);
	assert_true(t[2].experiment_id == x.id && t[2].val_bpb == 1.45 && t[2].at == 3000);
	ok(board_trend(f->st, f->class.id, t, 2, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(t[0].experiment_id, y.id);
}

/* ---- queries ------------------------------------------------------------------------------ */

/* Ids of the window, as "3 1 2 /total". */
static const char *ids(struct fixture *f, struct experiment_query q)
{
	static char text[256];
	struct experiment_list l = { 0 };
	size_t at = 0;

	ok(experiment_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRId64 " ", l.rows[i].id);
	snprintf(text + at, sizeof(text) - at, "/%" PRId64, l.total);
	experiment_list_destroy(&l);
	return text;
}

#define expect(want, ...) assert_string_equal(ids(f, (struct experiment_query){ __VA_ARGS__ }), want)

static void five_experiments(struct fixture *f)
{
	static const struct {
		const char *proposer, *name;
		enum verdict verdict;
		double val_bpb, seconds;
	} rows[] = {
		{ "baseline", "alpha", VERDICT_BASELINE, 1.50, 3 },
		{ "search", "Bravo", VERDICT_DISCARDED, 1.60, 1 },
		{ "queue", "charlie", VERDICT_KEPT, 1.40, 5 },
		{ "search", "bravado", VERDICT_PENDING, 0, 0 },
		{ "search", "delta", VERDICT_DISCARDED, 1.55, 2 },
	};

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct experiment_row x = make_experiment(f, rows[i].proposer, rows[i].name);
		if (rows[i].seconds > 0)
			finish_run(f->st, x.id, RUN_FOR_SCREEN, 1, rows[i].val_bpb, 1,
				   1 + (int64_t)(rows[i].seconds * 1e6));
		if (rows[i].verdict != VERDICT_PENDING)
			judge(f->st, &x, rows[i].verdict, rows[i].val_bpb);
	}
}

static void experiment_query_must_sort_both_ways(void **state)
{
	struct fixture *f = *state;

	five_experiments(f);

	expect("1 2 3 4 5 /5", .sort = EXPERIMENT_BY_ID);
	expect("5 4 3 2 1 /5", .sort = EXPERIMENT_BY_ID, .descending = true);
	expect("3 1 5 2 4 /5", .sort = EXPERIMENT_BY_SCORE);
	expect("2 5 1 3 4 /5", .sort = EXPERIMENT_BY_SCORE, .descending = true);
	expect("4 1 3 2 5 /5", .sort = EXPERIMENT_BY_VERDICT);
	expect("5 2 3 1 4 /5", .sort = EXPERIMENT_BY_VERDICT, .descending = true);
	expect("1 3 2 4 5 /5", .sort = EXPERIMENT_BY_PROPOSER);
	expect("4 2 5 1 3 /5", .sort = EXPERIMENT_BY_TIME);
	expect("3 1 5 2 4 /5", .sort = EXPERIMENT_BY_TIME, .descending = true);
	/* the same through a class, where the indices do it */
	expect("3 1 5 2 4 /5", .sort = EXPERIMENT_BY_SCORE, .class_id = f->class.id);
	expect("2 5 1 3 4 /5", .sort = EXPERIMENT_BY_SCORE, .class_id = f->class.id,
	       .descending = true);
	expect("4 1 3 2 5 /5", .sort = EXPERIMENT_BY_VERDICT, .class_id = f->class.id);
}

static void experiment_query_must_filter_and_count(void **state)
{
	struct fixture *f = *state;
	struct class_row other = make_class(f->st, "cpu:other");

	five_experiments(f);

	expect("2 5 /2", .verdicts = 1u << VERDICT_DISCARDED);
	expect("1 3 /2", .verdicts = 1u << VERDICT_BASELINE | 1u << VERDICT_KEPT);
	expect("1 2 3 4 5 /5", .class_id = f->class.id, .night_id = f->night.id);
	expect("/0", .class_id = other.id);
	expect("/0", .night_id = 99);
	expect("2 4 /2", .match = "BRAV");
	expect("3 /1", .match = "queue");
	expect("4 2 /2", .match = "brav", .sort = EXPERIMENT_BY_TIME);
	expect("2 /1", .match = "brav", .verdicts = 1u << VERDICT_DISCARDED);
	expect("1 2 3 4 5 /5", .match = "name=");
	expect("/0", .match = "nothing");
	expect("/0", .match = "%");
	expect("/0", .match = "_lpha");
	expect("/0", .match = "brav", .class_id = other.id);
}

static void experiment_query_must_give_a_window(void **state)
{
	struct fixture *f = *state;

	five_experiments(f);

	expect("1 2 /5", .limit = 2);
	expect("4 5 /5", .limit = 2, .offset = 3);
	expect("5 /5", .limit = 2, .offset = 4);
	expect("/5", .limit = 2, .offset = 5);
	expect("/5", .limit = 2, .offset = 500);
	expect("3 4 5 /5", .offset = 2);
	expect("4 /2", .match = "brav", .limit = 1, .offset = 1);
	expect("/2", .match = "brav", .limit = 1, .offset = 9);
}

/* More distinct statements than the cache holds. */
static void experiment_query_must_survive_every_combination_of_verdicts(void **state)
{
	struct fixture *f = *state;

	five_experiments(f);
	for (int round = 0; round < 2; round++) {
		for (unsigned mask = 1; mask < 1u << VERDICT_COUNT; mask++) {
			struct experiment_query q = { .verdicts = mask };
			struct experiment_list l = { 0 };
			int64_t want = (mask >> VERDICT_PENDING & 1) + (mask >> VERDICT_BASELINE & 1) +
				       (mask >> VERDICT_KEPT & 1) + 2 * (mask >> VERDICT_DISCARDED & 1);
			ok(experiment_query(f->st, &q, &l, &err));
			assert_int_equal(l.total, want);
			assert_int_equal(l.n, want);
			experiment_list_destroy(&l);
		}
	}
}

/* ---- the board ---------------------------------------------------------------------------- */

static void board_must_count_candidates_alone(void **state)
{
	struct fixture *f = *state;
	static const enum verdict verdicts[] = { VERDICT_KEPT, VERDICT_DISCARDED, VERDICT_FAILED,
						 VERDICT_STOPPED, VERDICT_CANCELLED };
	struct experiment_row base = make_experiment(f, "baseline", "base");
	struct experiment_row import = make_experiment(f, "import", "import");
	struct board b;
	char name[8];

	judge(f->st, &base, VERDICT_BASELINE, 1.5);
	judge(f->st, &import, VERDICT_IMPORTED, 1.0);
	for (size_t i = 0; i < ART_COUNT(verdicts); i++) {
		snprintf(name, sizeof(name), "x%zu", i);
		struct experiment_row x = make_experiment(f, i % 2 ? "search" : "queue", name);
		x.p_false_keep = OPT_F64(0.125);
		judge(f->st, &x, verdicts[i], 1.4);
	}
	make_experiment(f, "search", "waits");
	ok(board_get(f->st, 0, &b, &err));

	assert_int_equal(b.experiments, 6);
	assert_int_equal(b.judged, 4);
	assert_int_equal(b.kept, 1);
	assert_int_equal(b.failed, 1);
	assert_true(near(b.expected_false_keeps, 0.5));
	assert_int_equal(b.night.judged, 4);
	assert_int_equal(b.night.kept, 1);
	assert_true(b.has_champion && b.champion.val_bpb.v == 1.4);
	assert_true(b.has_baseline && b.baseline.id == base.id);
	assert_int_equal(b.class.id, f->class.id);
}

static void board_must_pool_the_noise_without_screens_and_throttled_runs(void **state)
{
	struct fixture *f = *state;
	struct experiment_row base = make_experiment(f, "baseline", "base");
	struct experiment_row x = make_experiment(f, "search", "x");
	struct board b;

	finish_run(f->st, base.id, RUN_FOR_BASELINE, 1, 1.50, 1, 2);
	ok(board_get(f->st, 0, &b, &err));
	assert_false(b.sigma.known);
	finish_run(f->st, base.id, RUN_FOR_BASELINE, 2, 1.52, 2, 3); /* mean 1.51, squares 2e-4 */
	finish_run(f->st, x.id, RUN_FOR_SCREEN, 1, 1.00, 3, 4);      /* left out */
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 2, 1.40, 4, 5);
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 3, 1.43, 5, 6);
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 4, 1.46, 6, 7);     /* mean 1.43, squares 18e-4 */
	struct run_row r = make_run(f->st, x.id, RUN_FOR_CONFIRM, 5);
	r.state = RUN_RUNNING;
	ok(run_move(f->st, &r, RUN_QUEUED, &err));
	r.state = RUN_DONE;
	r.val_bpb = OPT_F64(3);
	r.throttled = true;
	ok(run_move(f->st, &r, RUN_RUNNING, &err));
	make_run(f->st, x.id, RUN_FOR_CONFIRM, 6);

	ok(board_get(f->st, f->class.id, &b, &err));
	assert_int_equal(b.sigma_df, 3);
	assert_true(near(b.sigma.v, sqrt(20e-4 / 3)));
	assert_int_equal(b.runs_live, 1);
}

static double share(struct fixture *f, int64_t now)
{
	struct board b;

	art_clock_set_for_test(now);
	ok(board_get(f->st, 0, &b, &err));
	return b.busy_share.known ? b.busy_share.v : -1;
}

static void engine_says(struct fixture *f, const char *what, int64_t started_at)
{
	struct engine_row e = { .pid = 1, .started_at = started_at };

	art_copy(e.state, sizeof(e.state), what);
	ok(engine_set(f->st, &e, &err));
}

#define SEC INT64_C(1000000)

static void busy_share_must_be_the_union_of_runs_over_time(void **state)
{
	struct fixture *f = *state;
	struct night_row n = { .class_id = f->class.id, .started_at = 1000 * SEC };

	ok(night_add(f->st, &n, &err));
	f->night = n;
	engine_says(f, "running", 990 * SEC);
	struct experiment_row x = make_experiment(f, "search", "x");
	assert_true(share(f, 1000 * SEC) == -1);
	finish_run(f->st, x.id, RUN_FOR_SCREEN, 1, 1.4, 1010 * SEC, 1030 * SEC);
	assert_true(near(share(f, 1040 * SEC), 0.5));
	struct run_row a = make_run(f->st, x.id, RUN_FOR_CONFIRM, 2); /* two devices at once */
	a.state = RUN_RUNNING;
	a.started_at = 1040 * SEC;
	ok(run_move(f->st, &a, RUN_QUEUED, &err));
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 3, 1.4, 1050 * SEC, 1055 * SEC);
	assert_true(near(share(f, 1060 * SEC), 40.0 / 60));
	a.state = RUN_DONE;
	a.val_bpb = OPT_F64(1.4);
	a.finished_at = 1080 * SEC;
	ok(run_move(f->st, &a, RUN_RUNNING, &err));
	assert_true(near(share(f, 1100 * SEC), 0.6));
	finish_run(f->st, x.id, RUN_FOR_CONFIRM, 4, 1.4, 1100 * SEC, 1200 * SEC);
	art_clock_set_for_test(1200 * SEC);
	ok(night_end(f->st, n.id, "done", &err));
	assert_true(near(share(f, 5000 * SEC), 160.0 / 200));
}

static void busy_share_must_not_count_time_without_an_engine(void **state)
{
	struct fixture *f = *state;
	struct night_row n = { .class_id = f->class.id, .started_at = 1000 * SEC };

	ok(night_add(f->st, &n, &err));
	f->night = n;
	engine_says(f, "running", 990 * SEC);
	struct experiment_row x = make_experiment(f, "search", "x");
	finish_run(f->st, x.id, RUN_FOR_SCREEN, 1, 1.4, 1000 * SEC, 1100 * SEC);
	struct run_row lost = make_run(f->st, x.id, RUN_FOR_CONFIRM, 2); /* killed with its engine */
	lost.state = RUN_RUNNING;
	lost.started_at = 1100 * SEC;
	ok(run_move(f->st, &lost, RUN_QUEUED, &err));
	engine_says(f, "running", 4000 * SEC); /* the next one, much later, takes it up again */
	lost.state = RUN_QUEUED;
	lost.started_at = 0;
	ok(run_move(f->st, &lost, RUN_RUNNING, &err));
	assert_true(near(share(f, 4000 * SEC), 1.0));
	lost.state = RUN_RUNNING;
	lost.started_at = 4050 * SEC;
	ok(run_move(f->st, &lost, RUN_QUEUED, &err));
	lost.state = RUN_DONE;
	lost.val_bpb = OPT_F64(1.4);
	lost.finished_at = 4100 * SEC;
	ok(run_move(f->st, &lost, RUN_RUNNING, &err));
	assert_true(near(share(f, 4100 * SEC), 150.0 / 200));
	engine_says(f, "idle", 4000 * SEC); /* closed for the day: the night stays open, asleep */
	assert_true(near(share(f, 90000 * SEC), 150.0 / 200));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup_night, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(class_get_must_find_or_make_by_all_six_texts),
		N(night_must_open_end_once_and_be_found),
		T(night_find_must_say_when_there_was_none),
		N(night_add_must_refuse_what_cannot_be),
		N(experiment_add_must_keep_row_and_recipe),
		N(experiment_add_must_refuse_twins_in_a_class),
		N(imports_must_neither_conflict_nor_block),
		N(experiment_add_must_bound_and_check_what_it_is_given),
		N(hostile_text_must_be_data),
		N(texts_longer_than_a_row_must_be_clipped_when_read),
		N(experiment_judge_must_set_everything_once),
		N(experiment_judge_must_refuse_what_cannot_be),
		N(experiment_judge_must_abort_on_a_verdict_that_is_none),
		N(experiment_numbers_must_refine_pending_and_champion_alone),
		N(experiment_champion_must_be_the_last_kept_else_the_baseline),
		N(experiment_query_must_sort_both_ways),
		N(experiment_query_must_filter_and_count),
		N(experiment_query_must_give_a_window),
		N(experiment_query_must_survive_every_combination_of_verdicts),
		N(board_must_count_candidates_alone),
		N(board_must_pool_the_noise_without_screens_and_throttled_runs),
		N(busy_share_must_be_the_union_of_runs_over_time),
		N(busy_share_must_not_count_time_without_an_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
