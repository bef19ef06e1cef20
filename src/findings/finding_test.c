/* Findings of runs put together by hand: each has one cause, and that comes first; those that are well have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings/finding.h"
#include "findings/finding_scene.h"
#include "tests/made_run.h"

static struct run *new(u64 length, u32 cpus)
{
	return made_run(length, cpus, 16 * GIB);
}

static u32 tool(struct run *run, const char *name)
{
	u32 text = run_text_add(run, name, strlen(name));

	for (u32 i = 0; i < run->tool_count; i++)
		if (run->tools[i].name == text)
			return i;
	*run_tool_add(run) = (struct run_tool){ .name = text, .executable = RUN_NONE };
	return run->tool_count - 1;
}

/* Times in ms; CPU is user's. Good until the next is added. */
static struct run_process *add(struct run *run, const char *name, u32 parent, u64 start, u64 end, u64 cpu)
{
	u32 which = tool(run, name);
	struct run_process *process = run_process_add(run);

	*process = (struct run_process){
		.parent = parent, .task = RUN_NONE, .container = RUN_NONE, .executable = RUN_NONE, .directory = RUN_NONE,
		.group = 1, .threads = 1, .pid = 100 + run->process_count, .tool = which, .start = run->start + start * MS,
		.end = run->start + end * MS, .exec = run->start + start * MS,
		.costs = { .cpu = cpu * MS, .cpu_user = cpu * MS, .memory = 4 * MIB },
	};
	run_arguments_set(run, run->process_count - 1, name, strlen(name) + 1);
	return process;
}

/* "kind:tool"; "" for none. Frees the run. */
static void first_is(struct run *run, const char *want, const char *title)
{
	struct findings findings;
	struct text got = { 0 };

	findings_make(&findings, run);
	if (findings.count) {
		text_add(&got, findings.items[0].kind);
		text_add_char(&got, ':');
		if (findings.items[0].tool != RUN_NONE)
			say_tool(&got, run, findings.items[0].tool);
	}
	for (u32 i = 0; i < findings.count; i++) {
		assert_true(findings.items[i].from >= run->start && findings.items[i].to <= run->end);
		assert_true(findings.items[i].lost <= run->end - run->start);
		assert_true(findings.items[i].evidence.length && findings.items[i].advice.length);
	}
	assert_string_equal(text_string(&got), want);
	if (title)
		assert_string_equal(text_string(&findings.items[0].title), title);
	text_free(&got);
	findings_free(&findings);
	run_free(run);
}

static void more_threads_than_cpus(void **state)
{
	struct run *run = new(4000, 2);

	(void)state;
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	for (int i = 0; i < 8; i++)
		add(run, "burn", 0, 10, 3990, 990)->costs.cpu_wait = 2980 * MS;
	first_is(run, "cpu-oversubscribed:burn", "burn waits for a CPU: 8 threads want to run on 2");
}

/* The same, and others take half of the CPUs. */
static void one_cpu_busy_also_on_a_busy_machine(void **state)
{
	struct run *run = new(4000, 4);

	(void)state;
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	add(run, "sort", 0, 10, 3990, 3970);
	first_is(run, "cpu-serial:sort", "sort keeps one CPU busy while the others idle");
	run = new(4000, 2);
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	add(run, "sort", 0, 10, 3990, 2000)->costs.cpu_wait = 1970 * MS;
	first_is(run, "cpu-serial:sort", "sort keeps one CPU busy while the other idles");
}

static void what_others_take_is_not_the_runs(void **state)
{
	struct run *run = new(4000, 2);

	(void)state;
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	add(run, "burn", 0, 10, 3990, 2000)->costs.cpu_wait = 1970 * MS;
	add(run, "burn", 0, 10, 3990, 2000)->costs.cpu_wait = 1970 * MS;
	first_is(run, "cpu-contended:", NULL);
}

static void reads_that_were_counted(void **state)
{
	struct run *run = new(4000, 2);
	struct run_process *process;

	(void)state;
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	process = add(run, "grep", 0, 10, 3990, 400);
	process->costs.disk_wait = 3500 * MS;
	process->costs.disk_read = process->costs.read = 900 * MIB;
	process->costs.voluntary_switches = 9000;
	first_is(run, "disk-read:grep", "grep waits for the disk: it reads");
}

