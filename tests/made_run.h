/* A run to put processes into, by hand. */
#ifndef TESTS_MADE_RUN_H
#define TESTS_MADE_RUN_H

#include "books/run.h"

#define MS 1000000ULL
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* It took `length` ms, on a machine of so many CPUs and `memory` bytes, and went well. */
static inline struct run *made_run(u64 length, u32 cpus, u64 memory)
{
	struct run *run = run_new();

	run->start = 5000000 * MS;
	run->end = run->start + length * MS;
	run->state = RUN_FINISHED;
	run->interval = 1000 * MS;
	run->exit_status = 0;
	run->host.cpus = run->host.cpus_allowed = cpus;
	run->host.memory = memory;
	return run;
}

#endif
