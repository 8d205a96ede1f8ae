/*
 * cmd_show.c - what was found: status, experiments, show, diff.
 *
 * Layer: tui. Reads the store alone. The JSON of an experiment is experiment_json's.
 */
#include "tui/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "core/research/report.h"
#include "store/events.h"
#include "store/recipe.h"

#define DIFF_MAX (16u << 20)

/* ---- status --------------------------------------------------------------------------------- */

struct engine_view {
	struct engine_row row;
	int64_t pid;         /* of the process that holds the workspace, 0: none */
	bool running;        /* a night is active in it */
	const char *state;   /* "none" "idle" "running" "paused" "stopping" */
};

static enum art_status engine_look(struct cli *c, struct engine_view *v, struct art_err *err)
{
	enum art_status s = engine_get(c->store, &v->row, err);

	if (s != ART_OK)
		return s;
	v->pid = workspace_engine_pid(&c->ws);
	v->state = !v->pid ? "none" : v->row.state[0] ? v->row.state : "idle";
	v->running = v->pid && strcmp(v->state, "idle") != 0;
	return ART_OK;
}

static void stand_json(struct json_out *o, const char *key, bool has,
		       const struct experiment_row *e)
{
	if (!has) {
		json_put_null(o, key);
		return;
	}
	json_open_object(o, key);
	json_put_int(o, "id", e->id);
	json_put_str(o, "title", e->title);
	json_put_opt_f64(o, "val_bpb", e->val_bpb);
	json_put_int(o, "n", e->n);
	interval_json(o, "interval", e->lo, e->hi);
	json_put_str(o, "recipe_sha256", e->recipe_sha256);
	json_close_object(o);
}

static void night_json(struct json_out *o, const struct board *b)
{
	char seed[24];

	if (!b->has_night) {
		json_put_null(o, "night");
		return;
	}
	json_open_object(o, "night");
	json_put_int(o, "id", b->night.id);
	json_put_time(o, "started_at", b->night.started_at);
	json_put_time(o, "ended_at", b->night.ended_at);
	json_put_str(o, "end_reason", b->night.ended_at ? b->night.end_reason : NULL);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)b->night.seed);
	json_put_str(o, "seed", seed);
	json_put_int(o, "rounds", b->night.rounds);
	json_put_f64(o, "hours", b->night.hours);
	json_put_f64(o, "budget_s", b->night.budget_s);
	json_put_int(o, "confirm", b->night.confirm);
	json_put_int(o, "judged", b->night.judged);
	json_put_int(o, "kept", b->night.kept);
	json_close_object(o);
}

static void status_json(struct cli *c, const struct engine_view *v, const struct board *b,
			const struct reference_list *refs)
{
	struct art_buf buf;
	struct json_out o;
	char class[512];

	art_buf_init(&buf, CLI_JSON_MAX);
	json_out_init(&o, &buf, true);
	json_open_object(&o, NULL);
	json_put_str(&o, "workspace", c->ws.root);
	json_put_str(&o, "engine", v->running ? "running" : "idle");
	json_put_str(&o, "engine_state", v->state);
	if (v->pid)
		json_put_int(&o, "engine_pid", v->pid);
	else
		json_put_null(&o, "engine_pid");
	json_put_str(&o, "doing", v->running && v->row.doing[0] ? v->row.doing : NULL);
	stand_json(&o, "champion", b->has_champion, &b->champion);
	stand_json(&o, "baseline", b->has_baseline, &b->baseline);
	json_put_opt_f64(&o, "sigma", b->sigma);
	json_put_int(&o, "sigma_df", b->sigma_df);
	json_put_int(&o, "rounds", b->judged);
	json_put_int(&o, "kept", b->kept);
	json_put_int(&o, "failed", b->failed);
	json_put_int(&o, "experiments", b->experiments);
	json_put_int(&o, "runs_live", b->runs_live);
	json_put_f64(&o, "expected_false_keeps", b->expected_false_keeps);
	json_put_opt_f64(&o, "busy_share", b->busy_share);
	night_json(&o, b);
	json_put_str(&o, "class", b->has_class ? class_text(&b->class, class, sizeof(class)) : NULL);
	json_open_array(&o, "references");
	for (size_t i = 0; i < refs->n; i++) {
		json_open_object(&o, NULL);
		json_put_str(&o, "name", refs->rows[i].name);
		json_put_f64(&o, "val_bpb", refs->rows[i].val_bpb);
		json_put_str(&o, "note", refs->rows[i].note);
		json_close_object(&o);
	}
	json_close_array(&o);
	json_close_object(&o);
	cli_print_json(c, &buf);
	art_buf_destroy(&buf);
}

