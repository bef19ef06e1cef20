/*
 * What tools are called is data (tests/data/tools.txt). Besides: whatever the facts hold, a name comes out, of bounded length,
 * and nothing beyond the arguments is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proc/tool.h"

/* In place. */
static size_t decode(char *text, char between)
{
	size_t length = 0;

	for (char *from = text; *from; from++) {
		char byte = *from;

		if (byte == '\\' && from[1] == '0') {
			from++;
			continue;
		}
		if (byte == '\\' && (from[1] == 's' || from[1] == 'n'))
			byte = *++from == 's' ? ' ' : '\n';
		else if (byte == ' ')
			byte = between;
		text[length++] = byte;
	}
	text[length] = '\0';
	return length;
}

static char *cut(char **line, const char *mark)
{
	char *field = *line, *end = strstr(field, mark);

	assert_non_null(end);
	*end = '\0';
	*line = end + strlen(mark);
	return field;
}

/* From an exact copy of the arguments, so that a read beyond their end is seen. */
static void name_of(const char *executable, const char *comm, const char *arguments, size_t length, struct text *out)
{
	char *exact = malloc(length ? length : 1);

	memcpy(exact, arguments, length);
	text_reset(out);
	tool_name(&(struct tool_facts){ executable, comm, exact, length }, out);
	free(exact);
}

static void test_golden_names(void **state)
{
	FILE *file = fopen("tests/data/tools.txt", "r");
	struct text out = { 0 };
	char line[1024];
	int number = 0, cases = 0, wrong = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char *rest = line, *executable, *comm, *arguments;
		size_t length;

		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		executable = cut(&rest, " | ");
		comm = cut(&rest, " | ");
		arguments = cut(&rest, " => ");
		decode(executable, ' ');
		decode(comm, ' ');
		decode(rest, ' ');
		length = strcmp(arguments, "-") ? decode(arguments, '\0') + 1 : 0;
		name_of(strcmp(executable, "-") ? executable : "", comm, arguments, length, &out);
		if (strcmp(text_string(&out), rest)) {
			fprintf(stderr, "line %d: %s, expected %s\n", number, text_string(&out), rest);
			wrong++;
		}
		cases++;
	}
	fclose(file);
	text_free(&out);
	assert_int_equal(wrong, 0);
	assert_true(cases >= 120);
}

static void test_any_bytes_make_a_name(void **state)
{
	static const char *const images[] = { "/bin/python3", "/bin/bash", "/bin/busybox", "/bin/perl", "/bin/java", "/bin/awk",
					      "/lib/ld-linux.so", "/bin/ls", "", "/", "/memfd:", " (deleted)" };
	struct text out = { 0 };
	unsigned int seed = 7;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		char arguments[48], comm[16] = "x";
		size_t length = rand_r(&seed) % sizeof(arguments);

		for (size_t i = 0; i < length; i++)
			arguments[i] = "\0\0\0-+=/.@ cemxfoIW\xc3\xa9\n["[rand_r(&seed) % 23];
		comm[0] = "x\0/["[rand_r(&seed) % 4];
		name_of(images[rand_r(&seed) % 12], comm, arguments, length, &out);
		assert_in_range(out.length, 1, TOOL_NAME_MOST);
		assert_null(memchr(out.data, '\0', out.length));
	}
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_names),
		cmocka_unit_test(test_any_bytes_make_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
