/*
 * experiments.c - classes, nights and experiments: adding, finding, judging once.
 */
#include "store/experiments.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/experiments_sql.h"

/* ---- words -------------------------------------------------------------------------------- */

static const char *const verdict_words[] = {
#define WORD(name, text, final) [VERDICT_##name] = text,
	VERDICT_LIST(WORD)
#undef WORD
};

static const bool verdict_finals[] = {
#define FINAL(name, text, final) [VERDICT_##name] = final,
	VERDICT_LIST(FINAL)
#undef FINAL
};

const char *verdict_text(enum verdict v)
{
	ART_BUG_ON((unsigned)v >= VERDICT_COUNT);
	return verdict_words[v];
}

bool verdict_parse(const char *s, enum verdict *out)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (strcmp(s, verdict_words[v]) == 0) {
			*out = (enum verdict)v;
			return true;
		}
	}
	return false;
}

enum art_status check_finite(struct opt_f64 v, const char *what, int64_t id, struct art_err *err)
{
	if (!v.known || isfinite(v.v))
		return ART_OK;
	return art_fail(err, ART_INVALID, "%s of %" PRId64 " is not a finite number", what, id);
}

/* ---- class -------------------------------------------------------------------------------- */

static void bind_class(struct sql *q, const struct class_row *row)
{
	sql_bind_text(q, 1, row->metric, sizeof(row->metric));
	sql_bind_text(q, 2, row->data, sizeof(row->data));
	sql_bind_text(q, 3, row->data_sha256, sizeof(row->data_sha256));
	sql_bind_text(q, 4, row->evaluator_sha256, sizeof(row->evaluator_sha256));
	sql_bind_text(q, 5, row->budget, sizeof(row->budget));
	sql_bind_text(q, 6, row->hardware, sizeof(row->hardware));
}

static enum art_status class_look(struct store *st, struct class_row *row, struct art_err *err)
{
	struct sql q;

	row->id = 0;
	sql_open(&q, st, "SELECT id FROM class WHERE metric = ?1 AND data = ?2 AND data_sha256 = ?3"
			 " AND evaluator_sha256 = ?4 AND budget = ?5 AND hardware = ?6");
	bind_class(&q, row);
	if (sql_row(&q))
		row->id = sql_int(&q, 0);
	return sql_close(&q, err, "look for a class");
}

enum art_status class_get(struct store *st, struct class_row *row, struct art_err *err)
{
	struct sql q;

	enum art_status s = class_look(st, row, err);
	if (s != ART_OK || row->id != 0)
		return s;
	s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO class (metric, data, data_sha256, evaluator_sha256, budget,"
			 " hardware) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
	bind_class(&q, row);
	s = sql_finish(&q, err, "add a class");
	if (s == ART_OK)
		s = class_look(st, row, err);
	s = store_leave(st, s, TOPIC_EXPERIMENT, err);
	if (s != ART_OK)
		row->id = 0;
	return s;
}

enum art_status class_find(struct store *st, int64_t id, struct class_row *out, struct art_err *err)
{
	struct sql q;

	*out = (struct class_row){ 0 };
	sql_open(&q, st, "SELECT id, metric, data, data_sha256, evaluator_sha256, budget, hardware"
			 " FROM class WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found) {
		out->id = sql_int(&q, 0);
		sql_text(&q, 1, out->metric, sizeof(out->metric));
		sql_text(&q, 2, out->data, sizeof(out->data));
		sql_text(&q, 3, out->data_sha256, sizeof(out->data_sha256));
		sql_text(&q, 4, out->evaluator_sha256, sizeof(out->evaluator_sha256));
		sql_text(&q, 5, out->budget, sizeof(out->budget));
		sql_text(&q, 6, out->hardware, sizeof(out->hardware));
	}
	enum art_status s = sql_close(&q, err, "read class %" PRId64, id);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "there is no class %" PRId64, id);
	return s;
}

const char *class_text(const struct class_row *c, char *buf, size_t n)
{
	snprintf(buf, n, "%s %s %s", c->data, c->budget, c->hardware);
	return buf;
}

/* ---- night -------------------------------------------------------------------------------- */

enum art_status night_add(struct store *st, struct night_row *row, struct art_err *err)
{
	struct sql q;

