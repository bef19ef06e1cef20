/* Paths of changes: what is joined is tidied, and nothing is taken away that could be a symbolic link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "event/getters.h"
#include "wire/change.h"
#include "wire/open.h"

static void joins_are_tidied(void **state)
{
	static const struct {
		const char *given;
		u16 resolved;
		const char *tidy;
	} cases[] = {
		{ "/work/name", 5, "/work/name" },
		{ "/work/./a//b/.", 5, "/work/a/b" },
		{ "/work/../a", 5, "/a" },
		{ "/work/deep/../../a", 10, "/a" },
		{ "/work/../../../a", 5, "/a" },
		{ "/work/link/../a", 5, "/work/link/../a" },
		{ "/work/../link/../a", 5, "/link/../a" },
		{ "/a", 1, "/a" },
		{ "//a", 1, "/a" },
		{ "/../a", 0, "/a" },
		{ "/link/../a", 0, "/link/../a" },
		{ "/a/", 0, "/a" },
		{ "/", 0, "/" },
		{ "/work/..", 5, "/" },
		{ "/work", 5, "/work" },
		{ "/work/a..", 5, "/work/a.." },
		{ "unreachable/a", 0, "unreachable/a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct change_record record = { .record.kind = KIND_change, .operation = CHANGE_UNLINK,
						.resolved = { cases[i].resolved } };
		struct event event = { .record = &record.record };
		u32 length = strlen(cases[i].given);
		struct value value;

		event.strings[CHANGE_PATH] = (struct bytes){ cases[i].given, length, length };
		assert_true(get_file_path(&event, &value));
		assert_int_equal(value.bytes.length, strlen(cases[i].tidy));
		assert_memory_equal(value.bytes.data, cases[i].tidy, value.bytes.length);
	}
}

static void flags_have_names(void **state)
{
	struct open_record record = { .record.kind = KIND_open, .flags = 02 | 0100 | 04000000 | 04010000 };
	struct event event = { .record = &record.record };
	static const char names[] = "O_RDWR\0O_CREAT\0O_SYNC\0O_NONBLOCK";
	struct value value;

	(void)state;
	assert_true(get_file_flags(&event, &value));
	assert_memory_equal(value.bytes.data, names, 7);
	record.flags = 04010000 | 020200000;
	assert_true(get_file_flags(&event, &value));
	assert_int_equal(value.bytes.length, strlen("O_RDONLY") + 1 + strlen("O_SYNC") + 1 + strlen("O_TMPFILE") + 1);
}

static void absent_is_absent(void **state)
{
	struct change_record record = { .record.kind = KIND_change, .operation = CHANGE_CHOWN, .uid = ~0U, .gid = 7 };
	struct event event = { .record = &record.record };
	struct value value;

	(void)state;
	assert_false(get_file_user(&event, &value));
	assert_true(get_file_group(&event, &value));
	assert_int_equal(value.number, 7);
	assert_false(get_file_mode(&event, &value));
	assert_false(get_file_size(&event, &value));
	assert_false(get_file_path(&event, &value));
	record.operation = CHANGE_TRUNCATE;
	assert_true(get_file_size(&event, &value));
	assert_int_equal(value.number, 0);
	record.operation = CHANGE_OPERATIONS;
	assert_false(get_file_change(&event, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_are_tidied),
		cmocka_unit_test(flags_have_names),
		cmocka_unit_test(absent_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
