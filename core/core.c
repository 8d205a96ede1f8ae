/*
 * core.c - the engine's thread: wishes in, turns of the night, sleep.
 *
 * One thread owns everything that decides: its store, the night, the children. It sleeps in one poll
 * on the bell, the stop signal and the child's pipes. Wishes of other processes show through the
 * store's data version, looked at once a second. Those about the market are another thread's
 * (market_thread.c), which is started and stopped here.
 */
#include "core/core.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/exec/trainer.h"
#include "core/market/market.h"
#include "core/research/knob_space.h"
#include "core/research/night.h"
#include "store/events.h"
#include "store/recipe.h"

#define LOOK_US 1000000
#define RETRY_US 250000
#define BUSY_MS 5000

struct core {
	struct core_options opt;
	pthread_t thread;
	bool has_thread;
	int lock_fd, stop_fd;
	struct store *store; /* the thread's own once it runs */
	struct bell_sub *sub;
	struct night *night;
	struct market_thread *market;
	int64_t version; /* of the store at the last look */
	int64_t look_us;
	char told[64];   /* the last trouble told, so that it is told once */
	struct engine_row row;
};

static enum art_status tell_state(struct core *c, const char *state, struct art_err *err)
{
	struct engine_row row = c->row;

	art_copy(row.state, sizeof(row.state), state);
	night_doing(c->night, row.doing, sizeof(row.doing));
	if (!strcmp(row.state, c->row.state) && !strcmp(row.doing, c->row.doing))
		return ART_OK;
	if (engine_set(c->store, &row, err))
		return err ? err->code : ART_BUSY;
	c->row = row;
	return ART_OK;
}

static enum art_status take_wishes(struct core *c, struct art_err *err)
{
	struct wish_row *w = art_alloc(1, sizeof(*w));
	enum art_status st;

	while (!(st = wish_next(c->store, WISHES_OF_ENGINE, w, err))) {
		if (w->kind == WISH_START && !strcmp(night_state(c->night), "idle"))
			(void)!tell_state(c, "preparing", NULL);
		st = night_wish(c->night, w, err);
		if (st)
			break;
	}
	free(w);
	return st == ART_NOT_FOUND ? ART_OK : st;
}

