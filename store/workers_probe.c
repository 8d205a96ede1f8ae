/*
 * workers_probe.c - what our probes measured, and what changed since the one before.
 */
#include "store/workers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/events.h"
#include "store/workers_sql.h"

static const char *const alive_words[] = {
	[WORKER_UNTRIED] = "untried",
	[WORKER_ALIVE] = "alive",
	[WORKER_DEAD] = "dead",
};

const char *worker_alive_text(enum worker_alive a)
{
	ART_BUG_ON((unsigned)a >= ART_COUNT(alive_words));
	return alive_words[a];
}

void probe_read(struct sql *q, int i, struct worker_probe *p)
{
	memset(p, 0, sizeof(*p));
	p->at = sql_int(q, i++);
	p->alive = (enum worker_alive)sql_word(q, i++, alive_words, ART_COUNT(alive_words),
					       "state of a worker");
	p->busy_known = !sql_is_null(q, i);
	p->busy = sql_int(q, i++) != 0;
	p->free_of_charge = sql_int(q, i++) != 0;
	p->status = (int)sql_int(q, i++);
	p->latency_us = sql_int(q, i++);
	sql_text(q, i++, p->error, sizeof(p->error));
	p->priced = !sql_is_null(q, i);
	if (!usdc_from_micro(sql_int(q, i++), &p->price))
		sql_damaged(q, "price of a worker");
	p->x402_version = (int)sql_int(q, i++);
	p->payable = sql_int(q, i++) != 0;
	sql_text(q, i++, p->network, sizeof(p->network));
	sql_text(q, i++, p->asset, sizeof(p->asset));
	sql_text(q, i++, p->pay_to, sizeof(p->pay_to));
	p->max_timeout_s = sql_int(q, i++);
	p->upfront = sql_int(q, i++) != 0;
	sql_text(q, i++, p->gpu, sizeof(p->gpu));
	sql_text(q, i++, p->class_text, sizeof(p->class_text));
	sql_text(q, i++, p->version, sizeof(p->version));
	sql_text(q, i++, p->data_sha256, sizeof(p->data_sha256));
	sql_text(q, i++, p->evaluator_sha256, sizeof(p->evaluator_sha256));
	p->gpu_mem_mb = sql_opt_f64(q, i++);
	p->budget_s = sql_opt_f64(q, i++);
	p->queue_length = sql_opt_f64(q, i++);
	p->queue_max = sql_opt_f64(q, i++);
	p->async = sql_int(q, i++) != 0;
}

enum art_status worker_probes(struct store *st, int64_t id, struct worker_probes *out,
			      struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	worker_probes_destroy(out);
	sql_open(&q, st, "SELECT " PROBE_COLUMNS " FROM probe p WHERE p.worker_id = ?1"
			 " ORDER BY p.id DESC");
	sql_bind_int(&q, 1, id);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		probe_read(&q, 0, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "read the probes of worker %" PRId64, id);
	if (s != ART_OK)
		worker_probes_destroy(out);
	return s;
}

