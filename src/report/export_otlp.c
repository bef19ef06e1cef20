/*
 * A run as a trace of OpenTelemetry, in the JSON encoding of OTLP: the run is the root span, each process a span below
 * that of its parent. A line is one whole message of at most SPANS_A_LINE spans (the protocol's file form), so that a
 * collector reads a file of any size, and a small run can be posted as it is. Ids follow from the machine, the time and
 * the place in the run: exporting twice gives the same trace.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "report/export.h"
#include "books/label.h"
#include "event/words.h"

#ifndef SONDE_VERSION
#define SONDE_VERSION "unreleased"
#endif

#define SPANS_A_LINE 1000	/* about 2 MB: below what collectors take by default */

enum { STATUS_ERROR = 2, KIND_INTERNAL = 1 };

struct otlp {
	const struct export *export;
	const struct run *run;
	struct file file;
	struct jot jot;
	u64 trace[2];
	u32 spans;		/* in this line */
};

/* The finalizer of SplitMix64: every bit of the input moves every bit of the result. */
static u64 mix(u64 value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static void make_trace_id(struct otlp *otlp)
{
	struct run_bytes host = run_text(otlp->run, otlp->run->host.name);
	u64 hash = mix(run_wall(otlp->run, otlp->run->start) + 0x9e3779b97f4a7c15ULL);

	for (size_t i = 0; i < host.length; i++)
		hash = mix(hash ^ (unsigned char)host.data[i]);
	otlp->trace[0] = mix(hash ^ otlp->run->id) | 1;		/* an id of zeros is not valid */
	otlp->trace[1] = mix(otlp->trace[0] + 1);
}

/* RUN_NONE: the run itself. */
static void jot_span_id(struct otlp *otlp, const char *key, u32 process)
{
	u64 id = mix(otlp->trace[1] ^ ((u64)process + 1) << 1);
	char digits[32];

	snprintf(digits, sizeof(digits), "%016llx", (unsigned long long)(id ? id : 1));
	jot_string(&otlp->jot, key, digits);
}

/* 64-bit integers are strings in the JSON of protocol buffers. */
static void jot_long(struct jot *jot, const char *key, s64 value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	jot_string(jot, key, digits);
}

static void begin_attribute(struct otlp *otlp, const char *key)
{
	jot_open(&otlp->jot, NULL, '{');
	jot_string(&otlp->jot, "key", key);
	jot_open(&otlp->jot, "value", '{');
}

static void end_attribute(struct otlp *otlp)
{
	jot_close(&otlp->jot, '}');
	jot_close(&otlp->jot, '}');
}

static void attribute_bytes(struct otlp *otlp, const char *key, const void *bytes, size_t length)
{
	begin_attribute(otlp, key);
	jot_bytes(&otlp->jot, "stringValue", bytes, length);
	end_attribute(otlp);
}

static void attribute_string(struct otlp *otlp, const char *key, const char *value)
{
	if (value)
		attribute_bytes(otlp, key, value, strlen(value));
}

static void attribute_text(struct otlp *otlp, const char *key, u32 text)
{
	struct run_bytes bytes = run_text(otlp->run, text);

	if (text != RUN_NONE)
		attribute_bytes(otlp, key, bytes.data, bytes.length);
}

static void attribute_number(struct otlp *otlp, const char *key, s64 value)
{
	begin_attribute(otlp, key);
	jot_long(&otlp->jot, "intValue", value);
	end_attribute(otlp);
}

static void attribute_true(struct otlp *otlp, const char *key)
{
	begin_attribute(otlp, key);
	jot_bool(&otlp->jot, "boolValue", true);
	end_attribute(otlp);
}

static void attribute_words(struct otlp *otlp, const char *key, struct run_bytes words)
{
	const char *at = words.data, *end = at + words.length;

	if (!words.length)
		return;
	begin_attribute(otlp, key);
	jot_open(&otlp->jot, "arrayValue", '{');
	jot_open(&otlp->jot, "values", '[');
	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		const char *stop = zero ? zero : end;

		jot_open(&otlp->jot, NULL, '{');
		jot_bytes(&otlp->jot, "stringValue", at, stop - at);
		jot_close(&otlp->jot, '}');
		at = stop + 1;
	}
	jot_close(&otlp->jot, ']');
	jot_close(&otlp->jot, '}');
	end_attribute(otlp);
}

/* "cpu.time_ns" becomes sonde.cpu.time_ns: the conventions have metrics for these, but no attributes. */
static void add_costs(struct otlp *otlp, const struct costs *costs)
{
	for (size_t i = 0; i < cost_count; i++) {
		char key[64];

		snprintf(key, sizeof(key), "sonde.%s", cost_list[i].key);
		attribute_number(otlp, key, cost_value(costs, &cost_list[i]));
	}
}

