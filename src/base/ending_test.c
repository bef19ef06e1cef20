#include "base/ending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {
	"process.name",	 "container.name", "process.executable.path", "process.script.path", "file.path",
	"process.pid",	 "oom.victim.pid", "network.peer.port",	      "network.local.port",  NULL,
	"process.parent.executable.path",
};

static const char *name_at(const void *list, size_t i)
{
	return ((const char *const *)list)[i];
}

static long find(const char *name)
{
	return ending_find(name, sizeof(names) / sizeof(*names), name_at, names);
}

static void names_are_found(void **state)
{
	(void)state;
	assert_int_equal(find("file.path"), 4);
	assert_int_equal(find("peer.port"), 7);			/* the only one */
	assert_int_equal(find("victim.pid"), 6);
	assert_int_equal(find("name"), 0);			/* the process's own */
	assert_int_equal(find("pid"), 5);
	assert_int_equal(find("executable.path"), 2);
	assert_int_equal(find("path"), 4);			/* the shortest */
	assert_int_equal(find("port"), ENDING_AMBIGUOUS);
	assert_int_equal(find("ath"), ENDING_UNKNOWN);		/* whole parts only */
	assert_int_equal(find(""), ENDING_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
