/*
 * fuzz_import.c - results.tsv and results.jsonl of any bytes: refused with a sentence and no trace,
 * or taken whole; what was taken is known the second time, leaves the store whole, makes nobody
 * champion, and can be exported and read back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/research/report.h"
#include "store/experiments.h"
#include "tests/fuzz/fuzz.h"

#define FILE_MAX ((size_t)64 << 20)

static int64_t experiments(struct store *st)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID, .limit = 1 };
	struct experiment_list l = { 0 };
	int64_t n;

	FUZZ_MUST(experiment_query(st, &q, &l, NULL) == ART_OK);
	n = l.total;
	experiment_list_destroy(&l);
	return n;
}

static void must_be_whole(struct store *st)
{
	struct art_buf b;
	int findings = -1;

	art_buf_init(&b, FILE_MAX);
	FUZZ_MUST(store_check(st, &b, &findings, NULL) == ART_OK);
	FUZZ_MUST(findings == 0);
	art_buf_destroy(&b);
}

static void must_come_back(struct store *st, bool tsv)
{
	struct art_buf b;
	int64_t added = -1, skipped = -1;

	art_buf_init(&b, FILE_MAX);
	FUZZ_MUST((tsv ? export_tsv(st, &b, NULL) : export_jsonl(st, &b, NULL)) == ART_OK);
	if (b.len)
		FUZZ_MUST(import_results(st, b.data, b.len, &added, &skipped, NULL) == ART_OK &&
			  added == 0);
	art_buf_destroy(&b);
}

static void check(struct store *st, const char *text, size_t size)
{
	struct art_err err = { 0 };
	struct board *board;
	int64_t added = -1, skipped = -1, before, again = -1;

	before = experiments(st);
	if (import_results(st, text, size, &added, &skipped, &err) != ART_OK) {
		FUZZ_MUST(err.code != ART_OK && err.text[0] && added == -1);
		FUZZ_MUST(experiments(st) == before);
		return;
	}
	FUZZ_MUST(experiments(st) == before + added);
	FUZZ_MUST(import_results(st, text, size, &again, &skipped, &err) == ART_OK && again == 0);
	must_be_whole(st);
	board = art_alloc(1, sizeof(*board));
	FUZZ_MUST(board_get(st, 0, board, &err) == ART_OK && !board->has_champion);
	free(board);
	must_come_back(st, true);
	must_come_back(st, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/artui-fuzz.XXXXXX", path[64];
	char *text = art_alloc(size + 1, 1); /* exact size: an overrun is seen */
	struct store *st;

	memcpy(text, data, size);
	FUZZ_MUST(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/db", dir);
	FUZZ_MUST(store_open(&st, path, STORE_CREATE, 1000, NULL) == ART_OK);
	check(st, text, size);
	store_close(st);
	unlink(path);
	snprintf(path, sizeof(path), "%s/db-wal", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/db-shm", dir);
	unlink(path);
	FUZZ_MUST(rmdir(dir) == 0);
	free(text);
	return 0;
}
