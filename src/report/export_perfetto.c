/*
 * A run as a trace that ui.perfetto.dev opens: Trace Event Format, the JSON object form. A "process" of the trace is a
 * tool, its "threads" are rows in which its processes lie without overlap: thousands of short processes each with a
 * track of their own could not be read. Tasks and the critical path have tracks of their own, CPU, memory, disks and
 * network are counters. Times are microseconds since the run's start.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "report/export.h"
#include "books/run_jot.h"
#include "books/label.h"
#include "books/order.h"
#include "books/series.h"
#include "books/tracks.h"

/*
 * Process ids of the trace; tools count on from the last. Thread ids are never used twice in a trace, nor equal to a
 * process id.
 */
enum { PID_CRITICAL = 1, PID_RUN, PID_HOST, PID_TASKS, PID_TOOLS };

#define COUNTER_STEPS 10000

struct trace {
	const struct export *export;
	const struct run *run;
	struct file file;
	struct jot jot;
	u32 next_thread;
};

/* A task with the time it is sorted by. */
struct dated {
	u64 begin;
	u32 index;
};

static int by_begin(const void *a, const void *b)
{
	const struct dated *left = a, *right = b;

	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

static void jot_time(struct trace *trace, const char *key, s64 time)
{
	jot_real(&trace->jot, key, time / 1e3, 3);
}

static bool begin_event(struct trace *trace, const char *phase, u32 pid)
{
	text_add_char(&trace->file.text, trace->jot.more ? ',' : ' ');
	text_add_char(&trace->file.text, '\n');
	trace->jot.more = false;
	jot_open(&trace->jot, NULL, '{');
	jot_string(&trace->jot, "ph", phase);
	jot_unsigned(&trace->jot, "pid", pid);
	return file_some(&trace->file);
}

static void end_event(struct trace *trace)
{
	jot_close(&trace->jot, '}');
}

/* Metadata: what a process or a thread of the trace is called, and where it stands. */
static void add_name(struct trace *trace, const char *what, u32 pid, u32 tid, const char *name, size_t length)
{
	begin_event(trace, "M", pid);
	if (tid)
		jot_unsigned(&trace->jot, "tid", tid);
	jot_string(&trace->jot, "name", what);
	jot_open(&trace->jot, "args", '{');
	jot_bytes(&trace->jot, "name", name, length);
	jot_close(&trace->jot, '}');
	end_event(trace);
}

static void add_process_name(struct trace *trace, u32 pid, const char *name, size_t length, u32 place)
{
	add_name(trace, "process_name", pid, 0, name, length);
	begin_event(trace, "M", pid);
	jot_string(&trace->jot, "name", "process_sort_index");
	jot_open(&trace->jot, "args", '{');
	jot_unsigned(&trace->jot, "sort_index", place);
	jot_close(&trace->jot, '}');
	end_event(trace);
}

static u32 add_thread(struct trace *trace, u32 pid, const char *name)
{
	u32 tid = trace->next_thread++;

	add_name(trace, "thread_name", pid, tid, name, strlen(name));
	return tid;
}

/* Opens a slice up to its "args", which end_slice closes. */
static void begin_slice(struct trace *trace, u32 pid, u32 tid, u64 from, u64 to, const char *category)
{
	begin_event(trace, "X", pid);
	jot_unsigned(&trace->jot, "tid", tid);
	jot_time(trace, "ts", export_time(trace->export, from));
	jot_time(trace, "dur", to > from ? to - from : 0);
	jot_string(&trace->jot, "cat", category);
}

static void end_slice(struct trace *trace)
{
	jot_close(&trace->jot, '}');
	end_event(trace);
}

static void jot_tool_name(struct trace *trace, const char *key, u32 process)
{
	run_jot_text(trace->run, &trace->jot, key, trace->run->tools[trace->run->processes[process].tool].name);
}

static void add_process(struct trace *trace, u32 index, u32 tid)
{
	const struct run_process *process = &trace->run->processes[index];
	struct jot *jot = &trace->jot;
	struct text text = { 0 };

	begin_slice(trace, PID_TOOLS + process->tool, tid, process->start, process->end, "process");
	jot_tool_name(trace, "name", index);
	jot_open(jot, "args", '{');
	jot_unsigned(jot, "pid", process->pid);
	label_command(&text, trace->run, index);
	jot_bytes(jot, "command", text_string(&text), text.length);
	if (process->parent != RUN_NONE)
		jot_unsigned(jot, "parent_pid", trace->run->processes[process->parent].pid);
	if (process->task != RUN_NONE)
		run_jot_text(trace->run, jot, "task", trace->run->tasks[process->task].name);
	text_reset(&text);
	if (sum_failed(process)) {
		label_outcome(&text, process);
		jot_bytes(jot, "failed", text_string(&text), text.length);
	}
	if (trace->export->is_critical[index])
		jot_bool(jot, "critical path", true);
	costs_jot(&process->costs, jot);
	end_slice(trace);
	text_free(&text);
}

static u32 thread_of_row(struct trace *trace, u32 **threads, u32 *count, u32 pid, u32 row)
{
	if (row == *count) {
		*threads = xrealloc(*threads, *count + 1, sizeof(**threads));
		(*threads)[(*count)++] = add_thread(trace, pid, " ");
	}
	return (*threads)[row];
}

static void add_processes(struct trace *trace)
{
	const struct run *run = trace->run;
	u32 *order = order_by_start(run);
	struct tracks *tracks = xcalloc((size_t)run->tool_count + 1, sizeof(*tracks));
	u32 **threads = xcalloc((size_t)run->tool_count + 1, sizeof(*threads));
	u32 *counts = xcalloc((size_t)run->tool_count + 1, sizeof(*counts));

	for (u32 i = 0; i < run->tool_count; i++) {
		struct run_bytes name = run_text(run, run->tools[i].name);

		add_process_name(trace, PID_TOOLS + i, name.data, name.length, PID_TOOLS + i);
	}
	for (u32 i = 0; i < run->process_count && file_some(&trace->file); i++) {
		const struct run_process *process = &run->processes[order[i]];
		u32 row = tracks_place(&tracks[process->tool], process->start, process->end);

		add_process(trace, order[i], thread_of_row(trace, &threads[process->tool], &counts[process->tool],
								 PID_TOOLS + process->tool, row));
	}
	for (u32 i = 0; i < run->tool_count; i++) {
		tracks_free(&tracks[i]);
		free(threads[i]);
	}
	free(order);
	free(tracks);
	free(threads);
	free(counts);
}

static void add_task(struct trace *trace, u32 index, u32 tid, u64 from, u64 to)
{
	const struct run_task *task = &trace->run->tasks[index];
	struct jot *jot = &trace->jot;

	begin_slice(trace, PID_TASKS, tid, from, to, "task");
	run_jot_text(trace->run, jot, "name", task->name);
	jot_open(jot, "args", '{');
	run_jot_text(trace->run, jot, "group", task->group);
	run_jot_text(trace->run, jot, "rule", task->rule);
	run_jot_text(trace->run, jot, "directory", task->directory);
	end_slice(trace);
}

/* A task lasts from the begin of its first process to the end of its last. */
static void add_tasks(struct trace *trace)
{
	const struct run *run = trace->run;
	struct dated *order = xcalloc((size_t)run->task_count + 1, sizeof(*order));
	u64 *ends = xcalloc((size_t)run->task_count + 1, sizeof(*ends));
	struct tracks tracks = { 0 };
	u32 *threads = NULL, count = 0;

	if (run->task_count)
		add_process_name(trace, PID_TASKS, "Tasks", strlen("Tasks"), PID_TASKS);
	for (u32 i = 0; i < run->task_count; i++)
		order[i] = (struct dated){ ~0ULL, i };
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];

		if (process->task == RUN_NONE)
			continue;
		if (process->start < order[process->task].begin)
			order[process->task].begin = process->start;
		if (process->end > ends[process->task])
			ends[process->task] = process->end;
	}
	qsort(order, run->task_count, sizeof(*order), by_begin);
	for (u32 i = 0; i < run->task_count && order[i].begin != ~0ULL && file_some(&trace->file); i++) {
		u32 row = tracks_place(&tracks, order[i].begin, ends[order[i].index]);

		add_task(trace, order[i].index, thread_of_row(trace, &threads, &count, PID_TASKS, row), order[i].begin,
			 ends[order[i].index]);
	}
	tracks_free(&tracks);
	free(threads);
	free(order);
	free(ends);
}

