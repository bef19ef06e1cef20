/* The critical path of runs whose path is known: who is on it and when, gap-free, each link's time accounted for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "books/critical.h"

#define SECOND 1000000000ULL
#define MS 1000000ULL

/* Times in ms. */
static u32 add(struct run *run, u32 parent, u64 start, u64 end, u64 cpu)
{
	struct run_process *process = run_process_add(run);

	*process = (struct run_process){
		.parent = parent,
		.task = RUN_NONE,
		.container = RUN_NONE,
		.executable = RUN_NONE,
		.directory = RUN_NONE,
		.group = 1,
		.start = run->start + start * MS,
		.end = run->start + end * MS,
		.costs = { .cpu = cpu * MS },
	};
	return run->process_count - 1;
}

/* Indices may be had by adding, which moves the rows. */
static struct run_process *row(const struct run *run, u32 index)
{
	return &run->processes[index];
}

static struct run *new(u64 length)
{
	struct run *run = run_new();

	run->start = 5000 * SECOND;
	run->end = run->start + length * MS;
	run->state = RUN_FINISHED;
	run->interval = SECOND;
	return run;
}

static void sample(struct run *run, u32 process, u64 time, u64 cpu, enum run_activity activity)
{
	*run_sample_add(run) = (struct run_sample){
		.process = process, .time = run->start + time * MS, .cpu = cpu * MS, .state = activity,
	};
}

/* "0:0-10 1:10-90 ..." in ms; -: nobody. Frees the run. */
static void path_is(struct run *run, const char *want)
{
	struct text got = { 0 };
	u64 at = run->start;
	u32 count;
	struct critical_link *links = critical_find(run, &count);

	for (u32 i = 0; i < count; i++) {
		const struct critical_link *link = &links[i];

		assert_int_equal(link->from, at);
		assert_true(link->to > link->from);
		assert_int_equal(link->cpu + link->cpu_wait + link->disk + link->network + link->other,
				 link->to - link->from);
		at = link->to;
		if (i)
			text_add_char(&got, ' ');
		if (link->process == RUN_NONE)
			text_add_char(&got, '-');
		else
			text_add_u64(&got, link->process);
		text_add_format(&got, ":%llu-%llu", (unsigned long long)(link->from - run->start) / MS,
				(unsigned long long)(link->to - run->start) / MS);
	}
	assert_int_equal(at, run->end);
	assert_string_equal(text_string(&got), want);
	text_free(&got);
	free(links);
	run_free(run);
}

static void a_sequence(void **state)
{
	struct run *run = new(100);
	u32 shell = add(run, RUN_NONE, 0, 100, 4);

	(void)state;
	add(run, shell, 10, 30, 20);
	add(run, shell, 31, 60, 20);
	add(run, shell, 61, 90, 20);
	path_is(run, "0:0-10 1:10-30 0:30-31 2:31-60 0:60-61 3:61-90 0:90-100");
}

static void beside_each_other_with_one_long(void **state)
{
	struct run *run = new(100);
	u32 shell = add(run, RUN_NONE, 0, 100, 1);

	(void)state;
	add(run, shell, 1, 20, 15);
	add(run, shell, 2, 99, 90);
	add(run, shell, 3, 50, 40);
	path_is(run, "0:0-2 2:2-99 0:99-100");
}

/* sort | uniq | sort -rn: each ends when the one before has, but the last still has to sort. */
static void a_pipeline(void **state)
{
	struct run *run = new(1000);
	u32 shell = add(run, RUN_NONE, 0, 1000, 1);

	(void)state;
	add(run, shell, 5, 700, 650);
	add(run, shell, 6, 705, 30);
	add(run, shell, 7, 995, 290);
	path_is(run, "0:0-5 1:5-700 2:700-705 3:705-995 0:995-1000");
}

/* a | (cat; b; true): cat waited for a, though its parent is the subshell. An exec'd shell may be anything, as a recipe of make. */
static void a_pipeline_into_a_subshell(void **state)
{
	(void)state;
	for (int exec = 0; exec < 2; exec++) {
		struct run *run = new(1500);
		u32 shell = add(run, RUN_NONE, 0, 1500, 4), subshell;

		add(run, shell, 2, 1000, 990);
		subshell = add(run, shell, 3, 1495, 2);
		add(run, subshell, 5, 1001, 1);
		add(run, subshell, 1003, 1490, 480);
		row(run, shell)->exec = row(run, shell)->start + MS;
		row(run, subshell)->exec = exec ? row(run, subshell)->start + MS : 0;
		path_is(run, exec ? "0:0-3 2:3-5 3:5-1001 2:1001-1003 4:1003-1490 2:1490-1495 0:1495-1500" :
				    "0:0-2 1:2-1000 3:1000-1001 2:1001-1003 4:1003-1490 2:1490-1495 0:1495-1500");
	}
}

