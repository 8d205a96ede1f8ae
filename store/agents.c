/*
 * agents.c - identities, the facts told of each, and the row they come to.
 */
#include "store/agents.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/agents_sql.h"

#define SECOND_US ((int64_t)1000000)
#define DAY_US (86400 * SECOND_US)
/* 2^256 - 1: a token id may not be above it, and texts of equal length compare as numbers do. */
#define UINT256_MAX_TEXT "115792089237316195423570985008687907853269984665640564039457584007913129639935"

static const char *const origin_words[] = {
#define WORD(name, text) [ORIGIN_##name] = text,
	FACT_ORIGIN_LIST(WORD)
#undef WORD
};

const char *fact_origin_text(enum fact_origin o)
{
	ART_BUG_ON((unsigned)o >= ORIGIN_COUNT);
	return origin_words[o];
}

/* ---- skills ------------------------------------------------------------------------------------ */

/* Whether the word @told of @n bytes is @want of @len bytes or lies below it. */
static bool lies_at(const char *told, size_t n, const char *want, size_t len)
{
	return len > 0 && n >= len && memcmp(told, want, len) == 0 && (n == len || told[len] == '/');
}

bool skills_match(const char *told, const char *wanted)
{
	static const char gaps[] = " \t\n\r";

	for (const char *w = wanted + strspn(wanted, gaps); *w != '\0'; w += strspn(w, gaps)) {
		size_t len = strcspn(w, gaps);

		for (const char *t = told + strspn(told, gaps); *t != '\0'; t += strspn(t, gaps)) {
			size_t n = strcspn(t, gaps);

			if (lies_at(t, n, w, len))
				return true;
			t += n;
		}
		w += len;
	}
	return false;
}

/* ---- identities -------------------------------------------------------------------------------- */

bool text_is_address(const char *s)
{
	if (s[0] != '0' || s[1] != 'x')
		return false;
	for (int i = 2; i < 42; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return s[42] == '\0';
}

static bool is_uint256(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || strspn(s, "0123456789") != n || (s[0] == '0' && n > 1))
		return false;
	return n < sizeof(UINT256_MAX_TEXT) - 1 ||
	       (n == sizeof(UINT256_MAX_TEXT) - 1 && strcmp(s, UINT256_MAX_TEXT) <= 0);
}

enum art_status agent_key_check(const struct agent_key *key, struct agent_key *out,
				struct art_err *err)
{
	char clean[AGENT_TOKEN_MAX];

	*out = *key;
	for (char *p = out->registry; *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'F' ? *p + 32 : *p);
	if (key->chain_id == 0)
		return art_fail(err, ART_INVALID, "an agent's chain cannot be 0");
	if (!text_is_address(out->registry)) {
		art_text_clean(clean, sizeof(clean), key->registry,
			       strnlen(key->registry, sizeof(key->registry)), false);
		return art_fail(err, ART_INVALID, "\"%s\" is no address of a registry", clean);
	}
	if (!is_uint256(key->token_id)) {
		art_text_clean(clean, sizeof(clean), key->token_id,
			       strnlen(key->token_id, sizeof(key->token_id)), false);
		return art_fail(err, ART_INVALID, "\"%s\" is no number of an agent", clean);
	}
	return ART_OK;
}

