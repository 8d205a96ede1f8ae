/* test_store.c - opening, migrating, transactions, values, and what a ruined file or disk does. */
#include "fixture_store.h"

#include "store/agents.h"
#include "store/payments.h"
#include "store/sales.h"
#include "store/workers.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- opening ------------------------------------------------------------------------------ */

static void store_open_must_refuse_a_missing_file(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/none.db", f->dir);
	fails(store_open(&st, path, 0, 100, &err), ART_NOT_FOUND);
	fails(store_open(&st, path, STORE_READ_ONLY, 100, &err), ART_NOT_FOUND);

	assert_null(st);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void store_open_must_refuse_a_newer_database(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;

	tamper(f->path, "PRAGMA user_version = 999");

	fails(store_open(&st, f->path, 0, 100, &err), ART_CORRUPT);
	assert_non_null(strstr(err.text, "newer"));
	assert_non_null(strstr(err.text, "999"));
	fails(store_open(&st, f->path, STORE_READ_ONLY, 100, &err), ART_CORRUPT);
	assert_int_equal(number(f->path, "PRAGMA user_version"), 999);
}

static void store_open_must_refuse_a_foreign_database(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	tamper(path, "CREATE TABLE shopping (item TEXT)");

	fails(store_open(&st, path, STORE_CREATE, 100, &err), ART_CORRUPT);
	assert_non_null(strstr(err.text, "not a database of artui"));
	assert_int_equal(number(path, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void store_open_must_refuse_garbage(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);

	fails(store_open(&st, path, STORE_CREATE, 100, &err), ART_CORRUPT);
	assert_null(st);
}

static void store_open_read_only_must_read_and_refuse_writes(void **state)
{
	struct fixture *f = *state;
	struct store *ro;
	char value[32];

	ok(store_set(f->st, "night.seed", "17", &err));
	ok(store_open(&ro, f->path, STORE_READ_ONLY, 100, &err));

	ok(store_get(ro, "night.seed", value, sizeof(value), &err));
	assert_string_equal(value, "17");
	fails(store_set(ro, "night.seed", "18", &err), ART_UNSUPPORTED);
	fails(store_begin(ro, &err), ART_UNSUPPORTED);
	store_close(ro);
}

static void store_open_read_only_must_not_migrate(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	tamper(path, "PRAGMA user_version = 0; VACUUM");

	fails(store_open(&st, path, STORE_READ_ONLY, 100, &err), ART_UNSUPPORTED);
	assert_int_equal(number(path, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void store_open_must_set_up_the_connection(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(number(f->path, "PRAGMA user_version"), store_schema_version());
	assert_int_equal(number(f->path, "PRAGMA application_id"), 0x61727475);
	assert_int_equal(number(f->path, "SELECT count(*) FROM pragma_journal_mode"
					 " WHERE journal_mode = 'wal'"), 1);
	assert_int_equal(number(f->path, "SELECT count(*) FROM pragma_table_list"
					 " WHERE schema = 'main' AND type = 'table'"
					 " AND name NOT LIKE 'sqlite%' AND strict = 0"), 0);
}

static void *open_it(void *arg)
{
	struct store *st;
	struct art_err e = { 0 };

	if (store_open(&st, arg, STORE_CREATE, 5000, &e) != ART_OK)
		return art_strdup(e.text);
	store_close(st);
	return NULL;
}

static void store_open_must_survive_a_race_to_create(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[8];
	char path[128];

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_it, path), 0);
	for (int i = 0; i < 8; i++) {
		void *why;
		pthread_join(threads[i], &why);
		if (why != NULL)
			fail_msg("%s", (char *)why);
	}

	assert_int_equal(number(path, "PRAGMA user_version"), store_schema_version());
}

static char *read_vector(int version)
{
	struct art_buf b;
	char path[64];

	art_buf_init(&b, 1 << 20);
	snprintf(path, sizeof(path), "tests/vectors/store-v%d.sql", version);
	ok(art_read_file(&b, path, 1 << 20, &err));
	return art_buf_take(&b);
}

/* What a database of version @v has beyond the first. */
static void expect_rows_of(struct store *st, int v)
{
	struct payment_row payment;
	struct agent_row agent;
	struct worker_row worker;
	struct sale_row sale;
	struct order_row order;

	if (v >= 2) {
		ok(payment_find(st, 2, &payment, &err));
		assert_int_equal(payment.state, PAYMENT_UNKNOWN);
	}
	if (v >= 3) {
		ok(agent_find_text(st, "84532:17", &agent, &err));
		assert_true(agent.claimed_bpb.v == 0.9973 && agent.matches);
		ok(worker_find(st, 1, &worker, &err));
		assert_true(worker.trust.pinned && worker.probe.priced && worker.wallet_differs);
		assert_int_equal(worker.agent_id, agent.id);
	}
	if (v >= 4) {
		ok(sale_find(st, 1, &sale, &err));
		assert_int_equal(sale.state, SALE_SETTLED);
		ok(order_find(st, sale.order_id, &order, &err));
		assert_true(order.state == ORDER_COMPLETED && order.val_bpb.v == 1.25);
	}
}

static void store_open_must_migrate_every_old_version(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	for (int v = 1; v <= store_schema_version(); v++) {
		struct store *st;
		struct experiment_row x;
		struct art_buf b;
		int findings;
		char *sql = read_vector(v);

		unlink(path);
		tamper(path, sql);
		free(sql);
		assert_int_equal(number(path, "PRAGMA user_version"), v);
		ok(store_open(&st, path, 0, 100, &err));
		ok(experiment_find(st, 2, &x, &err));
		assert_string_equal(x.title, "MATRIX_LR 0.04 -> 0.06");
		assert_int_equal(x.verdict, VERDICT_KEPT);
		expect_rows_of(st, v);
		art_buf_init(&b, 65536);
		ok(store_check(st, &b, &findings, &err));
		if (findings != 0)
			fail_msg("version %d: %s", v, b.data);
		art_buf_destroy(&b);
		store_close(st);
		assert_int_equal(number(path, "PRAGMA user_version"), store_schema_version());
	}
}

/* The tables and indices of the newest vector are those this program makes. */
static void store_schema_must_equal_its_newest_vector(void **state)
{
	struct fixture *f = *state;
	char path[128], sql[512];
	char *text = read_vector(store_schema_version());

	snprintf(path, sizeof(path), "%s/other.db", f->dir);
	tamper(path, text);
	free(text);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS o; CREATE TEMP TABLE differs AS"
		 " SELECT name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite%%' EXCEPT"
		 " SELECT name, sql FROM o.sqlite_schema; CREATE TEMP TABLE none (n CHECK (n = 0));"
		 " INSERT INTO none SELECT count(*) FROM differs", path);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("the released schema was changed: %s", why);
	sqlite3_close(db);
}

/* ---- transactions ------------------------------------------------------------------------- */

static void store_rollback_must_undo_everything(void **state)
{
	struct fixture *f = *state;
	char value[32];

	ok(store_set(f->st, "a", "1", &err));
	ok(store_begin(f->st, &err));
	ok(store_set(f->st, "a", "2", &err));
	ok(event_add(f->st, EVENT_INFO, "test", 0, 0, &err, "never"));
	store_rollback(f->st);
	store_rollback(f->st);

	ok(store_get(f->st, "a", value, sizeof(value), &err));
	assert_string_equal(value, "1");
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), 0);
}

static void store_close_must_undo_an_open_transaction(void **state)
{
	struct fixture *f = *state;
	struct store *st;

	ok(store_open(&st, f->path, 0, 100, &err));
	ok(store_begin(st, &err));
	ok(store_set(st, "a", "2", &err));
	store_close(st);
	store_close(NULL);

	assert_int_equal(number(f->path, "SELECT count(*) FROM setting"), 0);
}

static void failed_noun_must_leave_nothing_inside_a_transaction(void **state)
{
	struct fixture *f = *state;
	struct note_row note = { .kind = "", .origin = "person", .text = "bad: kind is empty" };

	ok(store_begin(f->st, &err));
	ok(store_set(f->st, "before", "1", &err));
	fails(note_add(f->st, &note, "recipe", 6, &err), ART_INVALID);
	ok(store_set(f->st, "after", "1", &err));
	ok(store_commit(f->st, &err));

	assert_int_equal(number(f->path, "SELECT count(*) FROM setting"), 2);
	assert_int_equal(number(f->path, "SELECT count(*) FROM content"), 0);
	assert_int_equal(note.id, 0);
}

static void store_begin_must_say_busy_when_another_writes(void **state)
{
	struct fixture *f = *state;
	struct store *st;

	ok(store_open(&st, f->path, 0, 30, &err));
	ok(store_begin(f->st, &err));
	int64_t t = art_mono_us();
	fails(store_begin(st, &err), ART_BUSY);
	fails(store_set(st, "a", "1", &err), ART_BUSY);
	assert_true(art_mono_us() - t >= 30 * 1000);
	ok(store_commit(f->st, &err));

	ok(store_set(st, "a", "1", &err));
	store_close(st);
}

static void begin_twice(void *arg)
{
	struct fixture *f = arg;

	if (store_begin(f->st, NULL) == ART_OK && store_begin(f->st, NULL) == ART_OK)
		_exit(3);
}

static void store_begin_must_abort_when_nested(void **state)
{
	aborts(begin_twice, *state);
}

static void store_data_version_must_move_on_others_commits_alone(void **state)
{
	struct fixture *f = *state;
	struct store *st;
	int64_t a, b, c;

	ok(store_open(&st, f->path, 0, 100, &err));
	ok(store_data_version(f->st, &a, &err));
	ok(store_set(f->st, "k", "own", &err));
	ok(store_data_version(f->st, &b, &err));
	ok(store_set(st, "k", "other", &err));
	ok(store_data_version(f->st, &c, &err));

	assert_int_equal(a, b);
	assert_int_not_equal(b, c);
	store_close(st);
}

#define THREADS 4
#define COMMITS 300

static void *count_up(void *arg)
{
	struct store *st;
	struct art_err e = { 0 };
	char value[32];

	if (store_open(&st, arg, 0, 20000, &e) != ART_OK)
		return art_strdup(e.text);
	for (int i = 0; i < COMMITS; i++) {
		enum art_status s = store_begin(st, &e);
		if (s == ART_OK)
			s = store_get(st, "count", value, sizeof(value), &e);
		if (s == ART_OK) {
			int64_t n = 0;
			ART_BUG_ON(!art_parse_i64(value, &n));
			snprintf(value, sizeof(value), "%" PRId64, n + 1);
			s = store_set(st, "count", value, &e);
		}
		if (s == ART_OK)
			s = event_add(st, EVENT_INFO, "count", 0, 0, &e, "%s", value);
		if (s == ART_OK)
			s = store_commit(st, &e);
		if (s != ART_OK) {
			store_close(st);
			return art_strdup(e.text);
		}
	}
	store_close(st);
	return NULL;
}

static void transactions_of_four_threads_must_not_lose_an_update(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	char value[32];

	ok(store_set(f->st, "count", "0", &err));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, f->path), 0);
	for (int i = 0; i < THREADS; i++) {
		void *why;
		pthread_join(threads[i], &why);
		if (why != NULL)
			fail_msg("%s", (char *)why);
	}

	ok(store_get(f->st, "count", value, sizeof(value), &err));
	assert_string_equal(value, "1200");
	assert_int_equal(number(f->path, "SELECT count(DISTINCT text) FROM event"), 1200);
}

