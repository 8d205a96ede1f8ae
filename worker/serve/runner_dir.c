/*
 * runner_dir.c - the directories of orders: what the buyer sent, what a run left, what nobody needs any
 * more.
 *
 * What a run leaves is the work of a stranger: every name in it may be a symlink by intent. Directories are
 * entered by descriptor, and only when they are directories; of files only regular ones are taken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/exec/sandbox.h"
#include "worker/serve/runner_private.h"

#define DEPTH_MAX 12
#define ENTRIES_MAX 200000
#define TRAIN_MAX (16u << 20)
#define CONFIG_MAX (2u << 20)
#define DAY_US (86400 * (int64_t)1000000)

const char *runner_path(char *buf, size_t n, const char *dir, const char *experiment_id, const char *name)
{
	int k = snprintf(buf, n, "%s/orders/%s/%s", dir, experiment_id, name);

	ART_BUG_ON(k < 0 || (size_t)k >= n);
	return buf;
}

enum art_status runner_keep(const char *dir, const char *experiment_id, const char *train_py, size_t len,
			    const char *config, struct art_err *err)
{
	char path[RUNNER_PATH_MAX];
	enum art_status st;

	runner_path(path, sizeof(path), dir, experiment_id, "");
	st = art_mkdirs(path, 0700, err);
	if (!st)
		st = art_write_file(runner_path(path, sizeof(path), dir, experiment_id, "train.py"), train_py,
				    len, 0644, err);
	if (!config || !config[0])
		config = "{}\n";
	if (!st)
		st = art_write_file(runner_path(path, sizeof(path), dir, experiment_id, "config.json"), config,
				    strlen(config), 0644, err);
	return st;
}

/* ---- before ------------------------------------------------------------------------------------------ */

/* Not durable, and nobody else is there yet. */
static enum art_status put(const char *path, const struct art_buf *b, struct art_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t done = 0;

	while (fd >= 0 && done < b->len) {
		ssize_t n = write(fd, b->data + done, b->len - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || done < b->len) {
		enum art_status st = art_fail_errno(err, "%s", path);
		if (fd >= 0)
			close(fd);
		return st;
	}
	close(fd);
	return ART_OK;
}

static enum art_status link_evaluator(const char *scratch, const struct kept_files *evaluator, size_t n,
				      struct art_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = strrchr(evaluator->f[i].path, '/') + 1;
		char *to = art_printf("%s/%s", scratch, name);
		bool bad = symlink(evaluator->f[i].path, to) && errno != EEXIST;
		enum art_status st = bad ? art_fail_errno(err, "%s", to) : ART_OK;
		free(to);
		if (st)
			return st;
	}
	return ART_OK;
}

enum art_status dir_prepare(const struct runner_options *opt, const char *experiment_id, const char *sha256,
			    const struct kept_files *evaluator, size_t n_evaluator, struct art_err *err)
{
	char path[RUNNER_PATH_MAX];
	struct art_buf train, config;
	enum art_status st;

	art_buf_init(&train, TRAIN_MAX);
	art_buf_init(&config, CONFIG_MAX);
	st = art_read_file(&train, runner_path(path, sizeof(path), opt->dir, experiment_id, "train.py"), TRAIN_MAX,
			   err);
	if (!st && strcmp(hash_bytes(train.data, train.len).s, sha256) != 0)
		st = art_fail(err, ART_CORRUPT, "%s is not what the buyer sent", path);
	if (!st)
		st = art_read_file(&config, runner_path(path, sizeof(path), opt->dir, experiment_id, "config.json"),
				   CONFIG_MAX, err);
	dir_clear(opt->dir, experiment_id);
	runner_path(path, sizeof(path), opt->dir, experiment_id, "scratch");
	if (!st && mkdir(path, 0700))
		st = art_fail_errno(err, "%s", path);
	if (!st)
		st = put(runner_path(path, sizeof(path), opt->dir, experiment_id, "scratch/train.py"), &train, err);
	if (!st)
		st = put(runner_path(path, sizeof(path), opt->dir, experiment_id, "scratch/config.json"), &config,
			 err);
	if (!st)
		st = link_evaluator(runner_path(path, sizeof(path), opt->dir, experiment_id, "scratch"), evaluator,
				    n_evaluator, err);
	art_buf_destroy(&train);
	art_buf_destroy(&config);
	return st;
}

void dir_clear(const char *dir, const char *experiment_id)
{
	static const char *const names[] = { "scratch", "eval" };
	char path[RUNNER_PATH_MAX];
	struct art_err err;

	/* What stays is in the way of a next run, and said then. */
	for (size_t i = 0; i < ART_COUNT(names); i++)
		if (sandbox_remove(runner_path(path, sizeof(path), dir, experiment_id, names[i]), &err))
			continue;
}

