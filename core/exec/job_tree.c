/*
 * job_tree.c - walking /proc to end whole trees.
 *
 * A tree that forks faster than it is killed would never end, so all of it is stopped first, round
 * by round until a round finds nothing new, and only then killed.
 */
#include "core/exec/job_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_ROUNDS 20
#define KILL_ROUNDS 400
#define ENVIRON_MAX (1 << 18)

struct proc {
	pid_t pid, ppid;
	char state;
	int64_t started;
	bool named; /* a session leader with the launcher's name */
	bool mine;  /* in the tree that is looked for */
};

struct procs {
	struct proc *p;
	size_t n, cap;
};

/* The name in the second field may hold blanks and brackets, so fields are counted from the last ')'. */
static bool proc_read(pid_t pid, struct proc *out)
{
	char path[64], text[1024];
	const char *at, *name;
	char *end;
	ssize_t n;
	int fd;
	long session = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ' || !at[2])
		return false;
	memset(out, 0, sizeof(*out));
	out->pid = pid;
	out->state = at[2];
	at += 3;
	out->ppid = (pid_t)strtol(at, &end, 10);
	/* Field 4 is read; the start time is field 22. */
	for (int field = 5; field < 22; field++) {
		long long v;
		at = end + strspn(end, " ");
		v = strtoll(at, &end, 10);
		if (end == at)
			return false;
		if (field == 6)
			session = (long)v;
	}
	name = strchr(text, '(');
	out->named = session == (long)pid && name &&
		     !strncmp(name, "(" JOB_LAUNCHER_NAME ")", strlen(JOB_LAUNCHER_NAME) + 2);
	out->started = strtoll(end, &end, 10);
	return true;
}

static void procs_read(struct procs *ps)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	ps->n = 0;
	if (!d)
		return;
	while ((e = readdir(d))) {
		struct proc p;
		int64_t pid;
		if (!isdigit((unsigned char)e->d_name[0]) || !art_parse_i64(e->d_name, &pid) ||
		    pid > INT_MAX || !proc_read((pid_t)pid, &p))
			continue;
		if (ps->n == ps->cap) {
			ps->cap = ps->cap ? 2 * ps->cap : 256;
			ps->p = art_grow(ps->p, ps->cap, sizeof(*ps->p));
		}
		ps->p[ps->n++] = p;
	}
	closedir(d);
}

/* Mark the descendants of what is marked; the number marked that are alive. */
static int procs_close(struct procs *ps)
{
	bool changed = true;
	int n = 0;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < ps->n; i++) {
			for (size_t j = 0; j < ps->n && !ps->p[i].mine; j++) {
				if (ps->p[j].mine && ps->p[i].ppid == ps->p[j].pid) {
					ps->p[i].mine = true;
					changed = true;
				}
			}
		}
	}
	for (size_t i = 0; i < ps->n; i++)
		n += ps->p[i].mine && !strchr("ZX", ps->p[i].state);
	return n;
}

/* A launcher of ours: the program for it, argv[1] is __job. */
static bool runs_launcher(pid_t pid, const char *program)
{
	char path[64], a[PATH_MAX], b[PATH_MAX], text[PATH_MAX + 64];
	const char *arg;
	ssize_t n, m;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, a, sizeof(a));
	if (program)
		m = realpath(program, b) ? (ssize_t)strlen(b) : -1;
	else
		m = readlink("/proc/self/exe", b, sizeof(b));
	if (n <= 0 || n != m || memcmp(a, b, (size_t)n))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	arg = text + strlen(text) + 1;
	return arg < text + n && !strcmp(arg, "__job");
}

/*
 * A dead one shows neither program nor arguments, and its end is for its own job to take. By its name alone
 * nobody living is spared: names can be given to oneself.
 */
static bool is_launcher(const struct proc *p, const char *program)
{
	struct proc now;

	if (runs_launcher(p->pid, program))
		return true;
	return proc_read(p->pid, &now) && strchr("ZX", now.state) && now.named && now.started == p->started;
}

/* How to choose the roots of a tree. */
struct choice {
	pid_t root;     /* its children are chosen */
	int64_t since;  /* and began at or after this */
	bool spare;     /* but are no launchers: */
	const char *launcher;
};

