/*
 * policy.c - whether to pay: auto, ask or refuse.
 *
 * Layer: core.
 */
#include "core/pay/policy.h"

#include <stdio.h>
#include <string.h>

/* Next word of @text at *@at, into @out; false at the end. */
static bool next_word(const char *text, size_t *at, char out[64])
{
	size_t n;

	*at += strspn(text + *at, " \t,");
	n = strcspn(text + *at, " \t,");
	if (!n)
		return false;
	snprintf(out, 64, "%.*s", n < 63 ? (int)n : 63, text + *at);
	*at += n;
	return true;
}

static enum art_status load_payees(struct policy *out, const char *text, struct art_err *err)
{
	char word[64];
	struct art_err why = { 0 };

	for (size_t at = 0; next_word(text, &at, word);) {
		if (out->n_payees == (int)ART_COUNT(out->payees))
			return art_fail(err, ART_LIMIT, "pay.payees: more than %zu addresses",
					ART_COUNT(out->payees));
		if (eth_address_parse(word, &out->payees[out->n_payees], &why) != ART_OK)
			return art_fail(err, ART_INVALID, "pay.payees: %.200s", why.text);
		out->n_payees++;
	}
	out->known_payees_only = out->n_payees > 0;
	return ART_OK;
}

enum art_status policy_load(struct policy *out, const struct config *c, struct art_err *err)
{
	memset(out, 0, sizeof(*out));
	out->auto_below = config_money(c, CONFIG_PAY_AUTO_KEY);
	out->caps = (struct payment_caps){
		.payment = config_money(c, CONFIG_PAY_CAP_PAYMENT_KEY),
		.payee = config_money(c, CONFIG_PAY_CAP_PAYEE_KEY),
		.hour = config_money(c, CONFIG_PAY_CAP_HOUR_KEY),
		.night = config_money(c, CONFIG_PAY_CAP_NIGHT_KEY),
		.total = config_money(c, CONFIG_PAY_CAP_TOTAL_KEY),
	};
	out->ask_new_payee = config_bool(c, CONFIG_PAY_ASK_NEW_KEY);
	out->allow_http = config_bool(c, CONFIG_PAY_ALLOW_HTTP_KEY);
	out->max_window_s = config_int(c, CONFIG_PAY_MAX_WINDOW_S_KEY);
	return load_payees(out, config_text(c, CONFIG_PAY_PAYEES_KEY), err);
}

static bool payee_allowed(const struct policy *p, const struct eth_address *a)
{
	for (int i = 0; i < p->n_payees; i++)
		if (eth_address_equal(&p->payees[i], a))
			return true;
	return !p->known_payees_only;
}

static enum policy_answer refuse(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return POLICY_REFUSE;
}

static enum policy_answer ask(char why[256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return POLICY_ASK;
}

static enum policy_answer judge_price(const struct policy *p, const struct policy_facts *f,
				      char why[256])
{
	char price[MONEY_TEXT], limit[MONEY_TEXT];

	usdc_text(f->terms->amount, price);
	/* A price named by the caller is the answer to every question about money. */
	if (f->have_max)
		return POLICY_AUTO;
	if (usdc_cmp(f->terms->amount, p->auto_below) > 0) {
		snprintf(why, 256, "%s USDC is more than is paid without asking (%s, pay.auto_usd)",
			 price, usdc_text(p->auto_below, limit));
		return POLICY_ASK;
	}
	if (p->ask_new_payee && !f->payee_paid_before)
		return ask(why, "this payee was never paid before (pay.ask_new_payee)");
	return POLICY_AUTO;
}

enum policy_answer policy_judge(const struct policy *p, const struct policy_facts *f, char why[256])
{
	char price[MONEY_TEXT], limit[MONEY_TEXT];

	why[0] = 0;
	if (f->frozen)
		return refuse(why, "payments are frozen: artui thaw allows them again");
	if (!f->terms->chain->may_pay)
		return refuse(why, "this chain is not one to pay on (pay.chains)");
	if (!payee_allowed(p, &f->terms->pay_to))
		return refuse(why, "this payee is not one of pay.payees");
	if (f->plain_http && !p->allow_http)
		return refuse(why, "plain http can be read and changed on its way: not paid over "
				   "(pay.allow_http)");
	if (f->have_max && usdc_cmp(f->terms->amount, f->max) > 0) {
		snprintf(why, 256, "the price is %s USDC, more than the %s given",
			 usdc_text(f->terms->amount, price), usdc_text(f->max, limit));
		return POLICY_REFUSE;
	}
	if (usdc_cmp(f->terms->amount, p->caps.payment) > 0) {
		snprintf(why, 256, "over the cap for one payment: the price is %s USDC, at most %s is "
			 "paid (pay.cap_payment_usd)", usdc_text(f->terms->amount, price),
			 usdc_text(p->caps.payment, limit));
		return POLICY_REFUSE;
	}
	/* What is odd is asked about whatever it costs. */
	if (f->other_host)
		return ask(why, "the challenge is for a resource on another host");
	if (f->terms->upfront)
		return ask(why, "the seller takes the money before it works");
	return judge_price(p, f, why);
}

/* ---- the preview ------------------------------------------------------------------------------- */

static void put_left(struct art_buf *out, const char *what, struct usdc cap, struct usdc spent,
		     struct usdc price)
{
	char l[MONEY_TEXT], c[MONEY_TEXT];
	struct usdc left, after;

	if (!usdc_sub(cap, spent, &left))
		left = usdc_zero();
	art_buf_putf(out, "           %s: %s of %s USDC left%s\n", what, usdc_text(left, l),
		     usdc_text(cap, c), usdc_sub(left, price, &after) ? "" : ", not enough");
}

void policy_preview(struct art_buf *out, const struct x402_terms *t, const char *method,
		    const char *url, int64_t valid_before,
		    const struct payment_spent *spent, bool payee_paid_before)
{
	char usd[MONEY_TEXT], payee[ETH_ADDRESS_TEXT], token[ETH_ADDRESS_TEXT], at[32], clean[1024];

	art_text_clean(clean, sizeof(clean), url, strlen(url), false);
	art_buf_putf(out, "To pay     %s USDC\n", usdc_text(t->amount, usd));
	art_buf_putf(out, "to         %s%s\n", eth_address_text(&t->pay_to, payee),
		     payee_paid_before ? ", paid before" : ", never paid before");
	art_buf_putf(out, "on         %s%s (%s), token %s\n", t->chain->name,
		     t->chain->is_testnet ? ", a test network" : "", t->chain->caip2,
		     eth_address_text(&t->asset, token));
	art_buf_putf(out, "for        %s %s\n", method, clean);
	art_buf_putf(out, "expires    %s, in %lld s; it can be taken once until then\n",
		     art_time_iso(valid_before * 1000000, at, sizeof(at)),
		     (long long)t->max_timeout_s);
	if (t->upfront)
		art_buf_put(out, "when       before the work is done\n");
	art_buf_put(out, "caps\n");
	put_left(out, "one payment", spent->caps.payment, usdc_zero(), t->amount);
	put_left(out, "this payee ", spent->caps.payee, spent->payee, t->amount);
	put_left(out, "this hour  ", spent->caps.hour, spent->hour, t->amount);
	put_left(out, "this night ", spent->caps.night, spent->night, t->amount);
	put_left(out, "ever       ", spent->caps.total, spent->total, t->amount);
}
