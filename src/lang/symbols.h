/* Names for values that are numbers elsewhere, and for what events have. */
#ifndef LANG_SYMBOLS_H
#define LANG_SYMBOLS_H

#include "lang/parse.h"

const struct word *words_errno(void);
const struct word *words_signal(void);

/* A field of any table; the words that the fields of events have for values are known by their names. */
struct lang_symbol lang_symbol_of_field(const struct field *field);

#endif
