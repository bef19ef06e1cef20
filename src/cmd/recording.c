/*
 * The course of a recording. What takes long comes before the command may begin, and what must not be missing is open by then: rules,
 * store, programs. At the end the kernel's side goes first, then the store is finished, and only then a summary is made.
 */
#include "cmd/recording.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "base/wall.h"
#include "books/host.h"
#include "books/recorder.h"
#include "cmd/balance.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/snapshot.h"
#include "cmd/stop.h"
#include "cmd/summary.h"
#include "cmd/watch.h"
#include "kernel/sample.h"
#include "policy/load.h"
#include "policy/matcher.h"
#include "proc/identity.h"

#define FLUSH_NS 500000000ULL
#define LAST_MOST (1 << 20)		/* records before the last sample; somebody may be writing all the time */
#define CLOCK_STEP_NS 10000000LL	/* less is the clock being kept right */

#define RUN_KINDS                                                                                                 \
	(KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit) | KIND_BIT(signal) | KIND_BIT(oom) | KIND_BIT(connect) |   \
	 KIND_BIT(accept) | KIND_BIT(close) | KIND_BIT(flow) | KIND_BIT(drop))
#define FILE_KINDS (KIND_BIT(open) | KIND_BIT(change))

struct recording {
	const struct recording_settings *settings;
	struct child *child;
	char *const *command;
	struct features features;
	struct kernel_options options;
	struct identity *identity;
	struct rules *rules;
	struct store *store;
	struct run *run;

	struct kernel *kernel;
	struct samples *samples;
	struct host *host;
	struct store_writer *writer;
	struct recorder *recorder;
	struct event_filter filter;	/* of files */
	struct policies policies;
	struct matcher *matcher;	/* NULL: no policies */
	struct text matched;
	struct balance balance;
	struct wall wall;
	struct progress progress;
	bool json;
	u64 next_sample, next_flush, next_clock;
};

static void on_match(void *context, const struct match *match)
{
	struct recording *recording = context;
	struct text *what = &recording->matched;

	text_reset(what);
	text_add_format(what, "%s (%s): ", match->policy->name, match_asked(match));
	match_object(match, what);
	recorder_matched(recording->recorder, match->event, text_string(what), what->length);
}

/* What only policies asked for is no part of the run. */
static bool is_for_policies(const struct recording *recording, u32 kind)
{
	return recording->matcher && !recording->settings->files && FILE_KINDS >> kind & 1;
}

/* Of all that is recorded, a record or event is delivered once it is in the books. */
static int deliver(void *context, const void *bytes, size_t size)
{
	struct recording *recording = context;
	struct event event;
	bool wanted;

	if (event_decode(&event, bytes, size)) {
		recording->balance.unreadable++;
		return 0;
	}
	identity_complete(recording->identity, &event);
	wanted = !(FILE_KINDS >> event.record->kind & 1) || event_filter_passes(&recording->filter, &event);
	if (wanted && !is_for_policies(recording, event.record->kind))
		recorder_event(recording->recorder, &event);
	if (recording->matcher)
		matcher_event(recording->matcher, &event, on_match, recording);
	if (event.record->kind != KIND_lost)
		(wanted ? recording->balance.delivered : recording->balance.filtered)[event.record->kind]++;
	return 0;
}

static void deliver_sample(void *context, const struct sample_record *sample)
{
	struct recording *recording = context;

	recorder_sample(recording->recorder, sample);
}

static void deliver_held(void *context, const struct sample_record *sample)
{
	struct recording *recording = context;

	recorder_held(recording->recorder, sample);
}

static void deliver_standing(void *context, const struct connection_record *connection)
{
	struct recording *recording = context;

	/* the outcome will be told of */
	if (connection->state == NET_SYN_SENT)
		return;
	recorder_standing(recording->recorder, connection, !recording->balance.started);
}

static void take_sample(struct recording *recording)
{
	struct run_host_sample sample;
	int error = 0;

	if (recording->samples)
		error = samples_take(recording->samples, deliver_sample, recording);
	if (recording->samples && !error)
		error = samples_take_connections(recording->samples, deliver_standing, recording);
	if (error) {
		message_warn("cannot take samples any more: %s", strerror(-error));
		samples_close(recording->samples);
		recording->samples = NULL;
	}
	host_take(recording->host, &sample);
	recorder_host(recording->recorder, &sample);
}

