/* One program at the return of many system calls, by their functions __x64_sys_*. */
#ifndef KERNEL_CALLS_H
#define KERNEL_CALLS_H

#include "kernel/sensor.h"

struct call {
	const char *name;	/* NULL ends a list */
	unsigned int number;	/* on x86-64 */
};

/* By a kretprobe each: how many links it made, or -errno with none left; */
int calls_attach_returns(struct bpf_program *program, const struct call *calls, struct bpf_link **links, int room,
			 const char **why);
/* or by one fprobe for all: NULL with errno set. */
struct bpf_link *calls_attach_together(struct bpf_program *program, const struct call *calls);

#endif
