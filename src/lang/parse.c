/* The grammar: from `or`, which binds least, down to a value, a function for each level. */
#include "lang/parse.h"

#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/nearest.h"
#include "lang/parser.h"

#define TEXT_MAX (1 << 20)
#define DEPTH_MAX 100		/* of brackets and signs before a value: each takes stack */
#define OPERATORS_MAX 2000	/* a tree of them is as deep */

static struct lang_node *parse_or(struct parser *parser);
static struct lang_node *parse_unary(struct parser *parser);

struct lang_node *parser_fail(struct parser *parser, u32 at, u32 length, const char *format, ...)
{
	va_list arguments;

	if (parser->failed)
		return NULL;
	parser->failed = true;
	if (parser->lexer.token.kind == TOKEN_BAD)	/* that came first */
		return NULL;
	parser->error->at = at;
	parser->error->length = length;
	va_start(arguments, format);
	vsnprintf(parser->error->what, sizeof(parser->error->what), format, arguments);
	va_end(arguments);
	return NULL;
}

struct lang_node *parser_fail_at(struct parser *parser, const struct lang_node *node, const char *format, ...)
{
	char what[sizeof(parser->error->what)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return parser_fail(parser, node->at, node->length, "%s", what);
}

static struct lang_node *expected(struct parser *parser, const char *what)
{
	const struct token *token = &parser->lexer.token;

	if (token->kind == TOKEN_END)
		return parser_fail(parser, token->at, 1, "the expression ends here: expected %s", what);
	return parser_fail(parser, token->at, token->length, "expected %s", what);
}

static bool take(struct parser *parser, const char *word)
{
	if (parser->failed || !lex_is(&parser->lexer, word))
		return false;
	lex_next(&parser->lexer);
	return true;
}

/* From where the first of them begins to where the last token that was taken ends. */
static struct lang_node *spanning(struct lang_node *node, const struct lang_node *left, const struct lang_node *right)
{
	if (node && left && right) {
		node->at = left->at;
		node->length = right->at + right->length - left->at;
	}
	return node;
}

static bool may_go_deeper(struct parser *parser)
{
	if (parser->depth < DEPTH_MAX && parser->operators++ < OPERATORS_MAX)
		return true;
	parser_fail(parser, parser->lexer.token.at, parser->lexer.token.length,
		    "this expression is too long or too deep: [lists] may be as long as you like");
	return false;
}

static struct lang_node *parse_item(struct parser *parser)
{
	struct lang_node *item = parse_unary(parser);

	if (item && item->op != OP_NUMBER && item->op != OP_STRING && item->op != OP_ADDRESS && item->op != OP_WORD &&
	    item->op != OP_FIELD)
		return parser_fail_at(parser, item, "a list holds plain values: numbers, strings, addresses");
	return item;
}

static struct lang_node *parse_list(struct parser *parser, u32 at)
{
	struct lang_node *list = lang_list(parser->tree, LANG_NUMBER);

	while (!parser->failed && !lex_is(&parser->lexer, "]")) {
		struct lang_node *item = parse_item(parser);

		if (!item)
			return NULL;
		lang_list_add(parser->tree, list, item);
		if (!take(parser, ",") && !lex_is(&parser->lexer, "]"))
			return expected(parser, "`,` or `]`");
	}
	list->at = at;
	list->length = parser->lexer.token.at + 1 - at;
	if (!list->count)
		return parser_fail_at(parser, list, "this list is empty");
	lex_next(&parser->lexer);
	return list;
}

static struct lang_node *parse_exists(struct parser *parser, u32 at)
{
	struct lang_node *field, *node;
	u32 end;

	if (!take(parser, "("))
		return expected(parser, "`(` and the name of a field");
	if (parser->lexer.token.kind != TOKEN_NAME)
		return expected(parser, "the name of a field");
	field = parse_unary(parser);
	if (!field)
		return NULL;
	if (field->op == OP_WORD)
		return parser_unknown(parser, field);
	if (field->op != OP_FIELD)
		return parser_fail_at(parser, field, "exists() asks of a field");
	end = parser->lexer.token.at + 1;
	if (!take(parser, ")"))
		return expected(parser, "`)`");
	node = lang_node(parser->tree, OP_EXISTS, field, NULL);
	node->at = at;
	node->length = end - at;
	return node;
}

static struct lang_node *parse_brackets(struct parser *parser)
{
	struct lang_node *node;

