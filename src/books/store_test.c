/* What is told to the store is what is loaded from it; runs are found, listed and let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/wall.h"
#include "books/store_inside.h"
#include "tests/books.h"

#define ALL (STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES)
#define HOUR 3600000000000ULL

static u64 record(struct store *store, struct run *run)
{
	struct store_writer *writer = store_begin(store, run);

	assert_non_null(writer);
	books_tell(writer, run);
	assert_int_equal(store_given_up(writer, NULL), 0);
	assert_int_equal(store_end(writer, run), 0);
	return run->id;
}

/* One of a few processes, by name, that ended so long ago. */
static u64 record_named(struct store *store, const void *name, size_t length, u64 ago)
{
	struct run *run = books_make(4);
	struct wall wall = { 0 };
	u64 id;

	wall_refresh(&wall);
	run->wall_offset = wall.offset;
	run->end = wall_boot_now() - ago;
	run->start = run->end - 5000000000;
	run->name = name ? run_text_add(run, name, length) : RUN_NONE;
	id = record(store, run);
	run_free(run);
	return id;
}

#define SAME(member, count)                                                                                        \
	do {                                                                                                       \
		assert_int_equal(got->count, want->count);                                                         \
		for (u32 row = 0; row < want->count; row++)                                                        \
			assert_memory_equal(&got->member[row], &want->member[row], sizeof(want->member[row]));     \
	} while (0)

static void same_bytes(struct run_bytes a, struct run_bytes b)
{
	assert_int_equal(a.length, b.length);
	assert_memory_equal(a.data, b.data, b.length + 1);
}

static void same_text(const struct run *got, u32 got_text, const struct run *want, u32 want_text)
{
	assert_int_equal(got_text == RUN_NONE, want_text == RUN_NONE);
	same_bytes(run_text(got, got_text), run_text(want, want_text));
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
	SAME(drops, drop_count);
	SAME(files, file_count);
	for (u32 i = 0; i < want->process_count; i++)
		same_bytes(run_arguments(got, i), run_arguments(want, i));
	for (u32 i = 0; run_text(want, i).length; i++)
		same_text(got, i, want, i);
}

