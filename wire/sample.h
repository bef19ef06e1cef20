/*
 * How a process stands at an instant: what the task iterator tells, of those that changed since the last time. These do not travel in a
 * lane; they are read from the iterator.
 */
#ifndef SONDE_WIRE_SAMPLE_H
#define SONDE_WIRE_SAMPLE_H

#include "record.h"

/* Asks for the iterator as KIND_BIT(open) asks for opens: a bit that no kind has. */
#define SAMPLE_BIT (1U << 19)

/* Checksums of what was told, by the last bits of the process's number. */
#define SAMPLE_PLACES 65536

enum sample_state {
	SAMPLE_SLEEPING,
	SAMPLE_DISK,		/* uninterruptible */
	SAMPLE_WAITING,		/* runnable, not on a CPU */
	SAMPLE_RUNNING,
	SAMPLE_STOPPED,
	SAMPLE_GONE,		/* a zombie */
	SAMPLE_STATES,
};

/* Counters are since the process began, all threads, without children. */
struct sample_record {
	u64 time;
	u64 start;
	u64 runtime_ns;
	u64 wait_ns;
	u64 read_chars;
	u64 write_chars;
	u64 read_bytes;
	u64 write_bytes;
	u64 resident;		/* bytes */
	u64 peak;		/* bytes */
	u64 user_ns;		/* as the tick saw it; runtime_ns is exact and wins */
	u64 system_ns;
	u64 cancelled_write_bytes;
	u64 read_calls;
	u64 write_calls;
	u64 minor_faults;
	u64 major_faults;
	u64 voluntary_switches;
	u64 involuntary_switches;
	u32 pid;
	u16 threads;
	u8 state;		/* the most active of its threads */
	u8 padding;
	u16 in_state[SAMPLE_STATES];	/* threads in each */
	u32 padding2;
};
RECORD_SIZE(struct sample_record, 176);

#endif
