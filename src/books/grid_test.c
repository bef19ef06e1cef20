/* Tables for a terminal: aligned, empty columns left out, the least important dropped first, the rest cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "books/grid.h"

static const struct grid_column columns[] = {
	{ .head = "name", .left = true, .rest = 6 },
	{ .head = "count" },
	{ .head = "nothing", .drop = 1 },
	{ .head = "time", .drop = 2 },
	{ .head = "size", .drop = 3 },
};

static void expect_print(unsigned int width, const char *want)
{
	struct text out = { 0 };
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	grid_string(&grid, "a long name");
	grid_number(&grid, 12345);
	grid_string(&grid, "");
	grid_duration(&grid, 1500000000);
	grid_size(&grid, 0);
	grid_string(&grid, "日本");
	grid_number(&grid, 0);
	grid_string(&grid, "");
	grid_duration(&grid, 0);
	grid_size(&grid, 2048);
	grid_print(&grid, &out, width, " ");
	assert_string_equal(text_string(&out), want);
	grid_free(&grid);
	text_free(&out);
}

static void as_wide_as_there_is_room(void **state)
{
	(void)state;
	expect_print(0, " name         count   time   size\n"
			" a long name  12345  1.5 s      -\n"
			" 日本             -      -  2 KiB\n");
	expect_print(33, " name         count   time   size\n"
			 " a long name  12345  1.5 s      -\n"
			 " 日本             -      -  2 KiB\n");
	expect_print(28, " name    count   time   size\n"
			 " a lon…  12345  1.5 s      -\n"
			 " 日本        -      -  2 KiB\n");
	/* sizes go first, then times, then the name shrinks */
	expect_print(27, " name         count   time\n"
			 " a long name  12345  1.5 s\n"
			 " 日本             -      -\n");
	expect_print(14, " name    count\n"
			 " a lon…  12345\n"
			 " 日本        -\n");
}

static void percentages_tell_little_from_nothing(void **state)
{
	static const struct grid_column one[] = { { .head = "%" } };
	struct text out = { 0 };
	struct grid grid;

	(void)state;
	grid_begin(&grid, one, 1);
	grid_percent(&grid, 0, 100);
	grid_percent(&grid, 1, 100000);
	grid_percent(&grid, 5, 1000);
	grid_percent(&grid, 995, 1000);
	grid_percent(&grid, 1, 0);
	grid_print(&grid, &out, 0, "");
	assert_string_equal(text_string(&out), "     %\n     -\n<0.1 %\n 0.5 %\n 100 %\n     -\n");
	grid_free(&grid);
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_wide_as_there_is_room),
		cmocka_unit_test(percentages_tell_little_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
