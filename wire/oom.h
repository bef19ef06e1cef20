/* Records of processes killed for want of memory. */
#ifndef SONDE_WIRE_OOM_H
#define SONDE_WIRE_OOM_H

#include "record.h"

enum oom_limit {
	OOM_LIMIT_UNKNOWN,
	OOM_LIMIT_MACHINE,
	OOM_LIMIT_CGROUP,
	OOM_LIMITS,
};

/* record is of the process that asked for memory, which need not be the victim. */
struct oom_record {
	struct record record;
	u64 victim_start;
	u64 victim_memory;	/* resident bytes; since 6.2 off by at most 128 KiB a CPU and sort of page. 0: not known */
	u64 cgroup;		/* key: whose limit it was; 0: not a control group's, or not known */
	u32 victim_pid;
	u32 limit;		/* enum oom_limit */
	char victim_name[16];
};
RECORD_SIZE(struct oom_record, 96);

#endif
