/* Records of signals sent. */
#ifndef SONDE_WIRE_SIGNAL_H
#define SONDE_WIRE_SIGNAL_H

#include "record.h"

/* What became of it, as the kernel numbers it (TRACE_SIGNAL_*). */
enum signal_result {
	SIGNAL_DELIVERED,
	SIGNAL_IGNORED,
	SIGNAL_ALREADY_PENDING,		/* one of its kind waits already; they become one */
	SIGNAL_QUEUE_FULL,		/* real-time signals are queued, up to a limit; this one was refused */
	SIGNAL_INFO_LOST,		/* that limit too, but delivered, without what was to go with it */
	SIGNAL_RESULTS,
};

#define SIGNAL_TO_THREAD 1	/* to one thread, not to the process */

/* record is the sender's; RECORD_OWNER_UNKNOWN if nobody sent it: a timer or a device. */
struct signal_record {
	struct record record;
	u64 target_start;
	u32 target_pid;
	u32 target_tid;
	u32 number;
	s32 code;		/* si_code: why it was sent */
	u32 result;		/* enum signal_result */
	u32 flags;		/* SIGNAL_* */
	char target_name[16];
};
RECORD_SIZE(struct signal_record, 96);

#endif
