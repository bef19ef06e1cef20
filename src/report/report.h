/* A recorded run as text for a person and as JSON (docs/report.md). */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/text.h"
#include "findings/finding.h"
#include "books/run.h"
#include "findings/size.h"
#include "books/sum.h"

struct report_style {
	unsigned int width;	/* columns of the terminal; 0: no limit */
	bool colour;
};

/* What was asked for, beside the summary. */
struct report_request {
	enum sum_by by;
	bool by_given;			/* the table, and nothing else that was not asked for */
	bool tree, critical, files, peers, failures;
	int sort;			/* index into report_sorts; -1: CPU time */
	u32 limit;			/* rows of a table; 0: not said */
	bool all;			/* no limit, nothing folded */
};

/* What --sort takes: the names of the costs, and wall, processes, failures. Ends with NULL. */
extern const char *const report_sorts[];

/* Where a report goes. What grows with the run is handed on in pieces; `some` may be NULL. */
struct report_sink {
	struct text *out;
	void (*some)(void *context);	/* called now and then: may write `out` away and reset it */
	void *context;
};

/*
 * What is said when a recording ends: a few lines of totals, the costliest tools, the findings. `findings` may be NULL,
 * and so may `prices` below: then nothing is said of them.
 */
void report_summary(struct text *out, const struct run *run, const struct findings *findings,
		    const struct report_style *style);
void report_text(const struct report_sink *sink, const struct run *run, const struct findings *findings,
		 const struct size_prices *prices, const struct report_request *request,
		 const struct report_style *style);
/* One object on one line. */
void report_json(const struct report_sink *sink, const struct run *run, const struct findings *findings,
		 const struct size_prices *prices, const struct report_request *request);

#endif
