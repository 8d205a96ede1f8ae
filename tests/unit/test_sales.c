/* test_sales.c - the selling side: sales, orders, their texts and curves, days, presence and switches. */
#include "fixture_store.h"

#include <math.h>

#include "plan_of.h"
#include "store/sales.h"

#define SECOND ((int64_t)1000000)
#define DAY (86400 * SECOND)
#define NOW (1796000000 * SECOND)
#define PAYER "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define ASSET "0x036CbD53842c5426634e7929541eC2318f3dCF7e"

static struct usdc usd(const char *s)
{
	struct usdc v;

	ok(usdc_parse(s, &v, &err));
	return v;
}

static int64_t events(struct fixture *f, const char *kind)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM event WHERE kind = '%s'", kind);
	return number(f->path, sql);
}

/* A sale with nonce number @n, everything filled in. */
static struct sale_row draft(int n, const char *amount)
{
	struct sale_row r = { .item = "experiment", .amount = usd(amount), .chain_id = 84532, .asset = ASSET,
			      .pay_to = PAYEE, .payer = PAYER, .valid_before = NOW / SECOND + 900, .x402_version = 2,
			      .resource = "https://worker.example/experiment" };

	snprintf(r.nonce, sizeof(r.nonce), "0x%064x", n);
	snprintf(r.payment_id, sizeof(r.payment_id), "artui-%024x", n);
	snprintf(r.request_sha256, sizeof(r.request_sha256), "%064x", n);
	return r;
}

static struct sale_row lock(struct fixture *f, int n, const char *amount)
{
	struct sale_row r = draft(n, amount);

	ok(sale_lock(f->st, &r, "{\"payment\":1}", "{\"requirement\":1}", NULL, &err));
	return r;
}

static void move(struct fixture *f, int64_t id, enum sale_state from, enum sale_state to)
{
	ok(sale_move(f->st, id, from, to, NULL, NULL, &err));
}

/* A sale brought to @to by the shortest way. */
static struct sale_row bring(struct fixture *f, int n, const char *amount, enum sale_state to)
{
	struct sale_row r = lock(f, n, amount);

	if (to == SALE_RELEASED)
		move(f, r.id, SALE_LOCKED, SALE_RELEASED);
	if (to != SALE_LOCKED && to != SALE_RELEASED)
		move(f, r.id, SALE_LOCKED, SALE_VERIFIED);
	if (to == SALE_SETTLING || to == SALE_SETTLED)
		move(f, r.id, SALE_VERIFIED, SALE_SETTLING);
	if (to == SALE_SETTLED)
		move(f, r.id, SALE_SETTLING, SALE_SETTLED);
	if (to == SALE_UNPAID)
		move(f, r.id, SALE_VERIFIED, SALE_UNPAID);
	ok(sale_find(f->st, r.id, &r, &err));
	assert_int_equal(r.state, to);
	return r;
}

/* ---- sales ------------------------------------------------------------------------------------- */

static void a_sale_must_keep_every_field(void **state)
{
	struct fixture *f = *state;
	struct sale_row r = draft(1, "0.05"), back;
	char *payment, *requirement;

	art_clock_set_for_test(NOW);
	ok(sale_lock(f->st, &r, "{\"a\":\"\\u0000 'x'\"}", "{\"b\":2}", NULL, &err));
	assert_true(r.id > 0);
	assert_int_equal(r.created_at, NOW);
	ok(sale_find(f->st, r.id, &back, &err));
	assert_memory_equal(&r, &back, sizeof(r));
	ok(sale_texts(f->st, r.id, &payment, &requirement, &err));
	assert_string_equal(payment, "{\"a\":\"\\u0000 'x'\"}");
	assert_string_equal(requirement, "{\"b\":2}");
	free(payment);
	free(requirement);
	art_clock_set_for_test(NOW + SECOND);
	move(f, r.id, SALE_LOCKED, SALE_VERIFIED);
	ok(sale_move(f->st, r.id, SALE_VERIFIED, SALE_SETTLING, NULL, "asked", &err));
	art_clock_set_for_test(NOW + 2 * SECOND);
	ok(sale_move(f->st, r.id, SALE_SETTLING, SALE_SETTLED, "0xabc", "fine\x1b[31m red", &err));
	ok(sale_find(f->st, r.id, &back, &err));
	assert_int_equal(back.settled_at, NOW + 2 * SECOND);
	assert_int_equal(back.ended_at, NOW + 2 * SECOND);
	assert_string_equal(back.transaction, "0xabc");
	assert_string_equal(back.reason, "fine red");
	fails(sale_find(f->st, 99, &back, &err), ART_NOT_FOUND);
	fails(sale_texts(f->st, 99, &payment, &requirement, &err), ART_NOT_FOUND);
	assert_null(payment);
}

static void a_nonce_must_be_locked_once(void **state)
{
	struct fixture *f = *state;
	struct sale_row a = lock(f, 1, "0.05"), other = { 0 }, r;

	for (int s = SALE_LOCKED; s <= SALE_SETTLED; s++) {
		r = draft(1, "0.07");
		fails(sale_lock(f->st, &r, "{}", "{}", &other, &err), ART_CONFLICT);
		assert_int_equal(other.id, a.id);
		assert_int_equal(other.state, s);
		assert_int_equal(r.id, 0);
		/* However the digits are written. */
		for (char *p = r.payer + 2; *p != '\0'; p++)
			*p = (char)(*p >= 'A' && *p <= 'F' ? *p + 32 : *p);
		for (char *p = r.asset + 2; *p != '\0'; p++)
			*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
		fails(sale_lock(f->st, &r, "{}", "{}", NULL, &err), ART_CONFLICT);
		if (s < SALE_SETTLED)
			move(f, a.id, (enum sale_state)s, (enum sale_state)(s + 1));
	}
	/* Another chain, another token, another payer, another nonce. */
	r = draft(1, "1");
	r.chain_id = 8453;
	ok(sale_lock(f->st, &r, "{}", "{}", NULL, &err));
	r = draft(1, "1");
	r.asset[5] = '9';
	ok(sale_lock(f->st, &r, "{}", "{}", NULL, &err));
	r = draft(1, "1");
	r.payer[5] = '9';
	ok(sale_lock(f->st, &r, "{}", "{}", NULL, &err));
	(void)lock(f, 2, "1");
	/* What was not charged may be used again; what was done for nothing may not. */
	a = bring(f, 3, "1", SALE_RELEASED);
	r = lock(f, 3, "1");
	assert_int_not_equal(r.id, a.id);
	(void)bring(f, 4, "1", SALE_UNPAID);
	r = draft(4, "1");
	fails(sale_lock(f->st, &r, "{}", "{}", &other, &err), ART_CONFLICT);
	assert_int_equal(other.state, SALE_UNPAID);
}

