/*
 * sandbox_front.c - the process between the job's launcher and the sandbox, and the last step inside it.
 *
 * The front lives outside, where the command cannot reach it, and so can tell the sandbox's failure from
 * the command's: it dies by a signal when the last step inside was not reached, and otherwise exits with
 * the command's status, whatever that is.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exec/job.h"
#include "core/exec/sandbox_private.h"

#define ADDRESS_SLACK ((int64_t)4 << 30)
#define LIMIT_FILES 1024
#define LIMIT_LOCKED (64 << 20)
#define STACK_BYTES (8 << 20) /* also of each thread, where it counts as data */

void sandbox_say(const char *what, const char *object)
{
	dprintf(STDERR_FILENO, "artui: sandbox: %s %s: %s\n", what, object, strerror(errno));
}

/* ---- inside, last ------------------------------------------------------------------------------------ */

static bool limit(int which, int64_t value)
{
	struct rlimit now, want;

	if (getrlimit((__rlimit_resource_t)which, &now))
		return false;
	want.rlim_cur = want.rlim_max = (rlim_t)value;
	if (now.rlim_max != RLIM_INFINITY && want.rlim_max > now.rlim_max)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	return setrlimit((__rlimit_resource_t)which, &want) == 0;
}

static bool usual_stack(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_STACK, &r))
		return false;
	r.rlim_cur = r.rlim_max < STACK_BYTES ? r.rlim_max : STACK_BYTES;
	return setrlimit(RLIMIT_STACK, &r) == 0;
}

/*
 * The number of processes is counted per user namespace, hence here; outside one it would count all that
 * the user runs.
 */
static bool set_limits(const struct sandbox_limits *l, bool confined)
{
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, LIMIT_FILES) && usual_stack() &&
	       (!l->mem || limit(RLIMIT_DATA, l->mem)) &&
	       (!l->mem || l->gpu || limit(RLIMIT_AS, 2 * l->mem + ADDRESS_SLACK)) &&
	       (!l->file || limit(RLIMIT_FSIZE, l->file)) && (!l->cpu_s || limit(RLIMIT_CPU, l->cpu_s)) &&
	       (!confined || (limit(RLIMIT_MEMLOCK, LIMIT_LOCKED) && limit(RLIMIT_MSGQUEUE, 0))) &&
	       (!confined || !l->procs || limit(RLIMIT_NPROC, l->procs));
}

/* Whoever built this may have failed at something without a word. */
static bool is_confined(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2] = { { 0 } };

	if (syscall(SYS_capget, &head, has))
		return false;
	for (int i = 0; i < 2; i++)
		if (has[i].effective | has[i].permitted | has[i].inheritable)
			return false;
	return getuid() == SANDBOX_ID && geteuid() == SANDBOX_ID && getppid() == 1 &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
}

