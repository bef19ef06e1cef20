/*
 * sonde policy watch: policies over the events of sensors, in the foreground. It only tells; what is enforced acts in the
 * kernel, whether or not this runs. Of the policies that stand it also writes what they matched into life.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/jot.h"
#include "base/message.h"
#include "base/wall.h"
#include "cmd/balance.h"
#include "cmd/event_filter.h"
#include "cmd/policy.h"
#include "cmd/snapshot.h"
#include "cmd/stop.h"
#include "cmd/watch.h"
#include "event/plan.h"
#include "policy/match_fields.h"
#include "policy/stand.h"
#include "proc/identity.h"
#include "wire/policy.h"

/* Who is who, and what programs of policies tell. */
#define BASE_KINDS (KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit) | KIND_BIT(policy))
#define WRITE_NS 1000000000ULL

struct watching {
	const struct policy_settings *settings;
	struct event_filter filter;
	struct policies files;
	struct life_set set;
	struct life *life;		/* NULL: nothing is written */
	struct policy_gather *gather;
	struct matcher *matcher;
	struct identity *identity;
	struct plan plan;
	struct output output;
	struct balance balance, total;	/* since it was changed, and of all */
	struct text line;
	struct stand *stand;		/* what of them the kernel holds */
	struct policies seen;		/* the others, which only the events of sensors show */
	size_t watched;			/* held, or seen at some point at least */
	u64 wall_checked, written, watched_until, shown, end;
	bool counted, changed;		/* counted in the balance; somebody changed what stands */
	int trouble;
};

/* An event of a program of policies says by itself which policy it is; what a sensor told of does not. */
static void add_json(struct watching *watching, const struct match *match)
{
	const struct policy *policy = match->policy;
	struct text *out = &watching->output.text, *line = &watching->line;
	struct jot jot = { .out = out };

	if (match->held) {
		json_event(&watching->plan, out, match->event);
		return;
	}
	text_reset(line);
	json_event(&watching->plan, line, match->event);
	text_add_char(out, '{');
	jot_open(&jot, "policy", '{');
	jot_string(&jot, "name", policy->name);
	jot_string(&jot, "point", match->hook->target);
	jot_string(&jot, "action", match_asked(match));
	jot_string(&jot, "result", match_result(match));
	if (policy->severity)
		jot_string(&jot, "severity", policy->severity);
	if (match->hook->message)
		jot_string(&jot, "message", match->hook->message);
	if (match->hook->tags) {
		jot_open(&jot, "tags", '[');
		for (const char *const *tag = match->hook->tags; *tag; tag++)
			jot_string(&jot, NULL, *tag);
		jot_close(&jot, ']');
	}
	jot_close(&jot, '}');
	text_add_char(out, ',');
	text_add_bytes(out, text_string(line) + 1, line->length - 1);
}

static void add_escaped(struct text *out, struct text *text)
{
	escape_terminal(out, text_string(text), text->length);
	text_reset(text);
}

static void add_text(struct watching *watching, const struct match *match)
{
	struct text *out = &watching->output.text, *line = &watching->line;
	const char *action = match_asked(match), *result = match_result(match);

	text_reset(line);
	wall_format(&watching->plan.wall, line, match->event->record->time);
	text_add_format(out, "%.15s  %-8s  %s  ", text_string(line) + 11, match->policy->severity ? match->policy->severity : "-",
			match->policy->name);
	if (!strcmp(result, "due"))
		text_add_format(out, "(would %s)  ", action);
	else if (strcmp(action, "log"))
		text_add_format(out, "(%s)  ", result);
	text_reset(line);
	policy_tool(match->event, line);
	add_escaped(out, line);
	text_add_format(out, "[%u] uid %u  %s ", match->event->record->pid, policy_user(match->event), match->hook->target);
	match_object(match, line);
	add_escaped(out, line);
	if (match->hook->message) {
		text_add(out, "  ");
		escape_terminal(out, match->hook->message, strlen(match->hook->message));
	}
	text_add_char(out, '\n');
}

