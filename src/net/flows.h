/*
 * Connections and flows of the machine, put together from what the kernel tells of sockets. A connection whose two ends are both here is
 * one: found by their addresses, within a network namespace or across them, and through NAT by what conntrack knows.
 *
 * Memory has a limit. Beyond it the ends used longest ago are forgotten, and counted; what the kernel tells as they close is the whole
 * ledger, so they are only missing while they are open.
 */
#ifndef NET_FLOWS_H
#define NET_FLOWS_H

#include "event/event.h"
#include "net/flow.h"
#include "wire/net.h"

/* Ends of connections that are known at once: 100,000 connections within the machine, and as many again to elsewhere. */
#define FLOWS_ENDS 300000

struct flows;

struct flows_options {
	struct identity *identity;	/* not owned */
	size_t most;			/* ends; 0: FLOWS_ENDS */
	bool unix_sockets;		/* connects to them are told of too */
	/* A connection or attempt that ended, datagrams that came to rest, a record of drops. Once each. */
	void (*told)(void *context, const struct flow *flow);
	void *context;
	/* Who is behind an address translation; NULL: nobody is asked. See conntrack.h. */
	struct conntrack *conntrack;
};

struct flows *flows_new(const struct flows_options *options);
void flows_free(struct flows *flows);

/* After identity_complete. */
void flows_event(struct flows *flows, const struct event *event);
/* A connection as it stands. */
void flows_standing(struct flows *flows, const struct connection_record *connection);
/* After each look at what stands, about once a second: joins what is to be joined, and tells what waited for that. */
void flows_turn(struct flows *flows, u64 now);
/* Nothing more will come: what is still waiting is told. */
void flows_end(struct flows *flows);

/* Each that is open, the ones used last first, then recent drops. */
void flows_each(struct flows *flows, void (*visit)(void *context, const struct flow *flow), void *context);
/* What came since the last mark is what is recent, until the next. */
void flows_mark(struct flows *flows);

struct flows_count {
	u64 ends;		/* known now */
	u64 forgotten;		/* ends, for want of room */
	u64 drops_forgotten;	/* sorts of drops, likewise: told of one by one, but not kept */
	size_t memory;		/* bytes */
};
struct flows_count flows_count(const struct flows *flows);

#endif
