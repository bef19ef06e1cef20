// SPDX-License-Identifier: GPL-2.0
/*
 * Puts together the record that a policy is decided on: who it is, and the values that the hook reads. Each step is a
 * function of its own, because inlined eight times over it would be more than the verifier wants to see.
 */
#include "lib/policy.h"
#include "lib/calls.h"

struct policy_snapshots_map policy_snapshots SEC(".maps");

/* From where a value begins to where it lies, member by member. 0: a pointer on the way leads nowhere. */
__noinline u64 policy_resolve(u32 which, u64 address)
{
	const volatile struct policy_source *source;
	u32 hop;

	barrier_var(which);
	if (which >= POLICY_VALUES)
		return 0;
	source = &policy.source[which];
	for (u32 i = 0; i < POLICY_HOPS; i++) {
		if (i >= source->hops)
			break;
		if (!address)
			return 0;
		hop = source->hop[i];
		address += hop & ~POLICY_FOLLOW;
		if (hop & POLICY_FOLLOW && policy_copy(&address, sizeof(address), address))
			return 0;
	}
	return address;
}

static __always_inline u64 widen(u64 number, u32 type)
{
	switch (type) {
	case READ_int8:
		return (s64)(signed char)number;
	case READ_int16:
		return (s64)(s16)number;
	case READ_int32:
		return (s64)(s32)number;
	case READ_uint8:
		return (u8)number;
	case READ_uint16:
		return (u16)number;
	case READ_uint32:
	case READ_capability:
	case READ_bpf_cmd:
		return (u32)number;
	}
	return number;
}

static __always_inline bool is_number(u32 type)
{
	return (type >= READ_int8 && type <= READ_uint64) || type == READ_capability || type == READ_bpf_cmd ||
	       type == READ_syscall64;
}

static __always_inline u64 load_number(u64 at, u32 width)
{
	u64 number = 0;

	switch (width) {
	case 1:
		policy_copy(&number, 1, at);
		break;
	case 2:
		policy_copy(&number, 2, at);
		break;
	case 4:
		policy_copy(&number, 4, at);
		break;
	default:
		policy_copy(&number, 8, at);
	}
	return number;
}

/* Where a value comes from, before its members are gone through. */
static __always_inline u64 origin(struct policy_scratch *scratch, const volatile struct policy_source *source)
{
	u32 index = source->index;

	switch (source->from) {
	case FROM_CALL_RESULT:
		return scratch->result;
	case FROM_CURRENT_TASK:
		return bpf_get_current_task();
	case FROM_CPU_REGISTER:
		barrier_var(index);
		return index < 21 ? scratch->registers[index] : 0;
	case FROM_RECORD_FIELD:
		return scratch->context;
	}
	barrier_var(index);
	return index < 8 ? scratch->parameter[index] : 0;
}

static __always_inline u64 size_of(struct policy_scratch *scratch, const volatile struct policy_source *source)
{
	u32 index = source->size_index;

	if (source->length)
		return source->length;
	if (!index) /* as long as the call says it was: what was read */
		return scratch->result > 0 ? scratch->result : 0;
	index--;
	barrier_var(index);
	return index < 8 ? scratch->parameter[index] : 0;
}

/* That of the directory which an entry is in; 0: none was named. */
static __always_inline u64 mount_for(struct policy_scratch *scratch, const volatile struct policy_source *source)
{
	u32 index = source->size_index;
	struct path *path;

	if (!index--)
		return 0;
	barrier_var(index);
	if (index >= 8)
		return 0;
	path = (void *)scratch->parameter[index];
	return (u64)BPF_CORE_READ(path, mnt);
}

/* Of an address: all functions that are given one have its length behind it. 0: it is not known. */
static __always_inline u64 length_behind(struct policy_scratch *scratch, const volatile struct policy_source *source)
{
	u32 index = source->size_index ? source->size_index - 1 : source->index + 1;

	if (source->from != FROM_CALL_PARAMETER || source->hops)
		return 0;
	barrier_var(index);
	return index < 8 ? scratch->parameter[index] : 0;
}

