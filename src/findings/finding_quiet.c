/*
 * No progress: nobody computes, nobody waits for a disk or a peer that answers. Something waits for a lock, a timer, a person, or another
 * machine that says nothing. Who: those the critical path is in meanwhile. Where processes are missing nobody can say that none did anything.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "findings/finding_scene.h"

#define NEARLY_ALL 0.9

static bool is_quiet(const struct scene *scene, const struct usage_bin *bin)
{
	return bin->demand < limit.quiet && bin->disk < limit.quiet && bin->network < limit.quiet && scene_is_whole(scene, bin);
}

/* All quiet time, and the longest stretch of it. */
static double quiet_time(const struct scene *scene, u64 *from, u64 *to)
{
	const struct usage *usage = scene->usage;
	double all = 0;
	u64 longest = 0, begin = 0;
	bool quiet = false;

	for (u32 i = 0; i < usage->count; i++) {
		u64 at = usage_bin_from(usage, i), end = at + usage_bin_length(usage, i);

		if (!is_quiet(scene, &usage->bins[i])) {
			quiet = false;
			continue;
		}
		if (!quiet)
			begin = at;
		quiet = true;
		all += end - at;
		if (end - begin <= longest)
			continue;
		longest = end - begin;
		*from = begin;
		*to = end;
	}
	return all;
}

/* Of the longest stretch: the tool whose processes the path is in most, how many they are, and the one that it is in longest. */
struct idlers {
	u32 tool, process, count;
	double share, longest;		/* of the stretch; ns */
};

static struct idlers idlers_find(const struct scene *scene, u64 from, u64 to)
{
	const struct run *run = scene->run;
	double *times = xcalloc(run->process_count + 1, sizeof(*times));
	struct blame blame = blame_new(run);
	struct idlers idlers = { .process = RUN_NONE };

	for (u32 i = 0; i < scene->path_count; i++) {
		const struct critical_link *link = &scene->path[i];
		u64 begin = link->from > from ? link->from : from, end = link->to < to ? link->to : to;

		if (begin < end && link->process < run->process_count)
			times[link->process] += end - begin;
	}
	for (u32 i = 0; i < run->process_count; i++)
		blame_add(&blame, run, i, times[i]);
	idlers.tool = blame_tool(&blame, run, &idlers.share);
	if (idlers.tool != RUN_NONE) {
		idlers.process = blame.process[idlers.tool];
		idlers.longest = blame.most[idlers.tool];
		idlers.share = blame.by_tool[idlers.tool] / (to - from);
	}
	for (u32 i = 0; i < run->process_count; i++)
		idlers.count += times[i] > 0 && run->processes[i].tool == idlers.tool;
	blame_free(&blame);
	free(times);
	return idlers;
}

/* One alone, or what others of its tool have is not worth a word. */
static bool is_one(const struct idlers *idlers, double length)
{
	return idlers->count == 1 || idlers->longest >= NEARLY_ALL * idlers->share * length;
}

/* "4.01 s at a stretch in 4 processes of sleep, the longest of them 1 s in pid 17: sleep 1" */
static void say_stretch(struct text *out, const struct run *run, const struct idlers *idlers, double length)
{
	say_time(out, length);
	text_add(out, " at a stretch");
	if (idlers->share < NEARLY_ALL) {
		text_add(out, ", ");
		say_share(out, idlers->share, 1);
		text_add(out, " of it");
	}
	if (!is_one(idlers, length)) {
		text_add_format(out, " in %u processes of ", idlers->count);
		say_tool(out, run, idlers->tool);
		text_add(out, ", the longest of them ");
		say_time(out, idlers->longest);
	}
	text_add_format(out, " in pid %u: ", run->processes[idlers->process].pid);
	say_command(out, run, idlers->process);
}

static bool was_stopped(const struct run *run, u32 process)
{
	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process == process && run->samples[i].state == RUN_ACTIVITY_STOPPED)
			return true;
	return false;
}

/* CPUs that others used between two instants; less than nothing: not known. */
static double used_by_others(const struct scene *scene, u64 from, u64 to)
{
	const struct run_host_sample *first = NULL, *last = NULL;

	for (u32 i = 0; i < scene->run->host_sample_count; i++) {
		const struct run_host_sample *sample = &scene->run->host_samples[i];

		if (sample->time < from || sample->time > to || sample->cpu_busy == ~0ULL)
			continue;
		first = first ? first : sample;
		last = sample;
	}
	if (!first || last->time <= first->time || last->cpu_busy < first->cpu_busy)
		return -1;
	return (double)(last->cpu_busy - first->cpu_busy) / (last->time - first->time);
}

/* Nobody is surprised that a shell waits for its user. */
static bool is_dialogue(const struct run *run, u32 process)
{
	static const char *const shells[] = { "bash", "zsh", "sh", "dash", "fish", "ksh", "vim", "nano", "less", "tmux", "screen" };
	struct run_bytes tool, arguments;

	if (process >= run->process_count)
		return true;
	tool = run_text(run, run->tools[run->processes[process].tool].name);
	arguments = run_arguments(run, process);
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (tool.length == strlen(shells[i]) && !memcmp(tool.data, shells[i], tool.length))
			return i >= 6 || (arguments.length && strlen(arguments.data) + 1 >= arguments.length);
	return false;
}

static void find_quiet(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	u64 from = 0, to = 0;
	double lost, others;
	struct finding *finding;
	struct idlers idlers;
	bool one, stopped;

	if (run->kind != RUN_COMMAND)
		return;
	lost = quiet_time(scene, &from, &to);
	idlers = idlers_find(scene, from, to);
	if (is_dialogue(run, idlers.process))
		return;
	one = is_one(&idlers, to - from);
	stopped = one && was_stopped(run, idlers.process);
	others = used_by_others(scene, from, to);
	finding = finding_add(scene, findings, "no-progress", FINDING_TIME, others > limit.elsewhere ? FINDING_POSSIBLE : FINDING_LIKELY,
			      lost);
	if (!finding)
		return;
	finding->process = one ? idlers.process : RUN_NONE;
	finding->tool = idlers.tool;
	finding->task = one ? run->processes[idlers.process].task : scene_task_of(scene, idlers.tool);
	finding->from = from;
	finding->to = to;
	say_tool(&finding->title, run, finding->tool);
	text_add(&finding->title, stopped ? " was stopped" : " does nothing for a long time");
	say_time(&finding->evidence, lost);
	text_add(&finding->evidence, " (");
	say_share(&finding->evidence, lost, scene->wall);
	text_add(&finding->evidence, " of the run) without CPU, disk or network; ");
	say_stretch(&finding->evidence, run, &idlers, to - from);
	if (others > limit.elsewhere)
		text_add_format(&finding->evidence, "; meanwhile others on this machine used %.1f CPUs", others);
	text_add(&finding->advice, stopped ?
		 "Find who sent it SIGSTOP or put it into the background of a terminal (sonde trace signal)." :
		 "See what it waits for while it does: cat /proc/PID/stack, gdb -p PID, py-spy dump. A sleep, a lock that is never "
		 "released, a queue, a server that does not answer, a question to a person. Work it left to a daemon of this machine "
		 "(docker, Slurm, systemd) shows with sonde record.");
}

const struct finding_family finding_quiet = { .name = "quiet", .find = find_quiet };
