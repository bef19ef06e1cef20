/*
 * The store: one SQLite file in WAL mode (docs/store.md). A recording writes through a writer, whose thread is off the
 * hot path: rows are gathered and written in one transaction a second. Indices are the recorder's own, counted from 0
 * within the run, and the same that run.h uses.
 */
#ifndef BOOKS_STORE_H
#define BOOKS_STORE_H

#include "base/text.h"
#include "books/run.h"

struct store;

/*
 * path NULL: $SONDE_STORE, else /var/lib/sonde/store.db as root, else below $XDG_STATE_HOME (~/.local/state/sonde).
 * Made if `write` and missing, the default's directories too. NULL: it was said why (locked, read-only, corrupt, from a newer sonde,
 * ...) and what to do.
 */
struct store *store_open(const char *path, bool write);
void store_close(struct store *store);
const char *store_path(const struct store *store);

/* --- writing --- */

struct store_writer;

/* Adds the run and starts the thread. run->id is set. NULL: said why. */
struct store_writer *store_begin(struct store *store, struct run *run);
/* What is recorded begins only now; before the first row. run->start is set. */
void store_started(struct store_writer *writer, struct run *run, u64 start);
/*
 * A row, new or replacing that of the same index; texts it refers to went before. A process is told when it is first
 * seen alive at a flush and again when it ended. `arguments` NULL: as told before.
 */
void store_text(struct store_writer *writer, u32 index, const void *bytes, size_t length);
void store_process(struct store_writer *writer, u32 index, const struct run_process *process, const void *arguments,
		   size_t length);
void store_tool(struct store_writer *writer, u32 index, const struct run_tool *tool);
void store_task(struct store_writer *writer, u32 index, const struct run_task *task);
void store_container(struct store_writer *writer, u32 index, const struct run_container *container);
void store_sample(struct store_writer *writer, const struct run_sample *sample);
void store_host_sample(struct store_writer *writer, const struct run_host_sample *sample);
void store_fact(struct store_writer *writer, const struct run_fact *fact);
void store_peer(struct store_writer *writer, u32 index, const struct run_peer *peer);
void store_drop(struct store_writer *writer, u32 index, const struct run_drop *drop);
void store_file(struct store_writer *writer, u32 index, const struct run_file *file);
/* Hands over what was gathered since the last time; never waits for the disk. */
void store_flush(struct store_writer *writer);
/* What could not be written so far (disk full, memory used up), in rows; why: static text, NULL if nothing. */
u64 store_given_up(struct store_writer *writer, const char **why);
/*
 * Writes the run's own row again, with its end, waits for all of it, ends the thread. What is not stored by then is given up and a fact
 * of the run. 0: all of it is stored; or -errno, said.
 */
int store_end(struct store_writer *writer, const struct run *run);

/* --- reading --- */

/*
 * The id of what a person says: an id ("17"), a name (its latest run), "last" or NULL, "last~1" (the one before). An id
 * goes before a name of the same digits. 0: said why there is none, with the nearest name.
 */
u64 store_find(struct store *store, const char *which);
bool store_has_name(struct store *store, const char *name);

#define STORE_WITH_ARGUMENTS 1	/* also the arguments of each process */
#define STORE_WITH_SAMPLES 2	/* of processes and of the host */
#define STORE_WITH_FILES 4

/*
 * NULL: said why. The file is not trusted: whatever stands in it, indices are in range, parents stand first, ends are
 * not before starts.
 */
struct run *store_load(struct store *store, const char *which, unsigned int with);

struct store_entry {
	u64 id;
	struct run_bytes name, scope;
	struct run_bytes command;	/* as one would type it */
	struct run_bytes arguments;	/* of the command, NUL-separated */
	enum run_kind kind;
	enum run_state state;
	s32 exit_status;
	s64 started_wall;
	u64 duration;
	u64 processes, bytes;	/* bytes: about what it takes in the store */
	u64 cpu;
	u32 user;
};

/* Newest first; until it returns false. 0 or -errno, said. */
int store_list(struct store *store, bool (*told)(void *context, const struct store_entry *entry), void *context);

/* --- letting go --- */

/* Its room is given back when the store is closed. 0 or -errno, said; -EBUSY: it is being recorded. */
int store_remove(struct store *store, u64 id);

struct store_limits {
	u64 age;		/* since its end, ns; 0: no limit */
	u64 bytes;		/* of all runs; 0: no limit */
};

/* What a recording keeps to unless told otherwise, for the rows of its options. */
#define STORE_MAX_AGE "90d"
#define STORE_MAX_BYTES "2GiB"

/*
 * Lets go of the oldest runs, never of one being recorded and for its size never of the newest; how many, or -errno,
 * said.
 */
int store_retain(struct store *store, const struct store_limits *limits);

#endif
