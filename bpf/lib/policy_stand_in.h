/*
 * What stands in for functions that this kernel lets nobody attach to: another point at which the same arguments can be
 * had. Each fills the parameters as the function has them, and says whether this is such a call at all.
 */
#ifndef SONDE_BPF_POLICY_STAND_IN_H
#define SONDE_BPF_POLICY_STAND_IN_H

#include "calls.h"
#include "net.h"
#include "policy.h"
#include "policy_change.h"

#define CALL_read 0
#define CALL_write 1
#define CALL_mmap 9
#define CALL_pread64 17
#define CALL_pwrite64 18
#define CALL_readv 19
#define CALL_writev 20
#define CALL_dup 32
#define CALL_dup2 33
#define CALL_socket 41
#define CALL_connect 42
#define CALL_listen 50
#define CALL_accept 43
#define CALL_execve 59
#define CALL_fcntl 72
#define CALL_getdents 78
#define CALL_ptrace 101
#define CALL_setuid 105
#define CALL_setgid 106
#define CALL_setreuid 113
#define CALL_setregid 114
#define CALL_setgroups 116
#define CALL_setresuid 117
#define CALL_setresgid 119
#define CALL_setfsuid 122
#define CALL_setfsgid 123
#define CALL_capset 126
#define CALL_prctl 157
#define CALL_mount 165
#define CALL_getdents64 217
#define CALL_keyctl 250
#define CALL_unshare 272
#define CALL_accept4 288
#define CALL_dup3 292
#define CALL_preadv 295
#define CALL_pwritev 296
#define CALL_perf_event_open 298
#define CALL_setns 308
#define CALL_finit_module 313
#define CALL_memfd_create 319
#define CALL_bpf 321
#define CALL_execveat 322
#define CALL_preadv2 327
#define CALL_pwritev2 328

#define MAY_WRITE 2
#define MAY_READ 4
#define READING_MODULE 2
#define CLONE_NEWUSER 0x10000000
#define BPF_COMMAND_MAP_CREATE 0
#define BPF_COMMAND_PROG_LOAD 5
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define EGRESS 1
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
#define PTRACE_MODE_ATTACH 2
#define CLONE_THREAD 0x10000

/* Is it a call whose end the policy's stand-in looks at? Asked of each call of each process. */
static __always_inline bool stand_in_wants(u64 number)
{
	switch (policy.stand_in) {
	case STAND_FOR_file_open:
		return number == CALL_open || number == CALL_openat || number == CALL_openat2 || number == CALL_creat ||
		       number == CALL_open_by_handle_at;
	case STAND_FOR_file_permission:
		return number == CALL_read || number == CALL_write || number == CALL_pread64 || number == CALL_pwrite64 ||
		       number == CALL_readv || number == CALL_writev || number == CALL_preadv ||
		       number == CALL_pwritev || number == CALL_preadv2 || number == CALL_pwritev2 ||
		       number == CALL_getdents64 || number == CALL_getdents;
	case STAND_FOR_fd_install:
		switch (number) {
		case CALL_open: case CALL_openat: case CALL_openat2: case CALL_creat: case CALL_open_by_handle_at:
		case CALL_socket: case CALL_accept: case CALL_accept4: case CALL_dup: case CALL_dup2: case CALL_dup3:
		case CALL_fcntl: case CALL_memfd_create: case CALL_perf_event_open:
			return true;
		}
		return false;
	case STAND_FOR_sk_alloc:
		return number == CALL_socket || number == CALL_accept || number == CALL_accept4;
	case STAND_FOR_mmap_file:
		return number == CALL_mmap;
	case STAND_FOR_socket_listen:
		return number == CALL_listen;
	case STAND_FOR_sock_graft:
		return number == CALL_accept || number == CALL_accept4;
	case STAND_FOR_ptrace_access:
		return number == CALL_ptrace;
	case STAND_FOR_sb_mount:
		return number == CALL_mount;
	case STAND_FOR_commit_creds:
		switch (number) {
		case CALL_setuid: case CALL_setgid: case CALL_setreuid: case CALL_setregid: case CALL_setgroups:
		case CALL_setresuid: case CALL_setresgid: case CALL_setfsuid: case CALL_setfsgid: case CALL_capset:
		case CALL_prctl: case CALL_keyctl: case CALL_unshare: case CALL_setns: case CALL_execve:
		case CALL_execveat:
			return true;
		}
		return false;
	case STAND_FOR_socket_connect:
		return number == CALL_connect;
	case STAND_FOR_kernel_read_file:
		return number == CALL_finit_module;
	case STAND_FOR_bpf_call:
	case STAND_FOR_bpf_check:
	case STAND_FOR_bpf_map_create:
		return number == CALL_bpf;
	case STAND_FOR_perf_event:
		return number == CALL_perf_event_open;
	case STAND_FOR_tty_write:
		return number == CALL_write;
	}
	return change_wants(number);
}

