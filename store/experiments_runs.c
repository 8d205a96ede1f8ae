/*
 * experiments_runs.c - runs, their states, log tails and live curves.
 */
#include "store/experiments.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/experiments_sql.h"

#define RUN_COLUMNS                                                                                \
	"r.id, r.experiment_id, r.idx, r.purpose, r.executor, r.seed, r.state, r.attempt,"         \
	" r.val_bpb, r.claimed_bpb, r.started_at, r.finished_at, r.seconds, r.tokens, r.steps,"    \
	" r.params, r.mfu, r.peak_mem_mb, r.throttled, r.fault, r.error, r.pid, r.pid_started,"    \
	" r.checkpoint_sha256"

/* ---- words -------------------------------------------------------------------------------- */

static const char *const state_words[] = {
#define WORD(name, text, final) [RUN_##name] = text,
	RUN_STATE_LIST(WORD)
#undef WORD
};

static const bool state_finals[] = {
#define FINAL(name, text, final) [RUN_##name] = final,
	RUN_STATE_LIST(FINAL)
#undef FINAL
};

static const char *const purpose_words[] = {
#define WORD(name, text) [RUN_FOR_##name] = text,
	RUN_PURPOSE_LIST(WORD)
#undef WORD
};

static const char *const fault_words[] = {
#define WORD(name, text) [RUN_FAULT_##name] = text,
	RUN_FAULT_LIST(WORD)
#undef WORD
};

/* The legal moves: from each state, the set of states it may go to. */
#define TO(state) (1u << RUN_##state)
static const unsigned moves[RUN_STATE_COUNT] = {
	[RUN_QUEUED] = TO(RUNNING) | TO(CANCELLED),
	[RUN_RUNNING] = TO(EVALUATING) | TO(DONE) | TO(FAILED) | TO(STOPPED) | TO(CANCELLED) |
			TO(QUEUED),
	[RUN_EVALUATING] = TO(DONE) | TO(FAILED) | TO(CANCELLED) | TO(QUEUED),
};
#undef TO

static int word_index(const char *const *words, int n, const char *s)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	return -1;
}

const char *run_state_text(enum run_state s)
{
	ART_BUG_ON((unsigned)s >= RUN_STATE_COUNT);
	return state_words[s];
}

bool run_state_parse(const char *s, enum run_state *out)
{
	int i = word_index(state_words, RUN_STATE_COUNT, s);

	if (i >= 0)
		*out = (enum run_state)i;
	return i >= 0;
}

bool run_state_final(enum run_state s)
{
	ART_BUG_ON((unsigned)s >= RUN_STATE_COUNT);
	return state_finals[s];
}

bool run_state_may(enum run_state from, enum run_state to)
{
	ART_BUG_ON((unsigned)from >= RUN_STATE_COUNT || (unsigned)to >= RUN_STATE_COUNT);
	return (moves[from] >> to & 1) != 0;
}

const char *run_purpose_text(enum run_purpose p)
{
	ART_BUG_ON((unsigned)p >= RUN_PURPOSE_COUNT);
	return purpose_words[p];
}

const char *run_fault_text(enum run_fault f)
{
	ART_BUG_ON((unsigned)f >= RUN_FAULT_COUNT);
	return fault_words[f];
}

/* ---- reading ------------------------------------------------------------------------------ */

static int read_word(struct sql *q, int i, const char *const *words, int n, const char *what)
{
	char word[40];

	sql_text(q, i, word, sizeof(word));
	int at = word_index(words, n, word);
	if (at < 0)
		sql_damaged(q, what);
	return at < 0 ? 0 : at;
}

