/*
 * chain_dump.c - one line of input, one line of core/chain's answer, for comparison with viem (viem.mjs).
 *
 *   keccak HEX                          checksum ADDRESS
 *   address KEY                         personal KEY HEX
 *   eip3009 KEY NAME_HEX VERSION_HEX CHAIN TOKEN TO VALUE AFTER BEFORE NONCE   digest signature
 *   tx KEY CHAIN NONCE TIP MAX_FEE GAS TO|- VALUE DATA ADDRESS:KEY,KEY;..|-     digest raw hash
 *   abi SIGNATURE u:DEC|i:INT|a:ADDRESS|w:WORD|b:0|y:HEX|s:HEX ...              calldata
 *   register URI_HEX|- KEY_HEX:VALUE_HEX ...   set_uri AGENT URI_HEX   set_metadata AGENT KEY_HEX:VALUE_HEX   calldata
 *   receipt KEY NETWORK URL PAYER AT TX   offer KEY URL SCHEME NETWORK ASSET PAY_TO AMOUNT UNTIL
 *   order KEY ID TRAIN STATE BPB ARTIFACT PAYER AT     texts as hex; digest signature
 *   balance ADDRESS   state ADDRESS NONCE   separator   block   nonce ADDRESS   fees   coins ADDRESS
 * The last line's kinds ask the node of argv[1] (chain 84532, token argv[2]).
 * Numbers are decimal. A line that cannot be answered gives "error: why".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/abi.h"
#include "core/chain/erc8004.h"
#include "core/chain/keccak.h"
#include "core/chain/keys.h"
#include "core/chain/token.h"
#include "core/chain/tx.h"
#include "core/pay/signer_statement.h"

#define WORDS_MAX 24
#define BYTES_MAX (64u << 10)

struct dump {
	struct keys *keys;
	struct http *http;
	struct chain chain;
	struct rpc rpc;
	char *word[WORDS_MAX];
	int n;
	uint8_t *bytes; /* of a hex argument */
	struct art_err err;
};

static void wrong(const char *what)
{
	printf("error: %s\n", what);
	exit(1);
}

static const char *arg(const struct dump *d, int i)
{
	if (i >= d->n)
		wrong("a line is too short");
	return d->word[i];
}

static size_t hex_arg(struct dump *d, const char *s)
{
	size_t n;

	if (!hex_decode_some(s, d->bytes, BYTES_MAX, &n))
		wrong(s);
	return n;
}

static struct u256 number(const char *s)
{
	struct u256 v;

	if (!u256_parse(s, &v))
		wrong(s);
	return v;
}

static uint64_t small(const char *s)
{
	struct u256 v = number(s);
	uint64_t out;

	if (!u256_to_u64(&v, &out))
		wrong(s);
	return out;
}

static struct eth_address address(const char *s)
{
	struct eth_address a;

	if (eth_address_parse(s, &a, NULL) != ART_OK)
		wrong(s);
	return a;
}

static struct eth_word word(const char *s)
{
	struct eth_word w;

	if (!eth_word_parse(s, &w))
		wrong(s);
	return w;
}

static struct eth_key key(const char *s)
{
	struct eth_key k;

	if (!hex_decode(s, k.b, sizeof(k.b)))
		wrong(s);
	return k;
}

static void text_of_hex(struct dump *d, const char *s, char *out, size_t size)
{
	size_t n = hex_arg(d, s);

	if (n >= size)
		wrong(s);
	memcpy(out, d->bytes, n);
	out[n] = 0;
}

static void print_hex(const uint8_t *p, size_t n, char end)
{
	char *text = art_alloc(2 * n + 3, 1);

	printf("%s%c", hex_encode(p, n, text), end);
	free(text);
}

static void sign(struct dump *d, const struct eth_key *k, const struct eth_word *digest,
		 struct eth_signature *sig)
{
	if (keys_sign(d->keys, k, digest, sig, &d->err) != ART_OK)
		wrong(d->err.text);
}

/* ---- pure ------------------------------------------------------------------------------------- */

