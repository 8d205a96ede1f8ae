/*
 * http_load.c - sends HTTP requests over many kept connections of this machine and says how fast they were answered.
 *
 *   http_load PORT CONNECTIONS SECONDS FILE   the requests of FILE again and again, for SECONDS
 *   http_load PORT CONNECTIONS 0 FILE         each once
 *   http_load PORT CONNECTIONS SECONDS -idle|-slow   opens connections that send nothing, or a request a byte a second,
 *                                             holds them for SECONDS and says how many the server let live
 *
 * FILE holds whole requests, a NUL byte after each. Prints one line of JSON. One thread: it must cost little beside what it measures.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (256 << 10)
#define STATUSES 600

struct connection {
	int fd;
	const char *out;
	size_t left;
	char in[ROOM];
	size_t n;
	double began;
};

static const char **requests;
static size_t n_requests, next_request;
static double *took;
static size_t n_took, took_room;
static int statuses[STATUSES];
static int errors;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void read_requests(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n = 0, room = 0, got;
	char *text = NULL;

	if (!f)
		die(path);
	do {
		room = room ? room * 2 : 1 << 20;
		text = realloc(text, room);
		got = fread(text + n, 1, room - n, f);
		n += got;
	} while (got > 0);
	fclose(f);
	for (size_t at = 0; at < n; at += strlen(text + at) + 1) {
		requests = realloc(requests, (n_requests + 1) * sizeof(*requests));
		requests[n_requests++] = text + at;
	}
}

static bool begin(struct connection *c, bool once)
{
	if (once && next_request == n_requests)
		return false;
	c->out = requests[next_request % n_requests];
	next_request++;
	c->left = strlen(c->out);
	c->n = 0;
	c->began = now();
	return true;
}

/* Length of the whole answer in c->in; 0: not there yet. */
static size_t whole(struct connection *c)
{
	char *end, *line;

	c->in[c->n] = 0;
	end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return 0;
	for (line = c->in; line && line < end; line = strstr(line, "\r\n"), line = line ? line + 2 : NULL)
		if (!strncasecmp(line, "Content-Length:", 15)) {
			size_t all = (size_t)(end + 4 - c->in) + strtoul(line + 15, NULL, 10);

			return c->n >= all ? all : 0;
		}
	end = strstr(end, "\r\n0\r\n\r\n");
	return end ? (size_t)(end + 7 - c->in) : 0;
}

static void count(struct connection *c)
{
	int status = c->n > 12 ? atoi(c->in + 9) : 0;

	statuses[status > 0 && status < STATUSES ? status : 0]++;
	if (n_took == took_room) {
		took_room = took_room ? took_room * 2 : 1 << 16;
		took = realloc(took, took_room * sizeof(*took));
	}
	took[n_took++] = now() - c->began;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print(double seconds)
{
	const char *comma = "";

	qsort(took, n_took, sizeof(*took), by_size);
	printf("{\"answers\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"errors\":%d,\"statuses\":{", n_took, seconds,
	       (double)n_took / seconds, n_took ? took[n_took / 2] * 1e3 : 0, n_took ? took[n_took * 99 / 100] * 1e3 : 0, errors);
	for (int i = 0; i < STATUSES; i++)
		if (statuses[i]) {
			printf("%s\"%d\":%d", comma, i, statuses[i]);
			comma = ",";
		}
	printf("}}\n");
}

/* False: this connection has nothing more to do. */
static bool step(struct connection *c, bool once, double until)
{
	ssize_t n;

	while (c->left) {
		n = send(c->fd, c->out, c->left, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			errors++;
			return false;
		}
		c->out += n;
		c->left -= (size_t)n;
	}
	for (;;) {
		n = recv(c->fd, c->in + c->n, ROOM - 1 - c->n, 0);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			errors++;
			return false;
		}
		c->n += (size_t)n;
		if (!whole(c))
			continue;
		count(c);
		if ((!once && now() >= until) || !begin(c, once))
			return false;
		n = send(c->fd, c->out, c->left, MSG_NOSIGNAL);
		if (n > 0) {
			c->out += n;
			c->left -= (size_t)n;
		}
	}
}

static void load(int port, int connections, double seconds)
{
	bool once = seconds == 0;
	double start = now(), until = start + seconds;
	int ep = epoll_create1(EPOLL_CLOEXEC), live = 0;

	for (int i = 0; i < connections; i++) {
		struct connection *c = calloc(1, sizeof(*c));
		struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data = { .ptr = c } };

		if (!begin(c, once))
			break;
		c->fd = dial(port);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) != 0)
			die("epoll");
		live++;
	}
	while (live) {
		struct epoll_event e[64];
		int n = epoll_wait(ep, e, 64, 120000);

		if (n <= 0) {
			errors += live;
			break;
		}
		for (int i = 0; i < n; i++) {
			struct connection *c = e[i].data.ptr;

			if (c->fd >= 0 && !step(c, once, until)) {
				close(c->fd);
				c->fd = -1;
				live--;
			}
		}
	}
	print(now() - start);
}

/* Half a request, a byte a second each; an idle one says nothing at all. */
static void sit(int port, int connections, double seconds, bool slow)
{
	static const char line[] = "POST /experiment HTTP/1.1\r\nHost: slow\r\nX-Slow: ";
	int *fd = calloc((size_t)connections, sizeof(*fd)), alive = 0;
	char byte;

	for (int i = 0; i < connections; i++)
		fd[i] = dial(port);
	printf("{\"open\":%d}\n", connections);
	fflush(stdout);
	for (size_t k = 0; k < (size_t)seconds; k++) {
		for (int i = 0; slow && i < connections; i++)
			(void)!send(fd[i], k < sizeof(line) - 1 ? line + k : "x", 1, MSG_NOSIGNAL);
		sleep(1);
	}
	for (int i = 0; i < connections; i++)
		alive += recv(fd[i], &byte, 1, 0) < 0 && errno == EAGAIN;
	printf("{\"alive\":%d}\n", alive);
}

int main(int argc, char **argv)
{
	int port = argc == 5 ? atoi(argv[1]) : 0, connections = argc == 5 ? atoi(argv[2]) : 0;
	double seconds = argc == 5 ? atof(argv[3]) : 0;

	if (port <= 0 || connections <= 0) {
		fputs("usage: http_load PORT CONNECTIONS SECONDS FILE|-idle|-slow\n", stderr);
		return 2;
	}
	if (argv[4][0] == '-') {
		sit(port, connections, seconds, !strcmp(argv[4], "-slow"));
		return 0;
	}
	read_requests(argv[4]);
	load(port, connections, seconds);
	return 0;
}
