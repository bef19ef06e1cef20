// SPDX-License-Identifier: GPL-2.0
/*
 * A process's life. All three hooks are raw tracepoints: they cost nothing until a process forks, execs or exits, and no
 * system call becomes slower.
 *
 * fork: sched_process_fork, in the parent, with the child complete but not yet running. Threads pass.
 * exec: sched_process_exec, in the new image: the argument pages are there, just written.
 * exit: sched_process_exit, taken when the last thread leaves (exit.bpf.c).
 */
#include "lib/clock.h"
#include "lib/exec.h"

/* Effective capabilities before an exec, by thread, where the exec may change them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u64);
} capabilities_before SEC(".maps");

/* The longest record there is: all strings of an exec, with 128 KiB of arguments. One per CPU; set by user space. */
#define ARGUMENTS_MAX (128 * 1024)
#define EXEC_SCRATCH (SCRATCH_SIZE + ARGUMENTS_MAX + 16)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u8[EXEC_SCRATCH]);
} exec_scratches SEC(".maps");

static __always_inline int on_fork(struct task_struct *child)
{
	struct task_struct *parent = BPF_CORE_READ(child, real_parent);
	u32 pid = BPF_CORE_READ(child, tgid);
	u32 parent_pid = BPF_CORE_READ(parent, tgid);
	struct fork_record *record;
	u32 one = 1;
	u64 cgroup;

	clock_lag((void *)bpf_get_current_task());
	if (BPF_CORE_READ(child, pid) != (int)pid)
		return 0;
	if (settings.scope == SCOPE_TREE) {
		if (!bpf_map_lookup_elem(&watched, &parent_pid))
			return 0;
		if (bpf_map_update_elem(&watched, &pid, &one, BPF_ANY))
			emit_failed(FAILURE_WATCH);
	}
	if (!scope_admits(child, pid, &cgroup, SLOT_ATOMIC) || parent_pid == settings.self)
		return 0;
	record = emit_reserve(life, KIND_fork, struct fork_record);
	if (!record)
		return 0;
	task_describe(&record->record, KIND_fork, sizeof(*record), child, cgroup);
	record->parent_pid = parent_pid;
	record->parent_start = task_start(parent);
	record->parent_tid = bpf_get_current_pid_tgid();
	bpf_probe_read_kernel(record->name, sizeof(record->name), child->comm);
	emit_submit(life, record);
	return 0;
}

/* One page of arguments, to an offset in the scratch. A function of its own so that the verifier looks at it once. */
__noinline u32 exec_page(u64 from, u64 at, u32 cpu)
{
	u8 *bytes = bpf_map_lookup_elem(&exec_scratches, &cpu);

	barrier_var(at);
	if (!bytes || at > EXEC_SCRATCH - 4096)
		return 0;
	return !bpf_probe_read_user(bytes + at, 4096, (void *)from);
}

/* Bytes of whole pages that could be read, up to `length`. */
__noinline u32 exec_pages(u64 from, u64 at, u64 length, u32 cpu)
{
	u64 done = 0;

	for (int i = 0; i < ARGUMENTS_MAX / 4096 && done + 4096 <= length; i++) {
		if (!exec_page(from + done, at + done, cpu))
			break;
		done += 4096;
	}
	return done;
}

/* All arguments at once; if a page of them is out, as many pages as can be read. */
static __always_inline u64 add_arguments(u8 *bytes, u64 at, struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long full = BPF_CORE_READ(mm, arg_end) - start;
	struct record_string *string;
	u64 length = full > ARGUMENTS_MAX ? ARGUMENTS_MAX : full;

	barrier_var(at);
	if (at > SCRATCH_LIMIT)
		return at;
	string = (void *)(bytes + at);
	barrier_var(length);
	if (length > ARGUMENTS_MAX)
		length = ARGUMENTS_MAX;
	if (bpf_probe_read_user(string + 1, length, (void *)start)) {
		length = exec_pages(start, at + sizeof(*string), length, bpf_get_smp_processor_id());
		emit_failed(FAILURE_ARGUMENTS);
	}
	string->length = length;
	string->full = full;
	return scratch_pad(at, length);
}

