// SPDX-License-Identifier: GPL-2.0
/*
 * What policies may read of an argument, a function for each sort. Each adds the value's string to the record, empty if it
 * has none, and fills its place in record->value. They are functions of their own that the verifier looks at once,
 * however many arguments a hook has.
 */
#include "lib/policy.h"
#include "lib/calls.h"
#include "lib/mapped.h"
#include "lib/net.h"

#define AF_UNIX 1
#define UNIX_PATH 107
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

struct policy_scratch_map policy_scratches SEC(".maps");
struct policy_sockets_map policy_sockets SEC(".maps");

/* Where the next string begins; NULL if there is no room for its head even. */
static __always_inline struct record_string *begin(struct policy_scratch *scratch)
{
	u64 at = scratch->at;

	barrier_var(at);
	if (at > POLICY_AREA - sizeof(struct record_string))
		return NULL;
	return (void *)&scratch->bytes[at];
}

/* The bytes behind the head of a string; NULL if it does not fit. */
static __always_inline u8 *room(struct policy_scratch *scratch)
{
	u64 at = scratch->at;

	barrier_var(at);
	if (at > POLICY_LIMIT)
		return NULL;
	return &scratch->bytes[at + sizeof(struct record_string)];
}

static __always_inline u32 end(struct policy_scratch *scratch, u64 length, u64 full)
{
	struct record_string *string = begin(scratch);

	if (!string)
		return 0;
	string->length = length;
	string->full = full > ~0U ? ~0U : full;
	scratch->at = scratch_pad(scratch->at, length);
	return 1;
}

static __always_inline struct policy_value *value_at(struct policy_scratch *scratch, u32 which)
{
	struct policy_record *record = (void *)scratch->bytes;

	which &= POLICY_VALUES - 1;
	barrier_var(which);
	return &record->value[which & (POLICY_VALUES - 1)];
}

__noinline u32 policy_add_empty(u32 slot)
{
	struct policy_scratch *scratch = policy_scratch(slot);

	return scratch ? end(scratch, 0, 0) : 0;
}

/* Inlined: on 5.10 the calls from a program down to a step of a path are as many as may be, and so is their stack. */
static __always_inline u32 add_path(struct policy_scratch *scratch, u32 slot, u64 dentry, u64 mount)
{
	struct path_view view;
	u64 length;
	u8 *to;

	path_view_of(&view, (void *)dentry, (void *)mount, slot);
	to = room(scratch);
	length = view.length;
	barrier_var(length);
	if (!to || !view.bytes || length > PATH_SIZE)
		return end(scratch, 0, 0) & 0;
	bpf_probe_read_kernel(to, length, view.bytes);
	return end(scratch, length, length + view.cut);
}

__noinline u32 policy_add_path(u32 slot, u64 dentry, u64 mount)
{
	struct policy_scratch *scratch = policy_scratch(slot);

	return scratch ? add_path(scratch, slot, dentry, mount) : 0;
}

/*
 * Programs of the ancestors, each with a zero byte behind it; together they have the room of one string. A path in
 * the second half of that room, or longer than the rest, is left out.
 */
__noinline u32 policy_add_ancestors(u32 slot)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct path_view view;
	struct file *file;
	u64 used = 0, at, length;
	u8 *to;

	if (!scratch)
		return 0;
	for (u32 i = 0; i < POLICY_ANCESTORS; i++) {
		task = BPF_CORE_READ(task, real_parent);
		if (!BPF_CORE_READ(task, pid))
			break;
		file = BPF_CORE_READ(task, mm, exe_file);
		if (!file)
			continue;
		path_view_of(&view, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), slot);
		to = room(scratch);
		at = used;
		barrier_var(at);
		if (!to || !view.bytes || at > PATH_SIZE / 2)
			continue;
		length = view.length;
		barrier_var(length);
		if (length > PATH_SIZE / 2 - 1)
			continue;
		bpf_probe_read_kernel(to + at, length, view.bytes);
		used = at + length;
		barrier_var(used);
		if (used > PATH_SIZE - 2)
			break;
		to[used] = 0;
		used++;
	}
	return end(scratch, used, used);
}

__noinline u32 policy_read_text(u32 slot, u64 from)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	long length = -1;
	u8 *to;

	if (!scratch)
		return 0;
	to = room(scratch);
	if (to)
		length = (s64)from < 0 ? bpf_probe_read_kernel_str(to, PATH_SIZE, (void *)from) :
					 bpf_probe_read_user_str(to, PATH_SIZE, (void *)from);
	if (length < 1 || length > PATH_SIZE)
		return end(scratch, 0, 0) & 0;
	return end(scratch, length - 1, length == PATH_SIZE ? PATH_SIZE : length - 1);
}

