/*
 * exchange_import.c - results.tsv and results.jsonl of other loops into the store, all or nothing.
 *
 * Layer: core. The files are hostile: every line, field and count has a ceiling, every number is
 * checked, every text is cleaned by the store. First the whole text becomes records in memory
 * (an error there has touched nothing), then one transaction stores them.
 *
 * A record has no recipe, so its identity is a line of text made from what names it; the hash of
 * that line takes the place of the recipe's, and a second import of the same row finds it.
 */
#include "core/research/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"

#define RECORDS_MAX 200000
#define LINE_MAX_BYTES 65536
#define RUNS_MAX 64 /* of one record */
#define BPB_MIN 1e-6 /* six digits after the point are what results.tsv can say */
#define BPB_MAX 64.0
#define MEMORY_GB_MAX 1e6
#define SECONDS_MAX 1e9

struct record {
	char identity[512];
	char own_sha[HASH_HEX]; /* of that line: stands where a recipe's hash does */
	bool twin;             /* an earlier record of the file is the same */
	char sha256[HASH_HEX]; /* of the recipe as the file names it, whole or its beginning; "" */
	char title[TITLE_MAX];
	char proposer[24];
	char class[64];
	char status[12];       /* keep, discard, crash */
	struct run_row *runs;  /* claims */
	size_t n_runs;
};

struct records {
	struct record *r;
	size_t n, cap;
};

static void records_free(struct records *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		free(rs->r[i].runs);
	free(rs->r);
}

static enum art_status records_add(struct records *rs, struct record **out, struct art_err *err)
{
	if (rs->n == RECORDS_MAX)
		return art_fail(err, ART_LIMIT, "more than %d experiments in one file", RECORDS_MAX);
	if (rs->n == rs->cap) {
		rs->cap = rs->cap ? rs->cap * 2 : 64;
		rs->r = art_grow(rs->r, rs->cap, sizeof(*rs->r));
	}
	*out = &rs->r[rs->n++];
	memset(*out, 0, sizeof(**out));
	return ART_OK;
}

static void add_claim(struct record *r, const struct run_row *run)
{
	r->runs = art_grow(r->runs, r->n_runs + 1, sizeof(*r->runs));
	r->runs[r->n_runs++] = *run;
}

static void clean(char *dst, size_t n, const char *src, size_t len)
{
	art_text_clean(dst, n, src, len, false);
}

static bool bpb_ok(double v)
{
	return v >= BPB_MIN && v < BPB_MAX;
}

/* ---- results.tsv ------------------------------------------------------------------------- */

struct field {
	const char *p;
	size_t len;
};

/* The last field takes the rest of the line, tabs and all. */
static int split_tabs(const char *p, size_t len, struct field *f, int max)
{
	int n = 0;

	while (n < max) {
		const char *tab = n + 1 < max ? memchr(p, '\t', len) : NULL;
		size_t cut = tab ? (size_t)(tab - p) : len;

		f[n++] = (struct field){ p, cut };
		if (!tab)
			break;
		p += cut + 1;
		len -= cut + 1;
	}
	return n;
}

static bool field_is(struct field f, const char *s)
{
	return f.len == strlen(s) && memcmp(f.p, s, f.len) == 0;
}

static bool field_num(struct field f, double *out)
{
	char text[64];

	if (!f.len || f.len >= sizeof(text))
		return false;
	memcpy(text, f.p, f.len);
	text[f.len] = 0;
	return art_parse_f64(text, out);
}

static bool is_hex(struct field f)
{
	for (size_t i = 0; i < f.len; i++)
		if (!memchr("0123456789abcdef", f.p[i], 16))
			return false;
	return f.len >= 7 && f.len < HASH_HEX;
}

static enum art_status tsv_row(struct records *rs, const char *line, size_t len, long no,
			       struct art_err *err)
{
	struct field f[5];
	struct run_row run = { .attempt = 1 };
	struct record *r;
	double bpb, mem;
	bool crash;
	enum art_status s;