void agent_read(struct sql *q, struct agent_row *r)
{
	char words[AGENT_VALUE_MAX];
	int i = 0;

	memset(r, 0, sizeof(*r));
	r->id = sql_int(q, i++);
	r->key.chain_id = (uint64_t)sql_int(q, i++);
	sql_text(q, i++, r->key.registry, sizeof(r->key.registry));
	sql_text(q, i++, r->key.token_id, sizeof(r->key.token_id));
	r->created_at = sql_int(q, i++);
	r->seen_at = sql_int(q, i++);
	sql_text(q, i++, r->name, sizeof(r->name));
	sql_text(q, i++, r->owner, sizeof(r->owner));
	sql_text(q, i++, r->wallet, sizeof(r->wallet));
	sql_text(q, i++, r->uri, sizeof(r->uri));
	sql_text(q, i++, r->gpu, sizeof(r->gpu));
	sql_text(q, i++, words, sizeof(words));
	words_copy(r->skills, sizeof(r->skills), words);
	r->x402 = sql_int(q, i++) != 0;
	r->active_known = !sql_is_null(q, i);
	r->active = sql_int(q, i++) != 0;
	r->matches = sql_int(q, i++) != 0;
	r->claimed_bpb = sql_opt_f64(q, i++);
	r->claimed_at = sql_int(q, i++);
	r->score = sql_opt_f64(q, i++);
	r->feedbacks = sql_opt_f64(q, i++);
	r->scored_at = sql_int(q, i++);
	sql_text(q, i++, words, sizeof(words));
	words_copy(r->sources, sizeof(r->sources), words);
	sql_text(q, i++, r->broken, sizeof(r->broken));
	r->document_at = sql_int(q, i++);
}

enum art_status agent_find(struct store *st, int64_t id, struct agent_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " AGENT_COLUMNS " FROM agent WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		agent_read(&q, out);
	enum art_status s = sql_close(&q, err, "read agent %" PRId64, id);
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no agent #%" PRId64, id);
	return s;
}

/* *id 0: not there. */
static enum art_status look_up(struct store *st, const struct agent_key *key, int64_t *id,
			       char sources[AGENT_SOURCES_MAX], struct art_err *err)
{
	struct sql q;

	*id = 0;
	sources[0] = '\0';
	sql_open(&q, st, "SELECT id, sources FROM agent WHERE chain_id = ?1 AND registry = ?2"
			 " AND token_id = ?3");
	sql_bind_int(&q, 1, (int64_t)key->chain_id);
	sql_bind_text(&q, 2, key->registry, sizeof(key->registry));
	sql_bind_text(&q, 3, key->token_id, sizeof(key->token_id));
	if (sql_row(&q)) {
		*id = sql_int(&q, 0);
		sql_text(&q, 1, sources, AGENT_SOURCES_MAX);
	}
	return sql_close(&q, err, "look for agent %" PRIu64 ":%s", key->chain_id, key->token_id);
}

static enum art_status insert(struct store *st, const struct agent_key *key, const char *sources,
			      int64_t *id, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "INSERT INTO agent (chain_id, registry, token_id, created_at, seen_at,"
			 " sources) VALUES (?1, ?2, ?3, ?4, ?4, ?5)");
	sql_bind_int(&q, 1, (int64_t)key->chain_id);
	sql_bind_text(&q, 2, key->registry, sizeof(key->registry));
	sql_bind_text(&q, 3, key->token_id, sizeof(key->token_id));
	sql_bind_int(&q, 4, art_now_us());
	sql_bind_text(&q, 5, sources, AGENT_SOURCES_MAX);
	enum art_status s = sql_finish(&q, err, "add agent %" PRIu64 ":%s", key->chain_id,
				       key->token_id);
	if (s == ART_OK)
		*id = store_last_id(st);
	return s;
}

static enum art_status see_again(struct store *st, int64_t id, const char *sources,
				 struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "UPDATE agent SET seen_at = ?2, sources = ?3 WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, art_now_us());
	sql_bind_text(&q, 3, sources, AGENT_SOURCES_MAX);
	return sql_finish(&q, err, "write agent %" PRId64, id);
}