static __always_inline u32 add_bytes(struct policy_scratch *scratch, u64 from, u64 length)
{
	u8 *to = room(scratch);
	u64 size = length;

	if (size > PATH_SIZE)
		size = PATH_SIZE;
	barrier_var(size);
	if (!to || size > PATH_SIZE || policy_copy(to, size, from))
		return end(scratch, 0, 0) & 0;
	return end(scratch, size, length);
}

__noinline u32 policy_read_bytes(u32 slot, u64 from, u64 length)
{
	struct policy_scratch *scratch = policy_scratch(slot);

	return scratch ? add_bytes(scratch, from, length) : 0;
}

#define VECTORS 7

/* The first parts of an array of iovec, one behind the other, as far as a string may be long. */
__noinline u32 policy_read_vector(u32 slot, u64 vector, u64 count)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	u64 used = 0, all = 0;
	u8 *to;

	if (!scratch)
		return 0;
	for (u32 i = 0; i < VECTORS; i++) {
		struct iovec part = {};
		u64 length, at;

		if (i >= count || policy_copy(&part, sizeof(part), vector + i * sizeof(part)))
			break;
		all += part.iov_len;
		length = part.iov_len;
		at = used;
		to = room(scratch);
		if (length > PATH_SIZE / 2)
			length = PATH_SIZE / 2;
		barrier_var(at);
		if (!to || at > PATH_SIZE / 2)
			continue;
		barrier_var(length);
		if (length > PATH_SIZE / 2 || policy_copy(to + at, length, (u64)part.iov_base))
			continue;
		used = at + length;
	}
	return end(scratch, used, all);
}

__noinline u32 policy_read_iter(u32 slot, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct iov_iter___before_6_4 *older = (void *)address;
	struct iov_iter *iter = (void *)address;
	u64 count, skip;
	u64 from;
	struct iovec first = {};

	if (!scratch)
		return 0;
	count = BPF_CORE_READ(iter, count);
	skip = BPF_CORE_READ(iter, iov_offset);
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    BPF_CORE_READ(iter, iter_type) == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		from = (u64)BPF_CORE_READ(iter, ubuf);
	} else {
		const struct iovec *vector = bpf_core_field_exists(older->iov) ? BPF_CORE_READ(older, iov) :
										 BPF_CORE_READ(iter, __iov);

		policy_copy(&first, sizeof(first), (u64)vector);
		from = (u64)first.iov_base;
		if (first.iov_len < count)
			count = first.iov_len;
	}
	return add_bytes(scratch, from + skip, count);
}

static __always_inline void describe_inode(struct policy_value *value, struct inode *inode)
{
	value->file.inode = BPF_CORE_READ(inode, i_ino);
	value->file.device = BPF_CORE_READ(inode, i_sb, s_dev);
	value->file.mode = BPF_CORE_READ(inode, i_mode);
}

__noinline u32 policy_read_dentry(u32 slot, u32 which, u64 address, u64 mount)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct dentry *dentry = (void *)address;
	struct policy_value *value;
	u32 read;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address)
		return end(scratch, 0, 0) & 0;
	describe_inode(value, BPF_CORE_READ(dentry, d_inode));
	value->file.flags = 0;
	read = add_path(scratch, slot, address, mount);
	return read;
}

__noinline u32 policy_read_file(u32 slot, u32 which, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct file *file = (void *)address;
	struct policy_value *value;
	struct inode *inode;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	inode = BPF_CORE_READ(file, f_inode);
	if (!address || !inode)
		return end(scratch, 0, 0) & 0;
	describe_inode(value, inode);
	value->file.flags = BPF_CORE_READ(file, f_flags);
	value->file.opened = BPF_CORE_READ(file, f_mode);
	add_path(scratch, slot, (u64)BPF_CORE_READ(file, f_path.dentry), (u64)BPF_CORE_READ(file, f_path.mnt));
	return 1;
}

/*
 * A name as a call was given it, behind the directory that it starts from: where a call is seen when it is done, what it named
 * may be gone. Each has half of a string's room.
 */
