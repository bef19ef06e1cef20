/* What conditions on flows can ask for: the names are those that a flow has as JSON. */
#ifndef NET_FLOW_FIELDS_H
#define NET_FLOW_FIELDS_H

#include "lang/parse.h"
#include "net/names.h"
#include "proc/user.h"

struct lang_names flow_field_names(void);

/* Either of the tables may be NULL: what they would say is then missing. */
bool flow_holds(const struct lang_node *condition, const struct flow *flow, struct names *names, struct user_table *users);

#endif
