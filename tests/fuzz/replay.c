/*
 * replay.c - feed files, or all files of folders, to a fuzz target: its corpus as a test.
 *
 *   replay_fuzz_<name> PATH...
 *
 * Each file goes in whole, and cut at a few places, in a block of exactly its size so that a
 * sanitizer sees any read past the end. Exit 1 when there is nothing to replay.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)4 << 20)

static void feed(const char *bytes, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);

	if (!exact)
		art_die("out of memory");
	memcpy(exact, bytes, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static int replay_file(const char *path)
{
	struct art_err err;
	struct art_buf b;

	art_buf_init(&b, INPUT_MAX);
	if (art_read_file(&b, path, INPUT_MAX, &err) != ART_OK)
		art_die("%s", err.text);
	feed(b.len ? b.data : "", b.len);
	for (size_t part = 1; part < 8 && b.len >= 8; part++)
		feed(b.data, b.len * part / 8);
	art_buf_destroy(&b);
	return 1;
}

static int replay_dir(const char *path)
{
	struct dirent **names;
	int count = 0, n = scandir(path, &names, NULL, alphasort);

	if (n < 0)
		art_die("cannot list %s", path);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			char *file = art_printf("%s/%s", path, names[i]->d_name);

			count += replay_file(file);
			free(file);
		}
		free(names[i]);
	}
	free(names);
	return count;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++) {
		struct stat sb;
		int n;

		if (stat(argv[i], &sb) != 0)
			art_die("cannot look at %s", argv[i]);
		n = S_ISDIR(sb.st_mode) ? replay_dir(argv[i]) : replay_file(argv[i]);
		printf("%s %s: %d inputs replayed\n", n ? "ok" : "FAIL", argv[i], n);
		failed |= !n;
	}
	return failed;
}
