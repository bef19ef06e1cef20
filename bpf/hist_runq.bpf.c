// SPDX-License-Identifier: GPL-2.0
/*
 * How long a thread that could run had to wait for a CPU. The wait begins when it is woken, created, or taken off its
 * CPU although it could go on; it ends when it is switched to. A migration in between does not end it.
 *
 * These are the busiest hooks of all, so tasks are read with plain loads, which raw tracepoints with types allow.
 */
#include "lib/since.h"

static __always_inline bool can_run(struct task_struct *task)
{
	struct task_struct___before_5_14 *older = (void *)task;

	if (bpf_core_field_exists(older->state))
		return !older->state;
	return !task->__state;
}

/* Woken once more while it waits: the wait is as old as it was. */
SEC("tp_btf/sched_wakeup")
int runq_wakeup(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	since_begin(task->pid, bpf_ktime_get_ns(), true);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int runq_wakeup_new(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	since_begin(task->pid, bpf_ktime_get_ns(), false);
	return 0;
}

/*
 * A preempted task (ctx[0]) stays on the queue even when it was about to sleep. One that goes to sleep is forgotten: it
 * may have been woken before it slept.
 */
SEC("tp_btf/sched_switch")
int runq_switch(u64 *ctx)
{
	struct task_struct *previous = (void *)ctx[1], *next = (void *)ctx[2];
	u64 now = bpf_ktime_get_ns(), waited, cgroup = 0;
	struct histogram_subject subject;
	struct histogram_who who;

	if (previous->pid) {
		if ((ctx[0] & 1) || can_run(previous))
			since_begin(previous->pid, now, false);
		else
			since_end(previous->pid, now);
	}
	if (!next->pid)
		return 0;
	waited = since_end(next->pid, now);
	if (!histogram_admits(next, next->tgid, &cgroup))
		return 0;
	if (waited == ~0ULL) {
		histogram_note(unmatched);
		return 0;
	}
	histogram_subject_of(&subject, next, next->tgid);
	if (!histogram_wants(&subject, waited))
		return 0;
	histogram_who_of(&who, next, next->tgid, cgroup);
	histogram_add(&who, waited);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
