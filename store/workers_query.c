/*
 * workers_query.c - one window of the workers: filtered, sorted, counted by how they are.
 *
 * The list is a few segments one after the other (pinned, the rest, banned; in each those that have
 * the number sorted by, then those that have none), so that an index gives the order within each in
 * both directions. Counting says in which segments the window lies; its ids come from the index,
 * which also holds what is filtered by; only its rows are read. A search in texts looks at every row
 * once anyway and sorts what it finds; so are the few of one agent, and those with a verified number.
 */
#include "store/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/workers_sql.h"

#define PLACES 3
#define GROUPS 2

/*
 * @group: 0 or 1, the second part of the order, that of the index word by word; NULL none. @by: [reverse],
 * the third.
 * The index is named because the planner, which knows no numbers of rows, takes another one for some of
 * the conditions.
 */
static const struct {
	const char *index, *group, *by[2];
} orders[] = {
	[WORKERS_BY_TRUST] = { "worker_by_trust", "coalesce(quarantine_until > ?5, 0)",
			       { "trust DESC, id", "trust, id DESC" } },
	[WORKERS_BY_PRICE] = { "worker_by_price", "price IS NULL", { "price, id", "price DESC, id DESC" } },
	[WORKERS_BY_NAME] = { "worker_by_name", NULL,
			      { "title COLLATE NOCASE, id", "title COLLATE NOCASE DESC, id DESC" } },
	[WORKERS_BY_LATENCY] = { "worker_by_latency", "latency_us IS NULL",
				 { "latency_us, id", "latency_us DESC, id DESC" } },
	[WORKERS_BY_CLAIM] = { "worker_by_claim", "claimed_bpb IS NULL",
			       { "claimed_bpb, id", "claimed_bpb DESC, id DESC" } },
	/* searched, see is_search */
	[WORKERS_BY_VERIFIED] = { NULL, "verified_bpb IS NULL",
				  { "verified_bpb, id", "verified_bpb DESC, id DESC" } },
};

/* Found by looking at all, or by an index that does not hold the order. */
static bool is_search(const struct worker_query *q)
{
	return q->match[0] != '\0' || q->skill[0] != '\0' || q->agent_id != 0 || q->verified ||
	       q->sort == WORKERS_BY_VERIFIED;
}

/* Of how they are: what the rows are, but not the counts. */
static const char *alive_condition(const struct worker_query *q)
{
	return q->alive ? " AND alive = 'alive'" : q->not_dead ? " AND alive <> 'dead'" : "";
}

static void put_conditions(struct art_buf *b, const struct worker_query *q)
{
	art_buf_put(b, " WHERE 1");
	if (!q->all)
		art_buf_put(b, " AND matches = 1");
	if (q->agent_id != 0)
		art_buf_put(b, " AND agent_id = ?4");
	if (q->verified)
		art_buf_put(b, " AND verified_bpb IS NOT NULL");
	if (q->chain_id != 0)
		art_buf_put(b, " AND (agent_chain = ?1 OR offer_chain = ?1)");
	if (q->skill[0] != '\0') /* as skills_match; the column's words are one space apart */
		art_buf_put(b, " AND (instr(' ' || skills || ' ', ' ' || ?2 || ' ') > 0"
			       " OR instr(' ' || skills, ' ' || ?2 || '/') > 0)");
	if (q->match[0] != '\0')
		art_buf_put(b, " AND art_has(?3, name, url, gpu, skills)");
}

static void bind_conditions(struct sql *s, const struct worker_query *q)
{
	if (q->chain_id != 0)
		sql_bind_int(s, 1, (int64_t)q->chain_id);
	if (q->skill[0] != '\0')
		sql_bind_text(s, 2, q->skill, sizeof(q->skill));
	if (q->match[0] != '\0')
		sql_bind_text(s, 3, q->match, sizeof(q->match));
	if (q->agent_id != 0)
		sql_bind_int(s, 4, q->agent_id);
}

/* How many the window may count in each segment. */
struct segments {
	int64_t n[PLACES][GROUPS];
};

static void take_count(struct sql *s, const struct worker_query *q, struct segments *seg,
		       struct worker_list *out)
{
	int64_t place = sql_int(s, 0), all = sql_int(s, 1), alive = sql_int(s, 2), dead = sql_int(s, 3);
	int64_t count = q->alive ? alive : q->not_dead ? all - dead : all;

