/*
 * One command with a row of every type. A mistake must name the option that was wrong: what is said
 * on stderr is part of the contract and is compared whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/option.h"

struct settings {
	char before;
	bool json, all;
	const char *path;
	struct option_list fields, kinds;
	int64_t nice, pid;
	uint64_t period, ring;
	int by, order;
	char after;
};

static const char *const keys[] = {"pid", "cgroup", NULL};

#define AT(member) .offset = offsetof(struct settings, member)

static const struct option rows[] = {
	{.name = "json", .type = OPTION_FLAG, AT(json), .help = "JSON"},
	{.name = "all", .letter = 'a', .type = OPTION_FLAG, AT(all), .help = "All"},
	{.name = "path", .type = OPTION_STRING, AT(path), .argument = "PATH", .help = "Path"},
	{.name = "output", .letter = 'o', .type = OPTION_LIST, AT(fields), .help = "Fields"},
	{.name = "kinds", .type = OPTION_LIST, AT(kinds), .initial = "exec,exit", .help = "Kinds"},
	{.name = "nice", .type = OPTION_INTEGER, AT(nice), .min = -20, .max = 19, .help = "Nice"},
	{.name = "pid", .letter = 'p', .type = OPTION_INTEGER, AT(pid), .help = "Process"},
	{.name = "for", .type = OPTION_DURATION, AT(period), .min = 1000000, .max = INT64_MAX,
	 .argument = "DURATION", .help = "How long"},
	{.name = "ring-size", .type = OPTION_SIZE, AT(ring), .min = 65536, .max = 1 << 30,
	 .initial = "8M", .help = "Ring"},
	{.name = "by", .type = OPTION_CHOICE, AT(by), .choices = keys, .initial = "cgroup",
	 .help = "Key"},
	{.name = "order", .type = OPTION_CHOICE, AT(order), .choices = keys, .help = "Order"},
	{.name = "secret", .type = OPTION_FLAG, AT(all)},
	{.name = NULL},
};

static const struct positional many[] = {{.name = "WORD..."}, {.name = NULL}};
static const struct positional one[] = {{.name = "[WORD]"}, {.name = NULL}};

static struct command command = {.name = "try", .summary = "Try", .options = rows, .positionals = many,
				 .takes_command = true};

enum { most_words = 32 };

struct run {
	char *argv[most_words + 1];
	char *owned[most_words + 1];
	int argc;
	struct settings settings;
	struct option_rest rest;
	int status;
	bool proceed;
	char said[512];
};

/* Runs on copies: the parser may rearrange argv but never write into its strings. */
static void run_words(struct run *run, const char *const *words)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t length;

	memset(run, 0, sizeof(*run));
	memset(&run->settings, 0x55, sizeof(run->settings));
	run->argv[run->argc++] = run->owned[0] = strdup("try");
	for (; *words; words++, run->argc++)
		run->argv[run->argc] = run->owned[run->argc] = strdup(*words);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	run->proceed = option_parse(&command, run->argc, run->argv, &run->settings, &run->rest,
				    &run->status);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	length = read(ends[0], run->said, sizeof(run->said) - 1);
	assert_true(length >= 0);
	close(ends[0]);
	assert_int_equal(run->settings.before, 0x55);
	assert_int_equal(run->settings.after, 0x55);
}

static void run_free(struct run *run)
{
	option_free(&command, &run->settings);
	for (int i = 0; i < run->argc; i++)
		free(run->owned[i]);
}

#define RUN(run, ...) run_words(run, (const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static void defaults(void **state)
{
	struct run run;

	(void)state;
	RUN(&run);
	assert_true(run.proceed);
	assert_string_equal(run.said, "");
	assert_false(run.settings.json);
	assert_null(run.settings.path);
	assert_int_equal(run.settings.fields.count, 0);
	assert_int_equal(run.settings.kinds.count, 2);
	assert_string_equal(run.settings.kinds.items[1], "exit");
	assert_int_equal(run.settings.period, 0);
	assert_int_equal(run.settings.ring, 8 << 20);
	assert_int_equal(run.settings.by, 1);
	assert_int_equal(run.settings.order, -1);
	assert_int_equal(run.rest.count, 0);
	assert_null(run.rest.words[0]);
	assert_null(run.rest.after);
	run_free(&run);
}

