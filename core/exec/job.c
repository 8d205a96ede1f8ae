/*
 * job.c - the engine's end of a job: spawn, pipes, limits on output and time, the end.
 */
#include "core/exec/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exec/job_launcher.h"
#include "core/exec/job_tree.h"

#define READ_CHUNK (64 << 10)
#define READS_PER_PUMP 16
#define STOP_GRACE_US 1000000
#define CLOSE_WAIT_US 3000000
#define FD_FLOOR 10 /* above every descriptor that the child is given by number */

struct stream {
	int fd; /* -1: ended */
	int file;
	int64_t bytes;
	char line[JOB_LINE_MAX];
	size_t line_len;
	bool line_cut;
};

struct job {
	struct stream log, side;
	int pidfd;
	pid_t pid;
	int64_t pid_started, started_us, deadline_us, stop_us; /* stop_us: asked to end at; 0 not */
	enum job_end why;                                      /* of our own making */
	bool reaped, hard;
	int64_t log_max;
	struct art_buf *capture;
	char *launcher;
	void (*line)(void *arg, bool side, const char *text);
	void *arg;
	struct job_result result;
	char tail[2 * JOB_TAIL_MAX + 1];
	size_t tail_len;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Both ends close-on-exec and out of the way of the numbers given to the child; reading end
 * does not block. */
static enum art_status make_pipe(int *rd, int *wr, struct art_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return art_fail_errno(err, "pipe");
	*rd = fcntl(p[0], F_DUPFD_CLOEXEC, FD_FLOOR);
	*wr = fcntl(p[1], F_DUPFD_CLOEXEC, FD_FLOOR);
	close(p[0]);
	close(p[1]);
	if (*rd < 0 || *wr < 0 || fcntl(*rd, F_SETFL, O_NONBLOCK)) {
		close_fd(rd);
		close_fd(wr);
		return art_fail_errno(err, "pipe");
	}
	return ART_OK;
}

static enum art_status open_file(int *fd, const char *path, struct art_err *err)
{
	if (!path)
		return ART_OK;
	*fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return *fd < 0 ? art_fail_errno(err, "%s", path) : ART_OK;
}

struct spawning {
	int null, log, side;
	enum job_side kind;
};

static int file_actions(posix_spawn_file_actions_t *fa, const struct spawning *s)
{
	int rc = posix_spawn_file_actions_init(fa);

	if (rc)
		return rc;
	rc = posix_spawn_file_actions_adddup2(fa, s->null, STDIN_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(
			fa, s->kind == JOB_SIDE_STDOUT ? s->side : s->log, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(fa, s->log, STDERR_FILENO);
	if (!rc && s->kind == JOB_SIDE_METRICS)
		rc = posix_spawn_file_actions_adddup2(fa, s->side, JOB_METRICS_FD);
	if (rc)
		posix_spawn_file_actions_destroy(fa);
	return rc;
}

static int attributes(posix_spawnattr_t *at)
{
	sigset_t none, all;
	int rc = posix_spawnattr_init(at);

	if (rc)
		return rc;
	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETSID);
	if (!rc)
		rc = posix_spawnattr_setsigmask(at, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(at, &all);
	if (rc)
		posix_spawnattr_destroy(at);
	return rc;
}

static enum art_status spawn(struct job *j, const struct job_spec *spec, const struct spawning *s,
			     struct art_err *err)
{
	char num[5][24];
	const char *exe = spec->launcher ? spec->launcher : "/proc/self/exe";
	const char **argv;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	size_t n = 0, k = 0;
	int rc;

	while (spec->argv[n])
		n++;
	argv = art_alloc(n + LAUNCHER_ARGV, sizeof(*argv));
	snprintf(num[0], sizeof(num[0]), "%d", (int)getpid());
	snprintf(num[1], sizeof(num[1]), "%lld", (long long)spec->data_max);
	snprintf(num[2], sizeof(num[2]), "%lld", (long long)spec->file_max);
	/* Wall time is what counts and is ours to watch; no CPU limit can be right for all thread
	 * counts, so none is set. */
	snprintf(num[3], sizeof(num[3]), "0");
	snprintf(num[4], sizeof(num[4]), "%d", spec->nice);
	argv[k++] = "artui";
	argv[k++] = "__job";
	for (size_t i = 0; i < ART_COUNT(num); i++)
		argv[k++] = num[i];
	argv[k++] = spec->dir;
	for (size_t i = 0; i < n; i++)
		argv[k++] = spec->argv[i];
	rc = file_actions(&fa, s);
	if (rc)
		goto out;
	rc = attributes(&at);
	if (!rc) {
		rc = posix_spawn(&j->pid, exe, &fa, &at, (char *const *)argv,
				 (char *const *)spec->env);
		posix_spawnattr_destroy(&at);
	}
	posix_spawn_file_actions_destroy(&fa);
out:
	free(argv);
	errno = rc;
	return rc ? art_fail_errno(err, "%s: start", exe) : ART_OK;
}

enum art_status job_open(struct job **out, const struct job_spec *spec, struct art_err *err)
{
	struct job *j = art_alloc(1, sizeof(*j));
	struct spawning s = { -1, -1, -1, spec->side };
	enum art_status st;

	ART_BUG_ON(spec->argv[0][0] != '/');
	j->log = (struct stream){ .fd = -1, .file = -1 };
	j->side = (struct stream){ .fd = -1, .file = -1 };
	j->pidfd = -1;
	j->log_max = spec->log_max;
	j->capture = spec->capture;
	j->launcher = spec->launcher ? art_strdup(spec->launcher) : NULL;
	j->line = spec->line;
	j->arg = spec->arg;
	st = open_file(&j->log.file, spec->log_path, err);
	if (!st)
		st = open_file(&j->side.file, spec->side_path, err);
	if (!st)
		st = make_pipe(&j->log.fd, &s.log, err);
	if (!st && spec->side != JOB_SIDE_NONE)
		st = make_pipe(&j->side.fd, &s.side, err);
	if (!st) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		s.null = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, FD_FLOOR);
		if (s.null < 0)
			st = art_fail_errno(err, "/dev/null");
		close_fd(&null);
	}
	j->started_us = art_mono_us();
	if (!st)
		st = spawn(j, spec, &s, err);
	close_fd(&s.null);
	close_fd(&s.log);
	close_fd(&s.side);
	if (!st) {
		j->pid_started = job_tree_birth(j->pid);
		j->pidfd = pidfd_open(j->pid, 0);
		if (j->pidfd < 0)
			st = art_fail_errno(err, "watch process %d", (int)j->pid);
	}
	j->deadline_us = spec->time_max_s > 0
				 ? j->started_us + (int64_t)(spec->time_max_s * 1e6)
				 : INT64_MAX;
	if (st) {
		job_close(j);
		return st;
	}
	*out = j;
	return ART_OK;
}

int job_pollfds(const struct job *j, struct pollfd fds[JOB_POLLFDS])
{
	int n = 0;

	if (!j->reaped)
		fds[n++] = (struct pollfd){ .fd = j->pidfd, .events = POLLIN };
	if (j->log.fd >= 0)
		fds[n++] = (struct pollfd){ .fd = j->log.fd, .events = POLLIN };
	if (j->side.fd >= 0)
		fds[n++] = (struct pollfd){ .fd = j->side.fd, .events = POLLIN };
	return n;
}

int64_t job_wake_us(const struct job *j)
{
	if (j->reaped)
		return art_mono_us();
	if (j->stop_us)
		return j->stop_us + STOP_GRACE_US;
	return j->deadline_us;
}

static void tail_add(struct job *j, const char *p, size_t n)
{
	size_t from;

	if (n > JOB_TAIL_MAX) {
		p += n - JOB_TAIL_MAX;
		n = JOB_TAIL_MAX;
	}
	if (j->tail_len + n >= sizeof(j->tail)) {
		memmove(j->tail, j->tail + j->tail_len - JOB_TAIL_MAX, JOB_TAIL_MAX);
		j->tail_len = JOB_TAIL_MAX;
	}
	from = j->tail_len;
	memcpy(j->tail + from, p, n);
	j->tail_len += n;
	for (size_t i = from; i < j->tail_len; i++)
		if (j->tail[i] == '\r' || j->tail[i] == 0)
			j->tail[i] = '\n';
	j->tail[j->tail_len] = 0;
}

static void line_end(struct job *j, struct stream *s)
{
	if (!s->line_len)
		return;
	s->line[s->line_len] = 0;
	s->line_len = 0;
	if (j->line && !s->line_cut)
		j->line(j->arg, s == &j->side, s->line);
	s->line_cut = false;
}

/* A line that does not fit is no line of any format we read: it is dropped whole. */
static void lines_add(struct job *j, struct stream *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' || p[i] == '\r')
			line_end(j, s);
		else if (s->line_len + 1 < sizeof(s->line))
			s->line[s->line_len++] = p[i] ? p[i] : '?';
		else
			s->line_cut = true;
	}
}

