/*
 * panel_market.c - the workers one can buy from: price, state, trust; and all that is known of one of
 * them. See ui.h.
 *
 * The list holds a window of rows, whatever their number. What strangers say and what we measured stand
 * apart: the list shows our own probes and dealings, the details name the origin and age of the rest.
 */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#include "store/agents.h"
#include "tui/screen/view_doc.h"

#define HEAD_ROWS 3      /* heading, what is shown, column titles */
#define SOURCE_ROWS_MIN 14 /* of the body: with fewer the sources get one line */
#define LABEL_COLUMNS 17
#define OTHERS_MAX 16    /* further endpoints of an agent */

struct market {
	struct list list;
	struct worker_list rows; /* of the window */
	int64_t first;
	bool changed;            /* what is asked for differs from what rows were */
	enum worker_sort sort;
	bool reverse, all, dead;
	uint64_t chain;
	char match[64];
	struct source_list sources;

	bool open;               /* one worker or agent is shown */
	int64_t worker_id, agent_id; /* which */
	enum panel_id from;      /* where back leads */
	bool loaded, has_worker, has_agent;
	struct worker_row worker;
	struct agent_row agent;
	struct agent_facts facts;
	struct worker_list others; /* the agent's endpoints, the one shown included */
	struct doc doc;
};

enum { C_MARK, C_NAME, C_PRICE, C_STATE, C_LATENCY, C_TRUST, C_GPU, C_CHAIN, C_PAYEE, C_AGE, C_CLAIM, C_COUNT };
static const struct column columns[C_COUNT] = {
	[C_MARK] = { .title = "", .width = 1, .sort = -1 },
	[C_NAME] = { .title = "worker", .width = 14, .flexible = true, .sort = WORKERS_BY_NAME },
	[C_PRICE] = { .title = "USDC", .width = 6, .right = true, .sort = WORKERS_BY_PRICE },
	[C_STATE] = { .title = "state", .width = 7, .priority = 1, .sort = -1 },
	[C_LATENCY] = { .title = "latency", .width = 8, .priority = 5, .right = true,
			.sort = WORKERS_BY_LATENCY },
	[C_TRUST] = { .title = "trust", .width = 12, .priority = 2, .sort = WORKERS_BY_TRUST },
	[C_GPU] = { .title = "GPU", .width = 9, .priority = 4, .sort = -1 },
	[C_CHAIN] = { .title = "chain", .width = 12, .priority = 7, .sort = -1 },
	[C_PAYEE] = { .title = "payee", .width = 7, .priority = 3, .sort = -1 },
	[C_AGE] = { .title = "probed", .width = 6, .priority = 6, .right = true, .sort = -1 },
	[C_CLAIM] = { .title = "claimed", .width = 8, .priority = 8, .right = true,
		      .sort = WORKERS_BY_CLAIM },
};
static const enum worker_sort sort_order[] = { WORKERS_BY_TRUST, WORKERS_BY_PRICE, WORKERS_BY_LATENCY,
					       WORKERS_BY_NAME, WORKERS_BY_CLAIM };

static void *market_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct market));
}

static void market_close(void *data)
{
	struct market *m = data;

	worker_list_destroy(&m->rows);
	worker_list_destroy(&m->others);
	source_list_destroy(&m->sources);
	agent_facts_destroy(&m->facts);
	doc_destroy(&m->doc);
	free(m);
}

bool market_is_open(const void *data)
{
	return ((const struct market *)data)->open;
}

static void show(struct market *m, int64_t worker_id, int64_t agent_id, enum panel_id from)
{
	m->open = true;
	m->loaded = false;
	m->worker_id = worker_id;
	m->agent_id = agent_id;
	m->from = from;
	m->doc.list.sel = m->doc.list.top = 0;
	m->doc.match[0] = '\0';
}

void ui_show_worker(struct ui *ui, int64_t worker_id, int64_t agent_id)
{
	show(ui->data[PANEL_MARKET], worker_id, agent_id, ui->panel);
	ui->stale[PANEL_MARKET] |= UI_LOCAL;
	ui_show(ui, PANEL_MARKET);
}

/* ---- querying ------------------------------------------------------------------------------------- */

/* A source counts as failing by its last try alone. */
static const struct source_row *worst_source(const struct market *m, int *n)
{
	const struct source_row *worst = NULL;

	*n = 0;
	for (size_t i = 0; i < m->sources.n; i++) {
		const struct source_row *s = &m->sources.rows[i];

		if (!s->error[0])
			continue;
		++*n;
		if (!worst || s->failures > worst->failures)
			worst = s;
	}
	return worst;
}

