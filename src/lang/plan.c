/*
 * A condition is bounded from both sides by what the kernel can decide: `over` holds wherever the condition does, `under` only
 * where it does. What is not known is bounded by true and false; `not` swaps the two. `over` of the whole is the kernel's
 * part. Where both are the same, the kernel decides alone.
 */
#include "lang/plan.h"

#include <string.h>

#include "base/table.h"
#include "lang/eval.h"
#include "lang/join.h"
#include "lang/place.h"

#ifndef RECORD_ROOM
#define RECORD_ROOM 16384
#endif

struct bounds {
	struct lang_node *over, *under;
	bool known;		/* all of it is, but for texts that were cut */
};

struct planner {
	struct lang_tree *tree;
	u32 kind;
	bool said;		/* keep the fields, to show what is decided */
	struct table *tried;	/* by leaf: what the generator said to it, which takes its time for long lists */
};

static struct lang_node *constant(const struct planner *planner, bool value)
{
	struct lang_node *node = lang_number(planner->tree, value);

	node->type = LANG_BOOL;
	return node;
}

static bool is_constant(const struct lang_node *node, bool value)
{
	return node->op == OP_NUMBER && node->type == LANG_BOOL && !node->number == !value;
}

static struct lang_node *both(const struct planner *planner, struct lang_node *a, struct lang_node *b)
{
	if (!a || is_constant(a, true) || (b && is_constant(b, false)))
		return b;
	if (!b || is_constant(b, true) || is_constant(a, false))
		return a;
	return lang_node(planner->tree, OP_AND, a, b);
}

static struct lang_node *either(const struct planner *planner, struct lang_node *a, struct lang_node *b)
{
	if (is_constant(a, false) || is_constant(b, true))
		return b;
	if (is_constant(b, false) || is_constant(a, true))
		return a;
	return lang_node(planner->tree, OP_OR, a, b);
}

static struct lang_node *opposite(const struct planner *planner, struct lang_node *a)
{
	if (a->op == OP_NUMBER)
		return constant(planner, !a->number);
	return a->op == OP_NOT ? a->left : lang_node(planner->tree, OP_NOT, a, NULL);
}

static struct bounds exactly(struct lang_node *node)
{
	return (struct bounds){ node, node, true };
}

static struct bounds unknown(const struct planner *planner)
{
	return (struct bounds){ constant(planner, true), constant(planner, false), false };
}

/* The comparison with another left side. */
static struct lang_node *of(const struct planner *planner, const struct lang_node *node, struct lang_node *left,
			    struct lang_node *right)
{
	struct lang_node *made = lang_node(planner->tree, node->op, left, right);

	made->is_signed = node->is_signed;
	return made;
}

static bool holds_of(const struct planner *planner, const struct lang_node *node, const char *text)
{
	struct lang_node *left = lang_string(planner->tree, text, strlen(text));

	return node->op == OP_EXISTS || lang_eval_record(of(planner, node, left, node->right), NULL, 0, 0);
}

/* Any of these words: those for which the comparison holds. */
static struct lang_node *word_holds(const struct planner *planner, const struct lang_node *node, const struct place *place)
{
	struct lang_tree *tree = planner->tree;
	struct lang_node *list = lang_list(tree, LANG_NUMBER), *found = constant(planner, false);

	for (const struct word *word = place->words; word->text; word++) {
		struct lang_node *bits = place->value, *wanted = lang_number(tree, word->value);

		if (!holds_of(planner, node, word->text))
			continue;
		if (!word->mask) {
			lang_list_add(tree, list, wanted);
			continue;
		}
		bits = lang_node(tree, OP_BIT_AND, bits, lang_number(tree, word->mask));
		found = either(planner, found, lang_node(tree, OP_EQUAL, bits, wanted));
	}
	if (list->count)
		found = either(planner, found, lang_node(tree, OP_IN, place->value, list));
	return found;
}

static bool is_literal(const struct lang_node *node)
{
	return node->op == OP_NUMBER || node->op == OP_STRING || node->op == OP_ADDRESS || node->op == OP_LIST;
}

static bool is_from_root(const struct lang_node *literal)
{
	return literal->op == OP_STRING && literal->string.length && *literal->string.data == '/';
}

/* Never true of a path that was cut, for that is shown behind a mark (event_mark_cut). */
static bool wants_whole(const struct lang_node *node)
{
	if (node->op != OP_EQUAL && node->op != OP_IN && node->op != OP_STARTS)
		return false;
	if (node->right->op != OP_LIST)
		return is_from_root(node->right);
	for (u32 i = 0; i < node->right->count; i++)
		if (!is_from_root(node->right->items[i]))
			return false;
	return true;
}

