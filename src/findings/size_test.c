/* What runs of known needs are told to need, and the machines that are offered for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "findings/size.h"
#include "findings/size_memory.h"
#include "tests/made_run.h"

static struct run *new(u64 length, u32 cpus)
{
	struct run *run = made_run(length, cpus, 8 * GIB);

	*run_tool_add(run) = (struct run_tool){ .name = RUN_NONE, .executable = RUN_NONE };
	return run;
}

/* Times in ms, memory in MiB; as many page faults as it takes to have that. */
static struct run_process *add(struct run *run, u32 parent, u64 start, u64 end, u64 cpu, u64 memory)
{
	struct run_process *process = run_process_add(run);

	*process = (struct run_process){
		.parent = parent, .task = RUN_NONE, .container = RUN_NONE, .executable = RUN_NONE, .directory = RUN_NONE,
		.start = run->start + start * MS, .end = run->start + end * MS, .exec = run->start + start * MS,
		.costs = { .cpu = cpu * MS, .memory = memory * MIB, .minor_faults = memory * 256 },
	};
	return process;
}

static void sample(struct run *run, u32 process, u64 time, u64 cpu, u64 memory)
{
	*run_sample_add(run) = (struct run_sample){
		.process = process, .time = run->start + time * MS, .cpu = cpu * MS, .memory = memory * MIB,
		.state = RUN_ACTIVITY_RUNNING,
	};
}

static struct size_need need_of(const struct run *run)
{
	struct size_need need;

	size_of_run(run, &need);
	return need;
}

static u64 peak_of(const struct run *run)
{
	struct memory_levels *levels = memory_levels_new(run);
	struct memory_peak peak = memory_peak(levels, NULL, 0);

	memory_levels_free(levels);
	return peak.bytes / MIB;
}

static void two_processes_of_a_core_each(void **state)
{
	struct run *run = new(3000, 2);
	struct size_need need;

	(void)state;
	add(run, RUN_NONE, 0, 3000, 2, 4);
	add(run, 0, 10, 2990, 2950, 300);
	add(run, 0, 10, 2990, 2950, 300);
	need = need_of(run);
	assert_int_equal(need.cpus, 2);
	assert_int_equal(need.peak_memory / MIB, 604);
	assert_int_equal(need.memory / MIB, 724);
	assert_true(need.mean_cpus > 1.9 && need.mean_cpus < 2.0 && need.peak_cpus < 2.05);
	run_free(run);
}

static void one_after_another_is_not_at_once(void **state)
{
	struct run *run = new(3000, 4);

	(void)state;
	add(run, RUN_NONE, 0, 3000, 2, 4);
	for (int i = 0; i < 10; i++)
		add(run, 0, 300 * i, 300 * i + 300, 290, 200);
	assert_int_equal(need_of(run).cpus, 1);
	assert_int_equal(peak_of(run), 204);
	run_free(run);
}

/* On two CPUs eight wait; how long it takes with eight follows. */
static void too_small_a_machine(void **state)
{
	struct run *run = new(4000, 2);
	struct size_need need;

	(void)state;
	for (int i = 0; i < 8; i++)
		add(run, RUN_NONE, 0, 4000, 1000, 10)->costs.cpu_wait = 3000 * MS;
	need = need_of(run);
	assert_int_equal(need.cpus, 8);
	assert_true(need.peak_cpus > 1.9 && need.peak_cpus < 2.1);
	assert_true(need.duration > 900 * MS && need.duration < 1100 * MS);
	run_free(run);
}

static void a_short_burst_makes_no_large_machine(void **state)
{
	struct run *run = new(100000, 64);

	(void)state;
	add(run, RUN_NONE, 0, 100000, 99000, 10);
	for (int i = 0; i < 16; i++)
		add(run, 0, 50000, 50100, 90, 10);
	assert_int_equal(need_of(run).cpus, 1);
	run_free(run);
}

/* At 1 s both have 100, at 2 s the first has 50 and the second 400, at most 450. */
static void memory_that_was_sampled(void **state)
{
	struct run *run = new(3000, 2);

	(void)state;
	add(run, RUN_NONE, 0, 3000, 2000, 110);
	add(run, RUN_NONE, 0, 3000, 2000, 450);
	sample(run, 0, 1000, 900, 100);
	sample(run, 1, 1000, 900, 100);
	sample(run, 0, 2000, 1900, 50);
	sample(run, 1, 2000, 1900, 400);
	assert_int_equal(peak_of(run), 500);
	run_free(run);
}

