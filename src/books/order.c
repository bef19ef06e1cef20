/*
 * Keys are copied beside the indices: sorting 100,000 of them then touches no process, and needs no comparison with
 * context.
 */
#include "books/order.h"

#include <stdlib.h>

#include "base/alloc.h"

struct keyed {
	u64 key;
	u32 index;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *first = a, *second = b;

	if (first->key != second->key)
		return first->key < second->key ? -1 : 1;
	return first->index < second->index ? -1 : first->index > second->index;
}

static u32 *order(const struct run *run, bool by_end)
{
	u32 count = run->process_count;
	struct keyed *keyed = xmalloc((count + 1) * sizeof(*keyed));
	u32 *sorted = xmalloc((count + 1) * sizeof(*sorted));
	bool already = true;

	for (u32 i = 0; i < count; i++) {
		const struct run_process *process = &run->processes[i];

		keyed[i] = (struct keyed){ by_end ? order_end(run, process) : process->start, i };
		already = already && (!i || keyed[i - 1].key <= keyed[i].key);
	}
	if (!already)
		qsort(keyed, count, sizeof(*keyed), by_key);
	for (u32 i = 0; i < count; i++)
		sorted[i] = keyed[i].index;
	free(keyed);
	return sorted;
}

u32 *order_by_start(const struct run *run)
{
	return order(run, false);
}

u32 *order_by_end(const struct run *run)
{
	return order(run, true);
}