	if (split_tabs(line, len, f, 5) != 5)
		return art_fail(err, ART_INVALID, "line %ld: not five columns separated by tabs", no);
	crash = field_is(f[3], "crash");
	if (!crash && !field_is(f[3], "keep") && !field_is(f[3], "discard"))
		return art_fail(err, ART_INVALID,
				"line %ld: the status is none of keep, discard, crash", no);
	if (!field_num(f[1], &bpb) || !(bpb_ok(bpb) || (crash && bpb == 0)))
		return art_fail(err, ART_INVALID, "line %ld: val_bpb is no number between 0 and %g",
				no, BPB_MAX);
	if (!field_num(f[2], &mem) || mem < 0 || mem > MEMORY_GB_MAX)
		return art_fail(err, ART_INVALID, "line %ld: memory_gb is no number from 0 to %.0f",
				no, MEMORY_GB_MAX);
	s = records_add(rs, &r, err);
	if (s != ART_OK)
		return s;
	if (is_hex(f[0])) {
		memcpy(r->sha256, f[0].p, f[0].len);
		r->sha256[f[0].len] = 0;
	}
	/* The hash keeps two long rows apart that begin alike. */
	snprintf(r->identity, sizeof(r->identity), "results.tsv %s", hash_bytes(line, len).s);
	clean(r->title, sizeof(r->title), f[4].p, f[4].len);
	if (!r->title[0])
		clean(r->title, sizeof(r->title), f[0].p, f[0].len);
	clean(r->status, sizeof(r->status), f[3].p, f[3].len);
	art_copy(r->class, sizeof(r->class), "elsewhere");
	if (crash) {
		run.fault = RUN_FAULT_CRASH;
	} else {
		run.claimed_bpb = OPT_F64(bpb);
	}
	if (mem > 0)
		run.peak_mem_mb = OPT_F64(mem * 1024);
	add_claim(r, &run);
	return ART_OK;
}

/* ---- results.jsonl ----------------------------------------------------------------------- */

static void copy_member(const struct json *j, const char *key, char *dst, size_t n)
{
	const char *s = json_str(json_get(j, key));

	if (s)
		clean(dst, n, s, strlen(s));
}

static enum art_status claim_value(const struct json *j, long no, struct run_row *run,
				   struct art_err *err)
{
	const char *const keys[] = { "val_bpb", "claimed_bpb" };

	for (size_t i = 0; i < ART_COUNT(keys) && !run->claimed_bpb.known; i++) {
		const struct json *v = json_get(j, keys[i]);
		struct opt_f64 num = json_num(v);

		if (!v || json_is_null(v))
			continue;
		if (!num.known || !bpb_ok(num.v))
			return art_fail(err, ART_INVALID,
					"line %ld: %s is no number between 0 and %g", no, keys[i],
					BPB_MAX);
		run->claimed_bpb = num;
	}
	return ART_OK;
}

static enum art_status claim_run(const struct json *j, long no, struct run_row *run,
				 struct art_err *err)
{
	struct opt_i64 i;
	struct opt_f64 f;

	*run = (struct run_row){ .attempt = 1 };
	if (claim_value(j, no, run, err) != ART_OK)
		return ART_INVALID;
	if (!run->claimed_bpb.known)
		run->fault = RUN_FAULT_NO_RESULT;
	copy_member(j, "executor", run->executor, sizeof(run->executor));
	copy_member(j, "worker_endpoint", run->executor, sizeof(run->executor));
	i = json_int(json_get(j, "seed"));
	if (i.known && i.v >= 0)
		run->seed = i.v;
	i = json_int(json_get(j, "tokens"));
	if (i.known && i.v >= 0)
		run->tokens = i;
	i = json_int(json_get(j, "steps"));
	if (i.known && i.v >= 0)
		run->steps = i;
	f = json_num(json_get(j, "seconds"));
	if (f.known && f.v >= 0 && f.v <= SECONDS_MAX)
		run->seconds = f;
	f = json_num(json_get(j, "peak_mem_mb"));
	if (f.known && f.v >= 0 && f.v <= MEMORY_GB_MAX * 1024)
		run->peak_mem_mb = f;
	return ART_OK;
}

