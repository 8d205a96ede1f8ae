/*
 * test_exchange.c - results as files: what goes out, what comes in, what is refused.
 */
#include "tests/unit/fixture_store.h"

#include <math.h>

#include "core/research/report.h"

#define FILE_MAX (4u << 20)
#define HEAD "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"

static char *export_as(struct fixture *f, bool tsv)
{
	struct art_buf b;

	art_buf_init(&b, FILE_MAX);
	ok(tsv ? export_tsv(f->st, &b, &err) : export_jsonl(f->st, &b, &err));
	return art_buf_take(&b);
}

static void take_in(struct fixture *f, const char *text, int added, int skipped)
{
	int64_t a = -1, s = -1;

	ok(import_results(f->st, text, strlen(text), &a, &s, &err));
	assert_int_equal(a, added);
	assert_int_equal(s, skipped);
}

static struct experiment_row only(struct fixture *f)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID };
	struct experiment_list l = { 0 };

	ok(experiment_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 1);
	struct experiment_row e = l.rows[0];
	experiment_list_destroy(&l);
	return e;
}

static int64_t count(struct fixture *f)
{
	return number(f->path, "SELECT count(*) FROM experiment");
}

static void refuses(struct fixture *f, const char *text, const char *why)
{
	int64_t a = -1, s = -1, before = count(f);

	fails(import_results(f->st, text, strlen(text), &a, &s, &err), ART_INVALID);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	assert_int_equal(count(f), before);
	assert_int_equal(a, -1);
}

static void import_results_must_take_autoresearchs_rows_as_claims(void **state)
{
	struct fixture *f = *state;

	take_in(f, HEAD "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n", 1, 0);

	struct experiment_row e = only(f);
	assert_int_equal(e.verdict, VERDICT_IMPORTED);
	assert_string_equal(e.title, "baseline");
	assert_string_equal(e.proposer, "import");
	assert_true(e.val_bpb.known && e.val_bpb.v == 0.9979);
	assert_int_equal(e.n, 0);
	assert_int_equal(e.night_id, 0);
	fails(experiment_champion(f->st, e.class_id, &e, &err), ART_NOT_FOUND);
}

static void import_results_must_keep_the_number_a_claim_in_its_run(void **state)
{
	struct fixture *f = *state;
	struct run_list l = { 0 };

	take_in(f, HEAD "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n", 1, 0);

	ok(run_list(f->st, only(f).id, &l, &err));
	assert_int_equal(l.n, 1);
	assert_false(l.rows[0].val_bpb.known);
	assert_true(l.rows[0].claimed_bpb.v == 0.9979);
	assert_true(l.rows[0].peak_mem_mb.v == 44.0 * 1024);
	assert_true(run_state_final(l.rows[0].state));
	run_list_destroy(&l);
}

static void import_results_must_know_rows_it_has_seen(void **state)
{
	struct fixture *f = *state;
	const char *text = HEAD "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n"
				"b2c3d4e\t0.000000\t0.0\tcrash\tdouble width\n"
				"a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n";

	take_in(f, text, 2, 1);
	take_in(f, text, 0, 3);
}

static void import_results_must_accept_windows_line_ends_and_no_last_one(void **state)
{
	take_in(*state, "commit\tval_bpb\tmemory_gb\tstatus\tdescription\r\n"
			"a1b2c3d\t1.5\t1.0\tdiscard\twarmup\r\n\r\nb2c3d4e\t1.4\t1.0\tkeep\tx", 2, 0);
}

static void import_results_must_name_the_line_it_refuses(void **state)
{
	struct fixture *f = *state;

	refuses(f, "", "empty");
	refuses(f, "\n\n", "empty");
	refuses(f, "hello\n", "line 1");
	refuses(f, HEAD "a\t1.0\t1.0\tkeep\n", "line 2: not five columns");
	refuses(f, HEAD "a\t1.0\t1.0\tkept\tx\n", "line 2: the status");
	refuses(f, HEAD "a\tnan\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t-1\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t1e999\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t1.0x\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t0\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t1e-7\t1.0\tkeep\tx\n", "line 2: val_bpb");
	refuses(f, HEAD "a\t1.0\t-1\tkeep\tx\n", "line 2: memory_gb");
	refuses(f, HEAD "a\t1.0\t1e300\tkeep\tx\n", "line 2: memory_gb");
}

static void import_results_must_take_all_or_nothing(void **state)
{
	refuses(*state, HEAD "a1b2c3d\t1.0\t1.0\tkeep\tgood\nb\t1.0\t1.0\tmaybe\tbad\n", "line 3");
	refuses(*state, "{\"val_bpb\":1.0}\n{\"val_bpb\":\"low\"}\n", "line 2");
}

