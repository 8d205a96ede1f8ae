/*
 * workers.c - endpoints: who names them, and what our dealings with them were.
 */
#include "store/workers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/events.h"
#include "store/workers_sql.h"

#define TIMES_MAX 31 /* of whole experiments, for the median */

/* ---- rows -------------------------------------------------------------------------------------- */

#define WORKER_COLUMNS                                                                             \
	"w.id, w.url, w.agent_id, w.added_at, w.seen_at, w.name, w.skills, w.gpu, w.sources,"      \
	" w.matches, w.x402, w.claimed_bpb, w.claimed_at, w.verified_bpb, w.verified_at,"          \
	" w.verified_class, w.pay_to, w.pay_to_before, w.pay_to_changed_at, w.runs, w.succeeded,"  \
	" w.reproduced, w.refuted, w.paid_failed, w.spent, w.median_latency_s, w.failures,"        \
	" w.quarantine_until, w.mark, w.note, a.chain_id, a.token_id, a.wallet, "                  \
	PROBE_COLUMNS
#define WORKER_TABLES                                                                              \
	" FROM worker w LEFT JOIN agent a ON a.id = w.agent_id LEFT JOIN probe p ON p.id = w.probe_id"

static void trust_read(struct sql *q, int *i, struct worker_trust *t)
{
	char mark[16];

	t->runs = sql_int(q, (*i)++);
	t->succeeded = sql_int(q, (*i)++);
	t->reproduced = sql_int(q, (*i)++);
	t->refuted = sql_int(q, (*i)++);
	t->paid_failed = sql_int(q, (*i)++);
	if (!usdc_from_micro(sql_int(q, (*i)++), &t->spent))
		sql_damaged(q, "sum spent at a worker");
	t->median_latency_s = sql_opt_f64(q, (*i)++);
	t->failures = sql_int(q, (*i)++);
	t->quarantine_until = sql_int(q, (*i)++);
	sql_text(q, (*i)++, mark, sizeof(mark));
	t->banned = strcmp(mark, "banned") == 0;
	t->pinned = strcmp(mark, "pinned") == 0;
	sql_text(q, (*i)++, t->note, sizeof(t->note));
}

static void row_read(struct sql *q, struct worker_row *r)
{
	char words[WORKER_LIST_MAX], pay_to[sizeof(r->probe.pay_to)];
	int i = 0;

	memset(r, 0, sizeof(*r));
	r->id = sql_int(q, i++);
	sql_text(q, i++, r->url, sizeof(r->url));
	r->agent_id = sql_int(q, i++);
	r->added_at = sql_int(q, i++);
	r->seen_at = sql_int(q, i++);
	sql_text(q, i++, r->name, sizeof(r->name));
	sql_text(q, i++, words, sizeof(words));
	words_copy(r->skills, sizeof(r->skills), words);
	sql_text(q, i++, r->gpu, sizeof(r->gpu));
	sql_text(q, i++, words, sizeof(words));
	words_copy(r->sources, sizeof(r->sources), words);
	r->matches = sql_int(q, i++) != 0;
	r->x402 = sql_int(q, i++) != 0;
	r->claimed_bpb = sql_opt_f64(q, i++);
	r->claimed_at = sql_int(q, i++);
	r->verified_bpb = sql_opt_f64(q, i++);
	r->verified_at = sql_int(q, i++);
	sql_text(q, i++, r->verified_class, sizeof(r->verified_class));
	sql_text(q, i++, pay_to, sizeof(pay_to));
	sql_text(q, i++, r->pay_to_before, sizeof(r->pay_to_before));
	r->pay_to_changed_at = sql_int(q, i++);
	trust_read(q, &i, &r->trust);
	r->chain_id = (uint64_t)sql_int(q, i++);
	sql_text(q, i++, r->token_id, sizeof(r->token_id));
	sql_text(q, i++, r->wallet, sizeof(r->wallet));
	if (!sql_is_null(q, i))
		probe_read(q, i, &r->probe);
	/* Addresses are the same in any case of their digits. */
	r->wallet_differs = r->wallet[0] != '\0' && pay_to[0] != '\0' &&
			    strcasecmp(r->wallet, pay_to) != 0;
}

enum art_status worker_find(struct store *st, int64_t id, struct worker_row *out,
			    struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " WORKER_COLUMNS WORKER_TABLES " WHERE w.id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "read worker %" PRId64, id);
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no worker #%" PRId64, id);
	return s;
}

