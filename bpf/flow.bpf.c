// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams: UDP and ICMP, added up by socket, process and peer; user space takes the sums down about every second.
 * What a process sent is seen where IP sends it out, in the process that sends, with what it is on the wire: one
 * datagram of several calls or several of one. What it received is seen as it reads, so that it is what the program
 * knows of, not what waited in its socket until nobody wanted it any more.
 *
 * UDP at full speed takes less than a microsecond for a datagram, and a look into a hash table is a tenth of that. So
 * sums lie in an array of slots, and a table of places, found by a mixture of ports and address, tells in which slot
 * to look first; the slot itself says whether it is the right one. Only if it is not, a hash table knows, or a slot
 * is taken.
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

/* Sizes of all are set by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct flow_slot);
} flow_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct flow_books);
} flow_books SEC(".maps");

/* A slot, and in the upper half the turn in which it was written there; never zero. */
#define SLOT_TAKEN 0x80000000ULL
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} flow_places SEC(".maps");

/* The same, exactly. If one is forgotten, its flow goes on in another slot. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, u64);
} flow_known SEC(".maps");

/* From whom the datagram came that a thread is reading, by its task: known before how much of it was read. */
struct flow_reading {
	u64 sock;		/* 0: none */
	u64 peer[2];
	u64 local[2];		/* zeros if not known */
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

/* What of a datagram finds its slot, and more for when it is the first. */
struct datagram {
	struct flow_key key;
	u64 local[2];
	u16 local_port;
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
static __always_inline bool describe(struct flow_slot *slot, const struct datagram *datagram)
{
	struct sock *sock = (void *)datagram->key.sock;
	struct owner owner;

	if (!BPF_CORE_READ(sock, sk_socket, file) || !owner_is_current(&owner))
		return false;
	slot->key = datagram->key;
	slot->local[0] = datagram->local[0];
	slot->local[1] = datagram->local[1];
	if (!slot->local[1])
		local_of(slot->local, sock);
	slot->local_port = datagram->local_port;
	slot->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	slot->cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
	slot->start = owner.start;
	slot->cgroup = owner.cgroup;
	slot->tid = owner.tid;
	slot->uid = owner.uid;
	slot->gid = owner.gid;
	slot->first_tick = bpf_jiffies64();
	slot->first = bpf_ktime_get_boot_ns();
	slot->claims = 1;
	return true;
}

static __always_inline struct flow_slot *slot_at(u64 reference)
{
	u32 index = reference & (SLOT_TAKEN - 1);

	return bpf_map_lookup_elem(&flow_slots, &index);
}

/*
 * A slot of this turn's half. There is no instruction in all kernels that adds and tells what was there, so two CPUs
 * can see the same number; who claims a slot first has it, and if nobody can tell who was, nobody has.
 */
static __always_inline u64 take_slot(struct flow_books *books, u64 turn)
{
	volatile u64 *used = &books->used[turn & 1];

#pragma unroll
	for (int attempt = 0; attempt < 4; attempt++) {
		struct flow_slot *slot;
		u64 index;

		__sync_fetch_and_add(used, 1);
		index = *used - 1;
		if (index >= FLOW_SLOTS)
			break;
		index += (turn & 1) * FLOW_SLOTS;
		slot = slot_at(index);
		if (!slot)
			break;
		__sync_fetch_and_add(&slot->claims, 1);
		if (*(volatile u64 *)&slot->claims == 1)
			return turn << 32 | SLOT_TAKEN | index;
	}
	return 0;
}

static __always_inline u64 new_slot(struct flow_books *books, u64 turn, const struct datagram *datagram)
{
	struct flow_slot fresh = {}, *slot;
	u64 reference;

	if (!describe(&fresh, datagram))
		return 0;
	reference = take_slot(books, turn);
	slot = slot_at(reference);
	if (!reference || !slot) {
		if (emit_begin(KIND_flow, false))
			emit_lost(KIND_flow, LOSS_TABLE_FULL);
		return 0;
	}
	*slot = fresh;
	bpf_map_update_elem(&flow_known, &datagram->key, &reference, BPF_ANY);
	return reference;
}

static __always_inline bool is_of(const struct flow_slot *slot, const struct flow_key *key, const void *sock)
{
	return slot->key.peer[1] == key->peer[1] && slot->key.peer[0] == key->peer[0] && slot->key.pid == key->pid &&
	       slot->key.peer_port == key->peer_port && slot->key.sock == (u64)sock;
}

static __always_inline u32 place_of(const struct datagram *datagram)
{
	u64 mixed = (datagram->key.peer[0] ^ datagram->key.peer[1]) * 0x9e3779b97f4a7c15ULL;

	mixed ^= (u64)(datagram->local_port << 16 | datagram->key.peer_port) * 0xc2b2ae3d27d4eb4fULL;
	return mixed >> 32 & (FLOW_PLACES - 1);
}

/* Where its slot should be found, and what is there now. */
struct find {
	struct flow_books *books;
	u64 *place;
	u64 turn;
};

/* The slot, if it is where it should be. `sock` may be a pointer that the verifier allows nothing but comparison. */
static __always_inline struct flow_slot *find_quick(struct find *find, const struct datagram *datagram,
						    const void *sock)
{
	u32 zero = 0, index = place_of(datagram);
	struct flow_slot *slot;
	u64 reference;

	find->books = bpf_map_lookup_elem(&flow_books, &zero);
	find->place = bpf_map_lookup_elem(&flow_places, &index);
	if (!find->books || !find->place)
		return NULL;
	find->turn = *(volatile u64 *)&find->books->turn;
	reference = *(volatile u64 *)find->place;
	if (reference >> 32 != find->turn)
		return NULL;
	slot = slot_at(reference);
	return slot && is_of(slot, &datagram->key, sock) ? slot : NULL;
}

static __always_inline struct flow_slot *find_surely(struct find *find, const struct datagram *datagram)
{
	u64 *known, reference;

	if (!find->books || !find->place)
		return NULL;
	known = bpf_map_lookup_elem(&flow_known, &datagram->key);
	reference = known ? *known : 0;
	if (!reference || reference >> 32 != find->turn)
		reference = new_slot(find->books, find->turn, datagram);
	if (!reference)
		return NULL;
	*find->place = reference;
	return slot_at(reference);
}

static __always_inline void add_sent(struct flow_slot *slot, u64 bytes, u32 packets)
{
	if (!slot)
		return;
	__sync_fetch_and_add(&slot->sent, bytes);
	__sync_fetch_and_add(&slot->packets_sent, packets);
	slot->last_tick = bpf_jiffies64();
}

static __always_inline void add_received(struct flow_slot *slot, u64 bytes, u32 packets)
{
	if (!slot)
		return;
	__sync_fetch_and_add(&slot->received, bytes);
	__sync_fetch_and_add(&slot->packets_received, packets);
	slot->last_tick = bpf_jiffies64();
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
		datagram->key.transport = transport_of(at[9]);
		if (!datagram->key.transport || (at[6] & 0x1f) | at[7])	/* a later fragment */
			return 0;
		mapped(datagram->local, *(const u32 *)(at + 12));
		mapped(datagram->key.peer, *(const u32 *)(at + 16));
		return (at[0] & 15) * 4;
	}
	if (at[0] >> 4 != 6 || at + 40 > end)
		return 0;
	datagram->key.transport = transport_of(at[6]);
	datagram->local[0] = word(at + 8);
	datagram->local[1] = word(at + 16);
	datagram->key.peer[0] = word(at + 24);
	datagram->key.peer[1] = word(at + 32);
	return datagram->key.transport ? 40 : 0;
}

/*
 * IPv4 that is for many comes twice if it is also for this machine; the copy belongs to no socket. Addresses for many
 * begin with 1110, or end with at least two ones.
 */
static __always_inline bool is_copy(const struct datagram *datagram, struct sk_buff *packet)
{
	u64 address = datagram->key.peer[1] >> 32;

	if (datagram->key.peer[0] || ((address & 0xf0) != 0xe0 && (address >> 24 & 3) != 3))
		return false;
	return !BPF_CORE_READ(packet, destructor);
}

/* Always allowed: sonde watches. */
static __always_inline int on_sent(struct __sk_buff *ctx, u32 pid, const void *sock)
{
	const u8 *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct datagram datagram = { .key.pid = pid };
	u32 header = read_addresses(&datagram, at, end), packets = 1;
	struct flow_slot *slot;
	struct find find;

	if (!header || is_copy(&datagram, (void *)ctx))
		return 1;
	if (datagram.key.transport == NET_UDP) {
		at += header & 63;
		if (at + UDP_HEADER > end)
			return 1;
		datagram.local_port = __builtin_bswap16(*(const u16 *)at);
		datagram.key.peer_port = __builtin_bswap16(*(const u16 *)(at + 2));
		header += UDP_HEADER;
		if (ctx->gso_size)
			packets = ctx->gso_segs;
	}
	slot = find_quick(&find, &datagram, sock);
	if (!slot) {
		datagram.key.sock = (u64)BPF_CORE_READ((struct sk_buff *)ctx, sk);
		slot = find_surely(&find, &datagram);
	}
	add_sent(slot, ctx->len - header, packets);
	return 1;
}

/* Since 5.11: who it is without a call. */
SEC("cgroup_skb/egress")
int flow_sent(struct __sk_buff *ctx)
{
	return on_sent(ctx, bpf_get_current_task_btf()->tgid, ctx->sk);
}

SEC("cgroup_skb/egress")
int flow_sent_read(struct __sk_buff *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return on_sent(ctx, BPF_CORE_READ(task, tgid), ctx->sk);
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

/*
 * The address of the sender as the program will have it. Only of sockets that have no peer, and if the program asks
 * for it.
 */
SEC("cgroup/recvmsg4")
int flow_from4(struct bpf_sock_addr *ctx)
{
	struct flow_reading reading = { .sock = (u64)ctx->sk };

	mapped(reading.peer, ctx->user_ip4);
	reading.peer_port = __builtin_bswap16(ctx->user_port);
	note_reading(&reading);
	return 1;
}

SEC("cgroup/recvmsg6")
int flow_from6(struct bpf_sock_addr *ctx)
{
	struct flow_reading reading = { .sock = (u64)ctx->sk };

	reading.peer[0] = (u64)ctx->user_ip6[1] << 32 | ctx->user_ip6[0];
	reading.peer[1] = (u64)ctx->user_ip6[3] << 32 | ctx->user_ip6[2];
	reading.peer_port = __builtin_bswap16(ctx->user_port);
	note_reading(&reading);
	return 1;
}

static __always_inline void connected_to(struct datagram *datagram, struct sock *sock, const bool direct)
{
	datagram->key.peer_port = __builtin_bswap16(get(direct, sock, __sk_common.skc_dport));
	if (get(direct, sock, __sk_common.skc_family) == AF_INET)
		mapped(datagram->key.peer, get(direct, sock, __sk_common.skc_daddr));
	else
		BPF_CORE_READ_INTO((struct in6_addr *)datagram->key.peer, sock, __sk_common.skc_v6_daddr);
}

/*
 * What is read of a raw or a ping socket is copied by a function that has a tracepoint, with the packet; UDP mostly
 * has a quicker one without. A raw IPv4 socket gives the IP header too. False: it is of no such socket.
 */
static __always_inline bool read_icmp(struct flow_reading *reading, struct sk_buff *packet)
{
	struct sock *sock = packet->sk;
	u8 head[40];

	if (!sock || transport_of(sock->sk_protocol) != NET_ICMP)
		return false;
	if (bpf_probe_read_kernel(head, sizeof(head), packet->head + packet->network_header))
		return false;
	reading->sock = (u64)sock;
	if (head[0] >> 4 == 4) {
		mapped(reading->peer, *(u32 *)(head + 12));
		mapped(reading->local, *(u32 *)(head + 16));
		if (sock->sk_type == SOCK_RAW)
			reading->header = (head[0] & 15) * 4;
	} else {
		reading->peer[0] = word(head + 8);
		reading->peer[1] = word(head + 16);
		reading->local[0] = word(head + 24);
		reading->local[1] = word(head + 32);
	}
	return true;
}

static __always_inline void take_addresses(struct datagram *datagram, const struct flow_reading *reading)
{
	datagram->key.peer[0] = reading->peer[0];
	datagram->key.peer[1] = reading->peer[1];
	datagram->key.peer_port = reading->peer_port;
	datagram->local[0] = reading->local[0];
	datagram->local[1] = reading->local[1];
}

/* As above, for what these sockets read. */
SEC("tp_btf/skb_copy_datagram_iovec")
int flow_from_icmp(u64 *ctx)
{
	struct flow_reading reading = {};

	if (read_icmp(&reading, (void *)ctx[0]))
		note_reading(&reading);
	return 0;
}

static __always_inline int on_received(struct sock *sock, u8 transport, s32 result, u32 flags)
{
	struct datagram datagram = { .key = { .sock = (u64)sock, .transport = transport } };
	struct flow_reading *reading;
	struct flow_slot *slot;
	struct find find;

	if (sock->__sk_common.skc_state == TCP_ESTABLISHED && transport == NET_UDP) {
		connected_to(&datagram, sock, true);
	} else {
		reading = reading_of_current();
		if (reading && reading->sock == (u64)sock) {
			take_addresses(&datagram, reading);
			if (result >= reading->header)
				result -= reading->header;
			reading->sock = 0;
		}
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	if (transport == NET_UDP)
		datagram.local_port = sock->__sk_common.skc_num;
	datagram.key.pid = bpf_get_current_pid_tgid() >> 32;
	slot = find_quick(&find, &datagram, sock);
	add_received(slot ?: find_surely(&find, &datagram), result, 1);
	return 0;
}

/* What is not of these, TCP above all, has to be let go at once. */
SEC("tp_btf/sock_recv_length")
int flow_received(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	u8 transport = transport_of(sock->sk_protocol);
	s32 result = ctx[1];
	u16 family;

	if (!transport || result < 0)
		return 0;
	family = sock->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	return on_received(sock, transport, result, ctx[2]);
}

/* --- received: where the kernel is done with a datagram that was read --- */

/* How many there were on the wire: the kernel may have joined some of one flow for a program that asked for it. */
static __always_inline u32 joined(struct sk_buff *packet, u32 bytes, const bool direct)
{
	struct skb_shared_info *info = (void *)get(direct, packet, head) + get(direct, packet, end);
	u32 size = BPF_CORE_READ(info, gso_size);

	return size ? (bytes + size - 1) / size : 1;
}

static __always_inline bool came_from(struct datagram *datagram, struct sk_buff *packet, const bool direct)
{
	const unsigned char *at = get(direct, packet, head);
	u16 ports[2];
	u8 head[40];

	if (bpf_probe_read_kernel(head, sizeof(head), at + get(direct, packet, network_header)) ||
	    bpf_probe_read_kernel(ports, sizeof(ports), at + get(direct, packet, transport_header)))
		return false;
	datagram->key.peer_port = __builtin_bswap16(ports[0]);
	if (head[0] >> 4 == 4) {
		mapped(datagram->key.peer, *(u32 *)(head + 12));
		mapped(datagram->local, *(u32 *)(head + 16));
	} else {
		datagram->key.peer[0] = word(head + 8);
		datagram->key.peer[1] = word(head + 16);
		datagram->local[0] = word(head + 24);
		datagram->local[1] = word(head + 32);
	}
	return true;
}

/* `bytes` is below zero if the program only looked at it. */
static __always_inline int on_consumed(struct sock *sock, struct sk_buff *packet, s32 bytes, const bool direct)
{
	struct datagram datagram = { .key = { .sock = (u64)sock, .transport = NET_UDP } };
	struct flow_slot *slot;
	struct find find;

	if (bytes < 0)
		return 0;
	if (get(direct, sock, __sk_common.skc_state) == TCP_ESTABLISHED)
		connected_to(&datagram, sock, direct);
	else if (!came_from(&datagram, packet, direct))
		return 0;
	datagram.local_port = get(direct, sock, __sk_common.skc_num);
	datagram.key.pid = bpf_get_current_pid_tgid() >> 32;
	slot = find_quick(&find, &datagram, sock);
	add_received(slot ?: find_surely(&find, &datagram), bytes, joined(packet, bytes, direct));
	return 0;
}

SEC("fentry/skb_consume_udp")
int flow_consumed_fentry(u64 *ctx)
{
	return on_consumed((void *)ctx[0], (void *)ctx[1], ctx[2], true);
}

SEC("kprobe/skb_consume_udp")
int flow_consumed_kprobe(struct user_registers *ctx)
{
	return on_consumed((void *)ctx->di, (void *)ctx->si, ctx->dx, false);
}

SEC("tp_btf/skb_copy_datagram_iovec")
int flow_received_icmp(u64 *ctx)
{
	struct flow_reading reading = {};
	struct datagram datagram = { .key.transport = NET_ICMP };
	u32 bytes = ctx[1];
	struct flow_slot *slot;
	struct find find;

	if (!read_icmp(&reading, (void *)ctx[0]))
		return 0;
	datagram.key.sock = reading.sock;
	take_addresses(&datagram, &reading);
	datagram.key.pid = bpf_get_current_pid_tgid() >> 32;
	slot = find_quick(&find, &datagram, (void *)reading.sock);
	bytes = bytes >= reading.header ? bytes - reading.header : bytes;
	add_received(slot ?: find_surely(&find, &datagram), bytes, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
