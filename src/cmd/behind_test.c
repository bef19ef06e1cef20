#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/behind.h"

#define PIECE (4UL << 20)
#define PIECES 12
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

/* Does this file system let go of anything? Some are in memory themselves. */
static bool lets_go(void)
{
	FILE *file = tmpfile();
	bool goes;

	assert_non_null(file);
	write_piece(fileno(file));
	fdatasync(fileno(file));
	posix_fadvise(fileno(file), 0, PIECE, POSIX_FADV_DONTNEED);
	goes = !is_in_memory(fileno(file), 0);
	fclose(file);
	return goes;
}

/* What is behind goes, and is as it was written. The system may be at a page for other reasons, and then that one stays. */
static void test_a_file_that_grows_quickly(void **state)
{
	struct behind behind = { 0 };
	FILE *file = tmpfile();
	char read_back[4096];
	off_t at = 0;
	bool gone = false;

	(void)state;
	assert_non_null(file);
	memset(piece, 'x', PIECE);
	if (!lets_go())
		skip();
	for (int waited = 0; !gone && waited < PATIENCE_MS; waited += 200) {
		assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
		for (int i = 0; i < PIECES; i++) {
			write_piece(fileno(file));
			behind_wrote(&behind, fileno(file), PIECE);
		}
		usleep(200000);
		for (int i = 0; i < PIECES && !gone; i++) {
			at = (off_t)i * PIECE;
			gone = behind.begun && !is_in_memory(fileno(file), at);
		}
	}
	assert_true(gone);
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
