/*
 * A run as CSV tables in a directory, for spreadsheets, R and pandas. Quoted as RFC 4180 says; a row is always one line
 * (escape_terminal), lines end in LF. Text that a spreadsheet would take for a formula gets an apostrophe in front:
 * names in a run are chosen by others, and opening a table must not run anything. The exact bytes are in the JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/message.h"
#include "report/export.h"
#include "books/label.h"
#include "books/sum.h"
#include "event/words.h"
#include "wire/net.h"

struct csv {
	const struct export *export;
	const struct run *run;
	struct file file;
	struct text cell, escaped;	/* scratch */
	bool more;			/* the line has a cell */
};

static void separate(struct csv *csv)
{
	if (csv->more)
		text_add_char(&csv->file.text, ',');
	csv->more = true;
}

/* RFC 4180: quoted if it has a comma, a quote or a line break, quotes doubled. */
static void add_quoted(struct text *out, const char *at, size_t length)
{
	bool quote = false;

	for (size_t i = 0; i < length && !quote; i++)
		quote = at[i] == ',' || at[i] == '"' || at[i] == '\n' || at[i] == '\r';
	if (!quote) {
		text_add_bytes(out, at, length);
		return;
	}
	text_add_char(out, '"');
	for (size_t i = 0; i < length; i++) {
		if (at[i] == '"')
			text_add_char(out, '"');
		text_add_char(out, at[i]);
	}
	text_add_char(out, '"');
}

static void cell_bytes(struct csv *csv, const void *bytes, size_t length)
{
	text_reset(&csv->escaped);
	escape_terminal(&csv->escaped, bytes, length);
	separate(csv);
	if (csv->escaped.length && strchr("=+-@", csv->escaped.data[0])) {
		text_reset(&csv->cell);
		text_add_char(&csv->cell, '\'');
		text_add_bytes(&csv->cell, csv->escaped.data, csv->escaped.length);
		add_quoted(&csv->file.text, csv->cell.data, csv->cell.length);
	} else {
		add_quoted(&csv->file.text, text_string(&csv->escaped), csv->escaped.length);
	}
}

static void cell_string(struct csv *csv, const char *string)
{
	cell_bytes(csv, string ? string : "", string ? strlen(string) : 0);
}

static void cell_text(struct csv *csv, u32 text)
{
	struct run_bytes bytes = run_text(csv->run, text);

	cell_bytes(csv, bytes.data, bytes.length);
}

static void cell_number(struct csv *csv, u64 value)
{
	separate(csv);
	text_add_u64(&csv->file.text, value);
}

/* Empty if it is not known. */
static void cell_known(struct csv *csv, u64 value)
{
	separate(csv);
	if (value != ~0ULL)
		text_add_u64(&csv->file.text, value);
}

/* Empty if it is 0: not known, or none. */
static void cell_nonzero(struct csv *csv, u64 value)
{
	cell_known(csv, value ? value : ~0ULL);
}

static void cell_signed(struct csv *csv, s64 value)
{
	separate(csv);
	text_add_i64(&csv->file.text, value);
}

/* Empty if it points nowhere. */
static void cell_index(struct csv *csv, u32 index)
{
	cell_known(csv, index == RUN_NONE ? ~0ULL : index);
}

static void cell_time(struct csv *csv, u64 time)
{
	cell_signed(csv, export_time(csv->export, time));
}

static void cell_costs(struct csv *csv, const struct costs *costs)
{
	for (size_t i = 0; i < cost_count; i++)
		cell_number(csv, cost_value(costs, &cost_list[i]));
}

static bool end_line(struct csv *csv)
{
	text_add_char(&csv->file.text, '\n');
	csv->more = false;
	return file_some(&csv->file);
}

/* "cpu.time_ns" as a column: cpu_time_ns. */
static void head_costs(struct csv *csv)
{
	for (size_t i = 0; i < cost_count; i++) {
		separate(csv);
		for (const char *at = cost_list[i].key; *at; at++)
			text_add_char(&csv->file.text, *at == '.' ? '_' : *at);
	}
}

static void add_sum_head(struct csv *csv, const char *head)
{
	csv->more = true;
	text_add(&csv->file.text, head);
	text_add(&csv->file.text, ",processes,failures,first_ns,last_ns,lifetime_ns,covered_ns,sampled_memory");
	head_costs(csv);
	end_line(csv);
}

static bool add_sum(struct csv *csv, const struct sum_row *row)
{
	cell_number(csv, row->processes);
	cell_number(csv, row->failures);
	cell_time(csv, row->first);
	cell_time(csv, row->last);
	cell_number(csv, row->lifetime);
	cell_number(csv, row->covered);
	cell_number(csv, row->sampled_memory);
	cell_costs(csv, &row->costs);
	return end_line(csv);
}

static void add_tools(struct csv *csv)
{
	u32 count;
	struct sum_row *rows = sum_make(csv->run, SUM_TOOL, &count);
	bool good = true;

	add_sum_head(csv, "tool,name,executable");
	for (u32 i = 0; i < count && good; i++) {
		const struct run_tool *tool = &csv->run->tools[rows[i].index];

		cell_number(csv, rows[i].index);
		cell_text(csv, tool->name);
		cell_text(csv, tool->executable);
		good = add_sum(csv, &rows[i]);
	}
	free(rows);
}