/* A comparison of a text, an address or a word. */
static struct bounds plan_text(const struct planner *planner, const struct lang_node *node, const struct place *place)
{
	struct lang_node *made;

	if (node->op != OP_EXISTS && !is_literal(node->right))
		return unknown(planner);
	if (place->shape == PLACED_WORDS)
		return exactly(both(planner, place->present, word_holds(planner, node, place)));
	made = both(planner, place->present, of(planner, node, place->value, node->right));
	if (!place->uncut)
		return exactly(made);
	return (struct bounds){
		.over = planner->kind != KIND_change && wants_whole(node) ? made :
									     either(planner, made, opposite(planner, place->uncut)),
		.under = both(planner, place->uncut, made), .known = true,
	};
}

/* A number's expression over the record's members; what must be there is added to *present. NULL: not known there. */
static struct lang_node *rewrite(const struct planner *planner, struct lang_node *node, struct lang_node **present)
{
	struct lang_node *left, *right = NULL;
	struct place place;

	if (node->op == OP_NUMBER || node->op == OP_LIST)
		return node;
	if (node->op == OP_FIELD) {
		if (!node->symbol->field || node->type != LANG_NUMBER ||
		    !place_find(planner->tree, node->symbol->field, planner->kind, &place) || place.shape != PLACED_NUMBER)
			return NULL;
		*present = both(planner, *present, place.present);
		return place.value;
	}
	left = rewrite(planner, node->left, present);
	if (left && node->right)
		right = rewrite(planner, node->right, present);
	return left && (right || !node->right) ? of(planner, node, left, right) : NULL;
}

/* Does it ask for something that this kind of event never has? */
static bool is_missing(const struct planner *planner, const struct lang_node *node)
{
	if (node->op == OP_FIELD)
		return !(node->symbol->kinds >> planner->kind & 1);
	if (is_literal(node))
		return false;
	return (node->left && is_missing(planner, node->left)) || (node->right && is_missing(planner, node->right));
}

/* A bool by itself, or compared with true or false. */
static struct bounds plan_bool(const struct planner *planner, const struct lang_node *field, const struct place *place,
			       bool wanted)
{
	struct lang_node *value = wanted ? place->value : opposite(planner, place->value);

	if (place->shape != PLACED_NUMBER || !field->symbol->field)
		return unknown(planner);
	return exactly(both(planner, place->present, value));
}

/* NULL: it fits one program. */
static const char *objection(const struct planner *planner, const struct lang_node *node)
{
	struct gen_layout layout = lang_layout(planner->kind);
	struct gen *gen = gen_new();
	const char *why = NULL;
	bool taken = !gen_add_case(gen, 0, &layout, node, &why);

	gen_free(gen);
	return taken ? NULL : why;
}

/* Is it something that the generator takes? */
static struct bounds compiled(const struct planner *planner, const struct lang_node *leaf, struct bounds bounds)
{
	static char taken, refused;
	void *tried = table_get(planner->tried, (uintptr_t)leaf);

	if (!tried) {
		tried = objection(planner, bounds.over) || objection(planner, bounds.under) ? &refused : &taken;
		table_put(planner->tried, (uintptr_t)leaf, tried);
	}
	return tried == &taken ? bounds : unknown(planner);
}

static struct bounds plan_leaf(const struct planner *planner, struct lang_node *node)
{
	struct lang_node *field = node->op == OP_FIELD ? node : node->left, *present = NULL, *made;
	struct place place;
	bool placed;

	if (node->op == OP_NUMBER)
		return exactly(node);
	if (is_missing(planner, node))
		return exactly(constant(planner, false));
	if (field->op == OP_FIELD && !strcmp(field->symbol->name, "kind") && (node->op == OP_EXISTS || is_literal(node->right)))
		return exactly(constant(planner, holds_of(planner, node, kind_name(planner->kind))));
	placed = field->op == OP_FIELD && field->symbol->field &&
		 place_find(planner->tree, field->symbol->field, planner->kind, &place);
	if (placed && field->type == LANG_BOOL && node->op != OP_EXISTS) {
		if (node == field)
			return plan_bool(planner, field, &place, true);
		if (node->right->op == OP_NUMBER)
			return plan_bool(planner, field, &place, !!node->right->number == (node->op == OP_EQUAL));
		return unknown(planner);
	}
	if (placed && place.shape != PLACED_NUMBER)
		return plan_text(planner, node, &place);
	if (placed && node->op == OP_EXISTS)
		return exactly(place.present ? place.present : constant(planner, true));
	if (node->op == OP_EXISTS || field->type != LANG_NUMBER)
		return unknown(planner);
	made = rewrite(planner, node, &present);
	return made ? exactly(both(planner, present, made)) : unknown(planner);
}

