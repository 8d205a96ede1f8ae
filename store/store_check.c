/*
 * store_check.c - is the database whole, and does it say only what can be?
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/experiments_sql.h"
#include "store/workers.h"

#define QUOTED(x) #x
#define NUMERAL(x) QUOTED(x) /* a macro's number inside SQL */

#define FINDINGS_MAX 100 /* sentences; a ruined file would give millions */

/* Each SELECT gives one row a finding: (where, what). */
static const char *const invariants[] = {
	"SELECT 'class ' || class_id, 'has ' || count(*) || ' baselines' FROM experiment"
	" WHERE verdict = 'baseline' GROUP BY class_id HAVING count(*) > 1",

	"SELECT 'experiment ' || id, 'is judged but has live runs' FROM experiment"
	" WHERE verdict <> 'pending' AND EXISTS"
	" (SELECT 1 FROM run WHERE experiment_id = experiment.id AND " RUN_LIVE ")",

	"SELECT 'run ' || id, 'is done without a val_bpb' FROM run"
	" WHERE state = 'done' AND val_bpb IS NULL",

	"SELECT 'experiment ' || id, 'is kept on no run at all' FROM experiment"
	" WHERE verdict = 'kept' AND n < 1",

	"SELECT 'experiment ' || id, 'has a time of decision that disagrees with its verdict'"
	" FROM experiment WHERE (decided_at IS NULL) <> (verdict = 'pending')",

	"SELECT 'experiment ' || e.id, 'disagrees with its runs about their sums'"
	" FROM experiment e LEFT JOIN (SELECT experiment_id, count(*) AS n,"
	"   sum(" RUN_LIVE ") AS live, total(seconds) AS s FROM run GROUP BY experiment_id) r"
	" ON r.experiment_id = e.id WHERE e.runs <> coalesce(r.n, 0)"
	" OR e.runs_live <> coalesce(r.live, 0)"
	" OR abs(e.seconds - coalesce(r.s, 0.0)) > 1e-6 * (1.0 + e.seconds)",

	"SELECT 'payment ' || id, 'is ' || state || ' without the signed payment that was sent'"
	" FROM payment WHERE header IS NULL AND (state IN ('signed', 'sent', 'settled', 'unknown')"
	" OR (state = 'refused' AND dead = 0))",

	"SELECT 'payment ' || id, 'is ' || state || ' and called dead' FROM payment"
	" WHERE dead = 1 AND state NOT IN ('refused', 'expired')",

	"SELECT 'payment ' || id, 'is expired and still counted' FROM payment"
	" WHERE dead = 0 AND state = 'expired'",

	"SELECT 'payment ' || id, 'is ' || state || ' and has no time of sending' FROM payment"
	" WHERE sent_at IS NULL AND state IN ('sent', 'settled', 'unknown', 'expired')",

	"SELECT 'agent ' || id, 'has a claim that nobody told' FROM agent WHERE claimed_bpb IS NOT NULL"
	" AND NOT EXISTS (SELECT 1 FROM agent_fact WHERE agent_id = agent.id AND key = 'best_val_bpb')",

	"SELECT 'worker ' || w.id, 'disagrees with its agent about chain or claim' FROM worker w"
	" LEFT JOIN agent a ON a.id = w.agent_id WHERE w.agent_chain IS NOT a.chain_id"
	" OR w.claimed_bpb IS NOT a.claimed_bpb OR w.claimed_at IS NOT a.claimed_at",

	"SELECT 'worker ' || w.id, 'disagrees with its newest probe' FROM worker w"
	" LEFT JOIN probe p ON p.id = w.probe_id WHERE w.alive <> coalesce(p.alive, 'untried')"
	" OR p.worker_id <> w.id OR w.latency_us IS NOT p.latency_us OR w.probe_id IS NOT"
	" (SELECT max(id) FROM probe WHERE worker_id = w.id)",

	"SELECT 'worker ' || worker_id, 'has ' || count(*) || ' probes' FROM probe GROUP BY worker_id"
	" HAVING count(*) > " NUMERAL(WORKER_PROBES_MAX),

	"SELECT 'worker ' || id, 'has a new payee and no time of the change' FROM worker"
	" WHERE (pay_to_before <> '') <> (pay_to_changed_at IS NOT NULL)",

	"SELECT 'sale ' || id, 'is settled without a transaction or a reason' FROM sale"
	" WHERE state = 'settled' AND tx = '' AND reason = ''",

	"SELECT 'sale ' || id, 'has a time of its end that disagrees with its state' FROM sale"
	" WHERE (ended_at IS NOT NULL) <> (state IN ('settled', 'released', 'unpaid'))"
	" OR (settled_at IS NOT NULL) <> (state = 'settled')",

	"SELECT 'order ' || id, 'has a time of its end that disagrees with its state' FROM orders"
	" WHERE (finished_at IS NOT NULL) <> (state IN ('completed', 'failed', 'timeout', 'cancelled'))",

	"SELECT 'order ' || id, 'is ' || state || ' without a device, a start or an attempt' FROM orders"
	" WHERE state IN ('running', 'completed', 'timeout')"
	" AND (device = '' OR started_at IS NULL OR attempt < 1)",

	"SELECT 'order ' || id, 'is held for no sale' FROM orders WHERE state = 'held' AND sale_id IS NULL",

	"SELECT 'order ' || id, 'is completed without a val_bpb or exit status 0' FROM orders"
	" WHERE state = 'completed' AND (val_bpb IS NULL OR return_code IS NOT 0)",

	"SELECT 'order ' || order_id, 'has a receipt before its end' FROM order_text"
	" JOIN orders ON orders.id = order_id WHERE kind = 'receipt' AND finished_at IS NULL",
};

