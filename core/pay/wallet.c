/*
 * wallet.c - the directory of key files, and which wallet a command means.
 *
 * Layer: core.
 */
#include "core/pay/wallet.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALLETS_MAX 1000
#define ENDING ".json"

bool wallet_name_ok(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || strlen(name) >= WALLET_NAME_MAX)
		return false;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	return true;
}

enum art_status wallet_dir(const struct config *c, char out[WALLET_PATH_MAX], bool make,
			   struct art_err *err)
{
	const char *set = config_text(c, CONFIG_WALLET_DIR_KEY);
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	if (*set)
		n = snprintf(out, WALLET_PATH_MAX, "%s", set);
	else if (data && data[0] == '/')
		n = snprintf(out, WALLET_PATH_MAX, "%s/artui/keystores", data);
	else if (home && home[0] == '/')
		n = snprintf(out, WALLET_PATH_MAX, "%s/.local/share/artui/keystores", home);
	else
		return art_fail(err, ART_NOT_FOUND, "no place for wallets: set HOME or wallet.dir");
	if (n >= WALLET_PATH_MAX - WALLET_NAME_MAX - 16)
		return art_fail(err, ART_LIMIT, "the path of the wallets' directory is too long");
	return make ? art_mkdirs(out, 0700, err) : ART_OK;
}

/* ---- listing ----------------------------------------------------------------------------------- */

/* Name and address of the keystore file @path. INVALID when it is none. */
static enum art_status read_ref(const char *path, struct wallet_ref *out, struct art_err *err)
{
	const char *base = strrchr(path, '/');
	struct art_buf text;
	enum art_status s;
	size_t n;

	memset(out, 0, sizeof(*out));
	base = base ? base + 1 : path;
	n = strlen(base);
	if (n > strlen(ENDING) && !strcmp(base + n - strlen(ENDING), ENDING))
		n -= strlen(ENDING);
	snprintf(out->name, sizeof(out->name), "%.*s", n < sizeof(out->name) ? (int)n : 63, base);
	if (!art_copy(out->path, sizeof(out->path), path))
		return art_fail(err, ART_LIMIT, "the path of a wallet is too long");
	art_buf_init(&text, KEYSTORE_FILE_MAX);
	s = art_read_file(&text, path, KEYSTORE_FILE_MAX, err);
	if (s == ART_OK) {
		s = keystore_address(text.data, text.len, &out->address, err);
		out->address_known = s == ART_OK;
		if (s == ART_NOT_FOUND)
			s = ART_OK;
	}
	art_buf_destroy(&text);
	return s;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct wallet_ref *)a)->name, ((const struct wallet_ref *)b)->name);
}

static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

enum art_status wallet_list(const struct config *c, struct wallet_list *out, struct art_err *err)
{
	char dir[WALLET_PATH_MAX], path[WALLET_PATH_MAX + 256];
	struct dirent *e;
	DIR *d;
	enum art_status s;

	*out = (struct wallet_list){ 0 };
	s = wallet_dir(c, dir, false, err);
	if (s != ART_OK)
		return s;
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? ART_OK : art_fail_errno(err, "%s", dir);
	while ((e = readdir(d)) && out->n < WALLETS_MAX) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.' || !is_regular(path))
			continue;
		out->rows = art_grow(out->rows, out->n + 1, sizeof(*out->rows));
		if (read_ref(path, &out->rows[out->n], NULL) == ART_OK)
			out->n++;
		else
			out->broken++;
	}
	closedir(d);
	if (out->n)
		qsort(out->rows, out->n, sizeof(*out->rows), by_name);
	return ART_OK;
}

void wallet_list_destroy(struct wallet_list *l)
{
	free(l->rows);
	*l = (struct wallet_list){ 0 };
}

/* ---- finding ----------------------------------------------------------------------------------- */

static enum art_status name_all(const struct wallet_list *l, struct art_err *err)
{
	char names[160] = "";

	for (size_t i = 0; i < l->n; i++) {
		size_t n = strlen(names);

		snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", l->rows[i].name);
	}
	return art_fail(err, ART_CONFLICT, "several wallets are there: choose one with --wallet or "
			"wallet.name (%s)", names);
}

