/*
 * CelExpr: the part of CEL that compares integers. argN is the value at position N of args; both sides of an operator have one
 * type, which a number without a type takes from the other side. It becomes a tree like every other condition.
 */
#include <ctype.h>
#include <stdlib.h>

#include "policy/tracing.h"

#define DEPTH_MOST 32

enum cel_type { CEL_BOOL, CEL_INT32, CEL_UINT32, CEL_INT64, CEL_UINT64, CEL_LITERAL };

struct cel_value {
	struct lang_node *node;
	enum cel_type type;
};

struct cel {
	struct tracing *tracing;
	const yaml_node_t *yaml;
	const char *text, *at;
	unsigned int depth;
};

static const char *const type_names[] = { "bool", "int32", "uint32", "int64", "uint64", "a number" };

static const struct cel_value no_value;

static struct cel_value either(struct cel *cel);

static struct cel_value fail(struct cel *cel, const char *at, const char *what, const char *how)
{
	wrong(cel->tracing, cel->yaml, "%s, at \"%s\"", what, *at ? at : "the end");
	mend(cel->tracing, "%s", how);
	return no_value;
}

static bool take(struct cel *cel, const char *token)
{
	size_t length = strlen(token);

	cel->at += strspn(cel->at, " \t\n");
	if (strncmp(cel->at, token, length))
		return false;
	cel->at += length;
	return true;
}

/* 32-bit results wrap as they do in 32 bits. */
static struct lang_node *narrow(struct cel *cel, struct lang_node *node, enum cel_type type)
{
	struct lang_tree *tree = cel->tracing->tree;

	if (type == CEL_UINT32)
		return lang_node(tree, OP_BIT_AND, node, lang_number(tree, 0xffffffff));
	if (type != CEL_INT32)
		return node;
	/* Bits 32 up become those of bit 31: (x & 0xffffffff ^ 0x80000000) - 0x80000000, a difference, so signed. */
	node = lang_node(tree, OP_BIT_AND, node, lang_number(tree, 0xffffffff));
	node = lang_node(tree, OP_BIT_XOR, node, lang_number(tree, 0x80000000));
	return lang_node(tree, OP_SUBTRACT, node, lang_number(tree, 0x80000000));
}

static bool agree(struct cel *cel, const char *at, struct cel_value *left, struct cel_value *right)
{
	if (left->type == CEL_LITERAL && right->type != CEL_BOOL)
		left->type = right->type;
	if (right->type == CEL_LITERAL && left->type != CEL_BOOL)
		right->type = left->type;
	if (left->type == right->type)
		return true;
	wrong(cel->tracing, cel->yaml, "%s and %s stand on two sides of \"%s\"", type_names[left->type], type_names[right->type], at);
	mend(cel->tracing, "both sides have one type: int32(), uint32(), int64() and uint64() change it");
	return false;
}

static struct cel_value number(struct cel *cel)
{
	const char *start = cel->at;
	size_t length = strspn(start, "0123456789abcdefABCDEFxX");
	const char *text = tracing_copy(cel->tracing, start, length);
	bool negative, is_unsigned = start[length] == 'u' || start[length] == 'U';
	u64 value;

	if (!tracing_parse_number(text, &value, &negative) || isalnum((unsigned char)start[length + is_unsigned]))
		return fail(cel, start, "this is no number", "12, 0xc or 12u");
	cel->at = start + length + is_unsigned;
	return (struct cel_value){ lang_number(cel->tracing->tree, value), CEL_LITERAL };
}

static struct cel_value argument(struct cel *cel, const char *start, const char *word)
{
	const struct policy_hook *hook = cel->tracing->hook;
	char *end;
	unsigned long at = strtoul(word + 3, &end, 10);
	enum policy_type type;
	bool is_signed;
	unsigned int bits;

