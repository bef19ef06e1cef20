// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that the kernel drops, at the one tracepoint behind kfree_skb(). A flood of drops must cost little, so they
 * are folded here by reason, place and flow; user space takes the sums down about every second. Reasons that are part
 * of normal work are left out by their number, which user space looks up by name (settings.benign_drops). Packets
 * that only move between sockets of one machine (Unix, netlink) are none.
 */
#include "lib/listener.h"
#include "lib/regs.h"
#include "../wire/drop.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define TCP_SYN 2
#define TCP_ACK 16
#define IPPROTO_ICMP 1
#define IPPROTO_SCTP 132
#define IPPROTO_ICMPV6 58

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);	/* set by user space */
	__type(key, struct drop_key);
	__type(value, struct drop_sum);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} drop_epoch SEC(".maps");

/*
 * Sockets that nobody followed from their beginning, as only those of TCP are: user space asks for their owners, see
 * drop_owners.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);	/* set by user space */
	__type(key, u64);
	__type(value, struct drop_owner);
} drop_sockets SEC(".maps");

/* By group of listeners that share a port, how many they had refused as was last seen. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);	/* set by user space */
	__type(key, u64);
	__type(value, u32);
} drop_refused SEC(".maps");

/* Of the last datagram that a CPU dropped: the socket that had no room for it is told of right behind. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct drop_key);
} drop_last SEC(".maps");

static __always_inline bool is_benign(u32 reason)
{
	u64 word = reason / 64;

	if (word >= DROP_WORDS)
		return false;
	barrier_var(word);
	word &= DROP_WORDS - 1;
	return settings.benign_drops[word] >> (reason % 64) & 1;
}

static __always_inline bool has_ports(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Addresses and ports as they stand in the packet. A later fragment has no ports. */
static __always_inline void read_packet(struct drop_key *key, struct sk_buff *packet)
{
	u64 at = (u64)BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, network_header);
	u16 ports[2] = {};
	u8 head[40] = {};
	u32 length = 40;
	bool whole = true;

	if (bpf_probe_read_kernel(head, sizeof(head), (void *)at))
		return;
	if (head[0] >> 4 == 4) {
		key->family = AF_INET;
		key->protocol = head[9];
		__builtin_memcpy(key->source, head + 12, 4);
		__builtin_memcpy(key->destination, head + 16, 4);
		length = (head[0] & 15) * 4;
		whole = !((head[6] & 0x1f) | head[7]);
	} else if (head[0] >> 4 == 6) {
		key->family = AF_INET6;
		key->protocol = head[6];
		__builtin_memcpy(key->source, head + 8, 16);
		__builtin_memcpy(key->destination, head + 24, 16);
	} else {
		return;
	}
	if (!whole || bpf_probe_read_kernel(ports, sizeof(ports), (void *)(at + length)))
		return;
	if (has_ports(key->protocol)) {
		key->source_port = __builtin_bswap16(ports[0]);
		key->destination_port = __builtin_bswap16(ports[1]);
	} else if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6) {
		key->source_port = __builtin_bswap16(ports[0]);
	}
}

static __always_inline void copy_owner(struct drop_sum *sum, const struct owner *from)
{
	struct owner owner = {};

	bpf_probe_read_kernel(&owner, sizeof(owner), from);
	sum->start = owner.start;
	sum->cgroup = owner.cgroup;
	sum->pid = owner.pid;
	sum->tid = owner.tid;
	sum->uid = owner.uid;
	sum->gid = owner.gid;
}

static __always_inline u32 side_of(const struct drop_key *key, u64 sock)
{
	u16 port = BPF_CORE_READ((struct sock *)sock, __sk_common.skc_num);

	if (!has_ports(key->protocol) || key->source_port == key->destination_port)
		return 0;
	return port == key->source_port ? DROP_SENDER : port == key->destination_port ? DROP_RECEIVER : 0;
}

