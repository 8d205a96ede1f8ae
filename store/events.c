/*
 * events.c - the live log, wishes and notes.
 */
#include "store/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_sql.h"

static const char *const level_words[] = {
#define WORD(name, text) [EVENT_##name] = text,
	EVENT_LEVEL_LIST(WORD)
#undef WORD
};

static const char *const wish_words[] = {
#define WORD(name, text) [WISH_##name] = text,
	WISH_KIND_LIST(WORD)
#undef WORD
};

static const char *const note_words[] = {
#define WORD(name, text) [NOTE_##name] = text,
	NOTE_STATE_LIST(WORD)
#undef WORD
};

const char *event_level_text(enum event_level l)
{
	ART_BUG_ON((unsigned)l >= EVENT_LEVEL_COUNT);
	return level_words[l];
}

const char *wish_kind_text(enum wish_kind k)
{
	ART_BUG_ON((unsigned)k >= WISH_KIND_COUNT);
	return wish_words[k];
}

const char *note_state_text(enum note_state s)
{
	ART_BUG_ON((unsigned)s >= NOTE_STATE_COUNT);
	return note_words[s];
}

/* ---- events ------------------------------------------------------------------------------- */

enum art_status event_add(struct store *st, enum event_level level, const char *kind,
			  int64_t experiment_id, int64_t run_id, struct art_err *err,
			  const char *fmt, ...)
{
	struct sql q;
	char text[2 * EVENT_TEXT_MAX], clean[EVENT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ART_BUG_ON(len < 0);
	art_text_clean(clean, sizeof(clean), text, strlen(text), false);

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO event (at, level, kind, experiment_id, run_id, text)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_bind_int(&q, 1, art_now_us());
	sql_bind_text(&q, 2, event_level_text(level), 16);
	sql_bind_clean(&q, 3, kind, sizeof(((struct event_row *)0)->kind), false);
	sql_bind_id(&q, 4, experiment_id);
	sql_bind_id(&q, 5, run_id);
	sql_bind_text(&q, 6, clean, sizeof(clean));
	s = sql_finish(&q, err, "add the event %s", kind);
	return store_leave(st, s, TOPIC_EVENT, err);
}

static void event_read(struct sql *q, struct event_row *row)
{
	*row = (struct event_row){ 0 };
	row->id = sql_int(q, 0);
	row->at = sql_int(q, 1);
	row->level = (enum event_level)sql_word(q, 2, level_words, EVENT_LEVEL_COUNT,
						 "level of an event");
	sql_text(q, 3, row->kind, sizeof(row->kind));
	row->experiment_id = sql_int(q, 4);
	row->run_id = sql_int(q, 5);
	sql_text(q, 6, row->text, sizeof(row->text));
}

/* The newest come first out of the database, so that LIMIT keeps them; people read downwards. */
static void reverse(struct event_list *l)
{
	for (size_t i = 0; i < l->n / 2; i++) {
		struct event_row t = l->rows[i];
		l->rows[i] = l->rows[l->n - 1 - i];
		l->rows[l->n - 1 - i] = t;
	}
}

enum art_status event_query(struct store *st, const struct event_query *want,
			    struct event_list *out, struct art_err *err)
{
	struct art_buf text;
	struct sql q;
	size_t cap = 0;

	event_list_destroy(out);
	art_buf_init(&text, 1024);
	art_buf_put(&text, "SELECT id, at, level, kind, experiment_id, run_id, text FROM event"
			   " WHERE id > ?1");
	if (want->before_id != 0)
		art_buf_put(&text, " AND id < ?2");
	if (want->experiment_id != 0)
		art_buf_put(&text, " AND experiment_id = ?3");
	if (want->match[0] != '\0')
		art_buf_put(&text, " AND art_has(?4, text, kind)");
	art_buf_put(&text, " ORDER BY id DESC LIMIT ?5");
	sql_open(&q, st, text.data);
	sql_bind_int(&q, 1, want->after_id);
	if (want->before_id != 0)
		sql_bind_int(&q, 2, want->before_id);
	if (want->experiment_id != 0)
		sql_bind_int(&q, 3, want->experiment_id);
	if (want->match[0] != '\0')
		sql_bind_text(&q, 4, want->match, sizeof(want->match));
	sql_bind_int(&q, 5, want->limit > 0 ? want->limit : -1);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		event_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "read the log");
	art_buf_destroy(&text);
	if (s != ART_OK)
		event_list_destroy(out);
	else
		reverse(out);
	return s;
}

void event_list_destroy(struct event_list *l)
{
	free(l->rows);
	*l = (struct event_list){ 0 };
}

