/*
 * workspace.c - finding, making and holding the directory an artui works in.
 *
 * Layer: core. Threads: any; values.
 */
#include "core/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/recipe.h"

#define LOCK_TRIES 20
#define LOCK_WAIT_MS 10

static bool is_dir(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

/* Fill both paths from an absolute root; false when they would not leave room for names below. */
static bool set_root(struct workspace *w, const char *root)
{
	if (strlen(root) + 200 > sizeof(w->root))
		return false;
	art_copy(w->root, sizeof(w->root), root);
	snprintf(w->dir, sizeof(w->dir), "%s/.artui", strcmp(root, "/") ? root : "");
	return true;
}

enum art_status workspace_find(struct workspace *w, const char *start, struct art_err *err)
{
	char at[PATH_MAX];
	char *slash;

	if (!realpath(start ? start : ".", at))
		return art_fail_errno(err, "%s", start ? start : "the current directory");
	for (;;) {
		struct workspace try = { 0 };
		if (!set_root(&try, at))
			return art_fail(err, ART_LIMIT, "%s: path is too long for a workspace", at);
		if (is_dir(try.dir)) {
			*w = try;
			return ART_OK;
		}
		slash = strrchr(at, '/');
		if (!slash || !strcmp(at, "/"))
			break;
		slash[slash == at] = 0;
	}
	return art_fail(err, ART_NOT_FOUND,
			"no workspace in %s or above it; `artui init` makes one", start ? start : ".");
}

/* The starting recipe: @from checked and copied, or the native default; an existing one stays. */
static enum art_status recipe_install(const struct workspace *w, const char *from,
				      struct art_err *err)
{
	char path[WORKSPACE_PATH_MAX + 16];
	struct recipe *r = NULL;
	struct art_buf b;
	char *def = NULL;
	enum art_status st = ART_OK;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	snprintf(path, sizeof(path), "%s/recipe.py", w->root);
	if (!from) {
		if (access(path, F_OK) == 0)
			goto out;
		def = recipe_native_default();
		st = art_write_file(path, def, strlen(def), 0644, err);
		goto out;
	}
	st = art_read_file(&b, from, RECIPE_MAX_BYTES, err);
	if (st)
		goto out;
	r = art_alloc(1, sizeof(*r));
	st = recipe_parse(r, b.data ? b.data : "", b.len, err);
	if (st)
		goto out;
	if (r->n == 0) {
		st = art_fail(err, ART_INVALID,
			      "%s: has no constant NAME = value at the start of a line", from);
		goto out;
	}
	st = art_write_file(path, b.data, b.len, 0644, err);
out:
	free(r);
	free(def);
	art_buf_destroy(&b);
	return st;
}

enum art_status workspace_init(struct workspace *w, const char *root, const char *recipe,
			       struct art_err *err)
{
	static const char *const dirs[] = { "data", "runs", "reports", "models" };
	struct workspace ws = { 0 };
	struct store *st = NULL;
	char at[PATH_MAX], path[WORKSPACE_PATH_MAX];
	enum art_status rc;

	rc = art_mkdirs(root, 0755, err);
	if (rc)
		return rc;
	if (!realpath(root, at))
		return art_fail_errno(err, "%s", root);
	if (!set_root(&ws, at))
		return art_fail(err, ART_LIMIT, "%s: path is too long for a workspace", at);
	if (access(workspace_path(&ws, path, "artui.db"), F_OK) == 0)
		return art_fail(err, ART_CONFLICT, "%s is a workspace already", at);
	rc = recipe_install(&ws, recipe, err);
	if (rc)
		return rc;
	rc = art_mkdirs(ws.dir, 0755, err);
	for (size_t i = 0; i < ART_COUNT(dirs) && rc == ART_OK; i++)
		rc = art_mkdirs(workspace_path(&ws, path, "%s", dirs[i]), 0755, err);
	/* Weights and databases are nothing for a source repository around the workspace. */
	if (rc == ART_OK)
		rc = art_write_file(workspace_path(&ws, path, ".gitignore"), "*\n", 2, 0644, err);
	if (rc == ART_OK)
		rc = workspace_store(&ws, &st, STORE_CREATE, 2000, err);
	if (rc)
		return rc;
	store_close(st);
	*w = ws;
	return ART_OK;
}

const char *workspace_path(const struct workspace *w, char buf[WORKSPACE_PATH_MAX],
			   const char *fmt, ...)
{
	va_list ap;
	int n, m;

	n = snprintf(buf, WORKSPACE_PATH_MAX, "%s/", w->dir);
	ART_BUG_ON(n < 0 || n >= WORKSPACE_PATH_MAX);
	va_start(ap, fmt);
	m = vsnprintf(buf + n, (size_t)(WORKSPACE_PATH_MAX - n), fmt, ap);
	va_end(ap);
	ART_BUG_ON(m < 0 || n + m >= WORKSPACE_PATH_MAX);
	return buf;
}

enum art_status workspace_store(const struct workspace *w, struct store **out, unsigned flags,
				int busy_ms, struct art_err *err)
{
	char path[WORKSPACE_PATH_MAX];

	return store_open(out, workspace_path(w, path, "artui.db"), flags, busy_ms, err);
}

static int64_t lock_pid(int fd)
{
	char text[32];
	int64_t pid;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return art_parse_i64(text, &pid) && pid > 0 ? pid : 0;
}

enum art_status workspace_lock(const struct workspace *w, int *fd, struct art_err *err)
{
	const struct timespec pause = { 0, LOCK_WAIT_MS * 1000000L };
	char path[WORKSPACE_PATH_MAX], text[32];
	int f, n, tries = LOCK_TRIES;

	f = open(workspace_path(w, path, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (f < 0)
		return art_fail_errno(err, "%s", path);
	/* A few tries: workspace_engine_pid of another process holds a shared lock for a moment. */
	while (flock(f, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK) {
			enum art_status st = art_fail_errno(err, "%s: lock", path);
			close(f);
			return st;
		}
		if (!tries--) {
			int64_t pid = lock_pid(f);
			close(f);
			return art_fail(err, ART_CONFLICT,
					"process %lld runs this workspace's engine", (long long)pid);
		}
		nanosleep(&pause, NULL);
	}
	n = snprintf(text, sizeof(text), "%lld\n", (long long)getpid());
	if (ftruncate(f, 0) || pwrite(f, text, (size_t)n, 0) != n) {
		enum art_status st = art_fail_errno(err, "%s: write", path);
		close(f);
		return st;
	}
	*fd = f;
	return ART_OK;
}

int64_t workspace_engine_pid(const struct workspace *w)
{
	char path[WORKSPACE_PATH_MAX];
	int64_t pid = 0;
	int f = open(workspace_path(w, path, "lock"), O_RDONLY | O_CLOEXEC);

	if (f < 0)
		return 0;
	if (flock(f, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
		pid = lock_pid(f);
	close(f);
	return pid;
}
