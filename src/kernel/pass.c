/* What an iterator writes is read like a file. A read may end in the middle of a record. */
#include "kernel/pass.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
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
static struct bpf_link *attach_to(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "sample_connections");
	union bpf_iter_link_info map = { .map.map_fd = bpf_object__find_map_fd_by_name(object, name) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &map, .link_info_len = sizeof(map));

	return bpf_program__fd(program) < 0 ? NULL : bpf_program__attach_iter(program, &options);
}

struct pass_connections pass_over_connections(struct bpf_object *object)
{
	return (struct pass_connections){
		.places = attach_to(object, "connection_places"),
		.table = attach_to(object, "connections"),
		.there = bpf_object__find_map_by_name(object, "connections_there"),
	};
}

void pass_connections_close(struct pass_connections *connections)
{
	bpf_link__destroy(connections->places);
	bpf_link__destroy(connections->table);
}

/* Is there anything in the table? From now on it is for the walk to say. */
static bool take_there(const struct bpf_map *there)
{
	u32 first = 0, value = 1, none = 0;

	if (!bpf_map__lookup_elem(there, &first, sizeof(first), &value, sizeof(value), 0) && !value)
		return false;
	bpf_map__update_elem(there, &first, sizeof(first), &none, sizeof(none), 0);
	return true;
}

int pass_connections_run(const struct pass_connections *connections, pass_deliver *deliver, void *context)
{
	size_t size = sizeof(struct connection_record);
	int error = connections->places ? pass_run(connections->places, size, deliver, context) : 0;

	if (error || !connections->table || !take_there(connections->there))
		return error;
	return pass_run(connections->table, size, deliver, context);
}

int pass_attach_later(struct bpf_program *program, struct bpf_link **links, int room, const char **why)
{
	(void)program;
	(void)links;
	(void)room;
	(void)why;
	return 0;
}