/* ---- wishes ------------------------------------------------------------------------------- */

enum art_status wish_add(struct store *st, enum wish_kind kind, int64_t target, const char *text,
			 int64_t *id, struct art_err *err)
{
	struct sql q;
	size_t max = sizeof(((struct wish_row *)0)->text);

	/* A START wish is JSON: half of it would be worse than none. */
	if (text != NULL && strlen(text) >= max)
		return art_fail(err, ART_LIMIT, "a wish of %zu bytes is longer than %zu",
				strlen(text), max - 1);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO wish (kind, target, text, made_at) VALUES (?1, ?2, ?3, ?4)");
	sql_bind_text(&q, 1, wish_kind_text(kind), 32);
	sql_bind_id(&q, 2, target);
	sql_bind_clean(&q, 3, text != NULL ? text : "", max, false);
	sql_bind_int(&q, 4, art_now_us());
	s = sql_finish(&q, err, "make a wish");
	int64_t made = store_last_id(st);
	s = store_leave(st, s, TOPIC_WISH, err);
	if (s == ART_OK && id != NULL)
		*id = made;
	return s;
}

#define WISH_COLUMNS "id, kind, target, text, made_at, done_at, granted, answer"

/* One row of a SELECT of WISH_COLUMNS, then closes it. */
static enum art_status wish_read(struct sql *q, struct wish_row *out, bool *found,
				 struct art_err *err)
{
	*out = (struct wish_row){ 0 };
	*found = sql_row(q);
	if (*found) {
		out->id = sql_int(q, 0);
		out->kind = (enum wish_kind)sql_word(q, 1, wish_words, WISH_KIND_COUNT,
						      "kind of a wish");
		out->target = sql_int(q, 2);
		sql_text(q, 3, out->text, sizeof(out->text));
		out->made_at = sql_int(q, 4);
		out->done_at = sql_int(q, 5);
		out->granted = sql_int(q, 6) != 0;
		sql_text(q, 7, out->answer, sizeof(out->answer));
	}
	return sql_close(q, err, "read a wish");
}

/* What @kinds leaves out, as words in one text that instr() searches: " start  stop ". */
static void wishes_left_out(unsigned kinds, char *out, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (int k = 0; k < WISH_KIND_COUNT; k++)
		if (!(kinds & 1u << k))
			at += (size_t)snprintf(out + at, n - at, " %s ", wish_words[k]);
}

enum art_status wish_next(struct store *st, unsigned kinds, struct wish_row *out, struct art_err *err)
{
	char others[256];
	struct sql q;
	bool found;

	wishes_left_out(kinds, others, sizeof(others));
	sql_open(&q, st, "SELECT " WISH_COLUMNS " FROM wish WHERE done_at IS NULL"
			 " AND instr(?1, ' ' || kind || ' ') = 0 ORDER BY id LIMIT 1");
	sql_bind_text(&q, 1, others, sizeof(others));
	enum art_status s = wish_read(&q, out, &found, err);
	return s == ART_OK && !found ? art_fail(err, ART_NOT_FOUND, "no wish waits") : s;
}

enum art_status wish_find(struct store *st, int64_t id, struct wish_row *out, struct art_err *err)
{
	struct sql q;
	bool found;

	sql_open(&q, st, "SELECT " WISH_COLUMNS " FROM wish WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	enum art_status s = wish_read(&q, out, &found, err);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "there is no wish %" PRId64, id);
	return s;
}

enum art_status wish_answer(struct store *st, int64_t id, bool granted, const char *answer,
			    struct art_err *err)
{
	struct sql q;
	struct wish_row now;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE wish SET done_at = ?2, granted = ?3, answer = ?4"
			 " WHERE id = ?1 AND done_at IS NULL");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, art_now_us());
	sql_bind_int(&q, 3, granted);
	sql_bind_clean(&q, 4, answer != NULL ? answer : "", sizeof(now.answer), false);
	s = sql_finish(&q, err, "answer wish %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0) {
		s = wish_find(st, id, &now, err);
		if (s == ART_OK)
			s = art_fail(err, ART_CONFLICT, "wish %" PRId64 " is answered already", id);
	}
	return store_leave(st, s, TOPIC_WISH, err);
}

/* ---- notes -------------------------------------------------------------------------------- */

