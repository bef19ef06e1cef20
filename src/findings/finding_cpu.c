/*
 * Waiting for a CPU, and leaving CPUs idle. Both are told by demand: threads that were on a CPU or ready for one. Demand is the run's own,
 * whatever else the machine does: eight threads on two CPUs are eight whether those two are shared with others or not, and a lone thread that
 * others push off its CPU is still one. What a run lost to others is what it waited while it asked for no more than there is.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "findings/finding_scene.h"
#include "books/order.h"

/* Bins that have something, and the processes in them. */
struct stretch {
	const struct scene *scene;
	double *until;			/* ns of such bins before each bin */
	double length, demand;		/* ns; demand: ns of threads */
	u32 first, last;		/* bins; first > last: none */
};

static struct stretch stretch_find(const struct scene *scene, bool (*has)(const struct scene *scene, const struct usage_bin *bin))
{
	const struct usage *usage = scene->usage;
	struct stretch stretch = { .scene = scene, .until = xcalloc(usage->count + 1, sizeof(double)), .first = 1 };

	for (u32 i = 0; i < usage->count; i++) {
		double length = has(scene, &usage->bins[i]) ? usage_bin_length(usage, i) : 0;

		stretch.until[i + 1] = stretch.until[i] + length;
		if (!length)
			continue;
		if (!stretch.length)
			stretch.first = i;
		stretch.last = i;
		stretch.length += length;
		stretch.demand += usage->bins[i].demand * length;
	}
	return stretch;
}

/* How much of the stretch a process was there, ns. */
static double stretch_of(const struct stretch *stretch, const struct run_process *process)
{
	const struct usage *usage = stretch->scene->usage;
	u64 end = order_end(stretch->scene->run, process);
	u64 first, last;

	if (end <= usage->from || process->start >= usage->to)
		return 0;
	first = process->start > usage->from ? (process->start - usage->from) / usage->step : 0;
	last = (end - 1 - usage->from) / usage->step;
	if (last >= usage->count)
		last = usage->count - 1;
	if (first == last && stretch->until[last + 1] > stretch->until[first])
		return end - process->start;
	return stretch->until[last + 1] - stretch->until[first];
}

/* The part of a process's own time that fell into the stretch. */
static double part_of(const struct stretch *stretch, const struct run_process *process)
{
	double life = order_end(stretch->scene->run, process) - process->start, in = stretch_of(stretch, process);

	return life > 0 && in < life ? in / life : 1;
}

static void set_when(struct finding *finding, const struct stretch *stretch)
{
	const struct usage *usage = stretch->scene->usage;

	finding->from = usage_bin_from(usage, stretch->first);
	finding->to = usage_bin_from(usage, stretch->last) + usage_bin_length(usage, stretch->last);
}

static bool is_crowded(const struct scene *scene, const struct usage_bin *bin)
{
	return bin->demand >= limit.crowded * scene->cpus;
}

/* What thousands of tiny processes wait goes away with them, and has a finding of its own: not a second time here. */
static void find_crowded(const struct scene *scene, struct findings *findings)
{
	struct stretch stretch = stretch_find(scene, is_crowded);
	struct blame blame = blame_new(scene->run);
	double lost = stretch.length ? stretch.length * (1 - scene->cpus * stretch.length / stretch.demand) : 0, share;
	double ready = stretch.length ? stretch.demand / stretch.length : 0, waited = 0;
	struct finding *finding;
	const struct run_process *most;
	u32 tool;

	for (u32 i = 0; i < scene->run->process_count; i++) {
		const struct run_process *process = &scene->run->processes[i];
		double own = stretch_of(&stretch, process) > 0 ? process->costs.cpu_wait * part_of(&stretch, process) : 0;

		waited += own;
		if (!scene->tiny[i])
			blame_add(&blame, scene->run, i, own);
	}
	if (waited > 0)
		lost *= blame.all / waited;
	finding = finding_add(scene, findings, "cpu-oversubscribed", FINDING_TIME, FINDING_CERTAIN, lost);
	if (finding) {
		tool = blame_tool(&blame, scene->run, &share);
		set_when(finding, &stretch);
		finding->tool = tool;
		finding->task = scene_task_of(scene, tool);
		say_tool(&finding->title, scene->run, tool);
		text_add_format(&finding->title, " waits for a CPU: %.0f threads want to run on %.0f", ready, scene->cpus);
		say_time(&finding->evidence, stretch.length);
		text_add(&finding->evidence, " (");
		say_share(&finding->evidence, stretch.length, scene->wall);
		text_add_format(&finding->evidence, " of the run) with %.1f threads running or ready, on %.0f CPUs; ", ready,
				scene->cpus);
		say_share(&finding->evidence, share * blame.all, waited);
		text_add(&finding->evidence, " of the waiting is in ");
		say_tool(&finding->evidence, scene->run, tool);
		most = tool < scene->run->tool_count ? &scene->run->processes[blame.process[tool]] : NULL;
		if (most && most->threads > scene->cpus)
			text_add_format(&finding->advice, "One process has %u threads: tell it to use %.0f, or give the run %.0f CPUs.",
					most->threads, scene->cpus, ready);
		else
			text_add_format(&finding->advice, "Run %.0f at a time instead of %.0f, or give the run %.0f CPUs: it can use them.",
					scene->cpus, ready, ready);
	}
	blame_free(&blame);
	free(stretch.until);
}

static bool is_alone(const struct scene *scene, const struct usage_bin *bin)
{
	return bin->demand >= limit.alone_least && bin->demand <= limit.alone_most && scene_is_whole(scene, bin);
}

