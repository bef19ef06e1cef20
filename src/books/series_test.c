/* What a run cost over time adds up to what it cost, and lies where it happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "books/series.h"

#define SECOND 1000000000ULL
#define BEGIN (1000 * SECOND)

static struct run *new_run(u64 seconds)
{
	struct run *run = run_new();

	run->start = BEGIN;
	run->end = BEGIN + seconds * SECOND;
	return run;
}

static struct run_process *add_process(struct run *run, double from, double to)
{
	struct run_process *process = run_process_add(run);

	process->start = BEGIN + (s64)(from * SECOND);
	process->end = BEGIN + (s64)(to * SECOND);
	process->parent = process->task = process->container = RUN_NONE;
	return process;
}

static struct run_sample *add_sample(struct run *run, u32 process, double at, double cpu, u64 memory)
{
	struct run_sample *sample = run_sample_add(run);

	sample->process = process;
	sample->time = BEGIN + (s64)(at * SECOND);
	sample->cpu = cpu * SECOND;
	sample->memory = memory;
	return sample;
}

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
		fail_msg("%.9f, expected %.9f", got, want);
}

static void a_ledger_without_samples_is_spread_over_the_life(void **state)
{
	struct run *run = new_run(10);
	struct run_process *process = add_process(run, 1.5, 4);
	struct series *series;

	(void)state;
	process->costs.cpu = 5 * SECOND;
	process->costs.memory = 1000;
	process->costs.sent = 2500;
	series = series_of_run(run, 10);
	assert_int_equal(series->count, 10);
	assert_int_equal(series->step, SECOND);
	near(series->steps[0].cpu, 0);
	near(series->steps[1].cpu, 1);
	near(series->steps[2].cpu, 2);
	near(series->steps[3].cpu, 2);
	near(series->steps[4].cpu, 0);
	near(series->steps[1].memory, 500);
	near(series->steps[3].memory, 1000);
	near(series->steps[3].sent, 1000);
	near(series->steps[3].processes, 1);
	series_free(series);
	run_free(run);
}

/* Two processes that seem to have used three CPUs between them, in the middle of the run or at its end. */
static void no_more_runs_than_there_are_cpus(void **state)
{
	(void)state;
	for (int at = 2; at <= 4; at++) {
		struct run *run = new_run(5);
		double sum = 0;
		struct series *series;

		run->host.cpus = 2;
		add_process(run, at, at + 1)->costs.cpu = 2 * SECOND;
		add_process(run, at, at + 1)->costs.cpu = SECOND;
		series = series_of_run(run, 5);
		for (int i = 0; i < 5; i++)
			sum += series->steps[i].cpu;
		near(sum, 3);
		near(series->steps[at].cpu, 2);
		near(series->steps[at == 4 ? 3 : at + 1].cpu, 1);
		series_free(series);
		run_free(run);
	}
}

/* More than the whole run could hold is kept all the same: the steps add up to the total. */
static void what_cannot_be_is_not_lost(void **state)
{
	struct run *run = new_run(2);
	struct series *series;

	(void)state;
	run->host.cpus = 1;
	add_process(run, 0, 2)->costs.cpu = 5 * SECOND;
	series = series_of_run(run, 2);
	near(series->steps[0].cpu + series->steps[1].cpu, 5);
	series_free(series);
	run_free(run);
}

static void samples_say_when(void **state)
{
	struct run *run = new_run(4);
	struct run_process *process = add_process(run, 0, 4);
	struct series *series;

	(void)state;
	process->costs.cpu = 3 * SECOND;
	add_sample(run, 0, 1, 1, 100);
	add_sample(run, 0, 2, 1, 300);
	add_sample(run, 0, 3, 1.5, 200);
	series = series_of_run(run, 4);
	near(series->steps[0].cpu, 1);
	near(series->steps[1].cpu, 0);
	near(series->steps[2].cpu, 0.5);
	near(series->steps[3].cpu, 1.5);
	near(series->steps[0].memory, 100);
	near(series->steps[1].memory, 100);
	near(series->steps[2].memory, 300);
	near(series->steps[3].memory, 200);
	series_free(series);
	run_free(run);
}

static void who_ran_before_counts_from_the_recording_on(void **state)
{
	struct run *run = new_run(4);
	struct run_process *process = add_process(run, -500, 4);
	struct series *series;

	(void)state;
	process->flags = RUN_PROCESS_EARLIER | RUN_PROCESS_LIVING;
	process->costs.cpu = 2 * SECOND;
	add_sample(run, 0, 0.5, 100, 7);
	add_sample(run, 0, 1, 101, 7);
	add_sample(run, 0, 3, 102, 7);
	series = series_of_run(run, 4);
	near(series->steps[0].cpu, 1);
	near(series->steps[1].cpu, 0.5);
	near(series->steps[2].cpu, 0.5);
	near(series->steps[3].cpu, 0);
	near(series->steps[3].memory, 7);
	series_free(series);
	run_free(run);
}

