/*
 * Names with dots may be said in short: by an ending that only one of them has (`user.name`), or of several, the one that
 * is the process's own (`process.` and the ending), or the one with the fewest parts.
 */
#ifndef BASE_ENDING_H
#define BASE_ENDING_H

#include <stddef.h>

#define ENDING_UNKNOWN (-1L)
#define ENDING_AMBIGUOUS (-2L)

/* name_at gives the i-th of `count` names; NULL: it does not take part. Returns which one is meant. */
long ending_find(const char *name, size_t count, const char *(*name_at)(const void *list, size_t i), const void *list);

#endif
