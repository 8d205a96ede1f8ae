/*
 * ckpt_model.c - a model's parameters into a checkpoint and back.
 */
#include "worker/train/ckpt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum art_status ckpt_save_model(const char *path, const struct ckpt_meta *meta, struct model *m,
				struct art_err *err)
{
	int n = model_param_count(m);
	struct ckpt_tensor *t = art_alloc((size_t)n, sizeof(*t));

	for (int i = 0; i < n; i++) {
		struct model_param p = model_param(m, i);

		memcpy(t[i].name, p.name, sizeof(t[i].name));
		t[i].n_dims = p.n_dims;
		t[i].dims[0] = p.dims[0];
		t[i].dims[1] = p.dims[1];
		t[i].count = p.count;
		t[i].data = p.data;
	}
	enum art_status st = ckpt_write(path, meta, t, n, err);
	free(t);
	return st;
}

enum art_status ckpt_load_model(const struct ckpt *c, struct model *m, struct art_err *err)
{
	int n = model_param_count(m);

	if (ckpt_count(c) != n)
		return art_fail(err, ART_CORRUPT, "checkpoint has %d tensors, its model has %d",
				ckpt_count(c), n);
	for (int i = 0; i < n; i++) {
		struct model_param p = model_param(m, i);
		const struct ckpt_tensor *t = ckpt_find(c, p.name);

		if (!t || t->n_dims != p.n_dims || t->count != p.count ||
		    memcmp(t->dims, p.dims, (size_t)p.n_dims * sizeof(int)) != 0)
			return art_fail(err, ART_CORRUPT,
					"checkpoint lacks tensor %s of the right shape", p.name);
		for (size_t k = 0; k < t->count; k++)
			if (!isfinite(t->data[k]))
				return art_fail(err, ART_CORRUPT,
						"checkpoint tensor %s holds a value that is no number",
						p.name);
		memcpy(p.data, t->data, p.count * sizeof(float));
	}
	model_params_changed(m);
	return ART_OK;
}

enum art_status trained_open(struct trained *t, const char *data, const char *checkpoint,
			     const struct model_options *opt, struct art_err *err)
{
	*t = (struct trained){ 0 };
	enum art_status st = dataset_open(&t->data, data, true, err);

	if (st == ART_OK)
		st = ckpt_open(&t->ckpt, checkpoint, err);
	if (st == ART_OK && (strcmp(ckpt_meta(t->ckpt)->tokenizer_sha256.s,
				    dataset_tokenizer_sha256(t->data)) != 0 ||
			     ckpt_meta(t->ckpt)->model.seq_len != dataset_seq_len(t->data) ||
			     ckpt_meta(t->ckpt)->model.vocab_size != dataset_vocab_size(t->data)))
		st = art_fail(err, ART_INVALID,
			      "%s was trained with another tokenizer or sequence length than %s has",
			      checkpoint, data);
	if (st == ART_OK)
		st = model_open(&t->model, &ckpt_meta(t->ckpt)->model, opt, 0, err);
	if (st == ART_OK)
		st = ckpt_load_model(t->ckpt, t->model, err);
	if (st != ART_OK)
		trained_close(t);
	return st;
}

void trained_close(struct trained *t)
{
	model_close(t->model);
	ckpt_close(t->ckpt);
	dataset_close(t->data);
	*t = (struct trained){ 0 };
}
