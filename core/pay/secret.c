/*
 * secret.c - memory for keys and passwords.
 *
 * Layer: core.
 */
#include "core/pay/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Whole pages for @n bytes. */
static size_t pages_for(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

void *secret_alloc(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = pages_for(n);
	char *p = mmap(NULL, len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, len, PROT_READ | PROT_WRITE))
		art_die("no memory for a secret");
	madvise(p + page, len, MADV_DONTDUMP);
	madvise(p + page, len, MADV_WIPEONFORK);
	if (mlock(p + page, len)) {
		/* RLIMIT_MEMLOCK may be 0 in a container; encrypted swap is then its owner's affair. */
	}
	return p + page;
}

void secret_free(void *p, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = pages_for(n);

	if (!p)
		return;
	explicit_bzero(p, n);
	munmap((char *)p - page, len + 2 * page);
}

void secret_undumpable(void)
{
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}
