// SPDX-License-Identifier: GPL-2.0
/*
 * Connects, and datagrams to an address, that a program of a control group refuses: policies deny so, sonde's and others'. The call
 * returns before the protocol hears of it, so no other hook does. All programs are asked even if one has refused, and the
 * root's come last, in the order in which they were attached: what the others said is known here (since 5.18).
 */
#include "lib/connect.h"

/* Refuses nothing itself. */
static __always_inline int on_asked(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = (void *)ctx;
	s32 answer = bpf_get_retval();

	if (answer < 0 && ctx->protocol == IPPROTO_TCP)
		connect_tell(BPF_CORE_READ(kern, sk), BPF_CORE_READ(kern, uaddr), NET_TCP, answer);
	else if (answer < 0 && ctx->protocol == IPPROTO_UDP)
		connect_tell(BPF_CORE_READ(kern, sk), BPF_CORE_READ(kern, uaddr), NET_UDP, answer);
	return 1;
}

SEC("cgroup/connect4")
int denied_connect4(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

SEC("cgroup/connect6")
int denied_connect6(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

SEC("cgroup/sendmsg4")
int denied_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

SEC("cgroup/sendmsg6")
int denied_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_asked(ctx);
}

char LICENSE[] SEC("license") = "GPL";
