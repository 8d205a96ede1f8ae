/*
 * test_wallet.c - the directory of key files, passwords from files, descriptors and a terminal, raw keys.
 *
 * The terminal is a pseudo terminal: a child leads its session, a grandchild asks for the password there,
 * and the test types and watches.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/pay/wallet.h"

struct fixture {
	char dir[64], wallets[128];
	struct config *c;
	struct keys *keys;
	struct art_err err;
	struct wallet_ref ref;
	char password[KEYSTORE_PASSWORD_MAX];
	size_t len;
};

static struct config *load(const char *const *over, int n)
{
	struct art_err err = { 0 };
	struct config *c = NULL;

	if (config_load(&c, NULL, over, n, &err) != ART_OK)
		fail_msg("%s", err.text);
	return c;
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	char *over;

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-wallet-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	setenv("XDG_CONFIG_HOME", f->dir, 1);
	snprintf(f->wallets, sizeof(f->wallets), "%s/a/keys", f->dir);
	over = art_printf("wallet.dir=%s", f->wallets);
	f->c = load((const char *[]){ over }, 1);
	free(over);
	assert_int_equal(keys_open(&f->keys, NULL), ART_OK);
	*state = f;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *sub = art_printf("%s/%s", path, e->d_name);
		bool dots = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");

		if (!dots && unlink(sub))
			remove_tree(sub);
		free(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	config_free(f->c);
	keys_close(f->keys);
	remove_tree(f->dir);
	free(f);
	return 0;
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || !strstr(f->err.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", art_status_text(got), f->err.text, part);
	memset(&f->err, 0, sizeof(f->err));
}

static void put_file(const char *path, const char *text, size_t n, int mode)
{
	assert_int_equal(art_write_file(path, text, n, mode, NULL), ART_OK);
	assert_int_equal(chmod(path, (mode_t)mode), 0);
}

/* A keystore of the key that is @n, cheap to open. */
static struct art_buf keystore(struct fixture *f, uint8_t n, struct eth_address *who)
{
	struct keystore_options cheap = { .kdf = KEYSTORE_PBKDF2, .work = 1 };
	struct eth_key key = { { [31] = n } };
	struct art_buf text;

	art_buf_init(&text, KEYSTORE_FILE_MAX);
	assert_int_equal(keys_address(f->keys, &key, who, NULL), ART_OK);
	assert_int_equal(keystore_encrypt(f->keys, &key, "x", 1, &cheap, &text, NULL), ART_OK);
	return text;
}

static enum art_status add(struct fixture *f, const char *name, uint8_t n)
{
	struct eth_address who;
	struct art_buf text = keystore(f, n, &who);
	enum art_status s = wallet_add(f->c, name, &who, text.data, text.len, &f->ref, &f->err);

	art_buf_destroy(&text);
	return s;
}

static enum art_status find(struct fixture *f, const char *which)
{
	return wallet_find(f->c, which, &f->ref, &f->err);
}

/* ---- the directory ----------------------------------------------------------------------------- */

static void wallet_dir_must_follow_setting_and_environment(void **state)
{
	struct fixture *f = *state;
	struct config *plain = load(NULL, 0);
	char *home = art_strdup(getenv("HOME") ? getenv("HOME") : "/"), *longer;
	char dir[WALLET_PATH_MAX];

	assert_int_equal(wallet_dir(f->c, dir, false, &f->err), ART_OK);
	assert_string_equal(dir, f->wallets);
	setenv("XDG_DATA_HOME", "/data", 1);
	setenv("HOME", "/home/somebody", 1);
	assert_int_equal(wallet_dir(plain, dir, false, &f->err), ART_OK);
	assert_string_equal(dir, "/data/artui/keystores");
	setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored, says the specification */
	assert_int_equal(wallet_dir(plain, dir, false, &f->err), ART_OK);
	assert_string_equal(dir, "/home/somebody/.local/share/artui/keystores");
	unsetenv("XDG_DATA_HOME");
	longer = art_printf("/%01000d", 7);
	setenv("HOME", longer, 1);
	free(longer);
	says(f, wallet_dir(plain, dir, false, &f->err), ART_LIMIT, "too long");
	unsetenv("HOME");
	says(f, wallet_dir(plain, dir, false, &f->err), ART_NOT_FOUND, "HOME or wallet.dir");
	setenv("HOME", home, 1);
	free(home);
	config_free(plain);
}