__noinline u32 policy_read_given(u32 slot, u32 which)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct path_view view = {};
	struct file *file;
	u64 used = 0, name;
	s32 directory;
	char first = 0;
	long got;
	u8 *to;

	if (!scratch)
		return 0;
	name = scratch->given[which & 1].name;
	directory = scratch->given[which & 1].directory;
	if (policy_copy(&first, 1, name))
		return end(scratch, 0, 0) & 0;
	if (first == '/')
		return policy_read_text(slot, name);
	if (directory == AT_FDCWD) {
		path_view_of(&view, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt), slot);
	} else {
		file = descriptor_file(task, directory);
		path_view_of(&view, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), slot);
	}
	to = room(scratch);
	if (!to)
		return end(scratch, 0, 0) & 0;
	used = view.length > 1 ? view.length : 0; /* the root is the slash alone */
	if (used > PATH_SIZE / 2 - 1) {
		used = PATH_SIZE / 2 - 1;
		view.cut = 1;
	}
	barrier_var(used);
	if (used > PATH_SIZE / 2 - 1)
		return 0;
	if (view.bytes)
		bpf_probe_read_kernel(to, used, view.bytes);
	if (!first) /* the directory itself is meant (AT_EMPTY_PATH) */
		return end(scratch, used, used + view.cut);
	to[used++] = '/';
	got = bpf_probe_read_user_str(to + used, PATH_SIZE / 2, (void *)name);
	if (got < 1 || got > PATH_SIZE / 2)
		return end(scratch, 0, 0) & 0;
	used += got - 1;
	return end(scratch, used, used + view.cut);
}

/* As user space hands an address over, or the kernel has copied it. */
struct given_address {
	u16 family;
	u16 port;
	union {
		u32 ipv4;
		struct {
			u32 flow;
			u8 ipv6[16];
		};
	};
};

/* An IPv4 address within an IPv6 one is what goes over the wire: else a policy about it were got around by writing it so. */
static __always_inline void unmap(struct policy_value *value, u8 *address)
{
	if (!v4_mapped(address))
		return;
	value->socket.family = AF_INET;
	*(u32 *)address = *(u32 *)(address + 12);
	__builtin_memset(address + 4, 0, 12);
}

static __always_inline void address_from(struct policy_value *value, u16 *port, u8 *bytes, u64 address)
{
	struct given_address given = {};

	policy_copy(&given, sizeof(given), address);
	value->socket.family = given.family;
	if (given.family != AF_INET && given.family != AF_INET6)
		return;
	*port = __builtin_bswap16(given.port);
	if (given.family == AF_INET) {
		__builtin_memset(bytes, 0, 16);
		*(u32 *)bytes = given.ipv4;
	} else {
		__builtin_memcpy(bytes, given.ipv6, 16);
		unmap(value, bytes);
	}
}

__noinline u32 policy_read_address(u32 slot, u32 which, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct policy_value *value;
	u16 family;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address || policy_copy(&family, sizeof(family), address))
		return 0;
	address_from(value, &value->socket.local_port, value->socket.local, address);
	return 1;
}

/* An abstract name is as long as the address says, and ends with no zero byte. */
__noinline u32 policy_read_unix(u32 slot, u64 address, u64 size)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	u16 family = 0;
	long length;
	u8 *to;

	if (!scratch)
		return 0;
	to = room(scratch);
	if (!to || policy_copy(&family, sizeof(family), address) || family != AF_UNIX)
		return end(scratch, 0, 0) & 0;
	policy_copy(to, 1, address + sizeof(family));
	if (*to)
		return policy_read_text(slot, address + sizeof(family));
	/* an abstract name begins with a zero byte, shown as @ */
	*to = '@';
	size -= sizeof(family) + 1;
	barrier_var(size);
	if (size <= UNIX_PATH && !policy_copy(to + 1, size, address + sizeof(family) + 1))
		return end(scratch, size + 1, size + 1);
	length = (s64)address < 0 ?
			 bpf_probe_read_kernel_str(to + 1, UNIX_PATH, (void *)(address + sizeof(family) + 1)) :
			 bpf_probe_read_user_str(to + 1, UNIX_PATH, (void *)(address + sizeof(family) + 1));
	return end(scratch, length > 0 && length <= UNIX_PATH ? length : 1, length > 0 ? length : 1);
}

static __always_inline void sock_addresses(struct policy_value *value, struct sock *sock)
{
	u64 pair;

	if (value->socket.family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)value->socket.local, sock, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)value->socket.peer, sock, __sk_common.skc_v6_daddr);
	} else {
		pair = BPF_CORE_READ(sock, __sk_common.skc_addrpair);
		*(u32 *)value->socket.peer = pair;
		*(u32 *)value->socket.local = pair >> 32;
	}
}

