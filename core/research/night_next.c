/*
 * night_next.c - the next experiment of the night: the baseline, an idea, or the search's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/knob_space.h"
#include "core/research/night_private.h"
#include "core/research/propose.h"
#include "store/recipe.h"

#define TRIES_MAX 64 /* proposals refused as duplicates before the search is taken to be empty */

static enum art_status read_start_recipe(struct night *n, struct art_buf *b, struct art_err *err)
{
	char path[WORKSPACE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/recipe.py", n->env.w->root);
	return art_read_file(b, path, RECIPE_MAX_BYTES, err);
}

/* The candidate and the event that tells of it; @note > 0: the idea it came from. */
static enum art_status add(struct night *n, struct experiment_row *e, const struct proposal *p,
			   int64_t note, const char *tail, struct art_err *err)
{
	enum art_status st = store_begin(n->env.store, err);

	if (st)
		return st;
	e->night_id = n->row.id;
	e->class_id = n->class.id;
	art_copy(e->title, sizeof(e->title), p->title);
	art_copy(e->idea, sizeof(e->idea), p->idea);
	art_copy(e->knobs, sizeof(e->knobs), p->knobs);
	st = experiment_add(n->env.store, e, p->recipe, p->recipe_len, err);
	if (!st && note)
		st = note_move(n->env.store, note, NOTE_TAKEN, e->id, "", err);
	if (!st)
		st = event_add(n->env.store, EVENT_INFO, "experiment.new", e->id, 0, err,
			       "experiment %" PRId64 " (%s): %s%s", e->id, e->proposer, e->title, tail);
	if (!st)
		return store_commit(n->env.store, err);
	store_rollback(n->env.store);
	return st;
}

/* ---- baseline --------------------------------------------------------------------------------- */

/* A baseline of this night that did not end well, and no incumbent: the night cannot go on. */
static enum art_status baseline_fell(struct night *n, bool *fell, struct art_err *err)
{
	struct experiment_query q = { .night_id = n->row.id };
	struct experiment_list l = { 0 };
	enum art_status st = experiment_query(n->env.store, &q, &l, err);

	*fell = false;
	for (size_t i = 0; i < l.n; i++) {
		if (strcmp(l.rows[i].proposer, "baseline"))
			continue;
		*fell = true;
		night_finish(n, l.rows[i].verdict == VERDICT_FAILED, "the baseline %s: %.180s",
			     l.rows[i].verdict == VERDICT_FAILED ? "failed" : "was not finished",
			     l.rows[i].reason);
	}
	experiment_list_destroy(&l);
	return st;
}

static enum art_status add_baseline(struct night *n, struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	struct propose_ctx ctx = { .code = !n->t.native };
	struct proposal p = { 0 };
	struct art_err why = { 0 };
	struct art_buf b;
	bool fell = false;
	enum art_status st = baseline_fell(n, &fell, err);

	art_buf_init(&b, RECIPE_MAX_BYTES);
	if (st || fell)
		goto out;
	if (read_start_recipe(n, &b, &why)) {
		night_finish(n, true, "the starting recipe cannot be read: %.200s", why.text);
		goto out;
	}
	p.recipe_len = b.len;
	p.recipe = art_buf_take(&b);
	ctx.recipe = p.recipe;
	ctx.recipe_len = p.recipe_len;
	if (proposal_describe(&ctx, &p, &why)) {
		night_finish(n, true, "the starting recipe recipe.py: %.200s", why.text);
		goto out;
	}
	art_copy(p.title, sizeof(p.title), "the starting recipe");
	art_copy(p.idea, sizeof(p.idea), "measures the noise that later ones are held against");
	art_copy(e->proposer, sizeof(e->proposer), "baseline");
	st = add(n, e, &p, 0, "", err);
	if (st == ART_CONFLICT) {
		night_finish(n, true, "the starting recipe failed before in this class (%.160s); change "
				      "recipe.py", err ? err->text : "");
		st = ART_OK;
	}
out:
	proposal_destroy(&p);
	art_buf_destroy(&b);
	free(e);
	return st;
}

/* ---- candidates ------------------------------------------------------------------------------- */

/* What every proposer is told, with what it points into. */
struct telling {
	struct propose_ctx ctx;
	struct experiment_row champion;
	struct experiment_list known;
	struct propose_trial *trials;
	char *recipe;
	struct note_row note;
	char *note_recipe;
};

static void telling_destroy(struct telling *t)
{
	free(t->trials);
	free(t->recipe);
	free(t->note_recipe);
	experiment_list_destroy(&t->known);
}

static bool is_trial(const struct experiment_row *e)
{
	return e->verdict != VERDICT_CANCELLED && e->verdict != VERDICT_IMPORTED && e->knobs[0];
}

static enum art_status tell(struct night *n, struct telling *t, struct art_err *err)
{
	struct experiment_query q = { .class_id = n->class.id };
	struct propose_ctx *c = &t->ctx;
	enum art_status st = experiment_champion(n->env.store, n->class.id, &t->champion, err);

