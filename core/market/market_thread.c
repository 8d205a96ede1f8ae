/*
 * market_thread.c - the engine's thread for the market: takes the wishes DISCOVER and PROBE, one after another.
 *
 * Layer: core. It sleeps in one poll on the bell and its stop signal, and looks once a second whether another process wished
 * something. While it works, stopping sets a flag that every wait of a discovery looks at. Offline it answers that it is.
 */
#include "core/market/market.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/events.h"
#include "store/json.h"

#define LOOK_MS 1000
#define BUSY_MS 5000
#define SAY_US 500000 /* the presence row is written no more often */

struct market_thread {
	struct market_thread_options opt;
	pthread_t thread;
	bool started;
	bool stop; /* atomic: crosses to the thread and into every transfer */
	int stop_fd;
	struct bell_sub *sub;
	/* The thread's own. */
	struct store *store;
	struct http *http;
	struct chains chains;
	int64_t version, said_at;
	struct source_row presence;
	/* The last discovery that ended well: wishes for the same, made while it ran, are granted with it. */
	char done_text[512], done_answer[256];
	int64_t done_at;
};

/* ---- presence --------------------------------------------------------------------------------------- */

static void show(struct market_thread *t)
{
	/* A courtesy to faces: the next one tells it too. */
	if (source_set(t->store, &t->presence, NULL) != ART_OK)
		t->said_at = 0;
}

static void on_say(void *arg, const char *line)
{
	struct market_thread *t = arg;
	int64_t now = art_mono_us();

	art_copy(t->presence.cursor, sizeof(t->presence.cursor), line);
	if (now - t->said_at < SAY_US)
		return;
	t->said_at = now;
	show(t);
}

static void begin_presence(struct market_thread *t)
{
	t->presence.asked_at = art_now_us();
	t->presence.error[0] = t->presence.cursor[0] = 0;
	show(t);
}

static void end_presence(struct market_thread *t, enum art_status s, const struct art_err *why)
{
	t->presence.cursor[0] = 0;
	if (s == ART_OK) {
		t->presence.ok_at = art_now_us();
		t->presence.failures = 0;
	} else {
		t->presence.failures++;
		art_copy(t->presence.error, sizeof(t->presence.error), why->text);
	}
	show(t);
}

/* What a dead engine left as being asked is not. */
static enum art_status mend_presence(struct market_thread *t, struct art_err *err)
{
	enum art_status s = source_get(t->store, "discovery", &t->presence, err);

	if (s != ART_OK || t->presence.ok_at >= t->presence.asked_at || t->presence.error[0])
		return s;
	art_copy(t->presence.error, sizeof(t->presence.error), "interrupted: the engine ended meanwhile");
	t->presence.cursor[0] = 0;
	return source_set(t->store, &t->presence, err);
}

/* ---- granting ----------------------------------------------------------------------------------------- */

static enum art_status open_market(struct market_thread *t, struct market *m, struct art_err *err)
{
	const char *agent = config_text(t->opt.config, CONFIG_NET_USER_AGENT_KEY);
	struct http_options http = { .user_agent = *agent ? agent : NULL };
	enum art_status s = ART_OK;

	if (t->opt.offline)
		return art_fail(err, ART_UNSUPPORTED, "offline: nothing on the network");
	if (!t->http)
		s = chains_load(&t->chains, t->opt.config, err);
	/* Beside other threads, for once: libcurl sets itself up safely since 7.84. */
	if (s == ART_OK && !t->http)
		s = http_open(&t->http, &http, err);
	*m = (struct market){ .http = t->http, .store = t->store, .config = t->opt.config,
			      .chains = &t->chains, .cancel = &t->stop, .say = on_say, .arg = t };
	return s;
}

static enum art_status read_ask(const char *text, struct market_ask *ask, char skills[512], struct art_err *err)
{
	struct json *j = NULL;
	const char *s;
	enum art_status st;

	memset(ask, 0, sizeof(*ask));
	if (!*text)
		return ART_OK;
	st = json_parse(&j, text, strlen(text), 512, err);
	if (st == ART_OK && !json_is_object(j))
		st = art_fail(err, ART_INVALID, "a wish to discover is a JSON object, or empty");
	s = json_str(json_get(j, "skills"));
	if (s) {
		art_copy(skills, 512, s);
		ask->skills = skills;
	}
	ask->chain_id = (uint64_t)json_int(json_get(j, "chain_id")).v;
	ask->limit = json_int(json_get(j, "limit")).v;
	ask->no_probe = json_bool(json_get(j, "no_probe"), false);
	ask->stale_only = json_bool(json_get(j, "stale_only"), false);
	if (st == ART_OK && (ask->limit < 0 || ask->limit > 10000))
		st = art_fail(err, ART_INVALID, "limit: 0 to 10000");
	json_free(j);
	return st;
}

static void conclude(const struct market_report *r, char *out, size_t n)
{
	size_t failed = 0, len;

	for (size_t i = 0; i < r->sources.n; i++)
		failed += r->sources.rows[i].failures > 0;
	len = (size_t)snprintf(out, n, "%zu of %zu sources, %" PRId64 " documents, %" PRId64 " of %" PRId64
			       " probed endpoints alive", r->sources.n - failed, r->sources.n, r->documents,
			       r->alive, r->probes);
	for (size_t i = 0; i < r->sources.n && failed && len < n; i++) {
		if (!r->sources.rows[i].failures)
			continue;
		snprintf(out + len, n - len, "; %s: %.120s", r->sources.rows[i].name, r->sources.rows[i].error);
		break;
	}
}

