/*
 * What the page shows beside processes. Times are microseconds since the run's start, memory and rates whole numbers;
 * sums are exact, in the units of costs.def, so that a table of the page says what the report says.
 */
#include "report/page_data.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "books/label.h"
#include "books/order.h"
#include "books/series.h"
#include "books/sum.h"
#include "event/words.h"
#include "report/report_part.h"
#include "report/size_jot.h"
#include "wire/net.h"

#ifndef SONDE_VERSION
#define SONDE_VERSION "unreleased"
#endif

#define STEPS 4000	/* of the charts */
#define MOST_ROWS 5000	/* of peers, drops, files and facts */

struct data {
	struct file *file;
	struct jot jot;
	const struct export *export;
	const struct run *run;
	const u32 *place;	/* by process: where it stands in the page */
};

/* Bytes that others chose, as they may be shown to a person: no control characters, no changes of direction. */
static void jot_shown(struct jot *jot, const char *key, const void *bytes, size_t length)
{
	struct text shown = { 0 };

	escape_terminal(&shown, bytes, length);
	jot_bytes(jot, key, text_string(&shown), shown.length);
	text_free(&shown);
}

static void jot_text(struct data *data, const char *key, u32 text)
{
	struct run_bytes bytes = run_text(data->run, text);

	jot_shown(&data->jot, key, bytes.data, bytes.length);
}

static void jot_time(struct data *data, const char *key, u64 time)
{
	jot_signed(&data->jot, key, export_time(data->export, time) / 1000);
}

static s64 place_of(const struct data *data, u32 process)
{
	return process < data->run->process_count ? (s64)data->place[process] : -1;
}

static void add_run(struct data *data)
{
	static const char *const states[] = {
		[RUN_RECORDING] = "recording", [RUN_FINISHED] = "finished", [RUN_INTERRUPTED] = "interrupted"
	};
	const struct run *run = data->run;
	struct jot *jot = &data->jot;
	struct text title = { 0 };

	label_title(&title, run);
	jot_open(jot, "run", '{');
	jot_unsigned(jot, "id", run->id);
	jot_text(data, "name", run->name);
	jot_bytes(jot, "title", text_string(&title), page_cut(text_string(&title), title.length, 200));
	jot_string(jot, "kind", run->kind == RUN_COMMAND ? "command" : "scope");
	jot_string(jot, "state", states[run->state]);
	jot_signed(jot, "exit", run->exit_status);
	jot_signed(jot, "started", run_wall(run, run->start) / 1000000);
	jot_time(data, "wall", run->end);
	jot_text(data, "directory", run->directory);
	if (export_user(data->export, run->user))
		jot_string(jot, "user", export_user(data->export, run->user));
	jot_unsigned(jot, "interval", run->interval / 1000);
	if (run_is_counted(run)) {
		jot_unsigned(jot, "produced", run->produced);
		jot_unsigned(jot, "lost", run->lost);
		jot_unsigned(jot, "overhead", run->overhead.cpu);
	}
	jot_text(data, "host", run->host.name);
	jot_text(data, "kernel", run->host.kernel);
	jot_text(data, "model", run->host.model);
	jot_unsigned(jot, "cpus", run->host.cpus);
	jot_unsigned(jot, "allowed", run->host.cpus_allowed);
	jot_unsigned(jot, "memory", run->host.memory);
	jot_unsigned(jot, "limit", run->host.memory_limit);
	jot_string(jot, "sonde", SONDE_VERSION);
	jot_close(jot, '}');
	text_free(&title);
}

/* The members of an array of objects that sums have in common. */
static void add_sum(struct data *data, const struct sum_row *row)
{
	struct jot *jot = &data->jot;

	jot_unsigned(jot, "processes", row->processes);
	jot_unsigned(jot, "failures", row->failures);
	jot_time(data, "first", row->first);
	jot_time(data, "last", row->last);
	jot_unsigned(jot, "covered", row->covered / 1000);
	jot_unsigned(jot, "together", row->sampled_memory);
	for (size_t i = 0; i < cost_count; i++)
		if (cost_value(&row->costs, &cost_list[i]))	/* absent is 0 */
			jot_unsigned(jot, cost_list[i].name, cost_value(&row->costs, &cost_list[i]));
}

