/*
 * store_sql.c - the one place where SQLite's statements, codes and types are handled.
 */
#include "store/store_sql.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/hash.h"
#include "store/recipe.h"

/* The longest text bound through the cleaner: a note. */
#define CLEAN_MAX 4096

static enum art_status translate(const struct store *st, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ART_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_MISMATCH:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* our SQL is fixed text: a table is missing or not ours */
		return ART_CORRUPT;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return ART_CONFLICT;
		return ART_INVALID;
	case SQLITE_READONLY:
		return st->read_only ? ART_UNSUPPORTED : ART_IO;
	case SQLITE_TOOBIG:
		return ART_LIMIT;
	case SQLITE_INTERRUPT:
	case SQLITE_ABORT:
		return ART_CANCELLED;
	case SQLITE_NOMEM:
		art_die("out of memory in the database");
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		ART_BUG_ON(true);
	}
	return ART_IO;
}

enum art_status store_fail(struct store *st, int rc, struct art_err *err, const char *fmt, ...)
{
	char what[160], why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	enum art_status s = translate(st, rc);
	if (s == ART_BUSY)
		art_copy(why, sizeof(why), "another process holds the database, try again");
	else if (s == ART_UNSUPPORTED)
		art_copy(why, sizeof(why), "the database is open for reading only");
	else if (st->db != NULL && (sqlite3_errcode(st->db) & 0xff) == (rc & 0xff))
		art_copy(why, sizeof(why), sqlite3_errmsg(st->db));
	else
		art_copy(why, sizeof(why), sqlite3_errstr(rc));
	return art_fail(err, s, "cannot %s: %s", what, why);
}

/* ---- statements --------------------------------------------------------------------------- */

