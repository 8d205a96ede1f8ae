/*
 * probe.h - what an endpoint answers to someone who asks and never pays. Pure functions over answers.
 *
 * Layer: core. Threads: any; values. Sources: obol's worker API (POST /experiment {"probe":true}, GET
 * /health), its catalogue (/api/services.json), x402 challenges.
 */
#ifndef CORE_MARKET_PROBE_H
#define CORE_MARKET_PROBE_H

#include "core/chain/chains.h"
#include "core/net/http.h"
#include "store/workers.h"

#define PROBE_BODY_MAX (256u << 10)

/* The three questions. Only the first decides whether a worker is alive. */
enum probe_question { PROBE_EXPERIMENT, PROBE_HEALTH, PROBE_CATALOGUE, PROBE_QUESTIONS };
/*
 * The request for one of them; @url (HTTP_URL_MAX) is filled and borrowed by *q with the static body and
 * headers. The catalogue lies at the host's root. The caller sets deadlines and refuse_private. Redirects:
 * none for the probe (a payment would not follow one), 2 for the free routes.
 */
ART_MUST_USE enum art_status probe_request(enum probe_question which, const char *endpoint, char *url,
					   struct http_request *q, struct art_err *err);
/*
 * Takes one answer into @p (zeroed before the first). @s as http_call gave it.
 *
 * Experiment: 402 with a readable challenge is alive; the price is of the terms that x402_choose takes
 * (payable, unless the seller takes the money before it works: that is asked about first), else of the
 * first offer in a token that we know, with the reason in error; in no such token: not priced. A 402 of
 * obol's first generation (payTo and an amount, no x402) is alive and not priced. 2xx with a JSON object is
 * alive and free, 409 and 429 alive and busy, 503 with a JSON body alive; any other answer is dead with the
 * reason. network is CAIP-2 where the chain is known, addresses are checksummed.
 *
 * Health, of a 200 with a JSON object: busy, status "busy"|"idle", gpu ("NAME" or {name, mem_mb}) or
 * gpus[], gpu_mem_mb, class, version, data_sha256, evaluator_sha256, budget_s, queue_length and queue_max
 * or queue {length, max}, async; obol's timeoutSeconds. Catalogue: fills network, token, payee, gpu where
 * they are still missing, and tells a draining seller; never a price.
 */
void probe_take(struct worker_probe *p, enum probe_question which, enum art_status s,
		const struct http_response *r, const struct art_err *err, const char *endpoint,
		const struct chains *chains, int64_t max_window_s);

/* The endpoint in the one form the store knows: scheme and host in lower case, default port gone, no query
 * or fragment, no trailing slash, trailing "/experiment"s gone. INVALID as http_url_parse, or too long.
 * Applied to its own result it changes nothing. */
ART_MUST_USE enum art_status market_endpoint(const char *url, char out[WORKER_URL_MAX],
					     struct art_err *err);

#endif