/* The kernel's peak outlives an exec. */
static void a_small_tool_of_a_large_process(void **state)
{
	struct run *run = new(3000, 2);

	(void)state;
	add(run, RUN_NONE, 0, 3000, 100, 1000);
	for (int i = 0; i < 10; i++)
		add(run, 0, 1000, 1500, 10, 990)->costs.minor_faults = 200;
	assert_int_equal(peak_of(run), 1000);
	run_free(run);
}

/* Four workers that share nearly all they have: the machine never had more than 1.2 GiB in use. */
static void shared_memory_counts_once(void **state)
{
	struct run *run = new(3000, 4);

	(void)state;
	for (int i = 0; i < 4; i++)
		add(run, RUN_NONE, 0, 3000, 2000, 1000)->exec = 0;
	for (int t = 1; t < 3; t++)
		for (int i = 0; i < 4; i++)
			sample(run, i, 1000 * t, 900 * t, 1000);
	for (int t = 0; t < 4; t++)
		*run_host_sample_add(run) = (struct run_host_sample){
			.time = run->start + 1000 * t * MS, .memory_used = 1200 * MIB,
		};
	assert_int_equal(peak_of(run), 1200);
	run_free(run);
}

static void tasks_of_one_sort_need_what_the_neediest_does(void **state)
{
	struct run *run = new(4000, 4);
	struct size_need *needs;
	u32 count;

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		*run_task_add(run) = (struct run_task){
			.name = RUN_NONE, .group = run_text_add(run, i == 2 ? "sort" : "align", i == 2 ? 4 : 5), .rule = RUN_NONE,
			.parent = RUN_NONE, .directory = RUN_NONE,
		};
		add(run, RUN_NONE, 1000 * i, 1000 * i + 1000, 990, 100 + 200 * i)->task = i;
	}
	add(run, RUN_NONE, 1000, 2000, 990, 100)->task = 1;
	needs = size_of_tasks(run, &count);
	assert_int_equal(count, 2);
	assert_int_equal(needs[0].task, 1);
	assert_int_equal(needs[0].cpus, 2);
	assert_true(needs[0].duration > 900 * MS && needs[0].duration < 1100 * MS);
	assert_int_equal(needs[0].peak_memory / MIB, 400);
	assert_int_equal(needs[1].cpus, 1);
	assert_int_equal(needs[1].peak_memory / MIB, 500);
	free(needs);
	run_free(run);
}

/* Killed at its limit: what it had is less than it needs. */
static void killed_for_want_of_memory(void **state)
{
	struct run *run = new(3000, 2);
	struct size_prices *prices = size_prices_read(NULL, NULL);
	const struct size_offer *offers[8];
	struct size_need need, *needs;
	u32 count;

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		*run_task_add(run) = (struct run_task){
			.name = RUN_NONE, .group = run_text_add(run, i == 2 ? "sort" : "align", i == 2 ? 4 : 5), .rule = RUN_NONE,
			.parent = RUN_NONE, .directory = RUN_NONE,
		};
		add(run, RUN_NONE, 1000 * i, 1000 * i + 1000, 990, 300 - 100 * i)->task = i;
	}
	run->processes[1].flags = RUN_PROCESS_OOM;
	need = need_of(run);
	assert_true(need.short_of_memory && !need.memory);
	assert_int_equal(need.peak_memory / MIB, 300);
	assert_int_equal(size_fitting(prices, &need, offers, 8), 0);
	/* the exit was lost: the kernel told of the kill all the same */
	run->processes[1].flags = RUN_PROCESS_NO_LEDGER;
	*run_fact_add(run) = (struct run_fact){ .kind = RUN_FACT_OOM, .process = 1, .other = RUN_NONE, .text = RUN_NONE };
	needs = size_of_tasks(run, &count);
	assert_int_equal(count, 2);
	assert_true(needs[0].short_of_memory && !needs[0].memory && !needs[1].short_of_memory);
	assert_int_equal(needs[1].memory / MIB, 120);
	free(needs);
	size_prices_free(prices);
	run_free(run);
}

