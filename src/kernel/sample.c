/* The sample sensor: an iterator over all tasks, run once for each pass. */
#include "kernel/sample.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"

#define PROGRAM "sample_tasks"
/* What the kernel gathers before it hands any out, and a little more. */
#define BUFFER_SIZE 49152

struct samples {
	struct bpf_link *link;
	char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
};

static const char *refusal(struct kernel *kernel)
{
	size_t count;
	const struct taken *taken = kernel_taken(kernel, &count);

	for (size_t i = 0; i < count; i++)
		if (taken[i].point->kinds & SAMPLE_BIT)
			return taken[i].rung ? NULL : taken[i].tried ? taken[i].why[0] : "no way known";
	return "they were not asked for";
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
	return samples;
}

void samples_close(struct samples *samples)
{
	if (!samples)
		return;
	bpf_link__destroy(samples->link);
	free(samples);
}

int samples_take(struct samples *samples, samples_deliver *deliver, void *context)
{
	int fd = bpf_iter_create(bpf_link__fd(samples->link)), error;
	size_t have = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	/* EAGAIN: the kernel looked at a million tasks without one to tell of, and took a breath */
	while ((got = read(fd, samples->buffer + have, sizeof(samples->buffer) - have)) > 0 ||
	       (got < 0 && (errno == EAGAIN || errno == EINTR))) {
		size_t at = 0;

		have += got > 0 ? got : 0;
		for (; have - at >= sizeof(struct sample_record); at += sizeof(struct sample_record))
			deliver(context, (const void *)(samples->buffer + at));
		memmove(samples->buffer, samples->buffer + at, have - at);
		have -= at;
	}
	error = got < 0 ? -errno : 0;
	close(fd);
	return error;
}

static const struct rung rungs[] = {
	{ .name = "iterator", .programs = { PROGRAM }, .cost = COST_PASS,
	  .blind = "processes that begin and end between two passes" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "process sample", .help = "how the living stand, every interval", .rungs = rungs, .kinds = SAMPLE_BIT },
	{ 0 }
};

static int prepare(struct bpf_object *object)
{
	bool wanted = bpf_program__autoload(bpf_object__find_program_by_name(object, PROGRAM));

	return bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "sampled"), wanted ? SAMPLE_PLACES : 1);
}

const struct sensor sample_sensor = { .name = "sample", .points = points, .prepare = prepare };
