/* sonde trace: live events, a line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/message.h"
#include "base/nearest.h"
#include "base/screen.h"
#include "cmd/balance.h"
#include "cmd/command.h"
#include "cmd/event_filter.h"
#include "cmd/output.h"
#include "cmd/scope.h"
#include "cmd/snapshot.h"
#include "cmd/stop.h"
#include "cmd/watch.h"
#include "event/plan.h"

struct trace_settings {
	struct scope_settings scope;
	struct event_filter_settings filter;
	bool json, tree, strict, unmasked, all_drops;
	struct option_list fields;
	uint64_t duration, interval, ring_size;
	const char *mask_file;
};

struct trace {
	struct identity *identity;
	struct plan plan;
	struct text_style style;
	struct output output;
	struct balance balance;
	struct event_filter filter;
	bool json;
	u64 wall_checked;
};

/* Identity lives on these, asked for or not; they cost nothing until a process starts or ends. */
#define IDENTITY_KINDS (KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit))

/* The name of a control group that finds no room is told again with the next event there: nothing is missing. */
static bool is_loss_of_own(const struct event *event)
{
	return event->record->kind == KIND_lost && !kind_is_public(((const struct lost_record *)event->record)->kind);
}

static int deliver(void *context, const void *bytes, size_t size)
{
	struct trace *trace = context;
	struct event event;
	u32 kind;

	if (event_decode(&event, bytes, size)) {
		trace->balance.unreadable++;
		return 0;
	}
	kind = event.record->kind;
	identity_complete(trace->identity, &event);
	if (is_loss_of_own(&event))
		return 0;
	if (kind != KIND_lost && (!(trace->balance.wanted >> kind & 1) || !event_filter_passes(&trace->filter, &event))) {
		trace->balance.filtered[kind]++;
		return 0;
	}
	if (trace->json)
		json_event(&trace->plan, &trace->output.text, &event);
	else
		text_event(&trace->plan, &trace->output.text, &event, &trace->style);
	output_mark(&trace->output, kind);
	if (kind != KIND_lost)
		trace->balance.delivered[kind]++;
	output_some(&trace->output);
	return 0;	/* if that failed, take_turn ends the watch; what comes until then is in the books all the same */
}

/* For completion and near misses. */
static const char *const kind_words[] = { "fork", "exec", "exit", "signal", "oom", "open", "change", "connect", "accept",
					  "listen", "live", "close", "flow", "retransmit", "reset", "drop", NULL };

static int parse_kinds(const struct command *command, const struct option_rest *rest, u32 *kinds)
{
	for (int i = 0; i < rest->count; i++) {
		int kind = kind_find(rest->words[i]);
		const char *nearest;

		if (kind == KIND_policy)
			return option_mistake(command, "what policies match is shown by `sonde policy watch`");
		if (kind >= 0 && kind_is_public(kind)) {
			*kinds |= 1U << kind;
			continue;
		}
		nearest = nearest_word(rest->words[i], kind_words);
		return option_mistake(command, "there is no event %s%s%s%s", rest->words[i],
				      nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	}
	return *kinds ? 0 : option_mistake(command, "say which events: exec, exit, open, connect, ...");
}

static void make_tree_plan(struct plan *plan)
{
	static const char *const names[] = { "process.pid", "process.ancestors", "process.command_args", "exec.asked", "error.type" };
	const struct field *chosen[sizeof(names) / sizeof(*names)];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		chosen[count++] = field_find(names[i]);
	plan_make_of(plan, chosen, count);
	plan->chosen = false; /* a tree leaves out what is absent */
}

/* Kind and time are in every line anyway. */
static int make_chosen_plan(const struct command *command, const struct option_list *words, u32 kinds, struct plan *plan)
{
	const struct field **chosen = xcalloc(words->count, sizeof(*chosen));
	struct lang_names names = lang_names_to_show(kinds);
	size_t count = 0;
	char wrong[320];
	int status = 0;

	for (size_t i = 0; i < words->count && !status; i++) {
		const struct lang_symbol *symbol = lang_find(&names, words->items[i], wrong, sizeof(wrong));

		if (!symbol)
			status = option_mistake(command, "-o %s: %s", words->items[i], wrong);
		else if (!field_is_of_all(symbol->name))
			chosen[count++] = symbol->field;
	}
	if (!status)
		plan_make_of(plan, chosen, count);
	free(chosen);
	return status;
}

static int make_plan(const struct command *command, const struct trace_settings *settings, u32 kinds, struct plan *plan)
{
	if (settings->fields.count)
		return make_chosen_plan(command, &settings->fields, kinds, plan);
	if (settings->tree)
		make_tree_plan(plan);
	else
		plan_make(plan);
	return 0;
}

static int check_tree(const struct command *command, const struct trace_settings *settings, u32 kinds)
{
	if (!settings->tree)
		return 0;
	if (!(kinds & KIND_BIT(exec)))
		return option_mistake(command, "--tree is for exec");
	if (settings->json)
		return option_mistake(command, "--tree is text; with --json choose -o process.ancestors,process.command_args");
	if (settings->fields.count)
		return option_mistake(command, "--tree and -o both choose what is shown: give one of them");
	return 0;
}

static void find_style(struct text_style *style)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return;
	style->colour = screen_coloured();
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		style->width = size.ws_col;
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct trace *trace = context;

	(void)next;
	if (now - trace->wall_checked > 1000000000) {
		wall_refresh(&trace->plan.wall);
		trace->wall_checked = now;
	}
	process_table_advance(trace->identity->processes, now);
	return output_flush(&trace->output) && !output_reader_left();
}

