/*
 * serve_private.h - what the files of the worker's API share. See serve.h.
 */
#ifndef WORKER_SERVE_SERVE_PRIVATE_H
#define WORKER_SERVE_SERVE_PRIVATE_H

#include <pthread.h>

#include "store/json.h"
#include "worker/serve/httpd.h"
#include "worker/serve/pool.h"
#include "worker/serve/serve.h"

#define SERVE_TRAIN_MAX (1u << 20)
#define SERVE_CONFIG_MAX (64u << 10)
#define SERVE_BODY_MAX (4u << 20)   /* JSON escapes may double a text */
#define SERVE_URL_MAX 600
#define SERVE_TOKEN 33              /* 32 hex digits and NUL */
#define SERVE_WAITING_MAX 512       /* requests that wait for a thread */
#define SERVE_TTL_S (72 * 3600)     /* how long a result is promised */

/* A request that waits for an order's end. */
struct waiter {
	struct waiter *next;
	struct httpd_request *r;
	int64_t order_id;
};

/* A log or a curve that is being followed. */
struct follower {
	struct follower *next;
	struct httpd_stream *stream;
	int64_t order_id;
};

struct serve {
	struct serve_options opt;
	struct httpd *http;
	struct pool *pool;
	struct runner *runner;
	struct store *store;        /* of the server's own thread: short reads */
	struct store *runner_store; /* of the runner's, for may_start */
	struct runner_facts facts;
	struct gate_item item;
	char secret[65];            /* hex; key of the tokens */
	pthread_mutex_t lock;       /* waiters and followers */
	struct waiter *waiters;
	struct follower *followers;
	bool closing;
	int64_t started_at;
	pthread_t clock;            /* settles again what nobody could say, beats the hearts of streams */
	bool has_clock;
	int stop_fd;
};

/* ---- small things (serve_facts.c) ------------------------------------------------------------------ */

void serve_say(struct serve *s, const char *fmt, ...) ART_PRINTF(2, 3);
/* "https://worker.example/experiment": the public base and @path. */
void serve_url(struct serve *s, struct httpd_request *r, const char *path, char out[SERVE_URL_MAX]);
void serve_token(const struct serve *s, const char *experiment_id, char out[SERVE_TOKEN]);
/* Authorization: Bearer with this order's token. */
bool serve_may(const struct serve *s, const struct httpd_request *r, const char *experiment_id);
/* jobId: the order's number, sealed so that others cannot be guessed. */
void serve_job_id(const struct serve *s, int64_t order_id, char out[SERVE_TOKEN]);
bool serve_job_read(const struct serve *s, const char *job_id, int64_t *order_id);
bool serve_experiment_id_ok(const char *id);
/* An order's note for buyers: of this machine's paths only the last names are left. The owner reads the whole in the store. */
void serve_note(const char *note, char *out, size_t size);
/* {"status","busy",...}: health, probe and status. */
void serve_answer_health(struct serve *s, struct store *st, struct httpd_request *r, bool is_probe);
void serve_answer_status(struct serve *s, struct httpd_request *r);
void serve_answer_best(struct serve *s, struct httpd_request *r);
void serve_answer_registration(struct serve *s, struct httpd_request *r);
void serve_answer_catalogue(struct serve *s, struct httpd_request *r);
void serve_answer_metrics(struct serve *s, struct httpd_request *r);
/* How full it is. */
struct serve_load {
	int64_t waiting, running, max;
	bool full, draining;
};
ART_MUST_USE enum art_status serve_load(struct serve *s, struct store *st, struct serve_load *out,
					struct art_err *err);

/* ---- results (serve_result.c) ------------------------------------------------------------------------ */

/* The result of an ended order, obol's shape and more, appended to @b. */
void serve_result_json(struct serve *s, struct store *st, const struct order_row *o, struct art_buf *b);
/* Who asks for a result: the submit itself (which gets the token too), somebody by id, somebody by job. */
enum serve_asker { ASKER_SUBMIT, ASKER_ID, ASKER_JOB };
/* Answer with an ended order's result: settles or releases first. It may wait, so from the server's own thread
 * (@st is its store) it goes on in the pool. */
void serve_answer_result(struct serve *s, struct store *st, struct httpd_request *r,
			 const struct order_row *o, enum serve_asker asker);
/* Settle, release, write the receipt: idempotent. On a pool thread. @sale may be NULL. */
ART_MUST_USE enum art_status serve_close_order(struct serve *s, struct store *st,
					       const struct order_row *o, struct sale_row *sale,
					       struct art_err *err);
void serve_order_route(struct serve *s, struct httpd_request *r, const char *rest); /* /experiments/... */
void serve_job_route(struct serve *s, struct httpd_request *r, const char *rest);   /* /jobs/... */
void serve_artifact_route(struct serve *s, struct httpd_request *r, const char *sha256);
/* The order ended or was cancelled: whoever waits is answered, who follows is woken. */
void serve_order_ended(struct serve *s, struct store *st, int64_t order_id);
void serve_order_progress(struct serve *s, int64_t order_id);

/* ---- submitting (serve_submit.c) ------------------------------------------------------------------ */

void serve_submit(struct serve *s, struct httpd_request *r);
/* Keep the request until the order has ended; answers at once when it has. */
void serve_wait(struct serve *s, struct store *st, struct httpd_request *r, int64_t order_id);

#endif
