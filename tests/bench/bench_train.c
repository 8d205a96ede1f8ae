/*
 * bench_train.c - how fast one training step is, by kernel, beside what the processor could do.
 *
 * A step is forward, backward and optimizer on random tokens. Peaks are measured here, on the same
 * number of threads. FLOPs are autoresearch's estimate_flops, so the optimizer's own work counts
 * as time but not as FLOPs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/json.h"
#include "worker/train/model.h"

#define MAX_STEPS 4096

struct options {
	struct model_config cfg;
	int tokens;     /* a step */
	int batch_rows; /* rows a forward and backward pass */
	int threads;
	double seconds; /* of measuring, a kernel */
	bool json;
	bool all;
	enum model_kernel kernel;
};

struct result {
	enum model_kernel kernel;
	int steps;
	double step_ms, step_ms_min, optimizer_ms, tokens_per_s, flops, peak, loss;
	double cpu_ms; /* processor time a step over all threads: what a busy machine distorts less */
	size_t bytes;
};

ART_NORETURN static void usage(void)
{
	fputs("usage: bench_train [--kernel NAME|all] [--depth N] [--width N] [--heads N] [--seq N]\n"
	      "                   [--vocab N] [--window PATTERN] [--tokens N] [--rows N] [--threads N]\n"
	      "                   [--seconds S] [--json]\n"
	      "Measures training steps; the default is depth 4, width 256, 2 heads, 256 positions,\n"
	      "256 tokens of vocabulary, window L, 4096 tokens a step, 2 threads, every kernel here.\n",
	      stderr);
	exit(2);
}

static int whole(const char *s)
{
	int64_t v;

	if (!s || !art_parse_i64(s, &v) || v < 1 || v > 1 << 26)
		usage();
	return (int)v;
}

static void parse_kernel(struct options *o, const char *s)
{
	if (!s)
		usage();
	o->all = !strcmp(s, "all");
	if (!o->all && !model_kernel_parse(s, &o->kernel))
		usage();
}

