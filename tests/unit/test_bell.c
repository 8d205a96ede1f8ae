/* test_bell.c - wakes of other threads: by topic, once, and never lost. Runs under TSan too. */
#include "fixture_store.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define RINGERS 4
#define RINGS 20000
#define COMMITTERS 3
#define COMMITS 100
#define READERS 3
#define WAKE_MS 10000 /* a wake this late is a lost one */

static bool rung(const struct bell_sub *s, int wait_ms)
{
	struct pollfd p = { .fd = bell_fd(s), .events = POLLIN };

	return poll(&p, 1, wait_ms) == 1;
}

static void bell_ring_must_wake_subscribers_of_the_topic_alone(void **state)
{
	struct bell *b = bell_new();
	struct bell_sub *events = bell_subscribe(b, TOPIC_EVENT);
	struct bell_sub *all = bell_subscribe(b, TOPIC_ALL);

	(void)state;
	bell_ring(b, TOPIC_WISH);

	assert_false(rung(events, 0));
	assert_int_equal(bell_take(events), 0);
	assert_true(rung(all, 0));
	assert_int_equal(bell_take(all), TOPIC_WISH);
	bell_unsubscribe(b, events);
	bell_unsubscribe(b, all);
	bell_free(b);
}

static void bell_take_must_gather_topics_and_drain(void **state)
{
	struct bell *b = bell_new();
	struct bell_sub *s = bell_subscribe(b, TOPIC_EVENT | TOPIC_CURVE | TOPIC_NOTE);
	uint64_t count;

	(void)state;
	bell_ring(b, TOPIC_EVENT);
	bell_ring(b, TOPIC_CURVE | TOPIC_WISH);
	bell_ring(b, TOPIC_EVENT);
	assert_int_equal(read(bell_fd(s), &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1); /* one write for three rings */
	assert_int_equal(bell_take(s), TOPIC_EVENT | TOPIC_CURVE);

	assert_int_equal(bell_take(s), 0);
	assert_false(rung(s, 0));
	bell_ring(b, TOPIC_NOTE);
	assert_true(rung(s, 0));
	assert_int_equal(bell_take(s), TOPIC_NOTE);
	bell_unsubscribe(b, s);
	bell_free(b);
}

static void bell_must_stay_silent_for_the_unsubscribed(void **state)
{
	struct bell *b = bell_new();
	struct bell_sub *a = bell_subscribe(b, TOPIC_ALL), *c = bell_subscribe(b, TOPIC_ALL);

	(void)state;
	bell_unsubscribe(b, a);
	bell_unsubscribe(b, NULL);
	bell_ring(b, TOPIC_EVENT);

	assert_int_equal(bell_take(c), TOPIC_EVENT);
	bell_unsubscribe(b, c);
	bell_free(b);
	bell_free(NULL);
}

static void free_in_use(void *arg)
{
	struct bell *b = bell_new();

	(void)arg;
	if (bell_subscribe(b, TOPIC_ALL) != NULL)
		bell_free(b);
}

static void bell_free_must_abort_while_subscribed(void **state)
{
	(void)state;
	aborts(free_in_use, NULL);
}

static void commit_must_ring_its_topics_once_and_a_rollback_none(void **state)
{
	struct fixture *f = *state;
	struct bell *b = bell_new();
	struct bell_sub *s = bell_subscribe(b, TOPIC_ALL);

	store_attach_bell(f->st, b);
	ok(store_begin(f->st, &err));
	ok(event_add(f->st, EVENT_INFO, "a", 0, 0, &err, "x"));
	ok(wish_add(f->st, WISH_STOP, 0, "", NULL, &err));
	assert_false(rung(s, 0)); /* not before COMMIT */
	ok(store_commit(f->st, &err));
	assert_int_equal(bell_take(s), TOPIC_EVENT | TOPIC_WISH);

	ok(store_begin(f->st, &err));
	ok(event_add(f->st, EVENT_INFO, "b", 0, 0, &err, "x"));
	store_rollback(f->st);
	fails(wish_answer(f->st, 99, true, "", &err), ART_NOT_FOUND);
	assert_false(rung(s, 0));
	ok(event_add(f->st, EVENT_INFO, "c", 0, 0, &err, "x"));
	assert_int_equal(bell_take(s), TOPIC_EVENT);

	store_attach_bell(f->st, NULL);
	bell_unsubscribe(b, s);
	bell_free(b);
}

static void each_noun_must_ring_its_own_topic(void **state)
{
	struct fixture *f = *state;
	struct bell *b = bell_new();
	struct bell_sub *s = bell_subscribe(b, TOPIC_ALL);
	struct note_row note = { .kind = "idea" };
	struct curve_point p = { 0.5, 1, 1, 1 };
	struct reference_row line = { .name = "xz", .val_bpb = 1.8 };

	store_attach_bell(f->st, b);
	struct experiment_row x = make_experiment(f, "search", "a");
	assert_int_equal(bell_take(s), TOPIC_EXPERIMENT);
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	assert_int_equal(bell_take(s), TOPIC_EXPERIMENT);
	ok(curve_add(f->st, r.id, &p, 1, &err));
	assert_int_equal(bell_take(s), TOPIC_CURVE);
	ok(note_add(f->st, &note, NULL, 0, &err));
	assert_int_equal(bell_take(s), TOPIC_NOTE);
	ok(device_set(f->st, &(struct device_row){ .name = "local:cpu" }, &err));
	assert_int_equal(bell_take(s), TOPIC_DEVICE);
	ok(reference_set(f->st, &line, &err));
	assert_int_equal(bell_take(s), TOPIC_REFERENCE);
	ok(engine_set(f->st, &(struct engine_row){ .pid = 1 }, &err));
	assert_int_equal(bell_take(s), TOPIC_ENGINE);
	ok(night_end(f->st, f->night.id, "done", &err));
	assert_int_equal(bell_take(s), TOPIC_EXPERIMENT);
	bell_unsubscribe(b, s);
	bell_free(b);
}

/* ---- no wake is lost ---------------------------------------------------------------------- */

struct world {
	struct bell *bell;
	const char *path;
	atomic_int count;   /* what the ringers change before they ring */
	atomic_int trouble;
};

static void *ring_often(void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < RINGS; i++) {
		atomic_fetch_add(&w->count, 1);
		bell_ring(w->bell, TOPIC_EVENT);
	}
	return NULL;
}

