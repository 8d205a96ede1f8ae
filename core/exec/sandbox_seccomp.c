/*
 * sandbox_seccomp.c - the system calls that a stranger's training program has no use for.
 *
 * Layer: core; beside the signer's the one file that sees libseccomp.
 *
 * Namespaces take away what the program could reach; this takes away doors into the kernel that namespaces
 * open rather than close (user namespaces, mounts, nf_tables), that they do not cover (keyrings, vsock,
 * bpf), or whose memory no limit counts (System V shared memory, memory files). A list of what is refused
 * and not of what is allowed: CUDA, Python and their kin use too much, and change, and everything dangerous
 * needs capabilities that are gone.
 */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "core/exec/sandbox_private.h"

#define FAMILIES 64 /* above AF_MAX of any kernel */
#define LOW32 0xffffffffu

static const int refused[] = {
	/* mounts and roots */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount),
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd), SCMP_SYS(acct), SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(fanotify_init),
	/* namespaces */
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
	/* other processes */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(process_madvise),
	/* the kernel's own */
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(syslog), SCMP_SYS(lookup_dcookie),
	SCMP_SYS(uselib), SCMP_SYS(nfsservctl), SCMP_SYS(vhangup), SCMP_SYS(personality),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(create_module),
	SCMP_SYS(get_kernel_syms), SCMP_SYS(query_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(modify_ldt), SCMP_SYS(iopl),
	SCMP_SYS(ioperm), SCMP_SYS(_sysctl), SCMP_SYS(sysfs),
	/* clocks */
	SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(settimeofday), SCMP_SYS(stime),
	SCMP_SYS(adjtimex),
	/* memory that no limit of a process counts */
	SCMP_SYS(shmget), SCMP_SYS(msgget), SCMP_SYS(semget), SCMP_SYS(memfd_secret),
};

/*
 * All comparisons are of the low half alone, as the kernel's are: with 64 bits a caller could hide the
 * value behind high ones.
 */
static int refuse_arg(scmp_filter_ctx f, int call, unsigned arg, uint32_t mask, uint32_t value, int why)
{
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(why), call, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

static int add_rules(scmp_filter_ctx f, bool gpu)
{
	static const uint32_t spaces[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
					   CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP };
	int rc = 0;

	for (size_t i = 0; i < ART_COUNT(refused) && !rc; i++)
		if (refused[i] >= 0) /* a name that this machine does not have is negative */
			rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	for (size_t i = 0; i < ART_COUNT(spaces) && !rc; i++)
		rc = refuse_arg(f, SCMP_SYS(clone), 0, spaces[i], spaces[i], EPERM);
	/* Its flags are in memory where no filter looks; the C library falls back to clone. */
	if (!rc)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* The driver keeps code in memory files. */
	if (!rc && !gpu)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(memfd_create), 0);
	for (uint32_t family = 0; family < FAMILIES && !rc; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK) {
			rc = refuse_arg(f, SCMP_SYS(socket), 0, LOW32, family, EAFNOSUPPORT);
			if (!rc)
				rc = refuse_arg(f, SCMP_SYS(socketpair), 0, LOW32, family, EAFNOSUPPORT);
		}
	/* Of netlink the list of interfaces (protocol 0), which getifaddrs asks for. */
	for (uint32_t protocol = 1; protocol < 32 && !rc; protocol++)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 2,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, AF_NETLINK),
				      SCMP_A2(SCMP_CMP_MASKED_EQ, LOW32, protocol));
	/* Typing into somebody's terminal. */
	if (!rc)
		rc = refuse_arg(f, SCMP_SYS(ioctl), 1, LOW32, TIOCSTI, EPERM);
	if (!rc)
		rc = refuse_arg(f, SCMP_SYS(ioctl), 1, LOW32, TIOCLINUX, EPERM);
	return rc;
}

static enum art_status build(scmp_filter_ctx *out, bool gpu, struct art_err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc = f ? add_rules(f, gpu) : -ENOMEM;

	if (rc) {
		if (f)
			seccomp_release(f);
		return art_fail(err, ART_UNSUPPORTED, "seccomp: the filter cannot be built: %s",
				strerror(-rc));
	}
	*out = f;
	return ART_OK;
}

enum art_status sandbox_seccomp_load(bool gpu, struct art_err *err)
{
	scmp_filter_ctx f = NULL;
	enum art_status st = build(&f, gpu, err);
	int rc;

	if (st)
		return st;
	rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : seccomp_load(f);
	seccomp_release(f);
	return rc ? art_fail(err, ART_UNSUPPORTED, "seccomp: %s", strerror(-rc)) : ART_OK;
}

enum art_status sandbox_seccomp_export(bool gpu, int *fd, struct art_err *err)
{
	scmp_filter_ctx f = NULL;
	enum art_status st = build(&f, gpu, err);
	int rc;

	if (st)
		return st;
	*fd = memfd_create("seccomp", 0);
	rc = *fd < 0 ? -errno : seccomp_export_bpf(f, *fd);
	seccomp_release(f);
	if (!rc && lseek(*fd, 0, SEEK_SET) != 0)
		rc = -errno;
	return rc ? art_fail(err, ART_UNSUPPORTED, "seccomp: %s", strerror(-rc)) : ART_OK;
}
