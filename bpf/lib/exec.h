/* What an exec record says of its process, whether the exec succeeded, failed, or was long ago. */
#ifndef SONDE_BPF_EXEC_H
#define SONDE_BPF_EXEC_H

#include "path.h"
#include "scope.h"
#include "scratch.h"
#include "../../wire/process.h"

static __always_inline void describe_namespaces(struct exec_record *record, struct task_struct *task)
{
	struct nsproxy *set = BPF_CORE_READ(task, nsproxy);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *pid_namespace = NULL;

	record->cgroup_namespace = BPF_CORE_READ(set, cgroup_ns, ns.inum);
	record->mount_namespace = BPF_CORE_READ(set, mnt_ns, ns.inum);
	record->network_namespace = BPF_CORE_READ(set, net_ns, ns.inum);
	record->uts_namespace = BPF_CORE_READ(set, uts_ns, ns.inum);
	record->ipc_namespace = BPF_CORE_READ(set, ipc_ns, ns.inum);
	record->user_namespace = BPF_CORE_READ(task, cred, user_ns, ns.inum);
	bpf_probe_read_kernel(&pid_namespace, sizeof(pid_namespace),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	record->pid_namespace = BPF_CORE_READ(pid_namespace, ns.inum);
}

/* Everything of an exec record but its strings. */
static __always_inline void describe_exec(struct exec_record *record, struct task_struct *task, u64 cgroup)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	__builtin_memset(record, 0, sizeof(*record));
	task_describe(&record->record, KIND_exec, 0, task, cgroup);
	record->parent_pid = BPF_CORE_READ(parent, tgid);
	record->parent_start = task_start(parent);
	record->real_uid = BPF_CORE_READ(cred, uid.val);
	record->real_gid = BPF_CORE_READ(cred, gid.val);
	record->login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : ~0U;
	record->group = BPF_CORE_READ(signal, pids[2], numbers[0].nr);
	record->session = BPF_CORE_READ(signal, pids[3], numbers[0].nr);
	record->capabilities = task_capabilities(cred);
	describe_namespaces(record, task);
}

static __always_inline u64 add_directory(u8 *bytes, u64 at, struct task_struct *task, u32 slot)
{
	struct path_view view;

	path_view_of(&view, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt), slot);
	return scratch_add(bytes, at, view.bytes, view.length, view.length + view.cut);
}

static __always_inline u64 add_terminal(u8 *bytes, u64 at, struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	return tty ? scratch_add_text(bytes, at, tty->name, false) : scratch_add(bytes, at, NULL, 0, 0);
}

#endif
