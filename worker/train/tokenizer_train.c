/*
 * tokenizer_train.c - learn BPE merges: distinct words with counts, pair counts kept up to date
 * merge by merge, and a heap whose stale entries are corrected when they come up.
 */
#include "worker/train/tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct word {
	const unsigned char *p; /* into the caller's text; NULL marks a free slot */
	uint32_t len;
	uint32_t n;             /* symbols left */
	uint64_t hash;
	int64_t count;
	uint32_t *sym;          /* into learner.syms */
};

struct pair {
	uint32_t a, b;
	int64_t count;
	uint32_t *words;        /* indices of words that had it; may hold words that lost it */
	uint32_t n, cap;
	bool is_touched;
};

struct heap_entry {
	int64_t count;
	uint32_t a, b, pair;
};

struct learner {
	struct word *words;
	size_t n_words;
	uint32_t *syms;
	struct pair *pairs;
	size_t n_pairs, cap_pairs;
	uint32_t *slots;        /* pair index + 1 by hash of (a, b) */
	size_t slot_mask;
	struct heap_entry *heap;
	size_t n_heap, cap_heap;
	uint32_t *touched;
	size_t n_touched, cap_touched;
};

static uint64_t hash_word(const unsigned char *p, size_t n)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return art_mix64(h, n);
}

struct word_table {
	struct word *slots;
	size_t mask, used;
};

static void table_grow(struct word_table *t)
{
	size_t n = t->slots ? (t->mask + 1) * 2 : 1 << 14;
	struct word *old = t->slots;
	size_t n_old = old ? t->mask + 1 : 0;

	t->slots = art_alloc(n, sizeof(*t->slots));
	t->mask = n - 1;
	for (size_t i = 0; i < n_old; i++) {
		if (!old[i].p)
			continue;
		size_t s = old[i].hash & t->mask;
		while (t->slots[s].p)
			s = (s + 1) & t->mask;
		t->slots[s] = old[i];
	}
	free(old);
}

static void table_count(struct word_table *t, const unsigned char *p, size_t n)
{
	uint64_t h = hash_word(p, n);
	size_t s = h & t->mask;

	while (t->slots[s].p) {
		struct word *w = &t->slots[s];
		if (w->hash == h && w->len == n && memcmp(w->p, p, n) == 0) {
			w->count++;
			return;
		}
		s = (s + 1) & t->mask;
	}
	t->slots[s] = (struct word){ .p = p, .len = (uint32_t)n, .hash = h, .count = 1 };
	if (++t->used * 2 > t->mask)
		table_grow(t);
}

static void collect_words(struct learner *l, const struct text_span *texts, size_t n_texts)
{
	struct word_table t = { 0 };
	size_t n_syms = 0;

	table_grow(&t);
	for (size_t i = 0; i < n_texts; i++) {
		const unsigned char *p = (const unsigned char *)texts[i].p;
		size_t n = texts[i].n;

		while (n > 0) {
			size_t len = tokenizer_word(p, n);
			table_count(&t, p, len);
			p += len;
			n -= len;
		}
	}
	/* Slot order depends on the texts alone, so it is as good as sorted. */
	l->words = art_alloc(t.used + 1, sizeof(*l->words));
	for (size_t i = 0; i <= t.mask; i++)
		if (t.slots[i].p) {
			n_syms += t.slots[i].len;
			l->words[l->n_words++] = t.slots[i];
		}
	free(t.slots);

	l->syms = art_alloc(n_syms + 1, sizeof(*l->syms));
	uint32_t *at = l->syms;
	for (size_t i = 0; i < l->n_words; i++) {
		struct word *w = &l->words[i];

		w->sym = at;
		w->n = w->len;
		for (uint32_t k = 0; k < w->len; k++)
			*at++ = w->p[k];
	}
}

