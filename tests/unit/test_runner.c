/*
 * test_runner.c - orders of all kinds of buyers, run by shell scripts in the best sandbox there is.
 *
 * The training command is "sh train.py": each test's train.py is a script. Where no sandbox works here, plain commands
 * run them, and what only a sandbox holds is skipped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exec/job.h"
#include "core/exec/job_tree.h"
#include "store/events.h"
#include "worker/serve/runner_private.h"

#define MIB ((int64_t)1 << 20)

struct world {
	char dir[64], db[96], data[96], evaluator[128], launcher[PATH_MAX];
	struct store *st;
	struct runner *r;
	const char *evaluators[2];
	struct runner_options opt;
	_Atomic int ended, progress;
	_Atomic int64_t last_ended;
	const char *refuse;
	const char *train; /* the order's own text */
	int orders;
};

static enum sandbox_kind kind; /* the best there is; found once */

static void on_ended(void *arg, int64_t id)
{
	struct world *w = arg;

	w->last_ended = id;
	w->ended++;
}

static void on_progress(void *arg, int64_t id)
{
	struct world *w = arg;

	(void)id;
	w->progress++;
}

static bool on_may_start(void *arg, const struct order_row *o, char why[256])
{
	struct world *w = arg;

	assert_int_equal(o->state, ORDER_RUNNING);
	if (!w->refuse)
		return true;
	art_copy(why, 256, w->refuse);
	return false;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(art_write_file(path, text, strlen(text), 0644, NULL), ART_OK);
}

static void beside_us(char out[PATH_MAX], const char *name)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(n > 0);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	snprintf(out, PATH_MAX, "%.3000s/%s", exe, name);
}

static int setup(void **state)
{
	struct world *w = art_alloc(1, sizeof(*w));
	struct art_err err;

	art_copy(w->dir, sizeof(w->dir), "/tmp/artui-runner-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/artui.db", w->dir);
	snprintf(w->data, sizeof(w->data), "%s/work", w->dir);
	snprintf(w->evaluator, sizeof(w->evaluator), "%s/prepare.py", w->dir);
	put(w->evaluator, "evaluate honestly\n");
	w->evaluators[0] = w->evaluator;
	if (store_open(&w->st, w->db, STORE_CREATE, 5000, &err))
		fail_msg("%s", err.text);
	w->opt = (struct runner_options){ .db = w->db, .dir = w->data, .train_command = "sh ./train.py",
					  .evaluator = w->evaluators, .budget_s = 20, .grace_s = 1, .sandbox = kind,
					  .mem_bytes = 512 * MIB, .disk_bytes = 16 * MIB, .log_bytes = MIB, .procs = 64,
					  .disk_floor_bytes = MIB, .ended = on_ended, .progress = on_progress,
					  .may_start = on_may_start, .arg = w };
#ifdef __SANITIZE_THREAD__
	/* This one's shadow memory is more than a run may have. */
	beside_us(w->launcher, "../../release/artui");
	w->opt.launcher = w->launcher;
#endif
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct art_err err;

	runner_stop(w->r);
	store_close(w->st);
	if (sandbox_remove(w->dir, &err))
		fail_msg("%s", err.text);
	free(w);
	art_clock_set_for_test(0);
	unsetenv("FAKE_CELSIUS");
	unsetenv("FAKE_LOST");
	return 0;
}

static void start(struct world *w)
{
	struct art_err err;

	if (runner_start(&w->r, &w->opt, &err))
		fail_msg("%s", err.text);
}

static int64_t order(struct world *w, const char *script)
{
	struct order_row o = { .state = ORDER_QUEUED, .return_code = -1, .budget_s = w->opt.budget_s };
	struct art_err err;

	snprintf(o.experiment_id, sizeof(o.experiment_id), "exp-%d", ++w->orders);
	art_copy(o.train_sha256, sizeof(o.train_sha256), hash_bytes(script, strlen(script)).s);
	art_copy(o.request_sha256, sizeof(o.request_sha256), o.train_sha256);
	if (runner_keep(w->data, o.experiment_id, script, strlen(script), "{\"depth\": 4}", &err) ||
	    order_accept(w->st, &o, "{\"depth\": 4}", 100, NULL, &err))
		fail_msg("%s", err.text);
	if (w->r)
		runner_wake(w->r);
	return o.id;
}

static struct order_row look(struct world *w, int64_t id)
{
	struct order_row o;

	assert_int_equal(order_find(w->st, id, &o, NULL), ART_OK);
	return o;
}

static struct order_row wait_state(struct world *w, int64_t id, enum order_state want, double time_s)
{
	int64_t until = art_mono_us() + (int64_t)(time_s * 1e6);
	struct order_row o;

	do {
		o = look(w, id);
		if (o.state == want)
			return o;
		if (order_state_is_final(o.state))
			break;
		usleep(20000);
	} while (art_mono_us() < until);
	fail_msg("order %d is %s, not %s: %s", (int)id, order_state_text(o.state), order_state_text(want), o.note);
	return o;
}

static const char *path_of(struct world *w, const struct order_row *o, const char *name, char buf[PATH_MAX])
{
	return runner_path(buf, PATH_MAX, w->data, o->experiment_id, name);
}

