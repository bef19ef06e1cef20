/* Values are spans of the caller's bytes wherever they can be; only joined arguments and numbers are written, when asked for. */
#define _GNU_SOURCE

#include "rules/rules_fact.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "rules/rules_command.h"

static const char *const names[] = {
	[FACT_TOOL] = "tool", [FACT_EXECUTABLE] = "executable", [FACT_DIRECTORY] = "directory", [FACT_ARGUMENTS] = "arguments",
	[FACT_CGROUP] = "cgroup", [FACT_CONTAINER_NAME] = "container.name", [FACT_CONTAINER_ID] = "container.id",
	[FACT_CONTAINER_IMAGE] = "container.image", [FACT_COMMAND] = "command", [FACT_OUTPUT] = "output",
	[FACT_SLURM_JOB] = "slurm.job", [FACT_SLURM_STEP] = "slurm.step",
	[FACT_USER] = "user", [FACT_INSIDE] = "inside", [FACT_PARENT_TOOL] = "parent.tool",
	[FACT_PARENT_ARGUMENTS] = "parent.arguments", [FACT_PID] = "pid", [FACT_GROUP] = "group", [FACT_SESSION] = "session",
	[FACT_PARENT_PID] = "parent.pid", [FACT_PROCESS] = "process", [FACT_JOB_RULE] = "job.rule",
	[FACT_JOB_WILDCARDS] = "job.wildcards", [FACT_JOB_CPUS] = "job.cpus", [FACT_JOB_MEMORY] = "job.memory", NULL,
};

static int read_option(struct fact *fact, enum fact_id id, const char *word, struct text *error)
{
	word += strspn(word, " ");
	if (!*word || strchr(word, ' ')) {
		text_add_format(error, "after \"option\" comes the option itself, one word: \"option -o\", not \"option %s\"", word);
		return -1;
	}
	fact->id = id;
	fact->option = xstrdup(word);
	return 0;
}

static int read_word(struct fact *fact, const char *text, struct text *error)
{
	size_t length = strlen(text);

	if (length < 3 || text[length - 1] != '\'') {
		text_add_format(error, "a word stands between two quotes: {tool|'nothing'}, not %s", text);
		return -1;
	}
	fact->id = FACT_WORD;
	fact->option = xstrndup(text + 1, length - 2);
	return 0;
}

static int read_number(struct fact *fact, enum fact_id id, const char *digits, unsigned int from, struct text *error)
{
	size_t length = strspn(digits, "0123456789");
	unsigned long number = strtoul(digits, NULL, 10);

	if (!length || length > 4 || digits[length] || number < from) {
		text_add_format(error, "\"%s\" is no number from %u", digits, from);
		return -1;
	}
	fact->id = id;
	fact->number = number - from;
	return 0;
}

static int unknown(const char *text, bool in_template, struct text *error)
{
	const char *nearest = nearest_word(text, names);

	text_add_format(error, "there is no fact \"%s\"", text);
	if (nearest)
		text_add_format(error, ", did you mean %s?", nearest);
	else
		text_add_format(error, "; facts are tool, executable, directory, arguments, arguments.N, option -X, cgroup, container.id, "
				       "parent.tool, inside and others (docs/rules.md)%s",
				in_template ? ", and {1} is the first group of an expression" : "");
	return -1;
}

int fact_read(struct fact *fact, const char *text, bool in_template, struct text *error)
{
	*fact = (struct fact){ 0 };
	if (!strncmp(text, "base ", 5)) {
		fact->base = true;
		text += 5;
	}
	if (!strncmp(text, "option ", 7))
		return read_option(fact, FACT_OPTION, text + 7, error);
	if (!strncmp(text, "parent.option ", 14))
		return read_option(fact, FACT_PARENT_OPTION, text + 14, error);
	if (!strncmp(text, "arguments.", 10))
		return read_number(fact, FACT_ARGUMENT, text + 10, 0, error);
	if (!strncmp(text, "parent.arguments.", 17))
		return read_number(fact, FACT_PARENT_ARGUMENT, text + 17, 0, error);
	if (in_template && *text == '\'')
		return read_word(fact, text, error);
	if (in_template && *text >= '0' && *text <= '9')
		return read_number(fact, FACT_CAPTURE, text, 1, error);
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(names[i], text)) {
			fact->id = i;
			return 0;
		}
	return unknown(text, in_template, error);
}

void fact_free(struct fact *fact)
{
	free(fact->option);
	*fact = (struct fact){ 0 };
}

void fact_match_begin(struct fact_match *match, const struct rule_facts *facts)
{
	match->facts = facts;
	match->is_joined = match->is_parent_joined = match->is_commanded = false;
}

void fact_match_free(struct fact_match *match)
{
	text_free(&match->joined);
	text_free(&match->parent_joined);
}

static struct rule_value value_of(const char *string)
{
	return (struct rule_value){ string, strlen(string) };
}

static struct rule_value join(struct text *joined, bool *is_joined, const char *arguments, size_t length)
{
	if (!*is_joined) {
		while (length && !arguments[length - 1])
			length--;
		if (length > PATTERN_SUBJECT_MOST)
			length = PATTERN_SUBJECT_MOST;
		text_reset(joined);
		text_add_bytes(joined, arguments, length);
		for (size_t i = 0; i < joined->length; i++)
			if (!joined->data[i])
				joined->data[i] = ' ';
		*is_joined = true;
	}
	return (struct rule_value){ text_string(joined), joined->length };
}

