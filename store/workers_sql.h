/*
 * workers_sql.h - how rows of workers.h lie in a SELECT. Private to workers*.c.
 */
#ifndef STORE_WORKERS_SQL_H
#define STORE_WORKERS_SQL_H

#include "store/store_sql.h"
#include "store/workers.h"

#define WORKER_LIST_MAX 1024   /* bytes of skills in the database; a row shows what fits */
#define WORKER_SOURCES_MAX 512

/* @p is the alias of table probe. */
#define PROBE_COLUMNS                                                                              \
	"p.at, p.alive, p.busy, p.free_of_charge, p.status, p.latency_us, p.error, p.price,"       \
	" p.x402_version, p.payable, p.network, p.asset, p.pay_to, p.max_timeout_s, p.upfront,"    \
	" p.gpu, p.class, p.version, p.data_sha256, p.evaluator_sha256, p.gpu_mem_mb, p.budget_s," \
	" p.queue_length, p.queue_max, p.async"

/* The probe of a SELECT in which PROBE_COLUMNS begin at column @i. */
void probe_read(struct sql *q, int i, struct worker_probe *p);
const char *worker_alive_text(enum worker_alive a);

#endif
