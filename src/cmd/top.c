/*
 * sonde top: what runs now and what it uses. Every interval one pass over the living, the events since the last, and one picture: on a
 * terminal a screen with keys, else lines of text, or JSON.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/message.h"
#include "base/screen.h"
#include "books/host.h"
#include "cmd/balance.h"
#include "cmd/command.h"
#include "cmd/event_filter.h"
#include "cmd/flows_run.h"
#include "cmd/output.h"
#include "cmd/scope.h"
#include "cmd/snapshot.h"
#include "cmd/stop.h"
#include "cmd/watch.h"
#include "kernel/sample.h"
#include "top/columns.h"
#include "top/host_lines.h"
#include "top/json.h"
#include "top/live.h"
#include "top/view.h"

#define KINDS (KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit) | KIND_BIT(close))
/* Nobody wants to look at an empty screen for long. */
#define FIRST_NS 300000000ULL
#define TEXT_ROWS 20

struct top_settings {
	struct scope_settings scope;
	bool json, reverse, tree, unmasked;
	int by, sort;
	int64_t count, rows;
	uint64_t interval, duration;
	const char *search, *rules, *mask_file;
	struct event_filter_settings filter;
};

struct top {
	const struct top_settings *settings;
	struct identity *identity;
	struct rules *rules;
	struct event_filter filter;
	struct kernel *kernel;
	struct samples *samples;
	struct live *live;
	struct host *host;
	struct run *machine;		/* only its host */
	struct run_host_sample host_before;
	struct frame *frame;
	struct view view;
	struct text command;
	struct output output;
	struct balance balance;
	bool screen;
	u64 next, intervals, rows;
	int error;
};

static int deliver(void *context, const void *bytes, size_t size)
{
	struct top *top = context;
	struct event event;

	if (event_decode(&event, bytes, size)) {
		top->balance.unreadable++;
		return 0;
	}
	identity_complete(top->identity, &event);
	live_event(top->live, &event);
	if (event.record->kind != KIND_lost)
		top->balance.delivered[event.record->kind]++;
	return 0;
}

static void deliver_sample(void *context, const struct sample_record *sample)
{
	live_sample(((struct top *)context)->live, sample);
}

static void deliver_connection(void *context, const struct connection_record *connection)
{
	live_connection(((struct top *)context)->live, connection);
}

static const char *name_user(void *context, u32 user)
{
	struct top *top = context;

	return user_name(top->identity->users, user, top->identity->now);
}

/* The arguments, with spaces between; what identity does not know any more is not known. */
static const char *name_command(void *context, const struct frame_row *row, size_t *length)
{
	struct top *top = context;
	struct process *process = process_find(top->identity->processes, row->pid, row->start);
	const struct shared_bytes *arguments = process ? process->arguments : NULL;

	text_reset(&top->command);
	if (!arguments || !arguments->length)
		return NULL;
	text_add_bytes(&top->command, arguments->data, arguments->length);
	while (top->command.length && !top->command.data[top->command.length - 1])
		top->command.length--;
	for (size_t i = 0; i < top->command.length; i++)
		if (!top->command.data[i])
			top->command.data[i] = ' ';
	*length = top->command.length;
	return top->command.data;
}

/* One look at everything, and the interval's frame. Of forks and exits no more is read than what was before. */
static struct frame *look(struct top *top)
{
	struct run_host_sample host;
	struct frame *frame;

	top->error = samples_take(top->samples, deliver_sample, top);
	if (!top->error)
		top->error = samples_take_connections(top->samples, deliver_connection, top);
	if (top->error)
		return NULL;
	host_take(top->host, &host);
	frame = live_turn(top->live, host.time);
	frame->host = host;
	frame->host_before = top->host_before;
	top->host_before = host;
	return frame;
}

/* --- without a screen --- */

static void print_json(struct top *top)
{
	struct view *view = &top->view;
	struct json_view json = {
		.frame = view->frame, .by = view->by, .wall = &view->wall, .user_name = name_user, .context = top,
	};
	size_t count = view->listing.count, most = top->settings->rows;

	json_host(&top->output.text, &json, &top->machine->host);
	for (size_t i = 0; i < count && (!most || i < most); i++, top->rows++) {
		json_line(&top->output.text, &json, &view->listing.lines[i]);
		output_some(&top->output);
	}
}