static void wallet_list_must_show_keystores_by_name_and_count_the_rest(void **state)
{
	struct fixture *f = *state;
	struct eth_address who;
	struct art_buf text = keystore(f, 9, &who);
	struct wallet_list l;
	char *path, *anonymous;

	/* No directory yet: no wallets. */
	assert_int_equal(wallet_list(f->c, &l, &f->err), ART_OK);
	assert_int_equal(l.n, 0);
	wallet_list_destroy(&l);
	assert_int_equal(add(f, "zoe", 1), ART_OK);
	assert_int_equal(add(f, "adam", 2), ART_OK);
	/* As foundry names them, and one that does not name its address. */
	path = art_printf("%s/foundry", f->wallets);
	put_file(path, text.data, text.len, 0600);
	free(path);
	anonymous = strstr(text.data, "\"address\"");
	memcpy(anonymous, "\"other__\"", 9);
	path = art_printf("%s/UTC--2026--x", f->wallets);
	put_file(path, text.data, text.len, 0600);
	free(path);
	/* No keystores: a text, a directory, a hidden file, a link to nowhere. */
	path = art_printf("%s/notes.txt", f->wallets);
	put_file(path, "hello", 5, 0600);
	free(path);
	path = art_printf("%s/.hidden", f->wallets);
	put_file(path, "hello", 5, 0600);
	free(path);
	path = art_printf("%s/directory.json", f->wallets);
	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
	path = art_printf("%s/dangling", f->wallets);
	assert_int_equal(symlink("/nonexistent", path), 0);
	free(path);
	assert_int_equal(wallet_list(f->c, &l, &f->err), ART_OK);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.broken, 1);
	assert_string_equal(l.rows[0].name, "UTC--2026--x");
	assert_false(l.rows[0].address_known);
	assert_string_equal(l.rows[1].name, "adam");
	assert_string_equal(l.rows[2].name, "foundry");
	assert_true(l.rows[2].address_known && eth_address_equal(&l.rows[2].address, &who));
	assert_string_equal(l.rows[3].name, "zoe");
	assert_non_null(strstr(l.rows[3].path, "/a/keys/zoe.json"));
	wallet_list_destroy(&l);
	art_buf_destroy(&text);
}

static void wallet_find_must_take_name_address_path_and_the_only_one(void **state)
{
	struct fixture *f = *state;
	char hex[64], text[ETH_ADDRESS_TEXT], path[WALLET_PATH_MAX];
	char *over[2];
	struct config *named;

	says(f, find(f, NULL), ART_NOT_FOUND, "artui wallet create");
	says(f, find(f, "adam"), ART_NOT_FOUND, "no wallet \"adam\"");
	assert_int_equal(add(f, "adam", 1), ART_OK);
	assert_int_equal(find(f, NULL), ART_OK);
	assert_string_equal(f->ref.name, "adam");
	assert_int_equal(find(f, ""), ART_OK);
	assert_int_equal(add(f, "zoe", 2), ART_OK);
	says(f, find(f, NULL), ART_CONFLICT, "(adam, zoe)");
	assert_int_equal(find(f, "zoe"), ART_OK);
	assert_string_equal(f->ref.name, "zoe");
	art_copy(path, sizeof(path), f->ref.path);
	/* Its address in lower case and with its checksum. */
	hex_encode(f->ref.address.b, 20, hex);
	eth_address_text(&f->ref.address, text);
	assert_int_equal(find(f, "adam"), ART_OK);
	assert_int_equal(find(f, hex), ART_OK);
	assert_string_equal(f->ref.name, "zoe");
	assert_int_equal(find(f, text), ART_OK);
	assert_string_equal(f->ref.name, "zoe");
	assert_int_equal(find(f, "adam"), ART_OK);
	assert_int_equal(find(f, path), ART_OK);
	assert_string_equal(f->ref.name, "zoe");
	assert_string_equal(f->ref.path, path);
	says(f, find(f, "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"), ART_NOT_FOUND, "no wallet \"0x3C44");
	says(f, find(f, "Zoe"), ART_NOT_FOUND, "no wallet");
	says(f, find(f, "/nonexistent/x.json"), ART_NOT_FOUND, "/nonexistent/x.json: ");
	/* The setting stands in for an argument, and an argument counts more. */
	over[0] = art_printf("wallet.dir=%s", f->wallets);
	over[1] = art_strdup("wallet.name=zoe");
	named = load((const char *const *)over, 2);
	assert_int_equal(wallet_find(named, NULL, &f->ref, &f->err), ART_OK);
	assert_string_equal(f->ref.name, "zoe");
	assert_int_equal(wallet_find(named, "adam", &f->ref, &f->err), ART_OK);
	assert_string_equal(f->ref.name, "adam");
	config_free(named);
	free(over[0]);
	free(over[1]);
}

