/* What a process waited for, as far as the kernel keeps no account of it; added up in wait.bpf.c. */
#ifndef SONDE_BPF_WAITS_H
#define SONDE_BPF_WAITS_H

#include "threads.h"

struct wait_sum {
	u64 disk_ns;
	u64 sync_ns;		/* of that */
	u64 syncs;
};

/* One entry unless waits are watched (kernel/wait.c). Memory is set aside in advance, as for `watched`. */
struct waits_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct process_key);
	__type(value, struct wait_sum);
};

extern struct waits_map waits SEC(".maps");

#endif
