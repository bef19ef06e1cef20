/*
 * No progress: nobody computes, nobody waits for a disk or a peer that answers. Something waits for a lock, a timer, a person, or another
 * machine that says nothing. Who: the process the critical path is in at that time.
 */
#include "findings/finding_scene.h"

static bool is_quiet(const struct usage_bin *bin)
{
	return bin->demand < limit.quiet && bin->disk < limit.quiet && bin->network < limit.quiet;
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

		if (!is_quiet(&usage->bins[i])) {
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

static u32 process_at(const struct scene *scene, u64 time)
{
	for (u32 i = 0; i < scene->path_count; i++)
		if (scene->path[i].from <= time && time < scene->path[i].to)
			return scene->path[i].process;
	return RUN_NONE;
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
	u32 process;

	if (run->kind != RUN_COMMAND)
		return;
	lost = quiet_time(scene, &from, &to);
	process = process_at(scene, from + (to - from) / 2);
	if (is_dialogue(run, process))
		return;
	others = used_by_others(scene, from, to);
	finding = finding_add(scene, findings, "no-progress", FINDING_TIME, others > limit.elsewhere ? FINDING_POSSIBLE : FINDING_LIKELY,
			      lost);
	if (!finding)
		return;
	finding->process = process;
	finding->tool = run->processes[process].tool;
	finding->task = run->processes[process].task;
	finding->from = from;
	finding->to = to;
	say_tool(&finding->title, run, finding->tool);
	text_add(&finding->title, was_stopped(run, process) ? " was stopped" : " does nothing for a long time");
	say_time(&finding->evidence, lost);
	text_add(&finding->evidence, " (");
	say_share(&finding->evidence, lost, scene->wall);
	text_add(&finding->evidence, " of the run) without CPU, disk or network; ");
	say_time(&finding->evidence, to - from);
	text_add_format(&finding->evidence, " at a stretch in pid %u: ", run->processes[process].pid);
	say_command(&finding->evidence, run, process);
	if (others > limit.elsewhere)
		text_add_format(&finding->evidence, "; meanwhile others on this machine used %.1f CPUs", others);
	text_add(&finding->advice, was_stopped(run, process) ?
		 "Find who sent it SIGSTOP or put it into the background of a terminal (sonde trace signal)." :
		 "See what it waits for while it does: cat /proc/PID/stack, gdb -p PID, py-spy dump. A sleep, a lock that is never "
		 "released, a queue, a server that does not answer, a question to a person. Work it left to a daemon of this machine "
		 "(docker, Slurm, systemd) shows with sonde record.");
}

const struct finding_family finding_quiet = { .name = "quiet", .find = find_quiet };
