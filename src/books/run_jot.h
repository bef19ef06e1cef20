/* What the rows of a run say in JSON, wherever they stand: members of an object that the caller has opened. */
#ifndef BOOKS_RUN_JOT_H
#define BOOKS_RUN_JOT_H

#include "base/jot.h"
#include "books/critical.h"
#include "books/run.h"
#include "books/sum.h"

void run_jot_text(const struct run *run, struct jot *jot, const char *key, u32 text);	/* RUN_NONE: nothing */
void run_jot_time(const struct run *run, struct jot *jot, const char *key, u64 time);	/* ns since the run's start */
void run_jot_wall(const struct run *run, struct jot *jot, const char *key, u64 time);	/* RFC 3339 */

void run_jot_head(const struct run *run, struct jot *jot);
void run_jot_host(const struct run *run, struct jot *jot);
void run_jot_sum(const struct run *run, struct jot *jot, const struct sum_row *row);	/* NULL: nothing ran in it */
void run_jot_task(const struct run *run, struct jot *jot, const struct run_task *task);
void run_jot_container(const struct run *run, struct jot *jot, const struct run_container *container);
void run_jot_spent(struct jot *jot, const struct critical_link *link);	/* on what its time went */
void run_jot_link(const struct run *run, struct jot *jot, const struct critical_link *link);
/* All but whose they are. */
void run_jot_file(const struct run *run, struct jot *jot, const struct run_file *file);
void run_jot_peer(const struct run *run, struct jot *jot, const struct run_peer *peer);
void run_jot_drop(const struct run *run, struct jot *jot, const struct run_drop *drop);

#endif
