/*
 * What differs and is not chance. With three runs or more of each side the runs say what chance is: a difference counts
 * if the two sides do not overlap and the gap between them is more than half as wide as the side that spreads more.
 * Between sides that differ by normal noise only that happens to one figure in fifty with three runs of each, to one in
 * two thousand with five; a difference of four standard deviations is found in four of five cases with three. With
 * fewer runs nobody knows, so a difference has to be a tenth, and more than a floor below which nobody cares.
 */
#include "report/compare.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/table.h"
#include "books/label.h"

#define ENOUGH_RUNS 3
#define PLAIN_PART 0.1
#define LEAST_PART 0.01		/* of times and sizes, even if it is no chance */
#define PLAIN_TIME 100000000ULL
#define PLAIN_BYTES (1ULL << 20)

struct compare_own {
	struct run *names;	/* keeps texts, and the same ones once */
	struct table rows;	/* kind and text -> 1 + index */
};

static const struct {
	const char *name;
	enum field_unit unit;
} metrics[] = {
#define COST(member, key, unit, sum, help) { #member, unit },
#include "books/costs.def"
#undef COST
	{ "wall", UNIT_NANOSECONDS }, { "processes", UNIT_NONE }, { "failures", UNIT_NONE },
};

const enum compare_metric compare_shown[] = {
	COMPARE_wall, COMPARE_cpu, COMPARE_cpu_wait, COMPARE_disk_wait, COMPARE_memory, COMPARE_disk_read,
	COMPARE_disk_write, COMPARE_read, COMPARE_write, COMPARE_sent, COMPARE_received, COMPARE_processes,
	COMPARE_failures, COMPARE_METRICS,
};

const char *compare_metric_name(enum compare_metric metric)
{
	return metrics[metric].name;
}

enum field_unit compare_metric_unit(enum compare_metric metric)
{
	return metrics[metric].unit;
}

int compare_metric_find(const char *name, size_t length)
{
	for (int i = 0; i < COMPARE_METRICS; i++)
		if (strlen(metrics[i].name) == length && !memcmp(metrics[i].name, name, length))
			return i;
	return -1;
}

static u64 row_key(enum compare_kind kind, u32 text)
{
	return (u64)kind << 32 | text;
}

static struct compare_row *row_of(struct compare *compare, enum compare_kind kind, struct run_bytes name)
{
	struct compare_own *own = compare->own;
	u32 text = run_text_add(own->names, name.data, name.length);
	uintptr_t found = (uintptr_t)table_get(&own->rows, row_key(kind, text));

	if (found)
		return &compare->rows[found - 1];
	if (compare->row_count == compare->row_capacity) {
		compare->row_capacity = compare->row_capacity ? 2 * compare->row_capacity : 64;
		compare->rows = xrealloc(compare->rows, compare->row_capacity, sizeof(*compare->rows));
	}
	compare->rows[compare->row_count++] = (struct compare_row){
		.kind = kind, .name = run_text(own->names, text),
		.figures = xcalloc(compare->run_capacity, sizeof(struct compare_figures)),
	};
	if (table_put(&own->rows, row_key(kind, text), (void *)(uintptr_t)compare->row_count))
		abort();
	return &compare->rows[compare->row_count - 1];
}

struct compare *compare_new(u32 runs, bool with_tasks)
{
	struct compare *compare = xcalloc(1, sizeof(*compare));

	compare->own = xcalloc(1, sizeof(*compare->own));
	compare->own->names = run_new();
	compare->runs = xcalloc((size_t)runs + 1, sizeof(*compare->runs));
	compare->run_capacity = runs;
	compare->with_tasks = with_tasks;
	row_of(compare, COMPARE_TOTAL, (struct run_bytes){ "", 0 });
	return compare;
}

void compare_free(struct compare *compare)
{
	if (!compare)
		return;
	for (u32 i = 0; i < compare->row_count; i++)
		free(compare->rows[i].figures);
	run_free(compare->own->names);
	table_free(&compare->own->rows);
	free(compare->own);
	free(compare->rows);
	free(compare->runs);
	free(compare);
}

const struct compare_row *compare_find(const struct compare *compare, enum compare_kind kind, const char *name,
				       size_t length)
{
	u32 text = run_text_add(compare->own->names, name, length);
	uintptr_t found = (uintptr_t)table_get(&compare->own->rows, row_key(kind, text));

	return found ? &compare->rows[found - 1] : NULL;
}

