/*
 * events_state.c - what is there now: devices, reference lines, the engine.
 */
#include "store/events.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "store/store_sql.h"

/* ---- devices ------------------------------------------------------------------------------ */

enum art_status device_set(struct store *st, const struct device_row *row, struct art_err *err)
{
	struct sql q;

	if (row->tokens_per_s.known && !isfinite(row->tokens_per_s.v))
		return art_fail(err, ART_INVALID, "the speed of device %.79s is not finite",
				row->name);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO device (name, detail, state, run_id, tokens_per_s, updated_at)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET"
			 " detail = excluded.detail, state = excluded.state,"
			 " run_id = excluded.run_id, tokens_per_s = excluded.tokens_per_s,"
			 " updated_at = excluded.updated_at");
	sql_bind_clean(&q, 1, row->name, sizeof(row->name), false);
	sql_bind_clean(&q, 2, row->detail, sizeof(row->detail), false);
	sql_bind_clean(&q, 3, row->state, sizeof(row->state), false);
	sql_bind_id(&q, 4, row->run_id);
	sql_bind_opt_f64(&q, 5, row->tokens_per_s);
	sql_bind_int(&q, 6, row->updated_at != 0 ? row->updated_at : art_now_us());
	s = sql_finish(&q, err, "note device %.79s", row->name);
	return store_leave(st, s, TOPIC_DEVICE, err);
}

enum art_status device_list(struct store *st, struct device_list *out, struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	device_list_destroy(out);
	sql_open(&q, st, "SELECT name, detail, state, run_id, tokens_per_s, updated_at FROM device"
			 " ORDER BY name");
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		struct device_row *row = &out->rows[out->n++];
		*row = (struct device_row){ 0 };
		sql_text(&q, 0, row->name, sizeof(row->name));
		sql_text(&q, 1, row->detail, sizeof(row->detail));
		sql_text(&q, 2, row->state, sizeof(row->state));
		row->run_id = sql_int(&q, 3);
		row->tokens_per_s = sql_opt_f64(&q, 4);
		row->updated_at = sql_int(&q, 5);
	}
	enum art_status s = sql_close(&q, err, "list devices");
	if (s != ART_OK)
		device_list_destroy(out);
	return s;
}

void device_list_destroy(struct device_list *l)
{
	free(l->rows);
	*l = (struct device_list){ 0 };
}

/* ---- reference lines ---------------------------------------------------------------------- */

enum art_status reference_set(struct store *st, const struct reference_row *row,
			      struct art_err *err)
{
	struct sql q;

	if (!isfinite(row->val_bpb))
		return art_fail(err, ART_INVALID, "the reference line %.63s is not finite", row->name);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO reference (data_sha256, name, val_bpb, note)"
			 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (data_sha256, name) DO UPDATE SET"
			 " val_bpb = excluded.val_bpb, note = excluded.note");
	sql_bind_text(&q, 1, row->data_sha256, sizeof(row->data_sha256));
	sql_bind_clean(&q, 2, row->name, sizeof(row->name), false);
	sql_bind_f64(&q, 3, row->val_bpb);
	sql_bind_clean(&q, 4, row->note, sizeof(row->note), false);
	s = sql_finish(&q, err, "keep the reference line %.63s", row->name);
	return store_leave(st, s, TOPIC_REFERENCE, err);
}

enum art_status reference_list(struct store *st, const char *data_sha256,
			       struct reference_list *out, struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	reference_list_destroy(out);
	sql_open(&q, st, "SELECT data_sha256, name, val_bpb, note FROM reference"
			 " WHERE data_sha256 = ?1 ORDER BY val_bpb, name");
	sql_bind_text(&q, 1, data_sha256, 65);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		struct reference_row *row = &out->rows[out->n++];
		*row = (struct reference_row){ 0 };
		sql_text(&q, 0, row->data_sha256, sizeof(row->data_sha256));
		sql_text(&q, 1, row->name, sizeof(row->name));
		row->val_bpb = sql_f64(&q, 2);
		sql_text(&q, 3, row->note, sizeof(row->note));
	}
	enum art_status s = sql_close(&q, err, "list reference lines");
	if (s != ART_OK)
		reference_list_destroy(out);
	return s;
}

void reference_list_destroy(struct reference_list *l)
{
	free(l->rows);
	*l = (struct reference_list){ 0 };
}

/* ---- engine ------------------------------------------------------------------------------- */

enum art_status engine_set(struct store *st, const struct engine_row *row, struct art_err *err)
{
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO engine (id, pid, started_at, state, doing)"
			 " VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET"
			 " pid = excluded.pid, started_at = excluded.started_at,"
			 " state = excluded.state, doing = excluded.doing");
	sql_bind_int(&q, 1, row->pid);
	sql_bind_int(&q, 2, row->started_at);
	sql_bind_clean(&q, 3, row->state, sizeof(row->state), false);
	sql_bind_clean(&q, 4, row->doing, sizeof(row->doing), false);
	s = sql_finish(&q, err, "note what the engine does");
	if (s == ART_OK && row->started_at != 0) {
		sql_open(&q, st, "INSERT INTO engine_start (at) VALUES (?1) ON CONFLICT DO NOTHING");
		sql_bind_int(&q, 1, row->started_at);
		s = sql_finish(&q, err, "note when the engine started");
	}
	return store_leave(st, s, TOPIC_ENGINE, err);
}

enum art_status engine_get(struct store *st, struct engine_row *out, struct art_err *err)
{
	struct sql q;

	*out = (struct engine_row){ 0 };
	sql_open(&q, st, "SELECT pid, started_at, state, doing FROM engine WHERE id = 1");
	if (sql_row(&q)) {
		out->pid = sql_int(&q, 0);
		out->started_at = sql_int(&q, 1);
		sql_text(&q, 2, out->state, sizeof(out->state));
		sql_text(&q, 3, out->doing, sizeof(out->doing));
	}
	return sql_close(&q, err, "read what the engine does");
}
