/*
 * A program's name is what it was started by: the first argument, as far as the kernel's own name of the process (the file that
 * execve was given) bears it out, else the executable. If that is an interpreter (interpreters.h), its words are read as it would read
 * them, up to the one that says what it runs. Two rounds of this are needed for `busybox sh step.sh`.
 *
 * Called at each exec: everything is a span of the caller's bytes, and only the result is copied.
 */
#define _GNU_SOURCE

#include "proc/tool.h"
#include "proc/interpreters.h"
#include "proc/process.h"

#define ROUNDS_MOST 4
#define COMM_MOST 15
#define SNAKEMAKE_PREFIX 12	/* bytes before the script's own name */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct span {
	const char *at;
	size_t length;
};

/* What is left of the arguments. */
struct words {
	const char *at, *end;
};

enum found { FOUND_NOTHING, FOUND_CODE, FOUND_NAME, FOUND_PROGRAM };

static struct span span_of(const char *string)
{
	return (struct span){ string, strlen(string) };
}

static bool span_is(struct span span, const char *string)
{
	return !strncmp(span.at, string, span.length) && !string[span.length];
}

static bool begins(struct span span, const char *string)
{
	size_t length = strlen(string);

	return span.length >= length && !memcmp(span.at, string, length);
}

static bool ends(struct span span, const char *string)
{
	size_t length = strlen(string);

	return span.length >= length && !memcmp(span.at + span.length - length, string, length);
}

static bool words_next(struct words *words, struct span *word)
{
	const char *nul;

	if (words->at >= words->end)
		return false;
	nul = memchr(words->at, '\0', words->end - words->at);
	*word = (struct span){ words->at, (nul ? nul : words->end) - words->at };
	words->at += word->length + 1;
	return true;
}

/* What follows the last slash; slashes at the end do not count. */
static struct span base_of(struct span path)
{
	const char *slash;

	while (path.length > 1 && path.at[path.length - 1] == '/')
		path.length--;
	slash = path.length ? memrchr(path.at, '/', path.length) : NULL;
	if (slash) {
		path.length -= slash + 1 - path.at;
		path.at = slash + 1;
	}
	return path;
}

/* A file of this name tells nobody anything: standard input, a descriptor, the directory at hand. */
static bool is_nameless(struct span path)
{
	struct span base = base_of(path);

	return !base.length || span_is(base, "-") || span_is(base, ".") || span_is(base, "..") ||
	       span_is(path, "/dev/stdin") || begins(path, "/dev/fd/") || begins(path, "/proc/self/fd/");
}

/* Without the kernel's " (deleted)", a memfd's directory, and what Nix puts around a wrapped program. */
static struct span image_of(const char *executable)
{
	struct span path = span_of(executable), base;

	if (ends(path, " (deleted)"))
		path.length -= strlen(" (deleted)");
	if (begins(path, "/memfd:")) {
		size_t length = strlen("/memfd:");

		while (length < path.length && path.at[length] != '/' && path.at[length] != ':')
			length++;
		return (struct span){ path.at + 1, length - 1 };
	}
	base = base_of(path);
	if (base.length > strlen(".-wrapped") && base.at[0] == '.' && ends(base, "-wrapped")) {
		base.at++;
		base.length -= strlen(".-wrapped");
	}
	return base;
}

/* A login shell's first argument begins with a dash. */
static struct span invoked_as(struct span word)
{
	struct span base = base_of(word);

	if (base.length > 1 && base.at[0] == '-') {
		base.at++;
		base.length--;
	}
	return base;
}

static bool is_name_of(const char *comm, struct span base)
{
	size_t length = base.length < COMM_MOST ? base.length : COMM_MOST;

	return base.length && strlen(comm) == length && !memcmp(comm, base.at, length);
}

