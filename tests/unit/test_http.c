/* test_http.c - the HTTP engine against a rude server on loopback, and its rules as tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <time.h>

#include "core/net/http.h"
#include "loopback_server.h"

static struct art_err err;

struct fixture {
	struct loop_server s, other;
	struct http *h;
	struct http_response r;
};

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- the server --------------------------------------------------------------------------------- */

static void pour(const struct loop_call *c, size_t bytes)
{
	static const char block[65536] = { 'x' };

	for (size_t left = bytes; left;) {
		size_t n = left < sizeof(block) ? left : sizeof(block);

		if (send(c->fd, block, n, MSG_NOSIGNAL) <= 0)
			return;
		left -= n;
	}
}

static void many_headers(const struct loop_call *c, int lines, int bytes)
{
	char *value = calloc(1, (size_t)bytes + 1);

	memset(value, 'b', (size_t)bytes);
	loop_printf(c, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < lines; i++)
		loop_printf(c, "X-%d: %s\r\n", i, value);
	loop_printf(c, "Content-Length: 2\r\nConnection: close\r\n\r\nok");
	free(value);
}

static void serve(void *arg, struct loop_call *c)
{
	struct fixture *f = arg;
	const char *p = c->path;
	char text[300];

	if (!strcmp(p, "/ok")) {
		loop_answer(c, 200, "X-Thing: Value \r\nx-thing: second\r\n", "hello");
	} else if (!strncmp(p, "/status/", 8)) {
		loop_answer(c, atoi(p + 8), "", "body");
	} else if (!strcmp(p, "/keep")) {
		c->keep = true;
		loop_answer(c, 200, "", "kept");
	} else if (!strcmp(p, "/drop")) {
		return;
	} else if (!strcmp(p, "/half")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	} else if (!strcmp(p, "/half-headers")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Ha");
	} else if (!strcmp(p, "/garbage")) {
		loop_printf(c, "SSH-2.0-nothing\r\n\r\n");
	} else if (!strcmp(p, "/silent")) {
		pause_ms(1500);
	} else if (!strcmp(p, "/drip")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
		for (int i = 0; i < 20; i++) {
			pause_ms(100);
			if (send(c->fd, "d", 1, MSG_NOSIGNAL) <= 0)
				return;
		}
	} else if (!strcmp(p, "/big")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		pour(c, 8u << 20);
	} else if (!strcmp(p, "/chunked")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	} else if (!strcmp(p, "/bad-chunks")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n");
	} else if (!strcmp(p, "/headers-100")) {
		many_headers(c, 98, 10);
	} else if (!strcmp(p, "/headers-200")) {
		many_headers(c, 200, 10);
	} else if (!strcmp(p, "/headers-big")) {
		many_headers(c, 1, 100000);
	} else if (!strcmp(p, "/busy")) {
		loop_answer(c, 503, "Retry-After: 0\r\n", "later");
	} else if (!strcmp(p, "/busy-once")) {
		loop_answer(c, loop_requests(&f->s) == 1 ? 503 : 200, "", "now");
	} else if (!strcmp(p, "/to-other") || !strcmp(p, "/to-self") || !strcmp(p, "/to-ever") || !strcmp(p, "/to-file")) {
		const char *to = p[4] == 'o' ? f->other.url : p[4] == 'f' ? "file:///etc/passwd#" : f->s.url;

		snprintf(text, sizeof(text), "Location: %s%s\r\n", to, p[4] == 'e' ? "/to-ever" : "/echo");
		loop_answer(c, 302, text, "moved");
	} else {
		loop_answer(c, 200, "", c->request);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	loop_start(&f->s, serve, f);
	loop_start(&f->other, serve, f);
	http_response_init(&f->r);
	*state = f;
	return http_open(&f->h, NULL, &err) == ART_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_close(f->h);
	loop_stop(&f->s);
	loop_stop(&f->other);
	http_response_destroy(&f->r);
	free(f);
	return 0;
}

static enum art_status ask(struct fixture *f, const char *path, struct http_request q)
{
	char url[256];

	snprintf(url, sizeof(url), "%s%s", f->s.url, path);
	q.url = url;
	q.deadline_ms = q.deadline_ms ? q.deadline_ms : 5000;
	http_response_destroy(&f->r);
	http_response_init(&f->r);
	err = (struct art_err){ 0 };
	return http_call(f->h, &q, &f->r, NULL, &err);
}

#define GET(...) ((struct http_request){ __VA_ARGS__ })
#define expect(call, status_, trouble_)                                                        \
	do {                                                                                   \
		enum art_status got_ = (call);                                                 \
		if (got_ != (status_) || f->r.trouble != (trouble_))                           \
			fail_msg("%s: status %d (%s), trouble %d", #call, (int)got_, err.text, \
				 (int)f->r.trouble);                                           \
	} while (0)

/* ---- answers ------------------------------------------------------------------------------------ */

static void a_whole_answer_is_one_whatever_its_status(void **state)
{
	struct fixture *f = *state;
	static const int statuses[] = { 200, 204, 301, 402, 404, 500, 503 };
	char path[32];

	expect(ask(f, "/ok", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 200);
	assert_string_equal(f->r.body.data, "hello");
	assert_string_equal(http_header(&f->r, "x-thing"), "Value");
	assert_null(http_header(&f->r, "x-none"));
	assert_string_equal(f->r.address, "127.0.0.1");
	assert_int_equal(f->r.attempts, 1);
	assert_true(f->r.total_us > 0);
	for (size_t i = 0; i < ART_COUNT(statuses); i++) {
		snprintf(path, sizeof(path), "/status/%d", statuses[i]);
		expect(ask(f, path, GET(.method = "GET")), ART_OK, HTTP_ANSWERED);
		assert_int_equal(f->r.status, statuses[i]);
	}
	expect(ask(f, "/chunked", GET(.method = "GET")), ART_OK, HTTP_ANSWERED);
	assert_string_equal(f->r.body.data, "abcde");
	expect(ask(f, "/headers-100", GET(.method = "GET")), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.n_headers, 100);
}

static void what_was_asked_must_arrive_as_it_is(void **state)
{
	struct fixture *f = *state;
	static const char *const headers[] = { "Content-Type: application/x-odd", "X-Empty:", "PAYMENT-SIGNATURE: abc" };
	char seen[8192];

	expect(ask(f, "/echo?q=1&r=%20", GET(.method = "PATCH", .headers = headers, .n_headers = 3, .body = "a\0b", .body_len = 3)),
	       ART_OK, HTTP_ANSWERED);
	loop_last(&f->s, seen);
	assert_non_null(strstr(seen, "PATCH /echo?q=1&r=%20 HTTP/1.1\r\n"));
	assert_non_null(strstr(seen, "\r\nContent-Type: application/x-odd\r\n"));
	assert_non_null(strstr(seen, "\r\nX-Empty:"));
	assert_non_null(strstr(seen, "\r\nPAYMENT-SIGNATURE: abc\r\n"));
	assert_non_null(strstr(seen, "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(seen, "\r\nUser-Agent: artui/"));
	assert_null(strstr(seen, "Expect:"));
	assert_null(strstr(seen, "Cookie"));
	expect(ask(f, "/echo", GET(.method = "POST")), ART_OK, HTTP_ANSWERED);
	loop_last(&f->s, seen);
	assert_non_null(strstr(seen, "\r\nContent-Length: 0\r\n"));
}

static void headers_with_line_breaks_must_be_refused_unsent(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "X: a\r\nY: b", "X: a\nb", "X a", ": a", "\r: x" };

	for (size_t i = 0; i < ART_COUNT(bad); i++)
		expect(ask(f, "/ok", GET(.headers = &bad[i], .n_headers = 1)), ART_INVALID, HTTP_NOT_SENT);
	assert_int_equal(loop_requests(&f->s), 0);
}

/* ---- limits ------------------------------------------------------------------------------------- */

static void ceilings_must_hold_and_keep_what_came(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "/big", GET(.max_body = 100000)), ART_LIMIT, HTTP_BAD_ANSWER);
	assert_int_equal(f->r.body.len, 100000);
	assert_int_equal(f->r.status, 200);
	expect(ask(f, "/big", GET(.max_body = 0)), ART_LIMIT, HTTP_BAD_ANSWER);
	expect(ask(f, "/headers-200", GET(.attempts = 3)), ART_LIMIT, HTTP_BAD_ANSWER);
	assert_int_equal(f->r.attempts, 1);
	expect(ask(f, "/headers-big", GET(.method = NULL)), ART_LIMIT, HTTP_BAD_ANSWER);
}

static void deadlines_must_hold(void **state)
{
	struct fixture *f = *state;
	int64_t from = art_mono_us();

	expect(ask(f, "/silent", GET(.deadline_ms = 200)), ART_NET, HTTP_MAYBE_SENT);
	expect(ask(f, "/drip", GET(.deadline_ms = 400)), ART_NET, HTTP_MAYBE_SENT);
	assert_true(f->r.body.len > 0);
	assert_true(art_mono_us() - from < 3000000);
	expect(ask(f, "/silent", GET(.deadline_ms = 4000, .idle_ms = 1000)), ART_NET, HTTP_MAYBE_SENT);
	assert_true(art_mono_us() - from < 6000000);
}

/* ---- how it ended ------------------------------------------------------------------------------- */

static void trouble_must_say_whether_it_can_have_been_sent(void **state)
{
	struct fixture *f = *state;
	struct http_request q = { .url = "http://127.0.0.1:1/", .deadline_ms = 3000 };

	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_NET, HTTP_NOT_SENT);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	http_response_destroy(&f->r);
	http_response_init(&f->r);
	q.url = "http://no-such-host.invalid/";
	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_NET, HTTP_NOT_SENT);
	assert_non_null(strstr(err.text, "no-such-host"));
	expect(ask(f, "/drop", GET(.method = "POST", .body = "x", .body_len = 1)), ART_NET, HTTP_MAYBE_SENT);
	expect(ask(f, "/half", GET(.method = NULL)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.status, 200);
	assert_string_equal(f->r.body.data, "half");
	expect(ask(f, "/half-headers", GET(.method = NULL)), ART_NET, HTTP_MAYBE_SENT);
	expect(ask(f, "/garbage", GET(.method = NULL)), ART_NET, HTTP_BAD_ANSWER);
	expect(ask(f, "/bad-chunks", GET(.method = NULL)), ART_NET, HTTP_MAYBE_SENT);
}

