/* test_events.c - the log, wishes, notes, devices, reference lines, the engine's presence. */
#include "fixture_store.h"

#include <math.h>

/* ---- events ------------------------------------------------------------------------------- */

/* Texts of the answer, joined by '|'. */
static const char *log_of(struct fixture *f, struct event_query q)
{
	static char text[512];
	struct event_list l = { 0 };
	size_t at = 0;

	text[0] = '\0';
	ok(event_query(f->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "|" : "",
				       l.rows[i].text);
	event_list_destroy(&l);
	return text;
}

#define expect(want, ...) assert_string_equal(log_of(f, (struct event_query){ __VA_ARGS__ }), want)

static void event_query_must_filter_and_keep_the_newest(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");

	ok(event_add(f->st, EVENT_INFO, "night.start", 0, 0, &err, "one"));
	ok(event_add(f->st, EVENT_GOOD, "experiment.kept", x.id, 0, &err, "two %d%%", 2));
	ok(event_add(f->st, EVENT_WARN, "run.done", x.id, 0, &err, "Three"));
	ok(event_add(f->st, EVENT_ERROR, "run.failed", 0, 0, &err, "four"));

	expect("one|two 2%|Three|four", .limit = 0);
	expect("Three|four", .limit = 2);
	expect("Three|four", .after_id = 2);
	expect("one|two 2%", .before_id = 3);
	expect("two 2%", .before_id = 3, .limit = 1);
	expect("two 2%|Three", .experiment_id = x.id);
	expect("Three", .match = "tHREE");
	expect("Three|four", .match = "RUN.");
	expect("", .match = "%_");
	expect("", .after_id = 4);
}

static void event_add_must_keep_every_field(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "search", "a");
	struct run_row r = make_run(f->st, x.id, RUN_FOR_SCREEN, 1);
	struct event_query q = { 0 };
	struct event_list l = { 0 };

	art_clock_set_for_test(42);
	ok(event_add(f->st, EVENT_WARN, "run.done", x.id, r.id, &err, "text"));
	fails(event_add(f->st, EVENT_WARN, "run.done", 99, 0, &err, "text"), ART_INVALID);
	fails(event_add(f->st, EVENT_WARN, "", 0, 0, &err, "text"), ART_INVALID);

	ok(event_query(f->st, &q, &l, &err));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rows[0].at, 42);
	assert_int_equal(l.rows[0].level, EVENT_WARN);
	assert_string_equal(l.rows[0].kind, "run.done");
	assert_int_equal(l.rows[0].experiment_id, x.id);
	assert_int_equal(l.rows[0].run_id, r.id);
	event_list_destroy(&l);
	for (int i = 0; i < EVENT_LEVEL_COUNT; i++)
		assert_true(strlen(event_level_text((enum event_level)i)) > 0);
}

static void event_add_must_clean_and_clip(void **state)
{
	struct fixture *f = *state;
	struct event_list l = { 0 };
	struct event_query q = { .limit = 1 };
	char *big = art_alloc(10001, 1);

	ok(event_add(f->st, EVENT_INFO, "a", 0, 0, &err, "%s", "x\033]0;title\007\r\n\xff\xfe'; --"));
	expect("", .match = "\033");
	expect("", .match = "\n");
	ok(event_query(f->st, &q, &l, &err));
	assert_non_null(strstr(l.rows[0].text, "'; --"));
	assert_null(strpbrk(l.rows[0].text, "\033\007\r\n\xff\xfe"));

	memset(big, 'y', 10000);
	ok(event_add(f->st, EVENT_INFO, "a", 0, 0, &err, "%s", big));
	ok(event_query(f->st, &q, &l, &err));
	assert_int_equal(strlen(l.rows[0].text), EVENT_TEXT_MAX - 1);
	event_list_destroy(&l);
	event_list_destroy(&l);
	free(big);
}

/* ---- wishes ------------------------------------------------------------------------------- */

