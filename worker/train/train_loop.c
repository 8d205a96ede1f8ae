/*
 * train_loop.c - autoresearch's training loop on a CPU, with its summary block.
 *
 * Differences from train.py, on purpose: every step but the first counts in the time budget
 * (there is no compiler to warm up); progress may be counted in tokens or FLOPs; the checkpoint
 * is written before the evaluation, so that a harness can evaluate it itself.
 */
#include "worker/train/ckpt.h"
#include "worker/train/cli.h"
#include "worker/train/config.h"

#include "store/json.h"
#include "store/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_SECONDS 300.0 /* autoresearch's TIME_BUDGET */
#define LOSS_MAX 100.0
#define EMA_BETA 0.9
#define LINE_EVERY_US 1000000

enum budget { BUDGET_SECONDS, BUDGET_TOKENS, BUDGET_FLOPS };

struct train_args {
	const char *recipe, *data, *out;
	enum budget budget;
	bool has_budget;
	double limit; /* seconds, tokens or FLOPs */
	bool has_seed;
	uint64_t seed;
	int metrics_fd; /* -1: none */
	bool no_eval;
	size_t mem_max;
	struct model_options model;
};

struct run {
	struct train_args a;
	struct train_config cfg;
	struct hash_hex recipe_sha256;
	struct dataset *d;
	struct loader *l;
	struct model *m;
	int32_t *inputs, *targets;
	int64_t t_start, t_line;
	int64_t step, tokens;
	int64_t skipped;          /* of model_skipped_steps, already told */
	enum model_kernel kernel; /* in use at the last step */
	double seconds; /* counted in the budget */
	double smooth_loss, flops_per_token, peak;
	bool is_terminal;
};

/* SIGTERM and SIGINT: leave at once, from any line; no checkpoint was promised yet. */
static void on_stop(int sig)
{
	(void)sig;
	_exit(CLI_FAILED);
}

static void catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop }, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	/* A reader that went away is met as EPIPE, where there is a sentence for it. */
	sigaction(SIGPIPE, &ignore, NULL);
}

static double progress_of(const struct run *r)
{
	double done = 0;

	switch (r->a.budget) {
	case BUDGET_SECONDS:
		done = r->seconds;
		break;
	case BUDGET_TOKENS:
		done = (double)r->tokens;
		break;
	case BUDGET_FLOPS:
		done = (double)r->tokens * r->flops_per_token;
		break;
	}
	return fmin(done / r->a.limit, 1.0);
}

static enum art_status open_run(struct run *r, struct art_err *err)
{
	struct art_buf text;
	enum art_status st;

	art_buf_init(&text, RECIPE_MAX_BYTES);
	st = art_read_file(&text, r->a.recipe, RECIPE_MAX_BYTES, err);
	if (st == ART_OK)
		st = dataset_open(&r->d, r->a.data, true, err);
	if (st == ART_OK) {
		r->recipe_sha256 = hash_bytes(text.data, text.len);
		st = config_from_recipe(&r->cfg, text.data ? text.data : "", text.len,
					dataset_vocab_size(r->d), dataset_seq_len(r->d), err);
	}
	art_buf_destroy(&text);
	if (st != ART_OK)
		return st;
	if (r->a.has_seed)
		r->cfg.seed = r->a.seed;
	r->a.model.max_rows = r->cfg.device_batch_size;
	r->a.model.trainable = true;
	st = model_open(&r->m, &r->cfg.model, &r->a.model, r->a.mem_max, err);
	if (st == ART_OK)
		st = loader_open(&r->l, r->d, DATA_TRAIN, r->cfg.seed, err);
	if (st == ART_OK && r->a.out)
		st = art_mkdirs(r->a.out, 0755, err);
	if (st != ART_OK)
		return st;

	size_t n = (size_t)r->cfg.device_batch_size * (size_t)r->cfg.model.seq_len;
	r->inputs = art_alloc(n, sizeof(*r->inputs));
	r->targets = art_alloc(n, sizeof(*r->targets));
	model_init_weights(r->m, r->cfg.seed);
	r->flops_per_token = model_flops_per_token(&r->cfg.model);
	r->kernel = model_kernel(r->m);
	r->peak = model_kernel_peak(r->kernel, r->a.model.threads);
	return ART_OK;
}

static void close_run(struct run *r)
{
	free(r->inputs);
	free(r->targets);
	loader_close(r->l);
	model_close(r->m);
	dataset_close(r->d);
}

/* "12,345" in a buffer of at least 32. */
static const char *with_commas(int64_t v, char *buf, size_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)v);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < n; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

