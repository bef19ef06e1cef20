/*
 * A report as one JSON object on one line (docs/report.md). Fields of a process are called what the field table calls
 * them; a member that is not known is absent. Times are ns since the run's start.
 */
#include <stdlib.h>

#include "base/jot.h"
#include "base/wall.h"
#include "books/report_part.h"
#include "event/words.h"
#include "wire/net.h"

struct writer {
	struct report report;
	struct jot jot;
};

static void jot_text(struct writer *writer, const char *key, u32 text)
{
	struct run_bytes bytes = run_text(writer->report.run, text);

	if (text != RUN_NONE)
		jot_bytes(&writer->jot, key, bytes.data, bytes.length);
}

static void jot_nonzero(struct writer *writer, const char *key, u64 value)
{
	if (value)
		jot_unsigned(&writer->jot, key, value);
}

static void jot_time(struct writer *writer, const char *key, u64 time)
{
	jot_signed(&writer->jot, key, (s64)(time - writer->report.run->start));
}

static void jot_wall(struct writer *writer, const char *key, u64 time)
{
	struct wall wall = { .offset = writer->report.run->wall_offset };
	struct text text = { 0 };

	wall_format(&wall, &text, time);
	jot_bytes(&writer->jot, key, text.data, text.length);
	text_free(&text);
}

static void jot_costs(struct writer *writer, const char *key, const struct costs *costs)
{
	jot_open(&writer->jot, key, '{');
	costs_jot(costs, &writer->jot);
	jot_close(&writer->jot, '}');
}

static void add_run(struct writer *writer)
{
	static const char *const kinds[] = { [RUN_COMMAND] = "command", [RUN_SCOPE] = "scope" };
	static const char *const states[] = {
		[RUN_RECORDING] = "recording", [RUN_FINISHED] = "finished", [RUN_INTERRUPTED] = "interrupted",
	};
	const struct run *run = writer->report.run;
	struct run_bytes command = run_text(run, run->command);
	struct jot *jot = &writer->jot;

	jot_open(jot, "run", '{');
	jot_unsigned(jot, "id", run->id);
	jot_text(writer, "name", run->name);
	jot_string(jot, "kind", kinds[run->kind]);
	jot_string(jot, "state", states[run->state]);
	if (run->command != RUN_NONE)
		jot_words(jot, "command_args", command.data, command.length);
	jot_text(writer, "scope", run->scope);
	jot_text(writer, "working_directory", run->directory);
	jot_unsigned(jot, "user", run->user);
	jot_wall(writer, "start", run->start);
	jot_wall(writer, "end", run->end);
	jot_unsigned(jot, "wall_ns", run->end > run->start ? run->end - run->start : 0);
	if (run->exit_status >= 0)
		jot_signed(jot, "exit_status", run->exit_status);
	jot_unsigned(jot, "interval_ns", run->interval);
	jot_costs(writer, "overhead", &run->overhead);
	jot_close(jot, '}');
}

static void add_host(struct writer *writer)
{
	const struct run_host *host = &writer->report.run->host;

	jot_open(&writer->jot, "host", '{');
	jot_text(writer, "name", host->name);
	jot_text(writer, "kernel", host->kernel);
	jot_text(writer, "cpu_model", host->model);
	jot_nonzero(writer, "cpus", host->cpus);
	jot_nonzero(writer, "cpus_allowed", host->cpus_allowed);
	jot_nonzero(writer, "memory", host->memory);
	jot_nonzero(writer, "swap", host->swap);
	jot_nonzero(writer, "memory_limit", host->memory_limit);
	jot_close(&writer->jot, '}');
}

static void add_coverage(struct writer *writer)
{
	const struct report_coverage coverage = report_coverage(writer->report.run);
	struct jot *jot = &writer->jot;

	jot_open(jot, "coverage", '{');
	jot_unsigned(jot, "events_produced", writer->report.run->produced);
	jot_unsigned(jot, "events_lost", coverage.lost);
	jot_unsigned(jot, "rows_not_written", coverage.gave_up);
	jot_unsigned(jot, "processes_living", coverage.living);
	jot_unsigned(jot, "processes_earlier", coverage.earlier);
	jot_unsigned(jot, "processes_left", coverage.left);
	jot_unsigned(jot, "processes_without_ledger", coverage.no_ledger);
	jot_signed(jot, "clock_step_ns", coverage.clock_step);
	jot_close(jot, '}');
}