static bool there(struct world *w, const struct order_row *o, const char *name)
{
	char path[PATH_MAX];
	struct stat sb;

	return lstat(path_of(w, o, name, path), &sb) == 0;
}

static char *text_of(struct world *w, const struct order_row *o, const char *name)
{
	char path[PATH_MAX];
	struct art_buf b;

	art_buf_init(&b, 8 << 20);
	assert_int_equal(art_read_file(&b, path_of(w, o, name, path), 8 << 20, NULL), ART_OK);
	return art_buf_take(&b);
}

static bool has_log(struct world *w, const struct order_row *o, const char *text)
{
	char *log = there(w, o, "run.log") ? text_of(w, o, "run.log") : NULL;
	bool has = log && strstr(log, text);

	free(log);
	return has;
}

static bool event_seen(struct world *w, const char *kind_text, const char *match)
{
	struct event_query q = { .limit = 0 };
	struct event_list l = { 0 };
	bool seen = false;

	assert_int_equal(event_query(w->st, &q, &l, NULL), ART_OK);
	for (size_t i = 0; i < l.n; i++)
		seen |= !strcmp(l.rows[i].kind, kind_text) && strstr(l.rows[i].text, match);
	event_list_destroy(&l);
	return seen;
}

static bool device_is(struct world *w, const char *name, const char *want)
{
	struct device_list l = { 0 };
	bool is = false;

	assert_int_equal(device_list(w->st, &l, NULL), ART_OK);
	for (size_t i = 0; i < l.n; i++)
		is |= !strcmp(l.rows[i].name, name) && !strcmp(l.rows[i].state, want);
	device_list_destroy(&l);
	return is;
}

static void wait_device(struct world *w, const char *name, const char *want)
{
	for (int i = 0; i < 500; i++) {
		if (device_is(w, name, want))
			return;
		usleep(20000);
	}
	fail_msg("device %s never was %s", name, want);
}

/* An order's end, as the store tells it. */
static struct order_row run(struct world *w, const char *script, enum order_state want)
{
	int64_t id = order(w, script);
	struct order_row o = wait_state(w, id, want, 40);

	assert_false(there(w, &o, "scratch"));
	assert_false(there(w, &o, "eval"));
	return o;
}

/* ---- scores ------------------------------------------------------------------------------------------ */

