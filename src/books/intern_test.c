/* Same bytes, same number; a bound on what is remembered; and never one number for two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "books/intern.h"

static u32 number_of(struct intern *intern, unsigned int word, bool *fresh)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "/work/%u/file", word);

	return intern_number(intern, text, length, fresh);
}

static void same_bytes(void **state)
{
	struct intern intern;
	bool fresh;

	(void)state;
	intern_init(&intern, 1000);
	assert_int_equal(intern_number(&intern, "", 0, &fresh), 0);
	assert_true(fresh);
	assert_int_equal(intern_number(&intern, "\0", 1, &fresh), 1);
	assert_int_equal(intern_number(&intern, "\0\0", 2, &fresh), 2);
	assert_int_equal(intern_number(&intern, "exactly8", 8, &fresh), 3);
	assert_int_equal(intern_number(&intern, "exactly8\0", 9, &fresh), 4);
	assert_true(fresh);
	assert_int_equal(intern_number(&intern, "exactly8", 8, &fresh), 3);
	assert_int_equal(intern_number(&intern, "", 0, &fresh), 0);
	assert_false(fresh);
	intern_free(&intern);
}

static void bounded(void **state)
{
	struct intern intern;
	bool fresh;
	u32 kept;

	(void)state;
	intern_init(&intern, 100);
	kept = number_of(&intern, 0, &fresh);
	for (unsigned int i = 1; i < 10000; i++) {
		assert_int_equal(number_of(&intern, i, &fresh), i);
		assert_true(fresh);
		/* what is in use is not forgotten */
		assert_int_equal(number_of(&intern, 0, &fresh), kept);
		assert_false(fresh);
		assert_true(table_count(&intern.now) <= 100 && table_count(&intern.before) <= 100);
	}
	/* what is not comes back under a new number */
	assert_int_equal(number_of(&intern, 1, &fresh), 10000);
	assert_true(fresh);
	intern_free(&intern);
}

static void keyed(void **state)
{
	struct intern one, other;

	(void)state;
	intern_init(&one, 10);
	intern_init(&other, 10);
	assert_int_equal(intern_hash(&one, "word", 4), intern_hash(&one, "word", 4));
	assert_int_not_equal(intern_hash(&one, "word", 4), intern_hash(&other, "word", 4));
	intern_free(&one);
	intern_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes),
		cmocka_unit_test(bounded),
		cmocka_unit_test(keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
