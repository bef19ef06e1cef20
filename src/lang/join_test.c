#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lang/join.h"
#include "lang/parse.h"
#include "lang/plan.h"

static struct lang_node *parse(struct lang_tree *tree, const char *text)
{
	struct lang_names names = lang_names_of_events(KIND_BIT(open));
	struct lang_error error;
	struct lang_node *node = lang_parse(tree, text, strlen(text), &names, &error);

	if (!node)
		fail_msg("%s: %s", text, error.what);
	return node;
}

static void test_alternatives(void **state)
{
	static const char *const cases[][2] = {
		{ "path == \"a\" or path == \"b\"", "file.path in [\"a\", \"b\"]" },
		{ "path == \"a\" or pid == 1 or path in [\"b\", \"c\"] or pid in [2, 3]",
		  "file.path in [\"a\", \"b\", \"c\"] or process.pid in [1, 2, 3]" },
		{ "(path contains \"a\" or path contains [\"b\"]) or path endswith \"c\" or path contains \"d\"",
		  "file.path contains [\"a\", \"b\", \"d\"] or file.path endswith \"c\"" },
		{ "not (path like \"a\" or path like \"b\") and (pid == 1 or pid == 2)",
		  "(not (file.path like [\"a\", \"b\"])) and process.pid in [1, 2]" },
		{ "path == \"a\" or path != \"b\"", "file.path == \"a\" or file.path != \"b\"" },
		{ "path == \"a\" or asked == \"b\"", "file.path == \"a\" or file.asked == \"b\"" },
		{ "path == \"a\" and path == \"b\"", "file.path == \"a\" and file.path == \"b\"" },
		{ "pid + 1 == 2 or pid + 1 == 3", "(process.pid + 1) == 2 or (process.pid + 1) == 3" },
		{ "file.created == true or file.created == false", "file.created == true or file.created == false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct lang_tree *tree = lang_tree_new();
		struct text text = { 0 };

		lang_print(lang_join(tree, parse(tree, cases[i][0])), &text);
		assert_string_equal(text_string(&text), cases[i][1]);
		text_free(&text);
		lang_tree_free(tree);
	}
}

/* Of what is too much for one program the kernel takes a part, and says why not all. */
static void test_too_much(void **state)
{
	struct lang_tree *tree = lang_tree_new();
	struct text text = { 0 };
	struct lang_part part;

	(void)state;
	for (int i = 0; i < 10; i++)
		text_add_format(&text, "%s(path contains \"%d\" or pid == %d)", i ? " and " : "", i, i);
	part = lang_plan(tree, parse(tree, text_string(&text)), KIND_open);
	assert_non_null(part.why);
	assert_non_null(part.kernel);
	assert_non_null(part.rest);
	text_reset(&text);
	lang_print(part.kernel_said, &text);
	assert_non_null(strstr(text_string(&text), "\"5\""));
	assert_null(strstr(text_string(&text), "\"6\""));
	text_free(&text);
	lang_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
