/*
 * cmd_worker.c - artui worker: selling this machine's time, and being found.
 *
 * Layer: tui. "serve" runs until it is told to end; the others look at or change what its directory holds, also
 * while it runs.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/chain/erc8004.h"
#include "core/exec/trainer.h"
#include "core/market/registration.h"
#include "core/pay/transact.h"
#include "store/json.h"
#include "store/sales.h"
#include "tui/cli/cli_sell.h"
#include "worker/serve/serve.h"

#define WORDS_MAX 16
#define EVALUATORS_MAX 32
#define GRACE_S 120
#define PRICE_MICRO 50000 /* when none is said */

static const char *const our_skills[] = { "devops_mlops/model_versioning", "ai_ml_engineering/model_training",
					  "ai_ml_engineering/model_optimization",
					  "machine_learning/model_optimization" };
static const char *const our_domains[] = { "research_and_development/scientific_research" };

/* ---- serve -------------------------------------------------------------------------------------------------------- */

struct serving {
	struct cli *c;
	const struct cli_args *a;
	struct selling sell;
	struct serve *serve;
	struct trainer trainer;      /* native alone: finds program and data */
	char dir[WORKSPACE_PATH_MAX];
	char evaluators[2048], shown[2048];
	const char *evaluator[EVALUATORS_MAX + 1], *read_only[EVALUATORS_MAX + 1];
	struct serve_options opt;
};

static void say(void *arg, const char *line)
{
	struct serving *v = arg;

	cli_print_text(v->c, line, false);
	fflush(v->c->out);
}

/* White space apart; NULL-terminated. */
static enum art_status split(char *text, const char **out, int max, const char *what, struct art_err *err)
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(text, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n == max)
			return art_fail(err, ART_INVALID, "%s: more than %d words", what, max);
		out[n++] = w;
	}
	out[n] = NULL;
	return ART_OK;
}

static void prepared(void *arg, const char *line)
{
	say(arg, line);
}

/* The trainer, its data (installed when missing), and what the sandbox shows of both. */
static enum art_status find_native(struct serving *v, double budget_s, struct art_err *err)
{
	struct trainer_env env = { .w = &v->c->ws, .config = v->c->config, .store = v->c->store, .cancel_fd = -1,
				   .say = prepared, .arg = v };
	enum art_status s = trainer_open(&v->trainer, &env, budget_s, err);

	if (s == ART_OK && !v->trainer.native)
		return art_fail(err, ART_INVALID, "train.command is set for the researcher's own nights; a worker's is "
				"--train-command");
	v->opt.runner.trainer = v->trainer.program;
	v->opt.runner.data_dir = v->trainer.data_dir;
	return s;
}

static enum art_status fill_runner(struct serving *v, struct art_err *err)
{
	const struct cli_args *a = v->a;
	const struct config *cfg = v->c->config;
	struct runner_options *r = &v->opt.runner;
	enum art_status s = ART_OK;

	workspace_path(&v->c->ws, v->sell.db, "artui.db");
	workspace_path(&v->c->ws, v->dir, "worker");
	r->db = v->sell.db;
	r->dir = v->dir;
	r->bell = v->sell.bell;
	r->train_command = cli_text(a, "train-command", NULL);
	r->budget_s = cli_real(a, "time-budget", config_real(cfg, CONFIG_TRAIN_BUDGET_S_KEY));
	r->grace_s = cli_real(a, "grace", GRACE_S);
	r->gpu = cli_given(a, "gpu");
	r->mem_bytes = config_int(cfg, CONFIG_WORKER_MEM_MB_KEY) << 20;
	r->disk_bytes = config_int(cfg, CONFIG_WORKER_DISK_MB_KEY) << 20;
	r->log_bytes = config_int(cfg, CONFIG_WORKER_LOG_MB_KEY) << 20;
	r->procs = config_int(cfg, CONFIG_WORKER_PROCESSES_KEY);
	r->keep_days = (int)config_int(cfg, CONFIG_WORKER_KEEP_DAYS_KEY);
	r->max_temperature_c = config_real(cfg, CONFIG_WORKER_TEMPERATURE_KEY);
	if (!art_copy(v->evaluators, sizeof(v->evaluators), cli_text(a, "evaluator", "")) ||
	    !art_copy(v->shown, sizeof(v->shown), cli_text(a, "read-only", "")))
		return art_fail(err, ART_LIMIT, "--evaluator or --read-only is longer than %zu bytes",
				sizeof(v->shown) - 1);
	s = art_mkdirs(v->dir, 0700, err);
	s = s ? s : split(v->evaluators, v->evaluator, EVALUATORS_MAX, "--evaluator", err);
	s = s ? s : split(v->shown, v->read_only, EVALUATORS_MAX, "--read-only", err);
	r->evaluator = v->evaluator;
	r->read_only = v->read_only;
	if (s == ART_OK && cli_given(a, "unsafe-no-sandbox"))
		r->sandbox = SANDBOX_NONE;
	else if (s == ART_OK)
		s = sandbox_find(&r->sandbox, SANDBOX_NONE, NULL, err);
	if (s == ART_OK && !r->train_command)
		s = find_native(v, r->budget_s, err);
	return s;
}

