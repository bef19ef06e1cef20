/* Lines for narrow terminals: what matters is still there, whatever has to go for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/columns.h"
#include "event/plan.h"
#include "tests/records.h"

static struct plan plan;
static struct text line;

/* The line behind its time, in so many columns. */
static const char *shown(const struct record_buffer *buffer, unsigned int width)
{
	const struct text_style style = { .width = width };
	struct event event = { 0 };

	assert_int_equal(event_decode(&event, buffer->bytes, buffer->record.size), 0);
	text_reset(&line);
	text_event(&plan, &line, &event, &style);
	assert_int_equal(line.data[line.length - 1], '\n');
	line.data[--line.length] = '\0';
	assert_true(!width || columns_of(line.data, line.length) <= width);
	return line.data + strlen("12:34:56.123456 ");
}

static struct record_buffer *connection(u16 kind)
{
	static struct record_buffer buffer;
	struct connection_record *record = (struct connection_record *)&buffer;

	record_begin(&buffer, kind);
	record->family = AF_INET;
	record->transport = NET_TCP;
	inet_pton(AF_INET, "10.0.0.1", record->local);
	inet_pton(AF_INET, "192.168.100.200", record->peer);
	record->local_port = 44092;
	record->peer_port = 8443;
	record->sent = 1234;
	record->received = 1 << 20;
	return &buffer;
}

static void finish(struct record_buffer *buffer, u16 kind)
{
	for (int string = 0; string < record_shapes[kind].strings; string++)
		record_string(buffer, "", 0, 0);
}

static void test_peer_and_bytes_stay(void **state)
{
	struct record_buffer *buffer = connection(KIND_close);

	(void)state;
	finish(buffer, KIND_close);
	assert_non_null(strstr(shown(buffer, 0), " 10.0.0.1        44092 192.168.100.200 8443 "));
	assert_non_null(strstr(shown(buffer, 0), " 1.21 KiB  1 MiB"));
	assert_string_equal(shown(buffer, 80), "close   4242    - 192.168.100.200 8443 1.21 KiB 1 MiB");
	assert_non_null(strstr(shown(buffer, 120), " tcp "));
	for (unsigned int width = 60; width < 150; width++) {
		const char *told = shown(buffer, width);

		assert_int_equal(strstr(told, " 10.0.0.1 ") != NULL, strstr(told, " 44092 ") != NULL);
	}
}

static void test_a_refused_connect_says_by_whom(void **state)
{
	struct record_buffer *buffer = connection(KIND_connect);
	struct connection_record *record = (struct connection_record *)buffer;

	(void)state;
	record->error = -ECONNREFUSED;
	finish(buffer, KIND_connect);
	assert_non_null(strstr(shown(buffer, 80), " 192.168.100.200 8443 "));
	assert_non_null(strstr(shown(buffer, 80), " ECONNREFUSED refused"));
}

static void test_a_listener_keeps_its_own_address(void **state)
{
	struct record_buffer *buffer = connection(KIND_listen);

	(void)state;
	finish(buffer, KIND_listen);
	assert_non_null(strstr(shown(buffer, 70), " 10.0.0.1 44092"));
}

static void test_exit_keeps_what_it_cost(void **state)
{
	static struct record_buffer buffer;
	struct exit_record *record = (struct exit_record *)&buffer;

	(void)state;
	record_begin(&buffer, KIND_exit);
	record->peak_memory = 35 << 20;
	finish(&buffer, KIND_exit);
	assert_non_null(strstr(shown(&buffer, 80), " 35 MiB"));
	assert_non_null(strstr(shown(&buffer, 0), " 35 MiB"));
}

static void test_paths_share_what_is_left(void **state)
{
	static const char path[] = "/a/very/long/path/that/does/not/fit/into/the/half/of/a/line/and/then/some/more";
	static struct record_buffer buffer;
	const char *told;

	(void)state;
	record_begin(&buffer, KIND_open);
	((struct open_record *)&buffer)->error = -ENOENT;
	for (int string = 0; string < record_shapes[KIND_open].strings; string++)
		record_string(&buffer, string == OPEN_ASKED ? path : "", string == OPEN_ASKED ? sizeof(path) - 1 : 0,
			      string == OPEN_ASKED ? sizeof(path) - 1 : 0);
	told = shown(&buffer, 60);
	assert_non_null(strstr(told, "/a/very"));
	assert_non_null(strstr(told, "\xe2\x80\xa6 ENOENT"));
}

static void test_chosen_ones_stay_in_their_order(void **state)
{
	const struct field *chosen[] = { field_find("network.peer.port"), field_find("process.pid") };
	struct record_buffer *buffer = connection(KIND_connect);

	(void)state;
	finish(buffer, KIND_connect);
	plan_free(&plan);
	plan_make_of(&plan, chosen, 2);
	assert_string_equal(shown(buffer, 80), "connect 8443  4242");
	for (unsigned int width = 1; width < 60; width++)
		shown(buffer, width < 30 ? 30 : width);
}

static int prepare(void **state)
{
	(void)state;
	plan_make(&plan);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	plan_free(&plan);
	text_free(&line);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_and_bytes_stay),
		cmocka_unit_test(test_a_refused_connect_says_by_whom),
		cmocka_unit_test(test_a_listener_keeps_its_own_address),
		cmocka_unit_test(test_exit_keeps_what_it_cost),
		cmocka_unit_test(test_paths_share_what_is_left),
		cmocka_unit_test(test_chosen_ones_stay_in_their_order),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
