// SPDX-License-Identifier: GPL-2.0
/*
 * How long a process waited for disks, exactly. The kernel's own account of that (delay accounting) is switched off on most
 * machines. But whoever must wait for a block device sleeps in io_schedule, and whoever makes its writes safe is in
 * vfs_fsync_range, which waits for the journal too, elsewhere. Both are rare and long beside what these programs cost: to wait
 * for a disk takes tens of microseconds at the least. Time in which the thread ran, or was ready and had no CPU, is not
 * counted. Sums are kept per process and told with its exit.
 */
#include "lib/scope.h"
#include "lib/waits.h"

/* Where a thread began to wait. What lies within another wait is part of that one: fsync calls io_schedule. */
enum wait_site {
	WAIT_IO = 1,
	WAIT_SYNC,
};

struct wait_begun {
	u64 time;
	u64 elsewhere;		/* time on a CPU or waiting for one, until then */
	u64 site;
};

/* By thread. Those of threads that died meanwhile fall out by themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct wait_begun);
} waits_begun SEC(".maps");

static __always_inline u64 time_elsewhere(struct task_struct *task)
{
	return BPF_CORE_READ(task, se.sum_exec_runtime) + BPF_CORE_READ(task, sched_info.run_delay);
}

static __always_inline int wait_begin(u32 site)
{
	u64 id = bpf_get_current_pid_tgid();
	struct wait_begun begun;
	u32 thread = id;

	if (!scope_has_process(id >> 32) || bpf_map_lookup_elem(&waits_begun, &thread))
		return 0;
	begun.time = bpf_ktime_get_ns();
	begun.elsewhere = time_elsewhere((void *)bpf_get_current_task());
	begun.site = site;
	bpf_map_update_elem(&waits_begun, &thread, &begun, BPF_ANY);
	return 0;
}

static __always_inline struct wait_sum *sum_of(struct task_struct *task, u32 pid)
{
	struct process_key key = { .pid = pid, .start = task_start(task) };
	struct wait_sum *sum = bpf_map_lookup_elem(&waits, &key), fresh = {};

	if (sum)
		return sum;
	bpf_map_update_elem(&waits, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&waits, &key);
}

static __always_inline int wait_end(u32 site)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 id = bpf_get_current_pid_tgid(), elapsed, elsewhere;
	u32 thread = id;
	struct wait_begun *begun = bpf_map_lookup_elem(&waits_begun, &thread);
	struct wait_sum *sum;

	if (!begun || begun->site != site)
		return 0;
	elapsed = bpf_ktime_get_ns() - begun->time;
	elsewhere = time_elsewhere(task) - begun->elsewhere;
	elapsed = elapsed > elsewhere ? elapsed - elsewhere : 0;
	bpf_map_delete_elem(&waits_begun, &thread);
	sum = sum_of(task, id >> 32);
	if (!sum)
		return 0;
	__sync_fetch_and_add(&sum->disk_ns, elapsed);
	if (site == WAIT_SYNC) {
		__sync_fetch_and_add(&sum->sync_ns, elapsed);
		__sync_fetch_and_add(&sum->syncs, 1);
	}
	return 0;
}

SEC("fentry/io_schedule")
int io_schedule_fentry(void)
{
	return wait_begin(WAIT_IO);
}

SEC("fexit/io_schedule")
int io_schedule_fexit(void)
{
	return wait_end(WAIT_IO);
}

SEC("fentry/io_schedule_timeout")
int io_schedule_timeout_fentry(void)
{
	return wait_begin(WAIT_IO);
}

SEC("fexit/io_schedule_timeout")
int io_schedule_timeout_fexit(void)
{
	return wait_end(WAIT_IO);
}

SEC("fentry/vfs_fsync_range")
int fsync_fentry(void)
{
	return wait_begin(WAIT_SYNC);
}

SEC("fexit/vfs_fsync_range")
int fsync_fexit(void)
{
	return wait_end(WAIT_SYNC);
}

/*
 * The system calls beside it in the kernel's source may have it inlined. Where they have not, the inner one ends the wait
 * that the outer one began, and it is counted once.
 */
SEC("fentry/__x64_sys_fsync")
int fsync_call_fentry(void)
{
	return wait_begin(WAIT_SYNC);
}

SEC("fexit/__x64_sys_fsync")
int fsync_call_fexit(void)
{
	return wait_end(WAIT_SYNC);
}

SEC("fentry/__x64_sys_fdatasync")
int fdatasync_call_fentry(void)
{
	return wait_begin(WAIT_SYNC);
}

SEC("fexit/__x64_sys_fdatasync")
int fdatasync_call_fexit(void)
{
	return wait_end(WAIT_SYNC);
}

char LICENSE[] SEC("license") = "GPL";
