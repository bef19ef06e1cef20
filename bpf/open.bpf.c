// SPDX-License-Identifier: GPL-2.0
/*
 * Files opened, seen as the system call ends: the new descriptor leads to the file and so to the path the kernel
 * resolved; of a failed call the name that was asked for is still where the caller has it. One body serves every rung.
 * Opens that come another way (io_uring, 32-bit programs) are seen where a rung has a hook further inside.
 */
#include "lib/calls.h"
#define DIRECT_IS_KNOWN
#include "lib/direct.h"
#include "lib/path.h"
#include "lib/scope.h"
#include "lib/scratch.h"
#include "../wire/open.h"

/* These are the call's and do not stay with the file. */
#define FLAGS_OF_CALL (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

struct asked {
	u32 flags;
	const char *name;
};

/* What the call was asked for. */
static __always_inline void read_call(struct asked *asked, const void *registers)
{
	struct user_registers regs;
	u64 flags = 0;

	bpf_probe_read_kernel(&regs, sizeof(regs), registers);
	switch (regs.orig_ax) {
	case CALL_open:
		flags = regs.si;
		asked->name = (void *)regs.di;
		break;
	case CALL_creat:
		flags = O_CREAT | O_WRONLY | O_TRUNC;
		asked->name = (void *)regs.di;
		break;
	case CALL_openat:
		flags = regs.dx;
		asked->name = (void *)regs.si;
		break;
	case CALL_openat2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)regs.dx);
		asked->name = (void *)regs.si;
		break;
	case CALL_open_by_handle_at:
		flags = regs.dx;
		asked->name = NULL;
		break;
	default:
		asked->name = NULL;
	}
	asked->flags = flags;
}

static __always_inline u64 add_file(struct open_record *record, u8 *bytes, u64 at, struct file *file, u32 slot)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct path_view view;

	record->flags |= BPF_CORE_READ(file, f_flags);
	record->inode = BPF_CORE_READ(inode, i_ino);
	record->mode = BPF_CORE_READ(inode, i_mode);
	record->size = BPF_CORE_READ(inode, i_size);
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		record->state |= OPEN_CREATED;
	if (path_is_deleted(dentry))
		record->state |= OPEN_DELETED;
	path_view_of(&view, dentry, BPF_CORE_READ(file, f_path.mnt), slot);
	return scratch_add(bytes, at, view.bytes, view.length, view.length + view.cut);
}

/* What a failed call asked for; that it could not be read may be just what failed. */
static __always_inline u64 add_asked(u8 *bytes, u64 at, const char *name, s64 result)
{
	char first;

	if (result != -EFAULT && name && bpf_probe_read_user(&first, 1, name))
		emit_failed(FAILURE_NAME);
	return scratch_add_text(bytes, at, name, true);
}

static __always_inline void send(u8 *bytes, struct open_record *record, u64 at)
{
	barrier_var(at);
	if (at > SCRATCH_SIZE)
		at = SCRATCH_SIZE;
	record->record.size = at;
	emit_copy(bulk, KIND_open, bytes, at);
}

static __always_inline struct open_record *begin(u8 *bytes, struct task_struct *task, u64 cgroup)
{
	struct open_record *record = (void *)bytes;

	task_describe(&record->record, KIND_open, 0, task, cgroup);
	record->inode = 0;
	record->size = 0;
	record->error = 0;
	record->descriptor = -1;
	record->flags = 0;
	record->mode = 0;
	record->state = 0;
	record->padding = 0;
	return record;
}

static __always_inline int on_call(const void *registers, s64 result, u32 slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct asked asked;
	struct open_record *record;
	struct file *file;
	u64 cgroup, at = sizeof(*record);
	u8 *bytes;

	if (!scope_admits_current(&cgroup, slot))
		return 0;
	bytes = scratch_get(slot);
	if (!bytes)
		return 0;
	record = begin(bytes, task, cgroup);
	read_call(&asked, registers);
	if (result < 0) {
		record->error = call_error(result);
		record->flags = asked.flags;
		at = scratch_add(bytes, at, NULL, 0, 0);
		at = add_asked(bytes, at, asked.name, result);
	} else {
		record->descriptor = result;
		record->flags = asked.flags & FLAGS_OF_CALL;
		file = descriptor_file(task, result);
		at = add_file(record, bytes, at, file, slot);
		at = scratch_add(bytes, at, NULL, 0, 0);
	}
	send(bytes, record, at);
	return 0;
}