static int source_rows(const struct ui *ui, const struct market *m)
{
	int n;

	return worst_source(m, &n) && ui->layout.area[AREA_BODY].rows >= SOURCE_ROWS_MIN ? 2 : 1;
}

static bool folded(const struct market *m)
{
	return !m->dead && m->rows.n_dead > 0;
}

static int visible(const struct ui *ui, const struct market *m)
{
	int rows = ui->layout.area[AREA_BODY].rows - HEAD_ROWS - source_rows(ui, m) - folded(m);

	return rows > 1 ? rows : 1;
}

static enum art_status query(struct ui *ui, struct market *m, struct worker_list *out,
			     struct art_err *err)
{
	struct worker_query q = { .sort = m->sort, .reverse = m->reverse, .all = m->all,
				  .not_dead = !m->dead, .chain_id = m->chain };

	q.offset = m->list.top;
	q.limit = visible(ui, m);
	art_copy(q.match, sizeof(q.match), m->match);
	return worker_query(ui->st, &q, out, err);
}

/* The rows in hand are those of the window. */
static bool at_hand(const struct ui *ui, const struct market *m)
{
	int64_t need = m->list.n - m->list.top;

	return !m->changed && m->first == m->list.top && m->rows.n > 0 &&
	       (int64_t)m->rows.n >= (need < visible(ui, m) ? need : visible(ui, m));
}

static enum art_status refresh_list(struct ui *ui, struct market *m, struct art_err *err)
{
	enum art_status rc = ART_OK;

	/* the number of rows, and of dead ones, may move the window: then once more */
	for (int pass = 0; pass < 2 && rc == ART_OK; pass++) {
		struct worker_list got = { 0 };
		int64_t top = m->list.top;
		int rows = visible(ui, m);

		rc = query(ui, m, &got, err);
		if (rc != ART_OK) {
			worker_list_destroy(&got);
			return rc;
		}
		worker_list_destroy(&m->rows);
		m->rows = got;
		m->first = top;
		list_resize(&m->list, got.total, visible(ui, m));
		if (m->list.top == top && visible(ui, m) <= rows)
			break;
	}
	m->changed = false;
	return rc;
}

static enum art_status refresh_sources(struct ui *ui, struct market *m, struct art_err *err)
{
	struct source_list got = { 0 };
	enum art_status rc = source_list(ui->st, &got, err);

	if (rc != ART_OK) {
		source_list_destroy(&got);
		return rc;
	}
	source_list_destroy(&m->sources);
	m->sources = got;
	return ART_OK;
}

static enum art_status load_agent(struct ui *ui, struct market *m, struct art_err *err)
{
	struct agent_facts got = { 0 };
	enum art_status rc;

	agent_facts_destroy(&m->facts);
	m->facts = (struct agent_facts){ 0 };
	m->has_agent = false;
	if (!m->agent_id)
		return ART_OK;
	rc = agent_find(ui->st, m->agent_id, &m->agent, err);
	if (rc == ART_NOT_FOUND)
		return ART_OK;
	if (rc == ART_OK)
		rc = agent_facts(ui->st, m->agent_id, &got, err);
	if (rc != ART_OK) {
		agent_facts_destroy(&got);
		return rc;
	}
	m->facts = got;
	m->has_agent = true;
	return ART_OK;
}

/* The worker asked for and its agent, or the agent asked for and its best endpoint. */
static enum art_status load(struct ui *ui, struct market *m, struct art_err *err)
{
	struct worker_query q = { .all = true, .agent_id = m->agent_id, .limit = OTHERS_MAX };
	struct worker_list got = { 0 };
	enum art_status rc = ART_OK;

	m->has_worker = false;
	if (m->worker_id) {
		rc = worker_find(ui->st, m->worker_id, &m->worker, err);
		m->has_worker = rc == ART_OK;
		rc = rc == ART_NOT_FOUND ? ART_OK : rc;
		m->agent_id = m->has_worker ? m->worker.agent_id : 0;
		q.agent_id = m->agent_id;
	}
	if (rc == ART_OK)
		rc = load_agent(ui, m, err);
	if (rc == ART_OK && q.agent_id)
		rc = worker_query(ui->st, &q, &got, err);
	if (rc != ART_OK) {
		worker_list_destroy(&got);
		return rc;
	}
	worker_list_destroy(&m->others);
	m->others = got;
	if (!m->has_worker && got.n > 0) {
		m->worker = got.rows[0];
		m->has_worker = true;
	}
	m->loaded = true;
	return ART_OK;
}

/* ---- the details ------------------------------------------------------------------------------------ */

