// SPDX-License-Identifier: GPL-2.0
/*
 * What a TCP connection suffers: segments sent again and resets, at the tracepoints the kernel has for both. They fire for
 * nothing else, mostly in softirq, where the current process means nothing; whose connection it is was noted as its state
 * changed (tcp.bpf.c). The arguments are the same on all kernels as far as they are used, so one rung does.
 */
#include "lib/net.h"
#include "../wire/health.h"

#define NO_REASON (~0U)

/* Where a reset answers a packet for which there is no socket, the packet is all there is. */
struct packet_head {
	u8 bytes[44];		/* an IP header without options and the ports, or an IPv6 header and the ports */
};

static __always_inline void from_packet(struct connection_record *record, struct sk_buff *packet)
{
	u64 at = (u64)BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, network_header);
	struct packet_head head = {};
	u16 ports[2] = {};
	u32 length;

	bpf_probe_read_kernel(&head, sizeof(head), (void *)at);
	if (head.bytes[0] >> 4 == 6) {
		record->family = AF_INET6;
		__builtin_memcpy(record->peer, head.bytes + 8, 16);
		__builtin_memcpy(record->local, head.bytes + 24, 16);
		length = 40;
	} else {
		record->family = AF_INET;
		__builtin_memcpy(record->peer, head.bytes + 12, 4);
		__builtin_memcpy(record->local, head.bytes + 16, 4);
		length = (head.bytes[0] & 15) * 4;
	}
	bpf_probe_read_kernel(ports, sizeof(ports), (void *)(at + length));
	record->peer_port = __builtin_bswap16(ports[0]);
	record->local_port = __builtin_bswap16(ports[1]);
	record->network_namespace = BPF_CORE_READ(packet, dev, nd_net.net, ns.inum);
}

/* A small socket (a request, TIME_WAIT) has only what all have in common. */
static __always_inline void from_common(struct connection_record *record, struct sock *sock)
{
	net_addresses(record, sock, (void *)sock, false);
	record->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	record->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	record->cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
}

static __always_inline void from_tcp(struct connection_record *record, struct sock *sock)
{
	struct tcp_sock *tcp = (void *)sock;
	u16 port = __builtin_bswap16(BPF_CORE_READ(tcp, inet_conn.icsk_inet.inet_sport));

	if (port)
		record->local_port = port;
	record->retransmits = BPF_CORE_READ(tcp, total_retrans);
	record->rtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
}

static __always_inline bool is_small(u32 state)
{
	return state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV;
}

#define PF_KTHREAD 0x00200000

/*
 * The connection's own, else the listener's through which it comes in, else that of who closes it: a reset is sent when the
 * socket is in state CLOSE already and forgotten. Left as it is if there is none.
 */
static __always_inline void find_owner(struct connection *found, struct sock *sock, u32 state)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct connection *connection;
	u64 cgroup;
	struct owner *owner;

	connection = connection_find((u64)sock);
	if (connection) {
		bpf_probe_read_kernel(found, sizeof(*found), connection);
	} else if (state == TCP_LISTEN) {
		owner = listener_find(sock, (void *)sock, false);
		bpf_probe_read_kernel(&found->owner, sizeof(found->owner), owner);
		found->direction = NET_IN;
	} else if (!is_small(state) && BPF_CORE_READ(sock, sk_lock.owned) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD) &&
		   scope_admits(task, BPF_CORE_READ(task, tgid), &cgroup, SLOT_ATOMIC)) {
		owner_is(&found->owner, task, cgroup, false);
		found->sure = 1;
	}
}

/* Reserved, and filled in but for its last fields. NULL: not wanted, or lost. */
static __always_inline struct health_record *begin(u32 kind, u32 *slot, struct sock *sock, struct sk_buff *packet)
{
	u32 state = sock ? BPF_CORE_READ(sock, __sk_common.skc_state) : 0;
	struct connection found = {};
	struct health_record *record;

	if (sock)
		find_owner(&found, sock, state);
	if (!found.owner.pid && settings.scope != SCOPE_ALL)
		return NULL;
	record = draft_begin(bulk, kind, struct health_record, slot);
	if (!record)
		return NULL;
	__builtin_memset(record, 0, sizeof(*record));
	record->connection.record.kind = kind;
	record->connection.record.size = sizeof(*record);
	record->connection.record.time = bpf_ktime_get_boot_ns();
	record->connection.record.flags = found.sure ? 0 : RECORD_OWNER_UNKNOWN;
	record->connection.record.start = found.owner.start;
	record->connection.record.cgroup = found.owner.cgroup;
	record->connection.record.pid = found.owner.pid;
	record->connection.record.tid = found.owner.tid;
	record->connection.record.uid = found.owner.uid;
	record->connection.record.gid = found.owner.gid;
	record->connection.transport = NET_TCP;
	record->connection.direction = found.direction;
	record->state = state;
	record->reason = NO_REASON;
	if (packet && (!sock || state == TCP_LISTEN)) {
		from_packet(&record->connection, packet);
	} else if (sock) {
		from_common(&record->connection, sock);
		if (!is_small(state))
			from_tcp(&record->connection, sock);
	}
	return record;
}

SEC("raw_tp/tcp_retransmit_skb")
int tcp_retransmit(struct bpf_raw_tracepoint_args *ctx)
{
	struct sk_buff *packet = (void *)ctx->args[1];
	u32 slot = 0;
	struct health_record *record = begin(KIND_retransmit, &slot, (void *)ctx->args[0], NULL);

	if (!record)
		return 0;
	record->length = BPF_CORE_READ(packet, len);
	draft_end(bulk, KIND_retransmit, record, slot);
	return 0;
}

/* The listener's answer to a request, sent again: there is no connection yet. */
SEC("raw_tp/tcp_retransmit_synack")
int tcp_retransmit_answer(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *listener = (void *)ctx->args[0], *request = (void *)ctx->args[1];
	u32 slot = 0;
	struct health_record *record = begin(KIND_retransmit, &slot, listener, NULL);

	if (!record)
		return 0;
	from_common(&record->connection, request);
	record->connection.retransmits = BPF_CORE_READ((struct request_sock *)request, num_retrans);
	record->state = TCP_SYN_RECV;
	draft_end(bulk, KIND_retransmit, record, slot);
	return 0;
}

SEC("raw_tp/tcp_send_reset")
int tcp_reset_sent(struct bpf_raw_tracepoint_args *ctx)
{
	u32 slot = 0;
	struct health_record *record = begin(KIND_reset, &slot, (void *)ctx->args[0], (void *)ctx->args[1]);

	if (!record)
		return 0;
	record->way = HEALTH_SENT;
	/* Told of since 6.10 (b533fb9cf4f7). */
	if (bpf_core_type_exists(enum sk_rst_reason))
		record->reason = ctx->args[2];
	draft_end(bulk, KIND_reset, record, slot);
	return 0;
}

SEC("raw_tp/tcp_receive_reset")
int tcp_reset_received(struct bpf_raw_tracepoint_args *ctx)
{
	u32 slot = 0;
	struct health_record *record = begin(KIND_reset, &slot, (void *)ctx->args[0], NULL);

	if (!record)
		return 0;
	record->way = HEALTH_RECEIVED;
	draft_end(bulk, KIND_reset, record, slot);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
