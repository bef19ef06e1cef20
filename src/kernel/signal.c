/* The sensor of signals. */
#include "kernel/sensor.h"

static const struct rung signal_rungs[] = {
	{ .name = "btf", .programs = { "signal_btf" } },
	{ .name = "raw", .programs = { "signal_raw" } },
	{ 0 }
};

static const struct point signal_points[] = {
	{ .name = "signal", .help = "a signal is sent", .rungs = signal_rungs, .kinds = KIND_BIT(signal) },
	{ 0 }
};

const struct sensor signal_sensor = { .name = "signal", .points = signal_points };
