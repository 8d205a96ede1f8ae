/*
 * knob_space.h - the constants of a recipe as a box of coordinates that a search can move in.
 *
 * Layer: core. Built from knobs.h and the constants that a recipe really has, so it works for the
 * native recipe and for a train.py. Pure functions. Threads: any.
 *
 * A coordinate u lies in [0, 1): linear, logarithmic, or, for whole numbers, powers of two and
 * choices, divided into equal bins. A pair takes two coordinates.
 */
#ifndef CORE_RESEARCH_KNOB_SPACE_H
#define CORE_RESEARCH_KNOB_SPACE_H

#include "store/base.h"
#include "store/experiments.h"
#include "store/knobs.h"
#include "store/recipe.h"

#define SPACE_DIMS_MAX (KNOB_COUNT + 4)
#define SPACE_CHOICES_MAX 12
#define SPACE_VALUE_MAX 64

enum space_scale { SPACE_LINEAR, SPACE_LOG, SPACE_GAP, SPACE_INT, SPACE_POW2, SPACE_CHOICE };

struct space_dim {
	enum knob_id knob;
	int part;               /* of a pair: 0 or 1 */
	enum space_scale scale; /* GAP: 1 - value on a log scale */
	double lo, hi;          /* values; POW2: exponents; CHOICE: 0 and count - 1 */
	int bins;               /* of INT, POW2 and CHOICE */
	char choices[SPACE_CHOICES_MAX][16];
};

struct knob_space {
	struct space_dim d[SPACE_DIMS_MAX];
	int n;
	double base[SPACE_DIMS_MAX];    /* coordinates of the recipe it was built from */
	int64_t total_batch, device_batch; /* of that recipe; 0: no such constant */
	int64_t seq_len;                /* TOTAL_BATCH_SIZE must be a multiple of DEVICE_BATCH_SIZE * this */
};

/*
 * From the constants of @r. @allow: names separated by blanks or commas; "" all. Ranges are those of
 * knobs.h, moved or widened where the recipe's own value lies outside. @seq_len 0: not known; then
 * no batch is made of fewer passes than the recipe's own.
 */
void knob_space_build(struct knob_space *s, const struct recipe *r, const char *allow,
		      int64_t seq_len);

/* Coordinates of a canonical knob list; a knob it lacks keeps the base's. */
void knob_space_read(const struct knob_space *s, const char *knobs, double u[SPACE_DIMS_MAX]);

/* Snap @u to what can be written down (bins, 3 significant digits) and repair the batch sizes. */
void knob_space_settle(const struct knob_space *s, double u[SPACE_DIMS_MAX]);

/* Python text of dimension @i's knob at @u (both parts of a pair). */
void knob_space_text(const struct knob_space *s, int i, const double u[SPACE_DIMS_MAX],
		     char out[SPACE_VALUE_MAX]);

/* @text with every knob whose coordinates in settled @u differ from the base's set. Owns: *out. */
ART_MUST_USE enum art_status knob_space_apply(const struct knob_space *s,
					      const double u[SPACE_DIMS_MAX], const char *text,
					      size_t len, char **out, struct art_err *err);

/*
 * Canonical "NAME=value;" list of the knobs in @r, without SEED, in the order of knobs.h. With
 * @code, also "CODE=<hash>;" of all bytes but the knobs' values: two training programs with equal
 * knobs are not the same experiment.
 */
void knob_list(char out[KNOBS_MAX], const struct recipe *r, const char *text, size_t len, bool code);

/* Is @v a value that @k may have (type, valid range, choices)? @why gets the rule otherwise. */
ART_MUST_USE bool knob_valid(const struct knob *k, const struct recipe_value *v, char *why,
			     size_t why_size);

#endif