void worker_probes_destroy(struct worker_probes *l)
{
	free(l->rows);
	*l = (struct worker_probes){ 0 };
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* What a stranger told may be no number. */
static struct opt_f64 if_finite(struct opt_f64 v)
{
	v.known = v.known && isfinite(v.v);
	return v;
}

static enum art_status insert(struct store *st, int64_t id, const struct worker_probe *p,
			      int64_t *probe_id, struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "INSERT INTO probe (worker_id, at, alive, busy, free_of_charge, status,"
			 " latency_us, error, price, x402_version, payable, network, asset, pay_to,"
			 " max_timeout_s, upfront, gpu, class, version, data_sha256, evaluator_sha256,"
			 " gpu_mem_mb, budget_s, queue_length, queue_max, async) VALUES (?1, ?2, ?3, ?4,"
			 " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,"
			 " ?21, ?22, ?23, ?24, ?25, ?26)");
	sql_bind_int(&q, i++, id);
	sql_bind_int(&q, i++, p->at);
	sql_bind_text(&q, i++, worker_alive_text(p->alive), 16);
	sql_bind_opt_int(&q, i++, (struct opt_i64){ p->busy_known, p->busy });
	sql_bind_int(&q, i++, p->free_of_charge);
	sql_bind_id(&q, i++, p->status);
	sql_bind_id(&q, i++, p->latency_us);
	sql_bind_clean(&q, i++, p->error, sizeof(p->error), false);
	sql_bind_opt_int(&q, i++, (struct opt_i64){ p->priced, usdc_to_micro(p->price) });
	sql_bind_int(&q, i++, p->x402_version);
	sql_bind_int(&q, i++, p->payable);
	sql_bind_clean(&q, i++, p->network, sizeof(p->network), false);
	sql_bind_clean(&q, i++, p->asset, sizeof(p->asset), false);
	sql_bind_clean(&q, i++, p->pay_to, sizeof(p->pay_to), false);
	sql_bind_id(&q, i++, p->max_timeout_s);
	sql_bind_int(&q, i++, p->upfront);
	sql_bind_clean(&q, i++, p->gpu, sizeof(p->gpu), false);
	sql_bind_clean(&q, i++, p->class_text, sizeof(p->class_text), false);
	sql_bind_clean(&q, i++, p->version, sizeof(p->version), false);
	sql_bind_clean(&q, i++, p->data_sha256, sizeof(p->data_sha256), false);
	sql_bind_clean(&q, i++, p->evaluator_sha256, sizeof(p->evaluator_sha256), false);
	sql_bind_opt_f64(&q, i++, if_finite(p->gpu_mem_mb));
	sql_bind_opt_f64(&q, i++, if_finite(p->budget_s));
	sql_bind_opt_f64(&q, i++, if_finite(p->queue_length));
	sql_bind_opt_f64(&q, i++, if_finite(p->queue_max));
	sql_bind_int(&q, i++, p->async);
	enum art_status s = sql_finish(&q, err, "write a probe of worker %" PRId64, id);
	if (s == ART_OK)
		*probe_id = store_last_id(st);
	return s;
}

/* Of a CAIP-2 name; 0: another. */
static int64_t chain_of(const char *network)
{
	int64_t id;

	if (strncmp(network, "eip155:", 7) != 0 || !art_parse_i64(network + 7, &id) || id <= 0)
		return 0;
	return id;
}

