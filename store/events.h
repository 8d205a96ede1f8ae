/*
 * events.h - the live log, the wishes of faces, ideas, devices, reference lines, the engine's
 * presence: small nouns that are one table each.
 *
 * Layer: store. Threads: any, through the caller's own struct store.
 */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "store/base.h"
#include "store/store.h"

/* ---- events: what happened, in one plain line each (topic EVENT) ------------------------- */

#define EVENT_TEXT_MAX 320

#define EVENT_LEVEL_LIST(_) _(INFO, "info") _(GOOD, "good") _(WARN, "warn") _(ERROR, "error")
enum event_level {
#define EVENT_LEVEL_ENUM(name, text) EVENT_##name,
	EVENT_LEVEL_LIST(EVENT_LEVEL_ENUM)
#undef EVENT_LEVEL_ENUM
	EVENT_LEVEL_COUNT
};
const char *event_level_text(enum event_level l);

struct event_row {
	int64_t id;
	int64_t at;
	enum event_level level;
	char kind[24];          /* "night.start" "run.done" "experiment.kept" ...: stable, for scripts */
	int64_t experiment_id;  /* 0: none */
	int64_t run_id;         /* 0: none */
	char text[EVENT_TEXT_MAX];
};
/* @text is cleaned and clipped here. */
ART_MUST_USE enum art_status event_add(struct store *st, enum event_level level, const char *kind,
				       int64_t experiment_id, int64_t run_id, struct art_err *err,
				       const char *fmt, ...) ART_PRINTF(7, 8);
struct event_query {
	int64_t after_id;      /* only newer than this; 0: all */
	int64_t before_id;     /* only older than this; 0: all */
	int64_t experiment_id; /* 0: all */
	char match[64];        /* case-insensitive substring of text or kind */
	int64_t limit;         /* the newest so many of what matches; 0: all */
};
struct event_list {
	struct event_row *rows; /* oldest first */
	size_t n;
};
ART_MUST_USE enum art_status event_query(struct store *st, const struct event_query *q,
					 struct event_list *out, struct art_err *err);
void event_list_destroy(struct event_list *l);

/* ---- wishes: what a face asks of the engine (topic WISH) --------------------------------- */

#define WISH_KIND_LIST(_)                                                      \
	_(START, "start")       /* begin or resume a night; text: JSON of night options or "" */ \
	_(STOP, "stop")         /* end the night cleanly, with a report */     \
	_(PAUSE, "pause")       /* finish the present run, start no other */   \
	_(RESUME, "resume")                                                    \
	_(CANCEL, "cancel")     /* target: experiment id */                    \
	_(IDEA, "idea")         /* target: note id: look at the queue now */    \
	_(DISCOVER, "discover") /* ask the sources for agents and workers */   \
	_(PROBE, "probe")       /* target: worker id */
enum wish_kind {
#define WISH_KIND_ENUM(name, text) WISH_##name,
	WISH_KIND_LIST(WISH_KIND_ENUM)
#undef WISH_KIND_ENUM
	WISH_KIND_COUNT
};
const char *wish_kind_text(enum wish_kind k);

struct wish_row {
	int64_t id;
	enum wish_kind kind;
	int64_t target;
	char text[512];
	int64_t made_at, done_at; /* done_at 0: waiting */
	bool granted;
	char answer[256];
};
/* @text may be NULL, @id too. LIMIT for a text that does not fit. */
ART_MUST_USE enum art_status wish_add(struct store *st, enum wish_kind kind, int64_t target,
				      const char *text, int64_t *id, struct art_err *err);
/* Who answers which: the engine's thread, the market's. Bits 1 << kind. */
#define WISHES_OF_MARKET (1u << WISH_DISCOVER | 1u << WISH_PROBE)
#define WISHES_OF_ENGINE (((1u << WISH_KIND_COUNT) - 1) & ~WISHES_OF_MARKET)
/* The oldest of these @kinds that waits. NOT_FOUND. */
ART_MUST_USE enum art_status wish_next(struct store *st, unsigned kinds, struct wish_row *out,
				       struct art_err *err);
/* CONFLICT when answered already. */
ART_MUST_USE enum art_status wish_answer(struct store *st, int64_t id, bool granted,
					 const char *answer, struct art_err *err);
