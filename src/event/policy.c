/* What the record of a policy's match says: the policy, what was done, and what was read. */
#include "event/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/jot.h"
#include "base/table.h"
#include "event/getters.h"
#include "event/policy_value.h"
#include "event/words.h"
#include "kernel/symbols.h"

#define POLICY(event) ((const struct policy_record *)(event)->record)

static struct table known;

void policy_names_add(const struct policy_names *names)
{
	table_put(&known, names->number, (void *)names);
}

void policy_names_remove(u32 number)
{
	table_remove(&known, number);
}

static const struct policy_names *names_of(const struct event *event)
{
	return table_get(&known, POLICY(event)->policy);
}

static const struct policy_hook_names *hook_of(const struct event *event)
{
	const struct policy_names *names = names_of(event);

	return names && POLICY(event)->hook < names->hook_count ? &names->hooks[POLICY(event)->hook] : NULL;
}

bool get_policy_name(const struct event *event, struct value *value)
{
	const struct policy_names *names = names_of(event);

	if (names)
		return value_text(value, names->name);
	snprintf(value->scratch, sizeof(value->scratch), "%u", POLICY(event)->policy);
	return value_text(value, value->scratch);
}

bool get_policy_point(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	return hook && value_text(value, hook->point);
}

bool get_policy_severity(const struct event *event, struct value *value)
{
	const struct policy_names *names = names_of(event);

	return names && value_text(value, names->severity);
}

bool get_policy_message(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	return hook && value_text(value, hook->message);
}

bool get_policy_tags(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	value->bytes = (struct bytes){ .data = value->scratch };
	for (const char *const *tag = hook ? hook->tags : NULL; tag && *tag; tag++)
		value_add_word(value, *tag);
	return value->bytes.length > 0;
}

static bool find_symbol(u64 address, struct value *value)
{
	symbols_find(&address, 1);
	return value_text(value, symbols_name(address));
}

/* Several functions or calls may share a hook: then the kernel said which. */
bool get_policy_hook(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	if (!hook)
		return false;
	if (!hook->targets)
		return value_text(value, hook->target);
	for (u32 i = 0; hook->targets[i]; i++)
		if (i + 1 == POLICY(event)->function ||
		    (hook->numbers && hook->numbers[i] >= 0 && (u64)hook->numbers[i] == POLICY(event)->address))
			return value_text(value, hook->targets[i]);
	return find_symbol(POLICY(event)->address, value);
}

/* In the order of enum policy_action, and POLICY_OTHER_SIGNAL. */
enum { DID_LOG, DID_SILENT, DID_SIGNAL, DID_DENY, DID_NOTIFY, DID_CLEAN, DID_TRACK, DID_UNTRACK, DID_OTHER_SIGNAL, DIDS };

bool get_policy_action(const struct event *event, struct value *value)
{
	static const char *const words[DIDS] = { "log", "silent", "kill", "deny", "notify_enforcer", "clean_enforcer",
						 "track_socket", "untrack_socket", "signal" };

	return POLICY(event)->action < DIDS && value_text(value, words[POLICY(event)->action]);
}

/* "due": there was something to do and it was not done. */
bool get_policy_result(const struct event *event, struct value *value)
{
	static const char *const words[DIDS] = { "observed", "observed", "killed", "denied", "notified_enforcer", "cleaned_enforcer",
						 "observed", "observed", "signalled" };

	if (POLICY(event)->action >= DIDS)
		return false;
	if (POLICY(event)->action == DID_LOG)
		return value_text(value, "observed");
	return value_text(value, POLICY(event)->taken ? words[POLICY(event)->action] : "due");
}

bool get_policy_owner(const struct event *event, struct value *value)
{
	return POLICY(event)->owner && value_number(value, POLICY(event)->owner);
}

bool get_policy_owner_name(const struct event *event, struct value *value)
{
	const char *name = POLICY(event)->owner_name;

	value->bytes = (struct bytes){ name, strnlen(name, sizeof(POLICY(event)->owner_name)), 0 };
	return POLICY(event)->owner;
}

/* The values from one to another, as JSON and for people; both lie in static memory until the next call. */
static bool show_values(const struct event *event, struct value *value, u32 from, u32 to)
{
	static struct text json, plain;
	const struct policy_hook_names *hook = hook_of(event);
	struct jot jot = { .out = &json };

	text_reset(&json);
	text_reset(&plain);
	jot_open(&jot, NULL, '[');
	for (u32 i = from; hook && i < to && i < POLICY_VALUES && i < POLICY(event)->values; i++)
		policy_value_show(event, i, hook->types[i], hook->labels[i], &jot, &plain);
	jot_close(&jot, ']');
	if (!plain.length || json.failed || plain.failed)
		return false;
	value->bytes = (struct bytes){ .data = json.data, .length = json.length };
	value->plain = (struct bytes){ .data = plain.data, .length = plain.length };
	return true;
}

bool get_policy_arguments(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	return hook && show_values(event, value, 0, hook->arguments);
}

bool get_policy_data(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);

	return hook && show_values(event, value, hook->arguments, hook->arguments + hook->data);
}

/* Only where the function's end was seen. */
bool get_policy_returned(const struct event *event, struct value *value)
{
	const struct policy_hook_names *hook = hook_of(event);
	u32 at = hook ? hook->arguments + hook->data : 0;

	return hook && POLICY(event)->at_return && show_values(event, value, at, at + 1);
}

/* Addresses of a stack, the innermost first; those of the kernel with the function they lie in. */
static bool show_stack(const struct event *event, struct value *value, u32 string, bool symbols)
{
	static struct text json, plain;
	const struct bytes *stack = &event->strings[string];
	struct jot jot = { .out = &json };
	u64 frames[POLICY_STACK];
	size_t count = stack->length / sizeof(frames[0]);

	if (!count || count > POLICY_STACK)
		return false;
	memcpy(frames, stack->data, count * sizeof(frames[0]));
	if (symbols)
		symbols_find(frames, count);
	text_reset(&json);
	text_reset(&plain);
	jot_open(&jot, NULL, '[');
	for (size_t i = 0; i < count; i++) {
		const char *name = symbols ? symbols_name(frames[i]) : "";
		char address[24];

		snprintf(address, sizeof(address), "0x%llx", (unsigned long long)frames[i]);
		jot_string(&jot, NULL, *name ? name : address);
		text_add(&plain, i ? " < " : "");
		text_add(&plain, *name ? name : address);
	}
	jot_close(&jot, ']');
	value->bytes = (struct bytes){ .data = json.data, .length = json.length };
	value->plain = (struct bytes){ .data = plain.data, .length = plain.length };
	return !json.failed && !plain.failed;
}

bool get_policy_kernel_stack(const struct event *event, struct value *value)
{
	return show_stack(event, value, POLICY_STRING_KERNEL_STACK, true);
}

bool get_policy_user_stack(const struct event *event, struct value *value)
{
	return show_stack(event, value, POLICY_STRING_USER_STACK, false);
}
