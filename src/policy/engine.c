/*
 * From policies to programs: each hook is placed, hooks that can share a program are put together, and every selector
 * becomes a case of its condition, the strictest first.
 */
#include "policy/engine.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/spot.h"

/* Denying prevents, killing need not; what is silent must not hide what is told. */
enum strength { STRENGTH_SILENT, STRENGTH_LOG, STRENGTH_SIGNAL, STRENGTH_DENY };

static bool has_action(const struct policy_selector *selector, enum policy_action action)
{
	for (u32 i = 0; i < selector->step_count; i++)
		if (selector->steps[i].action == action)
			return true;
	for (u32 i = 0; i < selector->return_step_count; i++)
		if (selector->return_steps[i].action == action)
			return true;
	return false;
}

static bool hook_has(const struct policy_hook *hook, enum policy_action action)
{
	for (u32 i = 0; i < hook->selector_count; i++)
		if (has_action(&hook->selectors[i], action))
			return true;
	return false;
}

static u8 strength_of(const struct policy_selector *selector)
{
	if (has_action(selector, ACTION_DENY))
		return STRENGTH_DENY;
	if (has_action(selector, ACTION_SIGNAL) || has_action(selector, ACTION_NOTIFY_ENFORCER))
		return STRENGTH_SIGNAL;
	return has_action(selector, ACTION_SILENT) ? STRENGTH_SILENT : STRENGTH_LOG;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_argument(const struct policy_argument *a, const struct policy_argument *b)
{
	return a->type == b->type && a->index == b->index && a->size_index == b->size_index && a->at_return == b->at_return &&
	       a->source == b->source && same_text(a->resolve, b->resolve) && same_text(a->type_name, b->type_name);
}

static bool same_values(const struct policy_hook *a, const struct policy_hook *b)
{
	for (u32 i = 0; i < POLICY_VALUES; i++) {
		const struct policy_argument *left = spot_value(a, i), *right = spot_value(b, i);

		if (!left || !right)
			return left == right;
		if (!same_argument(left, right))
			return false;
	}
	return true;
}

/*
 * A TracingPolicy's hook has a program of its own: only its first selector that holds acts, which is not to be mixed with
 * what others ask. Short ones come by the hundred and share.
 */
static struct spot *find_spot(struct engine *engine, const struct policy *policy, const struct policy_hook *hook,
			      const struct policy_place *place, bool at_return, bool denies)
{
	for (size_t i = 0; policy->is_short && i < engine->spot_count; i++) {
		struct spot *spot = &engine->spots[i];

		if (spot->shared && spot->case_count + hook->selector_count < POLICY_SHARED && spot->place.rung == place->rung && spot->place.stand_in == place->stand_in &&
		    !strcmp(spot->place.target, place->target) && spot->at_return == at_return && spot->denies == denies &&
		    same_values(spot->hook, hook))
			return spot;
	}
	return NULL;
}

static struct spot *add_spot(struct engine *engine, const struct policy_hook *hook, const char *target,
			     const struct policy_place *place)
{
	struct spot *spot;

	engine->spots = xrealloc(engine->spots, engine->spot_count + 1, sizeof(*engine->spots));
	spot = &engine->spots[engine->spot_count];
	*spot = (struct spot){ .place = *place, .target = target, .hook = hook, .number = engine->spot_count++ };
	return spot;
}

static struct lang_node *both(struct lang_tree *tree, struct lang_node *left, struct lang_node *right)
{
	if (!left || !right)
		return left ? left : right;
	return lang_node(tree, OP_AND, left, right);
}

static void add_case(struct spot *spot, const struct spot_case *added)
{
	u32 at = spot->case_count++;

	spot->cases = xrealloc(spot->cases, spot->case_count, sizeof(*spot->cases));
	/* of equally strict ones the order is the policies' and the file's */
	for (; spot->shared && at && spot->cases[at - 1].strength < added->strength; at--)
		spot->cases[at] = spot->cases[at - 1];
	spot->cases[at] = *added;
}

static void add_cases(struct spot *spot, const struct policy *policy, u32 index, const struct policy_hook *hook)
{
	struct spot_case added = { .policy = index, .strength = STRENGTH_LOG };

	if (hook != policy->enforcer)
		added.hook = hook - policy->hooks;
	for (u32 i = 0; i < hook->selector_count; i++) {
		const struct policy_selector *selector = &hook->selectors[i];

		added.selector = i + 1;
		added.strength = strength_of(selector);
		added.condition = spot->at_return ? both(policy->tree, selector->condition, selector->return_condition) :
						    selector->condition;
		add_case(spot, &added);
	}
	if (!hook->selector_count)
		add_case(spot, &added);
}

static bool returns_at(enum policy_rung rung)
{
	return rung == RUNG_FENTRY || rung == RUNG_KPROBE || rung == RUNG_UPROBE || rung == RUNG_CALL || rung == RUNG_STAND_IN;
}

static int fail(struct policy_error *error, const struct policy_hook *hook, int code, const char *text, const char *mend)
{
	error->line = hook->line;
	error->column = hook->column;
	snprintf(error->text, sizeof(error->text), "%s", text);
	snprintf(error->mend, sizeof(error->mend), "%s", mend);
	return code;
}

/* Enforcing what is seen too late, or where nothing can be denied, would be a promise that is not kept. */
static int check_enforced(const struct engine *engine, const struct policy_hook *hook, const struct policy_place *place,
			  bool enforce, bool is_to_deny, struct policy_error *error)
{
	char text[sizeof(error->text)];

	if (!enforce || engine->options->allow_late)
		return 0;
	if (is_to_deny && !place->prevents) {
		snprintf(text, sizeof(text), "nothing can be denied at %s here: %s only sees it", hook->target,
			 policy_rung_name(place->rung));
		return fail(error, hook, -EOPNOTSUPP, text, "observe it, or enforce with --allow-late what else there is to do");
	}
	if (place->late && hook_has(hook, ACTION_SIGNAL)) {
		snprintf(text, sizeof(text), "%s is seen here when it is done: to kill then does not prevent it", hook->target);
		return fail(error, hook, -EOPNOTSUPP, text, "enforce with --allow-late if that is enough");
	}
	return 0;
}

static void hang(struct engine *engine, u32 index, const struct policy_hook *hook, const char *target,
		 const struct policy_place *place, bool denies)
{
	const struct policy *policy = engine->policies[index].policy;
	bool at_return = hook->returns && !denies && returns_at(place->rung);
	struct spot *spot = find_spot(engine, policy, hook, place, at_return, denies);

	if (!spot)
		spot = add_spot(engine, hook, target, place);
	spot->shared = policy->is_short;
	spot->at_return = at_return;
	spot->denies = denies;
	if (spot_only_sends(spot))
		spot->function = POLICY_AT_SENDS;
	if (place->rung == RUNG_CALL)
		spot->calls = hook->targets;
	add_cases(spot, policy, index, hook);
}

/*
 * Where control groups deny, they deny datagrams besides, of which no connection is seen. Whoever observes what would be denied
 * is to see them first.
 */
static void hang_at_sends(struct engine *engine, u32 index, const struct policy_hook *hook, const char *target)
{
	struct policy_place place = { 0 };

	if (!policy_place(hook, target, true, engine->kernel, &place) && place.rung == RUNG_CGROUP)
		hang(engine, index, hook, target, &place, false);
}

static int place_target(struct engine *engine, u32 index, const struct policy_hook *hook, const char *target,
			struct policy_error *error)
{
	const struct engine_policy *each = &engine->policies[index];
	bool enforce = each->enforce;
	bool is_enforcer = hook == each->policy->enforcer;
	bool is_to_deny = is_enforcer || hook_has(hook, ACTION_DENY), denies = enforce && is_to_deny;
	struct policy_place place = { 0 };
	int failed = policy_place(hook, target, denies, engine->kernel, &place);

	if (failed && hook->may_lack)
		return 0;
	if (failed)
		return fail(error, hook, failed, place.why, "`sonde policy check` says what this kernel has instead");
	denies = denies && place.prevents;
	if (hook->only_denying && !denies)
		return 0;
	failed = check_enforced(engine, hook, &place, enforce, is_to_deny, error);
	if (failed)
		return failed;
	if (is_enforcer && !place_carries_out(&place))
		return fail(error, hook, -EOPNOTSUPP, "what is noted cannot be carried out in this function here",
			    "an enforcer of system calls (sys_NAME) works here");
	hang(engine, index, hook, target, &place, denies);
	if (is_to_deny && !enforce && !is_enforcer)
		hang_at_sends(engine, index, hook, target);
	return 0;
}

static int place_hook(struct engine *engine, u32 index, const struct policy_hook *hook, struct policy_error *error)
{
	struct policy_place place;
	int failed = 0;

	if (!hook->targets)
		return place_target(engine, index, hook, hook->target, error);
	/* system calls by tracepoint are told apart by their numbers, in one program */
	if (hook->targets[0] && !policy_place(hook, hook->targets[0], false, engine->kernel, &place) && place.rung == RUNG_CALL)
		return place_target(engine, index, hook, hook->targets[0], error);
	for (u32 i = 0; hook->targets[i] && !failed; i++) {
		size_t before = engine->spot_count;

		failed = place_target(engine, index, hook, hook->targets[i], error);
		for (; before < engine->spot_count; before++)
			engine->spots[before].function = i + 1;
	}
	return failed;
}

/* What others note is carried out in these calls. */
static int place_enforcer(struct engine *engine, u32 index, struct policy_error *error)
{
	const struct policy_hook *hook = engine->policies[index].policy->enforcer;
	size_t before = engine->spot_count;
	int failed;

	if (!hook || !engine->policies[index].enforce)
		return 0;
	failed = place_hook(engine, index, hook, error);
	for (size_t i = before; i < engine->spot_count; i++) {
		engine->spots[i].enforcer = true;
		engine->spots[i].at_return = false;
	}
	return failed;
}

static int place_policy(struct engine *engine, u32 index, struct policy_error *error)
{
	const struct policy *policy = engine->policies[index].policy;
	int failed;

	if (policy->incomplete) {
		snprintf(error->text, sizeof(error->text), "%.250s", policy->incomplete);
		return -EINVAL;
	}
	if (policy->monitor && engine->policies[index].enforce) {
		snprintf(error->text, sizeof(error->text), "its file says policy-mode: monitor, so it only tells what it matches");
		snprintf(error->mend, sizeof(error->mend), "take that option out of the file, or observe it");
		return -EINVAL;
	}
	failed = policy_resolve((struct policy *)policy, engine->kernel, error);
	for (u32 i = 0; i < policy->hook_count && !failed; i++)
		failed = place_hook(engine, index, &policy->hooks[i], error);
	return failed ? failed : place_enforcer(engine, index, error);
}

struct engine *engine_open(const struct engine_policy *policies, size_t count, const struct engine_options *options,
			   struct policy_error *errors)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));
	struct policy_error error = { 0 };
	bool failed;

	memset(errors, 0, count * sizeof(*errors));
	engine->options = options;
	engine->policies = policies;
	engine->policy_count = count;
	engine->errors = errors;
	engine->kernel = policy_kernel_open(NULL, options->features, &error);
	failed = !engine->kernel;
	for (size_t i = 0; i < count; i++) {
		if (!engine->kernel)
			errors[i] = error;
		else if (place_policy(engine, i, &errors[i]))
			failed = true;
	}
	for (size_t i = 0; i < engine->spot_count && !failed; i++)
		failed = spot_load(engine, &engine->spots[i]);
	engine->errors = NULL;
	if (!failed) {
		names_add(engine);
		return engine;
	}
	engine_close(engine);
	return NULL;
}

int engine_attach(struct engine *engine, struct policy_error *error)
{
	int failed = 0;

	for (size_t i = 0; i < engine->spot_count && !failed; i++)
		failed = spot_attach(engine, &engine->spots[i], error);
	if (failed)
		engine_detach(engine);
	return failed;
}

void engine_detach(struct engine *engine)
{
	for (size_t i = 0; i < engine->spot_count; i++)
		spot_detach(&engine->spots[i]);
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	for (size_t i = 0; i < engine->spot_count; i++)
		spot_close(&engine->spots[i]);
	free(engine->spots);
	names_remove(engine);
	policy_kernel_close(engine->kernel);
	free(engine);
}

size_t engine_attached(const struct engine *engine, struct engine_attached *list, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < engine->spot_count && count < most; i++) {
		const struct spot *spot = &engine->spots[i];
		const struct spot_case *first = spot->cases;

		if (first)
			list[count++] = (struct engine_attached){
				.policy = engine->policies[first->policy].policy->name, .hook = first->hook,
				.place = &spot->place, .shared = spot->case_count,
			};
	}
	return count;
}
