/*
 * experiments_board.c - the numbers of the header: incumbent, noise, counts, how busy the night was.
 */
#include "store/experiments.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "store/experiments_sql.h"

/* ---- incumbent ---------------------------------------------------------------------------- */

static enum art_status last_decided(struct store *st, const char *text, int64_t class_id,
				    struct experiment_row *out, bool *found, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, text);
	sql_bind_int(&q, 1, class_id);
	*found = sql_row(&q);
	if (*found)
		experiment_read(&q, out);
	return sql_close(&q, err, "read the incumbent");
}

/* The IN is that of the index experiment_champion, or the index is not used. */
static enum art_status last_kept(struct store *st, int64_t class_id, struct experiment_row *out,
				 bool *found, struct art_err *err)
{
	return last_decided(st, "SELECT " EXPERIMENT_COLUMNS " FROM experiment e"
				" WHERE e.class_id = ?1 AND e.verdict IN ('baseline', 'kept')"
				" AND e.verdict = 'kept' ORDER BY e.decided_at DESC, e.id DESC"
				" LIMIT 1", class_id, out, found, err);
}

static enum art_status last_baseline(struct store *st, int64_t class_id, struct experiment_row *out,
				     bool *found, struct art_err *err)
{
	return last_decided(st, "SELECT " EXPERIMENT_COLUMNS " FROM experiment e"
				" WHERE e.class_id = ?1 AND e.verdict IN ('baseline', 'kept')"
				" AND e.verdict = 'baseline' ORDER BY e.decided_at DESC, e.id DESC"
				" LIMIT 1", class_id, out, found, err);
}

enum art_status experiment_champion(struct store *st, int64_t class_id, struct experiment_row *out,
				    struct art_err *err)
{
	bool found;

	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = last_kept(st, class_id, out, &found, err);
	if (s == ART_OK && !found)
		s = last_baseline(st, class_id, out, &found, err);
	store_read_leave(st);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "class %" PRId64 " has no incumbent yet",
				class_id);
	return s;
}

enum art_status board_trend(struct store *st, int64_t class_id, struct trend_point *out, size_t max,
			    size_t *n, struct art_err *err)
{
	struct sql q;

	*n = 0;
	sql_open(&q, st, "SELECT decided_at, id, val_bpb FROM (SELECT decided_at, id, val_bpb"
			 " FROM experiment WHERE class_id = ?1 AND verdict IN ('baseline', 'kept')"
			 " AND val_bpb IS NOT NULL ORDER BY decided_at DESC, id DESC LIMIT ?2)"
			 " ORDER BY decided_at, id");
	sql_bind_int(&q, 1, class_id);
	sql_bind_int(&q, 2, (int64_t)max);
	while (*n < max && sql_row(&q)) {
		out[*n] = (struct trend_point){ sql_int(&q, 0), sql_int(&q, 1), sql_f64(&q, 2) };
		(*n)++;
	}
	return sql_close(&q, err, "read the trend");
}

/* ---- how busy a night was ----------------------------------------------------------------- */

struct busy_span {
	int64_t busy, down; /* us with a run active; without any engine */
	int64_t to;         /* end of the last activity seen */
};

/*
 * Between the last activity at @from and @to: was there a time without an engine? It is taken to
 * last from @from to the newest engine start inside, since a killed engine leaves no word of when.
 */
static enum art_status engine_down(struct store *st, int64_t from, int64_t to, int64_t *down,
				   struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT max(at) FROM engine_start WHERE at > ?1 AND at <= ?2");
	sql_bind_int(&q, 1, from);
	sql_bind_int(&q, 2, to);
	if (sql_row(&q) && !sql_is_null(&q, 0))
		*down += sql_int(&q, 0) - from;
	return sql_close(&q, err, "read when engines started");
}

/* Extend @b over the runs of @night_id that started at or after b->to, as seen at @now. */
static enum art_status sweep(struct store *st, int64_t night_id, int64_t now, struct busy_span *b,
			     struct art_err *err)
{
	struct sql q;
	enum art_status s = ART_OK;

