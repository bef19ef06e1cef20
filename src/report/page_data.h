/* The data of the page: columns rather than rows, short, for page/data.js to read. */
#ifndef REPORT_PAGE_DATA_H
#define REPORT_PAGE_DATA_H

#include "report/export.h"

void page_data(struct file *file, const struct export *export);

/*
 * Processes, the bulk of it: by start, each number as a difference where that is shorter. place[i] is where process i
 * stands.
 */
void page_processes(struct file *file, struct jot *jot, const struct export *export, const u32 *order,
		    const u32 *place);

void page_samples(struct file *file, struct jot *jot, const struct export *export, const u32 *order);

/* How many bytes to keep of a text that may have `most`, without cutting a character of UTF-8. */
size_t page_cut(const char *bytes, size_t length, size_t most);

#endif
