/*
 * model_layout.c - the table of parameters and where everything lies in a model's one arena.
 *
 * The placing walk runs twice: once without memory to learn the size, once to hand out addresses.
 * Each take is a checked product, aligned to a cache line.
 */

#include "worker/train/model_private.h"

#include <stdio.h>
#include <string.h>

#define ALIGN 64
#define ALIGN_FLOATS (ALIGN / sizeof(float))
#define TASK_FLOATS 65536 /* elements of one piece of AdamW work */
#define CHUNK_TOKENS 512  /* positions a thread takes through the layers at once, if rows are short */

/* ------------------------------------------------------------- parameters */

static struct param *add_param(struct model *m, enum param_kind kind, int n_dims, int rows, int cols)
{
	struct param *p = &m->params[m->n_params++];
	size_t held = (size_t)(kind == PARAM_HEAD ? m->net.V_pad : rows) * (size_t)cols;

	p->kind = kind;
	p->n_dims = n_dims;
	p->dims[0] = n_dims == 1 ? cols : rows;
	p->dims[1] = n_dims == 1 ? 1 : cols;
	p->count = (size_t)rows * (size_t)cols;
	p->at = m->block;
	m->block += (held + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
	p->second_at = m->second_count;
	held = kind == PARAM_MATRIX ? (size_t)(rows > cols ? rows : cols) : p->count;
	m->second_count += (held + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
	return p;
}

static void add_matrix(struct model *m, int layer, const char *name, int rows, int cols)
{
	struct param *p = add_param(m, PARAM_MATRIX, 2, rows, cols);

	snprintf(p->name, sizeof(p->name), "transformer.h.%d.%s.weight", layer, name);
}

/* The order is named_parameters()'s: a module's own parameters first, then its children's. */
static void build_params(struct model *m)
{
	const int C = m->net.C, V = m->net.V, H = m->net.H, L = m->net.L;
	int l;

	m->params = art_alloc((size_t)(4 + 8 * L), sizeof(*m->params));
	art_copy(add_param(m, PARAM_RESID, 1, 1, L)->name, MODEL_NAME_MAX, "resid_lambdas");
	art_copy(add_param(m, PARAM_X0, 1, 1, L)->name, MODEL_NAME_MAX, "x0_lambdas");
	art_copy(add_param(m, PARAM_WTE, 2, V, C)->name, MODEL_NAME_MAX, "transformer.wte.weight");
	for (l = 0; l < L; l++) {
		/* q, k, v side by side are the [3C, C] matrix of one gradient product */
		add_matrix(m, l, "attn.c_q", C, C);
		add_matrix(m, l, "attn.c_k", C, C);
		add_matrix(m, l, "attn.c_v", C, C);
		add_matrix(m, l, "attn.c_proj", C, C);
		if (model_layer_has_ve(&m->cfg, l))
			add_matrix(m, l, "attn.ve_gate", H, 32);
		add_matrix(m, l, "mlp.c_fc", 4 * C, C);
		add_matrix(m, l, "mlp.c_proj", C, 4 * C);
	}
	art_copy(add_param(m, PARAM_HEAD, 2, V, C)->name, MODEL_NAME_MAX, "lm_head.weight");
	for (l = 0; l < L; l++)
		if (model_layer_has_ve(&m->cfg, l))
			snprintf(add_param(m, PARAM_VE, 2, V, C)->name, MODEL_NAME_MAX,
				 "value_embeds.%d.weight", l);
}

/* Matrices first, the largest ones leading, so that the last task to end is a small one. */
static void build_tasks(struct model *m)
{
	size_t n = 0, from;
	int i, j;

	for (i = 0; i < m->n_params; i++)
		n += m->params[i].count / TASK_FLOATS + 1;
	m->tasks = art_alloc(n, sizeof(*m->tasks));
	for (i = 0; i < m->n_params; i++) {
		if (m->params[i].kind != PARAM_MATRIX)
			continue;
		for (j = m->n_tasks++; j > 0 && m->params[m->tasks[j - 1].param].count < m->params[i].count; j--)
			m->tasks[j] = m->tasks[j - 1];
		m->tasks[j] = (struct step_task){ i, 0, m->params[i].count };
	}
	for (i = 0; i < m->n_params; i++) {
		if (m->params[i].kind == PARAM_MATRIX)
			continue;
		for (from = 0; from < m->params[i].count; from += TASK_FLOATS) {
			size_t rest = m->params[i].count - from;

			m->tasks[m->n_tasks++] =
				(struct step_task){ i, from, rest < TASK_FLOATS ? rest : TASK_FLOATS };
		}
	}
}

void model_layout_tables(struct model *m)
{
	struct net *n = &m->net;
	size_t rows = ((size_t)m->opt.max_rows + (size_t)m->opt.threads - 1) / (size_t)m->opt.threads;
	size_t seqs = (size_t)(CHUNK_TOKENS / m->cfg.seq_len);

	n->V = m->cfg.vocab_size;
	n->V_pad = (n->V + 31) / 32 * 32;
	n->L = m->cfg.n_layer;
	n->H = m->cfg.n_head;
	n->C = m->cfg.n_embd;
	n->D = n->C / n->H;
	n->F = 4 * n->C;
	n->T = m->cfg.seq_len;
	seqs = seqs < rows ? seqs : rows;
	n->chunk_seqs = seqs ? (int)seqs : 1;
	n->chunk_tokens = (size_t)n->chunk_seqs * (size_t)n->T;
	build_params(m);
	build_tasks(m);
	n->layer = art_alloc((size_t)n->L, sizeof(*n->layer));
	m->workers = art_alloc((size_t)m->opt.threads, sizeof(*m->workers));
	m->parts = art_alloc((size_t)m->opt.threads, sizeof(*m->parts));
	m->stale = art_alloc((size_t)m->opt.threads, sizeof(*m->stale));
}

/* ------------------------------------------------------------- places */

struct walk {
	char *base; /* NULL while sizing */
	size_t used;
	bool too_big;
};

static void *take(struct walk *a, size_t n, size_t size)
{
	void *p = a->base ? a->base + a->used : NULL;
	size_t bytes, end;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    __builtin_add_overflow(a->used, bytes, &end) ||
	    __builtin_add_overflow(end, ALIGN - 1, &end)) {
		a->too_big = true;
		return NULL;
	}
	a->used = end & ~(size_t)(ALIGN - 1);
	return p;
}

static float *take_f32(struct walk *a, size_t n, size_t m)
{
	size_t product;

	a->too_big |= __builtin_mul_overflow(n, m, &product);
	return take(a, product, sizeof(float));
}

static uint16_t *take_half(struct walk *a, size_t n, size_t m)
{
	size_t product;

	a->too_big |= __builtin_mul_overflow(n, m, &product);
	return take(a, product, sizeof(uint16_t));
}

static struct param *find_param(struct model *m, const char *name)
{
	int i;