static void every_type(void **state)
{
	struct run run;

	(void)state;
	RUN(&run, "exec", "--json", "-ap", "12", "--path=a=b", "-ofoo,bar", "--output", "baz",
	    "--kinds", "open", "--nice", "-5", "-", "--for=1h30m", "--ring-size", "64K", "--by",
	    "pid", "exit");
	assert_string_equal(run.said, "");
	assert_true(run.proceed);
	assert_true(run.settings.json && run.settings.all);
	assert_int_equal(run.settings.pid, 12);
	assert_string_equal(run.settings.path, "a=b");
	assert_int_equal(run.settings.fields.count, 3);
	assert_string_equal(run.settings.fields.items[0], "foo");
	assert_string_equal(run.settings.fields.items[2], "baz");
	assert_int_equal(run.settings.kinds.count, 1);
	assert_string_equal(run.settings.kinds.items[0], "open");
	assert_int_equal(run.settings.nice, -5);
	assert_true(run.settings.period == 5400000000000);
	assert_int_equal(run.settings.ring, 65536);
	assert_int_equal(run.settings.by, 0);
	assert_int_equal(run.rest.count, 3);
	assert_string_equal(run.rest.words[0], "exec");
	assert_string_equal(run.rest.words[1], "-");
	assert_string_equal(run.rest.words[2], "exit");
	assert_null(run.rest.words[3]);
	run_free(&run);
}

static void dashes_end_options(void **state)
{
	struct run run;

	(void)state;
	RUN(&run, "exec", "--", "ls", "--json", "--", "-x");
	assert_true(run.proceed);
	assert_false(run.settings.json);
	assert_int_equal(run.rest.count, 1);
	assert_null(run.rest.words[1]);
	assert_int_equal(run.rest.after_count, 4);
	assert_string_equal(run.rest.after[0], "ls");
	assert_string_equal(run.rest.after[3], "-x");
	assert_null(run.rest.after[4]);
	run_free(&run);
	RUN(&run, "exec", "--");
	assert_true(run.proceed);
	assert_non_null(run.rest.after);
	assert_int_equal(run.rest.after_count, 0);
	run_free(&run);
}

static void without_a_command_dashes_only_end_options(void **state)
{
	struct run run;

	(void)state;
	command.takes_command = false;
	RUN(&run, "exec", "--json", "--", "-x", "--json", "--");
	command.takes_command = true;
	assert_true(run.proceed && run.settings.json);
	assert_null(run.rest.after);
	assert_int_equal(run.rest.count, 4);
	assert_string_equal(run.rest.words[1], "-x");
	assert_string_equal(run.rest.words[2], "--json");
	assert_string_equal(run.rest.words[3], "--");
	assert_null(run.rest.words[4]);
	run_free(&run);
}

static void the_last_value_counts(void **state)
{
	struct run run;

	(void)state;
	RUN(&run, "--pid", "1", "--pid=2");
	assert_true(run.proceed);
	assert_int_equal(run.settings.pid, 2);
	run_free(&run);
}

