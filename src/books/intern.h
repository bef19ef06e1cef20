/*
 * Numbers for byte strings: the same bytes have the same number, as long as they are remembered. Not the bytes are kept but a keyed hash
 * of 64 bits, so that a path costs as much as a word. There is a limit; what was not asked for longest is forgotten first, and
 * gets a new number when it comes again.
 */
#ifndef BOOKS_INTERN_H
#define BOOKS_INTERN_H

#include "base/table.h"
#include "wire/record.h"

#define INTERN_NONE UINT32_MAX

struct intern {
	struct table now, before;	/* two generations: by hash, number + 1 */
	size_t most;			/* in each */
	u64 key[2];
	u32 count;			/* numbers given out */
};

void intern_init(struct intern *intern, size_t most);
void intern_free(struct intern *intern);
/* INTERN_NONE without memory. `fresh`: it is a new number. */
u32 intern_number(struct intern *intern, const void *bytes, size_t length, bool *fresh);
/* What tells bytes apart here. */
u64 intern_hash(const struct intern *intern, const void *bytes, size_t length);

#endif
