/*
 * Loading a spot: the object is opened, told what to read, given its maps, its condition is put in place, and the one
 * program that this rung needs is loaded.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/object.h"
#include "kernel/splice.h"
#include "lang/gen.h"
#include "policy/spot.h"

/* Maps of the main object that policies write to as well. */
static const char *const shared_maps[] = { "life", "bulk", "counts", "paths", "cgroups", "scratches", "taken", "watched",
					   "cgroup_works", NULL };

static const char *enforcer_program(const struct policy_place *place)
{
	switch (place->rung) {
	case RUNG_LSM:
		return "policy_enforcer_lsm";
	case RUNG_FENTRY:
		return place->prevents ? "policy_enforcer_modify" : "policy_enforcer_begin";
	case RUNG_KPROBE:
		return place->prevents ? "policy_enforcer_deny" : "policy_enforcer_probe";
	default:
		return "policy_enforcer";
	}
}

const char *spot_program(const struct spot *spot)
{
	if (spot->enforcer)
		return enforcer_program(&spot->place);
	switch (spot->place.rung) {
	case RUNG_LSM:
		return "policy_lsm";
	case RUNG_FENTRY:
		if (spot->denies)
			return "policy_modify";
		return spot->at_return ? "policy_fexit" : "policy_fentry";
	case RUNG_KPROBE:
		if (spot->denies)
			return "policy_kprobe_deny";
		return spot->at_return ? "policy_kretprobe" : "policy_kprobe";
	case RUNG_UPROBE:
		return spot->at_return ? "policy_kretprobe" : "policy_kprobe";
	case RUNG_CALL:
		return spot->at_return ? "policy_call_exit" : "policy_call_enter";
	case RUNG_FORMAT:
		return "policy_format";
	case RUNG_RAW:
		return "policy_raw";
	case RUNG_STAND_IN:
		return strcmp(spot->place.target, "sys_exit") ? "policy_stand_in_raw" : "policy_stand_in_exit";
	case RUNG_CGROUP:
		return spot_only_sends(spot) ? "policy_sendmsg4" : "policy_connect4";
	case RUNG_NONE:
		break;
	}
	return NULL;
}

const char *spot_other_program(const struct spot *spot)
{
	if (spot->enforcer && spot->place.rung == RUNG_FENTRY && !spot->place.prevents)
		return "policy_enforcer_end";
	if (spot->at_return && (spot->place.rung == RUNG_KPROBE || spot->place.rung == RUNG_UPROBE))
		return "policy_kprobe_enter";
	return NULL;
}

const char *const *spot_group_programs(const struct spot *spot)
{
	static const char *const names[] = { "policy_connect4", "policy_connect6", "policy_sendmsg4", "policy_sendmsg6", NULL };

	return spot_only_sends(spot) ? names + 2 : names;
}

static void choose_programs(struct spot *spot)
{
	const char *const one[] = { spot_program(spot), NULL };
	const char *const *name = spot->place.rung == RUNG_CGROUP ? spot_group_programs(spot) : one;

	for (; *name; name++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(spot->object, *name), true);
	if (spot->changes)
		bpf_program__set_autoload(bpf_object__find_program_by_name(spot->object, "policy_snapshot"), true);
	if (spot_other_program(spot))
		bpf_program__set_autoload(bpf_object__find_program_by_name(spot->object, spot_other_program(spot)), true);
}

static int share_maps(const struct engine *engine, struct spot *spot)
{
	struct bpf_map *map;
	int error = 0;

	for (const char *const *name = shared_maps; *name && !error; name++) {
		int fd = bpf_object__find_map_fd_by_name(engine->options->shared, *name);

		map = bpf_object__find_map_by_name(spot->object, *name);
		if (map && fd >= 0)
			error = bpf_map__reuse_fd(map, fd);
	}
	bpf_map__set_max_entries(bpf_object__find_map_by_name(spot->object, "policy_verdicts"), spot->case_count);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(spot->object, "policy_tallies"), spot->case_count);
	for (size_t i = 0; i < engine->shared_count && !error; i++)
		error = bpf_map__reuse_fd(bpf_object__find_map_by_name(spot->object, engine->shared_names[i]),
					  engine->shared_fds[i]);
	return error;
}

/* The first spot's scratch memory and the like serve all. */
static void keep_shared(struct engine *engine, const struct spot *spot)
{
	static const char *const names[ENGINE_SHARED] = { "policy_scratches", "policy_notes", "policy_sockets",
							  "policy_rates", "policy_snapshots" };

	if (engine->shared_count)
		return;
	for (size_t i = 0; i < ENGINE_SHARED; i++) {
		engine->shared_names[i] = names[i];
		engine->shared_fds[i] = bpf_object__find_map_fd_by_name(spot->object, names[i]);
	}
	engine->shared_count = ENGINE_SHARED;
}

