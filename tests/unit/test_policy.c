/*
 * test_policy.c - whether to pay: the rules, which of them goes first, and the words before a signature.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pay/policy.h"

#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define OTHER "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

struct fixture {
	struct policy p;
	struct policy_facts facts;
	struct x402_terms terms;
	struct chains chains;
	struct chain chain;
	struct art_err err;
	char why[256];
};

static struct usdc micro(int64_t n)
{
	struct usdc v;

	assert_true(usdc_from_micro(n, &v));
	return v;
}

static enum art_status load(struct fixture *f, const char *const *over, int n)
{
	struct config *c = NULL;
	enum art_status s;

	if (config_load(&c, NULL, over, n, &f->err) != ART_OK)
		fail_msg("%s", f->err.text);
	s = policy_load(&f->p, c, &f->err);
	if (s == ART_OK)
		assert_int_equal(chains_load(&f->chains, c, &f->err), ART_OK);
	config_free(c);
	return s;
}

/* The defaults, and 0.05 USDC to a payee that was paid before. */
static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	assert_int_equal(load(f, NULL, 0), ART_OK);
	f->chain = *chains_by_id(&f->chains, 84532);
	f->terms = (struct x402_terms){ .chain = &f->chain, .amount = micro(50000), .asset = f->chain.usdc,
					.max_timeout_s = 300 };
	assert_int_equal(eth_address_parse(PAYEE, &f->terms.pay_to, NULL), ART_OK);
	f->facts = (struct policy_facts){ .terms = &f->terms, .payee_paid_before = true };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void judged(struct fixture *f, enum policy_answer want, const char *part)
{
	static const char *const names[] = { "auto", "ask", "refuse" };
	enum policy_answer got = policy_judge(&f->p, &f->facts, f->why);

	if (got != want || !strstr(f->why, part) || (want == POLICY_AUTO) != !f->why[0])
		fail_msg("%s: \"%s\" instead of %s: \"%s\"", names[got], f->why, names[want], part);
}

/* ---- loading ----------------------------------------------------------------------------------- */

static void policy_load_must_take_the_defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(usdc_to_micro(f->p.auto_below), 100000);
	assert_int_equal(usdc_to_micro(f->p.caps.payment), 1000000);
	assert_int_equal(usdc_to_micro(f->p.caps.payee), 5000000);
	assert_int_equal(usdc_to_micro(f->p.caps.hour), 5000000);
	assert_int_equal(usdc_to_micro(f->p.caps.night), 10000000);
	assert_int_equal(usdc_to_micro(f->p.caps.total), 100000000);
	assert_true(f->p.ask_new_payee);
	assert_false(f->p.allow_http);
	assert_false(f->p.known_payees_only);
	assert_int_equal(f->p.n_payees, 0);
	assert_true(f->p.max_window_s == 7200);
}

static void policy_load_must_take_each_setting(void **state)
{
	static const char *const over[] = {
		"pay.auto_usd=0.000001", "pay.cap_payment_usd=2", "pay.cap_payee_usd=3", "pay.cap_hour_usd=4",
		"pay.cap_night_usd=5", "pay.cap_total_usd=6", "pay.ask_new_payee=false", "pay.allow_http=true",
		"pay.max_window_s=60", "pay.payees= " PAYEE ",\t0x70997970c51812dc3a010c7d01b50e0d17dc79c8 ",
	};
	struct fixture *f = *state;
	struct eth_address other;

	assert_int_equal(load(f, over, ART_COUNT(over)), ART_OK);
	assert_int_equal(usdc_to_micro(f->p.auto_below), 1);
	assert_int_equal(usdc_to_micro(f->p.caps.payment), 2000000);
	assert_int_equal(usdc_to_micro(f->p.caps.payee), 3000000);
	assert_int_equal(usdc_to_micro(f->p.caps.hour), 4000000);
	assert_int_equal(usdc_to_micro(f->p.caps.night), 5000000);
	assert_int_equal(usdc_to_micro(f->p.caps.total), 6000000);
	assert_false(f->p.ask_new_payee);
	assert_true(f->p.allow_http);
	assert_true(f->p.max_window_s == 60);
	assert_true(f->p.known_payees_only);
	assert_int_equal(f->p.n_payees, 2);
	assert_true(eth_address_equal(&f->p.payees[0], &f->terms.pay_to));
	assert_int_equal(eth_address_parse(OTHER, &other, NULL), ART_OK);
	assert_true(eth_address_equal(&f->p.payees[1], &other));
}

