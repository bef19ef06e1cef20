/*
 * Growth doubles, so adding stays linear. Numbers are written two digits at a time from the end of
 * a small buffer: printf would cost more than all the rest of an event.
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

static const size_t text_first_capacity = 256;
enum { text_most_digits = 20 };

static const char text_pairs[200] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

bool text_grow(struct text *text, size_t more)
{
	size_t needed, capacity = text->capacity ? text->capacity : text_first_capacity;
	char *data;

	if (text->failed)
		return false;
	if (__builtin_add_overflow(text->length, more, &needed) ||
	    __builtin_add_overflow(needed, 1, &needed))
		goto failed;
	if (needed <= text->capacity)
		return true;
	while (capacity < needed)
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			capacity = needed;
	data = realloc(text->data, capacity);
	if (!data)
		goto failed;
	text->data = data;
	text->capacity = capacity;
	text->data[text->length] = '\0';
	return true;
failed:
	text->failed = true;
	return false;
}

void text_add_arguments(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	if (length < 0) {
		text->failed = true;
	} else if (text_reserve(text, length)) {
		vsnprintf(text->data + text->length, length + 1, format, again);
		text->length += length;
	}
	va_end(again);
}

void text_add_format(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_add_arguments(text, format, arguments);
	va_end(arguments);
}

void text_add_u64(struct text *text, uint64_t value)
{
	char digits[text_most_digits], *at = digits + sizeof(digits);

	while (value >= 100) {
		at -= 2;
		memcpy(at, text_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(at, text_pairs + value * 2, 2);
	} else {
		*--at = '0' + value;
	}
	text_add_bytes(text, at, digits + sizeof(digits) - at);
}

void text_add_i64(struct text *text, int64_t value)
{
	if (value < 0)
		text_add_char(text, '-');
	text_add_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_add_padded(struct text *text, uint64_t value, unsigned int digits)
{
	char buffer[text_most_digits];

	if (digits > sizeof(buffer))
		digits = sizeof(buffer);
	for (unsigned int at = digits; at > 0; at--) {
		buffer[at - 1] = '0' + value % 10;
		value /= 10;
	}
	text_add_bytes(text, buffer, digits);
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}
