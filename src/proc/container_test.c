/*
 * The paths that runtimes really lay are data (tests/data/cgroups.txt); here they are read and held
 * against the function, and every path is also cut at every length to show that nothing reads beyond.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "container.h"

#ifndef TEST_DATA
#define TEST_DATA "tests/data"
#endif

static char *trim(char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	size_t length = strlen(text);
	while (length && strchr(" \t\n", text[length - 1]))
		text[--length] = '\0';
	return text;
}

static void expand(char *out, size_t size, const char *text)
{
	/* <A>, <B>: whole ids, so that the lines of the table stay readable. */
	static const char *const ids[] = {
		"3f4e8d1c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
		"a94f5c6e7d8b9a0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778ab",
	};
	size_t length = 0;

	for (; *text && length + 65 < size; text++) {
		if (text[0] == '<' && (text[1] == 'A' || text[1] == 'B') && text[2] == '>') {
			length += (size_t)sprintf(out + length, "%s", ids[text[1] - 'A']);
			text += 2;
		} else {
			out[length++] = *text;
		}
	}
	out[length] = '\0';
}

static void describe(const struct container_identity *identity, char *out, size_t size)
{
	const char *runtime = container_runtime_name(identity->runtime);

	snprintf(out, size, "%s %s %s", container_state_name(identity->state), runtime ? runtime : "-",
		 identity->id[0] ? identity->id : "-");
}

static void describe_rest(const struct container_identity *identity, char *out, size_t size)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{"pod", identity->pod_uid}, {"unit", identity->unit}, {"slice", identity->slice},
		{"job", identity->slurm_job}, {"step", identity->slurm_step},
	};
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].value[0])
			length += (size_t)snprintf(out + length, size - length, "%s%s=%s", length ? " " : "",
						   rows[i].name, rows[i].value);
	if (!length)
		snprintf(out, size, "-");
}

static void test_golden_paths(void **state)
{
	(void)state;
	FILE *file = fopen(TEST_DATA "/cgroups.txt", "r");
	char line[2048];
	int number = 0, cases = 0, wrong = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		char path[2048], identity[2048], rest[2048], got[2048], got_rest[2048];
		struct container_identity out;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		char *second = strchr(line, '|');
		assert_non_null(second);
		*second++ = '\0';
		char *third = strchr(second, '|');
		assert_non_null(third);
		*third++ = '\0';
		expand(path, sizeof(path), trim(line));
		expand(identity, sizeof(identity), trim(second));
		expand(rest, sizeof(rest), trim(third));
		container_from_cgroup(path, strlen(path), &out);
		describe(&out, got, sizeof(got));
		describe_rest(&out, got_rest, sizeof(got_rest));
		if (strcmp(got, identity) || strcmp(got_rest, rest)) {
			fprintf(stderr, "line %d: %s\n  want %s | %s\n  got  %s | %s\n", number, path, identity,
				rest, got, got_rest);
			wrong++;
		}
		for (size_t length = 0; length < strlen(path); length++) {
			char *exact = malloc(length ? length : 1);
			memcpy(exact, path, length);
			container_from_cgroup(exact, length, &out);
			free(exact);
		}
		cases++;
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(cases >= 60);
}

static void test_nothing_is_unknown(void **state)
{
	(void)state;
	struct container_identity out;

	container_from_cgroup(NULL, 0, &out);
	assert_int_equal(out.state, CONTAINER_UNKNOWN);
	container_from_cgroup("", 0, &out);
	assert_int_equal(out.state, CONTAINER_UNKNOWN);
	container_from_cgroup("docker/x", 8, &out);
	assert_int_equal(out.state, CONTAINER_UNKNOWN);
	container_from_cgroup("/", 1, &out);
	assert_int_equal(out.state, CONTAINER_NONE);
}

static void test_long_names_are_cut(void **state)
{
	(void)state;
	static char path[9000];
	struct container_identity out;

	memset(path, 'x', sizeof(path));
	memcpy(path, "/lxc.payload.", 13);
	container_from_cgroup(path, sizeof(path), &out);
	assert_int_equal(strlen(out.id), sizeof(out.id) - 1);
	memcpy(path, "/slurm/uid_1/job_99999999999999999999999999999999999/", 53);
	container_from_cgroup(path, sizeof(path), &out);
	assert_int_equal(strlen(out.slurm_job), sizeof(out.slurm_job) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_paths),
		cmocka_unit_test(test_nothing_is_unknown),
		cmocka_unit_test(test_long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
