/* test_agents.c - identities, facts by origin, the merged row, lists of 10,000, sources and their rate limits. */
#include "fixture_store.h"

#include "plan_of.h"
#include "store/agents.h"
#include "store/workers.h"

#define SECOND ((int64_t)1000000)
#define NOW (1796000000 * SECOND)
#define REGISTRY "0x8004a818bfb912233c491871b3d84c89a494bd9e"
#define WANTED "ai_ml_engineering/model_optimization devops_mlops/model_versioning"
#define OWNER "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
#define WALLET "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"

static struct agent_key key_of(const char *token)
{
	struct agent_key k = { .chain_id = 84532, .registry = REGISTRY };

	art_copy(k.token_id, sizeof(k.token_id), token);
	return k;
}

static int64_t see(struct fixture *f, const char *token)
{
	struct agent_key k = key_of(token);
	int64_t id = 0;

	ok(agent_see(f->st, &k, "8004scan", &id, &err));
	return id;
}

/* @pairs: key, value, ..., NULL. */
static void tell(struct fixture *f, int64_t id, enum fact_origin origin, const char *const *pairs)
{
	struct agent_fact facts[AGENT_FACTS_MAX] = { 0 };
	size_t n = 0;

	for (; pairs[0] != NULL; pairs += 2, n++) {
		art_copy(facts[n].key, sizeof(facts[n].key), pairs[0]);
		art_copy(facts[n].value, sizeof(facts[n].value), pairs[1]);
	}
	ok(agent_tell(f->st, id, origin, facts, n, WANTED, &err));
}
#define TELL(id, origin, ...) tell(f, id, origin, (const char *const[]){ __VA_ARGS__, NULL })

static struct agent_row find(struct fixture *f, int64_t id)
{
	struct agent_row row;

	ok(agent_find(f->st, id, &row, &err));
	return row;
}

/* ---- skills ------------------------------------------------------------------------------------ */

static void skills_match_must_know_equal_and_below(void **state)
{
	static const struct {
		const char *told, *wanted;
		bool match;
	} cases[] = {
		{ "a/b", "a/b", true },	       { "a/b/c", "a/b", true },     { "a/bc", "a/b", false },
		{ "a", "a/b", false },	       { "x a/b", "y a/b", true },   { "", "a/b", false },
		{ "a/b", "", false },	       { "", "", false },	     { " a/b\t", "\n a/b ", true },
		{ "x/a/b", "a/b", false },     { "a/b", "a/b/c a", true },   { "A/b", "a/b", false },
		{ "a/b/", "a/b", true },       { "ab", "a", false },	     { "a b", "a/b", false },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(cases); i++)
		if (skills_match(cases[i].told, cases[i].wanted) != cases[i].match)
			fail_msg("\"%s\" and \"%s\"", cases[i].told, cases[i].wanted);
}

/* ---- identities -------------------------------------------------------------------------------- */

static void agent_see_must_make_one_identity(void **state)
{
	struct fixture *f = *state;
	struct agent_key k = key_of("17");
	struct agent_row row;
	int64_t a, b, c;

	art_clock_set_for_test(NOW);
	ok(agent_see(f->st, &k, "8004scan", &a, &err));
	art_clock_set_for_test(NOW + SECOND);
	for (char *p = k.registry + 2; *p != '\0'; p++)
		*p = (char)(*p >= 'a' ? *p - 32 : *p);
	ok(agent_see(f->st, &k, "chain:base-sepolia", &b, &err));
	ok(agent_see(f->st, &k, "8004scan", &b, &err));
	ok(agent_see(f->st, &k, NULL, &b, &err));
	k.chain_id = 8453;
	ok(agent_see(f->st, &k, "", &c, &err));

	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	row = find(f, a);
	assert_string_equal(row.key.registry, REGISTRY);
	assert_string_equal(row.key.token_id, "17");
	assert_int_equal(row.key.chain_id, 84532);
	assert_string_equal(row.sources, "8004scan chain:base-sepolia");
	assert_int_equal(row.created_at, NOW);
	assert_int_equal(row.seen_at, NOW + SECOND);
	assert_string_equal(find(f, c).sources, "");
}

static void agent_see_must_refuse_what_is_no_identity(void **state)
{
	static const struct {
		uint64_t chain;
		const char *registry, *token;
	} cases[] = {
		{ 0, REGISTRY, "1" },
		{ 1, "", "1" },
		{ 1, "0x8004", "1" },
		{ 1, "0x8004a818bfb912233c491871b3d84c89a494bd9g", "1" },
		{ 1, "8004a818bfb912233c491871b3d84c89a494bd9eaa", "1" },
		{ 1, REGISTRY, "" },
		{ 1, REGISTRY, "-1" },
		{ 1, REGISTRY, "01" },
		{ 1, REGISTRY, "0x1" },
		{ 1, REGISTRY, "1 " },
		{ 1, REGISTRY, "115792089237316195423570985008687907853269984665640564039457584007913129639936" },
	};
	struct fixture *f = *state;
	int64_t id = 77;

	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct agent_key k = { .chain_id = cases[i].chain };
		art_copy(k.registry, sizeof(k.registry), cases[i].registry);
		art_copy(k.token_id, sizeof(k.token_id), cases[i].token);
		fails(agent_see(f->st, &k, "x", &id, &err), ART_INVALID);
	}
	assert_int_equal(id, 77);
	(void)see(f, "0");
	(void)see(f, "115792089237316195423570985008687907853269984665640564039457584007913129639935");
	assert_int_equal(number(f->path, "SELECT count(*) FROM agent"), 2);
}

