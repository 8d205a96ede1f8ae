/*
 * scan8004_private.h - pieces of an index's answer: where they lie in its text, and what a row says.
 * Private to core/market.
 */
#ifndef CORE_MARKET_SCAN8004_PRIVATE_H
#define CORE_MARKET_SCAN8004_PRIVATE_H

#include "core/market/registration.h"
#include "core/market/scan8004.h"

#define SCAN_ERROR_MAX (64u << 10)             /* bytes of a body without rows */
#define SCAN_ROW_MAX (2u * REGISTRATION_MAX)   /* bytes of a row: a document and what is around it */

/* What is asked, as the services take it: 1..100 rows, a page from 0. */
int scan_limit(const struct scan_ask *ask);
int64_t scan_page_number(const struct scan_ask *ask);

/* A piece of a text. */
struct slice {
	size_t at, n;
};
/* The value of the first member @key (compared as written) of the object at @obj, without the space behind
 * it. Also of a text that is no JSON elsewhere. */
bool slice_member(const char *text, struct slice obj, const char *key, struct slice *out);

/* The member @a, or @b when there is none or it is null. */
const struct json *json_either(const struct json *obj, const char *a, const char *b);
/* A whole number, told as number or text. */
bool json_count_of(const struct json *j, uint64_t *out);

/* Whose row it is. NULL: OK; else why it cannot be told. @ask may be NULL. */
const char *scan_row_key(const struct json *row, const struct scan_ask *ask, struct agent_key *out);
/* Fills all but the key. @text: the row as it came. */
void scan_row_agent(struct scan_agent *out, const struct json *row, const char *text, size_t len);

#endif