static void reads_and_writes_that_are_inferred(void **state)
{
	struct run *run = new(2000, 2);
	struct run_process *process;

	(void)state;
	process = add(run, "dd", RUN_NONE, 0, 2000, 300);
	process->costs.cpu_user = 10 * MS;
	process->costs.disk_read = process->costs.read = 400 * MIB;
	process->costs.read_calls = process->costs.voluntary_switches = 25000;
	first_is(run, "disk-read:dd", NULL);
	run = new(2000, 2);
	process = add(run, "ledger.py", RUN_NONE, 0, 2000, 500);
	process->costs.read = 1700 * 1024;
	process->costs.read_calls = 672;
	process->costs.write = 900000;
	process->costs.write_calls = 9000;
	process->costs.disk_write = 37000000;
	process->costs.voluntary_switches = 27000;
	first_is(run, "disk-write:ledger.py", "ledger.py waits for the disk: it writes");
}

/* A program that starts from a cold disk and then waits for something else. */
static void little_was_read(void **state)
{
	struct run *run = new(3000, 2);
	struct run_process *process = add(run, "pip", RUN_NONE, 0, 3000, 600);

	(void)state;
	process->costs.disk_read = process->costs.read = 9 * MIB;
	process->costs.voluntary_switches = 60;
	process->costs.connections = 3;
	first_is(run, "", NULL);
	/* asleep in every sample, whatever the bytes say */
	run = new(36000, 2);
	process = add(run, "load", RUN_NONE, 0, 36000, 20000);
	process->costs.cpu_system = 19900 * MS;
	process->costs.cpu_user = 100 * MS;
	process->costs.disk_read = process->costs.read = 900 * MIB;
	process->costs.voluntary_switches = 9000;
	for (u64 t = 1000; t < 36000; t += 1000)
		*run_sample_add(run) = (struct run_sample){
			.process = 0, .time = run->start + t * MS, .cpu = t * 5 / 9 * MS, .threads = 1, .memory = MIB,
		};
	first_is(run, "", NULL);
}

static void a_transfer(void **state)
{
	struct run *run = new(4000, 2);
	struct run_process *process = add(run, "curl", RUN_NONE, 0, 4000, 100);

	(void)state;
	process->costs.received = 2 * MIB;
	process->costs.connections = 1;
	process->costs.voluntary_switches = 900;
	*run_peer_add(run) = (struct run_peer){
		.process = 0, .address = run_text_add(run, "192.0.2.7", 9), .port = 443, .connections = 1,
		.received = 2 * MIB, .first = run->start + 50 * MS, .last = run->start + 3950 * MS,
	};
	first_is(run, "network:curl", "curl waits for the network");
}

static void nothing_goes_on(void **state)
{
	struct run *run = new(4000, 2);

	(void)state;
	add(run, "bash", RUN_NONE, 0, 4000, 2);
	add(run, "worker", 0, 10, 300, 200);
	add(run, "sleep", 0, 400, 3990, 1)->costs.voluntary_switches = 2;
	first_is(run, "no-progress:sleep", "sleep does nothing for a long time");
	/* a shell waits for its user */
	run = new(60000, 2);
	add(run, "bash", RUN_NONE, 0, 60000, 200)->costs.voluntary_switches = 20;
	first_is(run, "", NULL);
}

/* Its evidence has the words, and it is about one process or none. Frees the run. */
static void evidence_has(struct run *run, const char *words, u32 process)
{
	struct findings findings;

	findings_make(&findings, run);
	assert_int_equal(findings.count, 1);
	if (!strstr(text_string(&findings.items[0].evidence), words))
		fail_msg("\"%s\" is not in: %s", words, text_string(&findings.items[0].evidence));
	assert_int_equal(findings.items[0].process, process);
	findings_free(&findings);
	run_free(run);
}

static void one_after_another_does_nothing(void **state)
{
	struct run *run = new(4000, 2);

	(void)state;
	add(run, "make", RUN_NONE, 0, 4000, 2);
	for (u64 i = 0; i < 4; i++)
		add(run, "sleep", 0, 1000 * i, 1000 * (i + 1), 0);
	evidence_has(run, "4 s at a stretch in 4 processes of sleep, the longest of them 1 s in pid ", RUN_NONE);
	/* others hardly matter */
	run = new(4000, 2);
	add(run, "make", RUN_NONE, 0, 4000, 2);
	add(run, "sleep", 0, 0, 3900, 0);
	add(run, "sleep", 0, 3900, 4000, 0);
	evidence_has(run, "4 s at a stretch in pid 102: sleep", 1);
	/* of several tools the one that has most */
	run = new(4000, 2);
	add(run, "make", RUN_NONE, 0, 4000, 2);
	add(run, "sleep", 0, 0, 1600, 0);
	add(run, "flock", 0, 1600, 2800, 0);
	add(run, "flock", 0, 2800, 4000, 0);
	evidence_has(run, "4 s at a stretch, 60 % of it in 2 processes of flock, the longest of them 1.2 s in pid ", RUN_NONE);
}