static void a_nonce_must_be_locked_once_by_processes_at_once(void **state)
{
	struct fixture *f = *state;
	pid_t pid[4];
	int won = 0;

	store_close(f->st); /* SQLite's connections do not survive a fork */
	f->st = NULL;
	for (int p = 0; p < 4; p++) {
		pid[p] = fork();
		assert_true(pid[p] >= 0);
		if (pid[p] == 0) {
			struct store *st;
			int n = 0;

			if (store_open(&st, f->path, 0, 10000, NULL) != ART_OK)
				_exit(100);
			for (int i = 0; i < 10; i++) {
				struct sale_row r = draft(i, "1");
				enum art_status s = sale_lock(st, &r, "{}", "{}", NULL, NULL);
				if (s != ART_OK && s != ART_CONFLICT)
					_exit(101);
				n += s == ART_OK;
			}
			store_close(st);
			_exit(n);
		}
	}
	for (int p = 0; p < 4; p++) {
		int status;

		assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 10);
	assert_int_equal(number(f->path, "SELECT count(*) FROM sale"), 10);
}

static void sale_lock_must_refuse_what_is_no_sale(void **state)
{
	struct fixture *f = *state;
	struct sale_row r;
	char *big = calloc(SALE_TEXT_MAX + 1, 1);

	memset(big, 'x', SALE_TEXT_MAX);
	r = draft(1, "1");
	fails(sale_lock(f->st, &r, big, "{}", NULL, &err), ART_LIMIT);
	fails(sale_lock(f->st, &r, "{}", big, NULL, &err), ART_LIMIT);
	r.amount = usdc_zero();
	fails(sale_lock(f->st, &r, "{}", "{}", NULL, &err), ART_INVALID);
	r = draft(1, "1");
	r.nonce[10] = '\0';
	fails(sale_lock(f->st, &r, "{}", "{}", NULL, &err), ART_INVALID);
	r = draft(1, "1");
	r.payer[0] = '\0';
	fails(sale_lock(f->st, &r, "{}", "{}", NULL, &err), ART_INVALID);
	r = draft(1, "1");
	r.item[0] = '\0';
	fails(sale_lock(f->st, &r, "{}", "{}", NULL, &err), ART_INVALID);
	assert_int_equal(number(f->path, "SELECT count(*) FROM sale"), 0);
	/* Full to the brim, and without an identifier. */
	r = draft(1, "9223372036854.775807");
	big[SALE_TEXT_MAX - 1] = '\0';
	r.payment_id[0] = r.request_sha256[0] = '\0';
	ok(sale_lock(f->st, &r, big, big, NULL, &err));
	free(big);
}

static void moves_must_be_those_of_the_table(void **state)
{
	static const char *const allowed[] = {
		"locked verified",   "locked released",	 "verified settling", "verified released",
		"verified unpaid",   "settling settled", "settling unpaid",   "settling verified",
	};
	struct fixture *f = *state;
	int n = 1;

	for (int from = 0; from < SALE_STATE_COUNT; from++)
		for (int to = 0; to < SALE_STATE_COUNT; to++) {
			struct sale_row r = bring(f, n++, "0.01", (enum sale_state)from);
			char pair[40];
			bool may = false;

			snprintf(pair, sizeof(pair), "%s %s", sale_state_text((enum sale_state)from),
				 sale_state_text((enum sale_state)to));
			for (size_t i = 0; i < ART_COUNT(allowed); i++)
				may |= !strcmp(allowed[i], pair);
			assert_int_equal(sale_may_move((enum sale_state)from, (enum sale_state)to), may);
			err = (struct art_err){ 0 };
			if (sale_move(f->st, r.id, r.state, (enum sale_state)to, NULL, NULL, &err) !=
			    (may ? ART_OK : ART_CONFLICT))
				fail_msg("%s: %s", pair, err.text);
			ok(sale_find(f->st, r.id, &r, &err));
			assert_int_equal(r.state, may ? to : from);
		}
}

static void a_move_must_compare_and_set(void **state)
{
	struct fixture *f = *state;
	struct sale_row r = bring(f, 1, "1", SALE_VERIFIED);
	int64_t before;

	fails(sale_move(f->st, r.id, SALE_LOCKED, SALE_VERIFIED, NULL, NULL, &err), ART_CONFLICT);
	move(f, r.id, SALE_VERIFIED, SALE_SETTLING);
	before = number(f->path, "SELECT count(*) FROM event");
	/* Who settles the same twice, or gives up on what another settles, is told. */
	fails(sale_move(f->st, r.id, SALE_VERIFIED, SALE_SETTLING, NULL, NULL, &err), ART_CONFLICT);
	fails(sale_move(f->st, r.id, SALE_VERIFIED, SALE_RELEASED, NULL, "late", &err), ART_CONFLICT);
	fails(sale_move(f->st, 99, SALE_VERIFIED, SALE_RELEASED, NULL, NULL, &err), ART_NOT_FOUND);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), before);
	ok(sale_find(f->st, r.id, &r, &err));
	assert_string_equal(r.reason, "");
	/* Not taken after all: its end is open again. */
	move(f, r.id, SALE_SETTLING, SALE_VERIFIED);
	ok(sale_find(f->st, r.id, &r, &err));
	assert_int_equal(r.ended_at, 0);
}

static void moves_must_be_told(void **state)
{
	struct fixture *f = *state;
	struct event_list l = { 0 };
	struct sale_row r;

	(void)bring(f, 1, "1", SALE_RELEASED); /* at the door: routine */
	r = bring(f, 2, "0.05", SALE_SETTLING);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), 0);
	ok(sale_move(f->st, r.id, SALE_SETTLING, SALE_VERIFIED, NULL, "busy", &err));
	move(f, r.id, SALE_VERIFIED, SALE_SETTLING);
	ok(sale_move(f->st, r.id, SALE_SETTLING, SALE_SETTLED, "0xfeed", NULL, &err));
	r = bring(f, 3, "0.05", SALE_VERIFIED);
	ok(sale_move(f->st, r.id, SALE_VERIFIED, SALE_RELEASED, NULL, "our fault", &err));
	r = bring(f, 4, "0.05", SALE_VERIFIED);
	ok(sale_move(f->st, r.id, SALE_VERIFIED, SALE_UNPAID, NULL, "no funds", &err));
	ok(event_query(f->st, &(struct event_query){ 0 }, &l, &err));
	assert_int_equal(l.n, 4);
	assert_string_equal(l.rows[0].kind, "sale.verified");
	assert_int_equal(l.rows[0].level, EVENT_WARN);
	assert_string_equal(l.rows[1].kind, "sale.settled");
	assert_int_equal(l.rows[1].level, EVENT_GOOD);
	assert_non_null(strstr(l.rows[1].text, "0xfeed"));
	assert_non_null(strstr(l.rows[1].text, "0.05"));
	assert_string_equal(l.rows[2].kind, "sale.released");
	assert_string_equal(l.rows[3].kind, "sale.unpaid");
	assert_int_equal(l.rows[3].level, EVENT_WARN);
	assert_non_null(strstr(l.rows[3].text, "no funds"));
	event_list_destroy(&l);
}

