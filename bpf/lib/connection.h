/*
 * Ends of TCP connections, from the first state change that is seen to the last, by the address of their socket. A
 * connection takes a few microseconds in all, and a hash table a tenth of one for each operation; so most lie in an array, at
 * a place that the address says. Of those that meet at a place the first has it, and the others go to a table. One whose end
 * was missed stays until a new socket has its address.
 */
#ifndef SONDE_BPF_CONNECTION_H
#define SONDE_BPF_CONNECTION_H

#include "emit.h"
#include "../../wire/net.h"

#define EEXIST 17

/* Who: as a record says it. */
struct owner {
	u64 start;
	u64 cgroup;
	u32 pid;
	u32 tid;
	u32 uid;
	u32 gid;
};

struct connection {
	u64 sock;		/* 0: a place that is free, or about to be taken */
	u32 claims;		/* of a place: how many want it */
	u32 crowded;		/* of a place: others that belong here are in the table, or were */
	struct owner owner;
	u64 since;		/* when connect was called, then when it was established; 0: not known */
	u32 sampled;		/* a sum that changes with what is told of it, as last told (tcp_sample.bpf.c) */
	u8 direction;
	u8 sure;		/* the owner acted on this very socket; else it is the listener's */
	u8 padding[2];
};
_Static_assert(sizeof(struct connection) == 64, "a place is a line of the cache");

struct connection_places_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);	/* begins with a line of the cache */
	__uint(max_entries, 1);			/* set by user space, like the next */
	__type(key, u32);
	__type(value, struct connection);
};

struct connections_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct connection);
};

/*
 * 1 once there may be connections in the table. User space takes it back before it walks over the table, which is long even
 * when it is empty, and the walk sets it again if it finds any.
 */
struct connections_there_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
};

extern struct connection_places_map connection_places SEC(".maps");
extern struct connections_map connections SEC(".maps");
extern struct connections_there_map connections_there SEC(".maps");

/* Mostly read: a write each time would go from processor to processor. */
static __always_inline void connections_are_there(void)
{
	u32 zero = 0, *there = bpf_map_lookup_elem(&connections_there, &zero);

	if (there && !*there)
		*there = 1;
}

/* A pointer is no number to calculate with, to the verifier, but half of it is. */
static __always_inline u32 low_half(u64 address)
{
	register u64 whole asm("r1") = address;
	register u64 half asm("r0");

	asm volatile("w0 = w1" : "=r"(half) : "r"(whole));
	return half;
}

static __always_inline struct connection *connection_place(u64 sock)
{
	u32 place = low_half(sock) * 0x9e3779b1U >> (32 - CONNECTION_PLACE_BITS);

	return bpf_map_lookup_elem(&connection_places, &place);
}

static __always_inline struct connection *connection_find(u64 sock)
{
	struct connection *place = connection_place(sock);

	if (place && place->sock == sock)
		return place;
	return place && place->crowded ? bpf_map_lookup_elem(&connections, &sock) : NULL;
}

static __always_inline void connection_fill(struct connection *place, const struct connection *from)
{
	place->owner = from->owner;
	place->since = from->since;
	place->sampled = 0;
	place->direction = from->direction;
	place->sure = from->sure;
}

/*
 * There is no instruction in all kernels that adds and tells what was there, so two CPUs can see the same number; then neither
 * has the place.
 */
static __always_inline bool connection_claim(struct connection *place)
{
	if (place->claims)
		return false;
	__sync_fetch_and_add(&place->claims, 1);
	if (*(volatile u32 *)&place->claims == 1)
		return true;
	__sync_fetch_and_add(&place->claims, -1);
	return false;
}

/* `how` as of an update of a map: BPF_ANY, or BPF_NOEXIST, which leaves one that is there as it is. */
static __always_inline void connection_note(u64 sock, struct connection *connection, u64 how)
{
	struct connection *place = connection_place(sock);
	long error;

	if (place && place->sock == sock) {
		if (how == BPF_ANY)
			connection_fill(place, connection);
		return;
	}
	if (place && !(place->crowded && bpf_map_lookup_elem(&connections, &sock)) && connection_claim(place)) {
		connection_fill(place, connection);
		*(volatile u64 *)&place->sock = sock;
		return;
	}
	if (place)
		place->crowded = 1;
	connection->sock = sock;
	error = bpf_map_update_elem(&connections, &sock, connection, how);
	if (error && error != -EEXIST)
		emit_failed(FAILURE_CONNECTION);
	connections_are_there();
}

static __always_inline void connection_forget(u64 sock)
{
	struct connection *place = connection_place(sock);

	if (place && place->sock == sock) {
		*(volatile u64 *)&place->sock = 0;
		__sync_fetch_and_add(&place->claims, -1);
	} else if (place && place->crowded) {
		bpf_map_delete_elem(&connections, &sock);
	}
}

#endif