static void score_must_be_the_last_whole_number(void **state)
{
	static const struct {
		const char *log;
		double score; /* 0: none */
	} t[] = {
		{ "val_bpb: 1.2345", 1.2345 },
		{ "val_bpb: 2\nval_bpb: 1.5\n", 1.5 },
		{ "val_bpb: 1.5\nval_bpb: 2\n", 2 },
		{ "val_bpb = 0.97", 0.97 },
		{ "VAL_BPB:\t9.9e-1\r\n", 0.99 },
		{ "step 3 | val_bpb: .97 | loss: 3", 0.97 },
		{ "{\"val_bpb\": 0.9987, \"x\": 1}", 0.9987 },
		{ "{\"metrics\":{\"val_bpb\":1.25}}", 1.25 },
		{ "{'val_bpb': 1.125}", 1.125 },
		{ "best val_bpb: 1.1", 1.1 },
		{ "val_bpb: \033[1m1.75\033[0m done", 1.75 },
		{ "\033[32mval_bpb\033[0m: 1.75", 1.75 },
		{ "\033[31mval_bpb:\033[0m \033[1m 1.75\033[0m", 1.75 },
		{ "val_bpb: 1.5\nval_bpb: to come", 1.5 },
		{ "val_bpb: 1.5\nval_bpb", 1.5 },
		{ "val_bpb: 1.5\nmy_val_bpb: 0.1", 1.5 },
		{ "val_bpb: 1.5\n[32mval_bpb: 0.1", 1.5 },
		{ "val_bpb: 1.5\nval_bpb: 1.2.3", 1.5 },
		{ "val_bpb: 1.5\nval_bpb: 0x1p-3", 1.5 },
		{ "val_bpb: 1.5\nval_bpb: 0.9%", 1.5 },
		{ "val_bpb: 1.5\nval_bpb: 1,5", 1 },
		{ "val_bpb: 1.5\nval_bpb: nan", 0 },
		{ "val_bpb: 1.5\nval_bpb: -inf", 0 },
		{ "val_bpb: 1.5\nval_bpb: NaN\n", 0 },
		{ "val_bpb: 1.5\nval_bpb: 0", 0 },
		{ "val_bpb: 1.5\nval_bpb: -1.5", 0 },
		{ "val_bpb: 1.5\nval_bpb: 1e999", 0 },
		{ "val_bpb: nan\nval_bpb: 1.5", 1.5 },
		{ "loss: 1.0", 0 },
		{ "", 0 },
		{ "val_bpb", 0 },
		{ "val_bpb:", 0 },
		{ "val_bpb: ", 0 },
		{ "val_bpb: 111111111111111111111111111111111111111111111111111111111111111111111111111111111", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		/* Exactly sized, so that a read behind the end is seen. */
		size_t n = strlen(t[i].log);
		char *log = art_alloc(n ? n : 1, 1);
		double v = 0;
		struct art_err err;
		memcpy(log, t[i].log, n);
		enum art_status st = runner_score(log, n, &v, &err);
		if (t[i].score > 0 ? st || fabs(v - t[i].score) > 1e-12 : st != ART_NOT_FOUND)
			fail_msg("%s: status %d, %g", t[i].log, st, v);
		free(log);
	}
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void a_good_run_must_be_completed(void **state)
{
	struct world *w = *state;
	struct hash_hex hex = hash_bytes("weights", 7);
	struct runner_facts f;
	struct order_points points = { 0 };
	char *log, *config;

	start(w);
	runner_facts(w->r, &f);
	assert_int_equal(f.devices, 1);
	assert_false(f.native);
	assert_string_equal(f.sandbox, sandbox_kind_text(kind));
	assert_int_equal(strlen(f.evaluator_sha256), 64);
	struct order_row o = run(w,
				 "cat config.json prepare.py; env | sort; pwd; echo more >&2\n"
				 "for i in 1 2 3; do echo \"{\\\"step\\\":$i,\\\"progress\\\":0.$i,\\\"seconds\\\":$i,"
				 "\\\"tokens\\\":100,\\\"loss\\\":3.$i,\\\"tok_per_sec\\\":5}\" >&3; done\n"
				 "mkdir out; printf weights > out/model.safetensors\n"
				 "echo 'val_bpb: 1.5'; echo 'val_bpb: 1.2345'\n",
				 ORDER_COMPLETED);

	assert_int_equal(o.return_code, 0);
	assert_true(o.val_bpb.known && fabs(o.val_bpb.v - 1.2345) < 1e-12);
	assert_string_equal(o.note, "");
	assert_string_equal(o.device, "sale:cpu");
	assert_string_equal(o.artifact_name, "model.safetensors");
	assert_string_equal(o.artifact_sha256, hex.s);
	assert_int_equal(o.artifact_bytes, 7);
	assert_true(o.log_bytes > 100);
	assert_int_equal(o.attempt, 1);
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->last_ended, o.id);
	assert_true(w->progress > 0);
	assert_int_equal(order_points(w->st, o.id, &points, NULL), ART_OK);
	assert_int_equal(points.n, 3);
	assert_true(fabs(points.rows[2].loss - 3.3) < 1e-12);
	order_points_destroy(&points);
	log = text_of(w, &o, "run.log");
	assert_int_equal(strlen(log), o.log_bytes);
	assert_non_null(strstr(log, "{\"depth\": 4}evaluate honestly\n"));
	assert_non_null(strstr(log, "\nAUTORESEARCH_EXPERIMENT_ID=exp-1\n"));
	assert_non_null(strstr(log, "\nARTUI_EXPERIMENT_ID=exp-1\n"));
	assert_non_null(strstr(log, "\nPYTHONUNBUFFERED=1\n"));
	assert_non_null(strstr(log, "\nmore\n"));
	assert_null(strstr(log, "SECRET"));
	if (kind != SANDBOX_NONE) {
		assert_non_null(strstr(log, "\nAUTORESEARCH_EXPERIMENT_CONFIG=/scratch/config.json\n"));
		assert_non_null(strstr(log, "\nAUTORESEARCH_EXPERIMENT_DIR=/scratch\n"));
		assert_non_null(strstr(log, "\nHOME=/scratch\n"));
		assert_non_null(strstr(log, "\n/scratch\n"));
	}
	free(log);
	config = text_of(w, &o, "metrics.jsonl");
	assert_non_null(strstr(config, "\"progress\":0.3"));
	free(config);
	assert_true(there(w, &o, "train.py"));
	wait_device(w, "sale:cpu", "idle");
}

static void every_bad_end_must_be_told(void **state)
{
	static const struct {
		const char *script;
		int code;
		const char *note;
	} t[] = {
		{ "echo 'val_bpb: 1'; exit 3", 3, "command exited with status 3" },
		{ "echo 'val_bpb: 1'; kill -9 $$", 137, "command exited with status 137 (signal 9, Killed)" },
		{ "kill -SEGV $$", 139, "signal 11" },
		{ "no-such-program", 127, "command exited with status 127" },
		{ "echo done", 0, "the log ends without a val_bpb above 0" },
		{ "echo 'val_bpb: 1.5'; echo 'val_bpb: nan'", 0, "the log ends without a val_bpb above 0" },
		{ "printf 'x\\tval_bpb\\n0\\t0.1\\n' > results.tsv", 0, "the log ends without a val_bpb above 0" },
		{ "echo '{\"val_bpb\": 0.1}' >&3", 0, "the log ends without a val_bpb above 0" },
		{ "printf 'val_bpb: 1\\n' > ../run.log; yes val_bpb: 0.5 | head -c 3000000", -1,
		  "wrote more than 1 MiB of output" },
		{ "yes 'a long line of metrics' >&3", -1, "wrote more than 1 MiB of output" },
		{ "for i in 1 2 3; do head -c 8000000 /dev/zero > f$i; done; sleep 20", -1, "used more than 16 MiB of disk" },
		{ "exec 5>gone; rm gone; head -c 20000000 /dev/zero | split -b 9000000 --filter='cat >&5'; sleep 20", -1,
		  NULL },
		{ "mkdir -p $(printf 'd/%.0s' $(seq 150)); sleep 20", -1, "left directories nested deeper" },
		{ "perl -e '$x = \"x\" x (100 << 20); fork; fork; fork; $x .= \"y\"; substr($x, 4096 * $_, 1) = \"z\" "
		  "for 0 .. 25000; sleep 20'", -1, "used more than 512 MiB of memory" },
	};
	struct world *w = *state;

	start(w);
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		struct order_row o = run(w, t[i].script, ORDER_FAILED);
		if (t[i].note ? o.return_code != t[i].code || !strstr(o.note, t[i].note) : o.note[0] == 0)
			fail_msg("%s: %d %s", t[i].script, o.return_code, o.note);
		assert_false(o.our_fault);
		assert_string_equal(o.artifact_name, "");
		assert_false(o.val_bpb.known && o.return_code == 0);
		assert_int_equal(o.attempt, 1);
	}
	assert_int_equal(w->ended, ART_COUNT(t));
}

