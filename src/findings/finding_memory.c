/* Memory that ran out: processes killed for it, and what was close to that. */
#include <stdlib.h>

#include "base/alloc.h"
#include "findings/finding_scene.h"
#include "books/order.h"

#define PAGE 4096
#define NESTED_MAX 16

static double life_of(const struct run *run, u32 process)
{
	u64 from = run->processes[process].start, to = order_end(run, &run->processes[process]);

	from = from < run->start ? run->start : from;
	return to > from ? to - from : 0;
}

static void say_limit(struct finding *finding, const struct run *run, const struct run_fact *fact)
{
	struct run_bytes limit_of = fact ? run_text(run, fact->text) : (struct run_bytes){ 0 };

	if (limit_of.length) {
		text_add(&finding->evidence, ", by the limit of the control group ");
		text_add_bytes(&finding->evidence, limit_of.data, limit_of.length);
		if (run->host.memory_limit) {
			text_add(&finding->evidence, "; the run's own limit is ");
			say_bytes(&finding->evidence, run->host.memory_limit);
		}
		text_add(&finding->advice, "Raise the limit of that control group (the job's or container's memory)");
	} else if (fact) {
		text_add(&finding->evidence, ", as the whole machine had no memory left: ");
		say_bytes(&finding->evidence, run->host.memory);
		text_add(&finding->advice, "Use a machine with more memory, give the job a limit of its own");
	} else {
		text_add(&finding->advice, "Give it more memory");
	}
	text_add(&finding->advice, ", or make it need less: fewer threads, smaller pieces, fewer at a time.");
}

static void add_kill(const struct scene *scene, struct findings *findings, u32 victim, const struct run_fact *fact)
{
	const struct run *run = scene->run;
	const struct run_process *process = &run->processes[victim];
	struct finding *finding = finding_add(scene, findings, "oom-kill", FINDING_FAILURE, FINDING_CERTAIN, life_of(run, victim));
	double memory = process->costs.memory;

	if (!finding)
		return;
	if (fact && fact->number > (s64)process->costs.memory)
		memory = fact->number;
	finding->process = victim;
	finding->tool = process->tool;
	finding->task = process->task;
	finding->from = process->start;
	finding->to = order_end(run, process);
	say_tool(&finding->title, run, process->tool);
	text_add(&finding->title, " was killed for want of memory");
	text_add_format(&finding->evidence, "pid %u was killed after ", process->pid);
	say_time(&finding->evidence, life_of(run, victim));
	text_add(&finding->evidence, " with ");
	say_bytes(&finding->evidence, memory);
	say_limit(finding, run, fact);
}

/* One word for each tool that was killed, with its first victim: a pool of workers dies together. */
static void find_kills(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	bool *told = xcalloc(run->tool_count + 1, sizeof(*told));

	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];

		if (fact->kind != RUN_FACT_OOM || fact->process >= run->process_count)
			continue;
		if (!told[run->processes[fact->process].tool])
			add_kill(scene, findings, fact->process, fact);
		told[run->processes[fact->process].tool] = true;
	}
	for (u32 i = 0; i < run->process_count; i++)
		if (run->processes[i].flags & RUN_PROCESS_OOM && !told[run->processes[i].tool]) {
			add_kill(scene, findings, i, NULL);
			told[run->processes[i].tool] = true;
		}
	free(told);
}

/* Also within a task that is in that task; all are in none. */
static bool is_in_task(const struct run *run, u32 process, u32 wanted)
{
	u32 task = run->processes[process].task;

	for (u32 depth = 0; task != wanted && task < run->task_count && depth < NESTED_MAX; depth++)
		task = run->tasks[task].parent;
	return task == wanted || wanted == RUN_NONE;
}

static u32 largest_process(const struct run *run, u32 task)
{
	u32 largest = RUN_NONE;

	for (u32 i = 0; i < run->process_count; i++)
		if (is_in_task(run, i, task) &&
		    (largest == RUN_NONE || run->processes[i].costs.memory > run->processes[largest].costs.memory))
			largest = i;
	return largest;
}

