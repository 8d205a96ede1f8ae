/*
 * pay_reconcile.c - finding out what became of payments that a death or a doubt left open.
 *
 * Layer: core. A row somebody works on (its lock is held) is left alone.
 */
#include "core/pay/pay.h"

#include <stdio.h>
#include <string.h>

#include "core/pay/pay_private.h"

#define RECONCILE_MS 15000

/* What can be said without the chain: what never left is closed. */
static enum art_status close_leftover(const struct pay *p, struct payment_row *row, char words[256],
				      struct art_err *err)
{
	struct payment_move m = { .from = row->state, .to = PAYMENT_REFUSED, .dead = true,
				  .reason = "it was never sent: the program ended before" };

	snprintf(words, 256, "never sent; closed");
	return pay_move(p, row, &m, err);
}

/* Its sender is gone without having judged an answer. */
static enum art_status sent_is_doubt(const struct pay *p, struct payment_row *row,
				     struct art_err *err)
{
	struct payment_move m = { .from = PAYMENT_SENT, .to = PAYMENT_UNKNOWN,
				  .reason = "the program ended before the answer was judged" };

	return row->state == PAYMENT_SENT ? pay_move(p, row, &m, err) : ART_OK;
}

static enum art_status look(const struct pay *p, struct payment_row *row, char words[256],
			    struct art_err *err)
{
	struct token_evidence e;
	struct art_err why = { 0 };
	enum art_status s;

	if (row->state == PAYMENT_RESERVED || row->state == PAYMENT_SIGNED)
		return close_leftover(p, row, words, err);
	s = sent_is_doubt(p, row, err);
	if (s != ART_OK)
		return s;
	if (pay_evidence(p, row, RECONCILE_MS, &e, &why) != ART_OK) {
		snprintf(words, 256, "the chain cannot be asked: %.200s", why.text);
		return ART_OK;
	}
	return pay_apply_evidence(p, row, &e, 0, words, err);
}

static bool is_open(const struct payment_row *row)
{
	return row->state == PAYMENT_SETTLED ? !row->checked : !row->dead;
}

static enum art_status reconcile_row(const struct pay *p, struct payment_row *row, char words[256],
				     struct art_err *err)
{
	int lock;
	enum art_status s = pay_lock(p, row->request_sha256, &lock, err);

	if (s == ART_BUSY) {
		snprintf(words, 256, "another artui is at work on it");
		return ART_OK;
	}
	if (s != ART_OK)
		return s;
	/* It may have moved between the listing and the lock. */
	s = payment_find(p->store, row->id, row, err);
	if (s == ART_OK && is_open(row))
		s = look(p, row, words, err);
	pay_unlock(lock);
	return s;
}

enum art_status pay_reconcile(const struct pay *p,
			      void (*each)(void *arg, const struct payment_row *row,
					   const char *words),
			      void *arg, int *open, struct art_err *err)
{
	struct payment_query q = { .unresolved = true };
	struct payment_list list = { 0 };
	enum art_status s = payment_query(p->store, &q, &list, err);

	*open = 0;
	for (size_t i = 0; i < list.n && s == ART_OK && !(p->cancel && *p->cancel); i++) {
		char words[256] = "";

		s = reconcile_row(p, &list.rows[i], words, err);
		*open += s == ART_OK && is_open(&list.rows[i]);
		if (s == ART_OK && each)
			each(arg, &list.rows[i], words);
	}
	payment_list_destroy(&list);
	return s;
}