static void run_read(struct sql *q, struct run_row *row)
{
	*row = (struct run_row){ 0 };
	row->id = sql_int(q, 0);
	row->experiment_id = sql_int(q, 1);
	row->idx = sql_int(q, 2);
	row->purpose = (enum run_purpose)read_word(q, 3, purpose_words, RUN_PURPOSE_COUNT,
						   "purpose of a run");
	sql_text(q, 4, row->executor, sizeof(row->executor));
	row->seed = sql_int(q, 5);
	row->state = (enum run_state)read_word(q, 6, state_words, RUN_STATE_COUNT,
					       "state of a run");
	row->attempt = sql_int(q, 7);
	row->val_bpb = sql_opt_f64(q, 8);
	row->claimed_bpb = sql_opt_f64(q, 9);
	row->started_at = sql_int(q, 10);
	row->finished_at = sql_int(q, 11);
	row->seconds = sql_opt_f64(q, 12);
	row->tokens = sql_opt_int(q, 13);
	row->steps = sql_opt_int(q, 14);
	row->params = sql_opt_int(q, 15);
	row->mfu = sql_opt_f64(q, 16);
	row->peak_mem_mb = sql_opt_f64(q, 17);
	row->throttled = sql_int(q, 18) != 0;
	row->fault = (enum run_fault)read_word(q, 19, fault_words, RUN_FAULT_COUNT,
					       "fault of a run");
	sql_text(q, 20, row->error, sizeof(row->error));
	row->pid = sql_int(q, 21);
	row->pid_started = sql_int(q, 22);
	sql_text(q, 23, row->checkpoint_sha256, sizeof(row->checkpoint_sha256));
}

static enum art_status no_run(int64_t id, struct art_err *err)
{
	return art_fail(err, ART_NOT_FOUND, "there is no run %" PRId64, id);
}

enum art_status run_find(struct store *st, int64_t id, struct run_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " RUN_COLUMNS " FROM run r WHERE r.id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		run_read(&q, out);
	enum art_status s = sql_close(&q, err, "read run %" PRId64, id);
	return s == ART_OK && !found ? no_run(id, err) : s;
}

static enum art_status collect(struct store *st, const char *text, int64_t arg,
			       struct run_list *out, struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	run_list_destroy(out);
	sql_open(&q, st, text);
	if (arg != 0)
		sql_bind_int(&q, 1, arg);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		run_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "list runs");
	if (s != ART_OK)
		run_list_destroy(out);
	return s;
}

enum art_status run_list(struct store *st, int64_t experiment_id, struct run_list *out,
			 struct art_err *err)
{
	if (experiment_id == 0)
		return collect(st, "SELECT " RUN_COLUMNS " FROM run r WHERE r." RUN_LIVE
				   " ORDER BY r.id", 0, out, err);
	return collect(st, "SELECT " RUN_COLUMNS " FROM run r WHERE r.experiment_id = ?1"
			   " ORDER BY r.idx", experiment_id, out, err);
}

enum art_status run_list_class(struct store *st, int64_t class_id, struct run_list *out,
			       struct art_err *err)
{
	return collect(st, "SELECT " RUN_COLUMNS " FROM run r JOIN experiment e"
			   " ON e.id = r.experiment_id WHERE e.class_id = ?1 AND r.state = 'done'"
			   " AND r.val_bpb IS NOT NULL ORDER BY r.id", class_id, out, err);
}

void run_list_destroy(struct run_list *l)
{
	free(l->rows);
	*l = (struct run_list){ 0 };
}

/* ---- writing ------------------------------------------------------------------------------ */

/*
 * The experiment's sums over its runs, and its share of the class's seed noise: squared deviations
 * from the experiment's own mean over comparable finished runs. The screen run of a candidate is
 * left out, for it was looked at because it was low.
 */
static enum art_status add_up(struct store *st, int64_t experiment_id, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st,
		 "WITH x (v) AS (SELECT val_bpb FROM run WHERE experiment_id = ?1"
		 "   AND state = 'done' AND val_bpb IS NOT NULL AND throttled = 0"
		 "   AND purpose <> 'screen'),"
		 " mean (n, v) AS (SELECT count(*), avg(v) FROM x)"
		 " UPDATE experiment SET"
		 " (runs, runs_live, seconds) = (SELECT count(*), coalesce(sum(" RUN_LIVE "), 0),"
		 "   total(seconds) FROM run WHERE experiment_id = ?1),"
		 " noise_df = (SELECT max(n - 1, 0) FROM mean),"
		 " noise_ss = (SELECT total((x.v - mean.v) * (x.v - mean.v)) FROM x, mean)"
		 " WHERE id = ?1");
	sql_bind_int(&q, 1, experiment_id);
	return sql_finish(&q, err, "add up the runs of experiment %" PRId64, experiment_id);
}

