/*
 * serve.c - the worker put together: opening, routing, what is resumed after a death, ending.
 *
 * Layer: worker/serve. Order of starting: store, pool, runner (whose lock makes this worker the only one on its
 * directory), gate's doubts, server; of ending: server quiet, runner, pool, server.
 */
#include "worker/serve/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/chain/keys.h"
#include "worker/serve/serve_private.h"

#define POOL_THREADS 8
#define BUSY_MS 5000
#define CLOCK_MS 2000
#define RESUME_EVERY 10 /* clocks */
#define SECRET_FILE "serve.secret"

struct end_task {
	struct serve *s;
	int64_t order_id; /* 0: resume what is open */
};

/* ---- routing ------------------------------------------------------------------------------------------------ */

static bool is_get(const struct httpd_request *r)
{
	return !strcmp(httpd_method(r), "GET") || !strcmp(httpd_method(r), "HEAD");
}

static void not_known(struct httpd_request *r)
{
	httpd_error(r, 404, NULL, "unknown endpoint: %s", httpd_path(r));
}

static void route_get(struct serve *s, struct httpd_request *r, const char *path)
{
	if (!strcmp(path, "/health") || !strcmp(path, "/healthz"))
		serve_answer_health(s, s->store, r, false);
	else if (!strcmp(path, "/status"))
		serve_answer_status(s, r);
	else if (!strcmp(path, "/best"))
		serve_answer_best(s, r);
	else if (!strcmp(path, "/metrics"))
		serve_answer_metrics(s, r);
	else if (!strcmp(path, "/api/services.json"))
		serve_answer_catalogue(s, r);
	else if (!strcmp(path, REGISTRATION_WELL_KNOWN))
		serve_answer_registration(s, r);
	else
		not_known(r);
}

static void handle(void *arg, struct httpd_request *r)
{
	struct serve *s = arg;
	const char *path = httpd_path(r);

	if (!strncmp(path, "/experiments/", 13))
		serve_order_route(s, r, path + 13);
	else if (!strncmp(path, "/jobs/", 6))
		serve_job_route(s, r, path + 6);
	else if (!strncmp(path, "/artifacts/", 11) && is_get(r))
		serve_artifact_route(s, r, path + 11);
	else if (!strcmp(path, "/experiment") && !strcmp(httpd_method(r), "POST"))
		serve_submit(s, r);
	else if (is_get(r))
		route_get(s, r, path);
	else
		not_known(r);
}

/* ---- what the runner tells ------------------------------------------------------------------------------------ */

static void end_task(void *arg, struct store *st)
{
	struct end_task *t = arg;

	if (st)
		serve_order_ended(t->s, st, t->order_id);
	free(t);
}

static void on_ended(void *arg, int64_t order_id)
{
	struct serve *s = arg;
	struct end_task *t = art_alloc(1, sizeof(*t));

	*t = (struct end_task){ s, order_id };
	/* A pool that is ending leaves it for the next start. */
	if (!pool_add(s->pool, end_task, t, 0))
		free(t);
}

/* On the runner's thread, with the store that is its alone. */
static bool on_may_start(void *arg, const struct order_row *o, char why[256])
{
	struct serve *s = arg;
	struct art_err err = { 0 };
	int64_t run_s = (int64_t)(s->opt.runner.budget_s + s->opt.runner.grace_s);

	if (!o->sale_id || !s->opt.gate ||
	    gate_recheck(s->opt.gate, s->runner_store, o->sale_id, run_s, &err) != ART_REFUSED)
		return true;
	art_copy(why, 256, err.text);
	return false;
}

static void on_progress(void *arg, int64_t order_id)
{
	serve_order_progress(arg, order_id);
}

/* ---- after a death, and now and then ---------------------------------------------------------------------------- */

