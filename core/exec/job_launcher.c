/*
 * job_launcher.c - the process between the engine and a training program.
 *
 * Single-threaded and short: it may fork. It ends with the command's own exit status or signal, so
 * that its parent needs no second channel to learn it.
 */
#include "core/exec/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exec/job_launcher.h"
#include "core/exec/job_tree.h"

#define LIMIT_FILES 1024
#define LIMIT_STACK (64 << 20)

static void fail(const char *what, const char *object)
{
	dprintf(STDERR_FILENO, "artui: %s %s: %s\n", what, object, strerror(errno));
}

static void limit(int which, int64_t value)
{
	struct rlimit now, want;

	if (value < 0 || getrlimit((__rlimit_resource_t)which, &now))
		return;
	want.rlim_cur = want.rlim_max = (rlim_t)value;
	if (now.rlim_max != RLIM_INFINITY && want.rlim_max > now.rlim_max)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	setrlimit((__rlimit_resource_t)which, &want);
}

/* In the child: everything about it, then the program. Returns the exit code of a failure. */
static int become(const struct launcher_args *a, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return 126;
	setpgid(0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, LIMIT_FILES);
	limit(RLIMIT_STACK, LIMIT_STACK);
	limit(RLIMIT_FSIZE, a->file_max ? a->file_max : -1);
	limit(RLIMIT_DATA, a->data_max ? a->data_max : -1);
	if (a->cpu_s > 0)
		limit(RLIMIT_CPU, a->cpu_s);
	errno = 0;
	if (a->nice && nice((int)a->nice) == -1 && errno)
		fail("nice", a->argv[0]);
	if (chdir(a->dir)) {
		fail("cannot enter", a->dir);
		return 126;
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(a->argv[0], a->argv);
	fail("cannot run", a->argv[0]);
	return errno == ENOENT ? 127 : 126;
}

/* Until the command ends or someone wants the end; false: the latter. */
static bool attend(pid_t child, const sigset_t *set, int *status)
{
	for (;;) {
		siginfo_t info;
		pid_t pid;
		int s, sig = sigwaitinfo(set, &info);

		if (sig < 0 && errno == EINTR)
			continue;
		if (sig != SIGCHLD)
			return false;
		while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
			if (pid == child) {
				*status = s;
				return true;
			}
		}
	}
}

static bool parse(int argc, char **argv, struct launcher_args *a)
{
	int64_t *const num[] = { &a->parent, &a->data_max, &a->file_max, &a->cpu_s, &a->nice };

	if (argc < LAUNCHER_ARGV)
		return false;
	for (size_t i = 0; i < ART_COUNT(num); i++)
		if (!art_parse_i64(argv[2 + i], num[i]))
			return false;
	a->dir = argv[2 + ART_COUNT(num)];
	a->argv = argv + LAUNCHER_ARGV - 1;
	return a->argv[0][0] == '/';
}

int job_launcher_main(int argc, char **argv)
{
	struct launcher_args a = { 0 };
	struct rlimit no_core = { 0, 0 };
	sigset_t set;
	pid_t child, self = getpid();
	int status = 0;

	if (!parse(argc, argv, &a)) {
		fprintf(stderr, "artui: __job is for artui's own use\n");
		return 2;
	}
	prctl(PR_SET_NAME, JOB_LAUNCHER_NAME);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	close_range(JOB_METRICS_FD + 1, ~0U, 0);
	/* Told by TERM of the engine's death; asked after, since it may have died before. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != (pid_t)a.parent)
		return 126;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setrlimit(RLIMIT_CORE, &no_core);
	child = fork();
	if (child < 0) {
		fail("cannot start", a.argv[0]);
		return 126;
	}
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		_exit(become(&a, self));
	}
	/* The pipes belong to the command alone: their end is its end. */
	close_range(0, JOB_METRICS_FD, 0);
	if (!attend(child, &set, &status))
		status = SIGTERM;
	job_tree_kill(self);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);
		sigset_t one;
		signal(sig, SIG_DFL);
		sigemptyset(&one);
		sigaddset(&one, sig);
		sigprocmask(SIG_UNBLOCK, &one, NULL);
		kill(self, sig);
		_exit(128 + sig);
	}
	_exit(WEXITSTATUS(status));
}