static void add_critical(struct trace *trace)
{
	const struct export *export = trace->export;
	struct jot *jot = &trace->jot;
	u32 tid;

	if (!export->critical_count)
		return;
	add_process_name(trace, PID_CRITICAL, "Critical path", strlen("Critical path"), PID_CRITICAL);
	tid = add_thread(trace, PID_CRITICAL, " ");
	for (u32 i = 0; i < export->critical_count && file_some(&trace->file); i++) {
		const struct critical_link *link = &export->critical[i];

		begin_slice(trace, PID_CRITICAL, tid, link->from, link->to, "critical");
		if (link->process == RUN_NONE)
			jot_string(jot, "name", "nothing ran");
		else
			jot_tool_name(trace, "name", link->process);
		jot_open(jot, "args", '{');
		if (link->process != RUN_NONE)
			jot_unsigned(jot, "pid", trace->run->processes[link->process].pid);
		run_jot_spent(jot, link);
		end_slice(trace);
	}
}

static void add_counter(struct trace *trace, u32 pid, const char *name, const char *unit, u64 time, double value)
{
	if (isnan(value) || !begin_event(trace, "C", pid))
		return;
	jot_time(trace, "ts", export_time(trace->export, time));
	jot_string(&trace->jot, "name", name);
	jot_open(&trace->jot, "args", '{');
	jot_real(&trace->jot, unit, value, 3);
	jot_close(&trace->jot, '}');
	end_event(trace);
}

