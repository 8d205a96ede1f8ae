/*
 * cmd_market.c - artui discover, workers, probe: who offers to run experiments, and what we know of each.
 *
 * Layer: tui. What is asked and how is core/market's; nothing here pays or signs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/market/trust.h"
#include "core/research/report.h"
#include "tui/cli/cli_market.h"

/* ---- what both lists share ------------------------------------------------------------------------ */

static enum worker_sort parse_sort(const char *text)
{
	static const struct {
		const char *name;
		enum worker_sort sort;
	} names[] = {
		{ "trust", WORKERS_BY_TRUST },     { "price", WORKERS_BY_PRICE }, { "name", WORKERS_BY_NAME },
		{ "latency", WORKERS_BY_LATENCY }, { "claim", WORKERS_BY_CLAIM },
		{ "verified", WORKERS_BY_VERIFIED },
	};

	for (size_t i = 0; i < ART_COUNT(names); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].sort;
	ART_BUG_ON("the option's table allows a sort that is not here");
	return WORKERS_BY_TRUST;
}

/* Both discover and workers have these options; what the services were asked is asked again of our own rows. */
static struct worker_query build_query(const struct cli_args *a, const struct market_scope *scope)
{
	struct worker_query q = {
		/* A skill that was asked for by name counts, whatever market.skills says. */
		.all = cli_given(a, "all") || *scope->skill,
		.alive = cli_given(a, "alive"),
		.chain_id = scope->chain ? scope->chain->id : 0,
		.sort = parse_sort(cli_text(a, "sort", "trust")),
		.limit = cli_int(a, "limit", 0),
	};

	art_copy(q.skill, sizeof(q.skill), scope->skill);
	return q;
}

static void print_list(struct cli *c, const struct cli_args *a, const struct chains *chains,
		       const struct worker_query *q, const struct worker_list *l)
{
	if (cli_given(a, "json")) {
		print_workers_json(c, l);
		return;
	}
	if (l->n)
		print_workers(c, chains, l);
	else
		fprintf(c->out, "no workers%s\n", q->all ? "" : " that match (--all: every endpoint told of)");
	if (l->total > (int64_t)l->n)
		fprintf(c->out, "(%zu of %lld)\n", l->n, (long long)l->total);
	if (!l->n && l->n_dead + l->n_untried && q->alive)
		fprintf(c->out, "%lld are dead, %lld not tried\n", (long long)l->n_dead,
			(long long)l->n_untried);
}

/* ---- discover -------------------------------------------------------------------------------------- */

/* As they are now: what they were told about asking again was written after the report's copy was taken. */
static enum art_status refresh_sources(struct cli *c, struct source_list *l, struct art_err *err)
{
	enum art_status s = ART_OK;

	for (size_t i = 0; i < l->n && s == ART_OK; i++) {
		struct source_row now;

		s = source_get(c->store, l->rows[i].name, &now, err);
		if (s == ART_OK)
			l->rows[i] = now;
	}
	return s;
}

/* How each source went. With JSON on standard output only what went wrong, on standard error. */
static void print_sources(struct cli *c, const struct source_list *l, bool json)
{
	char line[SOURCE_TEXT], clean[SOURCE_TEXT];

	for (size_t i = 0; i < l->n; i++) {
		const struct source_row *s = &l->rows[i];

		source_text(s, line);
		art_text_clean(clean, sizeof(clean), line, strlen(line), false);
		if (json && (s->failures || s->bad))
			fprintf(stderr, "artui: %s\n", clean);
		else if (!json)
			fprintf(c->out, "%s%s%s\n", s->failures ? cli_on(c, CLI_YELLOW) : "", clean,
				s->failures ? cli_off(c) : "");
	}
}

static void print_report(struct cli *c, const struct market_report *r)
{
	char took[FIGURE_TEXT];

	print_sources(c, &r->sources, false);
	fprintf(c->out, "%lld document%s read", (long long)r->documents, r->documents == 1 ? "" : "s");
	if (r->bad_documents)
		fprintf(c->out, ", %lld that cannot be (artui agents --all says why)",
			(long long)r->bad_documents);
	fprintf(c->out, "; %lld endpoint%s probed, %lld alive; %s\n", (long long)r->probes,
		r->probes == 1 ? "" : "s", (long long)r->alive,
		figure_duration((double)r->took_us / 1e6, took));
}

/*
 * A skill that is none of market.skills: a discovery probes only what it would give work to, so those who told that
 * skill are asked here, when their trust allows it.
 */
static enum art_status probe_named(struct market *m, const struct worker_query *q, int64_t since_us,
				   struct market_report *r, struct art_err *err)
{
	struct worker_list l = { 0 };
	int64_t *ids;
	size_t n = 0;
	char why[96];
	enum art_status s = worker_query(m->store, q, &l, err);

