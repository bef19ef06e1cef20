/* Text and JSON say the same; both are made of the places that policy_place finds. */
#include "policy/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "event/words.h"
#include "lang/parse.h"

static bool has_action(const struct policy_hook *hook, enum policy_action action)
{
	for (u32 i = 0; i < hook->selector_count; i++) {
		const struct policy_selector *selector = &hook->selectors[i];

		for (u32 j = 0; j < selector->step_count; j++)
			if (selector->steps[j].action == action)
				return true;
		for (u32 j = 0; j < selector->return_step_count; j++)
			if (selector->return_steps[j].action == action)
				return true;
	}
	return false;
}

/* What comes of enforcing at this place; NULL: nothing is enforced. */
static const char *verdict(const struct policy *policy, const struct policy_hook *hook, const struct policy_place *place,
			   bool is_enforcer, bool *refused)
{
	bool denies = is_enforcer || has_action(hook, ACTION_DENY), kills = has_action(hook, ACTION_SIGNAL);

	if (policy->monitor && (denies || kills || has_action(hook, ACTION_NOTIFY_ENFORCER)))
		return "nothing is done: policy-mode is monitor, and the policy cannot be enforced";
	*refused = (denies && !place->prevents) || (kills && place->late && !denies);
	if (is_enforcer && !place_carries_out(place)) {
		*refused = true;
		return "what is noted cannot be carried out here: not enforced";
	}
	if (denies && place->prevents)
		return "deny prevents it";
	if (denies && place->late)
		return "it can only be told of when it is done: not enforced, unless with --allow-late";
	if (denies)
		return "it is seen as it begins and cannot be denied: not enforced, unless with --allow-late";
	if (kills && place->late)
		return "the process is killed when it is done: not enforced, unless with --allow-late";
	return kills ? "the process is killed as it begins; what it had begun may still be done" : NULL;
}

static void add_step(struct text *out, const struct policy_step *step)
{
	const char *word;

	switch (step->action) {
	case ACTION_LOG:
		text_add(out, "log");
		if (step->rate_count)
			text_add_format(out, ", at most one in %llu s of one %s", (unsigned long long)(step->rate_ns / 1000000000),
					step->rate_scope == RATE_THREAD ? "thread" : step->rate_scope == RATE_PROCESS ? "process" : "machine");
		if (step->kernel_stack || step->user_stack)
			text_add_format(out, ", with %s%s%s", step->kernel_stack ? "kernel" : "",
					step->kernel_stack && step->user_stack ? " and " : "", step->user_stack ? "user stack" : " stack");
		break;
	case ACTION_SILENT:
		text_add(out, "do not log");
		break;
	case ACTION_SIGNAL:
		word = word_signal(step->number);
		text_add(out, "send ");
		text_add(out, word ? word : "a signal");
		break;
	case ACTION_DENY:
		word = word_errno(step->number);
		text_add_format(out, "deny (%s)", word ? word : step->number ? "error" : "as if it were done");
		break;
	case ACTION_NOTIFY_ENFORCER:
		text_add(out, "enforce in the calls of enforcers");
		break;
	case ACTION_CLEAN_ENFORCER:
		text_add(out, "take that back");
		break;
	case ACTION_TRACK_SOCKET:
	case ACTION_UNTRACK_SOCKET:
		text_add_format(out, "%s whose socket arg%d is", step->action == ACTION_TRACK_SOCKET ? "remember" : "forget", step->number);
		break;
	}
}

static void add_steps(struct text *out, const struct policy_step *steps, u32 count)
{
	if (!count)
		text_add(out, "log");
	for (u32 i = 0; i < count; i++) {
		text_add(out, i ? ", " : "");
		add_step(out, &steps[i]);
	}
}

static void add_condition(struct text *out, const struct lang_node *condition)
{
	struct text printed = { 0 };

	if (!condition) {
		text_add(out, "always");
		return;
	}
	lang_print(condition, &printed);
	escape_terminal(out, text_string(&printed), printed.length);
	text_free(&printed);
}

static void add_selector(struct text *out, const struct policy_selector *selector, u32 number)
{
	text_add_format(out, "    %u  ", number);
	if (selector->label) {
		escape_terminal(out, selector->label, strlen(selector->label));
		text_add(out, ": ");
	}
	add_condition(out, selector->condition);
	if (selector->return_condition) {
		text_add(out, "\n       and, when it returns, ");
		add_condition(out, selector->return_condition);
	}
	text_add(out, "\n       then ");
	add_steps(out, selector->steps, selector->step_count);
	if (selector->return_step_count) {
		text_add(out, "; when it returns ");
		add_steps(out, selector->return_steps, selector->return_step_count);
	}
	text_add_char(out, '\n');
}

