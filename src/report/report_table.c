/* The table of a report: what ran, by tool, task, process, container or user. */
#include "report/report_part.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "books/grid.h"
#include "books/label.h"

enum {
	SORT_WALL,
	SORT_PROCESSES,
	SORT_FAILURES,
};

const char *const report_sorts[] = {
#define COST(member, key, unit, sum, help) #member,
#include "books/costs.def"
#undef COST
	"wall", "processes", "failures", NULL,
};

u64 report_sorted_by(const struct sum_row *row, int sort)
{
	if (sort < 0)
		return row->costs.cpu;
	if (sort < (int)cost_count)
		return cost_value(&row->costs, &cost_list[sort]);
	switch (sort - (int)cost_count) {
	case SORT_WALL:
		return row->covered;
	case SORT_PROCESSES:
		return row->processes;
	default:
		return row->failures;
	}
}

struct keyed_row {
	u64 key;
	u32 index;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed_row *first = a, *second = b;

	if (first->key != second->key)
		return first->key < second->key ? 1 : -1;
	return first->index < second->index ? -1 : first->index > second->index;
}

struct sum_row *report_rows(const struct report *report, enum sum_by by, u32 *count)
{
	struct sum_row *rows = sum_make(report->run, by, count), *sorted;
	struct keyed_row *keyed;

	if (report->request->sort < 0)
		return rows;
	keyed = xmalloc((*count + 1) * sizeof(*keyed));
	sorted = xmalloc((*count + 1) * sizeof(*sorted));
	for (u32 i = 0; i < *count; i++)
		keyed[i] = (struct keyed_row){ report_sorted_by(&rows[i], report->request->sort), i };
	qsort(keyed, *count, sizeof(*keyed), by_key);
	for (u32 i = 0; i < *count; i++)
		sorted[i] = rows[keyed[i].index];
	free(keyed);
	free(rows);
	return sorted;
}

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define FAILED 4

static const struct grid_column columns[] = {
	{ .head = "", .left = true, .rest = 16 },
	{ .head = "started", .drop = 9 },
	{ .head = "tasks", .drop = 2 },
	{ .head = "count", .drop = 2 },
	{ .head = "failed", .drop = 3 },
	{ .head = "wall", .drop = 1 },
	{ .head = "CPU" },
	{ .head = "share", .drop = 4 },
	{ .head = "waits CPU", .drop = 6 },
	{ .head = "waits disk", .drop = 7 },
	{ .head = "memory", .drop = 1 },
	{ .head = "disk read", .drop = 5 },
	{ .head = "written", .drop = 5 },
	{ .head = "sent", .drop = 8 },
	{ .head = "received", .drop = 8 },
};

static void add_name(struct grid *grid, const struct report *report, enum sum_by by, const struct sum_row *row)
{
	if (by == SUM_PROCESS)
		text_add_format(&grid->text, "%u ", report->run->processes[row->index].pid);
	label_row(&grid->text, report->run, by, row->index, report->users);
	grid_end_cell(grid);
}

static void add_failed(struct grid *grid, const struct report *report, enum sum_by by, const struct sum_row *row)
{
	if (by == SUM_PROCESS) {
		label_outcome(&grid->text, &report->run->processes[row->index]);
		grid_end_cell(grid);
	} else {
		grid_number(grid, row->failures);
	}
}

/* tasks: how many there are, of a group. */
static void add_row(struct grid *grid, const struct report *report, enum sum_by by, const struct sum_row *row,
		    u32 tasks)
{
	const struct run *run = report->run;

	if (by != SUM_PROCESS)
		add_name(grid, report, by, row);
	grid_duration(grid, by == SUM_PROCESS && row->first > run->start ? row->first - run->start : 0);
	grid_number(grid, tasks);
	grid_number(grid, by == SUM_PROCESS ? 0 : row->processes);
	add_failed(grid, report, by, row);
	grid_duration(grid, row->covered);
	grid_duration(grid, row->costs.cpu);
	grid_percent(grid, row->costs.cpu, report->total.costs.cpu);
	grid_duration(grid, row->costs.cpu_wait);
	grid_duration(grid, row->costs.disk_wait);
	grid_size(grid, row->sampled_memory > row->costs.memory ? row->sampled_memory : row->costs.memory);
	grid_size(grid, row->costs.disk_read);
	grid_size(grid, row->costs.disk_write);
	grid_size(grid, row->costs.sent);
	grid_size(grid, row->costs.received);
	if (by == SUM_PROCESS)
		add_name(grid, report, by, row);
}

static const char *heading(enum sum_by by)
{
	static const char *const headings[] = {
		[SUM_TOOL] = "Tools", [SUM_TASK] = "Tasks", [SUM_PROCESS] = "Processes", [SUM_CONTAINER] = "Containers",
		[SUM_USER] = "Users", [SUM_GROUP] = "Tasks by group", [SUM_TOTAL] = "Total",
	};

	return headings[by];
}

/* By the first task of each group; the caller frees. */
static u32 *count_tasks(const struct run *run)
{
	u32 *first = sum_first_of_group(run), *counts = xcalloc((size_t)run->task_count + 1, sizeof(*counts));

	for (u32 i = 0; i < run->task_count; i++)
		counts[first[i]]++;
	free(first);
	return counts;
}

static void print_rows(struct report *report, enum sum_by by, const struct sum_row *rows, u32 count)
{
	u32 *tasks = by == SUM_GROUP ? count_tasks(report->run) : NULL;
	struct grid_column own[COLUMNS];
	struct grid grid;

	memcpy(own, columns, sizeof(own));
	if (by == SUM_PROCESS) {
		/* commands come last, as in the tree: the longest does not push all numbers aside */
		own[FAILED].head = "ended";
		own[FAILED].left = true;
		memmove(own, own + 1, (COLUMNS - 1) * sizeof(*own));
		own[COLUMNS - 1] = (struct grid_column){ .head = "process", .left = true, .rest = 40 };
	}
	grid_begin(&grid, own, COLUMNS);
	for (u32 i = 0; i < count; i++)
		add_row(&grid, report, by, &rows[i], tasks && rows[i].index != RUN_NONE ? tasks[rows[i].index] : 0);
	grid_print(&grid, report->out, report->style.width, "  ");
	grid_free(&grid);
	free(tasks);
}

/* What those that are not shown come to. */
static void print_rest(struct report *report, enum sum_by by, const struct sum_row *rows, u32 count)
{
	struct sum_row rest = { 0 };

	for (u32 i = 0; i < count; i++) {
		costs_add(&rest.costs, &rows[i].costs);
		rest.processes += rows[i].processes;
	}
	text_add_format(report->out, "  %u more, with ", count);
	if (by != SUM_PROCESS)
		text_add_format(report->out, "%u process%s and ", rest.processes, rest.processes == 1 ? "" : "es");
	report_duration(report, rest.costs.cpu);
	text_add(report->out, " of CPU time together (--all shows them)\n");
}

void report_table(struct report *report, enum sum_by by, u32 usual)
{
	u32 count;
	struct sum_row *rows = report_rows(report, by, &count);
	u32 limit = report_limit(report, usual), shown = limit && limit < count ? limit : count;

	report_title(report, heading(by));
	if (count)
		print_rows(report, by, rows, shown);
	else
		text_add(report->out, "  none\n");
	if (shown < count)
		print_rest(report, by, rows + shown, count - shown);
	free(rows);
}
