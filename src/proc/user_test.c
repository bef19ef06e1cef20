/* A file of users that changes, and lines that are not users. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc/user.h"

static void put(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void test_names_and_numbers(void **state)
{
	(void)state;
	char path[] = "/tmp/user_test.XXXXXX";
	uint64_t now = 5;
	uint32_t uid = 0;

	close(mkstemp(path));
	put(path, "root:x:0:0:root:/root:/bin/sh\n# comment\n\n:x:7:7\nbad:x:seven:7::\nshort:x\n"
		  "toor:x:0:0::/:/bin/sh\nbob:x:1000:1000:Bob:/home/bob:/bin/bash\n12:x:1012:12:::\n"
		  "huge:x:99999999999:1:::\nnobody:x:65534:65534:::");
	struct user_table *users = user_table_new(path);
	assert_string_equal(user_name(users, 0, now), "root");
	assert_string_equal(user_name(users, 1000, now), "bob");
	assert_string_equal(user_name(users, 65534, now), "nobody");
	assert_null(user_name(users, 7, now));
	assert_null(user_name(users, UINT32_MAX, now));
	assert_int_equal(user_number(users, "bob", &uid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(user_number(users, "12", &uid), 0);	/* a name first, as id(1) does */
	assert_int_equal(uid, 1012);
	assert_int_equal(user_number(users, "4242", &uid), 0);
	assert_int_equal(uid, 4242);
	assert_true(user_number(users, "alice", &uid) < 0);
	assert_true(user_number(users, "", &uid) < 0);
	assert_true(user_number(users, "-1", &uid) < 0);
	assert_true(user_number(users, "4294967295", &uid) < 0);
	put(path, "alice:x:1000:1000:::\n");
	assert_string_equal(user_name(users, 1000, now), "bob");	/* not looked at yet */
	assert_string_equal(user_name(users, 1000, now + 2000000000ull), "alice");
	unlink(path);
	assert_string_equal(user_name(users, 1000, now + 4000000000ull), "alice");
	user_table_free(users);
}

static void test_no_file_is_no_names(void **state)
{
	(void)state;
	struct user_table *users = user_table_new("/nonexistent/passwd");
	uint32_t uid;

	assert_null(user_name(users, 0, 1));
	assert_int_equal(user_number(users, "0", &uid), 0);
	user_table_free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers),
		cmocka_unit_test(test_no_file_is_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
