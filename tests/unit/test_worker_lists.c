/*
 * test_worker_lists.c - workers.h: what the screen's lists ask for (verified ones, one agent's, not the
 * dead), the market in one line, and trust in words.
 */
#include "tests/unit/fixture_store.h"

#include "store/agents.h"
#include "store/workers.h"

static int64_t see(struct fixture *f, const char *name, int64_t agent, bool matches)
{
	struct worker_told told = { .source = "8004scan", .name = name, .agent_id = agent, .matches = matches };
	char url[128];
	int64_t id;

	snprintf(url, sizeof(url), "https://%s.example", name);
	ok(worker_see(f->st, url, &told, &id, &err));
	return id;
}

static void probe(struct fixture *f, int64_t id, enum worker_alive alive, const char *price, bool payable)
{
	struct worker_probe p = { .alive = alive, .priced = price != NULL, .payable = payable };

	if (price)
		ok(usdc_parse(price, &p.price, &err));
	ok(worker_probed(f->st, id, &p, 0, 0, &err));
}

static int64_t count(struct fixture *f, const struct worker_query *q)
{
	struct worker_list l = { 0 };
	int64_t total;

	ok(worker_query(f->st, q, &l, &err));
	assert_int_equal(l.n, l.total);
	total = l.total;
	worker_list_destroy(&l);
	return total;
}

static void worker_query_leaves_the_dead_out_and_counts_them(void **state)
{
	struct fixture *f = *state;
	struct worker_query q = { .not_dead = true };
	struct worker_list l = { 0 };

	probe(f, see(f, "a", 0, true), WORKER_ALIVE, "0.05", true);
	probe(f, see(f, "b", 0, true), WORKER_DEAD, NULL, false);
	see(f, "c", 0, true);

	ok(worker_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.total, 2);
	assert_int_equal(l.n_dead, 1);
	assert_int_equal(l.n_alive, 1);
	assert_int_equal(l.n_untried, 1);
	worker_list_destroy(&l);
	q.alive = true;
	assert_int_equal(count(f, &q), 1);
}

static void worker_query_finds_the_verified_by_their_number(void **state)
{
	struct fixture *f = *state;
	struct worker_outcome o = { .reproduced = true, .class_text = "c" };
	struct worker_query q = { .all = true, .verified = true, .sort = WORKERS_BY_VERIFIED };
	struct worker_list l = { 0 };

	o.val_bpb = OPT_F64(1.5);
	ok(worker_ran(f->st, see(f, "worse", 0, true), &o, &err));
	o.val_bpb = OPT_F64(1.2);
	ok(worker_ran(f->st, see(f, "better", 0, false), &o, &err));
	see(f, "never", 0, true);

	ok(worker_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].name, "better");
	assert_string_equal(l.rows[1].name, "worse");
	worker_list_destroy(&l);
	q.reverse = true;
	ok(worker_query(f->st, &q, &l, &err));
	assert_string_equal(l.rows[0].name, "worse");
	worker_list_destroy(&l);
}

static void worker_query_finds_those_of_one_agent(void **state)
{
	struct fixture *f = *state;
	struct agent_key key = { .chain_id = 1, .registry = "0x8004aa0000000000000000000000000000008004",
				 .token_id = "7" };
	struct worker_query q = { .all = true };
	int64_t agent;

	ok(agent_see(f->st, &key, "8004scan", &agent, &err));
	see(f, "his", agent, false);
	see(f, "hers", 0, true);

	q.agent_id = agent;
	assert_int_equal(count(f, &q), 1);
	q.agent_id = agent + 1;
	assert_int_equal(count(f, &q), 0);
}

static void worker_counts_names_the_cheapest_that_would_be_taken(void **state)
{
	struct fixture *f = *state;
	struct worker_counts c;
	char text[MONEY_TEXT];
	int64_t banned, pinned;

	ok(worker_counts(f->st, &c, &err));
	assert_int_equal(c.known, 0);
	assert_false(c.priced);
	probe(f, see(f, "no-offer", 0, true), WORKER_ALIVE, "0.001", false);
	probe(f, see(f, "foreign", 0, false), WORKER_ALIVE, "0.002", true);
	probe(f, see(f, "dead", 0, true), WORKER_DEAD, "0.003", true);
	banned = see(f, "banned", 0, true);
	probe(f, banned, WORKER_ALIVE, "0.004", true);
	ok(worker_mark(f->st, banned, WORKER_BAN, NULL, &err));
	ok(worker_counts(f->st, &c, &err));
	assert_int_equal(c.known, 2);
	assert_int_equal(c.alive, 1);
	assert_false(c.priced);
	pinned = see(f, "pinned", 0, true);
	probe(f, pinned, WORKER_ALIVE, "0.50", true);
	ok(worker_mark(f->st, pinned, WORKER_PIN, NULL, &err));
	probe(f, see(f, "plain", 0, true), WORKER_ALIVE, "0.07", true);
	probe(f, see(f, "plain-too", 0, true), WORKER_ALIVE, "0.06", true);

	ok(worker_counts(f->st, &c, &err));
	assert_int_equal(c.known, 5);
	assert_int_equal(c.alive, 4);
	assert_true(c.priced);
	assert_string_equal(usdc_text(c.cheapest, text), "0.06");
}

static void worker_trust_text_says_what_matters_first(void **state)
{
	static const struct {
		struct worker_trust t;
		const char *text;
	} cases[] = {
		{ { 0 }, "new" },
		{ { .runs = 12, .succeeded = 12 }, "good 12/12" },
		{ { .runs = 10, .succeeded = 9 }, "good 9/10" },
		{ { .runs = 10, .succeeded = 10, .paid_failed = 1 }, "fair 10/10" },
		{ { .runs = 10, .succeeded = 10, .refuted = 1 }, "fair 9/10" },
		{ { .runs = 10, .succeeded = 6 }, "fair 6/10" },
		{ { .runs = 10, .succeeded = 5 }, "poor 5/10" },
		{ { .runs = 2, .succeeded = 1, .refuted = 5 }, "poor 0/2" },
		{ { .refuted = 1 }, "poor, refuted" },
		{ { .runs = 3, .succeeded = 3, .banned = true, .quarantine_until = 9000000000 }, "banned" },
		{ { .pinned = true, .quarantine_until = 9000000000 }, "pinned" },
		{ { .quarantine_until = 1000000 + 45000000 }, "quarantined 45 s" },
		{ { .quarantine_until = 1000000 + 300000000 }, "quarantined 5 min" },
		{ { .quarantine_until = 1000000 + 7200000000 }, "quarantined 2 h" },
		{ { .quarantine_until = 1000000 }, "new" },
		{ { .quarantine_until = INT64_MAX, .runs = 1 }, "quarantined 2562047789 h" },
		{ { .runs = INT64_MAX, .succeeded = INT64_MAX }, "good 99999/99999" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		worker_trust_text(&cases[i].t, 1000000, text);
		assert_string_equal(text, cases[i].text);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(worker_query_leaves_the_dead_out_and_counts_them),
		T(worker_query_finds_the_verified_by_their_number),
		T(worker_query_finds_those_of_one_agent),
		T(worker_counts_names_the_cheapest_that_would_be_taken),
		cmocka_unit_test(worker_trust_text_says_what_matters_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
