// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets that connect, to a path or to an abstract name. At the end of the functions the outcome is known; a
 * control-group program (6.7 and later) is asked before.
 */
#include "lib/connect.h"

#define UNIX_PATH 108

struct connect_unix {
	struct connection_record record;
	struct record_string path;
	char bytes[UNIX_PATH + 4];
};

/*
 * Programs give any length from the path's own to the whole structure's, so the path ends at its zero byte. An abstract
 * name begins with one, shown as @, and may hold more.
 */
static __always_inline void add_path(struct connect_unix *told, const void *address, s64 length)
{
	u64 most = length - sizeof(u16);
	long size;

	barrier_var(most);
	if (!most || most > UNIX_PATH)
		return;
	size = bpf_probe_read_kernel_str(told->bytes, UNIX_PATH + 1, address + sizeof(u16));
	if (size > 1) {
		told->path.length = size - 1 < (long)most ? size - 1 : most;
	} else if (!bpf_probe_read_kernel(told->bytes, most, address + sizeof(u16))) {
		told->bytes[0] = '@';
		told->path.length = most;
	}
	told->path.full = told->path.length;
}

static __always_inline int on_connect(struct sock *sock, const void *address, s64 length, s32 result)
{
	struct connect_unix *told;
	struct owner owner;
	u16 family = 0;
	u32 slot = 0;

	/* AF_UNSPEC takes a connection back */
	if (bpf_probe_read_kernel(&family, sizeof(family), address) || family != AF_UNIX || !owner_is_current(&owner))
		return 0;
	told = draft_begin(bulk, KIND_connect, struct connect_unix, &slot);
	if (!told)
		return 0;
	__builtin_memset(told, 0, sizeof(*told));
	net_begin(&told->record, KIND_connect, &owner, net_inet(sock), NET_UNIX, false);
	told->record.record.size = sizeof(*told);
	told->record.family = AF_UNIX;
	told->record.direction = NET_OUT;
	told->record.error = result;
	add_path(told, address, length);
	draft_end(bulk, KIND_connect, told, slot);
	return 0;
}

static __always_inline int on_result(struct socket *socket, const void *address, s32 length, s32 result)
{
	return on_connect(BPF_CORE_READ(socket, sk), address, length, result);
}

static __always_inline int on_return(enum connect_function function, const struct user_registers *regs)
{
	struct connect_call call;

	if (!connect_leave(function, &call))
		return 0;
	return on_result((void *)call.object, (void *)call.address, call.length, regs->ax);
}

SEC("fexit/unix_stream_connect")
int unix_stream_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[2], ctx[4]);
}

SEC("fexit/unix_dgram_connect")
int unix_datagram_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[2], ctx[4]);
}

SEC("kprobe/unix_stream_connect")
int unix_enter_stream_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_UNIX_STREAM, ctx);
}

SEC("kprobe/unix_dgram_connect")
int unix_enter_datagram_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_UNIX_DATAGRAM, ctx);
}

SEC("kretprobe/unix_stream_connect")
int unix_stream_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_UNIX_STREAM, ctx);
}

SEC("kretprobe/unix_dgram_connect")
int unix_datagram_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_UNIX_DATAGRAM, ctx);
}

/* Since 6.7 (859051dd165e). */
SEC("cgroup/connect_unix")
int unix_cgroup(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = (void *)ctx;

	on_connect(BPF_CORE_READ(kern, sk), BPF_CORE_READ(kern, uaddr), BPF_CORE_READ(kern, uaddrlen), RESULT_UNKNOWN);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
