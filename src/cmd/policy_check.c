/* sonde policy check: are files right, and what would their policies be on this kernel, or on another's types. */
#include <errno.h>

#include "base/escape.h"
#include "base/message.h"
#include "cmd/policy.h"
#include "policy/describe.h"
#include "policy/load.h"
#include "policy/point.h"

struct check {
	const struct policy_settings *settings;
	struct policy_kernel *kernel;
	struct output output;
	size_t good, bad;
};

static void jot_error(struct jot *jot, const struct policy_error *error)
{
	jot_open(jot, "error", '{');
	if (error->line) {
		jot_unsigned(jot, "line", error->line);
		jot_unsigned(jot, "column", error->column);
	}
	jot_string(jot, "text", error->text);
	if (*error->mend)
		jot_string(jot, "mend", error->mend);
	jot_close(jot, '}');
}

/* `name` NULL: the file is wrong as a whole. */
static void add_error(struct check *check, const char *file, const char *name, const struct policy_error *error)
{
	struct jot jot = { .out = &check->output.text };

	check->bad++;
	if (!check->settings->json) {
		policy_error_say(error, file);
		return;
	}
	jot_open(&jot, NULL, '{');
	jot_string(&jot, "file", file);
	if (name)
		jot_string(&jot, "name", name);
	jot_bool(&jot, "good", false);
	jot_error(&jot, error);
	jot_close(&jot, '}');
	text_add_char(&check->output.text, '\n');
}

static bool jot_policy(struct check *check, const struct policy *policy, const struct policy *placed)
{
	struct text hooks = { 0 };
	struct jot jot = { .out = &check->output.text }, inner = { .out = &hooks, .more = true };
	bool good = !placed || policy_describe_json(placed, check->kernel, &inner);

	jot_open(&jot, NULL, '{');
	jot_string(&jot, "file", policy->file);
	jot_string(&jot, "name", policy->name);
	jot_string(&jot, "form", policy->is_short ? "short" : "TracingPolicy");
	jot_bool(&jot, "good", good);
	jot_string(&jot, "kernel", check->settings->kernel ? check->settings->kernel : "this");
	if (policy->incomplete)
		jot_string(&jot, "incomplete", policy->incomplete);
	if (policy->is_short)
		jot_string(&jot, "point", policy->hooks[0].target);
	text_add_bytes(&check->output.text, text_string(&hooks), hooks.length);
	jot_close(&jot, '}');
	text_add_char(&check->output.text, '\n');
	text_free(&hooks);
	return good;
}

static bool show_policy(struct check *check, const struct policy *policy, const struct policy *placed, const struct policy_error *why)
{
	struct text *out = &check->output.text;
	bool good = true;

	text_add_format(out, "%s  ", policy->name);
	escape_terminal(out, policy->file, strlen(policy->file));
	text_add_char(out, '\n');
	for (u32 i = 0; i < policy->hook_count && policy->is_short; i++)
		text_add_format(out, "%s%s", i ? ", " : "  when: ", policy->hooks[i].target);
	if (policy->is_short)
		text_add_char(out, '\n');
	if (placed)
		good = policy_describe(placed, check->kernel, out);
	else if (policy->is_short)
		text_add_format(out, "  decided when it is told of, not in the kernel: %s\n", why->text);
	return good;
}

/* Then it can be enforced nowhere: whoever only observes it would find that out last. */
static bool never_acts(const struct policy *policy, struct policy_error *error)
{
	enum policy_action action = policy->hooks[0].selectors->steps->action;
	struct policy_error why = *error;

	if (action == ACTION_LOG)
		return false;
	snprintf(error->text, sizeof(error->text), "it can never %s: %.220s", action == ACTION_DENY ? "deny" : "kill", why.text);
	return true;
}

/* Points at which what is asked is never known. */
static void note_idle(const struct policy *policy, struct policy *placed)
{
	for (u32 i = 0; i < policy->hook_count; i++) {
		const struct policy_hook *hook = &policy->hooks[i];
		bool found = hook->attach != ATTACH_POINT;

		for (u32 j = 0; j < placed->hook_count && !found; j++)
			found = placed->hooks[j].from == hook;
		if (!found)
			policy_note(placed, hook->line, hook->column, "it can never match at %s: the condition asks for what is not there", hook->target);
	}
}

static void check_policy(struct check *check, struct policy *policy)
{
	struct policy_error error = { 0 };
	struct policy *placed = policy->is_short ? policy_lower(policy, &error) : policy;
	bool good;

	if (!placed && never_acts(policy, &error)) {
		add_error(check, policy->file, policy->name, &error);
		return;
	}
	if (placed)
		note_idle(policy, placed);
	if (placed && policy_resolve(placed, check->kernel, &error)) {
		add_error(check, policy->file, policy->name, &error);
		return;
	}
	good = check->settings->json ? jot_policy(check, policy, placed) : show_policy(check, policy, placed, &error);
	check->good += good;
	check->bad += !good;
}

static void check_file(struct check *check, const char *file)
{
	struct policies policies = { 0 };
	struct policy_error error = { 0 };
	struct text text = { 0 };
	const char *doubt = NULL;

	if (policy_source(file, &text, &doubt, &error) || policies_parse(&policies, text_string(&text), text.length, file, &error))
		add_error(check, file, NULL, &error);
	for (size_t i = 0; i < policies.count; i++) {
		if (doubt) {
			policy_distrust(doubt, file, &error);
			policy_note(policies.list[i], 0, 0, "%s: it would not be run; %s", doubt, error.mend);
		}
		check_policy(check, policies.list[i]);
	}
	policies_free(&policies);
	text_free(&text);
}

int policy_check(const struct policy_settings *settings, char *const *files)
{
	struct check check = { .settings = settings };
	struct policy_error error = { 0 };
	struct features features;
	int status;

	features_find(&features);
	check.kernel = policy_kernel_open(settings->kernel, &features, &error);
	if (!check.kernel) {
		message_error("%s%s%s", error.text, *error.mend ? "; " : "", error.mend);
		return 1;
	}
	if (settings->kernel)
		message_note("by the types of that kernel only: whether its kprobes and security modules are switched on is not known");
	else if (!features.privileged)
		message_note("not root: by the types of this kernel only; what it refuses is not known");
	while (*files && output_some(&check.output))
		check_file(&check, *files++);
	status = output_end(&check.output);
	if (!settings->json && check.good && !check.bad)
		message_note("%zu polic%s good", check.good, check.good == 1 ? "y is" : "ies are");
	policy_kernel_close(check.kernel);
	return status ? status : check.bad > 0;
}
