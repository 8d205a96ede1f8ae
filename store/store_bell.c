/*
 * store_bell.c - tells other threads of this process that a commit touched their topics.
 *
 * Why no wake is lost: a ringer ORs its bits first and writes the descriptor only when the mask was
 * empty; a reader drains first and takes the mask afterwards. Bits that arrive between the two are
 * either taken at once (the write then causes one empty wake) or were covered by an earlier write.
 * In the other order a ring between take and drain would be swallowed.
 */
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bell_sub {
	struct bell_sub *next; /* under bell.lock */
	unsigned topics;       /* never changes */
	int fd;
	atomic_uint mask;      /* topics rung and not yet taken */
};

struct bell {
	/* Protects the list of subscribers and their lives. Held over eventfd writes, which cannot
	 * block; never over SQL, file I/O or a callback. */
	pthread_mutex_t lock;
	struct bell_sub *subs;
};

struct bell *bell_new(void)
{
	struct bell *b = art_alloc(1, sizeof(*b));

	ART_BUG_ON(pthread_mutex_init(&b->lock, NULL) != 0);
	return b;
}

void bell_free(struct bell *b)
{
	if (b == NULL)
		return;
	ART_BUG_ON(b->subs != NULL);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

struct bell_sub *bell_subscribe(struct bell *b, unsigned topics)
{
	struct bell_sub *s = art_alloc(1, sizeof(*s));

	s->topics = topics;
	atomic_init(&s->mask, 0);
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->fd < 0)
		art_die("cannot make an eventfd: out of file descriptors");
	pthread_mutex_lock(&b->lock);
	s->next = b->subs;
	b->subs = s;
	pthread_mutex_unlock(&b->lock);
	return s;
}

void bell_unsubscribe(struct bell *b, struct bell_sub *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	struct bell_sub **p = &b->subs;
	while (*p != NULL && *p != s)
		p = &(*p)->next;
	ART_BUG_ON(*p == NULL);
	*p = s->next;
	pthread_mutex_unlock(&b->lock);
	close(s->fd);
	free(s);
}

int bell_fd(const struct bell_sub *s)
{
	return s->fd;
}

unsigned bell_take(struct bell_sub *s)
{
	uint64_t count;

	/* EAGAIN: nothing was written; the mask is taken all the same. */
	while (read(s->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	return atomic_exchange(&s->mask, 0);
}

void bell_ring(struct bell *b, unsigned topics)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&b->lock);
	for (struct bell_sub *s = b->subs; s != NULL; s = s->next) {
		unsigned mine = topics & s->topics;
		if (mine == 0 || atomic_fetch_or(&s->mask, mine) != 0)
			continue;
		/* EAGAIN would need 2^64 - 1 undrained writes. */
		while (write(s->fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	pthread_mutex_unlock(&b->lock);
}
