/*
 * Sums: every way to cut a run adds up to the same total; covered time and memory seen together are those of a run by
 * hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "books/sum.h"

#define SECOND 1000000000ULL

static struct run_process *add(struct run *run, u32 tool, u64 start, u64 end, u64 cpu)
{
	struct run_process *process = run_process_add(run);

	*process = (struct run_process){
		.parent = RUN_NONE,
		.tool = tool,
		.task = RUN_NONE,
		.container = RUN_NONE,
		.executable = RUN_NONE,
		.directory = RUN_NONE,
		.start = start * SECOND,
		.end = end * SECOND,
		.costs = { .cpu = cpu, .memory = cpu },
	};
	if (end > run->end / SECOND)
		run->end = end * SECOND;
	return process;
}

static void sample(struct run *run, u32 process, u64 time, u64 memory)
{
	*run_sample_add(run) = (struct run_sample){ .process = process, .time = time * SECOND, .memory = memory };
}

static struct run *two_tools(void)
{
	struct run *run = run_new();

	run->interval = SECOND;
	run_tool_add(run);
	run_tool_add(run);
	run_tool_add(run);
	add(run, 0, 0, 100, 5)->user = 1000;
	add(run, 1, 10, 30, 7)->user = 7;
	add(run, 1, 20, 40, 11)->code = 1;
	add(run, 1, 60, 70, 13)->signal = 9;
	return run;
}

static void rows_are_of_those_who_ran(void **state)
{
	struct run *run = two_tools();
	struct sum_row *rows;
	u32 count;

	(void)state;
	/* a shell that became one of the others */
	run_tool_add(run);
	rows = sum_make(run, SUM_TOOL, &count);
	assert_int_equal(count, 2);
	assert_int_equal(sum_names(run).tools, 2);
	assert_int_equal(sum_names(run).tasks, 0);
	assert_int_equal(rows[0].index, 1);
	assert_int_equal(rows[0].processes, 3);
	assert_int_equal(rows[0].failures, 2);
	assert_int_equal(rows[0].costs.cpu, 31);
	assert_int_equal(rows[0].costs.memory, 13);
	assert_int_equal(rows[0].first, 10 * SECOND);
	assert_int_equal(rows[0].last, 70 * SECOND);
	assert_int_equal(rows[0].lifetime, 50 * SECOND);
	assert_int_equal(rows[0].covered, 40 * SECOND);
	assert_int_equal(rows[1].index, 0);
	free(rows);
	rows = sum_make(run, SUM_TASK, &count);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].index, RUN_NONE);
	assert_int_equal(rows[0].covered, 100 * SECOND);
	free(rows);
	rows = sum_make(run, SUM_USER, &count);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].index, 0);
	assert_int_equal(rows[0].costs.cpu, 24);
	free(rows);
	run_free(run);
}

static void an_empty_run_has_a_total(void **state)
{
	struct run *run = run_new();
	struct sum_row *rows;
	u32 count;

	(void)state;
	rows = sum_make(run, SUM_TOTAL, &count);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].processes, 0);
	free(rows);
	for (enum sum_by by = SUM_TOOL; by < SUM_TOTAL; by++) {
		rows = sum_make(run, by, &count);
		assert_int_equal(count, 0);
		free(rows);
	}
	run_free(run);
}

static void memory_is_what_was_there_at_once(void **state)
{
	struct run *run = two_tools();
	struct sum_row *rows;
	u32 count;

	(void)state;
	sample(run, 0, 5, 1000);
	sample(run, 1, 12, 300);
	sample(run, 2, 22, 400);	/* beside the 300 that did not change */
	sample(run, 0, 25, 100);
	sample(run, 3, 61, 500);	/* the others are gone */
	rows = sum_make(run, SUM_TOOL, &count);
	assert_int_equal(rows[0].sampled_memory, 700);
	assert_int_equal(rows[1].sampled_memory, 1000);
	free(rows);
	rows = sum_make(run, SUM_TOTAL, &count);
	assert_int_equal(rows[0].sampled_memory, 1700);
	free(rows);
	run_free(run);
}

