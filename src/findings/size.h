/* How big a machine a run, or one of its tasks, needs; and what that costs by a table of prices. */
#ifndef FINDINGS_SIZE_H
#define FINDINGS_SIZE_H

#include "base/text.h"
#include "books/run.h"

struct size_need {
	u32 task;		/* RUN_NONE: the whole run */
	u32 cpus;		/* with fewer it would take noticeably longer, with more no less */
	bool short_of_memory;	/* a process was killed for want of it: more than the peak is needed, and how much is not known */
	u64 memory;		/* headroom included; 0: not known */
	u64 peak_memory;	/* that it had at once */
	double mean_cpus, peak_cpus;	/* that it used */
	double headroom;	/* of memory; 0.2: a fifth on top of the peak. CPUs are whole ones */
	u64 duration;		/* ns, about, with so many CPUs; of a group's task on average */
};

struct size_offer {
	char name[48], provider[24], region[32];
	double cpus, price;	/* price: an hour */
	u64 memory;
	char currency[8];
};

struct size_prices {
	char source[256], date[16];
	struct size_offer *offers;
	u32 count;
};

/* path NULL: the built-in table. NULL: said in `error`, with line and column. */
struct size_prices *size_prices_read(const char *path, struct text *error);
void size_prices_free(struct size_prices *prices);

void size_of_run(const struct run *run, struct size_need *need);
/* One for each task group; the caller frees. */
struct size_need *size_of_tasks(const struct run *run, u32 *count);
/* As many offers as are worth a look. */
#define SIZE_OFFERS 4
/* The cheapest of each provider that fits, the cheapest first, at most `most`; returns how many. None fits one that was short of memory. */
u32 size_fitting(const struct size_prices *prices, const struct size_need *need, const struct size_offer **offers, u32 most);
/* What the machine at hand would cost by the table, the nearest offer to it; NULL: none is near. */
const struct size_offer *size_of_host(const struct size_prices *prices, const struct run *run);

/* What so many ns on it cost. */
static inline double size_cost(const struct size_offer *offer, u64 duration)
{
	return offer->price * duration / 3600e9;
}

#endif
