/* The calendar at its edges, the cache at a change of second, and the clocks of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/wall.h"

#define SECOND 1000000000LL

static void check(struct wall *wall, uint64_t boot, const char *expected)
{
	struct text text = {0};

	wall_format(wall, &text, boot);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
}

static void formats_utc(void **state)
{
	struct wall wall = {0};

	(void)state;
	check(&wall, 0, "1970-01-01T00:00:00.000000000Z");
	check(&wall, 1, "1970-01-01T00:00:00.000000001Z");
	check(&wall, 999999999, "1970-01-01T00:00:00.999999999Z");
	check(&wall, SECOND, "1970-01-01T00:00:01.000000000Z");
	check(&wall, 951782400 * SECOND, "2000-02-29T00:00:00.000000000Z");
	/* Back to an earlier second: records of two rings may do that. */
	check(&wall, 951782399 * SECOND + 5, "2000-02-28T23:59:59.000000005Z");
	check(&wall, 4102444799 * SECOND, "2099-12-31T23:59:59.000000000Z");
}

static void a_step_of_the_clock_is_followed(void **state)
{
	struct wall wall = {0};

	(void)state;
	check(&wall, 5, "1970-01-01T00:00:00.000000005Z");
	wall.offset = 86400 * SECOND;
	check(&wall, 5, "1970-01-02T00:00:00.000000005Z");
	/* A machine without a clock battery may boot before 1970. */
	wall.offset = -1;
	check(&wall, 0, "1969-12-31T23:59:59.999999999Z");
}

static void any_offset_gives_a_string(void **state)
{
	struct wall wall = {.offset = INT64_MAX};
	struct text text = {0};

	(void)state;
	wall_format(&wall, &text, 0);
	wall_format(&wall, &text, UINT64_MAX);
	wall.offset = INT64_MIN;
	wall_format(&wall, &text, 0);
	assert_int_equal(text.length, 3 * 30);
	text_free(&text);
}

static void refresh_agrees_with_the_clock(void **state)
{
	struct wall wall = {0};
	struct timespec now;
	int64_t difference;

	(void)state;
	assert_true(wall_refresh(&wall) != 0);
	clock_gettime(CLOCK_REALTIME, &now);
	difference = wall_from_boot(&wall, wall_boot_now()) - (now.tv_sec * SECOND + now.tv_nsec);
	assert_true(llabs(difference) < SECOND);
	/* A clock that was set by an hour is noticed, with the right sign. */
	wall.offset -= 3600 * SECOND;
	difference = wall_refresh(&wall) - 3600 * SECOND;
	assert_true(llabs(difference) < SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_utc),
		cmocka_unit_test(a_step_of_the_clock_is_followed),
		cmocka_unit_test(any_offset_gives_a_string),
		cmocka_unit_test(refresh_agrees_with_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
