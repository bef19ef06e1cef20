/*
 * A comparison for a person: what each side is, the totals, and what changed in tools and tasks, what matters most
 * first.
 */
#include "report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/duration.h"
#include "base/escape.h"
#include "books/grid.h"

void compare_label(struct text *out, u32 side)
{
	if (side < 26)
		text_add_char(out, 'A' + side);
	else
		text_add_u64(out, side + 1);
}

void compare_value(struct text *out, enum compare_metric metric, u64 value)
{
	char buffer[DURATION_TEXT_SIZE > SIZE_TEXT_SIZE ? DURATION_TEXT_SIZE : SIZE_TEXT_SIZE];

	if (compare_metric_unit(metric) == UNIT_NANOSECONDS)
		text_add(out, duration_format(value, buffer));
	else if (compare_metric_unit(metric) == UNIT_BYTES)
		text_add(out, size_format(value, buffer));
	else
		text_add_u64(out, value);
}

static void title(struct text *out, const struct report_style *style, const char *words)
{
	text_add_format(out, style->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", words);
}

static void add_run(struct text *out, const struct compare_run *run)
{
	time_t seconds = run->started_wall / 1000000000;
	char buffer[32];
	struct tm broken;

	text_add_format(out, "run %llu", (unsigned long long)run->id);
	if (run->name.length) {
		text_add(out, " (");
		escape_terminal(out, run->name.data, run->name.length);
		text_add_char(out, ')');
	}
	if (gmtime_r(&seconds, &broken) && strftime(buffer, sizeof(buffer), ", %Y-%m-%d %H:%M:%S", &broken))
		text_add(out, buffer);
	text_add(out, ": ");
	text_add_bytes(out, run->title.data, run->title.length);
	if (run->state != RUN_FINISHED)
		text_add(out, run->state == RUN_RECORDING ? " [still being recorded]" : " [interrupted]");
	text_add_char(out, '\n');
}

static void add_sides(struct text *out, const struct compare *compare)
{
	for (u32 i = 0; i < compare->run_count; i++) {
		compare_label(out, compare->runs[i].side);
		text_add(out, "  ");
		add_run(out, &compare->runs[i]);
	}
}

static void spread_cell(struct grid *grid, enum compare_metric metric, const struct compare_spread *spread)
{
	compare_value(&grid->text, metric, spread->median);
	grid_end_cell(grid);
	if (spread->least != spread->most) {
		compare_value(&grid->text, metric, spread->least);
		text_add(&grid->text, " .. ");
		compare_value(&grid->text, metric, spread->most);
	}
	grid_end_cell(grid);
}

void compare_times(struct text *out, double ratio)
{
	if (ratio > 0 && ratio < 0.001)
		text_add(out, "<0.001 x");
	else
		text_add_format(out, ratio < 0.1 ? "%.3f x" : ratio < 10 ? "%.2f x" : "%.0f x", ratio);
}

static void change_cell(struct grid *grid, const struct compare_change *change)
{
	double ratio = change->ratio;

	if (fabs(ratio - 1) < 0.0005)
		text_add(&grid->text, ratio == 1 ? "" : "<0.1 %");
	else if (isfinite(ratio) && ratio >= 0.5 && ratio < 2)
		text_add_format(&grid->text, "%+.1f %%", (ratio - 1) * 100);
	else if (isfinite(ratio) && ratio > 0)
		compare_times(&grid->text, ratio);
	grid_end_cell(grid);
}

#define SPREAD_COLUMNS                                                                                  \
	{ .head = "A" }, { .head = "", .drop = 3 }, { .head = "" }, { .head = "", .drop = 3 },          \
	{ .head = "change", .drop = 1 }, { .head = "", .left = true, .rest = 12 }

/* The side's own letter over its column. */
static void set_heads(struct grid_column *columns, size_t first, const struct text *label)
{
	columns[first + 2].head = text_string(label);
}

static void add_totals(struct text *out, const struct compare *compare, u32 side, const struct text *label,
		       const struct report_style *style)
{
	struct grid_column columns[] = { { .head = "", .left = true }, SPREAD_COLUMNS };
	struct grid grid;

	set_heads(columns, 1, label);
	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (const enum compare_metric *metric = compare_shown; *metric != COMPARE_METRICS; metric++) {
		struct compare_change change = compare_change(compare, &compare->rows[0], side, *metric);

		if (!change.before.most && !change.after.most)
			continue;
		grid_string(&grid, compare_metric_name(*metric));
		spread_cell(&grid, *metric, &change.before);
		spread_cell(&grid, *metric, &change.after);
		change_cell(&grid, &change);
		grid_string(&grid, compare_word(*metric, &change));
	}
	title(out, style, "Totals");
	grid_print(&grid, out, style->width, "  ");
	grid_free(&grid);
}

static void add_item(struct grid *grid, const struct compare_item *item)
{
	const struct compare_change *change = &item->change;
	enum compare_metric metric = item->metric;

	if (item->row->name.length)
		escape_terminal(&grid->text, item->row->name.data, item->row->name.length);
	else
		text_add_char(&grid->text, '?');
	grid_end_cell(grid);
	grid_string(grid, compare_metric_name(metric));
	spread_cell(grid, metric, &change->before);
	spread_cell(grid, metric, &change->after);
	if (item->is_new || item->is_gone)
		grid_string(grid, "");
	else
		change_cell(grid, change);
	grid_string(grid, item->is_new ? "new" : item->is_gone ? "gone" : compare_word(metric, change));
}

static void add_rows(struct text *out, const struct compare *compare, enum compare_kind kind, u32 side,
		     const struct text *label, u32 limit, const struct report_style *style)
{
	static const char *const titles[] = {
		[COMPARE_TOOL] = "Tools", [COMPARE_GROUP] = "Tasks, by group", [COMPARE_TASK] = "Tasks",
	};
	static const char *const what[] = {
		[COMPARE_TOOL] = "tool", [COMPARE_GROUP] = "group", [COMPARE_TASK] = "task"
	};
	struct grid_column columns[] = { { .head = "", .left = true, .rest = 16 },
					 { .head = "", .left = true },
					 SPREAD_COLUMNS };
	u32 count, quiet, shown;
	struct compare_item *items = compare_items(compare, kind, side, &count, &quiet);
	struct grid grid;

	shown = limit && limit < count ? limit : count;
	columns[7].rest = 0;
	set_heads(columns, 2, label);
	if (count || quiet)
		title(out, style, titles[kind]);
	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < shown; i++)
		add_item(&grid, &items[i]);
	if (shown)
		grid_print(&grid, out, style->width, "  ");
	if (shown < count)
		text_add_format(out, "  %u more changes (--all shows them)\n", count - shown);
	if (quiet)
		text_add_format(out, "  %u %s%s without a difference that is more than noise\n", quiet, what[kind],
				quiet == 1 ? "" : "s");
	grid_free(&grid);
	free(items);
}

