/*
 * What stands: the policies that are observed or enforced, for how long each was observed, what it matched, folded, and
 * who did what to it. It is one SQLite file beside the store of runs. All of it outlives agents; a policy is known by its name.
 */
#ifndef POLICY_LIFE_H
#define POLICY_LIFE_H

#include "policy/load.h"

struct life;

enum life_mode { LIFE_OBSERVE, LIFE_ENFORCE };

struct life_entry {
	s64 id;				/* never given to another policy */
	const char *name, *file;
	const char *source;		/* the text of the file it was in */
	size_t source_length;
	enum life_mode mode;
	s64 since;			/* ns since 1970: when its observation began */
	u64 observed;			/* ns in which someone watched */
	u64 matched, unacknowledged;	/* events */
	u64 taken;			/* of them those that were denied or killed for */
	s64 first, last;		/* of those; 0: none */
};

/* All that one tool and one user did to one object. */
struct life_match {
	struct bytes tool, object;
	u32 user;
	u64 count, acknowledged;
	s64 first, last;		/* ns since 1970 */
};

/* The user of what nobody watched. */
#define LIFE_NOBODY ~0U

struct life_deed {
	s64 time;
	u32 user;
	const char *policy, *what;
};

/*
 * The file beside the store: in /var/lib/sonde as root, below $XDG_STATE_HOME else, or where $SONDE_STORE is. NULL: said why,
 * or, if it does not exist and is not to be made, *none is set.
 */
struct life *life_open(bool write, bool *none);
void life_close(struct life *life);
bool life_may_write(const struct life *life);

/* All functions below return 0 or -errno, said. */

/*
 * Begins to observe, all of them or none. What was observed before keeps its time and matches unless the policy itself changed. Who
 * is enforced already cannot be changed so: -EBUSY.
 */
int life_observe(struct life *life, const struct policies *policies, const struct text *source, const char *file);
/* The same to be enforced, whatever was observed; those that are enforced already are replaced. */
int life_force(struct life *life, const struct policies *policies, const struct text *source, const char *file);
int life_set_mode(struct life *life, const struct life_entry *entry, enum life_mode mode, const char *what);
int life_acknowledge(struct life *life, const struct life_entry *entry);
int life_remove(struct life *life, const struct life_entry *entry);

typedef bool life_listed(void *context, const struct life_entry *entry);	/* false: enough */
int life_list(struct life *life, life_listed *told, void *context);
/* The entry is good until the next call. -ENOENT: said, with the nearest name. */
int life_find(struct life *life, const char *name, struct life_entry *entry);

typedef void life_matched(void *context, const struct life_match *match);
/* Most first. */
int life_matches(struct life *life, s64 id, life_matched *told, void *context);
typedef void life_done(void *context, const struct life_deed *deed);
int life_log(struct life *life, const char *policy, life_done *told, void *context);

/*
 * Only one agent writes what is matched: this takes its place, also within another life_take, until life_leave or life_close.
 * -EBUSY: another has it; no error is said.
 */
int life_take(struct life *life);
void life_leave(struct life *life);
/* A number of what is in the kernel: whoever puts something else there counts it up. */
int life_renew(struct life *life);
s64 life_generation(struct life *life);		/* -1: it cannot be read, said */
/* What is done in between these is done whole or not at all; one within another is part of it. */
int life_begin(struct life *life);
int life_add(struct life *life, s64 id, const struct life_match *match);
/*
 * It was watched from one instant to another (CLOCK_BOOTTIME); time that was counted already is not counted again. `from` 0: since
 * that was said the last time.
 */
int life_watched(struct life *life, s64 id, u64 from, u64 to);
/* Its programs in the kernel have counted so many since they were put there; what was not added yet is. */
int life_counted(struct life *life, s64 id, u64 matched, u64 taken, s64 first, s64 last);
/* Of those that they counted so many were added by life_add. */
int life_told(struct life *life, s64 id, u64 matched);
/* New programs, which count from 0. */
int life_restart(struct life *life, s64 id);
int life_commit(struct life *life);
void life_undo(struct life *life);

#endif
