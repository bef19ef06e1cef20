// SPDX-License-Identifier: GPL-2.0
/*
 * Signals, at the one tracepoint that every way to send one passes, with what became of it. It is passed in interrupts
 * too, when a timer or a device sends. Then the current process was merely interrupted, and nothing may be used that
 * another program on this CPU may be in the middle of.
 */
#include "lib/draft.h"
#include "lib/scope.h"
#include "lib/regs.h"
#include "../wire/signal.h"

#define INFO_NONE 0		/* sent with no more than the sender */
#define INFO_KERNEL 1		/* sent by the kernel itself */
#define CODE_TIMER -2
#define CODE_KERNEL 128

#define SIGKILL 9
#define SIGALRM 14
#define SIGXCPU 24
#define SIGVTALRM 26
#define SIGPROF 27

struct signal_place {
	u64 address;
};

/* A pointer written here is read back as a number. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct signal_place);
} signal_places SEC(".maps");

/*
 * On which stack is this? The tracepoint's arguments lie on it. Interrupts have stacks of their own, but for one: while
 * a process runs its own code its kernel stack is empty, and a timer's or device's interrupt may be served on that.
 */
static __always_inline bool is_on_stack_of(struct task_struct *task, void *ctx)
{
	u64 stack = (u64)BPF_CORE_READ(task, stack);
	volatile struct signal_place *place;
	u32 zero = 0;

	place = bpf_map_lookup_elem(&signal_places, &zero);
	if (!place)
		return false;
	place->address = (u64)ctx;
	return place->address - stack < settings.stack_size;
}

static __always_inline bool is_timer(u32 number, s32 code)
{
	return code == CODE_TIMER || (code == CODE_KERNEL && (number == SIGALRM || number == SIGVTALRM ||
							      number == SIGPROF || number == SIGXCPU));
}

/*
 * That other case: the kernel sends while the process is in it neither by a system call (orig_ax is its number) nor for a
 * fault of its own. A fault may make the kernel kill another process, for memory; no device kills.
 */
static __always_inline bool is_of_device(struct task_struct *task, struct task_struct *target, u32 number, s32 code)
{
	struct user_registers regs = {};

	if (code <= 0 || number == SIGKILL || BPF_CORE_READ(task, tgid) == BPF_CORE_READ(target, tgid) ||
	    !BPF_CORE_READ(task, mm))
		return false;
	regs_of(&regs, task);
	return (s64)regs.orig_ax < 0;
}

static __always_inline s32 code_of(struct kernel_siginfo *info)
{
	if ((u64)info == INFO_NONE)
		return 0;
	return (u64)info == INFO_KERNEL ? CODE_KERNEL : BPF_CORE_READ(info, si_code);
}

static __always_inline void describe_target(struct signal_record *record, struct task_struct *target, bool to_thread)
{
	struct task_struct *leader = BPF_CORE_READ(target, group_leader);

	record->target_pid = BPF_CORE_READ(target, tgid);
	record->target_tid = BPF_CORE_READ(target, pid);
	record->target_start = task_start(target);
	record->flags = to_thread ? SIGNAL_TO_THREAD : 0;
	bpf_probe_read_kernel(record->target_name, sizeof(record->target_name), leader->comm);
}

static __always_inline void describe_nobody(struct record *record)
{
	__builtin_memset(record, 0, sizeof(*record));
	record->kind = KIND_signal;
	record->flags = RECORD_OWNER_UNKNOWN;
	record->size = sizeof(struct signal_record);
	record->time = bpf_ktime_get_boot_ns();
}

static __always_inline int on_signal(void *ctx, u32 number, struct kernel_siginfo *info, struct task_struct *target,
				     u32 group, u32 result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 sender = bpf_get_current_pid_tgid() >> 32, target_pid, slot = 0;
	bool interrupt, nobody, admitted;
	u64 cgroup = 0, target_cgroup;
	struct signal_record *record;
	s32 code;

	if (number < 64 && settings.idle_signals >> number & 1)
		return 0;
	target_pid = BPF_CORE_READ(target, tgid);
	interrupt = !is_on_stack_of(task, ctx);
	code = code_of(info);
	nobody = interrupt || is_timer(number, code) || is_of_device(task, target, number, code);
	if (target_pid == settings.self || (!nobody && sender == settings.self))
		return 0;
	admitted = !nobody && scope_admits(task, sender, &cgroup, SLOT_ATOMIC);
	if (!admitted && !scope_admits(target, target_pid, &target_cgroup, interrupt ? SLOT_NONE : SLOT_ATOMIC))
		return 0;
	record = draft_begin(life, KIND_signal, struct signal_record, &slot);
	if (!record)
		return 0;
	if (nobody)
		describe_nobody(&record->record);
	else
		task_describe(&record->record, KIND_signal, sizeof(*record), task, cgroup);
	describe_target(record, target, !group);
	record->number = number;
	record->code = code;
	record->result = result;
	draft_end(life, KIND_signal, record, slot);
	return 0;
}

SEC("tp_btf/signal_generate")
int signal_btf(u64 *ctx)
{
	return on_signal(ctx, ctx[0], (void *)ctx[1], (void *)ctx[2], ctx[3], ctx[4]);
}

SEC("raw_tp/signal_generate")
int signal_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_signal(ctx, ctx->args[0], (void *)ctx->args[1], (void *)ctx->args[2], ctx->args[3], ctx->args[4]);
}

char LICENSE[] SEC("license") = "GPL";
