/* Tells the events what the numbers of loaded policies mean (event/policy.h). */
#include <stdlib.h>

#include "base/alloc.h"
#include "event/policy.h"
#include "policy/spot.h"
#include "policy/tracing.h"

static const s64 *call_numbers(const struct policy *policy, const struct policy_hook *hook)
{
	size_t count = 0;
	s64 *numbers;

	if (!hook->targets || hook->attach != ATTACH_SYSCALL)
		return NULL;
	while (hook->targets[count])
		count++;
	numbers = lang_tree_get(policy->tree, (count + 1) * sizeof(*numbers));
	for (size_t i = 0; i < count; i++)
		numbers[i] = tracing_call_number(hook->targets[i]);
	return numbers;
}

static void fill_hook(const struct policy *policy, const struct policy_hook *hook, struct policy_hook_names *names)
{
	const struct policy_argument *value;

	names->target = hook->target;
	names->point = hook->from ? hook->from->target : NULL;
	names->targets = hook->targets;
	names->numbers = call_numbers(policy, hook);
	names->message = hook->message;
	names->tags = hook->tags;
	names->arguments = hook->argument_count;
	names->data = hook->data_count;
	for (u32 i = 0; i < POLICY_VALUES && (value = spot_value(hook, i)); i++) {
		names->types[i] = value->type;
		names->labels[i] = value->label;
	}
}

void names_add(struct engine *engine)
{
	engine->names = xcalloc(engine->policy_count, sizeof(*engine->names));
	for (size_t i = 0; i < engine->policy_count; i++) {
		const struct policy *policy = engine->policies[i].policy;
		struct policy_hook_names *hooks = xcalloc(policy->hook_count + 1, sizeof(*hooks));

		for (u32 j = 0; j < policy->hook_count; j++)
			fill_hook(policy, &policy->hooks[j], &hooks[j]);
		engine->names[i] = (struct policy_names){
			.number = engine->policies[i].number, .name = policy->name, .severity = policy->severity,
			.hooks = hooks, .hook_count = policy->hook_count,
		};
		policy_names_add(&engine->names[i]);
	}
}

void names_remove(struct engine *engine)
{
	for (size_t i = 0; engine->names && i < engine->policy_count; i++) {
		policy_names_remove(engine->names[i].number);
		free((void *)engine->names[i].hooks);
	}
	free(engine->names);
}
