/* Narrow, wide and combining characters, cut between any two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/width.h"

static void check(const char *text, unsigned int columns, size_t bytes, unsigned int wanted)
{
	unsigned int used;

	assert_int_equal(width_fit(text, strlen(text), columns, &used), bytes);
	assert_int_equal(used, wanted);
}

static void test_widths(void **state)
{
	(void)state;
	assert_int_equal(width_of("", 0), 0);
	assert_int_equal(width_of("abc", 3), 3);
	assert_int_equal(width_of("\xc3\xa4\xc3\xb6", 4), 2);
	assert_int_equal(width_of("\xe6\x97\xa5\xe6\x9c\xac", 6), 4);
	assert_int_equal(width_of("e\xcc\x81", 3), 1);
	assert_int_equal(width_of("\xf0\x9f\x98\x80", 4), 2);
	assert_int_equal(width_of("\xed\x95\x9c", 3), 2);
}

static void test_cuts(void **state)
{
	(void)state;
	check("abc", 2, 2, 2);
	check("abc", 0, 0, 0);
	check("\xe6\x97\xa5\xe6\x9c\xac", 3, 3, 2);
	check("a\xe6\x97\xa5", 2, 1, 1);
	check("e\xcc\x81x", 1, 3, 1);
}

/* Whatever bytes come: each counts as something, and nothing behind the end is read. */
static void test_bytes_that_are_no_characters(void **state)
{
	(void)state;
	check("\xff\xfe", 5, 2, 2);
	check("\xe6\x97", 5, 2, 2);
	check("\xf0\x9f\x98", 5, 3, 3);
	check("\xc3(", 5, 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_bytes_that_are_no_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