static uint64_t text_hash(const char *s)
{
	uint64_t h = 1469598103934665603u; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static void fail_use(struct sql *q, int rc)
{
	if (q->rc != 0)
		return;
	q->rc = rc;
	art_copy(q->what, sizeof(q->what), sqlite3_errmsg(q->st->db));
}

static struct store_statement *find_statement(struct store *st, const char *text, uint64_t hash)
{
	for (size_t i = 0; i < STORE_STATEMENTS; i++) {
		struct store_statement *slot = &st->statements[i];
		if (slot->s != NULL && slot->hash == hash && strcmp(sqlite3_sql(slot->s), text) == 0)
			return slot;
	}
	return NULL;
}

/* An empty slot, else the one not used for longest. */
static struct store_statement *free_statement(struct store *st)
{
	struct store_statement *oldest = NULL;

	for (size_t i = 0; i < STORE_STATEMENTS; i++) {
		struct store_statement *slot = &st->statements[i];
		if (slot->s == NULL)
			return slot;
		if (!slot->open && (oldest == NULL || slot->used < oldest->used))
			oldest = slot;
	}
	ART_BUG_ON(oldest == NULL);
	sqlite3_finalize(oldest->s);
	*oldest = (struct store_statement){ 0 };
	return oldest;
}

void sql_open(struct sql *q, struct store *st, const char *text)
{
	uint64_t hash = text_hash(text);

	*q = (struct sql){ .st = st };
	struct store_statement *slot = find_statement(st, text, hash);
	if (slot == NULL) {
		slot = free_statement(st);
		const char *tail = NULL;
		int rc = sqlite3_prepare_v3(st->db, text, -1, SQLITE_PREPARE_PERSISTENT, &slot->s,
					    &tail);
		if (rc != SQLITE_OK) {
			slot->s = NULL;
			fail_use(q, rc);
			return;
		}
		ART_BUG_ON(*tail != '\0'); /* one statement a text; the cache compares whole texts */
		slot->hash = hash;
	}
	ART_BUG_ON(slot->open);
	slot->open = true;
	slot->used = ++st->tick;
	q->slot = slot;
}

bool sql_row(struct sql *q)
{
	if (q->rc != 0)
		return false;
	int rc = sqlite3_step(q->slot->s);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		fail_use(q, rc);
	return false;
}

enum art_status sql_close(struct sql *q, struct art_err *err, const char *fmt, ...)
{
	if (q->slot != NULL) {
		sqlite3_reset(q->slot->s);
		sqlite3_clear_bindings(q->slot->s);
		q->slot->open = false;
		q->slot = NULL;
	}
	if (q->rc == 0)
		return ART_OK;

	char what[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	enum art_status s = translate(q->st, q->rc);
	if (s == ART_BUSY || s == ART_UNSUPPORTED)
		return store_fail(q->st, q->rc, err, "%s", what);
	return art_fail(err, s, "cannot %s: %s", what, q->what);
}

static void bound(struct sql *q, int rc)
{
	if (rc != SQLITE_OK)
		fail_use(q, rc);
}

void sql_bind_int(struct sql *q, int i, int64_t v)
{
	if (q->rc == 0)
		bound(q, sqlite3_bind_int64(q->slot->s, i, v));
}

void sql_bind_id(struct sql *q, int i, int64_t v)
{
	if (q->rc == 0)
		bound(q, v != 0 ? sqlite3_bind_int64(q->slot->s, i, v)
				: sqlite3_bind_null(q->slot->s, i));
}

void sql_bind_f64(struct sql *q, int i, double v)
{
	if (q->rc == 0)
		bound(q, sqlite3_bind_double(q->slot->s, i, v));
}

void sql_bind_opt_f64(struct sql *q, int i, struct opt_f64 v)
{
	if (q->rc == 0)
		bound(q, v.known ? sqlite3_bind_double(q->slot->s, i, v.v)
				 : sqlite3_bind_null(q->slot->s, i));
}

void sql_bind_opt_int(struct sql *q, int i, struct opt_i64 v)
{
	if (q->rc == 0)
		bound(q, v.known ? sqlite3_bind_int64(q->slot->s, i, v.v)
				 : sqlite3_bind_null(q->slot->s, i));
}

void sql_bind_text(struct sql *q, int i, const char *s, size_t max)
{
	if (q->rc == 0)
		bound(q, sqlite3_bind_text(q->slot->s, i, s, (int)strnlen(s, max - 1),
					   SQLITE_TRANSIENT));
}

void sql_bind_clean(struct sql *q, int i, const char *s, size_t max, bool keep_newlines)
{
	char clean[CLEAN_MAX];

	ART_BUG_ON(max > sizeof(clean));
	size_t n = art_text_clean(clean, max, s, strnlen(s, max - 1), keep_newlines);
	if (q->rc == 0)
		bound(q, sqlite3_bind_text(q->slot->s, i, clean, (int)n, SQLITE_TRANSIENT));
}

void sql_bind_blob(struct sql *q, int i, const void *p, size_t n)
{
	/* A NULL pointer would bind NULL; an empty recipe is still a recipe. */
	if (q->rc == 0)
		bound(q, sqlite3_bind_blob64(q->slot->s, i, n > 0 ? p : "", n, SQLITE_STATIC));
}

bool sql_is_null(struct sql *q, int i)
{
	return sqlite3_column_type(q->slot->s, i) == SQLITE_NULL;
}

int64_t sql_int(struct sql *q, int i)
{
	return sqlite3_column_int64(q->slot->s, i);
}

double sql_f64(struct sql *q, int i)
{
	return sqlite3_column_double(q->slot->s, i);
}

struct opt_f64 sql_opt_f64(struct sql *q, int i)
{
	if (sql_is_null(q, i))
		return (struct opt_f64){ false, 0 };
	return OPT_F64(sqlite3_column_double(q->slot->s, i));
}

struct opt_i64 sql_opt_int(struct sql *q, int i)
{
	if (sql_is_null(q, i))
		return (struct opt_i64){ false, 0 };
	return OPT_I64(sqlite3_column_int64(q->slot->s, i));
}

void sql_text(struct sql *q, int i, char *dst, size_t dst_size)
{
	const unsigned char *s = sqlite3_column_text(q->slot->s, i);

	art_copy(dst, dst_size, s != NULL ? (const char *)s : "");
}

const void *sql_blob(struct sql *q, int i, size_t *n)
{
	const void *p = sqlite3_column_blob(q->slot->s, i);

	*n = (size_t)sqlite3_column_bytes(q->slot->s, i);
	return p;
}

char *sql_dup(struct sql *q, int i)
{
	size_t n;
	const void *p = sql_blob(q, i, &n);
	char *copy = art_alloc(n + 1, 1);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

int sql_word(struct sql *q, int i, const char *const *words, int n, const char *what)
{
	char word[32];

	sql_text(q, i, word, sizeof(word));
	for (int w = 0; w < n; w++)
		if (strcmp(word, words[w]) == 0)
			return w;
	sql_damaged(q, what);
	return 0;
}

void sql_damaged(struct sql *q, const char *what)
{
	if (q->rc != 0)
		return;
	q->rc = SQLITE_CORRUPT;
	snprintf(q->what, sizeof(q->what), "the database holds an unknown %s", what);
}

int64_t store_last_id(struct store *st)
{
	return sqlite3_last_insert_rowid(st->db);
}

int64_t store_changes(struct store *st)
{
	return sqlite3_changes64(st->db);
}

enum art_status store_exec(struct store *st, const char *text, struct art_err *err,
			   const char *what)
{
	int rc = sqlite3_exec(st->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ART_OK : store_fail(st, rc, err, "%s", what);
}

/* ---- the substring function --------------------------------------------------------------- */

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool equal_folded(const unsigned char *a, const unsigned char *folded, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != folded[i])
			return false;
	return true;
}

/* memchr finds candidates in either case of the first letter faster than a loop over bytes. */
static bool contains(const unsigned char *hay, size_t n, const unsigned char *folded, size_t len)
{
	if (len == 0)
		return true;
	if (n < len)
		return false;

	const unsigned char *end = hay + (n - len) + 1;
	int lo = folded[0];
	int up = lo >= 'a' && lo <= 'z' ? lo - 32 : lo;
	const unsigned char *a = memchr(hay, lo, (size_t)(end - hay));
	const unsigned char *b = up != lo ? memchr(hay, up, (size_t)(end - hay)) : NULL;
	while (a != NULL || b != NULL) {
		bool first = b == NULL || (a != NULL && a < b);
		const unsigned char *at = first ? a : b;
		if (equal_folded(at, folded, len))
			return true;
		const unsigned char *next = memchr(at + 1, first ? lo : up, (size_t)(end - at - 1));
		if (first)
			a = next;
		else
			b = next;
	}
	return false;
}

static void art_has(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	unsigned char folded[256];
	const unsigned char *needle = sqlite3_value_blob(argv[0]);
	size_t len = (size_t)sqlite3_value_bytes(argv[0]);

	if (len > sizeof(folded)) {
		sqlite3_result_int(ctx, 0);
		return;
	}
	for (size_t i = 0; i < len; i++)
		folded[i] = lower(needle[i]);
	for (int i = 1; i < argc; i++) {
		/* As a blob: asking for text would copy each value to end it with a NUL. */
		const unsigned char *hay = sqlite3_value_blob(argv[i]);
		size_t n = (size_t)sqlite3_value_bytes(argv[i]);
		if (hay != NULL && contains(hay, n, folded, len)) {
			sqlite3_result_int(ctx, 1);
			return;
		}
	}
	sqlite3_result_int(ctx, 0);
}

bool store_add_functions(struct sqlite3 *db)
{
	return sqlite3_create_function(db, "art_has", -1,
				       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
				       art_has, NULL, NULL) == SQLITE_OK;
}

/* ---- lists of words ----------------------------------------------------------------------- */

/* The next word of *at, which moves behind it; NULL at the end. */
static const char *next_word(const char **at, size_t *n)
{
	const char *p = *at + strspn(*at, " \t\n\r");

	*n = strcspn(p, " \t\n\r");
	*at = p + *n;
	return *n > 0 ? p : NULL;
}

bool words_have(const char *list, const char *word)
{
	size_t n, len = strlen(word);

	for (const char *w; (w = next_word(&list, &n)) != NULL;)
		if (n == len && memcmp(w, word, n) == 0)
			return true;
	return false;
}

static bool append(char *list, size_t size, const char *word, size_t n)
{
	size_t len = strlen(list), gap = len > 0;

	if (len + gap + n >= size)
		return false;
	if (gap)
		list[len] = ' ';
	memcpy(list + len + gap, word, n);
	list[len + gap + n] = '\0';
	return true;
}

bool words_add(char *list, size_t size, const char *word)
{
	return words_have(list, word) || append(list, size, word, strlen(word));
}

void words_drop(char *list, const char *word)
{
	const char *at = list;
	char *to = list;
	size_t n, len = strlen(word);

	for (const char *w; (w = next_word(&at, &n)) != NULL;) {
		if (n == len && memcmp(w, word, n) == 0)
			continue;
		if (to != list)
			*to++ = ' ';
		memmove(to, w, n);
		to += n;
	}
	*to = '\0';
}

void words_copy(char *dst, size_t size, const char *src)
{
	size_t n;

	dst[0] = '\0';
	for (const char *w; (w = next_word(&src, &n)) != NULL;)
		(void)append(dst, size, w, n);
}

/* ---- lists and contents ------------------------------------------------------------------- */

void *store_list_room(void *rows, size_t n, size_t *cap, size_t row_size)
{
	if (n < *cap)
		return rows;
	*cap = *cap == 0 ? 16 : *cap * 2;
	return art_grow(rows, *cap, row_size);
}

void id_list_fill(struct id_list *l, struct sql *q)
{
	size_t cap = l->n; /* what is there may have no more room */

	while (sql_row(q)) {
		l->ids = store_list_room(l->ids, l->n, &cap, sizeof(*l->ids));
		l->ids[l->n++] = sql_int(q, 0);
	}
}

void id_list_window(const struct id_list *l, int64_t offset, int64_t limit, size_t *from, size_t *n)
{
	*from = offset <= 0 ? 0 : (uint64_t)offset < l->n ? (size_t)offset : l->n;
	*n = l->n - *from;
	if (limit > 0 && (uint64_t)limit < *n)
		*n = (size_t)limit;
}

enum art_status store_content_put(struct store *st, const void *bytes, size_t n, char sha256[65],
				  struct art_err *err)
{
	struct sql q;

	if (n > RECIPE_MAX_BYTES)
		return art_fail(err, ART_LIMIT, "the recipe has %zu bytes, the limit is %u", n,
				RECIPE_MAX_BYTES);
	struct hash_hex h = hash_bytes(bytes, n);
	art_copy(sha256, 65, h.s);
	sql_open(&q, st, "INSERT INTO content (sha256, bytes) VALUES (?1, ?2)"
			 " ON CONFLICT (sha256) DO NOTHING");
	sql_bind_text(&q, 1, h.s, sizeof(h.s));
	sql_bind_blob(&q, 2, bytes, n);
	return sql_finish(&q, err, "keep a recipe");
}

enum art_status store_content_get(struct store *st, const char *sha256, char **out, size_t *n,
				  struct art_err *err)
{
	struct sql q;
	char *copy = NULL;
	size_t len = 0;

	sql_open(&q, st, "SELECT bytes FROM content WHERE sha256 = ?1");
	sql_bind_text(&q, 1, sha256, 65);
	if (sql_row(&q)) {
		const void *p = sql_blob(&q, 0, &len);
		copy = art_alloc(len + 1, 1);
		if (len > 0)
			memcpy(copy, p, len);
	}
	enum art_status s = sql_close(&q, err, "read recipe %.12s", sha256);
	if (s == ART_OK && copy == NULL)
		s = art_fail(err, ART_NOT_FOUND, "the database has no recipe %.12s", sha256);
	if (s != ART_OK) {
		free(copy);
		return s;
	}
	*out = copy;
	*n = len;
	return ART_OK;
}
