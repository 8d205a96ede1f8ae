/*
 * parity_dump.c - run one case of parity.py through the trainer's model and write down everything.
 *
 *   parity_dump CASE RESULT
 *
 * CASE and RESULT are private to parity.py and this file; native byte order, no padding:
 *   CASE    struct case_head; steps x struct model_step; every parameter in named_parameters'
 *           order, fp32; then by case_head.what
 *             TRAIN  steps x micro x (inputs, targets) [rows * T] int32, one probe row of them [T]
 *             OPTIM  steps x every gradient, fp32, handed to the optimizer as they are
 *             INIT   nothing: the initial weights of case_head.seed are written, no more
 *   RESULT  records: struct record_head, then its elements
 * Exit status: 0 done, 1 failed, 3 the case's kernel is not available here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/train/model.h"

#define CASE_MAGIC 0x31495241u
#define STATUS_NO_KERNEL 3

enum { CASE_TRAIN, CASE_OPTIM, CASE_INIT };

struct case_head {
	uint32_t magic;
	int32_t vocab, layers, heads, width, seq_len;
	int32_t rows, micro, max_rows, threads, steps;
	float scale;   /* of the losses' sum, in model_forward_backward */
	int32_t what;  /* CASE_TRAIN, CASE_OPTIM, CASE_INIT */
	int32_t seed;
	char pattern[MODEL_PATTERN_MAX];
	char kernel[16];
};

struct record_head {
	char name[96];
	int32_t is_f64;
	int32_t n_dims, dims[2];
	int64_t count;
};

static void put(FILE *out, const char *name, bool is_f64, const struct model_param *shape,
		const void *data, size_t count)
{
	struct record_head h = { .is_f64 = is_f64, .count = (int64_t)count };

	if (!art_copy(h.name, sizeof(h.name), name))
		art_die("record name too long: %s", name);
	if (shape) {
		h.n_dims = shape->n_dims;
		memcpy(h.dims, shape->dims, sizeof(h.dims));
	}
	if (fwrite(&h, sizeof(h), 1, out) != 1 ||
	    fwrite(data, is_f64 ? 8 : 4, count, out) != count)
		art_die("the result file cannot be written");
}

static void put_f64(FILE *out, const char *name, double v)
{
	put(out, name, true, NULL, &v, 1);
}

/* Every parameter (or its gradient) as "<prefix><name>". */
static void put_params(FILE *out, struct model *m, const char *prefix, bool grads)
{
	for (int i = 0; i < model_param_count(m); i++) {
		struct model_param p = model_param(m, i);
		char name[96];

		snprintf(name, sizeof(name), "%s%s", prefix, p.name);
		put(out, name, false, &p, grads ? p.grad : p.data, p.count);
	}
}

static void get(FILE *in, void *data, size_t size, size_t count)
{
	if (fread(data, size, count, in) != count)
		art_die("the case file ends too early");
}

static void read_params(struct model *m, FILE *in)
{
	for (int i = 0; i < model_param_count(m); i++) {
		struct model_param p = model_param(m, i);

		get(in, p.data, sizeof(float), p.count);
	}
	model_params_changed(m);
}

static void copy_params(struct model *to, struct model *from)
{
	for (int i = 0; i < model_param_count(to); i++) {
		struct model_param p = model_param(to, i);

		memcpy(p.data, model_param(from, i).data, p.count * sizeof(float));
	}
	model_params_changed(to);
}

static struct model *open_model(const struct case_head *h, bool trainable)
{
	struct model_config cfg = { .vocab_size = h->vocab, .n_layer = h->layers, .n_head = h->heads,
				    .n_embd = h->width, .seq_len = h->seq_len };
	struct model_options opt = { .threads = h->threads, .max_rows = h->max_rows,
				     .trainable = trainable };
	struct model *m = NULL;
	struct art_err err = { 0 };

	if (!art_copy(cfg.window_pattern, sizeof(cfg.window_pattern), h->pattern) ||
	    !model_kernel_parse(h->kernel, &opt.kernel))
		art_die("case: unknown pattern or kernel '%s'", h->kernel);
	if (!model_kernel_available(opt.kernel))
		exit(STATUS_NO_KERNEL);
	if (model_open(&m, &cfg, &opt, 0, &err) != ART_OK)
		art_die("%s", err.text);
	return m;
}

static void put_sizes(FILE *out, struct model *m)
{
	put_f64(out, "num_params", (double)model_num_params(model_config(m)));
	put_f64(out, "flops", model_flops_per_token(model_config(m)));
	put_f64(out, "kernel", (double)model_kernel(m));
}