	if (!isfinite(row->hours) || !isfinite(row->budget_s))
		return art_fail(err, ART_INVALID, "a night's hours and budget must be finite");
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	int64_t started_at = row->started_at != 0 ? row->started_at : art_now_us();
	sql_open(&q, st, "INSERT INTO night (class_id, started_at, seed, rounds, hours, budget_s,"
			 " confirm, counted_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?2)");
	sql_bind_int(&q, 1, row->class_id);
	sql_bind_int(&q, 2, started_at);
	sql_bind_int(&q, 3, (int64_t)row->seed);
	sql_bind_int(&q, 4, row->rounds);
	sql_bind_f64(&q, 5, row->hours);
	sql_bind_f64(&q, 6, row->budget_s);
	sql_bind_int(&q, 7, row->confirm);
	s = sql_finish(&q, err, "add a night");
	int64_t id = store_last_id(st);
	s = store_leave(st, s, TOPIC_EXPERIMENT, err);
	if (s == ART_OK) {
		row->id = id;
		row->started_at = started_at;
		row->ended_at = 0;
	}
	return s;
}

static enum art_status night_read(struct store *st, int64_t id, struct night_row *out,
				  struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT id, started_at, ended_at, class_id, seed, rounds, hours, budget_s,"
			 " confirm, end_reason FROM night"
			 " WHERE ?1 = 0 OR id = ?1 ORDER BY id DESC LIMIT 1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found) {
		out->id = sql_int(&q, 0);
		out->started_at = sql_int(&q, 1);
		out->ended_at = sql_int(&q, 2);
		out->class_id = sql_int(&q, 3);
		out->seed = (uint64_t)sql_int(&q, 4);
		out->rounds = sql_int(&q, 5);
		out->hours = sql_f64(&q, 6);
		out->budget_s = sql_f64(&q, 7);
		out->confirm = (int)sql_int(&q, 8);
		sql_text(&q, 9, out->end_reason, sizeof(out->end_reason));
	}
	enum art_status s = sql_close(&q, err, "read night %" PRId64, id);
	if (s != ART_OK || found)
		return s;
	if (id == 0)
		return art_fail(err, ART_NOT_FOUND, "there was no night yet");
	return art_fail(err, ART_NOT_FOUND, "there is no night %" PRId64, id);
}

enum art_status night_find(struct store *st, int64_t id, struct night_row *out, struct art_err *err)
{
	struct sql q;

	*out = (struct night_row){ 0 };
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = night_read(st, id, out, err);
	if (s == ART_OK) {
		sql_open(&q, st, "SELECT count(*), total(verdict = 'kept') FROM experiment"
				 " WHERE night_id = ?1 AND " CANDIDATE " AND " JUDGED);
		sql_bind_int(&q, 1, out->id);
		if (sql_row(&q)) {
			out->judged = sql_int(&q, 0);
			out->kept = sql_int(&q, 1);
		}
		s = sql_close(&q, err, "count night %" PRId64, out->id);
	}
	store_read_leave(st);
	return s;
}

enum art_status night_end(struct store *st, int64_t id, const char *reason, struct art_err *err)
{
	struct sql q;
	struct night_row night;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE night SET ended_at = max(?2, started_at), end_reason = ?3"
			 " WHERE id = ?1 AND ended_at IS NULL");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, art_now_us());
	sql_bind_clean(&q, 3, reason, REASON_MAX, false);
	s = sql_finish(&q, err, "end night %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0) {
		s = id > 0 ? night_read(st, id, &night, err)
			   : art_fail(err, ART_NOT_FOUND, "there is no night %" PRId64, id);
		if (s == ART_OK)
			s = art_fail(err, ART_CONFLICT, "night %" PRId64 " has ended already", id);
	}
	return store_leave(st, s, TOPIC_EXPERIMENT, err);
}

/* ---- experiment --------------------------------------------------------------------------- */