/* Held: accepted, and not yet in the queue when we died. */
static void resume_held(struct serve *s, struct store *st, const struct order_row *o)
{
	char path[1400];
	struct sale_row sale = { 0 };
	struct art_err err = { 0 };
	bool whole;

	whole = access(runner_path(path, sizeof(path), s->opt.runner.dir, o->experiment_id, "train.py"), R_OK) == 0 &&
		access(runner_path(path, sizeof(path), s->opt.runner.dir, o->experiment_id, "config.json"), R_OK) == 0;
	if (o->sale_id && sale_find(st, o->sale_id, &sale, &err) != ART_OK)
		return;
	if (whole && s->item.settle == GATE_SETTLE_UPFRONT && sale.id && sale.state != SALE_SETTLED &&
	    (gate_settle(s->opt.gate, st, sale.id, &sale, &err) == ART_NET))
		return; /* not known yet */
	if (whole && (!sale.id || sale.state == SALE_SETTLED || sale.state == SALE_VERIFIED)) {
		if (order_release(st, o->id, &err) == ART_OK)
			runner_wake(s->runner);
	} else if (order_cancel(st, o->id, "the worker ended before it was stored", &err) == ART_OK) {
		serve_order_ended(s, st, o->id);
	}
}

static void resume(struct serve *s, struct store *st, bool at_start)
{
	struct sale_query q = { .states = 1u << SALE_VERIFIED | 1u << SALE_SETTLING };
	struct order_query held = { .states = 1u << ORDER_HELD };
	struct sale_list sales = { 0 };
	struct order_list orders = { 0 };
	struct order_row o;

	if (sale_query(st, &q, &sales, NULL) == ART_OK)
		for (size_t i = 0; i < sales.n; i++)
			if (sales.rows[i].order_id && order_find(st, sales.rows[i].order_id, &o, NULL) == ART_OK &&
			    order_state_is_final(o.state))
				serve_order_ended(s, st, o.id);
	sale_list_destroy(&sales);
	/* Later, a held order has a living owner, unless its money is awaited. */
	if ((at_start || s->item.settle == GATE_SETTLE_UPFRONT) && order_query(st, &held, &orders, NULL) == ART_OK)
		for (size_t i = 0; i < orders.n; i++)
			if (at_start || art_now_us() - orders.rows[i].created_at > 300 * (int64_t)1000000)
				resume_held(s, st, &orders.rows[i]);
	order_list_destroy(&orders);
}

static void resume_task(void *arg, struct store *st)
{
	struct end_task *t = arg;

	if (st)
		resume(t->s, st, t->order_id != 0);
	free(t);
}

static void ask_resume(struct serve *s, bool at_start)
{
	struct end_task *t = art_alloc(1, sizeof(*t));

	*t = (struct end_task){ s, at_start };
	if (!pool_add(s->pool, resume_task, t, SERVE_WAITING_MAX))
		free(t);
}

static void *clock_main(void *arg)
{
	struct serve *s = arg;
	struct pollfd fd = { .fd = s->stop_fd, .events = POLLIN };

	for (int i = 1; poll(&fd, 1, CLOCK_MS) <= 0; i++) {
		/* All of them: logs say that they are alive, or that they have ended. */
		serve_order_progress(s, 0);
		if (s->opt.gate && i % RESUME_EVERY == 0)
			ask_resume(s, false);
	}
	return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

/* Made at the first start; who has it can read everybody's results. */
static enum art_status take_secret(struct serve *s, struct art_err *err)
{
	char path[1400];
	uint8_t b[32];
	char hex[70];
	struct art_buf file;
	enum art_status rc;

	snprintf(path, sizeof(path), "%.1200s/%s", s->opt.runner.dir, SECRET_FILE);
	art_buf_init(&file, 128);
	rc = art_read_file(&file, path, 128, err);
	if (rc == ART_NOT_FOUND) {
		rc = keys_random(b, sizeof(b), err);
		if (rc == ART_OK) {
			hex_encode(b, sizeof(b), hex);
			rc = art_write_file(path, hex + 2, 64, 0600, err);
			art_copy(s->secret, sizeof(s->secret), hex + 2);
		}
	} else if (rc == ART_OK && file.len != 64) {
		rc = art_fail(err, ART_CORRUPT, "%.200s is damaged: remove it, and tokens given out are void", path);
	} else if (rc == ART_OK) {
		art_copy(s->secret, sizeof(s->secret), file.data);
	}
	art_buf_destroy(&file);
	return rc;
}

static enum art_status open_stores(struct serve *s, struct art_err *err)
{
	enum art_status rc = store_open(&s->store, s->opt.runner.db, 0, BUSY_MS, err);

	if (rc == ART_OK)
		rc = store_open(&s->runner_store, s->opt.runner.db, 0, BUSY_MS, err);
	if (rc == ART_OK && s->opt.runner.bell) {
		store_attach_bell(s->store, s->opt.runner.bell);
		store_attach_bell(s->runner_store, s->opt.runner.bell);
	}
	return rc;
}

static enum art_status start_clock(struct serve *s, struct art_err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&s->clock, NULL, clock_main, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		errno = rc;
		return art_fail_errno(err, "start a thread");
	}
	s->has_clock = true;
	return ART_OK;
}

