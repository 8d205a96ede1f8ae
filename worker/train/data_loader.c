/*
 * data_loader.c - rows of tokens: shuffled best-fit packing to train, one straight pass to score.
 */
#include "worker/train/data_internal.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_PIECES 1000 /* autoresearch's buffer_size */

/* Some tokens of one document, without any <bos>. */
struct piece {
	uint64_t at;
	uint32_t shard;
	uint32_t n;
	bool ends_doc;
};

struct document {
	uint64_t at, n;
	uint32_t shard;
};

struct loader {
	const struct dataset *d;
	const struct split_info *split;
	enum data_split which;
	uint64_t seed;
	int bos, T;
	struct document *docs;
	size_t n_docs;

	/* train */
	int epoch;
	struct piece *pieces; /* of this epoch, shuffled */
	size_t n_pieces, cap_pieces, next_piece;
	struct piece buffer[BUFFER_PIECES];
	int n_buffer;

	/* val, final */
	size_t doc;      /* next to read */
	uint64_t doc_at; /* tokens of it already scored */

	int32_t *row;    /* [T + 1] */
	bool *is_target; /* [T + 1] */
};

static enum art_status index_shard(struct loader *l, uint32_t shard, size_t *cap,
				   struct art_err *err)
{
	const struct shard_info *s = &l->split->shards[shard];
	uint32_t bos = (uint32_t)l->bos;

	for (size_t i = 0; i < (size_t)s->tokens; i++) {
		uint32_t t = shard_token(s, l->d->width, i);

		if (t > bos || (i == 0 && t != bos))
			return art_fail(err, ART_CORRUPT,
					"%s/%s: token %u at %zu does not belong there", l->d->dir,
					s->file, t, i);
		if (t != bos) {
			l->docs[l->n_docs - 1].n++;
			continue;
		}
		if (l->n_docs == *cap) {
			*cap = *cap ? *cap * 2 : 256;
			l->docs = art_grow(l->docs, *cap, sizeof(*l->docs));
		}
		l->docs[l->n_docs++] = (struct document){ .at = i + 1, .shard = shard };
	}
	return ART_OK;
}

enum art_status loader_open(struct loader **out, const struct dataset *d, enum data_split s,
			    uint64_t seed, struct art_err *err)
{
	struct loader *l = art_alloc(1, sizeof(*l));
	enum art_status st = ART_OK;
	size_t cap = 0;
	int64_t tokens = 0;

	l->d = d;
	l->split = &d->split[s];
	l->which = s;
	l->seed = seed;
	l->bos = dataset_bos(d);
	l->T = d->seq_len;
	l->row = art_alloc((size_t)l->T + 1, sizeof(*l->row));
	l->is_target = art_alloc((size_t)l->T + 1, sizeof(*l->is_target));
	for (int i = 0; i < l->split->n_shards && st == ART_OK; i++)
		st = index_shard(l, (uint32_t)i, &cap, err);
	for (size_t i = 0; i < l->n_docs; i++)
		tokens += (int64_t)l->docs[i].n;
	if (st == ART_OK && tokens == 0)
		st = art_fail(err, ART_INVALID, "%s: the %s split is empty", d->dir,
			      data_split_name(s));
	if (st != ART_OK) {
		loader_close(l);
		return st;
	}
	*out = l;
	return ART_OK;
}

void loader_close(struct loader *l)
{
	if (!l)
		return;
	free(l->docs);
	free(l->pieces);
	free(l->row);
	free(l->is_target);
	free(l);
}

int loader_epoch(const struct loader *l)
{
	return l->epoch > 0 ? l->epoch : 1;
}

static void add_piece(struct loader *l, struct piece p)
{
	if (l->n_pieces == l->cap_pieces) {
		l->cap_pieces = l->cap_pieces ? l->cap_pieces * 2 : 1024;
		l->pieces = art_grow(l->pieces, l->cap_pieces, sizeof(*l->pieces));
	}
	l->pieces[l->n_pieces++] = p;
}

