// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of names and attributes of files, seen as the system call ends, so with its result. One body serves all calls
 * on every rung: a table says, by the call's number, what it does and which registers hold its arguments. Names are put
 * behind the directory they start from, as the kernel knows it; that also holds for what is gone by now.
 */
#include "lib/calls.h"
#include "lib/path.h"
#include "lib/scope.h"
#include "lib/scratch.h"
#include "../wire/change.h"

#define REGISTER(name) (offsetof(struct user_registers, name) / 8 + 1)
#define REGISTER_none 0
#define REGISTER_di REGISTER(di)
#define REGISTER_si REGISTER(si)
#define REGISTER_dx REGISTER(dx)
#define REGISTER_r10 REGISTER(r10)
#define REGISTER_r8 REGISTER(r8)

/* A call's shape; the rest are registers that hold its arguments, 0: it has none. */
struct change_call {
	u8 operation;
	u8 directory, path;
	u8 other_directory, other_path;
	u8 first, second;
	u8 padding;
};

#define CALLS_MAX 512

/* In a section of its own: .rodata is the settings'. */
static SEC(".rodata.calls") const volatile struct change_call change_calls[CALLS_MAX] = {
#define CALL(name, number, operation, directory, path, other_directory, other_path, first, second)              \
	[number] = { CHANGE_##operation, REGISTER_##directory, REGISTER_##path, REGISTER_##other_directory, \
		     REGISTER_##other_path, REGISTER_##first, REGISTER_##second, 0 },
#include "../wire/calls.def"
#undef CALL
};

/* The user's register of that number. */
static __always_inline u64 argument(const void *registers, u8 number)
{
	u64 value = 0;

	if (number)
		bpf_probe_read_kernel(&value, sizeof(value), registers + (number - 1) * 8);
	return value;
}

/* A name, or 0 if the call has none; a null pointer is not that. */
static __always_inline u64 name_argument(const void *registers, u8 number)
{
	u64 name = argument(registers, number);

	return number && !name ? 1 : name;
}

/*
 * Appends directory and name as one string. How much of it is the directory's goes to resolved[which]. A function of its
 * own so that the verifier looks at it once; `at` is an offset in the slot's scratch.
 */
__noinline u32 change_join(u32 offset, u64 name, u32 directory, u32 which, u32 slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u8 *bytes = scratch_get(slot);
	struct change_record *record = (void *)bytes;
	struct record_string *string;
	struct path_view view = {};
	u64 at = offset, length = 0;
	struct file *file;
	char first = 0;
	long got = 0;

	if (!bytes || at > SCRATCH_LIMIT)
		return at;
	string = (void *)(bytes + at);
	if (name)
		bpf_probe_read_user(&first, 1, (void *)name);
	if (first != '/') {
		if (directory == (u32)AT_FDCWD) {
			path_view_of(&view, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt), slot);
		} else {
			file = descriptor_file(task, directory);
			path_view_of(&view, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), slot);
		}
		length = view.length;
		barrier_var(length);
		if (length > PATH_SIZE)
			length = PATH_SIZE;
		if (view.bytes)
			bpf_probe_read_kernel(string + 1, length, view.bytes);
	}
	record->resolved[which & 1] = length;
	string->full = view.cut;
	at += sizeof(*string) + length;
	barrier_var(at);
	if (name && at <= SCRATCH_LIMIT) {
		if (length) {
			bytes[at++] = '/';
			length++;
		}
		got = bpf_probe_read_user_str(bytes + at, PATH_SIZE, (void *)name);
		if (got > 0 && got <= PATH_SIZE)
			length += got - 1;
		else
			length = 0;
		if (got < 0 && record->error != -EFAULT)
			emit_failed(FAILURE_NAME);
	} else if (name) {
		string->full++;
	}
	string->length = length;
	string->full += length;
	return scratch_pad(offset, length);
}

static __always_inline u64 open_flags(u64 number, const void *registers, const volatile struct change_call *call)
{
	u64 flags = argument(registers, call->first);

	if (number == CALL_creat)
		return O_CREAT | O_TRUNC;
	if (number == CALL_openat2)
		bpf_probe_read_user(&flags, sizeof(flags), (void *)flags);
	return flags;
}

/* What an open did to the file besides opening it. False: nothing. */
static __always_inline bool opened(struct change_record *record, struct file *file, u64 flags)
{
	u32 mode = BPF_CORE_READ(file, f_inode, i_mode);

	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED) {
		record->operation = CHANGE_CREATE;
		record->mode = mode;
		return true;
	}
	if (!(flags & O_TRUNC) || (mode & S_IFMT) != S_IFREG || (BPF_CORE_READ(file, f_flags) & O_PATH))
		return false;
	record->operation = CHANGE_TRUNCATE;
	return true;
}

