/*
 * Bytes chosen by others (file names, command lines) made safe for where they go. Each adds to a
 * text and takes any bytes at all, NUL and broken UTF-8 included.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/text.h"

/*
 * For a terminal: \n \r \t \xNN for control bytes and invalid UTF-8, \uNNNN for C1 controls, line
 * separators and bidirectional controls. Printable text stays, and so does a backslash.
 */
void escape_terminal(struct text *text, const void *bytes, size_t count);
/*
 * The inside of a JSON string, without its quotes; always valid JSON in valid UTF-8. Every byte
 * that is not part of valid UTF-8 becomes one U+FFFD.
 */
void escape_json(struct text *text, const void *bytes, size_t count);
/*
 * One word of a command line that a shell (bash, zsh, ksh) reads back as the same bytes: bare where
 * that is safe, else '...', else $'...' for what a terminal must not see.
 */
void escape_shell(struct text *text, const void *bytes, size_t count);

/* Valid UTF-8 without a NUL: what needs no escaping to be stored as text. */
bool escape_is_text(const void *bytes, size_t count);

/* The whole JSON string, quotes included. */
static inline void escape_json_quoted(struct text *text, const void *bytes, size_t count)
{
	text_add_char(text, '"');
	escape_json(text, bytes, count);
	text_add_char(text, '"');
}

/* For text and attributes of HTML and XML: what has a meaning there becomes an entity; other bytes stay as they are. */
void escape_markup(struct text *out, const void *bytes, size_t count);

#endif
