/*
 * A report as one JSON object on one line (docs/report.md). Fields of a process are called what the field table calls
 * them; a member that is not known is absent. Times are ns since the run's start.
 */
#include <stdlib.h>

#include "report/export.h"
#include "report/report_part.h"
#include "report/size_jot.h"
#include "books/run_jot.h"
#include "event/words.h"

struct writer {
	struct report report;
	struct jot jot;
};

static void jot_text(struct writer *writer, const char *key, u32 text)
{
	run_jot_text(writer->report.run, &writer->jot, key, text);
}

static void jot_time(struct writer *writer, const char *key, u64 time)
{
	run_jot_time(writer->report.run, &writer->jot, key, time);
}

static void jot_costs(struct writer *writer, const char *key, const struct costs *costs)
{
	jot_open(&writer->jot, key, '{');
	costs_jot(costs, &writer->jot);
	jot_close(&writer->jot, '}');
}

static void add_coverage(struct writer *writer)
{
	const struct report_coverage coverage = report_coverage(writer->report.run);
	bool counted = run_is_counted(writer->report.run);
	struct jot *jot = &writer->jot;

	jot_open(jot, "coverage", '{');
	if (counted)
		jot_unsigned(jot, "events_produced", writer->report.run->produced);
	if (counted || coverage.lost)
		jot_unsigned(jot, "events_lost", coverage.lost);
	if (counted || coverage.gave_up)
		jot_unsigned(jot, "rows_not_written", coverage.gave_up);
	jot_unsigned(jot, "processes_living", coverage.living);
	jot_unsigned(jot, "processes_earlier", coverage.earlier);
	jot_unsigned(jot, "processes_left", coverage.left);
	jot_unsigned(jot, "processes_without_ledger", coverage.no_ledger);
	jot_signed(jot, "clock_step_ns", coverage.clock_step);
	jot_close(jot, '}');
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
	run_jot_wall(run, jot, "time", process->start);
	jot_close(jot, '}');
	if (process->executable != RUN_NONE) {
		jot_open(jot, "executable", '{');
		jot_text(writer, "path", process->executable);
		jot_close(jot, '}');
	}
	if (arguments.length)
		jot_words(jot, "command_args", arguments.data, arguments.length);
	if (process->flags & RUN_PROCESS_ARGUMENTS_CUT) {
		jot_open(jot, "args", '{');
		jot_bool(jot, "cut", true);
		jot_close(jot, '}');
	}
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

/* What the row is of; absent members: of what is in none. */
static void add_whose(struct writer *writer, enum sum_by by, u32 index)
{
	const struct run *run = writer->report.run;
	const char *name;

	switch (by) {
	case SUM_TOOL:
		if (index < run->tool_count) {
			jot_text(writer, "name", run->tools[index].name);
			jot_text(writer, "executable", run->tools[index].executable);
		}
		break;
	case SUM_TASK:
		if (index < run->task_count)
			run_jot_task(run, &writer->jot, &run->tasks[index]);
		break;
	case SUM_GROUP:
		if (index < run->task_count) {
			jot_text(writer, "name", run->tasks[index].group);
			jot_text(writer, "rule", run->tasks[index].rule);
		}
		break;
	case SUM_PROCESS:
		add_process(writer, index);
		break;
	case SUM_CONTAINER:
		if (index < run->container_count)
			run_jot_container(run, &writer->jot, &run->containers[index]);
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
		run_jot_sum(writer->report.run, &writer->jot, &rows[i]);
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
		run_jot_link(run, jot, &links[i]);
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
	u32 count, *failed = report_failed(run, &count);

	jot_open(jot, "failures", '[');
	for (u32 i = 0; i < count; i++) {
		jot_open(jot, NULL, '{');
		jot_time(writer, "time_ns", run->processes[failed[i]].end);
		add_process(writer, failed[i]);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
	free(failed);
}

static void add_facts(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "facts", '[');
	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];

		if (fact->kind >= RUN_FACTS)
			continue;
		jot_open(jot, NULL, '{');
		jot_string(jot, "kind", export_fact(fact->kind));
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
		run_jot_file(run, jot, file);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

static void add_owner(struct writer *writer, u32 process)
{
	const struct run *run = writer->report.run;

	if (process < run->process_count) {
		jot_unsigned(&writer->jot, "pid", run->processes[process].pid);
		jot_text(writer, "tool", run->tools[run->processes[process].tool].name);
	}
}

static void add_peers(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "peers", '[');
	for (u32 i = 0; i < run->peer_count; i++) {
		jot_open(jot, NULL, '{');
		add_owner(writer, run->peers[i].process);
		run_jot_peer(run, jot, &run->peers[i]);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

static void add_drops(struct writer *writer)
{
	const struct run *run = writer->report.run;
	struct jot *jot = &writer->jot;

	jot_open(jot, "drops", '[');
	for (u32 i = 0; i < run->drop_count; i++) {
		jot_open(jot, NULL, '{');
		add_owner(writer, run->drops[i].process);
		run_jot_drop(run, jot, &run->drops[i]);
		jot_close(jot, '}');
		report_some(&writer->report);
	}
	jot_close(jot, ']');
}

void report_json(const struct report_sink *sink, const struct run *run, const struct findings *findings,
		 const struct size_prices *prices, const struct report_request *request)
{
	struct writer writer = { .jot = { .out = sink->out } };
	struct sum_names names = sum_names(run);

	report_begin(&writer.report, sink, run, request);
	writer.report.findings = findings;
	writer.report.prices = prices;
	jot_open(&writer.jot, NULL, '{');
	jot_string(&writer.jot, "kind", "report");
	jot_open(&writer.jot, "run", '{');
	run_jot_head(run, &writer.jot);
	jot_close(&writer.jot, '}');
	jot_open(&writer.jot, "host", '{');
	run_jot_host(run, &writer.jot);
	jot_close(&writer.jot, '}');
	add_coverage(&writer);
	jot_open(&writer.jot, "totals", '{');
	jot_unsigned(&writer.jot, "tools", names.tools);
	jot_unsigned(&writer.jot, "tasks", names.tasks);
	jot_unsigned(&writer.jot, "containers", names.containers);
	run_jot_sum(run, &writer.jot, &writer.report.total);
	jot_close(&writer.jot, '}');
	add_findings(&writer);
	size_jot(run, &writer.jot, prices);
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
	if (request->peers) {
		add_peers(&writer);
		add_drops(&writer);
	}
	jot_close(&writer.jot, '}');
	text_add_char(sink->out, '\n');
	report_some(&writer.report);
	report_end(&writer.report);
}
