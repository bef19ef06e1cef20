/*
 * What programs at the end of a system call need: its number, its result and its arguments, alike on every rung. The
 * arguments are still in the user's registers (regs.h), so nothing has to be kept from the call's beginning.
 */
#ifndef SONDE_BPF_CALLS_H
#define SONDE_BPF_CALLS_H

#include "../kernel.h"
#include "regs.h"

#define CALL_open 2
#define CALL_creat 85
#define CALL_openat 257
#define CALL_open_by_handle_at 304
#define CALL_io_uring_enter 426
#define CALL_openat2 437

#define EINTR 4
#define EAGAIN 11
#define EFAULT 14

#define AT_FDCWD -100
#define AT_REMOVEDIR 0x200

#define RENAME_EXCHANGE 2

#define O_WRONLY 01
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_PATH 010000000
#define O_CLOEXEC 02000000

#define S_IFMT 0170000
#define S_IFREG 0100000

#define FMODE_EXEC 0x20		/* also in f_flags, when the kernel opens a program to run it */
#define FMODE_CREATED 0x100000

#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000

#define TS_COMPAT 2

/* Is this a system call of the 32-bit kind, with numbers and registers of its own? */
static __always_inline bool call_is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* A call that a signal interrupts ends with a number of the kernel's own; whether it starts again is not decided yet. */
static __always_inline s32 call_error(s64 result)
{
	if (result >= 0)
		return 0;
	return result <= -512 && result >= -516 ? -EINTR : result;
}

/* The file behind a descriptor of the current task, or NULL. */
static __always_inline struct file *descriptor_file(struct task_struct *task, u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

#endif
