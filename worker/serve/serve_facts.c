/*
 * serve_facts.c - what the worker tells everybody for free: health, status, best, price list, registration, metrics.
 *
 * Layer: worker/serve. On the server's thread: short reads only. No host paths, and of others' results only the best
 * number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/hash.h"
#include "worker/serve/serve_private.h"

#define TEXT_MAX (256u << 10)

void serve_say(struct serve *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!s->opt.say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->opt.say(s->opt.arg, text);
}

/* Letters, digits and what a host and port are made of. */
static bool host_ok(const char *h)
{
	return h && *h && strlen(h) < 256 &&
	       !h[strspn(h, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")];
}

void serve_url(struct serve *s, struct httpd_request *r, const char *path, char out[SERVE_URL_MAX])
{
	const char *host = r ? httpd_header(r, "Host") : NULL;

	if (s->opt.public_url)
		snprintf(out, SERVE_URL_MAX, "%.400s%.150s", s->opt.public_url, path);
	else if (host_ok(host))
		snprintf(out, SERVE_URL_MAX, "http://%.256s%.150s", host, path);
	else
		snprintf(out, SERVE_URL_MAX, "http://127.0.0.1:%d%.150s", s->http ? httpd_port(s->http) : 0, path);
}

/* ---- tokens ---------------------------------------------------------------------------------------- */

/* Keyed twice, so that nothing can be appended to what was hashed. */
static void seal(const struct serve *s, const char *what, const char *text, char out[SERVE_TOKEN])
{
	struct hash_hex h;

	for (int i = 0; i < 2; i++) {
		struct hash_state *st = hash_begin();

		hash_add(st, s->secret, strlen(s->secret));
		hash_add(st, what, strlen(what) + 1);
		hash_add(st, i ? h.s : text, strlen(i ? h.s : text));
		h = hash_end(st);
	}
	memcpy(out, h.s, SERVE_TOKEN - 1);
	out[SERVE_TOKEN - 1] = 0;
}

void serve_token(const struct serve *s, const char *experiment_id, char out[SERVE_TOKEN])
{
	seal(s, "token", experiment_id, out);
}

/* Takes as long for a wrong byte at the start as at the end. */
static bool same(const char *a, const char *b, size_t n)
{
	unsigned char d = 0;

	for (size_t i = 0; i < n; i++)
		d |= (unsigned char)(a[i] ^ b[i]);
	return !d;
}

bool serve_may(const struct serve *s, const struct httpd_request *r, const char *experiment_id)
{
	const char *a = httpd_header(r, "Authorization");
	char want[SERVE_TOKEN];

	if (!a || strncasecmp(a, "Bearer ", 7) != 0)
		return false;
	a += 7 + strspn(a + 7, " ");
	serve_token(s, experiment_id, want);
	return strlen(a) == SERVE_TOKEN - 1 && same(a, want, SERVE_TOKEN - 1);
}

void serve_job_id(const struct serve *s, int64_t order_id, char out[SERVE_TOKEN])
{
	char number[17], sealed[SERVE_TOKEN];

	snprintf(number, sizeof(number), "%016llx", (unsigned long long)order_id);
	seal(s, "job", number, sealed);
	snprintf(out, SERVE_TOKEN, "%.16s%.16s", sealed, number);
}

bool serve_job_read(const struct serve *s, const char *job_id, int64_t *order_id)
{
	char want[SERVE_TOKEN];

	if (strlen(job_id) != SERVE_TOKEN - 1 || job_id[strspn(job_id, "0123456789abcdef")])
		return false;
	*order_id = (int64_t)strtoull(job_id + 16, NULL, 16);
	serve_job_id(s, *order_id, want);
	return same(job_id, want, SERVE_TOKEN - 1);
}

bool serve_experiment_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n && n <= 64 &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* What a path may not begin within: the rest of one, or of a URL. */
static bool path_begins(const char *text, const char *at)
{
	return *at == '/' && at[1] && at[1] != '/' && at[1] != ' ' &&
	       (at == text || strchr(" \t\"'(=:<[", at[-1]));
}

void serve_note(const char *note, char *out, size_t size)
{
	size_t k = 0;

	for (const char *p = note; *p && k + 1 < size; p++) {
		if (path_begins(note, p)) {
			size_t n = strcspn(p, " \t\"',;:)>]");

			while (n && p[n] != '/')
				n--;
			p += n; /* to the last slash: what follows is the name */
			if (*++p == 0)
				break;
		}
		out[k++] = *p;
	}
	out[k] = 0;
}

/* ---- how full ---------------------------------------------------------------------------------------- */

enum art_status serve_load(struct serve *s, struct store *st, struct serve_load *out, struct art_err *err)
{
	struct order_query q = { .limit = 1 };
	struct order_list l = { 0 };
	enum serve_switch sw = SERVE_OPEN;
	enum art_status rc = order_query(st, &q, &l, err);

	memset(out, 0, sizeof(*out));
	if (rc == ART_OK)
		rc = serve_switch_get(st, "", &sw, err);
	out->waiting = l.waiting;
	out->running = l.running;
	out->max = s->opt.queue_max;
	out->full = l.waiting + l.running >= s->opt.queue_max;
	out->draining = sw == SERVE_DRAINING;
	order_list_destroy(&l);
	return rc;
}

/* ---- answers -------------------------------------------------------------------------------------------- */

static void send_json(struct httpd_request *r, struct art_buf *b)
{
	struct httpd_answer a = { .status = 200, .body = b->data, .len = b->len };

	httpd_answer(r, &a);
	art_buf_destroy(b);
}

static void busy_elsewhere(struct httpd_request *r, const struct art_err *err)
{
	httpd_error(r, 503, NULL, "the worker's store cannot be read now: %s", art_status_text(err->code));
}

static void put_capabilities(struct serve *s, struct json_out *o, const struct serve_load *load)
{
	char money[MONEY_TEXT];

	json_put_str(o, "version", ART_VERSION);
	json_put_str(o, "device", s->facts.device);
	json_put_str(o, "gpu", s->facts.gpu[0] ? s->facts.gpu : NULL);
	json_put_opt_f64(o, "gpuMemoryMb", s->facts.gpu_mem_mb);
	json_put_int(o, "devices", s->facts.devices);
	json_put_str(o, "class", s->facts.class_text);
	json_put_f64(o, "timeBudgetSeconds", s->opt.runner.budget_s);
	json_put_str(o, "dataSha256", s->facts.data_sha256[0] ? s->facts.data_sha256 : NULL);
	json_put_str(o, "evaluatorSha256", s->facts.evaluator_sha256[0] ? s->facts.evaluator_sha256 : NULL);
	json_put_str(o, "sandbox", s->facts.sandbox);
	json_put_bool(o, "native", s->facts.native);
	json_put_bool(o, "async", true);
	json_put_int(o, "queueLength", load->waiting);
	json_put_int(o, "running", load->running);
	json_put_int(o, "queueMax", load->max);
	json_put_bool(o, "draining", load->draining);
	json_put_str(o, "priceUsd", usdc_text(s->opt.price, money));
}

/* Whole seconds, as obol's coordinator reads them: the training and what it may run beyond. */
static int64_t timeout_s(const struct serve *s)
{
	return (int64_t)(s->opt.runner.budget_s + s->opt.runner.grace_s + 0.999);
}

void serve_answer_health(struct serve *s, struct store *st, struct httpd_request *r, bool is_probe)
{
	struct serve_load load;
	struct art_err err = { 0 };
	struct json_out o;
	struct art_buf b;

	if (serve_load(s, st, &load, &err) != ART_OK) {
		busy_elsewhere(r, &err);
		return;
	}
	art_buf_init(&b, TEXT_MAX);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "status", "ok");
	if (is_probe)
		json_put_bool(&o, "probe", true);
	json_put_bool(&o, "busy", load.full || load.draining);
	json_put_int(&o, "timeoutSeconds", timeout_s(s));
	put_capabilities(s, &o, &load);
	json_close_object(&o);
	send_json(r, &b);
}

static void put_time(struct json_out *o, const char *key, int64_t at)
{
	json_put_time(o, key, at);
}

/* The best number and what it was reached with. Its name opens the whole result, and is its owner's. */
static void put_best(struct serve *s, const struct httpd_request *r, struct json_out *o, const char *key,
		     const struct order_row *best)
{
	char hash[80];

	snprintf(hash, sizeof(hash), "sha256:%s", best->train_sha256);
	json_open_object(o, key);
	json_put_str(o, "experiment_id", serve_may(s, r, best->experiment_id) ? best->experiment_id : NULL);
	json_put_str(o, "status", order_state_text(best->state));
	json_put_int(o, "return_code", best->return_code);
	json_put_opt_f64(o, "val_bpb", best->val_bpb);
	json_put_str(o, "train_hash", hash);
	json_put_str(o, "class", s->facts.class_text);
	put_time(o, "startedAt", best->started_at);
	put_time(o, "finishedAt", best->finished_at);
	json_put_f64(o, "durationSeconds", (double)(best->finished_at - best->started_at) / 1e6);
	json_close_object(o);
}

void serve_answer_status(struct serve *s, struct httpd_request *r)
{
	struct order_query q = { .states = 1u << ORDER_RUNNING, .limit = 1 };
	struct order_list l = { 0 };
	struct order_row best;
	struct serve_load load;
	struct art_err err = { 0 };
	struct json_out o;
	struct art_buf b;

	if (order_query(s->store, &q, &l, &err) != ART_OK || serve_load(s, s->store, &load, &err) != ART_OK) {
		order_list_destroy(&l);
		busy_elsewhere(r, &err);
		return;
	}
	art_buf_init(&b, TEXT_MAX);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "status", l.running > 0 ? "busy" : "idle");
	if (l.n) {
		json_open_object(&o, "current");
		/* Its name is its owner's. */
		json_put_str(&o, "experiment_id",
			     serve_may(s, r, l.rows[0].experiment_id) ? l.rows[0].experiment_id : NULL);
		put_time(&o, "startedAt", l.rows[0].started_at);
		json_close_object(&o);
	} else {
		json_put_null(&o, "current");
	}
	json_put_null(&o, "last");
	if (order_best(s->store, &best, NULL) == ART_OK)
		put_best(s, r, &o, "best", &best);
	else
		json_put_null(&o, "best");
	json_put_int(&o, "timeoutSeconds", timeout_s(s));
	put_capabilities(s, &o, &load);
	json_close_object(&o);
	order_list_destroy(&l);
	send_json(r, &b);
}