/* Memory that moves from one process to another between two looks was never there twice. */
static void one_look_counts_as_one(void **state)
{
	struct run *run = two_tools();
	struct sum_row *rows;
	u32 count;

	(void)state;
	sample(run, 1, 21, 900);
	sample(run, 2, 21, 100);
	sample(run, 2, 22, 900);
	sample(run, 1, 22, 100);
	rows = sum_make(run, SUM_TOTAL, &count);
	assert_int_equal(rows[0].sampled_memory, 1000);
	free(rows);
	run_free(run);
}

static void every_cut_adds_up_to_the_total(void **state)
{
	struct run *run = run_new();
	u32 count;

	(void)state;
	for (u32 i = 0; i < 50; i++) {
		run_tool_add(run);
		run_task_add(run)->group = i % 7;
		run_container_add(run);
	}
	for (u32 i = 0; i < 100000; i++) {
		struct run_process *process = add(run, rand() % 50, rand() % 1000, 1000, rand());

		process->task = rand() % 51 == 50 ? RUN_NONE : (u32)rand() % 50;
		process->container = rand() % 2 ? RUN_NONE : (u32)rand() % 50;
		process->user = rand() % 100;
		process->code = rand() % 2;
		for (size_t cost = 0; cost < cost_count; cost++)
			*(u64 *)((char *)&process->costs + cost_list[cost].offset) = (u64)rand() << 20 | rand();
	}
	for (enum sum_by by = SUM_TOOL; by < SUM_TOTAL; by++) {
		struct sum_row *rows = sum_make(run, by, &count), total = { 0 }, *want;

		for (u32 i = 0; i < count; i++) {
			costs_add(&total.costs, &rows[i].costs);
			total.processes += rows[i].processes;
			total.failures += rows[i].failures;
			total.lifetime += rows[i].lifetime;
		}
		want = sum_make(run, SUM_TOTAL, &count);
		assert_memory_equal(&total.costs, &want->costs, sizeof(total.costs));
		assert_int_equal(total.processes, want->processes);
		assert_int_equal(total.failures, want->failures);
		assert_int_equal(total.lifetime, want->lifetime);
		free(rows);
		free(want);
	}
	run_free(run);
}

/* What was there before counts from the start of the run. */
static void the_run_is_the_frame(void **state)
{
	struct run *run = run_new();
	struct sum_row *rows;
	u32 count;

	(void)state;
	run->start = 100 * SECOND;
	run_tool_add(run);
	add(run, 0, 10, 110, 1)->flags = RUN_PROCESS_EARLIER;
	add(run, 0, 105, 120, 1);
	rows = sum_make(run, SUM_TOTAL, &count);
	assert_int_equal(rows[0].first, 10 * SECOND);
	assert_int_equal(rows[0].covered, 20 * SECOND);
	assert_int_equal(rows[0].lifetime, 25 * SECOND);
	free(rows);
	run_free(run);
}

static void groups_are_their_tasks_together(void **state)
{
	struct run *run = run_new();
	struct sum_row *rows;
	u32 count;

	(void)state;
	run_tool_add(run);
	for (u32 i = 0; i < 6; i++) {
		run_task_add(run)->group = 10 + i % 2;
		add(run, 0, 10 * i, 10 * i + 15, 1 + i)->task = i;
	}
	add(run, 0, 0, 5, 1);
	rows = sum_make(run, SUM_GROUP, &count);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].index, 1);
	assert_int_equal(rows[0].costs.cpu, 2 + 4 + 6);
	assert_int_equal(rows[0].covered, 45 * SECOND);
	assert_int_equal(rows[1].index, 0);
	assert_int_equal(rows[2].index, RUN_NONE);
	free(rows);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_of_those_who_ran),
		cmocka_unit_test(an_empty_run_has_a_total),
		cmocka_unit_test(memory_is_what_was_there_at_once),
		cmocka_unit_test(one_look_counts_as_one),
		cmocka_unit_test(the_run_is_the_frame),
		cmocka_unit_test(groups_are_their_tasks_together),
		cmocka_unit_test(every_cut_adds_up_to_the_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
