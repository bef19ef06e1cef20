/* The text's promises: terminated, exact numbers, and a failure that sticks until reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

static void empty_is_a_string(void **state)
{
	struct text text = {0};

	(void)state;
	assert_string_equal(text_string(&text), "");
	text_add(&text, "");
	text_add_bytes(&text, NULL, 0);
	assert_int_equal(text.length, 0);
	text_reset(&text);
	text_free(&text);
}

static void grows_and_stays_terminated(void **state)
{
	struct text text = {0};

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		text_add_char(&text, 'a' + i % 26);
		assert_int_equal(text.data[text.length], '\0');
	}
	assert_int_equal(text.length, 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(text.data[i], 'a' + i % 26);
	text_free(&text);
}

static void keeps_nul_bytes(void **state)
{
	struct text text = {0};

	(void)state;
	text_add_bytes(&text, "a\0b", 3);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "a\0b", 4);
	text_free(&text);
}

static void check_u64(uint64_t value)
{
	struct text text = {0};
	char expected[32];

	snprintf(expected, sizeof(expected), "%" PRIu64, value);
	text_add_u64(&text, value);
	assert_string_equal(text_string(&text), expected);
	text_reset(&text);
	snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)value);
	text_add_i64(&text, (int64_t)value);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
}

static void numbers_match_printf(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int i = 0; i < 20; i++, power *= 10) {
		check_u64(power - 1);
		check_u64(power);
		check_u64(power + 1);
	}
	for (int bit = 0; bit < 64; bit++) {
		check_u64(1ULL << bit);
		check_u64(0 - (1ULL << bit));
	}
	check_u64(0);
}

static void padded_has_exactly_the_digits(void **state)
{
	struct text text = {0};

	(void)state;
	text_add_padded(&text, 7, 9);
	text_add_padded(&text, 123456, 3);
	text_add_padded(&text, 1, 0);
	text_add_padded(&text, UINT64_MAX, 20);
	assert_string_equal(text_string(&text), "00000000745618446744073709551615");
	text_free(&text);
}

static void format_appends_across_growth(void **state)
{
	struct text text = {0};

	(void)state;
	for (int i = 0; i < 200; i++)
		text_add_format(&text, "%d,%s;", i, "x");
	assert_memory_equal(text.data, "0,x;1,x;", 8);
	assert_string_equal(text.data + text.length - 6, "199,x;");
	text_free(&text);
}

static void failure_sticks_until_reset(void **state)
{
	struct text text = {0};

	(void)state;
	text_add(&text, "kept");
	assert_false(text_reserve(&text, SIZE_MAX));
	assert_true(text.failed);
	text_add(&text, " dropped");
	text_add_u64(&text, 1);
	text_add_format(&text, "%d", 1);
	assert_string_equal(text.data, "kept");
	text_reset(&text);
	text_add(&text, "again");
	assert_false(text.failed);
	assert_string_equal(text.data, "again");
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_is_a_string),
		cmocka_unit_test(grows_and_stays_terminated),
		cmocka_unit_test(keeps_nul_bytes),
		cmocka_unit_test(numbers_match_printf),
		cmocka_unit_test(padded_has_exactly_the_digits),
		cmocka_unit_test(format_appends_across_growth),
		cmocka_unit_test(failure_sticks_until_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