static const char *attach_name(const struct policy_hook *hook)
{
	static const char *const names[] = {
		[ATTACH_FUNCTION] = "function", [ATTACH_SYSCALL] = "system call", [ATTACH_TRACEPOINT] = "tracepoint",
		[ATTACH_RAW_TRACEPOINT] = "raw tracepoint", [ATTACH_LSM] = "LSM hook", [ATTACH_UPROBE] = "program",
		[ATTACH_POINT] = "point",
	};

	return names[hook->attach];
}

static bool same_place(const struct policy_place *left, const struct policy_place *right)
{
	return left->rung == right->rung && left->prevents == right->prevents && left->late == right->late && left->lost == right->lost &&
	       left->rung != RUNG_NONE;
}

/* One place after the other; targets of a list that share one are told of together. */
struct places {
	const struct policy_hook *hook;
	struct policy_kernel *kernel;
	bool deny;
	u32 next;
	struct policy_place place;
	const char *first;
	u32 count;			/* that share it */
	int status;
};

static const char *target_at(const struct policy_hook *hook, u32 at)
{
	return hook->targets ? hook->targets[at] : at ? NULL : hook->target;
}

static bool next_place(struct places *places)
{
	struct policy_place other;

	places->first = target_at(places->hook, places->next);
	if (!places->first)
		return false;
	places->status = policy_place(places->hook, places->first, places->deny, places->kernel, &places->place);
	places->count = 1;
	while (places->hook->targets && places->hook->targets[places->next + places->count] &&
	       !policy_place(places->hook, places->hook->targets[places->next + places->count], places->deny, places->kernel, &other) &&
	       same_place(&other, &places->place))
		places->count++;
	places->next += places->count;
	return true;
}

static bool describe_hook(const struct policy *policy, const struct policy_hook *hook, struct policy_kernel *kernel, struct text *out)
{
	bool is_enforcer = hook == policy->enforcer, good = true, seen = false, refused;
	struct places places = { .hook = hook, .kernel = kernel, .deny = is_enforcer || has_action(hook, ACTION_DENY) };
	const char *enforced;

	while (next_place(&places)) {
		const struct policy_place *place = &places.place;

		text_add_format(out, "  %s ", is_enforcer ? "enforcer in" : attach_name(hook));
		if (hook->subsystem)
			text_add_format(out, "%s/", hook->subsystem);
		escape_terminal(out, places.first, strlen(places.first));
		if (places.count > 1)
			text_add_format(out, " and %u more", places.count - 1);
		if (places.status) {
			text_add_format(out, ": %s\n    ", hook->may_lack ? "left out" : "cannot be seen");
			escape_terminal(out, policy->file, strlen(policy->file));
			text_add_format(out, ":%u:%u: ", hook->line, hook->column);
			escape_terminal(out, place->why, strlen(place->why));
			text_add_char(out, '\n');
			good &= hook->may_lack;
			continue;
		}
		seen = true;
		text_add_format(out, ": %s", policy_rung_name(place->rung));
		if (place->rung == RUNG_STAND_IN)
			text_add_format(out, ", the tracepoint %s", place->target);
		else if (strcmp(place->target, places.first) && places.count == 1)
			text_add_format(out, " %s", place->target);
		text_add_char(out, '\n');
		if (place->lost)
			text_add_format(out, "    lost: %s\n", place->lost);
		enforced = verdict(policy, hook, place, is_enforcer, &refused);
		if (enforced)
			text_add_format(out, "    enforced: %s\n", enforced);
	}
	for (u32 i = 0; seen && i < hook->selector_count; i++)
		add_selector(out, &hook->selectors[i], i + 1);
	if (seen && !hook->selector_count && !is_enforcer)
		text_add(out, "    always\n       then log\n");
	return good;
}

bool policy_describe(const struct policy *policy, struct policy_kernel *kernel, struct text *out)
{
	bool good = true;

	for (u32 i = 0; i < policy->hook_count; i++)
		good &= describe_hook(policy, &policy->hooks[i], kernel, out);
	if (policy->enforcer)
		good &= describe_hook(policy, policy->enforcer, kernel, out);
	for (const struct policy_note *note = policy->notes; note; note = note->next) {
		text_add(out, "  note");
		if (note->line)
			text_add_format(out, " %u:%u", note->line, note->column);
		text_add(out, ": ");
		escape_terminal(out, note->text, strlen(note->text));
		text_add_char(out, '\n');
	}
	return good;
}

