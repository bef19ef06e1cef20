/* A message is one line in one write, whatever its arguments hold; stderr goes through a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"

static int ends[2], saved;

static void capture(void)
{
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

static void check(const char *expected)
{
	char said[512];
	ssize_t length;

	dup2(saved, STDERR_FILENO);
	close(saved);
	length = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	assert_true(length >= 0);
	said[length] = '\0';
	assert_string_equal(said, expected);
}

static void prefixes(void **state)
{
	(void)state;
	capture();
	message_error("no %s", "ring");
	message_warn("%d lost", 3);
	message_note("watching exec (attached in %s)", "80 ms");
	check("sonde: no ring\nsonde: warning: 3 lost\nsonde: watching exec (attached in 80 ms)\n");
}

static void hostile_arguments(void **state)
{
	(void)state;
	capture();
	message_error("open %s", "a\nsonde: fake\x1b[2J\xff");
	check("sonde: open a\\nsonde: fake\\x1b[2J\\xff\n");
}

static void errno_survives(void **state)
{
	(void)state;
	capture();
	errno = ENOSPC;
	message_error("x");
	assert_int_equal(errno, ENOSPC);
	check("sonde: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(hostile_arguments),
		cmocka_unit_test(errno_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