/* The run of nothing_goes_on, or one that is busy with one thread; at an instant it is told that something is missing. */
static struct run *lacking(bool busy, enum run_fact_kind kind, const char *text, u64 time)
{
	struct run *run = new(4000, 2);

	add(run, "bash", RUN_NONE, 0, 4000, 2);
	add(run, "worker", 0, 10, 300, 200);
	add(run, busy ? "sort" : "sleep", 0, 400, 3990, busy ? 3580 : 1);
	*run_fact_add(run) = (struct run_fact){
		.kind = kind, .time = run->start + time * MS, .number = 7, .process = RUN_NONE, .other = RUN_NONE,
		.text = run_text_add(run, text, strlen(text)),
	};
	return run;
}

static void nobody_idles_where_something_is_missing(void **state)
{
	struct run *run;

	(void)state;
	first_is(lacking(false, RUN_FACT_LOST, "exit: ring_full", 4000), "", NULL);
	first_is(lacking(false, RUN_FACT_LOST, "fork: ring_full", 3800), "", NULL);
	first_is(lacking(false, RUN_FACT_GAVE_UP, "processes: the disk is full", 4000), "", NULL);
	first_is(lacking(true, RUN_FACT_GAVE_UP, "processes: the disk is full", 4000), "", NULL);
	first_is(lacking(true, RUN_FACT_LOST, "exec: ring_full", 4000), "", NULL);
	/* afterwards all is known, and of processes nothing is missing */
	evidence_has(lacking(false, RUN_FACT_LOST, "exit: ring_full", 1900), "2.1 s at a stretch in pid 103: sleep", 2);
	first_is(lacking(false, RUN_FACT_LOST, "open: ring_full", 4000), "no-progress:sleep", NULL);
	first_is(lacking(false, RUN_FACT_GAVE_UP, "signals: more than 10000", 4000), "no-progress:sleep", NULL);
	first_is(lacking(true, RUN_FACT_LOST, "open: ring_full", 4000), "cpu-serial:sort", NULL);
	/* its end was not seen */
	run = lacking(false, RUN_FACT_CLOCK_STEP, "", 0);
	run->processes[2].flags = RUN_PROCESS_NO_LEDGER;
	first_is(run, "", NULL);
}

static void out_of_memory(void **state)
{
	struct run *run = new(3000, 2);
	struct run_process *process;

	(void)state;
	run->host.memory_limit = 200 * MIB;
	run->exit_status = 137;
	process = add(run, "bash", RUN_NONE, 0, 3000, 2);
	process->code = 137;
	process = add(run, "align", 0, 10, 2990, 2900);
	process->signal = SIGKILL;
	process->flags = RUN_PROCESS_OOM;
	process->costs.memory = 199 * MIB;
	*run_fact_add(run) = (struct run_fact){
		.kind = RUN_FACT_OOM, .time = run->start + 2990 * MS, .process = 1, .other = RUN_NONE, .number = 199 * MIB,
		.text = run_text_add(run, "/job/7", 6),
	};
	first_is(run, "oom-kill:align", "align was killed for want of memory");
	run = new(3000, 2);
	run->host.memory_limit = 200 * MIB;
	add(run, "align", RUN_NONE, 0, 3000, 2900)->costs.memory = 100 * MIB;
	add(run, "align", 0, 10, 2990, 2900)->costs.memory = 90 * MIB;
	run->processes[1].costs.minor_faults = 30000;
	first_is(run, "memory-limit:align", NULL);
}

