/*
 * registration_write.c - our own registration document, and its data: URI.
 *
 * Layer: core. Pure functions. Whatever would not come back unchanged from registration_read is refused
 * here, where its owner can still change it.
 */
#include "core/market/registration.h"

#include <stdio.h>
#include <string.h>

#include "core/net/http.h"
#include "core/pay/x402.h" /* base64 */
#include "store/json.h"

#define TYPE_TEXT "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
#define OASF_VERSION "0.8"
#define WEB_VERSION "1.0.0"
#define AGENT_NUMBER_MAX (((uint64_t)1 << 53) - 1) /* the largest id that every JSON reader takes exactly */

/* A text that any reader, ours too, gives back as it is. */
static enum art_status check_text(const char *what, const char *s, size_t size, struct art_err *err)
{
	char clean[512];
	size_t n;

	if (!s)
		return ART_OK;
	if (strlen(s) >= size)
		return art_fail(err, ART_LIMIT, "%s is longer than %zu bytes", what, size - 1);
	n = art_text_clean(clean, sizeof(clean), s, strlen(s), false);
	if (strcmp(clean, s) != 0)
		return art_fail(err, ART_INVALID, "%s holds characters that do not print", what);
	if (n && (s[0] == ' ' || s[n - 1] == ' '))
		return art_fail(err, ART_INVALID, "%s begins or ends with a space", what);
	return ART_OK;
}

static enum art_status check_slugs(const char *what, const char *const *list, int n, struct art_err *err)
{
	enum art_status s = ART_OK;

	if (n > REGISTRATION_SKILLS_MAX)
		return art_fail(err, ART_LIMIT, "more than %d %ss", REGISTRATION_SKILLS_MAX, what);
	for (int i = 0; i < n && s == ART_OK; i++) {
		s = check_text(what, list[i], sizeof(((struct registration *)0)->skills[0]), err);
		if (s == ART_OK && (!list[i][0] || strchr(list[i], ' ')))
			s = art_fail(err, ART_INVALID, "the %s \"%s\" is no slug like a/b", what, list[i]);
	}
	return s;
}

static enum art_status check_metadata(const struct registration_own *own, struct art_err *err)
{
	enum art_status s = ART_OK;

	if (own->n_metadata > REGISTRATION_METADATA_MAX)
		return art_fail(err, ART_LIMIT, "more than %d entries of metadata", REGISTRATION_METADATA_MAX);
	for (int i = 0; i < own->n_metadata && s == ART_OK; i++) {
		const struct registration_pair *p = &own->metadata[i];

		s = check_text("a metadata key", p->key, sizeof(((struct registration *)0)->metadata[0].key), err);
		if (s == ART_OK && !p->key[0])
			s = art_fail(err, ART_INVALID, "a metadata key is empty");
		if (s == ART_OK)
			s = check_text(p->key, p->value, sizeof(((struct registration *)0)->metadata[0].value), err);
		for (int k = 0; k < i && s == ART_OK; k++)
			if (!strcmp(own->metadata[k].key, p->key))
				s = art_fail(err, ART_INVALID, "the metadata key \"%s\" is there twice", p->key);
	}
	return s;
}

static enum art_status check_endpoint(const char *endpoint, struct art_err *err)
{
	struct http_url parts;
	struct art_err why = { 0 };
	enum art_status s = check_text("the endpoint", endpoint,
				       sizeof(((struct registration_service *)0)->endpoint), err);

	if (s == ART_OK && endpoint && http_url_parse(endpoint, &parts, &why) != ART_OK)
		s = art_fail(err, ART_INVALID, "the endpoint: %.200s", why.text);
	return s;
}

static enum art_status check_own(const struct registration_own *own, struct art_err *err)
{
	enum art_status s = check_text("the name", own->name, sizeof(((struct registration *)0)->name), err);

	if (s == ART_OK && (!own->name || !own->name[0]))
		s = art_fail(err, ART_INVALID, "a registration needs a name");
	if (s == ART_OK)
		s = check_text("the description", own->description,
			       sizeof(((struct registration *)0)->description), err);
	if (s == ART_OK)
		s = check_text("the image's address", own->image, sizeof(((struct registration *)0)->image), err);
	if (s == ART_OK)
		s = check_endpoint(own->endpoint, err);
	if (s == ART_OK)
		s = check_slugs("skill", own->skills, own->n_skills, err);
	if (s == ART_OK)
		s = check_slugs("domain", own->domains, own->n_domains, err);
	if (s == ART_OK)
		s = check_metadata(own, err);
	if (s == ART_OK && own->n_ids > REGISTRATION_IDS_MAX)
		s = art_fail(err, ART_LIMIT, "more than %d registrations", REGISTRATION_IDS_MAX);
	return s;
}

