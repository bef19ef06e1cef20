/* What a report lists: findings, failures, files, the size that fits. */
#include "report/report_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "books/grid.h"
#include "books/label.h"
#include "books/order.h"
#include "event/words.h"

#define GROUPS_SHOWN 5
#define ROWS_SHOWN 30

/* --- failures --- */

/* Those of one tool that ended the same way. */
struct failure {
	u32 tool, process, count;
	s32 code;
	u16 signal;
};

static int alike(const void *a, const void *b)
{
	const struct failure *first = a, *second = b;

	if (first->tool != second->tool)
		return first->tool < second->tool ? -1 : 1;
	if (first->signal != second->signal)
		return first->signal < second->signal ? -1 : 1;
	if (first->code != second->code)
		return first->code < second->code ? -1 : 1;
	return first->process < second->process ? -1 : first->process > second->process;
}

static int most_first(const void *a, const void *b)
{
	const struct failure *first = a, *second = b;

	if (first->count != second->count)
		return first->count < second->count ? 1 : -1;
	return first->process < second->process ? -1 : first->process > second->process;
}

u32 *report_failed(const struct run *run, u32 *count)
{
	u32 *order = order_by_end(run), found = 0;

	for (u32 i = 0; i < run->process_count; i++)
		if (sum_failed(&run->processes[order[i]]))
			order[found++] = order[i];
	*count = found;
	return order;
}

static struct failure *find_failures(const struct run *run, u32 *count)
{
	u32 *failed = report_failed(run, count);
	struct failure *failures = xcalloc((size_t)*count + 1, sizeof(*failures));

	for (u32 i = 0; i < *count; i++) {
		const struct run_process *process = &run->processes[failed[i]];

		failures[i] = (struct failure){ process->tool, failed[i], 1, process->code, process->signal };
	}
	free(failed);
	return failures;
}

static u32 join_alike(struct failure *failures, u32 count)
{
	u32 kept = 0;

	if (count)
		qsort(failures, count, sizeof(*failures), alike);
	for (u32 i = 0; i < count; i++) {
		struct failure *before = kept ? &failures[kept - 1] : NULL;

		if (before && before->tool == failures[i].tool && before->signal == failures[i].signal &&
		    before->code == failures[i].code)
			before->count++;
		else
			failures[kept++] = failures[i];
	}
	if (kept)
		qsort(failures, kept, sizeof(*failures), most_first);
	return kept;
}

static void print_failures(struct report *report, const struct failure *failures, u32 count, bool whole)
{
	static const struct grid_column columns[] = {
		{ .head = "at", .drop = 1 },
		{ .head = "count", .drop = 2 },
		{ .head = "ended", .left = true },
		{ .head = "process", .left = true, .rest = 24 },
	};
	const struct run *run = report->run;
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < count; i++) {
		const struct run_process *process = &run->processes[failures[i].process];

		grid_duration(&grid, whole && process->end > run->start ? process->end - run->start : 0);
		grid_number(&grid, whole ? 0 : failures[i].count);
		label_outcome(&grid.text, process);
		grid_end_cell(&grid);
		if (whole)
			text_add_format(&grid.text, "%u ", process->pid);
		label_command(&grid.text, run, failures[i].process);
		grid_end_cell(&grid);
	}
	if (count)
		grid_print(&grid, report->out, report->style.width, "  ");
	grid_free(&grid);
}

static void add_who(struct grid *grid, const struct run *run, u32 process)
{
	if (process < run->process_count)
		text_add_format(&grid->text, "%u ", run->processes[process].pid);
	if (process < run->process_count)
		label_row(&grid->text, run, SUM_TOOL, run->processes[process].tool, NULL);
	grid_end_cell(grid);
}

static void add_fact(struct grid *grid, const struct run *run, const struct run_fact *fact)
{
	const char *word = fact->kind == RUN_FACT_SIGNAL ? word_signal(fact->number) : word_errno(fact->number);
	char size[32];

	if (fact->kind == RUN_FACT_OOM) {
		text_add_format(&grid->text, "out of memory with %llu MiB; limit of ",
				(unsigned long long)fact->number >> 20);
		label_text(&grid->text, run, fact->text, "the machine");
	} else if (fact->kind == RUN_FACT_POLICY) {
		text_add(&grid->text, "policy ");
		label_text(&grid->text, run, fact->text, "?");
	} else if (fact->kind == RUN_FACT_SIGNAL) {
		snprintf(size, sizeof(size), "signal %lld", (long long)fact->number);
		text_add_format(&grid->text, "%s to ", word ? word : size);
		if (fact->other < run->process_count) {
			text_add_format(&grid->text, "%u ", run->processes[fact->other].pid);
			label_row(&grid->text, run, SUM_TOOL, run->processes[fact->other].tool, NULL);
		} else {
			text_add(&grid->text, "a process that is not in the run");
		}
	} else {
		snprintf(size, sizeof(size), "error %lld", (long long)fact->number);
		text_add_format(&grid->text, "exec failed, %s: ", word ? word : size);
		label_text(&grid->text, run, fact->text, "?");
	}
	grid_end_cell(grid);
}

