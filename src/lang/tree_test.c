#include "lang/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct lang_symbol natural = { .name = "natural", .type = LANG_NUMBER };
static const struct lang_symbol whole = { .name = "whole", .type = LANG_NUMBER, .is_signed = true };

static void an_operation_is_signed_if_a_side_is(void **state)
{
	struct lang_tree *tree = lang_tree_new();
	struct lang_node *a = lang_field(tree, &natural), *b = lang_field(tree, &whole), *one = lang_number(tree, 1);

	(void)state;
	assert_false(lang_node(tree, OP_LESS, a, one)->is_signed);
	assert_true(lang_node(tree, OP_LESS, one, b)->is_signed);
	assert_true(lang_node(tree, OP_ADD, a, b)->is_signed);
	assert_false(lang_node(tree, OP_ADD, a, a)->is_signed);
	assert_true(lang_node(tree, OP_SUBTRACT, a, a)->is_signed);
	assert_true(lang_node(tree, OP_NEGATE, a, NULL)->is_signed);
	assert_false(lang_node(tree, OP_SHIFT_RIGHT, a, b)->is_signed);
	assert_true(lang_node(tree, OP_SHIFT_RIGHT, b, one)->is_signed);
	assert_int_equal(lang_node(tree, OP_ADD, a, b)->type, LANG_NUMBER);
	assert_int_equal(lang_node(tree, OP_EQUAL, a, b)->type, LANG_BOOL);
	lang_tree_free(tree);
}

static void a_list_keeps_its_items_in_order(void **state)
{
	struct lang_tree *tree = lang_tree_new();
	struct lang_node *list = lang_list(tree, LANG_NUMBER);

	(void)state;
	for (u64 i = 0; i < 10000; i++)
		lang_list_add(tree, list, lang_number(tree, i));
	assert_int_equal(list->count, 10000);
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(list->items[i]->number, i);
	lang_tree_free(tree);
}

static void a_string_is_copied_with_any_byte_in_it(void **state)
{
	struct lang_tree *tree = lang_tree_new();
	char bytes[] = "a\0b";
	struct lang_node *string = lang_string(tree, bytes, 3);

	(void)state;
	bytes[0] = 'x';
	assert_int_equal(string->string.length, 3);
	assert_memory_equal(string->string.data, "a\0b", 4);
	assert_int_equal(lang_string(tree, "", 0)->string.length, 0);
	lang_tree_free(tree);
	lang_tree_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_is_signed_if_a_side_is),
		cmocka_unit_test(a_list_keeps_its_items_in_order),
		cmocka_unit_test(a_string_is_copied_with_any_byte_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
