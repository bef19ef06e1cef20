/* What is packed comes back; what is not packed is refused; similar lists take little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "books/pack.h"

enum { lists = 300 };

static void round_trip(struct pack *pack, const void *bytes, size_t length)
{
	struct text packed = { 0 }, back = { 0 };

	pack_add(pack, bytes, length, &packed);
	assert_true(pack_read(pack, packed.data, packed.length, &back));
	assert_int_equal(back.length, length);
	if (length)
		assert_memory_equal(back.data, bytes, length);
	text_free(&packed);
	text_free(&back);
}

static void any_bytes_come_back(void **state)
{
	static char list[200000];
	struct pack pack = { 0 };

	(void)state;
	round_trip(&pack, "", 0);
	round_trip(&pack, "a", 1);
	round_trip(&pack, "true", 5);
	memset(list, 'x', sizeof(list));
	round_trip(&pack, list, sizeof(list));
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		/* from very repetitive to noise */
		size_t length = random() % (round % 50 ? 300 : sizeof(list));
		int letters = 1 + random() % (round % 3 ? 4 : 256);

		for (size_t i = 0; i < length; i++)
			list[i] = (char)(random() % letters);
		round_trip(&pack, list, length);
	}
	pack_free(&pack);
}

static void later_lists_do_not_disturb_earlier_ones(void **state)
{
	struct text packed[lists] = { 0 }, back = { 0 };
	struct pack pack = { 0 }, reader = { 0 };
	char list[64];

	(void)state;
	for (int i = 0; i < lists; i++)
		pack_add(&pack, list, sprintf(list, "tool-%d -%c --name=sample_%d", i % 40, 'a' + i % 20, i),
			 &packed[i]);
	text_add_bytes(&reader.dictionary, pack.dictionary.data, pack.dictionary.length);
	for (int i = lists - 1; i >= 0; i--) {
		text_reset(&back);
		assert_true(pack_read(&reader, packed[i].data, packed[i].length, &back));
		assert_int_equal(back.length, sprintf(list, "tool-%d -%c --name=sample_%d", i % 40, 'a' + i % 20, i));
		assert_memory_equal(back.data, list, back.length);
		text_free(&packed[i]);
	}
	text_free(&back);
	pack_free(&pack);
	pack_free(&reader);
}

static void the_dictionary_has_an_end(void **state)
{
	struct pack pack = { 0 };
	char list[3000];

	(void)state;
	srandom(1);
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(list); i++)
			list[i] = (char)random();
		round_trip(&pack, list, sizeof(list));
	}
	assert_true(pack.dictionary.length <= PACK_DICTIONARY_MOST);
	assert_true(pack.dictionary.length > PACK_DICTIONARY_MOST - sizeof(list));
	pack_free(&pack);
}

/* The compiler's own command line, as a build of many files starts it. */
static size_t compile_line(char *line, size_t size, int file)
{
	size_t length = snprintf(
		line, size,
		"/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -I . -I ./src -I ./include/generated -MD "
		"src/part%02d/module_%06x.d -MF src/part%02d/.module_%06x.o.d -MP -MT src/part%02d/module_%06x.o -D "
		"HAVE_CONFIG_H -D _GNU_SOURCE src/part%02d/module_%06x.c -quiet -dumpbase module_%06x.c -dumpbase-ext "
		".c "
		"-mtune=generic -march=x86-64 -g -O2 -Wall -Wextra -std=gnu11 -fPIC -fstack-protector-strong "
		"-fasynchronous-unwind-tables -o /tmp/cc%06x.s",
		file % 37, file * 7919 % 0xffffff, file % 37, file * 7919 % 0xffffff, file % 37, file * 7919 % 0xffffff,
		file % 37, file * 7919 % 0xffffff, file * 7919 % 0xffffff, file * 104729 % 0xffffff);

	for (size_t i = 0; i < length; i++)
		if (line[i] == ' ')
			line[i] = '\0';
	return length + 1;
}

static void command_lines_of_a_build_take_little(void **state)
{
	struct text packed = { 0 };
	struct pack pack = { 0 };
	size_t plain = 0;
	char line[1000];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		size_t length = compile_line(line, sizeof(line), i);

		plain += length;
		pack_add(&pack, line, length, &packed);
	}
	print_message("%zu bytes of arguments packed to %zu and a dictionary of %zu\n", plain, packed.length,
		      pack.dictionary.length);
	assert_true(packed.length + pack.dictionary.length < plain / 8);
	text_free(&packed);
	pack_free(&pack);
}

static void damaged_ones_are_refused_or_bounded(void **state)
{
	struct text packed = { 0 }, back = { 0 };
	struct pack pack = { 0 };
	char line[1000];
	int refused = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		text_reset(&packed);
		pack_add(&pack, line, compile_line(line, sizeof(line), i), &packed);
	}
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		/* Exactly as large as it says, so that the sanitizer sees a byte too many. */
		size_t length = random() % (packed.length + 1);
		char *damaged = malloc(length ? length : 1);

		memcpy(damaged, packed.data, length);
		for (int flips = random() % 4; flips && length; flips--)
			damaged[random() % length] ^= 1 << random() % 8;
		text_reset(&back);
		refused += !pack_read(&pack, damaged, length, &back);
		assert_true(back.length <= PACK_LENGTH_MOST);
		free(damaged);
	}
	assert_true(refused > 10000);
	text_free(&packed);
	text_free(&back);
	pack_free(&pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(later_lists_do_not_disturb_earlier_ones),
		cmocka_unit_test(the_dictionary_has_an_end),
		cmocka_unit_test(command_lines_of_a_build_take_little),
		cmocka_unit_test(damaged_ones_are_refused_or_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
