/*
 * sandbox_private.h - between the files of the sandbox.
 *
 * Layer: core, inside exec/. PROGRAM __sandbox run ... is the front: it prepares as root what only root can (then is root no more), and
 * waits. Below it bubblewrap, or a process of ours in new namespaces, makes the steps of the plan and becomes pid 1 inside. Its child
 * sets the limits, which count per user namespace, looks at the confinement once more, and becomes the command.
 *
 *   __sandbox run KIND SCRATCH GPU MEM PROCS FILE CPU N READ_ONLY*N COMMAND...
 *   __sandbox inside MEM PROCS FILE CPU GPU STATUS_FD COMMAND...      (bubblewrap's command)
 */
#ifndef CORE_EXEC_SANDBOX_PRIVATE_H
#define CORE_EXEC_SANDBOX_PRIVATE_H

#include "core/exec/sandbox.h"

#define SANDBOX_ID 1000 /* user and group inside */
#define SANDBOX_BASE "/tmp" /* a directory that every system has, to build on; nothing outside sees it change */
#define PLAN_MAX 128
#define SANDBOX_SETUP_FAILED 126

struct sandbox_limits {
	int64_t mem, procs, file, cpu_s; /* 0 none */
	bool gpu;
};

struct sandbox_front {
	enum sandbox_kind kind;
	const char *scratch, *gpu; /* "-" none, "all", a device */
	struct sandbox_limits limits;
	const char *const *read_only; /* paths inside; the same outside unless staged */
	int n_read_only;
	char **command;
	bool staged; /* sources are below SANDBOX_BASE: "0" the scratch directory, "1".. the read-only paths */
};

/* ---- the plan ---------------------------------------------------------------------------------------- */

enum plan_kind {
	PLAN_BIND,      /* read-only, with what is mounted below it */
	PLAN_WRITABLE,
	PLAN_DEVICE,
	PLAN_TMPFS,     /* size, mode */
	PLAN_PROC,
	PLAN_SYMLINK,   /* from: its text */
	PLAN_FILE,      /* from: its text */
	PLAN_READ_ONLY, /* the mount at @to, not those below it */
};
struct plan_step {
	enum plan_kind kind;
	char *from, *to;
	int64_t size;
};
struct sandbox_plan {
	struct plan_step steps[PLAN_MAX];
	int n;
};
/* False: too many steps. */
ART_MUST_USE bool sandbox_plan_make(struct sandbox_plan *p, const struct sandbox_front *f);
void sandbox_plan_free(struct sandbox_plan *p);

/* ---- both ways of making it, in a child of the front ----------------------------------------------- */

/* They return only by failing, after a line on stderr. */

/* They return only by failing, after a line on stderr. */

/* Becomes bubblewrap. @status_fd is inherited by the command. */
int sandbox_bwrap(const struct sandbox_front *f, const struct sandbox_plan *p, int status_fd);
/* The fork into new namespaces, as fork(2). */
int sandbox_fork(void);
/* In the child: pid 1 of the namespaces; its exit status is the command's. */
int sandbox_namespaces(const struct sandbox_front *f, const struct sandbox_plan *p, uint32_t uid,
		       uint32_t gid, int status_fd);

/*
 * What pid 1 inside does: starts the command as its child, buries orphans, exits with the command's status;
 * with its end the kernel ends all that is left.
 */
int sandbox_init(const struct sandbox_limits *l, int status_fd, char **command);
/* The last step inside: limits, a look at the confinement, a byte to @status_fd, the command. */
int sandbox_become(const struct sandbox_limits *l, bool confined, int status_fd, char **command);
void sandbox_say(const char *what, const char *object); /* errno's line on stderr */

/* ---- seccomp ----------------------------------------------------------------------------------------- */

ART_MUST_USE enum art_status sandbox_seccomp_load(bool gpu, struct art_err *err);
/* The same filter as a program in a memory file, at its beginning, not close-on-exec. */
ART_MUST_USE enum art_status sandbox_seccomp_export(bool gpu, int *fd, struct art_err *err);

#endif
