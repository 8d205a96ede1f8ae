/*
 * screen.c - the loop: one poll over the keyboard, the bell and the signals. See screen.h.
 *
 * The only standing timer looks once a second whether another process has committed. Nothing is
 * drawn unless something changed, and not more than 30 times a second unless a key was pressed.
 */
#include "tui/screen/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tui/screen/rescue.h"
#include "tui/screen/terminal.h"
#include "tui/screen/ui.h"

#define LOOK_US 1000000
#define FRAME_US 33000
#define DOUBLE_CLICK_US 400000
#define WHEEL_ROWS 3
#define ONCE_COLS 100
#define ONCE_PASSES 3

struct loop {
	struct ui ui;
	struct terminal *term;
	struct bell_sub *sub;
	int wake;
	bool dirty;             /* draw at the next chance */
	int64_t drawn_at, next_look;
	int64_t version;        /* data_version when last looked */
	bool rang;              /* the bell since that look */
	int64_t minute;         /* of the wall clock, as drawn */
	struct term_event press; /* the last one, for double clicks */
	int64_t press_at;
	int signal;             /* why the loop ends, 0: the person left */
};

static void fit(struct loop *l)
{
	int rows, cols;

	term_size(l->term, &rows, &cols);
	ui_resize(&l->ui, rows, cols);
	l->dirty = true;
}

static void pointer(struct loop *l, const struct term_event *ev)
{
	int64_t now = art_mono_us();
	bool again;

	if (ev->mouse != TERM_PRESS) {
		ui_wheel(&l->ui, ev->row, ev->col, ev->mouse == TERM_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
		return;
	}
	again = ev->row == l->press.row && ev->col == l->press.col && now - l->press_at < DOUBLE_CLICK_US;
	ui_click(&l->ui, ev->row, ev->col, again);
	l->press = *ev;
	l->press_at = again ? 0 : now;
}

/* All input there is. False when the keyboard is gone. */
static bool take_keys(struct loop *l, bool readable)
{
	struct term_event ev;
	int waiting = 1;

	/* readable with nothing to read is the end of file: a terminal that went away */
	if (readable && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0)
		return false;
	/* ncurses may hold more than the descriptor shows, so until it says there is none */
	while (!l->ui.leave && term_event(l->term, &ev)) {
		l->dirty = true;
		l->drawn_at = 0; /* a key's answer does not wait for the next frame */
		if (ui_is_stale(&l->ui))
			ui_refresh(&l->ui); /* the next key means what it would mean had it come alone */
		if (ev.key == BIND_RESIZE)
			fit(l);
		else if (ev.key == BIND_MOUSE)
			pointer(l, &ev);
		else
			ui_key(&l->ui, ev.key);
	}
	return true;
}

/* Commits by other processes show as a changed data_version, but so do checkpoints and commits of
 * this process's other threads, of which the bell has told already. */
static void look(struct loop *l)
{
	int64_t v = l->version;
	bool rang = l->rang;

	l->rang = false;
	if (store_data_version(l->ui.st, &v, NULL) != ART_OK || v == l->version)
		return;
	l->version = v;
	if (!rang)
		ui_stale(&l->ui, TOPIC_ALL);
}

static void take_signal(struct loop *l)
{
	int sig = rescue_take_signal();

	if (sig == SIGINT) {
		bool asked = l->ui.mode == MODE_CONFIRM && l->ui.question == ACTION_QUIT;

		if (asked) {
			l->signal = sig;
			l->ui.leave = true;
		} else {
			ui_key(&l->ui, 'C' & 0x1f);
			l->dirty = true;
			l->drawn_at = 0;
		}
	} else if (sig) {
		l->signal = sig;
		l->ui.leave = true;
	}
}

static void show(struct loop *l)
{
	struct ui *ui = &l->ui;

	if (ui_is_stale(ui))
		ui_refresh(ui);
	if (ui->theme_changed)
		term_theme(l->term, &ui->theme);
	if (ui->mouse_changed)
		term_mouse(l->term, ui->mouse);
	if (ui->redraw_all)
		term_redraw(l->term);
	ui->theme_changed = ui->mouse_changed = ui->redraw_all = false;
	ui_draw(ui);
	term_show(l->term, &ui->canvas, ui->cursor_row, ui->cursor_col);
	if (ui->copied.len > 0) {
		term_copy(l->term, ui->copied.data, ui->copied.len);
		art_buf_reset(&ui->copied);
	}
	l->dirty = false;
	l->drawn_at = art_mono_us();
	l->minute = art_now_us() / 60000000;
}

static void turn(struct loop *l)
{
	struct pollfd fds[3] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = l->sub ? bell_fd(l->sub) : -1, .events = POLLIN },
		{ .fd = l->wake, .events = POLLIN },
	};
	int64_t now = art_mono_us(), until = l->next_look;
	bool gone;

	if ((l->dirty || ui_is_stale(&l->ui)) && l->drawn_at + FRAME_US < until)
		until = l->drawn_at + FRAME_US;
	if (poll(fds, ART_COUNT(fds), until > now ? (int)((until - now + 999) / 1000) : 0) < 0 &&
	    errno != EINTR)
		l->ui.leave = true;
	if (fds[1].revents & POLLIN) {
		ui_stale(&l->ui, bell_take(l->sub));
		l->rang = true;
	}
	if (fds[2].revents & POLLIN)
		take_signal(l);
	gone = fds[0].revents & (POLLHUP | POLLERR | POLLNVAL);
	if (gone || !take_keys(l, fds[0].revents & POLLIN)) {
		l->signal = SIGHUP;
		l->ui.leave = true;
	}
	now = art_mono_us();
	if (now >= l->next_look) {
		look(l);
		l->next_look = now + LOOK_US;
		if (ui_age(&l->ui) || (art_now_us() / 60000000 != l->minute && ui_minute(&l->ui)))
			l->dirty = true;
	}
	if (!l->ui.leave && (l->dirty || ui_is_stale(&l->ui)) && now - l->drawn_at >= FRAME_US)
		show(l);
}

