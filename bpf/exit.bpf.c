// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of a process, read as its last thread leaves. The kernel keeps the sums of threads that are gone in
 * signal_struct and the rest in each task, so the total is one sum over both, retried if a thread was moved from one to
 * the other meanwhile (the kernel's own sequence lock tells). Two things the kernel does not keep for dead threads: run-queue
 * wait not at all, and bytes read and written only mixed with those of children that were waited for. Of processes with
 * threads both are added up here as each thread leaves.
 *
 * Since 6.16 the tracepoint comes before the process's memory is given back, which takes time in proportion. Where there is much
 * of it, the ledger is put aside, and told as the last thread sends the parent its signal: nothing is left to do then but to
 * be reaped, and the parent cannot have heard of it before. Where no signal is to be expected it is told at once;
 * should one not come after all, as the kernel frees the process.
 */
#include "lib/clock.h"
#include "lib/memory.h"
#include "lib/scope.h"
#include "lib/threads.h"
#include "lib/waits.h"

/* Processes whose exit was told: two threads that leave at once may both believe to be the last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process_key);
	__type(value, u32);
} told SEC(".maps");

#define PF_EXITING 4
#define SIGCHLD 17
#define SIGNAL_GROUP_EXIT 4
#define SIGNALS 64
#define SIG_IGN 1
#define THREADS_MAX 256
/* To give back less takes a quarter of a millisecond at most. */
#define MUCH_MEMORY (8 << 20)

/* Processes that are put aside; user space makes room for them. When it is full, exits are told at once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct process_key);
	__type(value, struct ending);
} endings SEC(".maps");

/* How many there are, or more: mostly none, and then nobody looks. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} endings_count SEC(".maps");

struct sum_work {
	struct ending ending;
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
	add_thread(&work->ending.sum, task);
	if (!thread_is_noted(task))
		add_own(&work->ending.sum, task);
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
	__builtin_memset(&work->ending.sum, 0, sizeof(work->ending.sum));
	head = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);
	work->head = head;
	work->node = BPF_CORE_READ(head, next);
	add_dead(&work->ending.sum, signal);
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
	__builtin_memset(&work->ending.sum, 0, sizeof(work->ending.sum));
	add_dead(&work->ending.sum, signal);
	add_thread(&work->ending.sum, task);
	add_own(&work->ending.sum, task);
}

/* With `keep`, it is still there for those who look at the process while it is put aside (sample.bpf.c). */
static __always_inline void add_noted(struct exit_record *record, struct process_key *key, bool keep)
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
	if (!keep)
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

static __always_inline u64 *count_endings(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&endings_count, &zero);
}

static __always_inline bool put_aside(struct process_key *key, struct ending *ending)
{
	u64 *count = count_endings();

	if (!count)
		return false;
	__sync_fetch_and_add(count, 1);
	if (!bpf_map_update_elem(&endings, key, ending, BPF_NOEXIST))
		return true;
	__sync_fetch_and_add(count, -1);
	return false;
}

/* Of those who would tell an exit, the one tells it who takes it away: to delete is the one thing that succeeds once. */
static __always_inline bool take_away(struct process_key *key)
{
	u64 *count = count_endings();

	if (!count || bpf_map_delete_elem(&endings, key))
		return false;
	__sync_fetch_and_add(count, -1);
	return true;
}

/*
 * Is the end of this process still some time away, and will it be heard of? Not a tracer's: it reaps threads by itself. Not one
 * for which a vfork waits either: its parent goes on as soon as the memory is given back.
 */
static __always_inline bool is_to_wait(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	u32 number = BPF_CORE_READ(leader, exit_signal);

	if (memory_pages(BPF_CORE_READ(task, mm)) * settings.page_size < MUCH_MEMORY)
		return false;
	if (!number || number > SIGNALS || BPF_CORE_READ(task, ptrace) || BPF_CORE_READ(leader, ptrace) ||
	    BPF_CORE_READ(task, vfork_done) || BPF_CORE_READ(leader, vfork_done))
		return false;
	return number != SIGCHLD ||
	       (u64)BPF_CORE_READ(leader, real_parent, sighand, action[SIGCHLD - 1].sa.sa_handler) != SIG_IGN;
}

