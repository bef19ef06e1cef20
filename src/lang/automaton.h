/*
 * Texts by pattern, in one pass and constant time a byte: patterns become one deterministic automaton, however many they
 * are. Its tables are what code in the kernel walks (gen_text.c): per state a row of u32, one for each class of bytes,
 * which is the place of the next state's row; behind them one that says whether a text that ends here fits.
 */
#ifndef LANG_AUTOMATON_H
#define LANG_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "wire/record.h"

enum automaton_match {
	MATCH_EQUAL,
	MATCH_STARTS,
	MATCH_ENDS,
	MATCH_CONTAINS,
	MATCH_LIKE,			/* a glob: see tree.h */
};

struct automaton;

/* `words`: the text is several, each with a NUL behind it; one of them must fit. */
struct automaton *automaton_new(bool words);
void automaton_free(struct automaton *automaton);
/* Literals may hold any byte. 0, or -EINVAL: it is no glob. */
int automaton_add(struct automaton *automaton, enum automaton_match match, const char *pattern, size_t length);

#define AUTOMATON_CLASSES 256	/* bytes of the table of classes, which comes first */

/* Where things are, in bytes. */
struct automaton_place {
	u32 classes;			/* in the blob: u8 per byte; all else counts from here */
	u32 start;			/* the first state's row */
	u32 dead;			/* the row that leads nowhere, unless there are several words */
	u32 end;			/* in a row: u32, not 0 if it fits */
	u32 mask;			/* a row's place has no bits but these, and whatever has can be read at and up to `end` behind */
};

/* Appends the tables to the blob. 0, or -E2BIG: too many states. */
int automaton_build(struct automaton *automaton, struct text *blob, struct automaton_place *place);

#endif