/* A container or a step of a batch job within the run has a limit of its own. */
static void near_what_a_task_was_given(void **state)
{
	for (u64 had = 100; had <= 190; had += 90) {
		struct run *run = new(3000, 2);

		add(run, "docker", RUN_NONE, 0, 3000, 2900)->costs.memory = 300 * MIB;
		add(run, "align", 0, 10, 2990, 2900)->task = 0;
		run->processes[1].costs.memory = had * MIB;
		run->processes[1].costs.minor_faults = 30000;
		*run_task_add(run) = (struct run_task){
			.name = run_text_add(run, "web", 3), .group = run_text_add(run, "web", 3), .rule = RUN_NONE, .parent = RUN_NONE,
			.process = 1, .directory = RUN_NONE, .memory = 200 * MIB,
		};
		first_is(run, had == 190 ? "memory-limit:align" : "", had == 190 ? "align is near the limit of web's memory" : NULL);
	}
	(void)state;
}

/* Pages that come back from disk are no slow reading. */
static void memory_short_of_what_is_read(void **state)
{
	struct run *run = new(4000, 2);
	struct run_process *process = add(run, "index", RUN_NONE, 0, 4000, 400);

	(void)state;
	run->host.memory_limit = 200 * MIB;
	process->costs.memory = 198 * MIB;
	process->costs.major_faults = 20000;
	process->costs.voluntary_switches = 21000;
	process->costs.disk_read = 80 * MIB;
	first_is(run, "memory-pressure:index", NULL);
}

static void tried_again(void **state)
{
	struct run *run = new(5000, 2);

	(void)state;
	add(run, "bash", RUN_NONE, 0, 5000, 2);
	for (int i = 0; i < 4; i++)
		add(run, "fetch", 0, 10 + 1100 * i, 1010 + 1100 * i, 900)->code = i < 3 ? 1 : 0;
	first_is(run, "retried:fetch", "fetch failed 3 times and was tried again");
	/* Nextflow's second try is in another directory */
	run = new(5000, 2);
	add(run, "nextflow", RUN_NONE, 0, 5000, 2);
	for (u32 i = 0; i < 2; i++) {
		*run_task_add(run) = (struct run_task){
			.name = run_text_add(run, "align (s3)", 10), .group = run_text_add(run, "align", 5), .process = i + 1,
			.rule = run_text_add(run, "nextflow", 8), .parent = RUN_NONE, .directory = RUN_NONE,
		};
		add(run, ".command.sh", 0, 10 + 2000 * i, 1990 + 2000 * i, 1900)->code = !i;
		run->processes[i + 1].task = i;
		run->processes[i + 1].directory = i;
	}
	first_is(run, "retried:.command.sh", "align (s3) failed 1 time and was tried again");
	/* asked again and again, but that is quick */
	run = new(5000, 2);
	add(run, "bash", RUN_NONE, 0, 5000, 2);
	for (int i = 0; i < 10; i++)
		add(run, "grep", 0, 400 * i, 400 * i + 3, 1)->code = 1;
	add(run, "burn", 0, 0, 5000, 5000);
	add(run, "burn", 0, 0, 5000, 5000);
	first_is(run, "", NULL);
}

static void the_cause_of_a_failure(void **state)
{
	struct run *run = new(3000, 2);

	(void)state;
	run->exit_status = 2;
	add(run, "make", RUN_NONE, 0, 3000, 2)->code = 2;
	add(run, "sh", 0, 10, 1000, 2);
	add(run, "sh", 0, 1010, 2990, 2)->code = 1;
	add(run, "samtools", 2, 1020, 2980, 1900)->code = 1;
	add(run, "grep", 2, 1020, 1030, 2)->code = 1;
	first_is(run, "failed:samtools", "The run failed: samtools ended with status 1");
	run = new(10, 2);
	run->exit_status = 127;
	add(run, "env", RUN_NONE, 0, 10, 2)->code = 127;
	*run_fact_add(run) = (struct run_fact){
		.kind = RUN_FACT_FAILED_EXEC, .process = 0, .other = RUN_NONE, .number = 2, .text = run_text_add(run, "/opt/tool", 9),
	};
	first_is(run, "failed:env", "The run failed: /opt/tool could not be started");
	/* by hand: no failure */
	run = new(400, 2);
	run->exit_status = 130;
	add(run, "bash", RUN_NONE, 0, 400, 2)->signal = SIGINT;
	first_is(run, "", NULL);
	run = new(400, 2);
	add(run, "bash", RUN_NONE, 0, 400, 2);
	add(run, "plot", 0, 10, 300, 20)->signal = SIGSEGV;
	first_is(run, "crashed:plot", "plot crashed");
}

