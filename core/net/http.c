/*
 * http.c - the engine: one thread around one libcurl multi.
 *
 * Layer: core. The lock protects the list of newcomers, the cancelled ids and the closing flag; it is
 * never held across libcurl or a callback.
 */
#include "core/net/http.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/net/http_private.h"

#define CONNECTIONS 64
#define LOOK_MS 1000
#define CANCEL_LOOK_MS 100

struct http {
	CURLM *multi;
	pthread_t thread;
	char *user_agent;
	int running, max_running;
	pthread_mutex_t lock;
	struct transfer *incoming, **incoming_end; /* in order of http_start */
	uint64_t *cancels, *resumes;
	size_t n_cancels, n_resumes;
	uint64_t last_id;
	bool closing;
	struct transfer *active; /* the thread's alone, oldest first */
};

/* ---- responses --------------------------------------------------------------------------------- */

void http_response_init(struct http_response *r)
{
	memset(r, 0, sizeof(*r));
	r->trouble = HTTP_NOT_SENT;
	art_buf_init(&r->body, 0);
}

void http_response_destroy(struct http_response *r)
{
	art_buf_destroy(&r->body);
	for (int i = 0; i < r->n_headers; i++)
		free(r->headers[i]);
	memset(r, 0, sizeof(*r));
}

const char *http_header(const struct http_response *r, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < r->n_headers; i++)
		if (!strncmp(r->headers[i], name, n) && r->headers[i][n] == ':')
			return r->headers[i] + n + 1 + strspn(r->headers[i] + n + 1, " \t");
	return NULL;
}

/* ---- the thread -------------------------------------------------------------------------------- */