static void sources_must_stay_whole_words_when_they_are_many(void **state)
{
	struct fixture *f = *state;
	struct agent_key k = key_of("1");
	struct agent_row row;
	int64_t id;

	for (int i = 0; i < 40; i++) {
		char name[48];
		snprintf(name, sizeof(name), "bazaar:facilitator-%d.example", i);
		ok(agent_see(f->st, &k, name, &id, &err));
	}
	row = find(f, id);
	assert_string_equal(row.sources, "bazaar:facilitator-0.example bazaar:facilitator-1.example");
	assert_true(number(f->path, "SELECT length(sources) FROM agent") < 512);
}

static void agent_find_text_must_take_the_three_forms(void **state)
{
	struct fixture *f = *state;
	struct agent_key k = key_of("17");
	struct agent_row row;
	char text[32];
	int64_t a = see(f, "17"), b;

	ok(agent_find_text(f->st, "84532:17", &row, &err));
	assert_int_equal(row.id, a);
	k.registry[41] = 'f';
	ok(agent_see(f->st, &k, "x", &b, &err));
	fails(agent_find_text(f->st, "84532:17", &row, &err), ART_CONFLICT);
	ok(agent_find_text(f->st, "84532:0x8004A818BFB912233C491871B3D84C89A494BD9E:17", &row, &err));
	assert_int_equal(row.id, a);
	snprintf(text, sizeof(text), "#%" PRId64, b);
	ok(agent_find_text(f->st, text, &row, &err));
	assert_int_equal(row.id, b);
	fails(agent_find_text(f->st, "84532:18", &row, &err), ART_NOT_FOUND);
	fails(agent_find_text(f->st, "84532:" OWNER ":17", &row, &err), ART_NOT_FOUND);
	fails(agent_find_text(f->st, "#99", &row, &err), ART_NOT_FOUND);
}

static void agent_find_text_must_refuse_other_texts(void **state)
{
	static const char *const bad[] = { "", "17", ":17", "84532:", "x:17", "84532:x", "84532:0x12:17", "#", "#x",
					   "#0", "#-1", "-1:17", "0:17", "84532:" REGISTRY ":", "84532:" REGISTRY ":1:2",
					   "84532:\x1b[31m", "99999999999999999999999999:1", "1:1'; DROP TABLE agent" };
	struct fixture *f = *state;
	struct agent_row row;

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		fails(agent_find_text(f->st, bad[i], &row, &err), ART_INVALID);
		assert_null(strchr(err.text, '\x1b'));
	}
	fails(agent_find(f->st, 1, &row, &err), ART_NOT_FOUND);
}

/* ---- facts ------------------------------------------------------------------------------------- */

static void facts_must_stand_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct agent_facts l = { 0 };
	int64_t id = see(f, "1");

	art_clock_set_for_test(NOW);
	TELL(id, ORIGIN_DOCUMENT, "name", "by document", "gpu", "H100");
	TELL(id, ORIGIN_BAZAAR, "name", "by bazaar");
	TELL(id, ORIGIN_SCAN, "name", "by scan", "score", "70");
	ok(agent_facts(f->st, id, &l, &err));

	assert_int_equal(l.n, 5);
	assert_string_equal(l.rows[0].key, "gpu");
	assert_int_equal(l.rows[1].origin, ORIGIN_DOCUMENT);
	assert_int_equal(l.rows[2].origin, ORIGIN_SCAN);
	assert_int_equal(l.rows[3].origin, ORIGIN_BAZAAR);
	assert_int_equal(l.rows[1].at, NOW);
	assert_string_equal(agent_fact_of(&l, "name", ORIGIN_COUNT)->value, "by document");
	assert_string_equal(agent_fact_of(&l, "name", ORIGIN_SCAN)->value, "by scan");
	assert_null(agent_fact_of(&l, "name", ORIGIN_CHAIN));
	assert_null(agent_fact_of(&l, "none", ORIGIN_COUNT));
	assert_string_equal(find(f, id).name, "by document");
	agent_facts_destroy(&l);
	ok(agent_facts(f->st, 99, &l, &err));
	assert_int_equal(l.n, 0);
}

static void each_origin_must_outrank_those_before_it(void **state)
{
	struct fixture *f = *state;
	int64_t id = see(f, "1");

	for (int o = 0; o < ORIGIN_COUNT; o++) {
		TELL(id, (enum fact_origin)o, "name", fact_origin_text((enum fact_origin)o));
		assert_string_equal(find(f, id).name, fact_origin_text((enum fact_origin)o));
	}
	for (int o = ORIGIN_COUNT - 1; o > 0; o--) {
		ok(agent_tell(f->st, id, (enum fact_origin)o, NULL, 0, NULL, &err));
		assert_string_equal(find(f, id).name, fact_origin_text((enum fact_origin)(o - 1)));
	}
}

