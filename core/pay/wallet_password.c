/*
 * wallet_password.c - passwords and raw keys from files, descriptors and the terminal.
 *
 * Layer: core. Nothing is read through stdio: its buffers are not ours to wipe.
 */
#include "core/pay/wallet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/pay/secret.h"

#define LONGEST (KEYSTORE_PASSWORD_MAX - 2) /* a newline may follow, and there is a NUL */

/* Up to @max bytes of @fd to its end. -1 with errno, or EFBIG. */
static ssize_t read_all(int fd, char *out, size_t max)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = read(fd, out + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return (ssize_t)n;
		n += (size_t)got;
		if (n == max) {
			errno = EFBIG;
			return -1;
		}
	}
}

/* A file that only its owner can read, and the owner is this user or root. */
static enum art_status open_private(const char *path, int *fd, struct art_err *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return art_fail_errno(err, "%s", path);
	if (fstat(*fd, &st) || !S_ISREG(st.st_mode)) {
		close(*fd);
		return art_fail(err, ART_INVALID, "%s is no regular file", path);
	}
	if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0)) {
		close(*fd);
		return art_fail(err, ART_INVALID, "%s can be read by others: it must be yours alone "
				"(chmod 600)", path);
	}
	return ART_OK;
}

static enum art_status take(char *out, ssize_t got, const char *what, size_t *len, struct art_err *err)
{
	bool too_long = got < 0 && errno == EFBIG;

	if (got < 0 && !too_long)
		return art_fail_errno(err, "%s", what);
	if (got > 0 && out[got - 1] == '\n')
		got--;
	if (too_long || got > LONGEST)
		return art_fail(err, ART_INVALID, "%s is longer than %d bytes", what, LONGEST);
	if (memchr(out, 0, (size_t)got))
		return art_fail(err, ART_INVALID, "%s has a NUL in it", what);
	*len = (size_t)got;
	return ART_OK;
}

/* ---- the terminal ------------------------------------------------------------------------------ */

struct prompt {
	int tty, signals;
	struct termios was;
	sigset_t mask;
};

static enum art_status prompt_open(struct prompt *p, struct art_err *err)
{
	struct termios quiet;
	sigset_t set;

	p->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (p->tty < 0 || tcgetattr(p->tty, &p->was)) {
		if (p->tty >= 0)
			close(p->tty);
		return art_fail(err, ART_REFUSED, "the wallet's password is needed and there is no terminal: "
				"give --password-file, --password-fd or wallet.password_file");
	}
	/* A signal must find the terminal as it was: they wait until it is. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, &p->mask);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	quiet = p->was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG | ICANON);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	tcsetattr(p->tty, TCSAFLUSH, &quiet);
	return ART_OK;
}

static void prompt_close(struct prompt *p)
{
	tcsetattr(p->tty, TCSAFLUSH, &p->was);
	close(p->signals);
	close(p->tty);
	sigprocmask(SIG_SETMASK, &p->mask, NULL);
}

static void show(const struct prompt *p, const char *text)
{
	if (write(p->tty, text, strlen(text)) < 0) {
		/* A terminal that cannot show the prompt will not give a password either. */
	}
}

/* One byte, or -1: cancelled, a signal, or the terminal is gone. */
static int next_byte(const struct prompt *p)
{
	struct pollfd f[2] = { { .fd = p->tty, .events = POLLIN }, { .fd = p->signals, .events = POLLIN } };
	unsigned char c;

	while (poll(f, 2, -1) < 0)
		if (errno != EINTR)
			return -1;
	if (f[1].revents || read(p->tty, &c, 1) != 1)
		return -1;
	return c;
}

static enum art_status read_line(const struct prompt *p, const char *prompt,
				 char out[KEYSTORE_PASSWORD_MAX], size_t *len, struct art_err *err)
{
	enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };
	bool too_long = false;
	size_t n = 0;

	show(p, prompt);
	for (;;) {
		int c = next_byte(p);

		if (c < 0 || c == CTRL_C || (c == CTRL_D && !n)) {
			show(p, "\n");
			return art_fail(err, ART_CANCELLED, "no password was given");
		}
		if (c == '\r' || c == '\n')
			break;
		if (c == BACKSPACE || c == DELETE) {
			/* A whole UTF-8 character. */
			while (n && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
				n--;
			n -= n > 0;
		} else if (c == CTRL_U) {
			n = 0;
			too_long = false;
		} else if (n == LONGEST) {
			too_long = true;
		} else if (c) {
			out[n++] = (char)c;
		}
	}
	show(p, "\n");
	/* Cut short it would be another password than the one that was meant. */
	if (too_long)
		return art_fail(err, ART_INVALID, "the password is longer than %d bytes", LONGEST);
	*len = n;
	return ART_OK;
}

static enum art_status from_terminal(const char *prompt, bool twice, char out[KEYSTORE_PASSWORD_MAX],
				     size_t *len, struct art_err *err)
{
	struct prompt p;
	char *again;
	size_t n = 0;
	enum art_status s = prompt_open(&p, err);

	if (s != ART_OK)
		return s;
	s = read_line(&p, prompt, out, len, err);
	if (s == ART_OK && twice) {
		again = secret_alloc(KEYSTORE_PASSWORD_MAX);
		s = read_line(&p, "Again: ", again, &n, err);
		if (s == ART_OK && (n != *len || memcmp(again, out, n) != 0))
			s = art_fail(err, ART_INVALID, "the two passwords differ");
		secret_free(again, KEYSTORE_PASSWORD_MAX);
	}
	prompt_close(&p);
	return s;
}

/* ---- the sources ------------------------------------------------------------------------------- */

enum art_status wallet_password_read(const struct wallet_password *from, const char *prompt, bool twice,
				     char out[KEYSTORE_PASSWORD_MAX], size_t *len, struct art_err *err)
{
	enum art_status s;
	int fd;

	if (from->file && *from->file) {
		s = open_private(from->file, &fd, err);
		if (s != ART_OK)
			return s;
		s = take(out, read_all(fd, out, KEYSTORE_PASSWORD_MAX), from->file, len, err);
		close(fd);
	} else if (from->fd > 0) {
		s = take(out, read_all(from->fd, out, KEYSTORE_PASSWORD_MAX), "the password", len, err);
	} else {
		s = from_terminal(prompt, twice, out, len, err);
	}
	if (s != ART_OK)
		keys_wipe(out, KEYSTORE_PASSWORD_MAX);
	return s;
}

enum art_status wallet_read_private_key(const char *path, struct eth_key *out, struct art_err *err)
{
	enum { ROOM = 256 };
	const char *name = !strcmp(path, "-") ? "standard input" : path;
	char *text = secret_alloc(ROOM), *p = text;
	enum art_status s = ART_OK;
	ssize_t n;
	int fd = STDIN_FILENO;

	if (strcmp(path, "-") != 0)
		s = open_private(path, &fd, err);
	if (s == ART_OK) {
		n = read_all(fd, text, ROOM - 1);
		if (n < 0 && errno != EFBIG)
			s = art_fail_errno(err, "%s", name);
		while (n > 0 && strchr(" \t\r\n", text[n - 1]))
			text[--n] = 0;
		p += strspn(text, " \t\r\n");
		/* The text itself is never repeated in a message. */
		if (s == ART_OK && (n < 0 || strlen(p) != (size_t)(text + n - p) ||
				    !hex_decode(p, out->b, sizeof(out->b))))
			s = art_fail(err, ART_INVALID, "%s holds no private key: 64 hex digits, with or "
				     "without 0x, are one", name);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	secret_free(text, ROOM);
	return s;
}
