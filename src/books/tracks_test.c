/* No two bars of a row overlap, and there are no more rows than bars at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "books/tracks.h"

static void the_uppermost_free_row_is_taken(void **state)
{
	struct tracks tracks = { 0 };

	(void)state;
	assert_int_equal(tracks_place(&tracks, 0, 10), 0);
	assert_int_equal(tracks_place(&tracks, 1, 3), 1);
	assert_int_equal(tracks_place(&tracks, 2, 4), 2);
	assert_int_equal(tracks_place(&tracks, 4, 5), 1);
	assert_int_equal(tracks_place(&tracks, 4, 4), 2);
	assert_int_equal(tracks_place(&tracks, 10, 11), 0);
	assert_int_equal(tracks.rows, 3);
	tracks_free(&tracks);
}

static void random_bars_do_not_overlap(void **state)
{
	static u64 until[64];	/* by row */
	struct tracks tracks = { 0 };
	u64 now = 0;

	(void)state;
	srandom(1);
	for (u32 i = 0; i < 20000; i++) {
		u64 end = now + random() % 100;
		u32 row = tracks_place(&tracks, now, end), rows = 0;

		assert_true(row < 64);
		assert_true(until[row] <= now);
		until[row] = end;
		for (u32 above = 0; above < row; above++)
			rows += until[above] > now;
		assert_int_equal(rows, row);
		now += random() % 8;
	}
	tracks_free(&tracks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_uppermost_free_row_is_taken),
		cmocka_unit_test(random_bars_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
