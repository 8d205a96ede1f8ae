/*
 * fuzz_registration.c - bytes as the URI of a registration and as its document: what is found is bounded and clean,
 * a located URL can be asked for, endpoints are in their one form, and what is written of it reads back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/market/registration.h"
#include "tests/fuzz/fuzz.h"

#define GATEWAY "https://gw.example/ipfs/"

static void shown(const char *text, size_t size)
{
	uint32_t c;

	FUZZ_MUST(memchr(text, 0, size));
	for (const char *p = text; *p;) {
		int n = art_utf8_decode(p, strlen(p), &c);

		FUZZ_MUST(n > 0 && !art_text_is_hidden(c));
		p += n;
	}
}

static void slugs_must_hold(const char (*list)[96], int n)
{
	FUZZ_MUST(n >= 0 && n <= REGISTRATION_SKILLS_MAX);
	for (int i = 0; i < n; i++) {
		shown(list[i], sizeof(list[i]));
		FUZZ_MUST(list[i][0] && !strchr(list[i], ' '));
		for (int k = 0; k < i; k++)
			FUZZ_MUST(strcmp(list[i], list[k]) != 0);
	}
}

static void endpoints_must_hold(const struct registration *r)
{
	char(*list)[512] = art_alloc(8, sizeof(*list));
	char again[WORKER_URL_MAX];
	int n = registration_endpoints(r, list, 8);

	FUZZ_MUST(n >= 0 && n <= 8);
	for (int i = 0; i < n; i++) {
		FUZZ_MUST(!strncmp(list[i], "http://", 7) || !strncmp(list[i], "https://", 8));
		FUZZ_MUST(market_endpoint(list[i], again, NULL) == ART_OK && !strcmp(again, list[i]));
		for (int k = 0; k < i; k++)
			FUZZ_MUST(strcmp(list[i], list[k]) != 0);
	}
	free(list);
}

static void document_must_hold(const struct registration *r)
{
	shown(r->name, sizeof(r->name));
	shown(r->description, sizeof(r->description));
	shown(r->image, sizeof(r->image));
	FUZZ_MUST(r->n_services >= 0 && r->n_services <= REGISTRATION_SERVICES_MAX && r->more_services >= 0);
	for (int i = 0; i < r->n_services; i++) {
		shown(r->services[i].name, sizeof(r->services[i].name));
		shown(r->services[i].endpoint, sizeof(r->services[i].endpoint));
		shown(r->services[i].version, sizeof(r->services[i].version));
	}
	slugs_must_hold(r->skills, r->n_skills);
	slugs_must_hold(r->domains, r->n_domains);
	FUZZ_MUST(r->n_ids >= 0 && r->n_ids <= REGISTRATION_IDS_MAX && r->bad_ids >= 0);
	for (int i = 0; i < r->n_ids; i++)
		FUZZ_MUST(registration_names(r, r->ids[i].chain_id, &r->ids[i].registry, &r->ids[i].agent));
	FUZZ_MUST(r->n_metadata >= 0 && r->n_metadata <= REGISTRATION_METADATA_MAX);
	for (int i = 0; i < r->n_metadata; i++) {
		shown(r->metadata[i].key, sizeof(r->metadata[i].key));
		shown(r->metadata[i].value, sizeof(r->metadata[i].value));
		FUZZ_MUST(registration_metadata(r, r->metadata[i].key) == r->metadata[i].value);
	}
	FUZZ_MUST(!r->active || r->active_known);
	endpoints_must_hold(r);
}

static void same_lists(const struct registration *a, const struct registration *b)
{
	FUZZ_MUST(a->n_skills == b->n_skills && a->n_domains == b->n_domains && a->n_ids == b->n_ids);
	FUZZ_MUST(!b->bad_ids);
	for (int i = 0; i < a->n_ids; i++)
		FUZZ_MUST(a->ids[i].chain_id == b->ids[i].chain_id && !u256_cmp(&a->ids[i].agent, &b->ids[i].agent) &&
			  eth_address_equal(&a->ids[i].registry, &b->ids[i].registry));
	FUZZ_MUST(a->n_metadata == b->n_metadata);
	for (int i = 0; i < a->n_skills; i++)
		FUZZ_MUST(!strcmp(a->skills[i], b->skills[i]));
	for (int i = 0; i < a->n_domains; i++)
		FUZZ_MUST(!strcmp(a->domains[i], b->domains[i]));
	for (int i = 0; i < a->n_metadata; i++)
		FUZZ_MUST(!strcmp(a->metadata[i].key, b->metadata[i].key) &&
			  !strcmp(a->metadata[i].value, b->metadata[i].value));
}

/* What is written must be what was meant; what is refused says why. */
static void write_must_read_back(const struct registration *r)
{
	const char *skills[REGISTRATION_SKILLS_MAX], *domains[REGISTRATION_SKILLS_MAX];
	struct registration_pair metadata[REGISTRATION_METADATA_MAX];
	struct registration_own own = {
		.name = r->name, .description = r->description, .image = r->image,
		.endpoint = r->n_services ? r->services[0].endpoint : NULL, .skills = skills, .n_skills = r->n_skills,
		.domains = domains, .n_domains = r->n_domains, .x402 = r->x402, .active = r->active, .ids = r->ids,
		.n_ids = r->n_ids, .metadata = metadata, .n_metadata = r->n_metadata,
	};
	struct registration *back = art_alloc(1, sizeof(*back));
	struct art_err err = { 0 };
	struct art_buf out, uri, doc;
	enum registration_place place;
	char url[HTTP_URL_MAX];

	for (int i = 0; i < r->n_skills; i++)
		skills[i] = r->skills[i];
	for (int i = 0; i < r->n_domains; i++)
		domains[i] = r->domains[i];
	for (int i = 0; i < r->n_metadata; i++)
		metadata[i] = (struct registration_pair){ r->metadata[i].key, r->metadata[i].value };
	art_buf_init(&out, REGISTRATION_MAX);
	art_buf_init(&uri, 2 * REGISTRATION_MAX);
	art_buf_init(&doc, REGISTRATION_MAX);
	if (registration_write(&own, &out, &err) == ART_OK) {
		FUZZ_MUST(registration_read(back, out.data, out.len, &err) == ART_OK);
		FUZZ_MUST(!strcmp(back->name, r->name) && !strcmp(back->description, r->description));
		FUZZ_MUST(!strcmp(back->image, r->image) && back->active_known);
		FUZZ_MUST(back->x402 == r->x402 && back->active == r->active);
		FUZZ_MUST(!own.endpoint || !strcmp(back->services[0].endpoint, own.endpoint));
		same_lists(r, back);
		FUZZ_MUST(registration_data_uri(out.data, out.len, &uri, &err) == ART_OK);
		FUZZ_MUST(registration_locate(uri.data, uri.len, NULL, &place, url, sizeof(url), &doc, &err) == ART_OK);
		FUZZ_MUST(place == REGISTRATION_INLINE && doc.len == out.len && !memcmp(doc.data, out.data, out.len));
	} else {
		FUZZ_MUST((err.code == ART_INVALID || err.code == ART_LIMIT) && err.text[0] && !out.len);
	}
	art_buf_destroy(&out);
	art_buf_destroy(&uri);
	art_buf_destroy(&doc);
	free(back);
}

