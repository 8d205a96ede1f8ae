/*
 * secret.h - memory for keys and passwords: locked, kept out of cores and children, between guard pages,
 * wiped when freed; and a process that leaves no core.
 *
 * Layer: core. Threads: any.
 */
#ifndef CORE_PAY_SECRET_H
#define CORE_PAY_SECRET_H

#include "store/base.h"

/* Zeroed. Never NULL: a system that cannot give it ends the program. A limit on locked memory that is too
 * small is survived; the pages are then unlocked but still kept out of cores. */
void *secret_alloc(size_t n);
void secret_free(void *p, size_t n); /* NULL is fine */

/* No core of this process, and no look into its memory by others of the same user (ptrace, /proc). */
void secret_undumpable(void);

#endif