static __always_inline void find_owner(struct policy_scratch *scratch, u64 address)
{
	struct policy_record *record = (void *)scratch->bytes;
	struct policy_owner *owner = bpf_map_lookup_elem(&policy_sockets, &address);

	if (!owner)
		return;
	record->owner = owner->pid;
	__builtin_memcpy(record->owner_name, owner->name, sizeof(owner->name));
}

__noinline u32 policy_read_sock(u32 slot, u32 which, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct sock *sock = (void *)address;
	struct policy_value *value;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address)
		return 0;
	value->socket.family = BPF_CORE_READ(sock, __sk_common.skc_family);
	value->socket.type = BPF_CORE_READ(sock, sk_type);
	value->socket.protocol = BPF_CORE_READ(sock, sk_protocol);
	value->socket.state = BPF_CORE_READ(sock, __sk_common.skc_state);
	value->socket.mark = BPF_CORE_READ(sock, sk_mark);
	value->socket.priority = BPF_CORE_READ(sock, sk_priority);
	value->socket.cookie = address;
	find_owner(scratch, address);
	if (value->socket.family != AF_INET && value->socket.family != AF_INET6)
		return 1;
	value->socket.local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	/* as a connection ends its port is given back; a socket that is to connect anew has none yet, and there the last one's */
	if (!value->socket.local_port && value->socket.state != TCP_CLOSE)
		value->socket.local_port = __builtin_bswap16(BPF_CORE_READ((struct tcp_sock *)sock, inet_conn.icsk_inet.inet_sport));
	value->socket.peer_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	sock_addresses(value, sock);
	if (scratch->asked)
		address_from(value, &value->socket.peer_port, value->socket.peer, scratch->asked);
	unmap(value, value->socket.local);
	unmap(value, value->socket.peer);
	return 1;
}

struct ipv4_header {
	u8 length : 4, version : 4;
	u8 service;
	u16 total, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 from, to;
};

struct ipv6_header {
	u32 version;
	u16 payload;
	u8 next, hops;
	u8 from[16], to[16];
};

__noinline u32 policy_read_skb(u32 slot, u32 which, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct sk_buff *packet = (void *)address;
	struct policy_value *value;
	struct ipv4_header ipv4 = {};
	struct ipv6_header ipv6 = {};
	const unsigned char *head;
	u16 ports[2] = {}, network, transport;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address)
		return 0;
	value->socket.mark = BPF_CORE_READ(packet, mark);
	value->socket.priority = BPF_CORE_READ(packet, priority);
	value->socket.hash = BPF_CORE_READ(packet, hash);
	value->socket.length = BPF_CORE_READ(packet, len);
	value->socket.cookie = address;
	head = BPF_CORE_READ(packet, head);
	network = BPF_CORE_READ(packet, network_header);
	transport = BPF_CORE_READ(packet, transport_header);
	bpf_probe_read_kernel(&ipv4, sizeof(ipv4), head + network);
	if (ipv4.version == 4) {
		value->socket.family = AF_INET;
		value->socket.protocol = ipv4.protocol;
		*(u32 *)value->socket.local = ipv4.from;
		*(u32 *)value->socket.peer = ipv4.to;
		transport = network + ipv4.length * 4;
	} else if (ipv4.version == 6) {
		bpf_probe_read_kernel(&ipv6, sizeof(ipv6), head + network);
		value->socket.family = AF_INET6;
		value->socket.protocol = ipv6.next;
		__builtin_memcpy(value->socket.local, ipv6.from, 16);
		__builtin_memcpy(value->socket.peer, ipv6.to, 16);
		transport = network + sizeof(ipv6);
	}
	if (value->socket.protocol == IPPROTO_TCP || value->socket.protocol == IPPROTO_UDP) {
		bpf_probe_read_kernel(ports, sizeof(ports), head + transport);
		value->socket.local_port = __builtin_bswap16(ports[0]);
		value->socket.peer_port = __builtin_bswap16(ports[1]);
	}
	return 1;
}

