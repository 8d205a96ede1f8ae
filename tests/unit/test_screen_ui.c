/*
 * test_screen_ui.c - ui.h over a real store and no terminal: keys in, cells and wish rows out.
 */
#define _GNU_SOURCE
#include "tests/unit/fixture_store.h"

#include "store/agents.h"
#include "store/sales.h"
#include "store/workers.h"
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

/* A worker as its last probe saw it. */
static int64_t add_worker(struct face *x, const char *name, enum worker_alive alive, const char *price)
{
	struct worker_told told = { .source = WORKER_SOURCE_PERSON, .name = name, .matches = true };
	struct worker_probe p = { .alive = alive, .payable = true, .latency_us = 20000 };
	char url[128];
	int64_t id;

	snprintf(url, sizeof(url), "https://%s.example", name);
	ok(worker_see(x->f->st, url, &told, &id, &err));
	if (price) {
		p.priced = true;
		ok(usdc_parse(price, &p.price, &err));
		art_copy(p.network, sizeof(p.network), "eip155:84532");
	}
	if (alive != WORKER_UNTRIED)
		ok(worker_probed(x->f->st, id, &p, 0, 0, &err));
	return id;
}

static int64_t add_claim(struct face *x, int token, const char *name, const char *claim)
{
	struct agent_key key = { .chain_id = 84532, .registry = "0x8004aa0000000000000000000000000000008004" };
	struct agent_fact facts[2] = { { .key = "name" }, { .key = "best_val_bpb" } };
	int64_t id;

	snprintf(key.token_id, sizeof(key.token_id), "%d", token);
	art_copy(facts[0].value, sizeof(facts[0].value), name);
	art_copy(facts[1].value, sizeof(facts[1].value), claim);
	ok(agent_see(x->f->st, &key, "8004scan", &id, &err));
	ok(agent_tell(x->f->st, id, ORIGIN_DOCUMENT, facts, 2, "", &err));
	return id;
}

/* What a check of a worker's number by us found. */
static void verify(struct face *x, int64_t worker, double bpb, const char *class)
{
	struct worker_outcome o = { .reproduced = true, .val_bpb = OPT_F64(bpb), .class_text = class };

	ok(worker_ran(x->f->st, worker, &o, &err));
}

static void fill_market(struct face *x)
{
	add_worker(x, "cheap", WORKER_ALIVE, "0.02");
	add_worker(x, "dear", WORKER_ALIVE, "0.50");
	add_worker(x, "fresh", WORKER_UNTRIED, NULL);
	add_worker(x, "gone", WORKER_DEAD, NULL);
}

/* Row of the canvas that shows @text, -1 none. */
static int row_of(const struct face *x, const char *text)
{
	struct art_buf b;
	int found = -1;

	art_buf_init(&b, 1 << 20);
	for (int row = 0; row < x->ui.canvas.rows && found < 0; row++) {
		art_buf_reset(&b);
		canvas_row_text(&x->ui.canvas, row, &b);
		if (b.data && strstr(b.data, text))
			found = row;
	}
	art_buf_destroy(&b);
	return found;
}

static struct worker_trust trust_of(struct face *x, int64_t id)
{
	struct worker_row w;