static enum art_status discover(struct market_thread *t, const struct wish_row *w, char *answer, size_t n,
				struct art_err *err)
{
	struct market_report report = { 0 };
	struct market_ask ask;
	struct market m;
	char skills[512];
	enum art_status s = read_ask(w->text, &ask, skills, err);

	if (s == ART_OK)
		s = open_market(t, &m, err);
	if (s != ART_OK)
		return s;
	begin_presence(t);
	s = market_discover(&m, &ask, &report, err);
	end_presence(t, s, err);
	if (s == ART_OK)
		conclude(&report, answer, n);
	market_report_destroy(&report);
	return s;
}

static enum art_status probe(struct market_thread *t, const struct wish_row *w, char *answer, size_t n,
			     struct art_err *err)
{
	struct worker_row *row = art_alloc(1, sizeof(*row));
	struct market m;
	enum art_status s = open_market(t, &m, err);

	if (s == ART_OK)
		s = market_probe(&m, &w->target, 1, err);
	if (s == ART_OK)
		s = worker_find(t->store, w->target, row, err);
	if (s == ART_OK)
		snprintf(answer, n, "%s%s%s", row->probe.alive == WORKER_ALIVE ? "alive" : "dead",
			 row->probe.error[0] ? ": " : "", row->probe.error);
	free(row);
	return s;
}

/* The wish is answered once it is done: who dies in the middle leaves it waiting, and it is done again. */
static enum art_status grant(struct market_thread *t, const struct wish_row *w, struct art_err *err)
{
	char answer[sizeof(w->answer)] = "";
	struct art_err why = { 0 };
	bool is_discover = w->kind == WISH_DISCOVER;
	enum art_status s;

	/* Ten presses of a key are one discovery: indexes count requests. */
	if (is_discover && w->made_at < t->done_at && !strcmp(w->text, t->done_text))
		return wish_answer(t->store, w->id, true, t->done_answer, err);
	s = is_discover ? discover(t, w, answer, sizeof(answer), &why)
			: probe(t, w, answer, sizeof(answer), &why);
	if (is_discover && s == ART_OK) {
		art_copy(t->done_text, sizeof(t->done_text), w->text);
		art_copy(t->done_answer, sizeof(t->done_answer), answer);
		t->done_at = art_now_us();
	}
	s = wish_answer(t->store, w->id, s == ART_OK, s == ART_OK ? answer : why.text, err);
	return s == ART_CONFLICT ? ART_OK : s;
}

static enum art_status take_wishes(struct market_thread *t)
{
	struct wish_row *w = art_alloc(1, sizeof(*w));
	enum art_status s = ART_OK;

	while (s == ART_OK && !__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		struct art_err err = { 0 };

		s = wish_next(t->store, WISHES_OF_MARKET, w, &err);
		if (s == ART_OK)
			s = grant(t, w, &err);
	}
	free(w);
	return s == ART_NOT_FOUND ? ART_OK : s;
}

/* ---- the thread ------------------------------------------------------------------------------------------ */

/* True when somebody may have wished something. */
static bool wait_for_news(struct market_thread *t)
{
	struct pollfd f[2] = { { .fd = bell_fd(t->sub), .events = POLLIN },
			       { .fd = t->stop_fd, .events = POLLIN } };
	int64_t version = t->version;

	poll(f, 2, LOOK_MS);
	if (bell_take(t->sub))
		return true;
	if (store_data_version(t->store, &version, NULL) != ART_OK || version == t->version)
		return false;
	t->version = version;
	return true;
}

static void *run(void *arg)
{
	struct market_thread *t = arg;
	bool news = true;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		/* A store in trouble is the engine's to tell; what could not be done is tried at the next look. */
		bool trouble = news && take_wishes(t) != ART_OK;

		news = wait_for_news(t) || trouble;
	}
	return NULL;
}

static enum art_status start(struct market_thread *t, struct art_err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		errno = rc;
		return art_fail_errno(err, "start the market's thread");
	}
	pthread_setname_np(t->thread, "artui-market");
	t->started = true;
	return ART_OK;
}

enum art_status market_thread_start(struct market_thread **out, const struct market_thread_options *opt,
				    struct art_err *err)
{
	struct market_thread *t = art_alloc(1, sizeof(*t));
	enum art_status s;

	t->opt = *opt;
	t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s = t->stop_fd < 0 ? art_fail_errno(err, "eventfd")
			   : workspace_store(opt->workspace, &t->store, 0, BUSY_MS, err);
	if (s == ART_OK) {
		store_attach_bell(t->store, opt->bell);
		t->sub = bell_subscribe(opt->bell, TOPIC_WISH);
		s = mend_presence(t, err);
	}
	if (s == ART_OK)
		s = start(t, err);
	if (s != ART_OK) {
		market_thread_stop(t);
		return s;
	}
	*out = t;
	return ART_OK;
}

void market_thread_stop(struct market_thread *t)
{
	const uint64_t one = 1;

	if (!t)
		return;
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
	if (t->started) {
		while (write(t->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(t->thread, NULL);
	}
	http_close(t->http);
	if (t->sub)
		bell_unsubscribe(t->opt.bell, t->sub);
	store_close(t->store);
	if (t->stop_fd >= 0)
		close(t->stop_fd);
	free(t);
}
