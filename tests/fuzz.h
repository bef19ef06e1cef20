/*
 * What fuzzers share: numbers from a seed, which is said at the start so that a crash can be had again
 * (`FUZZER SECONDS SEED`), and an end after so many seconds.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct fuzz {
	uint64_t state, rounds;
	time_t end;
	FILE *out;		/* stays standard output after fuzz_silence() */
};

static inline time_t fuzz_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static inline struct fuzz fuzz_begin(int argc, char **argv)
{
	struct timespec now;
	struct fuzz fuzz = { .out = fdopen(dup(STDOUT_FILENO), "w") };

	if (!fuzz.out)
		abort();
	clock_gettime(CLOCK_REALTIME, &now);
	fuzz.state = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)now.tv_sec * 1000000007 + now.tv_nsec;
	fuzz.state |= 1;
	fuzz.end = fuzz_now() + (argc > 1 ? atoi(argv[1]) : 10);
	fprintf(fuzz.out, "seed %#llx\n", (unsigned long long)fuzz.state);
	fflush(fuzz.out);
	return fuzz;
}

/* Also says how many rounds there were, once it is over. */
static inline bool fuzz_goes_on(struct fuzz *fuzz)
{
	if (fuzz->rounds++ % 128 || fuzz_now() < fuzz->end)
		return true;
	fprintf(fuzz->out, "%llu rounds\n", (unsigned long long)fuzz->rounds - 1);
	fclose(fuzz->out);
	return false;
}

/* For subjects that talk: what the sanitizers say is still heard. */
static inline void fuzz_silence(void)
{
	int null = open("/dev/null", O_WRONLY);
	int report = dup(STDERR_FILENO);

	fflush(NULL);
	if (null < 0 || report < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		abort();
	close(null);
	__sanitizer_set_report_fd((void *)(long)report);
}

static inline uint64_t fuzz_number(struct fuzz *fuzz)
{
	fuzz->state ^= fuzz->state << 13;
	fuzz->state ^= fuzz->state >> 7;
	fuzz->state ^= fuzz->state << 17;
	return fuzz->state * 0x2545f4914f6cdd1dULL >> 8;
}

static inline size_t fuzz_below(struct fuzz *fuzz, size_t limit)
{
	return limit ? fuzz_number(fuzz) % limit : 0;
}

/* Pieces that mean something to the reader, with noise between them. Returns the length, below `room`. */
static inline size_t fuzz_text(struct fuzz *fuzz, char *out, size_t room, const char *const *pieces, size_t count)
{
	size_t length = 0, wanted = fuzz_below(fuzz, 4) ? fuzz_below(fuzz, 64) : fuzz_below(fuzz, room);

	while (length < wanted && length + 1 < room) {
		if (count && fuzz_below(fuzz, 3)) {
			for (const char *at = pieces[fuzz_below(fuzz, count)]; *at && length + 1 < room; at++)
				out[length++] = *at;
		} else {
			out[length++] = fuzz_below(fuzz, 2) ? 32 + fuzz_below(fuzz, 95) : fuzz_number(fuzz);
		}
	}
	out[length] = '\0';
	return length;
}

#define FUZZ_COUNT(array) (sizeof(array) / sizeof(*(array)))

#define fuzz_check(condition, what)                                                                                    \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);                                      \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
