/*
 * agents_query.c - one window of the agents, and one agent by what a person types.
 *
 * As with experiments, the window is found as ids from an index that holds the order and what is
 * filtered by; only its rows are read. A search in texts looks at every row once and gives the
 * count by the way.
 */
#include "store/agents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/agents_sql.h"

/*
 * Word by word those of the indices; ties by id, so that a window never shows a row twice. The index is
 * named because the planner, which knows no numbers of rows, takes another one for some conditions.
 */
static const struct {
	const char *index, *by;
} orders[] = {
	[AGENTS_BY_CLAIM] = { "agent_by_claim", "claimed_bpb IS NULL, claimed_bpb, id" },
	[AGENTS_BY_SEEN] = { "agent_by_seen", "seen_at DESC, id DESC" },
	[AGENTS_BY_NAME] = { "agent_by_name", "name = '', name COLLATE NOCASE, id" },
	[AGENTS_BY_SCORE] = { "agent_by_score", "score DESC, id DESC" },
};

static bool is_search(const struct agent_query *q)
{
	return q->match[0] != '\0' || q->skill[0] != '\0';
}

static void put_conditions(struct art_buf *b, const struct agent_query *q)
{
	art_buf_put(b, " WHERE 1");
	if (q->chain_id != 0)
		art_buf_put(b, " AND chain_id = ?1");
	if (q->matching)
		art_buf_put(b, " AND matches = 1");
	if (q->with_claim)
		art_buf_put(b, " AND claimed_bpb IS NOT NULL");
	if (q->skill[0] != '\0') /* as skills_match; the column's words are one space apart */
		art_buf_put(b, " AND (instr(' ' || skills || ' ', ' ' || ?2 || ' ') > 0"
			       " OR instr(' ' || skills, ' ' || ?2 || '/') > 0)");
	if (q->match[0] != '\0')
		art_buf_put(b, " AND art_has(?3, name, skills, owner, token_id)");
}

static void bind_conditions(struct sql *s, const struct agent_query *q)
{
	if (q->chain_id != 0)
		sql_bind_int(s, 1, (int64_t)q->chain_id);
	if (q->skill[0] != '\0')
		sql_bind_text(s, 2, q->skill, sizeof(q->skill));
	if (q->match[0] != '\0')
		sql_bind_text(s, 3, q->match, sizeof(q->match));
}

static enum art_status count_all(struct store *st, const struct agent_query *q, int64_t *total,
				 struct art_err *err)
{
	struct art_buf text;
	struct sql s;

	art_buf_init(&text, 2048);
	art_buf_put(&text, "SELECT count(*) FROM agent");
	put_conditions(&text, q);
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	*total = sql_row(&s) ? sql_int(&s, 0) : 0;
	enum art_status status = sql_close(&s, err, "count agents");
	art_buf_destroy(&text);
	return status;
}

/* Those of the window; of a search, all. */
static enum art_status list_ids(struct store *st, const struct agent_query *q, struct id_list *out,
				struct art_err *err)
{
	struct art_buf text;
	struct sql s;
	bool search = is_search(q);

	ART_BUG_ON((unsigned)q->sort >= ART_COUNT(orders));
	art_buf_init(&text, 2048);
	art_buf_put(&text, "SELECT id FROM agent");
	if (search)
		art_buf_put(&text, " NOT INDEXED");
	else
		art_buf_putf(&text, " INDEXED BY %s", orders[q->sort].index);
	put_conditions(&text, q);
	art_buf_putf(&text, " ORDER BY %s", orders[q->sort].by);
	if (!search)
		art_buf_put(&text, " LIMIT ?4 OFFSET ?5");
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	if (!search) {
		sql_bind_int(&s, 4, q->limit > 0 ? q->limit : -1);
		sql_bind_int(&s, 5, q->offset > 0 ? q->offset : 0);
	}
	id_list_fill(out, &s);
	enum art_status status = sql_close(&s, err, "list agents");
	art_buf_destroy(&text);
	return status;
}

static enum art_status query(struct store *st, const struct agent_query *q, struct agent_list *out,
			     struct art_err *err)
{
	struct id_list list = { 0 };
	size_t from = 0, n = 0;
	enum art_status s = ART_OK;