static void add_tasks(struct csv *csv)
{
	u32 count;
	struct sum_row *rows = sum_make(csv->run, SUM_TASK, &count);
	bool good = true;

	add_sum_head(csv, "task,name,group,rule,parent,working_directory,cpus,memory_given");
	for (u32 i = 0; i < count && good; i++) {
		static const struct run_task none = {
			.name = RUN_NONE, .group = RUN_NONE, .rule = RUN_NONE, .parent = RUN_NONE, .directory = RUN_NONE
		};
		const struct run_task *task = rows[i].index == RUN_NONE ? &none : &csv->run->tasks[rows[i].index];

		cell_index(csv, rows[i].index);
		cell_text(csv, task->name);
		cell_text(csv, task->group);
		cell_text(csv, task->rule);
		cell_index(csv, task->parent);
		cell_text(csv, task->directory);
		cell_nonzero(csv, task->cpus);
		cell_nonzero(csv, task->memory);
		good = add_sum(csv, &rows[i]);
	}
	free(rows);
}

static void add_processes(struct csv *csv)
{
	const struct run *run = csv->run;
	struct text text = { 0 };
	bool good = true;

	text_add(&csv->file.text,
		 "process,pid,parent,started,start_ns,end_ns,tool,tool_name,task,task_name,container,"
		 "container_name,user,user_name,executable,command,working_directory,threads,code,signal,critical");
	csv->more = true;
	head_costs(csv);
	end_line(csv);
	for (u32 i = 0; i < run->process_count && good; i++) {
		const struct run_process *process = &run->processes[i];
		bool ended = !(process->flags & (RUN_PROCESS_LIVING | RUN_PROCESS_NO_LEDGER));

		cell_number(csv, i);
		cell_number(csv, process->pid);
		cell_index(csv, process->parent);
		text_reset(&text);
		export_wall(csv->export, &text, process->start);
		cell_bytes(csv, text.data, text.length);
		cell_time(csv, process->start);
		cell_time(csv, process->end);
		cell_index(csv, process->tool);
		cell_text(csv, run->tools[process->tool].name);
		cell_index(csv, process->task);
		cell_text(csv, process->task == RUN_NONE ? RUN_NONE : run->tasks[process->task].name);
		cell_index(csv, process->container);
		cell_text(csv, process->container == RUN_NONE ? RUN_NONE : run->containers[process->container].name);
		cell_number(csv, process->user);
		cell_string(csv, export_user(csv->export, process->user));
		cell_text(csv, process->executable);
		text_reset(&text);
		label_command(&text, run, i);
		cell_bytes(csv, text_string(&text), text.length);
		cell_text(csv, process->directory);
		cell_number(csv, process->threads);
		if (ended && !process->signal)
			cell_signed(csv, process->code);
		else
			cell_string(csv, NULL);
		cell_string(csv, process->signal ? word_signal(process->signal) : NULL);
		cell_number(csv, csv->export->is_critical[i]);
		cell_costs(csv, &process->costs);
		good = end_line(csv);
	}
	text_free(&text);
}

static void add_samples(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text,
		 "time_ns,process,pid,state,threads,cpu_time_ns,cpu_wait_ns,memory,disk_read,disk_write,io_read,"
		 "io_write\n");
	for (u32 i = 0; i < run->sample_count && good; i++) {
		const struct run_sample *sample = &run->samples[i];

		cell_time(csv, sample->time);
		cell_number(csv, sample->process);
		cell_number(csv, run->processes[sample->process].pid);
		cell_string(csv, export_activity(sample->state));
		cell_number(csv, sample->threads);
		cell_number(csv, sample->cpu);
		cell_number(csv, sample->cpu_wait);
		cell_number(csv, sample->memory);
		cell_number(csv, sample->disk_read);
		cell_number(csv, sample->disk_write);
		cell_number(csv, sample->read);
		cell_number(csv, sample->write);
		good = end_line(csv);
	}
}

static void add_host(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text,
		 "time_ns,cpu_busy_ns,cpu_iowait_ns,cpu_steal_ns,memory_used,memory_available,swap_used,disk_read,"
		 "disk_write,disk_busy_ns,network_received,network_sent,pressure_cpu_ns,pressure_memory_ns,"
		 "pressure_io_ns,load,runnable\n");
	for (u32 i = 0; i < run->host_sample_count && good; i++) {
		const struct run_host_sample *sample = &run->host_samples[i];
		char load[32];

		cell_time(csv, sample->time);
		cell_known(csv, sample->cpu_busy);
		cell_known(csv, sample->cpu_iowait);
		cell_known(csv, sample->cpu_steal);
		cell_known(csv, sample->memory_used);
		cell_known(csv, sample->memory_available);
		cell_known(csv, sample->swap_used);
		cell_known(csv, sample->disk_read);
		cell_known(csv, sample->disk_write);
		cell_known(csv, sample->disk_busy);
		cell_known(csv, sample->network_received);
		cell_known(csv, sample->network_sent);
		cell_known(csv, sample->pressure_cpu);
		cell_known(csv, sample->pressure_memory);
		cell_known(csv, sample->pressure_io);
		snprintf(load, sizeof(load), "%u.%02u", sample->load / 100, sample->load % 100);
		cell_string(csv, load);
		cell_number(csv, sample->runnable);
		good = end_line(csv);
	}
}

