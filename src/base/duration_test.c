/* What people type, what they mistype, and that what is printed can be read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

#define SECOND 1000000000ULL

struct parse {
	const char *in;
	int error;
	uint64_t value;
};

static const struct parse durations[] = {
	{"0", 0, 0}, {"0s", 0, 0}, {"0.0", 0, 0}, {"1ns", 0, 1}, {"7us", 0, 7000},
	{"500ms", 0, 500000000}, {"10s", 0, 10 * SECOND}, {"2m", 0, 120 * SECOND},
	{"2min", 0, 120 * SECOND}, {"1h", 0, 3600 * SECOND}, {"1d", 0, 86400 * SECOND},
	{"1h30m", 0, 5400 * SECOND}, {" 1 h 30 min ", 0, 5400 * SECOND},
	{"1m500ms", 0, 60 * SECOND + 500000000}, {"1.5s", 0, 1500000000}, {"0.1s", 0, 100000000},
	{"0.000000001s", 0, 1}, {"0.00000000099999999999999999999999s", 0, 0},
	{"9223372036854775807ns", 0, INT64_MAX}, {"9223372036854775808ns", -ERANGE, 0},
	{"18446744073709551616ns", -ERANGE, 0}, {"106752d", -ERANGE, 0},
	{"9223372036854775807ns1ns", -EINVAL, 0}, {"106751d 24h", -ERANGE, 0},
	{"99999999999999999999999999h", -ERANGE, 0}, {"99999999999999999999h1x", -EINVAL, 0},
	{"", -EINVAL, 0}, {" ", -EINVAL, 0}, {"10", -EINVAL, 0}, {"1.5", -EINVAL, 0},
	{"s", -EINVAL, 0}, {"-5s", -EINVAL, 0}, {"+5s", -EINVAL, 0}, {"5 s x", -EINVAL, 0},
	{"5x", -EINVAL, 0}, {"5S", -EINVAL, 0}, {"1m1h", -EINVAL, 0}, {"1s1s", -EINVAL, 0},
	{"1m1min", -EINVAL, 0}, {"1h30", -EINVAL, 0}, {"1.s", -EINVAL, 0}, {".5s", -EINVAL, 0},
	{"1..5s", -EINVAL, 0}, {"1e3s", -EINVAL, 0}, {"0x10s", -EINVAL, 0}, {"inf", -EINVAL, 0},
};

static const struct parse sizes[] = {
	{"0", 0, 0}, {"4096", 0, 4096}, {"1B", 0, 1}, {"64K", 0, 65536}, {"64k", 0, 65536},
	{"8M", 0, 8 << 20}, {"1MiB", 0, 1 << 20}, {"1.5GiB", 0, 3ULL << 29}, {"2T", 0, 2ULL << 40},
	{"8 MiB", 0, 8 << 20}, {"1.0001K", 0, 1024},
	{"9223372036854775807", 0, INT64_MAX}, {"9223372036854775808", -ERANGE, 0},
	{"8388608T", -ERANGE, 0}, {"8388607T", 0, 8388607ULL << 40},
	{"", -EINVAL, 0}, {"-1", -EINVAL, 0}, {"1KB", 0, 1000}, {"1.5MB", 0, 1500000}, {"1KX", -EINVAL, 0}, {"K", -EINVAL, 0},
	{"1KK", -EINVAL, 0}, {"1M1", -EINVAL, 0}, {"1 2", -EINVAL, 0}, {"1P", -EINVAL, 0},
};

static void check(const struct parse *parses, size_t count,
		  int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;
		int error = parse(parses[i].in, &value);

		if (error != parses[i].error || value != parses[i].value)
			fail_msg("\"%s\": %d, %llu", parses[i].in, error,
				 (unsigned long long)value);
	}
}

static void parses(void **state)
{
	(void)state;
	check(durations, sizeof(durations) / sizeof(durations[0]), duration_parse);
	check(sizes, sizeof(sizes) / sizeof(sizes[0]), size_parse);
}

static void formats(void **state)
{
	char text[DURATION_TEXT_SIZE];

	(void)state;
	assert_string_equal(duration_format(0, text), "0 s");
	assert_string_equal(duration_format(999, text), "999 ns");
	assert_string_equal(duration_format(1000, text), "1 us");
	assert_string_equal(duration_format(1234567, text), "1.23 ms");
	assert_string_equal(duration_format(80 * 1000000, text), "80 ms");
	assert_string_equal(duration_format(1235000, text), "1.24 ms");
	assert_string_equal(duration_format(9995, text), "10 us");
	assert_string_equal(duration_format(99949, text), "99.9 us");
	assert_string_equal(duration_format(99950, text), "100 us");
	assert_string_equal(duration_format(999499999, text), "999 ms");
	assert_string_equal(duration_format(999999999, text), "1 s");
	assert_string_equal(duration_format(1500000000, text), "1.5 s");
	assert_string_equal(duration_format(12340000000, text), "12.3 s");
	assert_string_equal(duration_format(1050000000, text), "1.05 s");
	assert_string_equal(duration_format(3017307925, text), "3.02 s");
	assert_string_equal(duration_format(59949999999, text), "59.9 s");
	assert_string_equal(duration_format(59999999999, text), "1 min");
	assert_string_equal(duration_format(60 * SECOND, text), "1 min");
	assert_string_equal(duration_format(125 * SECOND + SECOND / 2, text), "2 min 6 s");
	assert_string_equal(duration_format(3600 * SECOND - 1, text), "1 h");
	assert_string_equal(duration_format(86400 * SECOND - 1, text), "1 d");
	assert_string_equal(duration_format(125 * SECOND + 1, text), "2 min 5 s");
	assert_string_equal(duration_format(90 * 60 * SECOND, text), "1 h 30 min");
	assert_string_equal(duration_format(76 * 3600 * SECOND, text), "3 d 4 h");
	assert_string_equal(duration_format(UINT64_MAX, text), "213504 d");
	assert_string_equal(size_format(0, text), "0 B");
	assert_string_equal(size_format(1023, text), "1023 B");
	assert_string_equal(size_format(65536, text), "64 KiB");
	assert_string_equal(size_format(1023 * 1024 + 511, text), "1023 KiB");
	assert_string_equal(size_format(1023 * 1024 + 512, text), "1 MiB");
	assert_string_equal(size_format(3ULL << 29, text), "1.5 GiB");
	assert_string_equal(size_format(UINT64_MAX, text), "16777216 TiB");
}

/* Three digits are right to half a percent, two units from a minute on to a thirtieth; what is read back prints the same. */
static bool is_near(uint64_t value, uint64_t back, unsigned part)
{
	return (value > back ? value - back : back - value) <= value / part + 1;
}

static void what_is_printed_is_read_back(void **state)
{
	(void)state;
	srandom(4);
	for (int i = 0; i < 20000; i++) {
		uint64_t value = ((uint64_t)random() << 32 | random()) >> (1 + random() % 63);
		char first[DURATION_TEXT_SIZE], again[DURATION_TEXT_SIZE];
		uint64_t back;

		assert_int_equal(duration_parse(duration_format(value >> 1, first), &back), 0);
		assert_true(is_near(value >> 1, back, value >> 1 < 60 * SECOND ? 199 : 30));
		assert_string_equal(duration_format(back, again), first);
		assert_int_equal(size_parse(size_format(value >> 1, first), &back), 0);
		assert_true(is_near(value >> 1, back, 199));
		assert_string_equal(size_format(back, again), first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(formats),
		cmocka_unit_test(what_is_printed_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