static void money_must_be_booked_without_a_transaction_too(void **state)
{
	struct fixture *f = *state;
	struct sale_row r = bring(f, 1, "1", SALE_SETTLED);

	assert_string_equal(r.transaction, "");
	assert_string_equal(r.reason, "the transaction is not known");
}

static void an_identifier_must_find_the_newest(void **state)
{
	struct fixture *f = *state;
	struct sale_row a = bring(f, 1, "1", SALE_SETTLED), b = draft(2, "1"), found;

	art_copy(b.payment_id, sizeof(b.payment_id), a.payment_id);
	ok(sale_lock(f->st, &b, "{}", "{}", NULL, &err));
	ok(sale_find_identifier(f->st, a.payment_id, &found, &err));
	assert_int_equal(found.id, b.id);
	move(f, b.id, SALE_LOCKED, SALE_RELEASED);
	ok(sale_find_identifier(f->st, a.payment_id, &found, &err));
	assert_int_equal(found.id, a.id);
	fails(sale_find_identifier(f->st, "artui-none", &found, &err), ART_NOT_FOUND);
	b = draft(3, "1");
	b.payment_id[0] = '\0';
	ok(sale_lock(f->st, &b, "{}", "{}", NULL, &err));
	fails(sale_find_identifier(f->st, "", &found, &err), ART_NOT_FOUND);
}

static const char *sales_of(struct fixture *f, struct sale_query q)
{
	static char text[128];
	struct sale_list l = { 0 };
	size_t at = 0;

	text[0] = 0;
	ok(sale_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRId64, i ? " " : "", l.rows[i].id);
	sale_list_destroy(&l);
	return text;
}
#define expect(want, ...) assert_string_equal(sales_of(f, (struct sale_query){ __VA_ARGS__ }), want)

static void sale_query_must_filter_newest_first(void **state)
{
	struct fixture *f = *state;
	struct sale_row r = draft(7, "1");

	for (int s = 0; s < SALE_STATE_COUNT; s++)
		(void)bring(f, s + 1, "1", (enum sale_state)s);
	art_copy(r.item, sizeof(r.item), "Inference");
	ok(sale_lock(f->st, &r, "{}", "{}", NULL, &err));
	move(f, 3, SALE_SETTLING, SALE_VERIFIED);
	move(f, 3, SALE_VERIFIED, SALE_SETTLING);
	ok(sale_move(f->st, 3, SALE_SETTLING, SALE_SETTLED, "0xFEED", NULL, &err));
	expect("7 6 5 4 3 2 1", .limit = 0);
	expect("7 6", .limit = 2);
	expect("4 3", .states = 1u << SALE_SETTLED);
	expect("7 2 1", .states = 1u << SALE_LOCKED | 1u << SALE_VERIFIED | 1u << SALE_SETTLING);
	expect("7 5 1", .states = 1u << SALE_LOCKED | 1u << SALE_RELEASED);
	expect("7", .match = "inferENCE");
	expect("3", .match = "feed");
	expect("7 6 5 4 3 2 1", .match = "90f79");
	expect("", .match = "%");
}

/* ---- orders ------------------------------------------------------------------------------------ */

static struct order_row order(int n, enum order_state state)
{
	struct order_row r = { .state = state, .budget_s = 300, .return_code = -1, .is_async = true };

	snprintf(r.experiment_id, sizeof(r.experiment_id), "exp-20261130-%08x", n);
	snprintf(r.request_sha256, sizeof(r.request_sha256), "%064x", n);
	snprintf(r.train_sha256, sizeof(r.train_sha256), "%064x", n + 1);
	return r;
}

static struct order_row accept(struct fixture *f, int n, enum order_state state)
{
	struct order_row r = order(n, state);

	ok(order_accept(f->st, &r, "", 1000, NULL, &err));
	return r;
}

static struct order_row next(struct fixture *f)
{
	struct order_row r;

	ok(order_next(f->st, "local:cpu", &r, &err));
	return r;
}

static void finish(struct fixture *f, struct order_row r, enum order_state to, double val_bpb)
{
	r.state = to;
	r.return_code = to == ORDER_COMPLETED ? 0 : 1;
	if (to == ORDER_COMPLETED)
		r.val_bpb = OPT_F64(val_bpb);
	ok(order_finish(f->st, &r, &err));
}

static struct order_row find(struct fixture *f, int64_t id)
{
	struct order_row r;

	ok(order_find(f->st, id, &r, &err));
	return r;
}

/* An order brought to @to; others must not wait. */
static struct order_row bring_order(struct fixture *f, int n, enum order_state to)
{
	struct order_row r = accept(f, n, to == ORDER_HELD ? ORDER_HELD : ORDER_QUEUED);

	if (to > ORDER_QUEUED) {
		struct order_row run = next(f);
		assert_int_equal(run.id, r.id);
		if (to != ORDER_RUNNING)
			finish(f, run, to, 1.5);
	}
	r = find(f, r.id);
	assert_int_equal(r.state, to);
	return r;
}

static void an_order_must_keep_every_field(void **state)
{
	struct fixture *f = *state;
	struct sale_row s = bring(f, 1, "0.05", SALE_VERIFIED);
	struct order_row r = order(1, ORDER_HELD), back;
	char *text;

	art_clock_set_for_test(NOW);
	r.sale_id = s.id;
	art_copy(r.payer, sizeof(r.payer), PAYER);
	ok(order_accept(f->st, &r, "{\"seed\":1}", 8, NULL, &err));
	assert_true(r.id > 0 && r.created_at == NOW && r.attempt == 0);
	back = find(f, r.id);
	assert_memory_equal(&r, &back, sizeof(r));
	ok(order_find_experiment(f->st, r.experiment_id, &back, &err));
	assert_int_equal(back.id, r.id);
	ok(sale_find(f->st, s.id, &s, &err));
	assert_int_equal(s.order_id, r.id);
	ok(order_text(f->st, r.id, ORDER_TEXT_CONFIG, &text, &err));
	assert_string_equal(text, "{\"seed\":1}");
	free(text);
	ok(order_release(f->st, r.id, &err));
	art_clock_set_for_test(NOW + SECOND);
	r = next(f);
	assert_true(r.state == ORDER_RUNNING && r.started_at == NOW + SECOND && r.attempt == 1);
	assert_string_equal(r.device, "local:cpu");
	art_clock_set_for_test(NOW + 9 * SECOND);
	r.state = ORDER_COMPLETED;
	r.return_code = 0;
	r.val_bpb = OPT_F64(1.25);
	r.log_bytes = 1234;
	r.artifact_bytes = 99;
	memset(r.artifact_sha256, 'a', 64);
	art_copy(r.artifact_name, sizeof(r.artifact_name), "model.bin");
	art_copy(r.note, sizeof(r.note), "warm\x1b[31m gpu");
	ok(order_finish(f->st, &r, &err));
	back = find(f, r.id);
	r.finished_at = NOW + 9 * SECOND;
	assert_string_equal(back.note, "warm gpu");
	memcpy(r.note, back.note, sizeof(r.note));
	assert_memory_equal(&r, &back, sizeof(r));
	fails(order_find(f->st, 99, &back, &err), ART_NOT_FOUND);
	fails(order_find_experiment(f->st, "exp-20261130-0000000", &back, &err), ART_NOT_FOUND);
	fails(order_find_experiment(f->st, "exp\x1b[31m", &back, &err), ART_NOT_FOUND);
	assert_null(strchr(err.text, '\x1b'));
}