	/* CROSS JOIN fixes the order: the few late runs first, then whose night they are. */
	sql_open(&q, st, "SELECT r.started_at, coalesce(r.finished_at, ?3)"
			 " FROM run r CROSS JOIN experiment e"
			 " WHERE r.started_at >= ?2 AND r.started_at IS NOT NULL"
			 " AND e.id = r.experiment_id AND e.night_id = ?1"
			 " AND (r.finished_at IS NOT NULL OR r." RUN_ACTIVE ")"
			 " ORDER BY r.started_at");
	sql_bind_int(&q, 1, night_id);
	sql_bind_int(&q, 2, b->to);
	sql_bind_int(&q, 3, now);
	while (s == ART_OK && sql_row(&q)) {
		int64_t from = sql_int(&q, 0), to = sql_int(&q, 1);
		if (from > b->to) {
			s = engine_down(st, b->to, from, &b->down, err);
			b->to = from;
		}
		if (to > b->to) {
			b->busy += to - b->to;
			b->to = to;
		}
	}
	enum art_status closed = sql_close(&q, s == ART_OK ? err : NULL, "add up night %" PRId64,
					   night_id);
	return s != ART_OK ? s : closed;
}

static enum art_status read_counted(struct store *st, int64_t night_id, struct busy_span *b,
				    struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT busy_us, down_us, counted_to FROM night WHERE id = ?1");
	sql_bind_int(&q, 1, night_id);
	if (sql_row(&q))
		*b = (struct busy_span){ sql_int(&q, 0), sql_int(&q, 1), sql_int(&q, 2) };
	return sql_close(&q, err, "read night %" PRId64, night_id);
}

enum art_status night_fold(struct store *st, int64_t run_id, struct art_err *err)
{
	struct sql q;
	struct busy_span b = { 0 };
	int64_t night_id = 0;

	/* While another run is active the sum is not final; a later move will do it. */
	sql_open(&q, st, "SELECT e.night_id FROM run r JOIN experiment e ON e.id = r.experiment_id"
			 " WHERE r.id = ?1 AND NOT EXISTS (SELECT 1 FROM run WHERE " RUN_LIVE
			 " AND " RUN_ACTIVE ")");
	sql_bind_int(&q, 1, run_id);
	if (sql_row(&q))
		night_id = sql_int(&q, 0);
	enum art_status s = sql_close(&q, err, "find the night of run %" PRId64, run_id);
	if (s != ART_OK || night_id == 0)
		return s;
	s = read_counted(st, night_id, &b, err);
	if (s == ART_OK)
		s = sweep(st, night_id, b.to, &b, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE night SET busy_us = ?2, down_us = ?3, counted_to = ?4"
			 " WHERE id = ?1");
	sql_bind_int(&q, 1, night_id);
	sql_bind_int(&q, 2, b.busy);
	sql_bind_int(&q, 3, b.down);
	sql_bind_int(&q, 4, b.to);
	return sql_finish(&q, err, "add up night %" PRId64, night_id);
}

/* An engine that said it works: else an open night is asleep and its clock stands still. */
static enum art_status engine_works(struct store *st, bool *works, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT 1 FROM engine WHERE state IN ('running', 'paused', 'stopping')");
	*works = sql_row(&q);
	return sql_close(&q, err, "look for the engine");
}

static enum art_status busy_share(struct store *st, const struct night_row *night,
				  struct opt_f64 *out, struct art_err *err)
{
	struct busy_span b = { 0 };
	bool works = false;
	int64_t end = night->ended_at != 0 ? night->ended_at : art_now_us();

	*out = (struct opt_f64){ 0 };
	enum art_status s = read_counted(st, night->id, &b, err);
	if (s == ART_OK)
		s = sweep(st, night->id, end, &b, err);
	if (s == ART_OK && night->ended_at == 0)
		s = engine_works(st, &works, err);
	if (s != ART_OK)
		return s;
	if (night->ended_at == 0 && !works)
		end = b.to;
	else if (end > b.to)
		s = engine_down(st, b.to, end, &b.down, err);
	double elapsed = (double)(end - night->started_at - b.down);
	if (s == ART_OK && elapsed > 0)
		*out = OPT_F64(fmin(1.0, fmax(0.0, (double)b.busy / elapsed)));
	return s;
}

/* ---- the board ---------------------------------------------------------------------------- */