/* Drain, take, look: until all is seen. A lost wake leaves it waiting for ever. */
static void *listen_to_count(void *arg)
{
	struct world *w = arg;
	struct bell_sub *s = bell_subscribe(w->bell, TOPIC_EVENT);

	while (atomic_load(&w->count) < RINGERS * RINGS) {
		if (!rung(s, WAKE_MS)) {
			atomic_fetch_add(&w->trouble, 1);
			break;
		}
		bell_take(s);
	}
	bell_unsubscribe(w->bell, s);
	return NULL;
}

static void run_threads(struct world *w, void *(*reader)(void *), void *(*writer)(void *), int writers)
{
	pthread_t r[READERS], t[RINGERS];

	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&r[i], NULL, reader, w), 0);
	for (int i = 0; i < writers; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, w), 0);
	for (int i = 0; i < writers; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < READERS; i++)
		pthread_join(r[i], NULL);
}

static void bell_must_lose_no_wake_among_many_threads(void **state)
{
	struct world w = { .bell = bell_new() };

	(void)state;
	for (int round = 0; round < 3; round++) {
		atomic_store(&w.count, 0);
		run_threads(&w, listen_to_count, ring_often, RINGERS);
	}

	assert_int_equal(atomic_load(&w.trouble), 0);
	bell_free(w.bell);
}

static void *commit_often(void *arg)
{
	struct world *w = arg;
	struct store *st;

	if (store_open(&st, w->path, 0, 20000, NULL) != ART_OK) {
		atomic_fetch_add(&w->trouble, 1);
		return NULL;
	}
	store_attach_bell(st, w->bell);
	for (int i = 0; i < COMMITS; i++)
		if (event_add(st, EVENT_INFO, "test", 0, 0, NULL, "%d", i) != ART_OK)
			atomic_fetch_add(&w->trouble, 1);
	store_close(st);
	return NULL;
}

static void *follow_log(void *arg)
{
	struct world *w = arg;
	struct store *st;
	struct bell_sub *s = bell_subscribe(w->bell, TOPIC_EVENT);
	struct event_list list = { 0 };
	int64_t seen = 0, last = 0;

	if (store_open(&st, w->path, STORE_READ_ONLY, 20000, NULL) != ART_OK) {
		atomic_fetch_add(&w->trouble, 1);
		st = NULL;
	}
	while (st != NULL) {
		struct event_query q = { .after_id = last };
		if (event_query(st, &q, &list, NULL) != ART_OK) {
			atomic_fetch_add(&w->trouble, 1);
			break;
		}
		seen += (int64_t)list.n;
		if (list.n > 0)
			last = list.rows[list.n - 1].id;
		if (seen == COMMITTERS * COMMITS)
			break;
		if (!rung(s, WAKE_MS)) {
			atomic_fetch_add(&w->trouble, 1);
			break;
		}
		bell_take(s);
	}
	event_list_destroy(&list);
	store_close(st);
	bell_unsubscribe(w->bell, s);
	return NULL;
}

static void commits_of_many_threads_must_all_be_seen(void **state)
{
	struct fixture *f = *state;
	struct world w = { .bell = bell_new(), .path = f->path };

	run_threads(&w, follow_log, commit_often, COMMITTERS);

	assert_int_equal(atomic_load(&w.trouble), 0);
	assert_int_equal(number(f->path, "SELECT count(*) FROM event"), COMMITTERS * COMMITS);
	bell_free(w.bell);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bell_ring_must_wake_subscribers_of_the_topic_alone),
		cmocka_unit_test(bell_take_must_gather_topics_and_drain),
		cmocka_unit_test(bell_must_stay_silent_for_the_unsubscribed),
		cmocka_unit_test(bell_free_must_abort_while_subscribed),
		T(commit_must_ring_its_topics_once_and_a_rollback_none),
		cmocka_unit_test_setup_teardown(each_noun_must_ring_its_own_topic, setup_night,
						teardown),
		cmocka_unit_test(bell_must_lose_no_wake_among_many_threads),
		T(commits_of_many_threads_must_all_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