static void jsonl_sha(const struct json *j, char out[HASH_HEX])
{
	const char *s = json_str(json_get(j, "recipe_sha256"));

	if (!s)
		s = json_str(json_get(j, "train_hash"));
	if (s && strncmp(s, "sha256:", 7) == 0)
		s += 7;
	if (s && strlen(s) == HASH_HEX - 1 && is_hex((struct field){ s, HASH_HEX - 1 }))
		memcpy(out, s, HASH_HEX);
}

static const char *jsonl_status(const struct json *j, const struct run_row *run)
{
	const char *v = json_str(json_get(j, "verdict"));

	if (v && (strcmp(v, "kept") == 0 || strcmp(v, "baseline") == 0))
		return "keep";
	if (v ? strcmp(v, "failed") == 0 : !run->claimed_bpb.known)
		return "crash";
	return "discard";
}

/* Rows of one experiment follow each other in our own files: look back a little. */
static struct record *same_record(struct records *rs, const char *identity)
{
	for (size_t i = rs->n; i > 0 && rs->n - i < RUNS_MAX; i--)
		if (strcmp(rs->r[i - 1].identity, identity) == 0)
			return &rs->r[i - 1];
	return NULL;
}

static enum art_status jsonl_object(struct records *rs, const struct json *j, const char *line,
				    size_t len, long no, struct art_err *err)
{
	char identity[sizeof(((struct record *)0)->identity)], id[128] = "";
	char sha[HASH_HEX] = "";
	struct run_row run;
	struct record *r;
	enum art_status s;

	if (!json_is_object(j))
		return art_fail(err, ART_INVALID, "line %ld: not a JSON object", no);
	if (!json_get(j, "val_bpb") && !json_get(j, "claimed_bpb"))
		return art_fail(err, ART_INVALID, "line %ld: no val_bpb", no);
	s = claim_run(j, no, &run, err);
	if (s != ART_OK)
		return s;
	copy_member(j, "experiment_id", id, sizeof(id));
	jsonl_sha(j, sha);
	if (id[0] && sha[0])
		snprintf(identity, sizeof(identity), "results.jsonl %s %s", id, sha);
	else
		snprintf(identity, sizeof(identity), "results.jsonl %s", hash_bytes(line, len).s);
	r = same_record(rs, identity);
	if (!r) {
		s = records_add(rs, &r, err);
		if (s != ART_OK)
			return s;
		art_copy(r->identity, sizeof(r->identity), identity);
		art_copy(r->sha256, sizeof(r->sha256), sha);
		art_copy(r->title, sizeof(r->title), id[0] ? id : "imported");
		copy_member(j, "note", r->title, sizeof(r->title));
		copy_member(j, "title", r->title, sizeof(r->title));
		art_copy(r->class, sizeof(r->class), "elsewhere");
		copy_member(j, "class", r->class, sizeof(r->class));
		art_copy(r->status, sizeof(r->status), jsonl_status(j, &run));
	}
	if (r->n_runs == RUNS_MAX)
		return art_fail(err, ART_LIMIT, "line %ld: more than %d runs of one experiment", no,
				RUNS_MAX);
	add_claim(r, &run);
	return ART_OK;
}

static enum art_status jsonl_row(struct records *rs, const char *line, size_t len, long no,
				 struct art_err *err)
{
	struct json *j;
	struct art_err why;
	enum art_status s = json_parse(&j, line, len, LINE_MAX_BYTES, &why);

	if (s != ART_OK)
		return art_fail(err, s, "line %ld: %s", no, why.text);
	s = jsonl_object(rs, j, line, len, no, err);
	json_free(j);
	return s;
}

