/*
 * One pass over the processes adds up; a second, in the order of their starts, measures the time that was covered; one
 * over the samples finds how much memory was seen in use at once. A process whose memory did not change has no new
 * sample, so the last one holds until its end.
 */
#include "books/sum.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/table.h"
#include "books/order.h"

struct sum {
	const struct run *run;
	enum sum_by by;
	struct sum_row *rows;
	u32 count, none;	/* none: the row of what is in none of these */
	struct table users;	/* uid + 1 -> row + 1 */
	u32 *row_of_task;	/* by group */
};

/* Where a row stands while the samples are read. */
struct level {
	u64 now, most;
	bool touched;
};

static u32 row_of_user(struct sum *sum, u32 user)
{
	void *found = table_get(&sum->users, (u64)user + 1);
	u32 row = sum->count;

	if (found)
		return (uintptr_t)found - 1;
	/* the first beyond a power of two: doubled */
	if (!(row & (row - 1)))
		sum->rows = xrealloc(sum->rows, row ? 2 * (size_t)row : 1, sizeof(*sum->rows));
	sum->rows[row] = (struct sum_row){ .index = user };
	sum->count++;
	if (table_put(&sum->users, (u64)user + 1, (void *)(uintptr_t)(row + 1)))
		abort();
	return row;
}

static u32 row_of(struct sum *sum, u32 process)
{
	const struct run_process *p = &sum->run->processes[process];
	u32 row = 0;

	switch (sum->by) {
	case SUM_TOOL:
		row = p->tool;
		break;
	case SUM_TASK:
		row = p->task;
		break;
	case SUM_PROCESS:
		row = process;
		break;
	case SUM_CONTAINER:
		row = p->container;
		break;
	case SUM_USER:
		return row_of_user(sum, p->user);
	case SUM_GROUP:
		return p->task < sum->run->task_count ? sum->row_of_task[p->task] : sum->none;
	case SUM_TOTAL:
		break;
	}
	return row < sum->none ? row : sum->none;
}

static void make_rows(struct sum *sum)
{
	const struct run *run = sum->run;
	const u32 counts[] = {
		[SUM_TOOL] = run->tool_count, [SUM_TASK] = run->task_count, [SUM_PROCESS] = run->process_count,
		[SUM_CONTAINER] = run->container_count, [SUM_USER] = 0, [SUM_GROUP] = run->task_count,
		[SUM_TOTAL] = 1,
	};

	if (sum->by == SUM_USER)
		return;
	sum->none = counts[sum->by];
	sum->count = sum->none + 1;
	sum->rows = xcalloc(sum->count, sizeof(*sum->rows));
	for (u32 i = 0; i < sum->none; i++)
		sum->rows[i].index = i;
	sum->rows[sum->none].index = RUN_NONE;
	if (sum->by == SUM_GROUP)
		sum->row_of_task = sum_first_of_group(run);
}

static void add_up(struct sum *sum, const u32 *row_of_process)
{
	for (u32 i = 0; i < sum->run->process_count; i++) {
		const struct run_process *process = &sum->run->processes[i];
		struct sum_row *row = &sum->rows[row_of_process[i]];
		u64 start = order_start(sum->run, process);

		if (!row->processes || process->start < row->first)
			row->first = process->start;
		if (process->end > row->last)
			row->last = process->end;
		row->processes++;
		row->failures += sum_failed(process);
		row->lifetime += process->end > start ? process->end - start : 0;
		costs_add(&row->costs, &process->costs);
	}
}

static void cover(struct sum *sum, const u32 *row_of_process)
{
	u32 count = sum->run->process_count;
	u32 *order = order_by_start(sum->run);
	u64 *until = xcalloc(sum->count + 1, sizeof(*until));

	for (u32 i = 0; i < count; i++) {
		const struct run_process *process = &sum->run->processes[order[i]];
		u32 row = row_of_process[order[i]];
		u64 start = order_start(sum->run, process), from = start > until[row] ? start : until[row];

		if (process->end <= from)
			continue;
		sum->rows[row].covered += process->end - from;
		until[row] = process->end;
	}
	free(order);
	free(until);
}

/*
 * Samples of one look at the machine differ by less than this; only when all of them are in is a level one that was
 * there.
 */
static bool same_look(const struct run *run, const struct run_sample *first, const struct run_sample *next)
{
	return next->time - first->time < (run->interval ? run->interval / 4 : 1000000);
}