static enum art_status find_among(const struct wallet_list *l, const char *which,
				  struct wallet_ref *out, struct art_err *err)
{
	struct eth_address a;
	bool is_address = which && eth_address_parse(which, &a, NULL) == ART_OK;

	if (!which || !*which) {
		if (l->n > 1)
			return name_all(l, err);
		if (!l->n)
			return art_fail(err, ART_NOT_FOUND, "there is no wallet yet: artui wallet create "
					"makes one, artui wallet import takes one over");
		*out = l->rows[0];
		return ART_OK;
	}
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->rows[i].name, which) ||
		    (is_address && l->rows[i].address_known &&
		     eth_address_equal(&a, &l->rows[i].address))) {
			*out = l->rows[i];
			return ART_OK;
		}
	return art_fail(err, ART_NOT_FOUND, "there is no wallet \"%.60s\": artui wallet list shows them",
			which);
}

enum art_status wallet_find(const struct config *c, const char *which, struct wallet_ref *out,
			    struct art_err *err)
{
	struct wallet_list l = { 0 };
	struct art_err why = { 0 };
	enum art_status s;

	if (!which || !*which)
		which = config_text(c, CONFIG_WALLET_NAME_KEY);
	if (strchr(which, '/')) {
		s = read_ref(which, out, &why);
		return s == ART_OK ? s : art_fail(err, s, "%.80s: %.150s", which, why.text);
	}
	s = wallet_list(c, &l, err);
	if (s == ART_OK)
		s = find_among(&l, which, out, err);
	wallet_list_destroy(&l);
	return s;
}

/* ---- adding ------------------------------------------------------------------------------------ */

static enum art_status check_free(const struct wallet_list *l, const char *name,
				  const struct eth_address *address, struct art_err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->rows[i].name, name))
			return art_fail(err, ART_CONFLICT, "a wallet \"%s\" is there already", name);
		if (l->rows[i].address_known && eth_address_equal(&l->rows[i].address, address))
			return art_fail(err, ART_CONFLICT, "the wallet \"%s\" has that address already",
					l->rows[i].name);
	}
	return ART_OK;
}

/* A key whose name is lost in a crash is lost, and with it what was sent to its address meanwhile. */
static enum art_status sync_dir(const char *dir, struct art_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum art_status s = ART_OK;

	if (fd < 0 || fsync(fd))
		s = art_fail_errno(err, "%s", dir);
	if (fd >= 0)
		close(fd);
	return s;
}

/* The finished file appears under its name at once, and never over another one. */
static enum art_status put_file(const char *dir, const char *path, const char *text, size_t len,
				struct art_err *err)
{
	char temp[WALLET_PATH_MAX + 64];
	enum art_status s;

	snprintf(temp, sizeof(temp), "%s/.new-%ld", dir, (long)getpid());
	s = art_write_file(temp, text, len, 0600, err);
	if (s == ART_OK && link(temp, path))
		s = errno == EEXIST ? art_fail(err, ART_CONFLICT, "%s is there already", path)
				    : art_fail_errno(err, "%s", path);
	unlink(temp);
	return s ? s : sync_dir(dir, err);
}

enum art_status wallet_add(const struct config *c, const char *name, const struct eth_address *address,
			   const char *text, size_t len, struct wallet_ref *out, struct art_err *err)
{
	char dir[WALLET_PATH_MAX];
	struct wallet_list l = { 0 };
	enum art_status s;

	if (!wallet_name_ok(name))
		return art_fail(err, ART_INVALID, "\"%.60s\" is no name for a wallet: a letter or digit, "
				"then letters, digits, - _ .", name);
	s = wallet_dir(c, dir, true, err);
	s = s ? s : wallet_list(c, &l, err);
	s = s ? s : check_free(&l, name, address, err);
	wallet_list_destroy(&l);
	if (s != ART_OK)
		return s;
	*out = (struct wallet_ref){ .address = *address, .address_known = true };
	art_copy(out->name, sizeof(out->name), name);
	snprintf(out->path, sizeof(out->path), "%.900s/%s" ENDING, dir, name);
	return put_file(dir, out->path, text, len, err);
}
