/* sonde policy check: is a file right, and what would it be. */
#include "base/escape.h"
#include "base/jot.h"
#include "base/message.h"
#include "cmd/policy.h"

static void add_policy(struct text *out, const struct policy *policy, bool json)
{
	struct jot jot = { .out = out };

	if (json) {
		jot_open(&jot, NULL, '{');
		jot_string(&jot, "name", policy->name);
		jot_string(&jot, "file", policy->file);
		jot_string(&jot, "form", policy->is_short ? "short" : "TracingPolicy");
		jot_string(&jot, "action", match_action(policy));
		jot_open(&jot, "hooks", '[');
		for (u32 i = 0; i < policy->hook_count; i++)
			jot_string(&jot, NULL, policy->hooks[i].target);
		jot_close(&jot, ']');
		jot_close(&jot, '}');
		text_add_char(out, '\n');
		return;
	}
	text_add_format(out, "%s: %s at", policy->name, match_action(policy));
	for (u32 i = 0; i < policy->hook_count; i++) {
		text_add(out, i ? ", " : " ");
		escape_terminal(out, policy->hooks[i].target, strlen(policy->hooks[i].target));
	}
	text_add_char(out, '\n');
}

int policy_check(const struct policy_settings *settings, char *const *files)
{
	struct policies policies = { 0 };
	struct output output = { 0 };
	int bad = 0;

	for (; *files; files++)
		bad |= policies_load(&policies, *files, NULL);
	for (size_t i = 0; i < policies.count; i++)
		add_policy(&output.text, policies.list[i], settings->json);
	policies_free(&policies);
	return output_end(&output) || bad;
}
