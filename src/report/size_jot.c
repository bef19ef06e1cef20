#include "report/size_jot.h"

#include <stdlib.h>

static void jot_offer(struct jot *jot, const char *key, const struct size_offer *offer, u64 duration)
{
	jot_open(jot, key, '{');
	jot_string(jot, "name", offer->name);
	jot_string(jot, "provider", offer->provider);
	jot_string(jot, "region", offer->region);
	jot_real(jot, "cpus", offer->cpus, 2);
	jot_unsigned(jot, "memory", offer->memory);
	jot_real(jot, "price_per_hour", offer->price, 6);
	jot_real(jot, "price_of_run", size_cost(offer, duration), 6);
	jot_string(jot, "currency", offer->currency);
	jot_close(jot, '}');
}

void size_jot_need(const struct size_need *need, struct jot *jot)
{
	jot_unsigned(jot, "cpus", need->cpus);
	if (need->short_of_memory)
		jot_string(jot, "memory_unknown", "killed for want of memory");
	else
		jot_unsigned(jot, "memory", need->memory);
	jot_unsigned(jot, "peak_memory", need->peak_memory);
	jot_real(jot, "mean_cpus", need->mean_cpus, 3);
	jot_real(jot, "peak_cpus", need->peak_cpus, 3);
	if (!need->short_of_memory)
		jot_real(jot, "headroom", need->headroom, 3);
}

static void jot_need(struct jot *jot, const struct size_need *need)
{
	size_jot_need(need, jot);
	jot_unsigned(jot, "duration_ns", need->duration);
}

static void jot_groups(const struct run *run, struct jot *jot)
{
	u32 count;
	struct size_need *needs = size_of_tasks(run, &count);

	jot_open(jot, "groups", '[');
	for (u32 i = 0; i < count; i++) {
		struct run_bytes group = run_text(run, run->tasks[needs[i].task].group);

		jot_open(jot, NULL, '{');
		jot_bytes(jot, "name", group.data, group.length);
		jot_need(jot, &needs[i]);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	free(needs);
}

void size_jot(const struct run *run, struct jot *jot, const struct size_prices *prices)
{
	const struct size_offer *offers[SIZE_OFFERS], *host;
	struct size_need need;
	u32 count;

	if (!prices || !run->process_count)
		return;
	size_of_run(run, &need);
	host = size_of_host(prices, run);
	count = size_fitting(prices, &need, offers, SIZE_OFFERS);
	jot_open(jot, "right_size", '{');
	jot_need(jot, &need);
	jot_groups(run, jot);
	if (prices->date[0])
		jot_string(jot, "prices_date", prices->date);
	if (prices->source[0])
		jot_string(jot, "prices_source", prices->source);
	if (host)
		jot_offer(jot, "this_machine", host, run->end - run->start);
	jot_open(jot, "offers", '[');
	for (u32 i = 0; i < count; i++)
		jot_offer(jot, NULL, offers[i], need.duration);
	jot_close(jot, ']');
	jot_close(jot, '}');
}
