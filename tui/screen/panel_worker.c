/*
 * panel_worker.c - the selling side: is anything sold here, on which devices, what is in the queue, what
 * runs now and what came in. See ui.h.
 *
 * One list of lines with a cursor: the switches mean the device under it, else the whole worker; the curve
 * is that of the order under it, else of what runs. The worker is a process of its own: what is shown is
 * its rows, and the switches are rows that it obeys.
 */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#include "store/sales.h"
#include "tui/screen/wish.h"

#define ORDERS_MAX 100 /* newest so many that ended, and as many that did not */
#define DAYS_MAX 31
#define DEVICES_MAX 64
#define DAY_S 86400.0
#define FACT_TEXT 256

enum line_kind { LINE_FACT, LINE_HEADING, LINE_DEVICE, LINE_ORDER_HEAD, LINE_OPEN, LINE_ENDED, LINE_DAY_HEAD, LINE_DAY };
struct line_entry {
	enum line_kind kind;
	size_t index;          /* into devices, open or ended orders, days */
	enum theme_role role;  /* of a fact */
	const char *label;     /* of a fact or a heading */
	char text[FACT_TEXT];  /* of a fact */
};
#define LINES_MAX (24 + DEVICES_MAX + 2 * ORDERS_MAX + DAYS_MAX)

struct selling {
	struct list list;
	struct line_entry *lines;
	size_t n;
	bool loaded, lives;
	struct serve_row serve;
	struct device_row devices[DEVICES_MAX];
	enum serve_switch whole, of_device[DEVICES_MAX];
	size_t n_devices;
	struct order_list open, ended;
	struct sale_days days;
	int64_t curve_of;      /* order they were read for, 0 none */
	struct order_row curve_order;
	struct order_points points;
};

enum { O_MARK, O_STATE, O_ID, O_DEVICE, O_PAYER, O_AGE, O_BPB, O_COUNT };
static const struct column order_columns[O_COUNT] = {
	[O_MARK] = { .title = "", .width = 1, .sort = -1 },
	[O_STATE] = { .title = "state", .width = 9, .sort = -1 },
	[O_ID] = { .title = "order", .width = 14, .flexible = true, .sort = -1 },
	[O_DEVICE] = { .title = "device", .width = 12, .priority = 2, .sort = -1 },
	[O_PAYER] = { .title = "payer", .width = 13, .priority = 3, .sort = -1 },
	[O_AGE] = { .title = "ago", .width = 5, .right = true, .sort = -1 },
	[O_BPB] = { .title = "val_bpb", .width = 8, .priority = 1, .right = true, .sort = -1 },
};

enum { D_DAY, D_EARNED, D_SETTLED, D_UNPAID, D_RELEASED, D_BUSY, D_SHARE, D_COUNT };
static const struct column day_columns[D_COUNT] = {
	[D_DAY] = { .title = "day (UTC)", .width = 10, .sort = -1 },
	[D_EARNED] = { .title = "USDC", .width = 8, .right = true, .sort = -1 },
	[D_SETTLED] = { .title = "paid", .width = 4, .right = true, .sort = -1 },
	[D_UNPAID] = { .title = "unpaid", .width = 6, .priority = 2, .right = true, .sort = -1 },
	[D_RELEASED] = { .title = "released", .width = 8, .priority = 3, .right = true, .sort = -1 },
	[D_BUSY] = { .title = "busy", .width = 8, .priority = 1, .right = true, .sort = -1 },
	[D_SHARE] = { .title = "share", .width = 5, .right = true, .sort = -1 },
};

static void *worker_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct selling));
}

static void worker_close(void *data)
{
	struct selling *s = data;

	order_list_destroy(&s->open);
	order_list_destroy(&s->ended);
	sale_days_destroy(&s->days);
	order_points_destroy(&s->points);
	free(s->lines);
	free(s);
}

static int visible(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - 1;

	return rows > 1 ? rows : 1;
}

/* ---- querying ------------------------------------------------------------------------------------- */

static enum art_status read_switches(struct ui *ui, struct selling *s, struct art_err *err)
{
	enum art_status rc = serve_get(ui->st, &s->serve, err);

	if (rc == ART_OK)
		rc = serve_switch_get(ui->st, "", &s->whole, err);
	s->n_devices = 0;
	for (size_t i = 0; i < ui->facts.devices.n && i < DEVICES_MAX && rc == ART_OK; i++) {
		s->devices[i] = ui->facts.devices.rows[i];
		rc = serve_switch_get(ui->st, s->devices[i].name, &s->of_device[i], err);
		s->n_devices += rc == ART_OK;
	}
	s->lives = rc == ART_OK && ui_process_lives(s->serve.pid);
	return rc;
}