static void add_resource(struct otlp *otlp)
{
	const struct run_host *host = &otlp->run->host;

	jot_open(&otlp->jot, "resource", '{');
	jot_open(&otlp->jot, "attributes", '[');
	attribute_string(otlp, "service.name", "sonde");
	attribute_string(otlp, "service.version", SONDE_VERSION);
	attribute_string(otlp, "os.type", "linux");
	attribute_text(otlp, "os.version", host->kernel);
	attribute_text(otlp, "host.name", host->name);
	attribute_text(otlp, "host.cpu.model.name", host->model);
	if (host->cpus)
		attribute_number(otlp, "sonde.host.cpus", host->cpus);
	if (host->memory)
		attribute_number(otlp, "sonde.host.memory", host->memory);
	jot_close(&otlp->jot, ']');
	jot_close(&otlp->jot, '}');
}

static void begin_message(struct otlp *otlp)
{
	struct jot *jot = &otlp->jot;

	jot->more = false;
	jot_open(jot, NULL, '{');
	jot_open(jot, "resourceSpans", '[');
	jot_open(jot, NULL, '{');
	add_resource(otlp);
	jot_open(jot, "scopeSpans", '[');
	jot_open(jot, NULL, '{');
	jot_open(jot, "scope", '{');
	jot_string(jot, "name", "sonde");
	jot_string(jot, "version", SONDE_VERSION);
	jot_close(jot, '}');
	jot_open(jot, "spans", '[');
	otlp->spans = 0;
}

static void end_message(struct otlp *otlp)
{
	for (const char *bracket = "]}]}]}"; *bracket; bracket++)
		jot_close(&otlp->jot, *bracket);
	text_add_char(&otlp->file.text, '\n');
}

static void begin_span(struct otlp *otlp, u32 process, const char *name, size_t length, u64 start, u64 end)
{
	struct jot *jot = &otlp->jot;
	char digits[40];

	if (otlp->spans++ == SPANS_A_LINE) {
		end_message(otlp);
		begin_message(otlp);
		otlp->spans = 1;
	}
	jot_open(jot, NULL, '{');
	snprintf(digits, sizeof(digits), "%016llx%016llx", (unsigned long long)otlp->trace[0],
		 (unsigned long long)otlp->trace[1]);
	jot_string(jot, "traceId", digits);
	jot_span_id(otlp, "spanId", process);
	if (process != RUN_NONE)
		jot_span_id(otlp, "parentSpanId", otlp->run->processes[process].parent);
	jot_bytes(jot, "name", name, length);
	jot_unsigned(jot, "kind", KIND_INTERNAL);
	jot_long(jot, "startTimeUnixNano", run_wall(otlp->run, start));
	jot_long(jot, "endTimeUnixNano", run_wall(otlp->run, end));
	jot_open(jot, "attributes", '[');
}

/* `why` empty: unset, which means that nothing is known to be wrong. */
static void add_status(struct otlp *otlp, const struct text *why)
{
	jot_open(&otlp->jot, "status", '{');
	if (why->length) {
		jot_unsigned(&otlp->jot, "code", STATUS_ERROR);
		jot_bytes(&otlp->jot, "message", why->data, why->length);
	}
	jot_close(&otlp->jot, '}');
}

static void begin_event(struct otlp *otlp, const char *name, u64 time)
{
	jot_open(&otlp->jot, NULL, '{');
	jot_long(&otlp->jot, "timeUnixNano", run_wall(otlp->run, time));
	jot_string(&otlp->jot, "name", name);
	jot_open(&otlp->jot, "attributes", '[');
}

static void end_event(struct otlp *otlp)
{
	jot_close(&otlp->jot, ']');
	jot_close(&otlp->jot, '}');
}

/*
 * All facts and findings lie on the root: facts come by time, not by process, and whom they are about is an attribute.
 */
static void add_run_events(struct otlp *otlp)
{
	const struct run *run = otlp->run;
	const struct findings *findings = otlp->export->findings;

	jot_open(&otlp->jot, "events", '[');
	for (u32 i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		begin_event(otlp, "sonde.finding", finding->from);
		attribute_string(otlp, "sonde.finding.kind", finding->kind);
		attribute_string(otlp, "sonde.finding.sureness", finding_sureness_name(finding->sureness));
		attribute_bytes(otlp, "sonde.finding.title", text_string(&finding->title), finding->title.length);
		attribute_bytes(otlp, "sonde.finding.evidence", text_string(&finding->evidence),
				finding->evidence.length);
		attribute_bytes(otlp, "sonde.finding.advice", text_string(&finding->advice), finding->advice.length);
		end_event(otlp);
	}
	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];
		struct text name = { 0 };

		text_add_format(&name, "sonde.%s", export_fact(fact->kind));
		begin_event(otlp, text_string(&name), fact->time);
		text_free(&name);
		if (fact->process < run->process_count)
			attribute_number(otlp, "process.pid", run->processes[fact->process].pid);
		attribute_number(otlp, "sonde.fact.number", fact->number);
		attribute_text(otlp, "sonde.fact.text", fact->text);
		end_event(otlp);
	}
	jot_close(&otlp->jot, ']');
}

