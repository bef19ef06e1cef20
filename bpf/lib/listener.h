/*
 * For whom a request for a connection was, asked of the kernel's own table of listeners. For a hook that is not given the socket. The
 * walk itself is in listener.bpf.c.
 */
#ifndef SONDE_BPF_LISTENER_H
#define SONDE_BPF_LISTENER_H

#include "net.h"

/* What is looked for, and what is found. */
struct listener_question {
	u64 net;
	u32 address[4];		/* IPv4 in the last, the first zero */
	u32 interface;
	u16 port;
	u16 family;
	u32 count;		/* listeners that could be meant */
	u32 refused;		/* by all of them, ever */
	u64 full;		/* one whose backlog is full */
	u64 next;		/* where the walk is; odd at its end */
};

struct listener_questions_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct listener_question);
};

extern struct listener_questions_map listener_questions SEC(".maps");

/* Answers the question of this CPU, at index 0: how many listeners could be meant. */
extern u32 listener_ask(u32 zero);

static __always_inline bool listener_is_full(struct sock *listener)
{
	return BPF_CORE_READ(listener, sk_ack_backlog) > BPF_CORE_READ(listener, sk_max_ack_backlog);
}

#define DEVICES_MOST 16		/* that are looked at in one bucket */
#define DEVICE_BUCKETS 256

/* A network device by its number, as the kernel finds it. */
static __always_inline struct net_device *device_find(struct net *net, u32 number)
{
	struct hlist_head *buckets = BPF_CORE_READ(net, dev_index_head);
	struct hlist_node *node = BPF_CORE_READ(&buckets[number % DEVICE_BUCKETS], first);

	for (int i = 0; i < DEVICES_MOST && node; i++) {
		struct net_device *device = (void *)node - bpf_core_field_offset(struct net_device, index_hlist);

		if ((u32)BPF_CORE_READ(device, ifindex) == number)
			return device;
		node = BPF_CORE_READ(node, next);
	}
	return NULL;
}

#endif