static __always_inline void describe_values(struct change_record *record, u64 first, u64 second)
{
	switch (record->operation) {
	case CHANGE_UNLINK:
		if (first & AT_REMOVEDIR)
			record->operation = CHANGE_RMDIR;
		break;
	case CHANGE_RENAME:
		if (first & RENAME_EXCHANGE)
			record->operation = CHANGE_EXCHANGE;
		break;
	case CHANGE_MKDIR:
	case CHANGE_CHMOD:
	case CHANGE_MKNOD:
		record->mode = first;
		break;
	case CHANGE_TRUNCATE:
		record->size = first;
		break;
	case CHANGE_CHOWN:
		record->uid = first;
		record->gid = second;
	}
}

static __always_inline struct change_record *begin(u8 *bytes, struct task_struct *task, u64 cgroup)
{
	struct change_record *record = (void *)bytes;

	__builtin_memset(record, 0, sizeof(*record));
	task_describe(&record->record, KIND_change, 0, task, cgroup);
	record->uid = ~0U;
	record->gid = ~0U;
	return record;
}

static __always_inline void send(u8 *bytes, struct change_record *record, u64 at)
{
	barrier_var(at);
	if (at > SCRATCH_SIZE)
		at = SCRATCH_SIZE;
	record->record.size = at;
	emit_copy(bulk, KIND_change, bytes, at);
}

static __always_inline int on_call(const void *registers, u64 number, s64 result, u32 slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const volatile struct change_call *call;
	struct change_record *record;
	u64 cgroup, flags = 0, directory, at = sizeof(*record);
	struct file *file = NULL;
	struct path_view view;
	u8 *bytes;

	if (number >= CALLS_MAX)
		return 0;
	call = &change_calls[number];
	if (call->operation == CHANGE_CREATE) {
		flags = result < 0 ? 0 : open_flags(number, registers, call);
		if (!(flags & (O_CREAT | O_TRUNC)))
			return 0;
		file = descriptor_file(task, result);
	}
	if (!call->operation || !scope_admits_current(&cgroup, slot))
		return 0;
	bytes = scratch_get(slot);
	if (!bytes)
		return 0;
	record = begin(bytes, task, cgroup);
	record->operation = call->operation;
	record->error = call_error(result);
	if (file) {
		if (!opened(record, file, flags))
			return 0;
		path_view_of(&view, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), slot);
		record->resolved[CHANGE_PATH] = view.length;
		at = scratch_add(bytes, at, view.bytes, view.length, view.length + view.cut);
		at = scratch_add(bytes, at, NULL, 0, 0);
		send(bytes, record, at);
		return 0;
	}
	describe_values(record, argument(registers, call->first), argument(registers, call->second));
	directory = call->directory ? argument(registers, call->directory) : AT_FDCWD;
	at = change_join(at, name_argument(registers, call->path), directory, CHANGE_PATH, slot);
	if (record->operation == CHANGE_SYMLINK) {
		at = scratch_add_text(bytes, at, (void *)argument(registers, call->other_path), true);
	} else if (call->other_path) {
		directory = call->other_directory ? argument(registers, call->other_directory) : AT_FDCWD;
		at = change_join(at, name_argument(registers, call->other_path), directory, CHANGE_OTHER, slot);
	} else {
		at = scratch_add(bytes, at, NULL, 0, 0);
	}
	send(bytes, record, at);
	return 0;
}

static __always_inline int on_return(s64 result)
{
	const void *registers = regs_at((void *)bpf_get_current_task());

	return on_call(registers, argument(registers, REGISTER(orig_ax)), result, SLOT_ATOMIC);
}

SEC("kretprobe.multi/__x64_sys_unlink")
int change_return_multi(struct user_registers *ctx)
{
	return on_return(ctx->ax);
}

SEC("kretprobe/__x64_sys_unlink")
int change_return(struct user_registers *ctx)
{
	return on_return(ctx->ax);
}

/* Runs at the end of every system call of every process, so what it does for the others counts. */
SEC("tp_btf/sys_exit")
int change_exit(u64 *ctx)
{
	struct pt_regs *registers = (void *)ctx[0];
	u64 number = registers->orig_ax;

	if (number < CALLS_MAX && change_calls[number].operation && !call_is_compat((void *)bpf_get_current_task()))
		on_call(registers, number, ctx[1], SLOT_ATOMIC);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