	ok(worker_find(x->f->st, id, &w, &err));
	return w.trust;
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
	ok(wish_next(x->f->st, ~0u, &w, &err));
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
	fill_market(x);
	add_claim(x, 1, "boaster", "0.0100");
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
	fill_market(x);
	add_claim(x, 1, "boaster", "0.0100");
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

static void market_folds_the_dead_and_says_how_many(void **state)
{
	struct face *x = *state;

	fill_market(x);
	open_face(x, "market");

	must_show(x, "2 alive, 1 untried, 1 dead");
	must_show(x, "1 dead: d shows them");
	must_show(x, "fresh");
	assert_int_equal(row_of(x, "gone"), -1);
	press(x, "d");
	assert_true(row_of(x, "gone") > 0);
	assert_false(shows(x, "d shows them"));
}

static void market_sorts_filters_and_shows_what_filters(void **state)
{
	struct face *x = *state;

	fill_market(x);
	open_face(x, "market");
	press(x, "s");
	must_show(x, "USDC▲");
	assert_true(row_of(x, "cheap") < row_of(x, "dear"));
	press(x, "S");
	must_show(x, "by price, reversed");
	assert_true(row_of(x, "dear") < row_of(x, "cheap"));
	press(x, "/cheap\n");
	must_show(x, "matching \"cheap\"");
	assert_int_equal(row_of(x, "dear"), -1);
	press(x, "c");
	must_show(x, "base-sepolia only");
	press(x, "c");
	key(x, BIND_ESC);
	assert_true(row_of(x, "dear") > 0);
}

static void market_tells_of_sources_and_of_one_that_fails(void **state)
{
	struct face *x = *state;
	struct source_row good = { .name = "8004scan" }, bad = { .name = "bazaar", .failures = 2 };
	struct source_row now = { .name = "discovery", .cursor = "8004scan, page 2" };

	good.ok_at = bad.ok_at = art_now_us() - 300000000ll;
	art_copy(bad.error, sizeof(bad.error), "HTTP 503");
	now.asked_at = art_now_us();
	open_face(x, "market");
	must_show(x, "no source asked yet");
	ok(source_set(x->f->st, &good, &err));
	ok(source_set(x->f->st, &bad, &err));
	ok(source_set(x->f->st, &now, &err));
	ui_stale(&x->ui, TOPIC_AGENT);
	frame(x);
	must_show(x, "● asking: 8004scan, page 2  sources  8004scan 5 m  !bazaar 5 m");
	must_show(x, "! bazaar: HTTP 503");
	now.ok_at = art_now_us();
	ok(source_set(x->f->st, &now, &err));
	ui_stale(&x->ui, TOPIC_AGENT);
	frame(x);
	assert_false(shows(x, "asking"));
	assert_false(shows(x, "discovery"));
}

static void market_sorts_by_a_click_on_a_heading(void **state)
{
	struct face *x = *state;

	fill_market(x);
	open_face(x, "market");
	ui_click(&x->ui, 4, 3, false); /* "worker": the name */
	frame(x);
	must_show(x, "worker▲");
	ui_click(&x->ui, 4, 3, false);
	frame(x);
	must_show(x, "worker▼");
	assert_true(row_of(x, "fresh") < row_of(x, "cheap"));
	ui_click(&x->ui, 5, 3, true); /* twice on the first row */
	frame(x);
	must_show(x, "Measured by our probes");
}

static void market_asks_for_discovery_and_for_a_probe(void **state)
{
	struct face *x = *state;
	int64_t id;

	fill_market(x);
	id = add_worker(x, "zz", WORKER_ALIVE, "0.60");
	open_face(x, "market");
	press(x, "/zz\n");
	press(x, "r");
	assert_int_equal(wishes(x, "discover"), 1);
	press(x, "v");
	assert_int_equal(wishes(x, "probe"), 1);
	assert_int_equal(number(x->f->path, "SELECT target FROM wish WHERE kind = 'probe'"), id);
}

static void market_bans_only_after_yes(void **state)
{
	struct face *x = *state;
	int64_t id = add_worker(x, "cheat", WORKER_ALIVE, "0.02");

	open_face(x, "market");
	press(x, "B");
	must_show(x, "\"cheat\"? y/N");
	press(x, "\n");
	assert_false(trust_of(x, id).banned);
	press(x, "Bn");
	assert_false(trust_of(x, id).banned);
	press(x, "By");
	assert_true(trust_of(x, id).banned);
	must_show(x, "banned");
	press(x, "B");
	assert_false(trust_of(x, id).banned);
}

static void market_pins_and_releases_at_once(void **state)
{
	struct face *x = *state;
	struct worker_probe dead = { .alive = WORKER_DEAD, .error = "no answer" };
	int64_t id = add_worker(x, "shaky", WORKER_ALIVE, "0.02");

	open_face(x, "market");
	press(x, "P");
	assert_true(trust_of(x, id).pinned);
	press(x, "P");
	assert_false(trust_of(x, id).pinned);
	press(x, "R");
	must_show(x, "in no quarantine");
	ok(worker_probed(x->f->st, id, &dead, 3, art_now_us() + 60000000, &err));
	ui_stale(&x->ui, TOPIC_WORKER);
	press(x, "dR");
	assert_int_equal(trust_of(x, id).quarantine_until, 0);
}

static void market_opens_one_with_all_that_is_known(void **state)
{
	struct face *x = *state;

	fill_market(x);
	open_face(x, "market");
	press(x, "/dear\n\n");
	must_show(x, "Measured by our probes");
	must_show(x, "0.50 USDC on base-sepolia");
	press(x, "v");
	assert_int_equal(wishes(x, "probe"), 1);
	key(x, BIND_ESC);
	must_show(x, "matching \"dear\"");
}

static void market_reads_a_window_of_many(void **state)
{
	struct face *x = *state;
	char name[32];

	ok(store_begin(x->f->st, &err));
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "worker-%03d", i);
		add_worker(x, name, WORKER_UNTRIED, NULL);
	}
	ok(store_commit(x->f->st, &err));
	open_face(x, "market");
	press(x, "sss");
	must_show(x, "by name");
	must_show(x, "worker-000");
	press(x, "G");
	must_show(x, "worker-499");
	press(x, "g");
	must_show(x, "worker-000");
}

