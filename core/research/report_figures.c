/*
 * report_figures.c - figures for people, the same in a report, a table and a status line.
 *
 * Layer: core. Pure; plain ASCII so that any terminal can show them.
 */
#include "core/research/report.h"

#include <math.h>
#include <stdio.h>

const char *figure_bpb(struct opt_f64 v, char buf[FIGURE_TEXT])
{
	if (!v.known)
		return art_copy(buf, FIGURE_TEXT, "-"), buf;
	snprintf(buf, FIGURE_TEXT, "%.4f", v.v);
	return buf;
}

const char *figure_interval(struct opt_f64 lo, struct opt_f64 hi, char buf[FIGURE_TEXT])
{
	if (!lo.known || !hi.known)
		return art_copy(buf, FIGURE_TEXT, "-"), buf;
	snprintf(buf, FIGURE_TEXT, "[%.4f, %.4f]", lo.v, hi.v);
	return buf;
}

const char *figure_duration(double seconds, char buf[FIGURE_TEXT])
{
	long long s;

	if (!(seconds >= 0) || seconds > 1e12)
		return art_copy(buf, FIGURE_TEXT, "-"), buf;
	s = llround(seconds);
	if (seconds < 10 && seconds != floor(seconds))
		snprintf(buf, FIGURE_TEXT, "%.1f s", seconds);
	else if (s < 120)
		snprintf(buf, FIGURE_TEXT, "%lld s", s);
	else if (s < 3600)
		snprintf(buf, FIGURE_TEXT, "%lld min %02lld s", s / 60, s % 60);
	else
		snprintf(buf, FIGURE_TEXT, "%lld h %02lld min", s / 3600, s % 3600 / 60);
	return buf;
}

const char *figure_count(double v, char buf[FIGURE_TEXT])
{
	static const char unit[] = { 0, 'k', 'M', 'G', 'T', 'P' };
	size_t u = 0;

	if (!isfinite(v))
		return art_copy(buf, FIGURE_TEXT, "-"), buf;
	while (fabs(v) >= 999.95 && u + 1 < sizeof(unit)) {
		v /= 1000;
		u++;
	}
	if (u)
		snprintf(buf, FIGURE_TEXT, "%.1f %c", v, unit[u]);
	else
		snprintf(buf, FIGURE_TEXT, "%.0f", v);
	return buf;
}

const char *figure_percent(struct opt_f64 share, char buf[FIGURE_TEXT])
{
	if (!share.known)
		return art_copy(buf, FIGURE_TEXT, "-"), buf;
	snprintf(buf, FIGURE_TEXT, "%.1f %%", share.v * 100);
	return buf;
}
