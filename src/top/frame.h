/*
 * What happened in one interval: a row for each process that lives, and one for each sort of those that ended in it. It is complete
 * in itself, so that it can be shown in any order and grouping while the next is already being gathered.
 */
#ifndef TOP_FRAME_H
#define TOP_FRAME_H

#include "base/text.h"
#include "books/run.h"
#include "proc/shared.h"
#include "wire/sample.h"

/* What is counted while a process lives. */
struct counters {
	u64 cpu, wait;			/* ns */
	u64 disk_read, disk_write;	/* bytes; so below */
	u64 read, write;		/* by system calls */
	u64 received, sent;
};

struct frame_row {
	u32 pid;			/* 0: several that ended */
	u32 parent_pid;
	u64 start, parent_start;
	u32 user;
	struct shared_bytes *tool;	/* held */
	struct shared_bytes *task, *container;	/* held; NULL: in none */
	struct counters used;		/* in the interval */
	struct counters since;		/* since it began; 0 for several */
	u64 memory, peak;
	u32 threads;
	u32 living, started, ended;	/* processes; a living one is 1 */
	u8 state;			/* enum sample_state */
};

struct frame {
	u64 time, interval;		/* ns; when it ended, how long it was */
	struct frame_row *rows;
	size_t count;
	struct run_host_sample host, host_before;	/* time 0: none */
	u64 lost;			/* events, since the start */
	struct shared_pool *pool;
};

void frame_free(struct frame *frame);

enum frame_by {
	FRAME_BY_TOOL,
	FRAME_BY_TASK,
	FRAME_BY_CONTAINER,
	FRAME_BY_USER,
	FRAME_BY_PROCESS,
	FRAME_BYS,
};

extern const char *const frame_by_names[];	/* by enum frame_by, ends with NULL */

enum frame_sort {
	FRAME_SORT_CPU,
	FRAME_SORT_WAIT,
	FRAME_SORT_MEMORY,
	FRAME_SORT_READ,
	FRAME_SORT_WRITE,
	FRAME_SORT_NETWORK,
	FRAME_SORT_PROCESSES,
	FRAME_SORT_STARTS,
	FRAME_SORT_NAME,
	FRAME_SORTS,
};

extern const char *const frame_sort_names[];

/* One line of a listing: a process, or the sum of a group. */
struct line {
	const char *name, *command;	/* of a process: its tool, its arguments with spaces between (empty: not known) */
	size_t name_length, command_length;
	u32 depth;			/* in a tree */
	struct frame_row sum;		/* pid: of the only process, 0 otherwise; texts are those of the first */
};

struct listing {
	struct line *lines;
	size_t count, capacity;
	struct text names;
};

/* What a user is called; NULL: nothing. Good until the next call. */
typedef const char *frame_user_name(void *context, u32 user);
/* The whole command of a process, as it is to be shown; NULL: not known. Good until the next call. */
typedef const char *frame_command(void *context, const struct frame_row *row, size_t *length);

struct listing_request {
	enum frame_by by;
	enum frame_sort sort;
	bool reverse;			/* the least first; names backwards */
	bool tree;			/* processes below their parents, whatever `by` says */
	const char *filter;		/* only lines whose name has this in it, however it is written; "": all */
	frame_user_name *user_name;
	frame_command *command;
	void *context;
};

/* Fills the listing anew. Names are in its own memory. */
void listing_make(struct listing *listing, const struct frame *frame, const struct listing_request *request);
void listing_free(struct listing *listing);

/* Value that a column sorts by, and shows. */
u64 line_value(const struct line *line, enum frame_sort sort);

#endif
