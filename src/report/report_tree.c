/*
 * The tree of a run: each process below the one that started it, with what it and all below it cost. Leaves of one tool
 * that follow each other are one line, or the tree of a build would be as long as its log.
 */
#include "report/report_part.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "books/grid.h"
#include "books/label.h"
#include "books/order.h"

/* So many alike are told one by one. */
#define ALIKE 3
#define INDENT_MOST 40

static u32 parent_of(const struct run *run, u32 process)
{
	u32 parent = run->processes[process].parent;

	return parent < process ? parent : RUN_NONE;
}

/* Parents stand before their children, so one pass from the end adds everything up. */
struct report_branch *report_branches(const struct run *run)
{
	u32 count = run->process_count, *order = order_by_start(run), at = 0;
	struct report_branch *branches = xcalloc((size_t)count + 1, sizeof(*branches));
	struct report_branch *sums = xcalloc((size_t)count + 1, sizeof(*sums));
	u32 *first = xmalloc(((size_t)count + 2) * sizeof(*first)),
	    *next = xmalloc(((size_t)count + 1) * sizeof(*next));
	u32 now;

	for (u32 i = 0; i <= count; i++)
		first[i] = RUN_NONE;
	for (u32 i = count; i-- > 0;) {
		u32 parent = parent_of(run, order[i]), slot = parent == RUN_NONE ? count : parent;

		next[order[i]] = first[slot];
		first[slot] = order[i];
	}
	for (u32 i = count; i-- > 0;) {
		u32 parent = parent_of(run, i);

		costs_add(&sums[i].costs, &run->processes[i].costs);
		if (parent == RUN_NONE)
			continue;
		costs_add(&sums[parent].costs, &sums[i].costs);
		sums[parent].below += sums[i].below + 1;
	}
	/* down to the first child, else on to the next sibling of it or of the nearest ancestor that has one */
	now = first[count];
	for (u32 depth = 0; now != RUN_NONE;) {
		branches[at] = sums[now];
		branches[at].process = now;
		branches[at++].depth = depth;
		if (first[now] != RUN_NONE) {
			now = first[now];
			depth++;
			continue;
		}
		while (next[now] == RUN_NONE && parent_of(run, now) != RUN_NONE) {
			now = parent_of(run, now);
			depth--;
		}
		now = next[now];
	}
	free(order);
	free(sums);
	free(first);
	free(next);
	return branches;
}

static const struct grid_column columns[] = {
	{ .head = "started", .drop = 3 },
	{ .head = "wall", .drop = 1 },
	{ .head = "CPU" },
	{ .head = "own", .drop = 2 },
	{ .head = "memory", .drop = 1 },
	{ .head = "disk read", .drop = 4 },
	{ .head = "written", .drop = 4 },
	{ .head = "process", .left = true, .rest = 40 },
};

static void add_what(struct grid *grid, const struct run *run, const struct report_branch *branch, u32 alike,
		     u32 failures)
{
	const struct run_process *process = &run->processes[branch->process];
	struct text outcome = { 0 };
	u32 depth = branch->depth < INDENT_MOST ? branch->depth : INDENT_MOST;

	for (u32 i = 0; i < depth; i++)
		text_add(&grid->text, "  ");
	if (alike > 1) {
		label_row(&grid->text, run, SUM_TOOL, process->tool, NULL);
		text_add_format(&grid->text, " (%u times%s", alike, failures ? ", " : ")");
		if (failures)
			text_add_format(&grid->text, "%u failed)", failures);
	} else {
		label_outcome(&outcome, process);
		if (outcome.length)
			text_add_format(&grid->text, "[%s] ", text_string(&outcome));
		text_add_format(&grid->text, "%u ", process->pid);
		label_command(&grid->text, run, branch->process);
	}
	text_free(&outcome);
	grid_end_cell(grid);
}

/* How many from here on are leaves of one parent and one tool. */
static u32 alike_from(const struct run *run, const struct report_branch *branches, u32 at)
{
	const struct run_process *first = &run->processes[branches[at].process];
	u32 end = at;

	while (end < run->process_count && !branches[end].below && branches[end].depth == branches[at].depth &&
	       run->processes[branches[end].process].tool == first->tool &&
	       run->processes[branches[end].process].parent == first->parent)
		end++;
	return end - at;
}

/* One line; returns how many branches it stands for. */
static u32 add_line(struct grid *grid, const struct run *run, const struct report_branch *branches, u32 at, bool fold)
{
	const struct run_process *process = &run->processes[branches[at].process];
	u32 alike = fold ? alike_from(run, branches, at) : 1, failures = 0;
	struct costs costs = branches[at].costs;
	u64 start = order_start(run, process), end = process->end;

	if (alike <= ALIKE)
		alike = 1;
	for (u32 i = at; i < at + alike; i++) {
		const struct run_process *one = &run->processes[branches[i].process];

		failures += sum_failed(one);
		end = one->end > end ? one->end : end;
		if (i > at)
			costs_add(&costs, &one->costs);
	}
	grid_duration(grid, start - run->start);
	grid_duration(grid, end > start ? end - start : 0);
	grid_duration(grid, costs.cpu);
	grid_duration(grid, branches[at].below ? process->costs.cpu : 0);
	grid_size(grid, costs.memory);
	grid_size(grid, costs.disk_read);
	grid_size(grid, costs.disk_write);
	add_what(grid, run, &branches[at], alike, failures);
	return alike;
}

void report_tree(struct report *report)
{
	const struct run *run = report->run;
	struct report_branch *branches = report_branches(run);
	u32 limit = report_limit(report, 0), lines = 0, at = 0;
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	while (at < run->process_count && (!limit || lines < limit)) {
		at += add_line(&grid, run, branches, at, !report->request->all);
		lines++;
	}
	report_title(report, "Tree (memory: the largest process)");
	if (run->process_count)
		grid_print(&grid, report->out, report->style.width, "  ");
	else
		text_add(report->out, "  none\n");
	if (at < run->process_count)
		report_more(report, run->process_count - at);
	grid_free(&grid);
	free(branches);
}
