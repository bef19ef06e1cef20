/* Operands and operators: which go together, and literals made into what they are compared with. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/nearest.h"
#include "base/wall.h"
#include "lang/eval.h"
#include "lang/parser.h"

static const char *type_name(enum lang_type type)
{
	static const char *const names[] = {
		[LANG_BOOL] = "true or false", [LANG_NUMBER] = "a number",   [LANG_STRING] = "a string",
		[LANG_STRINGS] = "strings",    [LANG_ADDRESS] = "an address", [LANG_NUMBERS] = "numbers",
	};

	return names[type];
}

static bool is_literal(const struct lang_node *node)
{
	return node->op == OP_NUMBER || node->op == OP_STRING || node->op == OP_ADDRESS;
}

/* What one value of the type is. */
static enum lang_type single(enum lang_type type)
{
	return type == LANG_STRINGS ? LANG_STRING : type == LANG_NUMBERS ? LANG_NUMBER : type;
}

static int said_length(const struct lang_node *node)
{
	return node->op == OP_FIELD ? (int)strlen(node->symbol->name) : node->length > 60 ? 60 : (int)node->length;
}

static const char *said(const struct parser *parser, const struct lang_node *node)
{
	return node->op == OP_FIELD ? node->symbol->name : parser->lexer.text + node->at;
}

/* For %.*s: a field by its full name, all else as it was written. */
#define SAID(parser, node) said_length(node), said(parser, node)

/* The value of a field that goes by this name. */
static struct lang_node *constant(struct parser *parser, const struct lang_node *field, const struct lang_node *node,
				  const char *name, size_t length)
{
	const struct lang_symbol *symbol = field->symbol;

	for (const struct word *word = symbol->words; word && word->text; word++) {
		struct lang_node *made;

		if (strlen(word->text) != length || memcmp(word->text, name, length))
			continue;
		if (single(symbol->type) == LANG_NUMBER)
			made = lang_number(parser->tree, word->value);
		else
			made = lang_string(parser->tree, name, length);
		made->at = node->at;
		made->length = node->length;
		return made;
	}
	return NULL;
}

/* enoent, KILL */
static bool ends_alike(const char *word, const char *name)
{
	size_t length = strlen(word), wanted = strlen(name);

	return wanted > 1 && length >= wanted && !strcasecmp(word + length - wanted, name);
}