static enum art_status next_idx(struct store *st, const struct run_row *row, int64_t *idx,
				struct art_err *err)
{
	struct sql q;
	int64_t twin = -1;

	*idx = 0;
	sql_open(&q, st, "SELECT coalesce(max(idx) + 1, 0), coalesce(max(CASE seed WHEN ?2 THEN idx"
			 " END), -1) FROM run WHERE experiment_id = ?1");
	sql_bind_int(&q, 1, row->experiment_id);
	sql_bind_int(&q, 2, row->seed);
	if (sql_row(&q)) {
		*idx = sql_int(&q, 0);
		twin = sql_int(&q, 1);
	}
	enum art_status s = sql_close(&q, err, "number a run");
	if (s == ART_OK && twin >= 0)
		return art_fail(err, ART_CONFLICT,
				"run %" PRId64 " of experiment %" PRId64 " already has seed %" PRId64,
				twin, row->experiment_id, row->seed);
	return s;
}

enum art_status run_add(struct store *st, struct run_row *row, struct art_err *err)
{
	struct sql q;
	int64_t idx = 0;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = next_idx(st, row, &idx, err);
	if (s == ART_OK) {
		sql_open(&q, st, "INSERT INTO run (experiment_id, idx, purpose, executor, seed)"
				 " VALUES (?1, ?2, ?3, ?4, ?5)");
		sql_bind_int(&q, 1, row->experiment_id);
		sql_bind_int(&q, 2, idx);
		sql_bind_text(&q, 3, run_purpose_text(row->purpose), 24);
		sql_bind_text(&q, 4, row->executor, sizeof(row->executor));
		sql_bind_int(&q, 5, row->seed);
		s = sql_finish(&q, err, "add a run of experiment %" PRId64, row->experiment_id);
	}
	int64_t id = store_last_id(st);
	if (s == ART_OK)
		s = add_up(st, row->experiment_id, err);
	s = store_leave(st, s, TOPIC_EXPERIMENT, err);
	if (s == ART_OK) {
		row->id = id;
		row->idx = idx;
		row->state = RUN_QUEUED;
	}
	return s;
}

static enum art_status check_run(const struct run_row *row, struct art_err *err)
{
	enum art_status s = check_finite(row->val_bpb, "val_bpb of run", row->id, err);

	if (s == ART_OK)
		s = check_finite(row->claimed_bpb, "the claimed val_bpb of run", row->id, err);
	if (s == ART_OK)
		s = check_finite(row->seconds, "seconds of run", row->id, err);
	if (s == ART_OK)
		s = check_finite(row->mfu, "mfu of run", row->id, err);
	if (s == ART_OK)
		s = check_finite(row->peak_mem_mb, "memory of run", row->id, err);
	if (s == ART_OK && row->state == RUN_DONE && !row->val_bpb.known)
		s = art_fail(err, ART_INVALID, "run %" PRId64 " cannot be done without a val_bpb",
			     row->id);
	return s;
}

static void bind_run(struct sql *q, const struct run_row *row, enum run_state from)
{
	sql_bind_int(q, 1, row->id);
	sql_bind_text(q, 2, run_state_text(from), 24);
	sql_bind_text(q, 3, run_state_text(row->state), 24);
	sql_bind_text(q, 4, run_purpose_text(row->purpose), 24);
	sql_bind_text(q, 5, row->executor, sizeof(row->executor));
	sql_bind_int(q, 6, row->seed);
	sql_bind_int(q, 7, row->attempt);
	sql_bind_opt_f64(q, 8, row->val_bpb);
	sql_bind_opt_f64(q, 9, row->claimed_bpb);
	sql_bind_id(q, 10, row->started_at);
	sql_bind_id(q, 11, row->finished_at);
	sql_bind_opt_f64(q, 12, row->seconds);
	sql_bind_opt_int(q, 13, row->tokens);
	sql_bind_opt_int(q, 14, row->steps);
	sql_bind_opt_int(q, 15, row->params);
	sql_bind_opt_f64(q, 16, row->mfu);
	sql_bind_opt_f64(q, 17, row->peak_mem_mb);
	sql_bind_int(q, 18, row->throttled);
	sql_bind_text(q, 19, run_fault_text(row->fault), 40);
	sql_bind_clean(q, 20, row->error, sizeof(row->error), false);
	sql_bind_id(q, 21, row->pid);
	sql_bind_id(q, 22, row->pid_started);
	sql_bind_text(q, 23, row->checkpoint_sha256, sizeof(row->checkpoint_sha256));
}

