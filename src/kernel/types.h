/* Numbers of named functions and types in the running kernel's BTF, found in one pass over the file. */
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

#endif
