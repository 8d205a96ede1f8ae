/*
 * fuzz_tokenizer.c - a stored tokenizer is refused, or it is exactly what saving it writes, and
 * any bytes encode to tokens that decode to them.
 *
 * The input is first tried as a stored tokenizer, then encoded: by itself when it is one, else by the
 * byte-level tokenizer and by one learnt from it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/train/tokenizer.h"

static void must_round_trip(const struct tokenizer *t, const uint8_t *data, size_t size)
{
	struct token_list list = { 0 };
	size_t at = 0;

	tokenizer_encode(t, (const char *)data, size, &list);
	for (size_t i = 0; i < list.n; i++) {
		const char *p = NULL;
		int n;

		FUZZ_MUST(list.v[i] < (uint32_t)tokenizer_bos(t));
		n = tokenizer_token_bytes(t, (int)list.v[i], &p);
		FUZZ_MUST(n > 0 && n <= TOKENIZER_WORD_MAX && (size_t)n <= size - at);
		FUZZ_MUST(!memcmp(p, data + at, (size_t)n));
		at += (size_t)n;
	}
	FUZZ_MUST(at == size);
	free(list.v);
}

static void must_train(const uint8_t *data, size_t size)
{
	struct text_span spans[2] = { { (const char *)data, size / 2 },
				      { (const char *)data + size / 2, size - size / 2 } };
	struct tokenizer *t = NULL, *again = NULL;
	struct art_err err = { 0 };
	struct art_buf b;

	FUZZ_MUST(tokenizer_train(&t, spans, 2, TOKENIZER_VOCAB_MIN + 20, &err) == ART_OK);
	must_round_trip(t, data, size);
	art_buf_init(&b, 1 << 20);
	tokenizer_save(t, &b);
	FUZZ_MUST(tokenizer_load(&again, b.data, b.len, &err) == ART_OK);
	FUZZ_MUST(tokenizer_vocab_size(again) == tokenizer_vocab_size(t));
	art_buf_destroy(&b);
	tokenizer_close(again);
	tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tokenizer *t = NULL;
	struct art_err err = { 0 };
	struct art_buf b;

	if (tokenizer_load(&t, data, size, &err) == ART_OK) {
		art_buf_init(&b, size + 64);
		tokenizer_save(t, &b);
		FUZZ_MUST(b.len == size && !memcmp(b.data, data, size));
		art_buf_destroy(&b);
	} else {
		FUZZ_MUST(err.code == ART_CORRUPT && err.text[0]);
		t = tokenizer_new_bytes();
	}
	must_round_trip(t, data, size);
	tokenizer_close(t);
	for (size_t at = 0, n; at < size; at += n) {
		n = tokenizer_word(data + at, size - at);
		FUZZ_MUST(n >= 1 && n <= size - at && n <= TOKENIZER_WORD_MAX);
	}
	if (size <= 512)
		must_train(data, size);
	return 0;
}
