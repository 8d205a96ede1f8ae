/*
 * rescue.h - between the event loop and the signal handlers; the public half is in screen.h.
 *
 * Layer: tui/screen. Threads: the main thread, but for what screen.h says of handlers.
 */
#ifndef TUI_SCREEN_RESCUE_H
#define TUI_SCREEN_RESCUE_H

#include <stddef.h>

/* The loop runs: TERM, HUP and INT are told to it through an eventfd (returned; poll for POLLIN)
 * before they kill. -1 when there are no descriptors. Unblocks the signals in this thread. */
int rescue_loop_begin(void);
void rescue_loop_end(void);

/* The last signal told, 0 none; forgets it and drains the eventfd. */
int rescue_take_signal(void);

/* The bytes that make this terminal leave the screen, show its cursor and stop reporting the mouse;
 * written by a rescue while curses is on. @n of 0 turns that off: curses has left by itself. */
void rescue_set_leave(const char *bytes, size_t n);

#endif
