/*
 * erc8004_dump.c - what core/chain reads of an identity registry, as lines of JSON (identity.mjs).
 *
 *   erc8004_dump RPC REGISTRY walk FROM TO SPAN   a line for each event, after each part {"next":B,"bad":N}, at the
 *                                                 end {"cursor":B,"span":S,"status":"ok"}
 *   erc8004_dump RPC REGISTRY agent ID            {"status":..,"uri":..,"owner":..,"wallet":..}
 *   erc8004_dump RPC REGISTRY id TX BLOCK         {"status":..,"agent":..}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/erc8004.h"

static const char *const kinds[] = { [ERC8004_REGISTERED] = "registered",
				     [ERC8004_URI_UPDATED] = "uri_updated",
				     [ERC8004_METADATA_SET] = "metadata_set" };

static void print(struct art_buf *b)
{
	puts(b->data);
	art_buf_reset(b);
}

static void print_event(const struct erc8004_event *e)
{
	char value[2 * ERC8004_VALUE_MAX + 3], who[ETH_ADDRESS_TEXT], agent[U256_TEXT];
	struct json_out o;
	struct art_buf b;

	art_buf_init(&b, 8u << 20);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "kind", kinds[e->kind]);
	json_put_str(&o, "agent", u256_text(&e->agent, agent));
	json_put_int(&o, "block", (int64_t)e->block);
	json_put_int(&o, "index", (int64_t)e->index);
	if (e->kind == ERC8004_METADATA_SET) {
		json_put_str(&o, "key", e->key);
		json_put_str(&o, "value", hex_encode(e->value, e->value_len, value));
	} else {
		json_put_str(&o, "who", eth_address_text(&e->who, who));
		json_put_str(&o, "uri", e->uri);
	}
	json_close_object(&o);
	print(&b);
	art_buf_destroy(&b);
}

static enum art_status print_part(void *arg, const struct erc8004_events *part, uint64_t next,
				  struct art_err *err)
{
	(void)arg;
	(void)err;
	for (size_t i = 0; i < part->n; i++)
		print_event(&part->rows[i]);
	printf("{\"next\":%llu,\"bad\":%zu}\n", (unsigned long long)next, part->bad);
	return ART_OK;
}

static uint64_t number(const char *s)
{
	struct u256 v;
	uint64_t out;

	if (!u256_parse(s, &v) || !u256_to_u64(&v, &out)) {
		fprintf(stderr, "erc8004_dump: %s is no number\n", s);
		exit(2);
	}
	return out;
}

static void print_end(struct json_out *o, enum art_status st, const struct art_err *err)
{
	json_put_str(o, "status", st == ART_OK ? "ok" : art_status_text(st));
	json_put_str(o, "error", st == ART_OK ? NULL : err->text);
	json_close_object(o);
	print(o->b);
}

static void walk(const struct rpc *r, const struct eth_address *registry, char **argv, struct json_out *o)
{
	uint64_t from = number(argv[0]), span = number(argv[2]);
	struct art_err err = { 0 };
	enum art_status st = erc8004_walk(r, registry, &from, number(argv[1]), &span, print_part, NULL, &err);

	json_open_object(o, NULL);
	json_put_int(o, "cursor", (int64_t)from);
	json_put_int(o, "span", (int64_t)span);
	print_end(o, st, &err);
}

static void agent(const struct rpc *r, const struct eth_address *registry, const char *id, struct json_out *o)
{
	struct u256 n = u256_from_u64(number(id));
	struct eth_address owner, wallet;
	char text[ETH_ADDRESS_TEXT], *uri;
	struct art_err err = { 0 };
	enum art_status st = erc8004_uri(r, registry, &n, &uri, &err);

	if (st == ART_OK)
		st = erc8004_owner(r, registry, &n, &owner, &err);
	if (st == ART_OK)
		st = erc8004_wallet(r, registry, &n, &wallet, &err);
	json_open_object(o, NULL);
	if (st == ART_OK) {
		json_put_str(o, "uri", uri);
		json_put_str(o, "owner", eth_address_text(&owner, text));
		json_put_str(o, "wallet", eth_address_text(&wallet, text));
	}
	print_end(o, st, &err);
	free(uri);
}

static void id_of(const struct rpc *r, const struct eth_address *registry, char **argv, struct json_out *o)
{
	struct eth_word tx;
	struct u256 id;
	char text[U256_TEXT];
	struct art_err err = { 0 };
	enum art_status st = ART_INVALID;

	if (eth_word_parse(argv[0], &tx))
		st = erc8004_registered_id(r, registry, &tx, number(argv[1]), &id, &err);
	json_open_object(o, NULL);
	if (st == ART_OK)
		json_put_str(o, "agent", u256_text(&id, text));
	print_end(o, st, &err);
}

int main(int argc, char **argv)
{
	struct chain chain = { .name = "lab", .id = 84532 };
	struct rpc r = { .chain = &chain };
	struct eth_address registry;
	struct json_out o;
	struct art_buf b;
	struct http *http;

	if (argc < 5 || !art_copy(chain.rpc, sizeof(chain.rpc), argv[1]) ||
	    eth_address_parse(argv[2], &registry, NULL) != ART_OK || http_open(&http, NULL, NULL) != ART_OK) {
		fputs("usage: erc8004_dump RPC REGISTRY walk FROM TO SPAN | agent ID | id TX BLOCK\n", stderr);
		return 2;
	}
	r.http = http;
	art_buf_init(&b, 8u << 20);
	json_out_init(&o, &b, false);
	if (!strcmp(argv[3], "walk") && argc == 7)
		walk(&r, &registry, argv + 4, &o);
	else if (!strcmp(argv[3], "agent"))
		agent(&r, &registry, argv[4], &o);
	else if (!strcmp(argv[3], "id") && argc == 6)
		id_of(&r, &registry, argv + 4, &o);
	art_buf_destroy(&b);
	http_close(http);
	return 0;
}
