/* Buckets against plain arithmetic, and percentiles against sorted values: right within an eighth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hist/histogram.h"

static u64 seed = 1;

static u64 random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void add(struct histogram *histogram, u64 value)
{
	histogram->buckets[histogram_bucket(value)]++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
}

static void every_value_is_in_its_bucket(void **state)
{
	(void)state;
	for (u64 value = 0; value < 100000; value++) {
		u32 bucket = histogram_bucket(value);

		assert_true(histogram_bucket_from(bucket) <= value);
		assert_true(histogram_bucket_from(bucket + 1) > value);
	}
	for (int i = 0; i < 100000; i++) {
		u64 value = random_bits() >> (23 + random_bits() % 40);
		u32 bucket = histogram_bucket(value);

		assert_true(histogram_bucket_from(bucket) <= value);
		assert_true(histogram_bucket_from(bucket + 1) > value);
	}
	assert_int_equal(histogram_bucket((1ULL << 41) - 1), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(1ULL << 41), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void buckets_are_a_quarter_of_a_power(void **state)
{
	(void)state;
	for (u32 bucket = 4; bucket < HISTOGRAM_BUCKETS; bucket++) {
		u64 from = histogram_bucket_from(bucket), to = histogram_bucket_from(bucket + 1);

		assert_true((to - from) * 4 <= from);
		assert_int_equal(histogram_bucket(from), bucket);
		assert_int_equal(histogram_bucket(to - 1), bucket);
	}
}

static int compare(const void *left, const void *right)
{
	u64 a = *(const u64 *)left, b = *(const u64 *)right;

	return a < b ? -1 : a > b;
}

static void percentiles_are_near_the_true_ones(void **state)
{
	static const double parts[] = { 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
	static u64 values[20000];
	struct histogram histogram = { 0 };
	const size_t count = sizeof(values) / sizeof(values[0]);
	u64 sum = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		values[i] = 100 + (random_bits() >> (30 + random_bits() % 20));
		sum += values[i];
		add(&histogram, values[i]);
	}
	qsort(values, count, sizeof(values[0]), compare);
	assert_int_equal(histogram_count(&histogram), count);
	assert_int_equal(histogram_mean(&histogram), sum / count);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t rank = (size_t)(parts[i] * (double)count);
		u64 truth = values[rank ? rank - 1 : 0];
		u64 told = histogram_percentile(&histogram, parts[i]);

		assert_true(told <= truth + truth / 4 && told + told / 4 >= truth);
	}
	assert_int_equal(histogram_percentile(&histogram, 1), values[count - 1]);
}

static void edges(void **state)
{
	struct histogram histogram = { 0 };

	(void)state;
	assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
	add(&histogram, 5000000);
	assert_true(histogram_percentile(&histogram, 0.5) <= 5000000);
	assert_true(histogram_percentile(&histogram, 0.5) >= 4194304);
	assert_int_equal(histogram_percentile(&histogram, 0.999), 5000000);
	memset(&histogram, 0, sizeof(histogram));
	add(&histogram, 1ULL << 50); /* longer than the last bucket reaches */
	assert_int_equal(histogram_percentile(&histogram, 1), 1ULL << 50);
	memset(&histogram, 0, sizeof(histogram));
	add(&histogram, 0);
	assert_int_equal(histogram_percentile(&histogram, 0.99), 0);
}

static void rows_are_powers_of_two(void **state)
{
	struct histogram histogram = { 0 };
	u64 rows = 0;

	(void)state;
	for (u64 value = 0; value < 1024; value++)
		add(&histogram, value);
	assert_int_equal(histogram_row_count(&histogram, 0), 1);
	for (unsigned int row = 1; row < HISTOGRAM_ROWS; row++) {
		assert_int_equal(histogram_row_from(row), 1ULL << (row - 1));
		assert_int_equal(histogram_row_count(&histogram, row), row <= 10 ? 1ULL << (row - 1) : 0);
	}
	memset(&histogram, 0, sizeof(histogram));
	for (u32 bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
		histogram.buckets[bucket] = 1;
	for (unsigned int row = 0; row < HISTOGRAM_ROWS; row++)
		rows += histogram_row_count(&histogram, row);
	assert_int_equal(rows, HISTOGRAM_BUCKETS);
}

static void merging_adds(void **state)
{
	struct histogram whole = { 0 }, parts[2] = { { 0 } };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		u64 value = random_bits() >> 40;

		add(&whole, value);
		add(&parts[i % 2], value);
	}
	histogram_merge(&parts[0], &parts[1]);
	assert_memory_equal(&parts[0], &whole, sizeof(whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_in_its_bucket),
		cmocka_unit_test(buckets_are_a_quarter_of_a_power),
		cmocka_unit_test(percentiles_are_near_the_true_ones),
		cmocka_unit_test(edges),
		cmocka_unit_test(rows_are_powers_of_two),
		cmocka_unit_test(merging_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
