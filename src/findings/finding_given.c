/* CPUs and memory that were set aside for a task or the run, and that it hardly used: others waited for them, or they were paid for. */
#include <stdlib.h>

#include "findings/finding_scene.h"
#include "books/order.h"

#define NESTED_MAX 16

/* Who was given how much, for how long. */
struct grant {
	const struct size_need *need;
	double cpus, memory;		/* 0: not known */
	double held;			/* ns of the run in which it had that, of all tasks of its sort together at most the run */
	u32 task;
};

static void say_who(struct text *out, const struct run *run, u32 task)
{
	struct run_bytes name = { "The run", 7 };

	if (task < run->task_count)
		name = run_text(run, run->tasks[task].group != RUN_NONE ? run->tasks[task].group : run->tasks[task].name);
	text_add_bytes(out, name.data, name.length);
}

/* More CPUs would have helped as little as they did: what it cost in time is what they could have saved. */
static void find_cpus(const struct scene *scene, struct findings *findings, const struct grant *grant)
{
	double used = grant->need->cpus;
	struct finding *finding;

	if (grant->cpus < 2 || used > limit.given_share * grant->cpus || grant->held < limit.given_seconds * SECOND)
		return;
	finding = finding_add(scene, findings, "cpu-overallocated", FINDING_TIME, FINDING_LIKELY,
			      grant->held * (1 - used / grant->cpus));
	if (!finding)
		return;
	finding->task = grant->task;
	say_who(&finding->title, scene->run, grant->task);
	text_add_format(&finding->title, " was given %.0f CPUs and used %.0f", grant->cpus, used);
	text_add_format(&finding->evidence, "%.1f CPUs used on average, %.1f at most, of %.0f, for ", grant->need->mean_cpus,
			grant->need->peak_cpus, grant->cpus);
	say_time(&finding->evidence, grant->held);
	text_add_format(&finding->advice, "Ask for %.0f, or tell the program to use what it has (an option for threads, -t or -j).", used);
}

static void find_memory(const struct scene *scene, struct findings *findings, const struct grant *grant)
{
	double had = grant->need->peak_memory, needed = grant->need->memory;
	struct finding *finding;

	if (grant->need->short_of_memory || !grant->memory || had > limit.given_memory * grant->memory || grant->memory - needed < limit.given_bytes ||
	    grant->held < limit.given_seconds * SECOND)
		return;
	finding = finding_add(scene, findings, "memory-overallocated", FINDING_SIZE,
			      grant->task == RUN_NONE ? FINDING_POSSIBLE : FINDING_LIKELY, 0);
	if (!finding)
		return;
	finding->task = grant->task;
	say_who(&finding->title, scene->run, grant->task);
	text_add(&finding->title, " was given ");
	say_bytes(&finding->title, grant->memory);
	text_add(&finding->title, " of memory and used ");
	say_share(&finding->title, had, grant->memory);
	say_bytes(&finding->evidence, had);
	text_add(&finding->evidence, " at once at most, of ");
	say_bytes(&finding->evidence, grant->memory);
	text_add(&finding->evidence, ", for ");
	say_time(&finding->evidence, grant->held);
	text_add(&finding->advice, "Ask for ");
	say_bytes(&finding->advice, needed);
	text_add_format(&finding->advice, ": that is %.0f %% more than it used. The page cache counts in a limit too; if it reads the same files "
			"again and again, leave room for them.", 100 * grant->need->headroom);
}

/* What tasks of one sort were given. */
static struct grant grant_of_group(const struct scene *scene, const struct size_need *need)
{
	const struct run *run = scene->run;
	struct grant grant = { .need = need, .task = need->task };
	u32 group = run->tasks[need->task].group;

	for (u32 i = 0; i < run->task_count; i++) {
		const struct run_task *task = &run->tasks[i];

		if (i != need->task && (group == RUN_NONE || task->group != group))
			continue;
		if (task->cpus > grant.cpus)
			grant.cpus = task->cpus;
		if (task->memory > grant.memory)
			grant.memory = task->memory;
	}
	return grant;
}

/* Also within a task that is in a task of the group. */
static bool in_group(const struct run *run, u32 task, u32 of)
{
	u32 group = run->tasks[of].group;

	for (u32 depth = 0; task < run->task_count && depth < NESTED_MAX; depth++, task = run->tasks[task].parent)
		if (task == of || (group != RUN_NONE && run->tasks[task].group == group))
			return true;
	return false;
}

/* From the first process of these tasks to the last; of many tasks one after another, all of it. */
static double held_by_group(const struct run *run, u32 of)
{
	u64 from = UINT64_MAX, to = 0;

	for (u32 i = 0; i < run->process_count; i++) {
		u64 end = order_end(run, &run->processes[i]);

		if (!in_group(run, run->processes[i].task, of))
			continue;
		from = run->processes[i].start < from ? run->processes[i].start : from;
		to = end > to ? end : to;
	}
	from = from < run->start ? run->start : from;
	return to > from ? to - from : 0;
}

static void find_of_tasks(const struct scene *scene, struct findings *findings)
{
	u32 count;
	struct size_need *needs = size_of_tasks(scene->run, &count);

	for (u32 i = 0; i < count; i++) {
		struct grant grant = grant_of_group(scene, &needs[i]);

		if (!grant.cpus && !grant.memory)
			continue;
		grant.held = held_by_group(scene->run, needs[i].task);
		find_cpus(scene, findings, &grant);
		find_memory(scene, findings, &grant);
	}
	free(needs);
}

/* A limit that leaves most of the machine is a fence, not an allotment; and one core of a laptop is not given. */
static void find_of_run(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	struct grant grant = { .need = &scene->need, .task = RUN_NONE, .held = scene->wall };

	if (run->host.cpus_allowed && run->host.cpus_allowed < run->host.cpus)
		grant.cpus = run->host.cpus_allowed;
	if (run->host.memory_limit && run->host.memory_limit <= run->host.memory / 2)
		grant.memory = run->host.memory_limit;
	find_cpus(scene, findings, &grant);
	find_memory(scene, findings, &grant);
}

static void find_given(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	bool given = false;

	/* what is missing may have used it */
	if (scene->whole_from > run->start)
		return;
	for (u32 i = 0; i < run->task_count && !given; i++)
		given = run->tasks[i].cpus || run->tasks[i].memory;
	if (given)
		find_of_tasks(scene, findings);
	if (run->kind == RUN_COMMAND)
		find_of_run(scene, findings);
}

const struct finding_family finding_given = { .name = "given", .find = find_given };