static void print_text(struct top *top)
{
	struct view *view = &top->view;
	struct text *out = &top->output.text;
	struct table_view table = {
		.frame = view->frame, .by = view->by, .sort = view->sort, .tree = view->tree, .user_name = name_user, .context = top,
	};
	size_t most = top->settings->rows ? (size_t)top->settings->rows : TEXT_ROWS;

	if (top->intervals)
		text_add_char(out, '\n');
	view_title(view, out);
	text_add_char(out, '\n');
	for (unsigned int i = 0; i < HOST_LINES; i++) {
		host_line(out, i, view->frame, &top->machine->host, 80);
		text_add_char(out, '\n');
	}
	table_header(out, &table);
	text_add_char(out, '\n');
	for (size_t i = 0; i < view->listing.count && i < most; i++, top->rows++) {
		table_line(out, &table, &view->listing.lines[i]);
		text_add_char(out, '\n');
	}
}

static bool print(struct top *top)
{
	wall_refresh(&top->view.wall);
	if (top->settings->json)
		print_json(top);
	else
		print_text(top);
	return output_flush(&top->output) && !output_reader_left();
}

/* --- the course of it --- */

static void show_frame(struct top *top, struct frame *frame)
{
	/* Frozen, the picture stays; what goes on is counted, but not kept. */
	if (top->view.pane.frozen && top->frame) {
		frame_free(frame);
		return;
	}
	frame_free(top->frame);
	top->frame = frame;
	top->view.frame = frame;
	view_list(&top->view);
}

static bool is_due(struct top *top, u64 now)
{
	u64 interval = top->settings->interval;

	if (now < top->next)
		return false;
	/* After a pause (a suspended machine) not all missed ones at once. */
	top->next += top->intervals ? 0 : interval;
	while (top->next <= now)
		top->next += interval;
	return true;
}

static bool read_keys(struct top *top, bool *touched)
{
	int key;

	while ((key = screen_key()) != SCREEN_KEY_NONE) {
		*touched = true;
		if (!view_key(&top->view, key))
			return false;
	}
	return !screen_ended();
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct top *top = context;
	bool changed = false, due = is_due(top, now);

	process_table_advance(top->identity->processes, now);
	if (top->screen && !read_keys(top, &changed))
		return false;
	if (due) {
		struct frame *frame = look(top);

		if (!frame)
			return false;
		show_frame(top, frame);
		if (!top->screen && !print(top))
			return false;
		top->intervals++;
	} else if (changed) {
		view_list(&top->view);
	}
	if (top->screen && (screen_refresh() || due || changed) && !view_draw(&top->view))
		return false;
	if (top->next < *next)
		*next = top->next;
	return !top->settings->count || top->intervals < (u64)top->settings->count;
}

static void add_summary(struct top *top)
{
	u64 rows = top->rows, intervals = top->intervals;

	text_add_format(&top->output.text, "{\"kind\":\"summary\",\"seconds\":%.3f,\"intervals\":%llu,",
			(wall_boot_now() - top->balance.started) / 1e9, (unsigned long long)intervals);
	text_add_format(&top->output.text,
			"\"events\":{\"host\":{\"produced\":%llu,\"delivered\":%llu,\"filtered\":0,\"lost\":0},"
			"\"row\":{\"produced\":%llu,\"delivered\":%llu,\"filtered\":0,\"lost\":0}},\"lost\":%llu}\n",
			(unsigned long long)intervals, (unsigned long long)intervals, (unsigned long long)rows,
			(unsigned long long)rows, (unsigned long long)balance_lost(&top->balance));
}

static int watch(struct top *top)
{
	const struct top_settings *settings = top->settings;
	struct child nobody = { 0 };

	top->next = wall_boot_now() + (top->screen && settings->interval > FIRST_NS ? FIRST_NS : settings->interval);
	watch_run(&(struct watch){
		.kernel = top->kernel,
		.child = &nobody,
		.end = settings->duration ? top->balance.started + settings->duration : ~0ULL,
		.deliver = deliver,
		.turn = take_turn,
		.context = top,
	});
	screen_close();
	kernel_detach(top->kernel);
	balance_close(&top->balance, top->kernel, deliver, top);
	if (settings->json)
		add_summary(top);
	if (balance_lost(&top->balance))
		message_warn("%llu events were lost: what short-lived processes used may be missing",
			     (unsigned long long)balance_lost(&top->balance));
	if (top->error)
		message_error("cannot take samples any more: %s", strerror(-top->error));
	return top->error || output_end(&top->output) ? 1 : 0;
}

/* A first look, which tells what each had used before. */
static bool begin(struct top *top, const struct kernel_options *options)
{
	top->samples = samples_open(top->kernel);
	if (!top->samples)
		return false;
	top->live = live_new(top->identity, top->rules, top->filter.condition);
	if (options->scope == SCOPE_TREE)
		scope_watch_tree(top->kernel, top->identity, top->settings->scope.pid);
	else
		snapshot_take(top->kernel, top->identity);
	lanes_drain(kernel_lanes(top->kernel), deliver, top, 1 << 20);
	frame_free(look(top));
	return !top->error;
}

