/*
 * kill_night.c - a simulated night is cut off by kill -9 at random moments, again and again, and
 * must come to the same end as one that nobody disturbed.
 *
 *   kill_night KILLS [SEED]        the test: prints "ok kill-9" or "FAIL kill-9: why"
 *   kill_night engine DIR          an engine that begins or resumes DIR's night and ends with it
 *   kill_night dump DIR            what must be equal, as text
 *   kill_night __job ...           the launcher of the engine's children
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"
#include "core/exec/job.h"
#include "core/exec/job_tree.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/recipe.h"

#define ROUNDS 24
#define NIGHT_TIME_S 240
#define WORKSPACES_MAX 64

static void die(const char *what, const struct art_err *err)
{
	printf("FAIL kill-9: %s: %s\n", what, err->text);
	exit(1);
}

/* ---- workspaces ------------------------------------------------------------------------------- */

static void make_workspace(const char *dir, const char *sim, uint64_t night_seed)
{
	struct workspace w;
	struct store *st = NULL;
	struct art_err err = { 0 };
	struct note_row note = { 0 };
	char path[WORKSPACE_PATH_MAX], *def = recipe_native_default(), *text;
	static const char *const ideas[] = { "MATRIX_LR = 0.07", "make it better", "DEPTH = 99999",
					     "EMBEDDING_LR = 0.9, WARMDOWN_RATIO = 0.7" };

	if (workspace_init(&w, dir, NULL, &err))
		die("init", &err);
	text = art_printf("%s\nSIM_SLEEP_MS = 12\n", def);
	snprintf(path, sizeof(path), "%.900s/recipe.py", dir);
	if (art_write_file(path, text, strlen(text), 0644, &err))
		die("recipe", &err);
	free(text);
	free(def);
	text = art_printf("[train]\ncommand = %s\nbudget_s = 20\ngrace_s = 20\nmem_mb = 0\n"
			  "[night]\nseed = %" PRIu64 "\n[search]\nwarmup = 6\nplateau = 0\n", sim,
			  night_seed);
	if (art_write_file(workspace_path(&w, path, "config"), text, strlen(text), 0644, &err))
		die("config", &err);
	free(text);
	if (workspace_store(&w, &st, 0, 5000, &err))
		die("store", &err);
	for (size_t i = 0; i < ART_COUNT(ideas); i++) {
		memset(&note, 0, sizeof(note));
		art_copy(note.kind, sizeof(note.kind), "idea");
		art_copy(note.origin, sizeof(note.origin), "person");
		art_copy(note.text, sizeof(note.text), ideas[i]);
		if (note_add(st, &note, NULL, 0, &err))
			die("idea", &err);
	}
	store_close(st);
}

static struct store *open_store(const char *dir)
{
	struct workspace w;
	struct store *st = NULL;
	struct art_err err = { 0 };

	if (workspace_find(&w, dir, &err) || workspace_store(&w, &st, 0, 5000, &err))
		die("open", &err);
	return st;
}

static bool night_over(struct store *st)
{
	struct night_row night;

	return night_find(st, 0, &night, NULL) == ART_OK && night.ended_at != 0;
}

/* ---- the engine ------------------------------------------------------------------------------- */

static int engine(const char *dir)
{
	struct core_options opt = { 0 };
	struct night_options o = { .rounds = ROUNDS };
	struct workspace w;
	struct config *cfg = NULL;
	struct bell *bell = bell_new();
	struct bell_sub *sub = bell_subscribe(bell, TOPIC_EVENT);
	struct core *core = NULL;
	struct store *st = NULL;
	struct art_err err = { 0 };
	struct art_buf b;
	int64_t wish;

	if (workspace_find(&w, dir, &err) || config_load(&cfg, &w, NULL, 0, &err) ||
	    workspace_store(&w, &st, 0, 5000, &err))
		die("engine", &err);
	if (night_over(st))
		return 0;
	opt.workspace = &w;
	opt.config = cfg;
	opt.bell = bell;
	opt.offline = true;
	if (core_open(&core, &opt, &err))
		die("core_open", &err);
	art_buf_init(&b, 4096);
	night_options_json(&o, &b);
	store_attach_bell(st, bell);
	if (wish_add(st, WISH_START, 0, b.data, &wish, &err))
		die("wish", &err);
	while (!night_over(st)) {
		struct pollfd fd = { .fd = bell_fd(sub), .events = POLLIN };
		poll(&fd, 1, 1000);
		bell_take(sub);
	}
	core_close(core);
	bell_unsubscribe(bell, sub);
	store_close(st);
	bell_free(bell);
	config_free(cfg);
	art_buf_destroy(&b);
	return 0;
}

