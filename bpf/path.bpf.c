// SPDX-License-Identifier: GPL-2.0
/*
 * A path from a dentry up to the root of the current task's view, across mounts, written from the end of a buffer towards its
 * beginning. It is what /proc/PID/fd shows, without " (deleted)". It works on every rung and kernel, where
 * bpf_d_path() is allowed to few programs. A path that is not below the task's root is shown from the mount's root.
 * Files that never were in a directory (memfd) have just their name. Without a mount it is the path within the file system.
 * A pipe is called pipe:[INODE]; what else is in no directory and has no name (a namespace) has no path.
 */
#include "lib/path.h"

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFIFO 0010000

/* A deeper path is cut at its beginning, and marked. */
#define PATH_STRIDES 16
#define PATH_STRIDE 32

static __always_inline struct mount *mount_of(struct vfsmount *vfsmount)
{
	return (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

/* Puts the name of one component in front; false if there is no room. */
static __always_inline bool path_add(struct path_buffer *buffer, struct dentry *dentry)
{
	u64 length = BPF_CORE_READ(dentry, d_name.len) & (NAME_SIZE - 1);
	u64 at = buffer->at - length - 1;

	barrier_var(at); /* the register that is checked must be the one that is used */
	if (at >= PATH_SIZE)
		return false;
	buffer->at = at;
	buffer->bytes[at] = '/';
	bpf_probe_read_kernel(&buffer->bytes[at + 1], length, BPF_CORE_READ(dentry, d_name.name));
	return true;
}

/* Pipes have no letter for a name, namespaces a slash, as roots do. */
static __always_inline bool has_name(struct dentry *dentry)
{
	char first = '/';

	if (BPF_CORE_READ(dentry, d_name.len))
		bpf_probe_read_kernel(&first, 1, BPF_CORE_READ(dentry, d_name.name));
	return first != '/';
}

/* Nothing was put in front: it is the root itself, or it is in no directory. */
static __always_inline u32 path_nameless(struct path_buffer *buffer)
{
	struct dentry *dentry = buffer->dentry;
	u32 type = BPF_CORE_READ(dentry, d_inode, i_mode) & S_IFMT;
	u64 number = BPF_CORE_READ(dentry, d_inode, i_ino), at = PATH_SIZE - 1;

	if (type == S_IFIFO) {
		buffer->bytes[at] = ']';
		for (int i = 0; i < 20 && (number || !i); i++, number /= 10)
			buffer->bytes[--at & (PATH_SIZE - 1)] = '0' + number % 10;
		at = (at - 6) & (PATH_SIZE - 1);
		__builtin_memcpy(&buffer->bytes[at], "pipe:[", 6);
		return at;
	}
	if (type != S_IFDIR && dentry == BPF_CORE_READ(dentry, d_parent))
		return PATH_SIZE;
	buffer->bytes[at] = '/';
	return at;
}

/*
 * One component. True when the walk has ended. State lies in the buffer, not in registers, and the step is a function
 * of its own: the verifier looks at it once, where a loop around it inlined would take a million steps.
 */
__noinline u32 path_step(u32 slot)
{
	struct path_buffer *buffer = bpf_map_lookup_elem(&paths, &slot);
	struct dentry *dentry, *parent, *mount_root;
	struct mount *mount, *above;
	struct vfsmount *vfsmount;

	if (!buffer)
		return 1;
	dentry = buffer->dentry;
	vfsmount = buffer->mount;
	if (dentry == buffer->root_dentry && vfsmount == buffer->root_mount)
		return 1;
	parent = BPF_CORE_READ(dentry, d_parent);
	mount_root = BPF_CORE_READ(vfsmount, mnt_root);
	if (dentry == parent && !vfsmount)
		return 1;
	if (dentry == mount_root || dentry == parent) {
		mount = mount_of(vfsmount);
		above = BPF_CORE_READ(mount, mnt_parent);
		if (dentry != mount_root && !has_name(dentry) && buffer->at == PATH_SIZE)
			return 1;
		if (dentry != mount_root)
			return path_add(buffer, dentry) ? 1 : 1 | PATH_CUT;
		if (above == mount || !above)
			return 1;
		buffer->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		buffer->mount = vfsmount_of(above);
		return 0;
	}
	if (!path_add(buffer, dentry))
		return 1 | PATH_CUT;
	buffer->dentry = parent;
	return 0;
}

/* A loop within a loop costs the verifier the sum of their turns, not the product. */
__noinline u32 path_stride(u32 slot)
{
	u32 ended = 0;

	for (int i = 0; i < PATH_STRIDE && !ended; i++)
		ended = path_step(slot);
	return ended;
}

/* Where in the slot's buffer the path begins, PATH_SIZE: there is none; PATH_CUT is added if components are missing. */
__noinline u32 path_walk(u64 dentry, u64 mount, u32 slot)
{
	struct path_buffer *buffer = bpf_map_lookup_elem(&paths, &slot);
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 ended = 0;

	if (!buffer)
		return PATH_SIZE | PATH_CUT;
	buffer->at = PATH_SIZE;
	buffer->dentry = (void *)dentry;
	buffer->mount = (void *)mount;
	buffer->root_dentry = BPF_CORE_READ(task, fs, root.dentry);
	buffer->root_mount = BPF_CORE_READ(task, fs, root.mnt);
	for (int i = 0; i < PATH_STRIDES && !ended; i++)
		ended = path_stride(slot);
	if (buffer->at == PATH_SIZE)
		buffer->at = path_nameless(buffer);
	return buffer->at | (ended == 1 ? 0 : PATH_CUT);
}

char LICENSE[] SEC("license") = "GPL";
