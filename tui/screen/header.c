/* header.c - the facts above everything: champion, noise, night, engine, and the trend. Also the
 * workers, which are facts as much. See ui.h. */
#include "tui/screen/ui.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Words of one line with a gap between, as long as they fit whole. */
struct words {
	struct ui *ui;
	struct rect r;
	int row, col;
	bool full;
};

static void word(struct words *w, const char *label, enum theme_role role, const char *value)
{
	int gap = w->col ? 2 : 0, need = art_text_columns(value);

	need += label[0] ? art_text_columns(label) + 1 : 0;
	if (w->full || w->col + gap + need > w->r.cols) {
		w->full = true;
		return;
	}
	w->col += gap;
	if (label[0])
		w->col += draw_text(&w->ui->canvas, w->r, w->row, w->col, ROLE_LABEL, label) + 1;
	w->col += draw_text(&w->ui->canvas, w->r, w->row, w->col, role, value);
}

static void line_champion(struct words *w)
{
	const struct board *b = &w->ui->facts.board;
	const struct glyphs *g = w->ui->g;
	char bpb[FMT_MAX], half[FMT_MAX], all[96], title[TITLE_MAX + 32];
	int left;

	if (!b->has_champion) {
		word(w, "", ROLE_DIM, b->has_class ? "no champion yet: the baseline is being measured"
						   : "no experiment yet: press b to begin a night");
		return;
	}
	draw_cell(&w->ui->canvas, w->r, w->row, 0, ROLE_CHAMPION, g->champion);
	w->r.col += 2;
	w->r.cols -= 2;
	fmt_half(g, b->champion.lo, b->champion.hi, half);
	snprintf(all, sizeof(all), "%s%s%s", fmt_bpb(g, b->champion.val_bpb, bpb),
		 b->champion.lo.known ? " " : "", b->champion.lo.known ? half : "");
	word(w, w->r.cols >= 60 ? b->class.metric : "", ROLE_CHAMPION, all);
	snprintf(all, sizeof(all), "%lld", (long long)b->champion.n);
	word(w, "n", ROLE_VALUE, all);
	snprintf(title, sizeof(title), "#%lld %s", (long long)b->champion.id, b->champion.title);
	left = w->r.cols - w->col - 2;
	if (left >= 12) {
		int need = art_text_columns(title);

		draw_field(&w->ui->canvas, w->r, w->row, w->col + 2, need < left ? need : left,
			   ROLE_VALUE, false, title);
	}
}

static void line_baseline(struct words *w)
{
	const struct board *b = &w->ui->facts.board;
	const struct glyphs *g = w->ui->g;
	char bpb[FMT_MAX], all[96];
	double gain;

	if (!b->has_baseline)
		return;
	word(w, "baseline", ROLE_VALUE, fmt_bpb(g, b->baseline.val_bpb, bpb));
	if (b->has_champion && b->champion.id != b->baseline.id && b->champion.val_bpb.known &&
	    b->baseline.val_bpb.known) {
		gain = b->baseline.val_bpb.v - b->champion.val_bpb.v;
		snprintf(all, sizeof(all), "%.4f (%.1f %%)", gain, 100 * gain / b->baseline.val_bpb.v);
		word(w, "gain", ROLE_GOOD, all);
	}
	if (b->sigma.known) {
		snprintf(all, sizeof(all), "%.4f (%lld df)", b->sigma.v, (long long)b->sigma_df);
		word(w, g->sigma, ROLE_VALUE, all);
	}
}

static void line_rounds(struct words *w)
{
	const struct board *b = &w->ui->facts.board;
	char text[96];

	if (!b->has_class)
		return;
	if (b->has_night && b->night.rounds > 0)
		snprintf(text, sizeof(text), "%lld of %lld", (long long)b->night.judged,
			 (long long)b->night.rounds);
	else
		snprintf(text, sizeof(text), "%lld", (long long)b->judged);
	word(w, "judged", ROLE_VALUE, text);
	/* what chance alone would have had us keep stands beside what was kept */
	snprintf(text, sizeof(text), "%lld (%.2f by chance)", (long long)b->kept,
		 b->expected_false_keeps);
	word(w, "kept", b->kept ? ROLE_GOOD : ROLE_VALUE, text);
	snprintf(text, sizeof(text), "%lld", (long long)b->failed);
	word(w, "failed", b->failed ? ROLE_WARN : ROLE_VALUE, text);
}

