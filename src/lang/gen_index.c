/*
 * Cases that ask the same field for this or that value are looked up together: one lookup of the value gives the cases that it may
 * be, and only what else these ask is looked at: of one case, the rest of its condition; of several, all of each. Of a case with
 * `or` at its top, each side may be found so.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "lang/gen_inside.h"

#define LEAST 8			/* so few literals are compared one after the other */
#define MAYBE (1U << 30)	/* beside the number of a case that holds at once: others may, ask them */
#define ONE (1U << 31)		/* beside the place of a side: it alone may hold, ask the rest of it */

enum way { BY_TEXT, BY_PREFIX, BY_NUMBER, BY_ADDRESS, WAYS };

/* One side of a case: `key` decides whether it can hold. */
struct side {
	const struct gen_case *of;
	const struct lang_node *condition;
	const struct lang_node *key;		/* NULL: none that can be looked up */
	enum way way;
	bool whole;				/* nothing else is asked */
	bool done;
	bool one;				/* an entry leads to it alone */
	bool shared;				/* an entry leads to it and to others */
};

/* What is looked up, and what is found. */
struct entry {
	u8 bytes[16];		/* of a number or an address */
	const u8 *text;		/* NULL: those */
	u32 bits;
	u32 family;
	u32 value;
	const struct lang_node *literal;
};

static bool has_literals(const struct lang_node *node, enum lang_op op)
{
	return node->right && (node->right->op == op || (node->right->op == OP_LIST && node->right->count));
}

/* How the comparison may be looked up; WAYS: not. */
static enum way way_of(const struct lang_node *node)
{
	const struct lang_symbol *symbol = node->left && node->left->op == OP_FIELD ? node->left->symbol : NULL;
	bool equal = node->op == OP_EQUAL || node->op == OP_IN;

	if (!symbol)
		return WAYS;
	if (symbol->place == PLACE_STRING && equal && has_literals(node, OP_STRING))
		return BY_TEXT;
	if (symbol->place == PLACE_STRING && node->op == OP_STARTS && has_literals(node, OP_STRING))
		return BY_PREFIX;
	if (symbol->place == PLACE_NUMBER && symbol->type == LANG_NUMBER && equal && has_literals(node, OP_NUMBER))
		return BY_NUMBER;
	if (symbol->place == PLACE_ADDRESS && equal && has_literals(node, OP_ADDRESS))
		return BY_ADDRESS;
	return WAYS;
}

/* The best of the comparisons that must all be true. */
static void find_key(struct side *side, const struct lang_node *node)
{
	enum way way;

	if (node->op == OP_AND) {
		find_key(side, node->left);
		find_key(side, node->right);
		return;
	}
	way = way_of(node);
	if (way < side->way) {
		side->way = way;
		side->key = node;
	}
}

static u32 add_sides(struct side *sides, const struct gen_case *of, const struct lang_node *node)
{
	u32 count;

	if (node && node->op == OP_OR) {
		count = add_sides(sides, of, node->left);
		return count + add_sides(sides + count, of, node->right);
	}
	*sides = (struct side){ .of = of, .condition = node, .way = WAYS };
	if (node)
		find_key(sides, node);
	sides->whole = sides->key == node;
	return 1;
}

static u32 count_sides(const struct lang_node *node)
{
	return node && node->op == OP_OR ? count_sides(node->left) + count_sides(node->right) : 1;
}

static u32 count_literals(const struct lang_node *key)
{
	return key->right->op == OP_LIST ? key->right->count : 1;
}

/* Each policy has a tree of its own, with symbols of its own. */
static bool same_place(const struct lang_symbol *a, const struct lang_symbol *b)
{
	return a == b || (a->type == b->type && a->is_signed == b->is_signed && a->place == b->place && a->offset == b->offset &&
			  a->width == b->width && a->string == b->string && a->present == b->present &&
			  a->present_mask == b->present_mask);
}

static bool alike(const struct side *a, const struct side *b)
{
	return a->way == b->way && a->key && b->key && same_place(a->key->left->symbol, b->key->left->symbol) &&
	       a->of->layout.fixed == b->of->layout.fixed && a->of->layout.room == b->of->layout.room;
}

static void make_entry(struct entry *entry, const struct side *sides, const struct side *side, const struct lang_node *literal)
{
	*entry = (struct entry){ .literal = literal, .value = side->whole ? side->of->number : ONE | (side - sides) };
	switch (side->way) {
	case BY_NUMBER:
		memcpy(entry->bytes, &literal->number, sizeof(literal->number));
		entry->bits = 64;
		break;
	case BY_ADDRESS:
		entry->bits = literal->address.bits;
		entry->family = literal->address.family;
		for (u32 i = 0; i < 16 && 8 * i < entry->bits; i++)
			entry->bytes[i] = literal->address.bytes[i] &
					  (entry->bits >= 8 * (i + 1) ? 0xff : 0xff00 >> (entry->bits & 7));
		break;
	default:
		entry->text = (const u8 *)literal->string.data;
		entry->bits = 8 * literal->string.length;
	}
}

static const u8 *bytes_of(const struct entry *entry)
{
	return entry->text ? entry->text : entry->bytes;
}

