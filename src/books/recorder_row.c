/* Rows that are added up over time, in the order of their use. */
#include <stdlib.h>

#include "books/recorder_own.h"

static void unlink_row(struct recorder_rows *rows, struct recorder_row *row)
{
	*(row->previous ? &row->previous->next : &rows->head) = row->next;
	*(row->next ? &row->next->previous : &rows->tail) = row->previous;
}

static void link_last(struct recorder_rows *rows, struct recorder_row *row)
{
	row->next = NULL;
	row->previous = rows->tail;
	*(rows->tail ? &rows->tail->next : &rows->head) = row;
	rows->tail = row;
}

static void give_up(struct recorder *recorder, struct recorder_rows *rows, struct recorder_row *row)
{
	if (row->changed)
		rows->tell(recorder, row);
	table_remove(&rows->by_key, row->key);
	unlink_row(rows, row);
	free(row);
}

struct recorder_row *recorder_row(struct recorder *recorder, struct recorder_rows *rows, u64 key, bool *fresh)
{
	struct recorder_row *row = table_get(&rows->by_key, key);

	*fresh = !row;
	if (row) {
		unlink_row(rows, row);
	} else {
		if (table_count(&rows->by_key) >= rows->most)
			give_up(recorder, rows, rows->head);
		row = calloc(1, sizeof(*row));
		if (!row || table_put(&rows->by_key, key, row)) {
			free(row);
			recorder->facts.given_up++;
			return NULL;
		}
		row->key = key;
		row->index = rows->count++;
	}
	link_last(rows, row);
	row->changed = true;
	return row;
}

/* What changed was used since, so it is at the end of the list. */
void recorder_rows_flush(struct recorder *recorder, struct recorder_rows *rows)
{
	for (struct recorder_row *row = rows->tail; row && row->changed; row = row->previous) {
		rows->tell(recorder, row);
		row->changed = false;
	}
}

void recorder_rows_free(struct recorder_rows *rows)
{
	for (struct recorder_row *row = rows->head, *next; row; row = next) {
		next = row->next;
		free(row);
	}
	table_free(&rows->by_key);
}