static __always_inline u64 private_of(u64 file)
{
	return file ? (u64)BPF_CORE_READ((struct file *)file, private_data) : 0;
}

/* Which of prctl's and keyctl's commands put new credentials in place. */
static __always_inline bool changes_credentials(const struct user_registers *regs)
{
	switch (regs->orig_ax) {
	case CALL_prctl:
		return regs->di == 8 || regs->di == 24 || regs->di == 28 || regs->di == 47;
	case CALL_keyctl:
		return regs->di == 1 || regs->di == 14;
	case CALL_unshare:
		return regs->di & CLONE_NEWUSER;
	case CALL_setns:
		return regs->si & CLONE_NEWUSER || !regs->si;
	}
	return true;
}

/* Console, terminals and their masters. */
static __always_inline bool is_terminal(u64 file)
{
	u16 mode = BPF_CORE_READ((struct file *)file, f_inode, i_mode);
	u32 major = BPF_CORE_READ((struct file *)file, f_inode, i_rdev) >> 20;

	return (mode & S_IFMT) == 0020000 && (major == 4 || major == 5 || (major >= 136 && major <= 143));
}

/* What a call asks of its file. */
static __always_inline u64 permission_asked(u64 number)
{
	return number == CALL_write || number == CALL_pwrite64 || number == CALL_writev || number == CALL_pwritev ||
			       number == CALL_pwritev2 ? MAY_WRITE : MAY_READ;
}

/* Was the call refused what it asked? Other errors come later. */
static __always_inline bool permission_refused(s64 result)
{
	return result == -1 || result == -13;
}

/* At the end of a system call; false: not what the function would have seen. */
static __always_inline bool stand_in_at_exit(struct policy_scratch *scratch, const struct user_registers *regs, s64 result)
{
	u64 *to = scratch->parameter;
	u64 number = regs->orig_ax, found;

	scratch->result = result < 0 ? result : 0;
	switch (policy.stand_in) {
	case STAND_FOR_file_open:
		to[0] = file_at(result);
		return to[0];
	case STAND_FOR_fd_install:
		if (number == CALL_fcntl && regs->si != F_DUPFD && regs->si != F_DUPFD_CLOEXEC)
			return false;
		to[0] = result;
		to[1] = file_at(result);
		return to[1];
	case STAND_FOR_sk_alloc:
		to[0] = private_of(file_at(result));
		/* in a variable: within BPF_CORE_READ all members are looked for in the kernel, our own too */
		found = to[0] ? (u64)BPF_CORE_READ((struct socket *)to[0], sk) : 0;
		to[0] = 0;
		to[1] = found ? BPF_CORE_READ((struct sock *)found, __sk_common.skc_family) : 0;
		scratch->result = found;
		return found;
	case STAND_FOR_file_permission:
		to[0] = file_at(regs->di);
		to[1] = permission_asked(number);
		if (!permission_refused(result))
			scratch->result = 0;
		return to[0];
	case STAND_FOR_mmap_file:
		to[0] = regs->r10 & 0x20 ? 0 : file_at(regs->r8);
		to[1] = regs->dx;
		to[2] = regs->r10;
		return true;
	case STAND_FOR_socket_listen:
		to[0] = private_of(file_at(regs->di));
		to[1] = (s32)regs->si;
		return result >= 0 && to[0];
	case STAND_FOR_sock_graft:
		to[1] = private_of(file_at(result));
		to[0] = to[1] ? (u64)BPF_CORE_READ((struct socket *)to[1], sk) : 0;
		return to[0];
	case STAND_FOR_ptrace_access:
		to[0] = 0;
		to[1] = PTRACE_MODE_ATTACH;
		return result >= 0 && (regs->di == PTRACE_ATTACH || regs->di == PTRACE_SEIZE);
	case STAND_FOR_sb_mount:
		to[0] = regs->di;
		to[1] = give(scratch, 0, regs->si, AT_FDCWD);
		to[2] = regs->dx;
		to[3] = regs->r10;
		return result >= 0;
	case STAND_FOR_bpf_call:
		to[0] = (s32)regs->di;
		to[1] = regs->si;
		to[2] = (u32)regs->dx;
		return true;
	case STAND_FOR_commit_creds:
		to[0] = (u64)BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), cred);
		return result >= 0 && changes_credentials(regs);
	case STAND_FOR_socket_connect:
		to[0] = private_of(file_at(regs->di));
		to[1] = regs->si;
		to[2] = regs->dx;
		return true;
	case STAND_FOR_kernel_read_file:
		to[0] = file_at(regs->di);
		to[1] = READING_MODULE;
		return to[0];
	case STAND_FOR_bpf_check:
		to[1] = regs->si;
		return result >= 0 && regs->di == BPF_COMMAND_PROG_LOAD;
	case STAND_FOR_bpf_map_create:
		to[0] = private_of(file_at(result));
		return to[0] && regs->di == BPF_COMMAND_MAP_CREATE;
	case STAND_FOR_perf_event:
		to[0] = private_of(file_at(result));
		return to[0];
	case STAND_FOR_tty_write:
		to[0] = file_at(regs->di);
		to[1] = regs->si;
		to[2] = regs->dx;
		return to[0] && is_terminal(to[0]);
	}
	return result >= 0 && change_at_exit(scratch, regs, result);
}

