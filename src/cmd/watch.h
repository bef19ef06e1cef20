/* The loop of every command that follows events: drains the lanes, lets the command have its turn, and ends when it should. */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "cmd/child.h"
#include "kernel/kernel.h"

struct watch {
	struct kernel *kernel;
	struct child *child;	/* ends with it, if there is one */
	u64 end;		/* and not later than this (CLOCK_BOOTTIME); ~0: no limit */
	u64 begin;		/* intervals count from here; 0: from now */
	u64 interval;		/* at which what is added up in the kernel is told of; 0: a second */
	lanes_deliver *deliver;
	/* After each drain. `next` is when to come back, unless much comes before; it may be set to another time. False: enough. */
	bool (*turn)(void *context, u64 now, u64 *next);
	/* The kernel's sums were just delivered (kernel_fold); NULL: nobody needs to know. */
	void (*folded)(void *context, u64 now);
	void *context;
};

void watch_run(const struct watch *watch);
/*
 * An observer that falls behind loses events, so it goes before those it observes; it sleeps when there is nothing. Only the highest
 * priority holds a flood back: who makes it gets what telling of it leaves of the processors, and so makes no more than can be told.
 */
void watch_go_first(void);

#endif