static void add_series(struct trace *trace, struct series *series, u32 pid)
{
	static const struct { const char *name, *unit; size_t offset; } columns[] = {
		{ "CPU", "cores", offsetof(struct series_step, cpu) },
		{ "Memory", "bytes", offsetof(struct series_step, memory) },
		{ "Disk read", "bytes/s", offsetof(struct series_step, disk_read) },
		{ "Disk write", "bytes/s", offsetof(struct series_step, disk_write) },
		{ "Network received", "bytes/s", offsetof(struct series_step, received) },
		{ "Network sent", "bytes/s", offsetof(struct series_step, sent) },
		{ "Processes", "processes", offsetof(struct series_step, processes) },
	};

	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
		double before = NAN;

		for (u32 i = 0; i < series->count; i++) {
			double value = *(double *)((char *)&series->steps[i] + columns[c].offset);

			if (value != before)	/* a counter keeps its value */
				add_counter(trace, pid, columns[c].name, columns[c].unit,
					    series->from + i * series->step, value);
			before = value;
		}
	}
	series_free(series);
}

static void add_counters(struct trace *trace)
{
	struct run_bytes host = run_text(trace->run, trace->run->host.name);
	struct text name = { 0 };

	add_process_name(trace, PID_RUN, "Run", strlen("Run"), PID_RUN);
	add_series(trace, series_of_run(trace->run, COUNTER_STEPS), PID_RUN);
	text_add(&name, "Host ");
	text_add_bytes(&name, host.data, host.length);
	add_process_name(trace, PID_HOST, name.data, name.length, PID_HOST);
	text_free(&name);
	add_series(trace, series_of_host(trace->run, COUNTER_STEPS), PID_HOST);
}

static void add_findings(struct trace *trace)
{
	const struct findings *findings = trace->export->findings;
	struct jot *jot = &trace->jot;
	u32 tid;

	if (!findings->count)
		return;
	tid = add_thread(trace, PID_RUN, "Findings");
	for (u32 i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		begin_event(trace, "i", PID_RUN);
		jot_unsigned(jot, "tid", tid);
		jot_time(trace, "ts", export_time(trace->export, finding->from));
		jot_string(jot, "s", "t");
		jot_string(jot, "cat", "finding");
		jot_bytes(jot, "name", text_string(&finding->title), finding->title.length);
		jot_open(jot, "args", '{');
		jot_string(jot, "kind", finding->kind);
		jot_string(jot, "sureness", finding_sureness_name(finding->sureness));
		jot_bytes(jot, "evidence", text_string(&finding->evidence), finding->evidence.length);
		jot_bytes(jot, "advice", text_string(&finding->advice), finding->advice.length);
		jot_time(trace, "until_us", export_time(trace->export, finding->to));
		end_slice(trace);
	}
}

int export_perfetto(const struct export *export, const char *path)
{
	struct trace trace = { .export = export, .run = export->run };
	int status = file_open(&trace.file, path);
	struct text title = { 0 };

	if (status)
		return status;
	trace.jot.out = &trace.file.text;
	trace.next_thread = PID_TOOLS + export->run->tool_count;
	jot_open(&trace.jot, NULL, '{');
	jot_string(&trace.jot, "displayTimeUnit", "ms");
	jot_open(&trace.jot, "otherData", '{');
	label_title(&title, export->run);
	jot_bytes(&trace.jot, "run", text_string(&title), title.length);
	text_reset(&title);
	export_wall(export, &title, export->run->start);
	jot_bytes(&trace.jot, "start", title.data, title.length);
	text_free(&title);
	jot_close(&trace.jot, '}');
	jot_open(&trace.jot, "traceEvents", '[');
	add_critical(&trace);
	add_counters(&trace);
	add_findings(&trace);
	add_tasks(&trace);
	add_processes(&trace);
	jot_close(&trace.jot, ']');
	jot_close(&trace.jot, '}');
	text_add_char(&trace.file.text, '\n');
	return file_close(&trace.file, true);
}
