/* test_workers.c - endpoints: who names them, what probes saw, our dealings with them, lists of 10,000. */
#include "fixture_store.h"

#include <math.h>

#include "plan_of.h"
#include "store/agents.h"
#include "store/workers.h"

#define SECOND ((int64_t)1000000)
#define NOW (1796000000 * SECOND)
#define SKILL "ai_ml_engineering/model_optimization"
#define WALLET "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define OTHER "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"

static struct usdc usd(const char *s)
{
	struct usdc v;

	ok(usdc_parse(s, &v, &err));
	return v;
}

static int64_t agent(struct fixture *f, const char *token, const char *wallet, const char *claim)
{
	struct agent_key k = { .chain_id = 84532, .registry = "0x8004a818bfb912233c491871b3d84c89a494bd9e" };
	struct agent_fact facts[2] = { { .key = "wallet" }, { .key = "best_val_bpb" } };
	int64_t id;

	art_copy(k.token_id, sizeof(k.token_id), token);
	art_copy(facts[0].value, sizeof(facts[0].value), wallet);
	art_copy(facts[1].value, sizeof(facts[1].value), claim);
	ok(agent_see(f->st, &k, "chain", &id, &err));
	ok(agent_tell(f->st, id, ORIGIN_CHAIN, facts, 2, NULL, &err));
	return id;
}

static int64_t see(struct fixture *f, const char *url, struct worker_told told)
{
	int64_t id = 0;

	ok(worker_see(f->st, url, &told, &id, &err));
	return id;
}
#define SEE(url, ...) see(f, url, (struct worker_told){ __VA_ARGS__ })

static struct worker_row find(struct fixture *f, int64_t id)
{
	struct worker_row row;

	ok(worker_find(f->st, id, &row, &err));
	return row;
}

static int64_t events(struct fixture *f, const char *kind)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM event WHERE kind = '%s'", kind);
	return number(f->path, sql);
}

static struct worker_probe priced(const char *price, const char *pay_to)
{
	struct worker_probe p = { .alive = WORKER_ALIVE, .status = 402, .latency_us = 120000, .priced = true,
				  .x402_version = 2, .payable = true, .network = "eip155:84532",
				  .asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e", .max_timeout_s = 900 };

	p.price = usd(price);
	art_copy(p.pay_to, sizeof(p.pay_to), pay_to);
	return p;
}

static void probed(struct fixture *f, int64_t id, struct worker_probe p)
{
	ok(worker_probed(f->st, id, &p, 0, 0, &err));
}

/* ---- who names it ------------------------------------------------------------------------------ */

static void worker_see_must_make_one_row(void **state)
{
	struct fixture *f = *state;
	int64_t a = agent(f, "17", WALLET, "1.5");
	struct worker_row row;
	int64_t id;

	art_clock_set_for_test(NOW);
	id = SEE("https://a.example", .source = "static");
	art_clock_set_for_test(NOW + SECOND);
	assert_int_equal(SEE("https://a.example", .agent_id = a, .source = "chain:x", .name = "n", .skills = SKILL "  b/c",
			     .gpu = "H100", .matches = true, .x402 = true), id);
	row = find(f, id);

	assert_string_equal(row.url, "https://a.example");
	assert_string_equal(row.sources, "static chain:x");
	assert_string_equal(row.name, "n");
	assert_string_equal(row.skills, SKILL " b/c");
	assert_string_equal(row.gpu, "H100");
	assert_true(row.matches && row.x402);
	assert_int_equal(row.agent_id, a);
	assert_int_equal(row.chain_id, 84532);
	assert_string_equal(row.token_id, "17");
	assert_string_equal(row.wallet, WALLET);
	assert_true(row.claimed_bpb.known && row.claimed_bpb.v == 1.5);
	assert_int_equal(row.added_at, NOW);
	assert_int_equal(row.seen_at, NOW + SECOND);
	assert_int_equal(row.probe.at, 0);
	assert_int_equal(row.probe.alive, WORKER_UNTRIED);
	assert_false(row.trust.banned || row.trust.pinned || row.wallet_differs);
}

static void worker_see_must_leave_what_is_not_told(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .name = "n", .skills = "s", .gpu = "g", .matches = true, .x402 = true);
	struct worker_row row;

	(void)SEE("https://a.example", .source = "bazaar:x");
	row = find(f, id);
	assert_string_equal(row.name, "n");
	assert_string_equal(row.skills, "s");
	assert_string_equal(row.gpu, "g");
	assert_true(row.matches && row.x402);
	(void)SEE("https://a.example", .name = "", .skills = "t");
	row = find(f, id);
	assert_string_equal(row.name, "");
	assert_string_equal(row.skills, "t");
	assert_string_equal(row.gpu, "g");
	/* A person's word makes it one of ours. */
	id = SEE("https://b.example", .source = WORKER_SOURCE_PERSON);
	assert_true(find(f, id).matches);
}

