/*
 * How wide text is on a terminal. It takes what escape_terminal let through: no control bytes, valid UTF-8. Characters
 * of East Asia and emoji take two columns, combining marks none.
 */
#ifndef BASE_COLUMNS_H
#define BASE_COLUMNS_H

#include "base/text.h"

size_t columns_of(const char *bytes, size_t count);
/* Adds as much as fits into `width` columns; what had to be cut ends with an ellipsis. Returns the columns it took. */
size_t columns_cut(struct text *out, const char *bytes, size_t count, size_t width);
void columns_pad(struct text *out, size_t count);
/* A number of bytes that takes little room: "999", "1.2K", "35M". */
void columns_amount(struct text *out, double bytes);

/* A column of a table that is as wide as the terminal. */
struct column_place {
	const char *title;
	int sort;		/* what the table is ordered by if by this; -1: it never is */
	unsigned int width;
	unsigned int rank;	/* the higher the sooner it goes, where there is no room for all */
	bool left;		/* else to the right */
};

/*
 * Of the columns in `wanted`, a bit each, those that fit into `width` with a space behind each and `least` for the rest of the line;
 * *left: what the rest gets, SIZE_MAX without a limit (width 0).
 */
uint32_t columns_fit(const struct column_place *places, size_t count, uint32_t wanted, unsigned int width, unsigned int least,
		     size_t *left);
/* What was added since `start` gets the width of its column; what is too long is cut. */
void columns_align(struct text *out, size_t start, const struct column_place *place);
/* The titles of the chosen columns, the one that the table is ordered by marked where there is colour; `sort` is its number. */
void columns_header(struct text *out, const struct column_place *places, size_t count, uint32_t chosen, int sort, bool colour);

#endif