/* A parameter of a raw tracepoint, read only where it is known to exist. */
#define RAW(i) (*(volatile u64 *)&ctx[i])

static __always_inline bool ends_here(u32 before, u32 after)
{
	if (after == TCP_FIN_WAIT1 || after == TCP_LAST_ACK)
		return true;
	return after == TCP_CLOSE && (before == TCP_LISTEN || before == TCP_SYN_SENT || before == TCP_ESTABLISHED ||
				      before == TCP_CLOSE_WAIT);
}

/* By a process, not by the kernel itself: 0 is a plain kill of a process, 1 one of the kernel's. */
static __always_inline bool is_sent(u64 info)
{
	return !info || (info > 1 && BPF_CORE_READ((struct kernel_siginfo *)info, si_code) <= 0);
}

static __always_inline bool stand_in_at_tracepoint(struct policy_scratch *scratch, u64 *ctx)
{
	u64 *to = scratch->parameter;

	scratch->result = 0;
	switch (policy.stand_in) {
	case STAND_FOR_bprm_prepare:
		to[0] = RAW(1);
		return true;
	case STAND_FOR_bprm_check:
		to[0] = RAW(2);
		return true;
	case STAND_FOR_bprm_creds_prepare:
		to[0] = RAW(1);
		to[1] = (u64)BPF_CORE_READ((struct linux_binprm *)to[0], file);
		return true;
	case STAND_FOR_bprm_creds:
		to[0] = RAW(2);
		to[1] = (u64)BPF_CORE_READ((struct linux_binprm *)to[0], file);
		return true;
	case STAND_FOR_capable:
		to[0] = RAW(0);
		to[1] = RAW(1);
		to[2] = (u32)RAW(3);
		to[3] = 0;
		scratch->result = (s32)RAW(4);
		return true;
	case STAND_FOR_tcp_connect:
		to[0] = RAW(0);
		return (u32)RAW(1) == TCP_CLOSE && (u32)RAW(2) == TCP_SYN_SENT;
	case STAND_FOR_tcp_close:
		to[0] = RAW(0);
		to[1] = 0;
		return ends_here(RAW(1), RAW(2));
	case STAND_FOR_tcp_state:
		to[0] = RAW(0);
		to[1] = (u32)RAW(2);
		return true;
	case STAND_FOR_tcp_listen:
		to[0] = RAW(0);
		return (u32)RAW(2) == TCP_LISTEN;
	case STAND_FOR_tcp_child:
		to[0] = RAW(0);
		scratch->result = to[0];
		return (u32)RAW(2) == TCP_SYN_RECV;
	case STAND_FOR_tcp_send:
		to[0] = RAW(0);
		to[2] = (u32)RAW(1);
		scratch->result = (s32)RAW(1);
		return BPF_CORE_READ((struct sock *)to[0], sk_protocol) == IPPROTO_TCP;
	case STAND_FOR_kfree_skb:
		to[0] = RAW(0);
		to[1] = (u32)RAW(2);
		return true;
	case STAND_FOR_kfree_skb_sk:
		to[0] = 0;
		to[1] = RAW(0);
		to[2] = (u32)RAW(2);
		return true;
	case STAND_FOR_filter_skb:
		to[1] = RAW(0);
		to[0] = (u64)BPF_CORE_READ((struct sk_buff *)to[1], sk);
		to[2] = EGRESS;
		return to[0];
	case STAND_FOR_task_alloc:
		to[0] = RAW(1);
		to[1] = (u64)BPF_CORE_READ((struct task_struct *)to[0], group_leader) == to[0] ? 0 : CLONE_THREAD;
		return true;
	case STAND_FOR_task_kill:
		to[0] = RAW(2);
		to[1] = RAW(1);
		to[2] = (u32)RAW(0);
		return is_sent(to[1]);
	case STAND_FOR_queue_xmit:
	case STAND_FOR_module_request:
	case STAND_FOR_sk_free:
		to[0] = RAW(0);
		return true;
	}
	return false;
}

#endif