/* The socket that sent it or should have had it, else the one that listens where it goes to. */
static __always_inline void find_owner(struct drop_sum *sum, const struct drop_key *key, struct sk_buff *packet,
				       u64 sock)
{
	u64 net = (u64)BPF_CORE_READ(packet, dev, nd_net.net), any;
	struct connection *connection = sock ? connection_find(sock) : NULL;
	struct owner *owner;
	u32 address;

	if (sock)
		sum->side = side_of(key, sock);
	if (connection) {
		copy_owner(sum, &connection->owner);
		return;
	}
	if (sock && key->protocol != IPPROTO_TCP)
		sum->sock = sock;
	if (sock && key->protocol == IPPROTO_TCP &&
	    BPF_CORE_READ((struct sock *)sock, __sk_common.skc_state) == TCP_LISTEN) {
		owner = listener_find((void *)sock, (void *)sock, false);
		if (owner)
			copy_owner(sum, owner);
	}
	if (sock || key->protocol != IPPROTO_TCP || key->family != AF_INET)
		return;
	any = net << 16 | __builtin_bswap16(key->destination_port);
	__builtin_memcpy(&address, key->destination, sizeof(address));
	net = any + address * 0x9e3779b97f4a7c15ULL;
	owner = bpf_map_lookup_elem(&listeners, &net);
	owner = owner ? owner : bpf_map_lookup_elem(&listeners, &any);
	if (!owner)
		return;
	copy_owner(sum, owner);
	sum->side = DROP_RECEIVER;
}

static __always_inline void name_interface(struct drop_sum *sum, struct net_device *device)
{
	sum->first = bpf_ktime_get_boot_ns();
	if (device)
		bpf_probe_read_kernel_str(sum->interface, sizeof(sum->interface), device->name);
}

static __always_inline struct drop_sum *add_sum(const struct drop_key *key, const struct drop_sum *fresh)
{
	struct drop_sum *sum;

	bpf_map_update_elem(&drops, key, fresh, BPF_NOEXIST);
	sum = bpf_map_lookup_elem(&drops, key);
	if (!sum && emit_begin(KIND_drop, false))
		emit_lost(KIND_drop, LOSS_TABLE_FULL);
	return sum;
}

/* `told_later`: whose a datagram was to be is told of right behind, if anybody's. */
static __always_inline struct drop_sum *sum_of(const struct drop_key *key, struct sk_buff *packet, u64 sock, bool told_later)
{
	struct drop_sum *sum = bpf_map_lookup_elem(&drops, key);
	struct drop_sum fresh = {};

	if (sum)
		return sum;
	name_interface(&fresh, BPF_CORE_READ(packet, dev));
	find_owner(&fresh, key, packet, sock);
	/* user space leaves out what stays without an owner */
	if (settings.scope != SCOPE_ALL && !fresh.pid && !fresh.sock && !(told_later && key->protocol == IPPROTO_UDP))
		return NULL;
	return add_sum(key, &fresh);
}

static __always_inline void add(struct drop_sum *sum, struct sk_buff *packet)
{
	__sync_fetch_and_add(&sum->count, 1);
	__sync_fetch_and_add(&sum->bytes, BPF_CORE_READ(packet, len));
	sum->last = bpf_ktime_get_boot_ns();
}

/* Where it happened. False: it was nowhere. */
static __always_inline bool read_place(struct drop_key *key, struct sk_buff *packet, struct net_device *device,
				       struct sock *sock)
{
	u16 ethertype = __builtin_bswap16(BPF_CORE_READ(packet, protocol));
	u32 zero = 0, *epoch = bpf_map_lookup_elem(&drop_epoch, &zero);

	if (!epoch || !ethertype || (!device && !sock))
		return false;
	key->epoch = *epoch & 1;
	key->ethertype = ethertype;
	if (device) {
		key->interface = BPF_CORE_READ(device, ifindex);
		key->network_namespace = BPF_CORE_READ(device, nd_net.net, ns.inum);
	} else {
		key->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	}
	if (ethertype == ETH_P_IP || ethertype == ETH_P_IPV6)
		read_packet(key, packet);
	return true;
}