enum art_status note_add(struct store *st, struct note_row *row, const char *recipe,
			 size_t recipe_len, struct art_err *err)
{
	struct sql q;
	char sha256[65] = "";
	int64_t now = art_now_us();

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	if (recipe != NULL)
		s = store_content_put(st, recipe, recipe_len, sha256, err);
	if (s == ART_OK) {
		sql_open(&q, st, "INSERT INTO note (kind, origin, text, recipe_sha256, made_at)"
				 " VALUES (?1, ?2, ?3, nullif(?4, ''), ?5)");
		sql_bind_clean(&q, 1, row->kind, sizeof(row->kind), false);
		sql_bind_clean(&q, 2, row->origin, sizeof(row->origin), false);
		sql_bind_clean(&q, 3, row->text, sizeof(row->text), true);
		sql_bind_text(&q, 4, sha256, sizeof(sha256));
		sql_bind_int(&q, 5, now);
		s = sql_finish(&q, err, "add a note");
	}
	int64_t id = store_last_id(st);
	s = store_leave(st, s, TOPIC_NOTE, err);
	if (s == ART_OK) {
		row->id = id;
		row->made_at = now;
		row->state = NOTE_WAITING;
		art_copy(row->recipe_sha256, sizeof(row->recipe_sha256), sha256);
	}
	return s;
}

#define NOTE_COLUMNS                                                                               \
	"id, kind, origin, text, recipe_sha256, state, experiment_id, answer, made_at"

static void note_read(struct sql *q, struct note_row *row)
{
	*row = (struct note_row){ 0 };
	row->id = sql_int(q, 0);
	sql_text(q, 1, row->kind, sizeof(row->kind));
	sql_text(q, 2, row->origin, sizeof(row->origin));
	sql_text(q, 3, row->text, sizeof(row->text));
	sql_text(q, 4, row->recipe_sha256, sizeof(row->recipe_sha256));
	row->state = (enum note_state)sql_word(q, 5, note_words, NOTE_STATE_COUNT,
						"state of a note");
	row->experiment_id = sql_int(q, 6);
	sql_text(q, 7, row->answer, sizeof(row->answer));
	row->made_at = sql_int(q, 8);
}

enum art_status note_next_idea(struct store *st, struct note_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " NOTE_COLUMNS " FROM note WHERE state = 'waiting'"
			 " AND kind = 'idea' ORDER BY id LIMIT 1");
	bool found = sql_row(&q);
	if (found)
		note_read(&q, out);
	enum art_status s = sql_close(&q, err, "read the next idea");
	return s == ART_OK && !found ? art_fail(err, ART_NOT_FOUND, "no idea waits") : s;
}

static enum art_status note_find(struct store *st, int64_t id, struct note_row *out,
				 struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " NOTE_COLUMNS " FROM note WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		note_read(&q, out);
	enum art_status s = sql_close(&q, err, "read note %" PRId64, id);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "there is no note %" PRId64, id);
	return s;
}

enum art_status note_recipe(struct store *st, int64_t id, char **out, size_t *len,
			    struct art_err *err)
{
	struct note_row row;

	enum art_status s = note_find(st, id, &row, err);
	if (s == ART_OK && row.recipe_sha256[0] == '\0')
		return art_fail(err, ART_NOT_FOUND, "note %" PRId64 " has no recipe", id);
	return s != ART_OK ? s : store_content_get(st, row.recipe_sha256, out, len, err);
}

enum art_status note_move(struct store *st, int64_t id, enum note_state to, int64_t experiment_id,
			  const char *answer, struct art_err *err)
{
	struct sql q;
	struct note_row now;

	ART_BUG_ON(to == NOTE_WAITING);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE note SET state = ?2, experiment_id = ?3, answer = ?4"
			 " WHERE id = ?1 AND state = 'waiting'");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, note_state_text(to), 16);
	sql_bind_id(&q, 3, experiment_id);
	sql_bind_clean(&q, 4, answer != NULL ? answer : "", sizeof(now.answer), false);
	s = sql_finish(&q, err, "move note %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0) {
		s = note_find(st, id, &now, err);
		if (s == ART_OK)
			s = art_fail(err, ART_CONFLICT, "note %" PRId64 " is %s already", id,
				     note_state_text(now.state));
	}
	return store_leave(st, s, TOPIC_NOTE, err);
}

enum art_status note_list(struct store *st, int64_t limit, struct note_list *out,
			  struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	note_list_destroy(out);
	sql_open(&q, st, "SELECT " NOTE_COLUMNS " FROM note ORDER BY id DESC LIMIT ?1");
	sql_bind_int(&q, 1, limit > 0 ? limit : -1);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		note_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "list notes");
	if (s != ART_OK)
		note_list_destroy(out);
	return s;
}

void note_list_destroy(struct note_list *l)
{
	free(l->rows);
	*l = (struct note_list){ 0 };
}