/* ---- both ---------------------------------------------------------------------------------- */

static const char tsv_header[] = "commit\tval_bpb\tmemory_gb\tstatus\tdescription";

static enum art_status parse_all(struct records *rs, const char *text, size_t len,
				 struct art_err *err)
{
	enum { UNKNOWN, TSV, JSONL } kind = UNKNOWN;
	long no = 0;

	for (size_t at = 0; at < len;) {
		const char *line = text + at, *nl = memchr(line, '\n', len - at);
		size_t n = nl ? (size_t)(nl - line) : len - at;
		enum art_status s = ART_OK;

		at += n + 1;
		no++;
		if (n && line[n - 1] == '\r')
			n--;
		if (!n)
			continue;
		if (n > LINE_MAX_BYTES)
			return art_fail(err, ART_INVALID, "line %ld: longer than %d bytes", no,
					LINE_MAX_BYTES);
		if (kind == TSV) {
			s = tsv_row(rs, line, n, no, err);
		} else if (kind == JSONL || line[0] == '{') {
			kind = JSONL;
			s = jsonl_row(rs, line, n, no, err);
		} else if (n == sizeof(tsv_header) - 1 && memcmp(line, tsv_header, n) == 0) {
			kind = TSV;
		} else {
			return art_fail(err, ART_INVALID,
					"line %ld: neither results.tsv's heading "
					"(commit val_bpb memory_gb status description, by tabs) nor a "
					"JSON object", no);
		}
		if (s != ART_OK)
			return s;
	}
	if (kind == UNKNOWN)
		return art_fail(err, ART_INVALID, "the file is empty");
	return ART_OK;
}

static int hash_cmp(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Hashes of the recipes here, sorted: an own experiment that comes back is known already. */
struct known {
	char (*sha)[HASH_HEX];
	size_t n;
};

static enum art_status known_load(struct store *st, struct known *k, struct art_err *err)
{
	struct experiment_list l = { 0 };
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID };
	enum art_status s = experiment_query(st, &q, &l, err);

	if (s != ART_OK)
		return s;
	k->sha = art_alloc(l.n + 1, HASH_HEX);
	for (size_t i = 0; i < l.n; i++)
		art_copy(k->sha[k->n++], HASH_HEX, l.rows[i].recipe_sha256);
	qsort(k->sha, k->n, HASH_HEX, hash_cmp);
	experiment_list_destroy(&l);
	return ART_OK;
}