static u64 scope_of(const struct policy_step *step)
{
	return step->rate_scope == RATE_THREAD ? POLICY_SCOPE_THREAD :
	       step->rate_scope == RATE_PROCESS ? POLICY_SCOPE_PROCESS : POLICY_SCOPE_GLOBAL;
}

static void add_step(const struct policy_step *step, struct policy_verdict *verdict)
{
	/* to tell of it is no news beside what else is done */
	if (step->action != ACTION_SILENT && step->action != ACTION_LOG)
		verdict->action = policy_action_told(step);
	switch (step->action) {
	case ACTION_LOG:
		verdict->rate_count = step->rate_count;
		verdict->rate_ns = step->rate_ns;
		verdict->rate_scope = scope_of(step);
		verdict->kernel_stack |= step->kernel_stack;
		verdict->user_stack |= step->user_stack;
		break;
	case ACTION_SILENT:
		verdict->silent = 1;
		break;
	case ACTION_SIGNAL:
		verdict->signal = step->number;
		break;
	case ACTION_DENY:
		verdict->denies = 1;
		verdict->error = step->number > 0 ? -step->number : step->number;
		break;
	case ACTION_NOTIFY_ENFORCER:
		verdict->notes = 1;
		verdict->note_error = step->number > 0 ? -step->number : 0;
		verdict->note_signal = step->second;
		break;
	case ACTION_CLEAN_ENFORCER:
		verdict->notes = 2;
		break;
	case ACTION_TRACK_SOCKET:
		verdict->track = step->number + 1;
		break;
	case ACTION_UNTRACK_SOCKET:
		verdict->untrack = step->number + 1;
		break;
	}
}

static void fill_verdict(const struct engine *engine, const struct spot *spot, const struct spot_case *each,
			 struct policy_verdict *verdict)
{
	const struct engine_policy *policy = &engine->policies[each->policy];
	const struct policy_hook *hook = &policy->policy->hooks[each->hook];
	const struct policy_selector *selector = each->selector ? &hook->selectors[each->selector - 1] : NULL;

	*verdict = (struct policy_verdict){
		.policy = policy->number, .hook = each->hook, .selector = each->selector, .action = ACTION_LOG,
		.enforce = policy->enforce,
	};
	for (u32 i = 0; selector && i < selector->step_count; i++)
		add_step(&selector->steps[i], verdict);
	for (u32 i = 0; selector && spot->at_return && i < selector->return_step_count; i++)
		add_step(&selector->return_steps[i], verdict);
	if (hook->result_action != ACTION_LOG && spot->at_return) {
		const u8 value = hook->argument_count + hook->data_count + 1;

		*(hook->result_action == ACTION_TRACK_SOCKET ? &verdict->track : &verdict->untrack) = value;
	}
}

static int fill_verdicts(const struct engine *engine, struct spot *spot)
{
	int fd = bpf_object__find_map_fd_by_name(spot->object, "policy_verdicts"), error = 0;

	for (u32 i = 0; i < spot->case_count && !error; i++) {
		struct policy_verdict verdict;

		fill_verdict(engine, spot, &spot->cases[i], &verdict);
		error = bpf_map_update_elem(fd, &i, &verdict, BPF_ANY);
	}
	return error;
}

const struct gen_layout spot_layout = {
	.room = POLICY_ROOM, .fixed = sizeof(struct policy_record), .strings = POLICY_STRINGS,
};

void spot_say_uncompiled(struct policy_error *error, const char *why)
{
	snprintf(error->text, sizeof(error->text), "the condition cannot be compiled: %s", why);
}

typedef const struct bpf_insn *finish(struct gen *gen, size_t *count, const char **why);

/* Compiles the cases and puts them in the place of the function. */
static struct gen *put(const struct spot *spot, const char *function, finish *finish, const char **why)
{
	struct gen *gen = gen_new();
	const struct bpf_insn *instructions = NULL;
	size_t count = 0;
	int failed = 0;

	for (u32 i = 0; i < spot->case_count && !failed; i++)
		failed = gen_add_case(gen, 0, &spot_layout, spot->cases[i].condition, why);
	if (!failed)
		instructions = finish(gen, &count, why);
	if (instructions) {
		splice_begin(bpf_object__btf(spot->object), function, instructions, count);
		return gen;
	}
	gen_free(gen);
	return NULL;
}

