/* Rules made of their own words. Each is refused with a column that lies in it, or can be judged. */
#include <string.h>

#include "report/compare_rule.h"
#include "tests/fuzz.h"

static struct compare *two_empty_runs(void)
{
	struct compare *compare = compare_new(2, true);

	for (u32 i = 0; i < 2; i++) {
		struct run *run = run_new();

		run->end = i;
		compare_add(compare, i, run);
		run_free(run);
	}
	return compare;
}

int main(int argc, char **argv)
{
	static const char *const pieces[] = {
		"wall", "cpu", "memory", "failures", "tool:", "group:", "task:", "'", "\"", ".", "sort", " ", " and ",
		" or ", ",", ">", ">=", "<", "<=", "==", "!=", "=", "!", "1", "1.1", "x", "%", "s", "GiB", "+", "-",
		"1e308", "0x10", "inf", "nan", "\xff", "\n",
	};
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct compare *compare = two_empty_runs();
	struct text error = { 0 }, which = { 0 };
	static char buffer[256];

	while (fuzz_goes_on(&fuzz)) {
		size_t length = fuzz_text(&fuzz, buffer, sizeof(buffer) - 1, pieces, FUZZ_COUNT(pieces));
		struct compare_rule *rule;
		unsigned int column = 0;

		buffer[length] = '\0';
		text_reset(&error);
		rule = compare_rule_parse(buffer, &error);
		if (!rule)
			fuzz_check(sscanf(text_string(&error), "column %u: ", &column) == 1 && column >= 1 &&
					   column <= length + 1,
				   "the column lies outside the rule");
		else if (compare_rule_check(rule, compare, &error))
			compare_rule_holds(rule, compare, 1, &which);
		text_reset(&which);
		compare_rule_free(rule);
	}
	text_free(&error);
	text_free(&which);
	compare_free(compare);
	return 0;
}