static pid_t spawn_engine(const char *self, const char *dir)
{
	const char *argv[] = { self, "engine", dir, NULL };
	pid_t pid;

	if (posix_spawn(&pid, self, NULL, NULL, (char *const *)(uintptr_t)argv, environ)) {
		printf("FAIL kill-9: cannot start the engine\n");
		exit(1);
	}
	return pid;
}

/* ---- what must be equal ----------------------------------------------------------------------- */

static void opt_text(FILE *f, const char *name, struct opt_f64 v)
{
	char t[32];

	fprintf(f, " %s=%s", name, v.known ? art_f64_text(v.v, t, sizeof(t)) : "?");
}

static void dump_runs(FILE *f, struct store *st, int64_t experiment_id)
{
	struct curve_point *p = art_alloc(CURVE_MAX, sizeof(*p));
	struct run_list runs = { 0 };
	struct art_err err = { 0 };

	if (run_list(st, experiment_id, &runs, &err))
		die("runs", &err);
	for (size_t i = 0; i < runs.n; i++) {
		const struct run_row *r = &runs.rows[i];
		size_t n;
		fprintf(f, "  run %" PRId64 " %s seed=%" PRId64 " %s fault=%s error=%s throttled=%d",
			r->idx, run_purpose_text(r->purpose), r->seed, run_state_text(r->state),
			run_fault_text(r->fault), r->error, r->throttled);
		opt_text(f, "val", r->val_bpb);
		opt_text(f, "claimed", r->claimed_bpb);
		fprintf(f, " tokens=%" PRId64 " steps=%" PRId64, r->tokens.v, r->steps.v);
		if (curve_list(st, r->id, p, &n, &err))
			die("curve", &err);
		fprintf(f, " curve=%zu last=%.6f\n", n, n ? p[n - 1].loss : 0);
	}
	run_list_destroy(&runs);
	free(p);
}

static void dump(FILE *f, const char *dir)
{
	struct store *st = open_store(dir);
	struct experiment_query q = { 0 };
	struct experiment_list l = { 0 };
	struct note_list notes = { 0 };
	struct night_row night;
	struct art_err err = { 0 };

	if (night_find(st, 0, &night, &err) || experiment_query(st, &q, &l, &err) ||
	    note_list(st, 0, &notes, &err))
		die("dump", &err);
	fprintf(f, "night %" PRId64 " judged=%" PRId64 " kept=%" PRId64 " end=%s\n", night.id,
		night.judged, night.kept, night.end_reason);
	for (size_t i = 0; i < l.n; i++) {
		const struct experiment_row *e = &l.rows[i];
		fprintf(f, "experiment %" PRId64 " parent=%" PRId64 " %s [%s] %s %s | %s | n=%" PRId64,
			e->id, e->parent_id, e->proposer, e->title, e->recipe_sha256,
			verdict_text(e->verdict), e->reason, e->n);
		opt_text(f, "val", e->val_bpb);
		opt_text(f, "lo", e->lo);
		opt_text(f, "hi", e->hi);
		opt_text(f, "p", e->p_false_keep);
		fputc('\n', f);
		dump_runs(f, st, e->id);
	}
	for (size_t i = 0; i < notes.n; i++)
		fprintf(f, "note %" PRId64 " %s experiment=%" PRId64 " %s\n", notes.rows[i].id,
			note_state_text(notes.rows[i].state), notes.rows[i].experiment_id,
			notes.rows[i].answer);
	experiment_list_destroy(&l);
	note_list_destroy(&notes);
	store_close(st);
}

static char *dump_text(const char *dir)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	dump(f, dir);
	fclose(f);
	return text;
}