	if (!may_go_deeper(parser))
		return NULL;
	parser->depth++;
	node = parse_or(parser);
	parser->depth--;
	if (node && lex_is(&parser->lexer, ","))
		return expected(parser, "`)`: a list stands in [brackets]");
	if (node && !take(parser, ")"))
		return expected(parser, node->type == LANG_BOOL ? "`and`, `or` or `)`" : "an operator or `)`");
	return node;
}

static struct lang_node *parse_word(struct parser *parser, const struct token *token)
{
	static const char *const keywords[] = { "and", "or", "not", "like", "startswith", "endswith", "contains" };
	struct lang_node *node;

	if (take(parser, "exists"))
		return parse_exists(parser, token->at);
	if (lex_is(&parser->lexer, "true") || lex_is(&parser->lexer, "false")) {
		node = lang_number(parser->tree, lex_is(&parser->lexer, "true"));
		node->type = LANG_BOOL;
		node->at = token->at;
		node->length = token->length;
	} else {
		for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
			if (lex_is(&parser->lexer, keywords[i]))
				return expected(parser, "a field or a value");
		node = parser_name(parser, token->at, token->length);
	}
	lex_next(&parser->lexer);
	if (lex_is(&parser->lexer, "("))
		return parser_fail(parser, token->at, token->length, "there is no function of this name: exists(field) is the only one");
	return node;
}

static struct lang_node *parse_value(struct parser *parser)
{
	struct token token = parser->lexer.token;
	struct lang_node *node;

	switch (token.kind) {
	case TOKEN_NAME:
		return parse_word(parser, &token);
	case TOKEN_NUMBER:
		node = lang_number(parser->tree, token.number);
		node->unit = token.unit;
		break;
	case TOKEN_STRING:
		node = lang_string(parser->tree, text_string(&parser->lexer.string), parser->lexer.string.length);
		break;
	case TOKEN_ADDRESS:
		node = lang_number(parser->tree, 0);
		node->op = OP_ADDRESS;
		node->type = LANG_ADDRESS;
		node->address = token.address;
		break;
	default:
		if (take(parser, "("))
			return parse_brackets(parser);
		if (take(parser, "["))
			return parse_list(parser, token.at);
		if (lex_is(&parser->lexer, "/") || lex_is(&parser->lexer, "*"))
			return expected(parser, "a field or a value; text stands in quotes, as in \"/etc/*\"");
		if (lex_is(&parser->lexer, "!"))
			return expected(parser, "a value; the opposite is written `not`, and `!=` compares");
		return expected(parser, "a field or a value");
	}
	node->at = token.at;
	node->length = token.length;
	lex_next(&parser->lexer);
	return node;
}

static struct lang_node *parse_unary(struct parser *parser)
{
	struct token token = parser->lexer.token;
	enum lang_op op = lex_is(&parser->lexer, "-") ? OP_NEGATE : OP_BIT_NOT;
	struct lang_node *node, *value;

	if (op != OP_NEGATE && !lex_is(&parser->lexer, "~"))
		return parse_value(parser);
	lex_next(&parser->lexer);
	if (!may_go_deeper(parser))
		return NULL;
	parser->depth++;
	value = parse_unary(parser);
	parser->depth--;
	node = value ? fit_arithmetic(parser, op, &token, value, NULL) : NULL;
	if (node) {
		node->length = value->at + value->length - token.at;
		node->at = token.at;
	}
	return node;
}

static const struct {
	const char *sign;
	int level;		/* the higher, the tighter it binds */
	enum lang_op op;
} arithmetic[] = {
	{ "|", 0, OP_BIT_OR },	     { "^", 1, OP_BIT_XOR },  { "&", 2, OP_BIT_AND },  { "<<", 3, OP_SHIFT_LEFT },
	{ ">>", 3, OP_SHIFT_RIGHT }, { "+", 4, OP_ADD },      { "-", 4, OP_SUBTRACT }, { "*", 5, OP_MULTIPLY },
	{ "/", 5, OP_DIVIDE },	     { "%", 5, OP_MODULO },
};
#define LEVELS 6

static struct lang_node *parse_arithmetic(struct parser *parser, int level)
{
	struct lang_node *left;

