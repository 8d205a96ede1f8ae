/*
 * cmd_agents.c - artui agents, leaderboard: who is registered, what is said of each by whom, and whose numbers
 * held.
 *
 * Layer: tui. Reads the store alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/report.h"
#include "tui/cli/cli_market.h"

/* ---- agents ----------------------------------------------------------------------------------------- */

static void print_agents_json(struct cli *c, const struct agent_list *l)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++) {
		json_open_object(&o, NULL);
		agent_json_members(&o, &l->rows[i]);
		json_close_object(&o);
		fwrite(b.data, 1, b.len, c->out);
		art_buf_reset(&b);
	}
	cli_array_close(c, &o);
}

/* An index's own numbers are quoted, with the day it gave them. */
static void quoted_score(const struct agent_row *r, char *buf, size_t n)
{
	char day[24], score[32] = "-", feedbacks[40] = "";

	if (!r->score.known && !r->feedbacks.known) {
		art_copy(buf, n, "-");
		return;
	}
	if (r->score.known)
		snprintf(score, sizeof(score), "%.1f", r->score.v);
	if (r->feedbacks.known)
		snprintf(feedbacks, sizeof(feedbacks), " of %.0f feedbacks", r->feedbacks.v);
	if (r->scored_at)
		art_time_iso(r->scored_at, day, sizeof(day));
	else
		art_copy(day, sizeof(day), "undated");
	snprintf(buf, n, "\"%s\"%s, %.10s", score, feedbacks, day);
}

static void claim_text(struct opt_f64 v, int64_t at, char *buf, size_t n)
{
	char age[AGE_TEXT];

	if (!v.known)
		art_copy(buf, n, "-");
	else if (at)
		snprintf(buf, n, "%.4f claimed %s", v.v, age_text(at, age));
	else
		snprintf(buf, n, "%.4f claimed", v.v);
}

