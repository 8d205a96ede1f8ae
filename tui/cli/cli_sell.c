/*
 * cli_sell.c - see cli_sell.h.
 *
 * Layer: tui.
 */
#include "tui/cli/cli_sell.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_BUSY_MS 5000

enum art_status cli_open_place(struct cli *c, const struct cli_args *a, bool make, struct art_err *err)
{
	const char *dir = cli_text(a, "data", NULL);
	char real[PATH_MAX];
	enum art_status s;

	if (!dir)
		return cli_open_anywhere(c, err);
	s = cli_open_config(c, err);
	if (s == ART_OK && make)
		s = art_mkdirs(dir, 0700, err);
	if (s == ART_OK && !realpath(dir, real))
		s = art_fail_errno(err, "--data %.150s", dir);
	if (s == ART_OK && !art_copy(c->ws.root, sizeof(c->ws.root), real))
		s = art_fail(err, ART_LIMIT, "--data %.150s: the path is too long", real);
	if (s != ART_OK)
		return s;
	art_copy(c->ws.dir, sizeof(c->ws.dir), c->ws.root);
	return workspace_store(&c->ws, &c->store, make ? STORE_CREATE : 0, STORE_BUSY_MS, err);
}

static const char *facilitator_of(const struct selling *v, const struct cli_args *a)
{
	const char *f = cli_text(a, "facilitator", NULL);

	return f ? f : config_text(v->c->config, CONFIG_WORKER_FACILITATOR_KEY);
}

static enum art_status open_purse(struct selling *v, const struct cli_args *a, bool self, struct art_err *err)
{
	bool wanted = self || cli_given(a, "wallet") || cli_given(a, "password-file") || cli_given(a, "password-fd") ||
		      *config_text(v->c->config, CONFIG_WALLET_PASSWORD_FILE_KEY);
	struct purse_options o = { .config = v->c->config, .store = v->c->store, .ledger_dir = v->c->ws.dir,
				   .without_signer = !wanted, .wallet = cli_text(a, "wallet", NULL),
				   .password = cli_password(a) };
	enum art_status s = purse_open(&v->purse, &o, err);

	if (s == ART_OK && wanted && !v->purse.signer)
		s = art_fail(err, ART_NOT_FOUND, "%.200s", v->purse.no_wallet);
	if (s == ART_OK && wanted) {
		s = signer_unlock(v->purse.signer, &v->signer, err);
		v->has_signer = s == ART_OK;
	}
	return s;
}

static enum art_status payee(const struct selling *v, const struct cli_args *a, struct eth_address *out,
			     struct art_err *err)
{
	const char *to = cli_text(a, "pay-to", NULL);

	if (to)
		return eth_address_parse(to, out, err);
	if (!v->has_signer)
		return art_fail(err, ART_INVALID, "who is paid? --pay-to 0x... (or --wallet; a free worker has --price 0)");
	*out = v->signer;
	return ART_OK;
}

static enum art_status open_gate(struct selling *v, const struct cli_args *a, bool self, struct art_err *err)
{
	struct gate_options o = { .http = v->purse.http, .chains = &v->purse.chains, .keys = v->purse.keys,
				  .chain = v->chain, .facilitator = self ? NULL : facilitator_of(v, a),
				  .signer = v->has_signer ? v->purse.signer : NULL, .signer_address = v->signer };
	struct art_err why = { 0 };
	enum art_status s = payee(v, a, &o.pay_to, err);

	s = s ? s : gate_open(&v->gate, &o, err);
	if (s != ART_OK)
		return s;
	s = gate_check(v->gate, &why);
	if (s == ART_REFUSED)
		return art_fail(err, s, "%s", why.text);
	if (s != ART_OK)
		fprintf(stderr, "artui: %s; buyers are answered 503 until it is back\n", why.text);
	return ART_OK;
}

enum art_status cli_open_selling(struct cli *c, const struct cli_args *a, bool priced, struct selling *out,
				 struct art_err *err)
{
	const char *network = cli_text(a, "network", "base-sepolia");
	enum art_status s;
	bool self;

	memset(out, 0, sizeof(*out));
	out->c = c;
	out->bell = bell_new();
	s = cli_open_place(c, a, true, err);
	if (s != ART_OK)
		return s;
	store_attach_bell(c->store, out->bell);
	workspace_path(&c->ws, out->db, "artui.db");
	self = !strcmp(facilitator_of(out, a), "self");
	s = open_purse(out, a, self && priced, err);
	if (s != ART_OK)
		return s;
	out->chain = chains_by_network(&out->purse.chains, network);
	if (!out->chain)
		return art_fail(err, ART_INVALID, "--network %.60s: no such chain", network);
	return priced ? open_gate(out, a, self, err) : ART_OK;
}

void cli_close_selling(struct selling *v)
{
	gate_close(v->gate);
	purse_close(&v->purse);
	if (v->c) {
		store_close(v->c->store);
		v->c->store = NULL;
	}
	bell_free(v->bell);
	memset(v, 0, sizeof(*v));
}

enum art_status cli_write_port(const struct cli_args *a, int port, struct art_err *err)
{
	const char *file = cli_text(a, "port-file", NULL);
	char text[16];

	if (!file)
		return ART_OK;
	snprintf(text, sizeof(text), "%d\n", port);
	return art_write_file(file, text, strlen(text), 0644, err);
}