static void wallet_find_must_say_what_is_wrong_with_a_path(void **state)
{
	struct fixture *f = *state;
	char *path = art_printf("%s/file", f->dir), *huge = art_alloc(KEYSTORE_FILE_MAX + 2, 1);

	put_file(path, "hello", 5, 0600);
	says(f, find(f, path), ART_INVALID, path);
	memset(huge, ' ', KEYSTORE_FILE_MAX + 1);
	put_file(path, huge, KEYSTORE_FILE_MAX + 1, 0600);
	says(f, find(f, path), ART_LIMIT, path);
	free(huge);
	free(path);
}

static void wallet_name_ok_must_keep_names_inside_the_directory(void **state)
{
	static const char *const good[] = { "a", "9", "main", "a.b-c_d", "UTC--2026", "x..y",
					    "012345678901234567890123456789012345678901234567890123456789012" };
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "_a", "a/b", "../a", "a b", "a\n", "a\x1b",
					   "\xc3\xa9", "a\xc3\xa9", "a:b", "a\\b", "~",
					   "0123456789012345678901234567890123456789012345678901234567890123" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(good); i++)
		if (!wallet_name_ok(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		if (wallet_name_ok(bad[i]))
			fail_msg("%s is taken", bad[i]);
		says(f, add(f, bad[i], 1), ART_INVALID, "is no name for a wallet");
	}
}

