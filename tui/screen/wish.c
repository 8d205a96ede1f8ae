/* wish.c - see wish.h. */
#include "tui/screen/wish.h"

#include <string.h>

#define BAN_NAME_COLUMNS 16 /* the question and its y/N fit the narrowest screen */

static bool night_open(const struct ui *ui)
{
	return ui->facts.board.has_night && ui->facts.board.night.ended_at == 0;
}

static bool engine_is(const struct ui *ui, const char *state)
{
	return ui->facts.engine_alive && !strcmp(ui->facts.engine.state, state);
}

static void ask(struct ui *ui, enum action a, int64_t target, const char *text)
{
	art_copy(ui->text, sizeof(ui->text), text);
	ui->question = a;
	ui->question_target = target;
	ui->mode = MODE_CONFIRM;
}

static void wish(struct ui *ui, enum wish_kind kind, int64_t target, const char *said)
{
	struct art_err err;

	if (wish_add(ui->st, kind, target, "", &ui->wish_id, &err) != ART_OK) {
		ui_say(ui, ROLE_BAD, "%s", err.text);
		return;
	}
	if (ui->facts.engine_alive)
		ui_say(ui, ROLE_GOOD, "%s", said);
	else
		ui_say(ui, ROLE_WARN, "noted; no engine runs now, the next one takes it up");
}

bool wish_refused(struct ui *ui)
{
	if (ui->opt->read_only)
		ui_say(ui, ROLE_WARN, "read-only: nothing can be asked for here");
	return ui->opt->read_only;
}

static void cancel(struct ui *ui)
{
	const struct panel_ops *ops = panel_ops(ui->panel);
	int64_t id = ops->experiment ? ops->experiment(ui, ui->data[ui->panel]) : 0;
	struct experiment_row row;
	struct art_err err;
	char text[200];

	if (!id) {
		ui_say(ui, ROLE_WARN, "no experiment is selected");
		return;
	}
	if (experiment_find(ui->st, id, &row, &err) != ART_OK) {
		ui_say(ui, ROLE_BAD, "%s", err.text);
		return;
	}
	if (row.verdict != VERDICT_PENDING) {
		ui_say(ui, ROLE_WARN, "#%lld is %s already", (long long)id, verdict_text(row.verdict));
		return;
	}
	snprintf(text, sizeof(text), "Cancel #%lld \"%.60s\"? y/N", (long long)id, row.title);
	ask(ui, ACTION_CANCEL, id, text);
}

static void quit(struct ui *ui)
{
	if (ui->opt->engine_here && ui_night_runs(ui))
		ask(ui, ACTION_QUIT, 0,
		    "Leave? The night stops here and resumes at the next start. y/N");
	else
		ui->leave = true;
}

static void begin(struct ui *ui)
{
	char text[200];

	if (engine_is(ui, "paused")) {
		wish(ui, WISH_RESUME, 0, "going on");
		return;
	}
	if (night_open(ui) && engine_is(ui, "running")) {
		ui_say(ui, ROLE_WARN, "night %lld runs already", (long long)ui->facts.board.night.id);
		return;
	}
	if (night_open(ui))
		snprintf(text, sizeof(text), "Resume night %lld? y/N",
			 (long long)ui->facts.board.night.id);
	else
		snprintf(text, sizeof(text), "Begin a night with the settings of this workspace? y/N");
	ask(ui, ACTION_BEGIN, 0, text);
}

static void end(struct ui *ui)
{
	char text[200];

	if (!night_open(ui)) {
		ui_say(ui, ROLE_WARN, "no night is open");
		return;
	}
	snprintf(text, sizeof(text), "End night %lld now, with a report? y/N",
		 (long long)ui->facts.board.night.id);
	ask(ui, ACTION_END, 0, text);
}

static void mark(struct ui *ui, int64_t worker, enum worker_mark m, const char *said)
{
	struct art_err err;

	if (worker_mark(ui->st, worker, m, NULL, &err) != ART_OK) {
		ui_say(ui, ROLE_BAD, "%s", err.text);
		return;
	}
	ui_say(ui, ROLE_GOOD, "%s", said);
	ui_stale(ui, TOPIC_WORKER);
}