static void print_header(const struct run *r)
{
	const struct model_config *m = &r->cfg.model;
	static const char *const unit[] = { "s", " tokens", " FLOPs" };
	char text[32];

	printf("Vocab size: %s\n", with_commas(m->vocab_size, text, sizeof(text)));
	printf("Model config: n_layer=%d n_head=%d n_embd=%d sequence_len=%d window_pattern=%s\n",
	       m->n_layer, m->n_head, m->n_embd, m->seq_len, m->window_pattern);
	printf("Parameters: %s\n", with_commas(model_num_params(m), text, sizeof(text)));
	printf("Estimated FLOPs per token: %e\n", r->flops_per_token);
	printf("Kernel: %s, %d thread%s, peak %.1f GFLOP/s\n",
	       model_kernel_name(model_kernel(r->m)), r->a.model.threads,
	       r->a.model.threads == 1 ? "" : "s", r->peak / 1e9);
	printf("Budget: %g%s\n", r->a.limit, unit[r->a.budget]);
	printf("Gradient accumulation steps: %lld\n",
	       (long long)(r->cfg.total_batch_size /
			   ((int64_t)r->cfg.device_batch_size * m->seq_len)));
	fflush(stdout);
}

/* Forward and backward of one step; the loss of its last pass, as train.py logs it. */
static double accumulate(struct run *r)
{
	int rows = r->cfg.device_batch_size;
	size_t n = (size_t)rows * (size_t)r->cfg.model.seq_len;
	int64_t passes = r->cfg.total_batch_size / (int64_t)n;
	double loss = 0;

	for (int64_t i = 0; i < passes; i++) {
		size_t scored = 0;

		loader_next(r->l, r->inputs, r->targets, rows);
		for (size_t k = 0; k < n; k++)
			scored += r->targets[k] >= 0;
		/* cross_entropy's mean over the scored tokens, divided by the passes. */
		loss = model_forward_backward(r->m, r->inputs, r->targets, rows,
					      1.0f / ((float)scored * (float)passes)) /
		       (double)scored;
	}
	return loss;
}

/* What fp16 could not hold is said: a skipped step and a slower kernel are worth knowing of. */
static void print_overflow(struct run *r)
{
	int64_t skipped = model_skipped_steps(r->m);

	if (skipped > r->skipped)
		fprintf(stderr, "step %05lld: a gradient left the range of fp16, this step changed nothing\n",
			(long long)r->step);
	r->skipped = skipped;
	if (model_kernel(r->m) == r->kernel)
		return;
	r->kernel = model_kernel(r->m);
	r->peak = model_kernel_peak(r->kernel, r->a.model.threads);
	fprintf(stderr, "step %05lld: numbers left the range of fp16, going on with kernel %s\n",
		(long long)r->step, model_kernel_name(r->kernel));
}

static void print_progress(struct run *r, double progress, double lrm, double dt)
{
	int64_t now = art_mono_us();
	char speed[32];
	double tok_per_sec = (double)r->cfg.total_batch_size / dt;
	double remaining = r->a.budget == BUDGET_SECONDS ? r->a.limit - r->seconds :
			   progress > 0 ? r->seconds * (1 - progress) / progress : 0;

	if (!r->is_terminal && now - r->t_line < LINE_EVERY_US && r->step > 0)
		return;
	r->t_line = now;
	double debiased = r->smooth_loss / (1 - pow(EMA_BETA, (double)(r->step + 1)));
	printf("%sstep %05lld (%.1f%%) | loss: %.6f | lrm: %.2f | dt: %.0fms | tok/sec: %s | "
	       "mfu: %.1f%% | epoch: %d | remaining: %.0fs%s",
	       r->is_terminal ? "\r" : "", (long long)r->step, 100 * progress, debiased, lrm,
	       dt * 1000, with_commas((int64_t)tok_per_sec, speed, sizeof(speed)),
	       100 * r->flops_per_token * tok_per_sec / r->peak, loader_epoch(r->l),
	       fmax(0, remaining), r->is_terminal ? "    " : "\n");
	fflush(stdout);
}

static enum art_status put_metrics(const struct run *r, double progress, double loss, double lrm,
				   double dt, struct art_err *err)
{
	struct art_buf b;
	struct json_out o;
	enum art_status st = ART_OK;

	if (r->a.metrics_fd < 0)
		return ART_OK;
	art_buf_init(&b, 4096);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_int(&o, "step", r->step);
	json_put_f64(&o, "progress", progress);
	json_put_f64(&o, "seconds", r->seconds);
	json_put_int(&o, "tokens", r->tokens);
	json_put_f64(&o, "loss", loss);
	json_put_f64(&o, "lrm", lrm);
	json_put_f64(&o, "tok_per_sec", (double)r->cfg.total_batch_size / dt);
	json_close_object(&o);
	art_buf_put(&b, "\n");
	for (size_t at = 0; at < b.len && st == ART_OK;) {
		ssize_t n = write(r->a.metrics_fd, b.data + at, b.len - at);
		if (n < 0 && errno != EINTR)
			st = art_fail_errno(err, "cannot write metrics to descriptor %d",
					    r->a.metrics_fd);
		at += n > 0 ? (size_t)n : 0;
	}
	art_buf_destroy(&b);
	return st;
}

