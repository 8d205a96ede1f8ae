/*
 * config.c - the settings table, its INI files and its -c options.
 *
 * Layer: core; the one file that sees inih. inih as Debian builds it gives its handler no line
 * number, cuts values at " ;" and joins indented lines: the reader below counts lines and refuses
 * what would be changed silently, so that a shell command is run as it was written or not at all.
 */
#include "core/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/knobs.h"

#define CONFIG_FILE_MAX (256u << 10)
#define CONFIG_ORIGIN_MAX (WORKSPACE_PATH_MAX + 16)
#define CONFIG_NAME_MAX 64
#define CHAIN_NAME_ROOM 32

struct config_value {
	char *text;
	int64_t i;
	double d;
	struct usdc money;
	char origin[CONFIG_ORIGIN_MAX];
	int file; /* number of the file that set it last; a key twice in one file is a mistake */
};

struct config_chain_section {
	char name[CONFIG_NAME_MAX];
	struct config_value v[CONFIG_CHAIN_FIELD_COUNT];
};

struct config {
	struct config_value v[CONFIG_KEY_COUNT];
	struct config_chain_section chains[CONFIG_CHAINS_MAX];
	int n_chains;
};

static const char *const chain_fields[CONFIG_CHAIN_FIELD_COUNT] = {
#define CONFIG_CHAIN_NAME(id, name, help) [CONFIG_CHAIN_##id] = name,
	CONFIG_CHAIN_FIELDS(CONFIG_CHAIN_NAME)
#undef CONFIG_CHAIN_NAME
};

static const char *const chain_helps[CONFIG_CHAIN_FIELD_COUNT] = {
#define CONFIG_CHAIN_HELP(id, name, help) [CONFIG_CHAIN_##id] = help,
	CONFIG_CHAIN_FIELDS(CONFIG_CHAIN_HELP)
#undef CONFIG_CHAIN_HELP
};

static const struct config_entry entries[CONFIG_KEY_COUNT] = {
#define CONFIG_ENTRY(id, name, type, def, lo, hi, help)                                            \
	[CONFIG_##id##_KEY] = { name, type, def, lo, hi, help },
	CONFIG_LIST(CONFIG_ENTRY)
#undef CONFIG_ENTRY
};

const struct config_entry *config_entry(enum config_key k)
{
	ART_BUG_ON((unsigned)k >= CONFIG_KEY_COUNT);
	return &entries[k];
}

static int key_find(const char *name)
{
	for (int k = 0; k < CONFIG_KEY_COUNT; k++)
		if (!strcmp(entries[k].name, name))
			return k;
	return -1;
}

static bool parse_bool(const char *s, int64_t *out)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	for (size_t i = 0; i < ART_COUNT(yes); i++) {
		if (!strcasecmp(s, yes[i])) {
			*out = 1;
			return true;
		}
		if (!strcasecmp(s, no[i])) {
			*out = 0;
			return true;
		}
	}
	return false;
}

static bool in_words(const char *s, const char *words)
{
	size_t n = strlen(s);

	for (const char *p = words; *p;) {
		size_t m = strcspn(p, " ");
		if (m == n && !memcmp(p, s, n))
			return true;
		p += m;
		p += strspn(p, " ");
	}
	return false;
}

/* What a text key must be beyond text. @why gets the rule. */
static bool text_fits(enum config_key k, const char *s, char *why, size_t why_size)
{
	const char *words = NULL;

	if (k == CONFIG_TRAIN_KERNEL_KEY)
		words = "auto plain avx2 avx512 avx512bf16 avx512fp16 amx";
	else if (k == CONFIG_SEARCH_SCREEN_KEY)
		words = "min mean sigma";
	if (words && !in_words(s, words)) {
		snprintf(why, why_size, "must be one of: %s", words);
		return false;
	}
	if (k == CONFIG_SEARCH_KNOBS_KEY) {
		for (const char *p = s + strspn(s, " ,\t"); *p; p += strspn(p, " ,\t")) {
			char name[CONFIG_NAME_MAX];
			size_t n = strcspn(p, " ,\t");
			snprintf(name, sizeof(name), "%.*s", (int)(n < 60 ? n : 60), p);
			if (!knob_by_name(name)) {
				snprintf(why, why_size, "names %s, which is no constant the search knows",
					 name);
				return false;
			}
			p += n;
		}
	}
	return true;
}

