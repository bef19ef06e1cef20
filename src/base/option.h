/*
 * Options are rows. One row says what an option is called, what it takes, between which limits, and
 * where in the command's settings it goes; the parser, --help, the man page and the completions all
 * come from it, so none of them can disagree.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row takes, and the type of the member of the settings at its offset. */
enum option_type {
	OPTION_FLAG,		/* bool; takes no value */
	OPTION_STRING,		/* const char *, lies in argv or the row; NULL when not given */
	OPTION_LIST,		/* struct option_list; comma-separated, repeating adds */
	OPTION_INTEGER,		/* int64_t, within min..max */
	OPTION_DURATION,	/* uint64_t nanoseconds, within min..max */
	OPTION_SIZE,		/* uint64_t bytes, within min..max */
	OPTION_CHOICE,		/* int, index into choices; -1 when not given */
};

struct option_list {
	char **items;
	size_t count;
};

/* A table of rows ends with a row whose name is NULL. */
struct option {
	const char *name;		/* without the dashes */
	char letter;			/* or 0 */
	enum option_type type;
	size_t offset;			/* offsetof(struct settings, member) */
	int64_t min, max;		/* both 0: no limits */
	const char *argument;		/* what --help calls the value: "DURATION" */
	const char *initial;		/* default, as a person would type it, or NULL: 0 */
	const char *help;		/* NULL hides the row from help, man page and completions */
	const char *const *choices;	/* OPTION_CHOICE: NULL-terminated; others: for completion */
};

/* What may stand where no option does. A table ends with a row whose name is NULL. */
struct positional {
	const char *name;		/* "KIND..." */
	const char *help;
	const char *const *words;	/* the words allowed, for completion, or NULL */
};

/* A table ends with a row whose command is NULL. */
struct example {
	const char *command;		/* "sonde trace exec --json" */
	const char *what;		/* what it does */
};

struct command {
	const char *name;
	const char *summary;			/* one line, no full stop */
	const char *usage;			/* after "sonde NAME ": "KIND... [OPTION]..." */
	const char *description;		/* paragraphs parted by "\n\n", or NULL */
	const struct example *examples;		/* or NULL */
	const struct option *options;		/* or NULL */
	const struct positional *positionals;	/* or NULL */
	bool takes_command;			/* "--" begins a command line; else only words that may begin with a dash */
	/* argv[0] is the command's name. Calls option_parse first. Returns the exit status. */
	int (*run)(const struct command *command, int argc, char **argv);
};

#define OPTION_EXIT_USAGE 2

/* What the command line held beside options. Both arrays end with NULL and lie in argv. */
struct option_rest {
	char **words;		/* the positionals */
	int count;
	char **after;		/* the command line after "--", or NULL when there was no "--" */
	int after_count;
};

/*
 * Sets the settings to zero-or-initial values, then from argv (which it rearranges). True: run the
 * command. False: return *status, which is 0 after --help and 2 after a mistake, already said.
 * Either way option_free frees what lists hold.
 *
 * Only members that a row names are written.
 */
bool option_parse(const struct command *command, int argc, char **argv, void *settings,
		  struct option_rest *rest, int *status);
void option_free(const struct command *command, void *settings);

/* Says "sonde COMMAND: ..." and how to get help; returns 2. For what rows cannot check. */
int option_mistake(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
