/*
 * cmd_log.c - what happened, as lines or JSON, once or for as long as somebody looks.
 *
 * Layer: tui. Another process's news is noticed through the database's version.
 */
#include "tui/cli/cli.h"

#include <string.h>
#include <time.h>

#include "store/events.h"
#include "store/json.h"

#define LOOK_MS 250
#define LIMIT_DEFAULT 50

static void event_json(struct json_out *o, const struct event_row *e)
{
	json_open_object(o, NULL);
	json_put_int(o, "id", e->id);
	json_put_time(o, "at", e->at);
	json_put_str(o, "level", event_level_text(e->level));
	json_put_str(o, "kind", e->kind);
	if (e->experiment_id)
		json_put_int(o, "experiment", e->experiment_id);
	else
		json_put_null(o, "experiment");
	if (e->run_id)
		json_put_int(o, "run", e->run_id);
	else
		json_put_null(o, "run");
	json_put_str(o, "text", e->text);
	json_close_object(o);
}

void cli_print_event(const struct cli *c, const struct event_row *e)
{
	static const enum cli_colour colours[EVENT_LEVEL_COUNT] = {
		[EVENT_GOOD] = CLI_GREEN, [EVENT_WARN] = CLI_YELLOW, [EVENT_ERROR] = CLI_RED,
	};
	char t[16];

	fprintf(c->out, "%s  %s", cli_clock(e->at, t), cli_on(c, colours[e->level]));
	/* Level in words too: state is never told by colour alone. */
	if (e->level == EVENT_WARN || e->level == EVENT_ERROR)
		fprintf(c->out, "%s: ", event_level_text(e->level));
	fputs(e->text, c->out);
	fprintf(c->out, "%s\n", colours[e->level] != CLI_PLAIN ? cli_off(c) : "");
}

static void print_array(struct cli *c, const struct event_list *l)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++) {
		event_json(&o, &l->rows[i]);
		fwrite(b.data, 1, b.len, c->out);
		art_buf_reset(&b);
	}
	cli_array_close(c, &o);
}

static void print_stream(struct cli *c, const struct event_list *l, bool json)
{
	for (size_t i = 0; i < l->n; i++) {
		struct art_buf b;
		struct json_out o;

		if (!json) {
			cli_print_event(c, &l->rows[i]);
			continue;
		}
		art_buf_init(&b, CLI_JSON_MAX);
		json_out_init(&o, &b, false);
		event_json(&o, &l->rows[i]);
		cli_print_json(c, &b);
		art_buf_destroy(&b);
	}
}

/* Until a signal, or the reader of a pipe is gone. */
static enum art_status follow(struct cli *c, struct event_query *q, bool json, struct art_err *err)
{
	const struct timespec look = { 0, LOOK_MS * 1000000L };
	int64_t seen = -1, now;
	enum art_status s;

	q->limit = 0;
	for (;;) {
		struct event_list l = { 0 };

		s = store_data_version(c->store, &now, err);
		if (s != ART_OK)
			return s;
		if (now != seen) {
			seen = now;
			s = event_query(c->store, q, &l, err);
			if (s != ART_OK)
				return s;
			print_stream(c, &l, json);
			if (l.n)
				q->after_id = l.rows[l.n - 1].id;
			event_list_destroy(&l);
		}
		if (fflush(c->out) != 0 || ferror(c->out))
			return ART_OK;
		nanosleep(&look, NULL);
	}
}

int cmd_log(struct cli *c, const struct cli_args *a)
{
	bool json = cli_given(a, "json"), go_on = cli_given(a, "follow");
	struct event_query q = {
		.experiment_id = cli_int(a, "experiment", 0),
		.limit = cli_int(a, "limit", LIMIT_DEFAULT),
	};
	struct event_list l = { 0 };
	struct art_err err;
	enum art_status s = event_query(c->store, &q, &l, &err);

	if (s == ART_OK && json && !go_on)
		print_array(c, &l);
	else if (s == ART_OK)
		print_stream(c, &l, json);
	if (s == ART_OK && l.n)
		q.after_id = l.rows[l.n - 1].id;
	event_list_destroy(&l);
	if (s == ART_OK && go_on)
		s = follow(c, &q, json, &err);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}
