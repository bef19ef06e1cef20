// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams: UDP and ICMP, added up by socket, process and peer; user space takes the sums down about every second. What a process
 * sent is seen where IP sends it out, in the process that sends, with what it is on the wire: one datagram of several calls or
 * several of one. What it received is seen as it reads, so that it is what the program knows of, not what waited in its socket
 * until nobody wanted it any more.
 */
#include "lib/net.h"
#include "lib/regs.h"
#include "../wire/flow.h"

#define IPPROTO_ICMP 1
#define IPPROTO_ICMPV6 58
#define SOCK_RAW 3
#define MSG_PEEK 2
#define MSG_ERRQUEUE 0x2000
#define UDP_HEADER 8

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);	/* set by user space, like the last */
	__type(key, struct flow_key);
	__type(value, struct flow_sum);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} flow_epoch SEC(".maps");

/* From whom the datagram came that a thread is reading, by its task: known before how much of it was read. */
struct flow_reading {
	u64 sock;		/* 0: none */
	u64 peer[2];
	u16 peer_port;
	u16 header;		/* bytes that are read before the payload */
	u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct flow_reading);
} flow_readings SEC(".maps");

/* What of a datagram finds its sum. */
struct datagram {
	struct sock *sock;
	u64 peer[2];
	u64 local[2];
	u16 peer_port;
	u8 transport;
	u32 pid;
};

static __always_inline void mapped(u64 *address, u32 v4)
{
	address[0] = 0;
	address[1] = (u64)v4 << 32 | 0xffff0000;
}

static __always_inline u64 word(const void *at)
{
	const u32 *halves = at;

	return (u64)halves[1] << 32 | halves[0];
}

static __always_inline void local_of(u64 *local, struct sock *sock)
{
	if (BPF_CORE_READ(sock, __sk_common.skc_family) == AF_INET)
		mapped(local, BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr));
	else
		BPF_CORE_READ_INTO((struct in6_addr *)local, sock, __sk_common.skc_v6_rcv_saddr);
}

/* False: out of scope, or the kernel's own. */
static __always_inline bool describe(struct flow_sum *sum, const struct datagram *datagram)
{
	struct sock *sock = datagram->sock;
	struct owner owner;

	if (!BPF_CORE_READ(sock, sk_socket, file) || !owner_is_current(&owner))
		return false;
	sum->first = bpf_ktime_get_boot_ns();
	sum->local[0] = datagram->local[0];
	sum->local[1] = datagram->local[1];
	if (!sum->local[1])
		local_of(sum->local, sock);
	sum->local_port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sock, inet_sport));
	sum->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	sum->cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
	sum->start = owner.start;
	sum->cgroup = owner.cgroup;
	sum->tid = owner.tid;
	sum->uid = owner.uid;
	sum->gid = owner.gid;
	return true;
}

static __always_inline struct flow_sum *sum_of(const struct datagram *datagram)
{
	struct flow_key key = { .sock = (u64)datagram->sock, .pid = datagram->pid, .transport = datagram->transport,
				.peer = { datagram->peer[0], datagram->peer[1] }, .peer_port = datagram->peer_port };
	u32 zero = 0, *epoch = bpf_map_lookup_elem(&flow_epoch, &zero);
	struct flow_sum fresh = {}, *sum;

	if (!epoch)
		return NULL;
	key.epoch = *epoch & 1;
	sum = bpf_map_lookup_elem(&flows, &key);
	if (sum)
		return sum;
	if (!describe(&fresh, datagram))
		return NULL;
	bpf_map_update_elem(&flows, &key, &fresh, BPF_NOEXIST);
	sum = bpf_map_lookup_elem(&flows, &key);
	if (!sum && emit_begin(KIND_flow, false))
		emit_lost(KIND_flow, LOSS_TABLE_FULL);
	return sum;
}

static __always_inline void add_sent(const struct datagram *datagram, u64 bytes, u32 packets)
{
	struct flow_sum *sum = sum_of(datagram);

	if (!sum)
		return;
	__sync_fetch_and_add(&sum->sent, bytes);
	__sync_fetch_and_add(&sum->packets_sent, packets);
	sum->last = bpf_ktime_get_boot_ns();
}

static __always_inline void add_received(const struct datagram *datagram, u64 bytes, u32 packets)
{
	struct flow_sum *sum = sum_of(datagram);

	if (!sum)
		return;
	__sync_fetch_and_add(&sum->received, bytes);
	__sync_fetch_and_add(&sum->packets_received, packets);
	sum->last = bpf_ktime_get_boot_ns();
}

/* --- sent --- */

static __always_inline u8 transport_of(u8 protocol)
{
	if (protocol == IPPROTO_UDP)
		return NET_UDP;
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? NET_ICMP : 0;
}