static void tell(void *context, const struct match *match)
{
	struct watching *watching = context;
	s64 id = life_set_id(&watching->set, match->policy);

	if (watching->gather && id)
		policy_gather_add(watching->gather, id, match, wall_from_boot(&watching->plan.wall, match->event->record->time));
	if (watching->filter.condition && !match_holds(watching->filter.condition, match))
		return;
	watching->shown++;
	if (watching->settings->json)
		add_json(watching, match);
	else
		add_text(watching, match);
}

static void tell_one(struct watching *watching, const struct policy *policy, const struct policy_hook *held,
		     const struct event *event)
{
	const struct policy_hook *hook = held->from ? held->from : held;

	tell(watching, &(struct match){ .policy = policy, .hook = hook, .event = event, .held = held });
}

/* Of a program of policies: which one, and what it is called in the file. */
static void tell_held(struct watching *watching, const struct event *event)
{
	const struct policy_record *record = (const void *)event->record;
	const struct policy *original, *held = stand_find(watching->stand, record->policy, &original);

	if (held && record->hook < held->hook_count)
		tell_one(watching, original, &held->hooks[record->hook], event);
}

static int deliver_one(void *context, const void *bytes, size_t size)
{
	struct watching *watching = context;
	u64 before = watching->shown;
	struct event event;
	u32 kind;

	if (event_decode(&event, bytes, size)) {
		watching->balance.unreadable++;
		return 0;
	}
	kind = event.record->kind;
	identity_complete(watching->identity, &event);
	if (kind == KIND_lost) {
		if (watching->settings->json && kind_is_public(((const struct lost_record *)event.record)->kind)) {
			json_event(&watching->plan, &watching->output.text, &event);
			output_mark(&watching->output, KIND_lost);
		}
		return 0;
	}
	if (kind == KIND_policy)
		tell_held(watching, &event);
	else
		matcher_event(watching->matcher, &event, tell, watching);
	/* the kernel may have told once of several that matched */
	for (u64 line = before; line < watching->shown; line++)
		output_mark(&watching->output, !watching->counted && line + 1 == watching->shown ? kind : KIND_NONE);
	if (!watching->counted && watching->shown > before)
		watching->balance.delivered[kind]++;
	else if (!watching->counted)
		watching->balance.filtered[kind]++;
	watching->counted = true;
	output_some(&watching->output);
	return 0;	/* if that failed, take_turn ends the watch */
}

static int deliver(void *context, const void *bytes, size_t size)
{
	struct watching *watching = context;

	watching->counted = false;
	return stand_deliver(watching->stand, bytes, size, deliver_one, watching);
}

/* All of it in one transaction; what could not be written is tried again the next time. */
static void write_down(struct watching *watching, u64 now)
{
	const struct policies *standing = &watching->set.policies;
	int error = life_begin(watching->life);

	if (error) {
		watching->trouble = error;
		return;
	}
	watching->changed = stand_is_replaced(watching->stand, watching->life);
	error = policy_gather_write(watching->gather, watching->life, !watching->changed);
	for (size_t i = 0; i < standing->count && !error; i++)
		error = life_watched(watching->life, life_set_id(&watching->set, standing->list[i]), watching->watched_until, now);
	if (!error)
		error = life_commit(watching->life);
	watching->trouble = error;
	if (error) {
		life_undo(watching->life);
		return;
	}
	policy_gather_clear(watching->gather);
	watching->watched_until = now;
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct watching *watching = context;

	(void)next;
	if (now - watching->wall_checked > 1000000000) {
		wall_refresh(&watching->plan.wall);
		watching->wall_checked = now;
	}
	if (watching->life && now - watching->written > (watching->trouble ? 30 * WRITE_NS : WRITE_NS)) {
		write_down(watching, now);
		watching->written = now;
	}
	process_table_advance(watching->identity->processes, now);
	return !watching->changed && output_flush(&watching->output) && !output_reader_left();
}

