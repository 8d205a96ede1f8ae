/*
 * fuzz_dataset.c - dataset.json of any bytes, beside a tokenizer and shards that are good or not.
 *
 * Input: the manifest; after a NUL byte, optionally, the bytes of the training shard. What opens
 * must load: every token known, every batch full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "worker/train/data.h"
#include "worker/train/tokenizer.h"

#define SHARD_TOKENS 100
#define ROWS 2
#define BATCHES_MAX 64

static void put_file(const char *dir, const char *name, const void *p, size_t n)
{
	char *path = art_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "wb");

	FUZZ_MUST(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
	free(path);
}

/* <bos>, then letters; a second document begins in the middle. The corpus has these hashes. */
static void put_shard(const char *dir, const char *name, int first)
{
	unsigned char tokens[2 * SHARD_TOKENS];

	for (int i = 0; i < SHARD_TOKENS; i++) {
		int t = i % (SHARD_TOKENS / 2) == 0 ? 256 : 'a' + (first + i) % 26;

		tokens[2 * i] = (unsigned char)(t & 0xff);
		tokens[2 * i + 1] = (unsigned char)(t >> 8);
	}
	put_file(dir, name, tokens, sizeof(tokens));
}

static void put_neighbours(const char *dir)
{
	struct tokenizer *t = tokenizer_new_bytes();
	struct art_buf b;

	art_buf_init(&b, 1 << 20);
	tokenizer_save(t, &b);
	put_file(dir, "tokenizer.bin", b.data, b.len);
	put_shard(dir, "train-00000.bin", 0);
	put_shard(dir, "val-00000.bin", 7);
	put_shard(dir, "final-00000.bin", 11);
	art_buf_destroy(&b);
	tokenizer_close(t);
}

static void must_load(const struct dataset *d, enum data_split s)
{
	size_t n = ROWS * (size_t)dataset_seq_len(d);
	int32_t *inputs = art_alloc(n, sizeof(*inputs)), *targets = art_alloc(n, sizeof(*targets));
	int vocab = dataset_vocab_size(d), rows = ROWS;
	struct loader *l = NULL;
	struct art_err err = { 0 };
	int64_t scored = 0;

	if (loader_open(&l, d, s, 1, &err) == ART_OK) {
		for (int b = 0; b < BATCHES_MAX && rows == ROWS; b++) {
			rows = loader_next(l, inputs, targets, ROWS);
			FUZZ_MUST(rows >= 0 && rows <= ROWS && (s != DATA_TRAIN || rows == ROWS));
			for (size_t i = 0; i < (size_t)rows * n / ROWS; i++) {
				FUZZ_MUST(inputs[i] >= 0 && inputs[i] < vocab);
				FUZZ_MUST(targets[i] >= -1 && targets[i] < vocab);
				scored += targets[i] >= 0 && dataset_token_bytes(d, targets[i]);
			}
		}
		if (s != DATA_TRAIN && rows < ROWS)
			FUZZ_MUST(scored <= dataset_tokens(d, s));
	} else {
		FUZZ_MUST(err.text[0]);
	}
	loader_close(l);
	free(inputs);
	free(targets);
}

static void name_dir(char *dir, size_t n)
{
	snprintf(dir, n, "/dev/shm/artui-fuzz-%ld", (long)getpid());
}

__attribute__((destructor)) static void remove_dir(void)
{
	static const char *const names[] = { "dataset.json", "tokenizer.bin", "train-00000.bin",
					     "val-00000.bin", "final-00000.bin" };
	char dir[64];

	name_dir(dir, sizeof(dir));
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		char *path = art_printf("%s/%s", dir, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	size_t manifest = end ? (size_t)(end - data) : size;
	struct dataset *d = NULL;
	struct art_err err = { 0 };
	char dir[64];

	name_dir(dir, sizeof(dir));
	if (mkdir(dir, 0700) == 0)
		put_neighbours(dir);
	put_file(dir, "dataset.json", data, manifest);
	if (end)
		put_file(dir, "train-00000.bin", end + 1, size - manifest - 1);
	else
		put_shard(dir, "train-00000.bin", 0);
	if (dataset_open(&d, dir, size % 2, &err) == ART_OK) {
		FUZZ_MUST(dataset_seq_len(d) >= 32 && dataset_bos(d) < dataset_vocab_size(d));
		must_load(d, DATA_TRAIN);
		must_load(d, DATA_VAL);
		must_load(d, DATA_FINAL);
	} else {
		FUZZ_MUST(err.code != ART_OK && err.text[0]);
	}
	dataset_close(d);
	return 0;
}