static size_t slot_of(const struct learner *l, uint32_t a, uint32_t b)
{
	size_t s = (size_t)art_mix64((uint64_t)a << 32 | b, 0) & l->slot_mask;

	while (l->slots[s]) {
		const struct pair *p = &l->pairs[l->slots[s] - 1];
		if (p->a == a && p->b == b)
			break;
		s = (s + 1) & l->slot_mask;
	}
	return s;
}

static void slots_grow(struct learner *l)
{
	size_t n = l->slots ? (l->slot_mask + 1) * 2 : 1 << 14;

	free(l->slots);
	l->slots = art_alloc(n, sizeof(*l->slots));
	l->slot_mask = n - 1;
	for (size_t i = 0; i < l->n_pairs; i++)
		l->slots[slot_of(l, l->pairs[i].a, l->pairs[i].b)] = (uint32_t)i + 1;
}

static uint32_t pair_index(struct learner *l, uint32_t a, uint32_t b)
{
	size_t s = slot_of(l, a, b);

	if (l->slots[s])
		return l->slots[s] - 1;
	if (l->n_pairs == l->cap_pairs) {
		l->cap_pairs = l->cap_pairs ? l->cap_pairs * 2 : 1 << 12;
		l->pairs = art_grow(l->pairs, l->cap_pairs, sizeof(*l->pairs));
	}
	l->pairs[l->n_pairs++] = (struct pair){ .a = a, .b = b };
	l->slots[s] = (uint32_t)l->n_pairs;
	uint32_t index = (uint32_t)l->n_pairs - 1;
	if (l->n_pairs * 2 > l->slot_mask)
		slots_grow(l);
	return index;
}

static void pair_add_word(struct pair *p, uint32_t word)
{
	if (p->n && p->words[p->n - 1] == word)
		return;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 4;
		p->words = art_grow(p->words, p->cap, sizeof(*p->words));
	}
	p->words[p->n++] = word;
}

static bool heap_before(const struct heap_entry *x, const struct heap_entry *y)
{
	if (x->count != y->count)
		return x->count > y->count;
	if (x->a != y->a)
		return x->a < y->a;
	return x->b < y->b;
}

static void heap_push(struct learner *l, uint32_t pair)
{
	const struct pair *p = &l->pairs[pair];
	struct heap_entry e = { p->count, p->a, p->b, pair };

	if (l->n_heap == l->cap_heap) {
		l->cap_heap = l->cap_heap ? l->cap_heap * 2 : 1 << 12;
		l->heap = art_grow(l->heap, l->cap_heap, sizeof(*l->heap));
	}
	size_t i = l->n_heap++;
	while (i > 0 && heap_before(&e, &l->heap[(i - 1) / 2])) {
		l->heap[i] = l->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	l->heap[i] = e;
}

static struct heap_entry heap_pop(struct learner *l)
{
	struct heap_entry top = l->heap[0], e = l->heap[--l->n_heap];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;
		if (c >= l->n_heap)
			break;
		if (c + 1 < l->n_heap && heap_before(&l->heap[c + 1], &l->heap[c]))
			c++;
		if (!heap_before(&l->heap[c], &e))
			break;
		l->heap[i] = l->heap[c];
		i = c;
	}
	l->heap[i] = e;
	return top;
}

static void count_first_pairs(struct learner *l)
{
	slots_grow(l);
	for (size_t i = 0; i < l->n_words; i++) {
		struct word *w = &l->words[i];

		for (uint32_t k = 0; k + 1 < w->n; k++) {
			/* pair_index may move l->pairs: never in one expression with it. */
			uint32_t at = pair_index(l, w->sym[k], w->sym[k + 1]);

			l->pairs[at].count += w->count;
			pair_add_word(&l->pairs[at], (uint32_t)i);
		}
	}
	for (size_t i = 0; i < l->n_pairs; i++)
		heap_push(l, (uint32_t)i);
}

/* The best pair whose heap entry is fresh; false when none occurs twice. */
static bool best_pair(struct learner *l, uint32_t *pair)
{
	while (l->n_heap) {
		struct heap_entry e = heap_pop(l);
		int64_t now = l->pairs[e.pair].count;

		if (now < 2)
			continue;
		if (now == e.count) {
			*pair = e.pair;
			return true;
		}
		/* Counts only fall between pushes, so this entry was too high, never too low. */
		heap_push(l, e.pair);
	}
	return false;
}

