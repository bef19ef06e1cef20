/*
 * Gives every event its process, with parents, container, user and masked arguments. It is fed the same stream it
 * explains: forks, execs, exits and names of control groups, in the order of time.
 */
#ifndef PROC_IDENTITY_H
#define PROC_IDENTITY_H

#include "event/event.h"
#include "proc/cgroup.h"
#include "proc/mask.h"
#include "proc/process.h"
#include "proc/user.h"

struct identity {
	struct process_table *processes;
	struct cgroup_table *cgroups;
	struct user_table *users;
	struct mask *mask;		/* NULL: arguments are shown as they are */
	struct text masked;		/* the arguments of the exec at hand */
	u32 pid_namespace, mount_namespace;	/* the machine's own; 0: not known */
	u64 now;			/* of the latest event */
	u32 held;			/* a process that waited for sonde; 0: none */
	u64 released;			/* its life begins here */
};

/* mask_file NULL: only the built-in patterns. NULL: it was said why. */
struct identity *identity_new(bool masked, const char *mask_file);
void identity_free(struct identity *identity);

/* Learns from the event and completes it: process, identity, and arguments masked. */
void identity_complete(struct identity *identity, struct event *event);
/* A process that was there before; the rest of it is read from /proc. */
void identity_existing(struct identity *identity, const struct event *event);

/* The control group of an event's process, or NULL. */
struct cgroup *identity_cgroup(const struct event *event);

#endif