static enum art_status train(struct run *r, struct art_err *err)
{
	for (;;) {
		int64_t t0 = art_mono_us();
		double loss = accumulate(r);
		double progress = progress_of(r);
		double lrm = config_lr_multiplier(&r->cfg, progress);
		struct model_step step = config_step(&r->cfg, r->step, progress);

		model_step(r->m, &step);
		print_overflow(r);
		if (!isfinite(loss) || loss > LOSS_MAX) {
			puts("FAIL");
			return art_fail(err, ART_INVALID, "training diverged at step %lld: loss %g",
					(long long)r->step, loss);
		}
		double dt = fmax((double)(art_mono_us() - t0) / 1e6, 1e-6);
		if (r->step > 0)
			r->seconds += dt;
		r->tokens += r->cfg.total_batch_size;
		r->smooth_loss = EMA_BETA * r->smooth_loss + (1 - EMA_BETA) * loss;
		print_progress(r, progress, lrm, dt);
		enum art_status st = put_metrics(r, progress, loss, lrm, dt, err);
		if (st != ART_OK)
			return st;
		if (ferror(stdout))
			return art_fail(err, ART_IO, "nobody reads the output any more");
		r->step++;
		if (progress_of(r) >= 1.0)
			return ART_OK;
	}
}

static enum art_status save(const struct run *r, struct art_err *err)
{
	struct ckpt_meta meta = {
		.model = r->cfg.model,
		.recipe_sha256 = r->recipe_sha256,
		.steps = r->step,
		.tokens = r->tokens,
		.seed = r->cfg.seed,
	};
	sigset_t stop, before;

	if (!r->a.out)
		return ART_OK;
	memcpy(meta.tokenizer_sha256.s, dataset_tokenizer_sha256(r->d), HASH_HEX);
	memcpy(meta.data_sha256.s, dataset_data_sha256(r->d), HASH_HEX);
	char *path = art_printf("%s/model.safetensors", r->a.out);
	/* A stop waits for these milliseconds, or it would leave a temporary file behind. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, &before);
	enum art_status st = ckpt_save_model(path, &meta, r->m, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(path);
	return st;
}

/* The keys and their alignment are autoresearch's: other programs read them. */
static void print_summary(const struct run *r, const struct eval_result *e)
{
	struct rusage u;
	double mfu = r->seconds > 0 ? 100 * r->flops_per_token *
					      (double)r->cfg.total_batch_size *
					      (double)(r->step - 1) / r->seconds / r->peak :
				      0;

	getrusage(RUSAGE_SELF, &u);
	printf("---\n");
	if (e)
		printf("val_bpb:          %.6f\n", e->val_bpb);
	printf("training_seconds: %.1f\n", r->seconds);
	printf("total_seconds:    %.1f\n", (double)(art_mono_us() - r->t_start) / 1e6);
	printf("peak_vram_mb:     %.1f\n", (double)u.ru_maxrss / 1024);
	printf("mfu_percent:      %.2f\n", mfu);
	printf("total_tokens_M:   %.1f\n", (double)r->tokens / 1e6);
	printf("num_steps:        %lld\n", (long long)r->step);
	printf("num_params_M:     %.1f\n", (double)model_num_params(&r->cfg.model) / 1e6);
	printf("depth:            %d\n", r->cfg.model.n_layer);
}

static enum art_status run_train(struct run *r, struct art_err *err)
{
	struct eval_result e;
	enum art_status st = open_run(r, err);

