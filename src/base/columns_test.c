/* Widths on a terminal, and cuts that respect them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/columns.h"

static size_t width(const char *string)
{
	return columns_of(string, strlen(string));
}

static void widths(void **state)
{
	(void)state;
	assert_int_equal(width(""), 0);
	assert_int_equal(width("plain"), 5);
	assert_int_equal(width("größe"), 5);
	assert_int_equal(width("e\xcc\x81"), 1);		/* e and a combining accent */
	assert_int_equal(width("日本語"), 6);
	assert_int_equal(width("한국"), 4);
	assert_int_equal(width("a🚀b"), 4);
	assert_int_equal(width("\xf0\x9f"), 2);		/* cut in the middle: bytes, but no crash */
}

static void cut_is(const char *string, size_t width, const char *want, size_t columns)
{
	struct text out = { 0 };

	assert_int_equal(columns_cut(&out, string, strlen(string), width), columns);
	assert_string_equal(text_string(&out), want);
	text_free(&out);
}

static void cuts(void **state)
{
	(void)state;
	cut_is("plain", 5, "plain", 5);
	cut_is("plain", 4, "pla…", 4);
	cut_is("plain", 1, "…", 1);
	cut_is("plain", 0, "", 0);
	cut_is("", 0, "", 0);
	cut_is("日本語", 6, "日本語", 6);
	cut_is("日本語", 5, "日本…", 5);
	cut_is("日本語", 4, "日…", 3);
	cut_is("e\xcc\x81tat", 3, "e\xcc\x81t…", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths),
		cmocka_unit_test(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