static void watch(struct trace *trace, struct kernel *kernel, struct child *child, const struct trace_settings *settings)
{
	watch_run(&(struct watch){
		.kernel = kernel,
		.child = child,
		.end = settings->duration ? trace->balance.started + settings->duration : ~0ULL,
		.interval = settings->interval,
		.deliver = deliver,
		.turn = take_turn,
		.context = trace,
	});
}

static int finish(struct trace *trace, struct kernel *kernel, const struct trace_settings *settings,
		  struct child *child)
{
	int status;

	kernel_detach(kernel);
	trace->balance.ended = wall_boot_now();
	child_wait(child);
	trace->balance.exit_status = child->pid ? child->status : -1;
	balance_close(&trace->balance, kernel, deliver, trace);
	output_flush(&trace->output);
	if (trace->json)
		balance_json(&trace->balance, &trace->output.text);
	status = output_end(&trace->output);
	balance_say(&trace->balance);
	if (!status && settings->strict && balance_lost(&trace->balance))
		status = 1;
	return status ? status : child->status;
}

/* Kinds that were asked for and that no point of their own can see here; the others go on. */
static void say_unseen(const struct kernel *kernel, u32 wanted)
{
	u32 seen = 0;
	size_t count;
	const struct taken *taken = kernel_taken(kernel, &count);

	for (size_t i = 0; i < count; i++)
		if (taken[i].rung)
			seen |= 1U << point_kind(taken[i].point);
	for (size_t i = 0; i < count; i++) {
		u32 first = 1U << point_kind(taken[i].point);

		if (!taken[i].rung && first & wanted & ~seen)
			message_warn("%s cannot be seen here: %s (`sonde doctor` says more)", taken[i].point->name,
				     taken[i].tried ? taken[i].why[taken[i].tried - 1] : "no way known");
	}
}

static int run(const struct trace_settings *settings, struct trace *trace, struct kernel_options *options,
	       struct features *features, struct child *child)
{
	char took[DURATION_TEXT_SIZE];
	u64 began = wall_boot_now();
	struct kernel *kernel = kernel_open(options, features);
	struct text kinds = { 0 };
	int status;

	if (!kernel)
		return 1;
	if (child->pid || settings->scope.pid)
		scope_watch_tree(kernel, trace->identity, child->pid ? child->pid : settings->scope.pid);
	else
		snapshot_take(kernel, trace->identity);
	say_unseen(kernel, trace->balance.wanted);
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (trace->balance.wanted >> kind & 1)
			text_add_format(&kinds, " %s", kind_name(kind));
	message_note("watching%s (attached in %s)", text_string(&kinds),
		     duration_format(wall_boot_now() - began, took));
	text_free(&kinds);
	trace->balance.started = wall_boot_now();
	watch_go_first();
	trace->identity->held = child->pid;
	trace->identity->released = wall_boot_now();
	child_release(child);
	watch(trace, kernel, child, settings);
	status = finish(trace, kernel, settings, child);
	kernel_close(kernel);
	return status;
}

static int run_trace(const struct command *command, int argc, char **argv)
{
	struct trace_settings settings = { 0 };
	struct kernel_options options = { 0 };
	struct child child = { 0 };
	struct trace trace = { 0 };
	struct features features;
	struct option_rest rest;
	const char *obstacle;
	u32 kinds = 0;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		goto out;
	status = parse_kinds(command, &rest, &kinds);
	if (!status && settings.ring_size & (settings.ring_size - 1))
		status = option_mistake(command, "--ring-size must be a power of two: 64K, 1M, 8M");
	if (!status && rest.after && !rest.after_count)
		status = option_mistake(command, "a command must follow --");
	if (!status)
		status = check_tree(command, &settings, kinds);
	if (!status)
		status = make_plan(command, &settings, kinds, &trace.plan);
	if (!status) {
		struct lang_names names = lang_names_of_events(kinds);

		status = event_filter_open(&trace.filter, command, &settings.filter, &names);
	}
	if (status)
		goto out;
	if (settings.filter.explain) {
		status = event_filter_explain(&trace.filter, kinds);
		goto out;
	}
	features_find(&features);
	obstacle = features_obstacle(&features);
	if (obstacle) {
		message_error("%s", obstacle);
		status = 1;
		goto out;
	}
	trace.identity = identity_new(!settings.unmasked, settings.mask_file);
	status = trace.identity ? 0 : 1;
	if (!status && rest.after_count)
		status = child_start(&child, rest.after, settings.json, NULL) ? 1 : 0;
	stop_prepare(child.pid);
	if (!status)
		status = scope_resolve(command, &settings.scope, &child, &features, trace.identity, &options);
	if (!status) {
		trace.json = settings.json;
		trace.output.unwritten = trace.balance.unwritten;
		process_table_keep(trace.identity->processes, settings.interval);
		trace.balance.wanted = kinds;
		find_style(&trace.style);
		options.kinds = kinds | IDENTITY_KINDS;
		options.ring_size = settings.ring_size;
		options.all_drops = settings.all_drops;
		event_filter_compile(&trace.filter, kinds & LANG_FILTERED);
		options.filtered = trace.filter.kinds;
		options.filter = trace.filter.code;
		options.filter_length = trace.filter.length;
		status = run(&settings, &trace, &options, &features, &child);
	}
out:
	identity_free(trace.identity);
	event_filter_close(&trace.filter);
	plan_free(&trace.plan);
	option_free(command, &settings);
	return status;
}