static enum art_status tell(struct serving *v, const char *listen, struct art_err *err)
{
	struct serve_row row = { .pid = getpid(), .started_at = art_now_us(), .agent_id = -1 };
	char money[MONEY_TEXT], key[64], value[U256_TEXT];
	const struct runner_facts *f = serve_facts(v->serve);
	int64_t agent;

	snprintf(row.listen, sizeof(row.listen), "%.*s:%d", (int)(strrchr(listen, ':') - listen), listen,
		 serve_port(v->serve));
	snprintf(row.price, sizeof(row.price), "%s", usdc_text(v->opt.price, money));
	art_copy(row.network, sizeof(row.network), v->sell.gate ? v->sell.chain->name : "");
	art_copy(row.sandbox, sizeof(row.sandbox), f->sandbox);
	snprintf(key, sizeof(key), SERVE_AGENT_KEY, v->sell.chain->name);
	if (store_get(v->c->store, key, value, sizeof(value), NULL) == ART_OK && art_parse_i64(value, &agent))
		row.agent_id = agent;
	fprintf(v->c->out, "worker on %s\n", row.listen);
	fprintf(v->c->out, "runs       %s%s, %g s an experiment, %d at once, queue of %lld\n", f->device,
		f->native ? ", the native trainer" : "", v->opt.runner.budget_s, f->devices,
		(long long)(v->opt.queue_max ? v->opt.queue_max : f->devices));
	fprintf(v->c->out, "sandbox    %s\n", f->sandbox);
	if (v->sell.gate)
		fprintf(v->c->out, "price      %s USDC on %s, settled %s, receipts %s\n", row.price, row.network,
			v->opt.settle == GATE_SETTLE_UPFRONT ? "before the run" : "after the run",
			v->sell.has_signer ? "signed" : "not signed (no wallet)");
	else
		fputs("price      free\n", v->c->out);
	/* The default clients of x402 refuse more by themselves. */
	if (v->sell.gate && usdc_to_micro(v->opt.price) > 1000000)
		fputs("note       over 1 USDC: the reference client refuses that unless its user says otherwise\n", v->c->out);
	fflush(v->c->out);
	return serve_set(v->c->store, &row, err);
}

static enum art_status start(struct serving *v, struct art_err *err)
{
	const struct cli_args *a = v->a;
	const char *listen = cli_text(a, "listen", "127.0.0.1:8080");
	enum art_status s;

	ART_BUG_ON(!usdc_from_micro(PRICE_MICRO, &v->opt.price));
	v->opt.price = cli_money(a, "price", v->opt.price);
	s = cli_open_selling(v->c, a, usdc_to_micro(v->opt.price) > 0, &v->sell, err);
	s = s ? s : fill_runner(v, err);
	if (s != ART_OK)
		return s;
	v->opt.listen = listen;
	v->opt.name = cli_text(a, "name", NULL);
	v->opt.public_url = cli_text(a, "public-url", NULL);
	v->opt.gate = v->sell.gate;
	v->opt.chains = &v->sell.purse.chains;
	v->opt.settle = !strcmp(cli_text(a, "settle", "after"), "upfront") ? GATE_SETTLE_UPFRONT : GATE_SETTLE_AFTER;
	v->opt.charge_failed = !strcmp(cli_text(a, "charge-failed", "yes"), "yes");
	v->opt.queue_max = cli_int(a, "queue", 0);
	v->opt.skills = our_skills;
	v->opt.n_skills = (int)ART_COUNT(our_skills);
	v->opt.domains = our_domains;
	v->opt.n_domains = (int)ART_COUNT(our_domains);
	v->opt.say = say;
	v->opt.arg = v;
	s = serve_open(&v->serve, &v->opt, err);
	s = s ? s : cli_write_port(a, serve_port(v->serve), err);
	return s ? s : tell(v, listen, err);
}