	if (!isdigit((unsigned char)word[3]) || *end || at >= hook->argument_count)
		return fail(cel, start, "there is no such argument", "arg0 is the first of args");
	type = hook->arguments[at].type;
	bits = policy_type_bits(type, &is_signed);
	if (bits < 32 || type == TYPE_auto) {
		wrong(cel->tracing, cel->yaml, "%s is %s, and CelExpr takes integers of 32 and 64 bits", word, policy_type_name(type));
		mend(cel->tracing, "type: int, uint32, int64 or uint64");
		return no_value;
	}
	return (struct cel_value){
		lang_field(cel->tracing->tree, tracing_symbol(cel->tracing, OF_ARGUMENTS, at, PART_NUMBER)),
		bits == 32 ? (is_signed ? CEL_INT32 : CEL_UINT32) : is_signed ? CEL_INT64 : CEL_UINT64,
	};
}

/* int32(x), and(x, y), not(x) */
static struct cel_value call(struct cel *cel, const char *start, const char *word)
{
	static const struct {
		const char *name;
		enum cel_type to;
		enum lang_op op;
	} functions[] = {
		{ "int32", CEL_INT32, 0 }, { "uint32", CEL_UINT32, 0 }, { "int64", CEL_INT64, 0 }, { "uint64", CEL_UINT64, 0 },
		{ "int", CEL_INT64, 0 }, { "uint", CEL_UINT64, 0 }, { "not", 0, OP_BIT_NOT }, { "and", 0, OP_BIT_AND },
		{ "or", 0, OP_BIT_OR }, { "xor", 0, OP_BIT_XOR },
	};
	struct lang_tree *tree = cel->tracing->tree;
	struct cel_value left, right = no_value;
	size_t which = 0, count = sizeof(functions) / sizeof(*functions);

	while (which < count && strcmp(functions[which].name, word))
		which++;
	if (which == count)
		return fail(cel, start, "there is no such function", "int32, uint32, int64, uint64, and, or, xor, not");
	left = either(cel);
	if (!left.node)
		return no_value;
	if (functions[which].op && functions[which].op != OP_BIT_NOT) {
		if (!take(cel, ","))
			return fail(cel, cel->at, "a comma and a second number are missing", "and(arg0, 1)");
		right = either(cel);
		if (!right.node || !agree(cel, word, &left, &right))
			return no_value;
	}
	if (!take(cel, ")"))
		return fail(cel, cel->at, "a \")\" is missing", "close what was opened");
	if (left.type == CEL_BOOL)
		return fail(cel, start, "a function of numbers is given a bool", "&&, || and ! are for bools");
	if (!functions[which].op) {
		struct lang_node *node = narrow(cel, left.node, functions[which].to);

		/* A difference is signed, whatever its sides are. */
		if (functions[which].to == CEL_INT64)
			node = lang_node(tree, OP_SUBTRACT, node, lang_number(tree, 0));
		else if (functions[which].to == CEL_UINT64)
			node->is_signed = false;
		return (struct cel_value){ node, functions[which].to };
	}
	return (struct cel_value){ narrow(cel, lang_node(tree, functions[which].op, left.node, right.node), left.type), left.type };
}

static struct cel_value primary(struct cel *cel)
{
	const char *start, *word;
	struct cel_value value;
	size_t length;

	take(cel, "");
	start = cel->at;
	if (take(cel, "(")) {
		value = either(cel);
		if (value.node && !take(cel, ")"))
			return fail(cel, cel->at, "a \")\" is missing", "close what was opened");
		return value;
	}
	if (isdigit((unsigned char)*start))
		return number(cel);
	for (length = 0; isalnum((unsigned char)start[length]) || start[length] == '_';)
		length++;
	if (!length)
		return fail(cel, start, "an argument or a number is expected", "arg0 == 1 && arg1 > 2");
	word = tracing_copy(cel->tracing, start, length);
	cel->at += length;
	if (take(cel, "("))
		return call(cel, start, word);
	if (!strcmp(word, "true") || !strcmp(word, "false"))
		return fail(cel, start, "a condition that is always the same is no condition", "compare an argument");
	return argument(cel, start, word);
}

static struct cel_value unary(struct cel *cel)
{
	struct lang_tree *tree = cel->tracing->tree;
	const char *start = cel->at;
	struct cel_value value;
	bool not, minus;

