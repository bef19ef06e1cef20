/*
 * Looks into JSON that others wrote: the files container runtimes leave. It finds members without
 * building a tree, allocates nothing, does not recurse, and takes any bytes: what is not JSON has
 * no members.
 */
#ifndef PROC_JSON_SCAN_H
#define PROC_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* A value and what follows it in the text. */
struct json {
	const char *at, *end;
};

bool json_member(struct json object, const char *key, struct json *value);
/* The first element of an array; then, from one element, the next. */
bool json_first(struct json array, struct json *element);
bool json_next(struct json *element);
/*
 * Decodes a string, cut to the size; NUL bytes end it. The length, or 0 when it is no string. `out`
 * is always terminated.
 */
size_t json_string(struct json value, char *out, size_t size);

#endif
