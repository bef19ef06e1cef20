/* sonde hist: how long something takes, counted in the kernel and shown as histograms. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/message.h"
#include "base/nearest.h"
#include "cmd/command.h"
#include "cmd/event_filter.h"
#include "cmd/output.h"
#include "cmd/scope.h"
#include "cmd/stop.h"
#include "cmd/watch.h"
#include "hist/key.h"
#include "hist/print.h"
#include "hist/subject.h"
#include "kernel/hist.h"
#include "kernel/tracefs.h"
#include "lang/join.h"

#define BATCH 8192
/* Keys remembered over all intervals; what comes beyond them is shown as other. */
#define TOTAL_KEYS 2048

struct hist_settings {
	struct scope_settings scope;
	struct event_filter_settings filter;
	bool json;
	const char *by;
	int64_t top;
	uint64_t interval, duration;
};

struct hist {
	const struct hist_settings *settings;
	struct identity *identity;
	struct event_filter filter;
	struct hist_print print;
	struct hist_maps *maps;
	struct kernel *kernel;
	struct hist_set now, total;	/* of this interval; of all */
	struct hist_span span;
	struct histogram_books books;
	struct output output;
	u64 count, lines, intervals;
	u64 next;			/* end of the interval */
	int failed;
};

/* A tree of processes is followed by the process sensor's fork and exit. */
#define TREE_KINDS (KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit))

static int deliver_record(void *context, const void *bytes, size_t size)
{
	struct hist *hist = context;
	struct event event;

	if (!event_decode(&event, bytes, size))
		identity_complete(hist->identity, &event);
	return 0;
}

static void deliver_histogram(void *context, const struct histogram_key *key, const struct histogram *histogram)
{
	struct hist *hist = context;
	bool by_label = hist->print.by == HISTOGRAM_BY_CONTAINER;
	char label[HIST_LABEL] = "";

	if (key)
		hist_key_label(label, hist->print.by, key, histogram->name, hist->identity);
	hist_set_add(&hist->now, key, label, by_label, histogram);
	if (hist->settings->interval)
		hist_set_add(&hist->total, key, label, by_label, histogram);
}

static void drain(struct hist *hist)
{
	while (lanes_drain(kernel_lanes(hist->kernel), deliver_record, hist, BATCH) == BATCH)
		;
	process_table_advance(hist->identity->processes, wall_boot_now());
}

static void print_set(struct hist *hist, struct hist_set *set)
{
	hist_set_sort(set);
	if (hist->settings->json)
		hist->lines += hist_print_json(&hist->print, &hist->output.text, set, &hist->span);
	else
		hist_print_text(&hist->print, &hist->output.text, set, &hist->span);
}

/* Ends the interval. The names of control groups come before what was counted for them. */
static int turn(struct hist *hist, bool end)
{
	int error;

	hist->span.to = wall_boot_now();
	error = hist_maps_turn(hist->maps, end);
	drain(hist);
	if (!error)
		error = hist_maps_take(hist->maps, deliver_histogram, hist);
	if (error) {
		message_error("cannot read the histograms: %s", strerror(-error));
		return 1;
	}
	hist->count += hist_set_count(&hist->now);
	print_set(hist, &hist->now);
	hist_set_reset(&hist->now);
	hist->span.from = hist->span.to;
	hist->intervals++;
	return 0;
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct hist *hist = context;

	process_table_advance(hist->identity->processes, now);
	if (now >= hist->next) {
		hist->failed = turn(hist, false);
		if (hist->failed || !output_flush(&hist->output))
			return false;
		/* after a pause (a suspended machine) not all missed ones at once */
		while (hist->next <= now)
			hist->next += hist->settings->interval;
	}
	if (hist->next < *next)
		*next = hist->next;
	return true;
}