static bool noise_known(const struct compare *compare, u32 side)
{
	return compare_change(compare, &compare->rows[0], side, COMPARE_wall).noise_known;
}

void compare_text(struct text *out, const struct compare *compare, u32 limit, const struct report_style *style)
{
	add_sides(out, compare);
	for (u32 side = 1; side < compare->side_count; side++) {
		struct text label = { 0 };

		compare_label(&label, side);
		if (compare->side_count > 2)
			text_add_format(out, "\n=== %s against A ===\n", text_string(&label));
		add_totals(out, compare, side, &label, style);
		for (enum compare_kind kind = COMPARE_TOOL; kind < COMPARE_KINDS; kind++)
			add_rows(out, compare, kind, side, &label, limit, style);
		if (!noise_known(compare, side))
			text_add(out, "\n  With fewer than three runs of each side nobody knows how much they differ "
				      "by chance: only differences of 10 %,\n  and of 100 ms or 1 MiB, are told. "
				      "`sonde compare A1,A2,A3 vs B1,B2,B3` measures the noise.\n");
		text_free(&label);
	}
}

static void jot_spread(struct jot *jot, const char *key, const struct compare_spread *spread)
{
	jot_open(jot, key, '{');
	jot_unsigned(jot, "median", spread->median);
	jot_unsigned(jot, "min", spread->least);
	jot_unsigned(jot, "max", spread->most);
	jot_unsigned(jot, "mad", spread->deviation);
	jot_close(jot, '}');
}

static void jot_row(struct jot *jot, const struct compare *compare, const struct compare_row *row, u32 side)
{
	for (enum compare_metric metric = 0; metric < COMPARE_METRICS; metric++) {
		struct compare_change change = compare_change(compare, row, side, metric);

		if (!change.before.most && !change.after.most)
			continue;
		jot_open(jot, compare_metric_name(metric), '{');
		jot_spread(jot, "before", &change.before);
		jot_spread(jot, "after", &change.after);
		jot_real(jot, "ratio", change.ratio, 4);
		jot_string(jot, "verdict", compare_word(metric, &change));
		jot_close(jot, '}');
	}
}

static void jot_rows(struct jot *jot, const char *key, const struct compare *compare, enum compare_kind kind, u32 side)
{
	jot_open(jot, key, '[');
	for (u32 i = 0; i < compare->row_count; i++) {
		const struct compare_row *row = &compare->rows[i];
		bool before, after;

		if (row->kind != kind)
			continue;
		before = compare_spread(compare, row, 0, COMPARE_processes).most;
		after = compare_spread(compare, row, side, COMPARE_processes).most;
		if (!before && !after)
			continue;
		jot_open(jot, NULL, '{');
		jot_bytes(jot, "name", row->name.data, row->name.length);
		jot_string(jot, "state", before && after ? "both" : after ? "new" : "gone");
		jot_row(jot, compare, row, side);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
}

static void jot_label(struct jot *jot, const char *key, u32 side)
{
	struct text label = { 0 };

	compare_label(&label, side);
	jot_string(jot, key, text_string(&label));
	text_free(&label);
}

void compare_jot(struct jot *jot, const struct compare *compare)
{
	jot_open(jot, "runs", '[');
	for (u32 i = 0; i < compare->run_count; i++) {
		jot_open(jot, NULL, '{');
		jot_unsigned(jot, "id", compare->runs[i].id);
		if (compare->runs[i].name.length)
			jot_bytes(jot, "name", compare->runs[i].name.data, compare->runs[i].name.length);
		jot_label(jot, "side", compare->runs[i].side);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	jot_open(jot, "comparisons", '[');
	for (u32 side = 1; side < compare->side_count; side++) {
		jot_open(jot, NULL, '{');
		jot_label(jot, "side", side);
		jot_string(jot, "against", "A");
		jot_bool(jot, "noise_known", noise_known(compare, side));
		jot_open(jot, "totals", '{');
		jot_row(jot, compare, &compare->rows[0], side);
		jot_close(jot, '}');
		jot_rows(jot, "tools", compare, COMPARE_TOOL, side);
		jot_rows(jot, "groups", compare, COMPARE_GROUP, side);
		if (compare->with_tasks)
			jot_rows(jot, "tasks", compare, COMPARE_TASK, side);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
}
