/* What every record says of its process, and where its cgroup key comes from. */
#ifndef SONDE_BPF_TASK_H
#define SONDE_BPF_TASK_H

#include "cgroup.h"
#include "emit.h"

static __always_inline u64 task_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* `task` need not be the current one. */
static __always_inline void task_describe(struct record *record, u32 kind, u32 size, struct task_struct *task,
					  u64 cgroup)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	record->kind = kind;
	record->flags = 0;
	record->size = size;
	record->time = bpf_ktime_get_boot_ns();
	record->start = task_start(task);
	record->pid = BPF_CORE_READ(task, tgid);
	record->tid = BPF_CORE_READ(task, pid);
	record->uid = BPF_CORE_READ(cred, euid.val);
	record->gid = BPF_CORE_READ(cred, egid.val);
	record->cgroup = cgroup;
}

static __always_inline u64 task_capabilities(const struct cred *cred)
{
	const void *caps = (const void *)cred + bpf_core_field_offset(struct cred, cap_effective);
	u64 value = 0;

	/* two u32 before 6.3 (f122a08b197d), one u64 since; the bytes are the same on little-endian */
	bpf_probe_read_kernel(&value, sizeof(value), caps);
	return value;
}

#endif