	if (cel->depth >= DEPTH_MOST)
		return fail(cel, start, "the expression is nested too deep", "write it flatter");
	cel->depth++;
	take(cel, "");
	start = cel->at;
	not = start[0] == '!' && start[1] != '=';
	minus = start[0] == '-';
	if (!not && !minus) {
		value = primary(cel);
		cel->depth--;
		return value;
	}
	cel->at++;
	value = unary(cel);
	cel->depth--;
	if (!value.node)
		return value;
	if (not != (value.type == CEL_BOOL))
		return fail(cel, start, not ? "\"!\" is of a bool" : "\"-\" is of a number", "not() turns the bits of a number");
	if (not)
		value.node = lang_node(tree, OP_NOT, value.node, NULL);
	else if (value.node->op == OP_NUMBER) {
		value.node = lang_number(tree, -value.node->number);
		value.node->is_signed = true;
	} else {
		value.node = narrow(cel, lang_node(tree, OP_NEGATE, value.node, NULL), value.type);
	}
	return value;
}

static struct cel_value sum(struct cel *cel)
{
	struct cel_value left = unary(cel), right;

	while (left.node) {
		bool plus = take(cel, "+"), minus = !plus && take(cel, "-");
		struct lang_node *node;

		if (!plus && !minus)
			break;
		right = unary(cel);
		if (!right.node || !agree(cel, plus ? "+" : "-", &left, &right))
			return no_value;
		if (left.type == CEL_BOOL)
			return fail(cel, cel->at, "bools cannot be added", "&&, || and ! are for bools");
		node = lang_node(cel->tracing->tree, plus ? OP_ADD : OP_SUBTRACT, left.node, right.node);
		if (left.type == CEL_UINT64)
			node->is_signed = false;
		left.node = narrow(cel, node, left.type);
	}
	return left;
}

static struct cel_value comparison(struct cel *cel)
{
	static const struct {
		const char *token;
		enum lang_op op;
	} tokens[] = {
		{ "==", OP_EQUAL }, { "!=", OP_UNEQUAL }, { "<=", OP_LESS_EQUAL }, { ">=", OP_GREATER_EQUAL }, { "<", OP_LESS },
		{ ">", OP_GREATER },
	};
	struct cel_value left = sum(cel), right;

	for (size_t i = 0; left.node && i < sizeof(tokens) / sizeof(*tokens); i++) {
		if (!take(cel, tokens[i].token))
			continue;
		right = sum(cel);
		if (!right.node || !agree(cel, tokens[i].token, &left, &right))
			return no_value;
		if (left.type == CEL_BOOL)
			return fail(cel, cel->at, "bools cannot be compared", "&&, || and ! are for bools");
		return (struct cel_value){ lang_node(cel->tracing->tree, tokens[i].op, left.node, right.node), CEL_BOOL };
	}
	return left;
}

static struct cel_value both(struct cel *cel, struct cel_value left, struct cel_value right, enum lang_op op)
{
	if (!left.node || !right.node)
		return no_value;
	if (left.type != CEL_BOOL || right.type != CEL_BOOL)
		return fail(cel, cel->at, op == OP_AND ? "&& stands between bools" : "|| stands between bools", "arg0 == 1 && arg1 > 2");
	return (struct cel_value){ lang_node(cel->tracing->tree, op, left.node, right.node), CEL_BOOL };
}

static struct cel_value conjunction(struct cel *cel)
{
	struct cel_value left = comparison(cel);

	while (left.node && take(cel, "&&"))
		left = both(cel, left, comparison(cel), OP_AND);
	return left;
}

static struct cel_value either(struct cel *cel)
{
	struct cel_value left = conjunction(cel);

	while (left.node && take(cel, "||"))
		left = both(cel, left, conjunction(cel), OP_OR);
	return left;
}

int tracing_read_cel(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition)
{
	struct cel cel = { .tracing = tracing, .yaml = node, .text = tracing_text(tracing, node, "an expression") };
	struct cel_value value;

	if (!cel.text)
		return -1;
	cel.at = cel.text;
	value = either(&cel);
	if (!value.node)
		return -1;
	take(&cel, "");
	if (*cel.at)
		fail(&cel, cel.at, "the expression should end here", "&& or || go between conditions");
	else if (value.type != CEL_BOOL)
		fail(&cel, cel.text, "the expression is a number, not a condition", "compare it: arg0 == 1");
	else
		*condition = value.node;
	return *condition && !*cel.at ? 0 : -1;
}
