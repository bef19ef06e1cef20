/* Points of the short form: the words that may stand in `when`. */
#ifndef POLICY_POINT_H
#define POLICY_POINT_H

#include "wire/record.h"

struct policy_point {
	const char *name;
	u32 kinds;			/* KIND_BIT()s of the events it is seen in */
	const char *narrow;		/* which of them, an expression; "" for all */
	const char *help;
};

extern const struct policy_point policy_points[];	/* ends with one without a name */
const struct policy_point *policy_point_find(const char *name);	/* NULL: there is none */
/* NULL-terminated, for messages and completion. */
extern const char *const policy_point_names[];

#endif
