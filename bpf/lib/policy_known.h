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

#include "direct.h"
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

/* Where the one path lies that all depends on. */
static __always_inline struct path *known_path(const u64 *parameters)
{
	const volatile struct policy_source *source = &policy.source[(policy.cached - 1) & (POLICY_VALUES - 1)];
	u64 at = source->index ? parameters[1] : parameters[0];

	if (at && source->type == READ_file)
		at += bpf_core_field_offset(struct file, f_path);
	return (void *)at;
}

/*
 * The same by plain loads, where the verifier knows what the first parameter is. It takes a tenth of the time, and most of
 * what a policy on reads and writes costs is this.
 */
static __always_inline bool known_fill_direct(struct policy_known *known, struct file *file)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct dentry *dentry;
	struct {
		void *dentry, *mount, *root, *inode, *parent;
	} found;

	if (!file)
		return false;
	dentry = file->f_path.dentry;
	found.dentry = dentry;
	found.mount = file->f_path.mnt;
	found.root = task->fs->root.dentry;
	found.inode = dentry->d_inode;
	found.parent = dentry->d_parent;
	/* as numbers: pointers that the verifier knows may not be compared with what a map holds */
	bpf_probe_read_kernel(known, sizeof(found), &found);
	known->name = dentry->d_name.hash;
	return true;
}

static __always_inline bool known_fill(struct policy_known *known, struct path *path)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct dentry *dentry;

	if (!path)
		return false;
	dentry = BPF_CORE_READ(path, dentry);
	known->dentry = (u64)dentry;
	known->mount = (u64)BPF_CORE_READ(path, mnt);
	known->root = (u64)BPF_CORE_READ(task, fs, root.dentry);
	known->inode = (u64)BPF_CORE_READ(dentry, d_inode);
	known->parent = (u64)BPF_CORE_READ(dentry, d_parent);
	known->name = BPF_CORE_READ(dentry, d_name.hash);
	return true;
}

/* The two counts side by side. 0: they cannot be read, or one of them is changing now. */
static __always_inline u64 known_generation(void)
{
	u32 renames = 1, mounts = 1;

	if (!&rename_lock || !&mount_lock)
		return 0;
	if (policy.direct == POLICY_DIRECT_ALL) {
		renames = DIRECT(struct seqcount, &rename_lock)->sequence;
		mounts = DIRECT(struct seqcount, &mount_lock)->sequence;
	} else {
		bpf_probe_read_kernel(&renames, sizeof(renames), &rename_lock);
		bpf_probe_read_kernel(&mounts, sizeof(mounts), &mount_lock);
	}
	return (renames | mounts) & 1 ? 0 : (u64)renames << 32 | mounts;
}

/* Completes `known`; where an answer would be kept, or NULL. */
static __always_inline struct policy_known *known_place(struct policy_known *known, const u64 *parameters, s64 result)
{
	u32 place;

	known->numbers[0] = parameters[1];
	known->numbers[1] = parameters[2];
	known->numbers[2] = parameters[3];
	known->numbers[3] = policy.at_return ? result : 0;
	known->generation = known_generation();
	known->until = bpf_jiffies64();
	if (!known->generation)
		return NULL;
	place = (u32)known->name & (KNOWN_FILES - 1);
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
