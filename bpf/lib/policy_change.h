/*
 * System calls that change names and attributes of files, standing in for what the kernel asks its security modules about
 * them: they are seen when they are done, so what they named may be gone, and is shown as it was given.
 */
#ifndef SONDE_BPF_POLICY_CHANGE_H
#define SONDE_BPF_POLICY_CHANGE_H

#include "calls.h"
#include "policy.h"

#define CALL_truncate 76
#define CALL_ftruncate 77
#define CALL_rename 82
#define CALL_mkdir 83
#define CALL_rmdir 84
#define CALL_link 86
#define CALL_unlink 87
#define CALL_symlink 88
#define CALL_chmod 90
#define CALL_fchmod 91
#define CALL_chown 92
#define CALL_fchown 93
#define CALL_lchown 94
#define CALL_mknod 133
#define CALL_mkdirat 258
#define CALL_mknodat 259
#define CALL_fchownat 260
#define CALL_unlinkat 263
#define CALL_renameat 264
#define CALL_linkat 265
#define CALL_symlinkat 266
#define CALL_fchmodat 268
#define CALL_renameat2 316
#define CALL_fchmodat2 452

static __always_inline u64 file_at(s32 descriptor)
{
	return descriptor < 0 ? 0 : (u64)descriptor_file((void *)bpf_get_current_task(), descriptor);
}

static __always_inline bool is_opening(u64 number)
{
	return number == CALL_open || number == CALL_openat || number == CALL_openat2 || number == CALL_creat;
}

static __always_inline bool change_wants(u64 number)
{
	switch (policy.stand_in) {
	case STAND_FOR_path_truncate:
		return number == CALL_truncate || number == CALL_ftruncate || is_opening(number);
	case STAND_FOR_path_mknod:
		return number == CALL_mknod || number == CALL_mknodat || is_opening(number);
	case STAND_FOR_path_mkdir:
		return number == CALL_mkdir || number == CALL_mkdirat;
	case STAND_FOR_path_link:
		return number == CALL_link || number == CALL_linkat;
	case STAND_FOR_path_symlink:
		return number == CALL_symlink || number == CALL_symlinkat;
	case STAND_FOR_path_unlink:
		return number == CALL_unlink || number == CALL_unlinkat;
	case STAND_FOR_path_rmdir:
		return number == CALL_rmdir || number == CALL_unlinkat;
	case STAND_FOR_path_rename:
		return number == CALL_rename || number == CALL_renameat || number == CALL_renameat2;
	case STAND_FOR_path_chmod:
		return number == CALL_chmod || number == CALL_fchmod || number == CALL_fchmodat || number == CALL_fchmodat2;
	case STAND_FOR_path_chown:
		return number == CALL_chown || number == CALL_fchown || number == CALL_lchown || number == CALL_fchownat;
	}
	return true;
}

/* What stands in the place of a path or an entry. */
static __always_inline u64 give(struct policy_scratch *scratch, u32 which, u64 name, u64 directory)
{
	scratch->given[which].name = name;
	scratch->given[which].directory = (s32)directory;
	return GIVEN(which);
}

static __always_inline u64 path_of(u64 file)
{
	return file ? file + bpf_core_field_offset(struct file, f_path) : 0;
}

/* Flags that a call opened a file with. */
static __always_inline u64 opening_flags(const struct user_registers *regs)
{
	u64 flags = regs->dx;

	if (regs->orig_ax == CALL_open)
		return regs->si;
	if (regs->orig_ax == CALL_creat)
		return O_CREAT | O_TRUNC;
	if (regs->orig_ax == CALL_openat2)
		bpf_probe_read_user(&flags, sizeof(flags), (void *)regs->dx);
	return flags;
}

/* An open that made the file, as mknod would. */
static __always_inline bool made(u64 *to, u64 file)
{
	if (!file || !(BPF_CORE_READ((struct file *)file, f_mode) & FMODE_CREATED))
		return false;
	to[0] = path_of(file);
	to[1] = (u64)BPF_CORE_READ((struct file *)file, f_path.dentry);
	to[2] = BPF_CORE_READ((struct file *)file, f_inode, i_mode);
	return true;
}