static __always_inline int on_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	u32 tid = bpf_get_current_pid_tgid();
	u32 cpu = bpf_get_smp_processor_id();
	struct exec_record *record;
	struct path_view view;
	struct dentry *dentry;
	struct file *file;
	u64 cgroup, *before, lag = clock_lag(task);
	u8 *bytes;
	u64 at;

	if (!scope_admits(task, bpf_get_current_pid_tgid() >> 32, &cgroup, SLOT_ATOMIC))
		return 0;
	bytes = bpf_map_lookup_elem(&exec_scratches, &cpu);
	if (!bytes)
		return 0;
	record = (void *)bytes;
	describe_exec(record, task, cgroup);
	before = bpf_map_lookup_elem(&capabilities_before, &tid);
	if (before) {
		record->capabilities_gained = record->capabilities & ~*before;
		bpf_map_delete_elem(&capabilities_before, &tid);
	}
	file = BPF_CORE_READ(task, mm, exe_file);
	dentry = BPF_CORE_READ(file, f_path.dentry);
	record->inode = BPF_CORE_READ(dentry, d_inode, i_ino);
	record->runtime_ns = BPF_CORE_READ(task, signal, sum_sched_runtime) + BPF_CORE_READ(task, se.sum_exec_runtime) + lag;
	record->argument_count = BPF_CORE_READ(bprm, argc);
	if (dentry == BPF_CORE_READ(dentry, d_parent))
		record->flags |= EXEC_MEMFD;
	if (path_is_deleted(dentry))
		record->flags |= EXEC_DELETED;
	if (BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		record->flags |= EXEC_SCRIPT;

	at = sizeof(*record);
	path_view_of(&view, dentry, BPF_CORE_READ(file, f_path.mnt), SLOT_ATOMIC);
	at = scratch_add(bytes, at, view.bytes, view.length, view.length + view.cut);
	at = scratch_add_text(bytes, at, BPF_CORE_READ(bprm, filename), false);
	at = add_directory(bytes, at, task, SLOT_ATOMIC);
	at = add_terminal(bytes, at, task);
	at = scratch_add_text(bytes, at, task->comm, false);
	at = add_arguments(bytes, at, BPF_CORE_READ(task, mm));
	barrier_var(at);
	if (at > EXEC_SCRATCH)
		at = EXEC_SCRATCH;
	record->record.size = at;
	emit_always(life, KIND_exec, bytes, at);
	return 0;
}

/* 6.10 and later: before the credentials change, with the new ones at hand. */
static __always_inline int on_prepare_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	u64 before = task_capabilities(BPF_CORE_READ(task, cred));
	u64 after = task_capabilities(BPF_CORE_READ(bprm, cred));
	u32 tid = bpf_get_current_pid_tgid();

	if (after & ~before)
		bpf_map_update_elem(&capabilities_before, &tid, &before, BPF_ANY);
	return 0;
}

/* Before 6.10: an exec renames its task before it changes credentials. A rename by the program itself does no harm. */
static __always_inline int on_rename(struct task_struct *task)
{
	u64 before = task_capabilities(BPF_CORE_READ(task, cred));
	u32 tid = bpf_get_current_pid_tgid();

	if (~before & 0x1ffffffffULL)
		bpf_map_update_elem(&capabilities_before, &tid, &before, BPF_ANY);
	else
		bpf_map_delete_elem(&capabilities_before, &tid);
	return 0;
}

/* Tasks that were there before sonde; user space adds from /proc what strings it wants. */
SEC("iter/task")
int existing_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct exec_record record;
	struct cgroup_place place;
	u32 slot;

	if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	cgroup_of(&place, task);
	slot = scratch_take();
	if (slot)
		cgroup_verdict(&place, slot);
	scratch_release(slot);
	describe_exec(&record, task, place.key);
	record.record.flags = RECORD_EXISTING;
	record.record.size = sizeof(record);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int fork_btf(u64 *ctx)
{
	return on_fork((void *)ctx[1]);
}

SEC("raw_tp/sched_process_fork")
int fork_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_fork((void *)ctx->args[1]);
}

SEC("tp_btf/sched_process_exec")
int exec_btf(u64 *ctx)
{
	return on_exec((void *)ctx[0], (void *)ctx[2]);
}

SEC("raw_tp/sched_process_exec")
int exec_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_exec((void *)ctx->args[0], (void *)ctx->args[2]);
}

SEC("tp_btf/sched_prepare_exec")
int prepare_exec_btf(u64 *ctx)
{
	return on_prepare_exec((void *)ctx[0], (void *)ctx[1]);
}

SEC("tp_btf/task_rename")
int rename_btf(u64 *ctx)
{
	return on_rename((void *)ctx[0]);
}

SEC("raw_tp/task_rename")
int rename_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return on_rename((void *)ctx->args[0]);
}

char LICENSE[] SEC("license") = "GPL";
