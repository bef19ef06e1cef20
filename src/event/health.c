/* What the records of retransmissions and resets say beyond those of connections. */
#include <string.h>

#include "event/getters.h"
#include "event/words.h"
#include "kernel/types.h"
#include "wire/health.h"

#define HEALTH(event) ((const struct health_record *)(event)->record)

bool get_tcp_state(const struct event *event, struct value *value)
{
	static const char *const names[] = {
		NULL,	     "established", "syn_sent",	  "syn_received", "fin_wait1", "fin_wait2",    "time_wait",
		"closed",    "close_wait",  "last_ack",	  "listen",	  "closing",   "syn_received",
	};
	u32 state = event->record->kind == KIND_live ? HEALTH(event)->connection.state : HEALTH(event)->state;

	return state < sizeof(names) / sizeof(names[0]) && value_text(value, names[state]);
}

bool get_reset_way(const struct event *event, struct value *value)
{
	return value_text(value, HEALTH(event)->way == HEALTH_SENT ? "sent" : "received");
}

bool get_segment_length(const struct event *event, struct value *value)
{
	return HEALTH(event)->length && value_number(value, HEALTH(event)->length);
}

#define REASONS 256

/* In the kernel's words, less the prefix that all of them have. Its types are read when the first reason is to be shown. */
bool get_reset_reason(const struct event *event, struct value *value)
{
	static const char prefix[] = "SK_RST_REASON_";
	static char *names[REASONS];
	static bool read;
	u32 reason = HEALTH(event)->reason;

	if (!read)
		types_enum("sk_rst_reason", names, REASONS);
	read = true;
	if (reason >= REASONS || !names[reason])
		return false;
	return value_text(value, strncmp(names[reason], prefix, sizeof(prefix) - 1) ? names[reason] :
									      names[reason] + sizeof(prefix) - 1);
}
