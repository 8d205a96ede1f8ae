/*
 * test_screen_ui.c - ui.h over a real store and no terminal: keys in, cells and wish rows out.
 */
#define _GNU_SOURCE
#include "tests/unit/fixture_store.h"

#include "tui/screen/ui.h"

/* A store with a night and the dashboard over it, at 24 x 100. */
struct face {
	struct fixture *f;
	struct screen_options opt;
	struct ui ui;
};

static int face_setup(void **state)
{
	struct face *x = calloc(1, sizeof(*x));

	if (!x || setup_night(state) != 0)
		return -1;
	x->f = *state;
	x->opt.db = x->f->path;
	*state = x;
	return 0;
}

static int face_teardown(void **state)
{
	struct face *x = *state;

	ui_close(&x->ui);
	*state = x->f;
	free(x);
	return teardown(state);
}

static void frame(struct face *x)
{
	ui_refresh(&x->ui);
	ui_draw(&x->ui);
}

static void open_face(struct face *x, const char *panel)
{
	x->opt.panel = panel;
	ok(ui_open(&x->ui, &x->opt, true, CHART_BRAILLE, &err));
	ui_resize(&x->ui, 24, 100);
	frame(x);
}

static void press(struct face *x, const char *ascii)
{
	for (; *ascii; ascii++) {
		ui_refresh(&x->ui);
		ui_key(&x->ui, *ascii == '\n' ? (int)BIND_ENTER : (unsigned char)*ascii);
	}
	frame(x);
}

static void key(struct face *x, int code)
{
	ui_key(&x->ui, code);
	frame(x);
}

static bool shows(const struct face *x, const char *text)
{
	struct art_buf b;
	bool found = false;

	art_buf_init(&b, 1 << 20);
	for (int row = 0; row < x->ui.canvas.rows; row++) {
		art_buf_reset(&b);
		canvas_row_text(&x->ui.canvas, row, &b);
		found = found || (b.data && strstr(b.data, text));
	}
	art_buf_destroy(&b);
	return found;
}

static void must_show(const struct face *x, const char *text)
{
	if (shows(x, text))
		return;
	canvas_print(&x->ui.canvas, 0, x->ui.canvas.rows, stderr);
	fail_msg("the screen does not show: %s", text);
}

static void engine(struct face *x, const char *state, int64_t pid)
{
	struct engine_row e = { .pid = pid, .started_at = 1 };

	art_copy(e.state, sizeof(e.state), state);
	ok(engine_set(x->f->st, &e, &err));
}

/* Ten experiments: a baseline, then candidates, each a little better, every third kept. */
static void fill(struct face *x)
{
	char name[32];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		struct experiment_row e = make_experiment(x->f, i ? "search" : "baseline", name);

		judge(x->f->st, &e, i == 0 ? VERDICT_BASELINE : i % 3 ? VERDICT_DISCARDED : VERDICT_KEPT,
		      2.0 - 0.1 * i);
		ok(event_add(x->f->st, EVENT_INFO, "x.y", e.id, 0, &err, "happened %d", i));
	}
}

static int64_t wishes(struct face *x, const char *kind)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM wish WHERE kind = '%s'", kind);
	return number(x->f->path, sql);
}

static void ui_open_refuses_what_it_cannot_show(void **state)
{
	struct face *x = *state;

	x->opt.panel = "nonsense";
	fails(ui_open(&x->ui, &x->opt, true, CHART_BRAILLE, &err), ART_INVALID);
	x->opt.panel = NULL;
	x->opt.theme = "no such theme";
	fails(ui_open(&x->ui, &x->opt, true, CHART_BRAILLE, &err), ART_NOT_FOUND);
	x->opt.theme = NULL;
	x->opt.db = "/nonexistent/artui.db";
	assert_int_not_equal(ui_open(&x->ui, &x->opt, true, CHART_BRAILLE, &err), ART_OK);
}

static void ui_draw_shows_champion_and_order(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, NULL);

	must_show(x, "★ val_bpb 1.1000");
	must_show(x, "#10 title 9");
	must_show(x, "baseline 2.0000");
	must_show(x, "gain 0.9000 (45.0 %)");
	must_show(x, "4 standing");
}

