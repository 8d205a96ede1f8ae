/*
 * base.h - the words everyone shares: status, errors, memory, buffers, time, text.
 *
 * Layer: store (the bottom; libc only). Threads: every function is safe from any
 * thread unless it says otherwise.
 */
#ifndef STORE_BASE_H
#define STORE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ART_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ART_MUST_USE __attribute__((warn_unused_result))
#define ART_NORETURN __attribute__((noreturn))
#define ART_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What went wrong, chosen by what the caller would do differently. Success is 0. */
#define ART_STATUS_LIST(_)                              \
	_(OK, "ok")                                     \
	_(CANCELLED, "cancelled")                       \
	_(INVALID, "invalid input")                     \
	_(NOT_FOUND, "not found")                       \
	_(CONFLICT, "changed meanwhile or already done") \
	_(LIMIT, "over a limit")                        \
	_(BUSY, "busy, try again")                      \
	_(NET, "network failure")                       \
	_(REFUSED, "refused by the other side")         \
	_(CORRUPT, "stored data is damaged")            \
	_(IO, "input/output error")                     \
	_(UNSUPPORTED, "not available here")

enum art_status {
#define ART_STATUS_ENUM(name, text) ART_##name,
	ART_STATUS_LIST(ART_STATUS_ENUM)
#undef ART_STATUS_ENUM
	ART_STATUS_COUNT
};

/* A failure in words: a whole sentence with the object in it. Untouched on success. */
struct art_err {
	enum art_status code;
	char text[256];
};

/* The sentence of a status, "ok" for ART_OK. Borrowed for ever. */
const char *art_status_text(enum art_status s);

/* Fill @err (may be NULL) and return @code, which is never ART_OK. */
enum art_status art_fail(struct art_err *err, enum art_status code, const char *fmt, ...)
	ART_PRINTF(3, 4);

/* As art_fail with IO, appending ": " and strerror(errno) of the moment of the call
 * (ENOENT gives NOT_FOUND instead of IO). */
enum art_status art_fail_errno(struct art_err *err, const char *fmt, ...) ART_PRINTF(2, 3);