/* producer | busy consumer: the producer only waits for room, the consumer is what takes the time. */
static void a_pipeline_whose_last_is_the_busy_one(void **state)
{
	struct run *run = new(1000);
	u32 shell = add(run, RUN_NONE, 0, 1000, 1);

	(void)state;
	add(run, shell, 5, 980, 20);
	add(run, shell, 6, 995, 950);
	path_is(run, "0:0-6 2:6-995 0:995-1000");
}

/* sleep beside a job that ends before it does: the sleep waited for nobody. */
static void a_sleep_beside_a_job(void **state)
{
	struct run *run = new(1000);
	u32 shell = add(run, RUN_NONE, 0, 1000, 1);

	(void)state;
	add(run, shell, 5, 600, 550);
	add(run, shell, 6, 995, 1);
	path_is(run, "0:0-6 2:6-995 0:995-1000");
}

/* The same of two shells: what their children do is not idling. */
static void shells_beside_each_other(void **state)
{
	struct run *run = new(1000);
	u32 shell = add(run, RUN_NONE, 0, 1000, 1), first, second;

	(void)state;
	first = add(run, shell, 5, 980, 1);
	second = add(run, shell, 6, 995, 1);
	add(run, first, 10, 975, 900);
	add(run, second, 10, 990, 900);
	path_is(run, "0:0-6 2:6-10 4:10-990 2:990-995 0:995-1000");
}

static void nested_shells(void **state)
{
	struct run *run = new(100);
	u32 outer = add(run, RUN_NONE, 0, 100, 1), inner = add(run, outer, 5, 95, 1),
	    third = add(run, inner, 10, 90, 1);

	(void)state;
	add(run, third, 20, 80, 55);
	path_is(run, "0:0-5 1:5-10 2:10-20 3:20-80 2:80-90 1:90-95 0:95-100");
}

/* Two slots: the last to end had to wait for the first to make room. */
static void make_with_two_jobs(void **state)
{
	struct run *run = new(210);
	u32 make = add(run, RUN_NONE, 0, 210, 5);
	u32 recipe[4];

	(void)state;
	recipe[0] = add(run, make, 5, 105, 1);
	recipe[1] = add(run, make, 6, 60, 1);
	recipe[2] = add(run, make, 61, 140, 1);
	recipe[3] = add(run, make, 106, 205, 1);
	add(run, recipe[0], 7, 104, 90);	/* 5 */
	add(run, recipe[1], 8, 59, 50);
	add(run, recipe[2], 63, 139, 70);
	add(run, recipe[3], 108, 204, 90);	/* 8 */
	path_is(run, "0:0-5 1:5-7 5:7-104 1:104-105 0:105-106 4:106-108 8:108-204 4:204-205 0:205-210");
}

static void a_daemon_left_behind(void **state)
{
	struct run *run = new(100);
	u32 shell = add(run, RUN_NONE, 0, 99, 1), starter = add(run, shell, 10, 12, 1);

	(void)state;
	row(run, add(run, starter, 11, 100, 80))->flags = RUN_PROCESS_LIVING | RUN_PROCESS_LEFT;
	add(run, shell, 20, 90, 60);
	path_is(run, "0:0-10 1:10-12 0:12-20 3:20-90 0:90-99 -:99-100");
}

/* The recording went on until the daemon ended: then that is what it waited for. */
static void a_daemon_that_was_waited_for(void **state)
{
	struct run *run = new(1000);
	u32 shell = add(run, RUN_NONE, 0, 100, 1), starter = add(run, shell, 10, 12, 1);

	(void)state;
	row(run, add(run, starter, 11, 1000, 80))->flags = RUN_PROCESS_LEFT;
	path_is(run, "0:0-10 1:10-11 2:11-1000");
}

static void one_that_sleeps(void **state)
{
	struct run *run = new(100);
	u32 count;
	struct critical_link *links;

	(void)state;
	add(run, add(run, RUN_NONE, 0, 100, 2), 10, 90, 1);
	links = critical_find(run, &count);
	assert_int_equal(count, 3);
	assert_int_equal(links[1].cpu, 1 * MS);
	assert_int_equal(links[1].other, 79 * MS);
	/* what the parent did, it did before and after */
	assert_int_equal(links[0].cpu, 1 * MS);
	assert_int_equal(links[2].cpu, 1 * MS);
	free(links);
	run_free(run);
}

