/*
 * sandbox_plan.c - what a sandboxed program sees, step by step; both ways of building it follow this list.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/exec/sandbox_private.h"

#define MIB ((int64_t)1 << 20)
#define SHM_DEFAULT (1024 * MIB)
#define SHM_MIN (64 * MIB)
#define SHM_MAX (8192 * MIB)
#define DEV_BYTES MIB

static void add(struct sandbox_plan *p, enum plan_kind kind, const char *from, const char *to,
		int64_t size)
{
	/* One beyond the end is kept as the mark of too many. */
	if (p->n >= PLAN_MAX) {
		p->n = PLAN_MAX + 1;
		return;
	}
	p->steps[p->n++] = (struct plan_step){ kind, from ? art_strdup(from) : NULL, art_strdup(to), size };
}

/* A directory or file of the system as it is there: a symlink stays one, a missing one is left out. */
static void add_system(struct sandbox_plan *p, const char *path)
{
	char text[512];
	struct stat sb;
	ssize_t n;

	if (lstat(path, &sb))
		return;
	if (!S_ISLNK(sb.st_mode)) {
		add(p, PLAN_BIND, path, path, 0);
		return;
	}
	n = readlink(path, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = 0;
	add(p, PLAN_SYMLINK, text, path, 0);
}

static void add_gpus(struct sandbox_plan *p, const char *which)
{
	static const char *const shared[] = { "/dev/nvidiactl", "/dev/nvidia-modeset", "/dev/nvidia-uvm",
					      "/dev/nvidia-uvm-tools" };
	glob_t g = { 0 };

	for (size_t i = 0; i < ART_COUNT(shared); i++)
		if (access(shared[i], F_OK) == 0)
			add(p, PLAN_DEVICE, shared[i], shared[i], 0);
	if (strcmp(which, "all") != 0) {
		add(p, PLAN_DEVICE, which, which, 0);
		return;
	}
	if (glob("/dev/nvidia[0-9]*", 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			add(p, PLAN_DEVICE, g.gl_pathv[i], g.gl_pathv[i], 0);
	globfree(&g);
}

static void add_devices(struct sandbox_plan *p, const struct sandbox_front *f)
{
	static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					     "/dev/urandom" };
	int64_t shm = f->limits.mem ? f->limits.mem / 4 : SHM_DEFAULT;

	if (f->limits.mem)
		shm = shm < SHM_MIN ? SHM_MIN : shm > SHM_MAX ? SHM_MAX : shm;
	add(p, PLAN_TMPFS, NULL, "/dev", DEV_BYTES);
	for (size_t i = 0; i < ART_COUNT(nodes); i++)
		add(p, PLAN_DEVICE, nodes[i], nodes[i], 0);
	add(p, PLAN_SYMLINK, "/proc/self/fd", "/dev/fd", 0);
	add(p, PLAN_SYMLINK, "/proc/self/fd/0", "/dev/stdin", 0);
	add(p, PLAN_SYMLINK, "/proc/self/fd/1", "/dev/stdout", 0);
	add(p, PLAN_SYMLINK, "/proc/self/fd/2", "/dev/stderr", 0);
	if (strcmp(f->gpu, "-") != 0)
		add_gpus(p, f->gpu);
	add(p, PLAN_TMPFS, NULL, "/dev/shm", shm);
	add(p, PLAN_READ_ONLY, NULL, "/dev", 0);
}

bool sandbox_plan_make(struct sandbox_plan *p, const struct sandbox_front *f)
{
	/* Names of this machine's users are nobody's business. */
	static const char passwd[] = "root:x:0:0::/:/usr/sbin/nologin\n"
				     "run:x:1000:1000::" SANDBOX_SCRATCH ":/bin/sh\n",
			  group[] = "root:x:0:\nrun:x:1000:\n", hosts[] = "127.0.0.1 localhost\n";
	static const char *const system[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
					      "/libx32", "/etc/ld.so.cache", "/etc/ld.so.conf",
					      "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/ssl/certs",
					      "/etc/ssl/openssl.cnf", "/etc/localtime" };
	char from[32];

	p->n = 0;
	for (size_t i = 0; i < ART_COUNT(system); i++)
		add_system(p, system[i]);
	add(p, PLAN_FILE, passwd, "/etc/passwd", 0);
	add(p, PLAN_FILE, group, "/etc/group", 0);
	add(p, PLAN_FILE, hosts, "/etc/hosts", 0);
	add(p, PLAN_PROC, NULL, "/proc", 0);
	add_devices(p, f);
	if (strcmp(f->gpu, "-") != 0)
		add_system(p, "/sys");
	else
		add_system(p, "/sys/devices/system");
	add(p, PLAN_TMPFS, NULL, "/tmp", SANDBOX_TMP_BYTES);
	add(p, PLAN_SYMLINK, "/tmp", "/var/tmp", 0);
	for (int i = 0; i < f->n_read_only; i++) {
		snprintf(from, sizeof(from), "%s/%d", SANDBOX_BASE, i + 1);
		add(p, PLAN_BIND, f->staged ? from : f->read_only[i], f->read_only[i], 0);
	}
	add(p, PLAN_WRITABLE, f->staged ? SANDBOX_BASE "/0" : f->scratch, SANDBOX_SCRATCH, 0);
	add(p, PLAN_READ_ONLY, NULL, "/", 0);
	return p->n <= PLAN_MAX;
}

void sandbox_plan_free(struct sandbox_plan *p)
{
	for (int i = 0; i < p->n && i < PLAN_MAX; i++) {
		free(p->steps[i].from);
		free(p->steps[i].to);
	}
	p->n = 0;
}
