/*
 * serve.c - the worker's presence, and the switches that a person sets.
 */
#include "store/sales.h"

#include <string.h>

#include "store/events.h"
#include "store/store_sql.h"

#define DEVICE_MAX sizeof(((struct order_row *)0)->device)

enum art_status serve_set(struct store *st, const struct serve_row *row, struct art_err *err)
{
	struct sql q;
	int i = 1;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT OR REPLACE INTO serve (id, pid, started_at, listen, price, network,"
			 " sandbox, agent_id) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sql_bind_id(&q, i++, row->pid);
	sql_bind_id(&q, i++, row->started_at);
	sql_bind_clean(&q, i++, row->listen, sizeof(row->listen), false);
	sql_bind_clean(&q, i++, row->price, sizeof(row->price), false);
	sql_bind_clean(&q, i++, row->network, sizeof(row->network), false);
	sql_bind_clean(&q, i++, row->sandbox, sizeof(row->sandbox), false);
	sql_bind_opt_int(&q, i++, (struct opt_i64){ row->agent_id >= 0, row->agent_id });
	s = sql_finish(&q, err, "write the worker's presence");
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status serve_get(struct store *st, struct serve_row *out, struct art_err *err)
{
	struct sql q;

	*out = (struct serve_row){ .agent_id = -1 };
	sql_open(&q, st, "SELECT pid, started_at, listen, price, network, sandbox, agent_id FROM serve");
	if (sql_row(&q)) {
		out->pid = sql_int(&q, 0);
		out->started_at = sql_int(&q, 1);
		sql_text(&q, 2, out->listen, sizeof(out->listen));
		sql_text(&q, 3, out->price, sizeof(out->price));
		sql_text(&q, 4, out->network, sizeof(out->network));
		sql_text(&q, 5, out->sandbox, sizeof(out->sandbox));
		out->agent_id = sql_is_null(&q, 6) ? -1 : sql_int(&q, 6);
	}
	return sql_close(&q, err, "read the worker's presence");
}

static const char *const switch_words[] = {
	[SERVE_OPEN] = "open",
	[SERVE_PAUSED] = "paused",
	[SERVE_DRAINING] = "draining",
};

enum art_status serve_switch_set(struct store *st, const char *device, enum serve_switch to,
				 struct art_err *err)
{
	enum serve_switch now;
	struct sql q;

	ART_BUG_ON((unsigned)to >= ART_COUNT(switch_words));
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = serve_switch_get(st, device, &now, err);
	if (s == ART_OK) {
		sql_open(&q, st, "INSERT OR REPLACE INTO serve_switch (device, state) VALUES (?1, ?2)");
		sql_bind_clean(&q, 1, device, DEVICE_MAX, false);
		sql_bind_text(&q, 2, switch_words[to], 16);
		s = sql_finish(&q, err, "write a switch of the worker");
	}
	if (s == ART_OK && now != to)
		s = event_add(st, EVENT_INFO, "serve.switch", 0, 0, err, "the worker%s%s is %s",
			      device[0] != '\0' ? "'s device " : "", device, switch_words[to]);
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status serve_switch_get(struct store *st, const char *device, enum serve_switch *out,
				 struct art_err *err)
{
	struct sql q;

	*out = SERVE_OPEN;
	sql_open(&q, st, "SELECT state FROM serve_switch WHERE device = ?1");
	sql_bind_clean(&q, 1, device, DEVICE_MAX, false);
	if (sql_row(&q))
		*out = (enum serve_switch)sql_word(&q, 0, switch_words, ART_COUNT(switch_words),
						   "switch of the worker");
	return sql_close(&q, err, "read a switch of the worker");
}
