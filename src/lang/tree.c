#include "lang/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK 4096

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

struct lang_tree {
	struct chunk *chunks;		/* the one that is filled, first */
};

struct lang_tree *lang_tree_new(void)
{
	return xcalloc(1, sizeof(struct lang_tree));
}

void lang_tree_free(struct lang_tree *tree)
{
	if (!tree)
		return;
	for (struct chunk *next, *chunk = tree->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(tree);
}

void *lang_tree_get(struct lang_tree *tree, size_t size)
{
	struct chunk *chunk = tree->chunks;
	void *memory;

	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;

		chunk = xcalloc(1, sizeof(*chunk) + room);
		chunk->size = room;
		chunk->next = tree->chunks;
		tree->chunks = chunk;
	}
	memory = chunk->bytes + chunk->used;
	chunk->used += size;
	return memory;
}

static struct lang_node *make(struct lang_tree *tree, enum lang_op op, enum lang_type type)
{
	struct lang_node *node = lang_tree_get(tree, sizeof(*node));

	node->op = op;
	node->type = type;
	return node;
}

struct lang_node *lang_number(struct lang_tree *tree, u64 number)
{
	struct lang_node *node = make(tree, OP_NUMBER, LANG_NUMBER);

	node->number = number;
	return node;
}

struct lang_node *lang_string(struct lang_tree *tree, const char *bytes, size_t length)
{
	struct lang_node *node = make(tree, OP_STRING, LANG_STRING);
	char *copy = lang_tree_get(tree, length + 1);

	memcpy(copy, bytes, length);
	node->string = (struct bytes){ .data = copy, .length = length, .full = length };
	return node;
}

struct lang_node *lang_list(struct lang_tree *tree, enum lang_type type)
{
	return make(tree, OP_LIST, type);
}

/* There is room up to the next power of two. */
void lang_list_add(struct lang_tree *tree, struct lang_node *list, struct lang_node *item)
{
	if (!(list->count & (list->count - 1))) {
		struct lang_node **items = lang_tree_get(tree, (list->count ? 2 * list->count : 1) * sizeof(*items));

		if (list->count)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
	}
	list->items[list->count++] = item;
}

struct lang_node *lang_field(struct lang_tree *tree, const struct lang_symbol *symbol)
{
	struct lang_node *node = make(tree, OP_FIELD, symbol->type);

	node->symbol = symbol;
	node->is_signed = symbol->is_signed;
	return node;
}

struct lang_node *lang_node(struct lang_tree *tree, enum lang_op op, struct lang_node *left, struct lang_node *right)
{
	struct lang_node *node = make(tree, op, op >= OP_ADD ? LANG_NUMBER : LANG_BOOL);

	node->left = left;
	node->right = right;
	switch (op) {
	case OP_SUBTRACT:
	case OP_NEGATE:
		node->is_signed = true;
		break;
	case OP_SHIFT_LEFT:
	case OP_SHIFT_RIGHT:
		node->is_signed = left->is_signed;
		break;
	default:
		node->is_signed = (left && left->is_signed) || (right && right->is_signed);
	}
	return node;
}
