/* What is jotted is valid JSON and says what was put in, whatever the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/jot.h"
#include "tests/json_valid.h"

static void commas_stand_between(void **state)
{
	struct text out = { 0 };
	struct jot jot = { .out = &out };

	(void)state;
	jot_open(&jot, NULL, '{');
	jot_unsigned(&jot, "a", UINT64_MAX);
	jot_open(&jot, "b", '[');
	jot_close(&jot, ']');
	jot_open(&jot, "c", '[');
	jot_signed(&jot, NULL, INT64_MIN);
	jot_bool(&jot, NULL, true);
	jot_open(&jot, NULL, '{');
	jot_close(&jot, '}');
	jot_close(&jot, ']');
	jot_words(&jot, "d", "x\0\0y", 4);
	jot_words(&jot, "e", NULL, 0);
	jot_string(&jot, "f", "");
	jot_close(&jot, '}');
	assert_string_equal(text_string(&out),
			    "{\"a\":18446744073709551615,\"b\":[],\"c\":[-9223372036854775808,true,{}],"
			    "\"d\":[\"x\",\"\",\"y\"],\"e\":[],\"f\":\"\"}");
	text_free(&out);
}

static void reals_are_short_and_never_nan(void **state)
{
	static const struct { double value; unsigned int digits; const char *text; } cases[] = {
		{ 1.5, 3, "[1.5]" }, { 2, 3, "[2]" },
		{ 100, 0, "[100]" }, { 0.0004, 3, "[0]" },
		{ -12.3456, 3, "[-12.346]" }, { NAN, 3, "[null]" },
		{ INFINITY, 3, "[null]" }, { 1e15, 2, "[1000000000000000]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text out = { 0 };
		struct jot jot = { .out = &out };

		jot_open(&jot, NULL, '[');
		jot_real(&jot, NULL, cases[i].value, cases[i].digits);
		jot_close(&jot, ']');
		assert_string_equal(text_string(&out), cases[i].text);
		text_free(&out);
	}
}

static void nothing_ends_a_script(void **state)
{
	static const char hostile[] = "</script><!--<\0\xff\xe2\x80\xae\"\\";
	struct text out = { 0 };
	struct jot jot = { .out = &out, .in_html = true };

	(void)state;
	jot_open(&jot, NULL, '{');
	jot_bytes(&jot, "</script>", hostile, sizeof(hostile) - 1);
	jot_close(&jot, '}');
	assert_null(strchr(text_string(&out), '<'));
	text_add_char(&out, 0x0a);
	assert_null(json_line_wrong(text_string(&out), out.length));
	assert_string_equal(text_string(&out),
			    "{\"\\u003c/script>\":\"\\u003c/script>\\u003c!--\\u003c\\u0000\xef\xbf\xbd"
			    "\\u202e\\\"\\\\\"}\n");
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between),
		cmocka_unit_test(reals_are_short_and_never_nan),
		cmocka_unit_test(nothing_ends_a_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