static void put_strings(struct json_out *o, const char *key, const char *const *list, int n)
{
	json_open_array(o, key);
	for (int i = 0; i < n; i++)
		json_put_str(o, NULL, list[i]);
	json_close_array(o);
}

static void put_services(struct json_out *o, const struct registration_own *own)
{
	json_open_array(o, "services");
	if (own->endpoint) {
		json_open_object(o, NULL);
		json_put_str(o, "name", "web");
		json_put_str(o, "endpoint", own->endpoint);
		json_put_str(o, "version", WEB_VERSION);
		json_close_object(o);
	}
	if (own->n_skills || own->n_domains) {
		json_open_object(o, NULL);
		json_put_str(o, "name", "OASF");
		json_put_str(o, "version", OASF_VERSION);
		put_strings(o, "skills", own->skills, own->n_skills);
		put_strings(o, "domains", own->domains, own->n_domains);
		json_close_object(o);
	}
	json_close_array(o);
}

static void put_ids(struct json_out *o, const struct registration_own *own)
{
	json_open_array(o, "registrations");
	for (int i = 0; i < own->n_ids; i++) {
		const struct registration_id *id = &own->ids[i];
		char text[U256_TEXT], address[ETH_ADDRESS_TEXT];
		uint64_t number;

		json_open_object(o, NULL);
		if (u256_to_u64(&id->agent, &number) && number <= AGENT_NUMBER_MAX)
			json_put_int(o, "agentId", (int64_t)number);
		else
			json_put_str(o, "agentId", u256_text(&id->agent, text));
		snprintf(text, sizeof(text), "eip155:%llu:%s", (unsigned long long)id->chain_id,
			 eth_address_text(&id->registry, address));
		json_put_str(o, "agentRegistry", text);
		json_close_object(o);
	}
	json_close_array(o);
}

static void put_own(struct json_out *o, const struct registration_own *own)
{
	json_open_object(o, NULL);
	json_put_str(o, "type", TYPE_TEXT);
	json_put_str(o, "name", own->name);
	json_put_str(o, "description", own->description ? own->description : "");
	if (own->image && own->image[0])
		json_put_str(o, "image", own->image);
	put_services(o, own);
	json_put_bool(o, "x402Support", own->x402);
	json_put_bool(o, "active", own->active);
	put_ids(o, own);
	if (own->n_metadata) {
		json_open_object(o, "metadata");
		for (int i = 0; i < own->n_metadata; i++)
			json_put_str(o, own->metadata[i].key, own->metadata[i].value ? own->metadata[i].value : "");
		json_close_object(o);
	}
	json_close_object(o);
}

enum art_status registration_write(const struct registration_own *own, struct art_buf *out, struct art_err *err)
{
	struct art_buf text;
	struct json_out o;
	enum art_status s = check_own(own, err);

	if (s != ART_OK)
		return s;
	art_buf_init(&text, REGISTRATION_MAX); /* what passed the checks is far below it */
	json_out_init(&o, &text, false);
	put_own(&o, own);
	if (art_buf_add(out, text.data, text.len) != ART_OK)
		s = art_fail(err, ART_LIMIT, "the registration document of %zu bytes does not fit", text.len);
	art_buf_destroy(&text);
	return s;
}

enum art_status registration_data_uri(const char *doc, size_t len, struct art_buf *out, struct art_err *err)
{
	static const char head[] = "data:application/json;base64,";

	if (len > REGISTRATION_MAX)
		return art_fail(err, ART_LIMIT, "the document is larger than %u bytes", REGISTRATION_MAX);
	if (art_buf_add(out, head, strlen(head)) != ART_OK || !base64_encode(doc, len, out))
		return art_fail(err, ART_LIMIT, "the data: URI of %zu bytes does not fit",
				strlen(head) + (len + 2) / 3 * 4);
	return ART_OK;
}
