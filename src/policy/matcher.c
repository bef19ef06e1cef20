#include "policy/matcher.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lang/eval.h"
#include "lang/plan.h"
#include "policy/point.h"
#include "policy/symbol.h"
#include "wire/net.h"
#include "wire/policy.h"

struct watched {
	const struct policy *policy;
	const struct policy_hook *hook;
};

struct matcher {
	struct watched *of[KIND_MAX];		/* in the order of the policies */
	size_t counts[KIND_MAX];
	u32 kinds;
	struct gen *gen;
};

static void add(struct matcher *matcher, u32 kind, const struct policy *policy, const struct policy_hook *hook)
{
	size_t count = matcher->counts[kind];

	if (!(count & (count - 1)))
		matcher->of[kind] = xrealloc(matcher->of[kind], count ? 2 * count : 1, sizeof(struct watched));
	matcher->of[kind][matcher->counts[kind]++] = (struct watched){ policy, hook };
}

bool policy_is_seen(const struct policy_hook *hook)
{
	return hook->attach == ATTACH_POINT && policy_point_find(hook->target)->kinds;
}

struct matcher *matcher_new(const struct policies *policies)
{
	struct matcher *matcher = xcalloc(1, sizeof(*matcher));

	for (size_t i = 0; i < policies->count; i++)
		for (u32 j = 0; j < policies->list[i]->hook_count; j++) {
			const struct policy_hook *hook = &policies->list[i]->hooks[j];
			u32 kinds = hook->attach == ATTACH_POINT ? policy_point_find(hook->target)->kinds : 0;

			matcher->kinds |= kinds;
			for (u32 kind = 0; kind < KIND_MAX; kind++)
				if (kinds >> kind & 1)
					add(matcher, kind, policies->list[i], hook);
		}
	return matcher;
}

void matcher_free(struct matcher *matcher)
{
	for (u32 kind = 0; matcher && kind < KIND_MAX; kind++)
		free(matcher->of[kind]);
	if (matcher)
		gen_free(matcher->gen);
	free(matcher);
}

/*
 * False: of some policy the kernel cannot tell, so it has to let all of the kind pass. What the point narrows its events to is
 * left to user space where there is a condition besides: policies that then are alike are looked up together.
 */
static bool add_cases(struct matcher *matcher, u32 kind)
{
	struct gen_layout layout = lang_layout(kind);
	const char *why;

	for (size_t i = 0; i < matcher->counts[kind]; i++) {
		const struct policy_hook *hook = matcher->of[kind][i].hook;
		const struct lang_node *condition = hook->asked ? hook->asked : hook->selectors->condition;
		struct lang_part part;

		if (!condition)
			return false;
		part = lang_plan(matcher->of[kind][i].policy->tree, condition, kind);
		if (part.nothing_passes)
			continue;
		if (!part.kernel || gen_add_case(matcher->gen, 1U << kind, &layout, part.kernel, &why))
			return false;
	}
	return true;
}

/* False, as above. */
static bool add_others(struct matcher *matcher, const struct matcher_others *others, u32 kind)
{
	struct gen_layout layout = lang_layout(kind);
	struct lang_part part;
	const char *why;

	if (!others || !(others->kinds >> kind & 1))
		return true;
	part = lang_plan(others->tree, others->condition, kind);
	return part.nothing_passes || (part.kernel && !gen_add_case(matcher->gen, 1U << kind, &layout, part.kernel, &why));
}

const struct bpf_insn *matcher_code(struct matcher *matcher, const struct matcher_others *others, u32 *kinds, size_t *length)
{
	u32 asked = (matcher->kinds | (others ? others->kinds : 0)) & LANG_FILTERED;
	const struct bpf_insn *code;
	const char *why;

	*kinds = 0;
	matcher->gen = gen_new();
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (asked >> kind & 1 && add_cases(matcher, kind) && add_others(matcher, others, kind))
			*kinds |= 1U << kind;
	code = *kinds ? gen_finish(matcher->gen, length, &why) : NULL;
	if (!code)
		*kinds = 0;
	return code;
}

u32 matcher_kinds(const struct matcher *matcher)
{
	return matcher->kinds;
}

void matcher_event(const struct matcher *matcher, const struct event *event, matcher_told *told, void *context)
{
	const struct watched *list = matcher->of[event->record->kind];
	const struct policy *last = NULL;

	for (size_t i = 0; i < matcher->counts[event->record->kind]; i++) {
		const struct lang_node *condition = list[i].hook->selectors->condition;

		if (list[i].policy == last || (condition && !lang_eval(condition, event)))
			continue;
		last = list[i].policy;
		told(context, &(struct match){ .policy = list[i].policy, .hook = list[i].hook, .event = event });
	}
}

