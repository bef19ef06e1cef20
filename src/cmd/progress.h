/* One line on a terminal that tells how a recording goes. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>

#include "books/recorder.h"

struct progress {
	bool shown;		/* wanted, and standard error is a terminal */
	bool drawn;
	u64 cpu, duration;	/* at the line before */
};

void progress_begin(struct progress *progress, bool wanted);
void progress_show(struct progress *progress, struct recorder_now now, u64 duration);
/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