struct report {
	struct art_buf *out;
	int n;
};

static enum art_status say(struct report *r, const char *where, const char *what)
{
	r->n++;
	if (r->n > FINDINGS_MAX)
		return ART_OK;
	return art_buf_printf(r->out, "%s %s\n", where, what);
}

static enum art_status check_integrity(struct store *st, struct report *r, struct art_err *err)
{
	struct sql q;
	char line[200];
	enum art_status s = ART_OK;

	sql_open(&q, st, "PRAGMA integrity_check(100)");
	while (s == ART_OK && sql_row(&q)) {
		sql_text(&q, 0, line, sizeof(line));
		if (line[0] != 'o' || line[1] != 'k' || line[2] != '\0')
			s = say(r, "database:", line);
	}
	enum art_status closed = sql_close(&q, err, "check the database");
	return closed != ART_OK ? closed : s;
}

static enum art_status check_foreign_keys(struct store *st, struct report *r, struct art_err *err)
{
	struct sql q;
	char table[64], parent[64], where[96], what[96];
	enum art_status s = ART_OK;

	sql_open(&q, st, "PRAGMA foreign_key_check");
	while (s == ART_OK && sql_row(&q)) {
		sql_text(&q, 0, table, sizeof(table));
		sql_text(&q, 2, parent, sizeof(parent));
		snprintf(where, sizeof(where), "%s %" PRId64, table, sql_int(&q, 1));
		snprintf(what, sizeof(what), "points to a %s that does not exist", parent);
		s = say(r, where, what);
	}
	enum art_status closed = sql_close(&q, err, "check the database");
	return closed != ART_OK ? closed : s;
}

static enum art_status check_invariant(struct store *st, const char *text, struct report *r,
				       struct art_err *err)
{
	struct sql q;
	char where[64], what[128];
	enum art_status s = ART_OK;

	sql_open(&q, st, text);
	while (s == ART_OK && sql_row(&q)) {
		sql_text(&q, 0, where, sizeof(where));
		sql_text(&q, 1, what, sizeof(what));
		s = say(r, where, what);
	}
	enum art_status closed = sql_close(&q, err, "check the database");
	return closed != ART_OK ? closed : s;
}

static enum art_status check_all(struct store *st, struct report *r, struct art_err *err)
{
	enum art_status s = check_integrity(st, r, err);
	if (s == ART_OK)
		s = check_foreign_keys(st, r, err);
	for (size_t i = 0; s == ART_OK && i < ART_COUNT(invariants); i++)
		s = check_invariant(st, invariants[i], r, err);
	if (s == ART_OK && r->n > FINDINGS_MAX)
		s = art_buf_printf(r->out, "and %d more\n", r->n - FINDINGS_MAX);
	return s;
}

enum art_status store_check(struct store *st, struct art_buf *out, int *findings,
			    struct art_err *err)
{
	struct report r = { out, 0 };

	*findings = 0;
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = check_all(st, &r, err);
	store_read_leave(st);
	*findings = r.n;
	return s == ART_LIMIT ? art_fail(err, s, "the findings do not fit the buffer") : s;
}
