/*
 * experiments_query.c - one window of the experiments: filtered, sorted, counted.
 *
 * The window is found as a list of ids first, from an index that holds the order and nothing wide;
 * only the rows in the window are read. With a match every row must be looked at once anyway, so
 * that pass gives the count as well.
 */
#include "store/experiments.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/experiments_sql.h"

/* The CASE is that of the index experiment_by_verdict, word by word, or the index is not used. */
#define VERDICT_RANK                                                                               \
	"CASE e.verdict WHEN 'pending' THEN 0 WHEN 'baseline' THEN 1 WHEN 'kept' THEN 2"           \
	" WHEN 'discarded' THEN 3 WHEN 'failed' THEN 4 WHEN 'stopped' THEN 5"                      \
	" WHEN 'cancelled' THEN 6 ELSE 7 END"

/* [sort][descending]; ties by id, so that a window never shows a row twice. */
static const char *const orders[][2] = {
	[EXPERIMENT_BY_ID] = { "e.id", "e.id DESC" },
	[EXPERIMENT_BY_SCORE] = { "e.val_bpb NULLS LAST, e.id",
				  "e.val_bpb DESC NULLS LAST, e.id DESC" },
	[EXPERIMENT_BY_VERDICT] = { VERDICT_RANK ", e.id", VERDICT_RANK " DESC, e.id DESC" },
	[EXPERIMENT_BY_PROPOSER] = { "e.proposer, e.id", "e.proposer DESC, e.id DESC" },
	[EXPERIMENT_BY_TIME] = { "e.seconds, e.id", "e.seconds DESC, e.id DESC" },
};

static void put_conditions(struct art_buf *b, const struct experiment_query *q)
{
	art_buf_put(b, " WHERE 1");
	if (q->class_id != 0)
		art_buf_put(b, " AND e.class_id = ?1");
	if (q->night_id != 0)
		art_buf_put(b, " AND e.night_id = ?2");
	if (q->verdicts != 0) {
		const char *comma = "";
		art_buf_put(b, " AND e.verdict IN (");
		for (int v = 0; v < VERDICT_COUNT; v++) {
			if ((q->verdicts >> v & 1) == 0)
				continue;
			art_buf_putf(b, "%s'%s'", comma, verdict_text((enum verdict)v));
			comma = ", ";
		}
		art_buf_put(b, ")");
	}
	if (q->match[0] != '\0')
		art_buf_put(b, " AND art_has(?3, e.title, e.idea, e.proposer, e.knobs)");
}

static void bind_conditions(struct sql *s, const struct experiment_query *q)
{
	if (q->class_id != 0)
		sql_bind_int(s, 1, q->class_id);
	if (q->night_id != 0)
		sql_bind_int(s, 2, q->night_id);
	if (q->match[0] != '\0')
		sql_bind_text(s, 3, q->match, sizeof(q->match));
}

static enum art_status count_all(struct store *st, const struct experiment_query *q, int64_t *total,
				 struct art_err *err)
{
	struct art_buf text;
	struct sql s;

	art_buf_init(&text, 4096);
	art_buf_put(&text, "SELECT count(*) FROM experiment e");
	put_conditions(&text, q);
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	*total = sql_row(&s) ? sql_int(&s, 0) : 0;
	enum art_status status = sql_close(&s, err, "count experiments");
	art_buf_destroy(&text);
	return status;
}

/* With a match: every matching id in order. Without: those of the window alone. */
static enum art_status list_ids(struct store *st, const struct experiment_query *q,
				struct id_list *out, struct art_err *err)
{
	struct art_buf text;
	struct sql s;
	bool match = q->match[0] != '\0';

	ART_BUG_ON((unsigned)q->sort >= ART_COUNT(orders));
	art_buf_init(&text, 4096);
	art_buf_put(&text, "SELECT e.id FROM experiment e");
	if (match) /* one pass over the table beats a walk of an index that fetches each row */
		art_buf_put(&text, " NOT INDEXED");
	put_conditions(&text, q);
	art_buf_putf(&text, " ORDER BY %s", orders[q->sort][q->descending]);
	if (!match)
		art_buf_put(&text, " LIMIT ?4 OFFSET ?5");
	sql_open(&s, st, text.data);
	bind_conditions(&s, q);
	if (!match) {
		sql_bind_int(&s, 4, q->limit > 0 ? q->limit : -1);
		sql_bind_int(&s, 5, q->offset > 0 ? q->offset : 0);
	}
	id_list_fill(out, &s);
	enum art_status status = sql_close(&s, err, "list experiments");
	art_buf_destroy(&text);
	return status;
}

/* The @n rows of @list from @from on. */
static enum art_status read_window(struct store *st, const struct id_list *list, size_t from,
				   size_t n, struct experiment_list *out, struct art_err *err)
{
	if (n == 0)
		return ART_OK;
	out->rows = art_alloc(n, sizeof(*out->rows));
	for (; out->n < n; out->n++) {
		enum art_status s = experiment_find(st, list->ids[from + out->n],
						    &out->rows[out->n], err);
		if (s != ART_OK)
			return s;
	}
	return ART_OK;
}

static enum art_status query(struct store *st, const struct experiment_query *q,
			     struct experiment_list *out, struct art_err *err)
{
	struct id_list list = { 0 };
	size_t from = 0, n;
	bool match = q->match[0] != '\0';
	enum art_status s = ART_OK;

	if (!match)
		s = count_all(st, q, &out->total, err);
	if (s == ART_OK)
		s = list_ids(st, q, &list, err);
	n = list.n;
	if (match) {
		out->total = (int64_t)list.n;
		id_list_window(&list, q->offset, q->limit, &from, &n);
	}
	if (s == ART_OK)
		s = read_window(st, &list, from, n, out, err);
	free(list.ids);
	return s;
}

enum art_status experiment_query(struct store *st, const struct experiment_query *q,
				 struct experiment_list *out, struct art_err *err)
{
	experiment_list_destroy(out);
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = query(st, q, out, err);
	store_read_leave(st);
	if (s != ART_OK)
		experiment_list_destroy(out);
	return s;
}

void experiment_list_destroy(struct experiment_list *l)
{
	free(l->rows);
	*l = (struct experiment_list){ 0 };
}