	ids = art_alloc(l.n + 1, sizeof(*ids));
	for (size_t i = 0; i < l.n; i++)
		if (l.rows[i].probe.at < since_us && trust_allows(&l.rows[i].trust, since_us, why))
			ids[n++] = l.rows[i].id;
	worker_list_destroy(&l);
	if (s == ART_OK && n)
		s = market_probe(m, ids, n, err);
	r->probes += (int64_t)n;
	for (size_t i = 0; i < n && s == ART_OK; i++) {
		struct worker_row *w = art_alloc(1, sizeof(*w));

		s = worker_find(m->store, ids[i], w, err);
		r->alive += s == ART_OK && w->probe.alive == WORKER_ALIVE;
		free(w);
	}
	free(ids);
	return s;
}

int cmd_discover(struct cli *c, const struct cli_args *a)
{
	struct market_scope scope;
	struct market m = { 0 };
	struct market_ask ask = { 0 };
	struct market_report report = { 0 };
	struct worker_list list = { 0 };
	struct worker_query q;
	struct art_err err, asked_err = { 0 };
	int64_t start = art_now_us();
	enum art_status s = market_scope_open(c, a, &scope, &err), asked = ART_OK;

	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	ask = (struct market_ask){
		.chain_id = scope.chain ? scope.chain->id : 0,
		.skills = *scope.skill ? scope.skill : NULL,
		.limit = cli_int(a, "limit", 0),
		.no_probe = cli_given(a, "no-probe"),
		.stale_only = !cli_given(a, "fresh"),
		.probe_anew = true, /* whoever asks now wants to know who is busy now */
	};
	if (s == ART_OK)
		s = cli_open_anywhere(c, &err);
	if (s == ART_OK)
		s = market_open(c, &scope, &m, &err);
	q = build_query(a, &scope);
	if (s == ART_OK)
		asked = market_discover(&m, &ask, &report, &asked_err);
	if (s == ART_OK && asked == ART_OK && *scope.skill && !ask.no_probe)
		s = probe_named(&m, &q, start, &report, &err);
	market_close(&m);
	/* Who could not be asked takes nothing away: what is known stays, and says how old it is. */
	if (s == ART_OK)
		s = worker_query(c->store, &q, &list, &err);
	if (s == ART_OK)
		s = refresh_sources(c, &report.sources, &err);
	if (s == ART_OK) {
		print_list(c, a, &scope.chains, &q, &list);
		if (cli_given(a, "json"))
			print_sources(c, &report.sources, true);
		else
			print_report(c, &report);
	}
	worker_list_destroy(&list);
	market_report_destroy(&report);
	if (s != ART_OK)
		return cli_fail(&err);
	return asked == ART_OK ? CLI_DONE : cli_fail(&asked_err);
}

/* ---- workers --------------------------------------------------------------------------------------- */

static const struct action {
	const char *word, *done;
	enum worker_mark mark; /* where it is one */
	enum { ACTION_ADD, ACTION_REMOVE, ACTION_MARK } kind;
} actions[] = {
	{ "add", "added", WORKER_BAN, ACTION_ADD },
	{ "remove", "removed", WORKER_BAN, ACTION_REMOVE },
	{ "ban", "banned", WORKER_BAN, ACTION_MARK },
	{ "unban", "no longer banned", WORKER_UNBAN, ACTION_MARK },
	{ "pin", "pinned", WORKER_PIN, ACTION_MARK },
	{ "unpin", "no longer pinned", WORKER_UNPIN, ACTION_MARK },
	{ "release", "released from quarantine", WORKER_RELEASE, ACTION_MARK },
};

static const struct action *find_action(const char *word)
{
	for (size_t i = 0; i < ART_COUNT(actions); i++)
		if (strcmp(actions[i].word, word) == 0)
			return &actions[i];
	return NULL;
}

/* "7", "#7", or a URL in any of the forms that mean the same endpoint. */
static enum art_status find_worker(struct cli *c, const char *word, struct worker_row *out,
				   struct art_err *err)
{
	char url[WORKER_URL_MAX];

	if (strstr(word, "://")) {
		enum art_status s = market_endpoint(word, url, err);

		if (s != ART_OK)
			return s;
		word = url;
	}
	return worker_find_text(c->store, word, out, err);
}

