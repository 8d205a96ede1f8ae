/* fmt.c - see fmt.h. */
#include "tui/screen/fmt.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static const struct glyphs utf8_glyphs = {
	.utf8 = true,
	.unknown = "–", .plus_minus = "±", .sigma = "σ", .more = "…",
	.rule = "─", .bar = "│",
	.champion = "★", .kept = "✓", .discarded = "·", .failed = "✗", .live = "●", .idle = "○",
	.waiting = "◌", .reference = "≡", .info = "·", .claimed = "?",
};

static const struct glyphs ascii_glyphs = {
	.utf8 = false,
	.unknown = "-", .plus_minus = "+-", .sigma = "sigma", .more = "~",
	.rule = "-", .bar = "|",
	.champion = "*", .kept = "+", .discarded = ".", .failed = "x", .live = "@", .idle = "o",
	.waiting = ",", .reference = "=", .info = ".", .claimed = "?",
};

static const struct glyphs console_glyphs = {
	.utf8 = true,
	.unknown = "-", .plus_minus = "±", .sigma = "σ", .more = "~",
	.rule = "─", .bar = "│",
	.champion = "*", .kept = "√", .discarded = "·", .failed = "x", .live = "•", .idle = "○",
	.waiting = "°", .reference = "≡", .info = "·", .claimed = "?",
};

const struct glyphs *glyphs_get(enum glyph_set set)
{
	switch (set) {
	case GLYPHS_FULL:
		return &utf8_glyphs;
	case GLYPHS_CONSOLE:
		return &console_glyphs;
	case GLYPHS_ASCII:
		break;
	}
	return &ascii_glyphs;
}

const char *fmt_bpb(const struct glyphs *g, struct opt_f64 v, char buf[FMT_MAX])
{
	if (!v.known || !isfinite(v.v))
		snprintf(buf, FMT_MAX, "%s", g->unknown);
	else if (fabs(v.v) < 1000)
		snprintf(buf, FMT_MAX, "%.4f", v.v);
	else
		snprintf(buf, FMT_MAX, "%.1e", v.v);
	return buf;
}

const char *fmt_half(const struct glyphs *g, struct opt_f64 lo, struct opt_f64 hi, char buf[FMT_MAX])
{
	double half = (hi.v - lo.v) / 2;

	if (!lo.known || !hi.known || !isfinite(half) || half < 0)
		snprintf(buf, FMT_MAX, "%s", g->unknown);
	else if (half < 1000)
		snprintf(buf, FMT_MAX, "%s%.4f", g->plus_minus, half);
	else
		snprintf(buf, FMT_MAX, "%s%.1e", g->plus_minus, half);
	return buf;
}

const char *fmt_count(const struct glyphs *g, struct opt_f64 v, char buf[FMT_MAX])
{
	static const char unit[] = { 'k', 'M', 'G', 'T', 'P' };
	double x = v.v;
	int u = -1;

	if (!v.known || !isfinite(x) || x < 0) {
		snprintf(buf, FMT_MAX, "%s", g->unknown);
		return buf;
	}
	/* 999.5 would round up to four digits: step over at what prints as 1000 */
	while (x >= 999.5 && u + 1 < (int)sizeof(unit)) {
		x /= 1000;
		u++;
	}
	if (u < 0)
		snprintf(buf, FMT_MAX, "%.0f", x);
	else
		snprintf(buf, FMT_MAX, "%.*f%c", x < 9.995 ? 2 : x < 99.95 ? 1 : 0, x, unit[u]);
	return buf;
}

const char *fmt_seconds(const struct glyphs *g, struct opt_f64 s, char buf[FMT_MAX])
{
	int64_t t;

	if (!s.known || !isfinite(s.v) || s.v < 0 || s.v > 3e9) {
		snprintf(buf, FMT_MAX, "%s", g->unknown);
		return buf;
	}
	t = (int64_t)(s.v + 0.5);
	if (t < 120)
		snprintf(buf, FMT_MAX, "%d s", (int)t);
	else if (t < 3600)
		snprintf(buf, FMT_MAX, "%d m", (int)(t / 60));
	else if (t < 48 * 3600 && t / 60 % 60 == 0)
		snprintf(buf, FMT_MAX, "%d h", (int)(t / 3600));
	else if (t < 48 * 3600)
		snprintf(buf, FMT_MAX, "%d h %d m", (int)(t / 3600), (int)(t / 60 % 60));
	else
		snprintf(buf, FMT_MAX, "%d d %d h", (int)(t / 86400), (int)(t / 3600 % 24));
	return buf;
}

static bool local(int64_t at_us, struct tm *tm)
{
	time_t t = (time_t)(at_us / 1000000);

	return at_us > 0 && localtime_r(&t, tm) != NULL;
}

const char *fmt_clock(int64_t at_us, char buf[FMT_MAX])
{
	struct tm tm;

	if (!local(at_us, &tm) || strftime(buf, FMT_MAX, "%H:%M:%S", &tm) == 0)
		snprintf(buf, FMT_MAX, "--:--:--");
	return buf;
}

const char *fmt_date(int64_t at_us, char buf[FMT_MAX])
{
	struct tm tm;

	if (!local(at_us, &tm) || strftime(buf, FMT_MAX, "%d %b %H:%M", &tm) == 0)
		snprintf(buf, FMT_MAX, "-- --- --:--");
	return buf;
}

const char *fmt_age(const struct glyphs *g, int64_t at_us, char buf[FMT_MAX])
{
	int64_t s = (art_now_us() - at_us) / 1000000;

	if (at_us <= 0)
		snprintf(buf, FMT_MAX, "%s", g->unknown);
	else if (s < 120)
		/* clocks of other processes may be a little ahead */
		snprintf(buf, FMT_MAX, "%d s", s > 0 ? (int)s : 0);
	else if (s < 7200)
		snprintf(buf, FMT_MAX, "%d m", (int)(s / 60));
	else if (s < 48 * 3600)
		snprintf(buf, FMT_MAX, "%d h", (int)(s / 3600));
	else
		snprintf(buf, FMT_MAX, "%lld d", (long long)(s / 86400));
	return buf;
}

const char *fmt_chain(const struct glyphs *g, uint64_t chain_id, char buf[FMT_MAX])
{
	static const struct {
		uint64_t id;
		const char *name;
	} known[] = { { 1, "ethereum" }, { 8453, "base" }, { 84532, "base-sepolia" }, { 11155111, "sepolia" } };

	for (size_t i = 0; i < ART_COUNT(known); i++) {
		if (known[i].id == chain_id) {
			snprintf(buf, FMT_MAX, "%s", known[i].name);
			return buf;
		}
	}
	if (chain_id)
		snprintf(buf, FMT_MAX, "chain %llu", (unsigned long long)chain_id);
	else
		snprintf(buf, FMT_MAX, "%s", g->unknown);
	return buf;
}