static void add_name(struct data *data, enum sum_by by, u32 index)
{
	const struct run *run = data->run;
	struct jot *jot = &data->jot;
	const char *user;

	jot_signed(jot, "index", index == RUN_NONE ? -1 : (s64)index);
	if (by == SUM_USER) {
		user = export_user(data->export, index);
		if (user)
			jot_string(jot, "name", user);
	} else if (index == RUN_NONE) {
		return;
	} else if (by == SUM_TOOL) {
		jot_text(data, "name", run->tools[index].name);
		jot_text(data, "executable", run->tools[index].executable);
	} else if (by == SUM_CONTAINER) {
		const struct run_container *container = &run->containers[index];

		jot_text(data, "name", container->name == RUN_NONE ? container->id : container->name);
		jot_text(data, "image", container->image);
	}
}

static void add_sums(struct data *data, const char *key, enum sum_by by)
{
	u32 count;
	struct sum_row *rows = sum_make(data->run, by, &count);

	jot_open(&data->jot, key, '[');
	for (u32 i = 0; i < count; i++) {
		jot_open(&data->jot, NULL, '{');
		add_name(data, by, rows[i].index);
		add_sum(data, &rows[i]);
		jot_close(&data->jot, '}');
		file_some(data->file);
	}
	jot_close(&data->jot, ']');
	free(rows);
}

static void add_task_texts(struct data *data, const char *key, size_t offset)
{
	jot_open(&data->jot, key, '[');
	for (u32 i = 0; i < data->run->task_count; i++)
		jot_text(data, NULL, *(const u32 *)((const char *)&data->run->tasks[i] + offset));
	jot_close(&data->jot, ']');
	file_some(data->file);
}

/* There can be as many as processes; what they cost the page adds up itself. */
static void add_tasks(struct data *data)
{
	const struct run *run = data->run;
	struct jot *jot = &data->jot;

	jot_open(jot, "tasks", '{');
	add_task_texts(data, "name", offsetof(struct run_task, name));
	add_task_texts(data, "group", offsetof(struct run_task, group));
	add_task_texts(data, "rule", offsetof(struct run_task, rule));
	jot_open(jot, "cpus", '[');
	for (u32 i = 0; i < run->task_count; i++)
		jot_unsigned(jot, NULL, run->tasks[i].cpus);
	jot_close(jot, ']');
	jot_open(jot, "memory", '[');
	for (u32 i = 0; i < run->task_count; i++)
		jot_unsigned(jot, NULL, run->tasks[i].memory);
	jot_close(jot, ']');
	jot_close(jot, '}');
}

static void add_findings(struct data *data)
{
	const struct findings *findings = data->export->findings;
	struct jot *jot = &data->jot;

	jot_open(jot, "findings", '[');
	for (u32 i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		jot_open(jot, NULL, '{');
		jot_string(jot, "kind", finding->kind);
		jot_string(jot, "sureness", finding_sureness_name(finding->sureness));
		jot_signed(jot, "tool", finding->tool == RUN_NONE ? -1 : (s64)finding->tool);
		jot_signed(jot, "task", finding->task == RUN_NONE ? -1 : (s64)finding->task);
		jot_signed(jot, "process", place_of(data, finding->process));
		jot_time(data, "from", finding->from);
		jot_time(data, "to", finding->to);
		jot_unsigned(jot, "lost", finding->lost / 1000);
		jot_shown(jot, "title", text_string(&finding->title), finding->title.length);
		jot_shown(jot, "evidence", text_string(&finding->evidence), finding->evidence.length);
		jot_shown(jot, "advice", text_string(&finding->advice), finding->advice.length);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
}

/* Six numbers a link: process, length, and what it was spent on. Each begins where the one before ends. */
static void add_critical(struct data *data)
{
	struct jot *jot = &data->jot;

	jot_open(jot, "critical", '[');
	for (u32 i = 0; i < data->export->critical_count; i++) {
		const struct critical_link *link = &data->export->critical[i];

		jot_open(jot, NULL, '[');
		jot_signed(jot, NULL, place_of(data, link->process));
		jot_signed(jot, NULL,
			   export_time(data->export, link->to) / 1000 - export_time(data->export, link->from) / 1000);
		jot_unsigned(jot, NULL, link->cpu / 1000);
		jot_unsigned(jot, NULL, link->cpu_wait / 1000);
		jot_unsigned(jot, NULL, link->disk / 1000);
		jot_unsigned(jot, NULL, link->network / 1000);
		jot_close(jot, ']');
		file_some(data->file);
	}
	jot_close(jot, ']');
}

static void add_series(struct data *data, const char *key, struct series *series)
{
	static const struct { const char *name; size_t offset; unsigned int digits; } columns[] = {
		{ "cpu", offsetof(struct series_step, cpu), 3 },
		{ "wait", offsetof(struct series_step, cpu_wait), 3 },
		{ "memory", offsetof(struct series_step, memory), 0 },
		{ "read", offsetof(struct series_step, disk_read), 0 },
		{ "write", offsetof(struct series_step, disk_write), 0 },
		{ "received", offsetof(struct series_step, received), 0 },
		{ "sent", offsetof(struct series_step, sent), 0 },
	};

	jot_open(&data->jot, key, '{');
	jot_real(&data->jot, "step", series->step / 1e3, 3);
	jot_unsigned(&data->jot, "count", series->count);
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
		jot_open(&data->jot, columns[c].name, '[');
		for (u32 i = 0; i < series->count; i++)
			jot_real(&data->jot, NULL, *(double *)((char *)&series->steps[i] + columns[c].offset),
				 columns[c].digits);
		jot_close(&data->jot, ']');
		file_some(data->file);
	}
	jot_close(&data->jot, '}');
	series_free(series);
}

