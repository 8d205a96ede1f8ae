/*
 * test_job.c - children and all that they may try. The test program is its own launcher.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/exec/job.h"
#include "core/exec/job_tree.h"

struct lines {
	char log[8][128], side[8][128];
	int n_log, n_side;
};

static void on_line(void *arg, bool side, const char *text)
{
	struct lines *l = arg;

	if (side && l->n_side < 8)
		art_copy(l->side[l->n_side++], sizeof(l->side[0]), text);
	if (!side && l->n_log < 8)
		art_copy(l->log[l->n_log++], sizeof(l->log[0]), text);
}

/* Marks the processes of one test, so that leftovers can be found. */
static const char *const env[] = { "PATH=/usr/bin:/bin", "ARTUI_TEST=/job-test", "LC_ALL=C", NULL };

static struct job_result run(const char *script, struct job_spec spec, struct lines *l, char *tail)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct job *j = NULL;
	struct art_err err;
	struct job_result r;

	memset(l, 0, sizeof(*l));
	spec.argv = argv;
	spec.env = env;
	spec.dir = spec.dir ? spec.dir : "/tmp";
	spec.log_max = spec.log_max ? spec.log_max : 1 << 20;
	spec.time_max_s = spec.time_max_s > 0 ? spec.time_max_s : 60;
	spec.line = on_line;
	spec.arg = l;
	if (job_open(&j, &spec, &err))
		fail_msg("%s", err.text);
	assert_true(job_pid(j) > 1 && job_pid_started(j) > 0);
	assert_int_equal(job_wait(j, -1, &err), ART_OK);
	r = *job_result(j);
	if (tail)
		art_copy(tail, JOB_TAIL_MAX, job_tail(j));
	job_close(j);
	return r;
}

static void nap_ms(int ms)
{
	struct timespec t = { ms / 1000, (ms % 1000) * 1000000L };

	nanosleep(&t, NULL);
}

static void nobody_left(void)
{
	assert_int_equal(job_tree_kill_marked("ARTUI_TEST", "/job-test"), 0);
}

static void job_must_tell_exit_status_and_lines(void **state)
{
	struct lines l;
	char tail[JOB_TAIL_MAX];
	struct job_result r = run("echo one; printf 'a\\rb\\n' >&2; printf last; exit 7",
				  (struct job_spec){ 0 }, &l, tail);

	(void)state;
	assert_int_equal(r.end, JOB_EXITED);
	assert_int_equal(r.exit_code, 7);
	assert_int_equal(l.n_log, 4);
	assert_string_equal(l.log[1], "a");
	assert_string_equal(l.log[3], "last");
	assert_string_equal(tail, "one\na\nb\nlast");
}

static void job_must_tell_signals(void **state)
{
	struct lines l;
	struct job_result r = run("kill -TERM $$", (struct job_spec){ 0 }, &l, NULL);

	(void)state;
	assert_int_equal(r.end, JOB_KILLED);
	assert_int_equal(r.signal, SIGTERM);
}

static void job_must_keep_log_and_metrics_apart(void **state)
{
	struct lines l;
	struct job_spec spec = { .side = JOB_SIDE_METRICS };
	struct job_result r = run("echo metric >&3; echo log", spec, &l, NULL);

	(void)state;
	assert_int_equal(r.exit_code, 0);
	assert_int_equal(l.n_side, 1);
	assert_string_equal(l.side[0], "metric");
	assert_string_equal(l.log[0], "log");
}

static void job_must_capture_stdout(void **state)
{
	struct lines l;
	struct art_buf b;
	struct job_spec spec = { .side = JOB_SIDE_STDOUT, .capture = &b };

	(void)state;
	art_buf_init(&b, 100);
	run("echo answer; echo noise >&2", spec, &l, NULL);
	assert_string_equal(b.data, "answer\n");
	assert_string_equal(l.log[0], "noise");
	art_buf_destroy(&b);
}

