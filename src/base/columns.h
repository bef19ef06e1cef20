/*
 * How wide text is on a terminal. It takes what escape_terminal let through: no control bytes, valid UTF-8. Characters
 * of East Asia and emoji take two columns, combining marks none.
 */
#ifndef BASE_COLUMNS_H
#define BASE_COLUMNS_H

#include "base/text.h"

size_t columns_of(const char *bytes, size_t count);
/* Adds as much as fits into `width` columns; what had to be cut ends with an ellipsis. Returns the columns it took. */
size_t columns_cut(struct text *out, const char *bytes, size_t count, size_t width);
void columns_pad(struct text *out, size_t count);

#endif