/* It computed all the time; what it started meanwhile did not hold it up. */
static void a_parent_that_was_busy_itself(void **state)
{
	struct run *run = new(1000);

	(void)state;
	add(run, add(run, RUN_NONE, 0, 1000, 980), 100, 300, 200);
	path_is(run, "0:0-1000");
	/* samples tell when: it waited for the first child, not for the second */
	run = new(10000);
	add(run, RUN_NONE, 0, 10000, 5100);
	add(run, 0, 500, 4000, 3000);
	add(run, 0, 6000, 9000, 2000);
	sample(run, 0, 1000, 100, RUN_ACTIVITY_SLEEPING);
	for (u64 time = 5000; time <= 9000; time += 1000)
		sample(run, 0, time, 100 + time - 4000, RUN_ACTIVITY_RUNNING);
	path_is(run, "0:0-500 1:500-4000 0:4000-10000");
}

static void what_a_link_was_spent_on(void **state)
{
	struct run *run = new(10000);
	struct run_process *process = row(run, add(run, RUN_NONE, 0, 10000, 3000));
	struct run_peer *peer;
	struct critical_link *links;
	u32 count;

	(void)state;
	process->costs.cpu_wait = 1000 * MS;
	process->costs.disk_wait = 2000 * MS;
	process->costs.connections = 2;
	peer = run_peer_add(run);
	peer->first = run->start + 5000 * MS;
	peer->last = run->start + 6500 * MS;
	peer = run_peer_add(run);
	peer->first = run->start + 6000 * MS;
	peer->last = run->start + 7000 * MS;
	links = critical_find(run, &count);
	assert_int_equal(count, 1);
	assert_int_equal(links->cpu, 3000 * MS);
	assert_int_equal(links->cpu_wait, 1000 * MS);
	assert_int_equal(links->disk, 2000 * MS);
	assert_int_equal(links->network, 2000 * MS);
	assert_int_equal(links->other, 2000 * MS);
	free(links);
	run_free(run);
}

static void many_threads_fit_into_a_link(void **state)
{
	struct run *run = new(1000);
	struct critical_link *links;
	u32 count;

	(void)state;
	row(run, add(run, RUN_NONE, 0, 1000, 3000))->costs.cpu_wait = 1000 * MS;
	links = critical_find(run, &count);
	assert_int_equal(links->cpu, 750 * MS);
	assert_int_equal(links->cpu_wait, 250 * MS);
	assert_int_equal(links->other, 0);
	free(links);
	run_free(run);
}

/* Seen waiting for a disk in the second half: there its time goes, not to the first. */
static void samples_say_where_the_time_went(void **state)
{
	struct run *run = new(10000);
	struct critical_link *links;
	u32 count;

	(void)state;
	add(run, RUN_NONE, 0, 10000, 4000);
	run->processes[0].costs.disk_wait = 3000 * MS;
	add(run, 0, 4000, 6000, 10);
	for (u64 time = 1000; time <= 4000; time += 1000)
		sample(run, 0, time, time, RUN_ACTIVITY_RUNNING);
	sample(run, 0, 7000, 4000, RUN_ACTIVITY_DISK);
	links = critical_find(run, &count);
	assert_int_equal(count, 3);
	assert_int_equal(links[0].cpu, 4000 * MS);
	assert_int_equal(links[2].cpu, 0);
	assert_int_equal(links[2].disk, 3000 * MS);
	assert_int_equal(links[2].other, 1000 * MS);
	free(links);
	run_free(run);
}

/* Counters of what was there before the run began with it, its ledger with the run. */
static void counters_that_began_before_the_run(void **state)
{
	struct run *run = new(10000);
	struct critical_link *links;
	u32 count;

	(void)state;
	add(run, RUN_NONE, 0, 10000, 0);
	run->processes[0].flags = RUN_PROCESS_EARLIER;
	run->processes[0].start -= 500 * SECOND;
	run->processes[0].costs.cpu = 3000 * MS;
	add(run, 0, 1000, 4000, 10);
	for (u64 time = 0; time <= 10000; time += 1000)
		sample(run, 0, time, 400000 + (time < 7000 ? 0 : time - 7000), RUN_ACTIVITY_RUNNING);
	links = critical_find(run, &count);
	assert_int_equal(count, 3);
	assert_int_equal(links[1].process, 1);
	assert_int_equal(links[0].cpu, 0);
	assert_int_equal(links[2].cpu, 3000 * MS);
	free(links);
	run_free(run);
}

