/* Comparisons of runs whose difference is known, and rules about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare_rule.h"
#include "tests/json_valid.h"

#define SECOND 1000000000ULL

static u32 text(struct run *run, const char *string)
{
	return run_text_add(run, string, strlen(string));
}

static void add_tool(struct run *run, const char *name, double seconds)
{
	u32 tool = text(run, name), group = text(run, "g");
	struct run_process process = {
		.start = run->start,
		.end = run->start + (u64)(seconds * SECOND),
		.parent = RUN_NONE,
		.tool = run->tool_count,
		.task = run->task_count,
		.container = RUN_NONE,
		.executable = RUN_NONE,
		.directory = RUN_NONE,
		.costs = { .cpu = seconds * SECOND, .memory = 100 << 20 },
	};

	*run_tool_add(run) = (struct run_tool){ tool, RUN_NONE };
	*run_task_add(run) = (struct run_task){ tool, group, group, RUN_NONE, run->process_count, RUN_NONE, 0, 0 };
	*run_process_add(run) = process;
	if (process.end > run->end)
		run->end = process.end;
}

/* A run of sort and of one tool more; the more takes so long. */
static void add_run(struct compare *compare, u32 side, const char *more, double seconds)
{
	struct run *run = run_new();

	run->state = RUN_FINISHED;
	run->id = compare->run_count + 10;
	add_tool(run, "sort", 10);
	add_tool(run, more, seconds);
	compare_add(compare, side, run);
	run_free(run);
}

static struct compare_change change_of(const struct compare *compare, const char *tool, enum compare_metric metric)
{
	return compare_change(compare, compare_find(compare, COMPARE_TOOL, tool, strlen(tool)), 1, metric);
}

static void two_runs_by_a_plain_threshold(void **state)
{
	struct compare *compare = compare_new(2, false);
	struct compare_change change;

	(void)state;
	add_run(compare, 0, "align.py", 20);
	add_run(compare, 1, "align.py", 21.9);
	change = change_of(compare, "align.py", COMPARE_wall);
	assert_int_equal(change.verdict, COMPARE_NOISE);
	assert_string_equal(compare_word(COMPARE_wall, &change), "too little to tell");
	assert_int_equal(change_of(compare, "sort", COMPARE_wall).verdict, COMPARE_SAME);
	compare_free(compare);

	compare = compare_new(2, false);
	add_run(compare, 0, "align.py", 20);
	add_run(compare, 1, "align.py", 30);
	change = change_of(compare, "align.py", COMPARE_wall);
	assert_int_equal(change.verdict, COMPARE_MORE);
	assert_string_equal(compare_word(COMPARE_wall, &change), "slower");
	assert_true(change.ratio == 1.5);
	assert_int_equal(change_of(compare, "align.py", COMPARE_memory).verdict, COMPARE_SAME);
	compare_free(compare);
}

static struct compare *three_each(double a, double b, double c, double x, double y, double z)
{
	struct compare *compare = compare_new(6, true);
	const double seconds[] = { a, b, c, x, y, z };

	for (u32 i = 0; i < 6; i++)
		add_run(compare, i / 3, "align.py", seconds[i]);
	return compare;
}

static void three_runs_measure_the_noise(void **state)
{
	struct compare *compare = three_each(20, 20.1, 20.2, 20.5, 20.6, 20.7);
	struct compare_change change = change_of(compare, "align.py", COMPARE_wall);

	(void)state;
	assert_int_equal(change.verdict, COMPARE_MORE);
	assert_true(change.noise_known);
	assert_int_equal(change.before.median, 201 * SECOND / 10);
	assert_int_equal(change.before.least, 20 * SECOND);
	assert_int_equal(change.after.most, 207 * SECOND / 10);
	compare_free(compare);
	/* apart, but not by more than they scatter */
	compare = three_each(20, 22, 24, 25, 27, 29);
	change = change_of(compare, "align.py", COMPARE_wall);
	assert_int_equal(change.verdict, COMPARE_NOISE);
	assert_string_equal(compare_word(COMPARE_wall, &change), "within noise");
	compare_free(compare);
	/* no chance, and no matter */
	compare = three_each(20, 20, 20, 20.1, 20.1, 20.1);
	assert_int_equal(change_of(compare, "align.py", COMPARE_wall).verdict, COMPARE_NOISE);
	compare_free(compare);
	/* overlapping, though the medians are far apart */
	compare = three_each(20, 20, 31, 30, 30, 30);
	assert_int_equal(change_of(compare, "align.py", COMPARE_wall).verdict, COMPARE_NOISE);
	compare_free(compare);
}