/* For programs that can be preempted. */
static __always_inline u32 take(void)
{
	u32 slot;

	if (!scope_has_process(bpf_get_current_pid_tgid() >> 32))
		return 0;
	slot = scratch_take();
	if (!slot && emit_begin(KIND_open, false))
		emit_lost(KIND_open, LOSS_SCRATCH_BUSY);
	return slot;
}

static __always_inline int on_call_preemptible(const void *registers, s64 result)
{
	u32 slot = take();

	if (slot) {
		on_call(registers, result, slot);
		scratch_release(slot);
	}
	return 0;
}

/* Is the current task about something that the hooks of 64-bit system calls do not see? */
static __always_inline bool comes_another_way(struct task_struct *task)
{
	u32 flags = BPF_CORE_READ(task, flags);
	struct user_registers regs;

	if (flags & PF_KTHREAD)
		return false;
	if (flags & PF_IO_WORKER || call_is_compat(task))
		return true;
	regs_of(&regs, task);
	return regs.orig_ax == CALL_io_uring_enter;
}

/* `file` is open, or `error` says why not. */
static __always_inline int on_other(struct file *file, s32 error, const char *name, u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct open_record *record;
	u64 cgroup, at = sizeof(*record);
	u8 *bytes;
	u32 slot;

	if (!comes_another_way(task))
		return 0;
	if ((file ? BPF_CORE_READ(file, f_flags) : flags) & FMODE_EXEC)
		return 0;
	slot = take();
	bytes = slot ? scratch_get(slot) : NULL;
	if (!bytes)
		return 0;
	if (scope_admits_current(&cgroup, slot)) {
		record = begin(bytes, task, cgroup);
		record->error = error;
		if (file) {
			at = add_file(record, bytes, at, file, slot);
			at = scratch_add(bytes, at, NULL, 0, 0);
		} else {
			record->flags = flags;
			at = scratch_add(bytes, at, NULL, 0, 0);
			at = scratch_add_text(bytes, at, name, false);
		}
		send(bytes, record, at);
	}
	scratch_release(slot);
	return 0;
}

/* Every way a file is opened comes by here; but only those that succeed, and not those with O_PATH. */
SEC("lsm/file_open")
int open_lsm(u64 *ctx)
{
	return on_other((void *)ctx[0], 0, NULL, 0);
}

/* do_filp_open(dfd, name, flags), in which all but the opening by handle end, and what it is called since 7.0. */
static __always_inline int on_inner(u64 *ctx)
{
	struct filename *name = (void *)ctx[1];
	struct open_flags *flags = (void *)ctx[2];
	s64 result = ctx[3];

	if (result == -EAGAIN) /* io_uring tries without waiting first, then has a worker do it */
		return 0;
	if (result < 0 && result > -4096)
		return on_other(NULL, result, BPF_CORE_READ(name, name), BPF_CORE_READ(flags, open_flag));
	return on_other((void *)result, 0, NULL, 0);
}

SEC("fexit/do_filp_open")
int open_inner(u64 *ctx)
{
	return on_inner(ctx);
}

SEC("fexit/do_file_open")
int open_inner_newer(u64 *ctx)
{
	return on_inner(ctx);
}

SEC("fexit/__x64_sys_open")
int open_fexit_open(u64 *ctx)
{
	return on_call_preemptible((void *)ctx[0], ctx[1]);
}

SEC("fexit/__x64_sys_creat")
int open_fexit_creat(u64 *ctx)
{
	return on_call_preemptible((void *)ctx[0], ctx[1]);
}

SEC("fexit/__x64_sys_openat")
int open_fexit_openat(u64 *ctx)
{
	return on_call_preemptible((void *)ctx[0], ctx[1]);
}

SEC("fexit/__x64_sys_openat2")
int open_fexit_openat2(u64 *ctx)
{
	return on_call_preemptible((void *)ctx[0], ctx[1]);
}

