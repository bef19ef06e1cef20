/* Which slips are near enough to suggest, and which would only puzzle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/nearest.h"

static const char *const words[] = {"trace", "hist", "doctor", "fields", "ring-size", NULL};

static void finds_what_was_meant(void **state)
{
	(void)state;
	assert_string_equal(nearest_word("tarce", words), "trace");
	assert_string_equal(nearest_word("trac", words), "trace");
	assert_string_equal(nearest_word("docter", words), "doctor");
	assert_string_equal(nearest_word("feilds", words), "fields");
	assert_string_equal(nearest_word("ringsize", words), "ring-size");
	assert_string_equal(nearest_word("doc", words), "doctor");
	assert_string_equal(nearest_word("histogram", words), "hist");
}

static void leaves_the_rest_alone(void **state)
{
	char endless[4096];

	(void)state;
	memset(endless, 't', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_null(nearest_word("", words));
	assert_null(nearest_word("zzz", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word(endless, words));
	assert_null(nearest_word("trace", (const char *const[]){NULL}));
}

static void counts_slips(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("trace", "trace"), 0);
	assert_int_equal(nearest_distance("tarce", "trace"), 1);
	assert_int_equal(nearest_distance("trce", "trace"), 1);
	assert_int_equal(nearest_distance("ttrace", "trace"), 1);
	assert_int_equal(nearest_distance("trbce", "trace"), 1);
	assert_true(nearest_distance("tr", "trace") < NEAREST_TOO_FAR);
	assert_int_equal(nearest_distance("exec", "open"), NEAREST_TOO_FAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_meant),
		cmocka_unit_test(leaves_the_rest_alone),
		cmocka_unit_test(counts_slips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
