/* The sample sensor: an iterator over all tasks and one over the connections, each run once for a pass. */
#include "kernel/sample.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"

#define PROGRAM "sample_tasks"
#define CONNECTIONS "sample_connections"
/* What the kernel gathers before it hands any out, and a little more. */
#define BUFFER_SIZE 49152

struct samples {
	struct bpf_link *link;
	struct bpf_link *connections;	/* NULL: cannot be had here */
	char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
};

static const struct rung rungs[] = {
	{ .name = "iterator", .programs = { PROGRAM }, .cost = COST_PASS,
	  .blind = "processes that begin and end between two passes" },
	{ 0 }
};

static const char *refusal(struct kernel *kernel)
{
	size_t count;
	const struct taken *taken = kernel_taken(kernel, &count);

	for (size_t i = 0; i < count; i++)
		if (taken[i].point->rungs == rungs)
			return taken[i].rung ? NULL : taken[i].tried ? taken[i].why[0] : "no way known";
	return "they were not asked for";
}

/* A walk over a map is attached to the map. */
static struct bpf_link *attach_connections(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, CONNECTIONS);
	union bpf_iter_link_info map = { .map.map_fd = bpf_object__find_map_fd_by_name(object, "connections") };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &map, .link_info_len = sizeof(map));

	return bpf_program__fd(program) < 0 ? NULL : bpf_program__attach_iter(program, &options);
}

struct samples *samples_open(struct kernel *kernel)
{
	struct samples *samples;
	const char *why = refusal(kernel);
	struct bpf_link *link = NULL;

	if (!why) {
		link = bpf_program__attach_iter(bpf_object__find_program_by_name(kernel_object(kernel), PROGRAM), NULL);
		why = link ? NULL : strerror(errno);
	}
	if (why) {
		message_warn("cannot take samples of the living, only what ends is known: %s (`sonde doctor` says more)", why);
		return NULL;
	}
	samples = xcalloc(1, sizeof(*samples));
	samples->link = link;
	samples->connections = attach_connections(kernel_object(kernel));
	return samples;
}

void samples_close(struct samples *samples)
{
	if (!samples)
		return;
	bpf_link__destroy(samples->link);
	bpf_link__destroy(samples->connections);
	free(samples);
}

typedef void deliver_one(void *deliver, void *context, const void *record);

/* What an iterator writes are records of one size; a read may end in the middle of one. */
static int take(struct samples *samples, struct bpf_link *link, size_t size, deliver_one *hand_over, void *deliver,
		void *context)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), error;
	size_t have = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	/* EAGAIN: the kernel looked at a million things without one to tell of, and took a breath */
	while ((got = read(fd, samples->buffer + have, sizeof(samples->buffer) - have)) > 0 ||
	       (got < 0 && (errno == EAGAIN || errno == EINTR))) {
		size_t at = 0;

		have += got > 0 ? got : 0;
		for (; have - at >= size; at += size)
			hand_over(deliver, context, samples->buffer + at);
		memmove(samples->buffer, samples->buffer + at, have - at);
		have -= at;
	}
	error = got < 0 ? -errno : 0;
	close(fd);
	return error;
}

static void hand_over_sample(void *deliver, void *context, const void *record)
{
	(*(samples_deliver **)deliver)(context, record);
}

static void hand_over_connection(void *deliver, void *context, const void *record)
{
	(*(samples_connection **)deliver)(context, record);
}

int samples_take(struct samples *samples, samples_deliver *deliver, void *context)
{
	return take(samples, samples->link, sizeof(struct sample_record), hand_over_sample, &deliver, context);
}

int samples_take_connections(struct samples *samples, samples_connection *deliver, void *context)
{
	if (!samples->connections)
		return 0;
	return take(samples, samples->connections, sizeof(struct connection_record), hand_over_connection, &deliver, context);
}

static int attach_later(struct bpf_program *program, struct bpf_link **links, int room, const char **why)
{
	(void)program;
	(void)links;
	(void)room;
	(void)why;
	return 0;
}

static const struct rung connection_rungs[] = {
	{ .name = "iterator", .programs = { CONNECTIONS }, .cost = COST_PASS, .attach_many = attach_later,
	  .blind = "what is not TCP" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "process sample", .help = "how the living stand, every interval", .rungs = rungs, .kinds = SAMPLE_BIT },
	{ .name = "connection sample", .help = "what went over the connections that are open, every interval",
	  .rungs = connection_rungs, .kinds = SAMPLE_BIT },
	{ 0 }
};

static int prepare(struct bpf_object *object)
{
	bool wanted = bpf_program__autoload(bpf_object__find_program_by_name(object, PROGRAM));

	return bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "sampled"), wanted ? SAMPLE_PLACES : 1);
}

const struct sensor sample_sensor = { .name = "sample", .points = points, .prepare = prepare };
