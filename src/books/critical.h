/*
 * The critical path: the chain of processes that made a run as long as it was. It is found from its end: at each
 * instant it is in one process, the one whose end the next was waiting for.
 */
#ifndef BOOKS_CRITICAL_H
#define BOOKS_CRITICAL_H

#include "books/run.h"

/* A stretch of the path within one process; links follow each other without gaps from the run's start to its end. */
struct critical_link {
	u32 process;		/* RUN_NONE: nothing of the run was there */
	u32 padding;
	u64 from, to;
	/* what the stretch was spent on, as far as the ledger and the samples tell; they add up to its length */
	u64 cpu, cpu_wait, disk, network, other;
};

/* By time; the caller frees. */
struct critical_link *critical_find(const struct run *run, u32 *count);

#endif
