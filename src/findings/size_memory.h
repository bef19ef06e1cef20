/* The most memory that processes had at one time. */
#ifndef FINDINGS_SIZE_MEMORY_H
#define FINDINGS_SIZE_MEMORY_H

#include "books/run.h"

struct memory_levels;

struct memory_peak {
	u64 bytes;
	u64 time;		/* when */
};

struct memory_levels *memory_levels_new(const struct run *run);
void memory_levels_free(struct memory_levels *levels);
/* Of some processes; members NULL: of all. */
struct memory_peak memory_peak(struct memory_levels *levels, const u32 *members, u32 count);

#endif
