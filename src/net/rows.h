/*
 * What a look at the flows shows: a row each, sorted. Of a great many only the first thousands are kept, since nobody scrolls further; all are
 * counted. What has just ended stays for some seconds, so that what was refused or dropped can be seen at all.
 */
#ifndef NET_ROWS_H
#define NET_ROWS_H

#include "net/filter.h"
#include "net/show.h"

#define ROWS_MOST 2000

enum rows_sort {
	ROWS_BY_RATE,
	ROWS_BY_BYTES,
	ROWS_BY_RTT,
	ROWS_BY_RETRANSMITS,
	ROWS_BY_AGE,			/* the youngest first */
	ROWS_BY_DROPS,
	ROWS_SORTS,
};

extern const char *const rows_sort_names[];	/* ends with NULL */

struct row {
	u64 values[ROWS_SORTS];
	u64 to_server, to_client;	/* bytes since the last look */
	u64 age;			/* ns; 0: not known */
	u32 retransmits;		/* since the last look */
	bool no_retransmits;		/* they are not known */
	enum flow_verdict verdict;
	bool open;
	char transport[8];
	size_t who, who_length, outcome, outcome_length;	/* in texts */
};

struct recent_row;

struct rows {
	struct row *rows;
	size_t count, capacity;
	struct text texts;
	u64 all, of_verdict[FLOW_VERDICTS];	/* that there were, of those that the filters let through */
	u64 least;			/* what is below is not kept */
	struct recent_row *recent;	/* a ring */
	size_t recent_at;
	struct text line;		/* while one is looked at */

	/* set by whoever owns them */
	enum rows_sort sort;
	bool reverse;
	const char *text;		/* only what has this in it; "": all */
	const struct filter *filter;
	struct show *show;
};

void rows_begin(struct rows *rows);
void rows_add(struct rows *rows, const struct flow *flow);
/* It ended; it is shown until it is old. */
void rows_ended(struct rows *rows, const struct flow *flow);
/* Adds what ended not long ago, and sorts. */
void rows_finish(struct rows *rows, u64 now);
void rows_free(struct rows *rows);

/* Without a newline; width 0: no limit. */
void rows_header(struct text *out, const struct rows *rows, unsigned int width, bool colour);
void rows_line(struct text *out, const struct rows *rows, const struct row *row, unsigned int width, bool colour);

#endif
