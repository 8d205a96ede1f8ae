/*
 * data.h - a prepared data set: tokenizer, shards, the packed batches of train / val / final.
 *
 * Layer: worker/train. Threads: one struct per thread.
 *
 * On disk (made by `artui-train prepare` or `corpus`):
 *   dataset.json   name, source, tokenizer, seq_len, splits with shard list, SHA-256 of each file,
 *                  data_sha256 (over the list of shard hashes), evaluator_sha256 (evaluator version,
 *                  seq_len, tokenizer and val shard hashes), references (compressors' bits per byte)
 *   tokenizer.bin  merges; byte-level BPE; vocabulary 256 + merges + <bos> (byte level: no merges)
 *   train-00000.bin ... val-00000.bin ... final-00000.bin   uint16/uint32 tokens, <bos> first of each document
 */
#ifndef TRAIN_DATA_H
#define TRAIN_DATA_H

#include "store/base.h"
#include "store/hash.h"

enum data_split { DATA_TRAIN, DATA_VAL, DATA_FINAL };
#define DATA_SPLITS 3

struct dataset;

/* Verifies sizes always and hashes when @verify. Errors: NOT_FOUND, CORRUPT (which file), INVALID. */
ART_MUST_USE enum art_status dataset_open(struct dataset **out, const char *dir, bool verify,
					  struct art_err *err);
void dataset_close(struct dataset *d);
int dataset_vocab_size(const struct dataset *d);
int dataset_seq_len(const struct dataset *d);
int dataset_bos(const struct dataset *d);
int64_t dataset_tokens(const struct dataset *d, enum data_split s);
int64_t dataset_bytes(const struct dataset *d, enum data_split s);
/* UTF-8 bytes a token stands for; 0 for <bos>. */
int dataset_token_bytes(const struct dataset *d, int token);
const char *dataset_data_sha256(const struct dataset *d);
const char *dataset_evaluator_sha256(const struct dataset *d);

/*
 * Batches: rows of T + 1 tokens, each row beginning with <bos>; inputs are the first T of them,
 * targets the last T.
 *
 * Train: autoresearch's best-fit packing from a buffer of 1000 documents. Where autoresearch
 * throws the rest of a cropped document away, here documents are cut beforehand into pieces that
 * fit a row, at places drawn afresh every epoch, and the pieces of all documents are shuffled by
 * @seed: nothing is lost, documents far longer than T are read to their end, and rows of a batch
 * are not neighbours. The oldest piece opens a row, so none waits for ever. Every piece begins
 * with a <bos>; a <bos> that follows a cut is no target (-1), because no document ended there.
 *
 * Val and final: documents in stored order, one pass, cut only where a row is full, the rest
 * behind a fresh <bos>: every byte is scored exactly once. The last row is padded with targets -1.
 */
struct loader;
/* Reads the split once through. Errors: INVALID (the split is empty), CORRUPT (a token outside
 * the vocabulary, a shard not beginning with <bos>: which file). */
ART_MUST_USE enum art_status loader_open(struct loader **out, const struct dataset *d,
					 enum data_split s, uint64_t seed, struct art_err *err);
/* Fill inputs, targets [rows * T]. Returns rows filled: always @rows for train, fewer (0 at the
 * end) for val and final; rows not filled are left alone. */
int loader_next(struct loader *l, int32_t *inputs, int32_t *targets, int rows);
int loader_epoch(const struct loader *l); /* from 1 */
void loader_close(struct loader *l);

/* Borrowed until dataset_close. */
const char *data_split_name(enum data_split s);
const char *dataset_dir(const struct dataset *d);
const char *dataset_name(const struct dataset *d);
const char *dataset_tokenizer_sha256(const struct dataset *d);
struct tokenizer;
const struct tokenizer *dataset_tokenizer(const struct dataset *d);

/*
 * Version of the evaluator's arithmetic: part of evaluator_sha256. Raise it when a change to the
 * loader or to evaluate_bpb would give other numbers for the same weights.
 */
#define DATA_EVALUATOR_VERSION 1

#endif
