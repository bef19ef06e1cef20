/* Trees and mistakes, for people. */
#include <arpa/inet.h>
#include <string.h>

#include "base/columns.h"
#include "base/escape.h"
#include "lang/parse.h"

static const char *const signs[] = {
	[OP_EQUAL] = "==",   [OP_UNEQUAL] = "!=",	 [OP_LESS] = "<",	 [OP_LESS_EQUAL] = "<=",
	[OP_GREATER] = ">",  [OP_GREATER_EQUAL] = ">=",	 [OP_IN] = "in",	 [OP_LIKE] = "like",
	[OP_STARTS] = "startswith", [OP_ENDS] = "endswith", [OP_CONTAINS] = "contains", [OP_AND] = "and",
	[OP_OR] = "or",	     [OP_ADD] = "+",		 [OP_SUBTRACT] = "-",	 [OP_MULTIPLY] = "*",
	[OP_DIVIDE] = "/",   [OP_MODULO] = "%",		 [OP_BIT_AND] = "&",	 [OP_BIT_OR] = "|",
	[OP_BIT_XOR] = "^",  [OP_SHIFT_LEFT] = "<<",	 [OP_SHIFT_RIGHT] = ">>",
};

/* As it could be written. */
static void print_string(const struct bytes *string, struct text *out)
{
	text_add_char(out, '"');
	for (u32 i = 0; i < string->length; i++) {
		unsigned char byte = string->data[i];

		if (byte == '"' || byte == '\\')
			text_add_format(out, "\\%c", byte);
		else if (byte < 0x20 || byte >= 0x7f)
			text_add_format(out, "\\x%02x", byte);
		else
			text_add_char(out, byte);
	}
	text_add_char(out, '"');
}

static void print_address(const struct lang_address *address, struct text *out)
{
	char buffer[INET6_ADDRSTRLEN];

	text_add(out, inet_ntop(address->family, address->bytes, buffer, sizeof(buffer)) ? buffer : "?");
	if (address->bits < (address->family == AF_INET ? 32 : 128))
		text_add_format(out, "/%u", address->bits);
}

static void print_number(const struct lang_node *node, struct text *out)
{
	if (node->type == LANG_BOOL)
		text_add(out, node->number ? "true" : "false");
	else if (node->is_signed)
		text_add_i64(out, node->number);
	else if (node->unit == UNIT_OCTAL)
		text_add_format(out, "%#llo", (unsigned long long)node->number);
	else
		text_add_u64(out, node->number);
}

static bool is_simple(const struct lang_node *node)
{
	return node->op <= OP_EXISTS;
}

/* In brackets unless they change nothing: a chain of the same `and` or `or`. */
static void print_side(const struct lang_node *node, enum lang_op within, struct text *out)
{
	bool bare = is_simple(node) || ((within == OP_AND || within == OP_OR) && node->op == within) ||
		    ((within == OP_AND || within == OP_OR) && node->op > OP_OR && node->op <= OP_CONTAINS);

	if (!bare)
		text_add_char(out, '(');
	lang_print(node, out);
	if (!bare)
		text_add_char(out, ')');
}

void lang_print(const struct lang_node *node, struct text *out)
{
	switch (node->op) {
	case OP_NUMBER:
		print_number(node, out);
		break;
	case OP_STRING:
		print_string(&node->string, out);
		break;
	case OP_ADDRESS:
		print_address(&node->address, out);
		break;
	case OP_LIST:
		text_add_char(out, '[');
		for (u32 i = 0; i < node->count; i++) {
			if (i)
				text_add(out, ", ");
			lang_print(node->items[i], out);
		}
		text_add_char(out, ']');
		break;
	case OP_FIELD:
		text_add(out, node->symbol->name);
		break;
	case OP_EXISTS:
		text_add_format(out, "exists(%s)", node->left->symbol->name);
		break;
	case OP_NOT:
	case OP_NEGATE:
	case OP_BIT_NOT:
		text_add(out, node->op == OP_NOT ? "not " : node->op == OP_NEGATE ? "-" : "~");
		print_side(node->left, node->op, out);
		break;
	default:
		print_side(node->left, node->op, out);
		text_add_format(out, " %s ", signs[node->op]);
		print_side(node->right, node->op, out);
	}
}

/* Bytes as a terminal shows them, and how many columns they take. */
static size_t add_shown(struct text *out, const char *text, size_t length)
{
	size_t start = out->length;

	escape_terminal(out, text, length);
	return columns_of(out->data ? out->data + start : "", out->length - start);
}

u32 lang_error_column(const struct lang_error *error, const char *text)
{
	struct text shown = { 0 };
	u32 column = add_shown(&shown, text, error->at) + 1;

	text_free(&shown);
	return column;
}

#define BEFORE 60	/* bytes shown before and after what is wrong */

static size_t boundary(const char *text, size_t at)
{
	while (at && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

void lang_error_show(const struct lang_error *error, const char *text, size_t length, struct text *out)
{
	size_t from = error->at > BEFORE ? boundary(text, error->at - BEFORE) : 0;
	size_t end = error->at + error->length, to = end + BEFORE < length ? boundary(text, end + BEFORE) : length;
	size_t before, marks;
	struct text shown = { 0 };

	if (end > length)
		end = length;
	if (end - error->at > 2 * BEFORE)
		end = to = boundary(text, error->at + 2 * BEFORE);
	text_add(out, "  ");
	if (from)
		text_add(out, "…");
	before = 2 + !!from + add_shown(&shown, text + from, error->at - from);
	marks = add_shown(&shown, text + error->at, end - error->at);
	add_shown(&shown, text + end, to - end);
	text_add_bytes(out, text_string(&shown), shown.length);
	text_add(out, to < length ? "…\n" : "\n");
	for (size_t i = 0; i < before; i++)
		text_add_char(out, ' ');
	for (size_t i = 0; i < (marks ? marks : 1); i++)
		text_add_char(out, '^');
	text_add_char(out, '\n');
	text_free(&shown);
}