static void print_agents(struct cli *c, const struct agent_list *l)
{
	static const struct cli_column columns[] = {
		{ "AGENT", false, 0, 0 },        { "NAME", false, 16, 0 },    { "CLAIM", false, 0, 3 },
		{ "X402", false, 0, 5 },         { "GPU", false, 8, 6 },      { "8004SCAN SAYS", false, 0, 8 },
		{ "SEEN", false, 0, 4 },         { "SOURCES", false, 8, 9 },  { "SKILLS", false, 12, 7 },
		{ "REMARK", false, 16, 2 },
	};
	struct cli_table t;
	char claim[BEST_TEXT], score[96], age[AGE_TEXT];

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct agent_row *r = &l->rows[i];
		bool retired = r->active_known && !r->active;

		claim_text(r->claimed_bpb, r->claimed_at, claim, sizeof(claim));
		quoted_score(r, score, sizeof(score));
		cli_table_row(&t, r->broken[0] ? CLI_YELLOW : retired ? CLI_DIM : CLI_PLAIN);
		cli_table_cell(&t, "%llu:%s", (unsigned long long)r->key.chain_id, r->key.token_id);
		cli_table_cell(&t, "%s", r->name[0] ? r->name : "-");
		cli_table_cell(&t, "%s", claim);
		cli_table_cell(&t, "%s", r->x402 ? "yes" : "-");
		cli_table_cell(&t, "%s", r->gpu[0] ? r->gpu : "-");
		cli_table_cell(&t, "%s", score);
		cli_table_cell(&t, "%s", age_text(r->seen_at, age));
		cli_table_cell(&t, "%s", r->sources);
		cli_table_cell(&t, "%s", r->skills[0] ? r->skills : "-");
		cli_table_cell(&t, "%s%s%s", r->broken[0] ? "document: " : "", r->broken,
			       retired ? r->broken[0] ? "; not active" : "not active" : "");
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

static int list_agents(struct cli *c, const struct cli_args *a, const struct market_scope *scope)
{
	struct agent_query q = {
		.chain_id = scope->chain ? scope->chain->id : 0,
		.matching = !cli_given(a, "all") && !*scope->skill,
		.sort = AGENTS_BY_SEEN,
		.limit = cli_int(a, "limit", 0),
	};
	struct agent_list list = { 0 };
	struct art_err err;
	enum art_status s;

	art_copy(q.skill, sizeof(q.skill), scope->skill);
	if (!art_copy(q.match, sizeof(q.match), cli_text(a, "match", "")))
		return cli_usage(a->command, "--match is longer than %zu bytes", sizeof(q.match) - 1);
	s = cli_open_anywhere(c, &err);
	if (s == ART_OK)
		s = agent_query(c->store, &q, &list, &err);
	if (s == ART_OK && cli_given(a, "json")) {
		print_agents_json(c, &list);
	} else if (s == ART_OK) {
		if (list.n)
			print_agents(c, &list);
		else
			fprintf(c->out, "no agents%s\n", q.matching ? " that match (--all: every one told of)" : "");
		if (list.total > (int64_t)list.n)
			fprintf(c->out, "(%zu of %lld)\n", list.n, (long long)list.total);
	}
	agent_list_destroy(&list);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* ---- one agent, with everything that is said of it ----------------------------------------------------- */

struct shown {
	struct agent_row row;
	struct agent_facts facts;
	struct worker_list workers;
};

static void fact_json(struct json_out *o, const struct agent_fact *f)
{
	json_open_object(o, NULL);
	json_put_str(o, "key", f->key);
	json_put_str(o, "value", f->value);
	json_put_str(o, "origin", fact_origin_text(f->origin));
	json_put_time(o, "heard_at", f->at);
	json_put_time(o, "as_of", f->as_of);
	json_close_object(o);
}

static void show_json(struct cli *c, const struct shown *v)
{
	struct art_buf b;
	struct json_out o;

	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	agent_json_members(&o, &v->row);
	json_open_array(&o, "facts");
	for (size_t i = 0; i < v->facts.n; i++)
		fact_json(&o, &v->facts.rows[i]);
	json_close_array(&o);
	json_open_array(&o, "workers");
	for (size_t i = 0; i < v->workers.n; i++)
		worker_json(&o, NULL, &v->workers.rows[i]);
	json_close_array(&o);
	json_close_object(&o);
	cli_print_json(c, &b);
	art_buf_destroy(&b);
}

static void print_facts(struct cli *c, const struct agent_facts *l)
{
	static const struct cli_column columns[] = {
		{ "FACT", false, 0, 0 },  { "SAID BY", false, 0, 0 }, { "HEARD", false, 0, 0 },
		{ "AS OF", false, 0, 1 }, { "VALUE", false, 20, 0 },
	};
	struct cli_table t;
	char heard[AGE_TEXT], as_of[AGE_TEXT];

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct agent_fact *f = &l->rows[i];

		cli_table_row(&t, CLI_PLAIN);
		cli_table_cell(&t, "%s", f->key);
		cli_table_cell(&t, "%s", fact_origin_text(f->origin));
		cli_table_cell(&t, "%s", age_text(f->at, heard));
		cli_table_cell(&t, "%s", f->as_of ? age_text(f->as_of, as_of) : "-");
		cli_table_cell(&t, "%s", f->value);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

static void print_shown(struct cli *c, const struct shown *v)
{
	char line[512], age[AGE_TEXT];

	snprintf(line, sizeof(line), "agent %llu:%s  %s", (unsigned long long)v->row.key.chain_id,
		 v->row.key.token_id, v->row.name[0] ? v->row.name : "(no name)");
	fputs(cli_on(c, CLI_BOLD), c->out);
	cli_print_text(c, line, false);
	fputs(cli_off(c), c->out);
	snprintf(line, sizeof(line), "registry %s, told by %s, last seen %s", v->row.key.registry,
		 v->row.sources[0] ? v->row.sources : "nobody", age_text(v->row.seen_at, age));
	cli_print_text(c, line, false);
	if (v->row.broken[0]) {
		snprintf(line, sizeof(line), "its document cannot be read: %s (tried %s)", v->row.broken,
			 age_text(v->row.document_at, age));
		cli_print_text(c, line, false);
	}
	fputc('\n', c->out);
	if (v->facts.n)
		print_facts(c, &v->facts);
	else
		fputs("nothing is said of it\n", c->out);
	for (size_t i = 0; i < v->workers.n; i++) {
		const struct worker_row *w = &v->workers.rows[i];
		char warning[WARNING_TEXT];

		payee_warning(w, warning);
		snprintf(line, sizeof(line), "worker %lld: %.200s%s%s", (long long)w->id, w->url,
			 *warning ? "; warning: " : "", warning);
		cli_print_text(c, line, false);
	}
}

static int show_agent(struct cli *c, const struct cli_args *a, const char *word)
{
	struct worker_query q = { .all = true };
	struct shown v = { 0 };
	struct art_err err;
	enum art_status s = cli_open_anywhere(c, &err);

	if (s == ART_OK)
		s = agent_find_text(c->store, word, &v.row, &err);
	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s == ART_OK)
		s = agent_facts(c->store, v.row.id, &v.facts, &err);
	q.agent_id = v.row.id;
	if (s == ART_OK)
		s = worker_query(c->store, &q, &v.workers, &err);
	if (s == ART_OK && cli_given(a, "json"))
		show_json(c, &v);
	else if (s == ART_OK)
		print_shown(c, &v);
	worker_list_destroy(&v.workers);
	agent_facts_destroy(&v.facts);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

int cmd_agents(struct cli *c, const struct cli_args *a)
{
	struct market_scope scope;
	struct art_err err;
	bool show = a->n_operands && strcmp(a->operands[0], "show") == 0;
	enum art_status s;

	if (a->n_operands && !show)
		return cli_usage(a->command, "agents %.40s: show ID is all it can do besides listing",
				 a->operands[0]);
	if (show && a->n_operands < 2)
		return cli_usage(a->command, "which agent? Its ID is missing, like 84532:17");
	if (show && (cli_given(a, "all") || cli_given(a, "chain") || cli_given(a, "skill") ||
		     cli_given(a, "match") || cli_given(a, "limit")))
		return cli_usage(a->command, "--all, --chain, --skill, --match and --limit belong to the list");
	s = market_scope_open(c, a, &scope, &err);
	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s != ART_OK)
		return cli_fail(&err);
	return show ? show_agent(c, a, a->operands[1]) : list_agents(c, a, &scope);
}

/* ---- leaderboard ------------------------------------------------------------------------------------- */

/*
 * Numbers compare within a class alone. Order: verified in our class, our champion among them; verified in
 * another; then claims, which nobody checked.
 */
enum stand_group { STAND_OURS, STAND_ELSEWHERE, STAND_CLAIMED };
struct standing {
	enum stand_group group;
	const char *kind; /* "own" "agent" "worker" */
	char name[160];
	uint64_t chain_id;
	char token_id[AGENT_TOKEN_MAX];
	char endpoint[WORKER_URL_MAX];
	int64_t agent; /* our id of it; 0 */
	struct opt_f64 verified, claimed;
	int64_t verified_at, claimed_at, n;
	char verified_class[512], claimed_class[96]; /* "" not known */
};
struct standings {
	struct standing *rows;
	size_t n, cap;
};

static struct standing *standing_new(struct standings *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->rows = art_grow(l->rows, l->cap, sizeof(*l->rows));
	}
	memset(&l->rows[l->n], 0, sizeof(*l->rows));
	return &l->rows[l->n++];
}

static void add_own(struct standings *l, const struct board *b)
{
	struct standing *s;

	if (!b->has_champion)
		return;
	s = standing_new(l);
	s->kind = "own";
	snprintf(s->name, sizeof(s->name), "#%lld %.120s", (long long)b->champion.id, b->champion.title);
	s->verified = b->champion.val_bpb;
	s->verified_at = b->champion.decided_at;
	s->n = b->champion.n;
	class_text(&b->class, s->verified_class, sizeof(s->verified_class));
}

static void add_agents(struct standings *l, const struct agent_list *agents)
{
	for (size_t i = 0; i < agents->n; i++) {
		const struct agent_row *r = &agents->rows[i];
		struct standing *s = standing_new(l);

		s->kind = "agent";
		s->agent = r->id;
		art_copy(s->name, sizeof(s->name), r->name);
		s->chain_id = r->key.chain_id;
		art_copy(s->token_id, sizeof(s->token_id), r->key.token_id);
		s->claimed = r->claimed_bpb;
		s->claimed_at = r->claimed_at;
	}
}

static int by_agent(const void *x, const void *y)
{
	int64_t a = ((const struct standing *)x)->agent, b = ((const struct standing *)y)->agent;

	return (a > b) - (a < b);
}

static int by_worker_agent(const void *x, const void *y)
{
	int64_t a = ((const struct worker_row *)x)->agent_id, b = ((const struct worker_row *)y)->agent_id;

	return (a > b) - (a < b);
}

/* Numbers of two classes are two rows. */
static bool fits(const struct standing *s, const struct worker_row *w)
{
	return !s->verified.known || !w->verified_bpb.known || !strcmp(s->verified_class, w->verified_class);
}

/* Workers come by agent, the first @sorted rows are by agent: so its rows are among those, or the last ones. */
static struct standing *of_agent(struct standings *l, size_t sorted, const struct worker_row *w,
				 struct standing **agent)
{
	struct standing key = { .agent = w->agent_id };

	*agent = NULL;
	if (!w->agent_id)
		return NULL;
	*agent = sorted ? bsearch(&key, l->rows, sorted, sizeof(key), by_agent) : NULL;
	if (*agent && fits(*agent, w))
		return *agent;
	for (size_t i = l->n; i > sorted && l->rows[i - 1].agent == w->agent_id; i--)
		if (fits(&l->rows[i - 1], w))
			return &l->rows[i - 1];
	return NULL;
}

static struct standing *standing_of_worker(struct standings *l, const struct worker_row *w, bool has_agent_row)
{
	struct standing *s = standing_new(l);

	s->kind = w->agent_id ? "agent" : "worker";
	s->agent = w->agent_id;
	art_copy(s->name, sizeof(s->name), w->name);
	s->chain_id = w->chain_id;
	art_copy(s->token_id, sizeof(s->token_id), w->token_id);
	if (!has_agent_row) {
		s->claimed = w->claimed_bpb;
		s->claimed_at = w->claimed_at;
	}
	return s;
}

/* A worker's numbers join its agent's row; of several within one class the best verified one is shown. */
static void add_worker(struct standings *l, size_t sorted, const struct worker_row *w)
{
	struct standing *agent, *s = of_agent(l, sorted, w, &agent);

	if (!w->verified_bpb.known && !w->claimed_bpb.known)
		return;
	if (!s)
		s = standing_of_worker(l, w, agent != NULL);
	if (!s->endpoint[0]) {
		art_copy(s->endpoint, sizeof(s->endpoint), w->url);
		art_copy(s->claimed_class, sizeof(s->claimed_class), w->probe.class_text);
	}
	if (w->verified_bpb.known && (!s->verified.known || w->verified_bpb.v < s->verified.v)) {
		s->verified = w->verified_bpb;
		s->verified_at = w->verified_at;
		art_copy(s->verified_class, sizeof(s->verified_class), w->verified_class);
		art_copy(s->endpoint, sizeof(s->endpoint), w->url);
		art_copy(s->claimed_class, sizeof(s->claimed_class), w->probe.class_text);
	}
}

static int by_standing(const void *x, const void *y)
{
	const struct standing *a = x, *b = y;
	double va, vb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	va = a->group == STAND_CLAIMED ? a->claimed.v : a->verified.v;
	vb = b->group == STAND_CLAIMED ? b->claimed.v : b->verified.v;
	if (va < vb || va > vb)
		return va < vb ? -1 : 1;
	return strcmp(a->name, b->name);
}

static enum art_status gather(struct cli *c, const struct cli_args *a, const struct market_scope *scope,
			      struct standings *l, struct art_err *err)
{
	struct agent_query aq = { .chain_id = scope->chain ? scope->chain->id : 0, .with_claim = true,
				  .matching = !cli_given(a, "all") && !*scope->skill,
				  .sort = AGENTS_BY_CLAIM };
	struct worker_query wq = { .chain_id = aq.chain_id, .all = !aq.matching, .sort = WORKERS_BY_CLAIM };
	struct board *b = art_alloc(1, sizeof(*b));
	struct agent_list agents = { 0 };
	struct worker_list workers = { 0 };
	char ours[512] = "";
	size_t sorted;
	enum art_status s = board_get(c->store, 0, b, err);

	art_copy(aq.skill, sizeof(aq.skill), scope->skill);
	art_copy(wq.skill, sizeof(wq.skill), scope->skill);
	if (s == ART_OK)
		s = agent_query(c->store, &aq, &agents, err);
	if (s == ART_OK)
		s = worker_query(c->store, &wq, &workers, err);
	if (s == ART_OK) {
		if (b->has_class)
			class_text(&b->class, ours, sizeof(ours));
		add_own(l, b);
		add_agents(l, &agents);
		sorted = l->n;
		if (sorted)
			qsort(l->rows, sorted, sizeof(*l->rows), by_agent);
		if (workers.n)
			qsort(workers.rows, workers.n, sizeof(*workers.rows), by_worker_agent);
		for (size_t i = 0; i < workers.n; i++)
			add_worker(l, sorted, &workers.rows[i]);
		for (size_t i = 0; i < l->n; i++)
			l->rows[i].group = !l->rows[i].verified.known ? STAND_CLAIMED
					   : *ours && strcmp(l->rows[i].verified_class, ours) == 0
						   ? STAND_OURS : STAND_ELSEWHERE;
		if (l->n)
			qsort(l->rows, l->n, sizeof(*l->rows), by_standing);
	}
	worker_list_destroy(&workers);
	agent_list_destroy(&agents);
	free(b);
	return s;
}

static void standing_json(struct json_out *o, const struct standing *s)
{
	json_open_object(o, NULL);
	json_put_str(o, "kind", s->kind);
	json_put_str(o, "name", s->name[0] ? s->name : NULL);
	agent_id_json(o, "agent_id", s->chain_id, s->token_id);
	json_put_str(o, "endpoint", s->endpoint[0] ? s->endpoint : NULL);
	json_put_bool(o, "comparable", s->group == STAND_OURS);
	json_put_opt_f64(o, "verified", s->verified);
	json_put_time(o, "verified_at", s->verified_at);
	json_put_str(o, "verified_class", s->verified_class[0] ? s->verified_class : NULL);
	if (s->n)
		json_put_int(o, "n", s->n);
	else
		json_put_null(o, "n");
	json_put_opt_f64(o, "claimed", s->claimed);
	json_put_time(o, "claimed_at", s->claimed_at);
	json_put_str(o, "claimed_class", s->claimed_class[0] ? s->claimed_class : NULL);
	json_close_object(o);
}

static void print_standings_json(struct cli *c, const struct standings *l, size_t n)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < n; i++)
		standing_json(&o, &l->rows[i]);
	cli_array_close(c, &o);
}

