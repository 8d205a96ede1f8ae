/*
 * test_chains.c - the table of chains: what is built in, what the configuration may change, what it may not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/chain/chains.h"

struct fixture {
	char dir[64];
	struct art_err err;
	struct chains chains;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-chains-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	setenv("XDG_CONFIG_HOME", f->dir, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rmdir(f->dir);
	free(f);
	return 0;
}

static enum art_status load(struct fixture *f, const char *const *over, int n)
{
	struct config *c = NULL;
	enum art_status st;

	assert_int_equal(config_load(&c, NULL, over, n, &f->err), ART_OK);
	st = chains_load(&f->chains, c, &f->err);
	config_free(c);
	return st;
}

/* The two first settings may be NULL at the end. */
static void refused(struct fixture *f, const char *a, const char *b, const char *part)
{
	const char *over[2] = { a, b };

	assert_int_equal(load(f, over, b ? 2 : 1), ART_INVALID);
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, part);
}

static const struct chain *named(struct fixture *f, const char *name)
{
	const struct chain *ch = chains_by_network(&f->chains, name);

	if (!ch)
		fail_msg("no chain %s", name);
	return ch;
}

static void separator_is(const struct chain *ch, const char *want)
{
	struct eip712_domain d = chain_usdc_domain(ch);
	struct eth_word sep = eip712_domain_separator(&d);
	char text[ETH_WORD_TEXT];

	assert_string_equal(eth_word_text(&sep, text), want);
}

static void chains_load_must_know_four_chains(void **state)
{
	static const struct {
		const char *name, *usdc, *usdc_name;
		uint64_t id;
		bool testnet;
	} want[] = {
		{ "base", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin", 8453, false },
		{ "base-sepolia", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", 84532, true },
		{ "ethereum", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", 1, false },
		{ "sepolia", "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238", "USDC", 11155111, true },
	};
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, 0), ART_OK);
	assert_int_equal(f->chains.n, 4);
	for (size_t i = 0; i < ART_COUNT(want); i++) {
		const struct chain *ch = named(f, want[i].name);
		char text[ETH_ADDRESS_TEXT], caip2[40];

		assert_int_equal(ch->id, want[i].id);
		assert_string_equal(eth_address_text(&ch->usdc, text), want[i].usdc);
		assert_string_equal(ch->usdc_name, want[i].usdc_name);
		assert_string_equal(ch->usdc_version, "2");
		snprintf(caip2, sizeof(caip2), "eip155:%llu", (unsigned long long)want[i].id);
		assert_string_equal(ch->caip2, caip2);
		assert_int_equal(ch->is_testnet, want[i].testnet);
		assert_int_equal(strncmp(ch->rpc, "https://", 8), 0);
		assert_true(ch->may_pay);
	}
}

static void chain_usdc_domain_must_give_the_separators_of_the_real_tokens(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, 0), ART_OK);
	separator_is(named(f, "base-sepolia"),
		     "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818");
	separator_is(named(f, "base"),
		     "0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f");
	separator_is(named(f, "ethereum"),
		     "0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335");
}

static void chains_by_network_must_find_name_caip2_and_number(void **state)
{
	static const char *const good[] = { "base", "Base", "BASE", "eip155:8453", "EIP155:8453", "8453" };
	static const char *const bad[] = { "",		   "bas",	   "base ",	 "08453",
					   "eip155:08453", "eip155:",	   "eip155:845", "solana:8453",
					   "0x2105",	   "eip155:8453 ", "+8453",	 "base-" };
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, 0), ART_OK);
	for (size_t i = 0; i < ART_COUNT(good); i++)
		assert_ptr_equal(chains_by_network(&f->chains, good[i]), chains_by_id(&f->chains, 8453));
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		assert_null(chains_by_network(&f->chains, bad[i]));
	assert_null(chains_by_network(&f->chains, NULL));
	assert_null(chains_by_id(&f->chains, 0));
}

static void chains_load_must_change_a_known_chain(void **state)
{
	static const char *const over[] = { "chain.base-sepolia.rpc=http://127.0.0.1:8545",
					    "chain.base-sepolia.id=84532", "chain.base-sepolia.testnet=yes",
					    "chain.base.usdc=", "chain.sepolia.rpc=",
					    "pay.chains=base-sepolia" };
	struct fixture *f = *state;

	assert_int_equal(load(f, over, ART_COUNT(over)), ART_OK);

	assert_int_equal(f->chains.n, 4);
	assert_string_equal(named(f, "base-sepolia")->rpc, "http://127.0.0.1:8545");
	assert_string_equal(named(f, "base-sepolia")->usdc_name, "USDC");
	assert_true(named(f, "base-sepolia")->may_pay);
	assert_false(named(f, "base")->may_pay);
	assert_true(eth_address_is_zero(&named(f, "base")->usdc));
	assert_string_equal(named(f, "sepolia")->rpc, "");
}