	if (level == LEVELS)
		return parse_unary(parser);
	left = parse_arithmetic(parser, level + 1);
	for (size_t i = 0; left && i < sizeof(arithmetic) / sizeof(*arithmetic); i++) {
		struct token sign = parser->lexer.token;
		struct lang_node *right;

		if (arithmetic[i].level != level || !take(parser, arithmetic[i].sign))
			continue;
		if (!may_go_deeper(parser))
			return NULL;
		right = parse_arithmetic(parser, level + 1);
		if (!right)
			return NULL;
		left = spanning(fit_arithmetic(parser, arithmetic[i].op, &sign, left, right), left, right);
		i = -1;
	}
	return left;
}

static const struct {
	const char *sign;
	enum lang_op op;
} comparisons[] = {
	{ "==", OP_EQUAL },	   { "!=", OP_UNEQUAL },      { "<=", OP_LESS_EQUAL }, { "<", OP_LESS },
	{ ">=", OP_GREATER_EQUAL }, { ">", OP_GREATER },       { "in", OP_IN },	       { "like", OP_LIKE },
	{ "startswith", OP_STARTS }, { "endswith", OP_ENDS },  { "contains", OP_CONTAINS },
};

/* A word where an operator could be, and it is none. */
static struct lang_node *no_operator(struct parser *parser)
{
	static const char *const words[] = { "and", "or", "in", "like", "startswith", "endswith", "contains", NULL };
	const struct token *token = &parser->lexer.token;
	const char *nearest;
	char word[32];

	snprintf(word, sizeof(word), "%.*s", (int)token->length, parser->lexer.text + token->at);
	nearest = token->length < sizeof(word) ? nearest_word(word, words) : NULL;
	if (nearest)
		return parser_fail(parser, token->at, token->length, "there is no operator %s, did you mean %s?", word, nearest);
	return parser_fail(parser, token->at, token->length,
			   "there is no operator %s: == != < <= > >= in like startswith endswith contains compare, and, or join", word);
}

/* The comparison that stands here, taken; -1: none. */
static int take_comparison(struct parser *parser)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++)
		if (take(parser, comparisons[i].sign))
			return i;
	if (lex_is(&parser->lexer, "="))
		expected(parser, "`==`, which compares");
	else if (lex_is(&parser->lexer, "=~") || lex_is(&parser->lexer, "!~"))
		expected(parser, "`like` and a pattern: name like \"*.log\"");
	return -1;
}

/* What follows an operator: `in` is also a word that values can have. */
static struct lang_node *parse_right(struct parser *parser)
{
	struct token token = parser->lexer.token;

	if (!take(parser, "in"))
		return parse_arithmetic(parser, 0);
	return parser_name(parser, token.at, token.length);
}

#define COMPARISON "a comparison: == != < <= > >= in like startswith endswith contains"

static bool is_operand(const struct token *token)
{
	return token->kind == TOKEN_NUMBER || token->kind == TOKEN_STRING || token->kind == TOKEN_ADDRESS;
}

/* The end of `node > 4 KiB`? */
static bool is_torn(const struct parser *parser, const struct lang_node *node)
{
	const struct token *token = &parser->lexer.token;
	char together[32];
	u64 number;

	while (node->right)
		node = node->right;
	if (node->op != OP_NUMBER || token->length > 8 || (token->kind != TOKEN_NAME && token->kind != TOKEN_NUMBER))
		return false;
	snprintf(together, sizeof(together), "1%.*s", (int)token->length, parser->lexer.text + token->at);
	return token->kind == TOKEN_NUMBER || !duration_parse(together, &number) || !size_parse(together, &number);
}

static struct lang_node *parse_comparison(struct parser *parser)
{
	struct lang_node *left = parse_arithmetic(parser, 0), *right, *node;
	struct token sign = parser->lexer.token;
	bool opposite;
	int found;

