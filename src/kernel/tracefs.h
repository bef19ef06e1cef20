/*
 * The kernel's static tracepoints by name. Their numbers stand in tracefs, which is found where it is mounted, or
 * mounted by us where nobody else sees it: no directory of the machine changes.
 */
#ifndef KERNEL_TRACEFS_H
#define KERNEL_TRACEFS_H

#include <bpf/libbpf.h>

/* The root of tracefs, opened once and kept; or -errno. */
int tracefs_open(void);
/* The number of an event ("syscalls", "sys_enter_openat"), -ENOENT if the kernel has none, or -errno. */
int tracefs_id(const char *group, const char *event);
/* Calls visit with the name of every event of a group. Returns 0 or -errno. */
int tracefs_each(const char *group, void (*visit)(const char *event, void *argument), void *argument);
/* Runs the program at an event, on all CPUs. NULL with errno set; *why (may be NULL) is then static text. */
struct bpf_link *tracefs_attach(struct bpf_program *program, const char *group, const char *event, const char **why);

#endif
