/*
 * tokenizer.h - byte-level BPE: train, save, load, encode, decode.
 *
 * Layer: worker/train. Threads: a struct tokenizer is read-only after it is made.
 *
 * Tokens 0..255 are the bytes, 256 + i is merge i, the last one is <bos> (it stands for no
 * bytes). Text is first cut into words by a hand-written scanner of GPT-4's kind (letters with
 * one leading space or sign, at most two digits, punctuation, white space; bytes above 127 count
 * as letters); merges never cross a word. Any bytes encode, and decode to the same bytes.
 */
#ifndef TRAIN_TOKENIZER_H
#define TRAIN_TOKENIZER_H

#include "store/base.h"

#define TOKENIZER_VOCAB_MIN 257          /* bytes and <bos> */
#define TOKENIZER_VOCAB_MAX (1 << 18)
#define TOKENIZER_WORD_MAX 128           /* bytes; longer words are cut, so tokens are at most this */

struct tokenizer;

struct text_span {
	const char *p;
	size_t n;
};

/* A growing list of tokens; zero-initialise, free(v) to destroy. */
struct token_list {
	uint32_t *v;
	size_t n, cap;
};

/* No merges: vocabulary 257. */
struct tokenizer *tokenizer_new_bytes(void);
/*
 * Learn merges from @texts until the vocabulary has @vocab_size tokens or no pair occurs twice.
 * The same texts give the same merges everywhere: the most frequent pair first, the smaller
 * token numbers when equal. Errors: INVALID (vocab_size outside the limits).
 */
ART_MUST_USE enum art_status tokenizer_train(struct tokenizer **out, const struct text_span *texts,
					     size_t n_texts, int vocab_size, struct art_err *err);
/* The stored form; tokenizer_load refuses anything that is not exactly such a form (CORRUPT). */
void tokenizer_save(const struct tokenizer *t, struct art_buf *b);
ART_MUST_USE enum art_status tokenizer_load(struct tokenizer **out, const void *p, size_t n,
					    struct art_err *err);
void tokenizer_close(struct tokenizer *t); /* NULL is fine */

int tokenizer_vocab_size(const struct tokenizer *t);
int tokenizer_bos(const struct tokenizer *t);
/* Bytes of @token (0 for <bos>); *p, when wanted, points at them until close. */
int tokenizer_token_bytes(const struct tokenizer *t, int token, const char **p);

/* Append the tokens of @text, without <bos>. */
void tokenizer_encode(const struct tokenizer *t, const char *text, size_t n,
		      struct token_list *out);

/* Length of the word at the start of @p, 1..TOKENIZER_WORD_MAX; @n > 0. */
size_t tokenizer_word(const unsigned char *p, size_t n);

/* For tokenizer_train.c: build from pairs already known to be good. */
struct token_pair {
	uint32_t a, b;
};
struct tokenizer *tokenizer_from_pairs(const struct token_pair *pairs, int n_pairs);

#endif
