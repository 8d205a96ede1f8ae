/*
 * scan8004.h - the two APIs of 8004scan.io, and its self-hosted clones: URLs out, rows in. Pure functions.
 *
 * Layer: core. Threads: any; values. Source: the published OpenAPI and clients' measurements. The public
 * API (.../api/v1/public) takes camelCase and pages, the backend API (.../api/v1) snake_case and offsets; a
 * wrong spelling is silently ignored by the service, so everything asked for is checked again here on what
 * came. List rows carry no document: a detail call does.
 */
#ifndef CORE_MARKET_SCAN8004_H
#define CORE_MARKET_SCAN8004_H

#include "core/net/http.h"
#include "store/agents.h"
#include "store/json.h"

#define SCAN_BODY_MAX (8u << 20)   /* a page: detail rows may hold documents */
#define SCAN_ROWS_MAX 1000         /* of one page; more are counted as bad */

enum scan_api { SCAN_PUBLIC, SCAN_BACKEND };

struct scan_ask {
	uint64_t chain_id;             /* 0: all */
	const char *skill;             /* one slug; NULL none. Public: search=; backend: oasf_skill= */
	bool oasf_only;                /* protocol=OASF / has_oasf=true */
	bool testnet;                  /* isTestnet=true / is_testnet=true: chain_id is a test network's */
	const char *registry;          /* of chain_id, for rows that name none (clones, samples); NULL: those are bad */
	int limit;                     /* rows of a page, 1..100 */
	int64_t page;                  /* from 0 */
};
/* Percent-encoded. LIMIT when it does not fit HTTP_URL_MAX. */
ART_MUST_USE enum art_status scan_list_url(enum scan_api api, const char *base,
					   const struct scan_ask *ask, char out[HTTP_URL_MAX],
					   struct art_err *err);
ART_MUST_USE enum art_status scan_detail_url(enum scan_api api, const char *base,
					     const struct agent_key *key, char out[HTTP_URL_MAX],
					     struct art_err *err);

/* One agent as a row of a list or as a detail tells it. */
struct scan_agent {
	struct agent_key key;
	struct agent_fact *facts;      /* keys as agents.h names them, and "health" and "protocols"; as_of filled where
	                                * told. Owned; not NULL after OK */
	int n_facts;
	char uri[2048];                /* "" not told, or too long to be kept */
	char *document;                /* JSON text of raw_metadata.offchain_content or registration_json; NULL none. Owned */
	size_t document_len;
};
void scan_agent_destroy(struct scan_agent *a);

struct scan_page {
	struct scan_agent *rows;
	size_t n;
	size_t bad;                    /* rows that are no agents, and those above SCAN_ROWS_MAX */
	char why[256];                 /* the first bad one, with its place */
	bool more;                     /* hasMore, totalPages, or total say so; a full page when nobody says */
	struct opt_i64 total;
};
void scan_page_destroy(struct scan_page *p);
/*
 * A list answer: rows under data, data.items, items or agents, or a bare array. Each row is read by itself:
 * a bad one, even one that is no JSON, costs no other. @ask as it was asked: rows of other chains, and of
 * other protocols where OASF was asked, are dropped (not bad), duplicates within the page kept once.
 * REFUSED: the service answered an error object (error.code/message, detail text, detail[]), whose words
 * are in err; INVALID: neither, with the byte offset; LIMIT above SCAN_BODY_MAX.
 */
ART_MUST_USE enum art_status scan_page_read(struct scan_page *out, const char *text, size_t len,
					    const struct scan_ask *ask, struct art_err *err);
/* A detail answer: under data or bare. CONFLICT: it is of another agent than @key. */
ART_MUST_USE enum art_status scan_detail_read(struct scan_agent *out, const char *text, size_t len,
					      const struct agent_key *key, struct art_err *err);
/* When a refusal says we may ask again, in us since 1970: Retry-After, X-RateLimit-Reset (ISO 8601, unix
 * seconds or milliseconds, seconds from now), body error.details.resetAt or retry_after. 0: it does not
 * say. */
int64_t scan_reset_at(const struct http_response *r, int64_t now_us);

#endif
