/*
 * The parser walks argv once. Options may stand anywhere before "--"; what is no option is moved
 * down to the start of argv, which never overtakes the reading. Defaults go through the same
 * conversion as typed values, so a row whose default breaks its own limits fails every test.
 */
#include "base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/manual.h"
#include "base/message.h"
#include "base/nearest.h"
#include "base/text.h"

/* Every command has it, so no table needs the row. */
static const struct option option_help = {.name = "help", .letter = 'h', .type = OPTION_FLAG};
static const struct option option_none = {0};

static const struct option *option_rows(const struct command *command)
{
	return command->options ? command->options : &option_none;
}

int option_mistake(const struct command *command, const char *format, ...)
{
	struct text text = {0};
	va_list arguments;

	va_start(arguments, format);
	text_add_arguments(&text, format, arguments);
	va_end(arguments);
	message_error("%s: %s (see `sonde %s --help`)", command->name, text_string(&text),
		      command->name);
	text_free(&text);
	return OPTION_EXIT_USAGE;
}

static void *option_member(void *settings, const struct option *row)
{
	return (char *)settings + row->offset;
}

/* A limit or value as the user would type it. */
static const char *option_show(const struct option *row, int64_t value, char buffer[static 32])
{
	if (row->type == OPTION_DURATION)
		return duration_format(value, buffer);
	if (row->type == OPTION_SIZE)
		return size_format(value, buffer);
	snprintf(buffer, 32, "%" PRId64, value);
	return buffer;
}

static bool option_check_range(const struct command *command, const struct option *row,
			       const char *value, int error, int64_t number)
{
	char least[32], most[32];
	bool limited = row->min || row->max;

	if (!error && (!limited || (number >= row->min && number <= row->max)))
		return true;
	if (!limited || (error && row->max == INT64_MAX))
		option_mistake(command, "--%s %s: out of range", row->name, value);
	else if (row->max == INT64_MAX)
		option_mistake(command, "--%s %s: out of range, at least %s is allowed",
			       row->name, value, option_show(row, row->min, least));
	else
		option_mistake(command, "--%s %s: out of range, from %s to %s is allowed",
			       row->name, value, option_show(row, row->min, least),
			       option_show(row, row->max, most));
	return false;
}

static int option_integer(const char *value, int64_t *number)
{
	char *end;

	/* strtoll would skip spaces and take "+5" as well. */
	if (strspn(value, "-0123456789") != strlen(value))
		return -EINVAL;
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (end == value || *end)
		return -EINVAL;
	return -errno;
}

static bool option_set_number(const struct command *command, const struct option *row,
			      const char *value, void *member)
{
	static const char *const wanted[] = {
		[OPTION_INTEGER] = "not a whole number",
		[OPTION_DURATION] = "not a duration such as 500ms, 10s or 1h30m",
		[OPTION_SIZE] = "not a size such as 64K, 8M or 1GiB",
	};
	uint64_t positive = 0;
	int64_t number = 0;
	int error;

	if (row->type == OPTION_INTEGER)
		error = option_integer(value, &number);
	else if (row->type == OPTION_DURATION)
		error = duration_parse(value, &positive);
	else
		error = size_parse(value, &positive);
	if (error == -EINVAL) {
		option_mistake(command, "--%s %s: %s", row->name, value, wanted[row->type]);
		return false;
	}
	if (row->type != OPTION_INTEGER)
		number = positive;
	if (!option_check_range(command, row, value, error, number))
		return false;
	if (row->type == OPTION_INTEGER)
		*(int64_t *)member = number;
	else
		*(uint64_t *)member = positive;
	return true;
}

static bool option_set_choice(const struct command *command, const struct option *row,
			      const char *value, int *member)
{
	struct text all = {0};

	for (int i = 0; row->choices[i]; i++) {
		if (!strcmp(row->choices[i], value)) {
			*member = i;
			return true;
		}
	}
	for (int i = 0; row->choices[i]; i++)
		text_add_format(&all, "%s%s", i ? ", " : "", row->choices[i]);
	option_mistake(command, "--%s %s: must be one of %s", row->name, value, text_string(&all));
	text_free(&all);
	return false;
}