static void timeout_must_end_all_and_keep_the_log(void **state)
{
	struct world *w = *state;
	char *log;

	w->opt.budget_s = 1;
	start(w);
	struct order_row o = run(w,
				 "echo 'val_bpb: 0.5'; (setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.1; done' &)\n"
				 "printf m > model.pt; trap '' TERM; sleep 1000 & wait; sleep 1000",
				 ORDER_TIMEOUT);

	assert_int_equal(o.return_code, -1);
	assert_string_equal(o.note, "experiment exceeded timeout of 2s");
	assert_false(o.val_bpb.known);
	assert_string_equal(o.artifact_name, "");
	log = text_of(w, &o, "run.log");
	assert_string_equal(log, "val_bpb: 0.5\n");
	free(log);
	assert_int_equal(job_tree_kill_marked(RUNNER_MARK, hash_bytes(w->data, strlen(w->data)).s), 0);
	run(w, "echo 'val_bpb: 1'", ORDER_COMPLETED);
}

static void artifacts_must_be_the_newest_plain_file(void **state)
{
	static const struct {
		const char *script, *name;
		int64_t bytes;
	} t[] = {
		{ "printf old > a.pt; touch -d 2001-01-01 a.pt; printf newer > b.gguf", "b.gguf", 5 },
		{ "ln -s /etc/passwd model.safetensors", "", 0 },
		{ "mkfifo model.pt; printf x > real.bin; touch -d 2001-01-01 real.bin", "real.bin", 1 },
		{ "mkdir model.safetensors; printf y > 'odd name;rm -rf.pth'", "model.pth", 1 },
		{ "printf z > .hidden.bin", "model.bin", 1 },
		{ "mkdir -p a/b/c; printf deep > a/b/c/m.safetensors; chmod 0 a/b/c/m.safetensors", "m.safetensors", 4 },
		{ "printf u > s.pt; chmod 6777 s.pt", "s.pt", 1 },
		{ "printf x > model.txt; printf y > .pt", "", 0 },
	};
	struct world *w = *state;

	start(w);
	for (size_t i = 0; i < ART_COUNT(t); i++) {
		char script[512], path[PATH_MAX];
		struct stat sb;
		snprintf(script, sizeof(script), "%s; echo 'val_bpb: 1'", t[i].script);
		struct order_row o = run(w, script, ORDER_COMPLETED);
		assert_string_equal(o.artifact_name, t[i].name);
		assert_int_equal(o.artifact_bytes, t[i].bytes);
		assert_int_equal(strlen(o.artifact_sha256), t[i].name[0] ? 64 : 0);
		if (!t[i].name[0])
			continue;
		assert_int_equal(lstat(path_of(w, &o, o.artifact_name, path), &sb), 0);
		assert_int_equal(sb.st_mode, S_IFREG | 0644);
		assert_int_equal(sb.st_uid, geteuid());
	}
	/* Holes cost no disk, but reading them would cost hours. */
	struct order_row o = run(w, "truncate -s 15M big.pt; echo 'val_bpb: 1'", ORDER_COMPLETED);
	assert_string_equal(o.artifact_name, "big.pt");
}

static void a_flood_of_bad_lines_must_do_no_harm(void **state)
{
	struct world *w = *state;

	start(w);
	struct order_row o = run(w,
				 "printf 'val_bpb: \\033]0;owned\\007 0.1\\n\\033[2J'; head -c 300000 /dev/urandom\n"
				 "printf '\\n'; head -c 200000 /dev/zero; printf '\\n{\"progress\":1e308,\"loss\":1}\\n' >&3\n"
				 "printf '{\"progress\":0.5,\"loss\":NaN}\\n{\"progress\":-1,\"loss\":1}\\n{{{{\\n' >&3\n"
				 "head -c 100000 /dev/urandom >&3; printf '\\nval_bpb: 1.5\\n'",
				 ORDER_COMPLETED);

	assert_true(fabs(o.val_bpb.v - 1.5) < 1e-12);
}

/* ---- what must not happen ---------------------------------------------------------------------------- */

