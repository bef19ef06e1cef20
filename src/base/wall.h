/*
 * Records carry CLOCK_BOOTTIME, people read UTC. The offset between the two is measured, not
 * assumed: it changes when the clock is set or slewed, so the owner calls wall_refresh now and then
 * (every second or so is plenty). `struct wall w = {0}` followed by wall_refresh is ready.
 */
#ifndef BASE_WALL_H
#define BASE_WALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct wall {
	int64_t offset;			/* CLOCK_REALTIME - CLOCK_BOOTTIME, ns */
	struct wall_second {
		int64_t second;		/* that prefix shows */
		char prefix[24];	/* "2026-01-31T23:59:59.", formatted once a second */
		uint32_t length;	/* 0: nothing cached */
	} seconds[2];			/* an event has its own time and that of its process's birth */
	int latest;			/* the one that was used last; the other is given up first */
};

/*
 * Measures the offset again and returns by how much it moved, in ns. A difference smaller than the
 * measurement can tell is ignored, so that times do not jitter.
 */
int64_t wall_refresh(struct wall *wall);
/* Nanoseconds since 1970 of a CLOCK_BOOTTIME instant. */
int64_t wall_from_boot(const struct wall *wall, uint64_t boot);
/* Adds "2026-01-31T23:59:59.123456789Z" for a CLOCK_BOOTTIME instant. */
void wall_format(struct wall *wall, struct text *text, uint64_t boot);
/* CLOCK_BOOTTIME now, in ns. */
uint64_t wall_boot_now(void);
/* Is it time? Then the next time is an interval later, and after a pause (a suspended machine) not all that were missed at once. */
bool wall_is_due(uint64_t *due, uint64_t now, uint64_t interval);
uint64_t wall_tick(void);		/* the kernel's jiffy, nanoseconds */

#endif