/* Bytes before the transport's header; 0: no datagram of these. */
static __always_inline u32 read_addresses(struct datagram *datagram, const u8 *at, const u8 *end)
{
	if (at + 20 > end)
		return 0;
	if (at[0] >> 4 == 4) {
		datagram->transport = transport_of(at[9]);
		if (!datagram->transport || (at[6] & 0x1f) | at[7])	/* a later fragment */
			return 0;
		mapped(datagram->local, *(const u32 *)(at + 12));
		mapped(datagram->peer, *(const u32 *)(at + 16));
		return (at[0] & 15) * 4;
	}
	if (at[0] >> 4 != 6 || at + 40 > end)
		return 0;
	datagram->transport = transport_of(at[6]);
	datagram->local[0] = word(at + 8);
	datagram->local[1] = word(at + 16);
	datagram->peer[0] = word(at + 24);
	datagram->peer[1] = word(at + 32);
	return datagram->transport ? 40 : 0;
}

/* A multicast that is also for this machine comes twice; its copy is nobody's to pay for. */
static __always_inline bool is_copy(const struct datagram *datagram, struct sk_buff *packet)
{
	return (datagram->peer[1] >> 32 & 0xf0) == 0xe0 && !datagram->peer[0] && !BPF_CORE_READ(packet, destructor);
}

/* Always allowed: sonde watches. */
SEC("cgroup_skb/egress")
int flow_sent(struct __sk_buff *ctx)
{
	const u8 *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct datagram datagram = {};
	u32 header = read_addresses(&datagram, at, end), packets = 1;

	if (!header || is_copy(&datagram, (void *)ctx))
		return 1;
	if (datagram.transport == NET_UDP) {
		at += header & 63;
		if (at + UDP_HEADER > end)
			return 1;
		datagram.peer_port = __builtin_bswap16(*(const u16 *)(at + 2));
		header += UDP_HEADER;
		if (ctx->gso_size)
			packets = ctx->gso_segs;
	}
	datagram.sock = BPF_CORE_READ((struct sk_buff *)ctx, sk);
	datagram.pid = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), tgid);
	add_sent(&datagram, ctx->len - header, packets);
	return 1;
}

/* --- received: the calls' own results (since 6.3), for kernels where no function can be attached to --- */

static __always_inline struct flow_reading *reading_of_current(void)
{
	u64 task = bpf_get_current_task();

	return bpf_map_lookup_elem(&flow_readings, &task);
}

static __always_inline void note_reading(const struct flow_reading *reading)
{
	u64 task = bpf_get_current_task();
	struct flow_reading *known = bpf_map_lookup_elem(&flow_readings, &task);

	if (known)
		*known = *reading;
	else
		bpf_map_update_elem(&flow_readings, &task, reading, BPF_ANY);
}

/* The address of the sender as the program will have it. Only of sockets that have no peer, and if the program asks for it. */
SEC("cgroup/recvmsg4")
int flow_from4(struct bpf_sock_addr *ctx)
{
	struct flow_reading reading = { .sock = (u64)BPF_CORE_READ((struct bpf_sock_addr_kern *)ctx, sk) };

	mapped(reading.peer, ctx->user_ip4);
	reading.peer_port = __builtin_bswap16(ctx->user_port);
	note_reading(&reading);
	return 1;
}

SEC("cgroup/recvmsg6")
int flow_from6(struct bpf_sock_addr *ctx)
{
	struct flow_reading reading = { .sock = (u64)BPF_CORE_READ((struct bpf_sock_addr_kern *)ctx, sk) };

	reading.peer[0] = (u64)ctx->user_ip6[1] << 32 | ctx->user_ip6[0];
	reading.peer[1] = (u64)ctx->user_ip6[3] << 32 | ctx->user_ip6[2];
	reading.peer_port = __builtin_bswap16(ctx->user_port);
	note_reading(&reading);
	return 1;
}

static __always_inline void connected_to(struct datagram *datagram, struct sock *sock)
{
	datagram->peer_port = __builtin_bswap16(sock->__sk_common.skc_dport);
	if (sock->__sk_common.skc_family == AF_INET)
		mapped(datagram->peer, sock->__sk_common.skc_daddr);
	else
		BPF_CORE_READ_INTO((struct in6_addr *)datagram->peer, sock, __sk_common.skc_v6_daddr);
}

SEC("tp_btf/sock_recv_length")
int flow_received(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	s32 result = ctx[1];
	u32 flags = ctx[2];
	u16 family = sock->__sk_common.skc_family;
	struct datagram datagram = { .sock = sock };
	struct flow_reading *reading;

	if (family != AF_INET && family != AF_INET6)
		return 0;
	datagram.transport = transport_of(sock->sk_protocol);
	if (!datagram.transport || result < 0)
		return 0;
	if (sock->__sk_common.skc_state == TCP_ESTABLISHED) {
		connected_to(&datagram, sock);
	} else {
		reading = reading_of_current();
		if (reading && reading->sock == (u64)sock) {
			datagram.peer[0] = reading->peer[0];
			datagram.peer[1] = reading->peer[1];
			datagram.peer_port = reading->peer_port;
			reading->sock = 0;
		}
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	datagram.pid = bpf_get_current_pid_tgid() >> 32;
	add_received(&datagram, result, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