static void job_must_give_a_clean_environment_and_no_other_descriptors(void **state)
{
	struct lines l;
	char tail[JOB_TAIL_MAX];
	int fd = dup2(STDERR_FILENO, 77); /* not close-on-exec on purpose */

	(void)state;
	setenv("SECRET_TOKEN", "abc", 1);
	run("env | grep -c SECRET; for f in /proc/self/fd/*; do echo \"fd ${f##*/}\"; done",
	    (struct job_spec){ .side = JOB_SIDE_METRICS }, &l, tail);
	close(fd);
	assert_string_equal(l.log[0], "0");
	assert_non_null(strstr(tail, "fd 3"));
	assert_null(strstr(tail, "fd 77"));
}

static void job_must_end_at_its_time(void **state)
{
	struct lines l;
	int64_t t0 = art_mono_us();
	struct job_result r = run("trap '' TERM INT; while :; do sleep 1; done",
				  (struct job_spec){ .time_max_s = 0.2 }, &l, NULL);

	(void)state;
	assert_int_equal(r.end, JOB_TIMEOUT);
	assert_true(art_mono_us() - t0 < 10000000);
	nobody_left();
}

static void job_must_end_a_flood_at_its_limit(void **state)
{
	char path[] = "/tmp/artui-flood-XXXXXX";
	struct lines l;
	struct stat sb;
	int fd = mkstemp(path);
	struct job_result r = run("yes", (struct job_spec){ .log_max = 200000, .log_path = path }, &l,
				  NULL);

	(void)state;
	assert_int_equal(r.end, JOB_LOG_FULL);
	assert_int_equal(stat(path, &sb), 0);
	assert_true(sb.st_size <= 200000);
	close(fd);
	unlink(path);
}

static void job_must_leave_no_process_that_left_group_and_session(void **state)
{
	struct lines l;
	struct job_result r = run("(setsid sh -c 'sleep 300 & sleep 300' & ) ; setsid setsid sleep 300 & "
				  "sleep 0.1; exit 0",
				  (struct job_spec){ 0 }, &l, NULL);

	(void)state;
	assert_int_equal(r.end, JOB_EXITED);
	nobody_left();
}

static void job_must_end_orphans_of_a_killed_launcher(void **state)
{
	struct lines l;
	struct job_result r = run("setsid sleep 300 & sleep 0.1; kill -9 $PPID; sleep 300",
				  (struct job_spec){ 0 }, &l, NULL);

	(void)state;
	assert_int_equal(r.end, JOB_KILLED);
	assert_int_equal(r.signal, SIGKILL);
	nobody_left();
}

static void job_must_end_a_stopped_launcher(void **state)
{
	struct lines l;
	struct job_result r = run("kill -STOP $PPID; sleep 300", (struct job_spec){ .time_max_s = 0.3 },
				  &l, NULL);

	(void)state;
	assert_int_equal(r.end, JOB_TIMEOUT);
	nobody_left();
}

static void job_must_limit_memory(void **state)
{
	struct lines l;
	char tail[JOB_TAIL_MAX];
	struct job_result r = run("dd if=/dev/zero of=/dev/null bs=512M count=1",
				  (struct job_spec){ .data_max = 64 << 20 }, &l, tail);

	(void)state;
	assert_int_equal(r.end, JOB_EXITED);
	assert_int_not_equal(r.exit_code, 0);
	assert_non_null(strstr(tail, "memory"));
}

static void job_must_say_why_it_cannot_start(void **state)
{
	const char *argv[] = { "/no/such/program", NULL };
	struct job_spec spec = { .argv = argv, .env = env, .dir = "/tmp", .log_max = 1000 };
	struct job *j = NULL;
	struct art_err err;

	(void)state;
	assert_int_equal(job_open(&j, &spec, &err), ART_OK);
	assert_int_equal(job_wait(j, -1, &err), ART_OK);
	assert_int_equal(job_result(j)->exit_code, 127);
	assert_non_null(strstr(job_tail(j), "/no/such/program"));
	job_close(j);
}