/* An open that cut the file; of a new one there was nothing to cut. */
static __always_inline bool cut(const struct user_registers *regs, u64 file)
{
	return opening_flags(regs) & O_TRUNC && !(BPF_CORE_READ((struct file *)file, f_mode) & FMODE_CREATED) &&
	       (BPF_CORE_READ((struct file *)file, f_inode, i_mode) & S_IFMT) == S_IFREG;
}

/* A call that was done: the parameters that the function has. False: it is another call. */
static __always_inline bool change_at_exit(struct policy_scratch *scratch, const struct user_registers *regs, s64 result)
{
	u64 *to = scratch->parameter;
	u64 number = regs->orig_ax;

	to[0] = 0;
	switch (policy.stand_in) {
	case STAND_FOR_path_truncate:
		if (number == CALL_truncate)
			to[0] = give(scratch, 0, regs->di, AT_FDCWD);
		else if (number == CALL_ftruncate)
			to[0] = path_of(file_at(regs->di));
		else if (cut(regs, file_at(result)))
			to[0] = path_of(file_at(result));
		return to[0];
	case STAND_FOR_path_mknod:
		if (is_opening(number))
			return made(to, file_at(result));
		to[1] = number == CALL_mknod ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		to[2] = (u16)(number == CALL_mknod ? regs->si : regs->dx);
		to[3] = (u32)(number == CALL_mknod ? regs->dx : regs->r10);
		if (!(to[2] & S_IFMT))
			to[2] |= S_IFREG;
		return true;
	case STAND_FOR_path_mkdir:
		to[1] = number == CALL_mkdir ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		to[2] = (u16)(number == CALL_mkdir ? regs->si : regs->dx);
		return true;
	case STAND_FOR_path_link:
		to[0] = number == CALL_link ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		to[1] = 0;
		to[2] = number == CALL_link ? give(scratch, 1, regs->si, AT_FDCWD) : give(scratch, 1, regs->r10, regs->dx);
		return true;
	case STAND_FOR_path_symlink:
		to[1] = number == CALL_symlink ? give(scratch, 0, regs->si, AT_FDCWD) : give(scratch, 0, regs->dx, regs->si);
		to[2] = regs->di;
		return true;
	case STAND_FOR_path_unlink:
		to[1] = number == CALL_unlink ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		return number == CALL_unlink || !(regs->dx & AT_REMOVEDIR);
	case STAND_FOR_path_rmdir:
		to[1] = number == CALL_rmdir ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		return number == CALL_rmdir || regs->dx & AT_REMOVEDIR;
	case STAND_FOR_path_rename:
		to[1] = number == CALL_rename ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		to[2] = 0;
		to[3] = number == CALL_rename ? give(scratch, 1, regs->si, AT_FDCWD) : give(scratch, 1, regs->r10, regs->dx);
		to[4] = number == CALL_renameat2 ? (u32)regs->r8 : 0;
		return true;
	case STAND_FOR_path_chmod:
		to[1] = (u16)(number == CALL_chmod || number == CALL_fchmod ? regs->si : regs->dx);
		to[0] = number == CALL_fchmod ? path_of(file_at(regs->di)) :
			number == CALL_chmod ? give(scratch, 0, regs->di, AT_FDCWD) : give(scratch, 0, regs->si, regs->di);
		return true;
	case STAND_FOR_path_chown:
		to[1] = (u32)(number == CALL_fchownat ? regs->dx : regs->si);
		to[2] = (u32)(number == CALL_fchownat ? regs->r10 : regs->dx);
		to[0] = number == CALL_fchown ? path_of(file_at(regs->di)) :
			number == CALL_fchownat ? give(scratch, 0, regs->si, regs->di) : give(scratch, 0, regs->di, AT_FDCWD);
		return true;
	}
	return false;
}

#endif
