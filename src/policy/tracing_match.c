/*
 * matchArgs and its like: which argument, which operator, whether they go together. A value that could not be read makes every
 * condition on it false, the negated ones too.
 */
#define _GNU_SOURCE

#include "policy/tracing_match.h"

#include <stdio.h>

#define EXPRESSIONS_MOST 64

enum { KEY_INDEX, KEY_ARGS, KEY_OPERATOR, KEY_VALUES, KEYS };

/* What an operator compares. */
enum kind { OF_NUMBERS, OF_STRINGS, OF_ANY, OF_SOCKETS, OF_FILES, OF_SETS, OF_EXPRESSION };

static const struct {
	const char *name;
	enum kind kind;
	bool without_values;
} operators[] = {
	{ "Equal", OF_ANY, false }, { "NotEqual", OF_ANY, false }, { "Prefix", OF_STRINGS, false }, { "NotPrefix", OF_STRINGS, false },
	{ "Postfix", OF_STRINGS, false }, { "NotPostfix", OF_STRINGS, false }, { "SubString", OF_STRINGS, false },
	{ "SubStringIgnCase", OF_STRINGS, false }, { "SubStringIgnoreCase", OF_STRINGS, false }, { "GT", OF_NUMBERS, false },
	{ "GreaterThan", OF_NUMBERS, false }, { "LT", OF_NUMBERS, false }, { "LessThan", OF_NUMBERS, false },
	{ "Mask", OF_NUMBERS, false }, { "InRange", OF_NUMBERS, false }, { "NotInRange", OF_NUMBERS, false },
	{ "InMap", OF_NUMBERS, false }, { "NotInMap", OF_NUMBERS, false }, { "SAddr", OF_SOCKETS, false },
	{ "NotSAddr", OF_SOCKETS, false }, { "DAddr", OF_SOCKETS, false }, { "NotDAddr", OF_SOCKETS, false },
	{ "SPort", OF_SOCKETS, false }, { "NotSPort", OF_SOCKETS, false }, { "DPort", OF_SOCKETS, false },
	{ "NotDPort", OF_SOCKETS, false }, { "SPortPriv", OF_SOCKETS, true }, { "NotSPortPriv", OF_SOCKETS, true },
	{ "NotSportPriv", OF_SOCKETS, true }, { "DPortPriv", OF_SOCKETS, true }, { "NotDPortPriv", OF_SOCKETS, true },
	{ "Protocol", OF_SOCKETS, false }, { "Family", OF_SOCKETS, false }, { "State", OF_SOCKETS, false },
	{ "FileType", OF_FILES, false }, { "NotFileType", OF_FILES, false }, { "CapabilitiesGained", OF_SETS, true },
	{ "CelExpr", OF_EXPRESSION, false },
};

#define OPERATORS (sizeof(operators) / sizeof(*operators))

static int read_operator(struct match *match, const yaml_node_t *node, size_t *which)
{
	const char *words[OPERATORS + 1];
	int found;

	if (!node) {
		wrong(match->tracing, match->node, "it does not say how to compare");
		return mend(match->tracing, "operator: Equal");
	}
	for (size_t i = 0; i < OPERATORS; i++)
		words[i] = operators[i].name;
	words[OPERATORS] = NULL;
	found = tracing_word(match->tracing, node, "operator", words);
	if (found < 0)
		return mend(match->tracing, "Equal, Prefix, Mask, InRange and others: see docs/policies.md");
	*which = found;
	match->operator= operators[found].name;
	return 0;
}

static struct policy_argument *argument_at(const struct match *match, u32 at)
{
	struct policy_hook *hook = match->tracing->hook;

	return match->of == OF_ARGUMENTS ? &hook->arguments[at] : match->of == OF_DATA ? &hook->data[at] : &hook->result;
}

static u32 argument_count(const struct match *match)
{
	const struct policy_hook *hook = match->tracing->hook;

	return match->of == OF_ARGUMENTS ? hook->argument_count : match->of == OF_DATA ? hook->data_count : 1;
}

/* `index` is a parameter; of a tracepoint it may also be the place in args, where no field has that number. */
static int find_index(struct match *match, const yaml_node_t *node)
{
	struct tracing *tracing = match->tracing;
	bool by_place = match->of == OF_DATA, found = false;
	s64 index;

	if (tracing_number(tracing, node, "index", 0, 63, &index))
		return -1;
	for (u32 i = 0; !by_place && i < argument_count(match); i++) {
		if (argument_at(match, i)->index != index)
			continue;
		if (found) {
			note(tracing, node, "several args have the index %lld, the first is meant: \"args: [%u]\" would say which",
			     (long long)index, match->at);
			return 0;
		}
		match->at = i;
		found = true;
	}
	if (!found && (by_place || tracing->section == IN_TRACEPOINTS) && index < argument_count(match)) {
		match->at = index;
		return 0;
	}
	if (found)
		return 0;
	wrong(tracing, node, "%s has no value with the index %lld", match->of == OF_DATA ? "data" : match->of == OF_RESULT ? "returnArg" :
	      "args", (long long)index);
	return mend(tracing, match->of == OF_ARGUMENTS ? "add - {index: %lld, type: ...} to args" : "index: 0", (long long)index);
}