	if (place < 0 || place >= PLACES) {
		sql_damaged(s, "place of a worker");
		return;
	}
	seg->n[place][1] = orders[q->sort].group == NULL ? 0 : sql_int(s, 4);
	seg->n[place][0] = count - seg->n[place][1];
	out->n_alive += alive;
	out->n_dead += dead;
	out->n_untried += all - alive - dead;
	out->total += count;
}

static enum art_status count_segments(struct store *st, const struct worker_query *q, int64_t now,
				      struct segments *seg, struct worker_list *out,
				      struct art_err *err)
{
	struct art_buf text;
	struct sql s;

	*seg = (struct segments){ 0 };
	art_buf_init(&text, 2048);
	art_buf_put(&text, "SELECT place, count(*), count(*) FILTER (WHERE alive = 'alive'),"
			   " count(*) FILTER (WHERE alive = 'dead')");
	if (orders[q->sort].group != NULL)
		art_buf_putf(&text, ", count(*) FILTER (WHERE %s%s)", orders[q->sort].group,
			     alive_condition(q));
	art_buf_putf(&text, " FROM worker INDEXED BY %s", orders[q->sort].index);
	put_conditions(&text, q);
	art_buf_put(&text, " GROUP BY place");
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	if (q->sort == WORKERS_BY_TRUST)
		sql_bind_int(&s, 5, now);
	while (sql_row(&s))
		take_count(&s, q, seg, out);
	enum art_status status = sql_close(&s, err, "count workers");
	art_buf_destroy(&text);
	return status;
}

/* At most @limit ids (-1: all) of one segment, after @offset of them. */
static enum art_status list_segment(struct store *st, const struct worker_query *q, int64_t now,
				    int place, int group, int64_t limit, int64_t offset,
				    struct id_list *out, struct art_err *err)
{
	struct art_buf text;
	struct sql s;

	art_buf_init(&text, 2048);
	art_buf_putf(&text, "SELECT id FROM worker INDEXED BY %s", orders[q->sort].index);
	put_conditions(&text, q);
	art_buf_put(&text, alive_condition(q));
	art_buf_put(&text, " AND place = ?8");
	if (orders[q->sort].group != NULL)
		art_buf_putf(&text, " AND (%s) = ?9", orders[q->sort].group);
	art_buf_putf(&text, " ORDER BY %s LIMIT ?6 OFFSET ?7", orders[q->sort].by[q->reverse]);
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	if (q->sort == WORKERS_BY_TRUST)
		sql_bind_int(&s, 5, now);
	sql_bind_int(&s, 6, limit);
	sql_bind_int(&s, 7, offset);
	sql_bind_int(&s, 8, place);
	if (orders[q->sort].group != NULL)
		sql_bind_int(&s, 9, group);
	id_list_fill(out, &s);
	enum art_status status = sql_close(&s, err, "list workers");
	art_buf_destroy(&text);
	return status;
}

static enum art_status list_ids(struct store *st, const struct worker_query *q, int64_t now,
				struct worker_list *out, struct id_list *list, struct art_err *err)
{
	int64_t skip = q->offset > 0 ? q->offset : 0;
	struct segments seg;

	enum art_status s = count_segments(st, q, now, &seg, out, err);
	for (int i = 0; s == ART_OK && i < PLACES * GROUPS; i++) {
		int64_t n = seg.n[i / GROUPS][i % GROUPS];
		int64_t want = q->limit > 0 ? q->limit - (int64_t)list->n : n;

		if (want > 0 && skip < n)
			s = list_segment(st, q, now, i / GROUPS, i % GROUPS, want, skip, list, err);
		skip = skip > n ? skip - n : 0;
	}
	return s;
}

/* All that a search finds, in order; counted by the way. */
static enum art_status search_ids(struct store *st, const struct worker_query *q, int64_t now,
				  struct worker_list *out, struct id_list *list, struct art_err *err)
{
	struct art_buf text;
	struct sql s;
	size_t cap = 0;

