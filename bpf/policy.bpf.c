// SPDX-License-Identifier: GPL-2.0
/*
 * One hook of policies. This object is opened once for each place that policies hang on; .rodata says what is read there,
 * and `decide` is the compiled condition. A program here fills in the call's parameters and asks policy_judge, which puts
 * the record together as far as the condition needs it, decides, acts, and completes it only if something is to be told.
 */
#include "lib/policy.h"
#include "lib/policy_call.h"
#include "lib/policy_known.h"
#include "lib/policy_likeness.h"
#include "lib/policy_stand_in.h"
#include "lib/preemptible.h"
#include "lib/decide.h"

const volatile struct policy_config policy = {};

struct policy_verdict_map policy_verdicts SEC(".maps");
struct policy_tally_map policy_tallies SEC(".maps");
struct policy_rate_map policy_rates SEC(".maps");
struct policy_entries_map policy_entries SEC(".maps");
struct policy_known_map policy_knowns SEC(".maps");

/*
 * What tells matches of a case apart when they are limited: where it was, and each argument. What came of the call does not.
 */
__noinline u64 policy_likeness(u32 slot)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	u64 sum = 0, at = sizeof(struct policy_record);
	struct policy_record *record;

	if (!scratch)
		return 0;
	record = (void *)scratch->bytes;
	sum = mix(mix(0, record->function), record->address);
	for (u32 i = 0; i < POLICY_STRING_VALUE + POLICY_VALUES; i++) {
		const u32 which = i - POLICY_STRING_VALUE;
		struct record_string *string;
		u64 words[LIKE_WORDS] = {}, length;

		barrier_var(at);
		if (at > POLICY_AREA - sizeof(*string))
			break;
		string = (void *)&scratch->bytes[at];
		length = string->length;
		at = scratch_pad(at, length);
		if (i < POLICY_STRING_VALUE || policy.source[which].from == FROM_CALL_RESULT)
			continue;
		sum = mix(mix_value(sum, &record->value[which], policy.source[which].type, length), string->full);
		barrier_var(length);
		if (length > sizeof(words))
			length = sizeof(words);
		bpf_probe_read_kernel(words, length, string + 1);
		sum = mix_words(sum, words);
	}
	return sum;
}

static __always_inline u64 who_is(u32 scope)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (scope == POLICY_SCOPE_GLOBAL)
		return 0;
	return BPF_CORE_READ(task, tgid) | (scope == POLICY_SCOPE_THREAD ? (u64)BPF_CORE_READ(task, pid) << 32 : 0);
}

/* May this one be told of, or were there enough like it? */
__noinline u32 policy_admit(u32 slot, u32 number)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	u32 index = number - 1;
	struct policy_verdict *verdict = bpf_map_lookup_elem(&policy_verdicts, &index);
	struct policy_rate_key key = {};
	struct policy_rate fresh = { .count = 1 }, *rate;
	struct policy_record *record;

	if (!scratch || !verdict)
		return 0;
	if (!verdict->rate_count)
		return 1;
	record = (void *)scratch->bytes;
	key.who = who_is(verdict->rate_scope);
	key.what = mix(policy_likeness(slot), (u64)verdict->policy << 32 | verdict->hook << 16 | verdict->selector);
	fresh.since = record->record.time;
	rate = bpf_map_lookup_elem(&policy_rates, &key);
	if (!rate || fresh.since - rate->since >= verdict->rate_ns) {
		bpf_map_update_elem(&policy_rates, &key, &fresh, BPF_ANY);
		return 1;
	}
	__sync_fetch_and_add(&rate->count, 1);
	return rate->count <= verdict->rate_count;
}

static __always_inline void tell(struct policy_scratch *scratch)
{
	struct policy_record *record = (void *)scratch->bytes;
	u64 size = scratch->at;

	barrier_var(size);
	if (size > POLICY_AREA)
		size = POLICY_AREA;
	record->record.size = size;
	emit_always(life, KIND_policy, scratch->bytes, size);
}

