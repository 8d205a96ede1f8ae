/*
 * bench_market.c - a discovery of 1,000 registrations on loopback: documents read and endpoints probed many at once from one thread,
 * beside the same list one after another; and what a discovery among hostile services costs in memory.
 *
 * The world is another process, which waits LATENCY_MS before each answer, as a short way through a network would. Each discovery
 * is a process of its own, so that its peak memory (VmHWM) is its alone. Exit 1 when one fails, or a hostile one takes more than
 * 64 MiB.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/market/market.h"

#define AGENTS 1000
#define PARALLEL 32
#define LATENCY_MS 5
#define HOSTS 16 /* of workers: 127.0.0.1 and on, as no host is probed for more than 64 endpoints */
#define MEMORY_MAX_KIB (64 * 1024)
#define REGISTRY "0x8004a818bfb912233c491871b3d84c89a494bd9e"
#define SKILL "ai_ml_engineering/model_training"

/* ---- the world ------------------------------------------------------------------------------------ */

struct world {
	int listeners[HOSTS], port;
	bool hostile;
};
struct client {
	const struct world *w;
	int fd;
};

static bool put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t did = send(fd, p, n, MSG_NOSIGNAL);

		if (did <= 0)
			return false;
		p += did;
		n -= (size_t)did;
	}
	return true;
}

/* In one piece: two would wait for each other's acknowledgement. */
static bool answer(int fd, int status, const char *body, size_t n)
{
	char *all = malloc(n + 128);
	int h = snprintf(all, 128, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", status, n);
	bool good;

	memcpy(all + h, body, n);
	good = put(fd, all, (size_t)h + n);
	free(all);
	return good;
}

/* As many values as fit, in @n bytes. */
static char *dense(size_t n)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i % 2 ? ',' : '0';
	p[0] = '[';
	p[n - 1] = ']';
	return p;
}

static void put_row(const struct world *w, struct art_buf *b, int id)
{
	art_buf_putf(b, "{\"agent_id\":\"84532:" REGISTRY ":%d\",\"token_id\":\"%d\",\"chain_id\":84532,"
			"\"contract_address\":\"" REGISTRY "\",\"name\":\"%d\",\"supported_protocols\":[\"OASF\"],"
			"\"raw_metadata\":{\"offchain_uri\":\"http://127.0.0.1:%d/doc/%d\"", id, id, id, w->port, id);
	/* Pages near their ceiling, with documents in them. */
	if (w->hostile) {
		art_buf_put(b, ",\"offchain_content\":{\"name\":\"x\",\"skills\":[\"" SKILL "\"],\"description\":\"");
		for (int i = 0; i < 70; i++)
			art_buf_putf(b, "%01000d", i);
		art_buf_put(b, "\"}");
	}
	art_buf_put(b, "}}");
}

static bool serve_rows(const struct world *w, int fd, const char *path)
{
	const char *at = strstr(path, "page=");
	int page = at ? (int)strtol(at + 5, NULL, 10) : 1;
	struct art_buf b;
	bool good;

	art_buf_init(&b, 32u << 20);
	art_buf_put(&b, "{\"success\":true,\"data\":[");
	for (int i = (page - 1) * 100; i < page * 100 && i < AGENTS; i++) {
		art_buf_put(&b, i % 100 ? "," : "");
		put_row(w, &b, i);
	}
	art_buf_putf(&b, "],\"meta\":{\"pagination\":{\"hasMore\":%s}}}", page * 100 < AGENTS ? "true" : "false");
	good = answer(fd, 200, b.data, b.len);
	art_buf_destroy(&b);
	return good;
}