/* ---- a full disk -------------------------------------------------------------------------- */

static void limit_file_size(rlim_t max)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void full_disk_must_give_io_and_keep_the_old_state(void **state)
{
	struct fixture *f = *state;
	char path[128], line[300];
	struct stat sb;
	int added = 0;
	enum art_status s = ART_OK;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_equal(stat(path, &sb), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_file_size((rlim_t)sb.st_size + 40000);
	while (s == ART_OK && added < 1000) {
		s = event_add(f->st, EVENT_INFO, "fill", 0, 0, &err, "%s", line);
		added += s == ART_OK;
	}
	enum art_status again = event_add(f->st, EVENT_INFO, "fill", 0, 0, NULL, "again");
	limit_file_size(RLIM_INFINITY);

	assert_int_equal(s, ART_IO);
	assert_int_equal(again, ART_IO);
	assert_true(strlen(err.text) > 10);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), added);
	ok(event_add(f->st, EVENT_INFO, "fill", 0, 0, &err, "room again"));
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), added + 1);
}

static void full_disk_must_undo_a_whole_transaction(void **state)
{
	struct fixture *f = *state;
	char path[128];
	char *recipe = art_alloc(1 << 18, 1);
	struct stat sb;
	enum art_status s = ART_OK;

	memset(recipe, '#', 1 << 18);
	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_equal(stat(path, &sb), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_file_size((rlim_t)sb.st_size + 100000);
	ok(store_begin(f->st, &err));
	ok(store_set(f->st, "before", "1", &err));
	struct note_row note = { .kind = "idea", .origin = "person", .text = "big" };
	for (int i = 0; s == ART_OK && i < 100; i++) {
		recipe[0] = (char)('a' + i % 26); /* other content each time: nothing is shared */
		recipe[1] = (char)('a' + i / 26);
		s = note_add(f->st, &note, recipe, 1 << 18, &err);
	}
	if (s == ART_OK)
		s = store_commit(f->st, &err);
	else
		store_rollback(f->st);
	limit_file_size(RLIM_INFINITY);
	free(recipe);

	assert_int_equal(s, ART_IO);
	assert_int_equal(number(f->path, "SELECT count(*) FROM setting"), 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM note"), 0);
	ok(store_set(f->st, "after", "1", &err));
}

/* ---- values ------------------------------------------------------------------------------- */

static void store_get_must_give_back_what_was_set(void **state)
{
	struct fixture *f = *state;
	char value[64], little[4];
	const char *nasty = "'); DROP TABLE event; -- \"x\" %s ?1";

	fails(store_get(f->st, "none", value, sizeof(value), &err), ART_NOT_FOUND);
	ok(store_set(f->st, nasty, nasty, &err));
	ok(store_set(f->st, "k", "first", &err));
	ok(store_set(f->st, "k", "second", &err));

	ok(store_get(f->st, nasty, value, sizeof(value), &err));
	assert_string_equal(value, nasty);
	ok(store_get(f->st, "k", value, sizeof(value), &err));
	assert_string_equal(value, "second");
	ok(store_get(f->st, "k", little, sizeof(little), &err));
	assert_string_equal(little, "sec");
	fails(store_set(f->st, "", "x", &err), ART_INVALID);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), 0);
}

