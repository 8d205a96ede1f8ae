/*
 * cmd_wallet.c - artui wallet: making, taking over, listing wallets, what they hold, what they signed.
 *
 * Layer: tui. A new key is made and encrypted in this process, which leaves no core and forgets it; paying
 * never brings it here (signer.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/chain/token.h"
#include "core/pay/secret.h"
#include "tui/cli/cli_money.h"

#define DEFAULT_NAME "default"
#define REMOTE_KEYS_MAX 64
#define SCRYPT_N_MAX 1048576 /* 1 GiB with r = 8, which is what a keystore may ask for */

/* ---- create and import ------------------------------------------------------------------------- */

static void print_made(struct cli *c, const struct cli_args *a, const struct wallet_ref *w,
		       const char *what)
{
	char address[ETH_ADDRESS_TEXT];
	struct art_buf b;
	struct json_out o;

	eth_address_text(&w->address, address);
	if (!cli_given(a, "json")) {
		fprintf(c->out, "%s %s: %s\n%s\n", what, w->name, address, w->path);
		return;
	}
	art_buf_init(&b, 8192);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	json_put_str(&o, "name", w->name);
	json_put_str(&o, "address", address);
	json_put_str(&o, "path", w->path);
	json_close_object(&o);
	cli_print_json(c, &b);
	art_buf_destroy(&b);
}

/* Of the command's options, or else the file that paying will read it from. */
static struct wallet_password password_source(const struct cli *c, const struct cli_args *a)
{
	struct wallet_password from = cli_password(a);

	if (!from.file && from.fd <= 0)
		from.file = config_text(c->config, CONFIG_WALLET_PASSWORD_FILE_KEY);
	return from;
}

/* Encrypt @key under a new password and keep it as @name. */
static enum art_status keep_key(struct cli *c, const struct cli_args *a, const struct keys *k,
				const struct eth_key *key, const char *name, struct wallet_ref *out,
				struct art_err *err)
{
	struct keystore_options opt = {
		.kdf = !strcmp(cli_text(a, "kdf", "scrypt"), "pbkdf2") ? KEYSTORE_PBKDF2 : KEYSTORE_SCRYPT,
		.work = cli_int(a, "work", 0),
	};
	struct wallet_password from = password_source(c, a);
	char *password = secret_alloc(KEYSTORE_PASSWORD_MAX), prompt[128];
	struct eth_address who;
	struct art_buf file;
	size_t len = 0;
	enum art_status s = keys_address(k, key, &who, err);

	art_buf_init(&file, KEYSTORE_FILE_MAX);
	snprintf(prompt, sizeof(prompt), "New password for the wallet %.60s: ", name);
	s = s ? s : wallet_password_read(&from, prompt, true, password, &len, err);
	if (s == ART_OK && !len)
		s = art_fail(err, ART_INVALID, "an empty password protects nothing");
	s = s ? s : keystore_encrypt(k, key, password, len, &opt, &file, err);
	s = s ? s : wallet_add(c->config, name, &who, file.data, file.len, out, err);
	art_buf_destroy(&file);
	secret_free(password, KEYSTORE_PASSWORD_MAX);
	return s;
}

static enum art_status create(struct cli *c, const struct cli_args *a, const struct keys *k,
			      const char *name, struct wallet_ref *out, struct art_err *err)
{
	struct eth_key *key = secret_alloc(sizeof(*key));
	struct eth_address who;
	enum art_status s;

	/* One in 2^128 draws is no key. */
	do
		s = keys_random(key->b, sizeof(key->b), err);
	while (s == ART_OK && keys_address(k, key, &who, NULL) != ART_OK);
	s = s ? s : keep_key(c, a, k, key, name, out, err);
	secret_free(key, sizeof(*key));
	return s;
}

/* Before anybody types a password for it. */
static enum art_status check_keystore(const char *path, const struct art_buf *file, struct art_err *err)
{
	struct eth_address who;
	struct art_err why = { 0 };
	enum art_status s = keystore_address(file->data ? file->data : "", file->len, &who, &why);

	if (s == ART_OK || s == ART_NOT_FOUND)
		return ART_OK;
	return art_fail(err, s, "%.100s is no keystore to take over: %.130s", path, why.text);
}

