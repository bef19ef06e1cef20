/* Records of what a TCP connection suffers: segments sent again, resets. */
#ifndef SONDE_WIRE_HEALTH_H
#define SONDE_WIRE_HEALTH_H

#include "net.h"

#define HEALTH_SENT 1
#define HEALTH_RECEIVED 2

/* A connection as it is now; what its ledger holds so far is in it. */
struct health_record {
	struct connection_record connection;
	u32 state;		/* the kernel's TCP_* */
	u32 length;		/* retransmit: payload bytes that are sent again */
	u32 way;		/* reset: HEALTH_* */
	u32 reason;		/* reset: the kernel's sk_rst_reason; ~0: this kernel does not say */
};
RECORD_SIZE(struct health_record, 192);

#define retransmit_record health_record
#define reset_record health_record

#endif
