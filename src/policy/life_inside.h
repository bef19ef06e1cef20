/* What the files of life share. */
#ifndef POLICY_LIFE_INSIDE_H
#define POLICY_LIFE_INSIDE_H

#include <sqlite3.h>

#include "policy/life.h"

/* Stands for all objects beyond those that are kept apart. */
#define LIFE_OTHERS "(others)"
/* Counted in the kernel while nobody watched. */
#define LIFE_UNSEEN "(while nobody watched)"

struct life {
	sqlite3 *db;
	sqlite3_stmt *add, *found;	/* kept: adds a match; holds what life_find gave */
	struct text path;
	u32 depth;			/* of life_begin within life_begin */
	u32 taken;			/* life_take within life_take */
	int place;			/* the lock, while it is taken */
	bool spoiled;			/* one within was undone, so all of it will be */
};

/* "PATH: DOING: what is wrong; what to do". -errno. */
int life_say(struct life *life, const char *doing);
int life_run(struct life *life, const char *sql);
sqlite3_stmt *life_prepare(struct life *life, const char *sql);	/* NULL: said. Binding to it and life_step do no harm */
int life_step(struct life *life, sqlite3_stmt *statement);		/* once, and finalized */
s64 life_now(void);

#endif