static void job_close_must_end_what_runs(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "sleep 300 & sleep 300", NULL };
	struct job_spec spec = { .argv = argv, .env = env, .dir = "/tmp", .log_max = 1000 };
	struct job *j = NULL;
	struct art_err err;
	int64_t pid, started, t0;

	(void)state;
	assert_int_equal(job_open(&j, &spec, &err), ART_OK);
	pid = job_pid(j);
	started = job_pid_started(j);
	nap_ms(50);
	t0 = art_mono_us();
	job_close(j);
	assert_true(art_mono_us() - t0 < 3000000);
	assert_int_not_equal(job_tree_started((pid_t)pid), started);
	nobody_left();
}

static void job_wait_must_obey_cancel(void **state)
{
	const char *argv[] = { "/bin/sleep", "300", NULL };
	struct job_spec spec = { .argv = argv, .env = env, .dir = "/tmp", .log_max = 1000 };
	struct job *j = NULL;
	struct art_err err;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(job_open(&j, &spec, &err), ART_OK);
	assert_int_equal(job_wait(j, p[0], &err), ART_CANCELLED);
	assert_int_equal(job_result(j)->end, JOB_STOPPED);
	job_close(j);
	close(p[0]);
	close(p[1]);
}

/* An engine killed outright: its launcher must end the whole tree. */
static void job_must_not_take_the_end_of_another(void **state)
{
	struct job *j[2] = { NULL, NULL };
	const char *const scripts[] = { "exit 6", "exit 5" };
	struct art_err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { "/bin/sh", "-c", scripts[i], NULL };
		struct job_spec spec = { .argv = argv, .env = env, .dir = "/tmp", .log_max = 1000, .time_max_s = 30 };
		assert_int_equal(job_open(&j[i], &spec, &err), ART_OK);
	}
	/* Both have ended before anybody looks. */
	nap_ms(600);
	for (int i = 0; i < 2; i++) {
		int64_t until = art_mono_us() + 5000000;
		while (!job_pump(j[i]) && art_mono_us() < until)
			nap_ms(10);
		assert_int_equal(job_result(j[i])->end, JOB_EXITED);
		assert_int_equal(job_result(j[i])->exit_code, 6 - i);
		job_close(j[i]);
	}
	nobody_left();
}

static void job_must_not_outlive_its_engine(void **state)
{
	pid_t engine = fork();

	(void)state;
	if (engine == 0) {
		const char *argv[] = { "/bin/sh", "-c", "setsid sleep 300 & sleep 300", NULL };
		struct job_spec spec = { .argv = argv, .env = env, .dir = "/tmp", .log_max = 1000 };
		struct job *j = NULL;
		if (job_open(&j, &spec, NULL))
			_exit(1);
		nap_ms(150);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(engine, NULL, 0), engine);
	/* The launcher has a second; whoever is left then has outlived the engine. */
	nap_ms(1000);
	nobody_left();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(job_must_tell_exit_status_and_lines),
		cmocka_unit_test(job_must_tell_signals),
		cmocka_unit_test(job_must_keep_log_and_metrics_apart),
		cmocka_unit_test(job_must_capture_stdout),
		cmocka_unit_test(job_must_give_a_clean_environment_and_no_other_descriptors),
		cmocka_unit_test(job_must_end_at_its_time),
		cmocka_unit_test(job_must_end_a_flood_at_its_limit),
		cmocka_unit_test(job_must_leave_no_process_that_left_group_and_session),
		cmocka_unit_test(job_must_end_orphans_of_a_killed_launcher),
		cmocka_unit_test(job_must_end_a_stopped_launcher),
		cmocka_unit_test(job_must_limit_memory),
		cmocka_unit_test(job_must_say_why_it_cannot_start),
		cmocka_unit_test(job_close_must_end_what_runs),
		cmocka_unit_test(job_wait_must_obey_cancel),
		cmocka_unit_test(job_must_not_take_the_end_of_another),
		cmocka_unit_test(job_must_not_outlive_its_engine),
	};

	if (argc > 1 && !strcmp(argv[1], "__job"))
		return job_launcher_main(argc, argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
