/*
 * Allocation for start-up and commands: exhaustion there has no useful answer, so it aborts with a
 * message. The event path must not use these; it checks every allocation and counts the loss.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Grows or shrinks to count elements; the product is checked for overflow. */
void *xrealloc(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *string) __attribute__((malloc, returns_nonnull));
/* Copies at most limit bytes of string, always terminated. */
char *xstrndup(const char *string, size_t limit) __attribute__((malloc, returns_nonnull));

#endif
