/* The sensor of waits for disks. It tells nothing by itself: what it adds up is told with a process's exit. */
#include <errno.h>
#include <string.h>

#include "kernel/sensor.h"
#include "wire/settings.h"

/* Processes that wait for disks, and threads that do so at one time. Beyond, the longest unused go first. */
#define WAITS_MAX 4096

static const struct rung wait_rungs[] = {
	{ .name = "fexit",
	  .programs = { "io_schedule_fentry", "io_schedule_fexit", "io_schedule_timeout_fentry",
			"io_schedule_timeout_fexit", "fsync_fentry", "fsync_fexit", "fsync_call_fentry", "fsync_call_fexit",
			"fdatasync_call_fentry", "fdatasync_call_fexit" },
	  .blind = "waits for network file systems" },
	{ 0 }
};

static const struct point wait_points[] = {
	{ .name = "disk wait", .help = "a process waits for a disk, added up until it ends", .rungs = wait_rungs,
	  .kinds = KIND_BIT(exit) },
	{ 0 }
};

/* An exit says whether its sums were kept at all: 0 ns and not known are two things. */
static int wait_prepare(struct bpf_object *object)
{
	static const char *const maps[] = { "waits", "waits_begun" };
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	struct settings *settings;
	size_t size;

	if (!bpf_program__autoload(bpf_object__find_program_by_name(object, wait_rungs[0].programs[0])))
		return 0;
	settings = rodata ? (struct settings *)bpf_map__initial_value(rodata, &size) : NULL;
	if (!settings)
		return -ENOENT;
	settings->disk_waits = 1;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (bpf_map__set_max_entries(bpf_object__find_map_by_name(object, maps[i]), WAITS_MAX))
			return -EINVAL;
	return 0;
}

const struct sensor wait_sensor = { .name = "wait", .points = wait_points, .prepare = wait_prepare };