static void runs_must_not_see_each_other_or_us(void **state)
{
	struct world *w = *state;
	char script[1024];

	if (kind == SANDBOX_NONE)
		skip();
	start(w);
	run(w, "printf secret > model.pt; echo 'val_bpb: 1'", ORDER_COMPLETED);
	snprintf(script, sizeof(script),
		 "for f in %s %s/orders/exp-1/model.pt %s/orders/exp-1/train.py %s/runner.lock; do\n"
		 "if cat $f >/dev/null 2>&1; then echo \"READ $f\"; exit 9; fi; done\n"
		 "if echo x >> %s; then exit 10; fi\n"
		 "if echo x >> prepare.py; then exit 11; fi\n"
		 "echo 'val_bpb: 1'",
		 w->db, w->data, w->data, w->data, w->evaluator);
	run(w, script, ORDER_COMPLETED);
}

static void a_changed_evaluator_must_stop_the_worker(void **state)
{
	struct world *w = *state;
	int64_t id;

	start(w);
	id = order(w, "echo begun; sleep 1; echo 'val_bpb: 0.1'");
	struct order_row o = wait_state(w, id, ORDER_RUNNING, 10);
	/* RUNNING is said before the files are looked at: it must have begun. */
	for (int i = 0; i < 1000 && !has_log(w, &o, "begun"); i++)
		usleep(20000);
	put(w->evaluator, "evaluate kindly\n");
	o = wait_state(w, id, ORDER_FAILED, 20);
	assert_true(o.our_fault);
	assert_non_null(strstr(o.note, "prepare.py is not what it was"));
	id = order(w, "echo 'val_bpb: 1'");
	wait_device(w, "sale:cpu", "changed");
	assert_int_equal(look(w, id).state, ORDER_QUEUED);
	assert_true(event_seen(w, "serve.changed", "prepare.py"));
	put(w->evaluator, "evaluate honestly\n");
	wait_state(w, id, ORDER_COMPLETED, 30);
}

static void a_changed_order_must_not_run(void **state)
{
	struct world *w = *state;
	int64_t id;
	char path[PATH_MAX];

	w->opt.train_command = "sh ./train.py";
	start(w);
	assert_int_equal(serve_switch_set(w->st, "", SERVE_PAUSED, NULL), ART_OK);
	wait_device(w, "sale:cpu", "paused");
	id = order(w, "echo 'val_bpb: 1'");
	struct order_row o = look(w, id);
	put(path_of(w, &o, "train.py", path), "echo 'val_bpb: 0.1'");
	assert_int_equal(serve_switch_set(w->st, "", SERVE_OPEN, NULL), ART_OK);
	o = wait_state(w, id, ORDER_FAILED, 20);
	assert_true(o.our_fault);
	assert_non_null(strstr(o.note, "is not what the buyer sent"));
}

static void a_sandbox_that_fails_must_be_our_fault(void **state)
{
	struct world *w = *state;
	char *shown = art_printf("%s/shown", w->dir);
	const char *list[] = { shown, NULL };
	int64_t id;

	put(shown, "x");
	w->opt.read_only = list;
	start(w);
	assert_int_equal(unlink(shown), 0);
	id = order(w, "echo 'val_bpb: 1'");
	struct order_row o = wait_state(w, id, ORDER_FAILED, 30);
	assert_true(o.our_fault);
	assert_int_equal(o.attempt, RUNNER_ATTEMPTS);
	assert_non_null(strstr(o.note, "shown"));
	assert_true(event_seen(w, "order.again", "could not start"));
	/* It does not burn the queue down. */
	id = order(w, "echo 'val_bpb: 1'");
	wait_device(w, "sale:cpu", "failing");
	put(shown, "x");
	wait_state(w, id, ORDER_COMPLETED, 30);
	free(shown);
}

static void who_cannot_pay_must_not_start(void **state)
{
	struct world *w = *state;

	w->refuse = "the authorization ran out";
	start(w);
	struct order_row o = run(w, "echo 'val_bpb: 1'", ORDER_FAILED);
	assert_false(o.our_fault);
	assert_string_equal(o.note, "the authorization ran out");
	assert_false(there(w, &o, "run.log"));
}

/* ---- switches ---------------------------------------------------------------------------------------- */

static void switches_must_be_obeyed(void **state)
{
	struct world *w = *state;
	int64_t id;

	start(w);
	assert_int_equal(serve_switch_set(w->st, "", SERVE_PAUSED, NULL), ART_OK);
	wait_device(w, "sale:cpu", "paused");
	id = order(w, "echo 'val_bpb: 1'");
	usleep(300000);
	assert_int_equal(look(w, id).state, ORDER_QUEUED);
	/* Draining ends what waits; the door is not the runner's. */
	assert_int_equal(serve_switch_set(w->st, "", SERVE_DRAINING, NULL), ART_OK);
	wait_state(w, id, ORDER_COMPLETED, 20);
	wait_device(w, "sale:cpu", "draining");
	assert_int_equal(serve_switch_set(w->st, "", SERVE_OPEN, NULL), ART_OK);
	assert_int_equal(serve_switch_set(w->st, "sale:cpu", SERVE_DRAINING, NULL), ART_OK);
	wait_device(w, "sale:cpu", "draining");
	id = order(w, "echo 'val_bpb: 1'");
	usleep(300000);
	assert_int_equal(look(w, id).state, ORDER_QUEUED);
	assert_int_equal(serve_switch_set(w->st, "sale:cpu", SERVE_OPEN, NULL), ART_OK);
	wait_state(w, id, ORDER_COMPLETED, 20);
}