static void a_run_that_is_still_recorded(void **state)
{
	struct run *run = new(100);

	(void)state;
	run->state = RUN_RECORDING;
	for (u32 i = 0; i < 3; i++)
		add(run, i ? 0 : RUN_NONE, 10 * i, 98, 1);
	add(run, 0, 5, 19, 14);
	for (u32 i = 0; i < 3; i++)
		run->processes[i].flags = RUN_PROCESS_LIVING;
	/* the shell is at the last it started, and started that when the other was done */
	path_is(run, "0:0-5 3:5-19 0:19-20 2:20-100");
}

static void whoever_was_there_before(void **state)
{
	struct run *run = new(100);

	(void)state;
	run->kind = RUN_SCOPE;
	row(run, add(run, RUN_NONE, 0, 100, 1))->flags = RUN_PROCESS_EARLIER | RUN_PROCESS_LIVING;
	run->processes[0].start -= 50 * MS;
	add(run, 0, 20, 60, 30);
	path_is(run, "0:0-20 1:20-60 -:60-100");
}

static void nothing_at_all(void **state)
{
	(void)state;
	path_is(new(0), "");
	path_is(new(10), "-:0-10");
}

/* Rows that contradict themselves (a lost exit, a clock) must not lead astray. */
static void rows_that_make_no_sense(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 300; round++) {
		struct run *run = new(100);
		struct critical_link *links;
		u64 at = run->start;
		u32 count;

		for (u32 i = 0; i < 40; i++) {
			u32 index = add(run, rand() % 3 ? (u32)rand() % (i + 2) : RUN_NONE, rand() % 120, rand() % 120,
					rand() % 100);

			run->processes[index].flags = rand() % 4 ? 0 : rand() & 0x7f;
			run->processes[index].costs.disk_wait = rand() % 2 * 1000 * MS;
			sample(run, rand() % 50, rand() % 120, rand() % 120, rand() % RUN_ACTIVITIES);
		}
		run->kind = rand() % 2;
		run->state = rand() % 3;
		run->interval = rand() % 2 * 10 * MS;
		links = critical_find(run, &count);
		for (u32 i = 0; i < count; at = links[i++].to)
			assert_int_equal(links[i].from, at);
		assert_int_equal(at, run->end);
		free(links);
		run_free(run);
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Shapes in which a step that looks at all processes would be seen; the limit has room for the sanitizers. */
static void a_hundred_thousand_processes(void **state)
{
	enum { PROCESSES = 100000 };

	(void)state;
	for (int shape = 0; shape < 4; shape++) {
		struct run *run = new(10 * PROCESSES);
		struct critical_link *links;
		double began;
		u32 count;

		add(run, RUN_NONE, 0, 10 * PROCESSES, 1000);
		for (u32 i = 1; i < PROCESSES; i++) {
			if (shape == 0)		/* one after the other */
				add(run, 0, 10 * i, 10 * i + 9, 5);
			else if (shape == 1)	/* one within the other */
				add(run, i - 1, i, 10 * PROCESSES - i, 0);
			else if (shape == 2)	/* all at once */
				add(run, 0, 1, 10 * PROCESSES - i, 5);
			else			/* two at a time, of three each */
				add(run, i % 3 == 1 ? 0 : i - 1, 10 * i, 10 * i + 40 - 10 * (i % 3), 5);
		}
		began = seconds();
		links = critical_find(run, &count);
		print_message("shape %d: %u links in %.0f ms\n", shape, count, (seconds() - began) * 1e3);
		assert_true(seconds() - began < 1);
		assert_true(count > 0);
		free(links);
		run_free(run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sequence),
		cmocka_unit_test(beside_each_other_with_one_long),
		cmocka_unit_test(a_pipeline),
		cmocka_unit_test(a_pipeline_into_a_subshell),
		cmocka_unit_test(a_pipeline_whose_last_is_the_busy_one),
		cmocka_unit_test(a_sleep_beside_a_job),
		cmocka_unit_test(shells_beside_each_other),
		cmocka_unit_test(nested_shells),
		cmocka_unit_test(make_with_two_jobs),
		cmocka_unit_test(a_daemon_left_behind),
		cmocka_unit_test(a_daemon_that_was_waited_for),
		cmocka_unit_test(one_that_sleeps),
		cmocka_unit_test(a_parent_that_was_busy_itself),
		cmocka_unit_test(what_a_link_was_spent_on),
		cmocka_unit_test(many_threads_fit_into_a_link),
		cmocka_unit_test(samples_say_where_the_time_went),
		cmocka_unit_test(counters_that_began_before_the_run),
		cmocka_unit_test(a_run_that_is_still_recorded),
		cmocka_unit_test(whoever_was_there_before),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(rows_that_make_no_sense),
		cmocka_unit_test(a_hundred_thousand_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
