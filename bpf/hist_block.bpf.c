// SPDX-License-Identifier: GPL-2.0
/*
 * How long a disk took: from handing a request to its driver to its completion. Merged requests are one. A request that
 * completes in parts ends with its last part.
 */
#include "lib/histogram.h"

/*
 * At the issue the queue was an argument before the request until 5.11, a54895fa057c. CO-RE compares the number of
 * parameters when it looks for a type, so this one exists only where there is no queue.
 */
typedef void (*btf_trace_block_rq_issue)(void *, struct request *);

#define OPERATION_MASK 0xff

static __always_inline bool block_has_queue(void)
{
	return !bpf_core_type_exists(btf_trace_block_rq_issue);
}

static __always_inline u32 block_device(struct request *request)
{
	struct request___before_5_17 *older = (void *)request;
	struct gendisk *disk;

	/* moved to the queue in 5.17, f3fa33acca9f */
	if (bpf_core_field_exists(older->rq_disk))
		disk = BPF_CORE_READ(older, rq_disk);
	else
		disk = BPF_CORE_READ(request, q, disk);
	return disk ? BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor) : 0;
}

static __always_inline int block_issue(struct request *request)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct histogram_begun begun;
	u64 cgroup = 0;

	if (!histogram_admits(task, tgid, &cgroup))
		return 0;
	histogram_who_of(&begun.who, task, tgid, cgroup);
	histogram_subject_of(&begun.subject, task, tgid);
	if (histogram_filters()) {
		begun.subject.device = block_device(request);
		begun.subject.operation = BPF_CORE_READ(request, cmd_flags) & OPERATION_MASK;
		begun.subject.present |= SUBJECT_DISK;
	}
	if (settings.histogram_by == HISTOGRAM_BY_DEVICE)
		begun.who.key.number = block_device(request);
	if (settings.histogram_by == HISTOGRAM_BY_OPERATION)
		begun.who.key.number = BPF_CORE_READ(request, cmd_flags) & OPERATION_MASK;
	histogram_begin((u64)request, &begun);
	return 0;
}

/* A completion whose request was never issued is no loss: an empty flush only stands for another request. */
static __always_inline int block_complete(struct request *request, u32 bytes)
{
	u64 now = bpf_ktime_get_ns(), object = (u64)request;
	struct histogram_begun *begun = bpf_map_lookup_elem(&histogram_begun, &object);

	if (!begun || bytes < BPF_CORE_READ(request, __data_len))
		return 0;
	if (histogram_wants(&begun->subject, now - begun->time))
		histogram_add(&begun->who, now - begun->time);
	bpf_map_delete_elem(&histogram_begun, &object);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int block_issue_btf(u64 *ctx)
{
	return block_issue((void *)(block_has_queue() ? ctx[1] : ctx[0]));
}

SEC("tp_btf/block_rq_complete")
int block_complete_btf(u64 *ctx)
{
	return block_complete((void *)ctx[0], ctx[2]);
}

char LICENSE[] SEC("license") = "GPL";
