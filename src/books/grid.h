/*
 * A table for a terminal: columns as wide as what is in them, numbers to the right, the least important dropped when
 * the terminal is narrow, and one column that takes what is left.
 */
#ifndef BOOKS_GRID_H
#define BOOKS_GRID_H

#include "base/text.h"

struct grid_column {
	const char *head;
	unsigned int drop;	/* dropped first: the largest; 0: never */
	bool left;		/* text, not a number */
	unsigned int rest;	/* takes the room that is left, but not less than this; at most one column has it */
};

struct grid {
	const struct grid_column *columns;
	size_t column_count;
	struct text text;		/* of all cells, escaped already */
	unsigned int *ends;		/* of each cell in it, where the next begins */
	size_t cell_count, cell_capacity;
};

void grid_begin(struct grid *grid, const struct grid_column *columns, size_t count);
/* Cells go from left to right, then down: add to grid->text, then end the cell. An empty one is shown as "-". */
void grid_end_cell(struct grid *grid);
void grid_string(struct grid *grid, const char *string);
void grid_number(struct grid *grid, uint64_t number);		/* 0 is empty */
void grid_duration(struct grid *grid, uint64_t ns);
void grid_size(struct grid *grid, uint64_t bytes);
void grid_percent(struct grid *grid, uint64_t part, uint64_t whole);

/* Columns in which every cell is empty are left out. width 0: no limit. */
void grid_print(const struct grid *grid, struct text *out, unsigned int width, const char *indent);
void grid_free(struct grid *grid);

#endif
