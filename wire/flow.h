/* Datagrams that a process exchanged with a peer, folded in the kernel by socket, process and peer. */
#ifndef SONDE_WIRE_FLOW_H
#define SONDE_WIRE_FLOW_H

#include "net.h"

/*
 * As of a connection, but since the record before: sent and received are payload, of ICMP its messages; segments are datagrams;
 * duration_ns is from the first of them to the last, which was at record.time. No peer: where it came from is not known.
 */
#define flow_record connection_record

/* Addresses are IPv6, or mapped IPv4, and zeros if not known. */
struct flow_key {
	u64 sock;
	u64 peer[2];
	u32 pid;
	u16 peer_port;
	u8 transport;		/* NET_* */
	u8 epoch;		/* two take turns, as in hist.h */
};
RECORD_SIZE(struct flow_key, 32);

struct flow_sum {
	u64 sent;
	u64 received;
	u64 packets_sent;
	u64 packets_received;
	u64 last;
	u64 first;
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
RECORD_SIZE(struct flow_sum, 112);

#endif