static void chains_load_must_add_a_chain(void **state)
{
	static const char *const over[] = {
		"chain.polygon.id=137", "chain.polygon.rpc=https://polygon.example/key",
		"chain.polygon.usdc=0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
		"chain.polygon.usdc_name=USD Coin", "pay.chains=polygon, base"
	};
	struct fixture *f = *state;
	const struct chain *ch;

	assert_int_equal(load(f, over, ART_COUNT(over)), ART_OK);

	ch = named(f, "eip155:137");
	assert_string_equal(ch->name, "polygon");
	assert_string_equal(ch->usdc_version, "2");
	assert_true(ch->may_pay && !ch->is_testnet);
	assert_true(named(f, "base")->may_pay);
	assert_false(named(f, "ethereum")->may_pay);
	separator_is(ch, "0xcaa2ce1a5703ccbe253a34eb3166df60a705c561b44b192061e28f2a985be2ca");
}

static void chains_load_must_name_the_key_that_is_wrong(void **state)
{
	static const struct {
		const char *a, *b, *part;
	} rows[] = {
		{ "chain.base.id=8454", NULL, "chain.base.id is 8453 and cannot be changed" },
		{ "chain.base.testnet=true", NULL, "chain.base.testnet is false" },
		{ "chain.sepolia.testnet=maybe", NULL, "chain.sepolia.testnet must be true or false" },
		{ "chain.mine.rpc=http://127.0.0.1:1", NULL, "chain.mine.id must be set" },
		{ "chain.mine.id=0", NULL, "chain.mine.id must be a chain id" },
		{ "chain.mine.id=-1", NULL, "chain.mine.id must be a chain id" },
		{ "chain.mine.id=0x2105", NULL, "chain.mine.id must be a chain id" },
		{ "chain.mine.id=9007199254740992", NULL, "chain.mine.id must be a chain id" },
		{ "chain.mine.id=8453", NULL, "chain.mine.id is already the chain base" },
		{ "chain.7.id=7", NULL, "a name needs a letter" },
		{ "chain.base.rpc=ftp://x", NULL, "chain.base.rpc must be an http or https address" },
		{ "chain.base.rpc=https://a:b@x", NULL, "chain.base.rpc must be" },
		{ "chain.base.usdc=0x1234", NULL, "chain.base.usdc is no address" },
		{ "chain.base.usdc=0x833589fCD6eDb6E08f4c7C32D4f71b54bda02913", NULL,
		  "chain.base.usdc is no address" },
		{ "chain.base.usdc_name=", NULL, "chain.base.usdc_name must not be empty" },
		{ "chain.base.usdc_name=US\x1b[31mDC", NULL, "characters that do not print" },
		{ "chain.base.usdc_version=12345678901234567", NULL, "chain.base.usdc_version is too long" },
		{ "chain.mine.id=7", "chain.mine.usdc=0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
		  "chain.mine.usdc_name must be set" },
		{ "pay.chains=base nowhere", NULL, "pay.chains names an unknown chain \"nowhere\"" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++)
		refused(f, rows[i].a, rows[i].b, rows[i].part);
}

static void chains_load_must_bound_endpoint_and_table(void **state)
{
	struct fixture *f = *state;
	char *over[CHAINS_MAX], *url = art_alloc(700, 1);

	memset(url, 'a', 699);
	memcpy(url, "chain.base.rpc=https://x/", 25);
	refused(f, url, NULL, "chain.base.rpc is too long");
	free(url);
	for (int i = 0; i < CHAINS_MAX; i++)
		over[i] = art_printf("chain.c%d.id=%d", i, 1000 + i);
	assert_int_equal(load(f, (const char *const *)over, CHAINS_MAX - 4), ART_OK);
	assert_int_equal(load(f, (const char *const *)over, CHAINS_MAX - 3), ART_INVALID);
	assert_non_null(strstr(f->err.text, "chain.c12.id: more than 16 chains"));
	for (int i = 0; i < CHAINS_MAX; i++)
		free(over[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chains_load_must_know_four_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(
			chain_usdc_domain_must_give_the_separators_of_the_real_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(chains_by_network_must_find_name_caip2_and_number, setup,
						teardown),
		cmocka_unit_test_setup_teardown(chains_load_must_change_a_known_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(chains_load_must_add_a_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(chains_load_must_name_the_key_that_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(chains_load_must_bound_endpoint_and_table, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
