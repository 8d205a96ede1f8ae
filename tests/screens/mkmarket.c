/*
 * mkmarket.c - adds a market, and something sold, to a database of mkfixture's, through the store's own
 * API; always the same content for the same arguments.
 *
 *   mkmarket KIND PATH [N]
 *
 *   market   workers in every state, agents with claims and scores, sources, one failing; a worker that
 *            serves here with a queue, a run and two weeks of sales
 *   hostile  the same with names full of escape codes, bidi controls, wide and broken characters
 *   dead     nothing answers, no source does, and the worker here was killed
 *   large    N workers and as many agents (default 10000)
 *
 * The clock is that of mkfixture.c: tests set ARTUI_NOW to two hours and a quarter into its night.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/agents.h"
#include "store/base.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/sales.h"
#include "store/workers.h"

#define NIGHT_BEGAN 1795384800ll /* 2026-11-22T22:00:00Z, in seconds */
#define NOW_S 8040ll             /* ARTUI_NOW of the tests, seconds into the night */
#define SECOND 1000000ll
#define DAY 86400ll
#define SEPOLIA 84532
#define REGISTRY "0x8004aa0000000000000000000000000000008004"
#define SKILLS "ai/training"
#define USDC "0x036CbD53842c5426634e7929541eC2318f3dCF7e"

static struct art_err err;
static struct store *st;
static char class_here[256]; /* of the night's numbers */

static void must(enum art_status s, const char *what)
{
	if (s != ART_OK) {
		fprintf(stderr, "mkmarket: %s: %s\n", what, err.text);
		exit(1);
	}
}

/* Seconds before the moment that the tests look at. */
static void ago(int64_t s) { art_clock_set_for_test((NIGHT_BEGAN + NOW_S - s) * SECOND); }

static void address(char out[43], int n) { snprintf(out, 43, "0x%040x", n); }

/* ---- agents ------------------------------------------------------------------------------------- */

struct agent {
	const char *name, *gpu, *claim;
	enum fact_origin origin; /* of the claim */
	int64_t told_s;          /* seconds ago */
	const char *score, *feedbacks;
};

static void add_fact(struct agent_fact *f, size_t *n, const char *key, const char *value)
{
	if (!value)
		return;
	f[*n] = (struct agent_fact){ 0 };
	art_copy(f[*n].key, sizeof(f[*n].key), key);
	art_copy(f[*n].value, sizeof(f[*n].value), value);
	++*n;
}

static int64_t add_agent(int64_t token, const struct agent *a)
{
	struct agent_key key = { .chain_id = SEPOLIA, .registry = REGISTRY };
	struct agent_fact facts[8];
	char owner[43];
	int64_t id;
	size_t n = 0;

	snprintf(key.token_id, sizeof(key.token_id), "%lld", (long long)token);
	address(owner, (int)token);
	ago(a->told_s);
	must(agent_see(st, &key, "8004scan", &id, &err), "agent");
	add_fact(facts, &n, "name", a->name);
	add_fact(facts, &n, "skills", SKILLS "/llm");
	add_fact(facts, &n, "gpu", a->gpu);
	add_fact(facts, &n, "best_val_bpb", a->claim);
	add_fact(facts, &n, "wallet", a->origin == ORIGIN_CHAIN ? owner : NULL);
	must(agent_tell(st, id, a->origin, facts, n, SKILLS, &err), "facts");
	n = 0;
	add_fact(facts, &n, "owner", owner);
	add_fact(facts, &n, "wallet", owner);
	if (a->origin != ORIGIN_CHAIN)
		must(agent_tell(st, id, ORIGIN_CHAIN, facts, n, SKILLS, &err), "facts");
	n = 0;
	add_fact(facts, &n, "score", a->score);
	add_fact(facts, &n, "feedbacks", a->feedbacks);
	add_fact(facts, &n, "name", a->name);
	for (size_t i = 0; i < n; i++)
		facts[i].as_of = (NIGHT_BEGAN - 2 * DAY) * SECOND;
	if (a->score && a->origin != ORIGIN_SCAN)
		must(agent_tell(st, id, ORIGIN_SCAN, facts, n, SKILLS, &err), "facts");
	return id;
}

/* ---- workers ------------------------------------------------------------------------------------ */