/* The newest probe, and what lists filter and sort by. */
static enum art_status point_to(struct store *st, int64_t id, int64_t probe_id,
				const struct worker_probe *p, int64_t failures,
				int64_t quarantine_until, struct art_err *err)
{
	struct opt_i64 price = { p->priced || p->free_of_charge, p->priced ? usdc_to_micro(p->price) : 0 };
	struct sql q;

	sql_open(&q, st, "UPDATE worker SET probe_id = ?2, alive = ?3, price = ?4, latency_us = ?5,"
			 " offer_chain = ?6, failures = ?7, quarantine_until = ?8, x402 = max(x402, ?9)"
			 " WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, probe_id);
	sql_bind_text(&q, 3, worker_alive_text(p->alive), 16);
	sql_bind_opt_int(&q, 4, price);
	sql_bind_id(&q, 5, p->latency_us);
	sql_bind_id(&q, 6, p->priced ? chain_of(p->network) : 0);
	sql_bind_int(&q, 7, failures);
	sql_bind_id(&q, 8, quarantine_until);
	sql_bind_int(&q, 9, p->priced);
	return sql_finish(&q, err, "write worker %" PRId64, id);
}

static enum art_status trim(struct store *st, int64_t id, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "DELETE FROM probe WHERE worker_id = ?1 AND id <= (SELECT id FROM probe"
			 " WHERE worker_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, WORKER_PROBES_MAX);
	return sql_finish(&q, err, "trim the probes of worker %" PRId64, id);
}

/* ---- payees ------------------------------------------------------------------------------------ */

struct payee {
	char now[43];
	bool differed; /* from the agent's wallet, when last looked at */
};

static enum art_status read_payee(struct store *st, int64_t id, struct payee *out,
				  struct art_err *err)
{
	struct sql q;

	*out = (struct payee){ 0 };
	sql_open(&q, st, "SELECT pay_to, wallet_differed FROM worker WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	if (sql_row(&q)) {
		sql_text(&q, 0, out->now, sizeof(out->now));
		out->differed = sql_int(&q, 1) != 0;
	}
	return sql_close(&q, err, "read worker %" PRId64, id);
}

static enum art_status write_payee(struct store *st, int64_t id, const char *pay_to, bool changed,
				   bool differs, int64_t at, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "UPDATE worker SET pay_to_before = CASE WHEN ?3 THEN pay_to ELSE pay_to_before"
			 " END, pay_to_changed_at = CASE WHEN ?3 THEN ?5 ELSE pay_to_changed_at END,"
			 " pay_to = ?2, wallet_differed = ?4 WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, pay_to, sizeof(((struct worker_probe *)0)->pay_to));
	sql_bind_int(&q, 3, changed);
	sql_bind_int(&q, 4, differs);
	sql_bind_int(&q, 5, at);
	return sql_finish(&q, err, "write the payee of worker %" PRId64, id);
}

/* How a line of the log calls it. The name is a stranger's, but for its length clean already. */
static const char *call_it(const struct worker_row *w, char *out, size_t n)
{
	if (w->name[0] != '\0')
		snprintf(out, n, "worker #%" PRId64 " \"%.40s\" (%.80s)", w->id, w->name, w->url);
	else
		snprintf(out, n, "worker #%" PRId64 " (%.80s)", w->id, w->url);
	return out;
}

static enum art_status take_payee(struct store *st, const struct worker_row *w,
				  const struct worker_probe *p, struct art_err *err)
{
	struct payee old;
	char who[160];

	if (!p->priced || p->pay_to[0] == '\0')
		return ART_OK;
	enum art_status s = read_payee(st, w->id, &old, err);
	if (s != ART_OK)
		return s;
	bool changed = old.now[0] != '\0' && strcasecmp(old.now, p->pay_to) != 0;
	bool differs = w->wallet[0] != '\0' && strcasecmp(w->wallet, p->pay_to) != 0;
	s = write_payee(st, w->id, p->pay_to, changed, differs, p->at, err);
	call_it(w, who, sizeof(who));
	if (s == ART_OK && changed)
		s = event_add(st, EVENT_WARN, "worker.payee", 0, 0, err, "%s wants the money at %s now, "
			      "before at %s", who, p->pay_to, old.now);
	if (s == ART_OK && differs && (changed || !old.differed))
		s = event_add(st, EVENT_WARN, "worker.payee", 0, 0, err, "%s wants the money at %s, "
			      "which is not its agent's wallet %s", who, p->pay_to, w->wallet);
	return s;
}

/* ---- the probe --------------------------------------------------------------------------------- */

static enum art_status tell_life(struct store *st, const struct worker_row *w,
				 const struct worker_probe *p, struct art_err *err)
{
	char who[160];

	if (!w->matches)
		return ART_OK;
	call_it(w, who, sizeof(who));
	if (w->probe.alive == WORKER_ALIVE && p->alive == WORKER_DEAD)
		return event_add(st, EVENT_INFO, "worker.dead", 0, 0, err, "%s answers no more%s%s", who,
				 p->error[0] != '\0' ? ": " : "", p->error);
	if (w->probe.alive == WORKER_DEAD && p->alive == WORKER_ALIVE)
		return event_add(st, EVENT_INFO, "worker.alive", 0, 0, err, "%s answers again", who);
	return ART_OK;
}

enum art_status worker_probed(struct store *st, int64_t id, const struct worker_probe *probe,
			      int64_t failures, int64_t quarantine_until, struct art_err *err)
{
	struct worker_probe p = *probe;
	struct worker_row before;
	int64_t probe_id = 0;

	if (p.at == 0)
		p.at = art_now_us();
	/* As it will be stored, so that it equals itself next time. */
	art_text_clean(p.pay_to, sizeof(p.pay_to), probe->pay_to,
		       strnlen(probe->pay_to, sizeof(probe->pay_to)), false);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = worker_find(st, id, &before, err);
	if (s == ART_OK)
		s = take_payee(st, &before, &p, err);
	if (s == ART_OK)
		s = insert(st, id, &p, &probe_id, err);
	if (s == ART_OK)
		s = point_to(st, id, probe_id, &p, failures, quarantine_until, err);
	if (s == ART_OK)
		s = trim(st, id, err);
	if (s == ART_OK)
		s = tell_life(st, &before, &p, err);
	return store_leave(st, s, TOPIC_WORKER, err);
}