/* `early`: the process still has its memory. */
static __always_inline int on_exit(struct task_struct *task, const bool early)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct process_key key = { .pid = BPF_CORE_READ(task, tgid), .start = task_start(task) };
	bool alone = BPF_CORE_READ(signal, nr_threads) == 1;
	struct exit_record *record;
	struct sum_work *work;
	u32 zero = 0;
	u64 cgroup, lag = clock_lag(task);
	bool aside;
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
	if (!work)
		return 0;
	record = &work->ending.sum;
	task_describe(&record->record, KIND_exit, sizeof(*record), task, cgroup);
	describe_end(record, task, signal);
	record->runtime_ns += lag;
	aside = early && is_to_wait(task);
	add_noted(record, &key, aside);
	add_waits(record, &key);
	if (aside)
		work->ending.last_wait_ns = BPF_CORE_READ(task, sched_info.run_delay);
	if (!aside || !put_aside(&key, &work->ending))
		emit_always(life, KIND_exit, record, sizeof(*record));
	return 0;
}

/* What was used since it was put aside. No thread is left but the leader, alive or a corpse; the others are in `signal`. */
static __always_inline void bring_up_to_date(struct ending *ending, struct task_struct *task,
					     struct signal_struct *signal)
{
	struct exit_record *sum = &ending->sum;

	sum->user_ns = sum->system_ns = sum->runtime_ns = 0;
	sum->minor_faults = sum->major_faults = 0;
	sum->voluntary_switches = sum->involuntary_switches = 0;
	add_dead(sum, signal);
	add_thread(sum, BPF_CORE_READ(task, group_leader));
	sum->runtime_ns += clock_lag(task);
	if ((u32)BPF_CORE_READ(task, pid) == sum->record.tid)
		sum->wait_ns += BPF_CORE_READ(task, sched_info.run_delay) - ending->last_wait_ns;
	sum->record.time = bpf_ktime_get_boot_ns();
}

static __always_inline void tell(struct ending *ending, struct process_key *key)
{
	if (!take_away(key))
		return;
	bpf_map_delete_elem(&thread_sums, key);
	emit_always(life, KIND_exit, &ending->sum, sizeof(ending->sum));
}

static __always_inline int on_notice(struct task_struct *target)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *leader;
	struct signal_struct *signal;
	struct process_key key = {};
	struct ending *found, ending;
	u64 *count = count_endings();

	if (!count || !*count)
		return 0;
	if (!(BPF_CORE_READ(task, flags) & PF_EXITING) || BPF_CORE_READ(task, mm))
		return 0;
	leader = BPF_CORE_READ(task, group_leader);
	key.pid = BPF_CORE_READ(task, tgid);
	key.start = BPF_CORE_READ(leader, start_boottime);
	found = bpf_map_lookup_elem(&endings, &key);
	signal = BPF_CORE_READ(task, signal);
	if (!found || BPF_CORE_READ(signal, nr_threads) != 1 || target != BPF_CORE_READ(leader, parent))
		return 0;
	ending = *found;
	bring_up_to_date(&ending, task, signal);
	tell(&ending, &key);
	return 0;
}

/* From an interrupt: what belongs to this CPU may be in use. */
static __always_inline int on_free(struct task_struct *task)
{
	struct process_key key = {};
	struct ending *found, ending;
	u64 *count = count_endings();

	if (!count || !*count)
		return 0;
	key.pid = BPF_CORE_READ(task, tgid);
	if ((u32)BPF_CORE_READ(task, pid) != key.pid)
		return 0;
	key.start = BPF_CORE_READ(task, start_boottime);
	found = bpf_map_lookup_elem(&endings, &key);
	if (!found)
		return 0;
	ending = *found;
	tell(&ending, &key);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int exit_early_btf(u64 *ctx)
{
	return on_exit((void *)ctx[0], true);
}

SEC("tp_btf/signal_generate")
int exit_notice_btf(u64 *ctx)
{
	return on_notice((void *)ctx[2]);
}

SEC("tp_btf/sched_process_free")
int exit_free_btf(u64 *ctx)
{
	return on_free((void *)ctx[0]);
}

SEC("tp_btf/sched_process_exit")
int exit_btf(u64 *ctx)
{
	return on_exit((void *)ctx[0], false);
}

SEC("raw_tp/sched_process_exit")
int exit_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_exit((void *)ctx->args[0], false);
}

char LICENSE[] SEC("license") = "GPL";
