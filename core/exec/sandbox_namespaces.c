/*
 * sandbox_namespaces.c - the plan without bubblewrap.
 *
 * The process cloned into the new namespaces is their pid 1. It copies the mounts that the plan names
 * (detached, so that nothing that is mounted later can hide them), makes the new root, moves in, and lets
 * go of everything. The mount calls are those of Linux 5.12, which make a whole tree read-only in one step.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/exec/sandbox_private.h"

#define LAST_CAP_MAX 63
#define ROOT_BYTES "2m"

int sandbox_fork(void)
{
	/* All at once, so that the child is pid 1 and the user namespace owns the others. */
	return (int)syscall(SYS_clone,
			    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
				    CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD,
			    NULL, NULL, NULL, NULL);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);
	bool good = fd >= 0 && write(fd, text, (size_t)n) == n;

	if (!good)
		sandbox_say("cannot write", path);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool become_user(uint32_t uid, uint32_t gid)
{
	char users[48], groups[48];

	snprintf(users, sizeof(users), "%d %u 1\n", SANDBOX_ID, uid);
	snprintf(groups, sizeof(groups), "%d %u 1\n", SANDBOX_ID, gid);
	return put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", groups) &&
	       put("/proc/self/uid_map", users);
}

/*
 * No deeper user namespaces, whatever the filter may have missed. Where /proc/sys is read-only the filter
 * stands alone.
 */
static void no_more_users(void)
{
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		sandbox_say("cannot forbid", "user namespaces");
	close(fd);
}

static bool loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0;

	r.ifr_flags |= IFF_UP;
	up = up && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
	if (!up)
		sandbox_say("cannot start", "the loopback");
	if (fd >= 0)
		close(fd);
	return up;
}

/* ---- mounts ------------------------------------------------------------------------------------------ */

static bool is_bind(enum plan_kind k)
{
	return k == PLAN_BIND || k == PLAN_WRITABLE || k == PLAN_DEVICE;
}

/* The mounts of the plan, detached, before anything is covered. */
static bool take_mounts(const struct sandbox_plan *p, int fds[PLAN_MAX])
{
	for (int i = 0; i < p->n; i++) {
		const struct plan_step *s = &p->steps[i];
		struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID };

		fds[i] = -1;
		if (!is_bind(s->kind))
			continue;
		if (s->kind != PLAN_DEVICE)
			attr.attr_set |= MOUNT_ATTR_NODEV;
		if (s->kind == PLAN_BIND)
			attr.attr_set |= MOUNT_ATTR_RDONLY;
		fds[i] = open_tree(AT_FDCWD, s->from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (fds[i] < 0 || mount_setattr(fds[i], "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
						sizeof(attr))) {
			sandbox_say("cannot use", s->from);
			return false;
		}
	}
	return true;
}

static void make_parents(const char *path)
{
	char *p = art_strdup(path);

	for (char *c = strchr(p + 1, '/'); c; c = strchr(c + 1, '/')) {
		*c = 0;
		mkdir(p, 0755); /* what is missing in the end shows at the mount */
		*c = '/';
	}
	free(p);
}

/* A place for the mount: a directory, or an empty file for what is none. */
static void make_place(const char *to, bool is_dir)
{
	int fd;

	make_parents(to);
	if (is_dir) {
		mkdir(to, 0755);
		return;
	}
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd >= 0)
		close(fd);
}

static bool place_mount(int fd, const char *to)
{
	struct stat sb;

	if (fstat(fd, &sb))
		return false;
	make_place(to, S_ISDIR(sb.st_mode));
	return move_mount(fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool place_file(const char *text, const char *to)
{
	int fd;
	ssize_t n = (ssize_t)strlen(text);
	bool good;

	make_parents(to);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	good = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool place_tmpfs(const struct plan_step *s)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%lld,mode=755", (long long)s->size);
	make_place(s->to, true);
	return mount("tmpfs", s->to, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

static bool read_only(const char *path, unsigned flags)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return mount_setattr(AT_FDCWD, path, flags, &attr, sizeof(attr)) == 0;
}

/*
 * A new proc shows this pid namespace alone. Its doors to the whole machine are closed as bubblewrap closes
 * them.
 */
static bool place_proc(const char *to)
{
	static const char *const doors[] = { "sys", "sysrq-trigger", "irq", "bus" };

	make_place(to, true);
	if (mount("proc", to, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return false;
	for (size_t i = 0; i < ART_COUNT(doors); i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/%s", to, doors[i]);
		if (access(path, F_OK))
			continue;
		if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) || !read_only(path, AT_RECURSIVE))
			return false;
	}
	return true;
}

static bool make_step(const struct plan_step *s, int fd)
{
	switch (s->kind) {
	case PLAN_BIND:
	case PLAN_WRITABLE:
	case PLAN_DEVICE:
		return place_mount(fd, s->to);
	case PLAN_TMPFS:
		return place_tmpfs(s);
	case PLAN_PROC:
		return place_proc(s->to);
	case PLAN_SYMLINK:
		make_parents(s->to);
		return symlink(s->from, s->to) == 0;
	case PLAN_FILE:
		return place_file(s->from, s->to);
	case PLAN_READ_ONLY:
		return read_only(s->to, 0);
	}
	return false;
}

/*
 * The new root, and nothing of the old one left. The steps' paths are made from inside it: a symlink among
 * them could otherwise lead out of it. proc must still see an old one to be mounted, so the old root is let
 * go of last.
 */
static bool build_root(const struct sandbox_plan *p, const int fds[PLAN_MAX])
{
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) ||
	    mount("tmpfs", SANDBOX_BASE, "tmpfs", MS_NOSUID | MS_NODEV, "size=" ROOT_BYTES ",mode=755") ||
	    chdir(SANDBOX_BASE) || mkdir("old", 0700) || syscall(SYS_pivot_root, ".", "old") || chdir("/")) {
		sandbox_say("cannot make", "a root of its own");
		return false;
	}
	for (int i = 0; i < p->n; i++) {
		/* The root is closed behind the last step, below. */
		bool last = p->steps[i].kind == PLAN_READ_ONLY && !strcmp(p->steps[i].to, "/");
		if (!last && !make_step(&p->steps[i], fds[i])) {
			sandbox_say("cannot place", p->steps[i].to);
			return false;
		}
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (umount2("/old", MNT_DETACH) || rmdir("/old") || !read_only("/", 0) || chdir(SANDBOX_SCRATCH)) {
		sandbox_say("cannot close", "the old root");
		return false;
	}
	return true;
}

/* ---- letting go -------------------------------------------------------------------------------------- */

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	for (int cap = 0; cap <= LAST_CAP_MAX; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return false;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0;
}

int sandbox_namespaces(const struct sandbox_front *f, const struct sandbox_plan *p, uint32_t uid,
		       uint32_t gid, int status_fd)
{
	struct art_err err;
	int fds[PLAN_MAX];

	if (!become_user(uid, gid) || !take_mounts(p, fds))
		return SANDBOX_SETUP_FAILED;
	no_more_users();
	if (sethostname("sandbox", 7) || !loopback_up() || !build_root(p, fds))
		return SANDBOX_SETUP_FAILED;
	setsid();
	if (!drop_capabilities()) {
		sandbox_say("cannot drop", "capabilities");
		return SANDBOX_SETUP_FAILED;
	}
	if (sandbox_seccomp_load(f->limits.gpu, &err)) {
		dprintf(STDERR_FILENO, "artui: %s\n", err.text);
		return SANDBOX_SETUP_FAILED;
	}
	return sandbox_init(&f->limits, status_fd, f->command);
}