/* What lies within another stands behind it. */
static int by_bytes(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	u32 bits = a->bits < b->bits ? a->bits : b->bits;
	int order = 0;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(bytes_of(a), bytes_of(b), (bits + 7) / 8);
	if (order)
		return order;
	return a->bits < b->bits ? -1 : a->bits > b->bits;
}

static bool is_within(const struct entry *inner, const struct entry *outer)
{
	u32 whole = outer->bits / 8, rest = outer->bits % 8;

	if (inner->family != outer->family || inner->bits < outer->bits || memcmp(bytes_of(inner), bytes_of(outer), whole))
		return false;
	return !rest || !((bytes_of(inner)[whole] ^ bytes_of(outer)[whole]) >> (8 - rest));
}

static u32 not_alone(struct side *sides, u32 value)
{
	if (!(value & ONE))
		return value;
	sides[value & ~ONE].shared = true;
	return MAYBE | NO_CASE;
}

/* The lesser case, and what else may be. */
static u32 joined(struct side *sides, u32 a, u32 b)
{
	u32 left, right;

	if (a == b)
		return a;
	a = not_alone(sides, a);
	b = not_alone(sides, b);
	left = a & ~MAYBE;
	right = b & ~MAYBE;
	return (left < right ? left : right) | ((a | b) & MAYBE);
}

/* Of equal ones the first gets the value of all; of nested ones each gets those around it. */
static void fold(struct entry *entries, u32 count, bool nested, struct side *sides)
{
	u32 *around = xcalloc(count + 1, sizeof(*around)), depth = 0;

	for (u32 i = 0; i < count; i++) {
		while (depth && !is_within(&entries[i], &entries[around[depth - 1]]))
			depth--;
		if (depth && (nested || entries[i].bits == entries[around[depth - 1]].bits))
			entries[i].value = joined(sides, entries[i].value, entries[around[depth - 1]].value);
		around[depth++] = i;
	}
	for (u32 i = 0; i < count; i++)
		if (entries[i].value & ONE)
			sides[entries[i].value & ~ONE].one = true;
	free(around);
}

/* The last of equal ones has the value of all, and it stays. */
static void add_entries(struct gen *gen, enum way way, u32 set, const struct entry *entries, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		switch (way) {
		case BY_TEXT:
			gen_set_add_text(gen, set, entries[i].literal->string, entries[i].value);
			break;
		case BY_PREFIX:
			if (!gen_trie_add(gen, set, entries[i].literal->string, entries[i].value))
				gen_refuse(gen, "a beginning of more than 256 bytes is too long for a list");
			break;
		case BY_NUMBER:
			gen_set_add_number(gen, set, entries[i].literal->number, entries[i].value);
			break;
		default:
			gen_set_add_block(gen, set, &entries[i].literal->address, entries[i].value);
		}
	}
}

static void look_up(struct gen *gen, const struct side *first, u32 set, int none)
{
	const struct lang_symbol *symbol = first->key->left->symbol;

	switch (first->way) {
	case BY_TEXT:
		gen_text_view(gen, symbol, none);
		gen_lookup_text(gen, set, none);
		break;
	case BY_PREFIX:
		gen_text_view(gen, symbol, none);
		gen_lookup_prefix(gen, set, symbol->string, none);
		break;
	case BY_NUMBER:
		gen_number_field(gen, symbol, none);
		gen_lookup_number(gen, set, none);
		break;
	default:
		gen_address_present(gen, symbol, none);
		gen_lookup_address(gen, set, symbol, none);
	}
}

/* BEST becomes r0 if that is less; clobbers r1. The verifier must not know the number, or it would follow each by itself. */
static void keep_best(struct gen *gen)
{
	int worse = code_label(gen->code);

	code_jump_if(gen->code, BPF_JGE, BPF_REG_0, BEST, worse);
	code_move(gen->code, BEST, BPF_REG_0);
	code_place(gen->code, worse);
}

/* As keep_best, of a number that the verifier knows: it does not know what lies at INDEX_AT, so not the number either after this. */
static void keep_known(struct gen *gen)
{
	struct code *code = gen->code;

	code_load(code, BPF_DW, BPF_REG_1, FRAME, INDEX_AT);
	code_do(code, BPF_XOR, BPF_REG_0, BPF_REG_1);
	code_do(code, BPF_XOR, BPF_REG_0, BPF_REG_1);
	keep_best(gen);
}

/* Jumps unless all of the condition holds but for the key, which does: the key stands below nothing but `and`. */
static void branch_on_rest(struct gen *gen, const struct lang_node *node, const struct lang_node *key, int none)
{
	if (node == key)
		return;
	if (node->op != OP_AND) {
		gen_branch(gen, node, false, none);
		return;
	}
	branch_on_rest(gen, node->left, key, none);
	branch_on_rest(gen, node->right, key, none);
}

