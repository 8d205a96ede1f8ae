/*
 * market_paper.c - workers, agents and sources as JSON and as text for people.
 *
 * Layer: tui. Reads rows alone.
 */
#include <stdio.h>
#include <string.h>

#include "core/market/trust.h"
#include "core/research/report.h"
#include "tui/cli/cli_market.h"

const char *age_text(int64_t at_us, char buf[AGE_TEXT])
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} steps[] = { { 120, 1, "s" }, { 7200, 60, "min" }, { 172800, 3600, "h" }, { INT64_MAX, 86400, "d" } };
	int64_t age = (art_now_us() - at_us) / 1000000;
	size_t i = 0;

	if (!at_us) {
		art_copy(buf, AGE_TEXT, "never");
		return buf;
	}
	if (age < 2) { /* a clock that ran ahead is not worth a word */
		art_copy(buf, AGE_TEXT, "just now");
		return buf;
	}
	while (age >= steps[i].below)
		i++;
	snprintf(buf, AGE_TEXT, "%lld %s ago", (long long)(age / steps[i].unit), steps[i].name);
	return buf;
}

const char *best_text(const struct worker_row *w, char buf[BEST_TEXT])
{
	char age[AGE_TEXT];

	if (w->verified_bpb.known)
		snprintf(buf, BEST_TEXT, "%.4f verified %s", w->verified_bpb.v, age_text(w->verified_at, age));
	else if (w->claimed_bpb.known && w->claimed_at)
		snprintf(buf, BEST_TEXT, "%.4f claimed %s", w->claimed_bpb.v, age_text(w->claimed_at, age));
	else if (w->claimed_bpb.known)
		snprintf(buf, BEST_TEXT, "%.4f claimed", w->claimed_bpb.v);
	else
		art_copy(buf, BEST_TEXT, "-");
	return buf;
}

