/*
 * sources.c - the places we ask, and how often we may.
 */
#include "store/agents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_sql.h"

#define SECOND_US ((int64_t)1000000)
#define MINUTE_US (60 * SECOND_US)
#define DAY_US (86400 * SECOND_US)
/* A full day's bucket, and what one day drips, must be numbers. */
_Static_assert(SOURCE_RATE_MAX <= INT64_MAX / DAY_US, "a bucket overflows");

/* ---- rows -------------------------------------------------------------------------------------- */

#define COLUMNS "name, asked_at, ok_at, rows, bad, failures, error, cursor"
#define READ COLUMNS ", (SELECT held_at + hold_us FROM bucket WHERE bucket.name = source.name)"

static void row_read(struct sql *q, struct source_row *r)
{
	memset(r, 0, sizeof(*r));
	sql_text(q, 0, r->name, sizeof(r->name));
	r->asked_at = sql_int(q, 1);
	r->ok_at = sql_int(q, 2);
	r->rows = sql_int(q, 3);
	r->bad = sql_int(q, 4);
	r->failures = sql_int(q, 5);
	sql_text(q, 6, r->error, sizeof(r->error));
	sql_text(q, 7, r->cursor, sizeof(r->cursor));
	r->held_until = sql_is_null(q, 8) ? 0 : sql_int(q, 8);
}

enum art_status source_get(struct store *st, const char *name, struct source_row *out,
			   struct art_err *err)
{
	struct sql q;

	*out = (struct source_row){ 0 };
	art_copy(out->name, sizeof(out->name), name);
	sql_open(&q, st, "SELECT " READ " FROM source WHERE name = ?1");
	sql_bind_text(&q, 1, name, sizeof(out->name));
	if (sql_row(&q))
		row_read(&q, out);
	return sql_close(&q, err, "read source %s", name);
}

enum art_status source_set(struct store *st, const struct source_row *row, struct art_err *err)
{
	struct sql q;
	int i = 1;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO source (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			 " ON CONFLICT (name) DO UPDATE SET asked_at = excluded.asked_at,"
			 " ok_at = excluded.ok_at, rows = excluded.rows, bad = excluded.bad,"
			 " failures = excluded.failures, error = excluded.error,"
			 " cursor = excluded.cursor");
	sql_bind_clean(&q, i++, row->name, sizeof(row->name), false);
	sql_bind_id(&q, i++, row->asked_at);
	sql_bind_id(&q, i++, row->ok_at);
	sql_bind_int(&q, i++, row->rows);
	sql_bind_int(&q, i++, row->bad);
	sql_bind_int(&q, i++, row->failures);
	sql_bind_clean(&q, i++, row->error, sizeof(row->error), false);
	sql_bind_clean(&q, i++, row->cursor, sizeof(row->cursor), false);
	s = sql_finish(&q, err, "write source %s", row->name);
	return store_leave(st, s, TOPIC_AGENT, err);
}

enum art_status source_list(struct store *st, struct source_list *out, struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	source_list_destroy(out);
	sql_open(&q, st, "SELECT " READ " FROM source ORDER BY name");
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		row_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "list the sources");
	if (s != ART_OK)
		source_list_destroy(out);
	return s;
}

void source_list_destroy(struct source_list *l)
{
	free(l->rows);
	*l = (struct source_list){ 0 };
}

/* ---- rate limits -------------------------------------------------------------------------------- */

/*
 * A token of a window of W us is W parts and each us brings as many parts as the window may have tokens: all
 * whole numbers, so nothing is lost or won by rounding however often one asks.
 */
struct window {
	int64_t us, rate;  /* rate 0: no ceiling */
	bool known;        /* false: never counted, so full */
	int64_t level;
};
struct bucket {
	struct window minute, day;
	int64_t filled_at;
	int64_t held_at, hold_us; /* hold_us 0: not held */
};

static enum art_status load(struct store *st, const char *name, struct bucket *b,
			    struct art_err *err)
{
	struct sql q;

	*b = (struct bucket){ .minute = { .us = MINUTE_US }, .day = { .us = DAY_US } };
	sql_open(&q, st, "SELECT minute_level, day_level, filled_at, held_at, hold_us FROM bucket"
			 " WHERE name = ?1");
	sql_bind_text(&q, 1, name, sizeof(((struct source_row *)0)->name));
	if (sql_row(&q)) {
		b->minute.known = !sql_is_null(&q, 0);
		b->minute.level = sql_int(&q, 0);
		b->day.known = !sql_is_null(&q, 1);
		b->day.level = sql_int(&q, 1);
		b->filled_at = sql_int(&q, 2);
		b->held_at = sql_int(&q, 3);
		b->hold_us = sql_int(&q, 4);
	}
	return sql_close(&q, err, "read the rate limit of %s", name);
}

