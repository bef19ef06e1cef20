/* The maps every sensor shares, defined in lanes.bpf.c. */
#ifndef SONDE_BPF_MAPS_H
#define SONDE_BPF_MAPS_H

#include "../kernel.h"

#define PATH_SIZE 4096
#define NAME_SIZE 256

struct lane_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
};

struct counts_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct record_counts);
};

/*
 * Scratch memory comes in slots, per CPU. Slot 0 is for programs that run with preemption off; those of the fentry, LSM
 * and uprobe rungs can be preempted and take one of the others first (scratch.h).
 */
#define SLOT_ATOMIC 0
#define SLOTS 5
#define SLOT_NONE SLOTS		/* no scratch memory: what needs some is left undone */

/* Where a path is put together from its end; a name may be written in whole at any place before PATH_SIZE. */
struct path_buffer {
	u64 at;			/* where the path begins so far */
	struct dentry *dentry;	/* the next component */
	struct vfsmount *mount;
	struct dentry *root_dentry;
	struct vfsmount *root_mount;
	char bytes[PATH_SIZE + NAME_SIZE];
};

struct path_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct path_buffer);
};

/* Where records of moderate size are put together. */
#define SCRATCH_SIZE RECORD_ROOM
struct scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, u8[SCRATCH_SIZE]);
};

/* Which slots are taken, by cpu * SLOTS + slot. */
struct taken_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u32);
};

/* Known control groups: the key of a cgroup record -> CGROUP_KNOWN, CGROUP_IN_SCOPE. */
#define CGROUP_KNOWN 1
#define CGROUP_IN_SCOPE 2
struct cgroups_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
};

/*
 * Processes in scope, by tgid: added at fork, removed at exit. One entry unless the scope is a tree. Memory is set aside
 * in advance because kernels before 6.1 warn of tracing programs that allocate.
 */
struct watched_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
};

extern struct lane_map life SEC(".maps");
extern struct lane_map bulk SEC(".maps");
extern struct counts_map counts SEC(".maps");
extern struct path_map paths SEC(".maps");
extern struct cgroups_map cgroups SEC(".maps");
extern struct scratch_map scratches SEC(".maps");
extern struct taken_map taken SEC(".maps");
extern struct watched_map watched SEC(".maps");

#endif