struct worker {
	const char *name, *gpu;
	int agent;                /* index, -1 none */
	const char *price;        /* NULL: none named; "free" */
	enum worker_alive alive;
	bool busy, payable;
	int64_t latency_ms, probed_s;
	int runs, succeeded, refuted, paid_failed;
	double verified;          /* 0: none */
	const char *class_text;   /* NULL: the night's */
	const char *error;
	bool new_payee, other_payee, foreign; /* @foreign: tells no skill of ours */
	int mark;                 /* 1 + enum worker_mark, 0 none */
	int64_t quarantine_s;     /* from now */
};

static void probe(int64_t id, const struct worker *w, int64_t s_ago, int payee)
{
	struct worker_probe p = { .alive = w->alive, .busy_known = w->alive == WORKER_ALIVE, .busy = w->busy,
				  .latency_us = w->latency_ms * 1000 };

	ago(s_ago);
	p.at = art_now_us();
	art_copy(p.error, sizeof(p.error), w->error ? w->error : "");
	if (w->alive == WORKER_ALIVE) {
		p.status = w->price && strcmp(w->price, "free") != 0 ? 402 : 200;
		art_copy(p.gpu, sizeof(p.gpu), w->gpu ? w->gpu : "");
		art_copy(p.version, sizeof(p.version), "0.1");
		art_copy(p.class_text, sizeof(p.class_text), w->class_text ? w->class_text : class_here);
		p.gpu_mem_mb = OPT_F64(81559);
		p.budget_s = OPT_F64(300);
		p.queue_length = OPT_F64(w->busy ? 3 : 0);
		p.queue_max = OPT_F64(8);
		p.async = true;
	}
	if (w->price && !strcmp(w->price, "free")) {
		p.free_of_charge = true;
	} else if (w->price) {
		p.priced = true;
		p.x402_version = 2;
		p.payable = w->payable;
		p.max_timeout_s = 600;
		must(usdc_parse(w->price, &p.price, &err), "price");
		snprintf(p.network, sizeof(p.network), "eip155:%d", SEPOLIA);
		art_copy(p.asset, sizeof(p.asset), USDC);
		address(p.pay_to, payee);
	}
	must(worker_probed(st, id, &p, w->alive == WORKER_DEAD ? 4 : 0,
			   w->quarantine_s ? (NIGHT_BEGAN + NOW_S + w->quarantine_s) * SECOND : 0, &err), "probe");
}

static void deal(int64_t id, const struct worker *w)
{
	struct worker_outcome o = { .paid = true, .seconds = 330 };

	must(usdc_parse("0.05", &o.cost, &err), "cost");
	for (int i = 0; i < w->runs; i++) {
		o.succeeded = i < w->succeeded;
		o.paid = o.succeeded || i - w->succeeded < w->paid_failed;
		o.failures = o.succeeded ? 0 : i - w->succeeded + 1;
		o.quarantine_until = w->quarantine_s ? (NIGHT_BEGAN + NOW_S + w->quarantine_s) * SECOND : 0;
		must(worker_ran(st, id, &o, &err), "run");
	}
	o = (struct worker_outcome){ .refuted = true };
	for (int i = 0; i < w->refuted; i++)
		must(worker_ran(st, id, &o, &err), "refuted");
	if (!(w->verified > 0))
		return;
	o = (struct worker_outcome){ .reproduced = true, .val_bpb = OPT_F64(w->verified),
				     .class_text = w->class_text ? w->class_text : class_here };
	must(worker_ran(st, id, &o, &err), "verified");
}

static int64_t add_worker(int n, const struct worker *w, const int64_t *agents)
{
	char url[128];
	struct worker_told told = { .source = w->agent < 0 ? "static" : "8004scan", .name = w->name,
				    .skills = w->foreign ? "cooking/soup" : SKILLS "/llm", .gpu = w->gpu,
				    .matches = !w->foreign, .x402 = w->price != NULL };
	int64_t id;

	told.agent_id = w->agent >= 0 ? agents[w->agent] : 0;
	snprintf(url, sizeof(url), "https://worker%d.example/v1", n);
	ago(3 * DAY);
	must(worker_see(st, url, &told, &id, &err), "worker");
	if (w->alive == WORKER_UNTRIED)
		return id;
	if (w->new_payee)
		probe(id, w, w->probed_s + 7200, 4000 + n);
	/* agents' wallets are their owners', numbered like their tokens */
	probe(id, w, w->probed_s, w->agent >= 0 && !w->other_payee ? 1001 + w->agent : 5000 + n);
	deal(id, w);
	if (w->mark)
		must(worker_mark(st, id, (enum worker_mark)(w->mark - 1), "by hand", &err), "mark");
	return id;
}