static void add_sum(struct writer *writer, const struct sum_row *row)
{
	struct jot *jot = &writer->jot;

	jot_unsigned(jot, "processes", row->processes);
	jot_unsigned(jot, "failures", row->failures);
	if (row->processes) {
		jot_time(writer, "first_ns", row->first);
		jot_time(writer, "last_ns", row->last);
	}
	jot_unsigned(jot, "lifetime_ns", row->lifetime);
	jot_unsigned(jot, "covered_ns", row->covered);
	jot_nonzero(writer, "sampled_memory", row->sampled_memory);
	costs_jot(&row->costs, jot);
}

static void add_exit(struct writer *writer, const struct run_process *process)
{
	const char *signal = process->signal ? word_signal(process->signal) : NULL;
	struct jot *jot = &writer->jot;

	if (process->flags & (RUN_PROCESS_LIVING | RUN_PROCESS_NO_LEDGER))
		return;
	jot_open(jot, "exit", '{');
	if (process->signal) {
		if (signal)
			jot_string(jot, "signal", signal);
		else
			jot_unsigned(jot, "signal_number", process->signal);
		jot_bool(jot, "core_dumped", process->flags & RUN_PROCESS_CORE);
		jot_bool(jot, "oom_killed", process->flags & RUN_PROCESS_OOM);
	} else {
		jot_signed(jot, "code", process->code);
	}
	jot_close(jot, '}');
}

static void add_flags(struct jot *jot, u16 flags)
{
	static const struct {
		u16 flag;
		const char *name;
	} names[] = {
		{ RUN_PROCESS_EARLIER, "earlier" }, { RUN_PROCESS_LIVING, "living" }, { RUN_PROCESS_LEFT, "left" },
		{ RUN_PROCESS_NO_LEDGER, "no_ledger" },
	};

	jot_open(jot, "flags", '[');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].flag)
			jot_string(jot, NULL, names[i].name);
	jot_close(jot, ']');
}

static void add_process(struct writer *writer, u32 index)
{
	const struct run *run = writer->report.run;
	const struct run_process *process = &run->processes[index];
	struct run_bytes arguments = run_arguments(run, index);
	struct jot *jot = &writer->jot;

	jot_open(jot, "process", '{');
	jot_unsigned(jot, "pid", process->pid);
	if (process->parent < run->process_count)
		jot_unsigned(jot, "parent_pid", run->processes[process->parent].pid);
	jot_open(jot, "creation", '{');
	jot_wall(writer, "time", process->start);
	jot_close(jot, '}');
	if (process->executable != RUN_NONE) {
		jot_open(jot, "executable", '{');
		jot_text(writer, "path", process->executable);
		jot_close(jot, '}');
	}
	if (arguments.length)
		jot_words(jot, "command_args", arguments.data, arguments.length);
	jot_text(writer, "working_directory", process->directory);
	jot_open(jot, "user", '{');
	jot_unsigned(jot, "id", process->user);
	jot_close(jot, '}');
	jot_unsigned(jot, "threads", process->threads);
	jot_unsigned(jot, "lifetime_ns", process->end > process->start ? process->end - process->start : 0);
	add_exit(writer, process);
	jot_close(jot, '}');
	if (process->tool < run->tool_count)
		jot_text(writer, "tool", run->tools[process->tool].name);
	if (process->task < run->task_count)
		jot_text(writer, "task", run->tasks[process->task].name);
	add_flags(jot, process->flags);
}

static void add_task(struct writer *writer, u32 index)
{
	const struct run_task *task;

	if (index >= writer->report.run->task_count)
		return;
	task = &writer->report.run->tasks[index];
	jot_text(writer, "name", task->name);
	jot_text(writer, "group", task->group);
	jot_text(writer, "rule", task->rule);
	jot_text(writer, "working_directory", task->directory);
	jot_nonzero(writer, "cpus", task->cpus);
	jot_nonzero(writer, "memory_given", task->memory);
}

static void add_container(struct writer *writer, u32 index)
{
	const struct run_container *container;

	if (index >= writer->report.run->container_count)
		return;
	container = &writer->report.run->containers[index];
	jot_text(writer, "id", container->id);
	jot_text(writer, "name", container->name);
	jot_text(writer, "image", container->image);
	jot_text(writer, "runtime", container->runtime);
}