static void devices_text(const struct ui *ui, char out[64])
{
	int busy = 0, idle = 0;

	for (size_t i = 0; i < ui->facts.devices.n; i++) {
		busy += !strcmp(ui->facts.devices.rows[i].state, "busy");
		idle += !strcmp(ui->facts.devices.rows[i].state, "idle");
	}
	snprintf(out, 64, "%d busy, %d idle", busy, idle);
}

static void line_night(struct words *w)
{
	const struct facts *f = &w->ui->facts;
	const struct night_row *n = &f->board.night;
	char text[96], took[FMT_MAX], limit[FMT_MAX], label[32];
	int64_t until;

	if (f->board.has_night) {
		until = n->ended_at ? n->ended_at : art_now_us();
		fmt_seconds(w->ui->g, OPT_F64((double)(until - n->started_at) / 1e6), took);
		snprintf(label, sizeof(label), "night %lld", (long long)n->id);
		if (n->ended_at)
			snprintf(text, sizeof(text), "ended, %s", took);
		else if (!ui_night_runs(w->ui))
			snprintf(text, sizeof(text), "open, to be resumed");
		else if (n->hours > 0)
			snprintf(text, sizeof(text), "%s of %s", took,
				 fmt_seconds(w->ui->g, OPT_F64(n->hours * 3600), limit));
		else
			snprintf(text, sizeof(text), "%s", took);
		word(w, label, ROLE_VALUE, text);
		if (f->board.busy_share.known) {
			snprintf(text, sizeof(text), "%.0f %%", 100 * f->board.busy_share.v);
			word(w, "busy", ROLE_VALUE, text);
		}
	}
	if (f->devices.n == 0)
		return;
	devices_text(w->ui, text);
	word(w, "devices", ROLE_VALUE, text);
}

/* What the engine does now, with a sign and a word. */
static enum theme_role engine_text(const struct ui *ui, bool long_text, char *out, size_t size)
{
	const struct facts *f = &ui->facts;

	if (!f->engine_alive) {
		snprintf(out, size, "%s %s", ui->g->idle,
			 f->engine.state[0] ? "engine not running" : "no engine");
		return ROLE_DIM;
	}
	if (long_text && f->engine.doing[0])
		snprintf(out, size, "%s %s", !strcmp(f->engine.state, "idle") ? ui->g->idle : ui->g->live,
			 f->engine.doing);
	else
		snprintf(out, size, "%s %s", !strcmp(f->engine.state, "idle") ? ui->g->idle : ui->g->live,
			 f->engine.state);
	if (!strcmp(f->engine.state, "running"))
		return ROLE_LIVE;
	return !strcmp(f->engine.state, "idle") ? ROLE_DIM : ROLE_WARN;
}

static void line_class(struct words *w)
{
	char text[256];

	if (!w->ui->facts.board.has_class)
		return;
	class_text(&w->ui->facts.board.class, text, sizeof(text));
	draw_field(&w->ui->canvas, w->r, w->row, 0, w->r.cols, ROLE_DIM, false, text);
}

static void line_engine(struct words *w)
{
	char text[224];
	enum theme_role role = engine_text(w->ui, true, text, sizeof(text));

	draw_field(&w->ui->canvas, w->r, w->row, 0, w->r.cols, role, false, text);
}

static void trend_draw(struct ui *ui, struct rect r)
{
	struct chart_point p[TREND_MAX];
	struct chart_series s = { .p = p, .n = ui->facts.n_trend, .role = ROLE_CHART, .stairs = true };
	struct chart ch = { .style = ui->chart_style, .series = &s, .n_series = 1, .decimals = 4 };

	if (ui->facts.n_trend == 0)
		return;
	if (ui->facts.n_trend == 1) {
		draw_text(&ui->canvas, r, r.rows / 2, 2, ROLE_DIM, "nothing kept yet");
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		p[i].x = (double)i;
		p[i].y = ui->facts.trend[i].val_bpb;
	}
	if (r.rows >= 7) {
		ch.x_lo_label = "baseline";
		ch.x_hi_label = "champion";
	}
	ch.x_lo = 0;
	ch.x_hi = (double)s.n; /* the last champion gets a stair of its own */
	chart_draw(&ui->canvas, r, &ch);
}

typedef void (*line_fn)(struct words *w);

