/*
 * httpd.c - the HTTP server over libmicrohttpd: whole requests in, answers from any thread out.
 *
 * A request has two owners: the connection, until libmicrohttpd is done with it, and whoever is to answer. The
 * last one frees it. Its lock orders "kept" against "answered": an answer that comes before the connection went to
 * sleep is sent at once, one that comes later wakes it.
 *
 * A second thread looks at all connections once a second: libmicrohttpd's own timeout is one of silence,
 * and a sender of one byte a second would never be silent.
 */
#include "worker/serve/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <microhttpd.h>

#include "store/json.h"

#define OTHER_FILES 512 /* descriptors for everything but connections */
#define CONNECTIONS 2000
#define PER_ADDRESS 256
#define BODY_MAX (1u << 20)
#define BODIES_MAX (256u << 20)
#define READ_TIMEOUT_S 20
#define IDLE_S 60            /* a kept connection without a request */
#define CONNECTION_BYTES (32u << 10) /* its buffer: bounds the request's line and headers (431) */
#define STREAM_BLOCK (16u << 10)
#define RANGES_TEXT 64

struct connection {
	struct connection *next, **link;
	struct MHD_Connection *c;
	int fd;
	char address[64];
	bool fresh;           /* it never had a whole request's headers */
	bool reading;         /* a request is coming in, or is being worked on: */
	bool working;         /*   the latter */
	int64_t since;        /* monotonic us: of the present state */
	struct httpd_request *kept;   /* asleep until answered */
	struct httpd_stream *stream;  /* a body that comes bit by bit */
};

struct httpd {
	struct httpd_options opt;
	struct MHD_Daemon *daemon;
	int port;
	pthread_t watch;
	bool has_watch;
	int stop_fd;
	int listen_fd;        /* after quiescing */
	pthread_mutex_t lock; /* the list of connections and what is in them */
	struct connection *connections;
	int n;
	bool closing;
	size_t bodies; /* bytes of all bodies at hand: the server's thread's alone */
};

enum state { READING, HANDLING, KEPT, ANSWERED };

struct httpd_request {
	struct httpd *h;
	struct MHD_Connection *c; /* NULL: the connection is done with it */
	struct connection *conn;
	pthread_mutex_t lock;
	int owners;
	enum state state;
	struct MHD_Response *response;
	int status;
	char *method, *raw, *path; /* path NULL: not a good one */
	struct art_buf body;
	bool too_large, no_room, dropped;
};

struct httpd_stream {
	struct httpd *h;
	struct MHD_Connection *c;
	pthread_mutex_t lock;
	bool asleep, woken;
	httpd_pull_fn pull;
	void (*free_arg)(void *arg);
	void *arg;
};

/* ---- requests ---------------------------------------------------------------------------------- */

static void disown(struct httpd_request *r)
{
	int left;

	pthread_mutex_lock(&r->lock);
	left = --r->owners;
	pthread_mutex_unlock(&r->lock);
	if (left)
		return;
	if (r->response)
		MHD_destroy_response(r->response);
	art_buf_destroy(&r->body);
	free(r->method);
	free(r->raw);
	free(r->path);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The path decoded once, or NULL: it does not begin with '/', a segment is "." or "..", or it holds a NUL, a control
 * character, a backslash or a broken escape.
 */
static char *decode_path(const char *raw)
{
	size_t n = strcspn(raw, "?#"), k = 0;
	char *out = art_alloc(n + 1, 1);

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)raw[i];

		if (c == '%') {
			int hi = i + 2 < n ? hex_digit(raw[i + 1]) : -1;
			int lo = i + 2 < n ? hex_digit(raw[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				goto bad;
			c = hi * 16 + lo;
			i += 2;
		}
		if (c < ' ' || c == 0x7f || c == '\\')
			goto bad;
		out[k++] = (char)c;
	}
	out[k] = 0;
	if (out[0] != '/')
		goto bad;
	for (const char *p = out; p; p = strchr(p + 1, '/')) {
		size_t len = strcspn(p + 1, "/");

		if ((len == 1 && p[1] == '.') || (len == 2 && p[1] == '.' && p[2] == '.'))
			goto bad;
	}
	return out;
bad:
	free(out);
	return NULL;
}

/* Called with the request line, before anything else of a request. */
static void *on_line(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct httpd *h = cls;
	struct httpd_request *r = art_alloc(1, sizeof(*r));

	(void)c;
	r->h = h;
	r->owners = 1;
	pthread_mutex_init(&r->lock, NULL);
	r->raw = art_strdup(uri);
	r->path = decode_path(uri);
	art_buf_init(&r->body, h->opt.max_body);
	return r;
}

static struct connection *connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

static void set_state(struct connection *conn, bool reading, bool working)
{
	conn->fresh = false;
	conn->reading = reading;
	conn->working = working;
	conn->since = art_mono_us();
}

static void on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
			 enum MHD_RequestTerminationCode why)
{
	struct httpd *h = cls;
	struct httpd_request *r = *con_cls;
	struct connection *conn = connection_of(c);