static enum art_status act(struct cli *c, const struct cli_args *a, const struct market_scope *scope,
			   const struct action *act, struct worker_row *w, bool *gone, struct art_err *err)
{
	struct market m = { .store = c->store, .config = c->config, .chains = &scope->chains };
	const char *word = a->operands[1];
	int64_t id;
	enum art_status s;

	*gone = false;
	if (act->kind == ACTION_ADD) {
		s = market_add(&m, word, &id, err);
		return s ? s : worker_find(c->store, id, w, err);
	}
	s = find_worker(c, word, w, err);
	if (s == ART_OK && act->kind == ACTION_REMOVE) {
		*gone = true;
		return worker_remove(c->store, w->id, err);
	}
	if (s == ART_OK)
		s = worker_mark(c->store, w->id, act->mark, cli_text(a, "note", NULL), err);
	return s ? s : worker_find(c->store, w->id, w, err);
}

static int change_worker(struct cli *c, const struct cli_args *a, const struct market_scope *scope,
			 const struct action *what)
{
	struct worker_row w = { 0 };
	struct art_buf b;
	struct json_out o;
	struct art_err err;
	char line[WORKER_URL_MAX + 64];
	bool gone;
	enum art_status s = cli_open_anywhere(c, &err);

	if (s == ART_OK)
		s = act(c, a, scope, what, &w, &gone, &err);
	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s != ART_OK)
		return cli_fail(&err);
	if (!cli_given(a, "json")) {
		snprintf(line, sizeof(line), "worker %lld %s: %s", (long long)w.id, what->done, w.url);
		cli_print_text(c, line, false);
		if (what->kind == ACTION_ADD)
			fprintf(c->out, "artui probe %lld asks whether it answers, and its price\n",
				(long long)w.id);
		return CLI_DONE;
	}
	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	if (gone) {
		json_open_object(&o, NULL);
		json_put_int(&o, "id", w.id);
		json_put_str(&o, "endpoint", w.url);
		json_put_bool(&o, "removed", true);
		json_close_object(&o);
	} else {
		worker_json(&o, NULL, &w);
	}
	cli_print_json(c, &b);
	art_buf_destroy(&b);
	return CLI_DONE;
}

static const char *check_words(const struct cli_args *a, const struct action **what)
{
	static const char *const filters[] = { "all", "alive", "chain", "skill", "match", "sort", "limit" };

	*what = NULL;
	if (!a->n_operands)
		return cli_given(a, "note") ? "--note goes with ban, pin and the like" : NULL;
	*what = find_action(a->operands[0]);
	if (!*what)
		return "there is add URL, and remove, ban, unban, pin, unpin, release with an ID";
	if (a->n_operands < 2)
		return (*what)->kind == ACTION_ADD ? "add needs a URL" : "which worker? Its ID is missing";
	if (cli_given(a, "note") && (*what)->kind != ACTION_MARK)
		return "--note goes with ban, pin and the like";
	for (size_t i = 0; i < ART_COUNT(filters); i++)
		if (cli_given(a, filters[i]))
			return "--all, --alive, --chain, --skill, --match, --sort and --limit belong to the list";
	return NULL;
}

int cmd_workers(struct cli *c, const struct cli_args *a)
{
	struct market_scope scope;
	struct worker_list list = { 0 };
	struct worker_query q;
	const struct action *what;
	const char *wrong = check_words(a, &what);
	struct art_err err;
	enum art_status s;

	if (wrong)
		return cli_usage(a->command, "%s", wrong);
	s = market_scope_open(c, a, &scope, &err);
	if (s == ART_OK) {
		q = build_query(a, &scope);
		if (!art_copy(q.match, sizeof(q.match), cli_text(a, "match", "")))
			s = art_fail(&err, ART_INVALID, "--match is longer than %zu bytes", sizeof(q.match) - 1);
	}
	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s != ART_OK)
		return cli_fail(&err);
	if (what)
		return change_worker(c, a, &scope, what);
	s = cli_open_anywhere(c, &err);
	if (s == ART_OK)
		s = worker_query(c->store, &q, &list, &err);
	if (s == ART_OK)
		print_list(c, a, &scope.chains, &q, &list);
	worker_list_destroy(&list);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* ---- probe ----------------------------------------------------------------------------------------- */

/* Of an endpoint that is on no list: the same questions, and nothing is stored. */
static enum art_status probe_unlisted(struct market *m, const char *endpoint, struct worker_probe *p,
				      struct art_err *err)
{
	char *url = art_alloc(HTTP_URL_MAX, 1);
	enum art_status s = ART_OK;

