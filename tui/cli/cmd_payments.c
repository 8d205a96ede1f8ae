/*
 * cmd_payments.c - the ledger on paper: payments, what is left under the caps, reconciling, CSV.
 *
 * Layer: tui.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli_money.h"

#define DAY_US (86400 * (int64_t)1000000)

struct wallet_password cli_password(const struct cli_args *a)
{
	return (struct wallet_password){ .file = cli_text(a, "password-file", NULL),
					 .fd = (int)cli_int(a, "password-fd", 0) };
}

bool cli_ask(const char *question)
{
	/* Who cannot see what is going to be signed is not asked. */
	FILE *tty = isatty(STDERR_FILENO) ? fopen("/dev/tty", "re") : NULL;
	char answer[16] = "";

	if (!tty)
		return false;
	fprintf(stderr, "%s [y/N] ", question);
	if (!fgets(answer, sizeof(answer), tty))
		answer[0] = 0;
	fclose(tty);
	return answer[0] == 'y' || answer[0] == 'Y';
}

void cli_payment_json(struct json_out *o, const struct payment_row *row)
{
	char text[32];

	json_put_int(o, "id", row->id);
	json_put_str(o, "state", payment_state_text(row->state));
	snprintf(text, sizeof(text), "%lld", (long long)usdc_to_micro(row->amount));
	json_put_str(o, "amount", text);
	json_put_f64(o, "amount_usd", (double)usdc_to_micro(row->amount) / 1e6);
	json_put_str(o, "asset", row->asset);
	json_put_str(o, "network", row->network);
	json_put_str(o, "pay_to", row->pay_to);
	json_put_str(o, "payer", row->payer);
	json_put_str(o, "method", row->method);
	json_put_str(o, "url", row->url);
	if (row->run_id)
		json_put_int(o, "run", row->run_id);
	else
		json_put_null(o, "run");
	json_put_str(o, "nonce", row->nonce);
	json_put_str(o, "transaction", row->transaction[0] ? row->transaction : NULL);
	json_put_int(o, "x402_version", row->x402_version);
	json_put_str(o, "payment_id", row->payment_id);
	if (row->status)
		json_put_int(o, "status", row->status);
	else
		json_put_null(o, "status");
	json_put_str(o, "reason", row->reason[0] ? row->reason : NULL);
	json_put_bool(o, "may_still_move", !row->dead && row->state != PAYMENT_SETTLED);
	json_put_bool(o, "seen_on_chain", row->checked && !row->dead);
	json_put_time(o, "valid_before", row->valid_before * 1000000);
	json_put_time(o, "created_at", row->created_at);
	json_put_time(o, "sent_at", row->sent_at);
	json_put_time(o, "ended_at", row->ended_at);
}

static void print_json(struct cli *c, const struct payment_list *l)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++) {
		json_open_object(&o, NULL);
		cli_payment_json(&o, &l->rows[i]);
		json_close_object(&o);
	}
	cli_array_close(c, &o);
}

/* RFC 4180; a cell that a spreadsheet would run as a formula is quoted away with an apostrophe. */
static void csv_cell(struct art_buf *b, const char *s, bool last)
{
	art_buf_put(b, "\"");
	if (strchr("=+-@\t\r", s[0]) && s[0])
		art_buf_put(b, "'");
	for (; *s; s++) {
		char one[3] = { *s, 0, 0 };

		if (*s == '"')
			one[1] = '"';
		art_buf_put(b, one);
	}
	art_buf_put(b, last ? "\"\r\n" : "\",");
}

static void print_csv(struct cli *c, const struct payment_list *l)
{
	struct art_buf b;
	char text[64];

	art_buf_init(&b, CLI_JSON_MAX);
	art_buf_put(&b, "id,created_at,state,amount_usd,network,asset,payer,pay_to,transaction,"
			"method,url,run,nonce,reason\r\n");
	for (size_t i = l->n; i-- > 0;) {
		const struct payment_row *r = &l->rows[i];

		snprintf(text, sizeof(text), "%lld", (long long)r->id);
		csv_cell(&b, text, false);
		csv_cell(&b, art_time_iso(r->created_at, text, sizeof(text)), false);
		csv_cell(&b, payment_state_text(r->state), false);
		csv_cell(&b, usdc_text(r->amount, text), false);
		csv_cell(&b, r->network, false);
		csv_cell(&b, r->asset, false);
		csv_cell(&b, r->payer, false);
		csv_cell(&b, r->pay_to, false);
		csv_cell(&b, r->transaction, false);
		csv_cell(&b, r->method, false);
		csv_cell(&b, r->url, false);
		snprintf(text, sizeof(text), "%lld", (long long)r->run_id);
		csv_cell(&b, r->run_id ? text : "", false);
		csv_cell(&b, r->nonce, false);
		csv_cell(&b, r->reason, true);
	}
	fwrite(b.data, 1, b.len, c->out);
	art_buf_destroy(&b);
}

static enum cli_colour state_colour(const struct payment_row *r)
{
	switch (r->state) {
	case PAYMENT_SETTLED:
		return CLI_GREEN;
	case PAYMENT_UNKNOWN:
	case PAYMENT_SENT:
		return CLI_YELLOW;
	case PAYMENT_REFUSED:
		return r->dead ? CLI_DIM : CLI_YELLOW;
	case PAYMENT_EXPIRED:
		return CLI_DIM;
	case PAYMENT_RESERVED:
	case PAYMENT_SIGNED:
	case PAYMENT_STATE_COUNT:
		break;
	}
	return CLI_PLAIN;
}

