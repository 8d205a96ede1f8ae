/*
 * data.c - open a prepared data set and check it against its own manifest.
 */
#include "worker/train/data_internal.h"

#include "store/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX ((size_t)64 << 20)
#define SHARDS_MAX 100000

const char *data_split_name(enum data_split s)
{
	switch (s) {
	case DATA_TRAIN:
		return "train";
	case DATA_VAL:
		return "val";
	case DATA_FINAL:
		return "final";
	}
	return "?";
}

struct hash_hex manifest_data_hash(const struct split_info split[DATA_SPLITS])
{
	struct hash_state *h = hash_begin();

	for (int s = 0; s < DATA_SPLITS; s++)
		for (int i = 0; i < split[s].n_shards; i++)
			hash_add(h, split[s].shards[i].sha256.s, HASH_HEX - 1);
	return hash_end(h);
}

struct hash_hex manifest_evaluator_hash(int seq_len, const struct hash_hex *tokenizer,
					const struct split_info *val)
{
	struct hash_state *h = hash_begin();
	char head[64];
	int n = snprintf(head, sizeof(head), "artui evaluator %d\nseq_len %d\n",
			 DATA_EVALUATOR_VERSION, seq_len);

	hash_add(h, head, (size_t)n);
	hash_add(h, tokenizer->s, HASH_HEX - 1);
	for (int i = 0; i < val->n_shards; i++)
		hash_add(h, val->shards[i].sha256.s, HASH_HEX - 1);
	return hash_end(h);
}

static bool get_hash(const struct json *obj, const char *key, struct hash_hex *out)
{
	const char *s = json_str(json_get(obj, key));

	if (!s || strlen(s) != HASH_HEX - 1 || strspn(s, "0123456789abcdef") != HASH_HEX - 1)
		return false;
	memcpy(out->s, s, HASH_HEX);
	return true;
}

static bool get_count(const struct json *obj, const char *key, int64_t max, int64_t *out)
{
	struct opt_i64 v = json_int(json_get(obj, key));

	if (!v.known || v.v < 0 || v.v > max)
		return false;
	*out = v.v;
	return true;
}

/* A plain name: the manifest may not reach outside its directory. */
static bool get_file(const struct json *obj, char *out, size_t n)
{
	const char *s = json_str(json_get(obj, "file"));

	return s && s[0] != '\0' && s[0] != '.' && !strchr(s, '/') && art_copy(out, n, s);
}

static bool read_split(struct split_info *si, const struct json *obj)
{
	const struct json *shards = json_get(obj, "shards");
	int n = json_count(shards);

	if (!json_is_object(obj) || !json_is_array(shards) || n > SHARDS_MAX ||
	    !get_count(obj, "documents", INT64_MAX, &si->documents) ||
	    !get_count(obj, "bytes", INT64_MAX, &si->bytes) ||
	    !get_hash(obj, "text_sha256", &si->text_sha256))
		return false;
	si->shards = art_alloc((size_t)n + 1, sizeof(*si->shards));
	si->n_shards = n;
	for (int i = 0; i < n; i++) {
		struct shard_info *s = &si->shards[i];
		const struct json *j = json_at(shards, i);

		if (!get_file(j, s->file, sizeof(s->file)) ||
		    !get_count(j, "tokens", (int64_t)1 << 48, &s->tokens) || s->tokens == 0 ||
		    !get_hash(j, "sha256", &s->sha256))
			return false;
		si->tokens += s->tokens;
	}
	return true;
}

