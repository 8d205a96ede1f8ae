/*
 * job.h - run a program as a child that cannot outlive its run.
 *
 * Layer: core. A job is one launcher process (this program started again as "__job") with the
 * command below it. The launcher takes limits, working directory and a session of its own, adopts
 * every orphan of the command (subreaper), and when the command ends, or the engine asks, or the
 * engine dies, kills all that is left. Should the command kill its launcher, its processes fall to
 * the engine, which is a subreaper too and ends them in job_pump.
 *
 * Threads: a struct job belongs to the thread that opened it; that thread must live as long as the
 * job (the kernel tells the launcher of its parent thread's end). A process that runs jobs starts no
 * other children.
 */
#ifndef CORE_EXEC_JOB_H
#define CORE_EXEC_JOB_H

#include <poll.h>

#include "store/base.h"

#define JOB_METRICS_FD 3
#define JOB_TAIL_MAX 4096
#define JOB_LINE_MAX 4096
#define JOB_POLLFDS 3

/* Where the second pipe comes from. */
enum job_side { JOB_SIDE_NONE, JOB_SIDE_METRICS, JOB_SIDE_STDOUT };

struct job_spec {
	const char *launcher;       /* program that understands __job; NULL: /proc/self/exe */
	const char *const *argv;    /* NULL-terminated; argv[0] is an absolute path */
	const char *const *env;     /* the whole environment, NULL-terminated */
	const char *dir;            /* working directory */
	const char *log_path;       /* stdout and stderr, truncated first; NULL: only the tail */
	enum job_side side;         /* METRICS: descriptor 3; STDOUT: stdout goes there, not to the log */
	const char *side_path;      /* the side pipe's bytes as a file; NULL: none */
	struct art_buf *capture;    /* or into this, up to its ceiling; borrowed till job_close */
	int64_t log_max;            /* bytes of log, and of the side pipe, that end the job */
	int64_t data_max;           /* RLIMIT_DATA in bytes; 0: none */
	int64_t file_max;           /* RLIMIT_FSIZE in bytes; 0: none */
	double time_max_s;          /* wall seconds; 0: none */
	int nice;
	/* Each whole line, '\n' or '\r' taken off, cut at JOB_LINE_MAX; called in job_pump. */
	void (*line)(void *arg, bool side, const char *text);
	void *arg;
};

enum job_end {
	JOB_RUNNING,
	JOB_EXITED,  /* by itself: exit_code */
	JOB_KILLED,  /* by a signal that was not ours: signal */
	JOB_TIMEOUT,
	JOB_LOG_FULL,
	JOB_STOPPED, /* job_stop */
};

struct job_result {
	enum job_end end;
	int exit_code;
	int signal;
	double wall_s, cpu_s;
};

struct job;

/* Errors: IO; the program's own failure to start shows as exit code 126 or 127 and a log line. */
ART_MUST_USE enum art_status job_open(struct job **out, const struct job_spec *spec,
				      struct art_err *err);
/* Ends what still runs (within about a second) and frees. NULL is fine. */
void job_close(struct job *j);

/* Fill at most JOB_POLLFDS entries to sleep on; the number filled. */
int job_pollfds(const struct job *j, struct pollfd fds[JOB_POLLFDS]);
/* When job_pump has to be called at the latest, by art_mono_us; INT64_MAX: no deadline. */
int64_t job_wake_us(const struct job *j);
/* Take what is there without waiting. True when the job has ended and all its output is taken. */
ART_MUST_USE bool job_pump(struct job *j);
void job_stop(struct job *j); /* asks once; job_pump sees the end */
/* Sleep and pump until the end, or until @cancel_fd (-1: none) is readable: CANCELLED, and stopped. */
ART_MUST_USE enum art_status job_wait(struct job *j, int cancel_fd, struct art_err *err);

const struct job_result *job_result(const struct job *j); /* after the end */
/* The last bytes of the log, NUL-terminated, '\r' as '\n'. Borrowed till job_pump. */
const char *job_tail(const struct job *j);
int64_t job_log_bytes(const struct job *j);
int64_t job_pid(const struct job *j);
int64_t job_pid_started(const struct job *j); /* from /proc: tells the pid from a later one */

/* The launcher's main, for argv[1] "__job". */
int job_launcher_main(int argc, char **argv);

#endif