static void add_run(struct otlp *otlp)
{
	const struct run *run = otlp->run;
	struct text title = { 0 }, why = { 0 };
	struct run_bytes command = run_text(run, run->command);

	label_title(&title, run);
	begin_span(otlp, RUN_NONE, title.length ? title.data : "run", title.length ? title.length : strlen("run"),
		   run->start, run->end);
	attribute_number(otlp, "sonde.run.id", run->id);
	attribute_text(otlp, "sonde.run.name", run->name);
	attribute_words(otlp, "process.command_args", command);
	attribute_text(otlp, "process.working_directory", run->directory);
	attribute_number(otlp, "sonde.run.processes", run->process_count);
	if (run_is_counted(run))
		attribute_number(otlp, "sonde.run.events_lost", run->lost);
	if (run->exit_status >= 0)
		attribute_number(otlp, "process.exit.code", run->exit_status);
	jot_close(&otlp->jot, ']');
	add_run_events(otlp);
	if (run->exit_status > 0)
		text_add_format(&why, "exit %d", run->exit_status);
	add_status(otlp, &why);
	jot_close(&otlp->jot, '}');
	text_free(&title);
	text_free(&why);
}

static void add_identity(struct otlp *otlp, u32 index)
{
	const struct run *run = otlp->run;
	const struct run_process *process = &run->processes[index];
	struct run_bytes path = run_text(run, process->executable);
	const char *slash = path.length ? memrchr(path.data, '/', path.length) : NULL;
	struct text created = { 0 };

	attribute_number(otlp, "process.pid", process->pid);
	if (process->parent != RUN_NONE)
		attribute_number(otlp, "process.parent_pid", run->processes[process->parent].pid);
	attribute_number(otlp, "process.group_leader.pid", process->group);
	if (slash)
		attribute_bytes(otlp, "process.executable.name", slash + 1, path.data + path.length - slash - 1);
	attribute_text(otlp, "process.executable.path", process->executable);
	attribute_words(otlp, "process.command_args", run_arguments(run, index));
	attribute_text(otlp, "process.working_directory", process->directory);
	attribute_number(otlp, "process.user.id", process->user);
	attribute_string(otlp, "process.user.name", export_user(otlp->export, process->user));
	export_wall(otlp->export, &created, process->start);
	attribute_bytes(otlp, "process.creation.time", created.data, created.length);
	text_free(&created);
	if (process->container != RUN_NONE) {
		const struct run_container *container = &run->containers[process->container];

		attribute_text(otlp, "container.id", container->id);
		attribute_text(otlp, "container.name", container->name);
		attribute_text(otlp, "container.image.name", container->image);
		attribute_text(otlp, "container.runtime", container->runtime);
	}
}

static void add_process(struct otlp *otlp, u32 index)
{
	const struct run *run = otlp->run;
	const struct run_process *process = &run->processes[index];
	struct run_bytes tool = run_text(run, run->tools[process->tool].name);
	struct text why = { 0 };

	begin_span(otlp, index, tool.data, tool.length, process->start, process->end);
	add_identity(otlp, index);
	attribute_text(otlp, "sonde.tool.name", run->tools[process->tool].name);
	if (process->task != RUN_NONE) {
		attribute_text(otlp, "sonde.task.name", run->tasks[process->task].name);
		attribute_text(otlp, "sonde.task.group", run->tasks[process->task].group);
	}
	if (otlp->export->is_critical[index])
		attribute_true(otlp, "sonde.critical_path");
	if (!process->signal && !(process->flags & (RUN_PROCESS_LIVING | RUN_PROCESS_NO_LEDGER)))
		attribute_number(otlp, "process.exit.code", process->code);
	if (process->signal)
		attribute_string(otlp, "sonde.exit.signal", word_signal(process->signal));
	add_costs(otlp, &process->costs);
	jot_close(&otlp->jot, ']');
	if (sum_failed(process))
		label_outcome(&why, process);
	add_status(otlp, &why);
	jot_close(&otlp->jot, '}');
	text_free(&why);
}

int export_otlp(const struct export *export, const char *path)
{
	struct otlp otlp = { .export = export, .run = export->run };
	int status = file_open(&otlp.file, path);

	if (status)
		return status;
	otlp.jot.out = &otlp.file.text;
	make_trace_id(&otlp);
	begin_message(&otlp);
	add_run(&otlp);
	for (u32 i = 0; i < export->run->process_count && file_some(&otlp.file); i++)
		add_process(&otlp, i);
	end_message(&otlp);
	return file_close(&otlp.file, true);
}
