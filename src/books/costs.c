/* The list of costs as a table, the one way to add them up, and the one way to tell them. */
#include "books/costs.h"

#include <string.h>

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

static size_t prefix_length(const struct cost *cost)
{
	return strchr(cost->key, '.') - cost->key;
}

static bool same_object(const struct cost *a, const struct cost *b)
{
	size_t length = prefix_length(a);

	return length == prefix_length(b) && !memcmp(a->key, b->key, length);
}

/* The list only grows at its end, so costs of one object need not stand together there. */
void costs_json(struct text *out, const struct costs *costs)
{
	static unsigned char order[sizeof(cost_list) / sizeof(cost_list[0])];
	static bool ordered;
	const struct cost *before = NULL;

	for (size_t i = 0, next = 0; i < cost_count && !ordered; i++) {
		bool told = false;

		for (size_t j = 0; j < i && !told; j++)
			told = same_object(&cost_list[i], &cost_list[j]);
		for (size_t j = i; j < cost_count && !told; j++)
			if (same_object(&cost_list[i], &cost_list[j]))
				order[next++] = j;
	}
	ordered = true;
	for (size_t i = 0; i < cost_count; i++) {
		const struct cost *cost = &cost_list[order[i]];

		if (!before || !same_object(before, cost)) {
			text_add(out, before ? "},\"" : "\"");
			text_add_bytes(out, cost->key, prefix_length(cost));
			text_add(out, "\":{\"");
		} else {
			text_add(out, ",\"");
		}
		text_add(out, cost->key + prefix_length(cost) + 1);
		text_add(out, "\":");
		text_add_u64(out, cost_value(costs, cost));
		before = cost;
	}
	text_add_char(out, '}');
}

const struct cost *cost_find(const char *name)
{
	for (size_t i = 0; i < cost_count; i++)
		if (!strcmp(cost_list[i].name, name) || !strcmp(cost_list[i].key, name))
			return &cost_list[i];
	return NULL;
}