	if (!is_search(q))
		s = count_all(st, q, &out->total, err);
	if (s == ART_OK)
		s = list_ids(st, q, &list, err);
	n = list.n;
	if (is_search(q)) {
		out->total = (int64_t)list.n;
		id_list_window(&list, q->offset, q->limit, &from, &n);
	}
	if (s == ART_OK && n > 0)
		out->rows = art_alloc(n, sizeof(*out->rows));
	for (; s == ART_OK && out->n < n; out->n++)
		s = agent_find(st, list.ids[from + out->n], &out->rows[out->n], err);
	free(list.ids);
	return s;
}

enum art_status agent_query(struct store *st, const struct agent_query *q, struct agent_list *out,
			    struct art_err *err)
{
	agent_list_destroy(out);
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = query(st, q, out, err);
	store_read_leave(st);
	if (s != ART_OK)
		agent_list_destroy(out);
	return s;
}

void agent_list_destroy(struct agent_list *l)
{
	free(l->rows);
	*l = (struct agent_list){ 0 };
}

/* ---- by name ----------------------------------------------------------------------------------- */

/* "CHAIN:TOKEN" or "CHAIN:REGISTRY:TOKEN"; *registry false: the former. */
static bool split(const char *text, struct agent_key *key, bool *registry)
{
	char chain[24];
	size_t n = strcspn(text, ":");
	int64_t v;

	*key = (struct agent_key){ 0 };
	if (text[n] != ':' || n >= sizeof(chain))
		return false;
	memcpy(chain, text, n);
	chain[n] = '\0';
	if (!art_parse_i64(chain, &v) || v <= 0)
		return false;
	key->chain_id = (uint64_t)v;
	text += n + 1;
	n = strcspn(text, ":");
	*registry = text[n] == ':';
	if (*registry) {
		if (n >= sizeof(key->registry))
			return false;
		memcpy(key->registry, text, n);
		text += n + 1;
	} else {
		/* Any that is well-formed: only the token is looked at. */
		memset(key->registry, '0', sizeof(key->registry) - 1);
		key->registry[1] = 'x';
	}
	return art_copy(key->token_id, sizeof(key->token_id), text);
}

static enum art_status find_key(struct store *st, const struct agent_key *key, bool registry,
				const char *text, struct agent_row *out, struct art_err *err)
{
	struct sql q;
	int n = 0;

	sql_open(&q, st, "SELECT " AGENT_COLUMNS " FROM agent WHERE chain_id = ?1 AND token_id = ?2"
			 " AND (?3 IS NULL OR registry = ?3) LIMIT 2");
	sql_bind_int(&q, 1, (int64_t)key->chain_id);
	sql_bind_text(&q, 2, key->token_id, sizeof(key->token_id));
	if (registry)
		sql_bind_text(&q, 3, key->registry, sizeof(key->registry));
	for (; sql_row(&q); n++)
		agent_read(&q, out);
	enum art_status s = sql_close(&q, err, "look for agent %s", text);
	if (s == ART_OK && n == 0)
		s = art_fail(err, ART_NOT_FOUND, "there is no agent %s here", text);
	if (s == ART_OK && n > 1)
		s = art_fail(err, ART_CONFLICT, "several registries have an agent %s: name one, "
			     "as in %" PRIu64 ":REGISTRY:%s", text, key->chain_id, key->token_id);
	return s;
}

enum art_status agent_find_text(struct store *st, const char *text, struct agent_row *out,
				struct art_err *err)
{
	char clean[160];
	struct agent_key key;
	bool registry;
	int64_t id;

	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	if (text[0] == '#') {
		if (!art_parse_i64(text + 1, &id) || id <= 0)
			return art_fail(err, ART_INVALID, "\"%s\" is no number of an agent", clean);
		return agent_find(st, id, out, err);
	}
	if (!split(text, &key, &registry))
		return art_fail(err, ART_INVALID, "\"%s\" names no agent: give CHAIN:NUMBER, "
				"CHAIN:REGISTRY:NUMBER or #ID", clean);
	enum art_status s = agent_key_check(&key, &key, err);
	return s != ART_OK ? s : find_key(st, &key, registry, clean, out, err);
}
