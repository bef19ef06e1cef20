/* The books of a watch: what the kernel says it produced against what arrived. */
#ifndef CMD_BALANCE_H
#define CMD_BALANCE_H

#include "base/text.h"
#include "kernel/kernel.h"

struct balance {
	u64 delivered[KIND_MAX], filtered[KIND_MAX], unreadable;
	u64 unwritten[KIND_MAX];	/* of those delivered: it turned out later that they could not be written */
	struct record_counts kernel;
	u32 wanted;
	u64 started, ended;
	int exit_status;	/* of a command that was watched, -1: there was none */
};

/* After detaching: drains until everything the kernel counted is accounted for, or time is up. */
void balance_close(struct balance *balance, struct kernel *kernel, lanes_deliver *deliver, void *context);
/* What was watched in parts, one after another. */
void balance_add(struct balance *sum, const struct balance *part);
u64 balance_lost(const struct balance *balance);
/* One line for a person, or the summary as JSON. */
void balance_say(const struct balance *balance);
void balance_json(const struct balance *balance, struct text *out);

#endif