/* *id 0: not there. */
static enum art_status find_url(struct store *st, const char *url, int64_t *id, struct art_err *err)
{
	struct sql q;

	*id = 0;
	sql_open(&q, st, "SELECT id FROM worker WHERE url = ?1");
	sql_bind_text(&q, 1, url, WORKER_URL_MAX);
	if (sql_row(&q))
		*id = sql_int(&q, 0);
	return sql_close(&q, err, "look for a worker");
}

enum art_status worker_find_text(struct store *st, const char *text, struct worker_row *out,
				 struct art_err *err)
{
	char clean[128];
	int64_t id;

	if (art_parse_i64(text + (text[0] == '#'), &id))
		return worker_find(st, id, out, err);
	enum art_status s = find_url(st, text, &id, err);
	if (s != ART_OK)
		return s;
	if (id != 0)
		return worker_find(st, id, out, err);
	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	return art_fail(err, ART_NOT_FOUND, "there is no worker \"%s\" here", clean);
}

/* ---- trust ------------------------------------------------------------------------------------- */

double worker_trust_share(const struct worker_trust *t)
{
	const double z = 0.8416212335729143; /* 80 % of a normal distribution lie below it */
	double n = (double)t->runs + (double)t->paid_failed;
	double held = (double)t->succeeded - (double)t->refuted;

	/* Its numbers may have been refuted elsewhere before anything ran there for us. */
	if (!(n > 0))
		return t->refuted > 0 ? 0 : 1.0 / 3;
	double p = held <= 0 ? 0 : held < n ? held / n : 1;
	double low = (p + z * z / (2 * n) - z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)) /
		     (1 + z * z / n);
	return low > 0 ? low : 0;
}

static enum art_status write_trust(struct store *st, int64_t id, const struct worker_trust *t,
				   struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "UPDATE worker SET runs = ?2, succeeded = ?3, reproduced = ?4, refuted = ?5,"
			 " paid_failed = ?6, spent = ?7, median_latency_s = ?8, failures = ?9,"
			 " quarantine_until = ?10, mark = ?11, note = ?12, trust = ?13, place = ?14"
			 " WHERE id = ?1");
	sql_bind_int(&q, i++, id);
	sql_bind_int(&q, i++, t->runs);
	sql_bind_int(&q, i++, t->succeeded);
	sql_bind_int(&q, i++, t->reproduced);
	sql_bind_int(&q, i++, t->refuted);
	sql_bind_int(&q, i++, t->paid_failed);
	sql_bind_int(&q, i++, usdc_to_micro(t->spent));
	sql_bind_opt_f64(&q, i++, t->median_latency_s);
	sql_bind_int(&q, i++, t->failures);
	sql_bind_id(&q, i++, t->quarantine_until);
	sql_bind_text(&q, i++, t->pinned ? "pinned" : t->banned ? "banned" : "", 16);
	sql_bind_clean(&q, i++, t->note, sizeof(t->note), false);
	sql_bind_f64(&q, i++, worker_trust_share(t));
	sql_bind_int(&q, i++, t->pinned ? 0 : t->banned ? 2 : 1);
	return sql_finish(&q, err, "write worker %" PRId64, id);
}

/* ---- who names it ------------------------------------------------------------------------------ */

static enum art_status insert(struct store *st, const char *url, int64_t *id, struct art_err *err)
{
	struct worker_trust none = { 0 };
	struct sql q;

	sql_open(&q, st, "INSERT INTO worker (url, title, added_at, seen_at, trust)"
			 " VALUES (?1, ?1, ?2, ?2, ?3)");
	sql_bind_text(&q, 1, url, WORKER_URL_MAX);
	sql_bind_int(&q, 2, art_now_us());
	sql_bind_f64(&q, 3, worker_trust_share(&none));
	enum art_status s = sql_finish(&q, err, "add a worker");
	if (s == ART_OK)
		*id = store_last_id(st);
	return s;
}

/* What the row holds whole, and worker_row only in part. */
static enum art_status read_sources(struct store *st, int64_t id, char sources[WORKER_SOURCES_MAX],
				    struct art_err *err)
{
	struct sql q;

