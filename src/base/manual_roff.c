/*
 * The man page. Roff gives meaning to a backslash, to a dot or quote that begins a line, and to a
 * plain dash (it may be set as a hyphen, which cannot be pasted), so every string goes through one
 * escaper.
 */
#include "base/manual.h"

#include <string.h>

static void roff_add(struct text *text, const char *string)
{
	bool line_start = !text->length || text->data[text->length - 1] == '\n';

	for (; *string; string++) {
		if (line_start && (*string == '.' || *string == '\''))
			text_add(text, "\\&");
		line_start = *string == '\n';
		if (!strncmp(string, "\n\n", 2)) {
			text_add(text, "\n.PP\n");
			string += strspn(string, "\n") - 1;
		} else if (*string == '\\') {
			text_add(text, "\\e");
		} else if (*string == '-') {
			text_add(text, "\\-");
		} else {
			text_add_char(text, *string);
		}
	}
}

static void roff_line(struct text *text, const char *string)
{
	roff_add(text, string);
	text_add_char(text, '\n');
}

static void roff_option(struct text *text, const struct option *row)
{
	struct text help = {0};

	text_add(text, ".TP\n");
	if (row->letter)
		text_add_format(text, "\\fB\\-%c\\fR, ", row->letter);
	text_add(text, "\\fB\\-\\-");
	roff_add(text, row->name);
	text_add(text, "\\fR");
	if (row->type != OPTION_FLAG) {
		text_add(text, " \\fI");
		roff_add(text, row->argument ? row->argument : "VALUE");
		text_add(text, "\\fR");
	}
	text_add_char(text, '\n');
	manual_explain(&help, row);
	roff_line(text, text_string(&help));
	text_free(&help);
}

static void roff_command(struct text *text, const struct command *command)
{
	text_add(text, ".SS \"sonde ");
	roff_add(text, command->name);
	text_add(text, "\"\n");
	text_add(text, "\\fBsonde ");
	roff_add(text, command->name);
	text_add(text, command->usage ? "\\fR " : "\\fR");
	roff_line(text, command->usage ? command->usage : "");
	text_add(text, ".PP\n");
	roff_add(text, command->summary);
	text_add(text, ".\n");
	if (command->description) {
		text_add(text, ".PP\n");
		roff_line(text, command->description);
	}
	for (const struct positional *row = command->positionals; row && row->name; row++) {
		text_add(text, ".TP\n\\fI");
		roff_add(text, row->name);
		text_add(text, "\\fR\n");
		roff_line(text, row->help);
	}
	for (const struct option *row = command->options; row && row->name; row++)
		if (row->help)
			roff_option(text, row);
	roff_option(text, manual_help_row(command));
}

static void roff_examples(struct text *text, const struct command *command)
{
	for (const struct example *row = command->examples; row && row->command; row++) {
		text_add(text, ".TP\n\\fB");
		roff_add(text, row->command);
		text_add(text, "\\fR\n");
		roff_line(text, row->what);
	}
}

void manual_roff(struct text *text, const struct command *const *commands, const char *version)
{
	text_add_format(text, ".TH SONDE 8 \"\" \"sonde %s\" \"System Administration\"\n", version);
	text_add(text, ".SH NAME\nsonde \\- watch a Linux machine from below\n"
		 ".SH SYNOPSIS\n\\fBsonde\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... "
		 "[\\fIARGUMENT\\fR]...\n.PP\n\\fBsonde help\\fR \\fICOMMAND\\fR\n"
		 ".SH DESCRIPTION\nsonde observes processes, files and connections with eBPF and "
		 "says what ran, what it cost, what it touched and whom it talked to. "
		 "It changes nothing that it watches.\n.SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++)
		roff_command(text, commands[i]);
	text_add(text, ".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nFailed; the reason is on standard "
		 "error.\n.TP\n2\nThe command line was wrong; nothing was done.\n"
		 ".PP\nAfter \\fB\\-\\-\\fR \\fICOMMAND\\fR it is the command\\(aqs own.\n");
	text_add(text, ".SH ENVIRONMENT\n"
		 ".TP\nSONDE_STORE\nThe store of recorded runs, if \\fB\\-\\-store\\fR does not name one.\n"
		 ".TP\nXDG_STATE_HOME\nWhere the store of a user other than root lies.\n"
		 ".TP\nNO_COLOR\nIf set, nothing is coloured; without a terminal nothing is in any case.\n"
		 ".TP\nCOLUMNS\nThe width to print for on a terminal, instead of its own.\n"
		 ".SH FILES\n"
		 ".TP\n/var/lib/sonde/store.db\nRuns that root recorded.\n"
		 ".TP\n~/.local/state/sonde/store.db\nRuns of another user, if XDG_STATE_HOME is not set.\n"
		 ".TP\n/var/lib/sonde/policies.db\nThe list of policies.\n"
		 ".SH EXAMPLES\n");
	for (size_t i = 0; commands[i]; i++)
		roff_examples(text, commands[i]);
}