/* Says in the record what matched. */
__noinline u32 policy_tell(u32 slot, u32 number, u32 taken)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	u32 index = number - 1;
	struct policy_verdict *verdict = bpf_map_lookup_elem(&policy_verdicts, &index);
	struct policy_record *record;
	struct cgroup_place place;

	if (!scratch || !verdict)
		return 0;
	record = (void *)scratch->bytes;
	record->policy = verdict->policy;
	record->hook = verdict->hook;
	record->selector = verdict->selector;
	record->action = verdict->action;
	record->taken = taken;
	cgroup_of(&place, (void *)bpf_get_current_task());
	record->record.cgroup = place.key;
	cgroup_verdict(&place, slot);
	return 1;
}

/* Adds a stack, which was taken where the context was at hand. */
static __always_inline void add_stack(struct policy_scratch *scratch, void *ctx, u32 wanted, u64 flags, u32 *frames)
{
	struct record_string *string;
	u64 at = scratch->at;
	long size = 0;

	barrier_var(at);
	if (at > POLICY_AREA - 8 * POLICY_STACK - sizeof(*string))
		return;
	string = (void *)&scratch->bytes[at];
	if (wanted && policy.can_stack)
		size = bpf_get_stack(ctx, string + 1, 8 * POLICY_STACK, flags);
	if (size < 0 || size > 8 * POLICY_STACK)
		size = 0;
	string->length = string->full = size;
	*frames = (u64)size / 8;
	scratch->at = at + sizeof(*string) + size;
}

static __always_inline void track(struct policy_scratch *scratch, const struct policy_verdict *verdict)
{
	struct policy_record *record = (void *)scratch->bytes;
	struct policy_owner owner = { .pid = who_is(POLICY_SCOPE_PROCESS) };
	u64 key;
	u32 which = verdict->track ? verdict->track : verdict->untrack;

	if (!which--)
		return;
	barrier_var(which);
	if (which >= POLICY_VALUES)
		return;
	key = record->value[which].socket.cookie;
	if (!verdict->track) {
		bpf_map_delete_elem(&policy_sockets, &key);
		return;
	}
	/* not every program may ask for the name by the helper for it */
	BPF_CORE_READ_INTO(&owner.name, (struct task_struct *)bpf_get_current_task(), comm);
	bpf_map_update_elem(&policy_sockets, &key, &owner, BPF_ANY);
}

static __always_inline void note(const struct policy_verdict *verdict)
{
	u32 thread = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), pid);
	struct policy_errand note = { .error = verdict->note_error, .signal = verdict->note_signal };

	if (verdict->notes == 1)
		bpf_map_update_elem(&policy_notes, &thread, &note, BPF_ANY);
	else if (verdict->notes)
		bpf_map_delete_elem(&policy_notes, &thread);
}

static __always_inline void tally(u32 index, u64 time, u32 told, u32 taken)
{
	struct policy_tally *books = bpf_map_lookup_elem(&policy_tallies, &index);

	if (!books)
		return;
	if (!books->matched++)
		books->first = time;
	books->last = time;
	books->told += told;
	books->taken += taken;
}

#define NOTHING_HOLDS 1

/*
 * What the call is to fail with, negative, or 0, or NOTHING_HOLDS. `may_deny`: this program's answer is heeded.
 */
static __always_inline s32 judge(void *ctx, u32 slot, bool may_deny)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct policy_verdict *verdict;
	struct policy_record *record;
	u32 number, index, told = 0, taken = 0;
	s32 error = 0;

	if (!scratch || !policy_collect(slot, policy.needs))
		return 0;
	record = (void *)scratch->bytes;
	number = decide(scratch->bytes, scratch->at, KIND_policy);
	if (!number)
		return NOTHING_HOLDS;
	if (policy.several) {
		/* the verifier is not to follow each number by itself */
		*(volatile u32 *)&scratch->number = number;
		number = *(volatile u32 *)&scratch->number;
		decide_others(scratch->bytes, scratch->at, number);
	}
	index = number - 1;
	verdict = bpf_map_lookup_elem(&policy_verdicts, &index);
	if (!verdict)
		return 0;
	if (verdict->enforce) {
		if (verdict->signal && policy.can_signal)
			taken |= !bpf_send_signal(verdict->signal);
		if (verdict->denies && may_deny) {
			error = verdict->error;
			taken = 1;
		}
		if (verdict->notes) {
			note(verdict);
			taken = 1;
		}
	}
	if (verdict->track || verdict->untrack)
		track(scratch, verdict);
	/* to be told apart, what the condition does not ask for is read, too */
	if (verdict->rate_count && !verdict->silent)
		policy_collect(slot, policy.needs | POLICY_NEEDS_VALUES);
	if (!verdict->silent && policy_admit(slot, number) && policy_collect(slot, ~0U) &&
	    policy_tell(slot, number, taken)) {
		add_stack(scratch, ctx, verdict->kernel_stack, 0, &record->kernel_frames);
		add_stack(scratch, ctx, verdict->user_stack, BPF_F_USER_STACK, &record->user_frames);
		tell(scratch);
		told = 1;
	}
	if (policy.changes)
		policy_keep(slot);
	tally(index, record->record.time, told, taken);
	return error;
}