static void end_look(struct sum *sum, struct level *levels, u32 *touched, u32 *touched_count)
{
	for (u32 i = 0; i < *touched_count; i++) {
		struct level *level = &levels[touched[i]];

		level->touched = false;
		if (level->now > level->most)
			level->most = level->now;
		sum->rows[touched[i]].sampled_memory = level->most;
	}
	*touched_count = 0;
}

static void find_memory(struct sum *sum, const u32 *row_of_process)
{
	const struct run *run = sum->run;
	struct level *levels = xcalloc(sum->count + 1, sizeof(*levels));
	u64 *memory = xcalloc(run->process_count + 1, sizeof(*memory));
	u32 *touched = xmalloc((sum->count + 1) * sizeof(*touched));
	u32 *ends = order_by_end(run);
	u32 ended = 0, touched_count = 0;
	const struct run_sample *first = NULL;

	for (u32 i = 0; i < run->sample_count; i++) {
		const struct run_sample *sample = &run->samples[i];
		struct level *level;

		if (sample->process >= run->process_count)
			continue;
		if (!first || !same_look(run, first, sample)) {
			end_look(sum, levels, touched, &touched_count);
			first = sample;
			for (; ended < run->process_count && run->processes[ends[ended]].end < sample->time; ended++) {
				levels[row_of_process[ends[ended]]].now -= memory[ends[ended]];
				memory[ends[ended]] = 0;
			}
		}
		if (run->processes[sample->process].end < first->time)
			continue;
		level = &levels[row_of_process[sample->process]];
		level->now += sample->memory - memory[sample->process];
		memory[sample->process] = sample->memory;
		if (!level->touched)
			touched[touched_count++] = row_of_process[sample->process];
		level->touched = true;
	}
	end_look(sum, levels, touched, &touched_count);
	free(levels);
	free(memory);
	free(touched);
	free(ends);
}

static int by_cpu(const void *a, const void *b)
{
	const struct sum_row *first = a, *second = b;

	if (first->costs.cpu != second->costs.cpu)
		return first->costs.cpu < second->costs.cpu ? 1 : -1;
	return first->index < second->index ? -1 : first->index > second->index;
}

struct sum_row *sum_make(const struct run *run, enum sum_by by, u32 *count)
{
	struct sum sum = { .run = run, .by = by };
	u32 *row_of_process = xmalloc((run->process_count + 1) * sizeof(*row_of_process));
	u32 kept = 0;

	make_rows(&sum);
	for (u32 i = 0; i < run->process_count; i++)
		row_of_process[i] = row_of(&sum, i);
	add_up(&sum, row_of_process);
	cover(&sum, row_of_process);
	if (run->sample_count)
		find_memory(&sum, row_of_process);
	/* rows nobody is in go, but for the total, which is always there */
	for (u32 i = 0; i < sum.count; i++)
		if (sum.rows[i].processes || (by == SUM_TOTAL && !i))
			sum.rows[kept++] = sum.rows[i];
	if (kept)
		qsort(sum.rows, kept, sizeof(*sum.rows), by_cpu);
	table_free(&sum.users);
	free(sum.row_of_task);
	free(row_of_process);
	*count = kept;
	return sum.rows;
}

/* Those of `length` names that the processes have; `offset` is where a process says which. */
static u32 names_used(const struct run *run, u32 length, size_t offset)
{
	bool *used = xcalloc((size_t)length + 1, sizeof(*used));
	u32 count = 0;

	for (u32 i = 0; i < run->process_count; i++) {
		u32 name = *(const u32 *)((const char *)&run->processes[i] + offset);

		if (name < length && !used[name]) {
			used[name] = true;
			count++;
		}
	}
	free(used);
	return count;
}

struct sum_names sum_names(const struct run *run)
{
	return (struct sum_names){
		.tools = names_used(run, run->tool_count, offsetof(struct run_process, tool)),
		.tasks = names_used(run, run->task_count, offsetof(struct run_process, task)),
		.containers = names_used(run, run->container_count, offsetof(struct run_process, container)),
	};
}

u32 *sum_first_of_group(const struct run *run)
{
	u32 *first = xmalloc((run->task_count + 1) * sizeof(*first));
	struct table groups = { 0 };

	for (u32 i = 0; i < run->task_count; i++) {
		u64 group = (u64)run->tasks[i].group + 1;
		void *found = table_get(&groups, group);

		first[i] = found ? (uintptr_t)found - 1 : i;
		if (!found && table_put(&groups, group, (void *)(uintptr_t)(i + 1)))
			abort();
	}
	table_free(&groups);
	return first;
}