static enum theme_role state_role(const struct worker_row *w)
{
	if (w->trust.banned || w->probe.alive == WORKER_UNTRIED)
		return ROLE_DIM;
	if (w->probe.alive == WORKER_DEAD)
		return ROLE_BAD;
	return w->probe.busy_known && w->probe.busy ? ROLE_LIVE : ROLE_GOOD;
}

static const char *state_text(const struct worker_row *w)
{
	switch (w->probe.alive) {
	case WORKER_UNTRIED:
		return "untried";
	case WORKER_DEAD:
		return "dead";
	case WORKER_ALIVE:
		break;
	}
	return w->probe.busy_known && w->probe.busy ? "busy" : "alive";
}

static const char *state_glyph(const struct glyphs *g, const struct worker_row *w)
{
	if (w->probe.alive == WORKER_UNTRIED)
		return g->waiting;
	if (w->probe.alive == WORKER_DEAD)
		return g->failed;
	return w->probe.busy_known && w->probe.busy ? g->live : g->idle;
}

static const char *payee_text(const struct worker_row *w)
{
	if (w->pay_to_changed_at)
		return "changed";
	if (w->wallet_differs)
		return "differs";
	return w->wallet[0] && w->probe.pay_to[0] ? "wallet" : "";
}

static bool payee_odd(const struct worker_row *w)
{
	return w->pay_to_changed_at || w->wallet_differs;
}

static const char *price_text(const struct ui *ui, const struct worker_row *w, char buf[MONEY_TEXT])
{
	if (w->probe.free_of_charge)
		return "free";
	return w->probe.priced ? usdc_text(w->probe.price, buf) : ui->g->unknown;
}

/* The chain one would pay on, else the agent's. */
static uint64_t chain_of(const struct worker_row *w)
{
	int64_t id;

	if (!strncmp(w->probe.network, "eip155:", 7) && art_parse_i64(w->probe.network + 7, &id) && id > 0)
		return (uint64_t)id;
	return w->chain_id;
}

static const char *latency_text(const struct ui *ui, const struct worker_row *w, char buf[FMT_MAX])
{
	if (w->probe.alive != WORKER_ALIVE || w->probe.latency_us <= 0)
		snprintf(buf, FMT_MAX, "%s", ui->g->unknown);
	else if (w->probe.latency_us < 10000000)
		snprintf(buf, FMT_MAX, "%lld ms", (long long)(w->probe.latency_us / 1000));
	else
		snprintf(buf, FMT_MAX, "%lld s", (long long)(w->probe.latency_us / 1000000));
	return buf;
}

static void add_offer(struct ui *ui, struct market *m)
{
	const struct worker_row *w = &m->worker;
	const struct worker_probe *p = &w->probe;
	struct doc *d = &m->doc;
	char price[MONEY_TEXT], text[FMT_MAX], age[FMT_MAX], status[32] = "", first[64] = "";

	doc_heading(d, "Measured by our probes");
	doc_wrapped(d, ROLE_TEXT, "endpoint", w->url);
	if (!p->at) {
		doc_wrapped(d, ROLE_DIM, "state", "never probed: v probes it");
		return;
	}
	if (p->status)
		snprintf(status, sizeof(status), ", HTTP %d", p->status);
	if (p->alive == WORKER_ALIVE)
		snprintf(first, sizeof(first), ", %s to the first byte", latency_text(ui, w, text));
	doc_wrappedf(d, state_role(w), "state", "%s, probed %s ago%s%s", state_text(w),
		     fmt_age(ui->g, p->at, age), status, first);
	if (p->error[0])
		doc_wrapped(d, p->alive == WORKER_DEAD ? ROLE_BAD : ROLE_WARN, "error", p->error);
	if (p->free_of_charge)
		doc_wrapped(d, ROLE_GOOD, "price", "free: it runs an experiment without payment");
	else if (p->priced)
		doc_wrappedf(d, p->payable ? ROLE_VALUE : ROLE_WARN, "price", "%s USDC on %s, x402 version %d%s%s",
			     usdc_text(p->price, price), fmt_chain(ui->g, chain_of(w), text), p->x402_version,
			     p->upfront ? ", paid in advance" : "",
			     p->payable ? "" : "; none of its offers can be taken by our settings");
	else
		doc_wrapped(d, ROLE_DIM, "price", "it named none");
	if (p->max_timeout_s)
		doc_wrappedf(d, ROLE_TEXT, "window", "%lld s to answer in", (long long)p->max_timeout_s);
	if (p->async)
		doc_wrapped(d, ROLE_TEXT, "answers", "later, when asked again (respond-async)");
}