static void do_eip3009(struct dump *d)
{
	struct eth_key k = key(arg(d, 1));
	struct eip712_domain domain = { .chain_id = small(arg(d, 4)), .has_contract = true,
					.contract = address(arg(d, 5)) };
	struct eip3009 a = { .to = address(arg(d, 6)), .value = number(arg(d, 7)),
			     .valid_after = number(arg(d, 8)), .valid_before = number(arg(d, 9)),
			     .nonce = word(arg(d, 10)) };
	struct eth_word separator, hash, digest;
	struct eth_signature sig;

	text_of_hex(d, arg(d, 2), domain.name, sizeof(domain.name));
	text_of_hex(d, arg(d, 3), domain.version, sizeof(domain.version));
	if (keys_address(d->keys, &k, &a.from, &d->err) != ART_OK)
		wrong(d->err.text);
	separator = eip712_domain_separator(&domain);
	hash = eip3009_hash(EIP3009_TRANSFER, &a);
	digest = eip712_digest(&separator, &hash);
	sign(d, &k, &digest, &sig);
	print_hex(digest.b, sizeof(digest.b), ' ');
	print_hex(sig.b, sizeof(sig.b), '\n');
}

/* "ADDRESS:KEY,KEY;ADDRESS:;..." or "-" */
static int access_list(char *text, struct tx_access *out)
{
	char *entry, *rest = text;
	int n = 0;

	if (!strcmp(text, "-"))
		return 0;
	while ((entry = strsep(&rest, ";"))) {
		char *to = strsep(&entry, ":"), *one;

		out[n] = (struct tx_access){ .address = address(to) };
		while (entry && *entry && (one = strsep(&entry, ",")))
			out[n].keys[out[n].n_keys++] = word(one);
		n++;
	}
	return n;
}

static void do_tx(struct dump *d)
{
	struct eth_key k = key(arg(d, 1));
	struct tx_access access[TX_ACCESS_MAX], back[TX_ACCESS_MAX];
	struct tx t = { .chain_id = small(arg(d, 2)), .nonce = small(arg(d, 3)),
			.max_priority_fee = number(arg(d, 4)), .max_fee = number(arg(d, 5)),
			.gas = small(arg(d, 6)), .value = number(arg(d, 8)), .access = access };
	struct tx again;
	struct eth_word digest, hash;
	struct eth_signature sig, same;
	struct art_buf raw;

	t.creates = !strcmp(arg(d, 7), "-");
	if (!t.creates)
		t.to = address(arg(d, 7));
	t.data_len = hex_arg(d, arg(d, 9));
	t.data = d->bytes;
	t.n_access = access_list(d->word[10], access);
	art_buf_init(&raw, 1u << 20);
	if (tx_digest(&t, &digest, &d->err) != ART_OK)
		wrong(d->err.text);
	sign(d, &k, &digest, &sig);
	if (tx_raw(&t, &sig, &raw, &hash, &d->err) != ART_OK ||
	    tx_parse((const uint8_t *)raw.data, raw.len, &again, back, &same, &d->err) != ART_OK)
		wrong(d->err.text);
	if (memcmp(&sig, &same, sizeof(sig)) != 0 || again.nonce != t.nonce || again.data_len != t.data_len)
		wrong("what was written does not read back");
	print_hex(digest.b, sizeof(digest.b), ' ');
	print_hex((const uint8_t *)raw.data, raw.len, ' ');
	print_hex(hash.b, sizeof(hash.b), '\n');
	art_buf_destroy(&raw);
}

static void put_argument(struct dump *d, struct abi_call *c, const char *s)
{
	struct u256 u;
	struct eth_address a;
	struct eth_word w;
	int64_t i;

	switch (s[0]) {
	case 'u':
		u = number(s + 2);
		abi_put_u256(c, &u);
		return;
	case 'i':
		if (!art_parse_i64(s + 2, &i))
			wrong(s);
		abi_put_i64(c, i);
		return;
	case 'a':
		a = address(s + 2);
		abi_put_address(c, &a);
		return;
	case 'w':
		w = word(s + 2);
		abi_put_word(c, &w);
		return;
	case 'b':
		abi_put_bool(c, s[2] == '1');
		return;
	case 'y':
	case 's':
		abi_put_bytes(c, d->bytes, hex_arg(d, s + 2));
		return;
	}
	wrong(s);
}

static void do_abi(struct dump *d)
{
	struct abi_call c;
	struct art_buf out;

	abi_call_begin(&c, arg(d, 1));
	for (int i = 2; i < d->n; i++)
		put_argument(d, &c, d->word[i]);
	art_buf_init(&out, 1u << 20);
	if (abi_call_end(&c, &out, &d->err) != ART_OK)
		wrong(d->err.text);
	print_hex((const uint8_t *)out.data, out.len, '\n');
	art_buf_destroy(&out);
}