static void market_and_worker_write_nothing_when_read_only(void **state)
{
	struct face *x = *state;
	int64_t id = add_worker(x, "cheap", WORKER_ALIVE, "0.02");
	enum serve_switch now;

	x->opt.read_only = true;
	open_face(x, "market");
	press(x, "rvByPR");
	must_show(x, "read-only");
	press(x, "8pdo");
	assert_int_equal(number(x->f->path, "SELECT count(*) FROM wish"), 0);
	assert_false(trust_of(x, id).banned || trust_of(x, id).pinned);
	ok(serve_switch_get(x->f->st, "", &now, &err));
	assert_int_equal(now, SERVE_OPEN);
}

static void leaderboard_ranks_no_claim_and_no_other_class(void **state)
{
	struct face *x = *state;
	char class[256];

	fill(x);
	class_text(&x->f->class, class, sizeof(class));
	verify(x, add_worker(x, "better", WORKER_ALIVE, "0.02"), 1.0500, class);
	verify(x, add_worker(x, "elsewhere", WORKER_ALIVE, "0.02"), 0.5000, "other 1s gpu");
	add_claim(x, 1, "boaster", "0.0100");
	open_face(x, "leaderboard");

	must_show(x, "1  1.0500 verified");
	must_show(x, "2  1.1000 measured");
	must_show(x, "   0.5000 verified");
	must_show(x, "   0.0100 claimed");
	assert_true(row_of(x, "better") < row_of(x, "own champion"));
	assert_true(row_of(x, "own champion") < row_of(x, "measured elsewhere"));
	assert_true(row_of(x, "measured elsewhere") < row_of(x, "0.5000"));
	assert_true(row_of(x, "0.5000") < row_of(x, "claimed: measured by nobody"));
	assert_true(row_of(x, "claimed: measured by nobody") < row_of(x, "boaster"));
}

static void leaderboard_opens_an_agent_and_comes_back(void **state)
{
	struct face *x = *state;
	char name[32], claim[32];

	fill(x);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "agent-%03d", i);
		snprintf(claim, sizeof(claim), "%.4f", 1.0 + 0.001 * i);
		add_claim(x, 1 + i, name, claim);
	}
	open_face(x, "leaderboard");
	press(x, "G");
	must_show(x, "1.1990 claimed");
	press(x, "\n");
	must_show(x, "Agent 200 of base-sepolia");
	must_show(x, "1.1990 [document");
	key(x, BIND_ESC);
	must_show(x, "measured and claimed");
	press(x, "f");
	must_show(x, "measured only");
	assert_false(shows(x, "claimed "));
}