static void add_payee(struct ui *ui, struct market *m)
{
	const struct worker_row *w = &m->worker;
	struct doc *d = &m->doc;
	char age[FMT_MAX];

	if (w->probe.pay_to[0])
		doc_wrapped(d, payee_odd(w) ? ROLE_WARN : ROLE_TEXT, "payee", w->probe.pay_to);
	if (w->pay_to_changed_at)
		doc_wrappedf(d, ROLE_WARN, "! changed", "%s ago; before it was %s",
			     fmt_age(ui->g, w->pay_to_changed_at, age), w->pay_to_before);
	if (w->wallet_differs)
		doc_wrappedf(d, ROLE_WARN, "! differs", "the agent's wallet on the chain is %s", w->wallet);
	else if (w->wallet[0])
		doc_wrapped(d, ROLE_TEXT, "wallet", w->wallet);
}

/* @ours: the hash that our own experiments use, "" none. */
static void add_hash(struct market *m, const char *label, const char *theirs, const char *ours)
{
	if (!theirs[0])
		return;
	doc_wrappedf(&m->doc, ROLE_TEXT, label, "%.16s%s", theirs,
		     !ours[0] ? "" : strcmp(theirs, ours) == 0 ? ", as ours" : ", other than ours");
}

static void add_told(struct ui *ui, struct market *m)
{
	const struct worker_row *w = &m->worker;
	const struct worker_probe *p = &w->probe;
	const struct class_row *class = &ui->facts.board.class;
	bool ours = ui->facts.board.has_class;
	struct doc *d = &m->doc;
	char text[FMT_MAX], age[FMT_MAX], queue[64];

	doc_heading(d, "What it tells of itself");
	if (p->gpu[0] || w->gpu[0])
		doc_wrapped(d, ROLE_TEXT, "GPU", p->gpu[0] ? p->gpu : w->gpu);
	if (p->gpu_mem_mb.known)
		doc_wrappedf(d, ROLE_TEXT, "memory", "%.0f MiB", p->gpu_mem_mb.v);
	if (p->class_text[0])
		doc_wrapped(d, ROLE_TEXT, "class", p->class_text);
	if (p->budget_s.known)
		doc_wrapped(d, ROLE_TEXT, "budget", fmt_seconds(ui->g, p->budget_s, text));
	if (p->queue_length.known) {
		snprintf(queue, sizeof(queue), "%.0f waiting", p->queue_length.v);
		if (p->queue_max.known)
			snprintf(queue, sizeof(queue), "%.0f of %.0f", p->queue_length.v, p->queue_max.v);
		doc_wrapped(d, ROLE_TEXT, "queue", queue);
	}
	add_hash(m, "data", p->data_sha256, ours ? class->data_sha256 : "");
	add_hash(m, "evaluator", p->evaluator_sha256, ours ? class->evaluator_sha256 : "");
	if (p->version[0])
		doc_wrapped(d, ROLE_TEXT, "version", p->version);
	if (w->skills[0])
		doc_wrapped(d, w->matches ? ROLE_TEXT : ROLE_DIM, "skills", w->skills);
	if (w->claimed_bpb.known)
		doc_wrappedf(d, ROLE_WARN, "claimed", "val_bpb %s, told %s ago and measured by nobody here",
			     fmt_bpb(ui->g, w->claimed_bpb, text), fmt_age(ui->g, w->claimed_at, age));
	if (d->lines[d->n - 1].role == ROLE_HEADING)
		doc_line(d, ROLE_DIM, "nothing");
}

static void add_trust(struct ui *ui, struct market *m)
{
	const struct worker_trust *t = &m->worker.trust;
	struct doc *d = &m->doc;
	char text[FMT_MAX], age[FMT_MAX], words[32], spent[MONEY_TEXT];

	worker_trust_text(t, art_now_us(), words);
	doc_heading(d, "Our own dealings with it");
	doc_wrapped(d, ROLE_VALUE, "trust", words);
	doc_wrappedf(d, ROLE_TEXT, "runs", "%lld handed over, %lld with a usable result", (long long)t->runs,
		     (long long)t->succeeded);
	doc_wrappedf(d, t->refuted ? ROLE_WARN : ROLE_TEXT, "checked", "%lld reproduced, %lld refuted",
		     (long long)t->reproduced, (long long)t->refuted);
	if (t->paid_failed)
		doc_wrappedf(d, ROLE_WARN, "lost", "%lld paid for without a usable result",
			     (long long)t->paid_failed);
	doc_wrappedf(d, ROLE_TEXT, "spent", "%s USDC", usdc_text(t->spent, spent));
	if (t->median_latency_s.known)
		doc_wrappedf(d, ROLE_TEXT, "took", "%s in the median",
			     fmt_seconds(ui->g, t->median_latency_s, text));
	if (t->failures)
		doc_wrappedf(d, ROLE_WARN, "failures", "%lld in a row", (long long)t->failures);
	if (t->quarantine_until > art_now_us())
		doc_wrappedf(d, ROLE_WARN, "quarantine", "for %s more; R releases it",
			     fmt_seconds(ui->g, OPT_F64((double)(t->quarantine_until - art_now_us()) / 1e6),
					 text));
	if (t->banned)
		doc_wrapped(d, ROLE_BAD, "banned", "by hand; B lifts it");
	if (t->note[0])
		doc_wrapped(d, ROLE_TEXT, "note", t->note);
	if (m->worker.verified_bpb.known)
		doc_wrappedf(d, ROLE_GOOD, "verified", "val_bpb %s, %s ago, %s",
			     fmt_bpb(ui->g, m->worker.verified_bpb, text),
			     fmt_age(ui->g, m->worker.verified_at, age), m->worker.verified_class);
}

