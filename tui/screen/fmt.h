/*
 * fmt.h - numbers and times as a person reads them. Pure; unknown prints as a dash.
 *
 * Layer: tui/screen (store/base.h only). Threads: any. Each returns its @buf.
 */
#ifndef TUI_SCREEN_FMT_H
#define TUI_SCREEN_FMT_H

#include "store/base.h"

#define FMT_MAX 32

/* The few signs beyond ASCII, and their stand-ins: for no UTF-8, and for the Linux console, whose
 * fonts know little more than code page 437. */
enum glyph_set { GLYPHS_ASCII, GLYPHS_FULL, GLYPHS_CONSOLE };
struct glyphs {
	bool utf8;
	const char *unknown, *plus_minus, *sigma, *more;
	const char *rule, *bar;
	const char *champion, *kept, *discarded, *failed, *live, *idle, *waiting, *reference, *info,
		*claimed;
};
const struct glyphs *glyphs_get(enum glyph_set set);

const char *fmt_bpb(const struct glyphs *g, struct opt_f64 v, char buf[FMT_MAX]);  /* "1.3721" */
/* Half of the interval: "±0.0009". */
const char *fmt_half(const struct glyphs *g, struct opt_f64 lo, struct opt_f64 hi, char buf[FMT_MAX]);
const char *fmt_count(const struct glyphs *g, struct opt_f64 v, char buf[FMT_MAX]); /* "950" "12.3k" "4.10M" */
const char *fmt_seconds(const struct glyphs *g, struct opt_f64 s, char buf[FMT_MAX]); /* "45 s" "12 m" "2 h 14 m" "3 d 4 h" */
const char *fmt_clock(int64_t at_us, char buf[FMT_MAX]); /* "22:10:05", local time */
const char *fmt_date(int64_t at_us, char buf[FMT_MAX]);  /* "22 Nov 22:10", local time */
/* How long ago, in one unit: "40 s" "5 m" "3 h" "2 d"; the dash for never. */
const char *fmt_age(const struct glyphs *g, int64_t at_us, char buf[FMT_MAX]);
/* "base-sepolia", else "chain 5"; the dash for 0. */
const char *fmt_chain(const struct glyphs *g, uint64_t chain_id, char buf[FMT_MAX]);

#endif
