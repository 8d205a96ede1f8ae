/*
 * base.c - status, errors, memory, buffers, clocks and numbers.
 *
 * Layer: store. The only file that calls the allocator. Text is in text.c, files in file.c,
 * random numbers in rng.c. Two writable globals live here, both atomic: the death hook and
 * the test clock.
 */
#define _GNU_SOURCE
#include "store/base.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void (*_Atomic art_death_hook)(void);
static _Atomic int64_t art_test_clock_us;

static const char *const status_text[ART_STATUS_COUNT] = {
#define STATUS_TEXT(name, text) [ART_##name] = text,
	ART_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
};

const char *art_status_text(enum art_status s)
{
	if ((unsigned)s >= ART_STATUS_COUNT)
		return "unknown status";
	return status_text[s];
}

/* Formatted aside first: callers wrap a message with err->text among the arguments. */
static void err_set(struct art_err *err, enum art_status code, const char *text)
{
	size_t bad;

	err->code = code;
	art_copy(err->text, sizeof(err->text), text);
	/* "%.80s" may have cut a character in two, anywhere in it: its bytes go. */
	while (!art_utf8_valid(err->text, strlen(err->text), &bad))
		memmove(err->text + bad, err->text + bad + 1, strlen(err->text + bad));
}

enum art_status art_fail(struct art_err *err, enum art_status code, const char *fmt, ...)
{
	/* A character cut in two at the end of this lies beyond err->text, where art_copy cuts
	 * between characters. */
	char text[sizeof(err->text) + 4];
	va_list ap;

	ART_BUG_ON(code == ART_OK);
	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, code, text);
	return code;
}

enum art_status art_fail_errno(struct art_err *err, const char *fmt, ...)
{
	int saved = errno;
	enum art_status code = saved == ENOENT ? ART_NOT_FOUND : ART_IO;
	char why[128], what[sizeof(err->text) + 4], text[sizeof(what) + sizeof(why) + 4];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", what, strerror_r(saved, why, sizeof(why)));
	err_set(err, code, text);
	errno = saved;
	return code;
}

static void call_death_hook(void)
{
	void (*fn)(void) = atomic_exchange(&art_death_hook, NULL);

	if (fn)
		fn();
}

void art_on_death(void (*fn)(void))
{
	atomic_store(&art_death_hook, fn);
}

/* write(2) and not stdio: the dying thread may hold a stdio lock. */
static void last_words(const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t w = write(STDERR_FILENO, text, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		text += w;
		n -= (size_t)w;
	}
}

void art_bug(const char *file, int line, const char *what)
{
	char text[512];

	call_death_hook();
	snprintf(text, sizeof(text), "artui: bug at %s:%d: %s\n", file, line, what);
	last_words(text);
	abort();
}

void art_die(const char *fmt, ...)
{
	char what[480], text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	call_death_hook();
	snprintf(text, sizeof(text), "artui: %s\n", what);
	last_words(text);
	/* Not exit(): other threads still run, and atexit handlers would race with them. */
	_exit(1);
}

static size_t checked_product(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
		art_die("out of memory: %zu items of %zu bytes asked for", n, size);
	return bytes ? bytes : 1;
}

void *art_alloc(size_t n, size_t size)
{
	size_t bytes = checked_product(n, size);
	void *p = calloc(1, bytes);

	if (!p)
		art_die("out of memory: %zu bytes asked for", bytes);
	return p;
}

void *art_grow(void *p, size_t n, size_t size)
{
	size_t bytes = checked_product(n, size);
	void *q = realloc(p, bytes);

	if (!q)
		art_die("out of memory: %zu bytes asked for", bytes);
	return q;
}

char *art_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = art_alloc(n, 1);

	memcpy(copy, s, n);
	return copy;
}

char *art_printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	ART_BUG_ON(n < 0);

	char *s = art_alloc((size_t)n + 1, 1);

	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

