/*
 * signer_state.c - the state directory: where it is, the frozen flag, reading the journal.
 *
 * Layer: core.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/pay/signer_private.h"

#define FROZEN 'F'
#define THAWED '-'
#define JOURNAL_MAX (256u << 20)

enum art_status signer_state_dir(char out[SIGNER_PATH_MAX], struct art_err *err)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state && state[0] == '/')
		n = snprintf(out, SIGNER_PATH_MAX, "%s/artui", state);
	else if (home && home[0] == '/')
		n = snprintf(out, SIGNER_PATH_MAX, "%s/.local/state/artui", home);
	else
		return art_fail(err, ART_NOT_FOUND, "no place for the signer's journal: set HOME or "
				"XDG_STATE_HOME");
	if (n >= SIGNER_PATH_MAX - 80)
		return art_fail(err, ART_LIMIT, "the path of the state directory is too long");
	return ART_OK;
}

/* ---- the frozen flag --------------------------------------------------------------------------- */

static void flag_path(const char *state_dir, char out[SIGNER_PATH_MAX])
{
	snprintf(out, SIGNER_PATH_MAX, "%.1000s/frozen", state_dir);
}

enum art_status signer_flag_open(const char *state_dir, int *fd, struct art_err *err)
{
	char path[SIGNER_PATH_MAX];
	enum art_status s = art_mkdirs(state_dir, 0700, err);

	if (s != ART_OK)
		return s;
	flag_path(state_dir, path);
	*fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (*fd >= 0 && pwrite(*fd, (char[1]){ THAWED }, 1, 0) != 1)
		return art_fail_errno(err, "%s", path);
	if (*fd < 0 && errno == EEXIST)
		*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return *fd >= 0 ? ART_OK : art_fail_errno(err, "%s", path);
}

/* The plain system call: libc's fstat may take a form that the confinement forbids. */
bool signer_flag_is_set(int fd)
{
	struct stat st;
	char c;

	return syscall(SYS_fstat, fd, &st) || st.st_nlink == 0 || pread(fd, &c, 1, 0) != 1 ||
	       c != THAWED;
}

enum art_status signer_freeze(const char *state_dir, bool frozen, struct art_err *err)
{
	char flag = frozen ? FROZEN : THAWED;
	int fd;
	enum art_status s = signer_flag_open(state_dir, &fd, err);

	if (s != ART_OK)
		return s;
	/* In place: signers hold this very file open. */
	if (pwrite(fd, &flag, 1, 0) != 1 || fsync(fd))
		s = art_fail_errno(err, "%.200s/frozen", state_dir);
	close(fd);
	return s;
}

enum art_status signer_is_frozen(const char *state_dir, bool *out, struct art_err *err)
{
	char path[SIGNER_PATH_MAX];
	int fd;

	*out = true;
	flag_path(state_dir, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return art_fail_errno(err, "%s", path);
	*out = fd >= 0 && signer_flag_is_set(fd);
	if (fd >= 0)
		close(fd);
	return ART_OK;
}

/* ---- reading the journal ----------------------------------------------------------------------- */

enum art_status signer_journal_read(const char *state_dir, const struct eth_address *wallet,
				    struct signer_record **rows, size_t *n, struct art_err *err)
{
	char path[SIGNER_PATH_MAX], *line, *save;
	struct art_buf text;
	enum art_status s;

	*rows = NULL;
	*n = 0;
	journal_path(state_dir, wallet, path);
	art_buf_init(&text, JOURNAL_MAX);
	s = art_read_file(&text, path, JOURNAL_MAX, err);
	if (s == ART_NOT_FOUND)
		s = ART_OK;
	for (line = text.data; s == ART_OK && line && *line; line = save) {
		save = strchr(line, '\n');
		if (!save)
			break; /* cut short by a death; the next signer cuts it off */
		*save++ = 0;
		*rows = art_grow(*rows, *n + 1, sizeof(**rows));
		if (!journal_parse(line, &(*rows)[*n]))
			s = art_fail(err, ART_CORRUPT, "%s: record %zu is damaged", path, *n + 1);
		else
			(*n)++;
	}
	art_buf_destroy(&text);
	if (s != ART_OK) {
		free(*rows);
		*rows = NULL;
		*n = 0;
	}
	return s;
}