static void finish_part(struct watching *watching, struct kernel *kernel)
{
	kernel_detach(kernel);
	watching->balance.ended = wall_boot_now();
	balance_close(&watching->balance, kernel, deliver, watching);
	if (watching->life)
		write_down(watching, watching->balance.ended);
	balance_add(&watching->total, &watching->balance);
}

static int finish(struct watching *watching)
{
	int status;

	output_flush(&watching->output);
	if (watching->settings->json)
		balance_json(&watching->total, &watching->output.text);
	status = output_end(&watching->output);
	balance_say(&watching->total);
	if (watching->settings->strict && balance_lost(&watching->total))
		status = 1;
	return status ? status : watching->trouble ? 1 : 0;
}

static bool is_seen(const struct policy *policy)
{
	for (u32 i = 0; i < policy->hook_count; i++)
		if (policy_is_seen(&policy->hooks[i]))
			return true;
	return false;
}

/* What the kernel does not hold is looked for in the events of sensors. Returns their kinds. */
static u32 choose_seen(struct watching *watching)
{
	const struct policies *all = &watching->set.policies;

	matcher_free(watching->matcher);
	watching->seen.count = 0;
	watching->watched = 0;
	for (size_t i = 0; i < all->count; i++) {
		bool held = stand_held(watching->stand, all->list[i]);

		watching->watched += held || is_seen(all->list[i]);
		if (!held)
			watching->seen.list[watching->seen.count++] = all->list[i];
	}
	watching->matcher = matcher_new(&watching->seen);
	return matcher_kinds(watching->matcher);
}

/*
 * Which sensors are needed shows when the kernel has taken what it can: if it is more than was thought, everything is opened
 * once more.
 */
static struct kernel *open_all(struct watching *watching, struct kernel_options *options, const struct features *features)
{
	for (;;) {
		struct kernel *kernel = kernel_open(options, features);
		u32 kinds;

		if (!kernel)
			return NULL;
		watching->stand = stand_open(watching->life, &watching->set, features, kernel_object(kernel), NULL, true);
		kinds = watching->stand ? choose_seen(watching) : 0;
		watching->balance.wanted = kinds | KIND_BIT(policy);
		if (watching->stand && !(kinds & ~options->kinds))
			return kernel;
		stand_close(watching->stand);
		kernel_close(kernel);
		if (!watching->stand)
			return NULL;
		options->kinds |= kinds;
		options->filter = matcher_code(watching->matcher, NULL, &options->filtered, &options->filter_length);
	}
}

static bool watch_set(struct watching *watching, struct kernel_options *options, const struct features *features)
{
	const struct policy_settings *settings = watching->settings;
	struct kernel *kernel = open_all(watching, options, features);

	if (!kernel)
		return false;
	if (!watching->watched) {
		message_error("nothing is watched: none of the policies can be observed here");
		stand_close(watching->stand);
		kernel_close(kernel);
		return false;
	}
	if (settings->scope.pid)
		scope_watch_tree(kernel, watching->identity, settings->scope.pid);
	else
		snapshot_take(kernel, watching->identity);
	message_note("watching %zu polic%s", watching->watched, watching->watched == 1 ? "y" : "ies");
	watching->balance.started = watching->watched_until = watching->written = wall_boot_now();
	if (!watching->end)
		watching->end = settings->duration ? watching->balance.started + settings->duration : ~0ULL;
	watch_go_first();
	watch_run(&(struct watch){
		.kernel = kernel,
		.child = &(struct child){ 0 },
		.end = watching->end,
		.deliver = deliver,
		.turn = take_turn,
		.context = watching,
	});
	finish_part(watching, kernel);
	stand_close(watching->stand);
	kernel_close(kernel);
	return true;
}

