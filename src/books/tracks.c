/* Two binary heaps: rows that are taken, by when they become free, and rows that are free, by number. */
#include "books/tracks.h"

#include <stdlib.h>

#include "base/alloc.h"

static void push_busy(struct tracks *tracks, u64 end, u32 row)
{
	u32 at = tracks->busy_count++;

	for (; at && tracks->busy[(at - 1) / 2].end > end; at = (at - 1) / 2)
		tracks->busy[at] = tracks->busy[(at - 1) / 2];
	tracks->busy[at] = (struct tracks_busy){ end, row };
}

static u32 pop_busy(struct tracks *tracks)
{
	u32 row = tracks->busy[0].row, count = --tracks->busy_count, at = 0;
	struct tracks_busy last = tracks->busy[count];

	for (u32 child; (child = at * 2 + 1) < count; at = child) {
		if (child + 1 < count && tracks->busy[child + 1].end < tracks->busy[child].end)
			child++;
		if (tracks->busy[child].end >= last.end)
			break;
		tracks->busy[at] = tracks->busy[child];
	}
	tracks->busy[at] = last;
	return row;
}

static void push_free(struct tracks *tracks, u32 row)
{
	u32 at = tracks->free_count++;

	for (; at && tracks->free[(at - 1) / 2] > row; at = (at - 1) / 2)
		tracks->free[at] = tracks->free[(at - 1) / 2];
	tracks->free[at] = row;
}

static u32 pop_free(struct tracks *tracks)
{
	u32 row = tracks->free[0], count = --tracks->free_count, at = 0, last = tracks->free[count];

	for (u32 child; (child = at * 2 + 1) < count; at = child) {
		if (child + 1 < count && tracks->free[child + 1] < tracks->free[child])
			child++;
		if (tracks->free[child] >= last)
			break;
		tracks->free[at] = tracks->free[child];
	}
	tracks->free[at] = last;
	return row;
}

u32 tracks_place(struct tracks *tracks, u64 begin, u64 end)
{
	u32 row;

	while (tracks->busy_count && tracks->busy[0].end <= begin)
		push_free(tracks, pop_busy(tracks));
	if (tracks->free_count) {
		row = pop_free(tracks);
	} else {
		if (tracks->rows == tracks->capacity) {
			tracks->capacity = tracks->capacity ? tracks->capacity * 2 : 8;
			tracks->busy = xrealloc(tracks->busy, tracks->capacity, sizeof(*tracks->busy));
			tracks->free = xrealloc(tracks->free, tracks->capacity, sizeof(*tracks->free));
		}
		row = tracks->rows++;
	}
	push_busy(tracks, end, row);
	return row;
}

void tracks_free(struct tracks *tracks)
{
	free(tracks->busy);
	free(tracks->free);
}
