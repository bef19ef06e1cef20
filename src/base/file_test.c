/* A file is there whole or not at all, and an old one stays until then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/sonde-file-test-XXXXXX");
	return mkdtemp(directory) && !chdir(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink("there");
	unlink("link");
	return chdir("/") || rmdir(directory);
}

static void holds(const char *path, const char *want)
{
	char got[64] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(got, want);
}

static unsigned int entries(void)
{
	DIR *here = opendir(".");
	unsigned int count = 0;

	while (readdir(here))
		count++;
	closedir(here);
	return count - 2;
}

static void write_one(const char *path, const char *what, bool keep, int want)
{
	struct file file;

	assert_int_equal(file_open(&file, path), 0);
	text_add(&file.text, what);
	assert_true(file_some(&file));
	assert_int_equal(file_close(&file, keep), want);
}

static void replaces_at_the_end_only(void **state)
{
	struct file file;

	(void)state;
	write_one("there", "old", true, 0);
	assert_int_equal(file_open(&file, "there"), 0);
	for (unsigned int i = 0; i < 100000; i++) {
		text_add(&file.text, "123456789\n");
		assert_true(file_some(&file));
	}
	holds("there", "old");
	assert_int_equal(file_close(&file, false), 0);
	holds("there", "old");
	write_one("there", "new", true, 0);
	holds("there", "new");
	assert_int_equal(entries(), 1);
}

static void follows_a_link(void **state)
{
	struct stat status;

	(void)state;
	write_one("there", "old", true, 0);
	assert_int_equal(symlink("there", "link"), 0);
	write_one("link", "through", true, 0);
	assert_int_equal(lstat("link", &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	holds("there", "through");
}

static void what_cannot_be_written_is_an_error(void **state)
{
	struct file file;

	(void)state;
	assert_int_equal(file_open(&file, "no/such/place"), -ENOENT);
	assert_int_equal(file_open(&file, "."), -EISDIR);
	write_one("/dev/full", "some", true, -ENOSPC);
	write_one("/dev/null", "some", true, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_at_the_end_only),
		cmocka_unit_test(follows_a_link),
		cmocka_unit_test(what_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
