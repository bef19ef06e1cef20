/* The sample sensor: an iterator over all tasks and one over the connections, each run once for a pass. */
#include "kernel/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/message.h"
#include "kernel/pass.h"

#define PROGRAM "sample_tasks"

struct samples {
	struct bpf_link *link;
	struct pass_connections connections;	/* none: cannot be had here */
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
	samples->connections = pass_over_connections(kernel_object(kernel));
	return samples;
}

void samples_close(struct samples *samples)
{
	if (!samples)
		return;
	bpf_link__destroy(samples->link);
	pass_connections_close(&samples->connections);
	free(samples);
}

struct handing {
	samples_deliver *sample;
	samples_connection *connection;
	void *context;
};

static void hand_over_sample(void *context, const void *record)
{
	const struct handing *handing = context;

	handing->sample(handing->context, record);
}

static void hand_over_connection(void *context, const void *record)
{
	const struct handing *handing = context;

	handing->connection(handing->context, record);
}

int samples_take(struct samples *samples, samples_deliver *deliver, void *context)
{
	struct handing handing = { .sample = deliver, .context = context };

	return pass_run(samples->link, sizeof(struct sample_record), hand_over_sample, &handing);
}

int samples_take_connections(struct samples *samples, samples_connection *deliver, void *context)
{
	struct handing handing = { .connection = deliver, .context = context };

	return pass_connections_run(&samples->connections, hand_over_connection, &handing);
}

static const struct rung connection_rungs[] = {
	{ .name = "iterator", .programs = { "sample_connections" }, .cost = COST_PASS, .attach_many = pass_attach_later,
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
