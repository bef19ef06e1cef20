/*
 * Writes JSON: keys, commas and escapes, so that whoever writes it thinks of what to say only. Within an array the key
 * is NULL. Names and texts may hold any bytes (escape.h).
 */
#ifndef BASE_JOT_H
#define BASE_JOT_H

#include "base/text.h"

struct jot {
	struct text *out;
	bool more;		/* something stands before: a comma is due */
	bool in_html;		/* '<' becomes \u003c, so that nothing can end a <script> */
};

void jot_open(struct jot *jot, const char *key, char bracket);		/* '{' or '[' */
void jot_close(struct jot *jot, char bracket);				/* '}' or ']' */
void jot_bytes(struct jot *jot, const char *key, const void *bytes, size_t count);
void jot_string(struct jot *jot, const char *key, const char *string);
void jot_unsigned(struct jot *jot, const char *key, uint64_t value);
static inline void jot_nonzero(struct jot *jot, const char *key, uint64_t value)
{
	if (value)
		jot_unsigned(jot, key, value);
}
void jot_signed(struct jot *jot, const char *key, int64_t value);
/* With at most `digits` digits behind the point; what is not a number is null. */
void jot_real(struct jot *jot, const char *key, double value, unsigned int digits);
void jot_bool(struct jot *jot, const char *key, bool value);
/* NUL-separated words as an array of strings; the last needs no NUL. */
void jot_words(struct jot *jot, const char *key, const char *words, size_t count);

#endif