static void policy_load_must_refuse_payees_that_are_none(void **state)
{
	static const char *const bad[] = {
		"pay.payees=worker.eth",
		"pay.payees=" PAYEE " 0x12",
		"pay.payees=0x3c44CdDdB6a900fa2b585dd299e03d12FA4293BC", /* its checksum */
		"pay.payees=" PAYEE PAYEE PAYEE,
		"pay.payees=" PAYEE ";" OTHER,
	};
	struct fixture *f = *state;
	struct art_buf many;

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		assert_int_equal(load(f, &bad[i], 1), ART_INVALID);
		assert_non_null(strstr(f->err.text, "pay.payees: "));
	}
	art_buf_init(&many, 1 << 14);
	art_buf_put(&many, "pay.payees=");
	for (int i = 0; i < 64; i++)
		art_buf_put(&many, PAYEE " ");
	assert_int_equal(load(f, (const char *const *)&many.data, 1), ART_OK);
	assert_int_equal(f->p.n_payees, 64);
	art_buf_put(&many, PAYEE);
	assert_int_equal(load(f, (const char *const *)&many.data, 1), ART_LIMIT);
	assert_non_null(strstr(f->err.text, "more than 64 addresses"));
	art_buf_destroy(&many);
}

/* ---- judging ----------------------------------------------------------------------------------- */

static void policy_judge_must_pay_small_amounts_to_known_payees(void **state)
{
	struct fixture *f = *state;

	judged(f, POLICY_AUTO, "");
	f->terms.amount = f->p.auto_below;
	judged(f, POLICY_AUTO, "");
	f->terms.amount = micro(usdc_to_micro(f->p.auto_below) + 1);
	judged(f, POLICY_ASK, "0.100001 USDC is more than is paid without asking (0.10, pay.auto_usd)");
	f->terms.amount = f->p.caps.payment;
	judged(f, POLICY_ASK, "more than is paid without asking");
	f->terms.amount = micro(usdc_to_micro(f->p.caps.payment) + 1);
	judged(f, POLICY_REFUSE, "the price is 1.000001 USDC, at most 1.00 is paid (pay.cap_payment_usd)");
	f->terms.amount = micro(1);
	f->p.auto_below = usdc_zero();
	judged(f, POLICY_ASK, "0.000001 USDC is more");
}

static void policy_judge_must_ask_about_what_is_new_or_odd(void **state)
{
	struct fixture *f = *state;

	f->facts.payee_paid_before = false;
	judged(f, POLICY_ASK, "never paid before (pay.ask_new_payee)");
	f->p.ask_new_payee = false;
	judged(f, POLICY_AUTO, "");
	f->facts.other_host = true;
	judged(f, POLICY_ASK, "on another host");
	f->facts.other_host = false;
	f->terms.upfront = true;
	judged(f, POLICY_ASK, "before it works");
}

static void policy_judge_must_keep_a_price_that_was_named(void **state)
{
	struct fixture *f = *state;

	f->facts.have_max = true;
	f->facts.max = f->terms.amount;
	f->facts.payee_paid_before = false;
	f->p.auto_below = usdc_zero();
	judged(f, POLICY_AUTO, ""); /* the caller has answered what would be asked */
	f->facts.max = micro(usdc_to_micro(f->terms.amount) - 1);
	judged(f, POLICY_REFUSE, "the price is 0.05 USDC, more than the 0.049999 given");
	/* A generous price lifts no cap, and what is odd is asked about all the same. */
	f->facts.max = micro(INT64_MAX);
	f->terms.upfront = true;
	judged(f, POLICY_ASK, "before it works");
	f->terms.amount = micro(1000001);
	judged(f, POLICY_REFUSE, "over the cap for one payment");
}

static void policy_judge_must_refuse_payees_off_the_list(void **state)
{
	static const char *const one[] = { "pay.payees=" OTHER };
	static const char *const both[] = { "pay.payees=" OTHER " " PAYEE };
	struct fixture *f = *state;

	assert_int_equal(load(f, one, 1), ART_OK);
	judged(f, POLICY_REFUSE, "not one of pay.payees");
	assert_int_equal(load(f, both, 1), ART_OK);
	judged(f, POLICY_AUTO, "");
}

static void policy_judge_must_refuse_plain_http_unless_allowed(void **state)
{
	struct fixture *f = *state;

	f->facts.plain_http = true;
	judged(f, POLICY_REFUSE, "plain http");
	f->p.allow_http = true;
	judged(f, POLICY_AUTO, "");
}