	(void)why;
	*con_cls = NULL;
	if (!r)
		return;
	h->bodies -= r->body.len;
	pthread_mutex_lock(&h->lock);
	if (conn) {
		set_state(conn, false, false);
		conn->kept = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	pthread_mutex_lock(&r->lock);
	r->c = NULL;
	r->conn = NULL;
	r->dropped = true;
	pthread_mutex_unlock(&r->lock);
	disown(r);
}

static void give_response(struct httpd_request *r, struct MHD_Response *response, int status)
{
	bool wake;

	pthread_mutex_lock(&r->lock);
	ART_BUG_ON(r->state == ANSWERED && !r->dropped);
	if (r->dropped) {
		pthread_mutex_unlock(&r->lock);
		MHD_destroy_response(response);
		disown(r);
		return;
	}
	r->response = response;
	r->status = status;
	wake = r->state == KEPT;
	r->state = ANSWERED;
	if (wake)
		MHD_resume_connection(r->c);
	pthread_mutex_unlock(&r->lock);
	disown(r);
}

static struct MHD_Response *plain(const void *body, size_t len)
{
	struct MHD_Response *x = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body,
								 MHD_RESPMEM_MUST_COPY);

	if (!x)
		art_die("out of memory");
	return x;
}

static void put_header(struct MHD_Response *x, const char *name, const char *value)
{
	/* Refused only for a name or a value that ends a line: ours do not. */
	ART_BUG_ON(MHD_add_response_header(x, name, value) != MHD_YES);
}

static void put_headers(struct MHD_Response *x, const char *content_type, const char *const *headers,
			int n)
{
	if (!content_type || *content_type) {
		put_header(x, "Content-Type", content_type ? content_type : "application/json");
		put_header(x, "X-Content-Type-Options", "nosniff");
	}
	for (int i = 0; i < n; i++) {
		size_t k = strcspn(headers[i], ":");
		char name[128];

		ART_BUG_ON(!headers[i][k] || k >= sizeof(name));
		memcpy(name, headers[i], k);
		name[k] = 0;
		/* A value that cannot be a header (a stranger's text in it) is left out rather than cut in two. */
		(void)MHD_add_response_header(x, name, headers[i] + k + 1 + strspn(headers[i] + k + 1, " \t"));
	}
}

static enum MHD_Result refuse(struct MHD_Connection *c, int status, const char *text)
{
	char body[200];
	struct MHD_Response *x;
	enum MHD_Result rc;

	snprintf(body, sizeof(body), "{\"error\":\"%s\"}", text);
	x = plain(body, strlen(body));
	put_headers(x, NULL, NULL, 0);
	put_header(x, "Connection", "close");
	rc = MHD_queue_response(c, (unsigned)status, x);
	MHD_destroy_response(x);
	return rc;
}

