/* A pass over things of the kernel by an iterator whose program writes records of one size. */
#ifndef KERNEL_PASS_H
#define KERNEL_PASS_H

#include <bpf/libbpf.h>
#include <stddef.h>

typedef void pass_deliver(void *context, const void *record);

/* 0 or -errno. */
int pass_run(struct bpf_link *link, size_t size, pass_deliver *deliver, void *context);

/* For a pass over the connections, which lie in two maps; over the second only if there are any in it. */
struct pass_connections {
	struct bpf_link *places, *table;
	const struct bpf_map *there;
};

/* Without links if the program is not loaded. */
struct pass_connections pass_over_connections(struct bpf_object *object);
void pass_connections_close(struct pass_connections *connections);
/* 0 or -errno; each in a struct connection_record. */
int pass_connections_run(const struct pass_connections *connections, pass_deliver *deliver, void *context);

/* A rung's `attach_many`, for a program that is attached with what it walks over. */
int pass_attach_later(struct bpf_program *program, struct bpf_link **links, int room, const char **why);

#endif