static void add_facts(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text, "time_ns,kind,process,other,number,text\n");
	for (u32 i = 0; i < run->fact_count && good; i++) {
		cell_time(csv, run->facts[i].time);
		cell_string(csv, export_fact(run->facts[i].kind));
		cell_index(csv, run->facts[i].process);
		cell_index(csv, run->facts[i].other);
		cell_signed(csv, run->facts[i].number);
		cell_text(csv, run->facts[i].text);
		good = end_line(csv);
	}
}

static void add_peers(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text,
		 "process,address,port,transport,direction,connections,failures,broken,error,sent,received,retransmits,"
		 "packets_sent,packets_received,latency_ns,first_ns,last_ns\n");
	for (u32 i = 0; i < run->peer_count && good; i++) {
		const struct run_peer *peer = &run->peers[i];

		cell_index(csv, peer->process);
		cell_text(csv, peer->address);
		cell_number(csv, peer->port);
		cell_string(csv, word_transport(peer->transport));
		cell_string(csv, peer->direction == NET_IN ? "in" : "out");
		cell_number(csv, peer->connections);
		cell_number(csv, peer->failures);
		cell_number(csv, peer->broken);
		cell_string(csv, peer->error ? word_errno(peer->error) : NULL);
		cell_number(csv, peer->sent);
		cell_number(csv, peer->received);
		cell_number(csv, peer->retransmits);
		cell_number(csv, peer->packets_sent);
		cell_number(csv, peer->packets_received);
		cell_number(csv, peer->latency);
		cell_time(csv, peer->first);
		cell_time(csv, peer->last);
		good = end_line(csv);
	}
}

static void add_drops(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text,
		 "process,reason,function,interface,network_namespace,protocol,source,source_port,destination,"
		 "destination_port,packets,bytes,first_ns,last_ns\n");
	for (u32 i = 0; i < run->drop_count && good; i++) {
		const struct run_drop *drop = &run->drops[i];

		cell_index(csv, drop->process);
		cell_text(csv, drop->reason);
		cell_text(csv, drop->function);
		cell_text(csv, drop->interface);
		cell_nonzero(csv, drop->network_namespace);
		cell_nonzero(csv, drop->protocol);
		cell_text(csv, drop->source);
		cell_nonzero(csv, drop->source_port);
		cell_text(csv, drop->destination);
		cell_nonzero(csv, drop->destination_port);
		cell_number(csv, drop->packets);
		cell_number(csv, drop->bytes);
		cell_time(csv, drop->first);
		cell_time(csv, drop->last);
		good = end_line(csv);
	}
}

static void add_files(struct csv *csv)
{
	const struct run *run = csv->run;
	bool good = true;

	text_add(&csv->file.text, "tool,tool_name,path,reads,writes,creates,removes,failures,processes,size\n");
	for (u32 i = 0; i < run->file_count && good; i++) {
		const struct run_file *file = &run->files[i];

		cell_index(csv, file->tool);
		cell_text(csv, file->tool < run->tool_count ? run->tools[file->tool].name : RUN_NONE);
		cell_text(csv, file->path);
		cell_number(csv, file->reads);
		cell_number(csv, file->writes);
		cell_number(csv, file->creates);
		cell_number(csv, file->removes);
		cell_number(csv, file->failures);
		cell_number(csv, file->processes);
		cell_number(csv, file->size);
		good = end_line(csv);
	}
}

static int add_table(struct csv *csv, const char *directory, const char *name, void (*add)(struct csv *csv))
{
	struct text path = { 0 };
	int status;

	text_add_format(&path, "%s/%s.csv", directory, name);
	status = file_open(&csv->file, text_string(&path));
	text_free(&path);
	if (status)
		return status;
	csv->more = false;
	add(csv);
	return file_close(&csv->file, true);
}

int export_csv(const struct export *export, const char *directory)
{
	static const struct { const char *name; void (*add)(struct csv *csv); } tables[] = {
		{ "processes", add_processes }, { "tools", add_tools }, { "tasks", add_tasks },
		{ "samples", add_samples }, { "host", add_host }, { "facts", add_facts },
		{ "peers", add_peers }, { "drops", add_drops }, { "files", add_files },
	};
	struct csv csv = { .export = export, .run = export->run };
	int status = 0;

	if (mkdir(directory, 0777) && errno != EEXIST) {
		status = -errno;
		message_error("cannot make the directory %s: %s", directory, strerror(-status));
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !status; i++)
		status = add_table(&csv, directory, tables[i].name, tables[i].add);
	text_free(&csv.cell);
	text_free(&csv.escaped);
	return status;
}
