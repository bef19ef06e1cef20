/*
 * A match of what the kernel holds is an event of its own; any other is the event of a sensor, which knows of no policy. So both can
 * be asked for what every event has of its process, and for the policy, which here is always known.
 */
#include "policy/match_fields.h"

#include <string.h>

#include "base/alloc.h"
#include "event/getters.h"
#include "event/words.h"
#include "lang/eval.h"

struct asked {
	struct event event;
	const struct match *match;
};

static const struct match *match_of(const struct event *event)
{
	return ((const struct asked *)((const char *)event - offsetof(struct asked, event)))->match;
}

/* An event of its own says it itself. */
#define GETTER(name, text)                                                                                      \
	static bool say_##name(const struct event *event, struct value *value)                                \
	{                                                                                                       \
		const struct match *match = match_of(event);                                                    \
														\
		return match->held ? get_policy_##name(event, value) : value_text(value, text);                 \
	}

GETTER(name, match->policy->name)
GETTER(point, match->hook->target)
GETTER(action, match_asked(match))
GETTER(result, match_result(match))
GETTER(severity, match->policy->severity)
GETTER(message, match->hook->message)

static bool say_tags(const struct event *event, struct value *value)
{
	const struct match *match = match_of(event);

	value->bytes = (struct bytes){ .data = value->scratch };
	for (const char *const *tag = match->hook->tags; tag && *tag; tag++)
		value_add_word(value, *tag);
	return value->bytes.length > 0;
}

#define FIELD(name_, type_) { .name = "policy." #name_, .type = FIELD_##type_, .kinds = ~0U, .get = say_##name_ }

static const struct field match_fields[] = {
	FIELD(name, STRING),	 FIELD(point, STRING),	 FIELD(action, STRING), FIELD(result, STRING),
	FIELD(severity, STRING), FIELD(message, STRING), FIELD(tags, WORDS),
};

struct lang_names match_field_names(void)
{
	static struct lang_symbol *symbols;
	struct lang_names names = lang_names_of_events(KIND_BIT(policy));

	if (!symbols) {
		symbols = xcalloc(names.count, sizeof(*symbols));
		memcpy(symbols, names.symbols, names.count * sizeof(*symbols));
		for (size_t i = 0; i < names.count; i++)
			for (size_t j = 0; j < sizeof(match_fields) / sizeof(*match_fields); j++)
				if (!strcmp(symbols[i].name, match_fields[j].name))
					symbols[i].field = &match_fields[j];
	}
	names.symbols = symbols;
	names.about = "matches";
	names.where = "what it was about is chosen by the policy's own condition";
	return names;
}

bool match_holds(const struct lang_node *condition, const struct match *match)
{
	struct asked asked = { *match->event, match };

	return lang_eval(condition, &asked.event);
}