#define OPEN_STATES (1u << ORDER_HELD | 1u << ORDER_QUEUED | 1u << ORDER_RUNNING)

static enum art_status read_orders(struct ui *ui, unsigned states, struct order_list *out,
				   struct art_err *err)
{
	struct order_query q = { .states = states, .limit = ORDERS_MAX };
	struct order_list got = { 0 };
	enum art_status rc = order_query(ui->st, &q, &got, err);

	if (rc != ART_OK) {
		order_list_destroy(&got);
		return rc;
	}
	order_list_destroy(out);
	*out = got;
	return ART_OK;
}

static enum art_status read_days(struct ui *ui, struct selling *s, struct art_err *err)
{
	struct sale_days got = { 0 };
	enum art_status rc = sale_days(ui->st, DAYS_MAX, &got, err);

	if (rc != ART_OK) {
		sale_days_destroy(&got);
		return rc;
	}
	sale_days_destroy(&s->days);
	s->days = got;
	return ART_OK;
}

/* The order under the cursor, NULL elsewhere; and the one that runs. */
static const struct order_row *order_selected(const struct selling *s)
{
	const struct line_entry *l = s->list.sel < (int64_t)s->n ? &s->lines[s->list.sel] : NULL;

	if (l && l->kind == LINE_OPEN)
		return &s->open.rows[l->index];
	return l && l->kind == LINE_ENDED ? &s->ended.rows[l->index] : NULL;
}

static const struct order_row *order_running(const struct selling *s)
{
	for (size_t i = 0; i < s->open.n; i++) {
		if (s->open.rows[i].state == ORDER_RUNNING)
			return &s->open.rows[i];
	}
	return NULL;
}

static enum art_status read_points(struct ui *ui, struct selling *s, const struct order_row *order,
				   struct art_err *err)
{
	struct order_points got = { 0 };
	enum art_status rc = order_points(ui->st, order->id, &got, err);

	if (rc != ART_OK) {
		order_points_destroy(&got);
		return rc;
	}
	order_points_destroy(&s->points);
	s->points = got;
	s->curve_order = *order;
	return ART_OK;
}

/* One without a curve shows that of the run, so that the screen does not jump while one moves along. */
static enum art_status read_curve(struct ui *ui, struct selling *s, bool fresh, struct art_err *err)
{
	const struct order_row *order = order_selected(s), *runs = order_running(s);
	int64_t of = order ? order->id : runs ? runs->id : 0;
	enum art_status rc = ART_OK;

	if (of == s->curve_of && !fresh)
		return ART_OK;
	order_points_destroy(&s->points);
	s->points = (struct order_points){ 0 };
	s->curve_of = of;
	if (order)
		rc = read_points(ui, s, order, err);
	if (rc == ART_OK && s->points.n == 0 && runs)
		rc = read_points(ui, s, runs, err);
	return rc;
}

/* ---- the lines --------------------------------------------------------------------------------------- */

static struct line_entry *new_line(struct selling *s, enum line_kind kind, size_t index)
{
	struct line_entry *l;

	ART_BUG_ON(s->n >= LINES_MAX);
	l = &s->lines[s->n++];
	*l = (struct line_entry){ .kind = kind, .index = index };
	return l;
}

static void heading(struct selling *s, const char *text)
{
	new_line(s, LINE_HEADING, 0)->label = text;
}

static void fact(struct selling *s, enum theme_role role, const char *label, const char *fmt, ...)
	ART_PRINTF(4, 5);
static void fact(struct selling *s, enum theme_role role, const char *label, const char *fmt, ...)
{
	struct line_entry *l = new_line(s, LINE_FACT, 0);
	va_list ap;

	l->role = role;
	l->label = label;
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	va_end(ap);
}

static const char *switch_text(enum serve_switch w)
{
	switch (w) {
	case SERVE_OPEN:
		break;
	case SERVE_PAUSED:
		return "paused";
	case SERVE_DRAINING:
		return "draining";
	}
	return "open";
}

static const char *switch_meaning(enum serve_switch w)
{
	switch (w) {
	case SERVE_OPEN:
		break;
	case SERVE_PAUSED:
		return "paused: orders wait, no run starts; p goes on";
	case SERVE_DRAINING:
		return "draining: no order is accepted, what waits is finished; d goes on";
	}
	return "open: orders are accepted and run";
}

