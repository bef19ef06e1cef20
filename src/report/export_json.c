/*
 * All of a run as one JSON object, a row a line. Rows refer to each other by their place in their array, as in run.h; a
 * member that does not apply is absent.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "report/export.h"
#include "report/size_jot.h"
#include "books/run_jot.h"
#include "event/words.h"

struct writer {
	const struct export *export;
	const struct run *run;
	struct file file;
	struct jot jot;
};

static void jot_index(struct jot *jot, const char *key, u32 index)
{
	if (index != RUN_NONE)
		jot_unsigned(jot, key, index);
}

static void jot_time(struct writer *writer, const char *key, u64 time)
{
	run_jot_time(writer->run, &writer->jot, key, time);
}

static void add_totals(struct writer *writer)
{
	u32 count;
	struct sum_row *rows = sum_make(writer->run, SUM_TOTAL, &count);

	jot_open(&writer->jot, "totals", '{');
	run_jot_sum(writer->run, &writer->jot, count ? rows : NULL);
	jot_close(&writer->jot, '}');
	free(rows);
}

/* The sums of a table by index, NULL where there is none; `rows` is what to free after. */
static const struct sum_row **sums_by_index(const struct run *run, enum sum_by by, u32 length, struct sum_row **rows)
{
	const struct sum_row **found = xcalloc((size_t)length + 1, sizeof(*found));
	u32 count;

	*rows = sum_make(run, by, &count);
	for (u32 i = 0; i < count; i++)
		if ((*rows)[i].index < length)
			found[(*rows)[i].index] = &(*rows)[i];
	return found;
}

static void begin_rows(struct writer *writer, const char *key)
{
	jot_open(&writer->jot, key, '[');
}

static bool begin_row(struct writer *writer)
{
	if (writer->jot.more)
		text_add_char(&writer->file.text, ',');
	text_add_char(&writer->file.text, '\n');
	writer->jot.more = false;
	jot_open(&writer->jot, NULL, '{');
	return file_some(&writer->file);
}

static void end_row(struct writer *writer)
{
	jot_close(&writer->jot, '}');
}

static void end_rows(struct writer *writer)
{
	jot_close(&writer->jot, ']');
}

static void add_tools(struct writer *writer)
{
	const struct run *run = writer->run;
	struct sum_row *rows;
	const struct sum_row **sums = sums_by_index(run, SUM_TOOL, run->tool_count, &rows);

	begin_rows(writer, "tools");
	for (u32 i = 0; i < run->tool_count && begin_row(writer); i++) {
		run_jot_text(run, &writer->jot, "name", run->tools[i].name);
		run_jot_text(run, &writer->jot, "executable", run->tools[i].executable);
		run_jot_sum(run, &writer->jot, sums[i]);
		end_row(writer);
	}
	end_rows(writer);
	free(sums);
	free(rows);
}

static void add_tasks(struct writer *writer)
{
	const struct run *run = writer->run;
	struct sum_row *rows;
	const struct sum_row **sums = sums_by_index(run, SUM_TASK, run->task_count, &rows);

	begin_rows(writer, "tasks");
	for (u32 i = 0; i < run->task_count && begin_row(writer); i++) {
		const struct run_task *task = &run->tasks[i];

		run_jot_task(run, &writer->jot, task);
		jot_index(&writer->jot, "parent", task->parent);
		jot_index(&writer->jot, "process", task->process);
		run_jot_sum(run, &writer->jot, sums[i]);
		end_row(writer);
	}
	end_rows(writer);
	free(sums);
	free(rows);
}

static void add_containers(struct writer *writer)
{
	const struct run *run = writer->run;
	struct sum_row *rows;
	const struct sum_row **sums = sums_by_index(run, SUM_CONTAINER, run->container_count, &rows);

	begin_rows(writer, "containers");
	for (u32 i = 0; i < run->container_count && begin_row(writer); i++) {
		run_jot_container(run, &writer->jot, &run->containers[i]);
		run_jot_sum(run, &writer->jot, sums[i]);
		end_row(writer);
	}
	end_rows(writer);
	free(sums);
	free(rows);
}

static void add_users(struct writer *writer)
{
	u32 count;
	struct sum_row *rows = sum_make(writer->run, SUM_USER, &count);

	begin_rows(writer, "users");
	for (u32 i = 0; i < count && begin_row(writer); i++) {
		const char *name = export_user(writer->export, rows[i].index);

		jot_unsigned(&writer->jot, "id", rows[i].index);
		if (name)
			jot_string(&writer->jot, "name", name);
		run_jot_sum(writer->run, &writer->jot, &rows[i]);
		end_row(writer);
	}
	end_rows(writer);
	free(rows);
}