/* `receiver`: the socket that should have had it; NULL: not known, or none. */
static __always_inline int on_drop(struct drop_key *key, struct sk_buff *packet, struct sock *receiver, bool told_later)
{
	struct sock *sender;
	struct drop_sum *sum;

	if (is_benign(key->reason))
		return 0;
	sender = BPF_CORE_READ(packet, sk);
	if (!read_place(key, packet, BPF_CORE_READ(packet, dev), sender))
		return 0;
	sum = sum_of(key, packet, (u64)(receiver ?: sender), told_later);
	if (sum)
		add(sum, packet);
	return 0;
}

/* Who should have had it is told of since 6.11 (c53795d48ee8). */
SEC("raw_tp/kfree_skb")
int drop_socket(struct bpf_raw_tracepoint_args *ctx)
{
	struct drop_key key = { .location = ctx->args[1], .reason = ctx->args[2] };

	return on_drop(&key, (void *)ctx->args[0], (void *)ctx->args[3], false);
}

/* Reasons are told of since 5.17 (c504e5c2f964). */
SEC("raw_tp/kfree_skb")
int drop_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct drop_key *last, key = { .location = ctx->args[1] };
	u32 zero = 0;

	key.reason = bpf_core_type_exists(enum skb_drop_reason) ? ctx->args[2] : DROP_NO_REASON;
	on_drop(&key, (void *)ctx->args[0], NULL, true);
	last = key.protocol == IPPROTO_UDP ? bpf_map_lookup_elem(&drop_last, &zero) : NULL;
	if (last)
		*last = key;
	return 0;
}

/* For the one above. */
SEC("raw_tp/udp_fail_queue_rcv_skb")
int drop_full(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *receiver = (void *)ctx->args[1];
	u32 zero = 0;
	struct drop_key *last = bpf_map_lookup_elem(&drop_last, &zero);
	struct drop_sum *sum;

	if (!last || last->destination_port != BPF_CORE_READ(receiver, __sk_common.skc_num))
		return 0;
	sum = bpf_map_lookup_elem(&drops, last);
	if (sum && !sum->pid) {
		sum->sock = (u64)receiver;
		sum->side = DROP_RECEIVER;
	}
	return 0;
}

_Static_assert(sizeof(struct drop_owner) == sizeof(struct owner), "an owner is told of as it is kept");

#define S_IFMT 0170000
#define S_IFSOCK 0140000

/*
 * Whose the sockets of drop_sockets are, found through the files of all processes; of several the first, as a rule
 * the oldest.
 */
SEC("iter/task_file")
int drop_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct drop_owner *owner;
	u64 key, cgroup;

	if (!task || !file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	key = (u64)BPF_CORE_READ(socket, sk);
	owner = bpf_map_lookup_elem(&drop_sockets, &key);
	if (owner && !owner->pid && scope_admits_preemptible(task, BPF_CORE_READ(task, tgid), &cgroup))
		owner_is((struct owner *)owner, task, cgroup, false);
	return 0;
}

/*
 * A request for a connection that finds the backlog full is not dropped as the kernel counts packets: it is consumed.
 * So listeners are looked at as a request comes. (The last packet of a handshake that finds it full is dropped, with
 * a reason since 6.15.)
 */
static __always_inline int on_overflow(struct sock *listener, struct sk_buff *packet, struct net_device *device)
{
	struct drop_key key = { .reason = DROP_LISTEN_OVERFLOW };
	struct drop_sum fresh = {}, *sum;
	struct owner *owner;

	if (!read_place(&key, packet, device, listener))
		return 0;
	sum = bpf_map_lookup_elem(&drops, &key);
	if (!sum) {
		name_interface(&fresh, device);
		owner = listener_find(listener, net_inet(listener), false);
		if (owner)
			copy_owner(&fresh, owner);
		if (settings.scope != SCOPE_ALL && !owner)
			return 0;
		sum = add_sum(&key, &fresh);
	}
	if (sum)
		add(sum, packet);
	return 0;
}