static void wallet_add_must_write_for_the_owner_alone(void **state)
{
	struct fixture *f = *state;
	struct eth_address who;
	struct art_buf text = keystore(f, 1, &who), back;
	mode_t was = umask(0);
	struct stat st;
	char *path = art_printf("%s/a", f->dir);
	struct dirent *e;
	DIR *d;

	assert_int_equal(wallet_add(f->c, "adam", &who, text.data, text.len, &f->ref, &f->err), ART_OK);
	umask(was);
	assert_int_equal(stat(f->ref.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(f->wallets, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	art_buf_init(&back, KEYSTORE_FILE_MAX);
	assert_int_equal(art_read_file(&back, f->ref.path, KEYSTORE_FILE_MAX, NULL), ART_OK);
	assert_string_equal(back.data, text.data);
	/* And nothing else stays behind. */
	d = opendir(f->wallets);
	while ((e = readdir(d)))
		assert_true(!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "adam.json"));
	closedir(d);
	art_buf_destroy(&back);
	art_buf_destroy(&text);
	free(path);
}

static void wallet_add_must_never_replace_anything(void **state)
{
	struct fixture *f = *state;
	char *path;
	struct art_buf back;

	assert_int_equal(add(f, "adam", 1), ART_OK);
	says(f, add(f, "adam", 2), ART_CONFLICT, "a wallet \"adam\" is there already");
	says(f, add(f, "eve", 1), ART_CONFLICT, "the wallet \"adam\" has that address already");
	/* What is no keystore is not listed, and stays all the same. */
	path = art_printf("%s/eve.json", f->wallets);
	put_file(path, "hello", 5, 0600);
	says(f, add(f, "eve", 2), ART_CONFLICT, "eve.json is there already");
	art_buf_init(&back, 100);
	assert_int_equal(art_read_file(&back, path, 100, NULL), ART_OK);
	assert_string_equal(back.data, "hello");
	art_buf_destroy(&back);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent/elsewhere", path), 0);
	says(f, add(f, "eve", 2), ART_CONFLICT, "eve.json is there already");
	free(path);
}

/* ---- passwords from files and descriptors ------------------------------------------------------- */

static enum art_status from_file(struct fixture *f, const char *path)
{
	struct wallet_password from = { .file = path };

	memset(f->password, 0x5a, sizeof(f->password));
	return wallet_password_read(&from, "", false, f->password, &f->len, &f->err);
}

static void wiped(struct fixture *f)
{
	for (size_t i = 0; i < sizeof(f->password); i++)
		assert_int_equal(f->password[i], 0);
}

static void wallet_password_read_must_take_files_as_they_are(void **state)
{
	static char longest[KEYSTORE_PASSWORD_MAX];
	const struct {
		const char *text;
		size_t n, want;
	} rows[] = {
		{ "secret", 6, 6 }, { "secret\n", 7, 6 }, { "secret\n\n", 8, 7 }, { "secret\r\n", 8, 7 },
		{ " se cret ", 9, 9 }, { "", 0, 0 }, { "\n", 1, 0 }, { "p\xc3\xa4ss \xe2\x98\x83", 9, 9 },
		{ longest, KEYSTORE_PASSWORD_MAX - 2, KEYSTORE_PASSWORD_MAX - 2 },
	};
	struct fixture *f = *state;
	char *path = art_printf("%s/password", f->dir);

	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		put_file(path, rows[i].text, rows[i].n, i % 2 ? 0600 : 0400);
		if (from_file(f, path) != ART_OK)
			fail_msg("row %zu: %s", i, f->err.text);
		assert_int_equal(f->len, rows[i].want);
		assert_memory_equal(f->password, rows[i].text, rows[i].want);
	}
	longest[KEYSTORE_PASSWORD_MAX - 2] = '\n';
	put_file(path, longest, KEYSTORE_PASSWORD_MAX - 1, 0600);
	assert_int_equal(from_file(f, path), ART_OK);
	assert_int_equal(f->len, KEYSTORE_PASSWORD_MAX - 2);
	free(path);
}

static void wallet_password_read_must_refuse_files_that_are_not_private(void **state)
{
	static const int modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0666 };
	static char too_long[KEYSTORE_PASSWORD_MAX + 10];
	struct fixture *f = *state;
	char *path = art_printf("%s/password", f->dir), *fifo = art_printf("%s/fifo", f->dir);

	for (size_t i = 0; i < ART_COUNT(modes); i++) {
		put_file(path, "secret", 6, modes[i]);
		says(f, from_file(f, path), ART_INVALID, "must be yours alone (chmod 600)");
	}
	put_file(path, "sec\0ret", 7, 0600);
	says(f, from_file(f, path), ART_INVALID, "has a NUL in it");
	wiped(f);
	memset(too_long, 'x', sizeof(too_long));
	put_file(path, too_long, KEYSTORE_PASSWORD_MAX - 1, 0600);
	says(f, from_file(f, path), ART_INVALID, "is longer than 1022 bytes");
	put_file(path, too_long, sizeof(too_long), 0600);
	says(f, from_file(f, path), ART_INVALID, "is longer than 1022 bytes");
	wiped(f);
	says(f, from_file(f, f->dir), ART_INVALID, "is no regular file");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	says(f, from_file(f, fifo), ART_INVALID, "is no regular file"); /* and does not wait */
	assert_int_equal(unlink(path), 0);
	says(f, from_file(f, path), ART_NOT_FOUND, path);
	if (geteuid() == 0) {
		put_file(path, "secret", 6, 0600);
		assert_int_equal(chown(path, 12345, 12345), 0);
		says(f, from_file(f, path), ART_INVALID, "must be yours alone");
	}
	free(path);
	free(fifo);
}