/* The headers are here. */
static enum MHD_Result begin(struct httpd_request *r, struct MHD_Connection *c, const char *method)
{
	struct httpd *h = r->h;
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	int64_t n = 0;

	r->c = c;
	r->conn = connection_of(c);
	r->method = art_strdup(method);
	pthread_mutex_lock(&h->lock);
	if (r->conn)
		set_state(r->conn, true, false);
	pthread_mutex_unlock(&h->lock);
	if (!r->path)
		return refuse(c, 400, "the path is malformed");
	if (length && (!art_parse_i64(length, &n) || n < 0))
		return refuse(c, 400, "Content-Length is no number");
	if (n > (int64_t)h->opt.max_body)
		return refuse(c, 413, "the body is too large");
	return MHD_YES;
}

static enum MHD_Result work(struct httpd_request *r)
{
	struct httpd *h = r->h;
	enum MHD_Result rc;

	pthread_mutex_lock(&h->lock);
	if (r->conn)
		set_state(r->conn, true, true);
	pthread_mutex_unlock(&h->lock);
	if (r->too_large)
		return refuse(r->c, 413, "the body is too large");
	if (r->no_room)
		return refuse(r->c, 503, "too many large requests at once");
	pthread_mutex_lock(&r->lock);
	if (r->state == READING) {
		r->state = HANDLING;
		r->owners++;
		pthread_mutex_unlock(&r->lock);
		h->opt.handle(h->opt.arg, r);
		pthread_mutex_lock(&r->lock);
	}
	if (!r->response && !r->dropped) {
		r->state = KEPT;
		MHD_suspend_connection(r->c);
		pthread_mutex_unlock(&r->lock);
		pthread_mutex_lock(&h->lock);
		if (r->conn)
			r->conn->kept = r;
		pthread_mutex_unlock(&h->lock);
		return MHD_YES;
	}
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(&h->lock);
	if (r->conn)
		r->conn->kept = NULL;
	pthread_mutex_unlock(&h->lock);
	if (!r->response)
		return refuse(r->c, 503, "the server is ending");
	rc = MHD_queue_response(r->c, (unsigned)r->status, r->response);
	MHD_destroy_response(r->response);
	r->response = NULL;
	return rc;
}

/* What is too much is read and thrown away: a client that still sends would not read the answer. */
static void take_body(struct httpd_request *r, const char *data, size_t n)
{
	struct httpd *h = r->h;
	size_t before = r->body.len;

	if (r->too_large || r->no_room)
		return;
	r->no_room = n > h->opt.max_bodies - h->bodies;
	r->too_large = !r->no_room && art_buf_add(&r->body, data, n) != ART_OK;
	if (r->too_large || r->no_room)
		art_buf_destroy(&r->body);
	h->bodies += r->body.len - before;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data, size_t *n,
				  void **con_cls)
{
	struct httpd_request *r = *con_cls;

	(void)cls;
	(void)url;
	(void)version;
	if (!r)
		return MHD_NO;
	if (!r->c)
		return begin(r, c, method);
	if (*n) {
		take_body(r, data, *n);
		*n = 0;
		return MHD_YES;
	}
	return work(r);
}

/* ---- connections ------------------------------------------------------------------------------- */