void header_draw(struct ui *ui, struct rect header, struct rect trend)
{
	static const line_fn tall[] = { line_champion, line_baseline, line_rounds, line_night,
					line_engine, line_class };
	static const line_fn low[] = { line_champion, line_rounds, line_engine };
	const line_fn *lines = header.rows >= 5 ? tall : low;
	int n = header.rows >= 5 ? (int)ART_COUNT(tall) : (int)ART_COUNT(low);
	int pad = header.rows > n ? 1 : 0;

	header.col++;
	header.cols -= 1;
	for (int i = 0; i < n && i < header.rows; i++) {
		struct words w = { .ui = ui, .r = header, .row = i + pad };

		lines[i](&w);
	}
	if (!rect_empty(trend))
		trend_draw(ui, trend);
}

void header_draw_line(struct ui *ui, struct rect r)
{
	struct words w = { .ui = ui, .r = { r.row, r.col + 1, r.rows, r.cols - 1 } };
	char text[224];
	enum theme_role role;
	int n;

	role = engine_text(ui, r.cols >= 100, text, sizeof(text));
	n = art_text_columns(text);
	n = n > r.cols / 2 ? r.cols / 2 : n;
	w.r.cols -= n + 2;
	line_champion(&w);
	draw_field(&ui->canvas, r, 0, r.cols - n - 1, n, role, false, text);
}

int workers_rows(const struct ui *ui)
{
	return (ui->facts.devices.n > 0 ? (int)ui->facts.devices.n : 1) + 1;
}

/* The market in one line. */
static void market_text(const struct ui *ui, char *out, size_t size)
{
	const struct worker_counts *m = &ui->facts.market;
	char price[MONEY_TEXT];

	if (m->known == 0)
		snprintf(out, size, "market: no worker known; 7 shows it");
	else if (m->priced)
		snprintf(out, size, "market: %lld of %lld alive, from %s USDC", (long long)m->alive,
			 (long long)m->known, usdc_text(m->cheapest, price));
	else
		snprintf(out, size, "market: %lld of %lld alive", (long long)m->alive,
			 (long long)m->known);
}

static void draw_device(struct ui *ui, struct rect r, int row, const struct device_row *dev, bool roomy)
{
	bool busy = !strcmp(dev->state, "busy");
	char rate[FMT_MAX];
	int x = 0;

	x += draw_text(&ui->canvas, r, row, 0, busy ? ROLE_LIVE : ROLE_DIM, busy ? ui->g->live : ui->g->idle) + 1;
	x += draw_field(&ui->canvas, r, row, x, 12, ROLE_TEXT, false, dev->name) + 1;
	x += draw_field(&ui->canvas, r, row, x, 6, busy ? ROLE_LIVE : ROLE_DIM, false, dev->state) + 1;
	x += draw_field(&ui->canvas, r, row, x, 6, ROLE_VALUE, true, fmt_count(ui->g, dev->tokens_per_s, rate)) + 1;
	x += draw_text(&ui->canvas, r, row, x, ROLE_LABEL, "tok/s") + 2;
	x += draw_text(&ui->canvas, r, row, x, ROLE_GOOD, "own") + 2;
	if (roomy)
		draw_field(&ui->canvas, r, row + 1, 2, r.cols - 2, ROLE_DIM, false, dev->detail);
	else if (x + 8 < r.cols)
		draw_field(&ui->canvas, r, row, x, r.cols - x, ROLE_DIM, false, dev->detail);
}

/* The devices here, then the market: of that one line always shows, and devices give way. */
void workers_draw(struct ui *ui, struct rect r)
{
	const struct device_list *d = &ui->facts.devices;
	bool roomy = r.rows > 2 * (int)d->n + 2 && r.cols < 60;
	int row = 1, step = roomy ? 2 : 1;
	char text[96], note[32] = "";

	if (r.rows < 2)
		return;
	if (1 + step * (int)d->n > r.rows - 1)
		snprintf(note, sizeof(note), "%zu devices", d->n);
	draw_heading(&ui->canvas, r, 0, "Workers", note[0] ? note : NULL);
	for (size_t i = 0; i < d->n && row < r.rows - 1; i++, row += step)
		draw_device(ui, r, row, &d->rows[i], roomy);
	if (d->n == 0 && row < r.rows - 1)
		draw_text(&ui->canvas, r, row++, 2, ROLE_DIM, "no device seen: none until an engine has run");
	market_text(ui, text, sizeof(text));
	draw_field(&ui->canvas, r, row, 2, r.cols - 2, ROLE_DIM, false, text);
}