static void wallet_password_read_must_read_a_descriptor_to_its_end(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		enum art_status want;
		size_t len;
	} rows[] = {
		{ "secret\n", 7, ART_OK, 6 },
		{ "secret", 6, ART_OK, 6 },
		{ "", 0, ART_OK, 0 },
		{ "a\0b", 3, ART_INVALID, 0 },
	};
	struct fixture *f = *state;
	static char filler[4000];
	struct wallet_password from = { 0 };
	int p[2];

	for (size_t i = 0; i <= ART_COUNT(rows); i++) {
		bool huge = i == ART_COUNT(rows);
		size_t n = huge ? sizeof(filler) : rows[i].n;

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		memset(filler, 'x', sizeof(filler));
		assert_int_equal(write(p[1], huge ? filler : rows[i].text, n), n);
		close(p[1]);
		from.fd = p[0];
		memset(f->password, 0x5a, sizeof(f->password));
		assert_int_equal(wallet_password_read(&from, "", false, f->password, &f->len, &f->err),
				 huge ? ART_INVALID : rows[i].want);
		close(p[0]);
		if (huge || rows[i].want != ART_OK)
			wiped(f);
		else
			assert_int_equal(f->len, rows[i].len);
	}
	from.fd = p[0]; /* closed */
	assert_int_equal(wallet_password_read(&from, "", false, f->password, &f->len, &f->err), ART_IO);
}

/* ---- the terminal ------------------------------------------------------------------------------ */

/* What the grandchild got, and how the terminal was left. */
struct asked {
	enum art_status s;
	char text[256];
	size_t len;
	char password[KEYSTORE_PASSWORD_MAX];
	bool dirty; /* something of a password is left though none was given */
};
struct left {
	int wait_status;
	bool restored;
};

static void ask_in_grandchild(int out, bool twice)
{
	struct wallet_password none = { 0 };
	struct asked a;
	struct art_err err = { 0 };

	memset(&a, 0, sizeof(a));
	a.s = wallet_password_read(&none, "Password: ", twice, a.password, &a.len, &err);
	art_copy(a.text, sizeof(a.text), err.text);
	for (size_t i = 0; a.s != ART_OK && i < sizeof(a.password); i++)
		a.dirty |= a.password[i] != 0;
	if (write(out, &a, sizeof(a)) != sizeof(a))
		_exit(9);
	_exit(0);
}

static void lead_session(int out, bool twice)
{
	struct termios before, after;
	struct left l = { 0 };
	pid_t pid;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	signal(SIGTTOU, SIG_IGN);
	if (tcgetattr(0, &before))
		_exit(8);
	pid = fork();
	if (pid == 0) {
		signal(SIGTTOU, SIG_DFL);
		ask_in_grandchild(out, twice);
	}
	if (write(out, &pid, sizeof(pid)) != sizeof(pid))
		_exit(9);
	waitpid(pid, &l.wait_status, 0);
	if (tcgetattr(0, &after))
		_exit(8);
	l.restored = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
		     before.c_oflag == after.c_oflag && !memcmp(before.c_cc, after.c_cc, sizeof(before.c_cc));
	if (write(out, &l, sizeof(l)) != sizeof(l))
		_exit(9);
	_exit(0);
}

struct terminal {
	int master, result;
	pid_t leader, asker;
	struct art_buf seen; /* what was shown */
};

static void start_terminal(struct terminal *t, bool twice)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fflush(NULL);
	t->leader = forkpty(&t->master, NULL, NULL, NULL);
	assert_true(t->leader >= 0);
	if (t->leader == 0)
		lead_session(p[1], twice);
	close(p[1]);
	t->result = p[0];
	assert_int_equal(read(t->result, &t->asker, sizeof(t->asker)), sizeof(t->asker));
	art_buf_init(&t->seen, 1 << 16);
}

