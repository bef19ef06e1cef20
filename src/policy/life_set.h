/* The policies that stand, read again from what life keeps of their files, so that a file may be gone or changed. */
#ifndef POLICY_LIFE_SET_H
#define POLICY_LIFE_SET_H

#include "base/table.h"
#include "policy/life.h"

struct life_set {
	struct policies policies;	/* those that stand; by name */
	s64 *ids;			/* of each */
	enum life_mode *modes;
	struct table places;		/* from a policy's address to its place among them, from 1 */
	struct life_source *sources;	/* what they were read from */
	size_t source_count;
};

/* 0 or -errno, said; what cannot be read any more (by a newer sonde's mistake) is said and left out. */
int life_set_load(struct life_set *set, struct life *life);
/* Policies of files, as if they were observed; they stay the caller's. */
void life_set_of(struct life_set *set, const struct policies *policies);
void life_set_drop(struct life_set *set, const char *const *names);	/* NULL-terminated */
void life_set_free(struct life_set *set);
s64 life_set_id(const struct life_set *set, const struct policy *policy);	/* 0: none of them */

#endif
