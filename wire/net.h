/* Records of connections: attempted, accepted, listened for, still open, ended. One shape serves all. */
#ifndef SONDE_WIRE_NET_H
#define SONDE_WIRE_NET_H

#include "record.h"

#define NET_TCP 1
#define NET_UDP 2
#define NET_UNIX 3
#define NET_ICMP 4

#define NET_OUT 1		/* this side connected */
#define NET_IN 2		/* this side accepted */

/* Ports from here on are given out to clients, as a rule. */
#define NET_EPHEMERAL 32768

/* Who ended it. */
#define NET_CLOSED_LOCAL 1	/* this side sent the first FIN */
#define NET_CLOSED_PEER 2
#define NET_CLOSED_RESET 3	/* the peer reset it */
#define NET_CLOSED_ABORT 4	/* this side reset it, unread data or SO_LINGER */
#define NET_CLOSED_TIMEOUT 5

/* Of a record's state: it was tried, and not answered yet. */
#define NET_SYN_SENT 2

/* Connections that are found without a table: a power of two (bpf/lib/connection.h). */
#define CONNECTION_PLACE_BITS 12

struct connection_record {
	struct record record;
	u8 local[16];		/* IPv6, or IPv4 in the first four bytes */
	u8 peer[16];
	u16 local_port;
	u16 peer_port;
	u16 family;		/* AF_INET also for IPv4 in an IPv6 socket */
	u8 transport;		/* NET_* */
	u8 direction;
	u32 network_namespace;
	s32 error;		/* negative errno; 1: not known */
	u8 closed_by;
	u8 state;		/* the kernel's TCP_*, of one that is open */
	u8 zero_window;		/* the peer has no room for more, now */
	u8 padding;
	u32 backlog;		/* of a listener */
	u64 latency_ns;		/* of the handshake; 0: not known */
	u64 duration_ns;	/* since it was established; 0: not known */
	u64 sent;		/* payload, without retransmissions */
	u64 received;
	u32 segments_sent;
	u32 segments_received;
	u32 retransmits;
	u32 rtt_us;		/* smoothed */
	u64 cookie;
	u64 stalled_ns;		/* there was something to send, and the peer had no room for it */
	/* Of TCP: about where the sequence numbers of either direction began, the same at both ends. Both 0: not known. */
	u32 sequence_out;
	u32 sequence_in;
};
RECORD_SIZE(struct connection_record, 176);

#define connect_record connection_record
#define accept_record connection_record
#define listen_record connection_record
#define close_record connection_record
#define live_record connection_record

#endif