static void finish(struct http *h, struct transfer *t)
{
	for (struct transfer **p = &h->active; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->done(t->arg, &t->r, t->status, &t->err);
	transfer_free(t);
}

static void leave(struct http *h, struct transfer *t)
{
	curl_multi_remove_handle(h->multi, t->easy);
	h->running--;
}

static void stop(struct http *h, struct transfer *t, enum art_status s, const char *why)
{
	if (t->easy)
		leave(h, t);
	transfer_stop(t, s, why);
	finish(h, t);
}

static void begin(struct http *h, struct transfer *t)
{
	if (transfer_begin(t, h->user_agent) != ART_OK) {
		finish(h, t);
		return;
	}
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		art_die("libcurl takes no more transfers");
	h->running++;
}

static void end(struct http *h, struct transfer *t, CURLcode code)
{
	leave(h, t);
	if (transfer_end(t, code))
		finish(h, t);
}

/* The piece that waited is handed over at once, and may be refused or put off again. */
static void resume(struct http *h, uint64_t id)
{
	struct transfer *t = h->active;
	CURLcode code;

	while (t && t->id != id)
		t = t->next;
	if (!t || !t->easy || !t->paused || t->cancelled)
		return;
	t->moved_at = art_mono_us();
	t->paused = false;
	code = curl_easy_pause(t->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		end(h, t, code);
}

/* Newcomers, cancellations, resumptions. False: the engine is to end. */
static bool take_news(struct http *h)
{
	struct transfer *news, **end = &h->active;
	uint64_t *cancels, *resumes;
	size_t n, n_resumes;
	bool closing;

	pthread_mutex_lock(&h->lock);
	news = h->incoming;
	h->incoming = NULL;
	h->incoming_end = &h->incoming;
	cancels = h->cancels;
	n = h->n_cancels;
	h->cancels = NULL;
	h->n_cancels = 0;
	resumes = h->resumes;
	n_resumes = h->n_resumes;
	h->resumes = NULL;
	h->n_resumes = 0;
	closing = h->closing;
	pthread_mutex_unlock(&h->lock);
	while (*end)
		end = &(*end)->next;
	*end = news;
	for (size_t i = 0; i < n; i++)
		for (struct transfer *t = h->active; t; t = t->next)
			if (t->id == cancels[i])
				t->cancelled = true;
	for (size_t i = 0; i < n_resumes; i++)
		resume(h, resumes[i]);
	free(cancels);
	free(resumes);
	return !closing;
}

/*
 * Starts what is due, ends what is cancelled or late. How many run at once is kept here and not by
 * libcurl, where a transfer that waits for a connection has no deadline and may be forgotten (7.88).
 */
static void look_after(struct http *h, int64_t now)
{
	for (struct transfer *t = h->active, *next; t; t = next) {
		next = t->next;
		if (t->cancelled)
			stop(h, t, ART_CANCELLED, "cancelled");
		else if (t->easy && now >= transfer_late_at(t))
			end(h, t, CURLE_OPERATION_TIMEDOUT);
		else if (!t->easy && now >= t->deadline_mono_us)
			stop(h, t, ART_NET, "no whole answer in time");
		else if (!t->easy && now >= t->start_at && h->running < h->max_running)
			begin(h, t);
	}
}

/* Until something is due; with nothing under way that is never, so that an idle engine costs nothing. */
static int sleep_ms(struct http *h)
{
	int64_t now = art_mono_us(), until = h->active ? now + LOOK_MS * 1000 : INT64_MAX;

	for (struct transfer *t = h->active; t; t = t->next) {
		int64_t at = t->start_at;

		if (t->easy)
			at = transfer_late_at(t);
		else if (h->running == h->max_running)
			at = t->deadline_mono_us;
		until = at < until ? at : until;
	}
	if (until == INT64_MAX)
		return INT_MAX;
	return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

static void reap(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		end(h, t, code);
	}
}

static void *run(void *arg)
{
	struct http *h = arg;
	int running;

	while (take_news(h)) {
		int64_t now = art_mono_us();

		curl_multi_perform(h->multi, &running);
		reap(h);
		/* Late is what was so before the sockets were read: an answer that lay there counts, even
		 * when this thread was kept from running. */
		look_after(h, now);
		curl_multi_poll(h->multi, NULL, 0, sleep_ms(h), NULL);
	}
	while (h->active)
		stop(h, h->active, ART_CANCELLED, "the program is ending");
	return NULL;
}

/* ---- the door ---------------------------------------------------------------------------------- */

enum art_status http_open(struct http **out, const struct http_options *opt, struct art_err *err)
{
	struct http *h;
	sigset_t all, before;
	int rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return art_fail(err, ART_UNSUPPORTED, "libcurl cannot be set up");
	h = art_alloc(1, sizeof(*h));
	h->incoming_end = &h->incoming;
	h->user_agent = art_strdup(opt && opt->user_agent ? opt->user_agent : "artui/" ART_VERSION);
	pthread_mutex_init(&h->lock, NULL);
	h->multi = curl_multi_init();
	if (!h->multi)
		art_die("out of memory");
	h->max_running = opt && opt->max_connections > 0 ? opt->max_connections : CONNECTIONS;
	/* Kept ones included. */
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->max_running);
	/* Signals stay the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&h->thread, NULL, run, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		art_die("no thread for the network: %s", strerror(rc));
	pthread_setname_np(h->thread, "artui-net");
	*out = h;
	return ART_OK;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_mutex_unlock(&h->lock);
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	pthread_mutex_destroy(&h->lock);
	free(h->cancels);
	free(h->resumes);
	free(h->user_agent);
	free(h);
}

enum art_status http_start(struct http *h, const struct http_request *q, http_done_fn done,
			   void *arg, uint64_t *id, struct art_err *err)
{
	struct transfer *t;
	enum art_status s = transfer_new(&t, q, err);

	if (s != ART_OK)
		return s;
	t->done = done;
	t->arg = arg;
	pthread_mutex_lock(&h->lock);
	/* A callback that hears of the end may ask for more without knowing why it was called. */
	if (h->closing) {
		pthread_mutex_unlock(&h->lock);
		transfer_free(t);
		return art_fail(err, ART_CANCELLED, "the program is ending");
	}
	t->id = ++h->last_id;
	if (id)
		*id = t->id;
	*h->incoming_end = t;
	h->incoming_end = &t->next;
	pthread_mutex_unlock(&h->lock);
	curl_multi_wakeup(h->multi);
	return ART_OK;
}

void http_cancel(struct http *h, uint64_t id)
{
	pthread_mutex_lock(&h->lock);
	h->cancels = art_grow(h->cancels, h->n_cancels + 1, sizeof(*h->cancels));
	h->cancels[h->n_cancels++] = id;
	pthread_mutex_unlock(&h->lock);
	curl_multi_wakeup(h->multi);
}

void http_resume(struct http *h, uint64_t id)
{
	pthread_mutex_lock(&h->lock);
	h->resumes = art_grow(h->resumes, h->n_resumes + 1, sizeof(*h->resumes));
	h->resumes[h->n_resumes++] = id;
	pthread_mutex_unlock(&h->lock);
	curl_multi_wakeup(h->multi);
}

/* ---- waiting for one --------------------------------------------------------------------------- */

struct waiting {
	pthread_mutex_t lock; /* protects done and what it says */
	pthread_cond_t cond;
	bool done;
	struct http_response *r;
	enum art_status s;
	struct art_err err;
};

static void on_done(void *arg, struct http_response *r, enum art_status s, const struct art_err *err)
{
	struct waiting *w = arg;

	pthread_mutex_lock(&w->lock);
	http_response_destroy(w->r);
	*w->r = *r;
	http_response_init(r); /* its content is the caller's now */
	w->s = s;
	w->err = *err;
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void wait_done(struct http *h, struct waiting *w, uint64_t id, const bool *cancel)
{
	bool told = false;

	pthread_mutex_lock(&w->lock);
	while (!w->done) {
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += CANCEL_LOOK_MS * 1000000L;
		if (at.tv_nsec >= 1000000000L) {
			at.tv_sec++;
			at.tv_nsec -= 1000000000L;
		}
		pthread_cond_timedwait(&w->cond, &w->lock, &at);
		if (!w->done && !told && cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)) {
			told = true;
			http_cancel(h, id);
		}
	}
	pthread_mutex_unlock(&w->lock);
}

enum art_status http_call(struct http *h, const struct http_request *q, struct http_response *r,
			  const bool *cancel, struct art_err *err)
{
	struct waiting w = { .r = r };
	pthread_condattr_t attr;
	uint64_t id;
	enum art_status s;

	http_response_init(r);
	if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
		return art_fail(err, ART_CANCELLED, "cancelled");
	pthread_mutex_init(&w.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.cond, &attr);
	pthread_condattr_destroy(&attr);
	s = http_start(h, q, on_done, &w, &id, err);
	if (s == ART_OK) {
		wait_done(h, &w, id, cancel);
		s = w.s;
		if (s != ART_OK && err)
			*err = w.err;
	}
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.lock);
	return s;
}
