/*
 * What the parts of the recorder share: recorder.c (the course of the run), recorder_entry.c (the living), recorder_image.c (who they are),
 * recorder_sample.c, recorder_row.c, recorder_peer.c, recorder_drop.c, recorder_file.c, recorder_fact.c.
 */
#ifndef BOOKS_RECORDER_OWN_H
#define BOOKS_RECORDER_OWN_H

#include "books/intern.h"
#include "books/recorder.h"
#include "proc/identity.h"

/* Those whose fork or exit may still be on its way get this long. */
#define EVENT_PATIENCE 2000000000ULL

/* A program that a process was. */
struct recorder_image {
	u32 tool, executable, directory, name;
	u64 cpu;
	struct shared_bytes *arguments;	/* held; NULL: not known, or told */
	bool arguments_cut;
};

/*
 * A process that lives, or died and has connections that are still closing, or died so lately that the kernel's sums may have something
 * of it.
 */
struct entry {
	struct entry *older;		/* with the same pid */
	struct entry *previous, *next;	/* in its list */
	u64 start;			/* with pid who it is; row.start is where the run begins for it */
	u64 parent_start;
	u64 cgroup;			/* as its program began, or as its parent's */
	u32 parent_pid;
	u32 index;
	u32 connections;		/* that it has open */
	u16 signal;			/* the last it got, and who sent it */
	u8 state;			/* as last sampled: enum sample_state */
	bool changed : 1;		/* since it was told to the store */
	bool told : 1;
	bool image_changed : 1;		/* its arguments were not told yet */
	bool arguments_cut : 1;		/* of its image */
	bool dead : 1;
	bool resting : 1;		/* dead, and without connections */
	bool oom : 1;
	bool signal_told : 1;
	bool told_busiest : 1;		/* its arguments in the store are those of its busiest image */
	u32 signal_sender;
	u32 failed_path;		/* text: of an exec that failed and was followed by none that worked; RUN_NONE */
	s32 failed_error;
	u64 failed_time;
	u64 sampled;			/* when last, 0: never */
	u64 resident;
	struct costs *earlier;		/* what it had cost before the run; NULL: nothing */
	u32 born_tool;			/* what its parent was at the fork */
	u64 image_cpu;			/* CPU it had used when its image began */
	struct shared_bytes *arguments;	/* of its image, held while it lives */
	struct recorder_image *busiest;	/* of the images before, if one did any work */
	struct run_process row;		/* of its image now */
};

struct entries {
	struct entry *head, *tail;
	size_t count;
};

/* A row that grows while it is kept. */
struct recorder_row {
	u64 key;
	struct recorder_row *previous, *next;
	u32 index;
	bool changed;			/* since it was told */
	union {
		struct run_peer peer;
		struct run_drop drop;
		struct {
			struct run_file file;
			u32 recent[4];	/* processes, so that each is counted once */
		};
	};
};

/*
 * By key, and in the order of use: beyond `most` the one not used longest is given up. Comes its key again, that is a new row: the sums
 * over rows stay right.
 */
struct recorder_rows {
	struct table by_key;
	struct recorder_row *head, *tail;
	size_t most;
	u32 count;			/* rows ever */
	void (*tell)(struct recorder *recorder, struct recorder_row *row);
};

/* Found or made, and counted as changed; NULL without memory. */
struct recorder_row *recorder_row(struct recorder *recorder, struct recorder_rows *rows, u64 key, bool *fresh);
void recorder_rows_flush(struct recorder *recorder, struct recorder_rows *rows);
void recorder_rows_free(struct recorder_rows *rows);

/* What had gone through an open connection when it was last looked at. */
struct recorder_standing {
	u64 sent, received, retransmits;
	bool earlier;			/* it is older than the recording */
};

/* By number: what the rules ask of the tasks a process is in. */
struct recorder_task {
	u32 parent;
	u32 rule;			/* index into rule_names */
};

struct recorder_container {
	u64 cgroup;
	u32 number;			/* RUN_NONE: it may turn out to be no container */
};

struct recorder {
	struct run *run;
	struct store_writer *writer;
	struct rules *rules;
	struct identity *identity;
	u32 root;
	u64 ended;			/* when the run did, 0: it goes on */