static bool option_set_list(const struct command *command, const struct option *row,
			    const char *value, struct option_list *list)
{
	for (;;) {
		size_t length = strcspn(value, ",");

		if (!length) {
			option_mistake(command, "--%s: an item of the list is empty", row->name);
			return false;
		}
		list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
		list->items[list->count++] = xstrndup(value, length);
		if (!value[length])
			return true;
		value += length + 1;
	}
}

static bool option_set(const struct command *command, const struct option *row, const char *value,
		       void *settings)
{
	void *member = option_member(settings, row);

	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return true;
	case OPTION_STRING:
		*(const char **)member = value;
		return true;
	case OPTION_LIST:
		return option_set_list(command, row, value, member);
	case OPTION_INTEGER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return option_set_number(command, row, value, member);
	case OPTION_CHOICE:
		return option_set_choice(command, row, value, member);
	}
	return false;
}

/* A list's default waits until the end: what is given replaces it rather than adds to it. */
static bool option_set_initial(const struct command *command, void *settings)
{
	static const size_t sizes[] = {
		[OPTION_FLAG] = sizeof(bool), [OPTION_STRING] = sizeof(char *),
		[OPTION_LIST] = sizeof(struct option_list), [OPTION_INTEGER] = sizeof(int64_t),
		[OPTION_DURATION] = sizeof(uint64_t), [OPTION_SIZE] = sizeof(uint64_t),
		[OPTION_CHOICE] = sizeof(int),
	};

	for (const struct option *row = option_rows(command); row->name; row++) {
		memset(option_member(settings, row), 0, sizes[row->type]);
		if (row->type == OPTION_CHOICE)
			*(int *)option_member(settings, row) = -1;
	}
	for (const struct option *row = option_rows(command); row->name; row++)
		if (row->initial && row->type != OPTION_LIST &&
		    !option_set(command, row, row->initial, settings))
			return false;
	return true;
}

static bool option_set_initial_lists(const struct command *command, void *settings)
{
	for (const struct option *row = option_rows(command); row->name; row++) {
		struct option_list *list = option_member(settings, row);

		if (row->type == OPTION_LIST && row->initial && !list->count &&
		    !option_set_list(command, row, row->initial, list))
			return false;
	}
	return true;
}

static const struct option *option_find(const struct command *command, const char *name,
					size_t length, char letter)
{
	for (const struct option *row = option_rows(command); row->name; row++)
		if (letter ? row->letter == letter
			   : strlen(row->name) == length && !memcmp(row->name, name, length))
			return row;
	if (letter ? letter == 'h' : length == 4 && !memcmp(name, "help", 4))
		return &option_help;
	return NULL;
}

static void option_unknown(const struct command *command, const char *name, size_t length)
{
	char *typed = xstrndup(name, length);
	unsigned int least = nearest_distance(typed, option_help.name);
	const char *nearest = least < NEAREST_TOO_FAR ? option_help.name : NULL;

	for (const struct option *row = option_rows(command); row->name; row++) {
		unsigned int distance = nearest_distance(typed, row->name);

		if (row->help && distance < least) {
			least = distance;
			nearest = row->name;
		}
	}
	if (nearest)
		option_mistake(command, "no option --%s, did you mean --%s?", typed, nearest);
	else
		option_mistake(command, "no option --%s", typed);
	free(typed);
}

struct walk {
	const struct command *command;
	char **argv;
	int argc, at;		/* at: the argument being read */
	void *settings;
	bool help;
};

/* The value after the option's name; NULL, already said, when there is none. */
static const char *option_next_value(struct walk *walk, const struct option *row)
{
	const char *value = walk->at + 1 < walk->argc ? walk->argv[walk->at + 1] : NULL;

	/* "--for --json" forgot the value; "--nice -5" did not. */
	if (!value || !strncmp(value, "--", 2)) {
		option_mistake(walk->command, "--%s needs a value: %s", row->name,
			       row->argument ? row->argument : "VALUE");
		return NULL;
	}
	walk->at++;
	return value;
}