static void agent_tell_must_replace_its_origin_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct agent_row row;
	int64_t id = see(f, "1"), other = see(f, "2");

	TELL(id, ORIGIN_DOCUMENT, "name", "a", "gpu", "H100", "x402", "true", "active", "true");
	TELL(id, ORIGIN_CHAIN, "uri", "https://a.example/");
	TELL(other, ORIGIN_DOCUMENT, "name", "b");
	TELL(id, ORIGIN_DOCUMENT, "name", "c");
	row = find(f, id);

	assert_string_equal(row.name, "c");
	assert_string_equal(row.gpu, "");
	assert_false(row.x402);
	assert_false(row.active_known);
	assert_string_equal(row.uri, "https://a.example/");
	assert_string_equal(find(f, other).name, "b");
	assert_int_equal(number(f->path, "SELECT count(*) FROM agent_fact"), 3);
}

static void agent_tell_must_merge_every_column(void **state)
{
	struct fixture *f = *state;
	struct agent_row row;
	int64_t id = see(f, "1");
	struct agent_fact score[] = { { .key = "score", .value = "71.5", .as_of = NOW - 50 * SECOND },
				      { .key = "feedbacks", .value = "12" } };

	art_clock_set_for_test(NOW);
	TELL(id, ORIGIN_DOCUMENT, "name", "n", "uri", "u", "gpu", "g", "x402", "YES", "active", "0", "skills",
	     "x/y  ai_ml_engineering/model_optimization/lora", "best_val_bpb", "0.9973", "updated",
	     "2026-03-12T10:30:00Z");
	TELL(id, ORIGIN_CHAIN, "owner", OWNER, "wallet", WALLET);
	ok(agent_tell(f->st, id, ORIGIN_SCAN, score, 2, WANTED, &err));
	row = find(f, id);

	assert_string_equal(row.owner, OWNER);
	assert_string_equal(row.wallet, WALLET);
	assert_string_equal(row.uri, "u");
	assert_string_equal(row.gpu, "g");
	assert_string_equal(row.skills, "x/y ai_ml_engineering/model_optimization/lora");
	assert_true(row.x402 && row.active_known && !row.active && row.matches);
	assert_true(row.claimed_bpb.known && row.claimed_bpb.v == 0.9973);
	assert_int_equal(row.claimed_at, 1773311400 * SECOND);
	assert_true(row.score.known && row.score.v == 71.5 && row.feedbacks.v == 12);
	assert_int_equal(row.scored_at, NOW - 50 * SECOND);
}

static void a_document_must_not_testify_for_itself(void **state)
{
	struct fixture *f = *state;
	struct agent_row row;
	int64_t id = see(f, "1");

	TELL(id, ORIGIN_SCAN, "owner", OWNER, "wallet", WALLET, "score", "3", "feedbacks", "nan");
	TELL(id, ORIGIN_DOCUMENT, "owner", WALLET, "wallet", OWNER, "score", "100", "feedbacks", "9999");
	row = find(f, id);
	assert_string_equal(row.owner, OWNER);
	assert_string_equal(row.wallet, WALLET);
	assert_true(row.score.v == 3);
	assert_false(row.feedbacks.known);
	TELL(id, ORIGIN_SCAN, "name", "x");
	row = find(f, id);
	assert_string_equal(row.owner, "");
	assert_string_equal(row.wallet, "");
	assert_false(row.score.known);
	/* What is no address is none. */
	TELL(id, ORIGIN_CHAIN, "owner", "0x90F79bf6EB2c4f870365E785982E1f101E93b90", "wallet", "me");
	assert_string_equal(find(f, id).owner, "");
	assert_string_equal(find(f, id).wallet, "");
}

static void a_claim_must_be_a_plain_positive_number(void **state)
{
	static const char *const bad[] = { "", "0", "-1", "-0.5", "nan", "inf", "-inf", "1e999", "0x1p-3", "1,05", "1.05 bpb",
					   " 1.05", "best", "1.0.0", "+1", "1e", "--1", "9\xff" };
	static const char *const good[] = { "0.9973", "1", "1e-3", "12.", ".5" };
	struct fixture *f = *state;
	int64_t id = see(f, "1");

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		TELL(id, ORIGIN_DOCUMENT, "best_val_bpb", bad[i]);
		if (find(f, id).claimed_bpb.known || find(f, id).claimed_at != 0)
			fail_msg("\"%s\" was taken", bad[i]);
	}
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		TELL(id, ORIGIN_DOCUMENT, "best_val_bpb", good[i]);
		if (!find(f, id).claimed_bpb.known)
			fail_msg("\"%s\" was not taken", good[i]);
	}
	/* The most trusted word counts, also when it is none. */
	TELL(id, ORIGIN_PERSON, "best_val_bpb", "unknown");
	assert_false(find(f, id).claimed_bpb.known);
}