static void wishes_must_be_taken_oldest_first_and_answered_once(void **state)
{
	struct fixture *f = *state;
	struct wish_row w;
	int64_t a, b;

	fails(wish_next(f->st, ~0u, &w, &err), ART_NOT_FOUND);
	ok(wish_add(f->st, WISH_START, 0, "{\"rounds\":3}", &a, &err));
	ok(wish_add(f->st, WISH_CANCEL, 12, NULL, &b, &err));
	ok(wish_next(f->st, ~0u, &w, &err));
	assert_int_equal(w.id, a);
	assert_int_equal(w.kind, WISH_START);
	assert_string_equal(w.text, "{\"rounds\":3}");
	assert_int_equal(w.done_at, 0);
	assert_true(w.made_at > 0);

	ok(wish_answer(f->st, a, true, "started night 1", &err));
	fails(wish_answer(f->st, a, false, "no", &err), ART_CONFLICT);
	fails(wish_answer(f->st, 99, false, "no", &err), ART_NOT_FOUND);
	ok(wish_find(f->st, a, &w, &err));
	assert_true(w.granted && w.done_at > 0);
	assert_string_equal(w.answer, "started night 1");
	ok(wish_next(f->st, ~0u, &w, &err));
	assert_int_equal(w.id, b);
	assert_int_equal(w.target, 12);
	fails(wish_find(f->st, 99, &w, &err), ART_NOT_FOUND);
}

static void wish_add_must_refuse_a_text_it_would_cut(void **state)
{
	struct fixture *f = *state;
	struct wish_row w;
	char text[600];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fails(wish_add(f->st, WISH_START, 0, text, NULL, &err), ART_LIMIT);
	text[sizeof(w.text) - 1] = '\0';
	ok(wish_add(f->st, WISH_START, 0, text, NULL, &err));

	ok(wish_next(f->st, ~0u, &w, &err));
	assert_string_equal(w.text, text);
	for (int i = 0; i < WISH_KIND_COUNT; i++)
		assert_true(strlen(wish_kind_text((enum wish_kind)i)) > 0);
}

/* ---- notes -------------------------------------------------------------------------------- */

static void notes_must_wait_be_taken_and_answered_once(void **state)
{
	struct fixture *f = *state;
	struct experiment_row x = make_experiment(f, "queue", "x");
	struct note_row a = { .kind = "idea", .origin = "person", .text = "MATRIX_LR = 0.06" };
	struct note_row b = { .kind = "idea", .origin = "person", .text = "line\nline" }, n;
	struct note_row claim = { .kind = "claim", .origin = "import", .text = "not an idea" };
	char *recipe;
	size_t len;

	fails(note_next_idea(f->st, &n, &err), ART_NOT_FOUND);
	ok(note_add(f->st, &claim, NULL, 0, &err));
	ok(note_add(f->st, &a, NULL, 0, &err));
	ok(note_add(f->st, &b, "DEPTH = 5\n", 10, &err));
	ok(note_next_idea(f->st, &n, &err));
	assert_memory_equal(&n, &a, sizeof(n));
	ok(note_move(f->st, a.id, NOTE_TAKEN, x.id, NULL, &err));
	fails(note_move(f->st, a.id, NOTE_REFUSED, 0, "no", &err), ART_CONFLICT);
	fails(note_move(f->st, 99, NOTE_REFUSED, 0, "no", &err), ART_NOT_FOUND);
	fails(note_recipe(f->st, a.id, &recipe, &len, &err), ART_NOT_FOUND);

	ok(note_next_idea(f->st, &n, &err));
	assert_int_equal(n.id, b.id);
	assert_string_equal(n.text, "line\nline");
	ok(note_recipe(f->st, b.id, &recipe, &len, &err));
	assert_int_equal(len, 10);
	assert_string_equal(recipe, "DEPTH = 5\n");
	free(recipe);
	ok(note_move(f->st, b.id, NOTE_REFUSED, 0, "tried before", &err));
	fails(note_next_idea(f->st, &n, &err), ART_NOT_FOUND);
}

static void note_list_must_give_the_newest_first(void **state)
{
	struct fixture *f = *state;
	struct note_row n = { .kind = "idea", .origin = "person" };
	struct note_list l = { 0 };

	for (int i = 0; i < 30; i++) {
		snprintf(n.text, sizeof(n.text), "idea %d", i);
		ok(note_add(f->st, &n, NULL, 0, &err));
	}
	ok(note_move(f->st, 30, NOTE_REFUSED, 0, "why", &err));

	ok(note_list(f->st, 2, &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].text, "idea 29");
	assert_int_equal(l.rows[0].state, NOTE_REFUSED);
	assert_string_equal(l.rows[0].answer, "why");
	assert_string_equal(l.rows[1].text, "idea 28");
	ok(note_list(f->st, 0, &l, &err));
	assert_int_equal(l.n, 30);
	note_list_destroy(&l);
	note_list_destroy(&l);
	assert_string_equal(note_state_text(NOTE_TAKEN), "taken");
}