	struct table by_pid;		/* the newest entry of each */
	struct entries living, lingering, resting;
	struct entry *spare;		/* entries to use again, by `older` */
	u32 count;			/* processes ever */
	bool hurries;

	struct intern texts, tools, tasks, containers, endpoints;
	struct table standing;		/* struct recorder_standing, by a hash of both ends */
	struct table directions;	/* of datagrams, NET_* as once decided, by the same */
	char **tool_names;		/* by number, as far as kept */
	size_t tool_names_kept;
	struct recorder_task *known_tasks;
	size_t known_tasks_capacity;
	char *rule_names[RULES_MOST];
	struct recorder_container *waiting;	/* control groups of which not all was known yet */
	size_t waiting_count;
	struct text key, name, inside;	/* while something is put together */

	struct recorder_rows peers, drops, files;
	u64 interval;			/* between the last two samples */
	struct recorder_facts {
		u64 lost[KIND_MAX][LOSS_CAUSES];	/* and not told yet */
		u64 lost_time;		/* when some were last told */
		u64 told[RUN_FACTS], left_out[RUN_FACTS];
		bool exits_lost;	/* since the living were last looked at */
		u64 given_up;
	} facts;
	struct recorder_now now;
};

/* Interned; RUN_NONE without memory. */
u32 recorder_text(struct recorder *recorder, const void *bytes, size_t length);
u32 recorder_text_of(struct recorder *recorder, const char *text);	/* RUN_NONE for "" */
struct entry *recorder_find(const struct recorder *recorder, u32 pid, u64 start);
/* A new one, with all it has from its parent. Whoever had its pid is dead. NULL without memory; that is counted. */
struct entry *recorder_add(struct recorder *recorder, u32 pid, u64 start, u32 parent_pid, u64 parent_start);
/* Its end: the row is complete, but for connections. */
void recorder_bury(struct recorder *recorder, struct entry *entry);
/* Its exit was lost; what it cost is as last sampled. */
void recorder_lose(struct recorder *recorder, struct entry *entry, u64 time);
/* It is dead, and nothing of it is awaited any more. */
void recorder_forget(struct recorder *recorder, struct entry *entry);
/* Those that have been dead for long enough. */
void recorder_forget_rested(struct recorder *recorder, u64 now);
/* Its row as it stands now; for one that lives it is what is known if the recorder dies. */
void recorder_tell(struct recorder *recorder, struct entry *entry);

/* Tool, task, container, user and so on, from what identity knows of it now. */
void recorder_image(struct recorder *recorder, struct entry *entry, const struct event *event);
void recorder_inherit(struct entry *entry, const struct entry *parent);
/* It is about to have another image; `runtime`: what it has used so far. */
void recorder_image_ends(struct recorder *recorder, struct entry *entry, u64 runtime);
/* The image before that it is called by, because that did its work; NULL: the one it has. */
const struct recorder_image *recorder_image_before(const struct entry *entry);
/* It is told for the last time. */
void recorder_image_drop(struct recorder *recorder, struct entry *entry);
/* Of whom no image was seen: a name is all there is. */
void recorder_fill_unknown(struct recorder *recorder, struct entry *entry, const char *name);
/* Whether a new control group is a container's may be known later than its processes. */
void recorder_group(struct recorder *recorder, struct cgroup *cgroup);
void recorder_images_free(struct recorder *recorder);

void recorder_connection(struct recorder *recorder, struct entry *entry, const struct event *event);
void recorder_datagrams(struct recorder *recorder, const struct event *event);
void recorder_tell_peer(struct recorder *recorder, struct recorder_row *row);
void recorder_drop(struct recorder *recorder, const struct event *event);
void recorder_tell_drop(struct recorder *recorder, struct recorder_row *row);
void recorder_file(struct recorder *recorder, const struct entry *entry, const struct event *event);
void recorder_tell_file(struct recorder *recorder, struct recorder_row *row);

void recorder_exec_failed(struct recorder *recorder, struct entry *entry, const struct event *event);
void recorder_signal(struct recorder *recorder, const struct event *event);
void recorder_oom(struct recorder *recorder, const struct event *event);
void recorder_lost(struct recorder *recorder, const struct event *event);
/* Facts that were waiting for its end. */
void recorder_end_facts(struct recorder *recorder, struct entry *entry);
void recorder_facts_flush(struct recorder *recorder, u64 now, bool last);

#endif