static void nobody_must_take_over_a_worker_by_naming_it(void **state)
{
	struct fixture *f = *state;
	int64_t a = agent(f, "1", WALLET, "1.5"), b = agent(f, "2", OTHER, "0.1");
	int64_t id = SEE("https://a.example", .agent_id = a, .source = "chain:x", .name = "real", .skills = SKILL);
	struct worker_row row;

	(void)SEE("https://a.example", .agent_id = b, .source = "chain:y", .name = "fake", .skills = "x", .gpu = "B200",
		  .matches = true, .x402 = true);
	row = find(f, id);
	assert_int_equal(row.agent_id, a);
	assert_string_equal(row.name, "real");
	assert_string_equal(row.skills, SKILL);
	assert_string_equal(row.gpu, "");
	assert_false(row.matches || row.x402);
	assert_string_equal(row.sources, "chain:x chain:y");
	assert_true(row.claimed_bpb.v == 1.5);
	/* A catalogue fills gaps only. */
	(void)SEE("https://a.example", .source = "bazaar:z", .name = "catalogue", .gpu = "A100");
	row = find(f, id);
	assert_string_equal(row.name, "real");
	assert_string_equal(row.gpu, "A100");
	/* Let go, it is free for another. */
	ok(worker_keep(f->st, a, NULL, 0, &err));
	(void)SEE("https://a.example", .agent_id = b, .name = "second");
	row = find(f, id);
	assert_int_equal(row.agent_id, b);
	assert_string_equal(row.name, "second");
	assert_true(row.claimed_bpb.v == 0.1);
}

static void worker_keep_must_take_the_agent_off_others_alone(void **state)
{
	struct fixture *f = *state;
	int64_t a = agent(f, "1", WALLET, "1.5"), b = agent(f, "2", OTHER, "1.6");
	int64_t keep = SEE("https://1.example", .agent_id = a, .matches = true);
	int64_t lose = SEE("https://2.example", .agent_id = a, .matches = true);
	int64_t hand = SEE("https://3.example", .agent_id = a, .source = WORKER_SOURCE_PERSON);
	int64_t theirs = SEE("https://4.example", .agent_id = b, .matches = true);

	ok(worker_keep(f->st, a, &keep, 1, &err));
	assert_true(find(f, keep).agent_id == a && find(f, keep).matches);
	assert_true(find(f, lose).agent_id == 0 && !find(f, lose).matches && !find(f, lose).claimed_bpb.known);
	assert_int_equal(find(f, lose).chain_id, 0);
	assert_true(find(f, hand).agent_id == 0 && find(f, hand).matches);
	assert_true(find(f, theirs).agent_id == b && find(f, theirs).matches);
	ok(worker_keep(f->st, 99, NULL, 0, &err));
}

static void worker_see_must_refuse_what_is_no_row(void **state)
{
	struct fixture *f = *state;
	struct worker_told told = { .source = "x" };
	char url[WORKER_URL_MAX + 2];
	int64_t id = 77;

	memset(url, 'u', sizeof(url));
	url[WORKER_URL_MAX] = '\0';
	fails(worker_see(f->st, url, &told, &id, &err), ART_INVALID);
	fails(worker_see(f->st, "", &told, &id, &err), ART_INVALID);
	told.agent_id = 99;
	fails(worker_see(f->st, "https://a.example", &told, &id, &err), ART_INVALID);
	assert_int_equal(id, 77);
	assert_int_equal(number(f->path, "SELECT count(*) FROM worker"), 0);
	url[WORKER_URL_MAX - 1] = '\0';
	told.agent_id = 0;
	ok(worker_see(f->st, url, &told, NULL, &err));
}

static void words_of_strangers_must_be_cleaned(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .name = "\x1b]0;owned\x07" "evil\xe2\x80\xae", .skills = "a/b\x1b[2J\nc/d",
			 .gpu = "H\xff" "100");
	struct worker_row row = find(f, id);

	assert_null(strchr(row.name, '\x1b'));
	assert_null(strchr(row.name, '\x07'));
	assert_null(strstr(row.name, "\xe2\x80\xae"));
	assert_null(strchr(row.skills, '\n'));
	assert_true(art_utf8_valid(row.gpu, strlen(row.gpu), NULL));
}

static void worker_find_text_must_take_number_and_url(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example/services/train", .source = "x");
	struct worker_row row;
	char text[32];

	snprintf(text, sizeof(text), "#%" PRId64, id);
	ok(worker_find_text(f->st, text, &row, &err));
	assert_int_equal(row.id, id);
	ok(worker_find_text(f->st, text + 1, &row, &err));
	assert_int_equal(row.id, id);
	ok(worker_find_text(f->st, "https://a.example/services/train", &row, &err));
	assert_int_equal(row.id, id);
	static const char *const none[] = { "", "#", "#99", "99", "#-1", "https://a.example", "https://a.example/services/train/",
					    "\x1b[31m", "x' OR 1=1 --" };
	for (size_t i = 0; i < ART_COUNT(none); i++) {
		fails(worker_find_text(f->st, none[i], &row, &err), ART_NOT_FOUND);
		assert_null(strchr(err.text, '\x1b'));
	}
	fails(worker_find(f->st, 99, &row, &err), ART_NOT_FOUND);
}