static void cancelled_runs_must_end(void **state)
{
	struct world *w = *state;
	int64_t id;

	start(w);
	id = order(w, "echo begun; sleep 1000");
	wait_state(w, id, ORDER_RUNNING, 10);
	usleep(300000);
	assert_int_equal(order_cancel(w->st, id, "changed my mind", NULL), ART_OK);
	runner_wake(w->r);
	for (int i = 0; i < 500 && !w->ended; i++)
		usleep(10000);
	assert_int_equal(w->ended, 1);
	struct order_row o = look(w, id);
	assert_int_equal(o.state, ORDER_CANCELLED);
	assert_string_equal(o.note, "changed my mind");
	assert_false(there(w, &o, "scratch"));
	run(w, "echo 'val_bpb: 1'", ORDER_COMPLETED);
}

static void a_full_disk_must_pause_the_worker(void **state)
{
	struct world *w = *state;
	int64_t id;

	w->opt.disk_floor_bytes = (int64_t)1 << 60;
	start(w);
	id = order(w, "echo 'val_bpb: 1'");
	wait_device(w, "sale:cpu", "no disk");
	assert_int_equal(look(w, id).state, ORDER_QUEUED);
	assert_true(event_seen(w, "serve.disk", "MiB left"));
}

/* ---- restarts ---------------------------------------------------------------------------------------- */

static void our_own_end_must_put_orders_back(void **state)
{
	struct world *w = *state;
	int64_t id = order(w, "sleep 1000");

	for (int i = 0; i < 3; i++) {
		start(w);
		wait_state(w, id, ORDER_RUNNING, 10);
		usleep(200000);
		runner_stop(w->r);
		w->r = NULL;
		struct order_row o = look(w, id);
		assert_int_equal(o.state, ORDER_QUEUED);
		assert_int_equal(o.attempt, i + 1);
		assert_false(there(w, &o, "scratch"));
		assert_true(device_is(w, "sale:cpu", "absent"));
	}
	assert_int_equal(w->ended, 0);
	assert_int_equal(job_tree_kill_marked(RUNNER_MARK, hash_bytes(w->data, strlen(w->data)).s), 0);
}

/* A worker in a process of its own, killed in the middle of a run. */
static void die_in_a_run(struct world *w, int64_t id, int attempt)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct runner *r;
		store_close(w->st); /* the child's copy of the handle is never used for anything else */
		if (runner_start(&r, &w->opt, NULL))
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	for (int i = 0; i < 500; i++) {
		struct order_row o = look(w, id);
		if (o.state == ORDER_RUNNING && o.attempt == attempt && there(w, &o, "scratch/begun"))
			break;
		usleep(20000);
	}
	assert_int_equal(look(w, id).state, ORDER_RUNNING);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void a_killed_worker_must_leave_nothing_undone(void **state)
{
	struct world *w = *state;
	const char *script = "touch begun; if [ -e prepare.py ]; then (setsid sleep 1000 &); sleep 1000; fi";
	int64_t id = order(w, script);

	/* An open connection does not survive a fork; this one opens its own. */
	store_close(w->st);
	w->st = NULL;
	for (int i = 1; i <= RUNNER_ATTEMPTS; i++) {
		assert_int_equal(store_open(&w->st, w->db, 0, 5000, NULL), ART_OK);
		die_in_a_run(w, id, i);
		/* What the killed one ran ends by itself, before anybody looks for it. */
		for (int k = 0; k < 300; k++) {
			if (job_tree_kill_marked(RUNNER_MARK, "nothing has this") == 0)
				break;
			usleep(10000);
		}
		store_close(w->st);
		w->st = NULL;
	}
	assert_int_equal(store_open(&w->st, w->db, 0, 5000, NULL), ART_OK);
	start(w);
	struct order_row o = look(w, id);
	assert_int_equal(o.state, ORDER_FAILED);
	assert_true(o.our_fault);
	assert_int_equal(o.attempt, RUNNER_ATTEMPTS);
	assert_int_equal(w->ended, 1);
	assert_true(event_seen(w, "serve.recovered", "1 failed by our fault"));
	assert_false(there(w, &o, "scratch"));
	assert_int_equal(job_tree_kill_marked(RUNNER_MARK, hash_bytes(w->data, strlen(w->data)).s), 0);
	run(w, "echo 'val_bpb: 1'", ORDER_COMPLETED);
}

static void one_directory_must_have_one_worker(void **state)
{
	struct world *w = *state;
	struct runner *other = NULL;
	struct art_err err;

	start(w);
	assert_int_equal(runner_start(&other, &w->opt, &err), ART_CONFLICT);
	assert_null(other);
	assert_non_null(strstr(err.text, "another worker"));
}

static void bad_options_must_be_refused(void **state)
{
	struct world *w = *state;
	struct runner_options good = w->opt;
	const char *missing[] = { "/no/such/prepare.py", NULL };
	struct runner *r = NULL;
	struct art_err err;

	w->opt.budget_s = 0;
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_INVALID);
	w->opt = good;
	w->opt.train_command = NULL;
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_INVALID);
	w->opt.data_dir = w->dir;
	w->opt.gpu = true;
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_INVALID);
	w->opt = good;
	w->opt.evaluator = missing;
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "prepare.py"));
	w->opt = good;
	w->opt.gpu = true;
	w->opt.gpu_library = "/no/such/library.so";
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_UNSUPPORTED);
	assert_null(r);
}

