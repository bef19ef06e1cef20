// SPDX-License-Identifier: GPL-2.0
/*
 * UDP sockets that are connected to a peer. There is nothing on the wire to wait for; the call's result is the outcome. A
 * socket that only sends to addresses never connects and is not seen here. The functions are the ones that every caller
 * reaches: UDP's own connect comes between since 6.13. Without a program there, one at the root control group is asked
 * before the kernel connects, and cannot know the outcome.
 */
#include "lib/connect.h"

#define SOCK_DGRAM 2

static __always_inline int on_result(struct sock *sock, const void *address, s32 result, bool v6)
{
	if (BPF_CORE_READ(sock, sk_protocol) != IPPROTO_UDP)
		return 0;
	/* IPv6's function calls IPv4's for a mapped address, and tells it itself. */
	if (!v6 && BPF_CORE_READ(sock, __sk_common.skc_family) == AF_INET6)
		return 0;
	return connect_tell(sock, address, NET_UDP, result);
}

static __always_inline int on_return(enum connect_function function, const struct user_registers *regs, bool v6)
{
	struct connect_call call;

	if (!connect_leave(function, &call))
		return 0;
	return on_result((void *)call.object, (void *)call.address, regs->ax, v6);
}

/* Always allowed: sonde watches. What is refused by another program is told of by denied.bpf.c. */
static __always_inline int on_asked(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = (void *)ctx;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_retval) && bpf_get_retval() < 0)
		return 1;
	if (ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP)
		connect_tell(BPF_CORE_READ(kern, sk), BPF_CORE_READ(kern, uaddr), NET_UDP, RESULT_UNKNOWN);
	return 1;
}

SEC("fexit/__ip4_datagram_connect")
int udp4_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[3], false);
}

SEC("fexit/__ip6_datagram_connect")
int udp6_fexit(u64 *ctx)
{
	return on_result((void *)ctx[0], (void *)ctx[1], ctx[3], true);
}

SEC("kprobe/__ip4_datagram_connect")
int udp_enter4_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_UDP4, ctx);
}

SEC("kprobe/__ip6_datagram_connect")
int udp_enter6_kprobe(struct user_registers *ctx)
{
	return connect_enter(CONNECT_UDP6, ctx);
}

SEC("kretprobe/__ip4_datagram_connect")
int udp4_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_UDP4, ctx, false);
}

SEC("kretprobe/__ip6_datagram_connect")
int udp6_kprobe(struct user_registers *ctx)
{
	return on_return(CONNECT_UDP6, ctx, true);
}

SEC("cgroup/connect4")
int udp4_cgroup(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

SEC("cgroup/connect6")
int udp6_cgroup(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

char LICENSE[] SEC("license") = "GPL";
