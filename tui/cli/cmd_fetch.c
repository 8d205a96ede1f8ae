/*
 * cmd_fetch.c - artui fetch: ask for a URL, and pay for it when it asks for money.
 *
 * Layer: tui.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tui/cli/cli_money.h"

#define BODY_MAX (16u << 20)

struct fetching {
	struct cli *c;
	const struct cli_args *a;
	struct art_buf body;         /* what -d gave */
	const char *headers[CLI_LIST_MAX + 2];
	struct pay_call call;
	struct pay_result result;
	bool previewed;              /* a person has seen what would be signed */
};

/* ---- the request ------------------------------------------------------------------------------- */

static enum art_status read_stdin(struct art_buf *b, struct art_err *err)
{
	char part[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
		if (art_buf_add(b, part, (size_t)n) != ART_OK)
			return art_fail(err, ART_LIMIT, "standard input: more than %u bytes", BODY_MAX);
	return n == 0 ? ART_OK : art_fail_errno(err, "standard input");
}

static enum art_status read_data(struct fetching *f, const char *data, struct art_err *err)
{
	if (data[0] != '@')
		return art_buf_add(&f->body, data, strlen(data)) == ART_OK
			       ? ART_OK
			       : art_fail(err, ART_LIMIT, "-d: more than %u bytes", BODY_MAX);
	if (!strcmp(data, "@-"))
		return read_stdin(&f->body, err);
	return art_read_file(&f->body, data + 1, BODY_MAX, err);
}

static bool has_header(const struct fetching *f, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < f->call.n_headers; i++)
		if (!strncasecmp(f->headers[i], name, n) && f->headers[i][n] == ':')
			return true;
	return false;
}

/* "Name: value" with a name of RFC 9110's characters: a blank before the colon would hide whose it is. */
static bool header_ok(const char *h)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strspn(h, token);

	if (!n || h[n] != ':')
		return false;
	for (h += n; *h; h++)
		if (((unsigned char)*h < ' ' && *h != '\t') || *h == 0x7f)
			return false;
	return true;
}

static enum art_status take_headers(struct fetching *f, struct art_err *err)
{
	static const char *const ours[] = { "PAYMENT-SIGNATURE", "X-PAYMENT", "Content-Length",
					    "Transfer-Encoding" };

	for (int i = 0; i < f->a->n_list; i++) {
		const char *h = f->a->list[i];

		if (!header_ok(h))
			return art_fail(err, ART_INVALID, "-H '%.100s': a header is one line 'Name: value'", h);
		f->headers[f->call.n_headers++] = h;
	}
	for (size_t i = 0; i < ART_COUNT(ours); i++)
		if (has_header(f, ours[i]))
			return art_fail(err, ART_INVALID, "-H: %s is set by artui itself", ours[i]);
	return ART_OK;
}

/* JSON says so by itself; for the rest the caller knows better than a guess. */
static void guess_type(struct fetching *f)
{
	struct json *j;

	if (!f->call.body || has_header(f, "Content-Type"))
		return;
	if (json_parse(&j, f->body.data ? f->body.data : "", f->body.len, BODY_MAX, NULL) == ART_OK) {
		f->headers[f->call.n_headers++] = "Content-Type: application/json";
		json_free(j);
	} else {
		f->headers[f->call.n_headers++] = "Content-Type: application/octet-stream";
	}
}