int screen_main(const struct screen_options *opt, struct art_err *err)
{
	struct loop *l = art_alloc(1, sizeof(*l));
	enum art_status rc;
	int out;

	rc = ui_open(&l->ui, opt, term_utf8(), term_has_braille() ? CHART_BRAILLE : CHART_BLOCKS, err);
	if (rc == ART_OK)
		rc = term_open(&l->term, err);
	if (rc == ART_OK) {
		l->wake = rescue_loop_begin();
		l->sub = opt->bell ? bell_subscribe(opt->bell, TOPIC_ALL) : NULL;
		if (store_data_version(l->ui.st, &l->version, NULL) != ART_OK)
			l->version = 0; /* then the first look sees a change: right, only not needed */
		term_theme(l->term, &l->ui.theme);
		term_mouse(l->term, l->ui.mouse);
		fit(l);
		show(l);
		l->next_look = art_mono_us() + LOOK_US;
		while (!l->ui.leave)
			turn(l);
		if (l->sub)
			bell_unsubscribe(opt->bell, l->sub);
		term_close(l->term);
		rescue_loop_end();
	}
	out = rc == ART_OK ? l->signal : -1;
	ui_close(&l->ui);
	free(l);
	return out;
}

int screen_once(const struct screen_options *opt, FILE *to, int columns, struct art_err *err)
{
	struct ui *ui = art_alloc(1, sizeof(*ui));
	const struct panel_ops *ops;
	int64_t rows = 60, cols = columns;
	int failed;

	if (cols <= 0 && !(getenv("COLUMNS") && art_parse_i64(getenv("COLUMNS"), &cols)))
		cols = ONCE_COLS;
	cols = cols < LAYOUT_MIN_COLS ? LAYOUT_MIN_COLS : cols > CANVAS_MAX_COLS ? CANVAS_MAX_COLS : cols;
	if (ui_open(ui, opt, term_utf8(), CHART_ASCII, err) != ART_OK) {
		free(ui);
		return -1;
	}
	ui->once = true;
	ops = panel_ops(ui->panel);
	/* how many rows it takes shows only when some were read, and a log reads on as it gets room */
	for (int pass = 0; pass < ONCE_PASSES; pass++) {
		ui_resize(ui, (int)rows, (int)cols);
		ui_refresh(ui);
		rows = ops->height ? ops->height(ui, ui->data[ui->panel]) : rows;
		rows = rows < LAYOUT_MIN_ROWS ? LAYOUT_MIN_ROWS
		       : rows > CANVAS_MAX_ROWS ? CANVAS_MAX_ROWS : rows;
	}
	ui_resize(ui, (int)rows, (int)cols);
	ui_refresh(ui);
	ui_draw(ui);
	failed = ui->message_hold;
	if (failed)
		art_fail(err, ART_IO, "%s", ui->message);
	else
		canvas_print(&ui->canvas, 1, ui->canvas.rows - 1, to); /* tabs and keys mean nothing there */
	ui_close(ui);
	free(ui);
	return failed || ferror(to) ? -1 : 0;
}
