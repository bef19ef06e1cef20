/*
 * Thousands of tiny processes: to start and end one takes a millisecond or more, whatever it then does. It costs what the critical path
 * spends in them, and in whoever starts them between two.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "findings/finding_scene.h"
#include "books/order.h"

/* Links of tiny processes, and short ones of others beside them. */
static double time_on_path(const struct scene *scene)
{
	const bool *tiny = scene->tiny;
	double lost = 0;
	bool before = false;

	for (u32 i = 0; i < scene->path_count; i++) {
		const struct critical_link *link = &scene->path[i];
		bool here = link->process != RUN_NONE && tiny[link->process];
		bool after = i + 1 < scene->path_count && scene->path[i + 1].process != RUN_NONE && tiny[scene->path[i + 1].process];
		double length = link->to - link->from;

		if (here || ((before || after) && length < limit.tiny * SECOND))
			lost += length;
		before = here;
	}
	return lost;
}

static u32 starter_of(const struct run *run, const bool *tiny, u32 tool)
{
	struct blame parents = blame_new(run);
	double share;
	u32 starter;

	for (u32 i = 0; i < run->process_count; i++) {
		u32 parent = run->processes[i].parent;

		/* a shell forks before it runs what it was told to */
		if (tiny[i] && run->processes[i].tool == tool && parent < run->process_count && !tiny[parent])
			blame_add(&parents, run, parent, 1);
	}
	starter = blame_tool(&parents, run, &share);
	blame_free(&parents);
	return starter;
}

static void find_tiny(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	const u32 count = scene->tiny_count;
	struct blame tools = blame_new(run);
	double life = 0, cpu = 0, share = 0;
	struct finding *finding = NULL;
	u32 tool, starter;

	for (u32 i = 0; i < run->process_count; i++) {
		if (!scene->tiny[i])
			continue;
		life += order_end(run, &run->processes[i]) - run->processes[i].start;
		cpu += run->processes[i].costs.cpu;
		blame_add(&tools, run, i, 1);
	}
	tool = blame_tool(&tools, run, &share);
	if (count)
		finding = finding_add(scene, findings, "tiny-processes", FINDING_TIME, FINDING_CERTAIN, time_on_path(scene));
	if (finding) {
		starter = starter_of(run, scene->tiny, tool);
		finding->tool = starter != RUN_NONE ? starter : tool;
		finding->task = scene_task_of(scene, finding->tool);
		say_tool(&finding->title, run, finding->tool);
		text_add_format(&finding->title, " starts %u processes that hardly live", count);
		text_add_format(&finding->evidence, "%u processes of ", count);
		say_time(&finding->evidence, life / count);
		text_add(&finding->evidence, " each, ");
		say_time(&finding->evidence, cpu / count);
		text_add(&finding->evidence, " of that on a CPU; ");
		say_share(&finding->evidence, share, 1);
		text_add(&finding->evidence, " are ");
		say_tool(&finding->evidence, run, tool);
		text_add(&finding->evidence, "; the run waited ");
		say_time(&finding->evidence, finding->lost);
		text_add(&finding->evidence, " for them");
		text_add(&finding->advice, "Let one process do many: xargs without -n 1, awk or sed over the whole file, the shell's own "
					   "expansions instead of sed and cut, one script instead of a loop.");
	}
	blame_free(&tools);
}

const struct finding_family finding_tiny = { .name = "tiny", .find = find_tiny };
