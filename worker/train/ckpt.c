/*
 * ckpt.c - safetensors writer and strict reader.
 */
#include "worker/train/ckpt.h"

#include "store/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMEWORK "artui-train"
#define ALIGN 64 /* of the data after the header: it is used in place */

struct ckpt {
	char *path;
	void *map;
	size_t map_bytes;
	struct hash_hex sha256;
	struct ckpt_meta meta;
	struct ckpt_tensor *t;
	int n;
};

static void put_num(struct json_out *o, const char *key, int64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	json_put_str(o, key, text);
}

/* safetensors metadata is a map of strings to strings. */
static void put_meta(struct json_out *o, const struct ckpt_meta *m)
{
	char seed[32];

	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)m->seed);
	json_open_object(o, "__metadata__");
	json_put_str(o, "framework", FRAMEWORK);
	put_num(o, "vocab_size", m->model.vocab_size);
	put_num(o, "n_layer", m->model.n_layer);
	put_num(o, "n_head", m->model.n_head);
	put_num(o, "n_embd", m->model.n_embd);
	put_num(o, "sequence_len", m->model.seq_len);
	json_put_str(o, "window_pattern", m->model.window_pattern);
	json_put_str(o, "tokenizer_sha256", m->tokenizer_sha256.s);
	json_put_str(o, "data_sha256", m->data_sha256.s);
	json_put_str(o, "recipe_sha256", m->recipe_sha256.s);
	put_num(o, "steps", m->steps);
	put_num(o, "tokens", m->tokens);
	json_put_str(o, "seed", seed);
	json_close_object(o);
}

static void put_header(struct art_buf *b, const struct ckpt_meta *meta,
		       const struct ckpt_tensor *t, int n)
{
	struct json_out o;
	int64_t at = 0;

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	put_meta(&o, meta);
	for (int i = 0; i < n; i++) {
		json_open_object(&o, t[i].name);
		json_put_str(&o, "dtype", "F32");
		json_open_array(&o, "shape");
		for (int k = 0; k < t[i].n_dims; k++)
			json_put_int(&o, NULL, t[i].dims[k]);
		json_close_array(&o);
		json_open_array(&o, "data_offsets");
		json_put_int(&o, NULL, at);
		at += (int64_t)(t[i].count * sizeof(float));
		json_put_int(&o, NULL, at);
		json_close_array(&o);
		json_close_object(&o);
	}
	json_close_object(&o);
	while ((8 + b->len) % ALIGN)
		art_buf_put(b, " ");
}

static bool write_all(int fd, const void *p, size_t n)
{
	const char *c = p;

	while (n > 0) {
		ssize_t k = write(fd, c, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return false;
		c += k;
		n -= (size_t)k;
	}
	return true;
}

static bool write_tensors(int fd, const struct art_buf *header, const struct ckpt_tensor *t, int n)
{
	unsigned char len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)((uint64_t)header->len >> (8 * i));
	if (!write_all(fd, len, 8) || !write_all(fd, header->data, header->len))
		return false;
	for (int i = 0; i < n; i++)
		if (!write_all(fd, t[i].data, t[i].count * sizeof(float)))
			return false;
	return fsync(fd) == 0;
}

/* Not art_write_file: a model need not be in memory twice. */
enum art_status ckpt_write(const char *path, const struct ckpt_meta *meta,
			   const struct ckpt_tensor *t, int n, struct art_err *err)
{
	struct art_buf header;
	char *temp = art_printf("%s.%ld.tmp", path, (long)getpid());
	enum art_status st = ART_OK;

	art_buf_init(&header, CKPT_HEADER_MAX);
	put_header(&header, meta, t, n);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		st = art_fail_errno(err, "cannot create %s", temp);
		goto out;
	}
	if (!write_tensors(fd, &header, t, n))
		st = art_fail_errno(err, "cannot write %s", temp);
	if (close(fd) != 0 && st == ART_OK)
		st = art_fail_errno(err, "cannot write %s", temp);
	if (st == ART_OK && rename(temp, path) != 0)
		st = art_fail_errno(err, "cannot rename %s to %s", temp, path);
	if (st != ART_OK)
		unlink(temp);
out:
	art_buf_destroy(&header);
	free(temp);
	return st;
}

