// SPDX-License-Identifier: GPL-2.0
/*
 * How the living stand. The iterator comes by at every thread; all is done at the leader's turn, in one sum over the list of
 * threads and what the dead ones left, like the ledger of an exit (exit.bpf.c). So a record tells of one instant, what is written
 * out does not grow with the number of threads, and a thread's own turn costs a comparison.
 *
 * What has not changed since it was told is not told again. That is remembered by a checksum in an array, at the process's number: two
 * processes that share a place push each other out and are told each time, which does no harm, and nothing has to be
 * forgotten when one ends.
 */
#include "lib/memory.h"
#include "lib/preemptible.h"
#include "lib/threads.h"
#include "../wire/sample.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} sampled SEC(".maps");

/* The record in the making. One: a sonde runs one iterator at a time. */
struct sample_work {
	struct sample_record record;
	struct list_head *node, *head;
	struct mm_struct *mm;
	u64 threads;
	u64 in_state[SAMPLE_STATES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sample_work);
} sample_works SEC(".maps");

/* Threads of one process that are looked at: the square of this. */
#define WALK_STEPS 256
#define ATTEMPTS 4

#define PF_EXITING 4
#define PF_KTHREAD 0x200000

/* Of __state. */
#define TASK_UNINTERRUPTIBLE 2
#define TASK_STOPPED 4
#define TASK_TRACED 8
#define TASK_WAKING 0x200
#define TASK_NOLOAD 0x400	/* a kernel thread that has nothing to do */
#define TASK_NEW 0x800
#define TASK_RTLOCK_WAIT 0x1000
#define TASK_FROZEN 0x8000

/*
 * On a CPU, or was until this program came: the scheduler puts down the same time for a thread that gives way and for the one it
 * gives way to.
 */
static __always_inline bool is_running(struct task_struct *task)
{
	struct task_struct *here = (void *)bpf_get_current_task();

	if (!bpf_core_field_exists(task->on_cpu) || BPF_CORE_READ(task, on_cpu))
		return true;
	return BPF_CORE_READ(task, sched_info.last_queued) == BPF_CORE_READ(here, sched_info.last_arrival);
}

/* After vfork the parent sleeps as if for a disk, until its youngest child has executed or ended. */
static __always_inline bool is_vforking(struct task_struct *task)
{
	struct list_head *youngest = BPF_CORE_READ(task, children.prev);
	struct task_struct *child = (void *)youngest - bpf_core_field_offset(struct task_struct, sibling);

	return youngest != (void *)task + bpf_core_field_offset(struct task_struct, children) && BPF_CORE_READ(child, vfork_done);
}

static __always_inline u32 state_of(struct task_struct *task)
{
	struct task_struct___before_5_14 *older = (void *)task;
	u32 state;

	if (BPF_CORE_READ(task, exit_state))
		return SAMPLE_GONE;
	state = bpf_core_field_exists(task->__state) ? BPF_CORE_READ(task, __state) : BPF_CORE_READ(older, state);
	if (!state || state & (TASK_WAKING | TASK_NEW))
		return is_running(task) ? SAMPLE_RUNNING : SAMPLE_WAITING;
	if (state & (TASK_UNINTERRUPTIBLE | TASK_RTLOCK_WAIT))
		return state & TASK_NOLOAD || is_vforking(task) ? SAMPLE_SLEEPING : SAMPLE_DISK;
	return state & (TASK_STOPPED | TASK_TRACED | TASK_FROZEN) ? SAMPLE_STOPPED : SAMPLE_SLEEPING;
}

#define ADD_IO(record, io)                              \
	do {                                            \
		(record)->read_chars += (io)->rchar;    \
		(record)->write_chars += (io)->wchar;   \
		(record)->read_bytes += (io)->read_bytes; \
		(record)->write_bytes += (io)->write_bytes; \
		(record)->read_calls += (io)->syscr;    \
		(record)->write_calls += (io)->syscw;   \
		(record)->cancelled_write_bytes += (io)->cancelled_write_bytes; \
	} while (0)

/* task_struct and signal_struct name these fields alike: what a thread used, and what the dead ones did. */
#define ADD_COUNTS(record, holder)                                              \
	do {                                                                    \
		(record)->user_ns += BPF_CORE_READ(holder, utime);              \
		(record)->system_ns += BPF_CORE_READ(holder, stime);            \
		(record)->minor_faults += BPF_CORE_READ(holder, min_flt);       \
		(record)->major_faults += BPF_CORE_READ(holder, maj_flt);       \
		(record)->voluntary_switches += BPF_CORE_READ(holder, nvcsw);   \
		(record)->involuntary_switches += BPF_CORE_READ(holder, nivcsw); \
	} while (0)

static __always_inline void add_thread(struct sample_work *work, struct task_struct *task)
{
	struct sample_record *record = &work->record;
	struct task_io_accounting io = {};
	u32 state = state_of(task), flags = BPF_CORE_READ(task, flags);

	work->threads++;
	if (state < SAMPLE_STATES)
		work->in_state[state]++;
	record->runtime_ns += BPF_CORE_READ(task, se.sum_exec_runtime);
	ADD_COUNTS(record, task);
	if (!work->mm && !(flags & PF_KTHREAD))
		work->mm = BPF_CORE_READ(task, mm);
	if (flags & PF_EXITING && thread_is_noted(task))
		return;
	record->wait_ns += BPF_CORE_READ(task, sched_info.run_delay);
	if (bpf_core_field_exists(task->ioac.rchar))
		BPF_CORE_READ_INTO(&io, task, ioac);
	ADD_IO(record, &io);
}

