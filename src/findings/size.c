/*
 * Right size. CPUs: the fewest with which it would take at most a little longer, by its demand over time; so a short burst on many threads
 * does not make a large machine, nor does a long quiet stretch hide what a burst needs. Demand counts threads that were ready and had
 * none, so a run on too small a machine shows what it could use.
 */
#include "findings/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "books/order.h"
#include "findings/size_memory.h"
#include "books/spend.h"
#include "books/usage.h"

/* How much longer it may take with the CPUs it is told to need. */
#define SLOWER 0.05
#define HEADROOM 0.2
#define NESTED_MAX 16
/* Nobody is told to need more than that. */
#define CPUS_MOST 256

struct sizer {
	const struct run *run;
	struct spend *spend;
	struct memory_levels *levels;
	bool *killed;		/* each process: for want of memory */
};

static struct sizer sizer_new(const struct run *run)
{
	bool *killed = xcalloc((size_t)run->process_count + 1, sizeof(*killed));

	for (u32 i = 0; i < run->process_count; i++)
		killed[i] = run->processes[i].flags & RUN_PROCESS_OOM;
	/* of one whose exit was lost this is all there is */
	for (u32 i = 0; i < run->fact_count; i++)
		if (run->facts[i].kind == RUN_FACT_OOM && run->facts[i].process < run->process_count)
			killed[run->facts[i].process] = true;
	return (struct sizer){ .run = run, .spend = spend_new(run), .levels = memory_levels_new(run), .killed = killed };
}

static void sizer_free(struct sizer *sizer)
{
	spend_free(sizer->spend);
	memory_levels_free(sizer->levels);
	free(sizer->killed);
}

static void add_process(struct sizer *sizer, struct usage *usage, u32 process)
{
	u32 count;
	const struct spend_bracket *brackets = spend_brackets(sizer->spend, process, &count);

	for (u32 i = 0; i < count; i++) {
		struct usage_bin spent = { .cpu = brackets[i].cpu, .demand = spend_demand(&sizer->run->processes[process], &brackets[i]) };

		usage_add(usage, brackets[i].from, brackets[i].to, &spent);
	}
}

/* How long it would take with so many CPUs, given how long with those it had. */
static double duration_with(const struct usage *usage, double cpus, double had)
{
	double duration = 0;

	for (u32 i = 0; i < usage->count; i++) {
		double demand = usage->bins[i].demand, length = usage_bin_length(usage, i);
		double then = demand < had ? demand : had, now = demand < cpus ? demand : cpus;

		duration += demand > 0 && now > 0 ? length * then / now : length;
	}
	return duration;
}

/* How long it, or all tasks of a group one after another, would take with 1, 2, ... CPUs. */
struct curve {
	double with[CPUS_MOST + 1];
};

static void curve_add(struct curve *curve, const struct usage *usage, double had)
{
	double most = 1, best;
	u32 last;

	for (u32 i = 0; i < usage->count; i++)
		if (usage->bins[i].demand > most)
			most = usage->bins[i].demand;
	most = ceil(most);
	last = most < CPUS_MOST ? most : CPUS_MOST;
	for (u32 cpus = 1; cpus <= last; cpus++)
		curve->with[cpus] += duration_with(usage, cpus, had > 0 ? had : most);
	best = duration_with(usage, last, had > 0 ? had : most);
	for (u32 cpus = last + 1; cpus <= CPUS_MOST; cpus++)
		curve->with[cpus] += best;
}

static u32 curve_needs(const struct curve *curve)
{
	u32 cpus = 1;

	while (cpus < CPUS_MOST && curve->with[cpus] > (1 + SLOWER) * curve->with[CPUS_MOST])
		cpus++;
	return cpus;
}

/* Of some processes; members NULL: of all. */
static void measure(struct sizer *sizer, const u32 *members, u32 count, u64 from, u64 to, struct size_need *need,
		    struct curve *curve)
{
	const struct run *run = sizer->run;
	double had = run->host.cpus_allowed ? run->host.cpus_allowed : run->host.cpus, cpu = 0;
	struct usage *usage = usage_new(from, to);

	count = members ? count : run->process_count;
	for (u32 i = 0; i < count; i++) {
		u32 process = members ? members[i] : i;

		add_process(sizer, usage, process);
		cpu += run->processes[process].costs.cpu;
		need->short_of_memory |= sizer->killed[process];
	}
	usage_finish(usage);
	need->mean_cpus = cpu / (usage->to - usage->from);
	for (u32 i = 0; i < usage->count; i++)
		if (usage->bins[i].cpu > need->peak_cpus && usage_bin_length(usage, i) == usage->step)
			need->peak_cpus = usage->bins[i].cpu;
	if (need->peak_cpus < need->mean_cpus)
		need->peak_cpus = need->mean_cpus;
	curve_add(curve, usage, had);
	need->peak_memory = memory_peak(sizer->levels, members, count).bytes;
	need->headroom = HEADROOM;
	need->memory = need->short_of_memory ? 0 : need->peak_memory * (1 + HEADROOM);
	usage_free(usage);
}

