/*
 * fuzz_theme.c - a theme of any bytes is refused with its line, or every style in it can be shown.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tui/screen/theme.h"

static void must_be_sound(const struct theme *t)
{
	static const int colours[] = { 8, 16, 256, 1 << 24 };

	for (int r = 0; r < ROLE_COUNT; r++)
		for (size_t i = 0; i < ART_COUNT(colours); i++) {
			int fg = theme_quantise(t->style[r].fg, colours[i]);
			int bg = theme_quantise(t->style[r].bg, colours[i]);
			int top = colours[i] > 256 ? 0xffffff : colours[i] - 1;

			FUZZ_MUST(fg >= -1 && fg <= top && bg >= -1 && bg <= top);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct art_err err = { 0 };
	struct theme t;

	memset(&t, 0xa5, sizeof(t));
	if (theme_parse(&t, (const char *)data, size, "a.theme", &err) != ART_OK) {
		FUZZ_MUST(err.code != ART_OK && strstr(err.text, "a.theme"));
		return 0;
	}
	must_be_sound(&t);
	theme_without_colour(&t);
	must_be_sound(&t);
	for (int r = 0; r < ROLE_COUNT; r++)
		FUZZ_MUST(theme_quantise(t.style[r].fg, 256) == -1 && theme_quantise(t.style[r].bg, 256) == -1);
	return 0;
}