static int run(struct top *top, struct kernel_options *options, struct features *features)
{
	char took[DURATION_TEXT_SIZE];
	u64 began = wall_boot_now();
	int error;

	top->kernel = kernel_open(options, features);
	if (!top->kernel || !begin(top, options))
		return 1;
	top->screen = !top->settings->json && isatty(STDOUT_FILENO);
	error = top->screen ? screen_open() : 0;
	if (error) {
		message_error("cannot use this terminal: %s", strerror(-error));
		return 1;
	}
	if (!top->screen)
		message_note("watching what runs (attached in %s)", duration_format(wall_boot_now() - began, took));
	top->balance.wanted = KINDS;
	top->balance.started = wall_boot_now();
	watch_go_first();
	return watch(top);
}

static int prepare(const struct command *command, struct top *top, struct kernel_options *options, struct features *features)
{
	const struct top_settings *settings = top->settings;
	struct text error = { 0 };
	struct child nobody = { 0 };
	const char *obstacle;

	features_find(features);
	obstacle = features_obstacle(features);
	if (obstacle) {
		message_error("%s", obstacle);
		return 1;
	}
	top->rules = rules_new(settings->rules, &error);
	if (!top->rules)
		message_error("%s", text_string(&error));
	text_free(&error);
	top->identity = top->rules ? identity_new(!settings->unmasked, settings->mask_file) : NULL;
	if (!top->identity)
		return 1;
	stop_prepare(0);
	options->kinds = KINDS | SAMPLE_BIT;
	return scope_resolve(command, &settings->scope, &nobody, features, top->identity, options);
}

/* As enum frame_by, and behind it what is shown as flows are. */
static const char *const by_names[] = { "tool", "task", "container", "user", "process", "connection", NULL };
_Static_assert(sizeof(by_names) / sizeof(by_names[0]) == FRAME_BYS + 2, "by_names has another length than enum frame_by");

static int run_connections(const struct command *command, const struct top_settings *settings)
{
	struct flows_request request = {
		.command = command,
		.name = "top  by connection",
		.scope = settings->scope,
		.filter = { .verdict = -1 },
		.way = settings->json ? FLOWS_TABLES_JSON : FLOWS_TABLES,
		.sort = ROWS_BY_RATE,
		.reverse = settings->reverse,
		.text = settings->search,
		.expression = settings->filter,
		.interval = settings->interval,
		.duration = settings->duration,
		.count = settings->count,
		.rows = settings->rows,
	};

	if (settings->tree || (settings->sort >= 0 && settings->sort != FRAME_SORT_NETWORK))
		return option_mistake(command, "connections are no tree and are sorted by network; `sonde flows --sort` knows more orders");
	return flows_run(&request);
}

static int run_top(const struct command *command, int argc, char **argv)
{
	struct top_settings settings = { 0 };
	struct top top = { .settings = &settings };
	struct kernel_options options = { 0 };
	struct features features;
	struct option_rest rest;
	struct lang_names names;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		goto out;
	if (rest.count) {
		status = option_mistake(command, "it takes no %s", rest.words[0]);
		goto out;
	}
	if (settings.by == FRAME_BYS) {
		status = run_connections(command, &settings);
		goto out;
	}
	names = lang_names_of_processes();
	status = event_filter_open(&top.filter, command, &settings.filter, &names);
	if (!status && settings.filter.explain) {
		status = event_filter_explain_user(&top.filter, "processes", "what there is to be known of processes is known outside of it");
		goto out;
	}
	if (!status)
		status = prepare(command, &top, &options, &features);
	if (status)
		goto out;
	top.machine = run_new();
	host_describe("", top.machine);
	top.host = host_open("");
	view_begin(&top.view, settings.search);
	top.view.by = settings.tree ? FRAME_BY_PROCESS : settings.by >= 0 ? (enum frame_by)settings.by : FRAME_BY_TOOL;
	top.view.sort = settings.sort >= 0 ? settings.sort : FRAME_SORT_CPU;
	top.view.reverse = settings.reverse;
	top.view.tree = settings.tree;
	top.view.interval = settings.interval;
	top.view.host = &top.machine->host;
	top.view.user_name = name_user;
	top.view.command = name_command;
	top.view.context = &top;
	status = run(&top, &options, &features);
out:
	screen_close();
	listing_free(&top.view.listing);
	frame_free(top.frame);
	live_free(top.live);
	samples_close(top.samples);
	kernel_close(top.kernel);
	host_close(top.host);
	run_free(top.machine);
	identity_free(top.identity);
	event_filter_close(&top.filter);
	rules_free(top.rules);
	text_free(&top.command);
	text_free(&top.output.text);
	option_free(command, &settings);
	return status;
}

