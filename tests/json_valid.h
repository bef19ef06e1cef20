/*
 * A strict reader of JSON, kept apart from everything that writes or scans it in src/, so that a test does not share its
 * subject's mistakes: RFC 8259, UTF-8 checked, and no object may have one key twice.
 */
#ifndef TESTS_JSON_VALID_H
#define TESTS_JSON_VALID_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct json_reader {
	const unsigned char *at, *end;
	const char *wrong;	/* NULL: nothing yet */
	int depth;
};

static inline bool json_fail(struct json_reader *reader, const char *wrong)
{
	if (!reader->wrong)
		reader->wrong = wrong;
	return false;
}

static inline bool json_take(struct json_reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != (unsigned char)c)
		return false;
	reader->at++;
	return true;
}

/* Length of the UTF-8 sequence at the reader, 0 if it is none. */
static inline size_t json_utf8(const struct json_reader *reader)
{
	const unsigned char *s = reader->at;
	size_t left = reader->end - s, length;
	unsigned int code;

	if (*s < 0x80)
		return 1;
	length = *s >= 0xc2 && *s < 0xe0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
	if (!length || length > left)
		return 0;
	code = *s & (0xff >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if ((length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10ffff)) ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

static inline bool json_string(struct json_reader *reader)
{
	if (!json_take(reader, '"'))
		return json_fail(reader, "a string was expected");
	while (reader->at < reader->end && *reader->at != '"') {
		size_t length = json_utf8(reader);

		if (*reader->at < 0x20)
			return json_fail(reader, "a control byte in a string");
		if (!length)
			return json_fail(reader, "invalid UTF-8");
		if (*reader->at != '\\') {
			reader->at += length;
			continue;
		}
		if (reader->end - reader->at < 2 || !strchr("\"\\/bfnrtu", reader->at[1]))
			return json_fail(reader, "an unknown escape");
		if (reader->at[1] == 'u') {
			for (int i = 2; i < 6; i++)
				if (reader->end - reader->at <= i || !reader->at[i] ||
				    !strchr("0123456789abcdefABCDEF", reader->at[i]))
					return json_fail(reader, "\\u without four hexadecimal digits");
			reader->at += 4;
		}
		reader->at += 2;
	}
	return json_take(reader, '"') || json_fail(reader, "a string without an end");
}

static inline size_t json_digits(struct json_reader *reader)
{
	size_t count = 0;

	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++)
		count++;
	return count;
}

static inline bool json_number(struct json_reader *reader)
{
	json_take(reader, '-');
	if (!json_take(reader, '0') && !json_digits(reader))
		return json_fail(reader, "a value was expected");
	if (json_take(reader, '.') && !json_digits(reader))
		return json_fail(reader, "a point without digits");
	if (json_take(reader, 'e') || json_take(reader, 'E')) {
		if (!json_take(reader, '+'))
			json_take(reader, '-');
		if (!json_digits(reader))
			return json_fail(reader, "an exponent without digits");
	}
	return true;
}

static inline bool json_value(struct json_reader *reader);

static inline bool json_object(struct json_reader *reader)
{
	struct {
		const unsigned char *at;
		size_t length;
	} keys[128];
	size_t count = 0;

	if (json_take(reader, '}'))
		return true;
	do {
		const unsigned char *key = reader->at;
		size_t length;

		if (!json_string(reader))
			return false;
		length = reader->at - key;
		for (size_t i = 0; i < count; i++)
			if (keys[i].length == length && !memcmp(keys[i].at, key, length))
				return json_fail(reader, "a key twice in one object");
		if (count == sizeof(keys) / sizeof(*keys))
			return json_fail(reader, "more keys than this reader can hold");
		keys[count].at = key;
		keys[count++].length = length;
		if (!json_take(reader, ':'))
			return json_fail(reader, "a key without a value");
		if (!json_value(reader))
			return false;
	} while (json_take(reader, ','));
	return json_take(reader, '}') || json_fail(reader, "an object without an end");
}

static inline bool json_value(struct json_reader *reader)
{
	static const char *const words[] = { "true", "false", "null" };
	bool good;

	if (++reader->depth > 32)
		return json_fail(reader, "nested too deep");
	if (json_take(reader, '{')) {
		good = json_object(reader);
	} else if (json_take(reader, '[')) {
		good = json_take(reader, ']');
		while (!good) {
			if (!json_value(reader))
				return false;
			good = json_take(reader, ']');
			if (!good && !json_take(reader, ','))
				return json_fail(reader, "an array without an end");
		}
	} else if (reader->at < reader->end && *reader->at == '"') {
		good = json_string(reader);
	} else {
		good = false;
		for (int i = 0; i < 3 && !good; i++) {
			size_t length = strlen(words[i]);

			good = (size_t)(reader->end - reader->at) >= length && !memcmp(reader->at, words[i], length);
			reader->at += good ? length : 0;
		}
		good = good || json_number(reader);
	}
	reader->depth--;
	return good;
}

/* One object on one line, and its newline. NULL, or what is wrong. */
static inline const char *json_line_wrong(const char *line, size_t length)
{
	struct json_reader reader = { .at = (const void *)line, .end = (const unsigned char *)line + length };

	if (!length || *line != '{')
		return "not an object";
	if (!json_value(&reader))
		return reader.wrong;
	if (!json_take(&reader, '\n') || reader.at != reader.end)
		return "not just one object on one line";
	return NULL;
}

#endif
