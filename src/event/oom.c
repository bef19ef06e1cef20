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

bool get_oom_limit(const struct event *event, struct value *value)
{
	static const char *const words[OOM_LIMITS] = {
		[OOM_LIMIT_UNKNOWN] = "unknown", [OOM_LIMIT_MACHINE] = "machine", [OOM_LIMIT_CGROUP] = "cgroup",
	};

	return OOM(event)->limit < OOM_LIMITS && value_text(value, words[OOM(event)->limit]);
}
