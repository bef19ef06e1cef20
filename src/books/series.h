/*
 * A run, or its machine, over time: equal steps, each with what happened in it. What lies between two readings is
 * spread evenly over the time between them, so the steps add up to the totals.
 */
#ifndef BOOKS_SERIES_H
#define BOOKS_SERIES_H

#include "books/run.h"

/* NAN: not known then. */
struct series_step {
	double cpu, cpu_wait;		/* cores: 2 is two CPUs, all the time */
	double memory;			/* bytes, the mean */
	double disk_read, disk_write;	/* bytes a second */
	double received, sent;
	double processes;		/* alive, the mean */
};

struct series {
	u64 from, step;			/* ns; step is never 0 */
	u32 count;
	struct series_step *steps;
};

/*
 * Of all its processes together; at most `most` steps, none shorter than a millisecond. The memory of a process that
 * was too short for a sample is its peak. Free with series_free.
 */
struct series *series_of_run(const struct run *run, u32 most);
/* The machine, with the same steps. cpu_wait is time idle while a disk was waited for; processes is not known. */
struct series *series_of_host(const struct run *run, u32 most);
void series_free(struct series *series);

/*
 * The samples of each process, by time: run->samples[items[i]] for first[process] <= i < first[process + 1]. Free both.
 */
struct series_samples {
	u32 *first, *items;
};
struct series_samples series_samples(const struct run *run);

#endif
