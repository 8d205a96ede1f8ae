/*
 * cmd_doctor.c - is everything here that a night needs? One line a check, and what to do.
 *
 * Layer: tui. Changes nothing: data that is missing is named, not installed.
 */
#include "tui/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/exec/trainer.h"
#include "core/pay/purse.h"
#include "core/research/report.h"
#include "store/hash.h"
#include "store/json.h"
#include "store/payments.h"
#include "store/recipe.h"
#include "tui/cli/cli_market.h"

#define DISK_FAIL (256.0 * 1024 * 1024)
#define DISK_WARN (2048.0 * 1024 * 1024)
#define TRAINER_WAIT_MS 20000
#define TRAINER_OUT_MAX 65536
#define DATASET_JSON_MAX (1u << 20)

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

struct doctor {
	struct cli *c;
	bool json;
	struct art_buf b;
	struct json_out o;
	int worst;
};

static void tell(struct doctor *d, const char *name, enum level level, const char *fix,
		 const char *fmt, ...) ART_PRINTF(5, 6);
static void tell(struct doctor *d, const char *name, enum level level, const char *fix,
		 const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warn", "fail" };
	static const enum cli_colour colours[] = { CLI_GREEN, CLI_YELLOW, CLI_RED };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if ((int)level > d->worst)
		d->worst = level;
	if (d->json) {
		json_open_object(&d->o, NULL);
		json_put_str(&d->o, "check", name);
		json_put_str(&d->o, "result", words[level]);
		json_put_str(&d->o, "text", text);
		json_put_str(&d->o, "fix", level == LEVEL_OK ? NULL : fix);
		json_close_object(&d->o);
		return;
	}
	fprintf(d->c->out, "%s%-4s%s  %-10s ", cli_on(d->c, colours[level]), words[level],
		cli_off(d->c), name);
	cli_print_text(d->c, text, false);
	if (level != LEVEL_OK && fix)
		fprintf(d->c->out, "%17s-> %s\n", "", fix);
	fflush(d->c->out);
}

/* ---- the machine ------------------------------------------------------------------------------- */

static void check_terminal(struct doctor *d)
{
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO))
		tell(d, "terminal", LEVEL_OK, NULL, "output is no terminal: plain lines");
	else if (!d->c->tty)
		tell(d, "terminal", LEVEL_WARN, "set TERM, for example to xterm-256color",
		     "TERM is %s: no dashboard", term && *term ? term : "not set");
	else if (d->c->columns < 40)
		tell(d, "terminal", LEVEL_WARN, "make it at least 40 columns wide",
		     "%s, %d columns", term, d->c->columns);
	else
		tell(d, "terminal", LEVEL_OK, NULL, "%s, %d columns%s", term, d->c->columns,
		     d->c->colour ? "" : ", no colour");
}

static void check_locale(struct doctor *d)
{
	const char *set = nl_langinfo(CODESET);

	if (strcmp(set, "UTF-8") == 0)
		tell(d, "locale", LEVEL_OK, NULL, "UTF-8");
	else
		tell(d, "locale", LEVEL_WARN, "LC_ALL=C.UTF-8 gives finer charts",
		     "%s: the dashboard draws with ASCII", set);
}

static void check_disk(struct doctor *d, const char *path)
{
	struct statvfs v;
	char free_text[FIGURE_TEXT];
	double bytes;

	if (statvfs(path, &v) != 0) {
		tell(d, "disk", LEVEL_FAIL, "see that the directory can be read", "%s: %s", path,
		     strerror(errno));
		return;
	}
	bytes = (double)v.f_bavail * (double)v.f_frsize;
	figure_count(bytes, free_text);
	if (bytes < DISK_FAIL)
		tell(d, "disk", LEVEL_FAIL, "free at least 256 MB: a night needs checkpoints and logs",
		     "%sB free", free_text);
	else if (bytes < DISK_WARN)
		tell(d, "disk", LEVEL_WARN, "lower night.keep_checkpoints, or free some space",
		     "%sB free", free_text);
	else
		tell(d, "disk", LEVEL_OK, NULL, "%sB free", free_text);
}

/* ---- the trainer ------------------------------------------------------------------------------- */

static bool read_within(int fd, struct art_buf *b, int ms)
{
	int64_t until = art_mono_us() + ms * 1000LL;
	char part[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (until - art_mono_us()) / 1000;
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, part, sizeof(part));
		if (n == 0)
			return true;
		if (n < 0 ? errno != EINTR : art_buf_add(b, part, (size_t)n) != ART_OK)
			return false;
	}
}

