/* theme.c - see theme.h. Colour arithmetic follows xterm's 256-colour palette: 16 named colours,
 * a 6x6x6 cube with levels 0, 95, 135, 175, 215, 255, and 24 greys 8, 18, ... 238. */
#include "tui/screen/theme.h"

#include <stdlib.h>
#include <string.h>

struct role_entry {
	const char *name, *def, *help;
};

static const struct role_entry roles[ROLE_COUNT] = {
#define THEME_ROLE_ENTRY(id, text, style, what) [ROLE_##id] = { text, style, what },
	THEME_ROLE_LIST(THEME_ROLE_ENTRY)
#undef THEME_ROLE_ENTRY
};

static const char *const colour_names[16] = {
	"black",	"red",		"green",	"yellow",
	"blue",		"magenta",	"cyan",		"white",
	"bright-black", "bright-red",	"bright-green", "bright-yellow",
	"bright-blue",	"bright-magenta", "bright-cyan", "bright-white",
};

/* The usual look of the 16 named colours, to find the nearest. */
static const unsigned char colour_rgb[16][3] = {
	{ 0, 0, 0 },	   { 205, 0, 0 },    { 0, 205, 0 },   { 205, 205, 0 },
	{ 30, 60, 205 },   { 205, 0, 205 },  { 0, 205, 205 }, { 229, 229, 229 },
	{ 127, 127, 127 }, { 255, 90, 90 },  { 90, 255, 90 }, { 255, 255, 90 },
	{ 100, 140, 255 }, { 255, 90, 255 }, { 90, 255, 255 }, { 255, 255, 255 },
};

static const unsigned char cube_level[6] = { 0, 95, 135, 175, 215, 255 };

struct attr_entry {
	const char *name;
	unsigned bit;
};
static const struct attr_entry attr_names[] = {
	{ "bold", THEME_BOLD },		  { "dim", THEME_DIM },	    { "italic", THEME_ITALIC },
	{ "underline", THEME_UNDERLINE }, { "reverse", THEME_REVERSE }, { "-", 0 },
};

const char *theme_role_name(enum theme_role r)
{
	ART_BUG_ON((unsigned)r >= ROLE_COUNT);
	return roles[r].name;
}