static void a_claim_must_be_as_old_as_it_says(void **state)
{
	static const struct {
		const char *updated;
		int64_t as_of, at;
	} cases[] = {
		{ "2026-03-12T10:30:00Z", 0, 1773311400 * SECOND },
		{ "2026-03-12 10:30:00", 0, 1773311400 * SECOND },
		{ "2026-03-12T11:30:00+01:00", 0, 1773311400 * SECOND },
		{ "1773311400", 0, 1773311400 * SECOND },
		{ "1773311400123", 0, 1773311400 * SECOND + 123000 },
		{ "now", 0, NOW },
		{ "2451545", 0, NOW },
		{ "9999-12-31T00:00:00Z", 0, NOW },
		{ "2026-13-45T99:99:99Z", 0, NOW },
		{ "-1", 0, NOW },
		{ "yesterday", NOW - 5, NOW - 5 },
		{ "", NOW + 3 * 86400 * SECOND, NOW },
	};
	struct fixture *f = *state;
	int64_t id = see(f, "1");

	art_clock_set_for_test(NOW);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct agent_fact facts[2] = { { .key = "best_val_bpb", .value = "1", .as_of = cases[i].as_of },
					       { .key = "updated" } };
		art_copy(facts[1].value, sizeof(facts[1].value), cases[i].updated);
		ok(agent_tell(f->st, id, ORIGIN_DOCUMENT, facts, 2, NULL, &err));
		if (find(f, id).claimed_at != cases[i].at)
			fail_msg("\"%s\": %" PRId64, cases[i].updated, find(f, id).claimed_at);
	}
	/* Another origin's time says nothing about it. */
	TELL(id, ORIGIN_DOCUMENT, "best_val_bpb", "1");
	TELL(id, ORIGIN_CHAIN, "updated", "2026-03-12T10:30:00Z");
	assert_int_equal(find(f, id).claimed_at, NOW);
}

static void facts_of_strangers_must_be_cleaned_and_bounded(void **state)
{
	struct fixture *f = *state;
	struct agent_facts l = { 0 };
	struct agent_fact facts[4] = { { .key = "na\x1b[31mme", .value = "a\x1b]0;x\x07\xff" "b\ncd" },
				       { .key = "name", .value = "second" },
				       { .key = "\x1b[0m", .value = "no key is left" },
				       { .key = "meta.x", .value = "'); DROP TABLE agent; --" } };
	int64_t id = see(f, "1");

	ok(agent_tell(f->st, id, ORIGIN_DOCUMENT, facts, 4, NULL, &err));
	ok(agent_facts(f->st, id, &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[1].key, "name");
	for (const char *p = l.rows[1].value; *p != '\0'; p++)
		assert_true((unsigned char)*p >= ' ');
	assert_string_equal(l.rows[0].value, "'); DROP TABLE agent; --");
	assert_string_not_equal(find(f, id).name, "second");
	agent_facts_destroy(&l);
	/* Fields that are full to the brim, and skills that do not fit the row. */
	memset(facts[0].key, 'k', sizeof(facts[0].key) - 1);
	memset(facts[0].value, 'v', sizeof(facts[0].value) - 1);
	art_copy(facts[1].key, sizeof(facts[1].key), "skills");
	for (size_t i = 0; i + 1 < sizeof(facts[1].value); i++)
		facts[1].value[i] = i % 11 == 10 ? ' ' : 's';
	art_copy(facts[1].value + sizeof(facts[1].value) - 40, 40, " ai_ml_engineering/model_optimization");
	ok(agent_tell(f->st, id, ORIGIN_DOCUMENT, facts, 2, WANTED, &err));
	struct agent_row row = find(f, id);
	assert_true(row.matches);
	assert_int_equal(strlen(row.skills) % 11, 10);
	assert_true(strlen(row.skills) < sizeof(row.skills));
}

static void agent_tell_must_refuse_too_many_and_unknown(void **state)
{
	struct fixture *f = *state;
	struct agent_fact *facts = calloc(AGENT_FACTS_MAX + 1, sizeof(*facts));
	int64_t id = see(f, "1");

	for (int i = 0; i <= AGENT_FACTS_MAX; i++)
		snprintf(facts[i].key, sizeof(facts[i].key), "meta.%d", i);
	ok(agent_tell(f->st, id, ORIGIN_CHAIN, facts, AGENT_FACTS_MAX, NULL, &err));
	fails(agent_tell(f->st, id, ORIGIN_CHAIN, facts, AGENT_FACTS_MAX + 1, NULL, &err), ART_LIMIT);
	fails(agent_tell(f->st, 99, ORIGIN_CHAIN, facts, 1, NULL, &err), ART_NOT_FOUND);
	assert_int_equal(number(f->path, "SELECT count(*) FROM agent_fact"), AGENT_FACTS_MAX);
	free(facts);
}

static void agent_tell_must_be_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	int64_t id = see(f, "1");

	TELL(id, ORIGIN_DOCUMENT, "name", "before", "gpu", "H100");
	ok(store_begin(f->st, &err));
	TELL(id, ORIGIN_DOCUMENT, "name", "after");
	store_rollback(f->st);

	assert_string_equal(find(f, id).name, "before");
	assert_string_equal(find(f, id).gpu, "H100");
}