static void print_stand(const struct cli *c, const char *label, const struct experiment_row *e)
{
	char v[FIGURE_TEXT], i[FIGURE_TEXT];

	fprintf(c->out, "%-10s #%lld  %s%s%s  %s  n=%lld  ", label, (long long)e->id,
		cli_on(c, CLI_BOLD), figure_bpb(e->val_bpb, v), cli_off(c),
		figure_interval(e->lo, e->hi, i), (long long)e->n);
	cli_print_text(c, e->title, false);
}

static void print_engine(const struct cli *c, const struct engine_view *v)
{
	fprintf(c->out, "%-10s ", "Engine");
	if (!v->pid)
		fputs("none runs here: artui --headless --overnight, or artui\n", c->out);
	else if (v->row.doing[0])
		fprintf(c->out, "%s (pid %lld): %s\n", v->state, (long long)v->pid, v->row.doing);
	else
		fprintf(c->out, "%s (pid %lld)\n", v->state, (long long)v->pid);
}

static void print_night(const struct cli *c, const struct board *b)
{
	char t[24], u[24];

	if (!b->has_night) {
		fprintf(c->out, "%-10s none yet\n", "Night");
		return;
	}
	fprintf(c->out, "%-10s %lld, from %s, ", "Night", (long long)b->night.id,
		art_time_iso(b->night.started_at, t, sizeof(t)));
	if (b->night.ended_at)
		fprintf(c->out, "ended %s: %s\n", art_time_iso(b->night.ended_at, u, sizeof(u)),
			b->night.end_reason);
	else
		fputs("open\n", c->out);
}

static void print_status(struct cli *c, const struct engine_view *v, const struct board *b,
			 const struct reference_list *refs)
{
	char class[512], x[FIGURE_TEXT];

	fprintf(c->out, "%-10s %s\n", "Workspace", c->ws.root);
	print_engine(c, v);
	print_night(c, b);
	if (b->has_class)
		fprintf(c->out, "%-10s %s\n", "Class", class_text(&b->class, class, sizeof(class)));
	if (b->has_champion)
		print_stand(c, "Champion", &b->champion);
	else
		fprintf(c->out, "%-10s none yet\n", "Champion");
	if (b->has_baseline && b->baseline.id != b->champion.id)
		print_stand(c, "Baseline", &b->baseline);
	if (b->sigma.known)
		fprintf(c->out, "%-10s %.5f (%lld degrees of freedom)\n", "Sigma", b->sigma.v,
			(long long)b->sigma_df);
	fprintf(c->out, "%-10s %lld judged, %lld kept, %lld failed; %.2f false keeps expected\n",
		"Rounds", (long long)b->judged, (long long)b->kept, (long long)b->failed,
		b->expected_false_keeps);
	if (b->busy_share.known)
		fprintf(c->out, "%-10s %s of the night\n", "Busy",
			figure_percent(b->busy_share, x));
	for (size_t i = 0; i < refs->n; i++)
		fprintf(c->out, "%-10s %.4f  %s%s%s\n", i ? "" : "References",
			refs->rows[i].val_bpb, refs->rows[i].name,
			refs->rows[i].note[0] ? ", " : "", refs->rows[i].note);
}

