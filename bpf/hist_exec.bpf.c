// SPDX-License-Identifier: GPL-2.0
/*
 * How long it took until a program runs: from the birth of its process or, in one that executes again, from the exec
 * before. The kernel counts execs since a fork, so a first one is known for certain; an earlier exec than the last is
 * only known if it was seen. A command that sonde held is measured from when it was let go.
 */
#include "lib/histogram.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram_exec);
} exec_seen SEC(".maps");

SEC("tp_btf/sched_process_exec")
int exec_latency(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct histogram_exec now = { .start = task_start(task), .time = bpf_ktime_get_boot_ns() };
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct histogram_exec *before;
	struct histogram_subject subject;
	struct histogram_who who;
	u64 from = 0, cgroup = 0;

	if (!histogram_admits(task, tgid, &cgroup))
		return 0;
	before = bpf_map_lookup_elem(&exec_seen, &tgid);
	if (before && before->start == now.start)
		from = before->time;
	else if (BPF_CORE_READ(task, self_exec_id) - BPF_CORE_READ(task, parent_exec_id) == 1)
		from = now.start;
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
