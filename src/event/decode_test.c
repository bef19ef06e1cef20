/* The decoder believes no length: every record cut anywhere, every length that lies, every kind there is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "event/event.h"
#include "tests/records.h"

static void make(struct record_buffer *buffer, u16 kind)
{
	static const char *const words[] = { "", "a", "12345678", "123456789", "/usr/bin/env", "seventeen bytes.." };

	record_begin(buffer, kind);
	for (int i = 0; i < record_shapes[kind].strings; i++)
		record_string(buffer, words[i % 6], strlen(words[i % 6]), strlen(words[i % 6]) + i);
}

static int decode_exactly(struct event *event, const struct record_buffer *buffer, size_t size)
{
	/* On the heap, so that a byte read beyond the end is found. */
	void *copy = malloc(size ? size : 1);
	int error;

	memcpy(copy, buffer->bytes, size);
	error = event_decode(event, copy, size);
	free(copy);
	return error;
}

static void test_every_kind_decodes(void **state)
{
	static struct record_buffer buffer;
	struct event event;
	int kinds = 0;

	(void)state;
	for (u16 kind = 0; kind < KIND_MAX; kind++) {
		if (!record_shapes[kind].size)
			continue;
		kinds++;
		assert_true(record_shapes[kind].strings <= EVENT_STRINGS_MAX);
		assert_int_equal(record_shapes[kind].size % 8, 0);
		assert_non_null(kind_name(kind));
		assert_non_null(kind_help(kind));
		assert_int_equal(kind_find(kind_name(kind)), kind);
		make(&buffer, kind);
		assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
		assert_ptr_equal(event.record, &buffer.record);
		for (int i = 0; i < record_shapes[kind].strings; i++)
			assert_int_equal(event.strings[i].full, event.strings[i].length + i);
		for (int i = record_shapes[kind].strings; i < EVENT_STRINGS_MAX; i++)
			assert_null(event.strings[i].data);
	}
	assert_true(kinds >= 5);
}

static void test_strings_are_found(void **state)
{
	static struct record_buffer buffer;
	struct event event;

	(void)state;
	make(&buffer, KIND_exec);
	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	assert_int_equal(event.strings[EXEC_PATH].length, 0);
	assert_memory_equal(event.strings[EXEC_ASKED].data, "a", 1);
	assert_memory_equal(event.strings[EXEC_TTY].data, "123456789", 9);
	assert_memory_equal(event.strings[EXEC_NAME].data, "/usr/bin/env", 12);
	assert_int_equal(event.strings[EXEC_ARGUMENTS].length, 17);
	assert_int_equal(event.strings[EXEC_ARGUMENTS].full, 22);
}

static void test_cut_anywhere_is_refused(void **state)
{
	static struct record_buffer buffer;
	struct event event;

	(void)state;
	for (u16 kind = 0; kind < KIND_MAX; kind++) {
		u32 whole;

		if (!record_shapes[kind].size)
			continue;
		make(&buffer, kind);
		whole = buffer.record.size;
		for (u32 size = 0; size < whole; size++) {
			/* The ring says less than the record claims, then both say so. */
			buffer.record.size = whole;
			assert_int_equal(decode_exactly(&event, &buffer, size), -EBADMSG);
			buffer.record.size = size;
			assert_int_equal(decode_exactly(&event, &buffer, size), -EBADMSG);
		}
	}
}

static void test_lying_lengths_are_refused(void **state)
{
	static const u32 lies[] = { 0x7fffffff, 0xffffffff, 0xfffffff8, 0xfffffff9, 0x10000, 18, 25 };
	static struct record_buffer buffer;
	struct event event;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		record_begin(&buffer, KIND_cgroup);
		record_string(&buffer, "/a/b", 4, 4);
		memcpy(buffer.bytes + record_shapes[KIND_cgroup].size, &lies[i], sizeof(lies[i]));
		assert_int_equal(decode_exactly(&event, &buffer, buffer.record.size), -EBADMSG);
		buffer.record.size = lies[i];
		assert_int_equal(decode_exactly(&event, &buffer, 72), -EBADMSG);
	}
}

static void test_unknown_kinds_are_refused(void **state)
{
	static struct record_buffer buffer;
	struct event event;

	(void)state;
	for (u32 kind = 0; kind < 65536; kind++) {
		if (kind < KIND_MAX && record_shapes[kind].size)
			continue;
		make(&buffer, KIND_fork);
		buffer.record.kind = kind;
		assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), -EBADMSG);
		assert_null(kind_name(kind));
		assert_false(kind_is_public(kind));
	}
	assert_int_equal(kind_find("forks"), -1);
	assert_int_equal(kind_find(""), -1);
}

static void test_existing_may_lack_strings(void **state)
{
	static struct record_buffer buffer;
	struct event event;

	(void)state;
	record_begin(&buffer, KIND_exec);
	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), -EBADMSG);
	buffer.record.flags = RECORD_EXISTING;
	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	assert_null(event.strings[EXEC_PATH].data);
	assert_int_equal(event.strings[EXEC_PATH].length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_decodes),
		cmocka_unit_test(test_strings_are_found),
		cmocka_unit_test(test_cut_anywhere_is_refused),
		cmocka_unit_test(test_lying_lengths_are_refused),
		cmocka_unit_test(test_unknown_kinds_are_refused),
		cmocka_unit_test(test_existing_may_lack_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