	if (st != ART_OK)
		return st;
	print_header(r);
	st = train(r, err);
	if (r->is_terminal)
		putchar('\n');
	if (st == ART_OK)
		st = save(r, err);
	if (st == ART_OK && !r->a.no_eval)
		st = evaluate_bpb(&e, r->m, r->d, DATA_VAL, r->cfg.device_batch_size, err);
	if (st == ART_OK) {
		print_summary(r, r->a.no_eval ? NULL : &e);
		if (fflush(stdout) != 0)
			st = art_fail(err, ART_IO, "cannot write the summary");
	}
	return st;
}

static const char usage[] =
	"Usage: artui-train train RECIPE --data DIR [OPTION]...\n"
	"Train the model a recipe describes.\n\n"
	"  --data DIR         data set made by prepare or corpus\n"
	"  --out DIR          write DIR/model.safetensors at the end\n"
	"  --time-budget S    seconds of training (300)\n"
	"  --token-budget N   tokens instead of seconds\n"
	"  --flop-budget F    floating-point operations instead of seconds\n"
	"  --seed N           instead of the recipe's SEED\n"
	"  --threads N        (as many as CPUs)\n"
	"  --kernel NAME      auto, plain, avx2, avx512, avx512bf16, avx512fp16\n"
	"                     or amx (auto)\n"
	"  --metrics-fd N     one JSON line a step on this open descriptor\n"
	"  --no-eval          do not score the validation split at the end\n"
	"  --mem-max BYTES    refuse a model that needs more (512M, 4G, ...)\n";

enum { OPT_DATA = 256, OPT_OUT, OPT_SECONDS, OPT_TOKENS, OPT_FLOPS, OPT_SEED, OPT_THREADS,
       OPT_KERNEL, OPT_METRICS, OPT_NO_EVAL, OPT_MEM, OPT_HELP };

static const struct option options[] = {
	{ "data", required_argument, NULL, OPT_DATA },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "time-budget", required_argument, NULL, OPT_SECONDS },
	{ "token-budget", required_argument, NULL, OPT_TOKENS },
	{ "flop-budget", required_argument, NULL, OPT_FLOPS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "metrics-fd", required_argument, NULL, OPT_METRICS },
	{ "no-eval", no_argument, NULL, OPT_NO_EVAL },
	{ "mem-max", required_argument, NULL, OPT_MEM },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static bool take_budget(struct train_args *a, enum budget kind, const char *name, const char *text)
{
	if (a->has_budget) {
		cli_usage_error("train", "--%s: only one budget can be given", name);
		return false;
	}
	a->has_budget = true;
	a->budget = kind;
	return cli_real("train", name, text, kind == BUDGET_SECONDS ? 0.001 : 1, 1e30, &a->limit);
}

static bool take_option(struct train_args *a, int o, const char *text)
{
	int64_t v = 0;
	bool ok = true;

	switch (o) {
	case OPT_DATA:
		a->data = text;
		break;
	case OPT_OUT:
		a->out = text;
		break;
	case OPT_SECONDS:
		return take_budget(a, BUDGET_SECONDS, "time-budget", text);
	case OPT_TOKENS:
		return take_budget(a, BUDGET_TOKENS, "token-budget", text);
	case OPT_FLOPS:
		return take_budget(a, BUDGET_FLOPS, "flop-budget", text);
	case OPT_SEED:
		ok = cli_int("train", "seed", text, 0, INT64_MAX, &v);
		a->seed = (uint64_t)v;
		a->has_seed = true;
		break;
	case OPT_THREADS:
		ok = cli_int("train", "threads", text, 1, 1024, &v);
		a->model.threads = (int)v;
		break;
	case OPT_KERNEL:
		return cli_kernel("train", text, &a->model.kernel);
	case OPT_METRICS:
		ok = cli_int("train", "metrics-fd", text, 0, 1 << 20, &v);
		a->metrics_fd = (int)v;
		if (ok && fcntl(a->metrics_fd, F_GETFD) < 0) {
			cli_usage_error("train", "--metrics-fd %s: no such open descriptor", text);
			ok = false;
		}
		break;
	case OPT_NO_EVAL:
		a->no_eval = true;
		break;
	case OPT_MEM:
		return cli_bytes("train", "mem-max", text, &a->mem_max);
	default:
		cli_bad_option("train");
		return false;
	}
	return ok;
}

int cmd_train(int argc, char **argv)
{
	struct run r = { .t_start = art_mono_us(),
			 .is_terminal = isatty(STDOUT_FILENO) == 1,
			 .a = { .limit = DEFAULT_SECONDS, .metrics_fd = -1,
				.model = { .threads = cli_default_threads() } } };
	struct art_err err = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == OPT_HELP) {
			fputs(usage, stdout);
			return CLI_OK;
		}
		if (!take_option(&r.a, o, optarg))
			return CLI_USAGE;
	}
	if (optind + 1 != argc)
		return cli_usage_error("train", "one RECIPE is needed");
	if (!r.a.data)
		return cli_usage_error("train", "--data is needed");
	r.a.recipe = argv[optind];

	catch_signals();
	enum art_status st = run_train(&r, &err);
	close_run(&r);
	return st == ART_OK ? CLI_OK : cli_failed("train", &err);
}