enum art_status agent_see(struct store *st, const struct agent_key *told, const char *source,
			  int64_t *id, struct art_err *err)
{
	char sources[AGENT_SOURCES_MAX];
	struct agent_key key;
	int64_t found = 0;

	enum art_status s = agent_key_check(told, &key, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = look_up(st, &key, &found, sources, err);
	if (s == ART_OK && source != NULL && source[0] != '\0')
		(void)words_add(sources, sizeof(sources), source);
	if (s == ART_OK)
		s = found != 0 ? see_again(st, found, sources, err)
			       : insert(st, &key, sources, &found, err);
	s = store_leave(st, s, TOPIC_AGENT, err);
	if (s == ART_OK)
		*id = found;
	return s;
}

enum art_status agent_document(struct store *st, int64_t id, const char *why, struct art_err *err)
{
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE agent SET document_at = ?2, broken = ?3 WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, art_now_us());
	sql_bind_clean(&q, 3, why, sizeof(((struct agent_row *)0)->broken), false);
	s = sql_finish(&q, err, "write agent %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0)
		s = art_fail(err, ART_NOT_FOUND, "there is no agent #%" PRId64, id);
	return store_leave(st, s, TOPIC_AGENT, err);
}

/* ---- facts ------------------------------------------------------------------------------------- */

static int by_key_then_trust(const void *a, const void *b)
{
	const struct agent_fact *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c != 0 ? c : (int)y->origin - (int)x->origin;
}

enum art_status agent_facts(struct store *st, int64_t id, struct agent_facts *out,
			    struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	agent_facts_destroy(out);
	sql_open(&q, st, "SELECT key, origin, value, at, as_of FROM agent_fact WHERE agent_id = ?1");
	sql_bind_int(&q, 1, id);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		struct agent_fact *f = &out->rows[out->n++];
		memset(f, 0, sizeof(*f));
		sql_text(&q, 0, f->key, sizeof(f->key));
		f->origin = (enum fact_origin)sql_word(&q, 1, origin_words, ORIGIN_COUNT,
						       "origin of a fact");
		sql_text(&q, 2, f->value, sizeof(f->value));
		f->at = sql_int(&q, 3);
		f->as_of = sql_int(&q, 4);
	}
	enum art_status s = sql_close(&q, err, "read what is told of agent %" PRId64, id);
	if (s != ART_OK)
		agent_facts_destroy(out);
	else if (out->n > 1)
		qsort(out->rows, out->n, sizeof(*out->rows), by_key_then_trust);
	return s;
}

void agent_facts_destroy(struct agent_facts *l)
{
	free(l->rows);
	*l = (struct agent_facts){ 0 };
}

/* @origins: bits 1 << origin. */
static const struct agent_fact *best_of(const struct agent_facts *l, const char *key,
					unsigned origins)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->rows[i].key, key) == 0 && (origins >> l->rows[i].origin & 1) != 0)
			return &l->rows[i];
	return NULL;
}

const struct agent_fact *agent_fact_of(const struct agent_facts *l, const char *key,
				       enum fact_origin origin)
{
	return best_of(l, key, origin == ORIGIN_COUNT ? ~0u : 1u << origin);
}

/* ---- the merged row ---------------------------------------------------------------------------- */

static const char *value_of(const struct agent_facts *l, const char *key)
{
	const struct agent_fact *f = agent_fact_of(l, key, ORIGIN_COUNT);

	return f != NULL ? f->value : "";
}

/* An agent's own document is no witness of who owns it or where its money goes. */
static const char *address_of(const struct agent_facts *l, const char *key)
{
	const struct agent_fact *f =
		best_of(l, key, 1u << ORIGIN_PERSON | 1u << ORIGIN_CHAIN | 1u << ORIGIN_SCAN);

	return f != NULL && text_is_address(f->value) ? f->value : "";
}

/* 1 yes, 0 no, -1 neither. */
static int truth_of(const char *s)
{
	static const char *const words[][3] = { { "false", "0", "no" }, { "true", "1", "yes" } };

	for (int t = 0; t < 2; t++)
		for (int i = 0; i < 3; i++)
			if (strcasecmp(s, words[t][i]) == 0)
				return t;
	return -1;
}

static struct opt_f64 number_of(const struct agent_fact *f)
{
	double v;

	if (f == NULL || !art_parse_f64(f->value, &v))
		return (struct opt_f64){ false, 0 };
	return OPT_F64(v);
}

/* "2026-03-12T10:30:00Z", or seconds or milliseconds since 1970; 0: neither. */
static enum art_status read_time(struct store *st, const char *s, int64_t *out, struct art_err *err)
{
	struct sql q;
	int64_t v;