/* The next thread; 1 when there is none. A function of its own so that the verifier looks at it once. */
__noinline u32 sample_step(u32 zero)
{
	struct sample_work *work = bpf_map_lookup_elem(&sample_works, &zero);
	struct list_head *node;

	if (!work || work->node == work->head || !work->node)
		return 1;
	node = work->node;
	add_thread(work, (void *)node - bpf_core_field_offset(struct task_struct, thread_node));
	work->node = BPF_CORE_READ(node, next);
	return 0;
}

__noinline u32 sample_steps(u32 zero)
{
	for (int i = 0; i < WALK_STEPS; i++)
		if (sample_step(zero))
			return 1;
	return 0;
}

/* Sums the dead and the living into sample_works; 0 if a thread died meanwhile. */
__noinline u32 sample_sum(u64 address)
{
	struct signal_struct *signal = (void *)address;
	u32 sequence = BPF_CORE_READ(signal, stats_lock.seqcount.seqcount.sequence);
	u32 zero = 0;
	struct sample_work *work = bpf_map_lookup_elem(&sample_works, &zero);

	if (!work)
		return 0;
	__builtin_memset(work, 0, sizeof(*work));
	work->head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	work->node = BPF_CORE_READ(signal, thread_head.next);
	work->record.runtime_ns = BPF_CORE_READ(signal, sum_sched_runtime);
	ADD_COUNTS(&work->record, signal);
	for (int i = 0; i < WALK_STEPS; i++)
		if (sample_steps(0))
			break;
	return !(sequence & 1) && sequence == BPF_CORE_READ(signal, stats_lock.seqcount.seqcount.sequence);
}

static __always_inline void add_dead(struct sample_record *record)
{
	struct process_key key = { .pid = record->pid, .start = record->start };
	struct thread_sum *gone = bpf_map_lookup_elem(&thread_sums, &key);

	if (!gone)
		return;
	record->wait_ns += gone->wait_ns;
	record->read_chars += gone->read_chars;
	record->write_chars += gone->write_chars;
	record->read_bytes += gone->read_bytes;
	record->write_bytes += gone->write_bytes;
	record->read_calls += gone->read_calls;
	record->write_calls += gone->write_calls;
	record->cancelled_write_bytes += gone->cancelled_write_bytes;
}

static __always_inline u16 cut(u64 count)
{
	return count < 0xffff ? count : 0xffff;
}

/* Who has no thread left to live is gone, whatever its last one still does: its exit may have been told already. */
static __always_inline void add_states(struct sample_work *work, struct signal_struct *signal)
{
	struct sample_record *record = &work->record;
	bool gone = !BPF_CORE_READ(signal, live.counter);

	record->threads = cut(work->threads);
#pragma unroll
	for (int i = 0; i < SAMPLE_STATES; i++)
		record->in_state[i] = cut(work->in_state[i]);
	record->state = gone ? SAMPLE_GONE :
			work->in_state[SAMPLE_RUNNING] ? SAMPLE_RUNNING :
			work->in_state[SAMPLE_WAITING] ? SAMPLE_WAITING :
			work->in_state[SAMPLE_DISK] ? SAMPLE_DISK :
			work->in_state[SAMPLE_SLEEPING] ? SAMPLE_SLEEPING :
			work->in_state[SAMPLE_STOPPED] ? SAMPLE_STOPPED : SAMPLE_GONE;
}

static __always_inline void add_memory(struct sample_work *work, struct signal_struct *signal)
{
	struct sample_record *record = &work->record;
	struct mm_struct *mm = work->mm;
	u64 peak = BPF_CORE_READ(signal, maxrss), pages = memory_pages(mm), highest = 0;

	if (mm)
		highest = BPF_CORE_READ(mm, hiwater_rss);
	if (peak < highest)
		peak = highest;
	record->resident = pages * settings.page_size;
	record->peak = (peak < pages ? pages : peak) * settings.page_size;
}

/* Of all that is told but the time; never 0. */
static __always_inline u64 checksum(const struct sample_record *record)
{
	const u64 *words = (const void *)record;
	u64 sum = 0;

#pragma unroll
	for (u32 i = 1; i < sizeof(*record) / sizeof(u64); i++) {
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 29;
	}
	return sum | 1;
}

SEC("iter/task")
int sample_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct signal_struct *signal;
	struct sample_work *work;
	u32 pid, place, zero = 0;
	u64 cgroup, sum, *told;

	if (!task)
		return 0;
	pid = task->tgid;
	if ((u32)task->pid != pid || !scope_has_process(pid))
		return 0;
	if (settings.scope == SCOPE_CGROUP ? !scope_admits_preemptible(task, pid, &cgroup) : !scope_has_user(task))
		return 0;
	signal = BPF_CORE_READ(task, signal);
	for (int i = 0; i < ATTEMPTS; i++)
		if (sample_sum((u64)signal))
			break;
	work = bpf_map_lookup_elem(&sample_works, &zero);
	if (!work || !work->threads)
		return 0;
	work->record.pid = pid;
	work->record.start = task->start_boottime;
	add_dead(&work->record);
	add_states(work, signal);
	add_memory(work, signal);
	sum = checksum(&work->record);
	place = pid & (SAMPLE_PLACES - 1);
	told = bpf_map_lookup_elem(&sampled, &place);
	if (told && *told == sum)
		return 0;
	work->record.time = bpf_ktime_get_boot_ns();
	/* One that finds no room is asked for again, so it must not count as told. */
	if (!bpf_seq_write(ctx->meta->seq, &work->record, sizeof(work->record)) && told)
		*told = sum;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
