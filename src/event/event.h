/*
 * An event is a record as it lies in its lane, checked once (decode.c), and the process it belongs to. Nothing is copied
 * and nothing is formatted before a sink asks for it.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/record.h"

#define EVENT_STRINGS_MAX 13

struct bytes {
	const char *data;
	u32 length;
	u32 full;		/* larger than length: cut */
};

struct process;			/* src/proc/process.h */
struct identity;		/* src/proc/identity.h */

struct event {
	const struct record *record;
	struct bytes strings[EVENT_STRINGS_MAX];
	struct process *process;	/* whose doing it is; NULL: not known */
	struct identity *identity;	/* names for its numbers */
};

/* False: nobody is known to have done it, and what the record says of a process is empty. */
static inline bool event_has_owner(const struct event *event)
{
	return !(event->record->flags & RECORD_OWNER_UNKNOWN) || event->record->pid;
}

/* Checks a record of `size` bytes and finds its strings. 0, or -EBADMSG. */
int event_decode(struct event *event, const void *bytes, size_t size);

/*
 * A path too long to be kept whole has lost its beginning; what is left must not look like one from the root. It is put
 * into the buffer, behind a mark.
 */
void event_mark_cut(struct bytes *path, char *buffer, size_t size);

/* Where the strings of a kind's records begin, and how many there are. */
struct event_shape {
	u16 fixed, strings;
};
struct event_shape event_shape(u32 kind);

const char *kind_name(u32 kind);		/* NULL: no such kind */
int kind_find(const char *name);		/* -1: no such kind */
const char *kind_help(u32 kind);
bool kind_is_public(u32 kind);			/* can be asked for by name */

#endif
