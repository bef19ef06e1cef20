// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of a process, read as its last thread leaves. The kernel keeps the sums of threads that are gone in
 * signal_struct and the rest in each task, so the total is one sum over both, retried if a thread was moved from one to
 * the other meanwhile (the kernel's own sequence lock tells). Two things the kernel does not keep for dead threads: run-queue
 * wait not at all, and bytes read and written only mixed with those of children that were waited for. Of processes with
 * threads both are added up here as each thread leaves.
 */
#include "lib/clock.h"
#include "lib/scope.h"
#include "lib/threads.h"
#include "lib/waits.h"
#include "../wire/process.h"

/* Processes whose exit was told: two threads that leave at once may both believe to be the last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process_key);
	__type(value, u32);
} told SEC(".maps");

#define SIGNAL_GROUP_EXIT 4
#define THREADS_MAX 256

struct sum_work {
	struct exit_record sum;
	struct list_head *node, *head;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sum_work);
} sum_works SEC(".maps");

#define ADD(sum, holder)                                                        \
	do {                                                                    \
		(sum)->user_ns += BPF_CORE_READ(holder, utime);                 \
		(sum)->system_ns += BPF_CORE_READ(holder, stime);               \
		(sum)->minor_faults += BPF_CORE_READ(holder, min_flt);          \
		(sum)->major_faults += BPF_CORE_READ(holder, maj_flt);          \
		(sum)->voluntary_switches += BPF_CORE_READ(holder, nvcsw);      \
		(sum)->involuntary_switches += BPF_CORE_READ(holder, nivcsw);   \
	} while (0)

static __always_inline void add_own(struct exit_record *sum, struct task_struct *task)
{
	sum->wait_ns += BPF_CORE_READ(task, sched_info.run_delay);
	sum->threads++;
	THREAD_ADD_IO(sum, task);
}

/* task_struct and signal_struct name these fields alike: what a thread used, and what the dead ones did. */
static __always_inline void add_thread(struct exit_record *sum, struct task_struct *task)
{
	ADD(sum, task);
	sum->runtime_ns += BPF_CORE_READ(task, se.sum_exec_runtime);
}

static __always_inline void add_dead(struct exit_record *sum, struct signal_struct *signal)
{
	ADD(sum, signal);
	sum->runtime_ns += BPF_CORE_READ(signal, sum_sched_runtime);
}

/* One more living thread; true when there are no more. A function of its own so that the verifier looks at it once. */
__noinline u32 exit_step(u32 zero)
{
	struct sum_work *work = bpf_map_lookup_elem(&sum_works, &zero);
	struct task_struct *task;
	struct list_head *node;

	if (!work || work->node == work->head || !work->node)
		return 1;
	node = work->node;
	task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
	add_thread(&work->sum, task);
	if (!thread_is_noted(task))
		add_own(&work->sum, task);
	work->node = BPF_CORE_READ(node, next);
	return 0;
}

/* Sums the dead and the living into sum_works; false if a thread died in between. */
__noinline u32 exit_sum(u64 address)
{
	struct signal_struct *signal = (void *)address;
	u32 sequence = BPF_CORE_READ(signal, stats_lock.seqcount.seqcount.sequence);
	u32 zero = 0;
	struct sum_work *work = bpf_map_lookup_elem(&sum_works, &zero);
	struct list_head *head;

	if (!work)
		return 0;
	__builtin_memset(&work->sum, 0, sizeof(work->sum));
	head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	work->head = head;
	work->node = BPF_CORE_READ(head, next);
	add_dead(&work->sum, signal);
	for (int i = 0; i < THREADS_MAX; i++)
		if (exit_step(0))
			break;
	return !(sequence & 1) && sequence == BPF_CORE_READ(signal, stats_lock.seqcount.seqcount.sequence);
}

static __always_inline void note_thread(struct process_key *key, struct task_struct *task)
{
	struct thread_sum *sum = bpf_map_lookup_elem(&thread_sums, key), fresh = {};
	u64 address = (u64)task, born = BPF_CORE_READ(task, start_boottime);

	if (!sum) {
		bpf_map_update_elem(&thread_sums, key, &fresh, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&thread_sums, key);
	}
	if (!sum || bpf_map_update_elem(&noted, &address, &born, BPF_ANY))
		return;
	__sync_fetch_and_add(&sum->wait_ns, BPF_CORE_READ(task, sched_info.run_delay));
	__sync_fetch_and_add(&sum->threads, 1);
	THREAD_ADD_IO(sum, task);
}

static __always_inline void describe_end(struct exit_record *record, struct task_struct *task,
					 struct signal_struct *signal)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	u32 status = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(signal, group_exit_code) :
									 BPF_CORE_READ(leader, exit_code);

	record->parent_pid = BPF_CORE_READ(parent, tgid);
	record->parent_start = task_start(parent);
	record->code = status >> 8 & 0xff;
	record->signal = status & 0x7f;
	record->flags = status & 0x80 ? EXIT_CORE_DUMPED : 0;
	if (BPF_CORE_READ(signal, oom_mm))
		record->flags |= EXIT_OOM_KILLED;
	record->real_uid = BPF_CORE_READ(task, cred, uid.val);
	record->peak_memory = BPF_CORE_READ(signal, maxrss) * settings.page_size;
	bpf_probe_read_kernel(record->name, sizeof(record->name), leader->comm);
}