static void worker_remove_must_take_a_persons_word_alone(void **state)
{
	struct fixture *f = *state;
	int64_t a = agent(f, "1", WALLET, "1");
	int64_t mine = SEE("https://1.example", .source = WORKER_SOURCE_PERSON);
	int64_t both = SEE("https://2.example", .source = WORKER_SOURCE_PERSON);
	int64_t owned = SEE("https://3.example", .agent_id = a, .source = WORKER_SOURCE_PERSON);
	int64_t theirs = SEE("https://4.example", .source = "bazaar:x");
	struct worker_row row;

	(void)SEE("https://2.example", .source = "bazaar:x");
	probed(f, mine, priced("0.05", WALLET));
	ok(worker_ran(f->st, mine, &(struct worker_outcome){ .succeeded = true, .seconds = 3 }, &err));
	ok(worker_remove(f->st, mine, &err));
	fails(worker_find(f->st, mine, &row, &err), ART_NOT_FOUND);
	assert_int_equal(number(f->path, "SELECT count(*) FROM probe"), 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM worker_time"), 0);
	fails(worker_remove(f->st, mine, &err), ART_NOT_FOUND);
	fails(worker_remove(f->st, both, &err), ART_CONFLICT);
	assert_string_equal(find(f, both).sources, "bazaar:x");
	fails(worker_remove(f->st, owned, &err), ART_CONFLICT);
	assert_string_equal(find(f, owned).sources, "");
	fails(worker_remove(f->st, theirs, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "bazaar:x"));
	assert_string_equal(find(f, theirs).sources, "bazaar:x");
}

/* ---- probes ------------------------------------------------------------------------------------ */

static void a_probe_must_keep_every_field(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");
	struct worker_probe p = priced("0.05", WALLET);
	struct worker_probes l = { 0 };
	struct worker_row row;

	p.at = NOW;
	p.busy_known = p.busy = p.free_of_charge = p.upfront = p.async = true;
	art_copy(p.error, sizeof(p.error), "odd");
	art_copy(p.gpu, sizeof(p.gpu), "H100");
	art_copy(p.class_text, sizeof(p.class_text), "class");
	art_copy(p.version, sizeof(p.version), "0.1");
	memset(p.data_sha256, 'd', 64);
	memset(p.evaluator_sha256, 'e', 64);
	p.gpu_mem_mb = OPT_F64(81920);
	p.budget_s = OPT_F64(300);
	p.queue_length = OPT_F64(1);
	p.queue_max = OPT_F64(8);
	ok(worker_probed(f->st, id, &p, 2, NOW + 5, &err));
	ok(worker_probes(f->st, id, &l, &err));
	row = find(f, id);

	assert_int_equal(l.n, 1);
	assert_memory_equal(&l.rows[0], &p, sizeof(p));
	assert_memory_equal(&row.probe, &p, sizeof(p));
	assert_int_equal(row.trust.failures, 2);
	assert_int_equal(row.trust.quarantine_until, NOW + 5);
	assert_true(row.x402);
	/* Without facts, nothing is known; without a time it is now. */
	art_clock_set_for_test(NOW + SECOND);
	p = (struct worker_probe){ .alive = WORKER_DEAD };
	ok(worker_probed(f->st, id, &p, 0, 0, &err));
	row = find(f, id);
	p.at = NOW + SECOND;
	assert_memory_equal(&row.probe, &p, sizeof(p));
	assert_true(row.x402);
	assert_int_equal(row.trust.quarantine_until, 0);
	worker_probes_destroy(&l);
}

static void the_last_probes_alone_must_stay(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x"), other = SEE("https://b.example", .source = "x");
	struct worker_probes l = { 0 };

	probed(f, other, priced("1", WALLET));
	for (int i = 1; i <= WORKER_PROBES_MAX + 5; i++) {
		struct worker_probe p = priced("0.05", WALLET);
		p.at = NOW + i;
		probed(f, id, p);
	}
	ok(worker_probes(f->st, id, &l, &err));
	assert_int_equal(l.n, WORKER_PROBES_MAX);
	assert_int_equal(l.rows[0].at, NOW + WORKER_PROBES_MAX + 5);
	assert_int_equal(l.rows[l.n - 1].at, NOW + 6);
	ok(worker_probes(f->st, other, &l, &err));
	assert_int_equal(l.n, 1);
	ok(worker_probes(f->st, 99, &l, &err));
	assert_int_equal(l.n, 0);
}

static void hostile_probes_must_be_cleaned(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = WORKER_SOURCE_PERSON, .name = "x\x1b[31my");
	struct worker_probe p = priced("0.05", "\x1b[31mpay\nme");
	struct worker_row row;

	memset(p.error, 0xff, sizeof(p.error) - 1);
	art_copy(p.gpu, sizeof(p.gpu), "\x1b]52;c;x\x07H100");
	art_copy(p.network, sizeof(p.network), "eip155:\n1");
	p.gpu_mem_mb = OPT_F64(NAN);
	p.budget_s = OPT_F64(INFINITY);
	probed(f, id, p);
	probed(f, id, p);
	row = find(f, id);
	assert_string_equal(row.probe.pay_to, "pay me");
	assert_true(art_utf8_valid(row.probe.error, strlen(row.probe.error), NULL));
	assert_null(strchr(row.probe.gpu, '\x1b'));
	assert_false(row.probe.gpu_mem_mb.known || row.probe.budget_s.known);
	/* The same payee as before, however it was written. */
	assert_int_equal(events(f, "worker.payee"), 0);
	art_copy(p.pay_to, sizeof(p.pay_to), "\x1b[2Jme\x07");
	probed(f, id, p);
	assert_int_equal(events(f, "worker.payee"), 1);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event WHERE text GLOB '*' || char(27) || '*'"), 0);
}

