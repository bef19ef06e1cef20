/* The process sensor: fork, exec, exit on raw tracepoints, and what an exec adds to them. */
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

/* Processes with much memory that end at one time; the kernel gives back that of one on each CPU. */
#define ENDINGS_MAX 1024

#define BEFORE_MEMORY "since 6.16: the time that giving back a process's memory takes"

/* The tracepoint moved as it got its second argument. Who tells what was put aside is attached before who puts aside. */
static const struct rung exit_rungs[] = {
	{ .name = "notice", .programs = { "exit_free_btf", "exit_notice_btf", "exit_early_btf" },
	  .arguments = 2, .lacks = "this kernel tells of an exit when its memory is given back, so nothing else is needed",
	  .blind = "the time that giving back a process's memory takes, if its parent ignores SIGCHLD or it is traced" },
	{ .name = "btf", .programs = { "exit_btf" }, .blind = BEFORE_MEMORY },
	{ .name = "raw", .programs = { "exit_raw" }, .blind = BEFORE_MEMORY },
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
	{ .name = "process exit", .help = "a process ends, with its ledger", .core = true, .rungs = exit_rungs,
	  .kinds = KIND_BIT(exit) },
	{ .name = "exec credentials", .help = "capabilities a program gains as it starts",
	  .rungs = credentials_rungs, .kinds = KIND_BIT(exec) },
	{ 0 }
};

/* One buffer per CPU for execs in the making, and room for exits that are put aside where that is done. */
static int process_prepare(struct bpf_object *object)
{
	struct bpf_map *scratch = bpf_object__find_map_by_name(object, "exec_scratches");
	struct bpf_map *endings = bpf_object__find_map_by_name(object, "endings");
	int cpus = libbpf_num_possible_cpus(), error;

	if (!scratch || !endings || cpus < 1)
		return -ENOENT;
	error = bpf_map__set_max_entries(scratch, cpus);
	if (error || !bpf_program__autoload(bpf_object__find_program_by_name(object, "exit_early_btf")))
		return error;
	return bpf_map__set_max_entries(endings, ENDINGS_MAX);
}

static const char *const process_existing[] = { "existing_tasks", NULL };

const struct sensor process_sensor = {
	.name = "process",
	.points = process_points,
	.existing = process_existing,
	.prepare = process_prepare,
};