static struct lang_node *no_such_word(struct parser *parser, const struct lang_node *field, const struct lang_node *node,
				      const char *name)
{
	unsigned int least = NEAREST_TOO_FAR;
	const char *nearest = NULL;
	char list[128] = "";
	size_t used = 0;

	for (const struct word *word = field->symbol->words; word->text; word++) {
		unsigned int distance = ends_alike(word->text, name) ? 0 : nearest_distance(name, word->text);

		if (used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", word->text);
		if (distance < least) {
			least = distance;
			nearest = word->text;
		}
	}
	if (nearest)
		return parser_fail_at(parser, node, "%s is never %s; did you mean %s?", field->symbol->name, name, nearest);
	if (used >= sizeof(list)) {
		list[sizeof(list) - 4] = '\0';
		strcpy(strrchr(list, ',') ? strrchr(list, ',') : list + strlen(list), "...");
	}
	return parser_fail_at(parser, node, "%s is never %s: it is one of %s", field->symbol->name, name, list);
}

/* A word, or a name that is both a field and a word for the field on the other side, which then is what was meant. */
static struct lang_node *settle(struct parser *parser, struct lang_node *node, const struct lang_node *other)
{
	const struct lang_symbol *symbol = other->op == OP_FIELD ? other->symbol : NULL;
	const char *name = parser->lexer.text + node->at;
	struct lang_node *made = NULL;

	if (node->op != OP_WORD && node->op != OP_FIELD)
		return node;
	if (symbol && symbol->words)
		made = constant(parser, other, node, name, node->length);
	if (made || node->op == OP_FIELD)
		return made ? made : node;
	if (symbol && symbol->words && !memchr(name, '.', node->length))
		return no_such_word(parser, other, node, node->string.data);
	if (!symbol || memchr(name, '.', node->length))
		return parser_unknown(parser, node);
	if (single(symbol->type) == LANG_STRING)
		return parser_fail_at(parser, node, "there is no field %s; if it is text, put it in quotes: \"%s\"",
				      node->string.data, node->string.data);
	if (symbol->type == LANG_ADDRESS)
		return parser_fail_at(parser, node, "%s is an address, as 10.1.2.3 or fe80::1 are: names are not looked up", symbol->name);
	if (symbol->type == LANG_BOOL)
		return parser_fail_at(parser, node, "%s is true or false", symbol->name);
	return parser_unknown(parser, node);
}

/* A point in time: RFC 3339, or the beginning of one. Events have the clock that starts with the machine. */
static bool read_time(const struct bytes *string, u64 *boot)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	char text[64], sign;
	const char *end = NULL;
	struct wall wall = { 0 };
	long long seconds, fraction = 0;
	int hours, minutes;
	struct tm tm;

	if (string->length >= sizeof(text) || memchr(string->data, 0, string->length))
		return false;
	memcpy(text, string->data, string->length);
	text[string->length] = '\0';
	for (size_t i = 0; !end && i < sizeof(formats) / sizeof(*formats); i++) {
		memset(&tm, 0, sizeof(tm));
		end = strptime(text, formats[i], &tm);
	}
	if (!end || tm.tm_year < 70 || tm.tm_year > 300)
		return false;
	seconds = timegm(&tm);
	if (*end == '.') {
		long long scale = 100000000;

		for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
			fraction += (*end - '0') * scale;
	}
	if (sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
		seconds -= (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	else if (*end && strcmp(end, "Z"))
		return false;
	wall_refresh(&wall);
	seconds = seconds * 1000000000 + fraction - (long long)wall.offset;
	*boot = seconds < 0 ? 0 : seconds;
	return true;
}

/* 755, by who means 0755. */
static bool is_mode_in_decimal(const struct parser *parser, const struct lang_node *literal)
{
	const char *text = parser->lexer.text + literal->at;

	return literal->length >= 3 && *text != '0' && strspn(text, "01234567") >= literal->length;
}

/* Numbers with a unit become numbers of the unit of what they stand beside. */
static struct lang_node *fit_unit(struct parser *parser, struct lang_node *literal, const struct lang_node *other)
{
	if (other->unit == UNIT_OCTAL && is_mode_in_decimal(parser, literal))
		return parser_fail_at(parser, literal, "a mode is octal, and that begins with 0: 0%.*s", SAID(parser, literal));
	if (other->unit == UNIT_OCTAL && literal->unit == UNIT_NONE)
		literal->unit = UNIT_OCTAL;
	if (literal->unit == UNIT_NONE || other->unit == literal->unit)
		return literal;
	if (literal->unit == UNIT_NANOSECONDS && other->unit == UNIT_MICROSECONDS) {
		if (literal->number % 1000)
			return parser_fail_at(parser, literal, "%.*s is known to the microsecond", SAID(parser, other));
		literal->number /= 1000;
		literal->unit = UNIT_MICROSECONDS;
		return literal;
	}
	if (other->unit != UNIT_NONE)
		return parser_fail_at(parser, literal, "%.*s is %s, and %.*s is %s", SAID(parser, literal),
				      literal->unit == UNIT_BYTES ? "a size" : "a time", SAID(parser, other),
				      other->unit == UNIT_BYTES ? "a size" : other->unit == UNIT_OCTAL ? "a mode" : "a time");
	if (other->op == OP_FIELD && other->symbol->field)
		return parser_fail_at(parser, literal, "%s is a plain number, without a unit", other->symbol->name);
	return literal;
}

static struct lang_node *fit_string(struct parser *parser, struct lang_node *literal, const struct lang_node *other)
{
	const struct lang_symbol *symbol = other->op == OP_FIELD ? other->symbol : NULL;
	struct lang_node *made;
	u64 time;

	if (single(other->type) == LANG_STRING) {
		if (symbol && symbol->all_words &&
		    !constant(parser, other, literal, literal->string.data, literal->string.length))
			return no_such_word(parser, other, literal, literal->string.data);
		return literal;
	}
	if (other->type == LANG_ADDRESS) {
		struct lang_address address;

		if (!lex_address(literal->string.data, literal->string.length, &address))
			return parser_fail_at(parser, literal, "this is no address: write 10.1.2.3, 10.0.0.0/8 or fe80::1");
		literal->op = OP_ADDRESS;
		literal->type = LANG_ADDRESS;
		literal->address = address;
		return literal;
	}
	if (symbol && symbol->field && symbol->field->type == FIELD_TIME) {
		if (!read_time(&literal->string, &time))
			return parser_fail_at(parser, literal, "this is no time: write \"2030-01-31T12:00:00Z\"");
		literal->op = OP_NUMBER;
		literal->type = LANG_NUMBER;
		literal->number = time;
		return literal;
	}
	made = symbol ? constant(parser, other, literal, literal->string.data, literal->string.length) : NULL;
	if (made)
		return made;
	return parser_fail_at(parser, literal, "%.*s is %s, and this is text", SAID(parser, other), type_name(other->type));
}

static struct lang_node *misfit(struct parser *parser, const struct lang_node *literal, const struct lang_node *other)
{
	const char *name = other->op == OP_FIELD ? parser_other_name(parser, other, literal->type) : NULL;
	bool quotes = single(other->type) == LANG_STRING;

	return parser_fail_at(parser, literal, "%.*s is %s%s%s%s%s%s", SAID(parser, other), type_name(other->type),
			      quotes ? ": put this in quotes" : ", and this is ", quotes ? "" : type_name(literal->type),
			      name ? "; or did you mean " : "", name ? name : "", name ? "?" : "");
}

/* A literal beside something else. */
static struct lang_node *fit_literal(struct parser *parser, struct lang_node *literal, const struct lang_node *other)
{
	if (literal->op == OP_STRING)
		return fit_string(parser, literal, other);
	if (literal->op == OP_NUMBER && literal->type == LANG_NUMBER && single(other->type) == LANG_NUMBER)
		return fit_unit(parser, literal, other);
	if (literal->type == single(other->type))
		return literal;
	if (other->type == LANG_BOOL && other->op == OP_FIELD)
		return parser_fail_at(parser, literal, "%s is true or false: it stands by itself, or behind `not`", other->symbol->name);
	return misfit(parser, literal, other);
}

/* Both sides as they will be compared. */
static bool fit_sides(struct parser *parser, struct lang_node **left, struct lang_node **right)
{
	*right = settle(parser, *right, *left);
	*left = *right ? settle(parser, *left, *right) : NULL;
	if (!*left)
		return false;
	if (is_literal(*right) && !is_literal(*left))
		*right = fit_literal(parser, *right, *left);
	else if (is_literal(*left) && !is_literal(*right))
		*left = fit_literal(parser, *left, *right);
	if (!*left || !*right)
		return false;
	if (single((*left)->type) == single((*right)->type))
		return true;
	parser_fail_at(parser, *right, "%.*s is %s, and this is %s", SAID(parser, *left), type_name((*left)->type),
		       type_name((*right)->type));
	return false;
}

static bool fit_list(struct parser *parser, struct lang_node *list, struct lang_node *left)
{
	for (u32 i = 0; i < list->count; i++) {
		struct lang_node *item = settle(parser, list->items[i], left);

		if (item && !is_literal(item)) {
			parser_fail_at(parser, item, "a list holds plain values; a field is compared by itself");
			return false;
		}
		list->items[i] = item ? fit_literal(parser, item, left) : NULL;
		if (!list->items[i])
			return false;
	}
	list->type = single(left->type);
	return true;
}

static struct lang_node *fit_in(struct parser *parser, struct lang_node *left, struct lang_node *right)
{
	if (right->op == OP_FIELD && (right->type == LANG_STRINGS || right->type == LANG_NUMBERS)) {
		if (!fit_sides(parser, &right, &left))
			return NULL;
		return lang_node(parser->tree, OP_EQUAL, right, left);
	}
	left = settle(parser, left, right);
	if (!left)
		return NULL;
	if (right->op == OP_LIST)
		return fit_list(parser, right, left) ? lang_node(parser->tree, OP_IN, left, right) : NULL;
	if (left->type == LANG_ADDRESS && is_literal(right)) {
		right = fit_literal(parser, right, left);
		return right ? lang_node(parser->tree, OP_IN, left, right) : NULL;
	}
	return parser_fail_at(parser, right, "expected a list, as in %.*s in [...]%s", SAID(parser, left),
			      left->type == LANG_ADDRESS ? ", or a network, as in 10.0.0.0/8" : "");
}

static struct lang_node *fit_pattern(struct parser *parser, enum lang_op op, const char *sign, int sign_length,
				     struct lang_node *left, struct lang_node *right)
{
	left = settle(parser, left, right);
	if (!left)
		return NULL;
	if (left->type == LANG_ADDRESS)
		return parser_fail_at(parser, left, "%.*s is an address: compare it with ==, or with `in` a network",
				      SAID(parser, left));
	if (single(left->type) != LANG_STRING)
		return parser_fail_at(parser, left, "`%.*s` is for text, and this is %s", sign_length, sign, type_name(left->type));
	if (right->op == OP_LIST) {
		for (u32 i = 0; i < right->count; i++)
			if (right->items[i]->op != OP_STRING)
				return parser_fail_at(parser, right->items[i], "expected text in quotes");
		right->type = LANG_STRING;
	} else if (right->op != OP_STRING) {
		return parser_fail_at(parser, right, "expected text in quotes, or a list of it");
	}
	for (u32 i = 0; op == OP_LIKE && i < (right->op == OP_LIST ? right->count : 1); i++) {
		const struct lang_node *pattern = right->op == OP_LIST ? right->items[i] : right;

		if (!lang_is_pattern(&pattern->string))
			return parser_fail_at(parser, pattern, "this pattern has a `[` without its `]`; \\\\[ is a bracket itself");
	}
	return lang_node(parser->tree, op, left, right);
}

static struct lang_node *both(struct parser *parser, struct lang_node *left, struct lang_node *right)
{
	return left && right ? lang_node(parser->tree, OP_AND, left, right) : left ? left : right;
}

/* What is asked of all that it is made of, so that it is something. NULL: it always is. */
static struct lang_node *presence(struct parser *parser, struct lang_node *node)
{
	struct lang_node *left, *right;

	if (!node || node->op == OP_LIST)
		return NULL;
	if (node->op == OP_FIELD)
		return lang_node(parser->tree, OP_EXISTS, node, NULL);
	left = presence(parser, node->left);
	if ((node->op == OP_DIVIDE || node->op == OP_MODULO) && node->right->op != OP_NUMBER)
		right = lang_node(parser->tree, OP_UNEQUAL, node->right, lang_number(parser->tree, 0));
	else
		right = presence(parser, node->right);
	return both(parser, left, right);
}

struct lang_node *fit_opposite(struct parser *parser, struct lang_node *comparison)
{
	return both(parser, presence(parser, comparison), lang_node(parser->tree, OP_NOT, comparison, NULL));
}

/* A block of addresses is compared by `in`; several values are unlike one if none of them is like it. */
static struct lang_node *equality(struct parser *parser, enum lang_op op, struct lang_node *left, struct lang_node *right)
{
	bool block = right->op == OP_ADDRESS && right->address.bits < (right->address.family == AF_INET ? 32 : 128);

	if (op == OP_EQUAL || (!block && left->type == single(left->type)))
		return lang_node(parser->tree, block ? OP_IN : op, left, right);
	return fit_opposite(parser, lang_node(parser->tree, block ? OP_IN : OP_EQUAL, left, right));
}

/* What is on the left of `5 < pid` goes to the right. */
static enum lang_op mirrored(enum lang_op op)
{
	switch (op) {
	case OP_LESS:
		return OP_GREATER;
	case OP_LESS_EQUAL:
		return OP_GREATER_EQUAL;
	case OP_GREATER:
		return OP_LESS;
	case OP_GREATER_EQUAL:
		return OP_LESS_EQUAL;
	default:
		return op;
	}
}

struct lang_node *fit_comparison(struct parser *parser, enum lang_op op, const struct token *sign, struct lang_node *left,
				 struct lang_node *right)
{
	if (left->op == OP_LIST)
		return parser_fail_at(parser, left, "a list stands on the right: field in [...]");
	if (op == OP_IN)
		return fit_in(parser, left, right);
	if (op > OP_IN)
		return fit_pattern(parser, op, parser->lexer.text + sign->at, sign->length, left, right);
	if (right->op == OP_LIST)
		return parser_fail(parser, sign->at, sign->length, "a list is compared by `in`: %.*s in [...]",
				   SAID(parser, left));
	if (!fit_sides(parser, &left, &right))
		return NULL;
	if (is_literal(left) && !is_literal(right)) {
		struct lang_node *swap = left;

		left = right;
		right = swap;
		op = mirrored(op);
	}
	if (left->type == LANG_ADDRESS && op != OP_EQUAL && op != OP_UNEQUAL)
		return parser_fail(parser, sign->at, sign->length, "addresses have no order: compare with ==, or `in` a network");
	if (op == OP_EQUAL || op == OP_UNEQUAL)
		return equality(parser, op, left, right);
	if (single(left->type) != LANG_NUMBER)
		return parser_fail(parser, sign->at, sign->length, "only numbers have an order, and %.*s is %s",
				   SAID(parser, left), type_name(left->type));
	return lang_node(parser->tree, op, left, right);
}

/* The unit of a result: a sum's is its parts', a product's that of the one part that has any. */
static u8 unit_of(enum lang_op op, const struct lang_node *left, const struct lang_node *right)
{
	switch (op) {
	case OP_NEGATE:
		return left->unit;
	case OP_ADD:
	case OP_SUBTRACT:
		return left->unit ? left->unit : right->unit;
	case OP_MULTIPLY:
		return left->unit && right->unit ? UNIT_NONE : left->unit ? left->unit : right->unit;
	case OP_DIVIDE:
		return right->unit ? UNIT_NONE : left->unit;
	case OP_MODULO:
		return left->unit;
	case OP_BIT_AND:
		return left->unit == UNIT_OCTAL ? UNIT_OCTAL : UNIT_NONE;
	default:
		return UNIT_NONE;
	}
}

static struct lang_node *folded(struct parser *parser, struct lang_node *node, const struct token *sign)
{
	const struct lang_node *right = node->right;
	struct lang_node *number;
	u64 result;

	if ((node->op == OP_DIVIDE || node->op == OP_MODULO) && right->op == OP_NUMBER && !right->number)
		return parser_fail(parser, sign->at, sign->length, "this divides by zero");
	if (node->left->op != OP_NUMBER || (right && right->op != OP_NUMBER))
		return node;
	if (!lang_calculate(node->op, node->is_signed, node->left->number, right ? right->number : 0, &result))
		return node;
	number = lang_number(parser->tree, result);
	number->is_signed = node->is_signed && (s64)result < 0;
	number->unit = node->unit;
	return number;
}

struct lang_node *fit_arithmetic(struct parser *parser, enum lang_op op, const struct token *sign, struct lang_node *left,
				 struct lang_node *right)
{
	struct lang_node *node;

	if (right) {
		right = settle(parser, right, left);
		left = right ? settle(parser, left, right) : NULL;
	} else if (left->op == OP_WORD) {
		left = parser_unknown(parser, left);
	}
	if (!left)
		return NULL;
	for (node = left; node; node = node == left ? right : NULL)
		if (node->type != LANG_NUMBER)
			return parser_fail_at(parser, node, "`%.*s` is for numbers, and this is %s%s", (int)sign->length,
					      parser->lexer.text + sign->at, node->op == OP_LIST ? "a list" : type_name(node->type),
					      node->type != LANG_STRINGS ? "" : ": == asks for any of them");
	if (op == OP_ADD || op == OP_SUBTRACT || op == OP_MODULO || (op == OP_BIT_AND && left->unit == UNIT_OCTAL)) {
		if (left->op == OP_NUMBER)
			left = fit_unit(parser, left, right);
		else if (right->op == OP_NUMBER)
			right = fit_unit(parser, right, left);
		if (!left || !right)
			return NULL;
	}
	node = lang_node(parser->tree, op, left, right);
	node->unit = unit_of(op, left, right);
	return folded(parser, node, sign);
}

struct lang_node *fit_truth(struct parser *parser, struct lang_node *node)
{
	if (node->op == OP_WORD)
		return parser_unknown(parser, node);
	if (node->op == OP_LIST)
		return parser_fail_at(parser, node, "a list is no condition: write field in [...]");
	if (node->type == LANG_BOOL)
		return node;
	return parser_fail_at(parser, node, "%.*s is %s, no condition: compare it, as in %.*s %s", SAID(parser, node),
			      type_name(node->type), SAID(parser, node),
			      node->type == LANG_NUMBER	 ? "!= 0" :
			      node->type == LANG_ADDRESS ? "in 10.0.0.0/8" :
							   "== \"...\", or ask exists(...)");
}