static void a_new_payee_must_be_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x", .name = "shop");
	struct worker_probe p = priced("0.05", WALLET);
	struct event_list l = { 0 };
	struct worker_row row;

	probed(f, id, p);
	/* The same in small letters, and a probe that saw no price, change nothing. */
	for (char *c = p.pay_to + 2; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
	probed(f, id, p);
	probed(f, id, (struct worker_probe){ .alive = WORKER_DEAD });
	assert_int_equal(events(f, "worker.payee"), 0);
	p = priced("0.05", OTHER);
	p.at = NOW;
	probed(f, id, p);
	p.at = NOW + 1;
	probed(f, id, p);
	row = find(f, id);
	assert_int_equal(events(f, "worker.payee"), 1);
	assert_int_equal(strcasecmp(row.pay_to_before, WALLET), 0);
	assert_int_equal(row.pay_to_changed_at, NOW);
	ok(event_query(f->st, &(struct event_query){ .match = "worker.payee" }, &l, &err));
	assert_int_equal(l.rows[0].level, EVENT_WARN);
	assert_non_null(strstr(l.rows[0].text, OTHER));
	assert_non_null(strstr(l.rows[0].text, "shop"));
	event_list_destroy(&l);
	/* Back again is a change again. */
	probed(f, id, priced("0.05", WALLET));
	assert_int_equal(events(f, "worker.payee"), 2);
	assert_string_equal(find(f, id).pay_to_before, OTHER);
}

static void a_payee_that_is_not_the_wallet_must_be_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t a = agent(f, "1", WALLET, "1"), id = SEE("https://a.example", .agent_id = a, .name = "shop");

	probed(f, id, priced("0.05", WALLET));
	assert_false(find(f, id).wallet_differs);
	assert_int_equal(events(f, "worker.payee"), 0);
	/* A change and a difference: both are said. */
	probed(f, id, priced("0.05", OTHER));
	assert_true(find(f, id).wallet_differs);
	assert_int_equal(events(f, "worker.payee"), 2);
	probed(f, id, priced("0.05", OTHER));
	assert_int_equal(events(f, "worker.payee"), 2);
	/* The agent moves its wallet there: no more. */
	(void)agent(f, "1", OTHER, "1");
	assert_false(find(f, id).wallet_differs);
	probed(f, id, priced("0.05", OTHER));
	(void)agent(f, "1", WALLET, "1");
	assert_true(find(f, id).wallet_differs);
	probed(f, id, priced("0.05", OTHER));
	assert_int_equal(events(f, "worker.payee"), 3);
	/* One whose wallet is not known differs from nothing. */
	(void)agent(f, "1", "", "1");
	assert_false(find(f, id).wallet_differs);
}

static void dying_and_coming_back_must_be_told_of_matching_ones(void **state)
{
	struct fixture *f = *state;
	int64_t ours = SEE("https://a.example", .matches = true), other = SEE("https://b.example", .source = "x");
	struct worker_probe dead = { .alive = WORKER_DEAD, .error = "connection refused" };
	struct event_list l = { 0 };

	probed(f, ours, dead);
	assert_int_equal(events(f, "worker.dead"), 0);
	probed(f, ours, priced("1", WALLET));
	assert_int_equal(events(f, "worker.alive"), 1);
	probed(f, ours, priced("1", WALLET));
	probed(f, ours, dead);
	probed(f, ours, dead);
	assert_int_equal(events(f, "worker.alive"), 1);
	assert_int_equal(events(f, "worker.dead"), 1);
	ok(event_query(f->st, &(struct event_query){ .match = "worker.dead" }, &l, &err));
	assert_int_equal(l.rows[0].level, EVENT_INFO);
	assert_non_null(strstr(l.rows[0].text, "https://a.example"));
	assert_non_null(strstr(l.rows[0].text, "connection refused"));
	event_list_destroy(&l);
	probed(f, other, priced("1", WALLET));
	probed(f, other, dead);
	probed(f, other, priced("1", WALLET));
	assert_int_equal(events(f, "worker.alive") + events(f, "worker.dead"), 2);
}

static void worker_probed_must_be_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .matches = true);
	struct worker_probe p = priced("1", WALLET);

	probed(f, id, p);
	p = priced("1", OTHER);
	p.latency_us = -1;
	fails(worker_probed(f->st, id, &p, 0, 0, &err), ART_INVALID);
	p.latency_us = 1;
	fails(worker_probed(f->st, id, &p, -1, 0, &err), ART_INVALID);
	fails(worker_probed(f->st, 99, &p, 0, 0, &err), ART_NOT_FOUND);
	assert_int_equal(events(f, "worker.payee"), 0);
	assert_string_equal(find(f, id).pay_to_before, "");
	assert_int_equal(number(f->path, "SELECT count(*) FROM probe"), 1);
}

/* ---- dealings ---------------------------------------------------------------------------------- */

static void ran(struct fixture *f, int64_t id, struct worker_outcome o)
{
	ok(worker_ran(f->st, id, &o, &err));
}

static void worker_ran_must_count(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");
	struct worker_trust t;

	ran(f, id, (struct worker_outcome){ .succeeded = true, .paid = true, .cost = usd("0.05"), .seconds = 10 });
	ran(f, id, (struct worker_outcome){ .succeeded = true, .seconds = 30, .cost = usd("9") });
	ran(f, id, (struct worker_outcome){ .paid = true, .cost = usd("0.10"), .seconds = 1, .failures = 1 });
	ran(f, id, (struct worker_outcome){ .failures = 2, .quarantine_until = NOW });
	t = find(f, id).trust;
	assert_true(t.runs == 4 && t.succeeded == 2 && t.paid_failed == 1);
	assert_true(t.reproduced == 0 && t.refuted == 0);
	assert_int_equal(usdc_cmp(t.spent, usd("0.15")), 0);
	assert_true(t.median_latency_s.known && t.median_latency_s.v == 20);
	assert_true(t.failures == 2 && t.quarantine_until == NOW);
	/* A check of an earlier number is no run. */
	ran(f, id, (struct worker_outcome){ .reproduced = true, .succeeded = true, .seconds = 99, .paid = true,
					    .cost = usd("0.01") });
	ran(f, id, (struct worker_outcome){ .refuted = true, .succeeded = true });
	t = find(f, id).trust;
	assert_true(t.runs == 4 && t.succeeded == 2 && t.paid_failed == 1 && t.reproduced == 1 && t.refuted == 1);
	assert_true(t.median_latency_s.v == 20);
	assert_int_equal(usdc_cmp(t.spent, usd("0.16")), 0);
	fails(worker_ran(f->st, 99, &(struct worker_outcome){ 0 }, &err), ART_NOT_FOUND);
}