/* What came in over the days shown, in one line. */
static void add_totals(struct selling *s)
{
	struct usdc earned = usdc_zero();
	int64_t paid = 0, unpaid = 0, released = 0;
	char a[MONEY_TEXT], b[64] = "", c[64] = "";

	for (size_t i = 0; i < s->days.n; i++) {
		const struct sale_day *d = &s->days.rows[i];

		if (!usdc_add(earned, d->settled, &earned))
			return;
		paid += d->n_settled;
		unpaid += d->n_unpaid;
		released += d->n_released;
	}
	if (s->days.n == 0)
		return;
	if (unpaid)
		snprintf(b, sizeof(b), "; %lld unpaid", (long long)unpaid);
	if (released)
		snprintf(c, sizeof(c), "; %lld released", (long long)released);
	fact(s, unpaid ? ROLE_WARN : ROLE_GOOD, "earned", "%s USDC by %lld sale%s on %zu day%s%s%s",
	     usdc_text(earned, a), (long long)paid, paid == 1 ? "" : "s", s->days.n, s->days.n == 1 ? "" : "s", b, c);
}

static void add_presence(struct ui *ui, struct selling *s)
{
	const struct serve_row *v = &s->serve;
	char age[FMT_MAX];

	if (s->lives) {
		fact(s, ROLE_GOOD, "listens", "%s, for %s, process %lld", v->listen,
		     fmt_age(ui->g, v->started_at, age), (long long)v->pid);
	} else {
		if (v->pid)
			fact(s, ROLE_WARN, "state", "nothing is sold: process %lld is gone", (long long)v->pid);
		else
			fact(s, ROLE_DIM, "state", "nothing is sold on this machine");
		fact(s, ROLE_TEXT, "to start", "artui worker serve --price 0.05 --pay-to 0x%s", ui->g->more);
	}
	if (s->lives || s->whole != SERVE_OPEN)
		fact(s, s->whole == SERVE_OPEN ? ROLE_TEXT : ROLE_WARN, "orders", "%s", switch_meaning(s->whole));
	add_totals(s);
	if (!v->listen[0])
		return;
	fact(s, ROLE_VALUE, "price", "%s USDC an experiment, %s", v->price, v->network);
	fact(s, v->sandbox[0] && strcmp(v->sandbox, "none") != 0 ? ROLE_TEXT : ROLE_WARN, "sandbox", "%s",
	     v->sandbox[0] ? v->sandbox : "none: strangers' code runs unconfined");
	if (v->agent_id >= 0)
		fact(s, ROLE_TEXT, "agent", "%lld in the ERC-8004 registry", (long long)v->agent_id);
	else
		fact(s, ROLE_DIM, "agent", "not registered: buyers need the address");
}

static void add_orders(struct selling *s, const char *title, enum line_kind kind, size_t n)
{
	if (n == 0)
		return;
	heading(s, title);
	new_line(s, LINE_ORDER_HEAD, 0);
	/* what waits is worked off from the oldest on, what ended is of interest from the newest on */
	for (size_t i = 0; i < n && i < ORDERS_MAX; i++)
		new_line(s, kind, kind == LINE_OPEN ? n - 1 - i : i);
}

static void add_days(struct selling *s)
{
	if (s->days.n == 0)
		return;
	heading(s, "Earnings");
	new_line(s, LINE_DAY_HEAD, 0);
	for (size_t i = 0; i < s->days.n && i < DAYS_MAX; i++)
		new_line(s, LINE_DAY, i);
}

static void build(struct ui *ui, struct selling *s)
{
	if (!s->lines)
		s->lines = art_alloc(LINES_MAX, sizeof(*s->lines));
	s->n = 0;
	add_presence(ui, s);
	if (s->n_devices > 0)
		heading(s, "Devices");
	for (size_t i = 0; i < s->n_devices; i++)
		new_line(s, LINE_DEVICE, i);
	add_orders(s, "Queue", LINE_OPEN, s->open.n);
	add_days(s);
	add_orders(s, "Ended orders", LINE_ENDED, s->ended.n);
}