static bool serve_document(const struct world *w, int fd, int id)
{
	char text[1024];
	int n;

	if (w->hostile) { /* a whole MiB, half of them values without end, half one long text */
		char *p = dense((1u << 20) - 1);
		bool good;

		if (id % 2) {
			memset(p, 'a', (1u << 20) - 1);
			memcpy(p, "{\"name\":\"", 9);
			memcpy(p + (1u << 20) - 3, "\"}", 2);
		}
		good = answer(fd, 200, p, (1u << 20) - 1);
		free(p);
		return good;
	}
	n = snprintf(text, sizeof(text),
		     "{\"name\":\"GPU %d\",\"services\":[{\"name\":\"web\",\"endpoint\":\"http://127.0.0.%d:%d/w/%d/services/a\"},"
		     "{\"name\":\"OASF\",\"skills\":[\"" SKILL "\"]}],\"x402Support\":true,\"registrations\":[{\"agentId\":%d,"
		     "\"agentRegistry\":\"eip155:84532:" REGISTRY "\"}],\"metadata\":{\"gpu\":\"H100\"}}", id, 1 + id % HOSTS,
		     w->port, id, id);
	return answer(fd, 200, text, (size_t)n);
}

static bool serve_probe(int fd)
{
	static const char text[] =
		"{\"x402Version\":2,\"accepts\":[{\"scheme\":\"exact\",\"network\":\"eip155:84532\",\"amount\":\"10000\","
		"\"asset\":\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\",\"payTo\":\"0x2222222222222222222222222222222222222222\","
		"\"maxTimeoutSeconds\":600,\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}]}";

	return answer(fd, 402, text, sizeof(text) - 1);
}

static bool serve(const struct world *w, int fd, const char *request)
{
	const char *path = strchr(request, ' ');

	path = path ? path + 1 : request;
	poll(NULL, 0, LATENCY_MS);
	if (!strncmp(path, "/agents", 7))
		return serve_rows(w, fd, path);
	if (!strncmp(path, "/doc/", 5))
		return serve_document(w, fd, (int)strtol(path + 5, NULL, 10));
	if (!strncmp(request, "POST", 4))
		return serve_probe(fd);
	return answer(fd, 200, "{\"status\":\"ok\",\"busy\":false}", 29);
}

static void *run_client(void *arg)
{
	struct client c = *(struct client *)arg;
	char in[16384];
	size_t n = 0;
	ssize_t got;

	free(arg);
	while ((got = read(c.fd, in + n, sizeof(in) - 1 - n)) > 0) {
		n += (size_t)got;
		in[n] = 0;
		/* Requests here are small and come one at a time. */
		if (!strstr(in, "\r\n\r\n") || (!strncmp(in, "POST", 4) && !strstr(in, "\r\n\r\n{")))
			continue;
		if (!serve(c.w, c.fd, in))
			break;
		n = 0;
	}
	close(c.fd);
	return NULL;
}

static void run_world(struct world *w)
{
	struct pollfd f[HOSTS];
	pthread_attr_t attr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (int i = 0; i < HOSTS; i++)
		f[i] = (struct pollfd){ .fd = w->listeners[i], .events = POLLIN };
	while (poll(f, HOSTS, -1) > 0) {
		for (int i = 0; i < HOSTS; i++) {
			struct client *c;
			pthread_t t;

			if (!f[i].revents)
				continue;
			c = malloc(sizeof(*c));
			c->w = w;
			c->fd = accept(f[i].fd, NULL, NULL);
			if (c->fd < 0 || pthread_create(&t, &attr, run_client, c))
				_exit(1);
		}
	}
	_exit(1);
}

static pid_t start_world(struct world *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	pid_t pid;

	for (int i = 0; i < HOSTS; i++) {
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
		w->listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (w->listeners[i] < 0 || bind(w->listeners[i], (struct sockaddr *)&a, n) ||
		    listen(w->listeners[i], 512) || getsockname(w->listeners[i], (struct sockaddr *)&a, &n))
			exit(1);
	}
	w->port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0)
		run_world(w);
	for (int i = 0; i < HOSTS; i++)
		close(w->listeners[i]);
	return pid;
}

/* ---- one discovery --------------------------------------------------------------------------------- */

struct outcome {
	bool good;
	double seconds;
	int64_t documents, bad, alive, peak_kib, base_kib;
	char why[200];
};

static int64_t peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %lld", &kib);
	if (f)
		fclose(f);
	return kib;
}

static enum art_status run(const struct world *w, int parallel, const char *db, struct outcome *o, struct art_err *err)
{
	char url[80], many[40];
	const char *set[] = { url, many, "market.sources=8004scan", "market.chains=base-sepolia", "market.skills=" SKILL,
			      "market.limit=1000", "net.allow_private=true", "scan.per_minute=100000",
			      "scan.per_day=1000000" };
	struct market_ask ask = { 0 };
	struct market_report r;
	struct chains chains;
	struct market m = { .chains = &chains };
	struct config *config = NULL;
	enum art_status s;

