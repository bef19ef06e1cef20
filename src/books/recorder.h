/*
 * Turns the stream of events into a run: who ran, what it cost, to which tool and task it belongs. It keeps only the living and what is
 * shared; all else goes to the store.
 */
#ifndef BOOKS_RECORDER_H
#define BOOKS_RECORDER_H

#include "books/rules.h"
#include "books/store.h"
#include "event/event.h"
#include "wire/sample.h"

struct recorder;

/* `run` is the header, filled in by the caller; it stays the caller's. */
struct recorder *recorder_new(struct run *run, struct store_writer *writer, struct rules *rules);
void recorder_free(struct recorder *recorder);

/* After identity_complete. */
void recorder_event(struct recorder *recorder, const struct event *event);
/* A task as the iterator found it. */
void recorder_sample(struct recorder *recorder, const struct sample_record *sample);
void recorder_host(struct recorder *recorder, const struct run_host_sample *sample);
/* All that began since the last flush is told to the store, which is flushed. */
void recorder_flush(struct recorder *recorder, u64 now);
/* At the end: whoever lives is told as such; run's own totals are set. */
void recorder_close(struct recorder *recorder, u64 now);

/* For a line of progress. */
struct recorder_now {
	u64 processes, living, failed;
	u64 cpu;		/* ns, all that ended plus what was sampled of the living */
	u64 memory;		/* resident now */
	u64 disk_read, disk_write;
};
struct recorder_now recorder_now(const struct recorder *recorder);

#endif
