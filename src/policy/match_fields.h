/* What conditions on matches can ask for: whose doing it was, and what the policy says of it, as a match has it as JSON. */
#ifndef POLICY_MATCH_FIELDS_H
#define POLICY_MATCH_FIELDS_H

#include "lang/parse.h"
#include "policy/matcher.h"

struct lang_names match_field_names(void);
bool match_holds(const struct lang_node *condition, const struct match *match);

#endif
