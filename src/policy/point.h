/* Points of the short form: the words that may stand in `when`. */
#ifndef POLICY_POINT_H
#define POLICY_POINT_H

#include "policy/policy.h"

struct policy_point {
	const char *name;
	u32 kinds;			/* KIND_BIT()s of the events it is seen in; 0: none */
	u32 fields;			/* the kinds whose fields may be asked for */
	const char *narrow;		/* which of them, an expression; "" for all */
	const char *help;
};

extern const struct policy_point policy_points[];	/* ends with one without a name */
const struct policy_point *policy_point_find(const char *name);	/* NULL: there is none */
/* NULL-terminated, for messages and completion. */
extern const char *const policy_point_names[];

/*
 * The same policy over hooks of the kernel instead of points: what may act, and what holds without an agent. It lives in the
 * tree of the other. NULL: what it asks only user space can decide; *error says what.
 */
struct policy *policy_lower(const struct policy *policy, struct policy_error *error);

#endif