static void new_and_gone(void **state)
{
	struct compare *compare = compare_new(2, true);
	struct compare_item *items;
	u32 count, quiet;

	(void)state;
	add_run(compare, 0, "old", 5);
	add_run(compare, 1, "new", 7);
	items = compare_items(compare, COMPARE_TOOL, 1, &count, &quiet);
	assert_int_equal(count, 2);
	assert_int_equal(quiet, 1);
	assert_string_equal(items[0].row->name.data, "new");
	assert_true(items[0].is_new && !items[0].is_gone);
	assert_true(items[1].is_gone && !items[1].is_new);
	free(items);
	items = compare_items(compare, COMPARE_TASK, 1, &count, &quiet);
	assert_int_equal(count, 2);
	free(items);
	compare_free(compare);
}

static void text_and_json_take_any_name(void **state)
{
	static const char hostile[] = "\033[31m</script>\n\"\xff";
	const struct report_style style = { .width = 60 };
	struct compare *compare = compare_new(3, true);
	struct text out = { 0 };
	struct jot jot = { .out = &out };
	const char *wrong;

	(void)state;
	add_run(compare, 0, hostile, 5);
	add_run(compare, 1, hostile, 50);
	add_run(compare, 2, "other", 50);
	compare_text(&out, compare, 0, &style);
	assert_non_null(strstr(out.data, "\\x1b[31m"));
	assert_non_null(strstr(out.data, "=== C against A ==="));
	for (size_t i = 0; i < out.length; i++)
		assert_true(out.data[i] == '\n' || (unsigned char)out.data[i] >= 0x20);
	text_reset(&out);
	jot_open(&jot, NULL, '{');
	compare_jot(&jot, compare);
	jot_close(&jot, '}');
	text_add_char(&out, '\n');
	wrong = json_line_wrong(out.data, out.length);
	if (wrong)
		fail_msg("%s", wrong);
	text_free(&out);
	compare_free(compare);
}

static void rules_hold_or_not(void **state)
{
	static const struct {
		const char *rule;
		bool holds;
	} cases[] = {
		{ "wall > 1.1x", true },
		{ "wall > 1.6x", false },
		{ "wall>=1.5x", true },
		{ "wall <= 1.5x", true },
		{ "wall < 1.5x", false },
		{ "wall > 49%", true },
		{ "wall > 50%", false },
		{ "wall == 50%", true },
		{ "wall != 50%", false },
		{ "wall > +50%", false },
		{ "wall > +9s", true },
		{ "wall > +10s", false },
		{ "wall < -1s", false },
		{ "wall > -1s", true },
		{ "wall > 29s", true },
		{ "wall > 30s", false },
		{ "wall == 30s", true },
		{ "wall > 0.5m", false },
		{ "memory > 99M", true },
		{ "memory > 100MiB", false },
		{ "processes == 2", true },
		{ "failures > 0", false },
		{ "tool:align.py.cpu > 1.4x", true },
		{ "tool:'align.py'.cpu > 1.4x", true },
		{ "tool:\"align.py\".cpu > 1.6x", false },
		{ "tool:sort.wall > 1x", false },
		{ "task:align.py.wall > 1x", true },
		{ "group:g.wall >= +10s", true },
		{ "wall > 2x and cpu > 1x", false },
		{ "wall > 2x or cpu > 1x", true },
		{ "wall > 2x, cpu > 1x", true },
		{ "wall > 1x and cpu > 1x", true },
		{ "wall > 2x and cpu > 1x or cpu > 1x", true },
		{ "cpu > 1x or wall > 2x and cpu > 2x", true },
		{ "wall > 2x or cpu > 1x and cpu > 2x", false },
	};
	struct compare *compare = compare_new(2, true);

	(void)state;
	add_run(compare, 0, "align.py", 20);
	add_run(compare, 1, "align.py", 30);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text error = { 0 }, which = { 0 };
		struct compare_rule *rule;

		rule = compare_rule_parse(cases[i].rule, &error);
		if (!rule)
			fail_msg("%s: %s", cases[i].rule, text_string(&error));
		assert_true(compare_rule_check(rule, compare, &error));
		if (compare_rule_holds(rule, compare, 1, &which) != cases[i].holds)
			fail_msg("%s: should %shold; %s", cases[i].rule, cases[i].holds ? "" : "not ",
				 text_string(&which));
		assert_int_equal(which.length != 0, cases[i].holds);
		compare_rule_free(rule);
		text_free(&error);
		text_free(&which);
	}
	compare_free(compare);
}