/* What the row is of; absent members: of what is in none. */
static void add_whose(struct writer *writer, enum sum_by by, u32 index)
{
	const char *name;

	switch (by) {
	case SUM_TOOL:
		if (index < writer->report.run->tool_count) {
			jot_text(writer, "name", writer->report.run->tools[index].name);
			jot_text(writer, "executable", writer->report.run->tools[index].executable);
		}
		break;
	case SUM_TASK:
		add_task(writer, index);
		break;
	case SUM_GROUP:
		if (index < writer->report.run->task_count) {
			jot_text(writer, "name", writer->report.run->tasks[index].group);
			jot_text(writer, "rule", writer->report.run->tasks[index].rule);
		}
		break;
	case SUM_PROCESS:
		add_process(writer, index);
		break;
	case SUM_CONTAINER:
		add_container(writer, index);
		break;
	case SUM_USER:
		name = user_name(writer->report.users, index, 0);
		jot_unsigned(&writer->jot, "id", index);
		if (name)
			jot_string(&writer->jot, "name", name);
		break;
	case SUM_TOTAL:
		break;
	}
}

static void add_rows(struct writer *writer)
{
	static const char *const names[] = {
		[SUM_TOOL] = "tool", [SUM_TASK] = "task", [SUM_PROCESS] = "process", [SUM_CONTAINER] = "container",
		[SUM_USER] = "user", [SUM_GROUP] = "group", [SUM_TOTAL] = "total",
	};
	enum sum_by by = writer->report.request->by;
	u32 count, limit = report_limit(&writer->report, 0);
	struct sum_row *rows = report_rows(&writer->report, by, &count);

	jot_string(&writer->jot, "by", names[by]);
	jot_unsigned(&writer->jot, "row_count", count);
	jot_open(&writer->jot, "rows", '[');
	for (u32 i = 0; i < count && (!limit || i < limit); i++) {
		jot_open(&writer->jot, NULL, '{');
		add_whose(writer, by, rows[i].index);
		add_sum(writer, &rows[i]);
		jot_close(&writer->jot, '}');
		report_some(&writer->report);
	}
	jot_close(&writer->jot, ']');
	free(rows);
}

