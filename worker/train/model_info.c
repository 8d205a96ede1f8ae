/* model_info.c - what follows from a model's configuration alone: validity, sizes, FLOPs. */

#include "worker/train/model_private.h"

#include <string.h>

#define MAX_VOCAB (1 << 22)
#define MAX_LAYERS 1024
#define MAX_WIDTH 16384
#define MAX_SEQ (1 << 17)
#define MAX_THREADS 1024
#define MAX_ROWS (1 << 20)

static enum art_status check_range(const char *what, int v, int lo, int hi, struct art_err *err)
{
	if (v >= lo && v <= hi)
		return ART_OK;
	return art_fail(err, ART_INVALID, "model: %s is %d, must be from %d to %d", what, v, lo, hi);
}

static enum art_status check_pattern(const char *p, struct art_err *err)
{
	size_t n = strnlen(p, MODEL_PATTERN_MAX);

	if (n == 0 || n == MODEL_PATTERN_MAX || strspn(p, "SLsl") != n)
		return art_fail(err, ART_INVALID,
				"model: window pattern must be 1 to %d letters S or L",
				MODEL_PATTERN_MAX - 1);
	return ART_OK;
}

enum art_status model_check(const struct model_config *c, const struct model_options *o,
			    struct art_err *err)
{
	enum art_status s;
	int d;

	if ((s = check_range("vocabulary", c->vocab_size, 2, MAX_VOCAB, err)) ||
	    (s = check_range("number of layers", c->n_layer, 1, MAX_LAYERS, err)) ||
	    (s = check_range("width", c->n_embd, 32, MAX_WIDTH, err)) ||
	    (s = check_range("number of heads", c->n_head, 1, MAX_WIDTH / 32, err)) ||
	    (s = check_range("sequence length", c->seq_len, 32, MAX_SEQ, err)) ||
	    (s = check_range("number of threads", o->threads, 1, MAX_THREADS, err)) ||
	    (s = check_range("largest number of rows", o->max_rows, 1, MAX_ROWS, err)) ||
	    (s = check_pattern(c->window_pattern, err)))
		return s;
	if (c->seq_len % 32)
		return art_fail(err, ART_INVALID, "model: sequence length %d is not a multiple of 32",
				c->seq_len);
	if (c->n_embd % 32)
		return art_fail(err, ART_INVALID, "model: width %d is not a multiple of 32", c->n_embd);
	d = c->n_embd / c->n_head;
	if (d * c->n_head != c->n_embd || (d != 32 && d != 64 && d != 128 && d != 256))
		return art_fail(err, ART_INVALID,
				"model: width %d over %d heads is not a head width of 32, 64, 128 or 256",
				c->n_embd, c->n_head);
	return ART_OK;
}

bool model_layer_has_ve(const struct model_config *c, int layer)
{
	return layer % 2 == (c->n_layer - 1) % 2;
}

int model_layer_window(const struct model_config *c, int layer)
{
	char letter = c->window_pattern[(size_t)layer % strlen(c->window_pattern)];

	if (layer == c->n_layer - 1)
		return c->seq_len;
	return letter == 'S' || letter == 's' ? c->seq_len / 2 : c->seq_len;
}

/* Numbers of parameters in matrices of the blocks, and in all value embeddings. */
static void count_params(const struct model_config *c, int64_t *matrices, int64_t *value_embeds)
{
	const int64_t width = c->n_embd;
	int l;

	*matrices = *value_embeds = 0;
	for (l = 0; l < c->n_layer; l++) {
		*matrices += 12 * width * width;
		if (model_layer_has_ve(c, l)) {
			*matrices += 32 * (int64_t)c->n_head;
			*value_embeds += c->vocab_size * width;
		}
	}
}

int64_t model_num_params(const struct model_config *c)
{
	int64_t matrices, value_embeds;

	count_params(c, &matrices, &value_embeds);
	return matrices + value_embeds + 2 * (int64_t)c->vocab_size * c->n_embd + 2 * (int64_t)c->n_layer;
}

double model_flops_per_token(const struct model_config *c)
{
	int64_t matrices, value_embeds;
	double attention = 0;
	int l;

	count_params(c, &matrices, &value_embeds);
	for (l = 0; l < c->n_layer; l++)
		attention += 12.0 * c->n_embd * model_layer_window(c, l);
	return 6.0 * ((double)matrices + (double)c->vocab_size * c->n_embd) + attention;
}