static bool method_ok(const char *m)
{
	size_t n = strlen(m);

	return n && n < 16 && strspn(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static enum art_status check_password(const struct cli_args *a, struct art_err *err)
{
	int fd = (int)cli_int(a, "password-fd", 0);

	if (fd && cli_given(a, "password-file"))
		return art_fail(err, ART_INVALID, "the password comes from --password-file or --password-fd, "
				"not from both");
	/* Now: the next descriptor to be opened could get its number. */
	if (fd && fcntl(fd, F_GETFD) < 0)
		return art_fail(err, ART_INVALID, "--password-fd %d: no such descriptor is open", fd);
	return ART_OK;
}

static enum art_status build_call(struct fetching *f, struct art_err *err)
{
	const struct cli_args *a = f->a;
	const char *data = cli_text(a, "data", NULL);
	struct http_url url;
	enum art_status s = strstr(a->operands[0], "://")
				    ? http_url_parse(a->operands[0], &url, err)
				    : art_fail(err, ART_INVALID, "'%.150s' is no URL: one begins with "
					       "http:// or https://", a->operands[0]);

	if (s == ART_OK && data)
		s = read_data(f, data, err);
	f->call.url = a->operands[0];
	f->call.method = cli_text(a, "request", data ? "POST" : "GET");
	if (s == ART_OK && !method_ok(f->call.method))
		s = art_fail(err, ART_INVALID, "-X %.40s: a method is upper-case letters",
			     f->call.method);
	if (data) {
		f->call.body = f->body.data ? f->body.data : "";
		f->call.body_len = f->body.len;
	}
	f->call.headers = f->headers;
	if (s == ART_OK)
		s = take_headers(f, err);
	if (s != ART_OK)
		return s;
	guess_type(f);
	f->call.deadline_ms = cli_int(a, "timeout", 0) * 1000;
	f->call.key = cli_text(a, "id", NULL);
	f->call.have_max = cli_given(a, "max-usd");
	f->call.max = cli_money(a, "max-usd", usdc_zero());
	f->call.dry_run = cli_given(a, "dry-run");
	return ART_OK;
}

/* ---- talking to a person ----------------------------------------------------------------------- */

static void preview(void *arg, const char *text)
{
	struct fetching *f = arg;

	if (cli_given(f->a, "json"))
		return;
	fputs(text, stderr);
	f->previewed = true;
}

static bool ask(void *arg, const char *why)
{
	struct fetching *f = arg;
	char question[300];

	if (cli_given(f->a, "yes"))
		return true;
	if (cli_given(f->a, "json"))
		return false; /* a script reads: not now */
	snprintf(question, sizeof(question), "%.250s\nPay?", why);
	return cli_ask(question);
}

static void tell(void *arg, const char *line)
{
	struct fetching *f = arg;

	if (!cli_given(f->a, "json"))
		fprintf(stderr, "artui: %s\n", line);
}

/* ---- the answer -------------------------------------------------------------------------------- */

static bool good(const struct http_response *r)
{
	return r->trouble == HTTP_ANSWERED && r->status >= 200 && r->status < 300;
}

static void quote_json(struct json_out *o, const struct pay_result *r)
{
	const struct x402_terms *t = &r->terms;
	char text[64];

	if (!r->quoted && !r->offered) {
		json_put_null(o, "quote");
		return;
	}
	json_open_object(o, "quote");
	if (r->quoted) {
		snprintf(text, sizeof(text), "%lld", (long long)usdc_to_micro(t->amount));
		json_put_str(o, "amount", text);
		json_put_f64(o, "amount_usd", (double)usdc_to_micro(t->amount) / 1e6);
		json_put_str(o, "asset", eth_address_text(&t->asset, text));
		json_put_str(o, "network", t->chain->caip2);
		json_put_str(o, "pay_to", eth_address_text(&t->pay_to, text));
	} else {
		json_put_str(o, "amount", r->offer.amount);
		json_put_null(o, "amount_usd");
		json_put_str(o, "asset", r->offer.asset);
		json_put_str(o, "network", r->offer.network);
		json_put_str(o, "pay_to", r->offer.pay_to);
	}
	json_put_str(o, "scheme", r->offered ? r->offer.scheme : "exact");
	json_put_int(o, "x402_version", r->x402_version);
	json_close_object(o);
}

static void payment_json(struct json_out *o, const struct pay_result *r)
{
	if (!r->paying) {
		json_put_null(o, "payment");
		return;
	}
	json_open_object(o, "payment");
	cli_payment_json(o, &r->payment);
	json_close_object(o);
}

static void body_json(struct json_out *o, const struct http_response *r)
{
	const char *p = r->body.data ? r->body.data : "";
	struct art_buf b64;

	if (art_utf8_valid(p, r->body.len, NULL) && !memchr(p, 0, r->body.len)) {
		json_put_str(o, "body", p);
		return;
	}
	json_put_null(o, "body");
	art_buf_init(&b64, 2 * r->body.len + 16);
	if (base64_encode(p, r->body.len, &b64))
		json_put_str(o, "body_base64", b64.data);
	art_buf_destroy(&b64);
}

static void print_result_json(struct fetching *f, const char *error)
{
	const struct pay_result *r = &f->result;
	struct art_buf b;
	struct json_out o;

	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	if (r->answer.status)
		json_put_int(&o, "status", r->answer.status);
	else
		json_put_null(&o, "status");
	body_json(&o, &r->answer);
	quote_json(&o, r);
	payment_json(&o, r);
	json_put_bool(&o, "refused", r->refused_by_policy);
	json_put_bool(&o, "would_ask", r->asked);
	json_put_str(&o, "note", error ? error : r->words[0] ? r->words : NULL);
	json_close_object(&o);
	cli_print_json(f->c, &b);
	art_buf_destroy(&b);
}

static void print_quote(const struct pay_result *r)
{
	const struct x402_terms *t = &r->terms;
	char money[MONEY_TEXT], payee[ETH_ADDRESS_TEXT];

	if (!r->quoted)
		return;
	fprintf(stderr, "artui: asks %s USDC on %s for %s (x402 version %d, valid %lld s)\n",
		usdc_text(t->amount, money), t->chain->name, eth_address_text(&t->pay_to, payee),
		r->x402_version, (long long)t->max_timeout_s);
}

static void print_payment(const struct pay_result *r)
{
	char money[MONEY_TEXT];

	if (!r->paying)
		return;
	fprintf(stderr, "artui: payment %lld: %s USDC, %s%s%s\n", (long long)r->payment.id,
		usdc_text(r->payment.amount, money), payment_state_text(r->payment.state),
		r->payment.transaction[0] ? " in " : "", r->payment.transaction);
}

static enum art_status write_body(struct fetching *f, struct art_err *err)
{
	const struct http_response *r = &f->result.answer;
	const char *path = cli_text(f->a, "output", NULL);

	if (path)
		return art_write_file(path, r->body.data ? r->body.data : "", r->body.len, 0644, err);
	if (!r->body.len)
		return ART_OK;
	if (f->c->tty)
		cli_print_text(f->c, r->body.data, true);
	else
		fwrite(r->body.data, 1, r->body.len, f->c->out);
	return ART_OK;
}

static int exit_of(const struct fetching *f, enum art_status s)
{
	const struct pay_result *r = &f->result;

	if (r->refused_by_policy)
		return CLI_POLICY;
	if (s == ART_OK && good(&r->answer))
		return CLI_DONE;
	if (r->paying && (r->payment.state == PAYMENT_SENT || r->payment.state == PAYMENT_UNKNOWN))
		return CLI_UNKNOWN;
	/* A quote is all a dry run wants. */
	return s == ART_OK && f->call.dry_run && r->quoted ? CLI_DONE : CLI_FAILED;
}

/* The body to where it belongs. What was paid for and cannot be stored is printed instead of lost. */
static int deliver(struct fetching *f, int rc)
{
	const struct art_buf *body = &f->result.answer.body;
	struct art_err err = { 0 };

	if (write_body(f, &err) == ART_OK)
		return rc;
	cli_fail(&err);
	if (f->result.paying && !cli_given(f->a, "json") && body->len) {
		fputs("artui: the body follows on standard output\n", stderr);
		fwrite(body->data, 1, body->len, f->c->out);
	}
	return rc == CLI_UNKNOWN ? rc : CLI_FAILED;
}

static int report(struct fetching *f, enum art_status s, const struct art_err *err)
{
	struct pay_result *r = &f->result;
	/* Then the answer is the challenge, and the body that of a 402. */
	bool only_quoted = r->refused_by_policy || (f->call.dry_run && r->quoted);
	char clean[sizeof(r->words)];
	int rc = exit_of(f, s);

	if (cli_given(f->a, "json")) {
		print_result_json(f, s == ART_OK ? NULL : err->text);
		return !only_quoted && cli_given(f->a, "output") ? deliver(f, rc) : rc;
	}
	if (only_quoted && !f->previewed)
		print_quote(r);
	print_payment(r);
	if (s != ART_OK)
		cli_fail(err);
	else if (r->words[0]) {
		art_text_clean(clean, sizeof(clean), r->words, strlen(r->words), false);
		fprintf(stderr, "artui: %s%s\n", f->call.dry_run && r->asked ? "would ask first: " : "",
			clean);
	}
	if (!only_quoted && !good(&r->answer) && r->answer.status)
		fprintf(stderr, "artui: HTTP status %d\n", r->answer.status);
	if (rc == CLI_UNKNOWN)
		fputs("artui: the money may have been taken: the same command sends the same signed payment "
		      "again, artui payments reconcile asks the chain\n", stderr);
	return only_quoted ? rc : deliver(f, rc);
}

int cmd_fetch(struct cli *c, const struct cli_args *a)
{
	struct fetching f = { .c = c, .a = a };
	struct purse_options opt = { 0 };
	struct purse purse = { 0 };
	struct art_err err = { 0 };
	enum art_status s;
	int rc;

	art_buf_init(&f.body, BODY_MAX);
	pay_result_init(&f.result);
	f.call.preview = preview;
	f.call.ask = ask;
	f.call.say = tell;
	f.call.arg = &f;
	s = check_password(a, &err);
	s = s ? s : build_call(&f, &err);
	if (s == ART_INVALID) {
		rc = cli_usage(a->command, "%s", err.text);
		goto out;
	}
	if (s == ART_OK)
		s = cli_open_anywhere(c, &err);
	opt = (struct purse_options){
		.config = c->config, .store = c->store, .ledger_dir = c->ws.dir,
		.without_signer = f.call.dry_run, .wallet = cli_text(a, "wallet", NULL),
		.password = cli_password(a), .have_max = f.call.have_max, .max = f.call.max,
	};
	if (s == ART_OK)
		s = purse_open(&purse, &opt, &err);
	if (s != ART_OK) {
		rc = cli_fail(&err);
		goto out;
	}
	s = pay_fetch(&purse.pay, &f.call, &f.result, &err);
	/* Which of several reasons there is no wallet only the purse knows. */
	if (s == ART_OK && f.result.no_wallet)
		snprintf(f.result.words, sizeof(f.result.words), "%s", purse.no_wallet);
	rc = report(&f, s, &err);
out:
	purse_close(&purse);
	pay_result_destroy(&f.result);
	art_buf_destroy(&f.body);
	return rc;
}
