/*
 * A command line is words: arguments, or what a shell would make of a program given with -c. An
 * option whose name is secret hides what follows; short options mean secrets for some tools only,
 * so the tool is looked for among the words before, also behind sudo, env or docker exec.
 */

#define _GNU_SOURCE

#include "mask_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DEPTH 4

static bool equals(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && !strncasecmp(text, word, length);
}

/* Long options of which the value is a name, what is returned, and a secret; 0 if it is none of them. */
static char option_separator(const struct mask_tool *tool, const char *name, size_t length)
{
	static const char *const names[] = {"auth", "creds", "src-creds", "dest-creds", "proxy-user",
					    "userpass", "http-auth"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (equals(name, length, names[i]))
			return ':';
	if (!tool || tool->separator != ':')
		return 0;
	if (equals(name, length, "cookie"))
		return '=';
	return equals(name, length, "user") || equals(name, length, "cert") ? ':' : 0;
}

static void hide_after(const char *text, size_t from, size_t to, char separator,
		       struct mask_spans *spans)
{
	const char *at = memchr(text + from, separator, to - from);

	if (at)
		mask_add(spans, (size_t)(at + 1 - text), to);
}

/* A long option, with two dashes or one. True when the word is dealt with. */
static bool long_option(struct mask_words *words, const char *text, size_t from, size_t to,
			struct mask_spans *spans)
{
	size_t name = from + (text[from + 1] == '-' ? 2 : 1), end = name;

	while (end < to && (isalnum((unsigned char)text[end]) || strchr("-_.", text[end])) && text[end])
		end++;
	if ((end - name < 3 && !equals(text + name, end - name, "pw")) || (end < to && text[end] != '='))
		return false;
	char separator = option_separator(words->tool, text + name, end - name);
	bool secret = !separator && mask_is_secret_name(text + name, end - name);
	/* with one dash, "pass" is the number of a pass, or says how the secret comes */
	if (name == from + 1 && equals(text + name, end - name, "pass"))
		secret = false;
	if (!separator && !secret)
		return false;
	if (end < to && separator)
		hide_after(text, end + 1, to, separator, spans);
	else if (end < to && !mask_is_switch(text + end + 1, to - end - 1))
		mask_add(spans, end + 1, to);
	if (end == to && (separator || !mask_has_negation(text + name, end - name))) {
		words->pending = separator ? MASK_USER_SECRET : MASK_VALUE;
		words->separator = separator;
	}
	return true;
}

static bool short_option_of(const struct mask_tool *tool, struct mask_words *words, const char *text,
			    size_t from, size_t to, struct mask_spans *spans)
{
	char first = text[from + 1], last = text[to - 1];

	if ((tool->how & MASK_LOGIN) && !words->login)
		return false;
	if (first && strchr(tool->letters, first) && to - from > 2) {
		size_t value = from + 2 + (text[from + 2] == '=');
		if (!(tool->how & MASK_ATTACHED))
			return false;
		if (tool->separator)
			hide_after(text, value, to, tool->separator, spans);
		else
			mask_add(spans, value, to);
		if (tool->how & MASK_ONCE)
			words->tool = NULL;
		return true;
	}
	/* alone, or the last of several flags in one word */
	if (!(tool->how & MASK_NEXT) || !last || !strchr(tool->letters, last) || to - from > 7)
		return false;
	for (size_t i = from + 1; i < to; i++)	/* -sSu; but snmpget -v2c */
		if (!isalpha((unsigned char)text[i]))
			return false;
	words->pending = tool->separator ? MASK_USER_SECRET : MASK_VALUE;
	words->separator = tool->separator;
	if (tool->how & MASK_ONCE)
		words->tool = NULL;
	return true;
}

static bool short_option(struct mask_words *words, const char *text, size_t from, size_t to,
			 struct mask_spans *spans)
{
	if (text[from + 1] == '-')
		return false;
	for (const struct mask_tool *tool = words->tool; tool; tool = mask_tool_next(tool))
		if (short_option_of(tool, words, text, from, to, spans))
			return true;
	return false;
}

/* USER/SECRET@DATABASE; what begins with the slash has no user and no secret. */
static void oracle(const char *text, size_t from, size_t to, struct mask_spans *spans)
{
	const char *slash = memchr(text + from, '/', to - from), *at;

	if (!slash || slash == text + from)
		return;
	at = memchr(slash, '@', (size_t)(text + to - slash));
	mask_add(spans, (size_t)(slash + 1 - text), at ? (size_t)(at - text) : to);
}

/* npm config set //registry/:_authToken SECRET */
static bool is_bare_name(const char *text, size_t from, size_t to)
{
	const char *colon = memrchr(text + from, ':', to - from);

	if (colon)
		from = (size_t)(colon + 1 - text);
	return !memchr(text + from, '=', to - from) && mask_is_secret_name(text + from, to - from);
}

/* Is this the nth word behind the tool, or behind the word that the row names? */
static bool is_nth(const struct mask_tool *tool, struct mask_words *words, const char *text, size_t from, size_t to)
{
	size_t length = strlen(tool->behind ? tool->behind : "");

	if (length && words->behind != tool) {
		if (to - from >= length && !memcmp(text + from, tool->behind, length)) {
			words->behind = tool;
			words->count = 0;
		}
		return false;
	}
	return tool->nth && words->count == tool->nth;
}

/* What a word that is no option, and no tool, means to the tool before it. */
static void operand(struct mask_words *words, const char *text, size_t from, size_t to, struct mask_spans *spans)
{
	words->count++;
	for (const struct mask_tool *tool = words->tool; tool; tool = mask_tool_next(tool)) {
		if ((tool->how & MASK_SLASH) && to - from > 3 && !memcmp(text + from, "/p:", 3))
			mask_add(spans, from + 3, to);
		if (tool->how & MASK_ORACLE)
			oracle(text, from, to, spans);
		if ((tool->how & MASK_BARE) && (words->set || !(tool->how & MASK_SET)) &&
		    is_bare_name(text, from, to))
			words->pending = MASK_VALUE;
		if (is_nth(tool, words, text, from, to))
			mask_add(spans, from, to);
	}
}

/* The end of a shell word; a quote that is never closed is an ordinary byte. */
static size_t word_end(const char *text, size_t at, size_t to)
{
	while (at < to) {
		char c = text[at];
		if (isspace((unsigned char)c) || c == ';' || c == '|' || c == '&' || c == '(' ||
		    c == ')' || c == '`')
			break;
		if (c == '\\' && at + 1 < to)
			at++;
		if (c == '\'' || c == '"') {
			size_t close = at + 1;
			while (close < to && text[close] != c)
				close += c == '"' && text[close] == '\\' && close + 1 < to ? 2 : 1;
			if (close < to)
				at = close;
		}
		at++;
	}
	return at < to ? at : to;
}

static void shell_words(const struct mask_tool *outer, const char *text, size_t from, size_t to,
			struct mask_spans *spans, int depth)
{
	struct mask_words words = {.tool = outer && (outer->how & MASK_INSIDE) ? outer : NULL};

	for (size_t at = from; at < to;) {
		if (strchr(";|&()`\n", text[at]) && text[at])
			words = (struct mask_words){.tool = words.tool && (words.tool->how & MASK_INSIDE) ? words.tool : NULL};
		size_t end = word_end(text, at, to);
		if (end == at) {
			at++;
			continue;
		}
		/* one pair of quotes around the word is the shell's, not the word's */
		bool quoted = end - at >= 2 && (text[at] == '\'' || text[at] == '"') &&
			      memchr(text + at + 1, text[at], end - at - 1) == text + end - 1;
		mask_word(&words, text, at + quoted, end - quoted, spans, depth + 1);
		at = end;
	}
}

static bool has_space(const char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (isspace((unsigned char)text[i]))
			return true;
	return false;
}

/* -c, -lc, -ec: the next word is a program for a shell. */
static bool is_program_flag(const char *text, size_t from, size_t to)
{
	if (to - from < 2 || to - from > 5 || text[from] != '-' || text[to - 1] != 'c')
		return false;
	for (size_t i = from + 1; i < to; i++)
		if (!islower((unsigned char)text[i]))
			return false;
	return true;
}

void mask_word(struct mask_words *words, const char *text, size_t from, size_t to,
	       struct mask_spans *spans, int depth)
{
	enum mask_pending pending = words->pending;
	bool option = to - from >= 2 && text[from] == '-';

	words->pending = MASK_NOTHING;
	words->shell = is_program_flag(text, from, to);
	/* Another long option means that the one before had no value. */
	if (pending == MASK_VALUE &&
	    !(option && text[from + 1] == '-' && to - from > 2 && isalpha((unsigned char)text[from + 2]))) {
		mask_add(spans, from, to);
		return;
	}
	if (pending == MASK_USER_SECRET) {
		hide_after(text, from, to, words->separator, spans);
		return;
	}
	if (pending == MASK_CREDENTIAL && mask_is_credential(text + from, to - from)) {
		mask_add(spans, from, to);
		return;
	}
	if (option && (short_option(words, text, from, to, spans) ||
		       long_option(words, text, from, to, spans)))
		return;
	if (!option) {
		const struct mask_tool *tool = mask_tool_find(text + from, to - from);
		if (tool) {
			words->tool = tool;
			words->behind = NULL;
			words->count = 0;
			words->login = words->set = false;
		} else {
			if (words->tool && (words->tool->how & MASK_ONCE))
				words->tool = NULL;
			operand(words, text, from, to, spans);
		}
		if (equals(text + from, to - from, "login"))
			words->login = true;
		if (equals(text + from, to - from, "set"))
			words->set = true;
		if (equals(text + from, to - from, "basic") || equals(text + from, to - from, "bearer"))
			words->pending = MASK_CREDENTIAL;
	}
	if (depth < DEPTH && has_space(text, from, to))
		shell_words(words->tool, text, from, to, spans, depth);
}