int64_t dir_free(const char *dir)
{
	struct statvfs v;

	if (statvfs(dir, &v))
		return INT64_MAX;
	return (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

/* ---- after ------------------------------------------------------------------------------------------- */

struct newest {
	char path[RUNNER_PATH_MAX]; /* below the scratch directory */
	struct timespec at;
	bool found;
	int entries;
};

static const char *extension(const char *name)
{
	static const char *const all[] = { ".safetensors", ".pt", ".pth", ".bin", ".gguf" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ART_COUNT(all); i++) {
		size_t m = strlen(all[i]);
		if (n > m && !strcmp(name + n - m, all[i]))
			return all[i];
	}
	return NULL;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static void search(struct newest *best, int fd, const char *prefix, int depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	while ((e = readdir(d)) && best->entries++ < ENTRIES_MAX) {
		char path[RUNNER_PATH_MAX];
		struct stat sb;
		int below;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) ||
		    snprintf(path, sizeof(path), "%s%s", prefix, e->d_name) >= (int)sizeof(path) - 1)
			continue;
		if (S_ISDIR(sb.st_mode) && depth < DEPTH_MAX) {
			below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below >= 0) {
				strncat(path, "/", sizeof(path) - strlen(path) - 1);
				search(best, below, path, depth + 1);
			}
		} else if (S_ISREG(sb.st_mode) && extension(e->d_name) &&
			   (!best->found || later(&sb.st_mtim, &best->at))) {
			best->found = true;
			best->at = sb.st_mtim;
			art_copy(best->path, sizeof(best->path), path);
		}
	}
	closedir(d);
}

/* The name under which it is kept and sold: its own when that is plain, else one of ours. */
static void plain_name(char out[128], const char *path)
{
	static const char *const ours[] = { "train.py", "config.json", "run.log", "metrics.jsonl", "eval.log" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	bool plain = strlen(name) < 128 && name[0] != '.' && name[0] != '-' &&
		     strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);

	for (size_t i = 0; i < ART_COUNT(ours); i++)
		plain = plain && strcmp(name, ours[i]) != 0;
	if (plain)
		art_copy(out, 128, name);
	else
		snprintf(out, 128, "model%s", extension(name));
}

/* By our own hand readable and by nobody else's any more; the descriptor is of the file that was moved. */
static enum art_status adopt(int scratch, const char *from, const char *to, int64_t max_bytes, int64_t *bytes,
			     struct art_err *err)
{
	int fd = openat(scratch, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat sb;
	enum art_status st = ART_OK;

	if (fd < 0 && errno == EACCES && fchmodat(scratch, from, 0600, 0) == 0)
		fd = openat(scratch, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return art_fail_errno(err, "artifact");
	if (fstat(fd, &sb) || !S_ISREG(sb.st_mode))
		st = art_fail(err, ART_NOT_FOUND, "the artifact is no regular file");
	else if (sb.st_size > max_bytes)
		st = art_fail(err, ART_LIMIT, "the artifact has more than %lld bytes", (long long)max_bytes);
	else if (renameat(scratch, from, AT_FDCWD, to))
		st = art_fail_errno(err, "%s", to);
	else if ((geteuid() == 0 && fchown(fd, 0, 0)) || fchmod(fd, 0644))
		st = art_fail_errno(err, "%s", to);
	*bytes = sb.st_size;
	close(fd);
	return st;
}

enum art_status dir_take_artifact(const char *dir, const char *experiment_id, int64_t max_bytes, char name[128],
				  int64_t *bytes, struct art_err *err)
{
	struct newest *best = art_alloc(1, sizeof(*best));
	char path[RUNNER_PATH_MAX], to[RUNNER_PATH_MAX];
	int scratch, walk;
	enum art_status st;

	runner_path(path, sizeof(path), dir, experiment_id, "scratch");
	scratch = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	walk = scratch < 0 ? -1 : openat(scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (walk < 0) {
		st = art_fail_errno(err, "%s", path);
		goto out;
	}
	search(best, walk, "", 0);
	if (!best->found) {
		st = art_fail(err, ART_NOT_FOUND, "the run left no model file");
		goto out;
	}
	/* Nothing of the run lives any more, so the way to it is what it was when it was walked. */
	plain_name(name, best->path);
	st = adopt(scratch, best->path, runner_path(to, sizeof(to), dir, experiment_id, name), max_bytes, bytes,
		   err);
out:
	if (scratch >= 0)
		close(scratch);
	free(best);
	return st;
}

/* ---- sweeping ---------------------------------------------------------------------------------------- */

static bool is_old(struct store *st, const char *id, int64_t mtime_us, int keep_days)
{
	struct order_row o;
	enum art_status s = order_find_experiment(st, id, &o, NULL);
	int64_t now = art_now_us();

	if (s == ART_NOT_FOUND)
		return now - mtime_us > DAY_US;
	return s == ART_OK && order_state_is_final(o.state) && now - o.finished_at > keep_days * DAY_US;
}

int dir_sweep(struct store *st, const char *dir, int keep_days)
{
	char path[RUNNER_PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/orders", dir);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		struct stat sb;
		if (e->d_name[0] == '.' || strlen(e->d_name) > 64 ||
		    fstatat(dirfd(d), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(sb.st_mode) ||
		    !is_old(st, e->d_name, (int64_t)sb.st_mtim.tv_sec * 1000000, keep_days))
			continue;
		snprintf(path, sizeof(path), "%s/orders/%s", dir, e->d_name);
		n += sandbox_remove(path, NULL) == ART_OK;
	}
	if (d)
		closedir(d);
	return n;
}
