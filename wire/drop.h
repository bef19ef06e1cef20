/* Packets that the kernel dropped, folded by why, where and between whom. */
#ifndef SONDE_WIRE_DROP_H
#define SONDE_WIRE_DROP_H

#include "record.h"

enum drop_string {
	DROP_FUNCTION,		/* the kernel's function that dropped it */
	DROP_STRINGS,
};

#define DROP_NO_REASON (~0U)	/* this kernel does not say; the function must do */
#define DROP_LISTEN_OVERFLOW (~1U)	/* the kernel is silent: a request found the backlog full */

struct drop_key {
	u64 location;
	u32 reason;		/* the kernel's skb_drop_reason */
	u32 network_namespace;	/* 0: not known */
	u32 interface;		/* its number there; 0: none */
	u16 source_port;	/* ICMP: type << 8 | code, and 0 */
	u16 destination_port;
	u8 source[16];		/* IPv6, or IPv4 in the first four bytes */
	u8 destination[16];
	u16 family;		/* 0: not IP, and no addresses */
	u8 protocol;		/* IPPROTO_*; or 0 */
	u8 epoch;		/* two take turns, as in hist.h */
	u16 ethertype;
	u16 padding;
};
RECORD_SIZE(struct drop_key, 64);

/* Whose socket it is that has the owner, as its port tells. */
#define DROP_SENDER 1
#define DROP_RECEIVER 2

/* Of a socket. */
struct drop_owner {
	u64 start;
	u64 cgroup;
	u32 pid;		/* 0: not known */
	u32 tid;
	u32 uid;
	u32 gid;
};
RECORD_SIZE(struct drop_owner, 32);

struct drop_sum {
	u64 count;
	u64 bytes;
	u64 first;
	u64 last;
	u64 sock;		/* whose owner has yet to be found; 0: none */
	u64 start;		/* the owner of its socket; pid 0: not known */
	u64 cgroup;
	u32 pid;
	u32 tid;
	u32 uid;
	u32 gid;
	char interface[16];
	u32 side;		/* of its owner, or of sock: DROP_*; 0: not known */
	u32 padding;
};
RECORD_SIZE(struct drop_sum, 96);

/* record.time is of the last one. */
struct drop_record {
	struct record record;
	struct drop_key key;
	u64 count;
	u64 bytes;
	u64 first;
	char interface[16];
	u32 side;		/* as of struct drop_sum */
	u32 padding;
};
RECORD_SIZE(struct drop_record, 160);

#endif