static int run_serve(struct cli *c, const struct cli_args *a)
{
	struct serving *v = art_alloc(1, sizeof(*v));
	struct serve_row gone = { .agent_id = -1 };
	struct art_err err = { 0 };
	struct cli_stop stop = { .fd = -1 };
	enum art_status s;

	v->c = c;
	v->a = a;
	s = c->catch_stop(&stop, &err);
	s = s ? s : start(v, &err);
	while (s == ART_OK && !stop.requested()) {
		struct pollfd fd = { .fd = stop.fd, .events = POLLIN };

		poll(&fd, 1, -1);
	}
	if (v->serve) {
		say(v, "ending: what runs is queued again");
		(void)!serve_set(c->store, &gone, NULL);
	}
	serve_stop(v->serve);
	cli_close_selling(&v->sell);
	if (stop.fd >= 0)
		close(stop.fd);
	free(v);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

/* ---- switches ---------------------------------------------------------------------------------------------------- */

static int run_switch(struct cli *c, const struct cli_args *a, enum serve_switch to)
{
	static const char *const words[] = { [SERVE_OPEN] = "open", [SERVE_PAUSED] = "paused: it starts no run",
					     [SERVE_DRAINING] = "draining: it takes no order and finishes what waits" };
	const char *device = a->n_operands > 1 ? a->operands[1] : "";
	struct art_err err;

	if (cli_open_place(c, a, false, &err) != ART_OK || serve_switch_set(c->store, device, to, &err) != ART_OK)
		return cli_fail(&err);
	fprintf(c->out, "%s%sthe worker is %s\n", device, *device ? ": " : "", words[to]);
	return CLI_DONE;
}

/* ---- orders and sales ------------------------------------------------------------------------------------------------ */

static void put_order(struct json_out *o, const struct order_row *row)
{
	json_open_object(o, NULL);
	json_put_int(o, "id", row->id);
	json_put_str(o, "experiment_id", row->experiment_id);
	json_put_str(o, "state", order_state_text(row->state));
	json_put_opt_f64(o, "val_bpb", row->val_bpb);
	json_put_str(o, "payer", row->payer[0] ? row->payer : NULL);
	if (row->sale_id)
		json_put_int(o, "sale", row->sale_id);
	else
		json_put_null(o, "sale");
	json_put_str(o, "device", row->device[0] ? row->device : NULL);
	json_put_bool(o, "our_fault", row->our_fault);
	json_put_int(o, "attempt", row->attempt);
	json_put_str(o, "note", row->note[0] ? row->note : NULL);
	json_put_time(o, "created_at", row->created_at);
	json_put_time(o, "started_at", row->started_at);
	json_put_time(o, "finished_at", row->finished_at);
	json_close_object(o);
}

static int run_orders(struct cli *c, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "id", true, 0, 0 }, { "state", false, 0, 0 }, { "val_bpb", true, 0, 0 }, { "experiment", false, 12, 0 },
		{ "payer", false, 8, 2 }, { "note", false, 10, 1 },
	};
	struct order_query q = { .limit = cli_int(a, "limit", 50) };
	struct order_list l = { 0 };
	struct cli_table t;
	struct json_out o;
	struct art_buf b;
	struct art_err err;

	if (cli_open_place(c, a, false, &err) != ART_OK || order_query(c->store, &q, &l, &err) != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json")) {
		cli_array_open(&o, &b);
		for (size_t i = 0; i < l.n; i++)
			put_order(&o, &l.rows[i]);
		cli_array_close(c, &o);
	} else {
		cli_table_init(&t, columns, (int)ART_COUNT(columns));
		for (size_t i = 0; i < l.n; i++) {
			const struct order_row *r = &l.rows[i];

			cli_table_row(&t, r->state == ORDER_FAILED && r->our_fault ? CLI_RED : CLI_PLAIN);
			cli_table_cell(&t, "%lld", (long long)r->id);
			cli_table_cell(&t, "%s", order_state_text(r->state));
			cli_table_cell(&t, r->val_bpb.known ? "%.4f" : "-", r->val_bpb.v);
			cli_table_cell(&t, "%s", r->experiment_id);
			cli_table_cell(&t, "%s", r->payer[0] ? r->payer : "free");
			cli_table_cell(&t, "%s", r->note);
		}
		cli_table_print(&t, c);
		cli_table_destroy(&t);
	}
	order_list_destroy(&l);
	return CLI_DONE;
}

