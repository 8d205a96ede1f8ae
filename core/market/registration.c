/*
 * registration.c - ERC-8004 registration documents: what strangers publish, read as far as it makes sense.
 *
 * Layer: core. Pure functions. One part of a document that is not what it should be is left out; what is
 * told is cleaned on its way in, and what cannot be cut without becoming something else (a URL, a skill) is
 * left out when too long.
 */
#include "core/market/registration.h"

#include <string.h>
#include <strings.h>

#include "core/market/probe.h"
#include "store/json.h"

/* ---- texts --------------------------------------------------------------------------------------- */

/* Words for a person: cleaned, cut where it must be. */
static void take_text(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);

	art_text_clean(dst, size, s ? s : "", s ? strlen(s) : 0, false);
}

static void trim(char *s)
{
	size_t from = strspn(s, " "), n = strlen(s);

	while (n > from && s[n - 1] == ' ')
		n--;
	memmove(s, s + from, n - from);
	s[n - from] = '\0';
}

/* A word that means something whole: "" when it is no text or does not fit. */
static bool take_whole(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);

	dst[0] = '\0';
	if (!s || strlen(s) >= size)
		return false;
	art_text_clean(dst, size, s, strlen(s), false);
	trim(dst);
	return dst[0] != '\0';
}

/* A text, number or boolean as text. */
static bool take_scalar(const struct json *j, char *dst, size_t size)
{
	struct opt_f64 number = json_num(j);
	char text[32];

	if (json_str(j))
		take_text(j, dst, size);
	else if (number.known)
		art_copy(dst, size, art_f64_text(number.v, text, sizeof(text)));
	else if (json_bool(j, false) == json_bool(j, true))
		art_copy(dst, size, json_bool(j, false) ? "true" : "false");
	else
		return false;
	return true;
}

/* true, "true", {"enabled":true}, {"supported":true}. */
static bool is_yes(const struct json *j)
{
	const char *s = json_str(j);

	if (json_is_object(j))
		return is_yes(json_get(j, "enabled")) || is_yes(json_get(j, "supported"));
	return json_bool(j, s && !strcasecmp(s, "true"));
}

static const struct json *first_of(const struct json *obj, const char *a, const char *b, const char *c)
{
	const struct json *j = json_get(obj, a);

	j = j ? j : json_get(obj, b);
	return j ? j : json_get(obj, c);
}

/* ---- what it says: skills ------------------------------------------------------------------------- */

/* Slugs are joined by spaces later, so none may hold one. */
static void add_slug(char (*list)[96], int *n, const struct json *j)
{
	char slug[96];

	if (*n == REGISTRATION_SKILLS_MAX || !take_whole(j, slug, sizeof(slug)))
		return;
	for (char *p = slug; *p; p++)
		if (*p == ' ')
			*p = '_';
	for (int i = 0; i < *n; i++)
		if (!strcmp(list[i], slug))
			return;
	art_copy(list[(*n)++], sizeof(list[0]), slug);
}

/* A text, an object with "name" or "slug", or a list of these. */
static void add_slugs(char (*list)[96], int *n, const struct json *j)
{
	if (json_str(j)) {
		add_slug(list, n, j);
	} else if (json_is_object(j)) {
		add_slug(list, n, first_of(j, "name", "slug", "id"));
	} else if (json_is_array(j)) {
		for (const struct json *m = json_at(j, 0); m; m = json_next(m))
			if (!json_is_array(m))
				add_slugs(list, n, m);
	}
}

static void read_skills(struct registration *r, const struct json *obj)
{
	add_slugs(r->skills, &r->n_skills, json_get(obj, "skills"));
	add_slugs(r->domains, &r->n_domains, json_get(obj, "domains"));
}

/* The first generation's, at the document's top: a text or {name, domain, skills, domains}, or a list of
 * these. */
static void read_old_skills(struct registration *r, const struct json *j)
{
	if (json_is_array(j)) {
		for (const struct json *m = json_at(j, 0); m; m = json_next(m))
			if (!json_is_array(m))
				read_old_skills(r, m);
	} else if (json_is_object(j)) {
		read_skills(r, j);
		add_slug(r->skills, &r->n_skills, json_get(j, "name"));
		add_slug(r->domains, &r->n_domains, json_get(j, "domain"));
	} else {
		add_slug(r->skills, &r->n_skills, j);
	}
}

/* ---- what it says: services ----------------------------------------------------------------------- */

static bool same_service(const struct registration_service *a, const struct registration_service *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->endpoint, b->endpoint);
}

