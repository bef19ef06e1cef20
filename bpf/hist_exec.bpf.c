// SPDX-License-Identifier: GPL-2.0
/*
 * How long it took until a program runs: from the birth of its process or, in one that executes again, from the exec
 * before. The kernel counts execs since a fork, so a first one is known for certain; an earlier exec than the last is
 * only known if it was seen.
 */
#include "lib/histogram.h"

struct exec_seen {
	u64 start;		/* of the process */
	u64 time;		/* of its last exec */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct exec_seen);
} exec_seen SEC(".maps");

SEC("tp_btf/sched_process_exec")
int exec_latency(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct exec_seen now = { .start = task_start(task), .time = bpf_ktime_get_boot_ns() };
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct exec_seen *before;
	struct histogram_subject subject;
	struct histogram_who who;
	u64 from = 0, cgroup = 0;

	if (!histogram_admits(task, tgid, &cgroup))
		return 0;
	before = bpf_map_lookup_elem(&exec_seen, &tgid);
	if (BPF_CORE_READ(task, self_exec_id) - BPF_CORE_READ(task, parent_exec_id) == 1)
		from = now.start;
	else if (before && before->start == now.start)
		from = before->time;
	bpf_map_update_elem(&exec_seen, &tgid, &now, BPF_ANY);
	if (!from) {
		histogram_note(unmatched);
		return 0;
	}
	histogram_subject_of(&subject, task, tgid);
	if (!histogram_wants(&subject, now.time - from))
		return 0;
	histogram_who_of(&who, task, tgid, cgroup);
	histogram_add(&who, now.time - from);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