static void put_sale(struct json_out *o, const struct sale_row *row)
{
	char amount[32];

	snprintf(amount, sizeof(amount), "%lld", (long long)usdc_to_micro(row->amount));
	json_open_object(o, NULL);
	json_put_int(o, "id", row->id);
	json_put_str(o, "state", sale_state_text(row->state));
	json_put_str(o, "item", row->item);
	json_put_str(o, "amount", amount);
	json_put_f64(o, "amount_usd", (double)usdc_to_micro(row->amount) / 1e6);
	json_put_int(o, "chain_id", (int64_t)row->chain_id);
	json_put_str(o, "payer", row->payer);
	json_put_str(o, "pay_to", row->pay_to);
	json_put_str(o, "nonce", row->nonce);
	json_put_str(o, "transaction", row->transaction[0] ? row->transaction : NULL);
	json_put_str(o, "reason", row->reason[0] ? row->reason : NULL);
	json_put_time(o, "created_at", row->created_at);
	json_put_time(o, "settled_at", row->settled_at);
	json_close_object(o);
}

static int run_sales(struct cli *c, const struct cli_args *a)
{
	static const struct cli_column columns[] = {
		{ "id", true, 0, 0 }, { "when", false, 0, 0 }, { "state", false, 0, 0 }, { "USDC", true, 0, 0 },
		{ "item", false, 8, 0 }, { "payer", false, 8, 2 }, { "transaction or reason", false, 12, 1 },
	};
	struct sale_query q = { .limit = cli_int(a, "limit", 50) };
	char money[MONEY_TEXT], when[24];
	struct sale_list l = { 0 };
	struct cli_table t;
	struct json_out o;
	struct art_buf b;
	struct art_err err;

	if (cli_open_place(c, a, false, &err) != ART_OK || sale_query(c->store, &q, &l, &err) != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json")) {
		cli_array_open(&o, &b);
		for (size_t i = 0; i < l.n; i++)
			put_sale(&o, &l.rows[i]);
		cli_array_close(c, &o);
	} else {
		cli_table_init(&t, columns, (int)ART_COUNT(columns));
		for (size_t i = 0; i < l.n; i++) {
			const struct sale_row *r = &l.rows[i];

			cli_table_row(&t, r->state == SALE_UNPAID ? CLI_RED : r->state == SALE_SETTLED ? CLI_GREEN : CLI_PLAIN);
			cli_table_cell(&t, "%lld", (long long)r->id);
			cli_table_cell(&t, "%s", art_time_iso(r->created_at, when, sizeof(when)));
			cli_table_cell(&t, "%s", sale_state_text(r->state));
			cli_table_cell(&t, "%s", usdc_text(r->amount, money));
			cli_table_cell(&t, "%s", r->item);
			cli_table_cell(&t, "%s", r->payer);
			cli_table_cell(&t, "%s", r->transaction[0] ? r->transaction : r->reason);
		}
		cli_table_print(&t, c);
		cli_table_destroy(&t);
	}
	sale_list_destroy(&l);
	return CLI_DONE;
}

/* ---- the registry ------------------------------------------------------------------------------------------------------ */

struct registering {
	struct cli *c;
	const struct cli_args *a;
	struct purse purse;
	const struct chain *chain;
	struct rpc rpc;
	struct transact transact;
	struct art_buf uri, data;
	char key[64];
	struct u256 agent;
	bool known;
};