static void end_for(struct job *j, enum job_end why)
{
	/* Output past the limit that is found only after the end is past the limit all the same. */
	if (j->reaped && why == JOB_LOG_FULL)
		j->result.end = why;
	if (j->stop_us || j->reaped)
		return;
	j->why = why;
	j->stop_us = art_mono_us();
	/* The launcher ends the whole tree on TERM. */
	pidfd_send_signal(j->pidfd, SIGTERM, NULL, 0);
}

static void take(struct job *j, struct stream *s, const char *p, size_t n)
{
	if (s->bytes + (int64_t)n > j->log_max && j->log_max) {
		end_for(j, JOB_LOG_FULL);
		n = s->bytes < j->log_max ? (size_t)(j->log_max - s->bytes) : 0;
	}
	s->bytes += (int64_t)n;
	/* A full disk costs the file, not the run: its tail and numbers still come through. */
	for (size_t done = 0; s->file >= 0 && done < n;) {
		ssize_t w = write(s->file, p + done, n - done);
		if (w < 0 && errno != EINTR)
			close_fd(&s->file);
		else if (w > 0)
			done += (size_t)w;
	}
	if (s == &j->log)
		tail_add(j, p, n);
	else if (j->capture && art_buf_add(j->capture, p, n))
		end_for(j, JOB_LOG_FULL);
	lines_add(j, s, p, n);
}

