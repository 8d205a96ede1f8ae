/*
 * cmd_work.c - asking for work: init, start, stop, pause, resume, cancel, idea.
 *
 * Layer: tui. A wish is a row the engine takes up; without an engine nobody would, so that is said
 * at once instead of leaving a wish behind for some later night.
 */
#include "tui/cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/core.h"
#include "store/events.h"
#include "store/json.h"
#include "store/recipe.h"

#define ANSWER_WAIT_US (10 * 1000000LL)
#define ANSWER_LOOK_MS 50

int cmd_init(struct cli *c, const struct cli_args *a)
{
	struct art_err err;

	if (workspace_init(&c->ws, a->n_operands ? a->operands[0] : ".",
			   cli_text(a, "recipe", NULL), &err) != ART_OK)
		return cli_fail(&err);
	fprintf(c->out, "made a workspace in %s\n", c->ws.root);
	fputs("next: artui --headless --overnight --rounds 3, or artui for the dashboard\n", c->out);
	return CLI_DONE;
}

/* ---- wishes ---------------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static enum art_status wait_answer(struct store *st, int64_t id, struct wish_row *w,
				   struct art_err *err)
{
	int64_t until = art_mono_us() + ANSWER_WAIT_US;

	for (;;) {
		enum art_status s = wish_find(st, id, w, err);

		if (s != ART_OK || w->done_at || art_mono_us() >= until)
			return s;
		pause_ms(ANSWER_LOOK_MS);
	}
}

static enum wish_kind kind_of(const char *command)
{
	for (int k = 0; k < WISH_KIND_COUNT; k++)
		if (strcmp(wish_kind_text((enum wish_kind)k), command) == 0)
			return (enum wish_kind)k;
	ART_BUG_ON("a command of wishes without its wish");
	return WISH_START;
}

static int print_answer(struct cli *c, bool json, const struct wish_row *w)
{
	struct art_buf b;
	struct json_out o;

	if (json) {
		art_buf_init(&b, CLI_JSON_MAX);
		json_out_init(&o, &b, true);
		json_open_object(&o, NULL);
		json_put_int(&o, "wish", w->id);
		json_put_str(&o, "kind", wish_kind_text(w->kind));
		json_put_bool(&o, "answered", w->done_at != 0);
		json_put_bool(&o, "granted", w->done_at && w->granted);
		json_put_str(&o, "answer", w->answer[0] ? w->answer : NULL);
		json_close_object(&o);
		cli_print_json(c, &b);
		art_buf_destroy(&b);
		return w->done_at && w->granted ? CLI_DONE : CLI_FAILED;
	}
	if (!w->done_at) {
		fprintf(stderr, "artui: %s is asked, but not answered within %lld s; it stays asked\n",
			wish_kind_text(w->kind), ANSWER_WAIT_US / 1000000);
		return CLI_FAILED;
	}
	if (!w->granted) {
		fprintf(stderr, "artui: %s refused: %s\n", wish_kind_text(w->kind),
			w->answer[0] ? w->answer : "no reason given");
		return CLI_FAILED;
	}
	fprintf(c->out, "%s: ", wish_kind_text(w->kind));
	cli_print_text(c, w->answer[0] ? w->answer : "done", false);
	return CLI_DONE;
}

void cli_night_json(const struct cli_args *a, struct art_buf *b)
{
	struct night_options o = {
		.rounds = cli_int(a, "rounds", 0),
		.hours = cli_real(a, "hours", 0),
		.budget_s = cli_real(a, "time-budget", 0),
		.confirm = cli_int(a, "confirm", 0),
		.seed = (uint64_t)cli_int(a, "seed", 0),
	};

	night_options_json(&o, b);
}

int cmd_wish(struct cli *c, const struct cli_args *a)
{
	enum wish_kind kind = kind_of(a->command->name);
	int64_t id, target = 0;
	struct wish_row w;
	struct art_buf text;
	struct art_err err;
	enum art_status s;

	if (kind == WISH_CANCEL && cli_parse_id(a->operands[0], &target, &err) != ART_OK)
		return cli_usage(a->command, "%s", err.text);
	if (!workspace_engine_pid(&c->ws)) {
		art_fail(&err, ART_NOT_FOUND, "no artui runs in %.150s: start one with artui, or "
			 "artui --headless --overnight", c->ws.root);
		return cli_fail(&err);
	}
	art_buf_init(&text, sizeof(w.text) - 1);
	if (kind == WISH_START)
		cli_night_json(a, &text);
	s = wish_add(c->store, kind, target, text.data ? text.data : "", &id, &err);
	art_buf_destroy(&text);
	if (s == ART_OK)
		s = wait_answer(c->store, id, &w, &err);
	return s == ART_OK ? print_answer(c, cli_given(a, "json"), &w) : cli_fail(&err);
}

/* ---- ideas ------------------------------------------------------------------------------------ */