static void the_same_order_must_be_accepted_once(void **state)
{
	struct fixture *f = *state;
	struct sale_row s = bring(f, 1, "1", SALE_VERIFIED);
	struct order_row a = order(1, ORDER_QUEUED), b = order(2, ORDER_QUEUED), other = { 0 };

	a.sale_id = s.id;
	ok(order_accept(f->st, &a, "", 1, NULL, &err));
	/* Known before the queue is found full. */
	struct order_row again = order(1, ORDER_QUEUED);
	fails(order_accept(f->st, &again, "", 1, &other, &err), ART_CONFLICT);
	assert_int_equal(other.id, a.id);
	assert_string_equal(other.request_sha256, a.request_sha256);
	assert_int_equal(again.id, 0);
	/* A sale is for one order. */
	b.sale_id = s.id;
	other.id = 0;
	fails(order_accept(f->st, &b, "", 9, &other, &err), ART_CONFLICT);
	assert_int_equal(other.id, a.id);
	b.sale_id = 99;
	fails(order_accept(f->st, &b, "", 9, NULL, &err), ART_INVALID);
	/* Ended ones are the same for ever. */
	finish(f, next(f), ORDER_FAILED, 0);
	fails(order_accept(f->st, &again, "", 9, &other, &err), ART_CONFLICT);
	assert_int_equal(other.state, ORDER_FAILED);
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders"), 1);
}

static void the_queue_must_have_an_end(void **state)
{
	struct fixture *f = *state;
	struct order_row r = order(9, ORDER_QUEUED);

	(void)accept(f, 1, ORDER_QUEUED);
	(void)next(f);
	(void)accept(f, 2, ORDER_QUEUED);
	(void)accept(f, 3, ORDER_HELD);
	fails(order_accept(f->st, &r, "", 3, NULL, &err), ART_LIMIT);
	assert_non_null(strstr(err.text, "2 wait, 1 run"));
	fails(order_accept(f->st, &r, "", 0, NULL, &err), ART_LIMIT);
	ok(order_cancel(f->st, 3, "", &err));
	ok(order_accept(f->st, &r, "", 3, NULL, &err));
}

static void the_queue_must_have_an_end_for_processes_at_once(void **state)
{
	struct fixture *f = *state;
	pid_t pid[4];
	int won = 0;

	store_close(f->st);
	f->st = NULL;
	for (int p = 0; p < 4; p++) {
		pid[p] = fork();
		assert_true(pid[p] >= 0);
		if (pid[p] == 0) {
			struct store *st;
			int n = 0;

			if (store_open(&st, f->path, 0, 10000, NULL) != ART_OK)
				_exit(100);
			for (int i = 0; i < 6; i++) {
				struct order_row r = order(100 * p + i, ORDER_QUEUED);
				n += order_accept(st, &r, "", 7, NULL, NULL) == ART_OK;
			}
			store_close(st);
			_exit(n);
		}
	}
	for (int p = 0; p < 4; p++) {
		int status;

		assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 7);
}

static void order_accept_must_refuse_other_ids(void **state)
{
	static const char *const bad[] = { "", " ", "a b", "../x", "a/b", "a.b", "\xc3\xa4", "a\n", "\x1b[31m",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	struct fixture *f = *state;
	struct order_row r;
	char *big = calloc(ORDER_CONFIG_MAX + 2, 1);

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		r = order(1, ORDER_QUEUED);
		art_copy(r.experiment_id, sizeof(r.experiment_id), bad[i]);
		fails(order_accept(f->st, &r, "", 9, NULL, &err), ART_INVALID);
	}
	r = order(1, ORDER_QUEUED);
	r.train_sha256[0] = '\0';
	fails(order_accept(f->st, &r, "", 9, NULL, &err), ART_INVALID);
	r = order(1, ORDER_QUEUED);
	r.budget_s = NAN;
	fails(order_accept(f->st, &r, "", 9, NULL, &err), ART_INVALID);
	r = order(1, ORDER_QUEUED);
	memset(big, 'x', ORDER_CONFIG_MAX + 1);
	fails(order_accept(f->st, &r, big, 9, NULL, &err), ART_LIMIT);
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders"), 0);
	big[ORDER_CONFIG_MAX] = '\0';
	memset(r.experiment_id, 'z', 64);
	r.experiment_id[64] = '\0';
	ok(order_accept(f->st, &r, big, 9, NULL, &err));
	free(big);
}

static void accept_running(void *arg)
{
	struct fixture *f = arg;
	struct order_row r = order(1, ORDER_RUNNING);

	if (order_accept(f->st, &r, "", 9, NULL, NULL) == ART_OK)
		_exit(3);
}

static void accepting_a_running_order_must_be_a_bug(void **state)
{
	aborts(accept_running, *state);
}

static void orders_must_run_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct order_row a = accept(f, 1, ORDER_HELD), b = accept(f, 2, ORDER_QUEUED), c = accept(f, 3, ORDER_QUEUED), r;

	assert_int_equal(next(f).id, b.id);
	ok(order_release(f->st, a.id, &err));
	assert_int_equal(next(f).id, a.id);
	assert_int_equal(next(f).id, c.id);
	fails(order_next(f->st, "local:cpu", &r, &err), ART_NOT_FOUND);
	(void)accept(f, 4, ORDER_QUEUED);
	fails(order_next(f->st, "", &r, &err), ART_INVALID);
	assert_true(indexed(f->st, "WHERE state = 'queued'", "orders", false) == 1);
}