static void say_serial(struct finding *finding, const struct scene *scene, const struct stretch *stretch, double share, u32 many)
{
	double idle = scene->cpus - 1;

	finding->process = RUN_NONE;
	say_tool(&finding->title, scene->run, finding->tool);
	text_add_format(&finding->title, " keeps one CPU busy while %s", idle > 1 ? "the others idle" : "the other idles");
	say_time(&finding->evidence, stretch->length);
	text_add(&finding->evidence, " (");
	say_share(&finding->evidence, stretch->length, scene->wall);
	text_add_format(&finding->evidence, " of the run) with one thread running, on %.0f CPUs; ", scene->cpus);
	say_share(&finding->evidence, share, 1);
	text_add(&finding->evidence, " of its CPU time is in ");
	say_tool(&finding->evidence, scene->run, finding->tool);
	if (many > 1)
		text_add_format(&finding->evidence, ", %u processes one after another", many);
	text_add(&finding->advice, many > 1 ? "If they do not need each other's results, run them side by side (make -j, xargs -P)." :
					      "If it has an option for threads, use it; else split its input and run the parts side by side.");
	text_add(&finding->advice, " If neither can be, one CPU is enough for this part.");
}

/* Only computing counts: what is copied or started by the kernel is not made faster by threads. */
static void find_serial(const struct scene *scene, struct findings *findings)
{
	struct stretch stretch = stretch_find(scene, is_alone);
	struct blame blame = blame_new(scene->run);
	double user = 0, cpu = 0, share;
	struct finding *finding = NULL;
	u32 tool, many = 0;

	for (u32 i = 0; i < scene->run->process_count && stretch.length; i++) {
		const struct run_process *process = &scene->run->processes[i];
		double part = stretch_of(&stretch, process) > 0 ? part_of(&stretch, process) : 0;

		user += process->costs.cpu_user * part;
		cpu += process->costs.cpu * part;
		blame_add(&blame, scene->run, i, process->costs.cpu * part);
	}
	tool = blame_tool(&blame, scene->run, &share);
	for (u32 i = 0; i < scene->run->process_count; i++)
		many += scene->run->processes[i].tool == tool && stretch_of(&stretch, &scene->run->processes[i]) > 0;
	/* thousands of tiny ones have a finding of their own */
	if (many && blame.by_tool[tool] / many < limit.tiny * SECOND)
		user = 0;
	if (scene->cpus >= 2 && user > 0 && user >= limit.user_share * cpu && stretch.length >= limit.serial_share * scene->wall &&
	    stretch.length >= limit.serial_seconds * SECOND)
		finding = finding_add(scene, findings, "cpu-serial", FINDING_TIME, FINDING_LIKELY,
				      stretch.length * (1 - 1 / scene->cpus));
	if (finding) {
		set_when(finding, &stretch);
		finding->tool = tool;
		finding->task = scene_task_of(scene, tool);
		say_serial(finding, scene, &stretch, share, many);
	}
	blame_free(&blame);
	free(stretch.until);
}

/* How busy the machine was, and what of it its hypervisor took; 0..1. */
static bool machine_busy(const struct run *run, double *busy, double *stolen)
{
	const struct run_host_sample *first, *last;
	double all;

	if (run->host_sample_count < 2 || !run->host.cpus)
		return false;
	first = &run->host_samples[0];
	last = &run->host_samples[run->host_sample_count - 1];
	all = (double)(last->time - first->time) * run->host.cpus;
	if (all <= 0 || last->cpu_busy == ~0ULL || last->cpu_busy < first->cpu_busy)
		return false;
	*busy = (last->cpu_busy - first->cpu_busy) / all;
	*stolen = last->cpu_steal != ~0ULL && last->cpu_steal > first->cpu_steal ? (last->cpu_steal - first->cpu_steal) / all : 0;
	return true;
}

static void find_contended(const struct scene *scene, struct findings *findings)
{
	double lost = scene->contended, busy = 0, stolen = 0, used = 0;
	struct finding *finding;

	if (lost < limit.contended_share * scene->wall || lost < limit.contended_seconds * SECOND)
		return;
	finding = finding_add(scene, findings, "cpu-contended", FINDING_AROUND, FINDING_LIKELY, lost);
	if (!finding)
		return;
	for (u32 i = 0; i < scene->run->process_count; i++)
		used += scene->run->processes[i].costs.cpu;
	text_add(&finding->title, "Other work on this machine took the CPUs");
	say_time(&finding->evidence, lost);
	text_add_format(&finding->evidence, " of waiting for a CPU while the run asked for no more than the %.0f there are; it used %.1f",
			scene->cpus, used / scene->wall);
	if (machine_busy(scene->run, &busy, &stolen))
		text_add_format(&finding->evidence, ", the machine was %.0f %% busy", 100 * busy);
	if (stolen > 0.01)
		text_add_format(&finding->evidence, ", its hypervisor took %.0f %%", 100 * stolen);
	text_add(&finding->advice, stolen > busy / 2 ? "Use a machine whose CPUs are not shared with other tenants." :
						       "Run it on an idle machine before comparing times, or look with sonde top what else runs.");
}

static void find_cpu(const struct scene *scene, struct findings *findings)
{
	if (scene->cpus < 1)
		return;
	find_crowded(scene, findings);
	if (scene->run->kind == RUN_COMMAND)
		find_serial(scene, findings);
	find_contended(scene, findings);
}

const struct finding_family finding_cpu = { .name = "cpu", .find = find_cpu };