static void add_exit(struct jot *jot, const struct run_process *process)
{
	const char *signal = process->signal ? word_signal(process->signal) : NULL;

	if (process->flags & (RUN_PROCESS_LIVING | RUN_PROCESS_NO_LEDGER))
		return;
	jot_open(jot, "exit", '{');
	if (process->signal)
		jot_unsigned(jot, "signal_number", process->signal);
	else
		jot_signed(jot, "code", process->code);
	if (signal)
		jot_string(jot, "signal", signal);
	jot_close(jot, '}');
}

static void add_flags(struct jot *jot, u16 flags)
{
	static const char *const names[] = { "earlier", "living", "core_dumped", "oom_killed",
					     "left", "no_ledger", "threaded", "arguments_cut" };

	jot_open(jot, "flags", '[');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags >> i & 1)
			jot_string(jot, NULL, names[i]);
	jot_close(jot, ']');
}

static void add_processes(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "processes");
	for (u32 i = 0; i < run->process_count && begin_row(writer); i++) {
		const struct run_process *process = &run->processes[i];
		struct run_bytes arguments = run_arguments(run, i);

		jot_unsigned(jot, "pid", process->pid);
		jot_index(jot, "parent", process->parent);
		jot_unsigned(jot, "group", process->group);
		jot_time(writer, "start_ns", process->start);
		jot_time(writer, "end_ns", process->end);
		if (process->exec)
			jot_time(writer, "exec_ns", process->exec);
		jot_index(jot, "tool", process->tool);
		jot_index(jot, "task", process->task);
		jot_index(jot, "container", process->container);
		jot_unsigned(jot, "user", process->user);
		run_jot_text(run, jot, "executable", process->executable);
		jot_words(jot, "command_args", arguments.data, arguments.length);
		run_jot_text(run, jot, "working_directory", process->directory);
		jot_unsigned(jot, "threads", process->threads);
		add_exit(jot, process);
		add_flags(jot, process->flags);
		costs_jot(&process->costs, jot);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_samples(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "samples");
	for (u32 i = 0; i < run->sample_count && begin_row(writer); i++) {
		const struct run_sample *sample = &run->samples[i];

		jot_time(writer, "time_ns", sample->time);
		jot_unsigned(jot, "process", sample->process);
		jot_string(jot, "state", export_activity(sample->state));
		jot_unsigned(jot, "threads", sample->threads);
		jot_unsigned(jot, "cpu_time_ns", sample->cpu);
		jot_unsigned(jot, "cpu_wait_ns", sample->cpu_wait);
		jot_unsigned(jot, "memory", sample->memory);
		jot_unsigned(jot, "disk_read", sample->disk_read);
		jot_unsigned(jot, "disk_write", sample->disk_write);
		jot_unsigned(jot, "io_read", sample->read);
		jot_unsigned(jot, "io_write", sample->write);
		end_row(writer);
	}
	end_rows(writer);
}

static void jot_known(struct jot *jot, const char *key, u64 value)
{
	if (value != ~0ULL)
		jot_unsigned(jot, key, value);
}