static enum art_status save(struct store *st, const char *name, const struct bucket *b,
			    struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "INSERT INTO bucket (name, minute_level, day_level, filled_at, held_at,"
			 " hold_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET"
			 " minute_level = excluded.minute_level, day_level = excluded.day_level,"
			 " filled_at = excluded.filled_at, held_at = excluded.held_at,"
			 " hold_us = excluded.hold_us");
	sql_bind_text(&q, 1, name, sizeof(((struct source_row *)0)->name));
	sql_bind_opt_int(&q, 2, (struct opt_i64){ b->minute.known, b->minute.level });
	sql_bind_opt_int(&q, 3, (struct opt_i64){ b->day.known, b->day.level });
	sql_bind_int(&q, 4, b->filled_at);
	sql_bind_opt_int(&q, 5, (struct opt_i64){ b->hold_us > 0, b->held_at });
	sql_bind_id(&q, 6, b->hold_us);
	return sql_finish(&q, err, "write the rate limit of %s", name);
}

/* What dripped in during @us. */
static void fill(struct window *w, int64_t rate, int64_t us)
{
	int64_t full, room, drip;

	w->rate = rate <= 0 ? 0 : rate < SOURCE_RATE_MAX ? rate : SOURCE_RATE_MAX;
	if (w->rate == 0) { /* not counted; should a ceiling come back, it begins full */
		w->known = false;
		return;
	}
	full = w->us * w->rate;
	if (!w->known || w->level > full)
		w->level = full;
	w->known = true;
	room = full - w->level;
	drip = (us < w->us ? us : w->us) * w->rate;
	w->level += drip < room ? drip : room;
}

/* us until a token is there. */
static int64_t wait_of(const struct window *w)
{
	if (w->rate == 0 || w->level >= w->us)
		return 0;
	return (w->us - w->level + w->rate - 1) / w->rate;
}

/* A hold that began after @now began before the clock was set back: it lasts no longer for that. */
static void settle_hold(struct bucket *b, int64_t now)
{
	if (b->hold_us > 0 && now < b->held_at)
		b->held_at = now;
	if (b->hold_us > 0 && now - b->held_at >= b->hold_us)
		b->hold_us = 0;
}

/* Bring @b to @now. A clock that was set back counts from where it stands: nothing came in. */
static void advance(struct bucket *b, int64_t per_minute, int64_t per_day, int64_t now)
{
	int64_t us = now > b->filled_at ? now - b->filled_at : 0;

	fill(&b->minute, per_minute, us);
	fill(&b->day, per_day, us);
	b->filled_at = now;
	settle_hold(b, now);
}

static int64_t longest_wait(const struct bucket *b, int64_t now)
{
	int64_t minute = wait_of(&b->minute), day = wait_of(&b->day);
	int64_t held = b->hold_us > 0 ? b->held_at + b->hold_us - now : 0;
	int64_t most = minute > day ? minute : day;

	return most > held ? most : held;
}

/* A date, not a wait: the sentence is kept, and read later. */
static enum art_status too_early(const char *name, int64_t until_us, struct art_err *err)
{
	char at[24];

	return art_fail(err, ART_LIMIT, "enough requests to %s for now: not asked again before %s", name,
			art_time_iso(until_us + SECOND_US - 1, at, sizeof(at)));
}

enum art_status source_take(struct store *st, const char *name, int64_t per_minute, int64_t per_day,
			    int64_t *wait_us, struct art_err *err)
{
	struct bucket b;
	int64_t wait = 0;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	int64_t now = art_now_us(); /* after the lock: another's take may have had us wait */
	s = load(st, name, &b, err);
	if (s == ART_OK) {
		advance(&b, per_minute, per_day, now);
		wait = longest_wait(&b, now);
		if (wait == 0) {
			b.minute.level -= b.minute.rate ? MINUTE_US : 0;
			b.day.level -= b.day.rate ? DAY_US : 0;
		}
		s = save(st, name, &b, err);
	}
	s = store_leave(st, s, 0, err);
	if (s == ART_OK && wait_us != NULL)
		*wait_us = wait;
	return s == ART_OK && wait > 0 ? too_early(name, art_now_us() + wait, err) : s;
}

enum art_status source_hold(struct store *st, const char *name, int64_t until_us,
			    struct art_err *err)
{
	struct bucket b;
	int64_t now;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	now = art_now_us();
	s = load(st, name, &b, err);
	if (s == ART_OK && until_us > now) {
		int64_t us = until_us - now < SOURCE_HOLD_MAX_US ? until_us - now : SOURCE_HOLD_MAX_US;

		settle_hold(&b, now);
		if (b.hold_us == 0 || us > b.held_at + b.hold_us - now) {
			b.held_at = now;
			b.hold_us = us;
		}
		if (b.filled_at == 0)
			b.filled_at = now;
		s = save(st, name, &b, err);
	}
	return store_leave(st, s, 0, err);
}
