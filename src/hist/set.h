/*
 * Histograms by key, as many as a budget allows; what comes beyond it joins the one that has no key. Keys that are shown
 * alike for a reason (control groups of one container) are one entry.
 */
#ifndef HIST_SET_H
#define HIST_SET_H

#include <stddef.h>

#include "base/table.h"
#include "hist/histogram.h"

#define HIST_LABEL 288

struct hist_entry {
	struct histogram_key key;
	char label[HIST_LABEL];
	struct histogram histogram;
	u64 count;
};

struct hist_set {
	struct hist_entry **entries;
	size_t count, capacity;
	size_t most;			/* budget of keys */
	struct table index;		/* hash -> entry; a taken hash moves on to the next */
	struct histogram other;		/* no key, or no room for it */
	u64 other_count;
};

void hist_set_init(struct hist_set *set, size_t most);
/* `label` alone tells entries apart if `by_label`, else the key does. A NULL key is "other". */
void hist_set_add(struct hist_set *set, const struct histogram_key *key, const char *label, bool by_label,
		  const struct histogram *histogram);
/* Most time first. */
void hist_set_sort(struct hist_set *set);
u64 hist_set_count(const struct hist_set *set);
void hist_set_reset(struct hist_set *set);
void hist_set_free(struct hist_set *set);

#endif