/* What the members lead to: the number there, which may be a pointer, or its address. */
static __always_inline u64 arrive(u32 which, const volatile struct policy_source *source, u64 address)
{
	if (!source->hops)
		return address;
	address = policy_resolve(which, address);
	if (!source->width || !address)
		return address;
	address = load_number(address, source->width) >> (source->shift & 63);
	return source->bits && source->bits < 64 ? address & ((1ULL << (source->bits & 63)) - 1) : address;
}

__noinline u32 policy_read_value(u32 slot, u32 which)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	const volatile struct policy_source *source;
	struct policy_record *record;
	struct policy_value *value;
	u64 address, set = 0;
	u32 type, done = 0;

	if (!scratch || which >= POLICY_VALUES)
		return 0;
	barrier_var(which);
	which &= POLICY_VALUES - 1;
	record = (void *)scratch->bytes;
	source = &policy.source[which];
	value = &record->value[which];
	type = source->type;
	address = arrive(which, source, origin(scratch, source));
	if (is_number(type)) {
		if (type == READ_syscall64 && call_is_compat((void *)bpf_get_current_task()))
			address |= 1U << 31;
		value->number = widen(address, type);
		policy_add_empty(slot);
		done = 1;
		goto out;
	}
	if (policy.stand_in && address && address <= GIVENS && (type == READ_path || type == READ_dentry)) {
		done = policy_read_given(slot, address - GIVEN(0));
		goto out;
	}
	switch (type) {
	case READ_string:
		done = policy_read_text(slot, address);
		break;
	case READ_filename:
		policy_copy(&address, sizeof(address), address + bpf_core_field_offset(struct filename, name));
		done = policy_read_text(slot, address);
		break;
	case READ_net_device:
		done = policy_read_text(slot, address + bpf_core_field_offset(struct net_device, name));
		break;
	case READ_data_loc:
		set = address;
		if (!source->width)
			policy_copy(&set, sizeof(u32), address);
		done = policy_read_text(slot, scratch->context + (set & 0xffff));
		break;
	case READ_const_buf:
		value->number = source->element;
		done = policy_read_bytes(slot, address, source->length);
		break;
	case READ_char_buf:
		done = policy_read_bytes(slot, address, size_of(scratch, source));
		break;
	case READ_char_iovec:
		done = policy_read_vector(slot, address, size_of(scratch, source));
		break;
	case READ_iov_iter:
		done = policy_read_iter(slot, address);
		break;
	case READ_fd:
		address = (s32)address < 0 ? 0 : (u64)descriptor_file((void *)bpf_get_current_task(), address);
		done = policy_read_file(slot, which, address);
		break;
	case READ_kiocb:
		policy_copy(&address, sizeof(address), address + bpf_core_field_offset(struct kiocb, ki_filp));
		done = policy_read_file(slot, which, address);
		break;
	case READ_linux_binprm:
		address = (u64)BPF_CORE_READ((struct linux_binprm *)address, file);
		done = policy_read_file(slot, which, address);
		break;
	case READ_file:
		done = policy_read_file(slot, which, address);
		break;
	case READ_path:
		set = address ? (u64)BPF_CORE_READ((struct path *)address, mnt) : 0;
		address = address ? (u64)BPF_CORE_READ((struct path *)address, dentry) : 0;
		done = policy_read_dentry(slot, which, address, set);
		break;
	case READ_dentry:
		done = policy_read_dentry(slot, which, address, mount_for(scratch, source));
		break;
	case READ_socket:
		address = address ? (u64)BPF_CORE_READ((struct socket *)address, sk) : 0;
		done = policy_read_sock(slot, which, address);
		policy_add_empty(slot);
		break;
	case READ_sock:
		done = policy_read_sock(slot, which, address);
		policy_add_empty(slot);
		break;
	case READ_skb:
		done = policy_read_skb(slot, which, address);
		policy_add_empty(slot);
		break;
	case READ_sockaddr:
		done = policy_read_address(slot, which, address);
		policy_add_empty(slot);
		break;
	case READ_sockaddr_un:
		done = policy_read_unix(slot, address, length_behind(scratch, source));
		break;
	case READ_cred:
		done = policy_read_cred(slot, which, address);
		policy_add_empty(slot);
		break;
	case READ_kernel_cap_t:
	case READ_cap_inheritable:
	case READ_cap_permitted:
	case READ_cap_effective:
		set = address; /* members may lead to the set itself */
		done = source->width || (address && !policy_copy(&set, sizeof(set), address));
		value->number = set;
		policy_add_empty(slot);
		break;
	default:
		done = policy_read_object(slot, which, address, type);
	}
