/*
 * wish.h - what the person asks of the engine: questions first, then wish rows; and leaving.
 *
 * Layer: tui/screen. Threads: main.
 */
#ifndef TUI_SCREEN_WISH_H
#define TUI_SCREEN_WISH_H

#include "tui/screen/ui.h"

/* Begin, end, pause, cancel, idea, quit, and what concerns a worker of the market; other actions do
 * nothing. May put a question. */
void wish_act(struct ui *ui, enum action a);
/* The answer to the question that stands; anything but yes leaves all as it was. */
void wish_confirmed(struct ui *ui, bool yes);
/* Nothing can be asked for or switched here: then it is said, and true. */
bool wish_refused(struct ui *ui);
/* Hand in an idea as it was typed. */
void wish_idea(struct ui *ui, const char *text);
/* Whether the last wish made here was answered: then say so. */
ART_MUST_USE enum art_status wish_look(struct ui *ui, struct art_err *err);

#endif