static enum art_status worker_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct selling *s = data;
	enum art_status rc = ART_OK;
	bool fresh = !s->loaded || (what & (TOPIC_ORDER | TOPIC_SALE | TOPIC_DEVICE));

	if (fresh)
		rc = read_switches(ui, s, err);
	if (rc == ART_OK && (!s->loaded || (what & TOPIC_ORDER)))
		rc = read_orders(ui, OPEN_STATES, &s->open, err);
	if (rc == ART_OK && (!s->loaded || (what & TOPIC_ORDER)))
		rc = read_orders(ui, ~OPEN_STATES, &s->ended, err);
	if (rc == ART_OK && (!s->loaded || (what & (TOPIC_SALE | TOPIC_ORDER))))
		rc = read_days(ui, s, err);
	if (rc != ART_OK)
		return rc;
	build(ui, s);
	list_resize(&s->list, (int64_t)s->n, visible(ui));
	rc = read_curve(ui, s, fresh, err);
	if (rc == ART_OK)
		s->loaded = true;
	return rc;
}

static void worker_wanted(struct ui *ui, void *data, struct layout_wanted *w)
{
	struct selling *s = data;

	(void)ui;
	w->curve = s->points.n > 0;
}

/* ---- drawing ------------------------------------------------------------------------------------------ */

static enum theme_role order_role(const struct selling *s, const struct order_row *o)
{
	switch (o->state) {
	case ORDER_HELD:
	case ORDER_QUEUED:
		return ROLE_TEXT;
	case ORDER_RUNNING:
		return s->lives ? ROLE_LIVE : ROLE_WARN; /* the next start takes it up again */
	case ORDER_COMPLETED:
		return ROLE_GOOD;
	case ORDER_FAILED:
		return o->our_fault ? ROLE_BAD : ROLE_WARN;
	case ORDER_TIMEOUT:
		return ROLE_WARN;
	case ORDER_CANCELLED:
	case ORDER_COUNT:
		break;
	}
	return ROLE_DIM;
}

static const char *order_glyph(const struct glyphs *g, enum order_state s)
{
	switch (s) {
	case ORDER_HELD:
	case ORDER_QUEUED:
		return g->waiting;
	case ORDER_RUNNING:
		return g->live;
	case ORDER_COMPLETED:
		return g->kept;
	case ORDER_FAILED:
	case ORDER_TIMEOUT:
		return g->failed;
	case ORDER_CANCELLED:
	case ORDER_COUNT:
		break;
	}
	return g->discarded;
}

static void draw_order(struct ui *ui, const struct selling *s, struct rect r, int row, const struct order_row *o)
{
	int64_t at = o->finished_at ? o->finished_at : o->started_at ? o->started_at : o->created_at;
	char age[FMT_MAX], bpb[FMT_MAX], payer[16] = "free";
	int widths[TABLE_MAX_COLUMNS];
	const char *text[O_COUNT];
	enum theme_role roles[O_COUNT];

	for (int i = 0; i < O_COUNT; i++)
		roles[i] = ROLE_DIM;
	/* both ends of an address tell two apart: 0x1234..abcd */
	if (strlen(o->payer) == 42)
		snprintf(payer, sizeof(payer), "%.6s..%s", o->payer, o->payer + 38);
	text[O_MARK] = order_glyph(ui->g, o->state);
	text[O_STATE] = order_state_text(o->state);
	text[O_ID] = o->experiment_id;
	text[O_DEVICE] = o->device;
	text[O_PAYER] = payer;
	text[O_AGE] = fmt_age(ui->g, at, age);
	text[O_BPB] = o->val_bpb.known ? fmt_bpb(ui->g, o->val_bpb, bpb) : "";
	roles[O_MARK] = roles[O_STATE] = order_role(s, o);
	roles[O_ID] = roles[O_BPB] = ROLE_TEXT;
	table_fit(order_columns, O_COUNT, r.cols, widths);
	draw_table_row(&ui->canvas, r, row, order_columns, O_COUNT, widths, text, roles);
}

/* Busy seconds against what the devices had that day; today is not over yet. */
static struct opt_f64 share_of(const struct selling *s, const struct sale_day *d)
{
	double had = (double)(art_now_us() - d->day_us) / 1e6;

	had = had > DAY_S ? DAY_S : had;
	if (had <= 0 || s->n_devices == 0)
		return (struct opt_f64){ false, 0 };
	return OPT_F64(100 * d->busy_s / (had * (double)s->n_devices));
}

