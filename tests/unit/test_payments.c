/* test_payments.c - the ledger: rows, caps, legal moves, what is told of them, and two writers at once. */
#include "fixture_store.h"

#include <poll.h>

#include "store/payments.h"

#define SECOND ((int64_t)1000000)
#define NOW (1795000000 * SECOND)

static struct usdc usd(const char *s)
{
	struct usdc v;

	ok(usdc_parse(s, &v, &err));
	return v;
}

static struct payment_caps caps_of(const char *payment, const char *payee, const char *hour, const char *night,
				   const char *total)
{
	return (struct payment_caps){ usd(payment), usd(payee), usd(hour), usd(night), usd(total) };
}

static const struct payment_window window = { NOW, NOW - 8 * 3600 * SECOND };

/* A row for request number @n, with everything filled in. */
static struct payment_row draft(int n, const char *amount)
{
	struct payment_row r = { .amount = usd(amount), .chain_id = 84532, .network = "eip155:84532",
				 .asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
				 .pay_to = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
				 .payer = "0x90F79bf6EB2c4f870365E785982E1f101E93b906", .valid_after = 0,
				 .valid_before = NOW / SECOND + 300, .x402_version = 2, .method = "POST",
				 .url = "https://worker.example/experiment" };

	snprintf(r.nonce, sizeof(r.nonce), "0x%064x", n);
	snprintf(r.request_sha256, sizeof(r.request_sha256), "%064x", n);
	snprintf(r.payment_id, sizeof(r.payment_id), "artui-%024x", n);
	return r;
}

static struct payment_row reserve(struct fixture *f, int n, const char *amount)
{
	struct payment_caps caps = caps_of("100", "100", "100", "100", "100");
	struct payment_row r = draft(n, amount);

	ok(payment_reserve(f->st, &r, &caps, &window, NULL, &err));
	return r;
}

static void move(struct fixture *f, int64_t id, enum payment_state from, enum payment_state to)
{
	struct payment_move m = { .from = from, .to = to };

	ok(payment_move(f->st, id, &m, &err));
}

/* A row brought to @to by the shortest way. */
static struct payment_row bring(struct fixture *f, int n, const char *amount, enum payment_state to)
{
	struct payment_row r = reserve(f, n, amount);

	if (to != PAYMENT_RESERVED)
		ok(payment_sign(f->st, r.id, "header", &err));
	if (to > PAYMENT_SIGNED)
		move(f, r.id, PAYMENT_SIGNED, PAYMENT_SENT);
	if (to > PAYMENT_SENT)
		move(f, r.id, PAYMENT_SENT, to);
	ok(payment_find(f->st, r.id, &r, &err));
	assert_int_equal(r.state, to);
	return r;
}

static void kill_row(struct fixture *f, const struct payment_row *r, enum payment_state to)
{
	struct payment_move m = { .from = r->state, .to = to, .dead = true };

	ok(payment_move(f->st, r->id, &m, &err));
}

/* ---- rows --------------------------------------------------------------------------------------- */

static void a_row_must_keep_every_field(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row run = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct payment_caps caps = caps_of("1", "1", "1", "1", "1");
	struct payment_row r = draft(1, "0.25"), back;
	struct payment_move m = { .from = PAYMENT_SENT, .to = PAYMENT_SETTLED, .status = 200, .checked = true,
				  .transaction = "0xabc", .reason = "because \x1b[31mred" };

	r.run_id = run.id;
	ok(payment_reserve(f->st, &r, &caps, &window, NULL, &err));
	assert_true(r.id > 0);
	ok(payment_find(f->st, r.id, &back, &err));
	assert_int_equal(back.created_at, NOW);
	assert_memory_equal(&r, &back, sizeof(r));
	ok(payment_sign(f->st, r.id, "abc", &err));
	art_clock_set_for_test(NOW + SECOND);
	move(f, r.id, PAYMENT_SIGNED, PAYMENT_SENT);
	art_clock_set_for_test(NOW + 2 * SECOND);
	ok(payment_move(f->st, r.id, &m, &err));
	ok(payment_find(f->st, r.id, &back, &err));
	assert_int_equal(back.sent_at, NOW + SECOND);
	assert_int_equal(back.ended_at, NOW + 2 * SECOND);
	assert_int_equal(back.status, 200);
	assert_true(back.checked && !back.dead);
	assert_string_equal(back.transaction, "0xabc");
	assert_null(strchr(back.reason, '\x1b'));
	/* The same state again adds facts and keeps the others. */
	m = (struct payment_move){ .from = PAYMENT_SETTLED, .to = PAYMENT_SETTLED, .status = 500 };
	ok(payment_move(f->st, r.id, &m, &err));
	ok(payment_find(f->st, r.id, &back, &err));
	assert_int_equal(back.status, 500);
	assert_string_equal(back.transaction, "0xabc");
	assert_int_equal(back.ended_at, NOW + 2 * SECOND);
	fails(payment_find(f->st, 99, &back, &err), ART_NOT_FOUND);
}