static void add_service(struct registration *r, const struct registration_service *s)
{
	for (int i = 0; i < r->n_services; i++)
		if (same_service(&r->services[i], s))
			return;
	if (r->n_services == REGISTRATION_SERVICES_MAX)
		r->more_services++;
	else
		r->services[r->n_services++] = *s;
}

/* One entry; @name is its key where services are an object. */
static void read_service(struct registration *r, const struct json *j, const char *name)
{
	struct registration_service s = { .available = true };
	const struct json *told = json_get(j, "name");

	if (!json_is_object(j) && !json_str(j))
		return;
	if (told || !name)
		take_text(told, s.name, sizeof(s.name));
	else
		art_text_clean(s.name, sizeof(s.name), name, strlen(name), false);
	trim(s.name);
	for (char *p = s.name; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	if (json_str(j)) {
		if (!take_whole(j, s.endpoint, sizeof(s.endpoint)))
			return;
		if (!s.name[0])
			art_copy(s.name, sizeof(s.name), "web");
	} else {
		take_whole(first_of(j, "endpoint", "url", "uri"), s.endpoint, sizeof(s.endpoint));
		if (!take_scalar(json_get(j, "version"), s.version, sizeof(s.version)))
			s.version[0] = '\0';
		s.available = json_bool(json_get(j, "available"), true);
	}
	if (!strcmp(s.name, "oasf"))
		read_skills(r, j);
	if (s.name[0] || s.endpoint[0])
		add_service(r, &s);
}

static void read_services(struct registration *r, const struct json *list)
{
	bool keyed = json_is_object(list);

	for (const struct json *m = json_at(list, 0); m; m = json_next(m))
		read_service(r, m, keyed ? json_key(m) : NULL);
}

/* ---- what it says: identities and metadata --------------------------------------------------------- */

/* "eip155:84532:0x..." */
static bool read_registry(const char *s, struct registration_id *out)
{
	char chain[24];
	struct u256 id;
	size_t n;

	if (!s || strncasecmp(s, "eip155:", 7) != 0)
		return false;
	s += 7;
	n = strcspn(s, ":");
	if (!s[n] || n >= sizeof(chain))
		return false;
	memcpy(chain, s, n);
	chain[n] = '\0';
	return u256_parse(chain, &id) && u256_to_u64(&id, &out->chain_id) && out->chain_id &&
	       eth_address_parse(s + n + 1, &out->registry, NULL) == ART_OK;
}

static bool read_agent_id(const struct json *j, struct u256 *out)
{
	struct opt_i64 number = json_int(j);

	if (number.known && number.v >= 0)
		*out = u256_from_u64((uint64_t)number.v);
	return (number.known && number.v >= 0) || (json_str(j) && u256_parse(json_str(j), out));
}

static void read_ids(struct registration *r, const struct json *list)
{
	for (const struct json *m = json_at(list, 0); m; m = json_next(m)) {
		struct registration_id id;

		if (r->n_ids < REGISTRATION_IDS_MAX && read_agent_id(json_get(m, "agentId"), &id.agent) &&
		    read_registry(json_str(json_get(m, "agentRegistry")), &id))
			r->ids[r->n_ids++] = id;
		else
			r->bad_ids++;
	}
}

static void read_metadata(struct registration *r, const struct json *obj)
{
	const struct json *m = json_is_object(obj) ? json_at(obj, 0) : NULL;

	for (; m && r->n_metadata < REGISTRATION_METADATA_MAX; m = json_next(m)) {
		char *key = r->metadata[r->n_metadata].key;
		size_t size = sizeof(r->metadata[0].key);
		const char *name = json_key(m);

		if (strlen(name) >= size)
			continue;
		art_text_clean(key, size, name, strlen(name), false);
		if (!key[0] || registration_metadata(r, key) ||
		    !take_scalar(m, r->metadata[r->n_metadata].value, sizeof(r->metadata[0].value)))
			continue;
		r->n_metadata++;
	}
}

/* ---- what it says ---------------------------------------------------------------------------------- */

static void read_active(struct registration *r, const struct json *j)
{
	const char *s = json_str(j);
	bool yes = s && !strcasecmp(s, "true");

	if (json_bool(j, true) != json_bool(j, false) && !yes && !(s && !strcasecmp(s, "false")))
		return;
	r->active_known = true;
	r->active = json_bool(j, yes);
}

/* Whether anything in @root is what a registration would say. */
static bool says_anything(const struct json *root)
{
	static const char *const texts[] = { "name", "description", "image" };
	static const char *const lists[] = { "services", "endpoints", "registrations", "oasf", "skills" };
	static const char *const others[] = { "metadata", "autoresearch", "x402Support", "x402support", "active" };

	for (size_t i = 0; i < ART_COUNT(texts); i++)
		if (json_str(json_get(root, texts[i])))
			return true;
	for (size_t i = 0; i < ART_COUNT(lists); i++)
		if (json_is_array(json_get(root, lists[i])) || json_is_object(json_get(root, lists[i])))
			return true;
	for (size_t i = 0; i < ART_COUNT(others); i++) {
		const struct json *j = json_get(root, others[i]);

		if (json_is_object(j) || json_bool(j, true) == json_bool(j, false))
			return true;
	}
	return json_str(json_get(root, "type")) && strstr(json_str(json_get(root, "type")), "eip-8004");
}

static void read_root(struct registration *r, const struct json *root)
{
	take_text(json_get(root, "name"), r->name, sizeof(r->name));
	take_text(json_get(root, "description"), r->description, sizeof(r->description));
	take_whole(json_get(root, "image"), r->image, sizeof(r->image));
	r->x402 = is_yes(first_of(root, "x402Support", "x402support", "x402_support"));
	read_active(r, json_get(root, "active"));
	read_services(r, json_get(root, "services"));
	read_services(r, json_get(root, "endpoints"));
	if (!r->n_skills && !r->n_domains) {
		read_old_skills(r, json_get(root, "oasf"));
		read_old_skills(r, json_get(root, "skills"));
		add_slugs(r->domains, &r->n_domains, json_get(root, "domains"));
	}
	read_ids(r, json_get(root, "registrations"));
	read_metadata(r, json_is_object(json_get(root, "metadata")) ? json_get(root, "metadata")
								    : json_get(root, "autoresearch"));
}

enum art_status registration_read(struct registration *out, const char *text, size_t len, struct art_err *err)
{
	struct json *root = NULL;
	struct art_err why = { 0 };
	enum art_status s;

	memset(out, 0, sizeof(*out));
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark: editors put it there */
		text += 3;
		len -= 3;
	}
	if (!len)
		return art_fail(err, ART_INVALID, "the registration document is empty");
	s = json_parse(&root, text, len, REGISTRATION_MAX, &why);
	if (s != ART_OK)
		return art_fail(err, ART_INVALID, "the registration document: %.200s", why.text);
	if (!json_is_object(root))
		s = art_fail(err, ART_INVALID, "the registration document is no JSON object");
	else if (!says_anything(root))
		s = art_fail(err, ART_INVALID, "the document holds nothing of a registration");
	else
		read_root(out, root);
	json_free(root);
	return s;
}

