/* Names for values that are numbers elsewhere, and for what events have. */
#ifndef LANG_SYMBOLS_H
#define LANG_SYMBOLS_H

#include "lang/parse.h"

const struct word *words_errno(void);
const struct word *words_signal(void);

#endif
