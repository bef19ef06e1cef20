/* What `sonde hist` measures in the kernel: said before loading, read while it runs. */
#ifndef KERNEL_HIST_H
#define KERNEL_HIST_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "wire/hist.h"

/* Before kernel_open. `syscall` (MEASURE_SYSCALL) must outlive it. */
void hist_configure(enum histogram_by by, const char *syscall);

struct hist_maps;

struct hist_maps *hist_maps_open(struct bpf_object *object);
void hist_maps_close(struct hist_maps *maps);

/* Execs of this process are measured from then on: it was held before. `start` is what the kernel says of it. */
void hist_maps_let_go(struct hist_maps *maps, u32 tgid, u64 start, u64 time);

/* Called with the sum of all CPUs; `key` is NULL for what has no key. key->epoch is 0. */
typedef void hist_deliver(void *context, const struct histogram_key *key, const struct histogram *histogram);

/*
 * Lets the programs write elsewhere, or nowhere any more if this is the end; when it returns, none writes to what they
 * wrote before. 0 or -errno.
 */
int hist_maps_turn(struct hist_maps *maps, bool end);
/* Delivers all that was written before the turn, and empties it. 0 or -errno. */
int hist_maps_take(struct hist_maps *maps, hist_deliver *deliver, void *context);
/* What was not counted, or not under its key, since the start. */
int hist_maps_books(struct hist_maps *maps, struct histogram_books *sum);

#endif