static void add_agent(struct ui *ui, struct market *m)
{
	const struct agent_row *a = &m->agent;
	struct doc *d = &m->doc;
	char title[AGENT_TOKEN_MAX + 64], chain[FMT_MAX], text[FMT_MAX], told[FMT_MAX];

	snprintf(title, sizeof(title), "Agent %s of %s", a->key.token_id,
		 fmt_chain(ui->g, a->key.chain_id, chain));
	doc_heading(d, title);
	doc_wrapped(d, ROLE_DIM, "registry", a->key.registry);
	doc_wrappedf(d, ROLE_DIM, "seen", "first %s ago, last %s ago, by %s",
		     fmt_age(ui->g, a->created_at, text), fmt_age(ui->g, a->seen_at, told),
		     a->sources[0] ? a->sources : "nobody");
	if (a->broken[0])
		doc_wrappedf(d, ROLE_WARN, "document", "cannot be read: %s", a->broken);
	if (a->score.known)
		doc_wrappedf(d, ROLE_TEXT, "8004scan", "score %.1f, %.0f feedbacks, by its word of %s", a->score.v,
			     a->feedbacks.known ? a->feedbacks.v : 0, fmt_date(a->scored_at, text));
	for (size_t i = 0; i < m->facts.n; i++) {
		const struct agent_fact *f = &m->facts.rows[i];

		if (f->as_of)
			doc_wrappedf(d, ROLE_TEXT, f->key, "%s [%s %s ago, as of %s]", f->value,
				     fact_origin_text(f->origin), fmt_age(ui->g, f->at, text),
				     fmt_date(f->as_of, told));
		else
			doc_wrappedf(d, ROLE_TEXT, f->key, "%s [%s %s ago]", f->value,
				     fact_origin_text(f->origin), fmt_age(ui->g, f->at, text));
	}
	for (size_t i = 0; i < m->others.n; i++) {
		if (m->others.rows[i].id != m->worker.id)
			doc_wrapped(d, ROLE_DIM, "also", m->others.rows[i].url);
	}
}

static void build(struct ui *ui, struct market *m)
{
	doc_begin(&m->doc, ui->layout.area[AREA_BODY].cols, LABEL_COLUMNS);
	if (m->has_worker) {
		add_offer(ui, m);
		add_payee(ui, m);
		add_trust(ui, m);
		add_told(ui, m);
	}
	if (m->has_agent)
		add_agent(ui, m);
	if (m->doc.n == 0)
		doc_line(&m->doc, ROLE_WARN, "it is not known any more");
}

static int doc_rows(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - 1;

	return rows > 1 ? rows : 1;
}

static enum art_status market_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct market *m = data;
	enum art_status rc = ART_OK;

	if (m->open) {
		if (!m->loaded || (what & (TOPIC_WORKER | TOPIC_AGENT)))
			rc = load(ui, m, err);
		if (rc != ART_OK)
			return rc;
		build(ui, m);
		doc_fit(&m->doc, doc_rows(ui));
		/* the list is read when one comes back to it */
		m->changed = m->changed || (what & (TOPIC_WORKER | TOPIC_AGENT));
		return ART_OK;
	}
	if (m->changed || (what & TOPIC_AGENT))
		rc = refresh_sources(ui, m, err);
	list_resize(&m->list, m->list.n, visible(ui, m));
	if (rc == ART_OK && ((what & TOPIC_WORKER) || !at_hand(ui, m)))
		rc = refresh_list(ui, m, err);
	return rc;
}

/* ---- the list ------------------------------------------------------------------------------------------ */

static const struct worker_row *row_at(const struct market *m, int64_t index)
{
	if (index < m->first || index >= m->first + (int64_t)m->rows.n)
		return NULL;
	return &m->rows.rows[index - m->first];
}

