/*
 * tokenizer.c - scanner, encoder and stored form of the byte-level BPE.
 */
#include "worker/train/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#define N_BYTES 256
#define EMPTY UINT64_MAX

static const char magic[8] = { 'A', 'R', 'T', 'U', 'I', 'B', 'P', '1' };

struct tokenizer {
	int n_merges;
	struct token_pair *pairs; /* [n_merges] */
	uint32_t *at;             /* [256 + n_merges + 1] start of each token's bytes */
	char *bytes;
	/* Open addressing: key a << 32 | b -> merged token. */
	uint64_t *keys;
	uint32_t *values;
	size_t mask;
};

enum char_class { CLASS_LETTER, CLASS_DIGIT, CLASS_SPACE, CLASS_OTHER };

static enum char_class class_of(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80)
		return CLASS_LETTER;
	if (c >= '0' && c <= '9')
		return CLASS_DIGIT;
	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return CLASS_SPACE;
	return CLASS_OTHER;
}

static bool is_newline(unsigned char c)
{
	return c == '\n' || c == '\r';
}

/* 's 'd 'm 't 'll 've 're, either case; 0 when none. */
static size_t contraction(const unsigned char *p, size_t n)
{
	if (n < 2 || p[0] != '\'')
		return 0;

	unsigned char c = p[1] | 0x20;
	if (c == 's' || c == 'd' || c == 'm' || c == 't')
		return 2;
	if (n < 3)
		return 0;
	unsigned char d = p[2] | 0x20;
	if ((c == 'l' && d == 'l') || (c == 'v' && d == 'e') || (c == 'r' && d == 'e'))
		return 3;
	return 0;
}

static size_t run_of(const unsigned char *p, size_t i, size_t n, enum char_class c)
{
	while (i < n && class_of(p[i]) == c)
		i++;
	return i;
}

static size_t space_word(const unsigned char *p, size_t n)
{
	size_t end = run_of(p, 0, n, CLASS_SPACE);

	for (size_t i = end; i > 0; i--)
		if (is_newline(p[i - 1]))
			return i;
	/* Leave the last blank to the word that follows. */
	if (end < n && end > 1)
		return end - 1;
	return end;
}

size_t tokenizer_word(const unsigned char *p, size_t n)
{
	if (n > TOKENIZER_WORD_MAX)
		n = TOKENIZER_WORD_MAX;

	size_t len = contraction(p, n);
	if (len)
		return len;

	enum char_class c = class_of(p[0]);
	if (c == CLASS_LETTER)
		return run_of(p, 1, n, CLASS_LETTER);
	if (c == CLASS_DIGIT)
		return n > 1 && class_of(p[1]) == CLASS_DIGIT ? 2 : 1;
	if (!is_newline(p[0]) && n > 1 && class_of(p[1]) == CLASS_LETTER)
		return run_of(p, 2, n, CLASS_LETTER);

	size_t i = p[0] == ' ' ? 1 : 0;
	size_t end = run_of(p, i, n, CLASS_OTHER);
	if (end > i) {
		while (end < n && is_newline(p[end]))
			end++;
		return end;
	}
	return space_word(p, n);
}

static size_t pair_slot(const struct tokenizer *t, uint64_t key)
{
	size_t i = (size_t)art_mix64(key, 0) & t->mask;

	while (t->keys[i] != EMPTY && t->keys[i] != key)
		i = (i + 1) & t->mask;
	return i;
}

static uint64_t pair_key(uint32_t a, uint32_t b)
{
	return (uint64_t)a << 32 | b;
}

struct tokenizer *tokenizer_from_pairs(const struct token_pair *pairs, int n_pairs)
{
	struct tokenizer *t = art_alloc(1, sizeof(*t));
	size_t slots = 1024;

	while (slots < (size_t)n_pairs * 4)
		slots *= 2;
	t->n_merges = n_pairs;
	t->mask = slots - 1;
	t->keys = art_alloc(slots, sizeof(*t->keys));
	t->values = art_alloc(slots, sizeof(*t->values));
	memset(t->keys, 0xff, slots * sizeof(*t->keys));
	t->pairs = art_alloc((size_t)n_pairs + 1, sizeof(*t->pairs));
	t->at = art_alloc((size_t)n_pairs + N_BYTES + 1, sizeof(*t->at));

	for (uint32_t i = 0; i <= N_BYTES; i++)
		t->at[i] = i;
	for (int i = 0; i < n_pairs; i++) {
		uint32_t a = pairs[i].a, b = pairs[i].b;
		uint32_t len = t->at[a + 1] - t->at[a] + t->at[b + 1] - t->at[b];

		t->pairs[i] = pairs[i];
		t->at[N_BYTES + i + 1] = t->at[N_BYTES + i] + len;
		size_t slot = pair_slot(t, pair_key(a, b));
		t->keys[slot] = pair_key(a, b);
		t->values[slot] = (uint32_t)(N_BYTES + i);
	}
	t->bytes = art_alloc(t->at[N_BYTES + n_pairs] + 1, 1);
	for (int i = 0; i < N_BYTES; i++)
		t->bytes[i] = (char)i;
	for (int i = 0; i < n_pairs; i++) {
		char *dst = t->bytes + t->at[N_BYTES + i];
		uint32_t a = pairs[i].a, b = pairs[i].b;
		uint32_t na = t->at[a + 1] - t->at[a], nb = t->at[b + 1] - t->at[b];

		memcpy(dst, t->bytes + t->at[a], na);
		memcpy(dst + na, t->bytes + t->at[b], nb);
	}
	return t;
}

struct tokenizer *tokenizer_new_bytes(void)
{
	return tokenizer_from_pairs(NULL, 0);
}