/* Positions in args. */
static int find_places(struct match *match, const yaml_node_t *node, u32 *places, u32 wanted)
{
	struct tracing *tracing = match->tracing;
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "args", "- 0", &count);
	s64 place;

	if (!items)
		return -1;
	if (count != wanted) {
		wrong(tracing, node, "%s compares %u argument%s, and here are %u", match->operator, wanted, wanted == 1 ? "" : "s", count);
		return mend(tracing, wanted == 1 ? "args: [0]" : "args: [0, 1]");
	}
	for (u32 i = 0; i < count; i++) {
		if (tracing_number(tracing, document_at(&tracing->document, items[i]), "a position in args", 0,
				   (s64)argument_count(match) - 1, &place))
			return -1;
		places[i] = place;
	}
	return 0;
}

static int find_argument(struct match *match, const yaml_node_t *const *found)
{
	struct tracing *tracing = match->tracing;
	char name[16];

	if (!argument_count(match)) {
		wrong(tracing, match->node, "the hook reads no such values");
		return mend(tracing, match->of == OF_DATA ? "data: in the hook" : "args: in the hook");
	}
	if (found[KEY_ARGS]) {
		if (find_places(match, found[KEY_ARGS], &match->at, 1))
			return -1;
	} else if (found[KEY_INDEX]) {
		if (find_index(match, found[KEY_INDEX]))
			return -1;
	} else if (argument_count(match) > 1) {
		wrong(tracing, match->node, "which argument is compared is not said");
		return mend(tracing, "index: 0");
	}
	match->argument = argument_at(match, match->at);
	snprintf(name, sizeof(name), match->of == OF_RESULT ? "the result" : match->of == OF_DATA ? "data%u" : "arg%u", match->at);
	match->name = tracing_copy(tracing, name, strlen(name));
	return 0;
}

/* What the kernel's types are to say follows for now from what it is compared with; policy_resolve holds both against each other. */
static int assume_type(struct match *match, enum kind kind)
{
	const yaml_node_t *node;
	const char *text = match->count ? match_text(match, 0, &node) : NULL;
	enum policy_type type = TYPE_int64;
	bool negative;
	u64 number;

	if (match->argument->type != TYPE_auto)
		return 0;
	if (match->count && !text)
		return -1;
	if (kind == OF_SOCKETS)
		type = TYPE_sock;
	else if (kind == OF_FILES)
		type = TYPE_file;
	else if (kind == OF_STRINGS || (kind == OF_ANY && text && !tracing_parse_number(text, &number, &negative)))
		type = TYPE_string;
	match->argument->type = type;
	match->argument->assumed = true;
	return 0;
}

static int read_values(struct match *match, const yaml_node_t *node, size_t which)
{
	struct tracing *tracing = match->tracing;

	if (!node && operators[which].without_values)
		return 0;
	if (!node) {
		wrong(tracing, match->node, "%s has no values", match->operator);
		return mend(tracing, "values: [...]");
	}
	match->items = tracing_items(tracing, node, "values", "- \"/etc/\"", &match->count);
	if (!match->items)
		return -1;
	if (operators[which].without_values && match->count) {
		wrong(tracing, node, "%s has no values", match->operator);
		return mend(tracing, "leave values out");
	}
	if (!operators[which].without_values && !match->count) {
		wrong(tracing, node, "%s has no values", match->operator);
		return mend(tracing, "values: [...]");
	}
	return 0;
}

/* CapabilitiesGained: the new set has bits that the old one lacks. */
static int read_gained(struct match *match, const yaml_node_t *const *found, struct lang_node **condition)
{
	struct tracing *tracing = match->tracing;
	struct lang_tree *tree = tracing->tree;
	struct lang_node *old, *new;
	u32 places[2];

	if (!found[KEY_ARGS]) {
		wrong(tracing, match->node, "CapabilitiesGained compares two sets");
		return mend(tracing, "args: [OLD, NEW], positions in args");
	}
	if (find_places(match, found[KEY_ARGS], places, 2))
		return -1;
	for (int i = 0; i < 2; i++) {
		enum policy_type type = argument_at(match, places[i])->type;

		if (type != TYPE_kernel_cap_t && (type < TYPE_cap_inheritable || type > TYPE_cap_effective)) {
			wrong(tracing, found[KEY_ARGS], "argument %u is %s, no set of capabilities", places[i], policy_type_name(type));
			return mend(tracing, "type: kernel_cap_t");
		}
	}
	old = lang_field(tree, tracing_symbol(tracing, match->of, places[0], PART_NUMBER));
	new = lang_field(tree, tracing_symbol(tracing, match->of, places[1], PART_NUMBER));
	*condition = lang_node(tree, OP_UNEQUAL, lang_node(tree, OP_BIT_AND, new, lang_node(tree, OP_BIT_NOT, old, NULL)),
			       lang_number(tree, 0));
	return 0;
}