/* Every function from every state: what may be done is done, what not is CONFLICT and leaves all as it was. */
static void moves_of_orders_must_be_legal(void **state)
{
	static const struct {
		enum order_state from;
		bool release, cancel, finish, receipt;
	} cases[] = {
		{ ORDER_HELD, true, true, false, false },	  { ORDER_QUEUED, false, true, false, false },
		{ ORDER_RUNNING, false, true, true, false },	  { ORDER_COMPLETED, false, false, false, true },
		{ ORDER_FAILED, false, false, false, true },	  { ORDER_TIMEOUT, false, false, false, true },
		{ ORDER_CANCELLED, false, false, false, true },
	};
	struct fixture *f = *state;
	int n = 1;

	for (size_t i = 0; i < ART_COUNT(cases); i++)
		for (int what = 0; what < 4; what++) {
			struct order_row r = bring_order(f, n++, cases[i].from), back;
			enum art_status s = ART_OK;
			bool may = false;

			assert_int_equal(order_state_is_final(r.state), cases[i].receipt);
			switch (what) {
			case 0:
				s = order_release(f->st, r.id, &err);
				may = cases[i].release;
				break;
			case 1:
				s = order_cancel(f->st, r.id, "why", &err);
				may = cases[i].cancel;
				break;
			case 2:
				back = r;
				back.state = ORDER_TIMEOUT;
				s = order_finish(f->st, &back, &err);
				may = cases[i].finish;
				break;
			case 3:
				s = order_set_receipt(f->st, r.id, "{}", &err);
				may = cases[i].receipt;
				break;
			}
			if (s != (may ? ART_OK : ART_CONFLICT))
				fail_msg("%s, %d: %s", order_state_text(r.state), what, err.text);
			back = find(f, r.id);
			if (!may)
				assert_memory_equal(&back, &r, sizeof(r));
			/* Out of the way of the next. */
			if (!order_state_is_final(back.state))
				ok(order_cancel(f->st, r.id, NULL, &err));
		}
	fails(order_release(f->st, 999, &err), ART_NOT_FOUND);
	fails(order_cancel(f->st, 999, "", &err), ART_NOT_FOUND);
	fails(order_finish(f->st, &(struct order_row){ .id = 999, .state = ORDER_FAILED }, &err), ART_NOT_FOUND);
	fails(order_set_receipt(f->st, 999, "{}", &err), ART_NOT_FOUND);
}

static void order_finish_must_refuse_half_outcomes(void **state)
{
	struct fixture *f = *state;
	struct order_row r = bring_order(f, 1, ORDER_RUNNING), bad;
	const struct opt_f64 scores[] = { { false, 0 }, OPT_F64(NAN), OPT_F64(INFINITY), OPT_F64(0), OPT_F64(-1) };

	for (size_t i = 0; i < ART_COUNT(scores); i++) {
		bad = r;
		bad.state = ORDER_COMPLETED;
		bad.return_code = 0;
		bad.val_bpb = scores[i];
		fails(order_finish(f->st, &bad, &err), ART_INVALID);
	}
	bad.val_bpb = OPT_F64(1);
	bad.return_code = 1;
	fails(order_finish(f->st, &bad, &err), ART_INVALID);
	bad.return_code = 0;
	bad.our_fault = true;
	fails(order_finish(f->st, &bad, &err), ART_INVALID);
	for (int s = ORDER_HELD; s <= ORDER_RUNNING; s++) {
		bad = r;
		bad.state = (enum order_state)s;
		fails(order_finish(f->st, &bad, &err), ART_INVALID);
	}
	bad = r;
	bad.state = ORDER_FAILED;
	art_copy(bad.artifact_sha256, sizeof(bad.artifact_sha256), "short");
	fails(order_finish(f->st, &bad, &err), ART_INVALID);
	assert_int_equal(find(f, r.id).state, ORDER_RUNNING);
	bad = r;
	bad.state = ORDER_FAILED;
	bad.our_fault = true;
	bad.return_code = 137;
	ok(order_finish(f->st, &bad, &err));
	assert_true(find(f, r.id).our_fault && find(f, r.id).return_code == 137);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event WHERE kind = 'order.failed' AND level = 'error'"), 1);
}

static void orders_must_be_told(void **state)
{
	struct fixture *f = *state;
	struct order_row r = bring_order(f, 1, ORDER_COMPLETED);
	struct event_list l = { 0 };

	ok(order_cancel(f->st, accept(f, 2, ORDER_QUEUED).id, "by its buyer\x1b[0m", &err));
	ok(event_query(f->st, &(struct event_query){ .match = "order." }, &l, &err));
	assert_int_equal(l.n, 5);
	assert_string_equal(l.rows[0].kind, "order.accepted");
	assert_string_equal(l.rows[1].kind, "order.running");
	assert_string_equal(l.rows[2].kind, "order.completed");
	assert_int_equal(l.rows[2].level, EVENT_GOOD);
	assert_non_null(strstr(l.rows[2].text, "val_bpb 1.5"));
	assert_non_null(strstr(l.rows[2].text, r.experiment_id));
	assert_string_equal(l.rows[4].kind, "order.cancelled");
	assert_non_null(strstr(l.rows[4].text, "by its buyer"));
	event_list_destroy(&l);
	assert_int_equal(events(f, "order.accepted"), 2);
}

static void order_recover_must_try_again_a_few_times(void **state)
{
	struct fixture *f = *state;
	struct order_row a = bring_order(f, 1, ORDER_RUNNING), b = bring_order(f, 2, ORDER_RUNNING);
	struct order_point p = { 0.5, 1, 1, 1 };
	struct order_points l = { 0 };
	int64_t again = -1, failed = -1;

	(void)accept(f, 3, ORDER_QUEUED);
	(void)accept(f, 4, ORDER_HELD);
	ok(order_point_add(f->st, a.id, &p, &err));
	ok(order_recover(f->st, 2, &again, &failed, &err));
	assert_true(again == 2 && failed == 0);
	a = find(f, a.id);
	assert_true(a.state == ORDER_QUEUED && a.attempt == 1 && a.started_at == 0 && a.device[0] == '\0');
	ok(order_points(f->st, a.id, &l, &err));
	assert_int_equal(l.n, 0);
	assert_int_equal(next(f).id, a.id); /* before the one that came later */
	finish(f, (assert_int_equal(next(f).id, b.id), find(f, b.id)), ORDER_FAILED, 0);
	art_clock_set_for_test(NOW);
	ok(order_recover(f->st, 2, &again, &failed, &err));
	assert_true(again == 0 && failed == 1);
	a = find(f, a.id);
	assert_true(a.state == ORDER_FAILED && a.our_fault && a.finished_at == NOW && a.return_code == -1);
	assert_non_null(strstr(a.note, "2 times"));
	assert_false(find(f, b.id).our_fault);
	ok(order_recover(f->st, 2, NULL, NULL, &err));
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders WHERE state IN ('queued', 'held')"), 2);
}

