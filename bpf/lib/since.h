/*
 * Since when each thread waits, for hooks that run a million times a second: an array that the verifier turns into
 * plain loads, instead of a hash table. A thread's number chooses a set of four slots and, with the bits that are left,
 * tells which is its own; the other 56 bits are the time. A set that is full forgets one: its end is then counted as
 * unmatched.
 */
#ifndef SONDE_BPF_SINCE_H
#define SONDE_BPF_SINCE_H

#include "histogram.h"

#define SINCE_WAYS 4
#define SINCE_TAG_BITS 8	/* thread numbers end at 2^22 */

struct since_set {
	u64 slots[SINCE_WAYS];	/* time << SINCE_TAG_BITS | tag; 0: free */
};

struct since_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct since_set);
};

extern struct since_map since SEC(".maps");

static __always_inline struct since_set *since_set_of(u32 tid)
{
	u32 set = tid & (SINCE_SETS - 1);

	return bpf_map_lookup_elem(&since, &set);
}

static __always_inline u8 since_tag(u32 tid)
{
	return tid >> SINCE_SETS_BITS;
}

#define since_has(set, i, tag) ((set)->slots[i] && (u8)(set)->slots[i] == (tag))

/* With `keep`, a wait that has begun goes on. */
static __always_inline void since_begin(u32 tid, u64 now, bool keep)
{
	struct since_set *set = since_set_of(tid);
	u8 tag = since_tag(tid);
	u64 slot = now << SINCE_TAG_BITS | tag;

	if (!set)
		return;
#pragma unroll
	for (int i = 0; i < SINCE_WAYS; i++)
		if (since_has(set, i, tag)) {
			if (!keep)
				set->slots[i] = slot;
			return;
		}
#pragma unroll
	for (int i = 0; i < SINCE_WAYS; i++)
		if (!set->slots[i]) {
			set->slots[i] = slot;
			return;
		}
	set->slots[tag & (SINCE_WAYS - 1)] = slot;
}

/* How long it was, and forgets it; ~0 if no beginning was seen. */
static __always_inline u64 since_end(u32 tid, u64 now)
{
	struct since_set *set = since_set_of(tid);
	u8 tag = since_tag(tid);

	if (!set)
		return ~0ULL;
#pragma unroll
	for (int i = 0; i < SINCE_WAYS; i++)
		if (since_has(set, i, tag)) {
			u64 slot = set->slots[i];

			set->slots[i] = 0;
			return (now - (slot >> SINCE_TAG_BITS)) & (~0ULL >> SINCE_TAG_BITS);
		}
	return ~0ULL;
}

#endif
