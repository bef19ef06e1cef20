/*
 * A run of as many processes as wanted, made up: a build of make with recipes of four processes each, some of which
 * fail, with tasks, samples of process and host, peers, drops, files, facts, and names that try to be read as something else.
 * The same count gives the same run.
 */
#ifndef TESTS_SYNTHETIC_H
#define TESTS_SYNTHETIC_H

#include <stdio.h>
#include <string.h>

#include "books/run.h"
#include "wire/net.h"

#define SYNTHETIC_SECOND 1000000000ULL

static inline u32 synthetic_text(struct run *run, const char *string)
{
	return run_text_add(run, string, strlen(string));
}

static inline u32 synthetic_tool(struct run *run, const char *name, const char *executable)
{
	struct run_tool tool = { .name = synthetic_text(run, name), .executable = synthetic_text(run, executable) };

	*run_tool_add(run) = tool;
	return run->tool_count - 1;
}

static inline u64 synthetic_random(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Its executable is its tool's. Arguments are NUL-separated, `length` bytes. */
static inline u32 synthetic_process(struct run *run, u32 parent, u32 tool, u32 task, u64 start, u64 end,
				    const char *arguments, size_t length)
{
	struct run_process process = {
		.start = start,
		.end = end,
		.exec = start + 300000,
		.pid = 1000 + run->process_count % 4000000,
		.parent = parent,
		.tool = tool,
		.task = task,
		.container = RUN_NONE,
		.user = 1000,
		.executable = run->tools[tool].executable,
		.directory = run->directory,
		.group = 1000,
		.threads = 1,
	};

	*run_process_add(run) = process;
	run_arguments_set(run, run->process_count - 1, arguments, length);
	return run->process_count - 1;
}

static inline void synthetic_costs(struct run_process *process, u64 cpu, u64 memory, u64 disk)
{
	process->costs = (struct costs){
		.cpu = cpu,
		.cpu_user = cpu - cpu / 5,
		.cpu_system = cpu / 5,
		.cpu_wait = cpu / 7,
		.memory = memory,
		.disk_read = disk,
		.disk_write = disk / 2,
		.read = disk * 2,
		.write = disk,
		.read_calls = disk >> 14,
		.write_calls = disk >> 15,
		.minor_faults = memory >> 12,
		.voluntary_switches = 10,
		.involuntary_switches = 3,
	};
}

static inline void synthetic_sample(struct run *run, u32 process, u64 time)
{
	const struct run_process *p = &run->processes[process];
	double part = (double)(time - p->start) / (p->end - p->start);

	*run_sample_add(run) = (struct run_sample){
		.time = time,
		.process = process,
		.cpu = p->costs.cpu * part,
		.cpu_wait = p->costs.cpu_wait * part,
		.disk_read = p->costs.disk_read * part,
		.disk_write = p->costs.disk_write * part,
		.read = p->costs.read * part,
		.write = p->costs.write * part,
		.memory = p->costs.memory * part,
		.threads = 1,
		.state = time / SYNTHETIC_SECOND % 3 ? RUN_ACTIVITY_RUNNING : RUN_ACTIVITY_DISK,
	};
}

static inline void synthetic_host(struct run *run, u64 time, u64 seconds)
{
	*run_host_sample_add(run) = (struct run_host_sample){
		.time = time, .cpu_busy = seconds * 3600000000ULL, .cpu_iowait = seconds * 100000000, .cpu_steal = 0,
		.memory_used = (2 + seconds % 5) << 30, .memory_available = (13 - seconds % 5) << 30,
		.disk_read = seconds << 24, .disk_write = seconds << 23, .disk_busy = seconds * 300000000,
		.network_received = seconds << 10, .network_sent = seconds << 9, .pressure_cpu = seconds * 200000000,
		.pressure_memory = 0, .pressure_io = seconds * 50000000, .load = 420, .runnable = 5,
	};
}

/* A recipe: sh runs cc, which runs cc1 and as; returns its end. */
static inline u64 synthetic_recipe(struct run *run, const u32 *tools, u32 task, u64 start, u64 *state)
{
	u64 length = SYNTHETIC_SECOND / 10 + synthetic_random(state) % (2 * SYNTHETIC_SECOND), step = length / 20;
	char arguments[200];
	u32 sh, cc, cc1, as;
	int count;

	count = snprintf(arguments, sizeof(arguments), "sh%c-c%ccc -O2 -c -o part%u.o part%u.c", 0, 0, task, task);
	sh = synthetic_process(run, 0, tools[1], task, start, start + length, arguments, count);
	synthetic_costs(&run->processes[sh], step / 10, 900 << 10, 0);
	count = snprintf(arguments, sizeof(arguments), "cc%c-O2%c-c%c-o%cpart%u.o%cpart%u.c", 0, 0, 0, 0, task, 0,
			 task);
	cc = synthetic_process(run, sh, tools[2], task, start + step, start + length - step, arguments, count);
	synthetic_costs(&run->processes[cc], step / 5, 2 << 20, 4096);
	count = snprintf(arguments, sizeof(arguments), "/usr/lib/cc1%c-quiet%cpart%u.c%c-O2%c-o%c/tmp/cc%08llx.s", 0, 0,
			 task, 0, 0, 0, (unsigned long long)synthetic_random(state));
	cc1 = synthetic_process(run, cc, tools[3], task, start + 2 * step, start + length - 4 * step, arguments, count);
	synthetic_costs(&run->processes[cc1], 13 * step, (40 << 20) + synthetic_random(state) % (100 << 20), 1 << 20);
	count = snprintf(arguments, sizeof(arguments), "as%c-o%cpart%u.o", 0, 0, task);
	as = synthetic_process(run, cc, tools[4], task, start + length - 3 * step, start + length - 2 * step, arguments,
			       count);
	synthetic_costs(&run->processes[as], step / 2, 8 << 20, 1 << 18);
	if (task % 97 == 96) {
		run->processes[cc1].signal = 11;
		run->processes[cc].code = run->processes[sh].code = 1;
	}
	if (task % 50 == 49) {
		*run_peer_add(run) = (struct run_peer){
			.process = cc1, .address = synthetic_text(run, "10.0.0.7"), .port = 443, .transport = NET_TCP,
			.direction = NET_OUT, .connections = 1, .sent = 500, .received = 70000, .latency = 700000,
			.first = start + 3 * step, .last = start + 5 * step,
		};
		run->processes[cc1].costs.sent = 500;
		run->processes[cc1].costs.received = 70000;
		run->processes[cc1].costs.connections = 1;
		*run_peer_add(run) = (struct run_peer){
			.process = cc1, .address = synthetic_text(run, "fd00::53"), .port = 53, .transport = NET_UDP,
			.direction = NET_OUT, .sent = 80, .received = 240, .packets_sent = 2, .packets_received = 3,
			.first = start + 3 * step, .last = start + 4 * step,
		};
		*run_drop_add(run) = (struct run_drop){
			.process = cc1, .reason = synthetic_text(run, "NO_SOCKET"), .function = synthetic_text(run, "udp_queue_rcv_skb"),
			.interface = RUN_NONE, .source = RUN_NONE, .destination = synthetic_text(run, "fd00::53"),
			.destination_port = 514, .protocol = 17, .packets = 3 + task / 50, .bytes = 300, .first = start + 3 * step,
			.last = start + 4 * step,
		};
	}
	return start + length;
}

static inline void synthetic_begin(struct run *run)
{
	static const char command[] = "make\0-j4\0all";

	run->name = synthetic_text(run, "synthetic");
	run->command = run_text_add(run, command, sizeof(command) - 1);
	run->directory = synthetic_text(run, "/home/someone/project");
	run->user = 1000;
	run->kind = RUN_COMMAND;
	run->state = RUN_FINISHED;
	run->exit_status = 0;
	run->start = 1000 * SYNTHETIC_SECOND;
	run->wall_offset = 1790000000 * (s64)SYNTHETIC_SECOND;
	run->interval = SYNTHETIC_SECOND;
	run->host = (struct run_host){
		.name = synthetic_text(run, "builder"), .kernel = synthetic_text(run, "6.1.0"),
		.model = synthetic_text(run, "Some CPU @ 3 GHz"), .cpus = 4, .cpus_allowed = 4, .memory = 16ULL << 30,
	};
	run->overhead = (struct costs){ .cpu = SYNTHETIC_SECOND / 10, .memory = 20 << 20 };
}

static inline void synthetic_add_task(struct run *run, u32 number)
{
	char name[64];

	/* a few that a page or a terminal must not take at their word */
	snprintf(name, sizeof(name), number % 100 == 13 ? "</script><b>%u\n\033[31m\xff" : "part%u.o", number);
	*run_task_add(run) = (struct run_task){
		.name = synthetic_text(run, name),
		.group = synthetic_text(run, "%.o"),
		.rule = synthetic_text(run, "make"),
		.parent = RUN_NONE,
		.process = run->process_count,
		.directory = run->directory,
	};
}

/* By time, as the recorder would have seen them: cc1 of the recipes that were there. */
static inline void synthetic_add_samples(struct run *run)
{
	u64 seconds = (run->end - run->start) / SYNTHETIC_SECOND;
	u32 first = 0;

	for (u64 second = 0; second <= seconds; second++) {
		u64 time = run->start + second * SYNTHETIC_SECOND;

		synthetic_host(run, time, second);
		while (first < run->process_count && run->processes[first].start + 3 * SYNTHETIC_SECOND < time)
			first++;
		for (u32 i = first; i < run->process_count && run->processes[i].start < time; i++)
			if (run->processes[i].end > time && run->processes[i].costs.cpu > SYNTHETIC_SECOND / 20)
				synthetic_sample(run, i, time);
	}
}

/* About `count` processes, at least five; run_free() frees it. */
static inline struct run *synthetic_run(u32 count)
{
	static const char make[] = "make\0-j4\0all";
	struct run *run = run_new();
	u32 tools[] = {
		synthetic_tool(run, "make", "/usr/bin/make"),
		synthetic_tool(run, "sh", "/bin/dash"),
		synthetic_tool(run, "cc", "/usr/bin/gcc-12"),
		synthetic_tool(run, "cc1", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1"),
		synthetic_tool(run, "as", "/usr/bin/as"),
	};
	u64 state = count, slots[4];

	synthetic_begin(run);
	synthetic_process(run, RUN_NONE, tools[0], RUN_NONE, run->start + 1000000, 0, make, sizeof(make) - 1);
	for (u32 i = 0; i < 4; i++)
		slots[i] = run->start + (10 + i) * 1000000;
	for (u32 task = 0; run->process_count + 4 <= count || !task; task++) {
		u32 slot = 0;

		for (u32 i = 1; i < 4; i++)
			if (slots[i] < slots[slot])
				slot = i;
		synthetic_add_task(run, task);
		slots[slot] = synthetic_recipe(run, tools, task, slots[slot] + 1000000, &state);
	}
	for (u32 i = 0; i < 4; i++)
		run->end = slots[i] > run->end ? slots[i] : run->end;
	run->end += 5000000;
	run->processes[0].end = run->end - 1000000;
	synthetic_costs(&run->processes[0], run->process_count * 100000ULL, 20 << 20, 1 << 20);
	run->produced = 3ULL * run->process_count;
	*run_file_add(run) = (struct run_file){
		.tool = tools[3], .path = synthetic_text(run, "/home/someone/project/part.h"), .reads = run->task_count,
		.processes = run->task_count, .size = 12345,
	};
	*run_fact_add(run) = (struct run_fact){
		.time = run->start + 20000000,
		.kind = RUN_FACT_FAILED_EXEC,
		.number = 2,
		.process = 1,
		.other = RUN_NONE,
		.text = synthetic_text(run, "/usr/local/bin/cc"),
	};
	synthetic_add_samples(run);
	return run;
}

#endif