bool art_copy(char *dst, size_t dst_size, const char *src)
{
	if (!dst_size)
		return false;

	size_t n = strnlen(src, dst_size);

	if (n < dst_size) {
		memcpy(dst, src, n + 1);
		return true;
	}
	n = dst_size - 1;
	/* Step back over a character that would be cut (at most three continuation bytes). */
	size_t cut = n;
	for (int i = 0; i < 3 && cut && ((unsigned char)src[cut] & 0xc0) == 0x80; i++)
		cut--;
	if (((unsigned char)src[cut] & 0xc0) == 0xc0)
		n = cut;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return false;
}

void art_buf_init(struct art_buf *b, size_t max)
{
	*b = (struct art_buf){ .max = max };
}

void art_buf_destroy(struct art_buf *b)
{
	free(b->data);
	*b = (struct art_buf){ 0 };
}

void art_buf_reset(struct art_buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for @n more bytes and the NUL; false when that would pass the ceiling. */
static bool buf_room(struct art_buf *b, size_t n)
{
	size_t cap = b->cap;

	if (n > b->max - b->len || n > PTRDIFF_MAX - 1 - b->len)
		return false;

	size_t need = b->len + n + 1;

	if (need <= cap)
		return true;
	if (cap < 64)
		cap = 64;
	while (cap < need)
		cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
	if (b->max < cap - 1) /* the ceiling holds need, see above */
		cap = b->max + 1;
	b->data = art_grow(b->data, cap, 1);
	b->data[b->len] = '\0';
	b->cap = cap;
	return true;
}

enum art_status art_buf_add(struct art_buf *b, const void *p, size_t n)
{
	if (!buf_room(b, n))
		return ART_LIMIT;
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return ART_OK;
}

static enum art_status ART_PRINTF(2, 0) buf_vprintf(struct art_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	ART_BUG_ON(n < 0);
	if (!buf_room(b, (size_t)n))
		return ART_LIMIT;
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return ART_OK;
}

enum art_status art_buf_printf(struct art_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	enum art_status s = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return s;
}

void art_buf_put(struct art_buf *b, const char *s)
{
	if (art_buf_add(b, s, strlen(s)))
		art_die("a text grew past its ceiling of %zu bytes", b->max);
}

void art_buf_putf(struct art_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	enum art_status s = buf_vprintf(b, fmt, ap);
	va_end(ap);
	if (s)
		art_die("a text grew past its ceiling of %zu bytes", b->max);
}

char *art_buf_take(struct art_buf *b)
{
	char *data = b->data ? b->data : art_strdup("");

	art_buf_init(b, b->max);
	return data;
}

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;

	ART_BUG_ON(clock_gettime(id, &ts) != 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t art_now_us(void)
{
	int64_t fixed = atomic_load(&art_test_clock_us);
	const char *env;
	int64_t seconds;

	if (fixed)
		return fixed;
	env = getenv("ARTUI_NOW");
	if (env && art_parse_i64(env, &seconds) && seconds >= 0 && seconds <= INT64_MAX / 1000000)
		return seconds * 1000000;
	return clock_us(CLOCK_REALTIME);
}

int64_t art_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

void art_clock_set_for_test(int64_t now_us)
{
	atomic_store(&art_test_clock_us, now_us);
}

const char *art_time_iso(int64_t at_us, char *buf, size_t n)
{
	time_t seconds = at_us / 1000000 - (at_us % 1000000 < 0);
	char text[80]; /* what gcc fears six full ints would take; a real date takes 20 to 23 */
	struct tm tm;

	ART_BUG_ON(!gmtime_r(&seconds, &tm));
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	art_copy(buf, n, text);
	return buf;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly @n digits at *s, stepped over. */
static bool take_number(const char **s, int n, int64_t *out)
{
	*out = 0;
	for (; n > 0; n--, (*s)++) {
		if (!is_digit(**s))
			return false;
		*out = *out * 10 + **s - '0';
	}
	return true;
}

static bool take_char(const char **s, const char *any_of)
{
	if (!**s || !strchr(any_of, **s))
		return false;
	(*s)++;
	return true;
}

/* "2026-09-04" into days since 1970. */
static bool take_date(const char **s, int64_t *days)
{
	static const int of_month[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t y, m, d;
	bool leap;

	if (!take_number(s, 4, &y) || !take_char(s, "-") || !take_number(s, 2, &m) ||
	    !take_char(s, "-") || !take_number(s, 2, &d))
		return false;
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > of_month[m - 1] + (m == 2 && leap))
		return false;
	*days = (y - 1970) * 365 + (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400 + d - 1;
	for (int64_t i = 1; i < m; i++)
		*days += of_month[i - 1] + (i == 2 && leap);
	return true;
}

/* "21:25:53.795651" into microseconds since midnight; the 60th second is one of the next minute. */
static bool take_clock(const char **s, int64_t *us)
{
	int64_t h, m, sec, unit = 1000000;

	if (!take_number(s, 2, &h) || !take_char(s, ":") || !take_number(s, 2, &m) ||
	    !take_char(s, ":") || !take_number(s, 2, &sec) || h > 23 || m > 59 || sec > 60)
		return false;
	*us = ((h * 60 + m) * 60 + sec) * 1000000;
	if (!take_char(s, ".,"))
		return true;
	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); (*s)++)
		*us += (**s - '0') * (unit /= 10);
	return true;
}

/* "Z", "+02:00", "-0530", or nothing. */
static bool take_offset(const char **s, int64_t *us)
{
	int64_t h, m, sign = **s == '-' ? -1 : 1;

	*us = 0;
	if (!**s || take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-") || !take_number(s, 2, &h))
		return false;
	take_char(s, ":");
	if (!take_number(s, 2, &m) || h > 23 || m > 59)
		return false;
	*us = sign * (h * 60 + m) * 60000000;
	return true;
}

bool art_parse_time(const char *s, int64_t *out_us)
{
	int64_t days, clock = 0, offset = 0;

	if (!take_date(&s, &days))
		return false;
	if (*s && (!take_char(&s, "Tt ") || !take_clock(&s, &clock) || !take_offset(&s, &offset)))
		return false;
	if (*s)
		return false;
	*out_us = days * 86400000000 + clock - offset;
	return true;
}

bool art_parse_i64(const char *s, int64_t *out)
{
	bool negative = *s == '-';
	int64_t v = 0;

	if (negative)
		s++;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!is_digit(*s) || __builtin_mul_overflow(v, 10, &v))
			return false;
		/* Downwards for negatives, so that INT64_MIN is reached without overflow. */
		if (__builtin_add_overflow(v, negative ? '0' - *s : *s - '0', &v))
			return false;
	}
	*out = v;
	return true;
}

/* [-] digits [. digits] [e [+-] digits], with a digit on at least one side of the point. */
static bool looks_like_f64(const char *s)
{
	int digits = 0;

	if (*s == '-')
		s++;
	for (; is_digit(*s); s++)
		digits++;
	if (*s == '.')
		for (s++; is_digit(*s); s++)
			digits++;
	if (!digits)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!is_digit(*s))
			return false;
		while (is_digit(*s))
			s++;
	}
	return !*s;
}

/* glibc answers a request for the plain C locale with a static object: nothing to free. */
static locale_t c_locale(void)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	ART_BUG_ON(!c);
	return c;
}

bool art_parse_f64(const char *s, double *out)
{
	if (!looks_like_f64(s))
		return false;

	locale_t c = c_locale();
	double v = strtod_l(s, NULL, c);

	freelocale(c);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

const char *art_f64_text(double v, char *buf, size_t n)
{
	/* A decimal of up to 15 digits survives the way through a normal double, and %g drops
	 * trailing zeros: so 15 already gives the shortest, if any up to 15 does. Below DBL_MIN
	 * the promise does not hold, and every length is tried. */
	int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG;
	char text[40];

	if (isnan(v)) {
		art_copy(buf, n, "nan");
		return buf;
	}

	locale_t c = c_locale();
	locale_t before = uselocale(c);

	for (; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod_l(text, NULL, c) == v)
			break;
	}
	uselocale(before);
	freelocale(c);
	art_copy(buf, n, text);
	return buf;
}
