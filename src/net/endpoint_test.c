/* Addresses as people write them, and what falls into a range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/endpoint.h"

#include <sys/socket.h>

/* "RANGE ADDRESS": a range of one address is how addresses are had here. */
static bool has(const char *range, const char *address)
{
	struct cidr one, whole;

	assert_int_equal(cidr_parse(range, &whole), 0);
	assert_int_equal(cidr_parse(address, &one), 0);
	return cidr_has(&whole, &one.base);
}

static void test_ranges(void **state)
{
	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.3.4"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("10.1.2.3/8", "10.9.9.9"));
	assert_true(has("10.1.2.128/25", "10.1.2.200"));
	assert_false(has("10.1.2.128/25", "10.1.2.127"));
	assert_true(has("0.0.0.0/0", "203.0.113.9"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_true(has("10.1.2.3", "10.1.2.3"));
	assert_false(has("10.1.2.3", "10.1.2.4"));
	assert_true(has("fd00::/8", "fd12::1"));
	assert_false(has("fd00::/8", "fe80::1"));
	assert_true(has("::/0", "2001:db8::1"));
	assert_true(has("::ffff:10.0.0.0/104", "10.2.3.4"));
	assert_true(has("10.0.0.0/8", "::ffff:10.2.3.4"));
}

static void test_what_is_no_range(void **state)
{
	static const char *const wrong[] = { "", "/", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x",
					     "::1/129", "localhost", "10.0.0.256", "1.2.3.4.5",
					     "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_true(cidr_parse(wrong[i], &cidr) < 0);
}

static void test_texts(void **state)
{
	static const u8 four[] = { 10, 0, 0, 7 }, six[16] = { 0xfe, 0x80, [15] = 1 };
	struct text out = { 0 };
	struct endpoint endpoint;

	(void)state;
	endpoint_set(&endpoint, AF_INET, four, 80);
	endpoint_add(&out, &endpoint);
	text_add_char(&out, ' ');
	endpoint_set(&endpoint, AF_INET6, six, 443);
	endpoint_add(&out, &endpoint);
	text_add_char(&out, ' ');
	endpoint.port = 0;
	endpoint_add(&out, &endpoint);
	text_add_char(&out, ' ');
	endpoint_set(&endpoint, 77, six, 0);
	endpoint_add(&out, &endpoint);
	assert_string_equal(out.data, "10.0.0.7:80 [fe80::1]:443 fe80::1 ?");
	text_free(&out);
}

static void test_sorts(void **state)
{
	struct cidr cidr;

	(void)state;
	cidr_parse("127.3.2.1", &cidr);
	assert_true(endpoint_is_loopback(&cidr.base));
	cidr_parse("::1", &cidr);
	assert_true(endpoint_is_loopback(&cidr.base));
	cidr_parse("::", &cidr);
	assert_true(endpoint_is_any(&cidr.base) && !endpoint_is_loopback(&cidr.base));
	cidr_parse("224.0.0.251", &cidr);
	assert_true(endpoint_is_many(&cidr.base));
	cidr_parse("ff02::1", &cidr);
	assert_true(endpoint_is_many(&cidr.base));
	cidr_parse("255.255.255.255", &cidr);
	assert_true(endpoint_is_many(&cidr.base));
	cidr_parse("10.0.0.255", &cidr);
	assert_false(endpoint_is_many(&cidr.base));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_what_is_no_range),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_sorts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