/* The document's place: the worker's own well-known file, or the chain itself (--inline). */
static enum art_status make_uri(struct registering *r, bool active, struct art_err *err)
{
	const char *url = cli_text(r->a, "public-url", NULL);
	struct registration_id id = { .chain_id = r->chain->id, .registry = r->chain->identity, .agent = r->agent };
	struct registration_own own = {
		.name = cli_text(r->a, "name", "artui worker"),
		.description = "Runs language-model training experiments: POST /experiment with train_py.",
		.endpoint = url, .skills = our_skills, .n_skills = (int)ART_COUNT(our_skills),
		.domains = our_domains, .n_domains = (int)ART_COUNT(our_domains), .x402 = active, .active = active,
		.ids = &id, .n_ids = r->known ? 1 : 0,
	};
	struct art_buf doc;
	enum art_status s;

	art_buf_reset(&r->uri);
	if (active && !url)
		return art_fail(err, ART_INVALID, "--public-url: under which address do buyers reach the worker?");
	if (active && !cli_given(r->a, "inline"))
		return art_buf_printf(&r->uri, "%s%s", url, REGISTRATION_WELL_KNOWN) == ART_OK
			       ? ART_OK : art_fail(err, ART_LIMIT, "--public-url is too long");
	art_buf_init(&doc, REGISTRATION_MAX);
	s = registration_write(&own, &doc, err);
	s = s ? s : registration_data_uri(doc.data, doc.len, &r->uri, err);
	art_buf_destroy(&doc);
	return s;
}

static enum art_status open_registry(struct registering *r, struct art_err *err)
{
	const char *network = cli_text(r->a, "network", "base-sepolia");
	struct purse_options o = { .config = r->c->config, .store = r->c->store, .ledger_dir = r->c->ws.dir,
				   .wallet = cli_text(r->a, "wallet", NULL), .password = cli_password(r->a) };
	char value[U256_TEXT];
	enum art_status s = purse_open(&r->purse, &o, err);

	if (s != ART_OK)
		return s;
	r->chain = chains_by_network(&r->purse.chains, network);
	if (!r->chain)
		return art_fail(err, ART_INVALID, "--network %.60s: no such chain", network);
	if (eth_address_is_zero(&r->chain->identity))
		return art_fail(err, ART_INVALID, "%s has no identity registry (chain.%s.identity)", r->chain->name,
				r->chain->name);
	if (!r->chain->rpc[0])
		return art_fail(err, ART_INVALID, "chain.%s.rpc is not set", r->chain->name);
	if (!r->purse.signer)
		return art_fail(err, ART_NOT_FOUND, "%.200s", r->purse.no_wallet);
	r->rpc = (struct rpc){ .http = r->purse.http, .chain = r->chain };
	r->transact = (struct transact){ .rpc = &r->rpc, .signer = r->purse.signer, .remote = r->purse.pay.remote };
	snprintf(r->key, sizeof(r->key), SERVE_AGENT_KEY, r->chain->name);
	r->known = store_get(r->c->store, r->key, value, sizeof(value), NULL) == ART_OK && u256_parse(value, &r->agent);
	return signer_unlock(r->purse.signer, &r->transact.from, err);
}

static enum art_status send(struct registering *r, struct transact_result *out, struct art_err *err)
{
	char hash[ETH_WORD_TEXT];
	enum art_status s = transact_call(&r->transact, &r->chain->identity, &r->data, out, err);

	if (s == ART_OK && !out->ok)
		s = art_fail(err, ART_REFUSED, "transaction %s was mined and refused by the registry",
			     eth_word_text(&out->hash, hash));
	return s;
}

static enum art_status do_register(struct registering *r, struct transact_result *t, struct art_err *err)
{
	static const uint8_t yes[1] = { 1 };
	struct erc8004_metadata meta[2] = { { .key = "x402.supported", .value = yes, .value_len = 1 },
					    { .key = "service.type", .value = "http", .value_len = 4 } };
	char id[U256_TEXT];
	enum art_status s;

	if (r->known)
		return art_fail(err, ART_CONFLICT, "this worker is agent %s on %s already: artui worker update",
				u256_text(&r->agent, id), r->chain->name);
	s = make_uri(r, true, err);
	s = s ? s : erc8004_register(r->uri.data, meta, 2, &r->data, err);
	s = s ? s : send(r, t, err);
	s = s ? s : erc8004_registered_id(&r->rpc, &r->chain->identity, &t->hash, t->block, &r->agent, err);
	return s ? s : store_set(r->c->store, r->key, u256_text(&r->agent, id), err);
}

