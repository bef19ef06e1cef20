/*
 * Files known not to matter. To put a path together and compare it takes ten times as long as a small read; most calls
 * are on the same few files. So where a policy's conditions ask for nothing but one path and plain numbers, the
 * answer "nothing holds" is kept by what decides it: dentry, mount, the root the path is seen from, and those numbers.
 *
 * It is right as long as that dentry has that path. A path changes by a rename or by a mount, and each raises a sequence
 * count of the kernel's (rename_lock, mount_lock), which is kept beside the answer. A dentry that is in use pins all above it.
 * Memory of one that is freed can become another: so inode, parent and name's hash must be the same too, and an answer is
 * thrown away after a second. Only "nothing holds" is kept, and never of a policy that enforces.
 */
#ifndef SONDE_BPF_POLICY_KNOWN_H
#define SONDE_BPF_POLICY_KNOWN_H

#include "policy.h"

#define KNOWN_FILES 1024

struct policy_known {
	u64 dentry, mount, root, inode, parent, name;
	u64 numbers[4];
	u64 generation, until;
};

struct policy_known_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KNOWN_FILES);
	__type(key, u32);
	__type(value, struct policy_known);
};

extern struct policy_known_map policy_knowns SEC(".maps");
extern const void rename_lock __ksym __weak;
extern const void mount_lock __ksym __weak;

/* Both counts only rise; their sum is the same only if neither did. */
static __always_inline u64 known_generation(void)
{
	u32 renames = 0, mounts = 0;

	bpf_probe_read_kernel(&renames, sizeof(renames), &rename_lock);
	bpf_probe_read_kernel(&mounts, sizeof(mounts), &mount_lock);
	return (u64)renames << 32 | mounts;
}

static __always_inline u64 known_path(const u64 *parameters)
{
	const volatile struct policy_source *source = &policy.source[(policy.cached - 1) & (POLICY_VALUES - 1)];

	if (source->type == READ_file && source->index == 0)
		return parameters[0] ? parameters[0] + bpf_core_field_offset(struct file, f_path) : 0;
	if (source->type == READ_file && source->index == 1)
		return parameters[1] ? parameters[1] + bpf_core_field_offset(struct file, f_path) : 0;
	if (source->type == READ_path && source->index == 0)
		return parameters[0];
	return 0;
}

/* Fills `file`; returns where an answer would be kept, or NULL. */
static __always_inline struct policy_known *known_place(struct policy_known *file, const u64 *parameters, s64 result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct path *path = (void *)known_path(parameters);
	struct dentry *dentry;
	u32 place;

	if (!path)
		return NULL;
	dentry = BPF_CORE_READ(path, dentry);
	file->dentry = (u64)dentry;
	file->mount = (u64)BPF_CORE_READ(path, mnt);
	file->root = (u64)BPF_CORE_READ(task, fs, root.dentry);
	file->inode = (u64)BPF_CORE_READ(dentry, d_inode);
	file->parent = (u64)BPF_CORE_READ(dentry, d_parent);
	file->name = BPF_CORE_READ(dentry, d_name.hash);
	file->numbers[0] = parameters[1];
	file->numbers[1] = parameters[2];
	file->numbers[2] = parameters[3];
	file->numbers[3] = policy.at_return ? result : 0;
	file->generation = known_generation();
	file->until = bpf_jiffies64();
	place = (u32)(file->dentry >> 6) ^ (u32)(file->dentry >> 16) ^ (u32)parameters[1] * 7;
	place &= KNOWN_FILES - 1;
	return bpf_map_lookup_elem(&policy_knowns, &place);
}

static __always_inline bool known_same(const struct policy_known *a, const struct policy_known *b)
{
	return !((a->dentry ^ b->dentry) | (a->mount ^ b->mount) | (a->root ^ b->root) | (a->inode ^ b->inode) |
		 (a->parent ^ b->parent) | (a->name ^ b->name) | (a->numbers[0] ^ b->numbers[0]) |
		 (a->numbers[1] ^ b->numbers[1]) | (a->numbers[2] ^ b->numbers[2]) | (a->numbers[3] ^ b->numbers[3]) |
		 (a->generation ^ b->generation));
}

/* Jiffies are told apart by a tenth of their number in a second at the least (HZ is 100 or more). */
#define KNOWN_JIFFIES 100

static __always_inline bool known_holds(const struct policy_known *place, const struct policy_known *file)
{
	return place && known_same(place, file) && file->until - place->until < KNOWN_JIFFIES;
}

#endif
