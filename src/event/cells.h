/*
 * The cells of a line that is to fit a terminal. Where there is no room for all, the least important columns go, then the
 * spaces that align the columns, from the right; then what may be of any length is cut.
 */
#ifndef EVENT_CELLS_H
#define EVENT_CELLS_H

#include "base/text.h"

#define CELLS_MAX 256
/* What a path or a command line has at least before others go. */
#define CELL_LEAST 16
/* Higher ranks go before alignment does, this one behind it; 0 never goes. */
#define CELL_RANK_ALIGNED 1

struct cell {
	size_t start, length;	/* bytes of the text, without what pads it */
	unsigned int columns;	/* that these take */
	unsigned int width;	/* of its column, 0: none */
	unsigned int rank;	/* the higher the sooner it goes, with all others of its rank */
	bool elastic;		/* a path, a command line: may be cut */
};

struct cells {
	struct text text;	/* of all cells, one behind the other */
	struct text line;
	struct cell list[CELLS_MAX];
	size_t count;
};

/* The bytes since the last cell, or the beginning, become one. */
void cells_add(struct cells *cells, unsigned int width, unsigned int rank, bool elastic);
/* Adds the line to `out`, in `room` columns; 0: all of it. Empties the cells. */
void cells_put(struct cells *cells, struct text *out, unsigned int room);

#endif
