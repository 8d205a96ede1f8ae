/*
 * job_launcher.h - the order of arguments between job.c and its launcher.
 *
 * Layer: core, inside exec/: PROGRAM __job PARENT DATA_MAX FILE_MAX CPU_S NICE DIR COMMAND...
 */
#ifndef CORE_EXEC_JOB_LAUNCHER_H
#define CORE_EXEC_JOB_LAUNCHER_H

#include "store/base.h"

#define LAUNCHER_ARGV 9 /* the smallest argc */

struct launcher_args {
	int64_t parent, data_max, file_max, cpu_s, nice;
	const char *dir;
	char **argv;
};

#endif