/* 0, or -errno, said; or there are none any more. */
static int load_again(struct watching *watching, struct kernel_options *options)
{
	int error;

	options->kinds = BASE_KINDS;
	options->filtered = 0;
	options->filter = NULL;	/* it is the matcher's */
	matcher_free(watching->matcher);
	watching->matcher = NULL;
	watching->changed = false;
	watching->balance = (struct balance){ .exit_status = -1 };
	life_set_free(&watching->set);
	error = life_set_load(&watching->set, watching->life);
	watching->seen.list = xrealloc(watching->seen.list, watching->set.policies.count + 1, sizeof(*watching->seen.list));
	return error;
}

/* Whenever somebody changes what stands, that is watched from then on. */
static int run(struct watching *watching, struct kernel_options *options, const struct features *features)
{
	bool failed = false;

	if (!watch_set(watching, options, features))
		return 1;
	while (watching->changed && !failed && !stop_asked() && wall_boot_now() < watching->end) {
		failed = load_again(watching, options);
		if (!failed && !watching->set.policies.count) {
			message_note("no policy stands any more");
			break;
		}
		message_note("what stands was changed");
		failed = failed || !watch_set(watching, options, features);
	}
	return finish(watching) || failed;
}

static bool is_part(const struct scope_settings *scope)
{
	return scope->pid || scope->cgroup || scope->container || scope->user;
}

/* 0, or an exit status, said. */
static int load(struct watching *watching, char *const *files)
{
	bool none = false;

	for (; *files; files++)
		if (policies_load(&watching->files, *files, NULL))
			return 1;
	if (watching->files.count) {
		life_set_of(&watching->set, &watching->files);
		return 0;
	}
	watching->life = life_open(true, &none);
	if (!watching->life || life_set_load(&watching->set, watching->life))
		return 1;
	if (!watching->set.policies.count) {
		message_error("no policy stands; `sonde policy observe FILE` begins with one, or name files to watch");
		return 1;
	}
	if (is_part(&watching->settings->scope)) {
		message_note("only a part of the machine is watched: this is shown, and not part of their observation");
	} else {
		if (!life_take(watching->life)) {
			watching->gather = policy_gather_new();
			return watching->gather ? 0 : 1;
		}
		message_note("another sonde writes what is matched; this one only shows it");
	}
	life_close(watching->life);
	watching->life = NULL;
	return 0;
}

static void leave(struct watching *watching)
{
	matcher_free(watching->matcher);
	free(watching->seen.list);
	policies_free(&watching->files);
	life_set_free(&watching->set);
	if (watching->gather)
		stand_count(watching->life);
	policy_gather_free(watching->gather);
	life_close(watching->life);
	event_filter_close(&watching->filter);
	identity_free(watching->identity);
	plan_free(&watching->plan);
	text_free(&watching->line);
}

int policy_watch(const struct command *command, const struct policy_settings *settings, char *const *files)
{
	struct watching watching = { .settings = settings };
	struct kernel_options options = { .ring_size = settings->ring_size };
	const char *obstacle;
	struct lang_names names = match_field_names();
	struct features features;
	int status = event_filter_open(&watching.filter, command, &settings->filter, &names);

	if (!status && settings->filter.explain) {
		status = event_filter_explain_user(&watching.filter, "matches", "what is not shown counts in reports all the same");
		goto out;
	}
	if (!status)
		status = load(&watching, files);
	if (status)
		goto out;
	status = 1;
	features_find(&features);
	obstacle = features_obstacle(&features);
	if (obstacle) {
		message_error("%s", obstacle);
		goto out;
	}
	watching.seen.list = xcalloc(watching.set.policies.count, sizeof(*watching.seen.list));
	watching.identity = identity_new(!settings->unmasked, settings->mask_file);
	if (!watching.identity)
		goto out;
	plan_make(&watching.plan);
	stop_prepare(0);
	status = scope_resolve(command, &settings->scope, &(struct child){ 0 }, &features, watching.identity, &options);
	if (status)
		goto out;
	watching.balance.exit_status = -1;
	watching.output.unwritten = watching.total.unwritten;
	options.kinds = BASE_KINDS;
	status = run(&watching, &options, &features);
out:
	leave(&watching);
	return status;
}