/* The usual case, without a walk: one thread, and perhaps others that died long ago. */
static __always_inline void add_both(struct signal_struct *signal, struct task_struct *task)
{
	u32 zero = 0;
	struct sum_work *work = bpf_map_lookup_elem(&sum_works, &zero);

	if (!work)
		return;
	__builtin_memset(&work->sum, 0, sizeof(work->sum));
	add_dead(&work->sum, signal);
	add_thread(&work->sum, task);
	add_own(&work->sum, task);
}

static __always_inline void add_noted(struct exit_record *record, struct process_key *key)
{
	struct thread_sum *gone = bpf_map_lookup_elem(&thread_sums, key);

	if (!gone)
		return;
	record->wait_ns += gone->wait_ns;
	record->threads += gone->threads;
	record->read_chars += gone->read_chars;
	record->write_chars += gone->write_chars;
	record->read_calls += gone->read_calls;
	record->write_calls += gone->write_calls;
	record->read_bytes += gone->read_bytes;
	record->write_bytes += gone->write_bytes;
	record->cancelled_write_bytes += gone->cancelled_write_bytes;
	bpf_map_delete_elem(&thread_sums, key);
}

static __always_inline void add_waits(struct exit_record *record, struct process_key *key)
{
	struct wait_sum *sum;

	if (!settings.disk_waits)
		return;
	record->flags |= EXIT_WAITS;
	sum = bpf_map_lookup_elem(&waits, key);
	if (!sum)
		return;
	record->disk_wait_ns = sum->disk_ns;
	record->sync_wait_ns = sum->sync_ns;
	record->syncs = sum->syncs;
	bpf_map_delete_elem(&waits, key);
}

static __always_inline int on_exit(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct process_key key = { .pid = BPF_CORE_READ(task, tgid), .start = task_start(task) };
	bool alone = BPF_CORE_READ(signal, nr_threads) == 1;
	struct exit_record *record;
	struct sum_work *work;
	u32 zero = 0;
	u64 cgroup, lag = clock_lag(task);
	u32 one = 1;

	if (!scope_has_process(key.pid))
		return 0;
	if (BPF_CORE_READ(signal, live.counter) != 0) {
		note_thread(&key, task);
		return 0;
	}
	if (!alone && bpf_map_update_elem(&told, &key, &one, BPF_NOEXIST))
		return 0;
	if (!scope_admits(task, key.pid, &cgroup, SLOT_ATOMIC))
		return 0;
	if (settings.scope == SCOPE_TREE)
		bpf_map_delete_elem(&watched, &key.pid);
	if (alone)
		add_both(signal, task);
	else if (!exit_sum((u64)signal))
		exit_sum((u64)signal);
	work = bpf_map_lookup_elem(&sum_works, &zero);
	record = emit_reserve(life, KIND_exit, struct exit_record);
	if (!record)
		return 0;
	if (work)
		__builtin_memcpy(record, &work->sum, sizeof(*record));
	task_describe(&record->record, KIND_exit, sizeof(*record), task, cgroup);
	describe_end(record, task, signal);
	record->runtime_ns += lag;
	add_noted(record, &key);
	add_waits(record, &key);
	emit_submit(life, record);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int exit_btf(u64 *ctx)
{
	return on_exit((void *)ctx[0]);
}

SEC("raw_tp/sched_process_exit")
int exit_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_exit((void *)ctx->args[0]);
}

char LICENSE[] SEC("license") = "GPL";