static void unreadable_paths_must_be_said_at_the_start(void **state)
{
	struct world *w = *state;
	struct runner *r = NULL;
	struct art_err err;

	if (kind == SANDBOX_NONE || geteuid() != 0)
		skip();
	assert_int_equal(chmod(w->evaluator, 0600), 0);
	assert_int_equal(runner_start(&r, &w->opt, &err), ART_UNSUPPORTED);
	assert_non_null(strstr(err.text, "prepare.py cannot be read inside"));
}

static void old_directories_must_go(void **state)
{
	struct world *w = *state;
	struct art_err err;

	start(w);
	struct order_row done = run(w, "echo 'val_bpb: 1'", ORDER_COMPLETED);
	assert_int_equal(serve_switch_set(w->st, "", SERVE_PAUSED, NULL), ART_OK);
	wait_device(w, "sale:cpu", "paused");
	struct order_row waits = look(w, order(w, "echo 'val_bpb: 1'"));
	struct order_row none = { 0 };
	art_copy(none.experiment_id, sizeof(none.experiment_id), "nobodys");
	assert_int_equal(runner_keep(w->data, "nobodys", "x", 1, "", &err), ART_OK);
	runner_stop(w->r);
	w->r = NULL;

	assert_int_equal(dir_sweep(w->st, w->data, 7), 0);
	art_clock_set_for_test(art_now_us() + 2 * 86400 * (int64_t)1000000);
	assert_int_equal(dir_sweep(w->st, w->data, 7), 1);
	assert_false(there(w, &none, ""));
	art_clock_set_for_test(art_now_us() + 8 * 86400 * (int64_t)1000000);
	assert_int_equal(dir_sweep(w->st, w->data, 7), 1);
	assert_false(there(w, &done, ""));
	assert_true(there(w, &waits, "train.py"));
}

/* ---- GPUs -------------------------------------------------------------------------------------------- */

static void two_gpus_must_run_two_orders(void **state)
{
	struct world *w = *state;
	char library[PATH_MAX];
	struct runner_facts f;
	int64_t a, b, c;

	beside_us(library, "fake_nvml.so");
	w->opt.gpu = true;
	w->opt.gpu_library = library;
	w->opt.max_temperature_c = 80;
	w->opt.sandbox = SANDBOX_NONE; /* there are no such devices to be shown */
	setenv("FAKE_MINOR", "5000", 1);
	start(w);
	runner_facts(w->r, &f);
	assert_int_equal(f.devices, 2);
	assert_string_equal(f.gpu, "Fake GPU 0");
	assert_string_equal(f.class_text, "gpu:Fake GPU 0 x1");
	assert_true(f.gpu_mem_mb.known);
	a = order(w, "echo $CUDA_VISIBLE_DEVICES; while ! [ -e go ]; do sleep 0.1; done; echo 'val_bpb: 1'");
	b = order(w, "while ! [ -e go ]; do sleep 0.1; done; echo 'val_bpb: 2'");
	c = order(w, "echo 'val_bpb: 3'");
	struct order_row ra = wait_state(w, a, ORDER_RUNNING, 10), rb = wait_state(w, b, ORDER_RUNNING, 10);
	assert_string_not_equal(ra.device, rb.device);
	assert_int_equal(look(w, c).state, ORDER_QUEUED);
	wait_device(w, "sale:cuda:0", "busy");
	wait_device(w, "sale:cuda:1", "busy");

	/* Too hot: what runs goes on, nothing else starts. */
	setenv("FAKE_CELSIUS", "91", 1);
	for (int i = 0; i < 500 && !event_seen(w, "device.hot", "91"); i++)
		usleep(20000);
	char path[PATH_MAX];
	put(path_of(w, &ra, "scratch/go", path), "");
	put(path_of(w, &rb, "scratch/go", path), "");
	wait_state(w, a, ORDER_COMPLETED, 10);
	wait_state(w, b, ORDER_COMPLETED, 10);
	wait_device(w, "sale:cuda:0", "hot");
	wait_device(w, "sale:cuda:1", "hot");
	assert_int_equal(look(w, c).state, ORDER_QUEUED);
	setenv("FAKE_CELSIUS", "40", 1);
	wait_state(w, c, ORDER_COMPLETED, 20);

	char *log = text_of(w, &ra, "run.log");
	assert_non_null(strstr(log, "GPU-1234"));
	free(log);
}

