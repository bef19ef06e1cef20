/*
 * The hist sensor: one point a measure. Their maps are large, so those of measures that are off are not created at all.
 */
#include "kernel/hist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/sensor.h"
#include "kernel/tracefs.h"
#include "wire/settings.h"

/* Memory for keys, all CPUs together; and how many there are at most, at least. Two epochs share them. */
#define KEYS_MEMORY (32 << 20)
#define KEYS_MOST 2048
#define KEYS_LEAST 128
/* Connections and requests under way. */
#define BEGUN_MOST 16384
/* Of struct histogram_begun (bpf/lib/histogram.h), without what a filter asks for. */
#define BEGUN_SIZE 48

static enum histogram_by chosen_by;
static const char *chosen_syscall = "getppid";

void hist_configure(enum histogram_by by, const char *syscall)
{
	chosen_by = by;
	if (syscall)
		chosen_syscall = syscall;
}

static struct bpf_link *attach_syscall(struct bpf_program *program, const char **why)
{
	bool enter = !strcmp(bpf_program__name(program), "syscall_enter");
	char event[128];

	snprintf(event, sizeof(event), "sys_%s_%s", enter ? "enter" : "exit", chosen_syscall);
	return tracefs_attach(program, "syscalls", event, why);
}

/* What begins is attached before what ends, lest there be ends without a beginning. */
static const struct rung runq_rungs[] = {
	{ .name = "btf", .programs = { "runq_wakeup", "runq_wakeup_new", "runq_switch" } },
	{ 0 }
};

static const struct rung block_rungs[] = {
	{ .name = "btf", .programs = { "block_complete_btf", "block_issue_btf" },
	  .blind = "devices that serve I/O without requests: most of device mapper, md, pmem, zram" },
	{ 0 }
};

static const struct rung connect_rungs[] = {
	{ .name = "btf", .programs = { "connect_state" } },
	{ 0 }
};

static const struct rung exec_rungs[] = {
	{ .name = "btf", .programs = { "exec_latency" } },
	{ 0 }
};

static const struct rung rtt_rungs[] = {
	{ .name = "btf", .programs = { "rtt_probe" } },
	{ 0 }
};

static const struct rung retransmit_rungs[] = {
	{ .name = "btf", .programs = { "retransmit_again" } },
	{ 0 }
};

static const struct rung syscall_rungs[] = {
	{ .name = "syscall", .programs = { "syscall_enter", "syscall_exit" }, .attach = attach_syscall,
	  .cost = COST_SYSCALLS, .blind = "32-bit system calls, and operations of io_uring" },
	{ 0 }
};

static const struct point hist_points[] = {
	{ .name = "hist runq", .help = "a thread waits for a CPU", .rungs = runq_rungs,
	  .kinds = MEASURE_BIT(MEASURE_RUNQ) },
	{ .name = "hist block", .help = "a disk serves a request", .rungs = block_rungs,
	  .kinds = MEASURE_BIT(MEASURE_BLOCK) },
	{ .name = "hist connect", .help = "a TCP connection is made", .rungs = connect_rungs,
	  .kinds = MEASURE_BIT(MEASURE_CONNECT) },
	{ .name = "hist exec", .help = "a process comes to run its program", .rungs = exec_rungs,
	  .kinds = MEASURE_BIT(MEASURE_EXEC) },
	{ .name = "hist syscall", .help = "a system call takes its time", .rungs = syscall_rungs,
	  .kinds = MEASURE_BIT(MEASURE_SYSCALL) },
	{ .name = "hist rtt", .help = "a TCP connection receives a segment", .rungs = rtt_rungs,
	  .kinds = MEASURE_BIT(MEASURE_RTT) },
	{ .name = "hist retransmit", .help = "a TCP segment is sent again", .rungs = retransmit_rungs,
	  .kinds = MEASURE_BIT(MEASURE_RETRANSMIT) },
	{ 0 }
};

static bool any_loads(struct bpf_object *object, const struct point *point)
{
	for (const struct rung *rung = point->rungs; rung->name; rung++)
		for (const char *const *name = rung->programs; *name; name++) {
			struct bpf_program *program = bpf_object__find_program_by_name(object, *name);

			if (program && bpf_program__autoload(program))
				return true;
		}
	return false;
}

static int size_map(struct bpf_object *object, const char *name, u32 entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map)
		return -ENOENT;
	return entries ? bpf_map__set_max_entries(map, entries) : bpf_map__set_autocreate(map, false);
}

static u32 key_budget(void)
{
	u32 keys = KEYS_MEMORY / (libbpf_num_possible_cpus() * sizeof(struct histogram));

	if (chosen_by == HISTOGRAM_BY_NOTHING)
		return 1;
	return keys > KEYS_MOST ? KEYS_MOST : keys < KEYS_LEAST ? KEYS_LEAST : keys;
}

static int hist_prepare(struct bpf_object *object)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	struct settings *settings;
	bool on[MEASURES], any = false;
	size_t size;
	int error = 0;

	for (int i = 0; i < MEASURES; i++) {
		on[i] = any_loads(object, &hist_points[i]);
		any |= on[i];
	}
	settings = rodata ? (struct settings *)bpf_map__initial_value(rodata, &size) : NULL;
	if (!settings)
		return -ENOENT;
	settings->histogram_by = any ? chosen_by : HISTOGRAM_BY_NOTHING;

	const struct {
		const char *name;
		u32 entries;
	} maps[] = {
		{ "histograms", any ? key_budget() : 0 },
		{ "histogram_totals", any ? 2 : 0 },
		{ "histogram_epoch", any },
		{ "histogram_blank", any },
		{ "histogram_books", any },
		{ "histogram_subjects", settings->filtered ? 1 : 0 },
		{ "histogram_begun", on[MEASURE_BLOCK] || on[MEASURE_CONNECT] ? BEGUN_MOST : 0 },
		{ "since", on[MEASURE_RUNQ] || on[MEASURE_SYSCALL] ? SINCE_SETS : 0 },
		{ "exec_seen", on[MEASURE_EXEC] ? 8192 : 0 },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !error; i++)
		error = size_map(object, maps[i].name, maps[i].entries);
	if (!error && !settings->filtered)
		error = bpf_map__set_value_size(bpf_object__find_map_by_name(object, "histogram_begun"), BEGUN_SIZE);
	return error;
}

const struct sensor hist_sensor = {
	.name = "hist",
	.points = hist_points,
	.prepare = hist_prepare,
};
