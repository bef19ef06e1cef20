/* Histograms as text for people and as JSON, one object a key. */
#ifndef HIST_PRINT_H
#define HIST_PRINT_H

#include "base/text.h"
#include "base/wall.h"
#include "hist/measure.h"
#include "hist/set.h"
#include "proc/identity.h"

struct hist_print {
	const struct measure *measure;
	const char *syscall;		/* NULL: the measure has no name of its own */
	enum histogram_by by;
	size_t top;			/* keys shown as text, 0: all */
	struct identity *identity;
	struct wall wall;
};

/* A stretch of time, CLOCK_BOOTTIME ns. */
struct hist_span {
	u64 start, from, to;		/* when watching began; what is shown */
};

void hist_print_text(const struct hist_print *print, struct text *out, const struct hist_set *set,
		     const struct hist_span *span);
/* Returns how many lines there were. */
u64 hist_print_json(struct hist_print *print, struct text *out, const struct hist_set *set,
		    const struct hist_span *span);

#endif
