/*
 * loopback_server.h - an HTTP server on 127.0.0.1 for tests, as rude as a test wants: a function of the test
 * gets each request and writes to the socket whatever it likes.
 *
 * The function runs on a thread of its connection; what was asked is recorded under a lock.
 */
#ifndef TESTS_UNIT_LOOPBACK_SERVER_H
#define TESTS_UNIT_LOOPBACK_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/base.h"

#define LOOP_REQUEST_MAX (1u << 20)
#define LOOP_CONNECTIONS 256

struct loop_call {
	int fd;
	const char *request; /* head and body, NUL-terminated */
	char method[16], path[512];
	bool keep;           /* wait for another request on this connection */
	int stop;            /* readable once the server is to stop */
};
typedef void (*loop_fn)(void *arg, struct loop_call *c);

struct loop_server {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, stop, port;
	char url[64]; /* "http://127.0.0.1:PORT" */
	loop_fn fn;
	void *arg;
	int requests, connections;
	char last[8192]; /* the newest request, clipped */
	pthread_t workers[LOOP_CONNECTIONS];
	int n_workers;
};

struct loop_worker {
	struct loop_server *s;
	int fd;
};

/* False when the server is to stop. */
__attribute__((unused)) static bool loop_pause(const struct loop_call *c, int ms)
{
	struct pollfd f = { .fd = c->stop, .events = POLLIN };

	return poll(&f, 1, ms) == 0;
}

/* Until the client hangs up, and not longer than @ms. */
__attribute__((unused)) static void loop_silence(const struct loop_call *c, int ms)
{
	struct pollfd f[2] = { { .fd = c->stop, .events = POLLIN }, { .fd = c->fd, .events = POLLRDHUP } };

	poll(f, 2, ms);
}

__attribute__((unused)) static void loop_send(const struct loop_call *c, const char *p, size_t n)
{
	while (n) {
		ssize_t did = send(c->fd, p, n, MSG_NOSIGNAL);

		if (did <= 0)
			return;
		p += did;
		n -= (size_t)did;
	}
}

__attribute__((format(printf, 2, 3), unused)) static void loop_printf(const struct loop_call *c,
								       const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	loop_send(c, text, (size_t)n);
	free(text);
}

__attribute__((unused)) static void loop_answer(const struct loop_call *c, int status, const char *headers,
						const char *body)
{
	loop_printf(c, "HTTP/1.1 %d Word\r\n%sContent-Length: %zu\r\n%s\r\n%s", status, headers, strlen(body),
		    c->keep ? "" : "Connection: close\r\n", body);
}

/* One whole request into @b; false when the client is gone or the server stops. */
static bool loop_read(struct loop_worker *w, struct art_buf *b)
{
	char part[65536];
	const char *end, *length;

	for (;;) {
		struct pollfd f[2] = { { .fd = w->fd, .events = POLLIN }, { .fd = w->s->stop, .events = POLLIN } };
		ssize_t n;

		if (poll(f, 2, 20000) <= 0 || f[1].revents)
			return false;
		n = read(w->fd, part, sizeof(part));
		if (n <= 0 || art_buf_add(b, part, (size_t)n) != ART_OK)
			return false;
		end = strstr(b->data, "\r\n\r\n");
		length = strcasestr(b->data, "content-length:");
		if (end && (!length || length > end || b->len - (size_t)(end + 4 - b->data) >= strtoul(length + 15, NULL, 10)))
			return true;
	}
}

static void *loop_serve(void *arg)
{
	struct loop_worker *w = arg;
	struct loop_call c = { .fd = w->fd, .keep = true, .stop = w->s->stop };
	struct art_buf b;

	art_buf_init(&b, LOOP_REQUEST_MAX);
	while (c.keep && loop_read(w, &b)) {
		c.request = b.data;
		c.keep = false;
		if (sscanf(b.data, "%15s %511s", c.method, c.path) != 2)
			break;
		pthread_mutex_lock(&w->s->lock);
		w->s->requests++;
		art_copy(w->s->last, sizeof(w->s->last), b.data);
		pthread_mutex_unlock(&w->s->lock);
		w->s->fn(w->s->arg, &c);
		art_buf_reset(&b);
	}
	art_buf_destroy(&b);
	close(w->fd);
	free(w);
	return NULL;
}

static void *loop_accept(void *arg)
{
	struct loop_server *s = arg;

	for (;;) {
		struct pollfd f[2] = { { .fd = s->listener, .events = POLLIN }, { .fd = s->stop, .events = POLLIN } };
		struct loop_worker *w;
		int fd;

		if (poll(f, 2, -1) < 0 || f[1].revents)
			return NULL;
		fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (s->n_workers == LOOP_CONNECTIONS) {
			close(fd);
			continue;
		}
		w = calloc(1, sizeof(*w));
		*w = (struct loop_worker){ s, fd };
		pthread_mutex_lock(&s->lock);
		s->connections++;
		pthread_mutex_unlock(&s->lock);
		if (pthread_create(&s->workers[s->n_workers], NULL, loop_serve, w) == 0)
			s->n_workers++;
	}
}

__attribute__((unused)) static void loop_start(struct loop_server *s, loop_fn fn, void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	memset(s, 0, sizeof(*s));
	s->fn = fn;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->stop < 0 || bind(s->listener, (struct sockaddr *)&a, n) || listen(s->listener, 256) ||
	    getsockname(s->listener, (struct sockaddr *)&a, &n))
		abort();
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
	if (pthread_create(&s->thread, NULL, loop_accept, s))
		abort();
}

__attribute__((unused)) static int loop_requests(struct loop_server *s)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = s->requests;
	pthread_mutex_unlock(&s->lock);
	return n;
}

__attribute__((unused)) static int loop_connections(struct loop_server *s)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = s->connections;
	pthread_mutex_unlock(&s->lock);
	return n;
}

__attribute__((unused)) static void loop_last(struct loop_server *s, char out[8192])
{
	pthread_mutex_lock(&s->lock);
	art_copy(out, sizeof(s->last), s->last);
	pthread_mutex_unlock(&s->lock);
}

__attribute__((unused)) static void loop_stop(struct loop_server *s)
{
	uint64_t one = 1;

	if (write(s->stop, &one, sizeof(one)) != sizeof(one))
		abort();
	pthread_join(s->thread, NULL);
	for (int i = 0; i < s->n_workers; i++)
		pthread_join(s->workers[i], NULL);
	close(s->listener);
	close(s->stop);
	pthread_mutex_destroy(&s->lock);
}

#endif