/* Of its own, so that its stack is given back. */
__noinline u32 policy_watches(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 cgroup;

	return scope_admits_preemptible(task, BPF_CORE_READ(task, tgid), &cgroup);
}

/*
 * Programs at which the task can be preempted, or that run in interrupts too, take a slot of scratch memory first. 0: there is
 * none, or this task is not watched.
 */
static __always_inline u32 take(void)
{
	u32 slot;

	if (policy.self && (u32)BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), tgid) == policy.self)
		return 0;
	if (settings.scope != SCOPE_ALL && !policy_watches())
		return 0;
	slot = scratch_take();
	if (!slot && emit_begin(KIND_policy, true))
		emit_lost(KIND_policy, LOSS_SCRATCH_BUSY);
	return slot;
}

static __always_inline s32 judge_and_release(void *ctx, u32 slot, bool may_deny)
{
	s32 error = judge(ctx, slot, may_deny);

	scratch_release(slot);
	return error;
}

static __always_inline void clear(struct policy_scratch *scratch)
{
	scratch->asked = 0;
	scratch->result = 0;
	scratch->context = 0;
	scratch->function = 0;
}

/* The function of a system call has one parameter: where its registers are. */
static __always_inline void spread(struct policy_scratch *scratch)
{
	struct user_registers *regs = (void *)scratch->registers;

	if (!policy.is_call)
		return;
	bpf_probe_read_kernel(regs, sizeof(*regs), (void *)scratch->parameter[0]);
	of_call(scratch->parameter, regs);
}

/*
 * Is this a file for which nothing holds? A function of its own, so that its stack is given back before the rest needs it.
 * 0: it is. Else the generation at which it was asked; known_keep may keep the answer if it is still that.
 */
static __noinline u64 known_ask(u64 *ctx, u64 keep)
{
	u64 parameters[POLICY_PARAMETERS] = {};
	struct policy_known file = {}, *place;

	PARAMETERS(parameters, ctx);
	if (!(policy.direct ? known_fill_direct(&file, (void *)ctx[0]) : known_fill(&file, known_path(parameters))))
		return 1;
	/* other parameters may be pointers whose type the verifier knows */
	bpf_probe_read_kernel(parameters, sizeof(parameters), parameters);
	place = known_place(&file, parameters, policy.at_return ? result_of(ctx) : 0);
	if (keep && place && file.generation == keep)
		*place = file;
	return known_holds(place, &file) ? 0 : file.generation | 1;
}

/* fentry, fexit, LSM, fmod_ret: parameters, and behind them what was returned. */
static __always_inline s32 on_function(u64 *ctx, bool may_deny)
{
	u64 generation = policy.cached ? known_ask(ctx, 0) : 1;
	struct policy_scratch *scratch;
	s32 error;
	u32 slot;

	if (!generation)
		return 0;
	slot = take();
	scratch = slot ? policy_scratch(slot) : NULL;
	if (!scratch)
		return 0;
	clear(scratch);
	PARAMETERS(scratch->parameter, ctx);
	scratch->result = policy.at_return ? result_of(ctx) : 0;
	spread(scratch);
	error = judge_and_release(ctx, slot, may_deny);
	if (policy.cached && error == NOTHING_HOLDS)
		known_ask(ctx, generation & ~1ULL);
	return error;
}

SEC("lsm")
s64 policy_lsm(u64 *ctx)
{
	return answer(on_function(ctx, true));
}

SEC("fentry")
int policy_fentry(u64 *ctx)
{
	on_function(ctx, false);
	return 0;
}