static enum theme_role trust_role(const struct worker_trust *t)
{
	if (t->banned || t->quarantine_until > art_now_us())
		return ROLE_WARN;
	if (t->pinned)
		return ROLE_VALUE;
	if (t->refuted || t->paid_failed)
		return ROLE_WARN;
	return t->succeeded ? ROLE_GOOD : ROLE_DIM;
}

static void draw_row(struct ui *ui, struct rect r, int row, const int *widths, const struct worker_row *w)
{
	enum theme_role plain = w->trust.banned || w->probe.alive == WORKER_DEAD ? ROLE_DIM : ROLE_TEXT;
	char price[MONEY_TEXT], latency[FMT_MAX], trust[32], chain[FMT_MAX], age[FMT_MAX], claim[FMT_MAX];
	const char *text[C_COUNT];
	enum theme_role roles[C_COUNT];

	for (int i = 0; i < C_COUNT; i++)
		roles[i] = plain;
	worker_trust_text(&w->trust, art_now_us(), trust);
	text[C_MARK] = payee_odd(w) ? "!" : state_glyph(ui->g, w);
	text[C_NAME] = w->name[0] ? w->name : w->url;
	text[C_PRICE] = price_text(ui, w, price);
	text[C_STATE] = state_text(w);
	text[C_LATENCY] = latency_text(ui, w, latency);
	text[C_TRUST] = trust;
	text[C_GPU] = w->probe.gpu[0] ? w->probe.gpu : w->gpu;
	text[C_CHAIN] = fmt_chain(ui->g, chain_of(w), chain);
	text[C_PAYEE] = payee_text(w);
	text[C_AGE] = fmt_age(ui->g, w->probe.at, age);
	text[C_CLAIM] = w->claimed_bpb.known ? fmt_bpb(ui->g, w->claimed_bpb, claim) : "";
	roles[C_STATE] = state_role(w);
	roles[C_MARK] = payee_odd(w) ? ROLE_WARN : state_role(w);
	roles[C_PAYEE] = payee_odd(w) ? ROLE_WARN : ROLE_DIM;
	roles[C_TRUST] = trust_role(&w->trust);
	if (plain == ROLE_TEXT)
		roles[C_PRICE] = w->probe.payable || w->probe.free_of_charge ? ROLE_VALUE : ROLE_DIM;
	roles[C_LATENCY] = roles[C_CHAIN] = roles[C_AGE] = roles[C_CLAIM] = ROLE_DIM;
	draw_table_row(&ui->canvas, r, row, columns, C_COUNT, widths, text, roles);
}

static int sorted_column(const struct market *m)
{
	for (int i = 0; i < C_COUNT; i++) {
		if (columns[i].sort == (int)m->sort)
			return i;
	}
	return -1;
}

/* A word of a line, if it fits whole; where the next one begins. */
static int draw_word(struct ui *ui, struct rect r, int row, int x, enum theme_role role, const char *word)
{
	return x + art_text_columns(word) > r.cols ? x : x + draw_text(&ui->canvas, r, row, x, role, word) + 2;
}

/* What is shown and in which order; what narrows the list stands first, so that it shows on any screen. */
static void draw_filters(struct ui *ui, const struct market *m, struct rect r)
{
	static const char *const orders[] = {
		[WORKERS_BY_TRUST] = "trust", [WORKERS_BY_PRICE] = "price", [WORKERS_BY_NAME] = "name",
		[WORKERS_BY_LATENCY] = "latency", [WORKERS_BY_CLAIM] = "claim",
		[WORKERS_BY_VERIFIED] = "verified",
	};
	char chain[FMT_MAX], text[96];
	int x = 1;

	if (m->match[0]) {
		snprintf(text, sizeof(text), "matching \"%s\"", m->match);
		x += draw_text(&ui->canvas, r, 1, x, ROLE_VALUE, text) + 2;
	}
	if (m->chain) {
		snprintf(text, sizeof(text), "%s only", fmt_chain(ui->g, m->chain, chain));
		x = draw_word(ui, r, 1, x, ROLE_VALUE, text);
	}
	x = draw_word(ui, r, 1, x, m->all ? ROLE_LABEL : ROLE_VALUE, m->all ? "all skills" : "our skills");
	x = draw_word(ui, r, 1, x, m->dead ? ROLE_LABEL : ROLE_VALUE, m->dead ? "dead ones too" : "dead hidden");
	snprintf(text, sizeof(text), "by %s%s", orders[m->sort], m->reverse ? ", reversed" : "");
	x = draw_word(ui, r, 1, x, ROLE_LABEL, text);
	if (!m->chain)
		draw_word(ui, r, 1, x, ROLE_LABEL, "every chain");
}

/* The row under which a discovery that runs now is told of. */
#define PRESENCE "discovery"