static bool read_manifest(struct dataset *d, const struct json *j, struct hash_hex *tok_sha256,
			  char *tok_file, size_t tok_file_size)
{
	const char *format = json_str(json_get(j, "format"));
	const char *name = json_str(json_get(j, "name"));
	const struct json *tok = json_get(j, "tokenizer"), *splits = json_get(j, "splits");
	int64_t seq_len, width;

	if (!format || strcmp(format, "artui-dataset 1") != 0 || !name ||
	    !get_count(j, "seq_len", 65536, &seq_len) || seq_len < 32 || seq_len % 32 ||
	    !get_count(j, "token_width", 4, &width) || (width != 2 && width != 4) ||
	    !get_file(tok, tok_file, tok_file_size) || !get_hash(tok, "sha256", tok_sha256) ||
	    !get_hash(j, "data_sha256", &d->data_sha256) ||
	    !get_hash(j, "evaluator_sha256", &d->evaluator_sha256))
		return false;
	d->name = art_strdup(name);
	d->seq_len = (int)seq_len;
	d->width = (int)width;
	for (int s = 0; s < DATA_SPLITS; s++)
		if (!read_split(&d->split[s], json_get(splits, data_split_name((enum data_split)s))))
			return false;
	return true;
}

static enum art_status open_manifest(struct dataset *d, struct hash_hex *tok_sha256,
				     char *tok_file, size_t tok_file_size, struct art_err *err)
{
	char *path = art_printf("%s/dataset.json", d->dir);
	struct art_buf b;
	struct json *j = NULL;
	struct art_err why = { 0 };
	enum art_status st;

	art_buf_init(&b, MANIFEST_MAX);
	st = art_read_file(&b, path, MANIFEST_MAX, &why);
	if (st == ART_NOT_FOUND) {
		art_fail(err, st, "%s holds no data set (no dataset.json): make one with "
				  "artui-train corpus or artui-train prepare", d->dir);
		goto out;
	}
	if (st == ART_OK && json_parse(&j, b.data, b.len, MANIFEST_MAX, &why) != ART_OK)
		st = ART_CORRUPT;
	if (st != ART_OK)
		art_fail(err, st, "%s: %s", path, why.text);
	else if (!read_manifest(d, j, tok_sha256, tok_file, tok_file_size))
		st = art_fail(err, ART_CORRUPT, "%s is not a data set of this version", path);
out:
	json_free(j);
	art_buf_destroy(&b);
	free(path);
	return st;
}

static enum art_status open_tokenizer(struct dataset *d, const char *file,
				      const struct hash_hex *want, struct art_err *err)
{
	char *path = art_printf("%s/%s", d->dir, file);
	size_t max = 64 + 8 * (size_t)TOKENIZER_VOCAB_MAX;
	struct art_buf b;
	struct art_err why = { 0 };

	art_buf_init(&b, max);
	enum art_status st = art_read_file(&b, path, max, err);
	if (st == ART_OK) {
		d->tok_sha256 = hash_bytes(b.data, b.len);
		if (strcmp(d->tok_sha256.s, want->s) != 0)
			st = art_fail(err, ART_CORRUPT, "%s is not the file dataset.json names "
							"(SHA-256 differs)", path);
	}
	if (st == ART_OK) {
		st = tokenizer_load(&d->tok, b.data, b.len, &why);
		if (st != ART_OK)
			art_fail(err, st, "%s: %s", path, why.text);
	}
	if (st == ART_OK && d->width == 2 && tokenizer_vocab_size(d->tok) > 65536)
		st = art_fail(err, ART_CORRUPT, "%s has more tokens than two bytes can number",
			      path);
	art_buf_destroy(&b);
	free(path);
	return st;
}

static enum art_status open_shard(const struct dataset *d, struct shard_info *s, bool verify,
				  struct art_err *err)
{
	char *path = art_printf("%s/%s", d->dir, s->file);
	size_t want = (size_t)s->tokens * (size_t)d->width;
	enum art_status st = ART_OK;
	struct stat sb;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &sb) != 0) {
		st = art_fail_errno(err, "cannot open %s", path);
		goto out;
	}
	if (!S_ISREG(sb.st_mode) || (size_t)sb.st_size != want) {
		st = art_fail(err, ART_CORRUPT, "%s has %lld bytes, dataset.json says %zu", path,
			      (long long)sb.st_size, want);
		goto out;
	}
	void *map = mmap(NULL, want, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		st = art_fail_errno(err, "cannot map %s", path);
		goto out;
	}
	s->map = map;
	s->map_bytes = want;
	if (verify) {
		struct hash_hex h = hash_bytes(map, want);
		if (strcmp(h.s, s->sha256.s) != 0)
			st = art_fail(err, ART_CORRUPT,
				      "%s is damaged: its SHA-256 is not the one in dataset.json",
				      path);
	}
