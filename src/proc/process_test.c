/* Lives and deaths played against the table, in the orders that real machines produce. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proc/process.h"

#define SECOND 1000000000ull

static struct process *born(struct process_table *table, uint32_t pid, uint64_t start,
			    uint32_t parent_pid, uint64_t parent_start)
{
	struct process_birth birth = {.pid = pid, .start = start, .parent_pid = parent_pid,
				      .parent_start = parent_start};
	return process_fork(table, &birth);
}

static struct process *runs(struct process_table *table, uint32_t pid, uint64_t start,
			    const char *executable, const char *arguments, size_t length)
{
	struct process_credentials credentials = {.user = 1000, .cgroup = 7, .login = PROCESS_ID_UNSET};
	struct process_image image = {
		.pid = pid, .start = start, .time = start + 1, .credentials = &credentials, .name = "x",
		.executable = executable, .executable_length = strlen(executable),
		.working_directory = "/work", .working_directory_length = 5,
		.arguments = arguments, .arguments_stored = length,
	};
	return process_exec(table, &image);
}

static void test_fork_inherits_and_exec_replaces(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(0);

	born(table, 10, 100, 0, 0);
	struct process *shell = runs(table, 10, 100, "/bin/sh", "sh\0-c\0x", 7);
	struct process *child = born(table, 11, 200, 10, 100);
	assert_ptr_equal(process_parent(table, child), shell);
	assert_ptr_equal(child->executable, shell->executable);
	assert_ptr_equal(child->arguments, shell->arguments);
	assert_int_equal(child->credentials.user, 1000);
	assert_int_equal(child->credentials.cgroup, 7);
	assert_false(child->flags & PROCESS_EXECUTED);
	runs(table, 11, 200, "/bin/true", "true", 4);
	assert_true(child->flags & PROCESS_EXECUTED);
	assert_string_equal(child->executable->data, "/bin/true");
	assert_memory_equal(shell->arguments->data, "sh\0-c\0x", 7);
	assert_ptr_equal(child->working_directory, shell->working_directory);
	process_table_free(table);
}

static void test_ancestors_outlive_their_death(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(0);

	born(table, 1, 1, 0, 0);
	born(table, 20, 10, 1, 1);
	born(table, 21, 20, 20, 10);
	born(table, 22, 30, 21, 20);
	process_exit(table, 20, 10, SECOND);
	process_exit(table, 21, 20, SECOND);
	process_table_advance(table, 100 * SECOND);
	struct process *last = process_find(table, 22, 30);
	assert_int_equal(process_parent(table, last)->pid, 21);
	assert_int_equal(process_parent(table, process_parent(table, last))->pid, 20);
	assert_int_equal(process_table_count(table), 4);
	process_exit(table, 22, 30, 101 * SECOND);
	/* late events of the other lane still find it */
	assert_non_null(process_find(table, 22, 30));
	assert_null(process_find_pid(table, 22));
	process_table_advance(table, 102 * SECOND);
	assert_non_null(process_find(table, 22, 30));
	process_table_advance(table, 104 * SECOND);
	assert_int_equal(process_table_count(table), 1);
	process_table_free(table);
}

static void test_pid_is_used_again(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(0);

	born(table, 30, 100, 0, 0);
	born(table, 31, 150, 30, 100);
	born(table, 30, 200, 31, 150);		/* the first one's exit was lost */
	assert_int_equal(process_find_pid(table, 30)->start, 200);
	assert_int_equal(process_find(table, 30, 100)->exit_time, 200);
	struct process *again = process_find(table, 30, 200);
	assert_int_equal(process_parent(table, process_parent(table, again))->start, 100);
	born(table, 30, 50, 0, 0);		/* told late */
	assert_int_equal(process_find_pid(table, 30)->start, 200);
	process_exit(table, 30, 200, 300);
	assert_null(process_find_pid(table, 30));
	assert_null(process_exit(table, 99, 1, 300));
	process_table_free(table);
}

static void test_parents_known_late_and_no_circles(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(0);
	struct process *child = born(table, 41, 200, 40, 100);

	assert_null(process_parent(table, child));
	struct process *parent = born(table, 40, 100, 41, 200);		/* a lie */
	assert_ptr_equal(process_parent(table, child), parent);
	assert_null(process_parent(table, parent));
	struct process *self = born(table, 42, 5, 42, 5);
	assert_null(process_parent(table, self));
	struct process *one = born(table, 43, 5, 44, 5), *two = born(table, 44, 5, 43, 5);
	assert_true(!process_parent(table, one) || !process_parent(table, two));
	process_table_free(table);
}