/* All is wrong at once; put right one by one, the next in order speaks. */
static void policy_judge_must_say_the_worst_first(void **state)
{
	static const char *const over[] = { "pay.payees=" OTHER };
	struct fixture *f = *state;

	assert_int_equal(load(f, over, 1), ART_OK);
	f->chain.may_pay = false;
	f->terms.amount = micro(2000000);
	f->terms.upfront = true;
	f->facts = (struct policy_facts){ .terms = &f->terms, .plain_http = true, .other_host = true,
					  .frozen = true, .have_max = true, .max = micro(1) };
	judged(f, POLICY_REFUSE, "frozen: artui thaw");
	f->facts.frozen = false;
	judged(f, POLICY_REFUSE, "not one to pay on (pay.chains)");
	f->chain.may_pay = true;
	judged(f, POLICY_REFUSE, "not one of pay.payees");
	f->p.known_payees_only = false;
	judged(f, POLICY_REFUSE, "plain http");
	f->facts.plain_http = false;
	judged(f, POLICY_REFUSE, "more than the 0.000001 given");
	f->facts.have_max = false;
	judged(f, POLICY_REFUSE, "over the cap for one payment");
	f->terms.amount = micro(1000000);
	judged(f, POLICY_ASK, "on another host");
	f->facts.other_host = false;
	judged(f, POLICY_ASK, "before it works");
	f->terms.upfront = false;
	judged(f, POLICY_ASK, "more than is paid without asking");
	f->terms.amount = micro(1);
	judged(f, POLICY_ASK, "never paid before");
	f->facts.payee_paid_before = true;
	judged(f, POLICY_AUTO, "");
}

/* ---- the preview ------------------------------------------------------------------------------- */

static void policy_preview_must_say_all_that_is_signed(void **state)
{
	struct fixture *f = *state;
	struct payment_spent spent = { .payee = micro(4990000), .hour = micro(5100000), .night = micro(1),
				       .total = micro(0), .caps = f->p.caps };
	struct art_buf b;

	art_buf_init(&b, 1 << 14);
	policy_preview(&b, &f->terms, "POST", "https://w.example/x?a=1", 1795355020, &spent, true);
	assert_string_equal(b.data,
			    "To pay     0.05 USDC\n"
			    "to         " PAYEE ", paid before\n"
			    "on         base-sepolia, a test network (eip155:84532), token "
			    "0x036CbD53842c5426634e7929541eC2318f3dCF7e\n"
			    "for        POST https://w.example/x?a=1\n"
			    "expires    2026-11-22T13:43:40Z, in 300 s; it can be taken once until then\n"
			    "caps\n"
			    "           one payment: 1.00 of 1.00 USDC left\n"
			    "           this payee : 0.01 of 5.00 USDC left, not enough\n"
			    "           this hour  : 0.00 of 5.00 USDC left, not enough\n"
			    "           this night : 9.999999 of 10.00 USDC left\n"
			    "           ever       : 100.00 of 100.00 USDC left\n");
	art_buf_destroy(&b);
}

static void policy_preview_must_warn_and_show_nothing_raw(void **state)
{
	struct fixture *f = *state;
	struct payment_spent spent = { .caps = f->p.caps };
	struct art_buf b;

	f->chain = *chains_by_id(&f->chains, 8453);
	f->terms.upfront = true;
	art_buf_init(&b, 1 << 14);
	policy_preview(&b, &f->terms, "GET", "https://x/\x1b[2J\nTo pay     0.00 USDC", 1, &spent, false);
	assert_non_null(strstr(b.data, ", never paid before\n"));
	assert_non_null(strstr(b.data, "on         base (eip155:8453)"));
	assert_null(strstr(b.data, "test network"));
	assert_non_null(strstr(b.data, "before the work is done\n"));
	assert_null(strchr(b.data, 0x1b));
	assert_null(strstr(b.data, "\nTo pay     0.00"));
	art_buf_destroy(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(policy_load_must_take_the_defaults),
		T(policy_load_must_take_each_setting),
		T(policy_load_must_refuse_payees_that_are_none),
		T(policy_judge_must_pay_small_amounts_to_known_payees),
		T(policy_judge_must_ask_about_what_is_new_or_odd),
		T(policy_judge_must_keep_a_price_that_was_named),
		T(policy_judge_must_refuse_payees_off_the_list),
		T(policy_judge_must_refuse_plain_http_unless_allowed),
		T(policy_judge_must_say_the_worst_first),
		T(policy_preview_must_say_all_that_is_signed),
		T(policy_preview_must_warn_and_show_nothing_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