static void the_median_must_be_of_the_last_ones(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");

	assert_false(find(f, id).trust.median_latency_s.known);
	for (int i = 1; i <= 40; i++)
		ran(f, id, (struct worker_outcome){ .succeeded = true, .seconds = i });
	assert_true(find(f, id).trust.median_latency_s.v == 25); /* of 10..40 */
	assert_int_equal(number(f->path, "SELECT count(*) FROM worker_time"), 31);
	ran(f, id, (struct worker_outcome){ .succeeded = true, .seconds = NAN });
	ran(f, id, (struct worker_outcome){ .succeeded = true, .seconds = -1 });
	assert_true(find(f, id).trust.median_latency_s.v == 25);
	assert_int_equal(find(f, id).trust.runs, 42);
}

static void the_best_reproduced_number_must_stay(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");
	static const struct {
		double bpb;
		const char *class_text;
		double want;
	} cases[] = {
		{ 1.2, "A", 1.2 }, { 1.3, "A", 1.2 }, { 1.1, "A", 1.1 }, { 1.5, "B", 1.5 }, { 1.6, "B", 1.5 },
		{ NAN, "B", 1.5 }, { -1, "B", 1.5 },  { 0, "B", 1.5 },	 { 1.4, NULL, 1.4 },
	};

	assert_false(find(f, id).verified_bpb.known);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		art_clock_set_for_test(NOW + (int64_t)i);
		ran(f, id, (struct worker_outcome){ .reproduced = true, .val_bpb = OPT_F64(cases[i].bpb),
						    .class_text = cases[i].class_text });
		assert_true(find(f, id).verified_bpb.v == cases[i].want);
	}
	assert_int_equal(find(f, id).verified_at, NOW + 8);
	assert_string_equal(find(f, id).verified_class, "");
	/* What ran there but was not reproduced is not verified. */
	ran(f, id, (struct worker_outcome){ .succeeded = true, .val_bpb = OPT_F64(0.5) });
	ran(f, id, (struct worker_outcome){ .refuted = true, .val_bpb = OPT_F64(0.5) });
	assert_true(find(f, id).verified_bpb.v == 1.4);
}

static void sums_spent_must_not_wrap(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");
	struct worker_outcome o = { .paid = true, .succeeded = true };

	assert_true(usdc_from_micro(INT64_MAX, &o.cost));
	ran(f, id, o);
	fails(worker_ran(f->st, id, &o, &err), ART_LIMIT);
	assert_int_equal(find(f, id).trust.runs, 1);
}

static void both_outcomes(void *arg)
{
	struct fixture *f = arg;
	struct worker_outcome o = { .reproduced = true, .refuted = true };

	if (worker_ran(f->st, 1, &o, NULL) == ART_OK)
		_exit(3);
}

static void reproduced_and_refuted_must_be_a_bug(void **state)
{
	aborts(both_outcomes, *state);
}

static void trust_share_must_follow_what_held(void **state)
{
	struct worker_trust none = { 0 };

	(void)state;
	assert_true(fabs(worker_trust_share(&none) - 1.0 / 3) < 1e-12);
	/* Wilson's bound by hand: p = 1, n = 10, z = 0.8416212: 10 / (10 + z^2). */
	struct worker_trust t = { .runs = 10, .succeeded = 10 };
	assert_true(fabs(worker_trust_share(&t) - 10 / (10 + 0.8416212335729143 * 0.8416212335729143)) < 1e-12);
	double good = worker_trust_share(&t);
	t.refuted = 1;
	double refuted = worker_trust_share(&t);
	t = (struct worker_trust){ .runs = 10, .succeeded = 9 };
	double failed = worker_trust_share(&t);
	t.paid_failed = 1;
	double took = worker_trust_share(&t);
	assert_true(good > failed && failed > took && refuted == failed);
	/* More of the same is more certain; the worst is 0 and no less. */
	t = (struct worker_trust){ .runs = 1, .succeeded = 1 };
	assert_true(worker_trust_share(&t) < good && worker_trust_share(&t) > worker_trust_share(&none));
	t = (struct worker_trust){ .runs = 3, .refuted = 7, .paid_failed = 3 };
	assert_true(worker_trust_share(&t) == 0);
}

/* ---- by hand ----------------------------------------------------------------------------------- */