const char *payee_warning(const struct worker_row *w, char buf[WARNING_TEXT])
{
	char age[AGE_TEXT];

	buf[0] = 0;
	if (w->pay_to_changed_at)
		snprintf(buf, WARNING_TEXT, "its payee changed %s, from %s to %s", age_text(w->pay_to_changed_at, age),
			 w->pay_to_before, w->probe.pay_to);
	else if (w->wallet_differs)
		snprintf(buf, WARNING_TEXT, "it asks for money to %s, and its agent's wallet is %s", w->probe.pay_to,
			 w->wallet);
	return buf;
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void put_text(struct json_out *o, const char *key, const char *v)
{
	json_put_str(o, key, *v ? v : NULL);
}

static void put_usd(struct json_out *o, const char *key, bool known, struct usdc v)
{
	if (known)
		json_put_f64(o, key, (double)usdc_to_micro(v) / 1e6);
	else
		json_put_null(o, key);
}

static void put_known(struct json_out *o, const char *key, bool known, bool v)
{
	if (known)
		json_put_bool(o, key, v);
	else
		json_put_null(o, key);
}

static void put_number(struct json_out *o, const char *key, int64_t v)
{
	if (v)
		json_put_int(o, key, v);
	else
		json_put_null(o, key);
}

void words_json(struct json_out *o, const char *key, const char *words)
{
	char word[256];

	json_open_array(o, key);
	for (const char *p = words; *(p += strspn(p, " "));) {
		size_t n = strcspn(p, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		json_put_str(o, NULL, word);
		p += n;
	}
	json_close_array(o);
}

void agent_id_json(struct json_out *o, const char *key, uint64_t chain_id, const char *token_id)
{
	char id[128];

	snprintf(id, sizeof(id), "%llu:%s", (unsigned long long)chain_id, token_id);
	json_put_str(o, key, chain_id && *token_id ? id : NULL);
}

static void trust_json(struct json_out *o, const struct worker_trust *t)
{
	int64_t now = art_now_us();
	char words[32], why[96] = "";
	bool allowed = trust_allows(t, now, why);

	worker_trust_text(t, now, words);
	json_open_object(o, "trust");
	json_put_f64(o, "score", trust_score(t, now));
	json_put_str(o, "text", words);
	json_put_bool(o, "allowed", allowed);
	put_text(o, "why_not", allowed ? "" : why);
	json_put_int(o, "runs", t->runs);
	json_put_int(o, "succeeded", t->succeeded);
	json_put_int(o, "reproduced", t->reproduced);
	json_put_int(o, "refuted", t->refuted);
	json_put_int(o, "paid_failed", t->paid_failed);
	put_usd(o, "spent_usd", true, t->spent);
	json_put_opt_f64(o, "price_per_result_usd", trust_price_per_result(t));
	json_put_opt_f64(o, "median_latency_s", t->median_latency_s);
	json_put_int(o, "failures", t->failures);
	json_put_time(o, "quarantine_until", t->quarantine_until);
	json_put_bool(o, "banned", t->banned);
	json_put_bool(o, "pinned", t->pinned);
	put_text(o, "note", t->note);
	json_close_object(o);
}

static void probe_json(struct json_out *o, const struct worker_probe *p)
{
	json_open_object(o, "probe");
	json_put_time(o, "at", p->at);
	put_number(o, "status", p->status);
	if (p->at && p->status)
		json_put_f64(o, "latency_s", (double)p->latency_us / 1e6);
	else
		json_put_null(o, "latency_s");
	put_text(o, "error", p->error);
	put_text(o, "gpu", p->gpu);
	json_put_opt_f64(o, "gpu_mem_mb", p->gpu_mem_mb);
	put_text(o, "class", p->class_text);
	put_text(o, "version", p->version);
	put_text(o, "data_sha256", p->data_sha256);
	put_text(o, "evaluator_sha256", p->evaluator_sha256);
	json_put_opt_f64(o, "budget_s", p->budget_s);
	json_put_opt_f64(o, "queue_length", p->queue_length);
	json_put_opt_f64(o, "queue_max", p->queue_max);
	json_put_bool(o, "async", p->async);
	json_close_object(o);
}

/* What it asks for, as its newest probe measured it. */
static void price_json(struct json_out *o, const struct worker_probe *p)
{
	bool free = p->alive == WORKER_ALIVE && p->free_of_charge;
	char amount[32];

	put_known(o, "free", p->alive == WORKER_ALIVE, p->free_of_charge);
	put_usd(o, "price_usd", p->priced || free, free && !p->priced ? usdc_zero() : p->price);
	snprintf(amount, sizeof(amount), "%lld", (long long)usdc_to_micro(p->price));
	json_put_str(o, "price", p->priced ? amount : NULL);
	put_known(o, "payable", p->priced, p->payable);
	put_text(o, "network", p->network);
	put_text(o, "asset", p->asset);
	put_text(o, "pay_to", p->pay_to);
	put_number(o, "x402_version", p->x402_version);
	put_number(o, "max_timeout_s", p->max_timeout_s);
	put_known(o, "upfront", p->priced, p->upfront);
}

static void payee_json(struct json_out *o, const struct worker_row *w)
{
	char warning[WARNING_TEXT];

	json_put_str(o, "pay_to_before", w->pay_to_before[0] ? w->pay_to_before : NULL);
	json_put_time(o, "pay_to_changed_at", w->pay_to_changed_at);
	json_put_bool(o, "wallet_differs", w->wallet_differs);
	put_text(o, "warning", payee_warning(w, warning));
}

void worker_json(struct json_out *o, const char *key, const struct worker_row *w)
{
	json_open_object(o, key);
	json_put_int(o, "id", w->id);
	put_text(o, "name", w->name);
	json_put_str(o, "endpoint", w->url);
	agent_id_json(o, "agent_id", w->chain_id, w->token_id);
	put_number(o, "chain_id", (int64_t)w->chain_id);
	words_json(o, "skills", w->skills);
	words_json(o, "sources", w->sources);
	json_put_bool(o, "matches", w->matches);
	json_put_bool(o, "x402", w->x402);
	put_known(o, "alive", w->probe.alive != WORKER_UNTRIED, w->probe.alive == WORKER_ALIVE);
	put_known(o, "busy", w->probe.busy_known, w->probe.busy);
	price_json(o, &w->probe);
	put_text(o, "wallet", w->wallet);
	payee_json(o, w);
	put_text(o, "gpu", w->gpu);
	json_put_opt_f64(o, "claimed_best", w->claimed_bpb);
	json_put_time(o, "claimed_at", w->claimed_at);
	json_put_opt_f64(o, "verified_best", w->verified_bpb);
	json_put_time(o, "verified_at", w->verified_at);
	put_text(o, "verified_class", w->verified_class);
	json_put_time(o, "added_at", w->added_at);
	json_put_time(o, "seen_at", w->seen_at);
	probe_json(o, &w->probe);
	trust_json(o, &w->trust);
	json_close_object(o);
}

void agent_json_members(struct json_out *o, const struct agent_row *r)
{
	agent_id_json(o, "agent_id", r->key.chain_id, r->key.token_id);
	json_put_int(o, "id", r->id);
	json_put_int(o, "chain_id", (int64_t)r->key.chain_id);
	put_text(o, "registry", r->key.registry);
	json_put_str(o, "token_id", r->key.token_id);
	put_text(o, "name", r->name);
	put_text(o, "owner", r->owner);
	put_text(o, "wallet", r->wallet);
	put_text(o, "uri", r->uri);
	words_json(o, "skills", r->skills);
	words_json(o, "sources", r->sources);
	json_put_bool(o, "matches", r->matches);
	json_put_bool(o, "x402", r->x402);
	put_known(o, "active", r->active_known, r->active);
	put_text(o, "gpu", r->gpu);
	json_put_opt_f64(o, "claimed_best", r->claimed_bpb);
	json_put_time(o, "claimed_at", r->claimed_at);
	json_open_object(o, "8004scan");
	json_put_opt_f64(o, "score", r->score);
	json_put_opt_f64(o, "feedbacks", r->feedbacks);
	json_put_time(o, "as_of", r->scored_at);
	json_close_object(o);
	put_text(o, "broken", r->broken);
	json_put_time(o, "document_at", r->document_at);
	json_put_time(o, "created_at", r->created_at);
	json_put_time(o, "seen_at", r->seen_at);
}

void print_workers_json(struct cli *c, const struct worker_list *l)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++) {
		worker_json(&o, NULL, &l->rows[i]);
		/* Out as it grows: ten thousand workers need not be in memory twice. */
		fwrite(b.data, 1, b.len, c->out);
		art_buf_reset(&b);
	}
	cli_array_close(c, &o);
}