static void a_receipt_must_be_kept(void **state)
{
	struct fixture *f = *state;
	struct order_row r = bring_order(f, 1, ORDER_FAILED);
	char *text = NULL, *big = calloc(ORDER_RECEIPT_MAX + 2, 1);

	fails(order_text(f->st, r.id, ORDER_TEXT_RECEIPT, &text, &err), ART_NOT_FOUND);
	fails(order_text(f->st, r.id, ORDER_TEXT_CONFIG, NULL, &err), ART_NOT_FOUND);
	ok(order_set_receipt(f->st, r.id, "{\"a\":1}", &err));
	ok(order_set_receipt(f->st, r.id, "{\"a\":2}", &err));
	ok(order_text(f->st, r.id, ORDER_TEXT_RECEIPT, NULL, &err));
	ok(order_text(f->st, r.id, ORDER_TEXT_RECEIPT, &text, &err));
	assert_string_equal(text, "{\"a\":2}");
	free(text);
	memset(big, 'x', ORDER_RECEIPT_MAX + 1);
	fails(order_set_receipt(f->st, r.id, big, &err), ART_LIMIT);
	fails(order_set_receipt(f->st, r.id, "", &err), ART_INVALID);
	fails(order_text(f->st, 99, ORDER_TEXT_RECEIPT, &text, &err), ART_NOT_FOUND);
	assert_null(text);
	free(big);
}

static void order_best_must_be_the_lowest_completed(void **state)
{
	struct fixture *f = *state;
	struct order_row best, r;

	fails(order_best(f->st, &best, &err), ART_NOT_FOUND);
	for (int i = 0; i < 4; i++) {
		static const double scores[] = { 1.5, 1.2, 1.2, 1.9 };
		(void)accept(f, i, ORDER_QUEUED);
		finish(f, next(f), ORDER_COMPLETED, scores[i]);
	}
	/* A better number of a run that timed out is none. */
	(void)accept(f, 9, ORDER_QUEUED);
	r = next(f);
	r.state = ORDER_TIMEOUT;
	r.val_bpb = OPT_F64(0.5);
	ok(order_finish(f->st, &r, &err));
	ok(order_best(f->st, &best, &err));
	assert_int_equal(best.id, 2);
	assert_true(indexed(f->st, "ORDER BY val_bpb, id LIMIT 1", "orders", false) == 1);
}

static const char *orders_of(struct fixture *f, struct order_query q)
{
	static char text[128];
	struct order_list l = { 0 };
	size_t at = 0;

	text[0] = 0;
	ok(order_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRId64 " ", l.rows[i].id);
	snprintf(text + at, sizeof(text) - at, "(%" PRId64 " %" PRId64 ")", l.waiting, l.running);
	order_list_destroy(&l);
	return text;
}
#define expect_orders(want, ...) assert_string_equal(orders_of(f, (struct order_query){ __VA_ARGS__ }), want)

static void order_query_must_filter_newest_first(void **state)
{
	struct fixture *f = *state;
	struct order_row r;

	for (int s = ORDER_COUNT - 1; s >= 0; s--)
		(void)bring_order(f, s, (enum order_state)s); /* held gets 7, cancelled 1 */
	r = order(70, ORDER_HELD);
	art_copy(r.payer, sizeof(r.payer), PAYER);
	ok(order_accept(f->st, &r, "", 99, NULL, &err));
	expect_orders("8 7 6 5 4 3 2 1 (3 1)", .limit = 0);
	expect_orders("8 7 (3 1)", .limit = 2);
	expect_orders("4 (3 1)", .states = 1u << ORDER_COMPLETED);
	expect_orders("8 7 6 5 (3 1)", .states = 1u << ORDER_HELD | 1u << ORDER_QUEUED | 1u << ORDER_RUNNING);
	expect_orders("6 1 (3 1)", .states = 1u << ORDER_QUEUED | 1u << ORDER_CANCELLED);
	expect_orders("8 (3 1)", .payer = "0x90f79bf6eb2c4f870365e785982e1f101e93b906");
	expect_orders("(3 1)", .payer = PAYEE);
}

/* 10,000 ended orders and sales must not slow down what is asked all the time. */
static void many_ended_ones_must_be_no_burden(void **state)
{
	struct fixture *f = *state;
	struct order_list l = { 0 };
	struct sale_list sales = { 0 };
	struct sale_row s;

	tamper(f->path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO sale"
			" (state, item, amount, chain_id, asset, pay_to, payer, nonce, valid_before, x402_version, payment_id,"
			" request_sha256, resource, payment, requirement, tx, created_at, settled_at, ended_at) SELECT"
			" 'settled', 'experiment', 1, 1, '" ASSET "', '" PAYEE "', '" PAYER "', printf('0x%064d', i), 1, 2,"
			" 'id-' || i, '', '', '{}', '{}', '0x', i, i, i FROM n;"
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO orders"
			" (experiment_id, request_sha256, train_sha256, state, sale_id, payer, device, is_async, return_code,"
			" val_bpb, budget_s, created_at, started_at, finished_at, attempt) SELECT 'e' || i,"
			" printf('%064d', i), printf('%064d', i), 'completed', i, '" PAYER "', 'cpu', 0, 0, 1.0 + i % 100,"
			" 1, i, i, i, 1 FROM n");
	(void)accept(f, 1, ORDER_QUEUED);
	(void)lock(f, 1000000, "1");
	ok(order_query(f->st, &(struct order_query){ .states = 1u << ORDER_QUEUED }, &l, &err));
	assert_int_equal(l.n, 1);
	ok(order_query(f->st, &(struct order_query){ .payer = PAYER, .limit = 5 }, &l, &err));
	assert_int_equal(l.n, 5);
	ok(sale_query(f->st, &(struct sale_query){ .states = 1u << SALE_LOCKED }, &sales, &err));
	assert_int_equal(sales.n, 1);
	ok(sale_find_identifier(f->st, "id-77", &s, &err));
	assert_int_equal(s.order_id, 77);
	assert_true(indexed(f->st, "WHERE finished_at IS NULL", "orders", false) >= 2);
	assert_true(indexed(f->st, "payer = ?2 AND payer <> ''", "orders", false) >= 1);
	assert_true(indexed(f->st, "s.ended_at IS NULL", "s", false) >= 1);
	assert_true(indexed(f->st, "s.payment_id = ?1", "s", false) >= 1);
	assert_true(indexed(f->st, "s.nonce = ?4", "s", false) >= 1);
	assert_true(indexed(f->st, "o.sale_id = s.id", "o", false) >= 3);
	order_list_destroy(&l);
	sale_list_destroy(&sales);
}

/* ---- curves ------------------------------------------------------------------------------------ */

