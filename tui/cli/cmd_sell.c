/*
 * cmd_sell.c - artui sell: any local HTTP service, behind a payment.
 *
 * Layer: tui.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli_sell.h"
#include "worker/serve/sell.h"

#define CONNECTIONS 1024 /* to the service at once; what is more waits */
#define GRACE_MS 10000   /* at the end, for what is under way */

static void say(void *arg, const char *line)
{
	struct cli *c = arg;

	cli_print_text(c, line, false);
	fflush(c->out);
}

/* A file name, a word in a URL and in a table alike. */
static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n < 64 && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] &&
	       strcmp(name, "experiment") != 0;
}

struct place {
	struct selling v;
	struct http *http; /* to the service */
	struct sell_options opt;
	const char *paths[SELL_FREE_MAX + 1];
	char pay_to[ETH_ADDRESS_TEXT];
	struct sell *sell;
};

static enum art_status start(struct cli *c, const struct cli_args *a, struct place *x, struct art_err *err)
{
	struct sell_options *o = &x->opt;
	struct selling *v = &x->v;
	enum art_status s;

	o->upstream = cli_text(a, "upstream", NULL);
	if (!o->upstream)
		return art_fail(err, ART_INVALID, "--upstream URL: which service is sold?");
	if (!cli_given(a, "price"))
		return art_fail(err, ART_INVALID, "--price USD: what does one request cost?");
	o->price = cli_money(a, "price", usdc_zero());
	if (!usdc_to_micro(o->price))
		return art_fail(err, ART_INVALID, "--price 0: a free service needs no seller");
	s = http_open(&x->http, &(struct http_options){ .max_connections = CONNECTIONS }, err);
	s = s ? s : cli_open_selling(c, a, true, v, err);
	if (s != ART_OK)
		return s;
	for (int i = 0; i < a->n_list && i < SELL_FREE_MAX; i++)
		x->paths[i] = a->list[i];
	o->free_paths = a->n_list ? x->paths : NULL;
	o->listen = cli_text(a, "listen", "127.0.0.1:8402");
	o->public_url = cli_text(a, "public-url", NULL);
	o->description = cli_text(a, "description", NULL);
	o->gate = v->gate;
	o->network = v->chain->name;
	o->pay_to = cli_text(a, "pay-to", eth_address_text(&v->signer, x->pay_to));
	o->settle = !strcmp(cli_text(a, "settle", "after"), "upfront") ? GATE_SETTLE_UPFRONT : GATE_SETTLE_AFTER;
	o->max_body = (size_t)cli_int(a, "max-body-mb", 10) << 20;
	o->timeout_s = cli_int(a, "timeout", 0);
	o->grace_ms = GRACE_MS;
	o->http = x->http;
	o->bell = v->bell;
	o->db = v->db;
	o->say = say;
	o->arg = c;
	s = sell_open(&x->sell, o, err);
	return s ? s : cli_write_port(a, sell_port(x->sell), err);
}

static void tell(struct cli *c, const struct place *x)
{
	const struct sell_options *o = &x->opt;
	char money[MONEY_TEXT], *line;

	line = art_printf("selling     %s on %s, port %d\nbehind it   %s\nprice       %s USDC a request on %s, to %s, taken %s\n", o->name,
			  o->listen, sell_port(x->sell), o->upstream, usdc_text(o->price, money), o->network, o->pay_to,
			  o->settle == GATE_SETTLE_UPFRONT ? "before it" : "after the answer");
	cli_print_text(c, line, true);
	free(line);
	fflush(c->out);
}

static int run_http(struct cli *c, const struct cli_args *a)
{
	struct place *x = art_alloc(1, sizeof(*x));
	struct cli_stop stop = { .fd = -1 };
	struct art_err err = { 0 };
	enum art_status s;

	x->opt.name = a->operands[1];
	s = c->catch_stop(&stop, &err);
	s = s ? s : start(c, a, x, &err);
	if (s == ART_OK)
		tell(c, x);
	while (s == ART_OK && !stop.requested()) {
		struct pollfd fd = { .fd = stop.fd, .events = POLLIN };

		poll(&fd, 1, -1);
	}
	sell_close(x->sell);
	http_close(x->http);
	cli_close_selling(&x->v);
	if (stop.fd >= 0)
		close(stop.fd);
	free(x);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

int cmd_sell(struct cli *c, const struct cli_args *a)
{
	if (strcmp(a->operands[0], "http") != 0)
		return cli_usage(a->command, "there is no sell %s: http", a->operands[0]);
	if (a->n_operands != 2)
		return cli_usage(a->command, "sell http needs a NAME");
	if (!name_ok(a->operands[1]))
		return cli_usage(a->command, "'%s' is no name: letters, digits, - _ .", a->operands[1]);
	return run_http(c, a);
}