static void check_clock(struct recording *recording, u64 now)
{
	s64 step = wall_refresh(&recording->wall);

	if (step > CLOCK_STEP_NS || step < -CLOCK_STEP_NS)
		recorder_clock(recording->recorder, now, step);
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct recording *recording = context;
	u64 look;

	process_table_advance(recording->identity->processes, now);
	if (wall_is_due(&recording->next_sample, now, recording->run->interval))
		take_sample(recording);
	if (wall_is_due(&recording->next_flush, now, FLUSH_NS)) {
		check_clock(recording, now);
		recorder_flush(recording->recorder, now);
		progress_show(&recording->progress, recorder_now(recording->recorder), now - recording->run->start);
	}
	/* To be woken costs more than what is done then: when rows are handed over is early enough, if nothing is urgent. */
	if (!recorder_hurries(recording->recorder) || recording->next_flush < *next)
		*next = recording->next_flush;
	if (recording->next_sample < *next)
		*next = recording->next_sample;
	look = recorder_look(recording->recorder, now);
	if (look < *next)
		*next = look;
	return true;
}

static void describe_run(struct recording *recording)
{
	const struct recording_settings *settings = recording->settings;
	struct run *run = recording->run;
	char directory[4096];
	struct text command = { 0 }, masked = { 0 };

	run->name = run->command = run->scope = run->directory = run->filter = RUN_NONE;
	run->kind = recording->command ? RUN_COMMAND : RUN_SCOPE;
	run->state = RUN_RECORDING;
	run->exit_status = -1;
	run->interval = settings->interval;
	run->user = invoker_user();
	if (settings->name && *settings->name)
		run->name = run_text_add(run, settings->name, strlen(settings->name));
	if (settings->filter.expression)
		run->filter = run_text_add(run, settings->filter.expression, strlen(settings->filter.expression));
	if (getcwd(directory, sizeof(directory)))
		run->directory = run_text_add(run, directory, strlen(directory));
	for (char *const *word = recording->command; word && *word; word++)
		text_add_bytes(&command, *word, strlen(*word) + 1);
	if (recording->command && recording->identity->mask &&
	    mask_arguments(recording->identity->mask, text_string(&command), command.length, &masked))
		run->command = run_text_add(run, text_string(&masked), masked.length);
	else if (recording->command)
		run->command = run_text_add(run, text_string(&command), command.length);
	text_free(&command);
	text_free(&masked);
	host_describe("", run);
}

/* Says what is wrong with it; 0, or an exit status. */
static int open_filter(const struct command *command, const struct recording_settings *settings, struct event_filter *filter)
{
	struct lang_names names = lang_names_of_events(FILE_KINDS);

	names.about = "files";
	names.where = "what a run says of processes and connections is always whole";
	return event_filter_open(filter, command, &settings->filter, &names);
}

int recording_explain(const struct command *command, const struct recording_settings *settings)
{
	struct event_filter filter = { 0 };
	int status = open_filter(command, settings, &filter);

	if (!status)
		status = event_filter_explain(&filter, FILE_KINDS);
	event_filter_close(&filter);
	return status;
}

int recording_check(const struct command *command, const struct recording_settings *settings)
{
	struct event_filter filter = { 0 };
	int status = open_filter(command, settings, &filter);

	event_filter_close(&filter);
	if (status)
		return status;
	if (settings->filter.expression && !settings->files)
		return option_mistake(command, "-f chooses among files, which are recorded with --files; processes and what they cost are "
					       "always recorded whole");
	if (settings->ring_size & (settings->ring_size - 1))
		return option_mistake(command, "--ring-size must be a power of two: 64K, 1M, 8M");
	return 0;
}

/* Policies over the events of sensors; nothing is stopped while it is recorded. False: said why. */
static bool add_policies(struct recording *recording)
{
	if (policies_load(&recording->policies, recording->settings->policies, NULL))
		return false;
	for (size_t i = 0; i < recording->policies.count; i++)
		for (u32 j = 0; j < recording->policies.list[i]->hook_count; j++)
			if (!policy_is_seen(&recording->policies.list[i]->hooks[j])) {
				message_error("%s: the policy %s hangs on what only its own program in the kernel sees; watch it with "
					      "`sonde policy watch`", recording->settings->policies, recording->policies.list[i]->name);
				return false;
			}
	recording->matcher = matcher_new(&recording->policies);
	recording->options.kinds |= matcher_kinds(recording->matcher);
	return true;
}

/* What the kernel may leave out, which is of files alone: of the rest everything is recorded. */
static void filter_files(struct recording *recording)
{
	struct kernel_options *options = &recording->options;
	struct event_filter *filter = &recording->filter;
	struct matcher_others files = { filter->tree, filter->condition, FILE_KINDS };

	if (recording->settings->files && !filter->condition)
		return;
	if (recording->matcher) {
		options->filter = matcher_code(recording->matcher, filter->condition ? &files : NULL, &options->filtered,
					       &options->filter_length);
	} else if (filter->condition) {
		event_filter_compile(filter, FILE_KINDS);
		options->filter = filter->code;
		options->filter_length = filter->length;
		options->filtered = filter->kinds;
	}
	options->filtered &= FILE_KINDS;
}