void serve_answer_best(struct serve *s, struct httpd_request *r)
{
	struct order_row best;
	struct json_out o;
	struct art_buf b;

	if (order_best(s->store, &best, NULL) != ART_OK) {
		httpd_error(r, 404, NULL, "no completed experiments yet");
		return;
	}
	art_buf_init(&b, TEXT_MAX);
	json_out_init(&o, &b, false);
	put_best(s, r, &o, NULL, &best);
	send_json(r, &b);
}

/* The identities that were registered, also while this server runs. */
static int own_ids(struct serve *s, struct registration_id out[REGISTRATION_IDS_MAX])
{
	char key[64], value[U256_TEXT];
	int n = 0;

	for (int i = 0; s->opt.chains && i < s->opt.chains->n && n < REGISTRATION_IDS_MAX; i++) {
		const struct chain *c = &s->opt.chains->list[i];

		snprintf(key, sizeof(key), SERVE_AGENT_KEY, c->name);
		if (store_get(s->store, key, value, sizeof(value), NULL) != ART_OK ||
		    !u256_parse(value, &out[n].agent))
			continue;
		out[n].chain_id = c->id;
		out[n++].registry = c->identity;
	}
	return n;
}

void serve_answer_registration(struct serve *s, struct httpd_request *r)
{
	char url[SERVE_URL_MAX], bpb[32] = "", total[24], updated[32];
	struct order_query q = { .states = 1u << ORDER_COMPLETED };
	struct order_list l = { 0 };
	struct order_row best;
	struct art_err err = { 0 };
	struct art_buf b;
	struct registration_id ids[REGISTRATION_IDS_MAX];
	struct registration_pair meta[5];
	int n = 0;

	serve_url(s, r, "", url);
	if (order_query(s->store, &q, &l, &err) != ART_OK) {
		busy_elsewhere(r, &err);
		return;
	}
	snprintf(total, sizeof(total), "%zu", l.n);
	art_time_iso(l.n ? l.rows[0].finished_at : s->started_at, updated, sizeof(updated));
	order_list_destroy(&l);
	meta[n++] = (struct registration_pair){ "gpu", s->facts.gpu[0] ? s->facts.gpu : s->facts.device };
	meta[n++] = (struct registration_pair){ "framework", s->facts.native ? "artui-train" : "autoresearch" };
	if (order_best(s->store, &best, NULL) == ART_OK && best.val_bpb.known) {
		art_f64_text(best.val_bpb.v, bpb, sizeof(bpb));
		meta[n++] = (struct registration_pair){ "best_val_bpb", bpb };
	}
	meta[n++] = (struct registration_pair){ "total_experiments", total };
	meta[n++] = (struct registration_pair){ "updated", updated };
	struct registration_own own = {
		.name = s->opt.name ? s->opt.name : "artui worker",
		.description = "Runs language-model training experiments: POST /experiment with train_py.",
		.endpoint = url, .skills = s->opt.skills, .n_skills = s->opt.n_skills,
		.domains = s->opt.domains, .n_domains = s->opt.n_domains, .x402 = s->opt.gate != NULL,
		.active = true, .ids = ids, .n_ids = own_ids(s, ids), .metadata = meta, .n_metadata = n,
	};
	art_buf_init(&b, TEXT_MAX);
	if (registration_write(&own, &b, &err) != ART_OK) {
		art_buf_destroy(&b);
		httpd_error(r, 500, NULL, "%s", err.text);
		return;
	}
	send_json(r, &b);
}

