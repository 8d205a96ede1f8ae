/*
 * recipe.h - find and change the constants of a recipe without disturbing a byte beside them.
 *
 * Layer: store (pure text; no knowledge of what a knob means: that is knobs.h).
 * A recipe is text whose top-level lines of the form NAME = value name its constants
 * (upper-case ASCII letters, digits, underscore; column 0). karpathy/autoresearch's train.py
 * is one; so is the native recipe.py. Strings, triple-quoted strings, brackets and comments are
 * skipped as Python would, so that NAME = inside a docstring or a call is not a constant.
 * Values understood: integers (also 2**19, 0x.., 1_000), reals, "text" or 'text', tuples or
 * lists of numbers, True/False (INT 1 and 0); products of integers ("64 * 1024"). Anything else
 * (None too) is RECIPE_OTHER and kept verbatim.
 */
#ifndef STORE_RECIPE_H
#define STORE_RECIPE_H

#include "store/base.h"

#define RECIPE_MAX_BYTES (1u << 20)
#define RECIPE_MAX_CONSTANTS 256
#define RECIPE_NAME_MAX 64
#define RECIPE_TEXT_MAX 128
#define RECIPE_PARTS_MAX 8

enum recipe_type { RECIPE_INT, RECIPE_REAL, RECIPE_STRING, RECIPE_TUPLE, RECIPE_OTHER };

struct recipe_value {
	enum recipe_type type;
	double num;                       /* INT (exact below 2^53), REAL */
	char text[RECIPE_TEXT_MAX];       /* STRING: the content; OTHER: source text, clipped */
	int n_parts;                      /* TUPLE */
	double parts[RECIPE_PARTS_MAX];
};

struct recipe_constant {
	char name[RECIPE_NAME_MAX];
	int line;                         /* 1-based */
	size_t value_at, value_len;       /* byte span of the value, without the comment */
	struct recipe_value value;
};

/* The constants in order; a name assigned twice keeps its last assignment. */
struct recipe {
	struct recipe_constant c[RECIPE_MAX_CONSTANTS];
	int n;
};

/* Errors: INVALID with the line number (bad UTF-8, unterminated string or bracket, no value), LIMIT. */
ART_MUST_USE enum art_status recipe_parse(struct recipe *out, const char *text, size_t len,
					  struct art_err *err);
const struct recipe_constant *recipe_find(const struct recipe *r, const char *name);

/* The same text with @name's value replaced by @value (Python source); all other bytes as they
 * were. Owns: *out, caller frees. Errors: NOT_FOUND when the name is no constant, INVALID when
 * @value is not one value (a line break, a comment, a loose bracket), LIMIT. */
ART_MUST_USE enum art_status recipe_set(const char *text, size_t len, const char *name,
					const char *value, char **out, struct art_err *err);

/* One line a changed, added or removed constant: "MATRIX_LR: 0.04 -> 0.06\n",
 * "(absent)" on the side that lacks it; by value, so 2**19 equals 524288. @b is appended to; both
 * diffs end early, after a whole line, when it is full. */
void recipe_diff_knobs(struct art_buf *b, const struct recipe *from, const char *from_text,
		       const struct recipe *to, const char *to_text);
/* Unified diff (3 lines of context) of two texts, by lines; empty when equal. Lines are
 * as in the files: clean them before a screen. */
void recipe_diff_text(struct art_buf *b, const char *from, const char *to, const char *from_name,
		      const char *to_name);

/* The native trainer's default recipe, with a comment per constant from knobs.h. Owns: caller frees. */
char *recipe_native_default(void);

#endif