out:
	if (fd >= 0)
		close(fd);
	free(path);
	return st;
}

enum art_status dataset_open(struct dataset **out, const char *dir, bool verify,
			     struct art_err *err)
{
	struct dataset *d = art_alloc(1, sizeof(*d));
	struct hash_hex tok_sha256;
	char tok_file[32];

	d->dir = art_strdup(dir);
	enum art_status st = open_manifest(d, &tok_sha256, tok_file, sizeof(tok_file), err);
	if (st == ART_OK)
		st = open_tokenizer(d, tok_file, &tok_sha256, err);
	for (int s = 0; s < DATA_SPLITS && st == ART_OK; s++)
		for (int i = 0; i < d->split[s].n_shards && st == ART_OK; i++)
			st = open_shard(d, &d->split[s].shards[i], verify, err);
	if (st == ART_OK) {
		struct hash_hex data = manifest_data_hash(d->split);
		struct hash_hex ev = manifest_evaluator_hash(d->seq_len, &d->tok_sha256,
							     &d->split[DATA_VAL]);

		if (strcmp(data.s, d->data_sha256.s) != 0)
			st = art_fail(err, ART_CORRUPT,
				      "%s/dataset.json: data_sha256 does not follow from its shards",
				      dir);
		else if (strcmp(ev.s, d->evaluator_sha256.s) != 0)
			st = art_fail(err, ART_CORRUPT,
				      "%s was prepared for another evaluator: prepare it again", dir);
	}
	if (st != ART_OK) {
		dataset_close(d);
		return st;
	}
	*out = d;
	return ART_OK;
}

void dataset_close(struct dataset *d)
{
	if (!d)
		return;
	for (int s = 0; s < DATA_SPLITS; s++) {
		for (int i = 0; i < d->split[s].n_shards; i++)
			if (d->split[s].shards[i].map)
				munmap((void *)d->split[s].shards[i].map,
				       d->split[s].shards[i].map_bytes);
		free(d->split[s].shards);
	}
	tokenizer_close(d->tok);
	free(d->dir);
	free(d->name);
	free(d);
}

int dataset_vocab_size(const struct dataset *d)
{
	return tokenizer_vocab_size(d->tok);
}

int dataset_seq_len(const struct dataset *d)
{
	return d->seq_len;
}

int dataset_bos(const struct dataset *d)
{
	return tokenizer_bos(d->tok);
}

int64_t dataset_tokens(const struct dataset *d, enum data_split s)
{
	return d->split[s].tokens;
}

int64_t dataset_bytes(const struct dataset *d, enum data_split s)
{
	return d->split[s].bytes;
}

int dataset_token_bytes(const struct dataset *d, int token)
{
	return tokenizer_token_bytes(d->tok, token, NULL);
}

const char *dataset_data_sha256(const struct dataset *d)
{
	return d->data_sha256.s;
}

const char *dataset_evaluator_sha256(const struct dataset *d)
{
	return d->evaluator_sha256.s;
}

const char *dataset_tokenizer_sha256(const struct dataset *d)
{
	return d->tok_sha256.s;
}

const char *dataset_dir(const struct dataset *d)
{
	return d->dir;
}

const char *dataset_name(const struct dataset *d)
{
	return d->name;
}

const struct tokenizer *dataset_tokenizer(const struct dataset *d)
{
	return d->tok;
}