	if (!st)
		st = experiment_recipe(n->env.store, t->champion.id, &t->recipe, &c->recipe_len, err);
	if (!st)
		st = experiment_query(n->env.store, &q, &t->known, err);
	if (st)
		return st;
	t->trials = art_alloc(t->known.n + 1, sizeof(*t->trials));
	c->index = 1;
	for (size_t i = 0; i < t->known.n; i++) {
		const struct experiment_row *e = &t->known.rows[i];
		struct propose_trial *trial = &t->trials[c->n_trials];
		c->index += e->night_id == n->row.id;
		c->searched += !strcmp(e->proposer, propose_search.name);
		if (!is_trial(e))
			continue;
		trial->knobs = e->knobs;
		trial->val_bpb = e->val_bpb.v;
		trial->state = e->verdict == VERDICT_PENDING ? TRIAL_PENDING :
			       !e->val_bpb.known || e->verdict == VERDICT_FAILED ? TRIAL_FAILED :
										   TRIAL_DONE;
		c->n_trials++;
	}
	c->trials = t->trials;
	c->recipe = t->recipe;
	c->code = !n->t.native;
	c->seq_len = n->t.seq_len;
	c->seed = n->row.seed;
	c->warmup = config_int(n->env.config, CONFIG_SEARCH_WARMUP_KEY);
	c->allow = config_text(n->env.config, CONFIG_SEARCH_KNOBS_KEY);
	return ART_OK;
}

/* The oldest waiting idea; ctx.idea stays NULL without one. */
static enum art_status tell_idea(struct night *n, struct telling *t, struct art_err *err)
{
	enum art_status st;

	free(t->note_recipe);
	t->note_recipe = NULL;
	t->ctx.idea = t->ctx.idea_recipe = NULL;
	st = note_next_idea(n->env.store, &t->note, NULL);
	if (st == ART_NOT_FOUND)
		return ART_OK;
	if (st)
		return art_fail(err, st, "the waiting idea cannot be read");
	t->ctx.idea = t->note.text;
	if (!t->note.recipe_sha256[0])
		return ART_OK;
	st = note_recipe(n->env.store, t->note.id, &t->note_recipe, &t->ctx.idea_recipe_len, err);
	t->ctx.idea_recipe = t->note_recipe;
	return st;
}

static enum art_status refuse_idea(struct night *n, const struct note_row *note, const char *why,
				   struct art_err *err)
{
	enum art_status st = store_begin(n->env.store, err);

	if (st)
		return st;
	st = note_move(n->env.store, note->id, NOTE_REFUSED, 0, why, err);
	if (!st)
		st = event_add(n->env.store, EVENT_WARN, "idea.refused", 0, 0, err,
			       "idea %" PRId64 " is refused: %s", note->id, why);
	if (!st)
		return store_commit(n->env.store, err);
	store_rollback(n->env.store);
	return st;
}

/* Ideas until one can be tried or none waits. */
static enum art_status next_idea(struct night *n, struct telling *t, bool *added,
				 struct art_err *err)
{
	enum art_status st;

	for (;;) {
		struct experiment_row *e;
		struct proposal p = { 0 };
		struct art_err why = { 0 };
		st = tell_idea(n, t, err);
		if (st || !t->ctx.idea)
			return st;
		e = art_alloc(1, sizeof(*e));
		st = propose_queue.propose(&t->ctx, &p, &why);
		if (!st) {
			art_copy(e->proposer, sizeof(e->proposer), propose_queue.name);
			e->parent_id = t->champion.id;
			st = add(n, e, &p, t->note.id, "", &why);
			*added = st == ART_OK;
		}
		proposal_destroy(&p);
		free(e);
		if (st == ART_OK)
			return ART_OK;
		if (st != ART_INVALID && st != ART_CONFLICT && st != ART_LIMIT)
			return art_fail(err, st, "%s", why.text);
		st = refuse_idea(n, &t->note, why.text, err);
		if (st)
			return st;
	}
}

static enum art_status next_search(struct night *n, struct telling *t, bool *added,
				   struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	enum art_status st = ART_CONFLICT;

	t->ctx.idea = t->ctx.idea_recipe = NULL;
	for (int tries = 0; tries < TRIES_MAX && st == ART_CONFLICT; tries++) {
		struct proposal p = { 0 };
		char tail[64] = "";
		t->ctx.attempt = tries;
		st = propose_search.propose(&t->ctx, &p, err);
		if (tries)
			snprintf(tail, sizeof(tail), " (after %d known before)", tries);
		memset(e, 0, sizeof(*e));
		art_copy(e->proposer, sizeof(e->proposer), propose_search.name);
		e->parent_id = t->champion.id;
		if (!st)
			st = add(n, e, &p, 0, tail, err);
		proposal_destroy(&p);
	}
	free(e);
	*added = st == ART_OK;
	if (st == ART_CONFLICT)
		night_finish(n, false, "the search found nothing new in %d proposals", TRIES_MAX);
	else if (st == ART_NOT_FOUND || st == ART_INVALID)
		night_finish(n, false, "the search cannot go on: %.200s", err ? err->text : "");
	else
		return st;
	return ART_OK;
}

enum art_status night_next(struct night *n, bool *added, struct art_err *err)
{
	struct telling *t = art_alloc(1, sizeof(*t));
	struct experiment_row *champion = art_alloc(1, sizeof(*champion));
	enum art_status st = experiment_champion(n->env.store, n->class.id, champion, NULL);

	*added = false;
	if (st == ART_NOT_FOUND) {
		st = add_baseline(n, err);
		*added = st == ART_OK && !n->ending[0];
		goto out;
	}
	st = tell(n, t, err);
	/* People's ideas first: they are few, and someone waits for them. */
	if (!st)
		st = next_idea(n, t, added, err);
	if (!st && !*added)
		st = next_search(n, t, added, err);
out:
	telling_destroy(t);
	free(t);
	free(champion);
	return st;
}