out:
	if (done)
		record->present |= 1U << which;
	return done;
}

/* 0 in the first namespace, which all are in. */
static __always_inline u32 namespace_pid_of(struct task_struct *task, u32 *inum)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	u32 level = BPF_CORE_READ(pid, level), number = 0;
	struct pid_namespace *namespace = NULL;
	const void *upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			   level * bpf_core_type_size(struct upid);

	bpf_probe_read_kernel(&number, sizeof(number), upid + bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(&namespace, sizeof(namespace), upid + bpf_core_field_offset(struct upid, ns));
	if (inum)
		*inum = BPF_CORE_READ(namespace, ns.inum);
	return level ? number : 0;
}

/* Namespaces, ancestors and capabilities of the current process. */
__noinline u32 policy_describe(u32 slot, u32 needs)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct task_struct *task = (void *)bpf_get_current_task(), *ancestor;
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct policy_record *record;
	struct nsproxy *set;
	u32 *namespaces;

	if (!scratch)
		return 0;
	record = (void *)scratch->bytes;
	record->capabilities[0] = task_capabilities(cred);
	bpf_probe_read_kernel(&record->capabilities[1], 8, (void *)cred + bpf_core_field_offset(struct cred, cap_permitted));
	bpf_probe_read_kernel(&record->capabilities[2], 8,
			      (void *)cred + bpf_core_field_offset(struct cred, cap_inheritable));
	record->parent = BPF_CORE_READ(task, real_parent, tgid);
	record->namespace_pid = namespace_pid_of(task, &record->namespaces[POLICY_PID]);
	if (needs & POLICY_NEEDS_NAMESPACES) {
		namespaces = record->namespaces;
		set = BPF_CORE_READ(task, nsproxy);
		if (set) { /* not of one that is ending */
			namespaces[POLICY_UTS] = BPF_CORE_READ(set, uts_ns, ns.inum);
			namespaces[POLICY_IPC] = BPF_CORE_READ(set, ipc_ns, ns.inum);
			namespaces[POLICY_MNT] = BPF_CORE_READ(set, mnt_ns, ns.inum);
			namespaces[POLICY_PID_FOR_CHILDREN] = BPF_CORE_READ(set, pid_ns_for_children, ns.inum);
			namespaces[POLICY_NET] = BPF_CORE_READ(set, net_ns, ns.inum);
			namespaces[POLICY_CGROUP] = BPF_CORE_READ(set, cgroup_ns, ns.inum);
			if (bpf_core_field_exists(set->time_ns)) {
				namespaces[POLICY_TIME] = BPF_CORE_READ(set, time_ns, ns.inum);
				namespaces[POLICY_TIME_FOR_CHILDREN] = BPF_CORE_READ(set, time_ns_for_children, ns.inum);
			}
		}
		namespaces[POLICY_USER] = BPF_CORE_READ(cred, user_ns, ns.inum);
	}
	if (!(needs & POLICY_NEEDS_ANCESTORS))
		return 0;
	ancestor = task;
	for (u32 i = 0; i < POLICY_ANCESTORS; i++) {
		ancestor = BPF_CORE_READ(ancestor, real_parent);
		if (!BPF_CORE_READ(ancestor, pid))
			break;
		record->ancestors[i] = BPF_CORE_READ(ancestor, tgid);
		record->ancestor_namespace_pids[i] = namespace_pid_of(ancestor, NULL);
	}
	return 0;
}

