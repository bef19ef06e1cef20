/* What the parts of a report share; report.c puts them together. */
#ifndef REPORT_REPORT_PART_H
#define REPORT_REPORT_PART_H

#include "base/jot.h"
#include "books/critical.h"
#include "report/report.h"
#include "proc/user.h"

struct report {
	const struct run *run;
	const struct findings *findings;	/* or NULL */
	const struct size_prices *prices;	/* or NULL */
	const struct report_request *request;
	struct report_style style;
	const struct report_sink *sink;
	struct text *out;			/* the sink's */
	struct user_table *users;
	struct sum_row total;
};

/* What the totals do not say by themselves: how much was lost, what was there before and after. */
struct report_coverage {
	u64 lost, living, earlier, no_ledger, left, gave_up;
	s64 clock_step;
};
struct report_coverage report_coverage(const struct run *run);

void report_begin(struct report *report, const struct report_sink *sink, const struct run *run,
		  const struct report_request *request);
void report_end(struct report *report);

void report_title(struct report *report, const char *title);
/* How many rows to show when that many would do by default; 0: all. */
u32 report_limit(const struct report *report, u32 usual);
/* "  12 more (--all shows them)" */
void report_more(struct report *report, u32 more);
/* Hands on what was written if it is much. */
void report_some(struct report *report);
void report_duration(struct report *report, u64 ns);
/* Words that may hold any bytes, in lines no wider than the terminal, each indented. */
void report_wrapped(struct report *report, const struct text *words, unsigned int indent);
/* The value that --sort names, of a row. */
u64 report_sorted_by(const struct sum_row *row, int sort);
/* Sorted as asked; the caller frees. */
struct sum_row *report_rows(const struct report *report, enum sum_by by, u32 *count);

void report_head(struct report *report);
void report_coverage_text(struct report *report);
void report_findings(struct report *report);
void report_size(struct report *report);
void report_table(struct report *report, enum sum_by by, u32 usual);
void report_tree(struct report *report);
void report_critical(struct report *report, bool whole);
/* Processes that failed, by their end; the caller frees. */
u32 *report_failed(const struct run *run, u32 *count);
void report_failures(struct report *report, bool whole);
void report_files(struct report *report);
/* Those of the most packets first; the caller frees. */
const struct run_drop **report_drops(const struct run *run);
void report_peers(struct report *report);
/* By tool and service, if there is any. */
void report_network(struct report *report, u32 usual);

/* The processes as a tree, in depth-first order. */
struct report_branch {
	u32 process, depth;
	u32 below;		/* how many processes it started, they and theirs */
	struct costs costs;	/* its own and theirs */
};
struct report_branch *report_branches(const struct run *run);

#endif
