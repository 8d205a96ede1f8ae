/*
 * runner.c - the thread that gives waiting orders to idle devices, and what those devices are.
 *
 * One thread does everything: it sleeps in one poll on the bell, its own wake-up and the pipes of the runs,
 * at most a second, since what other processes wrote shows only in the store's version.
 */
#include "worker/serve/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/exec/hardware.h"
#include "core/exec/job_tree.h"
#include "store/events.h"
#include "worker/serve/runner_private.h"

#define BUSY_MS 5000
#define TICK_MS 1000
#define GPU_US 2000000
#define CHECK_US 10000000
#define SWEEP_US (3600 * (int64_t)1000000)
#define STOP_US 8000000
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define POLLFDS (2 + GPUS_MAX * JOB_POLLFDS)

/* ---- what devices are told to be --------------------------------------------------------------------- */

static void describe(const struct device *d, char *out, size_t n)
{
	const struct gpu_facts *f = &d->facts;
	int k;

	if (d->gpu < 0) {
		art_copy(out, n, d->r->facts.device);
		return;
	}
	k = snprintf(out, n, "%s", f->name[0] ? f->name : "NVIDIA GPU");
	if (f->temperature_c.known && k < (int)n)
		k += snprintf(out + k, n - (size_t)k, ", %.0f °C", f->temperature_c.v);
	if (f->power_w.known && k < (int)n)
		k += snprintf(out + k, n - (size_t)k, ", %.0f W", f->power_w.v);
	if (f->throttled_known && f->throttled && k < (int)n)
		snprintf(out + k, n - (size_t)k, ", throttled by heat or power");
}

/* The device's line is news, not a fact that anything hangs on: a busy store gets it at the next change. */
static void tell_device(struct device *d, const char *state)
{
	struct device_row row = { .tokens_per_s = d->tokens_per_s };
	char detail[sizeof(d->detail)];

	describe(d, detail, sizeof(detail));
	if (!strcmp(state, d->state) && !strcmp(detail, d->detail))
		return;
	art_copy(row.name, sizeof(row.name), d->name);
	art_copy(row.detail, sizeof(row.detail), detail);
	art_copy(row.state, sizeof(row.state), state);
	if (device_set(d->r->store, &row, NULL) != ART_OK)
		return;
	art_copy(d->state, sizeof(d->state), state);
	art_copy(d->detail, sizeof(d->detail), detail);
}

static void tell(struct runner *r, enum event_level level, const char *kind, const char *fmt, ...)
	ART_PRINTF(4, 5);
