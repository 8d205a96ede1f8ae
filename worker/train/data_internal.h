/*
 * data_internal.h - what dataset.json says, shared by the writer, the reader and the loader.
 *
 * Layer: worker/train, for data*.c alone.
 */
#ifndef TRAIN_DATA_INTERNAL_H
#define TRAIN_DATA_INTERNAL_H

#include "worker/train/data.h"
#include "worker/train/tokenizer.h"

struct shard_info {
	char file[32];
	int64_t tokens;
	struct hash_hex sha256;
	const void *map; /* reader: the file, mapped */
	size_t map_bytes;
};

struct split_info {
	struct shard_info *shards;
	int n_shards;
	int64_t documents, bytes, tokens;
	struct hash_hex text_sha256;
};

struct dataset {
	char *dir, *name;
	int seq_len, width; /* width: bytes of a token on disk, 2 or 4 */
	struct tokenizer *tok;
	struct hash_hex tok_sha256, data_sha256, evaluator_sha256;
	struct split_info split[DATA_SPLITS];
};

struct hash_hex manifest_data_hash(const struct split_info split[DATA_SPLITS]);
struct hash_hex manifest_evaluator_hash(int seq_len, const struct hash_hex *tokenizer,
					const struct split_info *val);

static inline uint32_t shard_token(const struct shard_info *s, int width, size_t i)
{
	const unsigned char *p = (const unsigned char *)s->map + i * (size_t)width;
	uint32_t v = p[0] | (uint32_t)p[1] << 8;

	if (width == 4)
		v |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return v;
}

#endif