static enum art_status value_set(struct config *c, enum config_key k, const char *text,
				 const char *origin, struct art_err *err)
{
	const struct config_entry *e = &entries[k];
	struct config_value *v = &c->v[k];
	int64_t i = 0;
	double d = 0;
	char why[128] = "";
	char lo[32], hi[32];

	switch (e->type) {
	case CONFIG_TEXT:
		if (!text_fits(k, text, why, sizeof(why)))
			return art_fail(err, ART_INVALID, "%s: %s %s", origin, e->name, why);
		break;
	case CONFIG_INT:
		if (!art_parse_i64(text, &i))
			return art_fail(err, ART_INVALID, "%s: %s must be a whole number, not \"%s\"",
					origin, e->name, text);
		d = (double)i;
		break;
	case CONFIG_REAL:
		if (!art_parse_f64(text, &d))
			return art_fail(err, ART_INVALID, "%s: %s must be a number, not \"%s\"", origin,
					e->name, text);
		break;
	case CONFIG_MONEY:
		if (usdc_parse(text, &v->money, NULL))
			return art_fail(err, ART_INVALID,
					"%s: %s must be dollars like 0.05 with at most 6 decimals, not \"%s\"",
					origin, e->name, text);
		break;
	case CONFIG_BOOL:
		if (!parse_bool(text, &i))
			return art_fail(err, ART_INVALID, "%s: %s must be true or false, not \"%s\"",
					origin, e->name, text);
		break;
	}
	if ((e->type == CONFIG_INT || e->type == CONFIG_REAL) && (d < e->lo || d > e->hi))
		return art_fail(err, ART_INVALID, "%s: %s must be from %s to %s, not %s", origin,
				e->name, art_f64_text(e->lo, lo, sizeof(lo)),
				art_f64_text(e->hi, hi, sizeof(hi)), text);
	free(v->text);
	v->text = art_strdup(text);
	v->i = i;
	v->d = d;
	art_copy(v->origin, sizeof(v->origin), origin);
	return ART_OK;
}

static bool chain_name_ok(const char *s, size_t n)
{
	if (!n || n >= CHAIN_NAME_ROOM)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s[i]))
			return false;
	return true;
}

/*
 * The place of "chain.NAME.FIELD", its section made when new. NULL and OK: @name is no such key.
 */
static enum art_status chain_value(struct config *c, const char *name, const char *origin,
				   struct config_value **out, struct art_err *err)
{
	const char *dot = strncmp(name, "chain.", 6) ? NULL : strrchr(name + 6, '.');
	struct config_chain_section *at = NULL;
	size_t n;
	int f = 0;

	*out = NULL;
	if (!dot)
		return ART_OK;
	n = (size_t)(dot - (name + 6));
	while (f < CONFIG_CHAIN_FIELD_COUNT && strcmp(chain_fields[f], dot + 1))
		f++;
	if (f == CONFIG_CHAIN_FIELD_COUNT)
		return art_fail(err, ART_INVALID, "%s: %s: a chain has no setting %s", origin, name,
				dot + 1);
	if (!chain_name_ok(name + 6, n))
		return art_fail(err, ART_INVALID,
				"%s: %s: a chain's name is lower-case letters, digits and dashes, "
				"at most %d", origin, name, CHAIN_NAME_ROOM - 1);
	for (int i = 0; i < c->n_chains; i++)
		if (strlen(c->chains[i].name) == n && !memcmp(c->chains[i].name, name + 6, n))
			at = &c->chains[i];
	if (!at && c->n_chains == CONFIG_CHAINS_MAX)
		return art_fail(err, ART_LIMIT, "%s: more than %d chains", origin, CONFIG_CHAINS_MAX);
	if (!at) {
		at = &c->chains[c->n_chains++];
		memcpy(at->name, name + 6, n);
		at->name[n] = 0;
	}
	*out = &at->v[f];
	return ART_OK;
}

static void chain_value_set(struct config_value *v, const char *text, const char *origin, int file)
{
	free(v->text);
	v->text = art_strdup(text);
	v->file = file;
	art_copy(v->origin, sizeof(v->origin), origin);
}

/* One file being read: the text, where in it, and the first thing wrong with it. */
struct reading {
	struct config *c;
	const char *path;
	const char *p;
	int line, file;
	enum art_status st;
	struct art_err *err;
};