static enum art_status count_candidates(struct store *st, struct board *out, struct art_err *err)
{
	struct sql q;

	/* Grouped in the order of the index experiment_by_proposer, which holds all of this. */
	sql_open(&q, st, "SELECT count(*), total(p_false_keep), " JUDGED ", verdict = 'kept',"
			 " verdict = 'failed' FROM experiment WHERE class_id = ?1 AND " CANDIDATE
			 " GROUP BY proposer, verdict");
	sql_bind_int(&q, 1, out->class.id);
	while (sql_row(&q)) {
		int64_t n = sql_int(&q, 0);
		out->experiments += n;
		out->judged += sql_int(&q, 2) != 0 ? n : 0;
		out->kept += sql_int(&q, 3) != 0 ? n : 0;
		out->failed += sql_int(&q, 4) != 0 ? n : 0;
		out->expected_false_keeps += sql_int(&q, 2) != 0 ? sql_f64(&q, 1) : 0;
	}
	return sql_close(&q, err, "count the candidates");
}

static enum art_status read_noise(struct store *st, struct board *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT total(noise_ss), coalesce(sum(noise_df), 0) FROM experiment"
			 " WHERE class_id = ?1 AND noise_df > 0");
	sql_bind_int(&q, 1, out->class.id);
	if (sql_row(&q)) {
		double ss = sql_f64(&q, 0);
		out->sigma_df = sql_int(&q, 1);
		if (out->sigma_df > 0)
			out->sigma = OPT_F64(sqrt(ss / (double)out->sigma_df));
	}
	return sql_close(&q, err, "add up the noise");
}

static enum art_status count_live(struct store *st, struct board *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT count(*) FROM run r CROSS JOIN experiment e WHERE r." RUN_LIVE
			 " AND e.id = r.experiment_id AND e.class_id = ?1");
	sql_bind_int(&q, 1, out->class.id);
	if (sql_row(&q))
		out->runs_live = sql_int(&q, 0);
	return sql_close(&q, err, "count live runs");
}

/* The newest night, of @class_id or (0) of all; and which class the board is about. */
static enum art_status choose_night(struct store *st, int64_t class_id, struct board *out,
				    struct art_err *err)
{
	struct sql q;
	int64_t night_id = 0;

	if (class_id == 0)
		sql_open(&q, st, "SELECT max(id) FROM night");
	else
		sql_open(&q, st, "SELECT max(id) FROM night WHERE class_id = ?1");
	if (class_id != 0)
		sql_bind_int(&q, 1, class_id);
	if (sql_row(&q))
		night_id = sql_int(&q, 0);
	enum art_status s = sql_close(&q, err, "find the newest night");
	if (s == ART_OK && night_id != 0) {
		s = night_find(st, night_id, &out->night, err);
		out->has_night = s == ART_OK;
		class_id = out->night.class_id;
	}
	if (s == ART_OK && class_id != 0) {
		s = class_find(st, class_id, &out->class, err);
		out->has_class = s == ART_OK;
	}
	return s;
}

static enum art_status board_read(struct store *st, int64_t class_id, struct board *out,
				  struct art_err *err)
{
	enum art_status s = choose_night(st, class_id, out, err);

	if (s != ART_OK || !out->has_class)
		return s;
	s = last_kept(st, out->class.id, &out->champion, &out->has_champion, err);
	if (s == ART_OK)
		s = last_baseline(st, out->class.id, &out->baseline, &out->has_baseline, err);
	if (s == ART_OK && !out->has_champion && out->has_baseline) {
		out->champion = out->baseline;
		out->has_champion = true;
	}
	if (s == ART_OK)
		s = count_candidates(st, out, err);
	if (s == ART_OK)
		s = read_noise(st, out, err);
	if (s == ART_OK)
		s = count_live(st, out, err);
	if (s == ART_OK && out->has_night)
		s = busy_share(st, &out->night, &out->busy_share, err);
	return s;
}

enum art_status board_get(struct store *st, int64_t class_id, struct board *out,
			  struct art_err *err)
{
	memset(out, 0, sizeof(*out));
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = board_read(st, class_id, out, err);
	store_read_leave(st);
	return s;
}
