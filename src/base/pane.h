/*
 * What every list on a screen has: it scrolls, shows only what has a text in it, can be frozen, has a page of help, and is quit. The keys for
 * these are the same everywhere.
 */
#ifndef BASE_PANE_H
#define BASE_PANE_H

#include "base/screen.h"

#define PANE_FILTER 64

struct pane {
	char filter[PANE_FILTER];
	bool typing;			/* the filter */
	bool frozen, help;
	size_t scroll;
	size_t page;			/* rows in sight, for the keys that turn pages */
	size_t count;			/* rows there are */
};

enum pane_result {
	PANE_DONE,
	PANE_QUIT,
	PANE_NOT_MINE,			/* a key of the list's own */
};

enum pane_result pane_key(struct pane *pane, int key);
/* So many rows are in sight: scrolled no further than to the last. */
void pane_settle(struct pane *pane, size_t count, size_t page);
/* What was put together, as far as it fits. */
void pane_line(unsigned int row, const struct text *text, const char *style);
/* Of parts that stand two spaces or more apart, those that fit, from the left. */
void pane_parts(unsigned int row, struct text *text, const char *style);
/* The last line: the filter, or which keys there are. */
void pane_foot(const struct pane *pane, const char *keys);
/* Lines up to NULL, from the top. */
void pane_help(const char *const *lines);

#endif
