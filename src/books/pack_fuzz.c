/*
 * Lists made of what command lines are made of come back; packed ones that were damaged are refused or stay within
 * bounds.
 */
#include "books/pack.h"
#include "tests/fuzz.h"

int main(int argc, char **argv)
{
	static const char *const pieces[] = {
		"gcc",		 "-c", "-o", "src/module", ".c", ".o", "--input=", "/work/data/sample_",
		"-Wall -Wextra", "=",  "/",  "aaaaaaaa",
	};
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct text packed = { 0 }, back = { 0 };
	struct pack pack = { 0 };
	static char list[4096];

	while (fuzz_goes_on(&fuzz)) {
		size_t length = fuzz_text(&fuzz, list, sizeof(list), pieces, FUZZ_COUNT(pieces));
		char *exact;

		for (size_t at = fuzz_below(&fuzz, 12); at < length; at += 1 + fuzz_below(&fuzz, 24))
			list[at] = '\0';
		if (!fuzz_below(&fuzz, 1000))
			pack_free(&pack);
		text_reset(&packed);
		text_reset(&back);
		pack_add(&pack, list, length, &packed);
		fuzz_check(pack_read(&pack, packed.data, packed.length, &back), "it does not come back");
		fuzz_check(back.length == length && !memcmp(text_string(&back), list, length),
			   "something else comes back");

		exact = malloc(packed.length);
		memcpy(exact, packed.data, packed.length);
		for (size_t flips = 1 + fuzz_below(&fuzz, 4); flips; flips--)
			exact[fuzz_below(&fuzz, packed.length)] = fuzz_number(&fuzz);
		text_reset(&back);
		pack_read(&pack, exact, fuzz_below(&fuzz, packed.length + 1), &back);
		fuzz_check(back.length <= PACK_LENGTH_MOST, "it grew beyond bounds");
		free(exact);
	}
	text_free(&packed);
	text_free(&back);
	pack_free(&pack);
	return 0;
}