static bool is_version(const char *rest, size_t length)
{
	return (rest[0] >= '0' && rest[0] <= '9') || (length > 1 && rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9');
}

static const struct interpreter *interpreter_find(struct span name)
{
	for (size_t i = 0; i < COUNT(interpreters) && name.length; i++) {
		const struct interpreter *row = &interpreters[i];
		size_t length;

		if (row->name[0] != name.at[0] || !begins(name, row->name))
			continue;
		length = strlen(row->name);
		if (length == name.length || row->flags & INTERPRETER_PREFIX ||
		    is_version(name.at + length, name.length - length))
			return row;
	}
	return NULL;
}

static bool has_letter(const char *letters, char letter)
{
	return letters && letter && strchr(letters, letter);
}

static enum found found_script(struct span path, struct span *name)
{
	if (is_nameless(path))
		return FOUND_NOTHING;
	*name = base_of(path);
	/* Snakemake runs a copy of a rule's script: .snakemake/scripts/tmp01234567.plot.py */
	if (begins(*name, "tmp") && name->length > SNAKEMAKE_PREFIX && name->at[SNAKEMAKE_PREFIX - 1] == '.' &&
	    memmem(path.at, path.length, "/.snakemake/scripts/", strlen("/.snakemake/scripts/")))
		*name = (struct span){ name->at + SNAKEMAKE_PREFIX, name->length - SNAKEMAKE_PREFIX };
	return FOUND_NAME;
}

/* The kind of a long option's value, '\0' if it has none. */
static char long_kind(const char *longs, struct span option)
{
	while (longs && *longs) {
		const char *word = longs + 1, *end = strchrnul(word, ' ');

		if ((size_t)(end - word) == option.length && !memcmp(word, option.at, option.length))
			return *longs;
		longs = *end ? end + 1 : end;
	}
	return '\0';
}

static bool read_long(const struct interpreter *row, struct span word, struct words *words, enum found *found,
		      struct span *name)
{
	const char *equals = memchr(word.at, '=', word.length);
	struct span option = { word.at, equals ? (size_t)(equals - word.at) : word.length }, value;
	char kind = long_kind(row->longs, option);

	if (!kind)
		return false;
	*found = FOUND_CODE;
	if (kind == '!')
		return true;
	if (equals)
		value = (struct span){ equals + 1, word.at + word.length - equals - 1 };
	else if (!words_next(words, &value))
		value = (struct span){ "", 0 };
	if (kind == '>')
		return false;
	*found = found_script(value, name);
	return true;
}

static bool read_letters(const struct interpreter *row, struct span word, struct words *words, enum found *found,
			 struct span *name)
{
	for (size_t i = 1; i < word.length; i++) {
		char letter = word.at[i];
		struct span value = { word.at + i + 1, word.length - i - 1 };

		if (has_letter(row->code, letter)) {
			*found = FOUND_CODE;
			return true;
		}
		if (has_letter(row->rest, letter))
			return false;
		if (row->flags & INTERPRETER_SHELL && has_letter(row->value, letter)) {
			words_next(words, &value);
			continue;
		}
		if (!has_letter(row->value, letter) && !has_letter(row->script, letter) && !has_letter(row->module, letter))
			continue;
		if (!value.length && !words_next(words, &value))
			value = (struct span){ "", 0 };
		if (has_letter(row->value, letter))
			return false;
		*found = found_script(value, name);
		return true;
	}
	return false;
}

/* Reads the words as the interpreter would. `words` stands behind those that were read. */
static enum found read_words(const struct interpreter *row, struct words *words, struct span *name)
{
	bool shell = row->flags & INTERPRETER_SHELL, only_bare = false;
	enum found found = FOUND_NOTHING;
	struct span word;

	while (words_next(words, &word)) {
		bool option = word.length > 1 && (word.at[0] == '-' || (shell && word.at[0] == '+')) && !only_bare;

		if (!only_bare && (span_is(word, "--") || (shell && span_is(word, "-")))) {
			only_bare = true;
		} else if (option && (row->flags & INTERPRETER_WORDS || word.at[1] == '-')) {
			if (span_is(word, "--args") || read_long(row, word, words, &found, name))
				return found;
		} else if (option) {
			if (read_letters(row, word, words, &found, name))
				return found;
		} else if (row->flags & INTERPRETER_NO_BARE) {
			return FOUND_NOTHING;
		} else if (row->flags & INTERPRETER_APPLETS) {
			return found_script(word, name) == FOUND_NAME ? FOUND_PROGRAM : FOUND_NOTHING;
		} else if ((!row->suffix || ends(word, row->suffix)) && !(row->flags & INTERPRETER_WORDS && begins(word, "@"))) {
			return found_script(word, name);
		}
	}
	return FOUND_NOTHING;
}

static void add_cut(struct text *out, struct span name, const char *behind)
{
	size_t length = name.length;

	if (length + strlen(behind) <= TOOL_NAME_MOST) {
		text_add_bytes(out, name.at, length);
		text_add(out, behind);
		return;
	}
	length = TOOL_NAME_MOST - strlen("…");
	while (length > 1 && ((unsigned char)name.at[length] & 0xc0) == 0x80)
		length--;
	text_add_bytes(out, name.at, length);
	text_add(out, "…");
}

/* Nothing is known but what the kernel calls it: written as ps does, a kernel worker without its number. */
static void add_comm(struct text *out, const char *comm)
{
	size_t length = strcspn(comm, "/");

	text_add_char(out, '[');
	text_add_bytes(out, length ? comm : "?", length ? length : 1);
	text_add_char(out, ']');
}

static bool is_compiler_wrapper(struct span image)
{
	for (size_t i = 0; i < COUNT(compiler_wrappers); i++)
		if (span_is(image, compiler_wrappers[i]))
			return true;
	return false;
}

/* The name it was started by; `image` is set to what decides whether it is an interpreter. */
static struct span started_as(const struct tool_facts *facts, struct span first, struct span *image)
{
	struct span invoked = invoked_as(first);
	const struct interpreter *row;

	*image = image_of(facts->executable);
	if (!image->length) {
		*image = invoked;
		return invoked;
	}
	row = interpreter_find(*image);
	if (row && row->flags & INTERPRETER_APPLETS && !(row->flags & INTERPRETER_LOADER) && invoked.length &&
	    interpreter_find(invoked) != row) {
		*image = invoked;
		return invoked;
	}
	if (begins(*image, "memfd:") || is_compiler_wrapper(*image))
		return *image;
	if (row && !first.length && facts->name[0] && !is_name_of(facts->name, *image))
		return span_of(facts->name);	/* a script whose arguments are not known */
	return is_name_of(facts->name, invoked) ? invoked : *image;
}

struct tool_facts tool_facts_of(const struct process *process)
{
	return (struct tool_facts){
		.executable = shared_string(process->executable),
		.name = process->name,
		.arguments = shared_string(process->arguments),
		.arguments_length = process->arguments ? process->arguments->length : 0,
	};
}

void tool_name(const struct tool_facts *facts, struct text *out)
{
	struct words words = { facts->arguments, facts->arguments + facts->arguments_length };
	struct span first = { "", 0 }, name, image;
	const struct interpreter *row;
	const char *behind = "";

	words_next(&words, &first);
	name = started_as(facts, first, &image);
	for (int round = 0; round < ROUNDS_MOST && (row = interpreter_find(image)); round++) {
		struct span script = { "", 0 };
		enum found found = read_words(row, &words, &script);

		if (found == FOUND_CODE && row->coded)
			behind = row->coded;
		if (found >= FOUND_NAME)
			name = script;
		if (found != FOUND_PROGRAM)
			break;
		image = script;
	}
	if (name.length)
		add_cut(out, name, behind);
	else
		add_comm(out, facts->name);
}