static void read_document(const char *text, size_t len)
{
	struct registration *r = art_alloc(1, sizeof(*r));
	struct art_err err = { 0 };

	if (registration_read(r, text, len, &err) == ART_OK) {
		document_must_hold(r);
		write_must_read_back(r);
	} else {
		FUZZ_MUST(err.code == ART_INVALID && err.text[0]);
		shown(err.text, sizeof(err.text));
	}
	free(r);
}

static void locate(const char *uri, size_t len)
{
	enum registration_place place;
	struct art_err err = { 0 };
	char url[HTTP_URL_MAX];
	struct http_url parts;
	struct art_buf doc;

	art_buf_init(&doc, REGISTRATION_MAX);
	if (registration_locate(uri, len, GATEWAY, &place, url, sizeof(url), &doc, &err) == ART_OK) {
		FUZZ_MUST((place == REGISTRATION_AT_URL) == (url[0] != '\0'));
		FUZZ_MUST(place == REGISTRATION_INLINE || !doc.len);
		if (place == REGISTRATION_AT_URL)
			FUZZ_MUST(http_url_parse(url, &parts, NULL) == ART_OK);
		/* Nothing gets out of the gateway's folder. */
		if (place == REGISTRATION_AT_URL && len > 5 && (uri[0] == 'i' || uri[0] == 'I'))
			FUZZ_MUST(!strncmp(url, GATEWAY, strlen(GATEWAY)) && !strcmp(parts.host, "gw.example") &&
				  !strncmp(parts.path, "/ipfs/", 6) && strlen(parts.path) > 13);
		if (place == REGISTRATION_INLINE)
			read_document(doc.data ? doc.data : "", doc.len);
	} else {
		FUZZ_MUST(err.code == ART_INVALID || err.code == ART_LIMIT || err.code == ART_UNSUPPORTED);
		FUZZ_MUST(err.text[0] && !url[0]);
	}
	art_buf_destroy(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";

	locate(text, size);
	read_document(text, size);
	return 0;
}