int cmd_status(struct cli *c, const struct cli_args *a)
{
	struct engine_view v = { 0 };
	struct board b;
	struct reference_list refs = { 0 };
	struct art_err err;
	enum art_status s = engine_look(c, &v, &err);

	memset(&b, 0, sizeof(b));
	if (s == ART_OK)
		s = board_get(c->store, 0, &b, &err);
	if (s == ART_OK && b.has_class)
		s = reference_list(c->store, b.class.data_sha256, &refs, &err);
	if (s != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json"))
		status_json(c, &v, &b, &refs);
	else
		print_status(c, &v, &b, &refs);
	reference_list_destroy(&refs);
	return CLI_DONE;
}

/* ---- experiments ----------------------------------------------------------------------------- */

static enum art_status parse_verdicts(const char *text, unsigned *mask, struct art_err *err)
{
	char word[24];

	*mask = 0;
	for (const char *p = text;;) {
		size_t len = strcspn(p, ",");
		enum verdict v;

		snprintf(word, sizeof(word), "%.*s", len < sizeof(word) ? (int)len : 0, p);
		if (!verdict_parse(word, &v))
			return art_fail(err, ART_INVALID,
					"--verdict: '%.*s' is none of pending, baseline, kept, "
					"discarded, failed, stopped, cancelled, imported", (int)len, p);
		*mask |= 1u << v;
		p += len;
		if (!*p++)
			return ART_OK;
	}
}

static enum experiment_sort parse_sort(const char *text)
{
	static const struct {
		const char *name;
		enum experiment_sort sort;
	} names[] = {
		{ "score", EXPERIMENT_BY_SCORE },     { "id", EXPERIMENT_BY_ID },
		{ "time", EXPERIMENT_BY_TIME },       { "verdict", EXPERIMENT_BY_VERDICT },
		{ "proposer", EXPERIMENT_BY_PROPOSER },
	};

	for (size_t i = 0; i < ART_COUNT(names); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].sort;
	ART_BUG_ON("the option's table allows a sort that is not here");
	return EXPERIMENT_BY_ID;
}

static enum art_status build_query(struct cli *c, const struct cli_args *a,
				   struct experiment_query *q, struct art_err *err)
{
	bool all = cli_given(a, "all");
	const char *verdicts = cli_text(a, "verdict", NULL);
	enum art_status s = ART_OK;

	*q = (struct experiment_query){
		.class_id = cli_int(a, "class", 0),
		.sort = parse_sort(cli_text(a, "sort", "score")),
		.limit = cli_int(a, "limit", 0),
	};
	/* Newest, longest first: what one asks for when sorting by them. */
	q->descending = q->sort == EXPERIMENT_BY_TIME;
	if (!art_copy(q->match, sizeof(q->match), cli_text(a, "match", "")))
		return art_fail(err, ART_INVALID, "--match is longer than %zu bytes",
				sizeof(q->match) - 1);
	if (verdicts)
		s = parse_verdicts(verdicts, &q->verdicts, err);
	if (s == ART_OK && !all && !q->class_id && !(q->verdicts & 1u << VERDICT_IMPORTED)) {
		struct board *b = art_alloc(1, sizeof(*b));

		s = board_get(c->store, 0, b, err);
		if (s == ART_OK && b->has_class)
			q->class_id = b->class.id;
		free(b);
	}
	return s;
}

static enum art_status print_experiments_json(struct cli *c, const struct experiment_list *l,
					      struct art_err *err)
{
	struct art_buf b;
	struct json_out o;
	struct class_row class = { 0 };
	enum art_status s = ART_OK;

	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	json_open_array(&o, NULL);
	for (size_t i = 0; i < l->n && s == ART_OK; i++) {
		const struct experiment_row *e = &l->rows[i];
		struct run_list runs = { 0 };

		if (e->class_id && e->class_id != class.id)
			s = class_find(c->store, e->class_id, &class, err);
		if (s == ART_OK)
			s = run_list(c->store, e->id, &runs, err);
		if (s == ART_OK)
			experiment_json(&o, NULL, e, e->class_id ? &class : NULL, &runs);
		run_list_destroy(&runs);
		/* Out as it grows: ten thousand experiments need not be in memory at once. */
		fwrite(b.data, 1, b.len, c->out);
		art_buf_reset(&b);
	}
	json_close_array(&o);
	if (s == ART_OK)
		cli_print_json(c, &b);
	art_buf_destroy(&b);
	return s;
}

static void print_experiments(struct cli *c, const struct experiment_list *l)
{
	static const struct cli_column columns[] = {
		{ "ID", true, 0, 0 },           { "VAL_BPB", true, 0, 0 },
		{ "95 % INTERVAL", false, 0, 3 }, { "N", true, 0, 2 },
		{ "VERDICT", false, 0, 0 },     { "PROPOSER", false, 0, 4 },
		{ "TIME", true, 0, 5 },         { "CHANGE", false, 16, 0 },
	};
	struct cli_table t;
	char v[FIGURE_TEXT], i[FIGURE_TEXT], d[FIGURE_TEXT];

	if (!l->n) {
		fputs("no experiments\n", c->out);
		return;
	}
	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t k = 0; k < l->n; k++) {
		const struct experiment_row *e = &l->rows[k];

		cli_table_row(&t, cli_verdict_colour(e->verdict));
		cli_table_cell(&t, "%lld", (long long)e->id);
		cli_table_cell(&t, "%s", figure_bpb(e->val_bpb, v));
		cli_table_cell(&t, "%s", figure_interval(e->lo, e->hi, i));
		cli_table_cell(&t, "%lld", (long long)e->n);
		cli_table_cell(&t, "%s", verdict_text(e->verdict));
		cli_table_cell(&t, "%s", e->proposer);
		cli_table_cell(&t, "%s", figure_duration(e->seconds, d));
		cli_table_cell(&t, "%s", e->title);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
	if (l->total > (int64_t)l->n)
		fprintf(c->out, "(%zu of %lld)\n", l->n, (long long)l->total);
}

int cmd_experiments(struct cli *c, const struct cli_args *a)
{
	struct experiment_query q;
	struct experiment_list l = { 0 };
	struct art_err err;
	enum art_status s = build_query(c, a, &q, &err);

	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s == ART_OK)
		s = experiment_query(c->store, &q, &l, &err);
	if (s == ART_OK && cli_given(a, "json"))
		s = print_experiments_json(c, &l, &err);
	else if (s == ART_OK)
		print_experiments(c, &l);
	experiment_list_destroy(&l);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* ---- show ------------------------------------------------------------------------------------- */

static void print_runs(struct cli *c, const struct run_list *runs)
{
	static const struct cli_column columns[] = {
		{ "RUN", true, 0, 0 },       { "PURPOSE", false, 0, 5 }, { "SEED", true, 0, 2 },
		{ "STATE", false, 0, 0 },    { "VAL_BPB", true, 0, 0 },  { "CLAIMED", true, 0, 6 },
		{ "SECONDS", true, 0, 3 },   { "STEPS", true, 0, 4 },    { "TOKENS", true, 0, 3 },
		{ "EXECUTOR", false, 0, 7 }, { "REMARK", false, 12, 0 },
	};
	struct cli_table t;
	char x[FIGURE_TEXT];

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < runs->n; i++) {
		const struct run_row *r = &runs->rows[i];

		cli_table_row(&t, r->state == RUN_FAILED ? CLI_RED : CLI_PLAIN);
		cli_table_cell(&t, "%lld", (long long)r->id);
		cli_table_cell(&t, "%s", run_purpose_text(r->purpose));
		cli_table_cell(&t, "%lld", (long long)r->seed);
		cli_table_cell(&t, "%s", run_state_text(r->state));
		cli_table_cell(&t, "%s", figure_bpb(r->val_bpb, x));
		cli_table_cell(&t, "%s", figure_bpb(r->claimed_bpb, x));
		cli_table_cell(&t, "%s", r->seconds.known ? figure_duration(r->seconds.v, x) : "-");
		cli_table_cell(&t, "%s", r->steps.known ? figure_count((double)r->steps.v, x) : "-");
		cli_table_cell(&t, "%s",
			       r->tokens.known ? figure_count((double)r->tokens.v, x) : "-");
		cli_table_cell(&t, "%s", r->executor);
		cli_table_cell(&t, "%s%s%s%s", r->throttled ? "throttled " : "",
			       r->attempt > 1 ? "started again " : "",
			       r->error[0] ? "" : run_fault_text(r->fault), r->error);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

/* Recipe texts of an experiment and of its parent, parsed. */
struct change {
	char *from, *to;
	struct recipe *r_from, *r_to;
	bool parsed;
};

static enum art_status change_load(struct cli *c, int64_t from, int64_t to, struct change *ch,
				   struct art_err *err)
{
	size_t n_from, n_to;
	enum art_status s = experiment_recipe(c->store, from, &ch->from, &n_from, err);

	if (s == ART_OK)
		s = experiment_recipe(c->store, to, &ch->to, &n_to, err);
	if (s != ART_OK)
		return s;
	ch->r_from = art_alloc(1, sizeof(*ch->r_from));
	ch->r_to = art_alloc(1, sizeof(*ch->r_to));
	/* A recipe that cannot be parsed still has a text to compare. */
	ch->parsed = recipe_parse(ch->r_from, ch->from, n_from, NULL) == ART_OK &&
		     recipe_parse(ch->r_to, ch->to, n_to, NULL) == ART_OK;
	return ART_OK;
}

static void change_free(struct change *ch)
{
	free(ch->from);
	free(ch->to);
	free(ch->r_from);
	free(ch->r_to);
}

static enum art_status print_change(struct cli *c, const struct experiment_row *e,
				    struct art_err *err)
{
	struct change ch = { 0 };
	struct art_buf b;
	enum art_status s;

	if (!e->parent_id)
		return ART_OK;
	s = change_load(c, e->parent_id, e->id, &ch, err);
	art_buf_init(&b, DIFF_MAX);
	if (s == ART_OK && ch.parsed) {
		recipe_diff_knobs(&b, ch.r_from, ch.from, ch.r_to, ch.to);
		fprintf(c->out, "\nChanged against #%lld\n", (long long)e->parent_id);
		cli_print_text(c, b.len ? b.data : "nothing but text beside the constants", true);
	}
	art_buf_destroy(&b);
	change_free(&ch);
	return s;
}

static enum art_status print_logs(struct cli *c, const struct run_list *runs, struct art_err *err)
{
	char tail[LOG_TAIL_MAX];

	for (size_t i = 0; i < runs->n; i++) {
		enum art_status s = run_log_tail(c->store, runs->rows[i].id, tail, err);

		if (s != ART_OK && s != ART_NOT_FOUND)
			return s;
		fprintf(c->out, "%s%s== run %lld, %s, seed %lld%s\n", i ? "\n" : "",
			cli_on(c, CLI_BOLD), (long long)runs->rows[i].id,
			run_state_text(runs->rows[i].state), (long long)runs->rows[i].seed,
			cli_off(c));
		cli_print_text(c, s == ART_OK && tail[0] ? tail : "(nothing)", true);
	}
	return ART_OK;
}

static enum art_status print_recipe(struct cli *c, int64_t id, struct art_err *err)
{
	char *text = NULL;
	size_t len;
	enum art_status s = experiment_recipe(c->store, id, &text, &len, err);

	/* Byte for byte: the hash is over these bytes. A terminal gets them cleaned. */
	if (s == ART_OK && c->tty)
		cli_print_text(c, text, true);
	else if (s == ART_OK)
		fwrite(text, 1, len, c->out);
	free(text);
	return s;
}

static enum art_status print_experiment(struct cli *c, const struct experiment_row *e,
					const struct run_list *runs, struct art_err *err)
{
	struct class_row class;
	char v[FIGURE_TEXT], i[FIGURE_TEXT], text[512];

	fprintf(c->out, "%s#%lld%s  ", cli_on(c, CLI_BOLD), (long long)e->id, cli_off(c));
	cli_print_text(c, e->title, false);
	fprintf(c->out, "%-10s %s%s%s", "Verdict", cli_on(c, cli_verdict_colour(e->verdict)),
		verdict_text(e->verdict), cli_off(c));
	fputs(e->reason[0] ? ": " : "\n", c->out);
	if (e->reason[0])
		cli_print_text(c, e->reason, false);
	fprintf(c->out, "%-10s %s  %s  n=%lld\n", "val_bpb", figure_bpb(e->val_bpb, v),
		figure_interval(e->lo, e->hi, i), (long long)e->n);
	if (e->idea[0]) {
		fprintf(c->out, "%-10s ", "Idea");
		cli_print_text(c, e->idea, false);
	}
	fprintf(c->out, "%-10s %s", "Proposer", e->proposer);
	if (e->parent_id)
		fprintf(c->out, ", from #%lld", (long long)e->parent_id);
	fprintf(c->out, "\n%-10s sha256 %s\n", "Recipe", e->recipe_sha256);
	if (e->class_id && class_find(c->store, e->class_id, &class, NULL) == ART_OK)
		fprintf(c->out, "%-10s %s\n", "Class", class_text(&class, text, sizeof(text)));
	fprintf(c->out, "%-10s %s", "Made", art_time_iso(e->created_at, text, sizeof(text)));
	if (e->decided_at)
		fprintf(c->out, ", decided %s", art_time_iso(e->decided_at, text, sizeof(text)));
	fputs("\n\n", c->out);
	print_runs(c, runs);
	return print_change(c, e, err);
}

static enum art_status show_json(struct cli *c, const struct experiment_row *e,
				 const struct run_list *runs, struct art_err *err)
{
	struct class_row class;
	struct art_buf b;
	struct json_out o;
	enum art_status s = ART_OK;

	if (e->class_id)
		s = class_find(c->store, e->class_id, &class, err);
	if (s != ART_OK)
		return s;
	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	experiment_json(&o, NULL, e, e->class_id ? &class : NULL, runs);
	cli_print_json(c, &b);
	art_buf_destroy(&b);
	return s;
}

int cmd_show(struct cli *c, const struct cli_args *a)
{
	struct experiment_row e;
	struct run_list runs = { 0 };
	struct art_err err;
	int64_t id;
	enum art_status s;

	if (cli_parse_id(a->operands[0], &id, &err) != ART_OK)
		return cli_usage(a->command, "%s", err.text);
	s = experiment_find(c->store, id, &e, &err);
	if (s == ART_NOT_FOUND)
		art_fail(&err, s, "there is no experiment %lld", (long long)id);
	if (s == ART_OK)
		s = run_list(c->store, id, &runs, &err);
	if (s == ART_OK) {
		if (cli_given(a, "json"))
			s = show_json(c, &e, &runs, &err);
		else if (cli_given(a, "recipe"))
			s = print_recipe(c, id, &err);
		else if (cli_given(a, "log"))
			s = print_logs(c, &runs, &err);
		else
			s = print_experiment(c, &e, &runs, &err);
	}
	run_list_destroy(&runs);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* ---- diff ------------------------------------------------------------------------------------- */

static void print_unified(struct cli *c, const char *text)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		enum cli_colour colour = *p == '+' ? CLI_GREEN : *p == '-' ? CLI_RED
				       : *p == '@' ? CLI_DIM : CLI_PLAIN;
		char *line = art_printf("%.*s", (int)(len < 65536 ? len : 65536), p);

		fputs(cli_on(c, colour), c->out);
		cli_print_text(c, line, false);
		if (colour != CLI_PLAIN)
			fputs(cli_off(c), c->out);
		free(line);
		p += len + (p[len] == '\n');
	}
}

static void value_text(const char *source, const struct recipe_constant *k, char out[256])
{
	size_t len = k->value_len < 255 ? k->value_len : 255;

	art_text_clean(out, 256, source + k->value_at, len, false);
}

static void changed_json(struct json_out *o, const char *name, const char *from, const char *to)
{
	json_open_object(o, NULL);
	json_put_str(o, "name", name);
	json_put_str(o, "from", from);
	json_put_str(o, "to", to);
	json_close_object(o);
}

static void knobs_json(struct json_out *o, const struct change *ch)
{
	char from[256], to[256];

	json_open_array(o, "knobs");
	for (int i = 0; ch->parsed && i < ch->r_to->n; i++) {
		const struct recipe_constant *t = &ch->r_to->c[i];
		const struct recipe_constant *f = recipe_find(ch->r_from, t->name);

		value_text(ch->to, t, to);
		if (f)
			value_text(ch->from, f, from);
		if (!f || strcmp(from, to) != 0)
			changed_json(o, t->name, f ? from : NULL, to);
	}
	for (int i = 0; ch->parsed && i < ch->r_from->n; i++) {
		if (recipe_find(ch->r_to, ch->r_from->c[i].name))
			continue;
		value_text(ch->from, &ch->r_from->c[i], from);
		changed_json(o, ch->r_from->c[i].name, from, NULL);
	}
	json_close_array(o);
}

static void diff_print(struct cli *c, bool json, int64_t from, int64_t to,
		       const struct change *ch)
{
	char from_name[48], to_name[48];
	struct art_buf knobs, text, out;
	struct json_out o;

	snprintf(from_name, sizeof(from_name), "experiment/%lld", (long long)from);
	snprintf(to_name, sizeof(to_name), "experiment/%lld", (long long)to);
	art_buf_init(&knobs, DIFF_MAX);
	art_buf_init(&text, DIFF_MAX);
	art_buf_init(&out, CLI_JSON_MAX);
	if (ch->parsed)
		recipe_diff_knobs(&knobs, ch->r_from, ch->from, ch->r_to, ch->to);
	recipe_diff_text(&text, ch->from, ch->to, from_name, to_name);
	if (json) {
		json_out_init(&o, &out, true);
		json_open_object(&o, NULL);
		json_put_int(&o, "from", from);
		json_put_int(&o, "to", to);
		knobs_json(&o, ch);
		json_put_str(&o, "diff", text.len ? text.data : "");
		json_close_object(&o);
		cli_print_json(c, &out);
	} else if (!text.len) {
		fprintf(c->out, "#%lld and #%lld have the same recipe\n", (long long)from,
			(long long)to);
	} else {
		if (knobs.len) {
			cli_print_text(c, knobs.data, true);
			fputc('\n', c->out);
		}
		print_unified(c, text.data);
	}
	art_buf_destroy(&knobs);
	art_buf_destroy(&text);
	art_buf_destroy(&out);
}

int cmd_diff(struct cli *c, const struct cli_args *a)
{
	struct experiment_row e;
	struct change ch = { 0 };
	struct art_err err;
	int64_t id, other = 0, from, to;
	enum art_status s;

	if (cli_parse_id(a->operands[0], &id, &err) != ART_OK ||
	    (a->n_operands > 1 && cli_parse_id(a->operands[1], &other, &err) != ART_OK))
		return cli_usage(a->command, "%s", err.text);
	s = experiment_find(c->store, id, &e, &err);
	if (s == ART_NOT_FOUND)
		art_fail(&err, s, "there is no experiment %lld", (long long)id);
	if (s == ART_OK && !other && !e.parent_id)
		s = art_fail(&err, ART_NOT_FOUND,
			     "experiment %lld has no parent: name the other one, "
			     "artui diff %lld ID2", (long long)id, (long long)id);
	if (s != ART_OK)
		return cli_fail(&err);
	from = other ? id : e.parent_id;
	to = other ? other : id;
	s = change_load(c, from, to, &ch, &err);
	if (s == ART_NOT_FOUND)
		art_fail(&err, s, "there is no experiment %lld or no experiment %lld",
			 (long long)from, (long long)to);
	if (s == ART_OK)
		diff_print(c, cli_given(a, "json"), from, to, &ch);
	change_free(&ch);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}
