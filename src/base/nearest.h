/* The word that was probably meant: the smallest number of slips away, if that is small enough. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/*
 * How far apart two words are: insertions, deletions, replacements and swaps of neighbours. A word
 * that begins the other is near however much is missing. NEAREST_TOO_FAR when not worth suggesting.
 */
#define NEAREST_TOO_FAR 1000u
unsigned int nearest_distance(const char *typed, const char *candidate);
/* The nearest of a NULL-terminated list, or NULL when none is near. */
const char *nearest_word(const char *typed, const char *const *words);

#endif