static void builtin_prices_offer_one_of_each(void **state)
{
	struct text error = { 0 };
	struct size_prices *prices = size_prices_read(NULL, &error);
	struct size_need need = { .cpus = 2, .memory = 6 * GIB };
	const struct size_offer *offers[8];
	struct run *run = new(1000, 2);
	u32 count;

	(void)state;
	assert_non_null(prices);
	assert_true(prices->count > 100 && prices->date[0] && prices->source[0]);
	for (u32 i = 0; i < prices->count; i++) {
		const struct size_offer *offer = &prices->offers[i];

		/* the cheapest and the dearest CPU with its memory that anyone rents out so */
		assert_true(offer->price / offer->cpus > 0.02 && offer->price / offer->cpus < 0.08);
	}
	count = size_fitting(prices, &need, offers, 8);
	assert_int_equal(count, 3);
	assert_string_equal(offers[0]->name, "e2-standard-2");
	for (u32 i = 0; i < count; i++)
		assert_true(offers[i]->cpus >= 2 && offers[i]->memory > 6 * GIB && (!i || offers[i]->price >= offers[i - 1]->price));
	assert_int_equal(size_fitting(prices, &need, offers, 1), 1);
	assert_string_equal(offers[0]->name, "e2-standard-2");
	need.memory = 7900 * MIB;
	assert_int_equal(size_fitting(prices, &need, offers, 8), 3);
	assert_true(offers[0]->memory > 8 * GIB);
	need.cpus = 10000;
	assert_int_equal(size_fitting(prices, &need, offers, 8), 0);
	assert_string_equal(size_of_host(prices, run)->name, "e2-standard-2");
	run->host.memory = 40 * 1024 * GIB;
	assert_null(size_of_host(prices, run));
	run_free(run);
	size_prices_free(prices);
	text_free(&error);
}

static void refuses(const char *content, const char *why)
{
	char path[] = "/tmp/sonde-prices-XXXXXX", want[200];
	int fd = mkstemp(path);
	struct text error = { 0 };

	assert_true(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
	assert_null(size_prices_read(path, &error));
	snprintf(want, sizeof(want), "%s:%s", path, why);
	assert_string_equal(text_string(&error), want);
	text_free(&error);
	unlink(path);
}

static void a_users_table(void **state)
{
	char path[] = "/tmp/sonde-prices-XXXXXX";
	static const char content[] = "# Source: our cluster\n#date: 2026-01-01\r\n\nus, cellar ,old one,8,32,0.5,EUR\r\n";
	struct text error = { 0 };
	struct size_prices *prices;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, content, sizeof(content) - 1) == sizeof(content) - 1);
	close(fd);
	prices = size_prices_read(path, &error);
	assert_non_null(prices);
	assert_int_equal(prices->count, 1);
	assert_string_equal(prices->source, "our cluster");
	assert_string_equal(prices->date, "2026-01-01");
	assert_string_equal(prices->offers[0].name, "old one");
	assert_string_equal(prices->offers[0].region, "cellar");
	assert_string_equal(prices->offers[0].currency, "EUR");
	assert_true(prices->offers[0].price == 0.5 && prices->offers[0].memory == 32 * GIB);
	size_prices_free(prices);
	unlink(path);
	assert_null(size_prices_read("/nowhere", &error));
	assert_string_equal(text_string(&error), "/nowhere: cannot read prices: No such file or directory");
	text_free(&error);
	refuses("", "0:1: there is no price in it");
	refuses("a,b,c,2,4,0.1,USD\na,b,c,zwei,4,0.1,USD\n", "2:7: the number of CPUs is not a number above 0");
	refuses("a,b,c,2,4,-1,USD\n", "1:11: the price is not a number above 0");
	refuses("a,b,c,2,4,inf,USD\n", "1:11: the price is not a number above 0");
	refuses("a,b\n", "1:4: columns are missing: a line is provider,region,name,cpus,memory_gib,price_hour,currency");
	refuses("a,b,c,2,4,0.1,USD\n# new\na,b,d,2,4,0.1, EUR\n", "3:15: another currency than in the lines before; a table has one, "
								   "so that its prices can be compared");
	refuses("a,b,c,2,4,1,USD,x\n", "1:16: there are more than seven columns");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processes_of_a_core_each),
		cmocka_unit_test(one_after_another_is_not_at_once),
		cmocka_unit_test(too_small_a_machine),
		cmocka_unit_test(a_short_burst_makes_no_large_machine),
		cmocka_unit_test(memory_that_was_sampled),
		cmocka_unit_test(a_small_tool_of_a_large_process),
		cmocka_unit_test(shared_memory_counts_once),
		cmocka_unit_test(tasks_of_one_sort_need_what_the_neediest_does),
		cmocka_unit_test(killed_for_want_of_memory),
		cmocka_unit_test(builtin_prices_offer_one_of_each),
		cmocka_unit_test(a_users_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
