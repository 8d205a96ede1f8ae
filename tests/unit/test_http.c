/* test_http.c - the HTTP engine against a rude server on loopback, and its rules as tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <time.h>

#include "core/net/http_private.h"
#include "loopback_server.h"

static struct art_err err;

struct fixture {
	struct loop_server s, other;
	struct http *h;
	struct http_response r;
	char location[256]; /* set before the request that reads it */
	bool held, answered; /* atomic: the engine's thread is held up; /when-held has answered since */
};

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int resolving; /* atomic */

/* The resolver, as the tests want it: names under .test are answered here. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name && !strcmp(name, "slow.test")) {
		__atomic_add_fetch(&resolving, 1, __ATOMIC_SEQ_CST);
		pause_ms(1000);
		__atomic_sub_fetch(&resolving, 1, __ATOMIC_SEQ_CST);
	}
	if (name && !strcmp(name, "inside.test"))
		return real("10.255.255.1", service, hints, out);
	if (name && !strcmp(name, "here.test"))
		return real("127.0.0.1", service, hints, out);
	if (name && strlen(name) > 5 && !strcmp(name + strlen(name) - 5, ".test"))
		return EAI_NONAME;
	return real(name, service, hints, out);
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
	} else if (!strcmp(p, "/empty")) {
		loop_printf(c, "HTTP/1.1 204 No Content\r\nX-Thing: 1\r\nConnection: close\r\n\r\n");
	} else if (!strcmp(p, "/word-then-silence")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nword");
		pause_ms(1000);
	} else if (!strcmp(p, "/half-headers")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Ha");
	} else if (!strcmp(p, "/garbage")) {
		loop_printf(c, "SSH-2.0-nothing\r\n\r\n");
	} else if (!strcmp(p, "/when-held")) {
		for (int i = 0; i < 500 && !__atomic_load_n(&f->held, __ATOMIC_SEQ_CST); i++)
			loop_pause(c, 10);
		loop_answer(c, 200, "", "in time");
		__atomic_store_n(&f->answered, true, __ATOMIC_SEQ_CST);
	} else if (!strcmp(p, "/silent")) {
		loop_silence(c, 5000);
	} else if (!strcmp(p, "/stall")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
		pour(c, 200000);
		loop_silence(c, 5000);
	} else if (!strcmp(p, "/early-only")) {
		loop_printf(c, "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n");
	} else if (!strcmp(p, "/early")) {
		loop_printf(c, "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\nHTTP/1.1 100 Go\r\n\r\n");
		loop_answer(c, 200, "X-Late: 1\r\n", "late");
	} else if (!strcmp(p, "/early-ever")) {
		while (loop_pause(c, 0) && send(c->fd, "HTTP/1.1 103 Early\r\n\r\n", 22, MSG_NOSIGNAL) > 0)
			;
	} else if (!strcmp(p, "/trailers")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nX-Real: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
			       "1\r\na\r\n0\r\nX-Fake: 1\r\nHTTP/1.1: 500\r\n\r\n");
	} else if (!strcmp(p, "/trailers-ever")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n");
		while (loop_pause(c, 0) && send(c->fd, "X-Fake: 1\r\n", 11, MSG_NOSIGNAL) > 0)
			;
	} else if (!strcmp(p, "/odd-headers")) {
		loop_answer(c, 200, "X-Fold: a\r\n b: c\r\nX-Space : d\r\nX-Last: e\r\n", "odd");
	} else if (!strcmp(p, "/nul-header")) {
		static const char nul[] = "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 0\r\n\r\n";

		loop_send(c, nul, sizeof(nul) - 1);
	} else if (!strcmp(p, "/gzip")) {
		loop_answer(c, 200, "Content-Encoding: gzip\r\n", "not unpacked");
	} else if (!strcmp(p, "/cookie")) {
		loop_answer(c, 200, "Set-Cookie: a=b; Path=/\r\n", "");
	} else if (!strcmp(p, "/lying-length")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc");
	} else if (!strcmp(p, "/drop-once")) {
		if (loop_requests(&f->s) > 1)
			loop_answer(c, 200, "", "second");
	} else if (!strcmp(p, "/last-words")) {
		/* Nobody listens after this request. */
		shutdown(f->s.listener, SHUT_RDWR);
	} else if (!strcmp(p, "/to-text")) {
		snprintf(text, sizeof(text), "Location: %s\r\n", f->location);
		loop_answer(c, 302, text, "moved");
	} else if (!strcmp(p, "/drip")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
		for (int i = 0; i < 20; i++) {
			if (!loop_pause(c, 100) || send(c->fd, "d", 1, MSG_NOSIGNAL) <= 0)
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
	} else if (!strcmp(p, "/headers-line")) {
		many_headers(c, 1, 400000);
	} else if (!strcmp(p, "/headers-sum")) {
		many_headers(c, 70, 1000);
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
	static const char *const empty[] = { "POST", "PUT", "PATCH" };
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
	for (size_t i = 0; i < ART_COUNT(empty); i++) {
		expect(ask(f, "/echo", GET(.method = empty[i])), ART_OK, HTTP_ANSWERED);
		loop_last(&f->s, seen);
		assert_non_null(strstr(seen, empty[i]));
		assert_non_null(strstr(seen, "\r\nContent-Length: 0\r\n"));
	}
	/* Nobody said that it is a form. */
	expect(ask(f, "/echo", GET(.method = "POST", .body = "ab", .body_len = 2)), ART_OK, HTTP_ANSWERED);
	loop_last(&f->s, seen);
	assert_null(strcasestr(seen, "content-type"));
}

static void headers_with_line_breaks_must_be_refused_unsent(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "X: a\r\nY: b", "X: a\nb", "X: a\rb", "X a", ": a", "\r: x", "X : a", " X: a", "",
					   "X: \x01", "X: \x7f" };
	static const char *const secret[] = { "Authorization: Bearer s3cret\n" };
	static const char *const methods[] = { "", "GET /x HTTP/1.1\r\nA: b", "A B", "G\tT" };

	for (size_t i = 0; i < ART_COUNT(bad); i++)
		expect(ask(f, "/ok", GET(.headers = &bad[i], .n_headers = 1)), ART_INVALID, HTTP_NOT_SENT);
	/* The name says which one; the value may be a secret. */
	expect(ask(f, "/ok", GET(.headers = secret, .n_headers = 1)), ART_INVALID, HTTP_NOT_SENT);
	assert_non_null(strstr(err.text, "'Authorization'"));
	assert_null(strstr(err.text, "s3cret"));
	for (size_t i = 0; i < ART_COUNT(methods); i++)
		expect(ask(f, "/ok", GET(.method = methods[i])), ART_INVALID, HTTP_NOT_SENT);
	assert_int_equal(loop_connections(&f->s), 0);
}

