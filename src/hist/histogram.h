/* What a histogram says: how many, how long, and how long at most for so many of a hundred. */
#ifndef HIST_HISTOGRAM_H
#define HIST_HISTOGRAM_H

#include "wire/hist.h"

u64 histogram_count(const struct histogram *histogram);
u64 histogram_mean(const struct histogram *histogram);
/*
 * The value that `part` (0.99) of all are not above, as if values lay evenly within a bucket. Never above the largest
 * seen. 0 for an empty histogram.
 */
u64 histogram_percentile(const struct histogram *histogram, double part);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Rows of a power of two each, for people: the row's values are below histogram_row_from(row + 1). */
#define HISTOGRAM_ROWS 42
u64 histogram_row_from(unsigned int row);
u64 histogram_row_count(const struct histogram *histogram, unsigned int row);

#endif