static bool is_running(const struct source_row *s)
{
	return strcmp(s->name, PRESENCE) == 0 && s->asked_at > s->ok_at && !s->error[0];
}

/* The sources and how old their last answer is; while they are asked, how far that is. */
static void draw_ages(struct ui *ui, const struct market *m, struct rect r, int row)
{
	char age[FMT_MAX], text[160];
	int x = 1;

	for (size_t i = 0; i < m->sources.n; i++) {
		const struct source_row *s = &m->sources.rows[i];

		if (!is_running(s))
			continue;
		snprintf(text, sizeof(text), "%s asking%s%s", ui->g->live, s->cursor[0] ? ": " : "", s->cursor);
		x = draw_word(ui, r, row, x, ROLE_LIVE, text);
	}
	x = draw_word(ui, r, row, x, ROLE_LABEL, "sources");
	for (size_t i = 0; i < m->sources.n; i++) {
		const struct source_row *s = &m->sources.rows[i];

		if (strcmp(s->name, PRESENCE) == 0 && !s->error[0])
			continue;
		snprintf(text, sizeof(text), "%s%s %s", s->error[0] ? "!" : "", s->name,
			 s->ok_at ? fmt_age(ui->g, s->ok_at, age) : "never");
		x = draw_word(ui, r, row, x, s->error[0] ? ROLE_WARN : ROLE_DIM, text);
	}
}

static void draw_sources(struct ui *ui, const struct market *m, struct rect r)
{
	int failing, rows = source_rows(ui, m), row = r.rows - rows;
	const struct source_row *worst = worst_source(m, &failing);
	char text[400], more[32] = "";

	if (m->sources.n == 0) {
		draw_text(&ui->canvas, r, row, 1, ROLE_DIM, "no source asked yet: r asks them");
		return;
	}
	if (rows > 1 || !worst)
		draw_ages(ui, m, r, row++);
	if (!worst)
		return;
	if (failing > 1)
		snprintf(more, sizeof(more), " (and %d more)", failing - 1);
	snprintf(text, sizeof(text), "! %s%s: %s", worst->name, more, worst->error);
	draw_field(&ui->canvas, r, row, 1, r.cols - 1, ROLE_WARN, false, text);
}

static void draw_nothing(struct ui *ui, const struct market *m, struct rect r, int row)
{
	const char *text = "no worker known yet: r asks the sources";

	if (m->match[0] || m->chain)
		text = "nothing matches: Esc takes the filter away, c the chain";
	else if (!m->all && ui->facts.market.known == 0 && m->sources.n > 0)
		text = "no worker tells a skill that we look for: f shows all";
	else if (folded(m))
		text = "none that answered its last probe";
	draw_text(&ui->canvas, r, row, 2, ROLE_DIM, text);
}

static void draw_list(struct ui *ui, struct market *m, struct rect r)
{
	int widths[TABLE_MAX_COLUMNS], row = HEAD_ROWS;
	char note[96];

	snprintf(note, sizeof(note), "%lld alive, %lld untried, %lld dead", (long long)m->rows.n_alive,
		 (long long)m->rows.n_untried, (long long)m->rows.n_dead);
	draw_heading(&ui->canvas, r, 0, "Market", note);
	draw_filters(ui, m, r);
	table_fit(columns, C_COUNT, r.cols, widths);
	draw_table_head(&ui->canvas, r, 2, columns, C_COUNT, widths, sorted_column(m), m->reverse);
	for (int i = 0; i < visible(ui, m); i++) {
		const struct worker_row *w = row_at(m, m->list.top + i);

		if (!w)
			break;
		draw_row(ui, r, row, widths, w);
		if (m->list.top + i == m->list.sel && !ui->once)
			draw_selected(&ui->canvas, r, row);
		row++;
	}
	if (m->list.n == 0)
		draw_nothing(ui, m, r, row++);
	if (folded(m) && row < r.rows - source_rows(ui, m))
		draw_textf(&ui->canvas, r, row, 0, ROLE_DIM, "%s %lld dead: d shows them", ui->g->failed,
			   (long long)m->rows.n_dead);
	draw_sources(ui, m, r);
}

