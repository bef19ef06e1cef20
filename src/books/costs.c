/* The list of costs as a table, and the one way to add them up. */
#include "books/costs.h"

const struct cost cost_list[] = {
#define COST(member, key, unit, sum, help) { #member, key, unit, sum, offsetof(struct costs, member), help },
#include "books/costs.def"
#undef COST
};
const size_t cost_count = sizeof(cost_list) / sizeof(cost_list[0]);

void costs_add(struct costs *sum, const struct costs *more)
{
	for (size_t i = 0; i < cost_count; i++) {
		u64 *slot = (u64 *)((char *)sum + cost_list[i].offset);
		u64 value = cost_value(more, &cost_list[i]);

		if (cost_list[i].sum == COST_SUM)
			*slot += value;
		else if (value > *slot)
			*slot = value;
	}
}