/* After a compare-and-set that changed no row: was it gone, or moved? */
static enum art_status run_moved_on(struct store *st, int64_t id, struct art_err *err)
{
	struct run_row now;

	enum art_status s = run_find(st, id, &now, err);
	if (s != ART_OK)
		return s;
	return art_fail(err, ART_CONFLICT, "run %" PRId64 " is %s meanwhile", id,
			run_state_text(now.state));
}

enum art_status run_move(struct store *st, const struct run_row *row, enum run_state from,
			 struct art_err *err)
{
	struct sql q;

	ART_BUG_ON(!run_state_may(from, row->state));
	enum art_status s = check_run(row, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st,
		 "UPDATE run SET state = ?3, purpose = ?4, executor = ?5, seed = ?6, attempt = ?7,"
		 " val_bpb = ?8, claimed_bpb = ?9, started_at = ?10, finished_at = ?11,"
		 " seconds = ?12, tokens = ?13, steps = ?14, params = ?15, mfu = ?16,"
		 " peak_mem_mb = ?17, throttled = ?18, fault = ?19, error = ?20, pid = ?21,"
		 " pid_started = ?22, checkpoint_sha256 = ?23 WHERE id = ?1 AND state = ?2"
		 " RETURNING experiment_id");
	bind_run(&q, row, from);
	int64_t experiment_id = sql_row(&q) ? sql_int(&q, 0) : 0;
	s = sql_close(&q, err, "move run %" PRId64 " to %s", row->id, run_state_text(row->state));
	if (s == ART_OK && experiment_id == 0)
		s = run_moved_on(st, row->id, err);
	if (s == ART_OK)
		s = add_up(st, experiment_id, err);
	if (s == ART_OK && run_state_final(row->state))
		s = night_fold(st, row->id, err);
	return store_leave(st, s, TOPIC_EXPERIMENT, err);
}

enum art_status run_set_pid(struct store *st, int64_t id, int64_t pid, int64_t pid_started,
			    struct art_err *err)
{
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE run SET pid = ?2, pid_started = ?3 WHERE id = ?1 AND " RUN_LIVE);
	sql_bind_int(&q, 1, id);
	sql_bind_id(&q, 2, pid);
	sql_bind_id(&q, 3, pid_started);
	s = sql_finish(&q, err, "note the process of run %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0)
		s = run_moved_on(st, id, err);
	return store_leave(st, s, TOPIC_EXPERIMENT, err);
}

/* ---- log tail ----------------------------------------------------------------------------- */

/* A byte in the middle of a UTF-8 character. */
static bool inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The last LOG_TAIL_MAX - 1 bytes of @text after cleaning. @out has LOG_TAIL_MAX bytes. */
static void clean_tail(char *out, const char *text)
{
	/* Cleaning may lengthen (a bad byte becomes a replacement character of three) or shorten
	 * (escape sequences vanish), so it looks at more than it keeps. */
	enum { RAW = 4 * LOG_TAIL_MAX, CLEAN = 3 * RAW + 1 };
	size_t len = strlen(text);
	const char *from = text;
	char *clean = art_alloc(CLEAN, 1);

	if (len > RAW) {
		from = text + (len - RAW);
		while (inside_character(*from))
			from++;
	}
	size_t n = art_text_clean(clean, CLEAN, from, strlen(from), true);
	const char *tail = clean;
	if (n > LOG_TAIL_MAX - 1) {
		tail = clean + (n - (LOG_TAIL_MAX - 1));
		while (inside_character(*tail))
			tail++;
	}
	art_copy(out, LOG_TAIL_MAX, tail);
	free(clean);
}

enum art_status run_set_log_tail(struct store *st, int64_t id, const char *text,
				 struct art_err *err)
{
	struct sql q;
	char tail[LOG_TAIL_MAX];

