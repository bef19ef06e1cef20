/* The machine, in a few lines above the table. */
#ifndef TOP_HOST_LINES_H
#define TOP_HOST_LINES_H

#include "base/text.h"
#include "top/frame.h"

#define HOST_LINES 3

/* Line 0: processors; 1: memory; 2: disks and network. What this machine does not tell is left out. */
void host_line(struct text *out, unsigned int number, const struct frame *frame, const struct run_host *facts,
	       unsigned int width);

#endif