int sandbox_become(const struct sandbox_limits *l, bool confined, int status_fd, char **command)
{
	if (confined && !is_confined()) {
		dprintf(STDERR_FILENO, "artui: sandbox: it does not confine\n");
		return SANDBOX_SETUP_FAILED;
	}
	if (!set_limits(l, confined)) {
		sandbox_say("cannot set", "the limits");
		return SANDBOX_SETUP_FAILED;
	}
	umask(022);
	if (write(status_fd, "1", 1) != 1)
		return SANDBOX_SETUP_FAILED;
	close_range(JOB_METRICS_FD + 1, ~0U, 0);
	execvp(command[0], command);
	dprintf(STDERR_FILENO, "artui: cannot run %s: %s\n", command[0], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

static int attend(pid_t command)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			return SANDBOX_SETUP_FAILED;
		if (pid == command)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

int sandbox_init(const struct sandbox_limits *l, int status_fd, char **command)
{
	pid_t pid;

	/*
	 * Same user and no more rights than the command, which must not be able to write this process's
	 * memory.
	 */
	if (getpid() != 1 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
		dprintf(STDERR_FILENO, "artui: sandbox: no pid namespace\n");
		return SANDBOX_SETUP_FAILED;
	}
	pid = fork();
	if (pid < 0) {
		sandbox_say("cannot start", command[0]);
		return SANDBOX_SETUP_FAILED;
	}
	if (pid == 0)
		_exit(sandbox_become(l, true, status_fd, command));
	close_range(0, ~0U, 0);
	return attend(pid);
}

static bool numbers(char **argv, int64_t *const *to, int n)
{
	for (int i = 0; i < n; i++)
		if (!art_parse_i64(argv[i], to[i]) || *to[i] < 0)
			return false;
	return true;
}

static int inside_main(int argc, char **argv)
{
	struct sandbox_limits l = { 0 };
	int64_t gpu, fd;
	int64_t *const to[] = { &l.mem, &l.procs, &l.file, &l.cpu_s, &gpu, &fd };

	if (argc < 8 || !numbers(argv + 1, to, 6))
		return SANDBOX_SETUP_FAILED;
	l.gpu = gpu != 0;
	return sandbox_init(&l, (int)fd, argv + 7);
}

/* ---- what only root can ------------------------------------------------------------------------------ */

static int give_entry(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return lchown(path, SANDBOX_ROOT_ID, SANDBOX_ROOT_ID);
}

static bool open_one(const char *path, int *fd)
{
	*fd = open(path, O_PATH | O_CLOEXEC);
	if (*fd < 0)
		sandbox_say("cannot use", path);
	return *fd >= 0;
}

static bool show_one(int k, int fd)
{
	char from[64], to[64];
	struct stat sb;
	int file;

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	snprintf(to, sizeof(to), "%s/%d", SANDBOX_BASE, k);
	if (fstat(fd, &sb))
		return false;
	if (S_ISDIR(sb.st_mode)) {
		mkdir(to, 0755);
	} else {
		file = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
		if (file >= 0)
			close(file);
	}
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/*
 * What the sandbox has to see may lie behind directories that only root may enter. So it is shown, in
 * mounts of this process's own, below a directory that everybody may. Without the right to mount it has to
 * do without.
 */
static bool stage(struct sandbox_front *f)
{
	int fds[SANDBOX_ARGS_MAX + 1];
	bool good = true;

	if (unshare(CLONE_NEWNS))
		return errno == EPERM;
	good = mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0;
	for (int i = 0; good && i <= f->n_read_only; i++)
		good = open_one(i ? f->read_only[i - 1] : f->scratch, &fds[i]);
	if (!good || mount("tmpfs", SANDBOX_BASE, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755"))
		good = false;
	for (int i = 0; good && i <= f->n_read_only; i++)
		good = show_one(i, fds[i]);
	if (!good)
		sandbox_say("cannot show", "its files");
	f->staged = good;
	return good;
}

/* Root no more. Its scratch directory goes with it. */
static bool step_down(struct sandbox_front *f)
{
	if (nftw(f->scratch, give_entry, 16, FTW_PHYS)) {
		sandbox_say("cannot give away", f->scratch);
		return false;
	}
	if (!stage(f))
		return false;
	if (setgroups(0, NULL) || setresgid(SANDBOX_ROOT_ID, SANDBOX_ROOT_ID, SANDBOX_ROOT_ID) ||
	    setresuid(SANDBOX_ROOT_ID, SANDBOX_ROOT_ID, SANDBOX_ROOT_ID)) {
		sandbox_say("cannot become", "an ordinary user");
		return false;
	}
	return true;
}

/* ---- the front --------------------------------------------------------------------------------------- */

/* When memory runs out, this is what the kernel should take. */
static void volunteer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1000", 4) != 4)
		sandbox_say("cannot write", "oom_score_adj");
	close(fd);
}

static int child_main(const struct sandbox_front *f, const struct sandbox_plan *p, pid_t front, uint32_t uid,
		      uint32_t gid, int status_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/*
	 * From a pid namespace of its own the parent is out of sight; there a front that is dead already
	 * leaves this process to the launcher, which ends what it inherits.
	 */
	if (f->kind != SANDBOX_NAMESPACES && getppid() != front)
		return SANDBOX_SETUP_FAILED;
	switch (f->kind) {
	case SANDBOX_NONE:
		if (chdir(f->scratch)) {
			sandbox_say("cannot enter", f->scratch);
			return SANDBOX_SETUP_FAILED;
		}
		return sandbox_become(&f->limits, false, status_fd, f->command);
	case SANDBOX_BWRAP:
		return sandbox_bwrap(f, p, status_fd);
	case SANDBOX_NAMESPACES:
		return sandbox_namespaces(f, p, uid, gid, status_fd);
	}
	return SANDBOX_SETUP_FAILED;
}

static void die_by(int sig)
{
	sigset_t one;

	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	kill(getpid(), sig);
	_exit(128 + sig);
}

/*
 * The command keeps descriptors up to that of the metrics. Where there is none, nothing of ours may get its
 * number.
 */
static bool reserve_metrics_fd(void)
{
	int fd;

	if (fcntl(JOB_METRICS_FD, F_GETFD) != -1)
		return true;
	fd = open("/dev/null", O_WRONLY);
	if (fd < 0 || (fd != JOB_METRICS_FD && dup2(fd, JOB_METRICS_FD) < 0)) {
		sandbox_say("cannot open", "/dev/null");
		return false;
	}
	if (fd != JOB_METRICS_FD)
		close(fd);
	return true;
}

static int wait_for(const struct sandbox_front *f, pid_t child, int status_fd)
{
	int status = 0;
	char byte = 0;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die_by(SIGABRT);
	/* The byte is there or will never be: the writer wrote it before the command began. */
	if (read(status_fd, &byte, 1) != 1)
		die_by(SIGABRT);
	/* The sandbox's own process ends by a signal only from outside; a plain command by its own doing. */
	if (WIFSIGNALED(status) && f->kind != SANDBOX_NONE)
		die_by(WTERMSIG(status));
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int run(struct sandbox_front *f)
{
	struct sandbox_plan plan = { .n = 0 };
	pid_t launcher = getppid(), front = getpid(), child;
	uint32_t uid, gid;
	int fds[2];

	volunteer();
	if (!reserve_metrics_fd())
		return 1;
	if (f->kind != SANDBOX_NONE && geteuid() == 0 && !step_down(f))
		return 1;
	uid = geteuid();
	gid = getegid();
	/* Both were lost with the change of user; the first lets a process write its own user mapping. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		return 1;
	if (f->kind != SANDBOX_NONE && !sandbox_plan_make(&plan, f)) {
		dprintf(STDERR_FILENO, "artui: sandbox: too many paths\n");
		return 1;
	}
	if (pipe2(fds, O_NONBLOCK)) {
		sandbox_say("cannot make", "a pipe");
		return 1;
	}
	child = f->kind == SANDBOX_NAMESPACES ? sandbox_fork() : fork();
	if (child < 0) {
		sandbox_say("cannot start", f->kind == SANDBOX_NAMESPACES ? "namespaces" : "a process");
		return 1;
	}
	if (child == 0)
		_exit(child_main(f, &plan, front, uid, gid, fds[1]));
	close_range(0, (unsigned)fds[0] - 1, 0);
	close_range((unsigned)fds[0] + 1, ~0U, 0);
	_exit(wait_for(f, child, fds[0]));
}

static int run_main(int argc, char **argv)
{
	struct sandbox_front f = { 0 };
	int64_t kind, n;
	int64_t *const to[] = { &f.limits.mem, &f.limits.procs, &f.limits.file, &f.limits.cpu_s, &n };

	if (argc < 10 || !art_parse_i64(argv[1], &kind) || kind < SANDBOX_NONE ||
	    kind > SANDBOX_NAMESPACES || !numbers(argv + 4, to, 5) || n >= argc - 9)
		return -1;
	f.kind = (enum sandbox_kind)kind;
	f.scratch = argv[2];
	f.gpu = argv[3];
	f.limits.gpu = strcmp(f.gpu, "-") != 0;
	f.n_read_only = (int)n;
	f.read_only = (const char *const *)(argv + 9);
	f.command = argv + 9 + n;
	if (run(&f))
		die_by(SIGABRT);
	return 0;
}

int sandbox_main(int argc, char **argv)
{
	int rc = -1;

	if (argc > 2 && !strcmp(argv[2], "run"))
		rc = run_main(argc - 2, argv + 2);
	else if (argc > 2 && !strcmp(argv[2], "inside"))
		_exit(inside_main(argc - 2, argv + 2));
	if (rc < 0)
		fprintf(stderr, "artui: __sandbox is for artui's own use\n");
	return 2;
}
