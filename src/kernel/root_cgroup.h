/* Attaching where control-group programs see the whole machine: the root of v2. */
#ifndef KERNEL_ROOT_CGROUP_H
#define KERNEL_ROOT_CGROUP_H

#include <bpf/libbpf.h>

/* A rung's `attach`; its other programs are attached by their section's name. */
struct bpf_link *root_cgroup_attach(struct bpf_program *program, const char **why);

#endif