static int watch(struct hist *hist, struct child *child)
{
	const struct hist_settings *settings = hist->settings;

	hist->next = settings->interval ? hist->span.start + settings->interval : ~0ULL;
	watch_run(&(struct watch){
		.kernel = hist->kernel,
		.child = child,
		.end = settings->duration ? hist->span.start + settings->duration : ~0ULL,
		.deliver = deliver_record,
		.turn = take_turn,
		.context = hist,
	});
	return hist->failed;
}

static void say_books(const struct hist *hist)
{
	const struct histogram_books *books = &hist->books;
	char took[DURATION_TEXT_SIZE];
	struct text text = { 0 };

	text_add_format(&text, "%s: %llu counted in %s", hist->print.measure->name, (unsigned long long)hist->count,
			duration_format(hist->span.to - hist->span.start, took));
	if (books->filtered)
		text_add_format(&text, ", %llu filtered", (unsigned long long)books->filtered);
	if (books->failed)
		text_add_format(&text, ", %llu failed", (unsigned long long)books->failed);
	if (books->unmatched)
		text_add_format(&text, ", %llu whose beginning was not seen", (unsigned long long)books->unmatched);
	if (books->unbegun)
		text_add_format(&text, ", %llu not followed for want of room", (unsigned long long)books->unbegun);
	if (books->overflowed)
		text_add_format(&text, ", %llu under other for too many keys", (unsigned long long)books->overflowed);
	message_note("%s", text_string(&text));
	text_free(&text);
}

/* The lines are this command's events; what was counted is said by its own name. */
static void json_summary(const struct hist *hist, struct text *out)
{
	const struct histogram_books *books = &hist->books;

	text_add_format(out, "{\"kind\":\"summary\",\"seconds\":%.3f,\"measure\":\"%s\",\"intervals\":%llu,",
			(double)(hist->span.to - hist->span.start) / 1e9, hist->print.measure->name,
			(unsigned long long)hist->intervals);
	text_add_format(out, "\"events\":{\"histogram\":{\"produced\":%llu,\"delivered\":%llu,\"filtered\":0,\"lost\":0}},",
			(unsigned long long)hist->lines, (unsigned long long)hist->lines);
	if (hist->filter.condition)
		text_add_format(out, "\"filtered\":%llu,", (unsigned long long)books->filtered);
	text_add_format(out, "\"count\":%llu,\"failed\":%llu,\"unmatched\":%llu,\"unbegun\":%llu,\"other\":%llu}\n",
			(unsigned long long)hist->count, (unsigned long long)books->failed,
			(unsigned long long)books->unmatched, (unsigned long long)books->unbegun,
			(unsigned long long)books->overflowed);
}

/* Counting ends with the last turn, and so does the time that is told: taking the programs off may last longer than both. */
static int finish(struct hist *hist, const struct child *child)
{
	int status = turn(hist, true);

	hist_maps_books(hist->maps, &hist->books);
	kernel_detach(hist->kernel);
	if (hist->settings->json) {
		json_summary(hist, &hist->output.text);
	} else if (hist->intervals > 1) {
		hist->span.from = hist->span.start;
		print_set(hist, &hist->total);
	}
	if (output_end(&hist->output))
		status = 1;
	say_books(hist);
	return status ? status : child->status;
}

/* Only the point of the measure is asked for without being part of every watch; without it there is nothing to do. */
static bool point_works(struct kernel *kernel, u32 kind)
{
	size_t count;
	const struct taken *taken = kernel_taken(kernel, &count);

	for (size_t i = 0; i < count; i++)
		if (taken[i].point->kinds & kind && !taken[i].rung) {
			message_error("cannot measure %s: %s (`sonde doctor` says more)", taken[i].point->name + 5,
				      taken[i].tried ? taken[i].why[0] : "no way known");
			return false;
		}
	return true;
}

static void let_go(struct hist *hist, struct child *child)
{
	struct process *process = child->pid ? process_find_pid(hist->identity->processes, child->pid) : NULL;

	if (process)
		hist_maps_let_go(hist->maps, process->pid, process->start, hist->span.start);
	child_release(child);
}