static void worker_mark_must_set_and_tell(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");
	struct worker_probe p = priced("1", WALLET);
	struct worker_trust t;

	ok(worker_mark(f->st, id, WORKER_PIN, "good\x1b[0m one", &err));
	t = find(f, id).trust;
	assert_true(t.pinned && !t.banned);
	assert_string_equal(t.note, "good one");
	ok(worker_mark(f->st, id, WORKER_BAN, NULL, &err));
	t = find(f, id).trust;
	assert_true(t.banned && !t.pinned);
	assert_string_equal(t.note, "good one");
	ok(worker_mark(f->st, id, WORKER_UNPIN, NULL, &err));
	assert_true(find(f, id).trust.banned);
	ok(worker_mark(f->st, id, WORKER_PIN, "", &err));
	t = find(f, id).trust;
	assert_true(t.pinned && !t.banned);
	assert_string_equal(t.note, "");
	ok(worker_mark(f->st, id, WORKER_UNBAN, NULL, &err));
	assert_true(find(f, id).trust.pinned);
	ok(worker_mark(f->st, id, WORKER_UNPIN, NULL, &err));
	assert_false(find(f, id).trust.pinned);
	ok(worker_probed(f->st, id, &p, 5, NOW, &err));
	ok(worker_mark(f->st, id, WORKER_RELEASE, NULL, &err));
	assert_true(find(f, id).trust.failures == 0 && find(f, id).trust.quarantine_until == 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event WHERE kind IN ('worker.ban', 'worker.unban',"
					 " 'worker.pin', 'worker.unpin', 'worker.release') AND level = 'info'"), 7);
	fails(worker_mark(f->st, 99, WORKER_BAN, NULL, &err), ART_NOT_FOUND);
}

/* ---- lists ------------------------------------------------------------------------------------- */