static void worker_switches_the_whole_or_the_device_under_the_cursor(void **state)
{
	struct face *x = *state;
	struct device_row dev = { .name = "cuda:0", .state = "idle" };
	struct serve_row serve = { .pid = getpid(), .started_at = 1, .listen = "127.0.0.1:8402", .price = "0.05",
				   .network = "base", .sandbox = "bubblewrap", .agent_id = -1 };
	enum serve_switch whole, one;

	ok(device_set(x->f->st, &dev, &err));
	ok(serve_set(x->f->st, &serve, &err));
	open_face(x, "worker");
	must_show(x, "127.0.0.1:8402");
	press(x, "d");
	must_show(x, "the worker: draining");
	ok(serve_switch_get(x->f->st, "", &whole, &err));
	assert_int_equal(whole, SERVE_DRAINING);
	press(x, "dGp");
	must_show(x, "cuda:0: paused");
	ok(serve_switch_get(x->f->st, "", &whole, &err));
	ok(serve_switch_get(x->f->st, "cuda:0", &one, &err));
	assert_int_equal(whole, SERVE_OPEN);
	assert_int_equal(one, SERVE_PAUSED);
	press(x, "o");
	ok(serve_switch_get(x->f->st, "cuda:0", &one, &err));
	assert_int_equal(one, SERVE_OPEN);
	assert_int_equal(number(x->f->path, "SELECT count(*) FROM wish"), 0);
}

static void worker_tells_a_dead_process_from_a_living_one(void **state)
{
	struct face *x = *state;
	struct serve_row serve = { .pid = 0x7ffffff0, .started_at = 1, .listen = "127.0.0.1:8402", .agent_id = 3 };

	open_face(x, "worker");
	must_show(x, "nothing is sold on this machine");
	must_show(x, "artui worker serve --price 0.05");
	ok(serve_set(x->f->st, &serve, &err));
	ui_stale(&x->ui, TOPIC_ORDER);
	frame(x);
	must_show(x, "process 2147483632 is gone");
	serve.pid = getpid();
	ok(serve_set(x->f->st, &serve, &err));
	ui_stale(&x->ui, TOPIC_ORDER);
	frame(x);
	assert_false(shows(x, "is gone"));
	must_show(x, "none: strangers' code runs unconfined");
}

static void dashboard_counts_the_market(void **state)
{
	struct face *x = *state;

	open_face(x, NULL);
	must_show(x, "market: no worker known");
	fill_market(x);
	ui_stale(&x->ui, TOPIC_WORKER);
	frame(x);
	must_show(x, "market: 2 of 4 alive, from 0.02 USDC");
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
		T(market_folds_the_dead_and_says_how_many),
		T(market_sorts_filters_and_shows_what_filters),
		T(market_tells_of_sources_and_of_one_that_fails),
		T(market_sorts_by_a_click_on_a_heading),
		T(market_asks_for_discovery_and_for_a_probe),
		T(market_bans_only_after_yes),
		T(market_pins_and_releases_at_once),
		T(market_opens_one_with_all_that_is_known),
		T(market_reads_a_window_of_many),
		T(market_and_worker_write_nothing_when_read_only),
		T(leaderboard_ranks_no_claim_and_no_other_class),
		T(leaderboard_opens_an_agent_and_comes_back),
		T(worker_switches_the_whole_or_the_device_under_the_cursor),
		T(worker_tells_a_dead_process_from_a_living_one),
		T(dashboard_counts_the_market),
		T(ui_survives_every_size_with_every_panel),
		T(ui_survives_any_keys),
		T(ui_copy_takes_the_selected_row),
		T(screen_once_prints_every_panel_without_escapes),
		T(screen_once_prints_a_list_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
