/*
 * The events of a recorded run, made again of its rows, in the order of time: what a policy would have seen. A run keeps the
 * last program of each process, sums of its connections and, if asked to, files by tool; so a program that was replaced by
 * another is not there, connections to one peer are told together, and a file is opened by the first process of its tool.
 */
#ifndef BOOKS_REPLAY_H
#define BOOKS_REPLAY_H

#include "books/run.h"

/* KIND_BIT()s of the events that can be made of it. */
u32 replay_kinds(const struct run *run);
/* Does the run keep this member of all events of these kinds (KIND_BIT()s)? By the field's name. */
bool replay_keeps(const struct run *run, const char *field, u32 kinds);

/*
 * `count`: of so many alike this is the first, and `last` the time of the last. 0: of a process from before the recording, when this
 * happened; it only says who that is.
 */
typedef int replay_deliver(void *context, const void *record, size_t size, u64 count, u64 last);
/* Ends with what `deliver` returns if that is not 0. */
int replay(const struct run *run, replay_deliver *deliver, void *context);

#endif