/* Is there a recipe whose hash begins with @prefix? */
static bool known_has(const struct known *k, const char *prefix)
{
	size_t lo = 0, hi = k->n, len = strlen(prefix);

	if (!len)
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strncmp(k->sha[mid], prefix, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n && strncmp(k->sha[lo], prefix, len) == 0;
}

/* A claim is a run that never ran here: queued, and cancelled at once. */
static enum art_status store_claim(struct store *st, int64_t experiment, const struct run_row *run,
				   struct art_err *err)
{
	struct run_row row = *run;
	enum art_status s;

	row.experiment_id = experiment;
	row.state = RUN_QUEUED;
	row.purpose = RUN_FOR_SCREEN;
	if (!row.executor[0])
		art_copy(row.executor, sizeof(row.executor), "import");
	s = run_add(st, &row, err);
	if (s != ART_OK)
		return s;
	row.state = RUN_CANCELLED;
	art_copy(row.error, sizeof(row.error), "claimed elsewhere, not run here");
	return run_move(st, &row, RUN_QUEUED, err);
}

/* Two runs of one experiment need two seeds; a file that names none gets 0, 1, 2... */
static int64_t free_seed(const struct record *r, size_t i)
{
	int64_t seed = r->runs[i].seed;

	for (size_t k = 0; k < i;) {
		if (r->runs[k].seed == seed) {
			seed++;
			k = 0;
		} else {
			k++;
		}
	}
	return seed;
}

static void record_recipe(const struct record *r, char *out, size_t n)
{
	snprintf(out, n, "# %s\n", r->identity);
}

static int by_own_sha(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
	int c = strcmp(x->own_sha, y->own_sha);

	/* Equal ones in the order of the file. */
	return c ? c : (x > y) - (x < y);
}

/* Name each record by its hash, and mark those that repeat an earlier one. */
static void mark_twins(struct records *rs)
{
	struct record **order = art_alloc(rs->n + 1, sizeof(*order));
	char recipe[sizeof(rs->r->identity) + 16];

	for (size_t i = 0; i < rs->n; i++) {
		record_recipe(&rs->r[i], recipe, sizeof(recipe));
		art_copy(rs->r[i].own_sha, HASH_HEX, hash_bytes(recipe, strlen(recipe)).s);
		order[i] = &rs->r[i];
	}
	qsort(order, rs->n, sizeof(*order), by_own_sha);
	for (size_t i = 1; i < rs->n; i++)
		order[i]->twin = strcmp(order[i]->own_sha, order[i - 1]->own_sha) == 0;
	free(order);
}

static enum art_status store_record(struct store *st, struct record *r, struct art_err *err)
{
	struct experiment_row e = { .verdict = VERDICT_PENDING };
	struct class_row class = { .metric = "val_bpb", .data = "imported", .budget = "unknown" };
	char recipe[sizeof(r->identity) + 16];
	double sum = 0;
	int n = 0;
	enum art_status s;

	art_copy(class.hardware, sizeof(class.hardware), r->class);
	s = class_get(st, &class, err);
	if (s != ART_OK)
		return s;
	e.class_id = class.id;
	art_copy(e.title, sizeof(e.title), r->title);
	art_copy(e.proposer, sizeof(e.proposer), "import");
	record_recipe(r, recipe, sizeof(recipe));
	s = experiment_add(st, &e, recipe, strlen(recipe), err);
	for (size_t i = 0; i < r->n_runs && s == ART_OK; i++) {
		r->runs[i].seed = free_seed(r, i);
		if (r->runs[i].claimed_bpb.known) {
			sum += r->runs[i].claimed_bpb.v;
			n++;
		}
		s = store_claim(st, e.id, &r->runs[i], err);
	}
	if (s != ART_OK)
		return s;
	e.verdict = VERDICT_IMPORTED;
	if (n)
		e.val_bpb = OPT_F64(sum / n);
	snprintf(e.reason, sizeof(e.reason), "%s, says the file it came from; not measured here",
		 r->status);
	return experiment_judge(st, &e, err);
}

enum art_status import_results(struct store *st, const char *text, size_t len, int64_t *added,
			       int64_t *skipped, struct art_err *err)
{
	struct records rs = { 0 };
	struct known known = { 0 };
	enum art_status s;
	int64_t n_added = 0, n_skipped = 0;

	s = parse_all(&rs, text, len, err);
	if (s != ART_OK)
		goto out;
	mark_twins(&rs);
	s = store_begin(st, err);
	if (s != ART_OK)
		goto out;
	s = known_load(st, &known, err);
	for (size_t i = 0; i < rs.n && s == ART_OK; i++) {
		struct record *r = &rs.r[i];

		if (r->twin || known_has(&known, r->own_sha) || known_has(&known, r->sha256)) {
			n_skipped++;
			continue;
		}
		s = store_record(st, r, err);
		n_added++;
	}
	if (s == ART_OK)
		s = event_add(st, EVENT_INFO, "import.done", 0, 0, err,
			      "imported %lld experiments as claims, %lld known already",
			      (long long)n_added, (long long)n_skipped);
	if (s == ART_OK)
		s = store_commit(st, err);
	if (s != ART_OK) {
		store_rollback(st);
		goto out;
	}
	*added = n_added;
	*skipped = n_skipped;
out:
	free(known.sha);
	records_free(&rs);
	return s;
}