/* Reads what is shown until @text has been, or the end. */
static void wait_for(struct terminal *t, const char *text)
{
	char part[512];

	for (;;) {
		struct pollfd p = { .fd = t->master, .events = POLLIN };
		ssize_t n;

		if (text && t->seen.data && strstr(t->seen.data, text))
			return;
		if (poll(&p, 1, 20000) != 1)
			fail_msg("the terminal never showed \"%s\"", text ? text : "its end");
		n = read(t->master, part, sizeof(part));
		if (n <= 0 && !text)
			return;
		assert_true(n > 0);
		assert_int_equal(art_buf_add(&t->seen, part, (size_t)n), ART_OK);
	}
}

static void type(struct terminal *t, const char *keys)
{
	assert_int_equal(write(t->master, keys, strlen(keys)), strlen(keys));
}

static void read_whole(int fd, void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = read(fd, (char *)p + at, n - at);

		assert_true(got > 0);
		at += (size_t)got;
	}
}

static struct left end_terminal(struct terminal *t, struct asked *a)
{
	struct left l;
	int status;

	if (a)
		read_whole(t->result, a, sizeof(*a));
	read_whole(t->result, &l, sizeof(l));
	wait_for(t, NULL);
	assert_int_equal(waitpid(t->leader, &status, 0), t->leader);
	close(t->master);
	close(t->result);
	return l;
}

/* One prompt, @keys typed at it. */
static struct asked typed(const char *keys, const char *shown)
{
	struct terminal t;
	struct asked a;
	struct left l;

	start_terminal(&t, false);
	wait_for(&t, "Password: ");
	type(&t, keys);
	l = end_terminal(&t, &a);
	assert_true(WIFEXITED(l.wait_status) && WEXITSTATUS(l.wait_status) == 0);
	assert_true(l.restored);
	assert_false(a.dirty);
	/* Not one key of them is shown. */
	assert_string_equal(t.seen.data, shown);
	art_buf_destroy(&t.seen);
	return a;
}

static void wallet_password_read_must_let_people_type_unseen(void **state)
{
	static const struct {
		const char *keys, *want;
	} rows[] = {
		{ "secret\r", "secret" },
		{ "secret\n", "secret" },
		{ "\r", "" },
		{ "secreX\x7ft\r", "secret" },
		{ "secreX\bt\r", "secret" },
		{ "\x7f\x7f" "ab\x7f\x7f\x7fsecret\r", "secret" },
		{ "wrong\x15secret\r", "secret" },
		/* A whole character at a time. */
		{ "a\xc3\xa9\x7f" "b\xe2\x98\x83\xe2\x98\x83\x7f\r", "ab\xe2\x98\x83" },
		{ "se cret\t\x1b[A\r", "se cret\t\x1b[A" },
		/* Ctrl-D is the end only at the beginning; Ctrl-Z and Ctrl-\ do nothing to the program. */
		{ "a\x04" "b\x1a\x1c\r", "a\x04" "b\x1a\x1c" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct asked a = typed(rows[i].keys, "Password: \r\n");

		if (a.s != ART_OK)
			fail_msg("row %zu: %s", i, a.text);
		assert_int_equal(a.len, strlen(rows[i].want));
		assert_memory_equal(a.password, rows[i].want, a.len);
	}
}

static void wallet_password_read_must_be_cancelled_by_ctrl_c_and_ctrl_d(void **state)
{
	static const char *const keys[] = { "\x03", "secret\x03", "\x04", "secret\x15\x04" };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(keys); i++) {
		struct asked a = typed(keys[i], "Password: \r\n");

		assert_int_equal(a.s, ART_CANCELLED);
		assert_string_equal(a.text, "no password was given");
	}
}

