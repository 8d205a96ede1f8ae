/*
 * test_market_thread.c - the engine's thread for the market: wishes in, answers out, a quick end. Also built with the thread
 * sanitizer.
 */
#include "core/market/market.h"

#include "core/workspace.h"
#include "store/events.h"
#include "tests/unit/fixture_store.h"
#include "tests/unit/loopback_server.h"

struct world {
	char root[64];
	struct workspace ws;
	struct config *config;
	struct bell *bell;
	struct store *st;
	struct market_thread *thread;
	struct loop_server server;
	bool slow;
};

static void serve(void *arg, struct loop_call *c)
{
	struct world *w = arg;

	if (__atomic_load_n(&w->slow, __ATOMIC_RELAXED))
		poll(&(struct pollfd){ .fd = w->server.stop, .events = POLLIN }, 1, 10000);
	loop_answer(c, 200, "", !strncmp(c->path, "/agents", 7) ? "{\"success\":true,\"data\":[]}" : "{\"status\":\"ok\"}");
}

static void start(struct world *w, bool offline)
{
	struct market_thread_options opt = { &w->ws, w->config, w->bell, offline };

	ok(market_thread_start(&w->thread, &opt, &err));
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char url[80];
	const char *set[] = { url, "market.sources=8004scan", "market.chains=base-sepolia", "net.allow_private=true",
			      "market.skills=ai_ml_engineering/model_training" };

	snprintf(w->root, sizeof(w->root), "/tmp/artui-test.XXXXXX");
	if (!mkdtemp(w->root))
		return -1;
	loop_start(&w->server, serve, w);
	snprintf(url, sizeof(url), "scan.url=%s", w->server.url);
	ok(workspace_init(&w->ws, w->root, NULL, &err));
	ok(config_load(&w->config, NULL, set, ART_COUNT(set), &err));
	w->bell = bell_new();
	ok(workspace_store(&w->ws, &w->st, 0, 5000, &err));
	store_attach_bell(w->st, w->bell);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	char command[96];
	pid_t pid;

	market_thread_stop(w->thread);
	store_close(w->st);
	bell_free(w->bell);
	config_free(w->config);
	loop_stop(&w->server);
	snprintf(command, sizeof(command), "%s", w->root);
	pid = fork();
	if (pid == 0)
		_exit(execlp("rm", "rm", "-rf", command, (char *)NULL));
	waitpid(pid, NULL, 0);
	free(w);
	return 0;
}

static int64_t wish(struct world *w, enum wish_kind k, int64_t target, const char *text)
{
	int64_t id;

	ok(wish_add(w->st, k, target, text, &id, &err));
	return id;
}

static struct wish_row answer_of(struct world *w, int64_t id)
{
	struct wish_row r;
	int64_t until = art_mono_us() + 20000000;

	do {
		ok(wish_find(w->st, id, &r, &err));
		if (r.done_at)
			return r;
		poll(NULL, 0, 10);
	} while (art_mono_us() < until);
	fail_msg("the wish was not answered");
	return r;
}

static void a_wish_to_discover_must_be_answered_with_what_came(void **state)
{
	struct world *w = *state;
	struct source_row presence;
	struct wish_row r;

	start(w, false);
	r = answer_of(w, wish(w, WISH_DISCOVER, 0, ""));
	assert_true(r.granted);
	assert_non_null(strstr(r.answer, "1 of 1 sources"));
	ok(source_get(w->st, "discovery", &presence, &err));
	assert_true(presence.ok_at >= presence.asked_at && presence.asked_at > 0);
	assert_string_equal(presence.cursor, "");
	assert_false(answer_of(w, wish(w, WISH_DISCOVER, 0, "[]")).granted);
	assert_false(answer_of(w, wish(w, WISH_DISCOVER, 0, "{\"limit\":-3}")).granted);
	assert_true(answer_of(w, wish(w, WISH_DISCOVER, 0, "{\"limit\":5,\"no_probe\":true}")).granted);
}

