/*
 * The user's registers as a system call left them: at the top of the kernel stack. They hold the call's arguments until
 * it returns, which lets a program that runs at its exit see what was asked for without a second one at its entry.
 */
#ifndef SONDE_BPF_REGS_H
#define SONDE_BPF_REGS_H

#include "settings.h"

/* As on the stack of x86-64; stable since it is also what ptrace shows. */
struct user_registers {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

/* Where they are, to be read as kernel memory. */
static __always_inline const void *regs_at(struct task_struct *task)
{
	const void *stack = BPF_CORE_READ(task, stack);

	if (bpf_core_type_exists(struct fred_info)) /* room for it is kept above, whatever the processor can do */
		stack -= 16;
	return stack + settings.stack_size - sizeof(struct user_registers);
}

static __always_inline void regs_of(struct user_registers *regs, struct task_struct *task)
{
	bpf_probe_read_kernel(regs, sizeof(*regs), regs_at(task));
}

#endif
