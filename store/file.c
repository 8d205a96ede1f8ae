/*
 * file.c - whole files and directories: read, write durably, make.
 *
 * Layer: store. Contract in base.h.
 */
#define _GNU_SOURCE
#include "store/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK = 64 * 1024, NAME_TRIES = 100 };

static enum art_status read_all(struct art_buf *b, int fd, const char *path, struct art_err *err)
{
	char *chunk = art_alloc(READ_CHUNK, 1);
	enum art_status s = ART_OK;

	for (;;) {
		ssize_t got = read(fd, chunk, READ_CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			s = art_fail_errno(err, "cannot read %s", path);
			break;
		}
		if (got == 0)
			break;
		if (art_buf_add(b, chunk, (size_t)got)) {
			s = art_fail(err, ART_LIMIT, "%s is larger than %zu bytes", path, b->max);
			break;
		}
	}
	free(chunk);
	return s;
}

enum art_status art_read_file(struct art_buf *b, const char *path, size_t max, struct art_err *err)
{
	art_buf_reset(b);
	b->max = max;
	if (b->cap && b->cap - 1 > max) { /* a smaller ceiling than before: start afresh */
		art_buf_destroy(b);
		b->max = max;
	}

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return art_fail_errno(err, "cannot open %s", path);

	enum art_status s = read_all(b, fd, path, err);

	close(fd);
	if (s)
		art_buf_reset(b);
	else
		s = art_buf_add(b, "", 0); /* an empty file too leaves a terminated buffer */
	return s;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* open with O_EXCL and not mkstemp: @mode then goes through the umask as for any new file. */
static int open_beside(char temp[PATH_MAX], const char *path, int mode)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path) + 1 : 0;

	for (int i = 0; i < NAME_TRIES; i++) {
		uint64_t r;

		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return -1;
		if (snprintf(temp, PATH_MAX, "%.*s.tmp-%016llx", dir_len, path,
			     (unsigned long long)r) >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}

		int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);

		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* A rename is durable only once its directory is. */
static enum art_status sync_dir_of(const char *path, struct art_err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	enum art_status s = ART_OK;

	if (!slash)
		art_copy(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);

	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return art_fail_errno(err, "cannot open directory %s", dir);
	/* Some file systems cannot sync a directory and say EINVAL: nothing more can be done. */
	if (fsync(fd) && errno != EINVAL)
		s = art_fail_errno(err, "cannot sync directory %s", dir);
	close(fd);
	return s;
}

enum art_status art_write_file(const char *path, const void *p, size_t n, int mode,
			       struct art_err *err)
{
	char temp[PATH_MAX];
	enum art_status s = ART_OK;

	int fd = open_beside(temp, path, mode);

	if (fd < 0)
		return art_fail_errno(err, "cannot create a file beside %s", path);
	if (write_all(fd, p, n) || fsync(fd))
		s = art_fail_errno(err, "cannot write %s", path);
	if (close(fd) && !s)
		s = art_fail_errno(err, "cannot write %s", path);
	if (!s && rename(temp, path))
		s = art_fail_errno(err, "cannot put %s in place", path);
	if (s) {
		unlink(temp);
		return s;
	}
	return sync_dir_of(path, err);
}

static enum art_status make_one(const char *path, int mode, struct art_err *err)
{
	struct stat st;

	if (!mkdir(path, (mode_t)mode))
		return ART_OK;

	int why = errno;

	/* Whatever mkdir says (EEXIST, EROFS, EACCES): a directory that is there will do. */
	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return ART_OK;
		return art_fail(err, ART_IO, "%s exists and is not a directory", path);
	}
	errno = why;
	return art_fail_errno(err, "cannot make directory %s", path);
}

enum art_status art_mkdirs(const char *path, int mode, struct art_err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (!len)
		return art_fail(err, ART_INVALID, "a directory name is empty");
	if (len >= sizeof(part))
		return art_fail(err, ART_LIMIT, "the directory name is longer than %d bytes",
				PATH_MAX - 1);
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		/* A parent has to let its maker in, whatever is asked of the leaf. */
		enum art_status s = make_one(part, mode | S_IWUSR | S_IXUSR, err);
		if (s)
			return s;
	}
	return make_one(path, mode, err);
}
