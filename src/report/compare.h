/*
 * Runs of the same thing held side by side (docs/compare.md). Each run is reduced to figures as it is added, so that
 * only one is in memory; runs are grouped into sides, and every other side is compared with the first.
 */
#ifndef REPORT_COMPARE_H
#define REPORT_COMPARE_H

#include "base/text.h"
#include "report/report.h"

enum compare_metric {
#define COST(member, key, unit, sum, help) COMPARE_##member,
#include "books/costs.def"
#undef COST
	COMPARE_wall,		/* of a run its length; else the time in which at least one process was there */
	COMPARE_processes,
	COMPARE_failures,
	COMPARE_METRICS,
};

const char *compare_metric_name(enum compare_metric metric);
int compare_metric_find(const char *name, size_t length);	/* -1: none */
enum field_unit compare_metric_unit(enum compare_metric metric);
/* Those shown without being asked for; ends with COMPARE_METRICS. */
extern const enum compare_metric compare_shown[];

enum compare_kind {
	COMPARE_TOTAL,
	COMPARE_TOOL,
	COMPARE_GROUP,		/* of tasks */
	COMPARE_TASK,
	COMPARE_KINDS,
};

struct compare_figures {
	u64 value[COMPARE_METRICS];
};

struct compare_row {
	enum compare_kind kind;
	struct run_bytes name;
	struct compare_figures *figures;	/* by run */
};

/* A run that was added. */
struct compare_run {
	u64 id;
	struct run_bytes name, title;		/* title: escaped */
	u32 side;
	s64 started_wall;
	enum run_state state;
};

struct compare {
	struct compare_run *runs;
	u32 run_count, run_capacity, side_count;
	struct compare_row *rows;		/* the first is the total */
	u32 row_count, row_capacity;
	bool with_tasks;
	struct compare_own *own;
};

/*
 * Of at most `runs` runs. Tasks one by one only if wanted: there can be many, and often under names that differ each
 * time.
 */
struct compare *compare_new(u32 runs, bool with_tasks);
void compare_free(struct compare *compare);
/* Sides are added one after the other, from 0. */
void compare_add(struct compare *compare, u32 side, const struct run *run);
const struct compare_row *compare_find(const struct compare *compare, enum compare_kind kind, const char *name,
				       size_t length);

/* How the runs of a side lie. */
struct compare_spread {
	u32 runs;
	u64 median, least, most;
	u64 deviation;		/* median of the distances from the median */
};
struct compare_spread compare_spread(const struct compare *compare, const struct compare_row *row, u32 side,
				     enum compare_metric metric);

enum compare_verdict {
	COMPARE_SAME,		/* no difference */
	COMPARE_NOISE,		/* one that may be chance, or is too small to speak of */
	COMPARE_LESS,
	COMPARE_MORE,
};

struct compare_change {
	struct compare_spread before, after;
	enum compare_verdict verdict;
	bool noise_known;	/* there are runs enough to measure it */
	double ratio;		/* after / before; infinite from nothing to something, 1 from nothing to nothing */
	double weight;		/* the part it is of the whole run's figure */
};
/* Side 0 is before. */
struct compare_change compare_change(const struct compare *compare, const struct compare_row *row, u32 side,
				     enum compare_metric metric);
/* "slower", "bigger", "fewer", ...; "within noise", "same" */
const char *compare_word(enum compare_metric metric, const struct compare_change *change);

/* A row of the output: a change of one figure, or a tool or task that is new or gone. */
struct compare_item {
	const struct compare_row *row;
	enum compare_metric metric;
	struct compare_change change;
	bool is_new, is_gone;
};
/* What changed in the rows of a kind, what matters most first; the caller frees. `quiet`: rows in which nothing did. */
struct compare_item *compare_items(const struct compare *compare, enum compare_kind kind, u32 side, u32 *count,
				   u32 *quiet);

void compare_text(struct text *out, const struct compare *compare, u32 limit, const struct report_style *style);
/* Members of the object that is open. */
void compare_jot(struct jot *jot, const struct compare *compare);
/* A value as a person reads it. */
void compare_value(struct text *out, enum compare_metric metric, u64 value);
/* How many times as much, above 0: "1.12 x", "1745 x". */
void compare_times(struct text *out, double ratio);
/* "A", "B", ..., "Z", "27", ... */
void compare_label(struct text *out, u32 side);

#endif
