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

enum {
	ATTACHED = 1 << 0,	/* -pSECRET */
	NEXT = 1 << 1,		/* -p SECRET */
	PREFIX = 1 << 2,	/* also tools whose names begin so */
	LOGIN = 1 << 3,		/* only after the word login */
	ONCE = 1 << 4,		/* what follows is another command */
};

struct mask_tool {
	const char *name;
	const char *letters;
	int how;
	char separator;		/* USER separator SECRET */
};

static const struct mask_tool tools[] = {
	{"mysql", "p", ATTACHED | PREFIX, 0},
	{"mariadb", "p", ATTACHED | PREFIX, 0},
	{"sshpass", "p", ATTACHED | NEXT | ONCE, 0},
	{"mongo", "p", ATTACHED | NEXT | PREFIX, 0},
	{"curl", "uU", ATTACHED | NEXT, ':'},
	{"http", "a", ATTACHED | NEXT, ':'},
	{"https", "a", ATTACHED | NEXT, ':'},
	{"lftp", "u", ATTACHED | NEXT, ','},
	{"smbclient", "U", ATTACHED | NEXT, '%'},
	{"rpcclient", "U", ATTACHED | NEXT, '%'},
	{"7z", "p", ATTACHED | PREFIX, 0},
	{"zip", "P", ATTACHED | NEXT, 0},
	{"unzip", "P", ATTACHED | NEXT, 0},
	{"docker", "p", ATTACHED | NEXT | LOGIN, 0},
	{"podman", "p", ATTACHED | NEXT | LOGIN, 0},
	{"nerdctl", "p", ATTACHED | NEXT | LOGIN, 0},
	{"buildah", "p", ATTACHED | NEXT | LOGIN, 0},
	{"skopeo", "p", ATTACHED | NEXT | LOGIN, 0},
	{"helm", "p", ATTACHED | NEXT | LOGIN, 0},
	{"oras", "p", ATTACHED | NEXT | LOGIN, 0},
	{"crane", "p", ATTACHED | NEXT | LOGIN, 0},
	{"az", "p", ATTACHED | NEXT | LOGIN, 0},
	{"oc", "p", ATTACHED | NEXT | LOGIN, 0},
	{"ldap", "w", ATTACHED | NEXT | PREFIX, 0},
	{"redis-cli", "a", ATTACHED | NEXT, 0},
	{"sqlcmd", "P", ATTACHED | NEXT, 0},
	{"bcp", "P", ATTACHED | NEXT, 0},
	{"ipmitool", "P", ATTACHED | NEXT, 0},
	{"mosquitto_", "P", ATTACHED | NEXT | PREFIX, 0},
	{"cqlsh", "p", ATTACHED | NEXT, 0},
	{"snmp", "AX", ATTACHED | NEXT | PREFIX, 0},
	{"useradd", "p", ATTACHED | NEXT, 0},
	{"usermod", "p", ATTACHED | NEXT, 0},
	{"openssl", "kK", NEXT, 0},
	{"xfreerdp", "", 0, 0},
};

static const struct mask_tool *find_tool(const char *word, size_t length)
{
	const char *slash = memrchr(word, '/', length);

	if (slash) {
		length -= (size_t)(slash + 1 - word);
		word = slash + 1;
	}
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && !memchr("-_.", word[i], 3))
			return NULL;
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		size_t name = strlen(tools[i].name);
		if (length >= name && !memcmp(word, tools[i].name, name) &&
		    (length == name || (tools[i].how & PREFIX)))
			return &tools[i];
	}
	return NULL;
}

static bool equals(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && !strncasecmp(text, word, length);
}

/* Options of which USER:SECRET is the value, whatever the tool. */
static bool takes_user_secret(const char *name, size_t length)
{
	static const char *const names[] = {"auth", "creds", "src-creds", "dest-creds", "proxy-user",
					    "userpass", "http-auth"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (equals(name, length, names[i]))
			return true;
	return false;
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
	if (end - name < 3 || (end < to && text[end] != '='))
		return false;
	bool user = takes_user_secret(text + name, end - name) ||
		    (words->tool && words->tool->separator == ':' &&
		     equals(text + name, end - name, "user"));
	bool secret = !user && mask_is_secret_name(text + name, end - name);
	/* with one dash, "pass" is the number of a pass, or says how the secret comes */
	if (name == from + 1 && equals(text + name, end - name, "pass"))
		secret = false;
	if (!user && !secret)
		return false;
	if (end < to && user)
		hide_after(text, end + 1, to, ':', spans);
	else if (end < to && !mask_is_switch(text + end + 1, to - end - 1))
		mask_add(spans, end + 1, to);
	if (end == to && (user || !mask_has_negation(text + name, end - name))) {
		words->pending = user ? MASK_USER_SECRET : MASK_VALUE;
		words->separator = ':';
	}
	return true;
}

static bool short_option(struct mask_words *words, const char *text, size_t from, size_t to,
			 struct mask_spans *spans)
{
	const struct mask_tool *tool = words->tool;

	if (!tool || ((tool->how & LOGIN) && !words->login) || text[from + 1] == '-')
		return false;
	char first = text[from + 1], last = text[to - 1];
	if (first && strchr(tool->letters, first) && to - from > 2) {
		size_t value = from + 2 + (text[from + 2] == '=');
		if (!(tool->how & ATTACHED))
			return false;
		if (tool->separator)
			hide_after(text, value, to, tool->separator, spans);
		else
			mask_add(spans, value, to);
		if (tool->how & ONCE)
			words->tool = NULL;
		return true;
	}
	/* alone, or the last of several flags in one word */
	if (!(tool->how & NEXT) || !last || !strchr(tool->letters, last) || to - from > 7)
		return false;
	for (size_t i = from + 1; i < to; i++)
		if (!isalnum((unsigned char)text[i]))
			return false;
	words->pending = tool->separator ? MASK_USER_SECRET : MASK_VALUE;
	words->separator = tool->separator;
	if (tool->how & ONCE)
		words->tool = NULL;
	return true;
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

static void shell_words(const char *text, size_t from, size_t to, struct mask_spans *spans, int depth)
{
	struct mask_words words = {0};

	for (size_t at = from; at < to;) {
		if (strchr(";|&()`\n", text[at]) && text[at])
			words = (struct mask_words){0};
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
	if (option && (short_option(words, text, from, to, spans) ||
		       long_option(words, text, from, to, spans)))
		return;
	if (!option) {
		const struct mask_tool *tool = find_tool(text + from, to - from);
		if (tool) {
			words->tool = tool;
			words->login = false;
		} else if (words->tool && (words->tool->how & ONCE)) {
			words->tool = NULL;
		}
		if (equals(text + from, to - from, "login"))
			words->login = true;
		if (words->tool && !strcmp(words->tool->name, "xfreerdp") && to - from > 3 &&
		    !memcmp(text + from, "/p:", 3))
			mask_add(spans, from + 3, to);
	}
	if (depth < DEPTH && has_space(text, from, to))
		shell_words(text, from, to, spans, depth);
}
