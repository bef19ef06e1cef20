/*
 * Reads the two lanes as one stream in the order of time. libbpf's own reader maps every page twice and knows one ring
 * at a time; this one maps each once, copies only the record that wraps, and never lets a file event overtake the exec
 * of its process.
 */
#ifndef KERNEL_LANES_H
#define KERNEL_LANES_H

#include <signal.h>
#include <stddef.h>

#include "wire/record.h"

struct lanes;

/* Called for every record; `bytes` lie in the lane until it returns. Non-zero ends the drain. */
typedef int lanes_deliver(void *context, const void *bytes, size_t size);

/* A file descriptor below 0 is a lane not in use; `mark` as in settings.wake_bytes. NULL with errno. */
struct lanes *lanes_open(int life_fd, size_t life_size, int bulk_fd, size_t bulk_size, size_t mark);
void lanes_close(struct lanes *lanes);

/* Waits until a lane wakes its reader, `milliseconds` have passed, or a signal came; meanwhile only `blocked` are blocked. */
int lanes_wait(struct lanes *lanes, int milliseconds, const sigset_t *blocked);

/*
 * Delivers what is there, at most about `budget` records. Returns how many, or what deliver returned if that was
 * negative.
 */
long lanes_drain(struct lanes *lanes, lanes_deliver *deliver, void *context, long budget);

#endif