static const struct {
	const char *words[3], *said;
} mistakes[] = {
	{{"--ring-size", "1K"}, "--ring-size 1K: out of range, from 64 KiB to 1 GiB is allowed"},
	{{"--ring-size=2G"}, "--ring-size 2G: out of range, from 64 KiB to 1 GiB is allowed"},
	{{"--ring-size", "99999999T"},
	 "--ring-size 99999999T: out of range, from 64 KiB to 1 GiB is allowed"},
	{{"--ring-size", "x"}, "--ring-size x: not a size such as 64K, 8M or 1GiB"},
	{{"--for", "1us"}, "--for 1us: out of range, at least 1 ms is allowed"},
	{{"--for", "999999999d"}, "--for 999999999d: out of range"},
	{{"--for", "-5s"}, "--for -5s: not a duration such as 500ms, 10s or 1h30m"},
	{{"--for", "10"}, "--for 10: not a duration such as 500ms, 10s or 1h30m"},
	{{"--for"}, "--for needs a value: DURATION"},
	{{"--for", "--json"}, "--for needs a value: DURATION"},
	{{"--for="}, "--for: the value is empty"},
	{{"--nice", "20"}, "--nice 20: out of range, from -20 to 19 is allowed"},
	{{"--nice", "-21"}, "--nice -21: out of range, from -20 to 19 is allowed"},
	{{"-p", "1x"}, "--pid 1x: not a whole number"},
	{{"-p+1"}, "--pid +1: not a whole number"},
	{{"-p", " 1"}, "--pid  1: not a whole number"},
	{{"-p", "-"}, "--pid -: not a whole number"},
	{{"-p", "9223372036854775808"}, "--pid 9223372036854775808: out of range"},
	{{"-p"}, "--pid needs a value: VALUE"},
	{{"--by", "uid"}, "--by uid: must be one of pid, cgroup"},
	{{"-o", "a,,b"}, "--output: an item of the list is empty"},
	{{"-o", "a,"}, "--output: an item of the list is empty"},
	{{"--json=1"}, "--json takes no value"},
	{{"--help=x"}, "--help takes no value"},
	{{"--jsn"}, "no option --jsn, did you mean --json?"},
	{{"--ringsize=64K"}, "no option --ringsize, did you mean --ring-size?"},
	{{"--secrte"}, "no option --secrte"},
	{{"--xyzzy"}, "no option --xyzzy"},
	{{"--=1"}, "no option --"},
	{{"-az"}, "no option -z"},
	{{"--\n"}, "no option --\\n"},
};

static void mistakes_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char expected[256];
		struct run run;

		snprintf(expected, sizeof(expected), "sonde: try: %s (see `sonde try --help`)\n",
			 mistakes[i].said);
		run_words(&run, mistakes[i].words);
		assert_string_equal(run.said, expected);
		assert_false(run.proceed);
		assert_int_equal(run.status, 2);
		run_free(&run);
	}
}

static void words_that_fit_nowhere(void **state)
{
	struct run run;

	(void)state;
	command.positionals = one;
	RUN(&run, "memory", "--json");
	assert_true(run.proceed);
	run_free(&run);
	RUN(&run, "memory", "--json", "cpu");
	assert_false(run.proceed);
	assert_int_equal(run.status, OPTION_EXIT_USAGE);
	assert_string_equal(run.said, "sonde: try: cpu is one word too many (see `sonde try --help`)\n");
	run_free(&run);
	command.positionals = many;
}

static void random_words_never_break_it(void **state)
{
	static const char *const pieces[] = {
		"--", "-", "--json", "-a", "-ap", "-o", "--output=", "a,b", "--nice", "-5", "--for",
		"1s", "--by", "pid", "", "--ring-size=1G", "\xff", "---", "-=", "--path",
	};

	(void)state;
	srandom(5);
	for (int round = 0; round < 3000; round++) {
		const char *words[most_words] = {NULL};
		struct run run;

		for (int i = random() % (most_words - 1); i > 0; i--)
			words[i - 1] = pieces[random() % (sizeof(pieces) / sizeof(pieces[0]))];
		run_words(&run, words);
		assert_int_equal(run.proceed, run.said[0] == '\0');
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_type),
		cmocka_unit_test(dashes_end_options),
		cmocka_unit_test(without_a_command_dashes_only_end_options),
		cmocka_unit_test(the_last_value_counts),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(words_that_fit_nowhere),
		cmocka_unit_test(random_words_never_break_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
