/* Costs add up by their own rule, and each is said once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "books/costs.h"
#include "tests/json_valid.h"

static void sums_add_and_peaks_do_not(void **state)
{
	struct costs sum = { .cpu = 5, .memory = 100 }, small = { .cpu = 1, .memory = 20 }, large = { .memory = 300 };

	(void)state;
	costs_add(&sum, &small);
	assert_int_equal(sum.cpu, 6);
	assert_int_equal(sum.memory, 100);
	costs_add(&sum, &large);
	assert_int_equal(sum.cpu, 6);
	assert_int_equal(sum.memory, 300);
}

static void each_is_said_once_in_one_object_a_group(void **state)
{
	struct costs costs;
	struct text out = { 0 };
	struct jot jot = { .out = &out };

	(void)state;
	for (size_t i = 0; i < cost_count; i++)
		*(u64 *)((char *)&costs + cost_list[i].offset) = 1000 + i;
	jot_open(&jot, NULL, '{');
	costs_jot(&costs, &jot);
	jot_close(&jot, '}');
	text_add_char(&out, '\n');
	assert_null(json_line_wrong(text_string(&out), out.length));
	for (size_t i = 0; i < cost_count; i++) {
		char said[64];

		snprintf(said, sizeof(said), "\"%s\":%zu", strchr(cost_list[i].key, '.') + 1, 1000 + i);
		assert_non_null(strstr(text_string(&out), said));
	}
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_add_and_peaks_do_not),
		cmocka_unit_test(each_is_said_once_in_one_object_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
