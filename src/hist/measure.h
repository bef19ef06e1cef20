/* What `sonde hist` can measure, and by which keys. */
#ifndef HIST_MEASURE_H
#define HIST_MEASURE_H

#include <stdbool.h>

#include "wire/hist.h"

struct measure {
	const char *name;	/* "runq"; NULL ends */
	const char *what;	/* "time a thread waited for a CPU" */
	enum measure_kind kind;
	u32 keys;		/* 1 << HISTOGRAM_BY_* */
};

extern const struct measure measures[];
extern const char *const measure_names[];	/* NULL-terminated */
extern const char *const histogram_by_names[];	/* of all keys from the first on, NULL-terminated */

const struct measure *measure_find(const char *name);
const char *histogram_by_name(enum histogram_by by);
/* The key of that name, HISTOGRAM_BY_NOTHING if there is none. */
enum histogram_by histogram_by_find(const char *name);
bool measure_has_key(const struct measure *measure, enum histogram_by by);
/* "process, comm, container" into `list`, cut if it is too small. */
void measure_keys(const struct measure *measure, char *list, unsigned long size);

#endif