static void add_peers(struct data *data)
{
	struct jot *jot = &data->jot;

	jot_open(jot, "peers", '[');
	for (u32 i = 0; i < data->run->peer_count && i < MOST_ROWS; i++) {
		const struct run_peer *peer = &data->run->peers[i];

		jot_open(jot, NULL, '{');
		jot_signed(jot, "process", place_of(data, peer->process));
		jot_text(data, "address", peer->address);
		jot_unsigned(jot, "port", peer->port);
		jot_string(jot, "transport", word_transport(peer->transport));
		jot_bool(jot, "in", peer->direction == NET_IN);
		jot_unsigned(jot, "connections", peer->connections);
		jot_unsigned(jot, "failures", peer->failures);
		if (peer->error && word_errno(peer->error))
			jot_string(jot, "error", word_errno(peer->error));
		jot_unsigned(jot, "sent", peer->sent);
		jot_unsigned(jot, "received", peer->received);
		jot_unsigned(jot, "retransmits", peer->retransmits);
		jot_unsigned(jot, "packets_sent", peer->packets_sent);
		jot_unsigned(jot, "packets_received", peer->packets_received);
		jot_unsigned(jot, "latency", peer->latency / 1000);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	jot_unsigned(jot, "peer_count", data->run->peer_count);
}

static void add_drops(struct data *data)
{
	const struct run_drop **order = report_drops(data->run);
	struct jot *jot = &data->jot;

	jot_open(jot, "drops", '[');
	for (u32 i = 0; i < data->run->drop_count && i < MOST_ROWS; i++) {
		const char *protocol = word_protocol(order[i]->protocol);

		jot_open(jot, NULL, '{');
		jot_signed(jot, "process", place_of(data, order[i]->process));
		jot_text(data, "reason", order[i]->reason);
		jot_text(data, "function", order[i]->function);
		jot_text(data, "interface", order[i]->interface);
		jot_string(jot, "protocol", protocol ? protocol : "");
		jot_text(data, "source", order[i]->source);
		jot_unsigned(jot, "source_port", order[i]->source_port);
		jot_text(data, "destination", order[i]->destination);
		jot_unsigned(jot, "destination_port", order[i]->destination_port);
		jot_unsigned(jot, "packets", order[i]->packets);
		jot_unsigned(jot, "bytes", order[i]->bytes);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	jot_unsigned(jot, "drop_count", data->run->drop_count);
	free(order);
}

/* Those that most processes had to do with first. */
static int by_use(const void *a, const void *b)
{
	const struct run_file *left = *(const struct run_file *const *)a, *right = *(const struct run_file *const *)b;
	u64 left_opens = (u64)left->reads + left->writes, right_opens = (u64)right->reads + right->writes;

	if (left_opens != right_opens)
		return left_opens > right_opens ? -1 : 1;
	return left < right ? -1 : left > right;
}

static void add_files(struct data *data)
{
	u32 count = data->run->file_count;
	const struct run_file **order = xcalloc((size_t)count + 1, sizeof(*order));
	struct jot *jot = &data->jot;

	for (u32 i = 0; i < count; i++)
		order[i] = &data->run->files[i];
	qsort(order, count, sizeof(*order), by_use);
	jot_open(jot, "files", '[');
	for (u32 i = 0; i < count && i < MOST_ROWS; i++) {
		jot_open(jot, NULL, '{');
		jot_unsigned(jot, "tool", order[i]->tool);
		jot_text(data, "path", order[i]->path);
		jot_unsigned(jot, "reads", order[i]->reads);
		jot_unsigned(jot, "writes", order[i]->writes);
		jot_unsigned(jot, "creates", order[i]->creates);
		jot_unsigned(jot, "removes", order[i]->removes);
		jot_unsigned(jot, "failures", order[i]->failures);
		jot_unsigned(jot, "processes", order[i]->processes);
		jot_unsigned(jot, "size", order[i]->size);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	jot_unsigned(jot, "file_count", count);
	free(order);
}

static void add_facts(struct data *data)
{
	struct jot *jot = &data->jot;

	jot_open(jot, "facts", '[');
	for (u32 i = 0; i < data->run->fact_count && i < MOST_ROWS; i++) {
		const struct run_fact *fact = &data->run->facts[i];
		const char *word = fact->kind == RUN_FACT_FAILED_EXEC ? word_errno(fact->number) :
				   fact->kind == RUN_FACT_SIGNAL ? word_signal(fact->number) : NULL;

		jot_open(jot, NULL, '{');
		jot_time(data, "time", fact->time);
		jot_string(jot, "kind", export_fact(fact->kind));
		jot_signed(jot, "process", place_of(data, fact->process));
		jot_signed(jot, "other", place_of(data, fact->other));
		jot_signed(jot, "number", fact->number);
		if (word)
			jot_string(jot, "word", word);
		jot_text(data, "text", fact->text);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
}

static void add_offer(struct data *data, const char *key, const struct size_offer *offer)
{
	struct jot *jot = &data->jot;

	jot_open(jot, key, '{');
	jot_shown(jot, "name", offer->name, strlen(offer->name));
	jot_shown(jot, "provider", offer->provider, strlen(offer->provider));
	jot_shown(jot, "region", offer->region, strlen(offer->region));
	jot_shown(jot, "currency", offer->currency, strlen(offer->currency));
	jot_real(jot, "cpus", offer->cpus, 2);
	jot_real(jot, "price", offer->price, 6);
	jot_unsigned(jot, "memory", offer->memory);
	jot_close(jot, '}');
}

static void add_need(struct jot *jot, const struct size_need *need)
{
	size_jot_need(need, jot);
	jot_unsigned(jot, "duration", need->duration / 1000);
}

static void add_needs_of_tasks(struct data *data)
{
	u32 count;
	struct size_need *needs = size_of_tasks(data->run, &count);

	jot_open(&data->jot, "groups", '[');
	for (u32 i = 0; i < count && i < MOST_ROWS; i++) {
		jot_open(&data->jot, NULL, '{');
		jot_text(data, "name", data->run->tasks[needs[i].task].group);
		add_need(&data->jot, &needs[i]);
		jot_close(&data->jot, '}');
	}
	jot_close(&data->jot, ']');
	free(needs);
}

static void add_size(struct data *data, const struct size_prices *prices)
{
	const struct size_offer *fitting[SIZE_OFFERS], *host;
	struct jot *jot = &data->jot;
	struct size_need need;
	u32 count;

	size_of_run(data->run, &need);
	jot_open(jot, "size", '{');
	add_need(jot, &need);
	add_needs_of_tasks(data);
	if (prices) {
		jot_shown(jot, "source", prices->source, strlen(prices->source));
		jot_shown(jot, "date", prices->date, strlen(prices->date));
		count = size_fitting(prices, &need, fitting, SIZE_OFFERS);
		jot_open(jot, "offers", '[');
		for (u32 i = 0; i < count; i++)
			add_offer(data, NULL, fitting[i]);
		jot_close(jot, ']');
		host = size_of_host(prices, data->run);
		if (host)
			add_offer(data, "host", host);
	}
	jot_close(jot, '}');
}

void page_data(struct file *file, const struct export *export)
{
	struct data data = {
		.file = file, .jot = { .out = &file->text, .in_html = true }, .export = export, .run = export->run
	};
	u32 *order = order_by_start(export->run);
	u32 *place = xcalloc((size_t)export->run->process_count + 1, sizeof(*place));

	for (u32 i = 0; i < export->run->process_count; i++)
		place[order[i]] = i;
	data.place = place;
	jot_open(&data.jot, NULL, '{');
	add_run(&data);
	add_sums(&data, "total", SUM_TOTAL);
	add_sums(&data, "tools", SUM_TOOL);
	add_tasks(&data);
	add_sums(&data, "containers", SUM_CONTAINER);
	add_sums(&data, "users", SUM_USER);
	add_findings(&data);
	add_critical(&data);
	add_size(&data, export->prices);
	add_series(&data, "load", series_of_run(export->run, STEPS));
	add_series(&data, "machine", series_of_host(export->run, STEPS));
	add_peers(&data);
	add_drops(&data);
	add_files(&data);
	add_facts(&data);
	page_processes(file, &data.jot, export, order, place);
	page_samples(file, &data.jot, export, order);
	jot_close(&data.jot, '}');
	free(order);
	free(place);
}
