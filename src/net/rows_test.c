/* What a look at the flows shows: order, filter, limit, and what has just ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/columns.h"
#include "net/rows.h"

#define SECOND 1000000000ULL

static struct show show;
static struct filter filter;
static struct rows rows;

static int begin(void **state)
{
	(void)state;
	show = (struct show){ .names = names_new(&(struct names_options){ .hosts = "/dev/null", .services = "/dev/null" }),
			      .interval = SECOND };
	filter = (struct filter){ .verdict = -1 };
	rows = (struct rows){ .filter = &filter, .show = &show, .text = "" };
	rows_begin(&rows);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rows_free(&rows);
	names_free(show.names);
	return 0;
}

static struct flow flow_of(u32 number, u64 rate)
{
	struct flow flow = { .transport = IPPROTO_TCP, .open = true, .to_server = 1000 - rate % 1000, .recent_to_server = rate };

	flow.client.at = (struct endpoint){ { 10, 0, number >> 8, number }, AF_INET, 40000 };
	flow.server.at = (struct endpoint){ { 10, 1, 0, 1 }, AF_INET, 80 };
	return flow;
}

static void add(u32 number, u64 rate)
{
	struct flow flow = flow_of(number, rate);

	rows_add(&rows, &flow);
}

static const char *line_of(size_t row, unsigned int width)
{
	static struct text line;

	text_reset(&line);
	rows_line(&line, &rows, &rows.rows[row], width, false);
	return text_string(&line);
}

static void test_the_most_first(void **state)
{
	(void)state;
	add(1, 10);
	add(2, 30);
	add(3, 20);
	rows_finish(&rows, 0);
	assert_int_equal(rows.count, 3);
	assert_non_null(strstr(line_of(0, 0), "10.0.0.2:40000 -> 10.1.0.1:80"));
	assert_non_null(strstr(line_of(2, 0), "10.0.0.1:40000"));
	rows.reverse = true;
	rows_finish(&rows, 0);
	assert_non_null(strstr(line_of(0, 0), "10.0.0.1:40000"));
	/* However narrow, who it is stays. */
	assert_int_equal(columns_of(line_of(0, 45), strlen(line_of(0, 45))), 45);
	assert_non_null(strstr(line_of(0, 45), "10.0.0.1"));
}

static void test_only_the_first_of_many(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20000; i++)
		add(i, i * 7919 % 20000);
	rows_finish(&rows, 0);
	assert_int_equal(rows.all, 20000);
	assert_int_equal(rows.count, ROWS_MOST);
	assert_int_equal(rows.rows[0].values[ROWS_BY_RATE], 19999);
	assert_int_equal(rows.rows[ROWS_MOST - 1].values[ROWS_BY_RATE], 20000 - ROWS_MOST);
}

static void test_what_has_a_text_in_it(void **state)
{
	(void)state;
	rows.text = "0.0.2:";
	add(1, 10);
	add(2, 30);
	rows_finish(&rows, 0);
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.all, 2);
}

static void test_what_has_just_ended(void **state)
{
	struct flow flow = flow_of(1, 50);

	(void)state;
	flow.open = false;
	flow.verdict = FLOW_FAILED;
	flow.error = 111;
	flow.last = 100 * SECOND;
	rows_ended(&rows, &flow);
	for (u64 now = 101; now < 104; now++) {
		rows_begin(&rows);
		rows_finish(&rows, now * SECOND);
		assert_int_equal(rows.count, 1);
		assert_int_equal(rows.of_verdict[FLOW_FAILED], 1);
		assert_non_null(strstr(line_of(0, 0), "refused"));
		assert_true(rows.rows[0].no_retransmits);
		assert_int_equal(rows.rows[0].values[ROWS_BY_RATE], now == 101 ? 50 : 0);
	}
	rows_begin(&rows);
	rows_finish(&rows, 106 * SECOND);
	assert_int_equal(rows.count, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_the_most_first),
		TEST(test_only_the_first_of_many),
		TEST(test_what_has_a_text_in_it),
		TEST(test_what_has_just_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