static void ui_refresh_sees_a_commit_only_when_told(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, "experiments");
	must_show(x, "10 all verdicts");
	make_experiment(x->f, "search", "eleven");
	frame(x);
	must_show(x, "10 all verdicts");
	assert_false(ui_is_stale(&x->ui));
	ui_stale(&x->ui, TOPIC_CURVE);
	assert_false(ui_is_stale(&x->ui));
	ui_stale(&x->ui, TOPIC_EXPERIMENT);
	assert_true(ui_is_stale(&x->ui));
	frame(x);
	must_show(x, "11 all verdicts");
}

static void ui_key_ends_a_night_only_after_yes(void **state)
{
	struct face *x = *state;

	engine(x, "running", getpid());
	open_face(x, NULL);
	press(x, "e");
	must_show(x, "End night 1 now, with a report? y/N");
	press(x, "\n");
	assert_int_equal(wishes(x, "stop"), 0);
	press(x, "e ");
	press(x, "en");
	key(x, BIND_ESC);
	assert_int_equal(wishes(x, "stop"), 0);
	press(x, "ey");
	assert_int_equal(wishes(x, "stop"), 1);
}

static void ui_key_pauses_and_resumes_by_the_engine_state(void **state)
{
	struct face *x = *state;

	engine(x, "running", getpid());
	open_face(x, NULL);
	press(x, "p");
	assert_int_equal(wishes(x, "pause"), 1);
	engine(x, "paused", getpid());
	ui_stale(&x->ui, TOPIC_ENGINE);
	press(x, "p");
	assert_int_equal(wishes(x, "resume"), 1);
	assert_int_equal(wishes(x, "pause"), 1);
}

static void ui_key_cancels_only_what_is_pending(void **state)
{
	struct face *x = *state;

	fill(x);
	make_experiment(x->f, "search", "waits");
	open_face(x, "experiments");
	press(x, "Gxy");
	assert_int_equal(wishes(x, "cancel"), 1);
	assert_int_equal(number(x->f->path, "SELECT target FROM wish WHERE kind = 'cancel'"), 11);
	press(x, "kxy");
	assert_int_equal(wishes(x, "cancel"), 1);
}

static void ui_key_hands_an_idea_in_with_its_wish(void **state)
{
	struct face *x = *state;

	open_face(x, NULL);
	press(x, "iDEPTH = 6\n");
	assert_int_equal(number(x->f->path, "SELECT count(*) FROM note WHERE text = 'DEPTH = 6'"), 1);
	assert_int_equal(wishes(x, "idea"), 1);
	press(x, "i   \n");
	assert_int_equal(wishes(x, "idea"), 1);
	ui_stale(&x->ui, TOPIC_NOTE);
	press(x, "5");
	must_show(x, "DEPTH = 6");
}

static void ui_key_writes_nothing_when_read_only(void **state)
{
	struct face *x = *state;

	x->opt.read_only = true;
	engine(x, "running", getpid());
	open_face(x, NULL);
	press(x, "eyby");
	press(x, "ipossible\n");
	assert_int_equal(number(x->f->path, "SELECT count(*) FROM wish"), 0);
	assert_int_equal(number(x->f->path, "SELECT count(*) FROM note"), 0);
}

static void ui_key_says_what_became_of_a_wish(void **state)
{
	struct face *x = *state;
	struct wish_row w;

	engine(x, "running", getpid());
	open_face(x, NULL);
	press(x, "p");
	ok(wish_next(x->f->st, &w, &err));
	ok(wish_answer(x->f->st, w.id, false, "the disk is full", &err));
	ui_stale(&x->ui, TOPIC_WISH);
	frame(x);
	must_show(x, "pause: the disk is full");
}

static void ui_age_lets_a_message_go_after_a_while(void **state)
{
	struct face *x = *state;

	open_face(x, NULL);
	press(x, "f");
	press(x, "p");
	must_show(x, "nothing runs that could pause");
	assert_false(ui_age(&x->ui));
	x->ui.message_at -= 60000000;
	assert_true(ui_age(&x->ui));
	assert_false(ui_age(&x->ui));
	frame(x);
	assert_false(shows(x, "nothing runs that could pause"));
}

static void ui_key_quits_at_once_unless_a_night_would_stop(void **state)
{
	struct face *x = *state;

	engine(x, "running", getpid());
	open_face(x, NULL);
	press(x, "q");
	assert_true(x->ui.leave);
	x->ui.leave = false;
	x->opt.engine_here = true;
	press(x, "qn");
	assert_false(x->ui.leave);
	press(x, "qy");
	assert_true(x->ui.leave);
}