static void thousands_of_tiny_processes(void **state)
{
	struct run *run = new(6000, 2);

	(void)state;
	add(run, "loop.sh", RUN_NONE, 0, 6000, 1500)->costs.cpu_user = 300 * MS;
	for (int i = 0; i < 3000; i++)
		add(run, "expr", 0, 2 * i, 2 * i + 1, 1)->costs.cpu_user = MS / 4;
	first_is(run, "tiny-processes:loop.sh", "loop.sh starts 3000 processes that hardly live");
}

/* That they crowd the CPUs is no other mistake, and more CPUs are not what to do. */
static void tiny_processes_that_crowd(void **state)
{
	struct run *run = new(6000, 2);

	(void)state;
	add(run, "make", RUN_NONE, 0, 6000, 2);
	add(run, "align", 0, 1, 3010, 2900);
	for (int loop = 0; loop < 2; loop++) {
		u32 parent = run->process_count, begin = loop ? 3011 : 2;

		add(run, "loop.sh", 0, begin, begin + 2985, 1500);
		for (int i = 0; i < 4470; i++)
			add(run, "expr", parent, begin + i / 3 * 2, begin + i / 3 * 2 + 2, 1)->costs.cpu_wait = MS * 9 / 10;
	}
	first_is(run, "tiny-processes:loop.sh", "loop.sh starts 8940 processes that hardly live");
	run = new(6000, 2);
	add(run, "make", RUN_NONE, 0, 6000, 2);
	for (int i = 0; i < 6; i++)
		add(run, "burn", 0, 1, 5990, 1990)->costs.cpu_wait = 4000 * MS;
	for (int i = 0; i < 600; i++)
		add(run, "expr", 0, i * 2, i * 2 + 2, 1)->costs.cpu_wait = MS * 9 / 10;
	first_is(run, "cpu-oversubscribed:burn", NULL);
}

static void given_more_than_used(void **state)
{
	struct run *run = new(4000, 8);

	(void)state;
	add(run, "slurmstepd", RUN_NONE, 0, 4000, 2);
	add(run, "align", 0, 10, 3990, 3900)->task = 0;
	*run_task_add(run) = (struct run_task){
		.name = run_text_add(run, "align (1)", 9), .group = run_text_add(run, "align", 5), .rule = RUN_NONE, .parent = RUN_NONE,
		.process = 1, .directory = RUN_NONE, .cpus = 8, .memory = 8 * GIB,
	};
	first_is(run, "cpu-overallocated:", "align was given 8 CPUs and used 1");
	/* what tasks within it use, it uses */
	run = new(4000, 8);
	add(run, "slurmstepd", RUN_NONE, 0, 4000, 2);
	for (u32 i = 0; i < 9; i++)
		*run_task_add(run) = (struct run_task){
			.name = run_text_add(run, i ? "cc -c" : "build", 5), .group = run_text_add(run, i ? "cc -c" : "build", 5),
			.rule = RUN_NONE, .parent = i ? 0 : RUN_NONE, .process = i, .directory = RUN_NONE, .cpus = i ? 0 : 8,
		};
	add(run, "make", 0, 10, 3990, 10)->task = 0;
	for (u32 i = 1; i < 9; i++)
		add(run, "cc1", 1, 20, 3980, 3950)->task = i;
	first_is(run, "", NULL);
	run = new(4000, 2);
	run->host.memory_limit = 4 * GIB;
	add(run, "burn", RUN_NONE, 0, 4000, 3950)->costs.memory = 200 * MIB;
	add(run, "burn", 0, 10, 3990, 3950)->costs.memory = 150 * MIB;
	run->processes[1].costs.minor_faults = 40000;
	first_is(run, "memory-overallocated:", "The run was given 4 GiB of memory and used 9 %");
}

/* A busy machine lets sonde wait too: what it sees late was spent since it saw last. */
static void late_samples_crowd_nobody(void **state)
{
	struct run *run = new(5000, 2);

	(void)state;
	for (u32 i = 0; i < 2; i++)
		add(run, "burn", RUN_NONE, 0, 5000, 2500)->costs.cpu_wait = 2500 * MS;
	for (u64 t = 1000; t <= 4000; t += 3000) {
		*run_host_sample_add(run) = (struct run_host_sample){ .time = run->start + t * MS, .swap_used = 0 };
		for (u32 i = 0; i < 2; i++)
			*run_sample_add(run) = (struct run_sample){
				.process = i, .time = run->start + (t + 1) * MS, .cpu = t * MS / 2, .cpu_wait = t * MS / 2, .threads = 1,
				.state = RUN_ACTIVITY_WAITING, .memory = MIB,
			};
	}
	first_is(run, "cpu-contended:", NULL);
}

