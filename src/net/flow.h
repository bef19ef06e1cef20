/*
 * What is told of: a connection with both its ends, datagrams that two exchanged, packets that were dropped. Whoever shows, filters or
 * adds up flows sees this and nothing else. It is made when it is asked for and good only during the call that hands it over.
 */
#ifndef NET_FLOW_H
#define NET_FLOW_H

#include "net/endpoint.h"
#include "net/party.h"

enum flow_kind {
	FLOW_CONNECTION,
	FLOW_DATAGRAMS,
	FLOW_DROP,
	FLOW_KINDS,
};

enum flow_verdict {
	FLOW_FORWARDED,
	FLOW_DROPPED,
	FLOW_DENIED,		/* a policy said no: EPERM, EACCES */
	FLOW_FAILED,		/* refused, timed out, no way there, ... */
	FLOW_PENDING,		/* not answered yet */
	FLOW_VERDICTS,
};

/* By enum flow_kind and so on; these end with NULL. */
extern const char *const flow_kind_names[];
extern const char *const flow_verdict_names[];
extern const char *const flow_state_names[];
extern const char *const flow_close_names[];	/* without FLOW_CLOSE_UNKNOWN */

enum flow_close {
	FLOW_CLOSE_UNKNOWN,
	FLOW_CLOSED_BY_CLIENT,
	FLOW_CLOSED_BY_SERVER,
	FLOW_RESET_BY_CLIENT,
	FLOW_RESET_BY_SERVER,
	FLOW_TIMED_OUT,
};

/* Beside IPPROTO_*: none of them has this number. */
#define FLOW_UNIX 254

struct flow_end {
	struct endpoint at;
	u32 network_namespace;		/* 0: not known */
	bool here;			/* its socket is one of this machine's; else nothing of the below */
	bool counted;			/* what it sent and so on is known */
	const struct party *party;	/* NULL: not known */
	u64 sent, received;		/* payload, as this end counts it */
	u32 packets_sent, packets_received;
	u32 retransmits;
	u32 rtt_us;
};

/* Of a drop the client is the source and the server the destination, unless a connection tells that it is the other way. */
struct flow {
	enum flow_kind kind;
	enum flow_verdict verdict;
	u64 connections;		/* that it stands for; 0: it is one by itself */
	u8 transport;			/* IPPROTO_*, FLOW_UNIX; 0: none of IP */
	bool open;
	bool backwards;			/* drop: from the server to the client */
	struct flow_end client, server;
	struct endpoint dialled;	/* the server as the client called it, if that was translated; family 0: it was not */
	struct endpoint appeared;	/* the client as the server saw it, likewise */
	u64 begun, last, duration;	/* boot clock; `begun` 0: before sonde, not known when */
	u64 latency;			/* of the handshake, ns; 0: not known */
	u64 to_server, to_client;	/* payload bytes */
	u64 recent_to_server, recent_to_client;	/* of those, between the last two marks (flows_mark); of what ended, since the last */
	u32 recent_retransmits;
	u32 rtt_us, retransmits;
	u64 stalled;			/* ns in which an end had something to send and the other no room for it */
	s32 error;			/* positive errno */
	enum flow_close close;
	const char *path;		/* of the server, if it is a Unix socket: any bytes */
	size_t path_length;
	/* drops */
	u32 network_namespace;		/* in which it happened, which need not be that of an end; 0: not known */
	const char *reason, *function;	/* NULL: not known */
	char interface[17];
	u64 packets, bytes, recent_packets;
};

/* Is the socket of a dropped packet the one that should have had it? Else it sent it. Both may be NULL. */
bool flow_is_receivers(const char *reason, const char *function);
/* Of an attempt that has failed nobody tells how many segments it took, or how often it asked again. */
bool flow_knows_segments(const struct flow *flow);
const char *flow_close_name(enum flow_close close);	/* NULL: not known */
const char *flow_state_name(const struct flow *flow);	/* NULL: a drop has none */
const char *flow_transport_name(u8 transport, char buffer[static 8]);

#endif