SEC("fexit")
int policy_fexit(u64 *ctx)
{
	on_function(ctx, false);
	return 0;
}

SEC("fmod_ret")
s64 policy_modify(u64 *ctx)
{
	return answer(on_function(ctx, true));
}

static __always_inline u64 entry_key(void)
{
	return (u32)BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), pid);
}

static __always_inline void copy_registers(struct policy_scratch *scratch, const struct user_registers *regs)
{
	bpf_probe_read_kernel(scratch->registers, sizeof(*regs), regs);
	scratch->function = regs->ip;
}

static __always_inline s32 on_probe(struct user_registers *ctx, bool may_deny)
{
	u32 slot = take();
	struct policy_scratch *scratch = slot ? policy_scratch(slot) : NULL;

	if (!scratch)
		return 0;
	clear(scratch);
	of_registers(scratch->parameter, ctx);
	copy_registers(scratch, ctx);
	spread(scratch);
	return judge_and_release(ctx, slot, may_deny);
}

/* Kernel functions, and those of programs. */
SEC("kprobe")
int policy_kprobe(struct user_registers *ctx)
{
	on_probe(ctx, false);
	return 0;
}

/* Only for functions that the kernel lets fail (CONFIG_BPF_KPROBE_OVERRIDE). */
SEC("kprobe")
int policy_kprobe_deny(struct user_registers *ctx)
{
	s32 error = on_probe(ctx, true);

	if (error < 0)
		bpf_override_return((void *)ctx, (s64)error);
	return 0;
}

/* The parameters are kept from the beginning, by thread, because at the end their registers hold other things. */
SEC("kprobe")
int policy_kprobe_enter(struct user_registers *ctx)
{
	struct policy_entry entry;
	u64 key = entry_key();

	of_registers(entry.parameter, ctx);
	bpf_map_update_elem(&policy_entries, &key, &entry, BPF_ANY);
	return 0;
}

SEC("kretprobe")
int policy_kretprobe(struct user_registers *ctx)
{
	u64 key = entry_key();
	struct policy_entry *entry = bpf_map_lookup_elem(&policy_entries, &key);
	struct policy_scratch *scratch;
	u32 slot;

	if (!entry)
		return 0;
	slot = take();
	scratch = slot ? policy_scratch(slot) : NULL;
	if (scratch) {
		clear(scratch);
		__builtin_memcpy(scratch->parameter, entry->parameter, sizeof(entry->parameter));
		scratch->result = ctx->ax;
		spread(scratch);
		judge_and_release(ctx, slot, false);
	}
	bpf_map_delete_elem(&policy_entries, &key);
	return 0;
}

static __always_inline int on_call(void *ctx, struct pt_regs *registers, u64 number, s64 result)
{
	struct policy_scratch *scratch;
	u32 slot;

	if (!policy.any_call && call_is_compat((void *)bpf_get_current_task()))
		return 0;
	slot = take();
	scratch = slot ? policy_scratch(slot) : NULL;
	if (!scratch)
		return 0;
	clear(scratch);
	bpf_probe_read_kernel(scratch->registers, sizeof(scratch->registers), registers);
	of_call(scratch->parameter, (void *)scratch->registers);
	scratch->result = result;
	scratch->function = number;
	judge_and_release(ctx, slot, false);
	return 0;
}

/*
 * System calls where nothing better is to be had. Any tracepoint of system calls sends every call of every process the slow
 * way; then a raw one costs the least, because nothing is put together for it, and the number is looked at first.
 */
SEC("tp_btf/sys_enter")
int policy_call_enter(u64 *ctx)
{
	return call_wanted(ctx[1]) ? on_call(ctx, (void *)ctx[0], ctx[1], 0) : 0;
}

SEC("tp_btf/sys_exit")
int policy_call_exit(u64 *ctx)
{
	struct pt_regs *registers = (void *)ctx[0];
	u64 number = registers->orig_ax;

	return call_wanted(number) ? on_call(ctx, registers, number, ctx[1]) : 0;
}

