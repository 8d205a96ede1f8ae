/*
 * store_sql.h - statements, rows and transactions for the noun files. Private to store/.
 *
 * Layer: store. Threads: as struct store: one thread each.
 *
 * One use of a statement is sql_open, binds, sql_row until false, sql_close. Errors stick: after the
 * first, everything is a no-op and sql_close answers it, so that a use reads as straight lines.
 */
#ifndef STORE_STORE_SQL_H
#define STORE_STORE_SQL_H

#include "store/base.h"
#include "store/store.h"

struct sqlite3;
struct sqlite3_stmt;

#define STORE_STATEMENTS 96 /* prepared statements kept per connection */
#define STORE_APPLICATION_ID 0x61727475 /* "artu" */

struct store_statement {
	struct sqlite3_stmt *s;
	uint64_t hash;     /* of the SQL text */
	uint64_t used;     /* tick of the last use, for eviction */
	bool open;
};

enum store_tx {
	STORE_TX_NONE,
	STORE_TX_CALLER, /* between store_begin and store_commit */
	STORE_TX_OWN,    /* a noun function's own */
	STORE_TX_READ,   /* a snapshot for several SELECTs */
};

struct store {
	struct sqlite3 *db;
	bool read_only;
	enum store_tx tx;
	int nest;         /* noun functions inside the transaction, each a savepoint */
	unsigned topics;  /* to be rung after COMMIT */
	struct bell *bell;
	uint64_t tick;
	struct store_statement statements[STORE_STATEMENTS];
};

struct sql {
	struct store *st;
	struct store_statement *slot;
	int rc;          /* SQLite's code of the first failure, 0 while all is well */
	char what[128];  /* the first failure in words */
};

/* @text lives at least until sql_close. The same text cannot be open twice (bug). */
void sql_open(struct sql *q, struct store *st, const char *text);
/* True while there is a row. Statements without rows are executed by the first call. */
bool sql_row(struct sql *q);
/* Ends the use. @fmt completes "cannot ...": "read run 7". */
ART_MUST_USE enum art_status sql_close(struct sql *q, struct art_err *err, const char *fmt, ...)
	ART_PRINTF(3, 4);
/* sql_row once, then sql_close; for writes. */
#define sql_finish(q, err, ...) (sql_row(q), sql_close(q, err, __VA_ARGS__))

/* Parameters count from 1. */
void sql_bind_int(struct sql *q, int i, int64_t v);
void sql_bind_id(struct sql *q, int i, int64_t v);   /* 0 is NULL: ids, times, pids */
void sql_bind_f64(struct sql *q, int i, double v);
void sql_bind_opt_f64(struct sql *q, int i, struct opt_f64 v);
void sql_bind_opt_int(struct sql *q, int i, struct opt_i64 v);
/* At most @max - 1 bytes of @s, up to its NUL: @s may be an unterminated array of @max bytes. */
void sql_bind_text(struct sql *q, int i, const char *s, size_t max);
/* The same through art_text_clean: what people or programs wrote. */
void sql_bind_clean(struct sql *q, int i, const char *s, size_t max, bool keep_newlines);
void sql_bind_blob(struct sql *q, int i, const void *p, size_t n); /* borrowed until sql_close */

/* Columns count from 0. NULL reads as 0, unknown or "". */
bool sql_is_null(struct sql *q, int i);
int64_t sql_int(struct sql *q, int i);
double sql_f64(struct sql *q, int i);
struct opt_f64 sql_opt_f64(struct sql *q, int i);
struct opt_i64 sql_opt_int(struct sql *q, int i);
void sql_text(struct sql *q, int i, char *dst, size_t dst_size);
const void *sql_blob(struct sql *q, int i, size_t *n); /* borrowed until the next sql_row */
char *sql_dup(struct sql *q, int i); /* the text of a column, to be freed; never NULL */
/* The index in @words of the column's word; an unknown one is damage. */
int sql_word(struct sql *q, int i, const char *const *words, int n, const char *what);
/* The row holds what cannot be: sql_close will answer CORRUPT naming @what. */
void sql_damaged(struct sql *q, const char *what);

int64_t store_last_id(struct store *st);
int64_t store_changes(struct store *st); /* rows touched by the last write */

/*
 * Around the writes of one noun function: joins the caller's transaction (as a savepoint, so that
 * a refusal leaves nothing half done) or makes one. store_leave undoes all when @s is a failure and
 * returns @s, else the outcome of the commit; @topics ring when the whole transaction is in.
 */
ART_MUST_USE enum art_status store_enter(struct store *st, struct art_err *err);
ART_MUST_USE enum art_status store_leave(struct store *st, enum art_status s, unsigned topics,
					 struct art_err *err);
/* Around several SELECTs that must see one state. */
ART_MUST_USE enum art_status store_read_enter(struct store *st, struct art_err *err);
void store_read_leave(struct store *st);

/* Bring the database to store_schema_version(); refuses newer and foreign files. */
ART_MUST_USE enum art_status store_migrate(struct store *st, const char *path, struct art_err *err);
/* PRAGMA user_version. */
ART_MUST_USE enum art_status store_user_version(struct store *st, int64_t *out,
						struct art_err *err);
/* Translate SQLite's present failure @rc. */
enum art_status store_fail(struct store *st, int rc, struct art_err *err, const char *fmt, ...)
	ART_PRINTF(4, 5);
/* Run several statements without results or parameters. */
ART_MUST_USE enum art_status store_exec(struct store *st, const char *text, struct art_err *err,
					const char *what);
/* Adds the SQL function art_has(needle, text...): case-insensitive (ASCII) substring of any. */
ART_MUST_USE bool store_add_functions(struct sqlite3 *db);

/* Lists of words separated by single spaces: sources, skills. words_add is false when there is no room; words_copy
 * makes any white space one space and drops words that do not fit whole. */
bool words_have(const char *list, const char *word);
bool words_add(char *list, size_t size, const char *word);
void words_drop(char *list, const char *word);
void words_copy(char *dst, size_t size, const char *src);

/* Room for one more in a list that has @n rows and room for *cap. Returns the rows. */
void *store_list_room(void *rows, size_t n, size_t *cap, size_t row_size);

/* Ids of a list, of which a window is then read. */
struct id_list {
	int64_t *ids; /* freed by the owner */
	size_t n;
};
void id_list_fill(struct id_list *l, struct sql *q); /* column 0 of every row */
/* The part of @l that @offset and @limit (0: all) ask for. */
void id_list_window(const struct id_list *l, int64_t offset, int64_t limit, size_t *from, size_t *n);

/* Keep @bytes under its hash; @sha256 is filled. Inside store_enter. LIMIT over RECIPE_MAX_BYTES. */
ART_MUST_USE enum art_status store_content_put(struct store *st, const void *bytes, size_t n,
					       char sha256[65], struct art_err *err);
/* Owns: *out, NUL-terminated. NOT_FOUND. */
ART_MUST_USE enum art_status store_content_get(struct store *st, const char *sha256, char **out,
					       size_t *n, struct art_err *err);

#endif