static void print_table(struct cli *c, const struct payment_list *l)
{
	static const struct cli_column columns[] = {
		{ "ID", true, 0, 0 },       { "WHEN", false, 0, 3 },  { "STATE", false, 0, 0 },
		{ "USDC", true, 0, 0 },     { "NETWORK", false, 0, 4 }, { "PAYEE", false, 12, 2 },
		{ "WHAT", false, 16, 0 },   { "TRANSACTION", false, 12, 1 },
	};
	struct cli_table t;
	char money[MONEY_TEXT], iso[32];

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct payment_row *r = &l->rows[i];

		cli_table_row(&t, state_colour(r));
		cli_table_cell(&t, "%lld", (long long)r->id);
		cli_table_cell(&t, "%s", art_time_iso(r->created_at, iso, sizeof(iso)));
		cli_table_cell(&t, "%s", payment_state_text(r->state));
		cli_table_cell(&t, "%s", usdc_text(r->amount, money));
		cli_table_cell(&t, "%s", r->network);
		cli_table_cell(&t, "%s", r->pay_to);
		cli_table_cell(&t, "%s %s", r->method, r->url);
		cli_table_cell(&t, "%s", r->transaction[0] ? r->transaction : r->reason);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

/* "0.15 of 5.00 this hour, ..." */
static enum art_status print_spent(struct cli *c, struct art_err *err)
{
	struct policy policy;
	struct payment_window w = { art_now_us(), art_now_us() - DAY_US };
	struct payment_spent s;
	char a[MONEY_TEXT], b[MONEY_TEXT];
	enum art_status st = policy_load(&policy, c->config, err);

	if (st == ART_OK)
		st = payment_spent(c->store, "", &policy.caps, &w, &s, err);
	if (st != ART_OK)
		return st;
	fprintf(c->out, "spent or still open: %s of %s USDC this hour", usdc_text(s.hour, a),
		usdc_text(policy.caps.hour, b));
	fprintf(c->out, ", %s of %s in 24 hours", usdc_text(s.night, a),
		usdc_text(policy.caps.night, b));
	fprintf(c->out, ", %s of %s ever\n", usdc_text(s.total, a), usdc_text(policy.caps.total, b));
	return ART_OK;
}

struct reconciling {
	struct cli *c;
	bool json;
	struct art_buf b;
	struct json_out o;
};

static void reconciled(void *arg, const struct payment_row *row, const char *words)
{
	struct reconciling *r = arg;
	char clean[256];

	if (r->json) {
		json_open_object(&r->o, NULL);
		cli_payment_json(&r->o, row);
		json_put_str(&r->o, "finding", words);
		json_close_object(&r->o);
		return;
	}
	art_text_clean(clean, sizeof(clean), words, strlen(words), false);
	fprintf(r->c->out, "payment %lld: %s: %s\n", (long long)row->id,
		payment_state_text(row->state), clean);
}

static int reconcile(struct cli *c, const struct cli_args *a)
{
	struct purse_options opt = { .config = c->config, .store = c->store,
				     .ledger_dir = c->ws.dir, .without_signer = true };
	struct reconciling r = { .c = c, .json = cli_given(a, "json") };
	struct purse purse;
	struct art_err err;
	int open = 0;
	enum art_status s = purse_open(&purse, &opt, &err);

	if (s != ART_OK)
		return cli_fail(&err);
	art_buf_init(&r.b, CLI_JSON_MAX);
	json_out_init(&r.o, &r.b, true);
	json_open_array(&r.o, NULL);
	s = pay_reconcile(&purse.pay, reconciled, &r, &open, &err);
	json_close_array(&r.o);
	purse_close(&purse);
	if (s == ART_OK && r.json)
		cli_print_json(c, &r.b);
	else if (s == ART_OK)
		fprintf(c->out, open ? "%d open or not seen on the chain yet\n" : "nothing is open\n", open);
	art_buf_destroy(&r.b);
	if (s != ART_OK)
		return cli_fail(&err);
	return open ? CLI_UNKNOWN : CLI_DONE;
}

int cmd_payments(struct cli *c, const struct cli_args *a)
{
	struct payment_query q = { .limit = cli_int(a, "limit", 0) };
	const char *state = cli_text(a, "state", NULL);
	struct payment_list list = { 0 };
	struct art_err err;
	enum payment_state want;
	enum art_status s;

	if (a->n_operands && strcmp(a->operands[0], "reconcile") != 0)
		return cli_usage(a->command, "payments %.40s: reconcile is all it can do besides listing", a->operands[0]);
	if (a->n_operands && (state || cli_given(a, "csv") || cli_given(a, "match") || cli_given(a, "limit")))
		return cli_usage(a->command, "reconcile looks at every open payment and takes --json alone");
	if (cli_given(a, "json") && cli_given(a, "csv"))
		return cli_usage(a->command, "--json or --csv, not both");
	if (state && !payment_state_parse(state, &want))
		return cli_usage(a->command, "--state: there is no state '%.40s': reserved, signed, sent, "
				 "settled, refused, expired or unknown", state);
	if (state)
		q.states = 1u << want;
	art_copy(q.match, sizeof(q.match), cli_text(a, "match", ""));
	if (cli_open_anywhere(c, &err) != ART_OK)
		return cli_fail(&err);
	if (a->n_operands)
		return reconcile(c, a);
	s = payment_query(c->store, &q, &list, &err);
	if (s == ART_OK && cli_given(a, "json")) {
		print_json(c, &list);
	} else if (s == ART_OK && cli_given(a, "csv")) {
		print_csv(c, &list);
	} else if (s == ART_OK) {
		if (list.n)
			print_table(c, &list);
		else
			fputs("no payments\n", c->out);
		s = print_spent(c, &err);
	}
	payment_list_destroy(&list);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}