/* The place of the side that alone may hold is in r0, which stays as it is until the side is found. */
static void ask_one(struct gen *gen, const struct side *sides, u32 count, const struct side *first, int none)
{
	struct code *code = gen->code;
	int found = code_label(code);

	for (u32 i = 0; i < count; i++) {
		int next = code_label(code);

		if (!sides[i].done || !sides[i].one || !alike(&sides[i], first))
			continue;
		code_jump_if_number(code, BPF_JNE, BPF_REG_0, i, next);
		branch_on_rest(gen, sides[i].condition, sides[i].key, none);
		code_move_number(code, BPF_REG_0, sides[i].of->number);
		code_jump(code, found);
		code_place(code, next);
	}
	code_jump(code, none);
	code_place(code, found);
	keep_known(gen);
	code_jump(code, none);
}

static void ask_others(struct gen *gen, const struct side *sides, u32 count, const struct side *first, int none)
{
	struct code *code = gen->code;

	for (u32 i = 0; i < count; i++) {
		int next = code_label(code);

		if (!sides[i].done || !sides[i].shared || !alike(&sides[i], first))
			continue;
		gen_branch(gen, sides[i].condition, false, next);
		code_move_number(code, BPF_REG_0, sides[i].of->number);
		keep_known(gen);
		code_jump(code, none);
		code_place(code, next);
	}
}

/* One lookup for all sides that are like the first. */
static void make_index(struct gen *gen, struct side *sides, u32 count, const struct side *first)
{
	struct code *code = gen->code;
	int none = code_label(code);
	struct entry *entries = NULL;
	u32 entry_count = 0, room = 0, set;
	bool one = false, others = false;
	int several;

	for (u32 i = 0; i < count; i++) {
		const struct lang_node *key = sides[i].key;

		if (!sides[i].done || !alike(&sides[i], first))
			continue;
		for (u32 j = 0; j < count_literals(key); j++) {
			entries = gen_grow(entries, entry_count, &room, sizeof(*entries));
			make_entry(&entries[entry_count++], sides, &sides[i], key->right->op == OP_LIST ? key->right->items[j] : key->right);
		}
	}
	qsort(entries, entry_count, sizeof(*entries), by_bytes);
	fold(entries, entry_count, first->way == BY_PREFIX || first->way == BY_ADDRESS, sides);
	for (u32 i = 0; i < count; i++) {
		one |= sides[i].done && sides[i].one && alike(&sides[i], first);
		others |= sides[i].done && sides[i].shared && alike(&sides[i], first);
	}
	set = first->way == BY_PREFIX ? gen_trie_new(gen) : gen_set_new(gen);
	add_entries(gen, first->way, set, entries, entry_count);
	free(entries);
	gen->layout = &first->of->layout;
	look_up(gen, first, set, none);
	code_store(code, BPF_DW, FRAME, INDEX_AT, BPF_REG_0);
	several = code_label(code);
	if (one) {
		code_do_number(code, BPF_AND, BPF_REG_0, (s32)ONE);
		code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, several);
		code_load(code, BPF_DW, BPF_REG_0, FRAME, INDEX_AT);
		code_do_number(code, BPF_AND, BPF_REG_0, ~ONE);
		ask_one(gen, sides, count, first, none);
	}
	code_place(code, several);
	if (one)
		code_load(code, BPF_DW, BPF_REG_0, FRAME, INDEX_AT);
	code_do_number(code, BPF_AND, BPF_REG_0, ~MAYBE);
	keep_best(gen);
	if (others) {
		code_load(code, BPF_DW, BPF_REG_0, FRAME, INDEX_AT);
		code_do_number(code, BPF_AND, BPF_REG_0, MAYBE);
		code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, none);
		ask_others(gen, sides, count, first, none);
	}
	code_place(code, none);
}

/* Are there enough literals beside the same field that a lookup is worth it? */
static bool is_worth_it(const struct side *sides, u32 count, const struct side *side)
{
	u32 literals = 0;

	for (u32 i = 0; i < count && literals < LEAST; i++)
		if (alike(&sides[i], side))
			literals += count_literals(sides[i].key);
	return literals >= LEAST;
}

u32 gen_indexes(struct gen *gen, const struct gen_case **cases, u32 count)
{
	u32 side_count = 0, left = 0, at = 0;
	struct side *sides;

	if (count < 2)
		return count;
	for (u32 i = 0; i < count; i++)
		side_count += count_sides(cases[i]->condition);
	sides = xcalloc(side_count, sizeof(*sides));
	for (u32 i = 0; i < count; i++)
		at += add_sides(sides + at, cases[i], cases[i]->condition);
	/* A case is looked up if all its sides can be. */
	for (u32 from = 0, to; from < side_count; from = to) {
		bool all = true;

		for (to = from; to < side_count && sides[to].of == sides[from].of; to++)
			all &= sides[to].key && is_worth_it(sides, side_count, &sides[to]);
		if (!all)
			cases[left++] = sides[from].of;
		for (u32 i = from; i < to; i++)
			sides[i].done = all;
	}
	for (u32 i = 0; i < side_count; i++) {
		bool first = sides[i].done;

		for (u32 j = 0; j < i && first; j++)
			first = !(sides[j].done && alike(&sides[j], &sides[i]));
		if (first)
			make_index(gen, sides, side_count, &sides[i]);
	}
	free(sides);
	return left;
}