	*out = 0;
	if (art_parse_i64(s, &v)) {
		if (v >= 1000000000 && v < 100000000000)
			*out = v * SECOND_US;
		else if (v >= 1000000000000 && v < 100000000000000)
			*out = v * 1000;
		return ART_OK;
	}
	/* A date, and not one of the words that SQLite takes for one: "now". */
	if (strspn(s, "0123456789") != 4 || s[4] != '-')
		return ART_OK;
	sql_open(&q, st, "SELECT unixepoch(?1)");
	sql_bind_text(&q, 1, s, AGENT_VALUE_MAX);
	if (sql_row(&q))
		*out = sql_int(&q, 0) * SECOND_US;
	return sql_close(&q, err, "read a time");
}

/* How old a claim is, by its own origin's word as far as that can be. */
static enum art_status claim_time(struct store *st, const struct agent_facts *l,
				  const struct agent_fact *claim, int64_t *out, struct art_err *err)
{
	const struct agent_fact *updated = agent_fact_of(l, "updated", claim->origin);
	enum art_status s = ART_OK;

	*out = 0;
	if (updated != NULL)
		s = read_time(st, updated->value, out, err);
	if (*out <= 0)
		*out = claim->as_of;
	if (*out <= 0 || *out > claim->at + DAY_US)
		*out = claim->at;
	return s;
}

static enum art_status merge(struct store *st, const struct agent_facts *l, const char *skills,
			     struct agent_row *r, char told[AGENT_VALUE_MAX], struct art_err *err)
{
	const struct agent_fact *claim = agent_fact_of(l, "best_val_bpb", ORIGIN_COUNT);
	const struct agent_fact *score = agent_fact_of(l, "score", ORIGIN_SCAN);
	int active = truth_of(value_of(l, "active"));

	memset(r, 0, sizeof(*r));
	art_copy(r->name, sizeof(r->name), value_of(l, "name"));
	art_copy(r->owner, sizeof(r->owner), address_of(l, "owner"));
	art_copy(r->wallet, sizeof(r->wallet), address_of(l, "wallet"));
	art_copy(r->uri, sizeof(r->uri), value_of(l, "uri"));
	art_copy(r->gpu, sizeof(r->gpu), value_of(l, "gpu"));
	words_copy(told, AGENT_VALUE_MAX, value_of(l, "skills"));
	r->x402 = truth_of(value_of(l, "x402")) == 1;
	r->active_known = active >= 0;
	r->active = active == 1;
	r->matches = skills_match(told, skills);
	r->claimed_bpb = number_of(claim);
	if (!(r->claimed_bpb.v > 0))
		r->claimed_bpb.known = false;
	r->score = number_of(score);
	r->scored_at = score == NULL ? 0 : score->as_of > 0 ? score->as_of : score->at;
	r->feedbacks = number_of(agent_fact_of(l, "feedbacks", ORIGIN_SCAN));
	return r->claimed_bpb.known ? claim_time(st, l, claim, &r->claimed_at, err) : ART_OK;
}

static enum art_status write_merged(struct store *st, int64_t id, const struct agent_row *r,
				    const char *told, struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "UPDATE agent SET name = ?2, owner = ?3, wallet = ?4, uri = ?5, gpu = ?6,"
			 " skills = ?7, x402 = ?8, active = ?9, matches = ?10, claimed_bpb = ?11,"
			 " claimed_at = ?12, score = ?13, feedbacks = ?14, scored_at = ?15"
			 " WHERE id = ?1");
	sql_bind_int(&q, i++, id);
	sql_bind_text(&q, i++, r->name, sizeof(r->name));
	sql_bind_text(&q, i++, r->owner, sizeof(r->owner));
	sql_bind_text(&q, i++, r->wallet, sizeof(r->wallet));
	sql_bind_text(&q, i++, r->uri, sizeof(r->uri));
	sql_bind_text(&q, i++, r->gpu, sizeof(r->gpu));
	sql_bind_text(&q, i++, told, AGENT_VALUE_MAX);
	sql_bind_int(&q, i++, r->x402);
	sql_bind_opt_int(&q, i++, (struct opt_i64){ r->active_known, r->active });
	sql_bind_int(&q, i++, r->matches);
	sql_bind_opt_f64(&q, i++, r->claimed_bpb);
	sql_bind_id(&q, i++, r->claimed_at);
	sql_bind_opt_f64(&q, i++, r->score);
	sql_bind_opt_f64(&q, i++, r->feedbacks);
	sql_bind_id(&q, i++, r->scored_at);
	return sql_finish(&q, err, "write agent %" PRId64, id);
}