static void a_wish_to_probe_must_be_answered_with_what_was_measured(void **state)
{
	struct world *w = *state;
	struct worker_told told = { .source = WORKER_SOURCE_PERSON };
	char url[96];
	struct wish_row r;
	int64_t id;

	start(w, false);
	snprintf(url, sizeof(url), "%s/w", w->server.url);
	ok(worker_see(w->st, url, &told, &id, &err));
	r = answer_of(w, wish(w, WISH_PROBE, id, NULL));
	assert_true(r.granted);
	assert_int_equal(strncmp(r.answer, "alive", 5), 0);
	r = answer_of(w, wish(w, WISH_PROBE, 999, NULL));
	assert_false(r.granted);
	assert_true(strlen(r.answer) > 5);
}

static void offline_every_wish_must_be_answered_so(void **state)
{
	struct world *w = *state;
	struct wish_row r;

	start(w, true);
	r = answer_of(w, wish(w, WISH_DISCOVER, 0, ""));
	assert_false(r.granted);
	assert_non_null(strstr(r.answer, "offline"));
	assert_false(answer_of(w, wish(w, WISH_PROBE, 1, NULL)).granted);
	assert_int_equal(loop_requests(&w->server), 0);
}

static void wishes_of_the_engine_must_be_left_to_it(void **state)
{
	struct world *w = *state;
	struct wish_row r;
	int64_t pause = wish(w, WISH_PAUSE, 0, NULL);

	start(w, true);
	answer_of(w, wish(w, WISH_PROBE, 1, NULL));
	ok(wish_find(w->st, pause, &r, &err));
	assert_int_equal(r.done_at, 0);
}

static void ten_wishes_must_be_one_discovery(void **state)
{
	struct world *w = *state;
	int64_t id[10];

	for (int i = 0; i < 10; i++)
		id[i] = wish(w, WISH_DISCOVER, 0, "");
	start(w, false);
	for (int i = 0; i < 10; i++)
		assert_true(answer_of(w, id[i]).granted);
	assert_int_equal(loop_requests(&w->server), 1);
}

static void stopping_must_be_quick_and_say_so(void **state)
{
	struct world *w = *state;
	struct source_row presence;
	int64_t id, t0;
	struct wish_row r;

	__atomic_store_n(&w->slow, true, __ATOMIC_RELAXED);
	start(w, false);
	id = wish(w, WISH_DISCOVER, 0, "");
	while (!loop_requests(&w->server))
		poll(NULL, 0, 10);
	ok(source_get(w->st, "discovery", &presence, &err));
	assert_true(presence.asked_at > presence.ok_at && !presence.error[0]);
	t0 = art_mono_us();
	market_thread_stop(w->thread);
	w->thread = NULL;
	assert_true(art_mono_us() - t0 < 2000000);
	ok(wish_find(w->st, id, &r, &err));
	assert_true(r.done_at && !r.granted);
	assert_non_null(strstr(r.answer, "cancelled"));
}

static void an_interrupted_discovery_must_not_look_at_work(void **state)
{
	struct world *w = *state;
	struct source_row presence = { .name = "discovery", .asked_at = 5, .cursor = "asking 8004scan" };

	ok(source_set(w->st, &presence, &err));
	start(w, false);
	ok(source_get(w->st, "discovery", &presence, &err));
	assert_non_null(strstr(presence.error, "interrupted"));
	assert_string_equal(presence.cursor, "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wish_to_discover_must_be_answered_with_what_came),
		T(a_wish_to_probe_must_be_answered_with_what_was_measured),
		T(offline_every_wish_must_be_answered_so),
		T(wishes_of_the_engine_must_be_left_to_it),
		T(ten_wishes_must_be_one_discovery),
		T(stopping_must_be_quick_and_say_so),
		T(an_interrupted_discovery_must_not_look_at_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