/* A keystore file as it is, once its password opens it. */
static enum art_status import_keystore(struct cli *c, const struct cli_args *a, const struct keys *k,
				       const char *path, const char *name, struct wallet_ref *out,
				       struct art_err *err)
{
	struct wallet_password from = password_source(c, a);
	struct eth_key *key = secret_alloc(sizeof(*key));
	char *password = secret_alloc(KEYSTORE_PASSWORD_MAX), prompt[160];
	struct eth_address who;
	struct art_buf file;
	size_t len = 0;
	enum art_status s;

	art_buf_init(&file, KEYSTORE_FILE_MAX);
	snprintf(prompt, sizeof(prompt), "Password of %.120s: ", path);
	s = art_read_file(&file, path, KEYSTORE_FILE_MAX, err);
	s = s ? s : check_keystore(path, &file, err);
	s = s ? s : wallet_password_read(&from, prompt, false, password, &len, err);
	s = s ? s : keystore_decrypt(k, file.data, file.len, password, len, key, err);
	if (s == ART_REFUSED && err->code == ART_REFUSED && !strcmp(err->text, "wrong password"))
		art_fail(err, s, "wrong password for %.150s", path);
	s = s ? s : keys_address(k, key, &who, err);
	s = s ? s : wallet_add(c->config, name, &who, file.data, file.len, out, err);
	art_buf_destroy(&file);
	secret_free(password, KEYSTORE_PASSWORD_MAX);
	secret_free(key, sizeof(*key));
	return s;
}

static enum art_status import_key(struct cli *c, const struct cli_args *a, const struct keys *k,
				  const char *path, const char *name, struct wallet_ref *out,
				  struct art_err *err)
{
	struct eth_key *key = secret_alloc(sizeof(*key));
	enum art_status s = wallet_read_private_key(path, key, err);

	s = s ? s : keep_key(c, a, k, key, name, out, err);
	secret_free(key, sizeof(*key));
	return s;
}

/* 64 hex digits in place of a name or a path: not to be repeated in a message that lands in a log. */
static bool looks_like_key(const char *s)
{
	if (!strncasecmp(s, "0x", 2))
		s += 2;
	return strlen(s) == 64 && strspn(s, "0123456789abcdefABCDEF") == 64;
}

static enum art_status check_name_free(const struct cli *c, const char *name, struct art_err *err)
{
	struct wallet_list l = { 0 };
	enum art_status s = wallet_list(c->config, &l, err);

	for (size_t i = 0; s == ART_OK && i < l.n; i++)
		if (!strcmp(l.rows[i].name, name))
			s = art_fail(err, ART_CONFLICT, "a wallet \"%s\" is there already", name);
	wallet_list_destroy(&l);
	return s;
}

/* What the parser cannot know. 0: fine, else the exit status. */
static int check_make(const struct cli_args *a, const char *name, bool import)
{
	const char *raw = cli_text(a, "private-key-file", NULL), *file = cli_text(a, "keystore", NULL);
	int64_t work = cli_int(a, "work", 0);
	int fd = (int)cli_int(a, "password-fd", 0);

	if ((name && looks_like_key(name)) || (raw && looks_like_key(raw)))
		return cli_usage(a->command, "a key is never taken from the command line, where others see "
				 "it: give --private-key-file a file, or - and the key on standard input");
	if (import ? !raw == !file : raw || file)
		return cli_usage(a->command, import ? "import takes --private-key-file or --keystore"
						    : "create makes a new key: import takes one over");
	if (name && !wallet_name_ok(name))
		return cli_usage(a->command, "\"%.80s\" is no name for a wallet: a letter or digit, then "
				 "letters, digits, - _ .", name);
	if (fd && cli_given(a, "password-file"))
		return cli_usage(a->command, "the password comes from --password-file or --password-fd, not "
				 "from both");
	if (fd && fcntl(fd, F_GETFD) < 0)
		return cli_usage(a->command, "--password-fd %d: no such descriptor is open", fd);
	if (file && (cli_given(a, "kdf") || cli_given(a, "work")))
		return cli_usage(a->command, "a keystore is copied as it is: --kdf and --work do not go with "
				 "--keystore");
	if (work && !strcmp(cli_text(a, "kdf", "scrypt"), "scrypt") &&
	    ((work & (work - 1)) || work > SCRYPT_N_MAX))
		return cli_usage(a->command, "--work %lld: scrypt's n is a power of two up to %d",
				 (long long)work, SCRYPT_N_MAX);
	return CLI_DONE;
}

