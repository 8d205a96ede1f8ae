/*
 * runner_files.c - evaluator and data: what they were when the worker started, and whether they still are.
 *
 * Data may be far larger than what can be hashed around each run. A file whose inode, size, time of change
 * and time of status change are the same holds the same bytes: the last is the kernel's alone to set.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "worker/serve/runner_private.h"

#define FILES_MAX 20000

static int64_t ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static void note(struct kept_file *f, const struct stat *sb)
{
	f->device = sb->st_dev;
	f->inode = sb->st_ino;
	f->size = sb->st_size;
	f->mtime_ns = ns(&sb->st_mtim);
	f->ctime_ns = ns(&sb->st_ctim);
}

static bool same(const struct kept_file *f, const struct stat *sb)
{
	return f->device == sb->st_dev && f->inode == sb->st_ino && f->size == sb->st_size &&
	       f->mtime_ns == ns(&sb->st_mtim) && f->ctime_ns == ns(&sb->st_ctim);
}

static enum art_status add_file(struct kept_files *k, const char *path, struct art_err *err)
{
	struct kept_file f = { 0 };
	struct stat sb;
	enum art_status st;

	if (k->n == FILES_MAX)
		return art_fail(err, ART_LIMIT, "%s: more than %d files to watch", path, FILES_MAX);
	if (stat(path, &sb))
		return art_fail_errno(err, "%s", path);
	if (!S_ISREG(sb.st_mode))
		return art_fail(err, ART_INVALID, "%s is neither a file nor a directory", path);
	/* Looked at before: a change while it is read shows at the next look. */
	note(&f, &sb);
	st = hash_file(path, &f.hash, err);
	if (st)
		return st;
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 16;
		k->f = art_grow(k->f, k->cap, sizeof(*k->f));
	}
	f.path = art_strdup(path);
	k->f[k->n++] = f;
	return ART_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum art_status add_tree(struct kept_files *k, const char *path, struct art_err *err)
{
	char *roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
	enum art_status st = ART_OK;
	FTSENT *e;

	if (!fts)
		return art_fail_errno(err, "%s", path);
	while (!st && (e = fts_read(fts))) {
		if (e->fts_info == FTS_F || e->fts_info == FTS_SL)
			st = add_file(k, e->fts_path, err);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			errno = e->fts_errno;
			st = art_fail_errno(err, "%s", e->fts_path);
		}
	}
	fts_close(fts);
	return st;
}

enum art_status kept_add(struct kept_files *k, const char *path, struct art_err *err)
{
	struct stat sb;

	if (stat(path, &sb))
		return art_fail_errno(err, "%s", path);
	return S_ISDIR(sb.st_mode) ? add_tree(k, path, err) : add_file(k, path, err);
}

enum art_status kept_check(struct kept_files *k, struct art_err *err)
{
	for (size_t i = 0; i < k->n; i++) {
		struct kept_file *f = &k->f[i];
		struct hash_hex now;
		struct stat sb;

		if (stat(f->path, &sb))
			return art_fail(err, ART_CORRUPT, "%s is gone", f->path);
		if (same(f, &sb))
			continue;
		if (hash_file(f->path, &now, NULL) || strcmp(now.s, f->hash.s) != 0)
			return art_fail(err, ART_CORRUPT, "%s is not what it was when the worker started", f->path);
		note(f, &sb);
	}
	return ART_OK;
}

struct hash_hex kept_hash(const struct kept_files *k, size_t n)
{
	struct hash_state *h = hash_begin();

	for (size_t i = 0; i < n; i++) {
		const char *slash = strrchr(k->f[i].path, '/');
		/* By name, not by place: two workers with the same files are the same class. */
		const char *name = slash ? slash + 1 : k->f[i].path;
		hash_add(h, name, strlen(name) + 1);
		hash_add(h, k->f[i].hash.s, HASH_HEX);
	}
	return hash_end(h);
}

void kept_destroy(struct kept_files *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->f[i].path);
	free(k->f);
	memset(k, 0, sizeof(*k));
}
