/* The critical path as a person reads it: who was on it for how long and why, or link by link. */
#include "report/report_part.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "books/grid.h"
#include "books/label.h"

#define TOOLS_SHOWN 5
#define LINKS_SHOWN 30

/* What the path did in one tool, or in none of the run's. */
struct stay {
	u32 tool, links;
	u64 time, cpu, cpu_wait, disk, network, other;
};

static void stay_add(struct stay *stay, const struct critical_link *link)
{
	stay->links++;
	stay->time += link->to - link->from;
	stay->cpu += link->cpu;
	stay->cpu_wait += link->cpu_wait;
	stay->disk += link->disk;
	stay->network += link->network;
	stay->other += link->other;
}

static int by_time(const void *a, const void *b)
{
	const struct stay *first = a, *second = b;

	if (first->time != second->time)
		return first->time < second->time ? 1 : -1;
	return first->tool < second->tool ? -1 : first->tool > second->tool;
}

/* What is left by rounding is not worth a cell. */
static void add_spent(struct grid *grid, const struct stay *stay)
{
	const u64 spent[] = { stay->cpu, stay->cpu_wait, stay->disk, stay->network, stay->other };

	for (size_t i = 0; i < sizeof(spent) / sizeof(spent[0]); i++)
		grid_duration(grid, spent[i] < 1000 ? 0 : spent[i]);
}

static void print_tools(struct report *report, struct stay *stays, u32 count)
{
	static const struct grid_column columns[] = {
		{ .head = "", .left = true, .rest = 16 },
		{ .head = "time" },
		{ .head = "share", .drop = 1 },
		{ .head = "CPU", .drop = 2 },
		{ .head = "waits CPU", .drop = 3 },
		{ .head = "disk", .drop = 4 },
		{ .head = "network", .drop = 5 },
		{ .head = "other", .drop = 6 },
		{ .head = "links", .drop = 7 },
	};
	u64 wall = report->run->end - report->run->start;
	u32 shown = count < TOOLS_SHOWN ? count : TOOLS_SHOWN;
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < shown; i++) {
		if (stays[i].tool == RUN_NONE)
			text_add(&grid.text, "(nothing of the run)");
		else
			label_row(&grid.text, report->run, SUM_TOOL, stays[i].tool, NULL);
		grid_end_cell(&grid);
		grid_duration(&grid, stays[i].time);
		grid_percent(&grid, stays[i].time, wall);
		add_spent(&grid, &stays[i]);
		grid_number(&grid, stays[i].links);
	}
	grid_print(&grid, report->out, report->style.width, "  ");
	grid_free(&grid);
	if (shown < count)
		text_add_format(report->out, "  %u more tool%s (--critical shows link by link)\n", count - shown,
				count - shown == 1 ? "" : "s");
}

static void by_tool(struct report *report, const struct critical_link *links, u32 count)
{
	const struct run *run = report->run;
	struct stay *stays = xcalloc((size_t)run->tool_count + 1, sizeof(*stays));
	u32 kept = 0;

	for (u32 i = 0; i <= run->tool_count; i++)
		stays[i].tool = i < run->tool_count ? i : RUN_NONE;
	for (u32 i = 0; i < count; i++) {
		u32 tool = links[i].process == RUN_NONE ? run->tool_count : run->processes[links[i].process].tool;

		stay_add(&stays[tool < run->tool_count ? tool : run->tool_count], &links[i]);
	}
	for (u32 i = 0; i <= run->tool_count; i++)
		if (stays[i].links)
			stays[kept++] = stays[i];
	qsort(stays, kept, sizeof(*stays), by_time);
	print_tools(report, stays, kept);
	free(stays);
}

static int longest_first(const void *a, const void *b)
{
	u64 first = *(const u64 *)a, second = *(const u64 *)b;

	return first < second ? 1 : first > second ? -1 : 0;
}

/* The length of which at most `most` links are longer. */
static u64 least_length(const struct critical_link *links, u32 count, u32 most)
{
	u64 *lengths, least;

	if (!most || count <= most)
		return 0;
	lengths = xmalloc(count * sizeof(*lengths));
	for (u32 i = 0; i < count; i++)
		lengths[i] = links[i].to - links[i].from;
	qsort(lengths, count, sizeof(*lengths), longest_first);
	least = lengths[most];
	free(lengths);
	return least;
}

static void add_stay(struct grid *grid, const struct report *report, const struct critical_link *link,
		     const struct stay *stay)
{
	const struct run *run = report->run;

	if (link->from > run->start)
		grid_duration(grid, link->from - run->start);
	else
		grid_string(grid, "0 s");
	grid_duration(grid, stay->time);
	add_spent(grid, stay);
	if (stay->links > 1)
		text_add_format(&grid->text, "(%u short links)", stay->links);
	else if (link->process == RUN_NONE)
		text_add(&grid->text, "(nothing of the run)");
	else {
		text_add_format(&grid->text, "%u ", run->processes[link->process].pid);
		label_command(&grid->text, run, link->process);
	}
	grid_end_cell(grid);
}

/* The longest links one by one, those between them together. */
static void by_link(struct report *report, const struct critical_link *links, u32 count)
{
	static const struct grid_column columns[] = {
		{ .head = "from" },
		{ .head = "time" },
		{ .head = "CPU", .drop = 1 },
		{ .head = "waits CPU", .drop = 2 },
		{ .head = "disk", .drop = 3 },
		{ .head = "network", .drop = 4 },
		{ .head = "other", .drop = 5 },
		{ .head = "process", .left = true, .rest = 40 },
	};
	u64 least = least_length(links, count, report_limit(report, LINKS_SHOWN));
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < count; i++) {
		struct stay stay = { 0 };
		u32 first = i;

		stay_add(&stay, &links[i]);
		while (links[first].to - links[first].from <= least && i + 1 < count &&
		       links[i + 1].to - links[i + 1].from <= least)
			stay_add(&stay, &links[++i]);
		add_stay(&grid, report, &links[first], &stay);
	}
	grid_print(&grid, report->out, report->style.width, "  ");
	grid_free(&grid);
}

void report_critical(struct report *report, bool whole)
{
	u32 count;
	struct critical_link *links = critical_find(report->run, &count);

	if (count) {
		report_title(report, "Critical path: what the run was waiting for");
		if (whole)
			by_link(report, links, count);
		else
			by_tool(report, links, count);
	}
	free(links);
}