static void a_lost_gpu_must_put_its_order_back(void **state)
{
	struct world *w = *state;
	char library[PATH_MAX];
	int64_t id;

	beside_us(library, "fake_nvml.so");
	w->opt.gpu = true;
	w->opt.gpu_library = library;
	w->opt.sandbox = SANDBOX_NONE;
	setenv("FAKE_MINOR", "5000", 1);
	start(w);
	assert_int_equal(serve_switch_set(w->st, "sale:cuda:1", SERVE_PAUSED, NULL), ART_OK);
	wait_device(w, "sale:cuda:1", "paused");
	id = order(w, "if [ $CUDA_VISIBLE_DEVICES ]; then sleep 8; fi; echo 'val_bpb: 1'");
	wait_state(w, id, ORDER_RUNNING, 10);
	setenv("FAKE_LOST", "0", 1);
	wait_state(w, id, ORDER_QUEUED, 20);
	wait_device(w, "sale:cuda:0", "absent");
	assert_true(event_seen(w, "device.lost", "GPU 0 is lost"));
	assert_int_equal(serve_switch_set(w->st, "sale:cuda:1", SERVE_OPEN, NULL), ART_OK);
	struct order_row o = wait_state(w, id, ORDER_RUNNING, 20);
	assert_string_equal(o.device, "sale:cuda:1");
	wait_state(w, id, ORDER_COMPLETED, 20);
}

/* ---- the native trainer ------------------------------------------------------------------------------ */

/* One without sanitizers: they need more addresses than a run may have. */
static bool native_trainer(char out[PATH_MAX])
{
	beside_us(out, "../../release/artui-train");
	if (access(out, X_OK) == 0)
		return true;
#ifndef __SANITIZE_ADDRESS__
	beside_us(out, "../artui-train");
	return access(out, X_OK) == 0;
#else
	return false;
#endif
}

static bool make_data(const char *trainer, const char *dir)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, 1);
		dup2(null, 2);
		execl(trainer, trainer, "corpus", "kjv", "--out", dir, (char *)NULL);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void native_runs_must_be_evaluated_by_us(void **state)
{
	static const char recipe[] = "DEPTH = 1\nASPECT_RATIO = 64\nDEVICE_BATCH_SIZE = 8\nTOTAL_BATCH_SIZE = 4096\n";
	struct world *w = *state;
	char trainer[PATH_MAX], data[PATH_MAX];
	struct runner_facts f;
	struct art_err err;

	snprintf(data, sizeof(data), "%s/kjv", w->dir);
	if (!native_trainer(trainer) || !make_data(trainer, data)) {
		printf("SKIP native_runs_must_be_evaluated_by_us: no artui-train or no text here\n");
		skip();
	}
	w->opt.train_command = NULL;
	w->opt.evaluator = NULL;
	w->opt.trainer = trainer;
	w->opt.data_dir = data;
	w->opt.budget_s = 2;
	w->opt.grace_s = 20;
	w->opt.mem_bytes = 4096 * MIB;
	w->opt.disk_bytes = 512 * MIB;
	if (runner_start(&w->r, &w->opt, &err))
		fail_msg("%s", err.text);
	runner_facts(w->r, &f);
	assert_true(f.native);
	assert_non_null(strstr(f.class_text, "cpu:"));
	assert_int_equal(strlen(f.data_sha256), 64);

	struct order_row o = run(w, recipe, ORDER_COMPLETED);
	assert_true(o.val_bpb.known && o.val_bpb.v > 0.5 && o.val_bpb.v < 8);
	assert_string_equal(o.artifact_name, "model.safetensors");
	assert_int_equal(strlen(o.artifact_sha256), 64);
	struct order_points points = { 0 };
	assert_int_equal(order_points(w->st, o.id, &points, NULL), ART_OK);
	assert_true(points.n > 0);
	order_points_destroy(&points);

	/* A recipe is no program, whatever it says. */
	o = run(w, "DEPTH = 1\nimport os\nprint('val_bpb: 0.1')\nDEPTH = __import__('os').system('id')\n", ORDER_FAILED);
	assert_int_not_equal(o.return_code, 0);
	assert_false(o.our_fault);
	o = run(w, "DEPTH = 100000\nASPECT_RATIO = 4096\n", ORDER_FAILED);
	assert_false(o.our_fault);
	assert_false(o.val_bpb.known);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(score_must_be_the_last_whole_number), T(a_good_run_must_be_completed),
		T(every_bad_end_must_be_told), T(timeout_must_end_all_and_keep_the_log),
		T(artifacts_must_be_the_newest_plain_file), T(a_flood_of_bad_lines_must_do_no_harm),
		T(runs_must_not_see_each_other_or_us), T(a_changed_evaluator_must_stop_the_worker),
		T(a_changed_order_must_not_run), T(a_sandbox_that_fails_must_be_our_fault),
		T(who_cannot_pay_must_not_start), T(switches_must_be_obeyed), T(cancelled_runs_must_end),
		T(a_full_disk_must_pause_the_worker), T(our_own_end_must_put_orders_back),
		T(a_killed_worker_must_leave_nothing_undone), T(one_directory_must_have_one_worker),
		T(bad_options_must_be_refused), T(unreadable_paths_must_be_said_at_the_start),
		T(old_directories_must_go), T(two_gpus_must_run_two_orders), T(a_lost_gpu_must_put_its_order_back),
		T(native_runs_must_be_evaluated_by_us),
	};
	struct art_err err;

	if (argc > 1 && !strcmp(argv[1], "__job"))
		return job_launcher_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "__sandbox"))
		return sandbox_main(argc, argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setenv("SECRET_TOKEN", "abc", 1);
	/* test_runner [FILTER [namespaces]] */
	if (sandbox_find(&kind, argc > 2 ? SANDBOX_NAMESPACES : SANDBOX_NONE, NULL, &err))
		printf("SKIP the sandbox: %s\n", err.text);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
