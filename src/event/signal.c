/* What a signal's record says beyond plain numbers. */
#include <string.h>

#include "event/getters.h"
#include "event/words.h"
#include "wire/signal.h"

#define SIGNAL(event) ((const struct signal_record *)(event)->record)

bool get_signal_name(const struct event *event, struct value *value)
{
	return value_text(value, word_signal(SIGNAL(event)->number));
}

bool get_signal_target_name(const struct event *event, struct value *value)
{
	memcpy(value->scratch, SIGNAL(event)->target_name, sizeof(SIGNAL(event)->target_name));
	value->scratch[sizeof(SIGNAL(event)->target_name) - 1] = '\0';
	return value_text(value, value->scratch);
}

bool get_signal_target_thread(const struct event *event, struct value *value)
{
	return SIGNAL(event)->flags & SIGNAL_TO_THREAD && value_number(value, SIGNAL(event)->target_tid);
}

bool get_signal_delivered(const struct event *event, struct value *value)
{
	u32 result = SIGNAL(event)->result;

	return value_number(value, result == SIGNAL_DELIVERED || result == SIGNAL_INFO_LOST);
}

const struct word words_signal_result[] = {
	{ "delivered", SIGNAL_DELIVERED, 0 },	{ "ignored", SIGNAL_IGNORED, 0 },
	{ "already_pending", SIGNAL_ALREADY_PENDING, 0 }, { "queue_full", SIGNAL_QUEUE_FULL, 0 },
	{ "delivered_without_info", SIGNAL_INFO_LOST, 0 }, { NULL, 0, 0 },
};

bool get_signal_result(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_signal_result, SIGNAL(event)->result));
}
