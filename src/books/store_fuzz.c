/* A store with bytes flipped, cut or overwritten: it is refused, or what is loaded from it keeps run.h's promises. */
#include "books/store.h"
#include "tests/books.h"
#include "tests/fuzz.h"

static void put(const char *bytes, size_t length)
{
	FILE *file = fopen(books_path, "w");

	fuzz_check(file && fwrite(bytes, 1, length, file) == length, "cannot write the store");
	fclose(file);
}

static void damage(struct fuzz *fuzz, char *bytes, size_t length)
{
	for (size_t times = 1 + fuzz_below(fuzz, 40); times; times--) {
		size_t at = fuzz_below(fuzz, length), count = fuzz_below(fuzz, 30) ? 1 : fuzz_below(fuzz, length - at);

		/* Past the schema, mostly: it lies first, and without it there is nothing to load. */
		if (at < 20000 && fuzz_below(fuzz, 8))
			continue;
		if (fuzz_below(fuzz, 2))
			bytes[at] ^= 1 << fuzz_below(fuzz, 8);
		else
			memset(bytes + at, fuzz_number(fuzz), count);
	}
}

int main(int argc, char **argv)
{
	static char whole[1 << 20], damaged[1 << 20];
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct run *run = books_make(300);
	struct store_writer *writer;
	struct store *store;
	size_t length;
	FILE *file;

	fuzz_check(!books_setup(NULL), "cannot make a directory");
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	books_tell(writer, run);
	fuzz_check(!store_end(writer, run), "cannot write the store");
	store_close(store);
	run_free(run);
	file = fopen(books_path, "r");
	length = fread(whole, 1, sizeof(whole), file);
	fclose(file);

	fuzz_silence();
	while (fuzz_goes_on(&fuzz)) {
		memcpy(damaged, whole, length);
		damage(&fuzz, damaged, length);
		put(damaged, fuzz_below(&fuzz, 20) ? length : fuzz_below(&fuzz, length));
		store = store_open(books_path, fuzz_below(&fuzz, 2));
		run = store ? store_load(store, NULL, STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES)
			    : NULL;
		if (run)
			fuzz_check(!books_wrong(run), books_wrong(run));
		run_free(run);
		store_close(store);
	}
	return books_teardown(NULL);
}
