/*
 * test_report.c - the report in its four formats, and figures in words.
 */
#include "tests/unit/fixture_store.h"

#include <math.h>

#include "core/research/report.h"
#include "core/research/report_gather.h"

#define MINUTE (60 * 1000000LL)
#define START (1700000000LL * 1000000)
#define REPORT_MAX (4u << 20)

/* A night at fixed times: baseline (3 runs), one kept, one near miss, one out of memory. */
static struct experiment_row baseline, kept, near, failed;

static struct experiment_row decide(struct fixture *f, struct experiment_row x, enum verdict v,
				    double bpb, int64_t n, const char *reason)
{
	x.verdict = v;
	x.n = n;
	if (bpb > 0) {
		x.val_bpb = OPT_F64(bpb);
		x.lo = OPT_F64(bpb - 0.004);
		x.hi = OPT_F64(bpb + 0.004);
	}
	x.p_false_keep = OPT_F64(0.25);
	art_copy(x.reason, sizeof(x.reason), reason);
	ok(experiment_judge(f->st, &x, &err));
	return x;
}

static struct experiment_row candidate(struct fixture *f, const char *title, const char *knobs)
{
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id,
				    .parent_id = baseline.id, .proposer = "search" };

	art_copy(x.title, sizeof(x.title), title);
	art_copy(x.knobs, sizeof(x.knobs), knobs);
	ok(experiment_add(f->st, &x, knobs, strlen(knobs), &err));
	return x;
}

static void run_at(struct fixture *f, const struct experiment_row *x, enum run_purpose p,
		   int64_t seed, double bpb, int minute)
{
	finish_run(f->st, x->id, p, seed, bpb, START + minute * MINUTE,
		   START + (minute + 1) * MINUTE);
}

static void add_reference(struct fixture *f, const char *name, double v)
{
	struct reference_row r = { .val_bpb = v, .note = "of the same text" };

	art_copy(r.data_sha256, sizeof(r.data_sha256), f->class.data_sha256);
	art_copy(r.name, sizeof(r.name), name);
	ok(reference_set(f->st, &r, &err));
}

static void fail_run(struct fixture *f, int64_t experiment)
{
	struct run_row r = make_run(f->st, experiment, RUN_FOR_SCREEN, 40);

	r.state = RUN_RUNNING;
	r.attempt = 1;
	r.started_at = START + 9 * MINUTE;
	ok(run_move(f->st, &r, RUN_QUEUED, &err));
	r.state = RUN_FAILED;
	r.fault = RUN_FAULT_OOM;
	r.finished_at = START + 10 * MINUTE;
	ok(run_move(f->st, &r, RUN_RUNNING, &err));
}

static int setup_report(void **state)
{
	struct fixture *f;

	art_clock_set_for_test(START);
	if (setup_night(state) != 0)
		return -1;
	f = *state;
	baseline = (struct experiment_row){ .night_id = f->night.id, .class_id = f->class.id,
					    .proposer = "baseline", .title = "baseline",
					    .knobs = "DEPTH=4;MATRIX_LR=0.04;" };
	ok(experiment_add(f->st, &baseline, "b", 1, &err));
	run_at(f, &baseline, RUN_FOR_BASELINE, 1, 2.000, 0);
	run_at(f, &baseline, RUN_FOR_BASELINE, 2, 2.010, 1);
	run_at(f, &baseline, RUN_FOR_BASELINE, 3, 1.990, 2);
	art_clock_set_for_test(START + 3 * MINUTE);
	baseline = decide(f, baseline, VERDICT_BASELINE, 2.0, 3, "the starting recipe");
	kept = candidate(f, "MATRIX_LR 0.04 -> 0.06", "DEPTH=4;MATRIX_LR=0.06;");
	run_at(f, &kept, RUN_FOR_SCREEN, 10, 1.90, 3);
	run_at(f, &kept, RUN_FOR_CONFIRM, 11, 1.91, 4);
	run_at(f, &kept, RUN_FOR_CONFIRM, 12, 1.89, 5);
	art_clock_set_for_test(START + 6 * MINUTE);
	kept = decide(f, kept, VERDICT_KEPT, 1.9, 3, "all below");
	near = candidate(f, "DEPTH 4 -> 5 <&\"|*", "DEPTH=5;MATRIX_LR=0.06;");
	run_at(f, &near, RUN_FOR_SCREEN, 20, 1.885, 6);
	run_at(f, &near, RUN_FOR_CONFIRM, 21, 1.93, 7);
	near = decide(f, near, VERDICT_DISCARDED, 1.9075, 2, "one seed above");
	failed = candidate(f, "DEPTH 4 -> 8", "DEPTH=8;MATRIX_LR=0.06;");
	fail_run(f, failed.id);
	failed = decide(f, failed, VERDICT_FAILED, 0, 0, "out of memory");
	add_reference(f, "xz", 1.95);
	add_reference(f, "zpaq", 1.80);
	add_reference(f, "far", 9.0);
	art_clock_set_for_test(START + 20 * MINUTE);
	return 0;
}

