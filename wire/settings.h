/* What user space tells the programs before they are loaded. */
#ifndef SONDE_WIRE_SETTINGS_H
#define SONDE_WIRE_SETTINGS_H

#include "record.h"

#define SCOPE_ALL 0
#define SCOPE_TREE 1	/* the processes of the map `watched`, and their children */
#define SCOPE_CGROUP 2	/* a control group and what is below it */
#define SCOPE_USER 3

/* v1 controllers in which a container's name may stand, in the order they are asked. */
#define CGROUP_CONTROLLERS 6

/* Reasons of drops are told apart up to 64 times this. */
#define DROP_WORDS 4

/* A number in programs that the kernel may be given twice (src/kernel/again.h): which of the two it is. */
#define PROGRAM_FIRST 0x5f1257
#define PROGRAM_AGAIN 0x5a6a14

struct settings {
	u32 scope;
	u32 scope_uid;
	u64 scope_cgroup;	/* a cgroup key */
	u64 benign_drops[DROP_WORDS];	/* bit per reason: of no interest */
	u64 idle_signals;	/* bit per number: of no interest */
	u32 self;		/* sonde's own tgid, never reported */
	u32 page_size;
	u32 wake_bytes;		/* how much a lane holds before its reader is woken ahead of its time */
	u32 wake_step;		/* after so many bytes a CPU asks how much that is */
	s32 controllers[CGROUP_CONTROLLERS];	/* index into css_set.subsys, -1: none */
	u32 kinds;		/* bit per kind: wanted */
	u32 stack_size;		/* of a kernel stack, less what lies above the user's registers */
	u32 histogram_by;	/* enum histogram_by (hist.h) */
	u32 accept_by_state;	/* nothing sees accept() itself: an established connection counts as accepted */
	u32 disk_waits;		/* the sums of wait.bpf.c are kept */
	u32 tick_ns;		/* the kernel's jiffy */
	u32 filtered;		/* bit per kind: generated code decides whether it is told (bpf/lib/decide.h) */
	u32 casts;		/* the kernel has bpf_rdonly_cast (bpf/lib/direct.h) */
	u32 all_drops;		/* also those of normal work; programs go by benign_drops */
};
RECORD_SIZE(struct settings, 136);

#endif
