/* The list of costs as a table, and the one way to add them up and to say them in JSON. */
#include <string.h>

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

static size_t group_length(const struct cost *cost)
{
	return strchr(cost->key, '.') - cost->key;
}

static bool same_group(const struct cost *a, const struct cost *b)
{
	return group_length(a) == group_length(b) && !memcmp(a->key, b->key, group_length(a));
}

static bool begins_group(size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_group(&cost_list[i], &cost_list[index]))
			return false;
	return true;
}

/* The list is in the order of the store, which does not keep groups together. */
void costs_jot(const struct costs *costs, struct jot *jot)
{
	for (size_t i = 0; i < cost_count; i++) {
		size_t length = group_length(&cost_list[i]);
		char group[32];

		if (!begins_group(i))
			continue;
		memcpy(group, cost_list[i].key, length);
		group[length] = '\0';
		jot_open(jot, group, '{');
		for (size_t j = i; j < cost_count; j++)
			if (same_group(&cost_list[i], &cost_list[j]))
				jot_unsigned(jot, cost_list[j].key + length + 1, cost_value(costs, &cost_list[j]));
		jot_close(jot, '}');
	}
}
