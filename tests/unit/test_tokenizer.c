/*
 * test_tokenizer.c - byte-level BPE: words, merges, round trip, stored form.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/train/tokenizer.h"

#define SEED 20261122u

static struct tokenizer *trained(const char *text, int vocab)
{
	struct text_span t = { text, strlen(text) };
	struct tokenizer *tok = NULL;

	assert_int_equal(tokenizer_train(&tok, &t, 1, vocab, NULL), ART_OK);
	return tok;
}

static void decode(const struct tokenizer *t, const struct token_list *l, struct art_buf *b)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *p;
		int n = tokenizer_token_bytes(t, (int)l->v[i], &p);

		assert_true(n > 0);
		assert_int_equal(art_buf_add(b, p, (size_t)n), ART_OK);
	}
}

static void assert_round_trip(const struct tokenizer *t, const char *text, size_t n)
{
	struct token_list l = { 0 };
	struct art_buf b;

	art_buf_init(&b, 1 << 24);
	tokenizer_encode(t, text, n, &l);
	decode(t, &l, &b);
	assert_int_equal(b.len, n);
	if (n)
		assert_memory_equal(b.data, text, n);
	art_buf_destroy(&b);
	free(l.v);
}

static const char story[] =
	"the cat and the hat and the bat sat on the mat; they'll say that the rat won't.\n"
	"In 1789 the 13 states, the states of the union, sent 42 men to the union.\n";

static void assert_words(const char *text, const char *const want[])
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text);

	for (int i = 0; want[i]; i++) {
		assert_true(n > 0);
		size_t len = tokenizer_word(p, n);
		assert_int_equal(len, strlen(want[i]));
		assert_memory_equal(p, want[i], len);
		p += len;
		n -= len;
	}
	assert_int_equal(n, 0);
}

static void tokenizer_word_must_cut_like_gpt4(void **state)
{
	(void)state;
	assert_words("Hello world", (const char *const[]){ "Hello", " world", NULL });
	assert_words("they'll don't", (const char *const[]){ "they", "'ll", " don", "'t", NULL });
	assert_words("in 1789.", (const char *const[]){ "in", " ", "17", "89", ".", NULL });
	assert_words("a  b\n\n c", (const char *const[]){ "a", " ", " b", "\n\n", " c", NULL });
	assert_words("x = (y);\n", (const char *const[]){ "x", " =", " (", "y", ");\n", NULL });
	assert_words("\"So", (const char *const[]){ "\"So", NULL });
	assert_words("na\xc3\xafve", (const char *const[]){ "na\xc3\xafve", NULL });
	assert_words("end   ", (const char *const[]){ "end", "   ", NULL });
}

static void tokenizer_word_must_bound_every_word(void **state)
{
	char text[1000];

	(void)state;
	for (const char *c = "a \n.0"; *c; c++) {
		memset(text, *c, sizeof(text));
		size_t n = tokenizer_word((const unsigned char *)text, sizeof(text));
		assert_true(n >= 1 && n <= TOKENIZER_WORD_MAX);
	}
}

static void tokenizer_train_must_merge_the_most_frequent_pair_first(void **state)
{
	struct tokenizer *t = trained("abab abab abab xy", 260);
	const char *p;

	(void)state;
	/* "ab" 6 times; then " ab"?: (ab, ab) 3 times, (' ', ab) twice. */
	assert_int_equal(tokenizer_vocab_size(t), 260);
	assert_int_equal(tokenizer_token_bytes(t, 256, &p), 2);
	assert_memory_equal(p, "ab", 2);
	assert_int_equal(tokenizer_token_bytes(t, 257, &p), 4);
	assert_memory_equal(p, "abab", 4);
	assert_int_equal(tokenizer_token_bytes(t, 258, &p), 5);
	assert_memory_equal(p, " abab", 5);
	tokenizer_close(t);
}

static void tokenizer_train_must_break_ties_by_smaller_tokens(void **state)
{
	struct tokenizer *t = trained("zy zy ba ba", 258);
	const char *p;

	(void)state;
	/* Words "zy", " zy", " ba", " ba": (z y), (blank b) and (b a) occur twice each. */
	assert_int_equal(tokenizer_token_bytes(t, 256, &p), 2);
	assert_memory_equal(p, " b", 2);
	tokenizer_close(t);
}

static void tokenizer_train_must_stop_when_no_pair_repeats(void **state)
{
	struct tokenizer *t = trained("abcdefgh", 5000);

	(void)state;
	assert_int_equal(tokenizer_vocab_size(t), 257);
	tokenizer_close(t);
}

