/*
 * Help on a terminal: text is wrapped to a fixed width, because what fits 80 columns fits
 * everywhere, and is the same in a test, a bug report and a terminal.
 */
#include "base/manual.h"

#include <string.h>

#include "base/duration.h"

enum { manual_width = 80, manual_column = 26 };

static void manual_pad(struct text *text, size_t from, size_t to)
{
	for (; from < to; from++)
		text_add_char(text, ' ');
}

/*
 * Words wrapped between indent and the width, and a newline. The cursor is at column now; what
 * stands before it keeps two spaces of distance.
 */
static void manual_wrap(struct text *text, const char *words, size_t now, size_t indent)
{
	bool first = true;

	if (now && now + 2 > indent) {
		text_add_char(text, '\n');
		now = 0;
	}
	manual_pad(text, now, indent);
	now = indent;
	while (*words) {
		size_t length = strcspn(words, " \n");

		if (!first && now + 1 + length > manual_width) {
			text_add_char(text, '\n');
			manual_pad(text, 0, indent);
			now = indent;
		} else if (!first) {
			text_add_char(text, ' ');
			now++;
		}
		text_add_bytes(text, words, length);
		now += length;
		first = false;
		words += length;
		if (!strncmp(words, "\n\n", 2)) {
			text_add(text, "\n\n");
			manual_pad(text, 0, indent);
			now = indent;
			first = true;
		}
		words += strspn(words, " \n");
	}
	text_add_char(text, '\n');
}

static void manual_add_limit(struct text *text, const struct option *row, int64_t limit)
{
	char buffer[DURATION_TEXT_SIZE];

	if (row->type == OPTION_DURATION)
		text_add(text, duration_format(limit, buffer));
	else if (row->type == OPTION_SIZE)
		text_add(text, size_format(limit, buffer));
	else
		text_add_i64(text, limit);
}

void manual_explain(struct text *text, const struct option *row)
{
	bool number = row->type == OPTION_INTEGER || row->type == OPTION_DURATION ||
		      row->type == OPTION_SIZE;
	const char *opening = " (";

	text_add(text, row->help);
	if (row->type == OPTION_CHOICE) {
		for (size_t i = 0; row->choices[i]; i++)
			text_add_format(text, "%s%s", i ? ", " : " (one of ", row->choices[i]);
		opening = "; ";
	} else if (number && (row->min || row->max)) {
		text_add(text, row->max == INT64_MAX ? " (at least " : " (");
		manual_add_limit(text, row, row->min);
		if (row->max != INT64_MAX) {
			text_add(text, " to ");
			manual_add_limit(text, row, row->max);
		}
		opening = "; ";
	}
	if (row->initial)
		text_add_format(text, "%sdefault %s", opening, row->initial);
	if (row->initial || opening[0] == ';')
		text_add_char(text, ')');
}

static void manual_option(struct text *text, const struct option *row)
{
	struct text help = {0};
	size_t start = text->length;

	if (row->letter)
		text_add_format(text, "  -%c, --%s", row->letter, row->name);
	else
		text_add_format(text, "      --%s", row->name);
	if (row->type != OPTION_FLAG)
		text_add_format(text, " %s", row->argument ? row->argument : "VALUE");
	manual_explain(&help, row);
	manual_wrap(text, text_string(&help), text->length - start, manual_column);
	text_free(&help);
}

const struct option *manual_help_row(const struct command *command)
{
	static const struct option with_letter = {
		.name = "help", .letter = 'h', .type = OPTION_FLAG, .help = "Show this help",
	};
	static const struct option without = {
		.name = "help", .type = OPTION_FLAG, .help = "Show this help",
	};

	for (const struct option *row = command->options; row && row->name; row++)
		if (row->letter == 'h')
			return &without;
	return &with_letter;
}

void manual_help(struct text *text, const struct command *command)
{
	text_add_format(text, "sonde %s: %s\n\nUsage: sonde %s%s%s\n", command->name,
			command->summary, command->name, command->usage ? " " : "",
			command->usage ? command->usage : "");
	if (command->description) {
		text_add_char(text, '\n');
		manual_wrap(text, command->description, 0, 0);
	}
	if (command->positionals && command->positionals->name)
		text_add(text, "\nArguments:\n");
	for (const struct positional *row = command->positionals; row && row->name; row++) {
		size_t start = text->length;

		text_add_format(text, "  %s", row->name);
		manual_wrap(text, row->help, text->length - start, manual_column);
	}
	text_add(text, "\nOptions:\n");
	for (const struct option *row = command->options; row && row->name; row++)
		if (row->help)
			manual_option(text, row);
	manual_option(text, manual_help_row(command));
	if (command->examples && command->examples->command)
		text_add(text, "\nExamples:\n");
	for (const struct example *row = command->examples; row && row->command; row++) {
		text_add_format(text, "  %s\n", row->command);
		manual_wrap(text, row->what, 0, 6);
	}
}

void manual_overview(struct text *text, const struct command *const *commands)
{
	text_add(text, "sonde watches a Linux machine from below: what ran, what it cost,\n"
		 "what it touched, whom it talked to.\n\nUsage: sonde COMMAND [OPTION]... "
		 "[ARGUMENT]...\n\nCommands:\n");
	for (; *commands; commands++)
		text_add_format(text, "  %-10s %s\n", (*commands)->name, (*commands)->summary);
	text_add(text, "\nOptions:\n"
		 "  -h, --help     Show this help; sonde help COMMAND says more about one command\n"
		 "  -V, --version  Show the version\n");
}
