/* A condition made simpler for whoever decides it; it means the same. */
#ifndef LANG_JOIN_H
#define LANG_JOIN_H

#include "lang/tree.h"

/* The result lives in the tree, and may share nodes with the condition. */
struct lang_node *lang_join(struct lang_tree *tree, struct lang_node *node);

#endif
