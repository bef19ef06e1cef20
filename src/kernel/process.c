/* The process sensor: fork and exec on raw tracepoints, and what an exec adds to them. Exits: exit.c. */
#include <errno.h>

#include "kernel/sensor.h"

static const struct rung fork_rungs[] = {
	{ .name = "btf", .programs = { "fork_btf" } },
	{ .name = "raw", .programs = { "fork_raw" } },
	{ 0 }
};

static const struct rung exec_rungs[] = {
	{ .name = "btf", .programs = { "exec_btf" } },
	{ .name = "raw", .programs = { "exec_raw" } },
	{ 0 }
};

static const struct rung credentials_rungs[] = {
	{ .name = "prepare", .programs = { "prepare_exec_btf" } },
	{ .name = "rename", .programs = { "rename_btf" } },
	{ .name = "rename-raw", .programs = { "rename_raw" } },
	{ 0 }
};

static const struct point process_points[] = {
	{ .name = "process fork", .help = "a process is created", .core = true, .rungs = fork_rungs,
	  .kinds = KIND_BIT(fork) },
	{ .name = "process exec", .help = "a program is started", .core = true, .rungs = exec_rungs,
	  .kinds = KIND_BIT(exec) },
	{ .name = "exec credentials", .help = "capabilities a program gains as it starts",
	  .rungs = credentials_rungs, .kinds = KIND_BIT(exec) },
	{ 0 }
};

/* One buffer per CPU for execs in the making. */
static int process_prepare(struct bpf_object *object)
{
	struct bpf_map *scratch = bpf_object__find_map_by_name(object, "exec_scratches");
	int cpus = libbpf_num_possible_cpus();

	if (!scratch || cpus < 1)
		return -ENOENT;
	return bpf_map__set_max_entries(scratch, cpus);
}

static const char *const process_existing[] = { "existing_tasks", NULL };

const struct sensor process_sensor = {
	.name = "process",
	.points = process_points,
	.existing = process_existing,
	.prepare = process_prepare,
};