static void note_json(struct json_out *o, const struct note_row *n)
{
	json_open_object(o, NULL);
	json_put_int(o, "id", n->id);
	json_put_str(o, "state", note_state_text(n->state));
	json_put_str(o, "origin", n->origin);
	json_put_str(o, "text", n->text);
	json_put_str(o, "recipe_sha256", n->recipe_sha256[0] ? n->recipe_sha256 : NULL);
	if (n->experiment_id)
		json_put_int(o, "experiment", n->experiment_id);
	else
		json_put_null(o, "experiment");
	json_put_str(o, "answer", n->answer[0] ? n->answer : NULL);
	json_put_time(o, "made_at", n->made_at);
	json_close_object(o);
}

static void list_json(struct cli *c, const struct note_list *l)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++)
		note_json(&o, &l->rows[i]);
	cli_array_close(c, &o);
}

static void list_table(struct cli *c, const struct note_list *l)
{
	static const struct cli_column columns[] = {
		{ "ID", true, 0, 0 }, { "STATE", false, 0, 0 }, { "BECAME", true, 0, 1 },
		{ "IDEA", false, 20, 0 }, { "ANSWER", false, 12, 2 },
	};
	struct cli_table t;

	if (!l->n) {
		fputs("no ideas yet: artui idea \"MATRIX_LR = 0.06\"\n", c->out);
		return;
	}
	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct note_row *n = &l->rows[i];

		cli_table_row(&t, n->state == NOTE_REFUSED ? CLI_YELLOW : CLI_PLAIN);
		cli_table_cell(&t, "%lld", (long long)n->id);
		cli_table_cell(&t, "%s", note_state_text(n->state));
		if (n->experiment_id)
			cli_table_cell(&t, "#%lld", (long long)n->experiment_id);
		else
			cli_table_cell(&t, "-");
		cli_table_cell(&t, "%s", n->text);
		cli_table_cell(&t, "%s", n->answer);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

static int list_ideas(struct cli *c, bool json)
{
	struct note_list l = { 0 };
	struct art_err err;

	if (note_list(c->store, 0, &l, &err) != ART_OK)
		return cli_fail(&err);
	if (json)
		list_json(c, &l);
	else
		list_table(c, &l);
	note_list_destroy(&l);
	return CLI_DONE;
}

static enum art_status join_words(const struct cli_args *a, char *out, size_t n,
				  struct art_err *err)
{
	size_t len = 0;

	out[0] = 0;
	for (int i = 0; i < a->n_operands; i++) {
		int k = snprintf(out + len, n - len, "%s%s", i ? " " : "", a->operands[i]);

		if (k < 0 || (size_t)k >= n - len)
			return art_fail(err, ART_LIMIT, "an idea may be %zu bytes long", n - 1);
		len += (size_t)k;
	}
	return ART_OK;
}

/* The recipe must parse: better said now than by the engine at 3 a.m. */
static enum art_status load_recipe(const char *path, struct art_buf *b, struct art_err *err)
{
	struct recipe *r;
	struct art_err why;
	enum art_status s = art_read_file(b, path, RECIPE_MAX_BYTES, err);

	if (s != ART_OK)
		return s;
	r = art_alloc(1, sizeof(*r));
	s = recipe_parse(r, b->data ? b->data : "", b->len, &why);
	if (s != ART_OK)
		s = art_fail(err, s, "%s: %s", path, why.text);
	else if (!r->n)
		s = art_fail(err, ART_INVALID, "%s has no line of the form NAME = value", path);
	free(r);
	return s;
}

static int add_idea(struct cli *c, const struct cli_args *a, struct note_row *n,
		    const struct art_buf *recipe)
{
	struct art_err err;
	struct art_buf b;
	struct json_out o;
	int64_t wish;
	bool engine = workspace_engine_pid(&c->ws) != 0;

	if (note_add(c->store, n, recipe->len ? recipe->data : NULL, recipe->len, &err) != ART_OK)
		return cli_fail(&err);
	if (engine && wish_add(c->store, WISH_IDEA, n->id, "", &wish, &err) != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json")) {
		art_buf_init(&b, CLI_JSON_MAX);
		json_out_init(&o, &b, true);
		note_json(&o, n);
		cli_print_json(c, &b);
		art_buf_destroy(&b);
	} else {
		fprintf(c->out, "idea %lld waits%s\n", (long long)n->id,
			engine ? " for the next candidate" : " for the next night");
	}
	return CLI_DONE;
}

int cmd_idea(struct cli *c, const struct cli_args *a)
{
	const char *file = cli_text(a, "recipe", NULL);
	struct note_row n = { .kind = "idea", .origin = "person" };
	struct art_buf recipe;
	struct art_err err;
	enum art_status s;
	int rc;

	if (cli_given(a, "list")) {
		if (file || a->n_operands)
			return cli_usage(a->command, "--list takes no idea beside it");
		return list_ideas(c, cli_given(a, "json"));
	}
	if (!file && !a->n_operands)
		return cli_usage(a->command, "what is the idea? TEXT or --recipe FILE");
	art_buf_init(&recipe, RECIPE_MAX_BYTES);
	s = join_words(a, n.text, sizeof(n.text), &err);
	if (s == ART_OK && file)
		s = load_recipe(file, &recipe, &err);
	if (s == ART_OK && file && !n.text[0])
		art_copy(n.text, sizeof(n.text), file);
	rc = s == ART_OK ? add_idea(c, a, &n, &recipe) : cli_fail(&err);
	art_buf_destroy(&recipe);
	return rc;
}