/* Failed execs, signals, kills for want of memory, matches of policies. */
static void print_facts(struct report *report)
{
	static const struct grid_column columns[] = {
		{ .head = "at", .drop = 1 },
		{ .head = "process", .left = true, .drop = 2 },
		{ .head = "what", .left = true, .rest = 24 },
	};
	const struct run *run = report->run;
	u32 count = 0, limit = report_limit(report, ROWS_SHOWN);
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];

		if (fact->kind != RUN_FACT_FAILED_EXEC && fact->kind != RUN_FACT_SIGNAL && fact->kind != RUN_FACT_OOM &&
		    fact->kind != RUN_FACT_POLICY)
			continue;
		if (limit && count++ >= limit)
			continue;
		grid_duration(&grid, fact->time > run->start ? fact->time - run->start : 0);
		add_who(&grid, run, fact->process);
		add_fact(&grid, run, fact);
	}
	if (grid.cell_count) {
		report_title(report, "Failed execs, signals, out of memory, policies");
		grid_print(&grid, report->out, report->style.width, "  ");
		report_more(report, limit && count > limit ? count - limit : 0);
	}
	grid_free(&grid);
}

void report_failures(struct report *report, bool whole)
{
	u32 count, shown, limit = whole ? report_limit(report, ROWS_SHOWN) : GROUPS_SHOWN;
	struct failure *failures = find_failures(report->run, &count);

	if (!whole)
		count = join_alike(failures, count);
	shown = limit && limit < count ? limit : count;
	if (count || whole)
		report_title(report, "Failures");
	print_failures(report, failures, shown, whole);
	if (!count && whole)
		text_add(report->out, "  none\n");
	if (whole)
		report_more(report, count - shown);
	else if (shown < count)
		text_add_format(report->out, "  %u more kinds (--failures shows each)\n", count - shown);
	free(failures);
	if (whole)
		print_facts(report);
}

/* --- files --- */

struct ranked {
	u64 key;
	u32 index;
};

static int by_key(const void *a, const void *b)
{
	const struct ranked *first = a, *second = b;

	if (first->key != second->key)
		return first->key < second->key ? 1 : -1;
	return first->index < second->index ? -1 : first->index > second->index;
}

static const char *if_set(u32 number, const char *word)
{
	return number ? word : "";
}

/*
 * Libraries and locales are what is opened most and asked for least: what was written comes first, then what is large.
 */
static u64 file_rank(const struct run_file *file)
{
	u64 opens = (u64)file->reads + file->writes + file->failures;

	if (file->writes || file->creates || file->removes)
		return 1ULL << 63 | file->size;
	return file->size ? 1ULL << 62 | file->size : opens;
}

void report_files(struct report *report)
{
	static const struct grid_column columns[] = {
		{ .head = "", .left = true },
		{ .head = "reads", .drop = 1 },
		{ .head = "writes", .drop = 1 },
		{ .head = "failed", .drop = 2 },
		{ .head = "", .left = true, .drop = 3 },
		{ .head = "processes", .drop = 5 },
		{ .head = "size", .drop = 4 },
		{ .head = "file", .left = true, .rest = 24 },
	};
	const struct run *run = report->run;
	u32 limit = report_limit(report, ROWS_SHOWN),
	    shown = limit && limit < run->file_count ? limit : run->file_count;
	struct ranked *ranked = xmalloc(((size_t)run->file_count + 1) * sizeof(*ranked));
	struct grid grid;

	for (u32 i = 0; i < run->file_count; i++)
		ranked[i] = (struct ranked){ file_rank(&run->files[i]), i };
	qsort(ranked, run->file_count, sizeof(*ranked), by_key);
	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < shown; i++) {
		const struct run_file *file = &run->files[ranked[i].index];

		label_row(&grid.text, run, SUM_TOOL, file->tool, NULL);
		grid_end_cell(&grid);
		grid_number(&grid, file->reads);
		grid_number(&grid, file->writes);
		grid_number(&grid, file->failures);
		text_add_format(&grid.text, "%s%s%s", if_set(file->creates, "created"),
				file->creates && file->removes ? ", " : "", if_set(file->removes, "removed"));
		grid_end_cell(&grid);
		grid_number(&grid, file->processes);
		grid_size(&grid, file->size);
		label_text(&grid.text, run, file->path, "?");
		grid_end_cell(&grid);
	}
	report_title(report, "Files (opens; what was written first, then the largest)");
	if (shown)
		grid_print(&grid, report->out, report->style.width, "  ");
	else
		text_add(report->out, "  none; they are recorded with --files\n");
	report_more(report, run->file_count - shown);
	grid_free(&grid);
	free(ranked);
}