static void tokenizer_train_must_repeat_itself(void **state)
{
	struct tokenizer *a = trained(story, 300), *b = trained(story, 300);
	struct art_buf x, y;

	(void)state;
	art_buf_init(&x, 1 << 20);
	art_buf_init(&y, 1 << 20);
	tokenizer_save(a, &x);
	tokenizer_save(b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	art_buf_destroy(&x);
	art_buf_destroy(&y);
	tokenizer_close(a);
	tokenizer_close(b);
}

static void tokenizer_train_must_refuse_a_bad_vocabulary(void **state)
{
	struct text_span t = { story, strlen(story) };
	struct tokenizer *tok = NULL;

	(void)state;
	assert_int_equal(tokenizer_train(&tok, &t, 1, 256, NULL), ART_INVALID);
	assert_int_equal(tokenizer_train(&tok, &t, 1, TOKENIZER_VOCAB_MAX + 1, NULL), ART_INVALID);
	assert_null(tok);
}

static void tokenizer_encode_must_round_trip_random_bytes(void **state)
{
	struct tokenizer *t = trained(story, 320);
	struct art_rng rng;
	char text[3000];

	(void)state;
	print_message("seed %u\n", SEED);
	art_rng_seed(&rng, SEED);
	for (int round = 0; round < 200; round++) {
		size_t n = (size_t)(art_rng_u64(&rng) % sizeof(text));
		/* Half of the rounds stay near text, so that merges happen. */
		for (size_t i = 0; i < n; i++)
			text[i] = round % 2 ? (char)art_rng_u64(&rng) :
					      story[art_rng_u64(&rng) % (sizeof(story) - 1)];
		assert_round_trip(t, text, n);
	}
	assert_round_trip(t, story, sizeof(story) - 1);
	tokenizer_close(t);
}

static void tokenizer_encode_must_shorten_what_it_learnt(void **state)
{
	struct tokenizer *t = trained(story, 320);
	struct token_list l = { 0 };

	(void)state;
	tokenizer_encode(t, story, sizeof(story) - 1, &l);
	assert_true(l.n < (sizeof(story) - 1) * 2 / 3);
	free(l.v);
	tokenizer_close(t);
}

static void tokenizer_new_bytes_must_map_bytes_to_themselves(void **state)
{
	struct tokenizer *t = tokenizer_new_bytes();
	struct token_list l = { 0 };

	(void)state;
	tokenizer_encode(t, "a\xff", 2, &l);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0], 'a');
	assert_int_equal(l.v[1], 0xff);
	assert_int_equal(tokenizer_vocab_size(t), 257);
	assert_int_equal(tokenizer_bos(t), 256);
	assert_int_equal(tokenizer_token_bytes(t, 256, NULL), 0);
	free(l.v);
	tokenizer_close(t);
}

static void tokenizer_load_must_give_back_what_was_saved(void **state)
{
	struct tokenizer *t = trained(story, 300), *u = NULL;
	struct token_list a = { 0 }, b = { 0 };
	struct art_buf x;

	(void)state;
	art_buf_init(&x, 1 << 20);
	tokenizer_save(t, &x);
	assert_int_equal(tokenizer_load(&u, x.data, x.len, NULL), ART_OK);
	tokenizer_encode(t, story, sizeof(story) - 1, &a);
	tokenizer_encode(u, story, sizeof(story) - 1, &b);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.v, b.v, a.n * sizeof(*a.v));
	free(a.v);
	free(b.v);
	art_buf_destroy(&x);
	tokenizer_close(t);
	tokenizer_close(u);
}

static void assert_refused(const unsigned char *p, size_t n)
{
	struct tokenizer *t = NULL;
	struct art_err err = { 0 };

	assert_int_equal(tokenizer_load(&t, p, n, &err), ART_CORRUPT);
	assert_null(t);
	assert_true(err.text[0] != '\0');
}

static void tokenizer_load_must_refuse_hostile_files(void **state)
{
	unsigned char good[28] = { 'A', 'R', 'T', 'U', 'I', 'B', 'P', '1', 2, 0, 0, 0,
				   'a', 0, 0, 0, 'b', 0, 0, 0, 0, 1, 0, 0, 'c', 0, 0, 0 };
	unsigned char bad[28];
	struct tokenizer *t = NULL;

	(void)state;
	assert_int_equal(tokenizer_load(&t, good, sizeof(good), NULL), ART_OK);
	tokenizer_close(t);
	for (size_t n = 0; n < sizeof(good); n++)
		assert_refused(good, n);
	memcpy(bad, good, sizeof(bad));
	bad[0] = 'B';
	assert_refused(bad, sizeof(bad));
	memcpy(bad, good, sizeof(bad));
	bad[11] = 0xff; /* four billion merges */
	assert_refused(bad, sizeof(bad));
	memcpy(bad, good, sizeof(bad));
	bad[20] = 1; /* merge 1 made of merge 1 */
	assert_refused(bad, sizeof(bad));
}

static void tokenizer_load_must_refuse_tokens_that_double_for_ever(void **state)
{
	unsigned char p[12 + 8 * 40] = { 'A', 'R', 'T', 'U', 'I', 'B', 'P', '1', 40 };

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		unsigned prev = i ? 255 + i : 'a';

		for (int k = 0; k < 2; k++) {
			p[12 + 8 * i + 4 * (unsigned)k] = (unsigned char)prev;
			p[13 + 8 * i + 4 * (unsigned)k] = (unsigned char)(prev >> 8);
		}
	}
	assert_refused(p, sizeof(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokenizer_word_must_cut_like_gpt4),
		cmocka_unit_test(tokenizer_word_must_bound_every_word),
		cmocka_unit_test(tokenizer_train_must_merge_the_most_frequent_pair_first),
		cmocka_unit_test(tokenizer_train_must_break_ties_by_smaller_tokens),
		cmocka_unit_test(tokenizer_train_must_stop_when_no_pair_repeats),
		cmocka_unit_test(tokenizer_train_must_repeat_itself),
		cmocka_unit_test(tokenizer_train_must_refuse_a_bad_vocabulary),
		cmocka_unit_test(tokenizer_encode_must_round_trip_random_bytes),
		cmocka_unit_test(tokenizer_encode_must_shorten_what_it_learnt),
		cmocka_unit_test(tokenizer_new_bytes_must_map_bytes_to_themselves),
		cmocka_unit_test(tokenizer_load_must_give_back_what_was_saved),
		cmocka_unit_test(tokenizer_load_must_refuse_hostile_files),
		cmocka_unit_test(tokenizer_load_must_refuse_tokens_that_double_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
