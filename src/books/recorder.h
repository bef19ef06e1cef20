/*
 * Turns the stream of events into a run: who ran, what it cost, to which tool and task it belongs. It keeps only the living and what is
 * shared; all else goes to the store. Nothing here reads or writes a file but the look at a container's name.
 */
#ifndef BOOKS_RECORDER_H
#define BOOKS_RECORDER_H

#include <signal.h>

#include "rules/rules.h"
#include "books/store.h"
#include "event/event.h"
#include "wire/net.h"
#include "wire/sample.h"

struct recorder;

/*
 * `run` is the header, filled in by the caller, whose it stays; for RUN_COMMAND `root` is the command's pid, waiting to begin.
 * What ran before run->start is told of by the first samples.
 */
struct recorder *recorder_new(struct run *run, struct store_writer *writer, struct rules *rules, struct identity *identity,
			      u32 root);
void recorder_free(struct recorder *recorder);

/*
 * That a child ended, that a window changed and the like are told to everybody all the time and change nothing: they are no facts of a run, a
 * bit for each.
 */
#define RECORDER_IDLE_SIGNALS (1ULL << SIGCHLD | 1ULL << SIGURG | 1ULL << SIGWINCH | 1ULL << SIGCONT)

/* After identity_complete. */
void recorder_event(struct recorder *recorder, const struct event *event);
/* A connection that is open, with what went through it so far. The first look is taken before the recording begins. */
void recorder_standing(struct recorder *recorder, const struct connection_record *connection, bool before);
/* A process as the iterator found it. */
void recorder_sample(struct recorder *recorder, const struct sample_record *sample);
/* The command while it waits to begin: what it has cost so far is not the run's. */
void recorder_held(struct recorder *recorder, const struct sample_record *sample);
void recorder_host(struct recorder *recorder, const struct run_host_sample *sample);
/* The time of day was set: it moved by `step` ns. */
void recorder_clock(struct recorder *recorder, u64 now, s64 step);
/* The command could not be started: `error` is its errno. Told unless the kernel did. */
void recorder_refused(struct recorder *recorder, const char *path, s32 error);
/* A policy matched: "its name (what it says to do): what about". */
void recorder_matched(struct recorder *recorder, const struct event *event, const char *what, size_t length);
/* All that began since the last flush is told to the store, which is flushed. */
void recorder_flush(struct recorder *recorder, u64 now);
/* The run ends now: what begins later is not part of it. A command's run ends by itself, when the command does. */
void recorder_stop(struct recorder *recorder, u64 now);
/* At the end: whoever lives is told as such; run->end is set. */
void recorder_close(struct recorder *recorder, u64 now);

/* Is there anything that can only be asked of who still lives, as the name of a container or the log of a job? Then events are urgent. */
bool recorder_hurries(const struct recorder *recorder);
/* Looks again for what a runtime had not written of its container yet, as whose processes' rows are mended. When to come again. */
u64 recorder_look(struct recorder *recorder, u64 now);

struct recorder_now {
	u64 processes, living, failed;
	u64 lost;		/* events the kernel had no room for */
	u64 remaining;		/* living that belong to a command which ended */
	u64 memory;		/* resident now, as last sampled */
	struct costs costs;	/* of all that ended, and of the living as last sampled; memory: the largest */
};
struct recorder_now recorder_now(const struct recorder *recorder);

#endif
