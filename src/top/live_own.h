/* What the parts of the living share: live.c (who lives, and what was used), live_place.c (what each belongs to). */
#ifndef TOP_LIVE_OWN_H
#define TOP_LIVE_OWN_H

#include "base/table.h"
#include "top/live.h"

/* A task that somebody living is in. */
struct task {
	u32 references;
	struct task *outer;		/* held; the task this one was begun in */
	struct shared_bytes *key, *name, *rule;
};

struct living {
	struct living *previous, *next;
	u32 pid, parent_pid;
	u64 start, parent_start;
	u32 user;
	struct shared_bytes *tool, *container;	/* held */
	struct task *task;		/* held */
	struct counters now, before;	/* since its beginning; at the end of the last interval */
	u64 memory, peak;
	u32 threads;
	u8 state;
	bool based;			/* `before` is known */
	bool started;			/* in this interval */
};

struct live {
	struct identity *identity;
	struct rules *rules;
	const struct lang_node *condition;	/* NULL: all are wanted */
	struct shared_pool texts;
	size_t memory;			/* of texts */
	struct table by_pid;
	struct living *first;
	u32 count;

	struct frame_row *ended;	/* in this interval, by sort */
	size_t ended_count, ended_capacity;
	struct table ended_by_sort;	/* hash -> index + 1 */

	struct table connections;	/* hash of the addresses -> struct open_connection */
	u64 since, turned;		/* when it began; when the last interval ended */
	u64 lost;
	bool exits_lost;
	struct text key, name, inside;	/* while something is put together */
};

struct living *live_find(const struct live *live, u32 pid, u64 start);

/* From what identity knows of it. */
void live_place(struct live *live, struct living *living, struct process *process);
void live_inherit(struct living *living, const struct living *parent);
void live_unplace(struct live *live, struct living *living);

#endif