/* ---- the check ---------------------------------------------------------------------------- */

static int check(struct store *st, struct art_buf *b)
{
	int findings = -1;

	art_buf_init(b, 65536);
	ok(store_check(st, b, &findings, &err));
	return findings;
}

static void settled_payment(struct fixture *f)
{
	struct payment_row r = { .chain_id = 1, .x402_version = 2, .url = "https://a.example/" };
	struct payment_move m = { .from = PAYMENT_SIGNED, .to = PAYMENT_SENT };
	struct payment_caps caps;
	struct payment_window w = { 1, 0 };

	ok(usdc_parse("1", &r.amount, &err));
	caps = (struct payment_caps){ r.amount, r.amount, r.amount, r.amount, r.amount };
	memset(r.nonce, '1', sizeof(r.nonce) - 1);
	memset(r.request_sha256, '2', sizeof(r.request_sha256) - 1);
	ok(payment_reserve(f->st, &r, &caps, &w, NULL, &err));
	ok(payment_sign(f->st, r.id, "header", &err));
	ok(payment_move(f->st, r.id, &m, &err));
	m = (struct payment_move){ .from = PAYMENT_SENT, .to = PAYMENT_SETTLED };
	ok(payment_move(f->st, r.id, &m, &err));
}

/* Agent 1 with a claim, its worker 1 with two probes, sale 1 settled for order 1, order 2 running. */
static void market_and_sales(struct fixture *f)
{
	struct agent_key key = { 1, "0x8004a818bfb912233c491871b3d84c89a494bd9e", "1" };
	struct agent_fact claim = { .key = "best_val_bpb", .value = "1" };
	struct worker_told told = { .source = "x" };
	struct worker_probe probe = { .alive = WORKER_ALIVE };
	struct sale_row sale = { .item = "experiment", .chain_id = 1 };
	struct order_row order = { .state = ORDER_QUEUED, .experiment_id = "a" };
	int64_t worker;

	ok(agent_see(f->st, &key, "x", &told.agent_id, &err));
	ok(agent_tell(f->st, told.agent_id, ORIGIN_CHAIN, &claim, 1, NULL, &err));
	ok(worker_see(f->st, "https://a.example", &told, &worker, &err));
	ok(worker_probed(f->st, worker, &probe, 0, 0, &err));
	ok(worker_probed(f->st, worker, &probe, 0, 0, &err));
	ok(usdc_parse("1", &sale.amount, &err));
	memset(sale.asset, '1', sizeof(sale.asset) - 1);
	memset(sale.payer, '2', sizeof(sale.payer) - 1);
	memset(sale.pay_to, '3', sizeof(sale.pay_to) - 1);
	memset(sale.nonce, '4', sizeof(sale.nonce) - 1);
	ok(sale_lock(f->st, &sale, "{}", "{}", NULL, &err));
	memset(order.request_sha256, 'a', 64);
	memset(order.train_sha256, 'b', 64);
	order.sale_id = sale.id;
	ok(order_accept(f->st, &order, "", 9, NULL, &err));
	ok(order_next(f->st, "cpu", &order, &err));
	order.state = ORDER_COMPLETED;
	order.return_code = 0;
	order.val_bpb = OPT_F64(1);
	ok(order_finish(f->st, &order, &err));
	ok(sale_move(f->st, sale.id, SALE_LOCKED, SALE_VERIFIED, NULL, NULL, &err));
	ok(sale_move(f->st, sale.id, SALE_VERIFIED, SALE_SETTLING, NULL, NULL, &err));
	ok(sale_move(f->st, sale.id, SALE_SETTLING, SALE_SETTLED, "0x1", NULL, &err));
	ok(order_set_receipt(f->st, order.id, "{}", &err));
	order = (struct order_row){ .state = ORDER_QUEUED, .experiment_id = "b" };
	memset(order.request_sha256, 'c', 64);
	memset(order.train_sha256, 'd', 64);
	ok(order_accept(f->st, &order, "", 9, NULL, &err));
	ok(order_next(f->st, "cpu", &order, &err));
}