static void add_source(const char *name, int64_t ok_s, int64_t rows, int64_t failures, const char *why)
{
	struct source_row s = { .rows = rows, .failures = failures };

	art_copy(s.name, sizeof(s.name), name);
	art_copy(s.error, sizeof(s.error), why);
	ago(240);
	s.asked_at = art_now_us();
	ago(ok_s);
	s.ok_at = ok_s ? art_now_us() : 0;
	must(source_set(st, &s, &err), name);
}

/* ---- what is sold here -------------------------------------------------------------------------- */

static int64_t add_sale(int n, int payer, const char *amount, enum sale_state end)
{
	struct sale_row s = { .chain_id = SEPOLIA, .x402_version = 2 };

	art_copy(s.item, sizeof(s.item), "experiment");
	must(usdc_parse(amount, &s.amount, &err), "amount");
	art_copy(s.asset, sizeof(s.asset), USDC);
	address(s.pay_to, 77);
	address(s.payer, payer);
	snprintf(s.nonce, sizeof(s.nonce), "0x%064x", n);
	s.valid_before = art_now_us() / SECOND + 600;
	must(sale_lock(st, &s, "{}", "{}", NULL, &err), "sale");
	must(sale_move(st, s.id, SALE_LOCKED, SALE_VERIFIED, NULL, NULL, &err), "verified");
	if (end == SALE_SETTLED) {
		must(sale_move(st, s.id, SALE_VERIFIED, SALE_SETTLING, NULL, NULL, &err), "settling");
		must(sale_move(st, s.id, SALE_SETTLING, SALE_SETTLED, s.nonce, NULL, &err), "settled");
	} else if (end != SALE_VERIFIED) {
		must(sale_move(st, s.id, SALE_VERIFIED, end, NULL, "by the fixture", &err), "end");
	}
	return s.id;
}

static struct order_row add_order(const char *name, int payer, int64_t sale)
{
	struct order_row o = { .state = ORDER_QUEUED, .sale_id = sale, .budget_s = 300, .return_code = -1,
			       .is_async = true };

	art_copy(o.experiment_id, sizeof(o.experiment_id), name);
	memset(o.request_sha256, 'a', 64);
	memset(o.train_sha256, 'b', 64);
	if (payer)
		address(o.payer, payer);
	must(order_accept(st, &o, "{}", 100, NULL, &err), "order");
	return o;
}

static void end_order(int64_t seconds, enum order_state state, double bpb, bool our_fault)
{
	struct order_row o;
	int64_t began = art_now_us();

	must(order_next(st, "cuda:0", &o, &err), "next");
	art_clock_set_for_test(began + seconds * SECOND);
	o.state = state;
	o.our_fault = our_fault;
	o.return_code = state == ORDER_COMPLETED ? 0 : 1;
	if (state == ORDER_COMPLETED)
		o.val_bpb = OPT_F64(bpb);
	must(order_finish(st, &o, &err), "finish");
}

static void add_selling(bool hostile, bool dead)
{
	struct serve_row serve = { .pid = dead ? 0x7ffffff0 : 1, .agent_id = dead ? -1 : 17 };
	struct device_row gpu = { .name = "cuda:0", .detail = "NVIDIA H100 80GB HBM3, 81559 MiB",
				  .state = "busy", .tokens_per_s = OPT_F64(1260000) };
	struct order_row o;
	char name[32];
	int n = 0;

	for (int64_t day = 13; day >= 0; day--) {
		for (int i = 0; i < 2 + (int)(day * 7 % 5); i++, n++) {
			int64_t sale;

			ago(day * DAY + 7200 - i * 500);
			sale = add_sale(n, 300 + n % 3, "0.05",
					n % 11 == 5 ? SALE_UNPAID : n % 13 == 7 ? SALE_RELEASED : SALE_SETTLED);
			snprintf(name, sizeof(name), "exp-%04d", n);
			add_order(name, 300 + n % 3, sale);
			end_order(2400 + 300 * i, n % 13 == 7 ? ORDER_FAILED : ORDER_COMPLETED, 1.31 - 0.001 * n,
				  n % 13 == 7);
		}
	}
	ago(420);
	add_order("exp-running", 301, add_sale(900, 301, "0.05", SALE_VERIFIED));
	ago(200);
	must(order_next(st, "cuda:0", &o, &err), "next");
	for (int i = 1; i <= 36; i++) {
		double t = i / 60.0;
		struct order_point p = { .progress = t, .seconds = 300 * t,
					 .loss = 2.2 + 4.5 * exp(-9 * t) + 0.6 * (1 - t) + 0.03 * sin(i * 1.7),
					 .tokens = (int64_t)(3.7e8 * t) };

		must(order_point_add(st, o.id, &p, &err), "point");
	}
	ago(150);
	add_order("exp-waiting-1", 302, add_sale(901, 302, "0.05", SALE_VERIFIED));
	ago(90);
	add_order("exp-waiting-2", 0, 0);
	if (hostile) {
		art_copy(gpu.name, sizeof(gpu.name), "cuda:0 \033[31m\xe2\x80\xae" "x");
		art_copy(gpu.detail, sizeof(gpu.detail), "\033]0;owned\a wide \xe5\xad\xa6\xe4\xb9\xa0 e\xcc\x81");
	}
	must(device_set(st, &gpu, &err), "device");
	ago(8100);
	serve.started_at = art_now_us();
	art_copy(serve.listen, sizeof(serve.listen), "0.0.0.0:8402");
	art_copy(serve.price, sizeof(serve.price), "0.05");
	art_copy(serve.network, sizeof(serve.network), "base-sepolia");
	art_copy(serve.sandbox, sizeof(serve.sandbox), "bubblewrap");
	must(serve_set(st, &serve, &err), "serve");
}