static void wallet_password_read_must_not_cut_what_is_typed(void **state)
{
	char keys[KEYSTORE_PASSWORD_MAX + 64];
	struct asked a;

	(void)state;
	memset(keys, 'x', sizeof(keys));
	art_copy(keys + KEYSTORE_PASSWORD_MAX - 2, 8, "\r");
	a = typed(keys, "Password: \r\n");
	assert_int_equal(a.s, ART_OK);
	assert_int_equal(a.len, KEYSTORE_PASSWORD_MAX - 2);
	art_copy(keys + KEYSTORE_PASSWORD_MAX - 2, 8, "x\r");
	a = typed(keys, "Password: \r\n");
	assert_int_equal(a.s, ART_INVALID);
	assert_string_equal(a.text, "the password is longer than 1022 bytes");
	art_copy(keys + KEYSTORE_PASSWORD_MAX - 2, 8, "xx\x15" "abc\r");
	a = typed(keys, "Password: \r\n");
	assert_int_equal(a.s, ART_OK);
	assert_int_equal(a.len, 3);
	assert_memory_equal(a.password, "abc", 3);
}

static void wallet_password_read_must_compare_a_new_password(void **state)
{
	static const struct {
		const char *first, *again;
		enum art_status want;
	} rows[] = {
		{ "secret\r", "secret\r", ART_OK },    { "\r", "\r", ART_OK },
		{ "secret\r", "Secret\r", ART_INVALID }, { "secret\r", "secre\r", ART_INVALID },
		{ "secret\r", "\r", ART_INVALID },     { "secret\r", "\x03", ART_CANCELLED },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct terminal t;
		struct asked a;
		struct left l;

		start_terminal(&t, true);
		wait_for(&t, "Password: ");
		type(&t, rows[i].first);
		wait_for(&t, "Again: ");
		type(&t, rows[i].again);
		l = end_terminal(&t, &a);
		assert_int_equal(a.s, rows[i].want);
		assert_true(l.restored);
		assert_false(a.dirty);
		if (a.s == ART_INVALID)
			assert_string_equal(a.text, "the two passwords differ");
		assert_string_equal(t.seen.data, "Password: \r\nAgain: \r\n");
		art_buf_destroy(&t.seen);
	}
}

static void wallet_password_read_must_restore_the_terminal_before_a_signal_ends_it(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(signals); i++) {
		struct terminal t;
		struct termios now;
		struct left l;

		start_terminal(&t, false);
		wait_for(&t, "Password: ");
		assert_int_equal(tcgetattr(t.master, &now), 0);
		assert_int_equal(now.c_lflag & (ECHO | ICANON), 0); /* there was something to restore */
		type(&t, "secr");
		assert_int_equal(kill(t.asker, signals[i]), 0);
		l = end_terminal(&t, NULL);
		assert_true(WIFSIGNALED(l.wait_status));
		assert_int_equal(WTERMSIG(l.wait_status), signals[i]);
		assert_true(l.restored);
		assert_null(strstr(t.seen.data, "secr"));
		art_buf_destroy(&t.seen);
	}
}

static void wallet_password_read_must_name_the_options_without_a_terminal(void **state)
{
	struct asked a;
	int p[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		setsid(); /* nobody's terminal */
		ask_in_grandchild(p[1], false);
	}
	close(p[1]);
	read_whole(p[0], &a, sizeof(a));
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(a.s, ART_REFUSED);
	assert_non_null(strstr(a.text, "--password-file, --password-fd or wallet.password_file"));
}

/* ---- raw keys ---------------------------------------------------------------------------------- */

#define KEY "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"

static void wallet_read_private_key_must_take_its_usual_forms(void **state)
{
	static const char *const good[] = { KEY, "0x" KEY, KEY "\n", "  0x" KEY "\r\n\n", "\t" KEY "  \t ",
					    "7C852118294E51E653712A81E05800F419141751BE58F605C371E15141B007A6" };
	struct fixture *f = *state;
	char *path = art_printf("%s/key", f->dir);
	struct eth_key want, got;

	assert_true(hex_decode(KEY, want.b, sizeof(want.b)));
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		put_file(path, good[i], strlen(good[i]), 0600);
		memset(&got, 0, sizeof(got));
		if (wallet_read_private_key(path, &got, &f->err) != ART_OK)
			fail_msg("row %zu: %s", i, f->err.text);
		assert_memory_equal(&got, &want, sizeof(want));
	}
	free(path);
}