static enum art_status do_update(struct registering *r, bool active, struct transact_result *t, struct art_err *err)
{
	enum art_status s;

	if (!r->known)
		return art_fail(err, ART_NOT_FOUND, "this worker is not registered on %s: artui worker register",
				r->chain->name);
	s = make_uri(r, active, err);
	s = s ? s : erc8004_set_uri(&r->agent, r->uri.data, &r->data, err);
	return s ? s : send(r, t, err);
}

static void print_registered(struct registering *r, const char *what, const struct transact_result *t)
{
	char id[U256_TEXT], hash[ETH_WORD_TEXT], address[ETH_ADDRESS_TEXT], full[200];
	struct json_out o;
	struct art_buf b;

	u256_text(&r->agent, id);
	eth_word_text(&t->hash, hash);
	snprintf(full, sizeof(full), "%s:%s", r->chain->caip2, eth_address_text(&r->chain->identity, address));
	if (!cli_given(r->a, "json")) {
		fprintf(r->c->out, "%s: agent %s of %s\ntransaction %s\n", what, id, full, hash);
		return;
	}
	art_buf_init(&b, CLI_JSON_MAX);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	json_put_str(&o, "agent_id", id);
	json_put_int(&o, "chain_id", (int64_t)r->chain->id);
	json_put_str(&o, "registry", full);
	json_put_str(&o, "uri", r->uri.data);
	json_put_str(&o, "transaction", hash);
	json_put_int(&o, "gas_used", (int64_t)t->gas_used);
	json_close_object(&o);
	cli_print_json(r->c, &b);
	art_buf_destroy(&b);
}

static int run_registry(struct cli *c, const struct cli_args *a)
{
	const char *verb = a->operands[0];
	struct registering *r = art_alloc(1, sizeof(*r));
	struct transact_result t = { 0 };
	struct art_err err = { 0 };
	enum art_status s;
	int rc = CLI_DONE;

	r->c = c;
	r->a = a;
	art_buf_init(&r->uri, ERC8004_URI_MAX);
	art_buf_init(&r->data, 2 * ERC8004_URI_MAX);
	s = cli_open_place(c, a, true, &err);
	s = s ? s : open_registry(r, &err);
	if (s == ART_OK && !strcmp(verb, "register"))
		s = do_register(r, &t, &err);
	else if (s == ART_OK)
		s = do_update(r, !strcmp(verb, "update"), &t, &err);
	if (s == ART_OK)
		print_registered(r, !strcmp(verb, "register") ? "registered" : !strcmp(verb, "update") ? "updated"
											   : "withdrawn", &t);
	else
		/* Sent and not seen: gas may have been spent, and it may still come. */
		rc = cli_fail(&err) == CLI_FAILED && t.sent && !t.mined ? CLI_UNKNOWN : CLI_FAILED;
	purse_close(&r->purse);
	art_buf_destroy(&r->uri);
	art_buf_destroy(&r->data);
	free(r);
	return rc;
}

/* ---- which of them ------------------------------------------------------------------------------------------------------- */

int cmd_worker(struct cli *c, const struct cli_args *a)
{
	static const struct {
		const char *verb;
		int (*run)(struct cli *c, const struct cli_args *a);
	} verbs[] = {
		{ "serve", run_serve }, { "orders", run_orders }, { "sales", run_sales }, { "register", run_registry },
		{ "update", run_registry }, { "withdraw", run_registry },
	};
	const char *verb = a->operands[0];

	for (size_t i = 0; i < ART_COUNT(verbs); i++)
		if (!strcmp(verb, verbs[i].verb)) {
			if (a->n_operands > 1)
				return cli_usage(a->command, "'%s' is one word too many", a->operands[1]);
			return verbs[i].run(c, a);
		}
	if (!strcmp(verb, "pause"))
		return run_switch(c, a, SERVE_PAUSED);
	if (!strcmp(verb, "drain"))
		return run_switch(c, a, SERVE_DRAINING);
	if (!strcmp(verb, "open"))
		return run_switch(c, a, SERVE_OPEN);
	return cli_usage(a->command, "there is no worker %s: serve, pause, drain, open, orders, sales, register, update, "
			 "withdraw", verb);
}
