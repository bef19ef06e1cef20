/* Fields as the kernel's side sees them: a comparison with one is rewritten for the record's members. */
#ifndef LANG_PLACE_H
#define LANG_PLACE_H

#include "lang/tree.h"

struct place {
	enum {
		PLACED_NUMBER, PLACED_WORDS, PLACED_TEXT, PLACED_ADDRESS,
	} shape;
	struct lang_node *present;		/* NULL: always */
	struct lang_node *value;		/* a number or bool, or a field: string, address */
	struct lang_node *uncut;		/* of a text: it is shown as it lies in the record; NULL: always */
	const struct word *words;
	bool several;				/* all words that fit, not the first */
};

/* False: only user space knows it. */
bool place_find(struct lang_tree *tree, const struct field *field, u32 kind, struct place *place);

#endif
