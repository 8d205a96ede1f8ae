/*
 * sandbox.h - running a stranger's program so that it can reach nothing but its own scratch directory.
 *
 * Layer: core; libseccomp stays in sandbox_seccomp.c. Threads: any. A sandbox is a command line around
 * another one: the result goes to job_open as it is, so that log, time and the kill of the whole tree are
 * the job's (its pid namespace dies with it). How the job ends tells whose fault it is: JOB_EXITED is the
 * command's own end (128 + n: by signal n), JOB_KILLED means that the sandbox could not be built (the log's
 * last lines say why) or that somebody outside killed it. The command cannot bring about the second.
 *
 * Inside: no network but a loopback that leads nowhere; no home; /usr, /bin, /lib*, the linker's,
 * alternatives' and OpenSSL's files of /etc and the time zone read-only, where they exist, with a passwd
 * and group of its own; private /tmp and /dev/shm of limited size, /proc, a minimal /dev,
 * /sys/devices/system read-only; the scratch directory at /scratch, writable, and the named read-only paths
 * at their own places; its own user, pid, mount, net, ipc, uts and cgroup namespaces, no new privileges,
 * all capabilities gone, a seccomp filter (no mount, ptrace, keyctl, bpf, perf, kexec, module, clock,
 * reboot calls, no new namespaces, sockets of four families). With bubblewrap when it is there and works,
 * else built by this program (argv[1] "__sandbox"); one list of steps feeds both, so they come to the same.
 *
 * Started by root, all of it runs as user SANDBOX_ROOT_ID, who owns nothing else: root's own files and its
 * freedom from the limit on processes stay outside. What it has to read must then be readable by everyone;
 * the directories above it need not be.
 *
 * Not done: cgroups. Memory and disk of the whole tree are what sandbox_memory and sandbox_usage find a few
 * times a second; kernel memory behind sockets and pipes is bounded by the number of descriptors and
 * processes alone.
 */
#ifndef CORE_EXEC_SANDBOX_H
#define CORE_EXEC_SANDBOX_H

#include "store/base.h"

#define SANDBOX_SCRATCH "/scratch"
#define SANDBOX_ARGS_MAX 256
#define SANDBOX_ROOT_ID 65533            /* unused by Debian's policy, yet mapped in containers of 65536 ids */
#define SANDBOX_TMP_BYTES ((int64_t)256 << 20)

enum sandbox_kind { SANDBOX_NONE, SANDBOX_BWRAP, SANDBOX_NAMESPACES };
const char *sandbox_kind_text(enum sandbox_kind k); /* "none" "bubblewrap" "namespaces" */
/*
 * What works here, tried by running true(1) in each, as a job of this program (or @launcher). @want
 * SANDBOX_NONE: the best there is, else that one. UNSUPPORTED says why none does and what to install or
 * allow.
 */
ART_MUST_USE enum art_status sandbox_find(enum sandbox_kind *out, enum sandbox_kind want,
					  const char *launcher, struct art_err *err);

struct sandbox_spec {
	enum sandbox_kind kind;         /* NONE: the plain command in the scratch directory, with the limits but procs */
	const char *scratch;            /* host directory, a real path; becomes SANDBOX_ROOT_ID's when root starts it */
	const char *const *read_only;   /* host paths, real ones, NULL-terminated; may be NULL */
	bool gpu;                       /* /dev/nvidia* and read-only /sys */
	const char *gpu_device;         /* "/dev/nvidia3": of the GPUs only this; NULL: all */
	const char *const *command;     /* NULL-terminated; run in the scratch directory */
	int64_t mem_bytes;              /* private memory of each process (RLIMIT_DATA; twice that and 4 GiB of
					   addresses without gpu); a quarter of it, at most 8 GiB, is /dev/shm; 0 none */
	int64_t procs;                  /* processes and threads; 0 none */
	int64_t file_bytes;             /* of one file; 0 none */
	double cpu_s;                   /* of one process; 0 none */
};
/* An argv for job_spec, owned: sandbox_argv_free. */
struct sandbox_argv {
	char *args[SANDBOX_ARGS_MAX]; /* NULL-terminated */
	int n;
};
/*
 * Errors: INVALID for a path that is missing, not a real path (symlinks resolved) or would hide what is
 * inside; LIMIT.
 */
ART_MUST_USE enum art_status sandbox_command(const struct sandbox_spec *spec,
					     struct sandbox_argv *out, struct art_err *err);
void sandbox_argv_free(struct sandbox_argv *a);
/* Where the scratch directory is for the command: for its HOME and its arguments. Borrowed from @spec. */
const char *sandbox_inside(const struct sandbox_spec *spec);

/*
 * What the limits of a process cannot hold: bytes and files below @dir (symlinks not followed, hard links
 * counted once, directories without permission opened up), to be looked at a few times a second. LIMIT over
 * either, or nested deeper than any program needs.
 */
ART_MUST_USE enum art_status sandbox_usage(const char *dir, int64_t max_bytes, int64_t max_files,
					   int64_t *bytes, int64_t *files, struct art_err *err);
/* Bytes of unlinked files on @dir's file system that @pid or what descends from it still holds open. */
int64_t sandbox_unlinked(int64_t pid, const char *dir);
/*
 * Memory of a process and everything below it in bytes: resident size, and where that is above @enough the
 * proportional one.
 */
int64_t sandbox_memory(int64_t pid, int64_t enough);
/*
 * Remove what a stranger's program left: any depth, any modes, no symlink followed. @dir itself too.
 * NOT_FOUND is OK.
 */
ART_MUST_USE enum art_status sandbox_remove(const char *dir, struct art_err *err);

/* Main for argv[1] "__sandbox". */
int sandbox_main(int argc, char **argv);

#endif