	sources[0] = '\0';
	sql_open(&q, st, "SELECT sources FROM worker WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	if (sql_row(&q))
		sql_text(&q, 0, sources, WORKER_SOURCES_MAX);
	return sql_close(&q, err, "read worker %" PRId64, id);
}

/* @seen_at 0: leave it. */
static enum art_status write_sources(struct store *st, int64_t id, const char *sources,
				     int64_t seen_at, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "UPDATE worker SET sources = ?2, seen_at = coalesce(?3, seen_at) WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, sources, WORKER_SOURCES_MAX);
	sql_bind_id(&q, 3, seen_at);
	return sql_finish(&q, err, "write worker %" PRId64, id);
}

static enum art_status write_agent(struct store *st, int64_t id, int64_t agent_id,
				   struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "UPDATE worker SET agent_id = ?2, (agent_chain, claimed_bpb, claimed_at) ="
			 " (SELECT chain_id, claimed_bpb, claimed_at FROM agent WHERE id = ?2)"
			 " WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, agent_id);
	return sql_finish(&q, err, "write the agent of worker %" PRId64, id);
}

/* @over: replaces what is there, else only what is empty. */
static enum art_status write_words(struct store *st, int64_t id, const struct worker_told *t,
				   bool over, struct art_err *err)
{
	char skills[WORKER_LIST_MAX], clean[WORKER_LIST_MAX];
	struct worker_row *row;
	struct sql q;

	skills[0] = '\0';
	if (t->skills != NULL) {
		art_text_clean(clean, sizeof(clean), t->skills, strlen(t->skills), false);
		words_copy(skills, sizeof(skills), clean);
	}
	sql_open(&q, st, "UPDATE worker SET"
			 " (name, title) = (SELECT n, CASE n WHEN '' THEN url ELSE n END FROM (SELECT"
			 "   CASE WHEN ?2 IS NULL OR NOT (?7 OR name = '') THEN name ELSE ?2 END AS n)),"
			 " skills = CASE WHEN ?3 IS NULL OR NOT (?7 OR skills = '') THEN skills ELSE ?3 END,"
			 " gpu = CASE WHEN ?4 IS NULL OR NOT (?7 OR gpu = '') THEN gpu ELSE ?4 END,"
			 " matches = max(matches, ?5), x402 = max(x402, ?6) WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	if (t->name != NULL)
		sql_bind_clean(&q, 2, t->name, sizeof(row->name), false);
	if (t->skills != NULL)
		sql_bind_text(&q, 3, skills, sizeof(skills));
	if (t->gpu != NULL)
		sql_bind_clean(&q, 4, t->gpu, sizeof(row->gpu), false);
	sql_bind_int(&q, 5, t->matches ||
			    (t->source != NULL && strcmp(t->source, WORKER_SOURCE_PERSON) == 0));
	sql_bind_int(&q, 6, t->x402);
	sql_bind_int(&q, 7, over);
	return sql_finish(&q, err, "write worker %" PRId64, id);
}

static enum art_status take_told(struct store *st, int64_t id, const struct worker_told *t,
				 struct art_err *err)
{
	char sources[WORKER_SOURCES_MAX];
	struct worker_row now;

	enum art_status s = worker_find(st, id, &now, err);
	if (s == ART_OK)
		s = read_sources(st, id, sources, err);
	if (s != ART_OK)
		return s;
	if (t->source != NULL && t->source[0] != '\0')
		(void)words_add(sources, sizeof(sources), t->source);
	s = write_sources(st, id, sources, art_now_us(), err);
	/* Another agent that names it says nothing about it. */
	if (s != ART_OK || (t->agent_id != 0 && now.agent_id != 0 && t->agent_id != now.agent_id))
		return s;
	if (t->agent_id != 0)
		s = write_agent(st, id, t->agent_id, err);
	if (s == ART_OK)
		s = write_words(st, id, t, t->agent_id != 0 || now.agent_id == 0, err);
	return s;
}

enum art_status worker_see(struct store *st, const char *url, const struct worker_told *told,
			   int64_t *id, struct art_err *err)
{
	int64_t found = 0;

	if (url[0] == '\0' || strlen(url) >= WORKER_URL_MAX)
		return art_fail(err, ART_INVALID, "a worker's URL has 1 to %d bytes, this one %zu",
				WORKER_URL_MAX - 1, strlen(url));
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = find_url(st, url, &found, err);
	if (s == ART_OK && found == 0)
		s = insert(st, url, &found, err);
	if (s == ART_OK)
		s = take_told(st, found, told, err);
	s = store_leave(st, s, TOPIC_WORKER, err);
	if (s == ART_OK && id != NULL)
		*id = found;
	return s;
}

static enum art_status lose_agent(struct store *st, int64_t id, struct art_err *err)
{
	char sources[WORKER_SOURCES_MAX];
	struct sql q;

	enum art_status s = read_sources(st, id, sources, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE worker SET agent_id = NULL, agent_chain = NULL, claimed_bpb = NULL,"
			 " claimed_at = NULL, matches = min(matches, ?2) WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, words_have(sources, WORKER_SOURCE_PERSON));
	return sql_finish(&q, err, "write worker %" PRId64, id);
}

static bool among(int64_t id, const int64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

enum art_status worker_keep(struct store *st, int64_t agent_id, const int64_t *ids, size_t n,
			    struct art_err *err)
{
	struct id_list now = { 0 };
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "SELECT id FROM worker WHERE agent_id = ?1");
	sql_bind_int(&q, 1, agent_id);
	id_list_fill(&now, &q);
	s = sql_close(&q, err, "read the workers of agent %" PRId64, agent_id);
	for (size_t i = 0; s == ART_OK && i < now.n; i++)
		if (!among(now.ids[i], ids, n))
			s = lose_agent(st, now.ids[i], err);
	free(now.ids);
	return store_leave(st, s, TOPIC_WORKER, err);
}

/* ---- removing ---------------------------------------------------------------------------------- */

static enum art_status erase(struct store *st, int64_t id, struct art_err *err)
{
	static const char *const texts[] = {
		"UPDATE worker SET probe_id = NULL WHERE id = ?1",
		"DELETE FROM probe WHERE worker_id = ?1",
		"DELETE FROM worker_time WHERE worker_id = ?1",
		"DELETE FROM worker WHERE id = ?1",
	};
	enum art_status s = ART_OK;

	for (size_t i = 0; s == ART_OK && i < ART_COUNT(texts); i++) {
		struct sql q;

		sql_open(&q, st, texts[i]);
		sql_bind_int(&q, 1, id);
		s = sql_finish(&q, err, "remove worker %" PRId64, id);
	}
	return s;
}

/* What a person said goes; *left: others name it still. */
static enum art_status take_back(struct store *st, const struct worker_row *row, bool *left,
				 struct art_err *err)
{
	char sources[WORKER_SOURCES_MAX];

	enum art_status s = read_sources(st, row->id, sources, err);
	if (s == ART_OK && !words_have(sources, WORKER_SOURCE_PERSON) && row->agent_id == 0 &&
	    sources[0] != '\0')
		return art_fail(err, ART_CONFLICT, "worker #%" PRId64 " was not added by a person: it "
				"comes from %s", row->id, sources);
	words_drop(sources, WORKER_SOURCE_PERSON);
	*left = row->agent_id != 0 || sources[0] != '\0';
	if (s == ART_OK)
		s = *left ? write_sources(st, row->id, sources, 0, err) : erase(st, row->id, err);
	return s;
}

enum art_status worker_remove(struct store *st, int64_t id, struct art_err *err)
{
	struct worker_row row;
	bool left = false;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = worker_find(st, id, &row, err);
	if (s == ART_OK)
		s = take_back(st, &row, &left, err);
	s = store_leave(st, s, TOPIC_WORKER, err);
	if (s == ART_OK && left)
		return art_fail(err, ART_CONFLICT, "worker #%" PRId64 " stays: others name it too",
				id);
	return s;
}

/* ---- experiments there ------------------------------------------------------------------------- */

static enum art_status keep_time(struct store *st, int64_t id, double seconds, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "INSERT INTO worker_time (worker_id, seconds) VALUES (?1, ?2)");
	sql_bind_int(&q, 1, id);
	sql_bind_f64(&q, 2, seconds);
	enum art_status s = sql_finish(&q, err, "write a time of worker %" PRId64, id);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "DELETE FROM worker_time WHERE worker_id = ?1 AND id <= (SELECT id FROM"
			 " worker_time WHERE worker_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, TIMES_MAX);
	return sql_finish(&q, err, "write a time of worker %" PRId64, id);
}

static enum art_status median_time(struct store *st, int64_t id, struct opt_f64 *out,
				   struct art_err *err)
{
	double v[TIMES_MAX];
	struct sql q;
	int n = 0;

	sql_open(&q, st, "SELECT seconds FROM worker_time WHERE worker_id = ?1 ORDER BY seconds");
	sql_bind_int(&q, 1, id);
	while (n < TIMES_MAX && sql_row(&q))
		v[n++] = sql_f64(&q, 0);
	*out = (struct opt_f64){ false, 0 };
	if (n > 0)
		*out = OPT_F64(n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2);
	return sql_close(&q, err, "read the times of worker %" PRId64, id);
}

static bool is_score(struct opt_f64 v)
{
	return v.known && isfinite(v.v) && v.v > 0;
}

static enum art_status keep_verified(struct store *st, const struct worker_row *row,
				     const struct worker_outcome *o, struct art_err *err)
{
	const char *class_text = o->class_text != NULL ? o->class_text : "";
	struct sql q;

	if (!is_score(o->val_bpb))
		return ART_OK;
	/* Numbers compare within a class only. */
	if (row->verified_bpb.known && row->verified_bpb.v <= o->val_bpb.v &&
	    strcmp(row->verified_class, class_text) == 0)
		return ART_OK;
	sql_open(&q, st, "UPDATE worker SET verified_bpb = ?2, verified_at = ?3, verified_class = ?4"
			 " WHERE id = ?1");
	sql_bind_int(&q, 1, row->id);
	sql_bind_f64(&q, 2, o->val_bpb.v);
	sql_bind_int(&q, 3, art_now_us());
	sql_bind_clean(&q, 4, class_text, sizeof(row->verified_class), false);
	return sql_finish(&q, err, "write worker %" PRId64, row->id);
}

static enum art_status count_outcome(struct store *st, struct worker_row *row,
				     const struct worker_outcome *o, struct art_err *err)
{
	struct worker_trust *t = &row->trust;
	bool check = o->reproduced || o->refuted;
	enum art_status s = ART_OK;

	t->reproduced += o->reproduced;
	t->refuted += o->refuted;
	if (!check) {
		t->runs++;
		t->succeeded += o->succeeded;
		t->paid_failed += o->paid && !o->succeeded;
	}
	if (o->paid && !usdc_add(t->spent, o->cost, &t->spent))
		return art_fail(err, ART_LIMIT, "worker #%" PRId64 ": the sum spent is too large", row->id);
	t->failures = o->failures;
	t->quarantine_until = o->quarantine_until;
	if (o->reproduced)
		s = keep_verified(st, row, o, err);
	if (s == ART_OK && !check && o->succeeded && isfinite(o->seconds) && o->seconds >= 0) {
		s = keep_time(st, row->id, o->seconds, err);
		if (s == ART_OK)
			s = median_time(st, row->id, &t->median_latency_s, err);
	}
	return s;
}

enum art_status worker_ran(struct store *st, int64_t id, const struct worker_outcome *o,
			   struct art_err *err)
{
	struct worker_row row;

	ART_BUG_ON(o->reproduced && o->refuted);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = worker_find(st, id, &row, err);
	if (s == ART_OK)
		s = count_outcome(st, &row, o, err);
	if (s == ART_OK)
		s = write_trust(st, id, &row.trust, err);
	return store_leave(st, s, TOPIC_WORKER, err);
}

/* ---- by hand ----------------------------------------------------------------------------------- */

static const struct {
	const char *kind, *word;
} marks[] = {
	[WORKER_BAN] = { "worker.ban", "banned" },
	[WORKER_UNBAN] = { "worker.unban", "banned no more" },
	[WORKER_PIN] = { "worker.pin", "pinned" },
	[WORKER_UNPIN] = { "worker.unpin", "pinned no more" },
	[WORKER_RELEASE] = { "worker.release", "out of quarantine" },
};

static void apply_mark(struct worker_trust *t, enum worker_mark m)
{
	switch (m) {
	case WORKER_BAN:
		t->banned = true;
		t->pinned = false;
		break;
	case WORKER_UNBAN:
		t->banned = false;
		break;
	case WORKER_PIN:
		t->pinned = true;
		t->banned = false;
		break;
	case WORKER_UNPIN:
		t->pinned = false;
		break;
	case WORKER_RELEASE:
		t->failures = 0;
		t->quarantine_until = 0;
		break;
	}
}

enum art_status worker_mark(struct store *st, int64_t id, enum worker_mark m, const char *note,
			    struct art_err *err)
{
	struct worker_row row;

	ART_BUG_ON((unsigned)m >= ART_COUNT(marks));
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = worker_find(st, id, &row, err);
	if (s == ART_OK) {
		apply_mark(&row.trust, m);
		if (note != NULL)
			art_copy(row.trust.note, sizeof(row.trust.note), note);
		s = write_trust(st, id, &row.trust, err);
	}
	if (s == ART_OK)
		s = event_add(st, EVENT_INFO, marks[m].kind, 0, 0, err, "worker #%" PRId64 " (%.160s): %s%s%s",
			      id, row.url, marks[m].word, note != NULL && note[0] ? ": " : "",
			      note != NULL ? note : "");
	return store_leave(st, s, TOPIC_WORKER, err);
}
