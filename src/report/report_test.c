/*
 * Reports of a made-up run: they fit the terminal, show nothing of what hostile names ask for, and are JSON where they
 * say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "report/report.h"
#include "report/report_part.h"
#include "tests/json_valid.h"
#include "tests/synthetic.h"

static const struct report_request everything = {
	.by = SUM_PROCESS,
	.by_given = true,
	.tree = true,
	.critical = true,
	.files = true,
	.peers = true,
	.failures = true,
	.sort = -1,
};

static void no_line_is_wider(void **state)
{
	static const unsigned int widths[] = { 20, 40, 80, 132 };
	struct run *run = synthetic_run(500);
	struct text out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		const struct report_style style = { .width = widths[i] };
		struct report_sink sink = { .out = &out };
		bool table = false;

		text_reset(&out);
		report_text(&sink, run, NULL, NULL, &everything, &style);
		for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n")) {
			for (char *at = line; *at; at++)
				assert_true((unsigned char)*at >= 0x20 && (unsigned char)*at != 0x7f);
			table = table || !strncmp(line, "Processes", 9);
			if (table && line[0] == ' ' && !strstr(line, "more") && widths[i] >= 40)
				assert_true(columns_of(line, strlen(line)) <= widths[i]);
		}
		assert_true(table);
	}
	text_free(&out);
	run_free(run);
}

static struct text said_of(const struct run *run, const struct report_request *request)
{
	const struct report_style style = { 0 };
	struct text out = { 0 };
	const struct report_sink sink = { .out = &out };

	report_text(&sink, run, NULL, NULL, request, &style);
	return out;
}

static void expect_said(const struct run *run, const struct report_request *request, const char *const *want)
{
	struct text out = said_of(run, request);

	for (; *want; want++)
		if (!strstr(text_string(&out), *want))
			fail_msg("\"%s\" is not in:\n%s", *want, text_string(&out));
	text_free(&out);
}

static void the_head_says_what_was_and_what_is_missing(void **state)
{
	static const struct report_request usual = { .sort = -1 };
	struct run *run = synthetic_run(41);

	(void)state;
	run->state = RUN_INTERRUPTED;
	run->lost = 12;
	run->processes[3].flags = RUN_PROCESS_LIVING;
	run->processes[7].flags = run->processes[8].flags = RUN_PROCESS_NO_LEDGER;
	run->processes[0].costs.memory = 900 << 20;
	for (int i = 0; i < 2; i++)
		*run_fact_add(run) = (struct run_fact){
			.kind = RUN_FACT_LOST, .number = 6, .text = synthetic_text(run, "exit: ring_full"),
			.process = RUN_NONE, .other = RUN_NONE, .time = run->end,
		};
	*run_fact_add(run) = (struct run_fact){
		.kind = RUN_FACT_CLOCK_STEP, .number = -3600 * (s64)SYNTHETIC_SECOND, .text = RUN_NONE,
		.process = RUN_NONE, .other = RUN_NONE, .time = run->end,
	};
	expect_said(run, &usual, (const char *const[]){
		"run 0 (synthetic): make -j4 all\n", "2026-09-21 14:30:00 UTC, by ", ", in /home/someone/project\n",
		"on builder, 4 CPUs, 16 GiB, Linux 6.1.0\n", "interrupted: its recorder died",
		"900 MiB in the largest process, make\n", "41 of 5 tools, in 10 tasks\n",
		"12 of 123 events were lost (exit: ring_full 12); the totals cover what arrived\n",
		"2 processes whose end was not seen", "1 process still lived at the end", "the clock was set 1 h back",
		"\nTools\n", "\nCritical path", NULL });
	run_free(run);
}

static void what_was_asked_for_and_nothing_else(void **state)
{
	struct run *run = synthetic_run(1000);
	struct report_request request = { .sort = -1, .failures = true };

	(void)state;
	expect_said(run, &request, (const char *const[]){
		"SIGSEGV  1387 /usr/lib/cc1 -quiet part96.c", "exit 1   1385 sh -c 'cc -O2 -c -o part96.o part96.c'",
		"exec failed, ENOENT: /usr/local/bin/cc", NULL });
	request = (struct report_request){ .sort = -1, .by = SUM_TASK, .by_given = true, .limit = 2 };
	expect_said(run, &request, (const char *const[]){
		"\nTasks\n", "more, with ", NULL });
	request = (struct report_request){ .sort = -1, .by = SUM_TASK, .by_given = true, .all = true };
	expect_said(run, &request, (const char *const[]){
		"(no task)", "</script><b>13\\n\\x1b[31m\\xff", NULL });
	request = (struct report_request){ .sort = -1, .peers = true, .files = true };
	expect_said(run, &request, (const char *const[]){
		"to 10.0.0.7:443", "to [fd00::53]:53 udp      -   80 B     240 B        5", "/home/someone/project/part.h", NULL });
	request = (struct report_request){ .sort = -1 };
	expect_said(run, &request, (const char *const[]){
		"to [fd00::53]:53 udp      -     320 B     960 B       20", NULL });
	run_free(run);
}

static void an_empty_run(void **state)
{
	struct run *run = run_new();
	struct text out = said_of(run, &everything);

	(void)state;
	assert_non_null(strstr(out.data, "0 of 0 tools"));
	text_free(&out);
	run_free(run);
}

struct pieces {
	struct text now, all;
	u32 count;
};

static void take(void *context)
{
	struct pieces *pieces = context;

	text_add_bytes(&pieces->all, pieces->now.data, pieces->now.length);
	text_reset(&pieces->now);
	pieces->count++;
}

static void json_is_one_line_handed_on_in_pieces(void **state)
{
	struct run *runs[] = { synthetic_run(2000), run_new() };

	(void)state;
	for (enum sum_by by = SUM_TOOL; by <= SUM_TOTAL; by++) {
		for (size_t i = 0; i < 2; i++) {
			struct report_request request = everything;
			struct pieces pieces = { 0 };
			const struct report_sink sink = { .out = &pieces.now, .some = take, .context = &pieces };
			const char *wrong;

			request.by = by;
			report_json(&sink, runs[i], NULL, NULL, &request);
			take(&pieces);
			wrong = json_line_wrong(pieces.all.data, pieces.all.length);
			if (wrong)
				fail_msg("%s", wrong);
			assert_true(i || pieces.count > 10);
			text_free(&pieces.now);
			text_free(&pieces.all);
		}
	}
	run_free(runs[0]);
	run_free(runs[1]);
}

static void branches_go_down_before_they_go_on(void **state)
{
	static const u32 parents[] = { RUN_NONE, 0, 0, 1, RUN_NONE, 4, 3 };
	static const u32 order[] = { 0, 2, 1, 3, 6, 4, 5 }, depths[] = { 0, 1, 1, 2, 3, 0, 1 },
			 below[] = { 4, 0, 2, 1, 0, 1, 0 };
	struct run *run = run_new();
	struct report_branch *branches;

	(void)state;
	for (u32 i = 0; i < 7; i++)
		*run_process_add(run) = (struct run_process){ .parent = parents[i], .start = i, .costs = { .cpu = 1 } };
	run->processes[2].start = 0;		/* born before 1 */
	branches = report_branches(run);
	for (u32 i = 0; i < 7; i++) {
		assert_int_equal(branches[i].process, order[i]);
		assert_int_equal(branches[i].depth, depths[i]);
		assert_int_equal(branches[i].below, below[i]);
		assert_int_equal(branches[i].costs.cpu, below[i] + 1);
	}
	free(branches);
	run_free(run);
}

