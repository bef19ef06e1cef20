/*
 * A run's costs added up by tool, task, process, container or user. The rows of one table add up to the total, to the
 * unit.
 */
#ifndef BOOKS_SUM_H
#define BOOKS_SUM_H

#include "books/run.h"

enum sum_by {
	SUM_TOOL,
	SUM_TASK,
	SUM_PROCESS,
	SUM_CONTAINER,
	SUM_USER,
	SUM_GROUP,		/* of tasks */
	SUM_TOTAL,		/* one row */
};

struct sum_row {
	u32 index; /* of the tool, task, ...; the uid; of a group its first task; RUN_NONE: what is in none */
	u32 processes, failures;	/* failures: as sum_failed says */
	u64 first, last;	/* begin of the first, end of the last */
	u64 lifetime;		/* of all within the run, added up */
	u64 covered;		/* time of the run in which at least one was there */
	u64 sampled_memory;	/* most that all of them were seen to have together; 0: no sample */
	struct costs costs;
};

/* A process that ended with a code other than 0, or by a signal. */
static inline bool sum_failed(const struct run_process *process)
{
	return process->code || process->signal;
}

/* Sorted by CPU time, the most first; the caller frees. */
struct sum_row *sum_make(const struct run *run, enum sum_by by, u32 *count);

/* How many tools, tasks and containers had a process at its end: as many as a table of them has rows with a name. */
struct sum_names {
	u32 tools, tasks, containers;
};
struct sum_names sum_names(const struct run *run);

/* Of each task the first of its group; the caller frees. */
u32 *sum_first_of_group(const struct run *run);

#endif