void experiment_read(struct sql *q, struct experiment_row *row)
{
	char word[24];

	*row = (struct experiment_row){ 0 };
	row->id = sql_int(q, 0);
	row->night_id = sql_int(q, 1);
	row->class_id = sql_int(q, 2);
	row->parent_id = sql_int(q, 3);
	sql_text(q, 4, row->title, sizeof(row->title));
	sql_text(q, 5, row->idea, sizeof(row->idea));
	sql_text(q, 6, row->proposer, sizeof(row->proposer));
	sql_text(q, 7, row->recipe_sha256, sizeof(row->recipe_sha256));
	sql_text(q, 8, row->knobs, sizeof(row->knobs));
	sql_text(q, 9, word, sizeof(word));
	if (!verdict_parse(word, &row->verdict))
		sql_damaged(q, "verdict");
	sql_text(q, 10, row->reason, sizeof(row->reason));
	row->val_bpb = sql_opt_f64(q, 11);
	row->n = sql_int(q, 12);
	row->lo = sql_opt_f64(q, 13);
	row->hi = sql_opt_f64(q, 14);
	row->p_false_keep = sql_opt_f64(q, 15);
	row->created_at = sql_int(q, 16);
	row->decided_at = sql_int(q, 17);
	row->runs = sql_int(q, 18);
	row->runs_live = sql_int(q, 19);
	row->seconds = sql_f64(q, 20);
}

static enum art_status find_twin(struct store *st, const char *text, int64_t class_id,
				 const char *value, int64_t *twin, struct art_err *err)
{
	struct sql q;

	*twin = 0;
	sql_open(&q, st, text);
	sql_bind_int(&q, 1, class_id);
	sql_bind_text(&q, 2, value, KNOBS_MAX);
	if (sql_row(&q))
		*twin = sql_int(&q, 0);
	return sql_close(&q, err, "look for duplicates");
}

/*
 * CONFLICT, naming the twin, when the class has this recipe or these knobs already. The WHERE of
 * each is that of its unique index, or every row would be read.
 */
static enum art_status refuse_twin(struct store *st, const struct experiment_row *row,
				   const char *sha256, struct art_err *err)
{
	int64_t twin;

	if (strcmp(row->proposer, "import") == 0)
		return ART_OK;
	enum art_status s = find_twin(st, "SELECT id FROM experiment WHERE class_id = ?1"
					  " AND recipe_sha256 = ?2 AND proposer <> 'import'",
				      row->class_id, sha256, &twin, err);
	if (s == ART_OK && twin != 0)
		return art_fail(err, ART_CONFLICT, "experiment %" PRId64 " already tried this recipe",
				twin);
	if (s != ART_OK || row->knobs[0] == '\0')
		return s;
	s = find_twin(st, "SELECT id FROM experiment WHERE class_id = ?1 AND knobs = ?2"
			  " AND knobs <> '' AND proposer <> 'import'",
		      row->class_id, row->knobs, &twin, err);
	if (s == ART_OK && twin != 0)
		return art_fail(err, ART_CONFLICT,
				"experiment %" PRId64 " already tried these constants", twin);
	return s;
}

static enum art_status insert_experiment(struct store *st, const struct experiment_row *row,
					 const char *sha256, int64_t now, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st,
		 "INSERT INTO experiment (night_id, class_id, parent_id, title, idea, proposer,"
		 " recipe_sha256, knobs, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	sql_bind_id(&q, 1, row->night_id);
	sql_bind_int(&q, 2, row->class_id);
	sql_bind_id(&q, 3, row->parent_id);
	sql_bind_clean(&q, 4, row->title, sizeof(row->title), false);
	sql_bind_clean(&q, 5, row->idea, sizeof(row->idea), false);
	sql_bind_text(&q, 6, row->proposer, sizeof(row->proposer));
	sql_bind_text(&q, 7, sha256, HASH_HEX);
	sql_bind_text(&q, 8, row->knobs, sizeof(row->knobs));
	sql_bind_int(&q, 9, now);
	return sql_finish(&q, err, "add an experiment");
}

enum art_status experiment_add(struct store *st, struct experiment_row *row, const char *recipe,
			       size_t recipe_len, struct art_err *err)
{
	char sha256[HASH_HEX];
	int64_t now = art_now_us();

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = store_content_put(st, recipe, recipe_len, sha256, err);
	if (s == ART_OK)
		s = refuse_twin(st, row, sha256, err);
	if (s == ART_OK)
		s = insert_experiment(st, row, sha256, now, err);
	int64_t id = store_last_id(st);
	s = store_leave(st, s, TOPIC_EXPERIMENT, err);
	if (s == ART_OK) {
		row->id = id;
		row->verdict = VERDICT_PENDING;
		row->created_at = now;
		art_copy(row->recipe_sha256, sizeof(row->recipe_sha256), sha256);
	}
	return s;
}