static const char *list_of(struct fixture *f, struct worker_query q)
{
	static char text[256];
	struct worker_list l = { 0 };
	size_t at = 0;

	text[0] = 0;
	ok(worker_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%c", l.rows[i].url[8]);
	snprintf(text + at, sizeof(text) - at, " of %" PRId64 ": %" PRId64 " %" PRId64 " %" PRId64, l.total, l.n_alive,
		 l.n_dead, l.n_untried);
	worker_list_destroy(&l);
	return text;
}
#define expect(want, ...) assert_string_equal(list_of(f, (struct worker_query){ __VA_ARGS__ }), want)

static void town(struct fixture *f)
{
	int64_t one = agent(f, "1", "", "1.5"), two = agent(f, "2", "", "1.2"), id;
	struct worker_probe p;

	id = SEE("https://a.example", .agent_id = one, .name = "Zeta", .matches = true, .skills = "x/y");
	p = priced("0.05", WALLET);
	p.latency_us = 300;
	probed(f, id, p);
	ran(f, id, (struct worker_outcome){ .succeeded = true });
	id = SEE("https://b.example", .agent_id = two, .name = "beta", .matches = true, .skills = "x/y/z");
	p = priced("0.01", WALLET);
	art_copy(p.network, sizeof(p.network), "eip155:8453");
	p.latency_us = 500;
	probed(f, id, p);
	ran(f, id, (struct worker_outcome){ .seconds = 1 });
	id = SEE("https://c.example", .matches = true, .gpu = "H100");
	probed(f, id, (struct worker_probe){ .alive = WORKER_ALIVE, .free_of_charge = true, .latency_us = 400 });
	id = SEE("https://d.example", .name = "alpha", .matches = true);
	probed(f, id, (struct worker_probe){ .alive = WORKER_DEAD });
	(void)SEE("https://e.example", .source = "x");
}

static void worker_query_must_filter_and_sort(void **state)
{
	struct fixture *f = *state;

	town(f);
	expect("acdb of 4: 3 1 0", .sort = WORKERS_BY_TRUST);
	expect("bdca of 4: 3 1 0", .sort = WORKERS_BY_TRUST, .reverse = true);
	expect("cbad of 4: 3 1 0", .sort = WORKERS_BY_PRICE);
	expect("abcd of 4: 3 1 0", .sort = WORKERS_BY_PRICE, .reverse = true);
	expect("dbca of 4: 3 1 0", .sort = WORKERS_BY_NAME);
	expect("acbd of 4: 3 1 0", .sort = WORKERS_BY_NAME, .reverse = true);
	expect("acbd of 4: 3 1 0", .sort = WORKERS_BY_LATENCY);
	expect("bcad of 4: 3 1 0", .sort = WORKERS_BY_LATENCY, .reverse = true);
	expect("bacd of 4: 3 1 0", .sort = WORKERS_BY_CLAIM);
	expect("abdc of 4: 3 1 0", .sort = WORKERS_BY_CLAIM, .reverse = true);
	expect("acdeb of 5: 3 1 1", .all = true);
	expect("acb of 3: 3 1 0", .alive = true);
	expect("ac of 3: 3 1 0", .alive = true, .limit = 2);
	expect("b of 3: 3 1 0", .alive = true, .limit = 2, .offset = 2);
	expect(" of 3: 3 1 0", .alive = true, .offset = 3);
	expect("ab of 2: 2 0 0", .chain_id = 84532);
	expect("b of 1: 1 0 0", .chain_id = 8453);
	expect(" of 0: 0 0 0", .chain_id = 1);
	expect("ab of 2: 2 0 0", .skill = "x/y");
	expect("b of 1: 1 0 0", .skill = "x/y/z");
	expect(" of 0: 0 0 0", .skill = "y");
	expect("c of 1: 1 0 0", .match = "h100");
	expect("a of 1: 1 0 0", .match = "zET");
	expect("b of 5: 3 1 1", .match = ".EXAMPLE", .all = true, .offset = 4, .limit = 9);
	expect("acb of 3: 3 1 0", .match = "example", .alive = true);
	expect("cbad of 4: 3 1 0", .match = "example", .sort = WORKERS_BY_PRICE);
	expect("acbd of 4: 3 1 0", .match = "example", .sort = WORKERS_BY_NAME, .reverse = true);
	expect(" of 0: 0 0 0", .match = "%");
}

static void pinned_must_come_first_and_banned_last(void **state)
{
	struct fixture *f = *state;
	struct worker_row row;

	town(f);
	ok(worker_find_text(f->st, "https://d.example", &row, &err));
	ok(worker_mark(f->st, row.id, WORKER_PIN, NULL, &err));
	ok(worker_find_text(f->st, "https://a.example", &row, &err));
	ok(worker_mark(f->st, row.id, WORKER_BAN, NULL, &err));
	for (int sort = WORKERS_BY_TRUST; sort <= WORKERS_BY_CLAIM; sort++)
		for (int reverse = 0; reverse < 2; reverse++) {
			const char *text = list_of(f, (struct worker_query){ .sort = (enum worker_sort)sort,
									     .reverse = reverse });
			assert_true(text[0] == 'd' && text[3] == 'a');
		}
	expect("dcba of 4: 3 1 0", .sort = WORKERS_BY_PRICE);
	expect("dbca of 4: 3 1 0", .sort = WORKERS_BY_PRICE, .reverse = true);
	expect("b of 4: 3 1 0", .sort = WORKERS_BY_PRICE, .offset = 2, .limit = 1);
}

static void quarantined_must_come_after_the_others_by_trust(void **state)
{
	struct fixture *f = *state;
	struct worker_row row;
	struct worker_probe p = priced("0.05", WALLET);

	town(f);
	art_clock_set_for_test(NOW);
	ok(worker_find_text(f->st, "https://a.example", &row, &err));
	ok(worker_probed(f->st, row.id, &p, 3, NOW + 60 * SECOND, &err));
	expect("cdba of 4: 3 1 0", .sort = WORKERS_BY_TRUST);
	expect("bdca of 4: 3 1 0", .sort = WORKERS_BY_TRUST, .reverse = true);
	expect("cba of 3: 3 1 0", .sort = WORKERS_BY_TRUST, .alive = true);
	expect("cdba of 4: 3 1 0", .sort = WORKERS_BY_TRUST, .match = "example");
	art_clock_set_for_test(NOW + 60 * SECOND);
	expect("acdb of 4: 3 1 0", .sort = WORKERS_BY_TRUST);
}

static void crowd(struct fixture *f)
{
	tamper(f->path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
			" INSERT INTO worker (url, added_at, seen_at, name, title, skills, matches, trust, alive, price,"
			" latency_us, agent_chain, claimed_bpb, mark, place, quarantine_until) SELECT 'https://w' || i,"
			" i, i, 'w ' || i * 31 % 9973, 'w ' || i * 31 % 9973, 'a/b', i % 10 <> 0, i * 77 % 1000 / 1000.0,"
			" CASE i % 3 WHEN 0 THEN 'alive' WHEN 1 THEN 'dead' ELSE 'untried' END,"
			" iif(i % 3 = 0, i * 13 % 1000, NULL), iif(i % 3 = 0, i * 1001 % 3000, NULL), 8453,"
			" iif(i % 5 = 0, 1.0 + i * 17 % 100, NULL),"
			" CASE WHEN i % 500 = 0 THEN 'pinned' WHEN i % 300 = 0 THEN 'banned' ELSE '' END,"
			" CASE WHEN i % 500 = 0 THEN 0 WHEN i % 300 = 0 THEN 2 ELSE 1 END,"
			" iif(i % 4 = 0, 9000000000000000000, NULL) FROM n");
}

static void lists_of_ten_thousand_must_come_from_indices(void **state)
{
	struct fixture *f = *state;
	struct worker_list l = { 0 };
	int64_t slowest = 0;
	int n = 0;

	crowd(f);
	for (int sort = WORKERS_BY_TRUST; sort <= WORKERS_BY_CLAIM; sort++)
		for (int filter = 0; filter < 16; filter++) {
			struct worker_query q = { .sort = (enum worker_sort)sort, .reverse = filter & 1, .offset = 2000,
						  .limit = 40, .all = filter & 2, .alive = filter & 4,
						  .chain_id = filter & 8 ? 8453 : 0 };
			int64_t t = art_mono_us();
			ok(worker_query(f->st, &q, &l, &err));
			t = art_mono_us() - t;
			slowest = t > slowest ? t : slowest;
			assert_int_equal(l.n, 40);
			/* Before the cache of statements forgets them. */
			if (filter % 4 == 3) {
				n += indexed(f->st, "SELECT id FROM worker", "worker", true);
				n += indexed(f->st, "SELECT place, count(*)", "worker", true);
			}
		}
	worker_list_destroy(&l);
	assert_true(n >= 80);
	assert_true(slowest < 500 * 1000);
}

/* Windows side by side show every row once, in the order of the whole list. */
static void windows_must_join_without_gap(void **state)
{
	struct fixture *f = *state;
	struct worker_list l = { 0 };
	int64_t *whole = calloc(10000, sizeof(*whole));

	crowd(f);
	for (int sort = WORKERS_BY_TRUST; sort <= WORKERS_BY_CLAIM; sort++) {
		for (int way = 0; way < 3; way++) {
			struct worker_query q = { .sort = (enum worker_sort)sort, .all = true, .reverse = way & 1 };
			size_t at = 0;
			/* The way of a search sorts by itself: both must agree. */
			art_copy(q.match, sizeof(q.match), way == 2 ? "https://w" : "");
			ok(worker_query(f->st, &q, &l, &err));
			assert_int_equal(l.n, 10000);
			for (size_t i = 0; way != 2 && i < l.n; i++)
				whole[i] = l.rows[i].id;
			q.match[0] = '\0';
			for (q.limit = 997; way != 2 && at < 10000; at += l.n) {
				q.offset = (int64_t)at;
				ok(worker_query(f->st, &q, &l, &err));
				assert_true(l.n > 0);
				for (size_t i = 0; i < l.n; i++)
					assert_int_equal(l.rows[i].id, whole[at + i]);
			}
		}
		/* whole is the reversed list now; the search was forwards. */
		struct worker_query q = { .sort = (enum worker_sort)sort, .all = true };
		ok(worker_query(f->st, &q, &l, &err));
		for (size_t i = 0; i < l.n; i++)
			whole[i] = l.rows[i].id;
		art_copy(q.match, sizeof(q.match), "https://w");
		ok(worker_query(f->st, &q, &l, &err));
		for (size_t i = 0; i < l.n; i++)
			assert_int_equal(l.rows[i].id, whole[i]);
	}
	worker_list_destroy(&l);
	free(whole);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

/* Two connections count experiments of the same worker: none is lost. */
static void two_writers_must_not_lose_a_count(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .source = "x");

	store_close(f->st); /* SQLite's connections do not survive a fork */
	f->st = NULL;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct worker_outcome o = { .succeeded = true, .seconds = 1 };
		struct store *st;

		if (store_open(&st, f->path, 0, 10000, NULL) != ART_OK)
			_exit(1);
		for (int i = 0; i < 50; i++)
			if (worker_ran(st, id, &o, NULL) != ART_OK)
				_exit(2);
		store_close(st);
		_exit(0);
	}
	ok(store_open(&f->st, f->path, 0, 10000, &err));
	for (int i = 0; i < 50; i++)
		ran(f, id, (struct worker_outcome){ .failures = i });
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(find(f, id).trust.runs == 100 && find(f, id).trust.succeeded == 50);
}

