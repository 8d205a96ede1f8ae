/*
 * registration.h - ERC-8004 registration documents: where one lies, what it says, and writing our own. Pure
 * functions over bytes: no network, clock or store.
 *
 * Layer: core. Threads: any; values. Sources: the ERC-8004 specification (registration-v1), and the
 * variants met in the wild: "endpoints" for "services", "x402support", "x402Support":{"enabled":true},
 * "supportedTrusts", any case in service names, ids as strings or numbers, entries without an endpoint,
 * top-level "oasf"/"skills" (obol's first generation).
 */
#ifndef CORE_MARKET_REGISTRATION_H
#define CORE_MARKET_REGISTRATION_H

#include "core/chain/hex.h"
#include "core/chain/u256.h"
#include "store/base.h"

#define REGISTRATION_MAX (1u << 20)      /* bytes of a document */
#define REGISTRATION_SERVICES_MAX 64     /* kept; the rest is counted */
#define REGISTRATION_SKILLS_MAX 32
#define REGISTRATION_IDS_MAX 16
#define REGISTRATION_METADATA_MAX 24
#define REGISTRATION_WELL_KNOWN "/.well-known/agent-registration.json"

/* ---- where it lies ---------------------------------------------------------------------------- */

enum registration_place {
	REGISTRATION_NOWHERE, /* an empty URI: register() without one */
	REGISTRATION_AT_URL,  /* https (or http) */
	REGISTRATION_INLINE,  /* data: */
};
/*
 * @uri as the chain has it -> @url to fetch (ipfs:// through @gateway, "https://host/ipfs/"; ar:// and
 * others are UNSUPPORTED), or the decoded document in @inline_doc (data:, base64 or percent-encoded, any
 * media type; a bare JSON text counts too; it may be empty; a compressed one is UNSUPPORTED). INVALID says
 * what is wrong; LIMIT above REGISTRATION_MAX.
 */
ART_MUST_USE enum art_status registration_locate(const char *uri, size_t len, const char *gateway,
						 enum registration_place *place, char *url,
						 size_t url_size, struct art_buf *inline_doc,
						 struct art_err *err);

/* ---- what it says ------------------------------------------------------------------------------- */

struct registration_service {
	char name[32];       /* lower case: "web" "a2a" "mcp" "oasf" ...; of an entry that is a bare text "web" */
	char endpoint[512];  /* "" none, or too long: half a URL is another; not cleaned of anything but controls */
	char version[16];
	bool available;      /* false: obol's "available":false while it drains */
};
struct registration_id {
	uint64_t chain_id;
	struct eth_address registry;
	struct u256 agent;
};
struct registration {
	char name[80], description[256], image[256];
	struct registration_service services[REGISTRATION_SERVICES_MAX];
	int n_services, more_services;
	char skills[REGISTRATION_SKILLS_MAX][96], domains[REGISTRATION_SKILLS_MAX][96];
	int n_skills, n_domains;
	bool x402, active, active_known;
	struct registration_id ids[REGISTRATION_IDS_MAX]; /* those that could be read */
	int n_ids, bad_ids;          /* bad: could not be read, or above REGISTRATION_IDS_MAX */
	struct {
		char key[40], value[256]; /* metadata (obol, agent0): strings, numbers and booleans as text */
	} metadata[REGISTRATION_METADATA_MAX];
	int n_metadata;
};
/* INVALID: no JSON object, or nothing of a registration in it. A part of the wrong type is skipped, not
 * fatal. */
ART_MUST_USE enum art_status registration_read(struct registration *out, const char *text, size_t len,
					       struct art_err *err);
/* Borrowed; NULL. */
const char *registration_metadata(const struct registration *r, const char *key);
/* Whether @r's registrations[] names this identity. */
bool registration_names(const struct registration *r, uint64_t chain_id,
			const struct eth_address *registry, const struct u256 *agent);
/*
 * Endpoints that may take experiments, best first: those with "/services/" or "/experiment" in them, then,
 * when the document says x402, other web endpoints; trailing "/experiment" cut off, trailing slashes too;
 * only http and https, no user:password@, no duplicates, each in the form of market_endpoint. Those that
 * say they drain come last. Fills at most @max; returns how many.
 */
int registration_endpoints(const struct registration *r, char (*out)[512], int max);

/* ---- ours ----------------------------------------------------------------------------------------- */

struct registration_own {
	const char *name, *description, *image; /* image may be NULL */
	const char *endpoint;                   /* of the web service, public; NULL: none is named */
	const char *const *skills, *const *domains;
	int n_skills, n_domains;
	bool x402, active;
	const struct registration_id *ids;
	int n_ids;
	struct registration_pair {
		const char *key, *value;
	} const *metadata;
	int n_metadata;
};
/* As obol's readers and 8004scan expect it: type, services web and OASF (version "0.8"), x402Support,
 * active, registrations, metadata. What it takes comes back unchanged from registration_read: a text that
 * is not clean, a slug with a space, a key that is there twice are INVALID; more or longer than that reader
 * keeps, and a full @out, LIMIT. */
ART_MUST_USE enum art_status registration_write(const struct registration_own *own, struct art_buf *out,
						struct art_err *err);
/* "data:application/json;base64,..." of a document. */
ART_MUST_USE enum art_status registration_data_uri(const char *doc, size_t len, struct art_buf *out,
						   struct art_err *err);

#endif
