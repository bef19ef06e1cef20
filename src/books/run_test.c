/* The model by itself: what goes in is there, once, and stays where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "books/run.h"

static void a_new_run_has_nothing(void **state)
{
	struct run *run = run_new();

	(void)state;
	assert_int_equal(run->name, RUN_NONE);
	assert_int_equal(run->command, RUN_NONE);
	assert_int_equal(run->exit_status, -1);
	assert_int_equal(run->process_count, 0);
	assert_int_equal(run_text(run, RUN_NONE).length, 0);
	assert_string_equal(run_text(run, RUN_NONE).data, "");
	assert_int_equal(run_arguments(run, 0).length, 0);
	assert_string_equal(run_arguments(run, 7).data, "");
	run_free(run);
	run_free(NULL);
}

static void the_same_bytes_are_the_same_text(void **state)
{
	struct run *run = run_new();
	static char large[300000];
	const char *first;
	char name[32];
	u32 text;

	(void)state;
	assert_int_equal(run_text_add(run, "", 0), 0);
	assert_int_equal(run_text_add(run, NULL, 0), 0);
	first = run_text(run, run_text_add(run, "align", 5)).data;
	assert_int_equal(run_text_add(run, "a\0b", 3), 2);
	assert_int_equal(run_text_add(run, "a", 1), 3);
	assert_int_equal(run_text_add(run, "a\0c", 3), 4);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++)
			assert_int_equal(run_text_add(run, name, sprintf(name, "/work/%d", i)), 5 + i);
	memset(large, 'x', sizeof(large));
	text = run_text_add(run, large, sizeof(large));
	assert_int_equal(text, 5005);
	assert_int_equal(run_text_add(run, large, sizeof(large)), text);
	assert_int_equal(run_text(run, text).length, sizeof(large));
	assert_memory_equal(run_text(run, text).data, large, sizeof(large));
	assert_int_equal(run_text_add(run, "small again", 11), 5006);

	assert_ptr_equal(run_text(run, 1).data, first);
	assert_string_equal(run_text(run, 1).data, "align");
	assert_int_equal(run_text(run, 2).length, 3);
	assert_memory_equal(run_text(run, 2).data, "a\0b", 4);
	assert_int_equal(run_text(run, 6000).length, 0);
	run_free(run);
}

static void rows_are_zeroed_and_keep_their_index(void **state)
{
	struct run *run = run_new();

	(void)state;
	for (u32 i = 0; i < 1000; i++) {
		static const struct run_process nothing;
		struct run_process *process = run_process_add(run);

		assert_memory_equal(process, &nothing, sizeof(nothing));
		process->pid = i;
		assert_int_equal(run->process_count, i + 1);
	}
	for (u32 i = 0; i < 1000; i++)
		assert_int_equal(run->processes[i].pid, i);
	run_tool_add(run)->name = 1;
	run_task_add(run)->name = 2;
	run_container_add(run)->name = 3;
	run_sample_add(run)->time = 4;
	run_host_sample_add(run)->time = 5;
	run_fact_add(run)->time = 6;
	run_peer_add(run)->port = 7;
	run_file_add(run)->path = 8;
	assert_int_equal(run->tools[0].name, 1);
	assert_int_equal(run->tasks[0].name, 2);
	assert_int_equal(run->containers[0].name, 3);
	assert_int_equal(run->samples[0].time, 4);
	assert_int_equal(run->host_samples[0].time, 5);
	assert_int_equal(run->facts[0].time, 6);
	assert_int_equal(run->peers[0].port, 7);
	assert_int_equal(run->files[0].path, 8);
	assert_int_equal(run->tool_count + run->task_count + run->container_count + run->sample_count +
			 run->host_sample_count + run->fact_count + run->peer_count + run->file_count, 8);
	run_free(run);
}

static size_t arguments_of(u32 process, char *list, size_t size)
{
	return snprintf(list, size, "gcc%c-c%csrc/file_%u.c%c-o%cfile_%u.o", 0, 0, process, 0, 0, process) + 1;
}

static void arguments_come_back(void **state)
{
	struct run *run = run_new();
	struct run_bytes got;
	char list[100];

	(void)state;
	for (u32 i = 0; i < 3000; i++) {
		run_process_add(run);
		if (i % 3)
			run_arguments_set(run, i, list, arguments_of(i, list, sizeof(list)));
	}
	/* The next image of a process has others. */
	run_arguments_set(run, 7, "ls\0-l", 6);
	run_arguments_set(run, 8, NULL, 0);
	for (u32 i = 0; i < 3000; i++) {
		size_t length = arguments_of(i, list, sizeof(list));

		got = run_arguments(run, i);
		if (i == 7) {
			assert_int_equal(got.length, 6);
			assert_memory_equal(got.data, "ls\0-l", 7);
		} else if (i % 3 && i != 8) {
			assert_int_equal(got.length, length);
			assert_memory_equal(got.data, list, length);
		} else {
			assert_int_equal(got.length, 0);
			assert_string_equal(got.data, "");
		}
	}
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_run_has_nothing),
		cmocka_unit_test(the_same_bytes_are_the_same_text),
		cmocka_unit_test(rows_are_zeroed_and_keep_their_index),
		cmocka_unit_test(arguments_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
