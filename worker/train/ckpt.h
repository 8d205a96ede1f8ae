/*
 * ckpt.h - weights on disk as safetensors: written atomically, read as a hostile file.
 *
 * Layer: worker/train. Threads: one caller per struct.
 *
 * File: header length (u64, little-endian), JSON header, fp32 data. Accepted is only what the
 * format allows and we write: F32, one or two dimensions, tensors that cover the data exactly,
 * without gap or overlap; every product checked.
 */
#ifndef TRAIN_CKPT_H
#define TRAIN_CKPT_H

#include "store/base.h"
#include "store/hash.h"
#include "worker/train/data.h"
#include "worker/train/model.h"

#define CKPT_HEADER_MAX ((size_t)4 << 20)
#define CKPT_TENSORS_MAX 4096
#define CKPT_DATA_MAX ((uint64_t)1 << 40)

/* What __metadata__ says. */
struct ckpt_meta {
	struct model_config model;
	struct hash_hex tokenizer_sha256, data_sha256, recipe_sha256;
	int64_t steps, tokens;
	uint64_t seed;
};

struct ckpt_tensor {
	char name[MODEL_NAME_MAX];
	int n_dims;
	int dims[2];
	size_t count;
	const float *data; /* reader: inside the mapped file, valid until ckpt_close */
};

/* Errors: IO (@path is then as it was). */
ART_MUST_USE enum art_status ckpt_write(const char *path, const struct ckpt_meta *meta,
					const struct ckpt_tensor *t, int n, struct art_err *err);

struct ckpt;
/* Errors: NOT_FOUND, CORRUPT (what is wrong), IO. */
ART_MUST_USE enum art_status ckpt_open(struct ckpt **out, const char *path, struct art_err *err);
void ckpt_close(struct ckpt *c);
const struct ckpt_meta *ckpt_meta(const struct ckpt *c);
const char *ckpt_sha256(const struct ckpt *c); /* of the whole file */
int ckpt_count(const struct ckpt *c);
const struct ckpt_tensor *ckpt_tensor(const struct ckpt *c, int i);
const struct ckpt_tensor *ckpt_find(const struct ckpt *c, const char *name); /* NULL: none */

/* Between a model and a file. ckpt_load_model wants exactly the model's parameters (CORRUPT). */
ART_MUST_USE enum art_status ckpt_save_model(const char *path, const struct ckpt_meta *meta,
					     struct model *m, struct art_err *err);
ART_MUST_USE enum art_status ckpt_load_model(const struct ckpt *c, struct model *m,
					     struct art_err *err);

/* A trained model with what it was trained on: dataset verified, checkpoint read, weights loaded. */
struct trained {
	struct dataset *data;
	struct ckpt *ckpt;
	struct model *model;
};
/* Errors: as dataset_open, ckpt_open, model_open; INVALID when the two do not belong together. On
 * failure nothing is open. */
ART_MUST_USE enum art_status trained_open(struct trained *t, const char *data,
					  const char *checkpoint, const struct model_options *opt,
					  struct art_err *err);
void trained_close(struct trained *t);

#endif
