/*
 * Waiting for disks. It cost what the critical path waited, or, where a pipeline keeps the path elsewhere, the time in which nobody ran
 * and somebody waited for a disk.
 */
#include "findings/finding_scene.h"

struct disk_way {
	const char *kind;
	const char *verb;		/* "reads" */
	bool writes;
};

static double waited(const struct stay *stay, bool writes)
{
	return writes ? stay->write : stay->read;
}

/* On the path a process waits for a disk at most as long as it is asleep there. */
static double waited_on_path(const struct stay *stay, bool writes)
{
	double disk = stay->read + stay->write, most = stay->path_blocked < disk ? stay->path_blocked : disk;

	return disk > 0 ? most * waited(stay, writes) / disk : 0;
}

/* Time in which the run left a CPU idle that one more thread could have used, as far as disks are to blame. */
static double idle_for_disks(const struct scene *scene)
{
	const struct usage *usage = scene->usage;
	double lost = 0;

	for (u32 i = 0; i < usage->count; i++) {
		const struct usage_bin *bin = &usage->bins[i];
		double idle = bin->demand < 1 ? 1 - bin->demand : 0;

		lost += (bin->disk < idle ? bin->disk : idle) * usage_bin_length(usage, i);
	}
	return lost;
}

static void say_numbers(struct text *out, const struct scene *scene, u32 tool, bool writes, bool *guessed)
{
	struct costs sum = { 0 };
	double time = 0;

	for (u32 i = 0; i < scene->run->process_count; i++) {
		const struct run_process *process = &scene->run->processes[i];

		if (process->tool != tool)
			continue;
		costs_add(&sum, &process->costs);
		time += waited(&scene->stays[i], writes);
		*guessed |= scene->stays[i].guessed;
	}
	say_time(out, time);
	text_add(out, writes ? " waiting for writes to reach the disk; " : " waiting for reads from disk; ");
	say_bytes(out, writes ? sum.disk_write : sum.disk_read);
	text_add(out, writes ? " written" : " read");
	if (time > 0) {
		text_add(out, ", ");
		say_bytes(out, (writes ? sum.disk_write : sum.disk_read) / (time / SECOND));
		text_add(out, " a second of waiting");
	}
	if (writes && sum.syncs)
		text_add_format(out, ", %llu calls of fsync or the like", (unsigned long long)sum.syncs);
	else if (writes)
		text_add_format(out, ", in %llu writes, with %llu waits", (unsigned long long)sum.write_calls,
				(unsigned long long)sum.voluntary_switches);
	if (!writes && sum.major_faults >= limit.faults)
		text_add_format(out, ", %llu page faults from disk", (unsigned long long)sum.major_faults);
}

static void find_way(const struct scene *scene, struct findings *findings, const struct disk_way *way)
{
	const struct run *run = scene->run;
	struct blame path = blame_new(run), whole = blame_new(run);
	double both = 0, lost, share;
	struct finding *finding;
	bool guessed = false, short_of_memory = !way->writes && scene_is_short_of_memory(scene);
	u32 tool;

	for (u32 i = 0; i < run->process_count; i++) {
		blame_add(&path, run, i, waited_on_path(&scene->stays[i], way->writes));
		blame_add(&whole, run, i, waited(&scene->stays[i], way->writes));
		both += scene->stays[i].read + scene->stays[i].write;
	}
	lost = both > 0 ? idle_for_disks(scene) * whole.all / both : 0;
	tool = blame_tool(path.all > lost ? &path : &whole, run, &share);
	lost = path.all > lost ? path.all : lost;
	finding = finding_add(scene, findings, short_of_memory ? "memory-pressure" : way->kind, FINDING_TIME, FINDING_LIKELY, lost);
	if (finding) {
		finding->tool = tool;
		finding->task = scene_task_of(scene, tool);
		say_numbers(&finding->evidence, scene, tool, way->writes, &guessed);
		if (guessed)
			text_add(&finding->evidence, " (inferred from bytes and waits)");
		finding->sureness = guessed ? FINDING_POSSIBLE : FINDING_LIKELY;
		say_tool(&finding->title, run, tool);
		if (short_of_memory)
			text_add(&finding->title, " is short of memory: it waits for pages to come back from disk");
		else
			text_add_format(&finding->title, " waits for the disk: it %s", way->verb);
		if (way->writes)
			text_add(&finding->advice, "If it makes each record safe by itself (fsync, O_SYNC, a commit per row), do so once for many; "
						   "or put its files on a faster disk, or on tmpfs if they need not outlive the machine.");
		else if (short_of_memory)
			text_add(&finding->advice, "Memory is short, so what it needs is read again and again: give the run more memory, "
						   "or run fewer at a time.");
		else
			text_add(&finding->advice, "Put its input on a faster disk, read it in larger pieces or with several readers, or have it in "
						   "the page cache: memory for it, or a step right after the one that wrote it.");
	}
	blame_free(&path);
	blame_free(&whole);
}

static void find_disk(const struct scene *scene, struct findings *findings)
{
	static const struct disk_way ways[] = {
		{ .kind = "disk-read", .verb = "reads" },
		{ .kind = "disk-write", .verb = "writes", .writes = true },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		find_way(scene, findings, &ways[i]);
}

const struct finding_family finding_disk = { .name = "disk", .find = find_disk };