static bool address_of(const struct sockaddr *sa, char out[64])
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	out[0] = 0;
	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, out, 64);
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, 64);
		return v6->sin6_addr.s6_addr[12] == 127;
	}
	inet_ntop(AF_INET6, &v6->sin6_addr, out, 64);
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* Makes libmicrohttpd see the end of it; the descriptor stays its own. */
static void hang_up(struct connection *c)
{
	shutdown(c->fd, SHUT_RDWR);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t len)
{
	struct httpd *h = cls;
	struct connection *oldest = NULL;
	char address[64];
	bool is_loopback = address_of(sa, address);
	int same = 0;

	(void)len;
	pthread_mutex_lock(&h->lock);
	for (struct connection *c = h->connections; c; c = c->next) {
		same += !strcmp(c->address, address);
		if (!c->reading && (!oldest || c->since < oldest->since))
			oldest = c;
	}
	/* Those that only sit there make room for one that comes. */
	if (h->n >= h->opt.max_connections * 3 / 4 && oldest)
		hang_up(oldest);
	pthread_mutex_unlock(&h->lock);
	return is_loopback || same < h->opt.max_per_address ? MHD_YES : MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct httpd *h = cls;
	struct connection *conn = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
		const union MHD_ConnectionInfo *sa = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

		conn = art_alloc(1, sizeof(*conn));
		conn->c = c;
		conn->fd = fd->connect_fd;
		address_of(sa->client_addr, conn->address);
		conn->fresh = true;
		conn->since = art_mono_us();
		pthread_mutex_lock(&h->lock);
		conn->next = h->connections;
		conn->link = &h->connections;
		if (conn->next)
			conn->next->link = &conn->next;
		h->connections = conn;
		h->n++;
		pthread_mutex_unlock(&h->lock);
		*context = conn;
		return;
	}
	if (!conn)
		return;
	pthread_mutex_lock(&h->lock);
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	h->n--;
	pthread_mutex_unlock(&h->lock);
	*context = NULL;
	free(conn);
}

static void *watch_main(void *arg)
{
	struct httpd *h = arg;
	struct pollfd fd = { .fd = h->stop_fd, .events = POLLIN };

	while (poll(&fd, 1, 1000) <= 0) {
		int64_t now = art_mono_us();

		pthread_mutex_lock(&h->lock);
		for (struct connection *c = h->connections; c; c = c->next) {
			bool owes = c->fresh || c->reading;
			int64_t may = (owes ? h->opt.read_timeout_s : IDLE_S) * (int64_t)1000000;

			if (!c->working && now - c->since > may)
				hang_up(c);
		}
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

/* ---- opening and closing ------------------------------------------------------------------------ */

/* "host:port", "[v6]:port", ":port" */
static enum art_status resolve(const char *listen, struct addrinfo **out, struct art_err *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	const char *colon = strrchr(listen, ':');
	char host[80];
	int64_t port;
	size_t n = colon ? (size_t)(colon - listen) : 0;

	if (!colon || n >= sizeof(host) || !art_parse_i64(colon + 1, &port) || port < 0 || port > 65535)
		return art_fail(err, ART_INVALID, "'%.100s' is no address to listen on: one looks like "
				"127.0.0.1:8080 or :8080", listen);
	memcpy(host, listen, n);
	host[n] = 0;
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = 0;
	}
	if (!strcmp(host, "localhost"))
		art_copy(host, sizeof(host), "127.0.0.1");
	if (getaddrinfo(host[0] ? host : "0.0.0.0", colon + 1, &hints, out) != 0)
		return art_fail(err, ART_INVALID, "'%.100s' is no address to listen on: the host must be an "
				"address of this machine in numbers", listen);
	return ART_OK;
}

static enum art_status listen_on(const char *listen_text, int *out, int *port, struct art_err *err)
{
	struct addrinfo *a = NULL;
	struct sockaddr_storage got;
	socklen_t len = sizeof(got);
	enum art_status s = resolve(listen_text, &a, err);
	const int on = 1;
	int fd = -1;

	if (s != ART_OK)
		return s;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&got, &len) != 0) {
		s = art_fail_errno(err, "listen on %.100s", listen_text);
		if (fd >= 0)
			close(fd);
	} else {
		*out = fd;
		*port = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&got)->sin6_port
							: ((struct sockaddr_in *)&got)->sin_port);
	}
	freeaddrinfo(a);
	return s;
}