static void a_header_must_come_back_byte_for_byte(void **state)
{
	struct fixture *f = *state;
	struct payment_row r = reserve(f, 1, "1");
	char *text = malloc(60001), *back;

	memset(text, 'A', 60000);
	text[60000] = 0;
	fails(payment_header(f->st, r.id, &back, &err), ART_NOT_FOUND);
	ok(payment_sign(f->st, r.id, text, &err));
	ok(payment_header(f->st, r.id, &back, &err));
	assert_string_equal(back, text);
	free(back);
	fails(payment_sign(f->st, r.id, "other", &err), ART_CONFLICT);
	ok(payment_header(f->st, r.id, &back, &err));
	assert_string_equal(back, text);
	free(back);
	free(text);
}

/* ---- caps --------------------------------------------------------------------------------------- */

static void each_cap_must_be_inclusive_and_named(void **state)
{
	static const struct {
		const char *caps[5], *key;
	} cases[] = {
		{ { "0.50", "9", "9", "9", "9" }, "pay.cap_payment_usd" },
		{ { "9", "1.50", "9", "9", "9" }, "pay.cap_payee_usd" },
		{ { "9", "9", "1.50", "9", "9" }, "pay.cap_hour_usd" },
		{ { "9", "9", "9", "1.50", "9" }, "pay.cap_night_usd" },
		{ { "9", "9", "9", "9", "1.50" }, "pay.cap_total_usd" },
	};
	struct fixture *f = *state;
	int n = 10;

	(void)bring(f, 1, "1", PAYMENT_SETTLED);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		const char *const *c = cases[i].caps;
		struct payment_caps caps = caps_of(c[0], c[1], c[2], c[3], c[4]);
		struct payment_row over = draft(n++, "0.500001"), fits = draft(n++, "0.50");

		fails(payment_reserve(f->st, &over, &caps, &window, NULL, &err), ART_LIMIT);
		if (!strstr(err.text, cases[i].key) || !strstr(err.text, "0.500001"))
			fail_msg("%s: %s", cases[i].key, err.text);
		ok(payment_reserve(f->st, &fits, &caps, &window, NULL, &err));
		kill_row(f, &fits, PAYMENT_REFUSED);
	}
	assert_int_equal(number(f->path, "SELECT count(*) FROM payment"), 6);
}

static void what_counts_must_be_what_may_have_moved(void **state)
{
	struct fixture *f = *state;
	struct payment_caps caps = caps_of("9", "9", "9", "9", "9");
	struct payment_spent s;
	struct payment_row r;
	const char *payee = draft(0, "1").pay_to;

	(void)bring(f, 1, "0.01", PAYMENT_RESERVED);
	(void)bring(f, 2, "0.02", PAYMENT_SIGNED);
	(void)bring(f, 3, "0.04", PAYMENT_SENT);
	(void)bring(f, 4, "0.08", PAYMENT_SETTLED);
	(void)bring(f, 5, "0.16", PAYMENT_REFUSED);
	(void)bring(f, 6, "0.32", PAYMENT_UNKNOWN);
	r = bring(f, 7, "0.64", PAYMENT_UNKNOWN);
	kill_row(f, &r, PAYMENT_EXPIRED);
	r = bring(f, 8, "1.28", PAYMENT_SENT);
	kill_row(f, &r, PAYMENT_REFUSED);
	ok(payment_spent(f->st, payee, &caps, &window, &s, &err));
	assert_int_equal(usdc_cmp(s.total, usd("0.63")), 0);
	assert_int_equal(usdc_cmp(s.payee, usd("0.63")), 0);
	ok(payment_spent(f->st, "0x0000000000000000000000000000000000000001", &caps, &window, &s, &err));
	assert_int_equal(usdc_cmp(s.payee, usdc_zero()), 0);
	assert_int_equal(usdc_cmp(s.hour, usd("0.63")), 0);
	/* An hour on, and a night on. */
	ok(payment_spent(f->st, payee, &caps, &(struct payment_window){ NOW + 3600 * SECOND, NOW }, &s, &err));
	assert_int_equal(usdc_cmp(s.hour, usdc_zero()), 0);
	assert_int_equal(usdc_cmp(s.night, usd("0.63")), 0);
	ok(payment_spent(f->st, payee, &caps, &(struct payment_window){ NOW + 3600 * SECOND, NOW + 1 }, &s, &err));
	assert_int_equal(usdc_cmp(s.night, usdc_zero()), 0);
	assert_int_equal(usdc_cmp(s.payee, usdc_zero()), 0);
	assert_int_equal(usdc_cmp(s.total, usd("0.63")), 0);
	/* A clock that was set back hides nothing. */
	ok(payment_spent(f->st, payee, &caps, &(struct payment_window){ NOW - 86400 * SECOND, NOW - 90000 * SECOND }, &s, &err));
	assert_int_equal(usdc_cmp(s.hour, usd("0.63")), 0);
}