static void store_check_must_find_nothing_in_a_sound_store(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;

	struct experiment_row x = make_experiment(f, "baseline", "a");
	finish_run(f->st, x.id, RUN_FOR_BASELINE, 1, 1.4, 10, 20);
	judge(f->st, &x, VERDICT_BASELINE, 1.4);
	settled_payment(f);
	market_and_sales(f);

	assert_int_equal(check(f->st, &b), 0);
	assert_int_equal(b.len, 0);
	art_buf_destroy(&b);
}

static void store_check_must_find_each_broken_invariant(void **state)
{
	static const struct {
		const char *sql, *say;
	} cases[] = {
		{ "UPDATE experiment SET verdict = 'baseline', decided_at = 1", "2 baselines" },
		{ "UPDATE experiment SET verdict = 'kept', decided_at = 1, n = 1 WHERE id = 2;"
		  "UPDATE run SET state = 'running' WHERE id = 2;"
		  "UPDATE experiment SET runs_live = 1 WHERE id = 2",
		  "experiment 2 is judged but has live runs" },
		{ "UPDATE run SET val_bpb = NULL WHERE id = 1", "run 1 is done without a val_bpb" },
		{ "UPDATE experiment SET verdict = 'kept', decided_at = 1 WHERE id = 2",
		  "experiment 2 is kept on no run" },
		{ "UPDATE experiment SET decided_at = 1 WHERE id = 2", "experiment 2 has a time" },
		{ "UPDATE experiment SET seconds = 99 WHERE id = 1", "experiment 1 disagrees" },
		{ "UPDATE experiment SET parent_id = 77 WHERE id = 1", "experiment 1 points to" },
		{ "UPDATE event SET level = 'loud'", "CHECK" },
		{ "UPDATE payment SET header = NULL WHERE id = 1", "payment 1 is settled without" },
		{ "UPDATE payment SET dead = 1 WHERE id = 1", "payment 1 is settled and called dead" },
		{ "UPDATE payment SET state = 'expired' WHERE id = 1", "payment 1 is expired and still counted" },
		{ "UPDATE payment SET sent_at = NULL WHERE id = 1", "payment 1 is settled and has no time" },
		{ "UPDATE payment SET run_id = 99 WHERE id = 1", "payment 1 points to a run" },
		{ "DELETE FROM agent_fact", "agent 1 has a claim that nobody told" },
		{ "UPDATE worker SET claimed_bpb = 2", "worker 1 disagrees with its agent" },
		{ "UPDATE worker SET agent_chain = 2", "worker 1 disagrees with its agent" },
		{ "UPDATE worker SET agent_id = NULL", "worker 1 disagrees with its agent" },
		{ "UPDATE worker SET agent_id = 99", "worker 1 points to a agent" },
		{ "UPDATE worker SET alive = 'dead'", "worker 1 disagrees with its newest probe" },
		{ "UPDATE worker SET probe_id = 1", "worker 1 disagrees with its newest probe" },
		{ "UPDATE worker SET probe_id = NULL, alive = 'untried'", "worker 1 disagrees with its newest probe" },
		{ "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO probe"
		  " SELECT i, worker_id, at, alive, busy, free_of_charge, status, latency_us, error, price, x402_version,"
		  " payable, network, asset, pay_to, max_timeout_s, upfront, gpu, class, version, data_sha256,"
		  " evaluator_sha256, gpu_mem_mb, budget_s, queue_length, queue_max, async FROM n, probe WHERE id = 1",
		  "worker 1 has 33 probes" },
		{ "UPDATE worker SET pay_to_before = 'x'", "worker 1 has a new payee" },
		{ "UPDATE worker SET place = 2", "CHECK" },
		{ "UPDATE sale SET tx = ''", "sale 1 is settled without a transaction" },
		{ "UPDATE sale SET ended_at = NULL", "sale 1 has a time of its end" },
		{ "UPDATE sale SET state = 'unpaid'", "sale 1 has a time of its end" },
		{ "UPDATE orders SET finished_at = NULL WHERE id = 1", "order 1 has a time of its end" },
		{ "UPDATE orders SET device = '' WHERE id = 2", "order 2 is running without a device" },
		{ "UPDATE orders SET started_at = NULL WHERE id = 1", "order 1 is completed without a device" },
		{ "UPDATE orders SET state = 'held' WHERE id = 2", "order 2 is held for no sale" },
		{ "UPDATE orders SET return_code = 1 WHERE id = 1", "order 1 is completed without a val_bpb or exit" },
		{ "UPDATE order_text SET order_id = 2", "order 2 has a receipt before its end" },
		{ "UPDATE orders SET sale_id = 99 WHERE id = 1", "orders 1 points to a sale" },
	};
	struct fixture *f = *state;
	struct art_buf b;
	struct experiment_row x = make_experiment(f, "baseline", "a");
	struct experiment_row y = make_experiment(f, "search", "b");

	finish_run(f->st, x.id, RUN_FOR_BASELINE, 1, 1.4, 10, 20);
	finish_run(f->st, y.id, RUN_FOR_SCREEN, 1, 1.4, 20, 30);
	ok(event_add(f->st, EVENT_INFO, "test", 0, 0, &err, "hello"));
	settled_payment(f);
	market_and_sales(f);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		char copy[128], sql[192];
		struct store *st;
		snprintf(copy, sizeof(copy), "%s/other.db", f->dir);
		unlink(copy);
		snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", copy);
		tamper(f->path, sql);
		tamper(copy, cases[i].sql);
		ok(store_open(&st, copy, 0, 100, &err));
		assert_true(check(st, &b) >= 1);
		if (strstr(b.data, cases[i].say) == NULL)
			fail_msg("expected \"%s\" in: %s", cases[i].say, b.data);
		art_buf_destroy(&b);
		store_close(st);
	}
}