const char *theme_role_help(enum theme_role r)
{
	ART_BUG_ON((unsigned)r >= ROLE_COUNT);
	return roles[r].help;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool parse_rgb(const char *s, struct theme_colour *out)
{
	int v[6];

	if (strlen(s) != 7)
		return false;
	for (int i = 0; i < 6; i++) {
		v[i] = hex_digit(s[1 + i]);
		if (v[i] < 0)
			return false;
	}
	out->kind = THEME_RGB;
	out->r = (unsigned char)(v[0] * 16 + v[1]);
	out->g = (unsigned char)(v[2] * 16 + v[3]);
	out->b = (unsigned char)(v[4] * 16 + v[5]);
	return true;
}

static bool parse_colour(const char *s, struct theme_colour *out)
{
	int64_t n;

	memset(out, 0, sizeof(*out));
	if (s[0] == '#')
		return parse_rgb(s, out);
	if (!strcmp(s, "default"))
		return true;
	for (int i = 0; i < 16; i++) {
		if (!strcmp(s, colour_names[i])) {
			out->kind = THEME_INDEX;
			out->index = (unsigned char)i;
			return true;
		}
	}
	if (s[0] >= '0' && s[0] <= '9' && art_parse_i64(s, &n) && n <= 255) {
		out->kind = THEME_INDEX;
		out->index = (unsigned char)n;
		return true;
	}
	return false;
}

/* Cut the next word of *@p; NULL at the end. */
static char *next_word(char **p)
{
	char *s = *p + strspn(*p, " \t\r");
	size_t n = strcspn(s, " \t\r");

	if (n == 0)
		return NULL;
	*p = s + n;
	if (**p)
		*(*p)++ = '\0';
	return s;
}

static enum art_status parse_style(struct theme_style *st, char *text, const char *name, int line,
				   struct art_err *err)
{
	struct theme_colour *part[2] = { &st->fg, &st->bg };
	char *w;

	st->attrs = 0;
	for (int i = 0; i < 2; i++) {
		w = next_word(&text);
		if (!w)
			return art_fail(err, ART_INVALID,
					"%s:%d: a style is FOREGROUND BACKGROUND [ATTRIBUTE ...]",
					name, line);
		if (!parse_colour(w, part[i]))
			return art_fail(err, ART_INVALID, "%s:%d: unknown colour \"%.40s\"", name,
					line, w);
	}
	while ((w = next_word(&text))) {
		size_t i;

		for (i = 0; i < ART_COUNT(attr_names); i++) {
			if (!strcmp(w, attr_names[i].name))
				break;
		}
		if (i == ART_COUNT(attr_names))
			return art_fail(err, ART_INVALID, "%s:%d: unknown attribute \"%.40s\"", name,
					line, w);
		st->attrs |= attr_names[i].bit;
	}
	return ART_OK;
}

/* A comment begins at a '#' at the start of a line, or at one between blanks: "#5fd787" is a colour. */
static void cut_comment(char *line)
{
	for (char *p = line; *p; p++) {
		bool first = p == line + strspn(line, " \t");

		if (*p == '#' && (first || ((p[-1] == ' ' || p[-1] == '\t') &&
					    (p[1] == ' ' || p[1] == '\t' || p[1] == '\0')))) {
			*p = '\0';
			return;
		}
	}
}

static enum art_status parse_line(struct theme *t, char *text, const char *name, int line,
				  int seen[ROLE_COUNT], struct art_err *err)
{
	char *eq, *role;

	cut_comment(text);
	eq = strchr(text, '=');
	if (!eq) {
		if (next_word(&text))
			return art_fail(err, ART_INVALID, "%s:%d: expected ROLE = FOREGROUND BACKGROUND",
					name, line);
		return ART_OK;
	}
	*eq = '\0';
	role = next_word(&text);
	if (!role || next_word(&text))
		return art_fail(err, ART_INVALID, "%s:%d: expected one role before \"=\"", name, line);
	for (int r = 0; r < ROLE_COUNT; r++) {
		if (strcmp(role, roles[r].name))
			continue;
		if (seen[r])
			return art_fail(err, ART_INVALID, "%s:%d: role \"%s\" was given in line %d already",
					name, line, role, seen[r]);
		seen[r] = line;
		return parse_style(&t->style[r], eq + 1, name, line, err);
	}
	return art_fail(err, ART_INVALID, "%s:%d: unknown role \"%.40s\"", name, line, role);
}

void theme_default(struct theme *t)
{
	memset(t, 0, sizeof(*t));
	art_copy(t->name, sizeof(t->name), "default");
	for (int r = 0; r < ROLE_COUNT; r++) {
		char text[64];

		ART_BUG_ON(!art_copy(text, sizeof(text), roles[r].def));
		ART_BUG_ON(parse_style(&t->style[r], text, "built in", r, NULL) != ART_OK);
	}
}

enum art_status theme_parse(struct theme *t, const char *text, size_t len, const char *name,
			    struct art_err *err)
{
	int seen[ROLE_COUNT] = { 0 };
	enum art_status rc = ART_OK;
	int line = 0;

	theme_default(t);
	if (memchr(text, '\0', len))
		return art_fail(err, ART_INVALID, "%s: not a theme: it holds NUL bytes", name);
	while (len > 0 && rc == ART_OK) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		char buf[512];

		line++;
		if (n >= sizeof(buf))
			return art_fail(err, ART_INVALID, "%s:%d: the line is longer than %zu bytes",
					name, line, sizeof(buf) - 1);
		memcpy(buf, text, n);
		buf[n] = '\0';
		rc = parse_line(t, buf, name, line, seen, err);
		text += n + (end ? 1 : 0);
		len -= n + (end ? 1 : 0);
	}
	return rc;
}

static enum art_status load_path(struct theme *t, const char *path, struct art_err *err)
{
	struct art_buf b;
	enum art_status rc;

	art_buf_init(&b, THEME_FILE_MAX);
	rc = art_read_file(&b, path, THEME_FILE_MAX, err);
	if (rc == ART_OK)
		rc = theme_parse(t, b.data ? b.data : "", b.len, path, err);
	art_buf_destroy(&b);
	return rc;
}

