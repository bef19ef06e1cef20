/*
 * Something spent evenly over many bins is noted as two steps, up where it begins and down where it ends, and summed once at the
 * end: what a process costs here does not depend on how long it lived.
 */
#include "books/usage.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Short enough to show a stretch of a short run, few enough to be quick about a long one. */
#define LEAST_STEP 10000000ULL
#define MOST_BINS 2000

struct usage *usage_new(u64 from, u64 to)
{
	struct usage *usage = xcalloc(1, sizeof(*usage));
	u64 length = to > from ? to - from : 1;

	usage->from = from;
	usage->to = from + length;
	usage->step = (length + MOST_BINS - 1) / MOST_BINS;
	if (usage->step < LEAST_STEP)
		usage->step = LEAST_STEP;
	usage->count = (length + usage->step - 1) / usage->step;
	usage->bins = xcalloc(usage->count + 1, sizeof(*usage->bins));
	usage->steps = xcalloc(usage->count + 1, sizeof(*usage->steps));
	return usage;
}

void usage_free(struct usage *usage)
{
	if (!usage)
		return;
	free(usage->bins);
	free(usage->steps);
	free(usage);
}

static void add_part(struct usage_bin *bin, const struct usage_bin *spent, double part)
{
	bin->cpu += spent->cpu * part;
	bin->demand += spent->demand * part;
	bin->disk += spent->disk * part;
	bin->network += spent->network * part;
}

void usage_add(struct usage *usage, u64 from, u64 to, const struct usage_bin *spent)
{
	double length = to > from ? to - from : 1;
	u64 first, last;

	from = from < usage->from ? usage->from : from;
	to = to > usage->to ? usage->to : to;
	if (from >= to)
		return;
	first = (from - usage->from) / usage->step;
	last = (to - 1 - usage->from) / usage->step;
	if (first == last) {
		add_part(&usage->bins[first], spent, (to - from) / length);
		return;
	}
	add_part(&usage->bins[first], spent, (usage_bin_from(usage, first + 1) - from) / length);
	add_part(&usage->bins[last], spent, (to - usage_bin_from(usage, last)) / length);
	add_part(&usage->steps[first + 1], spent, usage->step / length);
	add_part(&usage->steps[last], spent, -(usage->step / length));
}

void usage_finish(struct usage *usage)
{
	struct usage_bin level = { 0 };

	for (u32 i = 0; i < usage->count; i++) {
		struct usage_bin *bin = &usage->bins[i];

		add_part(&level, &usage->steps[i], 1);
		add_part(bin, &level, 1);
		*bin = (struct usage_bin){
			.cpu = bin->cpu / usage_bin_length(usage, i), .demand = bin->demand / usage_bin_length(usage, i),
			.disk = bin->disk / usage_bin_length(usage, i), .network = bin->network / usage_bin_length(usage, i),
		};
	}
}