static void ui_tells_a_dead_engine_from_a_living_one(void **state)
{
	struct face *x = *state;

	engine(x, "running", 0x7ffffff0);
	open_face(x, NULL);
	must_show(x, "engine not running");
	must_show(x, "open, to be resumed");
	assert_false(ui_night_runs(&x->ui));
	engine(x, "running", getpid());
	ui_stale(&x->ui, TOPIC_ENGINE);
	frame(x);
	assert_false(shows(x, "engine not running"));
	assert_true(ui_night_runs(&x->ui));
}

static void ui_filter_narrows_while_typing_and_escape_widens(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, "experiments");
	press(x, "/title 7");
	must_show(x, "1 all verdicts matching \"title 7\"");
	key(x, BIND_ENTER);
	must_show(x, "1 all verdicts matching");
	key(x, BIND_ESC);
	must_show(x, "10 all verdicts");
}

static void ui_sort_and_verdicts_change_the_list(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, "experiments");
	press(x, "s");
	must_show(x, "val_bpb▲");
	press(x, "\n");
	must_show(x, "#10 title 9");
	key(x, BIND_ESC);
	press(x, "ff");
	must_show(x, "pending");
}

static void ui_detail_walks_to_its_neighbours(void **state)
{
	struct face *x = *state;

	fill(x);
	x->opt.experiment_id = 5;
	open_face(x, "detail");
	must_show(x, "#5 title 4");
	press(x, "]");
	must_show(x, "#6 title 5");
	press(x, "[[");
	must_show(x, "#4 title 3");
	press(x, "[[[[");
	must_show(x, "no experiment before #1");
}

static void ui_detail_shows_runs_faults_and_an_unknown_experiment(void **state)
{
	struct face *x = *state;
	struct experiment_row e = make_experiment(x->f, "search", "bad");
	struct run_row r = make_run(x->f->st, e.id, RUN_FOR_SCREEN, 1);

	r.state = RUN_RUNNING;
	r.attempt = 1;
	ok(run_move(x->f->st, &r, RUN_QUEUED, &err));
	r.state = RUN_FAILED;
	r.fault = RUN_FAULT_OOM;
	art_copy(r.error, sizeof(r.error), "killed at 3 GiB");
	ok(run_move(x->f->st, &r, RUN_RUNNING, &err));
	x->opt.experiment_id = e.id;
	open_face(x, "detail");
	must_show(x, "out of memory: killed at 3 GiB");
	detail_show(x->ui.data[PANEL_DETAIL], 99);
	ui_resize(&x->ui, 24, 100);
	frame(x);
	must_show(x, "there is no experiment #99");
}

static void ui_log_follows_until_one_moves_up(void **state)
{
	struct face *x = *state;

	fill(x);
	for (int i = 0; i < 1200; i++)
		ok(event_add(x->f->st, EVENT_INFO, "n", 0, 0, &err, "line %d", i));
	open_face(x, "log");
	must_show(x, "line 1199");
	ok(event_add(x->f->st, EVENT_WARN, "n", 0, 0, &err, "newest"));
	ui_stale(&x->ui, TOPIC_EVENT);
	frame(x);
	must_show(x, "newest");
	press(x, "g");
	must_show(x, "happened 0");
	ok(event_add(x->f->st, EVENT_WARN, "n", 0, 0, &err, "later still"));
	ui_stale(&x->ui, TOPIC_EVENT);
	frame(x);
	assert_false(shows(x, "later still"));
	press(x, "G");
	must_show(x, "later still");
}

static void ui_board_puts_references_in_score_order(void **state)
{
	struct face *x = *state;
	struct reference_row ref = { .name = "zip", .val_bpb = 1.55 };
	int champion = -1, between = -1, baseline = -1;

	fill(x);
	art_copy(ref.data_sha256, sizeof(ref.data_sha256), x->f->class.data_sha256);
	ok(reference_set(x->f->st, &ref, &err));
	open_face(x, NULL);
	for (int row = 6; row < 20; row++) {
		struct art_buf b;

		art_buf_init(&b, 4096);
		canvas_row_text(&x->ui.canvas, row, &b);
		if (b.data && strstr(b.data, "champion"))
			champion = row;
		if (b.data && strstr(b.data, "zip"))
			between = row;
		if (b.data && strstr(b.data, "title 0"))
			baseline = row;
		art_buf_destroy(&b);
	}

	assert_true(champion > 0 && between > champion && baseline > between);
}

