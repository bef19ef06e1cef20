/* Puts bars into as few rows as they fit in without overlap, each in the uppermost that is free when it begins. */
#ifndef BOOKS_TRACKS_H
#define BOOKS_TRACKS_H

#include "wire/record.h"

struct tracks {
	struct tracks_busy { u64 end; u32 row; } *busy;	/* a heap, the earliest end first */
	u32 *free;					/* a heap, the uppermost row first */
	u32 busy_count, free_count, rows, capacity;
};

/* `struct tracks t = {0}` has no rows. Bars must come by their begin; returns the row. */
u32 tracks_place(struct tracks *tracks, u64 begin, u64 end);
void tracks_free(struct tracks *tracks);

#endif
