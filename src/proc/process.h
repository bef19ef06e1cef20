/*
 * Who is who: every process that was seen, by (pid, start time), with its parents. A dead process
 * stays while a descendant lives, because the question "who started this" is asked of the living,
 * and a moment longer, because events of another lane may still speak of it.
 *
 * A table has a budget. Beyond it, the least useful is given up first, and counted: processes that
 * are long dead and have no descendants, then arguments of dead ancestors, then those ancestors
 * (their children move up to the next one), and only then what is known of the living.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc/shared.h"

#define PROCESS_BUDGET (4u << 20)
#define PROCESS_GRACE 2000000000ull	/* of event time, ns */
#define PROCESS_ID_UNSET UINT32_MAX	/* a login id that nobody set */

enum process_namespace {
	PROCESS_NAMESPACE_MOUNT,
	PROCESS_NAMESPACE_PID,
	PROCESS_NAMESPACE_NETWORK,
	PROCESS_NAMESPACE_USER,
	PROCESS_NAMESPACE_UTS,
	PROCESS_NAMESPACE_IPC,
	PROCESS_NAMESPACE_CGROUP,
	PROCESS_NAMESPACES,
};

enum process_flag {
	PROCESS_EXECUTED = 1 << 0,		/* its own image is known, not only inherited */
	PROCESS_EXECUTABLE_DELETED = 1 << 1,
	PROCESS_EXECUTABLE_MEMFD = 1 << 2,
	PROCESS_ARGUMENTS_CUT = 1 << 3,		/* by the kernel's limit or by the budget */
};

/* What a fork inherits and an exec may change. */
struct process_credentials {
	uint32_t user, real_user, group, real_group, login;
	uint32_t session_leader, group_leader;
	uint32_t tty;				/* device number, 0 without */
	uint32_t namespaces[PROCESS_NAMESPACES];
	uint64_t cgroup;			/* key into the cgroup table */
};

struct process {
	/* identity; read only for everybody but the table */
	uint32_t pid, parent_pid;
	uint64_t start, parent_start;
	uint64_t exec_time;			/* 0: never seen */
	uint64_t exit_time;			/* 0: lives */
	struct process_credentials credentials;
	struct shared_bytes *executable;	/* NULL: not known; so below */
	struct shared_bytes *working_directory;
	struct shared_bytes *arguments;		/* NUL-separated */
	uint64_t arguments_length;		/* in full, even when cut */
	uint32_t flags;				/* enum process_flag */
	char name[16];

	/* the table's own */
	uint8_t list;
	uint32_t child_count;
	struct process *parent, *children, *sibling, **sibling_link;
	struct process *same_bucket;
	struct process *previous, *next;
};

struct process_birth {
	uint32_t pid, parent_pid;
	uint64_t start, parent_start;
	/* NULL: as the parent's */
	const struct process_credentials *credentials;
	const char *name;			/* NULL: as the parent's */
};

struct process_image {
	uint32_t pid, parent_pid;
	uint64_t start, parent_start;
	uint64_t time;
	const struct process_credentials *credentials;
	const char *name;
	const char *executable, *working_directory, *arguments;		/* NULL: not known */
	size_t executable_length, working_directory_length, arguments_stored;
	uint64_t arguments_length;		/* in full; 0: as stored */
	uint32_t flags;
};

struct process_forgotten {
	uint64_t arguments;	/* argument blocks given up */
	uint64_t early;		/* dead ones, before their grace was over */
	uint64_t ancestors;	/* dead ancestors, their children moved up */
	uint64_t living;	/* of the living */
	uint64_t failed;	/* could not be kept at all: no memory */
};

struct process_table;

/* NULL without memory. A budget of 0 is the default. */
struct process_table *process_table_new(size_t budget);
void process_table_free(struct process_table *table);
/* The dead are asked for so much later than they would else be. */
void process_table_keep(struct process_table *table, uint64_t longer);

/*
 * These return the process, or NULL when it could not be kept. What they return, and what the
 * finders return, is good until the next call that changes the table.
 */
struct process *process_fork(struct process_table *table, const struct process_birth *birth);
/* Also makes a process known that no fork announced: one that ran before the table did. */
struct process *process_exec(struct process_table *table, const struct process_image *image);
/* Marks it dead; its facts stay for the grace. NULL when it was not known. */
struct process *process_exit(struct process_table *table, uint32_t pid, uint64_t start,
			     uint64_t time);
/* Lets what is dead beyond its grace go. Exits do this too; call it when nothing happens. */
void process_table_advance(struct process_table *table, uint64_t now);

struct process *process_find(struct process_table *table, uint32_t pid, uint64_t start);
/* The one with this pid that lives now, or NULL. */
struct process *process_find_pid(struct process_table *table, uint32_t pid);
/* Who made it, dead or alive; NULL when that is not known. */
struct process *process_parent(struct process_table *table, struct process *process);

/* Of arguments that were held with shared_hold(), beyond the next exec; before the table is freed. NULL is allowed. */
void process_table_drop(struct process_table *table, struct shared_bytes *arguments);
size_t process_table_count(const struct process_table *table);
size_t process_table_memory(const struct process_table *table);
struct process_forgotten process_table_forgotten(const struct process_table *table);

#endif