static void parse(struct options *o, int argc, char **argv)
{
	const struct {
		const char *name;
		int *value;
	} numbers[] = {
		{ "--depth", &o->cfg.n_layer }, { "--width", &o->cfg.n_embd }, { "--heads", &o->cfg.n_head },
		{ "--seq", &o->cfg.seq_len },	{ "--vocab", &o->cfg.vocab_size }, { "--tokens", &o->tokens },
		{ "--rows", &o->batch_rows },	{ "--threads", &o->threads },
	};
	size_t k;
	int i;

	for (i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		for (k = 0; k < ART_COUNT(numbers) && strcmp(argv[i], numbers[k].name); k++)
			;
		if (!strcmp(argv[i], "--json")) {
			o->json = true;
			continue;
		}
		if (k < ART_COUNT(numbers))
			*numbers[k].value = whole(value);
		else if (!strcmp(argv[i], "--kernel"))
			parse_kernel(o, value);
		else if (!strcmp(argv[i], "--window") && value &&
			 art_copy(o->cfg.window_pattern, sizeof(o->cfg.window_pattern), value))
			;
		else if (!strcmp(argv[i], "--seconds") && value && art_parse_f64(value, &o->seconds))
			;
		else
			usage();
		i++;
	}
	if (!o->batch_rows)
		o->batch_rows = o->tokens / o->cfg.seq_len;
	if (o->batch_rows < 1 || o->tokens % (o->batch_rows * o->cfg.seq_len)) {
		fputs("bench_train: tokens must be a multiple of rows times sequence length\n", stderr);
		exit(2);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double seconds_now(void)
{
	return 1e-6 * (double)art_mono_us();
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double one_step(struct model *m, const struct options *o, const int32_t *in, const int32_t *out,
		       double *optimizer)
{
	const struct model_step step = { 0.04, 0.6, 0.004, 0.5, 0.8, 0.95, 0.95, 0.2 };
	size_t batch = (size_t)(o->batch_rows * o->cfg.seq_len), at;
	double loss = 0, from;

	for (at = 0; at < (size_t)o->tokens; at += batch)
		loss += model_forward_backward(m, in + at, out + at, o->batch_rows, 1.0f / (float)o->tokens);
	from = seconds_now();
	model_step(m, &step);
	*optimizer += seconds_now() - from;
	return loss / o->tokens;
}

static bool measure(const struct options *o, enum model_kernel k, struct result *r)
{
	const struct model_options opt = { k, o->threads, o->batch_rows, true };
	int32_t *tokens = art_alloc(2 * (size_t)o->tokens, sizeof(*tokens));
	double *times = art_alloc(MAX_STEPS, sizeof(*times)), start, cpu, optimizer = 0;
	struct art_err err = { 0 };
	struct model *m = NULL;
	struct art_rng rng;
	int i;

	if (model_open(&m, &o->cfg, &opt, 0, &err)) {
		fprintf(stderr, "bench_train: %s\n", err.text);
		free(tokens);
		free(times);
		return false;
	}
	art_rng_seed(&rng, 7);
	for (i = 0; i < 2 * o->tokens; i++)
		tokens[i] = (int32_t)(art_rng_u64(&rng) % (uint64_t)o->cfg.vocab_size);
	model_init_weights(m, 7);
	r->kernel = model_kernel(m);
	r->peak = model_kernel_peak(r->kernel, o->threads);
	(void)one_step(m, o, tokens, tokens + o->tokens, &optimizer); /* pages and caches */
	optimizer = 0;
	start = seconds_now();
	cpu = cpu_seconds();
	for (r->steps = 0; r->steps < MAX_STEPS && (r->steps < 3 || seconds_now() - start < o->seconds);) {
		double from = seconds_now();

		r->loss = one_step(m, o, tokens, tokens + o->tokens, &optimizer);
		times[r->steps++] = seconds_now() - from;
	}
	r->cpu_ms = 1e3 * (cpu_seconds() - cpu) / r->steps;
	qsort(times, (size_t)r->steps, sizeof(*times), by_value);
	r->step_ms = 1e3 * times[r->steps / 2];
	r->step_ms_min = 1e3 * times[0];
	r->optimizer_ms = 1e3 * optimizer / r->steps;
	r->tokens_per_s = o->tokens / times[r->steps / 2];
	r->flops = r->tokens_per_s * model_flops_per_token(&o->cfg);
	r->bytes = model_bytes(m);
	model_close(m);
	free(tokens);
	free(times);
	return true;
}

static void print_text(const struct options *o, const struct result *r, int n)
{
	int i;

	printf("depth %d, width %d, %d heads, %d positions, vocabulary %d, window %s; %d tokens a step in "
	       "%d rows, %d threads; %.2f M parameters, %.1f MFLOP a token\n",
	       o->cfg.n_layer, o->cfg.n_embd, o->cfg.n_head, o->cfg.seq_len, o->cfg.vocab_size,
	       o->cfg.window_pattern, o->tokens, o->batch_rows, o->threads,
	       1e-6 * (double)model_num_params(&o->cfg), 1e-6 * model_flops_per_token(&o->cfg));
	printf("%-12s %10s %9s %9s %9s %9s %9s %9s %7s %6s %6s\n", "kernel", "tokens/s", "step ms", "best ms",
	       "cpu ms", "optim ms", "GFLOP/s", "peak", "share", "steps", "MiB");
	for (i = 0; i < n; i++)
		printf("%-12s %10.0f %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %6.1f%% %6d %6zu\n",
		       model_kernel_name(r[i].kernel), r[i].tokens_per_s, r[i].step_ms, r[i].step_ms_min,
		       r[i].cpu_ms, r[i].optimizer_ms, 1e-9 * r[i].flops, 1e-9 * r[i].peak, 100 * r[i].flops / r[i].peak,
		       r[i].steps, r[i].bytes >> 20);
}

static void print_json(const struct options *o, const struct result *r, int n)
{
	struct art_buf b;
	struct json_out j;
	int i;

	art_buf_init(&b, 1 << 20);
	json_out_init(&j, &b, true);
	json_open_object(&j, NULL);
	json_put_int(&j, "depth", o->cfg.n_layer);
	json_put_int(&j, "width", o->cfg.n_embd);
	json_put_int(&j, "heads", o->cfg.n_head);
	json_put_int(&j, "seq_len", o->cfg.seq_len);
	json_put_int(&j, "vocab", o->cfg.vocab_size);
	json_put_str(&j, "window", o->cfg.window_pattern);
	json_put_int(&j, "tokens_per_step", o->tokens);
	json_put_int(&j, "rows", o->batch_rows);
	json_put_int(&j, "threads", o->threads);
	json_put_f64(&j, "flops_per_token", model_flops_per_token(&o->cfg));
	json_open_array(&j, "kernels");
	for (i = 0; i < n; i++) {
		json_open_object(&j, NULL);
		json_put_str(&j, "kernel", model_kernel_name(r[i].kernel));
		json_put_f64(&j, "tokens_per_second", r[i].tokens_per_s);
		json_put_f64(&j, "step_ms", r[i].step_ms);
		json_put_f64(&j, "step_ms_min", r[i].step_ms_min);
		json_put_f64(&j, "cpu_ms", r[i].cpu_ms);
		json_put_f64(&j, "optimizer_ms", r[i].optimizer_ms);
		json_put_f64(&j, "flops", r[i].flops);
		json_put_f64(&j, "peak_flops", r[i].peak);
		json_put_int(&j, "steps", r[i].steps);
		json_put_int(&j, "bytes", (int64_t)r[i].bytes);
		json_put_f64(&j, "loss", r[i].loss);
		json_close_object(&j);
	}
	json_close_array(&j);
	json_close_object(&j);
	puts(b.data);
	art_buf_destroy(&b);
}

int main(int argc, char **argv)
{
	struct options o = {
		.cfg = { 256, 4, 2, 256, 256, "L" },
		.tokens = 4096, .threads = 2, .seconds = 3, .all = true,
	};
	struct result r[MODEL_KERNEL_COUNT] = { 0 };
	int k, n = 0;

	parse(&o, argc, argv);
	if (!o.all) {
		if (!measure(&o, o.kernel, &r[n++]))
			return 1;
	} else {
		for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
			if (model_kernel_available((enum model_kernel)k) && measure(&o, (enum model_kernel)k, &r[n]))
				n++;
	}
	if (o.json)
		print_json(&o, r, n);
	else
		print_text(&o, r, n);
	return n ? 0 : 1;
}
