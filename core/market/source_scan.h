/*
 * source_scan.h - one asking of one 8004scan API, and its requests within the budget. Private to source_scan*.c.
 *
 * Layer: core.
 */
#ifndef CORE_MARKET_SOURCE_SCAN_H
#define CORE_MARKET_SOURCE_SCAN_H

#include "core/market/scan8004.h"
#include "core/market/source.h"

#define SCAN_KEY_MAX 512

struct scan {
	struct market *m;
	const struct market_ask *ask;
	struct source_row *row;
	enum scan_api api;
	const char *base;
	char api_key[SCAN_KEY_MAX + 16], bearer[SCAN_KEY_MAX + 32]; /* header lines, "" none; wiped */
	int64_t *ids;  /* agents told this time, each once */
	size_t n, cap;
	struct art_err first; /* the first list that failed */
	bool any;             /* a list came */
};

/* Fills the header lines when there is a key file. INVALID: others can read it, or it holds no key. */
ART_MUST_USE enum art_status scan_read_key(struct scan *c, struct art_err *err);
/*
 * One GET, repeated when it fails at once; each try takes a token. @may_wait: for a few seconds, for a token or as the service
 * asks. OK with an answer that is worth reading, whatever its status; LIMIT means that the budget is spent, and only that. The
 * caller destroys @out in every case.
 */
ART_MUST_USE enum art_status scan_get(struct scan *c, const char *url, struct http_response *out, bool may_wait,
				      struct art_err *err);
/* An answer that is too large is no good answer: its LIMIT is INVALID here. */
enum art_status scan_not_limit(enum art_status s);

#endif