SEC("fexit/__x64_sys_open_by_handle_at")
int open_fexit_handle(u64 *ctx)
{
	/* Not ctx[0]: in the BTF of 5.10 this one function's pt_regs is only declared, so its pointer may not be loaded. */
	return on_call_preemptible(regs_at((void *)bpf_get_current_task()), ctx[1]);
}

SEC("kretprobe/__x64_sys_openat")
int open_return(struct user_registers *ctx)
{
	return on_call(regs_at((void *)bpf_get_current_task()), ctx->ax, SLOT_ATOMIC);
}

/* Runs at the end of every system call of every process, so what it does for the others counts. */
SEC("tp_btf/sys_exit")
int open_exit(u64 *ctx)
{
	struct pt_regs *registers = (void *)ctx[0];

	switch (registers->orig_ax) {
	case CALL_open:
	case CALL_creat:
	case CALL_openat:
	case CALL_openat2:
	case CALL_open_by_handle_at:
		if (!call_is_compat((void *)bpf_get_current_task()))
			on_call(registers, ctx[1], SLOT_ATOMIC);
	}
	return 0;
}

/*
 * The same at a third of the price, for the open that succeeds and has a path of usual length: plain loads, what is known
 * of the thread kept from its last open on this CPU, and the record written straight in front of the path.
 */
struct opener {
	u64 thread;		/* pid_tgid and birth: who it is */
	u64 birth;
	void *set;		/* and where it is: a thread keeps its css_set while its control groups stay the same */
	u64 start;		/* what a record says of it */
	u64 cgroup;
	u32 verdict;
	u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct opener);
} openers SEC(".maps");

__noinline u32 open_meet(u64 thread)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup_place place;
	u32 zero = 0;
	struct opener *opener = bpf_map_lookup_elem(&openers, &zero);

	if (!opener)
		return 0;
	opener->thread = thread;
	opener->birth = BPF_CORE_READ(task, start_boottime);
	opener->set = BPF_CORE_READ(task, cgroups);
	opener->start = task_start(task);
	cgroup_of(&place, task);
	opener->cgroup = place.key;
	opener->verdict = cgroup_verdict(&place, SLOT_ATOMIC);
	return 0;
}

static __always_inline bool user_in_scope(const struct cred *cred)
{
	return settings.scope != SCOPE_USER || cred->uid.val == settings.scope_uid ||
	       cred->euid.val == settings.scope_uid;
}

#define QUICK_COMPONENTS 10
#define QUICK_LENGTH 200

/*
 * Writes the path to the end of the buffer, from buffer->at; false if that takes the thorough way. The offset goes through
 * memory so that the verifier forgets what it was: then each turn of the loop looks to it like the last.
 */
static __always_inline bool quick_path(struct path_buffer *buffer, struct file *file, struct task_struct *task)
{
	struct fs_struct *fs = task->fs;
	struct dentry *dentry = file->f_path.dentry, *root = fs->root.dentry;
	struct vfsmount *vfsmount = file->f_path.mnt, *root_mount = fs->root.mnt;
	u64 at, length;

	buffer->at = PATH_SIZE;
#pragma clang loop unroll(disable)
	for (int i = 0; i < QUICK_COMPONENTS; i++) {
		struct dentry *parent = dentry->d_parent;

		if (dentry == root && vfsmount == root_mount)
			return true;
		if (dentry == vfsmount->mnt_root) {
			struct mount *mount = DIRECT(struct mount, (void *)vfsmount -
						     bpf_core_field_offset(struct mount, mnt));
			struct mount *above = mount->mnt_parent;

			if (above == mount)
				return false;
			dentry = mount->mnt_mountpoint;
			vfsmount = DIRECT(struct vfsmount, (void *)above + bpf_core_field_offset(struct mount, mnt));
			continue;
		}
		length = dentry->d_name.len & (NAME_SIZE - 1);
		barrier();
		at = buffer->at - length - 1;
		barrier_var(at);
		if (dentry == parent || at >= PATH_SIZE)
			return false;
		buffer->at = at;
		buffer->bytes[at] = '/';
		bpf_probe_read_kernel(&buffer->bytes[at + 1], length, dentry->d_name.name);
		dentry = parent;
	}
	return false;
}