/* ---- the kinds ----------------------------------------------------------------------------------- */

#define H100 "sotu 300s cuda:NVIDIA H100 80GB HBM3"
#define ALIVE .alive = WORKER_ALIVE, .payable = true
static const struct agent agents[] = {
	{ "lab-north", "H100 80GB", "0.9712", ORIGIN_DOCUMENT, 3 * DAY, "87.5", "12" },
	{ "nightshift", "RTX 4090", "1.3502", ORIGIN_CHAIN, 9 * DAY, "61", "4" },
	{ "pocket-lab", "A100 40GB", "1.0400", ORIGIN_SCAN, 30 * DAY, "12.25", "1" },
	{ "quiet-one", NULL, NULL, ORIGIN_DOCUMENT, DAY, "40", "2" },
	{ "too-good", "abacus", "0.0001", ORIGIN_DOCUMENT, 3600, NULL, NULL },
	{ "elder", "V100", "1.4410", ORIGIN_DOCUMENT, 210 * DAY, NULL, NULL },
};
static const struct worker workers[] = {
	{ "lab-north one", "NVIDIA H100 80GB HBM3", 0, "0.05", ALIVE, .latency_ms = 84, .probed_s = 190, .runs = 12,
	  .succeeded = 12, .verified = 1.3702 },
	{ "lab-north two", "NVIDIA H100 80GB HBM3", 0, "0.08", ALIVE, .busy = true, .latency_ms = 91,
	  .probed_s = 190, .runs = 4, .succeeded = 4, .verified = 0.9788, .class_text = H100 },
	{ "nightshift", "RTX 4090", 1, "0.02", ALIVE, .latency_ms = 240, .probed_s = 200, .runs = 10,
	  .succeeded = 7, .paid_failed = 1, .other_payee = true, .verified = 1.3988 },
	{ "pocket-lab", "A100 40GB", 2, "0.031", ALIVE, .busy = true, .latency_ms = 1310, .probed_s = 260,
	  .runs = 6, .succeeded = 2, .refuted = 1, .new_payee = true },
	{ "quiet-one", NULL, 3, NULL, .alive = WORKER_UNTRIED },
	{ "neighbour", "RTX 3090", -1, "free", ALIVE, .latency_ms = 12, .probed_s = 70, .mark = 1 + WORKER_PIN },
	{ "dear", "B200", -1, "12", .alive = WORKER_ALIVE, .latency_ms = 300, .probed_s = 300 },
	{ "gone", "L4", 4, "0.04", .alive = WORKER_DEAD, .probed_s = 400,
	  .error = "cannot connect: connection refused" },
	{ "gone too", NULL, 5, NULL, .alive = WORKER_DEAD, .probed_s = 5 * DAY,
	  .error = "no answer within 10 s", .quarantine_s = 7200 },
	{ "cheat", "GTX 1080", -1, "0.01", ALIVE, .latency_ms = 33, .probed_s = 350, .runs = 3, .succeeded = 1,
	  .refuted = 1, .paid_failed = 2, .mark = 1 + WORKER_BAN },
	{ "resting", "RTX 4080", -1, "0.03", ALIVE, .latency_ms = 55, .probed_s = 330, .runs = 5, .succeeded = 2,
	  .quarantine_s = 5400 },
	{ "soup", NULL, -1, "0.5", ALIVE, .latency_ms = 40, .probed_s = 300, .foreign = true },
};
static const char *const bad_names[] = {
	"\033[31mred\033[0m \033]0;owned\a name",
	"bidi \xe2\x80\xae" "desrever\xe2\x80\xac and zero\xe2\x80\x8bwidth",
	"\xe5\xad\xa6\xe4\xb9\xa0\xe7\x8e\x87\xe5\xad\xa6\xe4\xb9\xa0\xe7\x8e\x87\xe5\xad\xa6\xe4\xb9\xa0",
	"e\xcc\x81\xcc\x88\xcc\x81\xcc\x88 o\xcc\x82 combining",
	"broken \xff\xfe\xc3( \xf0\x9f\x98\x80 \x9b" "31m",
	"%s%n%x %1$s",
	"line one\nline two\ttab\rreturn\b\b\b",
	"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac scientist \xef\xbb\xbf\xc2\xad",
};

