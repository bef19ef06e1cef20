/* Histograms by key: found again, within the budget, sorted; what has no room is not lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "hist/measure.h"
#include "hist/set.h"

static void add(struct hist_set *set, u32 number, const char *label, bool by_label, u64 count, u64 each)
{
	struct histogram_key key = { .number = number };
	struct histogram histogram = { .sum = count * each, .max = each };

	histogram.buckets[histogram_bucket(each)] = count;
	hist_set_add(set, &key, label, by_label, &histogram);
}

static void keys_tell_entries_apart(void **state)
{
	struct hist_set set;

	(void)state;
	hist_set_init(&set, 10);
	add(&set, 1, "a", false, 2, 100);
	add(&set, 2, "a", false, 3, 1000);
	add(&set, 1, "a", false, 4, 100);
	assert_int_equal(set.count, 2);
	assert_int_equal(hist_set_count(&set), 9);
	hist_set_sort(&set);
	assert_int_equal(set.entries[0]->key.number, 2);
	assert_int_equal(set.entries[1]->count, 6);
	assert_int_equal(set.entries[1]->histogram.sum, 600);
	hist_set_free(&set);
}

static void labels_join_keys(void **state)
{
	struct hist_set set;

	(void)state;
	hist_set_init(&set, 10);
	add(&set, 1, "web", true, 2, 100);
	add(&set, 2, "web", true, 3, 100);
	add(&set, 3, "db", true, 1, 100);
	assert_int_equal(set.count, 2);
	hist_set_sort(&set);
	assert_string_equal(set.entries[0]->label, "web");
	assert_int_equal(set.entries[0]->count, 5);
	hist_set_free(&set);
}

static void the_budget_holds_and_nothing_is_lost(void **state)
{
	struct hist_set set;
	struct histogram plain = { .sum = 7, .max = 7 };

	(void)state;
	plain.buckets[histogram_bucket(7)] = 1;
	hist_set_init(&set, 100);
	for (int round = 0; round < 3; round++) {
		char label[16];

		for (u32 i = 0; i < 1000; i++) {
			snprintf(label, sizeof(label), "%u", i);
			add(&set, i, label, false, 1, 10);
		}
		hist_set_add(&set, NULL, "", false, &plain);
		assert_int_equal(set.count, 100);
		assert_int_equal(set.other_count, 901 * (round + 1));
		assert_int_equal(hist_set_count(&set), 1001 * (round + 1));
	}
	hist_set_reset(&set);
	assert_int_equal(hist_set_count(&set), 0);
	add(&set, 1, "a", false, 1, 1);
	assert_int_equal(set.count, 1);
	hist_set_free(&set);
}

static void measures_know_their_keys(void **state)
{
	char list[128];

	(void)state;
	for (int by = 1; by < HISTOGRAM_BY_MAX; by++)
		assert_int_equal(histogram_by_find(histogram_by_name(by)), by);
	assert_int_equal(histogram_by_find("nonsense"), HISTOGRAM_BY_NOTHING);
	for (int i = 0; measure_names[i]; i++)
		assert_non_null(measure_find(measure_names[i]));
	assert_null(measure_find("nonsense"));
	measure_keys(measure_find("block"), list, sizeof(list));
	assert_string_equal(list, "process, comm, device, operation");
	assert_false(measure_has_key(measure_find("runq"), HISTOGRAM_BY_DEVICE));
	assert_true(measure_has_key(measure_find("connect"), HISTOGRAM_BY_PEER));
	measure_keys(measure_find("block"), list, 12); /* cut, not overrun */
	assert_int_equal(strlen(list), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_tell_entries_apart),
		cmocka_unit_test(labels_join_keys),
		cmocka_unit_test(the_budget_holds_and_nothing_is_lost),
		cmocka_unit_test(measures_know_their_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