/* What is true or false whatever is not known is known. */
static struct bounds joined(struct lang_node *over, struct lang_node *under, bool known)
{
	return (struct bounds){ over, under, known || is_constant(over, false) || is_constant(under, true) };
}

static struct bounds plan(const struct planner *planner, struct lang_node *node)
{
	struct bounds a, b;

	switch (node->op) {
	case OP_AND:
		a = plan(planner, node->left);
		b = plan(planner, node->right);
		return joined(both(planner, a.over, b.over), both(planner, a.under, b.under), a.known && b.known);
	case OP_OR:
		a = plan(planner, node->left);
		b = plan(planner, node->right);
		return joined(either(planner, a.over, b.over), either(planner, a.under, b.under), a.known && b.known);
	case OP_NOT:
		a = plan(planner, node->left);
		return (struct bounds){ opposite(planner, a.under), opposite(planner, a.over), a.known };
	default:
		a = plan_leaf(planner, node);
		if (a.over->op != OP_NUMBER || a.under->op != OP_NUMBER)
			a = compiled(planner, node, a);
		if (planner->said && a.over->op != OP_NUMBER)
			a.over = node;
		if (planner->said && a.under->op != OP_NUMBER)
			a.under = node;
		return a;
	}
}

/* The parts of a chain of `and` that the kernel does not decide alone. */
static struct lang_node *rest(const struct planner *planner, struct lang_node *node)
{
	struct lang_node *left, *right;

	if (node->op != OP_AND)
		return plan(planner, node).known ? NULL : node;
	left = rest(planner, node->left);
	right = rest(planner, node->right);
	return left && right ? lang_node(planner->tree, OP_AND, left, right) : left ? left : right;
}

u32 lang_known_in_kernel(const struct field *field)
{
	struct lang_tree *tree = lang_tree_new();
	u32 known = 0;

	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		struct place place = { .shape = PLACED_NUMBER };

		if (LANG_FILTERED >> kind & 1 && field->kinds >> kind & 1 &&
		    (!strcmp(field->name, "kind") || place_find(tree, field, kind, &place)) &&
		    (place.shape != PLACED_TEXT || lang_layout(kind).strings))
			known |= 1U << kind;
	}
	lang_tree_free(tree);
	return known;
}

struct gen_layout lang_layout(u32 kind)
{
	struct event_shape shape = event_shape(kind);
	bool in_memory = (KIND_BIT(open) | KIND_BIT(change) | KIND_BIT(connect)) >> kind & 1;	/* others are put together on the stack */

	return (struct gen_layout){ .room = in_memory ? RECORD_ROOM : shape.fixed, .fixed = shape.fixed,
				    .strings = in_memory ? shape.strings : 0 };
}

static struct lang_node *over(struct planner *planner, struct lang_node *node, bool said)
{
	planner->said = said;
	return plan(planner, node).over;
}

#define TERMS_MAX 32	/* each that is tried is compiled */

/* Of a chain of `and` as much as fits one program together, in order; the rest is user space's. NULL: nothing. */
static struct lang_node *fitting(struct planner *planner, struct lang_node *taken, struct lang_node *node, u32 *terms)
{
	struct lang_node *more;

	if (node->op == OP_AND)
		return fitting(planner, fitting(planner, taken, node->left, terms), node->right, terms);
	if ((*terms)++ >= TERMS_MAX || is_constant(over(planner, node, false), true))
		return taken;
	more = taken ? lang_node(planner->tree, OP_AND, taken, node) : node;
	return objection(planner, over(planner, more, false)) ? taken : more;
}

struct lang_part lang_plan(struct lang_tree *tree, const struct lang_node *condition, u32 kind)
{
	struct table tried = { 0 };
	struct planner planner = { .tree = tree, .kind = kind, .tried = &tried };
	struct lang_node *whole = lang_join(tree, (struct lang_node *)condition), *taken = whole;
	struct lang_part part = { .rest = whole };
	struct lang_node *bound;
	u32 terms = 0;

	if (!(LANG_FILTERED >> kind & 1))
		return part;
	bound = over(&planner, whole, false);
	part.nothing_passes = is_constant(bound, false);
	if (!part.nothing_passes && !is_constant(bound, true))
		part.why = objection(&planner, bound);
	if (part.why) {
		taken = fitting(&planner, NULL, whole, &terms);
		bound = taken ? over(&planner, taken, false) : constant(&planner, true);
	} else {
		part.rest = part.nothing_passes ? NULL : rest(&planner, whole);
	}
	if (!part.nothing_passes && !is_constant(bound, true)) {
		part.kernel = bound;
		part.kernel_said = over(&planner, taken, true);
	}
	table_free(&tried);
	return part;
}
