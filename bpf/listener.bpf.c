// SPDX-License-Identifier: GPL-2.0
/*
 * Listeners in the kernel's own table, found by a mixture of network namespace, address and port, the way the kernel itself asks
 * (inet_lookup_listener).
 */
#include "lib/listener.h"

#define LISTENERS_MOST 32	/* that are looked at in one bucket */
#define JHASH_BEGIN 0xdeadbeef

/* One a CPU: requests are dealt with in softirqs, of which a CPU does one after the other. */
struct listener_questions_map listener_questions SEC(".maps");

#define ROTATED(value, by) ((value) << (by) | (value) >> (32 - (by)))

/* The end of the kernel's jhash. */
static __always_inline u32 jhash_end(u32 a, u32 b, u32 c)
{
	c ^= b; c -= ROTATED(b, 14);
	a ^= c; a -= ROTATED(c, 11);
	b ^= a; b -= ROTATED(a, 25);
	c ^= b; c -= ROTATED(b, 16);
	a ^= c; a -= ROTATED(c, 4);
	b ^= a; b -= ROTATED(a, 14);
	c ^= b; c -= ROTATED(b, 24);
	return c;
}

static __always_inline u32 jhash_of_one(u32 word, u32 mix)
{
	u32 begin = JHASH_BEGIN + (1 << 2) + mix;

	return jhash_end(begin + word, begin, begin);
}

static __always_inline u32 jhash_of_four(const u32 *words, u32 mix)
{
	u32 a = JHASH_BEGIN + (4 << 2) + mix, b = a, c = a;

	a += words[0];
	b += words[1];
	c += words[2];
	a -= c; a ^= ROTATED(c, 4); c += b;
	b -= a; b ^= ROTATED(a, 6); a += c;
	c -= b; c ^= ROTATED(b, 8); b += a;
	a -= c; a ^= ROTATED(c, 16); c += b;
	b -= a; b ^= ROTATED(a, 19); a += c;
	c -= b; c ^= ROTATED(b, 4); b += a;
	return jhash_end(a + words[3], b, c);
}

static __always_inline u64 bucket_of(struct net *net, u32 hash)
{
	struct inet_hashinfo *table = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	u32 index = hash & BPF_CORE_READ(table, lhash2_mask);
	u64 bucket = (u64)BPF_CORE_READ(table, lhash2) + (u64)index * bpf_core_type_size(struct inet_listen_hashbucket);

	return (u64)BPF_CORE_READ((struct inet_listen_hashbucket *)bucket, nulls_head.first);
}

static __always_inline bool is_bound_to(struct sock *sock, const struct listener_question *question, bool any)
{
	u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);
	u32 bound[4] = {};

	if (family == AF_INET)
		bound[3] = BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO((struct in6_addr *)bound, sock, __sk_common.skc_v6_rcv_saddr);
	if (family == AF_INET && question->family != AF_INET)
		return false;
	if (family != AF_INET && question->family == AF_INET) {
		if (BPF_CORE_READ_BITFIELD_PROBED(sock, __sk_common.skc_ipv6only))
			return false;
		if (bound[2] == 0xffff0000)
			bound[2] = 0;
	}
	if (any)
		return !(bound[0] | bound[1] | bound[2] | bound[3]);
	return bound[0] == question->address[0] && bound[1] == question->address[1] && bound[2] == question->address[2] &&
	       bound[3] == question->address[3];
}

/* By which member listeners hang in their bucket. */
static __always_inline u64 listener_link(void)
{
	if (bpf_core_field_exists(struct inet_connection_sock, icsk_listen_portaddr_node))
		return bpf_core_field_offset(struct inet_connection_sock, icsk_listen_portaddr_node);
	return bpf_core_field_offset(struct sock, __sk_common.skc_nulls_node);
}

/* A step of the walk; a function that the verifier looks at once. */
__noinline u32 listener_step(u32 any)
{
	u32 zero = 0, device;
	struct listener_question *question = bpf_map_lookup_elem(&listener_questions, &zero);
	struct hlist_node *node;
	struct sock *sock;

	if (!question || question->next & 1 || !question->next)
		return 0;
	node = (void *)question->next;
	sock = (void *)node - listener_link();
	question->next = (u64)BPF_CORE_READ(node, next);
	if (BPF_CORE_READ(sock, __sk_common.skc_num) != question->port ||
	    (u64)BPF_CORE_READ(sock, __sk_common.skc_net.net) != question->net ||
	    BPF_CORE_READ(sock, __sk_common.skc_state) != TCP_LISTEN || !is_bound_to(sock, question, any))
		return 1;
	device = BPF_CORE_READ(sock, __sk_common.skc_bound_dev_if);
	if (device && device != question->interface)
		return 1;
	question->count++;
	question->refused += BPF_CORE_READ(sock, sk_drops.counter);
	if (listener_is_full(sock))
		question->full = (u64)sock;
	return 1;
}

static __always_inline void listener_walk(struct listener_question *question, u32 hash, u32 any)
{
	question->next = bucket_of((void *)question->net, hash ^ question->port);
	for (int i = 0; i < LISTENERS_MOST; i++)
		if (!listener_step(any))
			break;
}

/* Those bound to the address come before those bound to any. */
__noinline u32 listener_ask(u32 zero)
{
	struct listener_question *question = bpf_map_lookup_elem(&listener_questions, &zero);
	struct net *net;
	bool one;
	u32 mix;

	if (!question)
		return 0;
	net = (void *)question->net;
	mix = BPF_CORE_READ(net, hash_mix);
	one = question->family == AF_INET;
	listener_walk(question, one ? jhash_of_one(question->address[3], mix) : jhash_of_four(question->address, mix), false);
	if (!question->count)
		listener_walk(question, jhash_of_one(0, mix), true);
	return question->count;
}

char LICENSE[] SEC("license") = "GPL";
