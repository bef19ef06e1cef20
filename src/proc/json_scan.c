/*
 * To skip a value it is enough to count brackets and to know strings: a number or a word ends where
 * a comma, a bracket or a space stands. Lenient by design; it never reads beyond the end.
 */

#include "json_scan.h"

#include <stdint.h>
#include <string.h>

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* From the opening quote to beyond the closing one, or NULL. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			return at + 1;
	}
	return NULL;
}

static const char *skip_value(const char *at, const char *end)
{
	size_t depth = 0;

	at = skip_space(at, end);
	const char *start = at;
	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			if (!at || !depth)
				return at;
			continue;
		}
		if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']') {
			if (!depth)
				return at > start ? at : NULL;
			if (!--depth)
				return at + 1;
		} else if (!depth && (*at == ',' || *at == ' ' || *at == '\n' || *at == '\r' ||
				      *at == '\t')) {
			return at > start ? at : NULL;
		}
		at++;
	}
	return depth || at == start ? NULL : at;
}

bool json_member(struct json object, const char *key, struct json *value)
{
	const char *at = skip_space(object.at, object.end), *end = object.end;
	size_t length = strlen(key);

	if (at >= end || *at != '{')
		return false;
	at++;
	for (;;) {
		at = skip_space(at, end);
		if (at >= end || *at != '"')
			return false;
		const char *name = at + 1;
		at = skip_string(at, end);
		if (!at)
			return false;
		bool found = (size_t)(at - 1 - name) == length && !memcmp(name, key, length);
		at = skip_space(at, end);
		if (at >= end || *at != ':')
			return false;
		at = skip_space(at + 1, end);
		if (found) {
			*value = (struct json){at, end};
			return at < end;
		}
		at = skip_value(at, end);
		if (!at)
			return false;
		at = skip_space(at, end);
		if (at >= end || *at != ',')
			return false;
		at++;
	}
}

bool json_first(struct json array, struct json *element)
{
	const char *at = skip_space(array.at, array.end);

	if (at >= array.end || *at != '[')
		return false;
	at = skip_space(at + 1, array.end);
	if (at >= array.end || *at == ']')
		return false;
	*element = (struct json){at, array.end};
	return true;
}

bool json_next(struct json *element)
{
	const char *at = skip_value(element->at, element->end);

	if (!at)
		return false;
	at = skip_space(at, element->end);
	if (at >= element->end || *at != ',')
		return false;
	element->at = skip_space(at + 1, element->end);
	return element->at < element->end;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool code_unit(const char *at, const char *end, uint32_t *unit)
{
	*unit = 0;
	if (end - at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = hex(at[i]);
		if (digit < 0)
			return false;
		*unit = *unit << 4 | (uint32_t)digit;
	}
	return true;
}

static size_t put_utf8(char *out, uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

/* What a backslash begins; advances `at` beyond it. */
static uint32_t escaped(const char **at, const char *end)
{
	char c = *(*at)++;
	uint32_t unit, low;

	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'u':
		if (!code_unit(*at, end, &unit))
			return 0xfffd;
		*at += 4;
		if (unit >= 0xd800 && unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' &&
		    (*at)[1] == 'u' && code_unit(*at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
			*at += 6;
			return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		}
		return unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
	default:
		return (unsigned char)c;
	}
}

size_t json_string(struct json value, char *out, size_t size)
{
	const char *at = skip_space(value.at, value.end);
	size_t length = 0;

	out[0] = '\0';
	if (at >= value.end || *at != '"')
		return 0;
	const char *close = skip_string(at, value.end);
	if (!close)
		return 0;
	const char *end = close - 1;
	for (at++; at < end;) {
		char bytes[4];
		size_t count = 1;
		if (*at == '\\' && at + 1 < end) {
			at++;
			bool ascii = *at != 'u';
			uint32_t code = escaped(&at, end);
			if (ascii)
				bytes[0] = (char)code;
			else
				count = put_utf8(bytes, code);
		} else {
			bytes[0] = *at++;
		}
		if (!bytes[0] || length + count >= size)
			break;
		memcpy(out + length, bytes, count);
		length += count;
	}
	out[length] = '\0';
	return length;
}