static void tell(struct runner *r, enum event_level level, const char *kind, const char *fmt, ...)
{
	char text[EVENT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (event_add(r->store, level, kind, 0, 0, NULL, "%s", text) != ART_OK)
		art_copy(r->told, sizeof(r->told), text);
}

static void read_gpu(struct device *d)
{
	struct runner *r = d->r;
	struct gpu_facts f;
	struct art_err err = { 0 };
	bool lost, hot;

	if (d->gpu < 0 || (d->read_us && art_mono_us() < d->read_us + GPU_US))
		return;
	d->read_us = art_mono_us();
	lost = gpus_read(r->gpus, d->gpu, &f, &err) != ART_OK;
	if (lost != d->lost)
		tell(r, lost ? EVENT_ERROR : EVENT_GOOD, lost ? "device.lost" : "device.back", "%s: %s", d->name,
		     lost ? err.text : "answers again");
	d->lost = lost;
	if (lost) {
		run_stop(d, END_AGAIN, err.text);
		return;
	}
	hot = r->opt.max_temperature_c > 0 && f.temperature_c.known && f.temperature_c.v > r->opt.max_temperature_c;
	if (hot != d->hot)
		tell(r, hot ? EVENT_WARN : EVENT_INFO, hot ? "device.hot" : "device.cool",
		     "%s has %.0f °C%s", d->name, f.temperature_c.v,
		     hot ? ": it starts nothing until it is cooler" : " again and goes on");
	d->hot = hot;
	d->facts = f;
}

/* ---- may anything start ------------------------------------------------------------------------------ */

static void look_at_disk(struct runner *r)
{
	int64_t left = dir_free(r->dir);
	bool none = left < r->floor_bytes;

	if (none == r->no_disk)
		return;
	r->no_disk = none;
	tell(r, none ? EVENT_ERROR : EVENT_GOOD, none ? "serve.disk" : "serve.disk.back",
	     none ? "the worker pauses: %" PRId64 " MiB left on its disk"
		  : "the worker goes on: %" PRId64 " MiB left on its disk",
	     left / MIB);
}

static void look_at_files(struct runner *r)
{
	struct art_err err = { 0 };
	bool changed;

	if (r->changed && art_mono_us() < r->check_us)
		return;
	r->check_us = art_mono_us() + CHECK_US;
	changed = kept_check(&r->files, &err) != ART_OK;
	if (changed == r->changed)
		return;
	r->changed = changed;
	tell(r, changed ? EVENT_ERROR : EVENT_GOOD, changed ? "serve.changed" : "serve.unchanged",
	     changed ? "the worker pauses: %s" : "the worker goes on: evaluator and data are as they were%s",
	     changed ? err.text : "");
}

/* Why a device starts nothing now; NULL when it may. */
static const char *held_back(struct device *d, enum serve_switch whole)
{
	enum serve_switch own = SERVE_OPEN;

	if (d->lost)
		return "absent";
	if (serve_switch_get(d->r->store, d->name, &own, NULL) != ART_OK)
		return d->state;
	if (whole == SERVE_PAUSED || own == SERVE_PAUSED)
		return "paused";
	if (own == SERVE_DRAINING)
		return "draining";
	if (d->hot)
		return "hot";
	if (art_mono_us() < d->hold_us)
		return "failing";
	if (d->r->changed)
		return "changed";
	if (d->r->no_disk)
		return "no disk";
	return NULL;
}

static bool anything_waits(struct runner *r)
{
	struct order_query q = { .states = 1u << ORDER_QUEUED, .limit = 1 };
	struct order_list l = { 0 };
	bool waits = order_query(r->store, &q, &l, NULL) == ART_OK && l.n > 0;

	order_list_destroy(&l);
	return waits;
}

static void give_work(struct runner *r)
{
	enum serve_switch whole = SERVE_PAUSED;
	bool waits = anything_waits(r);

	if (serve_switch_get(r->store, "", &whole, NULL) != ART_OK)
		return;
	look_at_disk(r);
	if (r->changed)
		look_at_files(r);
	for (int i = 0; i < r->n_devices; i++) {
		struct device *d = &r->devices[i];
		const char *why;

		read_gpu(d);
		if (d->phase != PHASE_FREE) {
			tell_device(d, "busy");
			continue;
		}
		why = held_back(d, whole);
		if (!why && waits) {
			look_at_files(r);
			why = r->changed ? "changed" : NULL;
		}
		if (!why && waits && order_next(r->store, d->name, &d->order, NULL) == ART_OK) {
			run_start(d);
			tell_device(d, "busy");
			continue;
		}
		tell_device(d, why ? why : whole == SERVE_DRAINING ? "draining" : "idle");
	}
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static bool runs_turn(struct runner *r)
{
	bool freed = false;

	for (int i = 0; i < r->n_devices; i++)
		freed |= run_turn(&r->devices[i]);
	return freed;
}

static bool others_wrote(struct runner *r)
{
	int64_t v = 0;

	if (store_data_version(r->store, &v, NULL) != ART_OK || v == r->version)
		return false;
	r->version = v;
	return true;
}

static int sleep_ms(const struct runner *r)
{
	int64_t at = INT64_MAX, left;

	for (int i = 0; i < r->n_devices; i++) {
		int64_t wake = run_wake_us(&r->devices[i]);
		at = wake < at ? wake : at;
	}
	left = (at - art_mono_us()) / 1000;
	return left <= 0 ? 0 : left >= TICK_MS ? TICK_MS : (int)left + 1;
}

/* True when there is something to look at in the store. */
static bool wait_for_news(struct runner *r)
{
	struct pollfd fds[POLLFDS];
	uint64_t word;
	bool news = false;
	int n = 0;

	fds[n++] = (struct pollfd){ .fd = r->wake_fd, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = r->sub ? bell_fd(r->sub) : -1, .events = POLLIN };
	for (int i = 0; i < r->n_devices; i++)
		if (r->devices[i].job)
			n += job_pollfds(r->devices[i].job, fds + n);
	if (poll(fds, (nfds_t)n, sleep_ms(r)) < 0)
		return false;
	if (fds[0].revents)
		news = read(r->wake_fd, &word, sizeof(word)) == (ssize_t)sizeof(word);
	if (r->sub && fds[1].revents)
		news |= bell_take(r->sub) != 0;
	return news;
}

static void sweep(struct runner *r)
{
	if (art_mono_us() < r->sweep_us)
		return;
	r->sweep_us = art_mono_us() + SWEEP_US;
	dir_sweep(r->store, r->dir, r->opt.keep_days > 0 ? r->opt.keep_days : 7);
}

static void close_down(struct runner *r)
{
	int64_t until = art_mono_us() + STOP_US;
	bool busy = true;

	for (int i = 0; i < r->n_devices; i++)
		run_stop(&r->devices[i], END_STOPPED, "the worker was stopped");
	while (busy && art_mono_us() < until) {
		runs_turn(r);
		busy = false;
		for (int i = 0; i < r->n_devices; i++)
			busy |= r->devices[i].phase != PHASE_FREE;
		if (busy)
			(void)!wait_for_news(r);
	}
	/* What the store could not be told is found by the next start. */
	for (int i = 0; i < r->n_devices; i++) {
		job_close(r->devices[i].job);
		r->devices[i].job = NULL;
		tell_device(&r->devices[i], "absent");
	}
}

static void *runner_main(void *arg)
{
	struct runner *r = arg;
	int64_t tick_us = 0;
	bool look = true;

	while (!r->stopping) {
		if (others_wrote(r) || look || art_mono_us() >= tick_us) {
			tick_us = art_mono_us() + TICK_MS * 1000;
			for (int i = 0; i < r->n_devices; i++)
				run_look(&r->devices[i]);
			give_work(r);
			sweep(r);
		}
		look = runs_turn(r);
		if (!look)
			look = wait_for_news(r);
	}
	close_down(r);
	return NULL;
}

/* ---- starting ---------------------------------------------------------------------------------------- */

static enum art_status check_options(const struct runner_options *o, struct art_err *err)
{
	if (!(o->budget_s > 0) || !(o->grace_s >= 0))
		return art_fail(err, ART_INVALID, "a run needs a time budget above 0");
	if (!o->train_command && !o->data_dir)
		return art_fail(err, ART_INVALID, "the native trainer needs prepared data");
	if (!o->train_command && o->gpu)
		return art_fail(err, ART_INVALID, "the native trainer of this version trains on the CPU; "
				"a GPU is sold with a training command");
	return ART_OK;
}

static enum art_status lock(struct runner *r, struct art_err *err)
{
	char *path = art_printf("%s/runner.lock", r->dir);
	enum art_status st = ART_OK;

	r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->lock_fd < 0)
		st = art_fail_errno(err, "%s", path);
	else if (flock(r->lock_fd, LOCK_EX | LOCK_NB))
		st = art_fail(err, ART_CONFLICT, "another worker runs on %s", r->dir);
	free(path);
	return st;
}

static enum art_status show(struct runner *r, const char *path, const char **real, struct art_err *err)
{
	char buf[PATH_MAX];
	int n = 0;

	if (!realpath(path, buf))
		return art_fail_errno(err, "%s", path);
	while (r->owned[n])
		n++;
	if (n == RUNNER_PATHS_MAX)
		return art_fail(err, ART_LIMIT, "at most %d paths can be shown to a run", RUNNER_PATHS_MAX);
	r->owned[n] = art_strdup(buf);
	r->shown[n] = r->owned[n];
	if (real)
		*real = r->owned[n];
	return ART_OK;
}

static enum art_status show_all(struct runner *r, struct art_err *err)
{
	const struct runner_options *o = &r->opt;
	const char *real = NULL;
	char program[WORKSPACE_PATH_MAX];
	enum art_status st = ART_OK;

	for (int i = 0; o->evaluator && o->evaluator[i] && !st; i++) {
		st = show(r, o->evaluator[i], &real, err);
		if (!st)
			st = kept_add(&r->files, real, err);
	}
	r->n_evaluator = r->files.n;
	for (int i = 0; o->read_only && o->read_only[i] && !st; i++)
		st = show(r, o->read_only[i], NULL, err);
	if (!st && o->data_dir) {
		st = show(r, o->data_dir, &real, err);
		if (!st)
			st = kept_add(&r->files, real, err);
		r->opt.data_dir = real;
	}
	if (!st && !o->train_command) {
		st = trainer_find(program, o->trainer, err);
		if (!st)
			st = show(r, program, &real, err);
		if (!st && !art_copy(r->trainer.program, sizeof(r->trainer.program), real))
			st = art_fail(err, ART_LIMIT, "%s: too long a path", real);
		if (!st)
			st = kept_add(&r->files, real, err);
	}
	return st;
}

static void limits(struct runner *r)
{
	struct opt_i64 free_bytes = hardware_free_memory();
	const struct runner_options *o = &r->opt;

	r->threads = hardware_threads() / r->n_devices;
	if (r->threads < 1)
		r->threads = 1;
	r->mem_bytes = o->mem_bytes > 0	 ? o->mem_bytes
		       : free_bytes.known ? free_bytes.v / 4 * 3 / r->n_devices
					  : 8 * GIB;
	r->disk_bytes = o->disk_bytes > 0 ? o->disk_bytes : 16 * GIB;
	r->log_bytes = o->log_bytes > 0 ? o->log_bytes : 16 * MIB;
	r->procs = o->procs > 0 ? o->procs : 512;
	r->floor_bytes = o->disk_floor_bytes > 0 ? o->disk_floor_bytes : GIB;
}

static enum art_status find_devices(struct runner *r, struct art_err *err)
{
	enum art_status st;

	r->n_devices = 1;
	if (r->opt.gpu) {
		st = gpus_open(&r->gpus, r->opt.gpu_library, err);
		if (st)
			return st;
		r->n_devices = gpus_count(r->gpus);
	}
	for (int i = 0; i < r->n_devices; i++) {
		struct device *d = &r->devices[i];
		d->r = r;
		d->gpu = r->opt.gpu ? i : -1;
		d->facts.minor = -1;
		d->hash_fd = -1;
		art_buf_init(&d->answer, 64u << 10);
		if (r->opt.gpu)
			snprintf(d->name, sizeof(d->name), "sale:cuda:%d", i);
		else
			art_copy(d->name, sizeof(d->name), "sale:cpu");
		if (r->opt.gpu && (st = gpus_read(r->gpus, i, &d->facts, err)) != ART_OK)
			return st;
	}
	return ART_OK;
}

/* Can what runs will be shown be read by whom they run as? */
static enum art_status try_sandbox(struct runner *r, struct art_err *err)
{
	static const char script[] = "for f; do test -r \"$f\" || { echo \"$f cannot be read inside\" >&2; exit 1; }; done";
	const char *command[RUNNER_PATHS_MAX + 8] = { "/bin/sh", "-c", script, "sh" };
	struct art_buf b;
	enum art_status st;

	for (int i = 0; r->shown[i]; i++)
		command[4 + i] = r->shown[i];
	art_buf_init(&b, 4096);
	st = child_ask(r, command, &b, err);
	art_buf_destroy(&b);
	return st;
}

static void fill_facts(struct runner *r)
{
	struct runner_facts *f = &r->facts;
	const struct gpu_facts *g = &r->devices[0].facts;
	char cpu[64], hash[HASH_HEX];
	struct hash_state *h;

	f->devices = r->n_devices;
	f->native = !r->opt.train_command;
	art_copy(f->sandbox, sizeof(f->sandbox), sandbox_kind_text(r->opt.sandbox));
	if (f->native)
		return;
	hardware_cpu(cpu, sizeof(cpu));
	if (r->opt.gpu) {
		snprintf(f->gpu, sizeof(f->gpu), "%s", g->name[0] ? g->name : "NVIDIA GPU");
		f->gpu_mem_mb = g->mem_total_mb;
		snprintf(f->class_text, sizeof(f->class_text), "gpu:%s x1", f->gpu);
		art_copy(f->device, sizeof(f->device), f->gpu);
	} else {
		snprintf(f->class_text, sizeof(f->class_text), "cpu:%s x%d", cpu, r->threads);
		snprintf(f->device, sizeof(f->device), "%s, %d thread%s", cpu, r->threads,
			 r->threads == 1 ? "" : "s");
	}
	/* As a researcher's own command has it: the command and the evaluator are what a number depends on. */
	art_copy(hash, sizeof(hash), kept_hash(&r->files, r->n_evaluator).s);
	h = hash_begin();
	hash_add(h, r->opt.train_command, strlen(r->opt.train_command) + 1);
	hash_add(h, hash, HASH_HEX);
	art_copy(f->evaluator_sha256, sizeof(f->evaluator_sha256), hash_end(h).s);
	if (r->files.n > r->n_evaluator)
		art_copy(f->data_sha256, sizeof(f->data_sha256), kept_hash(&r->files, r->files.n).s);
	else
		art_copy(f->data_sha256, sizeof(f->data_sha256), f->evaluator_sha256);
}

/* What a dead one left: processes, half-done directories, orders that seem to run. */
static enum art_status recover(struct runner *r, struct art_err *err)
{
	struct order_query q = { .states = 1u << ORDER_RUNNING };
	struct order_list l = { 0 };
	int64_t n_again = 0, failed = 0;
	int orphans = job_tree_kill_marked(RUNNER_MARK, r->mark);
	enum art_status st = order_query(r->store, &q, &l, err);

	for (size_t i = 0; i < l.n; i++)
		dir_clear(r->dir, l.rows[i].experiment_id);
	if (!st)
		st = order_recover(r->store, RUNNER_ATTEMPTS, &n_again, &failed, err);
	if (!st && n_again + failed + orphans > 0)
		tell(r, EVENT_WARN, "serve.recovered",
		     "the worker had ended in the middle of work: %" PRId64 " order%s run again, %" PRId64
		     " failed by our fault, %d process%s ended",
		     n_again, n_again == 1 ? "" : "s", failed, orphans, orphans == 1 ? "" : "es");
	for (size_t i = 0; !st && r->opt.ended && i < l.n; i++) {
		struct order_row now;
		if (order_find(r->store, l.rows[i].id, &now, NULL) == ART_OK && order_state_is_final(now.state))
			r->opt.ended(r->opt.arg, now.id);
	}
	order_list_destroy(&l);
	return st;
}

static enum art_status open_dir(struct runner *r, struct art_err *err)
{
	char real[PATH_MAX], *orders = art_printf("%s/orders", r->opt.dir);
	enum art_status st = art_mkdirs(orders, 0700, err);

	free(orders);
	if (st)
		return st;
	if (!realpath(r->opt.dir, real))
		return art_fail_errno(err, "%s", r->opt.dir);
	if (strlen(real) > RUNNER_PATH_MAX - 300)
		return art_fail(err, ART_LIMIT, "%s: too long a path", real);
	art_copy(r->dir, sizeof(r->dir), real);
	r->opt.dir = r->dir;
	art_copy(r->mark, sizeof(r->mark), hash_bytes(r->dir, strlen(r->dir)).s);
	r->mark[sizeof(r->mark) - 1] = 0;
	return lock(r, err);
}

static enum art_status open_all(struct runner *r, struct art_err *err)
{
	enum art_status st = check_options(&r->opt, err);

	if (!st)
		st = open_dir(r, err);
	if (!st)
		st = store_open(&r->store, r->opt.db, 0, BUSY_MS, err);
	if (!st && r->opt.bell) {
		store_attach_bell(r->store, r->opt.bell);
		r->sub = bell_subscribe(r->opt.bell, TOPIC_ORDER);
	}
	if (!st)
		st = find_devices(r, err);
	if (!st) {
		limits(r);
		st = show_all(r, err);
	}
	if (!st)
		st = try_sandbox(r, err);
	if (!st)
		fill_facts(r);
	if (!st && r->facts.native)
		st = native_open(r, err);
	return st ? st : recover(r, err);
}

static enum art_status start_thread(struct runner *r, struct art_err *err)
{
	sigset_t all, old;
	int rc;

	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake_fd < 0)
		return art_fail_errno(err, "eventfd");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&r->thread, NULL, runner_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		errno = rc;
		return art_fail_errno(err, "start the runner's thread");
	}
	r->has_thread = true;
	return ART_OK;
}

enum art_status runner_start(struct runner **out, const struct runner_options *opt, struct art_err *err)
{
	struct runner *r = art_alloc(1, sizeof(*r));
	enum art_status st;

	r->opt = *opt;
	r->lock_fd = r->wake_fd = -1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	st = open_all(r, err);
	if (!st)
		st = start_thread(r, err);
	if (st) {
		runner_stop(r);
		return st;
	}
	*out = r;
	return ART_OK;
}

void runner_wake(struct runner *r)
{
	uint64_t one = 1;

	if (write(r->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		return; /* full: it is awake */
}

void runner_facts(const struct runner *r, struct runner_facts *out)
{
	*out = r->facts;
}

void runner_stop(struct runner *r)
{
	if (!r)
		return;
	r->stopping = true;
	if (r->has_thread) {
		runner_wake(r);
		pthread_join(r->thread, NULL);
	}
	for (int i = 0; i < r->n_devices; i++)
		art_buf_destroy(&r->devices[i].answer);
	gpus_close(r->gpus);
	kept_destroy(&r->files);
	for (int i = 0; r->owned[i]; i++)
		free(r->owned[i]);
	if (r->sub)
		bell_unsubscribe(r->opt.bell, r->sub);
	store_close(r->store);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	free(r);
}