static void agent_tell_must_bring_its_workers_up_to_date(void **state)
{
	struct fixture *f = *state;
	int64_t id = see(f, "1"), w;
	struct worker_told told = { .agent_id = id };
	struct worker_row row;

	ok(worker_see(f->st, "https://a.example", &told, &w, &err));
	TELL(id, ORIGIN_DOCUMENT, "best_val_bpb", "1.5");
	ok(worker_find(f->st, w, &row, &err));
	assert_true(row.claimed_bpb.known && row.claimed_bpb.v == 1.5);
	TELL(id, ORIGIN_DOCUMENT, "name", "x");
	ok(worker_find(f->st, w, &row, &err));
	assert_false(row.claimed_bpb.known);
	assert_int_equal(row.claimed_at, 0);
}

static void agent_document_must_say_when_and_why(void **state)
{
	struct fixture *f = *state;
	int64_t id = see(f, "1");

	assert_int_equal(find(f, id).document_at, 0);
	art_clock_set_for_test(NOW);
	ok(agent_document(f->st, id, "no JSON\x1b[2J at byte 3", &err));
	assert_int_equal(find(f, id).document_at, NOW);
	assert_null(strchr(find(f, id).broken, '\x1b'));
	assert_non_null(strstr(find(f, id).broken, "at byte 3"));
	ok(agent_document(f->st, id, "", &err));
	assert_string_equal(find(f, id).broken, "");
	fails(agent_document(f->st, 99, "", &err), ART_NOT_FOUND);
}

/* ---- lists ------------------------------------------------------------------------------------- */

