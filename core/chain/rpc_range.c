/*
 * rpc_range.c - how many blocks to ask a node's logs of at once, learnt from what it takes and refuses.
 *
 * Layer: core. Pure.
 */
#include "core/chain/rpc_private.h"

#define PATIENCE_MAX 64 /* where a node's limit is fixed, one call in this many is spent on trying more */

void rpc_range_init(struct rpc_range *g, uint64_t size, uint64_t max)
{
	*g = (struct rpc_range){ .size = size < max ? size : max, .max = max, .patience = 1 };
	ART_BUG_ON(!g->size);
}

uint64_t rpc_range_end(const struct rpc_range *g, uint64_t at, uint64_t last)
{
	return last - at < g->size ? last : at + g->size - 1;
}

void rpc_range_taken(struct rpc_range *g, uint64_t blocks)
{
	if (blocks < g->size)
		return; /* the rest of a walk tells nothing about larger ranges */
	g->grown = false;
	if (++g->calm < g->patience || g->size == g->max)
		return;
	g->size = g->size > g->max / 2 ? g->max : 2 * g->size;
	g->grown = true;
	g->calm = 0;
}

bool rpc_range_refused(struct rpc_range *g, uint64_t blocks)
{
	/* A size that worked before and no longer does met a denser part of the chain: no reason to wait. */
	if (g->grown && blocks == g->size)
		g->patience = g->patience < PATIENCE_MAX ? 2 * g->patience : PATIENCE_MAX;
	g->grown = false;
	g->calm = 0;
	if (blocks <= 1)
		return false;
	g->size = blocks / 2;
	return true;
}