static void money_must_never_be_sent_twice_by_the_library(void **state)
{
	struct fixture *f = *state;
	static const char *const pay[] = { "X-PAYMENT: abc" };

	/* A connection is kept, then the server closes it on the paid request: one request, not two. */
	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->s.connections, 1);
	expect(ask(f, "/drop", GET(.headers = pay, .n_headers = 1)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(loop_requests(&f->s), 3);
	expect(ask(f, "/drop", GET(.method = "POST", .body = "x", .body_len = 1)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(loop_requests(&f->s), 4);
}

static void retries_must_be_those_that_are_allowed(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "/busy-once", GET(.attempts = 3)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 200);
	assert_int_equal(f->r.attempts, 2);
	expect(ask(f, "/busy", GET(.attempts = 3)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 503);
	assert_int_equal(f->r.attempts, 3);
	assert_int_equal(loop_requests(&f->s), 5);
	expect(ask(f, "/busy", GET(.method = "POST", .attempts = 3)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.attempts, 1);
}

/* ---- redirects and rules ------------------------------------------------------------------------ */

static void redirects_must_be_followed_only_as_asked(void **state)
{
	struct fixture *f = *state;
	static const char *const secrets[] = { "Authorization: Bearer s", "PAYMENT-SIGNATURE: s", "X-PAYMENT: s", "Accept: all" };
	char seen[8192];

	expect(ask(f, "/to-other", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 302);
	expect(ask(f, "/to-self", GET(.max_redirects = 3, .headers = secrets, .n_headers = 4)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 200);
	assert_int_equal(f->r.redirects, 1);
	loop_last(&f->s, seen);
	assert_non_null(strstr(seen, "Authorization: Bearer s"));
	expect(ask(f, "/to-other", GET(.max_redirects = 3, .headers = secrets, .n_headers = 4)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 200);
	loop_last(&f->other, seen);
	assert_non_null(strstr(seen, "Accept: all"));
	assert_null(strstr(seen, "Authorization"));
	assert_null(strcasestr(seen, "payment"));
	assert_non_null(strstr(f->r.url, f->other.url));
	expect(ask(f, "/to-ever", GET(.max_redirects = 4)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 302);
	assert_int_equal(f->r.redirects, 4);
	expect(ask(f, "/to-other", GET(.method = "POST", .max_redirects = 4)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 302);
	/* What cannot be followed is not: the redirect is the answer or a trouble, never a file. */
	(void)ask(f, "/to-file", GET(.max_redirects = 4));
	assert_null(f->r.body.data ? strstr(f->r.body.data, "root:") : NULL);
}

static void private_addresses_must_be_refused_when_asked(void **state)
{
	struct fixture *f = *state;
	char url[64];
	struct http_request q = { .url = url, .refuse_private = true, .deadline_ms = 3000, .attempts = 3 };

	expect(ask(f, "/ok", GET(.refuse_private = true)), ART_REFUSED, HTTP_NOT_SENT);
	snprintf(url, sizeof(url), "http://localhost:%d/ok", f->s.port);
	http_response_destroy(&f->r);
	http_response_init(&f->r);
	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_REFUSED, HTTP_NOT_SENT);
	assert_int_equal(loop_requests(&f->s), 0);
}

static void plain_http_must_stay_on_this_machine_when_asked(void **state)
{
	struct fixture *f = *state;
	struct http_request q = { .url = "http://example.invalid/", .plain_only_loopback = true };

	expect(ask(f, "/ok", GET(.plain_only_loopback = true)), ART_OK, HTTP_ANSWERED);
	http_response_destroy(&f->r);
	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_REFUSED, HTTP_NOT_SENT);
	assert_non_null(strstr(err.text, "https"));
}

/* ---- many at once ------------------------------------------------------------------------------- */

struct counter {
	pthread_mutex_t lock;
	int done, good, cancelled;
};

static void count(void *arg, struct http_response *r, enum art_status s, const struct art_err *e)
{
	struct counter *c = arg;

	(void)e;
	pthread_mutex_lock(&c->lock);
	c->done++;
	c->good += s == ART_OK && r->status == 200;
	c->cancelled += s == ART_CANCELLED;
	pthread_mutex_unlock(&c->lock);
}

static int done_of(struct counter *c)
{
	int n;

	pthread_mutex_lock(&c->lock);
	n = c->done;
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void transfers_must_run_at_once_and_end_once(void **state)
{
	struct fixture *f = *state;
	struct counter c = { .lock = PTHREAD_MUTEX_INITIALIZER };
	char url[128];
	struct http_request q = { .url = url, .deadline_ms = 10000 };
	uint64_t id;

	snprintf(url, sizeof(url), "%s/ok", f->s.url);
	for (int i = 0; i < 100; i++)
		assert_int_equal(http_start(f->h, &q, count, &c, &id, &err), ART_OK);
	for (int i = 0; i < 1000 && done_of(&c) < 100; i++)
		pause_ms(10);
	assert_int_equal(done_of(&c), 100);
	assert_int_equal(c.good, 100);
	/* Cancelled ones end once too, and an id that is gone harms nobody. */
	snprintf(url, sizeof(url), "%s/silent", f->s.url);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(http_start(f->h, &q, count, &c, &id, &err), ART_OK);
		pause_ms(i % 3 * 5);
		http_cancel(f->h, id);
	}
	http_cancel(f->h, id);
	http_cancel(f->h, 999999);
	for (int i = 0; i < 500 && done_of(&c) < 110; i++)
		pause_ms(10);
	assert_int_equal(done_of(&c), 110);
	assert_int_equal(c.cancelled, 10);
	/* Closing ends what is under way. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(http_start(f->h, &q, count, &c, &id, &err), ART_OK);
	http_close(f->h);
	f->h = NULL;
	assert_int_equal(done_of(&c), 115);
	assert_int_equal(c.cancelled, 15);
}

struct caller {
	struct fixture *f;
	int good;
};

static void *call_many(void *arg)
{
	struct caller *me = arg;
	char url[128];
	struct http_request q = { .url = url, .deadline_ms = 10000 };

	snprintf(url, sizeof(url), "%s/keep", me->f->s.url);
	for (int i = 0; i < 20; i++) {
		struct http_response r;

		http_response_init(&r);
		me->good += http_call(me->f->h, &q, &r, NULL, NULL) == ART_OK && r.status == 200;
		http_response_destroy(&r);
	}
	return NULL;
}

static void calls_from_several_threads_must_all_end(void **state)
{
	struct caller me[4];
	pthread_t t[4];

	for (int i = 0; i < 4; i++) {
		me[i] = (struct caller){ *state, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, call_many, &me[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(me[i].good, 20);
	}
}

static void *set_later(void *arg)
{
	pause_ms(150);
	__atomic_store_n((bool *)arg, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void a_cancel_flag_must_end_a_call(void **state)
{
	struct fixture *f = *state;
	bool cancel = false;
	char url[128];
	struct http_request q = { .url = url, .deadline_ms = 20000 };
	int64_t from = art_mono_us();
	pthread_t t;

	snprintf(url, sizeof(url), "%s/silent", f->s.url);
	assert_int_equal(pthread_create(&t, NULL, set_later, &cancel), 0);
	expect(http_call(f->h, &q, &f->r, &cancel, &err), ART_CANCELLED, HTTP_STOPPED);
	assert_true(art_mono_us() - from < 1200000);
	pthread_join(t, NULL);
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void descriptors_must_not_leak(void **state)
{
	struct fixture *f = *state;
	struct http *h;
	int before;

	(void)ask(f, "/ok", GET(.method = NULL));
	before = open_files();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(http_open(&h, NULL, &err), ART_OK);
		http_close(h);
	}
	assert_int_equal(open_files(), before);
}

/* ---- rules as tables ---------------------------------------------------------------------------- */

static void http_retry_decide_must_follow_its_table(void **state)
{
	static const struct {
		struct http_facts f;
		bool again;
		int64_t wait;
	} t[] = {
		{ { HTTP_NOT_SENT, 0, false, 1, 3, -1, 10000, 0.5 }, true, 125 },
		{ { HTTP_NOT_SENT, 0, false, 2, 3, -1, 10000, 0.5 }, true, 250 },
		{ { HTTP_NOT_SENT, 0, false, 3, 3, -1, 10000, 0.5 }, false, 0 },
		{ { HTTP_NOT_SENT, 0, false, 1, 3, -1, 100, 0.5 }, false, 0 },
		{ { HTTP_MAYBE_SENT, 0, true, 1, 3, -1, 10000, 0 }, true, 0 },
		{ { HTTP_MAYBE_SENT, 0, false, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_ANSWERED, 503, true, 1, 3, 2000, 10000, 0 }, true, 2000 },
		{ { HTTP_ANSWERED, 503, true, 1, 3, 20000, 10000, 0 }, false, 0 },
		{ { HTTP_ANSWERED, 503, false, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_ANSWERED, 429, true, 1, 2, -1, 10000, 0 }, true, 0 },
		{ { HTTP_ANSWERED, 200, true, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_ANSWERED, 404, true, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_ANSWERED, 402, true, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_BAD_ANSWER, 200, true, 1, 3, -1, 10000, 0 }, false, 0 },
		{ { HTTP_STOPPED, 0, true, 1, 3, -1, 10000, 0 }, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		struct http_retry r = http_retry_decide(&t[i].f);

		if (r.again != t[i].again || r.wait_ms != t[i].wait)
			fail_msg("row %zu: again %d, wait %lld", i, r.again, (long long)r.wait_ms);
	}
}

static void http_retry_after_must_read_every_form(void **state)
{
	static const int64_t now_us = 1795000000 * (int64_t)1000000; /* 2026-11-18T11:06:40Z */
	static const struct {
		const char *header;
		int64_t ms;
	} t[] = {
		{ "retry-after: 120", 120000 }, { "retry-after: 0", 0 }, { "retry-after: 1.5", 1500 },
		{ "retry-after: Wed, 18 Nov 2026 11:07:10 GMT", 30000 },
		{ "retry-after: Wed, 18 Nov 2020 09:47:10 GMT", 0 },
		{ "retry-after: soon", -1 }, { "retry-after: -5", -1 }, { "retry-after: ", -1 },
		{ "retry-after: 99999999999", -1 }, { "ratelimit-reset: 7", 7000 },
		{ "x-ratelimit-reset: 7", 7000 }, { "x-ratelimit-reset: 1795000060", 60000 },
		{ "x-ratelimit-reset: 1795000060000", 60000 }, { "x-ratelimit-reset: 1794000000", 0 },
		{ "x-other: 5", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		struct http_response r;
		int64_t ms;

		http_response_init(&r);
		r.headers[r.n_headers++] = art_strdup(t[i].header);
		ms = http_retry_after_ms(&r, now_us);
		if (ms != t[i].ms)
			fail_msg("\"%s\": %lld, not %lld", t[i].header, (long long)ms, (long long)t[i].ms);
		http_response_destroy(&r);
	}
}

static void http_url_parse_must_take_and_refuse(void **state)
{
	static const struct {
		const char *url, *scheme, *host, *path;
		int port;
	} good[] = {
		{ "http://a.example", "http", "a.example", "/", 80 },
		{ "HTTPS://A.example:8443/x?y=1#z", "https", NULL, "/x?y=1", 8443 },
		{ "http://127.0.0.1:80/", "http", "127.0.0.1", "/", 80 },
		{ "https://[::1]:9/p", "https", "::1", "/p", 9 },
	};
	static const char *const bad[] = {
		"", "a.example", "ftp://a.example", "file:///etc/passwd", "http://", "http:///x", "http://u@a.example",
		"http://u:p@a.example", "http://a.example:0/", "http://a.example:65536/", "http://a.example:x/",
		"http://a b/", "http://a.example/\n", "http://a.example/\xc3\xa9", "javascript:alert(1)", "//a.example/",
	};
	struct http_url u;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		if (http_url_parse(good[i].url, &u, &err) != ART_OK)
			fail_msg("%s: %s", good[i].url, err.text);
		assert_string_equal(u.scheme, good[i].scheme);
		if (good[i].host)
			assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.path, good[i].path);
		assert_int_equal(u.port, good[i].port);
	}
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (http_url_parse(bad[i], &u, &err) != ART_INVALID)
			fail_msg("took \"%s\"", bad[i]);
	assert_true(http_host_is_loopback("localhost") && http_host_is_loopback("127.9.8.7") && http_host_is_loopback("::1"));
	assert_false(http_host_is_loopback("127.0.0.1.example") || http_host_is_loopback("128.0.0.1") ||
		     http_host_is_loopback("localhost.example") || http_host_is_loopback("127.0.0.256") || http_host_is_loopback(""));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_answer_is_one_whatever_its_status),
		T(what_was_asked_must_arrive_as_it_is),
		T(headers_with_line_breaks_must_be_refused_unsent),
		T(ceilings_must_hold_and_keep_what_came),
		T(deadlines_must_hold),
		T(trouble_must_say_whether_it_can_have_been_sent),
		T(money_must_never_be_sent_twice_by_the_library),
		T(retries_must_be_those_that_are_allowed),
		T(redirects_must_be_followed_only_as_asked),
		T(private_addresses_must_be_refused_when_asked),
		T(plain_http_must_stay_on_this_machine_when_asked),
		T(transfers_must_run_at_once_and_end_once),
		T(calls_from_several_threads_must_all_end),
		T(a_cancel_flag_must_end_a_call),
		T(descriptors_must_not_leak),
		cmocka_unit_test(http_retry_decide_must_follow_its_table),
		cmocka_unit_test(http_retry_after_must_read_every_form),
		cmocka_unit_test(http_url_parse_must_take_and_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
