/*
 * sandbox_usage.c - what a stranger's program takes of disk and memory, and getting rid of what it leaves.
 *
 * Directories are walked by descriptor while their owner may still be changing them: every step opens one
 * name, never a symlink. A tree deeper than DEPTH_MAX is no tree that training writes; the walk that counts
 * calls it over the limit, the walk that removes brings the depths up to the surface first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/exec/job_tree.h"
#include "core/exec/sandbox.h"

#define DEPTH_MAX 100
#define PIDS_MAX 16384
#define STATM_MAX 256
#define ROLLUP_MAX 4096
#define REMOVE_ROUNDS 100000

/* ---- walking ----------------------------------------------------------------------------------------- */

/* A directory whose owner took its own permissions away is opened up first; -1 when it is none any more. */
static int open_dir(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int fd = openat(at, name, flags), path;
	char link[40];

	if (fd >= 0 || errno != EACCES)
		return fd;
	path = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (path < 0)
		return -1;
	/* By descriptor: what has this name may be a symlink by now. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
	if (chmod(link, 0700) == 0)
		fd = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(path);
	return fd;
}

struct seen {
	uint64_t *keys; /* open addressing; 0 is free */
	size_t n, cap;
};

/*
 * True when (device, inode) is new. Two that mix to the same word count once: of 2^64 words that is
 * nobody's attack.
 */
static bool seen_add(struct seen *s, const struct stat *sb)
{
	uint64_t key = art_mix64((uint64_t)sb->st_dev, (uint64_t)sb->st_ino) | 1;

	if (2 * (s->n + 1) > s->cap) {
		struct seen bigger = { .cap = s->cap ? 2 * s->cap : 64 };
		bigger.keys = art_alloc(bigger.cap, sizeof(*bigger.keys));
		for (size_t i = 0; i < s->cap; i++) {
			size_t at = s->keys[i] & (bigger.cap - 1);
			if (!s->keys[i])
				continue;
			while (bigger.keys[at])
				at = (at + 1) & (bigger.cap - 1);
			bigger.keys[at] = s->keys[i];
		}
		bigger.n = s->n;
		free(s->keys);
		*s = bigger;
	}
	for (size_t at = key & (s->cap - 1);; at = (at + 1) & (s->cap - 1)) {
		if (s->keys[at] == key)
			return false;
		if (!s->keys[at]) {
			s->keys[at] = key;
			s->n++;
			return true;
		}
	}
}

struct count {
	int64_t bytes, files, max_bytes, max_files;
	struct seen links;
	bool too_deep;
};

static bool over(const struct count *c)
{
	return c->too_deep || c->bytes > c->max_bytes || c->files > c->max_files;
}

static void count_dir(struct count *c, int fd, int depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	while (!over(c) && (e = readdir(d))) {
		struct stat sb;
		int below;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		c->files++;
		if (fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW))
			continue; /* gone meanwhile */
		if (sb.st_nlink > 1 && !S_ISDIR(sb.st_mode) && !seen_add(&c->links, &sb))
			continue;
		c->bytes += (int64_t)sb.st_blocks * 512;
		if (!S_ISDIR(sb.st_mode))
			continue;
		if (depth == DEPTH_MAX) {
			c->too_deep = true;
			break;
		}
		below = open_dir(dirfd(d), e->d_name);
		if (below >= 0)
			count_dir(c, below, depth + 1);
	}
	closedir(d);
}

enum art_status sandbox_usage(const char *dir, int64_t max_bytes, int64_t max_files, int64_t *bytes,
			      int64_t *files, struct art_err *err)
{
	struct count c = { .max_bytes = max_bytes, .max_files = max_files };
	int fd = open_dir(AT_FDCWD, dir);

	if (fd < 0)
		return art_fail_errno(err, "%s", dir);
	count_dir(&c, fd, 0);
	free(c.links.keys);
	*bytes = c.bytes;
	*files = c.files;
	if (c.too_deep)
		return art_fail(err, ART_LIMIT, "directories nested deeper than %d", DEPTH_MAX);
	if (c.bytes > max_bytes)
		return art_fail(err, ART_LIMIT, "more than %lld bytes on disk", (long long)max_bytes);
	if (c.files > max_files)
		return art_fail(err, ART_LIMIT, "more than %lld files", (long long)max_files);
	return ART_OK;
}

/* ---- removing ---------------------------------------------------------------------------------------- */

struct removal {
	int top;          /* the tree's own directory */
	int64_t lifted;   /* directories brought up to it so far */
	bool again;       /* something was, or could not be removed yet */
	int error;
};

static void remove_below(struct removal *r, int fd, int depth);