static void every_field_comes_back(void **state)
{
	struct store *store = store_open(books_path, true);
	struct run *run = books_make(500), *got;

	(void)state;
	assert_non_null(store);
	assert_string_equal(store_path(store), books_path);
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

static void is_for_its_owner_alone(void **state)
{
	struct store *store = store_open(books_path, true);
	static const char *const beside[] = { "", "-wal", "-shm", "-live" };
	struct stat status;
	char name[128];

	(void)state;
	record_named(store, NULL, 0, 0);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", books_path, beside[i]);
		assert_int_equal(stat(name, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	snprintf(name, sizeof(name), "%s/below", books_directory);
	assert_int_equal(stat(name, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	store_close(store);
}

static void what_is_told_again_replaces(void **state)
{
	struct store *store = store_open(books_path, true);
	struct run *run = books_make(2), *got;
	struct store_writer *writer = store_begin(store, run);
	struct run_process living = run->processes[1];

	(void)state;
	living.end = 0;
	living.flags = RUN_PROCESS_LIVING;
	memset(&living.costs, 0, sizeof(living.costs));
	books_tell(writer, run);
	store_process(writer, 1, &living, "sh\0-c", 6);
	store_flush(writer);
	run->processes[1].code = 42;
	store_process(writer, 1, &run->processes[1], NULL, 0);
	assert_int_equal(store_end(writer, run), 0);
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->process_count, 2);
	assert_memory_equal(&got->processes[1], &run->processes[1], sizeof(living));
	assert_int_equal(run_arguments(got, 1).length, 6);
	assert_memory_equal(run_arguments(got, 1).data, "sh\0-c", 6);
	run_free(got);
	run_free(run);
	store_close(store);
}

static void parents_stand_first_whatever_the_order(void **state)
{
	struct store *store = store_open(books_path, true);
	struct run *run = run_new(), *got;
	struct store_writer *writer;
	struct run_sample sample = { .process = 90 };
	struct run_process process = { .tool = 5, .parent = RUN_NONE, .task = RUN_NONE, .container = RUN_NONE,
				       .executable = RUN_NONE, .directory = RUN_NONE };

	(void)state;
	run->start = 1000;
	run->end = 9000;
	writer = store_begin(store, run);
	/*
	 * 70 is the child of 90, which is the child of 100; 80 has itself above it; the parent of 60 was lost, and so
	 * was the tool.
	 */
	for (u32 i = 60; i <= 100; i += 10) {
		process.pid = i;
		process.start = process.end = 1000 + i;
		process.parent = i == 60 ? 7 : i == 70 ? 90 : i == 80 ? 80 : i == 90 ? 100 : RUN_NONE;
		store_process(writer, i, &process, "x", 2);
	}
	store_sample(writer, &sample);
	sample.process = 91;
	store_sample(writer, &sample);
	assert_int_equal(store_end(writer, run), 0);
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->process_count, 5);
	for (u32 i = 0; i < 5; i++) {
		u32 pid = got->processes[i].pid, parent = got->processes[i].parent;

		assert_true(parent == RUN_NONE || parent < i);
		assert_int_equal(parent == RUN_NONE ? 0 : got->processes[parent].pid,
				 pid == 70 ? 90 : pid == 90 ? 100 : 0);
		assert_string_equal(run_text(got, got->tools[got->processes[i].tool].name).data, "unknown");
		assert_int_equal(run_arguments(got, i).length, 2);
	}
	assert_int_equal(got->sample_count, 1);
	assert_int_equal(got->processes[got->samples[0].process].pid, 90);
	run_free(got);
	run_free(run);
	store_close(store);
}

static void words_find_runs(void **state)
{
	static char longest[5000];
	static const struct {
		const char *name;
		size_t length;
	} names[] = {
		{ "align", 5 }, { "a\nb'\"\\", 6 }, { "\xff\xfe", 2 }, { "", 0 },
		{ "3", 1 },	{ "77", 2 },	    { "align", 5 },    { longest, sizeof(longest) - 1 },
	};
	struct store *store = store_open(books_path, true);
	size_t count = sizeof(names) / sizeof(names[0]);

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	books_listen();
	assert_int_equal(store_find(store, NULL), 0);
	assert_non_null(strstr(books_heard(), "no run is in the store"));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(record_named(store, names[i].name, names[i].length, 0), i + 1);

	assert_int_equal(store_find(store, NULL), count);
	assert_int_equal(store_find(store, "last"), count);
	assert_int_equal(store_find(store, "last~0"), count);
	assert_int_equal(store_find(store, "last~1"), count - 1);
	assert_int_equal(store_find(store, "2"), 2);
	assert_int_equal(store_find(store, "3"), 3);	/* not the run of that name */
	assert_int_equal(store_find(store, "77"), 6);
	assert_int_equal(store_find(store, "align"), 7);
	assert_int_equal(store_find(store, "a\nb'\"\\"), 2);
	assert_int_equal(store_find(store, "\xff\xfe"), 3);
	assert_int_equal(store_find(store, ""), 4);
	assert_int_equal(store_find(store, longest), count);

	books_listen();
	assert_int_equal(store_find(store, "last~8"), 0);
	assert_non_null(strstr(books_heard(), "no run last~8: there are only 8"));
	books_listen();
	assert_int_equal(store_find(store, "algin"), 0);
	assert_non_null(strstr(books_heard(), "no run algin, did you mean align?"));
	books_listen();
	assert_int_equal(store_find(store, "99999999999999999999999"), 0);
	assert_int_equal(store_find(store, "last~x"), 0);
	assert_int_equal(store_find(store, "'; DROP TABLE runs; --"), 0);
	assert_null(store_load(store, "-1", 0));
	assert_non_null(strstr(books_heard(), "neither an id nor a name"));
	store_close(store);
}

struct listed {
	u32 count;
	u64 ids[16];
	struct store_entry last;
	char command[64];
};

static bool list_one(void *context, const struct store_entry *entry)
{
	struct listed *listed = context;

	listed->ids[listed->count++] = entry->id;
	listed->last = *entry;
	memcpy(listed->command, entry->command.data, entry->command.length + 1);
	return listed->count < 3;
}

static void runs_are_listed(void **state)
{
	struct store *store = store_open(books_path, true);
	struct run *run = books_make(9);
	struct listed listed = { 0 };
	u64 cpu = 0;

	(void)state;
	assert_int_equal(store_list(store, list_one, &listed), 0);
	assert_int_equal(listed.count, 0);
	record(store, run);
	for (u32 i = 0; i < 9; i++)
		cpu += run->processes[i].costs.cpu;
	assert_int_equal(store_list(store, list_one, &listed), 0);
	assert_int_equal(listed.count, 1);
	assert_int_equal(listed.last.id, 1);
	assert_int_equal(listed.last.kind, RUN_SCOPE);
	assert_int_equal(listed.last.state, RUN_FINISHED);
	assert_int_equal(listed.last.exit_status, 3);
	assert_int_equal(listed.last.started_wall, run_wall(run, run->start));
	assert_int_equal(listed.last.duration, run->end - run->start);
	assert_int_equal(listed.last.processes, 9);
	assert_int_equal(listed.last.cpu, cpu);
	assert_int_equal(listed.last.user, 1001);
	assert_true(listed.last.bytes > 1000 && listed.last.bytes < 100000);
	assert_string_equal(listed.command, "make '-j 2'");
	for (int i = 0; i < 4; i++)
		record(store, run);
	listed.count = 0;
	assert_int_equal(store_list(store, list_one, &listed), 0);
	assert_int_equal(listed.count, 3);
	assert_int_equal(listed.ids[0], 5);
	assert_int_equal(listed.ids[2], 3);
	run_free(run);
	store_close(store);
}

static u64 rows_in(struct store *store)
{
	s64 number, rows = 0;
	char sql[64];

	for (enum store_table table = 0; table < STORE_TABLES; table++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", store_layouts[table].name);
		assert_true(store_ask(store->db, sql, &number));
		rows += number;
	}
	return rows;
}

static void what_is_removed_is_gone(void **state)
{
	struct store *store = store_open(books_path, true);
	struct store_writer *writer;
	struct run *run = books_make(2000);
	struct stat before, after;
	u64 rows;

	(void)state;
	record_named(store, "kept", 4, 0);
	rows = rows_in(store);
	record(store, run);
	store_close(store);
	assert_int_equal(stat(books_path, &before), 0);

	store = store_open(books_path, true);
	assert_int_equal(store_remove(store, run->id), 0);
	assert_int_equal(rows_in(store), rows);
	store_close(store);
	assert_int_equal(stat(books_path, &after), 0);
	assert_true(after.st_size < before.st_size / 2);

	/* Ids are not used again, and what is being recorded stays. */
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	assert_int_equal(run->id, 3);
	books_listen();
	assert_int_equal(store_remove(store, run->id), -EBUSY);
	assert_non_null(strstr(books_heard(), "run 3 is being recorded"));
	assert_int_equal(store_end(writer, run), 0);
	assert_int_equal(store_remove(store, run->id), 0);
	run_free(run);
	store_close(store);
}

static void the_old_go_and_the_newest_stays(void **state)
{
	struct store *store = store_open(books_path, true);
	struct listed listed = { 0 };
	struct store_writer *writer;
	struct run *run = books_make(1);

	(void)state;
	assert_int_equal(store_retain(store, &(struct store_limits){ HOUR, 1 }), 0);
	record_named(store, "old", 3, 3 * HOUR);
	writer = store_begin(store, run);
	record_named(store, "young", 5, HOUR / 2);
	record_named(store, "newest", 6, 0);
	assert_int_equal(store_retain(store, &(struct store_limits){ 0, 0 }), 0);
	assert_int_equal(store_retain(store, &(struct store_limits){ 24 * HOUR, 1ULL << 30 }), 0);
	assert_int_equal(store_retain(store, &(struct store_limits){ HOUR, 0 }), 1);
	assert_int_equal(store_find(store, "last~2"), 2);
	assert_int_equal(store_retain(store, &(struct store_limits){ 0, 1 }), 1);
	assert_int_equal(store_list(store, list_one, &listed), 0);
	assert_int_equal(listed.count, 2);
	assert_int_equal(listed.ids[0], 4);
	assert_int_equal(listed.ids[1], 2);	/* being recorded */
	assert_int_equal(listed.last.state, RUN_RECORDING);
	assert_int_equal(store_end(writer, run), 0);
	run_free(run);
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, books_setup, books_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(is_for_its_owner_alone),
		TEST(what_is_told_again_replaces),
		TEST(parents_stand_first_whatever_the_order),
		TEST(words_find_runs),
		TEST(runs_are_listed),
		TEST(what_is_removed_is_gone),
		TEST(the_old_go_and_the_newest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
