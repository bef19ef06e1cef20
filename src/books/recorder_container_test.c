/* Containers whose runtime writes its files later than their first processes begin, or end. */
#define _GNU_SOURCE
#include "tests/recorded.h"

#include <sys/stat.h>

#define GROUP 77

/* The identity looks below the test's directory for what runtimes write. */
static void look_below(const char *root)
{
	cgroup_table_free(scene.identity->cgroups);
	scene.identity->cgroups = cgroup_table_new(root, 0);
	assert_non_null(scene.identity->cgroups);
}

static void write_state(const char *name)
{
	char file[256];
	FILE *out;

	snprintf(file, sizeof(file), "mkdir -p %s/run/runc/%s", directory, name);
	assert_int_equal(system(file), 0);
	snprintf(file, sizeof(file), "%s/run/runc/%s/state.json", directory, name);
	out = fopen(file, "w");
	assert_non_null(out);
	fputs("{}", out);
	fclose(out);
}

static void group_is(const char *group)
{
	struct record *record = make(KIND_cgroup, 0, 0);

	record->cgroup = GROUP;
	record_string(&buffer, group, strlen(group), strlen(group));
	record_string(&buffer, "", 0, 0);
	tell();
}

static void begin_in(u32 group, u32 pid, u64 start, u32 parent, u64 parent_start)
{
	fork_of(pid, start, parent, parent_start);
	scene.cgroup = group;
	exec_of(pid, start, "/bin/sh", 0);
	scene.cgroup = 0;
}

/* The first lives on, its child ends before anything is known, a grandchild never has a program of its own. */
static void first_processes(void)
{
	exec_of(PID, BEGIN - 5, "/usr/sbin/runc", 0);
	begin_in(GROUP, PID + 1, BEGIN + 10, PID, BEGIN - 5);
	begin_in(GROUP, PID + 2, BEGIN + 20, PID + 1, BEGIN + 10);
	fork_of(PID + 3, BEGIN + 30, PID + 2, BEGIN + 20);
	exit_of(PID + 3, BEGIN + 30, PID + 2, BEGIN + 20, 1);
	exit_of(PID + 2, BEGIN + 20, PID + 1, BEGIN + 10, 1);
}

static void last_processes(void)
{
	begin_in(GROUP, PID + 4, BEGIN + 40, PID + 1, BEGIN + 10);
	exit_of(PID + 4, BEGIN + 40, PID + 1, BEGIN + 10, 1);
	exit_of(PID + 1, BEGIN + 10, PID, BEGIN - 5, 1);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 1);
}

static void check_inside(struct run *run, const char *name)
{
	assert_int_equal(run->process_count, 5);
	assert_int_equal(run->container_count, 1);
	assert_string_equal(run_text(run, run->containers[0].id).data, name);
	assert_string_equal(run_text(run, run->containers[0].name).data, name);
	assert_string_equal(run_text(run, run->containers[0].runtime).data, "runc");
	assert_int_equal(run->processes[0].container, RUN_NONE);
	assert_int_equal(run->processes[0].task, RUN_NONE);
	assert_int_equal(run->task_count, 1);
	for (u32 i = 1; i < 5; i++) {
		assert_int_equal(run->processes[i].container, 0);
		assert_int_equal(run->processes[i].task, 0);
	}
	/* their arguments are as told before */
	assert_string_equal(run_arguments(run, 2).data, "/bin/sh");
	run_free(run);
}

static void found_while_it_lives(void **state)
{
	(void)state;
	begin(PID);
	look_below(directory);
	group_is("/late");
	first_processes();
	assert_true(recorder_look(scene.recorder, scene.now) < scene.now + SECOND);
	recorder_flush(scene.recorder, scene.now);
	assert_false(recorder_hurries(scene.recorder));
	write_state("late");
	scene.now += SECOND;
	assert_int_equal(recorder_look(scene.recorder, scene.now), UINT64_MAX);
	assert_true(recorder_hurries(scene.recorder));
	last_processes();
	check_inside(end(), "late");
}

/* All is over before the next look is due. */
static void found_at_the_end(void **state)
{
	(void)state;
	begin(PID);
	look_below(directory);
	group_is("/short");
	first_processes();
	last_processes();
	write_state("short");
	check_inside(end(), "short");
}

/* A program in it begins: the files are there by then. */
static void found_with_its_program(void **state)
{
	(void)state;
	begin(PID);
	look_below(directory);
	group_is("/prompt");
	write_state("prompt");
	first_processes();
	last_processes();
	check_inside(end(), "prompt");
}

/* A plain name is nobody's, and is not asked for for ever. */
static void no_container(void **state)
{
	u64 look;
	int looks = 0;

	(void)state;
	begin(PID);
	look_below(directory);
	group_is("/plain");
	first_processes();
	while ((look = recorder_look(scene.recorder, scene.now)) != UINT64_MAX && looks++ < 100)
		scene.now = look;
	assert_in_range(looks, 2, 20);
	last_processes();
	struct run *run = end();
	assert_int_equal(run->container_count, 0);
	assert_int_equal(run->processes[1].container, RUN_NONE);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_while_it_lives),
		cmocka_unit_test(found_at_the_end),
		cmocka_unit_test(found_with_its_program),
		cmocka_unit_test(no_container),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
