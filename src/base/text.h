/*
 * A growing byte buffer, the one thing output is written into. It is always NUL-terminated and may
 * hold NUL bytes. An allocation that fails sets `failed` and drops what was being added, until
 * text_reset: writers on the event path add freely and look once, at the end.
 *
 * `struct text t = {0}` is an empty text. The small adders are inline because one event is dozens
 * of them, a million times a second.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	char *data;		/* NULL until something is added; see text_string */
	size_t length;		/* without the terminating NUL */
	size_t capacity;
	bool failed;
};

/* Makes room for `more` bytes and a NUL beyond them; false when there is no memory. */
bool text_grow(struct text *text, size_t more);
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void text_add_arguments(struct text *text, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
void text_add_u64(struct text *text, uint64_t value);
void text_add_i64(struct text *text, int64_t value);
/* Exactly `digits` digits (at most 20), with leading zeros: the fraction of a second. */
void text_add_padded(struct text *text, uint64_t value, unsigned int digits);
void text_free(struct text *text);

/* Empties the text, keeping its memory, and forgets a failure. */
static inline void text_reset(struct text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->data)
		text->data[0] = '\0';
}

/* The text as a C string, "" when nothing was ever added. */
static inline const char *text_string(const struct text *text)
{
	return text->data ? text->data : "";
}

static inline bool text_reserve(struct text *text, size_t more)
{
	if (__builtin_expect(text->capacity - text->length > more && !text->failed, 1))
		return true;
	return text_grow(text, more);
}

static inline void text_add_bytes(struct text *text, const void *bytes, size_t count)
{
	if (!count || !text_reserve(text, count))
		return;
	memcpy(text->data + text->length, bytes, count);
	text->length += count;
	text->data[text->length] = '\0';
}

static inline void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

static inline void text_add_char(struct text *text, char byte)
{
	if (!text_reserve(text, 1))
		return;
	text->data[text->length++] = byte;
	text->data[text->length] = '\0';
}

#endif
