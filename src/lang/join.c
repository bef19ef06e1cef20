/*
 * People write `path == "a" or path == "b"` as often as a list, and programs write a thousand of them. Alternatives that compare one
 * field in one way become one comparison with a list, which is looked up, or walked through, once.
 */
#include "lang/join.h"

#include <stdlib.h>

#include "base/alloc.h"

struct alternatives {
	struct lang_node **items;
	u32 count, room;
};

/* The comparison that one with a list of its literals is; OP_OR: there is none. */
static enum lang_op of_list(const struct lang_node *node)
{
	if (!node->left || node->left->op != OP_FIELD || node->left->type == LANG_BOOL || !node->right ||
	    (node->right->op != OP_LIST && node->right->op != OP_STRING && node->right->op != OP_NUMBER &&
	     node->right->op != OP_ADDRESS))
		return OP_OR;
	switch (node->op) {
	case OP_EQUAL:
	case OP_IN:
		return OP_IN;
	case OP_LIKE:
	case OP_STARTS:
	case OP_ENDS:
	case OP_CONTAINS:
		return node->op;
	default:
		return OP_OR;
	}
}

static void add_literals(struct lang_tree *tree, struct lang_node *list, struct lang_node *right)
{
	if (right->op != OP_LIST)
		lang_list_add(tree, list, right);
	else
		for (u32 i = 0; i < right->count; i++)
			lang_list_add(tree, list, right->items[i]);
}

static void collect(struct lang_tree *tree, struct lang_node *node, struct alternatives *found)
{
	if (node->op == OP_OR) {
		collect(tree, node->left, found);
		collect(tree, node->right, found);
		return;
	}
	if (found->count == found->room) {
		found->room = found->room ? 2 * found->room : 8;
		found->items = xrealloc(found->items, found->room, sizeof(*found->items));
	}
	found->items[found->count++] = lang_join(tree, node);
}

/* Of all that are like the first. Those that are taken are no more. */
static struct lang_node *with_list(struct lang_tree *tree, struct lang_node **items, u32 count)
{
	struct lang_node *first = items[0], *list = NULL, *made;
	enum lang_op op = of_list(first);

	for (u32 i = 1; i < count && op != OP_OR; i++) {
		if (!items[i] || of_list(items[i]) != op || items[i]->left->symbol != first->left->symbol)
			continue;
		if (!list) {
			list = lang_list(tree, first->right->type);
			add_literals(tree, list, first->right);
		}
		add_literals(tree, list, items[i]->right);
		items[i] = NULL;
	}
	if (!list)
		return first;
	made = lang_node(tree, op, first->left, list);
	made->at = first->at;
	made->length = first->length;
	return made;
}

static struct lang_node *join_alternatives(struct lang_tree *tree, struct lang_node *node)
{
	struct alternatives found = { 0 };
	struct lang_node *joined = NULL;

	collect(tree, node, &found);
	for (u32 i = 0; i < found.count; i++) {
		struct lang_node *made;

		if (!found.items[i])
			continue;
		made = with_list(tree, found.items + i, found.count - i);
		joined = joined ? lang_node(tree, OP_OR, joined, made) : made;
	}
	free(found.items);
	return joined;
}

struct lang_node *lang_join(struct lang_tree *tree, struct lang_node *node)
{
	struct lang_node *copy;

	if (node->op == OP_OR)
		return join_alternatives(tree, node);
	if (node->op != OP_AND && node->op != OP_NOT)
		return node;
	copy = lang_tree_get(tree, sizeof(*copy));
	*copy = *node;
	copy->left = lang_join(tree, node->left);
	copy->right = node->right ? lang_join(tree, node->right) : NULL;
	return copy;
}