static void add_figures(struct compare_figures *figures, const struct sum_row *row)
{
	for (size_t i = 0; i < cost_count; i++) {
		u64 value = cost_value(&row->costs, &cost_list[i]);

		if (cost_list[i].sum == COST_SUM)
			figures->value[i] += value;
		else if (value > figures->value[i])
			figures->value[i] = value;
	}
	figures->value[COMPARE_wall] += row->covered;
	figures->value[COMPARE_processes] += row->processes;
	figures->value[COMPARE_failures] += row->failures;
}

/* Of several rows with one name it is their sum. */
static void add_rows(struct compare *compare, const struct run *run, enum sum_by by)
{
	u32 count;
	struct sum_row *rows = sum_make(run, by, &count);

	for (u32 i = 0; i < count; i++) {
		enum compare_kind kind = by == SUM_TOOL ? COMPARE_TOOL : by == SUM_GROUP ? COMPARE_GROUP : COMPARE_TASK;
		u32 index = rows[i].index, name;

		if (index == RUN_NONE)
			continue;
		if (by == SUM_TOOL)
			name = run->tools[index].name;
		else
			name = by == SUM_GROUP ? run->tasks[index].group : run->tasks[index].name;
		add_figures(&row_of(compare, kind, run_text(run, name))->figures[compare->run_count], &rows[i]);
	}
	free(rows);
}


void compare_add(struct compare *compare, u32 side, const struct run *run)
{
	struct compare_run *added = &compare->runs[compare->run_count];
	struct run *names = compare->own->names;
	struct run_bytes name = run_text(run, run->name);
	struct compare_figures *total = &compare->rows[0].figures[compare->run_count];
	struct text title = { 0 };
	struct sum_row *row;
	u32 count;

	label_title(&title, run);
	*added = (struct compare_run){
		.id = run->id, .side = side, .started_wall = run_wall(run, run->start), .state = run->state,
		.name = run_text(names, run_text_add(names, name.data, name.length)),
		.title = run_text(names, run_text_add(names, text_string(&title), title.length)),
	};
	text_free(&title);
	row = sum_make(run, SUM_TOTAL, &count);
	add_figures(total, row);
	total->value[COMPARE_wall] = run->end > run->start ? run->end - run->start : 0;
	free(row);
	add_rows(compare, run, SUM_TOOL);
	add_rows(compare, run, SUM_GROUP);
	if (compare->with_tasks)
		add_rows(compare, run, SUM_TASK);
	compare->run_count++;
	if (side >= compare->side_count)
		compare->side_count = side + 1;
}

static int by_value(const void *a, const void *b)
{
	u64 first = *(const u64 *)a, second = *(const u64 *)b;

	return first < second ? -1 : first > second;
}

/* Sorts the values. */
static u64 median_of(u64 *values, u32 count)
{
	qsort(values, count, sizeof(*values), by_value);
	if (count % 2)
		return values[count / 2];
	return values[count / 2 - 1] + (values[count / 2] - values[count / 2 - 1]) / 2;
}

struct compare_spread compare_spread(const struct compare *compare, const struct compare_row *row, u32 side,
				     enum compare_metric metric)
{
	struct compare_spread spread = { 0 };
	u64 few[16], *values = compare->run_count <= 16 ? few : xmalloc(compare->run_count * sizeof(*values));

	for (u32 i = 0; i < compare->run_count; i++)
		if (compare->runs[i].side == side)
			values[spread.runs++] = row->figures[i].value[metric];
	if (spread.runs) {
		spread.median = median_of(values, spread.runs);
		spread.least = values[0];
		spread.most = values[spread.runs - 1];
		for (u32 i = 0; i < spread.runs; i++)
			values[i] = values[i] > spread.median ? values[i] - spread.median : spread.median - values[i];
		spread.deviation = median_of(values, spread.runs);
	}
	if (values != few)
		free(values);
	return spread;
}

