// SPDX-License-Identifier: GPL-2.0
/*
 * Names of control groups, told once each, when the first process is seen in one. They are walked in the kernel because
 * a container can be gone before user space could look for its directory. Whether a group lies below the one that is
 * watched is decided in the same walk and remembered with it.
 */
#include "lib/emit.h"
#include "lib/cgroup.h"
#include "../wire/process.h"

#define CGROUP_LEVELS 64

#define TOLD_MAX (sizeof(struct cgroup_record) + 2 * (sizeof(struct record_string) + PATH_SIZE))

struct cgroup_work {
	u8 told[TOLD_MAX];
	char bytes[PATH_SIZE + NAME_SIZE];
	char name[NAME_SIZE];
	u64 at;
	struct kernfs_node *node;
	u32 hierarchy;
	u32 verdict;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct cgroup_work);
} cgroup_works SEC(".maps");

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___since_6_15 *newer = (void *)node;

	/* renamed when it became RCU protected, 633488947ef6 */
	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(node, parent);
}

/* One level up; true at the top. A function of its own so that the verifier looks at it once. */
__noinline u32 cgroup_step(u32 slot)
{
	struct cgroup_work *work = bpf_map_lookup_elem(&cgroup_works, &slot);
	struct kernfs_node *node, *parent;
	u64 at;
	long size;

	if (!work)
		return 1;
	node = work->node;
	if (cgroup_key(BPF_CORE_READ(node, id), work->hierarchy) == settings.scope_cgroup)
		work->verdict |= CGROUP_IN_SCOPE;
	parent = kernfs_parent(node);
	if (!parent)
		return 1;
	size = bpf_probe_read_kernel_str(work->name, NAME_SIZE, BPF_CORE_READ(node, name));
	if (size < 1 || size > NAME_SIZE)
		return 1;
	at = work->at - size;
	if (at >= PATH_SIZE)
		return 1;
	work->at = at;
	work->bytes[at] = '/';
	bpf_probe_read_kernel(&work->bytes[at + 1], (size - 1) & (NAME_SIZE - 1), work->name);
	work->node = parent;
	return 0;
}

/* Appends the path of a group to what is told; returns where the next string goes. */
__noinline u32 cgroup_add_path(u64 address, u32 place, u32 slot)
{
	struct cgroup_work *work = bpf_map_lookup_elem(&cgroup_works, &slot);
	struct cgroup *cgroup = (void *)address;
	struct record_string *string;
	u64 at, length = 0, offset = place;

	if (!work || offset > TOLD_MAX - sizeof(*string) - PATH_SIZE)
		return offset;
	string = (void *)&work->told[offset];
	if (cgroup) {
		work->at = PATH_SIZE;
		work->node = BPF_CORE_READ(cgroup, kn);
		for (int i = 0; i < CGROUP_LEVELS; i++)
			if (cgroup_step(slot))
				break;
		at = work->at;
		barrier_var(at);
		if (at >= PATH_SIZE) {
			at = PATH_SIZE - 1;
			work->bytes[at] = '/';
		}
		length = PATH_SIZE - at;
		bpf_probe_read_kernel(string + 1, length, &work->bytes[at]);
	}
	string->length = string->full = length;
	return offset + sizeof(*string) + ((length + 7) & ~7ULL);
}

__noinline u32 cgroup_announce(u64 cgroup, u64 second, u64 key, u32 hierarchy_and_slot)
{
	u32 slot = hierarchy_and_slot & 0xff, hierarchy = hierarchy_and_slot >> 8;
	struct cgroup_work *work = bpf_map_lookup_elem(&cgroup_works, &slot);
	struct cgroup_record *record;
	u64 offset = sizeof(*record);
	u32 verdict;

	if (!work)
		return 0;
	work->hierarchy = hierarchy;
	work->verdict = CGROUP_KNOWN;
	offset = cgroup_add_path(cgroup, offset, slot);
	verdict = work->verdict;
	offset = cgroup_add_path(second, offset, slot);
	barrier_var(offset);
	if (offset > TOLD_MAX)
		offset = TOLD_MAX;
	record = (void *)work->told;
	__builtin_memset(record, 0, sizeof(*record));
	record->record.kind = KIND_cgroup;
	record->record.size = offset;
	record->record.time = bpf_ktime_get_boot_ns();
	record->record.cgroup = key;
	record->hierarchy = hierarchy;
	/* a container can be gone before long, and nobody knows its name any more */
	if (!emit_urgent(life, KIND_cgroup, work->told, offset))
		bpf_map_update_elem(&cgroups, &key, &verdict, BPF_ANY);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
