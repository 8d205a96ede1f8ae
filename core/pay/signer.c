/*
 * signer.c - the client's end: starting the process, asking it, ending it.
 *
 * Layer: core.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/pay/signer_private.h"

struct signer {
	int fd;
	pid_t pid;
	struct signer_request *q; /* large: made once */
};

size_t signer_request_size(enum signer_ask ask)
{
	size_t head = offsetof(struct signer_request, setup);

	switch (ask) {
	case SIGNER_ASK_SETUP:
		return head + sizeof(struct signer_setup);
	case SIGNER_ASK_AUTHORIZE:
		return head + sizeof(((struct signer_request *)0)->authorize);
	case SIGNER_ASK_ATTEST:
		return head + sizeof(struct signer_statement);
	case SIGNER_ASK_TRANSACT:
		return sizeof(struct signer_request);
	case SIGNER_ASK_UNLOCK:
	case SIGNER_ASK_COUNTS:
		return head;
	}
	return 0;
}

/* Nothing of the caller's environment but what finding a home and reading texts needs. */
static void clean_environment(char *env[16], char text[16][512])
{
	static const char *const kept[] = { "HOME", "LANG", "LC_ALL", "TERM", "TZ", "ARTUI_NOW",
					    "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS" };
	int n = 0;

	for (size_t i = 0; i < ART_COUNT(kept); i++) {
		const char *v = getenv(kept[i]);

		if (v && snprintf(text[n], 512, "%s=%s", kept[i], v) < 512) {
			env[n] = text[n];
			n++;
		}
	}
	env[n] = NULL;
}

static enum art_status spawn(struct signer *s, int theirs, int password_fd, struct art_err *err)
{
	char *const argv[] = { (char[]){ "artui" }, (char[]){ "__signer" }, NULL };
	char *env[16], text[16][512];
	posix_spawn_file_actions_t files;
	int rc, from = password_fd, moved = -1;

	clean_environment(env, text);
	posix_spawn_file_actions_init(&files);
	/* dup2 over a descriptor that is still wanted would lose it. */
	if (from > 0 && from <= SIGNER_PASSWORD)
		from = moved = fcntl(from, F_DUPFD_CLOEXEC, SIGNER_PASSWORD + 1);
	posix_spawn_file_actions_adddup2(&files, theirs, SIGNER_SOCKET);
	if (from > 0)
		posix_spawn_file_actions_adddup2(&files, from, SIGNER_PASSWORD);
	rc = posix_spawn(&s->pid, "/proc/self/exe", &files, NULL, argv, env);
	posix_spawn_file_actions_destroy(&files);
	if (moved >= 0)
		close(moved);
	errno = rc;
	return rc ? art_fail_errno(err, "cannot start the signer") : ART_OK;
}

/* A pair of sockets above the descriptors the child is given. */
static enum art_status make_pair(int pair[2], struct art_err *err)
{
	int size = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return art_fail_errno(err, "cannot start the signer");
	for (int i = 0; i < 2; i++) {
		int high = fcntl(pair[i], F_DUPFD_CLOEXEC, SIGNER_PASSWORD + 1);

		close(pair[i]);
		pair[i] = high;
		setsockopt(high, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return ART_OK;
}

static enum art_status ended(struct signer *s, struct art_err *err)
{
	int status = 0;

	if (s->pid > 0 && waitpid(s->pid, &status, 0) == s->pid)
		s->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return art_fail(err, ART_IO, "the signer was ended by the kernel: it asked for something "
				"it may not");
	if (WIFSIGNALED(status))
		return art_fail(err, ART_IO, "the signer was ended by signal %d", WTERMSIG(status));
	return art_fail(err, ART_IO, "the signer has ended");
}

static enum art_status ask(struct signer *s, enum signer_ask what, struct signer_reply *reply,
			   struct art_err *err)
{
	size_t size = signer_request_size(what);
	ssize_t n;

	s->q->ask = what;
	do
		n = send(s->fd, s->q, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)size)
		return ended(s, err);
	do
		n = recv(s->fd, reply, sizeof(*reply), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*reply))
		return ended(s, err);
	if (reply->err.code == ART_OK)
		return ART_OK;
	reply->err.text[sizeof(reply->err.text) - 1] = 0;
	return art_fail(err, reply->err.code, "%s", reply->err.text);
}

enum art_status signer_start(struct signer **out, const struct signer_setup *setup, struct art_err *err)
{
	struct signer *s;
	struct signer_reply reply;
	int pair[2];
	enum art_status st = make_pair(pair, err);

	*out = NULL;
	if (st != ART_OK)
		return st;
	s = art_alloc(1, sizeof(*s));
	s->q = art_alloc(1, sizeof(*s->q));
	s->fd = pair[0];
	st = spawn(s, pair[1], setup->password_fd, err);
	close(pair[1]);
	if (st == ART_OK) {
		s->q->setup = *setup;
		st = ask(s, SIGNER_ASK_SETUP, &reply, err);
	}
	if (st != ART_OK) {
		signer_stop(s);
		return st;
	}
	*out = s;
	return ART_OK;
}

void signer_stop(struct signer *s)
{
	if (!s)
		return;
	close(s->fd);
	while (s->pid > 0 && waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(s->q);
	free(s);
}

int signer_pid(const struct signer *s)
{
	return s->pid;
}

enum art_status signer_unlock(struct signer *s, struct eth_address *who, struct art_err *err)
{
	struct signer_reply reply;
	enum art_status st = ask(s, SIGNER_ASK_UNLOCK, &reply, err);

	if (st == ART_OK)
		*who = reply.who;
	return st;
}

enum art_status signer_authorize(struct signer *s, const struct eip712_domain *domain,
				 const struct eip3009 *a, struct eth_signature *sig, struct art_err *err)
{
	struct signer_reply reply;
	enum art_status st;

	s->q->authorize.domain = *domain;
	s->q->authorize.a = *a;
	st = ask(s, SIGNER_ASK_AUTHORIZE, &reply, err);
	if (st == ART_OK)
		*sig = reply.sig;
	return st;
}

enum art_status signer_transact(struct signer *s, const struct tx *t, struct eth_signature *sig,
				struct art_err *err)
{
	struct signer_reply reply;
	enum art_status st;

	if (t->data_len > TX_DATA_MAX || t->n_access < 0 || t->n_access > TX_ACCESS_MAX)
		return art_fail(err, ART_LIMIT, "a transaction's data or access list is too long");
	s->q->transact.tx = *t;
	if (t->n_access)
		memcpy(s->q->transact.access, t->access, (size_t)t->n_access * sizeof(*t->access));
	if (t->data_len)
		memcpy(s->q->transact.data, t->data, t->data_len);
	st = ask(s, SIGNER_ASK_TRANSACT, &reply, err);
	if (st == ART_OK)
		*sig = reply.sig;
	return st;
}

enum art_status signer_attest(struct signer *s, const struct signer_statement *statement,
			      struct eth_signature *sig, struct art_err *err)
{
	struct signer_reply reply;
	enum art_status st;

	s->q->attest = *statement;
	st = ask(s, SIGNER_ASK_ATTEST, &reply, err);
	if (st == ART_OK)
		*sig = reply.sig;
	return st;
}

enum art_status signer_counts(struct signer *s, struct signer_counts *out, struct art_err *err)
{
	struct signer_reply reply;
	enum art_status st = ask(s, SIGNER_ASK_COUNTS, &reply, err);

	if (st == ART_OK)
		*out = reply.counts;
	return st;
}
