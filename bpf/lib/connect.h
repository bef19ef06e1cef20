/*
 * Connects that are told where the call ends, in the process that made it. For kprobe rungs the arguments are kept from
 * its beginning, by thread and function, because IPv6's functions call IPv4's.
 */
#ifndef SONDE_BPF_CONNECT_H
#define SONDE_BPF_CONNECT_H

#include "net.h"
#include "regs.h"

enum connect_function {
	CONNECT_TCP4,
	CONNECT_TCP6,
	CONNECT_UDP4,
	CONNECT_UDP6,
	CONNECT_UNIX_STREAM,
	CONNECT_UNIX_DATAGRAM,
};

struct connect_call {
	u64 object;		/* struct sock or struct socket */
	u64 address;		/* struct sockaddr, in the kernel */
	u64 length;
};

struct connect_calls_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct connect_call);
};

extern struct connect_calls_map connect_calls SEC(".maps");

static __always_inline u64 connect_call_key(enum connect_function function)
{
	return (u64)(u32)bpf_get_current_pid_tgid() << 8 | function;
}

static __always_inline int connect_enter(enum connect_function function, const struct user_registers *regs)
{
	struct connect_call call = { .object = regs->di, .address = regs->si, .length = (s32)regs->dx };
	u64 key = connect_call_key(function);

	bpf_map_update_elem(&connect_calls, &key, &call, BPF_ANY);
	return 0;
}

static __always_inline bool connect_leave(enum connect_function function, struct connect_call *call)
{
	u64 key = connect_call_key(function);
	struct connect_call *begun = bpf_map_lookup_elem(&connect_calls, &key);

	if (!begun)
		return false;
	*call = *begun;
	bpf_map_delete_elem(&connect_calls, &key);
	return true;
}

/* As user space hands them over. */
struct socket_address {
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

/* For a socket that has no peer: not yet, or it failed. */
static __always_inline void net_peer_from(struct connection_record *record, const struct socket_address *address)
{
	bool mapped = v4_mapped(address->ipv6);

	record->peer_port = __builtin_bswap16(address->port);
	record->family = address->family == AF_INET6 && !mapped ? AF_INET6 : AF_INET;
	__builtin_memset(record->local, 0, sizeof(record->local));
	__builtin_memset(record->peer, 0, sizeof(record->peer));
	if (address->family == AF_INET)
		*(u32 *)record->peer = address->ipv4;
	else if (mapped)
		__builtin_memcpy(record->peer, address->ipv6 + 12, 4);
	else
		__builtin_memcpy(record->peer, address->ipv6, sizeof(record->peer));
}

struct connect_with_path {
	struct connection_record record;
	struct record_string path;
};

/* The current process connects `sock` to `address`; result as the call's, or RESULT_UNKNOWN if it has yet to come. */
#define RESULT_UNKNOWN 1
static __always_inline int connect_tell(struct sock *sock, const void *address, u32 transport, s32 result)
{
	struct socket_address to = {};
	struct connect_with_path *told;
	struct owner owner;
	u32 slot = 0;

	if (!owner_is_current(&owner))
		return 0;
	bpf_probe_read_kernel(&to, sizeof(to), address);
	told = draft_begin(bulk, KIND_connect, struct connect_with_path, &slot);
	if (!told)
		return 0;
	net_begin(&told->record, KIND_connect, &owner, net_inet(sock), transport, false);
	told->record.record.size = sizeof(*told);
	told->record.direction = NET_OUT;
	told->record.error = result;
	if (result)
		net_peer_from(&told->record, &to);
	else
		net_addresses(&told->record, sock, net_inet(sock), false);
	told->path.length = told->path.full = 0;
	draft_end(bulk, KIND_connect, told, slot);
	return 0;
}

#endif
