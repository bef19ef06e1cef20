/* What the generators print from rows: help whole, the rest by what its reader would choke on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/manual.h"

static const char *const keys[] = {"pid", "cgroup", NULL};
static const char *const kinds[] = {"exec", "open", NULL};

static const struct option rows[] = {
	{.name = "json", .type = OPTION_FLAG, .help = "One object a line: it's [JSON]"},
	{.name = "output", .letter = 'o', .type = OPTION_LIST, .argument = "FIELD,...",
	 .help = "Show only these fields, in this order, and nothing else whatever it is"},
	{.name = "for", .type = OPTION_DURATION, .min = 1000000, .max = INT64_MAX,
	 .argument = "DURATION", .help = "Stop after this"},
	{.name = "ring-size", .type = OPTION_SIZE, .min = 65536, .max = 1 << 30,
	 .argument = "SIZE", .initial = "8M", .help = "Size of a ring"},
	{.name = "by", .type = OPTION_CHOICE, .choices = keys, .argument = "KEY",
	 .initial = "pid", .help = "Group"},
	{.name = "a-very-long-name-of-an-option", .type = OPTION_STRING, .argument = "FILE",
	 .initial = "none", .help = "Read it"},
	{.name = "hidden", .type = OPTION_FLAG},
	{.name = NULL},
};

static const struct positional positionals[] = {
	{"KIND...", "What to watch", kinds}, {.name = NULL},
};

static const struct example examples[] = {
	{"sonde trace exec -- make", "What make runs"}, {.command = NULL},
};

static const struct command trace = {
	"trace", "Watch events", "KIND... [OPTION]...", "First.\n\n.Second \\ 'paragraph'.",
	examples, rows, positionals, true, NULL,
};
static const struct command bare = {.name = "bare", .summary = "It's nothing"};
static const struct command *const commands[] = {&trace, &bare, NULL};

static const char expected_help[] =
	"sonde trace: Watch events\n\n"
	"Usage: sonde trace KIND... [OPTION]...\n\n"
	"First.\n\n.Second \\ 'paragraph'.\n\n"
	"Arguments:\n"
	"  KIND...                 What to watch\n\n"
	"Options:\n"
	"      --json              One object a line: it's [JSON]\n"
	"  -o, --output FIELD,...  Show only these fields, in this order, and nothing\n"
	"                          else whatever it is\n"
	"      --for DURATION      Stop after this (at least 1 ms)\n"
	"      --ring-size SIZE    Size of a ring (64 KiB to 1 GiB; default 8M)\n"
	"      --by KEY            Group (one of pid, cgroup; default pid)\n"
	"      --a-very-long-name-of-an-option FILE\n"
	"                          Read it (default none)\n"
	"  -h, --help              Show this help\n\n"
	"Examples:\n"
	"  sonde trace exec -- make\n"
	"      What make runs\n";

static void help_is_this(void **state)
{
	struct text text = {0};

	(void)state;
	manual_help(&text, &trace);
	assert_string_equal(text.data, expected_help);
	text_reset(&text);
	manual_help(&text, &bare);
	assert_string_equal(text.data, "sonde bare: It's nothing\n\nUsage: sonde bare\n\n"
			    "Options:\n  -h, --help              Show this help\n");
	text_free(&text);
}

static void overview_lists_commands(void **state)
{
	struct text text = {0};

	(void)state;
	manual_overview(&text, commands);
	assert_non_null(strstr(text.data, "\n  trace      Watch events\n"));
	assert_non_null(strstr(text.data, "\n  bare       It's nothing\n"));
	text_free(&text);
}

static void roff_is_escaped(void **state)
{
	struct text text = {0};

	(void)state;
	manual_roff(&text, commands, "1.0");
	assert_non_null(strstr(text.data, ".TH SONDE 8 \"\" \"sonde 1.0\""));
	assert_non_null(strstr(text.data, "\n.PP\n\\&.Second \\e 'paragraph'.\n"));
	assert_non_null(strstr(text.data, "\\fB\\-\\-ring\\-size\\fR \\fISIZE\\fR\n"));
	assert_non_null(strstr(text.data, "sonde trace exec \\-\\- make"));
	assert_null(strstr(text.data, "hidden"));
	text_free(&text);
}

/* Runs a shell on the script and the lines after it; false when there is no such shell. */
static bool run_shell(const char *shell, const struct text *script, const char *more, char *output,
		      size_t size)
{
	char name[] = "/tmp/manual_test.XXXXXX", line[256];
	FILE *file, *pipe;
	size_t length;

	snprintf(line, sizeof(line), "command -v %.*s >/dev/null", (int)strcspn(shell, " "), shell);
	if (system(line))
		return false;
	file = fdopen(mkstemp(name), "w");
	assert_non_null(file);
	fprintf(file, "%s%s", script->data, more);
	fclose(file);
	snprintf(line, sizeof(line), "%s %s 2>&1", shell, name);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	length = fread(output, 1, size - 1, pipe);
	output[length] = '\0';
	assert_int_equal(pclose(pipe), 0);
	unlink(name);
	return true;
}

static void bash_completes(void **state)
{
	static const char ask[] =
		"ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _sonde; "
		"echo \"${COMPREPLY[*]}\"; }\n"
		"ask sonde tr\nask sonde trace ''\nask sonde trace --ri\nask sonde trace --by ''\n"
		"ask sonde trace --hid\nask sonde help b\n";
	struct text text = {0};
	char output[4096];

	(void)state;
	manual_bash(&text, commands);
	if (!run_shell("bash", &text, ask, output, sizeof(output)))
		skip();
	assert_string_equal(output,
			    "trace\nexec open\n--ring-size\npid cgroup\n\nbare\n");
	text_free(&text);
}

static void zsh_parses(void **state)
{
	struct text text = {0};
	char output[4096];

	(void)state;
	manual_zsh(&text, commands);
	assert_non_null(strstr(text.data, "'bare:It'\\''s nothing'"));
	assert_non_null(strstr(text.data, "[One object a line\\: it'\\''s \\[JSON\\]]'"));
	assert_null(strstr(text.data, "hidden"));
	if (run_shell("zsh -n", &text, "", output, sizeof(output)))
		assert_string_equal(output, "");
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_is_this),
		cmocka_unit_test(overview_lists_commands),
		cmocka_unit_test(roff_is_escaped),
		cmocka_unit_test(bash_completes),
		cmocka_unit_test(zsh_parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