static void a_curve_must_be_kept_and_bounded(void **state)
{
	struct fixture *f = *state;
	struct order_row r = bring_order(f, 1, ORDER_RUNNING);
	struct order_points l = { 0 };
	const struct order_point points[] = { { 0.5, 10, 5.5, 100 }, { 0, 0, 9, 0 }, { 1, 20, 4, 200 }, { 0.5, 11, 5, 110 },
					      { 0.50001, 12, 4.5, 120 } };
	const struct order_point bad[] = { { -0.1, 1, 1, 1 }, { 1.1, 1, 1, 1 }, { NAN, 1, 1, 1 },
					   { 0.5, INFINITY, 1, 1 }, { 0.5, 1, NAN, 1 }, { 0.5, 1, 1, -1 } };

	for (size_t i = 0; i < ART_COUNT(points); i++)
		ok(order_point_add(f->st, r.id, &points[i], &err));
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		fails(order_point_add(f->st, r.id, &bad[i], &err), ART_INVALID);
	fails(order_point_add(f->st, 99, &points[0], &err), ART_INVALID);
	ok(order_points(f->st, r.id, &l, &err));
	assert_int_equal(l.n, 3);
	assert_true(l.rows[0].progress == 0 && l.rows[1].progress == 0.5 && l.rows[2].progress == 1);
	assert_true(l.rows[1].loss == 4.5 && l.rows[1].seconds == 12 && l.rows[1].tokens == 120);
	ok(order_points(f->st, 99, &l, &err));
	assert_int_equal(l.n, 0);
	order_points_destroy(&l);
}

/* ---- days -------------------------------------------------------------------------------------- */

static void days_must_be_summed_in_utc(void **state)
{
	struct fixture *f = *state;
	const int64_t midnight = NOW / DAY * DAY;
	struct sale_days l = { 0 };

	ok(sale_days(f->st, 7, &l, &err));
	assert_int_equal(l.n, 0);
	art_clock_set_for_test(midnight - 1);
	(void)bring(f, 1, "0.05", SALE_SETTLED);
	art_clock_set_for_test(midnight);
	(void)bring(f, 2, "0.10", SALE_SETTLED);
	(void)bring(f, 3, "0.20", SALE_SETTLED);
	(void)bring(f, 4, "0.40", SALE_UNPAID);
	(void)bring(f, 5, "0.80", SALE_RELEASED);
	(void)bring(f, 6, "1.60", SALE_SETTLING);
	(void)accept(f, 1, ORDER_QUEUED);
	struct order_row r = next(f);
	art_clock_set_for_test(midnight + 30 * SECOND);
	finish(f, r, ORDER_FAILED, 0);
	ok(order_cancel(f->st, accept(f, 2, ORDER_QUEUED).id, "", &err));
	ok(sale_days(f->st, 2, &l, &err));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.rows[0].day_us, midnight);
	assert_int_equal(usdc_cmp(l.rows[0].settled, usd("0.30")), 0);
	assert_int_equal(usdc_cmp(l.rows[0].unpaid, usd("0.40")), 0);
	assert_true(l.rows[0].n_settled == 2 && l.rows[0].n_unpaid == 1 && l.rows[0].n_released == 1);
	assert_true(l.rows[0].busy_s == 30);
	assert_int_equal(l.rows[1].day_us, midnight - DAY);
	assert_int_equal(usdc_cmp(l.rows[1].settled, usd("0.05")), 0);
	assert_true(l.rows[1].n_settled == 1 && l.rows[1].busy_s == 0);
	ok(sale_days(f->st, 1, &l, &err));
	assert_int_equal(l.n, 1);
	ok(sale_days(f->st, 0, &l, &err));
	assert_int_equal(l.n, 2);
	art_clock_set_for_test(midnight + 9 * DAY);
	ok(sale_days(f->st, 9, &l, &err));
	assert_int_equal(l.n, 0);
	sale_days_destroy(&l);
}

/* ---- presence ---------------------------------------------------------------------------------- */

static void presence_and_switches_must_be_kept(void **state)
{
	struct fixture *f = *state;
	struct serve_row row = { .pid = 4242, .started_at = NOW, .listen = "127.0.0.1:8080", .price = "0.05",
				 .network = "base-sepolia", .sandbox = "bubblewrap\x1b[0m", .agent_id = 0 }, back;
	enum serve_switch s;

	ok(serve_get(f->st, &back, &err));
	assert_true(back.pid == 0 && back.agent_id == -1 && back.listen[0] == '\0');
	ok(serve_set(f->st, &row, &err));
	ok(serve_get(f->st, &back, &err));
	assert_true(back.pid == 4242 && back.started_at == NOW && back.agent_id == 0);
	assert_string_equal(back.listen, "127.0.0.1:8080");
	assert_string_equal(back.sandbox, "bubblewrap");
	row = (struct serve_row){ .agent_id = -1 };
	ok(serve_set(f->st, &row, &err));
	ok(serve_get(f->st, &back, &err));
	assert_memory_equal(&back, &row, sizeof(row));
	ok(serve_switch_get(f->st, "", &s, &err));
	assert_int_equal(s, SERVE_OPEN);
	ok(serve_switch_set(f->st, "", SERVE_DRAINING, &err));
	ok(serve_switch_set(f->st, "local:cpu", SERVE_PAUSED, &err));
	store_close(f->st);
	ok(store_open(&f->st, f->path, 0, 2000, &err));
	ok(serve_switch_get(f->st, "", &s, &err));
	assert_int_equal(s, SERVE_DRAINING);
	ok(serve_switch_get(f->st, "local:cpu", &s, &err));
	assert_int_equal(s, SERVE_PAUSED);
	ok(serve_switch_get(f->st, "local:gpu0", &s, &err));
	assert_int_equal(s, SERVE_OPEN);
	ok(serve_switch_set(f->st, "", SERVE_OPEN, &err));
	ok(serve_switch_set(f->st, "", SERVE_OPEN, &err));
	assert_int_equal(events(f, "serve.switch"), 3);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void a_transaction_must_hold_sale_and_order_together(void **state)
{
	struct fixture *f = *state;
	struct sale_row s = bring(f, 1, "1", SALE_VERIFIED);
	struct order_row r = order(1, ORDER_QUEUED);

	r.sale_id = s.id;
	ok(store_begin(f->st, &err));
	ok(order_accept(f->st, &r, "{}", 9, NULL, &err));
	move(f, s.id, SALE_VERIFIED, SALE_SETTLING);
	store_rollback(f->st);
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders"), 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM order_text"), 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), 0);
	ok(sale_find(f->st, s.id, &s, &err));
	assert_int_equal(s.state, SALE_VERIFIED);
	/* A refusal inside leaves the rest of it whole. */
	ok(store_begin(f->st, &err));
	r = order(2, ORDER_QUEUED);
	ok(order_accept(f->st, &r, "{}", 9, NULL, &err));
	r = order(3, ORDER_QUEUED);
	r.sale_id = 99;
	fails(order_accept(f->st, &r, "{}", 9, NULL, &err), ART_INVALID);
	ok(store_commit(f->st, &err));
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders"), 1);
}

