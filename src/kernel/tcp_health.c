/* The sensor of what TCP connections suffer. */
#include "kernel/sensor.h"

static const struct rung retransmit_rungs[] = {
	{ .name = "raw", .programs = { "tcp_retransmit" }, .optional = { "tcp_retransmit_answer" } },
	{ 0 }
};

static const struct rung reset_rungs[] = {
	{ .name = "raw", .programs = { "tcp_reset_sent", "tcp_reset_received" },
	  .blind = "before 6.10: why, and resets sent where there is no socket" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "tcp retransmit", .help = "a TCP segment is sent again", .rungs = retransmit_rungs,
	  .kinds = KIND_BIT(retransmit) },
	{ .name = "tcp reset", .help = "a TCP reset is sent or received", .rungs = reset_rungs, .kinds = KIND_BIT(reset) },
	{ 0 }
};

const struct sensor tcp_health_sensor = { .name = "tcp health", .points = points };
