/*
 * Latency histograms as they lie in kernel maps. A bucket is a quarter of a power of two, so that a percentile is off by
 * an eighth at most; values below four have a bucket each. Both sides compute buckets with the code below.
 */
#ifndef SONDE_WIRE_HIST_H
#define SONDE_WIRE_HIST_H

#include "record.h"

#define HISTOGRAM_BUCKETS 160	/* up to 2^41 ns, 36 minutes; the last one holds all that is longer */

/* What is measured. One at a time; a point belongs to a measure as others belong to kinds, by the bits above theirs. */
enum measure_kind {
	MEASURE_RUNQ,
	MEASURE_BLOCK,
	MEASURE_CONNECT,
	MEASURE_EXEC,
	MEASURE_SYSCALL,
	MEASURE_RTT,
	MEASURE_RETRANSMIT,
	MEASURES,
};

/* The first five have the last five bits, those that came later two that no kind has. */
#define MEASURE_BIT(measure) (1U << ((measure) < MEASURE_RTT ? 27 + (measure) : 15 + (measure) - MEASURE_RTT))

/* What a histogram is kept for; in settings.histogram_by. Values are a contract, names are not. */
enum histogram_by {
	HISTOGRAM_BY_NOTHING,
	HISTOGRAM_BY_PROCESS,
	HISTOGRAM_BY_COMM,
	HISTOGRAM_BY_CONTAINER,
	HISTOGRAM_BY_USER,
	HISTOGRAM_BY_CPU,
	HISTOGRAM_BY_DEVICE,
	HISTOGRAM_BY_OPERATION,
	HISTOGRAM_BY_PEER,
	HISTOGRAM_BY_MAX,
};

/*
 * Two epochs take turns: the programs write one while user space reads and empties the other. Behind the last one nothing
 * is counted any more.
 *
 *	process	number pid, words[0] start		cpu, user	number
 *	comm	bytes					device		number major << 20 | minor
 *	container words[0] cgroup key			operation	number as in the kernel's REQ_OP_*
 *	peer	number family << 16 | port or 0, bytes address
 */
struct histogram_key {
	u32 epoch;
	u32 number;
	union {
		char bytes[16];
		u64 words[2];
	};
};
RECORD_SIZE(struct histogram_key, 24);

/* In place of an epoch. */
#define HISTOGRAM_ENDED 2

/* What a filter can ask of each time that is measured, before it is counted (lang/gen.h). It never leaves the kernel. */
struct histogram_subject {
	u64 duration_ns;
	u32 pid, uid, gid;
	u32 tid, cpu;
	u32 device;
	u32 peer_port;
	u16 operation;
	u16 family;
	u8 peer[16];
	u8 present;			/* SUBJECT_*: what is known */
	u8 padding[7];
	struct record_string name;	/* of the process */
	char name_bytes[16];
};
RECORD_SIZE(struct histogram_subject, 88);

#define SUBJECT_PROCESS 1
#define SUBJECT_THREAD 2	/* and its CPU */
#define SUBJECT_DISK 4
#define SUBJECT_PEER 8

/* Room for it where it is decided, with what may be looked at behind it; and how many can be at it on one CPU, in one another's middle. */
#define SUBJECT_ROOM (sizeof(struct histogram_subject) + 32)
#define SUBJECTS 4

struct histogram {
	u64 sum;		/* ns */
	u64 max;
	char name[16];		/* comm, where the key is a process */
	u64 buckets[HISTOGRAM_BUCKETS];
};
RECORD_SIZE(struct histogram, 32 + 8 * HISTOGRAM_BUCKETS);

/* Sets of slots in the map of waiting threads (bpf/lib/since.h). */
#define SINCE_SETS_BITS 14
#define SINCE_SETS (1 << SINCE_SETS_BITS)

/* By tgid, where execs are measured: when its program last began to run, or it was let go to run its first (user space tells). */
struct histogram_exec {
	u64 start;		/* of the process */
	u64 time;
};
RECORD_SIZE(struct histogram_exec, 16);

/* What is in no histogram, or not under its own key. Since the start; per CPU. */
struct histogram_books {
	u64 unmatched;		/* ended, but the beginning was not seen: before sonde, or no room to remember it */
	u64 unbegun;		/* no room to remember a beginning */
	u64 failed;		/* ended without what was waited for (a connection refused) */
	u64 overflowed;		/* counted, under "other": too many keys */
	u64 filtered;		/* not wanted by the filter */
};
RECORD_SIZE(struct histogram_books, 40);

/* The bucket's least value; that of the next one is what all its values are below. */
static inline u64 histogram_bucket_from(u32 bucket)
{
	return bucket < 4 ? bucket : (u64)(4 + bucket % 4) << (bucket / 4 - 1);
}

static inline u32 histogram_bucket(u64 value)
{
	u64 rest = value;
	u32 exponent = 0;

	if (value < 4)
		return value;
	if (value >> 41)
		return HISTOGRAM_BUCKETS - 1;
	if (rest >> 32) {
		rest >>= 32;
		exponent = 32;
	}
	if (rest >> 16) {
		rest >>= 16;
		exponent += 16;
	}
	if (rest >> 8) {
		rest >>= 8;
		exponent += 8;
	}
	if (rest >> 4) {
		rest >>= 4;
		exponent += 4;
	}
	if (rest >> 2) {
		rest >>= 2;
		exponent += 2;
	}
	exponent += rest >> 1;
	return 4 * (exponent - 1) + ((value >> (exponent - 2)) & 3);
}

#endif
