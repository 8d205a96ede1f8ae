/*
 * http_batch.c - many requests from one thread over the engine's callbacks.
 *
 * Layer: core. Everything but the list of answers is the owner's alone. The lock protects that list; the
 * callback holds it for a few assignments, the owner never while it waits. An answer counts as in flight
 * until it is taken, so that a slow owner cannot be buried under bodies.
 */
#include "core/net/http_batch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CANCEL_LOOK_MS 100
#define LONGEST_WAIT_MS 60000 /* then it looks at the clock again */

struct job {
	struct job *next;         /* of the queue it waits in, or of the ended ones */
	struct http_batch *batch;
	struct http_request q;    /* owned while it waits, then empty */
	uint64_t id;
	int slot;                 /* its place among those in flight */
	struct http_answer answer;
};

struct queue {
	struct job *first, **end;
};

struct http_batch {
	struct http *http;
	int max, in_flight;
	struct job **slots;   /* @max of them; NULL: free */
	struct queue waiting;
	size_t left;
	int fd;               /* rung for each answer */
	pthread_mutex_t lock; /* protects ended */
	struct queue ended;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void push(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->end = j;
	q->end = &j->next;
}

static struct job *pop(struct queue *q)
{
	struct job *j = q->first;

	if (!j)
		return NULL;
	q->first = j->next;
	if (!q->first)
		q->end = &q->first;
	return j;
}

/* ---- requests ---------------------------------------------------------------------------------- */

/* A request of our own: it may wait for long after the caller's is gone. */
static void copy_request(struct http_request *to, const struct http_request *from)
{
	char **headers = art_alloc((size_t)from->n_headers + 1, sizeof(*headers));
	char *body = NULL;

	for (int i = 0; i < from->n_headers; i++)
		headers[i] = art_strdup(from->headers[i]);
	if (from->body) {
		body = art_alloc(from->body_len + 1, 1);
		memcpy(body, from->body, from->body_len);
	}
	*to = *from;
	to->method = from->method ? art_strdup(from->method) : NULL;
	to->url = art_strdup(from->url ? from->url : "");
	to->headers = (const char *const *)headers;
	to->body = body;
}

static void free_request(struct http_request *q)
{
	for (int i = 0; i < q->n_headers; i++) {
		char *line = (char *)q->headers[i];

		explicit_bzero(line, strlen(line)); /* it may hold a key */
		free(line);
	}
	free((void *)q->headers);
	free((void *)q->method);
	free((void *)q->url);
	free((void *)q->body);
	memset(q, 0, sizeof(*q));
}

void http_batch_open(struct http_batch **out, struct http *h, int max_in_flight)
{
	struct http_batch *b = art_alloc(1, sizeof(*b));

	b->http = h;
	b->max = max_in_flight > 0 ? max_in_flight : 1;
	b->slots = art_alloc((size_t)b->max, sizeof(struct job *));
	queue_init(&b->waiting);
	queue_init(&b->ended);
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0)
		art_die("no descriptor left for the network: %s", strerror(errno));
	pthread_mutex_init(&b->lock, NULL);
	*out = b;
}

void http_batch_add(struct http_batch *b, const struct http_request *q, void *tag)
{
	struct job *j = art_alloc(1, sizeof(*j));

	j->batch = b;
	j->answer.tag = tag;
	http_response_init(&j->answer.response);
	copy_request(&j->q, q);
	push(&b->waiting, j);
	b->left++;
}

size_t http_batch_left(const struct http_batch *b)
{
	return b->left;
}

/* ---- answers ----------------------------------------------------------------------------------- */

/* Under the lock: when it is given back the owner may take the job, and free the batch. */
static void end(struct job *j)
{
	const uint64_t one = 1;

	push(&j->batch->ended, j);
	while (write(j->batch->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* On the engine's thread. */
static void on_done(void *arg, struct http_response *r, enum art_status s, const struct art_err *err)
{
	struct job *j = arg;
	struct http_batch *b = j->batch;

	pthread_mutex_lock(&b->lock);
	j->answer.status = s;
	if (s != ART_OK)
		j->answer.err = *err;
	http_response_destroy(&j->answer.response);
	j->answer.response = *r;
	http_response_init(r); /* its content is ours now */
	end(j);
	pthread_mutex_unlock(&b->lock);
}

static void start(struct http_batch *b, struct job *j)
{
	struct http_request q = j->q;
	struct art_err err = { 0 };
	enum art_status s;

	memset(&j->q, 0, sizeof(j->q));
	j->slot = 0;
	while (b->slots[j->slot])
		j->slot++;
	b->slots[j->slot] = j;
	b->in_flight++;
	/* From here on the answer is the callback's to fill, unless there will be none. */
	s = http_start(b->http, &q, on_done, j, &j->id, &err);
	free_request(&q);
	if (s == ART_OK)
		return;
	pthread_mutex_lock(&b->lock);
	j->answer.status = s;
	j->answer.err = err;
	end(j);
	pthread_mutex_unlock(&b->lock);
}

static struct job *take(struct http_batch *b)
{
	struct job *j;

	pthread_mutex_lock(&b->lock);
	j = pop(&b->ended);
	pthread_mutex_unlock(&b->lock);
	if (j) {
		b->slots[j->slot] = NULL;
		b->in_flight--;
		b->left--;
	}
	return j;
}

/* Until an answer rings, at most until @until_us, and not longer than a look at @cancel may wait. */
static void wait_for_bell(struct http_batch *b, const bool *cancel, int64_t until_us)
{
	struct pollfd f = { .fd = b->fd, .events = POLLIN };
	int64_t ms = cancel ? CANCEL_LOOK_MS : LONGEST_WAIT_MS, left = until_us - art_mono_us();
	uint64_t rings;

	if (until_us && left / 1000 + 1 < ms)
		ms = left > 0 ? left / 1000 + 1 : 0;
	if (poll(&f, 1, (int)ms) > 0 && read(b->fd, &rings, sizeof(rings)) < 0)
		return; /* drained before: the list is looked at in any case */
}

enum art_status http_batch_next(struct http_batch *b, struct http_answer *out, const bool *cancel,
				int64_t until_us, struct art_err *err)
{
	struct job *j;

	memset(out, 0, sizeof(*out));
	http_response_init(&out->response);
	if (!b->left)
		return art_fail(err, ART_NOT_FOUND, "no request is left");
	for (;;) {
		if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
			return art_fail(err, ART_CANCELLED, "the requests were cancelled");
		while (b->in_flight < b->max && b->waiting.first)
			start(b, pop(&b->waiting));
		j = take(b);
		if (j)
			break;
		if (until_us && art_mono_us() >= until_us)
			return art_fail(err, ART_NET, "no answer came in the time given");
		wait_for_bell(b, cancel, until_us);
	}
	*out = j->answer;
	free(j);
	return ART_OK;
}

void http_batch_close(struct http_batch *b)
{
	struct job *j;

	if (!b)
		return;
	while ((j = pop(&b->waiting)) != NULL) {
		free_request(&j->q);
		free(j);
	}
	for (int i = 0; i < b->max; i++)
		if (b->slots[i])
			http_cancel(b->http, b->slots[i]->id);
	while (b->in_flight) {
		j = take(b);
		if (!j) {
			wait_for_bell(b, NULL, 0);
			continue;
		}
		http_response_destroy(&j->answer.response);
		free(j);
	}
	pthread_mutex_destroy(&b->lock);
	close(b->fd);
	free(b->slots);
	free(b);
}
