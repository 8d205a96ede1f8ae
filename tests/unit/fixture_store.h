/*
 * fixture_store.h - a store in a fresh directory, and rows to fill it with.
 *
 * Every test of a group gets its own database: setup and teardown are per test.
 */
#ifndef TESTS_UNIT_FIXTURE_STORE_H
#define TESTS_UNIT_FIXTURE_STORE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/events.h"
#include "store/experiments.h"
#include "store/store.h"

struct fixture {
	char dir[64];
	char path[96];
	struct store *st;
	struct class_row class;
	struct night_row night;
};

static struct art_err err; /* of the call a test just made */

/* The call must succeed; its sentence is shown when it does not. */
#define ok(call)                                                                                   \
	do {                                                                                       \
		enum art_status ok_status = (call);                                                \
		if (ok_status != ART_OK)                                                           \
			fail_msg("%s: %s: %s", #call, art_status_text(ok_status), err.text);       \
	} while (0)
/* The call must fail so, with a sentence. */
#define fails(call, status)                                                                        \
	do {                                                                                       \
		err = (struct art_err){ 0 };                                                       \
		assert_int_equal((call), (status));                                                \
		assert_int_equal(err.code, (status));                                              \
		assert_true(strlen(err.text) > 10);                                                \
	} while (0)

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/artui-test.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/artui.db", f->dir);
	*state = f;
	return store_open(&f->st, f->path, STORE_CREATE, 2000, &err) == ART_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	char path[160];

	art_clock_set_for_test(0);
	store_close(f->st);
	static const char *const names[] = { "artui.db", "artui.db-wal", "artui.db-shm",
					     "other.db", "other.db-wal", "other.db-shm" };
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	int rc = rmdir(f->dir);
	free(f);
	return rc;
}

static inline struct class_row make_class(struct store *st, const char *hardware)
{
	struct class_row c = { .metric = "val_bpb", .data = "kjv", .budget = "20s" };

	art_copy(c.hardware, sizeof(c.hardware), hardware);
	memset(c.data_sha256, 'd', HASH_HEX - 1);
	memset(c.evaluator_sha256, 'e', HASH_HEX - 1);
	ok(class_get(st, &c, &err));
	return c;
}

static inline int setup_night(void **state)
{
	if (setup(state) != 0)
		return -1;
	struct fixture *f = *state;
	f->class = make_class(f->st, "cpu:test");
	f->night = (struct night_row){ .class_id = f->class.id, .seed = 7, .rounds = 10,
				       .budget_s = 20, .confirm = 3 };
	return night_add(f->st, &f->night, &err) == ART_OK ? 0 : -1;
}

/* A pending experiment whose recipe and knobs come from @name. */
static inline struct experiment_row make_experiment(struct fixture *f, const char *proposer,
						    const char *name)
{
	struct experiment_row x = { .night_id = f->night.id, .class_id = f->class.id };

	art_copy(x.proposer, sizeof(x.proposer), proposer);
	snprintf(x.title, sizeof(x.title), "title %s", name);
	snprintf(x.knobs, sizeof(x.knobs), "NAME=%s;", name);
	ok(experiment_add(f->st, &x, name, strlen(name), &err));
	return x;
}

static inline struct run_row make_run(struct store *st, int64_t experiment_id,
				      enum run_purpose purpose, int64_t seed)
{
	struct run_row r = { .experiment_id = experiment_id, .purpose = purpose, .seed = seed,
			     .executor = "local:cpu" };

	ok(run_add(st, &r, &err));
	return r;
}

/* queued -> running -> done with this result. */
static inline struct run_row finish_run(struct store *st, int64_t experiment_id,
					enum run_purpose purpose, int64_t seed, double val_bpb,
					int64_t from, int64_t to)
{
	struct run_row r = make_run(st, experiment_id, purpose, seed);

	r.state = RUN_RUNNING;
	r.attempt = 1;
	r.started_at = from;
	ok(run_move(st, &r, RUN_QUEUED, &err));
	r.state = RUN_DONE;
	r.val_bpb = OPT_F64(val_bpb);
	r.finished_at = to;
	r.seconds = OPT_F64((double)(to - from) / 1e6);
	ok(run_move(st, &r, RUN_RUNNING, &err));
	return r;
}

static inline void judge(struct store *st, struct experiment_row *x, enum verdict v, double val_bpb)
{
	x->verdict = v;
	x->val_bpb = OPT_F64(val_bpb);
	x->n = 3;
	ok(experiment_judge(st, x, &err));
	ok(experiment_find(st, x->id, x, &err));
}

/* SQL behind the store's back, without its checks. */
static inline void tamper(const char *path, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 2000);
	sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

/* One number out of the database, by its own connection. */
static inline int64_t number(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return v;
}

/* @fn must end in abort(): it breaks a contract. Its complaint on stderr is hidden. */
static inline void aborts(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		fn(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#endif
