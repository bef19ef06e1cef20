/* The sensor of processes killed for want of memory: who on one tracepoint, by whose limit best from a function. */
#include "kernel/sensor.h"

static const struct rung oom_rungs[] = {
	{ .name = "fentry", .programs = { "oom_raw", "oom_search_fentry" } },
	{ .name = "kprobe", .programs = { "oom_raw", "oom_search_kprobe" } },
	{ .name = "raw", .programs = { "oom_raw" },
	  .blind = "whose limit it was, on kernels since 6.12 that are built without version 1 memory control groups" },
	{ 0 }
};

static const struct point oom_points[] = {
	{ .name = "out of memory", .help = "a process is killed for want of memory", .rungs = oom_rungs,
	  .kinds = KIND_BIT(oom) },
	{ 0 }
};

const struct sensor oom_sensor = { .name = "oom", .points = oom_points };
