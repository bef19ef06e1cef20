#include "hist/measure.h"

#include <stdio.h>
#include <string.h>

#define BY(key) (1U << HISTOGRAM_BY_##key)
#define BY_OWNER (BY(PROCESS) | BY(CONTAINER) | BY(USER))
#define BY_TASK (BY_OWNER | BY(COMM))

const struct measure measures[] = {
	{ "runq", "time a thread waited for a CPU", MEASURE_RUNQ, BY_TASK | BY(CPU) },
	{ "block", "time a disk took for a request", MEASURE_BLOCK,
	  BY(DEVICE) | BY(OPERATION) | BY(PROCESS) | BY(COMM) },
	{ "connect", "time until a TCP connection stood", MEASURE_CONNECT, BY_TASK | BY(PEER) },
	{ "exec", "time until a process ran its program", MEASURE_EXEC, BY_TASK },
	{ "syscall", "time a system call took", MEASURE_SYSCALL, BY_TASK | BY(CPU) },
	{ "rtt", "round trip time of a TCP connection as a segment arrives", MEASURE_RTT, BY_OWNER | BY(PEER) },
	{ "retransmit", "time without an acknowledgement when a TCP segment is sent again", MEASURE_RETRANSMIT,
	  BY_OWNER | BY(PEER) },
	{ 0 }
};

const char *const measure_names[] = { "runq", "block", "connect", "exec", "syscall", "rtt", "retransmit", NULL };

const char *const histogram_by_names[] = { "process", "comm",	   "container", "user", "cpu",
					   "device",  "operation", "peer",	NULL };

_Static_assert(sizeof(histogram_by_names) / sizeof(histogram_by_names[0]) == HISTOGRAM_BY_MAX,
	       "every key has a name");

const struct measure *measure_find(const char *name)
{
	for (const struct measure *measure = measures; measure->name; measure++)
		if (!strcmp(measure->name, name))
			return measure;
	return NULL;
}

const char *histogram_by_name(enum histogram_by by)
{
	return by == HISTOGRAM_BY_NOTHING ? NULL : histogram_by_names[by - 1];
}

enum histogram_by histogram_by_find(const char *name)
{
	for (int i = 0; histogram_by_names[i]; i++)
		if (!strcmp(histogram_by_names[i], name))
			return i + 1;
	return HISTOGRAM_BY_NOTHING;
}

bool measure_has_key(const struct measure *measure, enum histogram_by by)
{
	return measure->keys >> by & 1;
}

void measure_keys(const struct measure *measure, char *list, unsigned long size)
{
	unsigned long at = 0;

	list[0] = '\0';
	for (int by = 1; by < HISTOGRAM_BY_MAX && at < size; by++)
		if (measure_has_key(measure, by))
			at += snprintf(list + at, size - at, "%s%s", at ? ", " : "", histogram_by_name(by));
}
