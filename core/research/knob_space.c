/*
 * knob_space.c - between the text of constants and coordinates.
 */
#include "core/research/knob_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/hash.h"

static double clamp(double v, double lo, double hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* ---- values and coordinates -------------------------------------------------------------------- */

static double dim_value(const struct space_dim *d, double u)
{
	double bin;

	switch (d->scale) {
	case SPACE_LINEAR:
		return d->lo + u * (d->hi - d->lo);
	case SPACE_LOG:
		return d->lo * pow(d->hi / d->lo, u);
	case SPACE_GAP:
		return 1 - d->lo * pow(d->hi / d->lo, u);
	case SPACE_INT:
	case SPACE_POW2:
	case SPACE_CHOICE:
		break;
	}
	bin = clamp(floor(u * d->bins), 0, d->bins - 1);
	return d->scale == SPACE_POW2 ? exp2(d->lo + bin) : d->lo + bin;
}

static double dim_coordinate(const struct space_dim *d, double v)
{
	double u = 0;

	switch (d->scale) {
	case SPACE_LINEAR:
		u = d->hi > d->lo ? (v - d->lo) / (d->hi - d->lo) : 0;
		break;
	case SPACE_LOG:
		u = v > 0 ? log(v / d->lo) / log(d->hi / d->lo) : 0;
		break;
	case SPACE_GAP:
		u = v < 1 ? log((1 - v) / d->lo) / log(d->hi / d->lo) : 0;
		break;
	case SPACE_INT:
	case SPACE_CHOICE:
		u = (v - d->lo + 0.5) / d->bins;
		break;
	case SPACE_POW2:
		u = v > 0 ? (round(log2(v)) - d->lo + 0.5) / d->bins : 0;
		break;
	}
	return clamp(u, 0, 1 - 1e-9);
}

static int choice_find(const struct space_dim *d, const char *text)
{
	for (int i = 0; i < d->bins; i++)
		if (!strcmp(d->choices[i], text))
			return i;
	return -1;
}

/*
 * Rounded to three significant digits: more than the noise can tell apart would only hide
 * duplicates. By exact powers of ten, so that the result is the double its short text reads as.
 */
static double three_digits(double v)
{
	int k;

	if (v == 0 || !isfinite(v))
		return v;
	k = 2 - (int)floor(log10(fabs(v)));
	if (k >= 0)
		return round(v * pow(10, k)) / pow(10, k);
	return round(v / pow(10, -k)) * pow(10, -k);
}

static bool pair_parse(const char *text, double *a, double *b)
{
	char part[SPACE_VALUE_MAX];
	const char *comma = strchr(text, ',');
	size_t n = strlen(text);

	if (!comma || text[0] != '(' || text[n - 1] != ')')
		return false;
	snprintf(part, sizeof(part), "%.*s", (int)(comma - text - 1), text + 1);
	if (!art_parse_f64(part, a))
		return false;
	comma += 1 + strspn(comma + 1, " ");
	snprintf(part, sizeof(part), "%.*s", (int)(text + n - 1 - comma), comma);
	return art_parse_f64(part, b);
}

/* ---- building ------------------------------------------------------------------------------- */

static bool allowed(const char *name, const char *allow)
{
	size_t n = strlen(name);
	const char *p = allow + strspn(allow, " ,\t");

	if (!*p)
		return true;
	for (; *p; p += strspn(p, " ,\t")) {
		size_t m = strcspn(p, " ,\t");
		if (m == n && !memcmp(p, name, n))
			return true;
		p += m;
	}
	return false;
}

/* Move a range, keeping its width, so that @v is its middle; when @v lies outside. */
static void recenter(double *lo, double *hi, double v)
{
	double half = 0.5 * (*hi - *lo);

	if (v >= *lo && v <= *hi)
		return;
	*lo = v - half;
	*hi = v + half;
}

static void dim_range(struct space_dim *d, const struct knob *k, double v)
{
	d->lo = k->search_lo;
	d->hi = k->search_hi;
	switch (k->kind) {
	case KNOB_INT:
		d->scale = SPACE_INT;
		recenter(&d->lo, &d->hi, v);
		d->lo = ceil(clamp(d->lo, k->valid_lo, k->valid_hi));
		d->hi = floor(clamp(d->hi, k->valid_lo, k->valid_hi));
		d->bins = (int)(d->hi - d->lo) + 1;
		break;
	case KNOB_POW2:
		d->scale = SPACE_POW2;
		d->lo = log2(d->lo);
		d->hi = log2(d->hi);
		recenter(&d->lo, &d->hi, round(log2(v)));
		d->lo = ceil(clamp(d->lo, log2(k->valid_lo), log2(k->valid_hi)));
		d->hi = floor(clamp(d->hi, log2(k->valid_lo), log2(k->valid_hi)));
		d->bins = (int)(d->hi - d->lo) + 1;
		break;
	case KNOB_REAL:
		d->scale = SPACE_LINEAR;
		d->lo = fmin(d->lo, v);
		d->hi = fmax(d->hi, v);
		break;
	case KNOB_LOG:
		d->scale = SPACE_LOG;
		d->lo = log(d->lo);
		d->hi = log(d->hi);
		recenter(&d->lo, &d->hi, log(v));
		d->lo = exp(d->lo);
		d->hi = fmin(exp(d->hi), k->valid_hi);
		break;
	case KNOB_PAIR:
		d->scale = SPACE_GAP;
		d->lo = fmin(d->lo, 1 - v);
		d->hi = fmax(d->hi, 1 - v);
		break;
	case KNOB_CHOICE:
	case KNOB_SEED:
		break;
	}
}

static void dim_choices(struct space_dim *d, const struct knob *k, const char *own)
{
	d->scale = SPACE_CHOICE;
	for (const char *p = k->choices; p && *p && d->bins < SPACE_CHOICES_MAX - 1;) {
		size_t n = strcspn(p, "|");
		snprintf(d->choices[d->bins++], sizeof(d->choices[0]), "%.*s", (int)n, p);
		p += n + (p[n] == '|');
	}
	if (choice_find(d, own) < 0)
		art_copy(d->choices[d->bins++], sizeof(d->choices[0]), own);
	d->hi = d->bins - 1;
}

static void dims_add(struct knob_space *s, const struct knob *k, enum knob_id id,
		     const struct recipe_value *v)
{
	int parts = k->kind == KNOB_PAIR ? 2 : 1;

	for (int part = 0; part < parts; part++) {
		struct space_dim *d = &s->d[s->n];
		double own = k->kind == KNOB_PAIR ? v->parts[part] : v->num;
		*d = (struct space_dim){ .knob = id, .part = part };
		if (k->kind == KNOB_CHOICE) {
			dim_choices(d, k, v->text);
			own = choice_find(d, v->text);
		} else {
			dim_range(d, k, own);
		}
		if (d->bins == 1)
			continue;
		s->base[s->n++] = dim_coordinate(d, own);
	}
}

void knob_space_build(struct knob_space *s, const struct recipe *r, const char *allow,
		      int64_t seq_len)
{
	char why[96];

	memset(s, 0, sizeof(*s));
	for (int id = 0; id < KNOB_COUNT; id++) {
		const struct knob *k = knob_by_id((enum knob_id)id);
		const struct recipe_constant *c = recipe_find(r, k->name);
		if (!c || !knob_valid(k, &c->value, why, sizeof(why)))
			continue;
		if (id == KNOB_TOTAL_BATCH_SIZE_ID)
			s->total_batch = (int64_t)c->value.num;
		else if (id == KNOB_DEVICE_BATCH_SIZE_ID)
			s->device_batch = (int64_t)c->value.num;
		/* A rate of 0 switches its group off; a logarithm cannot move it. */
		if (k->kind == KNOB_SEED || (k->kind == KNOB_LOG && c->value.num <= 0) ||
		    !allowed(k->name, allow))
			continue;
		dims_add(s, k, (enum knob_id)id, &c->value);
	}
	s->seq_len = seq_len;
	if (!seq_len && s->device_batch && s->total_batch % s->device_batch == 0)
		s->seq_len = s->total_batch / s->device_batch;
}

/* ---- knob lists ----------------------------------------------------------------------------- */

bool knob_valid(const struct knob *k, const struct recipe_value *v, char *why, size_t why_size)
{
	bool number = v->type == RECIPE_INT || v->type == RECIPE_REAL;
	char lo[32], hi[32];

	art_f64_text(k->valid_lo, lo, sizeof(lo));
	art_f64_text(k->valid_hi, hi, sizeof(hi));
	switch (k->kind) {
	case KNOB_INT:
	case KNOB_SEED:
	case KNOB_POW2:
		if (v->type != RECIPE_INT || v->num < k->valid_lo || v->num > k->valid_hi) {
			snprintf(why, why_size, "%s must be a whole number from %s to %s", k->name,
				 lo, hi);
			return false;
		}
		return true;
	case KNOB_REAL:
	case KNOB_LOG:
		if (!number || v->num < k->valid_lo || v->num > k->valid_hi) {
			snprintf(why, why_size, "%s must be a number from %s to %s", k->name, lo, hi);
			return false;
		}
		return true;
	case KNOB_PAIR:
		if (v->type == RECIPE_TUPLE && v->n_parts == 2 && v->parts[0] >= k->valid_lo &&
		    v->parts[0] < k->valid_hi && v->parts[1] >= k->valid_lo &&
		    v->parts[1] < k->valid_hi)
			return true;
		snprintf(why, why_size, "%s must be (a, b), each from %s to below %s", k->name, lo,
			 hi);
		return false;
	case KNOB_CHOICE:
		/* The list is what the search tries; a pattern is any text of its letters. */
		if (v->type == RECIPE_STRING && v->text[0] && strlen(v->text) < 16 &&
		    v->text[strspn(v->text, "SL")] == 0)
			return true;
		snprintf(why, why_size, "%s must be a text of 1 to 15 letters S and L", k->name);
		return false;
	}
	return false;
}

static void value_text(char out[SPACE_VALUE_MAX], const struct knob *k, const struct recipe_value *v)
{
	char a[32], b[32];

	if (k->kind == KNOB_CHOICE)
		snprintf(out, SPACE_VALUE_MAX, "%.40s", v->text);
	else if (k->kind == KNOB_PAIR)
		snprintf(out, SPACE_VALUE_MAX, "(%s, %s)", art_f64_text(v->parts[0], a, sizeof(a)),
			 art_f64_text(v->parts[1], b, sizeof(b)));
	else
		art_f64_text(v->num, out, SPACE_VALUE_MAX);
}

/* Hash of all bytes outside the knobs' values. */
static void code_hash(char out[16], const struct recipe *r, const char *text, size_t len)
{
	struct hash_state *h = hash_begin();
	struct hash_hex hex;
	size_t at = 0;

	for (int i = 0; i < r->n; i++) {
		const struct recipe_constant *c = &r->c[i];
		if (!knob_by_name(c->name) || c->value_at < at || c->value_at + c->value_len > len)
			continue;
		hash_add(h, text + at, c->value_at - at);
		hash_add(h, "\0", 1);
		at = c->value_at + c->value_len;
	}
	hash_add(h, text + at, len - at);
	hex = hash_end(h);
	snprintf(out, 16, "%.12s", hex.s);
}

void knob_list(char out[KNOBS_MAX], const struct recipe *r, const char *text, size_t len, bool code)
{
	char value[SPACE_VALUE_MAX], hash[16], why[96];
	size_t n = 0;

	out[0] = 0;
	for (int id = 0; id < KNOB_COUNT; id++) {
		const struct knob *k = knob_by_id((enum knob_id)id);
		const struct recipe_constant *c = recipe_find(r, k->name);
		if (!c || k->kind == KNOB_SEED || !knob_valid(k, &c->value, why, sizeof(why)))
			continue;
		value_text(value, k, &c->value);
		n += (size_t)snprintf(out + n, KNOBS_MAX - n, "%s=%s;", k->name, value);
		ART_BUG_ON(n >= KNOBS_MAX - 32);
	}
	if (code) {
		code_hash(hash, r, text, len);
		snprintf(out + n, KNOBS_MAX - n, "CODE=%s;", hash);
	}
}

/* Value of @name in a knob list, without the ';'. */
static bool list_get(const char *knobs, const char *name, char out[SPACE_VALUE_MAX])
{
	size_t n = strlen(name);

	for (const char *p = knobs; *p;) {
		size_t m = strcspn(p, ";");
		if (m > n && p[n] == '=' && !memcmp(p, name, n)) {
			snprintf(out, SPACE_VALUE_MAX, "%.*s", (int)(m - n - 1), p + n + 1);
			return true;
		}
		p += m + (p[m] == ';');
	}
	return false;
}

void knob_space_read(const struct knob_space *s, const char *knobs, double u[SPACE_DIMS_MAX])
{
	memcpy(u, s->base, sizeof(s->base));
	for (int i = 0; i < s->n; i++) {
		const struct space_dim *d = &s->d[i];
		char text[SPACE_VALUE_MAX];
		double v, w;
		if (!list_get(knobs, knob_by_id(d->knob)->name, text))
			continue;
		if (d->scale == SPACE_CHOICE) {
			int at = choice_find(d, text);
			if (at >= 0)
				u[i] = dim_coordinate(d, at);
		} else if (d->scale == SPACE_GAP) {
			if (pair_parse(text, &v, &w))
				u[i] = dim_coordinate(d, d->part ? w : v);
		} else if (art_parse_f64(text, &v)) {
			u[i] = dim_coordinate(d, v);
		}
	}
}

/* ---- settling and writing ------------------------------------------------------------------- */

static int dim_of(const struct knob_space *s, enum knob_id id)
{
	for (int i = 0; i < s->n; i++)
		if (s->d[i].knob == id)
			return i;
	return -1;
}

static int64_t pow2_floor(int64_t v)
{
	int64_t p = 1;

	while (p * 2 <= v)
		p *= 2;
	return p;
}

/* TOTAL_BATCH_SIZE a multiple of DEVICE_BATCH_SIZE * seq_len, by the smallest change: fewer rows a
 * pass first (the model learns the same), more tokens a step only when that is not enough. */
static void repair_batches(const struct knob_space *s, double u[SPACE_DIMS_MAX])
{
	int it = dim_of(s, KNOB_TOTAL_BATCH_SIZE_ID), id = dim_of(s, KNOB_DEVICE_BATCH_SIZE_ID);
	int64_t total = it >= 0 ? (int64_t)dim_value(&s->d[it], u[it]) : s->total_batch;
	int64_t device = id >= 0 ? (int64_t)dim_value(&s->d[id], u[id]) : s->device_batch;
	int64_t seq = s->seq_len;

	if (!total || !device || !seq || (it < 0 && id < 0))
		return;
	if (id >= 0 && total % (device * seq)) {
		if (total / seq < device)
			device = pow2_floor(total / seq > 1 ? total / seq : 1);
		while (device > 1 && total % (device * seq))
			device /= 2;
		u[id] = dim_coordinate(&s->d[id], (double)device);
		device = (int64_t)dim_value(&s->d[id], u[id]);
	}
	while (it >= 0 && total % (device * seq) && total < (int64_t)exp2(s->d[it].hi)) {
		total *= 2;
		u[it] = dim_coordinate(&s->d[it], (double)total);
	}
}

void knob_space_settle(const struct knob_space *s, double u[SPACE_DIMS_MAX])
{
	for (int i = 0; i < s->n; i++) {
		const struct space_dim *d = &s->d[i];
		double v = dim_value(d, clamp(u[i], 0, 1 - 1e-9));
		/* A value that was not touched stays as it was written, digits and all. */
		if (u[i] == s->base[i])
			continue;
		if (!d->bins)
			v = three_digits(v);
		u[i] = dim_coordinate(d, v);
	}
	repair_batches(s, u);
}

void knob_space_text(const struct knob_space *s, int i, const double u[SPACE_DIMS_MAX],
		     char out[SPACE_VALUE_MAX])
{
	const struct space_dim *d = &s->d[i];
	char a[32], b[32];

	if (d->scale == SPACE_CHOICE) {
		snprintf(out, SPACE_VALUE_MAX, "\"%s\"", d->choices[(int)dim_value(d, u[i])]);
	} else if (d->scale == SPACE_GAP) {
		int first = i - d->part;
		double x = three_digits(dim_value(&s->d[first], u[first]));
		double y = three_digits(dim_value(&s->d[first + 1], u[first + 1]));
		snprintf(out, SPACE_VALUE_MAX, "(%s, %s)", art_f64_text(x, a, sizeof(a)),
			 art_f64_text(y, b, sizeof(b)));
	} else if (d->bins) {
		snprintf(out, SPACE_VALUE_MAX, "%.0f", dim_value(d, u[i]));
	} else {
		double v = three_digits(dim_value(d, u[i]));
		art_f64_text(v, out, SPACE_VALUE_MAX);
		/* A real constant stays a real one in Python. */
		if (!strpbrk(out, ".e") && strlen(out) + 3 < SPACE_VALUE_MAX)
			memcpy(out + strlen(out), ".0", 3);
	}
}

enum art_status knob_space_apply(const struct knob_space *s, const double u[SPACE_DIMS_MAX],
				 const char *text, size_t len, char **out, struct art_err *err)
{
	char *now = art_alloc(len + 1, 1);
	enum art_status st = ART_OK;

	memcpy(now, text, len);
	for (int i = 0; i < s->n && st == ART_OK; i++) {
		char value[SPACE_VALUE_MAX], *next = NULL;
		if (u[i] == s->base[i])
			continue;
		knob_space_text(s, i, u, value);
		st = recipe_set(now, strlen(now), knob_by_id(s->d[i].knob)->name, value, &next, err);
		if (st == ART_OK) {
			free(now);
			now = next;
		}
	}
	if (st) {
		free(now);
		return st;
	}
	*out = now;
	return ART_OK;
}