static char *text_arg(struct dump *d, const char *s)
{
	size_t n = hex_arg(d, s);
	char *text = art_alloc(n + 1, 1);

	memcpy(text, d->bytes, n);
	return text;
}

/* "KEY_HEX:VALUE_HEX"; the value is allocated. */
static struct erc8004_metadata entry(struct dump *d, const char *s)
{
	struct erc8004_metadata m = { .key = "" };
	char *copy = art_strdup(s), *value = copy, *key = strsep(&value, ":");

	text_of_hex(d, key, m.key, sizeof(m.key));
	m.value = text_arg(d, value ? value : "");
	m.value_len = value ? hex_arg(d, value) : 0;
	free(copy);
	return m;
}

static void do_registry(struct dump *d, const char *what)
{
	struct erc8004_metadata meta[ERC8004_META_MAX];
	bool is_register = !strcmp(what, "register"), is_uri = !strcmp(what, "set_uri");
	struct u256 agent = is_register ? u256_from_u64(0) : number(arg(d, 1));
	const char *at = arg(d, is_register ? 1 : 2);
	char *uri = (is_register || is_uri) && strcmp(at, "-") != 0 ? text_arg(d, at) : NULL;
	size_t n = 0;
	struct art_buf out;
	enum art_status st;

	for (int i = 2; !is_uri && i < d->n && n < ART_COUNT(meta); i++)
		meta[n++] = entry(d, d->word[i]);
	art_buf_init(&out, 1u << 20);
	if (is_register)
		st = erc8004_register(uri, meta, n, &out, &d->err);
	else if (is_uri)
		st = erc8004_set_uri(&agent, uri ? uri : "", &out, &d->err);
	else
		st = erc8004_set_metadata(&agent, &meta[0], &out, &d->err);
	if (st != ART_OK)
		wrong(d->err.text);
	print_hex((const uint8_t *)out.data, out.len, '\n');
	for (size_t i = 0; i < n; i++)
		free((void *)meta[i].value);
	free(uri);
	art_buf_destroy(&out);
}

#define TEXT(d, i, member) text_of_hex(d, arg(d, i), member, sizeof(member))

static void do_statement(struct dump *d, const char *what)
{
	struct signer_statement s = { .kind = what[0] == 'r'   ? STATEMENT_RECEIPT
					      : what[1] == 'f' ? STATEMENT_OFFER
							       : STATEMENT_ORDER };
	struct eth_key k = key(arg(d, 1));
	struct eth_signature sig;
	struct eth_word digest;

	switch (s.kind) {
	case STATEMENT_RECEIPT:
		TEXT(d, 2, s.receipt.network);
		TEXT(d, 3, s.receipt.resource_url);
		TEXT(d, 4, s.receipt.payer);
		s.receipt.issued_at = (int64_t)small(arg(d, 5));
		TEXT(d, 6, s.receipt.transaction);
		break;
	case STATEMENT_OFFER:
		TEXT(d, 2, s.offer.resource_url);
		TEXT(d, 3, s.offer.scheme);
		TEXT(d, 4, s.offer.network);
		TEXT(d, 5, s.offer.asset);
		TEXT(d, 6, s.offer.pay_to);
		TEXT(d, 7, s.offer.amount);
		s.offer.valid_until = (int64_t)small(arg(d, 8));
		break;
	case STATEMENT_ORDER:
		TEXT(d, 2, s.order.experiment_id);
		s.order.train_hash = word(arg(d, 3));
		TEXT(d, 4, s.order.state);
		TEXT(d, 5, s.order.val_bpb);
		s.order.artifact_hash = word(arg(d, 6));
		TEXT(d, 7, s.order.payer);
		s.order.finished_at = (int64_t)small(arg(d, 8));
		break;
	}
	digest = signer_statement_digest(&s);
	sign(d, &k, &digest, &sig);
	print_hex(digest.b, sizeof(digest.b), ' ');
	print_hex(sig.b, sizeof(sig.b), '\n');
}

