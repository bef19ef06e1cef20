/* Command lines, durations and sizes as no person would type them; and what a formatter prints, its parser must read. */
#include <string.h>

#include "base/duration.h"
#include "base/escape.h"
#include "base/option.h"
#include "tests/fuzz.h"

struct settings {
	bool flag;
	const char *string;
	struct option_list list;
	int64_t integer;
	uint64_t duration, size;
	int choice;
};

static const char *const choices[] = { "red", "green", NULL };

static const struct option options[] = {
	{ .name = "flag", .letter = 'f', .type = OPTION_FLAG, .offset = offsetof(struct settings, flag), .help = "a flag" },
	{ .name = "string", .letter = 's', .type = OPTION_STRING, .offset = offsetof(struct settings, string), .help = "a string" },
	{ .name = "list", .letter = 'l', .type = OPTION_LIST, .offset = offsetof(struct settings, list), .help = "a list" },
	{ .name = "integer", .letter = 'i', .type = OPTION_INTEGER, .offset = offsetof(struct settings, integer), .min = -5,
	  .max = 500, .initial = "7", .help = "an integer" },
	{ .name = "duration", .type = OPTION_DURATION, .offset = offsetof(struct settings, duration), .min = 1,
	  .max = INT64_MAX, .initial = "1s", .help = "a duration" },
	{ .name = "size", .type = OPTION_SIZE, .offset = offsetof(struct settings, size), .help = "a size" },
	{ .name = "choice", .type = OPTION_CHOICE, .offset = offsetof(struct settings, choice), .choices = choices,
	  .help = "a choice" },
	{ 0 }
};

static const struct positional positionals[] = { { .name = "WORD...", .help = "words" }, { 0 } };

static int run(const struct command *command, int argc, char **argv)
{
	(void)command, (void)argc, (void)argv;
	return 0;
}

static const struct command command = {
	.name = "try", .summary = "try", .usage = "WORD...", .options = options, .positionals = positionals, .run = run,
};

static void try_options(struct fuzz *fuzz)
{
	static const char *const pieces[] = {
		"--", "-", "f", "s", "l", "i", "flag", "string", "list", "integer", "duration", "size", "choice", "=", ",", "red",
		"green", "5", "500", "-5", "1h30m", "64K", "help", "h", "no-",
	};
	char words[8][64], *argv[10] = { "try" };
	int argc = 1 + fuzz_below(fuzz, 8), status = -1;
	struct settings settings = { 0 };
	struct option_rest rest;

	for (int i = 1; i < argc; i++) {
		fuzz_text(fuzz, words[i - 1], 1 + fuzz_below(fuzz, 63), pieces, FUZZ_COUNT(pieces));
		argv[i] = words[i - 1];
	}
	argv[argc] = NULL;
	if (option_parse(&command, argc, argv, &settings, &rest, &status)) {
		fuzz_check(settings.integer >= -5 && settings.integer <= 500, "an integer beyond its limits");
		fuzz_check(settings.duration >= 1 && settings.duration <= INT64_MAX, "a duration beyond its limits");
		fuzz_check(settings.choice >= -1 && settings.choice <= 1, "a choice that there is not");
		fuzz_check(rest.count + rest.after_count < argc, "more words than were given");
		fuzz_check(!rest.words[rest.count], "words without an end");
		for (size_t i = 0; i < settings.list.count; i++)
			fuzz_check(settings.list.items[i], "an item that is none");
	} else {
		fuzz_check(status == 0 || status == OPTION_EXIT_USAGE, "neither help nor a mistake");
	}
	option_free(&command, &settings);
}

/* What is larger may be rounded up to more than there can be. */
#define ROUNDED (INT64_MAX / 2)

static void try_numbers(struct fuzz *fuzz)
{
	static const char *const pieces[] = {
		"1", "9223372036854775807", "0", ".", "ns", "us", "ms", "s", "m", "min", "h", "d", " ", "K", "M", "G", "iB", "B", "-",
	};
	char text[64], printed[DURATION_TEXT_SIZE];
	uint64_t value, again;

	fuzz_text(fuzz, text, sizeof(text), pieces, FUZZ_COUNT(pieces));
	if (!duration_parse(text, &value)) {
		fuzz_check(value <= INT64_MAX, "a duration out of range");
		fuzz_check(value > ROUNDED || !duration_parse(duration_format(value, printed), &again), "a printed duration does not parse");
	}
	if (!size_parse(text, &value)) {
		fuzz_check(value <= INT64_MAX, "a size out of range");
		fuzz_check(value > ROUNDED || !size_parse(size_format(value, printed), &again), "a printed size does not parse");
	}
}

static void try_escapes(struct fuzz *fuzz, struct text *out)
{
	char bytes[256];
	size_t length = fuzz_text(fuzz, bytes, sizeof(bytes), NULL, 0);

	text_reset(out);
	escape_terminal(out, bytes, length);
	for (size_t i = 0; i < out->length; i++)
		fuzz_check((unsigned char)out->data[i] >= 0x20 && out->data[i] != 0x7f, "a control byte for the terminal");
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct text out = { 0 };

	fuzz_silence();
	while (fuzz_goes_on(&fuzz)) {
		try_options(&fuzz);
		try_numbers(&fuzz);
		try_escapes(&fuzz, &out);
	}
	text_free(&out);
	return 0;
}
