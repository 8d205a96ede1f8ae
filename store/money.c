/*
 * money.c - checked amounts of USDC.
 *
 * Layer: store. The one file that reaches into struct usdc. A negative amount inside one is a bug:
 * every way in refuses it.
 */
#include "store/money.h"

#include <stdio.h>
#include <string.h>

enum { DECIMALS = 6, UNIT = 1000000 };

struct usdc usdc_zero(void)
{
	return (struct usdc){ 0 };
}

bool usdc_from_micro(int64_t micro, struct usdc *out)
{
	if (micro < 0)
		return false;
	out->micro = micro;
	return true;
}

int64_t usdc_to_micro(struct usdc a)
{
	ART_BUG_ON(a.micro < 0);
	return a.micro;
}

bool usdc_add(struct usdc a, struct usdc b, struct usdc *out)
{
	int64_t sum;

	ART_BUG_ON(a.micro < 0 || b.micro < 0);
	if (__builtin_add_overflow(a.micro, b.micro, &sum))
		return false;
	out->micro = sum;
	return true;
}

bool usdc_sub(struct usdc a, struct usdc b, struct usdc *out)
{
	ART_BUG_ON(a.micro < 0 || b.micro < 0);
	if (a.micro < b.micro)
		return false;
	out->micro = a.micro - b.micro;
	return true;
}

int usdc_cmp(struct usdc a, struct usdc b)
{
	ART_BUG_ON(a.micro < 0 || b.micro < 0);
	return (a.micro > b.micro) - (a.micro < b.micro);
}

/* Digits at *s appended to *v; their number, or -1 when the value overflows. */
static int take_digits(const char **s, int64_t *v)
{
	int n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++, n++)
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, **s - '0', v))
			return -1;
	return n;
}

static bool parse_micro(const char *s, int64_t *out)
{
	int64_t v = 0;
	int decimals = 0;

	if (*s == '$')
		s++;
	if (take_digits(&s, &v) <= 0)
		return false;
	if (*s == '.') {
		s++;
		decimals = take_digits(&s, &v);
		if (decimals <= 0 || decimals > DECIMALS)
			return false;
	}
	for (; decimals < DECIMALS; decimals++)
		if (__builtin_mul_overflow(v, 10, &v))
			return false;
	*out = v;
	return !*s;
}

enum art_status usdc_parse(const char *s, struct usdc *out, struct art_err *err)
{
	char shown[48];
	int64_t micro;

	if (parse_micro(s, &micro)) {
		out->micro = micro;
		return ART_OK;
	}
	art_text_clean(shown, sizeof(shown), s, strlen(s), false);
	return art_fail(err, ART_INVALID,
			"\"%s\" is not an amount of USDC: write it like 0.05, with at most %d decimals",
			shown, DECIMALS);
}

const char *usdc_text(struct usdc a, char buf[MONEY_TEXT])
{
	int len;

	ART_BUG_ON(a.micro < 0);
	len = snprintf(buf, MONEY_TEXT, "%lld.%06d", (long long)(a.micro / UNIT),
		       (int)(a.micro % UNIT));
	/* Four of the six decimals may go when they are zeros. */
	for (int i = 0; i < DECIMALS - 2 && buf[len - 1] == '0'; i++)
		buf[--len] = '\0';
	return buf;
}
