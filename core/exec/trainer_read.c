/*
 * trainer_read.c - logs, metrics and answers of training programs. All of it is untrusted text.
 */
#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec/trainer.h"
#include "store/json.h"

#define EVAL_JSON_MAX (64u << 10)

/* The number after "key:" that fills the rest of the line; a number with text behind it is none. */
static bool field(const char *line, const char *key, struct opt_f64 *out)
{
	size_t n = strlen(key);
	char text[64];
	double v;
	size_t m;

	if (strncmp(line, key, n) || line[n] != ':')
		return false;
	line += n + 1;
	line += strspn(line, " \t");
	m = strlen(line);
	while (m && isspace((unsigned char)line[m - 1]))
		m--;
	snprintf(text, sizeof(text), "%.*s", (int)(m < sizeof(text) ? m : sizeof(text)), line);
	if (art_parse_f64(text, &v))
		*out = OPT_F64(v);
	else if (m)
		*out = (struct opt_f64){ 0 }; /* "nan" overrides what was said before */
	return true;
}

void trainer_summary_line(struct trainer_summary *s, const char *line)
{
	if (!strcmp(line, "FAIL"))
		s->fail = true;
	else if (field(line, "val_bpb", &s->val_bpb) ||
		 field(line, "training_seconds", &s->training_seconds) ||
		 field(line, "peak_vram_mb", &s->peak_mem_mb) ||
		 field(line, "mfu_percent", &s->mfu_percent) ||
		 field(line, "total_tokens_M", &s->tokens_m) || field(line, "num_steps", &s->steps) ||
		 field(line, "num_params_M", &s->params_m))
		return;
}

bool trainer_metric_json(struct trainer_metric *m, const char *line)
{
	struct json *j = NULL;
	const struct json *loss;
	struct opt_f64 progress, seconds, speed, value;
	struct opt_i64 tokens;
	bool good = false;

	memset(m, 0, sizeof(*m));
	if (json_parse(&j, line, strlen(line), JOB_LINE_MAX, NULL))
		return false;
	progress = json_num(json_get(j, "progress"));
	seconds = json_num(json_get(j, "seconds"));
	speed = json_num(json_get(j, "tok_per_sec"));
	tokens = json_int(json_get(j, "tokens"));
	loss = json_get(j, "loss");
	value = json_num(loss);
	if (progress.known && progress.v >= 0 && (value.known || json_is_null(loss))) {
		m->progress = progress.v < 1 ? progress.v : 1;
		m->seconds = seconds.known && seconds.v >= 0 ? seconds.v : 0;
		m->tokens = tokens.known && tokens.v >= 0 ? tokens.v : 0;
		m->tokens_per_s = speed.known && speed.v > 0 ? speed.v : 0;
		m->loss = value.known ? value.v : NAN;
		good = true;
	}
	json_free(j);
	return good;
}

/* Number at @p up to a character that cannot belong to it; commas between digits are skipped. */
static bool number_at(const char *p, double *out, const char **end)
{
	char text[48];
	size_t n = 0;

	while (*p == ' ')
		p++;
	for (; *p && (isalnum((unsigned char)*p) || strchr("+-.,", *p)); p++)
		if (*p != ',' && n + 1 < sizeof(text))
			text[n++] = *p;
	text[n] = 0;
	*end = p;
	if (!strcmp(text, "nan") || !strcmp(text, "inf") || !strcmp(text, "-nan")) {
		*out = NAN;
		return true;
	}
	while (n && isalpha((unsigned char)text[n - 1]))
		text[--n] = 0; /* "300ms", "12s" */
	return art_parse_f64(text, out);
}

bool trainer_metric_log(struct trainer_metric *m, const char *line)
{
	const char *p = line, *at;
	double step, percent, v;

	memset(m, 0, sizeof(*m));
	if (strncmp(p, "step ", 5) || !number_at(p + 5, &step, &p))
		return false;
	at = strchr(p, '(');
	if (!at || !number_at(at + 1, &percent, &p) || *p != '%' || !(percent >= 0))
		return false;
	at = strstr(p, "loss:");
	if (!at || !number_at(at + 5, &v, &p))
		return false;
	m->progress = percent < 100 ? percent / 100 : 1;
	m->loss = v;
	at = strstr(p, "tok/sec:");
	if (at && number_at(at + 8, &v, &p) && v > 0)
		m->tokens_per_s = v;
	return true;
}

static bool is_hash(const char *s)
{
	return s && strlen(s) == HASH_HEX - 1 && strspn(s, "0123456789abcdef") == HASH_HEX - 1;
}