static void rows_come_as_sorted(void **state)
{
	struct run *run = synthetic_run(1000);
	struct report_request request = { .sort = -1 };
	const struct report report = { .run = run, .request = &request };

	(void)state;
	for (; request.sort < 0 || report_sorts[request.sort]; request.sort++) {
		u32 count;
		struct sum_row *rows = report_rows(&report, SUM_PROCESS, &count);

		assert_int_equal(count, run->process_count);
		for (u32 i = 1; i < count; i++)
			assert_true(report_sorted_by(&rows[i - 1], request.sort) >=
				    report_sorted_by(&rows[i], request.sort));
		free(rows);
	}
	run_free(run);
}

static void failures_and_drops_come_in_their_order(void **state)
{
	struct run *run = synthetic_run(2000);
	u32 count, *failed = report_failed(run, &count);
	const struct run_drop **drops = report_drops(run);

	(void)state;
	assert_true(count > 10 && run->drop_count > 5);
	for (u32 i = 1; i < count; i++)
		assert_true(run->processes[failed[i - 1]].end <= run->processes[failed[i]].end);
	for (u32 i = 1; i < run->drop_count; i++)
		assert_true(drops[i - 1]->packets > drops[i]->packets);
	free(failed);
	free(drops);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_line_is_wider),
		cmocka_unit_test(the_head_says_what_was_and_what_is_missing),
		cmocka_unit_test(what_was_asked_for_and_nothing_else),
		cmocka_unit_test(an_empty_run),
		cmocka_unit_test(json_is_one_line_handed_on_in_pieces),
		cmocka_unit_test(branches_go_down_before_they_go_on),
		cmocka_unit_test(rows_come_as_sorted),
		cmocka_unit_test(failures_and_drops_come_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
