/*
 * fake_node.h - a JSON-RPC node on loopback for tests: a thread that reads calls and lets a function of the
 * test answer them, truthfully or not.
 *
 * The function runs on the node's thread while the test waits in a call, so they share data without locks.
 */
#ifndef TESTS_UNIT_FAKE_NODE_H
#define TESTS_UNIT_FAKE_NODE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/json.h"

#define NODE_TEXT_MAX ((size_t)32 << 20)

struct node_call {
	int64_t id;
	const char *method;
	const struct json *params;
	int status;          /* of HTTP; 200 */
	const char *type;    /* Content-Type */
	struct art_buf body; /* the answer */
	bool drop;           /* close without a byte */
	bool silent;         /* the same, when the caller has gone */
};
typedef void (*node_fn)(void *arg, struct node_call *c);

struct fake_node {
	pthread_t thread;
	int listener, stop, calls;
	char url[64];
	node_fn fn;
	void *arg;
};

/* {"jsonrpc":"2.0","id":ID, and then @fmt: "\"result\":..}" */
__attribute__((format(printf, 2, 3), unused)) static void node_answer(struct node_call *c,
								       const char *fmt, ...)
{
	char *rest;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&rest, fmt, ap) < 0)
		abort();
	va_end(ap);
	art_buf_reset(&c->body);
	art_buf_putf(&c->body, "{\"jsonrpc\":\"2.0\",\"id\":%lld,%s", (long long)c->id, rest);
	free(rest);
}

/* The body of one POST, or nothing. */
static void node_read(int fd, struct art_buf *b)
{
	char chunk[65536];
	const char *head, *length;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n <= 0 || art_buf_add(b, chunk, (size_t)n) != ART_OK)
			return;
		head = strstr(b->data, "\r\n\r\n");
		length = head ? strcasestr(b->data, "content-length:") : NULL;
		if (length && length < head &&
		    b->len - (size_t)(head + 4 - b->data) >= strtoul(length + 15, NULL, 10))
			return;
	}
}

static void node_write(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

static void node_serve(struct fake_node *node, int fd)
{
	struct node_call c = { .status = 200, .type = "application/json" };
	struct json *doc = NULL;
	struct art_buf in, head;
	const char *body;

	art_buf_init(&in, NODE_TEXT_MAX);
	art_buf_init(&head, 1024);
	art_buf_init(&c.body, NODE_TEXT_MAX);
	node_read(fd, &in);
	body = in.data ? strstr(in.data, "\r\n\r\n") : NULL;
	if (body && json_parse(&doc, body + 4, strlen(body + 4), NODE_TEXT_MAX, NULL) == ART_OK) {
		c.id = json_int(json_get(doc, "id")).v;
		c.method = json_str(json_get(doc, "method"));
		c.params = json_get(doc, "params");
		node->calls++;
		node->fn(node->arg, &c);
	} else {
		c.status = 400;
	}
	art_buf_putf(&head, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			    "Connection: close\r\n\r\n", c.status, c.type, c.body.len);
	if (c.silent)
		poll(&(struct pollfd){ .fd = fd, .events = POLLRDHUP }, 1, 5000);
	if (!c.drop && !c.silent) {
		node_write(fd, head.data, head.len);
		node_write(fd, c.body.data, c.body.len);
	}
	json_free(doc);
	art_buf_destroy(&in);
	art_buf_destroy(&head);
	art_buf_destroy(&c.body);
}

static void *node_run(void *arg)
{
	struct fake_node *node = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = node->listener, .events = POLLIN },
				       { .fd = node->stop, .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return NULL;
		fd = accept4(node->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		node_serve(node, fd);
		close(fd);
	}
}

static void node_start(struct fake_node *node, node_fn fn, void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	*node = (struct fake_node){ .fn = fn, .arg = arg };
	node->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	node->stop = eventfd(0, EFD_CLOEXEC);
	if (node->listener < 0 || node->stop < 0 || bind(node->listener, (struct sockaddr *)&at, n) ||
	    listen(node->listener, 16) || getsockname(node->listener, (struct sockaddr *)&at, &n))
		art_die("the fake node cannot listen");
	snprintf(node->url, sizeof(node->url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
	if (pthread_create(&node->thread, NULL, node_run, node))
		art_die("the fake node has no thread");
}

static void node_stop(struct fake_node *node)
{
	uint64_t one = 1;

	if (write(node->stop, &one, sizeof(one)) != sizeof(one))
		art_die("the fake node cannot be stopped");
	pthread_join(node->thread, NULL);
	close(node->listener);
	close(node->stop);
}

#endif