/* Logits and losses of a batch, as "<prefix>logits" and "<prefix>losses". */
static void put_forward(FILE *out, struct model *m, const char *prefix, const int32_t *inputs,
			const int32_t *targets, int rows)
{
	size_t n = (size_t)rows * (size_t)model_config(m)->seq_len;
	size_t nv = n * (size_t)model_config(m)->vocab_size;
	float *logits = art_alloc(nv, sizeof(float));
	float *losses = art_alloc(n, sizeof(float));
	char name[96];

	model_logits(m, inputs, rows, logits);
	model_losses(m, inputs, targets, rows, losses);
	snprintf(name, sizeof(name), "%slogits", prefix);
	put(out, name, false, NULL, logits, nv);
	snprintf(name, sizeof(name), "%slosses", prefix);
	put(out, name, false, NULL, losses, n);
	free(logits);
	free(losses);
}

/*
 * One optimizer step. In the first one a forward pass is put between the micro-batches: it must
 * leave the gradients alone.
 */
static void train_step(FILE *out, FILE *in, struct model *m, const struct case_head *h,
		       const struct model_step *step, int s)
{
	size_t n = (size_t)h->rows * (size_t)h->seq_len;
	int32_t *batch = art_alloc(2 * n, sizeof(*batch));
	double loss = 0;
	char name[32];

	for (int u = 0; u < h->micro; u++) {
		get(in, batch, sizeof(*batch), 2 * n);
		if (s == 0 && u == 0)
			put_forward(out, m, "", batch, batch + n, h->rows);
		loss += model_forward_backward(m, batch, batch + n, h->rows, h->scale);
		if (s == 0 && u == 0)
			put_forward(out, m, "again_", batch, batch + n, h->rows);
	}
	model_grads_finish(m);
	snprintf(name, sizeof(name), "loss_sum.%d", s);
	put_f64(out, name, loss);
	snprintf(name, sizeof(name), "grad.%d.", s);
	put_params(out, m, name, true);
	model_step(m, step);
	snprintf(name, sizeof(name), "param.%d.", s);
	put_params(out, m, name, false);
	free(batch);
}

/* Steps with given gradients: what is compared is the optimizer and nothing else. */
static void run_optim(FILE *out, FILE *in, const struct case_head *h)
{
	struct model_step *steps = art_alloc((size_t)h->steps, sizeof(*steps));
	struct model *m = open_model(h, true);

	get(in, steps, sizeof(*steps), (size_t)h->steps);
	read_params(m, in);
	put_sizes(out, m);
	for (int s = 0; s < h->steps; s++) {
		char name[32];

		model_grads_finish(m); /* of no batch: zeros, which the given ones replace */
		for (int i = 0; i < model_param_count(m); i++) {
			struct model_param p = model_param(m, i);

			get(in, p.grad, sizeof(float), p.count);
		}
		model_step(m, &steps[s]);
		snprintf(name, sizeof(name), "param.%d.", s);
		put_params(out, m, name, false);
	}
	model_close(m);
	free(steps);
}

static void run_train(FILE *out, FILE *in, const struct case_head *h)
{
	struct model_step *steps = art_alloc((size_t)h->steps, sizeof(*steps));
	int32_t *probe = art_alloc(2 * (size_t)h->seq_len, sizeof(*probe));
	struct model *m = open_model(h, true);
	struct model *reader = open_model(h, false);

	get(in, steps, sizeof(*steps), (size_t)h->steps);
	read_params(m, in);
	put_sizes(out, m);
	for (int s = 0; s < h->steps; s++)
		train_step(out, in, m, h, &steps[s], s);
	/* The step must have renewed the packed copies; a model that cannot train must agree. */
	get(in, probe, sizeof(*probe), 2 * (size_t)h->seq_len);
	put_forward(out, m, "probe_", probe, probe + h->seq_len, 1);
	copy_params(reader, m);
	put_forward(out, reader, "reader_", probe, probe + h->seq_len, 1);
	model_close(reader);
	model_close(m);
	free(probe);
	free(steps);
}

static void run_init(FILE *out, const struct case_head *h)
{
	struct model *m = open_model(h, true);

	model_init_weights(m, (uint64_t)h->seed);
	put_sizes(out, m);
	put_params(out, m, "init.", false);
	model_close(m);
}

int main(int argc, char **argv)
{
	struct case_head h;
	FILE *in, *out;

	if (argc != 3) {
		fprintf(stderr, "usage: parity_dump CASE RESULT\n");
		return 2;
	}
	in = fopen(argv[1], "rb");
	out = fopen(argv[2], "wb");
	if (!in || !out)
		art_die("%s or %s cannot be opened", argv[1], argv[2]);
	get(in, &h, sizeof(h), 1);
	if (h.magic != CASE_MAGIC || h.steps < 0 || h.steps > 16 || h.rows < 1 || h.seq_len < 1)
		art_die("%s is not a case file", argv[1]);
	h.pattern[sizeof(h.pattern) - 1] = h.kernel[sizeof(h.kernel) - 1] = '\0';
	if (h.what == CASE_INIT)
		run_init(out, &h);
	else if (h.what == CASE_OPTIM)
		run_optim(out, in, &h);
	else
		run_train(out, in, &h);
	fclose(in);
	if (fclose(out) != 0)
		art_die("%s cannot be written", argv[2]);
	return 0;
}
