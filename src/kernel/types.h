/* Named functions and types of the running kernel's BTF, found in one pass over the file. */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stddef.h>

#include "wire/record.h"

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