static bool do_pure(struct dump *d, const char *what)
{
	struct eth_word w;
	struct eth_key k;
	struct eth_address a;
	struct eth_signature sig;
	char text[ETH_ADDRESS_TEXT];
	size_t n;

	if (!strcmp(what, "keccak")) {
		n = hex_arg(d, arg(d, 1));
		w = keccak256(d->bytes, n);
		print_hex(w.b, sizeof(w.b), '\n');
	} else if (!strcmp(what, "checksum") || !strcmp(what, "address")) {
		if (what[0] == 'c') {
			a = address(arg(d, 1));
		} else {
			k = key(arg(d, 1));
			if (keys_address(d->keys, &k, &a, &d->err) != ART_OK)
				wrong(d->err.text);
		}
		printf("%s\n", eth_address_text(&a, text));
	} else if (!strcmp(what, "personal")) {
		k = key(arg(d, 1));
		n = hex_arg(d, arg(d, 2));
		w = personal_digest(d->bytes, n);
		sign(d, &k, &w, &sig);
		print_hex(sig.b, sizeof(sig.b), '\n');
	} else if (!strcmp(what, "eip3009")) {
		do_eip3009(d);
	} else if (!strcmp(what, "tx")) {
		do_tx(d);
	} else if (!strcmp(what, "abi")) {
		do_abi(d);
	} else if (!strcmp(what, "receipt") || !strcmp(what, "offer") || !strcmp(what, "order")) {
		do_statement(d, what);
	} else if (!strcmp(what, "register") || !strncmp(what, "set_", 4)) {
		do_registry(d, what);
	} else {
		return false;
	}
	return true;
}

/* ---- of a node --------------------------------------------------------------------------------- */

static void ask(struct dump *d, const char *what)
{
	struct eth_address who;
	struct eth_word w;
	struct u256 v, tip;
	struct rpc_block block;
	uint64_t count;
	bool used;
	char a[U256_TEXT], b[U256_TEXT];
	enum art_status s = ART_INVALID;

	if (!strcmp(what, "balance")) {
		who = address(arg(d, 1));
		s = token_balance(&d->rpc, &d->chain.usdc, &who, &v, &d->err);
		if (s == ART_OK)
			printf("%s\n", u256_text(&v, a));
	} else if (!strcmp(what, "coins")) {
		who = address(arg(d, 1));
		s = rpc_eth_balance(&d->rpc, &who, &v, &d->err);
		if (s == ART_OK)
			printf("%s\n", u256_text(&v, a));
	} else if (!strcmp(what, "state")) {
		who = address(arg(d, 1));
		w = word(arg(d, 2));
		s = token_authorization_state(&d->rpc, &d->chain.usdc, &who, &w, &used, &d->err);
		if (s == ART_OK)
			puts(used ? "true" : "false");
	} else if (!strcmp(what, "separator")) {
		s = token_domain_separator(&d->rpc, &d->chain.usdc, &w, &d->err);
		if (s == ART_OK)
			print_hex(w.b, sizeof(w.b), '\n');
	} else if (!strcmp(what, "block")) {
		s = rpc_block(&d->rpc, "latest", &block, &d->err);
		if (s == ART_OK)
			printf("%llu %lld\n", (unsigned long long)block.number, (long long)block.timestamp);
	} else if (!strcmp(what, "nonce")) {
		who = address(arg(d, 1));
		s = rpc_account_nonce(&d->rpc, &who, false, &count, &d->err);
		if (s == ART_OK)
			printf("%llu\n", (unsigned long long)count);
	} else if (!strcmp(what, "fees")) {
		s = rpc_fees(&d->rpc, &v, &tip, &d->err);
		if (s == ART_OK)
			printf("%s %s\n", u256_text(&v, a), u256_text(&tip, b));
	}
	if (s != ART_OK)
		wrong(d->err.text[0] ? d->err.text : what);
}

int main(int argc, char **argv)
{
	struct dump d = { .chain = { .name = "test", .id = 84532 } };
	char *line = NULL;
	size_t room = 0;

	if (argc != 3 || !art_copy(d.chain.rpc, sizeof(d.chain.rpc), argv[1])) {
		fputs("usage: chain_dump RPC_URL TOKEN\n", stderr);
		return 2;
	}
	d.chain.usdc = address(argv[2]);
	d.bytes = art_alloc(BYTES_MAX, 1);
	if (http_open(&d.http, NULL, &d.err) != ART_OK || keys_open(&d.keys, &d.err) != ART_OK)
		wrong(d.err.text);
	d.rpc = (struct rpc){ .http = d.http, .chain = &d.chain };
	while (getline(&line, &room, stdin) > 0) {
		char *rest = line, *one;

		line[strcspn(line, "\n")] = 0;
		for (d.n = 0; d.n < WORDS_MAX && (one = strsep(&rest, " "));)
			d.word[d.n++] = one;
		if (!do_pure(&d, arg(&d, 0)))
			ask(&d, arg(&d, 0));
	}
	free(line);
	free(d.bytes);
	keys_close(d.keys);
	http_close(d.http);
	return 0;
}