static bool meta_num(const struct json *meta, const char *key, int64_t lo, int64_t hi,
		     int64_t *out)
{
	const char *s = json_str(json_get(meta, key));

	return s && art_parse_i64(s, out) && *out >= lo && *out <= hi;
}

static bool meta_hash(const struct json *meta, const char *key, struct hash_hex *out)
{
	const char *s = json_str(json_get(meta, key));

	return s && strlen(s) == HASH_HEX - 1 &&
	       strspn(s, "0123456789abcdef") == HASH_HEX - 1 && art_copy(out->s, HASH_HEX, s);
}

static bool read_meta(struct ckpt_meta *m, const struct json *j)
{
	const char *framework = json_str(json_get(j, "framework"));
	const char *pattern = json_str(json_get(j, "window_pattern"));
	int64_t vocab, layers, heads, width, seq_len, seed;

	if (!framework || strcmp(framework, FRAMEWORK) != 0 || !pattern || !pattern[0] ||
	    strspn(pattern, "SL") != strlen(pattern) ||
	    !art_copy(m->model.window_pattern, sizeof(m->model.window_pattern), pattern) ||
	    !meta_num(j, "vocab_size", 2, 1 << 20, &vocab) ||
	    !meta_num(j, "n_layer", 1, 1024, &layers) ||
	    !meta_num(j, "n_head", 1, 1024, &heads) ||
	    !meta_num(j, "n_embd", 1, 1 << 20, &width) ||
	    !meta_num(j, "sequence_len", 1, 65536, &seq_len) ||
	    !meta_num(j, "steps", 0, INT64_MAX, &m->steps) ||
	    !meta_num(j, "tokens", 0, INT64_MAX, &m->tokens) ||
	    !meta_num(j, "seed", 0, INT64_MAX, &seed) ||
	    !meta_hash(j, "tokenizer_sha256", &m->tokenizer_sha256) ||
	    !meta_hash(j, "data_sha256", &m->data_sha256) ||
	    !meta_hash(j, "recipe_sha256", &m->recipe_sha256))
		return false;
	m->model.vocab_size = (int)vocab;
	m->model.n_layer = (int)layers;
	m->model.n_head = (int)heads;
	m->model.n_embd = (int)width;
	m->model.seq_len = (int)seq_len;
	m->seed = (uint64_t)seed;
	return true;
}

/* @at is where the previous tensor ended: the next must begin there. */
static bool read_tensor(struct ckpt_tensor *t, const struct json *j, const char *name,
			const char *data, uint64_t data_bytes, uint64_t *at)
{
	const char *dtype = json_str(json_get(j, "dtype"));
	const struct json *shape = json_get(j, "shape"), *off = json_get(j, "data_offsets");
	struct opt_i64 from = json_int(json_at(off, 0)), to = json_int(json_at(off, 1));
	uint64_t count = 1;

	if (!json_is_object(j) || json_count(j) != 3 || !dtype || strcmp(dtype, "F32") != 0 ||
	    !json_is_array(shape) || json_count(shape) < 1 || json_count(shape) > 2 ||
	    !json_is_array(off) || json_count(off) != 2 || !from.known || !to.known ||
	    !art_copy(t->name, sizeof(t->name), name) || !name[0])
		return false;
	t->n_dims = json_count(shape);
	for (int i = 0; i < t->n_dims; i++) {
		struct opt_i64 d = json_int(json_at(shape, i));

		if (!d.known || d.v < 1 || d.v > INT_MAX)
			return false;
		t->dims[i] = (int)d.v;
		count *= (uint64_t)d.v;
		if (count > CKPT_DATA_MAX)
			return false;
	}
	if (from.v < 0 || (uint64_t)from.v != *at || to.v < from.v ||
	    (uint64_t)to.v > data_bytes || (uint64_t)(to.v - from.v) != count * sizeof(float))
		return false;
	*at = (uint64_t)to.v;
	t->count = (size_t)count;
	t->data = (const float *)(const void *)(data + from.v);
	return true;
}

