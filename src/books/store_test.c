/* What is told to the store is what is loaded from it, whatever happens to who tells it. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "books/store_inside.h"
#include "tests/books.h"

#define ALL (STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES)

static char directory[64], path[96];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/sonde-store-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/below/store.db", directory);
	return 0;
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static u64 record(struct store *store, struct run *run)
{
	struct store_writer *writer = store_begin(store, run);

	assert_non_null(writer);
	books_tell(writer, run);
	assert_int_equal(store_given_up(writer, NULL), 0);
	assert_int_equal(store_end(writer, run), 0);
	return run->id;
}

#define SAME(member, count)                                                                        \
	do {                                                                                       \
		assert_int_equal(got->count, want->count);                                         \
		for (u32 row = 0; row < want->count; row++)                                        \
			assert_memory_equal(&got->member[row], &want->member[row], sizeof(want->member[row])); \
	} while (0)

static void same_text(const struct run *got, u32 got_text, const struct run *want, u32 want_text)
{
	struct run_bytes a = run_text(got, got_text), b = run_text(want, want_text);

	assert_int_equal(got_text == RUN_NONE, want_text == RUN_NONE);
	assert_int_equal(a.length, b.length);
	assert_memory_equal(a.data, b.data, b.length + 1);
}

static void same_run(const struct run *got, const struct run *want)
{
	same_text(got, got->name, want, want->name);
	same_text(got, got->command, want, want->command);
	same_text(got, got->scope, want, want->scope);
	same_text(got, got->directory, want, want->directory);
	same_text(got, got->host.name, want, want->host.name);
	same_text(got, got->host.kernel, want, want->host.kernel);
	same_text(got, got->host.model, want, want->host.model);
	/* Everything between the texts and the rows. */
	assert_memory_equal(&got->user, &want->user, offsetof(struct run, processes) - offsetof(struct run, user));
	SAME(processes, process_count);
	SAME(tools, tool_count);
	SAME(tasks, task_count);
	SAME(containers, container_count);
	SAME(samples, sample_count);
	SAME(host_samples, host_sample_count);
	SAME(facts, fact_count);
	SAME(peers, peer_count);
	SAME(files, file_count);
	for (u32 i = 0; i < want->process_count; i++) {
		struct run_bytes a = run_arguments(got, i), b = run_arguments(want, i);

		assert_int_equal(a.length, b.length);
		assert_memory_equal(a.data, b.data, b.length + 1);
	}
	for (u32 i = 0; run_text(want, i).length; i++)
		same_text(got, i, want, i);
}

static void every_field_comes_back(void **state)
{
	struct store *store = store_open(path, true);
	struct run *run = books_make(500), *got;

	(void)state;
	assert_non_null(store);
	assert_string_equal(store_path(store), path);
	assert_int_equal(record(store, run), 1);
	got = store_load(store, NULL, ALL);
	assert_non_null(got);
	assert_int_equal(got->id, 1);
	same_run(got, run);
	run_free(got);

	got = store_load(store, "last", 0);
	assert_int_equal(got->process_count, run->process_count);
	assert_int_equal(got->fact_count, run->fact_count);
	assert_int_equal(got->sample_count + got->host_sample_count + got->file_count, 0);
	assert_int_equal(run_arguments(got, 1).length, 0);
	run_free(got);
	run_free(run);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_field_comes_back, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
