/*
 * report_svg.c - the night as one self-contained SVG: every experiment, the champion, references.
 *
 * Layer: core. No scripts, no fonts or files from elsewhere; colours follow the reader's light or
 * dark preference; verdicts differ by shape as well as by colour.
 */
#include "core/research/report_gather.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define W 960
#define H 460
#define LEFT 72
#define RIGHT 190
#define TOP 64
#define BOTTOM 52
#define STEPS_MAX 4096
#define LABEL_GAP 13.0

struct frame {
	struct report_range range;
	int64_t from, to;
};

static double px(const struct frame *f, int64_t at)
{
	double share = (double)(at - f->from) / (double)(f->to - f->from);

	return LEFT + fmin(fmax(share, 0), 1) * (W - LEFT - RIGHT);
}

static double py(const struct frame *f, double v)
{
	double share = (f->range.hi - v) / (f->range.hi - f->range.lo);

	return TOP + fmin(fmax(share, 0), 1) * (H - TOP - BOTTOM);
}

static void put_xml(struct art_buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			art_buf_put(b, "&amp;");
		else if (*s == '<')
			art_buf_put(b, "&lt;");
		else if (*s == '>')
			art_buf_put(b, "&gt;");
		else if (*s == '"')
			art_buf_put(b, "&quot;");
		else
			art_buf_putf(b, "%c", *s);
	}
}

static const char style[] =
	"<style>\n"
	"text{font:12px system-ui,sans-serif;fill:#333}\n"
	".t{font-size:17px;font-weight:600}.g{stroke:#888;stroke-opacity:.3;stroke-width:1}\n"
	".r{stroke:#946300;stroke-width:1;stroke-dasharray:5 4}.rt{fill:#946300}\n"
	".c{stroke:#0a7d38;stroke-width:2.5;fill:none}\n"
	".k{fill:#0a7d38}.b{fill:#1f5fbf}.d{fill:#777}.p{fill:none;stroke:#777;stroke-width:1.5}\n"
	"@media(prefers-color-scheme:dark){text{fill:#ddd}.r{stroke:#e0b050}.rt{fill:#e0b050}"
	".c{stroke:#4fce7f}.k{fill:#4fce7f}.b{fill:#78aaff}.d{fill:#aaa}.p{stroke:#aaa}}\n"
	"</style>\n";

/* A step of 1, 2 or 5 times a power of ten that gives about @n parts. */
static double nice_step(double span, int n)
{
	double raw = span / n, mag = pow(10, floor(log10(raw))), m = raw / mag;

	return mag * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void put_axes(const struct frame *f, struct art_buf *b)
{
	double step = nice_step(f->range.hi - f->range.lo, 6);
	double hours = (double)(f->to - f->from) / 3.6e9;
	bool minutes = hours < 3;
	double span = minutes ? hours * 60 : hours, tstep = nice_step(span, 8);
	int digits = step >= 0.1 ? 1 : step >= 0.01 ? 2 : step >= 0.001 ? 3 : 4;

	for (double v = ceil(f->range.lo / step) * step; v <= f->range.hi; v += step)
		art_buf_putf(b, "<line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			     "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n", LEFT,
			     W - RIGHT, py(f, v), py(f, v), LEFT - 8, py(f, v) + 4, digits, v);
	for (double t = 0; t <= span * 1.0001; t += tstep) {
		double x = LEFT + t / span * (W - LEFT - RIGHT);

		art_buf_putf(b, "<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
			     "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x, x,
			     H - BOTTOM, H - BOTTOM + 5, x, H - BOTTOM + 20, t);
	}
	art_buf_putf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s since the start</text>\n"
		     "<text x=\"%d\" y=\"%d\">val_bpb</text>\n", (LEFT + W - RIGHT) / 2, H - 14,
		     minutes ? "minutes" : "hours", LEFT - 56, TOP - 8);
}

static void put_references(const struct report *r, const struct frame *f, struct art_buf *b)
{
	double last = -1e9;

	/* Rows come best first: from the bottom of the chart upward; labels keep apart. */
	for (size_t i = r->references.n; i > 0; i--) {
		const struct reference_row *row = &r->references.rows[i - 1];
		double y = py(f, row->val_bpb), label;

		if (!report_in_range(f->range, row->val_bpb))
			continue;
		label = y < last + LABEL_GAP ? last + LABEL_GAP : y;
		last = label;
		art_buf_putf(b, "<line class=\"r\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
			     "<text class=\"rt\" x=\"%d\" y=\"%.1f\">%.3f ", LEFT, W - RIGHT, y, y,
			     W - RIGHT + 8, label + 4, row->val_bpb);
		put_xml(b, row->name);
		art_buf_put(b, "</text>\n");
	}
}