static void fill_item(struct serve *s)
{
	const struct runner_options *r = &s->opt.runner;
	int64_t one = (int64_t)(r->budget_s + r->grace_s + 1);
	int64_t rounds = s->facts.devices ? (s->opt.queue_max + s->facts.devices - 1) / s->facts.devices : 1;

	s->item = (struct gate_item){
		.name = "experiment", .price = s->opt.price, .method = "POST", .mime_type = "application/json",
		.description = "Run one training experiment",
		/* The last of a full queue waits for all before it. */
		.work_s = one * (rounds > 0 ? rounds : 1), .settle = s->opt.settle,
	};
}

enum art_status serve_open(struct serve **out, const struct serve_options *opt, struct art_err *err)
{
	struct serve *s = art_alloc(1, sizeof(*s));
	struct httpd_options http = { .listen = opt->listen, .max_body = SERVE_BODY_MAX, .handle = handle, .arg = s };
	enum art_status rc;

	s->opt = *opt;
	s->stop_fd = -1;
	s->started_at = art_now_us();
	pthread_mutex_init(&s->lock, NULL);
	s->opt.runner.ended = on_ended;
	s->opt.runner.may_start = on_may_start;
	s->opt.runner.progress = on_progress;
	s->opt.runner.arg = s;
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = s->stop_fd < 0 ? art_fail_errno(err, "eventfd") : take_secret(s, err);
	rc = rc ? rc : open_stores(s, err);
	rc = rc ? rc : pool_open(&s->pool, s->opt.runner.db, s->opt.runner.bell, POOL_THREADS, err);
	rc = rc ? rc : runner_start(&s->runner, &s->opt.runner, err);
	/* Only now: the runner's lock keeps another worker's living sales from being called dead. */
	if (rc == ART_OK && s->opt.gate)
		rc = gate_recover(s->opt.gate, s->store, "experiment", err);
	if (rc == ART_OK) {
		runner_facts(s->runner, &s->facts);
		if (s->opt.queue_max <= 0)
			s->opt.queue_max = s->facts.devices > 0 ? s->facts.devices : 1;
		fill_item(s);
		ask_resume(s, true);
		rc = httpd_open(&s->http, &http, err);
	}
	rc = rc ? rc : start_clock(s, err);
	if (rc != ART_OK) {
		serve_stop(s);
		return rc;
	}
	*out = s;
	return ART_OK;
}

int serve_port(const struct serve *s)
{
	return httpd_port(s->http);
}

const struct runner_facts *serve_facts(const struct serve *s)
{
	return &s->facts;
}

void serve_stop(struct serve *s)
{
	const uint64_t one = 1;

	if (!s)
		return;
	if (s->http)
		httpd_quiesce(s->http);
	if (s->has_clock) {
		while (write(s->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(s->clock, NULL);
	}
	runner_stop(s->runner);
	pool_close(s->pool);
	for (struct waiter *w = s->waiters, *next; w; w = next) {
		next = w->next;
		httpd_error(w->r, 503, "\"status\":\"queued\"",
			    "the worker is ending; the experiment runs when it is back");
		free(w);
	}
	s->waiters = NULL;
	httpd_close(s->http);
	store_close(s->runner_store);
	store_close(s->store);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