/* Cut every document into pieces of at most T tokens, the first cut at random, and shuffle. */
static void begin_epoch(struct loader *l)
{
	struct art_rng rng;

	l->epoch++;
	l->n_pieces = l->next_piece = 0;
	art_rng_seed(&rng, art_mix64(l->seed, (uint64_t)l->epoch));
	for (size_t i = 0; i < l->n_docs; i++) {
		const struct document *doc = &l->docs[i];
		uint64_t T = (uint64_t)l->T, at = 0;
		uint64_t n = doc->n > T ? 1 + art_rng_u64(&rng) % T : doc->n;

		while (at < doc->n) {
			if (n > doc->n - at)
				n = doc->n - at;
			add_piece(l, (struct piece){ .at = doc->at + at, .shard = doc->shard,
						     .n = (uint32_t)n,
						     .ends_doc = at + n == doc->n });
			at += n;
			n = T;
		}
	}
	for (size_t i = l->n_pieces; i > 1; i--) {
		size_t k = (size_t)(art_rng_u64(&rng) % i);
		struct piece p = l->pieces[i - 1];

		l->pieces[i - 1] = l->pieces[k];
		l->pieces[k] = p;
	}
}

static void refill(struct loader *l)
{
	while (l->n_buffer < BUFFER_PIECES) {
		while (l->next_piece == l->n_pieces)
			begin_epoch(l);
		l->buffer[l->n_buffer++] = l->pieces[l->next_piece++];
	}
}

/* The largest piece of at most @room tokens; when none, the shortest, to be cropped. */
static int choose(const struct loader *l, uint32_t room)
{
	int best = -1, shortest = 0;

	for (int i = 0; i < l->n_buffer; i++) {
		uint32_t n = l->buffer[i].n;

		if (n == room)
			return i;
		if (n < room && (best < 0 || n > l->buffer[best].n))
			best = i;
		if (n < l->buffer[shortest].n)
			shortest = i;
	}
	return best >= 0 ? best : shortest;
}

static void put(struct loader *l, int pos, const struct piece *p, uint32_t n)
{
	const struct shard_info *s = &l->split->shards[p->shard];

	for (uint32_t i = 0; i < n; i++) {
		l->row[pos + (int)i] = (int32_t)shard_token(s, l->d->width, p->at + i);
		l->is_target[pos + (int)i] = true;
	}
}

static void train_row(struct loader *l)
{
	int pos = 0;
	bool after_cut = false;

	while (pos <= l->T) {
		l->row[pos] = l->bos;
		l->is_target[pos] = !after_cut;
		pos++;
		uint32_t room = (uint32_t)(l->T + 1 - pos);
		if (room == 0)
			break;
		refill(l);
		/* The oldest piece opens the row: best fit alone would leave short pieces, the
		 * beginnings and ends of documents, in the buffer for epochs. */
		int i = pos == 1 ? 0 : choose(l, room);
		struct piece *p = &l->buffer[i];
		uint32_t n = p->n < room ? p->n : room;

		put(l, pos, p, n);
		pos += (int)n;
		after_cut = n < p->n || !p->ends_doc;
		if (n < p->n) {
			p->at += n;
			p->n -= n;
		} else {
			/* Close the gap in order: which piece is found first must not depend on
			 * anything but the seed. */
			l->n_buffer--;
			memmove(p, p + 1, (size_t)(l->n_buffer - i) * sizeof(*p));
		}
	}
}

/* False at the end of the split; the last row is padded with <bos> that is no target. */
static bool score_row(struct loader *l)
{
	int pos = 0;

	while (l->doc < l->n_docs && l->docs[l->doc].n == 0)
		l->doc++;
	if (l->doc == l->n_docs)
		return false;
	while (pos <= l->T && l->doc < l->n_docs) {
		const struct document *doc = &l->docs[l->doc];
		struct piece p = { .at = doc->at + l->doc_at, .shard = doc->shard };
		uint64_t left = doc->n - l->doc_at;
		uint32_t room = (uint32_t)(l->T - pos);
		uint32_t n = left < room ? (uint32_t)left : room;

		l->row[pos] = l->bos;
		l->is_target[pos] = true;
		put(l, pos + 1, &p, n);
		pos += 1 + (int)n;
		l->doc_at += n;
		if (l->doc_at == doc->n) {
			l->doc++;
			l->doc_at = 0;
		}
	}
	for (; pos <= l->T; pos++) {
		l->row[pos] = l->bos;
		l->is_target[pos] = false;
	}
	return true;
}

int loader_next(struct loader *l, int32_t *inputs, int32_t *targets, int rows)
{
	size_t T = (size_t)l->T;

	for (int r = 0; r < rows; r++) {
		if (l->which == DATA_TRAIN)
			train_row(l);
		else if (!score_row(l))
			return r;
		memcpy(inputs + (size_t)r * T, l->row, T * sizeof(*inputs));
		for (size_t i = 0; i < T; i++)
			targets[(size_t)r * T + i] = l->is_target[i + 1] ? l->row[i + 1] : -1;
	}
	return rows;
}
