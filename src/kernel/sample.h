/*
 * How the living stand: each pass tells of the processes in scope that changed since the pass before, once each. The program is
 * loaded only if SAMPLE_BIT is among the kinds that kernel_open is asked for, and costs nothing between passes.
 */
#ifndef KERNEL_SAMPLE_H
#define KERNEL_SAMPLE_H

#include "kernel/kernel.h"
#include "wire/net.h"
#include "wire/sample.h"

struct samples;

typedef void samples_deliver(void *context, const struct sample_record *sample);

/* NULL: not to be had on this kernel, and it was said why; all else works without. Close it before the kernel. */
struct samples *samples_open(struct kernel *kernel);
void samples_close(struct samples *samples);

/*
 * One pass. Works after kernel_detach too, for the state at the end. 0 or -errno. Counters can seem to step back by what one thread
 * had, when threads end faster than they can be added up: take a difference below zero as zero.
 */
int samples_take(struct samples *samples, samples_deliver *deliver, void *context);

typedef void samples_connection(void *context, const struct connection_record *connection);

/*
 * One pass over the TCP connections that are open, if ends of connections (KIND_close) are watched: those over which something went since the
 * pass before, with all that did since they began. 0 or -errno; nothing is delivered where the kernel cannot do it.
 */
int samples_take_connections(struct samples *samples, samples_connection *deliver, void *context);

#endif