static char *report(struct fixture *f, enum report_format format)
{
	struct art_buf b;

	art_buf_init(&b, REPORT_MAX);
	ok(report_write(f->st, 0, format, &b, &err));
	return art_buf_take(&b);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void report_gather_must_count_what_the_night_did(void **state)
{
	struct fixture *f = *state;
	struct report r;

	ok(night_end(f->st, f->night.id, "rounds done", &err));
	ok(report_gather(&r, f->st, 0, &err));

	assert_int_equal(r.n_runs, 9);
	assert_int_equal(r.faults[RUN_FAULT_OOM], 1);
	assert_int_equal(r.verdicts[VERDICT_KEPT], 1);
	assert_int_equal(r.board.champion.id, kept.id);
	assert_int_equal(r.n_near, 1);
	assert_int_equal(r.all.rows[r.near[0]].id, near.id);
	assert_true(fabs(r.train_seconds - 480) < 1e-6);
	report_destroy(&r);
}

static void report_gather_must_give_the_gain_its_interval(void **state)
{
	struct fixture *f = *state;
	struct report r;

	ok(report_gather(&r, f->st, 0, &err));

	/* Screens are chosen for being low and do not count: 3 baseline runs and 2 confirming
	 * ones pool to df 3, ss 2e-4 + 2e-4. */
	assert_true(fabs(r.gain.v - 0.1) < 1e-9);
	assert_int_equal(r.board.sigma_df, 3);
	double sigma = sqrt(4e-4 / 3);
	double half = 3.182446 * sigma * sqrt(1.0 / 3 + 1.0 / 3);
	assert_true(fabs(r.gain_lo.v - (0.1 - half)) < 1e-6);
	assert_true(fabs(r.gain_hi.v - (0.1 + half)) < 1e-6);
	report_destroy(&r);
}

static void report_gather_must_find_the_best_value_of_each_knob(void **state)
{
	struct fixture *f = *state;
	struct report r;

	ok(report_gather(&r, f->st, 0, &err));

	assert_int_equal(r.n_knobs, 2);
	assert_string_equal(r.knobs[0].name, "MATRIX_LR");
	assert_string_equal(r.knobs[0].base, "0.04");
	assert_string_equal(r.knobs[0].best, "0.06");
	assert_int_equal(r.knobs[0].tried, 3);
	assert_int_equal(r.knobs[0].best_id, kept.id);
	assert_string_equal(r.knobs[1].name, "DEPTH");
	assert_string_equal(r.knobs[1].best, "5");
	assert_int_equal(r.knobs[1].tried, 2);
	report_destroy(&r);
}

static void report_steps_must_go_from_baseline_to_champion(void **state)
{
	struct fixture *f = *state;
	struct report r;
	struct report_step s[8];

	ok(report_gather(&r, f->st, 0, &err));

	assert_int_equal(report_steps(&r, s, 8), 2);
	assert_int_equal(s[0].id, baseline.id);
	assert_int_equal(s[1].id, kept.id);
	assert_int_equal(report_steps(&r, s, 1), 1);
	report_destroy(&r);
}

static void report_range_must_show_data_and_near_references_only(void **state)
{
	struct fixture *f = *state;
	struct report r;

	ok(report_gather(&r, f->st, 0, &err));
	struct report_range g = report_range(&r);

	assert_true(g.known);
	assert_true(report_in_range(g, 1.80) && report_in_range(g, 2.0) && report_in_range(g, 1.95));
	assert_false(report_in_range(g, 9.0));
	report_destroy(&r);
}

static void report_text_must_tell_champion_gain_misses_and_references(void **state)
{
	char *t = report(*state, REPORT_TEXT);

	has(t, "Champion       #2  1.9000 [1.8960, 1.9040] n=3  MATRIX_LR 0.04 -> 0.06");
	has(t, "Gain           0.1000 bits per byte below the baseline");
	has(t, "False keeps    0.75 expected");
	has(t, "not yet: open");
	has(t, "Near misses");
	has(t, "one seed above");
	has(t, "Runs without a result: 1 out of memory");
	has(t, "> 1.9000  the champion, #2\n  1.9500  xz");
	has(t, "--seed 7 --time-budget 20 --confirm 3 --rounds 10");
	has(t, "0.00 USD");
	free(t);
}

static void report_text_must_say_why_the_night_ended(void **state)
{
	struct fixture *f = *state;

	ok(night_end(f->st, f->night.id, "10 rounds done", &err));
	char *t = report(f, REPORT_TEXT);

	has(t, "Ended          10 rounds done");
	has(t, "2023-11-14T22:13:20Z to 2023-11-14T22:33:20Z");
	free(t);
}

static void report_md_must_escape_what_a_title_says(void **state)
{
	char *t = report(*state, REPORT_MD);

	has(t, "DEPTH 4 -\\> 5 \\<\\&\"\\|\\*");
	has(t, "| xz, of the same text | 1.9500 | below it |");
	has(t, "| zpaq, of the same text | 1.8000 | above it |");
	free(t);
}

static void report_json_must_parse_and_agree(void **state)
{
	char *t = report(*state, REPORT_JSON);
	struct json *j;

	ok(json_parse(&j, t, strlen(t), REPORT_MAX, &err));
	assert_int_equal(json_int(json_get(json_get(j, "champion"), "id")).v, kept.id);
	assert_true(fabs(json_num(json_get(j, "gain")).v - 0.1) < 1e-9);
	assert_int_equal(json_count(json_get(j, "experiments")), 4);
	assert_int_equal(json_count(json_get(j, "references")), 3);
	assert_int_equal(json_int(json_get(json_get(j, "faults"), "out of memory")).v, 1);
	const struct json *runs = json_get(json_at(json_get(j, "experiments"), 0), "runs");
	assert_int_equal(json_count(runs), 3);
	assert_string_equal(json_str(json_get(json_at(runs, 0), "state")), "done");
	json_free(j);
	free(t);
}

static void report_svg_must_be_whole_and_hold_every_measured_experiment(void **state)
{
	char *t = report(*state, REPORT_SVG);
	int groups = 0;

	for (const char *p = t; (p = strstr(p, "<g><title>")); p++)
		groups++;
	assert_int_equal(groups, 3);
	has(t, "<svg xmlns=");
	has(t, "DEPTH 4 -&gt; 5 &lt;&amp;&quot;|*");
	has(t, "</svg>\n");
	assert_null(strstr(t, "<script"));
	assert_null(strstr(t, "nan"));
	free(t);
}

static void report_write_must_say_that_there_was_no_night(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;

	art_buf_init(&b, REPORT_MAX);
	fails(report_write(f->st, 99, REPORT_TEXT, &b, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "99"));
	assert_int_equal(b.len, 0);
}

static void report_write_must_refuse_a_buffer_too_small(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;

	art_buf_init(&b, 100);
	fails(report_write(f->st, 0, REPORT_TEXT, &b, &err), ART_LIMIT);
	art_buf_destroy(&b);
}

static void report_write_must_serve_a_night_without_any_run(void **state)
{
	struct fixture *f = *state;

	for (int k = 0; k < REPORT_FORMAT_COUNT; k++) {
		char *t = report(f, (enum report_format)k);

		assert_true(strlen(t) > 100);
		assert_null(strstr(t, "nan"));
		free(t);
	}
}

static void figure_duration_must_choose_its_unit(void **state)
{
	char b[FIGURE_TEXT];

	(void)state;
	assert_string_equal(figure_duration(0.25, b), "0.2 s");
	assert_string_equal(figure_duration(42, b), "42 s");
	assert_string_equal(figure_duration(425, b), "7 min 05 s");
	assert_string_equal(figure_duration(11520, b), "3 h 12 min");
	assert_string_equal(figure_duration(-1, b), "-");
	assert_string_equal(figure_duration(0.0 / 0.0 * 1, b), "-");
}

static void figure_count_must_round_into_the_next_unit(void **state)
{
	char b[FIGURE_TEXT];

	(void)state;
	assert_string_equal(figure_count(0, b), "0");
	assert_string_equal(figure_count(812, b), "812");
	assert_string_equal(figure_count(999.96, b), "1.0 k");
	assert_string_equal(figure_count(12345, b), "12.3 k");
	assert_string_equal(figure_count(4.1e6, b), "4.1 M");
	assert_string_equal(figure_count(-2e9, b), "-2.0 G");
}

static void figures_must_show_the_unknown_as_a_dash(void **state)
{
	char b[FIGURE_TEXT];
	const struct opt_f64 none = { 0 };

	(void)state;
	assert_string_equal(figure_bpb(none, b), "-");
	assert_string_equal(figure_interval(OPT_F64(1), none, b), "-");
	assert_string_equal(figure_percent(none, b), "-");
	assert_string_equal(figure_bpb(OPT_F64(1.83125), b), "1.8313");
	assert_string_equal(figure_interval(OPT_F64(1), OPT_F64(2), b), "[1.0000, 2.0000]");
	assert_string_equal(figure_percent(OPT_F64(0.931), b), "93.1 %");
}

static void report_format_parse_must_know_its_names_only(void **state)
{
	enum report_format f = REPORT_MD;

	(void)state;
	assert_true(report_format_parse("svg", &f));
	assert_int_equal(f, REPORT_SVG);
	assert_false(report_format_parse("SVG", &f));
	assert_false(report_format_parse("", &f));
}

#define WITH(fn, begin) cmocka_unit_test_setup_teardown(fn, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(report_gather_must_count_what_the_night_did, setup_report),
		WITH(report_gather_must_give_the_gain_its_interval, setup_report),
		WITH(report_gather_must_find_the_best_value_of_each_knob, setup_report),
		WITH(report_steps_must_go_from_baseline_to_champion, setup_report),
		WITH(report_range_must_show_data_and_near_references_only, setup_report),
		WITH(report_text_must_tell_champion_gain_misses_and_references, setup_report),
		WITH(report_text_must_say_why_the_night_ended, setup_report),
		WITH(report_md_must_escape_what_a_title_says, setup_report),
		WITH(report_json_must_parse_and_agree, setup_report),
		WITH(report_svg_must_be_whole_and_hold_every_measured_experiment, setup_report),
		WITH(report_write_must_say_that_there_was_no_night, setup_report),
		WITH(report_write_must_refuse_a_buffer_too_small, setup_report),
		WITH(report_write_must_serve_a_night_without_any_run, setup_night),
		cmocka_unit_test(figure_duration_must_choose_its_unit),
		cmocka_unit_test(figure_count_must_round_into_the_next_unit),
		cmocka_unit_test(figures_must_show_the_unknown_as_a_dash),
		cmocka_unit_test(report_format_parse_must_know_its_names_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