static int make(struct cli *c, const struct cli_args *a, const char *name, bool import)
{
	const char *raw = cli_text(a, "private-key-file", NULL), *file = cli_text(a, "keystore", NULL);
	int wrong = check_make(a, name, import);
	struct keys *k = NULL;
	struct wallet_ref w;
	struct art_err err = { 0 };
	enum art_status s;

	if (wrong)
		return wrong;
	name = name ? name : DEFAULT_NAME;
	secret_undumpable();
	s = check_name_free(c, name, &err);
	s = s ? s : keys_open(&k, &err);
	if (s == ART_OK)
		s = !import ? create(c, a, k, name, &w, &err)
			    : raw ? import_key(c, a, k, raw, name, &w, &err)
				  : import_keystore(c, a, k, file, name, &w, &err);
	keys_close(k);
	if (s != ART_OK)
		return cli_fail(&err);
	print_made(c, a, &w, import ? "took over" : "made");
	return CLI_DONE;
}

static int create_wallet(struct cli *c, const struct cli_args *a, const char *name)
{
	return make(c, a, name, false);
}

static int import_wallet(struct cli *c, const struct cli_args *a, const char *name)
{
	return make(c, a, name, true);
}

/* ---- list and address -------------------------------------------------------------------------- */

static bool has_remote(const struct cli *c)
{
	return *config_text(c->config, CONFIG_WALLET_REMOTE_URL_KEY) != 0;
}

/* A purse that is to sign nothing knows neither the signer nor its token. Owns: @token, to be wiped. */
static enum art_status open_remote(struct cli *c, struct purse *p, char *token, struct art_err *err)
{
	const char *file = config_text(c->config, CONFIG_WALLET_REMOTE_TOKEN_FILE_KEY);
	struct wallet_password from = { .file = file };
	size_t n = 0;
	enum art_status s = *file ? wallet_password_read(&from, "", false, token, &n, err) : ART_OK;

	token[n] = 0;
	p->remote.url = config_text(c->config, CONFIG_WALLET_REMOTE_URL_KEY);
	p->remote.token = token;
	return s;
}

/* The keys of the remote signer as rows, beside the files. */
static enum art_status add_remote(struct cli *c, struct wallet_list *l, struct art_err *err)
{
	struct purse_options opt = { .config = c->config, .without_signer = true };
	struct eth_address found[REMOTE_KEYS_MAX];
	char *token = secret_alloc(KEYSTORE_PASSWORD_MAX);
	struct purse purse = { 0 };
	int n = 0;
	enum art_status s = purse_open(&purse, &opt, err);

	s = s ? s : open_remote(c, &purse, token, err);
	if (s == ART_OK)
		s = remote_signer_keys(&purse.remote, found, REMOTE_KEYS_MAX, &n, err);
	for (int i = 0; s == ART_OK && i < n; i++) {
		struct wallet_ref *row;

		l->rows = art_grow(l->rows, l->n + 1, sizeof(*l->rows));
		row = &l->rows[l->n++];
		*row = (struct wallet_ref){ .name = "remote", .address = found[i], .address_known = true };
		art_copy(row->path, sizeof(row->path), config_text(c->config, CONFIG_WALLET_REMOTE_URL_KEY));
	}
	purse_close(&purse);
	secret_free(token, KEYSTORE_PASSWORD_MAX);
	return s;
}

static void print_list_json(struct cli *c, const struct wallet_list *l)
{
	char text[ETH_ADDRESS_TEXT];
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < l->n; i++) {
		const struct wallet_ref *w = &l->rows[i];

		json_open_object(&o, NULL);
		json_put_str(&o, "name", w->name);
		json_put_str(&o, "address", w->address_known ? eth_address_text(&w->address, text) : NULL);
		json_put_str(&o, "path", w->path);
		json_close_object(&o);
	}
	cli_array_close(c, &o);
}

