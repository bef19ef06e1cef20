/*
 * The processes of a run in an order of time; those that are equal in it keep the order they are in. The caller frees.
 */
#ifndef BOOKS_ORDER_H
#define BOOKS_ORDER_H

#include "books/run.h"

u32 *order_by_start(const struct run *run);
u32 *order_by_end(const struct run *run);

/* What was there before the run begins with it. */
static inline u64 order_start(const struct run *run, const struct run_process *process)
{
	return process->start < run->start ? run->start : process->start;
}

/* The living end with the run, and so does one that outlived it. */
static inline u64 order_end(const struct run *run, const struct run_process *process)
{
	return process->flags & RUN_PROCESS_LIVING || process->end > run->end ? run->end : process->end;
}

#endif