/* What `artui-train version --json` prints; false with a word why not. */
static bool trainer_ask(struct art_buf *b, char *why, size_t n)
{
	char path[WORKSPACE_PATH_MAX];
	char *argv[] = { path, "version", "--json", NULL };
	posix_spawn_file_actions_t fa;
	int fds[2], rc, status = 0;
	struct art_err err;
	bool whole;
	pid_t pid;

	if (trainer_find(path, NULL, &err) != ART_OK) {
		art_copy(why, n, err.text);
		return false;
	}
	if (pipe2(fds, O_CLOEXEC) != 0) {
		snprintf(why, n, "pipe: %s", strerror(errno));
		return false;
	}
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, path, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		snprintf(why, n, "%s: %s", path, strerror(rc));
		return false;
	}
	whole = read_within(fds[0], b, TRAINER_WAIT_MS);
	close(fds[0]);
	if (!whole)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!whole || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		snprintf(why, n, "%s %s", path, whole ? "ended with a failure" : "does not answer");
		return false;
	}
	return true;
}

static void kernels_text(const struct json *list, char *out, size_t n)
{
	size_t len = 0;

	out[0] = 0;
	for (int i = 0; i < json_count(list) && i < 16; i++) {
		const char *name = json_str(json_at(list, i));
		int k = name ? snprintf(out + len, n - len, "%s%s", len ? " " : "", name) : 0;

		if (k < 0 || (size_t)k >= n - len)
			return;
		len += (size_t)k;
	}
}

static void check_trainer(struct doctor *d)
{
	const char *fix = "build it with make, and leave artui-train beside artui";
	struct art_buf b;
	struct art_err err;
	struct json *j = NULL;
	char why[WORKSPACE_PATH_MAX + 128], kernels[256];
	const char *version, *kernel;
	struct opt_i64 threads;

	art_buf_init(&b, TRAINER_OUT_MAX);
	if (!trainer_ask(&b, why, sizeof(why))) {
		tell(d, "trainer", LEVEL_FAIL, fix, "%s", why);
	} else if (json_parse(&j, b.data ? b.data : "", b.len, TRAINER_OUT_MAX, &err) != ART_OK) {
		tell(d, "trainer", LEVEL_FAIL, fix, "artui-train version --json: %s", err.text);
	} else {
		version = json_str(json_get(j, "version"));
		kernel = json_str(json_get(j, "kernel"));
		threads = json_int(json_get(j, "threads"));
		kernels_text(json_get(j, "kernels_available"), kernels, sizeof(kernels));
		tell(d, "trainer", LEVEL_OK, NULL, "artui-train %s, kernel %s (of %s), %lld threads",
		     version ? version : "?", kernel ? kernel : "?", kernels,
		     (long long)(threads.known ? threads.v : 0));
	}
	json_free(j);
	art_buf_destroy(&b);
}

/* ---- the data ---------------------------------------------------------------------------------- */

static bool plain_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/');
}