static void add_host_samples(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "host_samples");
	for (u32 i = 0; i < run->host_sample_count && begin_row(writer); i++) {
		const struct run_host_sample *sample = &run->host_samples[i];

		jot_time(writer, "time_ns", sample->time);
		jot_known(jot, "cpu_busy_ns", sample->cpu_busy);
		jot_known(jot, "cpu_iowait_ns", sample->cpu_iowait);
		jot_known(jot, "cpu_steal_ns", sample->cpu_steal);
		jot_known(jot, "memory_used", sample->memory_used);
		jot_known(jot, "memory_available", sample->memory_available);
		jot_known(jot, "swap_used", sample->swap_used);
		jot_known(jot, "disk_read", sample->disk_read);
		jot_known(jot, "disk_write", sample->disk_write);
		jot_known(jot, "disk_busy_ns", sample->disk_busy);
		jot_known(jot, "network_received", sample->network_received);
		jot_known(jot, "network_sent", sample->network_sent);
		jot_known(jot, "pressure_cpu_ns", sample->pressure_cpu);
		jot_known(jot, "pressure_memory_ns", sample->pressure_memory);
		jot_known(jot, "pressure_io_ns", sample->pressure_io);
		jot_real(jot, "load", sample->load / 100.0, 2);
		jot_unsigned(jot, "runnable", sample->runnable);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_facts(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "facts");
	for (u32 i = 0; i < run->fact_count && begin_row(writer); i++) {
		const struct run_fact *fact = &run->facts[i];

		jot_time(writer, "time_ns", fact->time);
		jot_string(jot, "kind", export_fact(fact->kind));
		jot_index(jot, "process", fact->process);
		jot_index(jot, "other", fact->other);
		jot_signed(jot, "number", fact->number);
		run_jot_text(run, jot, "text", fact->text);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_peers(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "peers");
	for (u32 i = 0; i < run->peer_count && begin_row(writer); i++) {
		const struct run_peer *peer = &run->peers[i];

		jot_index(jot, "process", peer->process);
		run_jot_peer(run, jot, peer);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_drops(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "drops");
	for (u32 i = 0; i < run->drop_count && begin_row(writer); i++) {
		jot_index(jot, "process", run->drops[i].process);
		run_jot_drop(run, jot, &run->drops[i]);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_files(struct writer *writer)
{
	const struct run *run = writer->run;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "files");
	for (u32 i = 0; i < run->file_count && begin_row(writer); i++) {
		const struct run_file *file = &run->files[i];

		jot_index(jot, "tool", file->tool);
		run_jot_file(run, jot, file);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_critical(struct writer *writer)
{
	struct jot *jot = &writer->jot;

	begin_rows(writer, "critical_path");
	for (u32 i = 0; i < writer->export->critical_count && begin_row(writer); i++) {
		const struct critical_link *link = &writer->export->critical[i];

		jot_index(jot, "process", link->process);
		run_jot_link(writer->run, jot, link);
		end_row(writer);
	}
	end_rows(writer);
}

static void add_findings(struct writer *writer)
{
	const struct findings *findings = writer->export->findings;
	struct jot *jot = &writer->jot;

	begin_rows(writer, "findings");
	for (u32 i = 0; i < findings->count && begin_row(writer); i++) {
		const struct finding *finding = &findings->items[i];

		jot_string(jot, "kind", finding->kind);
		jot_string(jot, "sureness", finding_sureness_name(finding->sureness));
		jot_index(jot, "tool", finding->tool);
		jot_index(jot, "task", finding->task);
		jot_index(jot, "process", finding->process);
		jot_time(writer, "from_ns", finding->from);
		jot_time(writer, "to_ns", finding->to);
		jot_unsigned(jot, "lost_ns", finding->lost);
		jot_bytes(jot, "title", text_string(&finding->title), finding->title.length);
		jot_bytes(jot, "evidence", text_string(&finding->evidence), finding->evidence.length);
		jot_bytes(jot, "advice", text_string(&finding->advice), finding->advice.length);
		end_row(writer);
	}
	end_rows(writer);
}

int export_json(const struct export *export, const char *path)
{
	struct writer writer = { .export = export, .run = export->run };
	int status = file_open(&writer.file, path);

	if (status)
		return status;
	writer.jot.out = &writer.file.text;
	jot_open(&writer.jot, NULL, '{');
	jot_string(&writer.jot, "format", "sonde run");
	jot_unsigned(&writer.jot, "version", 1);
	jot_open(&writer.jot, "run", '{');
	run_jot_head(export->run, &writer.jot);
	if (run_is_counted(export->run)) {
		jot_unsigned(&writer.jot, "events_produced", export->run->produced);
		jot_unsigned(&writer.jot, "events_lost", export->run->lost);
	}
	jot_close(&writer.jot, '}');
	jot_open(&writer.jot, "host", '{');
	run_jot_host(export->run, &writer.jot);
	jot_close(&writer.jot, '}');
	add_totals(&writer);
	add_findings(&writer);
	size_jot(export->run, &writer.jot, export->prices);
	add_critical(&writer);
	add_tools(&writer);
	add_tasks(&writer);
	add_containers(&writer);
	add_users(&writer);
	add_processes(&writer);
	add_samples(&writer);
	add_host_samples(&writer);
	add_facts(&writer);
	add_peers(&writer);
	add_drops(&writer);
	add_files(&writer);
	jot_close(&writer.jot, '}');
	text_add_char(&writer.file.text, '\n');
	return file_close(&writer.file, true);
}