static void jot_condition(struct jot *jot, const char *key, const struct lang_node *condition)
{
	struct text printed = { 0 };

	if (!condition)
		return;
	lang_print(condition, &printed);
	jot_bytes(jot, key, text_string(&printed), printed.length);
	text_free(&printed);
}

static void jot_steps(struct jot *jot, const char *key, const struct policy_step *steps, u32 count)
{
	struct text text = { 0 };

	jot_open(jot, key, '[');
	if (!count)
		jot_string(jot, NULL, "log");
	for (u32 i = 0; i < count; i++) {
		text_reset(&text);
		add_step(&text, &steps[i]);
		jot_bytes(jot, NULL, text_string(&text), text.length);
	}
	jot_close(jot, ']');
	text_free(&text);
}

static bool jot_place(struct jot *jot, const struct policy *policy, const struct places *places)
{
	const struct policy_hook *hook = places->hook;
	const struct policy_place *place = &places->place;
	bool refused = false;
	const char *enforced;

	jot_open(jot, NULL, '{');
	jot_string(jot, "target", places->first);
	if (places->count > 1)
		jot_unsigned(jot, "more", places->count - 1);
	jot_string(jot, "rung", policy_rung_name(place->rung));
	if (places->status) {
		jot_string(jot, "why", place->why);
		jot_bool(jot, "left_out", hook->may_lack);
	} else {
		jot_string(jot, "at", place->target);
		jot_bool(jot, "prevents", place->prevents);
		jot_bool(jot, "late", place->late);
		if (place->lost)
			jot_string(jot, "lost", place->lost);
		enforced = verdict(policy, hook, place, hook == policy->enforcer, &refused);
		if (enforced)
			jot_string(jot, "enforced", enforced);
		jot_bool(jot, "needs_allow_late", refused);
	}
	jot_close(jot, '}');
	return !places->status || hook->may_lack;
}

static bool jot_hook(struct jot *jot, const char *key, const struct policy *policy, const struct policy_hook *hook,
		     struct policy_kernel *kernel)
{
	struct places places = { .hook = hook, .kernel = kernel, .deny = hook == policy->enforcer || has_action(hook, ACTION_DENY) };
	bool good = true;

	jot_open(jot, key, '{');
	jot_string(jot, "target", hook->target);
	if (hook->subsystem)
		jot_string(jot, "subsystem", hook->subsystem);
	jot_string(jot, "kind", attach_name(hook));
	jot_unsigned(jot, "line", hook->line);
	jot_open(jot, "places", '[');
	while (next_place(&places))
		good &= jot_place(jot, policy, &places);
	jot_close(jot, ']');
	jot_open(jot, "selectors", '[');
	for (u32 i = 0; i < hook->selector_count; i++) {
		const struct policy_selector *selector = &hook->selectors[i];

		jot_open(jot, NULL, '{');
		if (selector->label)
			jot_string(jot, "label", selector->label);
		jot_condition(jot, "condition", selector->condition);
		jot_condition(jot, "return_condition", selector->return_condition);
		jot_steps(jot, "actions", selector->steps, selector->step_count);
		if (selector->return_step_count)
			jot_steps(jot, "return_actions", selector->return_steps, selector->return_step_count);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	jot_close(jot, '}');
	return good;
}

bool policy_describe_json(const struct policy *policy, struct policy_kernel *kernel, struct jot *jot)
{
	bool good = true;

	jot_open(jot, "hooks", '[');
	for (u32 i = 0; i < policy->hook_count; i++)
		good &= jot_hook(jot, NULL, policy, &policy->hooks[i], kernel);
	jot_close(jot, ']');
	if (policy->enforcer)
		good &= jot_hook(jot, "enforcer", policy, policy->enforcer, kernel);
	jot_open(jot, "notes", '[');
	for (const struct policy_note *note = policy->notes; note; note = note->next) {
		jot_open(jot, NULL, '{');
		jot_unsigned(jot, "line", note->line);
		jot_unsigned(jot, "column", note->column);
		jot_string(jot, "text", note->text);
		jot_close(jot, '}');
	}
	jot_close(jot, ']');
	return good;
}