/* Hash one file a description names; true when it is as described. */
static bool file_intact(struct doctor *d, const char *dir, const struct json *entry, int *files)
{
	const char *name = json_str(json_get(entry, "file"));
	const char *want = json_str(json_get(entry, "sha256"));
	char path[WORKSPACE_PATH_MAX * 2];
	struct hash_hex is;
	struct art_err err;

	if (!name || !want || !plain_name(name)) {
		tell(d, "data", LEVEL_FAIL, "prepare the data anew",
		     "%s/dataset.json names a file without name or hash", dir);
		return false;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (hash_file(path, &is, &err) != ART_OK) {
		tell(d, "data", LEVEL_FAIL, "prepare the data anew", "%s", err.text);
		return false;
	}
	if (strcmp(is.s, want) != 0) {
		tell(d, "data", LEVEL_FAIL, "prepare the data anew: results on it would not compare",
		     "%s is not what dataset.json says it is", path);
		return false;
	}
	(*files)++;
	return true;
}

static void check_files(struct doctor *d, const char *dir, const struct json *j)
{
	const struct json *splits = json_get(j, "splits");
	const char *sha = json_str(json_get(j, "data_sha256"));
	int files = 0;

	if (!file_intact(d, dir, json_get(j, "tokenizer"), &files))
		return;
	for (int s = 0; s < json_count(splits); s++) {
		const struct json *shards = json_get(json_at(splits, s), "shards");

		for (int i = 0; i < json_count(shards); i++)
			if (!file_intact(d, dir, json_at(shards, i), &files))
				return;
	}
	tell(d, "data", LEVEL_OK, NULL, "%s, %d files with the right hashes, data %.12s", dir, files,
	     sha ? sha : "?");
}

static void check_data(struct doctor *d)
{
	const char *corpus = config_text(d->c->config, CONFIG_DATA_CORPUS_KEY);
	char dir[WORKSPACE_PATH_MAX], path[WORKSPACE_PATH_MAX + 16];
	struct art_buf b;
	struct art_err err;
	struct json *j = NULL;
	enum art_status s;

	if (strchr(corpus, '/'))
		art_copy(dir, sizeof(dir), corpus);
	else
		workspace_path(&d->c->ws, dir, "data/%.200s", corpus);
	snprintf(path, sizeof(path), "%s/dataset.json", dir);
	art_buf_init(&b, DATASET_JSON_MAX);
	s = art_read_file(&b, path, DATASET_JSON_MAX, &err);
	if (s == ART_NOT_FOUND)
		tell(d, "data", LEVEL_WARN, "the first night installs kjv and sotu by itself; a "
		     "directory of your own is made by artui-train prepare", "%s is not there yet",
		     path);
	else if (s != ART_OK || json_parse(&j, b.data ? b.data : "", b.len, DATASET_JSON_MAX,
					   &err) != ART_OK)
		tell(d, "data", LEVEL_FAIL, "prepare the data anew", "%s", err.text);
	else
		check_files(d, dir, j);
	json_free(j);
	art_buf_destroy(&b);
}

/* ---- the workspace ----------------------------------------------------------------------------- */

static void check_store(struct doctor *d)
{
	struct art_buf b;
	struct art_err err;
	int findings = 0;

	art_buf_init(&b, 1u << 20);
	if (workspace_store(&d->c->ws, &d->c->store, 0, 3000, &err) != ART_OK)
		tell(d, "store", LEVEL_FAIL, "move artui.db away, or put a copy back", "%s",
		     err.text);
	else if (store_check(d->c->store, &b, &findings, &err) != ART_OK)
		tell(d, "store", LEVEL_FAIL, "move artui.db away, or put a copy back", "%s",
		     err.text);
	else if (findings)
		tell(d, "store", LEVEL_FAIL, "keep a copy of artui.db and report this",
		     "%d findings: %s", findings, b.data);
	else
		tell(d, "store", LEVEL_OK, NULL, "artui.db is whole, schema %d",
		     store_schema_version());
	art_buf_destroy(&b);
}

static void check_recipe(struct doctor *d)
{
	char path[WORKSPACE_PATH_MAX + 16];
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_buf b;
	struct art_err err;

	snprintf(path, sizeof(path), "%s/recipe.py", d->c->ws.root);
	art_buf_init(&b, RECIPE_MAX_BYTES);
	if (art_read_file(&b, path, RECIPE_MAX_BYTES, &err) != ART_OK)
		tell(d, "recipe", LEVEL_FAIL, "artui-train recipe > recipe.py", "%s", err.text);
	else if (recipe_parse(r, b.data ? b.data : "", b.len, &err) != ART_OK)
		tell(d, "recipe", LEVEL_FAIL, "correct the line", "recipe.py: %s", err.text);
	else
		tell(d, "recipe", r->n ? LEVEL_OK : LEVEL_FAIL, "give it lines NAME = value",
		     "recipe.py, %d constants", r->n);
	art_buf_destroy(&b);
	free(r);
}

static void check_engine(struct doctor *d)
{
	int64_t pid = workspace_engine_pid(&d->c->ws);

	if (pid)
		tell(d, "engine", LEVEL_OK, NULL, "pid %lld has the workspace", (long long)pid);
	else
		tell(d, "engine", LEVEL_OK, NULL, "none runs, the workspace is free");
}

/* ---- money ------------------------------------------------------------------------------------- */

static void check_rules(struct doctor *d)
{
	struct chains *chains = art_alloc(1, sizeof(*chains));
	struct policy policy;
	struct art_err err;
	char a[MONEY_TEXT], b[MONEY_TEXT];

	if (chains_load(chains, d->c->config, &err) != ART_OK ||
	    policy_load(&policy, d->c->config, &err) != ART_OK)
		tell(d, "paying", LEVEL_FAIL, "correct the setting; artui-config(5) tells it", "%s",
		     err.text);
	else
		tell(d, "paying", LEVEL_OK, NULL, "at most %s USDC at once, %s in a night",
		     usdc_text(policy.caps.payment, a), usdc_text(policy.caps.night, b));
	free(chains);
}

static void check_wallet(struct doctor *d)
{
	char state[SIGNER_PATH_MAX];
	struct wallet_list list = { 0 };
	struct art_err err;
	bool frozen = false;

	if (wallet_list(d->c->config, &list, &err) != ART_OK)
		tell(d, "wallet", LEVEL_FAIL, "see that the directory can be read", "%s", err.text);
	else if (!list.n)
		tell(d, "wallet", LEVEL_OK, NULL, "none: nothing is paid for; artui wallet create "
		     "makes one");
	else if (signer_state_dir(state, &err) != ART_OK ||
		 signer_is_frozen(state, &frozen, &err) != ART_OK)
		tell(d, "wallet", LEVEL_FAIL, "see that the directory can be read", "%s", err.text);
	else
		tell(d, "wallet", frozen ? LEVEL_WARN : LEVEL_OK, "artui thaw lets it sign again",
		     "%zu wallet%s%s", list.n, list.n == 1 ? "" : "s", frozen ? ", frozen" : "");
	if (list.broken)
		tell(d, "wallet", LEVEL_WARN, "move other files elsewhere",
		     "%zu files in the directory are no keystores", list.broken);
	wallet_list_destroy(&list);
}

static void check_payments(struct doctor *d)
{
	struct payment_query q = { .unresolved = true };
	struct payment_list list = { 0 };
	struct art_err err;

	if (payment_query(d->c->store, &q, &list, &err) != ART_OK)
		tell(d, "payments", LEVEL_FAIL, "keep a copy of artui.db and report this", "%s",
		     err.text);
	else if (list.n)
		tell(d, "payments", LEVEL_WARN, "artui payments reconcile looks them up",
		     "%zu are open or not seen on the chain yet", list.n);
	else
		tell(d, "payments", LEVEL_OK, NULL, "none is open");
	payment_list_destroy(&list);
}

/* ---- the market ---------------------------------------------------------------------------------- */

static void check_market(struct doctor *d)
{
	struct source_list l = { 0 };
	struct art_err err;
	char text[900] = "", one[SOURCE_TEXT];
	size_t len = 0, failing = 0;

	if (source_list(d->c->store, &l, &err) != ART_OK) {
		tell(d, "market", LEVEL_FAIL, "keep a copy of artui.db and report this", "%s", err.text);
		return;
	}
	for (size_t i = 0; i < l.n; i++) {
		int k = snprintf(text + len, sizeof(text) - len, "%s%s", len ? "; " : "",
				 source_text(&l.rows[i], one));

		failing += l.rows[i].failures > 0;
		if (k < 0 || (size_t)k >= sizeof(text) - len)
			break;
		len += (size_t)k;
	}
	if (!l.n)
		tell(d, "market", LEVEL_OK, NULL, "never asked; artui discover looks for workers");
	else
		/* One that fails is everyday; nobody left to ask is worth a word. */
		tell(d, "market", failing == l.n ? LEVEL_WARN : LEVEL_OK,
		     "no source answers: see that the network is there", "%s", text);
	source_list_destroy(&l);
}

static void check_workspace(struct doctor *d)
{
	struct art_err err;
	enum art_status s = workspace_find(&d->c->ws, NULL, &err);
	bool here = s == ART_OK;

	if (here)
		tell(d, "workspace", LEVEL_OK, NULL, "%s", d->c->ws.root);
	else
		tell(d, "workspace", LEVEL_WARN, "artui init", "%s", err.text);
	s = config_load(&d->c->config, here ? &d->c->ws : NULL, d->c->globals.overrides,
			d->c->globals.n_overrides, &err);
	if (s == ART_OK)
		tell(d, "config", LEVEL_OK, NULL, "read without complaint; artui config shows it");
	else
		tell(d, "config", LEVEL_FAIL, "correct the line; artui-config(5) lists the keys",
		     "%s", err.text);
	check_disk(d, here ? d->c->ws.dir : ".");
	if (s == ART_OK) {
		check_rules(d);
		check_wallet(d);
	}
	/* Outside of a workspace, the ledger that paying here would use. */
	if (!here && purse_user_ledger(&d->c->ws, false, NULL) != ART_OK)
		return;
	check_store(d);
	if (d->c->store) {
		check_payments(d);
		check_market(d);
	}
	if (!here)
		return;
	check_recipe(d);
	check_engine(d);
	if (s == ART_OK && !*config_text(d->c->config, CONFIG_TRAIN_COMMAND_KEY))
		check_data(d);
}

int cmd_doctor(struct cli *c, const struct cli_args *a)
{
	struct doctor d = { .c = c, .json = cli_given(a, "json") };

	if (d.json)
		cli_array_open(&d.o, &d.b);
	check_terminal(&d);
	check_locale(&d);
	check_workspace(&d);
	check_trainer(&d);
	if (d.json)
		cli_array_close(c, &d.o);
	return d.worst == LEVEL_FAIL ? CLI_FAILED : CLI_DONE;
}
