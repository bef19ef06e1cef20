// SPDX-License-Identifier: GPL-2.0
/*
 * Who accepted a connection. inet_csk_accept returns the socket to the process that asked for it. Where no program can be
 * attached there, a connection is told of when it is established, in the name of the process that listens (tcp.bpf.c).
 */
#include "lib/net.h"
#include "lib/regs.h"

static __always_inline int on_accept(struct sock *sock)
{
	struct connection connection = { .direction = NET_IN, .sure = 1 };
	struct connection *known;

	if (!sock || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP || !owner_is_current(&connection.owner))
		return 0;
	if (net_follows()) {
		known = connection_find((u64)sock);
		if (known)
			connection.since = known->since;
		/* It may have died while it waited to be accepted. */
		if (BPF_CORE_READ(sock, __sk_common.skc_state) != TCP_CLOSE)
			connection_note((u64)sock, &connection, BPF_ANY);
	}
	net_tell_accept(sock, net_inet(sock), &connection.owner, 0, false);
	return 0;
}

/* A load that the compiler cannot turn into one from a computed address, which the verifier refuses for a context. */
#define context_at(ctx, offset)                                                                        \
	({                                                                                             \
		u64 value_;                                                                            \
		asm volatile("%0 = *(u64 *)(%1 + " #offset ")" : "=r"(value_) : "r"(ctx));             \
		value_;                                                                                \
	})

/* What it returns stands behind its arguments. */
SEC("fexit/inet_csk_accept")
int accept_fexit(u64 *ctx)
{
	u64 sock = bpf_core_type_exists(struct proto_accept_arg) ? context_at(ctx, 16) : context_at(ctx, 32);

	return on_accept((void *)sock);
}

SEC("kretprobe/inet_csk_accept")
int accept_kprobe(struct user_registers *ctx)
{
	return on_accept((void *)ctx->ax);
}

char LICENSE[] SEC("license") = "GPL";