static void draw_day(struct ui *ui, const struct selling *s, struct rect r, int row, const struct sale_day *d)
{
	char iso[32], earned[MONEY_TEXT], paid[24], unpaid[24], released[24], busy[FMT_MAX], share[24] = "";
	struct opt_f64 part = share_of(s, d);
	int widths[TABLE_MAX_COLUMNS];
	const char *text[D_COUNT];
	enum theme_role roles[D_COUNT];

	for (int i = 0; i < D_COUNT; i++)
		roles[i] = ROLE_DIM;
	art_time_iso(d->day_us, iso, sizeof(iso));
	iso[10] = '\0';
	snprintf(paid, sizeof(paid), "%lld", (long long)d->n_settled);
	snprintf(unpaid, sizeof(unpaid), "%lld", (long long)d->n_unpaid);
	snprintf(released, sizeof(released), "%lld", (long long)d->n_released);
	if (part.known)
		snprintf(share, sizeof(share), "%.0f %%", part.v);
	text[D_DAY] = iso;
	text[D_EARNED] = usdc_text(d->settled, earned);
	text[D_SETTLED] = paid;
	text[D_UNPAID] = d->n_unpaid ? unpaid : "";
	text[D_RELEASED] = d->n_released ? released : "";
	text[D_BUSY] = fmt_seconds(ui->g, OPT_F64(d->busy_s), busy);
	text[D_SHARE] = share;
	roles[D_EARNED] = d->n_settled ? ROLE_GOOD : ROLE_DIM;
	roles[D_UNPAID] = ROLE_WARN;
	roles[D_SETTLED] = roles[D_SHARE] = ROLE_TEXT;
	table_fit(day_columns, D_COUNT, r.cols, widths);
	draw_table_row(&ui->canvas, r, row, day_columns, D_COUNT, widths, text, roles);
}

static void draw_device(struct ui *ui, const struct selling *s, struct rect r, int row, size_t i)
{
	const struct device_row *dev = &s->devices[i];
	bool busy = !strcmp(dev->state, "busy"), open = s->of_device[i] == SERVE_OPEN;
	int x = 2;

	draw_cell(&ui->canvas, r, row, 0, busy ? ROLE_LIVE : ROLE_DIM, busy ? ui->g->live : ui->g->idle);
	x += draw_field(&ui->canvas, r, row, x, 14, ROLE_TEXT, false, dev->name) + 1;
	x += draw_field(&ui->canvas, r, row, x, 6, busy ? ROLE_LIVE : ROLE_DIM, false, dev->state) + 1;
	x += draw_field(&ui->canvas, r, row, x, 8, open ? ROLE_GOOD : ROLE_WARN, false,
			switch_text(s->of_device[i])) + 1;
	if (x + 8 < r.cols)
		draw_field(&ui->canvas, r, row, x, r.cols - x, ROLE_DIM, false, dev->detail);
}

static void draw_columns(struct ui *ui, struct rect r, int row, const struct column *cols, int n)
{
	int widths[TABLE_MAX_COLUMNS];

	table_fit(cols, n, r.cols, widths);
	draw_table_head(&ui->canvas, r, row, cols, n, widths, -1, false);
}

static void draw_line(struct ui *ui, const struct selling *s, struct rect r, int row,
		      const struct line_entry *l)
{
	switch (l->kind) {
	case LINE_FACT:
		draw_field(&ui->canvas, r, row, 1, 9, ROLE_LABEL, false, l->label);
		draw_field(&ui->canvas, r, row, 10, r.cols - 10, l->role, false, l->text);
		return;
	case LINE_HEADING:
		draw_heading(&ui->canvas, r, row, l->label, NULL);
		return;
	case LINE_DEVICE:
		draw_device(ui, s, r, row, l->index);
		return;
	case LINE_ORDER_HEAD:
		draw_columns(ui, r, row, order_columns, O_COUNT);
		return;
	case LINE_OPEN:
		draw_order(ui, s, r, row, &s->open.rows[l->index]);
		return;
	case LINE_ENDED:
		draw_order(ui, s, r, row, &s->ended.rows[l->index]);
		return;
	case LINE_DAY_HEAD:
		draw_columns(ui, r, row, day_columns, D_COUNT);
		return;
	case LINE_DAY:
		draw_day(ui, s, r, row, &s->days.rows[l->index]);
		return;
	}
}

static void draw_curve(struct ui *ui, const struct selling *s, struct rect r)
{
	struct chart_point *p = art_alloc(s->points.n + 1, sizeof(*p));
	struct chart_series one = { .p = p, .n = s->points.n, .role = ROLE_CHART };
	struct chart ch = { .style = ui->chart_style, .series = &one, .n_series = 1, .x_lo = 0, .x_hi = 1,
			    .x_lo_label = "0 % of the budget", .x_hi_label = "100 %", .decimals = 2,
			    .settle = 0.1 };
	char title[96];

	for (size_t i = 0; i < s->points.n; i++)
		p[i] = (struct chart_point){ s->points.rows[i].progress, s->points.rows[i].loss };
	snprintf(title, sizeof(title), "Loss of %s", s->curve_order.experiment_id);
	draw_heading(&ui->canvas, r, 0, title, s->curve_order.device[0] ? s->curve_order.device : NULL);
	chart_draw(&ui->canvas, (struct rect){ r.row + 1, r.col, r.rows - 1, r.cols }, &ch);
	free(p);
}