static void sums_must_not_wrap(void **state)
{
	struct fixture *f = *state;
	struct payment_caps caps;
	struct payment_row r = draft(1, "1");
	struct usdc most;

	assert_true(usdc_from_micro(INT64_MAX, &most));
	caps = (struct payment_caps){ most, most, most, most, most };
	r.amount = most;
	ok(payment_reserve(f->st, &r, &caps, &window, NULL, &err));
	r = draft(2, "0.000001");
	fails(payment_reserve(f->st, &r, &caps, &window, NULL, &err), ART_LIMIT);
}

static void one_request_and_one_run_must_be_paid_once(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row run = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct payment_caps caps = caps_of("9", "9", "9", "9", "9");
	struct payment_row a = draft(1, "1"), b = draft(2, "1"), found;
	int64_t other = 0;

	fails(payment_find_settled(f->st, a.request_sha256, &found, &err), ART_NOT_FOUND);
	a.run_id = run.id;
	ok(payment_reserve(f->st, &a, &caps, &window, &other, &err));
	art_copy(b.request_sha256, sizeof(b.request_sha256), a.request_sha256);
	fails(payment_reserve(f->st, &b, &caps, &window, &other, &err), ART_CONFLICT);
	assert_int_equal(other, a.id);
	ok(payment_find_open(f->st, a.request_sha256, &found, &err));
	assert_int_equal(found.id, a.id);
	/* Settled: the request may be paid anew, the run never. */
	ok(payment_sign(f->st, a.id, "h", &err));
	move(f, a.id, PAYMENT_SIGNED, PAYMENT_SENT);
	move(f, a.id, PAYMENT_SENT, PAYMENT_SETTLED);
	fails(payment_find_open(f->st, a.request_sha256, &found, &err), ART_NOT_FOUND);
	ok(payment_find_settled(f->st, a.request_sha256, &found, &err));
	assert_int_equal(found.id, a.id);
	ok(payment_reserve(f->st, &b, &caps, &window, NULL, &err));
	b = draft(3, "1");
	b.run_id = run.id;
	fails(payment_reserve(f->st, &b, &caps, &window, &other, &err), ART_CONFLICT);
	assert_int_equal(other, a.id);
	/* Dead: both may. */
	a = draft(4, "1");
	ok(payment_reserve(f->st, &a, &caps, &window, NULL, &err));
	kill_row(f, &a, PAYMENT_REFUSED);
	b = draft(5, "1");
	art_copy(b.request_sha256, sizeof(b.request_sha256), a.request_sha256);
	ok(payment_reserve(f->st, &b, &caps, &window, NULL, &err));
	/* A nonce is used once. */
	b = draft(6, "1");
	art_copy(b.nonce, sizeof(b.nonce), a.nonce);
	assert_true(payment_reserve(f->st, &b, &caps, &window, NULL, &err) != ART_OK);
}

/* Four processes race for a cap that fits ten payments. */
static void a_cap_must_hold_for_processes_at_once(void **state)
{
	struct fixture *f = *state;
	struct payment_caps caps = caps_of("1", "10", "10", "10", "10");
	pid_t pid[4];

	for (int p = 0; p < 4; p++) {
		pid[p] = fork();
		assert_true(pid[p] >= 0);
		if (pid[p] == 0) {
			struct store *st;
			int won = 0;

			if (store_open(&st, f->path, 0, 5000, NULL) != ART_OK)
				_exit(100);
			for (int i = 0; i < 8; i++) {
				struct payment_row r = draft(1000 * (p + 1) + i, "1");

				won += payment_reserve(st, &r, &caps, &window, NULL, NULL) == ART_OK;
			}
			store_close(st);
			_exit(won);
		}
	}
	int sum = 0;
	for (int p = 0; p < 4; p++) {
		int status;

		assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		sum += WEXITSTATUS(status);
	}
	assert_int_equal(sum, 10);
	assert_int_equal(number(f->path, "SELECT sum(amount) FROM payment"), 10000000);
}

