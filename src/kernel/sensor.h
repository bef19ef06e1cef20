/*
 * How a sensor describes itself. A point is what a person means ("a file was opened"); a rung is one way to see it, and
 * a point lists its rungs best first. Loading takes, for each point that is wanted, the first rung whose programs load and
 * attach, and keeps why the better ones did not.
 */
#ifndef KERNEL_SENSOR_H
#define KERNEL_SENSOR_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "kernel/lanes.h"

enum rung_cost {
	COST_EVENT,		/* only when it happens */
	COST_PASS,		/* only when it is run: an iterator */
	COST_PACKETS,		/* every IP packet that a socket sends or is given: some 30 ns */
	COST_SYSCALLS,		/* every system call of every process takes the slow path */
};

struct rung {
	const char *name;		/* "lsm", "fexit", "kprobe", "syscall", "btf", "raw" */
	const char *programs[16];	/* all of them, or the rung is not taken; NULL ends */
	const char *optional[8];	/* tried too; failing is no reason to refuse the rung */
	const char *needs;		/* a function of the kernel that must be there; NULL: none */
	const char *lacks;		/* what a kernel without it cannot do, for a person; NULL: "this kernel has no FUNCTION" */
	unsigned arguments;		/* so many must the tracepoint of its last program have, or `lacks`; 0: any number */
	enum rung_cost cost;
	/* The kernel skips it where it runs already; then it is attached again (again.h), and the map of this name is told so. */
	const char *again;
	const char *blind;		/* what this rung does not see, for a person; NULL: nothing known */
	bool slow_end;			/* the kernel takes long to take it away */
	/* NULL: by the program's section name. Returns a link, or NULL with errno set and maybe *why (static). */
	struct bpf_link *(*attach)(struct bpf_program *program, const char **why);
	/* Instead, to many places. Returns how many links it made, or -errno with none left and maybe *why (static). */
	int (*attach_many)(struct bpf_program *program, struct bpf_link **links, int room, const char **why);
};

struct point {
	const char *name;		/* "file open" */
	const char *help;
	u32 kinds;			/* KIND_BIT(open) | ...: taken when any of them is wanted */
	bool core;			/* sonde cannot work without it */
	const struct rung *rungs;	/* ends with a row without a name */
};

/* The kind that a point is there for first. What is told of open connections rests on points that see them begin and end. */
static inline u32 point_kind(const struct point *point)
{
	u32 kinds = point->kinds & ~KIND_BIT(live);

	return __builtin_ctz(kinds ? kinds : point->kinds);
}

/* One sensor a file; the registry (registry.c) is the list of all. Ends with a point without a name. */
struct sensor {
	const char *name;
	const struct point *points;
	/* Iterators over what was there before, run once after attaching: programs and where their records go. */
	const char *const *existing;	/* NULL-terminated program names, SEC("iter/..."), may be NULL */
	/* Last word before loading: map sizes, .rodata of its own; NULL: none. Returns 0 or -errno. */
	int (*prepare)(struct bpf_object *object);
	/* Delivers what its programs folded in maps since the last time: how many records, or -errno. NULL: nothing is. */
	long (*fold)(struct bpf_object *object, lanes_deliver *deliver, void *context);
};

extern const struct sensor *const sensors[];	/* NULL-terminated */

#endif
