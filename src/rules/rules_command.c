/*
 * A script is split where a command ends (; & | and newlines outside quotes), and of each command the first word counts that is not an
 * assignment or a word before commands. It is no shell: expansions stay as they are, and a wrong guess only misnames a task.
 */
#define _GNU_SOURCE

#include "rules/rules_command.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh" };
/* Before a command. */
static const char *const prefixes[] = { "if", "then", "else", "elif", "do", "while", "until", "!", "{", "exec", "time", "env",
					"command", "eval", "builtin" };
/* Commands that only prepare. */
static const char *const minor[] = { ":",      "set",   "cd",	  "echo",  "printf", "true", "mkdir", "test",  "[",    "[[",
				     "export", "umask", "trap",  "unset", "for",    "case", "fi",    "done",  "esac", "in",
				     "source", ".",	"rm",	  "ulimit", "shopt", "pwd",  "sleep", "module", "local", "read" };

static bool is_one_of(struct rule_value word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == word.length && !memcmp(words[i], word.at, word.length))
			return true;
	return false;
}

static struct rule_value base_of(struct rule_value path)
{
	const char *slash = memrchr(path.at, '/', path.length);

	if (!slash)
		return path;
	return (struct rule_value){ slash + 1, path.at + path.length - slash - 1 };
}

struct rule_value command_script(const char *arguments, size_t length)
{
	const char *at = arguments, *end = arguments + length;
	bool first = true, is_next = false;

	while (at < end) {
		const char *nul = memchr(at, '\0', end - at);
		struct rule_value word = { at, (nul ? nul : end) - at };

		at += word.length + 1;
		if (first && !is_one_of(base_of(word), shells, COUNT(shells)))
			break;
		if (!first && word.length > 1 && (word.at[0] == '-' || word.at[0] == '+') && word.at[1] != '-') {
			is_next |= word.at[0] == '-' && memchr(word.at, 'c', word.length);
			/* -o pipefail */
			if (word.at[word.length - 1] == 'o' && at < end)
				at += strnlen(at, end - at) + 1;
		} else if (!first) {
			if (word.length > PATTERN_SUBJECT_MOST)
				word.length = PATTERN_SUBJECT_MOST;
			return is_next ? word : (struct rule_value){ "", 0 };
		}
		first = false;
	}
	return (struct rule_value){ "", 0 };
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n';
}

bool command_word(const char **at, const char *end, struct rule_value *word)
{
	const char *from = *at;
	char quote = 0;

	while (from < end && is_blank(*from))
		from++;
	*at = from;
	for (; *at < end && (quote || !is_blank(**at)); (*at)++) {
		if (quote && **at == quote)
			quote = 0;
		else if (!quote && (**at == '\'' || **at == '"'))
			quote = **at;
	}
	if (*at == from)
		return false;
	*word = (struct rule_value){ from, *at - from };
	while (word->length > 1 && strchr(";&|)", word->at[word->length - 1]))
		word->length--;
	if (word->length > 1 && (word->at[0] == '\'' || word->at[0] == '"') && word->at[word->length - 1] == word->at[0])
		*word = (struct rule_value){ word->at + 1, word->length - 2 };
	return true;
}

/* The & of 2>&1 and &>x. */
static bool is_of_redirection(const char *from, const char *at, const char *end)
{
	return *at == '&' && ((at > from && (at[-1] == '>' || at[-1] == '<')) || (at + 1 < end && at[1] == '>'));
}

/* Up to what ends it, which is stepped over. */
static bool next_command(const char **at, const char *end, struct rule_value *command)
{
	const char *from = *at;
	char quote = 0;

	if (from >= end)
		return false;
	for (; *at < end; (*at)++) {
		if (quote)
			quote = **at == quote ? 0 : quote;
		else if (**at == '\'' || **at == '"')
			quote = **at;
		else if (strchr(";&|\n()", **at) && !is_of_redirection(from, *at, end))
			break;
	}
	*command = (struct rule_value){ from, *at - from };
	*at += *at < end;
	return true;
}

static bool is_assignment(struct rule_value word)
{
	const char *equals = memchr(word.at, '=', word.length);

	return equals && equals > word.at && !memchr(word.at, '/', equals - word.at) && word.at[0] != '-';
}

/* Empty if there is none in it. */
static struct rule_value first_word(struct rule_value command)
{
	const char *at = command.at, *end = at + command.length;
	struct rule_value word;

	while (command_word(&at, end, &word)) {
		while (word.length > 1 && (word.at[0] == '@' || word.at[0] == '+'))
			word = (struct rule_value){ word.at + 1, word.length - 1 };
		word = base_of(word);
		if (word.length && !strchr("-<>", word.at[0]) && !is_assignment(word) && !is_one_of(word, prefixes, COUNT(prefixes)))
			return word;
	}
	return (struct rule_value){ "", 0 };
}

struct rule_value command_name(struct rule_value script)
{
	const char *at = script.at, *end = at + script.length;
	struct rule_value command, first = { "", 0 };

	while (next_command(&at, end, &command)) {
		struct rule_value word = first_word(command);

		if (!word.length)
			continue;
		if (!is_one_of(word, minor, COUNT(minor)))
			return word;
		if (!first.length)
			first = word;
	}
	return first;
}

/* Behind a ">" and what may follow it at once; NULL if it is of errors, or copies a descriptor. */
static const char *redirection(const char *script, const char *at, const char *end)
{
	if (at > script && at[-1] >= '0' && at[-1] <= '9' && at[-1] != '1')
		return NULL;
	at++;
	while (at < end && (*at == '>' || *at == '|'))
		at++;
	return at < end && *at != '&' && *at != '(' ? at : NULL;
}

static bool is_device(struct rule_value word)
{
	return word.length > 5 && !memcmp(word.at, "/dev/", 5);
}

/* "x;rm" without what follows the file. */
static struct rule_value until_command_ends(struct rule_value word)
{
	size_t length = 0;

	while (length < word.length && !strchr(";&|<>()", word.at[length]))
		length++;
	return (struct rule_value){ word.at, length };
}

struct rule_value command_output(struct rule_value script)
{
	const char *end = script.at + script.length;
	struct rule_value output = { "", 0 }, word;
	char quote = 0;

	for (const char *at = script.at; at < end; at++) {
		const char *file;

		if (quote) {
			quote = *at == quote ? 0 : quote;
		} else if (*at == '\'' || *at == '"') {
			quote = *at;
		} else if (*at == '>') {
			file = redirection(script.at, at, end);
			while (at + 1 < end && at[1] == '>')
				at++;
			if (file && command_word(&file, end, &word) && !is_device(word))
				output = until_command_ends(word);
		}
	}
	return output;
}
