/*
 * purse.c - opening what paying needs.
 *
 * Layer: core.
 */
#include "core/pay/purse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pay/wallet.h"

enum art_status purse_user_ledger(struct workspace *w, bool make, struct art_err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char dir[WORKSPACE_PATH_MAX];
	struct store *st = NULL;
	enum art_status s;

	if (data && data[0] == '/')
		snprintf(dir, sizeof(dir), "%s/artui", data);
	else if (home && home[0] == '/')
		snprintf(dir, sizeof(dir), "%s/.local/share/artui", home);
	else
		return art_fail(err, ART_NOT_FOUND, "no workspace here and no HOME for a ledger: "
				"artui init makes a workspace");
	if (strlen(dir) + 200 > sizeof(w->dir))
		return art_fail(err, ART_LIMIT, "%.150s: the path is too long", dir);
	memset(w, 0, sizeof(*w));
	art_copy(w->root, sizeof(w->root), dir);
	art_copy(w->dir, sizeof(w->dir), dir);
	s = make ? art_mkdirs(dir, 0700, err) : ART_OK;
	if (s == ART_OK)
		s = workspace_store(w, &st, make ? STORE_CREATE : STORE_READ_ONLY, 3000, err);
	store_close(st);
	return s;
}

/* What the signer may sign at most, whatever it is told later. */
static void fill_policy(struct signer_policy *sp, const struct purse *p,
			const struct purse_options *opt)
{
	const struct payment_caps *caps = &p->policy.caps;

	for (int i = 0; i < p->chains.n && sp->n_tokens < SIGNER_TOKENS_MAX; i++) {
		const struct chain *chain = &p->chains.list[i];

		if (chain->may_pay && !eth_address_is_zero(&chain->usdc))
			sp->tokens[sp->n_tokens++].domain = chain_usdc_domain(chain);
	}
	sp->n_payees = p->policy.n_payees;
	memcpy(sp->payees, p->policy.payees, sizeof(sp->payees));
	sp->cap_payment = caps->payment;
	if (opt->have_max && usdc_cmp(opt->max, caps->payment) < 0)
		sp->cap_payment = opt->max;
	sp->cap_hour = caps->hour;
	sp->cap_day = caps->night;
	sp->cap_total = caps->total;
	sp->max_window_s = p->policy.max_window_s;
	sp->max_fee_wei = (uint64_t)config_int(opt->config, CONFIG_PAY_MAX_FEE_KEY) * 1000000000u;
}

/* The key source: a remote signer's address, or a keystore file. NOT_FOUND: no wallet. */
static enum art_status fill_wallet(struct signer_setup *setup, struct purse *p,
				   const struct purse_options *opt, struct art_err *err)
{
	const char *url = config_text(opt->config, CONFIG_WALLET_REMOTE_URL_KEY);
	const char *file = opt->password.file
				   ? opt->password.file
				   : config_text(opt->config, CONFIG_WALLET_PASSWORD_FILE_KEY);
	struct wallet_ref ref;
	enum art_status s;

	if (*url) {
		const char *name = opt->wallet ? opt->wallet
					       : config_text(opt->config, CONFIG_WALLET_NAME_KEY);

		if (eth_address_parse(name, &setup->remote, NULL) != ART_OK)
			return art_fail(err, ART_INVALID, "wallet.remote_url is set, so wallet.name "
					"must be the address it signs for");
		setup->is_remote = true;
		p->remote.url = url;
		return ART_OK;
	}
	s = wallet_find(opt->config, opt->wallet, &ref, err);
	if (s != ART_OK)
		return s;
	if (!art_copy(setup->keystore, sizeof(setup->keystore), ref.path) ||
	    !art_copy(setup->password_file, sizeof(setup->password_file),
		      opt->password.fd > 0 ? "" : file))
		return art_fail(err, ART_LIMIT, "the path of a wallet or password file is too long");
	setup->password_fd = opt->password.fd;
	return ART_OK;
}

static enum art_status read_token(struct purse *p, const struct config *c, struct art_err *err)
{
	const char *file = config_text(c, CONFIG_WALLET_REMOTE_TOKEN_FILE_KEY);
	struct wallet_password from = { .file = file };
	char text[KEYSTORE_PASSWORD_MAX];
	size_t n;
	enum art_status s;

	p->remote.token = p->token;
	if (!p->remote.url || !*file)
		return ART_OK;
	s = wallet_password_read(&from, "", false, text, &n, err);
	if (s == ART_OK && n >= sizeof(p->token))
		s = art_fail(err, ART_LIMIT, "%.150s: the token is too long", file);
	if (s == ART_OK) {
		memcpy(p->token, text, n);
		p->token[n] = 0;
	}
	keys_wipe(text, sizeof(text));
	return s;
}

static enum art_status start_signer(struct purse *p, const struct purse_options *opt,
				    struct art_err *err)
{
	struct signer_setup *setup;
	enum art_status s;

	if (opt->without_signer) {
		art_copy(p->no_wallet, sizeof(p->no_wallet), "none is needed here");
		return ART_OK;
	}
	setup = art_alloc(1, sizeof(*setup));
	fill_policy(&setup->policy, p, opt);
	art_copy(setup->state_dir, sizeof(setup->state_dir), p->state_dir);
	s = fill_wallet(setup, p, opt, err);
	if (s == ART_NOT_FOUND) {
		snprintf(p->no_wallet, sizeof(p->no_wallet), "%.250s", err ? err->text : "no wallet");
		s = ART_OK;
	} else if (s == ART_OK) {
		s = signer_start(&p->signer, setup, err);
	}
	free(setup);
	return s;
}

enum art_status purse_open(struct purse *out, const struct purse_options *opt, struct art_err *err)
{
	struct art_err local = { 0 };
	struct http_options http = { 0 };
	const char *agent = config_text(opt->config, CONFIG_NET_USER_AGENT_KEY);
	enum art_status s;

	memset(out, 0, sizeof(*out));
	err = err ? err : &local;
	s = chains_load(&out->chains, opt->config, err);
	if (s == ART_OK)
		s = policy_load(&out->policy, opt->config, err);
	if (s == ART_OK)
		s = signer_state_dir(out->state_dir, err);
	if (s == ART_OK)
		s = start_signer(out, opt, err);
	if (s == ART_OK)
		s = read_token(out, opt->config, err);
	if (s == ART_OK)
		s = keys_open(&out->keys, err);
	http.user_agent = *agent ? agent : NULL;
	if (s == ART_OK)
		s = http_open(&out->http, &http, err);
	if (s != ART_OK) {
		purse_close(out);
		return s;
	}
	snprintf(out->lock_path, sizeof(out->lock_path), "%.1000s/payments.lock",
		 opt->ledger_dir ? opt->ledger_dir : ".");
	out->remote.http = out->http;
	out->remote.keys = out->keys;
	out->remote.cancel = opt->cancel;
	out->pay = (struct pay){
		.http = out->http, .store = opt->store, .chains = &out->chains,
		.policy = &out->policy, .signer = out->signer,
		.remote = out->remote.url ? &out->remote : NULL, .keys = out->keys,
		.lock_path = out->lock_path, .state_dir = out->state_dir, .cancel = opt->cancel,
	};
	return ART_OK;
}

void purse_close(struct purse *p)
{
	http_close(p->http);
	keys_close(p->keys);
	signer_stop(p->signer);
	keys_wipe(p->token, sizeof(p->token));
	memset(p, 0, sizeof(*p));
}
