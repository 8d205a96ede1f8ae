/*
 * serve.h - the worker: its HTTP API over gate, runner and store.
 *
 * Layer: worker/serve. Threads: serve_open, serve_stop in main; inside, the server's thread, the runner's and a pool's.
 *
 * The API is a superset of obol's worker API; artui(1), under "worker serve", lists the routes. Who may see what: prices, facts,
 * health and the best number are everybody's; a result belongs to who knows its experiment id; log, curve, artifacts and
 * cancelling need the order's token (Authorization: Bearer), which the submit's answer carries (header X-Job-Token, and in the
 * 202's body). A token is an HMAC of the id under a secret of the data directory: it is stored nowhere.
 */
#ifndef WORKER_SERVE_SERVE_H
#define WORKER_SERVE_SERVE_H

#include "core/market/registration.h"
#include "worker/serve/gate.h"
#include "worker/serve/runner.h"

/* Where `artui worker register` keeps this worker's agent id on a chain: a named value of the store (decimal). */
#define SERVE_AGENT_KEY "worker.agent.%s" /* the chain's name */

struct serve_options {
	const char *listen;              /* all borrowed until serve_stop */
	const char *name;                /* of the worker, for people; NULL: artui worker */
	const char *public_url;          /* under which buyers reach it, without slash at its end; NULL: as they name it (Host) */
	struct usdc price;               /* zero: free, no gate is needed */
	struct gate *gate;               /* NULL with price zero */
	enum gate_settle settle;
	bool charge_failed;              /* when the buyer's code fails or runs out of time */
	int64_t queue_max;               /* orders that wait or run; 0: 1 a device */
	struct runner_options runner;    /* ended, may_start, progress, arg are filled here */
	const struct chains *chains;     /* whose registries this worker may be in: SERVE_AGENT_KEY */
	const char *const *skills, *const *domains;
	int n_skills, n_domains;
	void (*say)(void *arg, const char *line); /* one line for people; may be NULL */
	void *arg;
};
struct serve;
ART_MUST_USE enum art_status serve_open(struct serve **out, const struct serve_options *opt,
					struct art_err *err);
int serve_port(const struct serve *s);
const struct runner_facts *serve_facts(const struct serve *s);
/* Takes no more, ends the runs (they are queued again at the next start), gives everyone who waits an answer. NULL is fine. */
void serve_stop(struct serve *s);

#endif