static __always_inline u32 quick_flags(struct pt_regs *registers)
{
	u64 flags;

	switch (registers->orig_ax) {
	case CALL_open:
		return registers->si;
	case CALL_creat:
		return O_CREAT | O_WRONLY | O_TRUNC;
	case CALL_openat2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)registers->dx);
		return flags;
	default:
		return registers->dx;
	}
}

static __always_inline bool quick_open(struct task_struct *task, struct pt_regs *registers, u32 descriptor,
				       struct opener *opener)
{
	struct file **files = task->files->fdt->fd, *file;
	const struct cred *cred = task->cred;
	struct path_buffer *buffer;
	struct record_string *string;
	struct open_record *record;
	u64 length, padding, at;
	u32 zero = 0;

	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	file = DIRECT(struct file, file);
	buffer = bpf_map_lookup_elem(&paths, &zero);
	if (!buffer || !quick_path(buffer, file, task))
		return false;
	barrier();
	length = PATH_SIZE - buffer->at;
	barrier_var(length);
	if (length > QUICK_LENGTH)
		return false;
	barrier_var(length); /* two checks made into one would be of another register than the one that is used */
	if (!length)
		return false;
	at = PATH_SIZE - length - sizeof(*string) - sizeof(*record);
	barrier_var(at);
	record = (void *)&buffer->bytes[at];
	string = (void *)(record + 1);
	string->length = length;
	string->full = length;
	record->record.kind = KIND_open;
	record->record.flags = 0;
	record->record.time = bpf_ktime_get_boot_ns();
	record->record.start = opener->start;
	record->record.pid = opener->thread >> 32;
	record->record.tid = opener->thread;
	record->record.uid = cred->euid.val;
	record->record.gid = cred->egid.val;
	record->record.cgroup = opener->cgroup;
	record->inode = file->f_inode->i_ino;
	record->size = file->f_inode->i_size;
	record->error = 0;
	record->descriptor = descriptor;
	record->flags = file->f_flags | (quick_flags(registers) & FLAGS_OF_CALL);
	record->mode = file->f_inode->i_mode;
	record->state = file->f_mode & FMODE_CREATED ? OPEN_CREATED : 0;
	if (!file->f_path.dentry->d_hash.pprev && file->f_path.dentry->d_parent != file->f_path.dentry)
		record->state |= OPEN_DELETED;
	record->padding = 0;
	padding = -length & 7;
	string = (void *)&buffer->bytes[PATH_SIZE + padding];
	string->length = 0;
	string->full = 0;
	length += sizeof(*record) + 2 * sizeof(*string) + padding;
	record->record.size = length;
	emit_copy(bulk, KIND_open, record, length);
	return true;
}

static __always_inline int on_exit_quick(struct pt_regs *registers, s64 result)
{
	struct task_struct *task = DIRECT(struct task_struct, bpf_get_current_task());
	u64 thread = bpf_get_current_pid_tgid();
	struct opener *opener;
	u32 zero = 0;

	if (task->thread_info.status & TS_COMPAT || !scope_has_process(thread >> 32) || !user_in_scope(task->cred))
		return 0;
	opener = bpf_map_lookup_elem(&openers, &zero);
	if (!opener)
		return 0;
	if (opener->thread != thread || opener->birth != task->start_boottime || opener->set != task->cgroups)
		open_meet(thread);
	if (settings.scope == SCOPE_CGROUP && !(opener->verdict & CGROUP_IN_SCOPE))
		return 0;
	if (result < 0 || !quick_open(task, registers, result, opener))
		on_call(registers, result, SLOT_ATOMIC);
	return 0;
}

SEC("tp_btf/sys_exit")
int open_exit_quick(u64 *ctx)
{
	struct pt_regs *registers = (void *)ctx[0];

	switch (registers->orig_ax) {
	case CALL_open:
	case CALL_creat:
	case CALL_openat:
	case CALL_openat2:
	case CALL_open_by_handle_at:
		on_exit_quick(registers, ctx[1]);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