static void totals_stay_whatever_the_times(void **state)
{
	struct run *run = new_run(37);
	struct series *series;
	double cpu = 0, want = 0;

	(void)state;
	srandom(2);
	for (u32 i = 0; i < 1000; i++) {
		double from = random() % 45000 / 1000.0 - 4,
		       length = random() % 4 ? random() % 100 / 1000.0 : random() % 9;
		struct run_process *process = add_process(run, from, from + length);

		/* what samples saw the ledger has too */
		process->costs.cpu = i % 3 ? SECOND : random() % SECOND;
		want += process->costs.cpu;
		for (u32 j = 0; j < i % 3; j++)
			add_sample(run, i, from + length * (j + 1) / 4, random() % 1000 / 1000.0, 1);
	}
	/* counters only grow */
	for (u32 i = 1; i < run->sample_count; i++)
		if (run->samples[i].process == run->samples[i - 1].process &&
		    run->samples[i].cpu < run->samples[i - 1].cpu)
			run->samples[i].cpu = run->samples[i - 1].cpu;
	series = series_of_run(run, 1000);
	for (u32 i = 0; i < series->count; i++) {
		u64 left = run->end - series->from - i * series->step;

		cpu += series->steps[i].cpu * (left < series->step ? left : series->step);
	}
	if (fabs(cpu - want) > want * 1e-6)
		fail_msg("%.0f, expected %.0f", cpu, want);
	series_free(series);
	run_free(run);
}

static void the_machine_is_known_only_where_it_was_read(void **state)
{
	struct run *run = new_run(4);
	struct series *series = series_of_host(run, 4);

	(void)state;
	assert_true(isnan(series->steps[2].cpu));
	series_free(series);
	for (u32 i = 1; i <= 3; i++) {
		struct run_host_sample *sample = run_host_sample_add(run);

		sample->time = BEGIN + i * SECOND;
		sample->cpu_busy = i * 3 * SECOND;
		sample->memory_used = 1000 * i;
		sample->network_sent = ~0ULL;
	}
	/* a reading long after the end tells only its share of the last second */
	run_host_sample_add(run)->time = BEGIN + 13 * SECOND;
	run->host_samples[3].cpu_busy = (9 + 20) * SECOND;
	run->host_samples[3].network_sent = ~0ULL;
	series = series_of_host(run, 4);
	assert_true(isnan(series->steps[0].cpu));
	near(series->steps[1].cpu, 3);
	near(series->steps[2].cpu, 3);
	near(series->steps[2].memory, 3000);
	near(series->steps[3].cpu, 2);
	assert_true(isnan(series->steps[1].sent));
	series_free(series);
	run_free(run);
}

static void samples_are_found_by_process(void **state)
{
	struct run *run = new_run(1);
	struct series_samples by;

	(void)state;
	for (u32 i = 0; i < 3; i++)
		add_process(run, 0, 1);
	add_sample(run, 2, 0.1, 0, 0);
	add_sample(run, 0, 0.2, 0, 0);
	add_sample(run, 2, 0.3, 0, 0);
	by = series_samples(run);
	assert_int_equal(by.first[0], 0);
	assert_int_equal(by.first[1], 1);
	assert_int_equal(by.first[2], 1);
	assert_int_equal(by.first[3], 3);
	assert_int_equal(by.items[0], 1);
	assert_int_equal(by.items[1], 0);
	assert_int_equal(by.items[2], 2);
	free(by.first);
	free(by.items);
	run_free(run);
}

static void an_empty_run_has_a_step(void **state)
{
	struct run *run = new_run(0);
	struct series *series = series_of_run(run, 100);

	(void)state;
	assert_int_equal(series->count, 1);
	near(series->steps[0].cpu, 0);
	series_free(series);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ledger_without_samples_is_spread_over_the_life),
		cmocka_unit_test(no_more_runs_than_there_are_cpus),
		cmocka_unit_test(what_cannot_be_is_not_lost),
		cmocka_unit_test(samples_say_when),
		cmocka_unit_test(who_ran_before_counts_from_the_recording_on),
		cmocka_unit_test(totals_stay_whatever_the_times),
		cmocka_unit_test(the_machine_is_known_only_where_it_was_read),
		cmocka_unit_test(samples_are_found_by_process),
		cmocka_unit_test(an_empty_run_has_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
