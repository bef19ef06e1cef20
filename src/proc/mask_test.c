/*
 * What must be hidden, and what must not, is data (tests/data/mask.txt). Besides: hiding twice is
 * hiding once, the number of arguments stays, and random bytes do no harm.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc/mask.h"

#ifndef TEST_DATA
#define TEST_DATA "tests/data"
#endif

static size_t decode(char *text)
{
	size_t length = 0;

	for (char *from = text; *from; from++) {
		if (from[0] == '\\' && (from[1] == '0' || from[1] == 'n'))
			text[length++] = *++from == 'n' ? '\n' : '\0';
		else
			text[length++] = *from;
	}
	return length;
}

static void show(const char *label, const char *bytes, size_t length)
{
	fprintf(stderr, "  %s ", label);
	for (size_t i = 0; i < length; i++)
		fputs(bytes[i] ? (char[]){bytes[i], 0} : "\\0", stderr);
	fputs("\n", stderr);
}

/* Applies the mask to an exact copy, so that a read beyond the end is seen. */
static bool apply(const struct mask *mask, const char *bytes, size_t length, struct text *out)
{
	char *exact = malloc(length ? length : 1);
	memcpy(exact, bytes, length);
	bool changed = mask_arguments(mask, exact, length, out);
	if (!changed) {
		text_reset(out);
		text_add_bytes(out, exact, length);
	}
	free(exact);
	return changed;
}

static void test_golden_arguments(void **state)
{
	(void)state;
	FILE *file = fopen(TEST_DATA "/mask.txt", "r");
	struct mask *mask = mask_new();
	struct text out = {0}, again = {0};
	char line[2048];
	int number = 0, cases = 0, wrong = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		char *want = strstr(line, " => ");
		assert_non_null(want);
		*want = '\0';
		want += 4;
		size_t length = decode(line), wanted = decode(want);
		if (wanted == 1 && want[0] == '=') {
			want = line;
			wanted = length;
		}
		apply(mask, line, length, &out);
		if (out.length != wanted || memcmp(text_string(&out), want, wanted)) {
			fprintf(stderr, "line %d\n", number);
			show("want", want, wanted);
			show("got ", text_string(&out), out.length);
			wrong++;
		}
		apply(mask, text_string(&out), out.length, &again);
		if (again.length != out.length || memcmp(text_string(&again), text_string(&out), out.length)) {
			fprintf(stderr, "line %d, twice\n", number);
			show("once ", text_string(&out), out.length);
			show("twice", text_string(&again), again.length);
			wrong++;
		}
		cases++;
	}
	fclose(file);
	text_free(&out);
	text_free(&again);
	mask_free(mask);
	assert_int_equal(wrong, 0);
	assert_true(cases >= 90);
}

static int load(struct mask *mask, const char *content, struct text *error)
{
	char path[] = "/tmp/mask_test.XXXXXX";
	int descriptor = mkstemp(path);

	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, content, strlen(content)), (ssize_t)strlen(content));
	close(descriptor);
	int status = mask_load(mask, path, error);
	unlink(path);
	return status;
}

static void test_own_patterns(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	struct text out = {0}, error = {0};

	assert_int_equal(load(mask, "# ours\n\nticket-[0-9]+\n--pin ?=?([0-9]+)\n", &error), 0);
	assert_true(apply(mask, "a\0ticket-12 x ticket-3\0--pin=77", 31, &out));
	assert_memory_equal(out.data, "a\0*** x ***\0--pin=***", 21);
	assert_false(apply(mask, "make\0all", 8, &out));
	assert_true(load(mask, "fine\nbro(ken\n", &error) < 0);
	assert_non_null(strstr(text_string(&error), ":2: "));
	text_reset(&error);
	assert_true(load(mask, "x*\n", &error) < 0);
	text_reset(&error);
	assert_true(mask_load(mask, "/nonexistent/patterns", &error) < 0);
	assert_non_null(strstr(text_string(&error), "/nonexistent/patterns: "));
	text_free(&out);
	text_free(&error);
	mask_free(mask);
}

static size_t count_nul(const char *bytes, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += !bytes[i];
	return count;
}

static void test_random_arguments(void **state)
{
	(void)state;
	static const char *const pieces[] = {
		"--password", "token", "=", ":", "://", "@", " ", "\"", "'", "\\", "-p", "mysql", "curl", "-u",
		"sshpass", "Authorization: ", "Bearer ", "a", "x1", "?", "&", ";", "/", "***", "eyJ", ".", "-c",
		"sk-", "0123456789abcdefghij", "-----BEGIN RSA PRIVATE KEY-----", "-----END", "secret", "key",
		"api_", "{", "}", ",", "\n", "login", "docker", "pass", "\xff", "\x80", "--", "=true", "|", "(",
	};
	struct mask *mask = mask_new();
	struct text out = {0}, again = {0};
	int unstable = 0;

	srand(11);
	for (int round = 0; round < 60000; round++) {
		char block[2048];
		size_t length = 0;
		for (int i = rand() % 24; i > 0; i--) {
			const char *piece = pieces[(size_t)rand() % (sizeof(pieces) / sizeof(*pieces))];
			if (!(rand() % 4)) {
				block[length++] = '\0';
				continue;
			}
			memcpy(block + length, piece, strlen(piece));
			length += strlen(piece);
		}
		apply(mask, block, length, &out);
		assert_int_equal(count_nul(text_string(&out), out.length), count_nul(block, length));
		assert_true(out.length <= length * 4);
		apply(mask, text_string(&out), out.length, &again);
		if (again.length != out.length || memcmp(text_string(&again), text_string(&out), out.length)) {
			if (unstable++ < 5) {
				show("in   ", block, length);
				show("once ", text_string(&out), out.length);
				show("twice", text_string(&again), again.length);
			}
		}
	}
	text_free(&out);
	text_free(&again);
	mask_free(mask);
	assert_int_equal(unstable, 0);
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_hostile_text_takes_no_time(void **state)
{
	(void)state;
	static const char *const pieces[] = {"token=", "://", "://a:", "\"token\":", "token: ", "eyJ.", "s.", "'",
					     "\"", "-----BEGIN ", " --password", "token=\"", "a=b;", "token=;a "};
	struct mask *mask = mask_new();
	struct text out = {0};
	static char block[128 << 10];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		size_t length = 0, size = strlen(pieces[i]);
		while (length + size < sizeof(block)) {
			memcpy(block + length, pieces[i], size);
			length += size;
		}
		memcpy(block, "secret ", 7);
		double before = seconds();
		apply(mask, block, length, &out);
		if (seconds() - before > 1)
			fail_msg("%s takes %.1f s", pieces[i], seconds() - before);
	}
	text_free(&out);
	mask_free(mask);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--time")) {
		static const char plain[] = "/usr/bin/gcc\0-O2\0-Wall\0-Isrc\0-c\0src/proc/main.c\0-o\0build/main.o";
		struct mask *mask = mask_new();
		struct text out = {0};
		double before = seconds();
		for (int i = 0; i < 1000000; i++)
			mask_arguments(mask, plain, sizeof(plain), &out);
		printf("%zu bytes without a secret: %.0f ns\n", sizeof(plain), (seconds() - before) * 1e3);
		mask_free(mask);
		(void)argv;
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_arguments),
		cmocka_unit_test(test_own_patterns),
		cmocka_unit_test(test_random_arguments),
		cmocka_unit_test(test_hostile_text_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
