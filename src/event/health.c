/* What the records of retransmissions and resets say beyond those of connections. */
#include <string.h>

#include "event/getters.h"
#include "event/words.h"
#include "kernel/types.h"
#include "wire/health.h"

#define HEALTH(event) ((const struct health_record *)(event)->record)

const struct word words_tcp_state[] = {
	{ "established", 1, 0 }, { "syn_sent", 2, 0 },	{ "syn_received", 3, 0 }, { "fin_wait1", 4, 0 },
	{ "fin_wait2", 5, 0 },	 { "time_wait", 6, 0 }, { "closed", 7, 0 },	  { "close_wait", 8, 0 },
	{ "last_ack", 9, 0 },	 { "listen", 10, 0 },	{ "closing", 11, 0 },	  { "syn_received", 12, 0 },
	{ NULL, 0, 0 },
};

bool get_tcp_state(const struct event *event, struct value *value)
{
	u32 state = event->record->kind == KIND_live ? HEALTH(event)->connection.state : HEALTH(event)->state;

	return value_text(value, word_of(words_tcp_state, state));
}

const struct word words_reset_way[] = {
	{ "sent", HEALTH_SENT, 0 }, { "received", HEALTH_RECEIVED, 0 }, { NULL, 0, 0 },
};

bool get_reset_way(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_reset_way, HEALTH(event)->way));
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