static const char *tokens_of(struct fixture *f, struct agent_query q)
{
	static char text[256];
	struct agent_list l = { 0 };
	size_t at = 0;

	text[0] = 0;
	ok(agent_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ", l.rows[i].key.token_id);
	snprintf(text + at, sizeof(text) - at, "of %" PRId64, l.total);
	agent_list_destroy(&l);
	return text;
}
#define expect(want, ...) assert_string_equal(tokens_of(f, (struct agent_query){ __VA_ARGS__ }), want)

static void agent_query_must_filter_and_sort(void **state)
{
	struct fixture *f = *state;
	struct agent_key other = { .chain_id = 8453, .registry = REGISTRY, .token_id = "5" };
	int64_t id[6];

	for (int i = 1; i <= 4; i++) {
		char token[16];
		snprintf(token, sizeof(token), "%d", i);
		art_clock_set_for_test(NOW - i);
		id[i] = see(f, token);
	}
	ok(agent_see(f->st, &other, "x", &id[5], &err));
	TELL(id[1], ORIGIN_DOCUMENT, "name", "beta", "best_val_bpb", "1.2", "skills", "devops_mlops/model_versioning");
	TELL(id[2], ORIGIN_DOCUMENT, "name", "Alpha", "best_val_bpb", "1.1", "skills", "x/y/z other");
	TELL(id[3], ORIGIN_SCAN, "name", "gamma", "score", "5", "owner", OWNER);
	TELL(id[5], ORIGIN_SCAN, "score", "9", "skills", "ai_ml_engineering/model_optimization/a");

	expect("2 1 3 4 5 of 5", .sort = AGENTS_BY_CLAIM);
	expect("1 2 3 5 4 of 5", .sort = AGENTS_BY_SEEN);
	expect("2 1 3 4 5 of 5", .sort = AGENTS_BY_NAME);
	expect("5 3 4 2 1 of 5", .sort = AGENTS_BY_SCORE);
	expect("1 3 of 5", .sort = AGENTS_BY_CLAIM, .offset = 1, .limit = 2);
	expect("of 5", .offset = 99);
	expect("5 of 1", .chain_id = 8453);
	expect("1 5 of 2", .matching = true);
	expect("2 1 of 2", .with_claim = true);
	expect("2 of 1", .skill = "x/y");
	expect("of 0", .skill = "x/y/z/q");
	expect("2 of 1", .skill = "other");
	expect("of 0", .skill = "y/z");
	expect("2 of 1", .match = "ALPH");
	expect("3 of 1", .match = "90f79");
	expect("1 of 2", .match = "model_", .limit = 1);
	expect("5 of 2", .match = "model_", .limit = 5, .offset = 1);
	expect("of 0", .match = "%");
	expect("1 of 1", .match = "model", .matching = true, .chain_id = 84532);
}

/* 10,000 agents, with names, claims and scores out of order. */
static void crowd(struct fixture *f)
{
	tamper(f->path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
			" INSERT INTO agent (chain_id, registry, token_id, created_at, seen_at, name, skills, matches,"
			" claimed_bpb, score) SELECT 8453, '" REGISTRY "', i, i, i * 7919 % 10007,"
			" 'agent ' || i * 31 % 9973, 'a/b c/d', i % 10 = 0, iif(i % 3 = 0, 1.0 + i * 17 % 1000, NULL),"
			" iif(i % 4 = 0, i * 13 % 100, NULL) FROM n");
}

static void lists_of_ten_thousand_must_come_from_indices(void **state)
{
	struct fixture *f = *state;
	struct agent_list l = { 0 };
	int64_t slowest = 0;

	crowd(f);
	for (int sort = AGENTS_BY_CLAIM; sort <= AGENTS_BY_SCORE; sort++)
		for (int filter = 0; filter < 8; filter++) {
			struct agent_query q = { .sort = sort, .offset = 300, .limit = 40, .matching = filter & 1,
						 .with_claim = filter & 2, .chain_id = filter & 4 ? 8453 : 0 };
			int64_t t = art_mono_us();
			ok(agent_query(f->st, &q, &l, &err));
			t = art_mono_us() - t;
			slowest = t > slowest ? t : slowest;
			assert_int_equal(l.n, l.total > 340 ? 40 : l.total - 300);
		}
	agent_list_destroy(&l);
	assert_true(indexed(f->st, "SELECT id FROM agent", "agent", true) >= 32);
	assert_true(indexed(f->st, "SELECT count(*) FROM agent", "agent", true) >= 8);
	/* Under a sanitizer, on a machine that does other things: only a walk of the rows takes this long. */
	assert_true(slowest < 500 * 1000);
}

/* Windows side by side show every row once, in order. */
static void windows_must_join_without_gap(void **state)
{
	struct fixture *f = *state;
	struct agent_list l = { 0 };
	char *seen = calloc(10001, 1);

	crowd(f);
	for (int sort = AGENTS_BY_CLAIM; sort <= AGENTS_BY_SCORE; sort++) {
		int64_t total = 0;
		memset(seen, 0, 10001);
		for (int64_t at = 0; at < 10000; at += 997) {
			struct agent_query q = { .sort = sort, .offset = at, .limit = 997 };
			ok(agent_query(f->st, &q, &l, &err));
			for (size_t i = 0; i < l.n; i++)
				seen[l.rows[i].id]++;
			total += (int64_t)l.n;
		}
		assert_int_equal(total, 10000);
		for (int i = 1; i <= 10000; i++)
			assert_int_equal(seen[i], 1);
	}
	agent_list_destroy(&l);
	free(seen);
}

/* ---- sources ----------------------------------------------------------------------------------- */

static void source_rows_must_come_back(void **state)
{
	struct fixture *f = *state;
	struct source_row row = { .name = "8004scan", .asked_at = NOW, .ok_at = NOW - 1, .rows = 3, .bad = 1, .failures = 2,
				  .error = "429\x1b[31m too many", .cursor = "12345" }, back;
	struct source_list l = { 0 };

	ok(source_get(f->st, "8004scan", &back, &err));
	assert_string_equal(back.name, "8004scan");
	assert_int_equal(back.asked_at, 0);
	ok(source_set(f->st, &row, &err));
	ok(source_get(f->st, "8004scan", &back, &err));
	assert_int_equal(back.asked_at, NOW);
	assert_int_equal(back.ok_at, NOW - 1);
	assert_true(back.rows == 3 && back.bad == 1 && back.failures == 2);
	assert_string_equal(back.cursor, "12345");
	assert_null(strchr(back.error, '\x1b'));
	row = (struct source_row){ .name = "8004scan" };
	ok(source_set(f->st, &row, &err));
	ok(source_get(f->st, "8004scan", &back, &err));
	assert_true(back.rows == 0 && back.ok_at == 0);
	art_copy(row.name, sizeof(row.name), "static");
	ok(source_set(f->st, &row, &err));
	art_copy(row.name, sizeof(row.name), "bazaar:x");
	ok(source_set(f->st, &row, &err));
	ok(source_list(f->st, &l, &err));
	assert_int_equal(l.n, 3);
	assert_string_equal(l.rows[1].name, "bazaar:x");
	source_list_destroy(&l);
	row.name[0] = '\0';
	fails(source_set(f->st, &row, &err), ART_INVALID);
	row = (struct source_row){ .name = "x", .failures = -1 };
	fails(source_set(f->st, &row, &err), ART_INVALID);
}

static void expect_wait(struct fixture *f, int64_t per_minute, int64_t per_day, int64_t want)
{
	int64_t wait = -1;

	fails(source_take(f->st, "s", per_minute, per_day, &wait, &err), ART_LIMIT);
	assert_int_equal(wait, want);
}

static void a_bucket_must_fill_evenly(void **state)
{
	struct fixture *f = *state;
	int64_t wait = -1;
	char iso[24];

	art_clock_set_for_test(NOW);
	for (int i = 0; i < 7; i++)
		ok(source_take(f->st, "s", 7, 1000, &wait, &err));
	assert_int_equal(wait, 0);
	/* 60 s by 7 is 8571428.57 us: one us before that there is none. */
	expect_wait(f, 7, 1000, 8571429);
	art_clock_set_for_test(NOW + 8571428);
	expect_wait(f, 7, 1000, 1);
	art_clock_set_for_test(NOW + 8571429);
	ok(source_take(f->st, "s", 7, 1000, NULL, &err));
	/* The rest of that us is not lost: seven tokens come in 60 s. */
	expect_wait(f, 7, 1000, 8571429);
	art_clock_set_for_test(NOW + 2 * 8571429);
	ok(source_take(f->st, "s", 7, 1000, NULL, &err));
	expect_wait(f, 7, 1000, 8571428);
	art_clock_set_for_test(NOW + 3600 * SECOND);
	for (int i = 0; i < 7; i++)
		ok(source_take(f->st, "s", 7, 1000, NULL, &err));
	fails(source_take(f->st, "s", 7, 1000, NULL, &err), ART_LIMIT);
	/* A date: the sentence is kept, and read later. */
	art_time_iso(NOW + 3609 * SECOND, iso, sizeof(iso));
	assert_non_null(strstr(err.text, iso));
}

static void a_bucket_must_be_exact_however_often_it_is_asked(void **state)
{
	struct fixture *f = *state;
	int64_t taken = 0, wait;

	/* 7 a minute for ten minutes, asked every 0.37 s: 7 at once and then 70 more. */
	for (int64_t t = 0; t <= 600 * SECOND; t += 370000) {
		art_clock_set_for_test(NOW + t);
		if (source_take(f->st, "s", 7, 0, &wait, NULL) == ART_OK)
			taken++;
	}
	assert_in_range(taken, 76, 77);
}

static void both_windows_must_count(void **state)
{
	struct fixture *f = *state;
	char iso[24];

	art_clock_set_for_test(NOW);
	for (int i = 0; i < 3; i++)
		ok(source_take(f->st, "s", 100, 3, NULL, &err));
	expect_wait(f, 100, 3, 28800 * SECOND);
	art_time_iso(NOW + 8 * 3600 * SECOND, iso, sizeof(iso));
	assert_non_null(strstr(err.text, iso));
	/* Another source has its own; no ceiling is none. */
	ok(source_take(f->st, "t", 100, 3, NULL, &err));
	for (int i = 0; i < 50; i++)
		ok(source_take(f->st, "u", 0, 0, NULL, &err));
	for (int i = 0; i < 20; i++)
		ok(source_take(f->st, "v", 20, 0, NULL, &err));
	fails(source_take(f->st, "v", 20, 0, NULL, &err), ART_LIMIT);
	/* A ceiling that was lowered holds at once, one that was raised lets through what drips in. */
	ok(source_take(f->st, "w", 100, 0, NULL, &err));
	ok(source_take(f->st, "w", 1, 0, NULL, &err));
	fails(source_take(f->st, "w", 1, 0, NULL, &err), ART_LIMIT);
	fails(source_take(f->st, "w", INT64_MAX, 0, NULL, &err), ART_LIMIT);
	art_clock_set_for_test(NOW + 1);
	ok(source_take(f->st, "w", INT64_MAX, INT64_MAX, NULL, &err));
}

static void a_clock_that_steps_must_neither_block_nor_give(void **state)
{
	struct fixture *f = *state;

	art_clock_set_for_test(NOW);
	for (int i = 0; i < 2; i++)
		ok(source_take(f->st, "s", 2, 0, NULL, &err));
	expect_wait(f, 2, 0, 30 * SECOND);
	/* A year back: the wait is no longer than it was, and no shorter. */
	art_clock_set_for_test(NOW - 31536000 * SECOND);
	expect_wait(f, 2, 0, 30 * SECOND);
	art_clock_set_for_test(NOW - 31536000 * SECOND + 30 * SECOND);
	ok(source_take(f->st, "s", 2, 0, NULL, &err));
	/* Far ahead: a full bucket, not more. */
	art_clock_set_for_test(NOW + 31536000 * SECOND);
	for (int i = 0; i < 2; i++)
		ok(source_take(f->st, "s", 2, 0, NULL, &err));
	fails(source_take(f->st, "s", 2, 0, NULL, &err), ART_LIMIT);
}

static void a_hold_must_hold_and_end(void **state)
{
	struct fixture *f = *state;

	art_clock_set_for_test(NOW);
	ok(source_hold(f->st, "s", NOW + 90 * SECOND, &err));
	expect_wait(f, 30, 1000, 90 * SECOND);
	/* The longer one counts; one that is over is none. */
	ok(source_hold(f->st, "s", NOW + 10 * SECOND, &err));
	ok(source_hold(f->st, "s", NOW - 10 * SECOND, &err));
	expect_wait(f, 30, 1000, 90 * SECOND);
	ok(source_hold(f->st, "s", NOW + 100 * SECOND, &err));
	expect_wait(f, 30, 1000, 100 * SECOND);
	/* A clock set back makes it no longer. */
	art_clock_set_for_test(NOW - 5000 * SECOND);
	expect_wait(f, 30, 1000, 100 * SECOND);
	ok(source_hold(f->st, "s", NOW - 4990 * SECOND, &err));
	expect_wait(f, 30, 1000, 100 * SECOND);
	art_clock_set_for_test(NOW - 4900 * SECOND - 1);
	expect_wait(f, 30, 1000, 1);
	art_clock_set_for_test(NOW - 4900 * SECOND);
	ok(source_take(f->st, "s", 30, 1000, NULL, &err));
	/* Nobody may hold us for a year. */
	ok(source_hold(f->st, "s", INT64_MAX, &err));
	expect_wait(f, 30, 1000, SOURCE_HOLD_MAX_US);
}

static void a_source_must_tell_until_when_it_is_held(void **state)
{
	struct fixture *f = *state;
	struct source_row row = { .name = "s" }, back;
	struct source_list l = { 0 };

	art_clock_set_for_test(NOW);
	ok(source_set(f->st, &row, &err));
	ok(source_get(f->st, "s", &back, &err));
	assert_int_equal(back.held_until, 0);
	ok(source_take(f->st, "s", 30, 1000, NULL, &err));
	ok(source_get(f->st, "s", &back, &err));
	assert_int_equal(back.held_until, 0);
	ok(source_hold(f->st, "s", NOW + 34 * SECOND, &err));
	/* Writing the row leaves it. */
	ok(source_set(f->st, &row, &err));
	ok(source_list(f->st, &l, &err));
	assert_int_equal(l.rows[0].held_until, NOW + 34 * SECOND);
	source_list_destroy(&l);
}

static void a_bucket_must_survive_a_restart(void **state)
{
	struct fixture *f = *state;

	art_clock_set_for_test(NOW);
	ok(source_take(f->st, "s", 1, 0, NULL, &err));
	store_close(f->st);
	ok(store_open(&f->st, f->path, 0, 2000, &err));
	expect_wait(f, 1, 0, 60 * SECOND);
	assert_int_equal(number(f->path, "SELECT count(*) FROM bucket"), 1);
}

static void a_bucket_must_hold_for_processes_at_once(void **state)
{
	struct fixture *f = *state;
	pid_t pid[4];
	int sum = 0;

	art_clock_set_for_test(NOW);
	store_close(f->st); /* SQLite's connections do not survive a fork */
	f->st = NULL;
	for (int p = 0; p < 4; p++) {
		pid[p] = fork();
		assert_true(pid[p] >= 0);
		if (pid[p] == 0) {
			struct store *st;
			int won = 0;

			if (store_open(&st, f->path, 0, 5000, NULL) != ART_OK)
				_exit(100);
			for (int i = 0; i < 10; i++)
				won += source_take(st, "s", 13, 1000, NULL, NULL) == ART_OK;
			store_close(st);
			_exit(won);
		}
	}
	for (int p = 0; p < 4; p++) {
		int status;

		assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		sum += WEXITSTATUS(status);
	}
	assert_int_equal(sum, 13);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void damage_must_be_said(void **state)
{
	struct fixture *f = *state;
	struct agent_facts l = { 0 };
	int64_t id = see(f, "1");

	TELL(id, ORIGIN_CHAIN, "name", "x");
	tamper(f->path, "UPDATE agent_fact SET origin = 'rumour'");
	fails(agent_facts(f->st, id, &l, &err), ART_CORRUPT);
	assert_int_equal(l.n, 0);
	assert_null(l.rows);
}

static void the_bell_must_ring_for_agents(void **state)
{
	struct fixture *f = *state;
	struct bell *bell = bell_new();
	struct bell_sub *sub = bell_subscribe(bell, TOPIC_AGENT | TOPIC_WORKER);
	struct source_row row = { .name = "x" };
	struct worker_told told = { .matches = true };
	int64_t id, w;

	store_attach_bell(f->st, bell);
	id = see(f, "1");
	assert_int_equal(bell_take(sub), TOPIC_AGENT);
	TELL(id, ORIGIN_CHAIN, "best_val_bpb", "1");
	assert_int_equal(bell_take(sub), TOPIC_AGENT);
	ok(source_set(f->st, &row, &err));
	assert_int_equal(bell_take(sub), TOPIC_AGENT);
	told.agent_id = id;
	ok(worker_see(f->st, "https://a.example", &told, &w, &err));
	assert_int_equal(bell_take(sub), TOPIC_WORKER);
	TELL(id, ORIGIN_CHAIN, "best_val_bpb", "2");
	assert_int_equal(bell_take(sub), TOPIC_AGENT | TOPIC_WORKER);
	store_attach_bell(f->st, NULL);
	bell_unsubscribe(bell, sub);
	bell_free(bell);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skills_match_must_know_equal_and_below),
		T(agent_see_must_make_one_identity),
		T(agent_see_must_refuse_what_is_no_identity),
		T(sources_must_stay_whole_words_when_they_are_many),
		T(agent_find_text_must_take_the_three_forms),
		T(agent_find_text_must_refuse_other_texts),
		T(facts_must_stand_side_by_side),
		T(each_origin_must_outrank_those_before_it),
		T(agent_tell_must_replace_its_origin_and_no_other),
		T(agent_tell_must_merge_every_column),
		T(a_document_must_not_testify_for_itself),
		T(a_claim_must_be_a_plain_positive_number),
		T(a_claim_must_be_as_old_as_it_says),
		T(facts_of_strangers_must_be_cleaned_and_bounded),
		T(agent_tell_must_refuse_too_many_and_unknown),
		T(agent_tell_must_be_whole_or_not_at_all),
		T(agent_tell_must_bring_its_workers_up_to_date),
		T(agent_document_must_say_when_and_why),
		T(agent_query_must_filter_and_sort),
		T(lists_of_ten_thousand_must_come_from_indices),
		T(windows_must_join_without_gap),
		T(source_rows_must_come_back),
		T(a_bucket_must_fill_evenly),
		T(a_bucket_must_be_exact_however_often_it_is_asked),
		T(both_windows_must_count),
		T(a_clock_that_steps_must_neither_block_nor_give),
		T(a_hold_must_hold_and_end),
		T(a_source_must_tell_until_when_it_is_held),
		T(a_bucket_must_survive_a_restart),
		T(a_bucket_must_hold_for_processes_at_once),
		T(damage_must_be_said),
		T(the_bell_must_ring_for_agents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