/* Where 1024 descriptors are usual, so many idle connections would leave none for the store or for who pays. */
static int room_for(int connections)
{
	struct rlimit l;
	rlim_t want = (rlim_t)connections + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= want)
		return connections;
	l.rlim_cur = l.rlim_max < want ? l.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0)
		getrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur >= want)
		return connections;
	return l.rlim_cur > 2 * OTHER_FILES ? (int)(l.rlim_cur - OTHER_FILES) : (int)(l.rlim_cur / 2);
}

enum art_status httpd_open(struct httpd **out, const struct httpd_options *opt, struct art_err *err)
{
	struct httpd *h = art_alloc(1, sizeof(*h));
	sigset_t all, before;
	int fd = -1;
	enum art_status s;

	h->opt = *opt;
	h->opt.max_connections = room_for(opt->max_connections > 0 ? opt->max_connections : CONNECTIONS);
	h->opt.max_per_address = opt->max_per_address > 0 ? opt->max_per_address : PER_ADDRESS;
	h->opt.max_body = opt->max_body ? opt->max_body : BODY_MAX;
	h->opt.max_bodies = opt->max_bodies ? opt->max_bodies : h->opt.max_body > BODIES_MAX ? h->opt.max_body : BODIES_MAX;
	h->opt.read_timeout_s = opt->read_timeout_s > 0 ? opt->read_timeout_s : READ_TIMEOUT_S;
	h->opt.listen = NULL;
	h->stop_fd = h->listen_fd = -1;
	pthread_mutex_init(&h->lock, NULL);
	s = listen_on(opt->listen, &fd, &h->port, err);
	if (s != ART_OK)
		goto fail;
	h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->stop_fd < 0) {
		s = art_fail_errno(err, "eventfd");
		goto fail;
	}
	/* Signals stay the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
		on_accept, h, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)h->opt.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
		on_line, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, h, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (h->daemon && pthread_create(&h->watch, NULL, watch_main, h) == 0)
		h->has_watch = true;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!h->daemon || !h->has_watch) {
		s = art_fail(err, ART_IO, "the HTTP server cannot start (descriptors or memory?)");
		goto fail;
	}
	fd = -1;
	pthread_setname_np(h->watch, "artui-httpd");
	*out = h;
	return ART_OK;
fail:
	if (fd >= 0 && !h->daemon)
		close(fd);
	httpd_close(h);
	return s;
}

int httpd_port(const struct httpd *h)
{
	return h->port;
}

void httpd_quiesce(struct httpd *h)
{
	int fd = (int)MHD_quiesce_daemon(h->daemon);

	if (fd < 0)
		return;
	/* Nobody connects any more; the number stays taken while the server's thread may still use it. */
	shutdown(fd, SHUT_RDWR);
	h->listen_fd = fd;
}

/* Everyone asleep is woken: libmicrohttpd cannot end before. */
static void wake_all(struct httpd *h)
{
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	for (struct connection *c = h->connections; c; c = c->next) {
		struct httpd_request *r = c->kept;

		if (r) {
			pthread_mutex_lock(&r->lock);
			if (r->state == KEPT) {
				r->dropped = true;
				r->state = ANSWERED;
				MHD_resume_connection(r->c);
			}
			pthread_mutex_unlock(&r->lock);
		}
		if (c->stream)
			httpd_stream_wake(c->stream);
	}
	pthread_mutex_unlock(&h->lock);
}