static void damaged_page_must_be_noticed(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;
	int findings = 0;
	char zero[4096];

	for (int i = 0; i < 200; i++)
		ok(event_add(f->st, EVENT_INFO, "test", 0, 0, &err, "line %d", i));
	store_close(f->st); /* the last connection brings the WAL home */
	f->st = NULL;
	memset(zero, 0x5a, sizeof(zero));
	FILE *file = fopen(f->path, "r+");
	assert_int_equal(fseek(file, -4096, SEEK_END), 0);
	assert_int_equal(fwrite(zero, 1, sizeof(zero), file), sizeof(zero));
	fclose(file);

	ok(store_open(&f->st, f->path, 0, 100, &err));
	art_buf_init(&b, 65536);
	enum art_status s = store_check(f->st, &b, &findings, &err);
	assert_true(s == ART_CORRUPT || (s == ART_OK && findings > 0));
	art_buf_destroy(&b);
}

static void unknown_word_in_a_row_must_be_corrupt(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a"), y;

	tamper(f->path, "UPDATE experiment SET verdict = 'glorious', decided_at = 1");

	fails(experiment_find(f->st, x.id, &y, &err), ART_CORRUPT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup_night, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(store_open_must_refuse_a_missing_file),
		T(store_open_must_refuse_a_newer_database),
		T(store_open_must_refuse_a_foreign_database),
		T(store_open_must_refuse_garbage),
		T(store_open_read_only_must_read_and_refuse_writes),
		T(store_open_read_only_must_not_migrate),
		T(store_open_must_set_up_the_connection),
		T(store_open_must_survive_a_race_to_create),
		T(store_open_must_migrate_every_old_version),
		T(store_schema_must_equal_its_newest_vector),
		T(store_rollback_must_undo_everything),
		T(store_close_must_undo_an_open_transaction),
		T(failed_noun_must_leave_nothing_inside_a_transaction),
		T(store_begin_must_say_busy_when_another_writes),
		T(store_begin_must_abort_when_nested),
		T(store_data_version_must_move_on_others_commits_alone),
		T(transactions_of_four_threads_must_not_lose_an_update),
		T(full_disk_must_give_io_and_keep_the_old_state),
		T(full_disk_must_undo_a_whole_transaction),
		T(store_get_must_give_back_what_was_set),
		N(store_check_must_find_nothing_in_a_sound_store),
		N(store_check_must_find_each_broken_invariant),
		T(damaged_page_must_be_noticed),
		N(unknown_word_in_a_row_must_be_corrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