static int run(struct hist *hist, struct kernel_options *options, struct features *features, struct child *child)
{
	u64 began = wall_boot_now();
	char took[DURATION_TEXT_SIZE];
	int status = 1;

	hist->kernel = kernel_open(options, features);
	if (!hist->kernel)
		return 1;
	if (!point_works(hist->kernel, MEASURE_BIT(hist->print.measure->kind)))
		goto out;
	if (options->scope == SCOPE_TREE)
		scope_watch_tree(hist->kernel, hist->identity, child->pid ? child->pid : hist->settings->scope.pid);
	else
		kernel_existing(hist->kernel, deliver_record, hist);
	hist->maps = hist_maps_open(kernel_object(hist->kernel));
	message_note("watching %s%s%s (attached in %s)", hist->print.measure->name, hist->print.syscall ? " " : "",
		     hist->print.syscall ? hist->print.syscall : "", duration_format(wall_boot_now() - began, took));
	hist->span.start = hist->span.from = wall_boot_now();
	let_go(hist, child);
	status = watch(hist, child);
	if (!status)
		status = finish(hist, child);
out:
	hist_maps_close(hist->maps);
	kernel_close(hist->kernel);
	return status;
}

struct call_names {
	const char **names;
	size_t count, capacity;
};

static void add_call(const char *event, void *argument)
{
	static const char prefix[] = "sys_enter_";
	struct call_names *calls = argument;

	if (strncmp(event, prefix, sizeof(prefix) - 1))
		return;
	if (calls->count + 1 >= calls->capacity) {
		calls->capacity = calls->capacity ? 2 * calls->capacity : 512;
		calls->names = xrealloc(calls->names, calls->capacity, sizeof(char *));
	}
	calls->names[calls->count++] = xstrdup(event + sizeof(prefix) - 1);
	calls->names[calls->count] = NULL;
}

