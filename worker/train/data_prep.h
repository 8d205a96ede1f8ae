/*
 * data_prep.h - from documents to a data set on disk (what `prepare` and `corpus` share).
 *
 * Layer: worker/train. Threads: one caller.
 */
#ifndef TRAIN_DATA_PREP_H
#define TRAIN_DATA_PREP_H

#include "worker/train/data.h"
#include "worker/train/tokenizer.h"

#define DOCS_MAX_BYTES ((size_t)16 << 30) /* text of all documents; it is held in memory */
#define DOCS_LINE_MAX ((size_t)16 << 20)  /* one line of JSONL */

/* Documents in order. Zero-initialise by docs_init. */
struct docs {
	struct art_buf text;
	struct doc_at {
		size_t at, n;
	} *v;
	size_t n, cap;
};
void docs_init(struct docs *d);
void docs_destroy(struct docs *d);
/* Errors: LIMIT. An empty document is skipped. */
ART_MUST_USE enum art_status docs_add(struct docs *d, const char *p, size_t n, struct art_err *err);
struct text_span docs_at(const struct docs *d, size_t i); /* until the next docs_add */
/* A plain text file: documents end at form feeds, or the file is one document. */
ART_MUST_USE enum art_status docs_add_text_file(struct docs *d, const char *path,
						struct art_err *err);
/* One JSON object a line, the text in member @field. Errors name file:line. */
ART_MUST_USE enum art_status docs_add_jsonl_file(struct docs *d, const char *path,
						 const char *field, struct art_err *err);

/* Each val_every-th document is validation, final_every-th of the others the locked final set. */
struct split_rule {
	int val_every;   /* >= 2 */
	int final_every; /* >= 2, or 0: no final set */
};
enum data_split split_of(const struct split_rule *r, size_t doc);

struct dataset_spec {
	const char *name;
	const char *source;  /* where the text is from, in words */
	const char *licence; /* NULL: not known */
	const char *note;    /* how documents and splits were made */
	int vocab_size;      /* 257: bytes, no merges */
	int seq_len;         /* multiple of 32 */
	int64_t shard_tokens;
	struct split_rule rule;
};

/*
 * Write tokenizer, shards and, last, dataset.json into @dir (made when missing). The tokenizer
 * learns from the train split alone. @log, when not NULL, is told what happens.
 * Errors: INVALID (no document in train or val, bad sizes), CONFLICT (@dir holds a data set), IO.
 */
ART_MUST_USE enum art_status dataset_write(const char *dir, const struct dataset_spec *spec,
					   const struct docs *docs, void (*log)(const char *line),
					   struct art_err *err);

/* Bits per byte of compressors on exactly this text (hashes of train and val text). */
struct reference {
	const char *name;
	double val_bpb;
	const char *note;
};
/* @n gets the count; "uniform bytes" is always there. Borrowed for ever. */
const struct reference *references_for(const char *train_sha256, const char *val_sha256, int *n);

#endif
