// SPDX-License-Identifier: GPL-2.0
/*
 * Execs that failed. The kernel has no tracepoint for them, and one at the end of the system call would slow every system
 * call of every process. So: a program at the exit of the two functions that serve the call, or, where the kernel allows
 * none, a breakpoint in the C library right behind the system call instruction, a place that is reached only when the
 * exec failed.
 */
#include "lib/exec.h"
#include "lib/regs.h"

#define CALL_execveat 322

static __always_inline int on_failed(const char *asked, s64 error, u32 slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u8 *bytes = scratch_get(slot);
	struct exec_record *record;
	u64 cgroup, at = sizeof(*record);

	if (!bytes || !scope_admits_current(&cgroup, slot))
		return 0;
	record = (void *)bytes;
	describe_exec(record, task, cgroup);
	record->error = error;
	at = scratch_add(bytes, at, NULL, 0, 0);
	at = scratch_add_text(bytes, at, asked, true);
	at = add_directory(bytes, at, task, slot);
	at = add_terminal(bytes, at, task);
	at = scratch_add_text(bytes, at, task->comm, false);
	at = scratch_add(bytes, at, NULL, 0, 0);
	barrier_var(at);
	if (at > SCRATCH_SIZE)
		at = SCRATCH_SIZE;
	record->record.size = at;
	emit_always(life, KIND_exec, bytes, at);
	return 0;
}

/* For hooks at which the task can be preempted. */
static __always_inline int on_failed_preemptible(const char *asked, s64 error)
{
	u32 slot;

	if (!scope_has_process(bpf_get_current_pid_tgid() >> 32))
		return 0;
	slot = scratch_take();
	if (slot)
		on_failed(asked, error, slot);
	else if (emit_begin(KIND_exec, true))
		emit_lost(KIND_exec, LOSS_SCRATCH_BUSY);
	scratch_release(slot);
	return 0;
}

static __always_inline const char *asked_of_call(void)
{
	struct user_registers regs;

	regs_of(&regs, (void *)bpf_get_current_task());
	return (void *)(regs.orig_ax == CALL_execveat ? regs.si : regs.di);
}

static __always_inline int on_return(s64 result, bool preemptible)
{
	if (result >= 0)
		return 0;
	return preemptible ? on_failed_preemptible(asked_of_call(), result) :
			     on_failed(asked_of_call(), result, SLOT_ATOMIC);
}

SEC("fexit/__x64_sys_execve")
int failed_execve_fexit(u64 *ctx)
{
	return on_return(ctx[1], true);
}

SEC("fexit/__x64_sys_execveat")
int failed_execveat_fexit(u64 *ctx)
{
	return on_return(ctx[1], true);
}

SEC("kretprobe/__x64_sys_execve")
int failed_execve_kprobe(struct user_registers *ctx)
{
	return on_return(ctx->ax, false);
}

SEC("kretprobe/__x64_sys_execveat")
int failed_execveat_kprobe(struct user_registers *ctx)
{
	return on_return(ctx->ax, false);
}

SEC("uprobe")
int failed_execve_libc(struct user_registers *ctx)
{
	return on_failed_preemptible((void *)ctx->di, ctx->ax);
}

SEC("uprobe")
int failed_execveat_libc(struct user_registers *ctx)
{
	return on_failed_preemptible((void *)ctx->si, ctx->ax);
}

char LICENSE[] SEC("license") = "GPL";