static void touch(struct learner *l, uint32_t pair)
{
	if (l->pairs[pair].is_touched)
		return;
	l->pairs[pair].is_touched = true;
	if (l->n_touched == l->cap_touched) {
		l->cap_touched = l->cap_touched ? l->cap_touched * 2 : 256;
		l->touched = art_grow(l->touched, l->cap_touched, sizeof(*l->touched));
	}
	l->touched[l->n_touched++] = pair;
}

static void merge_in_word(struct learner *l, uint32_t word, uint32_t a, uint32_t b,
			  uint32_t token)
{
	struct word *w = &l->words[word];
	bool found = false;

	for (uint32_t k = 0; k + 1 < w->n && !found; k++)
		found = w->sym[k] == a && w->sym[k + 1] == b;
	if (!found)
		return;

	for (uint32_t k = 0; k + 1 < w->n; k++) {
		uint32_t i = pair_index(l, w->sym[k], w->sym[k + 1]);

		l->pairs[i].count -= w->count;
	}
	uint32_t n = 0;
	for (uint32_t k = 0; k < w->n; k++) {
		if (k + 1 < w->n && w->sym[k] == a && w->sym[k + 1] == b) {
			w->sym[n++] = token;
			k++;
		} else {
			w->sym[n++] = w->sym[k];
		}
	}
	w->n = n;
	for (uint32_t k = 0; k + 1 < w->n; k++) {
		uint32_t i = pair_index(l, w->sym[k], w->sym[k + 1]);

		l->pairs[i].count += w->count;
		if (w->sym[k] == token || w->sym[k + 1] == token) {
			pair_add_word(&l->pairs[i], word);
			touch(l, i);
		}
	}
}

static void apply_merge(struct learner *l, uint32_t pair, uint32_t token)
{
	uint32_t a = l->pairs[pair].a, b = l->pairs[pair].b;
	uint32_t *words = l->pairs[pair].words, n = l->pairs[pair].n;

	l->pairs[pair].words = NULL;
	l->pairs[pair].n = l->pairs[pair].cap = 0;
	l->n_touched = 0;
	for (uint32_t i = 0; i < n; i++)
		merge_in_word(l, words[i], a, b, token);
	free(words);
	for (size_t i = 0; i < l->n_touched; i++) {
		l->pairs[l->touched[i]].is_touched = false;
		heap_push(l, l->touched[i]);
	}
}

enum art_status tokenizer_train(struct tokenizer **out, const struct text_span *texts,
				size_t n_texts, int vocab_size, struct art_err *err)
{
	if (vocab_size < TOKENIZER_VOCAB_MIN || vocab_size > TOKENIZER_VOCAB_MAX)
		return art_fail(err, ART_INVALID, "vocabulary of %d: must be %d to %d", vocab_size,
				TOKENIZER_VOCAB_MIN, TOKENIZER_VOCAB_MAX);

	struct learner l = { 0 };
	int want = vocab_size - TOKENIZER_VOCAB_MIN, n = 0;
	struct token_pair *merges = art_alloc((size_t)want + 1, sizeof(*merges));
	uint32_t pair;

	collect_words(&l, texts, n_texts);
	count_first_pairs(&l);
	while (n < want && best_pair(&l, &pair)) {
		merges[n] = (struct token_pair){ l.pairs[pair].a, l.pairs[pair].b };
		apply_merge(&l, pair, (uint32_t)(256 + n));
		n++;
	}
	*out = tokenizer_from_pairs(merges, n);

	free(merges);
	for (size_t i = 0; i < l.n_pairs; i++)
		free(l.pairs[i].words);
	free(l.words);
	free(l.syms);
	free(l.pairs);
	free(l.slots);
	free(l.heap);
	free(l.touched);
	return ART_OK;
}