static void import_results_must_refuse_json_that_lies_about_itself(void **state)
{
	struct fixture *f = *state;

	refuses(f, "{\"val_bpb\":1.0", "line 1");
	refuses(f, "{}", "line 1: no val_bpb");
	refuses(f, "{\"val_bpb\":1.0}\n[1]\n", "line 2: not a JSON object");
	refuses(f, "{\"val_bpb\":0}\n", "line 1: val_bpb");
	refuses(f, "{\"val_bpb\":-3}\n", "line 1: val_bpb");
	refuses(f, "{\"val_bpb\":1e300}\n", "line 1: val_bpb");
}

static void import_results_must_refuse_a_line_without_end(void **state)
{
	char *text = art_alloc(100001, 1);

	memset(text, 'x', 100000);
	memcpy(text, HEAD, strlen(HEAD));
	refuses(*state, text, "line 2: longer than");
	free(text);
}

static void import_results_must_read_obols_lines(void **state)
{
	struct fixture *f = *state;
	struct run_list l = { 0 };

	take_in(f, "{\"experiment_id\":\"exp-20260301-a1b2c3\",\"train_hash\":\"sha256:"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		   "\"val_bpb\":0.9973,\"worker_endpoint\":\"https://worker.example\","
		   "\"worker_agent_id\":null,\"timestamp\":\"2026-03-01T00:00:00Z\","
		   "\"chain\":\"base-sepolia\",\"raw_result\":{\"a\":1},\"note\":\"wider\"}\n", 1, 0);

	struct experiment_row e = only(f);
	assert_string_equal(e.title, "wider");
	assert_true(e.val_bpb.v == 0.9973);
	ok(run_list(f->st, e.id, &l, &err));
	assert_string_equal(l.rows[0].executor, "https://worker.example");
	run_list_destroy(&l);
}

static void import_results_must_join_the_runs_of_one_experiment(void **state)
{
	struct fixture *f = *state;
	struct run_list l = { 0 };

	take_in(f, "{\"experiment_id\":\"e\",\"train_hash\":\"sha256:"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		   "\"val_bpb\":1.0,\"seed\":5}\n"
		   "{\"experiment_id\":\"e\",\"train_hash\":\"sha256:"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		   "\"val_bpb\":2.0,\"seed\":5}\n", 1, 0);

	assert_true(only(f).val_bpb.v == 1.5);
	ok(run_list(f->st, only(f).id, &l, &err));
	assert_int_equal(l.n, 2);
	assert_int_not_equal(l.rows[0].seed, l.rows[1].seed);
	run_list_destroy(&l);
}

static void import_results_must_clean_hostile_titles(void **state)
{
	struct fixture *f = *state;

	take_in(f, HEAD "a1b2c3d\t1.0\t1.0\tkeep\t\033[2Jgone\xff\a\n", 1, 0);
	assert_null(strchr(only(f).title, '\033'));
	assert_null(strchr(only(f).title, '\a'));
}

static void import_results_must_leave_the_store_whole(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;
	int findings = -1;

	take_in(f, HEAD "a1b2c3d\t1.0\t1.0\tkeep\tgood\nb2c3d4e\t0\t0\tcrash\tbad\n", 2, 0);
	art_buf_init(&b, FILE_MAX);
	ok(store_check(f->st, &b, &findings, &err));
	if (findings)
		fail_msg("%s", b.data);
	art_buf_destroy(&b);
}

static void own_results(struct fixture *f)
{
	struct experiment_row a = make_experiment(f, "baseline", "a"),
			      b = make_experiment(f, "search", "tab\tin title"),
			      c = make_experiment(f, "search", "pending");

	finish_run(f->st, a.id, RUN_FOR_BASELINE, 1, 1.5, 1000000, 2000000);
	finish_run(f->st, a.id, RUN_FOR_BASELINE, 2, 1.6, 2000000, 3000000);
	judge(f->st, &a, VERDICT_BASELINE, 1.55);
	finish_run(f->st, b.id, RUN_FOR_SCREEN, 3, 1.7, 3000000, 4000000);
	judge(f->st, &b, VERDICT_DISCARDED, 1.7);
	assert_true(c.id > 0);
}

static void export_tsv_must_write_five_columns_of_the_judged(void **state)
{
	struct fixture *f = *state;
	char want[512];

	own_results(f);
	char *t = export_as(f, true);

	snprintf(want, sizeof(want), HEAD "%.7s\t1.550000\t0.0\tkeep\ttitle a\n"
		 "%.7s\t1.700000\t0.0\tdiscard\ttitle tab in title\n", hash_bytes("a", 1).s,
		 hash_bytes("tab\tin title", 12).s);
	assert_string_equal(t, want);
	free(t);
}

