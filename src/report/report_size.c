/* The right size: what the run and its tasks needed, and what machines of that size cost. */
#include "report/report_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/escape.h"
#include "books/grid.h"
#include "books/label.h"

#define GROUPS 8
/* Nobody chooses a machine for less; --json says it all the same. */
#define LEAST_RUN 1000000000ULL

static void add_offer(struct grid *grid, const struct size_offer *offer, const char *what, u64 duration)
{
	text_add(&grid->text, what);
	escape_terminal(&grid->text, offer->name, strlen(offer->name));
	grid_end_cell(grid);
	text_add_format(&grid->text, "%g", offer->cpus);
	grid_end_cell(grid);
	grid_size(grid, offer->memory);
	text_add_format(&grid->text, offer->price < 0.01 ? "%.2g %s" : "%.3f %s", offer->price, offer->currency);
	grid_end_cell(grid);
	grid_duration(grid, duration);
	if (size_cost(offer, duration) < 0.01)
		text_add(&grid->text, "<0.01");
	else
		text_add_format(&grid->text, "%.2f", size_cost(offer, duration));
	text_add_format(&grid->text, " %s", offer->currency);
	grid_end_cell(grid);
	escape_terminal(&grid->text, offer->provider, strlen(offer->provider));
	text_add_char(&grid->text, ' ');
	escape_terminal(&grid->text, offer->region, strlen(offer->region));
	grid_end_cell(grid);
}

/* A user's table may say neither when its prices were true nor where they are from. */
static void say_prices(struct report *report)
{
	const struct size_prices *prices = report->prices;

	if (!prices->date[0] && !prices->source[0])
		return;
	text_add(report->out, "  prices");
	if (prices->date[0]) {
		text_add(report->out, " of ");
		escape_terminal(report->out, prices->date, strlen(prices->date));
	}
	if (prices->source[0]) {
		text_add(report->out, prices->date[0] ? ", from " : " from ");
		escape_terminal(report->out, prices->source, strlen(prices->source));
	}
	text_add(report->out, " (--prices FILE for yours)\n");
}

static void print_offers(struct report *report, const struct size_need *need)
{
	static const struct grid_column columns[] = {
		{ .head = "machine", .left = true, .rest = 24 },
		{ .head = "CPUs" },
		{ .head = "memory" },
		{ .head = "an hour", .drop = 2 },
		{ .head = "for", .drop = 3 },
		{ .head = "this run" },
		{ .head = "at", .left = true, .drop = 1 },
	};
	const struct size_offer *offers[SIZE_OFFERS], *host = size_of_host(report->prices, report->run);
	u32 count = size_fitting(report->prices, need, offers, SIZE_OFFERS);
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	if (host)
		add_offer(&grid, host, "like this one: ", report->run->end - report->run->start);
	for (u32 i = 0; i < count; i++)
		add_offer(&grid, offers[i], "", need->duration);
	if (grid.cell_count) {
		grid_print(&grid, report->out, report->style.width, "  ");
		say_prices(report);
	}
	grid_free(&grid);
}

static void add_used(struct grid *grid, const struct size_need *need)
{
	grid_number(grid, need->cpus);
	if (need->short_of_memory) {
		text_add_char(&grid->text, '?');
		grid_end_cell(grid);
	} else {
		grid_size(grid, need->memory);
	}
	text_add_format(&grid->text, "%.2f", need->mean_cpus);
	grid_end_cell(grid);
	text_add_format(&grid->text, "%.2f", need->peak_cpus);
	grid_end_cell(grid);
	grid_size(grid, need->peak_memory);
	grid_duration(grid, need->duration);
}

static void print_needs(struct report *report, const struct size_need *whole)
{
	static const struct grid_column columns[] = {
		{ .head = "", .left = true, .rest = 16 },
		{ .head = "CPUs" },
		{ .head = "memory" },
		{ .head = "mean", .drop = 3 },
		{ .head = "peak CPUs", .drop = 2 },
		{ .head = "peak memory", .drop = 1 },
		{ .head = "takes", .drop = 4 },
	};
	const struct run *run = report->run;
	u32 count, limit = report_limit(report, GROUPS);
	struct size_need *needs = size_of_tasks(run, &count);
	struct grid grid;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	grid_string(&grid, "the run");
	add_used(&grid, whole);
	for (u32 i = 0; i < count && (!limit || i < limit); i++) {
		text_add(&grid.text, "each ");
		label_text(&grid.text, run, run->tasks[needs[i].task].group, "?");
		grid_end_cell(&grid);
		add_used(&grid, &needs[i]);
	}
	grid_print(&grid, report->out, report->style.width, "  ");
	report_more(report, limit && count > limit ? count - limit : 0);
	/* no group is short of it if the run is not */
	if (whole->short_of_memory)
		text_add(report->out, "  ?: more than the peak; how much is not known, as a process of it was killed for want of memory\n");
	grid_free(&grid);
	free(needs);
}

void report_size(struct report *report)
{
	struct size_need need;
	char title[64];

	if (!report->prices || !report->run->process_count || report->run->end - report->run->start < LEAST_RUN)
		return;
	size_of_run(report->run, &need);
	snprintf(title, sizeof(title), "Right size (memory: peak and %.0f %%)", need.headroom * 100);
	report_title(report, title);
	print_needs(report, &need);
	print_offers(report, &need);
}