ART_MUST_USE enum art_status wish_find(struct store *st, int64_t id, struct wish_row *out,
				       struct art_err *err);

/* ---- notes: ideas of people and of the swarm (topic NOTE) -------------------------------- */

#define NOTE_TEXT_MAX 2048
#define NOTE_STATE_LIST(_) _(WAITING, "waiting") _(TAKEN, "taken") _(REFUSED, "refused")
enum note_state {
#define NOTE_STATE_ENUM(name, text) NOTE_##name,
	NOTE_STATE_LIST(NOTE_STATE_ENUM)
#undef NOTE_STATE_ENUM
	NOTE_STATE_COUNT
};
const char *note_state_text(enum note_state s);

struct note_row {
	int64_t id;
	char kind[16];           /* "idea" */
	char origin[32];         /* "person", "import" */
	char text[NOTE_TEXT_MAX]; /* "MATRIX_LR = 0.06, DEPTH = 5" or free words */
	char recipe_sha256[65];  /* a whole recipe handed in; "" none */
	enum note_state state;
	int64_t experiment_id;   /* what it became */
	char answer[256];        /* why refused */
	int64_t made_at;
};
/* @recipe may be NULL. Fills id, made_at, recipe_sha256. */
ART_MUST_USE enum art_status note_add(struct store *st, struct note_row *row, const char *recipe,
				      size_t recipe_len, struct art_err *err);
ART_MUST_USE enum art_status note_next_idea(struct store *st, struct note_row *out,
					    struct art_err *err); /* oldest WAITING; NOT_FOUND */
ART_MUST_USE enum art_status note_recipe(struct store *st, int64_t id, char **out, size_t *len,
					 struct art_err *err);
ART_MUST_USE enum art_status note_move(struct store *st, int64_t id, enum note_state to,
				       int64_t experiment_id, const char *answer,
				       struct art_err *err); /* from WAITING only; CONFLICT */
struct note_list {
	struct note_row *rows;
	size_t n;
};
ART_MUST_USE enum art_status note_list(struct store *st, int64_t limit, struct note_list *out,
				       struct art_err *err); /* newest first */
void note_list_destroy(struct note_list *l);

/* ---- devices: what can run something here (topic DEVICE) --------------------------------- */

struct device_row {
	char name[EVENT_TEXT_MAX / 4]; /* "local:cpu" */
	char detail[160];              /* "AMD EPYC, 2 threads, avx512bf16" */
	char state[24];                /* "idle" "busy" "absent" */
	int64_t run_id;                /* 0: none */
	struct opt_f64 tokens_per_s;   /* of the present or last run */
	int64_t updated_at;
};
/* updated_at 0: now. */
ART_MUST_USE enum art_status device_set(struct store *st, const struct device_row *row,
					struct art_err *err); /* insert or replace by name */
struct device_list {
	struct device_row *rows;
	size_t n;
};
ART_MUST_USE enum art_status device_list(struct store *st, struct device_list *out,
					 struct art_err *err);
void device_list_destroy(struct device_list *l);

/* ---- reference lines of a data set (topic REFERENCE) -------------------------------------- */

struct reference_row {
	char data_sha256[65];
	char name[64];  /* "xz -9e" */
	double val_bpb;
	char note[128]; /* "given the training text" */
};
ART_MUST_USE enum art_status reference_set(struct store *st, const struct reference_row *row,
					   struct art_err *err);
struct reference_list {
	struct reference_row *rows; /* best first */
	size_t n;
};
ART_MUST_USE enum art_status reference_list(struct store *st, const char *data_sha256,
					    struct reference_list *out, struct art_err *err);
void reference_list_destroy(struct reference_list *l);

/* ---- the engine's presence: one row (topic ENGINE) ---------------------------------------- */

struct engine_row {
	int64_t pid;
	int64_t started_at;
	char state[16];   /* "idle" "running" "paused" "stopping"; "" no engine ever */
	char doing[160];  /* "experiment 12, confirm 2 of 3" */
};
/* A new started_at is remembered for good: the busy share of a night needs all of them. */
ART_MUST_USE enum art_status engine_set(struct store *st, const struct engine_row *row,
					struct art_err *err);
ART_MUST_USE enum art_status engine_get(struct store *st, struct engine_row *out,
					struct art_err *err); /* zeroed when none */

#endif