static void export_jsonl_must_write_one_object_a_run(void **state)
{
	struct fixture *f = *state;
	int lines = 0;

	own_results(f);
	char *t = export_as(f, false);

	for (char *p = t; *p; lines++) {
		size_t n = strcspn(p, "\n");
		struct json *j;

		ok(json_parse(&j, p, n, FILE_MAX, &err));
		assert_non_null(json_str(json_get(j, "train_hash")));
		assert_non_null(json_str(json_get(j, "executor")));
		assert_true(json_num(json_get(j, "val_bpb")).known);
		json_free(j);
		p += n + 1;
	}
	assert_int_equal(lines, 3);
	free(t);
}

static void import_results_must_skip_own_results_that_come_back(void **state)
{
	struct fixture *f = *state;

	own_results(f);
	char *tsv = export_as(f, true), *jsonl = export_as(f, false);

	take_in(f, tsv, 0, 2);
	take_in(f, jsonl, 0, 2);
	free(tsv);
	free(jsonl);
}

static void export_must_give_back_what_was_imported(void **state)
{
	struct fixture *f = *state;
	const char *rows = "\t0.997900\t44.0\tkeep\tbaseline\n";

	take_in(f, HEAD "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline\n"
			"b2c3d4e\t0.000000\t0.0\tcrash\tdouble width\n", 2, 0);
	char *t = export_as(f, true);

	assert_non_null(strstr(t, rows));
	assert_non_null(strstr(t, "\t0.000000\t0.0\tcrash\tdouble width\n"));
	free(t);
}

static void experiment_json_must_have_every_promised_member(void **state)
{
	static const char *const of_experiment[] = {
		"id", "title", "proposer", "parent", "recipe_sha256", "verdict", "val_bpb", "n",
		"interval", "class", "class_id", "runs",
	};
	static const char *const of_run[] = {
		"id", "executor", "seed", "state", "val_bpb", "started_at", "finished_at", "seconds",
		"tokens", "error", "idx", "purpose", "attempt", "steps", "mfu", "claimed_bpb",
		"throttled", "fault",
	};
	struct fixture *f = *state;
	struct run_list l = { 0 };
	struct art_buf b;
	struct json_out o;
	struct json *j;

	own_results(f);
	struct experiment_row e;
	ok(experiment_find(f->st, 1, &e, &err));
	ok(run_list(f->st, 1, &l, &err));
	art_buf_init(&b, FILE_MAX);
	json_out_init(&o, &b, true);
	experiment_json(&o, NULL, &e, &f->class, &l);

	ok(json_parse(&j, b.data, b.len, FILE_MAX, &err));
	for (size_t i = 0; i < ART_COUNT(of_experiment); i++)
		if (!json_get(j, of_experiment[i]))
			fail_msg("no %s", of_experiment[i]);
	for (size_t i = 0; i < ART_COUNT(of_run); i++)
		if (!json_get(json_at(json_get(j, "runs"), 0), of_run[i]))
			fail_msg("no run %s", of_run[i]);
	assert_true(json_is_null(json_get(j, "parent")));
	json_free(j);
	art_buf_destroy(&b);
	run_list_destroy(&l);
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define WITH_NIGHT(fn) cmocka_unit_test_setup_teardown(fn, setup_night, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(import_results_must_take_autoresearchs_rows_as_claims),
		WITH(import_results_must_keep_the_number_a_claim_in_its_run),
		WITH(import_results_must_know_rows_it_has_seen),
		WITH(import_results_must_accept_windows_line_ends_and_no_last_one),
		WITH(import_results_must_name_the_line_it_refuses),
		WITH(import_results_must_take_all_or_nothing),
		WITH(import_results_must_refuse_json_that_lies_about_itself),
		WITH(import_results_must_refuse_a_line_without_end),
		WITH(import_results_must_read_obols_lines),
		WITH(import_results_must_join_the_runs_of_one_experiment),
		WITH(import_results_must_clean_hostile_titles),
		WITH(import_results_must_leave_the_store_whole),
		WITH_NIGHT(export_tsv_must_write_five_columns_of_the_judged),
		WITH_NIGHT(export_jsonl_must_write_one_object_a_run),
		WITH_NIGHT(import_results_must_skip_own_results_that_come_back),
		WITH(export_must_give_back_what_was_imported),
		WITH_NIGHT(experiment_json_must_have_every_promised_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
