/*
 * money.h - amounts of a token in its smallest unit, with checked integer arithmetic.
 *
 * Layer: store. USDC has 6 decimals: 1 USD = 1,000,000 micro. Nobody outside money.c touches
 * .micro (make lint). Threads: any; values.
 */
#ifndef STORE_MONEY_H
#define STORE_MONEY_H

#include "store/base.h"

#define MONEY_TEXT 32

struct usdc {
	int64_t micro; /* never negative */
};

struct usdc usdc_zero(void);
ART_MUST_USE bool usdc_from_micro(int64_t micro, struct usdc *out);         /* false: negative */
int64_t usdc_to_micro(struct usdc a);                                       /* for the store and the wire */
ART_MUST_USE bool usdc_add(struct usdc a, struct usdc b, struct usdc *out); /* false: overflow */
ART_MUST_USE bool usdc_sub(struct usdc a, struct usdc b, struct usdc *out); /* false: below zero */
int usdc_cmp(struct usdc a, struct usdc b);
/* "0.05", "$0.05", "12": at most 6 decimals, no sign, no exponent. INVALID otherwise. */
ART_MUST_USE enum art_status usdc_parse(const char *s, struct usdc *out, struct art_err *err);
/* "0.050000" trimmed to at least two decimals: "0.05". Returns @buf. */
const char *usdc_text(struct usdc a, char buf[MONEY_TEXT]);

#endif
