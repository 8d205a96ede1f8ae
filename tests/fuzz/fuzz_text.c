/*
 * fuzz_text.c - whatever comes in, clean text is bounded, valid, harmless and already clean.
 *
 * The first two bytes choose the room and whether newlines stay; the rest is the text.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void must_be_harmless(const char *s, size_t n, bool newlines)
{
	FUZZ_MUST(strlen(s) == n && art_utf8_valid(s, n, NULL));
	for (size_t i = 0; i < n;) {
		uint32_t c;
		int len = art_utf8_decode(s + i, n - i, &c);

		FUZZ_MUST(len > 0);
		FUZZ_MUST((c >= 0x20 && c < 0x7f) || c >= 0xa0 || (c == '\n' && newlines));
		FUZZ_MUST(c < 0x200b || c > 0x200f);   /* zero width, marks of direction */
		FUZZ_MUST(c < 0x202a || c > 0x202e);   /* bidi embeddings and overrides */
		FUZZ_MUST(c < 0x2066 || c > 0x2069);   /* bidi isolates */
		FUZZ_MUST(c != 0xfeff && (c < 0xe0000 || c > 0xe0fff));
		i += (size_t)len;
	}
}

/* The longest prefix that fits: no wider, on a character's edge, and one character more would not. */
static void must_clip(const char *s, size_t n, int columns)
{
	int used = -1, whole = art_text_columns(s);
	size_t at = art_text_clip(s, columns, &used);
	char *prefix = art_alloc(n + 1, 1);

	FUZZ_MUST(at <= n && used >= 0 && used <= columns && whole >= used);
	FUZZ_MUST(art_utf8_valid(s, at, NULL));
	memcpy(prefix, s, at);
	FUZZ_MUST(art_text_columns(prefix) == used);
	if (at < n) {
		int len = art_utf8_decode(s + at, n - at, NULL);

		FUZZ_MUST(len > 0);
		memcpy(prefix, s, at + (size_t)len);
		FUZZ_MUST(art_text_columns(prefix) > columns);
	} else {
		FUZZ_MUST(used == whole);
	}
	free(prefix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool newlines = size > 1 && data[1] % 2;
	size_t room = size > 1 ? data[0] + 1 : 1, n, again;
	char *dst, *twice, *full;

	if (size < 2)
		return 0;
	if (data[0] > 200)
		room = 4 * size + 16;
	data += 2;
	size -= 2;
	dst = art_alloc(room, 1);
	twice = art_alloc(room, 1);
	n = art_text_clean(dst, room, (const char *)data, size, newlines);
	FUZZ_MUST(n < room);
	must_be_harmless(dst, n, newlines);
	again = art_text_clean(twice, room, dst, n, newlines);
	FUZZ_MUST(again == n && !memcmp(dst, twice, n + 1));
	for (int columns = 0; columns < 9; columns++)
		must_clip(dst, n, columns * columns);
	/* less room only cuts */
	full = art_alloc(4 * size + 16, 1);
	art_text_clean(full, 4 * size + 16, (const char *)data, size, newlines);
	FUZZ_MUST(!strncmp(full, dst, n));
	/* of raw bytes nothing is promised but bounds */
	free(twice);
	twice = art_alloc(size + 1, 1);
	memcpy(twice, data, size);
	FUZZ_MUST(art_text_clip(twice, 10, NULL) <= size);
	free(full);
	free(twice);
	free(dst);
	return 0;
}
