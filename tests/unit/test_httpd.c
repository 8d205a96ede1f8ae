/* test_httpd.c - the HTTP server of the selling side, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/serve/httpd.h"

struct fixture {
	struct httpd *h;
	pthread_t helpers[8];
	int n_helpers;
	struct httpd_request *kept;
	pthread_mutex_t lock;
	int handled;
	char dir[64];
	/* the stream under test */
	struct httpd_stream *stream;
	int ticks, freed;
};

static struct art_err err;

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static int read_int(struct fixture *f, const int *v)
{
	int n;

	pthread_mutex_lock(&f->lock);
	n = *v;
	pthread_mutex_unlock(&f->lock);
	return n;
}

static struct httpd_request *kept_of(struct fixture *f)
{
	struct httpd_request *r;

	pthread_mutex_lock(&f->lock);
	r = f->kept;
	pthread_mutex_unlock(&f->lock);
	return r;
}

static void say(struct httpd_request *r, int status, const char *text)
{
	struct httpd_answer a = { .status = status, .content_type = "text/plain", .body = text,
				  .len = strlen(text) };

	httpd_answer(r, &a);
}

static void *answer_later(void *arg)
{
	pause_ms(50);
	say(arg, 200, "later");
	return NULL;
}

static void *answer_now(void *arg)
{
	say(arg, 200, "now");
	return NULL;
}

static long pull(void *arg, char *out, size_t n)
{
	struct fixture *f = arg;
	int k;

	pthread_mutex_lock(&f->lock);
	if (f->ticks > 0) {
		f->ticks--;
		k = snprintf(out, n, "data: tick\n\n");
	} else {
		k = f->ticks < 0 ? -1 : 0;
	}
	pthread_mutex_unlock(&f->lock);
	return k;
}

static void stream_over(void *arg)
{
	struct fixture *f = arg;

	pthread_mutex_lock(&f->lock);
	f->freed++;
	f->stream = NULL;
	pthread_mutex_unlock(&f->lock);
}

static void thread_of(struct fixture *f, void *(*fn)(void *), void *arg)
{
	assert_true(f->n_helpers < 8);
	assert_int_equal(pthread_create(&f->helpers[f->n_helpers++], NULL, fn, arg), 0);
}

static void handle(void *arg, struct httpd_request *r)
{
	struct fixture *f = arg;
	const char *path = httpd_path(r);
	char text[600];
	size_t n;

	pthread_mutex_lock(&f->lock);
	f->handled++;
	pthread_mutex_unlock(&f->lock);
	if (!strcmp(path, "/later")) {
		thread_of(f, answer_later, r);
	} else if (!strcmp(path, "/race")) {
		pthread_t t;

		/* The answer may come before or after the connection went to sleep. */
		assert_int_equal(pthread_create(&t, NULL, answer_now, r), 0);
		pthread_detach(t);
	} else if (!strcmp(path, "/keep")) {
		pthread_mutex_lock(&f->lock);
		f->kept = r;
		pthread_mutex_unlock(&f->lock);
	} else if (!strcmp(path, "/file")) {
		snprintf(text, sizeof(text), "%s/file", f->dir);
		if (httpd_file(r, text, "application/octet-stream", "abc", &err) != ART_OK)
			httpd_error(r, 404, NULL, "%s", err.text);
	} else if (!strcmp(path, "/link")) {
		snprintf(text, sizeof(text), "%s/link", f->dir);
		if (httpd_file(r, text, NULL, NULL, &err) != ART_OK)
			httpd_error(r, 404, NULL, "%s", err.text);
	} else if (!strcmp(path, "/stream")) {
		struct httpd_stream *made = httpd_stream(r, 200, "text/event-stream", NULL, 0, -1, pull,
							 stream_over, f);

		/* Nothing of it runs before this function returns: both are the server's thread. */
		pthread_mutex_lock(&f->lock);
		f->stream = made;
		pthread_mutex_unlock(&f->lock);
	} else if (!strcmp(path, "/error")) {
		httpd_error(r, 409, "\"status\":\"busy\"", "it's \"busy\" \\ \x1b[31m");
	} else {
		const char *body = httpd_body(r, &n), *q = httpd_query(r, "q"), *x = httpd_header(r, "x-thing");

		snprintf(text, sizeof(text), "%s %s %s %s %zu %.200s", httpd_method(r), path, q ? q : "-",
			 x ? x : "-", n, body);
		say(r, 200, text);
	}
}