/* value: what was attached to the name, or NULL. */
static bool option_take(struct walk *walk, const struct option *row, const char *value)
{
	if (row->type == OPTION_FLAG && value) {
		option_mistake(walk->command, "--%s takes no value", row->name);
		return false;
	}
	if (row == &option_help) {
		walk->help = true;
		return true;
	}
	if (row->type != OPTION_FLAG && !value)
		value = option_next_value(walk, row);
	if (row->type != OPTION_FLAG && !value)
		return false;
	if (value && !*value) {
		option_mistake(walk->command, "--%s: the value is empty", row->name);
		return false;
	}
	return option_set(walk->command, row, value, walk->settings);
}

static bool option_take_long(struct walk *walk, const char *name)
{
	size_t length = strcspn(name, "=");
	const struct option *row = option_find(walk->command, name, length, 0);

	if (!row) {
		option_unknown(walk->command, name, length);
		return false;
	}
	return option_take(walk, row, name[length] ? name + length + 1 : NULL);
}

/* "-v", "-ab" for flags, "-oVALUE", "-o VALUE". */
static bool option_take_letters(struct walk *walk, const char *letters)
{
	for (; *letters; letters++) {
		const struct option *row = option_find(walk->command, NULL, 0, *letters);

		if (!row) {
			option_mistake(walk->command, "no option -%c", *letters);
			return false;
		}
		if (row->type != OPTION_FLAG)
			return option_take(walk, row, letters[1] ? letters + 1 : NULL);
		if (!option_take(walk, row, NULL))
			return false;
	}
	return true;
}

static bool option_walk(struct walk *walk, struct option_rest *rest)
{
	int kept = 1;

	for (walk->at = 1; walk->at < walk->argc && !walk->help; walk->at++) {
		char *word = walk->argv[walk->at];

		if (!strcmp(word, "--") && !walk->command->takes_command) {
			while (++walk->at < walk->argc)
				walk->argv[kept++] = walk->argv[walk->at];
			break;
		}
		if (!strcmp(word, "--")) {
			rest->after = walk->argv + walk->at + 1;
			rest->after_count = walk->argc - walk->at - 1;
			break;
		}
		/* A lone "-" is a word: it names standard input. */
		if (word[0] != '-' || !word[1]) {
			walk->argv[kept++] = word;
			continue;
		}
		if (word[1] == '-' ? !option_take_long(walk, word + 2)
				   : !option_take_letters(walk, word + 1))
			return false;
	}
	rest->words = walk->argv + 1;
	rest->count = kept - 1;
	walk->argv[kept] = NULL;
	return true;
}

/*
 * Words beyond the rows of positionals, of which the last may take many, would be passed over in silence. A command
 * without such rows says itself what it makes of words.
 */
static bool option_words_fit(const struct command *command, const struct option_rest *rest)
{
	const struct positional *row = command->positionals;
	int room = 0;

	for (; row && row->name; row++, room++)
		if (strstr(row->name, "..."))
			return true;
	if (!room || rest->count <= room)
		return true;
	option_mistake(command, "%s is one word too many", rest->words[room]);
	return false;
}

bool option_parse(const struct command *command, int argc, char **argv, void *settings,
		  struct option_rest *rest, int *status)
{
	struct walk walk = {command, argv, argc, 0, settings, false};

	*rest = (struct option_rest){0};
	*status = OPTION_EXIT_USAGE;
	if (!option_set_initial(command, settings) || !option_walk(&walk, rest))
		return false;
	if (walk.help) {
		struct text help = {0};

		manual_help(&help, command);
		fputs(text_string(&help), stdout);
		text_free(&help);
		*status = 0;
		return false;
	}
	return option_words_fit(command, rest) && option_set_initial_lists(command, settings);
}

void option_free(const struct command *command, void *settings)
{
	for (const struct option *row = option_rows(command); row->name; row++) {
		struct option_list *list = option_member(settings, row);

		if (row->type != OPTION_LIST)
			continue;
		for (size_t i = 0; i < list->count; i++)
			free(list->items[i]);
		free(list->items);
		*list = (struct option_list){0};
	}
}