/* ---- moves -------------------------------------------------------------------------------------- */

static void moves_must_be_those_of_the_table(void **state)
{
	static const char *const allowed[] = {
		"reserved signed", "reserved refused", "signed sent", "signed refused", "sent settled", "sent refused",
		"sent unknown", "sent expired", "unknown settled", "unknown refused", "unknown expired", "refused settled",
		"refused unknown", "refused expired", "settled unknown", "settled expired",
	};
	struct fixture *f = *state;
	int n = 1;

	for (int from = 0; from < PAYMENT_STATE_COUNT; from++)
		for (int to = 0; to < PAYMENT_STATE_COUNT; to++) {
			struct payment_row r = bring(f, n++, "0.01", (enum payment_state)from);
			struct payment_move m = { .from = r.state, .to = (enum payment_state)to };
			char pair[40];
			bool may = from == to;

			snprintf(pair, sizeof(pair), "%s %s", payment_state_text(m.from), payment_state_text(m.to));
			for (size_t i = 0; i < ART_COUNT(allowed); i++)
				may |= !strcmp(allowed[i], pair);
			if (from != to)
				assert_int_equal(payment_may_move(m.from, m.to), may);
			err = (struct art_err){ 0 };
			if (payment_move(f->st, r.id, &m, &err) != (may ? ART_OK : ART_CONFLICT))
				fail_msg("%s: %s", pair, err.text);
			/* Out of the way of the next request's row. */
			ok(payment_find(f->st, r.id, &r, &err));
			assert_int_equal(r.state, may ? to : from);
		}
}

static void what_is_final_must_stay(void **state)
{
	struct fixture *f = *state;
	struct payment_row r = bring(f, 1, "1", PAYMENT_UNKNOWN);
	struct payment_move m = { .from = PAYMENT_UNKNOWN, .to = PAYMENT_EXPIRED, .dead = true, .checked = true };

	ok(payment_move(f->st, r.id, &m, &err));
	for (int to = 0; to < PAYMENT_STATE_COUNT; to++) {
		m = (struct payment_move){ .from = PAYMENT_EXPIRED, .to = (enum payment_state)to };
		fails(payment_move(f->st, r.id, &m, &err), ART_CONFLICT);
	}
	r = bring(f, 2, "1", PAYMENT_SENT);
	m = (struct payment_move){ .from = PAYMENT_SENT, .to = PAYMENT_SETTLED, .checked = true };
	ok(payment_move(f->st, r.id, &m, &err));
	m = (struct payment_move){ .from = PAYMENT_SETTLED, .to = PAYMENT_EXPIRED, .dead = true };
	fails(payment_move(f->st, r.id, &m, &err), ART_CONFLICT);
	/* Compare and set: who comes late is told. */
	r = bring(f, 3, "1", PAYMENT_SENT);
	m = (struct payment_move){ .from = PAYMENT_SIGNED, .to = PAYMENT_SENT };
	fails(payment_move(f->st, r.id, &m, &err), ART_CONFLICT);
	fails(payment_move(f->st, 99, &m, &err), ART_NOT_FOUND);
}

static void moves_must_be_told(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row run = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct payment_caps caps = caps_of("9", "9", "9", "9", "9");
	struct payment_row r = draft(1, "0.05");
	struct payment_move m = { .from = PAYMENT_SENT, .to = PAYMENT_REFUSED, .reason = "no funds" };
	struct event_query q = { .match = "payment" };
	struct event_list l = { 0 };

	r.run_id = run.id;
	ok(payment_reserve(f->st, &r, &caps, &window, NULL, &err));
	ok(payment_sign(f->st, r.id, "h", &err));
	move(f, r.id, PAYMENT_SIGNED, PAYMENT_SENT);
	ok(event_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 0);
	ok(payment_move(f->st, r.id, &m, &err));
	m = (struct payment_move){ .from = PAYMENT_REFUSED, .to = PAYMENT_SETTLED, .checked = true };
	ok(payment_move(f->st, r.id, &m, &err));
	ok(event_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].kind, "payment.refused");
	assert_int_equal(l.rows[0].level, EVENT_WARN);
	assert_non_null(strstr(l.rows[0].text, "no funds"));
	assert_int_equal(l.rows[0].experiment_id, x.id);
	assert_int_equal(l.rows[0].run_id, run.id);
	/* Taken after a no: a person must hear of it. */
	assert_string_equal(l.rows[1].kind, "payment.settled");
	assert_int_equal(l.rows[1].level, EVENT_ERROR);
	event_list_destroy(&l);
}