	for (int which = 0; which < PROBE_QUESTIONS && s == ART_OK; which++) {
		struct http_request q = { 0 };
		struct http_response r;
		struct art_err why = { 0 };
		enum art_status answered;

		s = probe_request(which, endpoint, url, &q, err);
		if (s != ART_OK)
			break;
		q.deadline_ms = config_int(m->config, CONFIG_MARKET_DEADLINE_S_KEY) * 1000;
		/* Who types an address of their own network means it; where it redirects to is a stranger's word. */
		q.redirects_public = !config_bool(m->config, CONFIG_NET_ALLOW_PRIVATE_KEY);
		http_response_init(&r);
		answered = http_call(m->http, &q, &r, NULL, &why);
		probe_take(p, which, answered, &r, &why, endpoint, m->chains,
			   config_int(m->config, CONFIG_PAY_MAX_WINDOW_S_KEY));
		http_response_destroy(&r);
		/* A dead one is not asked twice more. */
		if (which == PROBE_EXPERIMENT && p->alive != WORKER_ALIVE)
			break;
	}
	p->at = art_now_us();
	free(url);
	return s;
}

static void print_field(struct cli *c, const char *label, const char *value)
{
	if (!*value)
		return;
	fprintf(c->out, "%-10s ", label);
	cli_print_text(c, value, false);
}

static void print_probe(struct cli *c, const struct chains *chains, const struct worker_row *w)
{
	const struct worker_probe *p = &w->probe;
	char text[512], money[MONEY_TEXT], warning[WARNING_TEXT];

	print_field(c, "Endpoint", w->url);
	if (p->alive == WORKER_ALIVE)
		snprintf(text, sizeof(text), "alive%s, answered %d in %.0f ms",
			 p->busy_known ? p->busy ? ", busy" : ", idle" : "", p->status,
			 (double)p->latency_us / 1000);
	else
		snprintf(text, sizeof(text), "dead: %s", p->error[0] ? p->error : "no answer");
	print_field(c, "State", text);
	if (p->priced) {
		snprintf(text, sizeof(text), "%s USDC on %s for %s (x402 version %d, valid %lld s%s)",
			 usdc_text(p->price, money), network_text(chains, p->network), p->pay_to, p->x402_version,
			 (long long)p->max_timeout_s, p->upfront ? ", before the work is done" : "");
		print_field(c, "Price", text);
		snprintf(text, sizeof(text), "%s%s", p->payable ? "yes" : "no: ",
			 p->payable ? "" : p->error[0] ? p->error : "none of its offers can be taken");
		print_field(c, "Payable", text);
	} else if (p->alive == WORKER_ALIVE && p->free_of_charge) {
		print_field(c, "Price", "none: it would run an experiment for nothing");
	}
	if (p->alive == WORKER_ALIVE && p->error[0] && (!p->priced || p->payable))
		print_field(c, "Odd", p->error);
	print_field(c, "GPU", p->gpu);
	print_field(c, "Class", p->class_text);
	print_field(c, "Version", p->version);
	if (w->id) {
		snprintf(text, sizeof(text), "as worker %lld", (long long)w->id);
		print_field(c, "Listed", text);
	} else {
		print_field(c, "Listed", "no; artui workers add puts it on the list");
	}
	print_field(c, "Warning", payee_warning(w, warning));
}

int cmd_probe(struct cli *c, const struct cli_args *a)
{
	struct market_scope scope;
	struct market m = { 0 };
	struct worker_row w = { 0 };
	struct art_err err;
	struct art_buf b;
	struct json_out o;
	const char *word = a->operands[0];
	char url[WORKER_URL_MAX] = "";
	enum art_status s = market_chains_open(c, &scope, &err);

	if (s == ART_OK && strstr(word, "://"))
		s = market_endpoint(word, url, &err);
	else if (s == ART_OK && strspn(word, "#0123456789") != strlen(word))
		s = art_fail(&err, ART_INVALID, "'%.60s' is neither a URL nor a worker's number", word);
	if (s == ART_INVALID)
		return cli_usage(a->command, "%s", err.text);
	if (s == ART_OK)
		s = cli_open_anywhere(c, &err);
	if (s == ART_OK)
		s = worker_find_text(c->store, *url ? url : word, &w, &err);
	if (s == ART_OK || (s == ART_NOT_FOUND && *url)) {
		bool listed = s == ART_OK;

		s = market_open(c, &scope, &m, &err);
		if (s == ART_OK && listed) {
			s = market_probe(&m, &w.id, 1, &err);
			s = s ? s : worker_find(c->store, w.id, &w, &err);
		} else if (s == ART_OK) {
			art_copy(w.url, sizeof(w.url), url);
			s = probe_unlisted(&m, url, &w.probe, &err);
		}
	}
	market_close(&m);
	if (s != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json")) {
		art_buf_init(&b, CLI_JSON_MAX);
		json_out_init(&o, &b, true);
		worker_json(&o, NULL, &w);
		cli_print_json(c, &b);
		art_buf_destroy(&b);
	} else {
		print_probe(c, &scope.chains, &w);
	}
	return w.probe.alive == WORKER_ALIVE ? CLI_DONE : CLI_FAILED;
}