/* Workers are listed by what their agent claims. */
static enum art_status tell_workers(struct store *st, int64_t id, const struct agent_row *r,
				    int64_t *changed, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "UPDATE worker SET claimed_bpb = ?2, claimed_at = ?3 WHERE agent_id = ?1"
			 " AND (claimed_bpb IS NOT ?2 OR claimed_at IS NOT ?3)");
	sql_bind_int(&q, 1, id);
	sql_bind_opt_f64(&q, 2, r->claimed_bpb);
	sql_bind_id(&q, 3, r->claimed_at);
	enum art_status s = sql_finish(&q, err, "write the workers of agent %" PRId64, id);
	*changed = s == ART_OK ? store_changes(st) : 0;
	return s;
}

static enum art_status forget(struct store *st, int64_t id, enum fact_origin origin,
			      struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "DELETE FROM agent_fact WHERE agent_id = ?1 AND origin = ?2");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, fact_origin_text(origin), 16);
	return sql_finish(&q, err, "write what is told of agent %" PRId64, id);
}

static enum art_status remember(struct store *st, int64_t id, enum fact_origin origin,
				const struct agent_fact *f, int64_t now, struct art_err *err)
{
	char key[AGENT_KEY_MAX];
	struct sql q;

	if (art_text_clean(key, sizeof(key), f->key, strnlen(f->key, sizeof(f->key)), false) == 0)
		return ART_OK;
	sql_open(&q, st, "INSERT INTO agent_fact (agent_id, key, origin, value, at, as_of)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, key, sizeof(key));
	sql_bind_text(&q, 3, fact_origin_text(origin), 16);
	sql_bind_clean(&q, 4, f->value, sizeof(f->value), false);
	sql_bind_int(&q, 5, now);
	sql_bind_id(&q, 6, f->as_of);
	return sql_finish(&q, err, "write what is told of agent %" PRId64, id);
}

static enum art_status merge_again(struct store *st, int64_t id, const char *skills,
				   int64_t *workers, struct art_err *err)
{
	struct agent_facts l = { 0 };
	struct agent_row row;
	char told[AGENT_VALUE_MAX];

	enum art_status s = agent_facts(st, id, &l, err);
	if (s == ART_OK)
		s = merge(st, &l, skills, &row, told, err);
	if (s == ART_OK)
		s = write_merged(st, id, &row, told, err);
	if (s == ART_OK)
		s = tell_workers(st, id, &row, workers, err);
	agent_facts_destroy(&l);
	return s;
}

enum art_status agent_tell(struct store *st, int64_t id, enum fact_origin origin,
			   const struct agent_fact *facts, size_t n, const char *skills,
			   struct art_err *err)
{
	int64_t now = art_now_us(), workers = 0;
	struct agent_row row;

	if (n > AGENT_FACTS_MAX)
		return art_fail(err, ART_LIMIT, "agent #%" PRId64 ": %s tells %zu facts, the limit is %d",
				id, fact_origin_text(origin), n, AGENT_FACTS_MAX);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = agent_find(st, id, &row, err);
	if (s == ART_OK)
		s = forget(st, id, origin, err);
	for (size_t i = 0; s == ART_OK && i < n; i++)
		s = remember(st, id, origin, &facts[i], now, err);
	if (s == ART_OK)
		s = merge_again(st, id, skills != NULL ? skills : "", &workers, err);
	return store_leave(st, s, workers > 0 ? TOPIC_AGENT | TOPIC_WORKER : TOPIC_AGENT, err);
}