static void add_near(const struct scene *scene, struct findings *findings, const struct size_need *need, double most, const char *of)
{
	const struct run *run = scene->run;
	u32 largest = largest_process(run, need->task);
	struct finding *finding = NULL;
	double had = need->peak_memory;

	if (largest != RUN_NONE)
		finding = finding_add(scene, findings, "memory-limit", FINDING_SIZE, FINDING_LIKELY, 0);
	if (!finding)
		return;
	finding->process = largest;
	finding->tool = run->processes[largest].tool;
	finding->task = run->processes[largest].task;
	say_tool(&finding->title, run, finding->tool);
	text_add_format(&finding->title, " is near the limit of %s's memory", of);
	say_bytes(&finding->evidence, had);
	text_add(&finding->evidence, " at once, ");
	say_share(&finding->evidence, had, most);
	text_add(&finding->evidence, " of ");
	say_bytes(&finding->evidence, most);
	text_add(&finding->evidence, "; the largest process had ");
	say_bytes(&finding->evidence, run->processes[largest].costs.memory);
	text_add(&finding->advice, need->task == RUN_NONE ? "A slightly larger input will be killed. Give it " :
							    "A slightly larger input needs more than it was given. Give it ");
	say_bytes(&finding->advice, need->memory);
	text_add(&finding->advice, ", or run fewer at a time.");
}

/* The least that was left in the machine; ~0: not known. */
static u64 least_available(const struct run *run)
{
	u64 least = ~0ULL;

	for (u32 i = 0; i < run->host_sample_count; i++)
		if (run->host_samples[i].memory_available < least)
			least = run->host_samples[i].memory_available;
	return least;
}

/* Who has more than the limit has pages that count elsewhere, of files that others read before: then the sum says nothing. */
static bool is_near_limit(double most, double had)
{
	return most > 0 && had >= limit.memory_near * most && had <= limit.memory_most * most;
}

static bool is_near_machine(const struct run *run, double had)
{
	u64 least = least_available(run);

	return run->host.memory && least != ~0ULL && least < limit.machine_left * run->host.memory && had * 2 >= run->host.memory;
}

static bool has_swapped(const struct run *run)
{
	const struct run_host_sample *first = run->host_samples;
	u64 most = 0;

	for (u32 i = 0; i < run->host_sample_count; i++)
		if (first[i].swap_used != ~0ULL && first[i].swap_used > most)
			most = first[i].swap_used;
	return run->host_sample_count && most > first->swap_used + limit.swapped;
}

/* More pages came from disk, one by one, than it ever had at once: the same ones again and again. */
static bool reads_again(const struct costs *costs)
{
	return costs->major_faults >= limit.faults && costs->major_faults * PAGE > costs->memory;
}

bool scene_is_short_of_memory(const struct scene *scene)
{
	u64 faults = 0;

	for (u32 i = 0; i < scene->run->process_count; i++) {
		faults += scene->run->processes[i].costs.major_faults;
		if (reads_again(&scene->run->processes[i].costs))
			return true;
	}
	return faults >= limit.faults && (has_swapped(scene->run) || is_near_limit(scene->run->host.memory_limit, scene->need.peak_memory) ||
					  is_near_machine(scene->run, scene->need.peak_memory));
}

/* What a container or a step of a batch job within the run was given; of tasks of one sort the neediest stands for all. */
static void find_near_given(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	struct size_need *needs;
	bool given = false;
	u32 count;

	for (u32 i = 0; i < run->task_count && !given; i++)
		given = run->tasks[i].memory;
	if (!given)
		return;
	needs = size_of_tasks(run, &count);
	for (u32 i = 0; i < count; i++) {
		const struct run_task *task = &run->tasks[needs[i].task];

		if (is_near_limit(task->memory, needs[i].peak_memory))
			add_near(scene, findings, &needs[i], task->memory, run_text(run, task->name).data);
	}
	free(needs);
}

static void find_memory(const struct scene *scene, struct findings *findings)
{
	double had = scene->need.peak_memory;
	u32 before = findings->count;

	find_kills(scene, findings);
	if (findings->count > before)
		return;
	find_near_given(scene, findings);
	if (is_near_limit(scene->run->host.memory_limit, had))
		add_near(scene, findings, &scene->need, scene->run->host.memory_limit, "its control group");
	else if (is_near_machine(scene->run, had))
		add_near(scene, findings, &scene->need, scene->run->host.memory, "the machine");
}

const struct finding_family finding_memory = { .name = "memory", .find = find_memory };