struct recording *recording_open(const struct recording_settings *settings, struct child *child, char *const *command)
{
	struct recording *recording = xcalloc(1, sizeof(*recording));
	const char *obstacle;
	struct text error = { 0 };

	recording->settings = settings;
	recording->child = child;
	recording->command = command;
	features_find(&recording->features);
	obstacle = features_obstacle(&recording->features);
	if (obstacle) {
		message_error("%s", obstacle);
		goto failed;
	}
	recording->rules = rules_new(settings->rules, &error);
	if (!recording->rules) {
		message_error("%s", text_string(&error));
		goto failed;
	}
	recording->identity = identity_new(!settings->unmasked, settings->mask_file);
	if (!recording->identity)
		goto failed;
	recording->store = store_open(settings->store, true);
	if (!recording->store)
		goto failed;
	recording->run = run_new();
	describe_run(recording);
	recording->options.kinds = RUN_KINDS | SAMPLE_BIT | (settings->files ? FILE_KINDS : 0);
	if (settings->policies && !add_policies(recording))
		goto failed;
	if (open_filter(NULL, settings, &recording->filter))
		goto failed;
	filter_files(recording);
	/* a policy may hang on any signal */
	if (!recording->matcher || !(matcher_kinds(recording->matcher) & KIND_BIT(signal)))
		recording->options.idle_signals = RECORDER_IDLE_SIGNALS;
	recording->options.ring_size = settings->ring_size;
	recording->options.lingers = true;
	text_free(&error);
	return recording;
failed:
	text_free(&error);
	recording_close(recording);
	return NULL;
}

void recording_close(struct recording *recording)
{
	if (!recording)
		return;
	store_close(recording->store);
	rules_free(recording->rules);
	matcher_free(recording->matcher);
	event_filter_close(&recording->filter);
	policies_free(&recording->policies);
	text_free(&recording->matched);
	identity_free(recording->identity);
	run_free(recording->run);
	free(recording);
}

struct kernel_options *recording_options(struct recording *recording)
{
	return &recording->options;
}

struct features *recording_features(struct recording *recording)
{
	return &recording->features;
}

struct identity *recording_identity(struct recording *recording)
{
	return recording->identity;
}

void recording_say_json(struct recording *recording, bool json)
{
	recording->json = json;
}

/* It was asked for, so it is done, but not without a word: it slows down who is not watched, too. */
static void warn_of_files(struct kernel *kernel)
{
	const char *slow = NULL;
	size_t count;
	const struct taken *taken = kernel_taken(kernel, &count);

	for (size_t i = 0; i < count; i++) {
		if (!(taken[i].point->kinds & FILE_KINDS))
			continue;
		if (!taken[i].rung)
			message_warn("--files: this kernel gives no way to see a %s (`sonde doctor` says more)", taken[i].point->name);
		else if (taken[i].rung->cost == COST_SYSCALLS)
			slow = taken[i].point->name;
	}
	if (slow)
		message_warn("--files makes every system call of this machine slower while it lasts: this kernel has no cheaper way to "
			     "see a %s (`sonde doctor` says more)", slow);
}

static bool attach(struct recording *recording)
{
	recording->kernel = kernel_open(&recording->options, &recording->features);
	if (!recording->kernel)
		return false;
	if (recording->settings->files)
		warn_of_files(recording->kernel);
	recording->samples = samples_open(recording->kernel);
	recording->host = host_open("");
	return true;
}

/* Nothing is lost between two steps: what began before the snapshot is in it or in the lanes. */
static bool begin(struct recording *recording, const char *scope, u32 tree)
{
	struct run *run = recording->run;

	if (scope)
		run->scope = run_text_add(run, scope, strlen(scope));
	run->start = wall_boot_now();
	wall_refresh(&recording->wall);
	run->wall_offset = recording->wall.offset;
	recording->writer = store_begin(recording->store, run);
	if (!recording->writer)
		return false;
	recording->recorder = recorder_new(run, recording->writer, recording->rules, recording->identity,
					   recording->child->pid);
	if (recording->child->pid)
		kernel_watch(recording->kernel, recording->child->pid);
	else if (recording->options.scope == SCOPE_TREE)
		scope_watch_tree(recording->kernel, recording->identity, tree);
	else
		snapshot_take(recording->kernel, recording->identity);
	if (!recording->child->pid && recording->samples)
		samples_take_connections(recording->samples, deliver_standing, recording);
	recording->balance.wanted = recording->options.kinds;
	return true;
}

