/* What an iterator writes is read like a file. A read may end in the middle of a record. */
#include "kernel/pass.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wire/net.h"

/* What the kernel gathers before it hands any out, and a little more. */
#define BUFFER_SIZE 49152

int pass_run(struct bpf_link *link, size_t size, pass_deliver *deliver, void *context)
{
	static char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
	int fd = bpf_iter_create(bpf_link__fd(link)), error;
	size_t have = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	/* EAGAIN: the kernel looked at a million things without one to tell of, and took a breath */
	while ((got = read(fd, buffer + have, sizeof(buffer) - have)) > 0 ||
	       (got < 0 && (errno == EAGAIN || errno == EINTR))) {
		size_t at = 0;

		have += got > 0 ? got : 0;
		for (; have - at >= size; at += size)
			deliver(context, buffer + at);
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	error = got < 0 ? -errno : 0;
	close(fd);
	return error;
}

/* A walk over a map is attached to the map. */
struct bpf_link *pass_over_connections(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "sample_connections");
	union bpf_iter_link_info map = { .map.map_fd = bpf_object__find_map_fd_by_name(object, "connections") };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &map, .link_info_len = sizeof(map));

	return bpf_program__fd(program) < 0 ? NULL : bpf_program__attach_iter(program, &options);
}

int pass_run_over_connections(struct bpf_object *object, struct bpf_link *link, pass_deliver *deliver, void *context)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, "connections_there");
	u32 first = 0, there = 1, none = 0;

	if (!bpf_map__lookup_elem(map, &first, sizeof(first), &there, sizeof(there), 0) && !there)
		return 0;
	bpf_map__update_elem(map, &first, sizeof(first), &none, sizeof(none), 0);
	return pass_run(link, sizeof(struct connection_record), deliver, context);
}

int pass_attach_later(struct bpf_program *program, struct bpf_link **links, int room, const char **why)
{
	(void)program;
	(void)links;
	(void)room;
	(void)why;
	return 0;
}
