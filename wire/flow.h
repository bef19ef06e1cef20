/* Datagrams that a process exchanged with a peer, folded in the kernel by socket, process and peer. */
#ifndef SONDE_WIRE_FLOW_H
#define SONDE_WIRE_FLOW_H

#include "net.h"

/*
 * As of a connection, but since the record before: sent and received are payload, of ICMP its messages; segments are
 * datagrams; duration_ns is from the first of them to the last, which was at record.time. No peer: where it came from
 * is not known.
 */
#define flow_record connection_record

/* At once, in each of two halves that take turns. */
#define FLOW_SLOTS 8192
/* Places of the table in which flows are found; a power of two. */
#define FLOW_PLACES 16384

/* Addresses are IPv6, or mapped IPv4, and zeros if not known. */
struct flow_key {
	u64 sock;
	u64 peer[2];
	u32 pid;
	u16 peer_port;
	u8 transport;		/* NET_* */
	u8 padding;
};
RECORD_SIZE(struct flow_key, 32);

struct flow_slot {
	struct flow_key key;
	u64 sent;
	u64 received;
	u64 packets_sent;
	u64 packets_received;
	u64 last_tick;		/* jiffies */
	u64 first_tick;
	u64 first;		/* 0: the slot is free, or not yet filled in */
	u64 claims;		/* how often somebody wanted the slot: the first has it */
	u64 local[2];
	u64 start;
	u64 cgroup;
	u64 cookie;
	u32 tid;
	u32 uid;
	u32 gid;
	u32 network_namespace;
	u16 local_port;
	u16 padding[3];
};
RECORD_SIZE(struct flow_slot, 160);

struct flow_books {
	u64 turn;		/* its last bit: the half that is written */
	u64 used[2];		/* slots claimed in each half, and beyond its end if there were not enough */
};
RECORD_SIZE(struct flow_books, 24);

#endif