/* ---- for people ---------------------------------------------------------------------------------- */

static enum cli_colour worker_colour(const struct worker_row *w)
{
	if (w->trust.banned)
		return CLI_DIM;
	switch (w->probe.alive) {
	case WORKER_ALIVE:
		return w->pay_to_changed_at || w->wallet_differs ? CLI_YELLOW
		       : w->probe.busy_known && w->probe.busy     ? CLI_PLAIN
								  : CLI_GREEN;
	case WORKER_DEAD:
		return CLI_DIM;
	case WORKER_UNTRIED:
		break;
	}
	return CLI_PLAIN;
}

/* "alive 3 min ago": what the newest probe found, and when. */
static void state_text(const struct worker_probe *p, char *buf, size_t n)
{
	char age[AGE_TEXT];
	const char *word = "not tried";

	switch (p->alive) {
	case WORKER_ALIVE:
		word = p->busy_known ? p->busy ? "busy" : "idle" : "alive";
		break;
	case WORKER_DEAD:
		word = "dead";
		break;
	case WORKER_UNTRIED:
		break;
	}
	if (p->at)
		snprintf(buf, n, "%s, %s", word, age_text(p->at, age));
	else
		snprintf(buf, n, "%s", word);
}

static void price_text(const struct worker_probe *p, char *buf, size_t n)
{
	char money[MONEY_TEXT];

	if (p->priced)
		snprintf(buf, n, "%s%s", usdc_text(p->price, money), p->payable ? "" : ", not payable");
	else
		snprintf(buf, n, "%s", p->alive == WORKER_ALIVE && p->free_of_charge ? "free" : "-");
}