/* Remembers the current process as the record describes it. */
__noinline u32 policy_keep(u32 slot)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct policy_snapshot snapshot;
	struct policy_record *record;
	u32 process;

	if (!scratch)
		return 0;
	record = (void *)scratch->bytes;
	process = record->record.pid;
	snapshot.start = record->record.start;
	__builtin_memcpy(snapshot.capabilities, record->capabilities, sizeof(snapshot.capabilities));
	__builtin_memcpy(snapshot.namespaces, record->namespaces, sizeof(snapshot.namespaces));
	bpf_map_update_elem(&policy_snapshots, &process, &snapshot, BPF_ANY);
	return 1;
}

/* What is other than as its program was started. Of a process that is older than the policy: as it was first seen. */
__noinline u32 policy_compare(u32 slot)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct policy_snapshot *snapshot;
	struct policy_record *record;
	u32 process;

	if (!scratch)
		return 0;
	record = (void *)scratch->bytes;
	process = record->record.pid;
	snapshot = bpf_map_lookup_elem(&policy_snapshots, &process);
	if (!snapshot || snapshot->start != record->record.start)
		return policy_keep(slot);
	for (u32 i = 0; i < 3; i++)
		record->changed_capabilities[i] = snapshot->capabilities[i] ^ record->capabilities[i];
	for (u32 i = 0; i < POLICY_NAMESPACES; i++)
		if (snapshot->namespaces[i] != record->namespaces[i])
			record->changed_namespaces |= 1U << i;
	return 1;
}

static __always_inline void add_program(u32 slot, struct task_struct *task, bool wanted)
{
	struct file *file = wanted ? BPF_CORE_READ(task, mm, exe_file) : NULL;

	if (file)
		policy_add_path(slot, (u64)BPF_CORE_READ(file, f_path.dentry), (u64)BPF_CORE_READ(file, f_path.mnt));
	else
		policy_add_empty(slot);
}

/* Puts the record together, strings as far as `needs` says; all else of it costs little. */
__noinline u32 policy_collect(u32 slot, u32 needs)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct policy_record *record;

	if (!scratch)
		return 0;
	record = (void *)scratch->bytes;
	__builtin_memset(record, 0, offsetof(struct policy_record, value));
	task_describe(&record->record, KIND_policy, 0, task, 0);
	record->values = policy.values;
	record->address = scratch->function;
	record->function = policy.function;
	record->at_return = policy.at_return;
	if (needs & (POLICY_NEEDS_ANCESTORS | POLICY_NEEDS_NAMESPACES | POLICY_NEEDS_CAPABILITIES | POLICY_NEEDS_CHANGES))
		policy_describe(slot, needs);
	if (needs & POLICY_NEEDS_CHANGES && policy.changes)
		policy_compare(slot);
	scratch->at = sizeof(*record);
	add_program(slot, task, needs & POLICY_NEEDS_PROGRAM);
	add_program(slot, BPF_CORE_READ(task, real_parent), needs & POLICY_NEEDS_PARENT);
	if (needs & POLICY_NEEDS_ANCESTOR_PROGRAMS)
		policy_add_ancestors(slot);
	else
		policy_add_empty(slot);
	for (u32 i = 0; i < POLICY_VALUES; i++) {
		__builtin_memset(&record->value[i], 0, sizeof(record->value[i]));
		if (i < policy.values && needs & POLICY_NEEDS_VALUE(i))
			policy_read_value(slot, i);
		else
			policy_add_empty(slot);
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