static bool next_word(const char **at, const char *end, struct rule_value *word)
{
	const char *nul;

	if (*at >= end)
		return false;
	nul = memchr(*at, '\0', end - *at);
	*word = (struct rule_value){ *at, (nul ? nul : end) - *at };
	*at += word->length + 1;
	return true;
}

static struct rule_value argument(const char *arguments, size_t length, unsigned int number)
{
	const char *at = arguments;
	struct rule_value word;

	while (next_word(&at, arguments + length, &word))
		if (!number--)
			return word;
	return value_of("");
}

/* The word after `option`, or what follows "option=". A shell's options are those in its script. */
static struct rule_value option_value(const char *arguments, size_t length, const char *option)
{
	struct rule_value script = command_script(arguments, length), word;
	const char *at = script.length ? script.at : arguments, *end = script.length ? at + script.length : arguments + length;
	bool (*next)(const char **, const char *, struct rule_value *) = script.length ? command_word : next_word;
	size_t size = strlen(option);

	if (!memmem(at, end - at, option, size))
		return value_of("");
	while (next(&at, end, &word)) {
		if (word.length < size || memcmp(word.at, option, size))
			continue;
		if (word.length > size && word.at[size] == '=')
			return (struct rule_value){ word.at + size + 1, word.length - size - 1 };
		if (word.length == size && next(&at, end, &word))
			return word;
	}
	return value_of("");
}

static struct rule_value command(struct fact_match *match)
{
	const struct rule_facts *facts = match->facts;

	if (!match->is_commanded) {
		match->command = command_name(command_script(facts->arguments, facts->arguments_length));
		if (!match->command.length)
			match->command = value_of(facts->tool);
		match->is_commanded = true;
	}
	return match->command;
}

static struct rule_value number(struct fact_match *match, enum fact_id id)
{
	const struct rule_facts *facts = match->facts;
	u32 value = id == FACT_PID ? facts->pid : id == FACT_GROUP ? facts->group : id == FACT_SESSION ? facts->session :
		    id == FACT_USER ? facts->user : facts->parent_pid;
	size_t room = sizeof(match->numbers[id]);
	char *out = match->numbers[id];

	if (id == FACT_PROCESS)
		snprintf(out, room, "%u.%llu", facts->pid, (unsigned long long)facts->start);
	else
		snprintf(out, room, "%u", value);
	return value_of(out);
}

static struct rule_value whole_value(const struct fact *fact, struct fact_match *match)
{
	const struct rule_facts *facts = match->facts;

	switch (fact->id) {
	case FACT_TOOL:
		return value_of(facts->tool);
	case FACT_EXECUTABLE:
		return value_of(facts->executable);
	case FACT_DIRECTORY:
		return value_of(facts->directory);
	case FACT_ARGUMENTS:
		return join(&match->joined, &match->is_joined, facts->arguments, facts->arguments_length);
	case FACT_COMMAND:
		return command(match);
	case FACT_OUTPUT:
		return command_output(command_script(facts->arguments, facts->arguments_length));
	case FACT_WORD:
		return value_of(fact->option);
	case FACT_CGROUP:
		return value_of(facts->cgroup);
	case FACT_CONTAINER_NAME:
		return value_of(facts->container_name);
	case FACT_CONTAINER_ID:
		return value_of(facts->container_id);
	case FACT_CONTAINER_IMAGE:
		return value_of(facts->container_image);
	case FACT_SLURM_JOB:
		return value_of(facts->slurm_job);
	case FACT_SLURM_STEP:
		return value_of(facts->slurm_step);
	case FACT_INSIDE:
		return value_of(facts->inside);
	case FACT_PARENT_TOOL:
		return value_of(facts->parent_tool);
	case FACT_PARENT_ARGUMENTS:
		return join(&match->parent_joined, &match->is_parent_joined, facts->parent_arguments,
			    facts->parent_arguments_length);
	case FACT_ARGUMENT:
		return argument(facts->arguments, facts->arguments_length, fact->number);
	case FACT_PARENT_ARGUMENT:
		return argument(facts->parent_arguments, facts->parent_arguments_length, fact->number);
	case FACT_OPTION:
		return option_value(facts->arguments, facts->arguments_length, fact->option);
	case FACT_PARENT_OPTION:
		return option_value(facts->parent_arguments, facts->parent_arguments_length, fact->option);
	case FACT_CAPTURE:
		return match->groups[fact->number];
	case FACT_JOB_RULE:
	case FACT_JOB_WILDCARDS:
	case FACT_JOB_CPUS:
	case FACT_JOB_MEMORY:
		return match->job[fact->id - FACT_JOB_RULE];
	default:
		return number(match, fact->id);
	}
}

struct rule_value fact_value(const struct fact *fact, struct fact_match *match)
{
	struct rule_value value = whole_value(fact, match);
	const char *slash;

	if (!fact->base)
		return value;
	slash = memrchr(value.at, '/', value.length);
	if (slash)
		value = (struct rule_value){ slash + 1, value.at + value.length - slash - 1 };
	return value;
}
