/*
 * Lists of arguments, made small: ten thousand command lines of a compiler differ in a few words. What a list has in
 * common with those in a dictionary is told by reference, and so is what repeats within it. The dictionary only grows,
 * so whatever was packed with it stays readable, in any order. The format stands in docs/store.md.
 */
#ifndef BOOKS_PACK_H
#define BOOKS_PACK_H

#include "base/text.h"
#include "wire/record.h"

#define PACK_DICTIONARY_MOST (1024 * 1024)
#define PACK_LENGTH_MOST (1024 * 1024)	/* of one list, unpacked */

/* `struct pack p = {0}` is an empty one. A reader only fills in the dictionary. */
struct pack {
	struct text dictionary;
	u32 *heads;		/* by hash of four bytes: where they stand in the dictionary, from 1 */
	size_t learned;		/* how much of it the heads know */
};

/* Adds the packed list to `out`. The dictionary may have grown by some of it. */
void pack_add(struct pack *pack, const void *bytes, size_t length, struct text *out);
/* False when it is not something that was packed with this dictionary; `out` may have a part of it then. */
bool pack_read(const struct pack *pack, const void *packed, size_t length, struct text *out);
void pack_free(struct pack *pack);

#endif