static void healthy_runs_have_none(void **state)
{
	struct run *run = new(4000, 2);
	struct run_process *process;

	(void)state;
	/* balanced */
	add(run, "make", RUN_NONE, 0, 4000, 20);
	for (int i = 0; i < 40; i++)
		add(run, "cc1", 0, 200 * (i / 2), 200 * (i / 2) + 195, 190);
	first_is(run, "", NULL);
	/* a pipeline that is over at once */
	run = new(300, 2);
	add(run, "bash", RUN_NONE, 0, 300, 3);
	add(run, "seq", 0, 5, 200, 180);
	add(run, "sort", 0, 5, 290, 270);
	first_is(run, "", NULL);
	/* copying through the page cache */
	run = new(4000, 2);
	process = add(run, "cp", RUN_NONE, 0, 4000, 3900);
	process->costs.cpu_user = 100 * MS;
	process->costs.cpu_system = 3800 * MS;
	process->costs.read = process->costs.write = process->costs.disk_write = 8 * GIB;
	process->costs.write_calls = process->costs.read_calls = 65536;
	process->costs.voluntary_switches = 40;
	first_is(run, "", NULL);
}

static void the_machine_idles_on_its_own(void **state)
{
	struct run *run = new(60000, 8);

	(void)state;
	run->kind = RUN_SCOPE;
	add(run, "sshd", RUN_NONE, 0, 60000, 2)->flags = RUN_PROCESS_EARLIER | RUN_PROCESS_LIVING;
	add(run, "cron", RUN_NONE, 0, 60000, 30000)->flags = RUN_PROCESS_EARLIER | RUN_PROCESS_LIVING;
	first_is(run, "", NULL);
}

static void runs_with_nothing_in_them(void **state)
{
	(void)state;
	first_is(new(1000, 2), "", NULL);
	first_is(new(0, 0), "", NULL);
}

/* A hundred thousand processes must not make a report slow. */
static void many_processes(void **state)
{
	struct run *run = new(1000000, 2);
	struct findings findings;

	(void)state;
	add(run, "make", RUN_NONE, 0, 1000000, 20);
	for (int i = 0; i < 20000; i++)
		add(run, i % 2 ? "cc1" : "as", i % 10 ? i : 0, 50 * i, 50 * i + 90, 40)->code = i % 7 == 0;
	findings_make(&findings, run);
	findings_free(&findings);
	run_free(run);
}

/* The thresholds in docs/findings.md are those of the code; the tests run in the root of the tree. */
static void thresholds_are_documented(void **state)
{
	static const char *const rows[] = {
#define LIMIT(name, value, unit, reason) "| " #name " | " #value " " unit " | " reason " |\n",
#include "findings/finding_limits.def"
#undef LIMIT
	};
	static char document[65536];
	FILE *file = fopen("docs/findings.md", "r");

	(void)state;
	assert_non_null(file);
	assert_true(fread(document, 1, sizeof(document) - 1, file) > 0);
	fclose(file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strstr(document, rows[i]))
			fail_msg("docs/findings.md lacks: %s", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_threads_than_cpus),
		cmocka_unit_test(one_cpu_busy_also_on_a_busy_machine),
		cmocka_unit_test(what_others_take_is_not_the_runs),
		cmocka_unit_test(reads_that_were_counted),
		cmocka_unit_test(reads_and_writes_that_are_inferred),
		cmocka_unit_test(little_was_read),
		cmocka_unit_test(a_transfer),
		cmocka_unit_test(nothing_goes_on),
		cmocka_unit_test(one_after_another_does_nothing),
		cmocka_unit_test(nobody_idles_where_something_is_missing),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(near_what_a_task_was_given),
		cmocka_unit_test(memory_short_of_what_is_read),
		cmocka_unit_test(tried_again),
		cmocka_unit_test(the_cause_of_a_failure),
		cmocka_unit_test(thousands_of_tiny_processes),
		cmocka_unit_test(tiny_processes_that_crowd),
		cmocka_unit_test(given_more_than_used),
		cmocka_unit_test(late_samples_crowd_nobody),
		cmocka_unit_test(healthy_runs_have_none),
		cmocka_unit_test(the_machine_idles_on_its_own),
		cmocka_unit_test(runs_with_nothing_in_them),
		cmocka_unit_test(many_processes),
		cmocka_unit_test(thresholds_are_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