void httpd_close(struct httpd *h)
{
	const uint64_t one = 1;

	if (!h)
		return;
	if (h->daemon) {
		const union MHD_DaemonInfo *n;

		httpd_quiesce(h);
		/* One may fall asleep while the others are being woken. */
		for (int i = 0; i < 100; i++) {
			wake_all(h);
			n = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
			if (!n || !n->num_connections || i >= 3)
				break;
			poll(NULL, 0, 10);
		}
		MHD_stop_daemon(h->daemon);
		if (h->listen_fd >= 0)
			close(h->listen_fd);
	}
	if (h->has_watch) {
		while (write(h->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(h->watch, NULL);
	}
	if (h->stop_fd >= 0)
		close(h->stop_fd);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* ---- what was asked ------------------------------------------------------------------------------- */

const char *httpd_method(const struct httpd_request *r)
{
	return r->method;
}

const char *httpd_path(const struct httpd_request *r)
{
	return r->path;
}

const char *httpd_raw_path(const struct httpd_request *r)
{
	return r->raw;
}

const char *httpd_query(const struct httpd_request *r, const char *name)
{
	return r->c ? MHD_lookup_connection_value(r->c, MHD_GET_ARGUMENT_KIND, name) : NULL;
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
	return r->c ? MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name) : NULL;
}

struct each_header {
	void (*each)(void *arg, const char *name, const char *value);
	void *arg;
};

static enum MHD_Result one_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct each_header *e = cls;

	(void)kind;
	e->each(e->arg, name, value ? value : "");
	return MHD_YES;
}

void httpd_each_header(const struct httpd_request *r,
		       void (*each)(void *arg, const char *name, const char *value), void *arg)
{
	struct each_header e = { each, arg };

	if (r->c)
		MHD_get_connection_values(r->c, MHD_HEADER_KIND, one_header, &e);
}

const char *httpd_body(const struct httpd_request *r, size_t *n)
{
	*n = r->body.len;
	return r->body.data ? r->body.data : "";
}

const char *httpd_peer(const struct httpd_request *r)
{
	return r->conn ? r->conn->address : "";
}

bool httpd_gone(const struct httpd_request *r)
{
	struct httpd_request *w = (struct httpd_request *)(uintptr_t)r;
	char byte;
	bool gone;

	pthread_mutex_lock(&w->lock);
	/* Asleep, nobody else reads from it: a look ahead sees the end. */
	gone = r->dropped || !r->conn ||
	       (r->state == KEPT && recv(r->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0);
	pthread_mutex_unlock(&w->lock);
	return gone;
}

/* ---- answers --------------------------------------------------------------------------------------- */

void httpd_answer(struct httpd_request *r, const struct httpd_answer *a)
{
	struct MHD_Response *x = plain(a->body ? a->body : "", a->body ? a->len : 0);

	put_headers(x, a->content_type, a->headers, a->n_headers);
	give_response(r, x, a->status);
}

void httpd_error(struct httpd_request *r, int status, const char *extra, const char *fmt, ...)
{
	char text[512], clean[600];
	struct httpd_answer a = { .status = status };
	struct json_out o;
	struct art_buf b;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	art_buf_init(&b, 8192);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "error", clean);
	if (extra)
		art_buf_putf(&b, ",%s", extra);
	json_close_object(&o);
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	art_buf_destroy(&b);
}

/* "bytes=a-b", "bytes=a-", "bytes=-n". 0: no range is asked (or one we do not know); 1: in *from, *to; -1: none that can be. */
static int read_range(const char *text, int64_t size, int64_t *from, int64_t *to)
{
	char part[RANGES_TEXT];
	char *dash;
	int64_t a, b;

	if (!text || strncasecmp(text, "bytes=", 6) != 0 || strchr(text, ',') ||
	    !art_copy(part, sizeof(part), text + 6) || !(dash = strchr(part, '-')))
		return 0;
	*dash++ = 0;
	if (!part[0]) {
		if (!art_parse_i64(dash, &b) || b < 0)
			return 0;
		*from = b < size ? size - b : 0;
		*to = size - 1;
		return b > 0 && size > 0 ? 1 : -1;
	}
	if (!art_parse_i64(part, &a) || a < 0)
		return 0;
	b = size - 1;
	if (dash[0] && (!art_parse_i64(dash, &b) || b < a))
		return 0;
	*from = a;
	*to = b < size - 1 ? b : size - 1;
	return a < size ? 1 : -1;
}

enum art_status httpd_file(struct httpd_request *r, const char *path, const char *content_type,
			   const char *etag, struct art_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int64_t from = 0, to;
	struct MHD_Response *x;
	struct stat st;
	char text[128];
	int range;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return art_fail(err, ART_NOT_FOUND, "there is no such file");
	}
	to = st.st_size - 1;
	range = read_range(httpd_header(r, "Range"), st.st_size, &from, &to);
	if (range < 0) {
		close(fd);
		x = plain("", 0);
		snprintf(text, sizeof(text), "bytes */%lld", (long long)st.st_size);
	} else {
		x = MHD_create_response_from_fd_at_offset64((uint64_t)(to - from + 1), fd, (uint64_t)from);
		if (!x)
			art_die("out of memory");
		snprintf(text, sizeof(text), "bytes %lld-%lld/%lld", (long long)from, (long long)to,
			 (long long)st.st_size);
	}
	put_headers(x, content_type, NULL, 0);
	put_header(x, "Accept-Ranges", "bytes");
	if (range)
		put_header(x, "Content-Range", text);
	if (etag) {
		snprintf(text, sizeof(text), "\"%.100s\"", etag);
		put_header(x, "ETag", text);
	}
	give_response(r, x, range < 0 ? 416 : range ? 206 : 200);
	return ART_OK;
}