/* As known_ask, for a call that reads or writes by a descriptor. */
static __noinline u64 known_ask_descriptor(u64 descriptor, u64 mask, u64 keep)
{
	u64 parameters[POLICY_PARAMETERS] = { file_at(descriptor), mask };
	struct policy_known file = {}, *place;

	if (!known_fill(&file, known_path(parameters)))
		return 1;
	place = known_place(&file, parameters, 0);
	if (keep && place && file.generation == keep)
		*place = file;
	return known_holds(place, &file) ? 0 : file.generation | 1;
}

SEC("tp_btf/sys_exit")
int policy_stand_in_exit(u64 *ctx)
{
	struct pt_regs *registers = (void *)ctx[0];
	u64 number = registers->orig_ax, descriptor = registers->di, generation = 1;
	const bool cached = policy.cached && policy.stand_in == STAND_FOR_file_permission && !permission_refused(ctx[1]);
	struct policy_scratch *scratch;
	struct user_registers *regs;
	s32 error = 0;
	u32 slot;

	if (!stand_in_wants(number) || call_is_compat((void *)bpf_get_current_task()))
		return 0;
	if (cached)
		generation = known_ask_descriptor(descriptor, permission_asked(number), 0);
	if (!generation)
		return 0;
	slot = take();
	scratch = slot ? policy_scratch(slot) : NULL;
	if (!scratch)
		return 0;
	clear(scratch);
	regs = (void *)scratch->registers;
	bpf_probe_read_kernel(regs, sizeof(*regs), registers);
	if (stand_in_at_exit(scratch, regs, ctx[1]))
		error = judge(ctx, slot, false);
	scratch_release(slot);
	if (cached && error == NOTHING_HOLDS)
		known_ask_descriptor(descriptor, permission_asked(number), generation & ~1ULL);
	return 0;
}

SEC("raw_tp")
int policy_stand_in_raw(u64 *ctx)
{
	u32 slot = take();
	struct policy_scratch *scratch = slot ? policy_scratch(slot) : NULL;

	if (!scratch)
		return 0;
	clear(scratch);
	if (stand_in_at_tracepoint(scratch, ctx))
		judge(ctx, slot, false);
	scratch_release(slot);
	return 0;
}

SEC("raw_tp")
int policy_raw(u64 *ctx)
{
	u32 slot = take();
	struct policy_scratch *scratch = slot ? policy_scratch(slot) : NULL;

	if (!scratch)
		return 0;
	clear(scratch);
	PARAMETERS(scratch->parameter, ctx);
	judge_and_release(ctx, slot, false);
	return 0;
}

SEC("tp")
int policy_format(void *ctx)
{
	u32 slot = take();
	struct policy_scratch *scratch = slot ? policy_scratch(slot) : NULL;

	if (!scratch)
		return 0;
	clear(scratch);
	scratch->context = (u64)ctx;
	judge_and_release(ctx, slot, false);
	return 0;
}

/* Asked before a connection is made or a datagram is sent; 0 denies it with EPERM. */
static __always_inline int on_address(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = (void *)ctx;
	u32 slot = take();
	struct policy_scratch *scratch = slot ? policy_scratch(slot) : NULL;

	if (!scratch)
		return 1;
	clear(scratch);
	scratch->parameter[0] = (u64)BPF_CORE_READ(kern, sk);
	scratch->parameter[1] = (u64)BPF_CORE_READ(kern, uaddr);
	scratch->parameter[2] = BPF_CORE_READ(kern, uaddr, sa_family) == AF_INET ? 16 : 28;
	scratch->asked = scratch->parameter[1];
	return judge_and_release(ctx, slot, true) < 0 ? 0 : 1;
}

SEC("cgroup/connect4")
int policy_connect4(struct bpf_sock_addr *ctx)
{
	return on_address(ctx);
}

SEC("cgroup/connect6")
int policy_connect6(struct bpf_sock_addr *ctx)
{
	return on_address(ctx);
}

SEC("cgroup/sendmsg4")
int policy_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_address(ctx);
}

SEC("cgroup/sendmsg6")
int policy_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_address(ctx);
}

/* What a process has as its program is started, for policies that ask what it changed. */
SEC("raw_tp")
int policy_snapshot(void *ctx)
{
	const u32 needs = POLICY_NEEDS_NAMESPACES | POLICY_NEEDS_CAPABILITIES;
	u32 slot = take();

	(void)ctx;
	if (slot && policy_collect(slot, needs))
		policy_keep(slot);
	scratch_release(slot);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