static void damage_must_be_said(void **state)
{
	struct fixture *f = *state;
	int64_t id = SEE("https://a.example", .matches = true);
	struct worker_query q = { 0 };
	struct worker_list l = { 0 };
	struct worker_row row;

	probed(f, id, priced("1", WALLET));
	tamper(f->path, "UPDATE probe SET alive = 'undead'");
	fails(worker_find(f->st, id, &row, &err), ART_CORRUPT);
	fails(worker_query(f->st, &q, &l, &err), ART_CORRUPT);
	assert_null(l.rows);
	tamper(f->path, "UPDATE probe SET alive = 'alive', price = -1");
	fails(worker_find(f->st, id, &row, &err), ART_CORRUPT);
	tamper(f->path, "UPDATE probe SET price = 1; UPDATE worker SET place = 7");
	fails(worker_query(f->st, &q, &l, &err), ART_CORRUPT);
}

static void the_bell_must_ring_for_workers(void **state)
{
	struct fixture *f = *state;
	struct bell *bell = bell_new();
	struct bell_sub *sub = bell_subscribe(bell, TOPIC_WORKER | TOPIC_AGENT);
	int64_t id;

	store_attach_bell(f->st, bell);
	id = SEE("https://a.example", .source = WORKER_SOURCE_PERSON);
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	probed(f, id, priced("1", WALLET));
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	ran(f, id, (struct worker_outcome){ 0 });
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	ok(worker_mark(f->st, id, WORKER_PIN, NULL, &err));
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	ok(worker_remove(f->st, id, &err));
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	store_attach_bell(f->st, NULL);
	bell_unsubscribe(bell, sub);
	bell_free(bell);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(worker_see_must_make_one_row),
		T(worker_see_must_leave_what_is_not_told),
		T(nobody_must_take_over_a_worker_by_naming_it),
		T(worker_keep_must_take_the_agent_off_others_alone),
		T(worker_see_must_refuse_what_is_no_row),
		T(words_of_strangers_must_be_cleaned),
		T(worker_find_text_must_take_number_and_url),
		T(worker_remove_must_take_a_persons_word_alone),
		T(a_probe_must_keep_every_field),
		T(the_last_probes_alone_must_stay),
		T(hostile_probes_must_be_cleaned),
		T(a_new_payee_must_be_told_once),
		T(a_payee_that_is_not_the_wallet_must_be_told_once),
		T(dying_and_coming_back_must_be_told_of_matching_ones),
		T(worker_probed_must_be_whole_or_not_at_all),
		T(worker_ran_must_count),
		T(the_median_must_be_of_the_last_ones),
		T(the_best_reproduced_number_must_stay),
		T(sums_spent_must_not_wrap),
		T(reproduced_and_refuted_must_be_a_bug),
		cmocka_unit_test(trust_share_must_follow_what_held),
		T(worker_mark_must_set_and_tell),
		T(worker_query_must_filter_and_sort),
		T(pinned_must_come_first_and_banned_last),
		T(quarantined_must_come_after_the_others_by_trust),
		T(lists_of_ten_thousand_must_come_from_indices),
		T(windows_must_join_without_gap),
		T(two_writers_must_not_lose_a_count),
		T(damage_must_be_said),
		T(the_bell_must_ring_for_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
