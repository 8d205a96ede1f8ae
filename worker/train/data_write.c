/*
 * data_write.c - split, tokenize and write a data set; dataset.json last, so that a directory
 * with one is complete.
 */
#include "worker/train/data_prep.h"

#include "store/json.h"
#include "worker/train/data_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum data_split split_of(const struct split_rule *r, size_t doc)
{
	if (doc % (size_t)r->val_every == (size_t)r->val_every - 1)
		return DATA_VAL;
	if (r->final_every && doc % (size_t)r->final_every == (size_t)r->final_every / 2)
		return DATA_FINAL;
	return DATA_TRAIN;
}

struct writer {
	const char *dir;
	const struct dataset_spec *spec;
	const struct docs *docs;
	void (*log)(const char *line);
	struct tokenizer *tok;
	struct hash_hex tok_sha256;
	int width; /* bytes a token takes on disk */
	struct split_info split[DATA_SPLITS];
};

static void say(const struct writer *w, const char *fmt, ...) ART_PRINTF(2, 3);
static void say(const struct writer *w, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	if (!w->log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	w->log(line);
}

static enum art_status count_splits(struct writer *w, struct art_err *err)
{
	struct hash_state *h[DATA_SPLITS];

	for (int s = 0; s < DATA_SPLITS; s++)
		h[s] = hash_begin();
	for (size_t i = 0; i < w->docs->n; i++) {
		enum data_split s = split_of(&w->spec->rule, i);
		struct text_span t = docs_at(w->docs, i);

		hash_add(h[s], t.p, t.n);
		w->split[s].documents++;
		w->split[s].bytes += (int64_t)t.n;
	}
	for (int s = 0; s < DATA_SPLITS; s++)
		w->split[s].text_sha256 = hash_end(h[s]);

	if (!w->split[DATA_TRAIN].documents || !w->split[DATA_VAL].documents)
		return art_fail(err, ART_INVALID,
				"%zu documents leave no %s split: separate documents with form feeds "
				"or give more files, or lower --val-every",
				w->docs->n, w->split[DATA_TRAIN].documents ? "val" : "train");
	return ART_OK;
}

static enum art_status make_tokenizer(struct writer *w, struct art_err *err)
{
	enum art_status st = ART_OK;
	char *path = art_printf("%s/tokenizer.bin", w->dir);
	struct art_buf b;

	art_buf_init(&b, 64 + 8 * (size_t)TOKENIZER_VOCAB_MAX);
	if (w->spec->vocab_size == TOKENIZER_VOCAB_MIN) {
		w->tok = tokenizer_new_bytes();
	} else {
		struct text_span *texts = art_alloc(w->docs->n, sizeof(*texts));
		size_t n = 0;

		for (size_t i = 0; i < w->docs->n; i++)
			if (split_of(&w->spec->rule, i) == DATA_TRAIN)
				texts[n++] = docs_at(w->docs, i);
		int64_t t0 = art_mono_us();
		st = tokenizer_train(&w->tok, texts, n, w->spec->vocab_size, err);
		free(texts);
		if (st != ART_OK)
			goto out;
		say(w, "tokenizer: %d tokens learnt from the train split in %.1f s",
		    tokenizer_vocab_size(w->tok), (double)(art_mono_us() - t0) / 1e6);
	}
	w->width = tokenizer_vocab_size(w->tok) <= 65536 ? 2 : 4;
	tokenizer_save(w->tok, &b);
	w->tok_sha256 = hash_bytes(b.data, b.len);
	st = art_write_file(path, b.data, b.len, 0644, err);
out:
	art_buf_destroy(&b);
	free(path);
	return st;
}

struct shard_file {
	FILE *f;
	char *path;
	struct hash_state *hash;
	int64_t tokens;
};

static enum art_status shard_end(struct shard_file *sf, struct split_info *si, struct art_err *err)
{
	enum art_status st = ART_OK;

	if (!sf->f)
		return ART_OK;
	struct hash_hex sum = hash_end(sf->hash);
	if (fflush(sf->f) != 0 || fsync(fileno(sf->f)) != 0)
		st = art_fail_errno(err, "cannot write %s", sf->path);
	if (fclose(sf->f) != 0 && st == ART_OK)
		st = art_fail_errno(err, "cannot write %s", sf->path);
	si->shards[si->n_shards - 1].tokens = sf->tokens;
	si->shards[si->n_shards - 1].sha256 = sum;
	si->tokens += sf->tokens;
	free(sf->path);
	*sf = (struct shard_file){ 0 };
	return st;
}

static enum art_status shard_begin(struct shard_file *sf, struct writer *w, enum data_split s,
				   struct art_err *err)
{
	struct split_info *si = &w->split[s];

	if (si->n_shards == 99999)
		return art_fail(err, ART_LIMIT, "more than 99999 shards: raise --shard-tokens");
	si->shards = art_grow(si->shards, (size_t)si->n_shards + 1, sizeof(*si->shards));
	struct shard_info *info = &si->shards[si->n_shards++];
	*info = (struct shard_info){ 0 };
	snprintf(info->file, sizeof(info->file), "%s-%05d.bin", data_split_name(s),
		 si->n_shards - 1);
	sf->path = art_printf("%s/%s", w->dir, info->file);
	sf->f = fopen(sf->path, "wbe");
	if (!sf->f) {
		enum art_status st = art_fail_errno(err, "cannot create %s", sf->path);
		free(sf->path);
		*sf = (struct shard_file){ 0 };
		si->n_shards--;
		return st;
	}
	sf->hash = hash_begin();
	return ART_OK;
}

static enum art_status put_tokens(struct shard_file *sf, const struct token_list *l, int width,
				  struct art_err *err)
{
	unsigned char *bytes = art_alloc(l->n, (size_t)width);
	enum art_status st = ART_OK;

	for (size_t i = 0; i < l->n; i++)
		for (int k = 0; k < width; k++)
			bytes[i * (size_t)width + (size_t)k] = (unsigned char)(l->v[i] >> (8 * k));
	if (fwrite(bytes, (size_t)width, l->n, sf->f) != l->n)
		st = art_fail_errno(err, "cannot write %s", sf->path);
	hash_add(sf->hash, bytes, l->n * (size_t)width);
	sf->tokens += (int64_t)l->n;
	free(bytes);
	return st;
}

static enum art_status write_split(struct writer *w, enum data_split s, struct art_err *err)
{
	struct shard_file sf = { 0 };
	struct token_list list = { 0 };
	enum art_status st = ART_OK;

	for (size_t i = 0; i < w->docs->n && st == ART_OK; i++) {
		if (split_of(&w->spec->rule, i) != s)
			continue;
		struct text_span t = docs_at(w->docs, i);
		uint32_t bos = (uint32_t)tokenizer_bos(w->tok);

		if (!list.cap) {
			list.v = art_grow(NULL, 1024, sizeof(*list.v));
			list.cap = 1024;
		}
		list.v[0] = bos;
		list.n = 1;
		tokenizer_encode(w->tok, t.p, t.n, &list);
		if (!sf.f)
			st = shard_begin(&sf, w, s, err);
		if (st == ART_OK)
			st = put_tokens(&sf, &list, w->width, err);
		if (st == ART_OK && sf.tokens >= w->spec->shard_tokens)
			st = shard_end(&sf, &w->split[s], err);
	}
	if (st == ART_OK)
		st = shard_end(&sf, &w->split[s], err);
	else
		(void)shard_end(&sf, &w->split[s], NULL);
	free(list.v);
	return st;
}

static void json_splits(struct json_out *o, const struct writer *w)
{
	json_open_object(o, "splits");
	for (int s = 0; s < DATA_SPLITS; s++) {
		const struct split_info *si = &w->split[s];

		json_open_object(o, data_split_name((enum data_split)s));
		json_put_int(o, "documents", si->documents);
		json_put_int(o, "bytes", si->bytes);
		json_put_int(o, "tokens", si->tokens);
		json_put_str(o, "text_sha256", si->text_sha256.s);
		json_open_array(o, "shards");
		for (int i = 0; i < si->n_shards; i++) {
			json_open_object(o, NULL);
			json_put_str(o, "file", si->shards[i].file);
			json_put_int(o, "tokens", si->shards[i].tokens);
			json_put_str(o, "sha256", si->shards[i].sha256.s);
			json_close_object(o);
		}
		json_close_array(o);
		json_close_object(o);
	}
	json_close_object(o);
}

static void json_references(struct json_out *o, const struct writer *w)
{
	int n;
	const struct reference *r = references_for(w->split[DATA_TRAIN].text_sha256.s,
						   w->split[DATA_VAL].text_sha256.s, &n);

	json_open_array(o, "references");
	for (int i = 0; i < n; i++) {
		json_open_object(o, NULL);
		json_put_str(o, "name", r[i].name);
		json_put_f64(o, "val_bpb", r[i].val_bpb);
		json_put_str(o, "note", r[i].note);
		json_close_object(o);
	}
	json_close_array(o);
}

static enum art_status write_json(const struct writer *w, struct art_err *err)
{
	struct art_buf b;
	struct json_out o;
	char *path = art_printf("%s/dataset.json", w->dir);

	art_buf_init(&b, (size_t)64 << 20);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	json_put_str(&o, "format", "artui-dataset 1");
	json_put_str(&o, "name", w->spec->name);
	json_put_str(&o, "source", w->spec->source);
	json_put_str(&o, "licence", w->spec->licence);
	json_put_str(&o, "note", w->spec->note);
	json_put_int(&o, "seq_len", w->spec->seq_len);
	json_open_object(&o, "tokenizer");
	json_put_str(&o, "file", "tokenizer.bin");
	json_put_str(&o, "kind",
		     w->spec->vocab_size == TOKENIZER_VOCAB_MIN ? "bytes" : "byte-level bpe");
	json_put_int(&o, "vocab_size", tokenizer_vocab_size(w->tok));
	json_put_int(&o, "bos", tokenizer_bos(w->tok));
	json_put_str(&o, "sha256", w->tok_sha256.s);
	json_close_object(&o);
	json_put_int(&o, "token_width", w->width);
	json_splits(&o, w);
	struct hash_hex data = manifest_data_hash(w->split);
	struct hash_hex evaluator = manifest_evaluator_hash(w->spec->seq_len, &w->tok_sha256,
							    &w->split[DATA_VAL]);
	json_put_str(&o, "data_sha256", data.s);
	json_put_str(&o, "evaluator_sha256", evaluator.s);
	json_references(&o, w);
	json_close_object(&o);
	art_buf_put(&b, "\n");
	enum art_status st = art_write_file(path, b.data, b.len, 0644, err);
	art_buf_destroy(&b);
	free(path);
	return st;
}

static enum art_status check_spec(const char *dir, const struct dataset_spec *spec,
				  struct art_err *err)
{
	if (spec->seq_len < 32 || spec->seq_len > 65536 || spec->seq_len % 32)
		return art_fail(err, ART_INVALID,
				"sequence length %d: must be a multiple of 32, 32 to 65536",
				spec->seq_len);
	if (spec->vocab_size < TOKENIZER_VOCAB_MIN || spec->vocab_size > TOKENIZER_VOCAB_MAX)
		return art_fail(err, ART_INVALID, "vocabulary of %d: must be %d to %d",
				spec->vocab_size, TOKENIZER_VOCAB_MIN, TOKENIZER_VOCAB_MAX);
	if (spec->rule.val_every < 2 || spec->rule.final_every < 0 || spec->rule.final_every == 1)
		return art_fail(err, ART_INVALID,
				"val-every must be 2 or more, final-every 0, or 2 or more");
	if (spec->shard_tokens < 1)
		return art_fail(err, ART_INVALID, "shard-tokens must be positive");
	char *path = art_printf("%s/dataset.json", dir);
	bool there = access(path, F_OK) == 0;
	free(path);
	if (there)
		return art_fail(err, ART_CONFLICT,
				"%s already holds a data set: remove it or choose another --out", dir);
	return ART_OK;
}

enum art_status dataset_write(const char *dir, const struct dataset_spec *spec,
			      const struct docs *docs, void (*log)(const char *line),
			      struct art_err *err)
{
	struct writer w = { .dir = dir, .spec = spec, .docs = docs, .log = log };
	enum art_status st = check_spec(dir, spec, err);

	if (st == ART_OK)
		st = count_splits(&w, err);
	if (st == ART_OK)
		st = art_mkdirs(dir, 0755, err);
	if (st == ART_OK)
		st = make_tokenizer(&w, err);
	for (int s = 0; s < DATA_SPLITS && st == ART_OK; s++) {
		st = write_split(&w, (enum data_split)s, err);
		if (st == ART_OK)
			say(&w, "%-5s %lld documents, %lld bytes, %lld tokens",
			    data_split_name((enum data_split)s), (long long)w.split[s].documents,
			    (long long)w.split[s].bytes, (long long)w.split[s].tokens);
	}
	if (st == ART_OK)
		st = write_json(&w, err);
	tokenizer_close(w.tok);
	for (int s = 0; s < DATA_SPLITS; s++)
		free(w.split[s].shards);
	return st;
}