static enum art_status read_header(struct ckpt *c, const struct json *j, const char *data,
				   uint64_t data_bytes, struct art_err *err)
{
	const struct json *meta = json_get(j, "__metadata__");
	int n = json_count(j);
	uint64_t at = 0;

	if (!json_is_object(j) || n > CKPT_TENSORS_MAX + 1)
		return art_fail(err, ART_CORRUPT, "%s: header is no list of at most %d tensors",
				c->path, CKPT_TENSORS_MAX);
	if (!read_meta(&c->meta, meta))
		return art_fail(err, ART_CORRUPT, "%s: __metadata__ is not artui-train's", c->path);
	c->t = art_alloc((size_t)n + 1, sizeof(*c->t));
	for (int i = 0; i < n; i++) {
		const struct json *m = json_at(j, i);
		const char *name = json_key(m);

		if (!name)
			return art_fail(err, ART_CORRUPT, "%s: tensor %d has no name", c->path, i);
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (!read_tensor(&c->t[c->n], m, name, data, data_bytes, &at))
			return art_fail(err, ART_CORRUPT,
					"%s: tensor %d has a bad name, type, shape or offsets",
					c->path, i);
		c->n++;
	}
	if (at != data_bytes)
		return art_fail(err, ART_CORRUPT, "%s: %llu bytes belong to no tensor", c->path,
				(unsigned long long)(data_bytes - at));
	return ART_OK;
}

static enum art_status map_file(struct ckpt *c, struct art_err *err)
{
	enum art_status st = ART_OK;
	struct stat sb;
	int fd = open(c->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return art_fail_errno(err, "cannot open %s", c->path);
	if (fstat(fd, &sb) != 0) {
		st = art_fail_errno(err, "cannot look at %s", c->path);
	} else if (!S_ISREG(sb.st_mode) || sb.st_size < 10 ||
		   (uint64_t)sb.st_size > CKPT_DATA_MAX) {
		st = art_fail(err, ART_CORRUPT, "%s is no safetensors file", c->path);
	} else {
		c->map_bytes = (size_t)sb.st_size;
		c->map = mmap(NULL, c->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (c->map == MAP_FAILED) {
			c->map = NULL;
			st = art_fail_errno(err, "cannot map %s", c->path);
		}
	}
	close(fd);
	return st;
}

static enum art_status parse_file(struct ckpt *c, struct art_err *err)
{
	const unsigned char *p = c->map;
	uint64_t len = 0;
	struct json *j = NULL;
	struct art_err why = { 0 };

	for (int i = 0; i < 8; i++)
		len |= (uint64_t)p[i] << (8 * i);
	/* Data is read as floats in place, so it must lie on a float. */
	if (len > CKPT_HEADER_MAX || len > c->map_bytes - 8 || (8 + len) % sizeof(float))
		return art_fail(err, ART_CORRUPT, "%s: header of %llu bytes is impossible", c->path,
				(unsigned long long)len);
	enum art_status st = json_parse(&j, (const char *)p + 8, (size_t)len, CKPT_HEADER_MAX,
					&why);
	if (st != ART_OK)
		return art_fail(err, ART_CORRUPT, "%s: header: %s", c->path, why.text);
	st = read_header(c, j, (const char *)p + 8 + len, c->map_bytes - 8 - len, err);
	json_free(j);
	return st;
}

enum art_status ckpt_open(struct ckpt **out, const char *path, struct art_err *err)
{
	struct ckpt *c = art_alloc(1, sizeof(*c));

	c->path = art_strdup(path);
	enum art_status st = map_file(c, err);
	if (st == ART_OK)
		st = parse_file(c, err);
	if (st != ART_OK) {
		ckpt_close(c);
		return st;
	}
	c->sha256 = hash_bytes(c->map, c->map_bytes);
	*out = c;
	return ART_OK;
}

void ckpt_close(struct ckpt *c)
{
	if (!c)
		return;
	if (c->map)
		munmap(c->map, c->map_bytes);
	free(c->path);
	free(c->t);
	free(c);
}

const struct ckpt_meta *ckpt_meta(const struct ckpt *c)
{
	return &c->meta;
}

const char *ckpt_sha256(const struct ckpt *c)
{
	return c->sha256.s;
}

int ckpt_count(const struct ckpt *c)
{
	return c->n;
}

const struct ckpt_tensor *ckpt_tensor(const struct ckpt *c, int i)
{
	ART_BUG_ON(i < 0 || i >= c->n);
	return &c->t[i];
}

const struct ckpt_tensor *ckpt_find(const struct ckpt *c, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(c->t[i].name, name) == 0)
			return &c->t[i];
	return NULL;
}