static int read_expressions(struct match *match, struct lang_node **condition)
{
	if (match->count > EXPRESSIONS_MOST)
		return wrong(match->tracing, match->node, "there are more than %d expressions", EXPRESSIONS_MOST);
	for (u32 i = 0; i < match->count; i++) {
		struct lang_node *one = NULL;

		if (tracing_read_cel(match->tracing, document_at(&match->tracing->document, match->items[i]), &one))
			return -1;
		*condition = tracing_either(match->tracing, *condition, one);
	}
	return 0;
}

static bool goes_with(enum kind kind, enum policy_type type)
{
	enum policy_shape shape = policy_type_shape(type);
	bool text = shape == SHAPE_TEXT || shape == SHAPE_PATH, number = shape == SHAPE_NUMBER && type != TYPE_nop;

	return kind == OF_ANY ? text || number : kind == OF_STRINGS ? text : kind == OF_NUMBERS ? number :
	       kind == OF_FILES ? shape == SHAPE_PATH : shape == SHAPE_SOCKET || type == TYPE_sockaddr_un;
}

static int wrong_operator(struct match *match, const yaml_node_t *node)
{
	static const char *const fitting[] = {
		[SHAPE_NUMBER] = "Equal, NotEqual, GT, LT, Mask, InRange, NotInRange, InMap, NotInMap, CelExpr",
		[SHAPE_TEXT] = "Equal, NotEqual, Prefix, NotPrefix, Postfix, NotPostfix, SubString, SubStringIgnCase",
		[SHAPE_PATH] = "Equal, NotEqual, Prefix, NotPrefix, Postfix, NotPostfix, SubString, SubStringIgnCase, FileType, NotFileType",
		[SHAPE_SOCKET] = "SAddr, DAddr, SPort, DPort, SPortPriv, DPortPriv, each with Not; Protocol, Family, State",
		[SHAPE_CREDENTIALS] = "none; take single members: data with source: current_task, resolve: cred.uid.val",
		[SHAPE_OBJECT] = "none; take single members with resolve",
	};
	enum policy_type type = match->argument->type;

	wrong(match->tracing, node, "%s does not go with %s, which is %s", match->operator, match->name, policy_type_name(type));
	return mend(match->tracing, "what goes with it: %s", type == TYPE_nop ? "nothing, it is not read" : fitting[policy_type_shape(type)]);
}

int tracing_read_match(struct tracing *tracing, const yaml_node_t *node, enum tracing_values of, struct lang_node **condition)
{
	static const char *const keys[] = { "index", "args", "operator", "values", NULL };
	const yaml_node_t *found[KEYS] = { 0 };
	struct match match = { .tracing = tracing, .node = node, .of = of };
	enum kind kind;
	size_t which = 0;

	if (tracing_mapping(tracing, node, of == OF_ARGUMENTS ? "matchArgs" : of == OF_DATA ? "matchData" : "matchReturnArgs",
			    "{index: 0, operator: Equal, values: [\"1\"]}", keys, found) ||
	    read_operator(&match, found[KEY_OPERATOR], &which) || read_values(&match, found[KEY_VALUES], which))
		return -1;
	kind = operators[which].kind;
	if (kind == OF_SETS)
		return read_gained(&match, found, condition);
	if (kind == OF_EXPRESSION)
		return read_expressions(&match, condition);
	if (find_argument(&match, found) || assume_type(&match, kind))
		return -1;
	match.type = match.argument->type;
	if (!goes_with(kind, match.type))
		return wrong_operator(&match, found[KEY_OPERATOR]);
	if (kind == OF_ANY)
		kind = policy_type_shape(match.type) == SHAPE_NUMBER ? OF_NUMBERS : OF_STRINGS;
	*condition = kind == OF_NUMBERS ? match_numbers(&match) : kind == OF_STRINGS ? match_strings(&match) :
		     kind == OF_FILES ? match_file_type(&match) : match_sockets(&match);
	return *condition ? 0 : -1;
}
