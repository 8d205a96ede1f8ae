/*
 * test_http_batch.c - many requests from one thread: each has one end, no more run at once than asked,
 * closing waits for what runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/net/http_batch.h"
#include "tests/unit/loopback_server.h"

#define MANY 200

struct world {
	struct http *http;
	struct loop_server server;
	pthread_mutex_t lock; /* protects what the server counts */
	int now, most;
};

static void count(struct world *w, int by)
{
	pthread_mutex_lock(&w->lock);
	w->now += by;
	w->most = w->now > w->most ? w->now : w->most;
	pthread_mutex_unlock(&w->lock);
}

static void serve(void *arg, struct loop_call *c)
{
	struct world *w = arg;
	struct pollfd stop = { .fd = w->server.stop, .events = POLLIN };

	count(w, 1);
	if (!strncmp(c->path, "/slow", 5))
		poll(&stop, 1, 20000);
	else if (!strncmp(c->path, "/wait", 5))
		poll(&stop, 1, 20);
	count(w, -1);
	c->keep = true;
	loop_answer(c, 200, "", c->path);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	loop_start(&w->server, serve, w);
	*state = w;
	return http_open(&w->http, NULL, NULL) == ART_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_close(w->http);
	loop_stop(&w->server);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

static void add(struct http_batch *b, const struct world *w, const char *path, intptr_t tag)
{
	char url[256];
	struct http_request q = { .url = url, .deadline_ms = 15000 };

	snprintf(url, sizeof(url), "%s%s", w->server.url, path);
	http_batch_add(b, &q, (void *)tag);
	memset(url, 'x', sizeof(url)); /* it was copied */
}

static void every_request_must_have_one_end(void **state)
{
	struct world *w = *state;
	struct http_batch *b;
	struct http_answer a;
	bool seen[MANY] = { false };
	char path[32];

	http_batch_open(&b, w->http, 8);
	for (intptr_t i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/%d", (int)i);
		add(b, w, path, i);
	}
	for (size_t left = MANY; left; left--) {
		assert_int_equal(http_batch_left(b), left);
		assert_int_equal(http_batch_next(b, &a, NULL, 0, NULL), ART_OK);
		assert_int_equal(a.status, ART_OK);
		snprintf(path, sizeof(path), "/%d", (int)(intptr_t)a.tag);
		assert_string_equal(a.response.body.data, path);
		assert_false(seen[(intptr_t)a.tag]);
		seen[(intptr_t)a.tag] = true;
		http_response_destroy(&a.response);
	}
	assert_int_equal(http_batch_next(b, &a, NULL, 0, NULL), ART_NOT_FOUND);
	http_batch_close(b);
}

static void no_more_must_run_at_once_than_asked(void **state)
{
	struct world *w = *state;
	struct http_batch *b;
	struct http_answer a;

	http_batch_open(&b, w->http, 5);
	for (int i = 0; i < 60; i++)
		add(b, w, "/wait", i);
	while (http_batch_next(b, &a, NULL, 0, NULL) == ART_OK)
		http_response_destroy(&a.response);
	assert_in_range(w->most, 2, 5);
	http_batch_close(b);
}

/* An answer that nobody takes keeps its place: memory stays within the ceiling. */
static void answers_not_taken_must_hold_back_the_rest(void **state)
{
	struct world *w = *state;
	struct http_batch *b;
	struct http_answer a;

	http_batch_open(&b, w->http, 4);
	for (int i = 0; i < 20; i++)
		add(b, w, "/x", i);
	assert_int_equal(http_batch_next(b, &a, NULL, 0, NULL), ART_OK);
	http_response_destroy(&a.response);
	poll(NULL, 0, 300);
	assert_in_range(loop_requests(&w->server), 1, 4);
	http_batch_close(b);
}

static void a_request_that_cannot_be_must_be_answered_too(void **state)
{
	struct world *w = *state;
	struct http_request bad = { .url = "ftp://example.org/" },
			    private = { .url = w->server.url, .refuse_private = true };
	struct http_batch *b;
	struct http_answer a;

	http_batch_open(&b, w->http, 2);
	http_batch_add(b, &bad, (void *)1);
	http_batch_add(b, &private, (void *)2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(http_batch_next(b, &a, NULL, 0, NULL), ART_OK);
		assert_int_equal(a.status, a.tag == (void *)1 ? ART_INVALID : ART_REFUSED);
		assert_int_equal(a.err.code, a.status);
		assert_true(strlen(a.err.text) > 10);
		http_response_destroy(&a.response);
	}
	assert_int_equal(loop_requests(&w->server), 0);
	http_batch_close(b);
}

static void waiting_must_end_at_the_time_given_or_when_cancelled(void **state)
{
	struct world *w = *state;
	struct http_batch *b;
	struct http_answer a;
	bool cancel = false;
	int64_t t0 = art_mono_us();

	http_batch_open(&b, w->http, 3);
	add(b, w, "/slow", 1);
	assert_int_equal(http_batch_next(b, &a, &cancel, t0 + 150000, NULL), ART_NET);
	assert_in_range(art_mono_us() - t0, 150000, 3000000);
	assert_int_equal(http_batch_left(b), 1);
	cancel = true;
	assert_int_equal(http_batch_next(b, &a, &cancel, 0, NULL), ART_CANCELLED);
	assert_int_equal(http_batch_left(b), 1);
	http_batch_close(b);
}

static void closing_must_end_what_runs(void **state)
{
	struct world *w = *state;
	struct http_batch *b;
	struct http_answer a;
	int64_t t0;

	http_batch_open(&b, w->http, 6);
	for (int i = 0; i < 40; i++)
		add(b, w, i % 3 ? "/slow" : "/x", i);
	(void)!http_batch_next(b, &a, NULL, art_mono_us() + 200000, NULL);
	http_response_destroy(&a.response);
	t0 = art_mono_us();
	http_batch_close(b);
	assert_true(art_mono_us() - t0 < 2000000);
	http_batch_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_request_must_have_one_end, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_must_run_at_once_than_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_not_taken_must_hold_back_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_that_cannot_be_must_be_answered_too, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_must_end_at_the_time_given_or_when_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_must_end_what_runs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