	for (i = 0; i < m->n_params; i++)
		if (!strcmp(m->params[i].name, name))
			return &m->params[i];
	return NULL;
}

static struct param *find_layer_param(struct model *m, int layer, const char *name)
{
	char full[MODEL_NAME_MAX];

	snprintf(full, sizeof(full), "transformer.h.%d.%s.weight", layer, name);
	return find_param(m, full);
}

/* Packed copies of @parts matrices of [rows, cols] stacked by rows; @first is the first of them. */
static void place_packed(struct model *m, struct walk *a, struct param *first, int parts, int rows,
			 int cols)
{
	size_t n = (size_t)parts * (size_t)rows;
	uint16_t *fwd = take_half(a, n, (size_t)cols);
	uint16_t *bwd = m->opt.trainable ? take_half(a, n, (size_t)cols) : NULL;
	int i;

	for (i = 0; i < parts; i++) {
		first[i].fwd = fwd;
		first[i].bwd = bwd;
		first[i].row0 = i * rows;
		first[i].rows_all = parts * rows;
	}
}

static void place_layer(struct model *m, struct walk *a, int l)
{
	struct layer_weights *w = &m->net.layer[l];
	struct param *q = find_layer_param(m, l, "attn.c_q"), *o = find_layer_param(m, l, "attn.c_proj");
	struct param *fc = find_layer_param(m, l, "mlp.c_fc");
	struct param *proj = find_layer_param(m, l, "mlp.c_proj");
	const int C = m->net.C, F = m->net.F;
	char name[MODEL_NAME_MAX];

	place_packed(m, a, q, 3, C, C);
	place_packed(m, a, o, 1, C, C);
	place_packed(m, a, fc, 1, F, C);
	place_packed(m, a, proj, 1, C, F);
	*w = (struct layer_weights){
		.window = model_layer_window(&m->cfg, l),
		.qkv_fwd = q->fwd, .qkv_bwd = q->bwd,
		.o_fwd = o->fwd, .o_bwd = o->bwd,
		.fc_fwd = fc->fwd, .fc_bwd = fc->bwd,
		.proj_fwd = proj->fwd, .proj_bwd = proj->bwd,
	};
	if (model_layer_has_ve(&m->cfg, l) && m->weights) {
		snprintf(name, sizeof(name), "value_embeds.%d.weight", l);
		w->gate = m->weights + find_layer_param(m, l, "attn.ve_gate")->at;
		w->ve = m->weights + find_param(m, name)->at;
	}
}

static void place_saved(struct model *m, struct walk *a, struct layer_saved *s)
{
	const size_t M = m->net.chunk_tokens, C = (size_t)m->net.C, H = (size_t)m->net.H;

	*s = (struct layer_saved){
		.x_prev = take_half(a, M, C),
		.xn1 = take_half(a, M, C), .xn2 = take_half(a, M, C),
		.q = take_half(a, M, C), .k = take_half(a, M, C), .v = take_half(a, M, C),
		.att = take_half(a, M, C),
		.act = take_half(a, M, (size_t)m->net.F),
		.rs1 = take_f32(a, M, 1), .rs2 = take_f32(a, M, 1),
		.rq = take_f32(a, M, H), .rk = take_f32(a, M, H),
		.gate = take_f32(a, M, H), .inv = take_f32(a, M, H),
	};
}

static void place_grads(struct model *m, struct walk *a, int thread)
{
	struct worker *w = &m->workers[thread];
	float *g = m->parts[thread] = take_f32(a, m->block, 1);
	char name[MODEL_NAME_MAX];
	int l;

	w->grad = take(a, (size_t)m->net.L, sizeof(*w->grad));
	if (!a->base)
		return;
	w->g_wte = g + find_param(m, "transformer.wte.weight")->at;
	w->g_head = g + find_param(m, "lm_head.weight")->at;
	w->g_resid = g + find_param(m, "resid_lambdas")->at;
	w->g_x0 = g + find_param(m, "x0_lambdas")->at;
	for (l = 0; l < m->net.L; l++) {
		w->grad[l] = (struct layer_grads){
			.qkv = g + find_layer_param(m, l, "attn.c_q")->at,
			.o = g + find_layer_param(m, l, "attn.c_proj")->at,
			.fc = g + find_layer_param(m, l, "mlp.c_fc")->at,
			.proj = g + find_layer_param(m, l, "mlp.c_proj")->at,
		};
		if (!model_layer_has_ve(&m->cfg, l))
			continue;
		snprintf(name, sizeof(name), "value_embeds.%d.weight", l);
		w->grad[l].gate = g + find_layer_param(m, l, "attn.ve_gate")->at;
		w->grad[l].ve = g + find_param(m, name)->at;
	}
}

/* What only training needs of a thread's memory. */
static void place_training(struct model *m, struct walk *a, struct worker *w)
{
	const size_t M = m->net.chunk_tokens, C = (size_t)m->net.C, F = (size_t)m->net.F;
	const size_t T = (size_t)m->net.T, D = (size_t)m->net.D, H = (size_t)m->net.H;
	const size_t block = T < QUERY_BLOCK ? T : QUERY_BLOCK;

	w->dx = take_f32(a, M, C);
	w->dx0 = take_f32(a, M, C);
	w->dx_s = take_half(a, M, C);
	w->dx2_s = take_half(a, M, C);
	w->dh_s = take_half(a, M, F);
	w->dqkv_s = take_half(a, M, 3 * C);
	w->d_att = take_half(a, T, C);
	w->d_att_s = take_half(a, T, C);
	w->delta = take_f32(a, T, H);
	w->dqkv = take_half(a, T, 3 * C);
	w->vt = take_half(a, T, D);
	w->ks = take_half(a, T, D);
	w->qs = take_half(a, T, D);
	w->p_s = take_half(a, block, T);
	w->ds_s = take_half(a, block, T);
	w->dscores = take_f32(a, PANEL, T);
	w->dk_acc = take_f32(a, T, D);
	w->dv_acc = take_f32(a, T, D);
	w->logits = take_f32(a, TALL_PANEL, (size_t)m->net.V_pad);
	w->a_v = take_half(a, TALL_PANEL, (size_t)m->net.V_pad);
	w->head_dl_s = take_half(a, HEAD_TOKENS, (size_t)m->net.V_pad);
	w->mx = take_half(a, F, C);
	w->mx_s = take_half(a, F, C);
	w->ma_s = take_half(a, C, C);
	w->mb_s = take_half(a, C, C);
	w->mpanel = take_f32(a, PANEL, C);
	w->mscale = take_f32(a, F, 1);
}

static void place_worker(struct model *m, struct walk *a, int thread)
{
	struct worker *w = &m->workers[thread];
	const struct net *n = &m->net;
	const size_t M = n->chunk_tokens, C = (size_t)n->C, T = (size_t)n->T, D = (size_t)n->D;
	int l;

	w->saved = take(a, (size_t)n->L, sizeof(*w->saved));
	if (m->opt.trainable) {
		for (l = 0; l < n->L; l++) {
			struct layer_saved s;

			place_saved(m, a, &s);
			if (a->base)
				w->saved[l] = s;
		}
		place_grads(m, a, thread);
		place_training(m, a, w);
	} else {
		struct layer_saved s;

		place_saved(m, a, &s);
		for (l = 0; a->base && l < n->L; l++)
			w->saved[l] = s;
	}
	w->x = take_f32(a, M, C);
	w->x0 = take_half(a, M, C);
	w->rs0 = take_f32(a, M, 1);
	w->seq_o = take_half(a, T, C);
	w->kt = take_half(a, T, D);
	w->vs = take_half(a, T, D);
	w->ds = take_half(a, PANEL, T);
	w->scores = take_f32(a, PANEL, T);
	w->panel = take_f32(a, TALL_PANEL, C > HEAD_COLUMNS ? C : HEAD_COLUMNS);
	w->a_c = take_half(a, TALL_PANEL, C);
	w->a_f = take_half(a, TALL_PANEL, (size_t)n->F);
	w->head_x_s = take_half(a, HEAD_TOKENS, C);
}

bool model_layout(struct model *m)
{
	struct walk a = { .base = m->arena };
	struct param *head = find_param(m, "lm_head.weight");
	struct net *n = &m->net;
	int i;

	m->weights = take_f32(&a, m->block, 1);
	n->rope_cos = take_f32(&a, (size_t)n->T, (size_t)n->D / 2);
	n->rope_sin = take_f32(&a, (size_t)n->T, (size_t)n->D / 2);
	if (m->opt.trainable) {
		m->first = take_f32(&a, m->block, 1);
		m->second = take_f32(&a, m->second_count, 1);
	}
	if (m->weights) {
		n->wte = m->weights + find_param(m, "transformer.wte.weight")->at;
		n->resid = m->weights + find_param(m, "resid_lambdas")->at;
		n->x0 = m->weights + find_param(m, "x0_lambdas")->at;
	}
	place_packed(m, &a, head, 1, n->V_pad, n->C);
	n->head_fwd = head->fwd;
	n->head_bwd = head->bwd;
	for (i = 0; i < n->L; i++)
		place_layer(m, &a, i);
	for (i = 0; i < m->opt.threads; i++)
		place_worker(m, &a, i);
	m->arena_bytes = a.used;
	return !a.too_big;
}
