/*
 * One place writes quotes, commas and brackets; `more` is all the state there is, since a closed bracket is itself
 * something before.
 */
#include "base/jot.h"

#include <math.h>
#include <stdio.h>

#include "base/escape.h"

/* Between two quotes. The escaper leaves '<' alone: only within HTML does it mean anything. */
static void add_quoted(struct jot *jot, const void *bytes, size_t count)
{
	const char *at = bytes, *end = at + count;

	text_add_char(jot->out, '"');
	while (jot->in_html && at < end) {
		const char *less = memchr(at, '<', end - at);

		if (!less)
			break;
		escape_json(jot->out, at, less - at);
		text_add(jot->out, "\\u003c");
		at = less + 1;
	}
	escape_json(jot->out, at, end - at);
	text_add_char(jot->out, '"');
}

static void begin(struct jot *jot, const char *key)
{
	if (jot->more)
		text_add_char(jot->out, ',');
	jot->more = true;
	if (key) {
		add_quoted(jot, key, strlen(key));
		text_add_char(jot->out, ':');
	}
}

void jot_open(struct jot *jot, const char *key, char bracket)
{
	begin(jot, key);
	text_add_char(jot->out, bracket);
	jot->more = false;
}

void jot_close(struct jot *jot, char bracket)
{
	text_add_char(jot->out, bracket);
	jot->more = true;
}

void jot_bytes(struct jot *jot, const char *key, const void *bytes, size_t count)
{
	begin(jot, key);
	add_quoted(jot, bytes, count);
}

void jot_string(struct jot *jot, const char *key, const char *string)
{
	jot_bytes(jot, key, string, strlen(string));
}

void jot_unsigned(struct jot *jot, const char *key, uint64_t value)
{
	begin(jot, key);
	text_add_u64(jot->out, value);
}

void jot_signed(struct jot *jot, const char *key, int64_t value)
{
	begin(jot, key);
	text_add_i64(jot->out, value);
}

void jot_real(struct jot *jot, const char *key, double value, unsigned int digits)
{
	char number[400];
	int length;

	begin(jot, key);
	if (!isfinite(value)) {
		text_add(jot->out, "null");
		return;
	}
	length = snprintf(number, sizeof(number), "%.*f", (int)(digits < 20 ? digits : 20), value);
	if (strchr(number, '.')) {
		while (number[length - 1] == '0')
			length--;
		if (number[length - 1] == '.')
			length--;
	}
	text_add_bytes(jot->out, number, length);
}

void jot_bool(struct jot *jot, const char *key, bool value)
{
	begin(jot, key);
	text_add(jot->out, value ? "true" : "false");
}

void jot_words(struct jot *jot, const char *key, const char *words, size_t count)
{
	const char *at = words, *end = words + count;

	jot_open(jot, key, '[');
	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		const char *stop = zero ? zero : end;

		jot_bytes(jot, NULL, at, stop - at);
		at = stop + 1;
	}
	jot_close(jot, ']');
}
