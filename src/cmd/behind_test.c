#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cmd/behind.h"

#define PIECE (4UL << 20)
#define TMPFS 0x01021994
#define PATIENCE_MS 90000

static char piece[PIECE];

static void write_piece(int file)
{
	for (size_t done = 0; done < PIECE;) {
		ssize_t wrote = write(file, piece + done, PIECE - done);

		assert_true(wrote > 0);
		done += wrote;
	}
}

static bool is_in_memory(int file, off_t at)
{
	unsigned char resident = 1;
	void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, at);

	assert_ptr_not_equal(mapped, MAP_FAILED);
	assert_int_equal(mincore(mapped, 4096, &resident), 0);
	munmap(mapped, 4096);
	return resident & 1;
}

/* What is behind goes, and is as it was written. */
static void test_a_file_that_grows_quickly(void **state)
{
	struct behind behind = { 0 };
	FILE *file = tmpfile();
	struct statfs files;
	char read_back[4096];
	off_t at;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fstatfs(fileno(file), &files), 0);
	if (files.f_type == TMPFS)
		skip();
	memset(piece, 'x', PIECE);
	/* on a machine that is busy with other things they may not come quickly at first */
	for (int i = 0; i < 100 && !behind.begun; i++) {
		write_piece(fileno(file));
		behind_wrote(&behind, fileno(file), PIECE);
	}
	assert_true(behind.begun && behind.pieces >= 0);
	at = lseek(fileno(file), 0, SEEK_CUR) - PIECE;
	for (int waited = 0; is_in_memory(fileno(file), at); waited += 10) {
		assert_true(waited < PATIENCE_MS);
		usleep(10000);
	}
	behind_end(&behind);
	assert_int_equal(pread(fileno(file), read_back, sizeof(read_back), at), sizeof(read_back));
	assert_memory_equal(read_back, piece, sizeof(read_back));
	fclose(file);
}

static void test_what_is_no_file(void **state)
{
	struct behind behind = { 0 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 100; i++)
		behind_wrote(&behind, ends[1], PIECE);
	assert_int_equal(behind.pieces, -1);
	behind_end(&behind);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_that_grows_quickly),
		cmocka_unit_test(test_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
