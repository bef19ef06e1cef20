/* Every cell is measured before the first is shown; what does not fit is decided by column, never by row. */
#include "books/grid.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/columns.h"
#include "base/duration.h"

#define GAP 2
#define COLUMNS_MAX 24

/* How the columns of a grid are shown: 0 columns wide: not. */
struct layout {
	size_t width[COLUMNS_MAX];
};

void grid_begin(struct grid *grid, const struct grid_column *columns, size_t count)
{
	*grid = (struct grid){ .columns = columns, .column_count = count < COLUMNS_MAX ? count : COLUMNS_MAX };
}

void grid_free(struct grid *grid)
{
	text_free(&grid->text);
	free(grid->ends);
}

void grid_end_cell(struct grid *grid)
{
	if (grid->cell_count == grid->cell_capacity) {
		grid->cell_capacity = grid->cell_capacity ? 2 * grid->cell_capacity : 256;
		grid->ends = xrealloc(grid->ends, grid->cell_capacity, sizeof(*grid->ends));
	}
	grid->ends[grid->cell_count++] = grid->text.length;
}

void grid_string(struct grid *grid, const char *string)
{
	text_add(&grid->text, string);
	grid_end_cell(grid);
}

void grid_number(struct grid *grid, uint64_t number)
{
	if (number)
		text_add_u64(&grid->text, number);
	grid_end_cell(grid);
}

void grid_duration(struct grid *grid, uint64_t ns)
{
	char buffer[DURATION_TEXT_SIZE];

	grid_string(grid, ns ? duration_format(ns, buffer) : "");
}

void grid_size(struct grid *grid, uint64_t bytes)
{
	char buffer[SIZE_TEXT_SIZE];

	grid_string(grid, bytes ? size_format(bytes, buffer) : "");
}

void grid_percent(struct grid *grid, uint64_t part, uint64_t whole)
{
	double percent = whole ? 100.0 * part / whole : 0;

	if (part && whole && percent < 0.05)
		text_add(&grid->text, "<0.1 %");
	else if (part && whole)
		text_add_format(&grid->text, "%.*f %%", percent < 9.95 ? 1 : 0, percent);
	grid_end_cell(grid);
}

static size_t rows_of(const struct grid *grid)
{
	return grid->cell_count / grid->column_count;
}

struct cell {
	const char *bytes;
	size_t length;
};

static struct cell cell_at(const struct grid *grid, size_t row, size_t column)
{
	size_t index = row * grid->column_count + column;
	unsigned int from = index ? grid->ends[index - 1] : 0;

	return (struct cell){ text_string(&grid->text) + from, grid->ends[index] - from };
}

static void measure(const struct grid *grid, struct layout *layout)
{
	for (size_t column = 0; column < grid->column_count; column++) {
		size_t most = strlen(grid->columns[column].head);
		bool empty = true;

		for (size_t row = 0; row < rows_of(grid); row++) {
			struct cell cell = cell_at(grid, row, column);
			size_t width = cell.length ? columns_of(cell.bytes, cell.length) : 1;

			empty = empty && !cell.length;
			most = width > most ? width : most;
		}
		layout->width[column] = empty && grid->columns[column].drop ? 0 : most;
	}
}

static size_t total(const struct grid *grid, const struct layout *layout, size_t *rest)
{
	size_t sum = 0;

	*rest = grid->column_count;
	for (size_t column = 0; column < grid->column_count; column++) {
		if (grid->columns[column].rest)
			*rest = column;
		if (layout->width[column])
			sum += layout->width[column] + (sum ? GAP : 0);
	}
	return sum;
}

/* Narrows the column that takes the rest; when that is not enough, drops others and tries again. */
static void fit(const struct grid *grid, struct layout *layout, size_t width)
{
	for (;;) {
		size_t rest, sum = total(grid, layout, &rest), drop = grid->column_count;

		if (sum <= width)
			return;
		if (rest < grid->column_count && layout->width[rest] >= grid->columns[rest].rest + (sum - width)) {
			layout->width[rest] -= sum - width;
			return;
		}
		for (size_t column = 0; column < grid->column_count; column++)
			if (layout->width[column] && grid->columns[column].drop &&
			    (drop == grid->column_count || grid->columns[column].drop > grid->columns[drop].drop))
				drop = column;
		if (drop == grid->column_count) {
			if (rest < grid->column_count && layout->width[rest] > 1)
				layout->width[rest] =
					sum - width < layout->width[rest] ? layout->width[rest] - (sum - width) : 1;
			return;
		}
		layout->width[drop] = 0;
	}
}

static void print_cell(struct text *out, const struct grid_column *column, struct cell cell, size_t width)
{
	size_t have = columns_of(cell.bytes, cell.length);

	if (!column->left)
		columns_pad(out, width > have ? width - have : 0);
	have = columns_cut(out, cell.bytes, cell.length, width);
	if (column->left)
		columns_pad(out, width - have);
}

static void end_line(struct text *out)
{
	while (out->length && out->data[out->length - 1] == ' ')
		out->data[--out->length] = '\0';
	text_add_char(out, '\n');
}

void grid_print(const struct grid *grid, struct text *out, unsigned int width, const char *indent)
{
	struct layout layout = { 0 };

	measure(grid, &layout);
	if (width)
		fit(grid, &layout, width > strlen(indent) ? width - strlen(indent) : 1);
	for (size_t row = 0; row <= rows_of(grid); row++) {
		bool first = true;

		text_add(out, indent);
		for (size_t column = 0; column < grid->column_count; column++) {
			struct cell cell = { grid->columns[column].head, strlen(grid->columns[column].head) };

			if (!layout.width[column])
				continue;
			if (row)
				cell = cell_at(grid, row - 1, column);
			if (row && !cell.length)
				cell = (struct cell){ "-", 1 };
			if (!first)
				columns_pad(out, GAP);
			first = false;
			print_cell(out, &grid->columns[column], cell, layout.width[column]);
		}
		end_line(out);
	}
}