static enum art_status reading_fail(struct reading *r, const char *what)
{
	if (r->st == ART_OK)
		r->st = art_fail(r->err, ART_INVALID, "%s:%d: %s", r->path, r->line, what);
	return r->st;
}

/* inih's fgets: one line at a time, counted, and checked for what inih would change. */
static char *reading_line(char *buf, int size, void *stream)
{
	struct reading *r = stream;
	size_t n = strcspn(r->p, "\n");
	const char *eq;

	if (!*r->p || r->st)
		return NULL;
	r->line++;
	if (n + 2 > (size_t)size) {
		reading_fail(r, "line is too long; put a long command into a script");
		return NULL;
	}
	memcpy(buf, r->p, n);
	buf[n] = 0;
	r->p += n + (r->p[n] == '\n');
	if (n && buf[n - 1] == '\r')
		buf[n - 1] = 0;
	eq = strchr(buf, '=');
	if (strchr(" \t", buf[0]) && buf[0] && buf[strspn(buf, " \t")])
		reading_fail(r, "a line may not begin with white space");
	else if (eq && buf[0] != ';' && buf[0] != '#' && (strstr(eq, " ;") || strstr(eq, "\t;")))
		reading_fail(r, "\" ;\" would begin a comment here: comments stand on their own line, "
				"and commands are joined with && or put into a script");
	return r->st ? NULL : buf;
}

static int reading_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	char key[2 * CONFIG_NAME_MAX], origin[CONFIG_ORIGIN_MAX], text[96];
	struct config_value *chain;
	int k;

	if (r->st)
		return 0;
	snprintf(key, sizeof(key), "%.63s.%.62s", section, name);
	snprintf(origin, sizeof(origin), "%s:%d", r->path, r->line);
	r->st = chain_value(r->c, key, origin, &chain, r->err);
	if (r->st)
		return 0;
	if (chain) {
		if (chain->file == r->file) {
			snprintf(text, sizeof(text), "%.80s is set twice", key);
			reading_fail(r, text);
			return 0;
		}
		chain_value_set(chain, value, origin, r->file);
		return 1;
	}
	k = key_find(section[0] ? key : name);
	if (k < 0) {
		snprintf(text, sizeof(text), "unknown setting %.60s", section[0] ? key : name);
		reading_fail(r, text);
		return 0;
	}
	if (r->c->v[k].file == r->file) {
		snprintf(text, sizeof(text), "%.60s is set twice", entries[k].name);
		reading_fail(r, text);
		return 0;
	}
	r->st = value_set(r->c, (enum config_key)k, value, origin, r->err);
	r->c->v[k].file = r->file;
	return r->st ? 0 : 1;
}

/* A missing file is fine. */
static enum art_status file_read(struct config *c, const char *path, int number,
				 struct art_err *err)
{
	struct reading r = { .c = c, .path = path, .file = number, .err = err };
	struct art_buf b;
	enum art_status st;
	int bad;

	art_buf_init(&b, CONFIG_FILE_MAX);
	st = art_read_file(&b, path, CONFIG_FILE_MAX, err);
	if (st == ART_NOT_FOUND) {
		art_buf_destroy(&b);
		return ART_OK;
	}
	if (st)
		goto out;
	if (b.len && strlen(b.data) != b.len) {
		st = art_fail(err, ART_INVALID, "%s: holds a NUL byte", path);
		goto out;
	}
	r.p = b.data ? b.data : "";
	bad = ini_parse_stream(reading_line, &r, reading_value, &r);
	if (r.st == ART_OK && bad)
		r.st = art_fail(err, ART_INVALID,
				"%s:%d: neither a [section], a setting \"key = value\" nor a # comment",
				path, bad > 0 ? bad : r.line);
	st = r.st;
out:
	art_buf_destroy(&b);
	return st;
}

static enum art_status override_set(struct config *c, const char *text, struct art_err *err)
{
	const char *eq = strchr(text, '=');
	char key[2 * CONFIG_NAME_MAX];
	struct config_value *chain;
	size_t n, m;
	char *value;
	int k;
	enum art_status st;