static const struct option options[] = {
	{ .name = "by", .type = OPTION_CHOICE, .offset = offsetof(struct top_settings, by), .argument = "WHAT",
	  .choices = by_names, .help = "a row for each tool (default), task, container, user, process or connection" },
	{ .name = "sort", .letter = 's', .type = OPTION_CHOICE, .offset = offsetof(struct top_settings, sort),
	  .argument = "COLUMN", .choices = frame_sort_names,
	  .help = "the most first: cpu (default), wait, memory, read, write, network, processes, starts; or name" },
	{ .name = "reverse", .letter = 'r', .type = OPTION_FLAG, .offset = offsetof(struct top_settings, reverse),
	  .help = "the least first" },
	{ .name = "tree", .type = OPTION_FLAG, .offset = offsetof(struct top_settings, tree),
	  .help = "processes, each below its parent" },
	EVENT_FILTER_OPTIONS(struct top_settings, filter,
			     "only processes for which this is true, of their process, container and ancestors (see `sonde fields`); "
			     "other rows are sums of those"),
	{ .name = "search", .type = OPTION_STRING, .offset = offsetof(struct top_settings, search), .argument = "TEXT",
	  .help = "only rows whose name has this in it; / on the screen" },
	{ .name = "interval", .letter = 'i', .type = OPTION_DURATION, .offset = offsetof(struct top_settings, interval),
	  .min = 50000000, .max = 3600000000000, .argument = "DURATION", .initial = "1s",
	  .help = "time between two looks" },
	{ .name = "for", .type = OPTION_DURATION, .offset = offsetof(struct top_settings, duration), .min = 1,
	  .max = INT64_MAX, .argument = "DURATION", .help = "end after this long: 10s, 5m, 1h30m" },
	{ .name = "count", .letter = 'n', .type = OPTION_INTEGER, .offset = offsetof(struct top_settings, count),
	  .min = 1, .max = INT64_MAX, .argument = "N", .help = "end after so many looks" },
	{ .name = "rows", .type = OPTION_INTEGER, .offset = offsetof(struct top_settings, rows), .min = 1,
	  .max = 1000000, .argument = "N", .help = "at most so many (default 20 as text, all as JSON)" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct top_settings, json),
	  .help = "one JSON object a row and interval, one for the machine, the last one a summary" },
	SCOPE_OPTIONS(struct top_settings),
	{ .name = "rules", .type = OPTION_STRING, .offset = offsetof(struct top_settings, rules), .argument = "FILE",
	  .help = "more rules for finding tasks (see `sonde rules`)" },
	{ .name = "unmasked", .type = OPTION_FLAG, .offset = offsetof(struct top_settings, unmasked),
	  .help = "show secrets in command lines instead of ***" },
	{ .name = "mask-file", .type = OPTION_STRING, .offset = offsetof(struct top_settings, mask_file),
	  .argument = "FILE", .help = "more patterns to mask, an extended regular expression a line" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde top", "what each tool uses, on the whole screen; ? shows the keys" },
	{ "sonde top --by task --sort memory", "tasks of a pipeline, the largest first" },
	{ "sonde top --tree --container web", "the processes of one container" },
	{ "sonde top -f 'ancestor.name == \"cron\" and user.id == 0'", "only what cron started as root" },
	{ "sonde top --by connection", "connections, with the processes at both ends; as `sonde flows`" },
	{ "sonde top --by process --json --count 5", "five looks at every process, for a script" },
	{ "sonde top --interval 5s --for 1m > top.txt", "without a terminal: lines of text" },
	{ 0 }
};

const struct command top_command = {
	.name = "top",
	.summary = "show what uses the machine now, by tool, task, container, user, process or connection",
	.usage = "[OPTION]...",
	.description = "Shows who uses CPU, memory, disks and network, and who starts how many processes, every interval until q "
		       "is pressed. Processes that live too short to be seen in any interval are counted too: what they used is "
		       "known from their end.\n\n"
		       "CPU and wait are in percent of one processor; wait is time ready to run without one. Disk bytes are "
		       "those read from disks and written to them or to be written; network bytes are those of TCP connections. "
		       "Memory is what is resident, so pages that processes share count for each.\n\n"
		       "Without a terminal it prints a table every interval; with --json objects, whose rates are per second.",
	.examples = examples,
	.options = options,
	.run = run_top,
};
