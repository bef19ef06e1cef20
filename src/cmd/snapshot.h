/* What was there before: processes, connections and listeners, made known to identity. */
#ifndef CMD_SNAPSHOT_H
#define CMD_SNAPSHOT_H

#include "kernel/kernel.h"
#include "proc/identity.h"

int snapshot_take(struct kernel *kernel, struct identity *identity);

#endif