/* All is ready: what has happened so far is not the run's. */
static void start_clock(struct recording *recording)
{
	struct run *run = recording->run;

	store_started(recording->writer, run, wall_boot_now());
	recording->balance.started = run->start;
	recording->next_flush = run->start + FLUSH_NS;
	recording->next_sample = run->start + run->interval;
	/* who is there already, and what that cost so far; a command waits, and did so for a CPU too */
	if (!recording->child->pid)
		take_sample(recording);
	else if (recording->samples)
		samples_take(recording->samples, deliver_held, recording);
}

/* What the recording itself cost, as every process's ledger has it. */
static void measure_overhead(struct costs *costs)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	costs->cpu_user = usage.ru_utime.tv_sec * 1000000000ULL + usage.ru_utime.tv_usec * 1000ULL;
	costs->cpu_system = usage.ru_stime.tv_sec * 1000000000ULL + usage.ru_stime.tv_usec * 1000ULL;
	costs->cpu = costs->cpu_user + costs->cpu_system;
	costs->memory = usage.ru_maxrss * 1024ULL;
	costs->voluntary_switches = usage.ru_nvcsw;
	costs->involuntary_switches = usage.ru_nivcsw;
	costs->minor_faults = usage.ru_minflt;
	costs->major_faults = usage.ru_majflt;
}

static void count_events(struct recording *recording)
{
	struct run *run = recording->run;

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kind_is_public(kind))
			run->produced += recording->balance.kernel.produced[kind];
	run->lost = balance_lost(&recording->balance);
}

static void close_kernel(struct recording *recording)
{
	samples_close(recording->samples);
	host_close(recording->host);
	kernel_close(recording->kernel);
}

/* 0, or 1 if not all could be stored; that was said. */
static int finish(struct recording *recording)
{
	struct run *run = recording->run;
	const struct child *child = recording->child;
	int error;

	if (!child->pid)
		recorder_stop(recording->recorder, wall_boot_now());
	/* who began just now is known to the sample then, and what it cost is not lost */
	lanes_drain(kernel_lanes(recording->kernel), deliver, recording, LAST_MOST);
	take_sample(recording);
	kernel_detach(recording->kernel);
	balance_close(&recording->balance, recording->kernel, deliver, recording);
	if (child->pid && child->ended)
		run->exit_status = child->status;
	if (child->error)
		recorder_refused(recording->recorder, recording->command[0], child->error);
	recorder_close(recording->recorder, recording->balance.ended);
	count_events(recording);
	run->state = RUN_FINISHED;
	close_kernel(recording);
	measure_overhead(&run->overhead);
	error = store_end(recording->writer, run);
	progress_end(&recording->progress);
	return error ? 1 : 0;
}

static void retain(struct recording *recording)
{
	const struct recording_settings *settings = recording->settings;
	int removed = 0;

	if (settings->max_age || settings->max_size)
		removed = store_retain(recording->store, &(struct store_limits){ settings->max_age, settings->max_size });
	if (removed > 0 && !settings->quiet)
		message_note("removed %d old run%s from the store (--max-age, --max-size)", removed, removed == 1 ? "" : "s");
}

/* The store is closed first: SQLite does not outlive a fork. */
static int say(struct recording *recording)
{
	struct recorder_now now = recorder_now(recording->recorder);
	char *path = xstrdup(store_path(recording->store));
	struct output output = { .to_error = recording->child->pid };
	int status = 0;

	recorder_free(recording->recorder);
	store_close(recording->store);
	recording->store = NULL;
	malloc_trim(0);
	if (recording->json) {
		summary_json(&output.text, path, recording->run, &now);
		status = output_end(&output);
	} else if (!recording->settings->quiet) {
		summary_say(path, recording->run->id);
	}
	free(path);
	return status;
}

int recording_run(struct recording *recording, const char *scope, u32 tree, u64 duration)
{
	struct child *child = recording->child;
	bool complete;
	int status;

	if (!attach(recording))
		return 1;
	if (!begin(recording, scope, tree)) {
		close_kernel(recording);
		return 1;
	}
	watch_go_first();
	start_clock(recording);
	/* whoever reads this may act at once, and that is in it */
	if (!child->pid)
		message_note("recording %s", scope);
	progress_begin(&recording->progress, recording->settings->live);
	child_release(child);
	watch_run(&(struct watch){
		.kernel = recording->kernel,
		.child = child,
		.begin = recording->run->start,
		.end = duration ? recording->run->start + duration : ~0ULL,
		.deliver = deliver,
		.turn = take_turn,
		.context = recording,
	});
	status = finish(recording);
	retain(recording);
	if (say(recording))
		status = 1;
	complete = !status && !recording->run->lost;
	/* what went wrong with the recording was said; the exit status is the command's, unless it is asked to tell of both */
	if (child->pid)
		return child->status || complete || !recording->settings->strict ? child->status : 1;
	return status || (recording->settings->strict && !complete);
}