static void ui_survives_every_size_with_every_panel(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, NULL);
	for (int p = 0; p < PANEL_COUNT; p++) {
		ui_show(&x->ui, (enum panel_id)p);
		for (int rows = 1; rows < 64; rows += 3) {
			for (int cols = 1; cols < 200; cols += 7) {
				ui_resize(&x->ui, rows, cols);
				frame(x);
				assert_int_equal(x->ui.canvas.rows, rows);
			}
		}
	}
}

static void ui_survives_any_keys(void **state)
{
	struct face *x = *state;
	struct art_rng rng;

	fill(x);
	engine(x, "running", getpid());
	open_face(x, NULL);
	art_rng_seed(&rng, 5);
	for (int i = 0; i < 3000; i++) {
		uint64_t r = art_rng_u64(&rng);

		if (r % 11 == 0)
			ui_resize(&x->ui, 1 + (int)(r >> 8) % 50, 1 + (int)(r >> 16) % 150);
		else if (r % 7 == 0)
			ui_click(&x->ui, (int)(r >> 8) % 50, (int)(r >> 16) % 150, r >> 32 & 1);
		else if (r % 5 == 0)
			key(x, BIND_UP + (int)(r >> 8) % (BIND_MOUSE - BIND_UP));
		else
			key(x, (int)(r >> 8) % 127);
		ui_stale(&x->ui, (unsigned)(r >> 24) & TOPIC_ALL);
		frame(x);
	}
}

static void ui_copy_takes_the_selected_row(void **state)
{
	struct face *x = *state;

	fill(x);
	open_face(x, NULL);
	press(x, "y");
	assert_string_equal(x->ui.copied.data, "#10 1.1000 kept title 9\n");
}

static void screen_once_prints_every_panel_without_escapes(void **state)
{
	struct face *x = *state;

	fill(x);
	for (int p = 0; screen_panel_name(p); p++) {
		char *text = NULL;
		size_t n = 0;
		FILE *to = open_memstream(&text, &n);

		x->opt.panel = screen_panel_name(p);
		assert_int_equal(screen_once(&x->opt, to, 80, &err), 0);
		fclose(to);
		assert_true(n > 100);
		assert_null(memchr(text, '\033', n));
		if (p == PANEL_EXPERIMENTS)
			assert_non_null(strstr(text, "title 9"));
		free(text);
	}
}

static void screen_once_prints_a_list_whole(void **state)
{
	struct face *x = *state;
	char *text = NULL, name[16];
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		make_experiment(x->f, "search", name);
	}
	x->opt.panel = "experiments";
	assert_int_equal(screen_once(&x->opt, to, 80, &err), 0);
	fclose(to);
	assert_non_null(strstr(text, "title n0 "));
	assert_non_null(strstr(text, "title n299 "));
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, face_setup, face_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ui_open_refuses_what_it_cannot_show),
		T(ui_draw_shows_champion_and_order),
		T(ui_refresh_sees_a_commit_only_when_told),
		T(ui_key_ends_a_night_only_after_yes),
		T(ui_key_pauses_and_resumes_by_the_engine_state),
		T(ui_key_cancels_only_what_is_pending),
		T(ui_key_hands_an_idea_in_with_its_wish),
		T(ui_key_writes_nothing_when_read_only),
		T(ui_key_says_what_became_of_a_wish),
		T(ui_age_lets_a_message_go_after_a_while),
		T(ui_key_quits_at_once_unless_a_night_would_stop),
		T(ui_tells_a_dead_engine_from_a_living_one),
		T(ui_filter_narrows_while_typing_and_escape_widens),
		T(ui_sort_and_verdicts_change_the_list),
		T(ui_detail_walks_to_its_neighbours),
		T(ui_detail_shows_runs_faults_and_an_unknown_experiment),
		T(ui_log_follows_until_one_moves_up),
		T(ui_board_puts_references_in_score_order),
		T(ui_survives_every_size_with_every_panel),
		T(ui_survives_any_keys),
		T(ui_copy_takes_the_selected_row),
		T(screen_once_prints_every_panel_without_escapes),
		T(screen_once_prints_a_list_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