static int choose(struct procs *ps, const struct choice *c)
{
	procs_read(ps);
	for (size_t i = 0; i < ps->n; i++) {
		struct proc *p = &ps->p[i];
		p->mine = p->ppid == c->root && p->pid != c->root && p->started >= c->since &&
			  !(c->spare && is_launcher(p, c->launcher));
	}
	return procs_close(ps);
}

static void reap(const struct procs *ps, pid_t parent)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].mine && ps->p[i].ppid == parent && parent == getpid())
			while (waitpid(ps->p[i].pid, NULL, WNOHANG) < 0 && errno == EINTR)
				;
}

static int tree_kill(const struct choice *c, int *found)
{
	const struct timespec ms = { 0, 1000000 };
	struct procs ps = { 0 };
	int left = choose(&ps, c);

	*found = left;
	reap(&ps, c->root);
	for (int round = 0; left && round < STOP_ROUNDS; round++) {
		int running = 0;
		for (size_t i = 0; i < ps.n; i++) {
			if (ps.p[i].mine && !strchr("TtZX", ps.p[i].state)) {
				running++;
				kill(ps.p[i].pid, SIGSTOP);
			}
		}
		if (!running)
			break;
		left = choose(&ps, c);
	}
	for (int round = 0; left && round < KILL_ROUNDS; round++) {
		for (size_t i = 0; i < ps.n; i++)
			if (ps.p[i].mine && !strchr("ZX", ps.p[i].state))
				kill(ps.p[i].pid, SIGKILL);
		nanosleep(&ms, NULL);
		left = choose(&ps, c);
		reap(&ps, c->root);
	}
	free(ps.p);
	return left;
}

int64_t job_tree_started(pid_t pid)
{
	struct proc p;

	return pid > 0 && proc_read(pid, &p) && !strchr("ZX", p.state) ? p.started : 0;
}

int64_t job_tree_birth(pid_t pid)
{
	struct proc p;

	return pid > 0 && proc_read(pid, &p) ? p.started : 0;
}

int job_tree_list(pid_t root, pid_t *out, int max)
{
	struct choice c = { .root = root };
	struct procs ps = { 0 };
	int n = 0;

	if (n < max && job_tree_started(root))
		out[n++] = root;
	choose(&ps, &c);
	for (size_t i = 0; i < ps.n && n < max; i++)
		if (ps.p[i].mine && !strchr("ZX", ps.p[i].state))
			out[n++] = ps.p[i].pid;
	free(ps.p);
	return n;
}

int job_tree_kill(pid_t root)
{
	struct choice c = { .root = root };
	int found;

	return tree_kill(&c, &found);
}

int job_tree_kill_strays(int64_t since, const char *launcher)
{
	struct choice c = { .root = getpid(), .since = since, .spare = true, .launcher = launcher };
	int found;

	tree_kill(&c, &found);
	return found;
}

bool job_tree_end(pid_t pid, int64_t started)
{
	const struct timespec ms = { 0, 1000000 };

	if (pid <= 1 || started <= 0 || job_tree_started(pid) != started)
		return false;
	kill(pid, SIGSTOP);
	job_tree_kill(pid);
	kill(pid, SIGKILL);
	for (int i = 0; i < KILL_ROUNDS && job_tree_started(pid) == started; i++)
		nanosleep(&ms, NULL);
	return true;
}

static bool environ_has(pid_t pid, const char *name, const char *value)
{
	char path[64], *mark;
	struct art_buf b;
	size_t n;
	bool has = false;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	art_buf_init(&b, ENVIRON_MAX);
	mark = art_printf("%s=%s", name, value);
	n = strlen(mark);
	if (art_read_file(&b, path, ENVIRON_MAX, NULL) == ART_OK && b.data) {
		for (size_t i = 0; i < b.len && !has; i += strlen(b.data + i) + 1)
			has = !strncmp(b.data + i, mark, n) &&
			      (b.data[i + n] == 0 || b.data[i + n] == '/');
	}
	free(mark);
	art_buf_destroy(&b);
	return has;
}

int job_tree_kill_marked(const char *name, const char *value)
{
	struct procs ps = { 0 };
	int n = 0;

	procs_read(&ps);
	for (size_t i = 0; i < ps.n; i++)
		if (ps.p[i].pid != getpid() && environ_has(ps.p[i].pid, name, value) &&
		    job_tree_end(ps.p[i].pid, ps.p[i].started))
			n++;
	free(ps.p);
	return n;
}