static bool stopping(const struct core *c)
{
	struct pollfd fd = { .fd = c->stop_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

/* Trouble with the store ends nothing: it is told once, and everything is asked again. */
static void tell_trouble(struct core *c, const struct art_err *err)
{
	if (!strncmp(c->told, err->text, sizeof(c->told) - 1))
		return;
	art_copy(c->told, sizeof(c->told), err->text);
	if (event_add(c->store, EVENT_ERROR, "engine.trouble", 0, 0, NULL, "%s", err->text))
		c->told[0] = 0;
}

/* True when the bell rang. */
static bool sleep_until(struct core *c, int64_t wake_us)
{
	struct pollfd fds[JOB_POLLFDS + 2];
	int n = night_pollfds(c->night, fds);
	int64_t left;

	fds[n++] = (struct pollfd){ .fd = bell_fd(c->sub), .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = c->stop_fd, .events = POLLIN };
	left = wake_us - art_mono_us();
	if (left < 0)
		left = 0;
	poll(fds, (nfds_t)n, (int)((left + 999) / 1000));
	return bell_take(c->sub) != 0;
}

/* True when another process committed since the last look, at most once in LOOK_US. */
static bool news(struct core *c)
{
	int64_t now = art_mono_us(), version = c->version;

	if (now < c->look_us)
		return false;
	c->look_us = now + LOOK_US;
	if (store_data_version(c->store, &version, NULL))
		return true;
	if (version == c->version)
		return false;
	c->version = version;
	return true;
}

static void *engine_main(void *arg)
{
	struct core *c = arg;
	bool rang = true, trouble = false;

	while (!stopping(c)) {
		struct art_err err = { 0 };
		enum art_status st = ART_OK;
		int64_t wake;
		if (rang || trouble || news(c))
			st = take_wishes(c, &err);
		if (st != ART_CANCELLED && !stopping(c)) {
			enum art_status turn = night_turn(c->night, st ? NULL : &err);
			st = st ? st : turn;
		}
		trouble = st != ART_OK;
		if (trouble && st != ART_CANCELLED)
			tell_trouble(c, &err);
		else
			c->told[0] = 0;
		if (tell_state(c, night_state(c->night), NULL))
			trouble = true;
		wake = night_wake_us(c->night);
		if (trouble)
			wake = art_mono_us() + RETRY_US;
		if (wake > c->look_us)
			wake = c->look_us > art_mono_us() ? c->look_us : art_mono_us() + 1000;
		rang = sleep_until(c, wake);
	}
	tell_state(c, "stopping", NULL);
	night_free(c->night);
	c->night = NULL;
	return NULL;
}

static enum art_status start_thread(struct core *c, struct art_err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&c->thread, NULL, engine_main, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		errno = rc;
		return art_fail_errno(err, "start the engine's thread");
	}
	c->has_thread = true;
	return ART_OK;
}

enum art_status core_open(struct core **out, const struct core_options *opt, struct art_err *err)
{
	struct core *c = art_alloc(1, sizeof(*c));
	struct night_env env = { .w = opt->workspace, .config = opt->config,
				 .trainer = opt->trainer, .offline = opt->offline };
	struct market_thread_options market = { .workspace = opt->workspace, .config = opt->config,
						.bell = opt->bell, .offline = opt->offline };
	enum art_status st;

	c->opt = *opt;
	c->lock_fd = c->stop_fd = -1;
	st = workspace_lock(opt->workspace, &c->lock_fd, err);
	if (!st)
		st = workspace_store(opt->workspace, &c->store, 0, BUSY_MS, err);
	if (st)
		goto fail;
	store_attach_bell(c->store, opt->bell);
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->stop_fd < 0) {
		st = art_fail_errno(err, "eventfd");
		goto fail;
	}
	/* What a run leaves behind by killing its launcher becomes our child, and is ended. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	c->sub = bell_subscribe(opt->bell, TOPIC_WISH | TOPIC_NOTE);
	env.store = c->store;
	env.cancel_fd = c->stop_fd;
	c->night = night_new(&env);
	c->row = (struct engine_row){ .pid = getpid(), .started_at = art_now_us() };
	st = night_recover(c->night, err);
	if (!st)
		st = tell_state(c, "idle", err);
	if (!st)
		st = event_add(c->store, EVENT_INFO, "engine.start", 0, 0, err,
			       "the engine is ready (process %lld)", (long long)getpid());
	if (!st)
		st = market_thread_start(&c->market, &market, err);
	if (!st)
		st = start_thread(c, err);
	if (st)
		goto fail;
	*out = c;
	return ART_OK;
fail:
	core_close(c);
	return st;
}

void core_close(struct core *c)
{
	const uint64_t one = 1;

	if (!c)
		return;
	market_thread_stop(c->market);
	if (c->has_thread) {
		while (write(c->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(c->thread, NULL);
		c->row.doing[0] = c->row.state[0] = 0;
		if (event_add(c->store, EVENT_INFO, "engine.stop", 0, 0, NULL, "the engine ends") ||
		    engine_set(c->store, &c->row, NULL))
			c->row.pid = 0; /* no matter: the lock tells who is alive */
	}
	night_free(c->night);
	if (c->sub)
		bell_unsubscribe(c->opt.bell, c->sub);
	store_close(c->store);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	free(c);
}

/* ---- preparing without an engine -------------------------------------------------------------- */

static enum art_status check_recipe(const struct core_options *opt, struct art_err *err)
{
	char path[WORKSPACE_PATH_MAX + 16], why[128];
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_err inner = { 0 };
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	snprintf(path, sizeof(path), "%s/recipe.py", opt->workspace->root);
	st = art_read_file(&b, path, RECIPE_MAX_BYTES, err);
	if (st)
		goto out;
	st = recipe_parse(r, b.data ? b.data : "", b.len, &inner);
	if (st)
		art_fail(err, st, "%s: %s", path, inner.text);
	for (int i = 0; i < r->n && !st; i++) {
		const struct knob *k = knob_by_name(r->c[i].name);
		if (k && !knob_valid(k, &r->c[i].value, why, sizeof(why)))
			st = art_fail(err, ART_INVALID, "%s:%d: %s", path, r->c[i].line, why);
	}
out:
	art_buf_destroy(&b);
	free(r);
	return st;
}

enum art_status core_prepare(const struct core_options *opt,
			     void (*say)(void *arg, const char *line), void *arg, struct art_err *err)
{
	struct trainer_env env = { .w = opt->workspace, .config = opt->config,
				   .trainer = opt->trainer, .offline = opt->offline, .cancel_fd = -1,
				   .say = say, .arg = arg };
	struct trainer *t = art_alloc(1, sizeof(*t));
	enum art_status st = check_recipe(opt, err);

	if (!st)
		st = workspace_store(opt->workspace, &env.store, 0, BUSY_MS, err);
	if (!st)
		st = trainer_open(t, &env, config_real(opt->config, CONFIG_TRAIN_BUDGET_S_KEY), err);
	store_close(env.store);
	free(t);
	return st;
}
