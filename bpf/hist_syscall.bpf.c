// SPDX-License-Identifier: GPL-2.0
/*
 * How long one system call takes, by the tracepoints at its entry and exit, which user space attaches by name. While
 * they are attached every system call of the machine takes the kernel's slow path; there is no cheaper place that sees
 * calls by name on every kernel.
 */
#include "lib/since.h"

SEC("tracepoint")
int syscall_enter(void *ctx __attribute__((unused)))
{
	since_begin(bpf_get_current_pid_tgid(), bpf_ktime_get_ns(), false);
	return 0;
}

SEC("tracepoint")
int syscall_exit(void *ctx __attribute__((unused)))
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid(), cgroup = 0;
	u64 took = since_end(id, now);
	struct histogram_subject subject;
	struct histogram_who who;

	if (!histogram_admits(task, id >> 32, &cgroup))
		return 0;
	if (took == ~0ULL) {
		histogram_note(unmatched);
		return 0;
	}
	histogram_subject_of(&subject, task, id >> 32);
	if (!histogram_wants(&subject, took))
		return 0;
	histogram_who_of(&who, task, id >> 32, cgroup);
	histogram_add(&who, took);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