static void wallet_read_private_key_must_refuse_the_rest_and_never_repeat_it(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {
		{ "", 0 }, { "\n", 1 }, { "0x", 2 }, { KEY "7", 65 }, { KEY "77", 66 }, { "7c8521", 6 },
		{ "0x0x" KEY, 68 }, { "7c852118 4e51e653712a81e05800f419141751be58f605c371e15141b007a6", 63 },
		{ "zc852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6", 64 },
		{ KEY "\n" KEY, 129 }, { KEY "\0x", 66 }, { "\0" KEY, 65 },
	};
	struct fixture *f = *state;
	char *path = art_printf("%s/key", f->dir), filler[1000];
	struct eth_key got;

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		put_file(path, bad[i].text, bad[i].n, 0600);
		if (wallet_read_private_key(path, &got, &f->err) != ART_INVALID)
			fail_msg("row %zu was taken", i);
		assert_null(strstr(f->err.text, "7c8521"));
		says(f, ART_INVALID, ART_INVALID, "holds no private key: 64 hex digits");
	}
	memset(filler, ' ', sizeof(filler));
	memcpy(filler, KEY, 64);
	put_file(path, filler, sizeof(filler), 0600);
	says(f, wallet_read_private_key(path, &got, &f->err), ART_INVALID, "holds no private key");
	put_file(path, KEY, 64, 0644);
	says(f, wallet_read_private_key(path, &got, &f->err), ART_INVALID, "must be yours alone");
	assert_int_equal(unlink(path), 0);
	says(f, wallet_read_private_key(path, &got, &f->err), ART_NOT_FOUND, path);
	free(path);
}

static void wallet_read_private_key_must_read_standard_input(void **state)
{
	static const char *const texts[] = { "0x" KEY "\n", "nothing\n" };
	struct fixture *f = *state;
	int was = dup(STDIN_FILENO);

	for (int i = 0; i < 2; i++) {
		struct eth_key got = { { 0 } };
		enum art_status s;
		int p[2];

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		assert_int_equal(write(p[1], texts[i], strlen(texts[i])), strlen(texts[i]));
		close(p[1]);
		dup2(p[0], STDIN_FILENO);
		close(p[0]);
		s = wallet_read_private_key("-", &got, &f->err);
		says(f, s, i ? ART_INVALID : ART_OK, i ? "standard input holds no private key" : "");
		assert_int_equal(got.b[0], i ? 0 : 0x7c);
	}
	dup2(was, STDIN_FILENO);
	close(was);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(wallet_dir_must_follow_setting_and_environment),
		T(wallet_list_must_show_keystores_by_name_and_count_the_rest),
		T(wallet_find_must_take_name_address_path_and_the_only_one),
		T(wallet_find_must_say_what_is_wrong_with_a_path),
		T(wallet_name_ok_must_keep_names_inside_the_directory),
		T(wallet_add_must_write_for_the_owner_alone),
		T(wallet_add_must_never_replace_anything),
		T(wallet_password_read_must_take_files_as_they_are),
		T(wallet_password_read_must_refuse_files_that_are_not_private),
		T(wallet_password_read_must_read_a_descriptor_to_its_end),
		cmocka_unit_test(wallet_password_read_must_let_people_type_unseen),
		cmocka_unit_test(wallet_password_read_must_be_cancelled_by_ctrl_c_and_ctrl_d),
		cmocka_unit_test(wallet_password_read_must_not_cut_what_is_typed),
		cmocka_unit_test(wallet_password_read_must_compare_a_new_password),
		cmocka_unit_test(wallet_password_read_must_restore_the_terminal_before_a_signal_ends_it),
		cmocka_unit_test(wallet_password_read_must_name_the_options_without_a_terminal),
		T(wallet_read_private_key_must_take_its_usual_forms),
		T(wallet_read_private_key_must_refuse_the_rest_and_never_repeat_it),
		T(wallet_read_private_key_must_read_standard_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
