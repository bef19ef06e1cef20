/* What processes used together over time, in bins of equal length. */
#ifndef BOOKS_USAGE_H
#define BOOKS_USAGE_H

#include "books/run.h"

/* While it is added to: ns. After usage_finish: threads, 1.0 is one thread all the time. */
struct usage_bin {
	double cpu;		/* on a CPU */
	double demand;		/* on a CPU or ready for one; does not depend on what else the machine does */
	double disk, network;	/* waiting for them */
};

struct usage {
	u64 from, to, step;
	u32 count;
	struct usage_bin *bins, *steps;
};

struct usage *usage_new(u64 from, u64 to);
void usage_free(struct usage *usage);
/* `spent` in ns, evenly between two instants. */
void usage_add(struct usage *usage, u64 from, u64 to, const struct usage_bin *spent);
void usage_finish(struct usage *usage);

/* The last bin can be shorter than the others. */
static inline u64 usage_bin_from(const struct usage *usage, u32 bin)
{
	return usage->from + bin * usage->step;
}

static inline u64 usage_bin_length(const struct usage *usage, u32 bin)
{
	u64 from = usage_bin_from(usage, bin);

	return from + usage->step > usage->to ? usage->to - from : usage->step;
}

#endif
