/* A pass over things of the kernel by an iterator whose program writes records of one size. */
#ifndef KERNEL_PASS_H
#define KERNEL_PASS_H

#include <bpf/libbpf.h>
#include <stddef.h>

typedef void pass_deliver(void *context, const void *record);

/* 0 or -errno. */
int pass_run(struct bpf_link *link, size_t size, pass_deliver *deliver, void *context);

/* For a pass over the map of connections; NULL: its program is not loaded. */
struct bpf_link *pass_over_connections(struct bpf_object *object);

/* The pass itself, which costs nothing while there are none. */
int pass_run_over_connections(struct bpf_object *object, struct bpf_link *link, pass_deliver *deliver, void *context);

/* A rung's `attach_many`, for a program that is attached with what it walks over. */
int pass_attach_later(struct bpf_program *program, struct bpf_link **links, int room, const char **why);

#endif
