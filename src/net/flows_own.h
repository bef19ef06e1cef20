/* What the parts of the table share: flows.c (what comes in), flows_join.c (which ends belong together), flows_tell.c (what goes out). */
#ifndef NET_FLOWS_OWN_H
#define NET_FLOWS_OWN_H

#include "net/flows.h"

struct counts {
	u64 sent, received;
	u32 packets_sent, packets_received;
	u32 retransmits;
};

struct amounts {
	u64 sent, received;
	u32 retransmits;
};

/* One socket's view of a connection. */
struct half {
	struct half *same;		/* between the same two endpoints, whichever way round, in any network namespace */
	struct half *other;		/* the other end, if it is here too */
	struct half *newer, *older;	/* by use */
	struct half *lone_next, **lone_link;	/* among those without the other end; lone_link NULL: not in it */
	struct half *waiting_next, **waiting_link;	/* among those that ended and are not told of yet, likewise */
	struct endpoint local, peer;
	u32 sequence_out, sequence_in;	/* as of struct connection_record */
	u32 network_namespace;
	u8 transport;			/* NET_* */
	u8 direction;			/* NET_OUT, NET_IN; 0: not known */
	u8 leaning;			/* of datagrams likewise: first it only sent, or only received */
	u8 closed_by;			/* NET_CLOSED_* */
	bool sure;			/* who owns it is known for sure */
	bool established;		/* as far as is known; else an attempt that failed */
	bool ended;
	u8 looking;			/* of datagrams: turns in which another end is looked for */
	bool translated;		/* conntrack knows it by other addresses, those of `away` */
	u8 asked;			/* times conntrack was */
	s32 error;			/* positive */
	u32 rtt_us;
	u64 stalled;
	u32 last_turn;			/* in which it ended */
	u64 begun, since, last;		/* when it was tried; established (0: not known); used last, or ended */
	u64 latency;
	struct counts now;
	struct amounts mark, recent;	/* at the last mark; what came between the last two */
	struct party *party;
	struct endpoint away[2];	/* the other end's own address, and this end's as the other one sees it */
};

/* An end that has been told of and is in the table no more, for the packets that are dropped with it or after it. */
struct past_end {
	struct endpoint local, peer;
	u64 key, last;
	u32 network_namespace;
	bool client;
	struct party *party;		/* held */
};

#define PAST_ENDS 4096

/* Drops of one sort, for those who look at what happens now. */
struct sort_of_drop {
	struct sort_of_drop *newer, *older;
	u64 key;
	u64 packets, bytes, mark, recent;
	struct flow flow;		/* the last record of it; its parties are held */
	char function[64];
};

#define DROP_SORTS 2048
#define LONE_SORTS 2

struct flows {
	struct flows_options options;
	struct parties parties;
	struct table pairs;		/* hash of two endpoints -> struct half */
	u64 seed;
	struct half *newest, *oldest;
	size_t count;
	struct half *lone[LONE_SORTS];	/* those that connected; the others */
	struct half *waiting, **waiting_end;
	u32 turns;
	struct table drops;
	struct sort_of_drop *newest_drop, *oldest_drop;
	struct past_end past[PAST_ENDS];	/* a ring */
	u32 past_count;
	struct table past_by_key;
	u64 forgotten, drops_forgotten;
	u64 now;			/* of the latest record */
	u64 rested;			/* when datagrams were last looked at for their end */
};

/* flows.c */
void flows_drop_half(struct flows *flows, struct half *half);
u64 flows_pair(const struct flows *flows, const struct endpoint *one, const struct endpoint *other, u8 transport);

/* flows_join.c */
void flows_lone(struct flows *flows, struct half *half, bool lone);
/* The other end, if it is known by now. */
void flows_join(struct flows *flows, struct half *half);
/* Of those that look for their other end. */
void flows_join_datagrams(struct flows *flows);
/* Asks conntrack about the lonely, some at a time. */
void flows_ask(struct flows *flows);

/* flows_tell.c */
bool flows_is_client(const struct half *half);
bool flows_is_shown(const struct half *half);
/* What came since the mark. */
struct amounts flows_recent(const struct half *half);
void flows_make(struct flow *flow, const struct half *half);
void flows_tell(struct flows *flows, struct half *half);
/* A connect to a Unix socket: all that is known of it. */
void flows_tell_unix(struct flows *flows, const struct connection_record *record, const struct bytes *path);

/* flows_drops.c */
void flows_note_past(struct flows *flows, const struct half *half);
void flows_dropped(struct flows *flows, const struct event *event);
void flows_each_drop(struct flows *flows, void (*visit)(void *context, const struct flow *flow), void *context);
void flows_mark_drops(struct flows *flows);
void flows_free_drops(struct flows *flows);

#endif
