/*
 * report.h - the morning report, experiments as files other programs read, and figures in words.
 *
 * Layer: core. Reads the store alone: deterministic for a store and a clock. Threads: any.
 */
#ifndef CORE_RESEARCH_REPORT_H
#define CORE_RESEARCH_REPORT_H

#include "store/base.h"
#include "store/experiments.h"
#include "store/json.h"
#include "store/store.h"

#define REPORT_FORMAT_LIST(_) _(MD, "md") _(JSON, "json") _(SVG, "svg") _(TEXT, "text")
enum report_format {
#define REPORT_FORMAT_ENUM(name, text) REPORT_##name,
	REPORT_FORMAT_LIST(REPORT_FORMAT_ENUM)
#undef REPORT_FORMAT_ENUM
	REPORT_FORMAT_COUNT
};
ART_MUST_USE bool report_format_parse(const char *s, enum report_format *out);

/* What was tried, kept and why, sigma, false-keep estimate, money, idle share, reference lines, of
 * night @night_id (0: the newest). Appends to @out. NOT_FOUND when there was no night. */
ART_MUST_USE enum art_status report_write(struct store *st, int64_t night_id,
					  enum report_format format, struct art_buf *out,
					  struct art_err *err);

/* autoresearch's results.tsv: commit, val_bpb, memory_gb, status, description; one line an
 * experiment that has a verdict. The commit column holds the first 7 digits of the recipe's hash. */
ART_MUST_USE enum art_status export_tsv(struct store *st, struct art_buf *out, struct art_err *err);
/* One JSON object a run, field names as `artui experiments --json`. */
ART_MUST_USE enum art_status export_jsonl(struct store *st, struct art_buf *out,
					  struct art_err *err);
/* Either of the two, or obol's results.jsonl, told apart by content. All or nothing. @added,
 * @skipped count experiments; those known already are skipped. Imported numbers are claims: never
 * champion. INVALID with the line number. */
ART_MUST_USE enum art_status import_results(struct store *st, const char *text, size_t len,
					    int64_t *added, int64_t *skipped, struct art_err *err);

/*
 * One experiment as an object: the contract of `artui experiments --json`. @class may be NULL
 * (class is null then), @runs may be NULL (no runs member).
 */
void experiment_json(struct json_out *o, const char *key, const struct experiment_row *e,
		     const struct class_row *class, const struct run_list *runs);
/* Members of one run, into an object the caller has opened. */
void run_json_members(struct json_out *o, const struct run_row *r);
/* [lo, hi], or null when not known. */
void interval_json(struct json_out *o, const char *key, struct opt_f64 lo, struct opt_f64 hi);

/*
 * Figures for people: plain ASCII, "-" for what is not known. Each returns @buf.
 */
#define FIGURE_TEXT 48
const char *figure_bpb(struct opt_f64 v, char buf[FIGURE_TEXT]);      /* "1.8312" */
const char *figure_interval(struct opt_f64 lo, struct opt_f64 hi, char buf[FIGURE_TEXT]);
const char *figure_duration(double seconds, char buf[FIGURE_TEXT]);   /* "42 s" "7 min 05 s" "3 h 12 min" */
const char *figure_count(double v, char buf[FIGURE_TEXT]);            /* "812" "12.3 k" "4.1 M" */
const char *figure_percent(struct opt_f64 share, char buf[FIGURE_TEXT]); /* "93.1 %" */

#endif
