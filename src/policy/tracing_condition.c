/* Small conditions that the parts of the reader put together. */
#include <stdio.h>

#include "policy/tracing.h"

struct lang_node *tracing_both(struct tracing *tracing, struct lang_node *left, struct lang_node *right)
{
	return left && right ? lang_node(tracing->tree, OP_AND, left, right) : left ? left : right;
}

struct lang_node *tracing_either(struct tracing *tracing, struct lang_node *left, struct lang_node *right)
{
	return left && right ? lang_node(tracing->tree, OP_OR, left, right) : left ? left : right;
}

struct lang_node *tracing_not(struct tracing *tracing, struct lang_node *node)
{
	return lang_node(tracing->tree, OP_NOT, node, NULL);
}

struct lang_node *tracing_literal(struct tracing *tracing, const struct lang_symbol *symbol, u64 number)
{
	struct lang_node *literal = lang_number(tracing->tree, number);

	literal->is_signed = symbol->is_signed && (s64)number < 0;
	return literal;
}

struct lang_node *tracing_among(struct tracing *tracing, const struct lang_symbol *symbol, const u64 *numbers, u32 count)
{
	struct lang_node *field = lang_field(tracing->tree, symbol), *list;

	if (count == 1)
		return lang_node(tracing->tree, OP_EQUAL, field, tracing_literal(tracing, symbol, numbers[0]));
	list = lang_list(tracing->tree, LANG_NUMBER);
	for (u32 i = 0; i < count; i++)
		lang_list_add(tracing->tree, list, tracing_literal(tracing, symbol, numbers[i]));
	return lang_node(tracing->tree, OP_IN, field, list);
}

struct lang_node *tracing_any_bit(struct tracing *tracing, const struct lang_symbol *symbol, u64 mask)
{
	struct lang_node *bits = lang_node(tracing->tree, OP_BIT_AND, lang_field(tracing->tree, symbol),
					   lang_number(tracing->tree, mask));

	return lang_node(tracing->tree, OP_UNEQUAL, bits, lang_number(tracing->tree, 0));
}

unsigned int tracing_value_index(const struct policy_hook *hook, enum tracing_values of, u32 at)
{
	return of == OF_ARGUMENTS ? at : of == OF_DATA ? hook->argument_count + at : hook->argument_count + hook->data_count;
}

const struct lang_symbol *tracing_symbol(struct tracing *tracing, enum tracing_values of, u32 at, enum policy_part part)
{
	const struct policy_hook *hook = tracing->hook;
	const struct policy_argument *argument = of == OF_ARGUMENTS ? &hook->arguments[at] : of == OF_DATA ? &hook->data[at] :
													       &hook->result;
	char name[16];

	snprintf(name, sizeof(name), of == OF_RESULT ? "result" : of == OF_DATA ? "data%u" : "arg%u", at);
	return policy_symbol_value(tracing->tree, name, tracing_value_index(hook, of, at), argument->type, part);
}
