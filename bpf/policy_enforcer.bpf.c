// SPDX-License-Identifier: GPL-2.0
/*
 * Carries out what was noted for a thread, in the calls of an enforcer. Where the call cannot be denied there is still a signal
 * to be sent: as it begins, so that it need not be waited for, or as it ends, because a note may be left at the same function.
 */
#include "lib/policy.h"
#include "lib/policy_call.h"

struct policy_note_map policy_notes SEC(".maps");

/* What the call is to fail with, negative; 0: it goes on. The note is taken. */
static __always_inline s32 carry_out(void)
{
	u32 thread = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), pid);
	struct policy_errand *found = bpf_map_lookup_elem(&policy_notes, &thread), note;

	if (!found)
		return 0;
	note = *found;
	bpf_map_delete_elem(&policy_notes, &thread);
	if (note.signal)
		bpf_send_signal(note.signal);
	return note.error;
}

SEC("tp_btf/sys_enter")
int policy_enforcer(u64 *ctx)
{
	if (call_wanted(ctx[1]))
		carry_out();
	return 0;
}

SEC("lsm")
s64 policy_enforcer_lsm(void *ctx)
{
	(void)ctx;
	return answer(carry_out());
}

SEC("fmod_ret")
s64 policy_enforcer_modify(void *ctx)
{
	(void)ctx;
	return answer(carry_out());
}

SEC("fentry")
int policy_enforcer_begin(void *ctx)
{
	(void)ctx;
	carry_out();
	return 0;
}

SEC("fexit")
int policy_enforcer_end(void *ctx)
{
	(void)ctx;
	carry_out();
	return 0;
}

SEC("kprobe")
int policy_enforcer_probe(void *ctx)
{
	(void)ctx;
	carry_out();
	return 0;
}

SEC("kprobe")
int policy_enforcer_deny(void *ctx)
{
	s32 error = carry_out();

	if (error < 0)
		bpf_override_return(ctx, (s64)error);
	return 0;
}