/* Killed at any moment: every sale and order is as some whole call left it, and nothing is lost. */
static void a_kill_must_leave_whole_moves(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;
	int findings;

	store_close(f->st);
	f->st = NULL;
	for (int round = 0; round < 6; round++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct store *st;
			if (store_open(&st, f->path, 0, 10000, NULL) != ART_OK)
				_exit(1);
			for (int i = 1; i < 1000; i++) {
				struct sale_row s = draft(1000 * round + i, "0.01");
				struct order_row r = order(1000 * round + i, ORDER_QUEUED), n;
				bool good = sale_lock(st, &s, "{}", "{}", NULL, NULL) == ART_OK &&
					    sale_move(st, s.id, SALE_LOCKED, SALE_VERIFIED, NULL, NULL, NULL) == ART_OK;
				r.sale_id = s.id;
				good = good && order_accept(st, &r, "{}", 1000, NULL, NULL) == ART_OK &&
				       order_next(st, "cpu", &n, NULL) == ART_OK;
				n.state = ORDER_COMPLETED;
				n.return_code = 0;
				n.val_bpb = OPT_F64(1);
				good = good && order_finish(st, &n, NULL) == ART_OK &&
				       sale_move(st, s.id, SALE_VERIFIED, SALE_SETTLING, NULL, NULL, NULL) == ART_OK &&
				       sale_move(st, s.id, SALE_SETTLING, SALE_SETTLED, "0xabc", NULL, NULL) == ART_OK;
				if (!good)
					_exit(2);
			}
			_exit(0);
		}
		usleep(60000 + 7000 * (unsigned)round);
		assert_int_equal(kill(pid, SIGKILL), 0);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		ok(store_open(&f->st, f->path, 0, 10000, &err));
		ok(order_recover(f->st, 1, NULL, NULL, &err));
		art_buf_init(&b, 65536);
		ok(store_check(f->st, &b, &findings, &err));
		if (findings != 0)
			fail_msg("%s", b.data);
		art_buf_destroy(&b);
		store_close(f->st);
		f->st = NULL;
	}
	/* Each completed order has its event, each settled sale too. */
	assert_int_equal(number(f->path, "SELECT count(*) FROM orders WHERE state = 'completed'"),
			 events(f, "order.completed"));
	assert_int_equal(number(f->path, "SELECT count(*) FROM sale WHERE state = 'settled'"), events(f, "sale.settled"));
	assert_true(events(f, "sale.settled") > 0);
}

static void damage_must_be_said(void **state)
{
	struct fixture *f = *state;
	struct sale_row s = lock(f, 1, "1");
	struct order_row r = accept(f, 1, ORDER_QUEUED);
	struct sale_list sales = { 0 };
	struct order_list orders = { 0 };
	enum serve_switch w;

	ok(serve_switch_set(f->st, "", SERVE_PAUSED, &err));
	tamper(f->path, "UPDATE sale SET state = 'lost'; UPDATE orders SET state = 'eaten', finished_at = NULL;"
			"UPDATE serve_switch SET state = 'ajar'");
	fails(sale_find(f->st, s.id, &s, &err), ART_CORRUPT);
	fails(sale_query(f->st, &(struct sale_query){ 0 }, &sales, &err), ART_CORRUPT);
	assert_null(sales.rows);
	fails(order_find(f->st, r.id, &r, &err), ART_CORRUPT);
	fails(order_query(f->st, &(struct order_query){ 0 }, &orders, &err), ART_CORRUPT);
	assert_null(orders.rows);
	fails(serve_switch_get(f->st, "", &w, &err), ART_CORRUPT);
	tamper(f->path, "UPDATE sale SET state = 'locked', amount = -1");
	fails(sale_find(f->st, s.id, &s, &err), ART_CORRUPT);
}

static void the_bell_must_ring_for_the_selling_side(void **state)
{
	struct fixture *f = *state;
	struct bell *bell = bell_new();
	struct bell_sub *sub = bell_subscribe(bell, TOPIC_SALE | TOPIC_ORDER);
	struct serve_row row = { .agent_id = -1 };

	store_attach_bell(f->st, bell);
	(void)lock(f, 1, "1");
	assert_int_equal(bell_take(sub), TOPIC_SALE);
	move(f, 1, SALE_LOCKED, SALE_VERIFIED);
	assert_int_equal(bell_take(sub), TOPIC_SALE);
	(void)accept(f, 1, ORDER_QUEUED);
	assert_int_equal(bell_take(sub), TOPIC_ORDER);
	(void)next(f);
	assert_int_equal(bell_take(sub), TOPIC_ORDER);
	ok(serve_set(f->st, &row, &err));
	assert_int_equal(bell_take(sub), TOPIC_ORDER);
	ok(serve_switch_set(f->st, "", SERVE_PAUSED, &err));
	assert_int_equal(bell_take(sub), TOPIC_ORDER);
	store_attach_bell(f->st, NULL);
	bell_unsubscribe(bell, sub);
	bell_free(bell);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_sale_must_keep_every_field),
		T(a_nonce_must_be_locked_once),
		T(a_nonce_must_be_locked_once_by_processes_at_once),
		T(sale_lock_must_refuse_what_is_no_sale),
		T(moves_must_be_those_of_the_table),
		T(a_move_must_compare_and_set),
		T(moves_must_be_told),
		T(money_must_be_booked_without_a_transaction_too),
		T(an_identifier_must_find_the_newest),
		T(sale_query_must_filter_newest_first),
		T(an_order_must_keep_every_field),
		T(the_same_order_must_be_accepted_once),
		T(the_queue_must_have_an_end),
		T(the_queue_must_have_an_end_for_processes_at_once),
		T(order_accept_must_refuse_other_ids),
		T(accepting_a_running_order_must_be_a_bug),
		T(orders_must_run_oldest_first),
		T(moves_of_orders_must_be_legal),
		T(order_finish_must_refuse_half_outcomes),
		T(orders_must_be_told),
		T(order_recover_must_try_again_a_few_times),
		T(a_receipt_must_be_kept),
		T(order_best_must_be_the_lowest_completed),
		T(order_query_must_filter_newest_first),
		T(many_ended_ones_must_be_no_burden),
		T(a_curve_must_be_kept_and_bounded),
		T(days_must_be_summed_in_utc),
		T(presence_and_switches_must_be_kept),
		T(a_transaction_must_hold_sale_and_order_together),
		T(a_kill_must_leave_whole_moves),
		T(damage_must_be_said),
		T(the_bell_must_ring_for_the_selling_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