static void make(bool hostile, bool dead)
{
	int64_t ids[ART_COUNT(agents)];

	for (size_t i = 0; i < ART_COUNT(agents); i++) {
		struct agent a = agents[i];

		if (hostile)
			a.name = a.gpu = bad_names[i % ART_COUNT(bad_names)];
		ids[i] = add_agent(1001 + (int64_t)i, &a);
	}
	for (size_t i = 0; i < ART_COUNT(workers); i++) {
		struct worker w = workers[i];

		if (hostile)
			w.name = w.gpu = w.error = bad_names[i % ART_COUNT(bad_names)];
		if (dead && w.alive == WORKER_ALIVE) {
			w.alive = WORKER_DEAD;
			w.error = "cannot connect: network is unreachable";
			w.price = NULL;
			w.mark = 0;
			w.quarantine_s = 0;
			w.new_payee = false;
		}
		if (!dead || w.alive != WORKER_UNTRIED)
			add_worker((int)i + 1, &w, ids);
	}
	add_source("8004scan", dead ? 2 * DAY : 240, 50, dead ? 7 : 0, dead ? "cannot connect: network is unreachable" : "");
	add_source("chain:base-sepolia", 5 * DAY, 12, 3,
		   hostile ? "\033[2Jrpc \xe2\x80\xae said" : "HTTP 429, too many requests; asked again in 40 s");
	add_source("static", dead ? 0 : 240, 3, dead ? 1 : 0, dead ? "the list cannot be read" : "");
	add_selling(hostile, dead);
}

static void make_large(int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		char name[32], claim[32];
		struct agent a = { name, "RTX 4090", claim, ORIGIN_DOCUMENT, DAY, "50", "3" };
		struct worker w = { name, "RTX 4090", 0, "0.05", ALIVE, .latency_ms = 20 + i % 900,
				    .probed_s = 60 + i % 5000 };
		int64_t id;

		snprintf(name, sizeof(name), "agent %lld", (long long)i);
		snprintf(claim, sizeof(claim), "%.4f", 0.9 + 0.5 * (double)(i * 7919 % n) / (double)n);
		if (i % 3 == 2)
			w.alive = WORKER_DEAD, w.error = "no answer within 10 s", w.price = NULL;
		if (i % 200 == 0)
			must(store_begin(st, &err), "begin");
		id = add_agent(1001 + i, &a);
		add_worker((int)i + 1, &w, &id);
		if (i % 200 == 199 || i == n - 1)
			must(store_commit(st, &err), "commit");
	}
}

int main(int argc, char **argv)
{
	struct board board;
	int64_t n = 10000;

	if (argc < 3 || argc > 4 || (argc == 4 && (!art_parse_i64(argv[3], &n) || n < 1))) {
		fprintf(stderr, "usage: mkmarket market|hostile|dead|large PATH [N]\n");
		return 2;
	}
	must(store_open(&st, argv[2], 0, 5000, &err), "open");
	must(board_get(st, 0, &board, &err), "board");
	if (board.has_class)
		class_text(&board.class, class_here, sizeof(class_here));
	if (!strcmp(argv[1], "large")) {
		make_large(n);
	} else if (!strcmp(argv[1], "market") || !strcmp(argv[1], "hostile") || !strcmp(argv[1], "dead")) {
		make(!strcmp(argv[1], "hostile"), !strcmp(argv[1], "dead"));
	} else {
		fprintf(stderr, "mkmarket: no kind \"%s\"\n", argv[1]);
		return 2;
	}
	store_close(st);
	return 0;
}