/* Read what is there; true when there may be more. */
static bool drain(struct job *j, struct stream *s)
{
	char chunk[READ_CHUNK];

	for (int i = 0; s->fd >= 0 && i < READS_PER_PUMP; i++) {
		ssize_t n = read(s->fd, chunk, sizeof(chunk));
		if (n > 0) {
			take(j, s, chunk, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		close_fd(&s->fd);
	}
	return s->fd >= 0;
}

static void note_end(struct job *j, int status, const struct rusage *ru)
{
	struct job_result *r = &j->result;

	j->reaped = true;
	close_fd(&j->pidfd);
	r->wall_s = (double)(art_mono_us() - j->started_us) * 1e-6;
	r->cpu_s = (double)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) +
		   (double)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) * 1e-6;
	if (j->stop_us) {
		r->end = j->why;
	} else if (WIFSIGNALED(status)) {
		r->end = JOB_KILLED;
		r->signal = WTERMSIG(status);
	} else {
		r->end = JOB_EXITED;
		r->exit_code = WEXITSTATUS(status);
	}
	/* Whoever killed the launcher first would be left to us. */
	job_tree_kill_strays(j->pid_started, j->launcher);
}

bool job_pump(struct job *j)
{
	int64_t now = art_mono_us();
	struct rusage ru;
	int status;
	bool more;

	if (!j->reaped && now >= j->deadline_us)
		end_for(j, JOB_TIMEOUT);
	if (!j->reaped && j->stop_us && !j->hard && now >= j->stop_us + STOP_GRACE_US) {
		j->hard = true;
		job_tree_end(j->pid, j->pid_started);
	}
	if (!j->reaped && wait4(j->pid, &status, WNOHANG, &ru) == j->pid)
		note_end(j, status, &ru);
	more = drain(j, &j->log);
	more |= drain(j, &j->side);
	if (!j->reaped || more)
		return false;
	/* All are dead, so what the pipes hold now is all there will be, end-of-file or not. */
	close_fd(&j->log.fd);
	close_fd(&j->side.fd);
	line_end(j, &j->log);
	line_end(j, &j->side);
	return true;
}

void job_stop(struct job *j)
{
	end_for(j, JOB_STOPPED);
}

static int wait_ms(const struct job *j)
{
	int64_t left = job_wake_us(j) - art_mono_us();

	if (left <= 0)
		return 0;
	return left / 1000 >= 60000 ? 60000 : (int)(left / 1000) + 1;
}

enum art_status job_wait(struct job *j, int cancel_fd, struct art_err *err)
{
	bool cancelled = false;

	while (!job_pump(j)) {
		struct pollfd fds[JOB_POLLFDS + 1];
		int n = job_pollfds(j, fds);
		if (cancel_fd >= 0 && !cancelled)
			fds[n++] = (struct pollfd){ .fd = cancel_fd, .events = POLLIN };
		if (poll(fds, (nfds_t)n, wait_ms(j)) < 0)
			continue;
		if (cancel_fd >= 0 && !cancelled && fds[n - 1].revents) {
			cancelled = true;
			job_stop(j);
		}
	}
	return cancelled ? art_fail(err, ART_CANCELLED, "cancelled") : ART_OK;
}

void job_close(struct job *j)
{
	if (!j)
		return;
	if (j->pid > 0 && !j->reaped && j->pidfd >= 0) {
		int64_t until = art_mono_us() + CLOSE_WAIT_US;
		j->line = NULL;
		j->capture = NULL;
		job_stop(j);
		while (!job_pump(j) && art_mono_us() < until) {
			struct pollfd fds[JOB_POLLFDS];
			int n = job_pollfds(j, fds);
			poll(fds, (nfds_t)n, wait_ms(j));
		}
	} else if (j->pid > 0 && !j->reaped) {
		job_tree_end(j->pid, j->pid_started);
		waitpid(j->pid, NULL, 0);
	}
	close_fd(&j->pidfd);
	close_fd(&j->log.fd);
	close_fd(&j->side.fd);
	close_fd(&j->log.file);
	close_fd(&j->side.file);
	free(j->launcher);
	free(j);
}

const struct job_result *job_result(const struct job *j)
{
	return &j->result;
}

const char *job_tail(const struct job *j)
{
	return j->tail_len > JOB_TAIL_MAX - 1 ? j->tail + j->tail_len - (JOB_TAIL_MAX - 1) : j->tail;
}

int64_t job_log_bytes(const struct job *j)
{
	return j->log.bytes;
}

int64_t job_pid(const struct job *j)
{
	return j->pid;
}

int64_t job_pid_started(const struct job *j)
{
	return j->pid_started;
}