void tokenizer_close(struct tokenizer *t)
{
	if (!t)
		return;
	free(t->pairs);
	free(t->at);
	free(t->bytes);
	free(t->keys);
	free(t->values);
	free(t);
}

int tokenizer_vocab_size(const struct tokenizer *t)
{
	return N_BYTES + t->n_merges + 1;
}

int tokenizer_bos(const struct tokenizer *t)
{
	return N_BYTES + t->n_merges;
}

int tokenizer_token_bytes(const struct tokenizer *t, int token, const char **p)
{
	ART_BUG_ON(token < 0 || token > tokenizer_bos(t));
	if (token == tokenizer_bos(t)) {
		if (p)
			*p = "";
		return 0;
	}
	if (p)
		*p = t->bytes + t->at[token];
	return (int)(t->at[token + 1] - t->at[token]);
}

static void put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get_u32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Form: magic[8], number of merges u32, then per merge two u32; little-endian. */
void tokenizer_save(const struct tokenizer *t, struct art_buf *b)
{
	size_t n = sizeof(magic) + 4 + 8 * (size_t)t->n_merges;
	unsigned char *p = art_alloc(n, 1);

	memcpy(p, magic, sizeof(magic));
	put_u32(p + 8, (uint32_t)t->n_merges);
	for (int i = 0; i < t->n_merges; i++) {
		put_u32(p + 12 + 8 * (size_t)i, t->pairs[i].a);
		put_u32(p + 16 + 8 * (size_t)i, t->pairs[i].b);
	}
	if (art_buf_add(b, p, n) != ART_OK)
		art_die("tokenizer form of %zu bytes does not fit its buffer", n);
	free(p);
}

enum art_status tokenizer_load(struct tokenizer **out, const void *p, size_t n,
			       struct art_err *err)
{
	const unsigned char *u = p;
	uint32_t *len = NULL;
	struct token_pair *pairs = NULL;
	enum art_status st = ART_OK;

	if (n < 12 || memcmp(u, magic, sizeof(magic)) != 0)
		return art_fail(err, ART_CORRUPT, "not a tokenizer file");
	uint32_t n_merges = get_u32(u + 8);
	if (n_merges > TOKENIZER_VOCAB_MAX - TOKENIZER_VOCAB_MIN ||
	    n != 12 + 8 * (size_t)n_merges)
		return art_fail(err, ART_CORRUPT, "tokenizer says %u merges but has %zu bytes",
				n_merges, n);

	len = art_alloc(N_BYTES + (size_t)n_merges, sizeof(*len));
	pairs = art_alloc((size_t)n_merges + 1, sizeof(*pairs));
	for (int i = 0; i < N_BYTES; i++)
		len[i] = 1;
	for (uint32_t i = 0; i < n_merges; i++) {
		uint32_t a = get_u32(u + 12 + 8 * (size_t)i), b = get_u32(u + 16 + 8 * (size_t)i);

		/* A merge of later tokens, or one that doubles for ever, is no BPE. */
		if (a >= N_BYTES + i || b >= N_BYTES + i ||
		    len[a] + len[b] > TOKENIZER_WORD_MAX) {
			st = art_fail(err, ART_CORRUPT, "tokenizer merge %u (%u, %u) is impossible",
				      i, a, b);
			goto out;
		}
		len[N_BYTES + i] = len[a] + len[b];
		pairs[i] = (struct token_pair){ a, b };
	}
	*out = tokenizer_from_pairs(pairs, (int)n_merges);
out:
	free(len);
	free(pairs);
	return st;
}

static void list_reserve(struct token_list *l, size_t more)
{
	if (l->cap - l->n >= more)
		return;
	size_t cap = l->cap ? l->cap * 2 : 1024;
	if (cap < l->n + more)
		cap = l->n + more;
	l->v = art_grow(l->v, cap, sizeof(*l->v));
	l->cap = cap;
}

static uint32_t merged(const struct tokenizer *t, uint32_t a, uint32_t b)
{
	size_t slot = pair_slot(t, pair_key(a, b));

	return t->keys[slot] == EMPTY ? UINT32_MAX : t->values[slot];
}

/* Merges in the order they were learnt: the lowest merged token first, leftmost when equal. */
static size_t encode_word(const struct tokenizer *t, const unsigned char *p, size_t n,
			  uint32_t *ids)
{
	uint32_t next[TOKENIZER_WORD_MAX]; /* next[i]: what ids[i], ids[i + 1] merge to */

	for (size_t i = 0; i < n; i++)
		ids[i] = p[i];
	for (size_t i = 0; i + 1 < n; i++)
		next[i] = merged(t, ids[i], ids[i + 1]);
	while (n > 1) {
		size_t best = 0;

		for (size_t i = 1; i + 1 < n; i++)
			if (next[i] < next[best])
				best = i;
		if (next[best] == UINT32_MAX)
			break;
		ids[best] = next[best];
		memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof(*ids));
		memmove(next + best, next + best + 1, (n - best - 2) * sizeof(*next));
		n--;
		if (best > 0)
			next[best - 1] = merged(t, ids[best - 1], ids[best]);
		if (best + 1 < n)
			next[best] = merged(t, ids[best], ids[best + 1]);
	}
	return n;
}

void tokenizer_encode(const struct tokenizer *t, const char *text, size_t n,
		      struct token_list *out)
{
	const unsigned char *p = (const unsigned char *)text;

	while (n > 0) {
		size_t len = tokenizer_word(p, n);

		list_reserve(out, TOKENIZER_WORD_MAX);
		out->n += encode_word(t, p, len, out->v + out->n);
		p += len;
		n -= len;
	}
}