	art_buf_init(&text, 2048);
	art_buf_put(&text, "SELECT id, alive = 'alive', alive = 'dead' FROM worker");
	if (q->agent_id == 0 && !q->verified)
		art_buf_put(&text, " NOT INDEXED"); /* every row is read: in their own order, then */
	put_conditions(&text, q);
	art_buf_put(&text, " ORDER BY place");
	if (orders[q->sort].group != NULL)
		art_buf_putf(&text, ", %s", orders[q->sort].group);
	art_buf_putf(&text, ", %s", orders[q->sort].by[q->reverse]);
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	if (q->sort == WORKERS_BY_TRUST)
		sql_bind_int(&s, 5, now);
	while (sql_row(&s)) {
		bool alive = sql_int(&s, 1) != 0, dead = sql_int(&s, 2) != 0;

		out->n_alive += alive;
		out->n_dead += dead;
		out->n_untried += !alive && !dead;
		if ((q->alive && !alive) || (q->not_dead && dead))
			continue;
		list->ids = store_list_room(list->ids, list->n, &cap, sizeof(*list->ids));
		list->ids[list->n++] = sql_int(&s, 0);
	}
	out->total = (int64_t)list->n;
	enum art_status status = sql_close(&s, err, "search the workers");
	art_buf_destroy(&text);
	return status;
}

static enum art_status query(struct store *st, const struct worker_query *q,
			     struct worker_list *out, struct art_err *err)
{
	struct id_list list = { 0 };
	int64_t now = art_now_us();
	size_t from = 0, n;
	enum art_status s;

	ART_BUG_ON((unsigned)q->sort >= ART_COUNT(orders));
	if (is_search(q)) {
		s = search_ids(st, q, now, out, &list, err);
		id_list_window(&list, q->offset, q->limit, &from, &n);
	} else {
		s = list_ids(st, q, now, out, &list, err);
		n = list.n;
	}
	if (s == ART_OK && n > 0)
		out->rows = art_alloc(n, sizeof(*out->rows));
	for (; s == ART_OK && out->n < n; out->n++)
		s = worker_find(st, list.ids[from + out->n], &out->rows[out->n], err);
	free(list.ids);
	return s;
}

enum art_status worker_query(struct store *st, const struct worker_query *q,
			     struct worker_list *out, struct art_err *err)
{
	worker_list_destroy(out);
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = query(st, q, out, err);
	store_read_leave(st);
	if (s != ART_OK)
		worker_list_destroy(out);
	return s;
}

/* The least price, of those in @place, of an offer that we would take; the index gives them by price. */
static enum art_status find_cheapest(struct store *st, int64_t place, struct worker_counts *out,
				     struct art_err *err)
{
	struct usdc price;
	struct sql s;

	sql_open(&s, st, "SELECT w.price FROM worker w JOIN probe p ON p.id = w.probe_id WHERE w.place = ?1"
			 " AND (w.price IS NULL) = 0 AND w.matches = 1 AND w.alive = 'alive'"
			 " AND p.payable = 1 ORDER BY w.price LIMIT 1");
	sql_bind_int(&s, 1, place);
	if (sql_row(&s)) {
		if (!usdc_from_micro(sql_int(&s, 0), &price))
			sql_damaged(&s, "a price");
		else if (!out->priced || usdc_cmp(price, out->cheapest) < 0)
			out->cheapest = price;
		out->priced = true;
	}
	return sql_close(&s, err, "find the cheapest worker");
}

static enum art_status count_market(struct store *st, struct worker_counts *out, struct art_err *err)
{
	struct sql s;

	sql_open(&s, st, "SELECT count(*), count(*) FILTER (WHERE alive = 'alive') FROM worker"
			 " WHERE matches = 1 AND place < 2");
	if (sql_row(&s)) {
		out->known = sql_int(&s, 0);
		out->alive = sql_int(&s, 1);
	}
	return sql_close(&s, err, "count the market");
}

enum art_status worker_counts(struct store *st, struct worker_counts *out, struct art_err *err)
{
	*out = (struct worker_counts){ 0 };
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = count_market(st, out, err);
	for (int64_t place = 0; s == ART_OK && place < 2; place++)
		s = find_cheapest(st, place, out, err);
	store_read_leave(st);
	if (s != ART_OK)
		*out = (struct worker_counts){ 0 };
	return s;
}

void worker_list_destroy(struct worker_list *l)
{
	free(l->rows);
	*l = (struct worker_list){ 0 };
}