static enum art_status no_experiment(int64_t id, struct art_err *err)
{
	return art_fail(err, ART_NOT_FOUND, "there is no experiment %" PRId64, id);
}

enum art_status experiment_find(struct store *st, int64_t id, struct experiment_row *out,
				struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " EXPERIMENT_COLUMNS " FROM experiment e WHERE e.id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		experiment_read(&q, out);
	enum art_status s = sql_close(&q, err, "read experiment %" PRId64, id);
	return s == ART_OK && !found ? no_experiment(id, err) : s;
}

enum art_status experiment_recipe(struct store *st, int64_t id, char **out, size_t *len,
				  struct art_err *err)
{
	struct sql q;
	char sha256[HASH_HEX];

	sql_open(&q, st, "SELECT recipe_sha256 FROM experiment WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		sql_text(&q, 0, sha256, sizeof(sha256));
	enum art_status s = sql_close(&q, err, "read experiment %" PRId64, id);
	if (s != ART_OK)
		return s;
	return found ? store_content_get(st, sha256, out, len, err) : no_experiment(id, err);
}

static enum art_status check_numbers(const struct experiment_row *row, struct art_err *err)
{
	enum art_status s = check_finite(row->val_bpb, "val_bpb of experiment", row->id, err);

	if (s == ART_OK)
		s = check_finite(row->lo, "the interval of experiment", row->id, err);
	if (s == ART_OK)
		s = check_finite(row->hi, "the interval of experiment", row->id, err);
	if (s == ART_OK)
		s = check_finite(row->p_false_keep, "p_false_keep of experiment", row->id, err);
	return s;
}

static void bind_numbers(struct sql *q, const struct experiment_row *row)
{
	sql_bind_int(q, 1, row->id);
	sql_bind_opt_f64(q, 2, row->val_bpb);
	sql_bind_int(q, 3, row->n);
	sql_bind_opt_f64(q, 4, row->lo);
	sql_bind_opt_f64(q, 5, row->hi);
}

/* After a compare-and-set that changed no row: was it gone, or decided? */
static enum art_status why_not(struct store *st, int64_t id, struct art_err *err)
{
	struct experiment_row now;

	enum art_status s = experiment_find(st, id, &now, err);
	if (s != ART_OK)
		return s;
	return art_fail(err, ART_CONFLICT, "experiment %" PRId64 " is judged already: %s", id,
			verdict_text(now.verdict));
}

enum art_status experiment_judge(struct store *st, const struct experiment_row *row,
				 struct art_err *err)
{
	struct sql q;

	ART_BUG_ON((unsigned)row->verdict >= VERDICT_COUNT || !verdict_finals[row->verdict]);
	enum art_status s = check_numbers(row, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE experiment SET val_bpb = ?2, n = ?3, lo = ?4, hi = ?5,"
			 " verdict = ?6, reason = ?7, p_false_keep = ?8, decided_at = ?9"
			 " WHERE id = ?1 AND verdict = 'pending'");
	bind_numbers(&q, row);
	sql_bind_text(&q, 6, verdict_text(row->verdict), 24);
	sql_bind_clean(&q, 7, row->reason, sizeof(row->reason), false);
	sql_bind_opt_f64(&q, 8, row->p_false_keep);
	sql_bind_int(&q, 9, row->decided_at != 0 ? row->decided_at : art_now_us());
	s = sql_finish(&q, err, "judge experiment %" PRId64, row->id);
	if (s == ART_OK && store_changes(st) == 0)
		s = why_not(st, row->id, err);
	return store_leave(st, s, TOPIC_EXPERIMENT, err);
}

enum art_status experiment_numbers(struct store *st, const struct experiment_row *row,
				   struct art_err *err)
{
	struct sql q;

	enum art_status s = check_numbers(row, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE experiment SET val_bpb = ?2, n = ?3, lo = ?4, hi = ?5"
			 " WHERE id = ?1 AND verdict IN ('pending', 'baseline', 'kept')");
	bind_numbers(&q, row);
	s = sql_finish(&q, err, "update experiment %" PRId64, row->id);
	if (s == ART_OK && store_changes(st) == 0)
		s = why_not(st, row->id, err);
	return store_leave(st, s, TOPIC_EXPERIMENT, err);
}