__noinline u32 policy_read_cred(u32 slot, u32 which, u64 address)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	const struct cred *cred = (void *)address;
	struct policy_value *value;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address)
		return 0;
	value->credentials.uid = BPF_CORE_READ(cred, uid.val);
	value->credentials.gid = BPF_CORE_READ(cred, gid.val);
	value->credentials.euid = BPF_CORE_READ(cred, euid.val);
	value->credentials.egid = BPF_CORE_READ(cred, egid.val);
	value->credentials.suid = BPF_CORE_READ(cred, suid.val);
	value->credentials.sgid = BPF_CORE_READ(cred, sgid.val);
	value->credentials.fsuid = BPF_CORE_READ(cred, fsuid.val);
	value->credentials.fsgid = BPF_CORE_READ(cred, fsgid.val);
	value->credentials.securebits = BPF_CORE_READ(cred, securebits);
	value->credentials.user_namespace = BPF_CORE_READ(cred, user_ns, ns.inum);
	value->credentials.effective = task_capabilities(cred);
	bpf_probe_read_kernel(&value->credentials.permitted, 8,
			      (void *)cred + bpf_core_field_offset(struct cred, cap_permitted));
	bpf_probe_read_kernel(&value->credentials.inheritable, 8,
			      (void *)cred + bpf_core_field_offset(struct cred, cap_inheritable));
	return 1;
}

/* In union bpf_attr, as programs are loaded; part of the kernel's interface. */
#define ATTR_TYPE 0
#define ATTR_COUNT 4
#define ATTR_NAME 48

/* Kernel objects with a name: numbers, and its string. */
__noinline u32 policy_read_object(u32 slot, u32 which, u64 address, u32 type)
{
	struct policy_scratch *scratch = policy_scratch(slot);
	struct policy_value *value;
	u64 name = 0, *numbers;
	u32 word = 0;

	if (!scratch)
		return 0;
	value = value_at(scratch, which);
	if (!address)
		return end(scratch, 0, 0) & 0;
	numbers = value->object.numbers;
	if (type == READ_bpf_attr) {
		if (policy_copy(&word, sizeof(word), address + ATTR_TYPE))
			return end(scratch, 0, 0) & 0;
		numbers[0] = word;
		policy_copy(&word, sizeof(word), address + ATTR_COUNT);
		numbers[1] = word;
		name = address + ATTR_NAME;
	} else if (type == READ_bpf_prog) {
		struct bpf_prog *program = (void *)address;

		numbers[0] = BPF_CORE_READ(program, type);
		numbers[1] = BPF_CORE_READ(program, len);
		name = (u64)BPF_CORE_READ(program, aux) + bpf_core_field_offset(struct bpf_prog_aux, name);
	} else if (type == READ_bpf_map) {
		struct bpf_map *map = (void *)address;

		numbers[0] = BPF_CORE_READ(map, map_type);
		numbers[1] = BPF_CORE_READ(map, key_size);
		numbers[2] = BPF_CORE_READ(map, value_size);
		numbers[3] = BPF_CORE_READ(map, max_entries);
		name = address + bpf_core_field_offset(struct bpf_map, name);
	} else if (type == READ_perf_event) {
		struct perf_event *event = (void *)address;

		numbers[0] = BPF_CORE_READ(event, attr.type);
		numbers[1] = BPF_CORE_READ(event, attr.config);
		numbers[2] = BPF_CORE_READ(event, attr.probe_offset);
		/* a tracepoint or a counter has other things in its place */
		name = numbers[0] > 5 ? BPF_CORE_READ(event, attr.kprobe_func) : 0;
	} else if (type == READ_module) {
		struct module *module = (void *)address;

		numbers[0] = BPF_CORE_READ(module, taints);
		numbers[1] = bpf_core_field_exists(module->sig_ok) ? BPF_CORE_READ(module, sig_ok) : 0;
		name = address + bpf_core_field_offset(struct module, name);
	} else if (type == READ_load_info) {
		struct load_info *info = (void *)address;

		if (bpf_core_field_exists(info->sig_ok))
			numbers[1] = BPF_CORE_READ(info, sig_ok);
		if (bpf_core_field_exists(info->name))
			name = (u64)BPF_CORE_READ(info, name);
	} else if (type == READ_user_namespace) {
		struct user_namespace *namespace = (void *)address;

		numbers[0] = BPF_CORE_READ(namespace, level);
		numbers[1] = BPF_CORE_READ(namespace, owner.val);
		numbers[2] = BPF_CORE_READ(namespace, group.val);
		numbers[3] = BPF_CORE_READ(namespace, ns.inum);
	}
	if (name)
		policy_read_text(slot, name);
	else
		end(scratch, 0, 0);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