/* ---- streams ------------------------------------------------------------------------------------------ */

static ssize_t on_pull(void *cls, uint64_t pos, char *out, size_t max)
{
	struct httpd_stream *s = cls;
	long n;

	(void)pos;
	for (;;) {
		bool closing;

		pthread_mutex_lock(&s->h->lock);
		closing = s->h->closing;
		pthread_mutex_unlock(&s->h->lock);
		if (closing)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		pthread_mutex_lock(&s->lock);
		s->woken = false;
		pthread_mutex_unlock(&s->lock);
		n = s->pull(s->arg, out, max);
		if (n)
			break;
		pthread_mutex_lock(&s->lock);
		if (!s->woken) {
			s->asleep = true;
			MHD_suspend_connection(s->c);
			pthread_mutex_unlock(&s->lock);
			return 0;
		}
		pthread_mutex_unlock(&s->lock);
	}
	if (n > 0)
		return n;
	return n == -1 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_stream_end(void *cls)
{
	struct httpd_stream *s = cls;
	struct connection *c;

	pthread_mutex_lock(&s->h->lock);
	for (c = s->h->connections; c; c = c->next)
		if (c->stream == s)
			c->stream = NULL;
	pthread_mutex_unlock(&s->h->lock);
	if (s->free_arg)
		s->free_arg(s->arg);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct httpd_stream *httpd_stream(struct httpd_request *r, int status, const char *content_type,
				  const char *const *headers, int n_headers, int64_t length,
				  httpd_pull_fn pull, void (*free_arg)(void *arg), void *arg)
{
	struct httpd_stream *s = art_alloc(1, sizeof(*s));
	struct MHD_Response *x;

	*s = (struct httpd_stream){ .h = r->h, .pull = pull, .free_arg = free_arg, .arg = arg };
	pthread_mutex_init(&s->lock, NULL);
	x = MHD_create_response_from_callback(length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)length, STREAM_BLOCK,
					      on_pull, s, on_stream_end);
	if (!x)
		art_die("out of memory");
	/* libmicrohttpd would end a body that there is not with an empty chunk. */
	if (length < 0 && (status == 304 || !strcmp(r->method, "HEAD")))
		(void)MHD_set_response_options(x, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	put_headers(x, content_type, headers, n_headers);
	pthread_mutex_lock(&r->h->lock);
	pthread_mutex_lock(&r->lock);
	if (!r->dropped) {
		s->c = r->c;
		r->conn->stream = s;
	}
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_unlock(&r->h->lock);
	give_response(r, x, status);
	return s;
}

void httpd_stream_wake(struct httpd_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->woken = true;
	if (s->asleep) {
		s->asleep = false;
		MHD_resume_connection(s->c);
	}
	pthread_mutex_unlock(&s->lock);
}
