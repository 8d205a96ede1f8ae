/*
 * sandbox_bwrap.c - the plan as bubblewrap's command line. Written for bubblewrap 0.8 of Debian 12.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/exec/sandbox_private.h"

#define BWRAP_ARGS (4 * PLAN_MAX + SANDBOX_ARGS_MAX + 64)

struct args {
	const char *v[BWRAP_ARGS + 1];
	int n;
};

static void arg(struct args *a, const char *s)
{
	ART_BUG_ON(a->n == BWRAP_ARGS);
	a->v[a->n++] = s;
}

static void arg3(struct args *a, const char *x, const char *y, const char *z)
{
	arg(a, x);
	arg(a, y);
	arg(a, z);
}

/* A short text as a descriptor to read. The process is about to become another: nothing here is freed. */
static bool text_fd(const char *text, char **fd)
{
	int file = memfd_create("file", 0);
	ssize_t n = (ssize_t)strlen(text);

	if (file < 0 || write(file, text, (size_t)n) != n || lseek(file, 0, SEEK_SET) != 0) {
		sandbox_say("cannot keep", "a small file");
		return false;
	}
	*fd = art_printf("%d", file);
	return true;
}

static bool add_step(struct args *a, const struct plan_step *s)
{
	char *fd = NULL;

	switch (s->kind) {
	case PLAN_BIND:
		arg3(a, "--ro-bind", s->from, s->to);
		break;
	case PLAN_WRITABLE:
		arg3(a, "--bind", s->from, s->to);
		break;
	case PLAN_DEVICE:
		arg3(a, "--dev-bind", s->from, s->to);
		break;
	case PLAN_TMPFS:
		arg(a, "--size");
		arg(a, art_printf("%lld", (long long)s->size));
		arg(a, "--tmpfs");
		arg(a, s->to);
		break;
	case PLAN_PROC:
		arg(a, "--proc");
		arg(a, s->to);
		break;
	case PLAN_SYMLINK:
		arg3(a, "--symlink", s->from, s->to);
		break;
	case PLAN_FILE:
		if (!text_fd(s->from, &fd))
			return false;
		arg3(a, "--ro-bind-data", fd, s->to);
		break;
	case PLAN_READ_ONLY:
		arg(a, "--remount-ro");
		arg(a, s->to);
		break;
	}
	return true;
}

int sandbox_bwrap(const struct sandbox_front *f, const struct sandbox_plan *p, int status_fd)
{
	static const char *const first[] = {
		"bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net",
		"--unshare-uts", "--unshare-cgroup", "--disable-userns", "--hostname", "sandbox",
		"--new-session", "--die-with-parent", "--cap-drop", "ALL", "--as-pid-1",
	};
	static const char *const places[] = { "/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap" };
	const struct sandbox_limits *l = &f->limits;
	char *id = art_printf("%d", SANDBOX_ID), *self;
	struct args a = { .n = 0 };
	struct art_err err;
	int exe, filter;

	for (size_t i = 0; i < ART_COUNT(first); i++)
		arg(&a, first[i]);
	arg3(&a, "--uid", id, "--gid");
	arg(&a, id);
	for (int i = 0; i < p->n; i++)
		if (!add_step(&a, &p->steps[i]))
			return SANDBOX_SETUP_FAILED;
	if (sandbox_seccomp_export(l->gpu, &filter, &err)) {
		dprintf(STDERR_FILENO, "artui: %s\n", err.text);
		return SANDBOX_SETUP_FAILED;
	}
	/* This program again, by descriptor: there is no path to it inside. */
	exe = open("/proc/self/exe", O_RDONLY);
	if (exe < 0) {
		sandbox_say("cannot open", "this program");
		return SANDBOX_SETUP_FAILED;
	}
	self = art_printf("/proc/self/fd/%d", exe);
	arg3(&a, "--seccomp", art_printf("%d", filter), "--chdir");
	arg3(&a, SANDBOX_SCRATCH, "--", self);
	arg3(&a, "__sandbox", "inside", art_printf("%lld", (long long)l->mem));
	arg3(&a, art_printf("%lld", (long long)l->procs), art_printf("%lld", (long long)l->file),
	     art_printf("%lld", (long long)l->cpu_s));
	arg(&a, l->gpu ? "1" : "0");
	arg(&a, art_printf("%d", status_fd));
	for (char **c = f->command; *c; c++)
		arg(&a, *c);
	arg(&a, NULL);
	for (size_t i = 0; i < ART_COUNT(places); i++)
		execv(places[i], (char *const *)(uintptr_t)a.v);
	sandbox_say("cannot run", "bubblewrap (/usr/bin/bwrap)");
	return SANDBOX_SETUP_FAILED;
}
