/*
 * pool.c - see pool.h.
 */
#include "worker/serve/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 64
#define BUSY_MS 5000

struct task {
	struct task *next;
	pool_fn fn;
	void *arg;
};

struct pool {
	pthread_mutex_t lock; /* all below */
	pthread_cond_t more;
	struct task *first, **end;
	size_t waiting;
	bool closing;
	pthread_t threads[THREADS_MAX];
	struct store *stores[THREADS_MAX];
	int n;
	int next_store;
};

static void *pool_main(void *arg)
{
	struct pool *p = arg;
	struct store *st;

	pthread_mutex_lock(&p->lock);
	st = p->stores[p->next_store++];
	for (;;) {
		struct task *t;

		while (!p->first && !p->closing)
			pthread_cond_wait(&p->more, &p->lock);
		if (p->closing)
			break;
		t = p->first;
		p->first = t->next;
		if (!p->first)
			p->end = &p->first;
		p->waiting--;
		pthread_mutex_unlock(&p->lock);
		t->fn(t->arg, st);
		free(t);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

enum art_status pool_open(struct pool **out, const char *db, struct bell *bell, int threads,
			  struct art_err *err)
{
	struct pool *p = art_alloc(1, sizeof(*p));
	enum art_status s = ART_OK;
	sigset_t all, before;
	int rc = 0;

	ART_BUG_ON(threads < 1 || threads > THREADS_MAX);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->end = &p->first;
	for (int i = 0; i < threads && s == ART_OK; i++) {
		s = store_open(&p->stores[i], db, 0, BUSY_MS, err);
		if (s == ART_OK && bell)
			store_attach_bell(p->stores[i], bell);
	}
	/* Signals stay the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (int i = 0; i < threads && s == ART_OK && !rc; i++) {
		rc = pthread_create(&p->threads[i], NULL, pool_main, p);
		p->n += rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		errno = rc;
		s = art_fail_errno(err, "start a thread");
	}
	if (s != ART_OK) {
		pool_close(p);
		return s;
	}
	*out = p;
	return ART_OK;
}

bool pool_add(struct pool *p, pool_fn fn, void *arg, size_t max)
{
	struct task *t = art_alloc(1, sizeof(*t));
	bool ok;

	*t = (struct task){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&p->lock);
	ok = !p->closing && (!max || p->waiting < max);
	if (ok) {
		*p->end = t;
		p->end = &t->next;
		p->waiting++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (!ok)
		free(t);
	return ok;
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	for (struct task *t = p->first, *next; t; t = next) {
		next = t->next;
		t->fn(t->arg, NULL);
		free(t);
	}
	for (int i = 0; i < THREADS_MAX; i++)
		store_close(p->stores[i]);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
