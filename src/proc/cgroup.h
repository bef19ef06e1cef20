/*
 * What is known of each cgroup, by its id: processes hold the id only, so that a thousand processes
 * of one container cost one entry, and a process that moves costs nothing.
 */
#ifndef PROC_CGROUP_H
#define PROC_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc/container.h"
#include "proc/container_names.h"

#define CGROUP_MOST 1024

struct cgroup {
	uint64_t key;
	struct container_identity identity;
	char *path;
	size_t path_length;

	/* the table's own */
	struct container_names *names;
	uint64_t next_look;
	unsigned int looks, begun;
	struct cgroup *previous, *next;
};

struct cgroup_table;

/* Keeps the `most` used last, 0 for the default. `root` goes before the runtimes' files, NULL for
 * this machine. NULL without memory. */
struct cgroup_table *cgroup_table_new(const char *root, size_t most);
void cgroup_table_free(struct cgroup_table *table);

/*
 * Adds it, or notices that it was renamed. NULL without memory. What these return is good until the
 * next cgroup_learn.
 */
struct cgroup *cgroup_learn(struct cgroup_table *table, uint64_t key, const char *path,
			    size_t length);
struct cgroup *cgroup_find(struct cgroup_table *table, uint64_t key);
/*
 * Looked up when first asked for, and a few times again when the runtime has not written them yet.
 * `now` is in ns. NULL when there are none. May make a candidate's identity certain.
 */
const struct container_names *cgroup_names(struct cgroup_table *table, struct cgroup *cgroup,
					   uint64_t now);
/*
 * What is known of it by now. A path can leave it open: then the runtimes' files are looked at first, as above. Who asks for the state
 * asks here, else the answer depends on who asked before.
 */
enum container_state cgroup_state(struct cgroup_table *table, struct cgroup *cgroup, uint64_t now);
/* A program begins in it. The runtime has written its files by then: looks, whatever the pause, at the first few. */
void cgroup_begins(struct cgroup_table *table, struct cgroup *cgroup, uint64_t now);
/* When its runtime may be looked for again; 0: never, it is decided. */
uint64_t cgroup_next_look(const struct cgroup *cgroup);
/* Is this the container that a person calls `text`: its name, its id, or 12 digits or more of it? */
bool cgroup_is_container(struct cgroup_table *table, struct cgroup *cgroup, const char *text,
			 uint64_t now);
size_t cgroup_table_count(const struct cgroup_table *table);

#endif
