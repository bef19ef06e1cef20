/* What the record of an out-of-memory kill says beyond plain numbers. */
#include <string.h>

#include "event/getters.h"
#include "event/words.h"
#include "wire/oom.h"

#define OOM(event) ((const struct oom_record *)(event)->record)

bool get_oom_victim_name(const struct event *event, struct value *value)
{
	memcpy(value->scratch, OOM(event)->victim_name, sizeof(OOM(event)->victim_name));
	value->scratch[sizeof(OOM(event)->victim_name) - 1] = '\0';
	return value_text(value, value->scratch);
}

bool get_oom_victim_memory(const struct event *event, struct value *value)
{
	return OOM(event)->victim_memory && value_number(value, OOM(event)->victim_memory);
}

const struct word words_oom_limit[] = {
	{ "unknown", OOM_LIMIT_UNKNOWN, 0 }, { "machine", OOM_LIMIT_MACHINE, 0 }, { "cgroup", OOM_LIMIT_CGROUP, 0 },
	{ NULL, 0, 0 },
};

bool get_oom_limit(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_oom_limit, OOM(event)->limit));
}
