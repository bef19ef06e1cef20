/* One value that a policy read, as JSON and as words for a person. */
#ifndef EVENT_POLICY_VALUE_H
#define EVENT_POLICY_VALUE_H

#include "base/jot.h"
#include "event/event.h"

/* `type` as in enum policy_read; label NULL: none. */
void policy_value_show(const struct event *event, u32 which, u8 type, const char *label, struct jot *jot, struct text *plain);

#endif
