#include "event/cells.h"

#include "base/columns.h"

void cells_add(struct cells *cells, unsigned int width, unsigned int rank, bool elastic)
{
	const struct cell *last = cells->count ? &cells->list[cells->count - 1] : NULL;
	size_t start = last ? last->start + last->length : 0;
	struct cell *cell = &cells->list[cells->count];

	if (cells->count == CELLS_MAX)
		return;
	cell->start = start;
	cell->length = cells->text.length - start;
	cell->columns = columns_of(cells->text.data + start, cell->length);
	cell->width = width;
	cell->rank = rank;
	cell->elastic = elastic;
	cells->count++;
}

static unsigned int padding(const struct cell *cell)
{
	return cell->width > cell->columns ? cell->width - cell->columns : 0;
}

/* Columns that are taken, with a space between two cells. What may be cut counts as what it must have. */
static unsigned int needed(const struct cells *cells)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->list[i];
		bool whole = !cell->elastic || cell->columns < CELL_LEAST;

		sum += 1 + (whole ? cell->columns : CELL_LEAST) + (i + 1 < cells->count ? padding(cell) : 0);
	}
	return sum ? sum - 1 : 0;
}

/* Of those with a rank above `least` all of the highest go first: an address and its port. */
static void drop(struct cells *cells, unsigned int room, unsigned int least)
{
	while (needed(cells) > room) {
		unsigned int highest = 0;
		size_t kept = 0;

		for (size_t i = 0; i < cells->count; i++)
			if (cells->list[i].rank > highest)
				highest = cells->list[i].rank;
		if (highest <= least)
			return;
		for (size_t i = 0; i < cells->count; i++)
			if (cells->list[i].rank != highest)
				cells->list[kept++] = cells->list[i];
		cells->count = kept;
	}
}

static void squeeze(struct cells *cells, unsigned int room)
{
	for (size_t i = cells->count; i-- > 0 && needed(cells) > room;)
		cells->list[i].width = 0;
}

/* What is left beside the others is shared: each gets what it needs, if the others have enough. */
static void cut(struct cells *cells, unsigned int room)
{
	unsigned int left = room, count = 0;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->list[i];
		unsigned int taken = (cell->elastic ? 0 : cell->columns) + (i + 1 < cells->count ? padding(cell) : 0) + (i > 0);

		count += cell->elastic;
		left -= taken < left ? taken : left;
	}
	for (size_t i = 0; i < cells->count; i++) {
		struct cell *cell = &cells->list[i];
		unsigned int others = 0, share;

		if (!cell->elastic)
			continue;
		for (size_t j = i + 1; j < cells->count; j++)
			if (cells->list[j].elastic)
				others += cells->list[j].columns < left / count ? cells->list[j].columns : left / count;
		share = left - others;
		if (cell->columns > share)
			cell->columns = share;
		left -= cell->columns;
		count--;
	}
}

static void assemble(const struct cells *cells, struct text *out)
{
	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->list[i];

		if (i)
			text_add_char(out, ' ');
		columns_cut(out, cells->text.data + cell->start, cell->length, cell->columns);
		if (i + 1 < cells->count)
			columns_pad(out, padding(cell));
	}
}

void cells_put(struct cells *cells, struct text *out, unsigned int room)
{
	if (!room) {
		assemble(cells, out);
	} else {
		drop(cells, room, CELL_RANK_ALIGNED);
		squeeze(cells, room);
		drop(cells, room, 0);
		cut(cells, room);
		/* what is still too wide loses its end */
		assemble(cells, &cells->line);
		columns_cut(out, text_string(&cells->line), cells->line.length, room);
	}
	text_reset(&cells->text);
	text_reset(&cells->line);
	cells->count = 0;
}