static int start(struct fixture *f, const struct httpd_options *more)
{
	struct httpd_options o = more ? *more : (struct httpd_options){ 0 };

	o.listen = "127.0.0.1:0";
	o.handle = handle;
	o.arg = f;
	return httpd_open(&f->h, &o, &err);
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < f->n_helpers; i++)
		pthread_join(f->helpers[i], NULL);
	httpd_close(f->h);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static int dial(struct fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)httpd_port(f->h)),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Reads until the end, @ms of silence, or @until was seen. */
static size_t hear(int fd, char *out, size_t size, int ms, const char *until)
{
	size_t n = 0;

	out[0] = 0;
	while (n + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t k;

		if (poll(&p, 1, ms) <= 0)
			break;
		k = read(fd, out + n, size - 1 - n);
		if (k <= 0)
			break;
		n += (size_t)k;
		out[n] = 0;
		if (until && strstr(out, until))
			break;
	}
	return n;
}

static void ask(struct fixture *f, const char *request, char *out, size_t size)
{
	int fd = dial(f);

	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	hear(fd, out, size, 3000, NULL);
	close(fd);
}

#define HEAD_END "Host: x\r\nConnection: close\r\n\r\n"

static void a_request_must_arrive_whole(void **state)
{
	struct fixture *f = *state;
	char out[2000];

	assert_int_equal(start(f, NULL), ART_OK);
	ask(f, "POST /a%20b?q=1%2B1 HTTP/1.1\r\nX-Thing: y\r\nContent-Length: 5\r\n" HEAD_END "hello", out,
	    sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 200"));
	assert_non_null(strstr(out, "POST /a b 1+1 y 5 hello"));
	assert_non_null(strstr(out, "X-Content-Type-Options: nosniff"));
	ask(f, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HEAD_END "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	    out, sizeof(out));
	assert_non_null(strstr(out, "POST /c - - 5 abcde"));
}

static void malformed_paths_must_be_refused(void **state)
{
	static const char *const bad[] = { "/../etc/passwd", "/a/..", "/%2e%2e/x", "/a/./b", "/a%00b", "/a%0ab",
					   "/a\\b", "/%", "/%2", "/%zz", "x" };
	struct fixture *f = *state;
	char request[200], out[2000];

	assert_int_equal(start(f, NULL), ART_OK);
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HEAD_END, bad[i]);
		ask(f, request, out, sizeof(out));
		if (!strstr(out, "HTTP/1.1 400") && !strstr(out, "HTTP/1.0 400"))
			fail_msg("%s: %s", bad[i], out);
	}
	assert_int_equal(read_int(f, &f->handled), 0);
	ask(f, "GET /a...b/..c HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, "GET /a...b/..c"));
}

static void a_body_over_the_ceiling_must_be_refused(void **state)
{
	struct fixture *f = *state;
	struct httpd_options o = { .max_body = 10 };
	char out[2000];

	assert_int_equal(start(f, &o), ART_OK);
	ask(f, "POST /x HTTP/1.1\r\nContent-Length: 11\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, " 413 "));
	ask(f, "POST /x HTTP/1.1\r\nContent-Length: -1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, " 400 "));
	ask(f, "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HEAD_END
	       "6\r\nabcdef\r\n6\r\nghijkl\r\n0\r\n\r\n", out, sizeof(out));
	assert_non_null(strstr(out, " 413 "));
	assert_int_equal(read_int(f, &f->handled), 0);
	ask(f, "POST /x HTTP/1.1\r\nContent-Length: 10\r\n" HEAD_END "0123456789", out, sizeof(out));
	assert_non_null(strstr(out, "10 0123456789"));
}

static void all_bodies_together_must_stay_below_their_ceiling(void **state)
{
	struct fixture *f = *state;
	struct httpd_options o = { .max_body = 10, .max_bodies = 15 };
	static const char most[] = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234567";
	char out[2000];
	int fd;

	assert_int_equal(start(f, &o), ART_OK);
	for (int i = 0; i < 3; i++) {
		fd = dial(f);
		assert_int_equal(write(fd, most, sizeof(most) - 1), sizeof(most) - 1);
		pause_ms(100);
		ask(f, "POST /x HTTP/1.1\r\nContent-Length: 10\r\n" HEAD_END "0123456789", out, sizeof(out));
		assert_non_null(strstr(out, " 503 "));
		ask(f, "POST /x HTTP/1.1\r\nContent-Length: 7\r\n" HEAD_END "0123456", out, sizeof(out));
		assert_non_null(strstr(out, " 200 "));
		/* Whole or not, it makes room again. */
		if (i) {
			assert_true(write(fd, "89", 2) == 2);
			hear(fd, out, sizeof(out), 2000, "0123456789");
			assert_non_null(strstr(out, "10 0123456789"));
		}
		close(fd);
		pause_ms(100);
	}
	ask(f, "POST /x HTTP/1.1\r\nContent-Length: 10\r\n" HEAD_END "0123456789", out, sizeof(out));
	assert_non_null(strstr(out, " 200 "));
}

static void an_answer_must_come_from_any_thread(void **state)
{
	struct fixture *f = *state;
	char out[2000];

	assert_int_equal(start(f, NULL), ART_OK);
	ask(f, "GET /later HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, "later"));
	for (int i = 0; i < 300; i++) {
		ask(f, "GET /race HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
		assert_non_null(strstr(out, "\r\n\r\nnow"));
	}
}

static void kept_connections_must_serve_again(void **state)
{
	static const char get[] = "GET /k HTTP/1.1\r\nHost: x\r\n\r\n", later[] = "GET /race HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *f = *state;
	char out[2000];
	int fd;

	assert_int_equal(start(f, NULL), ART_OK);
	fd = dial(f);
	for (int i = 0; i < 20; i++) {
		assert_true(write(fd, get, strlen(get)) > 0);
		assert_true(hear(fd, out, sizeof(out), 3000, "GET /k") > 0);
		assert_true(write(fd, later, strlen(later)) > 0);
		assert_true(hear(fd, out, sizeof(out), 3000, "\r\n\r\nnow") > 0);
	}
	close(fd);
}

static void an_error_must_be_json(void **state)
{
	struct fixture *f = *state;
	char out[2000];

	assert_int_equal(start(f, NULL), ART_OK);
	ask(f, "GET /error HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, " 409 "));
	assert_non_null(strstr(out, "{\"error\":\"it's \\\"busy\\\" \\\\ "));
	assert_non_null(strstr(out, ",\"status\":\"busy\"}"));
	assert_null(strchr(out, 0x1b));
}

static void slow_senders_must_be_hung_up_on(void **state)
{
	static const char slow[] = "GET /slow HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
	struct fixture *f = *state;
	struct httpd_options o = { .read_timeout_s = 1 };
	int64_t from;
	char out[2000];
	int fd;
	size_t i;

	assert_int_equal(start(f, &o), ART_OK);
	fd = dial(f);
	from = art_mono_us();
	/* A byte every 100 ms is never silent. */
	for (i = 0; i < strlen(slow); i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send(fd, slow + i, 1, MSG_NOSIGNAL) < 0 || poll(&p, 1, 100) != 0)
			break;
	}
	assert_true(i < strlen(slow));
	assert_true(art_mono_us() - from < 4000000);
	close(fd);
	/* The same for a body. */
	fd = dial(f);
	assert_true(write(fd, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", 51) > 0);
	from = art_mono_us();
	for (i = 0; i < 50; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send(fd, "z", 1, MSG_NOSIGNAL) < 0 || poll(&p, 1, 100) != 0)
			break;
	}
	assert_true(i < 50);
	close(fd);
	ask(f, "GET /fine HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, "GET /fine"));
}

static void idle_connections_must_not_shut_others_out(void **state)
{
	struct fixture *f = *state;
	struct httpd_options o = { .max_connections = 40, .read_timeout_s = 30 };
	int fds[100];
	char out[2000];

	assert_int_equal(start(f, &o), ART_OK);
	for (int i = 0; i < 100; i++)
		fds[i] = dial(f);
	for (int i = 0; i < 5; i++) {
		ask(f, "GET /in HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
		assert_non_null(strstr(out, "GET /in"));
	}
	for (int i = 0; i < 100; i++)
		close(fds[i]);
}

static void files_must_be_served_in_parts(void **state)
{
	static const struct {
		const char *range;
		int status;
		const char *want, *header;
	} cases[] = {
		{ NULL, 200, "0123456789", "Content-Length: 10" }, { "bytes=2-4", 206, "234", "Content-Range: bytes 2-4/10" },
		{ "bytes=7-", 206, "789", "Content-Range: bytes 7-9/10" }, { "bytes=-3", 206, "789", "bytes 7-9/10" },
		{ "bytes=0-99", 206, "0123456789", "bytes 0-9/10" }, { "bytes=10-", 416, "", "Content-Range: bytes */10" },
		{ "bytes=-0", 416, "", "bytes */10" }, { "bytes=a-b", 200, "0123456789", "Content-Length: 10" },
		{ "bytes=1-2,4-5", 200, "0123456789", "Content-Length: 10" }, { "bytes=-99", 206, "0123456789", "bytes 0-9/10" },
	};
	struct fixture *f = *state;
	char path[100], other[100], request[200], out[2000], status[20];
	const char *body;

	assert_int_equal(start(f, NULL), ART_OK);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_httpd.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s/file", f->dir);
	assert_int_equal(art_write_file(path, "0123456789", 10, 0600, &err), ART_OK);
	snprintf(other, sizeof(other), "%s/link", f->dir);
	assert_int_equal(symlink(path, other), 0);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		snprintf(request, sizeof(request), "GET /file HTTP/1.1\r\n%s%s%s" HEAD_END,
			 cases[i].range ? "Range: " : "", cases[i].range ? cases[i].range : "",
			 cases[i].range ? "\r\n" : "");
		ask(f, request, out, sizeof(out));
		snprintf(status, sizeof(status), " %d ", cases[i].status);
		body = strstr(out, "\r\n\r\n");
		if (!strstr(out, status) || !strstr(out, cases[i].header) || !body || strcmp(body + 4, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].range, out);
	}
	ask(f, "HEAD /file HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, "Content-Length: 10"));
	assert_non_null(strstr(out, "ETag: \"abc\""));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	ask(f, "GET /link HTTP/1.1\r\n" HEAD_END, out, sizeof(out));
	assert_non_null(strstr(out, " 404 "));
	unlink(other);
	unlink(path);
	rmdir(f->dir);
}

static void tick(struct fixture *f, int n)
{
	pthread_mutex_lock(&f->lock);
	f->ticks = n;
	if (f->stream)
		httpd_stream_wake(f->stream);
	pthread_mutex_unlock(&f->lock);
}

static void a_stream_must_come_bit_by_bit(void **state)
{
	struct fixture *f = *state;
	char out[4000];
	int fd;

	assert_int_equal(start(f, NULL), ART_OK);
	fd = dial(f);
	assert_true(write(fd, "GET /stream HTTP/1.1\r\n" HEAD_END, strlen("GET /stream HTTP/1.1\r\n" HEAD_END)) > 0);
	hear(fd, out, sizeof(out), 1000, "\r\n\r\n");
	assert_non_null(strstr(out, "text/event-stream"));
	for (int i = 0; i < 20; i++) {
		tick(f, 1);
		hear(fd, out, sizeof(out), 3000, "tick\n\n");
		assert_non_null(strstr(out, "data: tick"));
	}
	tick(f, -1);
	hear(fd, out, sizeof(out), 3000, NULL);
	close(fd);
	for (int i = 0; i < 100 && !read_int(f, &f->freed); i++)
		pause_ms(20);
	assert_int_equal(read_int(f, &f->freed), 1);
}

static void a_stream_must_end_when_its_reader_left(void **state)
{
	struct fixture *f = *state;
	char out[4000];
	int fd;

	assert_int_equal(start(f, NULL), ART_OK);
	fd = dial(f);
	assert_true(write(fd, "GET /stream HTTP/1.1\r\n" HEAD_END, strlen("GET /stream HTTP/1.1\r\n" HEAD_END)) > 0);
	hear(fd, out, sizeof(out), 1000, "\r\n\r\n");
	close(fd);
	for (int i = 0; i < 100 && !read_int(f, &f->freed); i++) {
		tick(f, 1);
		pause_ms(20);
	}
	assert_int_equal(read_int(f, &f->freed), 1);
}

static void closing_must_wake_all_and_take_late_answers(void **state)
{
	struct fixture *f = *state;
	char out[2000];
	int kept, stream;

	assert_int_equal(start(f, NULL), ART_OK);
	kept = dial(f);
	assert_true(write(kept, "GET /keep HTTP/1.1\r\n" HEAD_END, strlen("GET /keep HTTP/1.1\r\n" HEAD_END)) > 0);
	stream = dial(f);
	assert_true(write(stream, "GET /stream HTTP/1.1\r\n" HEAD_END, strlen("GET /stream HTTP/1.1\r\n" HEAD_END)) > 0);
	for (int i = 0; i < 100 && read_int(f, &f->handled) < 2; i++)
		pause_ms(20);
	pause_ms(100);
	assert_false(httpd_gone(kept_of(f)));
	httpd_close(f->h);
	f->h = NULL;
	assert_int_equal(read_int(f, &f->freed), 1);
	assert_true(httpd_gone(kept_of(f)));
	say(kept_of(f), 200, "too late");
	hear(kept, out, sizeof(out), 1000, NULL);
	assert_null(strstr(out, "too late"));
	close(kept);
	close(stream);
}

static void a_client_that_left_must_be_noticed(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(start(f, NULL), ART_OK);
	fd = dial(f);
	assert_true(write(fd, "GET /keep HTTP/1.1\r\n" HEAD_END, strlen("GET /keep HTTP/1.1\r\n" HEAD_END)) > 0);
	for (int i = 0; i < 100 && !read_int(f, &f->handled); i++)
		pause_ms(20);
	pause_ms(50);
	assert_false(httpd_gone(kept_of(f)));
	close(fd);
	pause_ms(50);
	assert_true(httpd_gone(kept_of(f)));
	say(kept_of(f), 200, "nobody");
}

static void addresses_must_be_checked(void **state)
{
	static const char *const bad[] = { "", "8080", "x:80", "127.0.0.1:99999", "127.0.0.1:", "1.2.3.4.5:80", "example.com:80" };
	struct fixture *f = *state;
	struct httpd_options o = { .handle = handle, .arg = f };
	struct httpd *other = NULL;
	char taken[40];

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		o.listen = bad[i];
		assert_int_equal(httpd_open(&other, &o, &err), ART_INVALID);
	}
	assert_int_equal(start(f, NULL), ART_OK);
	snprintf(taken, sizeof(taken), "127.0.0.1:%d", httpd_port(f->h));
	o.listen = taken;
	assert_int_equal(httpd_open(&other, &o, &err), ART_IO);
	assert_non_null(strstr(err.text, taken));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_request_must_arrive_whole),
		T(malformed_paths_must_be_refused),
		T(a_body_over_the_ceiling_must_be_refused),
		T(all_bodies_together_must_stay_below_their_ceiling),
		T(an_answer_must_come_from_any_thread),
		T(kept_connections_must_serve_again),
		T(an_error_must_be_json),
		T(slow_senders_must_be_hung_up_on),
		T(idle_connections_must_not_shut_others_out),
		T(files_must_be_served_in_parts),
		T(a_stream_must_come_bit_by_bit),
		T(a_stream_must_end_when_its_reader_left),
		T(closing_must_wake_all_and_take_late_answers),
		T(a_client_that_left_must_be_noticed),
		T(addresses_must_be_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
