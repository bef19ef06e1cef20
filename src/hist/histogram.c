#include "hist/histogram.h"

_Static_assert(HISTOGRAM_BUCKETS == 4 * (HISTOGRAM_ROWS - 2), "rows are four buckets but for the first two");

u64 histogram_count(const struct histogram *histogram)
{
	u64 count = 0;

	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += histogram->buckets[i];
	return count;
}

u64 histogram_mean(const struct histogram *histogram)
{
	u64 count = histogram_count(histogram);

	return count ? histogram->sum / count : 0;
}

/* The last bucket has no end but the largest value that was seen. */
static u64 bucket_end(const struct histogram *histogram, u32 bucket)
{
	if (bucket == HISTOGRAM_BUCKETS - 1)
		return histogram->max;
	return histogram_bucket_from(bucket + 1);
}

u64 histogram_percentile(const struct histogram *histogram, double part)
{
	double rank = part * (double)histogram_count(histogram), below = 0;

	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double count = (double)histogram->buckets[i];

		if (count && below + count >= rank) {
			u64 from = histogram_bucket_from(i), end = bucket_end(histogram, i);
			double within = rank > below ? (rank - below) / count : 0;
			u64 value = from + (end > from ? (u64)(within * (double)(end - from)) : 0);

			return value > histogram->max ? histogram->max : value;
		}
		below += count;
	}
	return histogram->max;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

u64 histogram_row_from(unsigned int row)
{
	return row ? 1ULL << (row - 1) : 0;
}

/* 0; 1; 2 and 3; then four buckets each. */
u64 histogram_row_count(const struct histogram *histogram, unsigned int row)
{
	u32 first = row < 3 ? row : 4 * (row - 2), last = row < 2 ? row : row == 2 ? 3 : first + 3;
	u64 count = 0;

	for (u32 i = first; i <= last && i < HISTOGRAM_BUCKETS; i++)
		count += histogram->buckets[i];
	return count;
}