enum art_status trainer_read_eval(const struct trainer *t, const char *text, size_t len,
				  double *val_bpb, char checkpoint_sha256[HASH_HEX],
				  struct art_err *err)
{
	struct json *j = NULL;
	const char *data, *evaluator, *checkpoint;
	struct opt_f64 v;
	enum art_status st = json_parse(&j, text, len, EVAL_JSON_MAX, err);

	if (st)
		return art_fail(err, ART_INVALID, "the evaluator's answer cannot be read");
	v = json_num(json_get(j, "val_bpb"));
	data = json_str(json_get(j, "data_sha256"));
	evaluator = json_str(json_get(j, "evaluator_sha256"));
	checkpoint = json_str(json_get(j, "checkpoint_sha256"));
	if (!v.known || !isfinite(v.v) || v.v <= 0)
		st = art_fail(err, ART_INVALID, "the evaluator gave no val_bpb above 0");
	else if (!data || strcmp(data, t->data_sha256))
		st = art_fail(err, ART_CORRUPT, "the validation data is not the night's");
	else if (!evaluator || strcmp(evaluator, t->evaluator_sha256))
		st = art_fail(err, ART_CORRUPT, "the evaluator is not the night's");
	else {
		*val_bpb = v.v;
		art_copy(checkpoint_sha256, HASH_HEX, is_hash(checkpoint) ? checkpoint : "");
	}
	json_free(j);
	return st;
}

/* ---- how it ended ----------------------------------------------------------------------------- */

/* The last line of the log that says something, cleaned. */
static void last_line(const char *tail, char *out, size_t size)
{
	size_t n = strlen(tail), from;

	while (n && isspace((unsigned char)tail[n - 1]))
		n--;
	for (from = n; from && tail[from - 1] != '\n'; from--)
		;
	art_text_clean(out, size, tail + from, n - from, false);
}

static bool says_oom(const char *tail)
{
	static const char *const words[] = { "out of memory", "Out of memory", "OutOfMemory",
					     "MemoryError", "Cannot allocate memory",
					     "cannot allocate memory", "memory exhausted",
					     "bad_alloc" };

	for (size_t i = 0; i < ART_COUNT(words); i++)
		if (strstr(tail, words[i]))
			return true;
	return false;
}

static void exited(struct trainer_outcome *out, int code, const char *tail,
		   const struct trainer_summary *s)
{
	char line[160];

	last_line(tail, line, sizeof(line));
	if (s->fail) {
		out->fault = RUN_FAULT_DIVERGED;
		snprintf(out->error, sizeof(out->error), "the loss diverged");
	} else if (says_oom(tail)) {
		out->fault = RUN_FAULT_OOM;
		snprintf(out->error, sizeof(out->error), "out of memory: %s", line);
	} else if (code == 126 || code == 127) {
		out->fault = RUN_FAULT_SETUP;
		snprintf(out->error, sizeof(out->error), "could not start: %s", line);
	} else {
		out->fault = RUN_FAULT_CRASH;
		snprintf(out->error, sizeof(out->error), "exit status %d: %s", code,
			 line[0] ? line : "no word in the log");
	}
}

void trainer_judge_end(struct trainer_outcome *out, const struct job_result *r, const char *tail,
		       const struct trainer_summary *s, bool oom_seen, double limit_s)
{
	int sig = r->signal;

	memset(out, 0, sizeof(*out));
	switch (r->end) {
	case JOB_RUNNING:
	case JOB_STOPPED:
		break;
	case JOB_TIMEOUT:
		out->fault = RUN_FAULT_TIMEOUT;
		snprintf(out->error, sizeof(out->error), "not done after %.0f s", limit_s);
		break;
	case JOB_LOG_FULL:
		out->fault = RUN_FAULT_CRASH;
		snprintf(out->error, sizeof(out->error), "wrote more output than train.log_mb allows");
		break;
	case JOB_EXITED:
		/* A shell tells of a signal to its command by 128 + number. */
		if (r->exit_code == 128 + SIGKILL)
			sig = SIGKILL;
		else if (r->exit_code)
			exited(out, r->exit_code, tail, s);
		break;
	case JOB_KILLED:
		break;
	}
	if (!sig)
		return;
	if (sig == SIGKILL && !oom_seen) {
		out->lost = true;
		out->fault = RUN_FAULT_CRASH;
		snprintf(out->error, sizeof(out->error), "killed from outside");
	} else if (sig == SIGKILL) {
		out->fault = RUN_FAULT_OOM;
		snprintf(out->error, sizeof(out->error), "killed by the kernel for want of memory");
	} else {
		out->fault = says_oom(tail) ? RUN_FAULT_OOM : RUN_FAULT_CRASH;
		snprintf(out->error, sizeof(out->error), "ended by signal %d (%s)", sig,
			 strsignal(sig));
	}
}
