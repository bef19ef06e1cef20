/* What running something costs; the list is costs.def. */
#ifndef BOOKS_COSTS_H
#define BOOKS_COSTS_H

#include "base/jot.h"
#include "event/field.h"

enum cost_sum {
	COST_SUM,		/* of several: all together */
	COST_MOST,		/* of several: the largest */
};

struct costs {
#define COST(member, key, unit, sum, help) u64 member;
#include "books/costs.def"
#undef COST
};

struct cost {
	const char *name;	/* of the member, and of the store's column */
	const char *key;	/* in JSON, nested at the dots */
	enum field_unit unit;
	enum cost_sum sum;
	size_t offset;
	const char *help;
};

extern const struct cost cost_list[];
extern const size_t cost_count;

void costs_add(struct costs *sum, const struct costs *more);
/* All of them as members of the object that is open: "cpu":{"time_ns":...,...},"disk":{...},... */
void costs_jot(const struct costs *costs, struct jot *jot);

static inline u64 cost_value(const struct costs *costs, const struct cost *cost)
{
	return *(const u64 *)((const char *)costs + cost->offset);
}

#endif