static __always_inline int on_request(struct sock *listener, struct sk_buff *packet)
{
	if (!listener_is_full(listener))
		return 0;
	return on_overflow(listener, packet, BPF_CORE_READ(packet, dev));
}

SEC("fentry/tcp_conn_request")
int drop_request_fentry(u64 *ctx)
{
	return on_request((void *)ctx[2], (void *)ctx[3]);
}

SEC("kprobe/tcp_conn_request")
int drop_request_kprobe(struct user_registers *ctx)
{
	return on_request((void *)ctx->dx, (void *)ctx->cx);
}

/*
 * Where no function can be attached to. The listener is done with a request when it is consumed, refused or not. The packet has
 * lost its device by then and was never given the listener; both are found in the kernel's tables. Which of several that share a port it
 * was for is not known: it was refused if one of them is full and they have refused one more than before.
 */
static __always_inline bool is_refused(const struct listener_question *question)
{
	struct sock *full = (void *)question->full;
	u32 *before;
	u64 group;

	if (!full || question->count == 1)
		return full;
	group = (u64)BPF_CORE_READ(full, sk_reuseport_cb);
	before = bpf_map_lookup_elem(&drop_refused, &group);
	if (question->refused == (before ? *before : 0))
		return false;
	bpf_map_update_elem(&drop_refused, &group, &question->refused, BPF_ANY);
	return true;
}

/* False: it is none of TCP. */
static __always_inline bool ask_of_request(struct listener_question *question, const u8 *head, const u8 *ports)
{
	question->port = ports[2] << 8 | ports[3];
	if (head[0] >> 4 == 4) {
		question->family = AF_INET;
		__builtin_memcpy(&question->address[3], head + 16, 4);
		return head[9] == IPPROTO_TCP;
	}
	question->family = AF_INET6;
	__builtin_memcpy(question->address, head + 24, 16);
	return head[6] == IPPROTO_TCP;
}

static __always_inline int on_consumed(struct sk_buff *packet, u64 route)
{
	struct net *net = BPF_CORE_READ((struct dst_entry *)route, dev, nd_net.net);
	const unsigned char *at = packet->head;
	struct listener_question *question;
	u8 head[40], ports[14];
	u32 zero = 0;

	if (bpf_probe_read_kernel(ports, sizeof(ports), at + packet->transport_header) ||
	    (ports[13] & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
	    bpf_probe_read_kernel(head, sizeof(head), at + packet->network_header))
		return 0;
	question = bpf_map_lookup_elem(&listener_questions, &zero);
	if (!question)
		return 0;
	__builtin_memset(question, 0, sizeof(*question));
	question->net = (u64)net;
	question->interface = packet->skb_iif;
	if (!ask_of_request(question, head, ports) || !listener_ask(0) || !is_refused(question))
		return 0;
	return on_overflow((void *)question->full, packet, device_find(net, question->interface));
}

SEC("tp_btf/consume_skb")
int drop_request_consumed(u64 *ctx)
{
	struct sk_buff *packet = (void *)ctx[0];
	u64 route = packet->_skb_refdst & ~1UL;

	if (packet->dev || !route)
		return 0;
	if (packet->protocol != __builtin_bswap16(ETH_P_IP) && packet->protocol != __builtin_bswap16(ETH_P_IPV6))
		return 0;
	return on_consumed(packet, route);
}

/* Where that cannot be: at what comes for any socket. Always allowed. */
SEC("cgroup_skb/ingress")
int drop_request_cgroup(struct __sk_buff *ctx)
{
	const u8 *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_sock *sock = ctx->sk;
	u32 header;

	if (!sock || sock->state != TCP_LISTEN || at + 40 > end)
		return 1;
	header = at[0] >> 4 == 4 ? (at[0] & 15) * 4 : 40;
	at += header & 63;
	if (at + 14 > end || (at[13] & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return 1;
	on_request(BPF_CORE_READ((struct sk_buff *)ctx, sk), (void *)ctx);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
