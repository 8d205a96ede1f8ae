/*
 * job_tree.h - find and end processes by descent, by start time and by a mark.
 *
 * Layer: core, inside exec/. Reads /proc. Threads: any.
 */
#ifndef CORE_EXEC_JOB_TREE_H
#define CORE_EXEC_JOB_TREE_H

#include <sys/types.h>

#include "store/base.h"

#define JOB_LAUNCHER_NAME "artui-job" /* as the kernel shows it */

/* Start time of @pid in clock ticks since boot; 0 when there is none or it is dead. */
int64_t job_tree_started(pid_t pid);
/* The same of a child that may be dead, but was not waited for: its number cannot be another's yet. */
int64_t job_tree_birth(pid_t pid);

/* @root and its living descendants, at most @max; the number filled. */
int job_tree_list(pid_t root, pid_t *out, int max);

/* Kill every living descendant of @root, not @root itself, until none is left (bounded). A process
 * that forks while this runs is stopped first. Returns how many it could not end. */
int job_tree_kill(pid_t root);

/* Kill the children of this process, and all below them, that began at or after @since ticks and
 * are no launchers (the program @launcher, NULL: this one, as __job): what a job left behind by
 * killing its launcher. Returns how many were found. */
int job_tree_kill_strays(int64_t since, const char *launcher);

/* End @pid and its descendants if it still is the process that began at @started. */
bool job_tree_end(pid_t pid, int64_t started);

/* End every process of this user whose environment at its start holds exactly "@name=@value" or
 * "@name=@value/...". Returns how many. */
int job_tree_kill_marked(const char *name, const char *value);

#endif