static void print_warnings(struct cli *c, const struct worker_list *l)
{
	char warning[WARNING_TEXT], line[WARNING_TEXT + 64];

	for (size_t i = 0; i < l->n; i++) {
		if (!*payee_warning(&l->rows[i], warning))
			continue;
		snprintf(line, sizeof(line), "warning: worker %lld: %s", (long long)l->rows[i].id, warning);
		fputs(cli_on(c, CLI_YELLOW), c->out);
		cli_print_text(c, line, false);
		fputs(cli_off(c), c->out);
	}
}

const char *network_text(const struct chains *chains, const char *network)
{
	const struct chain *chain = *network ? chains_by_network(chains, network) : NULL;

	return chain ? chain->name : *network ? network : "-";
}

void print_workers(struct cli *c, const struct chains *chains, const struct worker_list *l)
{
	static const struct cli_column columns[] = {
		{ "ID", true, 0, 0 },        { "NAME", false, 16, 0 },     { "STATE", false, 0, 0 },
		{ "USDC", true, 0, 0 },      { "CHAIN", false, 0, 6 },     { "GPU", false, 10, 7 },
		{ "VAL_BPB", false, 0, 4 },  { "TRUST", false, 0, 2 },     { "AGENT", false, 10, 8 },
		{ "SOURCES", false, 10, 9 }, { "ENDPOINT", false, 20, 3 },
	};
	struct cli_table t;
	char state[48], price[MONEY_TEXT + 16], best[BEST_TEXT], trust[32];
	int64_t now = art_now_us();

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct worker_row *w = &l->rows[i];

		worker_trust_text(&w->trust, now, trust);
		state_text(&w->probe, state, sizeof(state));
		price_text(&w->probe, price, sizeof(price));
		cli_table_row(&t, worker_colour(w));
		cli_table_cell(&t, "%lld", (long long)w->id);
		cli_table_cell(&t, "%s", w->name[0] ? w->name : "-");
		cli_table_cell(&t, "%s", state);
		cli_table_cell(&t, "%s", price);
		cli_table_cell(&t, "%s", network_text(chains, w->probe.network));
		cli_table_cell(&t, "%s", w->gpu[0] ? w->gpu : "-");
		cli_table_cell(&t, "%s", best_text(w, best));
		cli_table_cell(&t, "%s", trust);
		if (w->token_id[0])
			cli_table_cell(&t, "%llu:%s", (unsigned long long)w->chain_id, w->token_id);
		else
			cli_table_cell(&t, "-");
		cli_table_cell(&t, "%s", w->sources);
		cli_table_cell(&t, "%s", w->url);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
	print_warnings(c, l);
}

const char *source_text(const struct source_row *s, char buf[SOURCE_TEXT])
{
	int64_t wait = s->held_until - art_now_us();
	char age[AGE_TEXT], bad[48] = "", again[64] = "", left[FIGURE_TEXT], rows[32];

	snprintf(rows, sizeof(rows), "%lld row%s", (long long)s->rows, s->rows == 1 ? "" : "s");
	if (s->bad)
		snprintf(bad, sizeof(bad), ", %lld bad", (long long)s->bad);
	if (wait > 0)
		snprintf(again, sizeof(again), " (in %s)", figure_duration((double)(wait / 1000000 + 1), left));
	if (!s->failures && !s->ok_at)
		snprintf(buf, SOURCE_TEXT, "%s: being asked", s->name);
	else if (!s->failures) /* a text is then a remark, of the first bad row for example */
		snprintf(buf, SOURCE_TEXT, "%s: %s%s, %s%s%s", s->name, rows, bad, age_text(s->ok_at, age),
			 s->error[0] ? "; " : "", s->error);
	else if (s->ok_at)
		snprintf(buf, SOURCE_TEXT, "%s: %s%s; %s%s from %s", s->name, s->error, again, rows, bad,
			 age_text(s->ok_at, age));
	else
		snprintf(buf, SOURCE_TEXT, "%s: %s%s; it never answered so far", s->name, s->error, again);
	return buf;
}