/* Each experiment has one verdict in the log, each run one end, the night one begin and one end. */
static int count_doubles(const char *dir)
{
	static const char *const verdicts[] = { "experiment.baseline", "experiment.kept",
						"experiment.discarded", "experiment.failed",
						"experiment.stopped", "experiment.cancelled" };
	static const char *const ends[] = { "run.done", "run.failed", "run.stopped", "run.cancelled" };
	struct store *st = open_store(dir);
	struct event_query q = { 0 };
	struct event_list l = { 0 };
	struct art_err err = { 0 };
	int per_experiment[4096] = { 0 }, per_run[16384] = { 0 }, begins = 0, finishes = 0, bad = 0;
	struct art_buf b;
	int findings = 0;

	if (event_query(st, &q, &l, &err))
		die("events", &err);
	for (size_t i = 0; i < l.n; i++) {
		const struct event_row *e = &l.rows[i];
		for (size_t k = 0; k < ART_COUNT(verdicts); k++)
			if (!strcmp(e->kind, verdicts[k]) && e->experiment_id < 4096)
				bad += per_experiment[e->experiment_id]++ > 0;
		for (size_t k = 0; k < ART_COUNT(ends); k++)
			if (!strcmp(e->kind, ends[k]) && e->run_id < 16384)
				bad += per_run[e->run_id]++ > 0;
		begins += !strcmp(e->kind, "night.start");
		finishes += !strcmp(e->kind, "night.end");
	}
	event_list_destroy(&l);
	art_buf_init(&b, 1 << 20);
	if (store_check(st, &b, &findings, &err))
		die("store_check", &err);
	if (findings)
		printf("store_check: %s\n", b.data);
	art_buf_destroy(&b);
	store_close(st);
	return bad + (begins != 1) + (finishes != 1) + findings;
}

/* ---- killing ---------------------------------------------------------------------------------- */

static void nap_ms(double ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)((int64_t)(ms * 1e6) % 1000000000) };

	nanosleep(&t, NULL);
}

/* A descendant of @root, chosen by @r; 0: none. */
static pid_t victim_below(pid_t root, struct art_rng *r)
{
	pid_t found[64], in[256];
	size_t n = 0, m = 0;

	in[m++] = root;
	for (size_t i = 0; i < m; i++) {
		char path[64];
		struct art_buf b;
		DIR *d;
		struct dirent *e;
		snprintf(path, sizeof(path), "/proc/%d/task", (int)in[i]);
		d = opendir(path);
		while (d && (e = readdir(d))) {
			char file[400];
			const char *p;
			if (e->d_name[0] == '.')
				continue;
			snprintf(file, sizeof(file), "%s/%s/children", path, e->d_name);
			art_buf_init(&b, 65536);
			if (art_read_file(&b, file, 65536, NULL) == ART_OK && b.data) {
				for (p = b.data; *p;) {
					long pid = strtol(p, (char **)(uintptr_t)&p, 10);
					p += strspn(p, " \n");
					if (pid > 0 && n < 64 && m < 256)
						found[n++] = in[m++] = (pid_t)pid;
				}
			}
			art_buf_destroy(&b);
		}
		if (d)
			closedir(d);
	}
	return n ? found[(size_t)(art_rng_f64(r) * (double)n)] : 0;
}

struct tally {
	int engine, child, nights;
};

/* Drive one workspace to its end, killing on the way while @left lasts. */
static void disturbed_night(const char *self, const char *dir, struct art_rng *r, int *left,
			    struct tally *t)
{
	int64_t until = art_mono_us() + NIGHT_TIME_S * INT64_C(1000000);
	pid_t pid = spawn_engine(self, dir);