/* obol's /api/services.json: an array with one offer. */
void serve_answer_catalogue(struct serve *s, struct httpd_request *r)
{
	char url[SERVE_URL_MAX], money[MONEY_TEXT], atomic[32];
	struct json_out o;
	struct art_buf b;

	serve_url(s, r, "", url);
	snprintf(atomic, sizeof(atomic), "%lld", (long long)usdc_to_micro(s->opt.price));
	art_buf_init(&b, TEXT_MAX);
	json_out_init(&o, &b, false);
	json_open_array(&o, NULL);
	json_open_object(&o, NULL);
	json_put_str(&o, "name", "experiment");
	json_put_str(&o, "type", "http");
	json_put_str(&o, "endpoint", url);
	json_put_str(&o, "description", s->item.description);
	json_put_str(&o, "price", usdc_text(s->opt.price, money));
	json_put_str(&o, "priceUnit", "request");
	json_put_str(&o, "priceAtomicUnits", atomic);
	json_open_array(&o, "skills");
	for (int i = 0; i < s->opt.n_skills; i++)
		json_put_str(&o, NULL, s->opt.skills[i]);
	json_close_array(&o);
	if (s->opt.gate)
		gate_put_offer(s->opt.gate, &o);
	json_close_object(&o);
	json_close_array(&o);
	send_json(r, &b);
}