static int unknown_call(const struct command *command, const char *name)
{
	struct call_names calls = { 0 };
	const char *nearest = NULL;
	int status;

	if (!tracefs_each("syscalls", add_call, &calls) && calls.count)
		nearest = nearest_word(name, calls.names);
	status = option_mistake(command, "this kernel has no system call %s%s%s%s", name,
				nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	for (size_t i = 0; i < calls.count; i++)
		free((char *)calls.names[i]);
	free(calls.names);
	return status;
}

/* 0, or the exit status after saying what is wrong with the name. */
static int check_call(const struct command *command, const char *name)
{
	char event[128];
	int id;

	if (snprintf(event, sizeof(event), "sys_enter_%s", name) >= (int)sizeof(event) || strchr(name, '/'))
		return unknown_call(command, name);
	id = tracefs_id("syscalls", event);
	if (id == -ENOENT)
		return unknown_call(command, name);
	if (id < 0) {
		message_error("cannot measure system calls: tracefs cannot be used: %s", strerror(-id));
		return 1;
	}
	return 0;
}

static int parse_measure(const struct command *command, const struct option_rest *rest, struct hist *hist)
{
	const char *name = rest->words[0], *nearest;
	int wanted = 1;

	if (!name)
		return option_mistake(command, "say what to measure: runq, block, connect, rtt, retransmit, exec, syscall NAME");
	hist->print.measure = measure_find(name);
	if (!hist->print.measure) {
		nearest = nearest_word(name, measure_names);
		return option_mistake(command, "there is no measure %s%s%s%s", name, nearest ? "; did you mean " : "",
				      nearest ? nearest : "", nearest ? "?" : "");
	}
	if (hist->print.measure->kind == MEASURE_SYSCALL) {
		wanted = 2;
		hist->print.syscall = rest->words[1];
		if (rest->count < wanted)
			return option_mistake(command, "say which system call: sonde hist syscall openat");
	}
	if (rest->count > wanted)
		return option_mistake(command, "%s is one word too many", rest->words[wanted]);
	return 0;
}

static int parse_key(const struct command *command, const char *name, struct hist *hist)
{
	const struct measure *measure = hist->print.measure;
	char keys[128];

	if (!name)
		return 0;
	hist->print.by = histogram_by_find(name);
	if (hist->print.by && measure_has_key(measure, hist->print.by))
		return 0;
	measure_keys(measure, keys, sizeof(keys));
	return option_mistake(command, "%s has no key %s: --by takes one of %s", measure->name, name, keys);
}

/* Nobody can ask again what was added up: the kernel decides all of it, or it is refused. */
static int parse_filter(const struct command *command, struct hist *hist)
{
	const struct event_filter_settings *settings = &hist->settings->filter;
	struct gen_layout layout = subject_layout();
	struct event_filter *filter = &hist->filter;
	struct lang_names names = { 0 };
	const char *why;
	int status;

	if (settings->expression)
		names = subject_names(hist->print.measure);
	status = event_filter_open(filter, command, settings, &names);
	if (status || !filter->condition)
		return status;
	filter->gen = gen_new();
	if (gen_add_case(filter->gen, 0, &layout, lang_join(filter->tree, filter->condition), &why))
		return option_mistake(command, "-f: the kernel cannot decide this: %s", why);
	return 0;
}

static int parse_all(const struct command *command, const struct option_rest *rest, struct hist *hist)
{
	int status = parse_measure(command, rest, hist);

	if (!status)
		status = parse_key(command, hist->settings->by, hist);
	if (!status && rest->after && !rest->after_count)
		status = option_mistake(command, "a command must follow --");
	return status ? status : parse_filter(command, hist);
}

static int prepare(const struct command *command, const struct hist_settings *settings, const struct option_rest *rest,
		   struct hist *hist, struct features *features, struct child *child,
		   struct kernel_options *options)
{
	const char *obstacle, *why;
	int status = 0;

	features_find(features);
	obstacle = features_obstacle(features);
	if (obstacle) {
		message_error("%s", obstacle);
		return 1;
	}
	if (hist->print.syscall)
		status = check_call(command, hist->print.syscall);
	if (status)
		return status;
	hist->identity = identity_new(true, NULL);
	if (!hist->identity)
		return 1;
	if (rest->after_count && child_start(child, rest->after, settings->json, NULL))
		return 1;
	stop_prepare(child->pid);
	status = scope_resolve(command, &settings->scope, child, features, hist->identity, options);
	options->kinds = MEASURE_BIT(hist->print.measure->kind);
	if (!status && hist->filter.condition) {
		options->filter = gen_finish(hist->filter.gen, &options->filter_length, &why);
		if (!options->filter)
			return option_mistake(command, "-f: the kernel cannot decide this: %s", why);
		options->filtered = options->kinds;
		options->filter_needed = true;
	}
	if (options->scope == SCOPE_TREE)
		options->kinds |= TREE_KINDS;
	return status;
}

static int run_hist(const struct command *command, int argc, char **argv)
{
	struct hist_settings settings = { 0 };
	struct kernel_options options = { 0 };
	struct child child = { 0 };
	struct hist hist = { .settings = &settings };
	struct features features;
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		goto out;
	status = parse_all(command, &rest, &hist);
	if (!status && settings.filter.explain) {
		status = event_filter_explain_kernel(&hist.filter, hist.print.measure->name);
		goto out;
	}
	if (!status)
		status = prepare(command, &settings, &rest, &hist, &features, &child, &options);
	if (status)
		goto out;
	hist.print.identity = hist.identity;
	hist.print.top = settings.top;
	hist_set_init(&hist.now, TOTAL_KEYS);
	hist_set_init(&hist.total, TOTAL_KEYS);
	hist_configure(hist.print.by, hist.print.syscall);
	status = run(&hist, &options, &features, &child);
out:
	hist_set_free(&hist.now);
	hist_set_free(&hist.total);
	identity_free(hist.identity);
	event_filter_close(&hist.filter);
	option_free(command, &settings);
	return status;
}

static const struct option options[] = {
	{ .name = "by", .type = OPTION_STRING, .offset = offsetof(struct hist_settings, by), .argument = "KEY",
	  .choices = histogram_by_names,
	  .help = "a histogram for each KEY: process, comm, container, user, cpu, device, operation, peer; which of them "
		  "depends on the measure" },
	{ .name = "interval", .letter = 'i', .type = OPTION_DURATION, .offset = offsetof(struct hist_settings, interval),
	  .min = 10000000, .max = INT64_MAX, .argument = "DURATION",
	  .help = "show and begin anew every so often, and all together at the end" },
	{ .name = "for", .type = OPTION_DURATION, .offset = offsetof(struct hist_settings, duration), .min = 1,
	  .max = INT64_MAX, .argument = "DURATION", .help = "end after this long: 10s, 5m, 1h30m" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct hist_settings, json),
	  .help = "one JSON object a key and interval, the last one a summary" },
	{ .name = "top", .type = OPTION_INTEGER, .offset = offsetof(struct hist_settings, top), .max = 1000000,
	  .argument = "N", .initial = "10", .help = "show the N keys with most time in all, 0 shows every one" },
	EVENT_FILTER_OPTIONS(struct hist_settings, filter,
			     "count only what this is true of: duration_ns > 1ms, and process, thread.id, cpu, device, operation or "
			     "network.peer, as the measure knows them"),
	SCOPE_OPTIONS(struct hist_settings),
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde hist runq --for 10s", "how long threads wait for a CPU" },
	{ "sonde hist runq --by container --interval 5s", "which container waits, every five seconds" },
	{ "sonde hist block --by device", "how fast each disk answers, until Ctrl-C" },
	{ "sonde hist connect --by peer --json", "how long connections to each peer take to stand" },
	{ "sonde hist rtt --by peer --interval 5s", "how far away each peer is" },
	{ "sonde hist block --by comm -f 'operation == write and duration_ns > 10ms'", "who waits long for writes" },
	{ "sonde hist syscall fsync --by comm -- make install", "system calls of one command" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "MEASURE", .words = measure_names,
	  .help = "runq: waiting for a CPU; block: a disk request from its driver to its completion; connect: a TCP "
		  "connection from its first packet until it stands; rtt: the smoothed round trip time of a TCP connection, at each "
		  "segment it receives; retransmit: for how long nothing was acknowledged when a TCP segment is sent again; exec: from the birth of a process, or its previous "
		  "exec, until its program runs (COMMAND's own from when it is let go); syscall NAME: one system call" },
	{ .name = "[NAME]", .help = "the system call, after syscall" },
	{ 0 }
};

const struct command hist_command = {
	.name = "hist",
	.summary = "show latency histograms kept in the kernel",
	.usage = "runq|block|connect|rtt|retransmit|exec|syscall NAME [OPTION]... [-- COMMAND...]",
	.description = "Counts in the kernel how long something takes and shows the counts in powers of two, with "
		       "percentiles (right within an eighth), until interrupted. With -- COMMAND it starts the command, "
		       "measures it and what it starts, and ends with it.\n\n"
		       "Keys: runq and syscall have process, comm, container, user, cpu; block has device, operation, "
		       "process, comm; connect has peer, process, comm, container, user; rtt and "
		       "retransmit have peer, process, container, user; exec has process, comm, "
		       "container, user. Up to 2,048 keys are told apart in an interval (fewer with many CPUs, whose "
		       "share of 32 MiB they are); what comes beyond them is shown as other.",
	.examples = examples,
	.options = options,
	.takes_command = true,
	.positionals = positionals,
	.run = run_hist,
};