static void worker_draw(struct ui *ui, void *data)
{
	struct selling *s = data;
	struct rect r = ui->layout.area[AREA_BODY], curve = ui->layout.area[AREA_CURVE];
	char note[80] = "";

	if (s->open.running + s->open.waiting > 0)
		snprintf(note, sizeof(note), "%lld running, %lld waiting", (long long)s->open.running,
			 (long long)s->open.waiting);
	draw_heading(&ui->canvas, r, 0, "Worker", note[0] ? note : NULL);
	for (int i = 0; i < visible(ui) && s->list.top + i < (int64_t)s->n; i++) {
		draw_line(ui, s, r, i + 1, &s->lines[s->list.top + i]);
		if (s->list.top + i == s->list.sel && !ui->once)
			draw_selected(&ui->canvas, r, i + 1);
	}
	if (!rect_empty(curve))
		draw_curve(ui, s, curve);
	draw_gap(&ui->canvas, curve);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void flip(struct ui *ui, struct selling *s, enum serve_switch to)
{
	const struct line_entry *l = s->list.sel < (int64_t)s->n ? &s->lines[s->list.sel] : NULL;
	bool one = l && l->kind == LINE_DEVICE;
	const char *device = one ? s->devices[l->index].name : "";
	enum serve_switch now = one ? s->of_device[l->index] : s->whole;
	struct art_err err;

	if (wish_refused(ui))
		return;
	if (to == now)
		to = SERVE_OPEN;
	if (serve_switch_set(ui->st, device, to, &err) != ART_OK) {
		ui_say(ui, ROLE_BAD, "%s", err.text);
		return;
	}
	ui_say(ui, to == SERVE_OPEN ? ROLE_GOOD : ROLE_WARN, "%s: %s%s", one ? device : "the worker",
	       switch_text(to), s->lives ? "" : ", once it serves again");
	ui_stale(ui, TOPIC_ORDER);
}

static bool worker_act(struct ui *ui, void *data, enum action a)
{
	struct selling *s = data;

	if (a == ACTION_SELL_PAUSE || a == ACTION_SELL_DRAIN || a == ACTION_SELL_OPEN) {
		flip(ui, s, a == ACTION_SELL_PAUSE ? SERVE_PAUSED
			    : a == ACTION_SELL_DRAIN ? SERVE_DRAINING : SERVE_OPEN);
		return true;
	}
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	return list_act(&s->list, a, visible(ui));
}

static void worker_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct selling *s = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int64_t at = s->list.top + row - r.row - 1;

	(void)again;
	if (rect_contains(r, row, col) && row > r.row && at < s->list.n)
		list_select(&s->list, at, visible(ui));
}

static void worker_copy(struct ui *ui, void *data, struct art_buf *b)
{
	struct selling *s = data;
	const struct line_entry *l = s->list.sel < (int64_t)s->n ? &s->lines[s->list.sel] : NULL;
	const struct order_row *order = order_selected(s);

	(void)ui;
	if (l && l->kind == LINE_FACT)
		art_buf_putf(b, "%s\n", l->text);
	else if (l && l->kind == LINE_DEVICE)
		art_buf_putf(b, "%s\n", s->devices[l->index].name);
	else if (order)
		art_buf_putf(b, "%s %s %s\n", order->experiment_id, order_state_text(order->state), order->payer);
}

static int64_t worker_height(struct ui *ui, void *data)
{
	struct selling *s = data;

	(void)ui;
	/* printed below a chart where there is one */
	return (int64_t)s->n + (s->points.n > 0 ? 28 : 4);
}

const struct panel_ops panel_worker = {
	.topics = TOPIC_ORDER | TOPIC_SALE | TOPIC_DEVICE,
	.view = LAYOUT_DETAIL,
	.open = worker_open,
	.close = worker_close,
	.refresh = worker_refresh,
	.draw = worker_draw,
	.act = worker_act,
	.click = worker_click,
	.copy = worker_copy,
	.wanted = worker_wanted,
	.height = worker_height,
};