static void add_findings(struct writer *writer)
{
	const struct findings *findings = writer->report.findings;
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	if (!findings)
		return;
	jot_open(jot, "findings", '[');
	for (u32 i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		jot_open(jot, NULL, '{');
		jot_string(jot, "kind", finding->kind);
		jot_string(jot, "sure", finding_sureness_name(finding->sureness));
		jot_time(writer, "from_ns", finding->from);
		jot_time(writer, "to_ns", finding->to);
		jot_unsigned(jot, "lost_ns", finding->lost);
		if (finding->tool < run->tool_count)
			jot_text(writer, "tool", run->tools[finding->tool].name);
		if (finding->task < run->task_count)
			jot_text(writer, "task", run->tasks[finding->task].name);
		if (finding->process < run->process_count)
			jot_unsigned(jot, "pid", run->processes[finding->process].pid);
		jot_bytes(jot, "title", finding->title.data, finding->title.length);
		jot_bytes(jot, "evidence", finding->evidence.data, finding->evidence.length);
		jot_bytes(jot, "advice", finding->advice.data, finding->advice.length);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
}

static void add_tree(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct report_branch *branches = report_branches(run);
	struct jot *jot = &writer->jot;

	jot_open(jot, "tree", '[');
	for (u32 i = 0; i < run->process_count; i++) {
		jot_open(jot, NULL, '{');
		jot_unsigned(jot, "depth", branches[i].depth);
		jot_unsigned(jot, "descendants", branches[i].below);
		add_process(writer, branches[i].process);
		jot_time(writer, "start_ns", run->processes[branches[i].process].start);
		jot_time(writer, "end_ns", run->processes[branches[i].process].end);
		jot_costs(writer, "own", &run->processes[branches[i].process].costs);
		jot_costs(writer, "together", &branches[i].costs);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
	free(branches);
}

static void add_critical(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;
	u32 count;
	struct critical_link *links = critical_find(run, &count);

	jot_open(jot, "critical", '[');
	for (u32 i = 0; i < count; i++) {
		jot_open(jot, NULL, '{');
		jot_time(writer, "from_ns", links[i].from);
		jot_time(writer, "to_ns", links[i].to);
		jot_unsigned(jot, "cpu_ns", links[i].cpu);
		jot_unsigned(jot, "cpu_wait_ns", links[i].cpu_wait);
		jot_unsigned(jot, "disk_ns", links[i].disk);
		jot_unsigned(jot, "network_ns", links[i].network);
		jot_unsigned(jot, "other_ns", links[i].other);
		if (links[i].process < run->process_count)
			add_process(writer, links[i].process);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
	free(links);
}

static void add_failures(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "failures", '[');
	for (u32 i = 0; i < run->process_count; i++) {
		if (!sum_failed(&run->processes[i]))
			continue;
		jot_open(jot, NULL, '{');
		jot_time(writer, "time_ns", run->processes[i].end);
		add_process(writer, i);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

static void add_facts(struct writer *writer)
{
	static const char *const kinds[] = {
		[RUN_FACT_FAILED_EXEC] = "failed_exec", [RUN_FACT_SIGNAL] = "signal", [RUN_FACT_OOM] = "oom",
		[RUN_FACT_LOST] = "lost", [RUN_FACT_CLOCK_STEP] = "clock_step", [RUN_FACT_GAVE_UP] = "gave_up",
	};
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "facts", '[');
	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];

		if (fact->kind >= RUN_FACTS)
			continue;
		jot_open(jot, NULL, '{');
		jot_string(jot, "kind", kinds[fact->kind]);
		jot_time(writer, "time_ns", fact->time);
		jot_signed(jot, "number", fact->number);
		jot_text(writer, "text", fact->text);
		if (fact->process < run->process_count)
			jot_unsigned(jot, "pid", run->processes[fact->process].pid);
		if (fact->other < run->process_count)
			jot_unsigned(jot, "other_pid", run->processes[fact->other].pid);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

static void add_files(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "files", '[');
	for (u32 i = 0; i < run->file_count; i++) {
		const struct run_file *file = &run->files[i];

		jot_open(jot, NULL, '{');
		if (file->tool < run->tool_count)
			jot_text(writer, "tool", run->tools[file->tool].name);
		jot_text(writer, "path", file->path);
		jot_unsigned(jot, "reads", file->reads);
		jot_unsigned(jot, "writes", file->writes);
		jot_unsigned(jot, "creates", file->creates);
		jot_unsigned(jot, "removes", file->removes);
		jot_unsigned(jot, "failures", file->failures);
		jot_unsigned(jot, "processes", file->processes);
		jot_nonzero(writer, "size", file->size);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

static const char *transport_name(u8 transport)
{
	if (transport == NET_TCP)
		return "tcp";
	return transport == NET_UDP ? "udp" : "unix";
}

static void add_peers(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "peers", '[');
	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];
		const char *error = peer->failures ? word_errno(peer->error) : NULL;

		jot_open(jot, NULL, '{');
		if (peer->process < run->process_count) {
			jot_unsigned(jot, "pid", run->processes[peer->process].pid);
			jot_text(writer, "tool", run->tools[run->processes[peer->process].tool].name);
		}
		jot_text(writer, "address", peer->address);
		jot_unsigned(jot, "port", peer->port);
		jot_string(jot, "transport", transport_name(peer->transport));
		jot_string(jot, "direction", peer->direction == NET_IN ? "in" : "out");
		jot_unsigned(jot, "connections", peer->connections);
		jot_unsigned(jot, "failures", peer->failures);
		if (error)
			jot_string(jot, "error", error);
		jot_unsigned(jot, "sent", peer->sent);
		jot_unsigned(jot, "received", peer->received);
		jot_unsigned(jot, "retransmits", peer->retransmits);
		jot_nonzero(writer, "latency_ns", peer->latency);
		jot_time(writer, "first_ns", peer->first);
		jot_time(writer, "last_ns", peer->last);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

void report_json(const struct report_sink *sink, const struct run *run, const struct findings *findings,
		 const struct size_prices *prices, const struct report_request *request)
{
	struct writer writer = { .jot = { .out = sink->out } };

	report_begin(&writer.report, sink, run, request);
	writer.report.findings = findings;
	writer.report.prices = prices;
	jot_open(&writer.jot, NULL, '{');
	jot_string(&writer.jot, "kind", "report");
	add_run(&writer);
	add_host(&writer);
	add_coverage(&writer);
	jot_open(&writer.jot, "totals", '{');
	jot_unsigned(&writer.jot, "tools", run->tool_count);
	jot_unsigned(&writer.jot, "tasks", run->task_count);
	jot_unsigned(&writer.jot, "containers", run->container_count);
	add_sum(&writer, &writer.report.total);
	jot_close(&writer.jot, '}');
	add_findings(&writer);
	report_size_jot(&writer.report, &writer.jot);
	add_rows(&writer);
	if (request->tree)
		add_tree(&writer);
	if (request->critical)
		add_critical(&writer);
	if (request->failures) {
		add_failures(&writer);
		add_facts(&writer);
	}
	if (request->files)
		add_files(&writer);
	if (request->peers)
		add_peers(&writer);
	jot_close(&writer.jot, '}');
	text_add_char(sink->out, '\n');
	report_some(&writer.report);
	report_end(&writer.report);
}