/* ---- what there is now -------------------------------------------------------------------- */

static void device_set_must_replace_by_name(void **state)
{
	struct fixture *f = *state;
	struct device_row d = { .name = "local:cpu", .detail = "one\033[1m", .state = "idle",
				.updated_at = 5 };
	struct device_list l = { 0 };

	ok(device_set(f->st, &d, &err));
	art_copy(d.state, sizeof(d.state), "busy");
	d.tokens_per_s = OPT_F64(9950.5);
	d.updated_at = 6;
	ok(device_set(f->st, &d, &err));
	art_copy(d.name, sizeof(d.name), "a:first");
	d.tokens_per_s.known = false;
	ok(device_set(f->st, &d, &err));
	d.tokens_per_s = OPT_F64((double)NAN);
	fails(device_set(f->st, &d, &err), ART_INVALID);

	ok(device_list(f->st, &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].name, "a:first");
	assert_false(l.rows[0].tokens_per_s.known);
	assert_string_equal(l.rows[1].state, "busy");
	assert_true(l.rows[1].tokens_per_s.v == 9950.5);
	assert_int_equal(l.rows[1].updated_at, 6);
	assert_null(strchr(l.rows[1].detail, '\033'));
	device_list_destroy(&l);
}

static void reference_list_must_give_a_data_sets_lines_best_first(void **state)
{
	struct fixture *f = *state;
	struct reference_row r = { .data_sha256 = "aa", .name = "gzip", .val_bpb = 2.5 };
	struct reference_list l = { 0 };

	ok(reference_set(f->st, &r, &err));
	r = (struct reference_row){ .data_sha256 = "aa", .name = "xz -9e", .val_bpb = 1.9,
				    .note = "given the training text" };
	ok(reference_set(f->st, &r, &err));
	r.val_bpb = 1.8;
	ok(reference_set(f->st, &r, &err));
	art_copy(r.data_sha256, sizeof(r.data_sha256), "bb");
	ok(reference_set(f->st, &r, &err));
	r.val_bpb = (double)NAN;
	fails(reference_set(f->st, &r, &err), ART_INVALID);

	ok(reference_list(f->st, "aa", &l, &err));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].name, "xz -9e");
	assert_true(l.rows[0].val_bpb == 1.8);
	assert_string_equal(l.rows[0].note, "given the training text");
	ok(reference_list(f->st, "cc", &l, &err));
	assert_int_equal(l.n, 0);
	reference_list_destroy(&l);
}

static void engine_must_be_one_row_or_none(void **state)
{
	struct fixture *f = *state;
	struct engine_row e = { .pid = 10, .started_at = 100, .state = "running", .doing = "a" }, got;

	ok(engine_get(f->st, &got, &err));
	assert_int_equal(got.pid, 0);
	assert_string_equal(got.state, "");
	ok(engine_set(f->st, &e, &err));
	e.pid = 11;
	e.started_at = 200;
	art_copy(e.doing, sizeof(e.doing), "experiment 12, confirm 2 of 3");
	ok(engine_set(f->st, &e, &err));

	ok(engine_get(f->st, &got, &err));
	assert_memory_equal(&got, &e, sizeof(e));
	assert_int_equal(number(f->path, "SELECT count(*) FROM engine"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup_night, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		N(event_query_must_filter_and_keep_the_newest),
		N(event_add_must_keep_every_field),
		T(event_add_must_clean_and_clip),
		T(wishes_must_be_taken_oldest_first_and_answered_once),
		T(wish_add_must_refuse_a_text_it_would_cut),
		N(notes_must_wait_be_taken_and_answered_once),
		T(note_list_must_give_the_newest_first),
		T(device_set_must_replace_by_name),
		T(reference_list_must_give_a_data_sets_lines_best_first),
		T(engine_must_be_one_row_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
