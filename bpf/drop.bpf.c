// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that the kernel drops, at the one tracepoint behind kfree_skb(). A flood of drops must cost little, so they are
 * folded here by reason, place and flow; user space takes the sums down about every second. Reasons that are part of
 * normal work are left out by their number, which user space looks up by name (settings.benign_drops). Packets that only
 * move between sockets of one machine (Unix, netlink) are none.
 */
#include "lib/net.h"
#include "../wire/drop.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
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

/* The socket that sent it, else the one that listens where it goes to. */
static __always_inline void find_owner(struct drop_sum *sum, const struct drop_key *key, struct sk_buff *packet)
{
	u64 sock = (u64)BPF_CORE_READ(packet, sk), net = (u64)BPF_CORE_READ(packet, dev, nd_net.net), any;
	struct connection *connection = sock ? bpf_map_lookup_elem(&connections, &sock) : NULL;
	struct owner *owner;
	u32 address;

	if (connection) {
		copy_owner(sum, &connection->owner);
		return;
	}
	if (sock || key->protocol != IPPROTO_TCP || key->family != AF_INET)
		return;
	any = net << 16 | __builtin_bswap16(key->destination_port);
	__builtin_memcpy(&address, key->destination, sizeof(address));
	net = any + address * 0x9e3779b97f4a7c15ULL;
	owner = bpf_map_lookup_elem(&listeners, &net);
	owner = owner ? owner : bpf_map_lookup_elem(&listeners, &any);
	if (owner)
		copy_owner(sum, owner);
}

static __always_inline void describe(struct drop_sum *sum, const struct drop_key *key, struct sk_buff *packet)
{
	struct net_device *device = BPF_CORE_READ(packet, dev);

	sum->first = bpf_ktime_get_boot_ns();
	if (device)
		bpf_probe_read_kernel_str(sum->interface, sizeof(sum->interface), device->name);
	find_owner(sum, key, packet);
}

static __always_inline struct drop_sum *sum_of(const struct drop_key *key, struct sk_buff *packet)
{
	struct drop_sum *sum = bpf_map_lookup_elem(&drops, key);
	struct drop_sum fresh = {};

	if (sum)
		return sum;
	describe(&fresh, key, packet);
	if (settings.scope != SCOPE_ALL && !fresh.pid)
		return NULL;
	bpf_map_update_elem(&drops, key, &fresh, BPF_NOEXIST);
	sum = bpf_map_lookup_elem(&drops, key);
	if (!sum && emit_begin(KIND_drop, false))
		emit_lost(KIND_drop, LOSS_TABLE_FULL);
	return sum;
}

static __always_inline int on_drop(struct sk_buff *packet, u64 location, u32 reason)
{
	struct net_device *device = BPF_CORE_READ(packet, dev);
	u16 ethertype = __builtin_bswap16(BPF_CORE_READ(packet, protocol));
	struct drop_key key = { .location = location, .reason = reason };
	struct sock *sock = BPF_CORE_READ(packet, sk);
	u32 zero = 0, *epoch = bpf_map_lookup_elem(&drop_epoch, &zero);
	struct drop_sum *sum;

	if (is_benign(reason) || !epoch || !ethertype || (!device && !sock))
		return 0;
	key.epoch = *epoch & 1;
	key.ethertype = ethertype;
	if (device) {
		key.interface = BPF_CORE_READ(device, ifindex);
		key.network_namespace = BPF_CORE_READ(device, nd_net.net, ns.inum);
	} else {
		key.network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	}
	if (ethertype == ETH_P_IP || ethertype == ETH_P_IPV6)
		read_packet(&key, packet);
	sum = sum_of(&key, packet);
	if (!sum)
		return 0;
	__sync_fetch_and_add(&sum->count, 1);
	__sync_fetch_and_add(&sum->bytes, BPF_CORE_READ(packet, len));
	sum->last = bpf_ktime_get_boot_ns();
	return 0;
}

/* Reasons are told of since 5.17 (c504e5c2f964). */
SEC("raw_tp/kfree_skb")
int drop_raw(struct bpf_raw_tracepoint_args *ctx)
{
	u32 reason = bpf_core_type_exists(enum skb_drop_reason) ? ctx->args[2] : DROP_NO_REASON;

	return on_drop((void *)ctx->args[0], ctx->args[1], reason);
}

char LICENSE[] SEC("license") = "GPL";
