/*
 * The living, as events, samples and connections tell of them, and what has ended since the last frame. Memory is by the number of the
 * living and of the sorts of those that ended, not by how many there were.
 */
#ifndef TOP_LIVE_H
#define TOP_LIVE_H

#include "rules/rules.h"
#include "event/event.h"
#include "lang/tree.h"
#include "proc/identity.h"
#include "top/frame.h"
#include "wire/net.h"

struct live;

/* None is owned. `condition` is of processes (lang_names_of_processes): only of those for which it is true is told; NULL: of all. */
struct live *live_new(struct identity *identity, struct rules *rules, const struct lang_node *condition);
void live_free(struct live *live);

/* After identity_complete. */
void live_event(struct live *live, const struct event *event);
void live_sample(struct live *live, const struct sample_record *sample);
/* A connection that is open, with what went over it so far. */
void live_connection(struct live *live, const struct connection_record *connection);

/* Ends the interval. The frame is the caller's. */
struct frame *live_turn(struct live *live, u64 now);

#endif