static void print_list(struct cli *c, const struct wallet_list *l)
{
	static const struct cli_column columns[] = { { .title = "NAME" }, { .title = "ADDRESS" },
						     { .title = "FILE", .shrink = 12, .drop = 1 } };
	char text[ETH_ADDRESS_TEXT];
	struct cli_table t;

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct wallet_ref *w = &l->rows[i];

		cli_table_row(&t, CLI_PLAIN);
		cli_table_cell(&t, "%s", w->name);
		cli_table_cell(&t, "%s", w->address_known ? eth_address_text(&w->address, text)
							  : "not named by the file");
		cli_table_cell(&t, "%s", w->path);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

static int list(struct cli *c, const struct cli_args *a, const char *which)
{
	struct wallet_list l = { 0 };
	struct art_err err = { 0 };
	enum art_status s;

	if (which)
		return cli_usage(a->command, "'%s' is one word too many: list shows every wallet", which);
	s = wallet_list(c->config, &l, &err);
	if (s == ART_OK && has_remote(c))
		s = add_remote(c, &l, &err);
	if (s == ART_OK && cli_given(a, "json"))
		print_list_json(c, &l);
	else if (s == ART_OK && l.n)
		print_list(c, &l);
	else if (s == ART_OK)
		fputs("artui: there is no wallet yet: artui wallet create makes one\n", stderr);
	if (s == ART_OK && l.broken)
		fprintf(stderr, "artui: %zu file%s in the wallets' directory %s\n", l.broken,
			l.broken == 1 ? "" : "s", l.broken == 1 ? "is no keystore" : "are no keystores");
	wallet_list_destroy(&l);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* The address of a wallet by name, of the remote signer's, or written out. */
static enum art_status address_of(struct cli *c, const char *which, struct wallet_ref *out,
				  struct art_err *err)
{
	enum art_status s;

	memset(out, 0, sizeof(*out));
	if (!which && has_remote(c)) {
		which = config_text(c->config, CONFIG_WALLET_NAME_KEY);
		if (eth_address_parse(which, &out->address, NULL) != ART_OK)
			return art_fail(err, ART_INVALID, "wallet.remote_url is set, so wallet.name must be "
					"the address it signs for");
	}
	if (which && eth_address_parse(which, &out->address, NULL) == ART_OK) {
		out->address_known = true;
		art_copy(out->name, sizeof(out->name), which);
		return ART_OK;
	}
	s = wallet_find(c->config, which, out, err);
	if (s == ART_OK && !out->address_known)
		s = art_fail(err, ART_NOT_FOUND, "the file of the wallet %s does not name its address", out->name);
	return s;
}

static int address(struct cli *c, const struct cli_args *a, const char *which)
{
	char text[ETH_ADDRESS_TEXT];
	struct wallet_list one = { 0 };
	struct wallet_ref w;
	struct art_err err = { 0 };

	if (address_of(c, which, &w, &err) != ART_OK)
		return cli_fail(&err);
	one.rows = &w;
	one.n = 1;
	if (cli_given(a, "json"))
		print_list_json(c, &one);
	else
		fprintf(c->out, "%s\n", eth_address_text(&w.address, text));
	return CLI_DONE;
}

/* ---- balance ----------------------------------------------------------------------------------- */

struct held {
	const struct chain *chain;
	bool known;
	struct u256 raw;
	struct art_err why; /* when not known */
};

static void ask_chain(const struct purse *p, const struct eth_address *who, struct held *h)
{
	struct rpc rpc = { .http = p->http, .chain = h->chain };

	if (!h->chain->rpc[0])
		art_fail(&h->why, ART_NOT_FOUND, "no RPC endpoint (chain.%s.rpc)", h->chain->name);
	else if (rpc_check(&rpc, &h->why) == ART_OK)
		h->known = token_balance(&rpc, &h->chain->usdc, who, &h->raw, &h->why) == ART_OK;
}

static bool as_usdc(const struct u256 *raw, struct usdc *out)
{
	uint64_t micro;

	return u256_to_u64(raw, &micro) && micro <= INT64_MAX && usdc_from_micro((int64_t)micro, out);
}

static void print_held_json(struct cli *c, const struct eth_address *who, const struct held *h, int n)
{
	char text[U256_TEXT];
	struct usdc usd;
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (int i = 0; i < n; i++) {
		json_open_object(&o, NULL);
		json_put_str(&o, "chain", h[i].chain->name);
		json_put_str(&o, "network", h[i].chain->caip2);
		json_put_str(&o, "address", eth_address_text(who, text));
		json_put_str(&o, "asset", eth_address_text(&h[i].chain->usdc, text));
		json_put_str(&o, "balance", h[i].known ? u256_text(&h[i].raw, text) : NULL);
		if (h[i].known && as_usdc(&h[i].raw, &usd))
			json_put_f64(&o, "balance_usd", (double)usdc_to_micro(usd) / 1e6);
		else
			json_put_null(&o, "balance_usd");
		json_put_str(&o, "error", h[i].known ? NULL : h[i].why.text);
		json_close_object(&o);
	}
	cli_array_close(c, &o);
}

static void print_held(struct cli *c, const struct held *h, int n)
{
	struct usdc rich = config_money(c->config, CONFIG_WALLET_WARN_KEY), usd;
	char text[U256_TEXT];

	for (int i = 0; i < n; i++) {
		size_t name = strlen(h[i].chain->name);

		if (!h[i].known) {
			const char *why = h[i].why.text;

			/* The chain's name is there already. */
			if (!strncmp(why, h[i].chain->name, name) && !strncmp(why + name, ": ", 2))
				why += name + 2;
			fprintf(c->out, "%-14s unknown: %s\n", h[i].chain->name, why);
			continue;
		}
		if (!as_usdc(&h[i].raw, &usd)) {
			fprintf(c->out, "%-14s %s units\n", h[i].chain->name, u256_text(&h[i].raw, text));
			continue;
		}
		fprintf(c->out, "%-14s %s USDC%s\n", h[i].chain->name, usdc_text(usd, text),
			h[i].chain->is_testnet ? " (test network)" : "");
		if (!h[i].chain->is_testnet && usdc_cmp(usd, rich) > 0)
			fprintf(stderr, "artui: that is more than a wallet for unattended use should hold "
				"(wallet.warn_usd)\n");
	}
}

static int choose_chains(const struct chains *all, const char *only, struct held *out)
{
	const struct chain *one = only ? chains_by_network(all, only) : NULL;
	int n = 0;

	for (int i = 0; i < all->n; i++)
		if (!eth_address_is_zero(&all->list[i].usdc) &&
		    (only ? one == &all->list[i] : all->list[i].may_pay))
			out[n++].chain = &all->list[i];
	return n;
}

static int balance(struct cli *c, const struct cli_args *a, const char *which)
{
	struct purse_options opt = { .config = c->config, .without_signer = true };
	const char *only = cli_text(a, "chain", NULL);
	struct held held[CHAINS_MAX] = { 0 };
	struct purse purse = { 0 };
	struct wallet_ref w;
	struct art_err err = { 0 };
	int n = 0, known = 0;
	enum art_status s = address_of(c, which, &w, &err);

	if (s == ART_OK)
		s = purse_open(&purse, &opt, &err);
	if (s == ART_OK) {
		n = choose_chains(&purse.chains, only, held);
		if (!n && only)
			s = art_fail(&err, ART_NOT_FOUND, "no chain \"%.40s\" with USDC is known (artui config)",
				     only);
		else if (!n)
			s = art_fail(&err, ART_NOT_FOUND, "pay.chains names no chain with USDC");
	}
	for (int i = 0; s == ART_OK && i < n; i++) {
		ask_chain(&purse, &w.address, &held[i]);
		known += held[i].known;
	}
	if (s == ART_OK && cli_given(a, "json"))
		print_held_json(c, &w.address, held, n);
	else if (s == ART_OK)
		print_held(c, held, n);
	purse_close(&purse);
	if (s != ART_OK)
		return cli_fail(&err);
	return known ? CLI_DONE : CLI_FAILED;
}

/* ---- signatures -------------------------------------------------------------------------------- */

static void print_records_json(struct cli *c, const struct signer_record *r, size_t n)
{
	char text[U256_TEXT];
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (size_t i = 0; i < n; i++) {
		json_open_object(&o, NULL);
		json_put_time(&o, "at", r[i].at_us);
		json_put_str(&o, "kind", r[i].kind);
		json_put_int(&o, "chain_id", (int64_t)r[i].chain_id);
		json_put_str(&o, "contract", eth_address_text(&r[i].contract, text));
		json_put_str(&o, "pay_to", eth_address_text(&r[i].to, text));
		json_put_str(&o, "amount", u256_text(&r[i].value, text));
		json_put_str(&o, "nonce", eth_word_text(&r[i].nonce, text));
		json_put_str(&o, "digest", eth_word_text(&r[i].digest, text));
		json_put_time(&o, "valid_before", r[i].valid_before * 1000000);
		json_close_object(&o);
	}
	cli_array_close(c, &o);
}

static void print_records(struct cli *c, const struct signer_record *r, size_t n)
{
	static const struct cli_column columns[] = { { .title = "AT" }, { .title = "KIND", .drop = 2 },
						     { .title = "USDC", .right = true },
						     { .title = "PAYEE" },
						     { .title = "CHAIN", .right = true, .drop = 1 } };
	char text[U256_TEXT];
	struct usdc usd;
	struct cli_table t;

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (size_t i = 0; i < n; i++) {
		cli_table_row(&t, CLI_PLAIN);
		cli_table_cell(&t, "%s", art_time_iso(r[i].at_us, text, sizeof(text)));
		cli_table_cell(&t, "%s", r[i].kind);
		cli_table_cell(&t, "%s", as_usdc(&r[i].value, &usd) ? usdc_text(usd, text) : "?");
		cli_table_cell(&t, "%s", eth_address_text(&r[i].to, text));
		cli_table_cell(&t, "%lld", (long long)r[i].chain_id);
	}
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

static int signatures(struct cli *c, const struct cli_args *a, const char *which)
{
	char dir[SIGNER_PATH_MAX];
	struct signer_record *rows = NULL;
	struct wallet_ref w;
	struct art_err err = { 0 };
	size_t n = 0;
	enum art_status s = address_of(c, which, &w, &err);

	s = s ? s : signer_state_dir(dir, &err);
	s = s ? s : signer_journal_read(dir, &w.address, &rows, &n, &err);
	if (s != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json"))
		print_records_json(c, rows, n);
	else if (n)
		print_records(c, rows, n);
	else
		fputs("artui: nothing signed with this wallet so far\n", stderr);
	free(rows);
	return CLI_DONE;
}

/* ---- the verbs --------------------------------------------------------------------------------- */

static const struct verb {
	const char *name, *takes; /* its options, each between blanks; --json goes with all */
	int (*run)(struct cli *c, const struct cli_args *a, const char *which);
} verbs[] = {
	{ "create", " password-file password-fd kdf work private-key-file keystore ", create_wallet },
	{ "import", " password-file password-fd kdf work private-key-file keystore ", import_wallet },
	{ "list", " ", list },
	{ "address", " ", address },
	{ "balance", " chain ", balance },
	{ "signatures", " ", signatures },
};

int cmd_wallet(struct cli *c, const struct cli_args *a)
{
	const char *word = a->operands[0];
	const struct verb *v = NULL;
	struct art_err err = { 0 };
	char padded[64];

	for (size_t i = 0; i < ART_COUNT(verbs); i++)
		if (!strcmp(word, verbs[i].name))
			v = &verbs[i];
	if (!v)
		return cli_usage(a->command, "wallet %.40s: create, import, list, address, balance or signatures",
				 word);
	for (const struct cli_option *o = a->command->options; o->name; o++) {
		snprintf(padded, sizeof(padded), " %s ", o->name);
		if (cli_given(a, o->name) && strcmp(o->name, "json") != 0 && !strstr(v->takes, padded))
			return cli_usage(a->command, "--%s does not go with wallet %s", o->name, v->name);
	}
	if (cli_open_config(c, &err) != ART_OK)
		return cli_fail(&err);
	return v->run(c, a, a->n_operands > 1 ? a->operands[1] : NULL);
}
