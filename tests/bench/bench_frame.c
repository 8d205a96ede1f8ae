/*
 * bench_frame.c - how fast the dashboard appears, and what it costs when nothing happens.
 *
 *   bench_frame first N COMMAND...     start it N times on a terminal of 120 x 40: milliseconds from
 *                                      exec to the whole first frame, least / median / most
 *   bench_frame idle SECONDS COMMAND...  processor ticks and bytes written while nothing happens
 *   bench_frame keys N COMMAND...      milliseconds from a key to the end of its frame
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base.h"

#define MARK "quit"        /* in the key bar, which is drawn last */
#define FRAME_MAX (1 << 20)
#define QUIET_MS 100

struct child {
	pid_t pid;
	int fd;
	int64_t began_us;
};

static struct child start(char **command)
{
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	struct child c = { .began_us = art_mono_us() };

	c.pid = forkpty(&c.fd, NULL, NULL, &size);
	if (c.pid < 0)
		art_die("bench_frame: no terminal");
	if (c.pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		execvp(command[0], command);
		_exit(127);
	}
	return c;
}

/* Read until @mark was seen (NULL: until nothing more comes); microseconds of the last byte. */
static int64_t read_frame(struct child *c, const char *mark, int64_t *bytes)
{
	static const int64_t patience_us = 20000000;
	char *text = art_alloc(FRAME_MAX + 1, 1);
	int64_t last = 0, until = art_mono_us() + patience_us;
	size_t n = 0;
	bool seen = mark == NULL;

	*bytes = 0;
	while (art_mono_us() < until) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, seen ? QUIET_MS : 1000) == 0) {
			if (seen)
				break;
			continue;
		}
		got = read(c->fd, text + n, FRAME_MAX - n);
		if (got <= 0)
			break;
		last = art_mono_us();
		n += (size_t)got;
		*bytes += got;
		text[n] = '\0';
		seen = seen || memmem(text, n, mark, strlen(mark));
	}
	free(text);
	if (!seen)
		art_die("bench_frame: the first frame never came");
	return last;
}

/* End it; the processor time of its whole life in microseconds. */
static int64_t stop(struct child *c)
{
	struct rusage used;
	int status;

	kill(c->pid, SIGTERM);
	close(c->fd);
	if (wait4(c->pid, &status, 0, &used) != c->pid)
		art_die("bench_frame: lost the child");
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
	       used.ru_stime.tv_usec;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void say(const char *what, int64_t *us, int64_t n)
{
	qsort(us, (size_t)n, sizeof(*us), by_size);
	printf("%s: %.1f ms least, %.1f median, %.1f most of %lld\n", what, (double)us[0] / 1e3,
	       (double)us[n / 2] / 1e3, (double)us[n - 1] / 1e3, (long long)n);
}

static void first(int64_t n, char **command)
{
	int64_t *us = art_alloc((size_t)n, sizeof(*us)), *cpu = art_alloc((size_t)n, sizeof(*cpu)), bytes;

	for (int64_t i = 0; i < n; i++) {
		struct child c = start(command);

		us[i] = read_frame(&c, MARK, &bytes) - c.began_us;
		cpu[i] = stop(&c);
	}
	say("first frame", us, n);
	say("  processor time, start to end", cpu, n);
	free(us);
	free(cpu);
}

static void keys(int64_t n, char **command)
{
	int64_t *us = art_alloc((size_t)n, sizeof(*us)), bytes;
	struct child c = start(command);

	read_frame(&c, MARK, &bytes);
	for (int64_t i = 0; i < n; i++) {
		int64_t began = art_mono_us(), ended;

		/* it begins at the end: up and down by half a page: every press needs rows that were not on the screen */
		if (write(c.fd, i % 20 < 10 ? "\025" : "\004", 1) != 1)
			art_die("bench_frame: the key did not go out");
		ended = read_frame(&c, NULL, &bytes);
		us[i] = bytes ? ended - began : 0;
	}
	stop(&c);
	say("key to frame", us, n);
	free(us);
}

/* utime + stime of a process, in clock ticks. */
static int64_t ticks(pid_t pid)
{
	char path[64], text[1024] = "";
	long long u = 0, s = 0;
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		art_die("bench_frame: cannot read %s", path);
	fclose(f);
	/* the name may hold spaces and brackets: count from the last one */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &u, &s) != 2)
		art_die("bench_frame: cannot read %s", path);
	return u + s;
}

static int idle(int64_t seconds, char **command)
{
	struct child c = start(command);
	int64_t before, after, bytes;
	ssize_t got;
	char buf[4096];

	read_frame(&c, MARK, &bytes);
	sleep(1);
	before = ticks(c.pid);
	sleep((unsigned)seconds);
	after = ticks(c.pid);
	bytes = 0;
	if (fcntl(c.fd, F_SETFL, O_NONBLOCK) != 0)
		art_die("bench_frame: fcntl");
	while ((got = read(c.fd, buf, sizeof(buf))) > 0)
		bytes += got;
	stop(&c);
	printf("idle %lld s: %lld ticks of %ld a second, %lld bytes written\n", (long long)seconds,
	       (long long)(after - before), sysconf(_SC_CLK_TCK), (long long)bytes);
	return after - before > seconds / 10 + 1;
}

int main(int argc, char **argv)
{
	int64_t n;

	if (argc == 1) {
		puts("run by bench_screen.sh, which makes the stores it looks at");
		return 0;
	}
	if (argc < 4 || !art_parse_i64(argv[2], &n) || n < 1 || n > 100000) {
		fprintf(stderr, "usage: bench_frame first|keys|idle N COMMAND...\n");
		return 2;
	}
	if (!strcmp(argv[1], "first"))
		first(n, argv + 3);
	else if (!strcmp(argv[1], "keys"))
		keys(n, argv + 3);
	else if (!strcmp(argv[1], "idle"))
		return idle(n, argv + 3);
	else
		return 2;
	return 0;
}
