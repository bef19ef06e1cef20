/* The table against a plain array that does the same slowly, over random operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/table.h"

enum { keys = 512 };

static void edges(void **state)
{
	struct table table = {0};
	int one, two;

	(void)state;
	assert_null(table_get(&table, 0));
	assert_null(table_remove(&table, 0));
	assert_int_equal(table_put(&table, 0, NULL), -EINVAL);
	assert_int_equal(table_put(&table, 0, &one), 0);
	assert_int_equal(table_put(&table, UINT64_MAX, &two), 0);
	assert_ptr_equal(table_get(&table, 0), &one);
	assert_ptr_equal(table_get(&table, UINT64_MAX), &two);
	assert_int_equal(table_put(&table, 0, &two), 0);
	assert_int_equal(table_count(&table), 2);
	assert_ptr_equal(table_remove(&table, 0), &two);
	assert_null(table_get(&table, 0));
	assert_int_equal(table_count(&table), 1);
	table_free(&table);
	assert_int_equal(table_count(&table), 0);
	assert_null(table_get(&table, 1));
}

struct seen {
	int visits[keys];
	char *values;
};

static void visit(uint64_t key, void *value, void *argument)
{
	struct seen *seen = argument;

	assert_true(key < keys);
	assert_ptr_equal(value, seen->values + key);
	seen->visits[key]++;
}

static void compare(const struct table *table, const bool *present, char *values)
{
	struct seen seen = {.values = values};
	size_t count = 0;

	table_each(table, visit, &seen);
	for (uint64_t key = 0; key < keys; key++) {
		assert_ptr_equal(table_get(table, key), present[key] ? values + key : NULL);
		assert_int_equal(seen.visits[key], present[key]);
		count += present[key];
	}
	assert_int_equal(table_count(table), count);
}

static void random_operations_match_an_array(void **state)
{
	static char values[keys];
	bool present[keys] = {false};
	struct table table = {0};

	(void)state;
	srandom(1);
	for (int round = 0; round < 40000; round++) {
		/* A drifting window makes it fill, empty and collide. */
		uint64_t key = (random() % 64 + round / 64) % keys;

		if (random() % 2) {
			assert_int_equal(table_put(&table, key, values + key), 0);
			present[key] = true;
		} else {
			assert_ptr_equal(table_remove(&table, key),
					 present[key] ? values + key : NULL);
			present[key] = false;
		}
		if (round % 512 == 0)
			compare(&table, present, values);
	}
	compare(&table, present, values);
	table_free(&table);
}

static void does_not_grow_under_churn(void **state)
{
	struct table table = {0};
	int value;
	size_t capacity;

	(void)state;
	for (uint64_t key = 0; key < 100; key++)
		assert_int_equal(table_put(&table, key, &value), 0);
	capacity = table.capacity;
	for (uint64_t key = 100; key < 100000; key++) {
		assert_ptr_equal(table_remove(&table, key - 100), &value);
		assert_int_equal(table_put(&table, key, &value), 0);
	}
	assert_int_equal(table.capacity, capacity);
	table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(random_operations_match_an_array),
		cmocka_unit_test(does_not_grow_under_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