static void test_burst_keeps_parents(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(0);
	uint64_t time = 1000;

	born(table, 1, 1, 0, 0);
	runs(table, 1, 1, "/sbin/init", "init", 4);
	for (uint32_t i = 0; i < 10000; i++) {
		char arguments[64];
		int length = snprintf(arguments, sizeof(arguments), "tool%c--number%c%u", 0, 0, i);
		uint32_t pid = 100 + i;
		uint32_t parent = i % 10 ? pid - 1 : 1;
		uint64_t parent_start = i % 10 ? time : 1;
		struct process *child = born(table, pid, time + 10, parent, parent_start);
		assert_non_null(child);
		child = runs(table, pid, time + 10, "/usr/bin/tool", arguments, (size_t)length);
		assert_int_equal(process_parent(table, child)->pid, parent);
		if (i % 10)
			process_exit(table, parent, parent_start, time + 15);
		time += 10;
	}
	for (uint32_t i = 9; i < 10000; i += 10) {
		struct process *process = process_find_pid(table, 100 + i);
		for (uint32_t up = 0; up < 10; up++) {
			assert_non_null(process);
			assert_int_equal(process->pid, 100 + i - up);
			process = process_parent(table, process);
		}
		assert_int_equal(process->pid, 1);
	}
	assert_true(process_table_memory(table) <= PROCESS_BUDGET);
	assert_int_equal(process_table_forgotten(table).living, 0);
	process_table_free(table);
}

static void test_budget_is_kept_in_order(void **state)
{
	(void)state;
	struct process_table *table = process_table_new(64 << 10);
	char arguments[1000] = {0};
	uint64_t time = 10;

	born(table, 1, 1, 0, 0);
	for (uint32_t i = 0; i < 30; i++) {	/* a chain of the dead, 30 kB of arguments */
		born(table, 2 + i, time + 1, 1 + i, i ? time : 1);
		runs(table, 2 + i, time + 1, "/bin/a", arguments, sizeof(arguments));
		if (i)
			process_exit(table, 1 + i, time, time + 1);
		time++;
	}
	process_table_advance(table, 10 * SECOND);
	assert_int_equal(process_table_forgotten(table).arguments, 0);
	for (uint32_t i = 0; i < 40; i++) {
		born(table, 1000 + i, 10 * SECOND + i, 1, 1);
		runs(table, 1000 + i, 10 * SECOND + i, "/bin/b", arguments, sizeof(arguments));
		assert_true(process_table_memory(table) <= 64 << 10);
	}
	struct process_forgotten forgotten = process_table_forgotten(table);
	assert_true(forgotten.arguments > 0);
	assert_int_equal(forgotten.living, 0);
	/* the chain is whole as long as arguments could be given instead */
	struct process *process = process_find_pid(table, 31);
	assert_non_null(process->arguments);
	assert_int_equal(process_parent(table, process)->pid, 30);
	for (uint32_t i = 0; i < 4000; i++) {
		born(table, 10000 + i, 11 * SECOND + i, 31, 40);
		assert_true(process_table_memory(table) <= 64 << 10);
	}
	forgotten = process_table_forgotten(table);
	assert_true(forgotten.ancestors > 0);
	assert_true(forgotten.living > 0);
	/* arguments that alone would fill the table are not kept, and said to be cut */
	static char huge[128 << 10];
	process = runs(table, 9000, 12 * SECOND, "/bin/huge", huge, sizeof(huge));
	assert_null(process->arguments);
	assert_int_equal(process->arguments_length, sizeof(huge));
	assert_true(process->flags & PROCESS_ARGUMENTS_CUT);
	process_table_free(table);
}

static void test_random_lives(void **state)
{
	(void)state;
	srand(7);
	for (size_t budget = 8 << 10; budget <= 4 << 20; budget *= 8) {
		struct process_table *table = process_table_new(budget);
		static struct {
			uint64_t start;
		} alive[300];
		char arguments[400] = {0};
		uint64_t now = 1;

		memset(alive, 0, sizeof(alive));
		for (int step = 0; step < 60000; step++) {
			uint32_t pid = 1 + (uint32_t)rand() % 299, parent = 1 + (uint32_t)rand() % 299;
			now += (uint64_t)rand() % 20000000;
			switch (rand() % 4) {
			case 0:
				born(table, pid, now, parent, alive[parent].start);
				alive[pid].start = now;
				break;
			case 1:
				runs(table, pid, alive[pid].start, rand() % 2 ? "/bin/a" : "/bin/b", arguments,
				     (size_t)rand() % sizeof(arguments));
				break;
			case 2:
				if (rand() % 8)
					process_exit(table, pid, alive[pid].start, now);
				break;
			default:
				for (struct process *process = process_find(table, pid, alive[pid].start); process;) {
					struct process *above = process_parent(table, process);
					assert_true(!above || above->start <= process->start);
					process = above;
				}
			}
			assert_true(process_table_memory(table) <= budget);
		}
		process_table_free(table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_inherits_and_exec_replaces),
		cmocka_unit_test(test_ancestors_outlive_their_death),
		cmocka_unit_test(test_pid_is_used_again),
		cmocka_unit_test(test_parents_known_late_and_no_circles),
		cmocka_unit_test(test_burst_keeps_parents),
		cmocka_unit_test(test_budget_is_kept_in_order),
		cmocka_unit_test(test_random_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