static void metric(struct art_buf *b, const char *name, const char *type, const char *help)
{
	art_buf_putf(b, "# HELP artui_%s %s\n# TYPE artui_%s %s\n", name, help, name, type);
}

static void put_sales(struct serve *s, struct art_buf *b)
{
	struct sale_days days = { 0 };
	double settled = 0, unpaid = 0;

	if (sale_days(s->store, 36500, &days, NULL) != ART_OK)
		return;
	for (size_t i = 0; i < days.n; i++) {
		settled += (double)usdc_to_micro(days.rows[i].settled) / 1e6;
		unpaid += (double)usdc_to_micro(days.rows[i].unpaid) / 1e6;
	}
	sale_days_destroy(&days);
	metric(b, "sales_usdc_total", "counter", "USDC taken, and work that was never paid.");
	art_buf_putf(b, "artui_sales_usdc_total{state=\"settled\"} %.6f\nartui_sales_usdc_total{state=\"unpaid\"} %.6f\n",
		     settled, unpaid);
}

void serve_answer_metrics(struct serve *s, struct httpd_request *r)
{
	struct httpd_answer a = { .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8" };
	struct order_query q = { .limit = 0 };
	struct order_list l = { 0 };
	int64_t count[ORDER_COUNT] = { 0 };
	struct art_err err = { 0 };
	struct art_buf b;

	if (order_query(s->store, &q, &l, &err) != ART_OK) {
		busy_elsewhere(r, &err);
		return;
	}
	for (size_t i = 0; i < l.n; i++)
		count[l.rows[i].state]++;
	art_buf_init(&b, TEXT_MAX);
	metric(&b, "orders", "gauge", "Orders by state.");
	for (int i = 0; i < ORDER_COUNT; i++)
		art_buf_putf(&b, "artui_orders{state=\"%s\"} %lld\n", order_state_text((enum order_state)i),
			     (long long)count[i]);
	metric(&b, "queue_length", "gauge", "Orders that wait.");
	art_buf_putf(&b, "artui_queue_length %lld\n", (long long)l.waiting);
	metric(&b, "running", "gauge", "Orders that run.");
	art_buf_putf(&b, "artui_running %lld\n", (long long)l.running);
	metric(&b, "uptime_seconds", "counter", "Since the worker came up.");
	art_buf_putf(&b, "artui_uptime_seconds %.0f\n", (double)(art_now_us() - s->started_at) / 1e6);
	order_list_destroy(&l);
	put_sales(s, &b);
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	art_buf_destroy(&b);
}