/* What is asked about the selected worker. A ban takes money and work from somebody, so it is asked about. */
static void market(struct ui *ui, enum action a)
{
	const struct panel_ops *ops = panel_ops(ui->panel);
	const struct worker_row *w = ops->worker ? ops->worker(ui, ui->data[ui->panel]) : NULL;
	char text[200], name[80];
	int used;

	if (a == ACTION_REFRESH) {
		wish(ui, WISH_DISCOVER, 0, "asking the sources for workers");
	} else if (!w) {
		ui_say(ui, ROLE_WARN, "no worker is selected");
	} else if (a == ACTION_PROBE) {
		wish(ui, WISH_PROBE, w->id, "probing it");
	} else if (a == ACTION_BAN && w->trust.banned) {
		mark(ui, w->id, WORKER_UNBAN, "the ban is lifted");
	} else if (a == ACTION_BAN) {
		art_copy(name, sizeof(name), w->name[0] ? w->name : w->url);
		name[art_text_clip(name, BAN_NAME_COLUMNS, &used)] = '\0';
		snprintf(text, sizeof(text), "Ban #%lld \"%s\"? y/N", (long long)w->id, name);
		ask(ui, ACTION_BAN, w->id, text);
	} else if (a == ACTION_PIN) {
		mark(ui, w->id, w->trust.pinned ? WORKER_UNPIN : WORKER_PIN,
		     w->trust.pinned ? "pinned no more" : "pinned: it comes first");
	} else if (w->trust.quarantine_until <= art_now_us()) {
		ui_say(ui, ROLE_DIM, "it is in no quarantine");
	} else {
		mark(ui, w->id, WORKER_RELEASE, "out of its quarantine");
	}
}

void wish_act(struct ui *ui, enum action a)
{
	bool about_market = a >= ACTION_REFRESH && a <= ACTION_RELEASE;

	if (a == ACTION_QUIT) {
		quit(ui);
		return;
	}
	if (a != ACTION_BEGIN && a != ACTION_END && a != ACTION_PAUSE && a != ACTION_CANCEL &&
	    a != ACTION_IDEA && !about_market)
		return;
	if (wish_refused(ui))
		return;
	if (about_market) {
		market(ui, a);
		return;
	}
	if (a == ACTION_BEGIN) {
		begin(ui);
	} else if (a == ACTION_END) {
		end(ui);
	} else if (a == ACTION_CANCEL) {
		cancel(ui);
	} else if (a == ACTION_IDEA) {
		line_init(&ui->line, NOTE_TEXT_MAX, "");
		ui->mode = MODE_IDEA;
	} else if (engine_is(ui, "paused")) {
		wish(ui, WISH_RESUME, 0, "going on");
	} else if (engine_is(ui, "running")) {
		wish(ui, WISH_PAUSE, 0, "pausing after the present run");
	} else {
		ui_say(ui, ROLE_WARN, "nothing runs that could pause");
	}
}

void wish_confirmed(struct ui *ui, bool yes)
{
	enum action a = ui->question;

	ui->question = ACTION_NONE;
	if (!yes) {
		ui_say(ui, ROLE_DIM, "left as it is");
		return;
	}
	if (a == ACTION_QUIT)
		ui->leave = true;
	else if (a == ACTION_BEGIN)
		wish(ui, WISH_START, 0, "beginning");
	else if (a == ACTION_END)
		wish(ui, WISH_STOP, 0, "ending the night");
	else if (a == ACTION_CANCEL)
		wish(ui, WISH_CANCEL, ui->question_target, "cancelling");
	else if (a == ACTION_BAN)
		mark(ui, ui->question_target, WORKER_BAN, "banned; B lifts it");
}

void wish_idea(struct ui *ui, const char *text)
{
	struct note_row note;
	struct art_err err;
	enum art_status rc;

	memset(&note, 0, sizeof(note));
	while (*text == ' ')
		text++;
	if (!*text) {
		ui_say(ui, ROLE_DIM, "no idea handed in");
		return;
	}
	art_copy(note.kind, sizeof(note.kind), "idea");
	art_copy(note.origin, sizeof(note.origin), "person");
	art_copy(note.text, sizeof(note.text), text);
	rc = store_begin(ui->st, &err);
	if (rc == ART_OK) {
		rc = note_add(ui->st, &note, NULL, 0, &err);
		if (rc == ART_OK)
			rc = wish_add(ui->st, WISH_IDEA, note.id, "", &ui->wish_id, &err);
		if (rc == ART_OK)
			rc = store_commit(ui->st, &err);
		if (rc != ART_OK)
			store_rollback(ui->st);
	}
	if (rc == ART_OK)
		ui_say(ui, ROLE_GOOD, "idea %lld waits its turn; 5 shows what becomes of it",
		       (long long)note.id);
	else
		ui_say(ui, ROLE_BAD, "%s", err.text);
}

enum art_status wish_look(struct ui *ui, struct art_err *err)
{
	struct wish_row row;
	enum art_status rc;

	if (!ui->wish_id)
		return ART_OK;
	rc = wish_find(ui->st, ui->wish_id, &row, err);
	if (rc == ART_NOT_FOUND) {
		ui->wish_id = 0;
		return ART_OK;
	}
	if (rc != ART_OK || !row.done_at)
		return rc;
	ui->wish_id = 0;
	/* a granted idea has been told of already, and shows in its own panel */
	if (!row.granted)
		ui_say(ui, ROLE_WARN, "%s: %s", wish_kind_text(row.kind),
		       row.answer[0] ? row.answer : "refused");
	else if (row.kind != WISH_IDEA && row.answer[0])
		ui_say(ui, ROLE_GOOD, "%s: %s", wish_kind_text(row.kind), row.answer);
	return ART_OK;
}
