/* Named functions and types of the running kernel's BTF, found in one pass over the file. */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/record.h"

struct btf_type;

/* The file as a whole, read type by type in the order of their numbers, from 1. */
struct types {
	char *data;
	size_t size;
	bool mapped;
	const char *at, *end;		/* of the types */
	const char *strings;
	u32 strings_length;
};

/* 0 or -errno; types_close either way. */
int types_open(struct types *types);
void types_close(struct types *types);
/* The next type, with its name, "" if it has none; NULL: no more. */
const struct btf_type *types_next(struct types *types, const char **name);
/* How many bytes follow a type's head. */
size_t types_tail(const struct btf_type *type);

struct type_query {
	char name[96];
	u32 kind;	/* BTF_KIND_FUNC, BTF_KIND_TYPEDEF, ... */
	u32 id;		/* out: 0 if there is none */
};

/* 0 or -errno. */
int types_find(struct type_query *queries, size_t count);
/* The names of an enum's values below `most`, by value; NULL where there is none. 0, -ENOENT, or another -errno. */
int types_enum(const char *name, char **names, u32 most);

#endif