enum art_status theme_load(struct theme *t, const char *name, const char *const *dirs, int n_dirs,
			   struct art_err *err)
{
	enum art_status rc;

	theme_default(t);
	if (strchr(name, '/')) {
		rc = load_path(t, name, err);
		art_copy(t->name, sizeof(t->name), strrchr(name, '/') + 1);
		return rc;
	}
	for (int i = 0; i < n_dirs; i++) {
		struct art_err why;
		char *path;

		if (!dirs[i])
			continue;
		path = art_printf("%s/%s.theme", dirs[i], name);
		rc = load_path(t, path, &why);
		free(path);
		if (rc == ART_OK)
			art_copy(t->name, sizeof(t->name), name);
		else if (rc != ART_NOT_FOUND && err)
			*err = why;
		if (rc != ART_NOT_FOUND)
			return rc;
	}
	theme_default(t);
	if (!strcmp(name, "default"))
		return ART_OK;
	if (!strcmp(name, "mono")) {
		theme_without_colour(t);
		art_copy(t->name, sizeof(t->name), name);
		return ART_OK;
	}
	return art_fail(err, ART_NOT_FOUND, "there is no theme \"%.60s\"", name);
}

static void to_rgb(struct theme_colour c, int rgb[3])
{
	if (c.kind == THEME_RGB) {
		rgb[0] = c.r, rgb[1] = c.g, rgb[2] = c.b;
	} else if (c.index < 16) {
		for (int i = 0; i < 3; i++)
			rgb[i] = colour_rgb[c.index][i];
	} else if (c.index < 232) {
		int v = c.index - 16;

		rgb[0] = cube_level[v / 36];
		rgb[1] = cube_level[v / 6 % 6];
		rgb[2] = cube_level[v % 6];
	} else {
		rgb[0] = rgb[1] = rgb[2] = 8 + 10 * (c.index - 232);
	}
}

static int distance(const int a[3], const int b[3])
{
	int dr = a[0] - b[0], dg = a[1] - b[1], db = a[2] - b[2];

	/* the eye weighs green most; the weights are the usual integer approximation */
	return 3 * dr * dr + 6 * dg * dg + 2 * db * db;
}

static int nearest_named(const int rgb[3], int n)
{
	int best = 0, best_d = -1;

	for (int i = 0; i < n; i++) {
		int c[3] = { colour_rgb[i][0], colour_rgb[i][1], colour_rgb[i][2] };
		int d = distance(rgb, c);

		if (best_d < 0 || d < best_d)
			best = i, best_d = d;
	}
	return best;
}

static int nearest_256(const int rgb[3])
{
	int best = 16, best_d = -1;

	/* not among the first 16: terminals show those as they please */
	for (int i = 16; i < 256; i++) {
		int c[3], d;

		to_rgb((struct theme_colour){ .kind = THEME_INDEX, .index = (unsigned char)i }, c);
		d = distance(rgb, c);
		if (best_d < 0 || d < best_d)
			best = i, best_d = d;
	}
	return best;
}

int theme_quantise(struct theme_colour c, int colours)
{
	int rgb[3];

	if (c.kind == THEME_DEFAULT || colours < 8)
		return -1;
	/* direct-colour terminals keep the first 8 numbers for the named colours */
	if (colours > 256 && c.kind == THEME_INDEX && c.index < 8)
		return c.index;
	if (colours <= 256 && c.kind == THEME_INDEX && c.index < colours)
		return c.index;
	to_rgb(c, rgb);
	if (colours > 256)
		return rgb[0] << 16 | rgb[1] << 8 | rgb[2];
	if (colours == 256)
		return nearest_256(rgb);
	return nearest_named(rgb, colours >= 16 ? 16 : 8);
}

void theme_without_colour(struct theme *t)
{
	for (int r = 0; r < ROLE_COUNT; r++) {
		struct theme_style *s = &t->style[r];

		if (s->bg.kind != THEME_DEFAULT)
			s->attrs |= THEME_REVERSE;
		memset(&s->fg, 0, sizeof(s->fg));
		memset(&s->bg, 0, sizeof(s->bg));
	}
}