	clean_tail(tail, text);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO run_log (run_id, tail) VALUES (?1, ?2)"
			 " ON CONFLICT (run_id) DO UPDATE SET tail = excluded.tail");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, tail, sizeof(tail));
	s = sql_finish(&q, err, "keep the log of run %" PRId64, id);
	return store_leave(st, s, TOPIC_CURVE, err);
}

enum art_status run_log_tail(struct store *st, int64_t id, char out[LOG_TAIL_MAX],
			     struct art_err *err)
{
	struct sql q;

	out[0] = '\0';
	sql_open(&q, st, "SELECT l.tail FROM run r LEFT JOIN run_log l ON l.run_id = r.id"
			 " WHERE r.id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		sql_text(&q, 0, out, LOG_TAIL_MAX);
	enum art_status s = sql_close(&q, err, "read the log of run %" PRId64, id);
	return s == ART_OK && !found ? no_run(id, err) : s;
}

/* ---- curve -------------------------------------------------------------------------------- */

static enum art_status check_points(const struct curve_point *p, size_t n, int64_t run_id,
				    struct art_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(p[i].progress) || !isfinite(p[i].seconds) || !isfinite(p[i].loss))
			return art_fail(err, ART_INVALID,
					"the curve of run %" PRId64 " has a point that is not finite",
					run_id);
	return ART_OK;
}

static enum art_status check_count(struct store *st, int64_t run_id, struct art_err *err)
{
	struct sql q;
	int64_t n = 0;

	sql_open(&q, st, "SELECT count(*) FROM curve WHERE run_id = ?1");
	sql_bind_int(&q, 1, run_id);
	if (sql_row(&q))
		n = sql_int(&q, 0);
	enum art_status s = sql_close(&q, err, "count the curve of run %" PRId64, run_id);
	if (s == ART_OK && n > CURVE_MAX)
		return art_fail(err, ART_LIMIT, "the curve of run %" PRId64 " has over %d points",
				run_id, CURVE_MAX);
	return s;
}

enum art_status curve_add(struct store *st, int64_t run_id, const struct curve_point *p, size_t n,
			  struct art_err *err)
{
	enum art_status s = check_points(p, n, run_id, err);

	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	for (size_t i = 0; s == ART_OK && i < n; i++) {
		struct sql q;
		sql_open(&q, st, "INSERT INTO curve (run_id, progress, seconds, tokens, loss)"
				 " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run_id, progress)"
				 " DO UPDATE SET seconds = excluded.seconds,"
				 " tokens = excluded.tokens, loss = excluded.loss");
		sql_bind_int(&q, 1, run_id);
		sql_bind_f64(&q, 2, p[i].progress);
		sql_bind_f64(&q, 3, p[i].seconds);
		sql_bind_int(&q, 4, p[i].tokens);
		sql_bind_f64(&q, 5, p[i].loss);
		s = sql_finish(&q, err, "add to the curve of run %" PRId64, run_id);
	}
	if (s == ART_OK)
		s = check_count(st, run_id, err);
	return store_leave(st, s, TOPIC_CURVE, err);
}

enum art_status curve_clear(struct store *st, int64_t run_id, struct art_err *err)
{
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "DELETE FROM curve WHERE run_id = ?1");
	sql_bind_int(&q, 1, run_id);
	s = sql_finish(&q, err, "clear the curve of run %" PRId64, run_id);
	return store_leave(st, s, TOPIC_CURVE, err);
}

enum art_status curve_list(struct store *st, int64_t run_id, struct curve_point out[CURVE_MAX],
			   size_t *n, struct art_err *err)
{
	struct sql q;

	*n = 0;
	sql_open(&q, st, "SELECT progress, seconds, tokens, loss FROM curve WHERE run_id = ?1"
			 " ORDER BY progress");
	sql_bind_int(&q, 1, run_id);
	while (*n < CURVE_MAX && sql_row(&q)) {
		out[*n] = (struct curve_point){ sql_f64(&q, 0), sql_f64(&q, 1), sql_int(&q, 2),
						sql_f64(&q, 3) };
		(*n)++;
	}
	return sql_close(&q, err, "read the curve of run %" PRId64, run_id);
}