static bool asks_for(const struct policy_step *steps, u32 count, enum policy_action action)
{
	for (u32 i = 0; i < count; i++)
		if (steps[i].action == action)
			return true;
	return false;
}

static bool policy_asks_for(const struct policy *policy, enum policy_action action)
{
	for (u32 i = 0; i < policy->hook_count; i++) {
		const struct policy_hook *hook = &policy->hooks[i];

		for (u32 j = 0; j < hook->selector_count; j++) {
			const struct policy_selector *selector = &hook->selectors[j];

			if (asks_for(selector->steps, selector->step_count, action) ||
			    asks_for(selector->return_steps, selector->return_step_count, action))
				return true;
		}
	}
	return false;
}

const char *match_action(const struct policy *policy)
{
	return policy_asks_for(policy, ACTION_DENY) ? "deny" : policy_asks_for(policy, ACTION_SIGNAL) ? "kill" : "log";
}

static bool add_field(const struct event *event, const char *name, struct text *out)
{
	const struct field *field = field_find(name);
	struct value value;

	if (!field || !(field->kinds >> event->record->kind & 1) || !field_get(field, event, &value))
		return false;
	if (field->type == FIELD_STRING)
		text_add_bytes(out, value.bytes.data, value.bytes.length);
	else
		text_add_u64(out, value.number);
	return true;
}

static bool add_address(u16 family, const u8 *bytes, u16 port, struct text *out)
{
	char address[64];

	if (!inet_ntop(family, bytes, address, sizeof(address)))
		return false;
	text_add_format(out, family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, port);
	return true;
}

static bool add_peer(const struct event *event, struct text *out)
{
	const struct connection_record *connection = (const void *)event->record;
	bool listens = event->record->kind == KIND_listen;

	return add_address(connection->family, listens ? connection->local : connection->peer,
			   listens ? connection->local_port : connection->peer_port, out) ||
	       add_field(event, "network.path", out);
}

const char *match_asked(const struct match *match)
{
	const struct policy_record *record = (const void *)match->event->record;

	if (!match->held)
		return match_action(match->policy);
	return record->action == ACTION_DENY ? "deny" : record->action == ACTION_SIGNAL ? "kill" :
	       record->action == POLICY_OTHER_SIGNAL ? "signal" : "log";
}

const char *match_result(const struct match *match)
{
	const struct policy_record *record = (const void *)match->event->record;

	if (!strcmp(match_asked(match), "log"))
		return "observed";
	if (!match->held || !record->taken)
		return "due";
	return record->action == ACTION_DENY ? "denied" : record->action == ACTION_SIGNAL ? "killed" : "signalled";
}

/* The first value that says something: a path or a text, or an address. */
static void add_value(const struct match *match, struct text *out)
{
	const struct policy_record *record = (const void *)match->event->record;

	for (u32 i = 0; i < record->values && i < match->held->argument_count; i++) {
		const struct bytes *string = &match->event->strings[POLICY_STRING_VALUE + i];
		const struct policy_value *value = &record->value[i];
		enum policy_type type = match->held->arguments[i].type;

		if (string->length) {
			text_add_bytes(out, string->data, string->length);
			return;
		}
		if (type == TYPE_sockaddr && add_address(value->socket.family, value->socket.local, value->socket.local_port, out))
			return;
		if (policy_type_shape(type) == SHAPE_SOCKET && type != TYPE_sockaddr &&
		    add_address(value->socket.family, value->socket.peer, value->socket.peer_port, out))
			return;
	}
}

void match_object(const struct match *match, struct text *out)
{
	const struct event *event = match->event;
	size_t before = out->length;

	switch (event->record->kind) {
	case KIND_policy:
		add_value(match, out);
		break;
	case KIND_connect:
	case KIND_accept:
	case KIND_listen:
		add_peer(event, out);
		break;
	case KIND_signal:
		if (add_field(event, "signal.name", out))
			text_add(out, " to ");
		add_field(event, "signal.target.name", out);
		break;
	case KIND_oom:
		add_field(event, "oom.victim.name", out);
		break;
	case KIND_open:
	case KIND_change:
		add_field(event, "file.path", out);
		break;
	}
	if (out->length == before && !add_field(event, "process.executable.path", out))
		text_add(out, "-");
}