	if (!eq)
		return art_fail(err, ART_INVALID, "-c %.100s: must be section.key=value", text);
	n = (size_t)(eq - text);
	while (n && strchr(" \t", text[n - 1]))
		n--;
	snprintf(key, sizeof(key), "%.*s", (int)(n < sizeof(key) ? n : sizeof(key)), text);
	st = chain_value(c, key, "-c", &chain, err);
	if (st)
		return st;
	k = key_find(key);
	if (!chain && k < 0)
		return art_fail(err, ART_INVALID, "-c %.100s: unknown setting %s", text, key);
	eq += 1 + strspn(eq + 1, " \t");
	value = art_strdup(eq);
	m = strlen(value);
	while (m && strchr(" \t", value[m - 1]))
		value[--m] = 0;
	if (chain)
		chain_value_set(chain, value, "-c", 0);
	else
		st = value_set(c, (enum config_key)k, value, "-c", err);
	free(value);
	return st;
}

enum art_status config_load(struct config **out, const struct workspace *w,
			    const char *const *overrides, int n_overrides, struct art_err *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct config *c = art_alloc(1, sizeof(*c));
	char path[WORKSPACE_PATH_MAX];
	enum art_status st = ART_OK;

	for (int k = 0; k < CONFIG_KEY_COUNT; k++)
		ART_BUG_ON(value_set(c, (enum config_key)k, entries[k].def, "default", NULL));
	if (xdg && xdg[0] == '/')
		snprintf(path, sizeof(path), "%s/artui/config", xdg);
	else if (home && home[0])
		snprintf(path, sizeof(path), "%s/.config/artui/config", home);
	else
		path[0] = 0;
	if (path[0])
		st = file_read(c, path, 1, err);
	if (st == ART_OK && w)
		st = file_read(c, workspace_path(w, path, "config"), 2, err);
	for (int i = 0; i < n_overrides && st == ART_OK; i++)
		st = override_set(c, overrides[i], err);
	if (st) {
		config_free(c);
		return st;
	}
	*out = c;
	return ART_OK;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (int k = 0; k < CONFIG_KEY_COUNT; k++)
		free(c->v[k].text);
	for (int i = 0; i < c->n_chains; i++)
		for (int f = 0; f < CONFIG_CHAIN_FIELD_COUNT; f++)
			free(c->chains[i].v[f].text);
	free(c);
}

static const struct config_value *value_get(const struct config *c, enum config_key k,
					    enum config_type type)
{
	ART_BUG_ON((unsigned)k >= CONFIG_KEY_COUNT || entries[k].type != type);
	return &c->v[k];
}

const char *config_text(const struct config *c, enum config_key k)
{
	ART_BUG_ON((unsigned)k >= CONFIG_KEY_COUNT);
	return c->v[k].text;
}

int64_t config_int(const struct config *c, enum config_key k)
{
	return value_get(c, k, CONFIG_INT)->i;
}

double config_real(const struct config *c, enum config_key k)
{
	return value_get(c, k, CONFIG_REAL)->d;
}

bool config_bool(const struct config *c, enum config_key k)
{
	return value_get(c, k, CONFIG_BOOL)->i != 0;
}

const char *config_origin(const struct config *c, enum config_key k)
{
	ART_BUG_ON((unsigned)k >= CONFIG_KEY_COUNT);
	return c->v[k].origin;
}

struct usdc config_money(const struct config *c, enum config_key k)
{
	return value_get(c, k, CONFIG_MONEY)->money;
}

int config_chain_count(const struct config *c)
{
	return c->n_chains;
}

const char *config_chain_name(const struct config *c, int i)
{
	ART_BUG_ON(i < 0 || i >= c->n_chains);
	return c->chains[i].name;
}

const char *config_chain(const struct config *c, int i, enum config_chain_field f,
			 const char **origin)
{
	ART_BUG_ON(i < 0 || i >= c->n_chains || (unsigned)f >= CONFIG_CHAIN_FIELD_COUNT);
	if (origin)
		*origin = c->chains[i].v[f].origin;
	return c->chains[i].v[f].text;
}

const char *config_chain_field_name(enum config_chain_field f)
{
	ART_BUG_ON((unsigned)f >= CONFIG_CHAIN_FIELD_COUNT);
	return chain_fields[f];
}

const char *config_chain_field_help(enum config_chain_field f)
{
	ART_BUG_ON((unsigned)f >= CONFIG_CHAIN_FIELD_COUNT);
	return chain_helps[f];
}
