/*
 * CPU time of the running task since the scheduler last wrote it down, up to a tick (4 ms) ago: for a short tool that is
 * most of what it used. The scheduler's clocks cannot be read from a program, but values they had can, and how far such a
 * value lies behind the monotonic clock is smallest right after it was taken: the largest difference seen lately on a
 * CPU is the offset of the two clocks.
 *
 * There are two such values, and each errs upwards when the hypervisor steals time: se.exec_start, by what was stolen
 * since the offset was seen; sched_info.last_arrival, by what was stolen since the task was last put on the CPU. The
 * smaller result is the better one.
 */
#ifndef SONDE_BPF_CLOCK_H
#define SONDE_BPF_CLOCK_H

#include "../kernel.h"

/* The clocks drift apart: only what was seen lately counts. */
#define CLOCK_WINDOW 1000000000ULL
/* The tick that writes times down comes at least this often. */
#define CLOCK_TICK_MAX 10000000LL

struct clock_offset {
	s64 now, before;	/* the largest of this window and of the one before */
	u64 window;		/* when this one began; 0: nothing seen yet */
};

struct clock_offsets {
	struct clock_offset accounted, arrived;
};

struct clock_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct clock_offsets);
};

extern struct clock_map clock_offsets SEC(".maps");

/* How long ago the scheduler's clock showed `value`. */
static __always_inline s64 clock_since(struct clock_offset *offset, u64 time, u64 value)
{
	s64 seen = value - time;

	if (!offset->window || time - offset->window > CLOCK_WINDOW) {
		bool fresh = offset->window && time - offset->window < 2 * CLOCK_WINDOW;

		offset->before = fresh ? offset->now : seen;
		offset->now = seen;
		offset->window = time;
	} else if (seen > offset->now) {
		offset->now = seen;
	}
	return (offset->now > offset->before ? offset->now : offset->before) - seen;
}

/* Nanoseconds that `task`, which must be the current one, has run since it was last accounted. */
static __always_inline u64 clock_lag(struct task_struct *task)
{
	struct clock_offsets *offsets;
	u64 time = bpf_ktime_get_ns();
	s64 accounted, arrived;
	u32 zero = 0;

	offsets = bpf_map_lookup_elem(&clock_offsets, &zero);
	if (!offsets)
		return 0;
	accounted = clock_since(&offsets->accounted, time, BPF_CORE_READ(task, se.exec_start));
	arrived = clock_since(&offsets->arrived, time, BPF_CORE_READ(task, sched_info.last_arrival));
	arrived -= BPF_CORE_READ(task, se.sum_exec_runtime) - BPF_CORE_READ(task, se.prev_sum_exec_runtime);
	if (arrived < accounted)
		accounted = arrived;
	return accounted > 0 && accounted < CLOCK_TICK_MAX ? accounted : 0;
}

#endif
