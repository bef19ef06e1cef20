// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connects that fail before a packet leaves: no route, no free port. The socket either never changed its state or
 * took it back within the call, and only the call's result says why. Nothing to do for a call that went well.
 */
#include "lib/connect.h"

struct connect_calls_map connect_calls SEC(".maps");

static __always_inline int on_result(struct sock *sock, const void *address, s32 result, bool v6)
{
	if (result >= 0)
		return 0;
	/* IPv6's function calls IPv4's for a mapped address, and tells it itself. */
	if (!v6 && BPF_CORE_READ(sock, __sk_common.skc_family) == AF_INET6)
		return 0;
	return connect_tell(sock, address, NET_TCP, result);
}

static __always_inline int on_return(enum connect_function function, const struct user_registers *regs, bool v6)
{
	struct connect_call call;

	if (!connect_leave(function, &call))
		return 0;
	return on_result((void *)call.object, (void *)call.address, regs->ax, v6);
}

SEC("fexit/tcp_v4_connect")
int tcp_failed4_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[3], false);
}

SEC("fexit/tcp_v6_connect")
int tcp_failed6_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[3], true);
}

SEC("kprobe/tcp_v4_connect")
int tcp_enter4_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_TCP4, ctx);
}

SEC("kprobe/tcp_v6_connect")
int tcp_enter6_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_TCP6, ctx);
}

SEC("kretprobe/tcp_v4_connect")
int tcp_failed4_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_TCP4, ctx, false);
}

SEC("kretprobe/tcp_v6_connect")
int tcp_failed6_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_TCP6, ctx, true);
}

char LICENSE[] SEC("license") = "GPL";