static void a_refused_write_must_leave_nothing(void **state)
{
	struct fixture *f = *state;
	struct payment_row r = bring(f, 1, "1", PAYMENT_SENT);
	struct payment_move m = { .from = PAYMENT_SENT, .to = PAYMENT_SIGNED };
	int64_t events = number(f->path, "SELECT count(*) FROM event");

	fails(payment_move(f->st, r.id, &m, &err), ART_CONFLICT);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), events);
	assert_int_equal(number(f->path, "SELECT count(*) FROM payment WHERE state = 'sent'"), 1);
}

/* ---- asking ------------------------------------------------------------------------------------- */

static const char *ids_of(struct fixture *f, struct payment_query q)
{
	static char text[128];
	struct payment_list l = { 0 };
	size_t at = 0;

	text[0] = 0;
	ok(payment_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRId64, i ? " " : "", l.rows[i].id);
	payment_list_destroy(&l);
	return text;
}

#define expect(want, ...) assert_string_equal(ids_of(f, (struct payment_query){ __VA_ARGS__ }), want)

static void payment_query_must_filter_newest_first(void **state)
{
	struct fixture *f = *state;
	struct payment_move m = { .from = PAYMENT_SETTLED, .to = PAYMENT_SETTLED, .checked = true, .transaction = "0xFEED" };
	struct payment_row r;

	(void)bring(f, 1, "1", PAYMENT_RESERVED);
	(void)bring(f, 2, "1", PAYMENT_SENT);
	(void)bring(f, 3, "1", PAYMENT_SETTLED);
	r = bring(f, 4, "1", PAYMENT_SETTLED);
	ok(payment_move(f->st, r.id, &m, &err));
	r = bring(f, 5, "1", PAYMENT_UNKNOWN);
	kill_row(f, &r, PAYMENT_EXPIRED);
	(void)bring(f, 6, "1", PAYMENT_REFUSED);
	expect("6 5 4 3 2 1", .limit = 0);
	expect("6 5", .limit = 2);
	expect("4 3", .states = 1u << PAYMENT_SETTLED);
	expect("5 4 3 1", .states = 1u << PAYMENT_SETTLED | 1u << PAYMENT_EXPIRED | 1u << PAYMENT_RESERVED);
	expect("6 3 2 1", .unresolved = true);
	expect("4", .match = "feed");
	expect("", .match = "%");
	expect("6 5 4 3 2 1", .match = "WORKER.example");
}

static void payee_known_must_mean_settled_on_that_chain(void **state)
{
	struct fixture *f = *state;
	bool known = true;
	struct payment_row r = bring(f, 1, "1", PAYMENT_UNKNOWN);

	ok(payment_payee_known(f->st, 84532, r.pay_to, &known, &err));
	assert_false(known);
	move(f, r.id, PAYMENT_UNKNOWN, PAYMENT_SETTLED);
	ok(payment_payee_known(f->st, 84532, r.pay_to, &known, &err));
	assert_true(known);
	ok(payment_payee_known(f->st, 8453, r.pay_to, &known, &err));
	assert_false(known);
}

static void the_bell_must_ring(void **state)
{
	struct fixture *f = *state;
	struct bell *bell = bell_new();
	struct bell_sub *sub = bell_subscribe(bell, TOPIC_PAYMENT);

	store_attach_bell(f->st, bell);
	(void)reserve(f, 1, "1");
	assert_int_equal(bell_take(sub), TOPIC_PAYMENT);
	store_attach_bell(f->st, NULL);
	bell_unsubscribe(bell, sub);
	bell_free(bell);
}

static void states_must_have_words(void **state)
{
	enum payment_state s;

	(void)state;
	for (int i = 0; i < PAYMENT_STATE_COUNT; i++) {
		assert_true(payment_state_parse(payment_state_text((enum payment_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_false(payment_state_parse("paid", &s));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup_night, teardown)
	const struct CMUnitTest tests[] = {
		N(a_row_must_keep_every_field),
		T(a_header_must_come_back_byte_for_byte),
		T(each_cap_must_be_inclusive_and_named),
		T(what_counts_must_be_what_may_have_moved),
		T(sums_must_not_wrap),
		N(one_request_and_one_run_must_be_paid_once),
		T(a_cap_must_hold_for_processes_at_once),
		T(moves_must_be_those_of_the_table),
		T(what_is_final_must_stay),
		N(moves_must_be_told),
		T(a_refused_write_must_leave_nothing),
		T(payment_query_must_filter_newest_first),
		T(payee_known_must_mean_settled_on_that_chain),
		T(the_bell_must_ring),
		cmocka_unit_test(states_must_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
