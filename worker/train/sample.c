/*
 * sample.c - let a checkpoint write text.
 */
#include "worker/train/ckpt.h"
#include "worker/train/cli.h"
#include "worker/train/tokenizer.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample_args {
	const char *data, *checkpoint, *prompt;
	int64_t tokens, top_k;
	double temperature;
	int64_t seed;
	struct model_options model;
};

struct candidate {
	float logit;
	int token;
};

static int by_logit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit < y->logit ? 1 : -1;
	return x->token - y->token;
}

/* @c is scratch of @v candidates. */
static int pick(const float *logits, int v, const struct sample_args *a, struct art_rng *rng,
		struct candidate *c)
{
	double sum = 0;
	int k = a->top_k > 0 && a->top_k < v ? (int)a->top_k : v;

	for (int i = 0; i < v; i++)
		c[i] = (struct candidate){ logits[i], i };
	qsort(c, (size_t)v, sizeof(*c), by_logit);
	if (a->temperature <= 0)
		return c[0].token;
	for (int i = 0; i < k; i++)
		sum += exp(((double)c[i].logit - (double)c[0].logit) / a->temperature);
	double u = art_rng_f64(rng) * sum;
	for (int i = 0; i < k; i++) {
		u -= exp(((double)c[i].logit - (double)c[0].logit) / a->temperature);
		if (u < 0)
			return c[i].token;
	}
	return c[k - 1].token;
}

static void generate(const struct sample_args *a, struct model *m, const struct dataset *d)
{
	const struct tokenizer *tok = dataset_tokenizer(d);
	int T = dataset_seq_len(d), V = dataset_vocab_size(d), bos = dataset_bos(d);
	struct token_list text = { 0 };
	struct art_rng rng;
	int32_t *row = art_alloc((size_t)T, sizeof(*row));
	float *logits = art_alloc((size_t)T * (size_t)V, sizeof(*logits));
	struct candidate *scratch = art_alloc((size_t)V, sizeof(*scratch));
	int n = 0;

	art_rng_seed(&rng, (uint64_t)a->seed);
	tokenizer_encode(tok, a->prompt, strlen(a->prompt), &text);
	/* A prompt longer than the context keeps its end. */
	size_t skip = text.n > (size_t)T / 2 ? text.n - (size_t)T / 2 : 0;
	row[n++] = bos;
	for (size_t i = skip; i < text.n; i++)
		row[n++] = (int32_t)text.v[i];
	fputs(a->prompt, stdout);
	for (int64_t k = 0; k < a->tokens; k++) {
		const char *p;

		for (int i = n; i < T; i++)
			row[i] = bos;
		model_logits(m, row, 1, logits);
		int t = pick(logits + (size_t)(n - 1) * (size_t)V, V, a, &rng, scratch);
		if (t == bos)
			break;
		int len = tokenizer_token_bytes(tok, t, &p);
		fwrite(p, 1, (size_t)len, stdout);
		fflush(stdout);
		if (n == T) {
			/* Full: go on from the younger half, behind a fresh <bos>. */
			memmove(row + 1, row + T / 2, (size_t)(T - T / 2) * sizeof(*row));
			n = 1 + T - T / 2;
		}
		row[n++] = t;
	}
	putchar('\n');
	free(row);
	free(logits);
	free(scratch);
	free(text.v);
}

static enum art_status run_sample(const struct sample_args *a, struct art_err *err)
{
	struct trained t;
	enum art_status st = trained_open(&t, a->data, a->checkpoint, &a->model, err);

	if (st == ART_OK)
		generate(a, t.model, t.data);
	trained_close(&t);
	return st;
}

static const char usage[] =
	"Usage: artui-train sample --data DIR --checkpoint FILE [OPTION]...\n"
	"Let a checkpoint go on from a prompt.\n\n"
	"  --prompt TEXT      begin with this (nothing)\n"
	"  --tokens N         at most so many tokens; ends early at the end of a document (200)\n"
	"  --temperature F    0 takes the likeliest token (0.8)\n"
	"  --top-k K          choose among the K likeliest tokens; 0: all (40)\n"
	"  --seed N           (1)\n"
	"  --threads N        (as many as CPUs)\n"
	"  --kernel NAME      (auto)\n";

static bool take_option(struct sample_args *a, int o, const char *text)
{
	int64_t v = 0;

	switch (o) {
	case 'd':
		a->data = text;
		return true;
	case 'c':
		a->checkpoint = text;
		return true;
	case 'p':
		a->prompt = text;
		return true;
	case 'n':
		return cli_int("sample", "tokens", text, 1, 1 << 30, &a->tokens);
	case 'T':
		return cli_real("sample", "temperature", text, 0, 100, &a->temperature);
	case 'K':
		return cli_int("sample", "top-k", text, 0, 1 << 30, &a->top_k);
	case 's':
		return cli_int("sample", "seed", text, 0, INT64_MAX, &a->seed);
	case 't':
		if (!cli_int("sample", "threads", text, 1, 1024, &v))
			return false;
		a->model.threads = (int)v;
		return true;
	case 'k':
		return cli_kernel("sample", text, &a->model.kernel);
	default:
		cli_bad_option("sample");
		return false;
	}
}

int cmd_sample(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "checkpoint", required_argument, NULL, 'c' },
		{ "prompt", required_argument, NULL, 'p' },
		{ "tokens", required_argument, NULL, 'n' },
		{ "temperature", required_argument, NULL, 'T' },
		{ "top-k", required_argument, NULL, 'K' },
		{ "seed", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct sample_args a = { .prompt = "", .tokens = 200, .top_k = 40, .temperature = 0.8,
				 .seed = 1,
				 .model = { .threads = cli_default_threads(), .max_rows = 1 } };
	struct art_err err = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(usage, stdout);
			return CLI_OK;
		}
		if (!take_option(&a, o, optarg))
			return CLI_USAGE;
	}
	if (optind < argc)
		return cli_usage_error("sample", "unexpected argument '%s'", argv[optind]);
	if (!a.data || !a.checkpoint)
		return cli_usage_error("sample", "--data and --checkpoint are needed");
	if (run_sample(&a, &err) != ART_OK)
		return cli_failed("sample", &err);
	return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