/* The rule that holds says it as the table does. */
static void many_times_are_told_whole(void **state)
{
	struct compare *compare = compare_new(2, true);
	struct text error = { 0 }, which = { 0 }, table = { 0 };
	struct compare_rule *rule = compare_rule_parse("tool:align.py.cpu > 2x", &error);

	(void)state;
	add_run(compare, 0, "align.py", 2);
	add_run(compare, 1, "align.py", 3490);
	assert_true(compare_rule_holds(rule, compare, 1, &which));
	assert_non_null(strstr(text_string(&which), "(1745 x)"));
	compare_text(&table, compare, 0, &(struct report_style){ 0 });
	assert_non_null(strstr(text_string(&table), "1745 x"));
	compare_rule_free(rule);
	text_free(&which);
	text_free(&table);
	compare_free(compare);
}

static void what_was_nothing_before(void **state)
{
	struct compare *compare = compare_new(2, true);
	struct text error = { 0 }, which = { 0 };
	struct compare_rule *rule =
		compare_rule_parse("tool:new.cpu > 1000x and tool:old.cpu < 0.1x and failures <= 1x", &error);

	(void)state;
	add_run(compare, 0, "old", 5);
	add_run(compare, 1, "new", 7);
	assert_true(isinf(change_of(compare, "new", COMPARE_cpu).ratio));
	assert_true(compare_rule_holds(rule, compare, 1, &which));
	compare_rule_free(rule);
	rule = compare_rule_parse("wall > 1x or tool:missing.cpu > 1x", &error);
	assert_false(compare_rule_check(rule, compare, &error));
	assert_string_equal(error.data, "column 14: no tool in any of the runs is called missing");
	compare_rule_free(rule);
	text_free(&error);
	text_free(&which);
	compare_free(compare);
}

static void mistakes_point_at_their_column(void **state)
{
	static const struct {
		const char *rule, *error;
	} cases[] = {
		{ "", "column 1: what is compared?" },
		{ "  ", "column 3: what is compared?" },
		{ "wal > 1x", "column 1: no figure is called wal, did you mean wall?" },
		{ "xyzzy > 1x", "column 1: no figure is called xyzzy; there are" },
		{ "wall 1x", "column 6: one of > >=" },
		{ "wall >", "column 7: a number is missing" },
		{ "wall > x", "column 8: a number is missing" },
		{ "wall > 5", "column 8: wall is a time: 90s" },
		{ "memory > 5s", "column 10: memory is a size" },
		{ "processes > 5s", "column 13: processes is a count" },
		{ "wall > 1x wall > 2x", "column 11: `and`, `or` or a comma" },
		{ "wall > 1x and", "column 14: what is compared?" },
		{ "wall > 1x,", "column 11: what is compared?" },
		{ "wall > +1x", "column 8: how many times has no sign" },
		{ "tool:sort > 1x", "column 10: the figure is missing" },
		{ "tool:.cpu > 1x", "column 6: the name is missing" },
		{ "tool:'sort.cpu > 1x", "column 6: the quote does not end" },
		{ "tool:'sort' > 1x", "column 12: the figure is missing" },
		{ "tool:a.b > 1x", "column 8: no figure is called b" },
		{ "wall > 1e999x", "column 8: 1e999x is too large" },
		{ "wall => 1x", "column 6: one of > >=" },
		{ "wall > 1.5 x", "column 8: wall is a time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text error = { 0 };

		assert_null(compare_rule_parse(cases[i].rule, &error));
		if (strncmp(text_string(&error), cases[i].error, strlen(cases[i].error)))
			fail_msg("%s: %s, expected %s", cases[i].rule, text_string(&error), cases[i].error);
		text_free(&error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_runs_by_a_plain_threshold),
		cmocka_unit_test(three_runs_measure_the_noise),
		cmocka_unit_test(new_and_gone),
		cmocka_unit_test(text_and_json_take_any_name),
		cmocka_unit_test(rules_hold_or_not),
		cmocka_unit_test(many_times_are_told_whole),
		cmocka_unit_test(what_was_nothing_before),
		cmocka_unit_test(mistakes_point_at_their_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