static void put_champion(const struct report *r, const struct frame *f, struct art_buf *b)
{
	struct report_step *steps = art_alloc(STEPS_MAX, sizeof(*steps));
	size_t n = report_steps(r, steps, STEPS_MAX);

	if (n) {
		art_buf_put(b, "<path class=\"c\" d=\"");
		for (size_t i = 0; i < n; i++)
			art_buf_putf(b, i ? "H%.1fV%.1f" : "M%.1f %.1f", px(f, steps[i].at),
				     py(f, steps[i].val_bpb));
		art_buf_putf(b, "H%d\"/>\n", W - RIGHT);
	}
	free(steps);
}

static void put_point(const struct report *r, size_t i, const struct frame *f, struct art_buf *b)
{
	const struct experiment_row *e = &r->all.rows[i];
	double x = px(f, report_when(r, i)), y = py(f, e->val_bpb.v);
	char v[FIGURE_TEXT];

	art_buf_put(b, "<g><title>#");
	art_buf_putf(b, "%lld ", (long long)e->id);
	put_xml(b, e->title);
	art_buf_putf(b, ": %s, n=%lld, %s</title>", figure_bpb(e->val_bpb, v), (long long)e->n,
		     verdict_text(e->verdict));
	if (e->val_bpb.v > f->range.hi)
		art_buf_putf(b, "<path class=\"d\" d=\"M%.1f %.1fl4 7h-8z\"/>", x, y - 3);
	else if (e->verdict == VERDICT_KEPT)
		art_buf_putf(b, "<path class=\"k\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"/>", x, y - 6);
	else if (e->verdict == VERDICT_BASELINE)
		art_buf_putf(b, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\"/>",
			     x - 4.5, y - 4.5);
	else
		art_buf_putf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"/>",
			     e->verdict == VERDICT_PENDING ? "p" : "d", x, y);
	art_buf_put(b, "</g>\n");
}

static void put_legend(struct art_buf *b)
{
	int y = TOP - 16, x = W - RIGHT - 330;

	art_buf_putf(b, "<rect class=\"b\" x=\"%d\" y=\"%d\" width=\"9\" height=\"9\"/>"
		     "<text x=\"%d\" y=\"%d\">baseline</text>", x, y - 9, x + 14, y);
	art_buf_putf(b, "<path class=\"k\" d=\"M%d %dl6 6l-6 6l-6 -6z\"/>"
		     "<text x=\"%d\" y=\"%d\">kept</text>", x + 88, y - 10, x + 98, y);
	art_buf_putf(b, "<circle class=\"d\" cx=\"%d\" cy=\"%d\" r=\"3.2\"/>"
		     "<text x=\"%d\" y=\"%d\">not kept</text>", x + 144, y - 4, x + 152, y);
	art_buf_putf(b, "<path class=\"c\" d=\"M%d %dh20\"/><text x=\"%d\" y=\"%d\">champion</text>\n",
		     x + 220, y - 4, x + 246, y);
}

static void put_title(const struct report *r, struct art_buf *b)
{
	const struct board *d = &r->board;
	char class[512], v[FIGURE_TEXT], g[FIGURE_TEXT];

	art_buf_putf(b, "<text class=\"t\" x=\"%d\" y=\"24\">", 16);
	if (d->has_champion && r->gain.known)
		art_buf_putf(b, "Night %lld: champion #%lld at %s, %s below the baseline",
			     (long long)r->night.id, (long long)d->champion.id,
			     figure_bpb(d->champion.val_bpb, v), figure_bpb(r->gain, g));
	else if (d->has_champion)
		art_buf_putf(b, "Night %lld: the baseline stands at %s", (long long)r->night.id,
			     figure_bpb(d->champion.val_bpb, v));
	else
		art_buf_putf(b, "Night %lld: no number yet", (long long)r->night.id);
	art_buf_put(b, "</text>\n");
	if (r->has_class) {
		art_buf_put(b, "<text x=\"16\" y=\"42\" style=\"font-size:10px\">");
		put_xml(b, class_text(&r->class, class, sizeof(class)));
		art_buf_put(b, "</text>\n");
	}
}

void report_put_svg(const struct report *r, struct art_buf *b)
{
	struct frame f = { .range = report_range(r), .from = r->night.started_at };

	f.to = r->night.ended_at ? r->night.ended_at : r->made_at;
	if (f.to <= f.from)
		f.to = f.from + 1;
	art_buf_putf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		     "viewBox=\"0 0 %d %d\" role=\"img\">\n<title>artui: night %lld</title>\n", W, H,
		     W, H, (long long)r->night.id);
	art_buf_put(b, style);
	put_title(r, b);
	if (f.range.known) {
		put_legend(b);
		put_axes(&f, b);
		put_references(r, &f, b);
		put_champion(r, &f, b);
		for (size_t i = 0; i < r->all.n; i++)
			if (r->all.rows[i].val_bpb.known)
				put_point(r, i, &f, b);
	}
	art_buf_put(b, "</svg>\n");
}
