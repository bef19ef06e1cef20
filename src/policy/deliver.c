/*
 * Where policies share a program the kernel tells of the first case that holds, which is the strictest, and counts the others. What
 * else of them matches is asked here, of the same record, and told in the same words.
 */
#include <string.h>

#include "lang/eval.h"
#include "policy/spot.h"

static struct spot *find_spot(struct engine *engine, const struct policy_record *record, u32 *at)
{
	for (size_t i = 0; i < engine->spot_count; i++) {
		struct spot *spot = &engine->spots[i];

		for (u32 j = 0; spot->shared && spot->function == record->function && j < spot->case_count; j++) {
			const struct spot_case *each = &spot->cases[j];

			if (engine->policies[each->policy].number == record->policy && each->hook == record->hook &&
			    each->selector == record->selector) {
				*at = j;
				return spot;
			}
		}
	}
	return NULL;
}

/* Was a case of the same hook found already? Then this one is not the first of its selectors. */
static bool is_later_selector(const struct spot *spot, u32 first, u32 at, const u8 *matched)
{
	for (u32 i = first; i < at; i++)
		if (matched[i - first] && spot->cases[i].policy == spot->cases[at].policy &&
		    spot->cases[i].hook == spot->cases[at].hook)
			return true;
	return false;
}

static u8 action_of(const struct policy *policy, const struct spot_case *each)
{
	const struct policy_selector *selector;
	u8 action = ACTION_LOG;

	if (!each->selector)
		return action;
	selector = &policy->hooks[each->hook].selectors[each->selector - 1];
	for (u32 i = 0; i < selector->step_count; i++)
		if (selector->steps[i].action != ACTION_LOG && selector->steps[i].action != ACTION_SILENT)
			action = policy_action_told(&selector->steps[i]);
	return action;
}

static int deliver_others(struct engine *engine, struct spot *spot, u32 first, const void *bytes, size_t size,
			  lanes_deliver *deliver, void *context)
{
	static u8 copy[POLICY_ROOM] __attribute__((aligned(8)));
	static u8 matched[POLICY_SHARED];
	struct policy_record *record = (void *)copy;

	if (size > sizeof(copy) || spot->case_count - first > sizeof(matched))
		return 0;
	memcpy(copy, bytes, size);
	matched[0] = 1;
	for (u32 i = first + 1; i < spot->case_count; i++) {
		struct spot_case *each = &spot->cases[i];
		const struct engine_policy *policy = &engine->policies[each->policy];
		int ended;

		matched[i - first] = !is_later_selector(spot, first, i, matched) &&
				     (!each->condition || lang_eval_record(each->condition, bytes, size, sizeof(*record)));
		if (!matched[i - first])
			continue;
		record->policy = policy->number;
		record->hook = each->hook;
		record->selector = each->selector;
		record->action = action_of(policy->policy, each);
		record->taken = 0;
		each->others++;
		ended = deliver(context, copy, size);
		if (ended)
			return ended;
	}
	return 0;
}

int engine_deliver(struct engine *engine, const void *bytes, size_t size, lanes_deliver *deliver, void *context)
{
	const struct policy_record *record = bytes;
	struct spot *spot;
	int ended = deliver(context, bytes, size);
	u32 at;

	if (ended || size < sizeof(*record) || record->record.kind != KIND_policy)
		return ended;
	spot = find_spot(engine, record, &at);
	return spot ? deliver_others(engine, spot, at, bytes, size, deliver, context) : 0;
}