static void only_the_answers_own_headers_must_be_kept(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "/early", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_null(http_header(&f->r, "x-early"));
	assert_string_equal(http_header(&f->r, "x-late"), "1");
	assert_string_equal(f->r.body.data, "late");
	expect(ask(f, "/early-only", GET(.method = NULL)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.status, 0);
	expect(ask(f, "/trailers", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_string_equal(http_header(&f->r, "x-real"), "1");
	assert_null(http_header(&f->r, "x-fake"));
	expect(ask(f, "/odd-headers", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_string_equal(http_header(&f->r, "x-fold"), "a");
	assert_string_equal(http_header(&f->r, "x-last"), "e");
	assert_null(http_header(&f->r, "x-space"));
	assert_null(http_header(&f->r, "x-fol"));
	expect(ask(f, "/nul-header", GET(.method = NULL)), ART_NET, HTTP_BAD_ANSWER);
	expect(ask(f, "/gzip", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_string_equal(f->r.body.data, "not unpacked");
}

static void nothing_of_the_environment_must_leak_in(void **state)
{
	struct fixture *f = *state;
	struct http_request q = { .url = "http://here.test:1/", .deadline_ms = 3000 };
	static const char *const expects[] = { "Expect: 100-continue" };
	char seen[8192];

	/* The proxy would answer; the host does not. */
	setenv("http_proxy", f->s.url, 1);
	setenv("all_proxy", f->s.url, 1);
	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_NET, HTTP_NOT_SENT);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	assert_int_equal(loop_connections(&f->s), 0);
	expect(ask(f, "/cookie", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	expect(ask(f, "/echo", GET(.headers = expects, .n_headers = 1)), ART_OK, HTTP_ANSWERED);
	loop_last(&f->s, seen);
	assert_null(strcasestr(seen, "cookie"));
	assert_null(strcasestr(seen, "expect"));
	assert_null(strcasestr(seen, "authorization"));
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
	expect(ask(f, "/headers-line", GET(.method = NULL)), ART_LIMIT, HTTP_BAD_ANSWER);
	expect(ask(f, "/headers-sum", GET(.method = NULL)), ART_LIMIT, HTTP_BAD_ANSWER);
	expect(ask(f, "/early-ever", GET(.method = NULL)), ART_LIMIT, HTTP_BAD_ANSWER);
	expect(ask(f, "/trailers-ever", GET(.method = NULL)), ART_LIMIT, HTTP_BAD_ANSWER);
	expect(ask(f, "/ok", GET(.max_body = 5)), ART_OK, HTTP_ANSWERED);
	expect(ask(f, "/ok", GET(.max_body = 4)), ART_LIMIT, HTTP_BAD_ANSWER);
	assert_string_equal(f->r.body.data, "hell");
}

static void deadlines_must_hold(void **state)
{
	struct fixture *f = *state;
	int64_t from = art_mono_us();

	expect(ask(f, "/silent", GET(.deadline_ms = 200)), ART_NET, HTTP_MAYBE_SENT);
	expect(ask(f, "/drip", GET(.deadline_ms = 400)), ART_NET, HTTP_MAYBE_SENT);
	assert_true(f->r.body.len > 0);
	assert_true(art_mono_us() - from < 3000000);
	expect(ask(f, "/silent", GET(.deadline_ms = -1)), ART_NET, HTTP_NOT_SENT);
	expect(ask(f, "/ok", GET(.deadline_ms = INT64_MAX)), ART_OK, HTTP_ANSWERED);
}

static void idle_time_must_end_what_stalls_and_not_what_drips(void **state)
{
	struct fixture *f = *state;
	int64_t from = art_mono_us();

	expect(ask(f, "/silent", GET(.idle_ms = 200)), ART_NET, HTTP_MAYBE_SENT);
	expect(ask(f, "/stall", GET(.idle_ms = 200)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.body.len, 200000);
	assert_int_equal(f->r.status, 200);
	assert_true(art_mono_us() - from >= 400000);
	assert_true(art_mono_us() - from < 2500000);
	from = art_mono_us();
	expect(ask(f, "/drip", GET(.idle_ms = 600)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.body.len, 20);
	assert_true(art_mono_us() - from >= 1900000);
}

/* Keeps the engine from running until the other answer is there and its deadline over. */
static void hold_up(void *arg, struct http_response *r, enum art_status s, const struct art_err *e)
{
	struct fixture *f = arg;

	(void)r, (void)s, (void)e;
	__atomic_store_n(&f->held, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 500 && !__atomic_load_n(&f->answered, __ATOMIC_SEQ_CST); i++)
		pause_ms(10);
	pause_ms(1100);
}

static void *ask_when_held(void *arg)
{
	return (void *)(intptr_t)ask(arg, "/when-held", GET(.deadline_ms = 1000, .idle_ms = 900));
}

static void what_has_arrived_must_count_though_it_is_read_late(void **state)
{
	struct fixture *f = *state;
	char url[128];
	struct http_request q = { .url = url };
	pthread_t t;
	void *got;

	assert_int_equal(pthread_create(&t, NULL, ask_when_held, f), 0);
	for (int i = 0; i < 500 && loop_requests(&f->s) < 1; i++)
		pause_ms(10);
	snprintf(url, sizeof(url), "%s/ok", f->other.url);
	assert_int_equal(http_start(f->h, &q, hold_up, f, NULL, &err), ART_OK);
	pthread_join(t, &got);
	expect((enum art_status)(intptr_t)got, ART_OK, HTTP_ANSWERED);
	assert_string_equal(f->r.body.data, "in time");
}

static void connecting_must_have_its_own_deadline(void **state)
{
	struct fixture *f = *state;
	char url[64];
	struct http_request q = { .url = url, .connect_ms = 200, .deadline_ms = 5000 };
	int64_t from = art_mono_us();

	/* A connection, but never a TLS handshake on it: nothing of the request has left. */
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", f->s.port);
	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_NET, HTTP_NOT_SENT);
	assert_true(art_mono_us() - from < 2500000);
	assert_int_equal(loop_requests(&f->s), 0);
}

static void a_name_server_must_not_hold_up_anyone(void **state)
{
	struct fixture *f = *state;
	struct http_request q = { .url = "http://slow.test/", .deadline_ms = 200 };
	int64_t from = art_mono_us();

	expect(http_call(f->h, &q, &f->r, NULL, &err), ART_NET, HTTP_NOT_SENT);
	expect(ask(f, "/ok", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_true(art_mono_us() - from < 900000);
	for (int i = 0; i < 500 && __atomic_load_n(&resolving, __ATOMIC_SEQ_CST); i++)
		pause_ms(10);
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
	expect(ask(f, "/lying-length", GET(.max_body = 2)), ART_LIMIT, HTTP_BAD_ANSWER);
}

static void an_attempt_that_left_nothing_must_not_hide_one_that_did(void **state)
{
	struct fixture *f = *state;

	expect(ask(f, "/last-words", GET(.attempts = 2)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.attempts, 2);
	assert_int_equal(loop_requests(&f->s), 1);
}

static void money_must_never_be_sent_twice_by_the_library(void **state)
{
	struct fixture *f = *state;
	static const char *const pay[] = { "X-PAYMENT: abc" };

	/* A connection is kept, then the server closes it on the paid request: one request, not two. */
	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(loop_connections(&f->s), 1);
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
	expect(ask(f, "/drop", GET(.method = "POST", .attempts = 3)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.attempts, 1);
	expect(ask(f, "/drop", GET(.method = "POST", .attempts = 3, .idempotent = true)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.attempts, 3);
	expect(ask(f, "/busy", GET(.method = "POST", .attempts = 2, .idempotent = true)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.attempts, 2);
	expect(ask(f, "/drop", GET(.attempts = 3)), ART_NET, HTTP_MAYBE_SENT);
	assert_int_equal(f->r.attempts, 3);
}

/* ---- bodies as they come --------------------------------------------------------------------------- */

struct taker {
	pthread_mutex_t lock;
	pthread_cond_t more;
	size_t got, pause_at, stop_at; /* SIZE_MAX: never */
	int heads, pieces, pauses, dones, status;
	bool stop_head, body_kept;
	char last;
	enum art_status s;
	enum http_trouble trouble;
	uint64_t id;
};

static enum http_flow take_piece(void *arg, const struct http_response *head, const void *p, size_t n)
{
	struct taker *t = arg;
	enum http_flow flow = HTTP_FLOW_TAKE;

	pthread_mutex_lock(&t->lock);
	t->status = head->status;
	t->body_kept |= head->body.len != 0;
	if (!n) {
		t->heads++;
		flow = t->stop_head ? HTTP_FLOW_STOP : HTTP_FLOW_TAKE;
	} else if (t->got >= t->stop_at) {
		flow = HTTP_FLOW_STOP;
	} else if (t->got >= t->pause_at) {
		t->pauses++;
		flow = HTTP_FLOW_PAUSE;
	} else {
		t->pieces++;
		t->got += n;
		t->last = ((const char *)p)[n - 1];
	}
	pthread_cond_signal(&t->more);
	pthread_mutex_unlock(&t->lock);
	return flow;
}

static void taken(void *arg, struct http_response *r, enum art_status s, const struct art_err *e)
{
	struct taker *t = arg;

	(void)e;
	pthread_mutex_lock(&t->lock);
	t->dones++;
	t->s = s;
	t->trouble = r->trouble;
	t->status = r->status;
	t->body_kept |= r->body.len != 0;
	pthread_cond_signal(&t->more);
	pthread_mutex_unlock(&t->lock);
}

static struct taker *taker_new(void)
{
	struct taker *t = calloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->more, NULL);
	t->pause_at = t->stop_at = SIZE_MAX;
	return t;
}

static void take_from(struct fixture *f, const char *path, struct http_request q, struct taker *t)
{
	char url[256];

	snprintf(url, sizeof(url), "%s%s", f->s.url, path);
	q.url = url;
	q.deadline_ms = q.deadline_ms ? q.deadline_ms : 5000;
	q.max_body = q.max_body ? q.max_body : 64u << 20;
	q.piece = take_piece;
	assert_int_equal(http_start(f->h, &q, taken, t, &t->id, &err), ART_OK);
}

/* Until it is over, or paused @pauses times. */
static void await_taker(struct taker *t, int pauses)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 20;
	pthread_mutex_lock(&t->lock);
	while (!t->dones && (!pauses || t->pauses < pauses))
		assert_int_equal(pthread_cond_timedwait(&t->more, &t->lock, &at), 0);
	pthread_mutex_unlock(&t->lock);
}

static void go_on(struct fixture *f, struct taker *t, size_t pause_at)
{
	pthread_mutex_lock(&t->lock);
	t->pause_at = pause_at;
	pthread_mutex_unlock(&t->lock);
	http_resume(f->h, t->id);
}

#define assert_taken(t, want_s, want_trouble, want_got)                                                       \
	do {                                                                                                  \
		pthread_mutex_lock(&(t)->lock);                                                               \
		if ((t)->dones != 1 || (t)->s != (want_s) || (t)->trouble != (want_trouble) || (t)->got != (want_got)) \
			fail_msg("%d ends, status %d, trouble %d, %zu bytes", (t)->dones, (int)(t)->s,         \
				 (int)(t)->trouble, (t)->got);                                                 \
		pthread_mutex_unlock(&(t)->lock);                                                             \
	} while (0)

static void pieces_must_come_and_nothing_be_kept(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path, *method;
		int status;
		size_t bytes;
		enum art_status s;
		enum http_trouble trouble;
	} cases[] = {
		{ "/big", NULL, 200, 8u << 20, ART_OK, HTTP_ANSWERED }, { "/chunked", NULL, 200, 5, ART_OK, HTTP_ANSWERED },
		{ "/ok", "HEAD", 200, 0, ART_OK, HTTP_ANSWERED }, { "/empty", NULL, 204, 0, ART_OK, HTTP_ANSWERED },
		{ "/status/404", NULL, 404, 4, ART_OK, HTTP_ANSWERED }, { "/half", NULL, 200, 4, ART_NET, HTTP_MAYBE_SENT },
		{ "/early", NULL, 200, 4, ART_OK, HTTP_ANSWERED },
	};

	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct taker *t = taker_new();

		take_from(f, cases[i].path, GET(.method = cases[i].method), t);
		await_taker(t, 0);
		assert_taken(t, cases[i].s, cases[i].trouble, cases[i].bytes);
		assert_int_equal(t->status, cases[i].status);
		assert_int_equal(t->heads, 1);
		assert_false(t->body_kept);
		free(t);
	}
	/* Who breaks before the end of the headers was never heard of. */
	for (int i = 0; i < 2; i++) {
		struct taker *t = taker_new();

		take_from(f, i ? "/half-headers" : "/headers-big", GET(.method = NULL), t);
		await_taker(t, 0);
		assert_int_not_equal(t->s, ART_OK);
		assert_int_equal(t->heads, 0);
		free(t);
	}
}

static void a_paused_piece_must_come_again(void **state)
{
	struct fixture *f = *state;
	struct taker *t = taker_new();

	t->pause_at = 0;
	take_from(f, "/big", GET(.idle_ms = 150), t);
	await_taker(t, 1);
	/* Longer than it may be idle: we keep it waiting, not the other side. */
	pause_ms(400);
	pthread_mutex_lock(&t->lock);
	assert_int_equal(t->dones, 0);
	pthread_mutex_unlock(&t->lock);
	/* Again and again, each time a little further. */
	for (int i = 1; i <= 40; i++) {
		go_on(f, t, (size_t)i * 100000);
		await_taker(t, i + 1);
		assert_in_range(t->got, (size_t)i * 100000, (size_t)i * 100000 + 65536);
	}
	http_resume(f->h, t->id); /* still not wanted */
	await_taker(t, 42);
	go_on(f, t, SIZE_MAX);
	await_taker(t, 0);
	assert_taken(t, ART_OK, HTTP_ANSWERED, 8u << 20);
	http_resume(f->h, t->id); /* of the past */
	http_resume(f->h, 0);
	free(t);
	/* Its end lies behind it already. */
	t = taker_new();
	t->pause_at = 0;
	take_from(f, "/ok", GET(.method = NULL), t);
	await_taker(t, 1);
	pause_ms(100);
	go_on(f, t, SIZE_MAX);
	await_taker(t, 0);
	assert_taken(t, ART_OK, HTTP_ANSWERED, 5);
	assert_int_equal(t->last, 'o');
	free(t);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * (int64_t)1000000 + t.tv_nsec / 1000;
}

static void a_pause_must_cost_nothing_and_end(void **state)
{
	struct fixture *f = *state;
	struct taker *t = taker_new();
	int64_t before;

	t->pause_at = 0;
	take_from(f, "/big", GET(.deadline_ms = 1000), t);
	await_taker(t, 1);
	before = cpu_us();
	await_taker(t, 0);
	assert_true(cpu_us() - before < 300000);
	assert_taken(t, ART_NET, HTTP_MAYBE_SENT, 0);
	free(t);
	t = taker_new();
	t->pause_at = 0;
	take_from(f, "/big", GET(.method = NULL), t);
	await_taker(t, 1);
	http_cancel(f->h, t->id);
	await_taker(t, 0);
	assert_taken(t, ART_CANCELLED, HTTP_STOPPED, 0);
	free(t);
	/* And with the engine. */
	t = taker_new();
	t->pause_at = 0;
	take_from(f, "/big", GET(.method = NULL), t);
	await_taker(t, 1);
	http_close(f->h);
	f->h = NULL;
	assert_taken(t, ART_CANCELLED, HTTP_STOPPED, 0);
	free(t);
}

static void a_stop_must_end_it(void **state)
{
	struct fixture *f = *state;
	struct taker *t = taker_new();

	t->stop_head = true;
	take_from(f, "/big", GET(.method = NULL), t);
	await_taker(t, 0);
	assert_taken(t, ART_CANCELLED, HTTP_STOPPED, 0);
	free(t);
	t = taker_new();
	t->stop_at = 100000;
	take_from(f, "/big", GET(.method = NULL), t);
	await_taker(t, 0);
	assert_int_equal(t->s, ART_CANCELLED);
	assert_in_range(t->got, 100000, 165536);
	free(t);
	/* The one that waited is refused. The server sends nothing more that could bring it up. */
	t = taker_new();
	t->pause_at = 0;
	take_from(f, "/word-then-silence", GET(.method = NULL), t);
	await_taker(t, 1);
	pthread_mutex_lock(&t->lock);
	t->stop_at = 0;
	pthread_mutex_unlock(&t->lock);
	go_on(f, t, SIZE_MAX);
	pause_ms(300);
	assert_taken(t, ART_CANCELLED, HTTP_STOPPED, 0);
	free(t);
}

static void the_ceiling_must_hold_for_the_whole(void **state)
{
	struct fixture *f = *state;
	struct taker *t = taker_new();

	take_from(f, "/big", GET(.max_body = 1u << 20), t);
	await_taker(t, 0);
	assert_int_equal(t->s, ART_LIMIT);
	assert_int_equal(t->trouble, HTTP_BAD_ANSWER);
	assert_in_range(t->got, (1u << 20) - 65536, 1u << 20);
	free(t);
	t = taker_new();
	take_from(f, "/big", GET(.max_body = 8u << 20), t);
	await_taker(t, 0);
	assert_taken(t, ART_OK, HTTP_ANSWERED, 8u << 20);
	free(t);
	/* A silent other side is not us. */
	t = taker_new();
	take_from(f, "/word-then-silence", GET(.idle_ms = 200), t);
	await_taker(t, 0);
	assert_taken(t, ART_NET, HTTP_MAYBE_SENT, 4);
	free(t);
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
}

static void a_redirect_that_leads_nowhere_must_be_the_answer(void **state)
{
	struct fixture *f = *state;
	static const char *const nowhere[] = { "file:///etc/passwd", "ftp://a.test/", "http://u:p@a.test/", "javascript:x",
					       "gopher://127.0.0.1/", "http://:80/" };

	expect(ask(f, "/to-file", GET(.max_redirects = 4)), ART_OK, HTTP_ANSWERED);
	assert_int_equal(f->r.status, 302);
	for (size_t i = 0; i < ART_COUNT(nowhere); i++) {
		art_copy(f->location, sizeof(f->location), nowhere[i]);
		expect(ask(f, "/to-text", GET(.max_redirects = 4)), ART_OK, HTTP_ANSWERED);
		assert_int_equal(f->r.status, 302);
		assert_int_equal(f->r.redirects, 0);
		assert_string_equal(f->r.body.data, "moved");
	}
}

static void a_redirect_must_not_lead_round_a_rule(void **state)
{
	struct fixture *f = *state;
	static const char *const host[] = { "Host: odd.test" };
	char seen[8192];

	/* Not to plain http beyond this machine, and to no other host under the name of the first. */
	art_copy(f->location, sizeof(f->location), "http://a.test/");
	expect(ask(f, "/to-text", GET(.max_redirects = 4, .plain_only_loopback = true)), ART_REFUSED, HTTP_BAD_ANSWER);
	assert_int_equal(f->r.status, 302);
	expect(ask(f, "/to-other", GET(.max_redirects = 1, .headers = host, .n_headers = 1)), ART_OK, HTTP_ANSWERED);
	loop_last(&f->s, seen);
	assert_non_null(strstr(seen, "Host: odd.test"));
	loop_last(&f->other, seen);
	assert_null(strstr(seen, "odd.test"));
	/* The first request was sent, whatever became of the second. */
	art_copy(f->location, sizeof(f->location), "http://127.0.0.1:1/");
	expect(ask(f, "/to-text", GET(.max_redirects = 4)), ART_NET, HTTP_MAYBE_SENT);
	assert_true(http_may_follow("http://a/", "https://b/") && http_may_follow("http://a/", "http://b/") &&
		    http_may_follow("https://a/", "https://b/"));
	assert_false(http_may_follow("https://a/", "http://a/") || http_may_follow("https://a/", "HTTP://127.0.0.1/") ||
		     http_may_follow("http://a/", "file:///x") || http_may_follow("http://a/", ""));
}

static void private_addresses_must_be_refused_when_asked(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "here.test",
					     "inside.test", "0.0.0.0", "a.localhost" };
	char url[64];
	struct http_request q = { .url = url, .refuse_private = true, .deadline_ms = 3000, .attempts = 3 };

	expect(ask(f, "/ok", GET(.refuse_private = true)), ART_REFUSED, HTTP_NOT_SENT);
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		snprintf(url, sizeof(url), "http://%s:%d/ok", names[i], f->s.port);
		http_response_destroy(&f->r);
		http_response_init(&f->r);
		expect(http_call(f->h, &q, &f->r, NULL, &err), ART_REFUSED, HTTP_NOT_SENT);
		assert_int_equal(f->r.attempts, 1);
	}
	assert_int_equal(loop_connections(&f->s), 0);
	/* Nor over a connection that somebody else, who may, has left open. */
	expect(ask(f, "/keep", GET(.refuse_private = false)), ART_OK, HTTP_ANSWERED);
	expect(ask(f, "/keep", GET(.refuse_private = true)), ART_REFUSED, HTTP_NOT_SENT);
	assert_int_equal(loop_requests(&f->s), 1);
	expect(ask(f, "/keep", GET(.refuse_private = false)), ART_OK, HTTP_ANSWERED);
}

static void http_address_is_private_must_know_the_registries(void **state)
{
	static const char *const private[] = {
		"127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
		"224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1",
		"::127.0.0.1",
	};
	static const char *const public[] = { "1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "11.0.0.1",
					      "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:4860::1" };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(private) + ART_COUNT(public); i++) {
		bool want = i < ART_COUNT(private);
		const char *text = want ? private[i] : public[i - ART_COUNT(private)];
		struct sockaddr_in a = { .sin_family = AF_INET };
		struct sockaddr_in6 b = { .sin6_family = AF_INET6 };
		bool four = inet_pton(AF_INET, text, &a.sin_addr) == 1;

		if (!four)
			assert_int_equal(inet_pton(AF_INET6, text, &b.sin6_addr), 1);
		if (http_address_is_private(four ? (struct sockaddr *)&a : (struct sockaddr *)&b) != want)
			fail_msg("%s", text);
	}
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

struct chain {
	struct http *h;
	struct http_request q;
	enum art_status refused;
	int ended;
};

static void ask_on(void *arg, struct http_response *r, enum art_status s, const struct art_err *e)
{
	struct chain *c = arg;

	(void)r, (void)s, (void)e;
	c->ended++;
	c->refused = http_start(c->h, &c->q, ask_on, c, NULL, NULL);
}

static void a_callback_may_ask_even_while_all_ends(void **state)
{
	struct fixture *f = *state;
	char url[128];
	struct chain c = { .h = f->h, .q = { .url = url } };

	snprintf(url, sizeof(url), "%s/silent", f->s.url);
	assert_int_equal(http_start(f->h, &c.q, ask_on, &c, NULL, &err), ART_OK);
	http_close(f->h);
	f->h = NULL;
	assert_int_equal(c.ended, 1);
	assert_int_equal(c.refused, ART_CANCELLED);
}

struct order {
	int seen[40], n; /* the engine's thread writes, http_close ends it */
};
struct place {
	struct order *order;
	int at;
};

static void note_place(void *arg, struct http_response *r, enum art_status s, const struct art_err *e)
{
	struct place *p = arg;

	(void)e;
	p->order->seen[p->order->n++] = s == ART_OK && r->status == 200 ? p->at : -1;
}

static void transfers_must_begin_in_the_order_they_came(void **state)
{
	struct fixture *f = *state;
	struct http_options one = { .max_connections = 1 };
	struct order order = { .n = 0 };
	struct place place[40];
	char url[128];
	struct http_request q = { .url = url, .deadline_ms = 10000 };

	http_close(f->h);
	assert_int_equal(http_open(&f->h, &one, &err), ART_OK);
	snprintf(url, sizeof(url), "%s/keep", f->s.url);
	for (int i = 0; i < 40; i++) {
		place[i] = (struct place){ &order, i };
		assert_int_equal(http_start(f->h, &q, note_place, &place[i], NULL, &err), ART_OK);
	}
	(void)ask(f, "/keep", GET(.deadline_ms = 10000));
	http_close(f->h);
	f->h = NULL;
	assert_int_equal(order.n, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(order.seen[i], i);
}

static void few_connections_must_serve_many_and_keep_time(void **state)
{
	struct fixture *f = *state;
	struct http_options one = { .max_connections = 1 };
	struct counter c = { .lock = PTHREAD_MUTEX_INITIALIZER };
	char url[128];
	struct http_request q = { .url = url, .deadline_ms = 10000 };
	uint64_t id;
	int64_t from;

	http_close(f->h);
	assert_int_equal(http_open(&f->h, &one, &err), ART_OK);
	snprintf(url, sizeof(url), "%s/keep", f->s.url);
	for (int i = 0; i < 40; i++)
		assert_int_equal(http_start(f->h, &q, count, &c, NULL, &err), ART_OK);
	for (int i = 0; i < 1000 && done_of(&c) < 40; i++)
		pause_ms(10);
	assert_int_equal(done_of(&c), 40);
	assert_int_equal(c.good, 40);
	assert_int_equal(loop_connections(&f->s), 1);
	/* Who waits for the connection has a deadline too, and has sent nothing. */
	snprintf(url, sizeof(url), "%s/silent", f->s.url);
	assert_int_equal(http_start(f->h, &q, count, &c, &id, &err), ART_OK);
	pause_ms(50);
	from = art_mono_us();
	expect(ask(f, "/keep", GET(.deadline_ms = 200)), ART_NET, HTTP_NOT_SENT);
	assert_true(art_mono_us() - from < 1500000);
	assert_int_equal(done_of(&c), 40);
	http_cancel(f->h, id);
	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
}

/* How often the engine's thread went to sleep so far. */
static long sleeps_of_engine(void)
{
	char path[300];
	long n = -1;
	struct dirent *e;
	DIR *d = opendir("/proc/self/task");

	while (n < 0 && (e = readdir(d)) != NULL) {
		struct art_buf b;
		const char *at;

		art_buf_init(&b, 4096);
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		if (art_read_file(&b, path, 4096, NULL) == ART_OK && strstr(b.data, "Name:\tartui-net\n") &&
		    (at = strstr(b.data, "\nvoluntary_ctxt_switches:")) != NULL)
			n = strtol(at + 25, NULL, 10);
		art_buf_destroy(&b);
	}
	closedir(d);
	return n;
}

static void an_idle_engine_must_sleep(void **state)
{
	struct fixture *f = *state;
	long before;

	expect(ask(f, "/keep", GET(.method = NULL)), ART_OK, HTTP_ANSWERED);
	pause_ms(100);
	before = sleeps_of_engine();
	assert_true(before > 0);
	pause_ms(2500);
	assert_int_equal(sleeps_of_engine(), before);
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
	/* Set before it begins, nothing is sent. */
	http_response_destroy(&f->r);
	expect(http_call(f->h, &q, &f->r, &cancel, &err), ART_CANCELLED, HTTP_NOT_SENT);
	assert_int_equal(loop_requests(&f->s), 1);
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
	(void)ask(f, "/drop", GET(.method = NULL));
	before = open_files();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(http_open(&h, NULL, &err), ART_OK);
		http_close(h);
	}
	assert_int_equal(open_files(), before);
	http_close(f->h);
	f->h = NULL;
	loop_stop(&f->s);
	loop_start(&f->s, serve, f);
	before = open_files();
	for (int i = 0; i < 5; i++) {
		static const char *const paths[] = { "/ok", "/keep", "/half", "/big", "/garbage" };

		assert_int_equal(http_open(&f->h, NULL, &err), ART_OK);
		(void)ask(f, paths[i], GET(.max_body = 1000));
		http_close(f->h);
		f->h = NULL;
		/* The server's end may take a moment to be closed. */
		for (int n = 0; n < 100 && open_files() > before; n++)
			pause_ms(10);
		assert_int_equal(open_files(), before);
	}
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
		{ "retry-after: nan", -1 }, { "retry-after: 1e400", -1 }, { "retry-after: 0x10", -1 },
		{ "retry-after: 86400", 86400000 }, { "retry-after: 86401", -1 }, { "x-rate-limit-reset: 7", 7000 },
		{ "x-ratelimit-reset: tomorrowish", -1 }, { "x-ratelimit-reset: -1", -1 },
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

static void http_retry_after_must_prefer_what_makes_sense(void **state)
{
	struct http_response r;

	(void)state;
	http_response_init(&r);
	r.headers[r.n_headers++] = art_strdup("x-ratelimit-reset: 9");
	r.headers[r.n_headers++] = art_strdup("ratelimit-reset: 5");
	assert_int_equal(http_retry_after_ms(&r, 0), 5000);
	r.headers[r.n_headers++] = art_strdup("retry-after: nonsense");
	assert_int_equal(http_retry_after_ms(&r, 0), 5000);
	free(r.headers[2]);
	r.headers[2] = art_strdup("retry-after: 1");
	assert_int_equal(http_retry_after_ms(&r, 0), 1000);
	http_response_destroy(&r);
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
		{ "http://0x7f.1/a/../b", "http", "127.0.0.1", "/b", 80 },
		{ "http://2130706433?q", "http", "127.0.0.1", "/?q", 80 },
	};
	static const char *const bad[] = {
		"", "a.example", "ftp://a.example", "file:///etc/passwd", "http://", "http:///x", "http://u@a.example",
		"http://u:p@a.example", "http://a.example:0/", "http://a.example:65536/", "http://a.example:x/",
		"http:/a.example/", "http:a.example", "http:////a.example", "http://[::1", "http://[zz]/", "http:\\\\a.example",
		"http://a.example:-1/", "http://@a.example/", "http://a.example\x7f/", "http://a b/", "http://a.example/\n", "http://a.example/\xc3\xa9", "javascript:alert(1)", "//a.example/",
	};
	struct http_url u;
	char longest[HTTP_URL_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	memcpy(longest, "http://a/", 9);
	assert_int_equal(http_url_parse(longest, &u, &err), ART_INVALID);
	longest[HTTP_URL_MAX - 1] = 0;
	assert_int_equal(http_url_parse(longest, &u, &err), ART_OK);
	assert_int_equal(http_url_parse(NULL, &u, &err), ART_INVALID);
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
	assert_true(http_host_is_loopback("localhost") && http_host_is_loopback("127.9.8.7") && http_host_is_loopback("::1") &&
		    http_host_is_loopback("LocalHost") && http_host_is_loopback("[::1]"));
	assert_false(http_host_is_loopback("127.0.0.1.example") || http_host_is_loopback("128.0.0.1") ||
		     http_host_is_loopback("localhost.example") || http_host_is_loopback("127.0.0.256") || http_host_is_loopback("127.0.0.+1") ||
		     http_host_is_loopback("::2") || http_host_is_loopback("127.0.0.1 ") || http_host_is_loopback(""));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_answer_is_one_whatever_its_status),
		T(what_was_asked_must_arrive_as_it_is),
		T(headers_with_line_breaks_must_be_refused_unsent),
		T(only_the_answers_own_headers_must_be_kept),
		T(nothing_of_the_environment_must_leak_in),
		T(ceilings_must_hold_and_keep_what_came),
		T(deadlines_must_hold),
		T(idle_time_must_end_what_stalls_and_not_what_drips),
		T(what_has_arrived_must_count_though_it_is_read_late),
		T(connecting_must_have_its_own_deadline),
		T(a_name_server_must_not_hold_up_anyone),
		T(trouble_must_say_whether_it_can_have_been_sent),
		T(an_attempt_that_left_nothing_must_not_hide_one_that_did),
		T(money_must_never_be_sent_twice_by_the_library),
		T(retries_must_be_those_that_are_allowed),
		T(pieces_must_come_and_nothing_be_kept),
		T(a_paused_piece_must_come_again),
		T(a_pause_must_cost_nothing_and_end),
		T(a_stop_must_end_it),
		T(the_ceiling_must_hold_for_the_whole),
		T(redirects_must_be_followed_only_as_asked),
		T(a_redirect_that_leads_nowhere_must_be_the_answer),
		T(a_redirect_must_not_lead_round_a_rule),
		T(private_addresses_must_be_refused_when_asked),
		T(plain_http_must_stay_on_this_machine_when_asked),
		T(transfers_must_run_at_once_and_end_once),
		T(a_callback_may_ask_even_while_all_ends),
		T(transfers_must_begin_in_the_order_they_came),
		T(few_connections_must_serve_many_and_keep_time),
		T(an_idle_engine_must_sleep),
		T(calls_from_several_threads_must_all_end),
		T(a_cancel_flag_must_end_a_call),
		T(descriptors_must_not_leak),
		cmocka_unit_test(http_retry_decide_must_follow_its_table),
		cmocka_unit_test(http_address_is_private_must_know_the_registries),
		cmocka_unit_test(http_retry_after_must_prefer_what_makes_sense),
		cmocka_unit_test(http_retry_after_must_read_every_form),
		cmocka_unit_test(http_url_parse_must_take_and_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
