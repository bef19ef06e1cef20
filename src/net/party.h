/*
 * Who is at an end of a connection: a process, by what a person would call it. Taken down while the process is known, because a
 * connection may be told of long after; shared by all connections of the process.
 */
#ifndef NET_PARTY_H
#define NET_PARTY_H

#include "base/table.h"
#include "proc/identity.h"
#include "proc/shared.h"

struct party {
	u32 references;
	u32 pid, user;
	u64 start, exec_time;
	struct shared_bytes *tool;		/* NULL: not known */
	struct shared_bytes *container;		/* its name, else its id; NULL: in none; so the next */
	struct shared_bytes *container_id;
};

struct parties {
	struct identity *identity;	/* not owned */
	struct table by_process;
	struct shared_pool texts;
	size_t memory;			/* of texts */
	struct text name;		/* while one is put together */
};

void parties_init(struct parties *parties, struct identity *identity);
/* All must have been dropped. */
void parties_free(struct parties *parties);

/* Whose doing a record is, held; NULL: nobody's that is known. */
struct party *party_of(struct parties *parties, const struct record *record);
struct party *party_hold(struct party *party);
void party_drop(struct parties *parties, struct party *party);	/* NULL is allowed */

#endif