const char *registration_metadata(const struct registration *r, const char *key)
{
	for (int i = 0; i < r->n_metadata; i++)
		if (!strcmp(r->metadata[i].key, key))
			return r->metadata[i].value;
	return NULL;
}

bool registration_names(const struct registration *r, uint64_t chain_id, const struct eth_address *registry,
			const struct u256 *agent)
{
	for (int i = 0; i < r->n_ids; i++)
		if (r->ids[i].chain_id == chain_id && eth_address_equal(&r->ids[i].registry, registry) &&
		    !u256_cmp(&r->ids[i].agent, agent))
			return true;
	return false;
}

/* ---- endpoints ------------------------------------------------------------------------------------- */

/* How well a service looks like one that runs experiments: 0 best, -1 not at all. */
static int rank_of(const struct registration *r, const struct registration_service *s)
{
	bool looks = strstr(s->endpoint, "/services/") || strstr(s->endpoint, "/experiment");
	bool web = !strcmp(s->name, "web") || !s->name[0];

	if (!s->endpoint[0] || (!looks && !(web && r->x402)))
		return -1;
	return (looks ? 0 : 1) + (s->available ? 0 : 2);
}

static bool is_among(char (*list)[512], int n, const char *text)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i], text))
			return true;
	return false;
}

int registration_endpoints(const struct registration *r, char (*out)[512], int max)
{
	int n = 0;

	for (int rank = 0; rank < 4; rank++)
		for (int i = 0; i < r->n_services && n < max; i++) {
			char url[WORKER_URL_MAX];

			if (rank_of(r, &r->services[i]) != rank ||
			    market_endpoint(r->services[i].endpoint, url, NULL) != ART_OK || is_among(out, n, url))
				continue;
			art_copy(out[n++], sizeof(out[0]), url);
		}
	return n;
}
