/*
 * All that sonde has in the kernel while it watches: programs on their rungs, the lanes, the books. Everything hangs on
 * file descriptors of this process, so nothing stays when it ends, however it ends.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdio.h>

#include "kernel/features.h"
#include "kernel/lanes.h"
#include "kernel/sensor.h"

#define POINTS_MAX 64

struct kernel_options {
	u32 kinds;			/* wanted: KIND_BIT()s */
	size_t ring_size;		/* bytes of a lane, a power of two; 0: the default */
	u32 scope, scope_uid;
	u64 scope_cgroup;
	u64 idle_signals;		/* bit per number: signals that are not told of, nor counted */
	bool all_drops;			/* also packets that are freed in normal work */
	bool lingers;			/* whoever waits for this process does not wait for links that are slow to close (linger.h) */
	/* What decides of records of these kinds whether they are told (lang/gen.h); unless it must be there, it may be done without. */
	u32 filtered;
	bool filter_needed;
	const struct bpf_insn *filter;
	size_t filter_length;
};

/* How a point came to its rung. */
struct taken {
	const struct point *point;
	const struct rung *rung;	/* NULL: none worked */
	unsigned int tried;		/* rungs refused before it */
	char why[8][160];		/* why each of those was */
	bool twice;			/* the rung's program is attached a second time */
	int again;			/* its descriptor, while it is; negative: it could not be, and is not tried again */
	u64 missed;			/* how often the first had been skipped until then */
};

struct kernel;

/* Opens, loads and attaches. NULL: it was said why. */
struct kernel *kernel_open(const struct kernel_options *options, const struct features *features);
void kernel_close(struct kernel *kernel);

struct bpf_object *kernel_object(struct kernel *kernel);
struct lanes *kernel_lanes(struct kernel *kernel);
const struct taken *kernel_taken(const struct kernel *kernel, size_t *count);

/* Adds a process to a scope of SCOPE_TREE. */
int kernel_watch(struct kernel *kernel, u32 pid);
/* Runs the sensors' iterators; deliver gets what they write. */
int kernel_existing(struct kernel *kernel, lanes_deliver *deliver, void *context);
/* Delivers what sensors folded in maps since the last time; for about once a second, and once after detaching. */
int kernel_fold(struct kernel *kernel, lanes_deliver *deliver, void *context);
/* Detaches everything, so that no more records come; the lanes keep theirs. */
void kernel_detach(struct kernel *kernel);
/* The books so far, all CPUs. */
int kernel_counts(struct kernel *kernel, struct record_counts *sum);

/* Tries every rung of every point by itself, for doctor; whether or not a better one works. */
void kernel_survey(const struct features *features,
		   void (*told)(void *context, const struct point *point, const struct rung *rung, const char *why),
		   void *context);

#endif