void size_of_run(const struct run *run, struct size_need *need)
{
	struct sizer sizer = sizer_new(run);
	struct curve curve = { 0 };

	*need = (struct size_need){ .task = RUN_NONE };
	measure(&sizer, NULL, 0, run->start, run->end, need, &curve);
	need->cpus = curve_needs(&curve);
	need->duration = curve.with[need->cpus];
	sizer_free(&sizer);
}

/* The processes of each task and of those within it: those of task i from first[i] to first[i + 1]. */
static u32 *group_by_task(const struct run *run, u32 **first)
{
	u32 *at = xcalloc((size_t)run->task_count + 2, sizeof(u32)), *members;
	u32 depth;

	for (u32 i = 0; i < run->process_count; i++) {
		depth = 0;
		for (u32 t = run->processes[i].task; t < run->task_count && depth++ < NESTED_MAX; t = run->tasks[t].parent)
			at[t + 2]++;
	}
	for (u32 i = 2; i < run->task_count + 2; i++)
		at[i] += at[i - 1];
	members = xmalloc(((size_t)at[run->task_count + 1] + 1) * sizeof(u32));
	for (u32 i = 0; i < run->process_count; i++) {
		depth = 0;
		for (u32 t = run->processes[i].task; t < run->task_count && depth++ < NESTED_MAX; t = run->tasks[t].parent)
			members[at[t + 1]++] = i;
	}
	*first = at;
	return members;
}

/* A group needs the memory of the neediest of its tasks, which is not known if that of one is not, and CPUs for all of them. */
static void add_task(struct size_need *group, const struct size_need *task)
{
	if (task->peak_memory > group->peak_memory) {
		group->peak_memory = task->peak_memory;
		group->memory = task->memory;
		group->task = task->task;
		group->headroom = task->headroom;
	}
	group->short_of_memory |= task->short_of_memory;
	if (group->short_of_memory)
		group->memory = 0;
	group->peak_cpus = task->peak_cpus > group->peak_cpus ? task->peak_cpus : group->peak_cpus;
	group->mean_cpus = task->mean_cpus > group->mean_cpus ? task->mean_cpus : group->mean_cpus;
}

static void measure_task(struct sizer *sizer, const u32 *members, u32 count, struct size_need *need, struct curve *curve)
{
	u64 from = UINT64_MAX, to = 0;

	for (u32 i = 0; i < count; i++) {
		const struct run_process *process = &sizer->run->processes[members[i]];
		u64 end = order_end(sizer->run, process);

		from = process->start < from ? process->start : from;
		to = end > to ? end : to;
	}
	measure(sizer, members, count, from < sizer->run->start ? sizer->run->start : from, to, need, curve);
}

struct group {
	struct size_need need;
	struct curve curve;
	u32 tasks;
};

/* Which group each task is in, numbered in the order of their first tasks; those without a name are all one. */
static u32 number_groups(const struct run *run, u32 *group_of)
{
	u32 texts = 0, count = 0, *of_text;

	for (u32 i = 0; i < run->task_count; i++)
		if (run->tasks[i].group != RUN_NONE && run->tasks[i].group >= texts)
			texts = run->tasks[i].group + 1;
	of_text = xmalloc(((size_t)texts + 1) * sizeof(u32));
	memset(of_text, 0xff, ((size_t)texts + 1) * sizeof(u32));
	for (u32 i = 0; i < run->task_count; i++) {
		u32 text = run->tasks[i].group == RUN_NONE ? texts : run->tasks[i].group;

		if (of_text[text] == RUN_NONE)
			of_text[text] = count++;
		group_of[i] = of_text[text];
	}
	free(of_text);
	return count;
}

struct size_need *size_of_tasks(const struct run *run, u32 *count)
{
	u32 *group_of = xmalloc(((size_t)run->task_count + 1) * sizeof(u32));
	u32 groups = number_groups(run, group_of), *first, *members = group_by_task(run, &first);
	struct group *all = xcalloc((size_t)groups + 1, sizeof(*all));
	struct size_need *needs = xcalloc((size_t)groups + 1, sizeof(*needs));
	struct sizer sizer = sizer_new(run);

	*count = 0;
	for (u32 i = 0; i < run->task_count; i++) {
		struct group *group = &all[group_of[i]];
		struct size_need need = { .task = i };

		if (first[i] == first[i + 1])
			continue;
		measure_task(&sizer, members + first[i], first[i + 1] - first[i], &need, &group->curve);
		if (!group->tasks++)
			group->need.task = i;
		add_task(&group->need, &need);
	}
	for (u32 i = 0; i < groups; i++) {
		if (!all[i].tasks)
			continue;
		needs[*count] = all[i].need;
		needs[*count].cpus = curve_needs(&all[i].curve);
		needs[*count].duration = all[i].curve.with[needs[*count].cpus] / all[i].tasks;
		(*count)++;
	}
	free(all);
	free(group_of);
	free(first);
	free(members);
	sizer_free(&sizer);
	return needs;
}