static int put_conditions(struct spot *spot, struct policy_error *error)
{
	const char *why = "";

	spot->gen = put(spot, "decide", gen_finish, &why);
	if (!spot->gen) {
		spot_say_uncompiled(error, why);
		return -EINVAL;
	}
	if (!spot_counts_others(spot))
		return 0;
	spot->others = put(spot, "decide_others", gen_finish_others, &why);
	return spot->others ? 0 : -E2BIG;
}

/* For programs that are attached by type, libbpf must know the function before anything else. */
static int set_target(struct spot *spot)
{
	const char *const names[] = { spot_program(spot), spot_other_program(spot) };
	int error = 0;

	if (spot->place.rung != RUNG_LSM && spot->place.rung != RUNG_FENTRY)
		return 0;
	for (size_t i = 0; i < 2 && names[i] && !error; i++)
		error = bpf_program__set_attach_target(bpf_object__find_program_by_name(spot->object, names[i]), 0, spot->place.target);
	return error;
}

static struct bpf_object *open_object(const struct engine *engine, struct spot *spot, u8 direct)
{
	struct settings *settings;
	struct policy_config *config;
	struct bpf_object *object;
	char target[128];

	snprintf(target, sizeof(target), "%s%s", spot->place.rung == RUNG_LSM ? "bpf_lsm_" : "", spot->place.target);
	object = object_open_policy(target, &settings, &config);
	if (!object)
		return NULL;
	*settings = *object_settings(engine->options->shared);
	/* what stands is the whole machine's, whoever puts it there */
	if (engine->options->keep)
		settings->scope = SCOPE_ALL;
	spot_configure(spot, config);
	if (config->direct > direct)
		config->direct = direct;
	spot->direct = config->direct;
	spot->changes = config->changes;
	config->self = engine->options->keep ? 0 : getpid();
	return object;
}

static int load_once(struct engine *engine, struct spot *spot, u8 direct, struct policy_error *error)
{
	int failed;

	object_said_clear();
	spot->object = open_object(engine, spot, direct);
	failed = spot->object ? 0 : -errno;
	if (!failed)
		choose_programs(spot);
	failed = failed ? failed : set_target(spot);
	failed = failed ? failed : share_maps(engine, spot);
	if (!failed && !spot->enforcer)
		failed = put_conditions(spot, error);
	failed = failed ? failed : bpf_object__load(spot->object);
	splice_end();
	return failed;
}

void spot_forget(struct spot *spot)
{
	bpf_object__close(spot->object);
	gen_free(spot->gen);
	gen_free(spot->others);
	spot->object = NULL;
	spot->gen = spot->others = NULL;
}

/* How far kernel memory can be read without calls is found by trying, once. */
int spot_try(struct engine *engine, struct spot *spot, struct policy_error *error)
{
	static u8 direct = POLICY_DIRECT_ALL;
	int failed = load_once(engine, spot, direct, error);

	while (failed && failed != -E2BIG && failed != -EMFILE && spot->direct && !error->text[0]) {
		direct = spot->direct - 1;
		spot_forget(spot);
		failed = load_once(engine, spot, direct, error);
	}
	/* to know what else matched is worth less than to have the policies */
	if (failed && failed != -EMFILE && spot_counts_others(spot) && !error->text[0]) {
		spot->only_first = true;
		spot_forget(spot);
		failed = load_once(engine, spot, direct, error);
	}
	failed = failed ? failed : fill_verdicts(engine, spot);
	if (!failed)
		return 0;
	if (!error->text[0] && failed == -E2BIG) {
		snprintf(error->text, sizeof(error->text), "what is asked at %s is too complex for this kernel", spot->target);
		snprintf(error->mend, sizeof(error->mend), "patterns with * cost most, and lists less than many comparisons: ask for less, "
			 "or first for what rules out most");
	} else if (!error->text[0] && failed == -EMFILE) {
		snprintf(error->text, sizeof(error->text), "%s cannot be watched: %s", spot->target, strerror(EMFILE));
		snprintf(error->mend, sizeof(error->mend), "allow more (ulimit -n), or watch fewer places at a time");
	} else if (!error->text[0]) {
		snprintf(error->text, sizeof(error->text), "%s cannot be watched: %.160s", spot->target,
			 object_said()[0] ? object_said() : strerror(-failed));
		snprintf(error->mend, sizeof(error->mend), "`sonde policy check` says what this kernel allows");
	}
	return failed;
}

int spot_load(struct engine *engine, struct spot *spot)
{
	struct policy_error error = { 0 };
	int failed = spot_try(engine, spot, &error);

	if (failed)
		spot_blame(engine, spot, &error);
	else
		keep_shared(engine, spot);
	return failed;
}