static void remove_name(struct removal *r, int at, const char *name, int depth)
{
	char lifted[64];
	int below;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM && errno != EACCES) {
		r->error = errno;
		return;
	}
	if (depth == DEPTH_MAX) {
		snprintf(lifted, sizeof(lifted), ".artui-lifted-%lld", (long long)r->lifted++);
		if (renameat(at, name, r->top, lifted))
			r->error = errno;
		r->again = true;
		return;
	}
	below = open_dir(at, name);
	if (below < 0) {
		r->error = errno;
		return;
	}
	remove_below(r, below, depth + 1);
	if (unlinkat(at, name, AT_REMOVEDIR) && errno != ENOENT) {
		if (errno != ENOTEMPTY && errno != EEXIST)
			r->error = errno;
		r->again = true;
	}
}

static void remove_below(struct removal *r, int fd, int depth)
{
	struct dirent *e;
	DIR *d;

	/* Removing needs write permission too, where reading did not fail. */
	fchmod(fd, 0700);
	d = fdopendir(fd);
	if (!d) {
		r->error = errno;
		close(fd);
		return;
	}
	while (!r->error && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_name(r, dirfd(d), e->d_name, depth);
	closedir(d);
}

enum art_status sandbox_remove(const char *dir, struct art_err *err)
{
	struct removal r = { .top = open_dir(AT_FDCWD, dir) };

	if (r.top < 0)
		return errno == ENOENT ? ART_OK : art_fail_errno(err, "%s: remove", dir);
	for (int i = 0; i < REMOVE_ROUNDS; i++) {
		int fd = openat(r.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r.again = false;
		if (fd >= 0)
			remove_below(&r, fd, 0);
		else
			r.error = errno;
		if (r.error || !r.again)
			break;
	}
	close(r.top);
	errno = r.error;
	if (r.error || rmdir(dir))
		return art_fail_errno(err, "%s: remove", dir);
	return ART_OK;
}

/* ---- processes --------------------------------------------------------------------------------------- */

static int64_t unlinked_of(pid_t pid, dev_t device, struct seen *seen)
{
	char path[64];
	int64_t bytes = 0;
	struct dirent *e;
	struct stat sb;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &sb, 0) == 0 &&
		    S_ISREG(sb.st_mode) && sb.st_nlink == 0 && sb.st_dev == device && seen_add(seen, &sb))
			bytes += (int64_t)sb.st_blocks * 512;
	if (d)
		closedir(d);
	return bytes;
}

int64_t sandbox_unlinked(int64_t pid, const char *dir)
{
	pid_t *pids = art_alloc(PIDS_MAX, sizeof(*pids));
	struct seen seen = { 0 };
	struct stat sb;
	int64_t bytes = 0;
	int n = stat(dir, &sb) ? 0 : job_tree_list((pid_t)pid, pids, PIDS_MAX);

	for (int i = 0; i < n; i++)
		bytes += unlinked_of(pids[i], sb.st_dev, &seen);
	free(seen.keys);
	free(pids);
	return bytes;
}

static int64_t resident(pid_t pid)
{
	char path[64];
	struct art_buf b;
	long long pages = 0;

	art_buf_init(&b, STATM_MAX);
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (art_read_file(&b, path, STATM_MAX, NULL) == ART_OK && b.data &&
	    sscanf(b.data, "%*s %lld", &pages) != 1)
		pages = 0;
	art_buf_destroy(&b);
	return pages * sysconf(_SC_PAGESIZE);
}

/* What the process has for itself and its part of what it shares; the resident size where that is not told. */
static int64_t proportional(pid_t pid)
{
	char path[64];
	struct art_buf b;
	long long kb = 0;
	const char *at;
	bool known;

	art_buf_init(&b, ROLLUP_MAX);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	known = art_read_file(&b, path, ROLLUP_MAX, NULL) == ART_OK && b.data &&
		(at = strstr(b.data, "\nPss:")) && sscanf(at + 5, "%lld", &kb) == 1;
	art_buf_destroy(&b);
	return known ? (int64_t)kb * 1024 : resident(pid);
}

int64_t sandbox_memory(int64_t pid, int64_t enough)
{
	pid_t *pids = art_alloc(PIDS_MAX, sizeof(*pids));
	int n = job_tree_list((pid_t)pid, pids, PIDS_MAX);
	int64_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += resident(pids[i]);
	/* Walking page tables is slow where it cannot change the answer. */
	if (bytes > enough) {
		bytes = 0;
		for (int i = 0; i < n; i++)
			bytes += proportional(pids[i]);
	}
	free(pids);
	return bytes;
}