static void print_standings(struct cli *c, const struct standings *l, size_t n)
{
	static const struct cli_column columns[] = {
		{ "#", true, 0, 0 },         { "VERIFIED", false, 0, 0 }, { "CLAIMED", false, 0, 0 },
		{ "WHO", false, 12, 0 },     { "AGENT", false, 0, 2 },    { "CLASS", false, 16, 1 },
	};
	static const char *const remarks[] = { [STAND_OURS] = "", [STAND_ELSEWHERE] = "another class: ",
					       [STAND_CLAIMED] = "told: " };
	struct cli_table t;
	char verified[BEST_TEXT], claim[BEST_TEXT], age[AGE_TEXT];
	size_t rank = 0;

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < n; i++) {
		const struct standing *s = &l->rows[i];
		const char *class = s->group == STAND_CLAIMED ? s->claimed_class : s->verified_class;

		art_copy(verified, sizeof(verified), "-");
		if (s->verified.known)
			snprintf(verified, sizeof(verified), "%.4f %s", s->verified.v,
				 age_text(s->verified_at, age));
		claim_text(s->claimed, s->claimed_at, claim, sizeof(claim));
		cli_table_row(&t, !strcmp(s->kind, "own") ? CLI_GREEN : s->verified.known ? CLI_PLAIN : CLI_DIM);
		/* Only what compares is ranked. */
		if (s->group == STAND_OURS)
			cli_table_cell(&t, "%zu", ++rank);
		else
			cli_table_cell(&t, "-");
		cli_table_cell(&t, "%s", verified);
		cli_table_cell(&t, "%s", claim);
		cli_table_cell(&t, "%s", s->name[0] ? s->name : s->endpoint);
		if (s->token_id[0])
			cli_table_cell(&t, "%llu:%s", (unsigned long long)s->chain_id, s->token_id);
		else
			cli_table_cell(&t, "%s", s->kind);
		cli_table_cell(&t, "%s%s", *class ? remarks[s->group] : "", *class ? class : "not told");
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
	if (n < l->n)
		fprintf(c->out, "(%zu of %zu)\n", n, l->n);
}

int cmd_leaderboard(struct cli *c, const struct cli_args *a)
{
	struct market_scope scope;
	struct standings l = { 0 };
	struct art_err err;
	int64_t limit = cli_int(a, "limit", 0);
	enum art_status s = market_scope_open(c, a, &scope, &err);
	size_t n;

	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s == ART_OK)
		s = cli_open_anywhere(c, &err);
	if (s == ART_OK)
		s = gather(c, a, &scope, &l, &err);
	n = limit && (size_t)limit < l.n ? (size_t)limit : l.n;
	if (s == ART_OK && cli_given(a, "json"))
		print_standings_json(c, &l, n);
	else if (s == ART_OK && l.n)
		print_standings(c, &l, n);
	else if (s == ART_OK)
		fputs("nobody stands on it yet: no champion here, no claims (artui discover asks for some)\n",
		      c->out);
	free(l.rows);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}