static void market_draw(struct ui *ui, void *data)
{
	struct market *m = data;
	struct rect r = ui->layout.area[AREA_BODY];
	const char *name = "Market";

	if (m->has_agent && m->agent.name[0] && (!m->worker_id || !m->worker.name[0]))
		name = m->agent.name;
	else if (m->has_worker)
		name = m->worker.name[0] ? m->worker.name : m->worker.url;

	if (m->open)
		doc_draw(ui, &m->doc, r, name);
	else
		draw_list(ui, m, r);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

/* Something else is asked for now. */
static void from_the_top(struct ui *ui, struct market *m)
{
	m->changed = true;
	list_select(&m->list, 0, visible(ui, m));
}

static void sort_by(struct market *m, enum worker_sort sort)
{
	m->reverse = m->sort == sort ? !m->reverse : false;
	m->sort = sort;
}

static void next_sort(struct market *m)
{
	size_t i = 0;

	while (i < ART_COUNT(sort_order) && sort_order[i] != m->sort)
		i++;
	sort_by(m, sort_order[(i + 1) % ART_COUNT(sort_order)]);
}

static bool list_key(struct ui *ui, struct market *m, enum action a)
{
	const struct worker_row *w = row_at(m, m->list.sel);

	if (a == ACTION_OPEN) {
		if (w)
			show(m, w->id, 0, PANEL_MARKET);
		else
			ui_say(ui, ROLE_DIM, "no worker is selected");
		return true;
	}
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	if (list_act(&m->list, a, visible(ui, m)))
		return true;
	if (a == ACTION_SORT)
		next_sort(m);
	else if (a == ACTION_REVERSE)
		m->reverse = !m->reverse;
	else if (a == ACTION_SKILLS)
		m->all = !m->all;
	else if (a == ACTION_DEAD)
		m->dead = !m->dead;
	else if (a != ACTION_CHAIN)
		return false;
	else if (m->chain || (w && chain_of(w)))
		m->chain = m->chain ? 0 : chain_of(w);
	else
		ui_say(ui, ROLE_DIM, w ? "its chain is not known" : "no worker is selected");
	from_the_top(ui, m);
	return true;
}

static bool market_act(struct ui *ui, void *data, enum action a)
{
	struct market *m = data;

	if (!m->open)
		return list_key(ui, m, a);
	if (a == ACTION_BACK && !m->doc.match[0]) {
		m->open = false;
		if (m->from != PANEL_MARKET)
			ui_show(ui, m->from);
		return true;
	}
	return doc_act(ui, &m->doc, a, doc_rows(ui));
}

static void market_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct market *m = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int widths[TABLE_MAX_COLUMNS], hit;
	int64_t at = m->list.top + row - r.row - HEAD_ROWS;

	if (m->open || !rect_contains(r, row, col) || row < r.row + HEAD_ROWS - 1)
		return;
	if (row == r.row + HEAD_ROWS - 1) {
		table_fit(columns, C_COUNT, r.cols, widths);
		hit = table_hit(widths, C_COUNT, col - r.col);
		if (hit >= 0 && columns[hit].sort >= 0) {
			sort_by(m, (enum worker_sort)columns[hit].sort);
			from_the_top(ui, m);
		}
		return;
	}
	if (at >= m->list.n || at >= m->list.top + visible(ui, m))
		return;
	list_select(&m->list, at, visible(ui, m));
	if (again && row_at(m, at))
		show(m, row_at(m, at)->id, 0, PANEL_MARKET);
}

static void market_filter(struct ui *ui, void *data, const char *text)
{
	struct market *m = data;

	if (m->open) {
		doc_find(&m->doc, text);
		return;
	}
	art_copy(m->match, sizeof(m->match), text);
	from_the_top(ui, m);
}

static const char *market_filter_text(void *data)
{
	struct market *m = data;

	return m->open ? m->doc.match : m->match;
}

static const struct worker_row *market_worker(struct ui *ui, void *data)
{
	struct market *m = data;

	(void)ui;
	if (m->open)
		return m->has_worker ? &m->worker : NULL;
	return row_at(m, m->list.sel);
}

static void market_copy(struct ui *ui, void *data, struct art_buf *b)
{
	struct market *m = data;
	const struct worker_row *w = row_at(m, m->list.sel);
	char price[MONEY_TEXT];

	if (m->open)
		doc_copy(&m->doc, b);
	else if (w)
		art_buf_putf(b, "#%lld %s %s %s\n", (long long)w->id, w->url, price_text(ui, w, price), w->name);
}

static int64_t market_height(struct ui *ui, void *data)
{
	struct market *m = data;

	if (m->open)
		return m->doc.n + 4;
	return (m->list.n > 0 ? m->list.n : 1) + HEAD_ROWS + folded(m) + source_rows(ui, m) + 3;
}

const struct panel_ops panel_market = {
	.topics = TOPIC_WORKER | TOPIC_AGENT,
	.view = LAYOUT_LIST,
	.open = market_open,
	.close = market_close,
	.refresh = market_refresh,
	.draw = market_draw,
	.act = market_act,
	.click = market_click,
	.filter = market_filter,
	.filter_text = market_filter_text,
	.worker = market_worker,
	.copy = market_copy,
	.height = market_height,
};
