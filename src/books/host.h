/*
 * The machine around a run: what it has, and how it stands at an instant. All from /proc and /sys, whose files are opened once and read
 * again from their beginning.
 */
#ifndef BOOKS_HOST_H
#define BOOKS_HOST_H

#include "books/run.h"

struct host;

/* `root` goes before /proc and /sys; "" for this machine. Files that are not there leave their values unknown. */
struct host *host_open(const char *root);
void host_close(struct host *host);

void host_take(struct host *host, struct run_host_sample *sample);

/* run->host: what this machine is, and what those who are started here may use of it. */
void host_describe(const char *root, struct run *run);

/* What a process may use, where that is less than all of this machine; 0: all, or the process is gone. */
void host_given(const char *root, u32 pid, u64 *cpus, u64 *memory);

enum host_source {
	HOST_STAT,
	HOST_MEMORY,
	HOST_DISKS,
	HOST_NETWORK,
	HOST_LOAD,
	HOST_PRESSURE_CPU,
	HOST_PRESSURE_MEMORY,
	HOST_PRESSURE_IO,
	HOST_SOURCES,
};

/* What host_take does with the bytes of one file; any bytes. */
void host_parse(struct host *host, enum host_source source, const char *text, size_t length,
		struct run_host_sample *sample);

#endif
