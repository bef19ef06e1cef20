/* Every failure ends in one place, which must not allocate to say so. */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void alloc_exhausted(size_t count, size_t size)
{
	fprintf(stderr, "sonde: out of memory (%zu times %zu bytes)\n", count, size);
	abort();
}

void *xrealloc(void *old, size_t count, size_t size)
{
	size_t total;
	void *new;

	if (__builtin_mul_overflow(count, size, &total))
		alloc_exhausted(count, size);
	/* realloc to 0 may free and return NULL, which is not exhaustion. */
	new = realloc(old, total ? total : 1);
	if (!new)
		alloc_exhausted(count, size);
	return new;
}

void *xmalloc(size_t size)
{
	void *new = malloc(size ? size : 1);

	if (!new)
		alloc_exhausted(1, size);
	return new;
}

void *xcalloc(size_t count, size_t size)
{
	void *new = calloc(count ? count : 1, size ? size : 1);

	if (!new)
		alloc_exhausted(count, size);
	return new;
}

char *xstrndup(const char *string, size_t limit)
{
	size_t length = strnlen(string, limit);
	char *new = xmalloc(length + 1);

	memcpy(new, string, length);
	new[length] = '\0';
	return new;
}

char *xstrdup(const char *string)
{
	return xstrndup(string, strlen(string));
}
