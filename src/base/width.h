/* How wide printable UTF-8 is on a terminal: two columns for most East Asian characters and emoji, none for combining marks. */
#ifndef BASE_WIDTH_H
#define BASE_WIDTH_H

#include <stddef.h>

/* The bytes of the longest beginning that takes at most `columns`, whole characters with their marks; *used: its columns. */
size_t width_fit(const char *text, size_t length, unsigned int columns, unsigned int *used);
unsigned int width_of(const char *text, size_t length);

#endif