/* A bug: print file, line, condition to stderr and abort. On in every build. */
#define ART_BUG_ON(cond)                                                   \
	do {                                                               \
		if (cond)                                                  \
			art_bug(__FILE__, __LINE__, #cond);                \
	} while (0)
ART_NORETURN void art_bug(const char *file, int line, const char *what);

/* Fatal trouble (out of memory): a sentence on stderr, exit 1 after art_on_death. */
ART_NORETURN void art_die(const char *fmt, ...) ART_PRINTF(1, 2);

/* Call @fn (async-signal-safe: it restores the terminal) before dying. Set once in main. */
void art_on_death(void (*fn)(void));

/* Memory. They never return NULL: exhaustion is art_die. Sizes are checked products.
 * art_alloc zeroes. Free with free(). */
void *art_alloc(size_t n, size_t size) __attribute__((malloc));
void *art_grow(void *p, size_t n, size_t size);
char *art_strdup(const char *s);
char *art_printf(const char *fmt, ...) ART_PRINTF(1, 2);

/* Bounded copy; always terminates; true when all of @src fitted. */
bool art_copy(char *dst, size_t dst_size, const char *src);

/* A value that may be unknown. */
struct opt_f64 {
	bool known;
	double v;
};
struct opt_i64 {
	bool known;
	int64_t v;
};
#define OPT_F64(x) ((struct opt_f64){ true, (x) })
#define OPT_I64(x) ((struct opt_i64){ true, (x) })

/*
 * A growing buffer born with a ceiling.
 * Invariant: data is NULL or NUL-terminated at data[len]; len <= max.
 * An append that would pass max returns LIMIT and leaves the buffer as it was.
 */
struct art_buf {
	char *data;
	size_t len, cap, max;
};
void art_buf_init(struct art_buf *b, size_t max);
void art_buf_destroy(struct art_buf *b);
void art_buf_reset(struct art_buf *b);
ART_MUST_USE enum art_status art_buf_add(struct art_buf *b, const void *p, size_t n);
ART_MUST_USE enum art_status art_buf_printf(struct art_buf *b, const char *fmt, ...)
	ART_PRINTF(2, 3);
/* Append or art_die: for text whose size the program itself bounds. */
void art_buf_put(struct art_buf *b, const char *s);
void art_buf_putf(struct art_buf *b, const char *fmt, ...) ART_PRINTF(2, 3);
char *art_buf_take(struct art_buf *b); /* caller frees; never NULL; buffer is empty again */

/* Read a whole file of at most @max bytes into @b (reset first, max raised to @max).
 * Errors: NOT_FOUND, LIMIT, IO. */
ART_MUST_USE enum art_status art_read_file(struct art_buf *b, const char *path, size_t max,
					   struct art_err *err);
/* Write a whole file durably and atomically: temp file in the same directory, fsync, rename. */
ART_MUST_USE enum art_status art_write_file(const char *path, const void *p, size_t n, int mode,
					    struct art_err *err);
/* mkdir -p. */
ART_MUST_USE enum art_status art_mkdirs(const char *path, int mode, struct art_err *err);

/* Time. Wall clock in microseconds since 1970 UTC; honours ARTUI_NOW=<unix seconds> (tests,
 * golden screens) and art_clock_set_for_test. The monotonic clock does not. */
int64_t art_now_us(void);
int64_t art_mono_us(void);
void art_clock_set_for_test(int64_t now_us); /* 0: real clock again */
/* "2026-11-22T22:10:05Z". @buf of at least 24 bytes; returns @buf. */
const char *art_time_iso(int64_t at_us, char *buf, size_t n);
/* What others write for a time, into microseconds: ISO 8601 / RFC 3339, "2026-09-04T21:25:53.795651+02:00": 'T' or a
 * space, any digits of a second (beyond microseconds they are cut), no offset means UTC; the date alone is its
 * midnight. Years 1970 to 9999. The whole string must be the time. */
ART_MUST_USE bool art_parse_time(const char *s, int64_t *out_us);

/* Numbers from text: the whole string must be the number; no locale; finite only. */
ART_MUST_USE bool art_parse_i64(const char *s, int64_t *out);
ART_MUST_USE bool art_parse_f64(const char *s, double *out);
/* Shortest text that reads back as the same double ("0.04", "1e-05"). Returns @buf (>= 32). */
const char *art_f64_text(double v, char *buf, size_t n);

/* A small deterministic generator (splitmix64 seeding xoshiro256**); same on every machine. */
struct art_rng {
	uint64_t s[4];
};
void art_rng_seed(struct art_rng *r, uint64_t seed);
uint64_t art_rng_u64(struct art_rng *r);
double art_rng_f64(struct art_rng *r);    /* [0, 1) */
double art_rng_normal(struct art_rng *r); /* mean 0, sd 1 */
/* Mix words into one seed: stable across versions and machines. */
uint64_t art_mix64(uint64_t a, uint64_t b);

/* Bytes of the valid UTF-8 character at @s (at most @n are looked at), its code point in *cp
 * (may be NULL); 0 when there is none: cut short, overlong, a surrogate, above U+10FFFF. */
int art_utf8_decode(const char *s, size_t n, uint32_t *cp);
/* Whether all @n bytes are valid UTF-8; *bad_at (may be NULL) gets the first bad offset. */
bool art_utf8_valid(const char *s, size_t n, size_t *bad_at);

/*
 * Clean text from outside for a screen or a log: valid UTF-8, no control characters (tab and
 * newline become a space; with @keep_newlines newlines stay), no ANSI escapes, no bidi or
 * zero-width controls, no invisible characters, at most four combining marks on a character.
 * A bad byte becomes U+FFFD. Truncates at @dst_size on a character boundary and terminates.
 * Returns bytes written, without the NUL.
 */
size_t art_text_clean(char *dst, size_t dst_size, const char *src, size_t src_len,
		      bool keep_newlines);
/* Whether @cp can act on a terminal or a reader unseen: control characters, line separators, bidi and
 * zero-width controls, invisible characters. */
bool art_text_is_hidden(uint32_t cp);
/* Terminal columns of clean UTF-8 text (wide = 2, combining = 0), locale-independent. */
int art_text_columns(const char *s);
/* Bytes of the longest prefix of @s that takes at most @columns; *used gets its columns. */
size_t art_text_clip(const char *s, int columns, int *used);

#endif