static u64 apart(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* More than what nobody cares about. */
static bool plain(enum compare_metric metric, u64 before, u64 after)
{
	enum field_unit unit = metrics[metric].unit;
	u64 floor = unit == UNIT_NANOSECONDS ? PLAIN_TIME : unit == UNIT_BYTES ? PLAIN_BYTES : 1;

	return apart(before, after) >= floor && apart(before, after) >= PLAIN_PART * (before < after ? before : after);
}

/* Further apart than chance would have them. */
static bool distinct(enum compare_metric metric, const struct compare_spread *before,
		     const struct compare_spread *after)
{
	u64 range = before->most - before->least, other = after->most - after->least;
	u64 gap = after->least > before->most ? after->least - before->most : before->least - after->most;

	if (metrics[metric].unit != UNIT_NONE && apart(before->median, after->median) < LEAST_PART * before->median)
		return false;
	return 2 * gap > (range > other ? range : other);
}

static enum compare_verdict verdict(enum compare_metric metric, const struct compare_change *change)
{
	const struct compare_spread *before = &change->before, *after = &change->after;

	if (before->least == before->most && after->least == after->most && before->least == after->least)
		return COMPARE_SAME;
	if (before->least <= after->most && after->least <= before->most)
		return COMPARE_NOISE;
	if (change->noise_known ? !distinct(metric, before, after) : !plain(metric, before->median, after->median))
		return COMPARE_NOISE;
	return after->median > before->median ? COMPARE_MORE : COMPARE_LESS;
}

struct compare_change compare_change(const struct compare *compare, const struct compare_row *row, u32 side,
				     enum compare_metric metric)
{
	struct compare_change change = {
		.before = compare_spread(compare, row, 0, metric), .after = compare_spread(compare, row, side, metric),
	};
	u64 whole = compare_spread(compare, &compare->rows[0], 0, metric).median;
	u64 other = compare_spread(compare, &compare->rows[0], side, metric).median;

	change.noise_known = change.before.runs >= ENOUGH_RUNS && change.after.runs >= ENOUGH_RUNS;
	change.verdict = verdict(metric, &change);
	if (change.before.median)
		change.ratio = (double)change.after.median / change.before.median;
	else
		change.ratio = change.after.median ? INFINITY : 1;
	whole = other > whole ? other : whole;
	if (whole)
		change.weight = (double)apart(change.before.median, change.after.median) / whole;
	return change;
}

const char *compare_word(enum compare_metric metric, const struct compare_change *change)
{
	enum compare_verdict verdict = change->verdict;

	if (verdict == COMPARE_SAME)
		return "same";
	if (verdict == COMPARE_NOISE)
		return change->noise_known ? "within noise" : "too little to tell";
	if (metric == COMPARE_wall)
		return verdict == COMPARE_MORE ? "slower" : "faster";
	if (metric == COMPARE_memory)
		return verdict == COMPARE_MORE ? "bigger" : "smaller";
	if (metric == COMPARE_processes || metric == COMPARE_failures)
		return verdict == COMPARE_MORE ? "more" : "fewer";
	return verdict == COMPARE_MORE ? "more" : "less";
}

static int by_weight(const void *a, const void *b)
{
	const struct compare_item *first = a, *second = b;

	if (first->change.weight != second->change.weight)
		return first->change.weight < second->change.weight ? 1 : -1;
	if (first->row != second->row)
		return first->row < second->row ? -1 : 1;
	return (int)first->metric - (int)second->metric;
}

static bool is_there(const struct compare *compare, const struct compare_row *row, u32 side)
{
	return compare_spread(compare, row, side, COMPARE_processes).most;
}

/* New or gone is one item, and matters by the time it takes. */
static struct compare_item item_of_all(const struct compare *compare, const struct compare_row *row, u32 side)
{
	double wall = compare_change(compare, row, side, COMPARE_wall).weight;
	struct compare_item item = { .row = row, .metric = COMPARE_cpu };

	item.change = compare_change(compare, row, side, COMPARE_cpu);
	if (wall > item.change.weight)
		item.change.weight = wall;
	item.is_new = !is_there(compare, row, 0);
	item.is_gone = !item.is_new;
	return item;
}

struct compare_item *compare_items(const struct compare *compare, enum compare_kind kind, u32 side, u32 *count,
				   u32 *quiet)
{
	struct compare_item *items = NULL;
	u32 capacity = 0, found = 0;

	*quiet = 0;
	for (u32 i = 0; i < compare->row_count; i++) {
		const struct compare_row *row = &compare->rows[i];
		bool before, after;
		u32 first = found;

		if (row->kind != kind)
			continue;
		if (found + COMPARE_METRICS > capacity) {
			capacity = 2 * capacity + COMPARE_METRICS;
			items = xrealloc(items, capacity, sizeof(*items));
		}
		before = is_there(compare, row, 0);
		after = is_there(compare, row, side);
		if (before != after)
			items[found++] = item_of_all(compare, row, side);
		for (const enum compare_metric *metric = compare_shown; before && after && *metric != COMPARE_METRICS;
		     metric++) {
			struct compare_change change = compare_change(compare, row, side, *metric);

			if (change.verdict == COMPARE_LESS || change.verdict == COMPARE_MORE)
				items[found++] =
					(struct compare_item){ .row = row, .metric = *metric, .change = change };
		}
		*quiet += found == first && before;
	}
	if (found)
		qsort(items, found, sizeof(*items), by_weight);
	*count = found;
	return items;
}