	for (;;) {
		int status;
		pid_t victim;
		/* Most moments are early in a run; some are long, so that the night advances. */
		nap_ms(art_rng_f64(r) < 0.5 ? 60 * art_rng_f64(r) : 350 * art_rng_f64(r));
		if (waitpid(pid, &status, WNOHANG) == pid) {
			struct store *st = open_store(dir);
			bool over = night_over(st);
			store_close(st);
			if (over && WIFEXITED(status) && WEXITSTATUS(status) == 0)
				return;
			if (WIFEXITED(status)) {
				printf("FAIL kill-9: the engine gave up, status %d\n", WEXITSTATUS(status));
				exit(1);
			}
			pid = spawn_engine(self, dir);
			continue;
		}
		if (art_mono_us() > until) {
			printf("FAIL kill-9: the night does not end\n");
			kill(pid, SIGKILL);
			exit(1);
		}
		if (*left <= 0)
			continue;
		if (art_rng_f64(r) < 0.65) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			t->engine++;
			(*left)--;
			pid = spawn_engine(self, dir);
		} else if ((victim = victim_below(pid, r))) {
			kill(victim, SIGKILL);
			t->child++;
			(*left)--;
		}
	}
}

static void quiet_night(const char *self, const char *dir)
{
	int status;
	pid_t pid = spawn_engine(self, dir);

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		printf("FAIL kill-9: the undisturbed night did not end well\n");
		exit(1);
	}
}

static void show_difference(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	while (a[-1] && a[-1] != '\n')
		a--, b--;
	printf("undisturbed: %.*s\n  disturbed: %.*s\n", (int)strcspn(a, "\n"), a,
	       (int)strcspn(b, "\n"), b);
}

static int orphans(const char *base)
{
	nap_ms(300);
	return job_tree_kill_marked("ARTUI_RUN", base);
}

int main(int argc, char **argv)
{
	char self[PATH_MAX], base[] = "/tmp/artui-kill-XXXXXX", *sim, *cmd;
	struct tally t = { 0 };
	struct art_rng r;
	int64_t kills, seed = 1;
	int left, orphaned;
	bool good = true;

	if (argc > 1 && !strcmp(argv[1], "__job"))
		return job_launcher_main(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "engine"))
		return engine(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "dump")) {
		dump(stdout, argv[2]);
		return 0;
	}
	if (argc < 2 || !art_parse_i64(argv[1], &kills) || kills < 0 || kills > 100000 ||
	    (argc > 2 && !art_parse_i64(argv[2], &seed)) || !realpath("/proc/self/exe", self)) {
		fprintf(stderr, "usage: kill_night KILLS [SEED]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sim = art_strdup(self);
	*strrchr(sim, '/') = 0;
	sim = art_printf("%s/sim_trainer", sim);
	if (!mkdtemp(base))
		return 2;
	art_rng_seed(&r, (uint64_t)seed);
	left = (int)kills;
	printf("%d kills, seed %" PRId64 ", in %s\n", left, seed, base);
	for (int i = 0; good && i < WORKSPACES_MAX && (i == 0 || left > 0); i++) {
		char *calm = art_printf("%s/calm-%d", base, i), *rough = art_printf("%s/rough-%d", base, i);
		char *a, *b;
		int doubles;
		make_workspace(calm, sim, (uint64_t)(seed * 100 + i));
		make_workspace(rough, sim, (uint64_t)(seed * 100 + i));
		quiet_night(self, calm);
		disturbed_night(self, rough, &r, &left, &t);
		t.nights++;
		a = dump_text(calm);
		b = dump_text(rough);
		doubles = count_doubles(rough) + count_doubles(calm);
		good = !strcmp(a, b) && !doubles;
		if (strcmp(a, b))
			show_difference(a, b);
		if (doubles)
			printf("%d doubled or missing events\n", doubles);
		free(a);
		free(b);
		free(calm);
		free(rough);
	}
	orphaned = orphans(base);
	printf("%d engines and %d children killed in %d nights, %d orphans left\n", t.engine, t.child,
	       t.nights, orphaned);
	if (!good || orphaned || left > 0) {
		printf("FAIL kill-9: the stores differ or something was left (kept in %s)\n", base);
		return 1;
	}
	cmd = art_printf("%s", base);
	printf("ok kill-9\n");
	if (!getenv("KEEP")) {
		const char *rm[] = { "/bin/rm", "-rf", cmd, NULL };
		pid_t pid;
		if (!posix_spawn(&pid, rm[0], NULL, NULL, (char *const *)(uintptr_t)rm, environ))
			waitpid(pid, NULL, 0);
	}
	free(cmd);
	free(sim);
	return 0;
}
