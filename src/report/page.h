/*
 * A run as one page of HTML: a timeline, charts, tables and findings; nothing is loaded from anywhere (docs/page.md).
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "findings/finding.h"
#include "books/run.h"
#include "findings/size.h"

/*
 * Put in place when it is whole. `findings` and `prices` may be NULL: then nothing is said of them. 0 or -errno, said.
 */
int page_write(const struct run *run, const struct findings *findings, const struct size_prices *prices,
	       const char *path);

#endif