static const struct option options[] = {
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct trace_settings, json),
	  .help = "one JSON object a line, the last one a summary" },
	EVENT_FILTER_OPTIONS(struct trace_settings, filter,
			     "only events for which this is true: 'file.path startswith \"/etc\"' (see `sonde fields`)"),
	{ .name = "output", .letter = 'o', .type = OPTION_LIST, .offset = offsetof(struct trace_settings, fields),
	  .argument = "FIELD,...", .help = "show these fields, in this order, by name or unique ending (see `sonde fields`); JSON has an order of its own" },
	{ .name = "tree", .type = OPTION_FLAG, .offset = offsetof(struct trace_settings, tree),
	  .help = "show execs with all their ancestors" },
	{ .name = "for", .type = OPTION_DURATION, .offset = offsetof(struct trace_settings, duration), .min = 1,
	  .max = INT64_MAX, .argument = "DURATION", .help = "end after this long: 10s, 5m, 1h30m" },
	{ .name = "interval", .letter = 'i', .type = OPTION_DURATION, .offset = offsetof(struct trace_settings, interval),
	  .min = 100000000, .max = INT64_MAX, .argument = "DURATION",
	  .help = "tell of drop, flow and live, which are added up, this often (default 1s)" },
	{ .name = "all-drops", .type = OPTION_FLAG, .offset = offsetof(struct trace_settings, all_drops),
	  .help = "drop: also packets that the kernel frees in normal work, as those that a closed socket had not read" },
	SCOPE_OPTIONS(struct trace_settings),
	{ .name = "ring-size", .type = OPTION_SIZE, .offset = offsetof(struct trace_settings, ring_size), .min = 65536,
	  .max = 1 << 30, .argument = "SIZE", .help = "memory of each lane, a power of two (default 2M for life, 4M for bulk)" },
	{ .name = "strict", .type = OPTION_FLAG, .offset = offsetof(struct trace_settings, strict),
	  .help = "exit with 1 if any event was lost" },
	{ .name = "unmasked", .type = OPTION_FLAG, .offset = offsetof(struct trace_settings, unmasked),
	  .help = "show secrets in command lines instead of ***" },
	{ .name = "mask-file", .type = OPTION_STRING, .offset = offsetof(struct trace_settings, mask_file),
	  .argument = "FILE", .help = "more patterns to mask, an extended regular expression a line" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde trace exec exit", "every program that starts and ends, with what it cost" },
	{ "sonde trace open --pid 4242", "files that process 4242 and its descendants open" },
	{ "sonde trace exec exit --json -- make -j2", "run make, and only watch what it starts" },
	{ "sonde trace connect close --container web", "connections of one container" },
	{ "sonde trace open -f 'file.path startswith \"/etc\" and error.code == EACCES'", "files below /etc that were refused" },
	{ "sonde trace flow live --interval 5s", "who talks to whom now, and how much" },
	{ "sonde trace exec -o process.pid,user.name,command_args", "choose the columns" },
	{ "sonde trace exec --tree --for 10s", "ten seconds of execs with their ancestors" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "KIND...", .words = kind_words, .help = "events to show: fork exec exit signal oom open change connect accept listen live close "
				  "flow retransmit reset drop" },
	{ 0 }
};

const struct command trace_command = {
	.name = "trace",
	.summary = "show events as they happen",
	.usage = "KIND... [OPTION]... [-- COMMAND...]",
	.description = "Shows every event of the kinds named, of the whole machine or of a part of it, until interrupted. "
		       "With -- COMMAND it starts the command, watches it and what it starts, ends with it and passes its "
		       "exit status on; with --for it stops watching then, and waits for the command. With --json, standard output holds nothing but events, so what the command writes there goes "
		       "to standard error.\n\n"
		       "Where a terminal is too narrow for all columns, the least important are left out; -o shows just those "
		       "that are named, in their order.\n\n"
		       "At the end a line on standard error says how many events there were and whether any were lost.",
	.examples = examples,
	.options = options,
	.takes_command = true,
	.positionals = positionals,
	.run = run_trace,
};