	snprintf(url, sizeof(url), "scan.url=http://127.0.0.1:%d", w->port);
	snprintf(many, sizeof(many), "market.parallel=%d", parallel);
	s = config_load(&config, NULL, set, ART_COUNT(set), err);
	m.config = config;
	if (s == ART_OK)
		s = chains_load(&chains, config, err);
	if (s == ART_OK)
		s = store_open(&m.store, db, STORE_CREATE, 2000, err);
	if (s == ART_OK)
		s = http_open(&m.http, NULL, err);
	o->base_kib = peak_kib();
	if (s == ART_OK)
		s = market_discover(&m, &ask, &r, err);
	if (s == ART_OK) {
		*o = (struct outcome){ .good = true, .seconds = (double)r.took_us / 1e6, .documents = r.documents,
				       .bad = r.bad_documents, .alive = r.alive, .base_kib = o->base_kib };
		market_report_destroy(&r);
	}
	http_close(m.http);
	store_close(m.store);
	config_free(config);
	o->peak_kib = peak_kib();
	return s;
}

static struct outcome discover(const struct world *w, int parallel)
{
	char dir[] = "/tmp/artui-bench.XXXXXX", db[64], path[80];
	struct outcome o = { 0 };
	int pipe_fd[2], status;
	pid_t pid;

	if (!mkdtemp(dir) || pipe(pipe_fd))
		exit(1);
	snprintf(db, sizeof(db), "%s/db", dir);
	pid = fork();
	if (pid == 0) {
		struct art_err err = { 0 };

		if (run(w, parallel, db, &o, &err) != ART_OK)
			snprintf(o.why, sizeof(o.why), "%.190s", err.text);
		_exit(write(pipe_fd[1], &o, sizeof(o)) == sizeof(o) ? 0 : 1);
	}
	close(pipe_fd[1]);
	if (read(pipe_fd[0], &o, sizeof(o)) != sizeof(o))
		snprintf(o.why, sizeof(o.why), "it died");
	close(pipe_fd[0]);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", db, i == 0 ? "" : i == 1 ? "-wal" : "-shm");
		unlink(path);
	}
	rmdir(dir);
	return o;
}

static bool report(const char *name, const struct outcome *o)
{
	if (!o->good) {
		printf("FAIL %s: %s\n", name, o->why);
		return false;
	}
	printf("%-34s %7.2f s  %6.1f MiB peak (%.1f before)  %" PRId64 " documents, %" PRId64 " bad, %" PRId64 " workers alive\n",
	       name, o->seconds, (double)o->peak_kib / 1024, (double)o->base_kib / 1024, o->documents, o->bad, o->alive);
	return true;
}

int main(void)
{
	struct world kind = { .hostile = false }, hostile = { .hostile = true };
	struct outcome many, one, bad;
	pid_t a = start_world(&kind), b = start_world(&hostile);
	bool good;

	printf("%d registrations, %d ms a request, one thread\n", AGENTS, LATENCY_MS);
	many = discover(&kind, PARALLEL);
	good = report("32 at once", &many);
	fflush(stdout);
	one = discover(&kind, 1);
	good &= report("one after another", &one);
	if (good)
		printf("ratio: %.1f times as fast, %.1f MiB more\n", one.seconds / many.seconds,
		       (double)(many.peak_kib - one.peak_kib) / 1024);
	if (good && many.alive != AGENTS) {
		printf("FAIL: %" PRId64 " of %d workers are alive\n", many.alive, AGENTS);
		good = false;
	}
	fflush(stdout);
	bad = discover(&hostile, PARALLEL);
	good &= report("hostile: 7 MiB pages, 1 MiB documents", &bad);
	if (bad.peak_kib > MEMORY_MAX_KIB) {
		printf("FAIL: more than %d MiB\n", MEMORY_MAX_KIB / 1024);
		good = false;
	}
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	waitpid(a, NULL, 0);
	waitpid(b, NULL, 0);
	return good ? 0 : 1;
}