	if (!left)
		return NULL;
	opposite = take(parser, "not");
	found = take_comparison(parser);
	if (found < 0 && opposite)
		return expected(parser, "`in`, `like`, `startswith`, `endswith` or `contains`");
	if (found < 0 && parser->lexer.token.kind == TOKEN_NAME && !lex_is(&parser->lexer, "and") && !lex_is(&parser->lexer, "or"))
		return no_operator(parser);
	if (found < 0 && left->type != LANG_BOOL && is_operand(&parser->lexer.token))
		return expected(parser, COMPARISON);
	if (found < 0)
		return left;
	if (opposite && comparisons[found].op < OP_IN)
		return parser_fail(parser, sign.at, sign.length, "`not` stands before a whole comparison: not (a %s b)",
				   comparisons[found].sign);
	right = parse_right(parser);
	if (!right || parser->failed)
		return NULL;
	node = spanning(fit_comparison(parser, comparisons[found].op, &sign, left, right), left, right);
	sign = parser->lexer.token;
	if (node && take_comparison(parser) >= 0)
		return parser_fail(parser, sign.at, sign.length, "comparisons are joined by `and`: a < b and b < c");
	if (node && opposite)
		node = spanning(fit_opposite(parser, node), left, right);
	return parser->failed ? NULL : node;
}

static struct lang_node *parse_not(struct parser *parser)
{
	struct token token = parser->lexer.token;
	struct lang_node *node, *value;

	if (!take(parser, "not"))
		return parse_comparison(parser);
	if (!may_go_deeper(parser))
		return NULL;
	parser->depth++;
	value = parse_not(parser);
	parser->depth--;
	value = value ? fit_truth(parser, value) : NULL;
	if (!value)
		return NULL;
	node = lang_node(parser->tree, OP_NOT, value, NULL);
	node->at = token.at;
	node->length = value->at + value->length - token.at;
	return node;
}

static struct lang_node *parse_and_or(struct parser *parser, enum lang_op op)
{
	struct lang_node *left = op == OP_OR ? parse_and_or(parser, OP_AND) : parse_not(parser);

	while (left && take(parser, op == OP_OR ? "or" : "and")) {
		struct lang_node *right;

		if (!may_go_deeper(parser))
			return NULL;
		right = op == OP_OR ? parse_and_or(parser, OP_AND) : parse_not(parser);
		right = right ? fit_truth(parser, right) : NULL;
		left = right ? fit_truth(parser, left) : NULL;
		left = left ? spanning(lang_node(parser->tree, op, left, right), left, right) : NULL;
	}
	return left;
}

static struct lang_node *parse_or(struct parser *parser)
{
	return parse_and_or(parser, OP_OR);
}

static struct lang_node *parse(struct lang_tree *tree, const char *text, size_t length, const struct lang_names *names,
			       struct lang_error *error, bool truth)
{
	struct parser parser = { .tree = tree, .names = names, .error = error };
	struct lang_node *node;

	memset(error, 0, sizeof(*error));
	if (length > TEXT_MAX)
		return parser_fail(&parser, 0, 1, "this expression is longer than 1 MiB");
	lex_begin(&parser.lexer, text, length, error);
	if (parser.lexer.token.kind == TOKEN_END)
		node = parser_fail(&parser, 0, 1, "the expression is empty: expected a condition, as in process.name == \"bash\"");
	else
		node = parse_or(&parser);
	if (node && truth)
		node = fit_truth(&parser, node);
	if (node && node->op == OP_WORD)
		node = parser_unknown(&parser, node);
	if (node && (lex_is(&parser.lexer, "&&") || lex_is(&parser.lexer, "||")))
		node = expected(&parser, lex_is(&parser.lexer, "&&") ? "`and`" : "`or`");
	if (node && parser.lexer.token.kind != TOKEN_END)
		node = expected(&parser, node->op == OP_FIELD	   ? COMPARISON :
					 is_torn(&parser, node) ? "`and`, `or` or the end; a unit stands right behind its number: 4KiB, 1h30m" :
								  "`and`, `or` or the end");
	if (!node && !parser.failed && parser.lexer.token.kind != TOKEN_BAD)
		parser_fail(&parser, 0, 1, "this is no expression");
	if (parser.lexer.token.kind == TOKEN_BAD)
		node = NULL;
	lex_end(&parser.lexer);
	return parser.failed ? NULL : node;
}

struct lang_node *lang_parse(struct lang_tree *tree, const char *text, size_t length, const struct lang_names *names,
			     struct lang_error *error)
{
	return parse(tree, text, length, names, error, true);
}

struct lang_node *lang_parse_value(struct lang_tree *tree, const char *text, size_t length,
				   const struct lang_names *names, struct lang_error *error)
{
	return parse(tree, text, length, names, error, false);
}
