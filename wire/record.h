/*
 * What every record begins with, and how strings travel behind it. Both sides compile this file, so a record is a
 * contract: fixed-width types, explicit padding, asserted sizes. A record is
 *
 *	struct record | the kind's fixed fields | string | string | ...
 *
 * where a string is a struct record_string followed by its bytes, padded to eight. How many strings a kind has stands
 * in events.def.
 */
#ifndef SONDE_WIRE_RECORD_H
#define SONDE_WIRE_RECORD_H

#ifdef __bpf__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed short s16;
typedef signed int s32;
typedef signed long long s64;
#else
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

#define RECORD_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size than its contract")

/* A process is (pid, start): start is the boot-time clock at which its group leader was born. */
struct record {
	u16 kind;
	u16 flags;
	u32 size;	/* all of the record, strings included */
	u64 time;	/* CLOCK_BOOTTIME, ns */
	u64 start;
	u32 pid;
	u32 tid;
	u32 uid;	/* effective */
	u32 gid;
	u64 cgroup;	/* key of a cgroup record; 0: not known */
};
RECORD_SIZE(struct record, 48);

/* The record speaks of a process without having seen it act (connections whose state changes in softirq). */
#define RECORD_OWNER_UNKNOWN 1
/* From an iterator at start-up: it was there before sonde. */
#define RECORD_EXISTING 2

struct record_string {
	u32 length;	/* bytes that follow, without the padding */
	u32 full;	/* bytes there were; larger than length if cut */
};
RECORD_SIZE(struct record_string, 8);

enum record_kind {
	KIND_NONE,
#define KIND(name, value, lane, strings, help) KIND_##name = value,
#include "events.def"
#undef KIND
	KIND_MAX = 32,
};

#define KIND_BIT(kind) (1U << KIND_##kind)

/* Where a record was lost. */
enum loss_cause {
	LOSS_RING_FULL,		/* the lane had no room */
	LOSS_SCRATCH_BUSY,	/* another event was being put together on this CPU */
	LOSS_TOO_LARGE,		/* a record that does not fit its lane at all */
	LOSS_MISSED,		/* the kernel skipped the program (recursion) */
	LOSS_UNREADABLE,	/* arrived, but did not decode */
	LOSS_TABLE_FULL,	/* too many different ones to be folded at once */
	LOSS_CAUSES,
};

/* Where a helper of the kernel's failed without a record being lost: something is less complete than it should be. */
enum failure_site {
	FAILURE_WATCH,		/* a child could not be added to the scope: too many processes in it */
	FAILURE_ARGUMENTS,	/* arguments of an exec were not in memory, shown in part */
	FAILURE_CONNECTION,	/* whose connection it is could not be remembered: too many at once */
	FAILURE_LISTENER,	/* the same for a listener */
	FAILURE_NAME,		/* the name a system call was given was not in memory */
	FAILURE_SITES = 8,
};

/* The books of one CPU, per kind. */
struct record_counts {
	u64 produced[KIND_MAX];
	u64 lost[KIND_MAX][LOSS_CAUSES];
	u64 pending[KIND_MAX];	/* lost and not yet told of in the stream */
	u64 failed[FAILURE_SITES];
	u64 unasked[2];	/* bytes since a lane was last asked how full it is: bulk, life */
};

/* Stands in the stream where records are missing before it. */
struct lost_record {
	struct record record;
	u16 kind;
	u16 cause;
	u32 padding;
	u64 count;
};
RECORD_SIZE(struct lost_record, 64);

#endif
